"""The API of a meetup's life: changed, resized, put off, and prepared again."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, patch, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.admission import registrations, tickets
from events.pages.api_meetups import MeetupDetail, body_of, detail_of, meetup_of, one_line
from events.pages.letterheads import letterhead
from events.planning import copies, meetups
from events.planning.meetups import Admission, Meetup, Plan
from events.planning.postponements import NewDate
from server import workspaces
from server.audit import Actor
from server.database import find, scoped
from server.errors import Invalid
from server.forms import clean
from server.i18n import lazy
from server.web import Asking

LONGEST_STEP = 366


class ChangeBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What changes; what is left out stays. `sequence` is the one that was read."""

    sequence: int | None = None
    title: str | msgspec.UnsetType = msgspec.UNSET
    starts_at: datetime | msgspec.UnsetType = msgspec.UNSET
    ends_at: datetime | msgspec.UnsetType = msgspec.UNSET
    capacity: int | msgspec.UnsetType = msgspec.UNSET
    venue_id: UUID | msgspec.UnsetType | None = msgspec.UNSET
    series_id: UUID | msgspec.UnsetType | None = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET
    programme: str | msgspec.UnsetType = msgspec.UNSET
    representative: str | msgspec.UnsetType = msgspec.UNSET


class PostponeBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Until when, or nothing when that is not known yet."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    reason: str = ""


class DuplicateBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How many days later; the first such date that is to come."""

    days: int


# Rules


def aware(body: Any) -> None:  # noqa: ANN401 - any body with two moments
    """Raise Invalid for a moment without its offset."""
    for name in ("starts_at", "ends_at"):
        at = getattr(body, name)
        if isinstance(at, datetime) and at.tzinfo is None:
            raise Invalid(**{name: lazy("Give the moment with its offset from UTC.")})


def plan_of(meetup: Meetup, capacity: int, body: ChangeBody) -> Plan:
    """The meetup's plan with what changes."""
    given = {
        name: value
        for name, value in msgspec.structs.asdict(body).items()
        if value is not msgspec.UNSET and name != "sequence"
    }
    if "title" in given:
        given["title"] = one_line(given["title"], "title")
    for name in ("description", "programme"):
        if name in given:
            given[name] = clean(given[name])[:5000]
    if "representative" in given:
        given["representative"] = " ".join(clean(given["representative"]).split())[:200]
    names = (one for one in Plan.__struct_fields__ if one not in {"capacity", "admission"})
    known = {name: getattr(meetup, name) for name in names}
    known |= {"capacity": capacity, "admission": Admission(meetup.admission)}
    return Plan(**(known | given))


def date_of(body: PostponeBody) -> NewDate | None:
    """The new date, whole or not at all."""
    if body.starts_at is None and body.ends_at is None:
        return None
    if body.starts_at is None or body.ends_at is None:
        missing = "starts_at" if body.starts_at is None else "ends_at"
        raise Invalid(**{missing: lazy("This answer is missing.")})
    return NewDate(body.starts_at, body.ends_at)


# Acting


@patch(
    "/meetups/{meetup_id:uuid}",
    summary="Change a meetup",
    description="Everybody registered receives a letter when its time or place changes."
    " With the `sequence` that was read, a change made meanwhile is refused (409)."
    " Roles: owner, manager.",
)
async def change(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
) -> MeetupDetail:
    body: ChangeBody = await body_of(request, ChangeBody)
    aware(body)
    async with scoped(by):
        meetup = await find(Meetup, meetup_id)
        room = await meetups.room(meetup_id)
        await registrations.change_meetup(
            meetup,
            plan_of(meetup, room.capacity, body),
            sequence=body.sequence,
            **letterhead(asking, await workspaces.look_by_id(by.workspace_id)),
            by=by,
            now=now,
        )
    return await detail_of(meetup_id, by=by, now=now)


@post(
    "/meetups/{meetup_id:uuid}/postpone",
    status_code=200,
    summary="Put a meetup off",
    description="To a new date, or until one is known: then nobody can register, places are"
    " kept and calendars take it out. Everybody registered receives a letter. Roles: owner,"
    " manager.",
)
async def postpone(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
) -> MeetupDetail:
    body: PostponeBody = await body_of(request, PostponeBody)
    aware(body)
    until = date_of(body)
    meetup = await meetup_of(meetup_id, by)
    await registrations.postpone_meetup(
        meetup,
        until,
        clean(body.reason)[:5000],
        **letterhead(asking, await workspaces.look_by_id(by.workspace_id)),
        by=by,
        now=now,
    )
    return await detail_of(meetup_id, by=by, now=now)


@post(
    "/meetups/{meetup_id:uuid}/duplicate",
    status_code=201,
    summary="Prepare a meetup again",
    description="A draft so many days later, with the same facts, steps, tasks and people."
    " Roles: owner, manager.",
)
async def duplicate(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
) -> MeetupDetail:
    body: DuplicateBody = await body_of(request, DuplicateBody)
    if not 1 <= body.days <= LONGEST_STEP:
        raise Invalid(days=lazy("Between 1 and 366 days."))
    meetup = await meetup_of(meetup_id, by)
    key_id = tickets.keys_of(asking.settings).current
    made = await copies.repeat(meetup, body.days, key_id=key_id, by=by, now=now)
    return await detail_of(made.id, by=by, now=now)


WRITES: list[HTTPRouteHandler] = [change, postpone, duplicate]
