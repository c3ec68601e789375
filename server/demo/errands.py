"""What the command line does with real files: import one, write a report, note a bounce."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from events.admission import tickets
from events.engagement import documents, imports
from events.engagement.imports import Choices, Given, Kind
from events.people import channels, communities
from server import bounces, workspaces
from server.audit import Actor, system
from server.clock import utc_now
from server.database import scoped
from server.demo.making import AGREED
from server.errors import Invalid, NotFound
from server.i18n import lazy
from server.look import Look
from server.settings import Settings


class NoSuchWorkspace(NotFound):
    message = lazy("No workspace has this address.")


class NoSuchPlace(NotFound):
    message = lazy("This workspace has nothing of that address.")


@contextmanager
def named(refusal: type[NotFound]) -> Iterator[None]:
    """Say what was not found, to somebody who typed its name."""
    try:
        yield
    except NotFound as error:
        raise refusal from error


async def import_file(
    settings: Settings, file: Path, choices: dict[str, Any], screen: Console
) -> None:
    """Bring a file in, and say what became of its rows."""
    with named(NoSuchWorkspace):
        look = await workspaces.look(choices["workspace"])
    by = system(look.id)
    given = await _given(file, choices, look, by)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=screen, transient=True) as progress:
        task = progress.add_task(file.name, total=None)
        outcome = await imports.run(
            given,
            dry_run=choices["dry_run"],
            keys=tickets.keys_of(settings),
            by=by,
            now=utc_now(),
            on_progress=lambda done, total: progress.update(
                task, completed=done, total=total
            ),
        )
    screen.print(str(outcome))


async def _given(file: Path, choices: dict[str, Any], look: Look, by: Actor) -> Given:
    """The file, with the community and the channel that were named."""
    with named(NoSuchPlace):
        async with scoped(by):
            community = await communities.community_by_slug(choices["community"])
            known = {one.name: one.id for one in await channels.channels(community.id)}
    if choices["channel"] and choices["channel"] not in known:
        raise Invalid(channel=lazy("This community has no channel of that name."))
    return Given(
        kind=Kind(choices["kind"]),
        content=await asyncio.to_thread(file.read_bytes),
        filename=file.name,
        community_id=community.id,
        channel_id=known.get(choices["channel"]),
        choices=Choices(
            day_first=choices["day_first"],
            linking_text=AGREED if choices["agreed"] else "",
            language=look.language,
        ),
    )


async def report(choices: dict[str, Any]) -> bytes:
    """The report of a meetup or of a series, as a file."""
    with named(NoSuchWorkspace):
        await workspaces.look(choices["workspace"])
    with named(NoSuchPlace):
        return await documents.document(
            "series" if choices["series"] else "meetup",
            choices["workspace"],
            choices["meetup"],
            choices["form"],
            choices["language"],
            utc_now(),
        )


async def note_bounce(content: bytes, screen: Console) -> None:
    """Note a letter that came back."""
    found = await bounces.note_bounce(content, now=utc_now())
    screen.print("Noted." if found else "This is not about a letter of ours.")
