"""Planted faults: each breaks the lift or its disclosure in one place, and is noticed.

A copy of the module is changed in one place and held to the claims of its own suite.
"""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

from tests.engagement.test_disclosure import CLAIMS as DISCLOSURE_CLAIMS
from tests.engagement.test_lift import CLAIMS as LIFT_CLAIMS

ROOT = Path(__file__).parents[2] / "events" / "engagement"
SUITES = {"lift": LIFT_CLAIMS, "disclosure": DISCLOSURE_CLAIMS}

# fault: (file, what stands there, what is put there instead, the claim that notices)
FAULTS = {
    "the window after starts on the morrow": (
        "lift/checks.py",
        "Window(2, 30)",
        "Window(1, 29)",
        "windows_mirror_each_other",
    ),
    "the placebo is a week off": (
        "lift/checks.py",
        "Window(-82, -54)",
        "Window(-75, -47)",
        "windows_mirror_each_other",
    ),
    "the spread is divided by n": (
        "lift/estimates.py",
        "spread / (self.n * (self.n - 1))",
        "spread / (self.n * self.n)",
        "six_sums_are_the_people",
    ),
    "the window before is forgotten": (
        "lift/estimates.py",
        "(self.s1 - self.s0) / self.n",
        "self.s1 / self.n",
        "six_sums_are_the_people",
    ),
    "the covariance has the wrong sign": (
        "lift/estimates.py",
        "- 2 * self.s01",
        "+ 2 * self.s01",
        "did_is_hc2_on_first_differences",
    ),
    "those who stayed are added": (
        "lift/estimates.py",
        "treated.mean - compared.mean",
        "treated.mean + compared.mean",
        "did_is_welch",
    ),
    "the degrees of freedom count everybody": (
        "lift/estimates.py",
        "/ (n - 1) for part",
        "/ n for part",
        "did_is_welch",
    ),
    "the interval has one tail": (
        "lift/estimates.py",
        "(1 + confidence) / 2, df) * error\n        return",
        "confidence, df) * error\n        return",
        "did_is_welch",
    ),
    "one person is an arm": (
        "lift/estimates.py",
        "SMALLEST_ARM = 2",
        "SMALLEST_ARM = 0",
        "no_figure_without_spread_or_people",
    ),
    "no spread is no error": (
        "lift/estimates.py",
        "if not sum(parts):\n        return None\n    estimate",
        "estimate",
        "no_figure_without_spread_or_people",
    ),
    "silence before divides": (
        "lift/estimates.py",
        "min(arm.n - 1, arm.s0, arm.s1)",
        "min(arm.n - 1, arm.s1)",
        "no_ratio_without_activity",
    ),
    "a large t loses its tail": (
        "lift/student.py",
        "0.5 - front",
        "1 - front",
        "quantiles_are_students",
    ),
    "every meetup weighs the same": (
        "lift/designs.py",
        "treated.n / attended for",
        "1 / len(kept) for",
        "pooled_is_stacked",
    ),
    "people who come back count as strangers": (
        "lift/designs.py",
        "clusters + _repeat_covariance(kept, weights)",
        "clusters",
        "pooled_is_stacked",
    ),
    "the pool has all the freedom of its people": (
        "lift/designs.py",
        "1 / concentration - 1",
        "attended - 1",
        "pooled_is_stacked",
    ),
    "coming is taken out of nothing": (
        "lift/designs.py",
        "person.before + effect * person.came",
        "person.before",
        "a_lottery_is_read_by_the_draw",
    ),
    "the gap is in days of nothing": (
        "lift/checks.py",
        "PRE.days / GAP_POST.days",
        "1.0",
        "doubts_are_computed",
    ),
    "noise is not shrunk": (
        "lift/checks.py",
        "between / (between + error)",
        "1",
        "ranks_are_shrunk",
    ),
    "a gap the other way is no gap": (
        "lift/readings.py",
        "2 * abs(gap.estimate)",
        "2 * gap.estimate",
        "grades_follow_the_table",
    ),
    "ten people are enough for the organiser": (
        "lift/readings.py",
        "FEWEST_FOR_ORGANISER = 11",
        "FEWEST_FOR_ORGANISER = 10",
        "readings_follow_the_table",
    ),
    "a sponsor reads a pool of four": (
        "lift/readings.py",
        "FEWEST_MEETUPS_POOLED = 5",
        "FEWEST_MEETUPS_POOLED = 4",
        "readings_follow_the_table",
    ),
    "before and after is told as an effect": (
        "lift/readings.py",
        "grade is Grade.D or ",
        "",
        "readings_follow_the_table",
    ),
    "k is off by one in tables": (
        "disclosure.py",
        "cell.people < threshold(k)",
        "cell.people < threshold(k) - 1",
        "tables_hide_what_betrays",
    ),
    "k is off by one in the audit": (
        "disclosure.py",
        "fewest = threshold(k)",
        "fewest = threshold(k) - 1",
        "the_threshold_is_exact",
    ),
    "the floor is lowered": (
        "disclosure.py",
        "FLOOR_K = 5",
        "FLOOR_K = 4",
        "the_threshold_has_a_floor",
    ),
    "the complement is shown": (
        "disclosure.py",
        "while visible and not _is_safe",
        "while False and not _is_safe",
        "tables_hide_what_betrays",
    ),
    "the remainder is forgotten": (
        "disclosure.py",
        "[*hidden, rest] if rest.people else list(hidden)",
        "list(hidden)",
        "tables_hide_what_betrays",
    ),
    "everybody is shown": (
        "disclosure.py",
        "if cell.people == total.people or cell.value == total.value:",
        "if False:",
        "tables_hide_what_betrays",
    ),
    "one person may be the figure": (
        "disclosure.py",
        "DOMINANCE_PERCENT = 85",
        "DOMINANCE_PERCENT = 86",
        "sums_of_acts_are_nobodys_in_particular",
    ),
    "counts are rounded down": (
        "disclosure.py",
        "(count + ROUNDING // 2)",
        "count",
        "counts_are_rounded_to_five",
    ),
    "only short differences are sought": (
        "disclosure.py",
        "*_small_combinations(masks, fewest),",
        "",
        "long_chains_are_seen",
    ),
    "only lonely atoms are sought": (
        "disclosure.py",
        "*_small_differences(masks, fewest),",
        "",
        "overlaps_cut_in_pieces_are_seen",
    ),
    "a month is not held against its meetups": (
        "disclosure.py",
        "*_small_remainders(masks, fewest),",
        "",
        "regulars_of_a_month_are_seen",
    ),
    "parts of parts are counted twice": (
        "disclosure.py",
        "if not any(part != other and part & other == part for other in inside):",
        "if True:",
        "regulars_of_a_month_are_seen",
    ),
    "rows are not reduced to the end": (
        "disclosure.py",
        "set(row) & set(echelon) - {pivot}",
        "set[int]()",
        "odd_rings_are_seen",
    ),
    "small atoms are eliminated first": (
        "disclosure.py",
        "(-atom.bit_count(), atom)",
        "(atom.bit_count(), atom)",
        "long_chains_are_seen",
    ),
    "an edition may lose one person": (
        "disclosure.py",
        "changed == 0 or changed >=",
        "changed < 2 or changed >=",
        "editions_change_by_nobody_or_by_many",
    ),
}


