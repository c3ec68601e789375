"""Series: the list, and one series with its dates, its meetups and who follows it."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from events.admission import followers, timetables
from events.pages.meetups import stage_of
from events.planning import meetups, phrases, recurrences, rules, series
from events.planning.meetups import Line as MeetupLine
from events.planning.recurrences import Edition, Recurrence
from events.planning.series import Series
from server import sheets, workspaces
from server.audit import Actor
from server.database import find, scoped
from server.i18n import gettext as _
from server.i18n import language, short_date
from server.web import Asking, away, key_of, page
from server.workspaces import ORGANISERS, Seat

PAGE = 50
SHOWN = 6
LONGEST_SEARCH = 100


# Rules


def edition_status(one: Edition) -> tuple[str, str]:
    """The shape and the words of where an edition is in its life."""
    if one.cancelled_at is not None:
        return "no", _("Cancelled")
    if one.postponed_at is not None:
        return "wait", _("Postponed")
    if one.published_at is not None:
        return "yes", _("Published")
    return ("ask", _("Draft")) if one.meetup_id else ("wait", _("Not prepared"))


def next_editions(
    known: list[Recurrence], held: list[recurrences.Held], now: datetime
) -> list[Edition]:
    """The editions of the next dates, with those moved to another day."""
    wanted = list(islice(recurrences.coming(known, now), SHOWN))
    if not wanted:
        return []
    days = [day for _one, day in wanted]
    found = recurrences.editions_of(known, held, since=min(days), until=max(days))
    return [one for one in found if one.ends_at > now]


def search_of(request: Request[Any, Any, Any]) -> str:
    return request.query_params.get("q", "")[:LONGEST_SEARCH]


def _href(base: str, **kept: object) -> str:
    asked = {name: str(value) for name, value in kept.items() if value}
    return base + (f"?{urlencode(asked)}" if asked else "")


# The list


@get("/series")
async def listing(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[str]:
    look = await workspaces.look(seat.slug)
    search, key = search_of(request), key_of(request.query_params.get("after"))
    async with scoped(by, readonly=True):
        last = await find(Series, key) if key else None
        after = (last.name, last.id) if last else None
        found = await series.listing(now, search=search, after=after, limit=PAGE + 1)
    base = f"/w/{seat.slug}/series"
    more = found[PAGE - 1].id if len(found) > PAGE else None
    return page(
        asking,
        "organize/series_list.html",
        workspace=look,
        lines=[(one, rule_words(one.rule)) for one in found[:PAGE]],
        search=search,
        is_rest=last is not None,
        next_href=_href(base, q=search, after=more) if more else None,
        export_href=_href(f"{base}.csv", q=search),
        is_organiser=seat.role in ORGANISERS,
    )


def rule_words(rule: str | None) -> str:
    """A rule in the reader's language; nothing when there is none."""
    return phrases.sentence(rules.parse(rule), language.get()) if rule else ""


