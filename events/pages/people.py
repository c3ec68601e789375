"""Members, for the team: find somebody, narrow the list, take it out, write one down."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from events.pages import person
from events.people import communities, dossiers, listings, members, notes, tags
from events.people.dossiers import Dossier
from events.people.listings import Choice, Found, MemberLine
from events.people.members import AddressIsTaken, Given
from events.people.wanted import EVERYBODY, Wanted, wanted, wanted_of
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, Invalid, NotFound
from server.forms import Email, Form, Line, Prose, Tick, read
from server.i18n import gettext as _
from server.i18n import language, ngettext, number, short_date
from server.sheets import table
from server.web import LANGUAGE_NAMES, Asking, away, key_of, page, typed
from server.workspaces import ORGANISERS, Seat

PAGE = 50
TIMES = (1, 2, 3, 5, 10)


class MemberForm(Form, kw_only=True):
    name: Line | None = None
    email: Email | None = None
    language: Line | None = None
    joined_on: date | None = None
    is_insider: Tick = Tick(0)
    communities: list[UUID]
    tags: Line | None = None
    note: Prose | None = None


# Rules


def told_filters(to: Wanted, names: Mapping[tuple[str, str], str]) -> list[str]:
    """What a list asks for, a sentence each; names are those of communities and tags."""
    told = []
    if to.q:
        told.append(_("“%(text)s” in the name or the address", text=to.q))
    if to.community:
        told.append(names.get(("community", to.community), to.community))
    if to.tag:
        tag = names.get(("tag", to.tag), to.tag)
        told.append(_("tagged “%(tag)s”", tag=tag))
    told += _told_coming(to)
    if to.active_since:
        told.append(_("active online since %(day)s", day=short_date(to.active_since)))
    if to.linked is not None:
        told.append(
            _("counted in comparisons") if to.linked else _("not counted in comparisons")
        )
    if to.ambassador is not None:
        told.append(_("ambassador") if to.ambassador else _("not an ambassador"))
    if to.email is not None:
        told.append(
            _("with an e-mail address") if to.email else _("without an e-mail address")
        )
    return told


def _told_coming(to: Wanted) -> list[str]:
    told = []
    if to.came == 0:
        told.append(_("never came"))
    elif to.came:
        told.append(
            ngettext("came at least %(num)s time", "came at least %(num)s times", to.came)
        )
    if to.away_since:
        told.append(_("not since %(day)s", day=short_date(to.away_since)))
    return told


def given_of(form: MemberForm) -> Given:
    """What the form says of a member."""
    spoken = form.language or ""
    if spoken and spoken not in LANGUAGE_NAMES:
        raise Invalid(language=_("Choose one of the answers offered."))
    return Given(
        name=form.name or "",
        email=form.email,
        language=spoken,
        joined_on=form.joined_on,
        is_insider=bool(form.is_insider),
        community_ids=form.communities,
    )


# The list


@get("/people")
async def list_people(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    return await people_page(asking, by, seat, request.query_params)


async def people_page(
    asking: Asking,
    by: Actor,
    seat: Seat,
    params: Mapping[str, str],
    errors: Any = None,  # noqa: ANN401 - sentences by field
    naming: str = "",
) -> Response[Any]:
    """The list that an address asks for; filters that cannot be read are said so."""
    try:
        to = wanted(params)
    except Invalid as no:
        to, errors = EVERYBODY, no.fields
        answers = {name: params.get(name, "") for name in Wanted.__struct_fields__}
    else:
        answers = to.answers
    after = key_of(params.get("after"))
    async with scoped(by, readonly=True):
        every = await listings.choices()
        today = asking.now.date()
        found = await listings.members(to, after=after, limit=PAGE, today=today)
    next_key = str(found.lines[-1].id) if found.has_more else ""
    return page(
        asking,
        "organize/people.html",
        status=422 if errors else 200,
        workspace=seat,
        people=found.lines,
        total=_total(found),
        wanted=to,
        answers=answers,
        errors=errors or {},
        naming=naming,
        may_write=seat.role in ORGANISERS,
        segments=_segments(seat, every, to),
        told=told_filters(to, {(one.kind, one.slug): one.name for one in every}),
        **_options(every),
        next_href=_href(seat, to, after=next_key) if next_key else None,
        export_href=_href(seat, to, leaf="people.csv"),
    )


def _total(found: Found) -> str | None:
    """How many there are in all, in words when counting stopped."""
    if found.total is None:
        return None
    if found.is_more_than_counted:
        return _("more than %(most)s", most=number(found.total))
    return number(found.total)


def _segments(seat: Seat, every: list[Choice], to: Wanted) -> list[dict[str, Any]]:
    """One link a segment, and one for everybody."""
    everybody = {
        "href": _href(seat, EVERYBODY),
        "label": _("Everybody"),
        "current": to.is_everybody,
    }
    return [everybody] + [
        {
            "href": f"/w/{seat.slug}/people?{one.query}",
            "label": one.name,
            "current": wanted_of(one.query) == to,
        }
        for one in every
        if one.kind == "segment"
    ]


def _options(every: list[Choice]) -> dict[str, list[tuple[str, str]]]:
    """What each question of the filters offers."""
    any_ = ("", _("Any"))
    return {
        kind: [any_, *((one.slug, one.name) for one in every if one.kind == kind)]
        for kind in ("community", "tag")
    } | {
        "came": [
            any_,
            ("0", _("never came")),
            *(
                (
                    str(n),
                    ngettext(
                        "came at least %(num)s time", "came at least %(num)s times", n
                    ),
                )
                for n in TIMES
            ),
        ],
        "yes_or_no": [any_, ("yes", _("Yes")), ("no", _("No"))],
    }


def _href(seat: Seat, to: Wanted, *, leaf: str = "people", after: str = "") -> str:
    query = urlencode(to.answers | ({"after": after} if after else {}))
    return f"/w/{seat.slug}/{leaf}" + (f"?{query}" if query else "")


@get("/people.csv")
async def people_file(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Stream:
    try:
        to = wanted(request.query_params)
    except Invalid as no:
        raise NotFound from no
    today = asking.now.date()
    async with scoped(by, readonly=True):
        await listings.members(to, limit=1, today=today)
    head = [
        _("Name"),
        _("E-mail address"),
        _("Communities"),
        _("Tags"),
        _("Joined on"),
        _("Meetups attended"),
        _("Last active on"),
        _("Linking agreed on"),
    ]

    async def some(after: UUID | None, limit: int) -> list[MemberLine]:
        found = await listings.members(to, after=after, limit=limit, today=today)
        return found.lines

    return table(f"{seat.slug}-people.csv", head, some, _cells, by=by)


def _cells(one: MemberLine) -> list[object]:
    agreed = one.linking_agreed_at.date() if one.linking_agreed_at else ""
    return [
        one.name,
        one.email,
        one.communities,
        one.tags,
        one.joined_on,
        one.attended,
        one.active_on,
        agreed,
    ]


# A member written down by hand


@get("/people/new")
async def new_member(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    return await member_form(asking, by, seat)


@post("/people/new", status_code=303)
async def add_member(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
) -> Response[Any]:
    answers = await typed(request)
    try:
        id_ = await _add(read(MemberForm, answers), by=by, now=now)
    except Invalid as no:
        return await member_form(asking, by, seat, answers=answers, errors=no.fields)
    except AddressIsTaken as no:
        wrong = {"email": str(no)}
        return await member_form(asking, by, seat, answers=answers, errors=wrong)
    path = f"/w/{seat.slug}/people/{id_}"
    return away(asking, path, said=_("The member is written down."))


async def _add(form: MemberForm, *, by: Actor, now: datetime) -> UUID:
    """The member with the tags and the note typed at once: all of it, or nothing."""
    async with scoped(by):
        id_ = await members.add(given_of(form), by=by, now=now)
        for name in (form.tags or "").split(","):
            if name.strip():
                await _tag(id_, name, by=by, now=now)
        if form.note:
            await notes.write_note(id_, form.note, by=by, now=now)
    return id_


async def _tag(member_id: UUID, name: str, *, by: Actor, now: datetime) -> None:
    try:
        await tags.put_tag(member_id, name.strip(), by=by, now=now)
    except Invalid as no:
        raise Invalid(tags=no.fields["tag"]) from no
    except Conflict as no:
        raise Invalid(tags=str(no)) from no


async def member_form(
    asking: Asking,
    by: Actor,
    seat: Seat,
    *,
    member_id: UUID | None = None,
    answers: dict[str, Any] | None = None,
    errors: Any = None,  # noqa: ANN401 - sentences by field
) -> Response[Any]:
    """The form of a member, new or known."""
    async with scoped(by, readonly=True):
        places = await communities.names()
        member = await dossiers.here(member_id) if member_id else None
    if answers is None:
        hers = {one.slug for one in member.communities} if member else set()
        chosen_ids = [str(one.id) for one in places if one.slug in hers]
        answers = _answers(member) | {"communities": chosen_ids}
    chosen = answers.get("communities") or []
    return page(
        asking,
        "organize/member_form.html",
        status=422 if errors else 200,
        workspace=seat,
        member=member,
        places=[(str(one.id), one.name) for one in places],
        chosen=[chosen] if isinstance(chosen, str) else chosen,
        languages=[("", _("Not known")), *LANGUAGE_NAMES.items()],
        answers=answers,
        errors=errors or {},
    )


def _answers(member: Dossier | None) -> dict[str, Any]:
    if member is None:
        return {"language": language.get()}
    return {
        "name": member.name,
        "email": member.email or "",
        "language": member.language,
        "joined_on": member.joined_on.isoformat() if member.joined_on else "",
        "is_insider": "yes" if member.is_insider else "",
    }


@get("/people/{member_id:uuid}/edit")
async def edit_member(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    member_id: FromPath[UUID],
) -> Response[Any]:
    return await member_form(asking, by, seat, member_id=member_id)


@post("/people/{member_id:uuid}/edit", status_code=303)
async def change_member(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    member_id: FromPath[UUID],
) -> Response[Any]:
    answers = await typed(request)
    again: dict[str, Any] = {"member_id": member_id, "answers": answers}
    try:
        given = given_of(read(MemberForm, answers))
        await members.change(member_id, given, by=by, now=now)
    except Invalid as no:
        return await member_form(asking, by, seat, **again, errors=no.fields)
    except AddressIsTaken as no:
        return await member_form(asking, by, seat, **again, errors={"email": str(no)})
    path = f"/w/{seat.slug}/people/{member_id}"
    return away(asking, path, said=_("The changes are kept."))


TEAM = [list_people, people_file, *person.TEAM]
WRITES = [new_member, add_member, edit_member, change_member, *person.WRITES]
