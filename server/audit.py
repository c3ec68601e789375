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
from server.i18n import lazy


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

    @property
    def sentence(self) -> str:
        """What was done, in the reader's words; a verb without a sentence stays readable."""  # noqa: E501
        known = SENTENCES.get(self.action)
        return str(known) if known else self.action.replace("_", " ").capitalize()

    @property
    def who(self) -> str:
        return self.actor_name or str(KINDS[ActorKind(self.actor_kind)])


KINDS = {
    ActorKind.ACCOUNT: lazy("Somebody with an account"),
    ActorKind.TOKEN: lazy("A program"),
    ActorKind.DEVICE: lazy("A device at the door"),
    ActorKind.PUBLIC: lazy("A visitor"),
    ActorKind.SYSTEM: lazy("Apéro itself"),
}

# One sentence for each verb that a command writes; a new verb adds its own here.
SENTENCES = {
    "added_device": lazy("Prepared a device for the door"),
    "added_sponsor_contact": lazy("Named a contact of a sponsor"),
    "agreed_letters": lazy("Noted that somebody accepts letters"),
    "agreed_linking": lazy("Noted that somebody agrees to the linking"),
    "agreed_photos": lazy("Noted that somebody accepts photos"),
    "attended": lazy("Noted that somebody came"),
    "cancelled": lazy("Cancelled a meetup"),
    "changed": lazy("Changed a meetup"),
    "changed_workspace": lazy("Changed the settings"),
    "closed": lazy("Closed a meetup"),
    "declared_identity": lazy("Noted a name on a channel"),
    "ended_membership": lazy("Ended a role"),
    "ended_sponsor_contact": lazy("Ended the access of a sponsor’s contact"),
    "ended_sponsorship": lazy("Took a sponsor off a meetup"),
    "fixed_lift_plan": lazy("Fixed how the effect of a meetup will be measured"),
    "imported_activity": lazy("Imported online activity"),
    "imported_attendance": lazy("Imported who came"),
    "imported_members": lazy("Imported members"),
    "invited_ambassador": lazy("Invited an ambassador"),
    "invited_attendee": lazy("Invited a guest"),
    "invited_department": lazy("Invited a department"),
    "invited_door": lazy("Invited somebody to hold the door"),
    "invited_manager": lazy("Invited an organiser"),
    "invited_moderator": lazy("Invited a moderator"),
    "invited_owner": lazy("Invited an owner"),
    "invited_sponsor": lazy("Invited a sponsor"),
    "issued_token": lazy("Made a token"),
    "kept_series": lazy("Kept a series"),
    "kept_venue": lazy("Kept a venue"),
    "made_channel": lazy("Added a channel"),
    "made_community": lazy("Made a community"),
    "made_gate": lazy("Made a gate"),
    "made_member": lazy("Added a member"),
    "made_sponsor": lazy("Added a sponsor"),
    "made_workspace": lazy("Opened the workspace"),
    "not_attended": lazy("Took back that somebody came"),
    "paired_device": lazy("Paired a device for the door"),
    "planned": lazy("Planned a meetup"),
    "promoted": lazy("Gave a place to somebody who waited"),
    "published": lazy("Published a meetup"),
    "recorded_activity": lazy("Recorded online activity"),
    "registered": lazy("Registered somebody"),
    "released": lazy("Gave a place back"),
    "renewed_code": lazy("Made a new ticket, the old one ends"),
    "replaced_code": lazy("Made a new ticket, the old one ends"),
    "resized": lazy("Changed the number of places"),
    "revoked_device": lazy("Shut out a device of the door"),
    "revoked_token": lazy("Revoked a token"),
    "sponsored": lazy("Noted who sponsors a meetup"),
    "unlinked_identity": lazy("Took a name off a channel"),
    "walked_in": lazy("Let somebody in without a registration"),
    "withdrew_letters": lazy("Noted that somebody wants no more letters"),
    "withdrew_linking": lazy("Noted that somebody withdraws from the linking"),
    "withdrew_photos": lazy("Noted that somebody wants no photos"),
}


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
        "SELECT e.id, e.at, e.actor_kind, e.actor_id, coalesce(nullif(a.name, ''),"
        " a.email, t.name, '') AS actor_name, e.role, e.action, e.object_type, e.object_id,"
        " e.outcome, e.reason FROM audit_entry e LEFT JOIN account a ON a.id = e.actor_id"
        " LEFT JOIN api_token t ON t.workspace_id = e.workspace_id AND t.id = e.actor_id"
        " WHERE e.workspace_id = ANY (apero_scope()) AND ($1::uuid IS NULL OR e.id < $1)"
        " ORDER BY e.id DESC LIMIT $2",
        before,
        limit,
        into=Entry,
    )
