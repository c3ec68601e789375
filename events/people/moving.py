"""Moving: the rows of every table that names a member, given from one record to another.

Which tables name a member is read from PostgreSQL's catalogue, so that a table of a later
release is moved too without a word here.
"""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec

from server.audit import Actor
from server.database import DB, atomic, sql

# About two records, not about one person: these rows stay with the records they name.
ABOUT_RECORDS = frozenset({"merge", "not_the_same", "likeness"})


class Link(msgspec.Struct, frozen=True):
    """A column of a table that names a member."""

    table: str
    column: str

    @property
    def key(self) -> str:
        return f"{self.table}.{self.column}"


# Commands


@atomic()
async def move(
    link: Link, from_id: UUID, to_id: UUID, only: Sequence[UUID] | None = None, *, by: Actor
) -> tuple[list[UUID], list[UUID]]:
    """Give rows of one record to another; those it has already stay, and are returned."""
    wanted = None if only is None else list(only)
    update = (
        f"UPDATE {link.table} SET {link.column} = $3"  # noqa: S608 - names of the catalogue
        f" WHERE workspace_id = $1 AND {link.column} = $2"
        " AND ($4::uuid[] IS NULL OR id = ANY ($4)) RETURNING id"
    )
    try:
        async with DB.transaction():
            rows = await sql(update, by.workspace_id, from_id, to_id, wanted)
            return [row["id"] for row in rows], []
    except asyncpg.IntegrityConstraintViolationError:
        pass  # one of them at least: each by itself
    ids = await _held_by(link, from_id, wanted, by=by)
    moved: list[UUID] = []
    stayed: list[UUID] = []
    for id_ in ids:
        try:
            async with DB.transaction():
                await sql(update, by.workspace_id, from_id, to_id, [id_])
            moved.append(id_)
        except asyncpg.IntegrityConstraintViolationError:
            stayed.append(id_)
    return moved, stayed


async def _held_by(
    link: Link, id_: UUID, only: list[UUID] | None, *, by: Actor
) -> list[UUID]:
    """The rows of a table that are a record's, in a fixed order."""
    rows = await sql(
        f"SELECT id FROM {link.table} WHERE workspace_id = $1"  # noqa: S608
        f" AND {link.column} = $2 AND ($3::uuid[] IS NULL OR id = ANY ($3)) ORDER BY id",
        by.workspace_id,
        id_,
        only,
    )
    return [row["id"] for row in rows]


# Queries

LINKS = (
    "SELECT c.conrelid::regclass::text AS table, quote_ident(a.attname) AS column"
    " FROM pg_constraint c"
    " CROSS JOIN LATERAL unnest(c.conkey, c.confkey) AS k (its, ours)"
    " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.its"
    " JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.ours"
    " WHERE c.contype = 'f' AND c.confrelid = 'member'::regclass AND b.attname = 'id'"
    " AND c.conrelid::regclass::text <> ALL ($1::text[]) ORDER BY 1, 2"
)


async def links() -> list[Link]:
    """Every column of every table that names a member, by table."""
    return await sql(LINKS, sorted(ABOUT_RECORDS), into=Link)


_seen: list[Link] = []


async def held(*member_ids: UUID) -> dict[UUID, dict[str, int]]:
    """How many rows of each table name each of these members.

    The catalogue is read once for the process: a migration comes with a new one.
    """
    if not _seen:
        _seen.extend(await links())
    each = " UNION ALL ".join(
        f"SELECT '{link.key}' AS key, {link.column} AS id, count(*) AS rows"  # noqa: S608
        f" FROM {link.table} WHERE workspace_id = ANY (apero_scope())"
        f" AND {link.column} = ANY ($1::uuid[]) GROUP BY 2"
        for link in _seen
    )
    found: dict[UUID, dict[str, int]] = {id_: {} for id_ in member_ids}
    for row in await sql(each, list(member_ids)):
        found[row["id"]][row["key"]] = row["rows"]
    return found
