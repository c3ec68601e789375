"""Facts: what a meetup says of itself, and what of it can stand."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from server.errors import Invalid
from server.i18n import lazy, zone
from server.workspaces import slug_of

LARGEST_CAPACITY = 100_000
LONGEST_EVENING = timedelta(days=7)
FIRST_YEAR, LAST_YEAR = 2000, 2150
WRONG_CAPACITY = lazy("Between 1 and 100,000 people.")
WRONG_YEAR = lazy("Choose a year between 2000 and 2150.")


class Admission(StrEnum):
    FIRST_COME = "first_come"
    LOTTERY = "lottery"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a meetup says of itself: what the CM writes on the planning page."""

    title: str
    community_id: UUID
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    capacity: int
    venue_id: UUID | None = None
    series_id: UUID | None = None
    description: str = ""
    programme: str = ""
    representative: str = ""
    admission: Admission = Admission.FIRST_COME


# Rules


def check_plan(plan: Plan) -> None:
    """Raise Invalid with one sentence for each answer that cannot stand."""
    wrong = {}
    if not slug_of(plan.title):
        wrong["title"] = lazy("The name needs at least one letter or figure.")
    if not 1 <= plan.capacity <= LARGEST_CAPACITY:
        wrong["capacity"] = WRONG_CAPACITY
    if plan.ends_at <= plan.starts_at:
        wrong["ends_at"] = lazy("The end comes after the beginning.")
    elif plan.ends_at - plan.starts_at > LONGEST_EVENING:
        wrong["ends_at"] = lazy("A meetup lasts seven days at most.")
    if not FIRST_YEAR <= plan.starts_at.year <= LAST_YEAR:
        wrong["starts_at"] = WRONG_YEAR
    try:
        zone(plan.time_zone)
    except (KeyError, ValueError, OSError):
        wrong["time_zone"] = lazy("Choose one of the answers offered.")
    if wrong:
        raise Invalid(**wrong)
