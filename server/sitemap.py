"""The site map: every address of the product, by audience, with its guard.

Anything that is not listed here does not exist. One row is one audience: where, who, and
the handlers its page modules offer it.
"""

from collections.abc import Sequence
from copy import copy
from typing import NamedTuple, Protocol

from litestar import Router
from litestar.handlers import HTTPRouteHandler
from litestar.types import ControllerRouterHandler, Guard

from checkin.pages import facts, gates, scanner
from events.pages import (
    ambassador,
    ambassadors,
    api_ambassadors,
    api_budgets,
    api_identities,
    api_meetups,
    api_people,
    api_planning,
    api_registrations,
    api_reports,
    api_segments,
    api_series,
    api_sponsors,
    api_workspaces,
    brands,
    budgets,
    communities,
    deals,
    evenings,
    feeds,
    following,
    home,
    imports,
    meetups,
    merges,
    people,
    planning,
    portal,
    public,
    recurrences,
    registrations,
    reports,
    segments,
    series,
    showcase,
    spending,
    sponsors,
    tickets,
    venues,
    verifications,
)
from server import health
from server.access import by_token, in_workspace, signed_in
from server.pages import account, charter, house, pictures, signing, workspace
from server.settings import Settings
from server.workspaces import DOOR_STAFF, ORGANISERS, OWNERS, TEAM, Role

SITE = "/"
WORKSPACE = "/w/{slug:str}"
PORTAL = "/portal/{slug:str}"
AMBASSADOR = "/ambassador/{slug:str}"
API = "/api/v1"


READ_BY_TEAM: Sequence[Sequence[ControllerRouterHandler]] = (
    home.TEAM,
    pictures.TEAM,
    meetups.READS,
    series.READS,
    registrations.READS,
    sponsors.READS,
    reports.TEAM,
    people.TEAM,
    communities.TEAM,
    imports.TEAM,
    segments.READS,
    merges.READS,
    verifications.READS,
    ambassadors.READS,
    deals.READS,
    venues.READS,
    evenings.READS,
    recurrences.READS,
    budgets.READS,
    spending.READS,
)
DONE_BY_ORGANISERS: Sequence[Sequence[ControllerRouterHandler]] = (
    meetups.WRITES,
    planning.WRITES,
    registrations.WRITES,
    sponsors.WRITES,
    segments.WRITES,
    merges.WRITES,
    verifications.WRITES,
    ambassadors.WRITES,
    deals.WRITES,
    venues.WRITES,
    evenings.WRITES,
    series.WRITES,
    recurrences.WRITES,
    budgets.WRITES,
)


class Subject(Protocol):
    """A page module of the API."""

    READS: list[HTTPRouteHandler]
    WRITES: list[HTTPRouteHandler]


class Audience(NamedTuple):
    """Who may ask for what, under which prefix."""

    prefix: str
    guard: "Guard | None"
    handlers: Sequence[ControllerRouterHandler]
    tag: str = ""


def audiences(settings: Settings) -> list[Audience]:
    """The whole site, a row an audience."""
    return [*_public(settings), *_of_workspaces(), *_machines()]


def _public(settings: Settings) -> list[Audience]:
    """What anybody may ask for, and what asks only who one is."""
    return [
        Audience(SITE, None, health.ROUTES),
        Audience(SITE, None, house.PUBLIC),
        Audience(SITE, None, house.MAILBOX if settings.has_mailbox else []),
        Audience(SITE, None, signing.PUBLIC),
        Audience(WORKSPACE, None, workspace.PUBLIC),
        Audience(SITE, None, pictures.PUBLIC),
        Audience(SITE, None, charter.PUBLIC),
        # Whoever reads an agenda, registers, or holds a ticket
        Audience(SITE, None, public.ROUTES),
        Audience(SITE, None, tickets.ROUTES),
        Audience(SITE, None, showcase.PUBLIC),
        Audience(SITE, None, feeds.PUBLIC),
        Audience(SITE, None, following.PUBLIC),
        Audience(SITE, None, ambassador.PUBLIC),
        Audience(SITE, None, verifications.PUBLIC),
        # The door: an empty shell for anybody
        Audience(SITE, None, scanner.PUBLIC),
        # Whoever is signed in
        Audience(SITE, signed_in, account.SIGNED_IN),
        Audience(SITE, signed_in, brands.SIGNED_IN),
    ]


