"""Budgets: what a meetup or a series costs, in money, in kind and in hours.

Money is counted in whole cents of one currency. A cost that is not known is missing, and
a sum with a missing part is missing too: it is never taken for zero.
"""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import BigInt, Date, Integer, Text, Timestamptz

from server import audit
from server.amounts import LARGEST, TOO_LARGE
from server.audit import Actor
from server.database import Record, atomic, find, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import lazy

HOUR = 60


class Kind(StrEnum):
    CASH = "cash"
    IN_KIND = "in_kind"
    HOURS = "hours"


class BudgetLine(Record):
    """One thing that costs something, of a meetup or of a series."""

    meetup_id = UuidColumn(null=True, default=None)
    series_id = UuidColumn(null=True, default=None)
    kind = Text()
    label = Text()
    supplier = Text()
    paid_on = Date(null=True, default=None)
    currency = Text()
    planned_cents = BigInt(null=True, default=None)
    spent_cents = BigInt(null=True, default=None)
    minutes = Integer(null=True, default=None)
    hour_cents = BigInt(null=True, default=None)
    created_at = Timestamptz()
    removed_at = Timestamptz(null=True, default=None)


class Coverage(Record):
    """How much of one line a sponsor pays."""

    line_id = UuidColumn()
    sponsor_id = UuidColumn()
    cents = BigInt()
    created_at = Timestamptz()


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A line as somebody writes it; amounts in cents, `minutes` worked."""

    kind: Kind
    label: str
    supplier: str = ""
    paid_on: date | None = None
    planned_cents: int | None = None
    spent_cents: int | None = None
    minutes: int | None = None
    hour_cents: int | None = None


class Cover(msgspec.Struct, frozen=True):
    """What one sponsor pays of a line, in cents."""

    sponsor_id: UUID
    sponsor: str
    cents: int


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """A line as pages and files read it; `worth` in cents, None when it is not known."""

    id: UUID
    meetup_id: UUID | None
    series_id: UUID | None
    meetup: str
    slug: str
    kind: Kind
    label: str
    supplier: str
    paid_on: date | None
    held_on: date | None
    currency: str
    planned_cents: int | None
    spent_cents: int | None
    minutes: int | None
    hour_cents: int | None
    covers: list[Cover]

    @property
    def worth(self) -> int | None:
        """What this line really cost, in cents."""
        return worth(self.kind, self.spent_cents, self.minutes, self.hour_cents)

    @property
    def covered(self) -> int:
        """What sponsors pay of it, in cents."""
        return sum(cover.cents for cover in self.covers)


class Totals(msgspec.Struct, frozen=True):
    """The sums of some lines in cents; `lacking` lines have no real cost yet."""

    lines: int
    lacking: int
    planned: int | None
    by_kind: dict[Kind, int | None]
    minutes: int
    covered: list[Cover]

    @property
    def cost(self) -> int | None:
        """The whole real cost, or None while one line lacks it."""
        if not self.lines or self.lacking:
            return None
        return sum(cents or 0 for cents in self.by_kind.values())

    @property
    def why(self) -> str:
        """Why there is no cost: nothing was written, or some line lacks its own."""
        if not self.lines:
            return "cost_missing"
        return "cost_incomplete" if self.lacking else ""

    @property
    def paid_by_sponsors(self) -> int:
        """What all sponsors pay, in cents."""
        return sum(cover.cents for cover in self.covered)

    @property
    def ours(self) -> int | None:
        """What remains for the brand, in cents."""
        return None if self.cost is None else self.cost - self.paid_by_sponsors


class CoversTooMuch(Conflict):
    message = lazy("Sponsors would cover more than this line costs.")


# Rules


def hours_cost(minutes: int, hour_cents: int) -> int:
    """A time worked at a rate, in cents, halves rounded up."""
    return (2 * minutes * hour_cents + HOUR) // (2 * HOUR)


def worth(
    kind: Kind, spent_cents: int | None, minutes: int | None, hour_cents: int | None
) -> int | None:
    """What a line really cost, in cents; None when that is not known."""
    if kind is not Kind.HOURS:
        return spent_cents
    if minutes is None or hour_cents is None:
        return None
    return hours_cost(minutes, hour_cents)


def totals(lines: Sequence[Cost]) -> Totals:
    """The sums of these lines."""
    by_kind: dict[Kind, int | None] = {}
    for kind in Kind:
        worths = [line.worth for line in lines if line.kind is kind]
        known = [cents for cents in worths if cents is not None]
        by_kind[kind] = sum(known) if known and len(known) == len(worths) else None
    planned = [line.planned_cents for line in lines if line.planned_cents is not None]
    covered: dict[UUID, Cover] = {}
    for cover in (cover for line in lines for cover in line.covers):
        before = covered.get(cover.sponsor_id)
        more = cover.cents + (before.cents if before else 0)
        covered[cover.sponsor_id] = Cover(cover.sponsor_id, cover.sponsor, more)
    return Totals(
        lines=len(lines),
        lacking=sum(line.worth is None for line in lines),
        planned=sum(planned) if planned else None,
        by_kind=by_kind,
        minutes=sum(line.minutes or 0 for line in lines),
        covered=sorted(covered.values(), key=lambda cover: cover.sponsor.casefold()),
    )


def checked(wanted: Wanted) -> Wanted:
    """The line if it can stand, or Invalid with a sentence for each wrong answer."""
    wrong = {}
    if not wanted.label.strip():
        wrong["label"] = lazy("This answer is missing.")
    for name in ("planned_cents", "spent_cents", "minutes", "hour_cents"):
        value = getattr(wanted, name)
        if value is not None and not 0 <= value <= LARGEST:
            wrong[name] = TOO_LARGE
    if wanted.kind is Kind.HOURS and wanted.hour_cents is None:
        wrong["hour_cents"] = lazy("Hours need what an hour costs.")
    if wrong:
        raise Invalid(**wrong)
    if wanted.kind is Kind.HOURS:
        return msgspec.structs.replace(wanted, spent_cents=None)
    return msgspec.structs.replace(wanted, minutes=None, hour_cents=None)


# Commands


@atomic()
async def add_line(
    wanted: Wanted,
    *,
    meetup_id: UUID | None = None,
    series_id: UUID | None = None,
    currency: str,
    by: Actor,
    now: datetime,
) -> BudgetLine:
    """Write a cost of a meetup or of a series down; NotFound when it is neither's."""
    wanted = checked(wanted)
    line = BudgetLine(
        id=uuid7(),
        workspace_id=by.workspace_id,
        meetup_id=meetup_id,
        series_id=series_id,
        currency=currency,
        created_at=now,
        **{name: getattr(wanted, name) for name in wanted.__struct_fields__},
    )
    try:
        await line.save()
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound from error
    await audit.note(by, "added_cost", line, at=now)
    return line


