"""The demo's doubles: somebody there twice, a name that two claim, a merge already done."""

from datetime import datetime, timedelta
from uuid import UUID

from events.people import duplicates, identities, members, merges, verifications
from server.database import scoped
from server.demo.making import Maker

TWICE = (
    ("Louison Fabre", "louison@ami.example"),
    ("Louison F.", "louison+apero@ami.example"),
)
NAMESAKES = ("Camille Roux", "Camille Roux")
MERGED = (("Noé Garnier", "noe.garnier@gmail.com"), ("Noé", "noegarnier@gmail.com"))


async def add(maker: Maker, *, now: datetime) -> None:
    """Enough to see why two records look alike, and what is done about it."""
    by, where, forum = maker.by, maker.community_id, maker.channel_id
    then = now - timedelta(days=20)
    async with scoped(by):
        louison, _ = [await _known(maker, *who, now=then) for who in TWICE]
        for name in NAMESAKES:
            await members.unnamed(name, community_id=where, by=by, now=then)
        kept, merged = [await _known(maker, *who, now=then) for who in MERGED]
        reason = "Il me l’a dit à l’entrée"
        await merges.merge(kept, merged, reason=reason, by=by, now=then)
        for member_id in (louison, kept):
            await identities.declare(
                "lune_rousse", channel_id=forum, member_id=member_id, by=by, now=then
            )
        known = await identities.identities_named(["lune_rousse"], channel_id=forum)
        identity_id = known["lune_rousse"][0]
        await verifications.ask(identity_id, louison, by=by, now=now)
        await duplicates.look(by=by, now=now)


async def _known(maker: Maker, name: str, email: str, *, now: datetime) -> UUID:
    return await members.known(
        email,
        name=name,
        language="fr",
        community_id=maker.community_id,
        by=maker.by,
        now=now,
    )
