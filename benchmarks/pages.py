"""Pages: the four that are opened most, read by several people at once.

The bare database says the very statements of each page again, as the same role behind the
same walls, with nothing rendered.
"""

from collections.abc import Sequence
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from benchmarks.asked import Asked, Page, asked, sign_in
from benchmarks.bare import Bare, replay
from benchmarks.engagement import ROLE
from benchmarks.figures import Options, client_share, milliseconds, options, result, site_ms
from benchmarks.house import House, in_house, say
from benchmarks.wire import Load, Sending, request
from server import schema

HEADLINE = "public meetup"


def measure(given: Sequence[str]) -> dict[str, Any]:
    """Open the pages of a workspace with a meetup tonight."""
    chosen = options(given, seconds=48, clients=8, people=60)

    async def scenario(house: House) -> dict[str, Any]:
        return await _measured(house, chosen)

    found: dict[str, Any] = in_house(scenario)
    return found


async def _measured(house: House, chosen: Options) -> dict[str, Any]:
    made = await house.seed("small", chosen.people)
    await house.ask("ANALYZE")
    pages = _four(made)
    cookie = await sign_in(house, made["workspace"]["slug"])
    questions = await asked(house, pages, cookie)
    bare = Bare(house.postgres, schema.DATABASE, role=ROLE)
    seconds = chosen.seconds / chosen.rounds / len(pages) / 2
    loads: dict[str, list[Load]] = {page.name: [] for page in pages}
    limits: dict[str, list[float]] = {page.name: [] for page in pages}
    for number in range(chosen.rounds):
        for page in pages:
            load = await _read(house, page, cookie, chosen.clients, seconds)
            loads[page.name].append(load)
            script = replay(questions[page.name].statements)
            bench = await bare.run(script, clients=chosen.clients, seconds=seconds)
            limits[page.name].append(bench.rate)
            say(f"Round {number + 1}: {page.name} {load.rate:.0f}/s; bare {bench.rate:.0f}")
    every = {name: _found(loads[name], limits[name], questions[name]) for name in loads}
    return _result(chosen, every, loads, limits[HEADLINE])


def _four(made: dict[str, Any]) -> list[Page]:
    """The pages that are opened most."""
    slug = made["workspace"]["slug"]
    return [
        Page(HEADLINE, made["meetup"]["path"]),
        Page("agenda", f"/m/{slug}"),
        Page("organiser home", f"/w/{slug}", is_signed_in=True),
        Page("ticket", urlsplit(made["tickets"][0]["code"].lower()).path),
    ]


def _result(
    chosen: Options,
    every: dict[str, Any],
    loads: dict[str, list[Load]],
    limits: list[float],
) -> dict[str, Any]:
    return result(
        "pages",
        f"{HEADLINE} pages/s",
        ours=[load.rate for load in loads[HEADLINE]],
        limit=limits,
        p50_ms=every[HEADLINE]["p50_ms"],
        p99_ms=every[HEADLINE]["p99_ms"],
        more={
            "clients": chosen.clients,
            "client_share": client_share([one for some in loads.values() for one in some]),
            "pages": every,
        },
    )


def _found(loads: list[Load], limits: list[float], questions: Asked) -> dict[str, Any]:
    answers = [one for load in loads for one in load.answers]
    return {
        "rate": round(median(load.rate for load in loads), 1),
        "p50_ms": milliseconds(answers, 0.5),
        "p99_ms": milliseconds(answers, 0.99),
        "bare": round(median(limits), 1),
        "ratio": round(median(a.rate / b for a, b in zip(loads, limits, strict=True)), 3),
        "site_cpu_ms": site_ms(loads),
        "queries": questions.queries,
        "round_trips": len(questions.statements),
        "bytes": len(answers[0].body),
    }


async def _read(
    house: House, page: Page, cookie: str, clients: int, seconds: float
) -> Load:
    sending = Sending(page.name, request("GET", page.path, headers=page.headers(cookie)))
    load = await house.load(clients, iter(lambda: sending, None), seconds=seconds)
    assert {one.status for one in load.answers} == {200}, load.answers[0].status
    return load
