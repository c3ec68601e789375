"""Disclosure: nobody can be read in what sponsors are shown, nor by subtracting it.

The claims take the module they speak of, so that planted faults can be held to the
same words (`tests/faults/test_lift_faults.py`).
"""

from fractions import Fraction
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.engagement import disclosure


def members(*numbers):
    """Hashed members; ranges and single numbers may be mixed."""
    spread = [range(n, n + 1) if isinstance(n, int) else n for n in numbers]
    return frozenset(b"%d" % n for part in spread for n in part)


def heads(module, total, **parts):
    cells = {name: module.Cell.heads(people) for name, people in parts.items()}
    return module.publish(module.Cell.heads(total), cells)


def shown(module, published):
    """A table in short: numbers as they are, reasons as words."""
    cells = {"total": published.total} | published.parts
    return {
        name: cell.reason.value if isinstance(cell, module.Hidden) else cell
        for name, cell in cells.items()
    }


def sizes(leaks):
    return [leak.people for leak in leaks]


# total and parts, then what is shown of them
TABLES = [
    ((60, {}), {"total": 60}),
    ((61, {"a": 33, "b": 28}), {"total": 60, "a": 35, "b": 30}),
    ((11, {}), {"total": 10}),
    ((10, {}), {"total": "too_few"}),
    ((0, {"a": 0}), {"total": "nobody", "a": "nobody"}),
    # a single leaf too small betrays itself: the smallest of the others is hidden too
    ((60, {"a": 4, "b": 26, "c": 30}), {"a": "too_few", "b": "complement", "c": 30}),
    ((60, {"a": 10, "b": 20, "c": 30}), {"a": "too_few", "b": "complement", "c": 30}),
    ((61, {"a": 11, "b": 20, "c": 30}), {"a": 10, "b": 20, "c": 30}),
    # two small leaves are enough only if together they hold k people
    ((40, {"a": 5, "b": 5, "c": 30}), {"a": "too_few", "b": "too_few", "c": "complement"}),
    ((41, {"a": 5, "b": 6, "c": 30}), {"a": "too_few", "b": "too_few", "c": 30}),
    # what is left of the total is one more cell, which nobody may compute
    ((60, {"a": 30, "b": 25}), {"a": 30, "b": "complement"}),
    ((60, {"a": 29, "b": 20}), {"a": 30, "b": 20}),
    ((60, {"a": 30, "b": 4}), {"a": 30, "b": "too_few"}),
    # nobody and everybody say something of each one
    ((60, {"a": 30, "b": 30, "c": 0}), {"a": "complement", "b": 30, "c": "nobody"}),
    ((60, {"a": 60, "b": 0}), {"total": 60, "a": "everybody", "b": "nobody"}),
    ((60, {"a": 60}), {"total": "complement", "a": "everybody"}),
]


# Claims


def tables_hide_what_betrays(module):
    for (total, parts), expected in TABLES:
        got = shown(module, heads(module, total, **parts))
        assert got.items() >= expected.items(), (total, parts, got)


def counts_are_rounded_to_five(module):
    assert [module.rounded(n) for n in range(11, 19)] == [10, 10, 15, 15, 15, 15, 15, 20]
    assert module.rounded(0) == 0


def sums_of_acts_are_nobodys_in_particular(module):
    many, few = [5] * 20, [5] * 10
    busy, calm = [170, *[3] * 10], [169, *[3] * 10]
    acts = module.Cell.acts
    assert acts(busy) == module.Cell(people=11, value=200, largest=170)
    assert module.is_dominated(acts(busy))
    assert not module.is_dominated(acts(calm))
    assert not module.is_dominated(acts([0] * 20))
    assert not module.is_dominated(acts([]))
    table = module.publish(
        acts([*busy, *many, *many, 1]),
        {"a": acts(busy), "b": acts(many), "c": acts([*many, 1])},
    )
    assert shown(module, table) == {
        "total": 400,
        "a": "dominated",
        "b": "complement",
        "c": 100,
    }
    assert shown(module, module.publish(acts(busy), {}))["total"] == "dominated"
    # ten busy people and twenty idle ones: to show the busy is to show the idle
    idle = module.publish(acts([*many, *[0] * 20]), {"a": acts(many), "b": acts([0] * 20)})
    assert shown(module, idle) == {"total": 100, "a": "everybody", "b": "nobody"}
    rest = module.publish(
        acts([*many, *many, *[0] * 20]), {"a": acts(many), "b": acts(many)}
    )
    assert shown(module, rest) == {"total": 200, "a": "complement", "b": 100}
    lone = module.publish(acts([*many, *few, 900]), {"a": acts(many)})
    assert shown(module, lone) == {"total": "dominated", "a": "complement"}


def one_leaver_is_seen(module):
    everyone = members(range(60))
    leaks = module.audit([everyone, everyone - members(17)])
    assert leaks == [module.Leak(people=1, reports=(0,))]
    assert module.audit([everyone, everyone]) == []


