"""Rosters: what a phone takes along to the door, for when there is no network.

Public keys, the hours of the gate, and one block of truncated hashes with a byte each:
enough to tell a good ticket from a cancelled one, and nothing that names anybody. The
version is a digest of the content, so an unchanged roster is not sent again.
"""

import base64
import hashlib
from datetime import datetime, timedelta

import asyncpg
import msgspec

from checkin.devices import Station
from events.admission import tickets
from events.admission.tickets import Keys
from server.database import sql

HASH_BYTES = 8
FORGET_AFTER = timedelta(hours=24)
STATUS_BYTES = {"confirmed": 0, "waitlisted": 1, "lost_draw": 2, "cancelled": 3}
REPLACED = 4
IS_INSIDE = 16
HAS_BEEN_IN = 32


class RosterMeetup(msgspec.Struct, frozen=True):
    """The meetup a device serves; `number` stands in every code printed for it."""

    id: str
    title: str
    number: int
    starts_at: datetime
    ends_at: datetime
    time_zone: str


class RosterGate(msgspec.Struct, frozen=True):
    """The gate a device stands at, with the rules it decides by when it is alone."""

    id: str
    name: str
    opens_at: datetime | None
    closes_at: datetime | None
    once: bool
    may_reenter: bool


class Roster(msgspec.Struct, frozen=True):
    """Everything a device needs to decide alone; no name, no address."""

    version: str
    meetup: RosterMeetup
    gate: RosterGate
    keys: dict[str, str]
    count: int
    blob: str
    forget_at: datetime


# Rules


def status_byte(status: str, *, is_inside: bool, has_been_in: bool) -> int:
    """Where a registration stands, in one byte."""
    return (
        STATUS_BYTES[status]
        | (IS_INSIDE if is_inside else 0)
        | (HAS_BEEN_IN if has_been_in else 0)
    )


# Queries


async def roster(station: Station, keys: Keys) -> Roster:
    """The list of this meetup as it is now."""
    rows = await sql(
        "SELECT r.code_hash, r.status, coalesce(p.is_inside, false) AS is_inside,"
        " coalesce(p.entries > 0, false) AS has_been_in, false AS is_replaced"
        " FROM registration r"
        " LEFT JOIN presence p ON p.workspace_id = r.workspace_id AND p.id = r.id"
        " WHERE r.workspace_id = $1 AND r.meetup_id = $2"
        " UNION ALL SELECT c.code_hash, r.status, false, false, true FROM replaced_code c"
        " JOIN registration r ON r.workspace_id = c.workspace_id"
        " AND r.id = c.registration_id"
        " WHERE r.workspace_id = $1 AND r.meetup_id = $2",
        station.workspace_id,
        station.meetup_id,
    )
    entries = sorted(_entry(row) for row in rows)
    return _roster(station, keys, b"".join(entries), len(entries))


def _entry(row: asyncpg.Record) -> bytes:
    """The beginning of a code's hash, and what is known of its holder in one byte."""
    known = (
        REPLACED
        if row["is_replaced"]
        else status_byte(
            row["status"], is_inside=row["is_inside"], has_been_in=row["has_been_in"]
        )
    )
    begins: bytes = row["code_hash"][:HASH_BYTES]
    return begins + bytes([known])


def _gate(station: Station) -> RosterGate:
    return RosterGate(
        id=str(station.gate_id),
        name=station.gate,
        opens_at=station.opens_at,
        closes_at=station.closes_at,
        once=True,
        may_reenter=station.may_reenter,
    )


def _roster(station: Station, keys: Keys, blob: bytes, count: int) -> Roster:
    public: dict[str, str] = {}
    if station.key_id in keys.secrets:  # a key that was rotated away signs nothing new
        raw = tickets.public_key(keys, station.meetup_id, station.key_id)
        public[str(station.key_id)] = base64.b64encode(raw).decode()
    meetup = RosterMeetup(
        str(station.meetup_id),
        station.meetup,
        station.number,
        station.starts_at,
        station.ends_at,
        station.time_zone,
    )
    gate = _gate(station)
    said = msgspec.json.encode([meetup, gate, public])
    return Roster(
        version=hashlib.sha256(said + blob).hexdigest()[:24],
        meetup=meetup,
        gate=gate,
        keys=public,
        count=count,
        blob=base64.b64encode(blob).decode(),
        forget_at=station.ends_at + FORGET_AFTER,
    )
