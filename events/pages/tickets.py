"""Ticket pages: what the holder of a code or of a personal link sees and may do.

The printed code shows the ticket and nothing else, because many eyes and cameras meet it.
The personal link of the letters also releases the place, and takes back the consent to
linking as easily as it was given. Neither address is ever sent on.
"""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from events.admission import agendas, calendars, registrations, tickets, touches
from events.admission.passes import Pass, code_of, day_of, entry_of, pass_of, pdf_of
from events.admission.registrations import CodeReplaced, Registration, Status
from events.pages.letterheads import letterhead
from events.people import consents
from events.people.consents import Purpose
from server import workspaces
from server.database import scoped
from server.errors import Conflict
from server.i18n import gettext as _
from server.i18n import lazy, ngettext
from server.look import Look
from server.rendering import content_disposition
from server.web import Asking, away, in_workspace_frame, page

UNLINK_TEXT = lazy("No longer link my presence")
PRIVATE = {"referrer-policy": "no-referrer", "x-robots-tag": "noindex, nofollow"}


class State(msgspec.Struct, frozen=True):
    """A status in words and as the shape beside them."""

    is_: str
    label: str
    why: str = ""


# Rules


def is_over(held: Pass, now: datetime) -> bool:
    """Is the meetup closed by its team, or past its end?"""
    if held.postponed_at is not None:  # whatever its old date says
        return False
    return held.closed_at is not None or now >= held.ends_at


def may_release(held: Pass, now: datetime) -> bool:
    """Is there a place or a number to give back, and still somebody to give it to?"""
    is_gone = held.status is Status.CANCELLED or held.attended_at is not None
    return not (is_gone or held.cancelled_at is not None or is_over(held, now))


def state_of(held: Pass, now: datetime) -> State:
    """How her registration stands, and why."""
    if held.cancelled_at is not None:
        return State("no", _("The meetup is cancelled"), held.cancelled_reason)
    if held.postponed_at is not None and held.status is not Status.CANCELLED:
        kept = _("Your place is kept. A letter brings the new date.")
        return State("wait", _("The meetup is postponed"), held.postponed_reason or kept)
    if is_over(held, now):
        return State("no", _("This meetup is over"))
    if held.status is Status.CONFIRMED:
        return State("yes", _("Place confirmed"))
    return _without(held)


def _without(held: Pass) -> State:
    """Why she has no place at a meetup that takes place."""
    if held.status is Status.CANCELLED:
        return State("no", _("Place released"), _("The page of the meetup takes you back."))
    if held.status is Status.LOST_DRAW:
        return State(
            "no", _("Not drawn"), _("The draw gave the places to others this time.")
        )
    return _waiting(held)


def _waiting(held: Pass) -> State:
    """What one who has no place yet waits for."""
    if held.admission == "lottery":
        return State("wait", _("Waiting for the draw"), _("A letter tells you the result."))
    rank = held.rank or 1
    return State(
        "wait",
        _("Number %(rank)s in line", rank=rank),
        _("Every place is taken. You are first: the next free place is yours.")
        if rank == 1
        else ngettext(
            "Every place is taken, and %(num)s person waits before you.",
            "Every place is taken, and %(num)s people wait before you.",
            rank - 1,
        ),
    )


# The printed code


@get(["/t/{code:str}", "/T/{code:str}"])
async def ticket(asking: NamedDependency[Asking], code: FromPath[str]) -> Response[Any]:
    try:
        found = await registrations.by_ticket(code)
    except CodeReplaced:
        return _private(page(asking, "public/ticket_gone.html", status=410))
    return await _shown(asking, found, f"/t/{code}", is_own=False)


@get(["/t/{code:str}/ticket.pdf", "/T/{code:str}/ticket.pdf"])
async def ticket_file(
    request: Request[Any, Any, Any], asking: NamedDependency[Asking], code: FromPath[str]
) -> Response[Any]:
    return await _pdf(request, asking, await registrations.by_ticket(code))


# The personal link


@get("/r/{capability:str}")
async def place(
    asking: NamedDependency[Asking], capability: FromPath[str]
) -> Response[Any]:
    found = await registrations.by_capability(capability)
    return await _shown(asking, found, f"/r/{capability}", is_own=True)


@get("/r/{capability:str}/ticket.pdf")
async def place_file(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    capability: FromPath[str],
) -> Response[Any]:
    return await _pdf(request, asking, await registrations.by_capability(capability))


@get("/r/{capability:str}/calendar.ics")
async def calendar(
    asking: NamedDependency[Asking], capability: FromPath[str]
) -> Response[Any]:
    held, look = await _read(asking, await registrations.by_capability(capability))
    settings = asking.settings
    entry = entry_of(held, look, origin=settings.origin, mail_from=settings.mail_from)
    answer = Response[Any](calendars.feed(held.title, [entry]), media_type="text/calendar")
    answer.headers["content-disposition"] = content_disposition(f"{held.slug}.ics")
    return _private(answer)


@get("/r/{capability:str}/release")
async def ask_release(
    asking: NamedDependency[Asking], capability: FromPath[str]
) -> Response[Any]:
    return await _ask(asking, capability)


