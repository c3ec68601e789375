"""Representatives: who stands for the brand that evening, and how one recognises them.

A meetup is published with at least one, or not at all. The meetup's own line of text is
the first one's name and role, kept in step in the transaction that changes either.
"""

from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Integer, Text

from server import audit, pictures
from server.audit import Actor
from server.database import Record, atomic, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import lazy
from server.pictures import Fresh

MOST = 20


class Representative(Record):
    """One person who stands for the brand at one meetup."""

    meetup_id = UuidColumn()
    position = Integer()
    name = Text()
    role = Text()
    recognised_by = Text()
    picture_id = UuidColumn(null=True, default=None)


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody as people are told of her: her name, her role, how to recognise her."""

    name: str
    role: str = ""
    recognised_by: str = ""
    picture_id: UUID | None = None


class Shown(Face, frozen=True, kw_only=True):
    """A representative with her key."""

    id: UUID


class NeedsRepresentative(Conflict):
    message = lazy("Name who represents the brand that evening, then publish.")


class MeetupSettled(Conflict):
    message = lazy("This meetup is closed or cancelled: it stays as it was.")


class TooMany(Conflict):
    message = lazy("Twenty people at most stand for the brand at a meetup.")


# Rules


def spoken(name: str, role: str) -> str:
    """A person on one line: her name, then her role."""
    return f"{name}, {role}" if role else name


def heard(text: str) -> tuple[str, str]:
    """The name and the role of a line: what comes before its first comma, and after."""
    name, _comma, role = text.strip().partition(",")
    return (name.strip(), role.strip()) if name.strip() else (text.strip(" ,"), "")


def check_face(face: Face) -> None:
    """Raise Invalid when nobody could ask for this person."""
    if not face.name:
        raise Invalid(name=lazy("This answer is missing."))


# Commands


@atomic()
async def add(
    meetup_id: UUID,
    face: Face,
    *,
    picture: Fresh | None = None,
    by: Actor,
    now: datetime,
) -> UUID:
    """One more person to stand for the brand; the first of them is named everywhere."""
    check_face(face)
    await hold(meetup_id, by=by)
    here = await of_meetup(meetup_id)
    if len(here) >= MOST:
        raise TooMany
    face = await _pictured(face, picture, by=by, now=now)
    id_ = await _insert(meetup_id, face, by=by)
    await _speak(meetup_id, by=by, now=now)
    await audit.note(by, "named_representative", at=now)
    return id_


@atomic()
async def change(
    meetup_id: UUID,
    id_: UUID,
    face: Face,
    *,
    picture: Fresh | None = None,
    by: Actor,
    now: datetime,
) -> None:
    """Say it otherwise; a face that is not given anew stays."""
    check_face(face)
    await hold(meetup_id, by=by)
    face = await _pictured(face, picture, by=by, now=now)
    row = await one(
        "UPDATE representative SET name = $4, role = $5, recognised_by = $6,"
        " picture_id = coalesce($7, picture_id)"
        " WHERE workspace_id = $1 AND meetup_id = $2 AND id = $3 RETURNING id",
        by.workspace_id,
        meetup_id,
        id_,
        face.name,
        face.role,
        face.recognised_by,
        face.picture_id,
    )
    if row is None:
        raise NotFound
    await _speak(meetup_id, by=by, now=now)
    await audit.note(by, "changed_representative", at=now)


async def _pictured(face: Face, picture: Fresh | None, *, by: Actor, now: datetime) -> Face:
    """The same person with the picture that came with her, kept with her or not at all."""
    if picture is None:
        return face
    kept = await pictures.store(picture, by=by, now=now)
    return msgspec.structs.replace(face, picture_id=kept)


@atomic()
async def put_first(meetup_id: UUID, id_: UUID, *, by: Actor, now: datetime) -> None:
    """Name this person before the others."""
    await hold(meetup_id, by=by)
    row = await one(
        "UPDATE representative SET position = (SELECT min(position) - 1 FROM representative"
        " WHERE workspace_id = $1 AND meetup_id = $2)"
        " WHERE workspace_id = $1 AND meetup_id = $2 AND id = $3 RETURNING id",
        by.workspace_id,
        meetup_id,
        id_,
    )
    if row is None:
        raise NotFound
    await _speak(meetup_id, by=by, now=now)
    await audit.note(by, "changed_representative", at=now)


@atomic()
async def remove(meetup_id: UUID, id_: UUID, *, by: Actor, now: datetime) -> None:
    """Take a person off; of a meetup that is public, one always stays."""
    await hold(meetup_id, by=by)
    row = await one(
        "DELETE FROM representative WHERE workspace_id = $1 AND meetup_id = $2 AND id = $3"
        " RETURNING id",
        by.workspace_id,
        meetup_id,
        id_,
    )
    if row is None:
        raise NotFound
    await _speak(meetup_id, by=by, now=now)
    await audit.note(by, "removed_representative", at=now)


async def name_first(meetup_id: UUID, text: str, *, by: Actor) -> None:
    """Keep the first person in step with the meetup's line, in the current transaction."""
    here = await of_meetup(meetup_id)
    if here and spoken(here[0].name, here[0].role) == text:
        return
    name, role = heard(text)
    if not name:
        if here:
            await _drop(meetup_id, here[0].id, by=by)
        return
    if not here:
        await _insert(meetup_id, Face(name=name, role=role), by=by)
        return
    await sql(
        "UPDATE representative SET name = $3, role = $4"
        " WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        here[0].id,
        name,
        role,
    )


