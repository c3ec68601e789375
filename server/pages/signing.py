"""Signing in and out: a link in a letter, or a password for whoever set one."""

from datetime import datetime
from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from server import accounts, web, workspaces
from server.accounts import CodeNeeded, LinkState, LinkUnusable, WrongPassword
from server.errors import Invalid
from server.forms import Email, Form, read
from server.i18n import gettext as _
from server.web import BROWSER_COOKIE, SESSION_COOKIE, Asking, away, page, safe_next, typed

GONE = 410
WRONG = 401


class LinkForm(Form, kw_only=True):
    email: Email
    next: str = "/"


class PasswordForm(Form, kw_only=True):
    email: Email
    password: str
    next: str = "/"


class FollowForm(Form, kw_only=True):
    figures: str = ""


@get("/")
async def landing(asking: NamedDependency[Asking]) -> Response[Any]:
    """Whoever is signed in is at work already; others are told what this is."""
    if asking.account is None:
        return page(asking, "public/landing.html", errors={}, typed={})
    seats = await workspaces.seats(asking.account.account_id)
    working = [seat for seat in seats if web.home_of(seat) != "/account"]
    if working:
        return away(asking, web.home_of(working[0]))
    return away(asking, "/account" if seats else "/new")


@get("/sign-in")
async def sign_in(
    request: Request[Any, Any, Any], asking: NamedDependency[Asking]
) -> Response[Any]:
    return _form(asking, {"next": request.query_params.get("next", "/")})


@post("/sign-in", status_code=200)
async def send_link(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Send a link; the answer is the same whoever asks."""
    typed_ = await typed(request)
    try:
        form = read(LinkForm, typed_)
    except Invalid as no:
        return _form(asking, typed_, errors=no.fields)
    asked = await accounts.ask_link(
        form.email,
        next_path=safe_next(form.next),
        origin=asking.settings.origin,
        language=asking.lang,
        browser=asking.cookies.get(BROWSER_COOKIE, ""),
        by=asking.anyone(),
        now=now,
    )
    answer = page(
        asking,
        "public/sign_in_sent.html",
        email=form.email,
        figures=asked.figures,
        minutes=accounts.LINK_LIFE.seconds // 60,
    )
    answer.set_cookie(_kept(BROWSER_COOKIE, asked.browser, 24 * 3600))
    return answer


@get("/sign-in/password")
async def password(
    request: Request[Any, Any, Any], asking: NamedDependency[Asking]
) -> Response[Any]:
    return _form(
        asking, {"next": request.query_params.get("next", "/")}, with_password=True
    )


@post("/sign-in/password", status_code=200)
async def sign_in_with_password(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
) -> Response[Any]:
    typed_ = await typed(request)
    kept = {"email": typed_.get("email", ""), "next": typed_.get("next", "/")}
    try:
        form = read(PasswordForm, typed_)
        token = await accounts.sign_in_with_password(
            form.email,
            form.password,
            agent=request.headers.get("user-agent", ""),
            by=asking.anyone(),
            now=now,
        )
    except Invalid as no:
        return _form(asking, kept, errors=no.fields, with_password=True)
    except WrongPassword as no:
        errors = {"password": str(no)}
        return _form(asking, kept, errors=errors, with_password=True, status=WRONG)
    return await _come_in(asking, token, safe_next(form.next), now)


@get("/sign-in/{token:str}")
async def link(
    token: FromPath[str], asking: NamedDependency[Asking], now: NamedDependency[datetime]
) -> Response[Any]:
    """A page with a button: what reads letters for people follows links, and presses none."""  # noqa: E501
    state = await accounts.link_state(
        token[:100], browser=asking.cookies.get(BROWSER_COOKIE, ""), now=now
    )
    return _link_page(asking, state)


@post("/sign-in/{token:str}", status_code=200)
async def follow(
    request: Request[Any, Any, Any],
    token: FromPath[str],
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Consume the link."""
    form = read(FollowForm, await typed(request))
    try:
        session, path = await accounts.follow_link(
            token[:100],
            browser=asking.cookies.get(BROWSER_COOKIE, ""),
            figures=form.figures,
            agent=request.headers.get("user-agent", ""),
            by=asking.anyone(),
            now=now,
        )
    except CodeNeeded as no:
        errors = {"figures": str(no)} if form.figures else {}
        return _link_page(asking, LinkState.FIGURES, errors=errors, status=422)
    except LinkUnusable:
        return _link_page(asking, LinkState.GONE)
    return await _come_in(asking, session, path, now)


@post("/sign-out", status_code=303)
async def sign_out(
    asking: NamedDependency[Asking], now: NamedDependency[datetime]
) -> Response[Any]:
    """End this session, and have the browser forget what it saw."""
    await _leave(asking, now)
    answer = away(asking, "/", said=_("You are signed out."))
    answer.set_cookie(_kept(SESSION_COOKIE, "", 0))
    answer.headers["clear-site-data"] = '"cache"'
    return answer


async def _come_in(asking: Asking, token: str, path: str, now: datetime) -> Response[Any]:
    """A new session; what this browser held before is worth nothing any more."""
    await _leave(asking, now)
    answer = away(asking, path)
    answer.set_cookie(
        _kept(SESSION_COOKIE, token, int(accounts.WHOLE_LIFE.total_seconds()))
    )
    return answer


async def _leave(asking: Asking, now: datetime) -> None:
    if asking.account is not None:
        await accounts.end_sessions(
            asking.account.account_id,
            only=asking.account.session_id,
            by=asking.myself(),
            now=now,
        )


def _kept(name: str, value: str, seconds: int) -> Cookie:
    """A cookie for this host alone, that scripts never see."""
    return Cookie(
        name,
        value=value,
        path="/",
        max_age=seconds,
        secure=True,
        httponly=True,
        samesite="lax",
    )


def _form(
    asking: Asking,
    typed_: dict[str, Any],
    *,
    errors: Any = None,  # noqa: ANN401 - texts, said now or later
    with_password: bool = False,
    status: int | None = None,
) -> Response[str]:
    next_path = typed_.get("next")
    return page(
        asking,
        "public/sign_in.html",
        status=status or (422 if errors else 200),
        errors=errors or {},
        typed=typed_,
        next_path=safe_next(next_path if isinstance(next_path, str) else None),
        with_password=with_password,
    )


def _link_page(
    asking: Asking,
    state: LinkState,
    *,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response[str]:
    return page(
        asking,
        "public/sign_in_follow.html",
        status=GONE if state is LinkState.GONE else status,
        state=state,
        errors=errors or {},
    )


PUBLIC: list[ControllerRouterHandler] = [
    landing,
    sign_in,
    send_link,
    password,
    sign_in_with_password,
    link,
    follow,
    sign_out,
]
