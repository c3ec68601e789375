"""What anybody sees: the agenda, a meetup, and an answer that tells strangers nothing."""

import json
import re
from datetime import timedelta

import pytest

from events.admission import registrations, tickets
from events.people import channels
from events.people.channels import ChannelKind
from events.planning import venues
from events.planning.meetups import Admission
from server import api_tokens
from server.database import scoped, sql
from server.workspaces import Role
from tests import world
from tests.admission.test_registrations import a_meetup, registers, seating, statuses

PAGE = "/m/orbelune/on-joue-au-prototype"
CLOCK = {"x-apero-now": world.NOW.isoformat()}
WHO = {"first_name": "Chloé", "email": "chloe@example.org"}


@pytest.fixture
def keys(settings):
    return tickets.keys_of(settings)


async def a_bar(who):
    async with scoped(who.as_ana):
        return await venues.make_venue(
            "Le Comptoir", address="Lyon", access="Métro", by=who.as_ana, now=who.now
        )


async def test_the_agenda_shows_what_is_published_and_nothing_else(browser, cast, keys):
    assert "Nothing is planned yet" in (await browser.get("/m/orbelune")).text
    await a_meetup(cast, keys)
    await a_meetup(cast, keys, title="Brouillon", published=False)
    answer = await browser.get("/m/orbelune", headers=CLOCK)
    assert f'href="{PAGE}"' in answer.text
    assert "Brouillon" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    for nothing in (
        "/m/nobody",
        "/m/nobody/feed.ics",
        "/m/orbelune/brouillon",
        PAGE + "-2",
    ):
        assert (await browser.get(nothing, headers=CLOCK)).status_code == 404


async def test_the_page_of_a_meetup_reads_like_a_menu(browser, cast, keys):
    programme = "19:00 Accueil\n21h30 Tirage\nsans heure"
    await a_meetup(cast, keys, 80, venue_id=await a_bar(cast), programme=programme)
    french = await browser.get(f"{PAGE}?lang=fr", headers=CLOCK)
    for words in (
        "<span>jeudi</span><span>novembre 2026, 18\u00a0h",
        "jeudi 19 novembre 2026, de 18\u00a0h",
        "Il reste 80 places",
        "21\u00a0h\u00a030",
        "Réserver ma",
    ):
        assert words in french.text
    assert "sans heure" not in french.text
    english = await browser.get(f"{PAGE}?lang=en", headers=CLOCK)
    assert "80 places left" in english.text
    assert '<meta property="og:title" content="On joue au prototype">' in english.text
    assert "<script>" not in english.text


async def test_a_full_meetup_offers_the_line_a_lottery_the_draw(browser, cast, keys):
    full = await a_meetup(cast, keys, 1)
    await registers(cast, full, keys, "un@example.org")
    assert (
        "Whoever registers now waits first" in (await browser.get(PAGE, headers=CLOCK)).text
    )
    await registers(cast, full, keys, "deux@example.org")
    assert "1 person waits for a place." in (await browser.get(PAGE, headers=CLOCK)).text
    await a_meetup(cast, keys, 9, title="Au sort", admission=Admission.LOTTERY)
    assert (
        "Take part in the draw"
        in (await browser.get("/m/orbelune/au-sort", headers=CLOCK)).text
    )


