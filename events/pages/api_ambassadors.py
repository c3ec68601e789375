"""Ambassadors for machines: applications, mandates and funnels."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from events.engagement import funnels
from events.engagement.funnels import Credit
from events.engagement.metrics import Figure
from events.pages import api_missions
from events.pages.api_missions import (
    ONE,
    PAGE,
    Body,
    Done,
    Limit,
    Made,
    Name,
    Text,
    look_of,
)
from events.people import ambassadors
from events.people.mandates import Mandate, Stage, mandate, mandates, today_in
from events.planning import stints
from server.audit import Actor
from server.database import scoped
from server.forms import clean
from server.web import Asking


class ApplicationBody(Body):
    """Somebody who would like to be an ambassador."""

    email: Name
    name: Name
    community_id: UUID
    area: Annotated[str, msgspec.Meta(max_length=200)] = ""
    motive: Text = ""


class TermBody(Body):
    """A yes, with its first and its last day."""

    starts_on: date
    ends_on: date
    area: Annotated[str, msgspec.Meta(max_length=200)] = ""
    perks: Text = ""


class ChangeBody(Body):
    """What a running mandate becomes."""

    ends_on: date
    area: Annotated[str, msgspec.Meta(max_length=200)] = ""
    perks: Text = ""


class ReasonBody(Body):
    """A word she reads in the letter."""

    reason: Text = ""


class RestBody(Body):
    """Until when nothing is asked of her; null ends the rest."""

    until: date | None = None


class AmbassadorPage(msgspec.Struct):
    """Ambassadors, latest application first; `next` continues the list."""

    items: list[Mandate]
    next: UUID | None


class AmbassadorDetail(msgspec.Struct):
    """One ambassador with her funnel, her load and her personal link."""

    mandate: Mandate
    credit: Credit
    funnel: list[Figure]
    minutes: int
    minutes_28_days: int
    weeks_in_a_row: int
    link: str


# Reading


@get(
    "/ambassadors",
    summary="Ambassadors",
    description="Latest application first. `stage` is applied, coming, active, resting,"
    " over, ended or declined; `q` searches names and addresses.",
)
async def list_ambassadors(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    q: FromQuery[str] = "",
    stage: FromQuery[Stage | None] = None,
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Limit] = PAGE,
) -> AmbassadorPage:
    async with scoped(by, readonly=True):
        today = today_in(await look_of(by), now)
        found = await mandates(today, search=q, stage=stage, after=after, limit=limit + 1)
    return AmbassadorPage(
        found[:limit], found[limit - 1].id if len(found) > limit else None
    )


@get(
    ONE,
    summary="An ambassador",
    description="Her mandate and her funnel. `credit` is last or first: to whom a"
    " registration goes when several links led there.",
)
async def get_ambassador(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    ambassador_id: FromPath[UUID],
    credit: FromQuery[Credit] = Credit.LAST,
) -> AmbassadorDetail:
    async with scoped(by, readonly=True):
        look = await look_of(by)
        today = today_in(look, now)
        her = await mandate(ambassador_id, today)
        counts = (await funnels.counts([her.id], now, credit))[her.id]
        load = (await stints.loads([her.id], today))[her.id]
    link = f"{asking.settings.origin}/a/{look.slug}/{her.code}"
    return AmbassadorDetail(
        mandate=her,
        credit=credit,
        funnel=funnels.figures(counts),
        minutes=load.minutes,
        minutes_28_days=load.lately,
        weeks_in_a_row=load.weeks,
        link=link,
    )


# Writing


@post(
    "/ambassadors",
    summary="Write an application down",
    description="Somebody who applies twice, or is in term, keeps her first application.",
)
async def apply(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    data: JSONBody[ApplicationBody],
) -> Made:
    look = await look_of(by)
    made = await ambassadors.apply(
        data.email,
        name=clean(data.name),
        language=look.language,
        community_id=data.community_id,
        area=clean(data.area),
        motive=clean(data.motive),
        tells=True,
        workspace=look,
        by=by,
        now=now,
    )
    return Made(made.id)


@post(f"{ONE}/accept", status_code=200, summary="Say yes", description="For a term.")
async def accept(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    ambassador_id: FromPath[UUID],
    data: JSONBody[TermBody],
) -> Done:
    await ambassadors.accept(
        ambassador_id,
        starts_on=data.starts_on,
        ends_on=data.ends_on,
        area=clean(data.area),
        perks=clean(data.perks),
        workspace=await look_of(by),
        origin=asking.settings.origin,
        by=by,
        now=now,
    )
    return Done()


@post(f"{ONE}/decline", status_code=200, summary="Say no", description="By letter.")
async def decline(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    ambassador_id: FromPath[UUID],
    data: JSONBody[ReasonBody],
) -> Done:
    look, reason = await look_of(by), clean(data.reason)
    await ambassadors.decline(ambassador_id, reason, workspace=look, by=by, now=now)
    return Done()


@post(f"{ONE}/change", status_code=200, summary="Change a mandate")
async def change(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    ambassador_id: FromPath[UUID],
    data: JSONBody[ChangeBody],
) -> Done:
    await ambassadors.change(
        ambassador_id,
        area=clean(data.area),
        perks=clean(data.perks),
        ends_on=data.ends_on,
        workspace=await look_of(by),
        by=by,
        now=now,
    )
    return Done()


@post(f"{ONE}/rest", status_code=200, summary="Let her rest, or end a rest")
async def rest(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    ambassador_id: FromPath[UUID],
    data: JSONBody[RestBody],
) -> Done:
    look = await look_of(by)
    await ambassadors.rest(ambassador_id, data.until, workspace=look, by=by, now=now)
    return Done()


@post(f"{ONE}/end", status_code=200, summary="End a term", description="At once.")
async def end(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    ambassador_id: FromPath[UUID],
    data: JSONBody[ReasonBody],
) -> Done:
    look, reason = await look_of(by), clean(data.reason)
    await ambassadors.end(ambassador_id, reason, workspace=look, by=by, now=now)
    return Done()


READS: list[HTTPRouteHandler] = [list_ambassadors, get_ambassador, *api_missions.READS]
WRITES: list[HTTPRouteHandler] = [
    apply,
    accept,
    decline,
    change,
    rest,
    end,
    *api_missions.WRITES,
]
