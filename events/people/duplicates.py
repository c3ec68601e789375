"""Duplicates: who may be one person twice, each time with the reason.

A reason is something to look at, never a decision: nothing is merged here. Names are the
weakest reason, and however alike two names are, a name alone stays a name alone.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Array, Integer, Text, Timestamptz

from server import audit, jobs, workspaces
from server.audit import Actor, system
from server.database import Record, atomic, current_scope, sql, uuid7
from server.forms import clean

MOST_PAIRS = 5_000
MOST_OF_A_NAME = 8
"""A name that more people bear says nothing about any two of them."""
DOTLESS = frozenset({"gmail.com", "googlemail.com"})
"""Mail hosts for which dots in front of the @ do not count (they say so themselves)."""


class Reason(StrEnum):
    """Why two records may be one person's."""

    ADDRESS = "address"
    CLAIM = "claim"
    HANDLE = "handle"
    NAME = "name"


STRENGTH = {Reason.ADDRESS: 3, Reason.CLAIM: 2, Reason.HANDLE: 2, Reason.NAME: 1}


class Likeness(Record):
    """Two records that look alike, as the last look found them."""

    one_id = UuidColumn()
    other_id = UuidColumn()
    reasons = Array(base_column=Text())
    strength = Integer()
    found_at = Timestamptz()


class Traits(NamedTuple):
    """What is compared of a record: nothing else is looked at."""

    name: str = ""
    email: str = ""
    handles: frozenset[tuple[str, str]] = frozenset()  # (channel, handle)
    claims: frozenset[str] = frozenset()  # identities


class Pair(msgspec.Struct, frozen=True):
    """Two records that may be one person's, as the list shows them."""

    id: UUID
    one_id: UUID
    one: str
    one_email: str
    one_came: int
    other_id: UUID
    other: str
    other_email: str
    other_came: int
    reasons: list[Reason]
    strength: int
    found_at: datetime


# Rules


def tidy_address(email: str) -> str:
    """An address without the tag behind `+`, nor the dots that its host does not read."""
    local, at, host = clean(email).lower().rpartition("@")
    if not at or not local:
        return ""
    local = local.partition("+")[0] or local
    if host in DOTLESS:
        local, host = local.replace(".", ""), "gmail.com"
    return f"{local}@{host}"


def reasons(one_: Traits, other: Traits) -> list[Reason]:
    """Why two records may be one person's, the strongest reason first."""
    found = set()
    address = tidy_address(one_.email)
    if address and address == tidy_address(other.email):
        found.add(Reason.ADDRESS)
    if one_.claims & other.claims:
        found.add(Reason.CLAIM)
    if any(
        mine == hers and here != there
        for here, mine in one_.handles
        for there, hers in other.handles
    ):
        found.add(Reason.HANDLE)
    # One word is a first name: thousands share it.
    if one_.name and one_.name == other.name and " " in one_.name:
        found.add(Reason.NAME)
    return [reason for reason in Reason if reason in found]


def strength(found: Sequence[Reason]) -> int:
    """How strong the strongest reason is; 0 without any. Reasons do not add up."""
    return max((STRENGTH[reason] for reason in found), default=0)


# Commands

