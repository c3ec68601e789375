"""Devices: the phones at the door, the gates they stand at, and how they are paired.

A community manager makes a device with a name and shows a one-time code; whoever reads
it within five minutes, once, gets the token of that device. The token is good for one
gate until twelve hours after the meetup, and revoking it is felt at the next request.
Codes and tokens are kept as hashes only.
"""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Boolean, Bytea, Text, Timestamptz

from events.planning.meetups import Meetup
from server import audit
from server.accounts import digest
from server.api_tokens import checksum, new_token
from server.audit import Actor, ActorKind
from server.database import NOWHERE, Record, atomic, find, one, scoped, sql
from server.errors import Conflict, Invalid, NotFound
from server.i18n import LANGUAGES, lazy
from server.workspaces import Role

TOKEN_PREFIX = "apero_dev_"  # noqa: S105 - published for secret scanners
CODE_BYTES = 16
CODE_LIFE = timedelta(minutes=5)
AFTER_THE_END = timedelta(hours=12)
SEEN_EVERY = timedelta(seconds=30)


class Gate(Record):
    """One way in and out of a meetup, with its hours if it has any."""

    meetup_id = UuidColumn()
    name = Text()
    opens_at = Timestamptz(null=True, default=None)
    closes_at = Timestamptz(null=True, default=None)
    may_reenter = Boolean()
    created_at = Timestamptz()


class Device(Record):
    """One phone at one gate; without a token it waits to be paired."""

    gate_id = UuidColumn()
    name = Text()
    language = Text()
    pairing_hash = Bytea()
    pairing_expires_at = Timestamptz()
    token_hash = Bytea(null=True, default=None)
    created_at = Timestamptz()
    paired_at = Timestamptz(null=True, default=None)
    expires_at = Timestamptz()
    seen_at = Timestamptz(null=True, default=None)
    revoked_at = Timestamptz(null=True, default=None)


class Pairing(msgspec.Struct, frozen=True):
    """A device waiting for its phone, with the code that is shown once."""

    device_id: UUID
    name: str
    code: str
    expires_at: datetime


class Station(msgspec.Struct, frozen=True):
    """Where a device stands: everything the door needs to know to answer it."""

    device_id: UUID
    device: str
    workspace_id: UUID
    workspace: str
    gate_id: UUID
    gate: str
    opens_at: datetime | None
    closes_at: datetime | None
    may_reenter: bool
    meetup_id: UUID
    meetup: str
    meetup_slug: str
    number: int
    key_id: int
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    capacity: int
    seen_at: datetime | None


class GateLine(msgspec.Struct, frozen=True):
    """A gate as the organiser sees it."""

    id: UUID
    name: str
    opens_at: datetime | None
    closes_at: datetime | None
    may_reenter: bool


class DeviceLine(msgspec.Struct, frozen=True):
    """A device as the organiser sees it: never its code or token."""

    id: UUID
    name: str
    gate: str
    paired_at: datetime | None
    pairing_expires_at: datetime
    seen_at: datetime | None
    revoked_at: datetime | None


class GateNameTaken(Conflict):
    message = lazy("This meetup already has a gate of that name.")


class PairingExpired(Conflict):
    message = lazy("This code was used already or is too old. Ask for a new one.")


# Rules


def check_gate(name: str, opens_at: datetime | None, closes_at: datetime | None) -> None:
    """Raise Invalid when a gate could not be found or would never open."""
    if not name:
        raise Invalid(name=lazy("This answer is missing."))
    if opens_at and closes_at and closes_at <= opens_at:
        raise Invalid(closes_at=lazy("The gate closes after it opens."))


def _device(id_: UUID) -> Device:
    """A device known by its key alone, for the audit log."""
    return Device(id=id_, _ignore_missing=True)


def new_code() -> str:
    """128 random bits, short enough for a small QR code."""
    return secrets.token_urlsafe(CODE_BYTES)


# Commands


