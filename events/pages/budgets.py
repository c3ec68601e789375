"""What a meetup or a series costs, and who covers it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.engagement import costs
from events.pages.costing import KINDS, shares_of, shown, sums_of
from events.planning import budgets, meetups, series, sponsors
from events.planning.budgets import Cost, Kind, Wanted
from server import amounts, workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, Invalid
from server.forms import Form, Line, Minutes, read
from server.i18n import gettext as _
from server.look import Look
from server.web import Asking, away, page, typed
from server.workspaces import ORGANISERS, Seat

SUMS = ("planned", "spent", "rate")
# A field of the form, and the answer of the command that it writes.
NAMES = {"hour_cents": "rate", "minutes": "worked", "cents": "amount"}


class LineForm(Form, kw_only=True):
    kind: Kind
    label: Line
    supplier: Line | None = None
    paid_on: date | None = None
    planned: Line | None = None
    spent: Line | None = None
    worked: Minutes | None = None
    rate: Line | None = None


class CoverForm(Form, kw_only=True):
    sponsor: UUID
    amount: Line


@dataclass(frozen=True)
class Owner:
    """Whose budget is on the page: a meetup or a series."""

    base: str
    title: str
    meetup: meetups.Meetup | None = None
    series_id: UUID | None = None

    async def lines(self) -> list[Cost]:
        """What it costs."""
        if self.meetup is not None:
            return await budgets.of_meetup(self.meetup.id)
        assert self.series_id is not None  # noqa: S101 - one of the two
        return await budgets.of_series(self.series_id)

    def owns(self, line: Cost) -> bool:
        """Is this line its own, and not one of a meetup of the series?"""
        return self.meetup is not None or line.series_id is not None

    async def people(self, now: datetime) -> Any:  # noqa: ANN401 - figures by name
        """Whom the cost is divided by."""
        if self.meetup is not None:
            return await costs.people_of_meetup(self.meetup, now)
        assert self.series_id is not None  # noqa: S101 - one of the two
        return await costs.people_of_series(self.series_id, now)


# Rules


def wanted_of(answers: dict[str, Any], look: Look) -> Wanted:
    """The line of these answers, or Invalid with everything that is wrong at once.

    An hour costs what the workspace says, if nothing else.
    """
    wrong: dict[str, Any] = {}
    sums = {name: _sum(name, answers, look, wrong) for name in SUMS}
    try:
        form = read(LineForm, answers)
    except Invalid as no:
        raise Invalid(**wrong | no.fields) from no
    if wrong:
        raise Invalid(**wrong)
    is_hours = form.kind is Kind.HOURS
    rate = look.hour_cents if sums["rate"] is None else sums["rate"]
    return Wanted(
        kind=form.kind,
        label=form.label,
        supplier=form.supplier or "",
        paid_on=form.paid_on,
        planned_cents=sums["planned"],
        spent_cents=None if is_hours else sums["spent"],
        minutes=form.worked if is_hours else None,
        hour_cents=rate if is_hours else None,
    )


def _sum(
    name: str, answers: dict[str, Any], look: Look, wrong: dict[str, Any]
) -> int | None:
    """A typed sum in cents, none when nothing was typed; what is wrong is added."""
    typed_sum = answers.get(name)
    if not isinstance(typed_sum, str) or not typed_sum.strip():
        return None
    try:
        return amounts.cents(typed_sum, look.currency, field=name)
    except Invalid as no:
        wrong.update(no.fields)
        return None


# One budget


async def meetup_owner(slug: str, meetup_slug: str) -> Owner:
    meetup = await meetups.meetup_by_slug(meetup_slug)
    return Owner(f"/w/{slug}/meetups/{meetup.slug}", meetup.title, meetup=meetup)


async def series_owner(slug: str, series_slug: str) -> Owner:
    line = await series.series_by_slug(series_slug)
    return Owner(f"/w/{slug}/series/{line.slug}", line.name, series_id=line.id)


async def _page(
    asking: Asking,
    by: Actor,
    seat: Seat,
    owner: Owner,
    refused: tuple[dict[str, Any], dict[str, Any], str] | None = None,
) -> Response[str]:
    """The budget of a meetup or a series; `refused` is errors, answers and which form."""
    look = await workspaces.look(seat.slug)
    async with scoped(by, readonly=True):
        lines = await owner.lines()
        payers = await sponsors.choices()
        people = await owner.people(asking.now)
    sums = budgets.totals(lines)
    errors, answers, form = refused or ({}, {}, "")
    usual = {
        "kind": Kind.CASH.value,
        "rate": amounts.written(look.hour_cents, look.currency),
    }
    return page(
        asking,
        "organize/budget.html",
        status=422 if refused else 200,
        workspace=look,
        owner=owner,
        base=owner.base,
        lines=[shown(line, is_own=owner.owns(line)) for line in lines],
        sums=sums_of(sums, look.currency),
        shares=shares_of(costs.per_person(sums, people), look.currency),
        sponsors=[(str(one.id), one.name) for one in payers],
        kinds=[(kind.value, str(name)) for kind, name in KINDS.items()],
        is_organiser=seat.role in ORGANISERS,
        errors={NAMES.get(name, name): str(text) for name, text in errors.items()},
        answers=answers or usual,
        refused_form=form,
    )


@get("/meetups/{meetup_slug:str}/budget")
async def meetup_budget(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[str]:
    """What one meetup costs."""
    async with scoped(by, readonly=True):
        owner = await meetup_owner(seat.slug, meetup_slug)
    return await _page(asking, by, seat, owner)


@get("/series/{series_slug:str}/budget")
async def series_budget(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[str]:
    """What a whole series costs."""
    async with scoped(by, readonly=True):
        owner = await series_owner(seat.slug, series_slug)
    return await _page(asking, by, seat, owner)


# Acting


async def _add(
    request: Request[Any, Any, Any], asking: Asking, by: Actor, seat: Seat, owner: Owner
) -> Response[Any]:
    answers = await typed(request)
    look = await workspaces.look(seat.slug)
    try:
        wanted = wanted_of(answers, look)
        await budgets.add_line(
            wanted,
            meetup_id=owner.meetup.id if owner.meetup else None,
            series_id=owner.series_id,
            currency=look.currency,
            by=by,
            now=asking.now,
        )
    except Invalid as no:
        return await _page(asking, by, seat, owner, (dict(no.fields), answers, "new"))
    return away(asking, f"{owner.base}/budget", said=_("The cost is written down."))


@post("/meetups/{meetup_slug:str}/budget", status_code=303)
async def add_to_meetup(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    """Write a cost of a meetup down."""
    async with scoped(by, readonly=True):
        owner = await meetup_owner(seat.slug, meetup_slug)
    return await _add(request, asking, by, seat, owner)


@post("/series/{series_slug:str}/budget", status_code=303)
async def add_to_series(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[Any]:
    """Write a cost of a whole series down."""
    async with scoped(by, readonly=True):
        owner = await series_owner(seat.slug, series_slug)
    return await _add(request, asking, by, seat, owner)


async def _owner_of(by: Actor, seat: Seat, line_id: UUID) -> Owner:
    async with scoped(by, readonly=True):
        line = await budgets.line(line_id)
        make = meetup_owner if line.meetup_id else series_owner
        return await make(seat.slug, line.slug)


@post("/budgets/{line_id:uuid}", status_code=303)
async def change_line(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    line_id: FromPath[UUID],
) -> Response[Any]:
    """Change one cost."""
    answers = await typed(request)
    owner = await _owner_of(by, seat, line_id)
    try:
        wanted = wanted_of(answers, await workspaces.look(seat.slug))
        await budgets.change_line(line_id, wanted, by=by, now=asking.now)
    except Invalid as no:
        refused = (dict(no.fields), answers, str(line_id))
        return await _page(asking, by, seat, owner, refused)
    except Conflict as no:
        refused = ({"spent": str(no)}, answers, str(line_id))
        return await _page(asking, by, seat, owner, refused)
    return away(asking, f"{owner.base}/budget", said=_("The cost is changed."))


@post("/budgets/{line_id:uuid}/cover", status_code=303)
async def cover_line(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    line_id: FromPath[UUID],
) -> Response[Any]:
    """Say how much of a cost a sponsor pays."""
    answers = await typed(request)
    owner = await _owner_of(by, seat, line_id)
    try:
        form = read(CoverForm, answers)
        look = await workspaces.look(seat.slug)
        cents = amounts.cents(form.amount, look.currency, field="amount")
        await budgets.cover(line_id, form.sponsor, cents, by=by, now=asking.now)
    except Invalid as no:
        refused = (dict(no.fields), answers, f"cover-{line_id}")
        return await _page(asking, by, seat, owner, refused)
    except Conflict as no:
        refused = ({"amount": str(no)}, answers, f"cover-{line_id}")
        return await _page(asking, by, seat, owner, refused)
    said = _("Who covers this cost is written down.")
    return away(asking, f"{owner.base}/budget", said=said)


@post("/budgets/{line_id:uuid}/remove", status_code=303)
async def remove_line(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    line_id: FromPath[UUID],
) -> Response[Any]:
    """Take a cost off its budget."""
    owner = await _owner_of(by, seat, line_id)
    await budgets.remove_line(line_id, by=by, now=asking.now)
    return away(asking, f"{owner.base}/budget", said=_("The cost is off the budget."))


READS: list[HTTPRouteHandler] = [meetup_budget, series_budget]
WRITES: list[HTTPRouteHandler] = [
    add_to_meetup,
    add_to_series,
    change_line,
    cover_line,
    remove_line,
]
