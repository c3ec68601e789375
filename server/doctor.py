"""The doctor: what is wrong with this installation, in plain words, and what to do."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from rich.console import Console

from server import assets, jobs, rendering, schema
from server.assets import AssetsMissing
from server.database import DB, Address
from server.health import OLDEST_JOB, is_nearly_full
from server.postgres import PostgresWontStart, running
from server.rendering import RenderFailed
from server.settings import BadSettings, Settings, read

SAFE_POSTGRES = {18: 4, 17: 10, 16: 14, 15: 18}
"""The minor releases of May 2026, which closed several holes a database role can reach."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at: is it well, and if not what to do."""

    name: str
    is_well: bool
    said: str
    is_grave: bool = True


def examine(env: Mapping[str, str], screen: Console) -> bool:
    """Look at everything and say it; True when nothing grave was found."""
    findings = []
    for finding in _look(env):
        findings.append(finding)
        mark = "[green]well[/]" if finding.is_well else "[red]wrong[/]"
        if not finding.is_well and not finding.is_grave:
            mark = "[yellow]mind[/]"
        screen.print(f"{mark:>14}  [bold]{finding.name}[/]: {finding.said}")
    grave = [one for one in findings if one.is_grave and not one.is_well]
    screen.print(
        f"\n{len(grave)} thing(s) to mend."
        if grave
        else "\nNothing keeps Apéro from running."
    )
    return not grave


def _look(env: Mapping[str, str]) -> Iterator[Finding]:
    try:
        settings = read(env)
    except (BadSettings, OSError) as error:
        for problem in str(error).splitlines():
            yield Finding("Settings", is_well=False, said=problem)
        return
    yield Finding(
        "Settings", is_well=True, said=f"{settings.environment}, {settings.origin}"
    )
    yield _folder(settings)
    yield _disk(settings)
    yield _assets()
    yield _documents()
    yield from _mail(settings)
    try:
        with _administrator(settings) as admin:
            yield from asyncio.run(_database(settings, admin))
    except (PostgresWontStart, BadSettings, OSError, asyncpg.PostgresError) as error:
        yield Finding("Database", is_well=False, said=f"it does not answer: {error}")


class _administrator:  # noqa: N801 - used as a with statement
    """Where the administrator of the database signs in."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.inner = None if settings.database_url else running(settings.data / "postgres")

    def __enter__(self) -> Address:
        if self.inner is None:
            return Address(url=self.settings.database_url)
        found = self.inner.__enter__()
        return Address(
            host=found.host, port=found.port, role=found.user, password=found.password
        )

    def __exit__(self, *error: object) -> None:
        if self.inner is not None:
            self.inner.__exit__(None, None, None)


def _folder(settings: Settings) -> Finding:
    probe = settings.data / ".doctor"
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        said = f"{settings.data} cannot be written ({error.strerror}). Set APERO_DATA."
        return Finding("Data folder", is_well=False, said=said)
    return Finding("Data folder", is_well=True, said=str(settings.data))


def _disk(settings: Settings) -> Finding:
    usage = shutil.disk_usage(settings.data if settings.data.exists() else Path("/"))
    is_well = not is_nearly_full(settings.data)
    said = f"{usage.free / 1e9:.1f} GB free"
    if not is_well:
        said += ": PostgreSQL stops when it is full. Make room."
    return Finding("Disk", is_well=is_well, said=said)


def _assets() -> Finding:
    try:
        assets.check()
    except AssetsMissing as error:
        return Finding("Front-end files", is_well=False, said=str(error))
    return Finding("Front-end files", is_well=True, said="built")


def _documents() -> Finding:
    html = "<html lang='en'><title>Doctor</title><p>Well</p></html>"
    try:
        rendering.render_pdf_once(html, {}, title="Doctor")
    except (RenderFailed, OSError) as error:
        said = (
            f"no PDF can be made ({error}). Install Pango:"
            " apt-get install libpango-1.0-0 libpangoft2-1.0-0"
        )
        return Finding("Documents", is_well=False, said=said)
    return Finding("Documents", is_well=True, said="a PDF was made")


def _mail(settings: Settings) -> Iterator[Finding]:
    if settings.smtp_url is None:
        said = "APERO_SMTP_URL is not set: letters stay in the mailbox page."
        yield Finding("Letters", is_well=False, said=said, is_grave=settings.is_production)
        return
    url = urlsplit(settings.smtp_url)
    try:
        with socket.create_connection((url.hostname or "", url.port or 587), timeout=5):
            yield Finding("Letters", is_well=True, said=f"{url.hostname} answers")
    except OSError as error:
        said = (
            f"{url.hostname} does not answer ({error}). Letters wait and are tried again."
        )
        yield Finding("Letters", is_well=False, said=said, is_grave=False)


async def _database(settings: Settings, admin: Address) -> list[Finding]:
    addresses = await schema.prepare(settings, admin)
    await DB.open(addresses.app, size=1)
    try:
        return [check async for check in _checks()]
    finally:
        await DB.close()


async def _checks() -> AsyncIterator[Finding]:
    version = (await DB._run_in_pool("SHOW server_version"))[0][0]  # noqa: SLF001
    major, _, minor = version.split(" ")[0].partition(".")
    safe = int(minor or 0) >= SAFE_POSTGRES.get(int(major), 0)
    said = version if safe else f"{version} has known holes; bring it up to date."
    yield Finding("PostgreSQL", is_well=safe, said=said, is_grave=False)
    migrated = await DB._run_in_pool(  # noqa: SLF001
        "SELECT to_regclass('public.migration') IS NOT NULL AS here"
    )
    current = migrated[0]["here"] and await schema.is_current()
    said = "up to date" if current else "not up to date: `apero migrate` does it"
    yield Finding("Schema", is_well=current, said=said)
    if not current:
        return
    role = (
        await DB._run_in_pool(  # noqa: SLF001
            "SELECT rolsuper OR rolbypassrls AS mighty FROM pg_roles"
            " WHERE rolname = current_user"
        )
    )[0]
    said = "the application's role can step over the walls between workspaces"
    yield Finding(
        "Walls",
        is_well=not role["mighty"],
        said=said if role["mighty"] else "the application sees only what it is shown",
    )
    async for check in _work():
        yield check


async def _work() -> AsyncIterator[Finding]:
    """Do letters leave, and was no job given up?"""
    waiting = await jobs.oldest_waiting()
    said = "no letter waits long"
    if waiting > OLDEST_JOB:
        said = f"a job has waited {waiting / 60:.0f} minutes: is `apero serve` running?"
    yield Finding("Outbox", is_well=waiting <= OLDEST_JOB, said=said, is_grave=False)
    failed = await jobs.given_up()
    said = "none was given up"
    if failed:
        said = f"{failed} given up; the log says why, under jobs.failed"
    yield Finding("Jobs", is_well=not failed, said=said, is_grave=False)
