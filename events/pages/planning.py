"""Planning a meetup: one form for the draft and for every later change.

Hours are those on the wall where the meetup takes place. A wrong answer gets its sentence
and nothing typed is lost: the venue, the series and the meetup are kept together or not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec.structs import replace

from events.admission import registrations, tickets
from events.pages.answers import (
    MeetupForm,
    answers,
    has_moved,
    overtaken,
    shown_of,
    tasks_moved,
    wrong_of,
)
from events.pages.letterheads import letterhead
from events.people import communities
from events.people.communities import CommunityName
from events.planning import hours, meetups, series, venues
from events.planning.meetups import Admission, Meetup, Plan, Room, Stage
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Invalid
from server.i18n import Lazy, lazy, ngettext
from server.i18n import gettext as _
from server.look import Look
from server.web import Asking, away, page, typed
from server.workspaces import Seat

ADMISSIONS = (
    (Admission.FIRST_COME, lazy("First come, first served")),
    (Admission.LOTTERY, lazy("By lot, among those who asked")),
)
OPEN = frozenset({Stage.PUBLISHED, Stage.RUNNING, Stage.POSTPONED})
SETTLED = frozenset({Stage.CLOSED, Stage.CANCELLED})
CORRECTABLE = (  # said under the field that has to be typed again
    Invalid,
    meetups.AboveHardLimit,
    meetups.BelowTaken,
    meetups.NeedsRepresentative,
)


@dataclass(frozen=True)
class Desk:
    """Who fills the form in, where and when."""

    asking: Asking
    look: Look
    by: Actor
    now: datetime


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
    status: int = 422,
) -> Response[str]:
    async with scoped(desk.by, readonly=True):
        choices = await _choices(meetup)
        told = await meetups.reached(meetup.id) if meetup else 0
    stage = meetups.stage(meetup, desk.now) if meetup else Stage.DRAFT
    return page(
        desk.asking,
        "organize/meetup_form.html",
        status=status if errors else 200,
        workspace=desk.look,
        meetup=meetup,
        typed=typed_,
        errors={name: str(text) for name, text in (errors or {}).items()},
        **choices,
        admissions=[(one.value, str(name)) for one, name in ADMISSIONS],
        is_draft=stage is Stage.DRAFT,
        told=told if stage in OPEN else 0,
        place_of_clock=hours.city(meetup.time_zone if meetup else desk.look.time_zone),
    )


async def _choices(meetup: Meetup | None) -> dict[str, list[tuple[UUID, str]]]:
    """The communities, series and places a meetup can have."""
    places = await venues.venues()
    here = await venues.place(meetup.venue_id) if meetup else None
    if here and here.id not in {one.id for one in places}:  # archived, and still its place
        places.append(here)
    return {
        "communities": [(one.id, one.name) for one in await communities.names()],
        "series": [(one.id, one.name) for one in await series.all_series()],
        "places": [(one.id, _place_name(one)) for one in places],
    }


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
        room = await meetups.room(meetup.id)
    try:
        wanted, moved = await _change(desk, typed_, meetup, room)
    except meetups.ChangedMeanwhile:
        return await _overtaken(desk, typed_, meetup_slug)
    except meetups.NotInThisStage:
        return _settled(desk, meetup)
    except CORRECTABLE as no:
        return await _form(desk, typed_, meetup, wrong_of(no))
    is_told = meetups.stage(meetup, now) in OPEN and has_moved(meetup, wanted)
    said = f"{_kept(told if is_told else 0)} {tasks_moved(moved)}".strip()
    return away(asking, f"/w/{seat.slug}/meetups/{meetup.slug}", said=said)


async def _overtaken(desk: Desk, typed_: Mapping[str, Any], slug: str) -> Response[str]:
    """The form with what was typed, and what somebody else has kept meanwhile."""
    async with scoped(desk.by, readonly=True):
        meetup = await meetups.meetup_by_slug(slug)
        room = await meetups.room(meetup.id)
    kept = shown_of(meetup, room.capacity)
    again = {**typed_, "sequence": kept["sequence"], "places": kept["places"]}
    return await _form(desk, again, meetup, overtaken(typed_, kept), status=409)


async def _change(
    desk: Desk, typed_: Mapping[str, Any], meetup: Meetup, room: Room
) -> tuple[Plan, int]:
    """Read the form and do what it says: the plan from now on, and the tasks that moved."""
    form, starts_at, ends_at = answers(typed_, meetup.time_zone, meetup)
    async with scoped(desk.by):
        wanted = await _wanted(desk, form, (starts_at, ends_at), meetup)
        if form.capacity == form.places:  # as it was read: a change meanwhile stays
            wanted = replace(wanted, capacity=room.capacity)
        moved = await registrations.change_meetup(
            meetup,
            wanted,
            sequence=form.sequence,
            **letterhead(desk.asking, desk.look),
            by=desk.by,
            now=desk.now,
        )
    return wanted, moved


def _kept(told: int) -> str:
    if not told:
        return _("The changes are kept.")
    return ngettext(
        "The changes are kept. %(num)s person is told by letter.",
        "The changes are kept. %(num)s people are told by letter.",
        told,
    )


async def _wanted(
    desk: Desk,
    form: MeetupForm,
    moments: tuple[datetime, datetime],
    before: Meetup | None = None,
) -> Plan:
    """The plan of this form, its new venue and series made on the way."""
    community_id = form.community or (before.community_id if before else None)
    if community_id is None:
        community_id = _only(await communities.names())
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


def _only(groups: Iterable[CommunityName]) -> UUID:
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
