"""The 18 women and 14 social events of Davis, Gardner & Gardner (1941), by file.

The file is in the source's own terms: a name, a meetup, a day. Figures are compared with
the graph that networkx publishes.
"""

from datetime import date, timedelta

import networkx as nx
import pytest

from events.admission.tickets import keys_of
from events.engagement import imports
from events.engagement.imports import Given, Kind
from events.people.communities import make_community
from server.database import scoped, sql


@pytest.mark.validation
async def test_the_women_of_davis_become_members_by_their_names(cast, settings):
    graph = nx.davis_southern_women_graph()
    women = [n for n, at in graph.nodes(data=True) if at["bipartite"] == 0]
    evenings = [n for n, at in graph.nodes(data=True) if at["bipartite"] == 1]
    days = {name: date(2025, 1, 5) + timedelta(7 * int(name[1:])) for name in evenings}
    lines = ["name,meetup,date,series"]
    lines += [f"{w},{e},{days[e]},Davis" for w in women for e in graph[w]]
    by = cast.as_ana
    async with scoped(by):
        community = await make_community("Natchez", by=by, now=cast.now)
    given = Given(
        kind=Kind.ATTENDANCE,
        content="\n".join(lines).encode(),
        filename="davis.csv",
        community_id=community.id,
    )
    more = {"dry_run": False, "keys": keys_of(settings), "by": by, "now": cast.now}
    outcome = await imports.run(given, **more)
    assert outcome.counts["new"] == graph.number_of_edges() == 89
    async with scoped(by):
        rows = await sql(
            "SELECT m.name, t.title FROM registration r JOIN member m ON m.id = r.member_id"
            " JOIN meetup t ON t.id = r.meetup_id WHERE r.attended_at IS NOT NULL"
            " AND t.closed_at IS NOT NULL AND t.series_id IS NOT NULL"
        )
        proofs = await sql("SELECT proof, count(*) FROM identity GROUP BY 1")
    assert {tuple(row) for row in rows} == {(w, e) for w in women for e in graph[w]}
    assert [tuple(row) for row in proofs] == [("imported", 18)]
    assert (await imports.run(given, **more)).is_same_file
