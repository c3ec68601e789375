"""Members, for the team: find somebody, read what happened, take the list out."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from events.people import channels, communities, consents, identities, members
from events.people.communities import CommunityLine
from events.people.consents import Purpose
from events.people.identities import Proof
from events.people.members import Member, MemberLine, Moment
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Invalid, NotFound
from server.forms import Form, Line, read
from server.i18n import gettext as _
from server.i18n import lazy, ngettext, short_date
from server.rendering import content_disposition, safe_text
from server.web import Asking, away, page, typed
from server.workspaces import Seat

PAGE = 50
EXPORT_PAGE = 1_000
# What a spreadsheet runs as a formula, full-width forms included (OWASP, CSV injection).
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001

PROOFS = {
    Proof.DECLARED: ("ask", lazy("Said by the person")),
    Proof.VERIFIED: ("yes", lazy("Verified")),
    Proof.IMPORTED: ("wait", lazy("Imported")),
}
# Each with its icon; what happened at a meetup names it.
MOMENTS = {
    "came": ("check", lazy("Came to %(meetup)s")),
    "did_not_come": ("cross", lazy("Did not come to %(meetup)s")),
    "registered": ("ticket", lazy("Registered for %(meetup)s")),
    "walked_in": ("door", lazy("Was registered at the door of %(meetup)s")),
    "waitlisted": ("clock", lazy("Waits for a place at %(meetup)s")),
    "lost_draw": ("clock", lazy("Was not drawn for %(meetup)s")),
    "gave_back": ("leave", lazy("Gave the place at %(meetup)s back")),
    "agreed": ("check", lazy("Agreed to be linked")),
    "withdrew": ("cross", lazy("Withdrew the agreement to be linked")),
    "known": ("plus", lazy("Known to this workspace")),
}
VIAS = {"import": lazy("With an imported file"), "page": lazy("When registering")}
LINKING_TEXT = lazy(
    "We compare your coming to meetups with your online activity, for figures about groups"
    " only. You may withdraw at any time."
)


class Said(StrEnum):
    AGREE = "agree"
    WITHDRAW = "withdraw"


class LinkingForm(Form, kw_only=True):
    answer: Said
    reason: Line


class IdentityForm(Form, kw_only=True):
    channel: UUID
    handle: Line


# Rules


def safe_cell(value: object) -> str:
    """A cell that no spreadsheet runs as a formula."""
    text = "" if value is None else str(value)
    risky = text.startswith(RISKY)
    return f"'{safe_text(text)}" if risky else safe_text(text)


def told(moment: Moment, seat: Seat, time_zone: str) -> dict[str, Any]:
    """A moment of a timeline in words."""
    icon, title, text = _words(moment)
    return {
        "when": short_date(moment.at, time_zone),
        "datetime": moment.at.isoformat(),
        "icon": icon,
        "title": title,
        "text": text,
        "href": f"/w/{seat.slug}/meetups/{moment.slug}" if moment.slug else None,
    }


def _words(moment: Moment) -> tuple[str, str, str]:
    """The icon, the sentence and the small print of a moment."""
    title, detail = moment.title, moment.detail
    if moment.kind == "active":
        acts = int(detail)
        return "voice", ngettext("%(num)s act online", "%(num)s acts online", acts), title
    if moment.kind in {"imported", "linked"}:
        how = PROOFS[Proof.IMPORTED if moment.kind == "imported" else Proof.DECLARED][1]
        return "person", _("Known as %(handle)s", handle=detail), f"{title}. {how}"
    icon, sentence = MOMENTS[moment.kind]
    via = _via(detail) if moment.kind in {"agreed", "withdrew"} else ""
    return icon, sentence % {"meetup": title}, via


def _via(via: str) -> str:
    """How an answer came: what the team wrote, or where it was given."""
    where, _colon, rest = via.partition(":")
    return rest.strip() if where == "team" else str(VIAS.get(where, where))


# Members


@get("/people")
async def list_people(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    search = request.query_params.get("q", "").strip()
    slug = request.query_params.get("community", "")
    after = _key(request.query_params.get("after"))
    async with scoped(by, readonly=True):
        every = await communities.communities()
        chosen = _chosen(every, slug)
        found = await members.members(chosen, search, after, PAGE + 1)
        total = await members.member_count(chosen, search)
    kept = {"q": search, "community": slug}
    more = len(found) > PAGE
    next_href = _href(seat, **kept, after=str(found[PAGE - 1].id)) if more else None
    return page(
        asking,
        "organize/people.html",
        workspace=seat,
        people=found[:PAGE],
        total=total,
        search=search,
        community=slug,
        filters=_filters(seat, every, kept),
        next_href=next_href,
        export_href=_href(seat, "people.csv", **kept),
    )


def _filters(
    seat: Seat, every: list[CommunityLine], kept: dict[str, str]
) -> list[dict[str, Any]]:
    """One filter a community, and one for everybody."""
    q = kept["q"]
    everybody = {
        "href": _href(seat, q=q),
        "label": _("Everybody"),
        "current": not kept["community"],
    }
    return [everybody] + [
        {
            "href": _href(seat, q=q, community=one.slug),
            "label": one.name,
            "count": one.members,
            "current": one.slug == kept["community"],
        }
        for one in every
    ]


def _chosen(every: list[CommunityLine], slug: str) -> UUID | None:
    if not slug:
        return None
    found = next((one.id for one in every if one.slug == slug), None)
    if found is None:
        raise NotFound
    return found


def _href(seat: Seat, leaf: str = "people", **kept: str) -> str:
    query = urlencode({name: value for name, value in kept.items() if value})
    return f"/w/{seat.slug}/{leaf}" + (f"?{query}" if query else "")


def _key(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise NotFound from error


@get("/people.csv")
async def people_file(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Stream:
    search = request.query_params.get("q", "")
    async with scoped(by, readonly=True):
        every = await communities.communities()
    chosen = _chosen(every, request.query_params.get("community", ""))
    head = [
        _("Name"),
        _("E-mail address"),
        _("Communities"),
        _("Joined on"),
        _("Meetups attended"),
        _("Last active on"),
        _("Linking agreed on"),
    ]
    return Stream(
        _lines(by, chosen, search, head),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": content_disposition(f"{seat.slug}-people.csv")},
    )


async def _lines(
    by: Actor, community_id: UUID | None, search: str, head: list[str]
) -> AsyncIterator[bytes]:
    """The file in pieces; the mark at its start is for spreadsheets."""
    yield "\ufeff".encode() + _row(head)
    after: UUID | None = None
    while True:
        async with scoped(by, readonly=True):
            found = await members.members(community_id, search, after, EXPORT_PAGE)
        yield b"".join(_row(_cells(one)) for one in found)
        if len(found) < EXPORT_PAGE:
            return
        after = found[-1].id


def _cells(one: MemberLine) -> list[object]:
    agreed = one.linking_agreed_at.date() if one.linking_agreed_at else ""
    return [
        one.name,
        one.email,
        one.communities,
        one.joined_on,
        one.attended,
        one.active_on,
        agreed,
    ]


def _row(cells: list[Any]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow([safe_cell(cell) for cell in cells])
    return out.getvalue().encode()


# One person


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
        member = await members.member(member_id)
        moments = await members.timeline(member_id)
        known = await identities.identities_of(member_id)
        every = await channels.channels()
        places = [one for one in every if one.name != channels.OF_FILES]
        of = await members.communities_of(member_id)
    return page(
        asking,
        "organize/person.html",
        status=422 if errors else 200,
        workspace=look,
        member=member,
        communities=of,
        facts=_facts(moments),
        identities=[(one, *PROOFS[one.proof]) for one in known],
        channels=[(str(one.id), one.name) for one in places],
        moments=[told(one, seat, look.time_zone) for one in moments],
        answers=answers or {},
        errors=errors or {},
    )


def _facts(moments: list[Moment]) -> dict[str, int]:
    """How often she came, did not come, and was active."""
    return {
        kind: sum(one.kind == kind for one in moments)
        for kind in ("came", "did_not_come", "active")
    }


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
    await act(
        member_id,
        Purpose.LINKING,
        text=str(LINKING_TEXT),
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
        member: Member = await members.member(member_id)
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


TEAM = [
    list_people,
    people_file,
    person,
    answer_linking,
    declare_identity,
    unlink_identity,
]
