"""Touches: whose personal link somebody registered by. No cookie, no trace elsewhere.

The link carries a code into the form and the form carries it into the registration; what
is not sent is not known. Every use is kept, so that both the first and the last are: who
brought somebody at all, and who brought her to this meetup. An ambassador who invites
herself counts for nobody, and whoever was invited may hide by whom.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Boolean, Timestamptz

from events.people.mandates import Mandate, mandate_by_code, today_in
from server import audit
from server.audit import Actor
from server.database import Record, atomic, one, sql, uuid7
from server.look import Look

# The same mailbox under another spelling: a tag after +, dots, the elder name of Gmail.
# `{0}` is an expression of SQL; `same_mailbox` says the same in Python.
MAILBOX = (
    "(replace(split_part(split_part(lower({0}), '@', 1), '+', 1), '.', '') || '@' ||"
    " replace(split_part(lower({0}), '@', 2), 'googlemail.com', 'gmail.com'))"
)


class Touch(Record):
    """One registration that came by one ambassador's link."""

    meetup_id = UuidColumn()
    member_id = UuidColumn()
    ambassador_id = UuidColumn()
    is_own = Boolean()
    touched_at = Timestamptz()
    hidden_at = Timestamptz(null=True, default=None)


class Inviters(msgspec.Struct, frozen=True):
    """Who brought somebody first, and who brought her last; None is nobody known."""

    first_id: UUID | None
    first: str
    last_id: UUID | None
    last: str


# Rules


def mailbox(address: str) -> str:
    """The mailbox behind an address: without its tag, its dots, and in one spelling."""
    local, _at, host = address.lower().partition("@")
    host = host.replace("googlemail.com", "gmail.com")
    return f"{local.partition('+')[0].replace('.', '')}@{host}"


def is_same_mailbox(one_address: str | None, other: str | None) -> bool:
    """Do these two addresses lead to one mailbox?"""
    return bool(one_address and other) and mailbox(one_address or "") == mailbox(
        other or ""
    )


# Commands


@atomic()
async def note(
    via: str,
    *,
    meetup_id: UUID,
    member_id: UUID,
    workspace: Look,
    by: Actor,
    now: datetime,
) -> None:
    """Keep by whose link this registration came; a code of nobody's is forgotten."""
    her = await mandate_by_code(via, today_in(workspace, now))
    if her is None:
        return
    touch = Touch(
        id=uuid7(),
        workspace_id=by.workspace_id,
        meetup_id=meetup_id,
        member_id=member_id,
        ambassador_id=her.id,
        is_own=await _is_own(her, member_id, by),
        touched_at=now,
    )
    await touch.save()


async def _is_own(her: Mandate, member_id: UUID, by: Actor) -> bool:
    """Is the one who registers the ambassador herself, under this name or another?"""
    row = await one(
        "SELECT m.email, a.email AS account,"
        " coalesce(m.merged_into_id, m.id) = coalesce(h.merged_into_id, h.id) AS is_she"
        " FROM member m"
        " JOIN member h ON h.workspace_id = m.workspace_id AND h.id = $3"
        " LEFT JOIN account a ON a.id = $4"
        " WHERE m.workspace_id = $1 AND m.id = $2",
        by.workspace_id,
        member_id,
        her.member_id,
        her.account_id,
    )
    assert row is not None  # noqa: S101 - she has just registered
    return bool(
        row["is_she"]
        or is_same_mailbox(row["email"], her.email)
        or is_same_mailbox(row["email"], row["account"])
    )


@atomic()
async def hide(member_id: UUID, *, by: Actor, now: datetime) -> None:
    """Hide who invited her, everywhere: nobody sees it, and it counts for nobody."""
    rows = [
        row
        for table in ("touch", "invitation")
        for row in await sql(
            f"UPDATE {table} SET hidden_at = $3 WHERE workspace_id = $1"  # noqa: S608
            " AND member_id = $2 AND hidden_at IS NULL AND ambassador_id IS NOT NULL"
            " RETURNING id",
            by.workspace_id,
            member_id,
            now,
        )
    ]
    if rows:
        await audit.note(by, "hid_inviter", at=now)


# Queries


async def is_touched(member_id: UUID) -> bool:
    """Is it known who invited this member?"""
    row = await one(
        "SELECT EXISTS (SELECT FROM touch WHERE workspace_id = ANY (apero_scope())"
        " AND member_id = $1 AND hidden_at IS NULL) OR EXISTS (SELECT FROM invitation"
        " WHERE workspace_id = ANY (apero_scope()) AND member_id = $1"
        " AND ambassador_id IS NOT NULL AND hidden_at IS NULL) AS is_known",
        member_id,
    )
    return bool(row and row["is_known"])


async def inviters_of(member_id: UUID) -> Inviters:
    """Who brought this member, first and last; nobody when she hid it."""
    found = await one(
        "WITH hers AS (SELECT t.ambassador_id AS id, b.name, t.touched_at, t.id AS touch"
        " FROM touch t JOIN ambassador a ON a.workspace_id = t.workspace_id"
        " AND a.id = t.ambassador_id JOIN member b ON b.workspace_id = a.workspace_id"
        " AND b.id = a.member_id WHERE t.workspace_id = ANY (apero_scope())"
        " AND t.member_id = $1 AND NOT t.is_own AND t.hidden_at IS NULL),"
        " f AS (SELECT id, name FROM hers ORDER BY touched_at, touch LIMIT 1),"
        " l AS (SELECT id, name FROM hers ORDER BY touched_at DESC, touch DESC LIMIT 1)"
        " SELECT f.id AS first_id, coalesce(f.name, '') AS first, l.id AS last_id,"
        " coalesce(l.name, '') AS last FROM (SELECT) x LEFT JOIN f ON true"
        " LEFT JOIN l ON true",
        member_id,
        into=Inviters,
    )
    assert found is not None  # noqa: S101 - a row whatever is known
    return found
