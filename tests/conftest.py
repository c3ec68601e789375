"""One PostgreSQL for the run, one database for each worker, one rolled-back transaction
for each test. A test that needs real commits is marked `committed` and gets its own rows.
"""

import asyncio
import inspect
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import httpx
import hypothesis
import pytest

from events.admission import letters
from server import postgres, schema
from server.database import DB, Address
from server.rendering import PdfPool
from server.settings import Environment, Settings
from tests import world
from tests.complete import Complete

_running = ExitStack()

# A busy machine is no fault of the code; what must be fast has a benchmark.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    """The controller starts PostgreSQL; its workers are told where."""
    config.pluginmanager.register(Complete(config), "complete")
    if hasattr(config, "workerinput") or "APERO_TEST_SERVER" in os.environ:
        return
    if config.option.collectonly:
        return
    home = Path(tempfile.mkdtemp(prefix="apero-tests-"))
    home.chmod(0o755)
    _running.callback(shutil.rmtree, home, ignore_errors=True)
    address = _running.enter_context(postgres.running(home / "postgres"))
    os.environ["APERO_TEST_SERVER"] = json.dumps(
        [address.host, address.port, address.user, address.password]
    )
    _running.callback(os.environ.pop, "APERO_TEST_SERVER", None)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started here."""
    if not hasattr(config, "workerinput"):
        _running.close()


@pytest.fixture(scope="session")
def settings() -> Settings:
    """The settings of the house under test."""
    return Settings(
        environment=Environment.TEST,
        data=Path(tempfile.mkdtemp(prefix="apero-data-")),
        secret_key=b"0123456789abcdefghijklmnopqrstuvwxyz",
        origin="http://127.0.0.1:8000",
        mail_from="bonjour@apero.example",
    )


@pytest.fixture(scope="session", autouse=True)
def _desk(settings: Settings) -> None:
    """Whoever writes the letters of admission is at work, with or without the app."""
    letters.register_makers(settings, lambda: PdfPool(1))


@pytest.fixture(scope="session")
def admin() -> Address:
    """The superuser of the server under test."""
    host, port, user, password = json.loads(os.environ["APERO_TEST_SERVER"])
    return Address(host=host, port=port, role=user, password=password)


@pytest.fixture(scope="session")
async def addresses(
    settings: Settings, admin: Address, worker_name: str
) -> schema.Addresses:
    """A fresh, migrated database for this worker."""
    schema.DATABASE = f"apero_{worker_name}"
    found = await schema.prepare(settings, admin)
    await schema.migrate(found)
    return found


@pytest.fixture(scope="session")
def worker_name() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "alone")


@pytest.fixture(scope="session")
async def pool(addresses: schema.Addresses) -> AsyncIterator[None]:
    """The application's own pool, as the application's own role."""
    await DB.open(addresses.app, size=12)
    yield
    await DB.close()


@pytest.fixture(autouse=True)
def _undone(request: pytest.FixtureRequest) -> None:
    """Whatever an asynchronous test writes is gone afterwards; others write nothing."""
    is_committed = request.node.get_closest_marker("committed")
    if request.node.get_closest_marker("browser") and not is_committed:
        return  # the house it walks has a database of its own
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("swept" if is_committed else "rolled_back")


@pytest.fixture
async def rolled_back(pool: None) -> AsyncIterator[None]:
    """One transaction around the whole test, with its requests; never committed."""
    transaction = DB.transaction()
    await transaction.__aenter__()
    try:
        yield
    finally:
        await transaction.__aexit__(asyncio.CancelledError, asyncio.CancelledError(), None)
        await DB._run_in_pool("DELETE FROM rate_bucket")


@pytest.fixture
async def swept(pool: None, addresses: schema.Addresses) -> AsyncIterator[None]:
    """A test that really commits leaves empty tables behind."""
    yield
    owner = await asyncpg.connect(**addresses.owner.arguments())
    try:
        names = await owner.fetch(
            "SELECT quote_ident(relname) AS name FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace AND relname <> 'migration'"
        )
        await owner.execute(f"TRUNCATE {', '.join(row['name'] for row in names)} CASCADE")
    finally:
        await owner.close()


@pytest.fixture(scope="session")
async def app(settings: Settings, pool: None) -> AsyncIterator[object]:
    """The whole application, built once."""
    from server.app import make_app

    edge = make_app(settings)
    pdf = PdfPool(1)
    await pdf.start()
    edge.app.state.pdf = pdf
    yield edge
    await pdf.stop()


@pytest.fixture
async def browser(app: object) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody's browser, signed in nowhere."""
    async with world.browser_of(app) as client:
        yield client


@pytest.fixture
async def cast() -> SimpleNamespace:
    """Ana, Bilal, Chloé, Dov and Eiko, their workspaces and their meetup."""
    return await world.cast()
