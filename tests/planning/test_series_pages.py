"""A series is planned on its pages and by its API, seen by everybody, and followed."""

import re
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest

from events.people import members
from events.planning import recurrences, series
from server import api_tokens, workspaces
from server.database import scoped, sql
from server.workspaces import Role
from tests import world
from tests.planning.evenings import a_community, a_meetup, said
from tests.planning.test_recurrences import a_series, follows

DATES = {
    "starts_on": "2027-12-02",
    "starts": "19:00",
    "ends": "22:00",
    "pattern": "monthly_weekday",
}


@pytest.fixture
async def ana(app, cast):
    async with world.browsing(app, cast.ana) as client:
        yield client


@pytest.fixture
async def visitor(app):
    async with world.browser_of(app, **{"accept-language": "fr"}) as client:
        yield client


@pytest.fixture
async def far(cast):
    """A series in both workspaces, whose dates are all to come for the clock on the wall."""
    rhythm = recurrences.Rhythm(
        rule="FREQ=MONTHLY;BYDAY=1TH",
        starts_on=date(2030, 1, 3),
        starts_time=time(19),
        minutes=180,
        time_zone="Europe/Paris",
    )
    await a_series(cast, "Secret de Dov", rhythm=rhythm, by=cast.as_dov)
    return await a_series(cast, rhythm=rhythm)


# Planning


async def test_the_dates_are_shown_before_they_are_kept(ana, cast):
    await a_series(cast, rhythm=None)
    path = "/w/orbelune/series/lapero/dates"
    shown = await ana.post(path, data=DATES | {"show": "yes", "starts_on": "2030-01-03"})
    assert shown.status_code == 200
    for day in ("3 janvier 2030", "7 février 2030", "6 juin 2030"):
        assert day in shown.text
    assert "4 juillet 2030" not in shown.text
    async with scoped(cast.as_ana):
        found = await series.record_by_slug("lapero")
        assert await recurrences.rules_of(found.id) == []
    own = DATES | {"show": "yes", "pattern": "own", "rule": "FREQ=SECONDLY"}
    assert (await ana.post(path, data=own)).status_code == 422
    wrong = await ana.post(path, data=DATES | {"starts_on": "2030-01-03", "count": "0"})
    assert wrong.status_code == 422
    assert '<a href="#f-count">' in wrong.text


async def test_a_series_without_a_rule_shows_what_is_next_first(ana, cast, settings):
    found = await a_series(cast, rhythm=None)
    for title, days in (
        ("Passée", -9),
        ("Ancienne", -30),
        ("Lointaine", 40),
        ("Proche", 9),
    ):
        await a_meetup(
            cast,
            settings,
            title=title,
            community=found.community_id,
            series_id=found.id,
            starts_at=datetime.now(UTC) + timedelta(days=days),
            ends_at=datetime.now(UTC) + timedelta(days=days, hours=2),
        )
    page = (await ana.get("/w/orbelune/series/lapero?lang=fr")).text
    places = [
        page.index(f">{one}<") for one in ("Proche", "Lointaine", "Passée", "Ancienne")
    ]
    assert places == sorted(places)
    assert "Aucune date à venir" not in page
    assert "Aucune règle" in page


async def test_a_series_is_made_and_given_its_dates(ana, cast):
    await a_community(cast)
    empty = await ana.get("/w/orbelune/series")
    assert "Aucune série" in empty.text
    assert (await ana.get("/w/orbelune/series/new")).status_code == 200
    wrong = await ana.post(
        "/w/orbelune/series/new", data={"name": "…", "description": "gardé"}
    )
    assert wrong.status_code == 422
    assert "gardé" in wrong.text
    answer = await ana.post(
        "/w/orbelune/series/new",
        data={"name": "Midi", "capacity": "12", "representative": "Ana"},
    )
    assert answer.headers["location"] == "/w/orbelune/series/midi/dates"
    again = await ana.post(
        "/w/orbelune/series/new", data={"name": "Midi", "capacity": "12"}
    )
    assert again.status_code == 422
    assert (await ana.get("/w/orbelune/series/midi/dates")).status_code == 200
    kept = await ana.post("/w/orbelune/series/midi/dates", data=DATES)
    assert kept.status_code == 303, kept.text
    shown = await ana.get("/w/orbelune/series/midi")
    assert "Chaque mois, le premier jeudi" in shown.text
    listed = await ana.get("/w/orbelune/series?q=MIDI")
    assert "Chaque mois, le premier jeudi" in listed.text
    assert "Midi" not in (await ana.get("/w/orbelune/series?q=zzz")).text


