# pyright: strict
"""One meetup: the change of those who came against the change of those who did not.

Six sums per arm are enough, so a figure can be kept when the rows are gone. Sums of
whole numbers stay exact until the last division. A figure that cannot be had is
None, never zero.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, sqrt

from events.engagement.lift.student import student_quantile

SMALLEST_ARM = 2  # one person has no spread
POWER_80 = 2.8  # z(.975) + z(.80): the smallest effect seen four times out of five


@dataclass(frozen=True, slots=True)
class Arm:
    """Six sums over the people of one arm: all that their effect needs to be known."""

    n: int = 0
    s0: float = 0
    s1: float = 0
    s00: float = 0
    s11: float = 0
    s01: float = 0

    @classmethod
    def of(cls, pairs: Iterable[tuple[float, float]]) -> "Arm":
        """Sum up people given as (before, after)."""
        rows = list(pairs)
        return cls(
            n=len(rows),
            s0=sum(before for before, _ in rows),
            s1=sum(after for _, after in rows),
            s00=sum(before * before for before, _ in rows),
            s11=sum(after * after for _, after in rows),
            s01=sum(before * after for before, after in rows),
        )

    def __add__(self, other: "Arm") -> "Arm":
        """Both groups of people together."""
        return Arm(
            self.n + other.n,
            self.s0 + other.s0,
            self.s1 + other.s1,
            self.s00 + other.s00,
            self.s11 + other.s11,
            self.s01 + other.s01,
        )

    def __sub__(self, left_out: "Arm") -> "Arm":
        """The arm without some of its people."""
        sums = (left_out.s0, left_out.s1, left_out.s00, left_out.s11, left_out.s01)
        return self + Arm(-left_out.n, *(-value for value in sums))

    def scaled(self, before: float, after: float) -> "Arm":
        """The same people with each window's figures multiplied."""
        return Arm(
            self.n,
            self.s0 * before,
            self.s1 * after,
            self.s00 * before * before,
            self.s11 * after * after,
            self.s01 * before * after,
        )

    @property
    def mean(self) -> float:
        """The mean change per person."""
        return (self.s1 - self.s0) / self.n

    @property
    def variance(self) -> float:
        """The sample variance of the changes; exact zero when the sums are integers."""
        squares = self.s11 + self.s00 - 2 * self.s01
        spread = self.n * squares - (self.s1 - self.s0) ** 2
        return max(0.0, spread / (self.n * (self.n - 1)))


@dataclass(frozen=True, slots=True)
class Effect:
    """An estimate with its interval and the people behind it."""

    estimate: float
    standard_error: float
    df: float
    low: float
    high: float
    n_treated: int
    n_compared: int
    n_meetups: int = 1

    @classmethod
    def around(
        cls,
        estimate: float,
        error: float,
        df: float,
        confidence: float,
        sizes: tuple[int, int, int],
    ) -> "Effect":
        """An estimate with Student's interval on both sides."""
        reach = student_quantile((1 + confidence) / 2, df) * error
        return cls(estimate, error, df, estimate - reach, estimate + reach, *sizes)

    @property
    def margin(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    @property
    def detectable(self) -> float:
        """The smallest true effect this many people would have shown, at 80 % power."""
        return POWER_80 * self.standard_error

    @property
    def holds_zero(self) -> bool:
        """Is no effect at all inside the interval?"""
        return self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of ratios; the error is that of its logarithm."""

    ratio: float
    log_error: float
    df: float
    low: float
    high: float
    n_treated: int
    n_compared: int


# Rules


def did(treated: Arm, compared: Arm, confidence: float = 0.95) -> Effect | None:
    """The difference in differences with Welch's error and Satterthwaite's df (1946).

    It equals least squares on first differences with HC2 errors (MacKinnon and White
    1985). None when an arm has under two people, or when nobody differs from anybody
    within the arms: then there is no spread to measure an error with.
    """
    if min(treated.n, compared.n) < SMALLEST_ARM:
        return None
    parts = treated.variance / treated.n, compared.variance / compared.n
    if not sum(parts):
        return None
    estimate, error = treated.mean - compared.mean, sqrt(sum(parts))
    df = _satterthwaite(parts, (treated.n, compared.n))
    sizes = treated.n, compared.n, 1
    return Effect.around(estimate, error, df, confidence, sizes)


def _satterthwaite(parts: tuple[float, float], sizes: tuple[int, int]) -> float:
    """Degrees of freedom of a sum of two variances (Welch 1947)."""
    total = sum(parts)
    return 1 / sum(
        (part / total) ** 2 / (n - 1) for part, n in zip(parts, sizes, strict=True)
    )


def ratio(treated: Arm, compared: Arm, confidence: float = 0.95) -> Ratio | None:
    """The Poisson ratio of ratios, with errors clustered by person.

    It equals the saturated Poisson regression of active days, in closed form. None
    when an arm has under two people or no activity in a window, or no spread.
    """
    arms = treated, compared
    if min(min(arm.n - 1, arm.s0, arm.s1) for arm in arms) <= 0:
        return None
    parts = _log_variance(treated), _log_variance(compared)
    if not sum(parts):
        return None
    value = (treated.s1 / treated.s0) / (compared.s1 / compared.s0)
    error, df = sqrt(sum(parts)), _satterthwaite(parts, (treated.n, compared.n))
    factor = exp(student_quantile((1 + confidence) / 2, df) * error)
    low, high = value / factor, value * factor
    return Ratio(value, error, df, low, high, treated.n, compared.n)


def _log_variance(arm: Arm) -> float:
    """The variance of ln(mean after / mean before) in one arm."""
    product = arm.s0 * arm.s1
    squares = arm.s11 * arm.s0**2 + arm.s00 * arm.s1**2 - 2 * arm.s01 * product
    return max(0.0, squares / product**2) * arm.n / (arm.n - 1)
