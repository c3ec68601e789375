"""The departments and the charters of a workspace, for machines."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, Parameter

from server import charters, departments, workspaces
from server.audit import Actor
from server.charters import Kind, Version
from server.database import scoped
from server.departments import DepartmentLine
from server.errors import NotFound
from server.forms import clean

PAGE, LONGEST_PAGE = 50, 200

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=5_000)]
Limit = Annotated[int, Parameter(ge=1, le=LONGEST_PAGE)]


class DepartmentBody(msgspec.Struct, forbid_unknown_fields=True):
    """A department."""

    name: Name
    description: Text = ""


class DepartmentPage(msgspec.Struct):
    """Departments by name; `next` continues the list."""

    items: list[DepartmentLine]
    next: UUID | None


class CharterBody(msgspec.Struct, forbid_unknown_fields=True):
    """The texts of the next version, by language; `after` is the number last read."""

    content: dict[str, Annotated[str, msgspec.Meta(max_length=charters.LONGEST)]]
    after: int | None = None


class CharterPage(msgspec.Struct):
    """Versions, newest first; `next` continues the list."""

    items: list[Version]
    next: int | None


# Reading


@get(
    "/departments",
    summary="Departments",
    description="By name. `q` searches without accents or case; `ended=true` lists those"
    " that ended; `after` is the `next` of the previous page.",
)
async def list_departments(
    by: NamedDependency[Actor],
    q: FromQuery[str] = "",
    ended: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Limit] = PAGE,
) -> DepartmentPage:
    async with scoped(by, readonly=True):
        found = await departments.departments(
            clean(q), ended=ended, after=after, limit=limit + 1
        )
    items = found[:limit]
    return DepartmentPage(items, items[-1].id if len(found) > limit else None)


@get(
    "/departments/{department_id:uuid}",
    summary="A department",
    description="At work, or ended on `ended_at`.",
)
async def get_department(
    by: NamedDependency[Actor], department_id: FromPath[UUID]
) -> DepartmentLine:
    async with scoped(by, readonly=True):
        return await departments.department(department_id)


@get(
    "/charters/{kind:str}",
    summary="Versions of a charter",
    description="`kind` is community or ambassadors. Newest first: the first one is in"
    " force. `after` is the `next` of the previous page.",
)
async def list_versions(
    by: NamedDependency[Actor],
    kind: FromPath[str],
    after: FromQuery[int | None] = None,
    limit: FromQuery[Limit] = PAGE,
) -> CharterPage:
    async with scoped(by, readonly=True):
        found = await charters.versions(_kind(kind), before=after, limit=limit + 1)
    items = found[:limit]
    return CharterPage(items, items[-1].number if len(found) > limit else None)


@get(
    "/charters/{kind:str}/{number:int}",
    summary="A version of a charter",
    description="Its text in each language; it never changes.",
)
async def get_version(
    by: NamedDependency[Actor], kind: FromPath[str], number: FromPath[int]
) -> Version:
    async with scoped(by, readonly=True):
        return await charters.version(_kind(kind), number)


def _kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError as error:
        raise NotFound from error


# Writing


@post(
    "/departments",
    summary="Open a department",
    description="Needs an owner's token. 409 when one at work has this name;"
    " one that had ended works again.",
)
async def make_department(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    data: JSONBody[DepartmentBody],
) -> DepartmentLine:
    return await departments.make(
        clean(data.name), description=clean(data.description), by=by, now=now
    )


@put(
    "/departments/{department_id:uuid}",
    summary="Change a department",
    description="Needs an owner's token. Its address stays.",
)
async def change_department(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    department_id: FromPath[UUID],
    data: JSONBody[DepartmentBody],
) -> DepartmentLine:
    return await departments.change(
        department_id,
        name=clean(data.name),
        description=clean(data.description),
        by=by,
        now=now,
    )


@post("/departments/{department_id:uuid}/end", status_code=204, summary="End a department")
async def end_department(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    department_id: FromPath[UUID],
) -> None:
    await departments.end(department_id, by=by, now=now)


@post(
    "/charters/{kind:str}",
    summary="Publish a charter",
    description="Needs an owner's token. Makes the next version; 409 when `after` is not"
    " the version in force. The text in force, sent again, changes nothing.",
)
async def publish_charter(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    kind: FromPath[str],
    data: JSONBody[CharterBody],
) -> Version:
    look = await workspaces.look_by_id(by.workspace_id)
    return await charters.publish(
        _kind(kind),
        {code: clean(text) for code, text in data.content.items()},
        main_language=look.language,
        after=data.after,
        by=by,
        now=now,
    )


READS: list[HTTPRouteHandler] = [
    list_departments,
    get_department,
    list_versions,
    get_version,
]
WRITES: list[HTTPRouteHandler] = [
    make_department,
    change_department,
    end_department,
    publish_charter,
]
