"""Budgets, for machines: amounts in cents of the workspace's currency, times in minutes."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, Parameter

from events.engagement import costs
from events.pages.api_meetups import body_of, one_line
from events.planning import budgets, meetups, series
from events.planning.budgets import Cost, Cover, Kind, Wanted
from server import workspaces
from server.audit import Actor
from server.database import find, scoped

MOST = 200


class LineBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A cost; `minutes` and `hour_cents` are for hours, `spent_cents` for the others."""

    kind: Kind
    label: str
    supplier: str = ""
    paid_on: date | None = None
    planned_cents: int | None = None
    spent_cents: int | None = None
    minutes: int | None = None
    hour_cents: int | None = None


class CoverBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a sponsor pays of a cost; 0 takes it off."""

    sponsor_id: UUID
    cents: int


class LineView(msgspec.Struct, kw_only=True):
    """A cost; `worth_cents` is what it really cost, null while that is not known."""

    id: UUID
    meetup_id: UUID | None
    series_id: UUID | None
    kind: Kind
    label: str
    supplier: str
    paid_on: date | None
    currency: str
    planned_cents: int | None
    spent_cents: int | None
    minutes: int | None
    hour_cents: int | None
    worth_cents: int | None
    covered_by: list[Cover]


class ShareView(msgspec.Struct, kw_only=True):
    """A cost for one person; null with the reason when it cannot be told."""

    key: str
    cents: int | None
    people: int | None
    why: str


class BudgetView(msgspec.Struct, kw_only=True):
    """A budget with its sums; a sum with a missing part is null."""

    lines: list[LineView]
    planned_cents: int | None
    cost_cents: int | None
    why: str
    covered_cents: int
    remains_cents: int | None
    shares: list[ShareView]


class Lines(msgspec.Struct):
    """Some costs, and from where to read on."""

    items: list[LineView]
    next: str | None


# Rules


def _view(line: Cost) -> LineView:
    kept = {
        name: getattr(line, name)
        for name in LineView.__struct_fields__
        if hasattr(line, name)
    }
    return LineView(**kept, worth_cents=line.worth, covered_by=line.covers)


def _budget(lines: list[Cost], people: Any) -> BudgetView:  # noqa: ANN401 - figures by name
    sums = budgets.totals(lines)
    return BudgetView(
        lines=[_view(line) for line in lines],
        planned_cents=sums.planned,
        cost_cents=sums.cost,
        why=sums.why,
        covered_cents=sums.paid_by_sponsors,
        remains_cents=sums.ours,
        shares=[
            ShareView(key=one.key, cents=one.cents, people=one.n, why=one.why)
            for one in costs.per_person(sums, people)
        ],
    )


async def _wanted(request: Request[Any, Any, Any]) -> Wanted:
    body: LineBody = await body_of(request, LineBody)
    kept = {name: getattr(body, name) for name in body.__struct_fields__}
    kept["label"] = one_line(body.label, "label")
    kept["supplier"] = one_line(body.supplier, "supplier") if body.supplier.strip() else ""
    return Wanted(**kept)


# Reading


@get(
    "/meetups/{meetup_id:uuid}/budget",
    summary="The budget of a meetup",
    description="Its costs, their sums, and the cost of one who came, of one newcomer and"
    " of one active afterwards. A missing cost makes the sum null; it is never zero.",
)
async def meetup_budget(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
) -> BudgetView:
    async with scoped(by, readonly=True):
        meetup = await find(meetups.Meetup, meetup_id)
        lines = await budgets.of_meetup(meetup_id)
        return _budget(lines, await costs.people_of_meetup(meetup, now))


@get(
    "/series/{series_slug:str}/budget",
    summary="The budget of a series",
    description="The costs of the series itself and of all its meetups.",
)
async def series_budget(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    series_slug: FromPath[str],
) -> BudgetView:
    async with scoped(by, readonly=True):
        found = await series.series_by_slug(series_slug)
        lines = await budgets.of_series(found.id)
        return _budget(lines, await costs.people_of_series(found.id, now))


@get(
    "/budgets",
    summary="The costs of a period",
    description="By key; read on with `after`. A cost belongs to the day of its meetup.",
)
async def period(
    by: NamedDependency[Actor],
    since: FromQuery[date],
    until: FromQuery[date],
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Annotated[int, Parameter(ge=1, le=MOST)]] = 50,
) -> Lines:
    async with scoped(by, readonly=True):
        found = await budgets.of_period(since, until, after=after, limit=limit + 1)
    shown = found[:limit]
    more = str(shown[-1].id) if len(found) > limit else None
    return Lines(items=[_view(line) for line in shown], next=more)


# Acting


async def _kept(line_id: UUID, by: Actor) -> LineView:
    async with scoped(by, readonly=True):
        return _view(await budgets.line(line_id))


@post(
    "/meetups/{meetup_id:uuid}/budget",
    summary="Add a cost to a meetup",
    description="Amounts are in cents of the workspace's currency.",
)
async def add_to_meetup(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
) -> LineView:
    wanted = await _wanted(request)
    look = await workspaces.look_by_id(by.workspace_id)
    made = await budgets.add_line(
        wanted, meetup_id=meetup_id, currency=look.currency, by=by, now=now
    )
    return await _kept(made.id, by)


@post(
    "/series/{series_slug:str}/budget",
    summary="Add a cost to a series",
    description="For what no single meetup costs.",
)
async def add_to_series(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    series_slug: FromPath[str],
) -> LineView:
    wanted = await _wanted(request)
    look = await workspaces.look_by_id(by.workspace_id)
    async with scoped(by, readonly=True):
        found = await series.series_by_slug(series_slug)
    made = await budgets.add_line(
        wanted, series_id=found.id, currency=look.currency, by=by, now=now
    )
    return await _kept(made.id, by)


@put(
    "/budgets/{line_id:uuid}",
    summary="Change a cost",
    description="The whole line is written again; never below what sponsors cover of it.",
)
async def change_line(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    line_id: FromPath[UUID],
) -> LineView:
    await budgets.change_line(line_id, await _wanted(request), by=by, now=now)
    return await _kept(line_id, by)


@put(
    "/budgets/{line_id:uuid}/cover",
    summary="Say what a sponsor covers",
    description="Sponsors together never cover more than a line costs.",
)
async def cover_line(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    line_id: FromPath[UUID],
) -> LineView:
    body: CoverBody = await body_of(request, CoverBody)
    await budgets.cover(line_id, body.sponsor_id, body.cents, by=by, now=now)
    return await _kept(line_id, by)


@delete(
    "/budgets/{line_id:uuid}",
    summary="Take a cost off its budget",
    description="The log keeps that it was there.",
)
async def remove_line(
    by: NamedDependency[Actor], now: NamedDependency[datetime], line_id: FromPath[UUID]
) -> Response[None]:
    await budgets.remove_line(line_id, by=by, now=now)
    return Response(None, status_code=204)


READS: list[HTTPRouteHandler] = [meetup_budget, series_budget, period]
WRITES: list[HTTPRouteHandler] = [
    add_to_meetup,
    add_to_series,
    change_line,
    cover_line,
    remove_line,
]
