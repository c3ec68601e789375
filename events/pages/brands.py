"""The workspaces of one account together: one calendar, its clashes, who is asked a lot."""

import calendar
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from babel.dates import format_date
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler

from events.people import solicitations
from events.people.solicitations import Asked
from events.planning import diaries
from events.planning.clashes import Clash, Entry, Reason, clashes
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import NotFound
from server.i18n import gettext as _
from server.i18n import hour, lazy, long_date, span
from server.i18n import language as spoken
from server.sheets import sheet
from server.web import Asking, home_of, page
from server.workspaces import TEAM, Seat

REASONS = {
    Reason.OVERLAP: lazy("at the same time"),
    Reason.SAME_VENUE: lazy("in the same place"),
    Reason.SAME_DAY: lazy("on the same day"),
}
# A clock somewhere is a day ahead or behind: what is read goes a little further.
MARGIN = timedelta(days=1)
FIRST_YEAR, LAST_YEAR = 2000, 2100
# The bar under a thumb holds five places; the other workspaces are in the menu.
MOST_PLACES = 4


@get("/calendar")
async def brands_calendar(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """One month over every workspace in whose team one is."""
    first = _month(request, now)
    seats = _seats(asking)
    found, clashing = await _read(asking, seats, first)
    archived = await workspaces.seats(_me(asking), archived=True)
    return page(
        asking,
        "organize/calendar.html",
        first=first,
        title=_spoken(first, "LLLL y"),
        previous=_shifted(first, -1).strftime("%Y-%m"),
        following=_shifted(first, 1).strftime("%Y-%m"),
        weeks=_weeks(first, found),
        weekdays=_weekdays(),
        days=_days(found, seats),
        today=now.date(),
        clashes=[_told(one, seats) for one in clashing],
        window=solicitations.WINDOW.days,
        many=solicitations.TOO_OFTEN,
        seats=seats,
        archived=archived,
        nav=_places(asking),
    )


@get("/calendar/asked")
async def asked_too_often(
    asking: NamedDependency[Asking], now: NamedDependency[datetime]
) -> Response[Any]:
    """Who is asked a lot: counted letter by letter, so the calendar asks for it later."""
    seats = _seats(asking)
    often, across = await _asked(asking, seats, now)
    return page(
        asking,
        "organize/calendar_asked.html",
        often=[(_of(seats, one.workspace_id), one.people) for one in often if one.people],
        across=across,
        window=solicitations.WINDOW.days,
        many=solicitations.TOO_OFTEN,
        nav=_places(asking),
    )


@get("/calendar.csv")
async def calendar_file(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
) -> Response[bytes]:
    first = _month(request, now)
    seats = _seats(asking)
    found, clashing = await _read(asking, seats, first)
    rows = [
        (
            _of(seats, one.workspace_id).name,
            one.title,
            one.starts_at.isoformat(),
            one.ends_at.isoformat(),
            one.venue,
            _state(one),
            "; ".join(_reasons_of(one, clashing)),
        )
        for one in found
    ]
    head = (
        _("Workspace"),
        _("Meetup"),
        _("Starts"),
        _("Ends"),
        _("Venue"),
        _("State"),
        _("Clashes"),
    )
    return sheet(f"calendar-{first:%Y-%m}.csv", head, rows)


# What is read


async def _read(
    asking: Asking, seats: list[Seat], first: date
) -> tuple[list[Entry], list[Clash]]:
    """The month of these workspaces: its meetups and their clashes."""
    ids = [seat.workspace_id for seat in seats]
    if not ids:
        return [], []
    after = _shifted(first, 1)
    by: Actor = asking.myself(*ids)
    async with scoped(by, readonly=True):
        near = await diaries.entries(
            ids,
            since=datetime(first.year, first.month, 1, tzinfo=UTC) - MARGIN,
            until=datetime(after.year, after.month, 1, tzinfo=UTC) + MARGIN,
        )
    found = [one for one in near if first <= one.day < after]
    return found, clashes(found)


async def _asked(
    asking: Asking, seats: list[Seat], now: datetime
) -> tuple[list[Asked], int]:
    """How many people are asked too often in each of these workspaces, and across them."""
    ids = [seat.workspace_id for seat in seats]
    if not ids:
        return [], 0
    async with scoped(asking.myself(*ids), readonly=True):
        often = await solicitations.asked_too_often(ids, now=now)
        across = await solicitations.asked_across(ids, now=now) if len(ids) > 1 else 0
    return often, across


def _places(asking: Asking) -> list[dict[str, object]]:
    """Where one may go from here: the calendar, and the first of one's workspaces."""
    here = {"href": "/calendar", "label": _("Calendar"), "icon": "calendar"}
    return [
        {**here, "current": True},
        *(
            {"href": home_of(seat), "label": seat.name, "icon": "glass", "current": False}
            for seat in asking.seats[:MOST_PLACES]
        ),
    ]


def _seats(asking: Asking) -> list[Seat]:
    """The workspaces in whose team one is; a sponsor or a guest plans nothing there."""
    return [seat for seat in asking.seats if seat.role in TEAM]


def _me(asking: Asking) -> UUID:
    assert asking.account is not None  # noqa: S101 - the guard came first
    return asking.account.account_id


def _of(seats: list[Seat], workspace_id: UUID) -> Seat:
    return next(seat for seat in seats if seat.workspace_id == workspace_id)


# The month


def _month(request: Request[Any, Any, Any], now: datetime) -> date:
    """The first day of the month that the address names, or of this one."""
    text = request.query_params.get("month", "")
    if not text:
        return now.date().replace(day=1)
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise NotFound from error
    if not FIRST_YEAR <= first.year <= LAST_YEAR:
        raise NotFound
    return first


def _shifted(first: date, months: int) -> date:
    count = first.year * 12 + first.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


def _weeks(first: date, found: Iterable[Entry]) -> list[list[tuple[date, int]]]:
    """The weeks of the month from Monday, each day with how many meetups it has."""
    counts: dict[date, int] = {}
    for one in found:
        counts[one.day] = counts.get(one.day, 0) + 1
    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month)
    return [[(day, counts.get(day, 0)) for day in week] for week in weeks]


