"""The team of a workspace: who has which role, who is invited, what each role may do."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Invalid
from server.forms import Email, Form, read
from server.i18n import gettext as _
from server.i18n import lazy
from server.sheets import sheet
from server.web import Asking, away, page, typed
from server.workspaces import ROLE_NAMES, LastOwner, Role, Seat, TeamMember

# The roles of a team; sponsors, ambassadors and departments are invited where they belong.
TEAM_ROLES = (Role.OWNER, Role.MANAGER, Role.MODERATOR, Role.DOOR)
# What each role of a team may do, as the page says it; the guards of the site map do it.
RIGHTS = (
    (lazy("Read meetups, people and reports"), (Role.OWNER, Role.MANAGER, Role.MODERATOR)),
    (lazy("Plan meetups, write letters, change people"), (Role.OWNER, Role.MANAGER)),
    (lazy("Hold the door"), TEAM_ROLES),
    (lazy("Settings, charter, team, tokens, log"), (Role.OWNER,)),
    (lazy("Archive and erase the workspace"), (Role.OWNER,)),
)


class InvitationForm(Form, kw_only=True):
    email: Email
    role: Role


@get("/team")
async def team(
    asking: NamedDependency[Asking], by: NamedDependency[Actor], seat: NamedDependency[Seat]
) -> Response[Any]:
    return await _team_page(asking, by, seat)


@post("/team", status_code=303)
async def invite(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    typed_ = await typed(request)
    try:
        form = read(InvitationForm, typed_)
        if form.role not in TEAM_ROLES:
            raise Invalid(role=_("Choose one of the answers offered."))  # noqa: TRY301
        await workspaces.invite(
            form.email,
            form.role,
            workspace=await workspaces.look(seat.slug),
            origin=asking.settings.origin,
            by=by,
            now=now,
        )
    except Invalid as no:
        return await _team_page(asking, by, seat, errors=no.fields, typed_=typed_)
    said = _("A letter is on its way to %(email)s.", email=form.email)
    return away(asking, f"/w/{seat.slug}/team", said=said)


@post("/team/{membership_id:uuid}/end", status_code=303)
async def end_membership(
    membership_id: FromPath[UUID],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    try:
        await workspaces.end_membership(membership_id, by=by, now=now)
    except LastOwner as no:
        return await _team_page(asking, by, seat, errors={"": str(no)}, status=409)
    return away(asking, f"/w/{seat.slug}/team", said=_("The role is ended."))


@post("/team/{membership_id:uuid}/resend", status_code=303)
async def invite_again(
    membership_id: FromPath[UUID],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    email = await workspaces.invite_again(
        membership_id,
        workspace=await workspaces.look(seat.slug),
        origin=asking.settings.origin,
        by=by,
        now=now,
    )
    said = _("A letter is on its way to %(email)s.", email=email)
    return away(asking, f"/w/{seat.slug}/team", said=said)


@get("/team.csv")
async def team_file(
    by: NamedDependency[Actor], seat: NamedDependency[Seat]
) -> Response[bytes]:
    async with scoped(by, readonly=True):
        people = await workspaces.team()
    rows = [
        (
            one.name,
            one.email,
            ROLE_NAMES[one.role],
            one.created_at.date(),
            _("Invited") if one.is_pending else _("Works here"),
        )
        for one in people
    ]
    head = (_("Name"), _("E-mail address"), _("Role"), _("Since"), _("State"))
    return sheet(f"{seat.slug}-team.csv", head, rows)


async def _team_page(
    asking: Asking,
    by: Actor,
    seat: Seat,
    *,
    errors: Any = None,  # noqa: ANN401 - texts, said now or later
    typed_: dict[str, Any] | None = None,
    status: int = 422,
) -> Response[str]:
    async with scoped(by, readonly=True):
        people: list[TeamMember] = await workspaces.team()
        look = await workspaces.look(seat.slug)
    named = [(one, str(ROLE_NAMES[one.role])) for one in people]
    here = [pair for pair in named if not pair[0].is_pending]
    return page(
        asking,
        "organize/team.html",
        status=status if errors else 200,
        workspace=look,
        tab="team",
        errors=errors or {},
        typed=typed_ or {},
        people=[pair for pair in here if pair[0].role in TEAM_ROLES],
        others=[pair for pair in here if pair[0].role not in TEAM_ROLES],
        invited=[pair for pair in named if pair[0].is_pending],
        roles=[(role.value, str(ROLE_NAMES[role])) for role in TEAM_ROLES],
        rights=[(text, [ROLE_NAMES[role] for role in may]) for text, may in RIGHTS],
        me=by.id,
    )


OWNERS: list[ControllerRouterHandler] = [
    team,
    team_file,
    invite,
    invite_again,
    end_membership,
]
