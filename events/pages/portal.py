"""The sponsor's own pages: the meetups it pays for, and what it may read of each."""

from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath

from events.engagement import documents, editions
from events.engagement.editions import Edition
from events.engagement.lift import Audience
from events.engagement.sentences import shown
from events.pages.deliverables import told
from events.planning import dues, owed
from events.planning.sponsors import sponsors_of_account
from server import pictures, workspaces
from server.audit import Actor
from server.brand import logo_for_print
from server.charts import Palette
from server.colors import brand
from server.database import scoped
from server.errors import NotFound
from server.look import Look
from server.rendering import content_disposition, render
from server.web import Asking, page

AnyRequest = Request[Any, Any, State]


@get("/")
async def portal(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
) -> Response[str]:
    """The meetups of the sponsors of whoever asks."""
    look = await workspaces.look(slug)
    async with scoped(by, readonly=True):
        mine = await sponsors_of_account(_account(by))
        if not mine:
            raise NotFound
        lines = await editions.editions_of(_account(by))
        promised = await _promised([one.slug for one in mine], look, now)
    return page(
        asking,
        "portal/home.html",
        lines=lines,
        now=now,
        **promised,
        **_frame(look, ", ".join(one.name for one in mine)),
    )


@get("/{sponsor_slug:str}/{meetup_slug:str}")
async def edition(
    asking: NamedDependency[Asking],
    *,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    sponsor_slug: FromPath[str],
    meetup_slug: FromPath[str],
) -> Response[str]:
    """One meetup in aggregates only, and what was promised for it."""
    look = await workspaces.look(slug)
    async with scoped(by, readonly=True):
        found = await editions.edition(_account(by), sponsor_slug, meetup_slug)
        promised = await _promised([sponsor_slug], look, now, meetup_slug)
    context = _shown(found, Palette.page()) | promised
    return page(asking, "portal/edition.html", **context, **_frame(look, found.sponsor))


@get("/{sponsor_slug:str}/{meetup_slug:str}/report.pdf")
async def edition_pdf(
    request: AnyRequest,
    *,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    sponsor_slug: FromPath[str],
    meetup_slug: FromPath[str],
) -> Response[bytes]:
    """The same on paper; the same bytes as long as what is owed does not move."""
    asking: Asking = request.scope["state"]["asking"]
    look = await workspaces.look(slug)
    async with scoped(by, readonly=True):
        found = await editions.edition(_account(by), sponsor_slug, meetup_slug)
        promised = await _promised([sponsor_slug], look, now, meetup_slug)
    html = render(
        "print/sponsor_report.html",
        lang=asking.lang,
        workspace=look,
        brand=brand(look.color),
        logo=await logo_for_print(look),
        **_shown(found, documents.ink(look)),
        **promised,
    )
    pdf = request.app.state.pdf
    content: bytes = await pdf.render(html, documents.assets(), title=found.content.title)
    name = content_disposition(f"{sponsor_slug}-{meetup_slug}.pdf")
    return Response(
        content, media_type="application/pdf", headers={"content-disposition": name}
    )


def _account(by: Actor) -> UUID:
    """The account that asks; the guard let nobody else in."""
    if by.id is None:
        raise NotFound
    return by.id


@get("/{sponsor_slug:str}/{proof_id:uuid}/photo")
async def photo(
    by: NamedDependency[Actor],
    sponsor_slug: FromPath[str],
    proof_id: FromPath[UUID],
) -> Response[bytes]:
    """The photo that proves something delivered to this sponsor, for its contacts."""
    async with scoped(by, readonly=True):
        found = await owed.photo_of(_account(by), sponsor_slug, proof_id)
        kept = await pictures.picture(found)
    headers = {"cache-control": "private, max-age=3600"}
    return Response(kept.content, media_type=kept.media_type, headers=headers)


async def _promised(
    slugs: list[str], look: Look, now: datetime, meetup_slug: str = ""
) -> dict[str, Any]:
    """What was promised to these sponsors as it stands today, nothing left out."""
    today = dues.day_of(now, look.time_zone)
    lines = await owed.of_sponsors(slugs, meetup_slug)
    proofs = await owed.proofs_of([one.id for one in lines])
    return {
        "today": today,
        "sales": [
            [{**told(one, today), "proofs": proofs.get(one.id, [])} for one in group]
            for _key, group in groupby(lines, key=lambda one: one.sponsorship_id)
        ],
    }


def _frame(look: Look, name: str) -> dict[str, Any]:
    """What stands around a sponsor's page."""
    return {
        "workspace": look,
        "portal_name": name,
        "nav": [],
        "home_href": f"/portal/{look.slug}",
        "signout_href": "/sign-out",
    }


def _shown(found: Edition, palette: Palette) -> dict[str, Any]:
    """An edition as its page and its document show it."""
    content = found.content
    return {
        "edition": found,
        "content": content,
        "figures": [shown(figure, Audience.SPONSOR) for figure in content.figures],
        "pooled": documents.question(content.lift, palette, Audience.SPONSOR),
    }


SPONSORS = [portal, edition, edition_pdf, photo]
