"""Venues have their pages: found, written down, changed, archived, with what was held."""

from datetime import timedelta
from uuid import uuid4

import pytest

from events.admission import registrations
from events.planning import meetups, venues
from events.planning.venues import About
from server import api_tokens
from server.database import scoped, sql
from server.errors import Invalid, NotFound
from server.workspaces import Role
from tests import world
from tests.planning.evenings import a_meetup, registers, said

HOME = "/w/orbelune/venues"


@pytest.fixture
async def ana(app, cast):
    async with world.browsing(app, cast.ana) as browser:
        yield browser


@pytest.fixture
async def machine(app, cast):
    token = await api_tokens.issue_token(
        "Planning",
        Role.MANAGER,
        ["read", "write"],
        account_id=cast.ana,
        by=cast.as_ana,
        now=cast.now,
    )
    async with world.browser_of(app, authorization=f"Bearer {token}") as browser:
        yield browser


async def a_venue(cast, name="Le Comptoir", by=None, **facts):
    about = About(name=name, **facts)
    return await venues.write(about, by=by or cast.as_ana, now=cast.now)


# Rules and commands


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x", "capacity": 0}, "capacity"),
        ({"name": "x", "hard_limit": 100_001}, "hard_limit"),
        ({"name": "x", "capacity": 61, "hard_limit": 60}, "capacity"),
    ],
)
async def test_what_a_venue_cannot_be(cast, facts, field):
    with pytest.raises(Invalid) as no:
        await venues.write(About(**facts), by=cast.as_ana, now=cast.now)
    assert list(no.value.fields) == [field]


async def test_each_venue_has_its_own_address_of_ours(cast):
    slugs = [
        (await a_venue(cast, name)).slug
        for name in ("Le Comptoir", "Le comptoir", "New", "…")
    ]
    assert slugs == ["le-comptoir", "le-comptoir-2", "new-2", "venue"]
    with pytest.raises(venues.VenueExists):
        await a_venue(cast, "Le Comptoir")


async def test_a_limit_is_not_lowered_below_what_is_planned(cast, settings):
    venue = await a_venue(cast, hard_limit=60)
    meetup = await a_meetup(cast, settings, venue_id=venue.id, capacity=50)
    lower = About(name="Le Comptoir", hard_limit=40)
    with pytest.raises(venues.TooManyPlanned):
        await venues.change(venue.id, lower, by=cast.as_ana, now=cast.now)
    await meetups.resize(meetup, 40, by=cast.as_ana, now=cast.now)
    await venues.change(venue.id, lower, by=cast.as_ana, now=cast.now)


async def test_another_workspaces_venue_is_not_touched(cast):
    theirs = await a_venue(cast, by=cast.as_dov)
    for act in (
        venues.change(theirs.id, About(name="x"), by=cast.as_ana, now=cast.now),
        venues.archive(theirs.id, by=cast.as_ana, now=cast.now),
        venues.bring_back(theirs.id, by=cast.as_ana, now=cast.now),
    ):
        with pytest.raises(NotFound):
            await act


async def test_a_venue_named_again_in_a_form_is_offered_again(cast):
    venue = await a_venue(cast, capacity=30)
    await venues.archive(venue.id, by=cast.as_ana, now=cast.now)
    again = await venues.make_venue(
        "Le Comptoir", hard_limit=20, by=cast.as_ana, now=cast.now
    )
    async with scoped(cast.as_ana):
        (place,) = await venues.venues()
    assert (place.id, place.capacity, place.hard_limit) == (again, 20, 20)


# Pages


async def test_a_venue_is_written_down_read_and_changed(ana, cast):
    assert (
        "Aucun lieu" in (await ana.get(HOME)).text
        or "premier" in (await ana.get(HOME)).text
    )
    assert (await ana.get(f"{HOME}/new")).status_code == 200
    answers = {
        "name": "Le Comptoir",
        "address": "3, rue Basse",
        "access": "Au fond\nde la cour",
        "capacity": "40",
        "hard_limit": "60",
        "terms": "Salle offerte",
        "contact": "Nadia",
        "website": "comptoir.example",
    }
    answer = await ana.post(f"{HOME}/new", data=answers)
    assert answer.headers["location"] == f"{HOME}/le-comptoir"
    page = (await ana.get(answer.headers["location"])).text
    for words in ("3, rue Basse", "de la cour", "Salle offerte", "Nadia", "40", "60"):
        assert words in page
    assert 'href="https://comptoir.example"' in page
    form = (await ana.get(f"{HOME}/le-comptoir/edit")).text
    assert 'value="3, rue Basse"' in form
    changed = answers | {"name": "Le Grand Comptoir"}
    assert (await ana.post(f"{HOME}/le-comptoir/edit", data=changed)).status_code == 303
    assert "Le Grand Comptoir" in (await ana.get(HOME)).text


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Pris"}, "name"),
        ({"name": "x", "capacity": "beaucoup"}, "capacity"),
        ({"name": "x", "capacity": "70", "hard_limit": "60"}, "capacity"),
        ({"name": "x", "website": "pas un site"}, "website"),
    ],
)
async def test_a_wrong_answer_keeps_the_rest(ana, cast, answers, field):
    await a_venue(cast, "Pris")
    await a_venue(cast, "Autre")
    for form in (f"{HOME}/new", f"{HOME}/autre/edit"):
        answer = await ana.post(form, data=answers | {"address": "3, rue Basse"})
        assert answer.status_code == 422
        assert 'value="3, rue Basse"' in answer.text
        assert f"f-{field}-wrong" in answer.text