# The same rules for a whole workspace at once (a test compares them with those above).
_ADDRESS = (
    "CASE WHEN split_part(m.email, '@', 2) IN ('gmail.com', 'googlemail.com') THEN"
    " replace(coalesce(nullif(split_part(split_part(m.email, '@', 1), '+', 1), ''),"
    " split_part(m.email, '@', 1)), '.', '') || '@gmail.com' ELSE"
    " coalesce(nullif(split_part(split_part(m.email, '@', 1), '+', 1), ''),"
    " split_part(m.email, '@', 1)) || '@' || split_part(m.email, '@', 2) END"
)
_FIND = f"""
WITH person AS MATERIALIZED (
  SELECT m.id, apero_plain(m.name) AS name, {_ADDRESS} AS address FROM member m
  WHERE m.workspace_id = $1 AND m.merged_into_id IS NULL AND m.erased_at IS NULL
  AND m.wished_at IS NULL
), addressed AS (
  SELECT address, array_agg(id ORDER BY id) AS ids FROM person
  WHERE address IS NOT NULL GROUP BY address HAVING count(*) > 1
), named AS (
  SELECT name, array_agg(id ORDER BY id) AS ids FROM person WHERE name LIKE '% %'
  GROUP BY name HAVING count(*) BETWEEN 2 AND {MOST_OF_A_NAME}
), known AS (
  SELECT i.handle, array_agg(i.member_id) AS ids FROM identity i
  JOIN channel c ON c.workspace_id = i.workspace_id AND c.id = i.channel_id
  WHERE i.workspace_id = $1 AND i.member_id IS NOT NULL AND c.name <> 'import'
  GROUP BY i.handle HAVING count(DISTINCT i.member_id) BETWEEN 2 AND {MOST_OF_A_NAME}
), claimed AS (
  SELECT c.identity_id, array_agg(DISTINCT coalesce(m.merged_into_id, m.id)) AS ids
  FROM claim c JOIN identity i ON i.workspace_id = c.workspace_id AND i.id = c.identity_id
  JOIN member m ON m.workspace_id = c.workspace_id AND m.id = c.member_id
  WHERE c.workspace_id = $1 AND c.ended_at IS NULL AND i.disputed_at IS NOT NULL
  GROUP BY c.identity_id HAVING count(*) BETWEEN 2 AND {MOST_OF_A_NAME}
), grouped AS (
  SELECT ids, 'address' AS reason FROM addressed UNION ALL SELECT ids, 'name' FROM named
  UNION ALL SELECT ids, 'handle' FROM known UNION ALL SELECT ids, 'claim' FROM claimed
), pair AS (
  SELECT DISTINCT least(a, b) AS one_id, greatest(a, b) AS other_id, reason
  FROM grouped g CROSS JOIN unnest(g.ids) a CROSS JOIN unnest(g.ids) b WHERE a < b
)
SELECT p.one_id, p.other_id, array_agg(p.reason) AS reasons FROM pair p
WHERE p.reason IN ('address', 'name') OR 2 = (SELECT count(*) FROM member m
  WHERE m.workspace_id = $1 AND m.id IN (p.one_id, p.other_id)
  AND m.merged_into_id IS NULL AND m.erased_at IS NULL AND m.wished_at IS NULL)
GROUP BY 1, 2 ORDER BY min(array_position(ARRAY['address', 'claim', 'handle', 'name'],
  p.reason)), 1, 2 LIMIT {MOST_PAIRS}
"""  # noqa: S608 - nothing but our own text and numbers


@atomic()
async def look(*, by: Actor, now: datetime) -> int:
    """Look over everybody and write down who looks alike; says how many pairs."""
    await sql("SELECT pg_advisory_xact_lock(hashtextextended($1, 7))", str(by.workspace_id))
    rows = await sql(_FIND, by.workspace_id)
    found = [[reason for reason in Reason if reason in row["reasons"]] for row in rows]
    await sql("DELETE FROM likeness WHERE workspace_id = $1", by.workspace_id)
    await sql(
        "INSERT INTO likeness (id, workspace_id, one_id, other_id, reasons, strength,"
        " found_at) SELECT id, $1, one_id, other_id, string_to_array(reasons, ','),"
        " strength, $2 FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[],"
        " $7::int[]) AS given (id, one_id, other_id, reasons, strength)",
        by.workspace_id,
        now,
        [uuid7() for _ in rows],
        [row["one_id"] for row in rows],
        [row["other_id"] for row in rows],
        [",".join(one_) for one_ in found],
        [strength(one_) for one_ in found],
    )
    await audit.note(by, "looked_for_duplicates", at=now)
    return len(rows)


@jobs.every("23 3 * * *")
async def look_everywhere(now: datetime) -> None:
    """Every night, in every workspace by itself."""
    for workspace_id in sorted(await workspaces.at_work()):
        await look(by=system(workspace_id), now=now)


# Queries

