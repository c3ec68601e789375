"""Merges: two records of one person made one, and made two again.

Every row of every table that names the merged record goes to the kept one, whatever the
tables are: they are read from PostgreSQL's catalogue. A row that the kept record has
already (two places at one meetup) stays where it is and is named. What moved is written
down row by row, so that un-merging (`unmerging`) gives each row back.
"""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from piccolo.columns import JSONB, Text, Timestamptz
from piccolo.columns import UUID as UuidColumn

from events.people import claims, identities, moving
from events.people.claims import Proof
from events.people.members import Member
from server import audit
from server.audit import Actor
from server.database import Record, atomic, find, one, sql, uuid7
from server.errors import Conflict, NotFound
from server.forms import clean
from server.i18n import lazy

Rows = dict[str, list[UUID]]


class Merge(Record):
    """That one record was merged into another, with all that is needed to undo it."""

    kept_id = UuidColumn()
    merged_id = UuidColumn()
    moved = JSONB()
    stayed = JSONB()
    before = JSONB()
    reason = Text()
    merged_at = Timestamptz()
    undone_at = Timestamptz(null=True, default=None)


class Apart(Record, tablename="not_the_same"):
    """That somebody said of two records that they are two people."""

    one_id = UuidColumn()
    other_id = UuidColumn()
    said_at = Timestamptz()


class MergeLine(msgspec.Struct, frozen=True):
    """A merge in a list."""

    id: UUID
    kept_id: UUID
    kept: str
    merged_id: UUID
    merged: str
    reason: str
    merged_at: datetime
    undone_at: datetime | None


class MergeDetail(msgspec.Struct, frozen=True):
    """A merge with what moved and what stayed, table by table."""

    line: MergeLine
    moved: dict[str, int]
    stayed: dict[str, int]


class Twice(msgspec.Struct, frozen=True):
    """A meetup where one person has more than one place."""

    slug: str
    title: str
    starts_at: datetime
    places: int


class Other(msgspec.Struct, frozen=True):
    """Somebody who may be chosen to be merged."""

    id: UUID
    name: str
    email: str


class SamePerson(Conflict):
    message = lazy("These are one record already.")


class Gone(Conflict):
    message = lazy("One of these records was erased or merged already.")


class SaidApart(Conflict):
    message = lazy("Somebody said that these are two people. Take that back first.")


# Rules


def in_order(one_id: UUID, other_id: UUID) -> tuple[UUID, UUID]:
    """Two records in the order in which a pair is written."""
    return (one_id, other_id) if one_id < other_id else (other_id, one_id)


# Commands


@atomic()
async def merge(
    kept_id: UUID, merged_id: UUID, *, reason: str = "", by: Actor, now: datetime
) -> UUID:
    """Make two records one person's; everything goes to the kept one."""
    await _both(kept_id, merged_id)
    before: dict[str, Any] = {
        "kept": await _fields(kept_id),
        "merged": await _fields(merged_id),
    }
    moved: Rows = {}
    stayed: Rows = {}
    for link in await moving.links():
        rows = await moving.move(link, merged_id, kept_id, by=by)
        moved[link.key], stayed[link.key] = rows
    await _fill(kept_id, merged_id, before["merged"]["email"], by=by)
    before["after"] = await _fields(kept_id)
    before["settled"] = await _settle_between(kept_id, by=by)
    ledgers = (_ledger(moved), _ledger(stayed), json.dumps(before))
    id_ = await _write(kept_id, merged_id, ledgers, reason, by=by, now=now)
    await audit.note(by, "merged_members", await find(Member, kept_id), at=now)
    return id_


async def _write(
    kept_id: UUID,
    merged_id: UUID,
    ledgers: tuple[str, str, str],
    reason: str,
    *,
    by: Actor,
    now: datetime,
) -> UUID:
    """Keep what undoing needs: what moved, what stayed, and how both records were."""
    id_ = uuid7()
    await sql(
        "INSERT INTO merge (id, workspace_id, kept_id, merged_id, moved, stayed, before,"
        " reason, merged_at) VALUES"
        " ($1, $2, $3, $4, $5::text::jsonb, $6::text::jsonb, $7::text::jsonb, $8, $9)",
        id_,
        by.workspace_id,
        kept_id,
        merged_id,
        *ledgers,
        reason,
        now,
    )
    return id_


async def _both(kept_id: UUID, merged_id: UUID) -> None:
    """Lock both records, and see that they may be merged."""
    await _locked(kept_id, merged_id)
    if await are_apart(kept_id, merged_id):
        raise SaidApart


