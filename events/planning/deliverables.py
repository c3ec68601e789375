"""Deliverables: what we owe a sponsor, by when, who sees to it, and what proves it.

Delivered takes a proof (a photo, a link or a count); without one the word is not ours to
say. What is dropped keeps its reason, and the sponsor reads both.
"""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Date, Integer, Text, Timestamptz

from events.planning.packages import LARGEST_QUANTITY
from server import audit
from server.audit import Actor
from server.database import Record, atomic, many, one, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import lazy
from server.workspaces import TEAM

LARGEST_COUNT = 2_000_000_000


class ProofKind(StrEnum):
    PHOTO = "photo"
    LINK = "link"
    COUNT = "count"


class Deliverable(Record):
    """One thing owed for one sponsorship."""

    sponsorship_id = UuidColumn()
    title = Text()
    quantity = Integer()
    due_on = Date()
    owner_id = UuidColumn(null=True, default=None)
    created_at = Timestamptz()
    delivered_at = Timestamptz(null=True, default=None)
    dropped_at = Timestamptz(null=True, default=None)
    dropped_reason = Text()
    reminded_for = Date(null=True, default=None)
    chased_for = Date(null=True, default=None)


class Proof(Record):
    """What shows that something was delivered."""

    deliverable_id = UuidColumn()
    kind = Text()
    link = Text()
    counted = Integer(null=True, default=None, db_column_name="count")
    note = Text()
    picture_id = UuidColumn(null=True, default=None)
    created_at = Timestamptz()
    withdrawn_at = Timestamptz(null=True, default=None)


class Owed(msgspec.Struct, frozen=True):
    """Something to be owed."""

    title: str
    due_on: date
    quantity: int = 1
    owner_id: UUID | None = None


class Shown(msgspec.Struct, frozen=True):
    """A proof to be kept; its kind says which field counts."""

    kind: ProofKind
    link: str = ""
    count: int | None = None
    picture_id: UUID | None = None
    note: str = ""


class NeedsProof(Conflict):
    message = lazy("Add a proof first: a photo, a link or a count.")


class NotOwedAnyMore(Conflict):
    message = lazy("This is settled already. Take it up again to change it.")


class StillOwed(Conflict):
    message = lazy("This is owed still; there is nothing to take up again.")


# Rules


def check(owed: Owed) -> None:
    """Refuse what cannot be owed, field by field."""
    wrong = {}
    if not owed.title:
        wrong["title"] = lazy("This answer is missing.")
    if not 1 <= owed.quantity <= LARGEST_QUANTITY:
        wrong["quantity"] = lazy("Write a number from 1 to 10000.")
    if wrong:
        raise Invalid(**wrong)


def check_proof(shown: Shown) -> None:
    """Refuse a proof that shows nothing."""
    if shown.kind is ProofKind.LINK and not _is_web(shown.link):
        raise Invalid(link=lazy("Write an address that begins with https://."))
    if shown.kind is ProofKind.COUNT and (
        shown.count is None or not 0 <= shown.count <= LARGEST_COUNT
    ):
        raise Invalid(count=lazy("Write a whole number."))
    if shown.kind is ProofKind.PHOTO and shown.picture_id is None:
        raise Invalid(picture=lazy("Choose a file."))


def _is_web(link: str) -> bool:
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and " " not in link


# Commands


@atomic()
async def owe(
    sponsorship_id: UUID, owed: Iterable[Owed], *, by: Actor, now: datetime
) -> list[UUID]:
    """Owe these things for a sponsorship."""
    rows = []
    for one_ in owed:
        check(one_)
        rows.append(
            (
                *(uuid7(), by.workspace_id, sponsorship_id, one_.title, one_.quantity),
                *(one_.due_on, one_.owner_id, now),
            )
        )
    await _check_owners({row[6] for row in rows}, by=by)
    try:
        await many(
            "INSERT INTO deliverable (id, workspace_id, sponsorship_id, title, quantity,"
            " due_on, owner_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            rows,
        )
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound from error
    await audit.note(by, "owed_deliverables", at=now)
    return [row[0] for row in rows]


@atomic()
async def change(deliverable_id: UUID, owed: Owed, *, by: Actor, now: datetime) -> None:
    """Change what is owed, by when, or who sees to it; only while it is owed."""
    check(owed)
    await _check_owners({owed.owner_id}, by=by)
    await _open(deliverable_id, by=by)
    await one(
        "UPDATE deliverable SET title = $3, quantity = $4, due_on = $5, owner_id = $6"
        " WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        deliverable_id,
        owed.title,
        owed.quantity,
        owed.due_on,
        owed.owner_id,
    )
    await audit.note(by, "changed_deliverable", at=now)


