"""Budgets: money that adds up to the cent, and no number where a cost is missing."""

import asyncio
import csv
import io
from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.engagement import costs
from events.engagement.metrics import Figure, State, Unit
from events.pages.spending import rows_of
from events.planning import budgets, meetups, series, sponsors
from events.planning.budgets import Cost, Cover, CoversTooMuch, Kind, Wanted
from server import api_tokens
from server.database import one, scoped
from server.errors import Invalid, NotFound
from server.workspaces import Role
from tests import world
from tests.engagement import evenings
from tests.planning.evenings import a_community, a_meetup

CASH = Wanted(kind=Kind.CASH, label="Boissons", planned_cents=20_000, spent_cents=18_000)
HOURS = Wanted(kind=Kind.HOURS, label="Préparer", minutes=90, hour_cents=3_333)


@pytest.fixture
async def ana(app, cast):
    async with world.browsing(app, cast.ana) as browser:
        yield browser


@pytest.fixture
async def drinks(cast, settings):
    """A meetup with one cost of 180 €."""
    meetup = await a_meetup(cast, settings, published=True)
    line = await budgets.add_line(
        CASH, meetup_id=meetup.id, currency="EUR", by=cast.as_ana, now=cast.now
    )
    return meetup, line


async def a_sponsor(cast, name="Sabline"):
    return await sponsors.make_sponsor(name, by=cast.as_ana, now=cast.now)


def a_cost(cents, covers=(), kind=Kind.CASH, minutes=None, rate=None, planned=None):
    return Cost(
        id=uuid4(),
        meetup_id=uuid4(),
        series_id=None,
        meetup="Apéro",
        slug="apero",
        kind=kind,
        label="x",
        supplier="",
        paid_on=None,
        held_on=None,
        currency="EUR",
        planned_cents=planned,
        spent_cents=cents,
        minutes=minutes,
        hour_cents=rate,
        covers=[Cover(UUID(int=n), f"S{n}", part) for n, part in enumerate(covers)],
    )


# Rules

amounts = st.none() | st.integers(0, 10**9)


@given(st.lists(amounts, max_size=20))
def test_a_sum_is_exact_or_it_is_missing(spent):
    sums = budgets.totals([a_cost(cents) for cents in spent])
    if not spent:
        assert (sums.cost, sums.why) == (None, "cost_missing")
    elif None in spent:
        assert (sums.cost, sums.why, sums.ours) == (None, "cost_incomplete", None)
    else:
        assert (sums.cost, sums.why) == (sum(spent), "")


@given(st.integers(0, 100_000), st.integers(0, 10**7))
def test_hours_cost_to_the_nearest_cent(minutes, rate):
    cents = budgets.hours_cost(minutes, rate)
    assert abs(cents * 60 - minutes * rate) <= 30
    assert budgets.worth(Kind.HOURS, None, minutes, rate) == cents


def test_hours_not_yet_worked_have_no_cost():
    assert budgets.worth(Kind.HOURS, None, None, 3_000) is None


@given(st.integers(0, 10**8), st.lists(st.integers(1, 10**6), max_size=4))
def test_the_rows_of_the_file_add_up_to_the_cost(cost, parts):
    parts = parts if sum(parts) <= cost else []
    rows = rows_of(a_cost(cost, parts))
    cents = sum(int(row[9].replace(".", "").replace(",", "")) for row in rows)
    assert cents == cost
    assert [row[8] for row in rows if row[8]] == [f"S{n}" for n in range(len(parts))]


def test_a_cost_that_is_not_known_is_an_empty_cell():
    (row,) = rows_of(a_cost(None, planned=500))
    assert (row[5], row[9]) in {("5.00", ""), ("5,00", "")}


def test_a_currency_without_cents_is_not_divided():
    yen = a_cost(45_000, planned=50_000)
    (row,) = rows_of(msgspec.structs.replace(yen, currency="JPY"))
    assert (row[5], row[9]) == ("50000", "45000")


def people(value, why=""):
    state = State.MISSING if value is None else State.MEASURED
    return Figure("attended", value, state, Unit.PEOPLE, why=why)


