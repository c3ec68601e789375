"""The demo's next evening, prepared: its steps, its tasks, who stands for the brand."""

import io
from datetime import datetime, timedelta

import msgspec
from PIL import Image, ImageDraw

from events.planning import cues, meetups, representatives, tasks, venues
from events.planning.cues import Step
from events.planning.representatives import Face
from events.planning.tasks import Duty
from events.planning.venues import About
from server import pictures
from server.database import scoped
from server.demo.making import Maker

STEPS = (
    Step(minute=-60, title="Arrivée de l’équipe, tables et affichage", owner="Camille"),
    Step(minute=-30, title="Test du prototype sur les six postes", owner="Bilal"),
    Step(
        minute=0,
        title="Ouverture des portes",
        owner="Bilal",
        note="Le téléphone de la porte est chargé et appairé.",
    ),
    Step(
        minute=50,
        title="Mot d’accueil, deux minutes debout",
        owner="Camille",
        is_public=True,
    ),
    Step(minute=195, title="Dernier tour de table, ce qu’on emporte", owner="Camille"),
    Step(minute=225, title="Rangement, clés rendues au bar", owner="Camille"),
)
# Each with how many days before the evening it is due, and whether it is done.
TASKS = (
    ("Confirmer la salle et l’heure de fin avec le Comptoir", 6, True),
    ("Envoyer le visuel à Sabline", 5, True),
    ("Imprimer la feuille de route", 1, False),
    ("Charger le téléphone de la porte", 1, False),
)
COMPTOIR = About(
    name="Le Comptoir des Pentes",
    address="12 montée de la Grande-Côte, Lyon 1er",
    access="Métro Croix-Paquet, 4 min à pied. De plain-pied, coin calme au fond.",
    capacity=90,
    hard_limit=120,
    terms="Salle offerte dès 40 consommations. Fin de la musique à 23 h, clés au bar.",
    contact="Nadia, au bar, 04 00 00 00 00",
)


async def add(maker: Maker, *, now: datetime) -> None:
    """Prepare the next evening to come as a community manager would."""
    by = maker.by
    async with scoped(by):
        ahead = await meetups.upcoming(now + timedelta(days=1), limit=5)
        line = next(one for one in ahead if one.published_at is not None)
        here = await representatives.of_meetup(line.id)
        usual = next(one for one in await venues.venues() if one.name == COMPTOIR.name)
    await venues.change(usual.id, COMPTOIR, by=by, now=now)
    await venues.write(
        About(
            name="La Halle aux cartons",
            address="3 rue des Capucins, Lyon 1er",
            capacity=40,
            terms="Sur devis, à réserver un mois avant.",
        ),
        by=by,
        now=now,
    )
    for step in STEPS:
        await cues.add(line.id, step, by=by, now=now)
    for title, days, is_done in TASKS:
        duty = Duty(
            title=title,
            owner_id=by.id,
            due_on=(line.starts_at - timedelta(days=days)).date(),
        )
        task_id = await tasks.add(line.id, duty, by=by, now=now)
        if is_done:
            await tasks.finish(line.id, task_id, by=by, now=now)
    first = Face(
        name="Camille",
        role="qui anime la communauté d’Orbelune",
        recognised_by="écharpe orange, près du bar",
        picture_id=await pictures.keep(pictures.Kind.FACE, _face(), by=by, now=now),
    )
    await representatives.change(line.id, here[0].id, first, by=by, now=now)
    second = msgspec.structs.replace(
        first,
        name="Bilal",
        role="à la porte",
        recognised_by="badge rond, à l’entrée",
        picture_id=None,
    )
    await representatives.add(line.id, second, by=by, now=now)


def _face() -> bytes:
    """Somebody in an orange scarf, drawn here."""
    picture = Image.new("RGB", (240, 240), "#f2e3d5")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((30, 170, 210, 330), fill="#d9722b")
    pen.ellipse((75, 50, 165, 170), fill="#c98f6b")
    pen.pieslice((68, 36, 172, 150), 180, 360, fill="#3a2a22")
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
