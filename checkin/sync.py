"""Sync: how the facts of a device are taken in, one by one, once each.

A device asks (`ask`: the server decides now, and one ticket enters once) or tells
(`tell`: it already happened, and is kept whatever the rules say). The id of a fact is
looked up before anything else: an id that was answered gets the same answer again.
The registration is locked while its facts are added up; a fact that cannot be stored
gets a problem of its own and does not stop its neighbours. Nothing is acknowledged
before the commit.
"""

import hmac
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
import msgspec
from msgspec import UNSET, Meta, UnsetType

from checkin import checkins, verdicts
from checkin.checkins import Checkin, Holder
from checkin.devices import Station
from checkin.verdicts import Answer, Fact, Kind, State, Tone, Verdict, corrected
from events.admission import registrations, tickets
from events.admission.tickets import Keys, Signed
from events.planning.meetups import Meetup
from server.accounts import digest
from server.audit import Actor
from server.database import atomic, find, one, scoped, sql
from server.errors import Invalid
from server.forms import clean
from server.i18n import Lazy, lazy

MOST_FACTS = 500
YEARS = range(1970, 2201)
TWO_CENTURIES_MS = 6_400_000_000_000
HANDLE_PREFIX = "reg_"
HAPPENED = {Kind.ENTRY: Verdict.ENTER, Kind.EXIT: Verdict.EXITED}
UNDONE = {Kind.ENTRY: Verdict.EXITED, Kind.EXIT: Verdict.ENTER}


class Mode(StrEnum):
    ASK = "ask"
    TELL = "tell"


class FactIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a device witnessed; the same id is the same fact."""

    id: UUID
    kind: Literal["entry", "exit", "undo"]
    at: Annotated[datetime, Meta(tz=True)]
    ticket: Annotated[str, Meta(max_length=2048)] = ""
    seq: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    boot_id: UUID | None = None
    offset_ms: Annotated[int, Meta(ge=-TWO_CENTURIES_MS, le=TWO_CENTURIES_MS)] = 0
    gate: UUID | None = None
    local_verdict: Verdict | None = None
    override_reason: Annotated[str, Meta(max_length=200)] | None = None
    of: UUID | None = None


class Problem(msgspec.Struct, frozen=True):
    """Why one fact could not be kept; the code is for machines."""

    code: str
    title: str


class Clashing(msgspec.Struct, frozen=True):
    """One ticket was let in twice, and nothing says she left between."""

    first_at: datetime
    first_gate: str
    second_at: datetime
    second_gate: str


class Result(msgspec.Struct, kw_only=True):
    """The answer to one fact."""

    id: str | None
    verdict: Verdict | None = None
    tone: Tone | None = None
    first_at: datetime | None = None
    first_gate: str | None = None
    label: str = ""
    group: str | None = None
    sentence: str | None = None
    review: Verdict | UnsetType = UNSET
    incident: Clashing | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class Gap(msgspec.Struct, frozen=True):
    """Numbers of one start of the device that never arrived, both ends included."""

    boot_id: UUID
    first: int
    last: int


class Taken(msgspec.Struct):
    """What became of a request's facts, in the order they came."""

    now: datetime
    results: list[Result]
    gaps: list[Gap] | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Code:
    """What a scanned text stands for: the hash that is kept, and whose it may be."""

    hash: bytes
    registration_id: UUID | None = None
    is_handle: bool = False


@dataclass(frozen=True, slots=True)
class Door:
    """One request at the door: who asks, where, when, and how."""

    mode: Mode
    station: Station
    keys: Keys
    by: Actor
    now: datetime

    @property
    def gate(self) -> verdicts.Gate:
        """The gate as the rule reads it."""
        return verdicts.Gate(
            meetup=str(self.station.meetup_id),
            opens_at=self.station.opens_at,
            closes_at=self.station.closes_at,
            may_reenter=self.station.may_reenter,
        )


# Rules


def read(raw: msgspec.Raw) -> FactIn | Result:
    """One fact as it should be, or the problem with it; it never fails."""
    try:
        item = msgspec.json.decode(raw, type=FactIn)
        at = item.at.astimezone(UTC)
        if at.year not in YEARS:
            return refused(_id_of(raw), "invalid", lazy("The time cannot be right."))
        if item.kind == "undo" and item.of is None:
            return refused(_id_of(raw), "invalid", lazy("Say which fact is taken back."))
        return msgspec.structs.replace(item, at=at)
    except (msgspec.DecodeError, UnicodeError, OverflowError, RecursionError) as error:
        wrong = str(error) if isinstance(error, msgspec.ValidationError) else ""
        return refused(_id_of(raw), "invalid", wrong or lazy("This fact cannot be read."))


