"""A house to measure: a data folder, its PostgreSQL, a real `apero serve`, invented people.

Everything is fresh, on loopback, in a temporary folder, and gone afterwards. The load and
pgbench run in processes of their own; the seeds are made by the ordinary commands.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import asyncpg

from benchmarks.wire import Load, Sending, flat_out
from server import app as application
from server import demo, schema, settings
from server.clock import utc_now
from server.database import DB
from server.database import Address as Signing
from server.demo import seeding
from server.postgres import Address, EmbeddedPostgres
from server.settings import Settings

FAREWELL = 20.0
PATIENCE = 60.0


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def say(text: str) -> None:
    """Tell the person who waits; the result alone goes to standard output."""
    print(text, file=sys.stderr, flush=True)


class House:
    """One installation of ours, running."""

    def __init__(self, folder: Path, *, does_jobs: bool) -> None:
        self.folder = folder
        self.port = free_port()
        self.does_jobs = does_jobs
        self.process: subprocess.Popen[bytes] | None = None
        self.env = {
            **{name: value for name, value in os.environ.items() if name[:6] != "APERO_"},
            "APERO_ENV": "test",
            "APERO_DATA": str(folder / "data"),
            "PORT": str(self.port),
        }

    @property
    def settings(self) -> Settings:
        return settings.read(self.env)

    @property
    def postgres(self) -> Address:
        """The superuser of the database that the site keeps."""
        found = EmbeddedPostgres(self.folder / "data" / "postgres").find()
        assert found is not None, "the database does not answer"
        return found

    def start(self) -> float:
        """Start the site; how many seconds it took until it could be used."""
        started = time.monotonic()
        command = [str(Path(sys.executable).with_name("apero")), "serve"]
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                command + ([] if self.does_jobs else ["--without-jobs"]),
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while not self._is_ready():
            assert self.process.poll() is None, self._log()
            assert time.monotonic() - started < PATIENCE, self._log()
            time.sleep(0.05)
        return time.monotonic() - started

    def _is_ready(self) -> bool:
        address = f"http://127.0.0.1:{self.port}/readyz"
        with suppress(OSError), urlopen(address, timeout=5) as seen:
            return bool(seen.status == 200)
        return False

    @property
    def cpu(self) -> float | None:
        """Seconds of processor the site took so far, without its database (on Linux)."""
        assert self.process is not None
        with suppress(OSError):
            stat = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2]
            return sum(map(int, stat.split()[11:13])) / os.sysconf("SC_CLK_TCK")
        return None

    def _log(self) -> str:
        return (self.folder / "serve.log").read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """Ask the site to leave, with its database; insist when it stays."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            orphan = EmbeddedPostgres(self.folder / "data" / "postgres")
            orphan.start()
            orphan.stop()
        self.process = None

    async def load(
        self, clients: int, sendings: Iterator[Sending], *, seconds: float
    ) -> Load:
        """So many clients flat out, and what it took of the site's processor."""
        before = self.cpu
        load = await flat_out(self.port, clients, sendings, seconds=seconds)
        after = self.cpu
        if before is not None and after is not None:
            load.site_cpu = after - before
        return load

    @asynccontextmanager
    async def inside(self, size: int = 4) -> AsyncIterator[Any]:
        """The same application in this process, on the same database, without jobs."""
        found = self.postgres
        admin = Signing(
            host=found.host, port=found.port, role=found.user, password=found.password
        )
        addresses = await schema.prepare(self.settings, admin)
        edge = application.make_app(self.settings)
        await DB.open(addresses.app, size=size)
        try:
            yield edge
        finally:
            await DB.close()

    async def seed(self, profile: str, people: int) -> dict[str, Any]:
        """One workspace of this make: half of what `apero seed` makes, in the same way."""
        assert profile in demo.PROFILES
        started = time.monotonic()
        async with self.inside():
            made = await seeding._one(  # noqa: SLF001 - what `seed` does twice
                self.settings, f"Bench {profile}", profile, people, utc_now()
            )
        say(f"Seeded {people} people in {time.monotonic() - started:.0f} s")
        return made

    async def ask(self, query: str, *args: object) -> list[asyncpg.Record]:
        """What the database itself says, past every wall: for checking afterwards."""
        found = self.postgres
        session = await asyncpg.connect(
            host=found.host,
            port=found.port,
            user=found.user,
            password=found.password,
            database=schema.DATABASE,
        )
        try:
            rows: list[asyncpg.Record] = await session.fetch(query, *args)
        finally:
            await session.close()
        return rows


@contextmanager
def house(*, does_jobs: bool = False) -> Iterator[House]:
    """A house that runs for this block, and leaves nothing behind."""
    folder = Path(tempfile.mkdtemp(prefix="apero-bench-"))
    folder.chmod(0o711)  # root's PostgreSQL runs as nobody, who must reach its data
    made = House(folder, does_jobs=does_jobs)
    try:
        say(f"Started in {made.start():.1f} s, in {folder}")
        yield made
    finally:
        try:
            made.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def in_house(work: Any, *, does_jobs: bool = False) -> Any:  # noqa: ANN401 - any scenario
    """Do an asynchronous scenario in a house of its own."""
    with house(does_jobs=does_jobs) as made:
        return asyncio.run(work(made))
