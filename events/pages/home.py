"""The organiser's home: the next meetup, what waits, and what the last one came to."""

from datetime import date, datetime

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from events.engagement import awaiting, metrics
from events.engagement.metrics import Counts
from events.engagement.sentences import Shown, shown
from events.planning import meetups, tasks
from events.planning.meetups import Line
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.i18n import zone
from server.web import Asking, page
from server.workspaces import ORGANISERS, Seat

EVENING = 18


@get("/")
async def home(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    seat: NamedDependency[Seat],
) -> Response[str]:
    """What a community manager sees first."""
    look = await workspaces.look(slug)
    local = now.astimezone(zone(look.time_zone))
    async with scoped(by):
        ground = await awaiting.ground(local.date())
        waiting = await awaiting.waiting(now, ground)
        ahead = await meetups.upcoming(now, limit=1)
        room = await meetups.room(ahead[0].id) if ahead else None
        past = await meetups.past(now, limit=10)
        last = next((one for one in past if one.closed_at), None)
        mine = await tasks.mine(by.id)
        counts = await metrics.counts(last.id) if last else None
    return page(
        asking,
        "organize/home.html",
        workspace=look,
        name=asking.account.name.partition(" ")[0] if asking.account else "",
        is_evening=local.hour >= EVENING,
        ground=ground,
        is_organiser=seat.role in ORGANISERS,
        waiting=waiting,
        ahead=ahead[0] if ahead else None,
        room=room,
        days=_days_until(ahead[0], local.date()) if ahead else 0,
        last=last,
        tasks=[(one, tasks.is_late(one, local.date())) for one in mine],
        figures=_figures(counts) if counts else [],
    )


def _days_until(ahead: Line, today: date) -> int:
    """How many days there are before a meetup, on the calendar where it takes place."""
    return (ahead.starts_at.astimezone(zone(ahead.time_zone)).date() - today).days


def _figures(counts: Counts) -> list[Shown]:
    """The three figures of the last meetup that are looked at first."""
    return [
        shown(figure)
        for figure in metrics.meetup_figures(counts, has_begun=True, is_closed=True)
        if figure.key in {"attended", "first_timers", "show_up_rate"}
    ]


TEAM = [home]