def _id_of(raw: msgspec.Raw) -> str | None:
    """The id of a fact that is wrong otherwise, so that its device finds it again."""
    with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
        found: Any = msgspec.json.decode(raw)
        if isinstance(found, dict) and isinstance(found.get("id"), str):
            return str(found["id"][:64])
    return None


def refused(id_: str | None, code: str, title: str | Lazy) -> Result:
    """The result of a fact that was not kept."""
    return Result(id=id_, problem=Problem(code, str(title)[:200]))


def handle(keys: Keys, device_id: UUID, registration_id: UUID) -> str:
    """What a search gives instead of a code: good on this device only."""
    mac = hmac.digest(
        keys.secrets[keys.current],
        b"apero handle v1" + device_id.bytes + registration_id.bytes,
        "sha256",
    )
    return f"{HANDLE_PREFIX}{registration_id.hex}{mac[:12].hex()}"


def read_handle(keys: Keys, device_id: UUID, text: str) -> UUID | None:
    """The registration a handle of this device names."""
    with suppress(ValueError):
        found = UUID(hex=text.removeprefix(HANDLE_PREFIX)[:32])
        wanted = handle(keys, device_id, found)
        if hmac.compare_digest(digest(text), digest(wanted)):
            return found
    return None


def read_code(door: Door, text: str) -> Code:
    """What a text stands for, hashed; a signature that is not ours stands for nothing."""
    if text.startswith(HANDLE_PREFIX):
        found = read_handle(door.keys, door.station.device_id, text)
        return Code(digest(text), found, is_handle=True)
    scanned = tickets.read(text)
    if isinstance(scanned, Signed):
        return Code(scanned.hash if _is_ours(door, scanned) else digest(text))
    keys = door.keys.at(door.station.key_id)
    typed = tickets.typed_hash(keys, door.station.meetup_id, scanned.code) if scanned else None
    return Code(typed or digest(text))


def _is_ours(door: Door, scanned: Signed) -> bool:
    """Did this meetup print it? A code for another meetup is looked up all the same."""
    if scanned.meetup_number != door.station.number:
        return True
    if scanned.kid not in door.keys.secrets:
        return False
    public = tickets.public_key(door.keys, door.station.meetup_id, scanned.kid)
    return tickets.verify(scanned, public)


def judged(door: Door, item: FactIn, ticket: verdicts.Ticket | None, state: State) -> Answer:
    """What the rule says of an entry or exit: of now if asked, of then if told."""
    kind = Kind(item.kind)
    if door.mode is Mode.ASK:
        return verdicts.decide(ticket, kind, door.gate, state.presence, door.now)
    at = corrected(item.at, item.offset_ms, door.now)
    before = verdicts.Presence(is_inside=kind is Kind.EXIT)
    return verdicts.decide(ticket, kind, door.gate, before, at)


def settled(door: Door, item: FactIn, answer: Answer) -> tuple[Answer, Verdict | None]:
    """What the fact counts as, and what the rule would have said had it been asked.

    What was told has happened, and a person may overrule; but a code that nobody knows
    and one of another evening let nobody into this meetup.
    """
    if answer.verdict in {Verdict.UNKNOWN, Verdict.WRONG_MEETUP}:
        return answer, None
    happened = HAPPENED[Kind(item.kind)]
    if clean(item.override_reason or ""):
        is_done = True
    elif door.mode is Mode.ASK:
        return answer, None
    else:
        is_done = item.local_verdict in {None, happened}
    if not is_done:
        local = item.local_verdict or answer.verdict
        return Answer(local, verdicts.TONES[local]), None
    review = answer.verdict if answer.verdict is not happened else None
    return Answer(happened, verdicts.TONES[happened]), review


def is_same(row: asyncpg.Record, item: FactIn, code: Code | None, device_id: UUID) -> bool:
    """Is what is stored under this id the very fact that is sent again?"""
    return bool(
        row["device_id"] == device_id
        and row["kind"] == item.kind
        and row["at"] == item.at
        and row["of_id"] == item.of
        and row["code_hash"] == (code.hash if code else None)
    )


