"""Effects: the lift of a meetup or of several, as far as a reader may be told.

The people and their windows come from `followed`, the estimates are made in `lift`. Who
cannot be followed is left out of both groups, and counted with the reason. A number that
this reader may not see, or that is not settled, does not leave this module.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from events.engagement import lift
from events.engagement.followed import Held, Person
from events.engagement.lift import Arm, Audience, Comparison, Drawn, Effect, Grade, Reading
from events.engagement.metrics import share
from server.i18n import zone

FEWEST_LINKED = 0.5
FEWEST_POOLED = 2
A_DAY_OR_TWO = 2  # nobody active on the very last day is still a whole window


class Outcome(StrEnum):
    """What is counted before and after."""

    ACTIVE_DAYS = "active_days"
    QUALIFIED_ACTS = "qualified_acts"


class Estimate(msgspec.Struct, frozen=True):
    """An effect with its interval and the people behind it."""

    estimate: float
    low: float
    high: float
    standard_error: float
    df: float
    n_treated: int
    n_compared: int
    n_meetups: int
    detectable: float


class Relative(msgspec.Struct, frozen=True):
    """The same as a ratio of ratios: 1.2 is a fifth more."""

    ratio: float
    low: float
    high: float


class Finding(msgspec.Struct, frozen=True):
    """What one outcome shows, as far as this reader may be told."""

    outcome: Outcome
    is_primary: bool
    reading: Reading
    grade: Grade
    effect: Estimate | None = None
    by_coming: Estimate | None = None
    relative: Relative | None = None


class Excluded(msgspec.Struct, frozen=True):
    """How many registrations were left out of the comparison, and why."""

    reason: str
    people: int


class Lift(msgspec.Struct, frozen=True):
    """The question, how it was asked, and what each outcome answers."""

    comparison: Comparison
    meetups: int
    fixed_on: date | None
    settles_on: date
    why: str
    came: int
    came_linked: int
    compared: int
    compared_linked: int
    excluded: list[Excluded]
    findings: list[Finding]
    placebo: Estimate | None = None
    gap: Estimate | None = None
    breakdown: float | None = None


Measure = Callable[[Person], tuple[float, float]]

# Rules


def effect_of(
    held: Held, people: Sequence[Person], *, audience: Audience, now: datetime
) -> Lift:
    """What one meetup shows."""
    return _lift([held], [_compared(held, people)], audience, now)


def pooled_effect(
    held: Sequence[Held], people: Sequence[Person], *, audience: Audience, now: datetime
) -> Lift | None:
    """What the settled meetups show together, or None when they are fewer than two.

    Those with a draw are pooled only when all have one: the two designs do not answer
    the same question.
    """
    of: dict[UUID, list[Person]] = {one.id: [] for one in held}
    for person in people:
        of[person.meetup_id].append(person)
    ready = [one for one in held if not unready(one, of[one.id], now)]
    plain = [one for one in ready if one.comparison != Comparison.LOTTERY]
    chosen = plain or ready
    if len(chosen) < FEWEST_POOLED:
        return None
    return _lift(chosen, [_compared(one, of[one.id]) for one in chosen], audience, now)


def unready(held: Held, people: Sequence[Person], now: datetime) -> str:
    """Why the effect of a meetup cannot be read yet, or nothing."""
    if held.closed_at is None:
        return "not_closed"
    settles = lift.settles_on(held.on)
    if now.astimezone(zone(held.time_zone)).date() < settles:
        return "not_before"
    last = max((p.last for p in people if p.last is not None), default=None)
    if last is not None and last >= lift.POST.until - A_DAY_OR_TWO:
        return ""
    imported = held.imported_at
    if imported is not None and imported.astimezone(zone(held.time_zone)).date() >= settles:
        return ""
    return "no_activity"


def _compared(held: Held, people: Sequence[Person]) -> list[Person]:
    """Those whom the plan compares: all who were drawn for, or all who were admitted."""
    if held.comparison == Comparison.LOTTERY:
        return [person for person in people if person.is_drawn is not None]
    return [person for person in people if person.is_admitted]


def _is_treated(person: Person, comparison: Comparison) -> bool:
    """Is this person in the first group: drawn, or come?"""
    return bool(person.is_drawn) if comparison is Comparison.LOTTERY else person.came


def _lift(
    held: Sequence[Held],
    groups: Sequence[Sequence[Person]],
    audience: Audience,
    now: datetime,
) -> Lift:
    """The answer of one meetup or of several, as far as this reader may be told."""
    comparison = Comparison(held[0].comparison)
    everybody = [person for people in groups for person in people]
    kept = [[person for person in people if not person.reason] for people in groups]
    why = next(
        (w for o, g in zip(held, groups, strict=True) if (w := unready(o, g, now))), ""
    )
    tests = _Tests(kept, comparison)
    treated = [p for p in everybody if _is_treated(p, comparison)]
    compared = [p for p in everybody if not _is_treated(p, comparison)]
    linked = [p for p in treated if not p.reason]
    covered = share(len(linked), len(treated)) or 0.0
    primary = Outcome(held[0].primary_outcome)
    found = [
        _finding(tests, outcome, primary, audience, why, flagged=covered < FEWEST_LINKED)
        for outcome in sorted(Outcome, key=lambda one: one is not primary)
    ]
    told = found[0].effect is not None
    placebo = _estimate(tests.placebo) if told else None
    reasons = Counter(p.reason for p in everybody if p.reason)
    return Lift(
        comparison=comparison,
        meetups=len(held),
        fixed_on=_fixed_on(held),
        settles_on=max(lift.settles_on(one.on) for one in held),
        why=why,
        came=len(treated),
        came_linked=len(linked),
        compared=len(compared),
        compared_linked=sum(not p.reason for p in compared),
        excluded=[Excluded(reason, reasons[reason]) for reason in sorted(reasons)],
        findings=found,
        placebo=placebo,
        gap=_estimate(tests.gap) if told else None,
        breakdown=_breakdown(tests, primary) if placebo else None,
    )


def _fixed_on(held: Sequence[Held]) -> date | None:
    """The day the last of the plans was fixed; None when one never was."""
    moments = [(one.fixed_at, one.time_zone) for one in held]
    days = [at.astimezone(zone(where)).date() for at, where in moments if at is not None]
    return max(days) if len(days) == len(held) else None


class _Tests:
    """The estimates of some people: the effect, the test 84 days earlier, and the gap."""

    def __init__(self, groups: Sequence[Sequence[Person]], comparison: Comparison) -> None:
        self.groups, self.comparison = groups, comparison
        self.placebo = self.did(lambda p: p.placebo)
        self.gap = self._gap()

    def did(self, of: Measure) -> Effect | None:
        """The difference in differences of one measure, over one meetup or several."""
        if len(self.groups) > 1:
            return lift.pooled([
                [lift.Row(p.member_id, *of(p), self.treats(p)) for p in people]
                for people in self.groups
            ])  # fmt: skip
        return lift.did(*self.arms(of))

    def arms(self, of: Measure) -> tuple[Arm, Arm]:
        """Both groups of everybody, summed up."""
        people = [person for group in self.groups for person in group]
        return (
            Arm.of(of(p) for p in people if self.treats(p)),
            Arm.of(of(p) for p in people if not self.treats(p)),
        )

    def treats(self, person: Person) -> bool:
        return _is_treated(person, self.comparison)

    def _gap(self) -> Effect | None:
        """How much livelier those who came had become before, in days of 28."""
        if len(self.groups) == 1:
            return lift.gap(*self.arms(lambda p: p.gap))
        whole = lift.PRE.days
        before, after = whole / lift.GAP_PRE.days, whole / lift.GAP_POST.days
        return self.did(lambda p: (p.gap[0] * before, p.gap[1] * after))

    def lottery(self, of: Measure) -> lift.Lottery | None:
        """What the draw changed and what coming changed, in one meetup."""
        (people,) = self.groups
        winners = [Drawn(*of(p), p.came) for p in people if p.is_drawn]
        losers = [Drawn(*of(p), p.came) for p in people if not p.is_drawn]
        return lift.lottery(winners, losers)


def _measure(outcome: Outcome) -> Measure:
    return (lambda p: p.days) if outcome is Outcome.ACTIVE_DAYS else (lambda p: p.acts)


def _finding(
    tests: _Tests,
    outcome: Outcome,
    primary: Outcome,
    audience: Audience,
    why: str,
    *,
    flagged: bool,
) -> Finding:
    """What one outcome shows; its numbers stay here unless this reader may be told."""
    of = _measure(outcome)
    effect = tests.did(of)
    grade = lift.grade(
        tests.comparison,
        effect,
        placebo_passes=None if tests.placebo is None else tests.placebo.holds_zero,
        gap=tests.gap,
        flagged=flagged,
    )
    reading = lift.reading(effect, audience, grade=grade, is_settled=not why)
    told = reading not in {Reading.PROVISIONAL, Reading.TOO_FEW}
    return Finding(
        outcome=outcome,
        is_primary=outcome is primary,
        reading=reading,
        grade=grade,
        effect=_estimate(effect) if told else None,
        by_coming=_by_coming(tests, of) if told else None,
        relative=_relative(tests) if told and outcome is Outcome.ACTIVE_DAYS else None,
    )


def _by_coming(tests: _Tests, of: Measure) -> Estimate | None:
    """After a draw in which not all who won came: the effect of coming."""
    if tests.comparison is not Comparison.LOTTERY or len(tests.groups) > 1:
        return None
    if all(p.came == bool(p.is_drawn) for p in tests.groups[0]):
        return None
    drawn = tests.lottery(of)
    return _estimate(drawn.came) if drawn else None


def _relative(tests: _Tests) -> Relative | None:
    if len(tests.groups) > 1:
        return None
    found = lift.ratio(*tests.arms(lambda p: p.days))
    return Relative(found.ratio, found.low, found.high) if found else None


def _breakdown(tests: _Tests, primary: Outcome) -> float | None:
    """How many times the drift of the placebo the finding survives."""
    effect = tests.did(_measure(primary))
    if effect is None or tests.placebo is None or not tests.placebo.estimate:
        return None
    return lift.breakdown(effect, tests.placebo)


def _estimate(effect: Effect | None) -> Estimate | None:
    if effect is None:
        return None
    return Estimate(
        estimate=effect.estimate,
        low=effect.low,
        high=effect.high,
        standard_error=effect.standard_error,
        df=effect.df,
        n_treated=effect.n_treated,
        n_compared=effect.n_compared,
        n_meetups=effect.n_meetups,
        detectable=effect.detectable,
    )
