"""Un-merging: two records of one person made two again, exactly.

Each row goes back to the record it came from, each field to what it said, unless somebody
wrote something else since. What happened since the merge stays with the kept record; an
agreement taken back since is taken back for both, for nobody can tell whose it was.
"""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from events.people import moving
from events.people.members import Member
from server import audit
from server.audit import Actor
from server.database import DB, atomic, find, one, sql
from server.errors import Conflict, NotFound
from server.i18n import lazy


class UndoneAlready(Conflict):
    message = lazy("This merge was undone already.")


class LaterFirst(Conflict):
    message = lazy("This person was merged again since. Undo the latest merge first.")


class AddressTaken(Conflict):
    message = lazy("The e-mail address to give back belongs to somebody else now.")


# Commands


@atomic()
async def undo(merge_id: UUID, *, by: Actor, now: datetime) -> None:
    """Make two people of them again: each row goes back to the record it came from."""
    ledger = await _to_undo(merge_id)
    kept_id, merged_id = ledger["kept_id"], ledger["merged_id"]
    moved: dict[str, list[str]] = json.loads(ledger["moved"])
    for link in await moving.links():
        ids = [UUID(id_) for id_ in moved.get(link.key, ())]
        if ids:
            await moving.move(link, kept_id, merged_id, ids, by=by)
    before = json.loads(ledger["before"])
    await _unsettle(before["settled"], kept_id, by=by)
    no_since = await _said_no_since(kept_id, ledger["merged_at"])
    try:
        async with DB.transaction():
            await _restore_kept(kept_id, before, no_since=no_since, by=by)
            await _restore_merged(merged_id, before["merged"], no_since=no_since, by=by)
    except asyncpg.UniqueViolationError as error:
        raise AddressTaken from error
    await sql(
        "UPDATE merge SET undone_at = $3 WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        merge_id,
        now,
    )
    await audit.note(by, "unmerged_members", await find(Member, kept_id), at=now)


async def _to_undo(merge_id: UUID) -> asyncpg.Record:
    """The ledger of a merge, with both records locked; refused out of order."""
    ledger = await one(
        "SELECT g.kept_id, g.merged_id, g.moved::text, g.before::text, g.merged_at,"
        " g.undone_at, EXISTS (SELECT FROM merge l WHERE l.workspace_id = g.workspace_id"
        " AND l.undone_at IS NULL AND l.id > g.id"
        " AND g.kept_id IN (l.kept_id, l.merged_id)) AS is_covered"
        " FROM merge g WHERE g.workspace_id = ANY (apero_scope()) AND g.id = $1"
        " FOR UPDATE OF g",
        merge_id,
    )
    if ledger is None:
        raise NotFound
    if ledger["undone_at"] is not None:
        raise UndoneAlready
    if ledger["is_covered"]:
        raise LaterFirst
    await sql(
        "SELECT FROM member WHERE workspace_id = ANY (apero_scope())"
        " AND id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE",
        [ledger["kept_id"], ledger["merged_id"]],
    )
    return ledger


async def _unsettle(settled: list[Any], kept_id: UUID, *, by: Actor) -> None:
    """Handles that the merge settled are disputed again, unless somebody proved them."""
    for identity_id, disputed_at, proof in settled:
        await sql(
            "UPDATE identity SET member_id = NULL, disputed_at = $4, proof = $5"
            " WHERE workspace_id = $1 AND id = $2 AND member_id = $3"
            " AND proof <> 'verified'",
            by.workspace_id,
            UUID(identity_id),
            kept_id,
            datetime.fromisoformat(disputed_at),
            proof,
        )


async def _said_no_since(kept_id: UUID, since: datetime) -> bool:
    """Did this person take her agreement back since? Then it holds for both records."""
    row = await one(
        "SELECT EXISTS (SELECT FROM consent WHERE workspace_id = ANY (apero_scope())"
        " AND member_id = $1 AND purpose = 'linking' AND NOT is_given AND at >= $2) AS no",
        kept_id,
        since,
    )
    return bool(row and row["no"])


def _back(column: str, value: str) -> str:
    """A field as it was, unless somebody changed it since the merge."""
    same = f"m.{column} IS NOT DISTINCT FROM {value.format('a')}"
    return f"{column} = CASE WHEN {same} THEN {value.format('b')} ELSE m.{column} END"


_BACK = ", ".join(
    _back(column, f"({{}}.kept ->> '{column}')::{kind}")
    for column, kind in (
        ("name", "text"),
        ("email", "text"),
        ("language", "text"),
        ("joined_on", "date"),
        ("is_insider", "boolean"),
        ("note", "text"),
    )
)


async def _restore_kept(
    kept_id: UUID, before: dict[str, Any], *, no_since: bool, by: Actor
) -> None:
    """What the kept record said before, where nobody wrote something else since."""
    linking = _back("linking_agreed_at", "({}.kept ->> 'linking_agreed_at')::timestamptz")
    await sql(
        f"UPDATE member m SET {_BACK}, {linking} FROM (SELECT $3::text::jsonb AS kept) a,"  # noqa: S608
        " (SELECT $4::text::jsonb AS kept) b WHERE m.workspace_id = $1 AND m.id = $2",
        by.workspace_id,
        kept_id,
        json.dumps(before["after"]),
        json.dumps(before["kept"]),
    )
    if no_since:
        await _unlinked(kept_id, by=by)


async def _restore_merged(
    merged_id: UUID, fields: dict[str, Any], *, no_since: bool, by: Actor
) -> None:
    """The merged record stands for itself again, with its own address."""
    await sql(
        "UPDATE member SET merged_into_id = NULL, email = $3"
        " WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        merged_id,
        fields["email"],
    )
    if no_since:
        await _unlinked(merged_id, by=by)


async def _unlinked(member_id: UUID, *, by: Actor) -> None:
    await sql(
        "UPDATE member SET linking_agreed_at = NULL WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        member_id,
    )