@atomic()
async def make_gate(
    name: str,
    *,
    meetup: Meetup,
    opens_at: datetime | None = None,
    closes_at: datetime | None = None,
    may_reenter: bool = True,
    by: Actor,
    now: datetime,
) -> Gate:
    """Open a gate at a meetup; without hours it never refuses for the hour."""
    check_gate(name, opens_at, closes_at)
    gate = Gate(
        workspace_id=by.workspace_id,
        meetup_id=meetup.id,
        name=name,
        opens_at=opens_at,
        closes_at=closes_at,
        may_reenter=may_reenter,
        created_at=now,
    )
    try:
        async with scoped(by):
            await gate.save()
    except asyncpg.UniqueViolationError as error:
        raise GateNameTaken from error
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound from error
    await audit.note(by, "made_gate", gate, at=now)
    return gate


@atomic()
async def add_device(
    name: str, *, gate_id: UUID, language: str, by: Actor, now: datetime
) -> Pairing:
    """Make a device and the one-time code that gives it to a phone."""
    if language not in LANGUAGES:
        raise Invalid(language=lazy("Choose one of the answers offered."))
    gate = await find(Gate, gate_id)
    meetup = await find(Meetup, gate.meetup_id)
    code = new_code()
    device = Device(
        workspace_id=by.workspace_id,
        gate_id=gate.id,
        name=name,
        language=language,
        pairing_hash=digest(code),
        pairing_expires_at=now + CODE_LIFE,
        created_at=now,
        expires_at=meetup.ends_at + AFTER_THE_END,
    )
    await device.save()
    await audit.note(by, "added_device", device, at=now)
    return Pairing(device.id, name, code, device.pairing_expires_at)


@atomic()
async def renew_code(
    device_id: UUID, *, meetup_id: UUID, by: Actor, now: datetime
) -> Pairing:
    """Another code for a device that no phone has taken yet; the old one is dead."""
    code = new_code()
    row = await one(
        "UPDATE device d SET pairing_hash = $4, pairing_expires_at = $5 FROM gate g"
        " WHERE d.workspace_id = $1 AND d.id = $2 AND d.paired_at IS NULL"
        " AND d.revoked_at IS NULL AND g.workspace_id = $1 AND g.id = d.gate_id"
        " AND g.meetup_id = $3 RETURNING d.id, d.name",
        by.workspace_id,
        device_id,
        meetup_id,
        digest(code),
        now + CODE_LIFE,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "renewed_code", _device(row["id"]), at=now)
    return Pairing(row["id"], row["name"], code, now + CODE_LIFE)


async def pair(
    code: str, *, name: str | None = None, by: Actor, now: datetime
) -> tuple[str, Station]:
    """Give the phone that holds this code its token; of many that try, one gets it."""
    hashed = digest(code)
    async with scoped(NOWHERE, presented=hashed):
        row = await one(
            "SELECT id, workspace_id FROM device WHERE pairing_hash = $1", hashed
        )
    if row is None:
        raise PairingExpired
    by = by.within(row["workspace_id"])
    return await _consume(row["id"], hashed, name=name, by=by, now=now)


@atomic()
async def _consume(
    device_id: UUID, hashed: bytes, *, name: str | None, by: Actor, now: datetime
) -> tuple[str, Station]:
    token = new_token(TOKEN_PREFIX)
    row = await one(
        "UPDATE device SET token_hash = $4, paired_at = $5, seen_at = $5,"
        " name = coalesce($6, name)"
        " WHERE workspace_id = $1 AND id = $2 AND pairing_hash = $3"
        " AND paired_at IS NULL AND revoked_at IS NULL AND pairing_expires_at > $5"
        " RETURNING id",
        by.workspace_id,
        device_id,
        hashed,
        digest(token),
        now,
        name or None,
    )
    if row is None:
        raise PairingExpired
    station = await _station(by.workspace_id, device_id, now)
    if station is None:
        raise PairingExpired
    await audit.note(by, "paired_device", _device(device_id), at=now)
    return token, station


