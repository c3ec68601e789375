"""Cues: the run of show, what happens when, and who sees to it.

A cue is so many minutes after the beginning (or before it), so that a meetup that moves
takes its whole evening along. A public one stands on the page that everybody reads.
"""

from datetime import datetime, time, timedelta
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Boolean, Integer, Text

from events.planning import hours
from events.planning.representatives import hold
from server import audit
from server.audit import Actor
from server.database import Record, atomic, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import lazy

FIRST, LAST = -7 * 24 * 60, 7 * 24 * 60  # a week around the beginning
HALF_A_DAY = 12 * 60
MOST = 200


class Cue(Record):
    """One step of one evening."""

    meetup_id = UuidColumn()
    minute = Integer()
    title = Text()
    owner = Text()
    note = Text()
    is_public = Boolean()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What a cue says."""

    minute: int
    title: str
    owner: str = ""
    note: str = ""
    is_public: bool = False


class Line(Step, frozen=True, kw_only=True):
    """A cue in the run of show."""

    id: UUID


class TooMany(Conflict):
    message = lazy("An evening has two hundred steps at most.")


# Rules


def minute_of(at: time, starts_at: datetime, time_zone: str) -> int:
    """How long after the beginning clocks show this hour, at most half a day away.

    Raises Invalid(at=…) for an hour that the clocks skip.
    """
    day, _ = hours.wall(starts_at, time_zone)
    around = (hours.moment(day + timedelta(days=n), at, time_zone) for n in (-1, 0, 1))
    away = [round((one - starts_at) / timedelta(minutes=1)) for one in around if one]
    nearest = min(away, key=lambda minutes: (abs(minutes), -minutes), default=LAST)
    if abs(nearest) > HALF_A_DAY:
        raise Invalid(at=hours.SKIPPED)
    return nearest


def moment_of(minute: int, starts_at: datetime) -> datetime:
    """When a cue is due."""
    return starts_at + timedelta(minutes=minute)


def check_step(step: Step) -> None:
    """Raise Invalid with a sentence for each answer that cannot stand."""
    if not step.title:
        raise Invalid(title=lazy("This answer is missing."))
    if not FIRST <= step.minute <= LAST:
        raise Invalid(minute=lazy("A step is a week from the beginning at most."))


# Commands


@atomic()
async def add(meetup_id: UUID, step: Step, *, by: Actor, now: datetime) -> UUID:
    """One more step of the evening."""
    check_step(step)
    await hold(meetup_id, by=by)
    if len(await of_meetup(meetup_id)) >= MOST:
        raise TooMany
    id_ = await _insert(meetup_id, step, by=by)
    await audit.note(by, "kept_cue", at=now)
    return id_


@atomic()
async def change(
    meetup_id: UUID, id_: UUID, step: Step, *, by: Actor, now: datetime
) -> None:
    """Say a step otherwise."""
    check_step(step)
    await hold(meetup_id, by=by)
    row = await one(
        "UPDATE cue SET minute = $4, title = $5, owner = $6, note = $7, is_public = $8"
        " WHERE workspace_id = $1 AND meetup_id = $2 AND id = $3 RETURNING id",
        by.workspace_id,
        meetup_id,
        id_,
        *_values(step),
    )
    if row is None:
        raise NotFound
    await audit.note(by, "kept_cue", at=now)


@atomic()
async def remove(meetup_id: UUID, id_: UUID, *, by: Actor, now: datetime) -> None:
    """Take a step out of the evening."""
    await hold(meetup_id, by=by)
    row = await one(
        "DELETE FROM cue WHERE workspace_id = $1 AND meetup_id = $2 AND id = $3"
        " RETURNING id",
        by.workspace_id,
        meetup_id,
        id_,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "removed_cue", at=now)


async def copy(from_id: UUID, to_id: UUID, *, by: Actor) -> None:
    """The run of show of one meetup at another, in the current transaction."""
    for step in await of_meetup(from_id):
        await _insert(to_id, step, by=by)


async def _insert(meetup_id: UUID, step: Step, *, by: Actor) -> UUID:
    id_ = uuid7()
    await sql(
        "INSERT INTO cue (workspace_id, meetup_id, id, minute, title, owner, note,"
        " is_public) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        by.workspace_id,
        meetup_id,
        id_,
        *_values(step),
    )
    return id_


def _values(step: Step) -> tuple[int, str, str, str, bool]:
    return step.minute, step.title, step.owner, step.note, step.is_public


# Queries


async def of_meetup(meetup_id: UUID, *, is_public: bool = False) -> list[Line]:
    """The run of show in order of time; of the public ones only, when asked."""
    return await sql(
        "SELECT id, minute, title, owner, note, is_public FROM cue"
        " WHERE workspace_id = ANY (apero_scope()) AND meetup_id = $1"
        " AND (is_public OR NOT $2) ORDER BY minute, id LIMIT $3",
        meetup_id,
        is_public,
        MOST,
        into=Line,
    )
