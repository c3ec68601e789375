"""What the door answers, kept as facts: verdict by verdict through the endpoint."""

from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest

from checkin import checkins
from checkin.checkins import label
from events.admission import registrations
from events.planning import meetups
from server.database import find, scoped, sql
from tests.checkin.evening import (
    a_fact,
    a_phone,
    a_ticket,
    an_evening,
    ask,
    at_the_door,
    printed,
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


async def attended_at(evening, ticket):
    async with scoped(evening.by):
        rows = await sql("SELECT attended_at FROM registration WHERE id = $1", ticket.id)
    return rows[0]["attended_at"]


# Rules


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Chloé Durand", "Chloé D."),
        ("Chloé", "Chloé"),
        ("chloe@membres.example", "C."),
        ("Jean Pierre de la Tour", "Jean T."),
        ("—", ""),
        ("", ""),
    ],
)
def test_a_label_is_a_first_name_and_an_initial(name, shown):
    assert label(name) == shown


# Pages


async def test_a_good_ticket_enters_and_again_says_since_when(evening, door):
    ticket = await a_ticket(evening)
    (first,) = await ask(door, a_fact(evening, ticket))
    assert (first["verdict"], first["tone"], first["label"]) == (
        "enter",
        "enter",
        "Chloé D.",
    )
    (again,) = await ask(door, a_fact(evening, ticket))
    assert (again["verdict"], again["tone"]) == ("already_in", "wait")
    assert again["first_gate"] == "Rue"
    assert again["first_at"].startswith("2026-11-05T17:00:00")
    assert await attended_at(evening, ticket) == evening.now


async def test_a_typed_code_is_as_good_as_a_scanned_one(evening, door):
    ticket = await a_ticket(evening)
    (answer,) = await ask(door, a_fact(evening, ticket.typed.lower()))
    assert answer["verdict"] == "enter"


async def test_whoever_leaves_may_come_back(evening, door):
    ticket = await a_ticket(evening)
    kinds = ["exit", "entry", "exit", "exit", "entry"]
    verdicts = [
        (
            await ask(
                door, a_fact(evening, ticket, kind, at=evening.now + timedelta(seconds=n))
            )
        )[0]["verdict"]
        for n, kind in enumerate(kinds, start=-60)
    ]
    assert verdicts == ["not_in", "enter", "exited", "not_in", "enter"]


async def test_a_gate_may_keep_out_whoever_left(app, evening):
    async with scoped(evening.by):
        await sql("UPDATE gate SET may_reenter = false WHERE id = $1", evening.gate.id)
    ticket = await a_ticket(evening)
    phone = await a_phone(evening)
    async with at_the_door(app, phone, evening.now) as door:
        for n, kind in enumerate(["entry", "exit"]):
            fact = a_fact(evening, ticket, kind, at=evening.now - timedelta(minutes=5 - n))
            await ask(door, fact)
        (answer,) = await ask(door, a_fact(evening, ticket))
    assert (answer["verdict"], answer["sentence"]) == ("rules", "no_reentry")


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("waitlisted", "not_confirmed"),
        ("lost_draw", "not_confirmed"),
        ("cancelled", "cancelled"),
    ],
)
async def test_a_place_that_is_not_hers_is_said(evening, door, status, verdict):
    ticket = await a_ticket(evening)
    async with scoped(evening.by):
        await sql(
            "UPDATE registration SET status = $2, wait_no = CASE WHEN $2 = 'waitlisted'"
            " THEN 7 END WHERE id = $1",
            ticket.id,
            status,
        )
    (answer,) = await ask(door, a_fact(evening, ticket))
    assert answer["verdict"] == verdict
    assert await attended_at(evening, ticket) is None


async def test_an_older_ticket_says_that_there_is_a_newer_one(evening, door):
    ticket = await a_ticket(evening)
    newer = printed(evening, ticket.id, 1)
    async with scoped(evening.by):
        await sql(
            "UPDATE registration SET code_hash = $2, typed_hash = $3, rotation = 1"
            " WHERE id = $1",
            ticket.id,
            newer.code.hash,
            newer.code.typed_hash,
        )
        await sql(
            "INSERT INTO replaced_code (id, workspace_id, registration_id, code_hash,"
            " replaced_at) VALUES ($1, $2, $3, $4, $5)",
            uuid4(),
            evening.by.workspace_id,
            ticket.id,
            ticket.code.hash,
            evening.now,
        )
    assert (await ask(door, a_fact(evening, ticket)))[0]["verdict"] == "replaced"
    assert (await ask(door, a_fact(evening, newer)))[0]["verdict"] == "enter"


