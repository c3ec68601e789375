"""What a period costs, meetup by meetup, and the file for the accountant."""

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from babel.numbers import get_decimal_symbol
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from events.engagement.sentences import DASH
from events.pages.budgets import meetup_owner, series_owner
from events.pages.costing import KINDS, brief, sums_of
from events.planning import budgets
from events.planning.budgets import Cost
from server import amounts, sheets, workspaces
from server.audit import Actor
from server.database import scoped
from server.i18n import duration, language, lazy
from server.look import Look
from server.web import Asking, page
from server.workspaces import Seat

EXPORT_PAGE = 500
HEAD = (
    lazy("Date"),
    lazy("Meetup or series"),
    lazy("Kind"),
    lazy("What for"),
    lazy("Supplier"),
    lazy("Planned"),
    lazy("Time"),
    lazy("Hourly rate"),
    lazy("Covered by"),
    lazy("Amount"),
    lazy("Currency"),
)


# Rules


def rows_of(line: Cost) -> list[list[object]]:
    """A line of a budget in the file: what each sponsor covers, then what remains.

    The amounts of a line's rows add up to its cost, to the cent; a cost that is not known
    is an empty cell.
    """
    parts: list[tuple[str, int | None]] = [(one.sponsor, one.cents) for one in line.covers]
    remains = None if line.worth is None else line.worth - line.covered
    if remains != 0 or not parts:
        parts.append(("", remains))
    rows: list[list[object]] = []
    first = True
    for sponsor, cents in parts:
        rows.append(
            [
                line.paid_on or line.held_on or "",
                line.meetup,
                str(KINDS[line.kind]),
                line.label,
                line.supplier,
                _decimal(line.planned_cents, line.currency) if first else "",
                f"{line.minutes // 60}:{line.minutes % 60:02}"
                if first and line.minutes is not None
                else "",
                _decimal(line.hour_cents, line.currency) if first else "",
                sponsor,
                _decimal(cents, line.currency),
                line.currency,
            ]
        )
        first = False
    return rows


def _decimal(cents: int | None, currency: str) -> str:
    """An amount as the spreadsheets of the reader's language take it."""
    return "" if cents is None else amounts.decimal(cents, currency)


def _separator() -> str:
    """What parts the cells: where a comma stands before cents, a semicolon."""
    return ";" if get_decimal_symbol(language.get()) == "," else ","


def worked(lines: Sequence[Cost]) -> str:
    """The time worked on these lines, or a dash."""
    minutes = sum(line.minutes or 0 for line in lines)
    return duration(minutes) if minutes else DASH


# Pages and files


def _period(request: Request[Any, Any, Any], now: datetime) -> tuple[date, date]:
    """The days asked for, or this year."""
    today = now.date()
    usual = (today.replace(month=1, day=1), today.replace(month=12, day=31))
    found = []
    for name, otherwise in zip(("since", "until"), usual, strict=True):
        try:
            found.append(date.fromisoformat(request.query_params.get(name) or "x"))
        except ValueError:
            found.append(otherwise)
    since, until = found
    # Ten years are enough for anybody; the last day there is must not be passed.
    latest = date(min(since.year + 10, date.max.year), 12, 31)
    return since, max(since, min(until, latest))


@get("/budgets")
async def period(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[str]:
    """What everything of a period costs, meetup by meetup."""
    since, until = _period(request, asking.now)
    look = await workspaces.look(seat.slug)
    async with scoped(by, readonly=True):
        lines = await budgets.of_period(since, until, limit=5000)
    return page(
        asking,
        "organize/budgets.html",
        workspace=look,
        rows=_by_owner(lines, look),
        sums=sums_of(budgets.totals(lines), look.currency),
        minutes=worked(lines),
        since=since.isoformat(),
        until=until.isoformat(),
        csv_href=f"/w/{seat.slug}/budgets.csv?since={since}&until={until}",
    )


def _by_owner(lines: Sequence[Cost], look: Look) -> list[dict[str, Any]]:
    """One line for each meetup and series that has a budget."""
    owners: dict[tuple[bool, str], list[Cost]] = {}
    for line in lines:
        owners.setdefault((line.meetup_id is not None, line.slug), []).append(line)
    return [
        {
            "href": f"/w/{look.slug}/{'meetups' if is_meetup else 'series'}/{slug}/budget",
            "title": mine[0].meetup,
            "worked": worked(mine),
            **brief(budgets.totals(mine), look.currency),
        }
        for (is_meetup, slug), mine in owners.items()
    ]


@get("/meetups/{meetup_slug:str}/budget.csv")
async def meetup_file(
    by: NamedDependency[Actor], seat: NamedDependency[Seat], meetup_slug: FromPath[str]
) -> Response[bytes]:
    """The costs of one meetup, for the accountant."""
    async with scoped(by, readonly=True):
        lines = await (await meetup_owner(seat.slug, meetup_slug)).lines()
    return sheets.sheet(f"{meetup_slug}-budget.csv", HEAD, _rows(lines), _separator())


@get("/series/{series_slug:str}/budget.csv")
async def series_file(
    by: NamedDependency[Actor], seat: NamedDependency[Seat], series_slug: FromPath[str]
) -> Response[bytes]:
    """The costs of a series, for the accountant."""
    async with scoped(by, readonly=True):
        lines = await (await series_owner(seat.slug, series_slug)).lines()
    return sheets.sheet(f"{series_slug}-budget.csv", HEAD, _rows(lines), _separator())


@get("/budgets.csv")
async def period_file(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Stream:
    """The costs of a period, for the accountant."""
    since, until = _period(request, now)
    name = f"{seat.slug}-{since}-{until}.csv"
    return sheets.stream(name, HEAD, _pieces(by, since, until), _separator())


def _rows(lines: Sequence[Cost]) -> list[list[object]]:
    return [row for line in lines for row in rows_of(line)]


async def _pieces(by: Actor, since: date, until: date) -> AsyncIterator[list[list[object]]]:
    after: UUID | None = None
    while True:
        async with scoped(by, readonly=True):
            lines = await budgets.of_period(since, until, after=after, limit=EXPORT_PAGE)
        yield _rows(lines)
        if len(lines) < EXPORT_PAGE:
            return
        after = lines[-1].id


READS: list[HTTPRouteHandler] = [meetup_file, series_file, period, period_file]
