"""Reports: what a meetup or a series came to, for the team.

One value is gathered from the database, in a number of questions that does not depend on
how many people came; the page, the document, the table and the API all show that value.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec

from events.engagement import effects, followed, metrics
from events.engagement.effects import Lift
from events.engagement.lift import Audience, settles_on
from events.engagement.metrics import Attendance, Counts, Figure, State, Unit
from server.database import one, sql
from server.errors import NotFound
from server.i18n import zone

BIN = timedelta(minutes=10)
LONGEST_CURVE = timedelta(hours=24)


class Arrival(msgspec.Struct, frozen=True):
    """How many came in during ten minutes, and how many had by their end."""

    at: datetime
    people: int
    so_far: int


class Step(msgspec.Struct, frozen=True):
    """One measured step on the way from asking to being active."""

    key: str
    value: int


class About(msgspec.Struct, frozen=True):
    """Which meetup, and how far along it is."""

    id: UUID
    slug: str
    title: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    venue: str
    series_id: UUID | None
    series_slug: str | None
    series: str | None
    published_at: datetime | None
    cancelled_at: datetime | None
    closed_at: datetime | None

    @property
    def on(self) -> date:
        """The local date of the meetup."""
        return self.starts_at.astimezone(zone(self.time_zone)).date()


class MeetupReport(msgspec.Struct, frozen=True):
    """What one meetup came to."""

    about: About
    as_of: datetime
    capacity: int
    figures: list[Figure]
    arrivals: list[Arrival]
    steps: list[Step]
    lift: Lift | None
    pooled: Lift | None

    def figure(self, key: str) -> Figure:
        """The figure of this name."""
        return next(figure for figure in self.figures if figure.key == key)


class SeriesReport(msgspec.Struct, frozen=True):
    """What the meetups of one series came to."""

    slug: str
    name: str
    time_zone: str
    as_of: datetime
    figures: list[Figure]
    meetups: list[Attendance]
    shared: dict[int, int]
    lift: Lift | None


# Rules


def as_of(now: datetime, closed_at: datetime | None, time_zone: str) -> datetime:
    """The moment a report speaks of: the day once closed, the minute before."""
    local = now.astimezone(zone(time_zone)).replace(second=0, microsecond=0)
    return local if closed_at is None else local.replace(hour=0, minute=0)


def curve(found: Sequence[tuple[datetime, int]], time_zone: str) -> list[Arrival]:
    """Arrivals for every ten minutes, the empty ones included, on the local clock."""
    if not found:
        return []
    people = dict(found)
    start, end = found[0][0], found[-1][0]
    count = (end - start) // BIN + 1 if end - start <= LONGEST_CURVE else 0
    moments = [start + n * BIN for n in range(count)] or list(people)
    so_far, arrivals = 0, []
    for at in moments:
        so_far += people.get(at, 0)
        local = at.astimezone(zone(time_zone))
        arrivals.append(Arrival(local, people.get(at, 0), so_far))
    return arrivals


def steps(counts: Counts, figures: Sequence[Figure]) -> list[Step]:
    """The way from asking to being active, as far as it was measured."""
    known = {figure.key: figure.value for figure in figures}
    found = []
    if counts.asked > counts.registered:
        found.append(Step("asked", counts.asked))
    found.append(Step("registered", counts.registered))
    if known["attended"] is not None:
        found.append(Step("came_registered", counts.came_registered))
        if known["active_after"] is not None:
            found.append(Step("active_after", int(known["active_after"])))
    return found


def active_after(on: date, lift: Lift | None, people: Sequence[followed.Person]) -> Figure:
    """How many of those who came and can be followed were active online afterwards."""
    came = [person for person in people if person.came and not person.reason]
    why, when = "", None
    if lift is None or lift.why == "not_closed":
        why = "not_closed"
    elif lift.why:
        why, when = lift.why, settles_on(on)
    elif not came:
        why = "nobody_linked"
    if why:
        return Figure("active_after", None, State.MISSING, Unit.PEOPLE, why=why, on=when)
    active = sum(person.days[1] > 0 for person in came)
    return Figure("active_after", active, State.IMPORTED, Unit.PEOPLE, n=len(came))


# Queries


async def about(meetup_id: UUID) -> About:
    """Which meetup this is, if it is in view."""
    found = await one(
        "SELECT m.id, m.slug, m.title, m.starts_at, m.ends_at, m.time_zone,"
        " coalesce(v.name, '') AS venue, m.series_id, s.slug AS series_slug,"
        " s.name AS series, m.published_at, m.cancelled_at, m.closed_at FROM meetup m"
        " LEFT JOIN venue v ON v.workspace_id = m.workspace_id AND v.id = m.venue_id"
        " LEFT JOIN series s ON s.workspace_id = m.workspace_id AND s.id = m.series_id"
        " WHERE m.workspace_id = ANY (apero_scope()) AND m.id = $1",
        meetup_id,
        into=About,
    )
    if found is None:
        raise NotFound
    return found


async def meetup_report(
    meetup_id: UUID, now: datetime, audience: Audience = Audience.ORGANISER
) -> MeetupReport:
    """What this meetup came to, in the workspace in view."""
    meetup = await about(meetup_id)
    counts = await metrics.counts(meetup_id)
    if counts is None:
        raise NotFound
    held = await (
        followed.held_in(meetup.series_id) if meetup.series_id else followed.held(meetup_id)
    )
    people = await followed.people([one_.id for one_ in held])
    own = [person for person in people if person.meetup_id == meetup_id]
    lift = next(
        (
            effects.effect_of(one_, own, audience=audience, now=now)
            for one_ in held
            if one_.id == meetup_id
        ),
        None,
    )
    figures = metrics.meetup_figures(
        counts,
        has_begun=now >= meetup.starts_at,
        is_closed=meetup.closed_at is not None,
        after=active_after(meetup.on, lift, own),
    )
    return MeetupReport(
        about=meetup,
        as_of=as_of(now, meetup.closed_at, meetup.time_zone),
        capacity=counts.capacity,
        figures=figures,
        arrivals=curve(await metrics.arrivals(meetup_id), meetup.time_zone),
        steps=steps(counts, figures),
        lift=lift,
        pooled=effects.pooled_effect(held, people, audience=audience, now=now),
    )


async def series_report(
    series_id: UUID, now: datetime, audience: Audience = Audience.ORGANISER
) -> SeriesReport:
    """What the meetups of this series came to, in the workspace in view."""
    series = await one(
        "SELECT s.slug, s.name, w.time_zone FROM series s JOIN workspace w"
        " ON w.id = s.workspace_id WHERE s.workspace_id = ANY (apero_scope())"
        " AND s.id = $1",
        series_id,
    )
    if series is None:
        raise NotFound
    meetups = await metrics.attendances(series_id, now)
    together = metrics.together(await metrics.rooms(series_id))
    held = await followed.held_in(series_id)
    people = await followed.people([one_.id for one_ in held])
    return SeriesReport(
        slug=series["slug"],
        name=series["name"],
        time_zone=series["time_zone"],
        as_of=as_of(now, now, series["time_zone"]),
        figures=metrics.series_figures(meetups, together),
        meetups=meetups,
        shared=together.shared,
        lift=effects.pooled_effect(held, people, audience=audience, now=now),
    )


class ReportLine(msgspec.Struct, frozen=True):
    """A meetup in the list of reports."""

    slug: str
    title: str
    starts_at: datetime
    time_zone: str
    series: str | None
    series_slug: str | None
    closed_at: datetime | None
    attended: int
    registered: int


async def listing(
    now: datetime, *, before: datetime | None = None, limit: int = 50
) -> list[ReportLine]:
    """The meetups that have begun, latest first, with who came."""
    return await sql(
        "SELECT m.slug, m.title, m.starts_at, m.time_zone, s.name AS series,"
        " s.slug AS series_slug, m.closed_at, r.attended, r.registered FROM ("
        "SELECT * FROM meetup WHERE workspace_id = ANY (apero_scope())"
        " AND published_at IS NOT NULL AND cancelled_at IS NULL AND starts_at <= $1"
        " AND ($2::timestamptz IS NULL OR starts_at < $2)"
        " ORDER BY starts_at DESC, id DESC LIMIT $3) m"
        " LEFT JOIN series s ON s.workspace_id = m.workspace_id AND s.id = m.series_id"
        " CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE r.status = 'confirmed'"
        " AND r.attended_at IS NOT NULL) AS attended, count(*) FILTER (WHERE"
        " r.status = 'confirmed' AND r.source <> 'walk_in') AS registered"
        " FROM registration r WHERE r.workspace_id = m.workspace_id"
        " AND r.meetup_id = m.id) r ORDER BY m.starts_at DESC, m.id DESC",
        now,
        before,
        limit,
        into=ReportLine,
    )
