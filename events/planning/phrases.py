"""Phrases: the rule of a series as somebody says it, in the reader's language."""

from collections.abc import Iterable, Iterator
from datetime import date

from babel.dates import format_skeleton, get_day_names, get_month_names
from babel.lists import format_list

from events.planning.rules import Frequency, Rule, Weekday
from server.i18n import gettext as _
from server.i18n import language as spoken
from server.i18n import lazy, long_date, ngettext, use

LEAP_YEAR = 2024

_NUMBERED = {
    0: lazy("%(weekday)s"),
    1: lazy("the first %(weekday)s"),
    2: lazy("the second %(weekday)s"),
    3: lazy("the third %(weekday)s"),
    4: lazy("the fourth %(weekday)s"),
    5: lazy("the fifth %(weekday)s"),
    -1: lazy("the last %(weekday)s"),
    -2: lazy("the second to last %(weekday)s"),
}


def sentence(rule: Rule, language: str) -> str:
    """The rule as somebody says it: « Chaque mois, le premier jeudi », with its end."""
    with use(language):
        said = [_every(rule), *_which(rule)]
        if rule.until is not None:
            said.append(_("until %(day)s", day=long_date(rule.until)))
        if rule.count is not None:
            said.append(ngettext("%(num)s time", "%(num)s times", rule.count))
        text = ", ".join(said)
    return text[:1].upper() + text[1:]


def _every(rule: Rule) -> str:
    n = rule.interval
    if rule.freq is Frequency.DAILY:
        return ngettext("every day", "every %(num)s days", n)
    if rule.freq is Frequency.WEEKLY:
        return ngettext("every week", "every %(num)s weeks", n)
    if rule.freq is Frequency.MONTHLY:
        return ngettext("every month", "every %(num)s months", n)
    return ngettext("every year", "every %(num)s years", n)


def _which(rule: Rule) -> Iterator[str]:
    """The days that the rule names, its months first unless a date says them."""
    is_dated = rule.month_days and rule.months and min(rule.month_days) > 0
    if rule.months and not is_dated:
        names = get_month_names("wide", locale=spoken.get())
        yield _("in %(months)s", months=_listed(names[one] for one in rule.months))
    dates_ = (
        (_date_of(month, day) for month in rule.months for day in rule.month_days)
        if is_dated
        else map(_month_day, rule.month_days)
    )
    of_month, of_week = _listed(dates_), _listed(map(_weekday, rule.weekdays))
    days = of_week or of_month
    if of_week and of_month:
        days = _("%(weekdays)s when it is %(days)s", weekdays=of_week, days=of_month)
    if days and rule.positions:
        chosen = _listed(map(_position, rule.positions))
        yield _("among %(days)s: %(positions)s", days=days, positions=chosen)
    elif days:
        yield _("on %(days)s", days=days)


def _listed(words: Iterable[str]) -> str:
    return format_list(list(words), locale=spoken.get())


def _weekday(day: Weekday) -> str:
    name = get_day_names("wide", locale=spoken.get())[day.weekday]
    if day.number in _NUMBERED:
        return _NUMBERED[day.number] % {"weekday": name}
    if day.number > 0:
        return _("%(weekday)s number %(num)s", weekday=name, num=day.number)
    return _("%(weekday)s number %(num)s from the end", weekday=name, num=-day.number)


def _month_day(day: int) -> str:
    if day in {-1, -2}:
        return _("the last day") if day == -1 else _("the last day but one")
    if day < 0:
        return _("day %(num)s from the end", num=-day)
    return _("the first of the month") if day == 1 else _("day %(num)s", num=day)


def _date_of(month: int, day: int) -> str:
    try:
        shown = date(LEAP_YEAR, month, day)
    except ValueError:  # the 30th of February: never, and said as it is written
        return _("%(date)s", date=f"{day}/{month}")
    text = format_skeleton("MMMMd", shown, locale=spoken.get())
    return _("%(date)s", date=text.replace("1 ", "1er ", 1) if _is_first(day) else text)


def _is_first(day: int) -> bool:
    """Is it a day whose French ordinal the locale data forgets?"""
    return day == 1 and spoken.get() == "fr"


def _position(number: int) -> str:
    if number == 1:
        return _("the first one")
    if number == -1:
        return _("the last one")
    if number > 0:
        return _("number %(num)s", num=number)
    return _("number %(num)s from the end", num=-number)
