"""Notes: what somebody of the team wrote about a member, with her name and the day.

A note is never changed; a wrong one is removed and written again. What is removed is no
longer shown to anybody.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Text, Timestamptz

from events.people.members import here
from server import audit
from server.audit import Actor, ActorKind
from server.database import Record, atomic, find, one, sql, uuid7
from server.errors import Invalid, NotFound
from server.forms import clean
from server.i18n import lazy

LONGEST_NOTE = 5_000


class Note(Record):
    """One note about one member."""

    member_id = UuidColumn()
    account_id = UuidColumn(null=True, default=None)
    text = Text()
    created_at = Timestamptz()
    removed_at = Timestamptz(null=True, default=None)


class NoteLine(msgspec.Struct, frozen=True):
    """A note as the member's page shows it."""

    id: UUID
    text: str
    author: str
    created_at: datetime


# Commands


@atomic()
async def write_note(member_id: UUID, text: str, *, by: Actor, now: datetime) -> UUID:
    """Write something down about a member."""
    kept = clean(text)[:LONGEST_NOTE].strip()
    if not kept:
        raise Invalid(text=lazy("This answer is missing."))
    await here(member_id)
    id_ = uuid7()
    await sql(
        "INSERT INTO note (id, workspace_id, member_id, account_id, text, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        id_,
        by.workspace_id,
        member_id,
        by.id if by.kind is ActorKind.ACCOUNT else None,
        kept,
        now,
    )
    await audit.note(by, "wrote_note", await find(Note, id_), at=now)
    return id_


@atomic()
async def remove_note(note_id: UUID, *, member_id: UUID, by: Actor, now: datetime) -> None:
    """Take a note away; its words are gone, that there was one stays."""
    row = await one(
        "UPDATE note SET removed_at = $4, text = '' WHERE workspace_id = $1 AND id = $2"
        " AND member_id = $3 AND removed_at IS NULL RETURNING id",
        by.workspace_id,
        note_id,
        member_id,
        now,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "removed_note", await find(Note, note_id), at=now)


# Queries


async def notes_of(member_id: UUID, *, limit: int = 100) -> list[NoteLine]:
    """What was written about a member, latest first."""
    return await sql(
        "SELECT n.id, n.text, coalesce(nullif(a.name, ''), a.email, '') AS author,"
        " n.created_at FROM note n LEFT JOIN account a ON a.id = n.account_id"
        " WHERE n.workspace_id = ANY (apero_scope()) AND n.member_id = $1"
        " AND n.removed_at IS NULL ORDER BY n.id DESC LIMIT $2",
        member_id,
        limit,
        into=NoteLine,
    )
