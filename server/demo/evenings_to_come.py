"""The demo's series: the apéro comes back every month, and somebody follows it."""

from datetime import date, datetime, time, timedelta

from events.admission import followers
from events.engagement import plans
from events.planning import drafts, recurrences, series
from events.planning.recurrences import Rhythm
from events.planning.series import Template
from server.database import scoped, sql
from server.demo.making import SERIES, Maker

FOLLOWERS = (
    ("Inès", "ines.bravo@lunatiques.example"),
    ("Tom", "tom.rey@lunatiques.example"),
)


async def add(maker: Maker, *, now: datetime) -> None:
    """Give the series its dates, one open edition, two drafts, and followers."""
    by = maker.by
    line = await series.make_series(SERIES, community_id=maker.community_id, by=by, now=now)
    async with scoped(by):
        whole = await series.whole(line.id)
        venue = await sql("SELECT id FROM venue ORDER BY created_at LIMIT 1")
    wanted = Template(
        name=whole.name,
        description="Une soirée par mois pour jouer, râler et repartir avec des réponses.",
        programme="19:00 Accueil et premier verre\n19:45 On joue\n21:00 Les décisions",
        representative="Camille, qui anime la communauté d’Orbelune",
        capacity=80,
        venue_id=venue[0]["id"] if venue else None,
    )
    await series.reshape(line.id, wanted, by=by, now=now)
    first = _first_thursday((now + timedelta(days=40)).date())
    rhythm = Rhythm(
        rule="FREQ=MONTHLY;BYDAY=1TH",
        starts_on=first,
        starts_time=time(19),
        minutes=210,
        time_zone=maker.look.time_zone,
    )
    await recurrences.begin(line.id, rhythm, by=by, now=now)
    await series.announce(line.id, by=by, now=now)
    made = await drafts.prepare(line.id, key_id=maker.keys.current, by=by, now=now)
    for name, email in FOLLOWERS:
        await _follows(maker, line, name, email, now=now)
    for meetup in made[:1]:
        await plans.publish(meetup, by=by, now=now)


def _first_thursday(after: date) -> date:
    """The first Thursday of a month, on this day or after it."""
    day = after
    while day.weekday() != 3 or day.day > 7:  # noqa: PLR2004 - Thursday, first week
        day += timedelta(days=1)
    return day


async def _follows(
    maker: Maker, line: series.SeriesLine, name: str, email: str, *, now: datetime
) -> None:
    await followers.follow(
        line,
        name=name,
        email=email,
        language="fr",
        origin=maker.settings.origin,
        workspace=maker.look,
        keys=maker.keys,
        by=maker.by,
        now=now,
    )
    async with scoped(maker.by):
        rows = await sql(
            "SELECT f.id FROM follower f JOIN member m ON m.workspace_id = f.workspace_id"
            " AND m.id = f.member_id WHERE f.series_id = $1 AND m.email = $2",
            line.id,
            email,
        )
    token = followers.token_of(maker.keys, rows[0]["id"])
    await followers.confirm(token, series_id=line.id, by=maker.by, now=now)
