"""Forms and bodies: what people typed, made into typed values or told apart by field.

Text is normalised (NFC), its control and direction characters are taken out, and every
wrong field gets its own sentence, so that nothing typed is lost.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin
from uuid import UUID

import msgspec
from msgspec.structs import fields as fields_of

from server.errors import Invalid
from server.i18n import Lazy, lazy

Shape = TypeVar("Shape", bound=msgspec.Struct)

# The guard in `access` has compared it already.
TOKEN_FIELD = "_csrf_token"  # noqa: S105 - the name of a field
LONGEST_LINE = 200
LONGEST_TEXT = 5_000
LONGEST_READ = 4 * LONGEST_TEXT
MOST_MARKS = 30
LONGEST_NUMBER = 20
LARGEST_NUMBER = 2_000_000_000

# Controls other than tab and line feed; directions and invisibles that disguise a name.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)
# A dot-atom at a host name: what every mail server takes (RFC 5321, section 4.1.2).
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?!\d+$){_LABEL}")


_HOURS = re.compile(
    r"([0-9]{1,5})(?:\s?[h:]\s?([0-5][0-9])?|\s?(min|mn)|[.,]([0-9]{1,2})\s?h?)?"
)
LONGEST_TIME = 100_000


class Form(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The base of every form: what it does not name is refused."""

    csrf: str = msgspec.field(default="", name=TOKEN_FIELD)


class Line(str):
    """One line of text, at most 200 characters."""

    __slots__ = ()


class Prose(str):
    """Several lines of text, at most 5,000 characters."""

    __slots__ = ()


class Email(str):
    """An e-mail address, lower case."""

    __slots__ = ()


class Minutes(int):
    """A time worked in minutes, typed as 90 min, 1:30, 1h30, 1,5 or 2 h."""

    __slots__ = ()


class Tick(int):
    """A box: 1 when ticked, 0 when the browser sent nothing."""

    __slots__ = ()


def calm(text: str, most: int = LONGEST_READ) -> str:
    """The text cut to what anybody reads, with at most thirty marks in a row.

    Normalising takes quadratic time on a long run of marks (UAX #15, stream-safe text).
    """
    text = text[:most]
    if text.isascii():
        return text
    kept, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def clean(text: str) -> str:
    """The text without what cannot be seen, normalised."""
    text = calm(text).encode("utf-8", "replace").decode()
    return _UNWANTED.sub(
        "", unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    ).strip()


def email(text: str) -> str:
    """A lower-case address, or Invalid with the reason."""
    address = clean(text).lower()
    if not address:
        raise Invalid(email=lazy("This answer is missing."))
    if "@" not in address:
        raise Invalid(email=lazy("The address has no @."))
    if len(address) > 254 or not _EMAIL.fullmatch(address):  # noqa: PLR2004
        raise Invalid(email=lazy("The address is not complete: look after the @."))
    return address


def minutes(text: str) -> int:
    """A time worked in minutes, or Invalid: 2 and 2h are hours, 90 min is minutes."""
    found = _HOURS.fullmatch(clean(text).lower())
    if found is None:
        raise Invalid(minutes=lazy("Write a time such as 1:30."))
    number, past, is_minutes, share = found.groups()
    time = int(number) if is_minutes else int(number) * 60 + int(past or 0)
    if share:
        time += round(60 * int(share) / 10 ** len(share))
    if time > LONGEST_TIME:
        raise Invalid(minutes=lazy("This number is too large."))
    return time


def read(shape: type[Shape], typed: Mapping[str, Any]) -> Shape:
    """The typed values as `shape`. Raises Invalid with one sentence for each wrong field."""  # noqa: E501
    known = {one.encode_name: one for one in fields_of(shape)}
    wrong: dict[str, str | Lazy] = {
        name: lazy("This is not a question of ours.") for name in typed if name not in known
    }
    values: dict[str, Any] = {}
    for name, one in known.items():
        try:
            values[one.name] = _value(one.type, typed.get(name))
        except _Missing:
            if one.required:
                wrong[name] = lazy("This answer is missing.")
        except _Wrong as problem:
            wrong[name] = problem.message
        except Invalid as no:
            wrong[name] = next(iter(no.fields.values()))
    if wrong:
        raise Invalid(**wrong)
    return shape(**values)


class _Missing(Exception):
    pass


class _Wrong(Exception):
    def __init__(self, message: str | Lazy) -> None:
        self.message = message


def _value(kind: Any, raw: Any) -> Any:  # noqa: ANN401, C901 - one line a kind
    if isinstance(raw, dict):
        raise _Wrong(lazy("This answer cannot be read."))
    if get_origin(kind) in {Union, UnionType}:
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is list:
        (inner,) = get_args(kind)
        many = raw if isinstance(raw, list) else [] if raw in (None, "") else [raw]
        return [_value(inner, item) for item in many]
    if kind is Tick:
        raw = raw[-1] if isinstance(raw, list) and raw else raw
        return Tick(raw not in (None, "", "0", "off", "false", False, []))
    if isinstance(raw, list):
        raw = raw[-1] if raw else None
    if raw is None or (isinstance(raw, str) and not clean(raw)):
        raise _Missing
    if kind in {str, Line, Prose, Email}:
        return _text(kind, raw)
    if kind is bool and isinstance(raw, bool):
        return raw
    if kind in {int, Minutes}:
        return _whole(raw) if kind is int else Minutes(minutes(str(raw)))
    if kind in {date, datetime, UUID} or issubclass(kind, StrEnum):
        return _parsed(kind, clean(str(raw)))
    raise _Wrong(lazy("This answer cannot be read."))


def _text(kind: type[str], raw: object) -> str:
    if not isinstance(raw, str):
        raise _Wrong(lazy("Write a text here."))
    longest = LONGEST_TEXT if kind is Prose else LONGEST_LINE
    text = clean(raw)
    if len(text) > longest:
        raise _Wrong(
            lazy("This is too long: %(most)s characters at most.") % {"most": longest}
        )
    if kind is Email:
        try:
            return email(text)
        except Invalid as no:
            raise _Wrong(no.fields["email"]) from no
    if kind is Line:
        text = " ".join(text.split())
    return text


def _whole(raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise _Wrong(lazy("Write a whole number."))
    if isinstance(raw, int) and abs(raw) > LARGEST_NUMBER:
        raise _Wrong(lazy("This number is too large."))
    text = clean(str(raw))
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise _Wrong(lazy("Write a whole number."))
    if len(text) > LONGEST_NUMBER or abs(int(text)) > LARGEST_NUMBER:
        raise _Wrong(lazy("This number is too large."))
    return int(text)


def _parsed(kind: Any, text: str) -> Any:  # noqa: ANN401
    try:
        if kind is date:
            return date.fromisoformat(text)
        if kind is datetime:
            return datetime.fromisoformat(text)
        return kind(text)
    except (ValueError, OverflowError) as error:
        if kind in {date, datetime}:
            raise _Wrong(lazy("Write a date such as 2026-03-05.")) from error
        raise _Wrong(lazy("Choose one of the answers offered.")) from error
