"""The end of a workspace: put away to be read only, or erased for good.

Erasing takes every row of every table that belongs to the workspace, from the catalogue,
so that no table can be forgotten; what is left are totals about nobody. Accounts that
belong nowhere else go with it (Regulation (EU) 2016/679, article 17).
"""

import contextlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import JSONB, Text, Timestamptz

from server import audit, jobs, workspaces
from server.audit import Actor
from server.clock import utc_now
from server.database import NOWHERE, Row, atomic, connection, one, scoped, sql
from server.errors import Conflict, Invalid
from server.forms import clean
from server.i18n import lazy
from server.look import Look

JOB = "erase_workspace"
LONGEST = timedelta(hours=2)


class ErasedWorkspace(Row):
    """What is left of a workspace: its name and totals about nobody."""

    name = Text()
    totals = JSONB()
    erased_at = Timestamptz()


class Totals(msgspec.Struct, frozen=True):
    """How much a workspace holds, in numbers."""

    communities: int
    members: int
    meetups: int
    registrations: int
    attended: int
    activities: int
    letters: int
    sponsors: int


class NotArchived(Conflict):
    message = lazy("This workspace is open already.")


# Commands


@atomic()
async def archive(workspace: Look, *, by: Actor, now: datetime) -> None:
    """Put a workspace away: it leaves the switcher and can only be read."""
    row = await one(
        "UPDATE workspace SET archived_at = $2 WHERE id = $1 AND archived_at IS NULL"
        " RETURNING id",
        workspace.id,
        now,
    )
    if row is None:
        raise workspaces.WorkspaceArchived
    await audit.note(by, "archived_workspace", workspace, at=now)


@atomic()
async def bring_back(workspace: Look, *, by: Actor, now: datetime) -> None:
    """Open an archived workspace again, as it was."""
    row = await one(
        "UPDATE workspace SET archived_at = NULL WHERE id = $1"
        " AND archived_at IS NOT NULL AND erasing_at IS NULL RETURNING id",
        workspace.id,
    )
    if row is None:
        raise NotArchived
    await audit.note(by, "brought_back_workspace", workspace, at=now)


@atomic()
async def ask(workspace: Look, typed_name: str, *, by: Actor, now: datetime) -> None:
    """Close a workspace for good at once; a job takes its rows. Its name must be typed."""
    if clean(typed_name).casefold() != workspace.name.casefold():
        raise Invalid(name=lazy("This is not the name of the workspace."))
    row = await one(
        "UPDATE workspace SET erasing_at = $2, archived_at = coalesce(archived_at, $2)"
        " WHERE id = $1 AND erasing_at IS NULL RETURNING id",
        workspace.id,
        now,
    )
    if row is not None:
        await jobs.enqueue(JOB, {"workspace": str(workspace.id)}, once=f"erase:{row['id']}")
        # The log of the workspace goes with it: this entry belongs to none.
        async with scoped(NOWHERE):
            nowhere = replace(by, scope=NOWHERE)
            await audit.note(nowhere, "erased_workspace", workspace, at=now)


@jobs.job(JOB)
async def erase(payload: dict[str, Any]) -> None:
    """Take every row of a workspace that was closed for good; twice is once."""
    workspace_id = UUID(payload["workspace"])
    async with scoped(frozenset({workspace_id})):
        row = await one(
            "SELECT name FROM workspace WHERE id = $1 AND erasing_at IS NOT NULL"
            " FOR UPDATE",
            workspace_id,
        )
        if row is None:
            return
        accounts = await sql(
            "SELECT DISTINCT account_id AS id FROM membership WHERE workspace_id = $1",
            workspace_id,
        )
        await _keep_totals(workspace_id, row["name"])
        # A hundred thousand members take minutes: no other statement may.
        await sql("SET LOCAL statement_timeout = 0")
        await connection().execute(
            "SELECT apero_erase($1)", workspace_id, timeout=LONGEST.total_seconds()
        )
    for account in accounts:
        await _end_account(account["id"])


async def _keep_totals(workspace_id: UUID, name: str) -> None:
    """Write down what is left of a workspace that goes: its name and how much there was."""
    left = await totals(workspace_id)
    await sql(
        "INSERT INTO erased_workspace (id, name, totals, erased_at)"
        " VALUES ($1, $2, $3::text::jsonb, $4)",
        workspace_id,
        name,
        json.dumps(msgspec.to_builtins(left)),
        utc_now(),
    )


async def _end_account(account_id: UUID) -> None:
    """Sign out and end an account that works nowhere any more.

    An old role elsewhere keeps the account, without a session.
    """
    if await workspaces.seats(account_id):
        return
    if await workspaces.seats(account_id, archived=True):
        return
    async with scoped(NOWHERE):
        await sql("DELETE FROM session WHERE account_id = $1", account_id)
        await sql("DELETE FROM magic_link WHERE account_id = $1", account_id)
    with contextlib.suppress(asyncpg.IntegrityConstraintViolationError):
        async with scoped(NOWHERE):
            await sql("DELETE FROM account WHERE id = $1", account_id)


# Queries


_COUNTED = ", ".join(
    f"(SELECT count(*) FROM (SELECT 1 FROM {table} WHERE workspace_id = $1 LIMIT $2) x)"  # noqa: S608 - our own names
    f" AS {plural}"
    for table, plural in (
        ("community", "communities"),
        ("member", "members"),
        ("meetup", "meetups"),
        ("registration", "registrations"),
        ("activity", "activities"),
        ("letter", "letters"),
        ("sponsor", "sponsors"),
    )
)


async def totals(workspace_id: UUID, most: int | None = None) -> Totals:
    """What the workspace holds now, in numbers only; counted up to `most`, if given."""
    found = await one(
        f"SELECT {_COUNTED}, (SELECT count(*) FROM (SELECT 1 FROM registration"  # noqa: S608 - our own names
        " WHERE workspace_id = $1 AND attended_at IS NOT NULL LIMIT $2) x) AS attended",
        workspace_id,
        most,
        into=Totals,
    )
    assert found is not None  # noqa: S101 - an aggregate always answers
    return found
