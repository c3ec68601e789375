"""Charters: what a brand asks of its community and of its ambassadors.

A version is published and never changed; the next one takes its place, and whoever
accepted an older one accepted that text. Each language of the workspace has its own text.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from piccolo.columns import JSONB, Integer, Text, Timestamptz

from server import audit
from server.audit import Actor
from server.database import Record, atomic, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import LANGUAGES, lazy

LONGEST = 20_000


class Kind(StrEnum):
    COMMUNITY = "community"
    AMBASSADORS = "ambassadors"


class Charter(Record):
    """One version of a charter, in the languages of its workspace."""

    kind = Text()
    number = Integer()
    content = JSONB()
    published_at = Timestamptz()


class Version(msgspec.Struct, frozen=True):
    """A version as it is read: `content` has one text for each language."""

    id: UUID
    kind: Kind
    number: int
    content: dict[str, str]
    published_at: datetime


class CharterMoved(Conflict):
    message = lazy(
        "Somebody published a version meanwhile. Yours is kept below: compare them."
    )


# Rules


def text_in(version: Version, language: str, otherwise: str) -> tuple[str, str]:
    """The text for this reader and the language it is in: hers, the brand's, or any."""
    for wanted in (language, otherwise, *sorted(version.content)):
        if version.content.get(wanted):
            return version.content[wanted], wanted
    return "", otherwise


def checked(content: Mapping[str, str], main_language: str) -> dict[str, str]:
    """The texts worth keeping. Raises Invalid by language."""
    kept = {code: text.strip() for code, text in content.items() if text.strip()}
    wrong = {
        code: lazy("This language is not one of ours.")
        for code in kept.keys() - set(LANGUAGES)
    }
    if main_language not in kept:
        wrong[main_language] = lazy("This answer is missing.")
    if wrong:
        raise Invalid(**wrong)
    for code, text in kept.items():
        if len(text) > LONGEST:
            too_long = lazy("This is too long: %(most)s characters at most.")
            raise Invalid(**{code: too_long % {"most": LONGEST}})
    return kept


# Commands


@atomic()
async def publish(
    kind: Kind,
    content: Mapping[str, str],
    *,
    main_language: str,
    after: int | None = None,
    by: Actor,
    now: datetime,
) -> Version:
    """The next version of a charter; the text in force, published again, changes nothing.

    `after` is the number the writer was looking at: another one means that somebody
    published meanwhile. Raises CharterMoved and Invalid.
    """
    kept = checked(content, main_language)
    # Two who publish at once wait in line here.
    await sql("SELECT id FROM workspace WHERE id = $1 FOR NO KEY UPDATE", by.workspace_id)
    before = await current(kind)
    if before is not None and before.content == kept:
        return before
    number = before.number if before else 0
    if after is not None and after != number:
        raise CharterMoved
    version = Version(uuid7(), Kind(kind), number + 1, kept, now)
    await sql(
        "INSERT INTO charter (id, workspace_id, kind, number, content, published_at)"
        " VALUES ($1, $2, $3, $4, $5::text::jsonb, $6)",
        version.id,
        by.workspace_id,
        version.kind.value,
        version.number,
        json.dumps(kept),
        now,
    )
    shown = "has_charter" if version.kind is Kind.COMMUNITY else "has_ambassadors"
    await sql(f"UPDATE workspace SET {shown} = true WHERE id = $1", by.workspace_id)  # noqa: S608
    await audit.note(
        by,
        "published_charter",
        Charter(id=version.id, workspace_id=by.workspace_id),
        at=now,
    )
    return version


# Queries

_VERSION = (
    "SELECT id, kind, number, content::text, published_at FROM charter"
    " WHERE workspace_id = ANY (apero_scope()) AND kind = $1"
)


def _read(rows: list[Any]) -> list[Version]:
    return [
        msgspec.convert({**row, "content": json.loads(row["content"])}, Version)
        for row in rows
    ]


async def current(kind: Kind) -> Version | None:
    """The version in force in the workspace in view, if one was ever published."""
    rows = await sql(f"{_VERSION} ORDER BY number DESC LIMIT 1", Kind(kind).value)
    return next(iter(_read(rows)), None)


async def version(kind: Kind, number: int) -> Version:
    """One version of the charter, or NotFound."""
    rows = await sql(f"{_VERSION} AND number = $2", Kind(kind).value, number)
    for found in _read(rows):
        return found
    raise NotFound


async def versions(
    kind: Kind, *, before: int | None = None, limit: int = 50
) -> list[Version]:
    """The versions, newest first, paged by number."""
    rows = await sql(
        f"{_VERSION} AND ($2::int IS NULL OR number < $2) ORDER BY number DESC LIMIT $3",
        Kind(kind).value,
        before,
        limit,
    )
    return _read(rows)