@atomic()
async def change_line(line_id: UUID, wanted: Wanted, *, by: Actor, now: datetime) -> None:
    """Change a cost; never below what sponsors cover of it."""
    wanted = checked(wanted)
    line = await _locked(line_id, by)
    await _must_cover(line_id, _limit(wanted), by)
    names = wanted.__struct_fields__
    sets = ", ".join(f"{name} = ${n}" for n, name in enumerate(names, start=3))
    await sql(
        f"UPDATE budget_line SET {sets} WHERE workspace_id = $1 AND id = $2",  # noqa: S608 - our own names
        by.workspace_id,
        line_id,
        *(getattr(wanted, name) for name in names),
    )
    await audit.note(by, "changed_cost", line, at=now)


@atomic()
async def remove_line(line_id: UUID, *, by: Actor, now: datetime) -> None:
    """Take a cost off the budget; the row stays for the log."""
    line = await _locked(line_id, by)
    await sql(
        "UPDATE budget_line SET removed_at = $3 WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        line_id,
        now,
    )
    await audit.note(by, "removed_cost", line, at=now)


@atomic()
async def cover(
    line_id: UUID, sponsor_id: UUID, cents: int, *, by: Actor, now: datetime
) -> None:
    """Say how much of a line a sponsor pays; zero takes its name off the line."""
    if not 0 <= cents <= LARGEST:
        raise Invalid(cents=TOO_LARGE)
    line = await _locked(line_id, by)
    await sql(
        "DELETE FROM coverage WHERE workspace_id = $1 AND line_id = $2 AND sponsor_id = $3",
        by.workspace_id,
        line_id,
        sponsor_id,
    )
    if cents:
        share = Coverage(
            id=uuid7(),
            workspace_id=by.workspace_id,
            line_id=line_id,
            sponsor_id=sponsor_id,
            cents=cents,
            created_at=now,
        )
        try:
            await share.save()
        except asyncpg.ForeignKeyViolationError as error:
            raise NotFound from error
        await _must_cover(line_id, _limit(line), by)
    await audit.note(by, "covered_cost", line, fields=("cents",), at=now)


