"""Pictures as they are served: to the team, and the few that the public sees."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from server import pictures, workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import NotFound
from server.pictures import Drawn, Kind
from server.web import Asking

# A picture never changes: another one has another key.
TEAM_LIFE = "private, max-age=86400, immutable"
PUBLIC_LIFE = "public, max-age=86400"
# What pages show, on a fine screen
LOGO_SIDE, FACE_SIDE, PROOF_SIDE = 240, 144, 720
FOREVER = "public, max-age=31536000, immutable"


async def shown(
    request: Request[Any, Any, Any], found: Drawn, life: str, side: int = 0
) -> Response[bytes | None]:
    """The picture, or with `?small=1` no more of it than a phone shows."""
    is_small = bool(side) and request.query_params.get("small") == "1"
    tag = f'"{found.sha256.hex()[:32]}{side if is_small else ""}"'
    headers = {"etag": tag, "cache-control": life}
    if request.headers.get("if-none-match") == tag:
        return Response(None, status_code=304, headers=headers)
    if is_small:
        content = await pictures.small(found, side)
        return Response(content, media_type="image/webp", headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


@get("/pictures/{picture_id:uuid}")
async def picture(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    picture_id: FromPath[UUID],
) -> Response[bytes | None]:
    """Any picture of the workspace, for its team."""
    async with scoped(by, readonly=True):
        found = await pictures.picture(picture_id)
    side = PROOF_SIDE if found.kind is Kind.PROOF else FACE_SIDE
    return await shown(request, found, TEAM_LIFE, side)


@get("/m/{workspace:str}/logo")
async def logo(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    workspace: FromPath[str],
) -> Response[bytes | None]:
    """The logo of a brand. With `?v=` and its key it is kept for good."""
    look = await workspaces.look(workspace)
    if look.logo_id is None:
        raise NotFound
    async with scoped(asking.anyone(look.id), readonly=True):
        found = await pictures.picture(look.logo_id)
    is_exact = request.query_params.get("v") == look.logo_id.hex
    return await shown(request, found, FOREVER if is_exact else PUBLIC_LIFE, LOGO_SIDE)


@get("/m/{workspace:str}/faces/{picture_id:uuid}")
async def face(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    workspace: FromPath[str],
    picture_id: FromPath[UUID],
) -> Response[bytes | None]:
    """The face of somebody who stands for the brand at a meetup that is published."""
    look = await workspaces.look(workspace)
    async with scoped(asking.anyone(look.id), readonly=True):
        found = await pictures.picture(picture_id)
        if found.kind is not Kind.FACE or not await pictures.is_public(picture_id):
            raise NotFound
    return await shown(request, found, PUBLIC_LIFE, FACE_SIDE)


PUBLIC: list[ControllerRouterHandler] = [logo, face]
TEAM: list[ControllerRouterHandler] = [picture]
