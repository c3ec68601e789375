"""What a machine does with the editions of a series: prepare, publish, take out, end."""

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.admission import followers, tickets
from events.engagement import plans
from events.pages.api_meetups import body_of
from events.planning import (
    drafts,
    phrases,
    rearrangements,
    recurrences,
    rules,
    series,
)
from events.planning.facts import Admission
from events.planning.recurrences import Recurrence
from events.planning.series import Series
from server import workspaces
from server.audit import Actor
from server.database import find, scoped
from server.errors import Invalid
from server.i18n import language, lazy
from server.web import Asking


class RuleView(msgspec.Struct):
    """One rule of a series, and the same in words."""

    id: UUID
    rule: str
    words: str
    starts_on: date
    starts_time: time
    minutes: int
    time_zone: str
    skipped: list[date]
    sequence: int


class SeriesView(msgspec.Struct, kw_only=True):
    """A series with its template, its rules and its dates to come."""

    id: UUID
    community_id: UUID
    slug: str
    name: str
    description: str
    programme: str
    representative: str
    capacity: int | None
    admission: Admission
    venue_id: UUID | None
    announced_at: datetime | None
    ended_at: datetime | None
    followers: int
    rules: list[RuleView]
    path: str


class DayBody(msgspec.Struct, forbid_unknown_fields=True):
    """One date of a series, as its rule names it."""

    day: date


class AheadBody(msgspec.Struct, forbid_unknown_fields=True):
    """How many of the next dates are to have their draft."""

    ahead: int = drafts.AHEAD


class Counted(msgspec.Struct):
    """How many editions an act was about."""

    editions: int


# Reading


def rule_view(one: Recurrence) -> RuleView:
    return RuleView(
        one.id,
        one.rule,
        phrases.sentence(rules.parse(one.rule), language.get()),
        one.starts_on,
        one.starts_time,
        one.minutes,
        one.time_zone,
        list(one.skipped),
        one.sequence,
    )


async def view(series_id: UUID, by: Actor) -> SeriesView:
    async with scoped(by, readonly=True):
        found = await find(Series, series_id)
        known = await recurrences.rules_of(series_id)
        following = await followers.counted(series_id)
        look = await workspaces.look_by_id(by.workspace_id)
    return SeriesView(
        id=found.id,
        community_id=found.community_id,
        slug=found.slug,
        name=found.name,
        description=found.description,
        programme=found.programme,
        representative=found.representative,
        capacity=found.capacity,
        admission=Admission(found.admission),
        venue_id=found.venue_id,
        announced_at=found.announced_at,
        ended_at=found.ended_at,
        followers=following,
        rules=[rule_view(one) for one in known],
        path=f"/m/{look.slug}/s/{found.slug}",
    )


# Writing


@post(
    "/series/{series_id:uuid}/prepare",
    status_code=200,
    summary="Prepare the next editions",
    description="Drafts the meetups of the next dates that have none. Roles: owner,"
    " manager.",
)
async def prepare(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    series_id: FromPath[UUID],
) -> Counted:
    body = await body_of(request, AheadBody) if await request.body() else AheadBody()
    if not 1 <= body.ahead <= drafts.MOST_AHEAD:
        raise Invalid(ahead=lazy("Between 1 and 12 editions."))
    key_id = tickets.keys_of(asking.settings).current
    made = await drafts.prepare(series_id, ahead=body.ahead, key_id=key_id, by=by, now=now)
    return Counted(len(made))


@post(
    "/series/{series_id:uuid}/publish",
    status_code=200,
    summary="Publish the prepared editions",
    description="Opens the page of every draft of the series that is to come, and tells"
    " its followers. Roles: owner, manager.",
)
async def publish(
    by: NamedDependency[Actor], now: NamedDependency[datetime], series_id: FromPath[UUID]
) -> Counted:
    async with scoped(by):
        await find(Series, series_id)
        return Counted(await plans.publish_prepared(series_id, by=by, now=now))


@post(
    "/series/{series_id:uuid}/skip",
    status_code=200,
    summary="Take a date out",
    description="The series has no edition that day; a draft prepared for it is called"
    " off. A published edition is cancelled instead. Roles: owner, manager.",
)
async def skip(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    series_id: FromPath[UUID],
) -> SeriesView:
    body: DayBody = await body_of(request, DayBody)
    await recurrences.skip(series_id, body.day, by=by, now=now)
    return await view(series_id, by)


@post(
    "/series/{series_id:uuid}/restore",
    status_code=200,
    summary="Put a date back",
    description="A date that was taken out is a date again. Roles: owner, manager.",
)
async def restore(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    series_id: FromPath[UUID],
) -> SeriesView:
    body: DayBody = await body_of(request, DayBody)
    await recurrences.restore(series_id, body.day, by=by, now=now)
    return await view(series_id, by)


@post(
    "/series/{series_id:uuid}/announce",
    status_code=200,
    summary="Announce the dates",
    description="Everybody sees every date, also those without a meetup yet. Roles:"
    " owner, manager.",
)
async def announce(
    by: NamedDependency[Actor], now: NamedDependency[datetime], series_id: FromPath[UUID]
) -> SeriesView:
    await series.announce(series_id, by=by, now=now)
    return await view(series_id, by)


@post(
    "/series/{series_id:uuid}/withdraw",
    status_code=200,
    summary="Keep the dates to the team",
    description="Dates without a published meetup are no longer public. Roles: owner,"
    " manager.",
)
async def withdraw(
    by: NamedDependency[Actor], now: NamedDependency[datetime], series_id: FromPath[UUID]
) -> SeriesView:
    await series.withdraw(series_id, by=by, now=now)
    return await view(series_id, by)


@post(
    "/series/{series_id:uuid}/end",
    status_code=200,
    summary="End a series",
    description="No date comes any more; drafts are called off, published meetups stand."
    " Roles: owner, manager.",
)
async def end(
    by: NamedDependency[Actor], now: NamedDependency[datetime], series_id: FromPath[UUID]
) -> SeriesView:
    await rearrangements.stop(series_id, by=by, now=now)
    return await view(series_id, by)


WRITES: list[HTTPRouteHandler] = [
    prepare,
    publish,
    skip,
    restore,
    announce,
    withdraw,
    end,
]