@pytest.mark.parametrize(
    ("lines", "figure", "cents", "why"),
    [
        ([], people(10), None, "cost_missing"),
        ([a_cost(None)], people(10), None, "cost_incomplete"),
        ([a_cost(1_000)], people(None, "not_begun"), None, "not_begun"),
        ([a_cost(1_000)], people(0), None, "nobody"),
        ([a_cost(1_000)], people(3), 333, ""),
        ([a_cost(0)], people(3), 0, ""),
    ],
)
def test_one_person_costs_a_number_or_says_why_not(lines, figure, cents, why):
    found = costs.per_person(
        budgets.totals(lines), dict.fromkeys(costs.SHARES.values(), figure)
    )
    assert {(one_.cents, one_.why) for one_ in found} == {(cents, why)}


def test_what_cannot_stand_is_said_field_by_field():
    wanted = Wanted(kind=Kind.HOURS, label=" ", planned_cents=-1)
    with pytest.raises(Invalid) as refused:
        budgets.checked(wanted)
    assert set(refused.value.fields) == {"label", "planned_cents", "hour_cents"}


# Commands


async def test_sponsors_never_cover_more_than_a_line_costs(cast, drinks):
    _, line = drinks
    first, second = await a_sponsor(cast), await a_sponsor(cast, "Vergnes")
    by = {"by": cast.as_ana, "now": cast.now}
    await budgets.cover(line.id, first.id, 10_000, **by)
    await budgets.cover(line.id, first.id, 12_000, **by)
    with pytest.raises(CoversTooMuch):
        await budgets.cover(line.id, second.id, 6_001, **by)
    await budgets.cover(line.id, second.id, 6_000, **by)
    with pytest.raises(CoversTooMuch):
        await budgets.change_line(
            line.id, Wanted(kind=Kind.CASH, label="Boissons", spent_cents=17_999), **by
        )
    await budgets.cover(line.id, second.id, 0, **by)
    async with scoped(cast.as_ana):
        (found,) = await budgets.of_meetup(line.meetup_id)
    assert [(cover.sponsor, cover.cents) for cover in found.covers] == [("Sabline", 12_000)]
    assert budgets.totals([found]).ours == 6_000


