"""Drafts: the next editions of a series, prepared so that an organiser only has to publish.

A draft is what the series says each edition is, on its date. A date has one meetup: two who
prepare at once wait in line, and what is prepared twice is once.
"""

from datetime import date, datetime
from itertools import islice
from uuid import UUID

from events.planning import meetups, series
from events.planning.facts import Admission, Plan
from events.planning.meetups import Meetup
from events.planning.recurrences import (
    Recurrence,
    coming,
    held_of,
    rule_of,
    rules_of,
    span_of,
)
from events.planning.series import Series
from server.audit import Actor
from server.database import atomic, find, sql
from server.errors import Conflict
from server.i18n import lazy

AHEAD = 3
MOST_AHEAD = 12


class NeedsCapacity(Conflict):
    message = lazy("Say first how many people may come to an edition.")


# Commands


@atomic()
async def prepare(
    series_id: UUID, *, ahead: int = AHEAD, key_id: int, by: Actor, now: datetime
) -> list[Meetup]:
    """Draft the meetups of the next dates that have none; twice is once."""
    await series.hold(series_id, by=by)
    wanted = list(islice(coming(await rules_of(series_id), now), min(ahead, MOST_AHEAD)))
    if not wanted:
        return []
    held = await held_of(
        [one.id for one, _day in wanted], wanted[0][1], max(day for _one, day in wanted)
    )
    there = {(one.recurrence_id, one.occurs_on) for one in held}
    return [
        await _draft(series_id, recurrence, day, key_id=key_id, by=by, now=now)
        for recurrence, day in wanted
        if (recurrence.id, day) not in there
    ]


@atomic()
async def prepare_one(
    series_id: UUID, day: date, *, key_id: int, by: Actor, now: datetime
) -> Meetup:
    """The meetup of this date, drafted when there is none yet."""
    await series.hold(series_id, by=by)
    recurrence = await rule_of(series_id, day)
    for held in await held_of([recurrence.id], day, day):
        return await find(Meetup, held.id)
    return await _draft(series_id, recurrence, day, key_id=key_id, by=by, now=now)


async def _draft(
    series_id: UUID,
    recurrence: Recurrence,
    day: date,
    *,
    key_id: int,
    by: Actor,
    now: datetime,
) -> Meetup:
    """The draft of one date, made as the series says each edition is."""
    wanted = _plan(await series.template_of(series_id), recurrence, day)
    made = await meetups.plan(wanted, key_id=key_id, by=by, now=now)
    await sql(
        "UPDATE meetup SET recurrence_id = $3, occurs_on = $4"
        " WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        made.id,
        recurrence.id,
        day,
    )
    return await find(Meetup, made.id)


def _plan(template: Series, recurrence: Recurrence, day: date) -> Plan:
    """The edition of one date, as the template of its series has it."""
    if template.capacity is None:
        raise NeedsCapacity
    starts_at, ends_at = span_of(recurrence, day)
    return Plan(
        title=template.name,
        community_id=template.community_id,
        starts_at=starts_at,
        ends_at=ends_at,
        time_zone=recurrence.time_zone,
        capacity=template.capacity,
        venue_id=template.venue_id,
        series_id=template.id,
        description=template.description,
        programme=template.programme,
        representative=template.representative,
        admission=Admission(template.admission),
    )
