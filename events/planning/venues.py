"""Venues: where people meet, how to get in, and the number that may never be passed.

The capacity is how many are comfortable there; the hard limit is that of the safety rules.
A venue that is archived is offered no more and keeps the history of what was held there.
"""

import re
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import Integer, Text, Timestamptz

from events.planning.slugs import free_slug
from server import audit
from server.audit import Actor
from server.database import Record, atomic, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.forms import clean
from server.i18n import Lazy, lazy, number
from server.i18n import gettext as _
from server.workspaces import slug_of

LARGEST = 100_000
WRONG_CAPACITY = lazy("Between 1 and 100,000 people.")


class Venue(Record):
    """One place with its address, its access and its hard limit of people inside."""

    slug = Text()
    name = Text()
    address = Text()
    access = Text()
    capacity = Integer(null=True, default=None)
    hard_limit = Integer(null=True, default=None)
    terms = Text()
    contact = Text()
    website = Text()
    created_at = Timestamptz()
    archived_at = Timestamptz(null=True, default=None)


class Place(msgspec.Struct, frozen=True):
    """A venue as a page shows it."""

    id: UUID
    name: str
    address: str
    access: str
    hard_limit: int | None
    slug: str = ""
    capacity: int | None = None


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue says of itself: what the CM writes on its page."""

    name: str
    address: str = ""
    access: str = ""
    capacity: int | None = None
    hard_limit: int | None = None
    terms: str = ""
    contact: str = ""
    website: str = ""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A venue in a list, with what was held there."""

    id: UUID
    slug: str
    name: str
    address: str
    capacity: int | None
    hard_limit: int | None
    archived_at: datetime | None
    meetups: int
    last_at: datetime | None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A meetup at a venue, with how many had a place and how many came."""

    id: UUID
    slug: str
    title: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    published_at: datetime | None
    postponed_at: datetime | None
    cancelled_at: datetime | None
    closed_at: datetime | None
    registered: int
    attended: int


class TooManyPlanned(Conflict):
    message = lazy("A meetup there has %(places)s places: lower its capacity first.")


class VenueExists(Conflict):
    message = lazy("A venue has this name already.")


# Rules


def check_about(about: About) -> None:
    """Raise Invalid with one sentence for each answer that cannot stand."""
    wrong: dict[str, str | Lazy] = {}
    if not about.name:
        wrong["name"] = lazy("This answer is missing.")
    if about.capacity is not None and not 1 <= about.capacity <= LARGEST:
        wrong["capacity"] = WRONG_CAPACITY
    if about.hard_limit is not None and not 1 <= about.hard_limit <= LARGEST:
        wrong["hard_limit"] = WRONG_CAPACITY
    if about.capacity and about.hard_limit and about.capacity > about.hard_limit:
        wrong["capacity"] = _(
            "%(limit)s at most: the safety rules say so.", limit=number(about.hard_limit)
        )
    if wrong:
        raise Invalid(**wrong)


# Commands


@atomic()
async def make_venue(
    name: str,
    *,
    address: str = "",
    access: str = "",
    hard_limit: int | None = None,
    by: Actor,
    now: datetime,
) -> UUID:
    """The venue of this name, made or brought up to date."""
    if hard_limit is not None and hard_limit < 1:
        raise Invalid(hard_limit=lazy("The limit is at least one person."))
    row = await one(
        "INSERT INTO venue"
        " (id, workspace_id, name, address, access, hard_limit, created_at, slug)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        " ON CONFLICT (workspace_id, name) DO UPDATE SET archived_at = NULL,"
        " address = coalesce(nullif(excluded.address, ''), venue.address),"
        " access = coalesce(nullif(excluded.access, ''), venue.access),"
        " hard_limit = coalesce(excluded.hard_limit, venue.hard_limit),"
        " capacity = CASE WHEN venue.capacity IS NOT NULL THEN"
        " least(venue.capacity, coalesce(excluded.hard_limit, venue.hard_limit)) END"
        " RETURNING id",
        uuid7(),
        by.workspace_id,
        name,
        address,
        access,
        hard_limit,
        now,
        await free_slug("venue", slug_of(name) or "venue", by.workspace_id),
    )
    assert row is not None  # noqa: S101 - RETURNING always answers
    await audit.note(by, "kept_venue", at=now)
    id_: UUID = row["id"]
    return id_


@atomic()
async def write(about: About, *, by: Actor, now: datetime) -> Venue:
    """A new venue, with all that is known of it."""
    check_about(about)
    venue = Venue(
        id=uuid7(),
        workspace_id=by.workspace_id,
        slug=await free_slug("venue", slug_of(about.name) or "venue", by.workspace_id),
        created_at=now,
        **msgspec.structs.asdict(about),
    )
    try:
        await venue.save()
    except asyncpg.UniqueViolationError as error:
        raise VenueExists from error
    await audit.note(by, "kept_venue", venue, at=now)
    return venue


@atomic()
async def change(venue_id: UUID, about: About, *, by: Actor, now: datetime) -> None:
    """Say it otherwise; no meetup to come may have more places than the hard limit."""
    check_about(about)
    await _check_planned(venue_id, about.hard_limit, by=by)
    try:
        row = await one(
            "UPDATE venue SET name = $3, address = $4, access = $5, capacity = $6,"
            " hard_limit = $7, terms = $8, contact = $9, website = $10"
            " WHERE workspace_id = $1 AND id = $2 RETURNING id",
            by.workspace_id,
            venue_id,
            *msgspec.structs.astuple(about),
        )
    except asyncpg.UniqueViolationError as error:
        raise VenueExists from error
    if row is None:
        raise NotFound
    await audit.note(by, "changed_venue", at=now)


async def _check_planned(venue_id: UUID, hard_limit: int | None, *, by: Actor) -> None:
    row = await one(
        "SELECT max(s.capacity) AS places FROM meetup m JOIN seating s"
        " ON s.workspace_id = m.workspace_id AND s.id = m.id WHERE m.workspace_id = $1"
        " AND m.venue_id = $2 AND m.closed_at IS NULL AND m.cancelled_at IS NULL",
        by.workspace_id,
        venue_id,
    )
    if row and row["places"] and hard_limit is not None and row["places"] > hard_limit:
        raise TooManyPlanned(places=row["places"])


@atomic()
async def archive(venue_id: UUID, *, by: Actor, now: datetime) -> None:
    """Offer a venue no more; what was and will be held there stays."""
    await _date(venue_id, now, by=by)
    await audit.note(by, "archived_venue", at=now)


@atomic()
async def bring_back(venue_id: UUID, *, by: Actor, now: datetime) -> None:
    """Offer a venue again."""
    await _date(venue_id, None, by=by)
    await audit.note(by, "brought_venue_back", at=now)


async def _date(venue_id: UUID, at: datetime | None, *, by: Actor) -> None:
    row = await one(
        "UPDATE venue SET archived_at = $3 WHERE workspace_id = $1 AND id = $2"
        " RETURNING id",
        by.workspace_id,
        venue_id,
        at,
    )
    if row is None:
        raise NotFound


# Queries

_PLACE = "SELECT id, name, address, access, hard_limit, slug, capacity FROM venue"
_LINE = (
    "SELECT v.id, v.slug, v.name, v.address, v.capacity, v.hard_limit, v.archived_at,"
    " h.meetups, h.last_at FROM venue v, LATERAL (SELECT count(*) AS meetups,"
    " max(m.starts_at) AS last_at FROM meetup m WHERE m.workspace_id = v.workspace_id"
    " AND m.venue_id = v.id AND m.published_at IS NOT NULL AND m.cancelled_at IS NULL) h"
    " WHERE v.workspace_id = ANY (apero_scope())"
)


async def venues() -> list[Place]:
    """The venues a meetup may be planned at, by name."""
    return await sql(
        f"{_PLACE} WHERE archived_at IS NULL ORDER BY name LIMIT 500", into=Place
    )


async def place(venue_id: UUID | None) -> Place | None:
    """The venue of this key, if there is one."""
    if venue_id is None:
        return None
    return await one(
        f"{_PLACE} WHERE workspace_id = ANY (apero_scope()) AND id = $1",
        venue_id,
        into=Place,
    )


async def listing(
    *,
    search: str = "",
    is_archived: bool = False,
    after: tuple[str, UUID] | None = None,
    limit: int = 50,
) -> list[Line]:
    """The venues of the workspace by name, paged by key; names and addresses searched."""
    name, id_ = after or (None, None)
    return await sql(
        f"{_LINE} AND ($1 = '' OR apero_plain(v.name || ' ' || v.address)"
        " LIKE '%' || apero_plain($1) || '%') AND (v.archived_at IS NOT NULL) = $2"
        " AND ($3::text IS NULL OR (v.name, v.id) > ($3, $4::uuid))"
        " ORDER BY v.name, v.id LIMIT $5",
        re.sub(r"([\\%_])", r"\\\1", clean(search)),
        is_archived,
        name,
        id_,
        limit,
        into=Line,
    )


async def venue_by_slug(slug: str) -> Venue:
    """The venue of this address, archived or not, or NotFound."""
    found: Venue | None = await Venue.objects().where(Venue.slug == slug).first()
    if found is None:
        raise NotFound
    return found


async def history(
    venue_id: UUID, *, before: tuple[datetime, UUID] | None = None, limit: int = 50
) -> list[Held]:
    """What was and will be held there, latest first, paged by key."""
    at, id_ = before or (None, None)
    return await sql(
        "SELECT m.id, m.slug, m.title, m.starts_at, m.ends_at, m.time_zone,"
        " m.published_at, m.postponed_at, m.cancelled_at, m.closed_at, r.registered,"
        " r.attended FROM meetup m, LATERAL (SELECT"
        " count(*) FILTER (WHERE status = 'confirmed' AND source <> 'walk_in')"
        " AS registered, count(attended_at) AS attended FROM registration"
        " WHERE workspace_id = m.workspace_id AND meetup_id = m.id) r"
        " WHERE m.workspace_id = ANY (apero_scope()) AND m.venue_id = $1"
        " AND ($2::timestamptz IS NULL OR (m.starts_at, m.id) < ($2, $3::uuid))"
        " ORDER BY m.starts_at DESC, m.id DESC LIMIT $4",
        venue_id,
        at,
        id_,
        limit,
        into=Held,
    )
