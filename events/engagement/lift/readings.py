# pyright: strict
"""What may be said of a lift, to whom, and how far it may be trusted.

Values only: the words a reader sees are in the templates.
"""

from enum import StrEnum

from events.engagement.lift.estimates import Effect

FEWEST_FOR_ORGANISER = 11
FEWEST_FOR_SPONSOR = 30
FEWEST_MEETUPS_POOLED = 5
FEWEST_ATTENDED_POOLED = 100


class Comparison(StrEnum):
    """Whom those who came are compared with."""

    LOTTERY = "lottery"
    NO_SHOWS = "no_shows"
    WAITLIST = "waitlist"
    MATCHED = "matched"
    THEMSELVES_BEFORE = "themselves_before"


class Grade(StrEnum):
    """How far a figure may be trusted: A is a lottery, D compares with nobody."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"


class Audience(StrEnum):
    """Who reads the figure."""

    ORGANISER = "organiser"
    SPONSOR = "sponsor"


class Reading(StrEnum):
    """What may be said of an effect."""

    RISE = "rise"
    FALL = "fall"
    NOT_SHOWN = "not_shown"
    TOO_FEW = "too_few"
    PROVISIONAL = "provisional"


# Rules


def grade(
    comparison: Comparison,
    effect: Effect | None,
    *,
    placebo_passes: bool | None,
    gap: Effect | None,
    flagged: bool = False,
) -> Grade:
    """How far the figure may be trusted; what could not be checked did not pass."""
    if comparison is Comparison.THEMSELVES_BEFORE:
        return Grade.D
    if comparison is Comparison.LOTTERY:
        return Grade.A
    if comparison is not Comparison.NO_SHOWS or flagged or not placebo_passes:
        return Grade.C
    if effect is None or gap is None:
        return Grade.C
    enough = min(effect.n_treated, effect.n_compared) >= FEWEST_FOR_SPONSOR
    close = 2 * abs(gap.estimate) <= abs(effect.estimate)
    return Grade.B if enough and close else Grade.C


def may_see(effect: Effect, audience: Audience) -> bool:
    """Are there enough people behind the effect for this reader?"""
    fewest = min(effect.n_treated, effect.n_compared)
    if audience is Audience.ORGANISER:
        return fewest >= FEWEST_FOR_ORGANISER
    if effect.n_meetups == 1:
        return fewest >= FEWEST_FOR_SPONSOR
    return (
        fewest >= FEWEST_FOR_SPONSOR
        and effect.n_meetups >= FEWEST_MEETUPS_POOLED
        and effect.n_treated >= FEWEST_ATTENDED_POOLED
    )


def reading(
    effect: Effect | None, audience: Audience, *, grade: Grade, is_settled: bool
) -> Reading:
    """What this reader may be told; a grade D is never told as an effect."""
    if not is_settled:
        return Reading.PROVISIONAL
    if effect is None or grade is Grade.D or not may_see(effect, audience):
        return Reading.TOO_FEW
    if effect.holds_zero:
        return Reading.NOT_SHOWN
    return Reading.RISE if effect.estimate > 0 else Reading.FALL
