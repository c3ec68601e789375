"""Members, communities, channels and activity for machines."""

from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter

from events.engagement import activity
from events.engagement.activity import Act, Fate
from events.people import (
    channels,
    communities,
    dossiers,
    identities,
    listings,
    members,
)
from events.people.channels import ChannelKind
from events.people.consents import Answer
from events.people.notes import NoteLine
from events.people.wanted import wanted
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Invalid, NotFound
from server.forms import clean
from server.i18n import lazy

MOST_ACTS = 10_000
# 10,000 acts of a few hundred characters each.
LARGEST_BODY = 8 * 1024 * 1024
PAGE, LONGEST_PAGE = 50, 200

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Limit = Annotated[int, Parameter(ge=1, le=LONGEST_PAGE)]


class ActBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One act, as its channel knows it."""

    external_id: Name
    handle: Name
    kind: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z_]{0,39}$")]
    at: Annotated[datetime, msgspec.Meta(tz=True)]


class ActivitiesBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Acts of one channel."""

    channel_id: UUID
    activities: Annotated[list[ActBody], msgspec.Meta(max_length=MOST_ACTS)]


class ActResult(msgspec.Struct):
    """What became of one act."""

    external_id: str
    result: Fate


class ActivitiesResult(msgspec.Struct):
    """What became of each act, in the order of the request."""

    kept: int
    known: int
    conflict: int
    results: list[ActResult]


class MemberBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A member to be known."""

    email: Name
    name: Name
    language: str = ""
    community_id: UUID | None = None


class MemberItem(msgspec.Struct):
    """A member in a list."""

    id: UUID
    name: str
    email: str | None
    joined_on: str | None
    linking_agreed_at: datetime | None
    meetups_attended: int
    last_active_on: str | None
    communities: str
    tags: str


class MemberPage(msgspec.Struct):
    """Members by name; `next` continues the list."""

    items: list[MemberItem]
    next: UUID | None


class IdentityItem(msgspec.Struct):
    """Where a member is known online."""

    channel: str
    handle: str
    proof: str


class MemberDetail(msgspec.Struct):
    """One member."""

    id: UUID
    name: str
    email: str | None
    language: str
    joined_on: str | None
    linking_agreed_at: datetime | None
    is_insider: bool
    communities: list[str]
    tags: list[dossiers.Named]
    notes: list[NoteLine]
    consents: list[Answer]
    identities: list[IdentityItem]
    timeline: list[dossiers.Moment]


class CommunityBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A community to be opened."""

    name: Name
    description: Annotated[str, msgspec.Meta(max_length=5000)] = ""


class CommunityItem(msgspec.Struct):
    """A community."""

    id: UUID
    slug: str
    name: str
    description: str
    members: int


class CommunityPage(msgspec.Struct):
    """Every community of the workspace."""

    items: list[CommunityItem]
    next: None = None


class ChannelBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A channel to be added."""

    community_id: UUID
    name: Name
    kind: ChannelKind = ChannelKind.OTHER


class ChannelItem(msgspec.Struct):
    """A channel."""

    id: UUID
    community_id: UUID
    name: str
    kind: ChannelKind
    identities: int = 0


class ChannelPage(msgspec.Struct):
    """Every channel of the workspace."""

    items: list[ChannelItem]
    next: None = None


# Reading


@get(
    "/members",
    summary="Members",
    description="Members by name. `q` searches names and addresses without accents or case;"
    " `community` and `tag` are slugs; `came` is how often at least, 0 for never;"
    " `away_since` and `active_since` are days; `linked`, `ambassador` and `email` are"
    " `yes` or `no`; `after` is the `next` of the previous page.",
)
async def list_members(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    q: FromQuery[str] = "",  # noqa: ARG001 - the filters are read together, named for the schema
    community: FromQuery[str] = "",  # noqa: ARG001
    tag: FromQuery[str] = "",  # noqa: ARG001
    came: FromQuery[str] = "",  # noqa: ARG001
    away_since: FromQuery[str] = "",  # noqa: ARG001
    active_since: FromQuery[str] = "",  # noqa: ARG001
    linked: FromQuery[str] = "",  # noqa: ARG001
    ambassador: FromQuery[str] = "",  # noqa: ARG001
    email: FromQuery[str] = "",  # noqa: ARG001
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Limit] = PAGE,
) -> MemberPage:
    to = wanted(request.query_params)
    async with scoped(by, readonly=True):
        found = await listings.members(to, after=after, limit=limit, today=now.date())
    items = [_item(one) for one in found.lines]
    return MemberPage(items, items[-1].id if found.has_more else None)


def _item(line: listings.MemberLine) -> MemberItem:
    return MemberItem(
        id=line.id,
        name=line.name,
        email=line.email,
        joined_on=_day(line.joined_on),
        linking_agreed_at=line.linking_agreed_at,
        meetups_attended=line.attended,
        last_active_on=_day(line.active_on),
        communities=line.communities,
        tags=line.tags,
    )


def _day(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


@get(
    "/members/{member_id:uuid}",
    summary="A member",
    description="One member with her communities, her identities and her timeline.",
)
async def get_member(by: NamedDependency[Actor], member_id: FromPath[UUID]) -> MemberDetail:
    async with scoped(by, readonly=True):
        return await _detail(member_id)


async def _detail(member_id: UUID) -> MemberDetail:
    member = await dossiers.dossier(member_id)
    if member.merged_into_id is not None:
        member = await dossiers.dossier(member.merged_into_id)
    if member.erased_at is not None:
        raise NotFound
    return MemberDetail(
        id=member.id,
        name=member.name,
        email=member.email,
        language=member.language,
        joined_on=_day(member.joined_on),
        linking_agreed_at=member.linking_agreed_at,
        is_insider=member.is_insider,
        communities=[one.name for one in member.communities],
        tags=member.tags,
        notes=member.notes,
        consents=member.answers,
        identities=[
            IdentityItem(one.channel, one.handle, one.proof)
            for one in await identities.identities_of(member.id)
        ],
        timeline=await dossiers.timeline(member.id),
    )


@get(
    "/communities",
    summary="Communities",
    description="Every community of the workspace, by name.",
)
async def list_communities(by: NamedDependency[Actor]) -> CommunityPage:
    async with scoped(by, readonly=True):
        found = await communities.communities()
    return CommunityPage(
        [
            CommunityItem(one.id, one.slug, one.name, one.description, one.members)
            for one in found
        ]
    )


@get(
    "/channels",
    summary="Channels",
    description="Every channel of the workspace, by name.",
)
async def list_channels(by: NamedDependency[Actor]) -> ChannelPage:
    async with scoped(by, readonly=True):
        found = await channels.channels()
    return ChannelPage(
        [
            ChannelItem(one.id, one.community_id, one.name, one.kind, one.identities)
            for one in found
        ]
    )


# Writing


@post(
    "/members",
    summary="Know a member",
    description="The member of this address, made on first sight. The same request again"
    " answers the same member; a name already written is not overwritten.",
)
async def make_member(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    data: JSONBody[MemberBody],
) -> MemberDetail:
    async with scoped(by):
        look = await workspaces.look_by_id(by.workspace_id)
        id_ = await members.known(
            data.email,
            name=data.name,
            language=data.language or look.language,
            community_id=data.community_id,
            by=by,
            now=now,
        )
        return await _detail(id_)


@post(
    "/communities",
    summary="Open a community",
    description="Refused with 409 when a community has this name.",
)
async def make_community(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    data: JSONBody[CommunityBody],
) -> CommunityItem:
    made = await communities.make_community(
        clean(data.name), description=clean(data.description), by=by, now=now
    )
    return CommunityItem(made.id, made.slug, made.name, made.description, 0)


@post(
    "/channels",
    summary="Add a channel",
    description="Refused with 409 when the community has a channel of this name.",
)
async def make_channel(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    data: JSONBody[ChannelBody],
) -> ChannelItem:
    name = clean(data.name)
    if not name:
        raise Invalid(name=lazy("This answer is missing."))
    made = await channels.make_channel(data.community_id, name, data.kind, by=by, now=now)
    return ChannelItem(made.id, made.community_id, made.name, ChannelKind(made.kind))


@post(
    "/activities",
    status_code=200,
    request_max_body_size=LARGEST_BODY,
    summary="Record activity",
    description="Up to 10,000 acts of one channel. Each is known by its `external_id`"
    " there: sent again it is `known`; sent with another author, kind or moment it is a"
    " `conflict` and changes nothing. Two acts of one request that share an id and differ"
    " are both in conflict.",
)
async def record(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    data: JSONBody[ActivitiesBody],
) -> ActivitiesResult:
    acts = [_act(index, one, now) for index, one in enumerate(data.activities)]
    recorded = await activity.record(acts, channel_id=data.channel_id, by=by, now=now)
    return ActivitiesResult(
        kept=recorded.count(Fate.KEPT),
        known=recorded.count(Fate.KNOWN),
        conflict=recorded.count(Fate.CONFLICT),
        results=[
            ActResult(act.external_id, fate)
            for act, fate in zip(acts, recorded.fates, strict=True)
        ],
    )


def _act(index: int, body: ActBody, now: datetime) -> Act:
    """An act whose texts can be kept, or Invalid with its place in the list."""
    external_id, handle = clean(body.external_id), identities.tidy_handle(body.handle)
    field = f"activities[{index}]"
    if not external_id or not handle:
        raise Invalid(**{field: lazy("An id and a handle need a visible character.")})
    if not activity.is_plausible(body.at, now):
        raise Invalid(**{field: lazy("The moment is in the future, or before 1970.")})
    return Act(external_id, handle, body.kind, body.at.astimezone(UTC))


READS = [list_members, get_member, list_communities, list_channels]
WRITES = [make_member, make_community, make_channel, record]
