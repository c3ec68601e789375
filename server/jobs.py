"""Jobs: work as rows, queued in the transaction that wants it and done by a worker.

The only module that knows the queue library. A handler may run twice and must not mind.
The worker is supervised: whatever ends it, it starts again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from pgqueuer import PgQueuer
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.models import Job

from server.clock import utc_now
from server.database import Address, connection, one

QUEUE_DDL = QueryBuilderEnvironment().build_install_query(create_schema=False)
LONGEST_PAUSE = 10.0

log = logging.getLogger("apero.jobs")

Handler = Callable[[dict[str, Any]], Awaitable[None]]
Tick = Callable[[datetime], Awaitable[None]]

_handlers: dict[str, Handler] = {}
_schedule: dict[str, tuple[str, Tick]] = {}


def job(name: str) -> Callable[[Handler], Handler]:
    """Register the function that does this work; its payload is a small dict."""

    def register(handler: Handler) -> Handler:
        _handlers[name] = handler
        return handler

    return register


def handler(name: str) -> Handler:
    """The function registered for this work."""
    return _handlers[name]


def every(cron: str) -> Callable[[Tick], Tick]:
    """Register periodic work; the one schedule table is what this builds."""

    def register(tick: Tick) -> Tick:
        _schedule[tick.__name__] = (cron, tick)
        return tick

    return register


async def enqueue(
    name: str,
    payload: dict[str, Any],
    *,
    after: timedelta | None = None,
    once: str | None = None,
) -> None:
    """Queue work in the current transaction; with `once`, a twin that waits is enough."""
    queue = Queries(AsyncpgDriver(connection()))
    await queue.enqueue(
        name,
        msgspec.json.encode(payload),
        execute_after=after,
        dedupe_key=once,
        on_conflict="skip",
    )


async def oldest_waiting() -> float:
    """Age in seconds of the oldest job that is due, 0 when none waits."""
    row = await one(
        "SELECT coalesce(extract(epoch FROM now() - min(execute_after)), 0)::float8 AS age"
        " FROM pgqueuer WHERE status = 'queued' AND execute_after <= now()"
    )
    return float(row["age"]) if row else 0.0


def _worker(pool: asyncpg.Pool) -> PgQueuer:
    worker = PgQueuer(AsyncpgPoolDriver(pool))
    for name, handler in _handlers.items():

        def bind(handler: Handler = handler) -> Callable[[Job], Awaitable[None]]:
            async def run(item: Job) -> None:
                await handler(msgspec.json.decode(item.payload or b"{}"))

            return run

        worker.entrypoint(name)(bind())
    for name, (cron, tick) in _schedule.items():

        def bind_tick(tick: Tick = tick) -> Callable[[Any], Awaitable[None]]:
            async def run(_: object) -> None:
                await tick(utc_now())

            return run

        worker.schedule(name, cron)(bind_tick())
    return worker


async def work(address: Address, *, stop: asyncio.Event) -> None:
    """Do jobs until told to stop, whatever happens to the database meanwhile."""
    pause = 0.5
    while not stop.is_set():
        try:
            async with asyncpg.create_pool(
                **address.arguments(), min_size=2, max_size=4
            ) as pool:
                worker = _worker(pool)
                waiter = asyncio.create_task(_shut(worker, stop))
                try:
                    await worker.run(dequeue_timeout=timedelta(seconds=5))
                    pause = 0.5
                finally:
                    waiter.cancel()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            log.warning("jobs.restart", extra={"reason": type(error).__name__})
        if not stop.is_set():
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


async def _shut(worker: PgQueuer, stop: asyncio.Event) -> None:
    await stop.wait()
    worker.shutdown.set()
