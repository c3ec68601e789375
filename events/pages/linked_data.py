"""Linked data: a meetup as search engines read it (schema.org, JSON-LD 1.1).

Only what the page itself says to everybody. It is a block of data, not a script: a policy
without inline scripts lets it stand, and no text in it can end it.
"""

from datetime import datetime
from typing import Any

import msgspec
from markupsafe import Markup

from events.planning.meetups import Admission, Meetup, Room, Stage
from events.planning.shelves import Public
from events.planning.venues import Place
from server.i18n import zone
from server.look import Look

SCHEMA = "https://schema.org"
UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
UNSAFE |= {"\u2028": "\\u2028", "\u2029": "\\u2029"}


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a meetup's page shows: the facts, and where they stand."""

    meetup: Meetup
    stage: Stage
    room: Room
    place: Place | None
    series: Public | None
    workspace: Look
    origin: str
    picture: str

    @property
    def home(self) -> str:
        return f"{self.origin}/m/{self.workspace.slug}"


# Rules


def status_of(shown: Shown) -> str:
    """How it stands, in the four words of schema.org that are true of a meetup."""
    meetup = shown.meetup
    if shown.stage is Stage.CANCELLED:
        return "EventCancelled"
    if shown.stage is Stage.POSTPONED:
        return "EventPostponed"
    before: datetime | None = meetup.moved_from
    is_moved = before is not None and before != meetup.starts_at
    return "EventRescheduled" if is_moved else "EventScheduled"


def described(shown: Shown) -> dict[str, Any]:
    """The meetup as an Event of schema.org."""
    meetup = shown.meetup
    status = status_of(shown)
    said: dict[str, Any] = {
        "@context": SCHEMA,
        "@type": "Event",
        "name": meetup.title,
        "url": f"{shown.home}/{meetup.slug}",
        "image": [shown.picture],
        "startDate": _local(meetup.starts_at, meetup.time_zone),
        "endDate": _local(meetup.ends_at, meetup.time_zone),
        "eventStatus": f"{SCHEMA}/{status}",
        "eventAttendanceMode": f"{SCHEMA}/OfflineEventAttendanceMode",
        "isAccessibleForFree": True,
        "maximumAttendeeCapacity": shown.room.capacity,
        "organizer": _organizer(shown),
    }
    if status == "EventRescheduled":
        said["previousStartDate"] = _local(meetup.moved_from, meetup.time_zone)
    if meetup.description:
        said["description"] = meetup.description
    if shown.place:
        said["location"] = _place(shown.place)
    if shown.series:
        said["superEvent"] = _series(shown.series, shown.home)
    if shown.stage in {Stage.PUBLISHED, Stage.RUNNING}:
        said["offers"] = _offer(shown)
    return said


def _organizer(shown: Shown) -> dict[str, str]:
    return {"@type": "Organization", "name": shown.workspace.name, "url": shown.home}


def _series(series: Public, home: str) -> dict[str, str]:
    return {
        "@type": "EventSeries",
        "name": series.name,
        "url": f"{home}/s/{series.slug}",
    }


def _place(place: Place) -> dict[str, str]:
    said = {"@type": "Place", "name": place.name}
    return said | ({"address": place.address} if place.address else {})


def _offer(shown: Shown) -> dict[str, Any]:
    """A free place; by lot, places are limited; a full meetup has its line."""
    is_lottery = shown.meetup.admission == Admission.LOTTERY
    is_full = shown.room.left <= 0 or shown.room.waiting > 0
    left = "LimitedAvailability" if is_lottery else "SoldOut" if is_full else "InStock"
    offer: dict[str, Any] = {
        "@type": "Offer",
        "price": 0,
        "priceCurrency": shown.workspace.currency,
        "availability": f"{SCHEMA}/{left}",
        "url": f"{shown.home}/{shown.meetup.slug}",
    }
    if shown.meetup.published_at is not None:
        offer["validFrom"] = _local(shown.meetup.published_at, shown.meetup.time_zone)
    return offer


def _local(at: datetime, time_zone: str) -> str:
    return at.astimezone(zone(time_zone)).replace(microsecond=0).isoformat()


def written(said: dict[str, Any]) -> Markup:
    """The data as the content of its element: nothing in it can close the element."""
    text = msgspec.json.encode(said).decode()
    for sign, escaped in UNSAFE.items():
        text = text.replace(sign, escaped)
    return Markup(text)  # noqa: S704 - every sign that means something to HTML is escaped
