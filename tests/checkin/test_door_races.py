"""What only real commits can show: one ticket enters once, one phone gets the code."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from checkin import checkins, devices
from server.database import scoped, sql
from tests import world
from tests.checkin.evening import a_fact, a_phone, a_ticket, an_evening, ask, at_the_door

pytestmark = pytest.mark.committed


@pytest.fixture
async def evening(pool, settings):
    return await an_evening(await world.cast(), settings)


async def test_twenty_scans_of_one_ticket_are_one_entry(app, evening):
    ticket = await a_ticket(evening)
    phones = [await a_phone(evening, f"Phone {n}") for n in range(4)]
    clients = [at_the_door(app, phone, evening.now) for phone in phones]
    scans = [ask(clients[n % 4], a_fact(evening, ticket)) for n in range(20)]
    answers = [answer for (answer,) in await asyncio.gather(*scans)]
    for client in clients:
        await client.aclose()
    assert sorted(one["verdict"] for one in answers) == ["already_in"] * 19 + ["enter"]
    late = [one for one in answers if one["verdict"] == "already_in"]
    assert all(one["first_gate"] == "Rue" and one["first_at"] for one in late)
    async with scoped(evening.by):
        assert (await checkins.counts(evening.meetup.id)).inside == 1
        assert len(await sql("SELECT id FROM checkin")) == 20
        assert await sql("SELECT id FROM incident") == []


async def test_one_fact_sent_ten_times_at_once_is_stored_once(app, evening):
    fact = a_fact(evening, await a_ticket(evening))
    unknown = a_fact(evening, "nothing of ours")
    async with at_the_door(app, await a_phone(evening), evening.now) as door:
        answers = await asyncio.gather(*(ask(door, fact, unknown) for _ in range(10)))
    assert all(answer == answers[0] for answer in answers)
    assert [one["verdict"] for one in answers[0]] == ["enter", "unknown"]
    async with scoped(evening.by):
        assert len(await sql("SELECT id FROM checkin")) == 2


async def test_batches_that_cross_do_not_wait_for_each_other(app, evening):
    tickets = [await a_ticket(evening, f"Person {n}") for n in range(12)]
    phones = [await a_phone(evening, f"Phone {n}") for n in range(4)]
    clients = [at_the_door(app, phone, evening.now) for phone in phones]
    crossing = [
        ask(client, *(a_fact(evening, ticket) for ticket in tickets[:: 1 if n % 2 else -1]))
        for n, client in enumerate(clients)
    ]
    answers = await asyncio.gather(*crossing)
    for client in clients:
        await client.aclose()
    entered = [one for answer in answers for one in answer if one["verdict"] == "enter"]
    assert len(entered) == len(tickets)


async def test_an_undo_that_crosses_its_entry_still_takes_it_back(app, evening):
    phone = await a_phone(evening)
    async with at_the_door(app, phone, evening.now) as door:
        for n in range(8):
            came = a_fact(evening, await a_ticket(evening, f"Person {n}"))
            undo = a_fact(evening, kind="undo", of=came["id"])
            await asyncio.gather(ask(door, undo), ask(door, came))
    async with scoped(evening.by):
        assert (await checkins.counts(evening.meetup.id)).inside == 0
        assert await sql("SELECT id FROM registration WHERE attended_at IS NOT NULL") == []


async def test_of_ten_phones_with_one_code_one_is_paired(app, evening):
    pairing = await devices.add_device(
        "Bilal", gate_id=evening.gate.id, language="fr", by=evening.by, now=evening.now
    )
    async with world.browser_of(app, **{"x-apero-now": evening.now.isoformat()}) as client:
        answers: list[httpx.Response] = await asyncio.gather(
            *(
                client.post("/api/v1/devices/pair", json={"code": pairing.code})
                for _ in range(10)
            )
        )
    assert sorted(one.status_code for one in answers) == [200] + [409] * 9


async def test_one_walk_in_sent_five_times_at_once_is_one_person(app, evening):
    body = {"id": str(uuid4()), "name": "Zoé Petit", "at": evening.now.isoformat()}
    async with at_the_door(app, await a_phone(evening), evening.now) as door:
        answers = await asyncio.gather(
            *(door.post("/api/v1/door/walk-ins", json=body) for _ in range(5))
        )
    assert {one.status_code for one in answers} == {200}
    async with scoped(evening.by):
        assert len(await sql("SELECT id FROM registration")) == 1
        assert (await checkins.counts(evening.meetup.id)).inside == 1
