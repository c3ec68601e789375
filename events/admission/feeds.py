"""Feeds: what a calendar that follows us is told, and when it need not be told again.

A meetup that was announced and does not take place stays in its feed, marked as called off,
because a program that no longer finds an entry may say nothing of it to anybody. What a
feed says is known by a mark: who brings the same mark back receives nothing, and a feed is
written once for everybody who asks.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from events.admission import calendars
from events.admission.calendars import Change, Entry, RuleEntry, State
from events.people import communities
from events.planning import recurrences, rules
from events.planning.meetups import Meetup
from events.planning.recurrences import Recurrence
from events.planning.venues import Place
from server.database import one, sql
from server.errors import NotFound

FORM = 1  # raised when the same facts are written differently
KEPT_FOR = timedelta(days=90)  # after its evening, a meetup stays in the feeds that long
MOST = 300
MOST_OF_SERIES = 1000
YEARS_AHEAD = 5


class Told(msgspec.Struct, frozen=True):
    """A meetup, as much of it as a calendar says."""

    id: UUID
    slug: str
    title: str
    description: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    sequence: int
    updated_at: datetime
    published_at: datetime | None
    cancelled_at: datetime | None
    postponed_at: datetime | None
    recurrence_id: UUID | None
    occurs_on: date | None
    venue: str
    address: str

    @property
    def place(self) -> str:
        return ", ".join(part for part in (self.venue, self.address) if part)

    @property
    def is_off(self) -> bool:
        """Does it not take place on this date: called off, or put off to one unknown?"""
        return self.cancelled_at is not None or self.postponed_at is not None


class Recurring(msgspec.Struct, frozen=True):
    """A series, as much of it as a calendar says."""

    id: UUID
    slug: str
    name: str
    description: str
    announced_at: datetime | None
    updated_at: datetime
    venue: str
    address: str

    @property
    def place(self) -> str:
        return ", ".join(part for part in (self.venue, self.address) if part)


@dataclass(frozen=True)
class Voice:
    """In whose name a calendar speaks, and from which address."""

    name: str
    slug: str
    email: str
    origin: str

    def uid(self, row_id: UUID) -> str:
        """The identity of an entry, the same in every feed and letter."""
        return f"{row_id}@{urlsplit(self.origin).hostname or 'apero'}"

    def href(self, path: str) -> str:
        """The public page of this workspace at this path."""
        return f"{self.origin}/m/{self.slug}/{path}"


@dataclass(frozen=True, kw_only=True)
class Feed:
    """A calendar before it is written."""

    name: str
    entries: tuple[Entry, ...] = ()
    rules: tuple[RuleEntry, ...] = ()
    last_year: int = 0

    @property
    def mark(self) -> str:
        """The mark of what this feed says (RFC 9110, 8.8.3): other facts, another mark."""
        said = repr((FORM, self)).encode(errors="surrogatepass")
        return f'"{hashlib.sha256(said).hexdigest()[:32]}"'

    @property
    def updated_at(self) -> datetime | None:
        """When something of it last changed."""
        changes = [one.entry for rule in self.rules for one in rule.changes]
        told = [*self.entries, *(rule.first for rule in self.rules), *changes]
        return max((one.updated_at for one in told), default=None)


# Rules


def told_by(meetup: Meetup, place: Place | None) -> Told:
    """A meetup that was read for its page, as its calendar says it."""
    return Told(
        id=meetup.id,
        slug=meetup.slug,
        title=meetup.title,
        description=meetup.description,
        starts_at=meetup.starts_at,
        ends_at=meetup.ends_at,
        time_zone=meetup.time_zone,
        sequence=meetup.sequence,
        updated_at=meetup.updated_at,
        published_at=meetup.published_at,
        cancelled_at=meetup.cancelled_at,
        postponed_at=meetup.postponed_at,
        recurrence_id=meetup.recurrence_id,
        occurs_on=meetup.occurs_on,
        venue=place.name if place else "",
        address=place.address if place else "",
    )


def entry_of(told: Told, voice: Voice) -> Entry:
    """A meetup in a calendar: who comes is never in it."""
    return Entry(
        uid=voice.uid(told.id),
        sequence=told.sequence,
        starts_at=told.starts_at,
        ends_at=told.ends_at,
        time_zone=told.time_zone,
        title=told.title,
        updated_at=told.updated_at,
        description=told.description,
        place=told.place,
        url=voice.href(told.slug),
        organizer_name=voice.name,
        organizer_email=voice.email,
        status=State.CANCELLED if told.is_off else State.CONFIRMED,
    )


def date_of(series: Recurring, recurrence: Recurrence, on: date, voice: Voice) -> Entry:
    """A date of a rule in the words of the series."""
    starts_at, ends_at = recurrences.span_of(recurrence, on)
    return Entry(
        uid=voice.uid(recurrence.id),
        sequence=recurrence.sequence,
        starts_at=starts_at,
        ends_at=ends_at,
        time_zone=recurrence.time_zone,
        title=series.name,
        updated_at=max(recurrence.updated_at, series.updated_at),
        description=series.description,
        place=series.place,
        url=voice.href(f"s/{series.slug}"),
        organizer_name=voice.name,
        organizer_email=voice.email,
    )


def series_feed(
    series: Recurring,
    known: Sequence[Recurrence],
    held: Sequence[Told],
    voice: Voice,
    year: int,
) -> Feed:
    """The calendar of a series, with the dates that are announced and not yet public.

    A public meetup whose date its rule does not name stands by itself.
    """
    recurring: list[RuleEntry] = []
    alone = {told.id: told for told in held if told.published_at}
    for recurrence in known if series.announced_at else ():
        first, ours = _named(recurrence, held)
        if first is None:  # it ended before it began
            continue
        recurring.append(_rule_entry(series, recurrence, first, ours, voice))
        for told in ours.values():
            alone.pop(told.id, None)
    return Feed(
        name=series.name,
        entries=tuple(entry_of(told, voice) for told in alone.values()),
        rules=tuple(recurring),
        last_year=year + YEARS_AHEAD,
    )


def _named(
    recurrence: Recurrence, held: Sequence[Told]
) -> tuple[date | None, dict[date, Told]]:
    """The first day of a rule, and the meetups of the days it names, by day."""
    of_rule = {
        told.occurs_on: told
        for told in held
        if told.recurrence_id == recurrence.id and told.occurs_on
    }
    last = max(of_rule, default=recurrence.starts_on)
    days = rules.dates(rules.parse(recurrence.rule), recurrence.starts_on, last)
    first = next(days, None)
    named = {first, *days} - set(recurrence.skipped)
    return first, {on: told for on, told in sorted(of_rule.items()) if on in named}


def _rule_entry(
    series: Recurring,
    recurrence: Recurrence,
    first: date,
    held: Mapping[date, Told],
    voice: Voice,
) -> RuleEntry:
    changes = (
        _change(told, date_of(series, recurrence, on, voice), on, voice)
        for on, told in held.items()
    )
    return RuleEntry(
        first=date_of(series, recurrence, first, voice),
        rule=recurrence.rule,
        skipped=tuple(sorted(recurrence.skipped)),
        changes=tuple(change for change in changes if change),
    )


def _change(told: Told, plain: Entry, on: date, voice: Voice) -> Change | None:
    """What this date has of its own: all of it once public, before that only when."""
    sequence = max(plain.sequence, told.sequence)
    if told.published_at is not None:
        public = replace(entry_of(told, voice), uid=plain.uid, sequence=sequence)
        return Change(on=on, entry=public)
    draft = replace(
        plain,
        sequence=sequence,
        starts_at=told.starts_at,
        ends_at=told.ends_at,
        time_zone=told.time_zone,
        updated_at=max(plain.updated_at, told.updated_at),
        status=State.CANCELLED if told.is_off else State.CONFIRMED,
    )
    is_as_said = (told.starts_at, told.ends_at) == (plain.starts_at, plain.ends_at)
    return None if is_as_said and not told.is_off else Change(on=on, entry=draft)


async def written(feed: Feed) -> bytes:
    """The calendar as a file; what was written for somebody serves everybody."""
    return await asyncio.to_thread(_written, feed)


@lru_cache(maxsize=64)
def _written(feed: Feed) -> bytes:
    return calendars.series_feed(
        feed.name, feed.rules, feed.entries, last_year=feed.last_year
    )


# Queries

_TOLD = (
    "SELECT m.id, m.slug, m.title, m.description, m.starts_at, m.ends_at, m.time_zone,"
    " m.sequence, m.updated_at, m.published_at, m.cancelled_at, m.postponed_at,"
    " m.recurrence_id, m.occurs_on, coalesce(v.name, '') AS venue,"
    " coalesce(v.address, '') AS address FROM meetup m"
    " LEFT JOIN venue v ON v.workspace_id = m.workspace_id AND v.id = m.venue_id"
    " WHERE m.workspace_id = ANY (apero_scope())"
)
_CURRENT = "(m.ends_at >= $1 OR m.postponed_at IS NOT NULL)"


async def told_of(meetup_ids: list[UUID]) -> list[Told]:
    """These meetups, in order of time."""
    return await sql(
        f"{_TOLD} AND m.id = ANY ($1) ORDER BY m.starts_at, m.id", meetup_ids, into=Told
    )


async def of_meetup(slug: str, voice: Voice) -> Feed:
    """One public meetup, or NotFound."""
    told = await one(
        f"{_TOLD} AND m.slug = $1 AND m.published_at IS NOT NULL", slug, into=Told
    )
    if told is None:
        raise NotFound
    return Feed(name=told.title, entries=(entry_of(told, voice),))


async def of_workspace(voice: Voice, now: datetime) -> Feed:
    """Every public meetup of the workspace in view."""
    found = await sql(
        f"{_TOLD} AND m.published_at IS NOT NULL AND {_CURRENT}"
        " ORDER BY m.starts_at, m.id LIMIT $2",
        now - KEPT_FOR,
        MOST,
        into=Told,
    )
    return _of_meetups(voice.name, found, voice)


async def of_community(slug: str, voice: Voice, now: datetime) -> Feed:
    """Every public meetup of this community, or NotFound."""
    community = await communities.community_by_slug(slug)
    found = await sql(
        f"{_TOLD} AND m.community_id = $3 AND m.published_at IS NOT NULL AND {_CURRENT}"
        " ORDER BY m.starts_at, m.id LIMIT $2",
        now - KEPT_FOR,
        MOST,
        community.id,
        into=Told,
    )
    return _of_meetups(community.name, found, voice)


async def of_series(slug: str, voice: Voice, now: datetime) -> Feed:
    """The series of this address with its dates, or NotFound while it is the team's own."""
    series = await one(
        "SELECT s.id, s.slug, s.name, s.description, s.announced_at, s.updated_at,"
        " coalesce(v.name, '') AS venue, coalesce(v.address, '') AS address FROM series s"
        " LEFT JOIN venue v ON v.workspace_id = s.workspace_id AND v.id = s.venue_id"
        " WHERE s.workspace_id = ANY (apero_scope()) AND s.slug = $1",
        slug,
        into=Recurring,
    )
    if series is None:
        raise NotFound
    known = await recurrences.rules_of(series.id)
    held = await sql(
        f"{_TOLD} AND m.series_id = $1 ORDER BY m.starts_at DESC, m.id LIMIT $2",
        series.id,
        MOST_OF_SERIES,
        into=Told,
    )
    if series.announced_at is None and not any(told.published_at for told in held):
        raise NotFound
    return series_feed(series, known, held, voice, now.year)


def _of_meetups(name: str, found: Sequence[Told], voice: Voice) -> Feed:
    return Feed(name=name, entries=tuple(entry_of(told, voice) for told in found))
