"""Venues: where people meet, what was agreed there, and what was held there."""

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

from events.pages.meetups import stage_of
from events.planning import venues
from events.planning.meetups import Meetup
from events.planning.sponsors import site
from events.planning.venues import About, Held, Venue
from server import sheets, workspaces
from server.audit import Actor
from server.database import find, scoped
from server.errors import Conflict, Invalid
from server.forms import Form, Line, Prose, read
from server.i18n import gettext as _
from server.i18n import zone
from server.web import Asking, away, key_of, page, typed
from server.workspaces import ORGANISERS, Seat

PAGE = 50
LONGEST_SEARCH = 100


class VenueForm(Form, kw_only=True):
    name: Line
    address: Line | None = None
    access: Prose | None = None
    capacity: int | None = None
    hard_limit: int | None = None
    terms: Prose | None = None
    contact: Line | None = None
    website: Line | None = None


# Rules


def about_of(form: VenueForm) -> About:
    """What the form says of a venue, or Invalid for an address that is no site's."""
    return About(
        name=form.name,
        address=form.address or "",
        access=form.access or "",
        capacity=form.capacity,
        hard_limit=form.hard_limit,
        terms=form.terms or "",
        contact=form.contact or "",
        website=site(form.website or ""),
    )


def shown_of(venue: Venue) -> dict[str, Any]:
    """A venue as its form shows it."""
    names = ("name", "address", "access", "terms", "contact", "website")
    numbers = {
        name: "" if getattr(venue, name) is None else str(getattr(venue, name))
        for name in ("capacity", "hard_limit")
    }
    return {name: getattr(venue, name) for name in names} | numbers


def came(held: Held) -> int | None:
    """How many came, or None before anybody could be counted."""
    is_known = held.closed_at is not None or held.attended
    return held.attended if is_known else None


def _href(slug: str, leaf: str = "venues", **kept: str) -> str:
    asked = {name: value for name, value in kept.items() if value}
    return f"/w/{slug}/{leaf}" + (f"?{urlencode(asked)}" if asked else "")


# Reading


