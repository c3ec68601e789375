"""What was sold to sponsors, as lists and pages read it."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from server.database import one, sql
from server.errors import NotFound
from server.forms import clean


class SaleLine(msgspec.Struct, frozen=True):
    """A sale in a list, with how much of it is delivered."""

    id: UUID
    sponsor: str
    sponsor_slug: str
    meetup_id: UUID | None
    meetup: str
    meetup_slug: str
    series_id: UUID | None
    series: str
    series_slug: str
    starts_on: date | None
    ends_on: date | None
    package_id: UUID | None
    package: str
    price_cents: int | None
    in_kind_cents: int | None
    currency: str
    note: str
    created_at: datetime
    delivered: int
    late: int
    dropped: int
    deliverables: int


# Queries

_LINE = (
    "SELECT p.id, s.name AS sponsor, s.slug AS sponsor_slug, p.meetup_id,"
    " coalesce(m.title, '') AS meetup, coalesce(m.slug, '') AS meetup_slug, p.series_id,"
    " coalesce(r.name, '') AS series, coalesce(r.slug, '') AS series_slug, p.starts_on,"
    " p.ends_on, p.package_id, coalesce(k.name, '') AS package, p.price_cents,"
    " p.in_kind_cents, p.currency, p.note, p.created_at, d.* FROM sponsorship p"
    " JOIN sponsor s ON s.workspace_id = p.workspace_id AND s.id = p.sponsor_id"
    " LEFT JOIN meetup m ON m.workspace_id = p.workspace_id AND m.id = p.meetup_id"
    " LEFT JOIN series r ON r.workspace_id = p.workspace_id AND r.id = p.series_id"
    " LEFT JOIN package k ON k.workspace_id = p.workspace_id AND k.id = p.package_id"
    " CROSS JOIN LATERAL (SELECT count(o.delivered_at) AS delivered,"
    " count(*) FILTER (WHERE o.delivered_at IS NULL AND o.dropped_at IS NULL"
    " AND o.due_on < $1) AS late, count(o.dropped_at) AS dropped,"
    " count(*) AS deliverables FROM deliverable o"
    " WHERE o.workspace_id = p.workspace_id AND o.sponsorship_id = p.id) d"
    " WHERE p.workspace_id = ANY (apero_scope())"
)


async def sales(
    *,
    today: date,
    sponsor: str = "",
    search: str = "",
    after: UUID | None = None,
    limit: int = 50,
) -> list[SaleLine]:
    """The sales, latest first; read on after the key of the last one seen."""
    return await sql(
        f"{_LINE} AND ($2 = '' OR s.slug = $2) AND ($3 = '' OR strpos(apero_plain("
        "concat_ws(' ', s.name, m.title, r.name, k.name)), apero_plain($3)) > 0)"
        " AND ($4::uuid IS NULL OR p.id < $4) ORDER BY p.id DESC LIMIT $5",
        today,
        sponsor,
        clean(search)[:200],
        after,
        limit,
        into=SaleLine,
    )


async def sale(sponsorship_id: UUID, *, today: date) -> SaleLine:
    """The sale of this key, or NotFound."""
    found = await one(f"{_LINE} AND p.id = $2", today, sponsorship_id, into=SaleLine)
    if found is None:
        raise NotFound
    return found
