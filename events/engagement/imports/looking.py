"""Looking at a file: what it would do, row by row, without writing anything."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec

from events.engagement.activity import Act
from events.engagement.imports import acts, attendance, headings, members
from events.engagement.imports.dates import Dates
from events.engagement.imports.headings import Columns, Kind
from events.engagement.imports.sheets import Sheet
from events.engagement.imports.tallies import Preview, Tally
from events.people.channels import OF_FILES
from events.people.communities import communities
from server.database import one
from server.errors import NotFound
from server.i18n import zone

_DATED = ("joined_on", "at", "date", "checked_in_at")
STRIDE = 5_000


class Choices(msgspec.Struct, frozen=True):
    """What somebody said of a file: the order of its dates, and an agreement."""

    day_first: bool | None = None
    linking_text: str = ""
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class Given:
    """A file with all that is needed to read it."""

    kind: Kind
    content: bytes = field(repr=False)
    filename: str
    community_id: UUID
    channel_id: UUID | None = None
    choices: Choices = field(default_factory=Choices)


@dataclass(frozen=True)
class Reader:
    """A file, its columns and its dates, once they are known."""

    sheet: Sheet
    columns: Columns
    dates: Dates


async def reader(given: Given, sheet: Sheet) -> Reader:
    """How this file is to be read: its columns, and what its dates say of their order."""
    row = await one(
        "SELECT w.time_zone FROM community c JOIN workspace w ON w.id = c.workspace_id"
        " WHERE c.workspace_id = ANY (apero_scope()) AND c.id = $1",
        given.community_id,
    )
    if row is None:
        raise NotFound
    columns = headings.match(sheet.headings, given.kind)
    dates = Dates(zone(row["time_zone"]), given.choices.day_first)
    dated = [columns.at[name] for name in _DATED if name in columns.at]
    for number, (_, cells) in enumerate(sheet.rows()):
        for index in dated:
            if index < len(cells):
                dates.learn(cells[index].strip())
        if number % STRIDE == 0:
            await asyncio.sleep(0)
    return Reader(sheet, columns, dates)


async def look_at(
    given: Given, sheet: Sheet, *, already_at: datetime | None, now: datetime
) -> Preview:
    """The preview of a file, in the current transaction."""
    read = await reader(given, sheet)
    preview = outline(given, read, already_at=already_at)
    if preview.missing:
        return preview
    if given.kind is Kind.MEMBERS:
        await members_of(given, read, preview.tally)
    elif given.kind is Kind.ATTENDANCE:
        await attendance_of(given, read, preview.tally, now)
    else:
        await _acts(given, read, preview.tally, now)
    return preview


def outline(given: Given, read: Reader, *, already_at: datetime | None) -> Preview:
    """What is known of a file before its rows are judged."""
    return Preview(
        kind=given.kind,
        filename=given.filename,
        rows=read.sheet.size,
        columns=read.columns,
        missing=headings.missing(read.columns, given.kind),
        asks_day_first=read.dates.needs_answer,
        day_first=read.dates.order,
        already_at=already_at,
    )


async def members_of(given: Given, read: Reader, tally: Tally) -> members.Plan:
    """What a file of members would do."""
    places = {one.slug: one.id for one in await communities()}
    reading = members.Reading(read.columns, read.dates, places, given.community_id)
    found = members.people(read.sheet, reading, tally)
    return await members.plan(found, given.channel_id, tally)


async def attendance_of(
    given: Given, read: Reader, tally: Tally, now: datetime
) -> attendance.Plan:
    """What a file of attendance would do."""
    imported = await one(
        "SELECT id FROM channel WHERE workspace_id = ANY (apero_scope())"
        " AND community_id = $1 AND name = $2",
        given.community_id,
        OF_FILES,
    )
    reading = attendance.Reading(
        read.columns,
        read.dates,
        given.community_id,
        given.channel_id,
        imported["id"] if imported else None,
        now.astimezone(read.dates.zone).date(),
    )
    seats, people = attendance.seats(read.sheet, reading, tally)
    return await attendance.plan(seats, people, reading, tally)


async def differing(read: Reader, now: datetime) -> set[int]:
    """The ids of a file of activity that contradict each other."""
    differ: set[int] = set()
    reading = acts.Reading(read.sheet, read.columns, read.dates, now=now)
    for _ in acts.twins(reading, differ):
        await asyncio.sleep(0)
    return differ


async def _acts(given: Given, read: Reader, tally: Tally, now: datetime) -> None:
    assert given.channel_id is not None  # noqa: S101 - checked before anything is read
    differ = await differing(read, now)
    seen: set[int] = set()
    reading = acts.Reading(read.sheet, read.columns, read.dates, now=now)
    for part in reading.parts():
        usable = []
        for (line, row), act, _ in part:
            code = refused(act, differ)
            if code:
                tally.add(code, line, row)
            elif isinstance(act, Act):
                usable.append((line, row, act))
        found = await acts.fates([act for *_, act in usable], given.channel_id, seen)
        for (line, row, _), code in zip(usable, found, strict=True):
            tally.add(code, line, row)
        pairs = zip(usable, found, strict=True)
        new = [act for (*_, act), code in pairs if code == "new_act"]
        tally.unlinked += await acts.of_nobody(new, given.channel_id)


def refused(act: Act | str, differ: set[int]) -> str:
    """The code of why a row is kept out, or nothing."""
    if isinstance(act, str):
        return act
    return "differs" if hash(act.external_id) in differ else ""
