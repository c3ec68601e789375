# pyright: strict
"""Verdicts: what the door answers to one ticket, and what its facts add up to.

The answer depends on nothing but what is passed in, so the same ticket at the same
moment gets the same answer from the server and from a phone without a network:
`scanner/verdict.js` is this file written again, and one file of golden vectors holds
the two together. Who is inside is never stored, only added up from immutable facts,
and comes out the same whatever order or number of times they arrived in.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Verdict(StrEnum):
    """Every answer the door can give; each has its own screen."""

    ENTER = "enter"
    ALREADY_IN = "already_in"
    EXITED = "exited"
    NOT_IN = "not_in"
    REVOKED = "revoked"
    REPLACED = "replaced"
    CANCELLED = "cancelled"
    NOT_CONFIRMED = "not_confirmed"
    UNPAID = "unpaid"
    WRONG_MEETUP = "wrong_meetup"
    TOO_EARLY = "too_early"
    TOO_LATE = "too_late"
    RULES = "rules"
    NEEDS_ANSWER = "needs_answer"
    CAPACITY = "capacity"
    UNKNOWN = "unknown"


class Kind(StrEnum):
    """What a device says happened."""

    ENTRY = "entry"
    EXIT = "exit"
    UNDO = "undo"
    REDEEM = "redeem"


class Tone(StrEnum):
    """The colour, shape and sound of an answer."""

    ENTER = "enter"
    WAIT = "wait"
    STOP = "stop"


class Status(StrEnum):
    """Where a registration stands, as far as the door cares."""

    CONFIRMED = "confirmed"
    PENDING = "pending"
    WAITLISTED = "waitlisted"
    LOST_DRAW = "lost_draw"
    CANCELLED = "cancelled"


class Sentence(StrEnum):
    """Why, where the verdict alone does not say it; the pages hold the words."""

    PENDING = "pending"
    WAITLISTED = "waitlisted"
    LOST_DRAW = "lost_draw"
    OTHER_GATE = "other_gate"
    NO_REENTRY = "no_reentry"


TONES = {
    Verdict.ENTER: Tone.ENTER,
    Verdict.EXITED: Tone.ENTER,
    Verdict.ALREADY_IN: Tone.WAIT,
    Verdict.NOT_IN: Tone.WAIT,
    Verdict.NOT_CONFIRMED: Tone.WAIT,
    Verdict.UNPAID: Tone.WAIT,
    Verdict.TOO_EARLY: Tone.WAIT,
    Verdict.NEEDS_ANSWER: Tone.WAIT,
    Verdict.CAPACITY: Tone.WAIT,
    Verdict.CANCELLED: Tone.STOP,
    Verdict.WRONG_MEETUP: Tone.STOP,
    Verdict.TOO_LATE: Tone.STOP,
    Verdict.REPLACED: Tone.STOP,
    Verdict.REVOKED: Tone.STOP,
    Verdict.UNKNOWN: Tone.STOP,
    Verdict.RULES: Tone.STOP,
}
RULE_TONES = {Sentence.OTHER_GATE: Tone.WAIT, Sentence.NO_REENTRY: Tone.STOP}


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the door knows of the registration behind a scanned code."""

    meetup: str
    status: Status = Status.CONFIRMED
    is_paid: bool = True
    is_replaced: bool = False
    is_revoked: bool = False
    group: str | None = None
    has_open_question: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """Where the device stands: the meetup it serves, its hours and its rules.

    `once` admits nobody who is already inside; without it a ticket passes freely.
    `groups` are the only ones this gate serves; `None` is everyone.
    """

    meetup: str
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    once: bool = True
    may_reenter: bool = True
    groups: frozenset[str] | None = None
    is_full: bool = False


@dataclass(frozen=True, slots=True)
class Presence:
    """What earlier facts say of this registration."""

    is_inside: bool = False
    first_at: datetime | None = None
    first_gate: str | None = None
    times_in: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the door shows: a verdict and its tone; when and why where that helps."""

    verdict: Verdict
    tone: Tone
    first_at: datetime | None = None
    first_gate: str | None = None
    sentence: Sentence | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One attempt at the door, as its device told it; never changed afterwards."""

    id: str
    kind: Kind
    at: datetime
    received_at: datetime
    device: str
    seq: int
    gate: str
    verdict: Verdict | None = None
    offset_ms: int = 0
    is_overridden: bool = False
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Clash:
    """Two devices let the same registration in, and nothing says she left between."""

    first: Fact
    second: Fact


@dataclass(frozen=True, slots=True)
class State:
    """What the facts of one registration add up to."""

    is_inside: bool = False
    entries: int = 0
    first_at: datetime | None = None
    first_gate: str | None = None
    last_exit_at: datetime | None = None
    undone: frozenset[str] = frozenset()
    clashes: tuple[Clash, ...] = ()

    @property
    def presence(self) -> Presence:
        """Return what the next decision needs of this state."""
        return Presence(self.is_inside, self.first_at, self.first_gate, self.entries)


# Rules


def decide(
    ticket: Ticket | None, kind: Kind, gate: Gate, presence: Presence, now: datetime
) -> Answer:
    """Answer one entry or exit; the first reason that holds is the one given.

    Whoever is inside may always leave, whatever became of her ticket meanwhile:
    the head-count has to be true. Hours and rules bind entries only.
    """
    if kind not in (Kind.ENTRY, Kind.EXIT):
        message = f"the door decides entries and exits, not {kind}"
        raise ValueError(message)
    if ticket is None:
        return _answer(Verdict.UNKNOWN)
    if ticket.meetup != gate.meetup:
        return _answer(Verdict.WRONG_MEETUP)
    if kind is Kind.EXIT and presence.is_inside:
        return _answer(Verdict.EXITED)
    refused = _refused_ticket(ticket)
    if refused is not None:
        return refused
    if kind is Kind.EXIT:
        return _answer(Verdict.NOT_IN)
    refused = _refused_hour(gate, now) or _refused_by_rule(ticket, gate, presence)
    return refused or _admission(ticket, gate, presence)


