"""The load: a small HTTP/1.1 client on raw connections, so that it is never the limit.

It reads what our server sends (a status, a content length and a body) and nothing more.
Every load says how much of one core the client itself took.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

HOST = "127.0.0.1"
PATIENCE = 60.0
BUSY = 503


class Answer(NamedTuple):
    """What came back for one request, and how long it took."""

    about: object
    status: int
    body: bytes
    seconds: float


class Sending(NamedTuple):
    """One request as bytes, and what it is about for whoever reads the answer."""

    about: object
    message: bytes


@dataclass
class Load:
    """One stretch of load."""

    answers: list[Answer] = field(default_factory=list)
    seconds: float = 0.0
    client_cpu: float = 0.0
    site_cpu: float | None = None

    def without_busy(self) -> int:
        """Take out the answers that say to come back in a moment; how many there were."""
        asked = len(self.answers)
        self.answers = [one for one in self.answers if one.status != BUSY]
        return asked - len(self.answers)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.answers) / self.seconds if self.seconds else 0.0


def request(
    method: str, path: str, *, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()
) -> bytes:
    """A request, written once and sent as it is."""
    lines = [f"{method} {path} HTTP/1.1", f"host: {HOST}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def some(sendings: Iterator[Sending], most: int) -> Iterator[Sending]:
    """The next ones, and no more: what a round leaves is for the next."""
    for _ in range(most):
        sending = next(sendings, None)
        if sending is None:
            return
        yield sending


class _Reader(asyncio.Protocol):
    """Cuts what arrives into one answer at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiter: asyncio.Future[tuple[int, bytes]] | None = None
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, rest = self.received.partition(b"\r\n\r\n")
        if not found or self.waiter is None:
            return
        if len(rest) < _length(head):
            return
        self.received = b""
        waiter, self.waiter = self.waiter, None
        waiter.set_result((int(head[9:12]), rest))

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(exc or ConnectionResetError("The server hung up."))


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


class Line:
    """One client: one kept connection, one request at a time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: _Reader | None = None

    async def ask(self, sending: Sending, *, since: float | None = None) -> Answer:
        """Send and wait; the time counts from `since` when the request was due then."""
        loop = asyncio.get_running_loop()
        started = time.perf_counter() if since is None else since
        if self.reader is None or self.reader.transport is None:
            _, self.reader = await loop.create_connection(_Reader, HOST, self.port)
        assert self.reader.transport is not None
        waiter: asyncio.Future[tuple[int, bytes]] = loop.create_future()
        self.reader.waiter = waiter
        self.reader.transport.write(sending.message)
        status, body = await asyncio.wait_for(waiter, PATIENCE)
        return Answer(sending.about, status, body, time.perf_counter() - started)

    def close(self) -> None:
        if self.reader is not None and self.reader.transport is not None:
            self.reader.transport.close()


async def flat_out(
    port: int, clients: int, sendings: Iterator[Sending], *, seconds: float
) -> Load:
    """So many clients, each asking again as soon as it is answered, until time is up."""
    load = Load()
    lines = [Line(port) for _ in range(clients)]
    started, cpu = time.perf_counter(), time.process_time()

    async def client(line: Line) -> None:
        while time.perf_counter() - started < seconds:
            sending = next(sendings, None)
            if sending is None:
                return
            load.answers.append(await line.ask(sending))

    try:
        await asyncio.gather(*(client(line) for line in lines))
    finally:
        load.seconds = time.perf_counter() - started
        load.client_cpu = time.process_time() - cpu
        for line in lines:
            line.close()
    return load


async def paced(
    port: int, clients: int, sendings: Iterator[Sending], *, rate: float, seconds: float
) -> Load:
    """Requests that arrive on a schedule, whether or not the last was answered.

    The wait of a request that no client was free to send counts (no coordinated omission).
    """
    load = Load()
    lines = [Line(port) for _ in range(clients)]
    started, cpu = time.perf_counter(), time.process_time()
    numbers = iter(range(int(rate * seconds)))

    async def client(line: Line) -> None:
        for number in numbers:
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sending = next(sendings, None)
            if sending is None:
                return
            load.answers.append(await line.ask(sending, since=due))

    try:
        await asyncio.gather(*(client(line) for line in lines))
    finally:
        load.seconds = time.perf_counter() - started
        load.client_cpu = time.process_time() - cpu
        for line in lines:
            line.close()
    return load
