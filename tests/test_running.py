"""The running house, as real processes: killed in the middle of an evening, it loses
nothing it acknowledged and doubles nothing; asked to stop, it finishes what it began.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import pytest

from server.database import uuid7
from server.postgres import running

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("running")]

APERO = Path(sys.executable).parent / "apero"
PEOPLE = 300
CLIENTS = 8


class House:
    """`apero` in a folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.env = {
            **{name: text for name, text in os.environ.items() if "APERO" not in name},
            "APERO_ENV": "test",
            "APERO_DATA": str(home / "data"),
            "APERO_PDF_WORKERS": "1",
            "PORT": str(self.port),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, *words: str) -> None:
        subprocess.run(
            [APERO, *words], env=self.env, check=True, capture_output=True, timeout=180
        )

    def serve(self) -> None:
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [APERO, "serve"], env=self.env, stdout=log, stderr=log
            )

    def until_ready(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.base}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError((self.home / "log").read_text()[-3000:])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def kill_postgres(self) -> None:
        """SIGKILL to the parent of PostgreSQL's processes."""
        query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
        pid = asyncio.run(self.ask(query))[0]["pid"]
        status = Path(f"/proc/{pid}/status").read_text()
        parent = next(line for line in status.splitlines() if line.startswith("PPid:"))
        os.kill(int(parent.split()[1]), signal.SIGKILL)

    async def ask(self, query: str, *args: object) -> list[asyncpg.Record]:
        """Ask the database itself, past every wall."""
        with running(self.home / "data" / "postgres") as found:
            session = await asyncpg.connect(
                host=found.host,
                port=found.port,
                user=found.user,
                password=found.password,
                database="apero",
            )
            try:
                return await session.fetch(query, *args)
            finally:
                await session.close()


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """A house with one published meetup and thirty people."""
    with tempfile.TemporaryDirectory(
        prefix="apero-house-", ignore_cleanup_errors=True
    ) as name:
        Path(name).chmod(0o755)
        house = House(Path(name))
        house.run(
            "seed", "--profile", "small", "--people", "30", "--json", f"{name}/seed.json"
        )
        house.seed = json.loads((house.home / "seed.json").read_text())
        yield house
        if house.process is not None and house.process.poll() is None:
            house.process.terminate()
            house.process.wait(20)


@pytest.fixture
def served(house: House) -> House:
    """The house, open."""
    if house.process is None or house.process.poll() is not None:
        house.serve()
    house.until_ready()
    return house


async def insist(client: httpx.AsyncClient, path: str, token: str, body: dict) -> dict:
    """Ask the same thing until it is acknowledged, as an honest client does."""
    for _ in range(600):
        try:
            answer = await client.post(
                path, json=body, headers={"authorization": f"Bearer {token}"}, timeout=10
            )
        except httpx.TransportError:
            await asyncio.sleep(0.1)
            continue
        if answer.status_code in {200, 201}:
            return answer.json()
        assert answer.status_code in {429, 503}, answer.text
        await asyncio.sleep(0.1)
    raise AssertionError(path)


