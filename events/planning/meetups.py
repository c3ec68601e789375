"""Meetups: one dated gathering, from the draft to the evening that is over.

A meetup is published with a named representative of the brand, or not at all. Its places
are counted on one row (`Seating`) that every registration, release and change of capacity
locks, and that PostgreSQL itself keeps between zero and the capacity.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import BigInt, Integer, Text, Timestamptz
from piccolo.columns import UUID as UuidColumn

from events.planning import venues
from server import audit
from server.audit import Actor
from server.database import Record, atomic, find, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import lazy, zone
from server.workspaces import slug_of

LARGEST_CAPACITY = 100_000
LONGEST_EVENING = timedelta(days=7)


class Admission(StrEnum):
    FIRST_COME = "first_come"
    LOTTERY = "lottery"


class Stage(StrEnum):
    """Where a meetup is in its life; derived from its dates, never stored."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RUNNING = "running"
    OVER = "over"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Meetup(Record):
    """One dated gathering of a community."""

    community_id = UuidColumn()
    series_id = UuidColumn(null=True, default=None)
    venue_id = UuidColumn(null=True, default=None)
    number = BigInt()
    key_id = Integer()
    slug = Text()
    title = Text()
    description = Text()
    programme = Text()
    representative = Text()
    starts_at = Timestamptz()
    ends_at = Timestamptz()
    time_zone = Text()
    admission = Text()
    created_at = Timestamptz()
    updated_at = Timestamptz()
    sequence = Integer()
    published_at = Timestamptz(null=True, default=None)
    cancelled_at = Timestamptz(null=True, default=None)
    cancelled_reason = Text()
    closed_at = Timestamptz(null=True, default=None)