def three_reports_are_seen(module):
    """A + B - C gives one member's figure though every pair of reports is legal."""
    one, two = members(range(40)), members(range(39, 80))
    three = members(range(80)) - members(39)
    reports = [one, two, three]
    assert all(len(a ^ b) >= 11 for a, b in combinations(reports, 2))
    assert module.audit(reports[:2]) == []
    assert sizes(module.audit(reports)) == [1]


def long_chains_are_seen(module):
    """Six reports whose alternating sum is three people, and no five of them are."""
    blocks = [range(30 * i, 30 * i + 30) for i in range(6)]
    reports = [members(one, other) for one, other in pairwise(blocks)]
    reports.append(members(blocks[0], blocks[5], range(900, 903)))
    assert module.audit(reports) == [module.Leak(people=3, reports=(5,))]
    assert not any(module.audit(list(five)) for five in combinations(reports, 5))


def odd_rings_are_seen(module):
    """Five groups of eight, reported two by two around a table: each can be known."""
    groups = [range(8 * i, 8 * i + 8) for i in range(5)]
    ring = [members(groups[i - 1], groups[i]) for i in range(5)]
    assert sizes(module.audit(ring)) == [8] * 5
    assert module.audit(ring[:-1]) == []


def the_threshold_is_exact(module):
    tree = [members(range(30)), members(range(30, 60)), members(range(71))]
    assert module.audit(tree) == []  # a remainder of eleven
    assert sizes(module.audit([*tree[:2], members(range(70))])) == [10]
    assert module.audit([members(range(11))]) == []
    assert module.audit([members(range(10))]) == [module.Leak(people=10, reports=(0,))]
    assert module.audit([]) == module.audit([frozenset()]) == []
    assert module.audit([members(range(10))], k=10) == []


def a_swap_is_a_difference(module):
    """Two reports that differ by five people on each side compare ten people."""
    here = members(range(30), range(100, 105))
    assert sizes(module.audit([here, members(range(30), range(200, 205))])) == [10]
    assert module.audit([here, members(range(30), range(200, 206))]) == []


def overlaps_cut_in_pieces_are_seen(module):
    """The six who came twice follow from two meetups and their month, cut or not."""
    first, second = members(range(30)), members(range(24, 60))
    month, third = first | second, members(range(27), range(70, 90))
    assert sizes(module.audit([first, second, month])) == [6]
    assert sizes(module.audit([first, second, month, third])) == [6]
    # five against five, each tied by elimination to nine others in three pieces
    crowds = [range(100 * i, 100 * i + 30) for i in (1, 2, 3)]
    known = [members(range(5), crowds[0]), members(range(5, 10), crowds[0])]
    ties = [members(range(5), range(10, 19))]
    ties += [members(range(10, 13), crowds[1]), members(range(13, 16), crowds[2])]
    assert sizes(module.audit([*known, *ties])) == [10]


def regulars_of_a_month_are_seen(module):
    """A month less its meetups is the people who came twice; here ten, in two pieces,
    five of whom also came twice in the next month, with nine others."""
    once, again, others = (
        range(5),
        range(5, 10),
        [range(10 + 3 * i, 13 + 3 * i) for i in range(3)],
    )
    crowds = [range(100 * i, 100 * i + 30) for i in range(1, 8)]
    first = [
        members(crowds[0], once, again),
        members(crowds[1], once, again),
        members(crowds[2]),
    ]
    second = [
        members(crowds[3], again, others[0]),
        members(crowds[4], others[0], others[1]),
        members(crowds[5], again, others[1], others[2]),
        members(crowds[6], others[2]),
    ]
    months = [frozenset().union(*meetups) for meetups in (first, second)]
    assert module.audit([*second, months[1]]) == []
    assert module.audit([*first, *second]) == []
    assert sizes(module.audit([*first, *second, *months])) == [10]
    part = members(crowds[0][:12])  # a report within a report within the month
    assert sizes(module.audit([*first, *second, *months, part])) == [10]


def editions_change_by_nobody_or_by_many(module):
    before = members(range(30))
    assert module.may_reissue(before, before)
    assert not module.may_reissue(before, members(range(29)))
    assert not module.may_reissue(before, members(range(5, 35)))
    assert not module.may_reissue(before, members(range(40)))
    assert module.may_reissue(before, members(range(41)))
    assert module.may_reissue(before, members(range(5, 36)))


def the_threshold_has_a_floor(module):
    assert module.threshold() == 11
    assert module.threshold(5) == 5
    cell = module.Cell.heads(4)
    for attempt in (
        lambda: module.threshold(4),
        lambda: module.audit([], k=4),
        lambda: module.publish(cell, {"a": cell}, k=4),
        lambda: module.may_reissue(members(1), members(2), k=4),
    ):
        try:
            attempt()
        except ValueError:
            continue
        raise AssertionError("a threshold of four was taken")


CLAIMS = [
    tables_hide_what_betrays,
    counts_are_rounded_to_five,
    sums_of_acts_are_nobodys_in_particular,
    one_leaver_is_seen,
    three_reports_are_seen,
    long_chains_are_seen,
    odd_rings_are_seen,
    the_threshold_is_exact,
    a_swap_is_a_difference,
    overlaps_cut_in_pieces_are_seen,
    regulars_of_a_month_are_seen,
    editions_change_by_nobody_or_by_many,
    the_threshold_has_a_floor,
]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_claim(claim):
    claim(disclosure)


