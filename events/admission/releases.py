"""Releases: places given back, and places that a larger meetup opens.

Whoever waits first receives what is freed, in the same transaction and under the same
lock, so that nobody is passed over and nobody is told twice. A meetup that is called off
or moved tells everybody through a job, a few letters at a time.
"""

from datetime import datetime
from uuid import UUID

from events.admission import followers, letters
from events.admission.followers import News
from events.admission.letters import Post
from events.admission.places import (
    KEPT,
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
from events.planning import hours, meetups, postponements, tasks
from events.planning.meetups import Meetup, Plan, Stage
from events.planning.postponements import NewDate
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
    if (stage := meetups.stage(meetup, now)) not in KEPT:
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
    if stage in OPEN:  # of a postponed meetup, the free place waits for the new date too
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
    if meetup.published_at is not None:
        await followers.tell_followers(meetup, News.CANCELLED, by=by)


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
async def postpone_meetup(
    meetup: Meetup,
    until: NewDate | None,
    reason: str,
    *,
    origin: str,
    workspace: Look,
    keys: Keys,
    by: Actor,
    now: datetime,
) -> int:
    """Put a meetup off and tell everybody; a date that was to come opens it again.

    What is still to do for it moves by as many days: the answer is how many tasks.
    """
    await hold(meetup.id)
    before = await find(Meetup, meetup.id)
    after = await postponements.postpone(meetup, until, reason, by=by, now=now)
    if until is None:
        await letters.tell_everybody("meetup_postponed", after, by=by)
        await followers.tell_followers(after, News.POSTPONED, by=by)
        return 0
    if meetups.stage(after, now) in OPEN:
        await promote(after, Post(workspace, origin, keys, now), by=by)
    await _tell_moved(after, by=by)
    return await tasks.follow(meetup.id, _days(before, after), by=by, now=now)


def _days(before: Meetup, after: Meetup) -> int:
    """How many days later clocks on the wall show that it takes place."""
    first, last = (hours.wall(one_.starts_at, one_.time_zone) for one_ in (before, after))
    return (last[0] - first[0]).days


async def _tell_moved(meetup: Meetup, *, by: Actor) -> None:
    """Tell those who registered, and those who follow its series."""
    await letters.tell_everybody("meetup_changed", meetup, by=by)
    await followers.tell_followers(meetup, News.MOVED, by=by)


@atomic()
async def change_meetup(
    meetup: Meetup,
    wanted: Plan,
    *,
    sequence: int | None = None,
    is_apart: bool = True,
    origin: str,
    workspace: Look,
    keys: Keys,
    by: Actor,
    now: datetime,
) -> int:
    """Change a meetup; when its time or place moves, everybody registered is told.

    What is still to do for it moves by as many days: the answer is how many tasks.
    """
    await hold(meetup.id)
    before = await find(Meetup, meetup.id)
    await meetups.change(
        meetup, wanted, sequence=sequence, is_apart=is_apart, by=by, now=now
    )
    after = await find(Meetup, meetup.id)
    moved = await tasks.follow(meetup.id, _days(before, after), by=by, now=now)
    if meetups.stage(before, now) not in KEPT or after.postponed_at is not None:
        return moved
    if meetups.stage(after, now) in OPEN:
        await promote(before, Post(workspace, origin, keys, now), by=by)
    has_moved = any(
        getattr(before, name) != getattr(after, name)
        for name in ("starts_at", "ends_at", "time_zone", "venue_id")
    )
    if has_moved or meetups.stage(before, now) is Stage.POSTPONED:
        await _tell_moved(after, by=by)
    return moved
