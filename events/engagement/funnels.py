"""Funnels: what became of the people an ambassador invited, step by step.

Invited, registered, came, came again, active online at 60 days. Counted are people, each
once: an ambassador's own registrations do not count, nor a second spelling of one mailbox,
nor anybody who hid who invited her. The last touch credits whoever brought somebody to
that meetup; the first touch credits whoever brought her at all. Whoever did not agree to
the linking is not measured online, and a missing figure is never zero.
"""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

from events.admission.touches import MAILBOX
from events.engagement.metrics import Figure, State, Unit
from events.people.mandates import Mandate, Stage, mandates
from server.database import sql
from server.i18n import Lazy, lazy

# Active at 60 days: a qualified act in the 28 days that end on day 60 after the evening.
LAST_DAY, WINDOW = 60, 28


class Credit(StrEnum):
    """To whom a registration goes when several links led there."""

    LAST = "last"
    FIRST = "first"


class Counts(msgspec.Struct, frozen=True):
    """The people of one ambassador, as they stand in the lists."""

    ambassador_id: UUID
    invited: int = 0
    registered: int = 0
    came: int = 0
    came_again: int = 0
    linked: int = 0
    due: int = 0
    known: int = 0
    active: int = 0


LABELS: dict[str, Lazy] = {
    "invited": lazy("People invited"),
    "brought": lazy("Registered"),
    "came": lazy("Came"),
    "came_again": lazy("Came again"),
    "active_60": lazy("Active at 60 days"),
}
MEANINGS: dict[str, Lazy] = {
    "invited": lazy("People who were sent a personal letter, or registered by the link."),
    "brought": lazy("People who registered by the personal link and did not give up."),
    "came": lazy("Of these, those who came in."),
    "came_again": lazy("Of these, those who came to a later meetup as well."),
    "active_60": lazy("Of those who came and agreed to be linked, those with a qualified"
                      " act from day 33 to day 60 after they first came."),
}  # fmt: skip
WHYS: dict[str, Lazy] = {
    "nobody": lazy("nobody came yet"),
    "nobody_linked": lazy("nobody who came is linked to an online account"),
    "not_yet": lazy("60 days have not passed for anybody yet"),
    "no_activity": lazy("online activity was not imported that far"),
    "too_few": lazy("too few people"),
}


# Rules


def figures(counts: Counts, *, at_least: int = 1) -> list[Figure]:
    """The steps in order; what happens online is told of `at_least` linked people."""
    people = [
        ("invited", counts.invited),
        ("brought", counts.registered),
        ("came", counts.came),
        ("came_again", counts.came_again),
    ]
    steps = [Figure(key, value, State.MEASURED, Unit.PEOPLE) for key, value in people]
    why = _why(counts, at_least)
    last = (
        Figure("active_60", None, State.MISSING, Unit.PEOPLE, why=why)
        if why
        else Figure("active_60", counts.active, State.IMPORTED, Unit.PEOPLE, n=counts.known)
    )
    return [*steps, last]


def _why(counts: Counts, at_least: int) -> str:
    """Why nothing can be told of what they did online; empty when it can."""
    asked = {
        "nobody": counts.came,
        "nobody_linked": counts.linked,
        "not_yet": counts.due,
        "no_activity": counts.known,
    }
    missing = next((why for why, people in asked.items() if not people), "")
    return missing or ("too_few" if counts.known < at_least else "")


# Queries

_WHO = f"coalesce({MAILBOX.format('p.email')}, coalesce(p.merged_into_id, p.id)::text)"
_HERS = f"coalesce({MAILBOX.format('q.email')}, '')"

