"""The site map: every address of the product, by audience, with its guard.

Anything that is not listed here does not exist.
"""

from litestar import Router
from litestar.types import ControllerRouterHandler, Guard

from server import health
from server.access import in_workspace, signed_in
from server.pages import account, house, signing, workspace
from server.settings import Settings
from server.workspaces import OWNERS


def routes(settings: Settings) -> list[ControllerRouterHandler]:
    """Every route, grouped by who may ask."""
    return [
        # Anybody
        _pages("/", health.ROUTES),
        _pages("/", house.PUBLIC),
        _pages("/", house.MAILBOX if settings.has_mailbox else []),
        _pages("/", signing.PUBLIC),
        _pages("/w/{slug:str}", workspace.PUBLIC),
        # Whoever is signed in
        _pages("/", account.SIGNED_IN, signed_in),
        # A workspace's owners
        _pages("/w/{slug:str}", workspace.OWNERS, in_workspace(OWNERS)),
    ]


def _pages(prefix: str, handlers: list[ControllerRouterHandler], *guards: Guard) -> Router:
    """Pages under one prefix with one guard; the API's description leaves them out."""
    return Router(
        prefix, route_handlers=handlers, guards=list(guards), include_in_schema=False
    )
