"""Meetups: one dated gathering, from the draft to the evening that is over.

A meetup is published with a named representative of the brand, or not at all. Its places
are counted on one row (`Seating`) that every registration, release and change of capacity
locks, and that PostgreSQL itself keeps between zero and the capacity.
"""

import secrets
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import asyncpg
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import BigInt, Boolean, Date, Integer, Text, Timestamptz

from events.planning import representatives, venues
from events.planning.facts import (
    LARGEST_CAPACITY,
    WRONG_CAPACITY,
    Admission,
    Plan,
    check_plan,
)
from events.planning.listings import (
    Line,
    Room,
    agenda,
    of_series,
    past,
    reached,
    room,
    upcoming,
)
from events.planning.representatives import NeedsRepresentative
from events.planning.slugs import TAKEN_WORDS, free_slug
from server import audit
from server.audit import Actor
from server.database import Record, atomic, find, one, sql, uuid7
from server.errors import Busy, Conflict, Invalid, NotFound
from server.i18n import lazy
from server.workspaces import slug_of

__all__ = [
    "TAKEN_WORDS",
    "AboveHardLimit",
    "Admission",
    "BelowTaken",
    "ChangedMeanwhile",
    "Line",
    "Meetup",
    "NeedsRepresentative",
    "NotInThisStage",
    "NotOverYet",
    "Plan",
    "Room",
    "Seating",
    "Stage",
    "agenda",
    "cancel",
    "change",
    "check_plan",
    "close",
    "meetup_by_slug",
    "of_series",
    "past",
    "plan",
    "publish",
    "published",
    "reached",
    "resize",
    "room",
    "stage",
    "upcoming",
]


class Stage(StrEnum):
    """Where a meetup is in its life; derived from its dates, never stored."""

    DRAFT = "draft"
    PUBLISHED = "published"
    POSTPONED = "postponed"
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
    postponed_at = Timestamptz(null=True, default=None)
    postponed_reason = Text()
    moved_from = Timestamptz(null=True, default=None)
    recurrence_id = UuidColumn(null=True, default=None)
    occurs_on = Date(null=True, default=None)
    is_apart = Boolean()


class Seating(Record):
    """The places of one meetup (same key); the row everybody who wants one must lock."""

    capacity = Integer()
    taken = Integer()
    next_wait = BigInt()


class NotInThisStage(Conflict):
    message = lazy("The meetup is no longer at this stage. Open it again.")


class ChangedMeanwhile(Conflict):
    message = lazy("Somebody changed this meetup after you had opened it.")


class BelowTaken(Conflict):
    message = lazy("%(taken)s places are taken already: the capacity cannot be lower.")


class AboveHardLimit(Conflict):
    message = lazy("The venue holds %(limit)s people at most.")


class NotOverYet(Conflict):
    message = lazy("The meetup can be closed once it has begun.")


# Rules


def stage(meetup: Meetup | Line | venues.Held, now: datetime) -> Stage:
    """Where this meetup is in its life at this moment."""
    if meetup.cancelled_at is not None:
        return Stage.CANCELLED
    if meetup.closed_at is not None:
        return Stage.CLOSED
    if meetup.published_at is None:
        return Stage.DRAFT
    if meetup.postponed_at is not None:
        return Stage.POSTPONED
    if now < meetup.starts_at:
        return Stage.PUBLISHED
    return Stage.RUNNING if now < meetup.ends_at else Stage.OVER


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
        slug=await free_slug("meetup", slug_of(wanted.title), by.workspace_id),
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
        postponed_reason="",
        is_apart=False,
    )
    try:
        await meetup.save()
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound from error
    except asyncpg.UniqueViolationError as error:  # its number is another's
        raise Busy from error
    await Seating(
        id=meetup.id,
        workspace_id=by.workspace_id,
        capacity=wanted.capacity,
        taken=0,
        next_wait=1,
    ).save()
    await representatives.name_first(meetup.id, wanted.representative, by=by)
    await audit.note(by, "planned", meetup, at=now)
    return meetup


async def _check_hard_limit(venue_id: UUID | None, capacity: int) -> None:
    where = await venues.place(venue_id)
    if venue_id is not None and where is None:
        raise NotFound
    if where and where.hard_limit is not None and capacity > where.hard_limit:
        raise AboveHardLimit(limit=where.hard_limit)


