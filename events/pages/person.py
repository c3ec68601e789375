"""One member, for the team: what is known of her, and what happened day by day."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from events.pages.moments import PROOFS, told_all, via_words
from events.people import channels, consents, dossiers, identities, members, notes, tags
from events.people.consents import Answer, Purpose
from events.people.dossiers import Dossier, Moment
from events.people.identities import IdentityRow
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, Invalid, NotFound
from server.forms import Form, Line, Prose, read
from server.i18n import gettext as _
from server.i18n import lazy, short_date
from server.web import Asking, away, page, typed
from server.workspaces import ORGANISERS, Seat

# The exact words of each question: what is agreed to is known by their hash.
TEXTS = {
    Purpose.LINKING: lazy(
        "We compare your coming to meetups with your online activity, for figures about"
        " groups only. You may withdraw at any time."
    ),
    Purpose.PHOTOS: lazy(
        "Photos of the evening in which you can be recognised may be shown by the"
        " community. You may withdraw at any time."
    ),
    Purpose.LETTERS: lazy(
        "We may write to you about the next meetups. You may withdraw at any time."
    ),
    Purpose.ACROSS: lazy(
        "You may be recognised in the other brands of this organiser, for counting only."
        " You may withdraw at any time."
    ),
}
PURPOSES = {
    Purpose.LINKING: lazy("Being linked"),
    Purpose.PHOTOS: lazy("Photos"),
    Purpose.LETTERS: lazy("Letters"),
    Purpose.ACROSS: lazy("Being recognised across brands"),
}


class Said(StrEnum):
    AGREE = "agree"
    WITHDRAW = "withdraw"


class LinkingForm(Form, kw_only=True):
    answer: Said
    reason: Line
    purpose: Purpose = Purpose.LINKING


class IdentityForm(Form, kw_only=True):
    channel: UUID
    handle: Line


class TagForm(Form, kw_only=True):
    tag: Line


class NoteForm(Form, kw_only=True):
    text: Prose


# Rules


def latest(answers: list[Answer]) -> list[tuple[Purpose, Answer | None]]:
    """The last answer to each purpose but the linking, which has a place of its own."""
    first: dict[Purpose, Answer] = {}
    for one in answers:
        first.setdefault(one.purpose, one)
    return [(one, first.get(one)) for one in Purpose if one is not Purpose.LINKING]


def _facts(moments: list[Moment]) -> dict[str, int]:
    """How often she came, did not come, and was active."""
    return {
        kind: sum(one.kind == kind for one in moments)
        for kind in ("came", "did_not_come", "active")
    }


def _known_as(one: IdentityRow) -> tuple[IdentityRow, str, str]:
    """An identity with the shape and the words of its proof."""
    if one.disputed_at is not None:
        return one, "no", _("Disputed: somebody else claims it, and it counts for nobody")
    shape, words = PROOFS[one.proof]
    return one, shape, str(words)


# Pages


@get("/people/{member_id:uuid}")
async def person(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    member_id: FromPath[UUID],
) -> Response[Any]:
    return await _person(asking, by, seat, member_id)


async def _person(
    asking: Asking,
    by: Actor,
    seat: Seat,
    member_id: UUID,
    answers: dict[str, Any] | None = None,
    errors: Any = None,  # noqa: ANN401 - sentences by field
) -> Response[Any]:
    async with scoped(by, readonly=True):
        look = await workspaces.look_by_id(seat.workspace_id)
        member = await dossiers.dossier(member_id)
        if member.merged_into_id is not None:
            return away(asking, f"/w/{seat.slug}/people/{member.merged_into_id}")
        moments = await dossiers.timeline(member_id)
        known = await identities.claimed_by(member_id)
        places = await channels.to_choose()
    if member.erased_at is not None:
        raise NotFound
    return page(
        asking,
        "organize/person.html",
        status=422 if errors else 200,
        workspace=look,
        member=member,
        may_write=seat.role in ORGANISERS,
        facts=_facts(moments),
        is_known_online=any(one.member_id == member_id for one in known),
        identities=[_known_as(one) for one in known],
        channels=[(str(one.id), one.name) for one in places],
        consents=_consents(member, look.time_zone),
        purposes=[(one.value, str(PURPOSES[one])) for one, _ in latest([])],
        moments=list(told_all(moments, seat, look.time_zone)),
        answers=answers or {},
        errors=errors or {},
    )


def _consents(member: Dossier, time_zone: str) -> list[dict[str, Any]]:
    """What she said to each purpose, in words."""
    rows = []
    for purpose, answer in latest(member.answers):
        if answer is None:
            shape, words, why = "wait", _("Never asked"), ""
        else:
            day = short_date(answer.at, time_zone)
            shape = "yes" if answer.is_given else "no"
            words = (
                _("Agreed on %(day)s", day=day)
                if answer.is_given
                else _("Withdrew on %(day)s", day=day)
            )
            why = via_words(answer.via)
        rows.append(
            {"title": str(PURPOSES[purpose]), "state": shape, "label": words, "why": why}
        )
    return rows


@post("/people/{member_id:uuid}/linking", status_code=303)
async def answer_linking(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    member_id: FromPath[UUID],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(LinkingForm, answers)
    except Invalid as no:
        return await _person(asking, by, seat, member_id, answers, no.fields)
    act = consents.agree if form.answer is Said.AGREE else consents.withdraw
    async with scoped(by):
        await members.here(member_id)
        await act(
            member_id,
            form.purpose,
            text=str(TEXTS[form.purpose]),
            language=asking.lang,
            via=f"team: {form.reason}",
            by=by,
            now=now,
        )
    path = f"/w/{seat.slug}/people/{member_id}"
    return away(asking, path, said=_("The answer is written down."))


@post("/people/{member_id:uuid}/identities", status_code=303)
async def declare_identity(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    member_id: FromPath[UUID],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(IdentityForm, answers)
        await _declare(form, member_id, by=by, now=now)
    except Invalid as no:
        return await _person(asking, by, seat, member_id, answers, no.fields)
    path = f"/w/{seat.slug}/people/{member_id}"
    return away(asking, path, said=_("The identity is linked."))


async def _declare(
    form: IdentityForm, member_id: UUID, *, by: Actor, now: datetime
) -> None:
    async with scoped(by):
        member = await members.here(member_id)
        is_hers = await identities.declare(
            form.handle, channel_id=form.channel, member_id=member.id, by=by, now=now
        )
    if not is_hers:
        raise Invalid(handle=lazy("Somebody else goes by this name in this channel."))


@post("/people/{member_id:uuid}/identities/{identity_id:uuid}/unlink", status_code=303)
async def unlink_identity(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    member_id: FromPath[UUID],
    identity_id: FromPath[UUID],
) -> Response[Any]:
    async with scoped(by):
        hers = await identities.identities_of(member_id)
        if identity_id not in {one.id for one in hers}:
            raise NotFound
        await identities.unlink(identity_id, by=by, now=now)
    path = f"/w/{seat.slug}/people/{member_id}"
    return away(asking, path, said=_("The identity is no longer linked."))


# Tags and notes


@post("/people/{member_id:uuid}/tags", status_code=303)
async def put_tag(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    member_id: FromPath[UUID],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(TagForm, answers)
        await tags.put_tag(member_id, form.tag, by=by, now=now)
    except Invalid as no:
        return await _person(asking, by, seat, member_id, answers, no.fields)
    except Conflict as no:
        wrong = {"tag": str(no)}
        return await _person(asking, by, seat, member_id, answers, wrong)
    return away(asking, f"/w/{seat.slug}/people/{member_id}", said=_("The tag is there."))


@post("/people/{member_id:uuid}/tags/{tag_slug:str}/remove", status_code=303)
async def take_tag(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    member_id: FromPath[UUID],
    tag_slug: FromPath[str],
) -> Response[Any]:
    await tags.take_tag(member_id, tag_slug, by=by, now=now)
    path = f"/w/{seat.slug}/people/{member_id}"
    return away(asking, path, said=_("The tag is taken off."))


@post("/people/{member_id:uuid}/notes", status_code=303)
async def write_note(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    member_id: FromPath[UUID],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(NoteForm, answers)
        await notes.write_note(member_id, form.text, by=by, now=now)
    except Invalid as no:
        return await _person(asking, by, seat, member_id, answers, no.fields)
    path = f"/w/{seat.slug}/people/{member_id}"
    return away(asking, path, said=_("The note is written down."))


@post("/people/{member_id:uuid}/notes/{note_id:uuid}/remove", status_code=303)
async def remove_note(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    member_id: FromPath[UUID],
    note_id: FromPath[UUID],
) -> Response[Any]:
    await notes.remove_note(note_id, member_id=member_id, by=by, now=now)
    path = f"/w/{seat.slug}/people/{member_id}"
    return away(asking, path, said=_("The note is removed."))


TEAM = [person, answer_linking, declare_identity, unlink_identity]
WRITES = [put_tag, take_tag, write_note, remove_note]
