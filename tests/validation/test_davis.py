"""Real attendance: 18 women and 14 occasions (Davis, Gardner and Gardner, 1941).

The record goes in as a CSV, by the import; the report of the series must say what the
graph says. It is the same data that `networkx` carries.
"""

import csv
import io
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import combinations

import networkx as nx
import pytest

from events.admission.tickets import Keys
from events.engagement import imports, metrics, reports
from events.people import communities
from events.planning import series
from server.database import scoped, sql

pytestmark = pytest.mark.validation

NOW = datetime(2026, 11, 5, 17, 0, tzinfo=UTC)
KEYS = Keys(1, {1: b"k" * 32})
PUBLISHED = [3, 3, 6, 4, 8, 8, 10, 14, 12, 5, 4, 6, 3, 3]


def rooms():
    """Who came to each occasion, from the graph."""
    graph = nx.davis_southern_women_graph()
    women = graph.graph["top"]
    occasions = sorted(set(graph) - set(women), key=lambda name: int(name[1:]))
    return [sorted(graph[name]) for name in occasions], women


def as_csv(evenings):
    """One line for each attendance, as a manager would have kept it."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["name", "email", "meetup", "date", "status", "series"])
    for nth, women in enumerate(evenings):
        on = date(2025, 1, 7) + timedelta(weeks=nth)
        for woman in women:
            email = f"{woman.lower().replace(' ', '.')}@natchez.example"
            table.writerow(
                [
                    woman,
                    email,
                    f"Occasion E{nth + 1}",
                    on.isoformat(),
                    "attended",
                    "Natchez",
                ]
            )
    return out.getvalue().encode()


async def test_the_report_of_the_series_equals_the_graph(cast):
    evenings, women = rooms()
    assert [len(people) for people in evenings] == PUBLISHED
    by = cast.as_ana
    async with scoped(by):
        place = await communities.make_community("Natchez", by=by, now=NOW)
    given = imports.Given(
        kind=imports.Kind.ATTENDANCE,
        content=as_csv(evenings),
        filename="davis.csv",
        community_id=place.id,
    )
    started = time.perf_counter()
    outcome = await imports.run(given, dry_run=False, keys=KEYS, by=by, now=NOW)
    imported = time.perf_counter() - started
    assert outcome.written == 89
    again = await imports.run(given, dry_run=False, keys=KEYS, by=by, now=NOW)
    assert again.written == 0
    async with scoped(by):
        line = await series.series_by_slug("natchez")
        started = time.perf_counter()
        report = await reports.series_report(line.id, NOW)
        read = time.perf_counter() - started
        pairs = await sql(
            "SELECT a.name AS one, b.name AS other, count(*) AS shared FROM registration x"
            " JOIN registration y ON y.meetup_id = x.meetup_id"
            " JOIN member a ON a.id = x.member_id JOIN member b ON b.id = y.member_id"
            " WHERE x.attended_at IS NOT NULL AND y.attended_at IS NOT NULL"
            " AND a.name < b.name GROUP BY 1, 2"
        )
    co_attendance = Counter(
        pair for people in evenings for pair in combinations(sorted(people), 2)
    )
    seen: set[str] = set()
    returning = []
    for people in evenings:
        returning.append(len(seen & set(people)))
        seen |= set(people)
    found = {figure.key: figure.value for figure in report.figures}
    assert [one.attended for one in report.meetups] == PUBLISHED
    assert [one.returning for one in report.meetups] == returning
    assert found["meetups"] == 14
    assert found["attendances"] == sum(PUBLISHED) == 89
    assert found["people"] == len(women) == 18
    assert found["returning_share"] == round(sum(returning[1:]) / sum(PUBLISHED[1:]), 4)
    assert found["met"] == len(co_attendance) == 139
    assert found["met_again"] == sum(n > 1 for n in co_attendance.values()) == 95
    assert report.shared == dict(sorted(Counter(co_attendance.values()).items()))
    assert {(row["one"], row["other"]): row["shared"] for row in pairs} == co_attendance
    assert all(figure.state is not metrics.State.MISSING for figure in report.figures)
    print(  # noqa: T201 - shown with -s
        f"\nDavis: imported in {imported:.2f} s, report in {read * 1000:.0f} ms;"
        f" returning share {found['returning_share']}, shared {report.shared}"
    )
