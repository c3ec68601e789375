"""Releases: places given back, and places that a larger meetup opens.

Whoever waits first receives what is freed, in the same transaction and under the same
lock, so that nobody is passed over and nobody is told twice. A meetup that is called off
or moved tells everybody through a job, a few letters at a time.
"""

from datetime import datetime
from uuid import UUID

from events.admission import letters
from events.admission.letters import Post
from events.admission.places import (
    OPEN,
    About,
    AlreadyCame,
    MeetupFull,
    NotWaiting,
    Registration,
    Status,
    TooLateToRelease,
    check_open,
    count_places,
    hold,
)
from events.admission.tickets import Keys
from events.planning import meetups
from events.planning.meetups import Meetup, Plan
from server import audit
from server.audit import Actor
from server.database import atomic, find, one, sql
from server.look import Look

# Commands


@atomic()
async def release(
    registration_id: UUID,
    *,
    origin: str,
    workspace: Look,
    keys: Keys,
    by: Actor,
    now: datetime,
) -> Status:
    """Give a place back, which the first who waits receives; twice is once.

    Returns what the registration was before.
    """
    found = await find(Registration, registration_id)
    await hold(found.meetup_id)
    found = await find(Registration, registration_id)
    before = Status(found.status)
    if before is Status.CANCELLED:
        return before
    meetup = await find(Meetup, found.meetup_id)
    if meetups.stage(meetup, now) not in OPEN:
        raise TooLateToRelease
    gone = await one(
        "UPDATE registration SET status = 'cancelled', wait_no = NULL, cancelled_at = $3"
        " WHERE workspace_id = $1 AND id = $2 AND attended_at IS NULL RETURNING id",
        by.workspace_id,
        found.id,
        now,
    )
    if gone is None:
        raise AlreadyCame
    await audit.note(by, "released", found, at=now)
    if before is Status.CONFIRMED:
        await count_places(meetup.id, -1)
    post = Post(workspace, origin, keys, now)
    await letters.tell("released", [found.id], post)
    await promote(meetup, post, by=by)
    return before


async def promote(meetup: Meetup, post: Post, *, by: Actor) -> list[UUID]:
    """Give free places to those who wait, in order; the seating row is ours already."""
    if meetup.admission != meetups.Admission.FIRST_COME:
        return []
    rows = await sql(
        "WITH free AS (SELECT capacity - taken AS places FROM seating"
        " WHERE workspace_id = $1 AND id = $2), next AS (SELECT id FROM registration"
        " WHERE workspace_id = $1 AND meetup_id = $2 AND status = 'waitlisted'"
        " ORDER BY wait_no LIMIT (SELECT places FROM free))"
        " UPDATE registration r SET status = 'confirmed', wait_no = NULL FROM next"
        " WHERE r.workspace_id = $1 AND r.id = next.id RETURNING r.id",
        by.workspace_id,
        meetup.id,
    )
    promoted = [row["id"] for row in rows]
    if promoted:
        await count_places(meetup.id, len(promoted))
        for id_ in promoted:
            await audit.note(by, "promoted", About(id_), at=post.now)
        await letters.tell("promoted", promoted, post)
    return promoted


@atomic()
async def admit(
    registration_id: UUID,
    *,
    origin: str,
    workspace: Look,
    keys: Keys,
    by: Actor,
    now: datetime,
) -> None:
    """Give a free place to somebody who waits, whatever her number; twice is once."""
    found = await find(Registration, registration_id)
    room = await hold(found.meetup_id)
    found = await find(Registration, registration_id)
    if found.status == Status.CONFIRMED:
        return
    check_open(await find(Meetup, found.meetup_id), now)
    if found.status == Status.CANCELLED:
        raise NotWaiting
    if room.left <= 0:
        raise MeetupFull
    await sql(
        "UPDATE registration SET status = 'confirmed', wait_no = NULL"
        " WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        found.id,
    )
    await count_places(found.meetup_id, 1)
    await audit.note(by, "admitted", found, at=now)
    await letters.tell("promoted", [found.id], Post(workspace, origin, keys, now))


@atomic()
async def cancel_meetup(meetup: Meetup, reason: str, *, by: Actor, now: datetime) -> None:
    """Call a meetup off and tell everybody who had a place or waited for one."""
    await hold(meetup.id)
    await meetups.cancel(meetup, reason, by=by, now=now)
    await letters.tell_everybody("meetup_cancelled", meetup, by=by)


@atomic()
async def resize_meetup(
    meetup: Meetup,
    capacity: int,
    *,
    origin: str,
    workspace: Look,
    keys: Keys,
    by: Actor,
    now: datetime,
) -> int:
    """Change how many may come; new places go to those who wait. Returns how many did."""
    await hold(meetup.id)
    await meetups.resize(meetup, capacity, by=by, now=now)
    if meetups.stage(meetup, now) not in OPEN:
        return 0
    return len(await promote(meetup, Post(workspace, origin, keys, now), by=by))


@atomic()
async def change_meetup(
    meetup: Meetup,
    wanted: Plan,
    *,
    origin: str,
    workspace: Look,
    keys: Keys,
    by: Actor,
    now: datetime,
) -> None:
    """Change a meetup; when its time or place moves, everybody registered is told."""
    await hold(meetup.id)
    before = await find(Meetup, meetup.id)
    await meetups.change(meetup, wanted, by=by, now=now)
    if meetups.stage(before, now) not in OPEN:
        return
    await promote(before, Post(workspace, origin, keys, now), by=by)
    if (before.starts_at, before.ends_at, before.time_zone, before.venue_id) != (
        wanted.starts_at,
        wanted.ends_at,
        wanted.time_zone,
        wanted.venue_id,
    ):
        await letters.tell_everybody("meetup_changed", meetup, by=by)
