"""Public pages: the calendar of a workspace, and the page on which one registers.

Phone first and without an account. The answer to a registration is the same whoever was
registered before, so that a stranger learns nothing about anybody: the letter says it.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from events.admission import calendars, feeds, registrations, tickets
from events.admission.passes import day_of
from events.admission.registrations import Linking, Source
from events.pages import links
from events.pages.feeds import feed_answer, voice_of
from events.people import channels
from events.people.channels import ChannelPlace
from events.planning import cues, meetups, representatives, surroundings, venues
from events.planning.cues import Step
from events.planning.meetups import Meetup, Room, Stage
from server import limits, workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, Invalid
from server.forms import Email, Form, Line, Tick, read
from server.i18n import hour, lazy, zone
from server.look import Look
from server.web import Asking, in_workspace_frame, page, public_look, typed

HOURS = re.compile(r"([01]?\d|2[0-3])\s*[:hH.]\s*([0-5]\d)?\s+(\S.*)")
WINDOW = timedelta(minutes=10)
PER_ADDRESS = 300  # an office or a venue shares one address
PER_EMAIL = 12
LONGEST_CODE = 20
LINKING_TEXT = lazy("Link my presence with what I write online under this name.")


class RegisterForm(Form):
    """What somebody says to have a place; `website` is for robots only."""

    first_name: Line
    email: Email
    handle: Line | None = None
    linking: Tick = Tick(0)
    website: Line | None = None
    via: Line | None = None


# Rules


def hours_of(meetup: Meetup, steps: Sequence[Step] = ()) -> list[tuple[str, str]]:
    """The evening in order: the programme's lines that begin with an hour, public steps.

    Hours are shown as the reader's clock writes them.
    """
    there = zone(meetup.time_zone)
    day = meetup.starts_at.astimezone(there)
    found = (HOURS.fullmatch(line.strip()) for line in meetup.programme.splitlines())
    lines = [
        (day.replace(hour=int(one[1]), minute=int(one[2] or 0)), one[3])
        for one in found
        if one
    ]
    told = [(cues.moment_of(one.minute, meetup.starts_at), one.title) for one in steps]
    every = sorted(told + lines, key=lambda one: one[0]) if told else lines
    return [(hour(at, meetup.time_zone), text) for at, text in every]


def via_of(asking: Asking) -> str:
    """Whose personal link this is; carried by the form, never by a cookie."""
    return parse_qs(asking.query).get("via", [""])[-1][:LONGEST_CODE]


# Agenda


@get("/m/{workspace:str}/feed.ics")
async def feed(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
) -> Response[Any]:
    look = await workspaces.look(workspace)
    async with scoped(asking.anyone(look.id), readonly=True):
        found = await feeds.of_workspace(voice_of(asking, look), now)
    return await feed_answer(request, found, look.slug)


# One meetup


@get("/m/{workspace:str}/{meetup:str}")
async def meetup(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
    meetup: FromPath[str],
) -> Response[Any]:
    look = await public_look(asking, workspace)
    if meetup.endswith(".ics"):
        return await _calendar(request, asking, look, meetup.removesuffix(".ics"))
    if meetup.endswith(".png"):
        return await links.picture(request, asking, look, meetup.removesuffix(".png"))
    return await _meetup_page(asking, look, meetup, now)


async def _calendar(
    request: Request[Any, Any, Any], asking: Asking, look: Look, slug: str
) -> Response[Any]:
    async with scoped(asking.anyone(look.id), readonly=True):
        found = await feeds.of_meetup(slug, voice_of(asking, look))
    return await feed_answer(request, found, slug)


@post("/m/{workspace:str}/{meetup:str}", status_code=200)
async def register(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
    meetup: FromPath[str],
) -> Response[Any]:
    look = await public_look(asking, workspace)
    answers = await typed(request)
    try:
        noted = await take(asking, look, meetup, answers, now)
    except (Invalid, Conflict) as no:
        return await _meetup_page(asking, look, meetup, now, refused_by(no, answers))
    return _noted(asking, look, noted.meetup, email=noted.email, way=noted.way)


class Noted(msgspec.Struct, frozen=True):
    """A registration that was heard: what is said of it is the same for everybody."""

    meetup: Meetup
    email: str
    way: str


Refused = tuple[int, Mapping[str, object], Mapping[str, Any]]


def refused_by(no: Invalid | Conflict, answers: Mapping[str, Any]) -> Refused:
    """The status, the sentences and the answers with which a form is shown again."""
    if isinstance(no, Invalid):
        return 422, no.fields, answers
    return 409, {"": str(no)}, answers


async def take(
    asking: Asking, look: Look, slug: str, answers: Mapping[str, Any], now: datetime
) -> Noted:
    """Register whoever filled the form in. Raises Invalid or Conflict, which it shows."""
    form = read(RegisterForm, answers)
    _check_linking(form)
    await limits.spend("register", asking.address, most=PER_ADDRESS, window=WINDOW, now=now)
    await limits.spend("register_email", form.email, most=PER_EMAIL, window=WINDOW, now=now)
    by = asking.anyone(look.id)
    async with scoped(by):
        found = await meetups.published(slug)
        way = way_in(found, await meetups.room(found.id))
        where = await channels.of_community(found.community_id) if form.linking else []
    if form.website:
        return Noted(found, form.email, way)
    await registrations.register(
        found,
        name=form.first_name,
        email=form.email,
        language=asking.lang,
        source=Source.PAGE,
        linking=_linking(form, where),
        via=form.via or "",
        origin=asking.settings.origin,
        workspace=look,
        keys=tickets.keys_of(asking.settings),
        by=by,
        now=now,
    )
    return Noted(found, form.email, way)


def _linking(form: RegisterForm, where: Sequence[ChannelPlace]) -> Linking | None:
    """What is linked, if it was asked for: a name in the first of the places online."""
    if not form.handle or not where:
        return None
    return Linking(form.handle, where[0].id, str(LINKING_TEXT))


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
    refused: Refused = (200, {}, {}),
) -> Response[Any]:
    async with scoped(asking.anyone(look.id), readonly=True):
        found = await meetups.published(slug)
        return await _shown(asking, look, found, now, refused)


async def preview(
    asking: Asking, look: Look, slug: str, now: datetime, *, by: Actor
) -> Response[Any]:
    """The same page for whoever prepares it, before anybody else sees it."""
    async with scoped(by, readonly=True):
        found = await meetups.meetup_by_slug(slug)
        return await _shown(asking, look, found, now, is_preview=True)


async def _shown(
    asking: Asking,
    look: Look,
    found: Meetup,
    now: datetime,
    refused: Refused = (200, {}, {}),
    *,
    is_preview: bool = False,
) -> Response[Any]:
    status, errors, answers = refused
    room = await meetups.room(found.id)
    where = await venues.place(found.venue_id)
    about = await surroundings.around(found, now)
    online = await channels.of_community(found.community_id)
    faces = await representatives.of_meetup(found.id)
    steps = await cues.of_meetup(found.id, is_public=True)
    stage = meetups.stage(found, now)
    return page(
        asking,
        "public/meetup.html",
        status=status,
        meetup=found,
        room=room,
        place=where,
        series=about.series,
        about=about,
        channel=online[0] if online else None,
        day=day_of(found.starts_at, found.ends_at, found.time_zone),
        hours=hours_of(found, steps),
        faces=faces,
        face_base=f"/w/{look.slug}/pictures" if is_preview else f"/m/{look.slug}/faces",
        stage=stage.value,
        is_preview=is_preview,
        is_open=stage in {Stage.PUBLISHED, Stage.RUNNING}
        or (is_preview and stage is Stage.DRAFT),
        way=way_in(found, room),
        linking_text=str(LINKING_TEXT),
        via=str(answers.get("via") or via_of(asking)),
        errors={name: str(text) for name, text in errors.items()},
        answers=answers,
        **_calendars(asking, look, found, where),
        **links.passed_on(asking, look, found, room, where, about.series, now),
        **in_workspace_frame(asking, look),
    )


def _calendars(
    asking: Asking, look: Look, found: Meetup, where: venues.Place | None
) -> dict[str, str]:
    """One click each for the calendars most people have."""
    entry = feeds.entry_of(feeds.told_by(found, where), voice_of(asking, look))
    return {
        "google": calendars.google_link(entry),
        "outlook": calendars.outlook_link(entry),
        "apple": calendars.subscription(f"{entry.url}.ics", found.title).apple,
    }


def way_in(meetup: Meetup, room: Room) -> str:
    """How one comes in, as the page says it to everybody: a draw, a line or a place."""
    if meetup.admission == meetups.Admission.LOTTERY:
        return "lottery"
    return "line" if room.left <= 0 or room.waiting > 0 else "place"


ROUTES = [feed, meetup, register]
