"""Packages and sponsorships to test with, in Ana's workspace and in Dov's."""

from datetime import date

from events.engagement import sales
from events.planning import deliverables, owed, packages, series, sponsorships
from events.planning.deliverables import ProofKind, Shown
from events.planning.packages import Offer, Promised
from events.planning.sponsorships import Sale
from server.database import scoped
from tests import world
from tests.planning.evenings import a_community

PROMISES = (
    Promised("Logo sur la page", 1, 7),
    Promised("Publication", 2, 0),
    Promised("Bilan écrit", 1, -10),
)


async def a_package(who, name="Comptoir", promises=PROMISES, by=None, price=150_050):
    offer = Offer(name=name, price_cents=price, description="Un verre, un logo.")
    return await packages.make_package(
        offer, promises, currency="EUR", by=by or who.as_ana, now=who.now
    )


async def a_series(who, name="L’apéro", by=None):
    by = by or who.as_ana
    community = await a_community(who, f"De {name}", by)
    return await series.make_series(name, community_id=community, by=by, now=who.now)


async def sold_to(who, sponsor, *, by=None, now=None, **what):
    return await sponsorships.sell(
        Sale(sponsor_id=sponsor.id, **what), by=by or who.as_ana, now=now or who.now
    )


async def sold_and_told(who, sponsor, *, sure=False, now=None, **what):
    return await sales.sell(
        Sale(sponsor_id=sponsor.id, **what),
        sure=sure,
        workspace=who.orbelune,
        origin=world.ORIGIN,
        by=who.as_ana,
        now=now or who.now,
    )


async def owed_for(who, sale_id, by=None):
    async with scoped(by or who.as_ana):
        return await owed.of_sponsorship(sale_id)


async def one_owed(who, sponsor, by=None, **facts):
    """One thing owed to this sponsor for a month."""
    by = by or who.as_ana
    sale = await sold_to(
        who, sponsor, by=by, starts_on=date(2026, 11, 1), ends_on=date(2026, 11, 30)
    )
    wanted = {"title": "Logo", "due_on": date(2026, 11, 20)} | facts
    thing = deliverables.Owed(**wanted)
    (id_,) = await deliverables.owe(sale, [thing], by=by, now=who.now)
    return sale, id_


async def proved(who, id_, by=None, link="https://example.org/post"):
    shown = Shown(ProofKind.LINK, link=link)
    return await deliverables.prove(id_, shown, by=by or who.as_ana, now=who.now)