async def test_a_series_asks_for_its_community_when_there_are_several(ana, cast):
    await a_community(cast)
    await a_community(cast, "Autre")
    answer = await ana.post(
        "/w/orbelune/series/new", data={"name": "Midi", "capacity": "12"}
    )
    assert answer.status_code == 422
    assert 'name="community"' in answer.text


@pytest.mark.parametrize(
    "change",
    [
        {"starts": "tard"},
        {"interval": "0"},
        {"count": "2000"},
        {"count": "3", "until": "2028-01-01"},
        {"pattern": "own"},
        {"pattern": "own", "rule": "FREQ=WEEKLY;BYDAY=MO"},
        {"pattern": "monthly_last"},
        {"starts_on": ""},
    ],
)
async def test_wrong_dates_keep_what_was_typed(ana, cast, change):
    await a_series(cast, rhythm=None)
    answer = await ana.post(
        "/w/orbelune/series/lapero/dates", data=DATES | {"ends": "23:17"} | change
    )
    assert answer.status_code == 422
    assert "23:17" in answer.text
    assert "aria-invalid" in answer.text


async def test_the_dates_change_from_one_on_or_all(ana, cast, far):
    form = await ana.get("/w/orbelune/series/lapero/dates?since=2030-02-07")
    assert "7 février 2030" in form.text
    assert (
        await ana.get("/w/orbelune/series/lapero/dates?since=2030-02-08")
    ).status_code == 404
    assert (await ana.post("/w/orbelune/series/lapero/prepare")).status_code == 303
    answer = await ana.post(
        "/w/orbelune/series/lapero/dates",
        data=DATES
        | {"starts_on": "2030-02-05", "since": "2030-02-07", "scope": "following"},
    )
    assert "2 éditions suivent" in said(answer)
    answer = await ana.post(
        "/w/orbelune/series/lapero/dates",
        data=DATES
        | {
            "starts_on": "2030-01-03",
            "scope": "all",
            "pattern": "own",
            "rule": "FREQ=MONTHLY;BYDAY=1TH;COUNT=2",
            "since": "2030-01-03",
        },
    )
    assert "1 ne trouve pas de date" in said(answer)
    refused = await ana.post(
        "/w/orbelune/series/lapero/dates",
        data=DATES
        | {"starts_on": "2030-01-03", "since": "2031-01-07", "scope": "following"},
    )
    assert refused.status_code == 422


async def test_one_date_is_taken_out_put_back_or_opened(ana, cast, far):
    base = "/w/orbelune/series/lapero"
    assert "est retiré" in said(await ana.post(f"{base}/skip", data={"day": "2030-02-07"}))
    assert "de nouveau" in said(
        await ana.post(f"{base}/restore", data={"day": "2030-02-07"})
    )
    opened = await ana.post(f"{base}/edition", data={"day": "2030-02-07"})
    assert opened.headers["location"] == "/w/orbelune/meetups/lapero/edit"
    assert (
        await ana.post(f"{base}/edition", data={"day": "2030-02-08"})
    ).status_code == 404
    assert (await ana.post(f"{base}/edition", data={"day": "demain"})).status_code == 404
    assert said(await ana.post(f"{base}/skip", data={"day": "demain"}))


async def test_the_next_editions_are_prepared_published_announced_and_ended(ana, cast, far):
    base = "/w/orbelune/series/lapero"
    assert "3 brouillons" in said(await ana.post(f"{base}/prepare"))
    assert "déjà préparées" in said(await ana.post(f"{base}/prepare"))
    assert "3 éditions" in said(await ana.post(f"{base}/publish"))
    assert "publique" in said(await ana.post(f"{base}/skip", data={"day": "2030-01-03"}))
    assert "Tout le monde" in said(await ana.post(f"{base}/announce"))
    assert "équipe" in said(await ana.post(f"{base}/withdraw"))
    assert "3 rencontres publiées" in said(await ana.post(f"{base}/end"))
    assert "terminée" in (await ana.get(base)).text
    refused = await ana.post(f"{base}/edition", data={"day": "2030-02-07"})
    assert refused.status_code == 404


