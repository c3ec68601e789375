"""The audit log: who did what, written in the transaction that does it.

Entries are append-only (the application's role may not change them) and hold no personal
data: actors and objects are keys, changed fields are named without their values.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import msgspec

from server.clock import utc_now
from server.database import NOWHERE, Scope, sql, uuid7


class ActorKind(StrEnum):
    ACCOUNT = "account"
    TOKEN = "token"  # noqa: S105 - a kind, not a secret
    DEVICE = "device"
    PUBLIC = "public"
    SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """Who acts, and the workspaces this act may touch."""

    kind: ActorKind
    scope: Scope = NOWHERE
    id: UUID | None = None
    role: str = ""
    request_id: str = ""
    address: str = ""
    scopes: frozenset[str] = field(default_factory=frozenset)

    @property
    def workspace_id(self) -> UUID:
        """The one workspace of this act. Raises ValueError when it is not one."""
        (only,) = self.scope
        return only

    def within(self, workspace_id: UUID, role: str = "") -> "Actor":
        """The same actor, in this workspace only."""
        return replace(self, scope=frozenset({workspace_id}), role=role or self.role)


def system(*workspace_ids: UUID) -> Actor:
    """The house itself: jobs, the command line, the demo."""
    return Actor(ActorKind.SYSTEM, scope=frozenset(workspace_ids), role="system")


class Kept(Protocol):
    """Any row with a key."""

    id: UUID


class Entry(msgspec.Struct):
    """One line of the log, as the page shows it."""

    id: UUID
    at: datetime
    actor_kind: str
    actor_id: UUID | None
    actor_name: str
    role: str
    action: str
    object_type: str
    object_id: UUID | None
    outcome: str
    reason: str


# Commands


async def note(
    by: Actor,
    action: str,
    about: object = None,
    *,
    fields: Sequence[str] = (),
    outcome: str = "allow",
    reason: str = "",
    at: datetime | None = None,
) -> None:
    """Write one entry; the current transaction decides whether it stays."""
    await sql(
        "INSERT INTO audit_entry (id, workspace_id, at, actor_kind, actor_id, role, action,"
        " object_type, object_id, outcome, reason, fields, request_id, address)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        uuid7(),
        by.workspace_id if len(by.scope) == 1 else None,
        at or utc_now(),
        by.kind.value,
        by.id,
        by.role,
        action,
        type(about).__name__.lower() if about is not None else "",
        getattr(about, "id", None),
        outcome,
        reason,
        list(fields),
        by.request_id,
        by.address,
    )


# Queries


async def entries(*, before: UUID | None = None, limit: int = 50) -> list[Entry]:
    """The latest entries of the workspace in view, newest first, paged by key."""
    return await sql(
        "SELECT e.id, e.at, e.actor_kind, e.actor_id, coalesce(a.name, '') AS actor_name,"
        " e.role, e.action, e.object_type, e.object_id, e.outcome, e.reason"
        " FROM audit_entry e LEFT JOIN account a ON a.id = e.actor_id"
        " WHERE e.workspace_id = ANY (apero_scope()) AND ($1::uuid IS NULL OR e.id < $1)"
        " ORDER BY e.id DESC LIMIT $2",
        before,
        limit,
        into=Entry,
    )
