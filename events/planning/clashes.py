"""Clashes: two meetups that stand in each other's way, whichever brand holds them.

Pure rules over what a calendar shows. Cancelled meetups are in nobody's way, nor are those
postponed until nobody knows when.
"""

import unicodedata
from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from server.i18n import zone


class Reason(StrEnum):
    """Why two meetups clash, the worst first."""

    OVERLAP = "overlap"
    SAME_VENUE = "same_venue"
    SAME_DAY = "same_day"


class Entry(msgspec.Struct, frozen=True):
    """A meetup of one workspace, as a calendar over several shows it."""

    id: UUID
    workspace_id: UUID
    slug: str
    title: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    venue: str
    capacity: int
    taken: int
    published_at: datetime | None
    cancelled_at: datetime | None
    postponed_at: datetime | None

    @property
    def day(self) -> date:
        """The day of its clock on which it begins."""
        return self.starts_at.astimezone(zone(self.time_zone)).date()

    @property
    def is_on(self) -> bool:
        return self.cancelled_at is None and self.postponed_at is None


class Clash(msgspec.Struct, frozen=True):
    """Two meetups and every reason why they clash, the worst first."""

    first: Entry
    second: Entry
    reasons: tuple[Reason, ...]

    @property
    def is_between_brands(self) -> bool:
        return self.first.workspace_id != self.second.workspace_id


# Rules


def plain(name: str) -> str:
    """A venue's name as two people would recognise it: no accents, case or signs."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return " ".join(
        "".join(
            c if c.isalnum() else " " for c in letters if not unicodedata.combining(c)
        ).split()
    )


def reasons(one: Entry, other: Entry) -> tuple[Reason, ...]:
    """Why these two clash; nothing when they do not."""
    if one.id == other.id or not (one.is_on and other.is_on):
        return ()
    is_same_day = one.day == other.day
    overlap = one.starts_at < other.ends_at and other.starts_at < one.ends_at
    where = plain(one.venue)
    found = {
        Reason.OVERLAP: overlap,
        Reason.SAME_VENUE: bool(where)
        and where == plain(other.venue)
        and (overlap or is_same_day),
        Reason.SAME_DAY: is_same_day,
    }
    return tuple(reason for reason in Reason if found[reason])


def clashes(entries: Iterable[Entry]) -> list[Clash]:
    """Every pair that clashes, each once, in the order of the calendar."""
    in_order = sorted(entries, key=lambda one: (one.starts_at, one.id))
    found = []
    for index, first in enumerate(in_order):
        for second in in_order[index + 1 :]:
            # A day is at most 26 hours from another clock's: nothing later can clash.
            gap = second.starts_at - max(first.starts_at, first.ends_at)
            if gap.total_seconds() > 2 * 86_400:
                break
            why = reasons(first, second)
            if why:
                found.append(Clash(first, second, why))
    return found
