"""The sponsor's own pages: the meetups it pays for, and what it may read of each."""

from datetime import datetime
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
from events.planning.sponsors import sponsors_of_account
from server import workspaces
from server.audit import Actor
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
    async with scoped(by):
        lines = await editions.editions_of(_account(by))
    if not lines and not await _is_contact(by):
        raise NotFound
    names = sorted({line.sponsor for line in lines})
    return page(
        asking, "portal/home.html", lines=lines, now=now, **_frame(look, ", ".join(names))
    )


@get("/{sponsor_slug:str}/{meetup_slug:str}")
async def edition(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    slug: FromPath[str],
    sponsor_slug: FromPath[str],
    meetup_slug: FromPath[str],
) -> Response[str]:
    """One meetup in aggregates only."""
    look = await workspaces.look(slug)
    async with scoped(by):
        found = await editions.edition(_account(by), sponsor_slug, meetup_slug)
    context = _shown(found, Palette.page())
    return page(asking, "portal/edition.html", **context, **_frame(look, found.sponsor))


@get("/{sponsor_slug:str}/{meetup_slug:str}/report.pdf")
async def edition_pdf(
    request: AnyRequest,
    by: NamedDependency[Actor],
    slug: FromPath[str],
    sponsor_slug: FromPath[str],
    meetup_slug: FromPath[str],
) -> Response[bytes]:
    """The same on one sheet of paper; the same bytes each time."""
    asking: Asking = request.scope["state"]["asking"]
    look = await workspaces.look(slug)
    async with scoped(by):
        found = await editions.edition(_account(by), sponsor_slug, meetup_slug)
    html = render(
        "print/sponsor_report.html",
        lang=asking.lang,
        workspace=look,
        brand=brand(look.color),
        **_shown(found, documents.ink(look)),
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


async def _is_contact(by: Actor) -> bool:
    """Is this account still a contact of a sponsor here?"""
    async with scoped(by):
        return bool(await sponsors_of_account(_account(by)))


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
        "figures": [shown(figure) for figure in content.figures],
        "pooled": documents.question(content.lift, palette, Audience.SPONSOR),
    }


SPONSORS = [portal, edition, edition_pdf]