async def test_the_hours_of_a_gate_bind_entries(app, evening):
    ticket = await a_ticket(evening)
    phone = await a_phone(evening)
    for column, hour, verdict in (
        ("opens_at", timedelta(hours=1), "too_early"),
        ("closes_at", -timedelta(hours=1), "too_late"),
    ):
        async with scoped(evening.by):
            await sql(
                "UPDATE gate SET"
                " opens_at = CASE WHEN $3 = 'opens_at' THEN $2::timestamptz END,"
                " closes_at = CASE WHEN $3 = 'closes_at' THEN $2 END WHERE id = $1",
                evening.gate.id,
                evening.now + hour,
                column,
            )
        async with at_the_door(app, phone, evening.now) as door:
            assert (await ask(door, a_fact(evening, ticket)))[0]["verdict"] == verdict


async def test_a_ticket_of_another_evening_or_workspace(cast, settings, evening, door):
    tomorrow = await _second_meetup(evening)
    other = await a_ticket(tomorrow)
    (answer,) = await ask(door, a_fact(evening, other))
    assert answer["verdict"] == "wrong_meetup"
    elsewhere = await an_evening(cast, settings, by=cast.as_dov, look=cast.elsewhere)
    (answer,) = await ask(door, a_fact(evening, await a_ticket(elsewhere)))
    assert (answer["verdict"], answer["label"]) == ("unknown", "")


async def _second_meetup(evening):
    plan = meetups.Plan(
        title="Demain",
        community_id=evening.meetup.community_id,
        starts_at=evening.now + timedelta(days=1),
        ends_at=evening.now + timedelta(days=1, hours=2),
        time_zone="Europe/Paris",
        capacity=10,
        representative="Ana",
    )
    by, now = evening.by, evening.now
    async with scoped(by):
        meetup = await meetups.plan(plan, key_id=evening.keys.current, by=by, now=now)
        await meetups.publish(meetup, by=by, now=now)
        meetup = await find(meetups.Meetup, meetup.id)
    return SimpleNamespace(**{**vars(evening), "meetup": meetup})


async def test_nothing_we_printed_is_unknown_and_is_not_stored(evening, door):
    text = "https://example.org/private/marie.dupont"
    ticket = await a_ticket(evening)
    forged = ticket.url[:-4] + ("AAAA" if not ticket.url.endswith("AAAA") else "BBBB")
    for scanned in (text, forged, "", "\x00", "é" * 2000, "reg_" + "0" * 56):
        (answer,) = await ask(door, a_fact(evening, scanned))
        assert answer["verdict"] == "unknown", scanned
    async with scoped(evening.by):
        rows = await sql("SELECT c.*, c::text AS whole FROM checkin c")
    assert len(rows) == 6
    assert not any("marie" in row["whole"] or ticket.typed in row["whole"] for row in rows)
    assert {row["registration_id"] for row in rows} == {None}


async def test_an_undo_takes_back_for_a_quarter_of_an_hour(evening, door):
    ticket = await a_ticket(evening)
    came = a_fact(evening, ticket, at=evening.now - timedelta(minutes=10))
    await ask(door, came)
    (undone,) = await ask(door, a_fact(evening, kind="undo", of=came["id"]))
    assert (undone["verdict"], undone["label"]) == ("exited", "Chloé D.")
    assert await attended_at(evening, ticket) is None
    (again,) = await ask(door, a_fact(evening, ticket))
    assert again["verdict"] == "enter"


async def test_an_undo_too_late_or_of_another_phone_changes_nothing(app, evening, door):
    ticket = await a_ticket(evening)
    came = a_fact(evening, ticket, at=evening.now - timedelta(minutes=16))
    await ask(door, came)
    (late,) = await ask(door, a_fact(evening, kind="undo", of=came["id"]))
    assert late["verdict"] == "rules"
    other = await a_ticket(evening, "Éva Roi")
    fact = a_fact(evening, other)
    await ask(door, fact)
    async with at_the_door(app, await a_phone(evening, "Ana"), evening.now) as second:
        (foreign,) = await ask(second, a_fact(evening, kind="undo", of=fact["id"]))
    assert foreign["verdict"] == "rules"
    assert await attended_at(evening, other) == evening.now


async def test_somebody_may_be_let_in_against_the_verdict(evening, door):
    ticket = await a_ticket(evening)
    async with scoped(evening.by):
        await sql("UPDATE registration SET status = 'cancelled' WHERE id = $1", ticket.id)
    fact = a_fact(evening, ticket, override_reason="Ana knows her")
    (answer,) = await ask(door, fact)
    assert (answer["verdict"], answer["review"]) == ("enter", "cancelled")
    assert await attended_at(evening, ticket) == evening.now


async def test_what_was_told_is_kept_and_two_phones_make_an_incident(app, evening, door):
    ticket = await a_ticket(evening)
    first = a_fact(
        evening, ticket, at=evening.now - timedelta(minutes=9), local_verdict="enter"
    )
    second = a_fact(
        evening, ticket, at=evening.now - timedelta(minutes=4), local_verdict="enter"
    )
    (answer,) = await tell(door, first)
    assert (answer["verdict"], "incident" in answer) == ("enter", False)
    async with at_the_door(app, await a_phone(evening, "Ana"), evening.now) as other:
        (answer,) = await tell(other, second)
    assert answer["verdict"] == "enter"
    assert answer["incident"]["first_at"].startswith("2026-11-05T16:51")
    assert answer["incident"]["second_at"].startswith("2026-11-05T16:56")


