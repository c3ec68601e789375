"""Registration: more people than places ask at once, through the API, letters included.

The bare database does what the promise needs and nothing else: one statement that locks
the row which counts the places and writes a place or the next number in line. The site
also knows the person, writes the audit entry and the letter, and prints the tickets.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
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
from benchmarks.wire import Answer, Sending, request, some

ATTEMPTS_PER_PLACE = 10
DUPLICATES = 0.02
CONNECTIONS = 16  # on one hot row more do not help

TABLES = (
    (
        "CREATE TABLE seating (id int PRIMARY KEY, capacity bigint NOT NULL,"
        " taken bigint NOT NULL, next_wait bigint NOT NULL) WITH (fillfactor = 30)"
    ),
    (
        "CREATE TABLE registration (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),"
        " meetup int NOT NULL REFERENCES seating, email bigint NOT NULL,"
        " status text NOT NULL, wait_no bigint, UNIQUE (meetup, email))"
    ),
    "INSERT INTO seating VALUES (1, 200, 0, 1)",
)
SEAT = """
\\set n random(1, 1000000000)
WITH room AS (SELECT capacity, taken, next_wait FROM seating WHERE id = 1 FOR UPDATE),
counted AS (
  UPDATE seating s SET taken = room.taken + (room.taken < room.capacity)::int,
    next_wait = room.next_wait + (room.taken >= room.capacity)::int
  FROM room WHERE s.id = 1
  RETURNING room.taken < room.capacity AS has_place, room.next_wait AS wait_no)
INSERT INTO registration (meetup, email, status, wait_no)
SELECT 1, :n, CASE WHEN has_place THEN 'confirmed' ELSE 'waitlisted' END,
  CASE WHEN has_place THEN NULL ELSE wait_no END FROM counted
ON CONFLICT DO NOTHING;
"""


def measure(given: Sequence[str]) -> dict[str, Any]:
    """Fill a meetup of as many places as `--people`; ten ask for each place."""
    chosen = options(given, seconds=75, clients=64, people=200)

    async def scenario(house: House) -> dict[str, Any]:
        return await _measured(house, chosen)

    found: dict[str, Any] = in_house(scenario, does_jobs=True)
    return found


async def _measured(house: House, chosen: Options) -> dict[str, Any]:
    made = await house.seed("rush", chosen.people)
    bare = await Bare.made(house.postgres, *TABLES)
    attempts = chosen.people * ATTEMPTS_PER_PLACE
    everybody = _attempts(made, attempts)
    share = chosen.seconds / chosen.rounds
    loads, limits, busy = [], [], 0
    for number in range(chosen.rounds):
        bench = await bare.run(SEAT, clients=CONNECTIONS, seconds=share / 8)
        limits.append(bench.rate)
        part = some(everybody, -(-attempts // chosen.rounds))
        load = await house.load(chosen.clients, part, seconds=share * 0.8)
        loads.append(load)
        busy += load.without_busy()
        say(f"Round {number + 1}: {load.rate:.0f} registrations/s; bare {bench.rate:.0f}")
    answers = [one for load in loads for one in load.answers]
    checked = await _check(house, made["meetup"]["id"], chosen.people, answers, busy)
    return result(
        "registration",
        "registrations/s",
        ours=[load.rate for load in loads],
        limit=limits,
        p50_ms=milliseconds(answers, 0.5),
        p99_ms=milliseconds(answers, 0.99),
        peer=peer("pretix"),
        more={
            "clients": chosen.clients,
            "client_share": client_share(loads),
            "site_cpu_ms": site_ms(loads),
            **checked,
        },
    )


def _attempts(made: dict[str, Any], count: int) -> Iterator[Sending]:
    """So many attempts; of every fifty one comes from somebody who asked just before."""
    random = Random(7)
    path = f"/api/v1/meetups/{made['meetup']['id']}/registrations"
    headers = [("authorization", f"Bearer {made['tokens']['manager']}")]
    newest = 0
    for number in range(count):
        again = number > 0 and random.random() < DUPLICATES
        who = max(0, newest - random.randrange(8)) if again else number
        newest = max(newest, who)
        email = f"person.{who}@bench.example"
        body = json.dumps({"name": f"Person {who}", "email": email}).encode()
        yield Sending(email, request("POST", path, body=body, headers=headers))


async def _check(
    house: House, meetup_id: str, places: int, answers: Sequence[Answer], busy: int
) -> dict[str, int]:
    """Every place given once, the line without a hole, one answer for one person."""
    ids: dict[object, set[str]] = {}
    for one in answers:
        assert one.status == 201, (one.status, one.body[:500])
        ids.setdefault(one.about, set()).add(json.loads(one.body)["id"])
    assert all(len(found) == 1 for found in ids.values()), "somebody has two registrations"
    rows = await house.ask(
        "SELECT status, wait_no FROM registration WHERE meetup_id = $1::text::uuid",
        meetup_id,
    )
    kept = Counter(row["status"] for row in rows)
    # Who was told to come back may have been registered just before.
    assert 0 <= len(rows) - len(ids) <= busy, "what was acknowledged is not what was kept"
    assert kept["confirmed"] == min(places, len(rows)), kept
    line = sorted(row["wait_no"] for row in rows if row["wait_no"] is not None)
    assert line == list(range(1, kept["waitlisted"] + 1)), "the line has a hole"
    (letters,) = await house.ask(
        "SELECT count(*) AS written FROM letter WHERE sent_at IS NULL"
    )
    return {
        "attempts": len(answers),
        "told_to_come_back": busy,
        "duplicates": len(answers) - len(ids),
        "confirmed": kept["confirmed"],
        "waitlisted": kept["waitlisted"],
        "letters_still_to_send": letters["written"],
    }
