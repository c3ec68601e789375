"""Activity: online acts by identities, each kept once, and counted by local day.

An act is known by its channel and the id it has there, so that the same data may come
again, late or in another order and give the same state. Qualified are acts that somebody
authored; what a meetup itself produces (an answer to an invitation, a check-in, a form)
never is, or every meetup would raise engagement by construction.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Boolean, Text, Timestamptz

from events.people import identities
from events.people.identities import tidy_handle
from server import audit
from server.audit import Actor
from server.database import Record, atomic, one, sql, uuid7
from server.errors import NotFound
from server.i18n import zone

QUALIFIED = frozenset(
    {
        "post",
        "reply",
        "answer",
        "solution",
        "article",
        "pull_request",
        "mentoring",
        "message",
    }
)
AT_ONCE = 5_000
LONGEST_ID = 200
A_DAY = timedelta(days=1)
FIRST_YEAR = 1970


class Activity(Record):
    """One online act, dated."""

    channel_id = UuidColumn()
    identity_id = UuidColumn()
    external_id = Text()
    kind = Text()
    at = Timestamptz()
    is_qualified = Boolean()


class Act(msgspec.Struct, frozen=True):
    """An act as a channel tells it: its id there, who, what, when."""

    external_id: str
    handle: str
    kind: str
    at: datetime
    member_id: UUID | None = None

    def same(self) -> tuple[str, str, datetime]:
        """What must agree when the same id comes twice."""
        return (self.handle, self.kind, self.at)


class Fate(StrEnum):
    """What became of an act."""

    KEPT = "kept"
    KNOWN = "known"
    CONFLICT = "conflict"


class Recorded(msgspec.Struct):
    """What became of each act of a list, in its order."""

    fates: list[Fate]
    member_ids: set[UUID]

    def count(self, fate: Fate) -> int:
        return self.fates.count(fate)


# Rules


def is_qualified(kind: str) -> bool:
    """Is an act of this kind something its author made?"""
    return kind in QUALIFIED


def is_plausible(at: datetime, now: datetime) -> bool:
    """May an act be of this moment? A clock is a day wrong at most; 1970 is the start."""
    return at <= now + A_DAY and at.year >= FIRST_YEAR


def row_key(handle: str, kind: str, at: datetime, nth: int) -> str:
    """An id for an act that has none: the nth of those that look the same."""
    text = f"{handle}\x1f{kind}\x1f{at.timestamp():.6f}\x1f{nth}"
    return "row:" + hashlib.sha256(text.encode()).hexdigest()[:40]


def twins_that_differ(acts: Iterable[Act]) -> set[str]:
    """The ids that come twice and do not say the same; none of them is kept."""
    first: dict[str, tuple[str, str, datetime]] = {}
    return {
        act.external_id
        for act in acts
        if first.setdefault(act.external_id, act.same()) != act.same()
    }


# Commands


@atomic()
async def record(
    acts: Sequence[Act], *, channel_id: UUID, by: Actor, now: datetime
) -> Recorded:
    """Keep what is new of these acts, and the count of qualified ones by day in step."""
    recorded = await keep(acts, channel_id=channel_id, by=by, now=now)
    await audit.note(by, "recorded_activity", at=now)
    return recorded


@atomic()
async def keep(
    acts: Sequence[Act], *, channel_id: UUID, by: Actor, now: datetime
) -> Recorded:
    """The same without its audit entry, for a file that writes one for all its parts."""
    local = await _held(channel_id, by)
    acts = [msgspec.structs.replace(act, handle=tidy_handle(act.handle)) for act in acts]
    differ = twins_that_differ(acts)
    fates: list[Fate] = []
    member_ids: set[UUID] = set()
    done: set[str] = set()
    for start in range(0, len(acts), AT_ONCE):
        part = acts[start : start + AT_ONCE]
        chosen = {act.external_id: act for act in part if act.external_id not in differ}
        chosen = {key: act for key, act in chosen.items() if key not in done}
        done |= chosen.keys()
        named = await _identities(list(chosen.values()), channel_id, by, now)
        kept = await _insert(list(chosen.values()), named, channel_id, local, by)
        old = [act for key, act in chosen.items() if key not in kept]
        fates += _fates(part, kept | await look_up(old, channel_id=channel_id), differ)
        member_ids.update(member for _, member in named.values() if member)
    return Recorded(fates, member_ids)


def _fates(part: Sequence[Act], kept: dict[str, Fate], differ: set[str]) -> list[Fate]:
    """One fate for each act; the second of two that agree was known by then."""
    found = []
    for act in part:
        if act.external_id in differ:
            found.append(Fate.CONFLICT)
        else:
            found.append(kept.get(act.external_id, Fate.KNOWN))
            if kept.get(act.external_id) is Fate.KEPT:
                kept[act.external_id] = Fate.KNOWN
    return found


async def _held(channel_id: UUID, by: Actor) -> ZoneInfo:
    """The workspace's zone; the channel is held, so that lists come one after another."""
    row = await one(
        "SELECT w.time_zone FROM channel c JOIN workspace w ON w.id = c.workspace_id"
        " WHERE c.workspace_id = $1 AND c.id = $2 FOR NO KEY UPDATE OF c",
        by.workspace_id,
        channel_id,
    )
    if row is None:
        raise NotFound
    return zone(row["time_zone"])


