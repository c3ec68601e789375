"""Identities: the names members go by in a channel, each with its level of proof.

A handle belongs to one member or to nobody yet. Declaring one that somebody else holds
changes nothing: two claims to one handle are settled by people, never by who came last.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Text, Timestamptz

from events.people.channels import Channel
from server import audit
from server.audit import Actor
from server.database import Record, atomic, find, one, sql, uuid7
from server.errors import Invalid, NotFound
from server.forms import clean
from server.i18n import lazy

LONGEST_HANDLE = 200


class Proof(StrEnum):
    DECLARED = "declared"
    VERIFIED = "verified"
    IMPORTED = "imported"


class Identity(Record):
    """One handle in one channel, perhaps known to be a member's."""

    channel_id = UuidColumn()
    member_id = UuidColumn(null=True, default=None)
    handle = Text()
    proof = Text()
    created_at = Timestamptz()


class IdentityLine(msgspec.Struct, frozen=True):
    """An identity as the person's page shows it."""

    id: UUID
    handle: str
    proof: Proof
    channel: str
    kind: str


# Rules


def tidy_handle(handle: str) -> str:
    """A handle as it is compared: no @ in front, lower case, one space at most."""
    text = " ".join(clean(handle).lower().split())
    return text.removeprefix("@").strip()[:LONGEST_HANDLE]


# Commands


@atomic()
async def declare(
    handle: str, *, channel_id: UUID, member_id: UUID, by: Actor, now: datetime
) -> bool:
    """Write that a member goes by this handle; False when it is already somebody else's."""
    handle = tidy_handle(handle)
    if not handle:
        raise Invalid(handle=lazy("This answer is missing."))
    await find(Channel, channel_id)
    row = await one(
        "INSERT INTO identity (id, workspace_id, channel_id, member_id, handle, proof,"
        " created_at) VALUES ($1, $2, $3, $4, $5, 'declared', $6)"
        " ON CONFLICT (workspace_id, channel_id, handle) DO UPDATE SET"
        " proof = CASE WHEN identity.member_id IS NULL THEN 'declared'"
        " ELSE identity.proof END,"
        " member_id = coalesce(identity.member_id, excluded.member_id)"
        " RETURNING id, member_id",
        uuid7(),
        by.workspace_id,
        channel_id,
        member_id,
        handle,
        now,
    )
    if row is None or row["member_id"] != member_id:
        return False
    await audit.note(by, "declared_identity", await find(Identity, row["id"]), at=now)
    return True


@atomic()
async def unlink(identity_id: UUID, *, by: Actor, now: datetime) -> None:
    """Take an identity away from its member; what was done under it stays, nameless."""
    row = await one(
        "UPDATE identity SET member_id = NULL, proof = 'imported'"
        " WHERE workspace_id = $1 AND id = $2 AND member_id IS NOT NULL RETURNING id",
        by.workspace_id,
        identity_id,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "unlinked_identity", await find(Identity, identity_id), at=now)


@atomic()
async def see(
    handles: dict[str, UUID | None], *, channel_id: UUID, by: Actor, now: datetime
) -> dict[str, tuple[UUID, UUID | None]]:
    """The identities of these tidy handles, made on first sight as imported.

    A handle without a member gets the one given; a member already there stays.
    Returns each handle's identity and member.
    """
    names = sorted(handles)
    await sql(
        "INSERT INTO identity (id, workspace_id, channel_id, member_id, handle, proof,"
        " created_at) SELECT id, $1, $2, member_id, handle, 'imported', $3"
        " FROM unnest($4::uuid[], $5::uuid[], $6::text[]) AS given (id, member_id, handle)"
        " ON CONFLICT (workspace_id, channel_id, handle) DO UPDATE SET"
        " member_id = excluded.member_id WHERE identity.member_id IS NULL"
        " AND excluded.member_id IS NOT NULL",
        by.workspace_id,
        channel_id,
        now,
        [uuid7() for _ in names],
        [handles[name] for name in names],
        names,
    )
    return await identities_named(names, channel_id=channel_id)


# Queries


async def identities_named(
    handles: list[str], *, channel_id: UUID
) -> dict[str, tuple[UUID, UUID | None]]:
    """Each of these handles that the channel knows, with its identity and member."""
    rows = await sql(
        "SELECT handle, id, member_id FROM identity"
        " WHERE workspace_id = ANY (apero_scope()) AND channel_id = $1"
        " AND handle = ANY ($2::text[])",
        channel_id,
        handles,
    )
    return {row["handle"]: (row["id"], row["member_id"]) for row in rows}


async def identities_of(member_id: UUID) -> list[IdentityLine]:
    """Where a member is known online."""
    return await sql(
        "SELECT i.id, i.handle, i.proof, c.name AS channel, c.kind FROM identity i"
        " JOIN channel c ON c.workspace_id = i.workspace_id AND c.id = i.channel_id"
        " WHERE i.workspace_id = ANY (apero_scope()) AND i.member_id = $1"
        " ORDER BY c.name, i.handle",
        member_id,
        into=IdentityLine,
    )
