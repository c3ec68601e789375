"""Health: is this process alive, and can the site be used?"""

import asyncio
import shutil
import time
from pathlib import Path

from litestar import Response, get
from litestar.datastructures import State
from litestar.types import ControllerRouterHandler

from server import jobs, schema
from server.clock import utc_now
from server.database import DB

LEAST_DISK = 0.05
OLDEST_JOB = 300.0
SLOWEST_DATABASE = 1.0
LONGEST_WAIT = 2.0


@get("/healthz", summary="Is the process alive?")
async def healthz() -> str:
    return "ok"


async def problems(state: State) -> list[str]:
    """What keeps the site from being used, a word each; empty when it can."""
    found = ["draining"] if state.draining else []
    started = time.monotonic()
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            if not await schema.is_current():
                found.append("migrations")
            if await jobs.oldest_waiting() > OLDEST_JOB:
                found.append("outbox")
    except Exception:  # noqa: BLE001 - whatever is wrong, the answer is: not ready
        found.append("pool" if is_exhausted() else "database")
    if time.monotonic() - started > SLOWEST_DATABASE:
        found.append("slow_database")
    if is_nearly_full(state.settings.data):
        found.append("disk")
    return found


def is_nearly_full(data: Path) -> bool:
    """Is so little disk left that PostgreSQL will soon stop?"""
    disk = shutil.disk_usage(data if data.exists() else data.anchor)
    return disk.free < disk.total * LEAST_DISK


def is_exhausted() -> bool:
    """Is every connection there may be in use?"""
    pool = DB.pool
    if pool is None:
        return False
    return pool.get_size() == pool.get_max_size() and not pool.get_idle_size()


@get("/readyz", summary="Can the site be used?")
async def readyz(state: State) -> Response[dict[str, object]]:
    found = await problems(state)
    body: dict[str, object] = {"ready": not found, "at": utc_now().isoformat()}
    if not state.settings.is_production:
        body["problems"] = found
    return Response(body, status_code=503 if found else 200)


ROUTES: list[ControllerRouterHandler] = [healthz, readyz]
