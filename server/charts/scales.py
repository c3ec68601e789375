"""Scales: values that may be missing, and the round places an axis names."""

import math
from collections.abc import Iterable
from typing import NamedTuple

LIMIT = 1e100
NICE = (1.0, 2.0, 5.0, 10.0)
CLOCK = (5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0, 360.0, 720.0, 1440.0)


class Point(NamedTuple):
    """A value at a moment; moments are minutes on the clock of the wall."""

    at: float
    value: float | None


def ticks(low: float, high: float, *, count: int = 4, least: float = 0) -> list[float]:
    """Return round places, at least so far apart, that cover all from low to high."""
    low, high = set_apart(low, high)
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((n * power for n in NICE if n * power >= rough * 0.999), 10 * power)
    return _steps(low, high, max(step, least))


def clock_ticks(low: float, high: float, *, count: int = 5) -> list[float]:
    """Return round minutes of the clock within low and high, few enough to read."""
    low, high = set_apart(low, high)
    rough = (high - low) / count
    step = next((s for s in CLOCK if s >= rough), CLOCK[-1] * math.ceil(rough / CLOCK[-1]))
    inside = [tick for tick in _steps(low, high, step) if low <= tick <= high]
    return inside or [low]


def stepped(points: Iterable[Point]) -> list[Point]:
    """Turn exact counts into stairs: a count stays until the moment it changes."""
    stairs: list[Point] = []
    for point in points:
        if stairs and stairs[-1].value is not None and point.value is not None:
            stairs.append(Point(point.at, stairs[-1].value))
        stairs.append(point)
    return stairs


def set_apart(low: float, high: float) -> tuple[float, float]:
    """Return two ends with some room between them, whatever was given."""
    low, high = min(low, high), max(low, high)
    size = max(abs(low), abs(high), 1.0)
    return (low, high) if high - low > size * 1e-9 else (low, low + size)


def _steps(low: float, high: float, step: float) -> list[float]:
    """Return the multiples of a step from below low to above high."""
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [n * step for n in range(first, last + 1)]


def drawable(value: float | None) -> float | None:
    """Return a value that can be drawn, or nothing where there is none."""
    if value is None or value != value or value in (math.inf, -math.inf):  # noqa: PLR0124
        return None
    return float(max(-LIMIT, min(LIMIT, value)))


def all_known(values: Iterable[float | None]) -> list[float]:
    """Return the values that are there."""
    return [clean for value in values if (clean := drawable(value)) is not None]


def lengths_of(values: Iterable[float | None]) -> list[float]:
    """Return what can be laid end to end: a part that is missing or negative is nil."""
    return [max(0.0, drawable(value) or 0.0) for value in values]


def share_between(value: float, low: float, high: float) -> float:
    """Return the share of the way from low to high, never outside."""
    return max(0.0, min(1.0, (value - low) / (high - low)))
