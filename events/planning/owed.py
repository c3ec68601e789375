"""What is owed to sponsors, as lists and pages read it: deliverables with their proofs."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from events.planning import dues
from events.planning.deliverables import ProofKind
from server.database import one, sql
from server.errors import NotFound
from server.forms import clean


class Filter(StrEnum):
    """Which deliverables a list shows."""

    OPEN = "open"
    LATE = "late"
    DELIVERED = "delivered"
    DROPPED = "dropped"
    ALL = "all"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of deliverables is asked for."""

    which: Filter = Filter.OPEN
    search: str = ""
    sponsor: str = ""
    owner_id: UUID | None = None
    today: date


class DueLine(msgspec.Struct, frozen=True):
    """A deliverable in a list, with who receives it, for what, and who sees to it."""

    id: UUID
    title: str
    quantity: int
    due_on: date
    owner_id: UUID | None
    owner: str
    delivered_at: datetime | None
    dropped_at: datetime | None
    dropped_reason: str
    sponsorship_id: UUID
    sponsor: str
    sponsor_slug: str
    package: str
    meetup: str
    series: str
    starts_on: date | None
    ends_on: date | None
    proofs: int

    def progress(self, today: date) -> dues.Progress:
        """Where it stands today."""
        return dues.progress(self, today)


class ProofLine(msgspec.Struct, frozen=True):
    """A proof as it is shown."""

    id: UUID
    deliverable_id: UUID
    kind: ProofKind
    link: str
    count: int | None
    note: str
    picture_id: UUID | None
    created_at: datetime


class Tally(msgspec.Struct, frozen=True):
    """How many deliverables each filter holds."""

    open: int = 0
    late: int = 0
    delivered: int = 0
    dropped: int = 0


# Queries

_LINE = (
    "SELECT d.id, d.title, d.quantity, d.due_on, d.owner_id,"
    " coalesce(nullif(a.name, ''), a.email, '') AS owner, d.delivered_at, d.dropped_at,"
    " d.dropped_reason, d.sponsorship_id, s.name AS sponsor, s.slug AS sponsor_slug,"
    " coalesce(k.name, '') AS package, coalesce(m.title, '') AS meetup,"
    " coalesce(r.name, '') AS series, p.starts_on, p.ends_on,"
    " (SELECT count(*) FROM proof f WHERE f.workspace_id = d.workspace_id"
    " AND f.deliverable_id = d.id AND f.withdrawn_at IS NULL) AS proofs"
    " FROM deliverable d"
    " JOIN sponsorship p ON p.workspace_id = d.workspace_id AND p.id = d.sponsorship_id"
    " JOIN sponsor s ON s.workspace_id = p.workspace_id AND s.id = p.sponsor_id"
    " LEFT JOIN package k ON k.workspace_id = p.workspace_id AND k.id = p.package_id"
    " LEFT JOIN meetup m ON m.workspace_id = p.workspace_id AND m.id = p.meetup_id"
    " LEFT JOIN series r ON r.workspace_id = p.workspace_id AND r.id = p.series_id"
    " LEFT JOIN account a ON a.id = d.owner_id"
    " WHERE d.workspace_id = ANY (apero_scope())"
)
_FILTERS = {
    Filter.OPEN: " AND d.delivered_at IS NULL AND d.dropped_at IS NULL"
    " AND $1::date IS NOT NULL",
    Filter.LATE: " AND d.delivered_at IS NULL AND d.dropped_at IS NULL AND d.due_on < $1",
    Filter.DELIVERED: " AND d.delivered_at IS NOT NULL AND $1::date IS NOT NULL",
    Filter.DROPPED: " AND d.dropped_at IS NOT NULL AND $1::date IS NOT NULL",
    Filter.ALL: " AND $1::date IS NOT NULL",
}


async def deliverables(
    wanted: Wanted, *, after: UUID | None = None, limit: int = 50
) -> list[DueLine]:
    """What is owed, soonest first, read on after the key of the last one seen."""
    return await sql(
        f"{_LINE}{_FILTERS[wanted.which]} AND ($2 = ''"  # noqa: S608 - our own text
        " OR strpos(apero_plain(d.title || ' ' || s.name), apero_plain($2)) > 0)"
        " AND ($3 = '' OR s.slug = $3) AND ($4::uuid IS NULL OR d.owner_id = $4)"
        " AND ($5::uuid IS NULL OR (d.due_on, d.id) > (SELECT l.due_on, l.id"
        " FROM deliverable l WHERE l.workspace_id = ANY (apero_scope()) AND l.id = $5))"
        " ORDER BY d.due_on, d.id LIMIT $6",
        wanted.today,
        clean(wanted.search)[:200],
        wanted.sponsor,
        wanted.owner_id,
        after,
        limit,
        into=DueLine,
    )


