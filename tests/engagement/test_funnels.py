"""What became of the people an ambassador invited: each once, and never a false zero."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.engagement import funnels
from events.engagement.funnels import Counts, Credit, figures
from events.engagement.metrics import State
from events.people import ambassadors, mandates
from server.database import scoped, sql, uuid7
from tests import world
from tests.engagement import evenings

LATER = world.NOW + timedelta(days=200)


@given(st.lists(st.integers(0, 50), min_size=8, max_size=8), st.integers(1, 20))
def test_what_is_not_known_says_why_and_is_never_zero(numbers, at_least):
    counts = Counts(uuid7(), *sorted(numbers, reverse=True))
    last = figures(counts, at_least=at_least)[-1]
    if counts.known >= max(at_least, 1):
        assert (last.value, last.n, last.why) == (counts.active, counts.known, "")
    else:
        assert last.value is None
        assert last.state is State.MISSING
        assert last.why in funnels.WHYS


@pytest.mark.parametrize(
    ("people", "why"),
    [
        ({}, "nobody"),
        ({"came": 3}, "nobody_linked"),
        ({"came": 3, "linked": 2}, "not_yet"),
        ({"came": 3, "linked": 2, "due": 2}, "no_activity"),
        ({"came": 3, "linked": 2, "due": 2, "known": 2}, "too_few"),
    ],
)
def test_each_reason_is_told(people, why):
    assert figures(Counts(uuid7(), **people), at_least=3)[-1].why == why


class House:
    """Two ambassadors, two past evenings, and people who came by a link."""

    def __init__(self, who):
        self.who, self.by = who, who.as_ana

    async def open(self):
        self.place = await evenings.ground(self.by, self.who.now - timedelta(days=300))
        self.evenings = [
            await evenings.evening(
                self.place,
                datetime(2026, 3, day, 18, tzinfo=world.NOW.tzinfo),
                by=self.by,
                title=f"Soir {day}",
            )
            for day in (5, 26)
        ]
        self.a, self.b = (
            await self.ambassador("ada@x.example"),
            await self.ambassador("bea@x.example"),
        )
        return self

    async def ambassador(self, email):
        made = await ambassadors.apply(
            email,
            name=email[:3],
            language="fr",
            community_id=self.place.community,
            workspace=self.who.orbelune,
            by=self.by,
            now=self.who.now,
        )
        await ambassadors.accept(
            made.id,
            starts_on=date(2026, 1, 1),
            ends_on=date(2026, 12, 31),
            area="",
            workspace=self.who.orbelune,
            origin=world.ORIGIN,
            by=self.by,
            now=self.who.now,
        )
        async with scoped(self.by):
            return await mandates.mandate(made.id, date(2026, 11, 5))

    async def person(self, email, **more):
        (one,) = await evenings.crowd(self.place, 1, by=self.by, now=self.who.now, **more)
        async with scoped(self.by):
            await sql("UPDATE member SET email = $1 WHERE id = $2", email, one)
        return one

    async def touch(self, evening, member, her, *, at=None, own=False, hidden=False):
        at = at or evening.starts_at - timedelta(days=9)
        async with scoped(self.by):
            await sql(
                "INSERT INTO touch (id, workspace_id, meetup_id, member_id, ambassador_id, is_own, touched_at, hidden_at)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7::timestamptz, CASE WHEN $8 THEN $7::timestamptz END)",
                uuid7(), self.who.orbelune.id, evening.id, member, her.id, own, at, hidden,
            )  # fmt: skip

    async def counts(self, credit=Credit.LAST, now=LATER):
        async with scoped(self.by):
            found = await funnels.counts([self.a.id, self.b.id], now, credit)
        return found[self.a.id], found[self.b.id]


@pytest.fixture
async def house(cast):
    return await House(cast).open()


async def test_a_person_goes_through_the_steps_once(house):
    one, two = house.evenings
    zoe, yan, wil = [
        await house.person(f"{name}@x.example") for name in ("zoe", "yan", "wil")
    ]
    for person in (zoe, yan, wil):
        await house.touch(one, person, house.a)
    await evenings.registered(one, [zoe, yan], by=house.by, came=True)
    await evenings.registered(one, [wil], by=house.by, status="cancelled")
    await evenings.registered(two, [zoe], by=house.by, came=True)
    await evenings.active(
        house.place, [(zoe, date(2026, 4, 20), 2), (yan, date(2026, 3, 8), 5)], by=house.by
    )
    a, b = await house.counts()
    assert (a.invited, a.registered, a.came, a.came_again) == (2, 2, 2, 1)
    assert (a.linked, a.due, a.known) == (2, 2, 0)
    assert (b.invited, b.registered, b.came) == (0, 0, 0)
    async with scoped(house.by):
        await sql(
            "INSERT INTO import_run (id, workspace_id, community_id, kind, filename, sha256, created_at, committed_at)"
            " VALUES ($1, $2, $3, 'activity', 'a.csv', '', $4, $4)",
            uuid7(), house.who.orbelune.id, house.place.community, LATER,
        )  # fmt: skip
    a, _ = await house.counts()
    assert (a.known, a.active) == (2, 1)
    a, _ = await house.counts(now=datetime(2026, 4, 1, tzinfo=world.NOW.tzinfo))
    assert (a.due, a.known) == (0, 0)


async def test_what_a_program_recorded_is_known_as_well(house):
    one, _ = house.evenings
    zoe = await house.person("zoe@x.example")
    await house.touch(one, zoe, house.a)
    await evenings.registered(one, [zoe], by=house.by, came=True)
    async with scoped(house.by):
        await sql(
            "INSERT INTO activity (id, workspace_id, channel_id, identity_id, external_id, kind, at, is_qualified)"
            " SELECT $1, $2, $3, i.id, 'x', 'post', '2026-07-01T10:00Z', true FROM identity i WHERE i.member_id = $4",
            uuid7(), house.who.orbelune.id, house.place.channel, zoe,
        )  # fmt: skip
    a, _ = await house.counts()
    assert (a.known, a.active) == (1, 0)


async def test_whoever_did_not_agree_is_not_measured(house):
    one, _ = house.evenings
    zoe = await house.person("zoe@x.example", linked=False)
    await house.touch(one, zoe, house.a)
    await evenings.registered(one, [zoe], by=house.by, came=True)
    a, _ = await house.counts()
    assert figures(a)[-1].why == "nobody_linked"


async def test_the_last_link_gets_a_meetup_and_the_first_gets_what_follows(house):
    one, two = house.evenings
    zoe = await house.person("zoe@x.example")
    await house.touch(one, zoe, house.a)
    await house.touch(two, zoe, house.b)
    await evenings.registered(one, [zoe], by=house.by)
    await evenings.registered(two, [zoe], by=house.by, came=True)
    a, b = await house.counts()
    assert ((a.registered, a.came), (b.registered, b.came)) == ((1, 0), (1, 1))
    a, b = await house.counts(Credit.FIRST)
    assert ((a.registered, a.came), (b.registered, b.came)) == ((1, 1), (0, 0))


async def test_two_links_to_one_meetup_are_one_registration(house):
    one, _ = house.evenings
    zoe = await house.person("zoe@x.example")
    await house.touch(one, zoe, house.a)
    await house.touch(one, zoe, house.b, at=one.starts_at - timedelta(days=1))
    await evenings.registered(one, [zoe], by=house.by, came=True)
    assert [c.registered for c in await house.counts()] == [0, 1]
    assert [c.registered for c in await house.counts(Credit.FIRST)] == [1, 0]


async def test_herself_her_other_address_and_who_was_merged_into_her_do_not_count(house):
    one, _ = house.evenings
    tagged = await house.person("a.da+2@x.example")
    merged = await house.person("old@x.example")
    async with scoped(house.by):
        await sql(
            "UPDATE member SET merged_into_id = $1 WHERE id = $2", house.a.member_id, merged
        )
    for person in (tagged, merged, house.a.member_id):
        await house.touch(one, person, house.a, own=person == house.a.member_id)
    await evenings.registered(
        one, [tagged, merged, house.a.member_id], by=house.by, came=True
    )
    a, _ = await house.counts()
    assert (a.invited, a.registered, a.came) == (0, 0, 0)


async def test_one_mailbox_under_three_spellings_is_one_person(house):
    one, _ = house.evenings
    people = [
        await house.person(email)
        for email in ("zoe.m@gmail.com", "zoem+1@gmail.com", "zoem@googlemail.com")
    ]
    for person in people:
        await house.touch(one, person, house.a)
    await evenings.registered(one, people, by=house.by, came=True)
    a, _ = await house.counts()
    assert (a.invited, a.registered, a.came, a.came_again) == (1, 1, 1, 0)


async def test_who_hid_it_counts_for_nobody(house):
    one, _ = house.evenings
    zoe = await house.person("zoe@x.example")
    await house.touch(one, zoe, house.a, hidden=True)
    await evenings.registered(one, [zoe], by=house.by, came=True)
    for credit in Credit:
        assert [c.invited for c in await house.counts(credit)] == [0, 0]


async def test_a_letter_counts_as_an_invitation_and_the_link_does_not_count_twice(house):
    one, _ = house.evenings
    zoe, yan = await house.person("zoe@x.example"), await house.person("yan@x.example")
    async with scoped(house.by):
        for person in (zoe, yan):
            await sql(
                "INSERT INTO invitation (id, workspace_id, meetup_id, member_id, ambassador_id, invited_at) VALUES ($1, $2, $3, $4, $5, $6)",
                uuid7(), house.who.orbelune.id, one.id, person, house.a.id, house.who.now,
            )  # fmt: skip
    await house.touch(one, zoe, house.a)
    await evenings.registered(one, [zoe], by=house.by)
    a, _ = await house.counts()
    assert (a.invited, a.registered) == (2, 1)


async def test_a_ranking_goes_by_who_came_back(house):
    one, two = house.evenings
    zoe, yan = await house.person("zoe@x.example"), await house.person("yan@x.example")
    await house.touch(one, zoe, house.b)
    await house.touch(one, yan, house.a)
    await evenings.registered(one, [zoe, yan], by=house.by, came=True)
    await evenings.registered(two, [zoe], by=house.by, came=True)
    async with scoped(house.by):
        ranked = await funnels.ranking(date(2026, 11, 5), LATER)
    assert [place.mandate.name for place in ranked] == ["bea", "ada"]


async def test_another_workspace_counts_nothing_of_ours(house, cast):
    one, _ = house.evenings
    zoe = await house.person("zoe@x.example")
    await house.touch(one, zoe, house.a)
    await evenings.registered(one, [zoe], by=house.by, came=True)
    async with scoped(cast.as_dov):
        assert await funnels.counts([house.a.id], LATER) == {}
        assert await funnels.ranking(date(2026, 11, 5), LATER) == []