# Commands


@atomic()
async def take(
    mode: Mode,
    raws: Sequence[msgspec.Raw],
    *,
    station: Station,
    keys: Keys,
    by: Actor,
    now: datetime,
) -> Taken:
    """Take in the facts of one request and answer each; see the module for the promises."""
    door = Door(mode, station, keys, by, now)
    read_items = [read(raw) for raw in raws]
    items = [(n, item) for n, item in enumerate(read_items) if isinstance(item, FactIn)]
    codes = {n: read_code(door, item.ticket) for n, item in items if item.kind != "undo"}
    await _find_holders(door, codes)
    results = {n: item for n, item in enumerate(read_items) if isinstance(item, Result)}
    nobody = UUID(int=0)
    # Always in the order of the registrations: two batches never wait for each other.
    for n, item in sorted(items, key=lambda one_: _holder_of(codes, one_[0]) or nobody):
        results[n] = await _take_one(door, item, codes.get(n))
    taken = Taken(now=now, results=[results[n] for n in range(len(read_items))])
    if mode is Mode.TELL:
        taken.gaps = await _gaps(station, {item.boot_id for _, item in items if item.boot_id})
    return taken


def _holder_of(codes: dict[int, Code], n: int) -> UUID | None:
    code = codes.get(n)
    return code.registration_id if code else None


async def _find_holders(door: Door, codes: dict[int, Code]) -> None:
    """Say for each code whose it is, in one question."""
    hashes = list({code.hash for code in codes.values() if not code.is_handle})
    rows = await sql(
        "SELECT code_hash AS hash, id FROM registration"
        " WHERE workspace_id = $1 AND code_hash = ANY ($3::bytea[])"
        " UNION ALL SELECT typed_hash, id FROM registration"
        " WHERE workspace_id = $1 AND meetup_id = $2 AND typed_hash = ANY ($3::bytea[])"
        " UNION ALL SELECT code_hash, registration_id FROM replaced_code"
        " WHERE workspace_id = $1 AND code_hash = ANY ($3::bytea[])",
        door.by.workspace_id,
        door.station.meetup_id,
        hashes,
    )
    holders = {row["hash"]: row["id"] for row in rows}
    for n, code in codes.items():
        if not code.is_handle:
            codes[n] = Code(code.hash, holders.get(code.hash))


async def _take_one(door: Door, item: FactIn, code: Code | None) -> Result:
    """Answer one fact; what PostgreSQL cannot store is this fact's problem alone."""
    again = await _replayed(door, item, code)
    if again is not None:
        return again
    try:
        async with scoped(door.by):
            if code is None:
                kept = await _undo(door, item)
            else:
                kept = await _pass(door, item, code)
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
        return refused(str(item.id), "not_kept", lazy("This fact cannot be kept."))
    if kept is not None:
        return kept
    again = await _replayed(door, item, code)
    return again or refused(str(item.id), "not_kept", lazy("This fact cannot be kept."))


async def _pass(door: Door, item: FactIn, code: Code) -> Result | None:
    """Decide an entry or exit; None when the same id was written meanwhile."""
    holder = None
    if code.registration_id is not None:
        holder = await checkins.locked(door.by.workspace_id, code.registration_id, item.id)
    ticket = None if holder is None else _ticket(holder, code)
    is_here = holder is not None and holder.meetup_id == door.station.meetup_id
    if holder is None or not is_here:
        answer = judged(door, item, ticket, State())
        return await _keep(door, item, answer, hash_=code.hash)
    facts = await checkins.facts_of(door.by.workspace_id, holder.id, item.id)
    rule = judged(door, item, ticket, checkins.added_up(facts))
    answer, review = settled(door, item, rule)
    facts.append(_fact(door, item, answer.verdict))
    return await _keep(
        door, item, answer, hash_=code.hash, holder=holder, facts=facts, review=review
    )


def _ticket(holder: Holder, code: Code) -> verdicts.Ticket:
    """The registration as the rule reads it; a hash that is not its own was replaced."""
    is_current = code.is_handle or code.hash in {holder.code_hash, holder.typed_hash}
    return verdicts.Ticket(
        meetup=str(holder.meetup_id),
        status=verdicts.Status(holder.status),
        is_replaced=not is_current,
    )