async def copy(from_id: UUID, to_id: UUID, *, by: Actor) -> None:
    """The people of one meetup at another, in place of those it had."""
    await sql(
        "DELETE FROM representative WHERE workspace_id = $1 AND meetup_id = $2",
        by.workspace_id,
        to_id,
    )
    for face in await of_meetup(from_id):
        await _insert(to_id, face, by=by)


async def _insert(meetup_id: UUID, face: Face, *, by: Actor) -> UUID:
    """Add somebody at the end. Raises NotFound for a picture of another workspace."""
    id_ = uuid7()
    try:
        await sql(
            "INSERT INTO representative (id, workspace_id, meetup_id, position, name, role,"
            " recognised_by, picture_id) SELECT $3, $1, $2, coalesce(max(position), 0) + 1,"
            " $4, $5, $6, $7 FROM representative"
            " WHERE workspace_id = $1 AND meetup_id = $2",
            by.workspace_id,
            meetup_id,
            id_,
            face.name,
            face.role,
            face.recognised_by,
            face.picture_id,
        )
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound from error
    return id_


async def _drop(meetup_id: UUID, id_: UUID, *, by: Actor) -> None:
    await sql(
        "DELETE FROM representative WHERE workspace_id = $1 AND meetup_id = $2 AND id = $3",
        by.workspace_id,
        meetup_id,
        id_,
    )


async def hold(meetup_id: UUID, *, by: Actor) -> None:
    """Lock a meetup that may still be prepared until this transaction ends."""
    row = await one(
        "SELECT closed_at, cancelled_at FROM meetup WHERE workspace_id = $1 AND id = $2"
        " FOR UPDATE",
        by.workspace_id,
        meetup_id,
    )
    if row is None:
        raise NotFound
    if row["closed_at"] is not None or row["cancelled_at"] is not None:
        raise MeetupSettled


async def _speak(meetup_id: UUID, *, by: Actor, now: datetime) -> None:
    """Write the first person on the meetup's own line."""
    here = await of_meetup(meetup_id)
    text = spoken(here[0].name, here[0].role) if here else ""
    try:
        await sql(
            "UPDATE meetup SET representative = $3, updated_at = $4,"
            " sequence = sequence + 1 WHERE workspace_id = $1 AND id = $2"
            " AND representative <> $3",
            by.workspace_id,
            meetup_id,
            text,
            now,
        )
    except asyncpg.CheckViolationError as error:  # public, and nobody would be named
        raise NeedsRepresentative from error


# Queries


async def of_meetup(meetup_id: UUID) -> list[Shown]:
    """Who stands for the brand at this meetup, the first one first."""
    return await sql(
        "SELECT id, name, role, recognised_by, picture_id FROM representative"
        " WHERE workspace_id = ANY (apero_scope()) AND meetup_id = $1"
        " ORDER BY position, id LIMIT $2",
        meetup_id,
        MOST,
        into=Shown,
    )
