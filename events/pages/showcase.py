"""What anybody sees of a workspace: its agenda, the page of a community, what was held.

A community has a public page once something of it was published: before that, its name is
the team's own.
"""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.admission import calendars
from events.admission.passes import Day, day_of
from events.pages import embeds, feeds, sitemaps
from events.pages.public import via_of
from events.people import channels
from events.people.communities import community_by_slug
from events.planning import listings, shelves
from events.planning.listings import Line
from events.planning.shelves import Public
from server.database import scoped
from server.errors import NotFound
from server.i18n import lazy
from server.look import Look
from server.web import Asking, in_workspace_frame, page, public_look

PAGE = 50
LAST = 6  # meetups behind it that the page of a community shows
LONGEST_SEARCH = 100
POSTERS = 24

AnyRequest = Request[Any, Any, Any]


class Asked(msgspec.Struct, frozen=True):
    """What the address of an agenda asks for."""

    search: str
    chosen: str
    is_past: bool
    before: datetime | None


# Rules


def _asked(request: AnyRequest) -> Asked:
    asked = request.query_params
    return Asked(
        search=asked.get("q", "")[:LONGEST_SEARCH].strip(),
        chosen=asked.get("community", ""),
        is_past=asked.get("when") == "past",
        before=_moment(asked.get("before", "")),
    )


def days_of(lines: list[Line]) -> dict[object, Day]:
    """When each of these meetups is, as their pages say it."""
    return {one.id: day_of(one.starts_at, one.ends_at, one.time_zone) for one in lines}


def _href(base: str, **asked: str) -> str:
    kept = {name: value for name, value in asked.items() if value}
    return base + (f"?{urlencode(kept)}" if kept else "")


def _moment(text: str) -> datetime | None:
    """The key after which a list goes on: a moment with its zone."""
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise NotFound from error
    if at is not None and at.tzinfo is None:
        raise NotFound
    return at


def _choices(base: str, known: list[Public], chosen: str, **kept: str) -> list[Any]:
    """One filter a community, and one for all of them; none where there is one only."""
    every = [("", str(lazy("All"))), *((one.slug, one.name) for one in known)]
    return [
        {
            "href": _href(base, community=slug, **kept),
            "label": name,
            "current": slug == chosen,
        }
        for slug, name in every
        if len(known) > 1
    ]


# The agenda


@get("/m/{workspace:str}")
async def agenda(
    request: AnyRequest,
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
) -> Response[Any]:
    """What is to come or, asked so, what was; searched and filtered by its address."""
    look = await public_look(asking, workspace)
    asked = _asked(request)
    here = f"c/{asked.chosen}" if asked.chosen else "feed"
    async with scoped(asking.anyone(look.id), readonly=True):
        known = await shelves.communities()
        if asked.chosen not in {"", *(one.slug for one in known)}:
            raise NotFound
        found = await _listed(asked, now)
    chosen = next((one for one in known if one.slug == asked.chosen), None)
    return page(
        asking,
        "public/agenda.html",
        asked=asked,
        coming=found[:PAGE],
        community=chosen,
        days=days_of(found),
        seeds={one.id: one.id.int % POSTERS for one in found},
        calendar=_calendar_of(asking, look, here, chosen.name if chosen else ""),
        via=via_of(asking),
        **_ways_on(asking, look, asked, known, found),
        **in_workspace_frame(asking, look),
    )


def _ways_on(
    asking: Asking, look: Look, asked: Asked, known: list[Public], found: list[Line]
) -> dict[str, Any]:
    """Where one goes from this agenda: another filter, the past, the rest of the list."""
    base, when = f"/m/{look.slug}", "past" if asked.is_past else ""
    kept = {"q": asked.search, "via": via_of(asking)}
    more = found[PAGE - 1].starts_at.isoformat() if len(found) > PAGE else ""
    rest = _href(base, community=asked.chosen, when=when, before=more, **kept)
    return {
        "filters": _choices(base, known, asked.chosen, when=when, **kept),
        "tabs": _tabs(base, is_past=asked.is_past, community=asked.chosen, **kept),
        "next_href": rest if more else None,
        "page_href": asking.settings.origin + _href(base, community=asked.chosen),
    }


async def _listed(asked: Asked, now: datetime) -> list[Line]:
    """The meetups that the address asks for, one more than a page where there are more."""
    chosen = (await community_by_slug(asked.chosen)).id if asked.chosen else None
    if not asked.is_past:
        return await listings.agenda(
            now, search=asked.search, community_id=chosen, limit=PAGE
        )
    return await listings.bygone(
        now,
        search=asked.search,
        community_id=chosen,
        before=asked.before,
        limit=PAGE + 1,
    )


def _tabs(base: str, *, is_past: bool, **kept: str) -> list[dict[str, object]]:
    return [
        {
            "href": _href(base, **kept),
            "label": str(lazy("To come")),
            "current": not is_past,
        },
        {
            "href": _href(base, **kept, when="past"),
            "label": str(lazy("Past")),
            "current": is_past,
        },
    ]


def _calendar_of(asking: Asking, look: Look, path: str = "feed", name: str = "") -> Any:  # noqa: ANN401 - the links of one calendar
    address = f"{asking.settings.origin}/m/{look.slug}/{path}.ics"
    return calendars.subscription(address, name or look.name)


# A community


@get("/m/{workspace:str}/c/{community:str}")
async def community_page(
    request: AnyRequest,
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
    community: FromPath[str],
) -> Response[Any]:
    """What a community is, when it meets, where it talks; its calendar at `….ics`."""
    look = await public_look(asking, workspace)
    if community.endswith(feeds.SUFFIX):
        slug = community.removesuffix(feeds.SUFFIX)
        return await feeds.community_calendar(request, asking, look, slug)
    async with scoped(asking.anyone(look.id), readonly=True):
        context = await _community(look, community, now)
    here = f"c/{community}"
    return page(
        asking,
        "public/community.html",
        page_href=f"{asking.settings.origin}/m/{look.slug}/{here}",
        calendar=_calendar_of(asking, look, here, context["community"].name),
        via=via_of(asking),
        **context,
        **in_workspace_frame(asking, look),
    )


async def _community(look: Look, slug: str, now: datetime) -> dict[str, Any]:
    """A public community with its meetups, its series and where it talks."""
    found = await community_by_slug(slug)
    coming = await listings.agenda(now, community_id=found.id, limit=PAGE)
    behind = await listings.bygone(now, community_id=found.id, limit=LAST + 1)
    if not coming and not behind and not await shelves.is_public(found.id):
        raise NotFound
    online = await channels.of_community(found.id)
    rest = _href(f"/m/{look.slug}", community=found.slug, when="past")
    return {
        "community": found,
        "coming": coming,
        "past": behind[:LAST],
        "past_href": rest if len(behind) > LAST else None,
        "days": days_of(coming),
        "series": await shelves.series(found.id),
        "channels": [one for one in online if one.address],
        "seed": found.id.int % POSTERS,
    }


PUBLIC: list[HTTPRouteHandler] = [
    agenda,
    community_page,
    *embeds.PUBLIC,
    *sitemaps.PUBLIC,
]
