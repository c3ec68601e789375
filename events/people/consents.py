"""Consents: what a member agreed to, each yes and each no a row that is never changed.

Linking attendance to online activity is a choice of its own, unticked at first and
withdrawn at any time without losing a service (GDPR, articles 6(1)(a) and 7(3)). The
exact text that was agreed to is known by its SHA-256.
"""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Boolean, Bytea, Text, Timestamptz

from events.people.members import Member
from server import audit
from server.audit import Actor
from server.database import Record, atomic, find, sql, uuid7


class Purpose(StrEnum):
    LINKING = "linking"
    PHOTOS = "photos"
    LETTERS = "letters"
    ACROSS = "across"


class Consent(Record):
    """One yes or one no of one member to one purpose."""

    member_id = UuidColumn()
    purpose = Text()
    is_given = Boolean()
    text_sha256 = Bytea()
    language = Text()
    via = Text()
    at = Timestamptz()


class Answer(msgspec.Struct, frozen=True):
    """A consent as the person's page shows it."""

    purpose: Purpose
    is_given: bool
    via: str
    at: datetime


# Commands


@atomic()
async def agree(
    member_id: UUID,
    purpose: Purpose,
    *,
    text: str,
    language: str,
    via: str,
    by: Actor,
    now: datetime,
) -> None:
    """Write down that a member agreed to this very text."""
    await find(Member, member_id)
    said = _Said(purpose, is_given=True, text=text, language=language, via=via)
    await _write([member_id], said, by=by, now=now)


@atomic()
async def withdraw(
    member_id: UUID,
    purpose: Purpose,
    *,
    text: str,
    language: str,
    via: str,
    by: Actor,
    now: datetime,
) -> None:
    """Write down that a member takes her agreement back."""
    await find(Member, member_id)
    said = _Said(purpose, is_given=False, text=text, language=language, via=via)
    await _write([member_id], said, by=by, now=now)


@atomic()
async def agree_all(
    member_ids: list[UUID],
    purpose: Purpose,
    *,
    text: str,
    language: str,
    via: str,
    by: Actor,
    now: datetime,
) -> int:
    """The same for everybody of a file who never answered; a no of hers stays a no."""
    rows = await sql(
        "SELECT id FROM unnest($2::uuid[]) AS given (id) WHERE NOT EXISTS ("
        "SELECT 1 FROM consent c WHERE c.workspace_id = $1 AND c.member_id = given.id"
        " AND c.purpose = $3)",
        by.workspace_id,
        sorted(set(member_ids)),
        Purpose(purpose).value,
    )
    silent = [row["id"] for row in rows]
    if silent:
        said = _Said(purpose, is_given=True, text=text, language=language, via=via)
        await _write(silent, said, by=by, now=now)
    return len(silent)


class _Said(NamedTuple):
    purpose: Purpose
    is_given: bool
    text: str
    language: str
    via: str


async def _write(member_ids: list[UUID], said: _Said, *, by: Actor, now: datetime) -> None:
    """One row each, and the date on the member that the lift reads."""
    purpose = Purpose(said.purpose)
    await sql(
        "INSERT INTO consent (id, workspace_id, member_id, purpose, is_given, text_sha256,"
        " language, via, at) SELECT id, $1, member_id, $2, $3, $4, $5, $6, $7"
        " FROM unnest($8::uuid[], $9::uuid[]) AS given (id, member_id)",
        by.workspace_id,
        purpose.value,
        said.is_given,
        hashlib.sha256(said.text.encode()).digest(),
        said.language,
        said.via,
        now,
        [uuid7() for _ in member_ids],
        member_ids,
    )
    if purpose is Purpose.LINKING:
        await sql(
            "UPDATE member SET linking_agreed_at = $3 WHERE workspace_id = $1"
            " AND id = ANY ($2::uuid[])",
            by.workspace_id,
            member_ids,
            now if said.is_given else None,
        )
    verb = "agreed" if said.is_given else "withdrew"
    only = await find(Member, member_ids[0]) if len(member_ids) == 1 else None
    await audit.note(by, f"{verb}_{purpose}", only, at=now)


# Queries


async def answers(member_id: UUID) -> list[Answer]:
    """What a member said to each purpose, latest first."""
    return await sql(
        "SELECT purpose, is_given, via, at FROM consent"
        " WHERE workspace_id = ANY (apero_scope()) AND member_id = $1"
        " ORDER BY at DESC, id DESC LIMIT 100",
        member_id,
        into=Answer,
    )
