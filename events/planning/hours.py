"""Hours: the wall clock of a place, as people say it, made into moments.

Twice a year a clock jumps. An hour that it skips does not exist and is refused; of an hour
that it shows twice, the first is meant. An evening that ends before it begins ends the
next day. The rules of each zone are those of the IANA time zone database.
"""

import re
from datetime import UTC, date, datetime, time, timedelta

from babel.dates import get_timezone_location

from server.errors import Invalid
from server.i18n import Lazy, language, lazy, zone

_CLOCK = re.compile(r"([01]?\d|2[0-3])(?:[:hH.]([0-5]\d)?(?::[0-5]\d(?:\.\d+)?)?)")
_LINE = re.compile(r"([01]?\d|2[0-3])\s*[:hH.]\s*([0-5]\d)?\s+(\S.*)")
SKIPPED = lazy("The clocks change that night: this hour does not exist.")
UNREADABLE = lazy("Write an hour such as 19:00.")


# Rules


def clock(text: str) -> time | None:
    """The hour that was typed: 19:00, 19h, 19h30; None when it is not an hour."""
    found = _CLOCK.fullmatch(text.strip())
    return time(int(found[1]), int(found[2] or 0)) if found else None


def is_programme(text: str) -> bool:
    """Does each line begin with its hour, as in `19:00 Doors open`?"""
    lines = [line.strip() for line in text.splitlines()]
    return all(_LINE.fullmatch(line) for line in lines if line)


def moment(day: date, at: time, time_zone: str) -> datetime | None:
    """The moment when clocks there show this, the first time; None when they never do."""
    there = zone(time_zone)
    try:
        found = datetime.combine(day, at, there).astimezone(UTC)
        shown = found.astimezone(there)
    except OverflowError:  # at the two ends of the calendar
        return None
    return found if (shown.date(), shown.time()) == (day, at) else None


def wall(at: datetime, time_zone: str) -> tuple[date, time]:
    """What clocks there show at this moment, to the minute."""
    shown = at.astimezone(zone(time_zone))
    return shown.date(), shown.time().replace(second=0, microsecond=0)


def city(time_zone: str) -> str:
    """Where the clocks of a zone are, as its city is called in the reader's language."""
    name = get_timezone_location(time_zone, locale=language.get(), return_city=True)
    return name.rpartition("/")[2]


def evening(
    day: date, begins: time, ends: time, time_zone: str, last_day: date | None = None
) -> tuple[datetime, datetime]:
    """From when to when; raises Invalid with `starts` or `ends` when clocks skip it."""
    if last_day is None:
        last_day = day + timedelta(days=1) if ends < begins and day < date.max else day
    first, last = moment(day, begins, time_zone), moment(last_day, ends, time_zone)
    wrong: dict[str, str | Lazy] = {}
    if first is None:
        wrong["starts"] = SKIPPED
    if last is None:
        wrong["ends"] = SKIPPED
    if first is None or last is None:
        raise Invalid(**wrong)
    return first, last


def later(at: datetime, time_zone: str, days: int) -> datetime:
    """The same hour on the wall so many days later; one that is skipped comes after."""
    there = zone(time_zone)
    shown = at.astimezone(there)
    moved = datetime.combine(shown.date() + timedelta(days=days), shown.time(), there)
    return moved.astimezone(UTC)
