"""Metrics: how each figure is counted, and where it comes from.

Every page, document, table and answer of the API takes its figures from here. A figure
that cannot be had is missing and says why; it is never zero. No share is computed without
something to divide by. What they are called and mean is in `definitions`, and at length
in `docs/metrics.md`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from itertools import combinations
from uuid import UUID

import msgspec

from server.database import one, sql

DIGITS = 4


class State(StrEnum):
    """Where a figure comes from."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    IMPORTED = "imported"
    MISSING = "missing"


class Unit(StrEnum):
    PEOPLE = "people"
    SHARE = "share"
    ATTENDANCES = "attendances"
    MEETUPS = "meetups"
    PAIRS = "pairs"


class Figure(msgspec.Struct, frozen=True):
    """One figure; `n` is how many it is a share of, `on` the day its reason names."""

    key: str
    value: float | None
    state: State
    unit: Unit
    n: int | None = None
    why: str = ""
    on: date | None = None


class Counts(msgspec.Struct, frozen=True):
    """The people of one meetup, as they stand in the lists."""

    capacity: int
    asked: int
    registered: int
    attended: int
    came_registered: int
    walk_ins: int
    waitlisted: int
    imported: int
    first_timers: int
    linked: int
    joined_known: int
    newcomers: int


class Attendance(msgspec.Struct, frozen=True):
    """How many came to one meetup of a series, and how many of them had come before."""

    id: UUID
    slug: str
    title: str
    starts_at: datetime
    time_zone: str
    is_closed: bool
    attended: int
    returning: int
    imported: int


class Togetherness(msgspec.Struct, frozen=True):
    """Who was in the same room: people, pairs who met, and pairs who met again."""

    people: int
    met: int
    met_again: int
    shared: dict[int, int]


# Rules


def share(part: float, whole: float) -> float | None:
    """One number divided by another, or None when there is nothing to divide by."""
    return round(part / whole, DIGITS) if whole else None


def meetup_figures(
    counts: Counts, *, has_begun: bool, is_closed: bool, after: Figure | None = None
) -> list[Figure]:
    """The figures of one meetup, in the order they are shown."""
    told = _Told(counts, has_begun, is_closed)
    c = counts
    return [
        told.came("attended", c.attended),
        Figure("registered", c.registered, told.source, Unit.PEOPLE),
        told.rate("show_up_rate", c.came_registered, c.registered),
        told.rate("no_show_rate", c.registered - c.came_registered, c.registered),
        told.came("walk_ins", c.walk_ins),
        Figure("waitlisted", c.waitlisted, State.MEASURED, Unit.PEOPLE),
        told.of_came("fill_rate", c.attended, c.capacity),
        told.came("first_timers", c.first_timers),
        told.of_came("first_timer_share", c.first_timers, c.attended),
        told.came("returning", c.attended - c.first_timers),
        told.newcomers(),
        told.of_came("link_coverage", c.linked, c.attended),
        *([after] if after else []),
    ]


class _Told:
    """How far the figures of a meetup can be told yet."""

    def __init__(self, counts: Counts, has_begun: bool, is_closed: bool) -> None:  # noqa: FBT001
        self.counts, self.is_closed = counts, is_closed
        is_imported = counts.attended and counts.imported == counts.attended
        self.source = State.IMPORTED if is_imported else State.MEASURED
        self.why = ""
        if not has_begun:
            self.why = "not_begun"
        elif not counts.attended:
            self.why = "no_checkin" if is_closed else "not_closed"

    def came(self, key: str, people: int) -> Figure:
        """A count of people who came; zero only when others did come."""
        if self.why:
            return Figure(key, None, State.MISSING, Unit.PEOPLE, why=self.why)
        return Figure(key, people, self.source, Unit.PEOPLE)

    def of_came(self, key: str, part: int, whole: int) -> Figure:
        """A share that can be told as soon as people have come."""
        value = share(part, whole)
        why = self.why or ("nobody" if value is None else "")
        if why:
            return Figure(key, None, State.MISSING, Unit.SHARE, why=why)
        return Figure(key, value, self.source, Unit.SHARE, n=whole)

    def rate(self, key: str, part: int, whole: int) -> Figure:
        """A share of the registered, which only a closed meetup can tell."""
        c = self.counts
        why = self.why or ("" if self.is_closed else "not_closed")
        if not why and c.imported == c.attended == c.registered:
            why = "list_of_who_came"
        if why:
            return Figure(key, None, State.MISSING, Unit.SHARE, why=why)
        return self.of_came(key, part, whole)

    def newcomers(self) -> Figure:
        """People new in the community, if anybody's joining date is known."""
        c = self.counts
        if not self.why and not c.joined_known:
            why = "no_joining_dates"
            return Figure("newcomers", None, State.MISSING, Unit.PEOPLE, why=why)
        figure = self.came("newcomers", c.newcomers)
        return msgspec.structs.replace(figure, n=None if self.why else c.joined_known)


