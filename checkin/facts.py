"""Facts: what a device says it witnessed, read, weighed and put into an answer.

Nothing here waits for anything: reading one fact never fails (its problem is its own
result), a scanned text is turned into the hash that is kept, and the rule of the door is
asked about the moment of the question or, for what was told, about the moment it happened.
"""

import hmac
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
import msgspec
from msgspec import UNSET, Meta, UnsetType

from checkin import verdicts
from checkin.devices import Station
from checkin.verdicts import Answer, Kind, State, Tone, Verdict, corrected
from events.admission import tickets
from events.admission.tickets import Keys, Signed
from server.accounts import digest
from server.audit import Actor
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
    inside: int | UnsetType = UNSET
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
        if not is_plausible(item.at):
            return refused(_id_of(raw), "invalid", lazy("The time cannot be right."))
        if item.kind == "undo" and item.of is None:
            return refused(_id_of(raw), "invalid", lazy("Say which fact is taken back."))
        return msgspec.structs.replace(item, at=item.at.astimezone(UTC))
    except (msgspec.DecodeError, UnicodeError, OverflowError, RecursionError) as error:
        wrong = str(error) if isinstance(error, msgspec.ValidationError) else ""
        return refused(_id_of(raw), "invalid", wrong or lazy("This fact cannot be read."))


def is_plausible(at: datetime) -> bool:
    """Could a clock, right or wrong, have shown this?"""
    return at.year in YEARS


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
    if scanned is None or door.station.key_id not in door.keys.secrets:
        return Code(digest(text))
    keys = door.keys.at(door.station.key_id)
    hashed = tickets.typed_hash(keys, door.station.meetup_id, scanned.code)
    return Code(hashed or digest(text))


def _is_ours(door: Door, scanned: Signed) -> bool:
    """Did this meetup print it? A code for another meetup is looked up all the same."""
    if scanned.meetup_number != door.station.number:
        return True
    if scanned.kid not in door.keys.secrets:  # rotated away: the hash alone decides
        return True
    public = tickets.public_key(door.keys, door.station.meetup_id, scanned.kid)
    return tickets.verify(scanned, public)


def judged(
    door: Door, item: FactIn, ticket: verdicts.Ticket | None, state: State
) -> Answer:
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
