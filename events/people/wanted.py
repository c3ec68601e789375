"""Wanted: which members a list shows, as its address says it.

An address is the whole truth of a list: a segment is such an address with a name. What
cannot be read is refused in words, field by field; nothing is left out in silence.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from server.errors import Invalid
from server.forms import clean
from server.i18n import lazy

LONGEST_SEARCH = 200
MOST_TIMES = 999
YES_OR_NO = {"yes": True, "no": False}


class Wanted(msgspec.Struct, frozen=True, omit_defaults=True):
    """The filters of a list of members; what is None, or empty, asks nothing.

    `came` is how often she came at least, and 0 that she never did; `away_since` that she
    came before that day and not since. `linked` is whether she counts in comparisons: she
    agreed, and is known online.
    """

    q: str = ""
    community: str = ""
    tag: str = ""
    came: int | None = None
    away_since: date | None = None
    active_since: date | None = None
    linked: bool | None = None
    ambassador: bool | None = None
    email: bool | None = None

    @property
    def query(self) -> str:
        """The same filters as an address writes them, always in the same order."""
        return urlencode(self.answers)

    @property
    def answers(self) -> dict[str, str]:
        """The same filters as a form shows them."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return {
            name: _written(value)
            for name, value in values.items()
            if value is not None and value != ""
        }

    @property
    def is_everybody(self) -> bool:
        """Does this list ask nothing of its members?"""
        return self == Wanted()


EVERYBODY = Wanted()
FILTERS = Wanted.__struct_fields__


def wanted(given: Mapping[str, str]) -> Wanted:
    """Read the filters of an address; what is not a filter of ours is somebody else's."""
    read: dict[str, Any] = {}
    wrong: dict[str, Any] = {}
    for name, reader in READERS.items():
        text = clean(given.get(name, ""))
        if not text:
            continue
        try:
            read[name] = reader(text)
        except ValueError:
            wrong[name] = WRONG[name]
    if wrong:
        raise Invalid(**wrong)
    return Wanted(**read)


def wanted_of(query: str) -> Wanted:
    """Read the filters of what follows the question mark."""
    return wanted(dict(parse_qsl(query)))


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if isinstance(value, date) else str(value)


def _search(text: str) -> str:
    return text[:LONGEST_SEARCH]


def _times(text: str) -> int:
    if not text.isdecimal() or len(text) > len(str(MOST_TIMES)):
        raise ValueError
    return int(text)


def _answer(text: str) -> bool:
    if text not in YES_OR_NO:
        raise ValueError
    return YES_OR_NO[text]


READERS: dict[str, Callable[[str], object]] = {
    "q": _search,
    "community": _search,
    "tag": _search,
    "came": _times,
    "away_since": date.fromisoformat,
    "active_since": date.fromisoformat,
    "linked": _answer,
    "ambassador": _answer,
    "email": _answer,
}
WRONG = {
    "came": lazy("Write a whole number."),
    "away_since": lazy("Write a date such as 2026-03-05."),
    "active_since": lazy("Write a date such as 2026-03-05."),
    "linked": lazy("Choose one of the answers offered."),
    "ambassador": lazy("Choose one of the answers offered."),
    "email": lazy("Choose one of the answers offered."),
}
