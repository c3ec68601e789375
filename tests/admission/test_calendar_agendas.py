"""My meetups: one secret address a person, in her own calendar, and its end."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from icalendar import Calendar

from events.admission import agendas, registrations, tickets
from events.admission.registrations import Status
from server.database import NOWHERE, find, one, scoped, sql, uuid7
from server.errors import NotFound
from tests import world
from tests.admission.test_calendar_feeds import statements
from tests.admission.test_registrations import a_meetup, acts, registers
from tests.admission.test_ticket_pages import link_of

CLOCK = {"x-apero-now": world.NOW.isoformat()}
WHO = "chloe@example.org"


@pytest.fixture
def keys(settings):
    return tickets.keys_of(settings)


async def member_of(who, email=WHO):
    async with scoped(who.as_ana):
        row = await one("SELECT id FROM member WHERE email = $1", email)
    return row["id"]


async def an_address(who, keys, email=WHO):
    member = await member_of(who, email)
    return await agendas.give(member, keys=keys, by=who.as_ana, now=who.now)


def entries_of(answer):
    assert answer.status_code == 200, answer.text
    return {str(e["SUMMARY"]): e for e in Calendar.from_ical(answer.text).walk("VEVENT")}


async def press(browser, path, **more):
    page = await browser.get(path.partition("/agenda")[0], headers=CLOCK)
    token = re.search(r'name="_csrf_token" value="([^"]*)"', page.text)
    data = {"_csrf_token": token[1]} if token else {}
    return await browser.post(path, data=data, headers=CLOCK, **more)


# On her page


async def test_she_asks_for_the_address_replaces_it_and_ends_it(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, WHO)
    mine = link_of(meetup, made, keys)
    page = await browser.get(f"{mine}?lang=fr", headers=CLOCK)
    assert "Mes rencontres dans mon agenda" in page.text
    assert "Recevoir l’adresse" in page.text
    assert "/my/" not in page.text
    seen = []
    for act in ("agenda", "agenda", "agenda/renew"):
        answer = await press(browser, f"{mine}/{act}")
        assert answer.status_code == 303
        assert answer.headers["location"] == mine
        assert answer.headers["referrer-policy"] == "no-referrer"
        page = await browser.get(f"{mine}?lang=fr", headers=CLOCK)
        found = re.search(rf"{world.ORIGIN}(/my/[a-z2-7]{{26}}\.ics)", page.text)
        seen.append(found[1])
    assert seen[0] == seen[1] != seen[2]
    assert f'href="webcal://127.0.0.1:8000{seen[2]}"' in page.text
    assert "Recevoir une nouvelle adresse" in page.text
    assert (await browser.get(seen[0], headers=CLOCK)).status_code == 404
    assert list(entries_of(await browser.get(seen[2], headers=CLOCK))) == [meetup.title]
    for _ in range(2):
        assert (await press(browser, f"{mine}/agenda/end")).status_code == 303
    assert (await browser.get(seen[2], headers=CLOCK)).status_code == 404
    assert "/my/" not in (await browser.get(mine, headers=CLOCK)).text


async def test_the_printed_code_says_nothing_of_her_other_meetups(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, WHO)
    address = await an_address(cast, keys)
    code = tickets.issue(
        keys,
        meetup_id=meetup.id,
        meetup_number=meetup.number,
        registration_id=made.id,
        rotation=0,
    )
    shown = await browser.get(f"/t/{code.text}?lang=en", headers=CLOCK)
    assert shown.status_code == 200
    assert address not in shown.text
    assert "My meetups" not in shown.text
    assert (await browser.post(f"/r/{code.text}/agenda")).status_code == 404


async def test_an_address_can_be_replaced_so_often_and_no_more(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, WHO)
    mine = link_of(meetup, made, keys)
    codes = [(await press(browser, f"{mine}/agenda/renew")).status_code for _ in range(21)]
    assert codes == [303] * 20 + [429]
    assert (await press(browser, f"{mine}/agenda")).status_code == 429


async def test_nobody_without_a_link_may_ask(browser, cast):
    for act in ("agenda", "agenda/renew", "agenda/end"):
        assert (await browser.post(f"/r/{'a' * 26}/{act}")).status_code == 404


# In her calendar


async def test_her_calendar_has_her_places_and_nobody_elses(browser, cast, keys):
    here = await a_meetup(cast, keys, 1, title="Ma place")
    full = await a_meetup(cast, keys, 1, title="Ma place en attente")
    gone = await a_meetup(cast, keys, 1, title="Place rendue")
    await a_meetup(cast, keys, title="Sans moi")
    await registers(cast, here, keys, WHO)
    await registers(cast, full, keys, "theo@example.org")
    await registers(cast, full, keys, WHO)
    back = await registers(cast, gone, keys, WHO)
    await registrations.release(back.id, **acts(cast, keys))
    answer = await browser.get(await an_address(cast, keys), headers=CLOCK)
    found = entries_of(answer)
    assert sorted(found) == ["Ma place", "Ma place en attente"]
    assert found["Ma place"]["STATUS"] == "CONFIRMED"
    assert found["Ma place"]["UID"] == f"{here.id}@127.0.0.1"
    assert found["Ma place en attente"]["STATUS"] == "TENTATIVE"
    assert "Vous attendez une place" in found["Ma place en attente"]["DESCRIPTION"]
    assert Calendar.from_ical(answer.text)["X-WR-CALNAME"] == "Mes rencontres, Orbelune"
    assert "chloe" not in answer.text.lower()
    assert answer.headers["cache-control"] == "private, max-age=900"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in answer.headers["x-robots-tag"]
    theirs = await browser.get(
        await an_address(cast, keys, "theo@example.org"), headers=CLOCK
    )
    assert list(entries_of(theirs)) == ["Ma place en attente"]


async def test_her_calendar_stays_true_and_costs_little(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    await registers(cast, meetup, keys, WHO)
    address = await an_address(cast, keys)
    first = await browser.get(address, headers=CLOCK)
    known = CLOCK | {"if-none-match": first.headers["etag"]}
    async with world.counting_queries() as asked:
        assert (await browser.get(address, headers=known)).status_code == 304
    assert len(statements(asked)) <= 8
    await registrations.cancel_meetup(meetup, "Fuite.", by=cast.as_ana, now=cast.now)
    after = await browser.get(address, headers=known)
    assert entries_of(after)[meetup.title]["STATUS"] == "CANCELLED"
    late = {"x-apero-now": (cast.soon + timedelta(days=100)).isoformat()}
    assert entries_of(await browser.get(address, headers=late)) == {}


async def test_who_was_merged_into_another_reads_what_the_other_has(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    await registers(cast, meetup, keys, WHO)
    other = await a_meetup(cast, keys, title="L’autre")
    await registers(cast, other, keys, "chloe@elsewhere.example")
    address = await an_address(cast, keys)
    kept = await member_of(cast, "chloe@elsewhere.example")
    async with scoped(cast.as_ana):
        await sql("UPDATE member SET merged_into_id = $1 WHERE email = $2", kept, WHO)
    assert list(entries_of(await browser.get(address, headers=CLOCK))) == ["L’autre"]


# The secret


async def test_the_database_holds_no_address(cast, keys):
    await registers(cast, await a_meetup(cast, keys), keys, WHO)
    address = await an_address(cast, keys)
    token = address.removeprefix("/my/").removesuffix(".ics")
    async with scoped(cast.as_ana):
        [row] = await sql("SELECT agenda::text AS all FROM agenda")
    assert token not in row["all"]


async def test_an_address_outlives_the_change_of_the_secret_and_is_shown_still(cast, keys):
    await registers(cast, await a_meetup(cast, keys), keys, WHO)
    address = await an_address(cast, keys)
    fresh = b"another secret of thirty-two bytes!!"
    next_ = (keys.current + 1) % 256
    rolled = replace(keys, current=next_, secrets={**keys.secrets, next_: fresh})
    assert await an_address(cast, rolled) == address
    gone = replace(keys, current=next_, secrets={next_: fresh})
    assert await an_address(cast, gone) != address
    async with scoped(cast.as_ana):
        rows = await sql("SELECT revoked_at IS NULL AS lives FROM agenda ORDER BY id")
    assert [row["lives"] for row in rows] == [False, True]


async def test_only_the_whole_secret_opens_it_and_no_other_workspace_sees_it(cast, keys):
    await registers(cast, await a_meetup(cast, keys), keys, WHO)
    token = (await an_address(cast, keys))[4:-4]
    found = await agendas.by_token(token)
    assert found.workspace_id == cast.orbelune.id
    for wrong in (token[:-1], token + "a", "", "é", "%00", "x" * 5000):
        with pytest.raises(NotFound):
            await agendas.by_token(wrong)
    async with scoped(cast.as_dov):
        assert await sql("SELECT id FROM agenda") == []
        with pytest.raises(NotFound):
            await agendas.mine(found.member_id, _voice(cast), cast.now)
    with pytest.raises(NotFound):
        await agendas.renew(found.member_id, keys=keys, by=cast.as_dov, now=cast.now)
    async with scoped(NOWHERE):
        assert await sql("SELECT id FROM agenda") == []


def _voice(who):
    return agendas.Voice("Ailleurs", "ailleurs", "", world.ORIGIN)


async def test_who_never_said_her_language_reads_the_one_of_the_workspace(
    browser, cast, keys
):
    await registers(cast, await a_meetup(cast, keys), keys, WHO)
    mine = await an_address(cast, keys)
    async with scoped(cast.as_ana):
        await sql("UPDATE member SET language = '' WHERE email = $1", WHO)
    answer = await browser.get(f"/my/{mine.rpartition('/')[2]}", headers=CLOCK)
    assert len(entries_of(answer)) == 1
    assert "Mes rencontres" in answer.text


async def test_a_member_nobody_knows_has_no_calendar(cast, keys):
    with pytest.raises(NotFound):
        await agendas.give(uuid7(), keys=keys, by=cast.as_ana, now=cast.now)


@pytest.mark.committed
async def test_ten_who_ask_at_once_get_one_address_and_ten_renewals_leave_one(cast, keys):
    made = await registers(cast, await a_meetup(cast, keys), keys, WHO)
    assert made.status is Status.CONFIRMED
    member = await member_of(cast)
    told = {"keys": keys, "by": cast.as_ana, "now": cast.now}
    given = await asyncio.gather(*(agendas.give(member, **told) for _ in range(10)))
    assert len(set(given)) == 1
    renewed = await asyncio.gather(*(agendas.renew(member, **told) for _ in range(10)))
    assert len(set(renewed)) == 10
    async with scoped(cast.as_ana):
        [row] = await sql("SELECT id FROM agenda WHERE revoked_at IS NULL")
        kept = await find(agendas.Agenda, row["id"])
    assert agendas.address_of(kept, keys) in renewed
