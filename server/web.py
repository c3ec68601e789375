"""The edge: what is known of each request, and how answers leave.

Everything that comes in gets an id, a moment, an address and a language; everything that
goes out gets the same strict headers. The address is the peer's, unless the peer is a
proxy we were told about by name. Links are built from the configured origin, never from
what a request says of itself.
"""

import base64
import hmac
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID

from litestar import Litestar
from litestar.connection import ASGIConnection, Request
from litestar.datastructures import Cookie, MutableScopeHeaders
from litestar.response import Response
from litestar.types import Send

from server.accounts import SignedIn, signed_in
from server.audit import Actor, ActorKind
from server.clock import utc_now
from server.database import uuid7
from server.errors import Invalid
from server.i18n import LANGUAGES, lazy, preferred
from server.i18n import language as spoken
from server.look import Look
from server.rendering import render
from server.settings import Settings
from server.workspaces import OWNERS, ROLE_NAMES, TEAM, Role, Seat

SESSION_COOKIE = "__Host-apero"
BROWSER_COOKIE = "__Host-browser"
SAID_COOKIE = "__Host-said"
LANGUAGE_COOKIE = "apero_lang"
CLOCK_HEADER = "x-apero-now"
PROBES = frozenset({"/healthz", "/readyz"})  # asked by machines that know no host name
LANGUAGE_NAMES = {"fr": "Français", "en": "English"}
A_YEAR = 365 * 24 * 3600

CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self';"
    " img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; media-src 'self' blob:;"  # noqa: E501
    " form-action 'self' https://checkout.stripe.com; frame-ancestors 'none';"
    " base-uri 'none'; worker-src 'self'; manifest-src 'self'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), payment=()",
}

log = logging.getLogger("apero.web")

AnyConnection = ASGIConnection[Any, Any, Any, Any]


@dataclass
class Asking:
    """One request: who, from where, when, in which language."""

    settings: Settings
    request_id: str
    address: str
    now: datetime
    lang: str
    path: str
    query: str
    cookies: dict[str, str] = field(default_factory=dict)
    account: SignedIn | None = None
    token: str = ""
    seat: Seat | None = None
    seats: list[Seat] = field(default_factory=list)
    looked: bool = False

    @property
    def csrf(self) -> str:
        """Bound to the session: one browser's token is nothing in another."""
        if not self.token:
            return ""
        key = self.settings.secret_key
        digest = hmac.digest(key, b"apero csrf v1 " + self.token.encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:18]).decode()

    def anyone(self, *workspace_ids: UUID) -> Actor:
        """Whoever asks, acting as nobody in particular in these workspaces."""
        return Actor(
            ActorKind.PUBLIC,
            scope=frozenset(workspace_ids),
            request_id=self.request_id,
            address=self.address,
        )

    def myself(self, *workspace_ids: UUID, role: str = "") -> Actor:
        """The account that asks, acting in these workspaces."""
        return Actor(
            ActorKind.ACCOUNT,
            scope=frozenset(workspace_ids),
            id=self.account.account_id if self.account else None,
            role=role,
            request_id=self.request_id,
            address=self.address,
        )


# Rules


def address_of(peer: str, forwarded: str, settings: Settings) -> str:
    """The client's address: the first from the right that is not a proxy of ours."""
    hops = [*(hop.strip() for hop in forwarded.split(",") if hop.strip()), peer]
    while len(hops) > 1 and _is_ours(hops[-1], settings):
        hops.pop()
    try:
        return str(ip_address(hops[-1]))
    except ValueError:
        return peer


def _is_ours(address: str, settings: Settings) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in settings.trusted_proxies)


