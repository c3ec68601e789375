"""Identities: the names members go by in a channel, each with its level of proof.

A handle belongs to one member or to nobody. When a second person claims one that nobody
has proved to be hers, both claims stay and nobody holds it until it is settled, by an
organiser or by a proof (ideas 2.11). What is verified stays with who proved it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Text, Timestamptz

from events.people import claims
from events.people.channels import Channel
from events.people.claims import Proof
from server import audit
from server.audit import Actor
from server.database import Record, atomic, current_scope, find, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.forms import clean
from server.i18n import lazy

__all__ = ["Identity", "Proof", "declare", "settle", "tidy_handle"]

LONGEST_HANDLE = 200


class Identity(Record):
    """One handle in one channel, perhaps known to be a member's."""

    channel_id = UuidColumn()
    member_id = UuidColumn(null=True, default=None)
    handle = Text()
    proof = Text()
    created_at = Timestamptz()
    disputed_at = Timestamptz(null=True, default=None)


class IdentityLine(msgspec.Struct, frozen=True):
    """An identity as the person's page shows it."""

    id: UUID
    handle: str
    proof: Proof
    channel: str
    kind: str


class IdentityRow(msgspec.Struct, frozen=True):
    """An identity in the list of all, with who holds it or how many claim it."""

    id: UUID
    handle: str
    proof: Proof
    channel_id: UUID
    channel: str
    kind: str
    member_id: UUID | None
    member: str
    claims: int
    disputed_at: datetime | None


class Which(StrEnum):
    """What a list of identities is narrowed to."""

    HELD = "held"
    VERIFIED = "verified"
    NOBODYS = "nobodys"
    DISPUTED = "disputed"


class NotClaimed(Conflict):
    message = lazy("This person does not claim this name.")


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
    """Write that a member says this handle is hers; False when she does not hold it.

    Somebody else's unproved handle becomes disputed, and then nobody holds it.
    """
    handle = tidy_handle(handle)
    if not handle:
        raise Invalid(handle=lazy("This answer is missing."))
    await find(Channel, channel_id)
    member_id = await person_of(member_id)
    row = await _known_or_new(handle, channel_id, member_id, by=by, now=now)
    await claims.note_claim(row["id"], member_id, Proof.DECLARED, by=by, now=now)
    if row["member_id"] is None and row["disputed_at"] is None:
        await hold(row["id"], member_id, Proof.DECLARED, by=by)
    elif row["member_id"] != member_id:
        await _contest(row, by=by, now=now)
        return False
    await audit.note(by, "declared_identity", await find(Identity, row["id"]), at=now)
    return True


@atomic()
async def hold(
    identity_id: UUID, member_id: UUID | None, proof: Proof, *, by: Actor
) -> None:
    """Write who holds a handle, and that nobody disputes it any more."""
    await sql(
        "UPDATE identity SET member_id = $3, proof = $4, disputed_at = NULL"
        " WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        identity_id,
        member_id,
        proof.value,
    )


async def _known_or_new(
    handle: str, channel_id: UUID, member_id: UUID, *, by: Actor, now: datetime
) -> asyncpg.Record:
    """The identity of this handle, made the member's on first sight; locked either way."""
    row = await one(
        "INSERT INTO identity (id, workspace_id, channel_id, member_id, handle, proof,"
        " created_at) VALUES ($1, $2, $3, $4, $5, 'declared', $6)"
        " ON CONFLICT (workspace_id, channel_id, handle) DO UPDATE SET"
        " handle = excluded.handle"
        " RETURNING id, member_id, proof, created_at, disputed_at",
        uuid7(),
        by.workspace_id,
        channel_id,
        member_id,
        handle,
        now,
    )
    assert row is not None  # noqa: S101 - RETURNING always answers
    return row


async def _contest(row: Any, *, by: Actor, now: datetime) -> None:  # noqa: ANN401
    """A second claim: what was proved stays; otherwise nobody holds it from now on."""
    identity_id, holder = row["id"], row["member_id"]
    is_proved = holder is not None and row["proof"] == Proof.VERIFIED
    if holder is not None:
        proof, since = Proof(row["proof"]), row["created_at"]
        await claims.note_claim(identity_id, holder, proof, by=by, now=since)
    if holder is not None and not is_proved:
        await sql(
            "UPDATE identity SET member_id = NULL, disputed_at = $3"
            " WHERE workspace_id = $1 AND id = $2",
            by.workspace_id,
            identity_id,
            now,
        )
    verb = "claimed_identity" if is_proved else "disputed_identity"
    await audit.note(by, verb, await find(Identity, identity_id), at=now)


