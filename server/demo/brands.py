"""What a brand says of itself, in the demo: who speaks, a charter, who answers inside."""

import io
from datetime import datetime

import msgspec
from PIL import Image, ImageDraw

from server import brand, charters, departments, workspaces
from server.charters import Kind
from server.demo.making import Maker

CHARTER = {
    "fr": """On se parle comme autour d’une table, sans hausser le ton ni couper la parole.

On vient pour jouer et pour dire ce qu’on en pense. On critique le jeu, jamais la personne.

On demande avant de prendre quelqu’un en photo.

Pendant la soirée, Camille est à l’entrée, badge rouge.
Après, écrivez à camille@orbelune.example, réponse sous deux jours.""",
    "en": """We talk as if around a table: nobody shouts, nobody is cut off.

We come to play and to say what we think of it. We criticise the game, never the person.

We ask before we take a picture of somebody.

A problem during the evening: Camille is at the entrance, red badge.
A problem afterwards: camille@orbelune.example, answered within two days.""",
}
AMBASSADORS = {
    "fr": """Vous parlez en votre nom, et vous dites à quel titre vous êtes là.

Une mission à la fois, et un mois de repos après trois soirées.

Vous partez quand vous voulez, d’un mot à Camille."""
}
DEPARTMENTS = (
    ("Création", "Les règles, les cartes, ce qui se passe dans les jeux."),
    ("Fabrication", "Les boîtes, les délais, les pièces manquantes."),
    ("Boutique", "Les commandes, les précommandes, les retours."),
)


async def add(maker: Maker, *, now: datetime) -> None:
    """Give the workspace of the demo a voice, a logo, two charters and departments."""
    look, by = maker.look, maker.by
    said = msgspec.structs.replace(
        brand.brand_of(look),
        persona="Camille",
        persona_role="community manager",
        signature="À très vite autour d’une table,\nCamille, community manager",
        tone="On tutoie sur le forum, on vouvoie dans les lettres. Jamais de superlatif.",
        reply_to="camille@orbelune.example",
        hour_cents=35_00,
    )
    await brand.change(look, said, by=by, now=now)
    await brand.set_logo(_logo(look.color), by=by, now=now)
    for kind, content in ((Kind.COMMUNITY, CHARTER), (Kind.AMBASSADORS, AMBASSADORS)):
        await charters.publish(kind, content, main_language=look.language, by=by, now=now)
    for name, description in DEPARTMENTS:
        await departments.make(name, description=description, by=by, now=now)
    maker.look = await workspaces.look(look.slug)


def _logo(color: str) -> bytes:
    """A moon over a glass, drawn here: two discs and a shape."""
    picture = Image.new("RGBA", (320, 320), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((20, 20, 300, 300), fill=color)
    pen.ellipse((120, 0, 330, 210), fill=(0, 0, 0, 0))
    pen.polygon([(90, 170), (210, 170), (190, 260), (110, 260)], fill="#ffffff")
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