def _refused_ticket(ticket: Ticket) -> Answer | None:
    """Is there something about the ticket itself that stops it?

    Revoked comes before replaced: "look for the newer one" would be poor advice.
    """
    if ticket.is_revoked:
        return _answer(Verdict.REVOKED)
    if ticket.is_replaced:
        return _answer(Verdict.REPLACED)
    if ticket.status is Status.CANCELLED:
        return _answer(Verdict.CANCELLED)
    if ticket.status is not Status.CONFIRMED:
        return _answer(Verdict.NOT_CONFIRMED, sentence=Sentence(ticket.status.value))
    if not ticket.is_paid:
        return _answer(Verdict.UNPAID)
    return None


def _refused_hour(gate: Gate, now: datetime) -> Answer | None:
    """Is the gate not open yet, or already closed?

    The opening second is inside, the closing one is not.
    """
    if gate.opens_at is not None and now < gate.opens_at:
        return _answer(Verdict.TOO_EARLY)
    if gate.closes_at is not None and now >= gate.closes_at:
        return _answer(Verdict.TOO_LATE)
    return None


def _refused_by_rule(ticket: Ticket, gate: Gate, presence: Presence) -> Answer | None:
    """Does a rule of this gate stop this person?"""
    if gate.groups is not None and ticket.group not in gate.groups:
        return _answer(Verdict.RULES, sentence=Sentence.OTHER_GATE)
    is_back = presence.times_in > 0 and not presence.is_inside
    if gate.once and is_back and not gate.may_reenter:
        return _answer(Verdict.RULES, presence, Sentence.NO_REENTRY)
    return None


def _admission(ticket: Ticket, gate: Gate, presence: Presence) -> Answer:
    """Answer a valid ticket at an open gate: only the room itself can still say no."""
    if presence.is_inside:
        # Whoever is inside takes no new place and has answered already.
        verdict = Verdict.ALREADY_IN if gate.once else Verdict.ENTER
        return _answer(verdict, presence if gate.once else None)
    if gate.is_full:
        return _answer(Verdict.CAPACITY)
    if ticket.has_open_question:
        return _answer(Verdict.NEEDS_ANSWER)
    return _answer(Verdict.ENTER)


def _answer(
    verdict: Verdict,
    presence: Presence | None = None,
    sentence: Sentence | None = None,
) -> Answer:
    """Dress a verdict: a rule brings its own tone, an earlier entry its time."""
    tone = TONES[verdict]
    if sentence is not None:
        tone = RULE_TONES.get(sentence, tone)
    if presence is None:
        return Answer(verdict, tone, sentence=sentence)
    return Answer(verdict, tone, presence.first_at, presence.first_gate, sentence)


def corrected(at: datetime, offset_ms: int, received_at: datetime) -> datetime:
    """Return when it happened by the server's clock: never after we heard of it."""
    try:
        return min(at + timedelta(milliseconds=offset_ms), received_at)
    except OverflowError:  # a clock that far out says nothing; the hearing does
        return received_at


def fold(facts: Iterable[Fact]) -> State:
    """Add up the facts of one registration, in any order, repeated or not."""
    ordered = _in_order(facts)
    known = {fact.id for fact in ordered if fact.kind is not Kind.UNDO}
    undone = {fact.of for fact in ordered if fact.kind is Kind.UNDO and fact.of}
    undone &= known
    state = State(undone=frozenset(undone))
    last_entry: Fact | None = None
    for fact in ordered:
        if fact.id in undone or not _counts(fact):
            continue
        if fact.kind is Kind.ENTRY:
            state = _with_entry(state, fact, last_entry)
            last_entry = fact
        else:
            state = _with_exit(state, fact)
            last_entry = None
    return state


def _in_order(facts: Iterable[Fact]) -> list[Fact]:
    """Return each fact once, in the order every server agrees on."""
    once: dict[str, Fact] = {}
    for fact in sorted(facts, key=_order):
        once.setdefault(fact.id, fact)
    return list(once.values())


def _order(fact: Fact) -> tuple[datetime, str, int, str]:
    """Return the key of the order: time first, then whatever breaks a tie for all."""
    at = corrected(fact.at, fact.offset_ms, fact.received_at)
    return at, fact.device, fact.seq, fact.id


def _counts(fact: Fact) -> bool:
    """Did this attempt move someone through the door?"""
    if fact.kind is Kind.ENTRY:
        return fact.is_overridden or fact.verdict is Verdict.ENTER
    if fact.kind is Kind.EXIT:
        return fact.is_overridden or fact.verdict is Verdict.EXITED
    return False


def _with_entry(state: State, fact: Fact, before: Fact | None) -> State:
    """Add one entry; with an entry before it and no exit between, maybe a clash."""
    clashes = state.clashes
    if before is not None and before.device != fact.device:
        clashes = (*clashes, Clash(before, fact))
    if state.entries == 0:
        at = corrected(fact.at, fact.offset_ms, fact.received_at)
        state = replace(state, first_at=at, first_gate=fact.gate)
    return replace(state, is_inside=True, entries=state.entries + 1, clashes=clashes)


def _with_exit(state: State, fact: Fact) -> State:
    """Add one exit; the first entry stays what it was."""
    at = corrected(fact.at, fact.offset_ms, fact.received_at)
    return replace(state, is_inside=False, last_exit_at=at)