@pytest.fixture
def planted(tmp_path):
    """Load a changed copy of a module under a name of its own, then forget it."""
    names = []

    def plant(file, old, new):
        room = file.split("/")[0].removesuffix(".py")
        name = f"planted_{room}"
        source = ROOT / room if (ROOT / room).is_dir() else ROOT / file
        home = tmp_path / name
        if source.is_dir():
            shutil.copytree(source, home, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            home.mkdir()
            shutil.copy(source, home / "__init__.py")
        faulty = home / (Path(file).name if source.is_dir() else "__init__.py")
        before = faulty.read_text()
        assert before.count(old) == 1, "the fault no longer finds its place"
        faulty.write_text(before.replace(old, new))
        for part in home.glob("*.py"):
            ours = f"events.engagement.{room}"
            part.write_text(part.read_text().replace(ours, name))
        spec = importlib.util.spec_from_file_location(name, home / "__init__.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        names.append(name)
        spec.loader.exec_module(module)
        return module

    yield plant
    for loaded in [key for key in sys.modules if key.split(".")[0] in names]:
        del sys.modules[loaded]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_noticed(fault, planted):
    file, old, new, claim = FAULTS[fault]
    suite = SUITES[file.split("/")[0].removesuffix(".py")]
    (notice,) = [each for each in suite if each.__name__ == claim]
    module = planted(file, old, new)
    with pytest.raises((AssertionError, ArithmeticError, AttributeError, TypeError)):
        notice(module)


@pytest.mark.parametrize(
    ("file", "same"),
    [("lift/student.py", "STIRLING_FROM = 100.0"), ("disclosure.py", "DEFAULT_K = 11")],
)
def test_every_claim_holds_without_a_fault(file, same, planted):
    module = planted(file, same, same)
    for claim in SUITES[file.split("/")[0].removesuffix(".py")]:
        claim(module)
