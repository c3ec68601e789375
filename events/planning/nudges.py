"""Letters about what is owed to sponsors: before the day, and once it is late.

One letter a person a day names all of it. It goes to whoever sees to the thing and, when
nobody of the team does, to the owners of the workspace. A day that is moved is told anew.
"""

from datetime import date, datetime
from uuid import UUID

import msgspec

from events.planning import dues
from server import jobs, mail, workspaces
from server.database import scoped, sql
from server.settings import Settings
from server.workspaces import TEAM


class Reminded(msgspec.Struct, frozen=True):
    """A deliverable that a letter names."""

    id: UUID
    title: str
    quantity: int
    due_on: date
    owner_id: UUID | None
    sponsor: str


class Reader(msgspec.Struct, frozen=True):
    """Somebody of the team, and whether she owns the workspace."""

    id: UUID
    email: str
    language: str
    is_owner: bool


# Rules


def readers(owner_id: UUID | None, team: list[Reader]) -> list[Reader]:
    """Who is told: whoever sees to it, or the owners when nobody of the team does."""
    hers = [one for one in team if one.id == owner_id]
    return hers or [one for one in team if one.is_owner]


# Commands


class Nudges:
    """Writes every morning what is due in the coming days and what is late."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        jobs.every("17 5 * * *")(self.remind_of_deliverables)

    async def remind_of_deliverables(self, now: datetime) -> None:
        """Look through every workspace; what was told is not told again."""
        async with scoped(await workspaces.at_work(), readonly=True):
            rows = await sql(
                "SELECT DISTINCT workspace_id AS id FROM deliverable"
                " WHERE delivered_at IS NULL AND dropped_at IS NULL"
                " AND due_on BETWEEN $1::date AND $2::date",
                now.date() - dues.CHASED_FOR - dues.LEAD,
                now.date() + dues.LEAD + dues.LEAD,
            )
        for row in rows:
            await remind(row["id"], origin=self.settings.origin, now=now)


async def remind(workspace_id: UUID, *, origin: str, now: datetime) -> int:
    """Write the letters of one workspace; how many were written."""
    async with scoped(frozenset({workspace_id})):
        look = await workspaces.look_at_work(workspace_id)
        if look is None:
            return 0
        today = dues.day_of(now, look.time_zone)
        soon, late = await _soon(workspace_id, today), await _late(workspace_id, today)
        team = await _team(workspace_id) if soon or late else []
        written = 0
        for reader in team:
            mine = [_for(reader, found, team) for found in (soon, late)]
            if any(mine):
                written += 1
                await mail.post(
                    "deliverables_due",
                    to=reader.email,
                    language=reader.language,
                    workspace=look,
                    context={
                        "soon": mine[0],
                        "late": mine[1],
                        "base": f"{origin}/w/{look.slug}/deliverables",
                    },
                    now=now,
                )
        return written


def _for(reader: Reader, found: list[Reminded], team: list[Reader]) -> list[Reminded]:
    return [one for one in found if reader in readers(one.owner_id, team)]


async def _soon(workspace_id: UUID, today: date) -> list[Reminded]:
    """Take what is due in the coming days, each day of each thing once."""
    return await sql(
        "WITH told AS (UPDATE deliverable SET reminded_for = due_on"  # noqa: S608 - ours
        " WHERE workspace_id = $1 AND delivered_at IS NULL AND dropped_at IS NULL"
        " AND due_on BETWEEN $2 AND $3 AND reminded_for IS DISTINCT FROM due_on"
        f" RETURNING *) {_TOLD}",
        workspace_id,
        today,
        today + dues.LEAD,
        into=Reminded,
    )


async def _late(workspace_id: UUID, today: date) -> list[Reminded]:
    """Take what is late, each day of each thing once; after a month nobody is chased."""
    return await sql(
        "WITH told AS (UPDATE deliverable SET chased_for = due_on"  # noqa: S608 - ours
        " WHERE workspace_id = $1 AND delivered_at IS NULL AND dropped_at IS NULL"
        " AND due_on >= $3 AND due_on < $2 AND chased_for IS DISTINCT FROM due_on"
        f" RETURNING *) {_TOLD}",
        workspace_id,
        today,
        today - dues.CHASED_FOR,
        into=Reminded,
    )


_TOLD = (
    "SELECT told.id, told.title, told.quantity, told.due_on, told.owner_id,"
    " s.name AS sponsor FROM told"
    " JOIN sponsorship p ON p.workspace_id = told.workspace_id"
    " AND p.id = told.sponsorship_id"
    " JOIN sponsor s ON s.workspace_id = p.workspace_id AND s.id = p.sponsor_id"
    " ORDER BY told.due_on, told.id"
)


async def _team(workspace_id: UUID) -> list[Reader]:
    return await sql(
        "SELECT a.id, a.email, a.language, bool_or(m.role = 'owner') AS is_owner"
        " FROM membership m JOIN account a ON a.id = m.account_id"
        " WHERE m.workspace_id = $1 AND m.ended_at IS NULL AND m.role = ANY ($2::text[])"
        " GROUP BY a.id ORDER BY a.id",
        workspace_id,
        [role.value for role in TEAM],
        into=Reader,
    )
