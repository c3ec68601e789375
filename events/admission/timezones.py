"""Time zones as calendars read them: the rules of a zone, written for RFC 5545.

A calendar program trusts the VTIMEZONE it is sent, and the simplest programs only
understand one yearly rule for winter and one for summer. So a zone is written with those
two rules whenever they are true for the years at hand; otherwise each change of the clock
is written out, one after the other. The truth comes from the `tzdata` package alone,
because the tables of the operating system are often older than the law.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
EARLIEST, LATEST = 1971, 2199  # the years a calendar of ours may speak of
LAST_WEEK = 5  # how POSIX says "the last one"
WEEKDAYS = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")

# POSIX.1-2017, 8.3, as the last line of a TZif file carries it (RFC 9636, 3.3)
NAME = r"([A-Za-z]{3,}|<[^>]+>)"
HOURS = r"([+-]?\d+(?::\d+){0,2})"
FOOTER = re.compile(rf"{NAME}{HOURS}(?:{NAME}{HOURS}?,([^,]+),([^,]+))?")
NTH_WEEKDAY = re.compile(rf"M(\d+)\.(\d)\.(\d)(?:/{HOURS})?")


@dataclass(frozen=True)
class Change:
    """One moment at which the clocks of a zone are moved."""

    at: datetime
    before: timedelta
    after: timedelta
    name: str

    @property
    def wall(self) -> datetime:
        """What the clocks showed when they were moved."""
        return self.at.replace(tzinfo=None) + self.before


@dataclass(frozen=True)
class Yearly:
    """A change that comes back every year on the nth weekday of a month."""

    month: int
    week: int
    weekday: int  # 0 is Sunday
    time: timedelta
    before: timedelta
    after: timedelta
    name: str

    def change(self, year: int) -> Change:
        """The change of this year."""
        first = date(year, self.month, 1)
        wait = (self.weekday - first.isoweekday()) % 7
        day = first + timedelta(days=wait + 7 * (self.week - 1))
        while day.month != self.month:
            day -= timedelta(weeks=1)
        wall = datetime(day.year, day.month, day.day, tzinfo=UTC) + self.time
        return Change(wall - self.before, self.before, self.after, self.name)

    @property
    def is_plain(self) -> bool:
        """Whether the change falls on the very day the rule names, as RRULE needs."""
        return timedelta(0) <= self.time < DAY

    @property
    def rrule(self) -> str:
        """The recurrence rule of RFC 5545."""
        nth = -1 if self.week == LAST_WEEK else self.week
        return f"FREQ=YEARLY;BYMONTH={self.month};BYDAY={nth}{WEEKDAYS[self.weekday]}"


# Rules


@cache
def zone(key: str) -> ZoneInfo:
    """The zone of this name as the `tzdata` package knows it."""
    with _file(key).open("rb") as table:
        return ZoneInfo.from_file(table, key=key)


@cache
def known_zones() -> frozenset[str]:
    """Every name the `tzdata` package knows, old spellings included."""
    return frozenset((files("tzdata") / "zones").read_text("ascii").split())


@lru_cache(maxsize=256)
def vtimezone(key: str, first_year: int, last_year: int) -> str:
    """The VTIMEZONE of a zone, true for every moment of these years."""
    first, last = max(first_year - 1, EARLIEST), min(last_year + 1, LATEST)
    changes = changes_between(key, first, last)
    rules = yearly(key)
    if _is_true(rules, changes, first, last):
        parts = [_observance(rule.change(1970), rule.rrule) for rule in rules]
    else:
        new_year = datetime(first, 1, 1, tzinfo=UTC)
        still = _offset(zone(key), new_year)
        name = new_year.astimezone(zone(key)).tzname() or key
        base = Change(new_year - still, still, still, name)
        parts = [_observance(change) for change in (base, *changes)]
    lines = ["BEGIN:VTIMEZONE", f"TZID:{key}", *parts, "END:VTIMEZONE", ""]
    return "\r\n".join(lines)


def changes_between(key: str, first_year: int, last_year: int) -> list[Change]:
    """Every change of the clocks from the first day of a year to the last of another."""
    there = zone(key)
    day = datetime(first_year, 1, 1, tzinfo=UTC)
    end = datetime(last_year + 1, 1, 1, tzinfo=UTC)
    changes: list[Change] = []
    before = _offset(there, day)
    while day < end:
        after = _offset(there, day + DAY)
        if after != before:
            at = _moment_of_change(there, day, day + DAY)
            name = at.astimezone(there).tzname() or key
            changes.append(Change(at, before, after, name))
        day, before = day + DAY, after
    return changes


def yearly(key: str) -> tuple[Yearly, ...]:
    """The two rules a zone has promised for the years to come, if it has two."""
    promise = FOOTER.fullmatch(_file(key).read_bytes().rsplit(b"\n", 2)[1].decode())
    if promise is None or promise[3] is None:
        return ()
    winter_name, west, summer_name, summer_west, to_summer, to_winter = promise.groups()
    winter = -_duration(west)
    summer = -_duration(summer_west) if summer_west else winter + timedelta(hours=1)
    autumn = _rule(to_winter, summer, winter, winter_name)
    spring = _rule(to_summer, winter, summer, summer_name)
    return (autumn, spring) if autumn and spring else ()


def _rule(text: str, before: timedelta, after: timedelta, name: str) -> Yearly | None:
    found = NTH_WEEKDAY.fullmatch(text)
    if found is None:  # a day counted from January: no zone says it that way today
        return None
    month, week, weekday = (int(found[n]) for n in (1, 2, 3))
    time = _duration(found[4] or "2")
    return Yearly(month, week, weekday, time, before, after, name.strip("<>"))


def _is_true(
    rules: tuple[Yearly, ...], changes: list[Change], first: int, last: int
) -> bool:
    if not rules or not all(rule.is_plain for rule in rules):
        return False
    promised = [rule.change(year) for year in range(first, last + 1) for rule in rules]
    seen = {(change.at, change.before, change.after) for change in changes}
    return seen == {(change.at, change.before, change.after) for change in promised}


def _observance(change: Change, rrule: str | None = None) -> str:
    kind = "DAYLIGHT" if change.after > change.before else "STANDARD"
    lines = [
        f"BEGIN:{kind}",
        f"DTSTART:{change.wall:%Y%m%dT%H%M%S}",
        f"TZOFFSETFROM:{_sign(change.before)}",
        f"TZOFFSETTO:{_sign(change.after)}",
        *([f"RRULE:{rrule}"] if rrule else []),
        f"TZNAME:{change.name}",
        f"END:{kind}",
    ]
    return "\r\n".join(lines)


def _moment_of_change(there: ZoneInfo, before: datetime, after: datetime) -> datetime:
    old = _offset(there, before)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before).total_seconds() // 2)
        if _offset(there, middle) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(there: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(there).utcoffset() or timedelta(0)


def _duration(text: str) -> timedelta:
    hours, minutes, seconds = ([int(n) for n in text.lstrip("+-").split(":")] + [0, 0])[:3]
    length = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -length if text.startswith("-") else length


def _sign(offset: timedelta) -> str:
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta(0) else '+'}{minutes // 60:02d}{minutes % 60:02d}"


def _file(key: str) -> Traversable:
    if key not in known_zones():
        raise ValueError(f"no such time zone: {key}")
    return files("tzdata").joinpath("zoneinfo", *key.split("/"))