@post("/r/{capability:str}/release", status_code=303)
async def release(
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    capability: FromPath[str],
) -> Response[Any]:
    found = await registrations.by_capability(capability)
    look = await workspaces.look_by_id(found.workspace_id)
    try:
        await registrations.release(
            found.id,
            **letterhead(asking, look),
            by=asking.anyone(look.id),
            now=now,
        )
    except Conflict as no:
        return await _ask(asking, capability, str(no))
    said = _("Your place is released. A letter confirms it.")
    return _private(away(asking, f"/r/{capability}", said=said))


@post("/r/{capability:str}/unlink", status_code=303)
async def unlink(
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    capability: FromPath[str],
) -> Response[Any]:
    """Her yes to linking, taken back at once; asking twice says no once (GDPR, 7(3))."""
    held, look = await _read(asking, await registrations.by_capability(capability))
    by = asking.anyone(look.id)
    if held.is_linked:
        async with scoped(by):
            await consents.withdraw(
                held.member_id,
                Purpose.LINKING,
                text=str(UNLINK_TEXT),
                language=asking.lang,
                via="page",
                by=by,
                now=now,
            )
    said = _(
        "Your presence is no longer linked. To link it again, tick the box the next time"
        " you register."
    )
    return _private(away(asking, f"/r/{capability}", said=said))


async def _ask(asking: Asking, capability: str, refusal: str = "") -> Response[Any]:
    held, look = await _read(asking, await registrations.by_capability(capability))
    if held.status is Status.CANCELLED:
        return _private(away(asking, f"/r/{capability}"))
    answer = page(
        asking,
        "public/release.html",
        status=409 if refusal else 200,
        held=held,
        day=day_of(held.starts_at, held.ends_at, held.time_zone),
        href=f"/r/{capability}",
        release_href=f"/r/{capability}/release",
        refusal=refusal,
        **in_workspace_frame(asking, look),
    )
    return _private(answer)


async def _read(asking: Asking, found: Registration) -> tuple[Pass, Look]:
    look = await workspaces.look_by_id(found.workspace_id)
    async with scoped(asking.anyone(look.id), readonly=True):
        return await pass_of(found.id), look


async def _shown(
    asking: Asking, found: Registration, href: str, *, is_own: bool
) -> Response[Any]:
    held, look = await _read(asking, found)
    async with scoped(asking.anyone(look.id), readonly=True):
        is_invited = is_own and await touches.is_touched(held.member_id)
    settings = asking.settings
    code = code_of(held, tickets.keys_of(settings))
    entry = entry_of(held, look, origin=settings.origin, mail_from=settings.mail_from)
    answer = page(
        asking,
        "public/ticket.html",
        held=held,
        state=state_of(held, asking.now),
        has_code=held.has_ticket and not is_over(held, asking.now),
        day=day_of(held.starts_at, held.ends_at, held.time_zone),
        typed=code.typed,
        square=tickets.qr_svg(
            code.url(settings.origin), title=_("Your code, to show at the entrance")
        ),
        google=calendars.google_link(entry),
        outlook=calendars.outlook_link(entry),
        pdf_href=f"{href}/ticket.pdf",
        **_own_hrefs(held, href if is_own else None, asking.now),
        mine=await _agenda(asking, look, found) if is_own else None,
        unlink_text=str(UNLINK_TEXT),
        hide_href=f"{href}/hide" if is_invited else None,
        **in_workspace_frame(asking, look),
    )
    return _private(answer)


def _own_hrefs(held: Pass, own: str | None, now: datetime) -> dict[str, Any]:
    """Where the person herself acts on her place; nowhere for whoever only holds a code."""
    return {
        "calendar_href": f"{own}/calendar.ics" if own else None,
        "release_href": f"{own}/release" if own and may_release(held, now) else None,
        "unlink_href": f"{own}/unlink" if own and held.is_linked else None,
        "mine_href": f"{own}/agenda" if own else None,
    }


async def _agenda(
    asking: Asking, look: Look, found: Registration
) -> calendars.Subscription | None:
    """How her own calendar follows her meetups, once she asked for the address."""
    async with scoped(asking.anyone(look.id), readonly=True):
        kept = await agendas.agenda_of(found.member_id)
    settings = asking.settings
    path = agendas.address_of(kept, tickets.keys_of(settings))
    return calendars.subscription(f"{settings.origin}{path}", look.name) if path else None


async def _pdf(
    request: Request[Any, Any, Any], asking: Asking, found: Registration
) -> Response[Any]:
    held, look = await _read(asking, found)
    if not held.has_ticket:
        raise registrations.RegistrationClosed
    content = await pdf_of(
        held,
        look,
        request.app.state.pdf,
        keys=tickets.keys_of(asking.settings),
        origin=asking.settings.origin,
        lang=asking.lang,
    )
    answer = Response[Any](content, media_type="application/pdf")
    answer.headers["content-disposition"] = content_disposition(
        _("ticket.pdf"), inline=True
    )
    return _private(answer)


def _private(answer: Response[Any]) -> Response[Any]:
    """An address that is a secret goes nowhere: no referrer, no index."""
    answer.headers.update(PRIVATE)
    return answer


ROUTES = [ticket, ticket_file, place, place_file, calendar, ask_release, release, unlink]
