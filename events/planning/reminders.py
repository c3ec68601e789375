"""Reminders: every morning, a letter to whoever has a task due tomorrow or late."""

from datetime import datetime, timedelta

from events.planning import tasks
from server import jobs, workspaces
from server.audit import system
from server.database import scoped, sql
from server.settings import Settings

AHEAD = timedelta(days=2)  # wherever its clocks are, tomorrow is not further

# Commands


class Reminders:
    """Looks through every workspace; whoever was told is not told again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        jobs.every("37 5 * * *")(self.remind_of_tasks)

    async def remind_of_tasks(self, now: datetime) -> None:
        """Write the letters of the day, each workspace by itself; an archived one is silent."""  # noqa: E501
        async with scoped(await workspaces.at_work(), readonly=True):
            rows = await sql(
                "SELECT DISTINCT workspace_id AS id FROM task WHERE done_at IS NULL"
                " AND removed_at IS NULL AND reminded_at IS NULL AND owner_id IS NOT NULL"
                " AND due_on <= $1::date",
                (now + AHEAD).date(),
            )
        for row in rows:
            by = system(row["id"])
            async with scoped(by):
                look = await workspaces.look_at_work(row["id"])
                if look is not None:
                    origin = self.settings.origin
                    await tasks.remind(look, origin=origin, by=by, now=now)
