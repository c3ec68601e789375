"""Rules: the days on which a series comes back, as calendars write them.

A rule is the part of RFC 5545 (RRULE, section 3.3.10) that an evening needs: every so many
days, weeks, months or years, on these weekdays or days of the month. What lies outside is
refused in words. A day that does not exist (the 31st of April, the 29th of February) is
left out, never moved. The days are worked out here, within a window, and compared in the
tests with dateutil, which many calendars rely on.
"""

import re
from calendar import isleap, monthrange
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import count, islice
from typing import NamedTuple, NoReturn

import msgspec

from server.errors import Invalid
from server.i18n import Lazy, lazy

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MOST_INTERVAL, MOST_COUNT, LONGEST = 400, 1000, 500
LAST_DAY_OF_MONTH, LAST_DAY_OF_YEAR = 31, 366
MOST_IN_MONTH, MOST_IN_YEAR = 5, 53
_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")


class Frequency(StrEnum):
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


class Pattern(StrEnum):
    """The rules that a page offers, each about its first day."""

    WEEKLY = "weekly"
    MONTHLY_WEEKDAY = "monthly_weekday"
    MONTHLY_LAST = "monthly_last"
    MONTHLY_DAY = "monthly_day"
    YEARLY = "yearly"
    OWN = "own"


class Weekday(NamedTuple):
    """A day of the week, 0 for Monday; with a number, that one of its month or year."""

    number: int
    weekday: int

    def __str__(self) -> str:
        return f"{self.number or ''}{WEEKDAYS[self.weekday]}"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """When a series comes back."""

    freq: Frequency
    interval: int = 1
    weekdays: tuple[Weekday, ...] = ()
    month_days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    count: int | None = None
    until: date | None = None

    def __str__(self) -> str:
        """The rule as RFC 5545 writes it; an end is a date in the rule's own zone."""
        lists = (
            ("BYMONTH", self.months),
            ("BYMONTHDAY", self.month_days),
            ("BYDAY", self.weekdays),
            ("BYSETPOS", self.positions),
        )
        parts = [f"FREQ={self.freq.value}"]
        if self.interval > 1:
            parts.append(f"INTERVAL={self.interval}")
        parts += [f"{name}={','.join(map(str, many))}" for name, many in lists if many]
        if self.count is not None:
            parts.append(f"COUNT={self.count}")
        if self.until is not None:
            parts.append(f"UNTIL={self.until:%Y%m%d}")
        return ";".join(parts)


# Rules


def parse(text: str) -> Rule:
    """The rule that was written, or Invalid with `rule` and the reason."""
    parts = _parts(text)
    values: dict[str, object] = {"freq": _frequency(parts.pop("FREQ", ""))}
    if parts.pop("WKST", "MO") != "MO":
        _refuse(lazy("Weeks begin on Monday here: WKST=MO."))
    for name, value in parts.items():
        if name not in _READERS:
            _refuse(
                lazy(
                    "%(part)s is not offered. Use BYDAY, BYMONTHDAY, BYMONTH or BYSETPOS."
                ),
                part=name[:20],
            )
        field, read = _READERS[name]
        values[field] = read(name, value)
    rule = msgspec.convert(values, Rule)
    _check(rule)
    return rule


def _parts(text: str) -> dict[str, str]:
    text = "".join(text.split()).upper().removeprefix("RRULE:").rstrip(";")
    if len(text) > LONGEST:
        _refuse(lazy("This rule is too long."))
    pairs = [part.partition("=") for part in text.split(";")]
    if not text or not all(name and value for name, _is, value in pairs):
        _refuse(lazy("Write a rule such as FREQ=MONTHLY;BYDAY=1TH."))
    if len({name for name, _is, _value in pairs}) < len(pairs):
        _refuse(lazy("Each part of a rule is written once."))
    return {name: value for name, _is, value in pairs}


def _frequency(value: str) -> Frequency:
    if value not in set(Frequency):
        _refuse(lazy("FREQ is DAILY, WEEKLY, MONTHLY or YEARLY."))
    return Frequency(value)


def _whole(name: str, value: str) -> int:
    most = MOST_COUNT if name == "COUNT" else MOST_INTERVAL
    if not re.fullmatch(r"\d{1,4}", value) or not 1 <= int(value) <= most:
        _refuse(lazy("%(part)s is a number from 1 to %(most)s."), part=name, most=most)
    return int(value)


