"""Duplicates: who may be one person twice, compared side by side, and merged."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from events.people import duplicates, merges, moving
from events.people.duplicates import Pair, Reason
from events.people.members import Member
from server import sheets, workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, Invalid, NotFound
from server.forms import Form, Line, read
from server.i18n import gettext as _
from server.i18n import lazy, ngettext, short_date
from server.web import Asking, away, page, typed
from server.workspaces import Seat

PAGE = 50
REASONS = {
    Reason.ADDRESS: lazy("The same address, but for a tag or dots"),
    Reason.CLAIM: lazy("Both claim one name in a channel"),
    Reason.HANDLE: lazy("The same name in two channels"),
    Reason.NAME: lazy("Only the same name"),
}
BESIDE = {Reason.NAME: lazy("The same name")}  # among other reasons
SHAPES = {3: "yes", 2: "in", 1: "wait"}
STRENGTHS = {3: lazy("Likely"), 2: lazy("Possible"), 1: lazy("A name alone")}
ROWS = {
    "ambassador.member_id": lazy("Terms as an ambassador"),
    "agenda.member_id": lazy("Calendar addresses"),
    "belonging.member_id": lazy("Communities"),
    "claim.member_id": lazy("Claims to names"),
    "consent.member_id": lazy("Answers to agreements"),
    "follower.member_id": lazy("Series followed"),
    "identity.member_id": lazy("Names online"),
    "invitation.member_id": lazy("Invitations"),
    "member.merged_into_id": lazy("Records merged before"),
    "note.member_id": lazy("Notes"),
    "registration.member_id": lazy("Places at meetups"),
    "tagging.member_id": lazy("Tags"),
    "touch.member_id": lazy("Links of ambassadors followed"),
    "verification.member_id": lazy("Codes to prove a name"),
}


class MergeForm(Form, kw_only=True):
    kept: UUID
    reason: Line | None = None


# Rules


def rows_in_words(rows: dict[str, int]) -> list[tuple[str, int]]:
    """Rows by what they are for people; a table of a later release by its own name."""
    return [
        (str(ROWS.get(key, key.partition(".")[0])), count)
        for key, count in sorted(rows.items())
    ]


def why(found: Sequence[Reason]) -> str:
    """The reasons in one line."""
    if len(found) > 1:
        return "; ".join(str(BESIDE.get(one_, REASONS[one_])) for one_ in found)
    return "; ".join(str(REASONS[one_]) for one_ in found)


def key_of(text: str | None) -> UUID | None:
    """A key from the address, or NotFound."""
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise NotFound from error


def _reason(text: str) -> Reason | None:
    try:
        return Reason(text) if text else None
    except ValueError as error:
        raise NotFound from error


# Who looks alike


@get("/duplicates")
async def list_duplicates(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    query = request.query_params
    search, reason = query.get("q", "").strip(), query.get("reason", "")
    chosen = _reason(reason)
    async with scoped(by, readonly=True):
        look = await workspaces.look_by_id(seat.workspace_id)
        found = await duplicates.pairs(
            reason=chosen, search=search, after=key_of(query.get("after")), limit=PAGE + 1
        )
    base = f"/w/{seat.slug}/duplicates"
    kept = {name: text for name, text in (("q", search), ("reason", reason)) if text}
    more = {**kept, "after": str(found[PAGE - 1].id)} if len(found) > PAGE else None
    return page(
        asking,
        "organize/duplicates.html",
        workspace=look,
        pairs=[_shown(one_, base) for one_ in found[:PAGE]],
        search=search,
        reason=reason,
        filters=_filters(base, search, chosen),
        next_href=f"{base}?{urlencode(more)}" if more else None,
        export_href=f"{base}.csv" + (f"?{urlencode(kept)}" if kept else ""),
        looked_on=found[0].found_at if found else None,
    )


def _filters(base: str, search: str, chosen: Reason | None) -> list[dict[str, Any]]:
    every: list[tuple[str, object, bool]] = [("", _("All reasons"), chosen is None)]
    every += [(one_.value, REASONS[one_], one_ is chosen) for one_ in Reason]
    return [
        {"href": _href(base, q=search, reason=value), "label": str(label), "current": is_it}
        for value, label, is_it in every
    ]


def _href(base: str, **kept: str) -> str:
    query = urlencode({name: value for name, value in kept.items() if value})
    return base + (f"?{query}" if query else "")


def _shown(pair: Pair, base: str) -> dict[str, Any]:
    """A pair with its reason in words."""
    return {
        "href": f"{base}/{pair.one_id}/{pair.other_id}",
        "one": pair,
        "why": why(pair.reasons),
        "shape": SHAPES[pair.strength],
        "strength": str(STRENGTHS[pair.strength]),
    }


@get("/duplicates.csv")
async def duplicates_file(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Stream:
    query = request.query_params
    chosen, search = _reason(query.get("reason", "")), query.get("q", "")
    head = [_("Name"), _("E-mail address"), _("Other name"), _("Other address")]
    head += [_("Reason"), _("Strength")]

    async def lines() -> AsyncIterator[Sequence[Sequence[object]]]:
        after: UUID | None = None
        while True:
            async with scoped(by, readonly=True):
                found = await duplicates.pairs(
                    reason=chosen, search=search, after=after, limit=sheets.PIECE
                )
            yield [_cells(one_) for one_ in found]
            if len(found) < sheets.PIECE:
                return
            after = found[-1].id

    return sheets.stream(f"{seat.slug}-duplicates.csv", head, lines())


def _cells(pair: Pair) -> list[object]:
    names = [pair.one, pair.one_email, pair.other, pair.other_email]
    return [*names, why(pair.reasons), STRENGTHS[pair.strength]]


@post("/duplicates", status_code=303)
async def look_now(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
) -> Response[Any]:
    found = await duplicates.look(by=by, now=now)
    said = (
        ngettext("%(num)s pair looks alike.", "%(num)s pairs look alike.", found)
        if found
        else _("Nobody looks like somebody else.")
    )
    return away(asking, f"/w/{seat.slug}/duplicates", said=said)


# Two records side by side


@get("/people/{member_id:uuid}/merge")
async def choose_other(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    member_id: FromPath[UUID],
) -> Response[Any]:
    search = request.query_params.get("q", "").strip()
    async with scoped(by, readonly=True):
        look = await workspaces.look_by_id(seat.workspace_id)
        (one_,) = await _records(member_id)
        like = await duplicates.like(member_id)
        found = await merges.others(member_id, search) if search else []
        done = await merges.merged_into(member_id)
    base = f"/w/{seat.slug}/duplicates"
    return page(
        asking,
        "organize/duplicate_choose.html",
        workspace=look,
        member=one_,
        search=search,
        like=[_shown(pair, base) for pair in like],
        found=found,
        done=done,
        base=base,
    )


@get("/duplicates/{one_id:uuid}/{other_id:uuid}")
async def compare(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    one_id: FromPath[UUID],
    other_id: FromPath[UUID],
) -> Response[Any]:
    return await _compare(asking, by, seat, one_id, other_id)


async def _compare(
    asking: Asking,
    by: Actor,
    seat: Seat,
    one_id: UUID,
    other_id: UUID,
    answers: dict[str, Any] | None = None,
    errors: Any = None,  # noqa: ANN401 - sentences by field
    status: int = 200,
) -> Response[Any]:
    async with scoped(by, readonly=True):
        look = await workspaces.look_by_id(seat.workspace_id)
        records = await _records(one_id, other_id)
        known = await duplicates.traits(one_id, other_id)
        rows = await moving.held(one_id, other_id)
        twice = await merges.twice_at(one_id, other_id)
        apart = await merges.are_apart(one_id, other_id)
    found = duplicates.reasons(known[one_id], known[other_id])
    return page(
        asking,
        "organize/duplicate.html",
        status=status,
        workspace=look,
        base=f"/w/{seat.slug}/duplicates/{one_id}/{other_id}",
        records=[(one_, rows_in_words(rows[one_.id])) for one_ in records],
        kept_options=[
            (one_.id, one_.name or one_.email or _("Without a name"))
            for one_ in sorted(records, key=lambda one_: _fuller(one_, rows[one_.id]))
        ],
        why=why(found),
        strength=duplicates.strength(found),
        twice=[(one_, short_date(one_.starts_at, look.time_zone)) for one_ in twice],
        apart=apart,
        gone=any(is_gone(one_) for one_ in records),
        answers=answers or {},
        errors=errors or {},
    )


def _fuller(one_: Member, rows: dict[str, int]) -> tuple[bool, int, UUID]:
    """The record offered to be kept: with an address, and with more behind it."""
    return (one_.email is None, -sum(rows.values()), one_.id)


def is_gone(one_: Member) -> bool:
    """Was this record merged or erased?"""
    return one_.merged_into_id is not None or one_.erased_at is not None


async def _records(*ids: UUID) -> list[Member]:
    """These members, in this order; NotFound when one of them does not exist here."""
    rows = await Member.objects().where(Member.id.is_in(list(ids)))
    by_id = {row.id: row for row in rows}
    if len(set(ids)) < len(ids) or set(by_id) != set(ids):
        raise NotFound
    return [by_id[id_] for id_ in ids]


@post("/duplicates/{one_id:uuid}/{other_id:uuid}/merge", status_code=303)
async def merge(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    one_id: FromPath[UUID],
    other_id: FromPath[UUID],
) -> Response[Any]:
    answers = await typed(request)
    both = (one_id, other_id)
    try:
        form = read(MergeForm, answers)
        if form.kept not in both:
            raise Invalid(kept=lazy("Choose one of the answers offered."))  # noqa: TRY301
        other = other_id if form.kept == one_id else one_id
        id_ = await merges.merge(form.kept, other, reason=form.reason or "", by=by, now=now)
    except Invalid as no:
        return await _compare(asking, by, seat, *both, answers, no.fields, 422)
    except Conflict as no:
        return await _compare(asking, by, seat, *both, answers, {"": str(no)}, 409)
    said = _("They are one person now. This can be undone.")
    return away(asking, f"/w/{seat.slug}/merges/{id_}", said=said)


@post("/duplicates/{one_id:uuid}/{other_id:uuid}/apart", status_code=303)
async def apart(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    one_id: FromPath[UUID],
    other_id: FromPath[UUID],
) -> Response[Any]:
    await merges.say_apart(one_id, other_id, by=by, now=now)
    said = _("They are two people. They are not offered again.")
    return away(asking, f"/w/{seat.slug}/duplicates", said=said)


@post("/duplicates/{one_id:uuid}/{other_id:uuid}/together", status_code=303)
async def together(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    one_id: FromPath[UUID],
    other_id: FromPath[UUID],
) -> Response[Any]:
    await merges.take_back_apart(one_id, other_id, by=by, now=now)
    path = f"/w/{seat.slug}/duplicates/{one_id}/{other_id}"
    return away(asking, path, said=_("That they are two people is taken back."))


READS = [list_duplicates, duplicates_file, choose_other, compare]
WRITES = [look_now, merge, apart, together]
