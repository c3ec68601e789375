"""The app of the door: an empty shell that anybody may load, and its service worker.

It holds nothing of any meetup; a phone that is not paired can only ask to be.
"""

from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from server import assets
from server.i18n import gettext as _
from server.web import Asking, page


@get("/door")
async def scanner(asking: NamedDependency[Asking]) -> Response[str]:
    return page(
        asking,
        "checkin/scanner.html",
        scanner=True,
        manifest_href="/door/manifest.webmanifest",
    )


@get("/door/sw.js", media_type="text/javascript")
async def worker() -> Response[bytes]:
    """The worker that keeps the shell; it may watch over the page beside its folder."""
    headers = {"service-worker-allowed": "/door", "cache-control": "no-cache"}
    return Response(
        assets.asset_bytes("sw.js"), media_type="text/javascript", headers=headers
    )


@get("/door/manifest.webmanifest", media_type="application/manifest+json")
async def manifest(asking: NamedDependency[Asking]) -> dict[str, Any]:
    icons = [
        {
            "src": assets.asset(f"icon-{side}.png"),
            "sizes": f"{side}x{side}",
            "type": "image/png",
        }
        for side in (192, 512)
    ]
    return {
        "id": "/door",
        "name": _("Apéro, the door"),
        "short_name": _("Door"),
        "lang": asking.lang,
        "start_url": "/door",
        "scope": "/door",
        "display": "standalone",
        "background_color": "#0f100d",
        "theme_color": "#0f100d",
        "icons": icons,
    }


PUBLIC: list[ControllerRouterHandler] = [scanner, worker, manifest]
