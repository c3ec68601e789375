"""Phones are paired once, stand at one gate, and can be withdrawn at any time."""

from datetime import timedelta

import pytest

from checkin import devices
from checkin.devices import GateNameTaken, PairingExpired
from server.accounts import digest
from server.database import find, scoped, sql
from server.errors import Invalid, NotFound
from tests.checkin.evening import a_phone, an_evening, at_the_door


@pytest.fixture
async def evening(cast, settings):
    return await an_evening(cast, settings)


async def a_pairing(evening):
    return await devices.add_device(
        "Bilal", gate_id=evening.gate.id, language="fr", by=evening.by, now=evening.now
    )


# Commands


async def test_a_gate_has_one_name_and_sensible_hours(evening):
    meetup, by, now = evening.meetup, evening.by, evening.now
    with pytest.raises(GateNameTaken):
        await devices.make_gate("Rue", meetup=meetup, by=by, now=now)
    with pytest.raises(Invalid):
        await devices.make_gate(
            "Cour", meetup=meetup, opens_at=now, closes_at=now, by=by, now=now
        )
    with pytest.raises(Invalid):
        await devices.make_gate("", meetup=meetup, by=by, now=now)


async def test_a_code_works_once_and_for_five_minutes(evening):
    pairing = await a_pairing(evening)
    late = evening.now + timedelta(minutes=5)
    for code, now in (("nothing", evening.now), (pairing.code, late)):
        with pytest.raises(PairingExpired):
            await devices.pair(code, by=evening.by, now=now)
    token, station = await devices.pair(
        pairing.code, name="Pixel", by=evening.by, now=evening.now
    )
    assert (station.device, station.gate, station.meetup) == ("Pixel", "Rue", "On joue")
    with pytest.raises(PairingExpired):
        await devices.pair(pairing.code, by=evening.by, now=evening.now)
    async with scoped(evening.by):
        device = await find(devices.Device, pairing.device_id)
        whole = str(await sql("SELECT d::text FROM device d"))
    assert device.token_hash == digest(token)
    assert token not in whole
    assert pairing.code not in whole


async def test_a_new_code_ends_the_old_one(evening):
    pairing = await a_pairing(evening)
    again = await devices.renew_code(
        pairing.device_id, meetup_id=evening.meetup.id, by=evening.by, now=evening.now
    )
    with pytest.raises(PairingExpired):
        await devices.pair(pairing.code, by=evening.by, now=evening.now)
    await devices.pair(again.code, by=evening.by, now=evening.now)
    with pytest.raises(NotFound):
        await devices.renew_code(
            pairing.device_id, meetup_id=evening.meetup.id, by=evening.by, now=evening.now
        )


async def test_another_workspace_touches_neither_gate_nor_phone(evening, cast):
    phone = await a_phone(evening)
    with pytest.raises(NotFound):
        await devices.add_device(
            "Dov", gate_id=evening.gate.id, language="en", by=cast.as_dov, now=cast.now
        )
    with pytest.raises(NotFound):
        await devices.revoke(
            phone.id, meetup_id=evening.meetup.id, by=cast.as_dov, now=cast.now
        )
    with pytest.raises(NotFound):
        await devices.make_gate("Cour", meetup=evening.meetup, by=cast.as_dov, now=cast.now)


# Pages


async def test_a_phone_works_until_it_is_withdrawn_or_the_night_is_over(app, evening):
    phone = await a_phone(evening)
    end = evening.meetup.ends_at + timedelta(hours=12)
    for now, number in ((evening.now, 200), (end - timedelta(seconds=1), 200), (end, 401)):
        async with at_the_door(app, phone, now) as door:
            assert (await door.get("/api/v1/door/status")).status_code == number
    await devices.revoke(
        phone.id, meetup_id=evening.meetup.id, by=evening.by, now=evening.now
    )
    async with at_the_door(app, phone, evening.now) as door:
        refused = await door.get("/api/v1/door/status")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "token",
    ["", "Bearer", "Bearer x", "Bearer apero_dev_" + "0" * 49, "Basic eDp5", "bearer \x7f"],
)
async def test_no_token_of_ours_opens_nothing(browser, token):
    for path in ("roster", "status", "search?q=ab"):
        answer = await browser.get(f"/api/v1/door/{path}", headers={"authorization": token})
        assert answer.status_code == 401
    for path in ("facts", "walk-ins"):
        answer = await browser.post(
            f"/api/v1/door/{path}", json={}, headers={"authorization": token}
        )
        assert answer.status_code == 401


async def test_pairing_answers_all_a_phone_needs(browser, evening):
    browser.headers["x-apero-now"] = evening.now.isoformat()
    pairing = await a_pairing(evening)
    answer = await browser.post("/api/v1/devices/pair", json={"code": pairing.code})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["token"].startswith("apero_dev_")
    assert found["gate"]["id"] == str(evening.gate.id)
    assert found["meetup"]["slug"] == evening.meetup.slug
    again = await browser.post("/api/v1/devices/pair", json={"code": pairing.code})
    assert (again.status_code, again.json()["code"]) == (409, "pairing_expired")
    for wrong in ({}, {"code": 7}, {"code": ""}, {"code": "a" * 101}, {"code": "\x00"}):
        answer = await browser.post("/api/v1/devices/pair", json=wrong)
        assert answer.status_code in {400, 409, 422}


async def test_the_interface_describes_itself(browser):
    found = (await browser.get("/api/v1/schema/openapi.json")).json()["paths"]
    for path in ("facts", "roster", "status", "search", "walk-ins"):
        (operation,) = found[f"/api/v1/door/{path}"].values()
        assert operation["summary"]
        assert len(operation["description"]) > 40
    body = found["/api/v1/door/facts"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["properties"]["facts"]["maxItems"] == 500
