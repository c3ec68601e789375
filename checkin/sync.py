"""Sync: how the facts of a device are taken in, one by one, once each.

A device asks (`ask`: the server decides now, and one ticket enters once) or tells
(`tell`: it already happened, and is kept whatever the rules say). The id of a fact is
looked up before anything else: an id that was answered gets the same answer again.
The registration is locked while its facts are added up; a fact that cannot be stored
gets a problem of its own and does not stop its neighbours. Nothing is acknowledged
before the commit.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import msgspec
from msgspec import UNSET

from checkin import checkins, verdicts
from checkin.checkins import Checkin, Holder
from checkin.devices import Station
from checkin.facts import (
    UNDONE,
    Clashing,
    Code,
    Door,
    FactIn,
    Gap,
    Mode,
    Result,
    Taken,
    is_plausible,
    is_same,
    judged,
    read,
    read_code,
    refused,
    settled,
)
from checkin.verdicts import Answer, Fact, Kind, State, Verdict, corrected
from events.admission import registrations
from events.admission.tickets import Keys
from events.planning.meetups import Meetup
from server.audit import Actor
from server.database import atomic, find, one, scoped, sql
from server.errors import Conflict, Invalid
from server.forms import clean
from server.i18n import lazy


class IdTaken(Conflict):
    message = lazy("This id belongs to something else. Make a new one.")


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
    if mode is Mode.ASK:
        async with scoped(by):
            taken.inside = (await checkins.counts(station.meetup_id)).inside
    else:
        taken.gaps = await _gaps(
            station, {item.boot_id for _, item in items if item.boot_id}
        )
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
    if door.mode is Mode.ASK and item.gate not in {None, door.station.gate_id}:
        return refused(str(item.id), "other_gate", lazy("This device stands elsewhere."))
    try:
        async with scoped(door.by):
            if code is None:
                kept = await _undo(door, item)
            else:
                kept = await _pass(door, item, code)
    except (  # pragma: no cover - the last net: nothing known gets this far
        asyncpg.DataError,
        asyncpg.IntegrityConstraintViolationError,
    ):
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
                _moment(clash.first),
                clash.first.gate,
                _moment(clash.second),
                clash.second.gate,
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


async def _replayed(door: Door, item: FactIn, code: Code | None) -> Result | None:
    """The answer this id was given, if it was; another fact under it is a conflict."""
    row = await _stored(door, item.id)
    if row is None:
        return None
    if not is_same(row, item, code, door.station.device_id):
        return refused(str(item.id), IdTaken().code, IdTaken.message)
    return _again(row)


async def _stored(door: Door, id_: UUID) -> asyncpg.Record | None:
    return await one(
        "SELECT c.device_id, c.kind, c.at, c.of_id, c.code_hash, c.answer,"
        " coalesce(m.name, '') AS name FROM checkin c"
        " LEFT JOIN registration r ON r.workspace_id = c.workspace_id"
        " AND r.id = c.registration_id"
        " LEFT JOIN member m ON m.workspace_id = r.workspace_id AND m.id = r.member_id"
        " WHERE c.workspace_id = $1 AND c.id = $2",
        door.by.workspace_id,
        id_,
    )


def _again(row: asyncpg.Record) -> Result:
    result = msgspec.json.decode(row["answer"], type=Result)
    result.label = checkins.label(row["name"])
    return result


async def _gaps(station: Station, boots: set[UUID]) -> list[Gap]:
    """The numbers missing between those that arrived, for these starts of the device."""
    return await sql(
        "SELECT boot_id, seq + 1 AS first, next - 1 AS last FROM (SELECT boot_id, seq,"
        " lead(seq) OVER (PARTITION BY boot_id ORDER BY seq) AS next FROM checkin"
        " WHERE workspace_id = $1 AND device_id = $2 AND boot_id = ANY ($3::uuid[])"
        " AND seq IS NOT NULL) AS told WHERE next > seq + 1"
        " ORDER BY boot_id, first LIMIT 100",
        station.workspace_id,
        station.device_id,
        list(boots),
        into=Gap,
    )


@atomic()
async def walk_in(
    id_: UUID,
    name: str,
    at: datetime,
    *,
    override_reason: str = "",
    station: Station,
    keys: Keys,
    by: Actor,
    now: datetime,
) -> Result:
    """A place for somebody without a ticket, and her entry; the same id is one person."""
    name = " ".join(clean(name).split())
    if not name:
        raise Invalid(name=lazy("This answer is missing."))
    if not is_plausible(at):
        raise Invalid(at=lazy("The time cannot be right."))
    door = Door(Mode.TELL, station, keys, by, now)
    item = FactIn(id=id_, kind="entry", at=at.astimezone(UTC), local_verdict=Verdict.ENTER)
    await checkins.held_back(id_)
    row = await _stored(door, id_)
    if row is not None:
        if row["device_id"] != station.device_id or row["code_hash"] is not None:
            raise IdTaken
        return _again(row)
    meetup = await find(Meetup, station.meetup_id)
    made = await registrations.walk_in(
        meetup,
        name=name,
        keys=keys,
        override_reason=clean(override_reason),
        id_=id_,
        by=by,
        now=now,
    )
    holder = await checkins.locked(by.workspace_id, made.id, id_)
    assert holder is not None  # noqa: S101 - made on the lines above
    answer = Answer(Verdict.ENTER, verdicts.TONES[Verdict.ENTER])
    facts = [_fact(door, item, Verdict.ENTER)]
    kept = await _keep(door, item, answer, holder=holder, facts=facts)
    assert kept is not None  # noqa: S101 - the id is held, and nobody had it above
    return kept