def series_figures(
    attendances: Sequence[Attendance], together: Togetherness
) -> list[Figure]:
    """The figures of a series, in the order they are shown."""
    held = [one_ for one_ in attendances if one_.attended]
    total = sum(one_.attended for one_ in held)
    later = sum(one_.attended for one_ in held[1:])
    back = sum(one_.returning for one_ in held[1:])
    imported = total and sum(one_.imported for one_ in held) == total
    source = State.IMPORTED if imported else State.MEASURED
    if not held:
        keys = ("attendances", "people", "returning_share", "met", "met_again")
        none = [Figure(k, None, State.MISSING, UNITS[k], why="no_checkin") for k in keys]
        return [Figure("meetups", len(attendances), State.MEASURED, Unit.MEETUPS), *none]
    returning = Figure("returning_share", share(back, later), source, Unit.SHARE, n=later)
    if not later:
        why = "one_meetup"
        returning = Figure("returning_share", None, State.MISSING, Unit.SHARE, why=why)
    return [
        Figure("meetups", len(attendances), State.MEASURED, Unit.MEETUPS),
        Figure("attendances", total, source, Unit.ATTENDANCES),
        Figure("people", together.people, source, Unit.PEOPLE),
        returning,
        Figure("met", together.met, source, Unit.PAIRS),
        Figure("met_again", together.met_again, source, Unit.PAIRS),
    ]


UNITS: Mapping[str, Unit] = {
    "attendances": Unit.ATTENDANCES,
    "people": Unit.PEOPLE,
    "returning_share": Unit.SHARE,
    "met": Unit.PAIRS,
    "met_again": Unit.PAIRS,
}


def together(rooms: Mapping[UUID, Sequence[UUID]]) -> Togetherness:
    """Who met whom: pairs of people by how many meetups they share."""
    pairs = Counter(
        pair for people in rooms.values() for pair in combinations(sorted(people), 2)
    )
    shared = Counter(pairs.values())
    return Togetherness(
        people=len({person for people in rooms.values() for person in people}),
        met=len(pairs),
        met_again=sum(times for times_shared, times in shared.items() if times_shared > 1),
        shared=dict(sorted(shared.items())),
    )


# Queries

# An attendance is a confirmed registration whose person came in.
_CAME = "r.status = 'confirmed' AND r.attended_at IS NOT NULL"
# Two records of one person may have a place each: she is counted once, by the place that
# says most. Only such doubles stay with a record that was merged.
# (Written as CASE: behind the walls PostgreSQL looks nothing up in an index by coalesce().)
PERSON = "CASE WHEN s.merged_into_id IS NULL THEN s.id ELSE s.merged_into_id END"
# OFFSET 0: each is looked up by her key, however many members there are besides.
OF_PERSON = (
    "CROSS JOIN LATERAL (SELECT s.workspace_id, s.id, s.merged_into_id FROM member s"
    " WHERE s.workspace_id = r.workspace_id AND s.id = r.member_id OFFSET 0) s"
)
FULLEST = (
    "(r.status = 'confirmed' AND r.attended_at IS NOT NULL) DESC,"
    " r.status = 'confirmed' DESC, r.source = 'walk_in', r.is_drawn DESC NULLS LAST,"
    " r.status, r.id"
)


def came_before(person: str, here: str) -> str:
    """Did this person come to a meetup before this one, under any record of hers?"""
    earlier = (
        "SELECT FROM registration e JOIN meetup o ON o.workspace_id = e.workspace_id"
        f" AND o.id = e.meetup_id WHERE e.workspace_id = {here}.workspace_id"
        " AND e.member_id = {of} AND e.status = 'confirmed' AND e.attended_at IS NOT NULL"
        f" AND (o.starts_at, o.id) < ({here}.starts_at, {here}.id)"
    )
    merged = (
        f"SELECT FROM member z WHERE z.workspace_id = {here}.workspace_id"
        f" AND z.merged_into_id = {person} AND EXISTS ({earlier.format(of='z.id')})"
    )
    return f"(EXISTS ({earlier.format(of=person)}) OR EXISTS ({merged}))"


async def counts(meetup_id: UUID) -> Counts | None:
    """Who registered for a meetup, who came, who came before and who is linked."""
    return await one(_COUNTS, meetup_id, into=Counts)


