"""The feeds: what a calendar is told, how often, and nothing of anybody else's."""

from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime

import pytest
from icalendar import Calendar

from events.admission import registrations, tickets
from events.pages.feeds import brings
from events.people import communities
from events.planning import meetups, postponements, recurrences, series, venues
from events.planning.meetups import Plan
from events.planning.recurrences import Rhythm
from server.database import scoped, sql
from tests import world
from tests.admission.test_registrations import a_meetup, registers
from tests.planning.evenings import a_community

CLOCK = {"x-apero-now": world.NOW.isoformat()}
FEED = "/m/orbelune/feed.ics"
COMMUNITY = "/m/orbelune/c/les-lunatiques.ics"
SERIES = "/m/orbelune/s/les-jeudis.ics"
MEETUP = "/m/orbelune/on-joue-au-prototype.ics"
FEEDS = (FEED, COMMUNITY, SERIES, MEETUP)


@pytest.fixture
def keys(settings):
    return tickets.keys_of(settings)


async def a_series(who, *, is_announced=True, by=None, name="Les jeudis"):
    """Every Thursday at seven, from the 12th of November on."""
    by = by or who.as_ana
    async with scoped(by):
        known = await communities.communities()
    community = known[0].id if known else await a_community(who, by=by)
    made = await series.make_series(name, community_id=community, by=by, now=who.now)
    rhythm = Rhythm(
        rule="FREQ=WEEKLY;BYDAY=TH",
        starts_on=date(2026, 11, 12),
        starts_time=time(19),
        minutes=180,
        time_zone="Europe/Paris",
    )
    await recurrences.begin(made.id, rhythm, by=by, now=who.now)
    if is_announced:
        await series.announce(made.id, by=by, now=who.now)
    return made


async def four_feeds(who, keys):
    """A public meetup of a series, in all four feeds."""
    made = await a_series(who)
    return await a_meetup(who, keys, series_id=made.id)


def entries_of(answer):
    assert answer.status_code == 200, answer.text
    return Calendar.from_ical(answer.text).walk("VEVENT")


# What is told


async def test_every_feed_tells_the_meetup_with_its_identity_and_its_words(
    browser, cast, keys
):
    async with scoped(cast.as_ana):
        bar = await venues.make_venue(
            "Le Comptoir", address="Lyon", by=cast.as_ana, now=cast.now
        )
    made = await a_series(cast)
    meetup = await a_meetup(
        cast, keys, series_id=made.id, venue_id=bar, description="Entre nous."
    )
    for address in FEEDS:
        answer = await browser.get(address, headers=CLOCK)
        found = {str(one["UID"]): one for one in entries_of(answer)}
        entry = found[f"{meetup.id}@127.0.0.1"]
        assert entry["SUMMARY"] == "On joue au prototype"
        assert entry["DESCRIPTION"] == "Entre nous."
        assert entry["LOCATION"] == "Le Comptoir, Lyon"
        assert entry["URL"] == f"{world.ORIGIN}/m/orbelune/{meetup.slug}"
        assert entry["SEQUENCE"] == meetup.sequence
        assert entry["LAST-MODIFIED"].dt == meetup.updated_at.replace(microsecond=0)
        assert entry["ORGANIZER"].params["CN"] == "Orbelune"
        assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
        assert answer.headers["cache-control"] == "public, max-age=900"
        assert ".ics" in answer.headers["content-disposition"]


async def test_a_feed_has_the_name_of_what_it_follows(browser, cast, keys):
    await four_feeds(cast, keys)
    names = []
    for address in FEEDS:
        answer = await browser.get(address, headers=CLOCK)
        names.append(str(Calendar.from_ical(answer.text)["X-WR-CALNAME"]))
    assert names == ["Orbelune", "Les Lunatiques", "Les jeudis", "On joue au prototype"]


async def test_drafts_and_what_is_long_over_are_in_no_feed(browser, cast, keys):
    await four_feeds(cast, keys)
    await a_meetup(cast, keys, title="Brouillon", published=False)
    much_later = {"x-apero-now": (world.NOW + timedelta(days=200)).isoformat()}
    for address in (FEED, COMMUNITY):
        assert len(entries_of(await browser.get(address, headers=CLOCK))) == 1
        assert entries_of(await browser.get(address, headers=much_later)) == []
    assert (await browser.get("/m/orbelune/brouillon.ics")).status_code == 404


