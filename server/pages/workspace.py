"""A workspace's own pages: how it looks, its tokens, what was done; and those beside."""

from datetime import datetime
from typing import Any
from uuid import UUID

from babel.numbers import get_currency_name
from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from server import amounts, api_tokens, audit, brand, workspaces
from server.api_tokens import SCOPES, TokenLine
from server.audit import Actor
from server.brand import Brand
from server.database import scoped
from server.errors import Invalid, NotFound
from server.forms import Email, Form, Line, Prose, Tick, read
from server.i18n import gettext as _
from server.i18n import language as spoken
from server.look import Look
from server.pages import charter, departments, ending, team
from server.pages.account import zones
from server.pages.team import TEAM_ROLES
from server.web import LANGUAGE_NAMES, Asking, away, form_of, key_of, page, typed
from server.workspaces import ROLE_NAMES, Role, Seat

FOREVER = "public, max-age=31536000, immutable"
ENTRIES = 50


class SettingsForm(Form, kw_only=True):
    name: Line
    color: str
    persona: Line
    persona_role: Line
    signature: Prose | None = None
    tone: Prose | None = None
    language: str
    languages: list[Line]
    time_zone: Line
    currency: Line
    sender: Line | None = None
    reply_to: Email | None = None
    hour_cents: Line | None = None
    ranks_ambassadors: Tick = Tick(0)
    embed_origins: Prose | None = None
    mark: Line | None = None


class TokenForm(Form, kw_only=True):
    name: Line
    role: Role
    scopes: list[Line]


@get("/brand.css")
async def brand_css(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[str]:
    """The one colour that a workspace adds to our own style."""
    color = await workspaces.color(slug)
    tag = f'"{color.removeprefix("#")}"'
    is_same = request.query_params.get("v") == color.removeprefix("#")
    headers = {"etag": tag, "cache-control": FOREVER if is_same else "public, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response("", status_code=304, headers=headers)
    css = f":root {{ --brand: {color} }}\n"
    return Response(css, media_type="text/css", headers=headers)


@get("/settings")
async def settings(
    asking: NamedDependency[Asking], seat: NamedDependency[Seat]
) -> Response[Any]:
    look = await workspaces.look(seat.slug)
    return _settings_page(asking, look, _kept(look))


def _kept(look: Look) -> dict[str, Any]:
    """The settings as the form shows them."""
    kept = {name: getattr(look, name) for name in look.__struct_fields__}
    kept["hour_cents"] = amounts.written(look.hour_cents, look.currency)
    kept["embed_origins"] = "\n".join(look.embed_origins)
    kept["mark"] = brand.mark_of(look)
    return kept


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
        await brand.change(look, _brand(form), mark=form.mark, by=by, now=now)
    except Invalid as no:
        return _settings_page(asking, look, typed_, errors=no.fields)
    except brand.SettingsChanged as no:
        return _overtaken(asking, await workspaces.look(seat.slug), typed_, str(no))
    return away(asking, f"/w/{seat.slug}/settings", said=_("The settings are kept."))


def _overtaken(
    asking: Asking, look: Look, typed_: dict[str, Any], refusal: str
) -> Response[str]:
    """The form with what was typed, and what somebody else has kept meanwhile."""
    kept, errors = _kept(look), {"": refusal}
    for name in Brand.__struct_fields__:
        mine, theirs = typed_.get(name), kept[name]
        if _plain(mine) != _plain(theirs):
            errors[name] = (
                _("It now says: %(kept)s. Saving again keeps yours.", kept=theirs)
                if theirs and isinstance(theirs, str)
                else _("Somebody else gave another answer. Saving again keeps yours.")
            )
    again = {**typed_, "mark": kept["mark"]}
    return _settings_page(asking, look, again, errors=errors, status=409)


def _plain(answer: object) -> list[str]:
    """An answer as it can be compared: typed or kept, one or several."""
    if isinstance(answer, bool):
        return ["yes"] if answer else []
    return sorted(" ".join(one.lower().split()) for one in _many(answer) if one)


def _brand(form: SettingsForm) -> Brand:
    """The settings as they were typed."""
    currency = form.currency.upper()
    hour = (
        amounts.cents(form.hour_cents, currency, field="hour_cents")
        if form.hour_cents
        else None
    )
    return Brand(
        name=form.name,
        color=form.color,
        persona=form.persona,
        persona_role=form.persona_role,
        signature=form.signature or "",
        tone=form.tone or "",
        language=form.language,
        languages=tuple(form.languages),
        time_zone=form.time_zone,
        currency=currency,
        sender=form.sender or "",
        reply_to=form.reply_to or "",
        hour_cents=hour,
        ranks_ambassadors=bool(form.ranks_ambassadors),
        embed_origins=tuple((form.embed_origins or "").split()),
    )


@post("/settings/logo", status_code=303)
async def change_logo(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    form = await form_of(request)
    sent = form.get("picture")
    content = await sent.read() if isinstance(sent, UploadFile) else b""
    try:
        if not content:
            raise Invalid(picture=_("This answer is missing."))  # noqa: TRY301
        await brand.set_logo(content, by=by, now=now)
    except Invalid as no:
        look = await workspaces.look(seat.slug)
        return _settings_page(asking, look, _kept(look), errors=no.fields)
    return away(asking, f"/w/{seat.slug}/settings", said=_("The logo is kept."))


@post("/settings/logo/remove", status_code=303)
async def remove_logo(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    await brand.remove_logo(by=by, now=now)
    return away(asking, f"/w/{seat.slug}/settings", said=_("The logo is gone."))


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
        entries = await audit.entries(
            before=key_of(request.query_params.get("before")), limit=ENTRIES + 1
        )
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
    status: int = 422,
) -> Response[str]:
    return page(
        asking,
        "organize/settings.html",
        status=status if errors else 200,
        workspace=look,
        tab="settings",
        errors=errors or {},
        typed=typed_,
        chosen=_many(typed_.get("languages")),
        languages=list(LANGUAGE_NAMES.items()),
        zones=zones(asking.lang),
        currencies=_currencies(look.currency),
    )


def _many(value: object) -> list[str]:
    """What was ticked: one box comes as text, several as a list."""
    return [value] if isinstance(value, str) else list(value or ())  # type: ignore[call-overload]


def _currencies(kept: str) -> list[tuple[str, str]]:
    codes = dict.fromkeys((*brand.CURRENCIES, kept))
    return [
        (code, f"{code}, {get_currency_name(code, locale=spoken.get())}") for code in codes
    ]


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
    change_logo,
    remove_logo,
    tokens,
    issue_token,
    revoke_token,
    audit_log,
    *team.OWNERS,
    *charter.OWNERS,
    *departments.OWNERS,
    *ending.OWNERS,
]
