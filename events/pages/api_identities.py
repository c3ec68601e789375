"""Identities, duplicates and merges, for machines."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter

from events.pages import api_verifications
from events.people import (
    claims,
    duplicates,
    identities,
    merges,
    unmerging,
    verifications,
)
from events.people.claims import ClaimLine
from events.people.duplicates import Pair, Reason
from events.people.identities import IdentityRow, Which
from events.people.merges import MergeLine
from events.people.verifications import Code
from server.audit import Actor
from server.database import scoped
from server.forms import clean

PAGE, LONGEST_PAGE = 50, 200
Limit = Annotated[int, Parameter(ge=1, le=LONGEST_PAGE)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class PairPage(msgspec.Struct):
    """Who may be one person twice; `next` continues the list."""

    items: list[Pair]
    next: UUID | None


class MergePage(msgspec.Struct):
    """Merges, latest first; `next` continues the list."""

    items: list[MergeLine]
    next: UUID | None


class IdentityPage(msgspec.Struct):
    """Identities by handle; `next` continues the list."""

    items: list[IdentityRow]
    next: UUID | None


class MergeBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Two records that are one person's."""

    kept_id: UUID
    merged_id: UUID
    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""


class PairBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Two records."""

    one_id: UUID
    other_id: UUID


class ClaimBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """That a member goes by a handle in a channel."""

    channel_id: UUID
    handle: Name
    member_id: UUID


class HolderBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Whose a handle is; null means nobody's."""

    member_id: UUID | None


class Looked(msgspec.Struct):
    """How many pairs look alike."""

    pairs: int


class MergeItem(msgspec.Struct):
    """A merge with how many rows of each table moved, and how many stayed."""

    merge: MergeLine
    moved: dict[str, int]
    stayed: dict[str, int]


class IdentityDetail(msgspec.Struct):
    """One identity with every claim to it, ended ones too, and the codes given out."""

    identity: IdentityRow
    claims: list[ClaimLine]
    codes: list[Code]


# Reading


@get(
    "/duplicates",
    summary="Who may be one person twice",
    description="Pairs as the last look found them, the strongest reasons first. `reason`"
    " is one of address, claim, handle, name; `q` searches names and addresses. Nothing is"
    " ever merged by itself, and a name alone is never more than `name`.",
)
async def list_duplicates(
    by: NamedDependency[Actor],
    q: FromQuery[str] = "",
    reason: FromQuery[Reason | None] = None,
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Limit] = PAGE,
) -> PairPage:
    async with scoped(by, readonly=True):
        found = await duplicates.pairs(
            reason=reason, search=q, after=after, limit=limit + 1
        )
    items = found[:limit]
    return PairPage(items, items[-1].id if len(found) > limit else None)


@get("/merges", summary="Merges", description="Merges, latest first, undone ones too.")
async def list_merges(
    by: NamedDependency[Actor],
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Limit] = PAGE,
) -> MergePage:
    async with scoped(by, readonly=True):
        found = await merges.merges(after=after, limit=limit + 1)
    items = found[:limit]
    return MergePage(items, items[-1].id if len(found) > limit else None)


@get(
    "/merges/{merge_id:uuid}",
    summary="A merge",
    description="How many rows of each table moved, and how many stayed because the kept"
    " record had the same already.",
)
async def get_merge(by: NamedDependency[Actor], merge_id: FromPath[UUID]) -> MergeItem:
    async with scoped(by, readonly=True):
        return await _merge(merge_id)


async def _merge(merge_id: UUID) -> MergeItem:
    found = await merges.merge_detail(merge_id)
    return MergeItem(found.line, found.moved, found.stayed)


@get(
    "/identities",
    summary="Identities",
    description="Identities by handle. `q` is how the handle begins; `which` is one of"
    " held, verified, nobodys, disputed; `channel` is a channel's id.",
)
async def list_identities(
    by: NamedDependency[Actor],
    q: FromQuery[str] = "",
    which: FromQuery[Which | None] = None,
    channel: FromQuery[UUID | None] = None,
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Limit] = PAGE,
) -> IdentityPage:
    async with scoped(by, readonly=True):
        found = await identities.all_identities(
            channel_id=channel, which=which, begins=q, after=after, limit=limit + 1
        )
    items = found[:limit]
    return IdentityPage(items, items[-1].id if len(found) > limit else None)


