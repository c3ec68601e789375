"""Planning a meetup: one form for the draft and for every later change.

Hours are those on the wall where the meetup takes place. A wrong answer gets its sentence
and nothing typed is lost: the venue, the series and the meetup are kept together or not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.admission import registrations, tickets
from events.people import communities
from events.people.communities import CommunityLine
from events.planning import hours, meetups, series, venues
from events.planning.facts import FIRST_YEAR, LAST_YEAR, WRONG_YEAR
from events.planning.meetups import Admission, Meetup, Plan, Stage
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Invalid
from server.forms import Form, Line, Prose, read
from server.i18n import Lazy, lazy, ngettext
from server.i18n import gettext as _
from server.look import Look
from server.web import Asking, away, page, typed
from server.workspaces import Seat

# What the concepts call otherwise than the form does.
NAMES = {
    "starts_at": "day",
    "ends_at": "ends",
    "hard_limit": "venue_limit",
    "series": "series_name",
}
ADMISSIONS = (
    (Admission.FIRST_COME, lazy("First come, first served")),
    (Admission.LOTTERY, lazy("By lot, among those who asked")),
)
OPEN = frozenset({Stage.PUBLISHED, Stage.RUNNING})
SETTLED = frozenset({Stage.CLOSED, Stage.CANCELLED})


class MeetupForm(Form, kw_only=True):
    """What the page asks of a meetup."""

    title: Line
    community: UUID | None = None
    series: UUID | None = None
    series_name: Line | None = None
    day: date
    starts: Line
    ends: Line
    last_day: date | None = None
    venue: UUID | None = None
    venue_name: Line | None = None
    venue_address: Line | None = None
    venue_access: Prose | None = None
    venue_limit: int | None = None
    capacity: int
    description: Prose | None = None
    programme: Prose | None = None
    representative: Line | None = None
    admission: Admission | None = None


@dataclass(frozen=True)
class Desk:
    """Who fills the form in, where and when."""

    asking: Asking
    look: Look
    by: Actor
    now: datetime


# Rules


def answers(
    typed_: Mapping[str, Any], time_zone: str, before: Meetup | None = None
) -> tuple[MeetupForm, datetime, datetime]:
    """What was typed with its moments, or Invalid with a sentence for each wrong answer."""
    wrong: dict[str, str | Lazy] = {}
    form = None
    try:
        form = read(MeetupForm, typed_)
    except Invalid as no:
        wrong |= no.fields
    starts, ends = (hours.clock(str(typed_.get(name) or "")) for name in ("starts", "ends"))
    for name, at in (("starts", starts), ("ends", ends)):
        if at is None:
            wrong.setdefault(name, hours.UNREADABLE)
    if form and not FIRST_YEAR <= form.day.year <= LAST_YEAR:
        wrong["day"] = WRONG_YEAR
    if form and form.last_day and form.last_day.year > LAST_YEAR:
        wrong["last_day"] = WRONG_YEAR
    if form and not hours.is_programme(form.programme or ""):
        wrong["programme"] = lazy("Begin each line with its hour: 19:00 Doors open.")
    if wrong or form is None or starts is None or ends is None:
        raise Invalid(**wrong)
    first, last = hours.evening(form.day, starts, ends, time_zone, form.last_day)
    return form, *_unmoved((first, last), before)


def _unmoved(
    moments: tuple[datetime, datetime], before: Meetup | None
) -> tuple[datetime, datetime]:
    """An hour that reads as before is the moment it was, to the second."""
    if before is None:
        return moments
    known, there = (before.starts_at, before.ends_at), before.time_zone
    first, last = (
        old if hours.wall(old, there) == hours.wall(new, there) else new
        for old, new in zip(known, moments, strict=True)
    )
    return first, last


def shown_of(meetup: Meetup, capacity: int) -> dict[str, Any]:
    """A meetup as the form shows it."""
    day, starts = hours.wall(meetup.starts_at, meetup.time_zone)
    last_day, ends = hours.wall(meetup.ends_at, meetup.time_zone)
    is_one_evening = (last_day - day).days == (1 if ends < starts else 0)
    return {
        "title": meetup.title,
        "community": str(meetup.community_id),
        "series": _text(meetup.series_id),
        "day": day.isoformat(),
        "starts": f"{starts:%H:%M}",
        "ends": f"{ends:%H:%M}",
        "last_day": "" if is_one_evening else last_day.isoformat(),
        "venue": _text(meetup.venue_id),
        "capacity": str(capacity),
        "description": meetup.description,
        "programme": meetup.programme,
        "representative": meetup.representative,
        "admission": meetup.admission,
    }


def _text(key: UUID | None) -> str:
    return "" if key is None else str(key)


def has_moved(before: Meetup, wanted: Plan) -> bool:
    """Is it at another moment or place than the people were told?"""
    return (before.starts_at, before.ends_at, before.time_zone, before.venue_id) != (
        wanted.starts_at,
        wanted.ends_at,
        wanted.time_zone,
        wanted.venue_id,
    )


# Reading


@get("/meetups/new")
async def new(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    desk = Desk(asking, await workspaces.look(seat.slug), by, now)
    return await _form(desk, {"starts": "19:00", "ends": "22:00"})


@get("/meetups/{meetup_slug:str}/edit")
async def edit(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    desk = Desk(asking, await workspaces.look(seat.slug), by, now)
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(meetup_slug)
        room = await meetups.room(meetup.id)
    if meetups.stage(meetup, now) in SETTLED:
        return _settled(desk, meetup)
    return await _form(desk, shown_of(meetup, room.capacity), meetup)


async def _form(
    desk: Desk,
    typed_: Mapping[str, Any],
    meetup: Meetup | None = None,
    errors: Mapping[str, str | Lazy] | None = None,
) -> Response[str]:
    async with scoped(desk.by, readonly=True):
        groups = await communities.communities()
        lines = await series.all_series()
        places = await venues.venues()
        told = await meetups.reached(meetup.id) if meetup else 0
    stage = meetups.stage(meetup, desk.now) if meetup else Stage.DRAFT
    return page(
        desk.asking,
        "organize/meetup_form.html",
        status=422 if errors else 200,
        workspace=desk.look,
        meetup=meetup,
        typed=typed_,
        errors={name: str(text) for name, text in (errors or {}).items()},
        communities=[(one.id, one.name) for one in groups],
        series=[(one.id, one.name) for one in lines],
        places=[(one.id, _place_name(one)) for one in places],
        admissions=[(one.value, str(name)) for one, name in ADMISSIONS],
        is_draft=stage is Stage.DRAFT,
        told=told if stage in OPEN else 0,
        place_of_clock=hours.city(meetup.time_zone if meetup else desk.look.time_zone),
    )


def _place_name(place: venues.Place) -> str:
    """A venue in the list of answers, with the number that it may never pass."""
    if place.hard_limit is None:
        return place.name
    return ngettext(
        "%(name)s (%(num)s person at most)",
        "%(name)s (%(num)s people at most)",
        place.hard_limit,
        name=place.name,
    )


def _settled(desk: Desk, meetup: Meetup) -> Response[None]:
    path = f"/w/{desk.look.slug}/meetups/{meetup.slug}"
    return away(desk.asking, path, said=str(meetups.NotInThisStage()), tone="bad")


# Writing


@post("/meetups/new", status_code=303)
async def plan(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    desk = Desk(asking, await workspaces.look(seat.slug), by, now)
    typed_ = await typed(request)
    key_id = tickets.keys_of(asking.settings).current
    try:
        form, starts_at, ends_at = answers(typed_, desk.look.time_zone)
        async with scoped(by):
            wanted = await _wanted(desk, form, (starts_at, ends_at))
            meetup = await meetups.plan(wanted, key_id=key_id, by=by, now=now)
    except (Invalid, meetups.AboveHardLimit) as no:
        return await _form(desk, typed_, None, wrong_of(no))
    said = _("The draft is kept. Nobody but the team sees it.")
    return away(asking, f"/w/{seat.slug}/meetups/{meetup.slug}", said=said)


@post("/meetups/{meetup_slug:str}/edit", status_code=303)
async def change(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    desk = Desk(asking, await workspaces.look(seat.slug), by, now)
    typed_ = await typed(request)
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(meetup_slug)
        told = await meetups.reached(meetup.id)
    try:
        form, starts_at, ends_at = answers(typed_, meetup.time_zone, meetup)
        async with scoped(by):
            wanted = await _wanted(desk, form, (starts_at, ends_at), meetup)
            await registrations.change_meetup(
                meetup,
                wanted,
                origin=asking.settings.origin,
                workspace=desk.look,
                keys=tickets.keys_of(asking.settings),
                by=by,
                now=now,
            )
    except meetups.NotInThisStage:
        return _settled(desk, meetup)
    except (
        Invalid,
        meetups.AboveHardLimit,
        meetups.BelowTaken,
        meetups.NeedsRepresentative,
    ) as no:
        return await _form(desk, typed_, meetup, wrong_of(no))
    is_told = meetups.stage(meetup, now) in OPEN and has_moved(meetup, wanted)
    said = _kept(told if is_told else 0)
    return away(asking, f"/w/{seat.slug}/meetups/{meetup.slug}", said=said)


def _kept(told: int) -> str:
    if not told:
        return _("The changes are kept.")
    return ngettext(
        "The changes are kept. %(num)s person is told by letter.",
        "The changes are kept. %(num)s people are told by letter.",
        told,
    )


def wrong_of(no: Exception) -> dict[str, str | Lazy]:
    """The sentence of a refusal under the field that it is about."""
    if isinstance(no, Invalid):
        return {NAMES.get(name, name): text for name, text in no.fields.items()}
    if isinstance(no, meetups.NeedsRepresentative):
        return {"representative": str(no)}
    return {"capacity": str(no)}


async def _wanted(
    desk: Desk,
    form: MeetupForm,
    moments: tuple[datetime, datetime],
    before: Meetup | None = None,
) -> Plan:
    """The plan of this form, its new venue and series made on the way."""
    community_id = form.community or (before.community_id if before else None)
    if community_id is None:
        community_id = _only(await communities.communities())
    admission = form.admission or (
        Admission(before.admission) if before else Admission.FIRST_COME
    )
    return Plan(
        title=form.title,
        community_id=community_id,
        starts_at=moments[0],
        ends_at=moments[1],
        time_zone=before.time_zone if before else desk.look.time_zone,
        capacity=form.capacity,
        venue_id=await _venue(desk, form),
        series_id=await _series(desk, form, community_id),
        description=form.description or "",
        programme=form.programme or "",
        representative=form.representative or "",
        admission=admission,
    )


def _only(groups: Iterable[CommunityLine]) -> UUID:
    """The community of a workspace that has one: it is never asked for."""
    found = [one.id for one in groups]
    if len(found) == 1:
        return found[0]
    raise Invalid(community=lazy("This answer is missing."))


async def _venue(desk: Desk, form: MeetupForm) -> UUID | None:
    if not form.venue_name:
        if form.venue_address or form.venue_access or form.venue_limit is not None:
            raise Invalid(venue_name=lazy("This answer is missing."))
        return form.venue
    return await venues.make_venue(
        form.venue_name,
        address=form.venue_address or "",
        access=form.venue_access or "",
        hard_limit=form.venue_limit,
        by=desk.by,
        now=desk.now,
    )


async def _series(desk: Desk, form: MeetupForm, community_id: UUID) -> UUID | None:
    if not form.series_name:
        return form.series
    made = await series.make_series(
        form.series_name, community_id=community_id, by=desk.by, now=desk.now
    )
    return made.id


WRITES: list[HTTPRouteHandler] = [new, plan, edit, change]
