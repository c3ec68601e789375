"""Sums of money as people type them: in cents, or refused in words. Pure."""

import re
from decimal import Decimal

from babel import numbers

from server.errors import Invalid
from server.i18n import language, lazy

LARGEST = 100_000_000_000  # a thousand million, in cents
NOT_A_SUM = lazy("Write a sum such as 1500 or 1500.50.")
TOO_LARGE = lazy("This sum is too large.")
_SPACES = re.compile(r"[\s\u00a0\u202f'’]+")
_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£"}


def cents(typed: str, currency: str, *, field: str = "price") -> int:
    """A typed sum in the smallest unit of its currency; Invalid names the field.

    A comma or a point before one or two figures is the decimal mark. « 1.500 » would be
    read differently on both sides of the Channel: it is refused rather than guessed.
    """
    digits = numbers.get_currency_precision(currency)
    plain = _SPACES.sub("", typed)
    for sign in filter(None, (currency, currency.lower(), _SIGNS.get(currency))):
        plain = plain.removeprefix(sign).removesuffix(sign)
    match = re.fullmatch(r"([0-9]{1,15})(?:[.,]([0-9]{1,2}))?", plain)
    if match is None or (match[2] and len(match[2]) > digits):
        raise Invalid(**{field: NOT_A_SUM})
    sum_ = int(Decimal(f"{match[1]}.{match[2] or 0}").scaleb(digits))
    if sum_ > LARGEST:
        raise Invalid(**{field: TOO_LARGE})
    return sum_


def decimal(sum_: int, currency: str) -> str:
    """A sum with all the figures of its currency, in the mark of the reader's language."""
    whole = Decimal(sum_).scaleb(-numbers.get_currency_precision(currency))
    return f"{whole:f}".replace(".", numbers.get_decimal_symbol(language.get()))


def written(sum_: int | None, currency: str) -> str:
    """A sum as a form shows it again, without its currency; nothing for no sum."""
    if sum_ is None:
        return ""
    text = decimal(sum_, currency)
    whole, mark, part = text.partition(numbers.get_decimal_symbol(language.get()))
    return text if mark and part.strip("0") else whole
