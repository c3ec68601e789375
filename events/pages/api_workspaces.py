"""A workspace, for machines: its settings, its team, its calendar.

Everybody of the team reads; what an owner does in the settings, only an owner's token does.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, patch, post, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from events.pages import api_departments
from events.people import solicitations
from events.planning import diaries
from events.planning.clashes import Entry, Reason, clashes
from server import brand, erasure, workspaces
from server.audit import Actor
from server.brand import Brand
from server.database import scoped
from server.errors import Invalid
from server.forms import clean, email
from server.i18n import lazy
from server.look import Look
from server.pages.team import TEAM_ROLES
from server.pictures import LARGEST_FILE
from server.web import Asking
from server.workspaces import Role, TeamMember

LONGEST_SPAN = timedelta(days=366)

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=5_000)]


class WorkspaceItem(msgspec.Struct):
    """A workspace as its settings say; amounts in cents."""

    id: UUID
    slug: str
    name: str
    color: str
    persona: str
    persona_role: str
    signature: str
    tone: str
    language: str
    languages: list[str]
    time_zone: str
    currency: str
    sender: str
    reply_to: str
    hour_cents: int | None
    ranks_ambassadors: bool
    embed_origins: list[str]
    has_logo: bool
    has_charter: bool
    has_ambassadors: bool


class WorkspaceBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What to change; what is left out stays as it is."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    color: Name | msgspec.UnsetType = msgspec.UNSET
    persona: Name | msgspec.UnsetType = msgspec.UNSET
    persona_role: Name | msgspec.UnsetType = msgspec.UNSET
    signature: Text | msgspec.UnsetType = msgspec.UNSET
    tone: Text | msgspec.UnsetType = msgspec.UNSET
    language: Name | msgspec.UnsetType = msgspec.UNSET
    languages: list[Name] | msgspec.UnsetType = msgspec.UNSET
    time_zone: Name | msgspec.UnsetType = msgspec.UNSET
    currency: Name | msgspec.UnsetType = msgspec.UNSET
    sender: Text | msgspec.UnsetType = msgspec.UNSET
    reply_to: Text | msgspec.UnsetType = msgspec.UNSET
    hour_cents: int | msgspec.UnsetType | None = msgspec.UNSET
    ranks_ambassadors: bool | msgspec.UnsetType = msgspec.UNSET
    embed_origins: list[Name] | msgspec.UnsetType = msgspec.UNSET


class NameBody(msgspec.Struct, forbid_unknown_fields=True):
    """The name of the workspace, typed by whoever means it."""

    name: Name


class TeamPage(msgspec.Struct):
    """Everybody with a role."""

    items: list[TeamMember]
    next: None = None


class InvitationBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whom to invite, and as what."""

    email: Name
    role: Role


class CalendarItem(msgspec.Struct):
    """A meetup in the calendar; `clashes` names the others it stands in the way of."""

    id: UUID
    slug: str
    title: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    venue: str
    is_published: bool
    is_cancelled: bool
    is_postponed: bool
    clashes: dict[UUID, list[Reason]]


class CalendarPage(msgspec.Struct):
    """Meetups by date, and how many members were asked too often in 28 days."""

    items: list[CalendarItem]
    asked_too_often: int
    next: None = None


# Reading


@get("/workspace", summary="The workspace", description="Its settings.")
async def get_workspace(by: NamedDependency[Actor]) -> WorkspaceItem:
    return _item(await workspaces.look_by_id(by.workspace_id))


def _item(look: Look) -> WorkspaceItem:
    kept = {
        name: getattr(look, name)
        for name in WorkspaceItem.__struct_fields__
        if name not in {"has_logo", "languages", "embed_origins"}
    }
    return WorkspaceItem(
        **kept,
        has_logo=look.logo_id is not None,
        languages=list(look.languages),
        embed_origins=list(look.embed_origins),
    )


@get(
    "/team",
    summary="The team",
    description="Everybody with a role; `is_pending` until the first sign-in.",
)
async def get_team(by: NamedDependency[Actor]) -> TeamPage:
    async with scoped(by, readonly=True):
        return TeamPage(await workspaces.team())


@get(
    "/calendar",
    summary="The calendar",
    description="The meetups that begin from `since` until `until` (a year at most), drafts"
    " and cancelled ones included, with their clashes.",
)
async def get_calendar(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    since: FromQuery[date],
    until: FromQuery[date],
) -> CalendarPage:
    if not timedelta() < until - since <= LONGEST_SPAN:
        raise Invalid(until=lazy("The end comes after the beginning, within a year."))
    ids = [by.workspace_id]
    async with scoped(by, readonly=True):
        found = await diaries.entries(
            ids,
            since=datetime.combine(since, time(), tzinfo=UTC),
            until=datetime.combine(until, time(), tzinfo=UTC),
        )
        often = await solicitations.asked_too_often(ids, now=now)
    clashing: dict[UUID, dict[UUID, list[Reason]]] = {}
    for one in clashes(found):
        clashing.setdefault(one.first.id, {})[one.second.id] = list(one.reasons)
        clashing.setdefault(one.second.id, {})[one.first.id] = list(one.reasons)
    items = [_on_calendar(one, clashing.get(one.id, {})) for one in found]
    return CalendarPage(items, sum(one.people for one in often))


