"""Attendance: that somebody came, as the door says or as it was kept elsewhere.

The door keeps its own log and tells the registration what follows (ADR 0006). A list
from elsewhere is the past: it is never refused for want of places, the capacity grows to
what was, and the same list twice changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from events.admission.places import About, Status, hashes_of, hold
from events.admission.tickets import Keys
from events.planning.meetups import Meetup
from server import audit
from server.audit import Actor
from server.database import atomic, many, one, sql, uuid7
from server.errors import Invalid, NotFound
from server.i18n import lazy


class Past(msgspec.Struct, frozen=True):
    """One line of an attendance that was kept elsewhere."""

    member_id: UUID
    status: Status = Status.CONFIRMED
    attended_at: datetime | None = None
    is_drawn: bool | None = None
    registered_at: datetime | None = None


class Imported(msgspec.Struct, frozen=True):
    """What an attendance list changed."""

    added: int
    attended: int
    unchanged: int


# Commands


@atomic()
async def mark_attended(
    registration_id: UUID, at: datetime | None, *, by: Actor, now: datetime
) -> None:
    """Write when somebody first came in, or that she did not; the door alone calls this."""
    row = await one(
        "UPDATE registration SET attended_at = $3 WHERE workspace_id = $1 AND id = $2"
        " RETURNING id",
        by.workspace_id,
        registration_id,
        at,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "attended" if at else "not_attended", About(row["id"]), at=now)


@atomic()
async def import_attendance(
    meetup: Meetup, rows: Sequence[Past], *, keys: Keys, by: Actor, now: datetime
) -> Imported:
    """Take over who was registered and who came, as kept elsewhere; twice is once.

    What happened is never refused for want of places: the capacity grows to what was.
    """
    if any(past.status is Status.WAITLISTED for past in rows):
        raise Invalid(status=lazy("Nobody waits any more for a meetup of the past."))
    await hold(meetup.id)
    known = await sql(
        "SELECT id, member_id, status, attended_at, typed_hash FROM registration"
        " WHERE workspace_id = $1 AND meetup_id = $2",
        by.workspace_id,
        meetup.id,
    )
    there = {row["member_id"]: row for row in known}
    wanted = {past.member_id: past for past in rows}
    fresh = [past for key, past in wanted.items() if key not in there]
    hashes = {row["typed_hash"] for row in known}
    await many(_INSERT, _past_rows(meetup, fresh, hashes, keys, now))
    moved = [
        (
            by.workspace_id,
            there[key]["id"],
            past.status.value,
            past.is_drawn,
            past.attended_at,
        )
        for key, past in wanted.items()
        if key in there and _tells_more(past, there[key])
    ]
    await many(
        "UPDATE registration SET status = $3, wait_no = NULL, is_drawn ="
        " coalesce($4, is_drawn), attended_at = coalesce(attended_at, $5)"
        " WHERE workspace_id = $1 AND id = $2",
        moved,
    )
    await _recount(meetup.id)
    await audit.note(by, "imported_attendance", meetup, at=now)
    return Imported(len(fresh), len(moved), len(wanted) - len(fresh) - len(moved))


def _tells_more(past: Past, there: asyncpg.Record) -> bool:
    """Does this line say something that is not known: a draw, or that somebody came?"""
    if there["status"] == Status.WAITLISTED:
        return past.is_drawn is not None
    came = past.attended_at is not None and there["attended_at"] is None
    return came and there["status"] == past.status == Status.CONFIRMED


def _past_rows(
    meetup: Meetup, rows: Sequence[Past], hashes: set[bytes], keys: Keys, now: datetime
) -> list[tuple[object, ...]]:
    """The rows to write, each with a code that nobody else has in this meetup."""
    made: list[tuple[object, ...]] = []
    for past in rows:
        id_ = uuid7()
        rotation, codes = 0, hashes_of(meetup, id_, 0, keys)
        while codes[1] in hashes:
            rotation += 1
            codes = hashes_of(meetup, id_, rotation, keys)
        hashes.add(codes[1])
        made.append(
            (
                meetup.workspace_id,
                meetup.id,
                id_,
                past.member_id,
                past.status.value,
                past.is_drawn,
                rotation,
                *codes,
                past.registered_at or min(now, meetup.starts_at),
                past.attended_at,
                now if past.status is Status.CANCELLED else None,
            )
        )
    return made


_INSERT = (
    "INSERT INTO registration (workspace_id, meetup_id, id, member_id, status, is_drawn,"
    " source, rotation, code_hash, typed_hash, capability_hash, registered_at, attended_at,"
    " cancelled_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, 'import', $7, $8, $9, $10, $11, $12, $13)"
)


async def _recount(meetup_id: UUID) -> None:
    """What happened is never refused for want of places: the capacity grows to it."""
    await sql(
        "UPDATE seating s SET taken = c.n, capacity = greatest(s.capacity, c.n) FROM"
        " (SELECT count(*)::int AS n FROM registration"
        " WHERE workspace_id = ANY (apero_scope()) AND meetup_id = $1"
        " AND status = 'confirmed') c"
        " WHERE s.workspace_id = ANY (apero_scope()) AND s.id = $1",
        meetup_id,
    )