async def test_a_limit_that_is_too_low_is_said_under_it(ana, cast, settings):
    venue = await a_venue(cast, hard_limit=60)
    await a_meetup(cast, settings, venue_id=venue.id, capacity=50)
    form = f"{HOME}/le-comptoir/edit"
    answer = await ana.post(form, data={"name": "Le Comptoir", "hard_limit": "40"})
    assert answer.status_code == 422
    assert "f-hard_limit-wrong" in answer.text


async def test_venues_are_found_paged_and_taken_out(ana, cast, monkeypatch):
    monkeypatch.setattr("events.pages.venues.PAGE", 2)
    monkeypatch.setattr("server.sheets.PIECE", 2)
    for name in ("Abricot", "Bistrot", "Café d’été"):
        await a_venue(cast, name)
    await a_venue(cast, "Chez Dov", by=cast.as_dov)
    first = (await ana.get(HOME)).text
    assert "Abricot" in first
    assert "Café" not in first
    after = first.split(f'href="{HOME}?after=', 1)[1].partition('"')[0]
    rest = (await ana.get(f"{HOME}?after={after}")).text
    assert "Café d’été" in rest
    assert "Abricot" not in rest
    found = (await ana.get(f"{HOME}?q=cafe d'ete".replace("'", "’"))).text
    assert "Café d’été" in found
    assert "Bistrot" not in found
    assert "Aucun lieu" in (await ana.get(f"{HOME}?q=zzz")).text
    sheet = (await ana.get(f"{HOME}.csv")).text
    assert [line.partition(",")[0] for line in sheet.split("\r\n")[1:4]] == [
        "Abricot",
        "Bistrot",
        "Café d’été",
    ]
    for text in (first, rest, sheet):
        assert "Dov" not in text.split("<main", 1)[-1].replace("chez-dov", "Dov")
    assert (await ana.get(f"{HOME}?after=x")).status_code == 404
    assert (await ana.get(f"{HOME}?after={uuid4()}")).status_code == 404


async def test_what_is_archived_is_offered_no_more_and_keeps_its_history(
    ana, cast, settings
):
    venue = await a_venue(cast)
    meetup = await a_meetup(cast, settings, published=True, venue_id=venue.id)
    answer = await ana.post(f"{HOME}/le-comptoir/archive")
    assert said(answer) == "Le lieu est archivé."
    new = (await ana.get("/w/orbelune/meetups/new")).text
    assert f'value="{venue.id}"' not in new
    edit = (await ana.get(f"/w/orbelune/meetups/{meetup.slug}/edit")).text
    assert f'value="{venue.id}" selected' in edit
    assert "Voir les lieux archivés" in (await ana.get(HOME)).text
    assert "Le Comptoir" in (await ana.get(f"{HOME}?archived=1")).text
    assert "Le Comptoir" in (await ana.get(f"{HOME}.csv?archived=1")).text
    assert meetup.title in (await ana.get(f"{HOME}/le-comptoir")).text
    await ana.post(f"{HOME}/le-comptoir/bring-back")
    assert f'value="{venue.id}"' in (await ana.get("/w/orbelune/meetups/new")).text


async def test_the_history_says_who_came_or_nothing(ana, cast, settings, monkeypatch):
    monkeypatch.setattr("events.pages.venues.PAGE", 1)
    venue = await a_venue(cast)
    held = await a_meetup(cast, settings, published=True, venue_id=venue.id, title="Tenue")
    later = {"starts_at": cast.soon + timedelta(30), "ends_at": cast.soon + timedelta(31)}
    await a_meetup(
        cast, settings, published=True, venue_id=venue.id, title="Prévue", **later
    )
    made = await registers(cast, settings, held, "chloe@example.org")
    await registers(cast, settings, held, "theo@example.org")
    await registrations.mark_attended(
        made.id, held.starts_at, by=cast.as_ana, now=held.starts_at
    )
    await meetups.close(held, by=cast.as_ana, now=held.ends_at)
    page = (await ana.get(f"{HOME}/le-comptoir")).text
    assert "Prévue" in page
    assert "pas encore tenue" in page
    more = page.split(f'href="{HOME}/le-comptoir?before=', 1)[1].partition('"')[0]
    rest = (await ana.get(f"{HOME}/le-comptoir?before={more}")).text
    assert "Tenue" in rest
    sheet = (await ana.get(f"{HOME}/le-comptoir/meetups.csv")).text.split("\r\n")
    assert sheet[1].startswith("Prévue,")
    assert sheet[1].endswith(",0,")
    assert sheet[2].endswith(",2,1")


