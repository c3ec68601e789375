"""Costs: what one who came, one who is new and one who is active afterwards cost.

Each is a whole cost divided by people who were counted (descriptive: it does not say that
the meetup made them active). Where the cost or the count is missing there is no number.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from events.engagement import effects, followed, metrics, reports
from events.engagement.lift import Audience
from events.engagement.metrics import Figure, State, Unit
from events.planning.budgets import Totals
from events.planning.meetups import Meetup
from server.database import sql
from server.errors import NotFound

# What is divided by whom.
SHARES = {
    "cost_per_attendance": "attended",
    "cost_per_newcomer": "newcomers",
    "cost_per_active": "active_after",
}


class Share(msgspec.Struct, frozen=True):
    """A cost for one person in cents, of `n` people; None says why."""

    key: str
    cents: int | None
    n: int | None
    why: str = ""
    on: date | None = None


# Rules


def per_person(cost: Totals, people: Mapping[str, Figure]) -> list[Share]:
    """The cost for each kind of person, halves of a cent rounded up."""
    return [_share(key, cost, people[name]) for key, name in SHARES.items()]


def _share(key: str, cost: Totals, people: Figure) -> Share:
    if cost.cost is None:
        return Share(key, None, None, why=cost.why)
    if people.value is None:
        return Share(key, None, None, why=people.why, on=people.on)
    n = int(people.value)
    if not n:
        return Share(key, None, 0, why="nobody")
    return Share(key, (2 * cost.cost + n) // (2 * n), n)


# Queries


async def people_of_meetup(meetup: Meetup, now: datetime) -> dict[str, Figure]:
    """The three counts of one meetup."""
    counts = await metrics.counts(meetup.id)
    if counts is None:
        raise NotFound
    held = await followed.held(meetup.id)
    people = await followed.people([one_.id for one_ in held])
    after = Figure("active_after", None, State.MISSING, Unit.PEOPLE, why="cancelled")
    for one_ in held:
        lift = effects.effect_of(one_, people, audience=Audience.ORGANISER, now=now)
        after = reports.active_after(one_.on, lift, people)
    figures = metrics.meetup_figures(
        counts,
        has_begun=now >= meetup.starts_at,
        is_closed=meetup.closed_at is not None,
        after=after,
    )
    return {figure.key: figure for figure in figures if figure.key in SHARES.values()}


async def people_of_series(series_id: UUID, now: datetime) -> dict[str, Figure]:
    """The same of a whole series: attendances, and people counted once."""
    attended = sum(one_.attended for one_ in await metrics.attendances(series_id, now))
    rows = await sql(_NEWCOMERS, series_id)
    known, newcomers = rows[0]["known"], rows[0]["newcomers"]
    held = await followed.held_in(series_id)
    people = await followed.people([one_.id for one_ in held])
    settled = {
        one_.id
        for one_ in held
        if not effects.unready(
            one_, [person for person in people if person.meetup_id == one_.id], now
        )
    }
    return {
        "attended": _counted("attended", attended, "" if attended else "no_checkin"),
        "newcomers": _counted("newcomers", newcomers, "" if known else "no_joining_dates"),
        "active_after": _active(people, settled),
    }


def _counted(key: str, people: int, why: str) -> Figure:
    if why:
        return Figure(key, None, State.MISSING, Unit.PEOPLE, why=why)
    return Figure(key, people, State.MEASURED, Unit.PEOPLE)


def _active(people: Sequence[followed.Person], settled: set[UUID]) -> Figure:
    came = [
        person
        for person in people
        if person.came and not person.reason and person.meetup_id in settled
    ]
    why = "" if came else "nobody_linked" if settled else "not_settled"
    active = {person.member_id for person in came if person.days[1] > 0}
    return _counted("active_after", len(active), why)


_NEWCOMERS = """
SELECT count(DISTINCT p.id) FILTER (WHERE p.joined_on IS NOT NULL) AS known,
  count(DISTINCT p.id) FILTER (WHERE p.joined_on
    > (m.starts_at AT TIME ZONE m.time_zone)::date - 29) AS newcomers
FROM meetup m
JOIN registration r ON r.workspace_id = m.workspace_id AND r.meetup_id = m.id
JOIN member p ON p.workspace_id = r.workspace_id AND p.id = r.member_id
WHERE m.workspace_id = ANY (apero_scope()) AND m.series_id = $1
  AND m.cancelled_at IS NULL AND r.status = 'confirmed' AND r.attended_at IS NOT NULL
"""