# A doubt about a record that was merged since is about the person who was kept.
_PAIR = (
    "SELECT l.id, l.one_id, coalesce(nullif(o.name, ''), o.email, '') AS one,"
    " coalesce(o.email, '') AS one_email, l.other_id,"
    " coalesce(nullif(t.name, ''), t.email, '') AS other, coalesce(t.email, '') AS"
    " other_email, (SELECT count(*) FROM registration r WHERE r.workspace_id ="
    " o.workspace_id AND r.member_id = o.id AND r.attended_at IS NOT NULL) AS one_came,"
    " (SELECT count(*) FROM registration r WHERE r.workspace_id = t.workspace_id"
    " AND r.member_id = t.id AND r.attended_at IS NOT NULL) AS other_came, l.reasons,"
    " l.strength, l.found_at FROM likeness l"
    # OFFSET 0: each is found by its key, even where nothing was analysed yet.
    " CROSS JOIN LATERAL (SELECT * FROM member WHERE workspace_id = l.workspace_id"
    " AND id = l.one_id OFFSET 0) o"
    " CROSS JOIN LATERAL (SELECT * FROM member WHERE workspace_id = l.workspace_id"
    " AND id = l.other_id OFFSET 0) t"
    " WHERE l.workspace_id = ANY (apero_scope()) AND o.merged_into_id IS NULL"
    " AND t.merged_into_id IS NULL AND o.erased_at IS NULL AND t.erased_at IS NULL"
    " AND NOT EXISTS (SELECT FROM not_the_same n WHERE n.workspace_id = l.workspace_id"
    " AND n.one_id = l.one_id AND n.other_id = l.other_id)"
)


async def pairs(
    *,
    reason: Reason | None = None,
    search: str = "",
    after: UUID | None = None,
    limit: int = 50,
) -> list[Pair]:
    """Who may be one person twice, the strongest reasons first, paged by key."""
    if len(current_scope()) != 1:
        return []
    (workspace_id,) = current_scope()
    wanted = clean(search)[:200]
    wanted = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return await sql(
        f"{_PAIR} AND l.workspace_id = $5"  # noqa: S608 - our own text
        " AND ($1::text IS NULL OR $1 = ANY (l.reasons))"
        " AND ($2 = '' OR apero_plain(o.name) LIKE '%' || apero_plain($2) || '%'"
        " OR apero_plain(t.name) LIKE '%' || apero_plain($2) || '%'"
        " OR o.email LIKE '%' || lower($2) || '%' OR t.email LIKE '%' || lower($2) || '%')"
        " AND ($3::uuid IS NULL OR (-l.strength, l.id) > ((SELECT -k.strength"
        " FROM likeness k WHERE k.workspace_id = $5 AND k.id = $3), $3))"
        " ORDER BY -l.strength, l.id LIMIT $4",
        reason.value if reason else None,
        wanted,
        after,
        limit,
        workspace_id,
        into=Pair,
    )


async def like(member_id: UUID) -> list[Pair]:
    """Who may be this person once more."""
    return await sql(
        f"{_PAIR} AND (l.one_id = $1 OR l.other_id = $1) ORDER BY -l.strength, l.id"
        " LIMIT 20",
        member_id,
        into=Pair,
    )


async def traits(*member_ids: UUID) -> dict[UUID, Traits]:
    """What is compared of these records."""
    rows = await sql(
        "SELECT m.id, apero_plain(m.name) AS name, coalesce(m.email, '') AS email,"
        " array(SELECT i.channel_id::text || ' ' || i.handle FROM identity i JOIN channel c"
        " ON c.workspace_id = i.workspace_id AND c.id = i.channel_id"
        " WHERE i.workspace_id = m.workspace_id AND i.member_id = m.id"
        " AND c.name <> 'import') AS handles, array(SELECT k.identity_id::text FROM claim k"
        " JOIN identity d ON d.workspace_id = k.workspace_id AND d.id = k.identity_id"
        " WHERE k.workspace_id = m.workspace_id AND k.member_id = m.id"
        " AND k.ended_at IS NULL AND d.disputed_at IS NOT NULL) AS claims FROM member m"
        " WHERE m.workspace_id = ANY (apero_scope()) AND m.id = ANY ($1::uuid[])",
        list(member_ids),
    )
    return {
        row["id"]: Traits(
            row["name"],
            row["email"],
            frozenset(_cut(text) for text in row["handles"]),
            frozenset(row["claims"]),
        )
        for row in rows
    }


def _cut(text: str) -> tuple[str, str]:
    channel, _space, handle = text.partition(" ")
    return channel, handle
