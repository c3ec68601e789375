"""Places are never sold twice, the line skips nobody, and every act may be repeated."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest

from events.admission import registrations, tickets
from events.admission.registrations import Linking, Past, Shown, Source, Status
from events.people import channels, communities, consents, identities, members
from events.people.channels import ChannelKind
from events.planning import meetups, venues
from events.planning.meetups import Admission, Meetup, Plan
from server.database import DB, find, one, scoped, sql
from server.errors import Busy, Forbidden, Invalid, NotFound
from server.workspaces import Role
from tests import world


@pytest.fixture
def keys(settings):
    return tickets.keys_of(settings)


async def a_meetup(who, keys, capacity=5, *, published=True, **plan):
    """A published meetup of Orbelune's community."""
    by, now = who.as_ana, who.now
    async with scoped(by):
        found = await communities.communities()
        community = (
            found[0].id
            if found
            else (await communities.make_community("Les Lunatiques", by=by, now=now)).id
        )
        wanted = Plan(
            **{
                "title": "On joue au prototype",
                "community_id": community,
                "starts_at": who.soon,
                "ends_at": who.soon + timedelta(hours=3),
                "time_zone": "Europe/Paris",
                "capacity": capacity,
                "representative": "Ana",
            }
            | plan
        )
        meetup = await meetups.plan(wanted, key_id=keys.current, by=by, now=now)
        if published:
            await meetups.publish(meetup, by=by, now=now)
        return await find(Meetup, meetup.id)


async def registers(who, meetup, keys, email, **more):
    """Somebody fills the form in."""
    given = {
        "name": email.partition("@")[0].title(),
        "language": "fr",
        "source": Source.PAGE,
        "origin": world.ORIGIN,
        "workspace": who.orbelune,
        "keys": keys,
        "by": who.as_ana,
        "now": who.now,
    } | more
    return await registrations.register(meetup, email=email, **given)


def acts(who, keys, **more):
    """What every act that writes letters is told."""
    return {
        "origin": world.ORIGIN,
        "workspace": who.orbelune,
        "keys": keys,
        "by": who.as_ana,
        "now": who.now,
    } | more


async def seating(who, meetup):
    async with scoped(who.as_ana):
        return await one("SELECT capacity, taken, next_wait FROM seating WHERE id = $1", meetup.id)


async def statuses(who, meetup):
    """Everybody's status and number by address, in order of arrival."""
    async with scoped(who.as_ana):
        rows = await registrations.listing(meetup.id, limit=500)
    return {row.email or row.name: (row.status.value, row.wait_no) for row in rows}


async def kinds_to(email):
    return [letter["kind"] for letter in await world.letters_to(email)]


@pytest.mark.committed
async def test_forty_at_once_for_five_places_get_five(cast: SimpleNamespace, keys):
    meetup = await a_meetup(cast, keys, 5)
    found = await asyncio.gather(
        *(registers(cast, meetup, keys, f"p{n}@example.org") for n in range(40))
    )
    assert sum(one_.status is Status.CONFIRMED for one_ in found) == 5
    waiting = sorted(one_.wait_no for one_ in found if one_.status is Status.WAITLISTED)
    assert waiting == list(range(1, 36))
    row = await seating(cast, meetup)
    assert (row["taken"], row["next_wait"]) == (5, 36)
    assert await _letters_of(cast) == {"confirmed": 5, "waitlisted": 35}


async def _letters_of(who):
    async with scoped(who.as_ana):
        rows = await sql("SELECT kind, count(*) AS n FROM letter GROUP BY kind")
    return {row["kind"]: row["n"] for row in rows if row["kind"] != "invitation"}