@get("/series.csv")
async def listing_file(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Stream:
    """The same list as a file."""
    head = [
        _("Series"),
        _("Community"),
        _("Dates"),
        _("Next date"),
        _("Meetups"),
        _("Followers"),
    ]
    rows = _rows(by, now, search_of(request))
    return sheets.stream(f"{seat.slug}-series.csv", head, rows)


async def _rows(by: Actor, now: datetime, search: str) -> AsyncIterator[list[list[object]]]:
    after: tuple[str, UUID] | None = None
    while True:
        async with scoped(by, readonly=True):
            found = await series.listing(
                now, search=search, after=after, limit=sheets.PIECE
            )
        yield [
            [
                one.name,
                one.community,
                one.rule or "",
                one.next_at.isoformat() if one.next_at else "",
                one.meetups,
                one.followers,
            ]
            for one in found
        ]
        if len(found) < sheets.PIECE:
            return
        after = (found[-1].name, found[-1].id)


# One series


@get("/series/{series_slug:str}")
async def series_page(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[str]:
    """The dates of one series to come, its meetups in time, and what is done with it."""
    look = await workspaces.look(seat.slug)
    async with scoped(by, readonly=True):
        found = await series.record_by_slug(series_slug)
        known = await recurrences.rules_of(found.id)
        held = await recurrences.held_of([one.id for one in known], *recurrences.EVER)
        lines = await meetups.of_series(found.id)
        standing = await timetables.standing(found.id)
    coming = next_editions(known, held, now)
    tied = {one.meetup_id for one in coming}
    return page(
        asking,
        "organize/series.html",
        workspace=look,
        series=found,
        **_dates(known, coming, now),
        lines=[
            (one, *stage_of(one, now))
            for one in _next_first([one for one in lines if one.id not in tied], now)
        ],
        is_one_to_come=any(one.ends_at > now and not one.closed_at for one in lines),
        followers=standing.followers,
        public_href=f"{asking.settings.origin}/m/{look.slug}/s/{found.slug}"
        if standing.is_public
        else "",
        is_organiser=seat.role in ORGANISERS,
    )


def _next_first(lines: list[MeetupLine], now: datetime) -> list[MeetupLine]:
    """What is to come, soonest first, then what was, latest first."""
    ahead = [one for one in lines if one.ends_at > now]
    return ahead + [one for one in reversed(lines) if one.ends_at <= now]


def _dates(
    known: Sequence[Recurrence], coming: Sequence[Edition], now: datetime
) -> dict[str, Any]:
    """The rules in words, the editions to come, the days taken out, what is not public."""
    return {
        "rules": [
            rule_words(one.rule) for one in known if one is known[-1] or _goes_on(one, now)
        ],
        "editions": [(one, *edition_status(one)) for one in coming],
        "skipped": [
            (day, short_date(day))
            for one in known
            for day in one.skipped
            if day >= now.date()
        ],
        "drafts": sum(
            bool(one.meetup_id and not one.published_at and not one.cancelled_at)
            for one in coming
        ),
    }


def _goes_on(recurrence: Recurrence, now: datetime) -> bool:
    return recurrences.goes_beyond(recurrence, now.date())


# Who follows it


@get("/series/{series_slug:str}/followers")
async def follower_list(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[str]:
    look = await workspaces.look(seat.slug)
    search, after = search_of(request), key_of(request.query_params.get("after"))
    async with scoped(by, readonly=True):
        found = await series.record_by_slug(series_slug)
        lines = await followers.listing(
            found.id, search=search, after=after, limit=PAGE + 1
        )
    base = f"/w/{seat.slug}/series/{found.slug}/followers"
    more = lines[PAGE - 1].id if len(lines) > PAGE else None
    return page(
        asking,
        "organize/followers.html",
        workspace=look,
        series=found,
        lines=lines[:PAGE],
        search=search,
        is_rest=after is not None,
        next_href=_href(base, q=search, after=more) if more else None,
        export_href=_href(f"{base}.csv", q=search),
        base=base,
        is_organiser=seat.role in ORGANISERS,
    )


@post("/series/{series_slug:str}/followers/{follower_id:uuid}/remove", status_code=303)
async def remove_follower(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
    follower_id: FromPath[UUID],
) -> Response[None]:
    async with scoped(by):
        found = await series.record_by_slug(series_slug)
        await followers.remove(follower_id, found.id, by=by, now=now)
    path = f"/w/{seat.slug}/series/{found.slug}/followers"
    return away(asking, path, said=_("This person no longer follows the series."))


@get("/series/{series_slug:str}/followers.csv")
async def follower_file(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    series_slug: FromPath[str],
) -> Stream:
    """The same list as a file."""
    async with scoped(by, readonly=True):
        found = await series.record_by_slug(series_slug)
    head = [_("Name"), _("E-mail"), _("Language"), _("Follows since")]
    rows = _follower_rows(by, found.id, search_of(request))
    return sheets.stream(f"{found.slug}-{_('followers')}.csv", head, rows)


async def _follower_rows(
    by: Actor, series_id: UUID, search: str
) -> AsyncIterator[list[list[object]]]:
    after: UUID | None = None
    while True:
        async with scoped(by, readonly=True):
            found = await followers.listing(
                series_id, search=search, after=after, limit=sheets.PIECE
            )
        yield [
            [one.name, one.email, one.language, one.confirmed_at.date()] for one in found
        ]
        if len(found) < sheets.PIECE:
            return
        after = found[-1].id


READS: list[HTTPRouteHandler] = [
    listing,
    listing_file,
    series_page,
    follower_list,
    follower_file,
]
WRITES: list[HTTPRouteHandler] = [remove_follower]
