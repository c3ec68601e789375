"""The organiser's home: the next meetup, what waits, and what the last one came to."""

from datetime import datetime

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from events.engagement import awaiting, metrics
from events.engagement.sentences import shown
from events.planning import meetups
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.i18n import zone
from server.web import Asking, page

EVENING = 18


@get("/")
async def home(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
) -> Response[str]:
    """What a community manager sees first."""
    look = await workspaces.look(slug)
    async with scoped(by):
        ground = await awaiting.ground()
        waiting = await awaiting.waiting(now, ground)
        ahead = await meetups.upcoming(now, limit=1)
        room = await meetups.room(ahead[0].id) if ahead else None
        last = next(
            (one for one in await meetups.past(now, limit=10) if one.closed_at), None
        )
        counts = await metrics.counts(last.id) if last else None
    figures = (
        [
            shown(figure)
            for figure in metrics.meetup_figures(counts, has_begun=True, is_closed=True)
            if figure.key in {"attended", "first_timers", "show_up_rate"}
        ]
        if counts
        else []
    )
    local = now.astimezone(zone(look.time_zone))
    return page(
        asking,
        "organize/home.html",
        workspace=look,
        name=asking.account.name.partition(" ")[0] if asking.account else "",
        is_evening=local.hour >= EVENING,
        ground=ground,
        waiting=waiting,
        ahead=ahead[0] if ahead else None,
        room=room,
        days=(
            ahead[0].starts_at.astimezone(zone(ahead[0].time_zone)).date() - local.date()
        ).days
        if ahead
        else 0,
        last=last,
        figures=figures,
    )


TEAM = [home]
