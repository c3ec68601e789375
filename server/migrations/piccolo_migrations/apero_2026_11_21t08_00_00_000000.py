"""People and planning: a year of apéros for several brands, before registration opens."""

from pathlib import Path

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.database import connection

ID = "2026-11-21T08:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "people and planning"


async def forwards() -> MigrationManager:
    """Add to the house what the SQL beside this file says; nothing is taken away."""
    manager = MigrationManager(migration_id=ID, app_name="apero", description=DESCRIPTION)

    async def build() -> None:
        script = Path(__file__).parent / "0002_people_and_planning.sql"
        await connection().execute(script.read_text())

    manager.add_raw(build)
    return manager
