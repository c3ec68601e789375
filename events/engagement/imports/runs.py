"""Import runs: a file brought in, looked at, and only then written.

The content stays in its row until it is committed or dropped; after that only its hash
does. The same file again is recognised by that hash, and any overlap by its rows.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec
from piccolo.columns import JSONB, Bytea, Text, Timestamptz
from piccolo.columns import UUID as UuidColumn

from events.admission.tickets import Keys
from events.engagement.imports import looking, sheets, writing
from events.engagement.imports.headings import Kind
from events.engagement.imports.looking import Choices, Given, look_at
from events.engagement.imports.tallies import Outcome, Preview
from events.people.channels import Channel
from events.people.communities import Community
from server import audit
from server.audit import Actor, ActorKind
from server.database import Record, atomic, find, one, scoped, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import lazy
from server.rendering import safe_text

Progress = Callable[[int, int], None]
LONGEST_FILENAME = 200


class ImportRun(Record):
    """One file brought in."""

    community_id = UuidColumn()
    channel_id = UuidColumn(null=True, default=None)
    account_id = UuidColumn(null=True, default=None)
    kind = Text()
    filename = Text()
    sha256 = Bytea()
    content = Bytea(null=True, default=None)
    choices = JSONB()
    outcome = JSONB()
    created_at = Timestamptz()
    committed_at = Timestamptz(null=True, default=None)


class RunLine(msgspec.Struct, frozen=True):
    """An import in a list."""

    id: UUID
    kind: Kind
    filename: str
    created_at: datetime
    committed_at: datetime | None
    new_rows: int


class _Noted(msgspec.Struct, frozen=True):
    """A run as the log names it, without reading its file again."""

    id: UUID


_Noted.__name__ = ImportRun.__name__


class AlreadyCommitted(Conflict):
    message = lazy("This import is done already.")


class NotReady(Conflict):
    message = lazy("This file still needs an answer before it can be imported.")


# Rules


def check_given(given: Given) -> None:
    """Raise Invalid when the kind of file asks for something that was not chosen."""
    if given.kind is Kind.ACTIVITY and given.channel_id is None:
        raise Invalid(channel=lazy("Choose the channel where this happened."))


# Commands


async def receive(given: Given, *, by: Actor, now: datetime) -> UUID:
    """Take a file in to look at it; refused at once when it cannot be read."""
    check_given(given)
    await asyncio.to_thread(sheets.read, given.content)
    return await _keep(given, by=by, now=now)


@atomic()
async def _keep(given: Given, *, by: Actor, now: datetime) -> UUID:
    await _check_places(given)
    id_ = uuid7()
    await sql(
        "INSERT INTO import_run (id, workspace_id, community_id, channel_id, account_id,"
        " kind, filename, sha256, content, choices, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb, $11)",
        id_,
        by.workspace_id,
        given.community_id,
        given.channel_id,
        by.id if by.kind is ActorKind.ACCOUNT else None,
        given.kind.value,
        safe_text(given.filename)[:LONGEST_FILENAME],
        hashlib.sha256(given.content).digest(),
        given.content,
        msgspec.json.encode(given.choices).decode(),
        now,
    )
    return id_


async def _check_places(given: Given) -> None:
    """The community is in view, and the channel is one of its own."""
    await find(Community, given.community_id)
    if given.channel_id is not None:
        channel = await find(Channel, given.channel_id)
        if channel.community_id != given.community_id:
            raise NotFound


@atomic()
async def choose(run_id: UUID, *, day_first: bool, by: Actor, now: datetime) -> None:
    """Answer what the file could not say by itself."""
    await run_by_id(run_id)
    row = await one(
        "UPDATE import_run SET choices = choices || $3::text::jsonb WHERE workspace_id = $1"
        " AND id = $2 AND committed_at IS NULL AND content IS NOT NULL RETURNING id",
        by.workspace_id,
        run_id,
        json.dumps({"day_first": day_first}),
    )
    if row is None:
        raise AlreadyCommitted
    await audit.note(by, "answered_import", _Noted(run_id), at=now)


@atomic()
async def drop(run_id: UUID, *, by: Actor, now: datetime) -> None:
    """Forget a file that was not committed."""
    await run_by_id(run_id)
    row = await one(
        "DELETE FROM import_run WHERE workspace_id = $1 AND id = $2"
        " AND committed_at IS NULL RETURNING id",
        by.workspace_id,
        run_id,
    )
    if row is None:
        raise AlreadyCommitted
    await audit.note(by, "dropped_import", _Noted(run_id), at=now)


async def commit(
    run_id: UUID,
    *,
    keys: Keys,
    by: Actor,
    now: datetime,
    on_progress: Progress | None = None,
) -> Outcome:
    """Write what the preview showed, all of it or nothing."""
    async with scoped(by):
        given = await _given(run_id)
    sheet = await asyncio.to_thread(sheets.read, given.content)
    return await _commit(
        run_id, given, sheet, keys=keys, by=by, now=now, on_progress=on_progress
    )


@atomic()
async def _commit(
    run_id: UUID,
    given: Given,
    sheet: sheets.Sheet,
    *,
    keys: Keys,
    by: Actor,
    now: datetime,
    on_progress: Progress | None,
) -> Outcome:
    row = await one(
        "SELECT committed_at FROM import_run WHERE workspace_id = $1 AND id = $2"
        " FOR UPDATE",
        by.workspace_id,
        run_id,
    )
    if row is None:
        raise NotFound
    if row["committed_at"] is not None:
        raise AlreadyCommitted
    already = await _already(given)
    read = await looking.reader(given, sheet)
    shown = looking.outline(given, read, already_at=already)
    if not shown.may_commit:
        raise NotReady
    if already is not None:
        outcome = same_file(shown)
    else:
        outcome = await writing.write(
            given, read, run_id, keys=keys, by=by, now=now, on_progress=on_progress
        )
    await sql(
        "UPDATE import_run SET committed_at = $3, content = NULL, outcome = $4::text::jsonb"
        " WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        run_id,
        now,
        msgspec.json.encode(outcome).decode(),
    )
    await audit.note(by, f"imported_{given.kind}", _Noted(run_id), at=now)
    return outcome


def same_file(preview: Preview) -> Outcome:
    """What a file does that was committed before: nothing."""
    return Outcome(
        kind=preview.kind,
        filename=preview.filename,
        counts={"new": 0, "matched": preview.rows, "conflict": 0, "ignored": 0},
        reasons={},
        is_same_file=True,
    )


async def run(
    given: Given,
    *,
    dry_run: bool,
    keys: Keys,
    by: Actor,
    now: datetime,
    on_progress: Progress | None = None,
) -> Outcome:
    """Look at a file and, unless this is a dry run, write it: for the command line."""
    check_given(given)
    if dry_run:
        return dry(await preview(given, by=by, now=now))
    run_id = await receive(given, by=by, now=now)
    try:
        return await commit(run_id, keys=keys, by=by, now=now, on_progress=on_progress)
    except NotReady:
        await drop(run_id, by=by, now=now)
        return dry(await preview(given, by=by, now=now))


def dry(shown: Preview) -> Outcome:
    """A preview as an outcome that wrote nothing."""
    return Outcome(
        kind=shown.kind,
        filename=shown.filename,
        counts=shown.counts,
        reasons={reason.code: reason.count for reason in shown.reasons},
        is_dry=True,
        is_same_file=shown.already_at is not None,
        problems=shown.problems,
    )


# Queries


async def preview(given: Given, *, by: Actor, now: datetime) -> Preview:
    """What this file would do. Writes nothing."""
    check_given(given)
    sheet = await asyncio.to_thread(sheets.read, given.content)
    async with scoped(by, readonly=True):
        await _check_places(given)
        return await look_at(given, sheet, already_at=await _already(given), now=now)


async def preview_of(run_id: UUID, *, by: Actor, now: datetime) -> Preview:
    """What the file of this run would do. Writes nothing."""
    async with scoped(by, readonly=True):
        given = await _given(run_id)
    return await preview(given, by=by, now=now)


async def _given(run_id: UUID) -> Given:
    """The file of a run with all that was chosen for it."""
    row = await one(
        "SELECT kind, content, filename, community_id, channel_id, choices::text"
        " FROM import_run WHERE workspace_id = ANY (apero_scope()) AND id = $1",
        run_id,
    )
    if row is None:
        raise NotFound
    if row["content"] is None:
        raise AlreadyCommitted
    return Given(
        kind=Kind(row["kind"]),
        content=row["content"],
        filename=row["filename"],
        community_id=row["community_id"],
        channel_id=row["channel_id"],
        choices=msgspec.json.decode(row["choices"], type=Choices),
    )


async def _already(given: Given) -> datetime | None:
    """When this very file was committed with these very choices, if it was."""
    row = await one(
        "SELECT max(committed_at) AS at FROM import_run"
        " WHERE workspace_id = ANY (apero_scope()) AND community_id = $1 AND kind = $2"
        " AND channel_id IS NOT DISTINCT FROM $3 AND sha256 = $4"
        " AND choices = $5::text::jsonb",
        given.community_id,
        given.kind.value,
        given.channel_id,
        hashlib.sha256(given.content).digest(),
        msgspec.json.encode(given.choices).decode(),
    )
    at: datetime | None = row["at"] if row else None
    return at


async def outcome_of(run_id: UUID) -> tuple[ImportRun, Outcome]:
    """A committed run and what it did, or NotFound."""
    found = await find(ImportRun, run_id)
    if found.committed_at is None:
        raise NotFound
    return found, msgspec.json.decode(found.outcome, type=Outcome)


async def runs(*, limit: int = 20) -> list[RunLine]:
    """The latest imports of the workspace in view."""
    return await sql(
        "SELECT id, kind, filename, created_at, committed_at,"
        " coalesce((outcome -> 'counts' ->> 'new')::int, 0) AS new_rows FROM import_run"
        " WHERE workspace_id = ANY (apero_scope()) ORDER BY id DESC LIMIT $1",
        limit,
        into=RunLine,
    )


async def run_by_id(run_id: UUID) -> RunLine:
    """One import of the workspace in view, or NotFound."""
    found = await one(
        "SELECT id, kind, filename, created_at, committed_at, 0 AS new_rows FROM import_run"
        " WHERE workspace_id = ANY (apero_scope()) AND id = $1",
        run_id,
        into=RunLine,
    )
    if found is None:
        raise NotFound
    return found
