"""Segments: filters of a list of members that were given a name.

A segment keeps the address of a list, never who is on it: whoever fits today is in it
today.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Text, Timestamptz

from events.people.wanted import Wanted
from server import audit
from server.audit import Actor, ActorKind
from server.database import Record, atomic, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import lazy
from server.workspaces import slug_of

MOST_SEGMENTS = 200


class Segment(Record):
    """One list of members, by its address."""

    slug = Text()
    name = Text()
    query = Text()
    account_id = UuidColumn(null=True, default=None)
    created_at = Timestamptz()


class SegmentLine(msgspec.Struct, frozen=True):
    """A segment in a list, with who saved it."""

    id: UUID
    slug: str
    name: str
    query: str
    author: str
    created_at: datetime


class SegmentExists(Conflict):
    message = lazy("A segment already has this name.")


class TooManySegments(Conflict):
    message = lazy("This workspace has 200 segments. Remove one before saving another.")


# Commands


@atomic()
async def save_segment(name: str, to: Wanted, *, by: Actor, now: datetime) -> Segment:
    """Give a list of members a name."""
    if to.is_everybody:
        raise Invalid(query=lazy("Choose at least one filter before saving a segment."))
    slug = slug_of(name)
    if not slug:
        raise Invalid(name=lazy("The name needs at least one letter or figure."))
    if len(await segments()) >= MOST_SEGMENTS:
        raise TooManySegments
    row = await one(
        "INSERT INTO segment (id, workspace_id, slug, name, query, account_id, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (workspace_id, slug) DO NOTHING"
        " RETURNING id",
        uuid7(),
        by.workspace_id,
        slug,
        name,
        to.query,
        by.id if by.kind is ActorKind.ACCOUNT else None,
        now,
    )
    if row is None:
        raise SegmentExists
    segment = await segment_by_slug(slug)
    await audit.note(by, "saved_segment", segment, at=now)
    return segment


@atomic()
async def rename_segment(slug: str, name: str, *, by: Actor, now: datetime) -> None:
    """Call a segment otherwise; its address stays."""
    segment = await segment_by_slug(slug)
    if not slug_of(name):
        raise Invalid(name=lazy("The name needs at least one letter or figure."))
    taken = await one(
        "SELECT 1 FROM segment WHERE workspace_id = $1 AND id <> $2"
        " AND apero_plain(name) = apero_plain($3)",
        by.workspace_id,
        segment.id,
        name,
    )
    if taken is not None:
        raise SegmentExists
    await sql(
        "UPDATE segment SET name = $3 WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        segment.id,
        name,
    )
    await audit.note(by, "renamed_segment", segment, fields=["name"], at=now)


@atomic()
async def drop_segment(slug: str, *, by: Actor, now: datetime) -> None:
    """Forget a segment; nobody who was in it changes."""
    segment = await segment_by_slug(slug)
    await sql(
        "DELETE FROM segment WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        segment.id,
    )
    await audit.note(by, "dropped_segment", segment, at=now)


# Queries


async def segment_by_slug(slug: str) -> Segment:
    """The segment of this address, or NotFound."""
    found = await Segment.objects().where(Segment.slug == slug).first()
    if found is None:
        raise NotFound
    return found


async def segments() -> list[SegmentLine]:
    """The segments of the workspace in view, by name."""
    return await sql(
        "SELECT s.id, s.slug, s.name, s.query,"
        " coalesce(nullif(a.name, ''), a.email, '') AS author, s.created_at"
        " FROM segment s LEFT JOIN account a ON a.id = s.account_id"
        " WHERE s.workspace_id = ANY (apero_scope())"
        " ORDER BY apero_plain(s.name), s.id LIMIT $1",
        MOST_SEGMENTS,
        into=SegmentLine,
    )
