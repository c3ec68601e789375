"""Calendars people subscribe to: of a community, of a series, and of one's own meetups.

Whoever brings the mark of what it has read receives nothing (RFC 9110, 13.1.2). One's own
calendar is found by a secret address, which its owner replaces from her personal link.
"""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.admission import agendas, feeds, registrations, tickets
from events.admission.feeds import Feed, Voice
from server import limits, workspaces
from server.database import scoped
from server.i18n import gettext as _
from server.look import Look
from server.rendering import content_disposition
from server.web import Asking, away

PUBLIC_LIFE = "public, max-age=900"
PRIVATE_LIFE = "private, max-age=900"
SUFFIX = ".ics"
PRIVATE = {"referrer-policy": "no-referrer", "x-robots-tag": "noindex, nofollow"}
WINDOW, MOST = timedelta(hours=1), 20  # new addresses of one person

AnyRequest = Request[Any, Any, Any]

# Rules


def voice_of(asking: Asking, look: Look) -> Voice:
    """In whose name the calendars of this workspace speak."""
    settings = asking.settings
    return Voice(look.name, look.slug, look.reply_to or settings.mail_from, settings.origin)


def brings(asked: str | None, mark: str) -> bool:
    """Does the reader have this already, whatever a proxy wrote around the mark?"""
    marks = [one.strip().removeprefix("W/") for one in (asked or "").split(",")]
    return mark in marks or "*" in marks


async def feed_answer(
    request: AnyRequest, feed: Feed, name: str, *, life: str = PUBLIC_LIFE
) -> Response[Any]:
    """A calendar with its mark: who has it already receives nothing.

    A date alone (If-Modified-Since) decides nothing: a venue renamed, or a meetup that
    leaves the feed, changes what it says without a later date.
    """
    mark = feed.mark
    headers = {
        "etag": mark,
        "cache-control": life,
        "content-disposition": content_disposition(f"{name}{SUFFIX}", inline=True),
    }
    if feed.updated_at is not None:
        changed = feed.updated_at.astimezone(UTC)
        headers["last-modified"] = format_datetime(changed, usegmt=True)
    if brings(request.headers.get("if-none-match"), mark):
        return Response(None, status_code=304, headers=headers)
    content = await feeds.written(feed)
    return Response(content, media_type="text/calendar", headers=headers)


# Feeds of a community and of a series


async def community_calendar(
    request: AnyRequest, asking: Asking, look: Look, slug: str
) -> Response[Any]:
    """The calendar of a community: the page of the community answers with it at `….ics`."""
    async with scoped(asking.anyone(look.id), readonly=True):
        found = await feeds.of_community(slug, voice_of(asking, look), asking.now)
    return await feed_answer(request, found, slug)


async def series_calendar(
    request: AnyRequest, asking: Asking, look: Look, slug: str
) -> Response[Any]:
    """The calendar of a series: the page of the series answers with it at `….ics`."""
    async with scoped(asking.anyone(look.id), readonly=True):
        found = await feeds.of_series(slug, voice_of(asking, look), asking.now)
    return await feed_answer(request, found, slug)


# My meetups


@get("/my/{token:str}")
async def my_calendar(
    request: AnyRequest,
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    token: FromPath[str],
) -> Response[Any]:
    found = await agendas.by_token(token.removesuffix(SUFFIX))
    look = await workspaces.look_by_id(found.workspace_id)
    async with scoped(asking.anyone(look.id), readonly=True):
        feed = await agendas.mine(found.member_id, voice_of(asking, look), now)
    return _private(await feed_answer(request, feed, look.slug, life=PRIVATE_LIFE))


@post("/r/{capability:str}/agenda", status_code=303)
async def give_agenda(
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    capability: FromPath[str],
) -> Response[Any]:
    found = await registrations.by_capability(capability)
    await _spend(str(found.member_id), now)
    by = asking.anyone(found.workspace_id)
    await agendas.give(
        found.member_id, keys=tickets.keys_of(asking.settings), by=by, now=now
    )
    said = _("Your meetups have an address. Give it to your calendar.")
    return _private(away(asking, f"/r/{capability}", said=said))


@post("/r/{capability:str}/agenda/renew", status_code=303)
async def renew_agenda(
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    capability: FromPath[str],
) -> Response[Any]:
    found = await registrations.by_capability(capability)
    await _spend(str(found.member_id), now)
    by = asking.anyone(found.workspace_id)
    await agendas.renew(
        found.member_id, keys=tickets.keys_of(asking.settings), by=by, now=now
    )
    said = _("The address is new. The one before it shows nothing any more.")
    return _private(away(asking, f"/r/{capability}", said=said))


@post("/r/{capability:str}/agenda/end", status_code=303)
async def end_agenda(
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    capability: FromPath[str],
) -> Response[Any]:
    found = await registrations.by_capability(capability)
    by = asking.anyone(found.workspace_id)
    await agendas.withdraw(found.member_id, by=by, now=now)
    said = _("The address of your meetups shows nothing any more.")
    return _private(away(asking, f"/r/{capability}", said=said))


async def _spend(subject: str, now: datetime) -> None:
    await limits.spend("agenda", subject, most=MOST, window=WINDOW, now=now)


def _private(answer: Response[Any]) -> Response[Any]:
    """An address that is a secret goes nowhere: no referrer, no index."""
    answer.headers.update(PRIVATE)
    return answer


PUBLIC: list[HTTPRouteHandler] = [
    my_calendar,
    give_agenda,
    renew_agenda,
    end_agenda,
]
