"""Health: is this process alive, and can the site be used?"""

import shutil
import time
from datetime import UTC, datetime

from litestar import Request, Response, get
from litestar.types import ControllerRouterHandler

from server import jobs, schema
from server.database import DB

LEAST_DISK = 0.05
OLDEST_JOB = 300.0
SLOWEST_DATABASE = 1.0


@get("/healthz", summary="Is the process alive?")
async def healthz() -> str:
    return "ok"


async def problems(request: Request) -> list[str]:
    """What keeps the site from being used, a word each; empty when it can."""
    found = ["draining"] if getattr(request.app.state, "draining", False) else []
    started = time.monotonic()
    try:
        if not await schema.is_current():
            found.append("migrations")
        if await jobs.oldest_waiting() > OLDEST_JOB:
            found.append("outbox")
    except Exception:  # noqa: BLE001 - whatever is wrong, the answer is: not ready
        return [*found, "database"]
    if time.monotonic() - started > SLOWEST_DATABASE:
        found.append("slow_database")
    pool = DB.pool
    if pool is not None and pool.get_size() == pool.get_max_size() and not pool.get_idle_size():
        found.append("pool")
    settings = request.app.state.settings
    where = settings.data if settings.data.exists() else settings.data.anchor
    disk = shutil.disk_usage(where)
    if disk.free < disk.total * LEAST_DISK:
        found.append("disk")
    return found


@get("/readyz", summary="Can the site be used?")
async def readyz(request: Request) -> Response[dict[str, object]]:
    found = await problems(request)
    body: dict[str, object] = {"ready": not found, "at": datetime.now(UTC).isoformat()}
    if not request.app.state.settings.is_production:
        body["problems"] = found
    return Response(body, status_code=503 if found else 200)


ROUTES: list[ControllerRouterHandler] = [healthz, readyz]
