"""The sponsorships as a list: what was sold to whom, searched, read on, taken out."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from events.pages.deliverables import scope_of
from events.planning import dues, sold
from events.planning.sold import SaleLine
from server import workspaces
from server.amounts import written
from server.audit import Actor
from server.database import scoped
from server.i18n import gettext as _
from server.sheets import table
from server.web import Asking, key_of, page
from server.workspaces import Seat

PAGE = 50
AnyRequest = Request[Any, Any, Any]


def _asked(request: AnyRequest) -> dict[str, str]:
    """What the address narrows the list to."""
    return {
        name: request.query_params.get(name, "").strip()[:200] for name in ("q", "sponsor")
    }


@get("/sponsorships")
async def listing(
    request: AnyRequest,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    look = await workspaces.look(seat.slug)
    asked = _asked(request)
    async with scoped(by, readonly=True):
        found = await sold.sales(
            today=dues.day_of(now, look.time_zone),
            sponsor=asked["sponsor"],
            search=asked["q"],
            after=key_of(request.query_params.get("after")),
            limit=PAGE + 1,
        )
    kept = {name: text for name, text in asked.items() if text}
    here = f"/w/{seat.slug}/sponsorships"
    more = kept | {"after": str(found[PAGE - 1].id)} if len(found) > PAGE else None
    return page(
        asking,
        "organize/sponsorships.html",
        workspace=look,
        lines=[(one, scope_of(one)) for one in found[:PAGE]],
        kept=kept,
        export_href=f"{here}.csv?{urlencode(kept)}" if kept else f"{here}.csv",
        next_href=f"{here}?{urlencode(more)}" if more else None,
    )


@get("/sponsorships.csv")
async def sales_file(
    request: AnyRequest,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Stream:
    look = await workspaces.look(seat.slug)
    today = dues.day_of(now, look.time_zone)
    asked = _asked(request)

    async def some(after: UUID | None, limit: int) -> list[SaleLine]:
        return await sold.sales(
            today=today,
            sponsor=asked["sponsor"],
            search=asked["q"],
            after=after,
            limit=limit,
        )

    head = [
        *(_("Sponsor"), _("For"), _("Package"), _("Price"), _("In kind"), _("Currency")),
        *(_("Sold on"), _("Deliverables"), _("Delivered"), _("Late")),
        *(_("Will not be delivered"), _("Note")),
    ]

    def cells(one: SaleLine) -> list[object]:
        return _cells(one, look.time_zone)

    return table(f"{seat.slug}-sponsorships.csv", head, some, cells, by=by)


def _cells(one: SaleLine, time_zone: str) -> list[object]:
    return [
        *(one.sponsor, scope_of(one), one.package),
        *(written(one.price_cents, one.currency), written(one.in_kind_cents, one.currency)),
        *(one.currency, dues.day_of(one.created_at, time_zone), one.deliverables),
        *(one.delivered, one.late, one.dropped, one.note),
    ]


READS: list[HTTPRouteHandler] = [listing, sales_file]