def short_address(address: str) -> str:
    """An address without its last part: enough for limits and logs (/24, /48)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    prefix = 24 if parsed.version == 4 else 48  # noqa: PLR2004
    return str(ip_network(f"{parsed}/{prefix}", strict=False).network_address)


def is_our_host(host: str, settings: Settings) -> bool:
    """Is this the host of our origin, or this machine where it is not production?"""
    try:
        name = (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return False
    if name == (urlsplit(settings.origin).hostname or "").lower():
        return True
    return not settings.is_production and name in {
        "127.0.0.1",
        "localhost",
        "::1",
        "testserver",
    }


def is_same_site(headers: Mapping[str, str], settings: Settings) -> bool:
    """Did this unsafe request come from a page of ours, as far as the browser says?"""
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        host = urlsplit(origin).netloc.lower()
    except ValueError:
        return False
    return host in {
        urlsplit(settings.origin).netloc.lower(),
        headers.get("host", "").lower(),
    }


def safe_next(path: str | None, otherwise: str = "/") -> str:
    """A path of ours to go on to; never another site."""
    if not path or not path.startswith("/") or path[1:2] in {"/", "\\"}:
        return otherwise
    if not path.isprintable() or "\\" in path:
        return otherwise
    return path


def clock(settings: Settings, text: str | None) -> datetime:
    """Now; in tests a header may say otherwise."""
    if text and settings.has_test_clock:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return utc_now()
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    return utc_now()


# The way in


class Edge:
    """Wraps the whole application; errors and unknown pages included."""

    def __init__(self, app: Litestar, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        asking = self._asking(scope, headers)
        scope.setdefault("state", {})["asking"] = asking
        leave = _Leaving(send, self._dress, asking, is_head=scope["method"] == "HEAD")
        if leave.is_head:
            scope["method"] = "GET"  # routes answer GET; what HEAD must not see stays here
        started = time.perf_counter()
        spoken_before = spoken.set(asking.lang)
        try:
            await self._answer(scope, receive, leave, headers.get("host", ""))
        finally:
            spoken.reset(spoken_before)
            log.info(
                "request",
                extra={
                    "request": asking.request_id,
                    "method": scope["method"],
                    "route": _route(scope),
                    "status": leave.status,
                    "ms": round((time.perf_counter() - started) * 1000, 1),
                },
            )

    async def _answer(self, scope: Any, receive: Any, leave: "_Leaving", host: str) -> None:  # noqa: ANN401
        if scope["path"] not in PROBES and not is_our_host(host, self.settings):
            await _plain(leave, 400, "This address is not ours.\n")
            return
        try:
            await self.app(scope, receive, leave)
        except Exception:
            log.exception("broken.edge", extra={"request": leave.asking.request_id})
            if leave.status:
                raise
            await _plain(leave, 500, "Something broke on our side.\n")

    def _asking(self, scope: Any, headers: Mapping[str, str]) -> Asking:  # noqa: ANN401
        peer = (scope.get("client") or ("127.0.0.1", 0))[0]
        query = scope["query_string"].decode("latin-1")
        return Asking(
            settings=self.settings,
            request_id=uuid7().hex,
            address=short_address(
                address_of(peer, headers.get("x-forwarded-for", ""), self.settings)
            ),
            now=clock(self.settings, headers.get(CLOCK_HEADER)),
            lang=_language(query, headers),
            path=scope["path"],
            query=query,
            cookies=_cookies(headers.get("cookie", "")),
        )

    def _dress(self, message: Any, asking: Asking) -> None:  # noqa: ANN401
        headers = MutableScopeHeaders.from_message(message)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("cache-control", "no-store")
        headers["x-request-id"] = asking.request_id
        if self.settings.origin.startswith("https://"):
            headers.setdefault("strict-transport-security", f"max-age={A_YEAR}")
        if _asked_language(asking.query):
            headers.add(
                "set-cookie",
                f"{LANGUAGE_COOKIE}={_asked_language(asking.query)}; Path=/;"
                f" Max-Age={A_YEAR}; SameSite=Lax; HttpOnly",
            )


class _Leaving:
    """The way out of one answer: dressed at its start, without a body for HEAD."""

    def __init__(
        self,
        send: Send,
        dress: Callable[[Any, Asking], None],
        asking: Asking,
        *,
        is_head: bool,
    ) -> None:
        self.send = send
        self.dress = dress
        self.asking = asking
        self.is_head = is_head
        self.status = 0

    async def __call__(self, message: Any) -> None:  # noqa: ANN401
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.dress(message, self.asking)
        elif self.is_head:
            message["body"] = b""
        await self.send(message)


def _route(scope: Any) -> str:  # noqa: ANN401
    """The route's pattern, never the path: paths may carry a secret."""
    handler = scope.get("route_handler")
    return ",".join(sorted(handler.paths))[:120] if handler is not None else "-"


def _cookies(text: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in text.split(";"))
    # The first of a name is the one with the most exact path: ours cannot be shadowed.
    found: dict[str, str] = {}
    for name, _, value in pairs:
        found.setdefault(name, value)
    return found


def _asked_language(query: str) -> str | None:
    if "lang=" not in query:
        return None
    asked = parse_qs(query).get("lang", [""])[-1]
    return asked if asked in LANGUAGES else None


def _language(query: str, headers: Mapping[str, str]) -> str:
    if asked := _asked_language(query):
        return asked
    chosen = _cookies(headers.get("cookie", "")).get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return str(chosen)
    return preferred(headers.get("accept-language"))


async def _plain(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode(), "more_body": False})


async def asking_of(connection: AnyConnection) -> Asking:
    """What is known of this request, with the account behind its cookie if there is one."""
    asking: Asking = connection.scope["state"]["asking"]
    if not asking.looked:
        asking.looked = True
        token = asking.cookies.get(SESSION_COOKIE, "")
        if token:
            asking.account = await signed_in(token[:100], now=asking.now)
            asking.token = token if asking.account else ""
        if asking.account and not _has_chosen(asking):
            asking.lang = asking.account.language
            spoken.set(asking.lang)
    return asking


def _has_chosen(asking: Asking) -> bool:
    return bool(_asked_language(asking.query)) or LANGUAGE_COOKIE in asking.cookies


# The way out


def page(
    asking: Asking, template: str, /, *, status: int = 200, **context: Any  # noqa: ANN401
) -> Response[str]:
    """A page of ours, in the reader's language."""
    said, gone = _said(asking)
    shown = {
        "lang": asking.lang,
        "csrf_token": asking.csrf,
        "lang_links": _lang_links(asking),
        "said": said,
        "workspace": asking.seat,
        **_frame(asking),
        **context,
    }
    look = shown["workspace"]
    if look is not None:
        shown.setdefault("brand_href", brand_href(look))
    html = render(template, **shown)
    return Response(html, media_type="text/html", status_code=status, cookies=gone)