async def _locked(line_id: UUID, by: Actor) -> BudgetLine:
    """The line, held until the end: two who cover it at once wait in line."""
    row = await one(
        "SELECT id FROM budget_line WHERE workspace_id = $1 AND id = $2"
        " AND removed_at IS NULL FOR UPDATE",
        by.workspace_id,
        line_id,
    )
    if row is None:
        raise NotFound
    return await find(BudgetLine, line_id)


def _limit(line: BudgetLine | Wanted) -> int | None:
    """What can be covered of a line: its real cost, or what is planned until then."""
    real = worth(Kind(line.kind), line.spent_cents, line.minutes, line.hour_cents)
    planned: int | None = line.planned_cents
    return planned if real is None else real


async def _must_cover(line_id: UUID, limit: int | None, by: Actor) -> None:
    """Raise CoversTooMuch when sponsors pay more of a line than it costs."""
    row = await one(
        "SELECT coalesce(sum(cents), 0) AS cents FROM coverage"
        " WHERE workspace_id = $1 AND line_id = $2",
        by.workspace_id,
        line_id,
    )
    if row is not None and limit is not None and row["cents"] > limit:
        raise CoversTooMuch


# Queries

_COSTS = (
    "SELECT l.id, l.meetup_id, l.series_id, coalesce(m.title, s.name) AS meetup,"
    " coalesce(m.slug, s.slug) AS slug, l.kind, l.label, l.supplier, l.paid_on,"
    " (m.starts_at AT TIME ZONE m.time_zone)::date AS held_on, l.currency,"
    " l.planned_cents, l.spent_cents, l.minutes, l.hour_cents, coalesce((SELECT jsonb_agg("
    "jsonb_build_object('sponsor_id', c.sponsor_id, 'sponsor', p.name, 'cents', c.cents)"
    " ORDER BY p.name, c.id) FROM coverage c JOIN sponsor p"
    " ON p.workspace_id = c.workspace_id AND p.id = c.sponsor_id"
    " WHERE c.workspace_id = l.workspace_id AND c.line_id = l.id), '[]')::text AS covers"
    " FROM budget_line l"
    " LEFT JOIN meetup m ON m.workspace_id = l.workspace_id AND m.id = l.meetup_id"
    " LEFT JOIN series s ON s.workspace_id = l.workspace_id AND s.id = l.series_id"
    " WHERE l.workspace_id = ANY (apero_scope()) AND l.removed_at IS NULL"
)


def _cost(row: Any) -> Cost:  # noqa: ANN401 - asyncpg's record
    covers = msgspec.json.decode(row["covers"], type=list[Cover])
    return msgspec.convert({**row, "covers": covers}, Cost)


async def of_meetup(meetup_id: UUID) -> list[Cost]:
    """What this meetup costs, as it was written down."""
    return [
        _cost(row) for row in await sql(f"{_COSTS} AND m.id = $1 ORDER BY l.id", meetup_id)
    ]


async def of_series(series_id: UUID) -> list[Cost]:
    """What this series costs: its own lines first, then those of its meetups."""
    rows = await sql(
        f"{_COSTS} AND (l.series_id = $1 OR m.series_id = $1)"
        " ORDER BY l.meetup_id IS NOT NULL, m.starts_at, l.id LIMIT 2000",
        series_id,
    )
    return [_cost(row) for row in rows]


async def of_period(
    since: date, until: date, *, after: UUID | None = None, limit: int = 1000
) -> list[Cost]:
    """The costs of the meetups of a period, and of series paid in it, by their key."""
    rows = await sql(
        f"{_COSTS} AND coalesce((m.starts_at AT TIME ZONE m.time_zone)::date, l.paid_on,"
        " (l.created_at AT TIME ZONE 'UTC')::date) BETWEEN $1 AND $2"
        " AND ($3::uuid IS NULL OR l.id > $3) ORDER BY l.id LIMIT $4",
        since,
        until,
        after,
        limit,
    )
    return [_cost(row) for row in rows]


async def line(line_id: UUID) -> Cost:
    """One line in the workspace in view, or NotFound."""
    row = await one(f"{_COSTS} AND l.id = $1", line_id)
    if row is None:
        raise NotFound
    return _cost(row)
