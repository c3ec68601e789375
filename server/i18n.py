"""Languages: every sentence, date and sum of money as its reader would write it.

English is the source and French is complete: a test fails on any sentence of the
code or the templates that French lacks. The language of a request lives in a context
variable, so two requests served together never mix. Translations are read from every
`locale/<language>/*.po`, one file per part of the product, merged once.

Spaces that must not break are U+00A0: the locale data asks for the narrow U+202F,
which our fonts lack. Time zones come from the `tzdata` package only, because the
system's own data is often a year behind.
"""

import gettext as standard
import io
import os
import re
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

SOURCE = "en"
LANGUAGES = ("fr", SOURCE)
LOCALE = Path(__file__).parent / "locale"
ROOT = Path(__file__).parent.parent
NBSP = "\N{NO-BREAK SPACE}"
NARROW_NBSP = "\N{NARROW NO-BREAK SPACE}"
HOURS = {"fr": ("H 'h' mm", "H 'h'"), "en": ("h:mm a", "h a")}
SMALL_HOURS = 6
"""An evening that ends before this hour of the next day is still that evening."""

language: ContextVar[str] = ContextVar("language", default=SOURCE)

os.environ["PYTHONTZPATH"] = ""  # for the processes we start
zoneinfo.reset_tzpath(to=())
ZoneInfo.clear_cache()

# Rules


def preferred(accept_language: str | None, offered: Iterable[str] = LANGUAGES) -> str:
    """The offered language an `Accept-Language` likes best (RFC 9110, 12.5.4)."""
    choices = tuple(offered)
    best, best_weight = SOURCE if SOURCE in choices else choices[0], 0.0
    for item in (accept_language or "")[:500].split(","):
        tag, _semicolon, parameter = item.partition(";")
        primary = tag.strip().lower().split("-")[0]
        weight = _weight(parameter)
        if primary in choices and weight > best_weight:
            best, best_weight = primary, weight
    return best


def _weight(parameter: str) -> float:
    match = re.fullmatch(
        r"\s*(?:q\s*=\s*([01](?:\.\d{0,3})?))?\s*", parameter, re.IGNORECASE
    )
    if match is None:
        return 0.0
    return float(match[1]) if match[1] else 1.0


@contextmanager
def use(lang: str) -> Iterator[None]:
    """Speak this language until the block ends."""
    if lang not in LANGUAGES:
        unknown = f"{lang!r} is not one of our languages"
        raise ValueError(unknown)
    token = language.set(lang)
    try:
        yield
    finally:
        language.reset(token)


# Sentences


def translate(msgid: str) -> str:
    """The sentence in the reader's language, its placeholders left as they are."""
    return _translations(language.get()).gettext(msgid) if msgid else ""


def translate_plural(singular: str, plural: str, n: int) -> str:
    """The form the language uses for `n` things, placeholders left as they are."""
    return _translations(language.get()).ngettext(singular, plural, n)


def gettext(msgid: str, /, **values: object) -> str:
    """The sentence in the reader's language, with its `%(name)s` filled."""
    text = translate(msgid)
    return text % values if values else text


def ngettext(singular: str, plural: str, n: int, /, **values: object) -> str:
    """The sentence for `n` things; `%(num)s` is `n`, written as the language does."""
    return translate_plural(singular, plural, n) % {"num": number(n), **values}


_ = gettext


class Lazy:
    """A sentence chosen now and translated when shown; `str()` shows it."""

    __slots__ = ("msgid",)

    def __init__(self, msgid: str) -> None:
        self.msgid = msgid

    def __str__(self) -> str:
        return translate(self.msgid)

    def __repr__(self) -> str:
        return f"lazy({self.msgid!r})"

    def __mod__(self, values: Mapping[str, object]) -> str:
        return str(self) % values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lazy) and other.msgid == self.msgid

    def __hash__(self) -> int:
        return hash((Lazy, self.msgid))


def lazy(msgid: str) -> Lazy:
    """Mark a sentence that is written before its reader is known."""
    return Lazy(msgid)


