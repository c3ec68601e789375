"""Series: the meetups that follow one another under one name."""

from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Text, Timestamptz

from server import audit
from server.audit import Actor
from server.database import Record, atomic, one, sql, uuid7
from server.errors import Invalid, NotFound
from server.i18n import lazy
from server.workspaces import slug_of


class Series(Record):
    """One recurrence of a community."""

    community_id = UuidColumn()
    slug = Text()
    name = Text()
    created_at = Timestamptz()


class SeriesLine(msgspec.Struct, frozen=True):
    """A series with what has been held of it."""

    id: UUID
    community_id: UUID
    slug: str
    name: str
    meetups: int = 0


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
