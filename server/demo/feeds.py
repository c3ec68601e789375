"""The demo's calendars: somebody who follows her own meetups."""

from datetime import datetime

from events.admission import agendas
from server.database import one, scoped
from server.demo.making import Maker


async def add(maker: Maker, *, now: datetime) -> None:
    """The first who registered for the next meetup asked for the address of hers."""
    async with scoped(maker.by):
        row = await one(
            "SELECT r.member_id FROM registration r JOIN meetup m"
            " ON m.workspace_id = r.workspace_id AND m.id = r.meetup_id"
            " WHERE r.workspace_id = ANY (apero_scope()) AND r.status = 'confirmed'"
            " AND m.starts_at > $1 ORDER BY m.starts_at, r.id LIMIT 1",
            now,
        )
    if row is not None:
        await agendas.give(row["member_id"], keys=maker.keys, by=maker.by, now=now)
