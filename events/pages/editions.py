"""Editions: what is done with one date of a series, or with all that are prepared."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any

from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.admission import tickets
from events.engagement import plans
from events.planning import drafts, rearrangements, recurrences, series
from events.planning.series import Series
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, Invalid, NotFound
from server.forms import Form, read
from server.i18n import gettext as _
from server.i18n import ngettext, short_date
from server.web import Asking, away, typed
from server.workspaces import Seat


class DayForm(Form, kw_only=True):
    day: date


async def _found(slug: str, by: Actor) -> Series:
    async with scoped(by, readonly=True):
        return await series.record_by_slug(slug)


async def _done(
    asking: Asking, seat: Seat, slug: str, act: Callable[[], Awaitable[str]]
) -> Response[Any]:
    """Do it and say what was done, or why it was not, on the page of the series."""
    try:
        said, tone = await act(), "good"
    except Conflict as no:
        said, tone = str(no), "bad"
    except Invalid as no:
        said, tone = str(next(iter(no.fields.values()))), "bad"
    return away(asking, f"/w/{seat.slug}/series/{slug}", said=said, tone=tone)


@post("/series/{series_slug:str}/prepare", status_code=303)
async def prepare(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[Any]:
    found = await _found(series_slug, by)
    key_id = tickets.keys_of(asking.settings).current

    async def act() -> str:
        made = await drafts.prepare(found.id, key_id=key_id, by=by, now=now)
        if not made:
            return _("The next editions are prepared already.")
        return ngettext("%(num)s draft is ready.", "%(num)s drafts are ready.", len(made))

    return await _done(asking, seat, series_slug, act)


@post("/series/{series_slug:str}/publish", status_code=303)
async def publish(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[Any]:
    found = await _found(series_slug, by)

    async def act() -> str:
        opened = await plans.publish_prepared(found.id, by=by, now=now)
        return ngettext(
            "%(num)s edition is published.", "%(num)s editions are published.", opened
        )

    return await _done(asking, seat, series_slug, act)


@post("/series/{series_slug:str}/announce", status_code=303)
async def announce(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[Any]:
    found = await _found(series_slug, by)

    async def act() -> str:
        await series.announce(found.id, by=by, now=now)
        return _("Everybody sees the dates now.")

    return await _done(asking, seat, series_slug, act)


@post("/series/{series_slug:str}/withdraw", status_code=303)
async def withdraw(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[Any]:
    found = await _found(series_slug, by)

    async def act() -> str:
        await series.withdraw(found.id, by=by, now=now)
        return _("The dates are the team’s again; what is published stays published.")

    return await _done(asking, seat, series_slug, act)


@post("/series/{series_slug:str}/end", status_code=303)
async def end(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[Any]:
    found = await _found(series_slug, by)

    async def act() -> str:
        standing = await rearrangements.stop(found.id, by=by, now=now)
        if not standing:
            return _("The series has ended.")
        return ngettext(
            "The series has ended. %(num)s published meetup still stands.",
            "The series has ended. %(num)s published meetups still stand.",
            standing,
        )

    return await _done(asking, seat, series_slug, act)


@post("/series/{series_slug:str}/skip", status_code=303)
async def skip(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[Any]:
    found, answers = await _found(series_slug, by), await typed(request)

    async def act() -> str:
        day = read(DayForm, answers).day
        await recurrences.skip(found.id, day, by=by, now=now)
        return _("%(day)s is taken out.", day=short_date(day))

    return await _done(asking, seat, series_slug, act)


@post("/series/{series_slug:str}/restore", status_code=303)
async def restore(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[Any]:
    found, answers = await _found(series_slug, by), await typed(request)

    async def act() -> str:
        day = read(DayForm, answers).day
        await recurrences.restore(found.id, day, by=by, now=now)
        return _("%(day)s is a date of the series again.", day=short_date(day))

    return await _done(asking, seat, series_slug, act)


@post("/series/{series_slug:str}/edition", status_code=303)
async def edition(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[Any]:
    """Change this edition only: its draft, made when there is none, opens for editing."""
    found, answers = await _found(series_slug, by), await typed(request)
    key_id = tickets.keys_of(asking.settings).current
    try:
        day = read(DayForm, answers).day
        made = await drafts.prepare_one(found.id, day, key_id=key_id, by=by, now=now)
    except Invalid as no:
        raise NotFound from no
    except Conflict as no:
        path = f"/w/{seat.slug}/series/{found.slug}"
        return away(asking, path, said=str(no), tone="bad")
    return away(asking, f"/w/{seat.slug}/meetups/{made.slug}/edit")


WRITES: list[HTTPRouteHandler] = [
    prepare,
    publish,
    announce,
    withdraw,
    end,
    skip,
    restore,
    edition,
]