async def _undo(door: Door, item: FactIn) -> Result | None:
    """Take a fact back; one that has not arrived yet will be taken back when it does."""
    assert item.of is not None  # noqa: S101 - `read` saw to it
    target = await _target(door, item.of)
    if target is None:
        await checkins.held_back(item.of)
        target = await _target(door, item.of)
    if target is None or target["registration_id"] is None:
        unknown = Answer(Verdict.UNKNOWN, verdicts.TONES[Verdict.UNKNOWN])
        return await _keep(door, item, unknown)
    workspace_id = door.by.workspace_id
    holder = await checkins.locked(workspace_id, target["registration_id"], item.id)
    assert holder is not None  # noqa: S101 - a foreign key holds it
    facts = await checkins.facts_of(workspace_id, holder.id, item.id)
    undo = _fact(door, item, Verdict.RULES)
    undone = next((fact for fact in facts if fact.id == str(item.of)), None)
    verdict = Verdict.RULES
    if undone is not None and undone.kind in UNDONE and checkins.may_undo(undo, undone):
        verdict = UNDONE[undone.kind]
    facts.append(undo)
    answer = Answer(verdict, verdicts.TONES[verdict])
    return await _keep(door, item, answer, holder=holder, facts=facts)


async def _target(door: Door, of: UUID) -> asyncpg.Record | None:
    return await one(
        "SELECT registration_id FROM checkin WHERE workspace_id = $1 AND id = $2"
        " AND meetup_id = $3",
        door.by.workspace_id,
        of,
        door.station.meetup_id,
    )


def _fact(door: Door, item: FactIn, verdict: Verdict) -> Fact:
    return Fact(
        id=str(item.id),
        kind=Kind(item.kind),
        at=item.at,
        received_at=door.now,
        device=str(door.station.device_id),
        seq=item.seq or 0,
        gate=door.station.gate,
        verdict=verdict,
        offset_ms=item.offset_ms,
        of=str(item.of) if item.of else None,
    )


async def _keep(
    door: Door,
    item: FactIn,
    answer: Answer,
    *,
    hash_: bytes | None = None,
    holder: Holder | None = None,
    facts: Sequence[Fact] = (),
    review: Verdict | None = None,
) -> Result | None:
    """Write the fact with its answer, then what the facts add up to."""
    result = _result(item, answer, facts, review)
    row = _row(door, item, answer.verdict, hash_, holder.id if holder else None)
    if not await checkins.keep(row, msgspec.json.encode(result)):
        return None
    if holder is not None:
        await checkins.settle(holder, facts, by=door.by, now=door.now)
        result.label = checkins.label(holder.name)
    return result


def _result(
    item: FactIn, answer: Answer, facts: Sequence[Fact], review: Verdict | None
) -> Result:
    """The answer as it is stored: everything but the name."""
    result = Result(
        id=str(item.id),
        verdict=answer.verdict,
        tone=answer.tone,
        first_at=answer.first_at,
        first_gate=answer.first_gate,
        sentence=answer.sentence.value if answer.sentence else None,
        review=review or UNSET,
    )
    for clash in checkins.added_up(facts).clashes:
        if str(item.id) in {clash.first.id, clash.second.id}:
            result.incident = Clashing(
                _moment(clash.first), clash.first.gate, _moment(clash.second), clash.second.gate
            )
    return result


def _moment(fact: Fact) -> datetime:
    return corrected(fact.at, fact.offset_ms, fact.received_at)


def _row(
    door: Door, item: FactIn, verdict: Verdict, hash_: bytes | None, holder: UUID | None
) -> Checkin:
    return Checkin(
        id=item.id,
        workspace_id=door.by.workspace_id,
        meetup_id=door.station.meetup_id,
        gate_id=door.station.gate_id,
        device_id=door.station.device_id,
        registration_id=holder,
        kind=item.kind,
        mode=door.mode.value,
        at=item.at,
        offset_ms=item.offset_ms,
        boot_id=item.boot_id,
        seq=item.seq,
        of_id=item.of,
        code_hash=hash_,
        local_verdict=item.local_verdict.value if item.local_verdict else None,
        override_reason=clean(item.override_reason or ""),
        received_at=door.now,
        verdict=verdict.value,
    )
