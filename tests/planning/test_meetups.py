"""A meetup says when and where, opens once, and never holds more than it may."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

import msgspec
import pytest

from events.admission import registrations, tickets
from events.engagement import plans
from events.planning import copies, hours, meetups, series, venues
from events.planning.facts import Admission, Plan, check_plan
from events.planning.meetups import Meetup, Stage
from server.database import find, one, scoped, sql
from server.errors import Invalid, NotFound
from tests import world
from tests.planning.evenings import a_community, a_meetup, registers

PARIS = "Europe/Paris"


def a_plan(**facts):
    return Plan(
        **{
            "title": "Midi",
            "community_id": uuid4(),
            "starts_at": datetime(2026, 11, 5, 18, tzinfo=UTC),
            "ends_at": datetime(2026, 11, 5, 21, tzinfo=UTC),
            "time_zone": PARIS,
            "capacity": 10,
        }
        | facts
    )


def plan_of(meetup: Meetup, **changed) -> Plan:
    """What this meetup says of itself, with something changed."""
    names = set(Plan.__struct_fields__) - {"capacity", "admission"}
    kept = {name: getattr(meetup, name) for name in names}
    return Plan(
        **{"capacity": 12, "admission": Admission(meetup.admission)} | kept | changed
    )


# Rules


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("19:00", time(19)),
        ("9:05", time(9, 5)),
        ("19h", time(19)),
        ("19h30", time(19, 30)),
        ("19:00:00", time(19)),
        ("24:00", None),
        ("19:60", None),
        ("soir", None),
        ("", None),
        ("-1:00", None),
        ("\u0661\u0669:00", None),
    ],
)
def test_an_hour_is_read_as_people_write_it(typed, meant):
    assert hours.clock(typed) == meant


def test_an_hour_that_the_clocks_skip_does_not_exist_and_of_two_the_first_is_meant():
    assert hours.moment(date(2026, 3, 29), time(2, 30), PARIS) is None
    assert hours.moment(date(2026, 10, 25), time(2, 30), PARIS) == datetime(
        2026, 10, 25, 0, 30, tzinfo=UTC
    )
    assert hours.moment(date(2026, 11, 5), time(19), PARIS) == datetime(
        2026, 11, 5, 18, tzinfo=UTC
    )
    assert hours.moment(date(1, 1, 1), time(0), "Asia/Tokyo") is None


def test_an_evening_that_ends_before_it_begins_ends_the_next_day():
    first, last = hours.evening(date(2026, 11, 5), time(22), time(1), PARIS)
    assert last - first == timedelta(hours=3)
    first, last = hours.evening(date(2026, 3, 28), time(22), time(4), PARIS)
    assert last - first == timedelta(hours=5)
    first, last = hours.evening(
        date(2026, 11, 5), time(9), time(17), PARIS, date(2026, 11, 6)
    )
    assert last - first == timedelta(hours=32)


def test_both_skipped_hours_have_their_sentence():
    with pytest.raises(Invalid) as no:
        hours.evening(date(2026, 3, 29), time(2, 15), time(2, 45), PARIS)
    assert set(no.value.fields) == {"starts", "ends"}


def test_the_same_hour_a_week_later_crosses_the_change_of_clocks():
    at = datetime(2026, 10, 22, 17, tzinfo=UTC)  # 19:00 in summer
    assert hours.later(at, PARIS, 7) == datetime(2026, 10, 29, 18, tzinfo=UTC)
    skipped = datetime(2026, 3, 22, 1, 30, tzinfo=UTC)  # 2:30, which the week after skips
    assert hours.wall(hours.later(skipped, PARIS, 7), PARIS) == (
        date(2026, 3, 29),
        time(3, 30),
    )


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("", True),
        ("19:00 Accueil\n\n19 h 30 Jeu", True),
        ("Accueil", False),
        ("19:00", False),
    ],
)
def test_each_line_of_a_programme_begins_with_its_hour(text, is_one):
    assert hours.is_programme(text) is is_one


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"title": "…"}, "title"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": 100_001}, "capacity"),
        ({"ends_at": datetime(2026, 11, 5, 18, tzinfo=UTC)}, "ends_at"),
        ({"ends_at": datetime(2026, 11, 13, 18, tzinfo=UTC)}, "ends_at"),
        (
            {
                "starts_at": datetime(1999, 1, 1, tzinfo=UTC),
                "ends_at": datetime(1999, 1, 1, 2, tzinfo=UTC),
            },
            "starts_at",
        ),
        ({"time_zone": "Paris"}, "time_zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone"),
    ],
)
def test_what_cannot_stand_has_its_sentence(facts, field):
    with pytest.raises(Invalid) as no:
        check_plan(a_plan(**facts))
    assert set(no.value.fields) == {field}


def test_a_stage_follows_from_the_dates():
    plan = a_plan()
    meetup = Meetup(workspace_id=uuid4(), starts_at=plan.starts_at, ends_at=plan.ends_at)
    before, during, after = (plan.starts_at + timedelta(hours=n) for n in (-1, 1, 4))
    assert meetups.stage(meetup, before) is Stage.DRAFT
    meetup.published_at = before
    assert [meetups.stage(meetup, at) for at in (before, during, after)] == [
        Stage.PUBLISHED,
        Stage.RUNNING,
        Stage.OVER,
    ]
    meetup.closed_at = after
    assert meetups.stage(meetup, after) is Stage.CLOSED
    meetup.cancelled_at = after
    assert meetups.stage(meetup, after) is Stage.CANCELLED


# Commands


async def test_the_same_name_twice_has_two_addresses_and_new_is_nobodys(cast, settings):
    community = await a_community(cast)
    slugs = [
        (await a_meetup(cast, settings, title=title, community=community)).slug
        for title in ("Midi", "Midi", "MIDI !", "New", "new")
    ]
    assert slugs == ["midi", "midi-2", "midi-3", "new-2", "new-3"]


@pytest.mark.committed
async def test_ten_who_plan_the_same_name_at_once_have_ten_addresses(cast, settings):
    community = await a_community(cast)
    made = await asyncio.gather(
        *(a_meetup(cast, settings, title="Midi", community=community) for _ in range(10))
    )
    assert len({one_.slug for one_ in made}) == 10


@pytest.mark.committed
async def test_of_two_who_publish_at_once_one_does(cast, settings):
    meetup = await a_meetup(cast, settings)
    done = await asyncio.gather(
        *(plans.publish(meetup, by=cast.as_ana, now=cast.now) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(one_).__name__ for one_ in done) == ["NoneType", "NotInThisStage"]
    async with scoped(cast.as_ana):
        noted = await sql("SELECT 1 FROM audit_entry WHERE action = 'published'")
    assert len(noted) == 1


async def test_publishing_needs_somebody_who_represents_the_brand(cast, settings):
    meetup = await a_meetup(cast, settings, representative="")
    with pytest.raises(meetups.NeedsRepresentative):
        await plans.publish(meetup, by=cast.as_ana, now=cast.now)
    named = plan_of(meetup, representative="Ana")
    await meetups.change(meetup, named, by=cast.as_ana, now=cast.now)
    await plans.publish(meetup, by=cast.as_ana, now=cast.now)
    nameless = plan_of(meetup, representative="")
    with pytest.raises(meetups.NeedsRepresentative):
        await meetups.change(meetup, nameless, by=cast.as_ana, now=cast.now)


async def test_a_capacity_is_never_below_the_places_taken_nor_above_the_venue(
    cast, settings
):
    by, now = cast.as_ana, cast.now
    venue = await venues.make_venue("Le Comptoir", hard_limit=20, by=by, now=now)
    meetup = await a_meetup(cast, settings, published=True, venue_id=venue)
    for n in range(3):
        await registers(cast, settings, meetup, f"p{n}@example.org")
    with pytest.raises(meetups.BelowTaken) as below:
        await meetups.resize(meetup, 2, by=by, now=now)
    assert "3" in str(below.value)
    with pytest.raises(meetups.AboveHardLimit) as above:
        await meetups.resize(meetup, 21, by=by, now=now)
    assert "20" in str(above.value)
    for wrong in (0, -1, 100_001):
        with pytest.raises(Invalid):
            await meetups.resize(meetup, wrong, by=by, now=now)
    await meetups.resize(meetup, 3, by=by, now=now)
    async with scoped(by):
        assert (await meetups.room(meetup.id)).left == 0


async def test_a_meetup_that_leaves_its_venue_leaves_its_limit(cast, settings):
    by, now = cast.as_ana, cast.now
    venue = await venues.make_venue("Le Comptoir", hard_limit=12, by=by, now=now)
    meetup = await a_meetup(cast, settings, venue_id=venue)
    await meetups.change(
        meetup, plan_of(meetup, venue_id=None, capacity=50), by=by, now=now
    )
    async with scoped(by):
        changed = await find(Meetup, meetup.id)
        assert (changed.venue_id, (await meetups.room(meetup.id)).capacity) == (None, 50)


async def test_a_change_raises_the_sequence_and_what_is_published_keeps_its_admission(
    cast, settings
):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings)
    other = await a_community(cast, "Les Autres")
    lottery = plan_of(meetup, admission=Admission.LOTTERY, community_id=other)
    await meetups.change(meetup, lottery, by=by, now=now)
    async with scoped(by):
        drafted = await find(Meetup, meetup.id)
    assert (drafted.admission, drafted.community_id, drafted.sequence) == (
        "lottery",
        other,
        1,
    )
    await meetups.publish(drafted, by=by, now=now)
    await meetups.change(meetup, plan_of(meetup, title="Autre nom"), by=by, now=now)
    async with scoped(by):
        kept = await find(Meetup, meetup.id)
    assert (kept.admission, kept.title, kept.slug) == ("lottery", "Autre nom", meetup.slug)
    assert kept.sequence == 3


@pytest.mark.parametrize("what", ["community_id", "venue_id", "series_id"])
async def test_what_is_another_workspaces_is_refused_as_not_found(cast, settings, what):
    theirs = await a_community(cast, "Ailleurs", cast.as_dov)
    mine = await a_community(cast)
    by, now = cast.as_dov, cast.now
    others = {
        "community_id": theirs,
        "venue_id": await venues.make_venue("Chez Dov", by=by, now=now),
        "series_id": (
            await series.make_series("Soirs", community_id=theirs, by=by, now=now)
        ).id,
    }
    meetup = await a_meetup(cast, settings, community=mine)
    for key in (others[what], uuid4()):
        with pytest.raises(NotFound):
            await a_meetup(cast, settings, community=mine, **{what: key})
        wanted = plan_of(meetup, **{what: key})
        with pytest.raises(NotFound):
            await meetups.change(meetup, wanted, by=cast.as_ana, now=cast.now)


async def test_cancelling_tells_each_registered_person_once(cast, settings, app):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings, published=True, capacity=2)
    emails = [f"p{n}@example.org" for n in range(3)]
    for email in emails:
        await registers(cast, settings, meetup, email)
    async with scoped(by):
        told = await meetups.reached(meetup.id)
    assert told == 3
    await registrations.cancel_meetup(meetup, "Dégât des eaux", by=by, now=now)
    with pytest.raises(meetups.NotInThisStage):
        await registrations.cancel_meetup(meetup, "", by=by, now=now)
    await world.do_jobs()
    await world.do_jobs()
    for email in emails:
        kinds = [letter["kind"] for letter in await world.letters_to(email)]
        assert kinds.count("meetup_cancelled") == 1
    async with scoped(by):
        assert (await find(Meetup, meetup.id)).cancelled_reason == "Dégât des eaux"


async def test_nothing_is_changed_closed_or_resized_after_the_end(cast, settings):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings, published=True)
    with pytest.raises(meetups.NotOverYet):
        await meetups.close(meetup, by=by, now=now)
    after = meetup.ends_at + timedelta(hours=1)
    await meetups.close(meetup, by=by, now=after)
    for act in (
        meetups.close(meetup, by=by, now=after),
        meetups.cancel(meetup, "", by=by, now=after),
        meetups.resize(meetup, 50, by=by, now=after),
        meetups.change(meetup, plan_of(meetup), by=by, now=after),
    ):
        with pytest.raises(meetups.NotInThisStage):
            await act


async def test_a_repeated_meetup_is_a_draft_with_the_same_facts_that_is_to_come(
    cast, settings
):
    by = cast.as_ana
    key_id = tickets.keys_of(settings).current
    meetup = await a_meetup(
        cast, settings, published=True, programme="19:00 Accueil", capacity=33
    )
    again = await copies.repeat(meetup, 28, key_id=key_id, by=by, now=cast.now)
    assert again.starts_at == meetup.starts_at + timedelta(days=28)
    assert (again.published_at, again.programme, again.title) == (
        None,
        "19:00 Accueil",
        meetup.title,
    )
    assert (again.slug, again.number) != (meetup.slug, meetup.number)
    async with scoped(by):
        assert (await meetups.room(again.id)).capacity == 33
    late = meetup.starts_at + timedelta(days=20)
    assert (await copies.repeat(meetup, 7, key_id=key_id, by=by, now=late)).starts_at == (
        meetup.starts_at + timedelta(days=21)
    )


# Queries


async def test_the_past_is_read_by_key_and_found_by_name(cast, settings):
    community = await a_community(cast)
    for n in range(5):
        await a_meetup(
            cast,
            settings,
            community=community,
            title=f"Été {n}",
            starts_at=cast.now - timedelta(days=10),
            ends_at=cast.now - timedelta(days=9),
        )
    async with scoped(cast.as_ana):
        first = await meetups.past(cast.now, limit=3)
        last = first[-1]
        rest = await meetups.past(cast.now, before=(last.starts_at, last.id), limit=3)
        assert len({one_.id for one_ in [*first, *rest]}) == 5
        assert [one_.title for one_ in await meetups.past(cast.now, search="ete 3")] == [
            "Été 3"
        ]
        assert await meetups.past(cast.now, search="%") == []
        assert await meetups.upcoming(cast.now, search="été") == []
    async with scoped(cast.as_dov):
        assert await meetups.past(cast.now) == []


async def test_the_room_of_what_does_not_exist_is_not_found(cast):
    async with scoped(cast.as_ana):
        with pytest.raises(NotFound):
            await meetups.room(uuid4())
        assert await one("SELECT 1 FROM seating") is None
        assert await meetups.reached(uuid4()) == 0


def test_a_glass_without_capacity_is_full():
    assert meetups.Room(0, 0, 0).share == 1.0
    assert meetups.Room(6, 6, 0, walk_ins=1).registered == 5
    assert msgspec.structs.replace(meetups.Room(4, 1, 0), taken=2).share == 0.5