def _signed(name: str, value: str) -> list[int]:
    """Numbers that count from the beginning or, below zero, from the end."""
    most = LAST_DAY_OF_MONTH if name == "BYMONTHDAY" else LAST_DAY_OF_YEAR
    found = [
        int(one) if re.fullmatch(r"[+-]?\d{1,3}", one) else 0 for one in value.split(",")
    ]
    if not all(1 <= abs(one) <= most for one in found):
        _refuse(
            lazy(
                "%(part)s is a number from 1 to %(most)s, or from the end: -1 is the last."
            ),
            part=name,
            most=most,
        )
    return sorted(set(found))


def _month(_name: str, value: str) -> list[int]:
    found = [int(one) if re.fullmatch(r"\d{1,2}", one) else 0 for one in value.split(",")]
    if not all(1 <= one <= 12 for one in found):  # noqa: PLR2004 - months
        _refuse(lazy("BYMONTH is a number from 1 to 12."))
    return sorted(set(found))


def _weekdays(_name: str, value: str) -> list[tuple[int, int]]:
    found = [_DAY.fullmatch(one) for one in value.split(",")]
    if not all(found) or any(one and one[1] and not int(one[1]) for one in found):
        _refuse(lazy("BYDAY is a list of MO, TU, WE, TH, FR, SA, SU; 1TH is the first."))
    days = {(int(one[1] or 0), WEEKDAYS.index(one[2])) for one in found if one}
    return sorted(days, key=lambda day: (day[1], day[0]))


def _until(_name: str, value: str) -> date:
    try:
        return datetime.strptime(value, "%Y%m%d").date()  # noqa: DTZ007 - a day
    except ValueError:
        _refuse(lazy("UNTIL is the last possible day, such as 20271231."))


_READERS: dict[str, tuple[str, Callable[[str, str], object]]] = {
    "INTERVAL": ("interval", _whole),
    "COUNT": ("count", _whole),
    "UNTIL": ("until", _until),
    "BYDAY": ("weekdays", _weekdays),
    "BYMONTHDAY": ("month_days", _signed),
    "BYSETPOS": ("positions", _signed),
    "BYMONTH": ("months", _month),
}


def _check(rule: Rule) -> None:
    """Refuse the parts that RFC 5545 does not put together."""
    numbered = [abs(one.number) for one in rule.weekdays if one.number]
    most = {Frequency.MONTHLY: MOST_IN_MONTH, Frequency.YEARLY: MOST_IN_YEAR}
    if rule.freq is Frequency.YEARLY and rule.months:
        most[Frequency.YEARLY] = MOST_IN_MONTH
    if numbered and max(numbered) > most.get(rule.freq, 0):
        _refuse(lazy("A numbered weekday such as 1TH counts in a month or in a year."))
    if 0 < len(numbered) < len(rule.weekdays):  # readers do not agree on a mixture
        _refuse(lazy("Number each weekday of a rule, or none."))
    if rule.freq is Frequency.WEEKLY and rule.month_days:
        _refuse(lazy("A day of the month goes with MONTHLY or YEARLY, not with WEEKLY."))
    if rule.positions and not (rule.weekdays or rule.month_days or rule.months):
        _refuse(lazy("BYSETPOS chooses among days that BYDAY or BYMONTHDAY name."))
    if rule.count is not None and rule.until is not None:
        _refuse(lazy("A rule ends by COUNT or by UNTIL, not by both."))


def _refuse(message: Lazy, **values: object) -> NoReturn:
    raise Invalid(rule=message % values if values else message)


def dates(rule: Rule, starts_on: date, until: date) -> Iterator[date]:
    """The days of this rule from its first one to `until`, both included.

    Periods are looked at one by one and never past `until`: a rule that names no day at
    all costs what its window costs, and not the calendar to its end.
    """
    last = min(until, rule.until or until)
    whole = spelled(rule, starts_on)
    sets = (_chosen(whole, period) for period in _periods(whole, starts_on, last))
    named = (day for days in sets for day in days if starts_on <= day <= last)
    yield from islice(named, rule.count)


def _periods(rule: Rule, starts_on: date, last: date) -> Iterator[list[date]]:
    """The days of each period of this rule that begins by the last day."""
    for step in count(0, rule.interval):
        try:
            since, length = _period(rule.freq, starts_on, step)
            if since > last:
                return
            yield [since + timedelta(days=n) for n in range(length)]
        except (OverflowError, ValueError):  # past the last year that can be written
            return


