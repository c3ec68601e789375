"""A workspace's own pages: how it looks, who works in it, its tokens, what was done."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from server import api_tokens, audit, workspaces
from server.api_tokens import SCOPES, TokenLine
from server.audit import Actor
from server.database import scoped
from server.errors import Invalid, NotFound
from server.forms import Email, Form, Line, Prose, read
from server.i18n import gettext as _
from server.look import Look
from server.web import LANGUAGE_NAMES, Asking, away, page, typed
from server.workspaces import (
    ROLE_NAMES,
    LastOwner,
    Role,
    Seat,
    TeamMember,
)

FOREVER = "public, max-age=31536000, immutable"
ENTRIES = 50
# The roles of a team; sponsors, ambassadors and departments are invited where they belong.
TEAM_ROLES = (Role.OWNER, Role.MANAGER, Role.MODERATOR, Role.DOOR)


class SettingsForm(Form, kw_only=True):
    name: Line
    color: str
    persona: Line | None = None
    signature: Prose | None = None
    language: str
    reply_to: Email | None = None


class InvitationForm(Form, kw_only=True):
    email: Email
    role: Role


class TokenForm(Form, kw_only=True):
    name: Line
    role: Role
    scopes: list[Line]


@get("/brand.css")
async def brand_css(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[str]:
    """The one colour that a workspace adds to our own style."""
    look = await workspaces.look(slug)
    tag = f'"{look.color.removeprefix("#")}"'
    is_same = request.query_params.get("v") == look.color.removeprefix("#")
    headers = {"etag": tag, "cache-control": FOREVER if is_same else "public, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response("", status_code=304, headers=headers)
    css = f":root {{ --brand: {look.color} }}\n"
    return Response(css, media_type="text/css", headers=headers)


@get("/settings")
async def settings(
    asking: NamedDependency[Asking], seat: NamedDependency[Seat]
) -> Response[Any]:
    look = await workspaces.look(seat.slug)
    kept = {name: getattr(look, name) for name in look.__struct_fields__}
    return _settings_page(asking, look, kept)


@post("/settings", status_code=303)
async def change_settings(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    typed_ = await typed(request)
    look = await workspaces.look(seat.slug)
    try:
        form = read(SettingsForm, typed_)
        await workspaces.change_workspace(
            look,
            name=form.name,
            color=form.color,
            persona=form.persona or "",
            signature=form.signature or "",
            language=form.language,
            reply_to=form.reply_to or "",
            by=by,
            now=now,
        )
    except Invalid as no:
        return _settings_page(asking, look, typed_, errors=no.fields)
    return away(asking, f"/w/{seat.slug}/settings", said=_("The settings are kept."))


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


@get("/tokens")
async def tokens(
    asking: NamedDependency[Asking], by: NamedDependency[Actor], seat: NamedDependency[Seat]
) -> Response[Any]:
    return await _tokens_page(asking, by, seat)


@post("/tokens", status_code=200)
async def issue_token(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    """Make a token. This answer is the only one that ever shows it."""
    typed_ = await typed(request)
    try:
        form = read(TokenForm, typed_)
        token = await api_tokens.issue_token(
            form.name, form.role, list(form.scopes), account_id=_account(by), by=by, now=now
        )
    except Invalid as no:
        return await _tokens_page(asking, by, seat, errors=no.fields, typed_=typed_)
    return await _tokens_page(asking, by, seat, token=token)


@post("/tokens/{token_id:uuid}/revoke", status_code=303)
async def revoke_token(
    token_id: FromPath[UUID],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    await api_tokens.revoke_token(token_id, by=by, now=now)
    return away(
        asking, f"/w/{seat.slug}/tokens", said=_("The token opens nothing any more.")
    )


@get("/audit")
async def audit_log(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    async with scoped(by):
        entries = await audit.entries(before=_key(request), limit=ENTRIES + 1)
    shown = entries[:ENTRIES]
    more = f"/w/{seat.slug}/audit?before={shown[-1].id}" if len(entries) > ENTRIES else None
    look = await workspaces.look(seat.slug)
    return page(
        asking,
        "organize/audit.html",
        workspace=look,
        tab="audit",
        entries=shown,
        more=more,
        roles={role.value: str(name) for role, name in ROLE_NAMES.items()},
    )


def _key(request: Request[Any, Any, Any]) -> UUID | None:
    """The key after which a list goes on, if the address names one."""
    text = request.query_params.get("before")
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise NotFound from error


def _account(by: Actor) -> UUID:
    if by.id is None:
        raise NotFound
    return by.id


def _settings_page(
    asking: Asking,
    look: Look,
    typed_: dict[str, Any],
    *,
    errors: Any = None,  # noqa: ANN401 - texts, said now or later
) -> Response[str]:
    return page(
        asking,
        "organize/settings.html",
        status=422 if errors else 200,
        workspace=look,
        tab="settings",
        errors=errors or {},
        typed=typed_,
        languages=list(LANGUAGE_NAMES.items()),
    )


async def _team_page(
    asking: Asking,
    by: Actor,
    seat: Seat,
    *,
    errors: Any = None,  # noqa: ANN401 - texts, said now or later
    typed_: dict[str, Any] | None = None,
    status: int = 422,
) -> Response[str]:
    async with scoped(by):
        people: list[TeamMember] = await workspaces.team()
        look = await workspaces.look(seat.slug)
    return page(
        asking,
        "organize/team.html",
        status=status if errors else 200,
        workspace=look,
        tab="team",
        errors=errors or {},
        typed=typed_ or {},
        people=[(one, str(ROLE_NAMES[one.role])) for one in people],
        roles=[(role.value, str(ROLE_NAMES[role])) for role in TEAM_ROLES],
        me=by.id,
    )


async def _tokens_page(
    asking: Asking,
    by: Actor,
    seat: Seat,
    *,
    errors: Any = None,  # noqa: ANN401 - texts, said now or later
    typed_: dict[str, Any] | None = None,
    token: str = "",
) -> Response[str]:
    async with scoped(by):
        lines: list[TokenLine] = await api_tokens.tokens()
        look = await workspaces.look(seat.slug)
    return page(
        asking,
        "organize/tokens.html",
        status=422 if errors else 200,
        workspace=look,
        tab="tokens",
        errors=errors or {},
        typed=typed_ or {},
        tokens=[(one, str(ROLE_NAMES[one.role])) for one in lines],
        roles=[(role.value, str(ROLE_NAMES[role])) for role in TEAM_ROLES],
        scopes=SCOPES,
        token=token,
        days=api_tokens.TOKEN_LIFE.days,
    )


PUBLIC: list[ControllerRouterHandler] = [brand_css]
OWNERS: list[ControllerRouterHandler] = [
    settings,
    change_settings,
    team,
    invite,
    end_membership,
    tokens,
    issue_token,
    revoke_token,
    audit_log,
]
