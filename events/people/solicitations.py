"""Solicitations: how many people were asked to come too often, never who.

A member belongs to one brand. Across brands only those are counted who agreed to it in
each brand (consent `across`), by the address they gave; everybody else stays two people.
"""

from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from server.database import sql

WINDOW = timedelta(days=28)
TOO_OFTEN = 3
# The letters that ask somebody to come, among those that answer or inform.
ASKING = ("personal_invitation", "edition")


class Asked(msgspec.Struct, frozen=True):
    """How many members of a workspace were asked too often lately."""

    workspace_id: UUID
    people: int


# Queries

_ASKED = (
    "SELECT workspace_id, recipient, count(*) AS letters FROM letter"
    " WHERE workspace_id = ANY ($1::uuid[]) AND kind = ANY ($4::text[])"
    " AND created_at > $2 AND created_at <= $3 GROUP BY workspace_id, recipient"
)


async def _counted(query: str, *values: object) -> list[asyncpg.Record]:
    """The answer to a question about every letter of these weeks.

    Read as a whole: looked up one by one, as PostgreSQL would after many letters it has not
    analysed yet, twenty thousand people take seconds.
    """
    await sql("SELECT set_config('enable_nestloop', 'off', true)")
    rows = await sql(query, *values)
    await sql("SELECT set_config('enable_nestloop', 'on', true)")
    return rows


async def asked_too_often(workspace_ids: list[UUID], *, now: datetime) -> list[Asked]:
    """For each workspace, how many of its members were asked three times in 28 days."""
    rows = await _counted(
        f"SELECT m.workspace_id, count(*) AS people FROM ({_ASKED}"  # noqa: S608 - our own text
        " HAVING count(*) >= $5) a JOIN member m ON m.workspace_id = a.workspace_id"
        " AND m.email = a.recipient GROUP BY m.workspace_id",
        workspace_ids,
        now - WINDOW,
        now,
        list(ASKING),
        TOO_OFTEN,
    )
    return [Asked(row["workspace_id"], row["people"]) for row in rows]


async def asked_across(workspace_ids: list[UUID], *, now: datetime) -> int:
    """How many people were asked three times by several of these brands together.

    Only those count whose latest answer to `across` is yes in each of these brands.
    """
    rows = await _counted(
        "WITH agreed AS ("  # noqa: S608 - our own text
        " SELECT DISTINCT ON (c.workspace_id, c.member_id) c.workspace_id, c.member_id,"
        " c.is_given FROM consent c WHERE c.workspace_id = ANY ($1::uuid[])"
        " AND c.purpose = 'across'"
        " ORDER BY c.workspace_id, c.member_id, c.at DESC, c.id DESC)"
        " SELECT count(*) AS people FROM (SELECT m.email FROM agreed g JOIN member m"
        " ON m.workspace_id = g.workspace_id AND m.id = g.member_id AND g.is_given"
        f" JOIN ({_ASKED}) a ON a.workspace_id = m.workspace_id AND a.recipient = m.email"
        " GROUP BY m.email HAVING count(*) > 1 AND sum(a.letters) >= $5) people",
        workspace_ids,
        now - WINDOW,
        now,
        list(ASKING),
        TOO_OFTEN,
    )
    people: int = rows[0]["people"]
    return people
