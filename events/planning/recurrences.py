"""Recurrences: the dates of a series, and the edition of each date.

A series keeps its rules one after another. Hours are those on the wall of the rule's zone,
so that an evening stays at seven when the clocks change; an hour that they skip comes as
long after (RFC 5545, section 3.3.5). An edition is known by its rule and by the day it was
first meant for, wherever it is moved. Editions are prepared as drafts; nobody but the team
sees them before they are published.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Array, Date, Integer, Text, Time, Timestamptz

from events.planning import meetups, rules, series
from events.planning.facts import FIRST_YEAR, LAST_YEAR, WRONG_YEAR
from events.planning.meetups import Meetup
from events.planning.rules import Rule
from server import audit
from server.audit import Actor
from server.database import Record, atomic, find, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import Lazy, lazy, zone

LONGEST = 7 * 24 * 60
EVER = (date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31))
FORESIGHT = timedelta(days=5 * 366)  # far enough for every fourth 29 February


class Recurrence(Record):
    """One rule of a series, from its first day on."""

    series_id = UuidColumn()
    rule = Text()
    starts_on = Date()
    starts_time = Time()
    minutes = Integer()
    time_zone = Text()
    skipped: Array = Array(base_column=Date())
    sequence = Integer()
    created_at = Timestamptz()
    updated_at = Timestamptz()


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """When the editions of a series take place, as somebody asks for it."""

    rule: str
    starts_on: date
    starts_time: time
    minutes: int
    time_zone: str


class Edition(msgspec.Struct, frozen=True):
    """One date of a series, with its meetup when there is one."""

    occurs_on: date
    starts_at: datetime
    ends_at: datetime
    meetup_id: UUID | None
    slug: str
    title: str
    is_moved: bool
    cancelled_at: datetime | None
    published_at: datetime | None
    recurrence_id: UUID
    time_zone: str
    is_apart: bool = False
    closed_at: datetime | None = None
    postponed_at: datetime | None = None


class Held(msgspec.Struct, frozen=True):
    """A meetup of a rule."""

    id: UUID
    recurrence_id: UUID
    occurs_on: date
    slug: str
    title: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    is_apart: bool
    published_at: datetime | None
    cancelled_at: datetime | None
    closed_at: datetime | None
    postponed_at: datetime | None


class HasItsDates(Conflict):
    message = lazy("This series has its dates already: change them from a date on.")


class EditionPublished(Conflict):
    message = lazy("This edition is public: cancel it, so that everybody is told.")


# Rules


def checked(wanted: Rhythm) -> Rule:
    """The rule of what was asked, or Invalid with a sentence for each wrong answer."""
    wrong: dict[str, str | Lazy] = {}
    if not 1 <= wanted.minutes <= LONGEST:
        wrong["minutes"] = lazy("An edition lasts between a minute and seven days.")
    if not FIRST_YEAR <= wanted.starts_on.year <= LAST_YEAR:
        wrong["starts_on"] = WRONG_YEAR
    try:
        zone(wanted.time_zone)
    except (KeyError, ValueError, OSError):
        wrong["time_zone"] = lazy("Choose one of the answers offered.")
    rule = None
    try:
        rule = rules.spelled(rules.parse(wanted.rule), wanted.starts_on)
    except Invalid as no:
        wrong |= no.fields
    if wrong or rule is None:
        raise Invalid(**wrong)
    rules.check_start(rule, wanted.starts_on)
    return rule


def span_of(recurrence: Recurrence | Rhythm, day: date) -> tuple[datetime, datetime]:
    """From when to when the edition of this day takes place."""
    there = zone(recurrence.time_zone)
    starts = datetime.combine(day, recurrence.starts_time, there).astimezone(UTC)
    return starts, starts + timedelta(minutes=recurrence.minutes)


def days_of(recurrence: Recurrence, until: date) -> Iterator[date]:
    """The days of a rule up to this one, without those that were taken out."""
    rule = rules.parse(recurrence.rule)
    gone = set(recurrence.skipped)
    found = rules.dates(rule, recurrence.starts_on, until)
    return (day for day in found if day not in gone)


def goes_beyond(recurrence: Recurrence, day: date) -> bool:
    """Does this rule still have a day from this one on?"""
    found = rules.dates(rules.parse(recurrence.rule), recurrence.starts_on, EVER[1])
    return any(one >= day for one in found)


def coming(known: Sequence[Recurrence], now: datetime) -> Iterator[tuple[Recurrence, date]]:
    """The dates that have not begun, soonest first, as far as anybody plans."""
    for recurrence in known:
        until = now.date() + FORESIGHT
        for day in days_of(recurrence, until):
            if span_of(recurrence, day)[0] > now:
                yield recurrence, day


def editions_of(
    known: Sequence[Recurrence], held: Iterable[Held], *, since: date, until: date
) -> list[Edition]:
    """Each date between these two with its meetup, in order of time."""
    meetups_ = {(one.recurrence_id, one.occurs_on): one for one in held}
    found = [
        _edition(recurrence, day, meetups_.get((recurrence.id, day)))
        for recurrence in known
        for day in days_of(recurrence, until)
        if day >= since
    ]
    return sorted(found, key=lambda one: (one.starts_at, one.occurs_on))


def _edition(recurrence: Recurrence, day: date, held: Held | None) -> Edition:
    starts, ends = span_of(recurrence, day)
    if held is None:
        nothing = (None, "", "", False, None, None)
        return Edition(day, starts, ends, *nothing, recurrence.id, recurrence.time_zone)
    return Edition(
        occurs_on=day,
        starts_at=held.starts_at,
        ends_at=held.ends_at,
        meetup_id=held.id,
        slug=held.slug,
        title=held.title,
        is_moved=(held.starts_at, held.ends_at) != (starts, ends),
        cancelled_at=held.cancelled_at,
        published_at=held.published_at,
        recurrence_id=recurrence.id,
        time_zone=held.time_zone,
        is_apart=held.is_apart,
        closed_at=held.closed_at,
        postponed_at=held.postponed_at,
    )


# Commands


@atomic()
async def begin(series_id: UUID, wanted: Rhythm, *, by: Actor, now: datetime) -> Recurrence:
    """Give a series its dates; a series that had ended goes on."""
    rule = checked(wanted)
    await series.hold(series_id, by=by)
    for known in await rules_of(series_id):
        if goes_beyond(known, wanted.starts_on):
            raise HasItsDates
    made = await add(series_id, rule, wanted, by=by, now=now)
    await series.resume(series_id, by=by)
    await audit.note(by, "gave_dates", made, at=now)
    return made


async def add(
    series_id: UUID,
    rule: Rule,
    wanted: Rhythm,
    *,
    skipped: Iterable[date] = (),
    by: Actor,
    now: datetime,
) -> Recurrence:
    """Write one more rule of a series down, in the current transaction."""
    made = Recurrence(
        id=uuid7(),
        workspace_id=by.workspace_id,
        series_id=series_id,
        rule=str(rule),
        starts_on=wanted.starts_on,
        starts_time=wanted.starts_time,
        minutes=wanted.minutes,
        time_zone=wanted.time_zone,
        skipped=sorted(skipped),
        sequence=0,
        created_at=now,
        updated_at=now,
    )
    await made.save()
    return made


@atomic()
async def skip(series_id: UUID, day: date, *, by: Actor, now: datetime) -> None:
    """Take one date out of a series; a draft that was prepared for it goes too."""
    await series.hold(series_id, by=by)
    recurrence = await rule_of(series_id, day)
    held = next((one for one in await held_of([recurrence.id], day, day)), None)
    if held is not None and held.published_at is not None:
        raise EditionPublished
    if held is not None:
        await leave([msgspec.structs.replace(held, is_apart=False)], by=by, now=now)
    await _rewrite_skipped(recurrence, {*recurrence.skipped, day}, by=by, now=now)
    await audit.note(by, "took_date_out", recurrence, at=now)


@atomic()
async def restore(series_id: UUID, day: date, *, by: Actor, now: datetime) -> None:
    """Put a date back that was taken out."""
    await series.hold(series_id, by=by)
    found = [one for one in await rules_of(series_id) if day in one.skipped]
    if not found:
        raise NotFound
    await _rewrite_skipped(found[0], {*found[0].skipped} - {day}, by=by, now=now)
    await audit.note(by, "put_date_back", found[0], at=now)


async def _rewrite_skipped(
    recurrence: Recurrence, skipped: set[date], *, by: Actor, now: datetime
) -> None:
    await sql(
        "UPDATE recurrence SET skipped = $3, sequence = sequence + 1, updated_at = $4"
        " WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        recurrence.id,
        sorted(skipped),
        now,
    )


async def leave(held: Sequence[Held], *, by: Actor, now: datetime) -> None:
    """Take these meetups off their rule; a draft nobody was told of is called off."""
    await sql(
        "UPDATE meetup SET recurrence_id = NULL, occurs_on = NULL"
        " WHERE workspace_id = $1 AND id = ANY ($2)",
        by.workspace_id,
        [one.id for one in held],
    )
    for one_ in held:
        if one_.published_at is None and one_.cancelled_at is None and not one_.is_apart:
            await meetups.cancel(await find(Meetup, one_.id), "", by=by, now=now)


# Queries


async def rules_of(series_id: UUID) -> list[Recurrence]:
    """The rules of a series in view, one after another."""
    return await (
        Recurrence.objects()
        .where(Recurrence.series_id == series_id)
        .order_by(Recurrence.starts_on)
        .order_by(Recurrence.id)
    )


async def rule_of(series_id: UUID, day: date) -> Recurrence:
    """The rule that names this day, or NotFound."""
    for recurrence in await rules_of(series_id):
        if day in days_of(recurrence, day):
            return recurrence
    raise NotFound


async def held_of(recurrence_ids: list[UUID], since: date, until: date) -> list[Held]:
    """The meetups of these rules whose first day lies between these two."""
    return await sql(
        "SELECT id, recurrence_id, occurs_on, slug, title, starts_at, ends_at, time_zone,"
        " is_apart, published_at, cancelled_at, closed_at, postponed_at FROM meetup"
        " WHERE workspace_id = ANY (apero_scope()) AND recurrence_id = ANY ($1)"
        " AND occurs_on BETWEEN $2 AND $3 ORDER BY occurs_on, id",
        recurrence_ids,
        since,
        until,
        into=Held,
    )


async def editions(series_id: UUID, *, since: date, until: date) -> list[Edition]:
    """The dates of a series between these two, each with its meetup."""
    known = await rules_of(series_id)
    held = await held_of([one.id for one in known], since, until)
    return editions_of(known, held, since=since, until=until)
