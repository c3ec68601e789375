"""The meetups of a workspace: the list, each one's own page, and what is done with it.

The team reads; organisers act. What cannot be taken back (cancelling, closing) says first
whom it tells.
"""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.admission import registrations, tickets
from events.engagement import editions, plans
from events.people import communities
from events.planning import meetups, series, sponsors, venues
from events.planning.meetups import Line as MeetupLine
from events.planning.meetups import Meetup, Stage
from server import workspaces
from server.audit import Actor
from server.database import find, scoped
from server.errors import Conflict, Invalid, NotFound
from server.forms import Form, Prose, read
from server.i18n import gettext as _
from server.i18n import lazy, long_date, ngettext
from server.look import Look
from server.web import Asking, away, page, typed
from server.workspaces import ORGANISERS, Seat

PAGE = 50
MOST_AHEAD = 200
LONGEST_SEARCH = 100
STAGES = {
    Stage.DRAFT: ("ask", lazy("Draft")),
    Stage.PUBLISHED: ("yes", lazy("Published")),
    Stage.RUNNING: ("in", lazy("Under way")),
    Stage.OVER: ("wait", lazy("Over, to be closed")),
    Stage.CLOSED: ("in", lazy("Closed")),
    Stage.CANCELLED: ("no", lazy("Cancelled")),
}
INTERVALS = (7, 28)


class CapacityForm(Form, kw_only=True):
    capacity: int


class CancelForm(Form, kw_only=True):
    reason: Prose | None = None


class RepeatForm(Form, kw_only=True):
    days: int


# Rules


def interval(form: RepeatForm) -> int:
    """How many days later, of those that the page offers."""
    if form.days not in INTERVALS:
        raise Invalid(days=lazy("Choose one of the answers offered."))
    return form.days


def stage_of(meetup: Meetup | MeetupLine, now: datetime) -> tuple[str, str]:
    """The shape and the words of where a meetup is in its life."""
    shape, words = STAGES[meetups.stage(meetup, now)]
    return shape, str(words)


# Reading