async def test_pages_of_another_workspace_show_no_trace(ana, cast):
    theirs = await a_venue(cast, "Chez Dov", by=cast.as_dov)
    for path in ("", "/edit", "/meetups.csv"):
        assert (await ana.get(f"{HOME}/{theirs.slug}{path}")).status_code == 404
    for path in ("/edit", "/archive", "/bring-back"):
        answer = await ana.post(f"{HOME}/{theirs.slug}{path}", data={"name": "x"})
        assert answer.status_code == 404


async def test_pages_ask_the_same_queries_however_many_venues(ana, cast, settings):
    venue = await a_venue(cast)
    counts = {}
    for round_ in range(2):
        for path in (HOME, f"{HOME}/{venue.slug}", "/w/orbelune/meetups", "/w/orbelune"):
            async with world.counting_queries() as asked:
                assert (await ana.get(path)).status_code == 200
            real = [q for q in asked if "set_config" not in q and "SAVEPOINT" not in q]
            counts.setdefault(path, []).append(len(real))
        for n in range(5):
            if round_ == 0:
                await a_venue(cast, f"Lieu {n}")
                await a_meetup(cast, settings, title=f"M {n}", venue_id=venue.id)
    for path, (few, many) in counts.items():
        assert many <= 8, (path, few, many)
        if path != "/w/orbelune":  # an empty home asks for less
            assert few == many, path


# API


async def test_a_machine_keeps_venues(machine, cast, settings):
    body = {"name": "Le Comptoir", "capacity": 40, "website": "comptoir.example"}
    made = (await machine.post("/api/v1/venues", json=body)).json()
    assert (made["slug"], made["website"]) == ("le-comptoir", "https://comptoir.example")
    here = f"/api/v1/venues/{made['id']}"
    more = {"hard_limit": 60, "access": "Cour", "contact": " Nadia ", "terms": "x"}
    changed = (await machine.patch(here, json=more)).json()
    assert (changed["name"], changed["capacity"], changed["hard_limit"]) == (
        "Le Comptoir",
        40,
        60,
    )
    cleared = (await machine.patch(here, json={"capacity": None})).json()
    assert (cleared["capacity"], cleared["contact"]) == (None, "Nadia")
    await a_venue(cast, "Abricot")
    await a_venue(cast, "Chez Dov", by=cast.as_dov)
    listed = (await machine.get("/api/v1/venues?limit=1")).json()
    assert [one["name"] for one in listed["items"]] == ["Abricot"]
    rest = (await machine.get(f"/api/v1/venues?after={listed['next']}")).json()
    assert [one["name"] for one in rest["items"]] == ["Le Comptoir"]
    assert rest["next"] is None
    for n in range(2):
        await a_meetup(cast, settings, title=f"M {n}", venue_id=made["id"])
    held = (await machine.get(f"{here}/meetups?limit=1")).json()
    assert held["items"][0]["attended"] is None
    more_held = (await machine.get(f"{here}/meetups?after={held['next']}")).json()
    assert (len(more_held["items"]), more_held["next"]) == (1, None)
    assert (await machine.post(f"{here}/archive")).json()["is_archived"] is True
    archived = (await machine.get("/api/v1/venues?archived=true&q=comptoir")).json()
    assert len(archived["items"]) == 1
    assert (await machine.post(f"{here}/bring-back")).json()["is_archived"] is False
    assert (await machine.get(here)).json()["name"] == "Le Comptoir"
    wrong = await machine.post("/api/v1/venues", json={"name": " "})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (422, ["name"])
    taken = await machine.post("/api/v1/venues", json={"name": "Abricot"})
    assert (taken.status_code, taken.json()["code"]) == (409, "venue_exists")


async def test_a_machine_sees_no_venue_of_another_workspace(machine, cast):
    theirs = await a_venue(cast, by=cast.as_dov)
    here = f"/api/v1/venues/{theirs.id}"
    assert (await machine.get(here)).status_code == 404
    assert (await machine.get(f"{here}/meetups")).status_code == 404
    assert (await machine.patch(here, json={"name": "x"})).status_code == 404
    assert (await machine.post(f"{here}/archive")).status_code == 404
    assert (await machine.post(f"{here}/bring-back")).status_code == 404
    async with scoped(cast.as_dov):
        rows = await sql("SELECT name, archived_at FROM venue")
    assert [(row["name"], row["archived_at"]) for row in rows] == [("Le Comptoir", None)]
