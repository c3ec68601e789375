"""Letters of admission: what registrants are told, each thing once, in their language.

The transaction that changes a place queues the letter and lets go of the row that counts
the places; a job writes it. What weighs is made when it is sent: the ticket as PDF, its
code as a picture inside the letter, the calendar entry.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from events.admission import calendars, tickets
from events.admission.passes import (
    Pass,
    code_of,
    day_of,
    entry_of,
    href_of,
    pass_of,
    passes,
)
from events.admission.passes import pdf_of as ticket_pdf
from events.admission.places import Status
from events.admission.tickets import Keys, keys_of
from events.planning.meetups import Meetup
from server import jobs, mail
from server.audit import Actor
from server.clock import utc_now
from server.colors import brand
from server.database import scoped, sql
from server.i18n import LANGUAGES, use
from server.i18n import gettext as _
from server.look import Look
from server.mail import Enclosure
from server.rendering import PdfPool, RenderFailed
from server.settings import Settings
from server.workspaces import look_at_work, look_by_id

AT_ONCE = 100  # letters written in one transaction when everybody is told
DATED = ["confirmed", "promoted", "waitlisted", "meetup_changed", "meetup_postponed"]
TICKET = ("ticket_pdf", "ticket_code", "invitation")
MAKERS = {
    "confirmed": TICKET,
    "promoted": TICKET,
    "meetup_changed": TICKET,
    "released": ("calendar_cancelled",),
    "meetup_postponed": ("calendar_postponed",),
    "meetup_cancelled": ("calendar_cancelled",),
    "waitlisted": (),
}

log = logging.getLogger("apero.letters")


@dataclass(frozen=True)
class Post:
    """From whom a letter leaves, with what its links and codes are made of."""

    look: Look
    origin: str
    keys: Keys
    now: datetime


# Rules


def language_of(held: Pass, look: Look) -> str:
    """The language a person chose, or the workspace's."""
    return next((one for one in (held.language, look.language) if one in LANGUAGES), "en")


def once_key(kind: str, held: Pass) -> str:
    """What makes a letter the same letter: its kind, and what it tells about."""
    about = f"{held.rotation}.{int(held.registered_at.timestamp())}"
    if kind in {"meetup_changed", "meetup_postponed"}:
        about += f".{held.sequence}"
    return f"registration:{held.id}:{kind}:{about}"


def is_overtaken(kind: str, held: Pass) -> bool:
    """Has something happened since that another letter tells better?"""
    is_off = held.postponed_at is not None or held.cancelled_at is not None
    if kind in {"confirmed", "promoted"}:
        return is_off or held.status is not Status.CONFIRMED
    if kind == "waitlisted":
        return is_off or held.status is not Status.WAITLISTED
    if kind == "released":
        return held.status is not Status.CANCELLED
    if kind == "meetup_changed":
        return is_off
    if kind == "meetup_postponed":
        return held.postponed_at is None or held.cancelled_at is not None
    return False


# Commands


async def tell(kind: str, ids: list[UUID], post: Post) -> None:
    """Queue this letter to these registrants, in the current transaction."""
    wanted = {
        "kind": kind,
        "workspace": str(post.look.id),
        "origin": post.origin,
        "ids": [str(id_) for id_ in ids],
    }
    await jobs.enqueue("write_letters", wanted)


async def write(kind: str, ids: list[UUID], post: Post) -> None:
    """Write this letter to each of these registrants who has an address, once."""
    for held in await passes(ids):
        if held.email and not is_overtaken(kind, held):
            await _write(kind, held, held.email, post)


async def _write(kind: str, held: Pass, to: str, post: Post) -> None:
    lang = language_of(held, post.look)
    href = href_of(held, post.keys, post.origin)
    makers = MAKERS[kind] if kind != "meetup_changed" or held.has_ticket else ()
    with use(lang):
        day = day_of(held.starts_at, held.ends_at, held.time_zone)
    await mail.post(
        kind,
        to=to,
        language=lang,
        workspace=post.look,
        context={
            "held": held,
            "day": day,
            "brand": brand(post.look.color),
            "typed": code_of(held, post.keys).typed,
            "href": href,
            "release_href": f"{href}/release",
            "agenda_href": f"{post.origin}/m/{post.look.slug}",
            "meetup_href": f"{post.origin}/m/{post.look.slug}/{held.slug}",
        },
        makers=[(name, held.id) for name in makers],
        once=once_key(kind, held),
        now=post.now,
    )


async def tell_everybody(kind: str, meetup: Meetup, *, by: Actor) -> None:
    """Queue this letter to everybody who has a place or waits for one.

    What was written to them before, and has not left, names a date that no longer holds:
    it does not leave.
    """
    await sql(
        "DELETE FROM letter l USING registration r WHERE l.workspace_id = $1"
        " AND l.kind = ANY ($3) AND l.sent_at IS NULL AND l.failed_at IS NULL"
        " AND l.claimed_at IS NULL AND r.workspace_id = $1 AND r.meetup_id = $2"
        " AND r.status IN ('confirmed', 'waitlisted')"
        " AND r.id::text = split_part(l.once_key, ':', 2)",
        by.workspace_id,
        meetup.id,
        DATED,
    )
    await jobs.enqueue("tell_registered", _some(kind, by.workspace_id, meetup.id, None))


def _some(
    kind: str, workspace_id: UUID, meetup_id: UUID, after: UUID | None
) -> dict[str, Any]:
    return {
        "kind": kind,
        "workspace": str(workspace_id),
        "meetup": str(meetup_id),
        "after": str(after or ""),
    }


