"""Facts arrive late, twice, out of order or broken, and the door stays true."""

import base64
import json
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tuned
from hypothesis import strategies as some

from checkin import checkins, sync
from checkin.facts import Mode, read
from server.database import DB, scoped, sql
from tests.checkin.evening import (
    a_fact,
    a_phone,
    a_ticket,
    an_evening,
    ask,
    at_the_door,
    tell,
)


@pytest.fixture
async def evening(cast, settings):
    return await an_evening(cast, settings)


@pytest.fixture
async def phone(evening):
    return await a_phone(evening)


@pytest.fixture
async def door(app, evening, phone):
    async with at_the_door(app, phone, evening.now) as client:
        yield client


# Rules


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": 7},
        {"id": "not-a-uuid"},
        {"kind": "redeem"},
        {"kind": "undo"},
        {"at": "2026-11-05T17:00:00"},
        {"at": "9999-12-31T23:59:59-14:00"},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"at": 12},
        {"ticket": ["a"]},
        {"ticket": "a" * 2049},
        {"seq": -1},
        {"seq": 2**63},
        {"offset_ms": 10**15},
        {"boot_id": "x"},
        {"local_verdict": "maybe"},
        {"override_reason": "a" * 201},
        {"surprise": True},
    ],
)
def test_a_fact_that_makes_no_sense_is_its_own_problem(wrong):
    now = "2026-11-05T17:00:00+00:00"
    body = {"id": str(uuid4()), "kind": "entry", "at": now, "ticket": "K7PM-42XD", **wrong}
    result = read(msgspec.Raw(json.dumps(body).encode()))
    assert result.problem.code == "invalid"
    assert result.verdict is None


@given(some.binary(max_size=60))
def test_reading_a_fact_never_fails(raw):
    assert read(msgspec.Raw(raw)) is not None


# Commands


async def test_the_same_fact_gets_the_same_answer_for_ever(evening, door):
    ticket = await a_ticket(evening)
    fact = a_fact(evening, ticket)
    first = await ask(door, fact)
    async with scoped(evening.by):
        await sql("UPDATE registration SET status = 'cancelled' WHERE id = $1", ticket.id)
    assert await ask(door, fact) == first
    assert await tell(door, {**fact, "local_verdict": "enter"}) == first
    assert await ask(door, fact, fact) == first * 2
    async with scoped(evening.by):
        assert len(await sql("SELECT id FROM checkin")) == 1


async def test_an_id_with_another_content_or_phone_is_a_conflict(app, evening, door):
    ticket, other = await a_ticket(evening), await a_ticket(evening, "Éva Roi")
    fact = a_fact(evening, ticket)
    await ask(door, fact)
    for changed in (
        {**fact, "ticket": other.url},
        {**fact, "kind": "exit"},
        {**fact, "at": (evening.now - timedelta(seconds=1)).isoformat()},
    ):
        (answer,) = await ask(door, changed)
        assert answer["problem"]["code"] == "id_taken"
    async with at_the_door(app, await a_phone(evening, "Ana"), evening.now) as stranger:
        (answer,) = await ask(stranger, fact)
    assert (answer["problem"]["code"], answer["label"]) == ("id_taken", "")
    async with scoped(evening.by):
        assert (await checkins.counts(evening.meetup.id)).admitted == 1


async def test_one_poisoned_fact_does_not_stop_its_neighbours(evening, door):
    ticket = await a_ticket(evening)
    good, late = a_fact(evening, ticket), a_fact(evening, ticket)
    poison = {"id": str(uuid4()), "kind": "entry", "at": "never"}
    answers = await ask(door, good, poison, late)
    assert [one.get("verdict") for one in answers] == ["enter", None, "already_in"]
    assert (answers[1]["id"], answers[1]["problem"]["code"]) == (poison["id"], "invalid")


async def test_a_gate_that_is_not_this_phone_s_is_said(evening, door):
    ticket = await a_ticket(evening)
    (answer,) = await ask(door, a_fact(evening, ticket, gate=str(uuid4())))
    assert answer["problem"]["code"] == "other_gate"
    (answer,) = await ask(door, a_fact(evening, ticket, gate=str(evening.gate.id)))
    assert answer["verdict"] == "enter"


async def test_a_wrong_clock_is_corrected_and_never_runs_ahead(evening, door):
    ticket, other = await a_ticket(evening), await a_ticket(evening, "Éva Roi")
    slow = a_fact(evening, ticket, at=evening.now - timedelta(hours=2), offset_ms=7_140_000)
    ahead = a_fact(evening, other, at=evening.now + timedelta(days=900))
    assert [one["verdict"] for one in await ask(door, slow, ahead)] == ["enter", "enter"]
    again = await ask(door, a_fact(evening, ticket), a_fact(evening, other))
    assert [one["first_at"][:16] for one in again] == [
        "2026-11-05T16:59",
        "2026-11-05T17:00",
    ]


async def test_holes_in_the_numbers_are_reported(evening, door):
    boot = str(uuid4())
    facts = [a_fact(evening, "nothing", boot_id=boot, seq=n) for n in (1, 2, 5, 9)]
    answer = await door.post("/api/v1/door/facts", json={"mode": "tell", "facts": facts})
    assert answer.json()["gaps"] == [
        {"boot_id": boot, "first": 3, "last": 4},
        {"boot_id": boot, "first": 6, "last": 8},
    ]


class Undone(Exception):
    """Ends an example and takes back all it wrote."""


