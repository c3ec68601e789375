"""Public pages: the agenda of a workspace, and the page on which one registers.

Phone first and without an account. The answer to a registration is the same whoever was
registered before, so that a stranger learns nothing about anybody: the letter says it.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from events.admission import calendars, registrations, tickets
from events.admission.passes import day_of
from events.admission.registrations import Linking, Source
from events.people import channels
from events.planning import meetups, venues
from events.planning.meetups import Line as MeetupLine
from events.planning.meetups import Meetup, Room, Stage
from events.planning.series import Series
from events.planning.venues import Place
from server import limits, workspaces
from server.database import find, scoped
from server.errors import Conflict, Invalid
from server.forms import Email, Form, Line, Tick, read
from server.i18n import hour, lazy, zone
from server.look import Look
from server.rendering import content_disposition
from server.web import Asking, in_workspace_frame, page, typed

HOURS = re.compile(r"([01]?\d|2[0-3])\s*[:hH.]\s*([0-5]\d)?\s+(\S.*)")
WINDOW = timedelta(minutes=10)
PER_ADDRESS = 300  # an office or a venue shares one address
PER_EMAIL = 12
ICS_LIFE = "public, max-age=900"
LINKING_TEXT = lazy("Link my presence with what I write online under this name.")


class RegisterForm(Form):
    """What somebody says to have a place; `website` is for robots only."""

    first_name: Line
    email: Email
    handle: Line | None = None
    linking: Tick = Tick(0)
    website: Line | None = None


# Rules


def hours_of(meetup: Meetup) -> list[tuple[str, str]]:
    """The programme's lines that begin with an hour, as the reader's clock writes it."""
    there = zone(meetup.time_zone)
    day = meetup.starts_at.astimezone(there)
    found = (HOURS.fullmatch(line.strip()) for line in meetup.programme.splitlines())
    return [
        (
            hour(day.replace(hour=int(one[1]), minute=int(one[2] or 0)), meetup.time_zone),
            one[3],
        )
        for one in found
        if one
    ]


def entry_of(
    meetup: Meetup | MeetupLine, look: Look, asking: Asking, place: str
) -> calendars.Entry:
    """A meetup in a public calendar: who comes is never in it."""
    settings = asking.settings
    host = settings.origin.partition("://")[2].partition(":")[0]
    is_off = meetup.cancelled_at is not None
    return calendars.Entry(
        uid=f"{meetup.id}@{host}",
        sequence=getattr(meetup, "sequence", 0),
        starts_at=meetup.starts_at,
        ends_at=meetup.ends_at,
        time_zone=meetup.time_zone,
        title=meetup.title,
        updated_at=getattr(meetup, "updated_at", None) or meetup.starts_at,
        description=getattr(meetup, "description", ""),
        place=place,
        url=f"{settings.origin}/m/{look.slug}/{meetup.slug}",
        organizer_name=look.name,
        organizer_email=look.reply_to or settings.mail_from,
        status=calendars.State.CANCELLED if is_off else calendars.State.CONFIRMED,
    )


def calendar_answer(
    request: Request[Any, Any, Any], content: bytes, name: str
) -> Response[Any]:
    """A calendar with its mark: who has it already receives nothing."""
    tag = calendars.etag(content)
    headers = {
        "etag": tag,
        "cache-control": ICS_LIFE,
        "content-disposition": content_disposition(f"{name}.ics", inline=True),
    }
    if request.headers.get("if-none-match") == tag:
        return Response(None, status_code=304, headers=headers)
    return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)


# Agenda


@get("/m/{workspace:str}")
async def agenda(
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
) -> Response[Any]:
    look = await workspaces.look(workspace)
    async with scoped(asking.anyone(look.id), readonly=True):
        coming = await meetups.agenda(now)
    days = {one.id: day_of(one.starts_at, one.ends_at, one.time_zone) for one in coming}
    return page(
        asking,
        "public/agenda.html",
        coming=coming,
        days=days,
        seeds={one.id: one.id.int % 24 for one in coming},
        feed=f"{asking.settings.origin}/m/{look.slug}/feed.ics",
        **in_workspace_frame(asking, look),
    )


@get("/m/{workspace:str}/feed.ics")
async def feed(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
) -> Response[Any]:
    look = await workspaces.look(workspace)
    async with scoped(asking.anyone(look.id), readonly=True):
        coming = await meetups.agenda(now, limit=200)
    entries = [entry_of(one, look, asking, one.venue) for one in coming]
    return calendar_answer(request, calendars.feed(look.name, entries), look.slug)


# One meetup


@get("/m/{workspace:str}/{meetup:str}")
async def meetup(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
    meetup: FromPath[str],
) -> Response[Any]:
    look = await workspaces.look(workspace)
    if meetup.endswith(".ics"):
        return await _calendar(request, asking, look, meetup.removesuffix(".ics"))
    return await _meetup_page(asking, look, meetup, now)


async def _calendar(
    request: Request[Any, Any, Any], asking: Asking, look: Look, slug: str
) -> Response[Any]:
    async with scoped(asking.anyone(look.id), readonly=True):
        found = await meetups.published(slug)
        where = await venues.place(found.venue_id)
    entry = entry_of(found, look, asking, _place(where))
    return calendar_answer(request, calendars.feed(found.title, [entry]), found.slug)


@post("/m/{workspace:str}/{meetup:str}", status_code=200)
async def register(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
    meetup: FromPath[str],
) -> Response[Any]:
    look = await workspaces.look(workspace)
    answers = await typed(request)
    try:
        form = read(RegisterForm, answers)
        _check_linking(form)
    except Invalid as no:
        return await _meetup_page(asking, look, meetup, now, (422, no.fields, answers))
    await limits.spend("register", asking.address, most=PER_ADDRESS, window=WINDOW, now=now)
    await limits.spend("register_email", form.email, most=PER_EMAIL, window=WINDOW, now=now)
    by = asking.anyone(look.id)
    async with scoped(by):
        found = await meetups.published(meetup)
        way = _way(found, await meetups.room(found.id))
        where = await channels.places_online(found.community_id) if form.linking else []
    if not form.website:
        try:
            await registrations.register(
                found,
                name=form.first_name,
                email=form.email,
                language=asking.lang,
                source=Source.PAGE,
                linking=Linking(form.handle, where[0].id, str(LINKING_TEXT))
                if form.handle and where
                else None,
                origin=asking.settings.origin,
                workspace=look,
                keys=tickets.keys_of(asking.settings),
                by=by,
                now=now,
            )
        except Conflict as no:
            return await _meetup_page(
                asking, look, meetup, now, (409, {"": str(no)}, answers)
            )
    return _noted(asking, look, found, email=form.email, way=way)


def _noted(
    asking: Asking, look: Look, meetup: Meetup, *, email: str, way: str
) -> Response[Any]:
    """The same words to everybody who asks while the meetup stands as it does."""
    return page(
        asking,
        "public/registered.html",
        meetup=meetup,
        day=day_of(meetup.starts_at, meetup.ends_at, meetup.time_zone),
        email=email,
        way=way,
        **in_workspace_frame(asking, look),
    )


def _check_linking(form: RegisterForm) -> None:
    """The box and the name go together: a yes without a name links nothing."""
    if form.linking and not form.handle:
        raise Invalid(
            handle=lazy("Write the name you use online, or leave the box unticked.")
        )


async def _meetup_page(
    asking: Asking,
    look: Look,
    slug: str,
    now: datetime,
    refused: tuple[int, Mapping[str, object], Mapping[str, Any]] = (200, {}, {}),
) -> Response[Any]:
    status, errors, answers = refused
    async with scoped(asking.anyone(look.id), readonly=True):
        found = await meetups.published(slug)
        room = await meetups.room(found.id)
        where = await venues.place(found.venue_id)
        following = await _series(found)
        online = await channels.places_online(found.community_id)
    stage = meetups.stage(found, now)
    entry = entry_of(found, look, asking, _place(where))
    return page(
        asking,
        "public/meetup.html",
        status=status,
        meetup=found,
        room=room,
        place=where,
        series=following,
        channel=online[0] if online else None,
        day=day_of(found.starts_at, found.ends_at, found.time_zone),
        hours=hours_of(found),
        stage=stage.value,
        is_open=stage in {Stage.PUBLISHED, Stage.RUNNING},
        way=_way(found, room),
        page_href=f"{asking.settings.origin}/m/{look.slug}/{found.slug}",
        google=calendars.google_link(entry),
        outlook=calendars.outlook_link(entry),
        linking_text=str(LINKING_TEXT),
        errors={name: str(text) for name, text in errors.items()},
        answers=answers,
        **in_workspace_frame(asking, look),
    )


def _way(meetup: Meetup, room: Room) -> str:
    """How one comes in, as the page says it to everybody: a draw, a line or a place."""
    if meetup.admission == meetups.Admission.LOTTERY:
        return "lottery"
    return "line" if room.left <= 0 or room.waiting > 0 else "place"


async def _series(meetup: Meetup) -> Series | None:
    series_id: UUID | None = meetup.series_id
    return await find(Series, series_id) if series_id else None


def _place(where: Place | None) -> str:
    return ", ".join(part for part in (where.name, where.address) if part) if where else ""


ROUTES = [agenda, feed, meetup, register]
