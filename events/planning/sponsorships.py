"""Sponsorships: a sponsor pays for a meetup, a series or a period, and we owe it something.

What a package promises is copied at the sale, each thing with its day. A sale of which
something was proved, or a report sent, stays: it is part of what happened.
"""

from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import BigInt, Date, Text, Timestamptz

from events.planning import deliverables, dues, packages
from events.planning.deliverables import Owed
from events.planning.meetups import Meetup
from server import audit
from server.amounts import LARGEST, TOO_LARGE
from server.audit import Actor, ActorKind
from server.database import Record, atomic, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import lazy
from server.workspaces import TEAM

LONGEST_PERIOD = 5 * 366


class Sponsorship(Record):
    """The sale of a meetup, a series or a period to one sponsor."""

    sponsor_id = UuidColumn()
    meetup_id = UuidColumn(null=True, default=None)
    created_at = Timestamptz()
    series_id = UuidColumn(null=True, default=None)
    starts_on = Date(null=True, default=None)
    ends_on = Date(null=True, default=None)
    package_id = UuidColumn(null=True, default=None)
    price_cents = BigInt(null=True, default=None)
    in_kind_cents = BigInt(null=True, default=None)
    currency = Text()
    note = Text()


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a sponsor gives: money and things, in cents; None is not known, 0 is nothing."""

    price_cents: int | None = None
    in_kind_cents: int | None = None
    note: str = ""


class Sale(Terms, frozen=True, kw_only=True):
    """What is sold to whom: exactly one of a meetup, a series and a period."""

    sponsor_id: UUID
    meetup_id: UUID | None = None
    series_id: UUID | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    package_id: UUID | None = None
    counted_from: date | None = None


class AlreadySold(Conflict):
    message = lazy("This is sold to this sponsor already.")


class ReportIsFrozen(Conflict):
    message = lazy("The meetup is closed: its sponsors keep their report.")


class SomethingWasProved(Conflict):
    message = lazy("Something was delivered for this sponsorship: it stays.")


class SoldWithMore(Conflict):
    message = lazy("This sponsor pays for the series or for a period: see its own page.")


# Rules


def check(sale: Sale) -> None:
    """Refuse a sale of nothing, of two things, or of days that make no period."""
    chosen = [sale.meetup_id, sale.series_id, sale.starts_on or sale.ends_on]
    if sum(one_ is not None for one_ in chosen) != 1:
        raise Invalid(scope=lazy("Choose a meetup, a series or a period."))
    if (sale.starts_on is None) != (sale.ends_on is None):
        name = "starts_on" if sale.starts_on is None else "ends_on"
        raise Invalid(**{name: lazy("This answer is missing.")})
    if sale.starts_on is not None and sale.ends_on is not None:
        days = (sale.ends_on - sale.starts_on).days
        if not 0 <= days <= LONGEST_PERIOD:
            raise Invalid(
                ends_on=lazy("The last day comes after the first, within five years.")
            )
        if sale.ends_on.year < 2000 or sale.ends_on.year > 2200:  # noqa: PLR2004
            raise Invalid(ends_on=lazy("This is not a year for a sponsorship."))
    check_terms(sale)


def check_terms(terms: Terms) -> None:
    """Refuse sums nobody pays."""
    for name in ("price", "in_kind"):
        sum_ = getattr(terms, f"{name}_cents")
        if sum_ is not None and not 0 <= sum_ <= LARGEST:
            raise Invalid(**{name: TOO_LARGE})


# Commands


@atomic()
async def sell(sale: Sale, *, by: Actor, now: datetime) -> UUID:
    """Note a sale; what the package promises is owed from now on, each thing by its day."""
    check(sale)
    package = await _offered(sale.package_id)
    price = sale.price_cents
    if price is None and package is not None:
        price = package.price_cents
    row = await one(
        "SELECT time_zone, currency FROM workspace WHERE id = $1", by.workspace_id
    )
    assert row is not None  # noqa: S101 - the scope is a workspace
    currency = package.currency if package else row["currency"]
    today = dues.day_of(now, row["time_zone"])
    id_ = await _write(sale, price, currency, by=by, now=now)
    if package is not None:
        anchor = sale.counted_from or await _anchor(sale, row["time_zone"], now)
        promised = await _promised(package.id, anchor, today, by=by)
        await deliverables.owe(id_, promised, by=by, now=now)
    await audit.note(by, "sold", at=now)
    return id_


async def _promised(
    package_id: UUID, anchor: date, today: date, *, by: Actor
) -> list[Owed]:
    """What a package promises, each thing with its day; the seller answers for it."""
    owner = await _owner(by)
    return [
        Owed(one_.title, dues.due_on(anchor, one_.days_before, today), one_.quantity, owner)
        for one_ in await packages.promises_of(package_id)
    ]


async def _offered(package_id: UUID | None) -> packages.PackageLine | None:
    """The package, still sold; held until the sale is written."""
    if package_id is None:
        return None
    await sql(
        "SELECT id FROM package WHERE workspace_id = ANY (apero_scope()) AND id = $1"
        " FOR SHARE",
        package_id,
    )
    found = await packages.package_line(package_id)
    if found.ended_at is not None:
        raise packages.PackageEnded
    return found


async def _write(
    sale: Sale, price: int | None, currency: str, *, by: Actor, now: datetime
) -> UUID:
    """The row of the sale; a meetup that was only attached to its sponsor becomes it."""
    try:
        row = await one(
            "INSERT INTO sponsorship AS p (id, workspace_id, sponsor_id, meetup_id,"
            " series_id, starts_on, ends_on, package_id, price_cents, in_kind_cents,"
            " currency, note, created_at) VALUES"
            " ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
            " ON CONFLICT (workspace_id, sponsor_id, meetup_id) DO UPDATE SET"
            " package_id = excluded.package_id, price_cents = excluded.price_cents,"
            " in_kind_cents = excluded.in_kind_cents, currency = excluded.currency,"
            " note = excluded.note WHERE p.package_id IS NULL AND p.price_cents IS NULL"
            " AND p.in_kind_cents IS NULL RETURNING p.id",
            uuid7(),
            by.workspace_id,
            *(sale.sponsor_id, sale.meetup_id, sale.series_id),
            *(sale.starts_on, sale.ends_on, sale.package_id),
            *(price, sale.in_kind_cents, currency, sale.note, now),
        )
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound from error
    except asyncpg.UniqueViolationError as error:
        raise AlreadySold from error
    if row is None:
        raise AlreadySold
    found: UUID = row["id"]
    return found


async def _anchor(sale: Sale, time_zone: str, now: datetime) -> date:
    """The day promises are counted from: of the meetup, the next edition, or the end."""
    if sale.ends_on is not None:
        return sale.ends_on
    row = await one(
        "SELECT (starts_at AT TIME ZONE time_zone)::date AS day FROM meetup"
        " WHERE workspace_id = ANY (apero_scope()) AND (id = $1 OR (series_id = $2"
        " AND starts_at >= $3 AND cancelled_at IS NULL)) ORDER BY starts_at LIMIT 1",
        sale.meetup_id,
        sale.series_id,
        now,
    )
    day: date = row["day"] if row is not None else dues.day_of(now, time_zone)
    return day


async def _owner(by: Actor) -> UUID | None:
    """Whoever sells sees to it, when she is of the team."""
    if by.kind is not ActorKind.ACCOUNT or by.role not in {role.value for role in TEAM}:
        return None
    row = await one(
        "SELECT account_id FROM membership WHERE workspace_id = $1 AND account_id = $2"
        " AND role = ANY ($3::text[]) AND ended_at IS NULL LIMIT 1",
        by.workspace_id,
        by.id,
        [role.value for role in TEAM],
    )
    return row["account_id"] if row is not None else None


@atomic()
async def change_sale(
    sponsorship_id: UUID, terms: Terms, *, by: Actor, now: datetime
) -> None:
    """Change what the sponsor gives, and the note."""
    check_terms(terms)
    row = await one(
        "UPDATE sponsorship SET price_cents = $3, in_kind_cents = $4, note = $5"
        " WHERE workspace_id = $1 AND id = $2 RETURNING id",
        by.workspace_id,
        sponsorship_id,
        terms.price_cents,
        terms.in_kind_cents,
        terms.note,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "changed_sale", at=now)


@atomic()
async def end_sale(sponsorship_id: UUID, *, by: Actor, now: datetime) -> None:
    """Undo a sale with what is owed for it; not once something was proved or reported."""
    await _undo(sponsorship_id, by=by)
    await audit.note(by, "ended_sale", at=now)


async def _undo(sponsorship_id: UUID, *, by: Actor) -> None:
    key = (by.workspace_id, sponsorship_id)
    held = await one(
        "SELECT id FROM sponsorship WHERE workspace_id = $1 AND id = $2 FOR UPDATE", *key
    )
    if held is None:
        raise NotFound
    # Whoever closes one of its meetups meets us here.
    rows = await sql(
        "SELECT m.closed_at FROM meetup m WHERE m.workspace_id = $1 AND m.id IN"
        " (SELECT meetup_id FROM sponsored WHERE workspace_id = $1 AND sponsorship_id = $2)"
        " AND m.published_at IS NOT NULL AND m.cancelled_at IS NULL"
        " ORDER BY m.id FOR SHARE",
        *key,
    )
    if any(row["closed_at"] is not None for row in rows):
        raise ReportIsFrozen
    await _remove(key)


async def _remove(key: tuple[UUID, UUID]) -> None:
    """Take a sale away with what is owed for it, unless something was proved."""
    await sql(
        "SELECT id FROM deliverable WHERE workspace_id = $1 AND sponsorship_id = $2"
        " ORDER BY id FOR UPDATE",
        *key,
    )
    proved = await one(
        "SELECT 1 FROM proof f JOIN deliverable d ON d.workspace_id = f.workspace_id"
        " AND d.id = f.deliverable_id WHERE d.workspace_id = $1 AND d.sponsorship_id = $2",
        *key,
    )
    if proved is not None:
        raise SomethingWasProved
    await sql(
        "DELETE FROM deliverable WHERE workspace_id = $1 AND sponsorship_id = $2", *key
    )
    await sql("DELETE FROM sponsorship WHERE workspace_id = $1 AND id = $2", *key)


@atomic()
async def sponsor_meetup(
    sponsor_id: UUID, meetup: Meetup, *, by: Actor, now: datetime
) -> None:
    """Note that this sponsor sponsors this meetup; twice is once."""
    try:
        row = await one(
            "INSERT INTO sponsorship (id, workspace_id, sponsor_id, meetup_id, currency,"
            " created_at) SELECT $1, w.id, $3, $4, w.currency, $5 FROM workspace w"
            " WHERE w.id = $2 ON CONFLICT (workspace_id, sponsor_id, meetup_id) DO NOTHING"
            " RETURNING id",
            uuid7(),
            by.workspace_id,
            sponsor_id,
            meetup.id,
            now,
        )
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound from error
    if row is not None:
        await audit.note(by, "sponsored", meetup, at=now)


@atomic()
async def end_sponsorship(
    sponsor_id: UUID, meetup: Meetup, *, by: Actor, now: datetime
) -> None:
    """Take a sponsor off a meetup; once it is closed, what was promised stays."""
    rows = await sql(
        "SELECT o.sponsorship_id, p.meetup_id FROM sponsored o JOIN sponsorship p"
        " ON p.workspace_id = o.workspace_id AND p.id = o.sponsorship_id"
        " WHERE o.workspace_id = $1 AND o.sponsor_id = $2 AND o.meetup_id = $3",
        by.workspace_id,
        sponsor_id,
        meetup.id,
    )
    if not rows:
        raise NotFound
    direct = [row["sponsorship_id"] for row in rows if row["meetup_id"] is not None]
    if not direct:
        raise SoldWithMore
    await _undo(direct[0], by=by)
    await audit.note(by, "ended_sponsorship", meetup, at=now)
