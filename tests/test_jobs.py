"""Jobs: queued with the change that wants them, done once, whatever dies meanwhile."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from server import accounts, jobs
from server.clock import utc_now
from server.database import DB, NOWHERE, one, scoped, sql
from server.errors import Conflict
from server.postgres import EmbeddedPostgres

pytestmark = pytest.mark.committed


@pytest.fixture
def done(monkeypatch) -> list[str]:
    """A list that the job `write` writes to; no other job is known."""
    found: list[str] = []
    monkeypatch.setattr(jobs, "_handlers", {})
    monkeypatch.setattr(jobs, "_schedule", {})

    @jobs.job("write")
    async def write(payload):
        found.append(payload["text"])

    return found


@asynccontextmanager
async def working(address, count=1):
    """Workers, while the block runs."""
    stop = asyncio.Event()
    workers = [asyncio.create_task(jobs.work(address, stop=stop)) for _ in range(count)]
    try:
        yield workers
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*workers), 10)


async def until(truth, seconds=10.0):
    """Wait for something to come true."""
    async with asyncio.timeout(seconds):
        while not truth():  # noqa: ASYNC110 - what is awaited rings no bell
            await asyncio.sleep(0.02)


async def write(text, **how):
    async with scoped(NOWHERE):
        await jobs.enqueue("write", {"text": text}, **how)


async def waiting() -> int:
    return (await one("SELECT count(*) AS n FROM pgqueuer WHERE status = 'queued'"))["n"]


async def test_work_is_undone_with_the_change_that_wanted_it():
    async def refused():
        async with scoped(NOWHERE):
            await jobs.enqueue("write", {"text": "never"})
            raise Conflict

    with pytest.raises(Conflict):
        await refused()
    assert await waiting() == 0
    with pytest.raises(RuntimeError, match="no transaction"):
        await jobs.enqueue("write", {"text": "nowhere"})


async def test_two_workers_do_each_job_once(done, addresses):
    async with scoped(NOWHERE):
        for number in range(60):
            await jobs.enqueue("write", {"text": f"é{number}"})
    async with working(addresses.app, 2):
        await until(lambda: len(done) >= 60)
        await asyncio.sleep(0.2)
    assert sorted(done) == sorted(f"é{number}" for number in range(60))
    assert await waiting() == 0


async def test_a_twin_that_waits_is_enough(done, addresses):
    for _ in range(3):
        await write("once", once="letter:1")
    await write("other", once="letter:2")
    assert await waiting() == 2
    async with working(addresses.app):
        await until(lambda: len(done) == 2)
    await write("once", once="letter:1")
    assert await waiting() == 1, "a twin that is done does not count"


async def test_later_means_later(done, addresses):
    await write("later", after=timedelta(seconds=1))
    await write("now")
    assert await jobs.oldest_waiting() < 1
    async with working(addresses.app):
        await until(lambda: done == ["now"])
        await asyncio.sleep(0.3)
        assert done == ["now"]
        await until(lambda: done == ["now", "later"], 8)


async def test_a_job_that_raises_is_tried_again_and_stops_no_other(
    done, addresses, monkeypatch
):
    monkeypatch.setattr(jobs, "FIRST_PAUSE", timedelta(milliseconds=20))
    attempts = []

    @jobs.job("shaky")
    async def shaky(_payload):
        attempts.append(1)
        if len(attempts) < 3:
            raise OSError("ana@orbelune.example")

    async with scoped(NOWHERE):
        await jobs.enqueue("shaky", {})
    await write("fine")
    async with working(addresses.app):
        await until(lambda: len(attempts) == 3 and done == ["fine"])
        await asyncio.sleep(0.2)
    assert len(attempts) == 3
    assert await jobs.given_up() == 0
    traces = await sql("SELECT traceback::text AS text FROM pgqueuer_log")
    assert not any("ana@" in (row["text"] or "") for row in traces)


async def test_a_job_that_fails_for_good_stays_and_is_counted(
    done, addresses, monkeypatch, caplog
):
    monkeypatch.setattr(jobs, "FIRST_PAUSE", timedelta(milliseconds=10))
    monkeypatch.setattr(jobs, "MOST_ATTEMPTS", 2)

    @jobs.job("hopeless")
    async def hopeless(_payload):
        raise OSError("ana@orbelune.example")

    async with scoped(NOWHERE):
        await jobs.enqueue("hopeless", {"kept": True})
    async with working(addresses.app):
        await until(lambda: any(one.message == "jobs.failed" for one in caplog.records))
        await write("after")
        await until(lambda: done == ["after"])
    assert await jobs.given_up() == 1
    row = await one("SELECT * FROM pgqueuer WHERE status = 'failed'")
    assert row["entrypoint"] == "hopeless"
    assert row["payload"] == b'{"kept":true}'
    traces = await sql("SELECT traceback::text AS text FROM pgqueuer_log")
    assert not any("ana@" in (row["text"] or "") for row in traces)
    assert await jobs.oldest_waiting() == 0


async def test_a_worker_survives_the_death_of_its_connections(done, addresses, admin):
    session = await asyncpg.connect(**admin.arguments())
    async with working(addresses.app) as [worker]:
        await write("before")
        await until(lambda: done == ["before"])
        await session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1"
            " AND datname = $2",
            addresses.app.role,
            addresses.app.database,
        )
        await asyncio.sleep(0.1)
        await write("behind")
        await until(lambda: done == ["before", "behind"], 20)
        assert not worker.done()
    await session.close()


@pytest.mark.slow
async def test_a_worker_survives_a_database_that_stops_and_comes_back(
    done, addresses, tmp_path, monkeypatch
):
    monkeypatch.setattr(jobs, "LONGEST_PAUSE", 0.5)
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o755)
    server = EmbeddedPostgres(tmp_path / "postgres")
    found = await asyncio.to_thread(server.start)
    address = replace(
        addresses.app,
        host=found.host,
        port=found.port,
        role=found.user,
        password=found.password,
        database="postgres",
    )
    session = await asyncpg.connect(**address.arguments())
    await session.execute(jobs.QUEUE_DDL)
    await session.close()
    put = "INSERT INTO pgqueuer (priority, status, entrypoint, payload)"
    put += " VALUES (0, 'queued', 'write', $1)"
    try:
        async with working(address) as [worker]:
            for text in ("before", "behind"):
                session = await asyncpg.connect(**address.arguments())
                await session.execute(put, b'{"text": "%s"}' % text.encode())
                await session.close()
                await until(lambda text=text: text in done, 20)
                assert not worker.done()
                if text == "before":
                    await asyncio.to_thread(server.stop)
                    await asyncio.sleep(0.3)
                    assert not worker.done()
                    await asyncio.to_thread(server.start)
    finally:
        await asyncio.to_thread(server.stop)
    assert done == ["before", "behind"]


async def test_what_the_queue_gave_up_too_early_is_taken_back(done, addresses):
    await write("early")
    await write("late")
    await sql(
        "UPDATE pgqueuer SET status = 'failed',"
        " attempts = id - (SELECT min(id) FROM pgqueuer)"
    )
    await sql("UPDATE pgqueuer SET attempts = attempts * ($1::int - 1)", jobs.MOST_ATTEMPTS)
    async with working(addresses.app):
        await until(lambda: done == ["early"])
    assert await jobs.given_up() == 1


async def test_a_job_waits_for_a_database_that_is_away(done, addresses):
    attempts = []

    @jobs.job("needy")
    async def needy(_payload):
        attempts.append(1)
        if len(attempts) == 1:
            before, DB.pool = DB.pool, None
            asyncio.get_running_loop().call_later(0.7, setattr, DB, "pool", before)
            await sql("SELECT 1")

    async with scoped(NOWHERE):
        await jobs.enqueue("needy", {})
    async with working(addresses.app):
        await until(lambda: len(attempts) == 1)
        await until(lambda: DB.pool is not None)
        await sql("UPDATE pgqueuer SET execute_after = now()")
        await write("after")
        await until(lambda: done == ["after"])
    assert await jobs.given_up() == 0


async def test_periodic_work_runs_and_one_that_raises_stops_nothing(done, addresses):
    ticks = []

    @jobs.every("* * * * * *")
    async def raising(_now):
        ticks.append("raising")
        raise ValueError

    @jobs.every("* * * * * *")
    async def ticking(now):
        ticks.append(now)

    async with working(addresses.app):
        await until(lambda: "raising" in ticks and len(ticks) > 3)
        await write("meanwhile")
        await until(lambda: done == ["meanwhile"])
    assert any(tick != "raising" and tick.tzinfo is not None for tick in ticks)


async def test_the_house_sweeps_every_night():
    assert jobs._schedule["forget_old"] == ("17 3 * * *", accounts.forget_old)
    assert jobs._schedule["forget_done"] == ("41 3 * * *", jobs.forget_done)


async def test_the_queues_own_log_is_forgotten_after_a_month():
    put = (
        "INSERT INTO pgqueuer_log (created, job_id, status, priority, entrypoint)"
        " VALUES ($1, 1, 'successful', 0, 'write')"
    )
    now = utc_now()
    await sql(put, now - timedelta(days=31))
    await sql(put, now - timedelta(days=29))
    await jobs.forget_done(now)
    assert (await one("SELECT count(*) AS n FROM pgqueuer_log"))["n"] == 1


async def test_the_oldest_job_that_is_due_has_an_age(done):
    await write("old")
    await sql("UPDATE pgqueuer SET execute_after = now() - interval '90 seconds'")
    assert 90 <= await jobs.oldest_waiting() < 100
    assert DB.pool is not None
    assert done == []
