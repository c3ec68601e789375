"""Sponsors: who pays for what, and who of theirs may read the reports."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from events.engagement import editions
from events.pages.deliverables import scope_of
from events.planning import dues, meetups, sold, sponsors
from events.planning.sponsors import SponsorLine
from server import workspaces
from server.audit import Actor
from server.database import find, scoped
from server.errors import Conflict, Invalid, NotFound
from server.forms import Email, Form, Line, Tick, read
from server.i18n import gettext as _
from server.sheets import table
from server.web import Asking, away, key_of, page, typed
from server.workspaces import ORGANISERS, Seat

PAGE = 50
MOST_MEETUPS = 30


class SponsorForm(Form, kw_only=True):
    name: Line
    website: Line | None = None


class ContactForm(Form, kw_only=True):
    email: Email


class SponsoringForm(Form, kw_only=True):
    sponsor: UUID
    sure: Tick = Tick(0)


# Reading


@get("/sponsors")
async def listing(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[str]:
    search = request.query_params.get("q", "").strip()
    after = key_of(request.query_params.get("after"))
    async with scoped(by, readonly=True):
        found = await sponsors.sponsors(search, after=after, limit=PAGE + 1)
    more = {"q": search, "after": str(found[PAGE - 1].id)} if len(found) > PAGE else None
    return page(
        asking,
        "organize/sponsors.html",
        workspace=seat,
        lines=found[:PAGE],
        search=search,
        export_href=f"/w/{seat.slug}/sponsors.csv?{urlencode({'q': search})}",
        next_href=f"/w/{seat.slug}/sponsors?{urlencode(more)}" if more else None,
        is_organiser=seat.role in ORGANISERS,
    )


@get("/sponsors.csv")
async def sponsors_file(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Stream:
    search = request.query_params.get("q", "")

    async def some(after: UUID | None, limit: int) -> list[SponsorLine]:
        return await sponsors.sponsors(search, after=after, limit=limit)

    def cells(one: SponsorLine) -> list[object]:
        return [one.name, one.website, one.contacts, one.meetups, one.owed]

    head = [_("Name"), _("Site"), _("Contacts"), _("Meetups"), _("Owed")]
    return table(f"{seat.slug}-sponsors.csv", head, some, cells, by=by)


@get("/sponsors/new")
async def new(
    asking: NamedDependency[Asking], seat: NamedDependency[Seat]
) -> Response[str]:
    return await _form(asking, seat)


@get("/sponsors/{sponsor_slug:str}")
async def sponsor_page(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    sponsor_slug: FromPath[str],
) -> Response[str]:
    after = key_of(request.query_params.get("after"))
    return await _sponsor(asking, by, now, seat, sponsor_slug, after=after)


@get("/sponsors/{sponsor_slug:str}/edit")
async def edit(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    sponsor_slug: FromPath[str],
) -> Response[str]:
    async with scoped(by, readonly=True):
        sponsor = await sponsors.sponsor_by_slug(sponsor_slug)
    answers = {"name": sponsor.name, "website": sponsor.website}
    return await _form(asking, seat, answers=answers, sponsor=sponsor)


async def _form(
    asking: Asking,
    seat: Seat,
    errors: dict[str, Any] | None = None,
    answers: dict[str, Any] | None = None,
    sponsor: SponsorLine | None = None,
) -> Response[str]:
    return page(
        asking,
        "organize/sponsor_new.html",
        status=422 if errors else 200,
        workspace=await workspaces.look(seat.slug),
        sponsor=sponsor,
        errors={name: str(text) for name, text in (errors or {}).items()},
        answers=answers or {},
    )


async def _sponsor(
    asking: Asking,
    by: Actor,
    now: datetime,
    seat: Seat,
    slug: str,
    *,
    after: UUID | None = None,
    refused: tuple[dict[str, Any], dict[str, Any]] | None = None,
) -> Response[str]:
    look = await workspaces.look(seat.slug)
    async with scoped(by, readonly=True):
        sponsor = await sponsors.sponsor_by_slug(slug)
        people = await sponsors.contacts(sponsor.id)
        sponsored = await sponsors.meetups_of(sponsor.id, limit=MOST_MEETUPS)
        today = dues.day_of(now, look.time_zone)
        sales = await sold.sales(today=today, sponsor=slug, after=after, limit=PAGE + 1)
    here = f"/w/{seat.slug}/sponsors/{slug}"
    errors, answers = refused or ({}, {})
    return page(
        asking,
        "organize/sponsor.html",
        status=422 if refused else 200,
        workspace=look,
        sponsor=sponsor,
        contacts=people,
        meetups=sponsored,
        sales=[(one, scope_of(one)) for one in sales[:PAGE]],
        next_href=f"{here}?after={sales[PAGE - 1].id}#sales" if len(sales) > PAGE else None,
        portal_href=f"{asking.settings.origin}/portal/{look.slug}",
        is_organiser=seat.role in ORGANISERS,
        errors={name: str(text) for name, text in errors.items()},
        answers=answers,
    )


# Acting


@post("/sponsors/new", status_code=303)
async def make(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(SponsorForm, answers)
        made = await sponsors.make_sponsor(
            form.name, website=form.website or "", by=by, now=now
        )
    except Invalid as no:
        return await _form(asking, seat, dict(no.fields), answers)
    except sponsors.SponsorExists as no:
        return await _form(asking, seat, {"name": str(no)}, answers)
    said = _("The sponsor is written down.")
    return away(asking, f"/w/{seat.slug}/sponsors/{made.slug}", said=said)


@post("/sponsors/{sponsor_slug:str}/edit", status_code=303)
async def change(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    sponsor_slug: FromPath[str],
) -> Response[Any]:
    answers = await typed(request)
    async with scoped(by, readonly=True):
        sponsor = await sponsors.sponsor_by_slug(sponsor_slug)
    try:
        form = read(SponsorForm, answers)
        await sponsors.change_sponsor(
            sponsor.id, form.name, website=form.website or "", by=by, now=now
        )
    except Invalid as no:
        return await _form(asking, seat, dict(no.fields), answers, sponsor)
    said = _("The sponsor is changed.")
    return away(asking, f"/w/{seat.slug}/sponsors/{sponsor_slug}", said=said)


@post("/sponsors/{sponsor_slug:str}/contacts", status_code=303)
async def add_contact(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    sponsor_slug: FromPath[str],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(ContactForm, answers)
        look = await workspaces.look(seat.slug)
        async with scoped(by):
            sponsor = await sponsors.sponsor_by_slug(sponsor_slug)
            await sponsors.add_contact(
                sponsor.id,
                form.email,
                workspace=look,
                origin=asking.settings.origin,
                by=by,
                now=now,
            )
    except Invalid as no:
        refused = (dict(no.fields), answers)
        return await _sponsor(asking, by, now, seat, sponsor_slug, refused=refused)
    said = _("%(email)s may read this sponsor’s page.", email=form.email)
    return away(asking, f"/w/{seat.slug}/sponsors/{sponsor_slug}", said=said)


@post("/sponsors/{sponsor_slug:str}/contacts/{contact_id:uuid}/end", status_code=303)
async def end_contact(
    asking: NamedDependency[Asking],
    *,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    sponsor_slug: FromPath[str],
    contact_id: FromPath[UUID],
) -> Response[Any]:
    async with scoped(by):
        sponsor = await sponsors.sponsor_by_slug(sponsor_slug)
        if contact_id not in {one.id for one in await sponsors.contacts(sponsor.id)}:
            raise NotFound
        await sponsors.end_contact(contact_id, by=by, now=now)
    said = _("This contact reads nothing any more.")
    return away(asking, f"/w/{seat.slug}/sponsors/{sponsor_slug}", said=said)


@post("/meetups/{meetup_slug:str}/sponsors", status_code=303)
async def sponsor_meetup(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    """A sponsor who comes after the meetup is closed is told what the others were.

    That letter cannot be called back: it is asked once more, with its readers by name.
    """
    path = f"/w/{seat.slug}/meetups/{meetup_slug}"
    look = await workspaces.look(seat.slug)
    answers = await typed(request)
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(meetup_slug)
    try:
        form = read(SponsoringForm, answers)
    except Invalid:
        said = _("Choose a sponsor first.")
        return away(asking, path, said=said, tone="bad")
    if not form.sure and meetup.closed_at is not None:
        return await _late(asking, by, seat, meetup, form.sponsor)
    async with scoped(by):
        await sponsors.sponsor_meetup(form.sponsor, meetup, by=by, now=now)
        if meetup.closed_at is not None:
            await editions.freeze(
                meetup, workspace=look, origin=asking.settings.origin, by=by, now=now
            )
    return away(asking, path, said=_("The sponsor is on this meetup."))


async def _late(
    asking: Asking, by: Actor, seat: Seat, meetup: meetups.Meetup, sponsor_id: UUID
) -> Response[Any]:
    """Who would read the frozen report, before it leaves."""
    look = await workspaces.look(seat.slug)
    async with scoped(by, readonly=True):
        sponsor = await find(sponsors.Sponsor, sponsor_id)
        readers = await sponsors.contacts(sponsor_id)
    return page(
        asking,
        "organize/sponsor_late.html",
        workspace=look,
        meetup=meetup,
        base=f"/w/{look.slug}/meetups/{meetup.slug}",
        sponsor=sponsor,
        readers=[one.email for one in readers],
    )


@post("/meetups/{meetup_slug:str}/sponsors/{sponsor_id:uuid}/end", status_code=303)
async def end_sponsorship(
    asking: NamedDependency[Asking],
    *,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
    sponsor_id: FromPath[UUID],
) -> Response[Any]:
    path = f"/w/{seat.slug}/meetups/{meetup_slug}"
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(meetup_slug)
    try:
        await sponsors.end_sponsorship(sponsor_id, meetup, by=by, now=now)
    except Conflict as no:
        return away(asking, path, said=str(no), tone="bad")
    return away(asking, path, said=_("The sponsor is taken off this meetup."))


READS: list[HTTPRouteHandler] = [listing, sponsors_file, sponsor_page]
WRITES: list[HTTPRouteHandler] = [
    new,
    make,
    edit,
    change,
    add_contact,
    end_contact,
    sponsor_meetup,
    end_sponsorship,
]
