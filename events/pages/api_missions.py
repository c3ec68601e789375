"""What ambassadors are asked and give, for machines: missions, hours, invitations."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, Parameter

from events.admission import invitations
from events.people.mandates import mandate, today_in
from events.planning import meetups, missions, stints
from events.planning.missions import Kind, MissionLine, Proof
from server import pictures, workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import NotFound
from server.forms import clean
from server.forms import email as checked_email
from server.look import Look
from server.pictures import LARGEST_TEXT
from server.web import Asking

PAGE, LONGEST_PAGE = 50, 200

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=5000)]
Limit = Annotated[int, Parameter(ge=1, le=LONGEST_PAGE)]


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is asked."""


class MissionBody(Body):
    """One thing asked of her."""

    kind: Kind
    title: Name
    goal: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    due_on: date | None = None
    meetup_id: UUID | None = None


class ProofBody(Body):
    """What shows that a mission was done; at least one of these."""

    text: Text = ""
    link: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    count: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] | None = None
    picture: Annotated[str, msgspec.Meta(max_length=LARGEST_TEXT)] = ""


class ThanksBody(Body):
    """Your thanks, as the letter says them."""

    thanks: Annotated[str, msgspec.Meta(min_length=1, max_length=5000)]


class HoursBody(Body):
    """Time given on one day."""

    worked_on: date
    minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)]
    note: Annotated[str, msgspec.Meta(max_length=200)] = ""
    meetup_id: UUID | None = None


class InvitationBody(Body):
    """Somebody to be asked to one meetup, in her name."""

    meetup: Name
    name: Name
    email: Name


class MissionPage(msgspec.Struct):
    """What was asked, latest first; `next` continues the list."""

    items: list[MissionLine]
    next: UUID | None


class StintPage(msgspec.Struct):
    """The time she gave, latest first."""

    items: list[stints.StintLine]
    next: None = None


class Made(msgspec.Struct):
    """The key of what was made."""

    id: UUID


class Done(msgspec.Struct):
    """What was asked is done."""

    done: bool = True


ONE = "/ambassadors/{ambassador_id:uuid}"
MISSION = "/missions/{mission_id:uuid}"


async def look_of(by: Actor) -> Look:
    """The workspace of this token."""
    return await workspaces.look_by_id(by.workspace_id)


# Reading


@get("/missions", summary="Missions", description="What ambassadors were asked.")
async def list_missions(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Limit] = PAGE,
) -> MissionPage:
    async with scoped(by, readonly=True):
        today = today_in(await look_of(by), now)
        found = await missions.missions(today, after=after, limit=limit + 1)
    return MissionPage(found[:limit], found[limit - 1].id if len(found) > limit else None)


@get(f"{ONE}/hours", summary="Hours of an ambassador", description="The last 1,000 lines.")
async def list_hours(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    ambassador_id: FromPath[UUID],
) -> StintPage:
    async with scoped(by, readonly=True):
        await mandate(ambassador_id, today_in(await look_of(by), now))
        return StintPage(await stints.stints_of(ambassador_id, limit=1000))


# Writing


@post(f"{ONE}/missions", summary="Ask for something", description="Never while she rests.")
async def ask_mission(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    ambassador_id: FromPath[UUID],
    data: JSONBody[MissionBody],
) -> Made:
    made = await missions.ask(
        ambassador_id,
        kind=data.kind,
        title=clean(data.title),
        goal=data.goal,
        due_on=data.due_on,
        meetup_id=data.meetup_id,
        workspace=await look_of(by),
        origin=asking.settings.origin,
        by=by,
        now=now,
    )
    return Made(made)


@get(
    f"{MISSION}/picture",
    summary="The photo of a proof",
    description="As it is kept: drawn again, without its metadata.",
)
async def read_picture(
    by: NamedDependency[Actor], mission_id: FromPath[UUID]
) -> Response[bytes]:
    async with scoped(by, readonly=True):
        mission = await missions.mission(mission_id)
        if mission.proof_picture_id is None:
            raise NotFound
        found = await pictures.picture(mission.proof_picture_id)
    return Response(found.content, media_type=found.media_type)


@post(
    f"{MISSION}/proof",
    status_code=200,
    request_max_body_size=LARGEST_TEXT + 100_000,
    summary="Prove a mission",
    description="By words, a link, a number, or a photo: `picture` holds a PNG, JPEG or"
    " WebP in base64. Until somebody thanks, a proof can be mended.",
)
async def prove(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    mission_id: FromPath[UUID],
    data: JSONBody[ProofBody],
) -> Done:
    async with scoped(by):
        mission = await missions.mission(mission_id)
    fresh = await pictures.draw_text(pictures.Kind.PROOF, data.picture)
    async with scoped(by):
        kept = await pictures.store(fresh, by=by, now=now) if fresh else None
        proof = Proof(clean(data.text), clean(data.link), data.count, kept)
        await missions.prove(mission_id, mission.ambassador_id, proof, by=by, now=now)
    return Done()


@post(f"{MISSION}/thank", status_code=200, summary="Thank for a mission")
async def thank(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    mission_id: FromPath[UUID],
    data: JSONBody[ThanksBody],
) -> Done:
    look, origin = await look_of(by), asking.settings.origin
    thanks = clean(data.thanks)
    await missions.thank(mission_id, thanks, workspace=look, origin=origin, by=by, now=now)
    return Done()


@post(f"{MISSION}/drop", status_code=200, summary="No longer ask for a mission")
async def drop(
    by: NamedDependency[Actor], now: NamedDependency[datetime], mission_id: FromPath[UUID]
) -> Done:
    await missions.drop(mission_id, by=by, now=now)
    return Done()


@post(f"{ONE}/hours", summary="Write time down")
async def log_hours(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    ambassador_id: FromPath[UUID],
    data: JSONBody[HoursBody],
) -> Made:
    made = await stints.log(
        ambassador_id,
        worked_on=data.worked_on,
        minutes=data.minutes,
        note=clean(data.note),
        meetup_id=data.meetup_id,
        today=today_in(await look_of(by), now),
        by=by,
        now=now,
    )
    return Made(made)


@post(f"{ONE}/hours/{{stint_id:uuid}}/remove", status_code=200, summary="Take time back")
async def remove_hours(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    ambassador_id: FromPath[UUID],
    stint_id: FromPath[UUID],
) -> Done:
    await stints.remove(stint_id, ambassador_id, by=by, now=now)
    return Done()


@post(
    f"{ONE}/invitations",
    status_code=202,
    summary="Invite somebody by letter",
    description="In her name, once for each meetup. The answer is the same whether a letter"
    " leaves or not: who wants none, or has a place, stays unknown.",
)
async def invite(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    ambassador_id: FromPath[UUID],
    data: JSONBody[InvitationBody],
) -> Done:
    email = checked_email(data.email)
    async with scoped(by, readonly=True):
        look = await look_of(by)
        her = await mandate(ambassador_id, today_in(look, now))
        meetup = await meetups.published(data.meetup)
    await invitations.invite(
        meetup,
        name=clean(data.name),
        email=email,
        her=her,
        workspace=look,
        settings=asking.settings,
        by=by,
        now=now,
    )
    return Done()


READS: list[HTTPRouteHandler] = [list_missions, list_hours, read_picture]
WRITES: list[HTTPRouteHandler] = [
    ask_mission,
    prove,
    thank,
    drop,
    log_hours,
    remove_hours,
    invite,
]