async def _identities(
    acts: list[Act], channel_id: UUID, by: Actor, now: datetime
) -> dict[str, tuple[UUID, UUID | None]]:
    """Who did these: known handles are looked up, the others are made."""
    wanted: dict[str, UUID | None] = {}
    for act in acts:
        wanted[act.handle] = wanted.get(act.handle) or act.member_id
    found = await identities.identities_named(list(wanted), channel_id=channel_id)
    missing = {
        handle: member
        for handle, member in wanted.items()
        if handle not in found or (member and found[handle][1] is None)
    }
    if missing:
        found |= await identities.see(missing, channel_id=channel_id, by=by, now=now)
    return found


async def _insert(
    acts: list[Act],
    named: dict[str, tuple[UUID, UUID | None]],
    channel_id: UUID,
    local: ZoneInfo,
    by: Actor,
) -> dict[str, Fate]:
    """Insert what is new; its days are counted in the same statement."""
    rows = await sql(
        "WITH given AS (SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::text[],"
        " $6::text[], $7::timestamptz[], $8::boolean[], $9::date[])"
        " AS g (id, identity_id, external_id, kind, at, is_qualified, day)),"
        " new AS (INSERT INTO activity (id, workspace_id, channel_id, identity_id,"
        " external_id, kind, at, is_qualified) SELECT id, $1, $2, identity_id, external_id,"
        " kind, at, is_qualified FROM given"
        " ON CONFLICT (workspace_id, channel_id, external_id) DO NOTHING"
        " RETURNING external_id),"
        " counted AS (INSERT INTO activity_day (workspace_id, identity_id, day, acts)"
        " SELECT $1, g.identity_id, g.day, count(*) FROM given g"
        " JOIN new USING (external_id) WHERE g.is_qualified GROUP BY g.identity_id, g.day"
        " ON CONFLICT (workspace_id, identity_id, day)"
        " DO UPDATE SET acts = activity_day.acts + excluded.acts)"
        " SELECT external_id FROM new",
        by.workspace_id,
        channel_id,
        [uuid7() for _ in acts],
        [named[act.handle][0] for act in acts],
        [act.external_id for act in acts],
        [act.kind for act in acts],
        [act.at for act in acts],
        [is_qualified(act.kind) for act in acts],
        [act.at.astimezone(local).date() for act in acts],
    )
    return {row["external_id"]: Fate.KEPT for row in rows}


# Queries


async def look_up(acts: Sequence[Act], *, channel_id: UUID) -> dict[str, Fate]:
    """Of these acts, those that are there: known, or in conflict when they differ."""
    if not acts:
        return {}
    said = {act.external_id: act.same() for act in acts}
    rows = await sql(
        "SELECT a.external_id, i.handle, a.kind, a.at FROM activity a JOIN identity i"
        " ON i.workspace_id = a.workspace_id AND i.id = a.identity_id"
        " WHERE a.workspace_id = ANY (apero_scope()) AND a.channel_id = $1"
        " AND a.external_id = ANY ($2::text[])",
        channel_id,
        list(said),
    )
    return {
        row["external_id"]: Fate.KNOWN
        if said[row["external_id"]] == (row["handle"], row["kind"], row["at"])
        else Fate.CONFLICT
        for row in rows
    }


async def days(identity_id: UUID) -> dict[str, int]:
    """How many qualified acts an identity did on each local day."""
    rows = await sql(
        "SELECT day, acts FROM activity_day WHERE workspace_id = ANY (apero_scope())"
        " AND identity_id = $1 ORDER BY day",
        identity_id,
    )
    return {row["day"].isoformat(): row["acts"] for row in rows}