def _weekdays() -> list[tuple[str, str]]:
    """The days of a week from Monday: short, and in full for who listens."""
    monday = date(2024, 1, 1)
    week = [monday + timedelta(days=number) for number in range(7)]
    return [(_spoken(day, "EEEEEE"), _spoken(day, "EEEE")) for day in week]


def _spoken(day: date, pattern: str) -> str:
    return format_date(day, pattern, spoken.get())


def _days(found: Iterable[Entry], seats: list[Seat]) -> list[dict[str, Any]]:
    """The days that hold something, in order, with what they hold."""
    days: dict[date, list[dict[str, Any]]] = {}
    for one in found:
        seat = _of(seats, one.workspace_id)
        days.setdefault(one.day, []).append(
            {
                "title": one.title,
                "href": f"/w/{seat.slug}/meetups/{one.slug}",
                "workspace": seat.name,
                "slug": seat.slug,
                "hour": hour(one.starts_at, one.time_zone),
                "span": span(one.starts_at, one.ends_at, one.time_zone),
                "venue": one.venue,
                "capacity": one.capacity,
                "taken": one.taken,
                "state": _state(one),
                "is": _state_mark(one),
            }
        )
    return [
        {"day": day, "label": long_date(day), "items": held} for day, held in days.items()
    ]


def _state(one: Entry) -> str:
    if one.cancelled_at is not None:
        return _("Cancelled")
    if one.postponed_at is not None:
        return _("Postponed")
    return _("Published") if one.published_at is not None else _("Draft")


def _state_mark(one: Entry) -> str:
    if not one.is_on:
        return "no"
    return "yes" if one.published_at is not None else "wait"


def _told(clash: Clash, seats: list[Seat]) -> dict[str, Any]:
    """A clash in words, with where to go to mend it."""
    return {
        "day": long_date(clash.first.day),
        "reasons": ", ".join(str(REASONS[one]) for one in clash.reasons),
        "is_bad": clash.reasons != (Reason.SAME_DAY,),
        "meetups": [
            {
                "title": one.title,
                "workspace": _of(seats, one.workspace_id).name,
                "href": f"/w/{_of(seats, one.workspace_id).slug}/meetups/{one.slug}",
            }
            for one in (clash.first, clash.second)
        ],
    }


def _reasons_of(one: Entry, clashing: list[Clash]) -> list[str]:
    return [
        f"{(clash.second if clash.first.id == one.id else clash.first).title}:"
        f" {', '.join(str(REASONS[reason]) for reason in clash.reasons)}"
        for clash in clashing
        if one.id in {clash.first.id, clash.second.id}
    ]


SIGNED_IN: list[HTTPRouteHandler] = [brands_calendar, asked_too_often, calendar_file]
OWNERS: list[HTTPRouteHandler] = []
