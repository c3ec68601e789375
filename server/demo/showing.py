"""The demo: one brand with a year of apéros behind it, one tonight, one next week."""

from datetime import date, datetime, timedelta

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from events.engagement import editions
from events.planning import meetups, series, sponsors, venues
from events.planning.meetups import Plan
from server import app, workspaces
from server.clock import utc_now
from server.database import DB, Address, one, scoped
from server.demo import (
    ambassadors,
    brands,
    budgets,
    deals,
    doubles,
    evenings,
    evenings_to_come,
    feeds,
    members,
    showcase,
)
from server.demo.making import SERIES, Maker, open_workspace, owner_of
from server.demo.story import Story
from server.i18n import zone
from server.settings import Settings
from server.workspaces import Role

PASSWORD = "un verre sur la table"  # noqa: S105 - printed on the terminal, for invented people
ROLES = (
    ("camille@orbelune.example", "Camille", "fr", "community manager: everything"),
    ("bilal@orbelune.example", "Bilal", "fr", "at the door: devices and who is in"),
    ("eiko@sabline.example", "Eiko", "en", "the sponsor: its own report"),
    ("nina@lunatiques.example", "Nina", "fr", "an ambassador: her link, her hours"),
)
PEOPLE = 420
MORE = (
    brands,
    members,
    evenings,
    evenings_to_come,
    deals,
    budgets,
    ambassadors,
    doubles,
    feeds,
    showcase,
)
BACK = (188, 160, 132, 104, 76, 48, 20)


class NotHere(Exception):
    """The demo and the seeds are for trying things out, never for a real house."""


async def fill(settings: Settings, admin: Address, screen: Console) -> None:
    """Tell the story, once for each data folder."""
    if not settings.may_seed:
        message = "The demo needs APERO_ENV=demo."
        raise NotHere(message)
    addresses = await app.ready_database(settings, admin)
    app.make_app(settings)
    await DB.open(addresses.app, size=4)
    try:
        if await one("SELECT 1 FROM workspace WHERE slug = 'orbelune'") is None:
            async with DB.transaction():  # told whole or not at all
                await _tell(settings, screen)
    finally:
        await DB.close()


async def _tell(settings: Settings, screen: Console) -> None:
    now = utc_now()
    begun = now - timedelta(days=200)
    columns = (TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=screen, transient=True) as progress:
        task = progress.add_task("Inventing a community", total=6)
        owner = await owner_of(*ROLES[0][:2], language="fr", now=begun, password=PASSWORD)
        orbelune = await open_workspace(
            settings, owner, "Orbelune", color="#b84a2b", language="fr", now=begun
        )
        story = Story(PEOPLE, today=now.date())
        held = [story.evening(_thursday(now, back), wanted=96) for back in BACK]
        await orbelune.community(
            "Les Lunatiques",
            "Celles et ceux qui jouent aux jeux d’Orbelune.",
            "Le forum",
            now=begun,
        )
        await orbelune.people(story.people, now=begun)
        progress.update(task, advance=1, description="Remembering past evenings")
        await orbelune.evenings(story.people, held, capacity=100, now=now)
        progress.update(task, advance=1, description="Reading the forum")
        await orbelune.online(story.online(days=200, time_zone="Europe/Paris"), now=now)
        progress.update(task, advance=1, description="Planning what comes next")
        await _tonight(orbelune, story, now)
        progress.update(task, advance=1)
        await _next_week(orbelune, story, now)
        progress.update(task, advance=1, description="Welcoming the team")
        await _team(settings, orbelune, now)
        for more in MORE:
            await more.add(orbelune, now=now)
        await open_workspace(
            settings, owner, "Tisane", color="#1d6a5a", language="en", now=now
        )
        progress.update(task, advance=1)


def _thursday(now: datetime, back: int) -> date:
    day = (now - timedelta(days=back)).date()
    return day - timedelta(days=(day.weekday() - 3) % 7)


async def _tonight(maker: Maker, story: Story, now: datetime) -> None:
    """A meetup that has just begun, with a first phone at the door."""
    starts = now - timedelta(minutes=25)
    wanted = await _evening(
        maker, "On joue au prototype ce soir", starts, capacity=60, now=now
    )
    meetup = await maker.meetup(wanted, now=now - timedelta(days=12))
    for number, person in enumerate(story.people[60:100]):
        at = now - timedelta(days=10, minutes=-number)
        await maker.register(meetup, person.name, person.email, now=at)
    token, _ = await maker.phone(meetup, "Porte Rue", now=now)
    codes = [code for _, code in await maker.codes(meetup)]
    await maker.let_in(token, codes[:14], since=now - timedelta(minutes=20))
    await _sponsored(maker, now)


