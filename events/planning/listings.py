"""Listings: the meetups of a workspace in order of time, and how full each is."""

import re
from datetime import datetime
from uuid import UUID

import msgspec

from server.database import one, sql
from server.errors import NotFound
from server.forms import clean


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
    postponed_at: datetime | None
    updated_at: datetime
    sequence: int
    community_id: UUID
    capacity: int
    taken: int

    @property
    def share(self) -> float:
        return self.taken / self.capacity if self.capacity else 1.0


_LINE = (
    "SELECT m.id, m.slug, m.title, m.starts_at, m.ends_at, m.time_zone,"
    " coalesce(v.name, '') AS venue, m.published_at, m.cancelled_at, m.closed_at,"
    " m.postponed_at, m.updated_at, m.sequence, m.community_id, s.capacity, s.taken"
    " FROM meetup m"
    " JOIN seating s ON s.workspace_id = m.workspace_id AND s.id = m.id"
    " LEFT JOIN venue v ON v.workspace_id = m.workspace_id AND v.id = m.venue_id"
    " WHERE m.workspace_id = ANY (apero_scope())"
)
_ALIVE = "m.published_at IS NOT NULL AND m.cancelled_at IS NULL AND m.closed_at IS NULL"
# What the list may be asked for; `$2` is now.
AT_STAGE = {
    "": "true",
    "draft": ("m.published_at IS NULL AND m.cancelled_at IS NULL AND m.closed_at IS NULL"),
    "published": f"{_ALIVE} AND m.postponed_at IS NULL AND m.ends_at >= $2",
    "postponed": f"{_ALIVE} AND m.postponed_at IS NOT NULL",
    "over": f"{_ALIVE} AND m.postponed_at IS NULL AND m.ends_at < $2",
    "closed": "m.closed_at IS NOT NULL",
    "cancelled": "m.cancelled_at IS NOT NULL",
}
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


async def upcoming(
    now: datetime,
    *,
    search: str = "",
    at_stage: str = "",
    even_cancelled: bool = False,
    limit: int = 50,
) -> list[Line]:
    """What is planned and not over, drafts included, soonest first.

    `even_cancelled` also shows what was called off, until its hour has passed.
    """
    return await sql(
        f"{_LINE} AND {_NAMED} AND (m.ends_at >= $2 OR m.postponed_at IS NOT NULL)"
        f" AND (m.cancelled_at IS NULL OR ($4 AND m.ends_at >= $2))"
        f" AND m.closed_at IS NULL AND {AT_STAGE[at_stage]}"
        " ORDER BY m.starts_at, m.id LIMIT $3",
        _pattern(search),
        now,
        limit,
        even_cancelled,
        into=Line,
    )


async def past(
    now: datetime,
    *,
    search: str = "",
    at_stage: str = "",
    before: tuple[datetime, UUID] | None = None,
    when_over: bool = False,
    limit: int = 50,
) -> list[Line]:
    """What is over or closed, latest first, paged by key.

    What was called off is there too; with `when_over` only once its hour has passed.
    """
    at, id_ = before or (None, None)
    return await sql(
        f"{_LINE} AND {_NAMED}"
        " AND ((m.ends_at < $2 AND m.postponed_at IS NULL)"
        "  OR (m.cancelled_at IS NOT NULL AND (NOT $6 OR m.ends_at < $2))"
        "  OR m.closed_at IS NOT NULL)"
        f" AND {AT_STAGE[at_stage]}"
        " AND ($3::timestamptz IS NULL OR (m.starts_at, m.id) < ($3, $4::uuid))"
        " ORDER BY m.starts_at DESC, m.id DESC LIMIT $5",
        _pattern(search),
        now,
        at,
        id_,
        limit,
        when_over,
        into=Line,
    )


async def agenda(
    now: datetime, *, search: str = "", community_id: UUID | None = None, limit: int = 50
) -> list[Line]:
    """What everybody may come to, soonest first."""
    return await sql(
        f"{_LINE} AND {_NAMED} AND m.published_at IS NOT NULL AND m.cancelled_at IS NULL"
        " AND (m.ends_at >= $2 OR m.postponed_at IS NOT NULL)"
        " AND ($3::uuid IS NULL OR m.community_id = $3)"
        " ORDER BY m.starts_at, m.id LIMIT $4",
        _pattern(search),
        now,
        community_id,
        limit,
        into=Line,
    )


async def bygone(
    now: datetime,
    *,
    search: str = "",
    community_id: UUID | None = None,
    before: datetime | None = None,
    limit: int = 50,
) -> list[Line]:
    """What everybody could come to and is over, latest first; those called off left out."""
    return await sql(
        f"{_LINE} AND {_NAMED} AND m.published_at IS NOT NULL AND m.cancelled_at IS NULL"
        " AND m.ends_at < $2 AND m.postponed_at IS NULL"
        " AND ($3::uuid IS NULL OR m.community_id = $3)"
        " AND ($4::timestamptz IS NULL OR m.starts_at < $4)"
        " ORDER BY m.starts_at DESC, m.id DESC LIMIT $5",
        _pattern(search),
        now,
        community_id,
        before,
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
    return re.sub(r"([\\%_])", r"\\\1", clean(search))