# Rules


@pytest.mark.parametrize(
    ("total", "parts"),
    [
        (disclosure.Cell.heads(20), [disclosure.Cell.heads(12), disclosure.Cell.heads(12)]),
        (disclosure.Cell(30, 20, 1), [disclosure.Cell(12, 21, 3)]),
        (disclosure.Cell(30, 20, 1), [disclosure.Cell(30, 19, 3)]),
    ],
)
def test_parts_that_cannot_be_are_refused(total, parts):
    with pytest.raises(ValueError, match="Parts overlap"):
        disclosure.publish(total, dict(zip("ab", parts, strict=False)))


@settings(deadline=None)  # the machine may be busy
@given(
    st.lists(st.integers(0, 40), max_size=6),
    st.integers(0, 20),
    st.integers(disclosure.FLOOR_K, 15),
)
def test_no_table_betrays_a_small_cell(counts, rest, k):
    parts = {str(place): disclosure.Cell.heads(n) for place, n in enumerate(counts)}
    total = disclosure.Cell.heads(sum(counts) + rest)
    table = disclosure.publish(total, parts, k)
    seen = {name for name, cell in table.parts.items() if isinstance(cell, int)}
    for name in seen:
        assert k <= parts[name].people < total.people
        assert table.parts[name] == disclosure.rounded(parts[name].value)
    if isinstance(table.total, int):
        unseen = [cell.people for name, cell in parts.items() if name not in seen]
        left = total.people - sum(parts[name].people for name in seen)
        assert total.people >= k
        assert left == 0 or left >= k
        assert len(unseen) + (rest > 0) != 1 or (not unseen and rest >= k)


@st.composite
def ledgers(draw):
    """Reports over sixty members, made of blocks, unions and late changes."""
    blocks = [set(range(start, start + 12)) for start in range(0, 60, 12)]
    reports = []
    for chosen in draw(
        st.lists(st.sets(st.integers(0, 4), min_size=1), min_size=1, max_size=6)
    ):
        people = set().union(*(blocks[i] for i in chosen))
        people ^= draw(st.sets(st.integers(0, 59), max_size=4))
        reports.append(members(*people))
    return reports


def accepted(reports, k=disclosure.DEFAULT_K):
    """The ledger of a guard that releases what opens nothing."""
    ledger = []
    for report in reports:
        if not disclosure.audit([*ledger, report], k):
            ledger.append(report)
    return ledger


def incidence(reports):
    everyone = sorted(frozenset().union(*reports))
    return np.array([[member in report for member in everyone] for report in reports], int)


@settings(deadline=None)  # the machine may be busy
@given(ledgers())
def test_no_difference_of_released_reports_is_about_few(reports):
    ledger = accepted(reports)
    if ledger:
        table = incidence(ledger)
        for weights in product((-1, 0, 1), repeat=len(ledger)):
            if np.abs(weights).sum() <= 3:
                left = np.count_nonzero(weights @ table)
                assert left == 0 or left >= 11


@settings(deadline=None)  # the machine may be busy
@given(ledgers())
def test_no_released_report_less_its_parts_is_about_few(reports):
    ledger = accepted(reports)
    for whole in ledger:
        inside = {part for part in ledger if part < whole}
        largest = [part for part in inside if not any(part < other for other in inside)]
        left = [name for name in whole if sum(name in part for part in largest) != 1]
        assert not left or len(left) >= 11


@settings(deadline=None)  # the machine may be busy
@given(ledgers())
def test_the_audit_finds_every_member_whose_figure_follows(reports):
    """Against ranks: a member's own vector in the span, computed by other means."""
    leaks = disclosure.audit(reports)
    table = incidence(reports)
    columns, counts = np.unique(table, axis=1, return_counts=True)
    rank = np.linalg.matrix_rank(columns)
    known = set()
    for place, count in enumerate(counts):
        unit = np.eye(len(counts), dtype=int)[place]
        if count < 11 and np.linalg.matrix_rank(np.vstack([columns, unit])) == rank:
            known.add((int(count), tuple(np.flatnonzero(columns[:, place]).tolist())))
    assert known <= {(leak.people, leak.reports) for leak in leaks}


@settings(deadline=None)  # the machine may be busy
@given(ledgers(), st.lists(st.integers(-3, 3), min_size=6, max_size=6))
def test_no_weighing_of_released_reports_singles_out_anyone(reports, weights):
    ledger = accepted(reports, k=5)
    if ledger:
        left = np.array(weights[: len(ledger)]) @ incidence(ledger)
        assert np.count_nonzero(left) != 1


def test_elimination_is_exact_where_floats_are_not():
    row = {0: 3, 1: 10**30, 2: 1}
    got = disclosure._without(row, 0, {0: 7, 1: 1})
    expected = {1: Fraction(10**30) - Fraction(3, 7), 2: Fraction(1)}
    scale = got[2]
    assert got == {place: value * scale for place, value in expected.items()}
    assert disclosure._without({0: 2, 1: 4}, 0, {0: 1, 1: 2}) == {}
