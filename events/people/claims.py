"""Claims: who says that a handle is hers, and when she stopped saying so.

Every claim to a handle stays, with its proof. Who counts as its holder is written on the
identity; while two people claim it without a proof, nobody holds it.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Text, Timestamptz

from server.audit import Actor
from server.database import Record, atomic, one, sql, uuid7


class Proof(StrEnum):
    DECLARED = "declared"
    VERIFIED = "verified"
    IMPORTED = "imported"


class Claim(Record):
    """That a member says a handle is hers."""

    identity_id = UuidColumn()
    member_id = UuidColumn()
    proof = Text()
    claimed_at = Timestamptz()
    ended_at = Timestamptz(null=True, default=None)


class ClaimLine(msgspec.Struct, frozen=True):
    """A claim with the person who makes it."""

    member_id: UUID
    name: str
    proof: Proof
    claimed_at: datetime
    ended_at: datetime | None


# Commands


@atomic()
async def note_claim(
    identity_id: UUID, member_id: UUID, proof: Proof, *, by: Actor, now: datetime
) -> None:
    """Write a claim down; said again it is the same, and a better proof stays with it."""
    await sql(
        "INSERT INTO claim (id, workspace_id, identity_id, member_id, proof, claimed_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (workspace_id, identity_id, member_id) WHERE ended_at IS NULL"
        " DO UPDATE SET proof = CASE WHEN claim.proof = 'verified' THEN claim.proof"
        " ELSE excluded.proof END",
        uuid7(),
        by.workspace_id,
        identity_id,
        member_id,
        Proof(proof).value,
        now,
    )


@atomic()
async def end_claims(
    identity_id: UUID, *, but: UUID | None = None, by: Actor, now: datetime
) -> None:
    """End the open claims to a handle, but for those of this person."""
    await sql(
        "UPDATE claim c SET ended_at = $4 FROM member m WHERE c.workspace_id = $1"
        " AND c.identity_id = $2 AND c.ended_at IS NULL AND m.workspace_id = c.workspace_id"
        " AND m.id = c.member_id"
        " AND ($3::uuid IS NULL OR coalesce(m.merged_into_id, m.id) <> $3)",
        by.workspace_id,
        identity_id,
        but,
        now,
    )


# Queries


async def claims_of(identity_id: UUID) -> list[ClaimLine]:
    """Every claim to a handle, open ones first, each with the person it is of today."""
    return await sql(
        "SELECT h.id AS member_id, coalesce(nullif(h.name, ''), h.email, '') AS name,"
        " c.proof, c.claimed_at, c.ended_at FROM claim c JOIN member m"
        " ON m.workspace_id = c.workspace_id AND m.id = c.member_id JOIN member h"
        " ON h.workspace_id = m.workspace_id AND h.id = coalesce(m.merged_into_id, m.id)"
        " WHERE c.workspace_id = ANY (apero_scope()) AND c.identity_id = $1"
        " ORDER BY c.ended_at IS NOT NULL, c.claimed_at, c.id LIMIT 100",
        identity_id,
        into=ClaimLine,
    )


async def claimants(identity_id: UUID) -> list[UUID]:
    """The people whose claim to a handle is open; two rows of one person are one."""
    rows = await sql(
        "SELECT DISTINCT coalesce(m.merged_into_id, m.id) AS id FROM claim c"
        " JOIN member m ON m.workspace_id = c.workspace_id AND m.id = c.member_id"
        " WHERE c.workspace_id = ANY (apero_scope()) AND c.identity_id = $1"
        " AND c.ended_at IS NULL ORDER BY 1",
        identity_id,
    )
    return [row["id"] for row in rows]


async def between_one(identity_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Of these handles, those that one person alone claims today, with that person."""
    rows = await sql(
        "SELECT c.identity_id, (array_agg(DISTINCT coalesce(m.merged_into_id, m.id)))[1]"
        " AS member_id FROM claim c JOIN member m ON m.workspace_id = c.workspace_id"
        " AND m.id = c.member_id WHERE c.workspace_id = ANY (apero_scope())"
        " AND c.identity_id = ANY ($1::uuid[]) AND c.ended_at IS NULL GROUP BY 1"
        " HAVING count(DISTINCT coalesce(m.merged_into_id, m.id)) = 1",
        list(identity_ids),
    )
    return {row["identity_id"]: row["member_id"] for row in rows}


async def claims_it(identity_id: UUID, member_id: UUID) -> bool:
    """Does this person hold the handle, or claim it?"""
    row = await one(
        "SELECT EXISTS (SELECT FROM identity i WHERE i.workspace_id = ANY (apero_scope())"
        " AND i.id = $1 AND i.member_id = $2) OR EXISTS (SELECT FROM claim c JOIN member m"
        " ON m.workspace_id = c.workspace_id AND m.id = c.member_id"
        " WHERE c.workspace_id = ANY (apero_scope()) AND c.identity_id = $1"
        " AND c.ended_at IS NULL AND coalesce(m.merged_into_id, m.id) = $2) AS does",
        identity_id,
        member_id,
    )
    return bool(row and row["does"])
