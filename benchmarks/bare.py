"""The bare database: pgbench against the very server the site uses, with nothing between.

Its figure is the limit: no program that keeps the same promises on the same machine can
be faster. Everything that is acknowledged was flushed (`fsync` and `synchronous_commit`
are on, and are asked for before each run).
"""

import asyncio
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg

from server.postgres import Address, programs

THREADS = 2
SHORTEST = 2  # connecting counts too
Statement = tuple[str, tuple[object, ...]]


@dataclass(frozen=True)
class Bench:
    """What pgbench found."""

    rate: float
    mean_ms: float


class Bare:
    """A database of its own, or the site's own, spoken to by pgbench."""

    def __init__(self, address: Address, database: str, *, role: str = "") -> None:
        self.address = address
        self.database = database
        self.role = role
        self.program = programs.binaries(programs.runs_as())[0] / "pgbench"

    @classmethod
    async def made(cls, address: Address, *statements: str) -> "Bare":
        """A fresh database with these tables in it."""
        session = await _session(address, "postgres")
        try:
            await session.execute("DROP DATABASE IF EXISTS bare")
            await session.execute("CREATE DATABASE bare")
        finally:
            await session.close()
        session = await _session(address, "bare")
        try:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                assert await session.fetchval(f"SHOW {setting}") == "on", setting
            for statement in statements:
                await session.execute(statement)
        finally:
            await session.close()
        return cls(address, "bare")

    async def run(self, script: str, *, clients: int, seconds: float) -> Bench:
        """Run this script with so many connections for so long."""
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script)
            file.flush()
            said = await self._run(Path(file.name), clients, seconds)
        rate = re.search(r"^tps = ([\d.]+)", said, re.MULTILINE)
        mean = re.search(r"^latency average = ([\d.]+) ms", said, re.MULTILINE)
        assert rate is not None, said[-2000:]
        assert mean is not None, said[-2000:]
        assert not re.search(r"failed transactions: [1-9]", said), said[-2000:]
        return Bench(float(rate[1]), float(mean[1]))

    async def _run(self, file: Path, clients: int, seconds: float) -> str:
        process = await asyncio.create_subprocess_exec(
            self.program,
            *("--no-vacuum", "--protocol=prepared", f"--file={file}"),
            *(f"--client={clients}", f"--jobs={min(THREADS, clients)}"),
            *(f"--time={max(SHORTEST, round(seconds))}", f"--username={self.address.user}"),
            *(f"--host={self.address.host}", f"--port={self.address.port}", self.database),
            env={
                "PGPASSWORD": self.address.password,
                "PGOPTIONS": f"-c role={self.role}" if self.role else "",
                "LC_ALL": "C",
                "PATH": os.defpath,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        text = said.decode(errors="replace")
        assert process.returncode == 0, text[-2000:]
        return text


async def _session(address: Address, database: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        database=database,
    )


def replay(statements: Sequence[Statement]) -> str:
    """A pgbench script that says these statements again, with what they were asked with."""
    return "".join(f"{_inlined(query, args)};\n" for query, args in statements)


def _inlined(query: str, args: tuple[object, ...]) -> str:
    text = " ".join(re.sub(r"--[^\n]*", "", query).split()).rstrip(";")
    return re.sub(r"\$(\d+)", lambda found: _literal(args[int(found[1]) - 1]), text)


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float):
        return str(value).lower()
    # pgbench takes a colon for the name of one of its variables.
    text = _text(value).replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a")
    return f"E'{text}'"


def _text(value: object) -> str:
    """A value as PostgreSQL reads it in."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds()} seconds"
    if isinstance(value, list | tuple | set | frozenset):
        return "{" + ",".join(_element(one) for one in value) + "}"
    assert isinstance(value, str | UUID), type(value)
    return str(value)


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    quoted = _text(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'
