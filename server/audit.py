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
    "changed_deliverable": lazy("Changed what is owed to a sponsor"),
    "changed_package": lazy("Changed a package"),
    "changed_sale": lazy("Changed a sponsorship"),
    "changed_sponsor": lazy("Changed a sponsor"),
    "delivered": lazy("Noted what was delivered to a sponsor"),
    "dropped_deliverable": lazy("Gave up what was owed to a sponsor"),
    "ended_package": lazy("Stopped selling a package"),
    "ended_sale": lazy("Undid a sponsorship"),
    "made_package": lazy("Wrote a package down"),
    "offered_package_again": lazy("Sells a package again"),
    "owed_deliverables": lazy("Noted what is owed to a sponsor"),
    "proved_deliverable": lazy("Added a proof for a sponsor"),
    "reopened_deliverable": lazy("Took up again what is owed to a sponsor"),
    "sold": lazy("Noted a sponsorship"),
    "withdrew_proof": lazy("Took back a proof for a sponsor"),
}

# One sentence for each verb that a command writes; a new verb adds its own here.
SENTENCES = {
    "added_cost": lazy("Added a cost"),
    "added_device": lazy("Prepared a device for the door"),
    "added_sponsor_contact": lazy("Named a contact of a sponsor"),
    "agreed_across": lazy("Noted that somebody agrees to be recognised across brands"),
    "agreed_letters": lazy("Noted that somebody accepts letters"),
    "agreed_linking": lazy("Noted that somebody agrees to the linking"),
    "agreed_photos": lazy("Noted that somebody accepts photos"),
    "announced_series": lazy("Announced the dates of a series"),
    "archived_workspace": lazy("Archived the workspace"),
    "archived_venue": lazy("Archived a venue"),
    "attended": lazy("Noted that somebody came"),
    "brought_back_workspace": lazy("Brought the workspace back"),
    "brought_venue_back": lazy("Offered a venue again"),
    "cancelled": lazy("Cancelled a meetup"),
    "changed": lazy("Changed a meetup"),
    "changed_community": lazy("Changed a community"),
    "changed_cost": lazy("Changed a cost"),
    "changed_channel": lazy("Changed a channel"),
    "changed_dates": lazy("Changed the dates of a series"),
    "changed_department": lazy("Changed a department"),
    "changed_logo": lazy("Changed the logo"),
    "changed_member": lazy("Changed a member"),
    "changed_series": lazy("Changed what a series says"),
    "changed_representative": lazy("Changed who represents the brand at a meetup"),
    "changed_venue": lazy("Changed a venue"),
    "changed_workspace": lazy("Changed the settings"),
    "claimed_identity": lazy("Claimed a name that somebody else has proved"),
    "closed": lazy("Closed a meetup"),
    "covered_cost": lazy("Wrote down who covers a cost"),
    "declared_identity": lazy("Noted a name on a channel"),
    "disputed_identity": lazy("Claimed a name that somebody else claims"),
    "dropped_segment": lazy("Removed a segment"),
    "dropped_tag": lazy("Removed a tag"),
    "ended_department": lazy("Ended a department"),
    "ended_membership": lazy("Ended a role"),
    "ended_series": lazy("Ended a series"),
    "ended_sponsor_contact": lazy("Ended the access of a sponsor’s contact"),
    "ended_sponsorship": lazy("Took a sponsor off a meetup"),
    "erased_workspace": lazy("Asked for the workspace to be erased"),
    "finished_task": lazy("Noted that a task is done"),
    "fixed_lift_plan": lazy("Fixed how the effect of a meetup will be measured"),
    "followed": lazy("Noted that somebody follows a series"),
    "gave_agenda": lazy("Gave somebody the address of her meetups"),
    "gave_dates": lazy("Gave a series its dates"),
    "imported_activity": lazy("Imported online activity"),
    "imported_attendance": lazy("Imported who came"),
    "imported_members": lazy("Imported members"),
    "invited_again": lazy("Sent an invitation again"),
    "invited_ambassador": lazy("Invited an ambassador"),
    "invited_attendee": lazy("Invited a guest"),
    "invited_department": lazy("Invited a department"),
    "invited_door": lazy("Invited somebody to hold the door"),
    "invited_manager": lazy("Invited an organiser"),
    "invited_moderator": lazy("Invited a moderator"),
    "invited_owner": lazy("Invited an owner"),
    "invited_sponsor": lazy("Invited a sponsor"),
    "issued_token": lazy("Made a token"),
    "kept_picture": lazy("Kept a picture"),
    "kept_cue": lazy("Kept a step of an evening"),
    "kept_series": lazy("Kept a series"),
    "kept_task": lazy("Kept a task"),
    "kept_venue": lazy("Kept a venue"),
    "made_channel": lazy("Added a channel"),
    "made_community": lazy("Made a community"),
    "made_department": lazy("Opened a department"),
    "made_gate": lazy("Made a gate"),
    "made_member": lazy("Added a member"),
    "made_sponsor": lazy("Added a sponsor"),
    "made_workspace": lazy("Opened the workspace"),
    "looked_for_duplicates": lazy("Looked for duplicates"),
    "merged_members": lazy("Merged two people who are one"),
    "no_longer_apart": lazy("Took back that two people are not the same"),
    "named_representative": lazy("Named who represents the brand at a meetup"),
    "not_attended": lazy("Took back that somebody came"),
    "paired_device": lazy("Paired a device for the door"),
    "planned": lazy("Planned a meetup"),
    "postponed": lazy("Postponed a meetup"),
    "promoted": lazy("Gave a place to somebody who waited"),
    "published": lazy("Published a meetup"),
    "published_charter": lazy("Published a version of a charter"),
    "put_date_back": lazy("Put a date of a series back"),
    "recorded_activity": lazy("Recorded online activity"),
    "registered": lazy("Registered somebody"),
    "released": lazy("Gave a place back"),
    "removed_note": lazy("Removed a note"),
    "renamed_segment": lazy("Renamed a segment"),
    "renamed_tag": lazy("Renamed a tag"),
    "removed_cue": lazy("Took a step out of an evening"),
    "removed_representative": lazy("Took somebody off who represented the brand"),
    "moved_tasks": lazy("Moved tasks with their meetup"),
    "removed_task": lazy("Took a task out"),
    "renewed_code": lazy("Made a new ticket, the old one ends"),
    "replaced_code": lazy("Made a new ticket, the old one ends"),
    "reopened_task": lazy("Noted that a task is to be done again"),
    "rescheduled": lazy("Gave a meetup a new date"),
    "resized": lazy("Changed the number of places"),
    "removed_cost": lazy("Removed a cost"),
    "revoked_device": lazy("Shut out a device of the door"),
    "revoked_token": lazy("Revoked a token"),
    "saved_segment": lazy("Saved a segment"),
    "sponsored": lazy("Noted who sponsors a meetup"),
    "settled_identity": lazy("Said whose a name on a channel is"),
    "tagged_member": lazy("Put a tag on a member"),
    "told_apart": lazy("Said that two people are not the same"),
    "took_date_out": lazy("Took a date out of a series"),
    "unfollowed": lazy("Noted that somebody follows a series no more"),
    "unlinked_identity": lazy("Took a name off a channel"),
    "unmerged_members": lazy("Undid a merge of two people"),
    "asked_for_code": lazy("Asked for a code in somebody’s profile"),
    "untagged_member": lazy("Took a tag off a member"),
    "verified_identity": lazy("Proved a name on a channel"),
    "walked_in": lazy("Let somebody in without a registration"),
    "withdrew_across": lazy(
        "Noted that somebody no longer agrees to be recognised across brands"
    ),
    "withdrew_agenda": lazy("Took back the address of somebody’s meetups"),
    "withdrew_letters": lazy("Noted that somebody wants no more letters"),
    "withdrew_linking": lazy("Noted that somebody withdraws from the linking"),
    "withdrew_photos": lazy("Noted that somebody wants no photos"),
    "withdrew_series": lazy("Kept the dates of a series to the team"),
    "wrote_note": lazy("Wrote a note about a member"),
    "accepted_ambassador": lazy("Said yes to an ambassador"),
    "accepted_charter": lazy("Accepted a charter"),
    "applied_ambassador": lazy("Noted an application of an ambassador"),
    "asked_mission": lazy("Asked an ambassador for something"),
    "changed_ambassador": lazy("Changed the mandate of an ambassador"),
    "declined_ambassador": lazy("Said no to an ambassador"),
    "dropped_mission": lazy("Took back what was asked of an ambassador"),
    "ended_ambassador": lazy("Ended the term of an ambassador"),
    "hid_inviter": lazy("Hid who invited somebody"),
    "logged_stint": lazy("Noted the time an ambassador gave"),
    "proved_mission": lazy("Proved what was asked of an ambassador"),
    "removed_follower": lazy("Took somebody out of those who follow a series"),
    "removed_stint": lazy("Took back a time that was noted"),
    "rested_ambassador": lazy("Let an ambassador rest"),
    "sent_invitation": lazy("Invited somebody by letter"),
    "thanked_mission": lazy("Thanked an ambassador"),
    "woke_ambassador": lazy("Ended the rest of an ambassador"),
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
