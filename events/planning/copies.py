"""Copies: an evening that worked, prepared again for another date.

The facts, the run of show, the tasks and whoever stands for the brand go along; sponsors,
registrations and what came of it stay where they were.
"""

from datetime import datetime, timedelta
from uuid import UUID

from events.planning import cues, hours, meetups, representatives, tasks
from events.planning.meetups import Admission, Meetup, Plan
from server.audit import Actor
from server.database import atomic, find, one, sql

AT_ONCE = timedelta(minutes=1)  # within which the same click means the same draft

# Commands


@atomic()
async def repeat(
    meetup: Meetup, days: int, *, key_id: int, by: Actor, now: datetime
) -> Meetup:
    """A draft with the same facts so many days later, the first time that is to come.

    Asked again a moment later, as a double click does, it is the same draft.
    """
    await sql(
        "SELECT FROM meetup WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE",
        by.workspace_id,
        meetup.id,
    )
    current = await find(Meetup, meetup.id)
    steps = max(1, (now - current.starts_at) // timedelta(days=days) + 1)
    later, zone_name = days * steps, current.time_zone
    wanted = Plan(
        title=current.title,
        community_id=current.community_id,
        starts_at=hours.later(current.starts_at, zone_name, later),
        ends_at=hours.later(current.ends_at, zone_name, later),
        time_zone=zone_name,
        capacity=(await meetups.room(meetup.id)).capacity,
        venue_id=current.venue_id,
        series_id=current.series_id,
        description=current.description,
        programme=current.programme,
        representative=current.representative,
        admission=Admission(current.admission),
    )
    just_made = await _just_made(wanted, by=by, now=now)
    if just_made is not None:
        return await find(Meetup, just_made)
    made = await meetups.plan(wanted, key_id=key_id, by=by, now=now)
    await carry(current, made, by=by, now=now)
    return made


async def _just_made(wanted: Plan, *, by: Actor, now: datetime) -> UUID | None:
    """The draft of these facts that was written a moment ago, if there is one."""
    row = await one(
        "SELECT id FROM meetup WHERE workspace_id = $1 AND starts_at = $2 AND title = $3"
        " AND community_id = $4 AND series_id IS NOT DISTINCT FROM $5"
        " AND venue_id IS NOT DISTINCT FROM $6 AND published_at IS NULL"
        " AND cancelled_at IS NULL AND sequence = 0 AND created_at > $7"
        " ORDER BY id LIMIT 1",
        by.workspace_id,
        wanted.starts_at,
        wanted.title,
        wanted.community_id,
        wanted.series_id,
        wanted.venue_id,
        now - AT_ONCE,
    )
    return row["id"] if row else None


@atomic()
async def carry(source: Meetup, target: Meetup, *, by: Actor, now: datetime) -> None:
    """Bring along what was prepared: who stands for the brand, the steps, the tasks."""
    there, zone_name = source.starts_at, source.time_zone
    moved = (
        hours.wall(target.starts_at, target.time_zone)[0] - hours.wall(there, zone_name)[0]
    )
    await representatives.copy(source.id, target.id, by=by)
    await cues.copy(source.id, target.id, by=by)
    await tasks.copy(source.id, target.id, moved, by=by, now=now)