async def test_a_meetup_that_is_off_or_over_takes_nobody(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    late = {"x-apero-now": (cast.soon + timedelta(days=1)).isoformat()}
    over = await browser.get(PAGE, headers=late)
    assert "This meetup is over" in over.text
    assert "<form" not in over.text.partition("<main")[2]
    assert (await browser.post(PAGE, data=WHO, headers=late)).status_code == 409
    await registrations.cancel_meetup(
        meetup, "Une fuite d’eau.", by=cast.as_ana, now=cast.now
    )
    off = await browser.get(PAGE, headers=CLOCK)
    assert "Une fuite d’eau." in off.text
    assert (await browser.post(PAGE, data=WHO, headers=CLOCK)).status_code == 409
    assert await statuses(cast, meetup) == {}
    calendar = await browser.get(f"{PAGE}.ics", headers=CLOCK)
    assert "STATUS:CANCELLED" in calendar.text


async def test_registering_writes_a_letter_and_says_the_same_to_everybody(
    browser, cast, keys
):
    meetup = await a_meetup(cast, keys, 1)
    first = await browser.post(PAGE, data=WHO, headers=CLOCK)
    again = await browser.post(PAGE, data=WHO, headers=CLOCK)
    waits = await browser.post(
        PAGE, data=WHO | {"email": "theos@example.org"}, headers=CLOCK
    )
    assert first.status_code == again.status_code == waits.status_code == 200
    assert "holds your ticket" in first.text
    assert "tells you your number in line" in waits.text
    assert again.text == waits.text.replace("theos@", "chloe@")
    assert len(again.text) == len(waits.text)
    assert await statuses(cast, meetup) == {
        "chloe@example.org": ("confirmed", None),
        "theos@example.org": ("waitlisted", 1),
    }
    assert len(await world.letters_to("chloe@example.org")) == 1


async def test_the_answer_to_a_draw_speaks_of_the_draw(browser, cast, keys):
    await a_meetup(cast, keys, 9, title="Au sort", admission=Admission.LOTTERY)
    answer = await browser.post("/m/orbelune/au-sort", data=WHO, headers=CLOCK)
    assert "says that you take part in the draw" in answer.text


async def test_a_robot_is_thanked_and_forgotten(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    person = await browser.post(PAGE, data=WHO, headers=CLOCK)
    robot = await browser.post(
        PAGE, data=WHO | {"email": "robot@example.org", "website": "x"}, headers=CLOCK
    )
    assert robot.text == person.text.replace("chloe@", "robot@")
    assert list(await statuses(cast, meetup)) == ["chloe@example.org"]


async def test_linking_needs_its_own_yes_and_its_own_name(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    page = await browser.get(PAGE, headers=CLOCK)
    assert 'name="linking"' not in page.text
    async with scoped(cast.as_ana):
        await channels.make_channel(
            meetup.community_id, "Forum", ChannelKind.FORUM, by=cast.as_ana, now=cast.now
        )
    page = await browser.get(PAGE, headers=CLOCK)
    box = re.search(r'<input type="checkbox"[^>]*name="linking"[^>]*>', page.text)
    assert box
    assert "checked" not in box[0]
    await browser.post(PAGE, data=WHO | {"handle": "chloe"}, headers=CLOCK)
    assert await _linked(cast) == [(None, 0)]
    wrong = await browser.post(PAGE, data=WHO | {"linking": "yes"}, headers=CLOCK)
    assert wrong.status_code == 422
    both = WHO | {"email": "theo@example.org", "handle": "@Theo", "linking": "yes"}
    await browser.post(PAGE, data=both, headers=CLOCK)
    assert (cast.now, 1) in await _linked(cast)


async def _linked(who):
    async with scoped(who.as_ana):
        rows = await sql(
            "SELECT m.linking_agreed_at, (SELECT count(*) FROM identity i"
            " WHERE i.member_id = m.id) AS names FROM member m"
        )
    return [tuple(row) for row in rows]


BAD = [
    {},
    {"first_name": "", "email": ""},
    {"first_name": "Chloé", "email": "chloe"},
    {"first_name": "Chloé", "email": "chloe@"},
    {"first_name": "x" * 300, "email": "chloe@example.org"},
    {"first_name": "\x00\u202e", "email": "chloe@example.org"},
    {"first_name": "Chloé", "email": "chloe@example.org", "role": "owner"},
    {"first_name": "Chloé", "email": "chloe@example.org", "handle": "x" * 300},
]


@pytest.mark.parametrize("answers", BAD)
async def test_bad_answers_are_told_by_field(browser, cast, keys, answers):
    meetup = await a_meetup(cast, keys)
    answer = await browser.post(PAGE, data=answers, headers=CLOCK)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert await statuses(cast, meetup) == {}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"first_name": 1, "email": []}', "application/json"),
        (b"[1]", "application/json"),
        (b"{", "application/json"),
        (b"x" * 10_000_000, "application/x-www-form-urlencoded"),
        (b"first_name=%ff%fe&email=%00", "application/x-www-form-urlencoded"),
        (b"--x", "multipart/form-data; boundary=x"),
        (b"", "text/plain"),
    ],
)
async def test_bad_bodies_are_refused_and_never_break(browser, cast, keys, body, kind):
    await a_meetup(cast, keys)
    answer = await browser.post(PAGE, content=body, headers=CLOCK | {"content-type": kind})
    assert answer.status_code in {400, 413, 415, 422}


