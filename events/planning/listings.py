"""Listings: the meetups of a workspace in order of time, and how full each is."""

import re
from datetime import datetime
from uuid import UUID

import msgspec

from server.database import one, sql
from server.errors import NotFound


class Room(msgspec.Struct, frozen=True):
    """How full a meetup is."""

    capacity: int
    taken: int
    waiting: int
    walk_ins: int = 0

    @property
    def registered(self) -> int:
        """Places taken beforehand: whoever came without a ticket has one too."""
        return self.taken - self.walk_ins

    @property
    def left(self) -> int:
        return self.capacity - self.taken

    @property
    def share(self) -> float:
        return self.taken / self.capacity if self.capacity else 1.0


class Line(msgspec.Struct, frozen=True):
    """A meetup in a list."""

    id: UUID
    slug: str
    title: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    venue: str
    published_at: datetime | None
    cancelled_at: datetime | None
    closed_at: datetime | None
    capacity: int
    taken: int

    @property
    def share(self) -> float:
        return self.taken / self.capacity if self.capacity else 1.0


_LINE = (
    "SELECT m.id, m.slug, m.title, m.starts_at, m.ends_at, m.time_zone,"
    " coalesce(v.name, '') AS venue, m.published_at, m.cancelled_at, m.closed_at,"
    " s.capacity, s.taken FROM meetup m"
    " JOIN seating s ON s.workspace_id = m.workspace_id AND s.id = m.id"
    " LEFT JOIN venue v ON v.workspace_id = m.workspace_id AND v.id = m.venue_id"
    " WHERE m.workspace_id = ANY (apero_scope())"
)
_NAMED = "($1 = '' OR apero_plain(m.title) LIKE '%' || apero_plain($1) || '%')"


async def room(meetup_id: UUID) -> Room:
    """How full this meetup is."""
    found = await one(
        "SELECT s.capacity, s.taken, (SELECT count(*) FROM registration r"
        " WHERE r.workspace_id = s.workspace_id AND r.meetup_id = s.id"
        " AND r.status = 'waitlisted') AS waiting, (SELECT count(*) FROM registration r"
        " WHERE r.workspace_id = s.workspace_id AND r.meetup_id = s.id"
        " AND r.status = 'confirmed' AND r.source = 'walk_in') AS walk_ins FROM seating s"
        " WHERE s.workspace_id = ANY (apero_scope()) AND s.id = $1",
        meetup_id,
        into=Room,
    )
    if found is None:
        raise NotFound
    return found


async def reached(meetup_id: UUID) -> int:
    """How many people a letter about this meetup reaches: a place or a wait, an address."""
    row = await one(
        "SELECT count(*) AS n FROM registration r JOIN member b"
        " ON b.workspace_id = r.workspace_id AND b.id = r.member_id"
        " WHERE r.workspace_id = ANY (apero_scope()) AND r.meetup_id = $1"
        " AND r.status IN ('confirmed', 'waitlisted') AND coalesce(b.email, '') <> ''",
        meetup_id,
    )
    return row["n"] if row else 0


async def upcoming(now: datetime, *, search: str = "", limit: int = 50) -> list[Line]:
    """What is planned and not over, drafts included, soonest first."""
    return await sql(
        f"{_LINE} AND {_NAMED} AND m.ends_at >= $2 AND m.cancelled_at IS NULL"
        " AND m.closed_at IS NULL ORDER BY m.starts_at, m.id LIMIT $3",
        _pattern(search),
        now,
        limit,
        into=Line,
    )


async def past(
    now: datetime,
    *,
    search: str = "",
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Line]:
    """What is over, closed or called off, latest first, paged by key."""
    at, id_ = before or (None, None)
    return await sql(
        f"{_LINE} AND {_NAMED}"
        " AND (m.ends_at < $2 OR m.cancelled_at IS NOT NULL OR m.closed_at IS NOT NULL)"
        " AND ($3::timestamptz IS NULL OR (m.starts_at, m.id) < ($3, $4::uuid))"
        " ORDER BY m.starts_at DESC, m.id DESC LIMIT $5",
        _pattern(search),
        now,
        at,
        id_,
        limit,
        into=Line,
    )


async def agenda(now: datetime, *, limit: int = 50) -> list[Line]:
    """What everybody may come to, soonest first."""
    return await sql(
        f"{_LINE} AND m.published_at IS NOT NULL AND m.cancelled_at IS NULL"
        " AND m.ends_at >= $1 ORDER BY m.starts_at, m.id LIMIT $2",
        now,
        limit,
        into=Line,
    )


async def of_series(series_id: UUID) -> list[Line]:
    """The meetups of a series in order of time, those called off left out."""
    return await sql(
        f"{_LINE} AND m.series_id = $1 AND m.cancelled_at IS NULL"
        " ORDER BY m.starts_at, m.id LIMIT 1000",
        series_id,
        into=Line,
    )


def _pattern(search: str) -> str:
    """The search as LIKE reads it, its own signs taken literally."""
    return re.sub(r"([\\%_])", r"\\\1", search.strip())