# Dates and figures


def zone(name: str) -> ZoneInfo:
    """The time zone of this name, as the `tzdata` package knows it."""
    return ZoneInfo(name)


def long_date(when: date, tz: str | None = None) -> str:
    """A day for a title: « jeudi 5 novembre 2026 », "Thursday, November 5, 2026"."""
    return _date(when, tz, "full")


def short_date(when: date, tz: str | None = None) -> str:
    """A day for a table: « 5 nov. 2026 », "Nov 5, 2026"."""
    return _date(when, tz, "medium")


def hour(when: datetime, tz: str) -> str:
    """An hour of the clock: « 19 h 30 », "7:30 pm"; a full hour drops its minutes."""
    local = when.astimezone(zone(tz))
    with_minutes, full = HOURS[language.get()]
    pattern = with_minutes if local.minute else full
    text = dates.format_time(local, pattern, local.tzinfo, locale=language.get())
    return text.lower().replace(" ", NBSP)


def span(starts: datetime, ends: datetime, tz: str) -> str:
    """When a meetup takes place, from its first minute to its last."""
    first, last = _day(starts, tz), _day(ends, tz)
    is_one_evening = last == first or (
        last == first + timedelta(days=1) and ends.astimezone(zone(tz)).hour < SMALL_HOURS
    )
    if is_one_evening:
        return gettext(
            "%(day)s, %(starts)s to %(ends)s",
            day=long_date(starts, tz),
            starts=hour(starts, tz),
            ends=hour(ends, tz),
        )
    return gettext(
        "%(first_day)s, %(starts)s to %(last_day)s, %(ends)s",
        first_day=long_date(starts, tz),
        starts=hour(starts, tz),
        last_day=long_date(ends, tz),
        ends=hour(ends, tz),
    )


def number(value: float | Decimal, digits: int | None = None) -> str:
    """A number as the language groups it; `digits` fixes how many decimals show."""
    pattern = "#,##0.###" if digits is None else f"#,##0{_decimals(digits)}"
    return _spaced(numbers.format_decimal(value, pattern, language.get()))


def percent(share: float | Decimal, digits: int = 0) -> str:
    """A share of one as a percentage: 0.42 is « 42 % » or "42%"."""
    pattern = Locale.parse(language.get()).percent_formats[None].pattern
    pattern = pattern.replace("##0", f"##0{_decimals(digits)}")
    return _spaced(numbers.format_percent(share, pattern, language.get()))


def duration(minutes: int) -> str:
    """A time worked as people say it: 90 minutes are 1 h 30."""
    hours, rest = divmod(minutes, 60)
    return gettext("%(hours)s h %(minutes)s", hours=hours, minutes=f"{rest:02}")


def money(cents: int, currency: str) -> str:
    """A sum given in the currency's smallest unit: « 12,50 € », "€12.50"."""
    amount = Decimal(cents).scaleb(-numbers.get_currency_precision(currency))
    return _spaced(numbers.format_currency(amount, currency, locale=language.get()))


def _date(when: date, tz: str | None, width: str) -> str:
    day, lang = _day(when, tz), language.get()
    pattern = dates.get_date_format(width, lang).pattern  # type: ignore[arg-type]
    if lang == "fr" and day.day == 1:  # the locale data forgets the ordinal
        pattern = pattern.replace("d", "'1er'")
    return _spaced(dates.format_date(day, pattern, lang))


def _day(when: date, tz: str | None) -> date:
    if not isinstance(when, datetime):
        return when
    if tz is None or when.tzinfo is None:
        unclear = "a moment needs its time zone to become a day"
        raise ValueError(unclear)
    return when.astimezone(zone(tz)).date()


def _decimals(digits: int) -> str:
    return "." + "0" * digits if digits else ""


def _spaced(text: str) -> str:
    return text.replace(NARROW_NBSP, NBSP)


# Catalogues

Msgid = str | tuple[str, ...]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "lazy": None}
TEMPLATES = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}
NOT_OURS = frozenset({"node_modules", "built", "__pycache__"})
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