def _of_workspaces() -> list[Audience]:
    """What the people of a workspace may ask for, by role."""
    return [
        *_all(in_workspace(TEAM), READ_BY_TEAM),
        *_all(in_workspace(ORGANISERS), DONE_BY_ORGANISERS),
        # Its door staff, its owners, its sponsors' contacts
        Audience(WORKSPACE, in_workspace(DOOR_STAFF), gates.DOOR_STAFF),
        Audience(WORKSPACE, in_workspace(OWNERS), workspace.OWNERS),
        Audience(WORKSPACE, in_workspace(OWNERS), brands.OWNERS),
        Audience(AMBASSADOR, in_workspace(frozenset({Role.AMBASSADOR})), ambassador.OWN),
        Audience(PORTAL, in_workspace(frozenset({Role.SPONSOR})), portal.SPONSORS),
    ]


def _all(guard: Guard, many: Sequence[Sequence[ControllerRouterHandler]]) -> list[Audience]:
    """One audience of a workspace, with everything it is offered."""
    return [Audience(WORKSPACE, guard, handlers) for handlers in many]


def _machines() -> list[Audience]:
    """What a paired phone, or a machine with a token, may ask for."""
    reads, writes = by_token(TEAM), by_token(ORGANISERS)
    return [
        Audience(API, None, facts.PUBLIC, "door"),
        Audience(API, facts.by_device, facts.DEVICES, "door"),
        Audience(API, reads, api_meetups.READS, "meetups"),
        Audience(API, reads, api_registrations.READS, "registrations"),
        Audience(API, writes, api_meetups.WRITES, "meetups"),
        Audience(API, writes, api_registrations.WRITES, "registrations"),
        Audience(API, reads, api_people.READS, "people"),
        Audience(API, writes, api_people.WRITES, "people"),
        Audience(API, reads, api_reports.TEAM, "reports"),
        Audience(API, reads, api_workspaces.READS, "workspace"),
        Audience(API, by_token(OWNERS), api_workspaces.WRITES, "workspace"),
        *_both(api_segments, "people"),
        *_both(api_identities, "people"),
        *_both(api_ambassadors, "ambassadors"),
        *_both(api_sponsors, "sponsors"),
        *_both(api_planning, "planning"),
        *_both(api_series, "series"),
        *_both(api_budgets, "budgets"),
    ]


def _both(module: Subject, tag: str) -> list[Audience]:
    """A subject that the team's tokens read and the organisers' tokens write."""
    return [
        Audience(API, by_token(TEAM), module.READS, tag),
        Audience(API, by_token(ORGANISERS), module.WRITES, tag),
    ]


def routes(settings: Settings) -> list[ControllerRouterHandler]:
    """One router for each prefix; each handler carries its audience's guard.

    Two audiences may share an address (the team reads it, organisers post to it), which a
    router for each audience would not allow.
    """
    handlers: dict[str, list[ControllerRouterHandler]] = {}
    for audience in audiences(settings):
        for handler in audience.handlers:
            handlers.setdefault(audience.prefix, []).append(_for(audience, handler))
    return [Router(prefix, route_handlers=mine) for prefix, mine in handlers.items()]


def _for(audience: Audience, handler: ControllerRouterHandler) -> HTTPRouteHandler:
    """The handler with its audience's guard; only the API is described to machines."""
    assert isinstance(handler, HTTPRouteHandler)  # noqa: S101 - page modules offer no other
    mine = copy(handler)
    if audience.guard is not None:
        mine.guards = [*(handler.guards or ()), audience.guard]
    mine.tags = [audience.tag] if audience.tag else None
    mine.include_in_schema = bool(audience.tag)
    return mine
