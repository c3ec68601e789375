"""The site map: every address of the product, by audience, with its guard.

Anything that is not listed here does not exist.
"""

from litestar import Router
from litestar.types import ControllerRouterHandler, Guard

from checkin.pages import facts, gates, scanner
from events.pages import api_reports, home, portal, reports
from server import health
from server.access import by_token, in_workspace, signed_in
from server.pages import account, house, signing, workspace
from server.settings import Settings
from server.workspaces import DOOR_STAFF, OWNERS, Role, TEAM


def routes(settings: Settings) -> list[ControllerRouterHandler]:
    """Every route, grouped by who may ask."""
    return [
        # Anybody
        _pages("/", health.ROUTES),
        _pages("/", house.PUBLIC),
        _pages("/", house.MAILBOX if settings.has_mailbox else []),
        _pages("/", signing.PUBLIC),
        _pages("/w/{slug:str}", workspace.PUBLIC),
        # The door: an empty shell for anybody, the rest for a paired device
        _pages("/", scanner.PUBLIC),
        Router("/api/v1", route_handlers=facts.PUBLIC, tags=["door"]),
        Router("/api/v1", route_handlers=facts.DEVICES, guards=[facts.by_device], tags=["door"]),
        # Whoever is signed in
        _pages("/", account.SIGNED_IN, signed_in),
        # A workspace's door staff
        _pages("/w/{slug:str}", gates.DOOR_STAFF, in_workspace(DOOR_STAFF)),
        # A workspace's team: its home and its reports
        _pages("/w/{slug:str}", [*home.TEAM, *reports.TEAM], in_workspace(TEAM)),
        Router(
            "/api/v1",
            route_handlers=api_reports.TEAM,
            guards=[by_token(TEAM)],
            tags=["reports"],
        ),
        # A sponsor's contacts
        _pages("/portal/{slug:str}", portal.SPONSORS, in_workspace(frozenset({Role.SPONSOR}))),
        # A workspace's owners
        _pages("/w/{slug:str}", workspace.OWNERS, in_workspace(OWNERS)),
    ]


def _pages(prefix: str, handlers: list[ControllerRouterHandler], *guards: Guard) -> Router:
    """Pages under one prefix with one guard; the API's description leaves them out."""
    return Router(
        prefix, route_handlers=handlers, guards=list(guards), include_in_schema=False
    )
