"""Registrations: who has a place at a meetup, who waits for one, and who came.

Every change of places locks the one row that counts them (`seating`), so that a place is
never given twice, the line never skips anybody, and a freed place goes to the first who
waits in the transaction that frees it. That somebody came is a date on her registration;
a no-show is derived and never stored (ADR 0006).
"""

from datetime import datetime
from uuid import UUID

import msgspec

from events.admission import letters, touches
from events.admission.attendance import (
    Imported,
    Past,
    import_attendance,
    mark_attended,
)
from events.admission.letters import Post
from events.admission.listings import Counts, Line, Shown, counts, listing
from events.admission.places import (
    OPEN,
    About,
    AlreadyCame,
    AtHardLimit,
    CodeReplaced,
    Hashes,
    MeetupCancelled,
    MeetupFull,
    MeetupPostponed,
    NotWaiting,
    Registration,
    RegistrationClosed,
    ReplacedCode,
    Source,
    Status,
    TooLateToRelease,
    by_capability,
    by_code,
    by_ticket,
    check_open,
    count_places,
    hold,
    with_codes,
)
from events.admission.releases import (
    admit,
    cancel_meetup,
    change_meetup,
    postpone_meetup,
    release,
    resize_meetup,
)
from events.admission.tickets import Keys
from events.people import consents, identities, members
from events.people.consents import Purpose
from events.planning import meetups, venues
from events.planning.meetups import Meetup
from server import audit
from server.audit import Actor
from server.database import atomic, find, one, sql, uuid7
from server.errors import Forbidden
from server.look import Look
from server.workspaces import DOOR_STAFF

# The whole concept is asked for here, whichever file of it answers.
__all__ = [
    "AlreadyCame",
    "AtHardLimit",
    "CodeReplaced",
    "Counts",
    "Imported",
    "Line",
    "Linking",
    "MeetupCancelled",
    "MeetupFull",
    "MeetupPostponed",
    "NotWaiting",
    "Past",
    "Registered",
    "Registration",
    "RegistrationClosed",
    "ReplacedCode",
    "Shown",
    "Source",
    "Status",
    "TooLateToRelease",
    "admit",
    "by_capability",
    "by_code",
    "by_ticket",
    "cancel_meetup",
    "change_meetup",
    "check_open",
    "counts",
    "import_attendance",
    "listing",
    "mark_attended",
    "postpone_meetup",
    "register",
    "release",
    "replace_code",
    "resize_meetup",
    "walk_in",
]


class Registered(msgspec.Struct, frozen=True):
    """What came of asking for a place."""

    id: UUID
    status: Status
    wait_no: int | None
    is_new: bool


class Linking(msgspec.Struct, frozen=True):
    """A separate yes to linking one's online name, with the very text agreed to."""

    handle: str
    channel_id: UUID
    text: str


# Commands


@atomic()
async def register(
    meetup: Meetup,
    *,
    name: str,
    email: str,
    language: str,
    source: Source,
    linking: Linking | None = None,
    via: str = "",
    origin: str,
    workspace: Look,
    keys: Keys,
    by: Actor,
    now: datetime,
) -> Registered:
    """Give a place or a number in line, once for each member, and write to her."""
    member_id = await members.known(
        email,
        name=name,
        language=language,
        community_id=meetup.community_id,
        by=by,
        now=now,
    )
    if linking is not None:
        await _link(member_id, linking, language=language, by=by, now=now)
    found = await _standing(meetup, member_id, by)
    if found is not None:
        return found
    made = await _seat(meetup, member_id, source, language, keys=keys, by=by, now=now)
    await audit.note(by, "registered", About(made.id), at=now)
    if via:
        await touches.note(
            via,
            meetup_id=meetup.id,
            member_id=member_id,
            workspace=workspace,
            by=by,
            now=now,
        )
    kind = "confirmed" if made.status is Status.CONFIRMED else "waitlisted"
    await letters.tell(kind, [made.id], Post(workspace, origin, keys, now))
    return made


async def _standing(meetup: Meetup, member_id: UUID, by: Actor) -> Registered | None:
    """The place or the number in line this member holds already."""
    return await one(
        "SELECT id, status, wait_no, false AS is_new FROM registration"
        " WHERE workspace_id = $1 AND meetup_id = $2 AND member_id = $3"
        " AND status <> 'cancelled'",
        by.workspace_id,
        meetup.id,
        member_id,
        into=Registered,
    )


async def _link(
    member_id: UUID, linking: Linking, *, language: str, by: Actor, now: datetime
) -> None:
    """Her yes, and the name she goes by; a handle of somebody else's stays theirs."""
    await consents.agree(
        member_id,
        Purpose.LINKING,
        text=linking.text,
        language=language,
        via="page",
        by=by,
        now=now,
    )
    await identities.declare(
        linking.handle, channel_id=linking.channel_id, member_id=member_id, by=by, now=now
    )


