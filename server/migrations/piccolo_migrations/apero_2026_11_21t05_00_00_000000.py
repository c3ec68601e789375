"""The first schema: accounts, workspaces, people, planning, admission, door, engagement."""

from pathlib import Path

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.database import connection

ID = "2026-11-21T05:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "the house"


async def forwards() -> MigrationManager:
    """Build everything from the SQL beside this file."""
    manager = MigrationManager(migration_id=ID, app_name="apero", description=DESCRIPTION)

    async def build() -> None:
        script = (Path(__file__).parent / "0001_the_house.sql").read_text()
        await connection().execute(script)

    manager.add_raw(build)
    return manager
