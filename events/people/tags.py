"""Tags: short words a team puts on members, each written once in a workspace.

A tag keeps its address when it is renamed, so that lists and segments go on finding it. It
is taken away whole, from everybody, and never while a segment asks for it.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Text, Timestamptz

from events.people.members import here
from events.people.wanted import wanted_of
from server import audit
from server.audit import Actor
from server.database import Record, atomic, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import lazy
from server.workspaces import slug_of

MOST_TAGS = 500


class Tag(Record):
    """One word."""

    slug = Text()
    name = Text()
    created_at = Timestamptz()


class Tagging(Record):
    """That a member carries a tag."""

    tag_id = UuidColumn()
    member_id = UuidColumn()
    created_at = Timestamptz()


class TagLine(msgspec.Struct, frozen=True):
    """A tag in a list, with how many carry it."""

    id: UUID
    slug: str
    name: str
    members: int


class TagInUse(Conflict):
    message = lazy("The segment “%(segment)s” asks for this tag. Remove the segment first.")


class TagExists(Conflict):
    message = lazy("A tag already has this name.")


class TooManyTags(Conflict):
    message = lazy("This workspace has 500 tags. Remove one before adding another.")


# Commands


@atomic()
async def put_tag(member_id: UUID, name: str, *, by: Actor, now: datetime) -> UUID:
    """Put a tag on a member, made on first sight; the key of the tag."""
    slug = slug_of(name)
    if not slug:
        raise Invalid(tag=lazy("The name needs at least one letter or figure."))
    await here(member_id)
    tag_id = await _tag(name, slug, by=by, now=now)
    row = await one(
        "INSERT INTO tagging (id, workspace_id, tag_id, member_id, created_at)"
        " VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (workspace_id, tag_id, member_id) DO NOTHING RETURNING id",
        uuid7(),
        by.workspace_id,
        tag_id,
        member_id,
        now,
    )
    if row is not None:
        await audit.note(by, "tagged_member", await here(member_id), at=now)
    return tag_id


async def _tag(name: str, slug: str, *, by: Actor, now: datetime) -> UUID:
    """The tag of this name, made when it is not there; a renamed one keeps its address."""
    for attempt in range(1, MOST_TAGS + 2):
        known = await one(
            "SELECT id FROM tag WHERE workspace_id = $1"
            " AND apero_plain(name) = apero_plain($2) FOR KEY SHARE",
            by.workspace_id,
            name,
        )
        if known is None:
            await _refuse_too_many(by)
            known = await one(
                "INSERT INTO tag (id, workspace_id, slug, name, created_at)"
                " VALUES ($1, $2, $3, $4, $5)"
                " ON CONFLICT (workspace_id, slug) DO NOTHING RETURNING id",
                uuid7(),
                by.workspace_id,
                slug if attempt == 1 else f"{slug}-{attempt}",
                name,
                now,
            )
        if known is not None:
            id_: UUID = known["id"]
            return id_
    raise TooManyTags


async def _refuse_too_many(by: Actor) -> None:
    row = await one(
        "SELECT count(*) AS tags FROM tag WHERE workspace_id = $1", by.workspace_id
    )
    if row is not None and row["tags"] >= MOST_TAGS:
        raise TooManyTags


@atomic()
async def take_tag(member_id: UUID, slug: str, *, by: Actor, now: datetime) -> None:
    """Take a tag off a member; the tag stays for the others."""
    row = await one(
        "DELETE FROM tagging g USING tag t WHERE g.workspace_id = $1 AND g.member_id = $2"
        " AND t.workspace_id = g.workspace_id AND t.id = g.tag_id AND t.slug = $3"
        " RETURNING g.id",
        by.workspace_id,
        member_id,
        slug,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "untagged_member", await here(member_id), at=now)


@atomic()
async def rename_tag(slug: str, name: str, *, by: Actor, now: datetime) -> None:
    """Call a tag otherwise; its address stays."""
    tag = await tag_by_slug(slug)
    if not slug_of(name):
        raise Invalid(name=lazy("The name needs at least one letter or figure."))
    taken = await one(
        "SELECT 1 FROM tag WHERE workspace_id = $1 AND id <> $2"
        " AND apero_plain(name) = apero_plain($3)",
        by.workspace_id,
        tag.id,
        name,
    )
    if taken is not None:
        raise TagExists
    await sql(
        "UPDATE tag SET name = $3 WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        tag.id,
        name,
    )
    await audit.note(by, "renamed_tag", tag, fields=["name"], at=now)


@atomic()
async def drop_tag(slug: str, *, by: Actor, now: datetime) -> None:
    """Take a tag away from everybody, unless a segment asks for it."""
    await sql(
        "SELECT 1 FROM tag WHERE workspace_id = $1 AND slug = $2 FOR UPDATE",
        by.workspace_id,
        slug,
    )
    tag = await tag_by_slug(slug)
    kept = await sql(
        "SELECT name, query FROM segment WHERE workspace_id = $1", by.workspace_id
    )
    for segment in kept:
        if wanted_of(segment["query"]).tag == slug:
            raise TagInUse(segment=segment["name"])
    for statement in (
        "DELETE FROM tagging WHERE workspace_id = $1 AND tag_id = $2",
        "DELETE FROM tag WHERE workspace_id = $1 AND id = $2",
    ):
        await sql(statement, by.workspace_id, tag.id)
    await audit.note(by, "dropped_tag", tag, at=now)


# Queries


async def tag_by_slug(slug: str) -> Tag:
    """The tag of this address, or NotFound."""
    found = await Tag.objects().where(Tag.slug == slug).first()
    if found is None:
        raise NotFound
    return found


async def tags() -> list[TagLine]:
    """The tags of the workspace in view, by name."""
    return await sql(
        "SELECT t.id, t.slug, t.name, (SELECT count(*) FROM tagging g"
        " WHERE g.workspace_id = t.workspace_id AND g.tag_id = t.id) AS members"
        " FROM tag t WHERE t.workspace_id = ANY (apero_scope())"
        " ORDER BY apero_plain(t.name), t.id LIMIT $1",
        MOST_TAGS,
        into=TagLine,
    )
