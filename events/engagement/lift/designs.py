# pyright: strict
"""Several meetups together, and a meetup whose places were drawn by lot.

One meetup almost never proves anything, so meetups are pooled, each with its own
comparison. A lottery is the only design that may say "because".
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

from events.engagement.lift.estimates import SMALLEST_ARM, Arm, Effect, did

FEWEST_EFFECTIVE_MEETUPS = 1.5  # below, one meetup is four fifths of the pool


class Row(NamedTuple):
    """One person at one meetup; the same `member` may be at several meetups."""

    member: Hashable
    before: float
    after: float
    treated: bool


class Drawn(NamedTuple):
    """One person of a lottery, in the arm of the first draw, and whether she came."""

    before: float
    after: float
    came: bool


@dataclass(frozen=True, slots=True)
class Lottery:
    """What being drawn changed, and what coming changed in those the draw decided."""

    offered: Effect
    came: Effect | None


# Rules


def pooled(meetups: Sequence[Sequence[Row]], confidence: float = 0.95) -> Effect | None:
    """The mean effect of several meetups, each attendance counting once.

    Each meetup keeps its own comparison (stacked, Wing, Freedman and Hollingsworth
    2024); errors are clustered by meetup and by member (Cameron, Gelbach and Miller
    2011). Meetups with an arm under two people are left out. None when fewer than one
    and a half meetups' worth of weight remains, or when nothing varies.
    """
    split = [
        (rows, _arm(rows, treated=True), _arm(rows, treated=False)) for rows in meetups
    ]
    kept = [entry for entry in split if min(entry[1].n, entry[2].n) >= SMALLEST_ARM]
    attended = sum(treated.n for _, treated, _ in kept)
    weights = [treated.n / attended for _, treated, _ in kept]
    concentration = sum(weight**2 for weight in weights)
    if concentration * FEWEST_EFFECTIVE_MEETUPS > 1 or not kept:
        return None
    lifts = [treated.mean - compared.mean for _, treated, compared in kept]
    estimate = sum(w * lift for w, lift in zip(weights, lifts, strict=True))
    between = sum(
        (w * (lift - estimate)) ** 2 for w, lift in zip(weights, lifts, strict=True)
    )
    clusters = len(kept) / (len(kept) - 1) * between
    error = sqrt(clusters + _repeat_covariance(kept, weights))
    if not error:
        return None
    sizes = attended, sum(compared.n for _, _, compared in kept), len(kept)
    return Effect.around(estimate, error, 1 / concentration - 1, confidence, sizes)


def _arm(rows: Iterable[Row], *, treated: bool) -> Arm:
    """One side of a meetup."""
    return Arm.of((row.before, row.after) for row in rows if row.treated == treated)


def _repeat_covariance(
    kept: Sequence[tuple[Sequence[Row], Arm, Arm]], weights: Sequence[float]
) -> float:
    """What people seen at several meetups add to the variance; never negative."""
    by_member: defaultdict[Hashable, float] = defaultdict(float)
    alone = 0.0
    for (rows, treated, compared), weight in zip(kept, weights, strict=True):
        for row in rows:
            arm, sign = (treated, weight) if row.treated else (compared, -weight)
            change = row.after - row.before - arm.mean
            influence = sign * change / sqrt(arm.n * (arm.n - 1))
            by_member[row.member] += influence
            alone += influence**2
    return max(0.0, sum(total**2 for total in by_member.values()) - alone)


def lottery(
    winners: Sequence[Drawn], losers: Sequence[Drawn], confidence: float = 0.95
) -> Lottery | None:
    """The effect of being drawn, and of coming for those who came because of it.

    Arms follow the first draw, whoever came. The second figure is the first divided by
    the difference of the shares who came (Imbens and Angrist 1994); its error is the
    delta method's: that of `change - effect * came`, divided by the same difference. It
    is None unless winners came more often than losers.
    """
    offered = did(_drawn_arm(winners), _drawn_arm(losers), confidence)
    if offered is None:
        return None
    share = _share_came(winners) - _share_came(losers)
    if share <= 0:
        return Lottery(offered, None)
    late = offered.estimate / share
    left = did(_drawn_arm(winners, late), _drawn_arm(losers, late), confidence)
    if left is None:
        return Lottery(offered, None)
    error, reach = left.standard_error / share, left.margin / share
    sizes = len(winners), len(losers)
    return Lottery(
        offered, Effect(late, error, left.df, late - reach, late + reach, *sizes)
    )


def _drawn_arm(people: Sequence[Drawn], effect: float = 0) -> Arm:
    """An arm of a lottery, with an effect of coming taken out of each change."""
    return Arm.of((person.before + effect * person.came, person.after) for person in people)


def _share_came(people: Sequence[Drawn]) -> float:
    """The share of an arm who came."""
    return sum(person.came for person in people) / len(people)
