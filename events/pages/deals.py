"""Sponsorships: what is sold to whom, for what, and what is owed for it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.engagement import sales
from events.pages import deliverables as due_pages
from events.pages import delivering
from events.pages import packages as package_pages
from events.pages import sales as sale_pages
from events.pages.deliverables import scope_of, team_of, told
from events.pages.delivering import owed_of
from events.planning import (
    deliverables,
    dues,
    meetups,
    owed,
    packages,
    series,
    sold,
    sponsors,
    sponsorships,
)
from events.planning.sold import SaleLine
from events.planning.sponsorships import Sale, Terms
from server import workspaces
from server.amounts import cents, written
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, Invalid
from server.forms import Form, Line, Prose, Tick, read
from server.i18n import gettext as _
from server.i18n import short_date
from server.look import Look
from server.web import Asking, away, page, typed
from server.workspaces import ORGANISERS, Seat

AnyRequest = Request[Any, Any, Any]
MOST_MEETUPS = 100


class Scope(StrEnum):
    MEETUP = "meetup"
    SERIES = "series"
    PERIOD = "period"


class TermsForm(Form, kw_only=True):
    price: Line | None = None
    in_kind: Line | None = None
    note: Prose | None = None


class SaleForm(TermsForm, kw_only=True):
    scope: Scope
    meetup: UUID | None = None
    series: UUID | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    package: UUID | None = None
    counted_from: date | None = None
    sure: Tick = Tick(0)


# Rules


def terms_of(form: TermsForm, currency: str) -> Terms:
    """What a sponsor gives, as it was typed."""
    return Terms(
        price_cents=cents(form.price, currency) if form.price else None,
        in_kind_cents=cents(form.in_kind, currency, field="in_kind")
        if form.in_kind
        else None,
        note=form.note or "",
    )


def sale_of(form: SaleForm, sponsor_id: UUID, currency: str) -> Sale:
    """The sale a form asks for; what belongs to another choice is left out."""
    terms = terms_of(form, currency)
    is_period = form.scope is Scope.PERIOD
    return Sale(
        sponsor_id=sponsor_id,
        meetup_id=form.meetup if form.scope is Scope.MEETUP else None,
        series_id=form.series if form.scope is Scope.SERIES else None,
        starts_on=form.starts_on if is_period else None,
        ends_on=form.ends_on if is_period else None,
        package_id=form.package,
        counted_from=form.counted_from,
        price_cents=terms.price_cents,
        in_kind_cents=terms.in_kind_cents,
        note=terms.note,
    )


# Reading


@get("/sponsorships/{sale_id:uuid}")
async def sale(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    sale_id: FromPath[UUID],
) -> Response[Any]:
    return await _sale(asking, by, now, seat, sale_id)


async def _sale(
    asking: Asking,
    by: Actor,
    now: datetime,
    seat: Seat,
    sale_id: UUID,
    *,
    errors: dict[str, Any] | None = None,
    answers: dict[str, Any] | None = None,
) -> Response[Any]:
    look = await workspaces.look(seat.slug)
    today = dues.day_of(now, look.time_zone)
    async with scoped(by, readonly=True):
        line = await sold.sale(sale_id, today=today)
        lines = await owed.of_sponsorship(sale_id)
        owners = await team_of()
    return page(
        asking,
        "organize/sponsorship.html",
        status=422 if errors else 200,
        workspace=look,
        sale=line,
        about=scope_of(line),
        lines=[told(one, today) for one in lines],
        owners=owners,
        is_organiser=seat.role in ORGANISERS,
        errors={name: str(text) for name, text in (errors or {}).items()},
        answers=_as_sold(line, by) | (answers or {}),
    )


def _as_sold(line: SaleLine, by: Actor) -> dict[str, Any]:
    """What the forms of a sale hold before anybody types."""
    return {
        "price": written(line.price_cents, line.currency),
        "in_kind": written(line.in_kind_cents, line.currency),
        "note": line.note,
        "quantity": 1,
        "owner": by.id,
    }


# Acting


@get("/sponsors/{sponsor_slug:str}/sell")
async def sell_form(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    sponsor_slug: FromPath[str],
) -> Response[Any]:
    look = await workspaces.look(seat.slug)
    return await _sell(asking, by, now, look, sponsor_slug, {"scope": "meetup"})


async def _sell(
    asking: Asking,
    by: Actor,
    now: datetime,
    look: Look,
    sponsor_slug: str,
    answers: dict[str, Any],
    *,
    errors: dict[str, Any] | None = None,
    closed: list[sales.Closed] | None = None,
) -> Response[Any]:
    """The form of a sale, with what is planned to choose from."""
    async with scoped(by, readonly=True):
        sponsor = await sponsors.sponsor_by_slug(sponsor_slug)
        choices = await _choices(now)
    return page(
        asking,
        "organize/sponsorship_new.html",
        status=422 if errors or closed else 200,
        workspace=look,
        sponsor=sponsor,
        **choices,
        closed=closed or [],
        errors={name: str(text) for name, text in (errors or {}).items()},
        answers=answers,
    )


async def _choices(now: datetime) -> dict[str, list[tuple[UUID, Any]]]:
    """What can be sold, and as which package."""
    coming = await meetups.upcoming(now, limit=MOST_MEETUPS)
    held = await meetups.past(now, limit=MOST_MEETUPS)
    return {
        "meetups": [
            (one.id, f"{one.title}, {short_date(one.starts_at, one.time_zone)}")
            for one in [*coming, *held]
        ],
        "series": [(one.id, one.name) for one in await series.all_series()],
        "packages": [(one.id, one) for one in await packages.packages(ended=False)],
    }


@post("/sponsors/{sponsor_slug:str}/sell", status_code=303)
async def sell(
    request: AnyRequest,
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    sponsor_slug: FromPath[str],
) -> Response[Any]:
    answers = await typed(request)
    look = await workspaces.look(seat.slug)
    async with scoped(by, readonly=True):
        sponsor = await sponsors.sponsor_by_slug(sponsor_slug)
    refused = (asking, by, now, look, sponsor_slug, answers)
    try:
        form = read(SaleForm, answers)
        id_ = await sales.sell(
            sale_of(form, sponsor.id, look.currency),
            sure=bool(form.sure),
            workspace=look,
            origin=asking.settings.origin,
            by=by,
            now=now,
        )
    except Invalid as no:
        return await _sell(*refused, errors=dict(no.fields))
    except sales.ReportsWouldLeave as no:
        return await _sell(*refused, closed=no.closed)
    except Conflict as no:
        return await _sell(*refused, errors={"": str(no)})
    said = _("The sponsorship is noted. Here is what is owed for it.")
    return away(asking, f"/w/{seat.slug}/sponsorships/{id_}", said=said)


@post("/sponsorships/{sale_id:uuid}", status_code=303)
async def change(
    request: AnyRequest,
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    sale_id: FromPath[UUID],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(TermsForm, answers)
        async with scoped(by):
            line = await sold.sale(sale_id, today=now.date())
            terms = terms_of(form, line.currency)
            await sponsorships.change_sale(sale_id, terms, by=by, now=now)
    except Invalid as no:
        wrong = dict(no.fields)
        return await _sale(asking, by, now, seat, sale_id, errors=wrong, answers=answers)
    path = f"/w/{seat.slug}/sponsorships/{sale_id}"
    return away(asking, path, said=_("The sponsorship is changed."))


@post("/sponsorships/{sale_id:uuid}/end", status_code=303)
async def end(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    sale_id: FromPath[UUID],
) -> Response[Any]:
    async with scoped(by, readonly=True):
        line = await sold.sale(sale_id, today=now.date())
    try:
        await sponsorships.end_sale(sale_id, by=by, now=now)
    except Conflict as no:
        path = f"/w/{seat.slug}/sponsorships/{sale_id}"
        return away(asking, path, said=str(no), tone="bad")
    path = f"/w/{seat.slug}/sponsors/{line.sponsor_slug}"
    return away(asking, path, said=_("The sponsorship is undone."))


@post("/sponsorships/{sale_id:uuid}/deliverables", status_code=303)
async def owe(
    request: AnyRequest,
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    sale_id: FromPath[UUID],
) -> Response[Any]:
    answers = await typed(request)
    try:
        await deliverables.owe(sale_id, [owed_of(answers)], by=by, now=now)
    except Invalid as no:
        wrong = dict(no.fields)
        return await _sale(asking, by, now, seat, sale_id, errors=wrong, answers=answers)
    path = f"/w/{seat.slug}/sponsorships/{sale_id}"
    return away(asking, path, said=_("It is owed now."))


READS: list[HTTPRouteHandler] = [
    *package_pages.READS,
    *sale_pages.READS,
    sale,
    *due_pages.READS,
]
WRITES: list[HTTPRouteHandler] = [
    *package_pages.WRITES,
    *(sell_form, sell, change, end, owe),
    *delivering.WRITES,
]