def brand_href(look: Look | Seat) -> str:
    """Where a workspace's colour is served; another colour has another address."""
    return f"/w/{look.slug}/brand.css?v={look.color.removeprefix('#')}"


def home_of(seat: Seat) -> str:
    """The first page of this role in this workspace."""
    if seat.role in TEAM:
        return f"/w/{seat.slug}"
    return f"/portal/{seat.slug}" if seat.role is Role.SPONSOR else "/account"


def _frame(asking: Asking) -> dict[str, Any]:
    account = asking.account
    seat = asking.seat
    return {
        "account": {
            "name": account.name or account.email,
            "role": str(ROLE_NAMES[seat.role]) if seat else "",
        }
        if account
        else None,
        "workspaces": [
            {
                "name": one.name,
                "initial": one.name[:1].upper(),
                "href": home_of(one),
                "current": one is seat,
            }
            for one in asking.seats
        ],
        "nav": _nav(asking, seat.slug) if seat and seat.role in TEAM else [],
        "home_href": home_of(seat) if seat else "/",
        "settings_href": f"/w/{seat.slug}/settings" if seat and seat.role in OWNERS else "",
        "search_href": f"/w/{seat.slug}/people" if seat and seat.role in TEAM else "",
        "account_href": "/account" if account else "",
        "signout_href": "/sign-out" if account else "",
        "has_mailbox": asking.settings.has_mailbox,
    }


def _nav(asking: Asking, slug: str) -> list[dict[str, object]]:
    """The rail of the organiser's pages."""
    links = (
        ("", lazy("Home"), "home"),
        ("/meetups", lazy("Meetups"), "calendar"),
        ("/people", lazy("People"), "people"),
        ("/sponsors", lazy("Sponsors"), "gift"),
        ("/reports", lazy("Reports"), "chart"),
    )
    here = asking.path.removeprefix(f"/w/{slug}")
    return [
        {
            "href": f"/w/{slug}{path}",
            "label": str(label),
            "icon": icon,
            "current": here == path or bool(path and here.startswith(f"{path}/")),
        }
        for path, label, icon in links
    ]


def _lang_links(asking: Asking) -> list[tuple[str, str, str]]:
    kept = [
        part for part in asking.query.split("&") if part and not part.startswith("lang=")
    ]
    return [
        # Without a path: the page's own address, which may look like another site's.
        (code, LANGUAGE_NAMES[code], f"?{'&'.join([*kept, f'lang={code}'])}")
        for code in LANGUAGES
        if code != asking.lang
    ]


def away(
    asking: Asking, path: str, *, said: str | None = None, tone: str = "good"
) -> Response[None]:
    """Go on to another page of ours, which will say what was done."""
    response: Response[None] = Response(None, status_code=303)
    response.headers["location"] = quote(
        safe_next(path), safe="/?&=#%:@+,;~!$'()*", errors="replace"
    )
    if said:
        response.set_cookie(
            Cookie(
                SAID_COOKIE,
                value=_sealed(asking.settings, {"text": said, "tone": tone}),
                path="/",
                max_age=60,
                secure=True,
                httponly=True,
                samesite="lax",
            )
        )
    return response


def _sealed(settings: Settings, value: dict[str, str]) -> str:
    body = base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    return f"{body}.{_seal(settings, body)}"


def _seal(settings: Settings, body: str) -> str:
    return hmac.digest(
        settings.secret_key, b"apero said v1 " + body.encode(), "sha256"
    ).hex()


def _said(asking: Asking) -> tuple[dict[str, str] | None, list[Cookie]]:
    """What the last act wants said, once; a cookie that is not ours says nothing."""
    cookie = asking.cookies.get(SAID_COOKIE, "")
    if not cookie:
        return None, []
    gone = [Cookie(SAID_COOKIE, value="", path="/", max_age=0, secure=True, httponly=True)]
    body, _, seal = cookie.partition(".")
    if not hmac.compare_digest(seal.encode(), _seal(asking.settings, body).encode()):
        return None, gone
    said: dict[str, str] = json.loads(
        base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    )
    return said, gone


async def typed(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """What was typed, field by field: text once or, where it came several times, a list."""
    if request.content_type[0] == "application/json":
        try:
            body = await request.json()
        except Exception as error:
            raise Invalid(body=lazy("This is not JSON.")) from error
        if not isinstance(body, dict):
            raise Invalid(body=lazy("Send a JSON object."))
        return body
    form = await request.form()
    return {
        name: values[0] if len(values) == 1 else values
        for name, values in form.dict().items()
    }


def in_workspace_frame(asking: Asking, workspace: Look) -> dict[str, Any]:  # noqa: ARG001
    """What a public page of this workspace shows around its content."""
    return {
        "workspace": workspace,
        "home_href": f"/m/{workspace.slug}",
        "agenda_href": f"/m/{workspace.slug}",
        "foot_links": [],
    }
