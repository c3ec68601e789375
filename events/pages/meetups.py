"""The meetups of a workspace: the list, each one's own page, and what is done with it.

The team reads; organisers act. How a meetup goes from stage to stage is in `stages`.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from events.admission import registrations
from events.pages import stages
from events.pages.letterheads import letterhead
from events.people import communities
from events.planning import meetups, representatives, series, sponsors, venues
from events.planning.meetups import Line as MeetupLine
from events.planning.meetups import Meetup, Stage
from server import sheets, workspaces
from server.audit import Actor
from server.database import find, scoped
from server.errors import Conflict, Invalid, NotFound
from server.forms import Form, read
from server.i18n import gettext as _
from server.i18n import lazy, ngettext, zone
from server.look import Look
from server.web import Asking, key_of, page, typed
from server.workspaces import ORGANISERS, Seat

PAGE = 50
MOST_AHEAD = 200
LONGEST_SEARCH = 100
STAGES = {
    Stage.DRAFT: ("ask", lazy("Draft")),
    Stage.PUBLISHED: ("yes", lazy("Published")),
    Stage.POSTPONED: ("wait", lazy("Postponed")),
    Stage.RUNNING: ("in", lazy("Under way")),
    Stage.OVER: ("wait", lazy("Over, to be closed")),
    Stage.CLOSED: ("in", lazy("Closed")),
    Stage.CANCELLED: ("no", lazy("Cancelled")),
}


FILTERS = {
    "": lazy("All"),
    "draft": lazy("Drafts"),
    "published": lazy("Published ones"),
    "postponed": lazy("Postponed ones"),
    "over": lazy("To be closed"),
    "closed": lazy("Closed ones"),
    "cancelled": lazy("Cancelled ones"),
}


class CapacityForm(Form, kw_only=True):
    capacity: int


# Rules


def stage_of(meetup: Meetup | MeetupLine | venues.Held, now: datetime) -> tuple[str, str]:
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
    at_stage = _known_stage(request.query_params.get("stage", ""))
    before = key_of(request.query_params.get("before"))
    async with scoped(by, readonly=True):
        after = await find(Meetup, before) if before else None
        ahead = [] if after else await _ahead(now, search, at_stage)
        past = await meetups.past(
            now,
            search=search,
            at_stage=at_stage,
            before=(after.starts_at, after.id) if after else None,
            when_over=True,
            limit=PAGE + 1,
        )
        has_community = bool(await communities.names())
    more = past[PAGE - 1].id if len(past) > PAGE else None
    return page(
        asking,
        "organize/meetups.html",
        workspace=look,
        ahead=[(one, *stage_of(one, now)) for one in ahead],
        past=[(one, *stage_of(one, now)) for one in past[:PAGE]],
        search=search,
        at_stage=at_stage,
        filters=_filters(seat.slug, search, at_stage),
        export_href=_href(seat.slug, "meetups.csv", q=search, stage=at_stage),
        is_rest=after is not None,
        next_href=_href(seat.slug, "meetups", q=search, stage=at_stage, before=str(more))
        if more
        else None,
        has_community=has_community,
        is_organiser=seat.role in ORGANISERS,
    )


async def _ahead(now: datetime, search: str, at_stage: str) -> list[MeetupLine]:
    """What is to come, the cancelled included until their date."""
    return await meetups.upcoming(
        now, search=search, at_stage=at_stage, even_cancelled=True, limit=MOST_AHEAD
    )


def _href(slug: str, leaf: str, **kept: str) -> str:
    asked = {name: value for name, value in kept.items() if value}
    return f"/w/{slug}/{leaf}" + (f"?{urlencode(asked)}" if asked else "")


def _filters(slug: str, search: str, at_stage: str) -> list[dict[str, object]]:
    """One filter a stage, and one for all of them."""
    return [
        {
            "href": _href(slug, "meetups", q=search, stage=key),
            "label": str(label),
            "current": key == at_stage,
        }
        for key, label in FILTERS.items()
    ]


def _known_stage(text: str) -> str:
    if text not in FILTERS:
        raise NotFound
    return text


@get("/meetups.csv")
async def listing_file(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Stream:
    """The same list as a file, what is to come first."""
    search = request.query_params.get("q", "")[:LONGEST_SEARCH]
    at_stage = _known_stage(request.query_params.get("stage", ""))
    head = [
        _("Name of the meetup"),
        _("Stage"),
        _("From"),
        _("To"),
        _("Time zone"),
        _("Venue"),
        _("Capacity"),
        _("Places taken"),
        _("Address"),
    ]
    rows = _rows(by, now, seat.slug, search, at_stage)
    return sheets.stream(f"{seat.slug}-meetups.csv", head, rows)


async def _rows(
    by: Actor, now: datetime, slug: str, search: str, at_stage: str
) -> AsyncIterator[list[list[object]]]:
    async with scoped(by, readonly=True):
        found = await _ahead(now, search, at_stage)
    yield [_cells(one, slug, now) for one in found]
    before: tuple[datetime, UUID] | None = None
    while True:
        async with scoped(by, readonly=True):
            found = await meetups.past(
                now,
                search=search,
                at_stage=at_stage,
                before=before,
                when_over=True,
                limit=sheets.PIECE,
            )
        yield [_cells(one, slug, now) for one in found]
        if len(found) < sheets.PIECE:
            return
        before = (found[-1].starts_at, found[-1].id)


def _cells(line: MeetupLine, slug: str, now: datetime) -> list[object]:
    there = zone(line.time_zone)
    return [
        line.title,
        stage_of(line, now)[1],
        f"{line.starts_at.astimezone(there):%Y-%m-%d %H:%M}",
        f"{line.ends_at.astimezone(there):%Y-%m-%d %H:%M}",
        line.time_zone,
        line.venue,
        line.capacity,
        line.taken,
        f"/m/{slug}/{line.slug}",
    ]


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
        known = await sponsors.choices()
        faces = await representatives.of_meetup(meetup.id)
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
        faces=faces,
        sponsors=paying,
        others=[(one.id, one.name) for one in known if one.id not in here],
        public_href=f"{asking.settings.origin}/m/{look.slug}/{meetup.slug}",
        is_organiser=seat.role in ORGANISERS,
        errors={name: str(text) for name, text in errors.items()},
        answers=answers,
    )


# Acting


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
            meetup, form.capacity, **letterhead(asking, look), by=by, now=now
        )
    except meetups.NotInThisStage as no:
        return stages.back(asking, seat, meetup_slug, str(no), "bad")
    except (Invalid, Conflict) as no:
        fields = no.fields if isinstance(no, Invalid) else {"capacity": str(no)}
        refused = (dict(fields), answers)
        return await _meetup(
            asking, by, now, seat, look=look, slug=meetup_slug, refused=refused
        )
    return stages.back(asking, seat, meetup_slug, _resized(promoted))


def _resized(promoted: int) -> str:
    if not promoted:
        return _("The capacity is changed.")
    return ngettext(
        "The capacity is changed. %(num)s person who waited has a place and a letter.",
        "The capacity is changed. %(num)s people who waited have a place and a letter.",
        promoted,
    )


READS: list[HTTPRouteHandler] = [listing, listing_file, meetup_page]
WRITES: list[HTTPRouteHandler] = [resize, *stages.WRITES]
