"""Check-ins: what happened at the door, kept as facts that never change.

Every attempt is one row, refusals and unknown codes included, and holds a hash instead of
what was scanned. Who is inside, who came and which incidents there are is added up from
those rows each time one arrives (`verdicts.fold`), under the lock of the registration, so
that any order of arrival ends in the same state. That somebody came is told to her
registration in the same transaction (ADR 0006).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from piccolo.columns import JSONB, BigInt, Boolean, Bytea, Integer, Text, Timestamptz
from piccolo.columns import UUID as UuidColumn

from checkin.verdicts import Clash, Fact, Kind, State, Verdict, corrected, fold
from events.admission import registrations
from server.audit import Actor
from server.database import Record, many, one, sql, uuid7

UNDO_WITHIN = timedelta(minutes=15)
SEARCH_LETTERS = 2
SEARCH_MOST = 20


class Checkin(Record):
    """One attempt of one device: a fact, never changed, never deleted."""

    meetup_id = UuidColumn()
    gate_id = UuidColumn()
    device_id = UuidColumn()
    registration_id = UuidColumn(null=True, default=None)
    kind = Text()
    mode = Text()
    at = Timestamptz()
    offset_ms = BigInt()
    boot_id = UuidColumn(null=True, default=None)
    seq = BigInt(null=True, default=None)
    of_id = UuidColumn(null=True, default=None)
    code_hash = Bytea(null=True, default=None)
    local_verdict = Text(null=True, default=None)
    override_reason = Text()
    received_at = Timestamptz()
    verdict = Text()
    answer = JSONB()


class Presence(Record):
    """What the facts of one registration add up to (same key as the registration)."""

    meetup_id = UuidColumn()
    is_inside = Boolean()
    entries = Integer()
    first_at = Timestamptz(null=True, default=None)
    first_gate = Text()
    last_exit_at = Timestamptz(null=True, default=None)


class Incident(Record):
    """Two facts that contradict one another: one ticket, let in by two devices."""

    meetup_id = UuidColumn()
    registration_id = UuidColumn()
    first_fact_id = UuidColumn()
    second_fact_id = UuidColumn()
    at = Timestamptz()


class Holder(msgspec.Struct, frozen=True):
    """The registration behind a scanned code, locked while its facts are added up."""

    id: UUID
    meetup_id: UUID
    status: str
    name: str
    attended_at: datetime | None
    code_hash: bytes
    typed_hash: bytes


class DoorCounts(msgspec.Struct, frozen=True):
    """How many are inside, came at all, and were expected; and whether it is over."""

    inside: int
    admitted: int
    expected: int
    is_closed: bool


class IncidentLine(msgspec.Struct, frozen=True):
    """An incident as the organiser reads it."""

    id: UUID
    name: str
    first_at: datetime
    first_gate: str
    second_at: datetime
    second_gate: str


class Found(msgspec.Struct, frozen=True):
    """Somebody a search at the door found."""

    id: UUID
    name: str
    status: str
    is_inside: bool


# Rules


def label(name: str) -> str:
    """A first name and an initial: what a crowded door may see of somebody."""
    words = [word for word in name.split() if any(c.isalnum() for c in word)]
    if not words:
        return ""
    first = words[0] if "@" not in words[0] else f"{words[0][0].upper()}."
    if len(words) == 1:
        return first[:40]
    last = next(c for c in words[-1] if c.isalnum())
    return f"{first[:40]} {last.upper()}."


def without_void_undos(facts: Iterable[Fact]) -> list[Fact]:
    """The facts, less every undo of another device or of more than a quarter of an hour.

    Judged from the facts alone, so that an undo may arrive before what it takes back.
    """
    facts = list(facts)
    known = {fact.id: fact for fact in facts if fact.kind is not Kind.UNDO}
    return [fact for fact in facts if fact.kind is not Kind.UNDO or _may_undo(fact, known)]


def _may_undo(undo: Fact, known: dict[str, Fact]) -> bool:
    fact = known.get(undo.of or "")
    return fact is not None and may_undo(undo, fact)


def may_undo(undo: Fact, fact: Fact) -> bool:
    """Does the same device take this back, within a quarter of an hour?"""
    apart = corrected(undo.at, undo.offset_ms, undo.received_at) - corrected(
        fact.at, fact.offset_ms, fact.received_at
    )
    return undo.device == fact.device and abs(apart) <= UNDO_WITHIN


def added_up(facts: Iterable[Fact]) -> State:
    """What these facts of one registration come to."""
    return fold(without_void_undos(facts))


# Commands


async def keep(row: Checkin, answer: bytes) -> bool:
    """Write a fact down, once; False when its id was there already."""
    kept = await one(
        "INSERT INTO checkin (id, workspace_id, meetup_id, gate_id, device_id,"
        " registration_id, kind, mode, at, offset_ms, boot_id, seq, of_id, code_hash,"
        " local_verdict, override_reason, received_at, verdict, answer) VALUES ($1, $2, $3,"
        " $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,"
        " $19::text::jsonb) ON CONFLICT (workspace_id, id) DO NOTHING RETURNING id",
        row.id,
        row.workspace_id,
        row.meetup_id,
        row.gate_id,
        row.device_id,
        row.registration_id,
        row.kind,
        row.mode,
        row.at,
        row.offset_ms,
        row.boot_id,
        row.seq,
        row.of_id,
        row.code_hash,
        row.local_verdict,
        row.override_reason,
        row.received_at,
        row.verdict,
        answer.decode(),
    )
    return kept is not None


async def settle(
    holder: Holder, facts: Sequence[Fact], *, by: Actor, now: datetime
) -> State:
    """Write what the facts add up to, and tell the registration whether she came."""
    state = added_up(facts)
    await sql(
        "INSERT INTO presence (workspace_id, id, meetup_id, is_inside, entries, first_at,"
        " first_gate, last_exit_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        " ON CONFLICT (workspace_id, id) DO UPDATE SET is_inside = excluded.is_inside,"
        " entries = excluded.entries, first_at = excluded.first_at,"
        " first_gate = excluded.first_gate, last_exit_at = excluded.last_exit_at",
        by.workspace_id,
        holder.id,
        holder.meetup_id,
        state.is_inside,
        state.entries,
        state.first_at,
        state.first_gate or "",
        state.last_exit_at,
    )
    if state.first_at != holder.attended_at:
        await registrations.mark_attended(holder.id, state.first_at, by=by, now=now)
    await _keep_incidents(holder, state.clashes, by=by)
    return state


async def _keep_incidents(holder: Holder, clashes: Sequence[Clash], *, by: Actor) -> None:
    """The incidents of a registration are exactly the clashes of its facts."""
    rows = await sql(
        "DELETE FROM incident WHERE workspace_id = $1 AND registration_id = $2"
        " AND NOT ((first_fact_id, second_fact_id) IN"
        " (SELECT * FROM unnest($3::uuid[], $4::uuid[]))) RETURNING id",
        by.workspace_id,
        holder.id,
        [UUID(clash.first.id) for clash in clashes],
        [UUID(clash.second.id) for clash in clashes],
    )
    if not clashes and not rows:
        return
    await many(
        "INSERT INTO incident (id, workspace_id, meetup_id, registration_id, first_fact_id,"
        " second_fact_id, at) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (workspace_id, first_fact_id, second_fact_id) DO NOTHING",
        [_incident(holder, clash, by) for clash in clashes],
    )


def _incident(holder: Holder, clash: Clash, by: Actor) -> tuple[object, ...]:
    """The row of a clash; it happened when the second entry did, by the server's clock."""
    second = clash.second
    return (
        uuid7(),
        by.workspace_id,
        holder.meetup_id,
        holder.id,
        UUID(clash.first.id),
        UUID(second.id),
        corrected(second.at, second.offset_ms, second.received_at),
    )


