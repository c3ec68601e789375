"""Health: alive is not ready, and a stranger is told no reason."""

import asyncio
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from server import engine, health, jobs, schema, telemetry
from server.database import DB, NOWHERE, scoped, sql
from server.settings import Environment


@pytest.fixture
def state(app):
    """The state of the application under test, as it was before."""
    state = app.app.state
    before = state.settings, state.draining
    yield state
    state.settings, state.draining = before


@pytest.fixture
async def small_pool(pool, addresses, monkeypatch):
    """Two connections and little patience."""
    monkeypatch.setattr(engine, "ACQUIRE_SECONDS", 0.3)
    before, DB.pool = DB.pool, None
    await DB.open(addresses.app, size=2)
    yield
    await DB.close()
    DB.pool = before


async def test_a_house_in_order_is_alive_and_ready(browser):
    assert (await browser.get("/healthz")).text == "ok"
    answer = await browser.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["ready"] is True
    assert answer.json()["problems"] == []


async def test_who_is_leaving_is_not_ready_but_alive(browser, state):
    state.draining = True
    answer = await browser.get("/readyz")
    assert (answer.status_code, answer.json()["problems"]) == (503, ["draining"])
    assert (await browser.get("/healthz")).status_code == 200


async def test_production_gives_no_details(browser, state):
    state.draining = True
    state.settings = replace(state.settings, environment=Environment.PRODUCTION)
    answer = await browser.get("/readyz")
    assert answer.status_code == 503
    assert set(answer.json()) == {"ready", "at"}


@pytest.mark.committed
async def test_without_a_database_nothing_is_ready_but_the_process_lives(browser):
    before, DB.pool = DB.pool, None
    try:
        answer = await browser.get("/readyz")
        assert (answer.status_code, answer.json()["problems"]) == (503, ["database"])
        assert (await browser.get("/healthz")).status_code == 200
    finally:
        DB.pool = before
    assert (await browser.get("/readyz")).status_code == 200


@pytest.mark.committed
@pytest.mark.usefixtures("small_pool")
async def test_an_exhausted_pool_is_named(browser):
    async def hold():
        async with DB.transaction():
            await asyncio.sleep(0.8)

    held = [asyncio.create_task(hold()) for _ in range(2)]
    await asyncio.sleep(0.1)
    assert health.is_exhausted()
    answer = await browser.get("/readyz")
    assert (answer.status_code, answer.json()["problems"]) == (503, ["pool"])
    assert telemetry.REGISTRY.get_sample_value("apero_pool_in_use") == 2
    await asyncio.gather(*held)
    assert (await browser.get("/readyz")).status_code == 200


async def test_a_job_that_waits_too_long_is_named(browser):
    async with scoped(NOWHERE):
        await jobs.enqueue("send_letter", {})
        await sql("UPDATE pgqueuer SET execute_after = now() - interval '301 seconds'")
        answer = await browser.get("/readyz")
    assert (answer.status_code, answer.json()["problems"]) == (503, ["outbox"])


async def test_a_schema_of_another_release_is_named(browser, monkeypatch):
    monkeypatch.setattr(schema, "known_migrations", lambda: {"a later one"})
    answer = await browser.get("/readyz")
    assert (answer.status_code, answer.json()["problems"]) == (503, ["migrations"])


async def test_a_slow_database_is_named(browser, monkeypatch):
    monkeypatch.setattr(health, "SLOWEST_DATABASE", 0.0)
    answer = await browser.get("/readyz")
    assert answer.json()["problems"] == ["slow_database"]


async def test_a_database_that_hangs_is_not_waited_for(browser, monkeypatch):
    async def hang():
        await asyncio.sleep(30)

    monkeypatch.setattr(health, "LONGEST_WAIT", 0.1)
    monkeypatch.setattr(schema, "is_current", hang)
    answer = await asyncio.wait_for(browser.get("/readyz"), 2)
    assert answer.json()["problems"] == ["database"]


async def test_a_full_disk_is_named(browser, monkeypatch):
    nearly = SimpleNamespace(total=100, free=4)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: nearly)
    answer = await browser.get("/readyz")
    assert (answer.status_code, answer.json()["problems"]) == (503, ["disk"])


def test_a_folder_that_is_not_there_yet_has_the_disk_it_would_lie_on(tmp_path):
    assert not health.is_nearly_full(tmp_path) or shutil.disk_usage(tmp_path).free > 0
    assert health.is_nearly_full(tmp_path / "no") is health.is_nearly_full(tmp_path)


def test_no_pool_is_no_exhausted_pool(monkeypatch):
    monkeypatch.setattr(DB, "pool", None)
    assert not health.is_exhausted()
    assert telemetry.REGISTRY.get_sample_value("apero_pool_in_use") == 0


def test_an_answer_is_counted_by_its_pattern():
    labels = {"method": "GET", "route": "/m/{workspace}/{meetup}", "status": "200"}
    before = telemetry.REGISTRY.get_sample_value("apero_answers_total", labels) or 0
    telemetry.answered("GET", "/m/{workspace}/{meetup}", 200, 0.01)
    assert telemetry.REGISTRY.get_sample_value("apero_answers_total", labels) == before + 1


def test_the_port_of_the_metrics_is_shut_unless_asked(monkeypatch):
    opened = []
    monkeypatch.setattr(
        telemetry,
        "start_http_server",
        lambda port, **more: opened.append((port, more["addr"])),
    )
    telemetry.open_port(0)
    telemetry.open_port(9100)
    assert opened == [(9100, "127.0.0.1")]