async def test_what_is_called_off_stays_marked_so_with_a_higher_sequence(
    browser, cast, keys
):
    meetup = await four_feeds(cast, keys)
    before = [await _sequence(browser, meetup, address) for address in FEEDS]
    await registrations.cancel_meetup(meetup, "Fuite.", by=cast.as_ana, now=cast.now)
    for address, known in zip(FEEDS, before, strict=True):
        found = entries_of(await browser.get(address, headers=CLOCK))
        [entry] = [one for one in found if str(one["UID"]).startswith(str(meetup.id))]
        assert entry["STATUS"] == "CANCELLED", address
        assert entry["SEQUENCE"] > known, address


async def test_what_is_put_off_leaves_its_date_and_comes_back(browser, cast, keys):
    meetup = await four_feeds(cast, keys)
    told = {"by": cast.as_ana, "now": cast.now}
    await postponements.postpone(meetup, None, "Grève", **told)
    states, sequences = [], []
    for step in range(2):
        for address in FEEDS:
            found = entries_of(await browser.get(address, headers=CLOCK))
            [entry] = [one for one in found if str(one["UID"]).startswith(str(meetup.id))]
            states.append(str(entry["STATUS"]))
            sequences.append(int(entry["SEQUENCE"]))
        if step == 0:
            later = meetup.starts_at + timedelta(days=7)
            date_ = postponements.NewDate(later, later + timedelta(hours=3))
            await postponements.postpone(meetup, date_, "", **told)
    assert states == ["CANCELLED"] * 4 + ["CONFIRMED"] * 4
    assert min(sequences[4:]) > max(sequences[:4])


async def _sequence(browser, meetup, address):
    found = entries_of(await browser.get(address, headers=CLOCK))
    [entry] = [one for one in found if str(one["UID"]).startswith(str(meetup.id))]
    return entry["SEQUENCE"]


async def test_a_series_that_is_not_announced_keeps_its_dates_to_the_team(
    browser, cast, keys
):
    made = await a_series(cast, is_announced=False)
    assert (await browser.get(SERIES, headers=CLOCK)).status_code == 404
    await a_meetup(cast, keys, series_id=made.id)
    [entry] = entries_of(await browser.get(SERIES, headers=CLOCK))
    assert "RRULE" not in entry
    await series.announce(made.id, by=cast.as_ana, now=cast.now)
    master, _alone = entries_of(await browser.get(SERIES, headers=CLOCK))
    assert master["RRULE"].to_ical() == b"FREQ=WEEKLY;BYDAY=TH"
    assert master["SUMMARY"] == "Les jeudis"
    assert master["URL"] == f"{world.ORIGIN}/m/orbelune/s/les-jeudis"


async def test_two_programs_that_think_in_another_zone_see_the_same_moment(
    browser, cast, keys
):
    starts = datetime(2026, 11, 20, 1, tzinfo=UTC)
    hours = {"starts_at": starts, "ends_at": starts + timedelta(hours=2)}
    await a_meetup(cast, keys, title="Vu d’ici", **hours)
    await a_meetup(cast, keys, title="Vu de là", time_zone="Australia/Lord_Howe", **hours)
    found = entries_of(await browser.get(FEED, headers=CLOCK))
    assert {one["DTSTART"].dt.astimezone(UTC) for one in found} == {starts}
    assert len({one["DTSTART"].params["TZID"] for one in found}) == 2


# How often


async def test_who_has_it_already_receives_nothing(browser, cast, keys):
    meetup = await four_feeds(cast, keys)
    for address in FEEDS:
        first = await browser.get(address, headers=CLOCK)
        mark = first.headers["etag"]
        for asked in (mark, f"W/{mark}", f'"other", {mark}', "*"):
            known = CLOCK | {"if-none-match": asked}
            again = await browser.get(address, headers=known)
            assert again.status_code == 304, (address, asked)
            assert again.content == b""
            assert again.headers["etag"] == mark
            assert again.headers["cache-control"] == "public, max-age=900"
        other = await browser.get(address, headers=CLOCK | {"if-none-match": '"x"'})
        dated = CLOCK | {"if-modified-since": "Wed, 01 Jan 2087 00:00:00 GMT"}
        # A date alone decides nothing: a venue renamed has no later date.
        assert (await browser.get(address, headers=dated)).status_code == 200
        assert other.status_code == 200
        changed = parsedate_to_datetime(first.headers["last-modified"])
        assert changed >= meetup.updated_at.replace(microsecond=0)


