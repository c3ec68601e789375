"""Dates: the moments a file writes, without ever guessing which figure is the day.

ISO 8601 needs no question. 13/04/2026 can only be read one way, and says how the rest of
the file is written; a file where every date could be read both ways is asked about once.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

_FIGURES = re.compile(
    r"(\d{1,2})([/.\-])(\d{1,2})\2(\d{4}|\d{2})"
    r"(?:[\sT,à@]+(\d{1,2})(?:\s*[:hH]\s*(\d{2})?)(?::(\d{2}))?\s*([AaPp]\.?[Mm]\.?)?)?",
    re.ASCII,
)
_YEAR_FIRST = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(.*)", re.ASCII)
_MONTHS = 12
_FIRST_YEAR, _LAST_YEAR = 1970, 2150
MIDDAY = time(12)


class NotADate(ValueError):
    """This text is no date that we read."""


class Ambiguous(ValueError):
    """This date can be read two ways, and nothing says which."""


@dataclass
class Dates:
    """How the dates of one file are read, in one zone."""

    zone: ZoneInfo
    day_first: bool | None = None
    evidence: bool | None = None
    is_mixed: bool = False
    is_asked: bool = False

    def learn(self, text: str) -> None:
        """Look at a date for what it says of the order of figures in the file."""
        found = _FIGURES.fullmatch(text)
        if found is None or found[2] == ".":
            return
        first, second = int(found[1]), int(found[3])
        if (first > _MONTHS) == (second > _MONTHS):
            self.is_asked |= first != second
            return
        says = first > _MONTHS
        self.is_mixed |= self.evidence is not None and self.evidence != says
        self.evidence = says

    @property
    def needs_answer(self) -> bool:
        """Must somebody say whether the day comes first?"""
        return self.is_asked and self.order is None

    @property
    def order(self) -> bool | None:
        """True: the day comes first; None: nobody knows."""
        if self.day_first is not None:
            return self.day_first
        return None if self.is_mixed else self.evidence

    def moment(self, text: str) -> datetime:
        """The aware UTC moment; a day alone is its midday, there."""
        found = self._read(text)
        if not isinstance(found, datetime):
            found = datetime.combine(found, MIDDAY)
        if found.tzinfo is None:
            found = found.replace(tzinfo=self.zone)
        try:
            return found.astimezone(UTC)
        except OverflowError as error:
            raise NotADate from error

    def day(self, text: str) -> date:
        """The local day."""
        found = self._read(text)
        if not isinstance(found, datetime):
            return found
        return found.astimezone(self.zone).date() if found.tzinfo else found.date()

    def has_time(self, text: str) -> bool:
        """Does this say an hour as well?"""
        return isinstance(self._read(text), datetime)

    def _read(self, text: str) -> date | datetime:
        try:
            found = self._parsed(text)
        except OverflowError as error:
            raise NotADate from error
        except (NotADate, Ambiguous):
            raise
        except ValueError as error:
            raise NotADate from error
        if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
            raise NotADate
        return found

    def _parsed(self, text: str) -> date | datetime:
        if len(text) > 40 or not text[:1].isdigit():  # noqa: PLR2004 - no date is longer
            raise NotADate
        if text[4:5] == "-":
            return date.fromisoformat(text) if len(text) == 10 else _iso(text)  # noqa: PLR2004
        if swapped := _YEAR_FIRST.fullmatch(text):
            year, month, day, rest = swapped.groups()
            return _iso_or_day(f"{year}-{int(month):02}-{int(day):02}{rest}")
        found = _FIGURES.fullmatch(text)
        if found is None:
            raise NotADate
        return self._figures(found)

    def _figures(self, found: re.Match[str]) -> date | datetime:
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        if year < 100:  # noqa: PLR2004 - two figures
            year += 2000
        day_first = self._day_first(first, second, found[2])
        day, month = (first, second) if day_first else (second, first)
        if found[5] is None:
            return date(year, month, day)
        hour = _hour(int(found[5]), found[8])
        return datetime(  # noqa: DTZ001 - the zone of the file is added after
            year, month, day, hour, int(found[6] or 0), int(found[7] or 0)
        )

    def _day_first(self, first: int, second: int, sign: str) -> bool:
        if sign == "." or first > _MONTHS or first == second:
            return True
        if second > _MONTHS:
            return False
        if self.order is None:
            raise Ambiguous
        return self.order


def _iso_or_day(text: str) -> date | datetime:
    return date.fromisoformat(text) if len(text) == 10 else _iso(text)  # noqa: PLR2004


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix(" UTC"))


def _hour(hour: int, half: str | None) -> int:
    if not half:
        return hour
    if not 1 <= hour <= 12:  # noqa: PLR2004 - half a day
        raise NotADate
    return hour % 12 + (12 if half.lower().startswith("p") else 0)
