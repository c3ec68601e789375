"""The demo's sponsors: two packages, a series and a meetup sold, what is owed for them."""

import io
from datetime import datetime, timedelta

from PIL import Image

from events.engagement import sales
from events.planning import deliverables, meetups, owed, packages, series, sponsors
from events.planning.deliverables import ProofKind, Shown
from events.planning.dues import day_of
from events.planning.packages import Offer, PackageLine, Promised
from events.planning.sponsorships import Sale
from server import pictures
from server.database import scoped
from server.demo.making import Maker
from server.i18n import zone

COMPTOIR = (
    Promised("Logo sur la page de chaque rencontre", 1, 14),
    Promised("Publication sur le forum", 2, 7),
    Promised("Cinq minutes de parole", 1, 0),
    Promised("Bilan écrit de la rencontre", 1, -10),
)
COMPTANT = (
    Promised("Logo sur l’affiche", 1, 5),
    Promised("Lots à offrir", 12, 0),
)


async def add(maker: Maker, *, now: datetime) -> None:
    """Sabline takes the series, a bookshop takes the next meetup and gives prizes."""
    by = maker.by
    first, second = await _packages(maker, now=now)
    async with scoped(by):
        sabline = await sponsors.sponsor_by_slug("sabline")
        (apero, *_others) = await series.all_series()
        coming = await meetups.upcoming(now)
    since = now - timedelta(days=20)
    season = await _sold(
        maker,
        Sale(
            sponsor_id=sabline.id,
            series_id=apero.id,
            package_id=first.id,
            in_kind_cents=60_000,
            counted_from=day_of(now, maker.look.time_zone) + timedelta(days=3),
        ),
        now=since,
    )
    await _progress(maker, season, now=now)
    books = await sponsors.make_sponsor(
        "Librairie des Pentes", website="https://pentes.example", by=by, now=now
    )
    next_one = next((one for one in coming if one.published_at), None)
    if next_one is not None:
        sale = Sale(
            sponsor_id=books.id,
            meetup_id=next_one.id,
            package_id=second.id,
            price_cents=0,
            in_kind_cents=24_000,
            note="Les livres arrivent la veille ; Bilal les prend en passant.",
        )
        await _sold(maker, sale, now=now)


async def _packages(maker: Maker, *, now: datetime) -> tuple[PackageLine, PackageLine]:
    """A season at the bar, and one evening."""
    by, currency = maker.by, maker.look.currency
    first = await packages.make_package(
        Offer(
            name="Comptoir",
            price_cents=180_000,
            description="Le premier verre de chaque soir, à votre nom, pour une saison.",
        ),
        COMPTOIR,
        currency=currency,
        by=by,
        now=now,
    )
    second = await packages.make_package(
        Offer(name="Un soir", price_cents=45_000, description="Une rencontre, une fois."),
        COMPTANT,
        currency=currency,
        by=by,
        now=now,
    )
    return first, second


async def _sold(maker: Maker, sale: Sale, *, now: datetime) -> list[owed.DueLine]:
    """A sale, and what is owed for it."""
    id_ = await sales.sell(
        sale,
        sure=True,
        workspace=maker.look,
        origin=maker.settings.origin,
        by=maker.by,
        now=now,
    )
    async with scoped(maker.by):
        return await owed.of_sponsorship(id_)


async def _progress(maker: Maker, lines: list[owed.DueLine], *, now: datetime) -> None:
    """The logo is on the page, a publication is late, and nobody could speak."""
    by = maker.by
    logo, publication, speech, *_rest = lines
    picture = await pictures.keep(pictures.Kind.PROOF, _picture(), by=by, now=now)
    await deliverables.prove(
        logo.id,
        Shown(ProofKind.PHOTO, picture_id=picture, note="La page, le jour de l’annonce"),
        by=by,
        now=now,
    )
    seen = Shown(ProofKind.COUNT, count=1_240, note="Vues de la page")
    await deliverables.prove(logo.id, seen, by=by, now=now)
    await deliverables.deliver(logo.id, by=by, now=now)
    late = deliverables.Owed(
        publication.title,
        now.astimezone(zone(maker.look.time_zone)).date() - timedelta(days=4),
        publication.quantity,
        by.id,
    )
    await deliverables.change(publication.id, late, by=by, now=now)
    why = "La soirée commençait avec une heure de retard ; proposé pour la prochaine."
    await deliverables.drop(speech.id, why, by=by, now=now)


def _picture() -> bytes:
    """A small poster in two colours."""
    poster = Image.new("RGB", (640, 420), "#f2e3d5")
    poster.paste("#b84a2b", (60, 60, 580, 220))
    poster.paste("#1d3a8a", (60, 260, 320, 320))
    out = io.BytesIO()
    poster.save(out, "PNG")
    return out.getvalue()
