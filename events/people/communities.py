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


class CommunityName(msgspec.Struct, frozen=True):
    """A community by its name alone."""

    id: UUID
    slug: str
    name: str


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


@atomic()
async def change_community(
    slug: str, *, name: str, description: str, by: Actor, now: datetime
) -> None:
    """Call a community otherwise, or say anew what gathers it; its address stays."""
    community = await community_by_slug(slug)
    if not slug_of(name):
        raise Invalid(name=lazy("The name needs at least one letter or figure."))
    taken = await one(
        "SELECT 1 FROM community WHERE workspace_id = $1 AND id <> $2"
        " AND apero_plain(name) = apero_plain($3)",
        by.workspace_id,
        community.id,
        name,
    )
    if taken is not None:
        raise CommunityExists
    fields = [
        field
        for field, new in (("name", name), ("description", description))
        if getattr(community, field) != new
    ]
    await sql(
        "UPDATE community SET name = $3, description = $4"
        " WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        community.id,
        name,
        description,
    )
    await audit.note(by, "changed_community", community, fields=fields, at=now)


# Queries


async def community_by_slug(slug: str) -> Community:
    """The community of this address, or NotFound."""
    found = await Community.objects().where(Community.slug == slug).first()
    if found is None:
        raise NotFound
    return found


# Whoever was erased, or is known by another record since a merge, is taken off: few are.
_SIZE = (
    "(SELECT count(*) FROM belonging b WHERE b.workspace_id = c.workspace_id"
    " AND b.community_id = c.id) - (SELECT count(*) FROM member m JOIN belonging b"
    " ON b.workspace_id = m.workspace_id AND b.member_id = m.id"
    " WHERE m.workspace_id = c.workspace_id AND b.community_id = c.id"
    " AND (m.merged_into_id IS NOT NULL OR m.erased_at IS NOT NULL))"
)


async def community_size(community_id: UUID) -> int:
    """How many members a community has."""
    row = await one(
        f"SELECT {_SIZE} AS members FROM community c"  # noqa: S608 - our own words
        " WHERE c.workspace_id = ANY (apero_scope()) AND c.id = $1",
        community_id,
    )
    return int(row["members"]) if row else 0


async def communities() -> list[CommunityLine]:
    """The communities of the workspace in view, by name."""
    return await sql(
        f"SELECT c.id, c.slug, c.name, c.description, {_SIZE} AS members,"  # noqa: S608 - our own words
        " (SELECT count(*) FROM channel n WHERE n.workspace_id = c.workspace_id"
        " AND n.community_id = c.id) AS channels"
        " FROM community c WHERE c.workspace_id = ANY (apero_scope())"
        " ORDER BY apero_plain(c.name), c.id LIMIT 500",
        into=CommunityLine,
    )


async def names() -> list[CommunityName]:
    """The communities of the workspace in view by name, without counting anybody."""
    return await sql(
        "SELECT id, slug, name FROM community WHERE workspace_id = ANY (apero_scope())"
        " ORDER BY apero_plain(name), id LIMIT 500",
        into=CommunityName,
    )