async def _next_week(maker: Maker, story: Story, now: datetime) -> None:
    """A meetup that is nearly full, and a draft."""
    local = zone("Europe/Paris")
    day = (
        (now + timedelta(days=8))
        .astimezone(local)
        .replace(hour=19, minute=0, second=0, microsecond=0)
    )
    title = "On joue au prototype, et vous nous dites tout"
    wanted = await _evening(maker, title, day, capacity=24, now=now)
    meetup = await maker.meetup(wanted, now=now - timedelta(days=5))
    for number, person in enumerate(story.people[120:142]):
        at = now - timedelta(days=4, minutes=-number)
        await maker.register(meetup, person.name, person.email, now=at)
    later = day + timedelta(days=28)
    draft = await _evening(maker, "La soirée des deux ans", later, capacity=80, now=now)
    await maker.meetup(
        msgspec.structs.replace(draft, representative=""), now=now, is_open=False
    )


async def _evening(
    maker: Maker, title: str, starts: datetime, *, capacity: int, now: datetime
) -> Plan:
    """An evening of the series, at its usual place."""
    by = maker.by
    line = await series.make_series(SERIES, community_id=maker.community_id, by=by, now=now)
    venue = await venues.make_venue(
        "Le Comptoir des Pentes",
        address="12 montée de la Grande-Côte, Lyon 1er",
        access="Métro Croix-Paquet, 4 min à pied. De plain-pied, coin calme au fond.",
        hard_limit=120,
        by=by,
        now=now,
    )
    return Plan(
        title=title,
        community_id=maker.community_id,
        series_id=line.id,
        venue_id=venue,
        starts_at=starts,
        ends_at=starts + timedelta(hours=3, minutes=30),
        time_zone="Europe/Paris",
        capacity=capacity,
        description="Vous jouez, vous râlez, on écoute. Venir seul est une bonne idée.",
        programme=_programme(starts),
        representative="Camille, qui anime la communauté d’Orbelune",
    )


def _programme(starts: datetime) -> str:
    first = starts.astimezone(zone("Europe/Paris"))
    steps = (
        (0, "Accueil. Premier verre offert par Sabline, avec ou sans alcool."),
        (45, "Six postes pour essayer le prototype, par tables de quatre."),
        (120, "Ce que vous avez demandé la dernière fois, et ce que le studio a décidé."),
    )
    return "\n".join(
        f"{first + timedelta(minutes=minutes):%H:%M} {text}" for minutes, text in steps
    )


async def _sponsored(maker: Maker, now: datetime) -> None:
    """Sabline pays the first drinks, tonight and before; its page is ready."""
    by = maker.by
    sabline = await sponsors.make_sponsor(
        "Sabline", website="https://sabline.example", by=by, now=now
    )
    await sponsors.add_contact(
        sabline.id,
        ROLES[2][0],
        workspace=maker.look,
        origin=maker.settings.origin,
        by=by,
        now=now,
    )
    async with scoped(by):
        (line,) = await series.all_series()
        held = await meetups.of_series(line.id)
    for one_ in held:
        async with scoped(by):
            meetup = await meetups.meetup_by_slug(one_.slug)
        await sponsors.sponsor_meetup(sabline.id, meetup, by=by, now=now)
        if meetup.closed_at is not None:
            await editions.freeze(
                meetup, workspace=maker.look, origin=maker.settings.origin, by=by, now=now
            )


async def _team(settings: Settings, maker: Maker, now: datetime) -> None:
    for email, name, language, _ in ROLES[1:]:
        await owner_of(email, name, language=language, now=now, password=PASSWORD)
    await workspaces.invite(
        ROLES[1][0],
        Role.DOOR,
        workspace=maker.look,
        origin=settings.origin,
        by=maker.by,
        now=now,
    )


def welcome(settings: Settings) -> str:
    """What the terminal says when everything is ready: where to click, and as whom."""
    origin = settings.origin
    people = "\n".join(f"    {email:27} {what}" for email, _, _, what in ROLES)
    return f"""
[bold]Apéro is served.[/]

  What everybody sees, to register for tonight:
    [bold]{origin}/m/orbelune[/]

  Sign in as one of these:
    [bold]{origin}/sign-in/password[/]
{people}
  with this password:
    [bold]{PASSWORD}[/]

  Every letter that was sent, with its links to click:
    [bold]{origin}/mailbox[/]

The door's camera works in a browser on this machine; another phone needs https.
The data stays in {settings.data}.
From another terminal: APERO_ENV=demo APERO_DATA={settings.data} apero doctor
Stop with Ctrl-C.
"""
