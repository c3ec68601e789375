"""Series, for machines.

A series has its template, its rules in the words of RFC 5545 and its dates. What changes
the dates says from which one on; without it, all to come change.
"""

from datetime import date, datetime, time
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, Parameter

from events.admission import followers, tickets, timetables
from events.admission.followers import FollowerLine
from events.admission.timetables import Outcome, Reach
from events.pages import api_editions
from events.pages.api_editions import SeriesView, view
from events.pages.api_meetups import MOST, body_of, one_line
from events.people import communities
from events.planning import recurrences, series
from events.planning.facts import Admission
from events.planning.recurrences import Edition, Rhythm
from events.planning.series import Listed, Series, Template
from server import workspaces
from server.audit import Actor
from server.database import find, scoped
from server.errors import Invalid
from server.forms import clean
from server.i18n import lazy
from server.web import Asking

LONGEST_SPAN = 3 * 366


class SeriesBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What each edition of a series is made of."""

    name: str
    community: str = ""
    description: str = ""
    programme: str = ""
    representative: str = ""
    capacity: int | None = None
    admission: Admission = Admission.FIRST_COME
    venue_id: UUID | None = None
    reach: Reach = Reach.NEW


class DatesBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """When editions take place; `since` names the first date that changes."""

    rule: str
    starts_on: date
    starts_time: str
    minutes: int
    time_zone: str = ""
    since: date | None = None
    include_apart: bool = False


class SeriesPage(msgspec.Struct):
    """Some series, and from where to read on."""

    items: list[Listed]
    next: str | None


class Editions(msgspec.Struct):
    """The dates of a series between two days."""

    items: list[Edition]
    next: None = None


class Followers(msgspec.Struct):
    """Some followers, and from where to read on."""

    items: list[FollowerLine]
    next: str | None


class Removed(msgspec.Struct):
    """A follower who is told no more."""

    id: UUID


# Rules


def template_of(body: SeriesBody) -> Template:
    return Template(
        name=one_line(body.name, "name"),
        description=clean(body.description)[:5000],
        programme=clean(body.programme)[:5000],
        representative=" ".join(clean(body.representative).split())[:200],
        capacity=body.capacity,
        admission=body.admission,
        venue_id=body.venue_id,
    )


def _wall(text: str) -> time:
    try:
        return time.fromisoformat(text).replace(tzinfo=None, second=0, microsecond=0)
    except ValueError as error:
        raise Invalid(starts_time=lazy("Write an hour such as 19:00.")) from error


# Reading


@get(
    "/series",
    summary="List the series",
    description="The series of the workspace by name, read on with `after`. `q` looks for"
    " a part of the name. Roles: owner, manager, moderator.",
)
async def list_series(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    q: FromQuery[str] = "",
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Annotated[int, Parameter(ge=1, le=MOST)]] = 50,
) -> SeriesPage:
    async with scoped(by, readonly=True):
        last = await find(Series, after) if after else None
        key = (last.name, last.id) if last else None
        found = await series.listing(now, search=q[:100], after=key, limit=limit)
    return SeriesPage(found, str(found[-1].id) if len(found) == limit else None)


@get(
    "/series/{series_id:uuid}",
    summary="Read a series",
    description="One series with its template and its rules. Roles: owner, manager,"
    " moderator.",
)
async def read_series(by: NamedDependency[Actor], series_id: FromPath[UUID]) -> SeriesView:
    return await view(series_id, by)


@get(
    "/series/{series_id:uuid}/editions",
    summary="List the dates of a series",
    description="Every date its rules name between `since` and `until` (three years at"
    " most), each with its meetup when there is one. Roles: owner, manager, moderator.",
)
async def list_editions(
    by: NamedDependency[Actor],
    series_id: FromPath[UUID],
    since: FromQuery[date],
    until: FromQuery[date],
) -> Editions:
    if (until - since).days > LONGEST_SPAN:
        raise Invalid(until=lazy("Ask for three years at most."))
    async with scoped(by, readonly=True):
        await find(Series, series_id)
        return Editions(await recurrences.editions(series_id, since=since, until=until))


@get(
    "/series/{series_id:uuid}/followers",
    summary="List who follows a series",
    description="Whoever confirmed that she wants to hear of each edition, read on with"
    " `after`. Roles: owner, manager, moderator.",
)
async def list_followers(
    by: NamedDependency[Actor],
    series_id: FromPath[UUID],
    q: FromQuery[str] = "",
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Annotated[int, Parameter(ge=1, le=MOST)]] = 50,
) -> Followers:
    async with scoped(by, readonly=True):
        await find(Series, series_id)
        found = await followers.listing(series_id, search=q[:100], after=after, limit=limit)
    return Followers(found, str(found[-1].id) if len(found) == limit else None)


# Writing


@post(
    "/series",
    status_code=201,
    summary="Make a series",
    description="`community` is the community's slug. Its dates are given apart. Roles:"
    " owner, manager.",
)
async def make(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
) -> SeriesView:
    body: SeriesBody = await body_of(request, SeriesBody)
    async with scoped(by):
        community = await communities.community_by_slug(body.community[:200])
        made = await series.make_new(
            template_of(body), community_id=community.id, by=by, now=now
        )
    return await view(made.id, by)


@post(
    "/series/{series_id:uuid}",
    status_code=200,
    summary="Change what each edition is",
    description="`reach` says which editions change: `new` (not prepared yet), `prepared`"
    " (also those prepared, except the ones changed by themselves) or `all`. Roles:"
    " owner, manager.",
)
async def change(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    series_id: FromPath[UUID],
) -> Outcome:
    body: SeriesBody = await body_of(request, SeriesBody)
    return await timetables.reshape(
        series_id,
        template_of(body),
        body.reach,
        desk=await _desk(asking, by),
        by=by,
        now=now,
    )


async def _desk(asking: Asking, by: Actor) -> timetables.Desk:
    look = await workspaces.look_by_id(by.workspace_id)
    settings = asking.settings
    return timetables.Desk(look, settings.origin, tickets.keys_of(settings))


@post(
    "/series/{series_id:uuid}/dates",
    status_code=200,
    summary="Give or change the dates",
    description="A first rule, or another one from the date `since` on; without `since`,"
    " all dates to come change. `rule` is an RRULE; hours are those on the wall of"
    " `time_zone`. Roles: owner, manager.",
)
async def give_dates(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    series_id: FromPath[UUID],
) -> SeriesView:
    body: DatesBody = await body_of(request, DatesBody)
    desk = await _desk(asking, by)
    async with scoped(by):
        zone_name = await timetables.zone_of(series_id, now, desk.look.time_zone)
        rhythm = Rhythm(
            rule=body.rule,
            starts_on=body.starts_on,
            starts_time=_wall(body.starts_time),
            minutes=body.minutes,
            time_zone=body.time_zone or zone_name,
        )
        await timetables.give(
            series_id,
            body.since,
            rhythm,
            include_apart=body.include_apart,
            desk=desk,
            by=by,
            now=now,
        )
    return await view(series_id, by)


@post(
    "/series/{series_id:uuid}/followers/{follower_id:uuid}/remove",
    status_code=200,
    summary="Take a follower out",
    description="No more letters about this series; she may ask again herself. Twice is"
    " once. Roles: owner, manager.",
)
async def remove_follower(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    series_id: FromPath[UUID],
    follower_id: FromPath[UUID],
) -> Removed:
    found = await followers.remove(follower_id, series_id, by=by, now=now)
    return Removed(found.id)


READS: list[HTTPRouteHandler] = [
    list_series,
    read_series,
    list_editions,
    list_followers,
]
WRITES: list[HTTPRouteHandler] = [
    make,
    change,
    give_dates,
    remove_follower,
    *api_editions.WRITES,
]