# One statement on a locked row: the meetup is shared so that a cancellation waits for us or
# we see it; whoever comes back after a cancellation keeps her row and joins the end.
_SEAT = """
WITH room AS (
  SELECT s.capacity, s.taken, s.next_wait, m.admission FROM seating s
  JOIN meetup m ON m.workspace_id = s.workspace_id AND m.id = s.id
  WHERE s.workspace_id = $1 AND s.id = $2 AND m.published_at IS NOT NULL
    AND m.cancelled_at IS NULL AND m.closed_at IS NULL AND m.postponed_at IS NULL
    AND m.ends_at > $11
  FOR UPDATE OF s FOR SHARE OF m),
choice AS (
  SELECT *, admission = 'first_come' AND taken < capacity AS has_place FROM room),
counted AS (
  -- The capacity is written too: PostgreSQL checks the row made of what the statement saw
  -- at first, before it notices that somebody raised the capacity while it waited.
  UPDATE seating s SET capacity = choice.capacity, taken = choice.taken + has_place::int,
    next_wait = choice.next_wait + (NOT has_place)::int
  FROM choice WHERE s.workspace_id = $1 AND s.id = $2
  RETURNING has_place, choice.next_wait AS wait_no)
INSERT INTO registration (workspace_id, meetup_id, id, member_id, status, wait_no, source,
  language, rotation, code_hash, typed_hash, capability_hash, registered_at)
SELECT $1, $2, $3, $4, CASE WHEN has_place THEN 'confirmed' ELSE 'waitlisted' END,
  CASE WHEN has_place THEN NULL ELSE wait_no END, $5, $6, $7, $8, $9, $10, $11 FROM counted
ON CONFLICT (workspace_id, meetup_id, member_id) DO UPDATE SET status = excluded.status,
  wait_no = excluded.wait_no, source = excluded.source, language = excluded.language,
  registered_at = excluded.registered_at, cancelled_at = NULL,
  returns = registration.returns + 1
RETURNING id, status, wait_no, true AS is_new
"""


async def _seat(
    meetup: Meetup,
    member_id: UUID,
    source: Source,
    language: str,
    *,
    keys: Keys,
    by: Actor,
    now: datetime,
) -> Registered:
    """Take a place or the next number; the member's own row is locked by `known`."""
    id_ = uuid7()

    async def write(rotation: int, hashes: Hashes) -> Registered | None:
        return await one(
            _SEAT,
            by.workspace_id,
            meetup.id,
            id_,
            member_id,
            Source(source).value,
            language,
            rotation,
            *hashes,
            now,
            into=Registered,
        )

    made = await with_codes(meetup, id_, write, keys=keys, by=by)
    if made is None:
        check_open(await find(Meetup, meetup.id), now)
    assert made is not None  # noqa: S101 - otherwise the line above has said why not
    return made


@atomic()
async def walk_in(
    meetup: Meetup,
    *,
    name: str,
    keys: Keys,
    override_reason: str = "",
    id_: UUID | None = None,
    by: Actor,
    now: datetime,
) -> Registration:
    """A place for somebody at the door, until the meetup is closed; one key, one person.

    When every place is taken the door's staff may let one more in with a reason, which
    raises the capacity by one and is written down; never above the venue's hard limit.
    """
    room = await hold(meetup.id)
    if id_ is not None:
        again = await Registration.objects().where(Registration.id == id_).first()
        if again is not None:
            return again
    meetup = await find(Meetup, meetup.id)
    check_open(meetup, min(now, meetup.starts_at))
    if room.left <= 0:
        await _stretch(meetup, room, override_reason, by=by)
    member = await members.unnamed(name, community_id=meetup.community_id, by=by, now=now)
    id_ = id_ or uuid7()

    async def write(rotation: int, hashes: Hashes) -> None:
        await sql(
            "INSERT INTO registration (workspace_id, meetup_id, id, member_id, status,"
            " source, rotation, code_hash, typed_hash, capability_hash, registered_at)"
            " VALUES ($1, $2, $3, $4, 'confirmed', 'walk_in', $5, $6, $7, $8, $9)",
            by.workspace_id,
            meetup.id,
            id_,
            member,
            rotation,
            *hashes,
            now,
        )

    await with_codes(meetup, id_, write, keys=keys, by=by)
    await count_places(meetup.id, 1)
    await audit.note(by, "walked_in", About(id_), reason=override_reason, at=now)
    return await find(Registration, id_)


async def _stretch(meetup: Meetup, room: meetups.Room, reason: str, *, by: Actor) -> None:
    """One place more than planned, for a reason given by the door's staff."""
    if not reason:
        raise MeetupFull
    if by.role not in DOOR_STAFF:
        raise Forbidden
    venue = await venues.place(meetup.venue_id)
    if venue and venue.hard_limit is not None and room.capacity >= venue.hard_limit:
        raise AtHardLimit(limit=venue.hard_limit)
    await sql(
        "UPDATE seating SET capacity = capacity + 1 WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        meetup.id,
    )


@atomic()
async def replace_code(
    registration_id: UUID,
    *,
    origin: str,
    workspace: Look,
    keys: Keys,
    by: Actor,
    now: datetime,
) -> None:
    """Print a new ticket: the old code and the old link stop working, a letter follows."""
    found = await find(Registration, registration_id)
    meetup = await find(Meetup, found.meetup_id)
    if found.status != Status.CONFIRMED or meetups.stage(meetup, now) not in OPEN:
        raise RegistrationClosed

    async def write(rotation: int, hashes: Hashes) -> None:
        await sql(
            "WITH old AS (INSERT INTO replaced_code (id, workspace_id, registration_id,"
            " code_hash, replaced_at) SELECT $8, $1, id, code_hash, $7 FROM registration"
            " WHERE workspace_id = $1 AND id = $2)"
            " UPDATE registration SET rotation = $3, code_hash = $4, typed_hash = $5,"
            " capability_hash = $6 WHERE workspace_id = $1 AND id = $2",
            by.workspace_id,
            found.id,
            rotation,
            *hashes,
            now,
            uuid7(),
        )

    await with_codes(meetup, found.id, write, first=found.rotation + 1, keys=keys, by=by)
    await audit.note(by, "replaced_code", found, at=now)
    await letters.tell("confirmed", [found.id], Post(workspace, origin, keys, now))
