"""Places: the rows of admission, and what must be true before a place changes hands.

A registration is one member at one meetup, once. The meetup's places are counted on one
row (`seating`); whoever gives, takes or frees a place holds that row first.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias, TypeVar
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import BigInt, Boolean, Bytea, Integer, Text, Timestamptz

from events.admission import tickets
from events.admission.tickets import Keys, Scanned, Typed
from events.planning import meetups
from events.planning.meetups import Meetup, Stage
from server.audit import Actor
from server.database import NOWHERE, Record, one, scoped, sql
from server.errors import Busy, Conflict, NotFound
from server.i18n import lazy

Hashes: TypeAlias = tuple[bytes, bytes, bytes]
Made = TypeVar("Made")

TRIES = 4  # a code of eight characters may collide inside a meetup; twice in a row is luck
OPEN = frozenset({Stage.PUBLISHED, Stage.RUNNING})
KEPT = OPEN | {Stage.POSTPONED}  # places are kept, and may be given back


class Status(StrEnum):
    CONFIRMED = "confirmed"
    WAITLISTED = "waitlisted"
    LOST_DRAW = "lost_draw"
    CANCELLED = "cancelled"


class Source(StrEnum):
    PAGE = "page"
    API = "api"
    IMPORT = "import"
    WALK_IN = "walk_in"


class Registration(Record):
    """One person's place at one meetup, wanted or given."""

    meetup_id = UuidColumn()
    member_id = UuidColumn()
    status = Text()
    wait_no = BigInt(null=True, default=None)
    is_drawn = Boolean(null=True, default=None)
    source = Text()
    language = Text()
    rotation = Integer()
    code_hash = Bytea()
    typed_hash = Bytea()
    capability_hash = Bytea()
    registered_at = Timestamptz()
    cancelled_at = Timestamptz(null=True, default=None)
    attended_at = Timestamptz(null=True, default=None)
    returns = Integer()


class ReplacedCode(Record):
    """A code that was printed once and opens no door any more."""

    registration_id = UuidColumn()
    code_hash = Bytea()
    replaced_at = Timestamptz()


class About(msgspec.Struct):
    """What an audit entry says of a registration: its key."""

    id: UUID


About.__name__ = "Registration"


class CodeReplaced(NotFound):
    message = lazy("This code was replaced by a newer one.")


class MeetupFull(Conflict):
    message = lazy("Every place is taken.")


class AtHardLimit(Conflict):
    message = lazy("The venue holds %(limit)s people at most: nobody more may come in.")


class RegistrationClosed(Conflict):
    message = lazy("Registration for this meetup is closed.")


class MeetupCancelled(Conflict):
    message = lazy("This meetup is cancelled.")


class MeetupPostponed(Conflict):
    message = lazy("This meetup is postponed: registration opens again with its new date.")


class AlreadyCame(Conflict):
    message = lazy("This person has come in already: her place cannot be released.")


class NotWaiting(Conflict):
    message = lazy("This person does not wait for a place any more.")


class TooLateToRelease(Conflict):
    message = lazy("The meetup is over: there is no place to release any more.")


# Rules


def check_open(meetup: Meetup, now: datetime) -> None:
    """Raise what forbids a registration now; the page closes when the meetup ends."""
    stage = meetups.stage(meetup, now)
    if stage is Stage.DRAFT:
        raise NotFound
    if stage is Stage.CANCELLED:
        raise MeetupCancelled
    if stage is Stage.POSTPONED:
        raise MeetupPostponed
    if stage not in OPEN:
        raise RegistrationClosed


def hashes_of(meetup: Meetup, id_: UUID, rotation: int, keys: Keys) -> Hashes:
    """What is stored of a ticket's code, its spoken form and its link."""
    keys = keys.at(meetup.key_id)
    code = tickets.issue(
        keys,
        meetup_id=meetup.id,
        meetup_number=meetup.number,
        registration_id=id_,
        rotation=rotation,
    )
    link = tickets.capability(keys, meetup.id, id_, rotation)
    return code.hash, code.typed_hash, tickets.capability_hash(link)


# Commands


async def with_codes(
    meetup: Meetup,
    id_: UUID,
    write: Callable[[int, Hashes], Awaitable[Made]],
    *,
    first: int = 0,
    keys: Keys,
    by: Actor,
) -> Made:
    """Write with the codes of a rotation; when one is taken in this meetup, of the next."""
    for rotation in range(first, first + TRIES):
        try:
            async with scoped(by):
                return await write(rotation, hashes_of(meetup, id_, rotation, keys))
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "registration_typed_once":
                raise
    raise Busy


async def hold(meetup_id: UUID) -> meetups.Room:
    """Lock the row that counts the places until this transaction ends."""
    held = await one(
        "SELECT capacity, taken, 0 AS waiting FROM seating"
        " WHERE workspace_id = ANY (apero_scope()) AND id = $1 FOR UPDATE",
        meetup_id,
        into=meetups.Room,
    )
    if held is None:
        raise NotFound
    return held


async def count_places(meetup_id: UUID, more: int) -> None:
    """Count places given or freed on the row this transaction has locked."""
    await sql(
        "UPDATE seating SET taken = taken + $2"
        " WHERE workspace_id = ANY (apero_scope()) AND id = $1",
        meetup_id,
        more,
    )


# Queries


async def by_code(
    scanned: Scanned, meetup: Meetup | None = None, keys: Keys | None = None
) -> Registration:
    """Whose ticket this is, in the workspaces in view; a typed code needs its meetup.

    Raises CodeReplaced for a code that a newer one replaced, NotFound for any other.
    """
    wanted = Registration.objects()
    if isinstance(scanned, Typed):
        if meetup is None or keys is None:
            raise NotFound
        hashed = tickets.typed_hash(keys.at(meetup.key_id), meetup.id, scanned.code)
        wanted = wanted.where(
            Registration.meetup_id == meetup.id, Registration.typed_hash == hashed
        )
    else:
        wanted = wanted.where(Registration.code_hash == scanned.hash)
    found = await wanted.first()
    if found is not None:
        return found
    if not isinstance(scanned, Typed) and await ReplacedCode.exists().where(
        ReplacedCode.code_hash == scanned.hash
    ):
        raise CodeReplaced
    raise NotFound


async def by_ticket(text: str) -> Registration:
    """The registration of a printed code, for whoever holds the ticket."""
    scanned = tickets.read(text)
    if scanned is None or isinstance(scanned, Typed):
        raise NotFound
    async with scoped(NOWHERE, presented=scanned.hash):
        return await by_code(scanned)


async def by_capability(text: str) -> Registration:
    """The registration of a personal link, for whoever holds the link."""
    hashed = tickets.capability_hash(text[:100])
    async with scoped(NOWHERE, presented=hashed):
        found = (
            await Registration.objects()
            .where(Registration.capability_hash == hashed)
            .first()
        )
    if found is None:
        raise NotFound
    return found
