"""Names online: who holds which, whose is disputed, and how each is proved.

The team sees every handle of every channel. A person sees her own on the page behind her
personal link, with the code to post where only she may write.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from events.pages import proving
from events.pages.duplicates import PAGE, key_of
from events.people import channels, claims, identities, verifications
from events.people.channels import Channel, ChannelKind
from events.people.claims import ClaimLine, Proof
from events.people.identities import IdentityRow, Which
from server import sheets, workspaces
from server.audit import Actor
from server.database import find, scoped
from server.errors import Conflict, Invalid, NotFound
from server.forms import Form, Line, read
from server.i18n import gettext as _
from server.i18n import lazy, short_date
from server.web import Asking, away, page, typed
from server.workspaces import Seat

PROOFS = {
    Proof.DECLARED: ("ask", lazy("Said by the person")),
    Proof.VERIFIED: ("yes", lazy("Verified")),
    Proof.IMPORTED: ("wait", lazy("Imported")),
}
WHICH = {
    Which.HELD: lazy("Somebody’s"),
    Which.VERIFIED: lazy("Verified"),
    Which.NOBODYS: lazy("Nobody’s yet"),
    Which.DISPUTED: lazy("Disputed"),
}


class SettleForm(Form, kw_only=True):
    member: UUID | None = None


class PersonForm(Form, kw_only=True):
    member: UUID


class ChannelForm(Form, kw_only=True):
    address: Line | None = None


# Rules


def proof_of(row: IdentityRow) -> tuple[str, str]:
    """The shape and the words of how sure a handle is."""
    if row.disputed_at is not None:
        return "no", _("Disputed: counts for nobody")
    if row.member_id is None:
        return "wait", _("Nobody’s yet")
    shape, words = PROOFS[row.proof]
    return shape, str(words)


def _which(text: str) -> Which | None:
    try:
        return Which(text) if text else None
    except ValueError as error:
        raise NotFound from error


# Every name online


@get("/identities")
async def list_identities(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    query = request.query_params
    kept = {name: query.get(name, "").strip() for name in ("q", "which", "channel")}
    which, channel_id = _which(kept["which"]), key_of(kept["channel"])
    async with scoped(by, readonly=True):
        found = await identities.all_identities(
            channel_id=channel_id,
            which=which,
            begins=kept["q"],
            after=key_of(query.get("after")),
            limit=PAGE + 1,
        )
        every = await channels.names()
    if channel_id is not None and channel_id not in {one_.id for one_ in every}:
        raise NotFound
    base = f"/w/{seat.slug}/identities"
    is_more = len(found) > PAGE
    return page(
        asking,
        "organize/identities.html",
        workspace=seat,
        identities=[(one_, *proof_of(one_)) for one_ in found[:PAGE]],
        kept=kept,
        channels=[(str(one_.id), one_.name) for one_ in every],
        filters=_filters(base, kept, which),
        next_href=_href(base, **kept, after=str(found[PAGE - 1].id)) if is_more else None,
        export_href=_href(f"{base}.csv", **kept),
        is_narrowed=any(kept.values()),
    )


def _filters(base: str, kept: dict[str, str], chosen: Which | None) -> list[dict[str, Any]]:
    every: list[tuple[str, object, bool]] = [("", _("All names"), chosen is None)]
    every += [(one_.value, WHICH[one_], one_ is chosen) for one_ in Which]
    return [
        {
            "href": _href(base, **kept | {"which": value}),
            "label": str(label),
            "current": is_,
        }
        for value, label, is_ in every
    ]


def _href(base: str, **kept: str) -> str:
    query = urlencode({name: value for name, value in kept.items() if value})
    return base + (f"?{query}" if query else "")


@get("/identities.csv")
async def identities_file(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Stream:
    query = request.query_params
    which, channel_id = _which(query.get("which", "")), key_of(query.get("channel"))
    head = [_("Channel"), _("Handle"), _("Member"), _("Proof"), _("Claims")]

    async def lines() -> AsyncIterator[Sequence[Sequence[object]]]:
        after: UUID | None = None
        while True:
            async with scoped(by, readonly=True):
                found = await identities.all_identities(
                    channel_id=channel_id,
                    which=which,
                    begins=query.get("q", ""),
                    after=after,
                    limit=sheets.PIECE,
                )
            yield [_cells(one_) for one_ in found]
            if len(found) < sheets.PIECE:
                return
            after = found[-1].id

    return sheets.stream(f"{seat.slug}-identities.csv", head, lines())


def _cells(row: IdentityRow) -> list[object]:
    return [row.channel, row.handle, row.member, proof_of(row)[1], row.claims]


# One name


@get("/identities/{identity_id:uuid}")
async def identity(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    identity_id: FromPath[UUID],
) -> Response[Any]:
    return await _identity(asking, by, seat, identity_id)


async def _identity(
    asking: Asking, by: Actor, seat: Seat, identity_id: UUID, refusal: str = ""
) -> Response[Any]:
    async with scoped(by, readonly=True):
        look = await workspaces.look_by_id(seat.workspace_id)
        row = await identities.identity_row(identity_id)
        said = await claims.claims_of(identity_id)
        codes = await verifications.codes_for(identity_id)
    shape, words = proof_of(row)
    return page(
        asking,
        "organize/identity.html",
        status=409 if refusal else 200,
        workspace=look,
        identity=row,
        shape=shape,
        words=words,
        base=f"/w/{seat.slug}/identities/{identity_id}",
        claims=[
            (one_, *PROOFS[one_.proof], short_date(one_.claimed_at, look.time_zone))
            for one_ in said
        ],
        people=_people(row, said),
        codes={
            one_.member_id: proving.shown(one_, asking.now, look.time_zone)
            for one_ in codes
        },
        refusal=refusal,
    )


def _people(row: IdentityRow, said: Sequence[ClaimLine]) -> dict[UUID, str]:
    """Who says today that a handle is hers, and who holds it."""
    people = {one_.member_id: one_.name for one_ in said if one_.ended_at is None}
    if row.member_id is not None:
        people.setdefault(row.member_id, row.member)
    return people


@post("/identities/{identity_id:uuid}/settle", status_code=303)
async def settle(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    identity_id: FromPath[UUID],
) -> Response[Any]:
    try:
        form = read(SettleForm, await typed(request))
        await identities.settle(identity_id, form.member, by=by, now=now)
    except Invalid as no:
        words = str(next(iter(no.fields.values())))
        return await _identity(asking, by, seat, identity_id, words)
    except Conflict as no:
        return await _identity(asking, by, seat, identity_id, str(no))
    path = f"/w/{seat.slug}/identities/{identity_id}"
    return away(asking, path, said=_("Whose this name is, is settled."))


@post("/identities/{identity_id:uuid}/code", status_code=303)
async def give_code(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    identity_id: FromPath[UUID],
) -> Response[Any]:
    try:
        form = read(PersonForm, await typed(request))
    except Invalid as no:
        words = str(next(iter(no.fields.values())))
        return await _identity(asking, by, seat, identity_id, words)
    await verifications.ask(identity_id, form.member, by=by, now=now)
    path = f"/w/{seat.slug}/identities/{identity_id}"
    return away(asking, path, said=_("The code is there. Give it to this person."))


@post("/verifications/{verification_id:uuid}/look", status_code=303)
async def look_now(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    verification_id: FromPath[UUID],
) -> Response[Any]:
    async with scoped(by):
        code = await verifications.code_of(verification_id)
    try:
        await verifications.look(verification_id, by=by, now=now)
    except Conflict as no:
        return await _identity(asking, by, seat, code.identity_id, str(no))
    path = f"/w/{seat.slug}/identities/{code.identity_id}"
    return away(asking, path, said=str(proving.LOOKING))


@post("/verifications/{verification_id:uuid}/seen", status_code=303)
async def seen(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    verification_id: FromPath[UUID],
) -> Response[Any]:
    async with scoped(by):
        code = await verifications.code_of(verification_id)
    try:
        await verifications.saw(verification_id, by=by, now=now)
    except Conflict as no:
        return await _identity(asking, by, seat, code.identity_id, str(no))
    path = f"/w/{seat.slug}/identities/{code.identity_id}"
    return away(asking, path, said=_("The name is verified."))


# One channel


@get("/channels/{channel_id:uuid}")
async def channel(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    channel_id: FromPath[UUID],
) -> Response[Any]:
    return await _channel(asking, by, seat, channel_id)


async def _channel(
    asking: Asking,
    by: Actor,
    seat: Seat,
    channel_id: UUID,
    answers: dict[str, Any] | None = None,
    errors: Any = None,  # noqa: ANN401 - sentences by field
) -> Response[Any]:
    async with scoped(by, readonly=True):
        found = await find(Channel, channel_id)
        known = await channels.known_in(channel_id)
    return page(
        asking,
        "organize/channel.html",
        status=422 if errors else 200,
        workspace=seat,
        channel=found,
        known=known,
        is_read=found.kind in {ChannelKind.DISCOURSE, ChannelKind.MASTODON},
        answers=answers if answers is not None else {"address": found.address},
        errors=errors or {},
    )


@post("/channels/{channel_id:uuid}", status_code=303)
async def set_address(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    channel_id: FromPath[UUID],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(ChannelForm, answers)
        await channels.set_address(channel_id, form.address or "", by=by, now=now)
    except Invalid as no:
        return await _channel(asking, by, seat, channel_id, answers, no.fields)
    path = f"/w/{seat.slug}/channels/{channel_id}"
    return away(asking, path, said=_("The channel is changed."))


READS = [list_identities, identities_file, identity, channel]
WRITES = [settle, give_code, look_now, seen, set_address]
PUBLIC = proving.PUBLIC
