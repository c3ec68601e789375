"""The API of registrations, for machines with a token: list, register, release."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter

from events.admission import invitations, registrations, tickets
from events.admission.passes import code_of, href_of, pass_of
from events.admission.registrations import (
    Line,
    Registered,
    Registration,
    Shown,
    Source,
    Status,
)
from events.pages.api_meetups import MOST, body_of, meetup_of, one_line
from events.pages.letterheads import letterhead
from events.planning.meetups import Meetup
from server import workspaces
from server.audit import Actor
from server.database import find, scoped
from server.errors import Invalid
from server.forms import clean, email
from server.i18n import LANGUAGES, lazy
from server.web import Asking


class PersonBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Who wants a place."""

    name: str
    email: str
    language: str = ""


class InviteBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Who is asked to come."""

    name: str
    email: str


class Invited(msgspec.Struct):
    """The invitation is noted."""

    done: bool = True


class RegistrationView(msgspec.Struct, kw_only=True):
    """A registration as the API shows it; `code` is what its ticket prints."""

    id: UUID
    status: Status
    rank: int | None
    is_new: bool
    code: str | None
    typed: str | None
    href: str


class Registrations(msgspec.Struct):
    """Some registrations, and from where to read on."""

    items: list[Line]
    next: UUID | None


class Released(msgspec.Struct):
    """A registration after its release, and what it was."""

    id: UUID
    status: Status
    was: Status


@get(
    "/meetups/{meetup_id:uuid}/registrations",
    summary="List the registrations",
    description="In order of arrival, read on with `after`. `status` is one of confirmed,"
    " waitlisted, lost_draw, cancelled, attended, no_show, walk_in; `q` searches names and"
    " addresses, accents ignored. Roles: owner, manager, moderator.",
)
async def list_registrations(
    *,
    by: NamedDependency[Actor],
    meetup_id: FromPath[UUID],
    status: FromQuery[Shown | None] = None,
    q: FromQuery[Annotated[str, Parameter(max_length=200)]] = "",
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Annotated[int, Parameter(ge=1, le=MOST)]] = 50,
) -> Registrations:
    async with scoped(by, readonly=True):
        await find(Meetup, meetup_id)
        lines = await registrations.listing(
            meetup_id, status=status, search=clean(q), after=after, limit=limit
        )
    return Registrations(lines, lines[-1].id if len(lines) == limit else None)


@post(
    "/meetups/{meetup_id:uuid}/registrations",
    status_code=201,
    summary="Register somebody",
    description="Gives a place or a number in line, once for each address, and writes to"
    " the person. `code` is what the ticket's QR holds; it is null without a place. Roles:"
    " owner, manager.",
)
async def register(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
) -> RegistrationView:
    body: PersonBody = await body_of(request, PersonBody)
    name, address = one_line(body.name, "name"), email(body.email)
    if body.language and body.language not in LANGUAGES:
        raise Invalid(language=lazy("Choose one of the answers offered."))
    meetup = await meetup_of(meetup_id, by)
    look = await workspaces.look_by_id(by.workspace_id)
    made = await registrations.register(
        meetup,
        name=name,
        email=address,
        language=body.language or look.language,
        source=Source.API,
        **letterhead(asking, look),
        by=by,
        now=now,
    )
    return await _made(made, asking, by)


async def _made(made: Registered, asking: Asking, by: Actor) -> RegistrationView:
    """What somebody got, with the code of her ticket and the address of her own page."""
    keys, origin = tickets.keys_of(asking.settings), asking.settings.origin
    async with scoped(by, readonly=True):
        held = await pass_of(made.id)
    code = code_of(held, keys) if held.has_ticket else None
    return RegistrationView(
        id=held.id,
        status=held.status,
        rank=held.rank,
        is_new=made.is_new,
        code=code.url(origin) if code else None,
        typed=code.typed if code else None,
        href=href_of(held, keys, origin),
    )


@post(
    "/registrations/{registration_id:uuid}/release",
    status_code=200,
    summary="Release a place",
    description="Frees the place, which the first who waits receives at once. Twice is"
    " once. Roles: owner, manager.",
)
async def release(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    registration_id: FromPath[UUID],
) -> Released:
    async with scoped(by):
        look = await workspaces.look_by_id(by.workspace_id)
        await find(Registration, registration_id)
        was = await registrations.release(
            registration_id,
            **letterhead(asking, look),
            by=by,
            now=now,
        )
    return Released(registration_id, Status.CANCELLED, was)


@post(
    "/meetups/{meetup_id:uuid}/invitations",
    status_code=202,
    summary="Invite somebody by letter",
    description="In the name of the brand, once for each meetup; no place is taken. The"
    " answer is the same whether a letter leaves or not: whoever has a place, or wants no"
    " letters, gets none. Roles: owner, manager.",
)
async def invite(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
    data: JSONBody[InviteBody],
) -> Invited:
    name, address = one_line(data.name, "name"), email(data.email)
    await invitations.invite(
        await meetup_of(meetup_id, by),
        name=name,
        email=address,
        her=None,
        workspace=await workspaces.look_by_id(by.workspace_id),
        settings=asking.settings,
        by=by,
        now=now,
    )
    return Invited()


READS = [list_registrations]
WRITES = [register, release, invite]