# Queries

_FACTS = """
SELECT c.id, c.kind, c.at, c.received_at, c.device_id, coalesce(c.seq, 0) AS seq,
  g.name AS gate, c.verdict, c.offset_ms, c.of_id
FROM checkin c JOIN gate g ON g.workspace_id = c.workspace_id AND g.id = c.gate_id
WHERE c.workspace_id = $1 AND (c.registration_id = $2 OR c.of_id = ANY ($3::uuid[])
  OR c.of_id IN (SELECT id FROM checkin WHERE workspace_id = $1 AND registration_id = $2))
"""


async def facts_of(workspace_id: UUID, registration_id: UUID, *also: UUID) -> list[Fact]:
    """The facts of a registration, with every undo that names one of them or of `also`."""
    rows = await sql(_FACTS, workspace_id, registration_id, list(also))
    return [
        Fact(
            id=str(row["id"]),
            kind=Kind(row["kind"]),
            at=row["at"],
            received_at=row["received_at"],
            device=str(row["device_id"]),
            seq=row["seq"],
            gate=row["gate"],
            verdict=Verdict(row["verdict"]),
            offset_ms=row["offset_ms"],
            of=str(row["of_id"]) if row["of_id"] else None,
        )
        for row in rows
    ]


_HOLDER = """
SELECT r.id, r.meetup_id, r.status, r.attended_at, m.name, r.code_hash, r.typed_hash,
  pg_advisory_xact_lock_shared(hashtextextended($3, 0))::text AS held
FROM registration r
JOIN member m ON m.workspace_id = r.workspace_id AND m.id = r.member_id
WHERE r.workspace_id = $1 AND r.id = $2 FOR NO KEY UPDATE OF r
"""