@pytest.mark.committed
async def test_two_sponsors_at_once_never_cover_more_than_the_line(cast, drinks):
    _, line = drinks
    payers = [await a_sponsor(cast, f"Sponsor {n}") for n in range(6)]
    outcomes = await asyncio.gather(
        *(
            budgets.cover(line.id, payer.id, 7_000, by=cast.as_ana, now=cast.now)
            for payer in payers
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(found, CoversTooMuch) for found in outcomes) == 4
    async with scoped(cast.as_ana):
        row = await one("SELECT sum(cents) AS cents FROM coverage")
    assert row["cents"] == 14_000


async def test_a_line_belongs_to_its_workspace_alone(cast, drinks):
    meetup, line = drinks
    there = {"by": cast.as_dov, "now": cast.now}
    with pytest.raises(NotFound):
        await budgets.add_line(CASH, meetup_id=meetup.id, currency="EUR", **there)
    for act in (
        budgets.change_line(line.id, CASH, **there),
        budgets.remove_line(line.id, **there),
        budgets.cover(line.id, uuid4(), 1, **there),
    ):
        with pytest.raises(NotFound):
            await act
    with pytest.raises(NotFound):
        await budgets.cover(line.id, uuid4(), 1, by=cast.as_ana, now=cast.now)


async def test_a_series_costs_its_own_lines_and_its_meetups(cast, settings):
    community = await a_community(cast)
    async with scoped(cast.as_ana):
        line = await series.make_series(
            "Les jeudis", community_id=community, by=cast.as_ana, now=cast.now
        )
    meetup = await a_meetup(cast, settings, community=community, series_id=line.id)
    await a_meetup(cast, settings, title="Ailleurs", community=community)
    by = {"currency": "EUR", "by": cast.as_ana, "now": cast.now}
    await budgets.add_line(CASH, series_id=line.id, **by)
    await budgets.add_line(HOURS, meetup_id=meetup.id, **by)
    async with scoped(cast.as_ana):
        found = await budgets.of_series(line.id)
    assert [one_.kind for one_ in found] == [Kind.CASH, Kind.HOURS]
    assert budgets.totals(found).cost == 18_000 + 5_000


async def test_each_kind_of_person_of_a_series_is_counted(cast):
    place = await evenings.ground(cast.as_ana, cast.now - timedelta(days=120))
    at = cast.now - timedelta(days=60)
    first = await evenings.evening(place, at, by=cast.as_ana)
    again = await evenings.evening(
        place, at + timedelta(days=7), by=cast.as_ana, title="Encore"
    )
    known = {"by": cast.as_ana, "now": at - timedelta(days=200)}
    old = await evenings.crowd(place, 3, **known)
    new = await evenings.crowd(place, 2, joined=at.date() - timedelta(days=5), **known)
    await evenings.registered(first, [*old, *new], by=cast.as_ana, came=True)
    await evenings.registered(again, old, by=cast.as_ana, came=True)
    on = [(person, at.date() + timedelta(days=12), 1) for person in old[:2]]
    await evenings.active(place, on, by=cast.as_ana)
    for meetup in (first, again):
        await meetups.close(meetup, by=cast.as_ana, now=cast.now)
    async with scoped(cast.as_ana):
        missing = await costs.people_of_series(place.series.id, cast.now)
        alone = await costs.people_of_meetup(first, cast.now)
        await one(
            "INSERT INTO import_run (id, workspace_id, community_id, channel_id, kind,"
            " filename, sha256, created_at, committed_at)"
            " VALUES ($1, $2, $3, $4, 'activity', 'x', '', $5, $5) RETURNING id",
            *(uuid4(), cast.orbelune.id, place.community, place.channel, cast.now),
        )
        found = await costs.people_of_series(place.series.id, cast.now)
    assert missing["active_after"].why == "not_settled"
    assert alone["attended"].value == 5
    assert {key: figure.value for key, figure in found.items()} == {
        "attended": 8,
        "newcomers": 2,
        "active_after": 2,
    }


# Pages


async def test_a_cost_is_written_changed_covered_and_taken_off(ana, cast, settings):
    meetup = await a_meetup(cast, settings)
    payer = await a_sponsor(cast)
    path = f"/w/orbelune/meetups/{meetup.slug}/budget"
    empty = await ana.get(path)
    assert "Aucun coût n’est noté." in empty.text
    assert "non mesuré" in empty.text
    made = await ana.post(
        path,
        data={"kind": "cash", "label": "Boissons", "planned": "200", "spent": "180,50"},
    )
    assert (made.status_code, made.headers["location"]) == (303, path)
    async with scoped(cast.as_ana):
        (line,) = await budgets.of_meetup(meetup.id)
    act = f"/w/orbelune/budgets/{line.id}"
    covered = await ana.post(
        f"{act}/cover", data={"sponsor": str(payer.id), "amount": "80,50"}
    )
    assert covered.status_code == 303
    text = (await ana.get(path)).text
    assert "Sabline prend en charge 80,50\N{NO-BREAK SPACE}€" in text
    assert "100,00\N{NO-BREAK SPACE}€" in text
    low = await ana.post(act, data={"kind": "cash", "label": "Boissons", "spent": "10"})
    assert low.status_code == 422
    assert "Les sponsors couvriraient plus" in low.text
    changed = await ana.post(
        act, data={"kind": "cash", "label": "Bières et sirops", "spent": "90"}
    )
    assert changed.status_code == 303
    assert "Bières et sirops" in (await ana.get(path)).text
    assert (await ana.post(f"{act}/remove")).status_code == 303
    assert "Aucun coût n’est noté." in (await ana.get(path)).text
    assert (await ana.post(f"{act}/remove")).status_code == 404


async def test_what_was_typed_is_kept_when_it_is_refused(ana, drinks):
    meetup, line = drinks
    path = f"/w/orbelune/meetups/{meetup.slug}/budget"
    wrong = {"kind": "hours", "label": "Préparer la salle", "worked": "deux", "rate": "x"}
    answer = await ana.post(path, data=wrong)
    assert answer.status_code == 422
    for kept in ("Préparer la salle", "deux", "Écrivez une durée", "Écrivez une somme"):
        assert kept in answer.text
    answer = await ana.post(
        f"/w/orbelune/budgets/{line.id}", data={"kind": "cash", "label": ""}
    )
    assert answer.status_code == 422
    answer = await ana.post(f"/w/orbelune/budgets/{line.id}/cover", data={"amount": "12"})
    assert answer.status_code == 422


async def test_a_page_costs_the_same_questions_however_long_it_is(ana, cast, drinks):
    meetup, _ = drinks
    path = f"/w/orbelune/meetups/{meetup.slug}/budget"
    await ana.get(path)
    async with world.counting_queries() as few:
        await ana.get(path)
    for _ in range(8):
        await budgets.add_line(
            HOURS, meetup_id=meetup.id, currency="EUR", by=cast.as_ana, now=cast.now
        )
    async with world.counting_queries() as many:
        await ana.get(path)
    assert len(few) == len(many)


async def test_the_files_add_up_to_the_cent_and_run_no_formula(ana, cast, drinks):
    meetup, line = drinks
    payer = await a_sponsor(cast)
    await budgets.cover(line.id, payer.id, 5_001, by=cast.as_ana, now=cast.now)
    bad = Wanted(kind=Kind.CASH, label='=HYPERLINK("http://x")', spent_cents=199)
    await budgets.add_line(
        bad, meetup_id=meetup.id, currency="EUR", by=cast.as_ana, now=cast.now
    )
    year = cast.soon.year
    for path in (
        f"/w/orbelune/meetups/{meetup.slug}/budget.csv",
        f"/w/orbelune/budgets.csv?since={year}-01-01&until={year}-12-31",
    ):
        answer = await ana.get(path)
        assert answer.headers["content-type"].startswith("text/csv")
        head, *rows = csv.reader(
            io.StringIO(answer.text.removeprefix("\ufeff")), delimiter=";"
        )
        assert head[9] == "Montant"
        assert sum(int(row[9].replace(",", "")) for row in rows) == 18_199
        assert {row[0] for row in rows} == {cast.soon.date().isoformat()}
        assert "'=HYPERLINK" in answer.text
    assert (
        "Boissons"
        not in (
            await ana.get("/w/orbelune/budgets.csv?since=1999-01-01&until=1999-12-31")
        ).text
    )


async def test_a_series_and_a_period_have_their_pages(ana, cast, settings):
    community = await a_community(cast)
    async with scoped(cast.as_ana):
        line = await series.make_series(
            "Les jeudis", community_id=community, by=cast.as_ana, now=cast.now
        )
    path = f"/w/orbelune/series/{line.slug}/budget"
    assert (await ana.get(path)).status_code == 200
    year = cast.soon.year
    assert (
        "Aucun coût sur cette période"
        in (await ana.get("/w/orbelune/budgets?since=x")).text
    )
    made = await ana.post(
        path,
        data={
            "kind": "in_kind",
            "label": "Affiches",
            "spent": "12",
            "paid_on": f"{year}-05-02",
        },
    )
    assert made.status_code == 303
    meetup = await a_meetup(cast, settings, community=community, series_id=line.id)
    await budgets.add_line(
        HOURS, meetup_id=meetup.id, currency="EUR", by=cast.as_ana, now=cast.now
    )
    text = (await ana.get(path)).text
    assert "Affiches" in text
    assert f"/w/orbelune/meetups/{meetup.slug}/budget" in text
    for lang in ("fr", "en"):
        period = await ana.get(
            f"/w/orbelune/budgets?since={year}-01-01&until={year}-12-31&lang={lang}"
        )
        assert f"{path}" in period.text
        assert "1\u00a0h\u00a030" in period.text or "1 h 30" in period.text
    assert (await ana.get(f"{path}.csv")).status_code == 200


async def test_nobody_of_another_workspace_meets_a_budget(app, cast, drinks):
    meetup, line = drinks
    paths = [
        f"/w/orbelune/meetups/{meetup.slug}/budget",
        f"/w/orbelune/meetups/{meetup.slug}/budget.csv",
        f"/w/ailleurs/meetups/{meetup.slug}/budget",
        f"/w/ailleurs/meetups/{meetup.slug}/budget.csv",
    ]
    async with world.browsing(app, cast.dov) as dov:
        for path in paths:
            assert (await dov.get(path)).status_code == 404, path
        for act in ("", "/cover", "/remove"):
            answer = await dov.post(
                f"/w/ailleurs/budgets/{line.id}{act}", data={"kind": "cash"}
            )
            assert answer.status_code == 404
        assert (
            "Boissons"
            not in (
                await dov.get("/w/ailleurs/budgets?since=2000-01-01&until=2030-01-01")
            ).text
        )
    async with world.browsing(app, cast.bilal) as bilal:
        assert (await bilal.get(paths[0])).status_code == 404


# Machines


async def test_machines_write_and_read_a_budget(app, cast, drinks):
    meetup, line = drinks
    payer = await a_sponsor(cast)
    community = await a_community(cast, "Autre")
    async with scoped(cast.as_ana):
        made = await series.make_series(
            "Les lundis", community_id=community, by=cast.as_ana, now=cast.now
        )
    scopes = ["read", "write"]
    token, other = [
        await api_tokens.issue_token(
            "b", Role.MANAGER, scopes, account_id=who, by=by, now=world.NOW
        )
        for who, by in ((cast.ana, cast.as_ana), (cast.dov, cast.as_dov))
    ]
    base = "/api/v1"
    body = {"kind": "hours", "label": "Accueil", "minutes": 60, "hour_cents": 2500}
    period = f"{base}/budgets?since=2026-01-01&until=2026-12-31"
    async with world.browser_of(app, authorization=f"Bearer {token}") as machine:
        added = await machine.post(f"{base}/meetups/{meetup.id}/budget", json=body)
        assert (added.status_code, added.json()["worth_cents"]) == (201, 2500)
        of_series = await machine.post(
            f"{base}/series/{made.slug}/budget", json=body | {"supplier": "Léa"}
        )
        assert of_series.json()["series_id"] == str(made.id)
        cover = {"sponsor_id": str(payer.id), "cents": 8_000}
        kept = await machine.put(f"{base}/budgets/{line.id}/cover", json=cover)
        assert kept.json()["covered_by"][0]["cents"] == 8_000
        too_much = await machine.put(
            f"{base}/budgets/{line.id}/cover", json=cover | {"cents": 18_001}
        )
        assert too_much.status_code == 409
        wrong = await machine.put(f"{base}/budgets/{line.id}", json=body | {"label": " "})
        assert wrong.status_code == 422
        again = await machine.put(
            f"{base}/budgets/{line.id}",
            json={"kind": "cash", "label": "Sirops", "spent_cents": 9_000},
        )
        assert again.json()["label"] == "Sirops"
        budget = (await machine.get(f"{base}/meetups/{meetup.id}/budget")).json()
        assert (budget["cost_cents"], budget["covered_cents"], budget["remains_cents"]) == (
            11_500,
            8_000,
            3_500,
        )
        assert budget["shares"][0] == {
            "key": "cost_per_attendance",
            "cents": None,
            "people": None,
            "why": "not_closed",
        }
        assert (await machine.get(f"{base}/series/{made.slug}/budget")).json()[
            "cost_cents"
        ] == 2500
        first = (await machine.get(f"{period}&limit=1")).json()
        second = (await machine.get(f"{period}&limit=50&after={first['next']}")).json()
        assert len(first["items"]) == 1
        assert first["items"][0]["id"] not in {one_["id"] for one_ in second["items"]}
        assert (await machine.delete(f"{base}/budgets/{line.id}")).status_code == 204
        assert (await machine.delete(f"{base}/budgets/{line.id}")).status_code == 404
    async with world.browser_of(app, authorization=f"Bearer {other}") as machine:
        for path in (
            f"{base}/meetups/{meetup.id}/budget",
            f"{base}/series/{made.slug}/budget",
        ):
            assert (await machine.get(path)).status_code == 404
        assert (await machine.get(period)).json()["items"] == []
        assert (
            await machine.put(f"{base}/budgets/{line.id}", json=body)
        ).status_code == 404