@get(
    "/identities/{identity_id:uuid}",
    summary="An identity",
    description="One identity with every claim to it and the codes given out.",
)
async def get_identity(
    by: NamedDependency[Actor], identity_id: FromPath[UUID]
) -> IdentityDetail:
    async with scoped(by, readonly=True):
        return await _identity(identity_id)


async def _identity(identity_id: UUID) -> IdentityDetail:
    return IdentityDetail(
        await identities.identity_row(identity_id),
        await claims.claims_of(identity_id),
        await verifications.codes_for(identity_id),
    )


# Writing


@post(
    "/duplicates/look",
    status_code=200,
    summary="Look for duplicates now",
    description="Looks over everybody, as is done every night.",
)
async def look(by: NamedDependency[Actor], now: NamedDependency[datetime]) -> Looked:
    return Looked(await duplicates.look(by=by, now=now))


@post(
    "/duplicates/apart",
    status_code=204,
    summary="Say that two records are two people",
    description="They are not offered again, and cannot be merged until it is taken back.",
)
async def apart(
    by: NamedDependency[Actor], now: NamedDependency[datetime], data: JSONBody[PairBody]
) -> None:
    await merges.say_apart(data.one_id, data.other_id, by=by, now=now)


@post(
    "/duplicates/together",
    status_code=204,
    summary="Take back that two records are two people",
    description="404 when nobody said so.",
)
async def together(
    by: NamedDependency[Actor], now: NamedDependency[datetime], data: JSONBody[PairBody]
) -> None:
    await merges.take_back_apart(data.one_id, data.other_id, by=by, now=now)


@post(
    "/merges",
    summary="Merge two records of one person",
    description="Every row of the merged record goes to the kept one, and can be given"
    " back. Refused with 409 when one of them was erased or merged already, or when they"
    " were said to be two people.",
)
async def merge(
    by: NamedDependency[Actor], now: NamedDependency[datetime], data: JSONBody[MergeBody]
) -> MergeItem:
    async with scoped(by):
        id_ = await merges.merge(
            data.kept_id, data.merged_id, reason=clean(data.reason), by=by, now=now
        )
        return await _merge(id_)


@post(
    "/merges/{merge_id:uuid}/undo",
    status_code=200,
    summary="Undo a merge",
    description="Each row goes back to the record it came from. Refused with 409 when it"
    " was undone already, or when a later merge must be undone first.",
)
async def undo(
    by: NamedDependency[Actor], now: NamedDependency[datetime], merge_id: FromPath[UUID]
) -> MergeItem:
    async with scoped(by):
        await unmerging.undo(merge_id, by=by, now=now)
        return await _merge(merge_id)


@post(
    "/identities",
    status_code=200,
    summary="Say that a member goes by a handle",
    description="A handle that somebody else holds without a proof becomes disputed: both"
    " claims stay, and it counts for nobody. A verified handle stays with its holder.",
)
async def declare(
    by: NamedDependency[Actor], now: NamedDependency[datetime], data: JSONBody[ClaimBody]
) -> IdentityDetail:
    async with scoped(by):
        handle, where = identities.tidy_handle(data.handle), data.channel_id
        await identities.declare(
            handle, channel_id=where, member_id=data.member_id, by=by, now=now
        )
        known = await identities.identities_named([handle], channel_id=where)
        return await _identity(known[handle][0])


@post(
    "/identities/{identity_id:uuid}/settle",
    status_code=200,
    summary="Say whose a handle is",
    description="The other claims end. Refused with 409 for a member who does not claim"
    " it.",
)
async def settle(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    identity_id: FromPath[UUID],
    data: JSONBody[HolderBody],
) -> IdentityDetail:
    async with scoped(by):
        await identities.settle(identity_id, data.member_id, by=by, now=now)
        return await _identity(identity_id)


@post(
    "/identities/{identity_id:uuid}/unlink",
    status_code=200,
    summary="Take a handle away from its member",
    description="What was done under it stays in the channel, nobody's.",
)
async def unlink(
    by: NamedDependency[Actor], now: NamedDependency[datetime], identity_id: FromPath[UUID]
) -> IdentityDetail:
    async with scoped(by):
        await identities.unlink(identity_id, by=by, now=now)
        return await _identity(identity_id)


READS = [
    list_duplicates,
    list_merges,
    get_merge,
    list_identities,
    get_identity,
    *api_verifications.READS,
]
WRITES = [
    look,
    apart,
    together,
    merge,
    undo,
    declare,
    settle,
    unlink,
    *api_verifications.WRITES,
]
