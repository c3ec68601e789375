"""A sale with what its sponsor may read at once: the frozen reports of what is closed.

A sale may cover meetups that are closed already. Their reports leave by letter and cannot
be called back: without a second yes, nothing is sold and the meetups are named.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from events.engagement import editions
from events.planning import sponsorships
from events.planning.meetups import Meetup
from events.planning.sponsorships import Sale
from server.audit import Actor
from server.database import atomic, find, sql
from server.errors import Conflict
from server.i18n import lazy
from server.look import Look


class Closed(msgspec.Struct, frozen=True):
    """A closed meetup whose report the sponsor has not received."""

    id: UUID
    title: str


class ReportsWouldLeave(Conflict):
    message = lazy(
        "This covers closed meetups: their reports leave by letter. Say yes to that."
    )

    def __init__(self, closed: list[Closed]) -> None:
        super().__init__()
        self.closed = closed


# Commands


@atomic()
async def sell(
    sale: Sale, *, sure: bool, workspace: Look, origin: str, by: Actor, now: datetime
) -> UUID:
    """Note a sale and hand over the reports that are frozen; asked twice for those."""
    id_ = await sponsorships.sell(sale, by=by, now=now)
    closed = await _unreported(id_, by=by)
    if closed and not sure:
        raise ReportsWouldLeave(closed)
    for one_ in closed:
        meetup = await find(Meetup, one_.id)
        await editions.freeze(meetup, workspace=workspace, origin=origin, by=by, now=now)
    return id_


async def _unreported(sponsorship_id: UUID, *, by: Actor) -> list[Closed]:
    """The closed meetups of a new sale; whoever closes one meanwhile waits, or is seen."""
    key = (by.workspace_id, sponsorship_id)
    await sql(
        "SELECT id FROM meetup WHERE workspace_id = $1 AND id IN (SELECT meetup_id"
        " FROM sponsored WHERE workspace_id = $1 AND sponsorship_id = $2)"
        " ORDER BY id FOR SHARE",
        *key,
    )
    return await sql(
        "SELECT m.id, m.title FROM sponsored o JOIN meetup m"
        " ON m.workspace_id = o.workspace_id AND m.id = o.meetup_id"
        " WHERE o.workspace_id = $1 AND o.sponsorship_id = $2 AND m.closed_at IS NOT NULL"
        " AND m.published_at IS NOT NULL AND m.cancelled_at IS NULL AND NOT EXISTS ("
        "SELECT FROM report_edition e WHERE e.workspace_id = o.workspace_id"
        " AND e.meetup_id = o.meetup_id AND e.sponsor_id = o.sponsor_id)"
        " ORDER BY m.starts_at",
        *key,
        into=Closed,
    )
