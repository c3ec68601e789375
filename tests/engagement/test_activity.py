"""The same acts give the same state, however often, late or disordered they come."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from events.engagement import activity
from events.engagement.activity import Act, Fate
from events.people.channels import make_channel
from events.people.communities import make_community
from events.people.members import known
from server.database import scoped, sql
from server.errors import NotFound
from server.i18n import zone

START = datetime(2026, 3, 28, 20, 30, tzinfo=UTC)


async def a_channel(by, now, name="Forum"):
    community = await make_community("Lunatiques", by=by, now=now)
    return (await make_channel(community.id, name, "forum", by=by, now=now)).id


def some_acts(n=300, seed=7):
    """Acts around a change of clocks, near midnight, of every kind."""
    rng = random.Random(seed)
    kinds = [*sorted(activity.QUALIFIED), "like", "view", "rsvp", "check_in"]
    return [
        Act(
            f"act-{i}",
            f"@Person {rng.randrange(12)}",
            rng.choice(kinds),
            START + timedelta(minutes=rng.randrange(6000)),
        )
        for i in range(n)
    ]


async def state(channel_id):
    """Everything that is derived, without row keys."""
    days = await sql(
        "SELECT i.handle, d.day, d.acts FROM activity_day d JOIN identity i"
        " ON i.workspace_id = d.workspace_id AND i.id = d.identity_id"
        " WHERE i.channel_id = $1 ORDER BY 1, 2",
        channel_id,
    )
    acts = await sql(
        "SELECT a.external_id, i.handle, a.kind, a.at, a.is_qualified FROM activity a"
        " JOIN identity i ON i.workspace_id = a.workspace_id AND i.id = a.identity_id"
        " WHERE a.channel_id = $1 ORDER BY 1",
        channel_id,
    )
    return [tuple(row) for row in days], [tuple(row) for row in acts]


def expected_days(acts):
    paris = zone("Europe/Paris")
    days = Counter(
        (act.handle.lower().lstrip("@"), act.at.astimezone(paris).date())
        for act in acts
        if act.kind in activity.QUALIFIED
    )
    return [(*key, n) for key, n in sorted(days.items())]


async def test_days_are_counted_in_the_zone_of_the_workspace(cast):
    by = cast.as_ana
    acts = some_acts()
    async with scoped(by):
        channel = await a_channel(by, cast.now)
        recorded = await activity.record(acts, channel_id=channel, by=by, now=cast.now)
        days, kept = await state(channel)
    assert recorded.fates == [Fate.KEPT] * len(acts)
    assert days == expected_days(acts)
    assert len(kept) == len(acts)
    assert {row[2] for row in kept if row[4]} == set(activity.QUALIFIED)


@pytest.mark.parametrize("seed", range(6))
async def test_again_late_and_reordered_gives_the_same_state(cast, seed):
    by, rng = cast.as_ana, random.Random(seed)
    acts = some_acts(seed=seed)
    async with scoped(by):
        straight = await a_channel(by, cast.now)
        await activity.record(acts, channel_id=straight, by=by, now=cast.now)
        community = (await sql("SELECT id FROM community"))[0]["id"]
        other = (await make_channel(community, "Autre", "forum", by=by, now=cast.now)).id
        for _ in range(4):
            part = rng.sample(acts, rng.randrange(1, len(acts)))
            await activity.record(part * 2, channel_id=other, by=by, now=cast.now)
        rng.shuffle(acts)
        await activity.record(acts, channel_id=other, by=by, now=cast.now)
        assert await state(straight) == await state(other)


async def test_parts_are_as_good_as_a_whole(cast, monkeypatch):
    monkeypatch.setattr(activity, "AT_ONCE", 7)
    by = cast.as_ana
    acts = some_acts(60)
    async with scoped(by):
        channel = await a_channel(by, cast.now)
        recorded = await activity.record(
            [*acts, *acts], channel_id=channel, by=by, now=cast.now
        )
        days, _ = await state(channel)
    assert recorded.fates == [Fate.KEPT] * 60 + [Fate.KNOWN] * 60
    assert days == expected_days(acts)


async def test_an_id_that_says_two_things_is_a_conflict(cast):
    by = cast.as_ana
    act = Act("1", "ines", "post", START)
    other = Act("1", "ines", "reply", START)
    async with scoped(by):
        channel = await a_channel(by, cast.now)
        both = await activity.record([act, other], channel_id=channel, by=by, now=cast.now)
        assert both.fates == [Fate.CONFLICT, Fate.CONFLICT]
        assert await state(channel) == ([], [])
        await activity.record([act], channel_id=channel, by=by, now=cast.now)
        before = await state(channel)
        late = await activity.record([other], channel_id=channel, by=by, now=cast.now)
        assert late.fates == [Fate.CONFLICT]
        assert await state(channel) == before


async def test_a_member_is_linked_once_and_never_moved(cast):
    by = cast.as_ana
    async with scoped(by):
        channel = await a_channel(by, cast.now)
        ines = await known(
            "ines@x.example", name="Inès", language="fr", by=by, now=cast.now
        )
        theo = await known(
            "theo@x.example", name="Théo", language="fr", by=by, now=cast.now
        )
        for number, member in enumerate([None, ines, theo]):
            act = Act(str(number), "ines", "post", START, member)
            await activity.record([act], channel_id=channel, by=by, now=cast.now)
        rows = await sql("SELECT member_id, proof FROM identity")
    assert [tuple(row) for row in rows] == [(ines, "imported")]


async def test_another_workspace_has_its_own(cast):
    acts = some_acts(20)
    async with scoped(cast.as_dov):
        theirs = await a_channel(cast.as_dov, cast.now)
        await activity.record(acts, channel_id=theirs, by=cast.as_dov, now=cast.now)
    async with scoped(cast.as_ana):
        with pytest.raises(NotFound):
            await activity.record(acts, channel_id=theirs, by=cast.as_ana, now=cast.now)
        ours = await a_channel(cast.as_ana, cast.now)
        recorded = await activity.record(
            acts, channel_id=ours, by=cast.as_ana, now=cast.now
        )
        assert recorded.count(Fate.KEPT) == 20
        assert await activity.look_up(acts, channel_id=theirs) == {}
