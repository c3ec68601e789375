"""Many: the pages about members with a thousand of them, and with a hundred thousand.

The same two workspaces live in one house; each page is opened by one reader, in turns. A
page that costs the same in both does not depend on the number of rows. `fill` makes such a
workspace for any other scenario.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg

from benchmarks.asked import Asked, Page, asked, sign_in
from benchmarks.bare import Bare, replay
from benchmarks.engagement import ROLE
from benchmarks.figures import Options, milliseconds, options, result
from benchmarks.house import House, in_house, say
from benchmarks.wire import Answer, Sending, flat_out, request
from server import schema
from server.clock import utc_now
from server.demo import seeding
from server.demo.story import FIRST_NAMES, LAST_NAMES

SCRIPTS = [Path(__file__).with_name(name) for name in ("many.sql", "around.sql")]
HEADLINE = "members"


@dataclass(frozen=True)
class Size:
    """How large a workspace is made."""

    members: int
    meetups: int
    activities: int


LARGE = Size(members=100_000, meetups=1_000, activities=1_000_000)
SMALL = Size(members=1_000, meetups=20, activities=10_000)


@dataclass(frozen=True)
class Place:
    """A filled workspace: its address, and one of its members."""

    slug: str
    workspace_id: UUID
    member_id: UUID
    cookie: str


def measure(given: Sequence[str]) -> dict[str, Any]:
    """Open the pages about members of a small and of a large workspace."""
    chosen = options(given, seconds=40, clients=1, people=LARGE.members)

    async def scenario(house: House) -> dict[str, Any]:
        return await _measured(house, chosen)

    found: dict[str, Any] = in_house(scenario)
    return found


def sized(people: int) -> Size:
    """A workspace of so many members, with as much around each as in the large one."""
    return Size(people, max(20, people // 100), people * 10)


async def fill(house: House, workspace_id: UUID, size: Size) -> float:
    """Write a large workspace straight into the tables; how many seconds it took."""
    started = time.monotonic()
    found = house.postgres
    session = await asyncpg.connect(
        host=found.host,
        port=found.port,
        user=found.user,
        password=found.password,
        database=schema.DATABASE,
    )
    try:
        await _tell(session, workspace_id, size)
        for script in SCRIPTS:
            await session.execute(script.read_text())
        await session.execute("VACUUM (ANALYZE)")
    finally:
        await session.close()
    return time.monotonic() - started


async def _tell(session: Any, workspace_id: UUID, size: Size) -> None:  # noqa: ANN401
    said = {
        "workspace": str(workspace_id),
        "members": str(size.members),
        "meetups": str(size.meetups),
        "activities": str(size.activities),
        "first": _array(FIRST_NAMES),
        "last": _array(LAST_NAMES),
    }
    for name, value in said.items():
        await session.execute("SELECT set_config($1, $2, false)", f"many.{name}", value)


def _array(words: Sequence[str]) -> str:
    return "{" + ",".join(f'"{word}"' for word in words) + "}"


async def open_filled(house: House, name: str, size: Size) -> Place:
    """A workspace made by the ordinary commands, then filled."""
    async with house.inside():
        made = await seeding._one(house.settings, name, "small", 20, utc_now())  # noqa: SLF001 - what `seed` does
    workspace = UUID(made["workspace"]["id"])
    took = await fill(house, workspace, size)
    say(f"{name}: {size.members} members, {size.activities} acts in {took:.0f} s")
    (row,) = await house.ask(
        "SELECT r.member_id FROM registration r WHERE r.workspace_id = $1"
        " AND r.attended_at IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
        workspace,
    )
    slug = made["workspace"]["slug"]
    return Place(slug, workspace, row["member_id"], await sign_in(house, slug))


def member_pages(place: Place) -> list[Page]:
    """The lists of members that cost most, and the page of the member who came most."""
    people = f"/w/{place.slug}/people"
    paths = {
        HEADLINE: people,
        "a common name": f"{people}?q=ines",
        "a name nobody has": f"{people}?q=wxyz",
        "an address": f"{people}?q=m99%40",
        "a community": f"{people}?community=many-2",
        "a tag": f"{people}?tag=marque-3",
        "came often": f"{people}?came=5",
        "came very often": f"{people}?came=500",
        "away since": f"{people}?came=1&away_since={utc_now().year - 2}-01-01",
        "active lately": f"{people}?active_since={utc_now().year}-10-01",
        "not linked": f"{people}?linked=no",
        "many at once": f"{people}?q=petit&came=2&linked=yes&community=many-2",
        "a member": f"{people}/{place.member_id}",
        "communities": f"/w/{place.slug}/communities",
    }
    return [Page(name, path, is_signed_in=True) for name, path in paths.items()]


async def _measured(house: House, chosen: Options) -> dict[str, Any]:
    small = await open_filled(house, "Bench thousand", SMALL)
    large = await open_filled(house, "Bench many", sized(chosen.people))
    pages = {place.slug: member_pages(place) for place in (small, large)}
    questions = await asked(house, pages[large.slug], large.cookie)
    bare = Bare(house.postgres, schema.DATABASE, role=ROLE)
    share = chosen.seconds / chosen.rounds / len(questions) / 3
    found: dict[tuple[str, str], list[Answer]] = {}
    limits: dict[str, list[float]] = {name: [] for name in questions}
    for number in range(chosen.rounds):
        for place in (small, large):
            for page in pages[place.slug]:
                answers = await _again(house, page, place.cookie, share)
                found.setdefault((page.name, place.slug), []).extend(answers)
        for name, one in questions.items():
            script = replay(one.statements)
            bench = await bare.run(script, clients=1, seconds=share)
            limits[name].append(bench.mean_ms)
        say(f"Round {number + 1} is done")
    every = {
        name: _row(found[name, small.slug], found[name, large.slug], limits[name], one)
        for name, one in questions.items()
    }
    return _result(every, found[HEADLINE, large.slug], limits[HEADLINE], chosen)


def _row(
    small: list[Answer], large: list[Answer], limits: list[float], questions: Asked
) -> dict[str, Any]:
    return {
        "thousand_p50_ms": milliseconds(small, 0.5),
        "p50_ms": milliseconds(large, 0.5),
        "p99_ms": milliseconds(large, 0.99),
        "bare_ms": round(median(limits), 2),
        "queries": questions.queries,
    }


def _result(
    every: dict[str, Any], answers: list[Answer], limits: list[float], chosen: Options
) -> dict[str, Any]:
    return result(
        "many",
        "ms",
        ours=[milliseconds(answers, 0.5)],
        limit=[median(limits)],
        p50_ms=every[HEADLINE]["p50_ms"],
        p99_ms=every[HEADLINE]["p99_ms"],
        is_time=True,
        more={"people": chosen.people, "pages": every},
    )


async def _again(house: House, page: Page, cookie: str, seconds: float) -> list[Answer]:
    sending = Sending(page.name, request("GET", page.path, headers=page.headers(cookie)))
    load = await flat_out(house.port, 1, iter(lambda: sending, None), seconds=seconds)
    assert {one.status for one in load.answers} == {200}, (page, load.answers[0].status)
    return load.answers
