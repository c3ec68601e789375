"""What the form of a meetup says, made into facts and back, field by field."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from events.planning import hours, meetups
from events.planning.facts import FIRST_YEAR, LAST_YEAR, WRONG_YEAR
from events.planning.meetups import Admission, Meetup, Plan
from server.errors import Invalid
from server.forms import Form, Line, Prose, clean, read
from server.i18n import Lazy, lazy, ngettext

# What the concepts call otherwise than the form does.
NAMES = {
    "starts_at": "day",
    "ends_at": "ends",
    "hard_limit": "venue_limit",
    "series": "series_name",
}
# Chosen from a list: what is kept of them is a key that nobody reads.
CHOSEN = frozenset({"community", "series", "venue", "admission"})


class MeetupForm(Form, kw_only=True):
    """What the page asks of a meetup."""

    title: Line
    community: UUID | None = None
    series: UUID | None = None
    series_name: Line | None = None
    day: date
    starts: Line
    ends: Line
    last_day: date | None = None
    venue: UUID | None = None
    venue_name: Line | None = None
    venue_address: Line | None = None
    venue_access: Prose | None = None
    venue_limit: int | None = None
    capacity: int
    description: Prose | None = None
    programme: Prose | None = None
    representative: Line | None = None
    admission: Admission | None = None
    sequence: int | None = None
    places: int | None = None


# Rules


def answers(
    typed_: Mapping[str, Any], time_zone: str, before: Meetup | None = None
) -> tuple[MeetupForm, datetime, datetime]:
    """What was typed with its moments, or Invalid with a sentence for each wrong answer."""
    wrong: dict[str, str | Lazy] = {}
    form = None
    try:
        form = read(MeetupForm, typed_)
    except Invalid as no:
        wrong |= no.fields
    starts, ends = (hours.clock(str(typed_.get(name) or "")) for name in ("starts", "ends"))
    for name, at in (("starts", starts), ("ends", ends)):
        if at is None:
            wrong.setdefault(name, hours.UNREADABLE)
    if form and not FIRST_YEAR <= form.day.year <= LAST_YEAR:
        wrong["day"] = WRONG_YEAR
    if form and form.last_day and form.last_day.year > LAST_YEAR:
        wrong["last_day"] = WRONG_YEAR
    if form and not hours.is_programme(form.programme or ""):
        wrong["programme"] = lazy("Begin each line with its hour: 19:00 Doors open.")
    if wrong or form is None or starts is None or ends is None:
        raise Invalid(**wrong)
    first, last = hours.evening(form.day, starts, ends, time_zone, form.last_day)
    return form, *_unmoved((first, last), before)


def _unmoved(
    moments: tuple[datetime, datetime], before: Meetup | None
) -> tuple[datetime, datetime]:
    """An hour that reads as before is the moment it was, to the second."""
    if before is None:
        return moments
    known, there = (before.starts_at, before.ends_at), before.time_zone
    first, last = (
        old if hours.wall(old, there) == hours.wall(new, there) else new
        for old, new in zip(known, moments, strict=True)
    )
    return first, last


def shown_of(meetup: Meetup, capacity: int) -> dict[str, Any]:
    """A meetup as the form shows it."""
    day, starts = hours.wall(meetup.starts_at, meetup.time_zone)
    last_day, ends = hours.wall(meetup.ends_at, meetup.time_zone)
    is_one_evening = (last_day - day).days == (1 if ends < starts else 0)
    return {
        "title": meetup.title,
        "community": str(meetup.community_id),
        "series": _text(meetup.series_id),
        "day": day.isoformat(),
        "starts": f"{starts:%H:%M}",
        "ends": f"{ends:%H:%M}",
        "last_day": "" if is_one_evening else last_day.isoformat(),
        "venue": _text(meetup.venue_id),
        "capacity": str(capacity),
        "description": meetup.description,
        "programme": meetup.programme,
        "representative": meetup.representative,
        "admission": meetup.admission,
        "sequence": str(meetup.sequence),
        "places": str(capacity),
    }


def overtaken(typed_: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, str | Lazy]:
    """A sentence for each answer that is otherwise kept meanwhile by somebody else."""
    wrong: dict[str, str | Lazy] = {"": meetups.ChangedMeanwhile.message}
    for name, now_kept in kept.items():
        mine = clean(str(typed_.get(name) or ""))
        if name in {"sequence", "places"} or name not in typed_ or mine == now_kept:
            continue
        wrong[name] = (
            lazy("Somebody else gave another answer. Saving again keeps yours.")
            if name in CHOSEN or not now_kept
            else lazy("It now says: %(kept)s. Saving again keeps yours.")
            % {"kept": now_kept}
        )
    return wrong


def _text(key: UUID | None) -> str:
    return "" if key is None else str(key)


def has_moved(before: Meetup, wanted: Plan) -> bool:
    """Is it at another moment or place than the people were told?"""
    return (before.starts_at, before.ends_at, before.time_zone, before.venue_id) != (
        wanted.starts_at,
        wanted.ends_at,
        wanted.time_zone,
        wanted.venue_id,
    )


def tasks_moved(count: int) -> str:
    """What is said of the tasks that moved with their meetup."""
    if not count:
        return ""
    return ngettext(
        "%(num)s task is due as many days later or earlier.",
        "%(num)s tasks are due as many days later or earlier.",
        count,
    )


def wrong_of(no: Exception) -> dict[str, str | Lazy]:
    """The sentence of a refusal under the field that it is about."""
    if isinstance(no, Invalid):
        return {NAMES.get(name, name): text for name, text in no.fields.items()}
    if isinstance(no, meetups.NeedsRepresentative):
        return {"representative": str(no)}
    return {"capacity": str(no)}
