"""The API of meetups, for machines with a token.

Lists are read on with `after`; what changes something answers with what it became.
"""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, Parameter

from events.admission import registrations, tickets
from events.admission.registrations import Counts
from events.engagement import editions, plans
from events.people import communities
from events.planning import meetups
from events.planning.meetups import Admission, Meetup, Plan
from server import workspaces
from server.audit import Actor
from server.database import find, scoped
from server.errors import Invalid
from server.forms import clean
from server.i18n import lazy
from server.web import Asking, typed

MOST = 200


class MeetupView(msgspec.Struct, kw_only=True):
    """A meetup as the API shows it."""

    id: UUID
    slug: str
    title: str
    stage: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    capacity: int
    taken: int
    path: str


class MeetupDetail(MeetupView, kw_only=True):
    """A meetup with its texts and its numbers."""

    community_id: UUID
    venue_id: UUID | None
    description: str
    programme: str
    representative: str
    admission: Admission
    waiting: int
    cancelled_reason: str
    postponed_reason: str
    sequence: int
    counts: Counts


class MeetupBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What planning a meetup takes."""

    title: str
    community: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    time_zone: str = ""
    venue_id: UUID | None = None
    series_id: UUID | None = None
    description: str = ""
    programme: str = ""
    representative: str = ""
    admission: Admission = Admission.FIRST_COME


class ReasonBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why a meetup is called off, as its registrants read it."""

    reason: str = ""


class Meetups(msgspec.Struct):
    """Some meetups, and from where to read on."""

    items: list[MeetupView]
    next: str | None


# Rules


def one_line(text: str, name: str, longest: int = 200) -> str:
    """A text on one line; Invalid names the field that is empty or too long."""
    line = " ".join(clean(text).split())
    if not line:
        raise Invalid(**{name: lazy("This answer is missing.")})
    if len(line) > longest:
        message = lazy("This is too long: %(most)s characters at most.") % {"most": longest}
        raise Invalid(**{name: message})
    return line


async def body_of(request: Request[Any, Any, Any], shape: Any) -> Any:  # noqa: ANN401
    """The JSON body as this shape, or Invalid with the field and the reason."""
    if request.content_type[0] != "application/json":
        raise Invalid(body=lazy("Send a JSON object."))
    answers = await typed(request)
    try:
        return msgspec.convert(answers, shape, strict=False)
    except msgspec.ValidationError as error:
        reason, _at, path = str(error).partition(" - at `$")
        name = path.strip("`.").partition(".")[0] or "body"
        raise Invalid(**{name if name.isidentifier() else "body": reason}) from error


# Meetups


@get(
    "/meetups",
    summary="List the meetups",
    description="Every meetup of the workspace, drafts included. `when` is `upcoming`"
    " (soonest first) or `past` (latest first, read on with `after`). Roles: owner,"
    " manager, moderator.",
)
async def list_meetups(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    when: FromQuery[str] = "upcoming",
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Annotated[int, Parameter(ge=1, le=MOST)]] = 50,
) -> Meetups:
    if when not in {"upcoming", "past"}:
        raise Invalid(when=lazy("Choose one of the answers offered."))
    async with scoped(by, readonly=True):
        slug = (await workspaces.look_by_id(by.workspace_id)).slug
        if when == "upcoming":
            lines = await meetups.upcoming(now, limit=limit)
        else:
            last = await find(Meetup, after) if after else None
            before = (last.starts_at, last.id) if last else None
            lines = await meetups.past(now, before=before, limit=limit)
    more = str(lines[-1].id) if when == "past" and len(lines) == limit else None
    return Meetups(
        [_view(line, line.capacity, line.taken, slug, now) for line in lines], more
    )


@get(
    "/meetups/{meetup_id:uuid}",
    summary="Read a meetup",
    description="One meetup with its texts, its places and its numbers. Roles: owner,"
    " manager, moderator.",
)
async def read_meetup(
    by: NamedDependency[Actor], now: NamedDependency[datetime], meetup_id: FromPath[UUID]
) -> MeetupDetail:
    return await detail_of(meetup_id, by=by, now=now)