class Seating(Record):
    """The places of one meetup (same key); the row everybody who wants one must lock."""

    capacity = Integer()
    taken = Integer()
    next_wait = BigInt()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a meetup says of itself: what the CM writes on the planning page."""

    title: str
    community_id: UUID
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    capacity: int
    venue_id: UUID | None = None
    series_id: UUID | None = None
    description: str = ""
    programme: str = ""
    representative: str = ""
    admission: Admission = Admission.FIRST_COME


class Room(msgspec.Struct, frozen=True):
    """How full a meetup is."""

    capacity: int
    taken: int
    waiting: int

    @property
    def left(self) -> int:
        return self.capacity - self.taken

    @property
    def share(self) -> float:
        return self.taken / self.capacity if self.capacity else 1.0


class Line(msgspec.Struct, frozen=True):
    """A meetup in a list."""

    id: UUID
    slug: str
    title: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    venue: str
    published_at: datetime | None
    cancelled_at: datetime | None
    closed_at: datetime | None
    capacity: int
    taken: int


class NeedsRepresentative(Conflict):
    message = lazy("Name who represents the brand that evening, then publish.")


class NotInThisStage(Conflict):
    message = lazy("The meetup is no longer at this stage. Open it again.")


class BelowTaken(Conflict):
    message = lazy("%(taken)s places are taken already: the capacity cannot be lower.")


class AboveHardLimit(Conflict):
    message = lazy("The venue holds %(limit)s people at most.")


class NotOverYet(Conflict):
    message = lazy("The meetup can be closed once it has begun.")


# Rules


def stage(meetup: Meetup | Line, now: datetime) -> Stage:
    """Where this meetup is in its life at this moment."""
    if meetup.cancelled_at is not None:
        return Stage.CANCELLED
    if meetup.closed_at is not None:
        return Stage.CLOSED
    if meetup.published_at is None:
        return Stage.DRAFT
    if now < meetup.starts_at:
        return Stage.PUBLISHED
    return Stage.RUNNING if now < meetup.ends_at else Stage.OVER


def check_plan(plan: Plan) -> None:
    """Raise Invalid with one sentence for each answer that cannot stand."""
    wrong = {}
    if not slug_of(plan.title):
        wrong["title"] = lazy("The name needs at least one letter or figure.")
    if not 1 <= plan.capacity <= LARGEST_CAPACITY:
        wrong["capacity"] = lazy("Between 1 and 100,000 people.")
    if plan.ends_at <= plan.starts_at:
        wrong["ends_at"] = lazy("The end comes after the beginning.")
    elif plan.ends_at - plan.starts_at > LONGEST_EVENING:
        wrong["ends_at"] = lazy("A meetup lasts seven days at most.")
    if not 2000 <= plan.starts_at.year <= 2150:
        wrong["starts_at"] = lazy("Choose a year between 2000 and 2150.")
    try:
        zone(plan.time_zone)
    except (KeyError, ValueError, OSError):
        wrong["time_zone"] = lazy("Choose one of the answers offered.")
    if wrong:
        raise Invalid(**wrong)


# Commands


@atomic()
async def plan(wanted: Plan, *, key_id: int, by: Actor, now: datetime) -> Meetup:
    """Write a draft; nobody but the team sees it."""
    check_plan(wanted)
    await _check_hard_limit(wanted.venue_id, wanted.capacity)
    meetup = Meetup(
        id=uuid7(),
        workspace_id=by.workspace_id,
        community_id=wanted.community_id,
        series_id=wanted.series_id,
        venue_id=wanted.venue_id,
        number=secrets.randbits(32),
        key_id=key_id,
        slug=await _free_slug(slug_of(wanted.title), by.workspace_id),
        title=wanted.title,
        description=wanted.description,
        programme=wanted.programme,
        representative=wanted.representative,
        starts_at=wanted.starts_at,
        ends_at=wanted.ends_at,
        time_zone=wanted.time_zone,
        admission=wanted.admission.value,
        created_at=now,
        updated_at=now,
        sequence=0,
        cancelled_reason="",
    )
    try:
        await meetup.save()
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound from error
    await Seating(
        id=meetup.id,
        workspace_id=by.workspace_id,
        capacity=wanted.capacity,
        taken=0,
        next_wait=1,
    ).save()
    await audit.note(by, "planned", meetup, at=now)
    return meetup


async def _free_slug(slug: str, workspace_id: UUID) -> str:
    """This slug, or the first free one after it."""
    rows = await sql(
        "SELECT slug FROM meetup WHERE workspace_id = $1 AND (slug = $2 OR slug LIKE $2 || '-%')",
        workspace_id,
        slug,
    )
    taken = {row["slug"] for row in rows}
    if slug not in taken:
        return slug
    return next(f"{slug}-{n}" for n in range(2, len(taken) + 3) if f"{slug}-{n}" not in taken)


async def _check_hard_limit(venue_id: UUID | None, capacity: int) -> None:
    where = await venues.place(venue_id)
    if venue_id is not None and where is None:
        raise Invalid(venue_id=lazy("Choose one of the answers offered."))
    if where and where.hard_limit is not None and capacity > where.hard_limit:
        raise AboveHardLimit(limit=where.hard_limit)


@atomic()
async def change(meetup: Meetup, wanted: Plan, *, by: Actor, now: datetime) -> None:
    """Change what a meetup says of itself; calendars see a new sequence."""
    check_plan(wanted)
    await resize(meetup, wanted.capacity, venue_id=wanted.venue_id, by=by, now=now)
    row = await one(
        "UPDATE meetup SET title = $3, description = $4, programme = $5, representative = $6,"
        " starts_at = $7, ends_at = $8, time_zone = $9, venue_id = $10, series_id = $11,"
        " updated_at = $12, sequence = sequence + 1 WHERE workspace_id = $1 AND id = $2"
        " AND closed_at IS NULL AND cancelled_at IS NULL RETURNING id",
        by.workspace_id,
        meetup.id,
        wanted.title,
        wanted.description,
        wanted.programme,
        wanted.representative,
        wanted.starts_at,
        wanted.ends_at,
        wanted.time_zone,
        wanted.venue_id,
        wanted.series_id,
        now,
    )
    if row is None:
        raise NotInThisStage
    await audit.note(by, "changed", meetup, at=now)


@atomic()
async def resize(
    meetup: Meetup, capacity: int, *, venue_id: UUID | None = None, by: Actor, now: datetime
) -> None:
    """Change how many people may come; never below the places taken, nor above the venue."""
    await _check_hard_limit(venue_id or meetup.venue_id, capacity)
    row = await one(
        "UPDATE seating SET capacity = $3 WHERE workspace_id = $1 AND id = $2 AND taken <= $3"
        " RETURNING capacity",
        by.workspace_id,
        meetup.id,
        capacity,
    )
    if row is None:
        raise BelowTaken(taken=(await room(meetup.id)).taken)
    await audit.note(by, "resized", meetup, fields=("capacity",), at=now)


@atomic()
async def publish(meetup: Meetup, *, by: Actor, now: datetime) -> None:
    """Open the page of a draft to everybody."""
    current = await find(Meetup, meetup.id)
    if not current.representative:
        raise NeedsRepresentative
    await _move(meetup, "published_at", "published_at IS NULL", by=by, now=now)
    await audit.note(by, "published", meetup, at=now)


@atomic()
async def cancel(meetup: Meetup, reason: str, *, by: Actor, now: datetime) -> None:
    """Call a meetup off; whoever composes this tells the people."""
    await _move(meetup, "cancelled_at", "closed_at IS NULL", by=by, now=now)
    await sql(
        "UPDATE meetup SET cancelled_reason = $3 WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        meetup.id,
        reason,
    )
    await audit.note(by, "cancelled", meetup, at=now)


@atomic()
async def close(meetup: Meetup, *, by: Actor, now: datetime) -> None:
    """Close the evening: who was registered and never came is a no-show from now on."""
    if now < meetup.starts_at:
        raise NotOverYet
    await _move(meetup, "closed_at", "published_at IS NOT NULL", by=by, now=now)
    await audit.note(by, "closed", meetup, at=now)


async def _move(
    meetup: Meetup, column: str, condition: str, *, by: Actor, now: datetime
) -> None:
    """Set one of the dates of a life, once; the column is one of our own three."""
    row = await one(
        f"UPDATE meetup SET {column} = $3, updated_at = $3, sequence = sequence + 1"
        f" WHERE workspace_id = $1 AND id = $2 AND {column} IS NULL AND cancelled_at IS NULL"
        f" AND {condition} RETURNING id",
        by.workspace_id,
        meetup.id,
        now,
    )
    if row is None:
        raise NotInThisStage


# Queries

_LINE = (
    "SELECT m.id, m.slug, m.title, m.starts_at, m.ends_at, m.time_zone,"
    " coalesce(v.name, '') AS venue, m.published_at, m.cancelled_at, m.closed_at,"
    " s.capacity, s.taken FROM meetup m"
    " JOIN seating s ON s.workspace_id = m.workspace_id AND s.id = m.id"
    " LEFT JOIN venue v ON v.workspace_id = m.workspace_id AND v.id = m.venue_id"
)


async def meetup_by_slug(slug: str) -> Meetup:
    """The meetup of this address, at any stage, or NotFound."""
    found = await Meetup.objects().where(Meetup.slug == slug).first()
    if found is None:
        raise NotFound
    return found


async def published(slug: str) -> Meetup:
    """The meetup of this address as everybody may see it, or NotFound."""
    meetup = await meetup_by_slug(slug)
    if meetup.published_at is None:
        raise NotFound
    return meetup


async def room(meetup_id: UUID) -> Room:
    """How full this meetup is."""
    found = await one(
        "SELECT s.capacity, s.taken, (SELECT count(*) FROM registration r"
        " WHERE r.workspace_id = s.workspace_id AND r.meetup_id = s.id"
        " AND r.status = 'waitlisted') AS waiting FROM seating s"
        " WHERE s.workspace_id = ANY (apero_scope()) AND s.id = $1",
        meetup_id,
        into=Room,
    )
    if found is None:
        raise NotFound
    return found


async def upcoming(now: datetime, *, limit: int = 50) -> list[Line]:
    """What is planned and not over, drafts included, soonest first."""
    return await sql(
        f"{_LINE} WHERE m.ends_at >= $1 AND m.cancelled_at IS NULL AND m.closed_at IS NULL"
        " ORDER BY m.starts_at, m.id LIMIT $2",
        now,
        limit,
        into=Line,
    )


async def past(
    now: datetime, *, before: tuple[datetime, UUID] | None = None, limit: int = 50
) -> list[Line]:
    """What is over, closed or called off, latest first, paged by key."""
    at, id_ = before or (None, None)
    return await sql(
        f"{_LINE} WHERE (m.ends_at < $1 OR m.cancelled_at IS NOT NULL OR m.closed_at IS NOT NULL)"
        " AND ($2::timestamptz IS NULL OR (m.starts_at, m.id) < ($2, $3::uuid))"
        " ORDER BY m.starts_at DESC, m.id DESC LIMIT $4",
        now,
        at,
        id_,
        limit,
        into=Line,
    )


async def agenda(now: datetime, *, limit: int = 50) -> list[Line]:
    """What everybody may come to, soonest first."""
    return await sql(
        f"{_LINE} WHERE m.published_at IS NOT NULL AND m.cancelled_at IS NULL"
        " AND m.ends_at >= $1 ORDER BY m.starts_at, m.id LIMIT $2",
        now,
        limit,
        into=Line,
    )


async def of_series(series_id: UUID) -> Sequence[Line]:
    """The meetups of a series in order of time, those called off left out."""
    return await sql(
        f"{_LINE} WHERE m.series_id = $1 AND m.cancelled_at IS NULL"
        " ORDER BY m.starts_at, m.id LIMIT 1000",
        series_id,
        into=Line,
    )
