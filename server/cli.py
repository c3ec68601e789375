"""The command `apero`: run the house, fill it, ask it what is wrong."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from server import app, demo, doctor, logs, schema
from server.database import DB, Address
from server.errors import Invalid, Refusal
from server.postgres import EmbeddedPostgres, PostgresWontStart
from server.settings import BadSettings, Settings, read

VERSION = "2026.11.0"

screen = Console(stderr=True, highlight=False)


class House(click.Group):
    """Commands in the order one needs them, and every refusal as a sentence."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, context: click.Context) -> Any:  # noqa: ANN401 - click's signature
        try:
            return super().invoke(context)
        except (BadSettings, PostgresWontStart, schema.SchemaTooNew, demo.NotHere) as error:
            screen.print(f"[bold red]Apéro cannot go on.[/]\n{error}")
        except Refusal as error:
            reasons = error.fields.values() if isinstance(error, Invalid) else [error]
            screen.print("[bold red]No.[/] " + " ".join(str(one) for one in reasons))
        sys.exit(2)


@click.group(cls=House, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Apéro: field events and meetups for community managers.

    `apero demo` shows everything with invented people; `apero serve` runs the real thing.
    Settings come from the environment (see docs/running.md).
    """


def _settings() -> Settings:
    settings = read()
    logs.set_up(settings)
    return settings


Inside = Callable[[Settings, Address, EmbeddedPostgres | None], Coroutine[Any, Any, None]]


def _run(settings: Settings, inside: Inside) -> None:
    """Do something with the database at hand."""
    with app.database(settings) as (admin, keeps):
        asyncio.run(inside(settings, admin, keeps))


Errand = Callable[[Settings], Coroutine[Any, Any, None]]


def _with_rooms(work: Errand) -> None:
    """Do something with the database migrated and open, and no server."""
    settings = _settings()

    async def inside(_: Settings, admin: Address, __: EmbeddedPostgres | None) -> None:
        addresses = await app.ready_database(settings, admin)
        app.make_app(settings)
        await DB.open(addresses.app, size=4)
        try:
            await work(settings)
        finally:
            await DB.close()

    _run(settings, inside)


@main.command()
@click.option(
    "--without-jobs", is_flag=True, help="Leave letters and jobs to `apero worker`."
)
def serve(*, without_jobs: bool) -> None:
    """Serve the site, with its database and its jobs."""

    async def inside(
        settings: Settings, admin: Address, keeps: EmbeddedPostgres | None
    ) -> None:
        screen.print(f"Apéro listens on [bold]{settings.origin}[/] (stop with Ctrl-C)")
        await app.serve(settings, admin, keeps, does_jobs=not without_jobs)

    _run(_settings(), inside)


@main.command()
def worker() -> None:
    """Do jobs only: letters, documents, periodic work."""
    _run(_settings(), lambda settings, admin, _: app.work(settings, admin))


@main.command()
def migrate() -> None:
    """Bring the database's schema up to date, and say what was done."""

    async def inside(
        settings: Settings, admin: Address, _: EmbeddedPostgres | None
    ) -> None:
        done = await schema.migrate(await schema.prepare(settings, admin))
        screen.print("\n".join(f"Migrated: {one}" for one in done) or "Nothing to migrate.")

    _run(_settings(), inside)


@main.command("demo")
def demo_() -> None:
    """Show everything, with invented people, on this machine."""
    os.environ.setdefault("APERO_ENV", "demo")
    os.environ.setdefault("APERO_DATA", "data/demo")
    settings = _settings()

    async def inside(_: Settings, admin: Address, keeps: EmbeddedPostgres | None) -> None:
        await demo.fill(settings, admin, screen)
        screen.print(demo.welcome(settings))
        await app.serve(settings, admin, keeps)

    _run(settings, inside)


@main.command()
@click.option(
    "--profile", type=click.Choice(demo.PROFILES), default="small", show_default=True
)
@click.option("--people", type=click.IntRange(1, 1_000_000), default=40, show_default=True)
@click.option(
    "--json", "path", type=click.Path(path_type=Path), help="Where to write what was made."
)
def seed(profile: str, people: int, path: Path | None) -> None:
    """Make workspaces to test against (APERO_ENV=test or demo)."""

    async def inside(settings: Settings) -> None:
        made = await demo.seed(settings, profile, people, screen)
        text = json.dumps(made, indent=2)
        if path is not None:
            await asyncio.to_thread(path.write_text, text + "\n")
        else:
            click.echo(text)

    _with_rooms(inside)


@main.command("import")
@click.argument("kind", type=click.Choice(["members", "activity", "attendance"]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--workspace", required=True, help="The workspace, as in its address.")
@click.option("--community", required=True, help="The community, as in its address.")
@click.option("--channel", help="The name of the channel, for activity.")
@click.option("--agreed", is_flag=True, help="These people agreed to the comparison.")
@click.option("--day-first/--month-first", default=None, help="How 03/04/2026 is meant.")
@click.option("--dry-run", is_flag=True, help="Say what would change; change nothing.")
def import_(file: Path, **choices: Any) -> None:  # noqa: ANN401 - the options above
    """Bring in members, activity or past attendance from a file."""
    _with_rooms(lambda settings: demo.import_file(settings, file, choices, screen))


@main.command()
@click.argument("workspace")
@click.argument("meetup")
@click.option("--series", is_flag=True, help="MEETUP names a series.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["pdf", "csv", "json"]),
    default="json",
    show_default=True,
)
@click.option(
    "--language", type=click.Choice(["fr", "en"]), default="fr", show_default=True
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="A file; otherwise the terminal."
)
def report(out: Path | None, **choices: Any) -> None:  # noqa: ANN401 - the options above
    """Write the report of a meetup or a series."""

    async def inside(_: Settings) -> None:
        content = await demo.report(choices)
        if out is None:
            sys.stdout.buffer.write(content)
        else:
            await asyncio.to_thread(out.write_bytes, content)

    _with_rooms(inside)


@main.command()
def bounce() -> None:
    """Read a delivery report (RFC 3464) on standard input and note the bounce."""
    content = sys.stdin.buffer.read()
    _with_rooms(lambda _: demo.note_bounce(content, screen))


@main.command("doctor")
def doctor_() -> None:
    """Say in plain words what is wrong, and what to do."""
    ok = doctor.examine(os.environ, screen)
    sys.exit(0 if ok else 1)


@main.command()
def version() -> None:
    """Say which release this is."""
    click.echo(f"apero {VERSION}")
