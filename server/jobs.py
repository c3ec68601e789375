"""Jobs: work as rows, queued in the transaction that wants it and done by a worker.

The only module that knows the queue library. A handler may run twice and must not mind.
The worker is supervised: whatever ends it, it starts again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from pgqueuer import PgQueuer
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job, Schedule

from server.clock import utc_now
from server.database import Address, connection, is_retryable, one, sql
from server.errors import Busy

QUEUE_DDL = QueryBuilderEnvironment().build_install_query(create_schema=False)
LONGEST_PAUSE = 10.0
LONGEST_SLEEP = timedelta(seconds=2)
MOST_ATTEMPTS = 6
MOST_KNOCKS = 20
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=10)

log = logging.getLogger("apero.jobs")

Handler = Callable[[dict[str, Any]], Awaitable[None]]
Tick = Callable[[datetime], Awaitable[None]]


class JobFailed(Exception):
    """A job failed for good; the log says of what."""


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


async def given_up() -> int:
    """How many jobs failed for good; they stay as rows until somebody looks."""
    row = await one("SELECT count(*) AS jobs FROM pgqueuer WHERE status = 'failed'")
    return int(row["jobs"]) if row else 0


@every("41 3 * * *")
async def forget_done(now: datetime) -> None:
    """Purge the queue's own log of jobs that are long done."""
    await sql("DELETE FROM pgqueuer_log WHERE created < $1", now - timedelta(days=30))
    await sql(
        "DELETE FROM pgqueuer_statistics WHERE created < $1", now - timedelta(days=90)
    )


async def _attempt(name: str, handler: Handler, item: Job) -> None:
    """Do one job, or say when to try again; after the last try it is held as failed."""
    try:
        await handler(msgspec.json.decode(item.payload or b"{}"))
    except Exception as error:
        told = {"job": name, "reason": type(error).__name__, "attempt": item.attempts + 1}
        if item.attempts + 1 >= MOST_ATTEMPTS:
            log.exception("jobs.failed", extra=told)
            raise JobFailed(name) from None
        log.warning("jobs.again", extra=told)
        if is_retryable(error) or isinstance(error, Busy):
            await _database_back()
        pause = min(FIRST_PAUSE * 2**item.attempts, LONGEST_DELAY)
        # Without its cause: the queue would keep a trace that may quote a person's data.
        raise RetryRequested(delay=pause, reason=type(error).__name__) from None


async def _database_back() -> None:
    """Wait for the database: the queue gives up a job whose retry it cannot write."""
    for _ in range(MOST_KNOCKS):
        with suppress(Exception):
            await one("SELECT 1")
            return
        await asyncio.sleep(0.5)


async def _take_back(pool: asyncpg.Pool) -> None:
    """Queue again what the queue gave up before its last attempt."""
    await pool.execute(
        "UPDATE pgqueuer SET status = 'queued', execute_after = now()"
        " WHERE status = 'failed' AND attempts + 1 < $1",
        MOST_ATTEMPTS,
    )


def _worker(pool: asyncpg.Pool) -> PgQueuer:
    worker = PgQueuer(AsyncpgPoolDriver(pool))
    for name, handler in _handlers.items():

        async def run(item: Job, name: str = name, handler: Handler = handler) -> None:
            await _attempt(name, handler, item)

        worker.entrypoint(name, on_failure="hold")(run)
    for name, (cron, tick) in _schedule.items():

        async def run_tick(_: Schedule, tick: Tick = tick) -> None:
            await tick(utc_now())

        worker.schedule(name, cron)(run_tick)
    return worker


async def work(address: Address, *, stop: asyncio.Event) -> None:
    """Do jobs until told to stop, whatever happens to the database meanwhile."""
    pause = 0.5
    while not stop.is_set():
        started = time.monotonic()
        try:
            await _work_once(address, stop)
        except Exception as error:  # noqa: BLE001 - whatever ends it, it starts again
            log.warning("jobs.restart", extra={"reason": type(error).__name__})
        if time.monotonic() - started > LONGEST_PAUSE:
            pause = 0.5
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
        pause = min(pause * 2, LONGEST_PAUSE)


async def _work_once(address: Address, stop: asyncio.Event) -> None:
    """Do jobs until told to stop, or until the database goes away."""
    async with asyncpg.create_pool(**address.arguments(), min_size=2, max_size=4) as pool:
        await _take_back(pool)
        worker = _worker(pool)
        waiter = asyncio.create_task(_shut(worker, stop))
        try:
            await worker.run(
                dequeue_timeout=LONGEST_SLEEP, shutdown_on_listener_failure=True
            )
        finally:
            waiter.cancel()


async def _shut(worker: PgQueuer, stop: asyncio.Event) -> None:
    await stop.wait()
    worker.shutdown.set()
