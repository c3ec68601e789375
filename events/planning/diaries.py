"""Diaries: the meetups of several workspaces together, for somebody who works in all."""

from datetime import datetime
from uuid import UUID

from events.planning.clashes import Entry
from server.database import sql

MOST = 500

# Queries


async def entries(
    workspace_ids: list[UUID], *, since: datetime, until: datetime
) -> list[Entry]:
    """The meetups that begin in this time, drafts and cancelled ones included, by date."""
    return await sql(
        "SELECT m.id, m.workspace_id, m.slug, m.title, m.starts_at, m.ends_at,"
        " m.time_zone, coalesce(v.name, '') AS venue, coalesce(s.capacity, 0) AS capacity,"
        " coalesce(s.taken, 0) AS taken, m.published_at, m.cancelled_at, m.postponed_at"
        " FROM meetup m"
        " LEFT JOIN venue v ON v.workspace_id = m.workspace_id AND v.id = m.venue_id"
        " LEFT JOIN seating s ON s.workspace_id = m.workspace_id AND s.id = m.id"
        " WHERE m.workspace_id = ANY ($1::uuid[]) AND m.starts_at >= $2"
        " AND m.starts_at < $3 ORDER BY m.starts_at, m.id LIMIT $4",
        workspace_ids,
        since,
        until,
        MOST,
        into=Entry,
    )