async def _state(evening):
    async with scoped(evening.by):
        presence = await sql(
            "SELECT id, is_inside, entries, first_at, first_gate, last_exit_at"
            " FROM presence ORDER BY id"
        )
        incidents = await sql(
            "SELECT first_fact_id, second_fact_id, at FROM incident ORDER BY 1, 2"
        )
        attended = await sql("SELECT id, attended_at FROM registration ORDER BY id")
    return [tuple(row) for row in [*presence, *incidents, *attended]]


async def _told_in(evening, phones, batches):
    """What this order and this cut of the facts comes to; nothing of it stays."""
    try:
        async with DB.transaction():
            for batch in batches:
                for phone in phones:
                    raws = [
                        msgspec.Raw(json.dumps(f).encode()) for p, f in batch if p is phone
                    ]
                    if raws:
                        await sync.take(
                            Mode.TELL,
                            raws,
                            station=phone.station,
                            keys=evening.keys,
                            by=evening.by,
                            now=evening.now,
                        )
            found = await _state(evening)
            raise Undone  # noqa: TRY301 - the way out of the transaction
    except Undone:
        return found


async def _a_busy_evening(evening):
    """Two phones without a network, three tickets, exits, refusals and undos."""
    phones = [await a_phone(evening), await a_phone(evening, "Ana")]
    tickets = [await a_ticket(evening, name) for name in ("Chloé D", "Éva R", "Zoé P")]
    start = evening.now - timedelta(minutes=50)
    told = []
    script = [
        (0, 0, "entry", 0), (1, 0, "entry", 3), (0, 0, "exit", 9), (1, 0, "entry", 12),
        (0, 1, "entry", 4), (1, 1, "exit", 6), (0, 1, "entry", 7), (1, 1, "entry", 8),
        (1, 2, "entry", 2), (0, 2, "entry", 2),
    ]  # fmt: skip
    for n, (phone, ticket, kind, minute) in enumerate(script):
        at = start + timedelta(minutes=minute)
        told.append((phones[phone], a_fact(evening, tickets[ticket], kind, at=at, seq=n)))
    refusal = a_fact(evening, tickets[2], at=start, local_verdict="too_early")
    undo = a_fact(
        evening, kind="undo", of=told[3][1]["id"], at=start + timedelta(minutes=14)
    )
    foreign = a_fact(evening, kind="undo", of=told[0][1]["id"], at=start)
    told += [(phones[0], refusal), (phones[1], undo), (phones[1], foreign)]
    return SimpleNamespace(phones=phones, told=told)


async def test_any_order_and_any_cut_of_the_facts_ends_alike(evening):
    busy = await _a_busy_evening(evening)
    wanted = await _told_in(evening, busy.phones, [[one] for one in busy.told])
    assert len(wanted) == 3 + 3 + 3  # presences, incidents, registrations

    @tuned(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(some.permutations(busy.told), some.integers(1, 13), some.booleans())
    def orders(told, cut, twice):
        seen.append((told, cut, twice))

    seen = []
    orders()
    for told, cut, twice in seen:
        batches = [told[n : n + cut] for n in range(0, len(told), cut)]
        given_ = batches * 2 if twice else batches
        assert await _told_in(evening, busy.phones, given_) == wanted


# Pages


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"[]",
        b"{}",
        b'{"mode": "ask"}',
        b'{"mode": "ask", "facts": []}',
        b'{"mode": "shout", "facts": [{}]}',
        b'{"mode": "ask", "facts": {}}',
        b'{"mode": "ask", "facts": [{}], "more": 1}',
        b'{"mode": "ask", "facts": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        json.dumps({"mode": "tell", "facts": [{}] * 501}).encode(),
        '{"mode": "ask", "facts": [{"id": "\ud800"}]}'.encode("utf-8", "surrogatepass"),
    ],
)
async def test_a_request_that_is_not_one_is_refused(door, body):
    answer = await door.post("/api/v1/door/facts", content=body)
    assert answer.status_code in {200, 400, 422}, answer.text
    if answer.status_code == 200:
        assert all(one["problem"] for one in answer.json()["results"])


async def test_ten_megabytes_are_too_large(door):
    answer = await door.post("/api/v1/door/facts", content=b"[" + b" " * 10_000_000 + b"]")
    assert answer.status_code == 413


async def test_five_hundred_facts_are_taken_in_one_request(evening, door):
    facts = [a_fact(evening, f"nothing {n}", seq=n) for n in range(500)]
    assert len(await tell(door, *facts)) == 500


async def test_the_roster_holds_hashes_and_is_sent_once(evening, door):
    tickets = [await a_ticket(evening, name) for name in ("Chloé Durand", "Éva Roi")]
    await ask(door, a_fact(evening, tickets[0]))
    answer = await door.get("/api/v1/door/roster")
    blob = base64.b64decode(answer.json()["blob"])
    known = {blob[n : n + 8]: blob[n + 8] for n in range(0, len(blob), 9)}
    assert known == {tickets[0].code.hash[:8]: 48, tickets[1].code.hash[:8]: 0}
    assert "Chloé" not in answer.text
    tag = {"if-none-match": answer.headers["etag"]}
    assert (await door.get("/api/v1/door/roster", headers=tag)).status_code == 304
    await ask(door, a_fact(evening, tickets[1]))
    assert (await door.get("/api/v1/door/roster", headers=tag)).status_code == 200