@get("/meetups")
async def listing(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[str]:
    """What is to come, drafts included, then what was."""
    look = await workspaces.look(seat.slug)
    search = request.query_params.get("q", "")[:LONGEST_SEARCH]
    before = _key(request.query_params.get("before"))
    async with scoped(by, readonly=True):
        after = await find(Meetup, before) if before else None
        ahead = (
            await meetups.upcoming(now, search=search, limit=MOST_AHEAD)
            if after is None
            else []
        )
        past = await meetups.past(
            now,
            search=search,
            before=(after.starts_at, after.id) if after else None,
            limit=PAGE + 1,
        )
        has_community = bool(await communities.communities())
    more = past[PAGE - 1].id if len(past) > PAGE else None
    return page(
        asking,
        "organize/meetups.html",
        workspace=look,
        ahead=[(one, *stage_of(one, now)) for one in ahead],
        past=[(one, *stage_of(one, now)) for one in past[:PAGE]],
        search=search,
        is_rest=after is not None,
        next_href=_more(seat.slug, search, more) if more else None,
        has_community=has_community,
        is_organiser=seat.role in ORGANISERS,
    )


def _more(slug: str, search: str, before: UUID) -> str:
    asked = {"q": search, "before": str(before)}
    return f"/w/{slug}/meetups?{urlencode({k: v for k, v in asked.items() if v})}"


def _key(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise NotFound from error


@get("/meetups/{meetup_slug:str}")
async def meetup_page(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[str]:
    look = await workspaces.look(seat.slug)
    return await _meetup(asking, by, now, seat, look=look, slug=meetup_slug)


async def _meetup(
    asking: Asking,
    by: Actor,
    now: datetime,
    seat: Seat,
    *,
    look: Look,
    slug: str,
    refused: tuple[dict[str, Any], dict[str, Any]] | None = None,
) -> Response[str]:
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(slug)
        room = await meetups.room(meetup.id)
        place = await venues.place(meetup.venue_id)
        line = await series.series_of(meetup.series_id)
        paying = await sponsors.sponsors_of(meetup.id)
        known = await sponsors.sponsors()
    stage = meetups.stage(meetup, now)
    shape, words = stage_of(meetup, now)
    errors, answers = refused or ({}, {})
    here = {one.id for one in paying}
    return page(
        asking,
        "organize/meetup.html",
        status=422 if refused else 200,
        workspace=look,
        meetup=meetup,
        base=f"/w/{look.slug}/meetups/{meetup.slug}",
        stage=stage.value,
        shape=shape,
        words=words,
        room=room,
        place=place,
        series=line,
        sponsors=paying,
        others=[(one.id, one.name) for one in known if one.id not in here],
        public_href=f"{asking.settings.origin}/m/{look.slug}/{meetup.slug}",
        is_organiser=seat.role in ORGANISERS,
        errors={name: str(text) for name, text in errors.items()},
        answers=answers,
    )


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
        return _back(asking, seat, slug, str(meetups.NotInThisStage()), "bad")
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
        return _back(asking, seat, meetup_slug, str(no), "bad")
    return _back(asking, seat, meetup_slug, _("The page is open. Share its address."))


@post("/meetups/{meetup_slug:str}/capacity", status_code=303)
async def resize(
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
    try:
        form = read(CapacityForm, answers)
        promoted = await registrations.resize_meetup(
            meetup,
            form.capacity,
            origin=asking.settings.origin,
            workspace=look,
            keys=tickets.keys_of(asking.settings),
            by=by,
            now=now,
        )
    except meetups.NotInThisStage as no:
        return _back(asking, seat, meetup_slug, str(no), "bad")
    except (Invalid, Conflict) as no:
        fields = no.fields if isinstance(no, Invalid) else {"capacity": str(no)}
        refused = (dict(fields), answers)
        return await _meetup(
            asking, by, now, seat, look=look, slug=meetup_slug, refused=refused
        )
    if not promoted:
        return _back(asking, seat, meetup_slug, _("The capacity is changed."))
    said = ngettext(
        "The capacity is changed. %(num)s person who waited has a place and a letter.",
        "The capacity is changed. %(num)s people who waited have a place and a letter.",
        promoted,
    )
    return _back(asking, seat, meetup_slug, said)


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
        return _back(asking, seat, meetup_slug, str(no), "bad")
    if not told:
        return _back(asking, seat, meetup_slug, _("The meetup is cancelled."))
    said = ngettext(
        "The meetup is cancelled. %(num)s person is told by letter.",
        "The meetup is cancelled. %(num)s people are told by letter.",
        told,
    )
    return _back(asking, seat, meetup_slug, said)


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
        return _back(asking, seat, meetup_slug, str(no), "bad")
    return _back(asking, seat, meetup_slug, _("The meetup is closed. Its report is ready."))


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
        made = await meetups.repeat(meetup, days, key_id=key_id, by=by, now=now)
    except Invalid as no:
        sentence = next(iter(no.fields.values()))
        return _back(asking, seat, meetup_slug, str(sentence), "bad")
    except Conflict as no:
        return _back(asking, seat, meetup_slug, str(no), "bad")
    day = long_date(made.starts_at, made.time_zone)
    return _back(asking, seat, made.slug, _("A draft is ready for %(day)s.", day=day))


def _back(
    asking: Asking, seat: Seat, slug: str, said: str, tone: str = "good"
) -> Response[None]:
    return away(asking, f"/w/{seat.slug}/meetups/{slug}", said=said, tone=tone)


READS: list[HTTPRouteHandler] = [listing, meetup_page]
WRITES: list[HTTPRouteHandler] = [
    publish,
    resize,
    cancel_page,
    cancel,
    close,
    duplicate,
]