class Desk:
    """Makes what goes with a letter when it is sent, and tells everybody in small steps."""

    def __init__(self, settings: Settings, pdf_of: Callable[[], PdfPool]) -> None:
        self.settings = settings
        self.pdf_of = pdf_of
        self.keys = keys_of(settings)

    async def tell_registered(self, wanted: dict[str, Any]) -> None:
        """Write the next letters; what is done twice is written once."""
        scope = frozenset({UUID(wanted["workspace"])})
        async with scoped(scope):
            look = await look_at_work(UUID(wanted["workspace"]))
            if look is None:
                return
            ids = await _registrants(UUID(wanted["meetup"]), wanted["after"])
            post = Post(look, self.settings.origin, self.keys, utc_now())
            await write(wanted["kind"], ids, post)
            if len(ids) == AT_ONCE:
                await jobs.enqueue("tell_registered", {**wanted, "after": str(ids[-1])})

    async def write_letters(self, wanted: dict[str, Any]) -> None:
        """Write the letters a change of places has queued; twice is once."""
        async with scoped(frozenset({UUID(wanted["workspace"])})):
            look = await look_at_work(UUID(wanted["workspace"]))
            if look is None:
                return
            post = Post(look, wanted["origin"], self.keys, utc_now())
            await write(wanted["kind"], [UUID(id_) for id_ in wanted["ids"]], post)

    async def ticket(self, workspace_id: UUID, registration_id: UUID) -> Enclosure | None:
        """The ticket as PDF; without it the letter still carries the code."""
        held, look = await _read(workspace_id, registration_id)
        if not held.has_ticket:
            return None
        lang = language_of(held, look)
        try:
            content = await ticket_pdf(
                held,
                look,
                self.pdf_of(),
                keys=self.keys,
                origin=self.settings.origin,
                lang=lang,
            )
        except RenderFailed as failure:
            log.warning("ticket.not_printed", extra={"reason": str(failure)})
            return None
        with use(lang):
            name = _("ticket.pdf")
        return Enclosure(name, "application/pdf", content)

    async def code(self, workspace_id: UUID, registration_id: UUID) -> Enclosure | None:
        """The code as a picture shown inside the letter."""
        held, _look = await _read(workspace_id, registration_id)
        if not held.has_ticket:
            return None
        url = code_of(held, self.keys).url(self.settings.origin)
        return Enclosure("code.png", "image/png", tickets.qr_png(url), cid="code@apero")

    async def invitation(
        self, workspace_id: UUID, registration_id: UUID
    ) -> Enclosure | None:
        """The meetup for her calendar, already accepted."""
        held, look = await _read(workspace_id, registration_id)
        if not held.has_ticket or held.postponed_at is not None:
            return None
        return self._calendar(held, look, calendars.invitation, "REQUEST")

    async def cancelled(
        self, workspace_id: UUID, registration_id: UUID
    ) -> Enclosure | None:
        """What takes the meetup out of her calendar again, unless she is back."""
        held, look = await _read(workspace_id, registration_id)
        if held.has_ticket:
            return None
        return self._calendar(held, look, calendars.cancellation, "CANCEL")

    async def postponed(
        self, workspace_id: UUID, registration_id: UUID
    ) -> Enclosure | None:
        """What takes a date that no longer holds out of her calendar."""
        held, look = await _read(workspace_id, registration_id)
        if held.postponed_at is None:
            return None
        # Putting it off has counted the sequence up already; its new date counts on.
        return self._calendar(held, look, _withdrawn, "CANCEL")

    def _calendar(
        self, held: Pass, look: Look, write: Callable[[calendars.Entry], bytes], method: str
    ) -> Enclosure:
        settings = self.settings
        entry = entry_of(held, look, origin=settings.origin, mail_from=settings.mail_from)
        return Enclosure(
            "invite.ics",
            "text/calendar",
            write(entry),
            parameters=(("method", method), ("charset", "utf-8")),
        )


def _withdrawn(entry: calendars.Entry) -> bytes:
    return calendars.cancellation(replace(entry, sequence=entry.sequence - 1))


def register_makers(settings: Settings, pdf_of: Callable[[], PdfPool]) -> None:
    """Let letters find what makes their enclosures, and the worker this room's job."""
    desk = Desk(settings, pdf_of)
    made: Sequence[tuple[str, Callable[[UUID, UUID], Awaitable[Enclosure | None]]]] = (
        ("ticket_pdf", desk.ticket),
        ("ticket_code", desk.code),
        ("invitation", desk.invitation),
        ("calendar_cancelled", desk.cancelled),
        ("calendar_postponed", desk.postponed),
    )
    for name, make in made:
        mail.maker(name)(make)
    jobs.job("tell_registered")(desk.tell_registered)
    jobs.job("write_letters")(desk.write_letters)


# Queries


async def _read(workspace_id: UUID, registration_id: UUID) -> tuple[Pass, Look]:
    """What a letter that is written already brings, even when its brand was archived."""
    async with scoped(frozenset({workspace_id})):
        look = await look_by_id(workspace_id, even_archived=True)
        return await pass_of(registration_id), look


async def _registrants(meetup_id: UUID, after: str) -> list[UUID]:
    """The next people who have a place or wait for one."""
    rows = await sql(
        "SELECT id FROM registration WHERE workspace_id = ANY (apero_scope())"
        " AND meetup_id = $1 AND status IN ('confirmed', 'waitlisted')"
        " AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3",
        meetup_id,
        UUID(after) if after else None,
        AT_ONCE,
    )
    return [row["id"] for row in rows]
