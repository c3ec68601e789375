"""The registrations of a meetup, for those who organise it: read, search, take out, act."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from events.admission import invitations, registrations
from events.admission.registrations import (
    Counts,
    Line,
    Registered,
    Registration,
    Shown,
    Source,
    Status,
)
from events.pages.letterheads import letterhead
from events.people import doubles
from events.planning import meetups, venues
from events.planning.meetups import Meetup, Stage
from server import workspaces
from server.audit import Actor
from server.database import find, scoped
from server.errors import Conflict, Invalid, NotFound
from server.forms import Email, Form, read
from server.forms import Line as OneLine
from server.i18n import Lazy, lazy, short_date
from server.i18n import gettext as _
from server.rendering import content_disposition, safe_text
from server.web import Asking, away, key_of, page, typed
from server.workspaces import Seat

PAGE = 50
CSV_CHUNK = 500
RISKY = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
)  # what a spreadsheet would run (OWASP, CSV injection)

LABELS = {
    Shown.CONFIRMED: lazy("With a place"),
    Shown.WAITLISTED: lazy("Waiting"),
    Shown.LOST_DRAW: lazy("Lost the draw"),
    Shown.CANCELLED: lazy("Cancellations"),
    Shown.ATTENDED: lazy("Came"),
    Shown.NO_SHOW: lazy("Did not come"),
    Shown.WALK_IN: lazy("At the door"),
}


class PersonForm(Form):
    """Somebody the team registers by hand."""

    first_name: OneLine
    email: Email


class InviteForm(Form, kw_only=True):
    """Somebody the team asks by letter; these names tell it from the form above."""

    invited: OneLine
    invited_email: Email


# Rules


def status_of(line: Line) -> tuple[str, str]:
    """The shape and the words of a registration."""
    if line.attended_at is not None:
        return "in", _("Came in")
    if line.is_no_show:
        return "no", _("Absent")
    if line.status is Status.WAITLISTED:
        return "wait", _("Waiting, number %(rank)s", rank=line.rank)
    if line.status is Status.CONFIRMED:
        return "yes", _("Confirmed")
    return "no", _("Not drawn") if line.status is Status.LOST_DRAW else _("Cancelled")


def count_of(counts: Counts, shown: Shown | None) -> int:
    """How many lines a filter shows."""
    if shown is None:
        return (
            counts.registered
            + counts.walk_in
            + counts.waitlisted
            + counts.lost_draw
            + counts.cancelled
        )
    name = "registered" if shown is Shown.CONFIRMED else shown.value
    found: int = getattr(counts, name)
    return found


def cell(value: object) -> str:
    """A value as a spreadsheet may open it without running it."""
    text = safe_text(str(value if value is not None else ""))
    return f"'{text}" if text.startswith(RISKY) else text


# Reading


@get("/meetups/{meetup_slug:str}/registrations")
async def listing(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    return await _list(asking, by, seat, meetup_slug, request.query_params)


@get("/meetups/{meetup_slug:str}/registrations.csv")
async def listing_file(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    meetup_slug: FromPath[str],
) -> Stream:
    shown = _shown(request.query_params.get("status"))
    async with scoped(by):
        meetup = await meetups.meetup_by_slug(meetup_slug)
    return Stream(
        _lines(by, meetup, shown),
        media_type="text/csv",
        headers={"content-disposition": content_disposition(f"{meetup.slug}.csv")},
    )


async def _lines(by: Actor, meetup: Meetup, shown: Shown | None) -> AsyncIterator[bytes]:
    """The file in pieces, however long it is; the mark at its head is for spreadsheets."""
    head = [
        _("Name"),
        _("E-mail address"),
        _("Status"),
        _("Registered on"),
        _("Came in"),
    ]
    yield "\ufeff".encode() + _row(head)
    after: UUID | None = None
    while True:
        async with scoped(by, readonly=True):
            lines = await registrations.listing(
                meetup.id, status=shown, after=after, limit=CSV_CHUNK
            )
        for line in lines:
            came = line.attended_at.isoformat() if line.attended_at else ""
            yield _row(
                [
                    line.name,
                    line.email,
                    status_of(line)[1],
                    line.registered_at.isoformat(),
                    came,
                ]
            )
        if len(lines) < CSV_CHUNK:
            return
        after = lines[-1].id


def _row(values: list[Any]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow([cell(value) for value in values])
    return out.getvalue().encode()


def _shown(text: str | None) -> Shown | None:
    try:
        return Shown(text) if text else None
    except ValueError as error:
        raise NotFound from error


async def _list(
    asking: Asking,
    by: Actor,
    seat: Seat,
    slug: str,
    asked: Any,  # noqa: ANN401 - Litestar's multi-dict
    *,
    refused: tuple[dict[str, Any], dict[str, Any]] | None = None,
) -> Response[Any]:
    shown, search = _shown(asked.get("status")), (asked.get("q") or "")[:100]
    after = key_of(asked.get("after"))
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(slug)
        room = await meetups.room(meetup.id)
        counts = await registrations.counts(meetup.id)
        lines = await registrations.listing(
            meetup.id, status=shown, search=search, after=after, limit=PAGE + 1
        )
        where = await venues.place(meetup.venue_id)
        taken = [line.member_id for line in lines if line.status is not Status.CANCELLED]
        twice = await doubles.at_meetup(meetup.id, taken)
    base = f"/w/{seat.slug}/meetups/{meetup.slug}"
    more = lines[PAGE - 1].id if len(lines) > PAGE else None
    lines = lines[:PAGE]
    stage = meetups.stage(meetup, asking.now)
    errors, answers = refused or ({}, {})
    return page(
        asking,
        "organize/registrations.html",
        status=422 if refused else 200,
        meetup=meetup,
        place=where,
        base=base,
        room=room,
        counts=counts,
        lines=[(line, *status_of(line)) for line in lines],
        doubles=twice,
        registered={
            line.id: short_date(line.registered_at, meetup.time_zone) for line in lines
        },
        filters=_filters(f"{base}/registrations", counts, shown, search),
        search=search,
        shown=shown.value if shown else "",
        next_href=_href(f"{base}/registrations", shown, search, more) if more else None,
        is_open=stage in {Stage.PUBLISHED, Stage.RUNNING},
        is_organiser=seat.role in workspaces.ORGANISERS,
        errors={name: str(text) for name, text in errors.items()},
        answers=answers,
    )


def _filters(
    base: str, counts: Counts, current: Shown | None, search: str
) -> list[dict[str, object]]:
    """The filters that would show something, and the one in use."""
    wanted = [None, *(one for one in Shown if count_of(counts, one) or one is current)]
    return [
        {
            "href": _href(base, one, search),
            "label": str(LABELS[one]) if one else _("All"),
            "count": count_of(counts, one),
            "current": one is current,
        }
        for one in wanted
    ]


def _href(base: str, shown: Shown | None, search: str, after: UUID | None = None) -> str:
    asked = {"status": shown.value if shown else "", "q": search, "after": str(after or "")}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{base}?{query}" if query else base


# Acting


@post("/meetups/{meetup_slug:str}/registrations", status_code=303)
async def add(
    *,
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(PersonForm, answers)
        async with scoped(by):
            meetup = await meetups.meetup_by_slug(meetup_slug)
            look = await workspaces.look_by_id(seat.workspace_id)
            made = await registrations.register(
                meetup,
                name=form.first_name,
                email=form.email,
                language=look.language,
                source=Source.PAGE,
                **letterhead(asking, look),
                by=by,
                now=now,
            )
    except Invalid as no:
        return await _list(asking, by, seat, meetup_slug, {}, refused=(no.fields, answers))
    except Conflict as no:
        return _back(asking, seat, meetup_slug, str(no), "bad")
    return _back(asking, seat, meetup_slug, _added(made))


def _added(made: Registered) -> str:
    if not made.is_new:
        return _("This person is registered already; nothing changes.")
    if made.status is Status.CONFIRMED:
        return _("The place is confirmed and the ticket is on its way.")
    return _("Every place is taken: this person waits, and a letter says so.")


ACTS: dict[str, tuple[Any, Lazy]] = {
    "release": (registrations.release, lazy("The place is released.")),
    "admit": (
        registrations.admit,
        lazy("The place is given and the ticket is on its way."),
    ),
    "replace": (
        registrations.replace_code,
        lazy("A new ticket is on its way; the old code stops working."),
    ),
}


@post("/meetups/{meetup_slug:str}/registrations/invite", status_code=303)
async def invite(
    *,
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    answers = await typed(request)
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(meetup_slug)
        look = await workspaces.look_by_id(seat.workspace_id)
    try:
        form = read(InviteForm, answers)
        await invitations.invite(
            meetup,
            name=form.invited,
            email=form.invited_email,
            her=None,
            workspace=look,
            settings=asking.settings,
            by=by,
            now=now,
        )
    except Invalid as no:
        return await _list(asking, by, seat, meetup_slug, {}, refused=(no.fields, answers))
    except Conflict as no:
        return _back(asking, seat, meetup_slug, str(no), "bad")
    said = _("Noted. Unless this person has a place or wants no letters, ours leaves now.")
    return _back(asking, seat, meetup_slug, said)


@post(
    "/meetups/{meetup_slug:str}/registrations/{registration_id:uuid}/{act:str}",
    status_code=303,
)
async def act_on(
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
    registration_id: FromPath[UUID],
    act: FromPath[str],
) -> Response[Any]:
    if act not in ACTS:
        raise NotFound
    command, said = ACTS[act]
    look = await workspaces.look_by_id(seat.workspace_id)
    async with scoped(by):
        meetup = await meetups.meetup_by_slug(meetup_slug)
        if (await find(Registration, registration_id)).meetup_id != meetup.id:
            raise NotFound
    try:
        await command(
            registration_id,
            **letterhead(asking, look),
            by=by,
            now=now,
        )
    except Conflict as no:
        return _back(asking, seat, meetup_slug, str(no), "bad")
    return _back(asking, seat, meetup_slug, str(said))


def _back(
    asking: Asking, seat: Seat, slug: str, said: str, tone: str = "good"
) -> Response[None]:
    return away(
        asking, f"/w/{seat.slug}/meetups/{slug}/registrations", said=said, tone=tone
    )


READS = [listing, listing_file]
WRITES = [add, invite, act_on]
