"""One's account: name, language, password, live sessions; and opening a workspace."""

import unicodedata
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID

import msgspec
from babel import Locale
from babel.dates import get_timezone_location
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from server import accounts, workspaces
from server.accounts import SignedIn
from server.audit import Actor
from server.errors import Invalid, NotSignedIn
from server.forms import Form, Line, read
from server.i18n import gettext as _
from server.web import LANGUAGE_COOKIE, LANGUAGE_NAMES, Asking, away, page, typed
from server.workspaces import ROLE_NAMES, SignUpClosed, WorkspaceNameTaken

FIRST_COLOR = "#b84a2b"
LIKELY = (
    "Europe/Paris",
    "Europe/Brussels",
    "Europe/Zurich",
    "Europe/Luxembourg",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Madrid",
    "America/Toronto",
    "America/New_York",
)
# The first mark found counts: most browsers also claim to be an older one.
BROWSERS = (
    ("Edg", "Edge"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


class AccountForm(Form, kw_only=True):
    name: Line | None = None
    language: str


class PasswordForm(Form, kw_only=True):
    password: str


class WorkspaceForm(Form, kw_only=True):
    name: Line
    language: str
    time_zone: str
    color: str


@get("/account")
async def account(
    asking: NamedDependency[Asking], now: NamedDependency[datetime]
) -> Response[Any]:
    return await _page(asking, now)


@post("/account", status_code=303)
async def describe(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
) -> Response[Any]:
    typed_ = await typed(request)
    try:
        form = read(AccountForm, typed_)
        await accounts.describe(
            _me(asking).account_id,
            name=form.name or "",
            language=form.language,
            by=by,
            now=now,
        )
    except Invalid as no:
        return await _page(asking, now, errors=no.fields, typed_=typed_)
    answer = away(asking, "/account", said=_("Your account is up to date."))
    answer.delete_cookie(LANGUAGE_COOKIE)  # what is chosen here holds from now on
    return answer


@post("/account/password", status_code=303)
async def set_password(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
) -> Response[Any]:
    me = _me(asking)
    try:
        form = read(PasswordForm, await typed(request))
        await accounts.set_password(
            me.account_id, form.password, keep=me.session_id, by=by, now=now
        )
    except Invalid as no:
        return await _page(asking, now, errors=no.fields)
    return away(
        asking, "/account", said=_("Your password is set. Other devices are signed out.")
    )


@post("/account/sessions/end", status_code=303)
async def end_others(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
) -> Response[Any]:
    me = _me(asking)
    await accounts.end_sessions(me.account_id, but=me.session_id, by=by, now=now)
    return away(asking, "/account", said=_("Other devices are signed out."))


@post("/account/sessions/{session_id:uuid}/end", status_code=303)
async def end_one(
    session_id: FromPath[UUID],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
) -> Response[Any]:
    await accounts.end_sessions(_me(asking).account_id, only=session_id, by=by, now=now)
    return away(asking, "/account", said=_("This device is signed out."))


@get("/new")
async def new_workspace(asking: NamedDependency[Asking]) -> Response[Any]:
    await _may_open(asking)
    return _new_page(asking, {"language": asking.lang, "color": FIRST_COLOR})


@post("/new", status_code=303)
async def make_workspace(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
) -> Response[Any]:
    await _may_open(asking)
    typed_ = await typed(request)
    try:
        form = read(WorkspaceForm, typed_)
        look = await workspaces.make_workspace(
            form.name,
            language=form.language,
            time_zone=form.time_zone,
            color=form.color,
            by=by,
            now=now,
        )
    except Invalid as no:
        return _new_page(asking, typed_, errors=no.fields)
    except WorkspaceNameTaken as no:
        return _new_page(asking, typed_, errors={"name": str(no)})
    return away(asking, f"/w/{look.slug}", said=_("Your workspace is open."))


async def _may_open(asking: Asking) -> None:
    is_open = asking.settings.open_sign_up
    if not await workspaces.may_open(_me(asking).account_id, open_sign_up=is_open):
        raise SignUpClosed


def _me(asking: Asking) -> SignedIn:
    if asking.account is None:
        raise NotSignedIn
    return asking.account


def device_name(agent: str) -> str:
    """What a browser says of itself, as people call it."""
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return ", ".join(part for part in (browser, system) if part) or _("An unknown device")


@cache
def zones(lang: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Where a clock may be set: the places often chosen, then the others by country.

    The names are those that the tz database gives to each country in `zone.tab`: an old
    name of a place is not offered beside its present one.
    """
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    countries = Locale.parse(lang).territories
    named = {
        name: f"{countries.get(code, code)}, {_city(name, lang)}"
        for code, _at, name, *_said in lines
    }
    others = [(name, label) for name, label in named.items() if name not in LIKELY]
    return (
        [(name, named[name]) for name in LIKELY],
        sorted(others, key=lambda pair: _plain(pair[1])),
    )


def _plain(text: str) -> str:
    """A name as it is sorted: accents and case do not move it to the end."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in letters if not unicodedata.combining(one))


def _city(name: str, lang: str) -> str:
    city = get_timezone_location(name, locale=lang, return_city=True)
    return city.rpartition("/")[2]


def _new_page(
    asking: Asking,
    typed_: dict[str, Any],
    *,
    errors: Any = None,  # noqa: ANN401 - texts, said now or later
) -> Response[str]:
    return page(
        asking,
        "account/new.html",
        status=422 if errors else 200,
        errors=errors or {},
        typed=typed_,
        languages=list(LANGUAGE_NAMES.items()),
        zones=zones(asking.lang),
    )


async def _page(
    asking: Asking,
    now: datetime,
    *,
    errors: Any = None,  # noqa: ANN401 - texts, said now or later
    typed_: dict[str, Any] | None = None,
) -> Response[str]:
    me = _me(asking)
    live = await accounts.live_sessions(me.account_id, now=now)
    return page(
        asking,
        "account/account.html",
        status=422 if errors else 200,
        errors=errors or {},
        me=me,
        typed=typed_ or {"name": me.name, "language": me.language},
        languages=list(LANGUAGE_NAMES.items()),
        has_password=await accounts.has_password(me.account_id),
        sessions=[
            msgspec.structs.replace(one, browser=device_name(one.browser))
            for one in sorted(live, key=lambda one: one.id != me.session_id)
        ],
        seats=[(seat, str(ROLE_NAMES[seat.role])) for seat in asking.seats],
        archived=[
            (seat, str(ROLE_NAMES[seat.role]))
            for seat in await workspaces.seats(me.account_id, archived=True)
        ],
    )


SIGNED_IN: list[ControllerRouterHandler] = [
    account,
    describe,
    set_password,
    end_others,
    end_one,
    new_workspace,
    make_workspace,
]
