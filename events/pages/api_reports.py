"""Reports for machines."""

from datetime import datetime
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from events.engagement import bodies, reports
from events.engagement.bodies import MeetupBody, SeriesBody
from events.planning import series
from server.audit import Actor
from server.database import scoped


@get(
    "/meetups/{meetup_id:uuid}/report",
    summary="The report of a meetup",
    description="Who came, the arrivals, and the lift with its interval, sample sizes, link"
    " coverage and grade. A missing value is null and says why.",
)
async def meetup_report(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
) -> MeetupBody:
    async with scoped(by):
        return bodies.body(await reports.meetup_report(meetup_id, now))


@get(
    "/series/{series_slug:str}/report",
    summary="The report of a series",
    description="Attendance meetup after meetup, who came back, who met whom, and the lift"
    " of the settled meetups together.",
)
async def series_report(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    series_slug: FromPath[str],
) -> SeriesBody:
    async with scoped(by):
        found = await series.series_by_slug(series_slug)
        return bodies.series_body(await reports.series_report(found.id, now))


TEAM = [meetup_report, series_report]