async def _locked(kept_id: UUID, merged_id: UUID) -> None:
    """Lock two records, in one order for everybody, if both stand for somebody."""
    if kept_id == merged_id:
        raise SamePerson
    rows = await sql(
        "SELECT id, merged_into_id, erased_at FROM member"
        " WHERE workspace_id = ANY (apero_scope()) AND id = ANY ($1::uuid[])"
        " ORDER BY id FOR UPDATE",
        [kept_id, merged_id],
    )
    if len(rows) < 2:  # noqa: PLR2004 - both of them
        raise NotFound
    if any(row["merged_into_id"] or row["erased_at"] for row in rows):
        raise Gone


_FIELDS = (
    "name",
    "email",
    "language",
    "joined_on",
    "is_insider",
    "linking_agreed_at",
    "note",
)
_AS_JSON = ", ".join(f"'{name}', {name}" for name in _FIELDS)


async def _fields(member_id: UUID) -> Any:  # noqa: ANN401 - as PostgreSQL writes them
    """What a record says of its person, as it stands."""
    row = await one(
        f"SELECT jsonb_build_object({_AS_JSON})::text AS fields FROM member"  # noqa: S608
        " WHERE workspace_id = ANY (apero_scope()) AND id = $1",
        member_id,
    )
    assert row is not None  # noqa: S101 - it was locked a moment ago
    return json.loads(row["fields"])


async def _fill(kept_id: UUID, merged_id: UUID, email: str | None, *, by: Actor) -> None:
    """Complete the kept record; the person's last answer to linking is her answer."""
    await sql(
        "UPDATE member SET merged_into_id = $2, email = CASE WHEN (SELECT k.email"
        " FROM member k WHERE k.workspace_id = $1 AND k.id = $2) IS NULL THEN NULL"
        " ELSE email END WHERE workspace_id = $1 AND id = $3",
        by.workspace_id,
        kept_id,
        merged_id,
    )
    await sql(
        "UPDATE member m SET name = coalesce(nullif(m.name, ''), g.name),"
        " email = coalesce(m.email, $4), language = coalesce(nullif(m.language, ''),"
        " g.language), joined_on = least(m.joined_on, g.joined_on),"
        " is_insider = m.is_insider OR g.is_insider,"
        " note = concat_ws(E'\\n', nullif(m.note, ''), nullif(g.note, '')),"
        " linking_agreed_at = CASE WHEN EXISTS (SELECT FROM consent c WHERE"
        " c.workspace_id = $1 AND c.member_id = $2 AND c.purpose = 'linking') THEN"
        " (SELECT CASE WHEN c.is_given THEN c.at END FROM consent c WHERE"
        " c.workspace_id = $1 AND c.member_id = $2 AND c.purpose = 'linking'"
        " ORDER BY c.at DESC, c.id DESC LIMIT 1) ELSE m.linking_agreed_at END"
        " FROM member g WHERE m.workspace_id = $1 AND m.id = $2"
        " AND g.workspace_id = $1 AND g.id = $3",
        by.workspace_id,
        kept_id,
        merged_id,
        email,
    )


async def _settle_between(kept_id: UUID, *, by: Actor) -> list[Any]:
    """Handles that only this person claims now are hers; how they stood before."""
    rows = await sql(
        "SELECT DISTINCT i.id, i.disputed_at, i.proof FROM identity i JOIN claim c"
        " ON c.workspace_id = i.workspace_id AND c.identity_id = i.id"
        " WHERE i.workspace_id = ANY (apero_scope()) AND i.disputed_at IS NOT NULL"
        " AND c.ended_at IS NULL"
        " AND c.member_id = $1",
        kept_id,
    )
    settled = await claims.between_one([row["id"] for row in rows])
    for identity_id, member_id in settled.items():
        await identities.hold(identity_id, member_id, Proof.DECLARED, by=by)
    return [
        [str(row["id"]), row["disputed_at"].isoformat(), row["proof"]]
        for row in rows
        if row["id"] in settled
    ]


def _ledger(rows: Rows) -> str:
    """Rows by table, as they are kept; tables without a row are left out."""
    return json.dumps({key: [str(id_) for id_ in ids] for key, ids in rows.items() if ids})


@atomic()
async def say_apart(one_id: UUID, other_id: UUID, *, by: Actor, now: datetime) -> None:
    """Write that two records are two people; they are not offered for merging again."""
    await _locked(one_id, other_id)
    one_ = await find(Member, one_id)
    await sql(
        "INSERT INTO not_the_same (id, workspace_id, one_id, other_id, said_at)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (workspace_id, one_id, other_id)"
        " DO NOTHING",
        uuid7(),
        by.workspace_id,
        *in_order(one_id, other_id),
        now,
    )
    await audit.note(by, "told_apart", one_, at=now)


