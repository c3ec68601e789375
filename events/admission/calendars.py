"""Calendars: a meetup in the agenda of those who come, and kept true there.

A feed is fetched again and again; an invitation and a cancellation travel by letter
(RFC 5545 and RFC 5546). An entry is a moment and a zone: a wall time the spring change
skips is shown as long after the change as it was meant to be (02:30 becomes 03:30, as in
RFC 5545, 3.3.5), and one the autumn change repeats keeps its moment. A series is told by
its rule, and each of its dates that differs by itself (3.8.4.4). What people wrote is
tidied before it is built, never refused: one strange title must not break a whole feed.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from icalendar import Calendar, Component, Event, Timezone, vCalAddress, vRecur

from events.admission import timezones

PRODUCER = "-//Apero//Apero//EN"
REFRESH = timedelta(hours=4)  # a hint: large calendar services keep their own pace
LONGEST_LINE, LONGEST_TEXT, LONGEST_LINK = 250, 4000, 2000
UID = re.compile(r"[\x21-\x7e]{1,255}")
ADDRESS = re.compile(r"[^\s@<>\"(),:;\\\x00-\x1f\x7f]+@[^\s@<>\"(),:;\\\x00-\x1f\x7f]+")
UTC_NAMES = {"UTC", "Etc/UTC"}


class State(StrEnum):
    """What a calendar should think of an entry."""

    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    TENTATIVE = "tentative"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One meetup as a calendar sees it."""

    uid: str
    sequence: int
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    title: str
    updated_at: datetime
    description: str = ""
    place: str = ""
    url: str = ""
    organizer_name: str = ""
    organizer_email: str = ""
    status: State = State.CONFIRMED
    attendee_email: str | None = None
    attendee_name: str | None = None

    def __post_init__(self) -> None:
        moments = (self.starts_at, self.ends_at, self.updated_at)
        if any(moment.utcoffset() is None for moment in moments):
            raise ValueError("a moment needs its zone")
        if not self.starts_at.astimezone(UTC) < self.ends_at.astimezone(UTC):
            raise ValueError("a meetup ends after it starts")
        years = range(timezones.EARLIEST + 1, timezones.LATEST)
        if self.starts_at.year not in years or self.ends_at.year not in years:
            raise ValueError("no calendar shows these years")
        if self.time_zone not in timezones.known_zones():
            raise ValueError(f"no such time zone: {self.time_zone}")
        if not UID.fullmatch(self.uid) or self.sequence < 0:
            raise ValueError("an identity is short and printable, a sequence counts up")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One date of a rule that is told by itself: moved, renamed, published, called off."""

    on: date
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class RuleEntry:
    """The dates of one rule: each says what the first says, unless a change does not."""

    first: Entry
    rule: str
    skipped: tuple[date, ...] = ()
    changes: tuple[Change, ...] = ()

    def __post_init__(self) -> None:
        if any(change.entry.uid != self.first.uid for change in self.changes):
            raise ValueError("a change carries the identity of its rule")


class Subscription(NamedTuple):
    """The same feed, as each calendar wants to be asked to follow it."""

    href: str
    apple: str
    google: str
    outlook: str


# Rules


def feed(name: str, entries: Sequence[Entry], *, method: str | None = None) -> bytes:
    """The calendar people subscribe to; who comes is never in it."""
    calendar = _named(_calendar(_years(entries), method), name)
    for entry in entries:
        calendar.add_component(_component(entry))
    return bytes(calendar.to_ical())


def series_feed(
    name: str,
    rules: Sequence[RuleEntry],
    entries: Sequence[Entry] = (),
    *,
    last_year: int,
) -> bytes:
    """The calendar of a series: its rules, their changes, and what follows no rule.

    A rule without an end is true for as long as its zone is known, so the clocks are told
    to the end of `last_year`.
    """
    firsts = [rule.first for rule in rules]
    told = [*firsts, *(one.entry for rule in rules for one in rule.changes), *entries]
    years = _years(told)
    for first in firsts:
        years.get(first.time_zone, set()).add(last_year)
    calendar = _named(_calendar(years, None), name)
    for rule in rules:
        calendar.add_component(_master(rule))
        for change in rule.changes:
            vevent = _component(change.entry)
            _add_date(vevent, "RECURRENCE-ID", change.on, rule.first)
            calendar.add_component(vevent)
    for entry in entries:
        calendar.add_component(_component(entry))
    return bytes(calendar.to_ical())


def invitation(entry: Entry) -> bytes:
    """What the letter of confirmation carries, already accepted: she has registered."""
    calendar = _calendar(_years([entry]), "REQUEST")
    vevent = _component(entry)
    accepted = {"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED", "RSVP": "FALSE"}
    _address_both(vevent, entry, accepted)
    calendar.add_component(vevent)
    return bytes(calendar.to_ical())


def cancellation(entry: Entry) -> bytes:
    """What takes the entry, as it was last sent, out of the agenda again."""
    gone = replace(entry, status=State.CANCELLED, sequence=entry.sequence + 1)
    calendar = _calendar(_years([gone]), "CANCEL")
    vevent = _component(gone)
    _address_both(vevent, gone, {"ROLE": "REQ-PARTICIPANT"})
    calendar.add_component(vevent)
    return bytes(calendar.to_ical())


def etag(calendar: bytes) -> str:
    """The mark by which a reader learns that nothing changed (RFC 9110, 8.8.3)."""
    return f'"{hashlib.sha256(calendar).hexdigest()[:32]}"'


def google_link(entry: Entry) -> str:
    """The page of Google Calendar that offers to add this entry."""
    starts, ends = (_compact(at) for at in (entry.starts_at, entry.ends_at))
    asked = {
        "action": "TEMPLATE",
        "text": one_line(entry.title),
        "dates": f"{starts}/{ends}",
        "ctz": entry.time_zone,
        "location": one_line(entry.place),
        "details": _details(entry),
    }
    return f"https://calendar.google.com/calendar/render?{_query(asked)}"


def outlook_link(entry: Entry) -> str:
    """The page of Outlook on the web that offers to add this entry."""
    asked = {
        "path": "/calendar/action/compose",
        "rru": "addevent",
        "subject": one_line(entry.title),
        "startdt": _extended(entry.starts_at),
        "enddt": _extended(entry.ends_at),
        "location": one_line(entry.place),
        "body": _details(entry),
    }
    return f"https://outlook.live.com/calendar/0/deeplink/compose?{_query(asked)}"


def subscription(href: str, name: str) -> Subscription:
    """The addresses that make a calendar follow this feed, and keep it true."""
    webcal = f"webcal:{href.partition(':')[2]}"
    google = _query({"cid": webcal})
    outlook = _query({"url": href, "name": one_line(name)})
    return Subscription(
        href,
        webcal,
        f"https://calendar.google.com/calendar/render?{google}",
        f"https://outlook.live.com/calendar/0/addfromweb?{outlook}",
    )


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """The text on one line, without characters that a calendar may not carry."""
    return _short(" ".join(_printable(text).split()), longest)


def paragraphs(text: str, longest: int = LONGEST_TEXT) -> str:
    """The text with its lines kept, without characters that a calendar may not carry."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _short("\n".join(_printable(line) for line in lines).strip(), longest)