def _period(freq: Frequency, starts_on: date, step: int) -> tuple[date, int]:
    """The first day of the period so many later, and how many days it has.

    The first week begins with the first date, as other readers of rules count positions.
    """
    if freq is Frequency.DAILY:
        return starts_on + timedelta(days=step), 1
    if freq is Frequency.WEEKLY:
        gone = starts_on.weekday()
        if step == 0:
            return starts_on, 7 - gone
        return starts_on + timedelta(days=7 * step - gone), 7
    if freq is Frequency.MONTHLY:
        years, month = divmod(starts_on.month - 1 + step, 12)
        since = date(starts_on.year + years, month + 1, 1)
        return since, monthrange(since.year, since.month)[1]
    since = date(starts_on.year + step, 1, 1)
    return since, _days_of_year(since)


def _chosen(rule: Rule, period: list[date]) -> list[date]:
    """The days of a period that the rule names, at its positions if it has some."""
    found = [day for day in period if _is_named(rule, day)]
    if not rule.positions:
        return found
    places = {n - 1 if n > 0 else len(found) + n for n in rule.positions}
    return [day for place, day in enumerate(found) if place in places]


def _is_named(rule: Rule, day: date) -> bool:
    """Do the month, the day and the weekday of this date stand in the rule?"""
    if rule.months and day.month not in rule.months:
        return False
    place, length = day.day, monthrange(day.year, day.month)[1]
    if rule.month_days and not {place, place - length - 1} & {*rule.month_days}:
        return False
    if not rule.weekdays:
        return True
    if rule.freq is Frequency.YEARLY and not rule.months:
        place, length = day.timetuple().tm_yday, _days_of_year(day)
    ranks = {0, (place - 1) // 7 + 1, -((length - place) // 7 + 1)}
    weekday = day.weekday()
    return any(one.weekday == weekday and one.number in ranks for one in rule.weekdays)


def _days_of_year(day: date) -> int:
    return LAST_DAY_OF_YEAR - (not isleap(day.year))


def is_day(rule: Rule, starts_on: date, day: date) -> bool:
    """Does this rule, begun that day, name this day?"""
    return any(one == day for one in dates(rule, starts_on, day))


def check_start(rule: Rule, starts_on: date) -> None:
    """The first day is a day of the rule, for every calendar counts it as one."""
    if not is_day(rule, starts_on, starts_on):
        raise Invalid(starts_on=lazy("The first date is not a day of this rule."))


def spelled(rule: Rule, starts_on: date) -> Rule:
    """The same rule with the days said that its first date implies."""
    if rule.weekdays or rule.month_days or rule.freq is Frequency.DAILY:
        return rule
    if rule.freq is Frequency.WEEKLY:
        day = Weekday(0, starts_on.weekday())
        return msgspec.structs.replace(rule, weekdays=(day,))
    months = rule.months
    if rule.freq is Frequency.YEARLY:
        months = months or (starts_on.month,)
    return msgspec.structs.replace(rule, month_days=(starts_on.day,), months=months)


def ended(rule: Rule, last: date) -> Rule:
    """The same rule, with no day after this one."""
    earlier = min(last, rule.until or last)
    return msgspec.structs.replace(rule, count=None, until=earlier)


def patterned(
    pattern: Pattern,
    starts_on: date,
    *,
    interval: int = 1,
    count: int | None = None,
    until: date | None = None,
) -> Rule:
    """The rule that a page offers under this name, about this first day."""
    weekday = starts_on.weekday()
    chosen: dict[Pattern, dict[str, object]] = {
        Pattern.WEEKLY: {"weekdays": (Weekday(0, weekday),)},
        Pattern.MONTHLY_WEEKDAY: {
            "weekdays": (Weekday((starts_on.day - 1) // 7 + 1, weekday),)
        },
        Pattern.MONTHLY_LAST: {"weekdays": (Weekday(-1, weekday),)},
        Pattern.MONTHLY_DAY: {"month_days": (starts_on.day,)},
        Pattern.YEARLY: {"months": (starts_on.month,), "month_days": (starts_on.day,)},
    }
    freq = Frequency(pattern.value.partition("_")[0].upper())
    rest = {"interval": interval, "count": count, "until": until}
    rule = msgspec.convert({"freq": freq, **rest, **chosen[pattern]}, Rule)
    return parse(str(rule))


def pattern_of(rule: Rule, starts_on: date) -> Pattern:
    """Under which name a page offers this rule; OWN when it offers none like it."""
    bare = msgspec.structs.replace(rule, interval=1, count=None, until=None)
    for pattern in Pattern:
        if pattern is not Pattern.OWN and patterned(pattern, starts_on) == bare:
            return pattern
    return Pattern.OWN
