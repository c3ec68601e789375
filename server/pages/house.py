"""What the house itself serves: built files, the mailbox of a demo, a few known names."""

import base64
import gzip
from functools import cache
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from server import assets, mail, workspaces
from server.database import scoped
from server.edge import CSP
from server.errors import NotFound
from server.rendering import content_disposition
from server.web import Asking, away, key_of, page

FOREVER = "public, max-age=31536000, immutable"
LETTERS = 50
CLOSED = (
    *("/w/", "/portal/", "/ambassador/", "/r/", "/t/", "/i/", "/my/", "/a/"),
    *("/sign-in", "/account", "/calendar", "/mailbox", "/api/", "/door"),
)
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
}
PACKED = frozenset({".css", ".js", ".svg", ".wasm"})
# A letter is somebody else's page: it shows itself, and may only lead elsewhere on a click.
LETTER_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'self';"
    " sandbox allow-top-navigation-by-user-activation"
)


@get("/static/{name:path}")
async def static(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """A built file, and nothing else: names are looked up, never joined to a folder."""
    name = str(name).removeprefix("/")
    if name not in assets.manifest():
        raise NotFound
    version = assets.manifest()[name]
    is_exact = assets.is_current(name, request.query_params.get("v", ""))
    suffix = PurePosixPath(name).suffix
    headers = {
        "cache-control": FOREVER if is_exact else "public, no-cache",
        "etag": f'"{version}"',
    }
    if suffix in PACKED:
        headers["vary"] = "accept-encoding"
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(b"", status_code=304, headers=headers)
    packs = suffix in PACKED and "gzip" in request.headers.get("accept-encoding", "")
    if packs:
        headers["content-encoding"] = "gzip"
    body = _packed(name) if packs else _plain(name)
    return Response(body, media_type=TYPES.get(suffix, "text/plain"), headers=headers)


@cache
def _plain(name: str) -> bytes:
    return assets.asset_bytes(name)


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(_plain(name), mtime=0)


@get("/favicon.ico")
async def favicon(asking: NamedDependency[Asking]) -> Response[None]:
    return away(asking, assets.asset("icon-192.png"))


@get("/robots.txt", media_type="text/plain")
async def robots() -> str:
    """Agendas may be found; what somebody holds a secret for may not."""
    closed = "".join(f"Disallow: {path}\n" for path in CLOSED)
    return f"User-agent: *\n{closed}"


@get("/mailbox")
async def mailbox(
    request: Request[Any, Any, Any], asking: NamedDependency[Asking]
) -> Response[Any]:
    """Every letter of every workspace, newest first."""
    async with scoped(await workspaces.everywhere()):
        found = await mail.letters(
            before=key_of(request.query_params.get("before")), limit=LETTERS + 1
        )
    shown = found[:LETTERS]
    more = f"/mailbox?before={shown[-1].id}" if len(found) > LETTERS else None
    return page(asking, "public/mailbox.html", letters=shown, more=more)


@get("/mailbox/{letter_id:uuid}")
async def one_letter(
    letter_id: FromPath[UUID], asking: NamedDependency[Asking]
) -> Response[Any]:
    letter = await _letter(letter_id)
    answer = page(
        asking,
        "public/letter.html",
        letter=letter,
        enclosures=[one.filename for one in await mail.enclosures(letter)],
    )
    answer.headers["content-security-policy"] = f"{CSP}; frame-src 'self'"
    return answer


@get("/mailbox/{letter_id:uuid}/letter")
async def letter_itself(letter_id: FromPath[UUID]) -> Response[str]:
    """The letter as a mail program would show it, shut in a frame."""
    letter = await _letter(letter_id)
    html = letter.body_html.replace("<head>", '<head><base target="_top">', 1)
    for one in await mail.enclosures(letter):
        if one.cid:
            picture = base64.b64encode(one.content).decode()
            html = html.replace(f"cid:{one.cid}", f"data:{one.media_type};base64,{picture}")
    headers = {"content-security-policy": LETTER_CSP}
    return Response(html, media_type="text/html", headers=headers)


@get("/mailbox/{letter_id:uuid}/enclosures/{number:int}")
async def enclosure(letter_id: FromPath[UUID], number: FromPath[int]) -> Response[bytes]:
    found = await mail.enclosures(await _letter(letter_id))
    if not 0 <= number < len(found):
        raise NotFound
    one = found[number]
    headers = {"content-disposition": content_disposition(one.filename)}
    return Response(one.content, media_type=one.media_type, headers=headers)


async def _letter(letter_id: UUID) -> mail.Written:
    async with scoped(await workspaces.everywhere()):
        found = await mail.letter(letter_id)
    if found is None:
        raise NotFound
    return found


PUBLIC: list[ControllerRouterHandler] = [static, favicon, robots]
MAILBOX: list[ControllerRouterHandler] = [mailbox, one_letter, letter_itself, enclosure]
