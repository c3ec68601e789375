"""Segments, tags, notes and what the team writes of a member, for machines."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from events.people import (
    communities,
    consents,
    dossiers,
    members,
    notes,
    segments,
    tags,
)
from events.people.consents import Purpose
from events.people.dossiers import Dossier
from events.people.members import Given
from events.people.notes import NoteLine
from events.people.segments import SegmentLine
from events.people.tags import TagLine
from events.people.wanted import wanted_of
from server.audit import Actor
from server.database import scoped
from server.errors import Invalid
from server.forms import clean
from server.i18n import lazy

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=5_000)]
MostlyShort = Annotated[str, msgspec.Meta(max_length=254)]


class MemberChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A member, anew; what is left out stays."""

    name: MostlyShort | msgspec.UnsetType = msgspec.UNSET
    email: MostlyShort | msgspec.UnsetType | None = msgspec.UNSET
    language: MostlyShort | msgspec.UnsetType = msgspec.UNSET
    joined_on: date | msgspec.UnsetType | None = msgspec.UNSET
    is_insider: bool | msgspec.UnsetType = msgspec.UNSET
    communities: list[str] | msgspec.UnsetType = msgspec.UNSET


class ConsentBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a member said to one purpose, the very text, and how it is known."""

    purpose: Purpose
    is_given: bool
    text: Text
    language: Annotated[str, msgspec.Meta(min_length=2, max_length=2)]
    via: Name


class TagBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The name of a tag, or of a segment."""

    name: Name


class NoteBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The text of a note."""

    text: Text


class SegmentBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A segment: its name, and the filters of a list of members."""

    name: Name
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]


class CommunityChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A community, anew."""

    name: Name
    description: Annotated[str, msgspec.Meta(max_length=5_000)] = ""


class SegmentPage(msgspec.Struct):
    """Every segment of the workspace, by name."""

    items: list[SegmentLine]
    next: None = None


class TagPage(msgspec.Struct):
    """Every tag of the workspace, by name."""

    items: list[TagLine]
    next: None = None


class NotePage(msgspec.Struct):
    """The notes about a member, latest first."""

    items: list[NoteLine]
    next: None = None


# Reading


@get("/segments", summary="Segments", description="Every segment, by name.")
async def list_segments(by: NamedDependency[Actor]) -> SegmentPage:
    async with scoped(by, readonly=True):
        return SegmentPage(await segments.segments())


@get("/tags", summary="Tags", description="Every tag, by name, with its members counted.")
async def list_tags(by: NamedDependency[Actor]) -> TagPage:
    async with scoped(by, readonly=True):
        return TagPage(await tags.tags())


@get(
    "/members/{member_id:uuid}/notes",
    summary="Notes about a member",
    description="What the team wrote about a member, latest first.",
)
async def list_notes(by: NamedDependency[Actor], member_id: FromPath[UUID]) -> NotePage:
    async with scoped(by, readonly=True):
        await members.here(member_id)
        return NotePage(await notes.notes_of(member_id))


# Writing


@patch(
    "/members/{member_id:uuid}",
    summary="Change a member",
    description="What is left out stays. `communities` are slugs, and the whole list."
    " Refused with 409 when somebody else has the address.",
)
async def change_member(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    member_id: FromPath[UUID],
    data: JSONBody[MemberChange],
) -> Dossier:
    async with scoped(by):
        await members.here(member_id)
        before = await dossiers.dossier(member_id)
        given = await _given(before, data)
        await members.change(member_id, given, by=by, now=now)
        return await dossiers.dossier(member_id)


async def _given(before: Dossier, data: MemberChange) -> Given:
    """The member as she will be."""
    slugs = (
        [one.slug for one in before.communities]
        if data.communities is msgspec.UNSET
        else data.communities
    )
    known = {one.slug: one.id for one in await communities.names()}
    if missing := set(slugs) - known.keys():
        raise Invalid(
            communities=lazy("There is no community “%(slug)s”.") % {"slug": min(missing)}
        )
    said = {
        name: getattr(before, name)
        if getattr(data, name) is msgspec.UNSET
        else getattr(data, name)
        for name in ("name", "email", "language", "joined_on", "is_insider")
    }
    return Given(**said, community_ids=[known[slug] for slug in slugs])


@post(
    "/members/{member_id:uuid}/consents",
    summary="Write an answer down",
    description="A yes or a no of a member to one purpose, as a row that is never changed.",
)
async def answer(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    member_id: FromPath[UUID],
    data: JSONBody[ConsentBody],
) -> Dossier:
    act = consents.agree if data.is_given else consents.withdraw
    async with scoped(by):
        await members.here(member_id)
        await act(
            member_id,
            data.purpose,
            text=clean(data.text),
            language=data.language,
            via=f"team: {clean(data.via)}",
            by=by,
            now=now,
        )
        return await dossiers.dossier(member_id)


@post(
    "/members/{member_id:uuid}/tags",
    summary="Tag a member",
    description="The tag is made on first sight; twice is once.",
)
async def put_tag(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    member_id: FromPath[UUID],
    data: JSONBody[TagBody],
) -> Dossier:
    async with scoped(by):
        await tags.put_tag(member_id, " ".join(clean(data.name).split()), by=by, now=now)
        return await dossiers.dossier(member_id)


@delete(
    "/members/{member_id:uuid}/tags/{tag_slug:str}",
    summary="Take a tag off a member",
    description="The tag stays for the others.",
)
async def take_tag(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    member_id: FromPath[UUID],
    tag_slug: FromPath[str],
) -> None:
    await tags.take_tag(member_id, tag_slug, by=by, now=now)


@patch("/tags/{tag_slug:str}", summary="Rename a tag", description="Its slug stays.")
async def rename_tag(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    tag_slug: FromPath[str],
    data: JSONBody[TagBody],
) -> TagPage:
    async with scoped(by):
        await tags.rename_tag(tag_slug, " ".join(clean(data.name).split()), by=by, now=now)
        return TagPage(await tags.tags())


@delete(
    "/tags/{tag_slug:str}",
    summary="Remove a tag",
    description="Taken off everybody. Refused with 409 while a segment asks for it.",
)
async def drop_tag(
    by: NamedDependency[Actor], now: NamedDependency[datetime], tag_slug: FromPath[str]
) -> None:
    await tags.drop_tag(tag_slug, by=by, now=now)


@post(
    "/members/{member_id:uuid}/notes",
    summary="Write a note",
    description="A note about a member, with the moment; it is never changed.",
)
async def write_note(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    member_id: FromPath[UUID],
    data: JSONBody[NoteBody],
) -> NotePage:
    async with scoped(by):
        await notes.write_note(member_id, data.text, by=by, now=now)
        return NotePage(await notes.notes_of(member_id))


@delete(
    "/members/{member_id:uuid}/notes/{note_id:uuid}",
    summary="Remove a note",
    description="Its words are gone.",
)
async def remove_note(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    member_id: FromPath[UUID],
    note_id: FromPath[UUID],
) -> None:
    await notes.remove_note(note_id, member_id=member_id, by=by, now=now)


@post(
    "/segments",
    summary="Save a segment",
    description="`query` holds the filters of `GET /members`, as an address writes them."
    " Refused with 409 when a segment has this name.",
)
async def save_segment(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    data: JSONBody[SegmentBody],
) -> SegmentLine:
    async with scoped(by):
        made = await segments.save_segment(
            " ".join(clean(data.name).split()), wanted_of(data.query), by=by, now=now
        )
        return next(one for one in await segments.segments() if one.id == made.id)


@patch(
    "/segments/{segment_slug:str}",
    summary="Rename a segment",
    description="Its slug stays.",
)
async def rename_segment(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    segment_slug: FromPath[str],
    data: JSONBody[TagBody],
) -> SegmentPage:
    async with scoped(by):
        name = " ".join(clean(data.name).split())
        await segments.rename_segment(segment_slug, name, by=by, now=now)
        return SegmentPage(await segments.segments())


@delete(
    "/segments/{segment_slug:str}",
    summary="Remove a segment",
    description="Nobody who was in it changes.",
)
async def drop_segment(
    by: NamedDependency[Actor], now: NamedDependency[datetime], segment_slug: FromPath[str]
) -> None:
    await segments.drop_segment(segment_slug, by=by, now=now)


@patch(
    "/communities/{community_slug:str}",
    summary="Change a community",
    description="Its slug stays. Refused with 409 when another has this name.",
)
async def change_community(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    community_slug: FromPath[str],
    data: JSONBody[CommunityChange],
) -> communities.CommunityLine:
    async with scoped(by):
        await communities.change_community(
            community_slug,
            name=" ".join(clean(data.name).split()),
            description=clean(data.description),
            by=by,
            now=now,
        )
        every = await communities.communities()
    return next(one for one in every if one.slug == community_slug)


READS = [list_segments, list_tags, list_notes]
WRITES = [
    change_member,
    answer,
    put_tag,
    take_tag,
    rename_tag,
    drop_tag,
    write_note,
    remove_note,
    save_segment,
    rename_segment,
    drop_segment,
    change_community,
]
