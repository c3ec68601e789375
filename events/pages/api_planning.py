"""Venues, runs of show, tasks and representatives, for machines."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, patch, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, Parameter

from events.pages import api_evenings, api_stages
from events.pages.api_meetups import MOST, body_of, one_line
from events.planning import venues
from events.planning.meetups import Meetup
from events.planning.sponsors import site
from events.planning.venues import About, Venue
from server.audit import Actor
from server.database import find, scoped
from server.forms import clean


class VenueView(msgspec.Struct, kw_only=True):
    """A venue as the API lists it."""

    id: UUID
    slug: str
    name: str
    address: str
    capacity: int | None
    hard_limit: int | None
    meetups: int
    is_archived: bool


class VenueDetail(msgspec.Struct, kw_only=True):
    """All that is known of a venue."""

    id: UUID
    slug: str
    name: str
    address: str
    access: str
    capacity: int | None
    hard_limit: int | None
    terms: str
    contact: str
    website: str
    is_archived: bool


class VenueBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a venue says of itself; in a change, what is left out stays."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    address: str | msgspec.UnsetType = msgspec.UNSET
    access: str | msgspec.UnsetType = msgspec.UNSET
    capacity: int | msgspec.UnsetType | None = msgspec.UNSET
    hard_limit: int | msgspec.UnsetType | None = msgspec.UNSET
    terms: str | msgspec.UnsetType = msgspec.UNSET
    contact: str | msgspec.UnsetType = msgspec.UNSET
    website: str | msgspec.UnsetType = msgspec.UNSET


class Venues(msgspec.Struct):
    """Some venues, and from where to read on."""

    items: list[VenueView]
    next: str | None


class HeldView(msgspec.Struct, kw_only=True):
    """A meetup at a venue; `attended` is null before anybody could be counted."""

    id: UUID
    slug: str
    title: str
    starts_at: datetime
    registered: int
    attended: int | None


class History(msgspec.Struct):
    """Some of what was held at a venue, latest first, and from where to read on."""

    items: list[HeldView]
    next: str | None


# Rules


def about_of(body: VenueBody, before: About | None = None) -> About:
    """What a venue is to say, what is left out as before."""
    known = msgspec.structs.asdict(before or About(name=""))
    given = {
        name: value
        for name, value in msgspec.structs.asdict(body).items()
        if value is not msgspec.UNSET
    }
    for name in ("access", "terms"):
        if name in given:
            given[name] = clean(given[name])[:5000]
    for name in ("address", "contact"):
        if name in given:
            given[name] = " ".join(clean(given[name]).split())[:200]
    if "website" in given:
        given["website"] = site(" ".join(clean(given["website"]).split())[:200])
    merged = About(**(known | given))
    return msgspec.structs.replace(merged, name=one_line(merged.name, "name"))


def _detail(venue: Venue) -> VenueDetail:
    names = (one for one in VenueDetail.__struct_fields__ if one != "is_archived")
    known = {name: getattr(venue, name) for name in names}
    return VenueDetail(**known, is_archived=venue.archived_at is not None)


def _about(venue: Venue) -> About:
    return About(**{name: getattr(venue, name) for name in About.__struct_fields__})


# Venues


@get(
    "/venues",
    summary="List the venues",
    description="By name; `q` searches names and addresses, `archived` lists those that"
    " are offered no more. Roles: owner, manager, moderator.",
)
async def list_venues(
    by: NamedDependency[Actor],
    q: FromQuery[str] = "",
    *,
    archived: FromQuery[bool] = False,
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Annotated[int, Parameter(ge=1, le=MOST)]] = 50,
) -> Venues:
    async with scoped(by, readonly=True):
        last = await find(Venue, after) if after else None
        found = await venues.listing(
            search=q[:100],
            is_archived=archived,
            after=(last.name, last.id) if last else None,
            limit=limit + 1,
        )
    items = [
        VenueView(
            id=one.id,
            slug=one.slug,
            name=one.name,
            address=one.address,
            capacity=one.capacity,
            hard_limit=one.hard_limit,
            meetups=one.meetups,
            is_archived=one.archived_at is not None,
        )
        for one in found[:limit]
    ]
    return Venues(items, str(items[-1].id) if len(found) > limit else None)


@get(
    "/venues/{venue_id:uuid}",
    summary="Read a venue",
    description="One venue with its access and its terms. Roles: owner, manager,"
    " moderator.",
)
async def read_venue(by: NamedDependency[Actor], venue_id: FromPath[UUID]) -> VenueDetail:
    async with scoped(by, readonly=True):
        return _detail(await find(Venue, venue_id))


@get(
    "/venues/{venue_id:uuid}/meetups",
    summary="List what was held at a venue",
    description="Latest first, with who had a place and who came. Roles: owner, manager,"
    " moderator.",
)
async def history(
    by: NamedDependency[Actor],
    venue_id: FromPath[UUID],
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Annotated[int, Parameter(ge=1, le=MOST)]] = 50,
) -> History:
    async with scoped(by, readonly=True):
        await find(Venue, venue_id)
        last = await find(Meetup, after) if after else None
        before = (last.starts_at, last.id) if last else None
        held = await venues.history(venue_id, before=before, limit=limit + 1)
    items = [
        HeldView(
            id=one.id,
            slug=one.slug,
            title=one.title,
            starts_at=one.starts_at,
            registered=one.registered,
            attended=one.attended if one.closed_at or one.attended else None,
        )
        for one in held[:limit]
    ]
    more = str(items[-1].id) if len(held) > limit else None
    return History(items, more)


@post(
    "/venues",
    status_code=201,
    summary="Write a venue down",
    description="`name` is needed and is the only one of its kind. Roles: owner, manager.",
)
async def make_venue(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
) -> VenueDetail:
    body: VenueBody = await body_of(request, VenueBody)
    return _detail(await venues.write(about_of(body), by=by, now=now))


@patch(
    "/venues/{venue_id:uuid}",
    summary="Change a venue",
    description="What is left out stays as it was. Roles: owner, manager.",
)
async def change_venue(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    venue_id: FromPath[UUID],
) -> VenueDetail:
    body: VenueBody = await body_of(request, VenueBody)
    async with scoped(by):
        before = _about(await find(Venue, venue_id))
        await venues.change(venue_id, about_of(body, before), by=by, now=now)
        return _detail(await find(Venue, venue_id))


@post(
    "/venues/{venue_id:uuid}/archive",
    status_code=200,
    summary="Offer a venue no more",
    description="What was planned and held there stays. Roles: owner, manager.",
)
async def archive_venue(
    by: NamedDependency[Actor], now: NamedDependency[datetime], venue_id: FromPath[UUID]
) -> VenueDetail:
    async with scoped(by):
        await venues.archive(venue_id, by=by, now=now)
        return _detail(await find(Venue, venue_id))


@post(
    "/venues/{venue_id:uuid}/bring-back",
    status_code=200,
    summary="Offer a venue again",
    description="It is offered again, with its history. Roles: owner, manager.",
)
async def bring_venue_back(
    by: NamedDependency[Actor], now: NamedDependency[datetime], venue_id: FromPath[UUID]
) -> VenueDetail:
    async with scoped(by):
        await venues.bring_back(venue_id, by=by, now=now)
        return _detail(await find(Venue, venue_id))


READS: list[HTTPRouteHandler] = [
    list_venues,
    read_venue,
    history,
    *api_evenings.READS,
]
WRITES: list[HTTPRouteHandler] = [
    make_venue,
    change_venue,
    archive_venue,
    bring_venue_back,
    *api_evenings.WRITES,
    *api_stages.WRITES,
]
