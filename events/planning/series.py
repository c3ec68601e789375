"""Series: the meetups that follow one another under one name."""

from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Integer, Text, Timestamptz

from events.planning import hours, venues
from events.planning.facts import LARGEST_CAPACITY, WRONG_CAPACITY, Admission
from events.planning.slugs import TAKEN_WORDS
from server import audit
from server.audit import Actor
from server.database import Record, atomic, find, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.forms import clean
from server.i18n import Lazy, lazy
from server.workspaces import slug_of


class Series(Record):
    """What comes back under one name, and what each edition of it is made of."""

    community_id = UuidColumn()
    slug = Text()
    name = Text()
    created_at = Timestamptz()
    description = Text()
    programme = Text()
    representative = Text()
    capacity = Integer(null=True, default=None)
    admission = Text()
    venue_id = UuidColumn(null=True, default=None)
    announced_at = Timestamptz(null=True, default=None)
    ended_at = Timestamptz(null=True, default=None)
    updated_at = Timestamptz()


class SeriesLine(msgspec.Struct, frozen=True):
    """A series with what has been held of it."""

    id: UUID
    community_id: UUID
    slug: str
    name: str
    meetups: int = 0


class Listed(msgspec.Struct, frozen=True):
    """A series in the list of its workspace."""

    id: UUID
    slug: str
    name: str
    community: str
    meetups: int
    drafts: int
    followers: int
    next_at: datetime | None
    time_zone: str | None
    rule: str | None
    announced_at: datetime | None
    ended_at: datetime | None


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """What each new edition says of itself until somebody changes it."""

    name: str
    description: str = ""
    programme: str = ""
    representative: str = ""
    capacity: int | None = None
    admission: Admission = Admission.FIRST_COME
    venue_id: UUID | None = None


class SeriesEnded(Conflict):
    message = lazy("This series has ended. Give it new dates to go on.")


# Rules


def check_template(template: Template) -> None:
    """Raise Invalid with one sentence for each answer that cannot stand."""
    wrong: dict[str, str | Lazy] = {}
    if not slug_of(template.name):
        wrong["name"] = lazy("The name needs at least one letter or figure.")
    if template.capacity is not None and not 1 <= template.capacity <= LARGEST_CAPACITY:
        wrong["capacity"] = WRONG_CAPACITY
    if not hours.is_programme(template.programme):
        wrong["programme"] = lazy("Begin each line with its hour: 19:00 Doors open.")
    if wrong:
        raise Invalid(**wrong)


# Commands


@atomic()
async def make_series(
    name: str, *, community_id: UUID, by: Actor, now: datetime
) -> SeriesLine:
    """The series of this name in the workspace, made on the first call."""
    slug = slug_of(name)
    if not slug:
        raise Invalid(series=lazy("The name needs at least one letter or figure."))
    try:
        found = await one(
            "INSERT INTO series (id, workspace_id, community_id, slug, name, created_at)"
            " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id, slug)"
            " DO UPDATE SET name = series.name RETURNING id, community_id, slug, name",
            uuid7(),
            by.workspace_id,
            community_id,
            slug,
            name,
            now,
            into=SeriesLine,
        )
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound from error
    assert found is not None  # noqa: S101 - RETURNING always answers
    await audit.note(by, "kept_series", found, at=now)
    return found


@atomic()
async def make_new(
    template: Template, *, community_id: UUID, by: Actor, now: datetime
) -> SeriesLine:
    """A new series of this template; a name that is taken is refused."""
    check_template(template)
    slug = slug_of(template.name)
    if slug in TAKEN_WORDS or await one(
        "SELECT id FROM series WHERE workspace_id = $1 AND slug = $2", by.workspace_id, slug
    ):
        raise Invalid(name=lazy("Another series has this name."))
    made = await make_series(template.name, community_id=community_id, by=by, now=now)
    await reshape(made.id, template, by=by, now=now)
    return made


@atomic()
async def reshape(series_id: UUID, template: Template, *, by: Actor, now: datetime) -> None:
    """Say what each new edition is made of; those prepared already stay as they are."""
    check_template(template)
    place = await venues.place(template.venue_id)
    if template.venue_id is not None and place is None:
        raise NotFound
    limit = place.hard_limit if place else None
    if limit is not None and template.capacity is not None and template.capacity > limit:
        message = lazy("The venue holds %(limit)s people at most.") % {"limit": limit}
        raise Invalid(capacity=message)
    row = await one(
        "UPDATE series SET name = $3, description = $4, programme = $5,"
        " representative = $6, capacity = $7, admission = $8, venue_id = $9,"
        " updated_at = $10 WHERE workspace_id = $1 AND id = $2 RETURNING id",
        by.workspace_id,
        series_id,
        template.name,
        template.description,
        template.programme,
        template.representative,
        template.capacity,
        template.admission.value,
        template.venue_id,
        now,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "changed_series", await find(Series, series_id), at=now)


@atomic()
async def announce(series_id: UUID, *, by: Actor, now: datetime) -> None:
    """Show the dates to everybody, also those without a meetup yet; twice is once."""
    await _mark(series_id, "announced_at", now, by=by)
    await audit.note(by, "announced_series", await find(Series, series_id), at=now)