async def test_what_a_lone_phone_refused_counts_for_nobody(evening, door):
    ticket = await a_ticket(evening)
    (answer,) = await tell(door, a_fact(evening, ticket, local_verdict="too_early"))
    assert (answer["verdict"], answer["tone"]) == ("too_early", "wait")
    assert await attended_at(evening, ticket) is None


async def test_the_room_counts_itself(evening, door):
    for name in ("Chloé Durand", "Éva Roi", "Zoé Petit"):
        ticket = await a_ticket(evening, name)
        await ask(door, a_fact(evening, ticket, at=evening.now - timedelta(minutes=1)))
    await ask(door, a_fact(evening, ticket, "exit"))
    answer = (await door.get("/api/v1/door/status")).json()
    assert (answer["inside"], answer["admitted"], answer["expected"]) == (2, 3, 3)
    assert answer["now"].startswith("2026-11-05T17:00:00")


async def test_an_answer_says_how_many_are_inside_with_this_one(evening, door):
    for many, name in enumerate(("Chloé Durand", "Éva Roi"), start=1):
        facts = [a_fact(evening, await a_ticket(evening, name))]
        body = {"mode": "ask", "facts": facts}
        for _again in range(2):  # a repeated question counts nobody twice
            answer = (await door.post("/api/v1/door/facts", json=body)).json()
            assert answer["inside"] == many
    told = {"mode": "tell", "facts": facts}
    assert "inside" not in (await door.post("/api/v1/door/facts", json=told)).json()


async def test_the_counts_say_that_the_meetup_was_closed(evening):
    async with scoped(evening.by):
        assert not (await checkins.counts(evening.meetup.id)).is_closed
        await meetups.close(evening.meetup, by=evening.by, now=evening.now)
        assert (await checkins.counts(evening.meetup.id)).is_closed


async def test_a_search_gives_a_handle_and_no_address(app, evening, door):
    await a_ticket(evening, "Éloïse Besson", email="secret@membres.example")
    answer = await door.get("/api/v1/door/search", params={"q": "eloi"})
    assert "secret" not in answer.text
    (hit,) = answer.json()["items"]
    assert (hit["label"], hit["status"], hit["is_inside"]) == (
        "Éloïse B.",
        "confirmed",
        False,
    )
    async with at_the_door(app, await a_phone(evening, "Ana"), evening.now) as stranger:
        assert (await ask(stranger, a_fact(evening, hit["handle"])))[0][
            "verdict"
        ] == "unknown"
    assert (await ask(door, a_fact(evening, hit["handle"])))[0]["verdict"] == "enter"
    for few in ("", "e", "\x00\x00"):
        refused = await door.get("/api/v1/door/search", params={"q": few})
        assert refused.status_code == 422
    everybody = await door.get("/api/v1/door/search", params={"q": "%%"})
    assert everybody.json()["items"] == []


async def test_a_walk_in_is_one_person_however_often_it_is_sent(evening, door):
    body = {"id": str(uuid4()), "name": " Zoé  Petit ", "at": evening.now.isoformat()}
    answers = [await door.post("/api/v1/door/walk-ins", json=body) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200], answers[0].text
    assert answers[0].json() == answers[1].json()
    assert (answers[0].json()["verdict"], answers[0].json()["label"]) == ("enter", "Zoé P.")
    async with scoped(evening.by):
        assert (await registrations.counts(evening.meetup.id)).walk_in == 1


async def test_a_full_room_takes_no_walk_in_without_a_reason(app, cast, settings):
    evening = await an_evening(cast, settings, capacity=1)
    await a_ticket(evening)
    body = {"id": str(uuid4()), "name": "Zoé Petit", "at": evening.now.isoformat()}
    async with at_the_door(app, await a_phone(evening), evening.now) as door:
        refused = await door.post("/api/v1/door/walk-ins", json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "meetup_full")
        body["override_reason"] = "the band's drummer"
        assert (await door.post("/api/v1/door/walk-ins", json=body)).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "\x00"},
        {"name": "a" * 201},
        {"id": "7"},
        {"at": "yesterday"},
        {"at": "0001-01-01T00:00:00+01:00"},
        {"surprise": 1},
    ],
)
async def test_a_walk_in_that_makes_no_sense_is_refused(evening, door, wrong):
    body = {"id": str(uuid4()), "name": "Zoé", "at": evening.now.isoformat(), **wrong}
    answer = await door.post("/api/v1/door/walk-ins", json=body)
    assert answer.status_code in {400, 422}, answer.text
