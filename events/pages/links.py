"""Links: what goes with the address of a meetup when it is passed on.

A picture of ours and the facts as machines read them. The picture speaks the language of
the workspace, so that one address is one picture, whoever asks.
"""

from datetime import datetime
from typing import Any

from babel.dates import format_date
from litestar import Request, Response

from events.admission.passes import day_of
from events.pages import linked_data
from events.pages.feeds import brings
from events.planning import cards, meetups, venues
from events.planning.cards import Card
from events.planning.meetups import Meetup, Room, Stage
from events.planning.shelves import Public
from events.planning.venues import Place
from server.database import scoped
from server.i18n import gettext as _
from server.i18n import use, zone
from server.look import Look
from server.web import Asking

LIFE = "public, max-age=600"
FOREVER = "public, max-age=31536000, immutable"
SHORT = 12  # enough of a mark for an address

# Rules


def card_of(look: Look, meetup: Meetup, place: Place | None, now: datetime) -> Card:
    """The words of a meetup's picture, in the language of its workspace."""
    with use(look.language):
        stage = meetups.stage(meetup, now)
        notice = {Stage.CANCELLED: _("Cancelled"), Stage.POSTPONED: _("Postponed")}
        starts = meetup.starts_at.astimezone(zone(meetup.time_zone))
        is_known = stage is not Stage.POSTPONED
        hours = day_of(meetup.starts_at, meetup.ends_at, meetup.time_zone).hours
        day = format_date(starts.date(), "full", locale=look.language)
        where = (
            ", ".join(part for part in (place.name, place.address) if part) if place else ""
        )
    return Card(
        brand=look.name,
        color=look.color,
        title=meetup.title,
        day=day if is_known else "",
        hours=hours if is_known else "",
        place=where,
        notice=notice.get(stage, ""),
    )


def passed_on(
    asking: Asking,
    look: Look,
    meetup: Meetup,
    room: Room,
    place: Place | None,
    series: Public | None,
    now: datetime,
) -> dict[str, str]:
    """The addresses of a meetup's page and picture, and its facts for search engines."""
    home = f"{asking.settings.origin}/m/{look.slug}"
    mark = card_of(look, meetup, place, now).mark[:SHORT]
    shown = linked_data.Shown(
        meetup=meetup,
        stage=meetups.stage(meetup, now),
        room=room,
        place=place,
        series=series,
        workspace=look,
        origin=asking.settings.origin,
        picture=f"{home}/{meetup.slug}.png?v={mark}",
    )
    return {
        "page_href": f"{home}/{meetup.slug}",
        "picture_href": shown.picture,
        "series_href": f"/m/{look.slug}/s/{series.slug}" if series else "",
        "linked": linked_data.written(linked_data.described(shown)),
    }


# The picture


async def picture(
    request: Request[Any, Any, Any], asking: Asking, look: Look, slug: str
) -> Response[Any]:
    """The picture of a public meetup; who has it already receives nothing."""
    async with scoped(asking.anyone(look.id), readonly=True):
        found = await meetups.published(slug)
        where = await venues.place(found.venue_id)
    card = card_of(look, found, where, asking.now)
    is_exact = request.query_params.get("v") == card.mark[:SHORT]
    headers = {
        "etag": f'"{card.mark}"',
        "cache-control": FOREVER if is_exact else LIFE,
        # Shown by whoever passes the address on: the one file of ours that others may show.
        "cross-origin-resource-policy": "cross-origin",
    }
    if brings(request.headers.get("if-none-match"), headers["etag"]):
        return Response(None, status_code=304, headers=headers)
    content = await cards.drawn(card)
    return Response(content, media_type="image/png", headers=headers)
