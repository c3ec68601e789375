"""Tasks: what has to be done before an evening, by whom and by when.

Whoever is named gets one letter the day before, or as soon as it is late; a task that is
done, removed, or whose meetup is settled reminds nobody.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Date, Text, Timestamptz

from events.planning.representatives import hold
from server import audit, mail
from server.audit import Actor
from server.colors import brand
from server.database import Record, atomic, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import lazy
from server.look import Look

MOST = 200
MOST_MINE = 20
# Whoever reads the pages of the team may own a task.
TEAM_ROLES = ["owner", "manager", "moderator"]


class Task(Record):
    """One thing to do for one meetup."""

    meetup_id = UuidColumn()
    title = Text()
    owner_id = UuidColumn(null=True, default=None)
    due_on = Date(null=True, default=None)
    created_at = Timestamptz()
    reminded_at = Timestamptz(null=True, default=None)
    done_at = Timestamptz(null=True, default=None)
    removed_at = Timestamptz(null=True, default=None)


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """What a task says."""

    title: str
    owner_id: UUID | None = None
    due_on: date | None = None


class Line(Duty, frozen=True, kw_only=True):
    """A task of a meetup."""

    id: UUID
    owner_name: str
    done_at: datetime | None


class Mine(msgspec.Struct, frozen=True, kw_only=True):
    """A task of somebody, with the meetup it is for."""

    id: UUID
    title: str
    due_on: date | None
    slug: str
    meetup: str
    starts_at: datetime
    time_zone: str


class Owing(Mine, frozen=True, kw_only=True):
    """A task that somebody is to be reminded of."""

    owner_id: UUID
    email: str
    name: str
    language: str


class TooMany(Conflict):
    message = lazy("A meetup has two hundred tasks at most.")


# Rules


def check_duty(duty: Duty) -> None:
    """Raise Invalid for a task without words."""
    if not duty.title:
        raise Invalid(title=lazy("This answer is missing."))


def is_late(task: Line | Mine, today: date) -> bool:
    """Should it have been done before today?"""
    return task.due_on is not None and task.due_on < today


# Commands


@atomic()
async def add(meetup_id: UUID, duty: Duty, *, by: Actor, now: datetime) -> UUID:
    """One more thing to do."""
    check_duty(duty)
    await hold(meetup_id, by=by)
    await _check_owner(duty.owner_id, by=by)
    if len(await of_meetup(meetup_id)) >= MOST:
        raise TooMany
    id_ = await _insert(meetup_id, duty, by=by, now=now)
    await audit.note(by, "kept_task", at=now)
    return id_


@atomic()
async def change(
    meetup_id: UUID, id_: UUID, duty: Duty, *, by: Actor, now: datetime
) -> None:
    """Say a task otherwise; another owner or another day is reminded anew."""
    check_duty(duty)
    await hold(meetup_id, by=by)
    await _check_owner(duty.owner_id, by=by)
    row = await one(
        "UPDATE task SET title = $4, owner_id = $5, due_on = $6, reminded_at = CASE WHEN"
        " owner_id IS NOT DISTINCT FROM $5 AND due_on IS NOT DISTINCT FROM $6"
        " THEN reminded_at END WHERE workspace_id = $1 AND meetup_id = $2 AND id = $3"
        " AND removed_at IS NULL RETURNING id",
        by.workspace_id,
        meetup_id,
        id_,
        duty.title,
        duty.owner_id,
        duty.due_on,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "kept_task", at=now)


@atomic()
async def finish(meetup_id: UUID, id_: UUID, *, by: Actor, now: datetime) -> None:
    """It is done; twice is once."""
    await _mark(meetup_id, id_, "done_at = coalesce(done_at, $4)", by=by, now=now)
    await audit.note(by, "finished_task", at=now)


@atomic()
async def reopen(meetup_id: UUID, id_: UUID, *, by: Actor, now: datetime) -> None:
    """It is not done after all."""
    await _mark(meetup_id, id_, "done_at = $4", by=by, now=None)
    await audit.note(by, "reopened_task", at=now)


@atomic()
async def remove(meetup_id: UUID, id_: UUID, *, by: Actor, now: datetime) -> None:
    """Nobody has to do it any more."""
    await _mark(meetup_id, id_, "removed_at = $4", by=by, now=now)
    await audit.note(by, "removed_task", at=now)


@atomic()
async def remind(look: Look, *, origin: str, by: Actor, now: datetime) -> int:
    """Write to everybody of this workspace whose tasks are due tomorrow or late, once."""
    hers: dict[UUID, list[Owing]] = defaultdict(list)
    for task in await _owing(look, by=by, now=now):
        hers[task.owner_id].append(task)
    for owner_id, owed in hers.items():
        await mail.post(
            "task_reminder",
            to=owed[0].email,
            language=owed[0].language,
            workspace=look,
            context={
                "name": owed[0].name.partition(" ")[0],
                "tasks": owed,
                "brand": brand(look.color),
                "base": f"{origin}/w/{look.slug}",
            },
            once=f"tasks:{owner_id}:{now.isoformat()}",
            now=now,
        )
    return len(hers)


@atomic()
async def follow(meetup_id: UUID, days: int, *, by: Actor, now: datetime) -> int:
    """Move what is still to do by so many days, as its meetup moved; how many tasks did."""
    if not days:
        return 0
    rows = await sql(
        "UPDATE task SET due_on = due_on + $3::int, reminded_at = NULL"
        " WHERE workspace_id = $1 AND meetup_id = $2 AND done_at IS NULL"
        " AND removed_at IS NULL AND due_on IS NOT NULL RETURNING id",
        by.workspace_id,
        meetup_id,
        days,
    )
    if rows:
        await audit.note(by, "moved_tasks", at=now)
    return len(rows)


async def copy(
    from_id: UUID, to_id: UUID, moved: timedelta, *, by: Actor, now: datetime
) -> None:
    """The tasks of one meetup for another, to be done as long before it, by the same."""
    for task in await of_meetup(from_id):
        due_on = task.due_on + moved if task.due_on else None
        duty = Duty(title=task.title, owner_id=task.owner_id, due_on=due_on)
        await _insert(to_id, duty, by=by, now=now)


async def _insert(meetup_id: UUID, duty: Duty, *, by: Actor, now: datetime) -> UUID:
    id_ = uuid7()
    await sql(
        "INSERT INTO task (workspace_id, meetup_id, id, title, owner_id, due_on,"
        " created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        by.workspace_id,
        meetup_id,
        id_,
        duty.title,
        duty.owner_id,
        duty.due_on,
        now,
    )
    return id_


async def _mark(
    meetup_id: UUID, id_: UUID, change_: str, *, by: Actor, now: datetime | None
) -> None:
    """Set one of the dates of a task; the assignment is one of our own three."""
    row = await one(
        f"UPDATE task SET {change_} WHERE workspace_id = $1 AND meetup_id = $2"  # noqa: S608
        " AND id = $3 AND removed_at IS NULL RETURNING id",
        by.workspace_id,
        meetup_id,
        id_,
        now,
    )
    if row is None:
        raise NotFound


async def _check_owner(owner_id: UUID | None, *, by: Actor) -> None:
    """A task is for somebody of the team."""
    if owner_id is None:
        return
    found = await one(
        "SELECT 1 FROM membership WHERE workspace_id = $1 AND account_id = $2"
        " AND role = ANY ($3::text[]) AND ended_at IS NULL",
        by.workspace_id,
        owner_id,
        TEAM_ROLES,
    )
    if found is None:
        raise Invalid(owner=lazy("Choose one of the answers offered."))


# Queries


async def of_meetup(meetup_id: UUID) -> list[Line]:
    """What there is to do for a meetup: what is open first, then by day."""
    return await sql(
        "SELECT t.id, t.title, t.owner_id, t.due_on, t.done_at,"
        " coalesce(nullif(a.name, ''), a.email, '') AS owner_name FROM task t"
        " LEFT JOIN account a ON a.id = t.owner_id"
        " WHERE t.workspace_id = ANY (apero_scope()) AND t.meetup_id = $1"
        " AND t.removed_at IS NULL"
        " ORDER BY t.done_at IS NOT NULL, t.due_on NULLS LAST, t.id LIMIT $2",
        meetup_id,
        MOST,
        into=Line,
    )


_OPEN = (
    " FROM task t JOIN meetup m ON m.workspace_id = t.workspace_id AND m.id = t.meetup_id"
    " WHERE t.workspace_id = ANY (apero_scope()) AND t.done_at IS NULL"
    " AND t.removed_at IS NULL AND m.cancelled_at IS NULL AND m.closed_at IS NULL"
)
_MINE = (
    "SELECT t.id, t.title, t.due_on, m.slug, m.title AS meetup, m.starts_at, m.time_zone"
)


async def mine(account_id: UUID | None, *, limit: int = MOST_MINE) -> list[Mine]:
    """What this account still has to do in the workspace in view, most pressing first."""
    return await sql(
        f"{_MINE}{_OPEN} AND t.owner_id = $1"
        " ORDER BY t.due_on NULLS LAST, m.starts_at, t.id LIMIT $2",
        account_id,
        limit,
        into=Mine,
    )


async def _owing(look: Look, *, by: Actor, now: datetime) -> list[Owing]:
    """Take the tasks to remind of, each once: no two workers write of the same one."""
    return await sql(
        "WITH due AS (UPDATE task t SET reminded_at = $2 FROM meetup m, account a"
        " WHERE t.workspace_id = $1 AND m.workspace_id = t.workspace_id"
        " AND m.id = t.meetup_id AND a.id = t.owner_id AND t.done_at IS NULL"
        " AND t.removed_at IS NULL AND t.reminded_at IS NULL AND m.cancelled_at IS NULL"
        " AND m.closed_at IS NULL"
        " AND t.due_on <= ($2::timestamptz AT TIME ZONE $3)::date + 1"
        " AND EXISTS (SELECT FROM membership p WHERE p.workspace_id = $1"
        " AND p.account_id = t.owner_id AND p.role = ANY ($4::text[])"
        " AND p.ended_at IS NULL)"
        " RETURNING t.id, t.title, t.due_on, m.slug, m.title AS meetup, m.starts_at,"
        " m.time_zone, t.owner_id, a.email, a.name, a.language)"
        " SELECT * FROM due ORDER BY owner_id, due_on, id",
        by.workspace_id,
        now,
        look.time_zone,
        TEAM_ROLES,
        into=Owing,
    )
