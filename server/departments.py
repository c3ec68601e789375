"""Departments: the parts of a company that can answer what people say to the brand."""

from datetime import datetime
from uuid import UUID

import msgspec
from piccolo.columns import Text, Timestamptz

from server import audit
from server.audit import Actor
from server.database import Record, atomic, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import lazy
from server.workspaces import slug_of


class Department(Record):
    """Who inside the company a question goes to."""

    slug = Text()
    name = Text()
    description = Text()
    created_at = Timestamptz()
    ended_at = Timestamptz(null=True, default=None)


class DepartmentLine(msgspec.Struct, frozen=True):
    """A department as lists show it."""

    id: UUID
    slug: str
    name: str
    description: str
    created_at: datetime
    ended_at: datetime | None


class DepartmentExists(Conflict):
    message = lazy("A department has this name already.")


# Rules


def checked_name(name: str) -> str:
    """The address of a department of this name, or Invalid."""
    slug = slug_of(name)
    if not slug:
        raise Invalid(name=lazy("The name needs at least one letter or figure."))
    return slug


# Commands


@atomic()
async def make(
    name: str, *, description: str = "", by: Actor, now: datetime
) -> DepartmentLine:
    """Open a department. One that had ended under this name works again."""
    slug = checked_name(name)
    row = await one(
        "INSERT INTO department AS d"
        " (id, workspace_id, slug, name, description, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (workspace_id, slug) DO UPDATE SET ended_at = NULL,"
        " name = excluded.name,"
        " description = coalesce(nullif(excluded.description, ''), d.description)"
        " WHERE d.ended_at IS NOT NULL RETURNING id",
        uuid7(),
        by.workspace_id,
        slug,
        name,
        description,
        now,
    )
    if row is None:
        raise DepartmentExists
    made = await department(row["id"])
    await audit.note(by, "made_department", _about(made.id, by), at=now)
    return made


@atomic()
async def change(
    department_id: UUID, *, name: str, description: str, by: Actor, now: datetime
) -> DepartmentLine:
    """Give a department another name or description; its address stays."""
    checked_name(name)
    twin = await one(
        "SELECT 1 FROM department WHERE workspace_id = $1 AND id <> $2"
        " AND ended_at IS NULL AND apero_plain(name) = apero_plain($3)",
        by.workspace_id,
        department_id,
        name,
    )
    if twin is not None:
        raise DepartmentExists
    row = await one(
        "UPDATE department SET name = $3, description = $4"
        " WHERE workspace_id = $1 AND id = $2 RETURNING id",
        by.workspace_id,
        department_id,
        name,
        description,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "changed_department", _about(department_id, by), at=now)
    return await department(department_id)


@atomic()
async def end(department_id: UUID, *, by: Actor, now: datetime) -> None:
    """End a department: nothing new goes there, what it answered stays."""
    row = await one(
        "UPDATE department SET ended_at = $3 WHERE workspace_id = $1 AND id = $2"
        " AND ended_at IS NULL RETURNING id",
        by.workspace_id,
        department_id,
        now,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "ended_department", _about(department_id, by), at=now)


def _about(department_id: UUID, by: Actor) -> Department:
    """What an entry of the log is about."""
    return Department(id=department_id, workspace_id=by.workspace_id)


# Queries

_LINE = (
    "SELECT id, slug, name, description, created_at, ended_at FROM department"
    " WHERE workspace_id = ANY (apero_scope())"
)
_WANTED = (
    "AND (ended_at IS NOT NULL) = $1"
    " AND strpos(apero_plain(name || ' ' || description), apero_plain($2)) > 0"
    " AND ($3::uuid IS NULL OR (apero_plain(name), id) > (SELECT apero_plain(a.name), a.id"
    " FROM department a WHERE a.workspace_id = ANY (apero_scope()) AND a.id = $3))"
)


async def department(department_id: UUID) -> DepartmentLine:
    """The department of this key, or NotFound."""
    found = await one(f"{_LINE} AND id = $1", department_id, into=DepartmentLine)
    if found is None:
        raise NotFound
    return found


async def departments(
    search: str = "",
    *,
    ended: bool = False,
    after: UUID | None = None,
    limit: int = 50,
) -> list[DepartmentLine]:
    """The departments at work (or those that ended), by name, paged by key."""
    return await sql(
        f"{_LINE} {_WANTED} ORDER BY apero_plain(name), id LIMIT $4",
        ended,
        search,
        after,
        limit,
        into=DepartmentLine,
    )
