"""Followed: the people of a meetup with what they did online around it.

One statement counts, for each admitted registration, the active days and the qualified
acts in the windows of `lift`. Somebody of the team, somebody who did not agree to the
link, whose identity is unknown or who joined too late is returned with that reason and no
counts. A member without a joining date counts from the day she was first known of: when
she was written down, or her first act, whichever came first.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from events.engagement import lift
from events.engagement.metrics import FULLEST, OF_PERSON, PERSON
from server.database import sql
from server.i18n import zone


class Person(NamedTuple):
    """One admitted registration with what was done online around the meetup."""

    meetup_id: UUID
    member_id: UUID
    is_drawn: bool | None
    came: bool
    is_admitted: bool
    reason: str | None
    days: tuple[int, int]
    acts: tuple[int, int]
    placebo: tuple[int, int]
    gap: tuple[int, int]
    last: int | None


class Held(msgspec.Struct, frozen=True):
    """What must be known of a meetup before its effect can be read."""

    id: UUID
    starts_at: datetime
    time_zone: str
    closed_at: datetime | None
    comparison: str
    primary_outcome: str
    fixed_at: datetime | None
    imported_at: datetime | None

    @property
    def on(self) -> date:
        """The local date of the meetup."""
        return self.starts_at.astimezone(zone(self.time_zone)).date()


# Queries

_HELD = (
    "SELECT m.id, m.starts_at, m.time_zone, m.closed_at, l.fixed_at,"
    " coalesce(l.comparison, CASE m.admission WHEN 'lottery' THEN 'lottery'"
    " ELSE 'no_shows' END) AS comparison,"
    " coalesce(l.primary_outcome, 'active_days') AS primary_outcome,"
    " (SELECT max(i.committed_at) FROM import_run i WHERE i.workspace_id = m.workspace_id"
    " AND i.kind = 'activity') AS imported_at FROM meetup m"
    " LEFT JOIN lift_plan l ON l.workspace_id = m.workspace_id AND l.id = m.id"
    " WHERE m.workspace_id = ANY (apero_scope()) AND m.cancelled_at IS NULL"
)


async def held(meetup_id: UUID) -> list[Held]:
    """One meetup with its plan; none when it was called off."""
    return await sql(f"{_HELD} AND m.id = $1", meetup_id, into=Held)


async def held_in(series_id: UUID) -> list[Held]:
    """The meetups of a series with their plans, in order of time."""
    return await sql(
        f"{_HELD} AND m.series_id = $1 ORDER BY m.starts_at, m.id", series_id, into=Held
    )


def _count(what: str, window: lift.Window) -> str:
    inside = f"x.at >= {window.first} AND x.at < {window.until}"
    return f"coalesce({what} FILTER (WHERE {inside}), 0)"


_DAYS, _ACTS = "count(*)", "sum(x.acts)"
_FIRST, _LAST = lift.PLACEBO_PRE.first, lift.POST.until
_PEOPLE = f"""
WITH here AS (
  SELECT m.workspace_id, m.id, (m.starts_at AT TIME ZONE m.time_zone)::date AS d,
    m.time_zone
  FROM meetup m WHERE m.workspace_id = ANY (apero_scope()) AND m.id = ANY ($1::uuid[])
), everybody AS MATERIALIZED (
  SELECT DISTINCT ON (h.id, p.id)
    h.workspace_id, h.id AS meetup_id, h.d, p.id AS member_id, r.is_drawn, r.source,
    r.status = 'confirmed' AS is_admitted,
    bool_or(r.status = 'confirmed' AND r.attended_at IS NOT NULL)
      OVER (PARTITION BY h.id, p.id) AS came,
    CASE WHEN p.is_insider THEN 'insider'
      WHEN p.linking_agreed_at IS NULL THEN 'not_agreed'
      WHEN NOT EXISTS (SELECT FROM identity i WHERE i.workspace_id = p.workspace_id
        AND i.member_id = p.id) THEN 'unlinked'
      WHEN coalesce(p.joined_on, least((p.created_at AT TIME ZONE h.time_zone)::date,
        (SELECT min(a.day) FROM identity i JOIN activity_day a
          ON a.workspace_id = i.workspace_id AND a.identity_id = i.id
          WHERE i.workspace_id = p.workspace_id AND i.member_id = p.id)))
        > h.d + ({lift.PRE.first}) THEN 'newcomer'
    END AS reason
  FROM here h
  JOIN registration r ON r.workspace_id = h.workspace_id AND r.meetup_id = h.id
  {OF_PERSON} CROSS JOIN LATERAL (SELECT p.* FROM member p
    WHERE p.workspace_id = s.workspace_id AND p.id = {PERSON} OFFSET 0) p
  WHERE r.status = 'confirmed' OR r.is_drawn IS NOT NULL
  ORDER BY h.id, p.id, r.source = 'walk_in', {FULLEST}
), person AS MATERIALIZED (
  -- Somebody registered who was let in under another record did come.
  SELECT * FROM everybody WHERE source <> 'walk_in'
), known AS MATERIALIZED (
  SELECT p.workspace_id, p.meetup_id, p.member_id, p.d, i.id FROM person p
  JOIN identity i ON i.workspace_id = p.workspace_id AND i.member_id = p.member_id
  WHERE p.reason IS NULL
), x AS (
  SELECT k.meetup_id, k.member_id, a.day - k.d AS at, sum(a.acts)::int AS acts
  FROM known k CROSS JOIN LATERAL (
    SELECT a.day, a.acts FROM activity_day a
    WHERE a.workspace_id = k.workspace_id AND a.identity_id = k.id
      AND a.day >= k.d + ({_FIRST}) AND a.day < k.d + {_LAST}
    OFFSET 0) a  -- the index is used even where nothing was analysed yet
  GROUP BY k.meetup_id, k.member_id, a.day - k.d
), w AS (
  SELECT x.meetup_id, x.member_id,
    {_count(_DAYS, lift.PRE)} AS days_before, {_count(_DAYS, lift.POST)} AS days_after,
    {_count(_ACTS, lift.PRE)} AS acts_before, {_count(_ACTS, lift.POST)} AS acts_after,
    {_count(_DAYS, lift.PLACEBO_PRE)} AS placebo_before,
    {_count(_DAYS, lift.PLACEBO_POST)} AS placebo_after,
    {_count(_DAYS, lift.GAP_PRE)} AS gap_before,
    {_count(_DAYS, lift.GAP_POST)} AS gap_after, max(x.at) AS last
  FROM x GROUP BY x.meetup_id, x.member_id
)
SELECT p.meetup_id, p.member_id, p.is_drawn, p.came, p.is_admitted, p.reason,
  w.days_before, w.days_after, w.acts_before, w.acts_after,
  w.placebo_before, w.placebo_after, w.gap_before, w.gap_after, w.last
FROM person p LEFT JOIN w ON w.meetup_id = p.meetup_id AND w.member_id = p.member_id
ORDER BY p.meetup_id, p.member_id
"""  # noqa: S608 - nothing but our own text and numbers


async def people(meetup_ids: Sequence[UUID]) -> list[Person]:
    """Every admitted registration of these meetups, with its windows if it is followed."""
    return [_person(row) for row in await sql(_PEOPLE, list(meetup_ids))]


def _person(row: Any) -> Person:  # noqa: ANN401 - asyncpg's record
    """A row with its windows, or with none where nobody is followed."""
    meetup_id, member_id, is_drawn, came, is_admitted, reason, *windows = row
    counts = [count or 0 for count in windows[:-1]]
    days, acts, placebo, gap = zip(counts[::2], counts[1::2], strict=True)
    return Person(
        *(meetup_id, member_id, is_drawn, came, is_admitted, reason),
        *(days, acts, placebo, gap, windows[-1]),
    )
