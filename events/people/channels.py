"""Channels: the online places of a community."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Text, Timestamptz

from events.people import outside
from events.people.communities import Community
from server import audit
from server.audit import Actor
from server.database import Record, atomic, find, one, sql, uuid7
from server.errors import Conflict, Invalid
from server.i18n import lazy

OF_FILES = "import"
"""The channel that holds who is known only by a name in files of attendance."""


class ChannelKind(StrEnum):
    DISCOURSE = "discourse"
    MASTODON = "mastodon"
    DISCORD = "discord"
    FORUM = "forum"
    OTHER = "other"


class Channel(Record):
    """One online place; members are known there by their identities."""

    community_id = UuidColumn()
    name = Text()
    kind = Text()
    created_at = Timestamptz()
    address = Text()


class ChannelLine(msgspec.Struct, frozen=True):
    """A channel in a list, with what is known of it."""

    id: UUID
    community_id: UUID
    name: str
    kind: ChannelKind
    address: str
    identities: int
    linked: int
    last_at: datetime | None


class ChannelName(msgspec.Struct, frozen=True):
    """A channel to choose from."""

    id: UUID
    name: str


class ChannelPlace(msgspec.Struct, frozen=True):
    """A channel as everybody may know of it; its address may be empty."""

    id: UUID
    name: str
    address: str


class KnownIn(msgspec.Struct, frozen=True):
    """How many handles of a channel are known, and how sure each is."""

    handles: int
    held: int
    verified: int
    disputed: int


class ChannelExists(Conflict):
    message = lazy("This community already has a channel of this name.")


# Commands


@atomic()
async def make_channel(
    community_id: UUID, name: str, kind: ChannelKind, *, by: Actor, now: datetime
) -> Channel:
    """Write down where a community talks."""
    await find(Community, community_id)
    row = await one(
        "INSERT INTO channel (id, workspace_id, community_id, name, kind, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (workspace_id, community_id, name) DO NOTHING RETURNING id",
        uuid7(),
        by.workspace_id,
        community_id,
        name,
        ChannelKind(kind).value,
        now,
    )
    if row is None:
        raise ChannelExists
    channel = await find(Channel, row["id"])
    await audit.note(by, "made_channel", channel, at=now)
    return channel


@atomic()
async def channel_named(
    community_id: UUID, name: str, kind: ChannelKind, *, by: Actor, now: datetime
) -> UUID:
    """The channel of this name in the community, made on the first call."""
    found = await one(
        "SELECT id FROM channel"
        " WHERE workspace_id = $1 AND community_id = $2 AND name = $3",
        by.workspace_id,
        community_id,
        name,
    )
    if found is not None:
        id_: UUID = found["id"]
        return id_
    made: UUID = (await make_channel(community_id, name, kind, by=by, now=now)).id
    return made


@atomic()
async def set_address(
    channel_id: UUID, address: str, *, by: Actor, now: datetime
) -> Channel:
    """Where this place is found, for reading the page of a member; empty takes it away."""
    await find(Channel, channel_id)
    address = address.strip().rstrip("/")
    if address and not outside.may_be_asked(address):
        raise Invalid(address=lazy("Write the public https:// address of the site."))
    await sql(
        "UPDATE channel SET address = $3 WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        channel_id,
        address,
    )
    channel = await find(Channel, channel_id)
    await audit.note(by, "changed_channel", channel, fields=["address"], at=now)
    return channel


# Queries


async def places_online(community_id: UUID) -> list[ChannelLine]:
    """The channels where people really write: the one of imported names left out."""
    return [one_ for one_ in await channels(community_id) if one_.name != OF_FILES]


async def of_community(community_id: UUID) -> list[ChannelPlace]:
    """Where a community really writes, by name, without counting anybody."""
    return await sql(
        "SELECT id, name, address FROM channel WHERE workspace_id = ANY (apero_scope())"
        " AND community_id = $1 AND name <> $2 ORDER BY apero_plain(name), id LIMIT 500",
        community_id,
        OF_FILES,
        into=ChannelPlace,
    )


async def to_choose() -> list[ChannelName]:
    """The channels where people really write, by name, without counting anybody."""
    return await sql(
        "SELECT id, name FROM channel WHERE workspace_id = ANY (apero_scope())"
        " AND name <> $1 ORDER BY apero_plain(name), id LIMIT 500",
        OF_FILES,
        into=ChannelName,
    )


async def channels(community_id: UUID | None = None) -> list[ChannelLine]:
    """The channels of a community, or of the whole workspace in view, by name."""
    return await sql(
        "SELECT c.id, c.community_id, c.name, c.kind, c.address, count(i.id) AS identities,"
        " count(i.member_id) AS linked, (SELECT max(r.committed_at) FROM import_run r"
        " WHERE r.workspace_id = c.workspace_id AND r.channel_id = c.id) AS last_at"
        " FROM channel c LEFT JOIN identity i ON i.workspace_id = c.workspace_id"
        " AND i.channel_id = c.id WHERE c.workspace_id = ANY (apero_scope())"
        " AND ($1::uuid IS NULL OR c.community_id = $1)"
        " GROUP BY c.workspace_id, c.id ORDER BY apero_plain(c.name), c.id LIMIT 500",
        community_id,
        into=ChannelLine,
    )


async def names() -> list[ChannelName]:
    """The channels of the workspace in view, to choose from."""
    return await sql(
        "SELECT id, name FROM channel WHERE workspace_id = ANY (apero_scope())"
        " ORDER BY apero_plain(name), id LIMIT 500",
        into=ChannelName,
    )


async def known_in(channel_id: UUID) -> KnownIn:
    """How many handles of a channel are known."""
    found = await one(
        "SELECT count(*) AS handles, count(member_id) AS held,"
        " count(member_id) FILTER (WHERE proof = 'verified') AS verified,"
        " count(disputed_at) AS disputed FROM identity"
        " WHERE workspace_id = ANY (apero_scope()) AND channel_id = $1",
        channel_id,
        into=KnownIn,
    )
    assert found is not None  # noqa: S101 - a count always answers
    return found
