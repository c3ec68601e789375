"""The departments of a workspace: who inside the company answers."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from server import departments, workspaces
from server.audit import Actor
from server.database import scoped
from server.departments import DepartmentExists
from server.errors import Invalid, NotFound
from server.forms import Form, Line, Prose, clean, read
from server.i18n import gettext as _
from server.sheets import sheet
from server.web import Asking, away, page, typed
from server.workspaces import Seat

PAGE = 50
WHOLE = 2_000


class DepartmentForm(Form, kw_only=True):
    name: Line
    description: Prose | None = None


@get("/departments")
async def list_departments(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    return await _page(request, asking, by, seat)


@get("/departments.csv")
async def departments_file(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[bytes]:
    search, ended, _after = _asked(request)
    async with scoped(by, readonly=True):
        found = await departments.departments(search, ended=ended, limit=WHOLE)
    return sheet(
        f"{seat.slug}-departments.csv",
        (_("Name"), _("What it answers for"), _("Since"), _("Ended on")),
        [
            (
                one.name,
                one.description,
                one.created_at.date(),
                one.ended_at.date() if one.ended_at else "",
            )
            for one in found
        ],
    )


@post("/departments", status_code=303)
async def make(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    typed_ = await typed(request)
    try:
        form = read(DepartmentForm, typed_)
        await departments.make(
            form.name, description=form.description or "", by=by, now=now
        )
    except Invalid as no:
        return await _page(request, asking, by, seat, (422, no.fields, typed_))
    except DepartmentExists as no:
        return await _page(request, asking, by, seat, (409, {"name": str(no)}, typed_))
    said = _("%(name)s is kept.", name=form.name)
    return away(asking, f"/w/{seat.slug}/departments", said=said)


@get("/departments/{department_id:uuid}")
async def department(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    department_id: FromPath[UUID],
) -> Response[Any]:
    return await _one(asking, by, seat, department_id)


@post("/departments/{department_id:uuid}", status_code=303)
async def change(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    department_id: FromPath[UUID],
) -> Response[Any]:
    typed_ = await typed(request)
    try:
        form = read(DepartmentForm, typed_)
        await departments.change(
            department_id,
            name=form.name,
            description=form.description or "",
            by=by,
            now=now,
        )
    except Invalid as no:
        return await _one(asking, by, seat, department_id, (422, no.fields, typed_))
    except DepartmentExists as no:
        refused = (409, {"name": str(no)}, typed_)
        return await _one(asking, by, seat, department_id, refused)
    said = _("%(name)s is kept.", name=form.name)
    return away(asking, f"/w/{seat.slug}/departments", said=said)


@post("/departments/{department_id:uuid}/end", status_code=303)
async def end(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    department_id: FromPath[UUID],
) -> Response[Any]:
    await departments.end(department_id, by=by, now=now)
    return away(asking, f"/w/{seat.slug}/departments", said=_("The department has ended."))


def _asked(request: Request[Any, Any, Any]) -> tuple[str, bool, UUID | None]:
    """What the address searches, whether it wants those that ended, where it goes on."""
    query = request.query_params
    try:
        after = UUID(query["after"]) if query.get("after") else None
    except ValueError as error:
        raise NotFound from error
    return clean(query.get("q", "")), bool(query.get("ended")), after


async def _page(
    request: Request[Any, Any, Any],
    asking: Asking,
    by: Actor,
    seat: Seat,
    refused: tuple[int, Any, dict[str, Any]] = (200, {}, {}),
) -> Response[str]:
    search, ended, after = _asked(request)
    async with scoped(by, readonly=True):
        look = await workspaces.look(seat.slug)
        found = await departments.departments(
            search, ended=ended, after=after, limit=PAGE + 1
        )
    kept = {"q": search, "ended": "yes" if ended else ""}
    shown = found[:PAGE]
    status, errors, typed_ = refused
    return page(
        asking,
        "organize/departments.html",
        status=status,
        workspace=look,
        tab="departments",
        departments=shown,
        search=search,
        ended=ended,
        errors=errors,
        typed=typed_,
        export_href=_href(seat, "departments.csv", **kept),
        next_href=_href(seat, **kept, after=str(shown[-1].id))
        if len(found) > PAGE
        else None,
    )


def _href(seat: Seat, leaf: str = "departments", **kept: str) -> str:
    query = urlencode({name: value for name, value in kept.items() if value})
    return f"/w/{seat.slug}/{leaf}" + (f"?{query}" if query else "")


async def _one(
    asking: Asking,
    by: Actor,
    seat: Seat,
    department_id: UUID,
    refused: tuple[int, Any, dict[str, Any]] | None = None,
) -> Response[str]:
    async with scoped(by, readonly=True):
        look = await workspaces.look(seat.slug)
        found = await departments.department(department_id)
    status, errors, typed_ = refused or (
        200,
        {},
        {"name": found.name, "description": found.description},
    )
    return page(
        asking,
        "organize/department.html",
        status=status,
        workspace=look,
        tab="departments",
        department=found,
        errors=errors,
        typed=typed_,
    )


OWNERS: list[ControllerRouterHandler] = [
    list_departments,
    departments_file,
    make,
    department,
    change,
    end,
]