async def test_a_series_without_places_says_so(ana, cast):
    await a_series(cast, "Vide", rhythm=None)
    assert "Aucune date à venir" in (await ana.get("/w/orbelune/series/vide")).text
    assert "terminée" in said(await ana.post("/w/orbelune/series/vide/end"))


async def test_what_each_edition_is_changes_as_far_as_one_says(ana, cast, far):
    base = "/w/orbelune/series/lapero"
    await ana.post(f"{base}/prepare")
    assert "Ana" in (await ana.get(f"{base}/edit")).text
    wanted = {"name": "L’apéro d’hiver", "capacity": "20", "representative": "Ana"}
    answer = await ana.post(f"{base}/edit", data=wanted | {"reach": "prepared"})
    assert "3 éditions suivent" in said(answer)
    refused = await ana.post(f"{base}/edit", data=wanted | {"capacity": "0"})
    assert refused.status_code == 422


async def test_each_page_asks_few_queries_however_many_rows(ana, cast, far, settings):
    await ana.post("/w/orbelune/series/lapero/prepare")
    await follows(cast, settings, far)
    for path in ("", "/lapero", "/lapero/followers", "/lapero/dates", "/lapero/edit"):
        async with world.counting_queries() as asked:
            assert (await ana.get(f"/w/orbelune/series{path}")).status_code == 200
        quiet = ("SAVEPOINT", "RELEASE", "SELECT set_config")
        assert len([one for one in asked if not one.startswith(quiet)]) <= 8, path


async def test_lists_are_read_on_and_taken_out_as_a_file(ana, cast, far, settings):
    for number in range(51):
        await a_series(cast, f"Midi {number:02}", rhythm=None)
    first = await ana.get("/w/orbelune/series")
    more = re.search(r'href="([^"]*after=[^"]+)" rel="next"', first.text)
    rest = await ana.get(more[1].replace("&amp;", "&"))
    assert "Midi 50" in rest.text
    assert "Midi 00" not in rest.text
    sheet = await ana.get("/w/orbelune/series.csv")
    assert sheet.text.count("\n") >= 53
    assert "FREQ=MONTHLY;BYDAY=1TH" in sheet.text
    assert "Dov" not in sheet.text
    assert (await ana.get("/w/orbelune/series?after=x")).status_code == 404


# Followers and everybody


async def test_the_public_page_shows_what_is_public(ana, visitor, cast, far):
    path = "/m/orbelune/s/lapero"
    assert (await visitor.get(path)).status_code == 404
    await ana.post("/w/orbelune/series/lapero/announce")
    shown = await visitor.get(path)
    assert "Chaque mois, le premier jeudi" in shown.text
    assert "3 janvier 2030" in shown.text
    assert "Inscriptions plus tard" in shown.text
    await ana.post("/w/orbelune/series/lapero/withdraw")
    await ana.post("/w/orbelune/series/lapero/prepare")
    assert (await visitor.get(path)).status_code == 404
    await ana.post("/w/orbelune/series/lapero/publish")
    shown = await visitor.get(path)
    assert shown.text.count('href="/m/orbelune/lapero') >= 3
    assert "4 avril 2030" not in shown.text
    assert (await visitor.get(f"{path}.ics")).status_code == 200
    assert (await visitor.get("/m/ailleurs/s/lapero")).status_code == 404


