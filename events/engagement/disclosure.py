# pyright: strict
"""Disclosure: what a sponsor may read of people without reading anyone.

A figure is published when at least k people stand behind it, rounded, and never when
it can be subtracted from others until fewer than k people are left. There is no query
box and no noise: reports are few, fixed and remembered, and a report that would open
an old one is refused (Denning, Denning and Schwartz 1979; Dinur and Nissim 2003).

k is 11, the rule of INSEE for fiscal data on persons; it may be set, never under 5.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from math import gcd

DEFAULT_K = 11
FLOOR_K = 5
ROUNDING = 5
DOMINANCE_PERCENT = 85
FEWEST_HIDDEN = 2  # one hidden cell is its total minus its sisters

Vector = dict[int, int]


class Reason(StrEnum):
    """Why a cell is empty. For our own record: readers see one and the same sign."""

    TOO_FEW = "too_few"
    NOBODY = "nobody"
    EVERYBODY = "everybody"
    DOMINATED = "dominated"
    COMPLEMENT = "complement"


@dataclass(frozen=True, slots=True)
class Hidden:
    """A cell that is not published."""

    reason: Reason


Shown = int | Hidden


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure before release: the people behind it, its value, the largest share."""

    people: int
    value: int
    largest: int

    @classmethod
    def heads(cls, people: int) -> "Cell":
        """A count of people."""
        return cls(people, people, min(people, 1))

    @classmethod
    def acts(cls, per_person: Collection[int]) -> "Cell":
        """A sum of what each of some people did."""
        return cls(len(per_person), sum(per_person), max(per_person, default=0))


@dataclass(frozen=True, slots=True)
class Published:
    """A total and its parts as they may be shown: rounded numbers or `Hidden`."""

    total: Shown
    parts: dict[str, Shown]


@dataclass(frozen=True, slots=True)
class Leak:
    """Fewer than k people whose figures follow from reports, by their places."""

    people: int
    reports: tuple[int, ...]


# Rules


def threshold(k: int = DEFAULT_K) -> int:
    """Give k back, unless it is lower than we ever go."""
    if k < FLOOR_K:
        raise ValueError(f"A published cell needs a threshold of at least {FLOOR_K}.")
    return k


