"""Stints: the hours ambassadors give, and how often they are asked in a row.

A volunteer who is asked week after week gets tired before she says so: the weeks in a
row are counted from what was asked of her and from what she did, and shown to everybody
who might ask again.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Date as DateColumn
from piccolo.columns import Integer, Text, Timestamptz

from server import audit
from server.audit import Actor
from server.database import Record, atomic, one, sql, uuid7
from server.errors import Invalid, NotFound
from server.i18n import lazy

LONGEST_DAY = 24 * 60
OLDEST = timedelta(days=366)
A_WEEK = timedelta(days=7)
MANY_WEEKS = 4  # from then on the page advises a rest


class Stint(Record):
    """Time one ambassador gave on one day."""

    ambassador_id = UuidColumn()
    meetup_id = UuidColumn(null=True, default=None)
    worked_on = DateColumn()
    minutes = Integer()
    note = Text()
    created_at = Timestamptz()
    removed_at = Timestamptz(null=True, default=None)


class StintLine(msgspec.Struct, frozen=True):
    """A stint in a list."""

    id: UUID
    worked_on: date
    minutes: int
    note: str
    meetup: str


class Load(msgspec.Struct, frozen=True):
    """How much an ambassador carries: minutes in 28 days and in all, weeks in a row."""

    minutes: int = 0
    lately: int = 0
    weeks: int = 0

    @property
    def is_heavy(self) -> bool:
        """Is it time to leave her in peace?"""
        return self.weeks >= MANY_WEEKS


# Rules


def weeks_in_a_row(days: Iterable[date], today: date) -> int:
    """How many weeks without a pause lead to this one, or to the last one.

    Weeks begin on Monday (ISO 8601), counted by their Mondays so that week 53 is a week.
    """
    mondays = {day - timedelta(days=day.weekday()) for day in days if day <= today}
    monday = today - timedelta(days=today.weekday())
    if monday not in mondays:
        monday -= A_WEEK
    weeks = 0
    while monday in mondays:
        weeks, monday = weeks + 1, monday - A_WEEK
    return weeks


# Commands


@atomic()
async def log(
    ambassador_id: UUID,
    *,
    worked_on: date,
    minutes: int,
    note: str = "",
    meetup_id: UUID | None = None,
    today: date,
    by: Actor,
    now: datetime,
) -> UUID:
    """Write down the time she gave on one day."""
    _check(worked_on, minutes, today)
    stint = Stint(
        id=uuid7(),
        workspace_id=by.workspace_id,
        ambassador_id=ambassador_id,
        meetup_id=meetup_id,
        worked_on=worked_on,
        minutes=minutes,
        note=note,
        created_at=now,
    )
    try:
        await stint.save()
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound from error
    await audit.note(by, "logged_stint", stint, at=now)
    id_: UUID = stint.id
    return id_


def _check(worked_on: date, minutes: int, today: date) -> None:
    """Raise Invalid when no day can be like this one, or it is too long ago."""
    if not 1 <= minutes <= LONGEST_DAY:
        raise Invalid(minutes=lazy("A day has 24 hours at most."))
    if not today - OLDEST <= worked_on <= today:
        raise Invalid(worked_on=lazy("Choose a day of the past year, today at the latest."))


@atomic()
async def remove(stint_id: UUID, ambassador_id: UUID, *, by: Actor, now: datetime) -> None:
    """Take back a time that was written down."""
    row = await one(
        "UPDATE stint SET removed_at = $4 WHERE workspace_id = $1 AND id = $2"
        " AND ambassador_id = $3 AND removed_at IS NULL RETURNING id",
        by.workspace_id,
        stint_id,
        ambassador_id,
        now,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "removed_stint", at=now)


# Queries


async def stints_of(ambassador_id: UUID, *, limit: int = 50) -> list[StintLine]:
    """The time an ambassador gave, latest first."""
    return await sql(
        "SELECT s.id, s.worked_on, s.minutes, s.note, coalesce(m.title, '') AS meetup"
        " FROM stint s LEFT JOIN meetup m ON m.workspace_id = s.workspace_id"
        " AND m.id = s.meetup_id WHERE s.workspace_id = ANY (apero_scope())"
        " AND s.ambassador_id = $1 AND s.removed_at IS NULL"
        " ORDER BY s.worked_on DESC, s.id DESC LIMIT $2",
        ambassador_id,
        limit,
        into=StintLine,
    )


async def loads(ambassador_ids: list[UUID], today: date) -> dict[UUID, Load]:
    """How much each of these ambassadors carries: hours given, and weeks in a row."""
    rows = await sql(
        "SELECT a.id, coalesce(s.minutes, 0) AS minutes, coalesce(s.lately, 0) AS lately,"
        " coalesce(s.days, '{}') || coalesce(k.days, '{}') AS days"
        " FROM unnest($1::uuid[]) AS a (id)"
        " LEFT JOIN LATERAL (SELECT sum(minutes) AS minutes, array_agg(worked_on) AS days,"
        "  sum(minutes) FILTER (WHERE worked_on > $2::date - 28) AS lately FROM stint"
        "  WHERE workspace_id = ANY (apero_scope()) AND ambassador_id = a.id"
        "  AND removed_at IS NULL) s ON true"
        " LEFT JOIN LATERAL (SELECT array_agg(i.day) AS days FROM mission m"
        "  JOIN workspace w ON w.id = m.workspace_id CROSS JOIN LATERAL (VALUES"
        "  ((m.created_at AT TIME ZONE w.time_zone)::date), (m.due_on)) AS i (day)"
        "  WHERE m.workspace_id = ANY (apero_scope()) AND m.ambassador_id = a.id"
        "  AND m.dropped_at IS NULL AND i.day IS NOT NULL) k ON true",
        ambassador_ids,
        today,
    )
    return {
        row["id"]: Load(row["minutes"], row["lately"], weeks_in_a_row(row["days"], today))
        for row in rows
    }
