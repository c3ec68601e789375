"""What is owed by when: the state of a deliverable and the day of a letter about it. Pure.

Nothing here is stored: late is a matter of today's date, and what was never delivered
says so by itself.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

LEAD = timedelta(days=3)
CHASED_FOR = timedelta(days=30)


class Progress(StrEnum):
    """Where a deliverable is; derived, never stored."""

    DUE = "due"
    LATE = "late"
    DELIVERED = "delivered"
    DROPPED = "dropped"


class Owing(Protocol):
    """Whatever is owed by a day."""

    @property
    def due_on(self) -> date: ...
    @property
    def delivered_at(self) -> datetime | None: ...
    @property
    def dropped_at(self) -> datetime | None: ...


def day_of(moment: datetime, time_zone: str) -> date:
    """The day it is there at this moment."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def due_on(anchor: date, days_before: int, today: date) -> date:
    """So many days before the day it is counted from, and never before it was promised."""
    try:
        wanted = anchor - timedelta(days=days_before)
    except OverflowError:
        wanted = anchor
    return max(wanted, today)


def progress(owing: Owing, today: date) -> Progress:
    """Where this stands today; the day it is due, it is not late yet."""
    if owing.delivered_at is not None:
        return Progress.DELIVERED
    if owing.dropped_at is not None:
        return Progress.DROPPED
    return Progress.LATE if owing.due_on < today else Progress.DUE
