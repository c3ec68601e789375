"""Rearrangements: this date and the following ones, or all to come, at another rhythm.

What has begun stays as it was: the rule that named it ends the day before, and a new rule
goes on. The editions that were prepared follow: each keeps its date when the new rule names
it too, otherwise its rank when the rhythm is alike (the second Thursday becomes the second
Tuesday). One that finds no date leaves the rule: a draft is called off, a public one stands
by itself. Nobody is told here; whoever composes this tells them.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import takewhile
from uuid import UUID

import msgspec

from events.planning import recurrences, rules, series
from events.planning.recurrences import Held, Recurrence, Rhythm
from events.planning.rules import Rule
from server import audit
from server.audit import Actor
from server.database import atomic, many, sql
from server.errors import Conflict, Invalid
from server.i18n import lazy, short_date

LAST_DAY = recurrences.EVER[1]


class Move(msgspec.Struct, frozen=True):
    """A meetup that the new rhythm puts at another moment."""

    meetup_id: UUID
    starts_at: datetime
    ends_at: datetime
    time_zone: str


class Altered(msgspec.Struct, frozen=True):
    """What became of the editions that were prepared."""

    recurrence_id: UUID
    moves: list[Move]
    apart: int
    left: int


class NothingToCome(Conflict):
    message = lazy("No date of this series is still to come.")


# Rules


def successors(
    old: Sequence[date], wanted: Iterable[date], rule: Rule, *, starts_on: date, alike: bool
) -> dict[date, date]:
    """Which new date each of these old ones becomes; `old` holds every date in order."""
    needed = set(wanted)
    same = {day for day in needed if rules.is_day(rule, starts_on, day)}
    if not alike or same == needed:
        return {day: day for day in same}
    fresh = rules.dates(rule, starts_on, LAST_DAY)
    return {
        before: after for before, after in zip(old, fresh, strict=False) if before in needed
    }


def are_alike(one: Rule, other: Rule) -> bool:
    """Do two rules come back as often, so that ranks mean the same?"""
    return (one.freq, one.interval, _times(one)) == (
        other.freq,
        other.interval,
        _times(other),
    )


def _times(rule: Rule) -> int:
    """How many days a period has, as far as the rule says."""
    named = len(rule.positions) or len(rule.weekdays) or len(rule.month_days) or 1
    return named * (len(rule.months) or 1)


# Commands


@atomic()
async def alter(
    series_id: UUID,
    since: date | None,
    wanted: Rhythm,
    *,
    include_apart: bool = False,
    by: Actor,
    now: datetime,
) -> Altered:
    """Give this date and the following ones, or all to come, another rhythm."""
    rule = recurrences.checked(wanted)
    await series.hold(series_id, by=by)
    known = await recurrences.rules_of(series_id)
    current, since = _from_when(known, since, now)
    later = [one for one in known if one.starts_on > current.starts_on]
    _check_after(current, since, wanted.starts_on)
    held, skipped = await _following([current, *later], since)
    old = _days([current, *later], since, [*(one.occurs_on for one in held), *skipped])
    becomes = successors(
        old,
        {*(one.occurs_on for one in held), *skipped},
        rule,
        starts_on=wanted.starts_on,
        alike=are_alike(rules.parse(current.rule), rule),
    )
    fresh = {becomes[day] for day in skipped if day in becomes}
    target = await _place(current, since, rule, wanted, fresh, by=by, now=now)
    staying = [one for one in held if one.occurs_on in becomes]
    leaving = [one for one in held if one.occurs_on not in becomes]
    await recurrences.leave(leaving, by=by, now=now)
    await _follow(staying, becomes, target.id, by=by)
    await _drop(later, by=by)
    await audit.note(by, "changed_dates", target, at=now)
    return Altered(
        target.id,
        _moves(staying, becomes, wanted, include_apart=include_apart, now=now),
        sum(one.is_apart for one in staying),
        len(leaving),
    )


def _from_when(
    known: Sequence[Recurrence], since: date | None, now: datetime
) -> tuple[Recurrence, date]:
    """The rule that names this date (or the first to come), and the date."""
    for recurrence, day in recurrences.coming(known, now):
        if since is None or day == since:
            return recurrence, day
        if day > since:
            break
    if since is None:
        raise NothingToCome
    raise Invalid(since=lazy("Choose a date of this series that is still to come."))


def _check_after(current: Recurrence, since: date, starts_on: date) -> None:
    """The new dates come after the last one that stays as it was."""
    kept = [day for day in recurrences.days_of(current, starts_on) if day < since]
    if kept and starts_on <= kept[-1]:
        message = lazy("The new dates begin after %(day)s, which stays as it was.")
        raise Invalid(starts_on=message % {"day": short_date(kept[-1])})


async def _following(
    known: Sequence[Recurrence], since: date
) -> tuple[list[Held], set[date]]:
    """The meetups of these rules from this date on, and the dates taken out."""
    held = await recurrences.held_of([one.id for one in known], since, LAST_DAY)
    skipped = {day for one in known for day in one.skipped if day >= since}
    return held, skipped


def _days(known: Sequence[Recurrence], since: date, needed: Iterable[date]) -> list[date]:
    """Every date of these rules, those taken out too, as far as one is needed."""
    last = max(needed, default=since)
    found = [
        day
        for one in known
        for day in rules.dates(rules.parse(one.rule), one.starts_on, last)
        if day >= since
    ]
    return sorted(set(found))


async def _place(
    current: Recurrence,
    since: date,
    rule: Rule,
    wanted: Rhythm,
    skipped: set[date],
    *,
    by: Actor,
    now: datetime,
) -> Recurrence:
    """The row of the new rule: the old one where nothing of it stays, or one more."""
    if current.starts_on < since:
        await _end(current, since, by=by, now=now)
        return await recurrences.add(
            current.series_id, rule, wanted, skipped=skipped, by=by, now=now
        )
    await _rewrite(current, rule, wanted, skipped, by=by, now=now)
    return current


async def _rewrite(
    current: Recurrence,
    rule: Rule,
    wanted: Rhythm,
    skipped: set[date],
    *,
    by: Actor,
    now: datetime,
) -> None:
    await sql(
        "UPDATE recurrence SET rule = $3, starts_on = $4, starts_time = $5, minutes = $6,"
        " time_zone = $7, skipped = $8, sequence = sequence + 1, updated_at = $9"
        " WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        current.id,
        str(rule),
        wanted.starts_on,
        wanted.starts_time,
        wanted.minutes,
        wanted.time_zone,
        sorted(skipped),
        now,
    )


async def _end(current: Recurrence, since: date, *, by: Actor, now: datetime) -> None:
    """Let a rule end with its last date before this one."""
    rule = rules.parse(current.rule)
    kept = list(
        takewhile(lambda day: day < since, rules.dates(rule, current.starts_on, since))
    )
    await sql(
        "UPDATE recurrence SET rule = $3, skipped = $4, sequence = sequence + 1,"
        " updated_at = $5 WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        current.id,
        str(rules.ended(rule, kept[-1])),
        [day for day in current.skipped if day < since],
        now,
    )


async def _follow(
    staying: Sequence[Held],
    becomes: dict[date, date],
    recurrence_id: UUID,
    *,
    by: Actor,
) -> None:
    """Tie these meetups to the new rule; first untie all, for dates may change hands."""
    await sql(
        "UPDATE meetup SET recurrence_id = NULL, occurs_on = NULL"
        " WHERE workspace_id = $1 AND id = ANY ($2)",
        by.workspace_id,
        [one.id for one in staying],
    )
    await many(
        "UPDATE meetup SET recurrence_id = $3, occurs_on = $4"
        " WHERE workspace_id = $1 AND id = $2",
        [
            (by.workspace_id, one.id, recurrence_id, becomes[one.occurs_on])
            for one in staying
        ],
    )


async def _drop(later: Sequence[Recurrence], *, by: Actor) -> None:
    """Take away the rules that the new one replaces; nothing hangs on them any more."""
    await sql(
        "DELETE FROM recurrence WHERE workspace_id = $1 AND id = ANY ($2)",
        by.workspace_id,
        [one.id for one in later],
    )


def _moves(
    staying: Sequence[Held],
    becomes: dict[date, date],
    wanted: Rhythm,
    *,
    include_apart: bool,
    now: datetime,
) -> list[Move]:
    """Who is to be moved; what is over, called off or was changed by itself stays."""
    found = []
    for one in staying:
        starts, ends = recurrences.span_of(wanted, becomes[one.occurs_on])
        is_settled = one.cancelled_at or one.closed_at or one.starts_at <= now
        if is_settled or (one.is_apart and not include_apart):
            continue
        if (one.starts_at, one.ends_at) != (starts, ends) or one.is_apart:
            found.append(Move(one.id, starts, ends, wanted.time_zone))
    return found


@atomic()
async def stop(series_id: UUID, *, by: Actor, now: datetime) -> int:
    """End a series: no date to come any more. Returns how many public ones still stand."""
    await series.hold(series_id, by=by)
    known = await recurrences.rules_of(series_id)
    following = next(recurrences.coming(known, now), None)
    standing = 0
    if following is not None:
        current, since = following
        later = [one for one in known if one.starts_on > current.starts_on]
        if current.starts_on < since:
            await _end(current, since, by=by, now=now)
        else:
            later.append(current)
        held, _skipped = await _following([current, *later], since)
        await recurrences.leave(held, by=by, now=now)
        await _drop(later, by=by)
        standing = sum(bool(one.published_at and not one.cancelled_at) for one in held)
    await series.close(series_id, by=by, now=now)
    await audit.note(by, "ended_series", await series.whole(series_id), at=now)
    return standing
