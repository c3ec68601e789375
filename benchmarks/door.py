"""The door: one fact per request, asked by many at once, acknowledged after the commit.

The bare database does the least that keeps the door's promises: it locks the ticket, writes
the fact once and marks who came, in one transaction that is flushed.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from benchmarks.bare import Bare
from benchmarks.figures import (
    Options,
    client_share,
    milliseconds,
    options,
    peer,
    result,
    site_ms,
)
from benchmarks.house import House, in_house, say
from benchmarks.wire import Answer, Load, Sending, paced, request, some
from server.database import uuid7

PATH = "/api/v1/door/facts"
TWICE = 0.05
AT_HALF_LOAD = 0.2

TABLES = (
    (
        "CREATE TABLE ticket (id bigint PRIMARY KEY, code bytea UNIQUE NOT NULL,"
        " status text NOT NULL, attended_at timestamptz) WITH (fillfactor = 80)"
    ),
    (
        "CREATE TABLE fact (id uuid PRIMARY KEY, ticket bigint NOT NULL REFERENCES ticket,"
        " at timestamptz NOT NULL, verdict text NOT NULL)"
    ),
    "CREATE INDEX fact_ticket ON fact (ticket)",
    (
        "INSERT INTO ticket SELECT n, sha256(n::text::bytea), 'confirmed'"
        " FROM generate_series(1, 100000) n"
    ),
    "ANALYZE ticket",
)
SCAN = """
\\set n random(1, 100000)
WITH held AS (
  SELECT id, attended_at FROM ticket WHERE code = sha256((:n)::text::bytea)
  FOR NO KEY UPDATE),
fact AS (
  INSERT INTO fact (id, ticket, at, verdict)
  SELECT gen_random_uuid(), id, now(),
    CASE WHEN attended_at IS NULL THEN 'enter' ELSE 'already_in' END FROM held
  ON CONFLICT DO NOTHING RETURNING ticket, at)
UPDATE ticket t SET attended_at = fact.at FROM fact
WHERE t.id = fact.ticket AND t.attended_at IS NULL;
"""


def measure(given: Sequence[str]) -> dict[str, Any]:
    """Let everybody in, and say how fast."""
    chosen = options(given, seconds=60, clients=32, people=3600)

    async def scenario(house: House) -> dict[str, Any]:
        return await _measured(house, chosen)

    found: dict[str, Any] = in_house(scenario)
    return found


async def _measured(house: House, chosen: Options) -> dict[str, Any]:
    made = await house.seed("door", chosen.people)
    codes = [one["code"] for one in made["tickets"]]
    assert len(codes) == chosen.people
    kept_back = round(len(codes) * AT_HALF_LOAD)
    crowd = _facts(_crowd(codes[kept_back:]), made["device_token"])
    bare = await Bare.made(house.postgres, *TABLES)
    share = chosen.seconds / chosen.rounds
    loads, limits = [], []
    size = -(-len(codes[kept_back:]) * (1 + TWICE) // chosen.rounds)
    for number in range(chosen.rounds):
        bench = await bare.run(SCAN, clients=chosen.clients, seconds=share / 6)
        limits.append(bench.rate)
        part = some(crowd, int(size) + 1)
        load = await house.load(chosen.clients, part, seconds=share * 0.6)
        loads.append(load)
        say(f"Round {number + 1}: {load.rate:.0f} facts/s; bare {bench.rate:.0f}")
    half = await paced(
        house.port,
        chosen.clients,
        _facts(codes[:kept_back], made["device_token"]),
        rate=max(1.0, sorted(one.rate for one in loads)[len(loads) // 2] / 2),
        seconds=share * 0.6,
    )
    answers = [one for load in [*loads, half] for one in load.answers]
    checked = await _check(house, made["meetup"]["id"], answers)
    return _found(chosen, loads, limits, half, checked)


def _found(
    chosen: Options,
    loads: list[Load],
    limits: list[float],
    half: Load,
    checked: dict[str, int],
) -> dict[str, Any]:
    asked = [one for load in loads for one in load.answers]
    return result(
        "door",
        "facts/s",
        ours=[load.rate for load in loads],
        limit=limits,
        p50_ms=milliseconds(asked, 0.5),
        p99_ms=milliseconds(asked, 0.99),
        peer=peer("pretix"),
        more={
            "half_load": {
                "rate": round(half.rate, 1),
                "p50_ms": milliseconds(half.answers, 0.5),
                "p99_ms": milliseconds(half.answers, 0.99),
            },
            "clients": chosen.clients,
            "client_share": client_share(loads),
            "site_cpu_ms": site_ms(loads),
            **checked,
        },
    )


def _crowd(codes: Sequence[str]) -> list[str]:
    """Everybody in no order, some showing the same ticket twice, close together."""
    random = Random(7)
    shuffled = random.sample(codes, len(codes))
    crowd = []
    for code in shuffled:
        crowd += [code, code] if random.random() < TWICE else [code]
    return crowd


def _facts(codes: Sequence[str], token: str) -> Iterator[Sending]:
    """One request for each: the fact, its own id, and the moment it is asked."""
    headers = [("authorization", f"Bearer {token}")]
    for code in codes:
        at = datetime.now(UTC).isoformat()
        fact = {"id": str(uuid7()), "ticket": code, "kind": "entry", "at": at}
        body = json.dumps({"mode": "ask", "facts": [fact]}).encode()
        yield Sending(code, request("POST", PATH, body=body, headers=headers))


async def _check(house: House, meetup_id: str, answers: Sequence[Answer]) -> dict[str, int]:
    """Every ticket that was shown entered once, and every answer is in the database."""
    entered: Counter[object] = Counter()
    for one in answers:
        assert one.status == 200, (one.status, one.body[:500])
        verdict = json.loads(one.body)["results"][0]["verdict"]
        assert verdict in {"enter", "already_in"}, one.body[:500]
        entered[one.about] += verdict == "enter"
    assert set(entered.values()) == {1}, "a ticket entered twice, or never"
    (row,) = await house.ask(
        "SELECT count(*) AS kept, count(DISTINCT registration_id)"
        " FILTER (WHERE verdict = 'enter') AS people,"
        " count(*) FILTER (WHERE verdict = 'enter') AS entries,"
        " (SELECT count(*) FROM registration WHERE meetup_id = $1::text::uuid"
        " AND attended_at IS NOT NULL) AS attended"
        " FROM checkin WHERE meetup_id = $1::text::uuid",
        meetup_id,
    )
    assert row["kept"] == len(answers), "what was acknowledged is not what was kept"
    assert row["people"] == row["entries"] == row["attended"] == len(entered)
    twice = row["entries"] - row["people"]
    return {"tickets": len(entered), "facts": len(answers), "admitted_twice": twice}