async def locked(workspace_id: UUID, registration_id: UUID, fact_id: UUID) -> Holder | None:
    """The registration, locked until this transaction ends: one verdict at a time.

    The fact's own id is shared as well, so that an undo which arrives at this very
    moment waits and finds it (`held_back`).
    """
    return await one(_HOLDER, workspace_id, registration_id, str(fact_id), into=Holder)


async def held_back(fact_id: UUID) -> None:
    """Wait until nobody is writing the fact of this id, and let nobody begin."""
    await sql("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", str(fact_id))


async def counts(meetup_id: UUID) -> DoorCounts:
    """How many are inside, came at all, and were expected; and whether it is over."""
    found = await one(
        "SELECT (SELECT count(*) FROM presence p WHERE p.workspace_id = ANY (apero_scope())"
        " AND p.meetup_id = $1 AND p.is_inside) AS inside,"
        " (SELECT count(*) FROM presence p WHERE p.workspace_id = ANY (apero_scope())"
        " AND p.meetup_id = $1 AND p.entries > 0) AS admitted,"
        " (SELECT count(*) FROM registration r WHERE r.workspace_id = ANY (apero_scope())"
        " AND r.meetup_id = $1 AND r.status = 'confirmed') AS expected,"
        " EXISTS (SELECT FROM meetup t WHERE t.workspace_id = ANY (apero_scope())"
        " AND t.id = $1 AND t.closed_at IS NOT NULL) AS is_closed",
        meetup_id,
        into=DoorCounts,
    )
    assert found is not None  # noqa: S101 - counts always answer
    return found


async def incidents(meetup_id: UUID) -> list[IncidentLine]:
    """Who was let in by two devices, latest first."""
    return await sql(
        "SELECT i.id, m.name, ga.name AS first_gate, gb.name AS second_gate,"
        " least(a.at + a.offset_ms * interval '1 millisecond', a.received_at) AS first_at,"
        " i.at AS second_at FROM incident i"
        " JOIN checkin a ON a.workspace_id = i.workspace_id AND a.id = i.first_fact_id"
        " JOIN checkin b ON b.workspace_id = i.workspace_id AND b.id = i.second_fact_id"
        " JOIN gate ga ON ga.workspace_id = a.workspace_id AND ga.id = a.gate_id"
        " JOIN gate gb ON gb.workspace_id = b.workspace_id AND gb.id = b.gate_id"
        " JOIN registration r ON r.workspace_id = i.workspace_id"
        " AND r.id = i.registration_id"
        " JOIN member m ON m.workspace_id = r.workspace_id AND m.id = r.member_id"
        " WHERE i.workspace_id = ANY (apero_scope()) AND i.meetup_id = $1"
        " ORDER BY i.at DESC, i.id DESC LIMIT 100",
        meetup_id,
        into=IncidentLine,
    )


async def search(meetup_id: UUID, words: str) -> list[Found]:
    """People of this meetup whose name holds these letters; accents do not matter."""
    wanted = words.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return await sql(
        "SELECT r.id, m.name, r.status, coalesce(p.is_inside, false) AS is_inside"
        " FROM registration r"
        " JOIN member m ON m.workspace_id = r.workspace_id AND m.id = r.member_id"
        " LEFT JOIN presence p ON p.workspace_id = r.workspace_id AND p.id = r.id"
        " WHERE r.workspace_id = ANY (apero_scope()) AND r.meetup_id = $1"
        " AND m.erased_at IS NULL"
        " AND apero_plain(m.name) LIKE '%' || apero_plain($2) || '%'"
        " ORDER BY r.status <> 'confirmed', m.name, r.id LIMIT $3",
        meetup_id,
        wanted,
        SEARCH_MOST,
        into=Found,
    )