@atomic()
async def change(
    meetup: Meetup,
    wanted: Plan,
    *,
    sequence: int | None = None,
    is_apart: bool = True,
    by: Actor,
    now: datetime,
) -> None:
    """Change what a meetup says of itself; calendars see a new sequence.

    Its community and its admission are fixed once it is published. With the `sequence`
    somebody read, a change made meanwhile is refused. New hours end a postponement, and an
    edition changed by itself stays apart from its series unless the series changes it.
    """
    check_plan(wanted)
    await _check_hard_limit(wanted.venue_id, wanted.capacity)
    await _seat(meetup, wanted.capacity, by=by, now=now)
    await _check_sequence(meetup, sequence, by=by)
    try:
        await representatives.name_first(meetup.id, wanted.representative, by=by)
        row = await _rewrite(meetup, wanted, is_apart=is_apart, by=by, now=now)
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound from error
    except asyncpg.CheckViolationError as error:  # public, and nobody represents the brand
        raise NeedsRepresentative from error
    if row is None:
        raise NotInThisStage
    await audit.note(by, "changed", meetup, at=now)


async def _check_sequence(meetup: Meetup, sequence: int | None, *, by: Actor) -> None:
    """Refuse what was written on top of an older reading; two who save wait in line."""
    row = await one(
        "SELECT sequence FROM meetup WHERE workspace_id = $1 AND id = $2 FOR UPDATE",
        by.workspace_id,
        meetup.id,
    )
    if row is not None and sequence is not None and row["sequence"] != sequence:
        raise ChangedMeanwhile


async def _rewrite(
    meetup: Meetup, wanted: Plan, *, is_apart: bool, by: Actor, now: datetime
) -> asyncpg.Record | None:
    return await one(
        "UPDATE meetup SET title = $3, description = $4, programme = $5,"
        " representative = $6, starts_at = $7, ends_at = $8, time_zone = $9,"
        " venue_id = $10, series_id = $11, updated_at = $12, sequence = sequence + 1,"
        " admission = CASE WHEN published_at IS NULL THEN $13 ELSE admission END,"
        " community_id = CASE WHEN published_at IS NULL THEN $14 ELSE community_id END,"
        " is_apart = is_apart OR ($15 AND recurrence_id IS NOT NULL), postponed_at ="
        " CASE WHEN (starts_at, ends_at) = ($7, $8) THEN postponed_at END, postponed_reason"
        " = CASE WHEN (starts_at, ends_at) = ($7, $8) THEN postponed_reason ELSE '' END,"
        " moved_from = CASE WHEN published_at IS NULL OR starts_at = $7 THEN moved_from"
        " ELSE starts_at END WHERE workspace_id = $1 AND id = $2 AND closed_at IS NULL"
        " AND cancelled_at IS NULL RETURNING id",
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
        wanted.admission.value,
        wanted.community_id,
        is_apart,
    )


@atomic()
async def resize(meetup: Meetup, capacity: int, *, by: Actor, now: datetime) -> None:
    """Change how many may come; never below the places taken, nor above the venue."""
    if not 1 <= capacity <= LARGEST_CAPACITY:
        raise Invalid(capacity=WRONG_CAPACITY)
    current = await find(Meetup, meetup.id)
    if stage(current, now) in {Stage.CLOSED, Stage.CANCELLED}:
        raise NotInThisStage
    await _check_hard_limit(current.venue_id, capacity)
    await _seat(meetup, capacity, by=by, now=now)


async def _seat(meetup: Meetup, capacity: int, *, by: Actor, now: datetime) -> None:
    """Write the capacity down, under the lock of whoever gives places."""
    before = await one(
        "SELECT capacity, taken FROM seating WHERE workspace_id = $1 AND id = $2"
        " FOR UPDATE",
        by.workspace_id,
        meetup.id,
    )
    if before is None:
        raise NotFound
    if before["taken"] > capacity:
        raise BelowTaken(taken=before["taken"])
    if before["capacity"] == capacity:
        return
    await sql(
        "UPDATE seating SET capacity = $3 WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        meetup.id,
        capacity,
    )
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
    held = "postponed_at IS NULL AND published_at IS NOT NULL"
    await _move(meetup, "closed_at", held, by=by, now=now)
    await audit.note(by, "closed", meetup, at=now)


async def _move(
    meetup: Meetup, column: str, condition: str, *, by: Actor, now: datetime
) -> None:
    """Set one of the dates of a life, once; the column is one of our own three."""
    row = await one(
        f"UPDATE meetup SET {column} = $3, updated_at = $3, sequence = sequence + 1"  # noqa: S608
        f" WHERE workspace_id = $1 AND id = $2 AND {column} IS NULL"
        f" AND cancelled_at IS NULL AND {condition} RETURNING id",
        by.workspace_id,
        meetup.id,
        now,
    )
    if row is None:
        raise NotInThisStage


# Queries


async def meetup_by_slug(slug: str) -> Meetup:
    """The meetup of this address, at any stage, or NotFound."""
    if (found := await Meetup.objects().where(Meetup.slug == slug).first()) is None:
        raise NotFound
    return found


async def published(slug: str) -> Meetup:
    """The meetup of this address as everybody may see it, or NotFound."""
    if (meetup := await meetup_by_slug(slug)).published_at is None:
        raise NotFound
    return meetup