async def tally(today: date) -> Tally:
    """How many deliverables the workspace has of each kind; the late ones are open too."""
    found = await one(
        "SELECT count(*) FILTER (WHERE is_open) AS open,"
        " count(*) FILTER (WHERE is_open AND due_on < $1) AS late,"
        " count(delivered_at) AS delivered, count(dropped_at) AS dropped"
        " FROM (SELECT *, delivered_at IS NULL AND dropped_at IS NULL AS is_open"
        " FROM deliverable WHERE workspace_id = ANY (apero_scope())) d",
        today,
        into=Tally,
    )
    return found or Tally()


async def deliverable(deliverable_id: UUID) -> DueLine:
    """The deliverable of this key, or NotFound."""
    found = await one(f"{_LINE} AND d.id = $1", deliverable_id, into=DueLine)
    if found is None:
        raise NotFound
    return found


async def of_sponsorship(sponsorship_id: UUID) -> list[DueLine]:
    """What is owed for one sale, soonest first."""
    return await sql(
        f"{_LINE} AND d.sponsorship_id = $1 ORDER BY d.due_on, d.id LIMIT 500",
        sponsorship_id,
        into=DueLine,
    )


async def of_sponsors(slugs: Sequence[str], meetup_slug: str = "") -> list[DueLine]:
    """What is owed to these sponsors, for one meetup if it is named; nothing left out."""
    return await sql(
        f"{_LINE} AND s.slug = ANY ($1::text[]) AND ($2 = '' OR EXISTS ("
        "SELECT FROM sponsored o"
        " JOIN meetup g ON g.workspace_id = o.workspace_id AND g.id = o.meetup_id"
        " WHERE o.workspace_id = p.workspace_id AND o.sponsorship_id = p.id"
        " AND g.slug = $2))"
        " ORDER BY p.created_at DESC, p.id, d.due_on, d.id LIMIT 1000",
        list(slugs),
        meetup_slug,
        into=DueLine,
    )


async def proofs_of(deliverable_ids: Sequence[UUID]) -> dict[UUID, list[ProofLine]]:
    """The proofs that stand, by deliverable, oldest first."""
    rows = await sql(
        "SELECT id, deliverable_id, kind, link, count, note, picture_id, created_at"
        " FROM proof WHERE workspace_id = ANY (apero_scope())"
        " AND deliverable_id = ANY ($1::uuid[]) AND withdrawn_at IS NULL"
        " ORDER BY created_at, id",
        list(deliverable_ids),
        into=ProofLine,
    )
    found: dict[UUID, list[ProofLine]] = {}
    for row in rows:
        found.setdefault(row.deliverable_id, []).append(row)
    return found


async def photo_of(account_id: UUID, sponsor_slug: str, proof_id: UUID) -> UUID:
    """The picture of a proof that this account may see as its sponsor's contact."""
    row = await one(
        "SELECT f.picture_id FROM proof f JOIN deliverable d"
        " ON d.workspace_id = f.workspace_id AND d.id = f.deliverable_id"
        " JOIN sponsorship p ON p.workspace_id = d.workspace_id AND p.id = d.sponsorship_id"
        " JOIN sponsor s ON s.workspace_id = p.workspace_id AND s.id = p.sponsor_id"
        " JOIN sponsor_contact c ON c.workspace_id = s.workspace_id AND c.sponsor_id = s.id"
        " WHERE f.workspace_id = ANY (apero_scope()) AND f.id = $3 AND s.slug = $2"
        " AND c.account_id = $1 AND c.ended_at IS NULL AND f.withdrawn_at IS NULL"
        " AND f.picture_id IS NOT NULL",
        account_id,
        sponsor_slug,
        proof_id,
    )
    if row is None:
        raise NotFound
    found: UUID = row["picture_id"]
    return found
