"""Reports: how long a community manager waits for what a meetup and a series came to.

Cold is the first page after the site and its database were started again; warm is the
same page over and over, one reader. The bare database says the same statements again.
"""

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.asked import Asked, Page, asked, sign_in
from benchmarks.bare import Bare, replay
from benchmarks.figures import Options, milliseconds, options, result
from benchmarks.house import House, in_house, say
from benchmarks.wire import Answer, Line, Sending, flat_out, request
from server import schema

ROLE = "apero_app"


def measure(given: Sequence[str]) -> dict[str, Any]:
    """Read the reports of a seeded community."""
    chosen = options(given, seconds=45, clients=1, people=2000)

    async def scenario(house: House) -> dict[str, Any]:
        return await _measured(house, chosen)

    found: dict[str, Any] = in_house(scenario)
    return found


async def _measured(house: House, chosen: Options) -> dict[str, Any]:
    made = await house.seed("engagement", chosen.people)
    await house.ask("ANALYZE")
    pages = await _reports(house, made)
    cookie = await sign_in(house, made["workspace"]["slug"])
    questions = await asked(house, pages, cookie)
    seconds = chosen.seconds / chosen.rounds / len(pages) / 2
    cold: dict[str, list[float]] = {page.name: [] for page in pages}
    warm: dict[str, list[list[Answer]]] = {page.name: [] for page in pages}
    limits: dict[str, list[float]] = {page.name: [] for page in pages}
    for number in range(chosen.rounds):
        house.stop()
        say(f"Round {number + 1}: started again in {house.start():.1f} s")
        bare = Bare(house.postgres, schema.DATABASE, role=ROLE)
        for page in pages:
            cold[page.name].append((await _first(house, page, cookie)).seconds * 1000)
        for page in pages:
            warm[page.name].append(await _again(house, page, cookie, seconds))
            script = replay(questions[page.name].statements)
            bench = await bare.run(script, clients=1, seconds=seconds)
            limits[page.name].append(bench.mean_ms)
    found = {
        name: _found(cold[name], warm[name], limits[name], questions[name])
        for name in questions
    }
    (acts,) = await house.ask("SELECT count(*) AS kept FROM activity")
    more = {"people": chosen.people, "activities": acts["kept"], "reports": found}
    return _result(warm["meetup"], limits["meetup"], found, more)


def _result(
    warm: list[list[Answer]],
    limits: list[float],
    found: dict[str, dict[str, Any]],
    more: dict[str, object],
) -> dict[str, Any]:
    return result(
        "engagement",
        "ms",
        ours=[milliseconds(one, 0.5) for one in warm],
        limit=limits,
        p50_ms=found["meetup"]["warm_p50_ms"],
        p99_ms=found["meetup"]["warm_p99_ms"],
        is_time=True,
        more=more,
    )


def _found(
    cold: list[float], warm: list[list[Answer]], limits: list[float], questions: Asked
) -> dict[str, Any]:
    answers = [one for some in warm for one in some]
    return {
        "cold_ms": round(median(cold), 1),
        "warm_p50_ms": milliseconds(answers, 0.5),
        "warm_p99_ms": milliseconds(answers, 0.99),
        "bare_ms": round(median(limits), 2),
        "queries": questions.queries,
        "round_trips": len(questions.statements),
    }


async def _reports(house: House, made: dict[str, Any]) -> list[Page]:
    """The report of the latest closed meetup, and that of its series."""
    (row,) = await house.ask(
        "SELECT m.slug AS meetup, s.slug AS series FROM meetup m"
        " JOIN series s ON s.workspace_id = m.workspace_id AND s.id = m.series_id"
        " WHERE m.workspace_id = $1::text::uuid AND m.closed_at IS NOT NULL"
        " ORDER BY m.starts_at DESC LIMIT 1",
        made["workspace"]["id"],
    )
    path = f"/w/{made['workspace']['slug']}"
    return [
        Page("meetup", f"{path}/meetups/{row['meetup']}/report", is_signed_in=True),
        Page("series", f"{path}/series/{row['series']}/report", is_signed_in=True),
    ]


async def _first(house: House, page: Page, cookie: str) -> Answer:
    line = Line(house.port)
    message = request("GET", page.path, headers=page.headers(cookie))
    answer = await line.ask(Sending(page.name, message))
    line.close()
    assert answer.status == 200, (page, answer.status)
    return answer


async def _again(house: House, page: Page, cookie: str, seconds: float) -> list[Answer]:
    sending = Sending(page.name, request("GET", page.path, headers=page.headers(cookie)))
    load = await flat_out(house.port, 1, iter(lambda: sending, None), seconds=seconds)
    assert {one.status for one in load.answers} == {200}
    return load.answers
