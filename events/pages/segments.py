"""Segments and tags: lists of members with a name, and the words put on them.

What organisers write about one member is mounted here as well.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from events.pages import communities, people
from events.people import listings, segments, tags
from events.people.segments import SegmentLine
from events.people.tags import TagLine
from events.people.wanted import wanted_of
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, Invalid
from server.forms import Form, Line, read
from server.i18n import gettext as _
from server.sheets import table
from server.web import Asking, away, page, typed
from server.workspaces import ORGANISERS, Seat


class SegmentForm(Form, kw_only=True):
    name: Line
    query: str = ""


class NameForm(Form, kw_only=True):
    name: Line


# Reading


@get("/segments")
async def list_segments(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    return await _segments(asking, by, seat)


async def _segments(
    asking: Asking,
    by: Actor,
    seat: Seat,
    errors: Any = None,  # noqa: ANN401 - sentences by field
    answers: dict[str, str] | None = None,
) -> Response[Any]:
    async with scoped(by, readonly=True):
        kept = await segments.segments()
        words = await tags.tags()
        every = await listings.choices()
    names = {(one.kind, one.slug): one.name for one in every}
    return page(
        asking,
        "organize/segments.html",
        status=422 if errors else 200,
        workspace=seat,
        may_write=seat.role in ORGANISERS,
        segments=[(one, people.told_filters(wanted_of(one.query), names)) for one in kept],
        tags=words,
        answers=answers or {},
        errors=errors or {},
    )


@get("/segments.csv")
async def segments_file(by: NamedDependency[Actor], seat: NamedDependency[Seat]) -> Stream:
    head = [_("Name"), _("Filters"), _("Saved by"), _("Saved on")]

    async def every(_after: UUID | None, _limit: int) -> list[SegmentLine]:
        return await segments.segments()

    def cells(one: SegmentLine) -> list[object]:
        return [one.name, one.query, one.author, one.created_at.date()]

    return table(f"{seat.slug}-segments.csv", head, every, cells, by=by)


@get("/tags.csv")
async def tags_file(by: NamedDependency[Actor], seat: NamedDependency[Seat]) -> Stream:
    async def every(_after: UUID | None, _limit: int) -> list[TagLine]:
        return await tags.tags()

    def cells(one: TagLine) -> list[object]:
        return [one.name, one.members]

    head = [_("Name"), _("Members")]
    return table(f"{seat.slug}-tags.csv", head, every, cells, by=by)


# Segments


@post("/segments", status_code=303)
async def save_segment(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(SegmentForm, answers)
        to = wanted_of(form.query)
        await segments.save_segment(form.name, to, by=by, now=now)
    except Invalid as no:
        wrong = {"segment": str(next(iter(no.fields.values())))}
        return await _back_to_the_list(asking, by, seat, answers, wrong)
    except Conflict as no:
        return await _back_to_the_list(asking, by, seat, answers, {"segment": str(no)})
    path = f"/w/{seat.slug}/people?{to.query}"
    return away(asking, path, said=_("The segment is saved."))


async def _back_to_the_list(
    asking: Asking, by: Actor, seat: Seat, answers: dict[str, Any], errors: dict[str, str]
) -> Response[Any]:
    """The list that was to become a segment, with what was typed."""
    try:
        to = wanted_of(str(answers.get("query", ""))).answers
    except Invalid:
        to = {}
    naming = str(answers.get("name", ""))
    return await people.people_page(asking, by, seat, to, errors, naming)


@post("/segments/{segment_slug:str}/rename", status_code=303)
async def rename_segment(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    segment_slug: FromPath[str],
) -> Response[Any]:
    answers, field = await typed(request), f"segment-{segment_slug}"
    try:
        form = read(NameForm, answers)
        await segments.rename_segment(segment_slug, form.name, by=by, now=now)
    except (Invalid, Conflict) as no:
        return await _renamed_wrongly(asking, by, seat, field, answers, no)
    return away(asking, f"/w/{seat.slug}/segments", said=_("The name is changed."))


async def _renamed_wrongly(
    asking: Asking,
    by: Actor,
    seat: Seat,
    field: str,
    answers: dict[str, Any],
    no: Invalid | Conflict,
) -> Response[Any]:
    """The page again, with what was typed beside the name it was for."""
    why = no.fields.get("name", no.message) if isinstance(no, Invalid) else no
    typed_name = {field: str(answers.get("name", ""))}
    return await _segments(asking, by, seat, {field: str(why)}, typed_name)


@post("/segments/{segment_slug:str}/remove", status_code=303)
async def drop_segment(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    segment_slug: FromPath[str],
) -> Response[Any]:
    await segments.drop_segment(segment_slug, by=by, now=now)
    return away(asking, f"/w/{seat.slug}/segments", said=_("The segment is removed."))


# Tags


@post("/tags/{tag_slug:str}/rename", status_code=303)
async def rename_tag(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    tag_slug: FromPath[str],
) -> Response[Any]:
    answers, field = await typed(request), f"tag-{tag_slug}"
    try:
        form = read(NameForm, answers)
        await tags.rename_tag(tag_slug, form.name, by=by, now=now)
    except (Invalid, Conflict) as no:
        return await _renamed_wrongly(asking, by, seat, field, answers, no)
    return away(asking, f"/w/{seat.slug}/segments", said=_("The name is changed."))


@post("/tags/{tag_slug:str}/remove", status_code=303)
async def drop_tag(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    tag_slug: FromPath[str],
) -> Response[Any]:
    try:
        await tags.drop_tag(tag_slug, by=by, now=now)
    except Conflict as no:
        return await _segments(asking, by, seat, {f"tag-{tag_slug}": str(no)})
    return away(asking, f"/w/{seat.slug}/segments", said=_("The tag is removed."))


READS = [list_segments, segments_file, tags_file, *communities.READS]
WRITES = [
    save_segment,
    rename_segment,
    drop_segment,
    rename_tag,
    drop_tag,
    *people.WRITES,
    *communities.WRITES,
]
