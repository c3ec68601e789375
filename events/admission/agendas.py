"""Agendas: the meetups of one person, in the calendar she uses, and in nobody else's.

The address is a secret of hers. It is computed from the installation's secret each time it
is shown, and the database keeps only its hash. A new address ends the one before it.
"""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Bytea, Timestamptz

from events.admission import feeds, tickets
from events.admission.calendars import State
from events.admission.feeds import Feed, Told, Voice
from events.admission.places import Status
from events.admission.tickets import Keys
from server import audit
from server.audit import Actor
from server.database import NOWHERE, Record, atomic, one, scoped, sql, uuid7
from server.errors import NotFound
from server.i18n import gettext as _
from server.i18n import use

LETTERS = 26  # 130 bits, in letters and figures nobody confuses with capitals
LIVING = (Status.CONFIRMED, Status.WAITLISTED)


class Agenda(Record):
    """The one address of a member's own calendar."""

    member_id = UuidColumn()
    token_hash = Bytea()
    created_at = Timestamptz()
    revoked_at = Timestamptz(null=True, default=None)


class Place(msgspec.Struct, frozen=True):
    """One meetup she has a place at, or waits for one."""

    meetup_id: UUID
    status: Status


# Rules


def token_of(secret: bytes, agenda_id: UUID) -> str:
    """The secret part of an address."""
    digest = hmac.digest(secret, b"apero agenda v1" + agenda_id.bytes, "sha256")
    return base64.b32encode(digest).decode()[:LETTERS].lower()


def address_of(agenda: Agenda | None, keys: Keys) -> str | None:
    """The address as it was given, as long as a secret that made it is still kept."""
    if agenda is None:
        return None
    tokens = (token_of(secret, agenda.id) for secret in keys.secrets.values())
    known = (one_ for one_ in tokens if tickets.capability_hash(one_) == agenda.token_hash)
    return next((f"/my/{token}.ics" for token in known), None)


# Commands


@atomic()
async def give(member_id: UUID, *, keys: Keys, by: Actor, now: datetime) -> str:
    """The address of her meetups; asking twice gives the same."""
    await _hold(member_id, by=by)
    known = address_of(await agenda_of(member_id), keys)
    return known or await renew(member_id, keys=keys, by=by, now=now)


@atomic()
async def renew(member_id: UUID, *, keys: Keys, by: Actor, now: datetime) -> str:
    """A new address for her meetups; whoever holds the one before reads nothing more."""
    await _hold(member_id, by=by)
    await _revoke(member_id, by=by, now=now)
    id_ = uuid7()
    token = token_of(keys.secrets[keys.current], id_)
    agenda = Agenda(
        id=id_,
        workspace_id=by.workspace_id,
        member_id=member_id,
        token_hash=tickets.capability_hash(token),
        created_at=now,
    )
    await agenda.save()
    await audit.note(by, "gave_agenda", agenda, at=now)
    return f"/my/{token}.ics"


@atomic()
async def withdraw(member_id: UUID, *, by: Actor, now: datetime) -> None:
    """No address any more; twice is once."""
    await _hold(member_id, by=by)
    if (known := await agenda_of(member_id)) is not None:
        await _revoke(member_id, by=by, now=now)
        await audit.note(by, "withdrew_agenda", known, at=now)


async def _hold(member_id: UUID, *, by: Actor) -> None:
    """Two who ask at once for the same person wait for each other."""
    row = await one(
        "SELECT id FROM member WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE",
        by.workspace_id,
        member_id,
    )
    if row is None:
        raise NotFound


async def _revoke(member_id: UUID, *, by: Actor, now: datetime) -> None:
    await sql(
        "UPDATE agenda SET revoked_at = $3 WHERE workspace_id = $1 AND member_id = $2"
        " AND revoked_at IS NULL",
        by.workspace_id,
        member_id,
        now,
    )


# Queries


async def agenda_of(member_id: UUID) -> Agenda | None:
    """Her address as the workspace in view keeps it."""
    return await (
        Agenda.objects()
        .where(Agenda.member_id == member_id)
        .where(Agenda.revoked_at.is_null())
        .first()
    )


async def by_token(token: str) -> Agenda:
    """The agenda of this secret, for whoever holds it, or NotFound."""
    hashed = tickets.capability_hash(token[:100])
    async with scoped(NOWHERE, presented=hashed):
        found = await (
            Agenda.objects()
            .where(Agenda.token_hash == hashed)
            .where(Agenda.revoked_at.is_null())
            .first()
        )
    if found is None:
        raise NotFound
    return found


async def mine(member_id: UUID, voice: Voice, now: datetime) -> Feed:
    """The meetups she has a place at, and those she waits for, in her language."""
    who = await one(
        "SELECT coalesce(k.id, b.id) AS id,"
        " coalesce(nullif(k.language, ''), nullif(b.language, ''), w.language) AS language"
        " FROM member b JOIN workspace w ON w.id = b.workspace_id"
        " LEFT JOIN member k ON k.workspace_id = b.workspace_id AND k.id = b.merged_into_id"
        " WHERE b.workspace_id = ANY (apero_scope()) AND b.id = $1",
        member_id,
    )
    if who is None:
        raise NotFound
    places = await sql(
        "SELECT r.meetup_id, r.status FROM registration r JOIN meetup m"
        " ON m.workspace_id = r.workspace_id AND m.id = r.meetup_id"
        " WHERE r.workspace_id = ANY (apero_scope()) AND r.member_id = $1"
        " AND r.status = ANY ($2) AND (m.ends_at >= $3 OR m.postponed_at IS NOT NULL)"
        " ORDER BY m.starts_at, m.id LIMIT $4",
        who["id"],
        list(LIVING),
        now - feeds.KEPT_FOR,
        feeds.MOST,
        into=Place,
    )
    status = {place.meetup_id: place.status for place in places}
    told = await feeds.told_of(list(status))
    with use(who["language"]):
        return _feed(told, status, voice)


def _feed(told: list[Told], status: Mapping[UUID, Status], voice: Voice) -> Feed:
    entries = []
    for one_ in told:
        entry = feeds.entry_of(one_, voice)
        if status[one_.id] is Status.WAITLISTED and entry.status is State.CONFIRMED:
            waits = _("You wait for a place at this meetup: a letter tells you the result.")
            words = "\n\n".join(part for part in (waits, entry.description) if part)
            entry = replace(entry, status=State.TENTATIVE, description=words)
        entries.append(entry)
    name = _("My meetups, %(brand)s", brand=voice.name)
    return Feed(name=name, entries=tuple(entries))