def _on_calendar(one: Entry, against: dict[UUID, list[Reason]]) -> CalendarItem:
    return CalendarItem(
        id=one.id,
        slug=one.slug,
        title=one.title,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        time_zone=one.time_zone,
        venue=one.venue,
        is_published=one.published_at is not None,
        is_cancelled=one.cancelled_at is not None,
        is_postponed=one.postponed_at is not None,
        clashes=against,
    )


# Writing


@patch(
    "/workspace",
    summary="Change the settings",
    description="Needs an owner's token. What is left out stays as it is.",
)
async def change_workspace(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    data: JSONBody[WorkspaceBody],
) -> WorkspaceItem:
    changes = {
        name: value
        for name in Brand.__struct_fields__
        if (value := getattr(data, name)) is not msgspec.UNSET
    }
    for name, value in changes.items():
        if isinstance(value, str):
            changes[name] = clean(value)
    if changes.get("reply_to"):
        changes["reply_to"] = _email(changes["reply_to"], "reply_to")
    for name in {"languages", "embed_origins"} & changes.keys():
        changes[name] = tuple(changes[name])
    async with scoped(by):
        look = await brand.held(by.workspace_id, by=by)
        wanted = msgspec.structs.replace(brand.brand_of(look), **changes)
        await brand.change(look, wanted, by=by, now=now)
    return _item(await workspaces.look_by_id(by.workspace_id))


def _email(text: str, field: str) -> str:
    try:
        return email(text)
    except Invalid as no:
        raise Invalid(**{field: no.fields["email"]}) from no


@put(
    "/workspace/logo",
    status_code=200,
    request_max_body_size=LARGEST_FILE + 1024,
    summary="Change the logo",
    description="Needs an owner's token. The body is the file: PNG, JPEG or WebP, 10 MB.",
)
async def change_logo(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
) -> WorkspaceItem:
    await brand.set_logo(await request.body(), by=by, now=now)
    return _item(await workspaces.look_by_id(by.workspace_id))


@post(
    "/workspace/logo/remove",
    status_code=200,
    summary="Remove the logo",
    description="Needs an owner's token.",
)
async def remove_logo(
    by: NamedDependency[Actor], now: NamedDependency[datetime]
) -> WorkspaceItem:
    await brand.remove_logo(by=by, now=now)
    return _item(await workspaces.look_by_id(by.workspace_id))


@post(
    "/workspace/archive",
    status_code=204,
    summary="Archive the workspace",
    description="Needs an owner's token, which opens nothing afterwards: an owner brings"
    " the workspace back from its page.",
)
async def archive(by: NamedDependency[Actor], now: NamedDependency[datetime]) -> None:
    look = await workspaces.look_by_id(by.workspace_id)
    await erasure.archive(look, by=by, now=now)


@post(
    "/workspace/erase",
    status_code=202,
    summary="Erase the workspace",
    description="Needs an owner's token and the workspace's name. It closes at once; its"
    " rows are erased by a job, and only totals about nobody remain.",
)
async def erase(
    by: NamedDependency[Actor], now: NamedDependency[datetime], data: JSONBody[NameBody]
) -> None:
    look = await workspaces.look_by_id(by.workspace_id)
    await erasure.ask(look, data.name, by=by, now=now)


@post(
    "/team",
    status_code=200,
    summary="Invite somebody",
    description="Needs an owner's token. Twice changes nothing and writes no letter.",
)
async def invite(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    data: JSONBody[InvitationBody],
) -> TeamPage:
    if data.role not in TEAM_ROLES:
        raise Invalid(role=lazy("Choose one of the answers offered."))
    await workspaces.invite(
        _email(data.email, "email"),
        data.role,
        workspace=await workspaces.look_by_id(by.workspace_id),
        origin=asking.settings.origin,
        by=by,
        now=now,
    )
    return await _team(by)


@post(
    "/team/{membership_id:uuid}/resend",
    status_code=200,
    summary="Send an invitation again",
    description="Needs an owner's token. At most three times a day.",
)
async def invite_again(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    membership_id: FromPath[UUID],
) -> TeamPage:
    await workspaces.invite_again(
        membership_id,
        workspace=await workspaces.look_by_id(by.workspace_id),
        origin=asking.settings.origin,
        by=by,
        now=now,
    )
    return await _team(by)


@post(
    "/team/{membership_id:uuid}/end",
    status_code=200,
    summary="End a role or withdraw an invitation",
    description="Needs an owner's token. The last owner stays.",
)
async def end_membership(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    membership_id: FromPath[UUID],
) -> TeamPage:
    await workspaces.end_membership(membership_id, by=by, now=now)
    return await _team(by)


async def _team(by: Actor) -> TeamPage:
    async with scoped(by, readonly=True):
        return TeamPage(await workspaces.team())


READS: list[HTTPRouteHandler] = [
    get_workspace,
    get_team,
    get_calendar,
    *api_departments.READS,
]
WRITES: list[HTTPRouteHandler] = [
    change_workspace,
    change_logo,
    remove_logo,
    archive,
    erase,
    invite,
    invite_again,
    end_membership,
    *api_departments.WRITES,
]