@atomic()
async def prove(deliverable_id: UUID, shown: Shown, *, by: Actor, now: datetime) -> UUID:
    """Keep a proof; more may come after it is delivered, not once it is dropped."""
    check_proof(shown)
    row = await _lock(deliverable_id, by=by)
    if row["dropped_at"] is not None:
        raise NotOwedAnyMore
    is_photo, is_link = shown.kind is ProofKind.PHOTO, shown.kind is ProofKind.LINK
    proof = Proof(
        id=uuid7(),
        workspace_id=by.workspace_id,
        deliverable_id=deliverable_id,
        kind=shown.kind.value,
        link=shown.link if is_link else "",
        counted=shown.count if shown.kind is ProofKind.COUNT else None,
        note=shown.note,
        picture_id=shown.picture_id if is_photo else None,
        created_at=now,
    )
    try:
        await proof.save()
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound from error
    await audit.note(by, "proved_deliverable", at=now)
    id_: UUID = proof.id
    return id_


@atomic()
async def withdraw_proof(
    deliverable_id: UUID, proof_id: UUID, *, by: Actor, now: datetime
) -> bool:
    """Take a proof back; without any left it is owed again, and the answer is True."""
    await _lock(deliverable_id, by=by)
    row = await one(
        "UPDATE proof SET withdrawn_at = $4 WHERE workspace_id = $1 AND deliverable_id = $2"
        " AND id = $3 AND withdrawn_at IS NULL RETURNING id",
        by.workspace_id,
        deliverable_id,
        proof_id,
        now,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "withdrew_proof", at=now)
    reopened = await one(
        "UPDATE deliverable SET delivered_at = NULL WHERE workspace_id = $1 AND id = $2"
        " AND delivered_at IS NOT NULL AND NOT EXISTS (SELECT FROM proof p"
        " WHERE p.workspace_id = $1 AND p.deliverable_id = $2 AND p.withdrawn_at IS NULL)"
        " RETURNING id",
        by.workspace_id,
        deliverable_id,
    )
    return reopened is not None


@atomic()
async def deliver(deliverable_id: UUID, *, by: Actor, now: datetime) -> None:
    """Say that it is delivered; it takes a proof."""
    await _open(deliverable_id, by=by)
    row = await one(
        "UPDATE deliverable SET delivered_at = $3 WHERE workspace_id = $1 AND id = $2"
        " AND EXISTS (SELECT FROM proof p WHERE p.workspace_id = $1"
        " AND p.deliverable_id = $2 AND p.withdrawn_at IS NULL) RETURNING id",
        by.workspace_id,
        deliverable_id,
        now,
    )
    if row is None:
        raise NeedsProof
    await audit.note(by, "delivered", at=now)


@atomic()
async def drop(deliverable_id: UUID, reason: str, *, by: Actor, now: datetime) -> None:
    """Say that it will not be delivered, and why; the sponsor reads both."""
    if not reason:
        raise Invalid(reason=lazy("This answer is missing."))
    await _open(deliverable_id, by=by)
    await one(
        "UPDATE deliverable SET dropped_at = $3, dropped_reason = $4"
        " WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        deliverable_id,
        now,
        reason,
    )
    await audit.note(by, "dropped_deliverable", at=now)


@atomic()
async def reopen(deliverable_id: UUID, *, by: Actor, now: datetime) -> None:
    """Take up again what was delivered or dropped: it is owed."""
    row = await _lock(deliverable_id, by=by)
    if row["delivered_at"] is None and row["dropped_at"] is None:
        raise StillOwed
    await one(
        "UPDATE deliverable SET delivered_at = NULL, dropped_at = NULL, dropped_reason = ''"
        " WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        deliverable_id,
    )
    await audit.note(by, "reopened_deliverable", at=now)


async def _lock(deliverable_id: UUID, *, by: Actor) -> asyncpg.Record:
    """The row, for this command alone, or NotFound."""
    row = await one(
        "SELECT delivered_at, dropped_at FROM deliverable"
        " WHERE workspace_id = $1 AND id = $2 FOR UPDATE",
        by.workspace_id,
        deliverable_id,
    )
    if row is None:
        raise NotFound
    return row


async def _open(deliverable_id: UUID, *, by: Actor) -> None:
    """Hold the row as long as it is owed."""
    row = await _lock(deliverable_id, by=by)
    if row["delivered_at"] is not None or row["dropped_at"] is not None:
        raise NotOwedAnyMore


async def _check_owners(owners: set[UUID | None], *, by: Actor) -> None:
    """Whoever sees to something is of the team."""
    wanted = [owner for owner in owners if owner is not None]
    if not wanted:
        return
    row = await one(
        "SELECT count(DISTINCT account_id) AS many FROM membership WHERE workspace_id = $1"
        " AND account_id = ANY ($2::uuid[]) AND role = ANY ($3::text[])"
        " AND ended_at IS NULL",
        by.workspace_id,
        wanted,
        [role.value for role in TEAM],
    )
    if row is None or row["many"] != len(wanted):
        raise Invalid(owner=lazy("Choose somebody of the team."))
