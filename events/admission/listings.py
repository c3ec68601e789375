"""Listings: a meetup's registrations as its organisers read and count them.

What is derived is derived here: who came has a date, and whoever was confirmed and has
none is a no-show once the meetup is closed. A filter and its number share one condition.
"""

import re
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from events.admission.places import Source, Status
from server.database import one, sql
from server.forms import clean


class Shown(StrEnum):
    """What the organiser's list is asked for; some are derived and never stored."""

    CONFIRMED = "confirmed"
    WAITLISTED = "waitlisted"
    LOST_DRAW = "lost_draw"
    CANCELLED = "cancelled"
    ATTENDED = "attended"
    NO_SHOW = "no_show"
    WALK_IN = "walk_in"


class Line(msgspec.Struct, frozen=True):
    """A registration in a list."""

    id: UUID
    member_id: UUID
    name: str
    email: str | None
    status: Status
    wait_no: int | None
    rank: int | None
    source: Source
    registered_at: datetime
    attended_at: datetime | None
    is_no_show: bool


class Counts(msgspec.Struct, frozen=True):
    """The evening in numbers; `registered` leaves the walk-ins out, `attended` does not."""

    registered: int
    waitlisted: int
    lost_draw: int
    cancelled: int
    attended: int
    no_show: int
    walk_in: int


_WHICH = {
    Shown.CONFIRMED: "r.status = 'confirmed' AND r.source <> 'walk_in'",
    Shown.WAITLISTED: "r.status = 'waitlisted'",
    Shown.LOST_DRAW: "r.status = 'lost_draw'",
    Shown.CANCELLED: "r.status = 'cancelled'",
    Shown.ATTENDED: "r.attended_at IS NOT NULL",
    Shown.NO_SHOW: (
        "r.status = 'confirmed' AND r.source <> 'walk_in' AND r.attended_at IS NULL"
        " AND m.closed_at IS NOT NULL"
    ),
    Shown.WALK_IN: "r.status = 'confirmed' AND r.source = 'walk_in'",
}
_FROM = (
    "FROM registration r"
    " JOIN meetup m ON m.workspace_id = r.workspace_id AND m.id = r.meetup_id"
)
_LINE = (
    # the only things put in are fragments of our own
    "SELECT r.id, r.member_id, b.name, b.email, r.status, r.wait_no,"  # noqa: S608
    " CASE WHEN r.wait_no IS"
    " NOT NULL THEN (SELECT count(*) FROM registration w WHERE w.workspace_id ="
    " r.workspace_id AND w.meetup_id = r.meetup_id AND w.wait_no <= r.wait_no) END AS rank,"
    f" r.source, r.registered_at, r.attended_at, {_WHICH[Shown.NO_SHOW]} AS is_no_show"
    f" {_FROM} JOIN member b ON b.workspace_id = r.workspace_id AND b.id = r.member_id"
)
_COUNTED = (
    (Shown.CONFIRMED, "registered"),
    *((one_, one_.value) for one_ in Shown if one_ is not Shown.CONFIRMED),
)


async def counts(meetup_id: UUID) -> Counts:
    """How many of each there are, by the definitions of the list's filters."""
    wanted = ", ".join(
        f"count(*) FILTER (WHERE {_WHICH[shown]}) AS {name}" for shown, name in _COUNTED
    )
    found = await one(
        f"SELECT {wanted} {_FROM} WHERE r.workspace_id = ANY (apero_scope())"
        " AND r.meetup_id = $1",
        meetup_id,
        into=Counts,
    )
    assert found is not None  # noqa: S101 - an aggregate always answers
    return found


async def listing(
    meetup_id: UUID,
    *,
    status: Shown | None = None,
    search: str = "",
    after: UUID | None = None,
    limit: int = 50,
) -> list[Line]:
    """The registrations of a meetup in order of arrival, paged by key.

    The search is found in names, accents and case ignored, and in addresses.
    """
    pattern = re.sub(r"([\\%_])", r"\\\1", clean(search))
    return await sql(
        f"{_LINE} WHERE r.workspace_id = ANY (apero_scope()) AND r.meetup_id = $1"
        f" AND {_WHICH[status] if status else 'true'}"
        " AND ($2 = '' OR apero_plain(b.name) LIKE '%' || apero_plain($2) || '%'"
        " OR b.email LIKE '%' || lower($2) || '%')"
        " AND ($3::uuid IS NULL OR r.id > $3) ORDER BY r.id LIMIT $4",
        meetup_id,
        pattern,
        after,
        limit,
        into=Line,
    )
