"""Awaiting: what a community manager finds on her desk, derived and never stored."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from server.database import one, sql

TONIGHT = timedelta(hours=24)
MOST = 20


class Task(StrEnum):
    """Something that waits for her, most pressing first."""

    NO_DEVICE = "no_device"
    NOT_CLOSED = "not_closed"
    NO_DATE = "no_date"
    LATE = "late"
    APPLIED = "applied"
    PROVED = "proved"
    DRAFT = "draft"
    NO_CHANNEL = "no_channel"
    NO_IMPORT = "no_import"


class Waiting(msgspec.Struct, frozen=True):
    """One thing that waits, or so many of a kind, and the page it is about."""

    task: Task
    slug: str = ""
    title: str = ""
    at: datetime | None = None
    time_zone: str = ""
    count: int = 1


class Ground(msgspec.Struct, frozen=True):
    """How far the workspace is set up, and how much is open beside its meetups."""

    communities: int
    channels: int
    members: int
    imports: int
    meetups: int
    late: int
    applied: int
    proved: int
    proved_by: UUID | None


# Queries


async def ground(today: date) -> Ground:
    """What the workspace in view holds already."""
    found = await one(
        "WITH unthanked AS (SELECT ambassador_id, proved_at, id FROM mission"
        " WHERE workspace_id = ANY (apero_scope()) AND proved_at IS NOT NULL"
        " AND thanked_at IS NULL AND dropped_at IS NULL)"
        " SELECT (SELECT count(*) FROM community WHERE workspace_id = ANY (apero_scope()))"
        " AS communities, (SELECT count(*) FROM channel"
        " WHERE workspace_id = ANY (apero_scope())) AS channels,"
        " (SELECT count(*) FROM (SELECT FROM member"
        " WHERE workspace_id = ANY (apero_scope()) LIMIT 1000) m) AS members,"
        " (SELECT count(*) FROM import_run WHERE workspace_id = ANY (apero_scope())"
        " AND kind = 'activity' AND committed_at IS NOT NULL) AS imports,"
        " (SELECT count(*) FROM meetup WHERE workspace_id = ANY (apero_scope()))"
        " AS meetups, (SELECT count(*) FROM deliverable"
        " WHERE workspace_id = ANY (apero_scope()) AND delivered_at IS NULL"
        " AND dropped_at IS NULL AND due_on < $1) AS late,"
        " (SELECT count(*) FROM ambassador WHERE workspace_id = ANY (apero_scope())"
        " AND accepted_at IS NULL AND declined_at IS NULL AND ended_at IS NULL)"
        " AS applied, (SELECT count(*) FROM unthanked) AS proved,"
        " (SELECT ambassador_id FROM unthanked ORDER BY proved_at, id LIMIT 1)"
        " AS proved_by",
        today,
        into=Ground,
    )
    assert found is not None  # noqa: S101 - counts always answer
    return found


async def waiting(now: datetime, found: Ground) -> list[Waiting]:
    """What waits in the workspace in view, most pressing first."""
    rows = await sql(
        "SELECT CASE WHEN m.published_at IS NULL THEN 'draft'"
        " WHEN m.postponed_at IS NOT NULL THEN 'no_date'"
        " WHEN m.ends_at < $1 THEN 'not_closed' ELSE 'no_device' END AS task,"
        " m.slug, m.title, m.starts_at AS at, m.time_zone FROM meetup m"
        " WHERE m.workspace_id = ANY (apero_scope()) AND m.cancelled_at IS NULL"
        " AND m.closed_at IS NULL AND (m.published_at IS NULL OR m.ends_at < $1"
        "  OR m.postponed_at IS NOT NULL"
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
    if found.late:
        rows.append(Waiting(Task.LATE, count=found.late))
    if found.applied:
        rows.append(Waiting(Task.APPLIED, count=found.applied))
    if found.proved:
        rows.append(Waiting(Task.PROVED, slug=str(found.proved_by), count=found.proved))
    if not found.channels:
        rows.append(Waiting(Task.NO_CHANNEL))
    elif not found.imports:
        rows.append(Waiting(Task.NO_IMPORT))
    order = list(Task)
    return sorted(rows, key=lambda one_: order.index(one_.task))