_COUNTS = f"""
WITH here AS (
  SELECT m.workspace_id, m.id, m.starts_at,
    (m.starts_at AT TIME ZONE m.time_zone)::date AS d
  FROM meetup m WHERE m.workspace_id = ANY (apero_scope()) AND m.id = $1
), person AS (
  SELECT DISTINCT ON (p.id) r.status, {_CAME} AS came,
    r.source = 'walk_in' AND NOT bool_or(r.source <> 'walk_in' AND r.status = 'confirmed')
      OVER (PARTITION BY p.id) AS is_walk_in,
    r.source = 'import' AS is_imported, p.joined_on, p.joined_on > h.d - 29 AS is_newcomer,
    {_CAME} AND NOT {came_before("p.id", "h")} AS is_first,
    {_CAME} AND p.linking_agreed_at IS NOT NULL AND EXISTS (
      SELECT FROM identity i
      WHERE i.workspace_id = p.workspace_id AND i.member_id = p.id) AS is_linked
  FROM here h
  JOIN registration r ON r.workspace_id = h.workspace_id AND r.meetup_id = h.id
  {OF_PERSON} JOIN member p ON p.workspace_id = s.workspace_id AND p.id = {PERSON}
  ORDER BY p.id, {FULLEST}
)
SELECT (SELECT s.capacity FROM seating s JOIN here h
    ON s.workspace_id = h.workspace_id AND s.id = h.id) AS capacity,
  count(*) FILTER (WHERE NOT is_walk_in) AS asked,
  count(*) FILTER (WHERE status = 'confirmed' AND NOT is_walk_in) AS registered,
  count(*) FILTER (WHERE came) AS attended,
  count(*) FILTER (WHERE came AND NOT is_walk_in) AS came_registered,
  count(*) FILTER (WHERE came AND is_walk_in) AS walk_ins,
  count(*) FILTER (WHERE status = 'waitlisted') AS waitlisted,
  count(*) FILTER (WHERE came AND is_imported) AS imported,
  count(*) FILTER (WHERE is_first) AS first_timers,
  count(*) FILTER (WHERE is_linked) AS linked,
  count(*) FILTER (WHERE came AND joined_on IS NOT NULL) AS joined_known,
  count(*) FILTER (WHERE came AND is_newcomer) AS newcomers
FROM person HAVING EXISTS (SELECT FROM here)
"""  # noqa: S608 - nothing but our own text


async def arrivals(meetup_id: UUID) -> list[tuple[datetime, int]]:
    """How many came in during each ten minutes; empty when no moment is known."""
    rows = await sql(
        "SELECT date_bin('10 minutes', a.attended_at, timestamptz '2000-01-01Z') AS at,"  # noqa: S608
        " count(*) AS people, count(*) FILTER (WHERE a.source <> 'import') AS seen"
        f" FROM (SELECT DISTINCT ON ({PERSON}) r.attended_at, r.source FROM registration r"
        f" {OF_PERSON} WHERE r.workspace_id = ANY (apero_scope()) AND r.meetup_id = $1"
        f" AND {_CAME} ORDER BY {PERSON}, r.attended_at, r.id) a GROUP BY 1 ORDER BY 1",
        meetup_id,
    )
    # A list that was imported gives everybody the same moment: that is no arrival.
    if len(rows) <= 1 and not any(row["seen"] for row in rows):
        return []
    return [(row["at"], row["people"]) for row in rows]


async def attendances(series_id: UUID, now: datetime) -> list[Attendance]:
    """The meetups of a series that have begun, with who came and who came back."""
    return await sql(
        f"WITH once AS (SELECT DISTINCT ON (m.id, {PERSON}) m.id AS meetup_id,"  # noqa: S608
        f" m.starts_at, r.source, {PERSON} AS person"
        " FROM meetup m JOIN registration r ON r.workspace_id = m.workspace_id"
        f" AND r.meetup_id = m.id {OF_PERSON} WHERE m.workspace_id = ANY (apero_scope())"
        f" AND m.series_id = $1 AND m.cancelled_at IS NULL AND {_CAME}"
        f" ORDER BY m.id, {PERSON}, {FULLEST}), came AS (SELECT meetup_id, source,"
        " row_number() OVER (PARTITION BY person ORDER BY starts_at, meetup_id) AS nth"
        " FROM once)"
        " SELECT m.id, m.slug, m.title, m.starts_at, m.time_zone,"
        " m.closed_at IS NOT NULL AS is_closed, count(c.meetup_id) AS attended,"
        " count(*) FILTER (WHERE c.nth > 1) AS returning,"
        " count(*) FILTER (WHERE c.source = 'import') AS imported"
        " FROM meetup m LEFT JOIN came c ON c.meetup_id = m.id"
        " WHERE m.workspace_id = ANY (apero_scope()) AND m.series_id = $1"
        " AND m.cancelled_at IS NULL AND m.published_at IS NOT NULL AND m.starts_at <= $2"
        " GROUP BY m.workspace_id, m.id ORDER BY m.starts_at, m.id LIMIT 1000",
        series_id,
        now,
        into=Attendance,
    )


async def rooms(series_id: UUID) -> dict[UUID, list[UUID]]:
    """Who came to each meetup of a series."""
    rows = await sql(
        f"SELECT r.meetup_id, array_agg(DISTINCT {PERSON}) AS people FROM meetup m"  # noqa: S608
        " JOIN registration r ON r.workspace_id = m.workspace_id AND r.meetup_id = m.id"
        f" {OF_PERSON} WHERE m.workspace_id = ANY (apero_scope()) AND m.series_id = $1"
        f" AND m.cancelled_at IS NULL AND {_CAME} GROUP BY 1",
        series_id,
    )
    return {row["meetup_id"]: row["people"] for row in rows}
