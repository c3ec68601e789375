"""Two ambassadors of the demo: one in term with people behind her, one who applies."""

import io
from datetime import datetime, timedelta
from uuid import UUID

from PIL import Image

from events.admission import invitations, touches
from events.people import ambassadors
from events.people.mandates import mandate, today_in
from events.planning import meetups, missions, stints
from events.planning.missions import Kind, Proof
from server import charters, pictures
from server.database import find, scoped, sql
from server.demo.making import Maker

CHARTER = """Écouter d’abord, noter ce qui se dit, ne rien promettre à la place du studio.
Dire qui l’on est : bénévole, avec un mandat et une fin.
Se reposer sans s’excuser : rien n’est demandé pendant un repos."""
NINA, SAMI = (
    ("nina@lunatiques.example", "Nina Ferrand"),
    (
        "sami@lunatiques.example",
        "Sami Aubry",
    ),
)
BROUGHT = 18


async def add(maker: Maker, *, now: datetime) -> None:
    """Nina has been there for months; Sami waits for an answer."""
    by, look = maker.by, maker.look
    version = await charters.publish(
        charters.Kind.AMBASSADORS,
        {"fr": CHARTER},
        main_language="fr",
        by=by,
        now=now - timedelta(days=190),
    )
    for (email, name), area, motive, since in (
        (NINA, "Croix-Rousse", "Je connais tous les cafés du plateau.", 180),
        (SAMI, "Villeurbanne", "On vient à quatre à chaque fois, autant inviter.", 2),
    ):
        made = await ambassadors.apply(
            email,
            name=name,
            language="fr",
            community_id=maker.community_id,
            area=area,
            motive=motive,
            charter_id=version.id,
            workspace=look,
            by=by,
            now=now - timedelta(days=since),
        )
        if email == NINA[0]:
            await _nina(maker, made.id, now)


async def _nina(maker: Maker, her_id: UUID, now: datetime) -> None:
    by, look = maker.by, maker.look
    today = today_in(look, now)
    await ambassadors.accept(
        her_id,
        starts_on=today - timedelta(days=170),
        ends_on=today + timedelta(days=195),
        area="Croix-Rousse",
        perks="Le premier verre, et les prototypes une semaine avant tout le monde.",
        workspace=look,
        origin=maker.settings.origin,
        by=by,
        now=now - timedelta(days=170),
    )
    for week in range(4):
        await stints.log(
            her_id,
            worked_on=today - timedelta(days=7 * week + 1),
            minutes=90 + 30 * week,
            note="Tour des cafés et accueil",
            today=today,
            by=by,
            now=now,
        )
    await _missions(maker, her_id, now)
    await _brought(maker, her_id, now)
    await _invited(maker, her_id, now)


async def _missions(maker: Maker, her_id: UUID, now: datetime) -> None:
    by, look, origin = maker.by, maker.look, maker.settings.origin
    asked = [
        (Kind.OPINIONS, "Recueillir trois avis sur le tutoriel", 3, 20, 4),
        (Kind.NEWCOMERS, "Faire venir cinq personnes nouvelles", 5, 9, -7),
    ]
    ids = [
        await missions.ask(
            her_id,
            kind=kind,
            title=title,
            goal=goal,
            due_on=today_in(look, now - timedelta(days=due)),
            workspace=look,
            origin=origin,
            by=by,
            now=now - timedelta(days=since),
        )
        for kind, title, goal, since, due in asked
    ]
    photo = await pictures.keep(pictures.Kind.PROOF, _notes(), by=by, now=now)
    words = "Quatre personnes, toutes bloquées au même écran."
    told = Proof(words, count=4, picture_id=photo)
    await missions.prove(ids[0], her_id, told, by=by, now=now - timedelta(days=3))


async def _brought(maker: Maker, her_id: UUID, now: datetime) -> None:
    """People of past evenings who had come by her link."""
    by, look = maker.by, maker.look
    async with scoped(by):
        her = await mandate(her_id, today_in(look, now))
        rows = await sql(
            "SELECT r.meetup_id, r.member_id, m.starts_at FROM registration r JOIN meetup m"
            " ON m.workspace_id = r.workspace_id AND m.id = r.meetup_id"
            " WHERE r.workspace_id = $1 AND m.starts_at BETWEEN $2 AND $3"
            " ORDER BY m.starts_at, r.id LIMIT $4",
            look.id,
            now - timedelta(days=165),
            now - timedelta(days=1),
            BROUGHT,
        )
        for row in rows:
            await touches.note(
                her.code,
                meetup_id=row["meetup_id"],
                member_id=row["member_id"],
                workspace=look,
                by=by,
                now=row["starts_at"] - timedelta(days=6),
            )


async def _invited(maker: Maker, her_id: UUID, now: datetime) -> None:
    """Somebody she asks to the next evening, by a letter."""
    by = maker.by
    async with scoped(by):
        her = await mandate(her_id, today_in(maker.look, now))
        ahead = await meetups.upcoming(now, limit=5)
        public = [one.id for one in ahead if one.published_at is not None]
        if not public:
            return
        meetup = await find(meetups.Meetup, public[0])
    await invitations.invite(
        meetup,
        name="Oriane",
        email="oriane@ami.example",
        her=her,
        workspace=maker.look,
        settings=maker.settings,
        by=by,
        now=now,
    )


def _notes() -> bytes:
    """Her page of notes, photographed: lines of ink on paper, drawn here."""
    paper = Image.new("RGB", (480, 360), "#fbf6ee")
    for row in range(8):
        paper.paste("#1d3a8a", (40, 50 + 36 * row, 440 - 37 * (row % 3), 58 + 36 * row))
    out = io.BytesIO()
    paper.save(out, "PNG")
    return out.getvalue()
