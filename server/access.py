"""Guards: what must be true of who asks before a page or an endpoint runs.

A guard looks the asker up, makes the Actor with the workspaces this request may touch and
leaves it with the request; page functions receive it as `by`. What somebody may not see
does not exist: the refusal is NotFound, for pages and for the API.
"""

import hmac
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler

from server import api_tokens, workspaces
from server.accounts import digest
from server.audit import Actor
from server.edge import is_same_site
from server.errors import Forbidden, NotFound, NotSignedIn
from server.forms import TOKEN_FIELD
from server.i18n import lazy
from server.web import AnyConnection, Asking, asking_of, form_of
from server.workspaces import Role, Seat, WorkspaceArchived

ON_ARCHIVED = "on_archived"  # an act that an archived workspace still takes
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Guard = Callable[[AnyConnection, BaseRouteHandler], Awaitable[None]]


class NotFromOurPage(Forbidden):
    message = lazy(
        "This request did not come from our page. Open the page again and retry."
    )


# Guards


async def same_site(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """An unsafe request comes from a page of ours and, signed in, carries its token."""
    workspaces.opened.set(None)  # every request begins with no archive open
    if _method(connection) in SAFE:
        return
    asking = await asking_of(connection)
    headers = {name.lower(): value for name, value in connection.headers.items()}
    if not is_same_site(headers, asking.settings):
        raise NotFromOurPage
    if asking.account is not None:
        given = headers.get("x-csrftoken") or await _typed_token(connection)
        if not hmac.compare_digest(digest(given), digest(asking.csrf)):
            raise NotFromOurPage


def _method(connection: AnyConnection) -> str:
    return str(connection.scope.get("method", "GET"))


async def _typed_token(connection: AnyConnection) -> str:
    request = Request[Any, Any, Any](connection.scope, receive=connection.receive)
    form = await form_of(request)
    value = form.get(TOKEN_FIELD, "")
    return value if isinstance(value, str) else ""


async def signed_in(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """Somebody with an account asks."""
    asking = await asking_of(connection)
    if asking.account is None:
        raise NotSignedIn
    asking.seats = await workspaces.seats(asking.account.account_id)
    connection.scope["state"]["by"] = asking.myself()


def in_workspace(roles: frozenset[Role]) -> Guard:
    """Somebody with one of these roles in the workspace that the address names asks."""

    async def guard(connection: AnyConnection, handler: BaseRouteHandler) -> None:
        await signed_in(connection, handler)
        asking = await asking_of(connection)
        slug = connection.path_params["slug"]
        seat = next((one for one in asking.seats if one.slug == slug), None)
        archived = None if seat else await _archived(asking, slug)
        seat = seat or archived
        if seat is None or not await _has_role(asking, seat, roles):
            raise NotFound
        if archived is not None:
            if _method(connection) not in SAFE and not handler.opt.get(ON_ARCHIVED):
                raise WorkspaceArchived
            workspaces.opened.set(archived.workspace_id)
        asking.seat = seat
        connection.scope["state"]["by"] = asking.myself(seat.workspace_id, role=seat.role)

    return guard


async def _archived(asking: Asking, slug: str) -> Seat | None:
    """An archived workspace of this account: out of the switcher, still readable."""
    assert asking.account is not None  # noqa: S101 - signed_in came first
    found = await workspaces.seats(asking.account.account_id, archived=True)
    return next((one for one in found if one.slug == slug), None)


async def _has_role(asking: Asking, seat: Seat, roles: frozenset[Role]) -> bool:
    """The strongest role is enough for most; a sponsor's or ambassador's is looked up."""
    if seat.role in roles:
        return True
    assert asking.account is not None  # noqa: S101 - signed_in came first
    return await workspaces.holds_one_of(
        asking.account.account_id, seat.workspace_id, [role.value for role in roles]
    )


def by_token(roles: frozenset[Role], scope: str | None = None) -> Guard:
    """A machine with an API token of one of these roles asks; `write` for what changes."""

    async def guard(connection: AnyConnection, _: BaseRouteHandler) -> None:
        asking = await asking_of(connection)
        kind, _space, token = connection.headers.get("authorization", "").partition(" ")
        bearer = (
            await api_tokens.token_bearer(token.strip()[:100], now=asking.now)
            if kind.lower() == "bearer"
            else None
        )
        if bearer is None:
            raise NotSignedIn
        actor, account_id = bearer
        needed = scope or ("read" if _method(connection) in SAFE else "write")
        if Role(actor.role) not in roles or needed not in actor.scopes:
            raise Forbidden
        state = connection.scope["state"]
        state["by"] = _traced(actor, asking)
        state["account_id"] = account_id

    return guard


def _traced(actor: Actor, asking: Asking) -> Actor:
    """The actor of a token or a device, with the request it acts in."""
    return Actor(
        actor.kind,
        scope=actor.scope,
        id=actor.id,
        role=actor.role,
        scopes=actor.scopes,
        request_id=asking.request_id,
        address=asking.address,
    )


# What page functions receive


async def provide_asking(request: Request[Any, Any, Any]) -> Asking:
    return await asking_of(request)


def provide_by(request: ASGIConnection[Any, Any, Any, Any]) -> Actor:
    """Who acts, as the guard of this route found out."""
    actor: Actor = request.scope["state"]["by"]
    return actor


def provide_now(request: ASGIConnection[Any, Any, Any, Any]) -> datetime:
    asking: Asking = request.scope["state"]["asking"]
    return asking.now


def provide_seat(request: ASGIConnection[Any, Any, Any, Any]) -> Seat:
    asking: Asking = request.scope["state"]["asking"]
    assert asking.seat is not None  # noqa: S101 - only pages behind in_workspace ask
    return asking.seat


DEPENDENCIES = {
    "asking": Provide(provide_asking),
    "by": Provide(provide_by, sync_to_thread=False),
    "now": Provide(provide_now, sync_to_thread=False),
    "seat": Provide(provide_seat, sync_to_thread=False),
}