async def test_any_change_makes_another_mark(browser, cast, keys):
    meetup = await four_feeds(cast, keys)
    marks = [set() for _ in FEEDS]

    async def note():
        for seen, address in zip(marks, FEEDS, strict=True):
            seen.add((await browser.get(address, headers=CLOCK)).headers["etag"])

    await note()
    async with scoped(cast.as_ana):
        plan = Plan(
            title="Autre titre",
            community_id=meetup.community_id,
            starts_at=meetup.starts_at,
            ends_at=meetup.ends_at,
            time_zone=meetup.time_zone,
            capacity=5,
            representative="Ana",
            series_id=meetup.series_id,
        )
        await meetups.change(meetup, plan, by=cast.as_ana, now=cast.now)
    await note()
    async with scoped(cast.as_ana):
        bar = await venues.make_venue("Ailleurs", by=cast.as_ana, now=cast.now)
        await sql("UPDATE meetup SET venue_id = $1", bar)
    await note()
    assert [len(seen) for seen in marks] == [3, 3, 3, 3]


def test_a_mark_is_recognised_whatever_is_around_it():
    assert brings('W/"a" , "b"', '"b"')
    assert brings("*", '"b"')
    assert not brings(None, '"b"')
    assert not brings('"ab"', '"b"')


async def test_a_feed_asks_the_database_the_same_however_much_it_tells(browser, cast, keys):
    made = await a_series(cast)
    counts = []
    for n in range(3):
        await a_meetup(cast, keys, title=f"Soir {n}", series_id=made.id)
        counts.append([])
        for address in (FEED, COMMUNITY, SERIES, "/m/orbelune/soir-0.ics"):
            async with world.counting_queries() as asked:
                assert (await browser.get(address, headers=CLOCK)).status_code == 200
            counts[-1].append(len(statements(asked)))
    assert counts[0] == counts[1] == counts[2]
    assert max(counts[0]) <= 8


def statements(asked):
    """What was asked, without what a transaction says of itself."""
    itself = ("SAVEPOINT", "RELEASE", "SELECT set_config")
    return [one for one in asked if not one.startswith(itself)]


# Nothing of anybody else's


async def test_a_feed_shows_no_trace_of_another_workspace(browser, cast, keys):
    await four_feeds(cast, keys)
    by = cast.as_dov
    async with scoped(by):
        theirs = await communities.make_community("Les Lunatiques", by=by, now=cast.now)
    await a_series(cast, by=by)
    there = world.SimpleNamespace(**{**vars(cast), "as_ana": by})
    await a_meetup(there, keys, title="Secret d’ailleurs", community_id=theirs.id)
    for address in FEEDS:
        answer = await browser.get(address, headers=CLOCK)
        assert "ailleurs" not in answer.text.lower(), address
        assert "Secret" not in answer.text
    secret = await browser.get("/m/ailleurs/c/les-lunatiques.ics", headers=CLOCK)
    assert "Secret d’ailleurs" in secret.text
    for address in (
        "/m/orbelune/secret-d-ailleurs.ics",
        "/m/orbelune/c/nobody.ics",
        "/m/orbelune/c/nobody",
        "/m/orbelune/s/nobody.ics",
        "/m/nobody/c/les-lunatiques.ics",
        "/m/nobody/s/les-jeudis.ics",
    ):
        assert (await browser.get(address, headers=CLOCK)).status_code == 404, address


# On the pages


async def test_the_pages_offer_each_calendar_in_one_click(browser, cast, keys):
    empty = await browser.get("/m/orbelune?lang=en", headers=CLOCK)
    assert 'href="webcal://127.0.0.1:8000/m/orbelune/feed.ics"' in empty.text
    await a_meetup(cast, keys)
    agenda = await browser.get("/m/orbelune?lang=fr", headers=CLOCK)
    meetup = await browser.get("/m/orbelune/on-joue-au-prototype?lang=fr", headers=CLOCK)
    assert "Suivre cet agenda dans le mien" in agenda.text
    feed = "127.0.0.1%3A8000%2Fm%2Forbelune%2Ffeed.ics"
    assert f"calendar/render?cid=webcal%3A%2F%2F{feed}" in agenda.text
    assert f"addfromweb?url=http%3A%2F%2F{feed}" in agenda.text
    assert f'href="{world.ORIGIN}{FEED}"' in agenda.text
    assert f'href="webcal://127.0.0.1:8000{MEETUP}"' in meetup.text
    await a_series(cast)
    dates = await browser.get("/m/orbelune/s/les-jeudis?lang=fr", headers=CLOCK)
    assert f'href="webcal://127.0.0.1:8000{SERIES}"' in dates.text
    assert "calendar.google.com/calendar/render?action=TEMPLATE" in meetup.text
    assert "outlook.live.com/calendar/0/deeplink" in meetup.text


async def test_who_comes_is_in_no_public_feed(browser, cast, keys):
    meetup = await four_feeds(cast, keys)
    await registers(cast, meetup, keys, "chloe@example.org")
    for address in FEEDS:
        assert "chloe" not in (await browser.get(address, headers=CLOCK)).text.lower()
