"""Timetables: what a change of a series does to the editions people hold places at.

The series changes first, then each edition that was prepared, in one transaction: whoever
has a place at one that moves is told by letter. An edition that was changed by itself is
left as it is unless somebody asks otherwise.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from events.admission.releases import change_meetup
from events.admission.tickets import Keys
from events.planning import meetups, rearrangements, recurrences, series
from events.planning.facts import Admission, Plan
from events.planning.meetups import Meetup, Stage
from events.planning.recurrences import Rhythm
from events.planning.series import Series, Template
from server.audit import Actor
from server.database import atomic, find, one, sql
from server.errors import NotFound
from server.look import Look


class Reach(StrEnum):
    """Which editions a change of the template reaches, beside those not prepared yet."""

    NEW = "new"
    PREPARED = "prepared"
    ALL = "all"


class Desk(msgspec.Struct, frozen=True):
    """From whom letters leave, and with what their links are made."""

    look: Look
    origin: str
    keys: Keys


class Outcome(msgspec.Struct, frozen=True):
    """What became of the editions that were prepared, and how many people are told."""

    moved: int
    apart: int
    left: int
    told: int


class Standing(msgspec.Struct, frozen=True):
    """May everybody see a series (announced, or with a published meetup); its followers."""

    is_public: bool
    followers: int


# Rules


def plan_of(meetup: Meetup, capacity: int) -> Plan:
    """A meetup as it stands, to be changed in part."""
    return Plan(
        title=meetup.title,
        community_id=meetup.community_id,
        starts_at=meetup.starts_at,
        ends_at=meetup.ends_at,
        time_zone=meetup.time_zone,
        capacity=capacity,
        venue_id=meetup.venue_id,
        series_id=meetup.series_id,
        description=meetup.description,
        programme=meetup.programme,
        representative=meetup.representative,
        admission=Admission(meetup.admission),
    )


def reshaped(plan: Plan, before: Series, wanted: Template) -> Plan:
    """The plan with what the template changes; what was not changed stays as it is."""
    pairs = (
        ("title", before.name, wanted.name),
        ("description", before.description, wanted.description),
        ("programme", before.programme, wanted.programme),
        ("representative", before.representative, wanted.representative),
        ("capacity", before.capacity, wanted.capacity),
        ("admission", Admission(before.admission), wanted.admission),
        ("venue_id", before.venue_id, wanted.venue_id),
    )
    chosen: dict[str, object] = {
        name: new
        for name, old, new in pairs
        if old != new and not (name == "capacity" and new is None)
    }
    return msgspec.structs.replace(plan, **chosen)


# Commands


@atomic()
async def rearrange(
    series_id: UUID,
    since: date | None,
    wanted: Rhythm,
    *,
    include_apart: bool,
    desk: Desk,
    by: Actor,
    now: datetime,
) -> Outcome:
    """Give this date and the following ones, or all to come, another rhythm."""
    altered = await rearrangements.alter(
        series_id, since, wanted, include_apart=include_apart, by=by, now=now
    )
    told = 0
    for move in altered.moves:
        meetup = await find(Meetup, move.meetup_id)
        plan = plan_of(meetup, (await meetups.room(meetup.id)).capacity)
        told += await _told(meetup, now)
        moved = msgspec.structs.replace(
            plan,
            starts_at=move.starts_at,
            ends_at=move.ends_at,
            time_zone=move.time_zone,
        )
        await _change(meetup, moved, desk, by=by, now=now)
    apart = 0 if include_apart else altered.apart
    return Outcome(len(altered.moves), apart, altered.left, told)


@atomic()
async def give(
    series_id: UUID,
    since: date | None,
    wanted: Rhythm,
    *,
    include_apart: bool,
    desk: Desk,
    by: Actor,
    now: datetime,
) -> Outcome | None:
    """Give a series its first dates, or other ones; None when it had none to come."""
    known = await recurrences.rules_of(series_id)
    if next(recurrences.coming(known, now), None) is None:
        await recurrences.begin(series_id, wanted, by=by, now=now)
        return None
    return await rearrange(
        series_id, since, wanted, include_apart=include_apart, desk=desk, by=by, now=now
    )


@atomic()
async def reshape(
    series_id: UUID,
    wanted: Template,
    reach: Reach,
    *,
    since: date | None = None,
    desk: Desk,
    by: Actor,
    now: datetime,
) -> Outcome:
    """Say what editions are made of, and make those prepared already the same."""
    await series.hold(series_id, by=by)
    before = await series.whole(series_id)
    await series.reshape(series_id, wanted, by=by, now=now)
    if reach is Reach.NEW:
        return Outcome(0, 0, 0, 0)
    changed = told = apart = 0
    for meetup in await _to_come(series_id, since or now.date(), now):
        if meetup.is_apart and reach is not Reach.ALL:
            apart += 1
            continue
        plan = plan_of(meetup, (await meetups.room(meetup.id)).capacity)
        after = reshaped(plan, before, wanted)
        if after != plan:
            changed += 1
            told += await _told(meetup, now) if after.venue_id != plan.venue_id else 0
            await _change(meetup, after, desk, by=by, now=now)
    return Outcome(changed, apart, 0, told)


async def _change(
    meetup: Meetup, wanted: Plan, desk: Desk, *, by: Actor, now: datetime
) -> None:
    """Change one edition as its series says; it is no longer apart from it."""
    await change_meetup(
        meetup,
        wanted,
        is_apart=False,
        origin=desk.origin,
        workspace=desk.look,
        keys=desk.keys,
        by=by,
        now=now,
    )
    await sql(
        "UPDATE meetup SET is_apart = false WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        meetup.id,
    )


async def _told(meetup: Meetup, now: datetime) -> int:
    """How many people a letter about a change of this meetup reaches."""
    is_public = meetups.stage(meetup, now) is not Stage.DRAFT
    return await meetups.reached(meetup.id) if is_public else 0


# Queries


async def _to_come(series_id: UUID, since: date, now: datetime) -> list[Meetup]:
    """The editions of a series from this date on that have not begun."""
    return await (
        Meetup.objects()
        .where(
            Meetup.series_id == series_id,
            Meetup.occurs_on >= since,
            Meetup.starts_at > now,
            Meetup.cancelled_at.is_null(),
            Meetup.closed_at.is_null(),
        )
        .order_by(Meetup.starts_at)
    )


async def zone_of(series_id: UUID, now: datetime, otherwise: str) -> str:
    """The time zone of the dates to come; without any, the one given."""
    known = await recurrences.rules_of(series_id)
    current = next(recurrences.coming(known, now), None)
    return current[0].time_zone if current else otherwise


async def standing(series_id: UUID) -> Standing:
    """What everybody may see of a series, and how many follow it."""
    found = await one(
        "SELECT s.announced_at IS NOT NULL OR EXISTS (SELECT 1 FROM meetup m"
        " WHERE m.workspace_id = s.workspace_id AND m.series_id = s.id"
        " AND m.published_at IS NOT NULL) AS is_public, (SELECT count(*) FROM follower f"
        " WHERE f.workspace_id = s.workspace_id AND f.series_id = s.id"
        " AND f.confirmed_at IS NOT NULL AND f.ended_at IS NULL) AS followers"
        " FROM series s WHERE s.workspace_id = ANY (apero_scope()) AND s.id = $1",
        series_id,
        into=Standing,
    )
    if found is None:
        raise NotFound
    return found
