"""Packages: what is offered to sponsors, at which price, and what each promises."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from events.planning import packages
from events.planning.packages import Offer, PackageLine, Promised
from server import workspaces
from server.amounts import cents, written
from server.audit import Actor
from server.database import scoped
from server.errors import Invalid
from server.forms import Form, Line, Prose, read
from server.i18n import gettext as _
from server.look import Look
from server.sheets import table
from server.web import Asking, away, key_of, page, typed
from server.workspaces import ORGANISERS, Seat

PAGE = 50
AnyRequest = Request[Any, Any, Any]


class Side(StrEnum):
    BEFORE = "before"
    AFTER = "after"


class PackageForm(Form, kw_only=True):
    name: Line
    price: Line
    description: Prose | None = None


class PromiseForm(Form, kw_only=True):
    title: Line
    quantity: int = 1
    days: int = 0
    side: Side = Side.BEFORE


# Reading


@get("/packages")
async def list_packages(
    request: AnyRequest,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    search = request.query_params.get("q", "").strip()
    after = key_of(request.query_params.get("after"))
    async with scoped(by, readonly=True):
        found = await packages.packages(search, after=after, limit=PAGE + 1)
    more = {"q": search, "after": str(found[PAGE - 1].id)} if len(found) > PAGE else None
    return page(
        asking,
        "organize/packages.html",
        workspace=seat,
        lines=found[:PAGE],
        search=search,
        export_href=f"/w/{seat.slug}/packages.csv?{urlencode({'q': search})}",
        next_href=f"/w/{seat.slug}/packages?{urlencode(more)}" if more else None,
        is_organiser=seat.role in ORGANISERS,
    )


@get("/packages.csv")
async def packages_file(
    request: AnyRequest, by: NamedDependency[Actor], seat: NamedDependency[Seat]
) -> Stream:
    search = request.query_params.get("q", "")

    async def some(after: UUID | None, limit: int) -> list[PackageLine]:
        return await packages.packages(search, after=after, limit=limit)

    head = [
        *(_("Name"), _("Price"), _("Currency"), _("Promises"), _("Sold"), _("Ended on")),
        _("Description"),
    ]
    return table(f"{seat.slug}-packages.csv", head, some, _cells, by=by)


def _cells(one: PackageLine) -> list[object]:
    return [
        *(one.name, written(one.price_cents, one.currency), one.currency),
        *(one.promises, one.sales, one.ended_at.date() if one.ended_at else ""),
        one.description,
    ]


@get("/packages/{package_id:uuid}")
async def package(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    package_id: FromPath[UUID],
) -> Response[Any]:
    return await _package(asking, by, seat, package_id)


async def _package(
    asking: Asking,
    by: Actor,
    seat: Seat,
    package_id: UUID,
    refused: tuple[dict[str, Any], dict[str, Any]] | None = None,
) -> Response[Any]:
    async with scoped(by, readonly=True):
        found = await packages.package_line(package_id)
        promises = await packages.promises_of(package_id)
    errors, answers = refused or ({}, {})
    return page(
        asking,
        "organize/package.html",
        status=422 if refused else 200,
        workspace=seat,
        package=found,
        promises=promises,
        is_organiser=seat.role in ORGANISERS,
        errors={name: str(text) for name, text in errors.items()},
        answers=answers,
    )


# Acting


@get("/packages/new")
async def new(
    asking: NamedDependency[Asking], seat: NamedDependency[Seat]
) -> Response[Any]:
    return await _form(asking, seat, None, {}, {})


@get("/packages/{package_id:uuid}/edit")
async def edit(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    package_id: FromPath[UUID],
) -> Response[Any]:
    async with scoped(by, readonly=True):
        found = await packages.package_line(package_id)
    answers = {
        "name": found.name,
        "price": written(found.price_cents, found.currency),
        "description": found.description,
    }
    return await _form(asking, seat, found, answers, {})


async def _form(
    asking: Asking,
    seat: Seat,
    found: PackageLine | None,
    answers: dict[str, Any],
    errors: dict[str, Any],
) -> Response[Any]:
    look = await workspaces.look(seat.slug)
    return page(
        asking,
        "organize/package_form.html",
        status=422 if errors else 200,
        workspace=look,
        package=found,
        currency=found.currency if found else look.currency,
        answers=answers,
        errors={name: str(text) for name, text in errors.items()},
    )


def _offer(answers: dict[str, Any], currency: str) -> Offer:
    form = read(PackageForm, answers)
    return Offer(
        name=form.name,
        price_cents=cents(form.price, currency),
        description=form.description or "",
    )


@post("/packages/new", status_code=303)
async def make(
    request: AnyRequest,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    answers = await typed(request)
    look: Look = await workspaces.look(seat.slug)
    try:
        offer = _offer(answers, look.currency)
        made = await packages.make_package(offer, currency=look.currency, by=by, now=now)
    except Invalid as no:
        return await _form(asking, seat, None, answers, dict(no.fields))
    except packages.PackageExists as no:
        return await _form(asking, seat, None, answers, {"name": str(no)})
    said = _("The package is kept. Say now what it promises.")
    return away(asking, f"/w/{seat.slug}/packages/{made.id}", said=said)


@post("/packages/{package_id:uuid}/edit", status_code=303)
async def change(
    request: AnyRequest,
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    package_id: FromPath[UUID],
) -> Response[Any]:
    answers = await typed(request)
    async with scoped(by, readonly=True):
        found = await packages.package_line(package_id)
    try:
        offer = _offer(answers, found.currency)
        await packages.change_package(package_id, offer, by=by, now=now)
    except Invalid as no:
        return await _form(asking, seat, found, answers, dict(no.fields))
    except packages.PackageExists as no:
        return await _form(asking, seat, found, answers, {"name": str(no)})
    return _back(asking, seat, package_id, _("The package is changed."))


@post("/packages/{package_id:uuid}/promises", status_code=303)
async def add_promise(
    request: AnyRequest,
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    package_id: FromPath[UUID],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(PromiseForm, answers)
        days = form.days if form.side is Side.BEFORE else -form.days
        wanted = Promised(form.title, form.quantity, days)
        await packages.add_promise(package_id, wanted, by=by, now=now)
    except (Invalid, packages.TooManyPromises) as no:
        errors: dict[str, Any] = {"title": str(no)}
        if isinstance(no, Invalid):
            errors = dict(no.fields)
        if "days_before" in errors:
            errors["days"] = errors.pop("days_before")
        return await _package(asking, by, seat, package_id, (errors, answers))
    return _back(asking, seat, package_id, _("The promise is added."))


@post("/packages/{package_id:uuid}/promises/{promise_id:uuid}/remove", status_code=303)
async def remove_promise(
    asking: NamedDependency[Asking],
    *,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    package_id: FromPath[UUID],
    promise_id: FromPath[UUID],
) -> Response[Any]:
    await packages.remove_promise(package_id, promise_id, by=by, now=now)
    return _back(asking, seat, package_id, _("The promise is removed."))


@post("/packages/{package_id:uuid}/end", status_code=303)
async def end(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    package_id: FromPath[UUID],
) -> Response[Any]:
    await packages.end_package(package_id, by=by, now=now)
    return _back(asking, seat, package_id, _("This package is no longer sold."))


@post("/packages/{package_id:uuid}/offer", status_code=303)
async def offer_again(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    package_id: FromPath[UUID],
) -> Response[Any]:
    await packages.offer_again(package_id, by=by, now=now)
    return _back(asking, seat, package_id, _("This package is sold again."))


def _back(asking: Asking, seat: Seat, package_id: UUID, said: str) -> Response[None]:
    return away(asking, f"/w/{seat.slug}/packages/{package_id}", said=said)


READS: list[HTTPRouteHandler] = [list_packages, packages_file, package]
WRITES: list[HTTPRouteHandler] = [
    *(new, edit, make, change, add_promise, remove_promise, end, offer_again),
]
