"""Postponements: a meetup that does not take place when it was to, and will all the same.

Places are kept. Without a new date nobody can register and calendars take the entry out;
with one, the same entry comes back. Whoever composes this tells the people.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from events.planning import meetups
from events.planning.facts import check_plan
from events.planning.meetups import Admission, Meetup, NotInThisStage, Plan, Stage
from server import audit
from server.audit import Actor
from server.database import atomic, find, one
from server.errors import Invalid
from server.i18n import lazy

MAY = frozenset({Stage.PUBLISHED, Stage.RUNNING, Stage.POSTPONED})


class NewDate(msgspec.Struct, frozen=True):
    """When it takes place instead."""

    starts_at: datetime
    ends_at: datetime


# Commands


@atomic()
async def postpone(
    meetup: Meetup, until: NewDate | None, reason: str, *, by: Actor, now: datetime
) -> Meetup:
    """Put a public meetup off to another date, or until one is known."""
    current: Meetup = await find(Meetup, meetup.id)
    if meetups.stage(current, now) not in MAY:
        raise NotInThisStage
    if until is not None:
        _check(current, until, now)
    row = await one(
        "UPDATE meetup SET postponed_at = $3, postponed_reason = $4,"
        " starts_at = coalesce($5, starts_at), ends_at = coalesce($6, ends_at),"
        " is_apart = is_apart OR recurrence_id IS NOT NULL, updated_at = $7,"
        " sequence = sequence + 1 WHERE workspace_id = $1 AND id = $2"
        " AND published_at IS NOT NULL AND cancelled_at IS NULL AND closed_at IS NULL"
        " AND (postponed_at IS NULL OR $3::timestamptz IS NULL) RETURNING id",
        by.workspace_id,
        meetup.id,
        None if until else now,
        reason,
        until.starts_at if until else None,
        until.ends_at if until else None,
        now,
    )
    if row is None:  # put off already, or called off between our reading and our writing
        raise NotInThisStage
    await audit.note(by, "rescheduled" if until else "postponed", current, at=now)
    return await find(Meetup, current.id)


def _check(current: Meetup, until: NewDate, now: datetime) -> None:
    """Raise Invalid when nobody could come then."""
    no_community = UUID(int=0)
    plan = Plan(
        title=current.title,
        community_id=no_community,
        starts_at=until.starts_at,
        ends_at=until.ends_at,
        time_zone=current.time_zone,
        capacity=1,
        admission=Admission(current.admission),
    )
    check_plan(plan)
    if until.ends_at <= now:
        raise Invalid(starts_at=lazy("Choose a date that is to come."))