# `$2` is now. Which touch is wanted is written into the text, so that PostgreSQL plans each
# question for what it asks. Statements on many rows start from the touches of the
# ambassadors asked for, each by its index.
_COUNTS = f"""
WITH her AS (
  SELECT a.workspace_id, a.id, a.member_id, coalesce(q.merged_into_id, q.id) AS person_id,
    {_HERS} AS mailbox FROM ambassador a
  JOIN member q ON q.workspace_id = a.workspace_id AND q.id = a.member_id
  WHERE a.workspace_id = ANY (apero_scope()) AND a.id = ANY ($1::uuid[])
), touched AS (
  SELECT t.workspace_id, t.ambassador_id, t.member_id, {_WHO} AS who,
    EXISTS (SELECT FROM registration r WHERE r.workspace_id = t.workspace_id
      AND r.meetup_id = t.meetup_id AND r.member_id = t.member_id
      AND r.status <> 'cancelled') AS is_registered,
    p.linking_agreed_at IS NOT NULL AND EXISTS (SELECT FROM identity i
      WHERE i.workspace_id = p.workspace_id AND i.member_id = p.id) AS is_linked,
    c.first_at, c.on_day
  FROM her h
  JOIN touch t ON t.workspace_id = h.workspace_id AND t.ambassador_id = h.id
  JOIN member p ON p.workspace_id = t.workspace_id AND p.id = t.member_id
  CROSS JOIN LATERAL (
    SELECT min(m.starts_at) AS first_at,
      min((m.starts_at AT TIME ZONE m.time_zone)::date) AS on_day
    FROM registration r JOIN meetup m ON m.workspace_id = r.workspace_id
      AND m.id = r.meetup_id AND m.cancelled_at IS NULL
    WHERE r.workspace_id = t.workspace_id AND r.member_id = t.member_id
      AND r.status = 'confirmed' AND r.attended_at IS NOT NULL
      AND (m.id = t.meetup_id OR @first AND m.ends_at > t.touched_at)) c
  WHERE NOT t.is_own AND t.hidden_at IS NULL
    AND coalesce(p.merged_into_id, p.id) <> h.person_id AND {_WHO} <> h.mailbox
    AND t.id = (SELECT o.id FROM touch o WHERE o.workspace_id = t.workspace_id
      AND o.member_id = t.member_id AND (@first OR o.meetup_id = t.meetup_id)
      AND NOT o.is_own AND o.hidden_at IS NULL
      ORDER BY CASE WHEN @first THEN o.touched_at END, CASE WHEN @first THEN o.id END,
        o.touched_at DESC, o.id DESC LIMIT 1)
), person AS MATERIALIZED (
  SELECT workspace_id, ambassador_id, who, bool_or(is_registered) AS is_registered,
    bool_or(is_linked) AS is_linked, min(first_at) AS first_at, min(on_day) AS on_day,
    array_agg(member_id) AS members FROM touched GROUP BY 1, 2, 3
), invited AS (
  SELECT ambassador_id, count(DISTINCT who) AS invited FROM (
    SELECT h.id AS ambassador_id, {_WHO} AS who FROM her h
    JOIN invitation v ON v.workspace_id = h.workspace_id AND v.ambassador_id = h.id
    JOIN member p ON p.workspace_id = v.workspace_id AND p.id = v.member_id
    WHERE v.hidden_at IS NULL AND coalesce(p.merged_into_id, p.id) <> h.person_id
      AND {_WHO} <> h.mailbox
    UNION ALL SELECT ambassador_id, who FROM person WHERE is_registered) x GROUP BY 1
), known AS MATERIALIZED (
  SELECT greatest(
    (SELECT max(i.committed_at) FROM import_run i WHERE i.workspace_id = ANY (apero_scope())
      AND i.kind = 'activity'),
    (SELECT max(l.at) FROM unnest(apero_scope()) AS w CROSS JOIN LATERAL (SELECT a.at
      FROM activity a WHERE a.workspace_id = w ORDER BY a.id DESC LIMIT 1000) l)) AS until
), told AS (
  SELECT c.ambassador_id, c.is_registered, c.first_at IS NOT NULL AS came,
    c.first_at IS NOT NULL AND EXISTS (SELECT FROM registration r
      JOIN meetup m ON m.workspace_id = r.workspace_id AND m.id = r.meetup_id
      WHERE r.workspace_id = c.workspace_id AND r.member_id = ANY (c.members)
        AND r.status = 'confirmed' AND r.attended_at IS NOT NULL
        AND m.cancelled_at IS NULL AND m.starts_at > c.first_at) AS came_again,
    c.first_at IS NOT NULL AND c.is_linked AS is_linked,
    $2::timestamptz >= (c.on_day + {LAST_DAY + 1}) AS is_due,
    coalesce((SELECT until FROM known) >= (c.on_day + {LAST_DAY}), false) AS is_known,
    c.first_at IS NOT NULL AND c.is_linked AND EXISTS (SELECT FROM member p
      JOIN identity i ON i.workspace_id = p.workspace_id AND i.member_id = p.id
      JOIN activity_day d ON d.workspace_id = i.workspace_id AND d.identity_id = i.id
        AND d.day > c.on_day + {LAST_DAY - WINDOW} AND d.day <= c.on_day + {LAST_DAY}
      WHERE p.workspace_id = c.workspace_id AND p.id = ANY (c.members)
        AND p.linking_agreed_at IS NOT NULL) AS is_active
  FROM person c
), ends AS (
  SELECT ambassador_id, count(*) FILTER (WHERE is_registered) AS registered,
    count(*) FILTER (WHERE came) AS came,
    count(*) FILTER (WHERE came_again) AS came_again,
    count(*) FILTER (WHERE is_linked) AS linked,
    count(*) FILTER (WHERE is_linked AND is_due) AS due,
    count(*) FILTER (WHERE is_linked AND is_due AND is_known) AS known,
    count(*) FILTER (WHERE is_linked AND is_due AND is_known AND is_active) AS active
  FROM told GROUP BY 1
)
SELECT h.id AS ambassador_id, coalesce(i.invited, 0) AS invited,
  coalesce(e.registered, 0) AS registered, coalesce(e.came, 0) AS came,
  coalesce(e.came_again, 0) AS came_again, coalesce(e.linked, 0) AS linked,
  coalesce(e.due, 0) AS due, coalesce(e.known, 0) AS known,
  coalesce(e.active, 0) AS active
FROM her h LEFT JOIN ends e ON e.ambassador_id = h.id
LEFT JOIN invited i ON i.ambassador_id = h.id
"""  # noqa: S608 - nothing but our own text and numbers


async def counts(
    ambassador_ids: Sequence[UUID], now: datetime, credit: Credit = Credit.LAST
) -> dict[UUID, Counts]:
    """The funnel of each of these ambassadors, in one statement."""
    wanted = _COUNTS.replace("@first", "true" if credit is Credit.FIRST else "false")
    rows = await sql(wanted, list(ambassador_ids), now, into=Counts)
    return {row.ambassador_id: row for row in rows}


class Ranked(NamedTuple):
    """One place of a ranking that the workspace chose to have."""

    mandate: Mandate
    counts: Counts


async def ranking(today: date, now: datetime, *, most: int = 50) -> list[Ranked]:
    """Ambassadors in term by whom they brought back, then by whom they brought."""
    running = [
        one_
        for stage in (Stage.ACTIVE, Stage.RESTING)
        for one_ in await mandates(today, stage=stage, limit=500)
    ]
    by_id = await counts([one_.id for one_ in running], now)
    ranked = [Ranked(one_, by_id[one_.id]) for one_ in running]
    ranked.sort(key=lambda one_: (-one_.counts.came_again, -one_.counts.came))
    return ranked[:most]