@atomic()
async def withdraw(series_id: UUID, *, by: Actor, now: datetime) -> None:
    """Keep the dates to the team again; what is published stays published."""
    await _mark(series_id, "announced_at", None, by=by)
    await audit.note(by, "withdrew_series", await find(Series, series_id), at=now)


async def hold(series_id: UUID, *, by: Actor) -> None:
    """Wait for whoever changes this series, until the transaction ends."""
    row = await one(
        "SELECT id FROM series WHERE workspace_id = $1 AND id = $2 FOR UPDATE",
        by.workspace_id,
        series_id,
    )
    if row is None:
        raise NotFound


async def close(series_id: UUID, *, by: Actor, now: datetime) -> None:
    """Write down that a series has ended, in the transaction that ends it."""
    await _mark(series_id, "ended_at", now, by=by)


async def resume(series_id: UUID, *, by: Actor) -> None:
    """Write down that a series goes on, in the transaction that gives it dates."""
    await _mark(series_id, "ended_at", None, by=by)


async def _mark(series_id: UUID, column: str, at: datetime | None, *, by: Actor) -> None:
    """Set or take away one of the two dates of a series; the column is our own."""
    row = await one(
        f"UPDATE series SET {column} = CASE WHEN $3::timestamptz IS NULL THEN NULL"  # noqa: S608
        f" ELSE coalesce({column}, $3) END WHERE workspace_id = $1 AND id = $2"
        " RETURNING id",
        by.workspace_id,
        series_id,
        at,
    )
    if row is None:
        raise NotFound


# Queries

_LINE = (
    "SELECT s.id, s.community_id, s.slug, s.name, (SELECT count(*) FROM meetup m"
    " WHERE m.workspace_id = s.workspace_id AND m.series_id = s.id) AS meetups"
    " FROM series s WHERE s.workspace_id = ANY (apero_scope())"
)


async def all_series() -> list[SeriesLine]:
    """The series of the workspace in view, by name."""
    return await sql(f"{_LINE} ORDER BY s.name LIMIT 200", into=SeriesLine)


async def series_by_slug(slug: str) -> SeriesLine:
    """The series of this address, or NotFound."""
    found = await one(f"{_LINE} AND s.slug = $1", slug, into=SeriesLine)
    if found is None:
        raise NotFound
    return found


async def series_of(series_id: UUID | None) -> SeriesLine | None:
    """The series of this key, if there is one."""
    if series_id is None:
        return None
    return await one(f"{_LINE} AND s.id = $1", series_id, into=SeriesLine)


async def whole(series_id: UUID) -> Series:
    """The series of this key with its template, or NotFound."""
    return await find(Series, series_id)


async def template_of(series_id: UUID) -> Series:
    """What each edition of this series is made of. Raises SeriesEnded once it has."""
    found = await whole(series_id)
    if found.ended_at is not None:
        raise SeriesEnded
    return found


async def record_by_slug(slug: str) -> Series:
    """The whole series of this address, or NotFound."""
    found = await Series.objects().where(Series.slug == slug).first()
    if found is None:
        raise NotFound
    return found


_LISTED = (
    "SELECT s.id, s.slug, s.name, c.name AS community, s.announced_at, s.ended_at,"
    " (SELECT count(*) FROM meetup m WHERE m.workspace_id = s.workspace_id"
    " AND m.series_id = s.id) AS meetups,"
    " (SELECT count(*) FROM meetup m WHERE m.workspace_id = s.workspace_id"
    " AND m.series_id = s.id AND m.published_at IS NULL AND m.cancelled_at IS NULL"
    " AND m.starts_at > $1) AS drafts,"
    " (SELECT count(*) FROM follower f WHERE f.workspace_id = s.workspace_id"
    " AND f.series_id = s.id AND f.confirmed_at IS NOT NULL AND f.ended_at IS NULL)"
    " AS followers, next.starts_at AS next_at, next.time_zone, r.rule FROM series s"
    " JOIN community c ON c.workspace_id = s.workspace_id AND c.id = s.community_id"
    " LEFT JOIN LATERAL (SELECT m.starts_at, m.time_zone FROM meetup m"
    " WHERE m.workspace_id = s.workspace_id AND m.series_id = s.id"
    " AND m.cancelled_at IS NULL AND m.ends_at > $1 ORDER BY m.starts_at LIMIT 1) next"
    " ON true LEFT JOIN LATERAL (SELECT r.rule FROM recurrence r"
    " WHERE r.workspace_id = s.workspace_id AND r.series_id = s.id"
    " ORDER BY r.starts_on DESC LIMIT 1) r ON true"
    " WHERE s.workspace_id = ANY (apero_scope())"
    " AND ($2 = '' OR position(apero_plain($2) IN apero_plain(s.name)) > 0)"
    " AND ($3::text IS NULL OR (s.name, s.id) > ($3, $4::uuid))"
)


async def listing(
    now: datetime,
    *,
    search: str = "",
    after: tuple[str, UUID] | None = None,
    limit: int = 50,
) -> list[Listed]:
    """The series of the workspace in view, by name, paged by key."""
    return await sql(
        f"{_LISTED} ORDER BY s.name, s.id LIMIT $5",
        now,
        clean(search),
        *(after or (None, None)),
        limit,
        into=Listed,
    )
