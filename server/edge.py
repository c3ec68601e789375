"""The edge: what wraps the whole application, errors and unknown pages included.

Everything that comes in gets an id, a moment, an address and a language; everything that
goes out gets the same strict headers. The address is the peer's, unless the peer is a
proxy we were told about by name.
"""

import gzip
import logging
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from litestar import Litestar
from litestar.datastructures import MutableScopeHeaders
from litestar.types import Send

from server import telemetry
from server.clock import utc_now
from server.database import uuid7
from server.i18n import LANGUAGES, preferred
from server.i18n import language as spoken
from server.settings import Settings
from server.web import LANGUAGE_COOKIE, SESSION_COOKIE, Asking, asked_language

CLOCK_HEADER = "x-apero-now"
PROBES = frozenset({"/healthz", "/readyz"})  # asked by machines that know no host name
A_YEAR = 365 * 24 * 3600
PACKED_TYPES = ("text/html", "application/xml")
SHORTEST_PACKED = 1_000

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


_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")

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
    match = _HOST.fullmatch(host.lower())
    if match is None:
        return False
    name = match[1].strip("[]")
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
    # A page that sends no referrer sends no origin either; the browser still vouches for
    # it, and no page can write that header itself (Fetch, "append the Origin header").
    if origin == "null":
        return headers.get("sec-fetch-site") == "same-origin"
    try:
        host = urlsplit(origin).netloc.lower()
    except ValueError:
        return False
    return host in {
        urlsplit(settings.origin).netloc.lower(),
        headers.get("host", "").lower(),
    }


def may_pack(headers: Mapping[str, str], asking: Asking) -> bool:
    """May this answer be compressed?

    Not for whoever is signed in: a page that shows what was typed beside a secret of hers
    would tell that secret by its length (Gluck, Harris and Prado, BREACH, 2013).
    """
    takes = "gzip" in headers.get("accept-encoding", "")
    return takes and SESSION_COOKIE not in asking.cookies


def clock(settings: Settings, text: str | None) -> datetime:
    """Now; in tests a header may say otherwise."""
    if text and settings.has_test_clock:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return utc_now()
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    return utc_now()


# The way in and out


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
        packs = may_pack(headers, asking)
        leave = _Leaving(send, self._dress, asking, scope["method"] == "HEAD", packs=packs)
        if leave.is_head:
            scope["method"] = "GET"  # routes answer GET; what HEAD must not see stays here
        started = time.perf_counter()
        spoken_before = spoken.set(asking.lang)
        try:
            await self._answer(scope, receive, leave, headers.get("host", ""))
        finally:
            spoken.reset(spoken_before)
            _note(scope, asking, leave.status, time.perf_counter() - started)

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
        if asked_language(asking.query):
            headers.add(
                "set-cookie",
                f"{LANGUAGE_COOKIE}={asked_language(asking.query)}; Path=/;"
                f" Max-Age={A_YEAR}; SameSite=Lax; HttpOnly",
            )


class _Leaving:
    """The way out of one answer: dressed at its start, without a body for HEAD.

    A page that comes in one piece is compressed where it may be.
    """

    def __init__(
        self,
        send: Send,
        dress: Callable[[Any, Asking], None],
        asking: Asking,
        is_head: bool,  # noqa: FBT001 - private, and named at its one call
        *,
        packs: bool,
    ) -> None:
        self.send = send
        self.dress = dress
        self.asking = asking
        self.is_head = is_head
        self.packs = packs
        self.held: Any = None  # the start of a page, until its whole body is seen
        self.status = 0

    async def __call__(self, message: Any) -> None:  # noqa: ANN401
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.dress(message, self.asking)
            if self.packs and _is_page(message):
                self.held = message
                return
        elif self.held is not None:
            start, self.held = self.held, None
            if not message.get("more_body"):
                message["body"] = _packed(start, message.get("body", b""))
            await self.send(start)
        if message["type"] == "http.response.body" and self.is_head:
            message["body"] = b""
        await self.send(message)


def _note(scope: Any, asking: Asking, status: int, seconds: float) -> None:  # noqa: ANN401
    """Count and write down that a request was answered."""
    telemetry.answered(scope["method"], _route(scope), status, seconds)
    log.info(
        "request",
        extra={
            "request": asking.request_id,
            "method": scope["method"],
            "route": _route(scope),
            "status": status,
            "ms": round(seconds * 1000, 1),
        },
    )


def _is_page(start: Any) -> bool:  # noqa: ANN401
    headers = MutableScopeHeaders.from_message(start)
    return str(headers.get("content-type", "")).startswith(PACKED_TYPES)


def _packed(start: Any, body: bytes) -> bytes:  # noqa: ANN401
    """The body compressed, and said so in the headers; a short one stays as it is."""
    headers = MutableScopeHeaders.from_message(start)
    headers.add("vary", "accept-encoding")
    if len(body) < SHORTEST_PACKED or "content-encoding" in headers:
        return body
    packed = gzip.compress(body, 6, mtime=0)
    headers["content-encoding"] = "gzip"
    headers["content-length"] = str(len(packed))
    return packed


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


def _language(query: str, headers: Mapping[str, str]) -> str:
    if asked := asked_language(query):
        return asked
    chosen = _cookies(headers.get("cookie", "")).get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return str(chosen)
    return preferred(headers.get("accept-language"))


async def _plain(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode(), "more_body": False})