async def test_names_lose_what_disguises_them(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    disguised = {"first_name": "Chlo\u202eé\x00 <b>", "email": "CHLOE@example.org"}
    answer = await browser.post(PAGE, data=disguised, headers=CLOCK)
    assert answer.status_code == 200
    async with scoped(cast.as_ana):
        (line,) = await registrations.listing(meetup.id)
    assert (line.name, line.email) == ("Chloé <b>", "chloe@example.org")


async def test_one_address_cannot_be_written_to_without_end(browser, cast, keys):
    await a_meetup(cast, keys)
    seen = [
        (await browser.post(PAGE, data=WHO, headers=CLOCK)).status_code for _ in range(13)
    ]
    assert seen == [200] * 12 + [429]


async def test_calendars_are_told_once(browser, cast, keys):
    await a_meetup(cast, keys)
    for address in ("/m/orbelune/feed.ics", f"{PAGE}.ics"):
        first = await browser.get(address, headers=CLOCK)
        assert "SUMMARY:On joue au prototype" in first.text
        assert "ATTENDEE" not in first.text
        mark = {"if-none-match": first.headers["etag"]}
        assert (await browser.get(address, headers=CLOCK | mark)).status_code == 304


async def test_pages_ask_the_same_number_of_queries_however_many_people(
    browser, cast, keys
):
    meetup = await a_meetup(cast, keys, 2)
    asked = []
    for people in (1, 8):
        for n in range(people):
            await registers(cast, meetup, keys, f"p{people}{n}@example.org")
        async with world.counting_queries() as queries:
            await browser.get(PAGE, headers=CLOCK)
            await browser.get("/m/orbelune", headers=CLOCK)
        asked.append(len(queries))
    assert asked[0] == asked[1] > 4


# The organisers' list


LIST = "/w/orbelune/meetups/on-joue-au-prototype/registrations"


async def test_organisers_read_search_add_and_act(app, cast, keys):
    meetup = await a_meetup(cast, keys, 2)
    made = [await registers(cast, meetup, keys, f"p{n}@example.org") for n in range(3)]
    async with world.browsing(app, cast.ana) as ana:
        answer = await ana.get(LIST, headers=CLOCK)
        assert "p0@example.org" in answer.text
        assert "n°\u00a01" in answer.text
        (cell,) = set(re.findall(r"<td([^>]*)><details", answer.text))
        assert "later" not in cell  # on a phone these cells are hidden
        searched = await ana.get(f"{LIST}?q=P2&status=waitlisted", headers=CLOCK)
        assert "p2@example.org" in searched.text
        assert "p0@example.org" not in searched.text
        empty = await ana.get(f"{LIST}?q=zzz", headers=CLOCK)
        assert empty.status_code == 200
        for wrong in ("?status=king", "?after=x"):
            assert (await ana.get(LIST + wrong, headers=CLOCK)).status_code == 404
        added = await ana.post(LIST, data=WHO, headers=CLOCK)
        assert added.status_code == 303
        await ana.post(LIST, data=WHO, headers=CLOCK)
        assert (await ana.post(LIST, data={"email": "x"}, headers=CLOCK)).status_code == 422
        for act in ("replace", "release", "release"):
            done = await ana.post(f"{LIST}/{made[0].id}/{act}", headers=CLOCK)
            assert done.status_code == 303
        full = await ana.post(f"{LIST}/{_last(await _ids(cast))}/admit", headers=CLOCK)
        assert full.status_code == 303
        assert (
            await ana.post(f"{LIST}/{made[1].id}/fly", headers=CLOCK)
        ).status_code == 404
        over = {"x-apero-now": (cast.soon + timedelta(days=1)).isoformat()}
        assert (
            await ana.post(LIST, data=WHO | {"email": "z@a.fr"}, headers=over)
        ).is_redirect
    assert await statuses(cast, meetup) == {
        "p0@example.org": ("cancelled", None),
        "p1@example.org": ("confirmed", None),
        "p2@example.org": ("confirmed", None),
        "chloe@example.org": ("waitlisted", 2),
    }


async def _ids(who):
    async with scoped(who.as_ana):
        return await sql("SELECT id FROM registration ORDER BY id")


def _last(rows):
    return rows[-1]["id"]


async def test_the_file_runs_nothing_in_a_spreadsheet(app, cast, keys):
    meetup = await a_meetup(cast, keys, 9)
    await registers(cast, meetup, keys, "mal@example.org", name='=HYPERLINK("x")')
    async with world.browsing(app, cast.ana) as ana:
        answer = await ana.get(f"{LIST}.csv?status=confirmed", headers=CLOCK)
    assert answer.headers["content-type"].startswith("text/csv")
    assert "\"'=HYPERLINK" in answer.text
    assert "\n=HYPERLINK" not in answer.text


async def test_only_the_team_sees_registrations_and_only_organisers_act(app, cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    other = await a_meetup(cast, keys, title="Autre")
    async with (
        world.browsing(app, cast.dov) as dov,
        world.browsing(app, cast.bilal) as bilal,
    ):
        for client in (dov, bilal):
            assert (await client.get(LIST, headers=CLOCK)).status_code == 404
            assert (await client.get(f"{LIST}.csv", headers=CLOCK)).status_code == 404
            act = await client.post(f"{LIST}/{made.id}/release", headers=CLOCK)
            assert act.status_code == 404
    async with world.browsing(app, cast.ana) as ana:
        astray = f"/w/orbelune/meetups/{other.slug}/registrations/{made.id}/release"
        assert (await ana.post(astray, headers=CLOCK)).status_code == 404
    assert (await seating(cast, meetup))["taken"] == 1


# The API


async def a_token(who, role=Role.OWNER, by=None):
    by = by or who.as_ana
    async with scoped(by):
        return await api_tokens.issue_token(
            "essai",
            role,
            ["read", "write"],
            account_id=by.id,
            by=by,
            now=who.now,
        )


def bearing(token):
    return CLOCK | {"authorization": f"Bearer {token}"}


async def test_a_machine_plans_publishes_registers_and_releases(browser, cast, keys):
    await a_meetup(cast, keys, title="Pour la communauté")
    owner = bearing(await a_token(cast))
    body = {
        "title": "Par l’API",
        "community": "les-lunatiques",
        "starts_at": cast.soon.isoformat(),
        "ends_at": (cast.soon + timedelta(hours=2)).isoformat(),
        "capacity": 1,
        "representative": "Ana",
    }
    made = (await browser.post("/api/v1/meetups", json=body, headers=owner)).json()
    assert (made["stage"], made["time_zone"], made["taken"]) == ("draft", "Europe/Paris", 0)
    here = f"/api/v1/meetups/{made['id']}"
    published = (await browser.post(f"{here}/publish", headers=owner)).json()
    assert published["stage"] == "published"
    people = [{"name": f"P{n}", "email": f"p{n}@example.org"} for n in range(2)]
    first, second = [
        (await browser.post(f"{here}/registrations", json=one_, headers=owner)).json()
        for one_ in people
    ]
    assert (first["status"], second["status"], second["rank"]) == (
        "confirmed",
        "waitlisted",
        1,
    )
    assert first["code"].startswith("HTTP://127.0.0.1:8000/T/")
    assert second["code"] is None
    done = await browser.post(f"/api/v1/registrations/{first['id']}/release", headers=owner)
    assert done.json() == {"id": first["id"], "status": "cancelled", "was": "confirmed"}
    listed = (await browser.get(f"{here}/registrations?limit=1", headers=owner)).json()
    assert listed["next"] == listed["items"][0]["id"] == first["id"]
    rest = await browser.get(f"{here}/registrations?after={listed['next']}", headers=owner)
    assert [item["status"] for item in rest.json()["items"]] == ["confirmed"]
    assert (await browser.get(here, headers=owner)).json()["counts"]["registered"] == 1
    early = await browser.post(f"{here}/close", headers=owner)
    assert (early.status_code, early.json()["code"]) == (409, "not_over_yet")
    gone = await browser.post(f"{here}/cancel", json={"reason": "Pluie"}, headers=owner)
    assert (gone.json()["stage"], gone.json()["cancelled_reason"]) == ("cancelled", "Pluie")
    coming = (await browser.get("/api/v1/meetups", headers=owner)).json()["items"]
    assert [one_["title"] for one_ in coming] == ["Pour la communauté"]
    past = await browser.get("/api/v1/meetups?when=past&limit=1", headers=owner)
    assert past.json()["next"] == made["id"]
    after = await browser.get(
        f"/api/v1/meetups?when=past&after={made['id']}", headers=owner
    )
    assert after.json() == {"items": [], "next": None}


async def test_a_machine_is_told_what_is_wrong(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    owner = bearing(await a_token(cast))
    here = f"/api/v1/meetups/{meetup.id}"
    plan = {
        "title": "x",
        "community": "les-lunatiques",
        "starts_at": "2027-01-01T19:00:00",
        "ends_at": "2027-01-01T21:00:00",
        "capacity": 5,
    }
    wrong = [
        ("/api/v1/meetups", plan),
        ("/api/v1/meetups", {**plan, "capacity": "many"}),
        ("/api/v1/meetups", {**plan, "king": 1}),
        ("/api/v1/meetups", {**plan, "title": "\x00"}),
        ("/api/v1/meetups", {**plan, "title": "x" * 300}),
        ("/api/v1/meetups", [1]),
        (f"{here}/registrations", {"name": 1, "email": 2}),
        (f"{here}/registrations", {"name": "P", "email": "p"}),
        (
            f"{here}/registrations",
            {"name": "P", "email": "p@example.org", "language": "xx"},
        ),
        (f"{here}/cancel", {"why": 1}),
    ]
    for address, body in wrong:
        text = json.dumps(body)
        for kind in ("application/json", "text/plain"):
            answer = await browser.post(
                address, content=text, headers=owner | {"content-type": kind}
            )
            assert answer.status_code in {400, 422}, (address, body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    for address in ("?when=never", "?limit=0", "?after=x"):
        answer = await browser.get(f"/api/v1/meetups{address}", headers=owner)
        assert answer.status_code in {400, 422}
    assert await statuses(cast, meetup) == {}


async def test_a_machine_sees_its_workspace_and_its_role_only(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    theirs = bearing(await a_token(cast, by=cast.as_dov))
    here = f"/api/v1/meetups/{meetup.id}"
    person = {"name": "Eve", "email": "eve@example.org"}
    for answer in (
        await browser.get(here, headers=theirs),
        await browser.get(f"{here}/registrations", headers=theirs),
        await browser.post(f"{here}/registrations", json=person, headers=theirs),
        await browser.post(f"{here}/cancel", headers=theirs),
        await browser.post(f"{here}/publish", headers=theirs),
        await browser.post(f"{here}/close", headers=theirs),
        await browser.post(f"/api/v1/registrations/{made.id}/release", headers=theirs),
    ):
        assert answer.status_code == 404
    reader = bearing(await a_token(cast, Role.MODERATOR))
    assert (await browser.get(here, headers=reader)).status_code == 200
    refused = await browser.post(f"{here}/registrations", json=person, headers=reader)
    assert refused.status_code == 403
    assert (await browser.get(here, headers=CLOCK)).status_code == 401