@atomic()
async def revoke(device_id: UUID, *, meetup_id: UUID, by: Actor, now: datetime) -> None:
    """Take a device out of service; its next request is refused."""
    row = await one(
        "UPDATE device d SET revoked_at = $4 FROM gate g"
        " WHERE d.workspace_id = $1 AND d.id = $2 AND d.revoked_at IS NULL"
        " AND g.workspace_id = $1 AND g.id = d.gate_id AND g.meetup_id = $3 RETURNING d.id",
        by.workspace_id,
        device_id,
        meetup_id,
        now,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "revoked_device", _device(row["id"]), at=now)


# Queries

_STATION = """
SELECT d.id AS device_id, d.name AS device, d.workspace_id, w.name AS workspace,
  g.id AS gate_id, g.name AS gate, g.opens_at, g.closes_at, g.may_reenter,
  m.id AS meetup_id, m.title AS meetup, m.slug AS meetup_slug, m.number, m.key_id,
  m.starts_at, m.ends_at, m.time_zone, s.capacity, d.seen_at
FROM device d
JOIN gate g ON g.workspace_id = d.workspace_id AND g.id = d.gate_id
JOIN meetup m ON m.workspace_id = g.workspace_id AND m.id = g.meetup_id
JOIN seating s ON s.workspace_id = m.workspace_id AND s.id = m.id
JOIN workspace w ON w.id = d.workspace_id AND w.archived_at IS NULL
WHERE d.workspace_id = $1 AND d.id = $2 AND d.revoked_at IS NULL
  AND greatest(d.expires_at, m.ends_at + $4::interval) > $3
"""


async def _station(workspace_id: UUID, device_id: UUID, now: datetime) -> Station | None:
    return await one(_STATION, workspace_id, device_id, now, AFTER_THE_END, into=Station)


async def device_bearer(token: str, *, now: datetime) -> tuple[Actor, Station] | None:
    """Who a device token acts as and where it stands; None when it opens nothing."""
    if not token.startswith(TOKEN_PREFIX) or checksum(token[:-6]) != token[-6:]:
        return None
    hashed = digest(token)
    async with scoped(NOWHERE, presented=hashed):
        row = await one("SELECT id, workspace_id FROM device WHERE token_hash = $1", hashed)
    if row is None:
        return None
    actor = Actor(
        ActorKind.DEVICE,
        scope=frozenset({row["workspace_id"]}),
        id=row["id"],
        role=Role.DOOR.value,
    )
    async with scoped(actor):
        station = await _station(row["workspace_id"], row["id"], now)
        if station is None:
            return None
        if station.seen_at is None or abs(now - station.seen_at) > SEEN_EVERY:
            await sql(
                "UPDATE device SET seen_at = $3 WHERE workspace_id = $1 AND id = $2",
                row["workspace_id"],
                row["id"],
                now,
            )
    return actor, station


async def gates(meetup_id: UUID) -> list[GateLine]:
    """The gates of a meetup, by name."""
    return await sql(
        "SELECT id, name, opens_at, closes_at, may_reenter FROM gate"
        " WHERE workspace_id = ANY (apero_scope()) AND meetup_id = $1"
        " ORDER BY name, id LIMIT 200",
        meetup_id,
        into=GateLine,
    )


async def devices(meetup_id: UUID) -> list[DeviceLine]:
    """The devices of a meetup, those in service first."""
    return await sql(
        "SELECT d.id, d.name, g.name AS gate, d.paired_at, d.pairing_expires_at, d.seen_at,"
        " d.revoked_at FROM device d"
        " JOIN gate g ON g.workspace_id = d.workspace_id AND g.id = d.gate_id"
        " WHERE g.workspace_id = ANY (apero_scope()) AND g.meetup_id = $1"
        " ORDER BY d.revoked_at IS NOT NULL, d.id LIMIT 200",
        meetup_id,
        into=DeviceLine,
    )
