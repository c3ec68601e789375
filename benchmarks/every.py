"""Every: each list and each page of the site map, small and large, within two limits.

The addresses are walked from the site map itself, as the organiser, the sponsor's contact,
the ambassador, a machine with a token and anybody ask for them. A page that costs the same
with a thousand members and with a hundred thousand does not depend on the number of rows.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median
from typing import Any
from uuid import UUID

from litestar.handlers import HTTPRouteHandler

from benchmarks.asked import Asked, Page, asked, sign_in
from benchmarks.bare import Bare, replay
from benchmarks.engagement import ROLE
from benchmarks.examples import AHEAD, DATED, EXAMPLES, OF_THE_CLOSED, SKIPPED
from benchmarks.figures import Options, milliseconds, options, result
from benchmarks.house import House, in_house, say
from benchmarks.many import LARGE, SMALL, Size, fill, sized
from benchmarks.wire import Answer, Line, Sending, request
from events.engagement import editions
from events.planning import meetups
from server import schema, sitemap, workspaces
from server.audit import Actor, ActorKind
from server.clock import utc_now
from server.database import scoped
from server.demo import seeding
from server.settings import Settings

MOST_STATEMENTS = 8
MOST_MS = 50.0
FILES = re.compile(r"\.(pdf|csv|json|ics|css|ico|txt|js|xml|png|webmanifest)$")
# The first answers fill what is kept in memory.
UNCOUNTED = 2
FEWEST = 5
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Read(Page):
    """One address as one reader asks for it."""

    said: Headers = ()

    def headers(self, _cookie: str) -> list[tuple[str, str]]:
        """What this reader sends: a cookie, or a token."""
        return list(self.said)


@dataclass(frozen=True)
class Place:
    """A filled workspace, its readers and an example for each parameter."""

    slug: str
    said: dict[str, Headers]
    values: dict[str, str]
    ahead: str


@dataclass
class Found:
    """What was measured of one address."""

    small: list[Answer] = field(default_factory=list)
    large: list[Answer] = field(default_factory=list)


def measure(given: Sequence[str]) -> dict[str, Any]:
    """Ask for everything, in a small and in a large workspace."""
    chosen = options(given, seconds=15, clients=1, people=LARGE.members)

    async def scenario(house: House) -> dict[str, Any]:
        small = await _filled(house, "Bench thousand", SMALL)
        large = await _filled(house, "Bench many", sized(chosen.people))
        return await _measured(house, small, large, chosen)

    found: dict[str, Any] = in_house(scenario)
    return found


async def _filled(house: House, name: str, size: Size) -> Place:
    async with house.inside():
        made = await seeding._one(house.settings, name, "small", 20, utc_now())  # noqa: SLF001 - what `seed` does
    workspace = UUID(made["workspace"]["id"])
    say(f"{name}: filled in {await fill(house, workspace, size):.0f} s")
    return await place(house, made)


async def place(house: House, made: dict[str, Any]) -> Place:
    """The readers and the examples of a filled workspace."""
    slug, workspace = made["workspace"]["slug"], UUID(made["workspace"]["id"])
    await _frozen(house, workspace)
    said: dict[str, Headers] = {"anybody": (("accept", "text/html"),)}
    for role in ("owner", "sponsor", "ambassador"):
        cookie = await sign_in(house, slug, role)
        said[role] = (("accept", "text/html"), ("cookie", cookie))
    token = f"Bearer {made['tokens']['owner']}"
    said["machine"] = (("accept", "application/json"), ("authorization", token))
    values = {"slug": slug, "workspace": slug}
    for name, query in EXAMPLES.items():
        rows = await house.ask(query, workspace)
        assert rows, f"There is no {name} to look at."
        values[name] = rows[0][0]
    (ahead,) = await house.ask(AHEAD, workspace)
    return Place(slug, said, values, ahead[0])


async def _frozen(house: House, workspace: UUID) -> None:
    """Every sponsored evening of the past has its edition; all say what the first says."""
    (row,) = await house.ask(OF_THE_CLOSED, workspace)
    by = Actor(ActorKind.SYSTEM, scope=frozenset({workspace}))
    async with house.inside(), scoped(by):
        meetup = await meetups.meetup_by_slug(row["slug"])
        look = await workspaces.look_by_id(workspace)
        await editions.freeze(
            meetup, workspace=look, origin=house.settings.origin, by=by, now=utc_now()
        )
    await house.ask(
        "INSERT INTO report_edition (id, workspace_id, meetup_id, sponsor_id, number,"
        " content, sha256, frozen_at) SELECT gen_random_uuid(), d.workspace_id,"
        " d.meetup_id, d.sponsor_id, 1, e.content, e.sha256, e.frozen_at"
        " FROM (SELECT DISTINCT workspace_id, sponsor_id, meetup_id FROM sponsored) d"
        " JOIN meetup m ON m.workspace_id = d.workspace_id AND m.id = d.meetup_id,"
        " (SELECT * FROM report_edition WHERE workspace_id = $1 ORDER BY id LIMIT 1) e"
        " WHERE d.workspace_id = $1 AND m.closed_at IS NOT NULL ON CONFLICT DO NOTHING",
        workspace,
    )


def addresses(settings: Settings) -> Iterator[tuple[str, str]]:
    """Every list and page of the site map, and who reads it."""
    for audience in sitemap.audiences(settings):
        for handler in audience.handlers:
            assert isinstance(handler, HTTPRouteHandler)
            for path in sorted(handler.paths) if "GET" in handler.http_methods else ():
                full = (audience.prefix.rstrip("/") + path).rstrip("/") or "/"
                plain = re.sub(r"\{(\w+):\w+\}", r"{\1}", full)
                if not FILES.search(plain) and not SKIPPED.search(plain):
                    yield plain, _reader(audience)


def _reader(audience: sitemap.Audience) -> str:
    if audience.prefix in {sitemap.PORTAL, sitemap.AMBASSADOR}:
        return "sponsor" if audience.prefix == sitemap.PORTAL else "ambassador"
    if audience.prefix == sitemap.API:
        return "machine"
    return "anybody" if audience.guard is None else "owner"


def reads(at: Place, settings: Settings) -> list[Read]:
    """Every address, filled with this place's examples."""
    found = []
    today = utc_now().date()
    year = f"?since={today - timedelta(days=180)}&until={today + timedelta(days=180)}"
    for name, who in addresses(settings):
        is_ahead = name.endswith(("/edit", "/postpone", "/cancel", "{meetup}"))
        values = at.values | ({"meetup_slug": at.ahead} if is_ahead else {})
        path = name.format(**values) + (year if name in DATED else "")
        found.append(Read(name, path, who != "anybody", at.said[who]))
    return found