def parameter(text: str) -> str:
    """A name as it may stand before an address: a backslash is an escape to some."""
    return one_line(text).replace('"', "'").replace("\\", "/")


def _printable(text: str) -> str:
    """Spaces for separators of any kind; nothing for controls and lone surrogates."""
    spaced = re.sub(r"[\t\n\v\f\r\x85\u2028\u2029]", " ", text)
    return "".join(c for c in spaced if unicodedata.category(c) not in {"Cc", "Cs"})


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _link(url: str) -> str | None:
    """The address of a page, or nothing if a calendar could not carry it safely."""
    if len(url) > LONGEST_LINK or re.search(r"[^\x21-\x7e]", url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None


def _years(entries: Iterable[Entry]) -> dict[str, set[int]]:
    """The zones these entries are in, and the years in which."""
    years: dict[str, set[int]] = {}
    for entry in entries:
        if entry.time_zone not in UTC_NAMES:
            spoken = {entry.starts_at.year, entry.ends_at.year}
            years.setdefault(entry.time_zone, set()).update(spoken)
    return years


def _calendar(years: dict[str, set[int]], method: str | None) -> Calendar:
    calendar = Calendar()
    calendar.add("PRODID", PRODUCER)
    calendar.add("VERSION", "2.0")
    calendar.add("CALSCALE", "GREGORIAN")
    if method:
        calendar.add("METHOD", method)
    for key, seen in sorted(years.items()):
        text = timezones.vtimezone(key, min(seen), max(seen))
        calendar.add_component(Timezone.from_ical(text))
    return calendar


def _named(calendar: Calendar, name: str) -> Calendar:
    title = one_line(name)
    calendar.add("NAME", title)
    calendar.add("X-WR-CALNAME", title)
    calendar.add("REFRESH-INTERVAL", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("X-PUBLISHED-TTL", f"PT{REFRESH // timedelta(hours=1)}H")
    return calendar


def _master(rule: RuleEntry) -> Event:
    """The entry that carries the rule; a date taken out has a line of its own.

    Some programs read no more than the first date of a list.
    """
    vevent = _component(rule.first)
    vevent.add("RRULE", vRecur.from_ical(_ended(rule.rule, rule.first.time_zone)))
    for on in sorted(rule.skipped):
        _add_date(vevent, "EXDATE", on, rule.first)
    return vevent


def _ended(rule: str, key: str) -> str:
    """The rule with its last day as a moment: RFC 5545, 3.3.10, wants UTC there."""
    head, is_ended, tail = rule.partition("UNTIL=")
    if not is_ended:
        return rule
    day, rest = date.fromisoformat(tail[:8]), tail[8:]
    last = datetime.combine(day, time(23, 59, 59), timezones.zone(key))
    return f"{head}UNTIL={_compact(last)}{rest}"


def _add_date(vevent: Component, name: str, on: date, first: Entry) -> None:
    """Name a date of a rule, as the rule itself would write it."""
    at = first.starts_at.astimezone(timezones.zone(first.time_zone)).time()
    wall = datetime.combine(on, at.replace(fold=0))
    if first.time_zone in UTC_NAMES:
        vevent.add(name, wall.replace(tzinfo=UTC))
    else:
        vevent.add(name, wall, parameters={"TZID": first.time_zone})


def _component(entry: Entry) -> Event:
    vevent = Event()
    vevent.add("UID", entry.uid)
    vevent.add("SEQUENCE", entry.sequence)
    vevent.add("DTSTAMP", entry.updated_at.astimezone(UTC))
    vevent.add("LAST-MODIFIED", entry.updated_at.astimezone(UTC))
    _add_moment(vevent, "DTSTART", entry.starts_at, entry.time_zone)
    _add_moment(vevent, "DTEND", entry.ends_at, entry.time_zone)
    vevent.add("SUMMARY", one_line(entry.title))
    vevent.add("STATUS", entry.status.upper())
    is_off = entry.status is State.CANCELLED
    vevent.add("TRANSP", "TRANSPARENT" if is_off else "OPAQUE")
    texts = {
        "DESCRIPTION": paragraphs(entry.description),
        "LOCATION": one_line(entry.place),
    }
    for name, text in texts.items():
        if text:
            vevent.add(name, text)
    if link := _link(entry.url):
        vevent.add("URL", link)
    if organizer := _address(entry.organizer_email, entry.organizer_name):
        vevent.add("ORGANIZER", organizer, encode=False)
    return vevent


def _add_moment(vevent: Component, name: str, at: datetime, key: str) -> None:
    """Write a moment as the clocks on the spot show it, unless they show it twice."""
    utc = at.astimezone(UTC)
    wall = utc.astimezone(timezones.zone(key))
    if key in UTC_NAMES or wall.fold:  # a repeated wall time means its first passage
        vevent.add(name, utc)
    else:
        vevent.add(name, wall.replace(tzinfo=None), parameters={"TZID": key})


def _address_both(vevent: Event, entry: Entry, manner: dict[str, str]) -> None:
    attendee = _address(entry.attendee_email or "", entry.attendee_name or "")
    if attendee is None or "ORGANIZER" not in vevent:
        raise ValueError("a calendar letter goes from one address to another")
    attendee.params.update(manner)
    vevent.add("ATTENDEE", attendee, encode=False)


def _address(email: str, name: str) -> vCalAddress | None:
    if len(email) > LONGEST_LINE or not ADDRESS.fullmatch(email):
        return None
    address = vCalAddress(f"mailto:{email}")
    if shown := parameter(name):
        address.params["CN"] = shown
    return address


def _compact(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _extended(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _details(entry: Entry) -> str:
    link = _link(entry.url)
    told = paragraphs(entry.description, 800)  # an address must stay an address
    return "\n\n".join(part for part in (told, link) if part)


def _query(asked: dict[str, str]) -> str:
    return urlencode({k: v for k, v in asked.items() if v}, quote_via=quote)
