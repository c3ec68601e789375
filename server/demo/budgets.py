"""The money of the demo: what the last evening cost, and what is planned for the next."""

from datetime import datetime, timedelta

from events.planning import budgets, sponsors
from events.planning.budgets import Kind, Wanted
from events.planning.meetups import Meetup
from server.database import scoped
from server.demo.making import Maker

HOUR = 3_500
HELD = (
    Wanted(
        kind=Kind.CASH,
        label="Bières, sirops et planches",
        supplier="Le Comptoir",
        spent_cents=41_260,
        planned_cents=40_000,
    ),
    Wanted(
        kind=Kind.IN_KIND,
        label="Salle du fond, prêtée",
        supplier="Le Comptoir",
        spent_cents=15_000,
        planned_cents=15_000,
    ),
    Wanted(
        kind=Kind.CASH,
        label="Badges et affiches",
        supplier="Repro Croix-Rousse",
        spent_cents=6_840,
    ),
    Wanted(
        kind=Kind.HOURS,
        label="Camille, avant et pendant",
        minutes=9 * 60 + 30,
        hour_cents=HOUR,
    ),
)
TO_COME = (
    Wanted(
        kind=Kind.CASH,
        label="Bières, sirops et planches",
        supplier="Le Comptoir",
        planned_cents=30_000,
    ),
    Wanted(
        kind=Kind.HOURS,
        label="Camille, avant et pendant",
        planned_cents=28_000,
        hour_cents=HOUR,
    ),
)


async def add(maker: Maker, *, now: datetime) -> None:
    """Sabline covers the drinks of the last evening; the next one has only a plan."""
    by, currency = maker.by, maker.look.currency
    async with scoped(by):
        held = Meetup.objects().where(Meetup.closed_at.is_not_null())
        last = await held.order_by(Meetup.starts_at, ascending=False).first()
        coming = Meetup.objects().where(
            Meetup.starts_at > now, Meetup.published_at.is_not_null()
        )
        following = await coming.order_by(Meetup.starts_at).first()
        sabline = await sponsors.sponsor_by_slug("sabline")
    for meetup, lines in ((last, HELD), (following, TO_COME)):
        if meetup is None:
            continue
        for wanted in lines:
            at = meetup.starts_at - timedelta(days=9)
            line = await budgets.add_line(
                wanted, meetup_id=meetup.id, currency=currency, by=by, now=min(now, at)
            )
            if wanted is HELD[0]:
                await budgets.cover(line.id, sabline.id, 40_000, by=by, now=now)
