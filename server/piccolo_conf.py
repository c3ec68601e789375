"""What Piccolo looks for: the engine and the one app of migrations."""

from piccolo.conf.apps import AppRegistry

from server.database import DB

__all__ = ["APP_REGISTRY", "DB"]

APP_REGISTRY = AppRegistry(apps=["server.migrations.piccolo_app"])
