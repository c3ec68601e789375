# pyright: strict
"""The doubts every lift is printed with: windows, placebo, gap, drift and noise.

Windows are whole local days counted from the day of the meetup, the last one left
out. Equal lengths at equal distance on both sides cancel a passing wish to come
(Chabe-Ferret 2015); the eve, the day and the morrow belong to the meetup itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import inf
from typing import NamedTuple

from events.engagement.lift.estimates import Arm, Effect, did


class Window(NamedTuple):
    """Whole local days counted from the day of the meetup; `until` is left out."""

    first: int
    until: int

    @property
    def days(self) -> int:
        """How long the window is."""
        return self.until - self.first


PRE, POST = Window(-29, -1), Window(2, 30)
PLACEBO_PRE, PLACEBO_POST = Window(-113, -85), Window(-82, -54)
GAP_PRE, GAP_POST = Window(-57, -15), Window(-15, -1)


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """Effects pulled to their mean as far as their noise demands, in the given order."""

    mean: float
    variance_between: float
    estimates: tuple[float, ...]


# Rules


def settles_on(meetup_on: date) -> date:
    """The first day on which the window after the meetup is over."""
    return meetup_on + timedelta(days=POST.until)


def passes_far_placebo(treated: Arm, compared: Arm) -> bool | None:
    """Was there no effect of a meetup that did not exist, 84 days earlier?

    The arms hold activity in PLACEBO_PRE and PLACEBO_POST; None when that cannot be
    told. A trend just before the meetup is no gate (Roth 2022).
    """
    placebo = did(treated, compared)
    return None if placebo is None else placebo.holds_zero


def gap(treated: Arm, compared: Arm) -> Effect | None:
    """How much livelier those who came had become before coming, in days of 28.

    The arms hold activity in GAP_PRE and GAP_POST, of 42 and 14 days.
    """
    before, after = PRE.days / GAP_PRE.days, PRE.days / GAP_POST.days
    return did(treated.scaled(before, after), compared.scaled(before, after))


def sensitivity(effect: Effect, placebo: Effect, times: float = 1) -> tuple[float, float]:
    """The interval if arms may drift apart by `times` what the placebo showed.

    Rambachan and Roth 2023, simplified.
    """
    reach = effect.margin + times * abs(placebo.estimate)
    return effect.estimate - reach, effect.estimate + reach


def breakdown(effect: Effect, placebo: Effect) -> float:
    """How many times the placebo's drift the finding survives; zero if it is none."""
    spare = max(0.0, abs(effect.estimate) - effect.margin)
    if not placebo.estimate:
        return inf if spare else 0.0
    return spare / abs(placebo.estimate)


def shrunk(effects: Sequence[Effect]) -> Shrinkage | None:
    """What to rank meetups by (DerSimonian and Laird 1986); raw effects rank noise."""
    if not effects:
        return None
    errors = [effect.standard_error**2 for effect in effects]
    mean = _weighted_mean(effects, errors)
    weights = [1 / error for error in errors]
    excess = sum(
        weight * (effect.estimate - mean) ** 2
        for weight, effect in zip(weights, effects, strict=True)
    ) - (len(effects) - 1)
    room = sum(weights) - sum(weight**2 for weight in weights) / sum(weights)
    between = max(0.0, excess / room) if room > 0 else 0.0
    mean = _weighted_mean(effects, [error + between for error in errors])
    return Shrinkage(
        mean,
        between,
        tuple(
            mean + between / (between + error) * (effect.estimate - mean)
            for effect, error in zip(effects, errors, strict=True)
        ),
    )


def _weighted_mean(effects: Sequence[Effect], variances: Sequence[float]) -> float:
    """The mean of effects, each weighing as one over its variance."""
    weights = [1 / variance for variance in variances]
    pairs = zip(weights, effects, strict=True)
    return sum(weight * effect.estimate for weight, effect in pairs) / sum(weights)