@cache
def _translations(lang: str) -> standard.NullTranslations:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(lang, LOCALE))
    compiled.seek(0)
    return standard.GNUTranslations(compiled)


def load() -> None:
    """Read every catalogue now rather than at the first sentence."""
    for lang in LANGUAGES:
        _translations(lang)


def catalogue(lang: str, folder: Path = LOCALE) -> Catalog:
    """All that the files of one language translate, in one catalogue."""
    merged = Catalog(locale=lang)
    for _path, message in _entries(lang, folder):
        known = merged.get(_key(message.id))
        if known is None or (message.pluralizable and not known.pluralizable):
            merged.delete(_key(message.id))
            merged.add(message.id, message.string, flags=message.flags)
    return merged


def clashes(lang: str, folder: Path = LOCALE) -> list[str]:
    """The sentences two files translate differently."""
    seen: dict[str, tuple[Path, str]] = {}
    found = []
    for path, message in _entries(lang, folder):
        text = _forms(message)[0]
        first, known = seen.setdefault(_key(message.id), (path, text))
        if known != text:
            found.append(f"{_key(message.id)!r} in {first.name} and {path.name}")
    return found


def messages_in_code(root: Path = ROOT) -> dict[Msgid, str]:
    """Every sentence of the code and the templates, with the first place it stands."""
    found: dict[Msgid, str] = {}
    for room, pattern, method in (
        ("server", "**.py", "python"),
        ("events", "**.py", "python"),
        ("checkin", "**.py", "python"),
        ("templates", "**", "jinja2"),
    ):
        for file, line, msgid, _comments, _context in extract_from_dir(
            root / room,
            [(pattern, method)],
            {"**": dict(TEMPLATES)},
            KEYWORDS,
            directory_filter=lambda path: Path(path).name not in NOT_OURS,
        ):
            found.setdefault(msgid, f"{room}/{file}:{line}")
    return found


def missing(lang: str, root: Path = ROOT, folder: Path = LOCALE) -> list[str]:
    """What a translator has left to do: sentences absent, doubtful, empty or broken."""
    known = catalogue(lang, folder)
    left = []
    for msgid, place in messages_in_code(root).items():
        fault = _fault(msgid, known.get(_key(msgid)), place)
        if fault:
            left.append(f"{place}: {_key(msgid)!r} is {fault}")
    return left


def _fault(msgid: Msgid, message: Message | None, place: str) -> str:
    if message is None or (isinstance(msgid, tuple) and not message.pluralizable):
        return "not translated"
    if message.fuzzy:
        return "doubtful (fuzzy)"
    if not all(_forms(message)):
        return "empty"
    asked = (msgid,) if isinstance(msgid, str) else msgid
    names = {name for text in asked for name in PLACEHOLDER.findall(text)}
    is_template = place.startswith("templates/")
    for text in (*asked, *_forms(message)):
        if not _fills(text, names, is_template=is_template):
            return f"broken: {text!r}"
    return ""


def _fills(text: str, names: set[str], *, is_template: bool) -> bool:
    """Does the sentence take the placeholders of its source, and nothing else?"""
    if set(PLACEHOLDER.findall(text)) - names:
        return False
    is_filled = is_template or bool(names)  # and then a bare % must be doubled
    return not (is_filled and "%" in re.sub(r"%%|%\(\w+\)s", "", text))


def _entries(lang: str, folder: Path) -> Iterator[tuple[Path, Message]]:
    for path in sorted((folder / lang).glob("*.po")):
        with path.open("rb") as file:
            messages = read_po(file, lang, ignore_obsolete=True, abort_invalid=True)
        yield from ((path, message) for message in messages if message.id)


def _key(msgid: object) -> str:
    return str(msgid[0] if isinstance(msgid, list | tuple) else msgid)


def _forms(message: Message) -> tuple[str, ...]:
    strings = message.string or ""
    return (strings,) if isinstance(strings, str) else tuple(strings)
