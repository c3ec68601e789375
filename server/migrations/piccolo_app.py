"""One Piccolo app, one folder, one history."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

FOLDER = Path(__file__).parent / "piccolo_migrations"

APP_CONFIG = AppConfig(
    app_name="apero",
    migrations_folder_path=str(FOLDER),
    table_classes=[],
    migration_dependencies=[],
    commands=[],
)
