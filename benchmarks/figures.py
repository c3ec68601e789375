"""The figures of a run: medians, percentiles, and the one line of JSON at the end."""

import argparse
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median
from typing import Any

from benchmarks.wire import Answer, Load

ROUNDS = 3


@dataclass(frozen=True)
class Options:
    """What the command line asked for; a scenario fills in its own sizes."""

    seconds: float
    clients: int
    people: int
    rounds: int


def options(given: Sequence[str], *, seconds: float, clients: int, people: int) -> Options:
    """Read the options of a scenario; these are what holds unless said otherwise."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks <name>")
    parser.add_argument("--seconds", type=float, default=seconds, help="of measuring")
    parser.add_argument("--clients", type=int, default=clients, help="that ask at once")
    parser.add_argument("--people", type=int, default=people, help="in the seeded world")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each, in turns")
    return Options(**vars(parser.parse_args(given)))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def milliseconds(answers: Sequence[Answer], share: float) -> float:
    """A percentile of the answers' times."""
    return round(percentile([one.seconds for one in answers], share) * 1000, 2)


def client_share(loads: Sequence[Load]) -> float:
    """How much of one core the client took while it loaded: near 1 it is the limit."""
    cpu = sum(one.client_cpu for one in loads)
    return round(cpu / sum(one.seconds for one in loads), 3)


def site_ms(loads: Sequence[Load]) -> float | None:
    """Milliseconds of processor the site took per answer: neighbours disturb it little."""
    cpu = [one.site_cpu for one in loads if one.site_cpu is not None]
    if len(cpu) < len(loads):
        return None
    return round(sum(cpu) / sum(len(one.answers) for one in loads) * 1000, 2)


def peer(name: str) -> dict[str, Any] | None:
    """Is this other program installed here? None when it is not."""
    if find_spec(name) is None:
        return None
    return {"name": name, "measured": False, "why": "see benchmarks/README.md"}


def result(
    name: str,
    unit: str,
    *,
    ours: Sequence[float],
    limit: Sequence[float],
    p50_ms: float,
    p99_ms: float,
    is_time: bool = False,
    peer: dict[str, Any] | None = None,
    more: Mapping[str, object],
) -> dict[str, Any]:
    """Medians over the rounds; the ratio is 1 when we are as fast as the bare database."""
    pairs = [(a, b) if not is_time else (b, a) for a, b in zip(ours, limit, strict=True)]
    return {
        "name": name,
        "unit": unit,
        "ours": round(median(ours), 2),
        "limit": round(median(limit), 2),
        "ratio": round(median(a / b for a, b in pairs), 3),
        "p50_ms": p50_ms,
        "p99_ms": p99_ms,
        "peer": peer,
        "rounds": [[round(a, 1), round(b, 1)] for a, b in zip(ours, limit, strict=True)],
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        **more,
    }


def line(found: dict[str, Any]) -> str:
    """The last line of a run."""
    return json.dumps(found, ensure_ascii=False)