@get("/venues")
async def listing(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[str]:
    look = await workspaces.look(seat.slug)
    search = request.query_params.get("q", "")[:LONGEST_SEARCH]
    archived = "1" if request.query_params.get("archived") == "1" else ""
    key = key_of(request.query_params.get("after"))
    async with scoped(by, readonly=True):
        after = await find(Venue, key) if key else None
        found = await venues.listing(
            search=search,
            is_archived=bool(archived),
            after=(after.name, after.id) if after else None,
            limit=PAGE + 1,
        )
        has_archived = bool(archived or await venues.listing(is_archived=True, limit=1))
    kept = {"q": search, "archived": archived}
    more = found[PAGE - 1].id if len(found) > PAGE else None
    return page(
        asking,
        "organize/venues.html",
        workspace=look,
        lines=found[:PAGE],
        search=search,
        is_archived=bool(archived),
        has_archived=has_archived,
        is_rest=after is not None,
        filters=_filters(seat.slug, search, archived),
        next_href=_href(seat.slug, **kept, after=str(more)) if more else None,
        export_href=_href(seat.slug, "venues.csv", **kept),
        is_organiser=seat.role in ORGANISERS,
    )


def _filters(slug: str, search: str, archived: str) -> list[dict[str, object]]:
    return [
        {
            "href": _href(slug, q=search, archived=value),
            "label": label,
            "current": value == archived,
        }
        for value, label in (("", _("Offered")), ("1", _("Archived")))
    ]


@get("/venues.csv")
async def listing_file(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Stream:
    """The same list as a file."""
    search = request.query_params.get("q", "")[:LONGEST_SEARCH]
    is_archived = request.query_params.get("archived") == "1"
    head = [
        _("Name of the venue"),
        _("Address"),
        _("Comfortable for"),
        _("People inside at most"),
        _("Meetups"),
        _("Last held on"),
    ]
    rows = _rows(by, search, is_archived=is_archived)
    return sheets.stream(f"{seat.slug}-venues.csv", head, rows)


async def _rows(
    by: Actor, search: str, *, is_archived: bool
) -> AsyncIterator[list[list[object]]]:
    after: tuple[str, UUID] | None = None
    while True:
        async with scoped(by, readonly=True):
            found = await venues.listing(
                search=search, is_archived=is_archived, after=after, limit=sheets.PIECE
            )
        yield [
            [
                one.name,
                one.address,
                one.capacity,
                one.hard_limit,
                one.meetups,
                one.last_at.date() if one.last_at else "",
            ]
            for one in found
        ]
        if len(found) < sheets.PIECE:
            return
        after = (found[-1].name, found[-1].id)


@get("/venues/{venue_slug:str}")
async def venue_page(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    venue_slug: FromPath[str],
) -> Response[str]:
    look = await workspaces.look(seat.slug)
    key = key_of(request.query_params.get("before"))
    async with scoped(by, readonly=True):
        venue = await venues.venue_by_slug(venue_slug)
        before = await find(Meetup, key) if key else None
        held = await venues.history(
            venue.id,
            before=(before.starts_at, before.id) if before else None,
            limit=PAGE + 1,
        )
    more = held[PAGE - 1].id if len(held) > PAGE else None
    leaf = f"venues/{venue.slug}"
    return page(
        asking,
        "organize/venue.html",
        workspace=look,
        venue=venue,
        held=[(one, *stage_of(one, now), came(one)) for one in held[:PAGE]],
        next_href=_href(seat.slug, leaf, before=str(more)) if more else None,
        is_organiser=seat.role in ORGANISERS,
    )


@get("/venues/{venue_slug:str}/meetups.csv")
async def history_file(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    venue_slug: FromPath[str],
) -> Stream:
    """What was held at this venue, as a file."""
    async with scoped(by, readonly=True):
        venue = await venues.venue_by_slug(venue_slug)

    async def rows() -> AsyncIterator[list[list[object]]]:
        before: tuple[datetime, UUID] | None = None
        while True:
            async with scoped(by, readonly=True):
                held = await venues.history(venue.id, before=before, limit=sheets.PIECE)
            yield [
                [
                    one.title,
                    one.starts_at.astimezone(zone(one.time_zone)).date(),
                    stage_of(one, now)[1],
                    one.registered,
                    came(one),
                ]
                for one in held
            ]
            if len(held) < sheets.PIECE:
                return
            before = (held[-1].starts_at, held[-1].id)

    head = [_("Meetup"), _("Date"), _("Stage"), _("Registered"), _("Came")]
    return sheets.stream(f"{venue.slug}-meetups.csv", head, rows())


# Writing


@get("/venues/new")
async def new(
    asking: NamedDependency[Asking], seat: NamedDependency[Seat]
) -> Response[str]:
    return await _form(asking, seat, {})


@get("/venues/{venue_slug:str}/edit")
async def edit(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    venue_slug: FromPath[str],
) -> Response[str]:
    async with scoped(by, readonly=True):
        venue = await venues.venue_by_slug(venue_slug)
    return await _form(asking, seat, shown_of(venue), venue)


async def _form(
    asking: Asking,
    seat: Seat,
    answers: dict[str, Any],
    venue: Venue | None = None,
    no: Exception | None = None,
) -> Response[str]:
    """The form, with what was typed and why it was refused."""
    errors: dict[str, object] = {}
    if isinstance(no, Invalid):
        errors = dict(no.fields)
    elif no is not None:
        field = "name" if isinstance(no, venues.VenueExists) else "hard_limit"
        errors = {field: no}
    return page(
        asking,
        "organize/venue_form.html",
        status=422 if errors else 200,
        workspace=await workspaces.look(seat.slug),
        venue=venue,
        answers=answers,
        errors={name: str(text) for name, text in errors.items()},
    )


@post("/venues/new", status_code=303)
async def make(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    answers = await typed(request)
    try:
        about = about_of(read(VenueForm, answers))
        made = await venues.write(about, by=by, now=now)
    except (Invalid, Conflict) as no:
        return await _form(asking, seat, answers, None, no)
    said = _("The venue is kept.")
    return away(asking, f"/w/{seat.slug}/venues/{made.slug}", said=said)


@post("/venues/{venue_slug:str}/edit", status_code=303)
async def change(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    venue_slug: FromPath[str],
) -> Response[Any]:
    answers = await typed(request)
    async with scoped(by, readonly=True):
        venue = await venues.venue_by_slug(venue_slug)
    try:
        about = about_of(read(VenueForm, answers))
        await venues.change(venue.id, about, by=by, now=now)
    except (Invalid, Conflict) as no:
        return await _form(asking, seat, answers, venue, no)
    said = _("The changes are kept.")
    return away(asking, f"/w/{seat.slug}/venues/{venue.slug}", said=said)


@post("/venues/{venue_slug:str}/archive", status_code=303)
async def archive(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    venue_slug: FromPath[str],
) -> Response[Any]:
    async with scoped(by):
        venue = await venues.venue_by_slug(venue_slug)
        await venues.archive(venue.id, by=by, now=now)
    said = _("The venue is archived.")
    return away(asking, f"/w/{seat.slug}/venues/{venue.slug}", said=said)


@post("/venues/{venue_slug:str}/bring-back", status_code=303)
async def bring_back(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    venue_slug: FromPath[str],
) -> Response[Any]:
    async with scoped(by):
        venue = await venues.venue_by_slug(venue_slug)
        await venues.bring_back(venue.id, by=by, now=now)
    said = _("The venue is offered again.")
    return away(asking, f"/w/{seat.slug}/venues/{venue.slug}", said=said)


READS: list[HTTPRouteHandler] = [listing, listing_file, venue_page, history_file]
WRITES: list[HTTPRouteHandler] = [new, make, edit, change, archive, bring_back]
