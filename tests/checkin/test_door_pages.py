"""The organiser's page about the door, and the shell of the app."""

from datetime import timedelta
from uuid import uuid4

import pytest

from events.planning import meetups
from server.database import DB
from tests import world
from tests.checkin.evening import a_fact, a_phone, a_ticket, an_evening, at_the_door, tell


@pytest.fixture
async def evening(cast, settings):
    return await an_evening(cast, settings)


def path_of(evening):
    return f"/w/{evening.look.slug}/meetups/{evening.meetup.slug}/door"


async def test_who_may_open_the_page(app, cast, evening):
    for account, number in (
        (cast.ana, 200),
        (cast.bilal, 200),
        (cast.dov, 404),
        (cast.eiko, 404),
    ):
        async with world.browsing(app, account) as client:
            assert (await client.get(path_of(evening))).status_code == number
    async with world.browser_of(app) as stranger:
        assert (await stranger.get(path_of(evening))).status_code == 303


async def test_ana_adds_a_gate_and_a_phone_and_withdraws_it(app, cast, evening):
    path = path_of(evening)
    async with world.browsing(app, cast.ana) as client:
        client.headers["x-apero-now"] = evening.now.isoformat()
        hours = {"opens_at": "2026-11-05T18:30", "closes_at": "2026-11-05T23:00"}
        answer = await client.post(f"{path}/gates", data={"name": "Cour", **hours})
        assert answer.status_code == 303, answer.text
        assert "ouverte de 18" in (await client.get(path)).text
        form = {"name": "Pixel de Bilal", "gate": str(evening.gate.id)}
        pairing = await client.post(f"{path}/devices", data=form)
        assert pairing.status_code == 200
        assert '<svg xmlns="http://www.w3.org/2000/svg" role="img"' in pairing.text
        code = pairing.text.split('href="/door#pair=')[1].split('"')[0]
        paired = await client.post("/api/v1/devices/pair", json={"code": code})
        assert paired.json()["device"]["name"] == "Pixel de Bilal"
        device = paired.json()["device"]["id"]
        assert "En service" in (await client.get(path)).text
        assert (await client.post(f"{path}/devices/{device}/revoke")).status_code == 303
        assert "Retiré" in (await client.get(path)).text
        assert (await client.post(f"{path}/devices/{device}/code")).status_code == 404


async def test_a_wrong_form_keeps_what_was_typed(app, cast, evening):
    path = path_of(evening)
    async with world.browsing(app, cast.ana) as client:
        again = await client.post(f"{path}/gates", data={"name": "Rue"})
        assert again.status_code == 422
        assert "Cette rencontre a déjà une porte de ce nom." in again.text
        for form in (
            {"name": "", "gate": ""},
            {"name": "Mon téléphone", "gate": "7"},
            {"name": "Mon téléphone", "gate": str(world.UUID(int=0))},
        ):
            answer = await client.post(f"{path}/devices", data=form)
            assert answer.status_code == 422
            assert form["name"] in answer.text
        wrong = {"name": "Cour", "opens_at": "soon"}
        assert (await client.post(f"{path}/gates", data=wrong)).status_code == 422


async def test_incidents_are_told_in_words_and_counts_are_fresh(app, cast, evening):
    ticket = await a_ticket(evening)
    for n in (9, 4):
        phone = await a_phone(evening, f"Phone {n}")
        async with at_the_door(app, phone, evening.now) as door:
            at = evening.now - timedelta(minutes=n)
            await tell(door, a_fact(evening, ticket, at=at, local_verdict="enter"))
    async with world.browsing(app, cast.bilal) as client:
        answer = await client.get(f"{path_of(evening)}/counts")
    assert answer.status_code == 200
    text = answer.text.replace("\u00a0", " ")
    assert "Chloé D." in text
    assert "Durand" not in text
    assert "Entrée à 17 h 51 par Rue, puis à 17 h 56 par Rue." in text


async def test_a_page_costs_the_same_however_many_phones_there_are(app, cast, evening):
    transaction = DB.current_transaction.get()
    asked = []
    connection = transaction.connection
    async with world.browsing(app, cast.ana) as client:
        counted = []
        for _ in range(2):
            for n in range(3):
                await a_phone(evening, f"Phone {n} {len(counted)}")
            asked.clear()
            with connection.query_logger(lambda query: asked.append(query.query)):
                await client.get(path_of(evening))
            counted.append(len(asked))
    assert counted[0] == counted[1] > 5


async def test_the_shell_holds_every_word_and_runs_nothing_inline(browser):
    answer = await browser.get("/door", headers={"accept-language": "fr"})
    assert answer.status_code == 200
    assert "Entrez" in answer.text
    assert "Déjà là" in answer.text
    assert "<style" not in answer.text
    assert " onclick" not in answer.text
    assert all("src=" in part[:60] for part in answer.text.split("<script")[1:])
    english = await browser.get("/door", headers={"accept-language": "en"})
    assert "Come in" in english.text


async def test_the_worker_and_the_manifest_are_there(browser):
    worker = await browser.get("/door/sw.js")
    assert worker.headers["service-worker-allowed"] == "/door"
    assert worker.headers["content-type"].startswith("text/javascript")
    manifest = (await browser.get("/door/manifest.webmanifest")).json()
    assert (manifest["start_url"], manifest["scope"]) == ("/door", "/door")
    for icon in manifest["icons"]:
        assert (await browser.get(icon["src"])).status_code == 200


async def test_door_staff_land_on_the_doors_of_the_day(app, cast, settings):
    async with world.browsing(app, cast.bilal) as bilal:
        home = await bilal.get("/")
        assert home.headers["location"] == "/w/orbelune/doors"
        nothing = await bilal.get("/w/orbelune/doors")
        assert nothing.status_code == 200
        assert "Pas de rencontre ce soir" in nothing.text


async def test_the_doors_of_the_day_lead_to_the_door(app, cast, evening):
    before = evening.meetup.starts_at - timedelta(hours=2)
    clock = {"x-apero-now": before.isoformat()}
    async with world.browsing(app, cast.bilal) as bilal:
        page = await bilal.get("/w/orbelune/doors", headers=clock)
    assert f"/meetups/{evening.meetup.slug}/door" in page.text


async def test_a_phone_learns_that_the_evening_is_closed(app, cast, evening):
    token = await a_phone(evening)
    async with at_the_door(app, token, evening.now) as phone:
        assert (await phone.get("/api/v1/door/status")).json()["is_closed"] is False
        await meetups.close(evening.meetup, by=cast.as_ana, now=evening.now)
        assert (await phone.get("/api/v1/door/status")).json()["is_closed"] is True


async def test_a_walk_in_of_another_age_is_refused(app, cast, evening):
    token = await a_phone(evening)
    body = {"id": str(uuid4()), "name": "Zoé", "at": "1200-01-01T00:00:00Z"}
    async with at_the_door(app, token, evening.now) as phone:
        answer = await phone.post("/api/v1/door/walk-ins", json=body)
    assert answer.status_code == 422
    assert "at" in answer.json()["fields"]


async def test_the_id_of_a_scan_is_not_given_to_a_walk_in(app, cast, evening):
    token = await a_phone(evening)
    ticket = await a_ticket(evening)
    scan = a_fact(evening, ticket)
    body = {"id": str(scan["id"]), "name": "Zoé", "at": evening.now.isoformat()}
    async with at_the_door(app, token, evening.now) as phone:
        await tell(phone, scan)
        answer = await phone.post("/api/v1/door/walk-ins", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "id_taken")
