"""How a workspace ends: archived, brought back, or erased by typing its name."""

from datetime import datetime
from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from server import erasure, workspaces
from server.access import ON_ARCHIVED
from server.audit import Actor
from server.database import scoped
from server.errors import Invalid
from server.forms import Form, Line, read
from server.i18n import gettext as _
from server.web import Asking, away, page, typed
from server.workspaces import Seat

MOST = 1_000  # what is counted for the page; more is said as more


class NameForm(Form, kw_only=True):
    name: Line


@get("/ending")
async def ending(
    asking: NamedDependency[Asking], by: NamedDependency[Actor], seat: NamedDependency[Seat]
) -> Response[Any]:
    return await _page(asking, by, seat)


@post("/ending/archive", status_code=303)
async def archive(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    look = await workspaces.look(seat.slug)
    await erasure.archive(look, by=by, now=now)
    said = _("%(name)s is archived. You find it in your account.", name=look.name)
    return away(asking, f"/w/{seat.slug}/ending", said=said)


@post("/ending/bring-back", status_code=303, opt={ON_ARCHIVED: True})
async def bring_back(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    look = await workspaces.look(seat.slug)
    await erasure.bring_back(look, by=by, now=now)
    return away(
        asking, f"/w/{seat.slug}", said=_("%(name)s is open again.", name=look.name)
    )


@post("/ending/erase", status_code=303, opt={ON_ARCHIVED: True})
async def erase(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    typed_ = await typed(request)
    look = await workspaces.look(seat.slug)
    try:
        form = read(NameForm, typed_)
        await erasure.ask(look, form.name, by=by, now=now)
    except Invalid as no:
        return await _page(asking, by, seat, errors=no.fields, typed_=typed_)
    said = _("%(name)s is closed; its data is being erased.", name=look.name)
    return away(asking, "/account", said=said)


async def _page(
    asking: Asking,
    by: Actor,
    seat: Seat,
    *,
    errors: Any = None,  # noqa: ANN401 - texts, said now or later
    typed_: dict[str, Any] | None = None,
) -> Response[str]:
    async with scoped(by, readonly=True):
        look = await workspaces.look(seat.slug)
        held = await erasure.totals(look.id, most=MOST + 1)
    return page(
        asking,
        "organize/ending.html",
        status=422 if errors else 200,
        workspace=look,
        tab="",
        held=held,
        most=MOST,
        belongs_elsewhere=len(asking.seats) > (0 if look.archived_at else 1),
        errors=errors or {},
        typed=typed_ or {},
    )


OWNERS: list[ControllerRouterHandler] = [ending, archive, bring_back, erase]