async def _measured(
    house: House, small: Place, large: Place, chosen: Options
) -> dict[str, Any]:
    wanted = reads(large, house.settings)
    questions = await asked(house, wanted, "")
    found = {one.name: Found() for one in wanted}
    share = chosen.seconds / chosen.rounds / len(wanted) / 2
    for number in range(chosen.rounds):
        for one, other in zip(reads(small, house.settings), wanted, strict=True):
            found[one.name].small += await _again(house, one, share)
            found[one.name].large += await _again(house, other, share)
        say(f"Round {number + 1} is done")
    every = {name: _row(found[name], questions[name]) for name in found}
    slowest = max(every, key=lambda name: every[name]["p50_ms"])
    bare = Bare(house.postgres, schema.DATABASE, role=ROLE)
    script = replay(questions[slowest].statements)
    limits = [
        (await bare.run(script, clients=1, seconds=share)).mean_ms
        for _ in range(chosen.rounds)
    ]
    return result(
        "every",
        "ms, the slowest page",
        ours=[every[slowest]["p50_ms"]],
        limit=[median(limits)],
        p50_ms=every[slowest]["p50_ms"],
        p99_ms=every[slowest]["p99_ms"],
        is_time=True,
        more={"people": chosen.people, "slowest": slowest, **_judged(every)},
    )


def _row(found: Found, questions: Asked) -> dict[str, Any]:
    return {
        "thousand_p50_ms": milliseconds(found.small, 0.5),
        "p50_ms": milliseconds(found.large, 0.5),
        "p99_ms": milliseconds(found.large, 0.99),
        "queries": questions.queries,
        "bytes": len(found.large[0].body),
    }


def _judged(every: dict[str, Any]) -> dict[str, Any]:
    """What is over a limit, by name; and everything."""
    return {
        "over_ms": [name for name in every if every[name]["p50_ms"] > MOST_MS],
        "over_queries": [
            name for name in every if every[name]["queries"] > MOST_STATEMENTS
        ],
        "pages": every,
    }


async def _again(house: House, page: Read, seconds: float) -> list[Answer]:
    """Answers to one reader, one after another; the first of each round do not count."""
    line = Line(house.port)
    sending = Sending(page.name, request("GET", page.path, headers=page.headers("")))
    answers: list[Answer] = []
    while len(answers) < UNCOUNTED + FEWEST or sum(a.seconds for a in answers) < seconds:
        answers.append(await line.ask(sending))
    line.close()
    assert {one.status for one in answers} == {200}, (page, answers[0].status)
    return answers[UNCOUNTED:]
