"""A sponsor is written once; its contacts read its page and nothing else."""

from datetime import timedelta
from uuid import uuid4

import pytest

from events.planning import meetups, sponsors
from server import workspaces
from server.database import scoped, sql
from server.errors import Invalid, NotFound
from tests import world
from tests.planning.evenings import a_meetup


async def a_sponsor(who, name="Sabline", by=None):
    return await sponsors.make_sponsor(name, by=by or who.as_ana, now=who.now)


async def add(who, sponsor_id, email="eiko@sabline.example"):
    await sponsors.add_contact(
        sponsor_id,
        email,
        workspace=who.orbelune,
        origin=world.ORIGIN,
        by=who.as_ana,
        now=who.now,
    )


async def test_a_sponsor_is_written_once_with_an_address_of_its_own(cast):
    made = await a_sponsor(cast)
    assert made.slug == "sabline"
    with pytest.raises(sponsors.SponsorExists):
        await a_sponsor(cast, "SABLINE")
    assert (await a_sponsor(cast, "New")).slug == "new-1"


@pytest.mark.parametrize(
    ("name", "website", "field"),
    [
        ("…", "", "name"),
        ("Sabline", "javascript:alert(1)", "website"),
        ("Sabline", "deux mots.example", "website"),
    ],
)
async def test_a_name_without_letters_and_what_is_no_site_are_refused(
    cast, name, website, field
):
    with pytest.raises(Invalid) as no:
        await sponsors.make_sponsor(name, website=website, by=cast.as_ana, now=cast.now)
    assert set(no.value.fields) == {field}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("brasserie.example", "https://brasserie.example"),
        ("www.brasserie.example:8080/fr?a=b", "https://www.brasserie.example:8080/fr?a=b"),
        ("http://brasserie.example", "http://brasserie.example"),
        ("", ""),
    ],
)
async def test_a_site_is_written_without_how_it_begins(cast, typed, kept):
    made = await sponsors.make_sponsor(
        "Brasserie", website=typed, by=cast.as_ana, now=cast.now
    )
    assert made.website == kept


async def test_a_contact_is_told_once_and_her_role_ends_with_her_last_sponsor(cast):
    first, second = await a_sponsor(cast), await a_sponsor(cast, "Brume")
    for sponsor in (first, first, second):
        await add(cast, sponsor.id)
    assert len(await world.letters_to("eiko@sabline.example")) == 1
    async with scoped(cast.as_ana):
        (one,) = await sponsors.contacts(first.id)
        (two,) = await sponsors.contacts(second.id)
        mine = await sponsors.sponsors_of_account(cast.eiko)
    assert [line.name for line in mine] == ["Brume", "Sabline"]
    await sponsors.end_contact(one.id, by=cast.as_ana, now=cast.now)
    assert [seat.slug for seat in await workspaces.seats(cast.eiko)] == ["orbelune"]
    await sponsors.end_contact(two.id, by=cast.as_ana, now=cast.now)
    assert await workspaces.seats(cast.eiko) == []
    with pytest.raises(NotFound):
        await sponsors.end_contact(two.id, by=cast.as_ana, now=cast.now)


async def test_a_sponsor_of_another_workspace_does_not_exist(cast, settings):
    theirs = await a_sponsor(cast, "Ailleurs & fils", cast.as_dov)
    meetup = await a_meetup(cast, settings)
    for key in (theirs.id, uuid4()):
        with pytest.raises(NotFound):
            await sponsors.sponsor_meetup(key, meetup, by=cast.as_ana, now=cast.now)
        with pytest.raises(NotFound):
            await add(cast, key)
        with pytest.raises(NotFound):
            await sponsors.end_sponsorship(key, meetup, by=cast.as_ana, now=cast.now)
    with pytest.raises(NotFound):
        await sponsors.end_sponsorship(theirs.id, meetup, by=cast.as_dov, now=cast.now)
    async with scoped(cast.as_ana):
        assert await sponsors.sponsors() == []
        assert await sql("SELECT 1 FROM sponsorship") == []


async def test_sponsoring_twice_is_once_and_drafts_stay_out_of_the_sponsors_list(
    cast, settings
):
    sponsor, meetup = await a_sponsor(cast), await a_meetup(cast, settings)
    for _ in range(2):
        await sponsors.sponsor_meetup(sponsor.id, meetup, by=cast.as_ana, now=cast.now)
    async with scoped(cast.as_ana):
        assert [one.name for one in await sponsors.sponsors_of(meetup.id)] == ["Sabline"]
        assert await sponsors.meetups_of(sponsor.id) == []
        noted = await sql("SELECT 1 FROM audit_entry WHERE action = 'sponsored'")
    assert len(noted) == 1


async def test_a_sponsor_is_taken_off_until_the_meetup_is_closed(cast, settings):
    by = cast.as_ana
    sponsor, meetup = await a_sponsor(cast), await a_meetup(cast, settings, published=True)
    await sponsors.sponsor_meetup(sponsor.id, meetup, by=by, now=cast.now)
    await sponsors.end_sponsorship(sponsor.id, meetup, by=by, now=cast.now)
    async with scoped(by):
        assert await sponsors.sponsors_of(meetup.id) == []
    await sponsors.sponsor_meetup(sponsor.id, meetup, by=by, now=cast.now)
    after = meetup.ends_at + timedelta(hours=1)
    await meetups.close(meetup, by=by, now=after)
    with pytest.raises(sponsors.ReportIsFrozen):
        await sponsors.end_sponsorship(sponsor.id, meetup, by=by, now=after)
