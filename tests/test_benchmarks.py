"""The benchmarks' harness: it measures, checks what it measured, and leaves nothing."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from benchmarks import figures, wire
from benchmarks.bare import replay
from benchmarks.door import _check

REPOSITORY = Path(__file__).parent.parent
BY_HAND = (b"HTTP/1.1 200 OK\r\ncontent-le", b"ngth: 5\r\n\r\nhe", b"llo")


async def server(pieces: tuple[bytes, ...], *, delay: float = 0.0) -> asyncio.Server:
    """A server that answers every request with these pieces, one by one."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            await asyncio.sleep(delay)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    return await asyncio.start_server(quietly, wire.HOST, 0)


def port_of(listening: asyncio.Server) -> int:
    return int(listening.sockets[0].getsockname()[1])


def requests(count: int) -> list[wire.Sending]:
    return [wire.Sending(number, wire.request("GET", "/")) for number in range(count)]


async def test_it_reads_an_answer_that_comes_in_pieces() -> None:
    async with await server(BY_HAND) as listening:
        load = await wire.flat_out(port_of(listening), 3, iter(requests(9)), seconds=5)
    assert {one.about for one in load.answers} == set(range(9))
    assert {(one.status, one.body) for one in load.answers} == {(200, b"hello")}


async def test_it_stops_when_time_is_up() -> None:
    async with await server(BY_HAND, delay=0.05) as listening:
        load = await wire.flat_out(port_of(listening), 1, iter(requests(99)), seconds=0.2)
    assert 1 <= len(load.answers) < 10


async def test_the_wait_of_a_late_request_counts() -> None:
    async with await server(BY_HAND, delay=0.1) as listening:
        load = await wire.paced(
            port_of(listening), 1, iter(requests(5)), rate=100, seconds=0.05
        )
    assert len(load.answers) == 5
    assert load.answers[-1].seconds > 0.4


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(one) for one in range(100, 0, -1)]
    assert figures.percentile(values, 0.5) == 50.0
    assert figures.percentile(values, 0.99) == 99.0
    assert figures.percentile([7.0], 0.99) == 7.0


@pytest.mark.parametrize("is_time", [True, False])
def test_a_ratio_of_one_is_as_fast_as_the_bare_database(*, is_time: bool) -> None:
    slow, fast = [2.0, 20.0, 4.0], [1.0, 10.0, 2.0]
    ours, limit = (slow, fast) if is_time else (fast, slow)
    found = figures.result(
        "x",
        "ms",
        ours=ours,
        limit=limit,
        p50_ms=1,
        p99_ms=2,
        is_time=is_time,
        more={"a": 1},
    )
    assert found["ratio"] == 0.5
    assert json.loads(figures.line(found))["a"] == 1


def test_what_was_asked_is_written_as_a_script() -> None:
    script = replay(
        [
            ("SELECT $2, $1 -- why\n  FROM x WHERE a = ANY ($3::uuid[])",
             ("it's\\ 10:30", 7, [UUID(int=1), None])),
            ("SELECT $1, $2, $3, $4;",
             (None, True, b"\x01", datetime(2026, 1, 2, tzinfo=UTC))),
            ("SELECT $1::interval", (timedelta(minutes=1),)),
        ]
    )  # fmt: skip
    assert script.splitlines() == [
        (
            "SELECT 7, E'it''s\\\\ 10\\x3a30' FROM x WHERE a = ANY"
            " (E'{\"00000000-0000-0000-0000-000000000001\",NULL}'::uuid[]);"
        ),
        "SELECT NULL, true, E'\\\\x01', E'2026-01-02T00\\x3a00\\x3a00+00\\x3a00';",
        "SELECT E'60.0 seconds'::interval;",
    ]


async def test_a_ticket_that_entered_twice_stops_the_run() -> None:
    body = json.dumps({"results": [{"verdict": "enter"}]}).encode()
    answers = [wire.Answer("code", 200, body, 0.1)] * 2
    with pytest.raises(AssertionError, match="entered twice"):
        await _check(None, "", answers)  # type: ignore[arg-type]


def test_an_unknown_name_says_which_there_are() -> None:
    done = run("nothing")
    assert done.returncode == 2
    assert "registration, door, engagement, pages" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["door", "registration", "pages"])
def test_a_scenario_ends_with_one_line_of_json_and_no_process(name: str) -> None:
    done = run(name, "--people", "12", "--seconds", "3", "--rounds", "1", "--clients", "4")
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["name"] == name
    assert found["ours"] > 0
    assert found["limit"] > 0
    assert found["p50_ms"] <= found["p99_ms"]
    (folder,) = {word for word in done.stderr.split() if "apero-bench-" in word}
    assert not Path(folder).exists()


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """A benchmark as `make bench` runs it."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        cwd=REPOSITORY,
        env={name: value for name, value in os.environ.items() if name[:6] != "APERO_"},
    )
