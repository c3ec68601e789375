"""The demo's members: tags and notes on some of them, and lists worth saving."""

from datetime import date, datetime, timedelta
from uuid import UUID

from events.people import communities, listings, members, notes, segments, tags
from events.people.members import Given
from events.people.wanted import Wanted
from server.database import scoped
from server.demo.making import Maker

HOSTS, TESTERS = "Accueille les nouveaux", "Teste les prototypes"
NOTES = (
    "Préfère les jeux à deux. Vient souvent avec sa sœur.",
    "Propose d’animer une table de découverte en janvier.",
    "Ne boit pas d’alcool : penser aux jus de l’atelier des Pentes.",
    "A rapporté trois bogues du prototype, précis et utiles.",
)


async def add(maker: Maker, *, now: datetime) -> None:
    """A second community, words on the regulars, notes, and four saved lists."""
    by = maker.by
    workshop = await communities.make_community(
        "L’atelier",
        description="Celles et ceux qui fabriquent des niveaux.",
        by=by,
        now=now,
    )
    async with scoped(by):
        found = await listings.members(Wanted(came=3), limit=12)
        regulars = [one.id for one in found.lines]
        await members.belong(regulars[:8], workshop.id, by=by, now=now)
        for number, id_ in enumerate(regulars):
            await tags.put_tag(id_, (HOSTS, TESTERS)[number % 2], by=by, now=now)
        for number, (id_, text) in enumerate(zip(regulars, NOTES, strict=False)):
            day = now - timedelta(days=9 * number + 2)
            await notes.write_note(id_, text, by=by, now=day)
    await _by_hand(maker, workshop.id, now)
    for name, to in _lists(now.date()).items():
        await segments.save_segment(name, to, by=by, now=now)


async def _by_hand(maker: Maker, workshop_id: UUID, now: datetime) -> None:
    """Somebody met at a fair, written down without an address."""
    met = Given(
        name="Solveig Aubry",
        language="fr",
        joined_on=now.date() - timedelta(days=3),
        community_ids=[maker.community_id, workshop_id],
    )
    id_ = await members.add(met, by=maker.by, now=now)
    words = "Rencontrée au salon du jeu. Écrit sur son blog ; demande la date de l’été."
    await notes.write_note(id_, words, by=maker.by, now=now)


def _lists(today: date) -> dict[str, Wanted]:
    """What a community manager asks for most."""
    return {
        "Les habitués": Wanted(came=3),
        "Venus une fois, pas revenus": Wanted(
            came=1, away_since=today - timedelta(days=60)
        ),
        "Actifs en ligne, jamais venus": Wanted(
            came=0, active_since=today - timedelta(days=30)
        ),
        "À qui demander l’accord": Wanted(came=1, linked=False, email=True),
    }