async def test_somebody_follows_says_yes_and_stops(ana, visitor, cast, far):
    await ana.post("/w/orbelune/series/lapero/announce")
    path = "/m/orbelune/s/lapero"
    wrong = await visitor.post(f"{path}/follow", data={"first_name": "Chloé", "email": "x"})
    assert wrong.status_code == 422
    assert "Chloé" in wrong.text
    answer = await visitor.post(
        f"{path}/follow", data={"first_name": "Chloé", "email": "chloe@example.org"}
    )
    assert "chloe@example.org" in answer.text
    (letter,) = await world.letters_to("chloe@example.org")
    href = re.search(r"http://127.0.0.1:8000(/m/\S+)", letter["body_text"])[1]
    assert "Oui, prévenez-moi" in (await visitor.get(href)).text
    assert (await visitor.post(href)).status_code == 303
    assert "Vous suivez cette série" in (await visitor.get(href)).text
    people = await ana.get("/w/orbelune/series/lapero/followers?q=chloé")
    assert "chloe@example.org" in people.text
    assert (
        "chloe@example.org"
        in (await ana.get("/w/orbelune/series/lapero/followers.csv")).text
    )
    assert "Plus de lettre" in (await visitor.get(f"{href}/stop")).text
    gone = await visitor.post(f"{href}/stop", data={"List-Unsubscribe": "One-Click"})
    assert gone.status_code == 200  # a mail program follows no redirection
    assert (await visitor.post(f"{href}/stop")).status_code == 303
    assert "Vous ne suivez plus" in (await visitor.get(href)).text
    assert "Personne ne suit" in (await ana.get("/w/orbelune/series/lapero/followers")).text
    assert (await visitor.post(href)).status_code == 404
    assert (await visitor.get(f"{path}/following/zzz")).status_code == 404


async def test_what_a_stranger_types_adds_nobody_before_the_yes(ana, visitor, cast, far):
    await ana.post("/w/orbelune/series/lapero/announce")
    typed = {"first_name": "Mina", "email": "mina@example.org"}
    for name in ("Mina", "Autre"):
        data = typed | {"first_name": name}
        await visitor.post("/m/orbelune/s/lapero/follow", data=data)
    for path in ("people", "people.csv", "people?q=mina", "series/lapero/followers"):
        assert "mina@example.org" not in (await ana.get(f"/w/orbelune/{path}")).text, path
    assert "Mina" not in (await ana.get("/w/orbelune/audit")).text
    letter = (await world.letters_to("mina@example.org"))[0]
    href = re.search(r"http://127.0.0.1:8000(/m/\S+)", letter["body_text"])[1]
    assert (await visitor.post(href)).status_code == 303
    shown = (await ana.get("/w/orbelune/people?q=mina")).text
    assert "mina@example.org" in shown
    assert "Mina" in shown
    assert "Autre" not in shown
    async with scoped(cast.as_ana):
        assert await sql(
            "SELECT FROM member m JOIN belonging b ON b.member_id = m.id"
            " AND b.community_id = $1 WHERE m.email = 'mina@example.org'",
            far.community_id,
        )


async def test_a_stranger_changes_nobody_who_is_known(ana, visitor, cast, far):
    await ana.post("/w/orbelune/series/lapero/announce")
    id_ = await members.known(
        "noor@example.org", name="", language="en", by=cast.as_ana, now=cast.now
    )
    data = {"first_name": "Insulte", "email": "noor@example.org"}
    await visitor.post("/m/orbelune/s/lapero/follow", data=data)
    async with scoped(cast.as_ana):
        assert (await members.member(id_)).name == ""
        assert await sql("SELECT FROM belonging WHERE member_id = $1", id_) == []
    assert "noor@example.org" in (await ana.get("/w/orbelune/people")).text


async def test_whom_a_stranger_typed_is_added_by_hand_all_the_same(cast, far):
    told = {"by": cast.as_ana, "now": cast.now}
    id_ = await members.wished("mo@example.org", name="Insulte", language="fr", **told)
    given = members.Given(name="Mo", email="mo@example.org", community_ids=[])
    assert await members.add(given, **told) == id_
    async with scoped(cast.as_ana):
        found = await members.member(id_)
    assert (found.name, found.wished_at) == ("Mo", None)
    other = await members.wished("lo@example.org", name="Insulte", language="fr", **told)
    given = members.Given(name="Lo", email="lo@example.org", community_ids=[])
    await members.change(other, given, **told)
    async with scoped(cast.as_ana):
        assert (await members.member(other)).wished_at is None


