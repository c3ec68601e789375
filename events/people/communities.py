"""Communities: the people gathered around something, inside one workspace."""

from datetime import datetime
from uuid import UUID

import msgspec
from piccolo.columns import Text, Timestamptz

from server import audit
from server.audit import Actor
from server.database import Record, atomic, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import lazy
from server.workspaces import slug_of


class Community(Record):
    """One community of a workspace."""

    slug = Text()
    name = Text()
    description = Text()
    created_at = Timestamptz()


class CommunityLine(msgspec.Struct, frozen=True):
    """A community in a list, with its size."""

    id: UUID
    slug: str
    name: str
    members: int
    description: str = ""
    channels: int = 0


class CommunityExists(Conflict):
    message = lazy("A community already has this name.")


# Commands


@atomic()
async def make_community(
    name: str, *, description: str = "", by: Actor, now: datetime
) -> Community:
    """Open a community; its name is its own in the workspace."""
    slug = slug_of(name)
    if not slug:
        raise Invalid(name=lazy("The name needs at least one letter or figure."))
    row = await one(
        "INSERT INTO community (id, workspace_id, slug, name, description, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id, slug) DO NOTHING"
        " RETURNING id",
        uuid7(),
        by.workspace_id,
        slug,
        name,
        description,
        now,
    )
    if row is None:
        raise CommunityExists
    community = await community_by_slug(slug)
    await audit.note(by, "made_community", community, at=now)
    return community


# Queries


async def community_by_slug(slug: str) -> Community:
    """The community of this address, or NotFound."""
    found = await Community.objects().where(Community.slug == slug).first()
    if found is None:
        raise NotFound
    return found


async def communities() -> list[CommunityLine]:
    """The communities of the workspace in view, by name."""
    return await sql(
        "SELECT c.id, c.slug, c.name, c.description, (SELECT count(*) FROM belonging b"
        " WHERE b.workspace_id = c.workspace_id AND b.community_id = c.id) AS members,"
        " (SELECT count(*) FROM channel n WHERE n.workspace_id = c.workspace_id"
        " AND n.community_id = c.id) AS channels"
        " FROM community c WHERE c.workspace_id = ANY (apero_scope())"
        " ORDER BY apero_plain(c.name), c.id LIMIT 500",
        into=CommunityLine,
    )
