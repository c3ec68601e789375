"""The site map: every address of the product, by audience, with its guard.

Anything that is not listed here does not exist.
"""

from litestar import Router
from litestar.types import ControllerRouterHandler

from server import health
from server.settings import Settings


def routes(settings: Settings) -> list[ControllerRouterHandler]:
    """Every route, grouped by who may ask."""
    return [
        Router("/", route_handlers=[*health.ROUTES], tags=["house"]),
    ]
