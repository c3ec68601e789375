"""A series: its meetups in time, and the way to its report."""

from datetime import datetime

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.pages.meetups import stage_of
from events.planning import meetups, series
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.web import Asking, page
from server.workspaces import Seat


@get("/series/{series_slug:str}")
async def series_page(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[str]:
    """The meetups of one series in time."""
    look = await workspaces.look(seat.slug)
    async with scoped(by, readonly=True):
        line = await series.series_by_slug(series_slug)
        held = await meetups.of_series(line.id)
    return page(
        asking,
        "organize/series.html",
        workspace=look,
        series=line,
        lines=[(one, *stage_of(one, now)) for one in held],
    )


READS: list[HTTPRouteHandler] = [series_page]