def rounded(count: int) -> int:
    """The nearest multiple of five."""
    return (count + ROUNDING // 2) // ROUNDING * ROUNDING


def is_dominated(cell: Cell) -> bool:
    """Does one person make up 85 % of the figure or more?"""
    return 100 * cell.largest >= DOMINANCE_PERCENT * cell.value > 0


def primary(cell: Cell, total: Cell, k: int = DEFAULT_K) -> Reason | None:
    """Why the cell may not be shown even alone, if there is a reason."""
    if cell.value == 0:
        return Reason.NOBODY
    if cell.people < threshold(k):
        return Reason.TOO_FEW
    if cell.people == total.people or cell.value == total.value:
        return Reason.EVERYBODY
    return Reason.DOMINATED if is_dominated(cell) else None


def publish(total: Cell, parts: Mapping[str, Cell], k: int = DEFAULT_K) -> Published:
    """The total and its parts, with all hidden that could betray fewer than k people.

    The parts do not overlap. What they leave of the total counts as one more cell,
    never shown: a reader can subtract it. Until the unseen cells together are at least
    two, hold k people and are not dominated by one, the smallest part is hidden too.
    """
    rest = _rest(total, list(parts.values()))
    alone = {name: primary(cell, total, k) for name, cell in parts.items()}
    hidden = {name: Hidden(reason) for name, reason in alone.items() if reason}
    visible = sorted(set(parts) - set(hidden), key=lambda name: (parts[name].people, name))
    while visible and not _is_safe([parts[name] for name in hidden], rest, k):
        hidden[visible.pop(0)] = Hidden(Reason.COMPLEMENT)
    return Published(
        total=_shown_total(total, [parts[name] for name in hidden], rest, k),
        parts={name: hidden.get(name, rounded(cell.value)) for name, cell in parts.items()},
    )


def _rest(total: Cell, parts: Sequence[Cell]) -> Cell:
    """What the parts leave of their total, at worst the work of the busiest person."""
    people = total.people - sum(cell.people for cell in parts)
    value = total.value - sum(cell.value for cell in parts)
    if min(people, value) < 0 or (value and not people):
        raise ValueError("Parts overlap, or a figure has nobody behind it.")
    return Cell(people, value, min(total.largest, value))


def _is_safe(hidden: Sequence[Cell], rest: Cell, k: int) -> bool:
    """Can nothing be read by subtracting what is shown from the total?"""
    unseen = [*hidden, rest] if rest.people else list(hidden)
    if not unseen:
        return True
    together = Cell(
        people=sum(cell.people for cell in unseen),
        value=sum(cell.value for cell in unseen),
        largest=max(cell.largest for cell in unseen),
    )
    apart = not hidden or len(unseen) >= FEWEST_HIDDEN
    enough = together.people >= threshold(k) and together.value > 0
    return apart and enough and not is_dominated(together)


def _shown_total(total: Cell, hidden: Sequence[Cell], rest: Cell, k: int) -> Shown:
    """The total, unless it is a bad cell itself or still gives a hidden part away."""
    if total.value == 0:
        return Hidden(Reason.NOBODY)
    if total.people < threshold(k):
        return Hidden(Reason.TOO_FEW)
    if is_dominated(total):
        return Hidden(Reason.DOMINATED)
    if not _is_safe(hidden, rest, k):
        return Hidden(Reason.COMPLEMENT)
    return rounded(total.value)


def may_reissue(
    before: frozenset[bytes], after: frozenset[bytes], k: int = DEFAULT_K
) -> bool:
    """May a corrected edition follow: has nobody changed, or have at least k people?"""
    changed = len(before ^ after)
    return changed == 0 or changed >= threshold(k)


def audit(reports: Sequence[frozenset[bytes]], k: int = DEFAULT_K) -> list[Leak]:
    """What a reader of all these reports could work out about fewer than k people.

    A report is the set of (hashed) members behind a published figure. Found exactly:
    any group of members always reported together whose figure is a linear combination
    of reports, however long; a report less the sum of the reports it holds; and one
    report, A - B and A + B - C, when fewer than k people remain. To find every longer
    combination that leaves several such groups is as hard as decoding (NP-hard); those
    the elimination shows are told too.
    """
    fewest = threshold(k)
    masks = _masks(reports)
    found = {
        *_small_differences(masks, fewest),
        *_small_remainders(masks, fewest),
        *_small_combinations(masks, fewest),
    }
    return sorted(
        (
            Leak(
                people.bit_count(),
                tuple(place for place, mask in enumerate(masks) if mask & people),
            )
            for people in found
        ),
        key=lambda leak: (leak.people, leak.reports),
    )


def _masks(reports: Sequence[frozenset[bytes]]) -> list[int]:
    """Each report as a number whose bits are its members."""
    bits: dict[bytes, int] = {}
    return [
        sum(1 << bits.setdefault(member, len(bits)) for member in sorted(report))
        for report in reports
    ]


def _small_differences(masks: Sequence[int], fewest: int) -> Iterator[int]:
    """The people left by one report, by A - B, or by A + B - C, when under `fewest`."""
    known = sorted({0, *masks}, key=lambda mask: (mask.bit_count(), mask))
    sizes = [mask.bit_count() for mask in known]
    for one, other in combinations(known, 2):
        twice, either = one & other, one | other
        size = either.bit_count()
        if twice.bit_count() < fewest:
            near = bisect_left(sizes, size - fewest), bisect_left(sizes, size + fewest)
            for third in known[slice(*near)]:
                left = twice | (either ^ third)
                if 0 < left.bit_count() < fewest:
                    yield left


def _small_remainders(masks: Sequence[int], fewest: int) -> Iterator[int]:
    """The people whom a report and its parts do not both count once, under `fewest`.

    They are in none of the largest reports that the whole one holds, or in several.
    """
    for whole in set(masks):
        inside = [mask for mask in set(masks) if mask != whole and mask & whole == mask]
        once = twice = 0
        for part in inside:
            if not any(part != other and part & other == part for other in inside):
                twice |= once & part
                once |= part
        left = (whole ^ once) | twice
        if 0 < left.bit_count() < fewest:
            yield left


def _small_combinations(masks: Sequence[int], fewest: int) -> Iterator[int]:
    """The people left by any combination the elimination finds, when under `fewest`.

    Members with the same reports form one atom. With the columns of large atoms
    eliminated first, the remaining rows span all that can be said of small atoms alone,
    and reduced to the end they contain each small atom that can be known by itself.
    """
    atoms = sorted(_atoms(masks), key=lambda atom: (-atom.bit_count(), atom))
    large = sum(atom.bit_count() >= fewest for atom in atoms)
    rows = ({i: 1 for i, atom in enumerate(atoms) if atom & mask} for mask in set(masks))
    echelon = _echelon(rows)
    for pivot in sorted(echelon, reverse=True):
        if pivot >= large:
            row = echelon[pivot]
            for column in sorted(set(row) & set(echelon) - {pivot}):
                row = _without(row, column, echelon[column])
            echelon[pivot] = row
            people = sum(atoms[column] for column in row)
            if people.bit_count() < fewest:
                yield people


def _atoms(masks: Sequence[int]) -> set[int]:
    """The groups of members that every report holds whole or not at all."""
    together: defaultdict[int, int] = defaultdict(int)
    everyone = 0
    for mask in masks:
        everyone |= mask
    for bit in range(everyone.bit_length()):
        signature = sum((mask >> bit & 1) << place for place, mask in enumerate(masks))
        together[signature] |= 1 << bit
    return set(together.values())


def _echelon(rows: Iterator[Vector]) -> dict[int, Vector]:
    """Rows spanning the same space, each by its own first column; exact, in integers."""
    echelon: dict[int, Vector] = {}
    for start in rows:
        row = start
        while row and (first := min(row)) in echelon:
            row = _without(row, first, echelon[first])
        if row:
            echelon[min(row)] = row
    return echelon


def _without(row: Vector, column: int, by: Vector) -> Vector:
    """The row with one column cleared by another row, in lowest terms."""
    keep, take = by[column], row[column]
    mixed = {
        place: keep * row.get(place, 0) - take * by.get(place, 0) for place in {*row, *by}
    }
    shared = gcd(*mixed.values()) or 1
    return {place: value // shared for place, value in mixed.items() if value}
