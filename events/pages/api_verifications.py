"""Codes that prove a handle, for machines."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from events.people import channels, verifications
from events.people.verifications import Code
from server.audit import Actor
from server.database import scoped
from server.forms import clean


class PersonBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A member."""

    member_id: UUID


class AddressBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Where a channel is found; empty takes the address away."""

    address: Annotated[str, msgspec.Meta(max_length=200)]


class ChannelAddress(msgspec.Struct):
    """A channel and where it is found."""

    id: UUID
    name: str
    address: str


@get(
    "/verifications/{verification_id:uuid}",
    summary="A code",
    description="A code and what became of looking for it.",
)
async def get_code(by: NamedDependency[Actor], verification_id: FromPath[UUID]) -> Code:
    async with scoped(by, readonly=True):
        return await verifications.code_of(verification_id)


@post(
    "/identities/{identity_id:uuid}/codes",
    status_code=200,
    summary="Give a code to prove a handle",
    description="The same code as long as it is valid, seven days. The member writes it"
    " where she presents herself in the channel.",
)
async def give_code(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    identity_id: FromPath[UUID],
    data: JSONBody[PersonBody],
) -> Code:
    async with scoped(by):
        id_ = await verifications.ask(identity_id, data.member_id, by=by, now=now)
        return await verifications.code_of(id_)


@post(
    "/verifications/{verification_id:uuid}/look",
    status_code=202,
    summary="Look for a code now",
    description="The page is read soon; ask for the code again to see what was found."
    " Refused with 409 where only people can look.",
)
async def look_for_code(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    verification_id: FromPath[UUID],
) -> Code:
    async with scoped(by):
        await verifications.look(verification_id, by=by, now=now)
        return await verifications.code_of(verification_id)


@post(
    "/verifications/{verification_id:uuid}/seen",
    status_code=200,
    summary="Say that somebody saw the code",
    description="The handle is verified for this member, and the other claims end.",
)
async def saw(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    verification_id: FromPath[UUID],
) -> Code:
    async with scoped(by):
        await verifications.saw(verification_id, by=by, now=now)
        return await verifications.code_of(verification_id)


@patch(
    "/channels/{channel_id:uuid}",
    summary="Say where a channel is found",
    description="A public https address; with it we can look for codes in Discourse and"
    " Mastodon.",
)
async def set_address(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    channel_id: FromPath[UUID],
    data: JSONBody[AddressBody],
) -> ChannelAddress:
    kept = await channels.set_address(channel_id, clean(data.address), by=by, now=now)
    return ChannelAddress(kept.id, kept.name, kept.address)


READS = [get_code]
WRITES = [give_code, look_for_code, saw, set_address]
