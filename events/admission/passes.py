"""Passes: all that a ticket, a letter or a calendar says about one registration.

A pass is read, never stored. Its code and its link are computed again at each print from
the installation's secret, so what the paper shows is what the page shows.
"""

from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from babel.dates import format_date

from events.admission import calendars, tickets
from events.admission.places import Status
from events.admission.tickets import Code, Keys
from server.assets import asset_bytes, font_bytes
from server.brand import logo_for_print
from server.colors import brand
from server.database import sql
from server.errors import NotFound
from server.i18n import gettext as _
from server.i18n import hour, language, use, zone
from server.look import Look
from server.rendering import PdfPool, render

FONTS = (300, 400, 600)


class Pass(msgspec.Struct, frozen=True):
    """One registration with its person, its meetup and its venue.

    `sequence` counts on, for her calendar, past the cancellation of each place she gave
    back before (RFC 5546, 2.1.4): one number says that it is off, the next that it is on.
    """

    id: UUID
    workspace_id: UUID
    meetup_id: UUID
    member_id: UUID
    status: Status
    rank: int | None
    rotation: int
    language: str
    source: str
    registered_at: datetime
    attended_at: datetime | None
    name: str
    email: str | None
    is_linked: bool
    slug: str
    title: str
    description: str
    number: int
    key_id: int
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    admission: str
    representative: str
    sequence: int
    updated_at: datetime
    cancelled_at: datetime | None
    cancelled_reason: str
    closed_at: datetime | None
    postponed_at: datetime | None
    postponed_reason: str
    venue: str
    address: str
    access: str

    @property
    def first_name(self) -> str:
        """How a letter greets her: the first word of her name."""
        return next(iter(self.name.split()), "")

    @property
    def place(self) -> str:
        """Where it is, on one line."""
        return ", ".join(part for part in (self.venue, self.address) if part)

    @property
    def has_ticket(self) -> bool:
        """Is there something to show at the door?"""
        return self.status is Status.CONFIRMED and self.cancelled_at is None


class Day(msgspec.Struct, frozen=True):
    """A date as a menu prints it: the figure large, the rest beside it."""

    figure: str
    first: str
    second: str
    hours: str


# Rules


def day_of(starts_at: datetime, ends_at: datetime, time_zone: str) -> Day:
    """When a meetup is, for the band of a letter or the head of a page."""
    date = starts_at.astimezone(zone(time_zone)).date()
    hours = _(
        "%(starts)s to %(ends)s",
        starts=hour(starts_at, time_zone),
        ends=hour(ends_at, time_zone),
    )
    month = format_date(date, "LLLL y", locale=language.get())
    return Day(
        figure=str(date.day),
        first=format_date(date, "EEEE", locale=language.get()),
        second=f"{month}, {hours}",
        hours=hours,
    )


def code_of(held: Pass, keys: Keys) -> Code:
    """The code this pass prints."""
    return tickets.issue(
        keys.at(held.key_id),
        meetup_id=held.meetup_id,
        meetup_number=held.number,
        registration_id=held.id,
        rotation=held.rotation,
    )


def href_of(held: Pass, keys: Keys, origin: str) -> str:
    """Her own link, by which she manages her place."""
    secret = tickets.capability(
        keys.at(held.key_id), held.meetup_id, held.id, held.rotation
    )
    return f"{origin}/r/{secret}"


def entry_of(held: Pass, look: Look, *, origin: str, mail_from: str) -> calendars.Entry:
    """The meetup as her calendar sees it."""
    host = urlsplit(origin).hostname or "apero"
    is_off = held.cancelled_at is not None or held.postponed_at is not None
    return calendars.Entry(
        uid=f"{held.meetup_id}@{host}",
        sequence=held.sequence,
        starts_at=held.starts_at,
        ends_at=held.ends_at,
        time_zone=held.time_zone,
        title=held.title,
        updated_at=held.updated_at,
        description=held.description,
        place=held.place,
        url=f"{origin}/m/{look.slug}/{held.slug}",
        organizer_name=look.name,
        organizer_email=look.reply_to or mail_from,
        status=calendars.State.CANCELLED if is_off else calendars.State.CONFIRMED,
        attendee_email=held.email,
        attendee_name=held.name,
    )


# Commands


async def pdf_of(
    held: Pass, look: Look, pdf: PdfPool, *, keys: Keys, origin: str, lang: str
) -> bytes:
    """The ticket on one A5 page."""
    code = code_of(held, keys)
    logo = await logo_for_print(look)
    with use(lang):
        title = _("Ticket for %(title)s", title=held.title)
        html = render(
            "print/ticket.html",
            lang=lang,
            workspace=look,
            brand=brand(look.color),
            logo=logo,
            held=held,
            day=day_of(held.starts_at, held.ends_at, held.time_zone),
            typed=code.typed,
            square=tickets.qr_svg(code.url(origin), title=title, module_mm=0.9),
        )
    assets = {"print.css": asset_bytes("print.css")}
    for weight in FONTS:
        assets[f"inter-latin-{weight}-normal.woff2"] = font_bytes(weight)
        assets[f"inter-latin-ext-{weight}-normal.woff2"] = font_bytes(weight, extended=True)
    return await pdf.render(html, assets, title=title)


# Queries


async def passes(ids: list[UUID]) -> list[Pass]:
    """These registrations with all that a ticket says, in order of arrival."""
    return await sql(
        "SELECT r.id, r.workspace_id, r.meetup_id, r.member_id, r.status, r.rotation,"
        " CASE WHEN r.wait_no IS NOT NULL THEN (SELECT count(*) FROM registration w"
        " WHERE w.workspace_id = r.workspace_id AND w.meetup_id = r.meetup_id"
        " AND w.wait_no <= r.wait_no) END AS rank,"
        " r.language, r.source, r.registered_at, r.attended_at, b.name, b.email,"
        " b.linking_agreed_at IS NOT NULL AS is_linked, m.slug,"
        " m.title, m.description, m.number, m.key_id, m.starts_at, m.ends_at, m.time_zone,"
        " m.admission, m.representative, m.sequence + 2 * r.returns AS sequence,"
        " m.updated_at, m.cancelled_at,"
        " m.cancelled_reason, m.closed_at, m.postponed_at, m.postponed_reason,"
        " coalesce(v.name, '') AS venue,"
        " coalesce(v.address, '') AS address, coalesce(v.access, '') AS access"
        " FROM registration r"
        " JOIN member b ON b.workspace_id = r.workspace_id AND b.id = r.member_id"
        " JOIN meetup m ON m.workspace_id = r.workspace_id AND m.id = r.meetup_id"
        " LEFT JOIN venue v ON v.workspace_id = m.workspace_id AND v.id = m.venue_id"
        " WHERE r.workspace_id = ANY (apero_scope()) AND r.id = ANY ($1::uuid[])"
        " ORDER BY r.id",
        ids,
        into=Pass,
    )


async def pass_of(registration_id: UUID) -> Pass:
    """One registration with all that a ticket says, or NotFound."""
    found = await passes([registration_id])
    if not found:
        raise NotFound
    return found[0]
