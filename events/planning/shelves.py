"""Shelves: what of a workspace anybody may find, for its pages and for search engines."""

from datetime import datetime
from uuid import UUID

import msgspec

from server.database import one, sql

MOST = 5_000  # addresses of one list; the standard (sitemaps.org) takes 50,000


class Found(msgspec.Struct, frozen=True):
    """A public page: its address in the workspace, and when it last changed."""

    path: str
    changed_at: datetime | None = None


class Public(msgspec.Struct, frozen=True):
    """A series or a community that anybody may see."""

    slug: str
    name: str


# Queries


async def communities() -> list[Public]:
    """The communities that held or announce a meetup in public, by name."""
    return await sql(
        "SELECT c.slug, c.name FROM community c WHERE c.workspace_id = ANY (apero_scope())"
        " AND EXISTS (SELECT FROM meetup m WHERE m.workspace_id = c.workspace_id"
        " AND m.community_id = c.id AND m.published_at IS NOT NULL)"
        " ORDER BY apero_plain(c.name), c.id LIMIT 500",
        into=Public,
    )


async def series(community_id: UUID | None = None) -> list[Public]:
    """The series with a public page that go on, of one community or of all."""
    return await sql(
        "SELECT s.slug, s.name FROM series s WHERE s.workspace_id = ANY (apero_scope())"
        " AND s.ended_at IS NULL AND ($1::uuid IS NULL OR s.community_id = $1)"
        " AND (s.announced_at IS NOT NULL OR EXISTS (SELECT FROM meetup m"
        " WHERE m.workspace_id = s.workspace_id AND m.series_id = s.id"
        " AND m.published_at IS NOT NULL)) ORDER BY apero_plain(s.name), s.id LIMIT 500",
        community_id,
        into=Public,
    )


async def is_public(community_id: UUID) -> bool:
    """Did this community hold or announce a meetup in public?"""
    row = await one(
        "SELECT 1 FROM meetup WHERE workspace_id = ANY (apero_scope())"
        " AND community_id = $1 AND published_at IS NOT NULL LIMIT 1",
        community_id,
    )
    return row is not None


async def meetups() -> list[Found]:
    """The public meetups, latest first."""
    return await sql(
        "SELECT slug AS path, updated_at AS changed_at FROM meetup"
        " WHERE workspace_id = ANY (apero_scope()) AND published_at IS NOT NULL"
        " AND cancelled_at IS NULL ORDER BY starts_at DESC, id LIMIT $1",
        MOST,
        into=Found,
    )