class Burst:
    """People who register and tickets that are read, and what was acknowledged of it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.seed = house.seed
        self.people = iter(range(PEOPLE))
        self.tickets = iter(self.seed["tickets"])
        self.registered: dict[str, str] = {}
        self.verdicts: dict[str, str] = {}

    async def registering(self) -> None:
        path = f"/api/v1/meetups/{self.seed['meetup']['id']}/registrations"
        async with httpx.AsyncClient(base_url=self.house.base) as client:
            for number in self.people:
                email = f"person{number}@burst.example"
                body = {"name": f"Person {number}", "email": email}
                said = await insist(client, path, self.seed["tokens"]["manager"], body)
                self.registered[email] = said["id"]

    async def letting_in(self) -> None:
        async with httpx.AsyncClient(base_url=self.house.base) as client:
            for ticket in self.tickets:
                fact = {
                    "id": str(uuid7()),
                    "kind": "entry",
                    "ticket": ticket["code"],
                    "at": datetime.now(UTC).isoformat(),
                }
                body = {"mode": "ask", "facts": [fact]}
                token = self.seed["device_token"]
                said = await insist(client, "/api/v1/door/facts", token, body)
                self.verdicts[fact["id"]] = said["results"][0]["verdict"]
                await asyncio.sleep(0.1)

    async def killing(self) -> None:
        await self.share(0.2)
        await asyncio.to_thread(self.house.kill)
        self.house.serve()
        await self.share(0.4)
        await asyncio.to_thread(self.house.kill_postgres)
        await self.share(0.6)
        await asyncio.to_thread(self.house.kill_postgres)
        await asyncio.to_thread(self.house.kill)
        self.house.serve()

    async def share(self, share: float) -> None:
        """Wait until so much of the burst is acknowledged."""
        while len(self.registered) < PEOPLE * share:  # noqa: ASYNC110 - nobody rings
            await asyncio.sleep(0.01)

    async def run(self) -> None:
        registering = [self.registering() for _ in range(CLIENTS)]
        letting_in = [self.letting_in() for _ in range(2)]
        everything = asyncio.gather(self.killing(), *registering, *letting_in)
        await asyncio.wait_for(everything, 240)


def test_killing_anything_loses_nothing_acknowledged_and_doubles_nothing(served):
    before = asyncio.run(served.ask("SELECT count(*) AS n FROM registration"))[0]["n"]
    burst = Burst(served)
    asyncio.run(burst.run())
    served.until_ready()
    asyncio.run(compare(served, burst, before))


async def compare(house: House, burst: Burst, before: int) -> None:
    """Hold what was acknowledged against what is there."""
    meetup = house.seed["meetup"]["id"]
    rows = await house.ask(
        "SELECT m.email, r.id::text AS id FROM registration r"
        " JOIN member m ON (m.workspace_id, m.id) = (r.workspace_id, r.member_id)"
        " WHERE r.meetup_id = $1::text::uuid AND m.email LIKE '%@burst.example'",
        meetup,
    )
    assert len(burst.registered) == PEOPLE == len(rows)
    assert {row["email"]: row["id"] for row in rows} == burst.registered
    [total] = await house.ask("SELECT count(*) AS n FROM registration")
    assert total["n"] == before + PEOPLE, "somebody was registered twice"

    [seats] = await house.ask(
        "SELECT s.capacity, s.taken, count(*) FILTER (WHERE r.status = 'confirmed') AS n"
        " FROM seating s JOIN registration r"
        " ON (r.workspace_id, r.meetup_id) = (s.workspace_id, s.id)"
        " WHERE s.id = $1::text::uuid GROUP BY 1, 2",
        meetup,
    )
    assert seats["taken"] == seats["n"] <= seats["capacity"]

    kept = await house.ask(
        "SELECT id::text AS id, verdict FROM checkin WHERE id::text = ANY ($1)",
        list(burst.verdicts),
    )
    assert {row["id"]: row["verdict"] for row in kept} == burst.verdicts
    assert len(burst.verdicts) == len(house.seed["tickets"])
    assert set(burst.verdicts.values()) == {"enter"}, "a retry was told: already inside"

    for _ in range(120):  # a job that a kill interrupted is taken up again by its heartbeat
        letters = await house.ask(
            "SELECT recipient, count(*) AS n FROM letter"
            " WHERE recipient LIKE '%@burst.example' GROUP BY 1"
        )
        if len(letters) == PEOPLE:
            break
        await asyncio.sleep(0.5)
    assert [row["n"] for row in letters] == [1] * PEOPLE


def test_asked_to_stop_it_finishes_what_it_began_and_takes_nothing_new(served):
    seed = served.seed
    body = json.dumps({"name": "Last", "email": "last@burst.example"}).encode()
    head = (
        f"POST /api/v1/meetups/{seed['meetup']['id']}/registrations HTTP/1.1\r\n"
        f"host: 127.0.0.1:{served.port}\r\n"
        f"authorization: Bearer {seed['tokens']['manager']}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", served.port), timeout=15) as line:
        line.sendall(head + body[:10])
        time.sleep(0.3)
        started = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", served.port), timeout=1).close()
        line.sendall(body[10:])
        answer = line.recv(65536)
    assert answer.startswith(b"HTTP/1.1 201"), answer
    assert served.process.wait(15) == 0
    assert time.monotonic() - started < 12
    said = (served.home / "log").read_text()
    assert "Traceback" not in said.rsplit("jobs.restart", 1)[-1][-3000:]


def test_the_second_start_is_quick(house):
    if house.process is not None and house.process.poll() is None:
        house.process.terminate()
        house.process.wait(20)
    started = time.monotonic()
    house.serve()
    house.until_ready()
    assert time.monotonic() - started < 20
