"""The registration form of a meetup, shown in a frame on somebody else's site.

A frame may be shown by the sites that the workspace lists and by no other (CSP Level 3,
frame-ancestors); a site that is not listed is told by whom it may be. No cookie travels in
such a frame, so the form carries a mark of ours instead: this meetup, and since when. It
holds no script at all.
"""

import base64
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.admission.passes import day_of
from events.pages import public
from events.planning import meetups, venues
from events.planning.meetups import Stage
from server.database import scoped
from server.errors import Conflict, Invalid
from server.i18n import lazy
from server.look import Look
from server.settings import Settings
from server.web import Asking, in_workspace_frame, page, public_look, typed

NARROW = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors "
)
MARK = "mark"
MARK_LIFE = timedelta(hours=12)
TOO_OLD = lazy("This form stayed open for long. What you typed is here: send it again.")

AnyRequest = Request[Any, Any, Any]

# Rules


def mark_of(settings: Settings, meetup_id: UUID, now: datetime) -> str:
    """The mark of a form of this meetup that was shown at this moment."""
    since = str(int(now.timestamp()))
    return f"{since}.{_seal(settings, meetup_id, since)}"


def is_ours(settings: Settings, meetup_id: UUID, mark: str, now: datetime) -> bool:
    """Is this the mark of a form we showed, of this meetup, not long ago?"""
    since, _, seal = mark.partition(".")
    if not hmac.compare_digest(seal.encode(), _seal(settings, meetup_id, since).encode()):
        return False
    shown_at = datetime.fromtimestamp(int(since), UTC)
    return timedelta(minutes=-5) <= now - shown_at <= MARK_LIFE


def _seal(settings: Settings, meetup_id: UUID, since: str) -> str:
    said = f"apero embed v1 {meetup_id} {since}".encode()
    digest = hmac.digest(settings.secret_key, said, "sha256")
    return base64.urlsafe_b64encode(digest[:18]).decode()


def shown_by(request: AnyRequest) -> str:
    """The site whose frame this is, as far as the browser says; "" when it does not."""
    if request.headers.get("sec-fetch-dest") != "iframe":
        return ""
    try:
        parts = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.netloc else ""


def may_show(look: Look, site: str, origin: str) -> bool:
    """May this site show the form? A site that is not named is left to the browser."""
    return bool(look.embed_origins) and site in {"", origin, *look.embed_origins}


# The frame


@get("/m/{workspace:str}/{meetup:str}/embed")
async def frame(
    request: AnyRequest,
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
    meetup: FromPath[str],
) -> Response[Any]:
    """The form in its frame, or how the site around it may show it."""
    look = await public_look(asking, workspace)
    site = shown_by(request)
    if not may_show(look, site, asking.settings.origin):
        async with scoped(asking.anyone(look.id), readonly=True):
            found = await meetups.published(meetup)
        return _answer(asking, look, "*", site=site, meetup=found, state="barred")
    return await _form(asking, look, meetup, now)


@post("/m/{workspace:str}/{meetup:str}/embed", status_code=200)
async def register(
    request: AnyRequest,
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
    meetup: FromPath[str],
) -> Response[Any]:
    """Register from the frame; the answer is the same to everybody, as on the page."""
    look = await public_look(asking, workspace)
    answers = await typed(request)
    mark = str(answers.pop(MARK, ""))
    async with scoped(asking.anyone(look.id), readonly=True):
        found = await meetups.published(meetup)
    if not is_ours(asking.settings, found.id, mark, now):
        refused = (422, {"": str(TOO_OLD)}, answers)
        return await _form(asking, look, meetup, now, refused)
    try:
        noted = await public.take(asking, look, meetup, answers, now)
    except (Invalid, Conflict) as no:
        return await _form(asking, look, meetup, now, public.refused_by(no, answers))
    return _answer(
        asking, look, meetup=found, state="noted", email=noted.email, way=noted.way
    )


async def _form(
    asking: Asking,
    look: Look,
    slug: str,
    now: datetime,
    refused: tuple[int, Mapping[str, object], Mapping[str, Any]] = (200, {}, {}),
) -> Response[Any]:
    status, errors, answers = refused
    async with scoped(asking.anyone(look.id), readonly=True):
        found = await meetups.published(slug)
        room = await meetups.room(found.id)
        place = await venues.place(found.venue_id)
    stage = meetups.stage(found, now)
    is_open = stage in {Stage.PUBLISHED, Stage.RUNNING}
    return _answer(
        asking,
        look,
        status=status,
        meetup=found,
        state="open" if is_open else stage.value,
        day=day_of(found.starts_at, found.ends_at, found.time_zone),
        room=room,
        place=place,
        way=public.way_in(found, room),
        mark=mark_of(asking.settings, found.id, now),
        via=str(answers.get("via") or public.via_of(asking)),
        errors={name: str(text) for name, text in errors.items()},
        answers=answers,
    )


def _answer(
    asking: Asking,
    look: Look,
    ancestors: str = "",
    *,
    status: int = 200,
    **context: Any,  # noqa: ANN401 - what the template shows
) -> Response[Any]:
    """The frame with its own policy: who may show it, and next to nothing inside."""
    framed = in_workspace_frame(asking, look) | context
    answer = page(asking, "public/embed.html", status=status, **framed)
    allowed = ancestors or " ".join(look.embed_origins) or "'none'"
    answer.headers["content-security-policy"] = NARROW + allowed
    answer.headers["x-robots-tag"] = "noindex"
    return answer


PUBLIC: list[HTTPRouteHandler] = [frame, register]
