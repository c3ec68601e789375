"""Tallies: what a file would do, counted with its reasons and a few rows of each.

A row is new, matched, in conflict (kept out until somebody decides) or ignored (it says
nothing we keep). Every row has one reason, so that the counts always add up.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from events.engagement.imports.headings import Columns, Kind
from server.i18n import Lazy, lazy

SAMPLES = 5
LONGEST_SAMPLE = 80


class Fate(StrEnum):
    """What becomes of a row."""

    NEW = "new"
    MATCHED = "matched"
    CONFLICT = "conflict"
    IGNORED = "ignored"


REASONS: Mapping[str, tuple[Fate, Lazy]] = {
    "new_member": (Fate.NEW, lazy("A person not known yet.")),
    "new_act": (Fate.NEW, lazy("An act not kept yet.")),
    "new_attendance": (Fate.NEW, lazy("A presence or an absence not known yet.")),
    "same_email": (Fate.MATCHED, lazy("Known by the e-mail address.")),
    "same_handle": (Fate.MATCHED, lazy("Known by the handle in this channel.")),
    "known_act": (Fate.MATCHED, lazy("This act is kept already.")),
    "known_attendance": (Fate.MATCHED, lazy("This presence or absence is known already.")),
    "name_only": (
        Fate.CONFLICT,
        lazy("A name alone, no e-mail or handle: people are never merged by name."),
    ),
    "two_people": (
        Fate.CONFLICT,
        lazy("The e-mail and the handle belong to two people."),
    ),
    "bad_email": (Fate.CONFLICT, lazy("The e-mail address cannot be read.")),
    "bad_date": (Fate.CONFLICT, lazy("The date cannot be read.")),
    "ambiguous_date": (
        Fate.CONFLICT,
        lazy("The date can be read two ways: say which figure is the day."),
    ),
    "future": (Fate.CONFLICT, lazy("The date is in the future.")),
    "unknown_community": (Fate.CONFLICT, lazy("No community has this name.")),
    "unknown_status": (Fate.CONFLICT, lazy("The status is not one that we know.")),
    "bad_number": (Fate.CONFLICT, lazy("The capacity is not a number.")),
    "differs": (
        Fate.CONFLICT,
        lazy("The same id comes with another author, kind or moment."),
    ),
    "two_answers": (
        Fate.CONFLICT,
        lazy("The file says two things of this person at this meetup."),
    ),
    "other_status": (
        Fate.CONFLICT,
        lazy("The meetup is known here with another answer for this person."),
    ),
    "live_meetup": (
        Fate.CONFLICT,
        lazy("This meetup is run here and not closed: its door says who came."),
    ),
    "too_many_cells": (Fate.CONFLICT, lazy("More cells than headings.")),
    "empty": (Fate.IGNORED, lazy("Neither a name, nor an e-mail, nor a handle.")),
    "no_kind": (Fate.IGNORED, lazy("The kind of act is missing.")),
    "no_meetup": (Fate.IGNORED, lazy("The meetup is missing.")),
    "said_before": (Fate.IGNORED, lazy("The file says this on another line already.")),
    "private": (Fate.IGNORED, lazy("A private message is never imported.")),
    "nobody_scanned": (
        Fate.IGNORED,
        lazy("Nobody of this meetup was scanned: attendance is not known."),
    ),
    "waited": (Fate.IGNORED, lazy("Was waiting and got no place.")),
    "not_coming": (Fate.IGNORED, lazy("Had said no, or gave the place back.")),
}


class Sample(msgspec.Struct, frozen=True):
    """One row as an example."""

    line: int
    cells: list[str]


class Reason(msgspec.Struct):
    """How many rows share a fate and why, with a few of them."""

    code: str
    count: int = 0
    samples: list[Sample] = msgspec.field(default_factory=list)

    @property
    def fate(self) -> Fate:
        return REASONS[self.code][0]

    @property
    def text(self) -> Lazy:
        return REASONS[self.code][1]


class Tally(msgspec.Struct):
    """Every row of a file, counted once."""

    reasons: dict[str, Reason] = msgspec.field(default_factory=dict)
    unlinked: int = 0

    def add(self, code: str, line: int = 0, row: list[str] | None = None) -> None:
        """Count a row, and keep it as an example while there are few."""
        reason = self.reasons.get(code)
        if reason is None:
            reason = self.reasons[code] = Reason(code)
        reason.count += 1
        if row is not None and len(reason.samples) < SAMPLES:
            cells = [cell[:LONGEST_SAMPLE] for cell in row]
            reason.samples.append(Sample(line, cells))

    def count(self, fate: Fate) -> int:
        return sum(one.count for one in self.reasons.values() if one.fate is fate)

    def counts(self) -> dict[str, int]:
        return {fate.value: self.count(fate) for fate in Fate}

    def ordered(self) -> list[Reason]:
        """The reasons by fate, then by weight."""
        order = list(Fate)
        return sorted(
            self.reasons.values(), key=lambda one: (order.index(one.fate), -one.count)
        )


class Preview(msgspec.Struct, kw_only=True):
    """What a file would do, before anything is done."""

    kind: Kind
    filename: str
    rows: int
    columns: Columns
    missing: list[str] = msgspec.field(default_factory=list)
    asks_day_first: bool = False
    day_first: bool | None = None
    tally: Tally = msgspec.field(default_factory=Tally)
    already_at: datetime | None = None

    @property
    def counts(self) -> dict[str, int]:
        return self.tally.counts()

    @property
    def reasons(self) -> list[Reason]:
        return self.tally.ordered()

    @property
    def samples(self) -> list[Sample]:
        return [sample for reason in self.reasons for sample in reason.samples]

    @property
    def problems(self) -> list[str]:
        """What stands in the way of a commit, as codes."""
        found = ["missing"] if self.missing else []
        return [*found, "day_first"] if self.asks_day_first else found

    @property
    def may_commit(self) -> bool:
        return not self.problems


class Outcome(msgspec.Struct, kw_only=True):
    """What a file did, or would do when `is_dry`."""

    kind: Kind
    filename: str
    counts: dict[str, int]
    reasons: dict[str, int]
    is_dry: bool = False
    is_same_file: bool = False
    agreed: int = 0
    problems: list[str] = msgspec.field(default_factory=list)

    @property
    def written(self) -> int:
        return 0 if self.is_dry or self.is_same_file else self.counts["new"]

    def told(self) -> list[tuple[Lazy, int]]:
        """Each reason in words, with how many rows it has."""
        return [(REASONS[code][1], number) for code, number in self.reasons.items()]

    def __str__(self) -> str:
        return self.summary()

    def summary(self) -> str:
        """The outcome in a few lines, for a terminal."""
        told = [f"{name}: {number}" for name, number in self.counts.items()]
        lines = [f"{self.filename} ({self.kind}): " + ", ".join(told)]
        lines += [f"  {number} × {text}" for text, number in self.told()]
        if self.is_same_file:
            lines.append(str(lazy("This very file was imported before: nothing changed.")))
        if self.is_dry:
            lines.append(str(lazy("Nothing is written yet.")))
        return "\n".join(lines)