@post(
    "/meetups",
    status_code=201,
    summary="Plan a meetup",
    description="Writes a draft. `community` is the community's slug; moments carry their"
    " offset; without `time_zone` the workspace's holds. Roles: owner, manager.",
)
async def plan(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
) -> MeetupDetail:
    body: MeetupBody = await body_of(request, MeetupBody)
    for name in ("starts_at", "ends_at"):
        if getattr(body, name).tzinfo is None:
            raise Invalid(**{name: lazy("Give the moment with its offset from UTC.")})
    async with scoped(by):
        look = await workspaces.look_by_id(by.workspace_id)
        community = await communities.community_by_slug(body.community[:200])
        wanted = Plan(
            title=one_line(body.title, "title"),
            community_id=community.id,
            starts_at=body.starts_at,
            ends_at=body.ends_at,
            time_zone=body.time_zone or look.time_zone,
            capacity=body.capacity,
            venue_id=body.venue_id,
            series_id=body.series_id,
            description=clean(body.description)[:5000],
            programme=clean(body.programme)[:5000],
            representative=" ".join(clean(body.representative).split())[:200],
            admission=body.admission,
        )
        keys = tickets.keys_of(asking.settings)
        made = await meetups.plan(wanted, key_id=keys.current, by=by, now=now)
    return await detail_of(made.id, by=by, now=now)


@post(
    "/meetups/{meetup_id:uuid}/publish",
    status_code=200,
    summary="Publish a meetup",
    description="Opens the page of a draft to everybody and fixes what its report will"
    " compare. It needs a named representative. Roles: owner, manager.",
)
async def publish(
    by: NamedDependency[Actor], now: NamedDependency[datetime], meetup_id: FromPath[UUID]
) -> MeetupDetail:
    await plans.publish(await meetup_of(meetup_id, by), by=by, now=now)
    return await detail_of(meetup_id, by=by, now=now)


@post(
    "/meetups/{meetup_id:uuid}/cancel",
    status_code=200,
    summary="Call a meetup off",
    description="Everybody who had a place or waited for one receives a letter with the"
    " reason and a calendar entry that goes away. Roles: owner, manager.",
)
async def cancel(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
) -> MeetupDetail:
    body = await body_of(request, ReasonBody) if await request.body() else ReasonBody()
    reason = clean(body.reason)[:1000]
    meetup = await meetup_of(meetup_id, by)
    await registrations.cancel_meetup(meetup, reason, by=by, now=now)
    return await detail_of(meetup_id, by=by, now=now)


@post(
    "/meetups/{meetup_id:uuid}/close",
    status_code=200,
    summary="Close a meetup",
    description="Ends the evening: whoever had a place and never came is a no-show from now"
    " on, and each sponsor receives its report. Roles: owner, manager.",
)
async def close(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
) -> MeetupDetail:
    look = await workspaces.look_by_id(by.workspace_id)
    meetup = await meetup_of(meetup_id, by)
    origin = asking.settings.origin
    await editions.close_meetup(meetup, workspace=look, origin=origin, by=by, now=now)
    return await detail_of(meetup_id, by=by, now=now)


async def meetup_of(meetup_id: UUID, by: Actor) -> Meetup:
    async with scoped(by):
        return await find(Meetup, meetup_id)


async def detail_of(meetup_id: UUID, *, by: Actor, now: datetime) -> MeetupDetail:
    async with scoped(by, readonly=True):
        meetup = await find(Meetup, meetup_id)
        room = await meetups.room(meetup_id)
        counts = await registrations.counts(meetup_id)
        slug = (await workspaces.look_by_id(by.workspace_id)).slug
    seen = _view(meetup, room.capacity, room.taken, slug, now)
    return MeetupDetail(
        **msgspec.structs.asdict(seen),
        community_id=meetup.community_id,
        venue_id=meetup.venue_id,
        description=meetup.description,
        programme=meetup.programme,
        representative=meetup.representative,
        admission=Admission(meetup.admission),
        waiting=room.waiting,
        cancelled_reason=meetup.cancelled_reason,
        postponed_reason=meetup.postponed_reason,
        sequence=meetup.sequence,
        counts=counts,
    )


def _view(
    meetup: Meetup | meetups.Line, capacity: int, taken: int, slug: str, now: datetime
) -> MeetupView:
    return MeetupView(
        id=meetup.id,
        slug=meetup.slug,
        title=meetup.title,
        stage=meetups.stage(meetup, now).value,
        starts_at=meetup.starts_at,
        ends_at=meetup.ends_at,
        time_zone=meetup.time_zone,
        capacity=capacity,
        taken=taken,
        path=f"/m/{slug}/{meetup.slug}",
    )


READS = [list_meetups, read_meetup]
WRITES = [plan, publish, cancel, close]
