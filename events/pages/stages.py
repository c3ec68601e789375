"""The life of a meetup: published, put off, called off, closed, and prepared again.

What cannot be taken back says first whom it tells; a refusal keeps what was typed.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.admission import registrations, tickets
from events.engagement import editions, plans
from events.pages.answers import tasks_moved
from events.pages.letterheads import letterhead
from events.planning import copies, hours, meetups
from events.planning.facts import FIRST_YEAR, LAST_YEAR, WRONG_YEAR
from events.planning.meetups import Meetup, Stage
from events.planning.postponements import MAY, NewDate
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, Invalid
from server.forms import Form, Line, Prose, read
from server.i18n import Lazy, lazy, long_date, ngettext
from server.i18n import gettext as _
from server.web import Asking, away, page, typed
from server.workspaces import Seat

INTERVALS = (7, 28)


class Until(StrEnum):
    LATER = "later"
    DATE = "date"


class CancelForm(Form, kw_only=True):
    reason: Prose | None = None


class PostponeForm(Form, kw_only=True):
    until: Until
    day: date | None = None
    starts: Line | None = None
    ends: Line | None = None
    reason: Prose | None = None


class RepeatForm(Form, kw_only=True):
    days: int


# Rules


def interval(form: RepeatForm) -> int:
    """How many days later, of those that the page offers."""
    if form.days not in INTERVALS:
        raise Invalid(days=lazy("Choose one of the answers offered."))
    return form.days


def new_date(form: PostponeForm, time_zone: str) -> NewDate | None:
    """When it takes place instead, or None when that is not known; Invalid by field."""
    if form.until is Until.LATER:
        return None
    starts, ends = (hours.clock(text or "") for text in (form.starts, form.ends))
    wrong: dict[str, str | Lazy] = {}
    if form.day is None:
        wrong["day"] = lazy("This answer is missing.")
    elif not FIRST_YEAR <= form.day.year <= LAST_YEAR:
        wrong["day"] = WRONG_YEAR
    wrong |= {
        name: hours.UNREADABLE
        for name, at in (("starts", starts), ("ends", ends))
        if at is None
    }
    if wrong or form.day is None or starts is None or ends is None:
        raise Invalid(**wrong)
    return NewDate(*hours.evening(form.day, starts, ends, time_zone))


# Putting off


@get("/meetups/{meetup_slug:str}/postpone")
async def postpone_page(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    """What putting off means, and whom it tells, before it is done."""
    return await _postpone(asking, by, now, seat, meetup_slug)


async def _postpone(
    asking: Asking,
    by: Actor,
    now: datetime,
    seat: Seat,
    slug: str,
    *,
    errors: dict[str, Any] | None = None,
    answers: dict[str, Any] | None = None,
) -> Response[Any]:
    look = await workspaces.look(seat.slug)
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(slug)
        told = await meetups.reached(meetup.id)
    if meetups.stage(meetup, now) not in MAY:
        return back(asking, seat, slug, str(meetups.NotInThisStage()), "bad")
    return page(
        asking,
        "organize/meetup_postpone.html",
        status=422 if errors else 200,
        workspace=look,
        meetup=meetup,
        base=f"/w/{look.slug}/meetups/{meetup.slug}",
        day=long_date(meetup.starts_at, meetup.time_zone),
        told=told,
        place_of_clock=hours.city(meetup.time_zone),
        errors={name: str(text) for name, text in (errors or {}).items()},
        answers=_usual(meetup) | (answers or {}),
    )


def _usual(meetup: Meetup) -> dict[str, str]:
    """The hours a new date has unless others are typed, and the reason given before."""
    _day, starts = hours.wall(meetup.starts_at, meetup.time_zone)
    _day, ends = hours.wall(meetup.ends_at, meetup.time_zone)
    usual = {"starts": f"{starts:%H:%M}", "ends": f"{ends:%H:%M}", "until": "date"}
    if meetup.postponed_at is not None:
        usual["reason"] = meetup.postponed_reason
    return usual


@post("/meetups/{meetup_slug:str}/postpone", status_code=303)
async def postpone(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    answers = await typed(request)
    look = await workspaces.look(seat.slug)
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(meetup_slug)
        told = await meetups.reached(meetup.id)
    try:
        form = read(PostponeForm, answers)
        until = new_date(form, meetup.time_zone)
        moved = await registrations.postpone_meetup(
            meetup,
            until,
            form.reason or "",
            **letterhead(asking, look),
            by=by,
            now=now,
        )
    except Invalid as no:
        names = {"starts_at": "day", "ends_at": "ends"}
        wrong = {names.get(name, name): text for name, text in no.fields.items()}
        return await _postpone(
            asking, by, now, seat, meetup_slug, errors=wrong, answers=answers
        )
    except Conflict as no:
        return back(asking, seat, meetup_slug, str(no), "bad")
    return back(
        asking, seat, meetup_slug, _put_off(told, moved, is_dated=until is not None)
    )


def _put_off(told: int, moved: int, *, is_dated: bool) -> str:
    done = _("The new date is kept.") if is_dated else _("The meetup is postponed.")
    letters = ngettext(
        "%(num)s person is told by letter.", "%(num)s people are told by letter.", told
    )
    said = [done, letters if told else "", tasks_moved(moved)]
    return " ".join(part for part in said if part)


# Calling off


@get("/meetups/{meetup_slug:str}/cancel")
async def cancel_page(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    """What cancelling means, and whom it tells, before it is done."""
    return await _cancel(asking, by, now, seat, meetup_slug)


async def _cancel(
    asking: Asking,
    by: Actor,
    now: datetime,
    seat: Seat,
    slug: str,
    *,
    errors: dict[str, Any] | None = None,
    answers: dict[str, Any] | None = None,
) -> Response[Any]:
    look = await workspaces.look(seat.slug)
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(slug)
        told = await meetups.reached(meetup.id)
    if meetups.stage(meetup, now) in {Stage.CLOSED, Stage.CANCELLED}:
        return back(asking, seat, slug, str(meetups.NotInThisStage()), "bad")
    return page(
        asking,
        "organize/meetup_cancel.html",
        status=422 if errors else 200,
        workspace=look,
        meetup=meetup,
        base=f"/w/{look.slug}/meetups/{meetup.slug}",
        day=long_date(meetup.starts_at, meetup.time_zone),
        told=told,
        errors={name: str(text) for name, text in (errors or {}).items()},
        answers=answers or {},
    )


# Acting


@post("/meetups/{meetup_slug:str}/publish", status_code=303)
async def publish(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(meetup_slug)
    try:
        await plans.publish(meetup, by=by, now=now)
    except Conflict as no:
        return back(asking, seat, meetup_slug, str(no), "bad")
    return back(asking, seat, meetup_slug, _("The page is open. Share its address."))


@post("/meetups/{meetup_slug:str}/cancel", status_code=303)
async def cancel(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(CancelForm, answers)
    except Invalid as no:
        wrong = dict(no.fields)
        return await _cancel(
            asking, by, now, seat, meetup_slug, errors=wrong, answers=answers
        )
    try:
        async with scoped(by):
            meetup = await meetups.meetup_by_slug(meetup_slug)
            told = await meetups.reached(meetup.id)
            await registrations.cancel_meetup(meetup, form.reason or "", by=by, now=now)
    except Conflict as no:
        return back(asking, seat, meetup_slug, str(no), "bad")
    return back(asking, seat, meetup_slug, _called_off(told))


def _called_off(told: int) -> str:
    if not told:
        return _("The meetup is cancelled.")
    return ngettext(
        "The meetup is cancelled. %(num)s person is told by letter.",
        "The meetup is cancelled. %(num)s people are told by letter.",
        told,
    )


@post("/meetups/{meetup_slug:str}/close", status_code=303)
async def close(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    look = await workspaces.look(seat.slug)
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(meetup_slug)
    try:
        await editions.close_meetup(
            meetup, workspace=look, origin=asking.settings.origin, by=by, now=now
        )
    except Conflict as no:
        return back(asking, seat, meetup_slug, str(no), "bad")
    return back(asking, seat, meetup_slug, _("The meetup is closed. Its report is ready."))


@post("/meetups/{meetup_slug:str}/duplicate", status_code=303)
async def duplicate(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    answers = await typed(request)
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(meetup_slug)
    try:
        days = interval(read(RepeatForm, answers))
        key_id = tickets.keys_of(asking.settings).current
        made = await copies.repeat(meetup, days, key_id=key_id, by=by, now=now)
    except Invalid as no:
        sentence = next(iter(no.fields.values()))
        return back(asking, seat, meetup_slug, str(sentence), "bad")
    except Conflict as no:
        return back(asking, seat, meetup_slug, str(no), "bad")
    day = long_date(made.starts_at, made.time_zone)
    return back(asking, seat, made.slug, _("A draft is ready for %(day)s.", day=day))


def back(
    asking: Asking, seat: Seat, slug: str, said: str, tone: str = "good"
) -> Response[None]:
    return away(asking, f"/w/{seat.slug}/meetups/{slug}", said=said, tone=tone)


WRITES: list[HTTPRouteHandler] = [
    publish,
    postpone_page,
    postpone,
    cancel_page,
    cancel,
    close,
    duplicate,
]
