"""Lists of the public pages for search engines (sitemaps.org, protocol 0.9).

One list for each workspace, handed to a search engine by whoever runs the brand: a list of
all workspaces would tell which brands share a house.
"""

from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.planning import shelves
from events.planning.shelves import Found
from server import workspaces
from server.database import scoped
from server.web import Asking

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"
LIFE = {"cache-control": "public, max-age=3600"}

# Rules


def written(found: Iterable[tuple[str, Found]]) -> str:
    """The list as XML: whole addresses, each with the day it last changed if known."""
    lines = []
    for address, one in found:
        day = f"<lastmod>{one.changed_at:%Y-%m-%d}</lastmod>" if one.changed_at else ""
        lines.append(f"<url><loc>{escape(address)}</loc>{day}</url>\n")
    return f'{HEAD}<urlset xmlns="{SCHEMA}">\n{"".join(lines)}</urlset>\n'


def _answer(text: str) -> Response[str]:
    return Response(text, media_type="application/xml", headers=LIFE)


# The list


@get("/m/{workspace:str}/sitemap.xml")
async def of_workspace(
    asking: NamedDependency[Asking], workspace: FromPath[str]
) -> Response[Any]:
    look = await workspaces.look(workspace)
    async with scoped(asking.anyone(look.id), readonly=True):
        paths = [
            Found(""),
            *([Found("charter")] if look.has_charter else []),
            *([Found("ambassadors/apply")] if look.has_ambassadors else []),
            *(Found(f"c/{one.slug}") for one in await shelves.communities()),
            *(Found(f"s/{one.slug}") for one in await shelves.series()),
            *await shelves.meetups(),
        ]
    home = f"{asking.settings.origin}/m/{look.slug}"
    found = ((f"{home}/{one.path}".rstrip("/"), one) for one in paths)
    return _answer(written(found))


PUBLIC: list[HTTPRouteHandler] = [of_workspace]