@atomic()
async def settle(
    identity_id: UUID,
    member_id: UUID | None,
    *,
    proof: Proof = Proof.DECLARED,
    by: Actor,
    now: datetime,
) -> None:
    """Say whose a claimed handle is, or that it is nobody's; the other claims end."""
    await find(Identity, identity_id)
    await sql(
        "SELECT FROM identity WHERE workspace_id = $1 AND id = $2 FOR UPDATE",
        by.workspace_id,
        identity_id,
    )
    if member_id is not None:
        member_id = await person_of(member_id)
        if not await claims.claims_it(identity_id, member_id):
            raise NotClaimed
        await claims.note_claim(identity_id, member_id, proof, by=by, now=now)
    await claims.end_claims(identity_id, but=member_id, by=by, now=now)
    kept = proof if member_id is not None else Proof.IMPORTED
    await hold(identity_id, member_id, kept, by=by)
    await audit.note(by, "settled_identity", await find(Identity, identity_id), at=now)


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
    await claims.end_claims(identity_id, by=by, now=now)
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
        " AND excluded.member_id IS NOT NULL AND identity.disputed_at IS NULL",
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


async def person_of(member_id: UUID) -> UUID:
    """The member who stands for this one: herself, or the one she was merged into."""
    row = await one(
        "SELECT coalesce(merged_into_id, id) AS id FROM member"
        " WHERE workspace_id = ANY (apero_scope()) AND id = $1",
        member_id,
    )
    if row is None:
        raise NotFound
    id_: UUID = row["id"]
    return id_


_SHOWN = (
    "SELECT i.id, i.handle, i.proof, i.channel_id, c.name AS channel, c.kind, i.member_id,"
    " coalesce(nullif(m.name, ''), m.email, '') AS member, i.disputed_at,"
    " (SELECT count(DISTINCT coalesce(q.merged_into_id, q.id)) FROM claim k JOIN member q"
    " ON q.workspace_id = k.workspace_id AND q.id = k.member_id"
    " WHERE k.workspace_id = i.workspace_id AND k.identity_id = i.id"
    " AND k.ended_at IS NULL) AS claims"
)
_BESIDE = (
    " JOIN channel c ON c.workspace_id = i.workspace_id AND c.id = i.channel_id"
    " LEFT JOIN member m ON m.workspace_id = i.workspace_id AND m.id = i.member_id"
)
_ROWS = f"{_SHOWN} FROM identity i{_BESIDE}"
_WHICH = {
    Which.HELD: " AND i.member_id IS NOT NULL",
    Which.VERIFIED: " AND i.member_id IS NOT NULL AND i.proof = 'verified'",
    Which.NOBODYS: " AND i.member_id IS NULL AND i.disputed_at IS NULL",
    Which.DISPUTED: " AND i.disputed_at IS NOT NULL",
}


async def all_identities(
    *,
    channel_id: UUID | None = None,
    which: Which | None = None,
    begins: str = "",
    after: UUID | None = None,
    limit: int = 50,
) -> list[IdentityRow]:
    """Identities by handle, those that begin so, paged by the key of the last one seen."""
    if len(current_scope()) != 1:
        return []
    (workspace_id,) = current_scope()
    narrowed = _WHICH[which] if which is not None else ""
    # The page first, in the order of its index; what stands beside it afterwards.
    return await sql(
        f"{_SHOWN} FROM (SELECT * FROM identity i WHERE i.workspace_id = $5"  # noqa: S608
        " AND ($1::uuid IS NULL OR i.channel_id = $1)"
        " AND ($2 = '' OR (i.handle COLLATE \"C\" >= $2"
        ' AND i.handle COLLATE "C" < $2 || chr(1114111)))'
        f'{narrowed} AND ($3::uuid IS NULL OR (i.handle COLLATE "C", i.id) >'
        ' ((SELECT l.handle COLLATE "C" FROM identity l'
        " WHERE l.workspace_id = $5 AND l.id = $3), $3))"
        ' ORDER BY i.handle COLLATE "C", i.id LIMIT $4) i'
        f'{_BESIDE} ORDER BY i.handle COLLATE "C", i.id',
        channel_id,
        tidy_handle(begins),
        after,
        limit,
        workspace_id,
        into=IdentityRow,
    )


async def identity_row(identity_id: UUID) -> IdentityRow:
    """One identity as lists show it, or NotFound."""
    found = await one(
        f"{_ROWS} WHERE i.workspace_id = ANY (apero_scope()) AND i.id = $1",
        identity_id,
        into=IdentityRow,
    )
    if found is None:
        raise NotFound
    return found


async def claimed_by(member_id: UUID) -> list[IdentityRow]:
    """The handles a person holds, and those she claims without holding them."""
    return await sql(
        f"{_ROWS} WHERE i.workspace_id = ANY (apero_scope()) AND i.id IN"  # noqa: S608
        " (SELECT h.id FROM identity h WHERE h.workspace_id = ANY (apero_scope())"
        " AND h.member_id = $1 UNION SELECT k.identity_id FROM claim k"
        " WHERE k.workspace_id = ANY (apero_scope()) AND k.member_id = $1"
        " AND k.ended_at IS NULL)"
        " ORDER BY c.name, i.handle, i.id LIMIT 200",
        member_id,
        into=IdentityRow,
    )