async def test_the_team_takes_a_follower_out(app, ana, visitor, cast, far, settings):
    await ana.post("/w/orbelune/series/lapero/announce")
    token = await follows(cast, settings, far)
    base = "/w/orbelune/series/lapero/followers"
    shown = (await ana.get(base)).text
    remove = re.search(r'action="([^"]+/remove)"', shown)[1]
    assert "Retirer Chloé" in shown
    await workspaces.invite(
        "eiko@sabline.example",
        Role.MODERATOR,
        workspace=cast.orbelune,
        origin=world.ORIGIN,
        by=cast.as_ana,
        now=cast.now,
    )
    async with world.browsing(app, cast.eiko) as eiko:
        listed = (await eiko.get(base)).text
        assert "chloe@example.org" in listed
        assert "/remove" not in listed
        assert (await eiko.post(remove)).status_code == 404
    async with world.browsing(app, cast.dov) as dov:
        theirs = remove.replace("orbelune", "ailleurs").replace("lapero", "secret-de-dov")
        assert (await dov.post(theirs)).status_code == 404
        assert (await dov.post(remove)).status_code == 404
    for _ in range(2):
        assert said(await ana.post(remove)) == "Cette personne ne suit plus la série."
    assert "Personne ne suit" in (await ana.get(base)).text
    page = await visitor.get(f"/m/orbelune/s/lapero/following/{token}")
    assert "Vous ne suivez plus" in page.text
    assert "celles et ceux qui suivent" in (await ana.get("/w/orbelune/audit")).text


async def test_who_follows_finds_the_dates_and_the_calendar(
    ana, visitor, cast, far, settings
):
    await ana.post("/w/orbelune/series/lapero/announce")
    async with scoped(cast.as_ana):
        line = await series.series_by_slug("lapero")
    here = f"/m/orbelune/s/lapero/following/{await follows(cast, settings, line)}"
    page = await visitor.get(here)
    assert "Vous suivez cette série" in page.text
    assert "jeudi 3 janvier 2030" in page.text
    assert "/m/orbelune/s/lapero.ics" in page.text
    assert "lapero.ics" not in (await visitor.get(f"{here}/stop")).text


async def test_a_robot_is_thanked_and_nothing_is_kept(ana, visitor, cast, far):
    await ana.post("/w/orbelune/series/lapero/announce")
    data = {"first_name": "R", "email": "robot@example.org", "website": "x"}
    answer = await visitor.post("/m/orbelune/s/lapero/follow", data=data)
    assert answer.status_code == 200
    assert await world.letters_to("robot@example.org") == []


async def test_nobody_follows_what_is_not_public_nor_too_often(ana, visitor, cast, far):
    data = {"first_name": "C", "email": "chloe@example.org"}
    assert (await visitor.post("/m/orbelune/s/lapero/follow", data=data)).status_code == 404
    await ana.post("/w/orbelune/series/lapero/announce")
    answers = [
        (await visitor.post("/m/orbelune/s/lapero/follow", data=data)).status_code
        for _ in range(6)
    ]
    assert answers[-1] == 429


# The other workspace, and machines


async def test_nothing_of_another_workspace_is_seen(app, cast, far, settings):
    async with world.browsing(app, cast.dov) as dov:
        for path in (
            "lapero",
            "lapero/followers",
            "lapero/followers.csv",
            "lapero/edit",
            "lapero/dates",
        ):
            assert (await dov.get(f"/w/ailleurs/series/{path}")).status_code == 404, path
            assert (await dov.get(f"/w/orbelune/series/{path}")).status_code == 404, path
        for act in (
            "prepare",
            "publish",
            "announce",
            "withdraw",
            "end",
            "skip",
            "restore",
            "edition",
            "edit",
            "dates",
        ):
            answer = await dov.post(
                f"/w/ailleurs/series/lapero/{act}", data={"day": "2030-01-03"}
            )
            assert answer.status_code == 404, act
        assert "apéro" not in (await dov.get("/w/ailleurs/series")).text
        assert "apéro" not in (await dov.get("/w/ailleurs/series.csv")).text


@pytest.fixture
async def machine(app, cast):
    secret = await api_tokens.issue_token(
        "m",
        Role.MANAGER,
        ["read", "write"],
        account_id=cast.ana,
        by=cast.as_ana,
        now=cast.now,
    )
    async with world.browser_of(app, authorization=f"Bearer {secret}") as client:
        yield client


