# pyright: strict
"""Student's t, so that no statistical library is needed to show an interval."""

from math import exp, lgamma, log, log1p

PRECISION, TINY = 1e-15, 1e-300
STIRLING_FROM = 100.0


# Rules


def student_survival(t: float, df: float) -> float:
    """The chance that Student's t exceeds `t` (DLMF 8.17, incomplete beta function)."""
    a, y = df / 2, t * t / (df + t * t)
    if not y:
        return 0.5
    front = exp(-a * log1p(t * t / df) + log(y) / 2 - _log_beta_half(a))
    if y * (a + 2.5) > 1.5:  # noqa: PLR2004  # where the fraction converges fast
        tail = front * _beta_fraction(a, 0.5, df / (df + t * t)) / a / 2
    else:
        tail = 0.5 - front * _beta_fraction(0.5, a, y)
    return tail if t > 0 else 1 - tail


def student_quantile(probability: float, df: float) -> float:
    """The value that Student's t stays under with this probability, by bisection."""
    if not (0 < probability < 1 and df > 0):
        message = "A Student quantile needs 0 < probability < 1 and df > 0."
        raise ValueError(message)
    if probability < 0.5:  # noqa: PLR2004
        return -student_quantile(1 - probability, df)
    low, high = 0.0, 1.0
    while student_survival(high, df) > 1 - probability:
        low, high = high, high * 2
    while low < (middle := (low + high) / 2) < high:
        if student_survival(middle, df) > 1 - probability:
            low = middle
        else:
            high = middle
    return high


def _log_beta_half(a: float) -> float:
    """Give ln B(a, 1/2); by Stirling's series when a is large (DLMF 5.11)."""
    if a < STIRLING_FROM:
        return lgamma(a) + lgamma(0.5) - lgamma(a + 0.5)
    step = log(a) / 2 - 1 / (8 * a) + 1 / (192 * a**3) - 1 / (640 * a**5)
    return lgamma(0.5) - step


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Give the continued fraction of DLMF 8.17.22, by Lentz's method."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    total, step, m = d, 0.0, 0
    while abs(step - 1) > PRECISION:
        m += 1
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        step = 1.0
        for term in (even, odd):
            d = 1 / (1 + term * d or TINY)
            c = 1 + term / c or TINY
            step *= c * d
        total *= step
    return total