@atomic()
async def take_back_apart(
    one_id: UUID, other_id: UUID, *, by: Actor, now: datetime
) -> None:
    """Take back that two records are two people."""
    one_ = await find(Member, one_id)
    row = await one(
        "DELETE FROM not_the_same WHERE workspace_id = $1 AND one_id = $2"
        " AND other_id = $3 RETURNING id",
        by.workspace_id,
        *in_order(one_id, other_id),
    )
    if row is None:
        raise NotFound
    await audit.note(by, "no_longer_apart", one_, at=now)


# Queries


async def are_apart(one_id: UUID, other_id: UUID) -> bool:
    """Did somebody say that these are two people?"""
    row = await one(
        "SELECT EXISTS (SELECT FROM not_the_same WHERE workspace_id = ANY (apero_scope())"
        " AND one_id = $1 AND other_id = $2) AS apart",
        *in_order(one_id, other_id),
    )
    return bool(row and row["apart"])


_LINE = (
    "SELECT g.id, g.kept_id, coalesce(nullif(k.name, ''), k.email, '') AS kept,"
    " g.merged_id, coalesce(nullif(m.name, ''), m.email, g.before -> 'merged' ->> 'email',"
    " '') AS merged, g.reason, g.merged_at, g.undone_at"
)
_FROM = (
    " FROM merge g JOIN member k ON k.workspace_id = g.workspace_id AND k.id = g.kept_id"
    " JOIN member m ON m.workspace_id = g.workspace_id AND m.id = g.merged_id"
    " WHERE g.workspace_id = ANY (apero_scope())"
)


async def merges(*, after: UUID | None = None, limit: int = 50) -> list[MergeLine]:
    """The merges, latest first, paged by the key of the last one seen."""
    return await sql(
        f"{_LINE}{_FROM} AND ($1::uuid IS NULL OR g.id < $1) ORDER BY g.id DESC LIMIT $2",
        after,
        limit,
        into=MergeLine,
    )


async def merge_detail(merge_id: UUID) -> MergeDetail:
    """One merge with how many rows moved and stayed, or NotFound."""
    row = await one(
        f"{_LINE}, g.moved::text AS moved, g.stayed::text AS stayed{_FROM} AND g.id = $1",
        merge_id,
    )
    if row is None:
        raise NotFound
    shown = {name: row[name] for name in MergeLine.__struct_fields__}
    moved, stayed = (
        {key: len(ids) for key, ids in json.loads(row[name]).items()}
        for name in ("moved", "stayed")
    )
    return MergeDetail(MergeLine(**shown), moved, stayed)


async def merged_into(member_id: UUID) -> list[MergeLine]:
    """The merges in force that made this person one."""
    return await sql(
        f"{_LINE}{_FROM} AND g.undone_at IS NULL AND g.merged_id IN (SELECT q.id"  # noqa: S608
        " FROM member q WHERE q.workspace_id = g.workspace_id AND q.merged_into_id = $1)"
        " ORDER BY g.id DESC LIMIT 100",
        member_id,
        into=MergeLine,
    )


async def twice_at(*member_ids: UUID) -> list[Twice]:
    """Meetups where these records, taken as one person, have more than one place."""
    return await sql(
        "SELECT m.slug, m.title, m.starts_at, count(*) AS places FROM member q"
        " JOIN registration r ON r.workspace_id = q.workspace_id AND r.member_id = q.id"
        " JOIN meetup m ON m.workspace_id = r.workspace_id AND m.id = r.meetup_id"
        " WHERE q.workspace_id = ANY (apero_scope()) AND r.status <> 'cancelled'"
        " AND (q.id = ANY ($1::uuid[]) OR q.merged_into_id = ANY ($1))"
        " GROUP BY m.workspace_id, m.id HAVING count(*) > 1"
        " ORDER BY m.starts_at DESC, m.id LIMIT 100",
        list(member_ids),
        into=Twice,
    )


async def others(member_id: UUID, search: str, *, limit: int = 20) -> list[Other]:
    """People whose name or address holds these letters, this one left out."""
    wanted = clean(search)[:200]
    wanted = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return await sql(
        "SELECT m.id, coalesce(nullif(m.name, ''), m.email, '') AS name,"
        " coalesce(m.email, '') AS email FROM member m"
        " WHERE m.workspace_id = ANY (apero_scope()) AND m.id <> $1"
        " AND m.merged_into_id IS NULL AND m.erased_at IS NULL AND m.wished_at IS NULL"
        " AND (apero_plain(m.name) LIKE '%' || apero_plain($2) || '%'"
        " OR m.email LIKE '%' || lower($2) || '%')"
        " ORDER BY apero_plain(m.name), m.id LIMIT $3",
        member_id,
        wanted,
        limit,
        into=Other,
    )