async def test_a_machine_does_all_of_it(machine, cast, settings):
    await a_community(cast)
    made = await machine.post(
        "/api/v1/series",
        json={
            "name": "Midi",
            "community": "les-lunatiques",
            "capacity": 12,
            "representative": "Ana",
        },
    )
    assert made.status_code == 201, made.text
    base = f"/api/v1/series/{made.json()['id']}"
    dates = {
        "rule": "FREQ=WEEKLY",
        "starts_on": "2030-01-03",
        "starts_time": "12:00",
        "minutes": 60,
        "time_zone": "America/New_York",
    }
    given = (await machine.post(f"{base}/dates", json=dates)).json()
    assert given["rules"][0]["rule"] == "FREQ=WEEKLY;BYDAY=TH"
    later = dates | {"since": "2030-01-17", "starts_on": "2030-01-18"}
    assert len((await machine.post(f"{base}/dates", json=later)).json()["rules"]) == 2
    assert (
        await machine.post(f"{base}/dates", json=dates | {"starts_time": "x"})
    ).status_code == 422
    assert (await machine.post(f"{base}/prepare", json={"ahead": 2})).json() == {
        "editions": 2
    }
    assert (await machine.post(f"{base}/prepare")).json() == {"editions": 1}
    assert (await machine.post(f"{base}/prepare", json={"ahead": 99})).status_code == 422
    assert (await machine.post(f"{base}/publish")).json() == {"editions": 3}
    assert (await machine.post(f"{base}/skip", json={"day": "2030-01-25"})).json()["rules"][
        1
    ]["skipped"] == ["2030-01-25"]
    assert (
        await machine.post(f"{base}/restore", json={"day": "2030-01-25"})
    ).status_code == 200
    found = (
        await machine.get(f"{base}/editions?since=2030-01-01&until=2030-02-01")
    ).json()["items"]
    assert [one["occurs_on"] for one in found] == [
        "2030-01-03",
        "2030-01-10",
        "2030-01-18",
        "2030-01-25",
        "2030-02-01",
    ]
    assert (
        await machine.get(f"{base}/editions?since=2030-01-01&until=2040-02-01")
    ).status_code == 422
    assert (await machine.post(f"{base}/announce")).json()["announced_at"]
    assert (await machine.post(f"{base}/withdraw")).json()["announced_at"] is None
    changed = await machine.post(
        base, json={"name": "Midi", "capacity": 20, "representative": "Ana", "reach": "all"}
    )
    assert changed.json()["moved"] == 3
    assert (await machine.get("/api/v1/series?limit=1")).json()["next"]
    line = series.SeriesLine(
        id=UUID(made.json()["id"]),
        community_id=UUID(made.json()["community_id"]),
        slug="midi",
        name="Midi",
    )
    await follows(cast, settings, line)
    listed = (await machine.get(f"{base}/followers?limit=1")).json()
    assert listed["items"][0]["email"] == "chloe@example.org"
    assert (await machine.get(f"{base}/followers?after={listed['next']}")).json()[
        "items"
    ] == []
    remove = f"{base}/followers/{listed['items'][0]['id']}/remove"
    assert (await machine.post(remove)).json() == {"id": listed["items"][0]["id"]}
    assert (await machine.post(remove)).status_code == 200
    assert (await machine.get(f"{base}/followers")).json()["items"] == []
    other = await a_series(cast, "Autre")
    wrong = remove.replace(str(line.id), str(other.id))
    assert (await machine.post(wrong)).status_code == 404
    assert (await machine.post(f"{base}/end")).json()["ended_at"]


async def test_a_machine_sees_nothing_of_another_workspace(machine, cast):
    theirs = await a_series(cast, "Secret", by=cast.as_dov)
    base = f"/api/v1/series/{theirs.id}"
    for path in ("", "/editions?since=2030-01-01&until=2030-02-01", "/followers"):
        assert (await machine.get(base + path)).status_code == 404, path
    day, dates = (
        {"day": "2026-12-03"},
        {
            "rule": "FREQ=WEEKLY",
            "starts_on": "2030-01-03",
            "starts_time": "12:00",
            "minutes": 60,
        },
    )
    for path, body in (
        ("", {"name": "A"}),
        ("/dates", dates),
        ("/prepare", {}),
        ("/publish", {}),
        ("/skip", day),
        ("/restore", day),
        ("/announce", {}),
        ("/withdraw", {}),
        ("/end", {}),
        (f"/followers/{theirs.id}/remove", {}),
    ):
        assert (await machine.post(base + path, json=body)).status_code == 404, path
    assert "Secret" not in (await machine.get("/api/v1/series")).text
    assert (await machine.get(f"/api/v1/series?after={theirs.id}")).status_code == 404
