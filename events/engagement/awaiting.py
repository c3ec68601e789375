"""Awaiting: what a community manager finds on her desk, derived and never stored."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from server.database import one, sql

TONIGHT = timedelta(hours=24)
MOST = 20


class Task(StrEnum):
    """Something that waits for her, most pressing first."""

    NO_DEVICE = "no_device"
    NOT_CLOSED = "not_closed"
    DRAFT = "draft"
    NO_CHANNEL = "no_channel"
    NO_IMPORT = "no_import"


class Waiting(msgspec.Struct, frozen=True):
    """One thing that waits, and the meetup it is about."""

    task: Task
    slug: str = ""
    title: str = ""
    at: datetime | None = None
    time_zone: str = ""


class Ground(msgspec.Struct, frozen=True):
    """How far the workspace is set up."""

    communities: int
    channels: int
    members: int
    imports: int
    meetups: int


# Queries


async def ground() -> Ground:
    """What the workspace in view holds already."""
    found = await one(
        "SELECT (SELECT count(*) FROM community WHERE workspace_id = ANY (apero_scope()))"
        " AS communities, (SELECT count(*) FROM channel"
        " WHERE workspace_id = ANY (apero_scope())) AS channels,"
        " (SELECT count(*) FROM (SELECT FROM member"
        " WHERE workspace_id = ANY (apero_scope()) LIMIT 1000) m) AS members,"
        " (SELECT count(*) FROM import_run WHERE workspace_id = ANY (apero_scope())"
        " AND kind = 'activity' AND committed_at IS NOT NULL) AS imports,"
        " (SELECT count(*) FROM meetup WHERE workspace_id = ANY (apero_scope()))"
        " AS meetups",
        into=Ground,
    )
    assert found is not None  # noqa: S101 - counts always answer
    return found


async def waiting(now: datetime, found: Ground) -> list[Waiting]:
    """What waits in the workspace in view, most pressing first."""
    rows = await sql(
        "SELECT CASE WHEN m.published_at IS NULL THEN 'draft'"
        " WHEN m.ends_at < $1 THEN 'not_closed' ELSE 'no_device' END AS task,"
        " m.slug, m.title, m.starts_at AS at, m.time_zone FROM meetup m"
        " WHERE m.workspace_id = ANY (apero_scope()) AND m.cancelled_at IS NULL"
        " AND m.closed_at IS NULL AND (m.published_at IS NULL OR m.ends_at < $1"
        "  OR (m.starts_at < $2 AND NOT EXISTS (SELECT FROM gate g JOIN device d"
        "   ON d.workspace_id = g.workspace_id AND d.gate_id = g.id"
        "   WHERE g.workspace_id = m.workspace_id AND g.meetup_id = m.id"
        "   AND d.paired_at IS NOT NULL AND d.revoked_at IS NULL)))"
        " ORDER BY m.starts_at, m.id LIMIT $3",
        now,
        now + TONIGHT,
        MOST,
        into=Waiting,
    )
    if not found.channels:
        rows.append(Waiting(Task.NO_CHANNEL))
    elif not found.imports:
        rows.append(Waiting(Task.NO_IMPORT))
    order = list(Task)
    return sorted(rows, key=lambda one_: order.index(one_.task))
