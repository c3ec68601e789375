"""Doubles: two places at one meetup that turned out to be one person's.

A merge leaves both places where they are, since somebody may hold both tickets.
"""

from uuid import UUID

from server.database import sql

# Queries


async def at_meetup(meetup_id: UUID, member_ids: list[UUID]) -> dict[UUID, UUID]:
    """Which of these records are a person with another place there, each with its merge."""
    rows = await sql(
        "SELECT DISTINCT ON (b.id) b.id AS member_id, g.id AS merge_id FROM member b"
        " CROSS JOIN LATERAL (SELECT coalesce(b.merged_into_id, b.id) AS id) p"
        " CROSS JOIN LATERAL (SELECT q.id FROM member q WHERE q.workspace_id ="
        " b.workspace_id AND q.merged_into_id = p.id UNION ALL SELECT p.id) q"
        " JOIN registration o ON o.workspace_id = b.workspace_id AND o.meetup_id = $1"
        " AND o.member_id = q.id AND o.status <> 'cancelled'"
        " JOIN merge g ON g.workspace_id = b.workspace_id AND g.undone_at IS NULL"
        " AND g.merged_id = CASE WHEN b.merged_into_id IS NULL THEN q.id ELSE b.id END"
        " WHERE b.workspace_id = ANY (apero_scope()) AND b.id = ANY ($2::uuid[])"
        " AND q.id <> b.id ORDER BY b.id, g.id DESC",
        meetup_id,
        member_ids,
    )
    return {row["member_id"]: row["merge_id"] for row in rows}
