"""The pages on which a meetup is planned, published, changed, closed and called off."""

import asyncio
import re
from datetime import timedelta
from uuid import uuid4

import pytest

from events.admission import tickets
from events.planning import copies, meetups, series, sponsors, venues
from events.planning.meetups import Meetup
from server import workspaces
from server.database import DB, find, one, scoped, sql
from server.workspaces import Role
from tests import world
from tests.planning.evenings import a_community, a_meetup, registers, said

HOME = "/w/orbelune"
BAD = [
    "",
    " ",
    "\x00\x00",
    "\u202eevil",
    "x" * 300,
    "9" * 40,
    "-1",
    "1e9",
    "0x10",
    "true",
    "null",
    "<script>alert(1)</script>",
    "'; DROP TABLE meetup; --",
    "2026-02-30",
    "0001-01-01",
    "9999-12-31",
    "25:99",
    "%00",
    "{{ 7 * 7 }}",
    str(uuid4()),
    "\ud800",
]


@pytest.fixture
async def ana(app, cast):
    async with world.browsing(app, cast.ana) as browser:
        yield browser


def answers(**changed):
    return {
        "title": "On joue au prototype",
        "day": "2026-12-03",
        "starts": "19:00",
        "ends": "22:00",
        "capacity": "40",
        "representative": "Ana",
        "description": "Une soirée de jeu.",
        "programme": "19:00 Accueil",
    } | changed


def far_away(who):
    """Hours that are to come whatever this machine's clock says."""
    far = who.now + timedelta(days=3000)
    return {"starts_at": far, "ends_at": far + timedelta(hours=2)}


def error_of(text, name):
    """The sentence under a field."""
    found = re.search(rf'id="f-{name}-wrong">([^<]+)<', text)
    return found[1] if found else None


async def kept(who, slug="on-joue-au-prototype"):
    async with scoped(who.as_ana):
        return await meetups.meetup_by_slug(slug)


# Who may see what


async def test_every_page_is_there_for_ana_in_both_languages_and_for_nobody_else(
    app, ana, cast, settings
):
    community = await a_community(cast)
    line = await series.make_series(
        "Midi", community_id=community, by=cast.as_ana, now=cast.now
    )
    meetup = await a_meetup(cast, settings, community=community, series_id=line.id)
    here = f"{HOME}/meetups/{meetup.slug}"
    pages = [
        f"{HOME}/meetups",
        f"{HOME}/meetups/new",
        here,
        f"{here}/edit",
        f"{here}/cancel",
        f"{HOME}/series/midi",
    ]
    for path in pages:
        french = await ana.get(path)
        english = await ana.get(f"{path}?lang=en")
        assert (french.status_code, english.status_code) == (200, 200), path
        assert '<html lang="fr"' in french.text
        assert '<html lang="en"' in english.text
    posts = [
        f"{HOME}/meetups/new",
        *(
            f"{here}/{act}"
            for act in (
                "edit",
                "publish",
                "capacity",
                "cancel",
                "close",
                "duplicate",
                "sponsors",
            )
        ),
    ]
    for stranger in (cast.dov, cast.bilal):
        async with world.browsing(app, stranger) as browser:
            for path in pages:
                assert (await browser.get(path)).status_code == 404, path
            for path in posts:
                assert (await browser.post(path, data={})).status_code == 404, path
    async with world.browser_of(app) as nobody:
        assert (await nobody.get(here)).status_code in {303, 401}


async def test_a_moderator_reads_and_cannot_act(app, cast, settings):
    meetup = await a_meetup(cast, settings)
    by = cast.as_ana
    mona = await workspaces.invite(
        "mona@orbelune.example",
        Role.MODERATOR,
        workspace=cast.orbelune,
        origin=world.ORIGIN,
        by=by,
        now=cast.now,
    )
    here = f"{HOME}/meetups/{meetup.slug}"
    async with world.browsing(app, mona) as browser:
        text = (await browser.get(here)).text
        assert "On joue au prototype" in text
        assert "/publish" not in text
        assert "/edit" not in text
        assert (await browser.get(f"{here}/edit")).status_code == 404
        assert (await browser.post(f"{here}/publish")).status_code == 404


async def test_a_draft_is_invisible_to_the_public(browser, cast, settings):
    meetup = await a_meetup(cast, settings, title="Secret de Polichinelle")
    assert (await browser.get(f"/m/orbelune/{meetup.slug}")).status_code == 404
    assert "Polichinelle" not in (await browser.get("/m/orbelune")).text


# Planning


async def test_without_a_community_the_page_says_where_to_begin(ana):
    for path in ("/meetups", "/meetups/new"):
        assert f'href="{HOME}/communities"' in (await ana.get(HOME + path)).text


async def test_a_meetup_is_planned_with_a_new_venue_and_a_new_series(ana, cast):
    await a_community(cast)
    assert 'name="community"' not in (await ana.get(f"{HOME}/meetups/new")).text
    more = {
        "venue_name": "Le Comptoir",
        "venue_address": "3, rue Basse",
        "venue_limit": "60",
        "series_name": "Les jeudis",
        "ends": "01:00",
        "admission": "lottery",
    }
    answer = await ana.post(f"{HOME}/meetups/new", data=answers(**more))
    assert answer.status_code == 303, answer.text
    meetup = await kept(cast)
    assert meetup.starts_at.isoformat() == "2026-12-03T18:00:00+00:00"
    assert meetup.ends_at - meetup.starts_at == timedelta(hours=6)
    assert meetup.admission == "lottery"
    async with scoped(cast.as_ana):
        assert (await venues.place(meetup.venue_id)).hard_limit == 60
        assert (await series.series_of(meetup.series_id)).name == "Les jeudis"
    page = await ana.get(answer.headers["location"])
    assert "Le Comptoir" in page.text
    assert "Les jeudis" in page.text


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "…"}, "title"),
        ({"day": "demain"}, "day"),
        ({"day": "1999-01-01"}, "day"),
        ({"day": "9999-12-31"}, "day"),
        ({"starts": "25:00"}, "starts"),
        ({"ends": ""}, "ends"),
        ({"ends": "19:00"}, "ends"),
        ({"last_day": "2027-12-03"}, "ends"),
        ({"day": "2026-03-29", "starts": "02:30", "ends": "05:00"}, "starts"),
        ({"capacity": "beaucoup"}, "capacity"),
        ({"capacity": "0"}, "capacity"),
        ({"capacity": "2000000001"}, "capacity"),
        ({"venue_name": "Le Comptoir", "venue_limit": "10"}, "capacity"),
        ({"venue_name": "Le Comptoir", "venue_limit": "0"}, "venue_limit"),
        ({"venue_address": "3, rue Basse"}, "venue_name"),
        ({"series_name": "!!!"}, "series_name"),
        ({"programme": "Accueil"}, "programme"),
        ({"description": "x" * 5001}, "description"),
    ],
)
async def test_a_wrong_answer_has_its_sentence_and_nothing_typed_is_lost(
    ana, cast, changed, field
):
    await a_community(cast)
    typed = answers(**{"venue_access": "Au fond de la cour"} | changed)
    if "venue_name" not in changed and "venue_address" not in changed:
        del typed["venue_access"]
    answer = await ana.post(f"{HOME}/meetups/new", data=typed)
    assert answer.status_code == 422
    assert error_of(answer.text, field), changed
    for value in typed.values():
        assert value in answer.text
    async with scoped(cast.as_ana):
        assert await sql("SELECT 1 FROM meetup") == []
        assert await sql("SELECT 1 FROM venue") == []
        assert await sql("SELECT 1 FROM series") == []


async def test_an_hour_that_is_shown_twice_is_the_first(ana, cast):
    await a_community(cast)
    night = answers(day="2026-10-25", starts="02:30", ends="04:00")
    assert (await ana.post(f"{HOME}/meetups/new", data=night)).status_code == 303
    assert (await kept(cast)).starts_at.isoformat() == "2026-10-25T00:30:00+00:00"


async def test_with_two_communities_one_is_chosen(ana, cast):
    await a_community(cast)
    second = await a_community(cast, "Les Autres")
    assert 'name="community"' in (await ana.get(f"{HOME}/meetups/new")).text
    unsaid = await ana.post(f"{HOME}/meetups/new", data=answers())
    assert error_of(unsaid.text, "community")
    said = await ana.post(f"{HOME}/meetups/new", data=answers(community=str(second)))
    assert said.status_code == 303
    assert (await kept(cast)).community_id == second


async def test_ids_of_another_workspace_are_refused_as_not_found(ana, cast, settings):
    mine = await a_community(cast)
    theirs = await a_community(cast, "Ailleurs", cast.as_dov)
    by, now = cast.as_dov, cast.now
    others = {
        "community": theirs,
        "venue": await venues.make_venue("Chez Dov", by=by, now=now),
        "series": (
            await series.make_series("Soirs", community_id=theirs, by=by, now=now)
        ).id,
    }
    meetup = await a_meetup(cast, settings, community=mine)
    far = await a_meetup(cast, settings, by=by, community=theirs, title="Chez eux")
    sponsor = await sponsors.make_sponsor("Brume", by=by, now=now)
    here = f"{HOME}/meetups/{meetup.slug}"
    for name, key in others.items():
        for path in (f"{HOME}/meetups/new", f"{here}/edit"):
            answer = await ana.post(path, data=answers(**{name: str(key)}))
            assert answer.status_code == 404, (name, path)
    assert (
        await ana.post(f"{here}/sponsors", data={"sponsor": str(sponsor.id)})
    ).status_code == 404
    assert (await ana.post(f"{here}/sponsors/{sponsor.id}/end")).status_code == 404
    assert (await ana.get(f"{HOME}/meetups/{far.slug}")).status_code == 404
    assert (await ana.get(f"{HOME}/meetups?before={far.id}")).status_code == 404


async def test_bad_input_never_breaks_a_page(ana, cast, settings):
    community = await a_community(cast)
    meetup = await a_meetup(cast, settings, community=community)
    here = f"{HOME}/meetups/{meetup.slug}"
    asked = [
        *answers(),
        "community",
        "venue",
        "series",
        "series_name",
        "venue_name",
        "venue_limit",
        "last_day",
        "admission",
        "days",
        "reason",
        "sponsor",
        "surprise",
    ]
    for bad in BAD:
        text = bad.encode("utf-8", "surrogatepass")
        for path in (f"{HOME}/meetups/new", f"{here}/edit"):
            answer = await ana.post(path, data=dict.fromkeys(asked[:-1], text))
            assert answer.status_code < 500, (path, bad)
        for act in ("capacity", "duplicate", "sponsors"):
            answer = await ana.post(
                f"{here}/{act}", data={"capacity": text, "days": text, "sponsor": text}
            )
            assert answer.status_code < 500, (act, bad)
        for name in asked:
            answer = await ana.post(f"{HOME}/meetups/new", data=answers(**{name: text}))
            assert answer.status_code < 500, (name, bad)
        listed = await ana.get(f"{HOME}/meetups", params={"q": text, "before": text})
        assert listed.status_code < 500, bad
    for body in (
        [],
        {"title": {}},
        {"title": ["a", "b"]},
        {"capacity": 1.5},
        {"starts": {"a": 1}},
    ):
        answer = await ana.post(f"{HOME}/meetups/new", json=body)
        assert answer.status_code < 500, body
    alone = b'{"title": "\\ud800", "day": "\\ud800", "capacity": "\\ud800"}'
    half = {"content-type": "application/json"}
    for path in (f"{HOME}/meetups/new", f"{here}/edit", f"{here}/capacity"):
        assert (await ana.post(path, content=alone, headers=half)).status_code < 500, path
    assert (await ana.post(f"{HOME}/meetups/new", files={"title": b"x"})).status_code < 500
    for path in (f"{HOME}/meetups/%00", f"{HOME}/series/a%00", "/m/orbelune/%00"):
        assert (await ana.get(path)).status_code == 404, path
    for path in ("meetups", "meetups.csv", "series", "venues", "venues.csv", "people"):
        assert (await ana.get(f"{HOME}/{path}?q=%00é")).status_code == 200, path
    assert (await ana.get("/m/orbelune?q=a%00b")).status_code == 200
    assert (await ana.get(f"{HOME}/series/%ff%fe")).status_code < 500


# Changing


async def test_publishing_opens_the_page_once(ana, browser, cast, settings):
    meetup = await a_meetup(cast, settings, representative="")
    here = f"{HOME}/meetups/{meetup.slug}"
    assert f'action="{here}/publish"' not in (await ana.get(here)).text
    refused = await ana.post(f"{here}/publish")
    assert "représente la marque" in said(refused)
    assert (await kept(cast)).published_at is None
    assert (await ana.post(f"{here}/edit", data=answers())).status_code == 303
    assert f'action="{here}/publish"' in (await ana.get(here)).text
    for _ in range(2):
        assert (await ana.post(f"{here}/publish")).status_code == 303
    assert (await browser.get(f"/m/orbelune/{meetup.slug}")).status_code == 200
    assert f"{world.ORIGIN}/m/orbelune/{meetup.slug}" in (await ana.get(here)).text
    async with scoped(cast.as_ana):
        assert len(await sql("SELECT 1 FROM lift_plan")) == 1


async def test_a_change_warns_whom_it_tells_and_tells_them(ana, cast, settings):
    meetup = await a_meetup(cast, settings, published=True, **far_away(cast))
    for n in range(3):
        await registers(cast, settings, meetup, f"p{n}@example.org")
    here = f"{HOME}/meetups/{meetup.slug}"
    form = (await ana.get(f"{here}/edit?lang=en")).text
    assert "3 people receive a letter if you change" in form
    values = dict(re.findall(r'name="(day|starts|ends)"[^>]*value="([^"]+)"', form))
    assert values == {"day": "2035-01-22", "starts": "18:00", "ends": "20:00"}
    same = answers(**values, title="Autre nom", capacity="12")
    await ana.post(f"{here}/edit", data=same)
    await world.do_jobs()
    assert [one_["kind"] for one_ in await world.letters_to("p0@example.org")] == [
        "confirmed"
    ]
    assert (await kept(cast)).sequence == meetup.sequence + 1
    moved = await ana.post(f"{here}/edit", data=same | {"starts": "18:30"})
    assert "3 personnes" in said(moved)
    await world.do_jobs()
    for n in range(3):
        kinds = [one_["kind"] for one_ in await world.letters_to(f"p{n}@example.org")]
        assert kinds == ["confirmed", "meetup_changed"]


async def test_an_evening_that_is_not_touched_keeps_its_second_and_its_second_hour(
    ana, cast, settings
):
    starts = cast.now.replace(month=10, day=25, hour=1, minute=30, second=20)  # 2:30, again
    meetup = await a_meetup(
        cast, settings, starts_at=starts, ends_at=starts + timedelta(days=2)
    )
    here = f"{HOME}/meetups/{meetup.slug}"
    form = (await ana.get(f"{here}/edit")).text
    values = dict(
        re.findall(r'name="(day|starts|ends|last_day)"[^>]*value="([^"]+)"', form)
    )
    assert values["last_day"] == "2026-10-27"
    assert (await ana.post(f"{here}/edit", data=answers(**values))).status_code == 303
    after = await kept(cast)
    assert (after.starts_at, after.ends_at) == (meetup.starts_at, meetup.ends_at)


async def test_a_capacity_is_refused_in_words_and_the_answer_stays(ana, cast, settings):
    venue = await venues.make_venue(
        "Le Comptoir", hard_limit=20, by=cast.as_ana, now=cast.now
    )
    meetup = await a_meetup(
        cast, settings, published=True, venue_id=venue, capacity=2, **far_away(cast)
    )
    for n in range(4):
        await registers(cast, settings, meetup, f"p{n}@example.org")
    await world.do_jobs("write_letters")
    here = f"{HOME}/meetups/{meetup.slug}"
    for typed, word in (
        ("1", "2 places"),
        ("21", "20 personnes"),
        ("", ""),
        ("dix", "entier"),
    ):
        answer = await ana.post(f"{here}/capacity", data={"capacity": typed})
        assert answer.status_code == 422
        assert word in error_of(answer.text, "capacity").replace("\xa0", " ")
        assert f'value="{typed}"' in answer.text
    more = await ana.post(f"{here}/capacity", data={"capacity": "3"})
    assert "1 personne qui attendait" in said(more)
    kinds = [one_["kind"] for one_ in await world.letters_to("p2@example.org")]
    assert kinds == ["waitlisted", "promoted"]


async def test_a_cancelled_meetup_stays_at_its_date_until_it_has_passed(
    ana, cast, settings
):
    group = await a_community(cast)
    first, second = [
        await a_meetup(
            cast,
            settings,
            published=True,
            community=group,
            title=title,
            starts_at=cast.now + timedelta(days=days),
            ends_at=cast.now + timedelta(days=days, hours=3),
        )
        for title, days in (("Appelée", 9), ("Tenue", 12))
    ]
    await ana.post(f"{HOME}/meetups/{first.slug}/cancel", data={"reason": "Pluie"})
    async with scoped(cast.as_ana):
        coming = await meetups.upcoming(cast.now, even_cancelled=True)
        assert [one.id for one in coming] == [first.id, second.id]
        assert [one.id for one in await meetups.upcoming(cast.now)] == [second.id]
        assert await meetups.past(cast.now, when_over=True) == []
        later = cast.now + timedelta(days=10)
        assert [one.id for one in await meetups.past(later, when_over=True)] == [first.id]
        coming = await meetups.upcoming(later, even_cancelled=True)
        assert [one.id for one in coming] == [second.id]


async def test_cancelling_says_whom_it_tells_and_tells_each_once(ana, cast, settings):
    meetup = await a_meetup(cast, settings, published=True, capacity=2)
    for n in range(3):
        await registers(cast, settings, meetup, f"p{n}@example.org")
    here = f"{HOME}/meetups/{meetup.slug}"
    asked = (await ana.get(f"{here}/cancel?lang=en")).text
    assert "3 people receive a letter." in asked
    assert "November 19, 2026?" in asked
    too_long = await ana.post(f"{here}/cancel", data={"reason": "x" * 5001})
    assert (too_long.status_code, bool(error_of(too_long.text, "reason"))) == (422, True)
    for _ in range(2):
        answer = await ana.post(f"{here}/cancel", data={"reason": "Dégât des eaux"})
        assert answer.status_code == 303
    await world.do_jobs()
    for n in range(3):
        kinds = [one_["kind"] for one_ in await world.letters_to(f"p{n}@example.org")]
        assert kinds.count("meetup_cancelled") == 1
    assert "Dégât des eaux" in (await ana.get(here)).text
    for act in ("cancel", "edit"):
        assert (await ana.get(f"{here}/{act}")).headers["location"] == here
    assert (await ana.post(f"{here}/edit", data=answers())).headers["location"] == here


async def test_closing_freezes_what_the_sponsors_may_read(ana, cast, settings):
    meetup = await a_meetup(
        cast,
        settings,
        published=True,
        starts_at=cast.now - timedelta(days=400),
        ends_at=cast.now - timedelta(days=399),
    )
    here = f"{HOME}/meetups/{meetup.slug}"
    made = [
        await sponsors.make_sponsor(name, by=cast.as_ana, now=cast.now)
        for name in ("Sabline", "Brume")
    ]
    await ana.post(f"{here}/sponsors", data={"sponsor": str(made[0].id)})
    assert f'action="{here}/close"' in (await ana.get(here)).text
    for _ in range(2):
        assert (await ana.post(f"{here}/close")).status_code == 303
    await sponsors.add_contact(
        made[1].id,
        "iris@brume.example",
        workspace=await workspaces.look("orbelune"),
        origin=world.ORIGIN,
        by=cast.as_ana,
        now=cast.now,
    )
    letters = len(await world.letters_to("iris@brume.example"))
    late = {"sponsor": str(made[1].id)}
    assert '<option value="" selected>' in (await ana.get(here)).text
    asked = await ana.post(f"{here}/sponsors", data=late)
    assert asked.status_code == 200
    assert "iris@brume.example" in asked.text
    assert 'name="sure"' in asked.text
    async with scoped(cast.as_ana):
        assert len(await sql("SELECT sha256 FROM report_edition")) == 1
    assert len(await world.letters_to("iris@brume.example")) == letters
    await ana.post(f"{here}/sponsors", data=late | {"sure": "yes"})
    assert len(await world.letters_to("iris@brume.example")) == letters + 1
    async with scoped(cast.as_ana):
        frozen = await sql("SELECT sha256 FROM report_edition")
    assert len(frozen) == 2
    assert frozen[0]["sha256"] == frozen[1]["sha256"]
    kept_ = await ana.post(f"{here}/sponsors/{made[0].id}/end")
    assert "gardent leur rapport" in said(kept_)


async def test_a_meetup_that_has_not_begun_is_not_closed(ana, cast, settings):
    meetup = await a_meetup(cast, settings, published=True, **far_away(cast))
    here = f"{HOME}/meetups/{meetup.slug}"
    answer = await ana.post(f"{here}/close")
    assert "une fois commencée" in said(answer)


async def test_a_meetup_is_done_again_a_week_or_four_later(ana, cast, settings):
    meetup = await a_meetup(cast, settings, published=True, **far_away(cast))
    here = f"{HOME}/meetups/{meetup.slug}"
    for days in ("8", "", "0", "-7"):
        assert (await ana.post(f"{here}/duplicate", data={"days": days})).headers[
            "location"
        ] == here
    answer = await ana.post(f"{here}/duplicate", data={"days": "28"})
    assert answer.headers["location"] == f"{HOME}/meetups/on-joue-au-prototype-2"
    again = await kept(cast, "on-joue-au-prototype-2")
    assert (again.starts_at - meetup.starts_at, again.published_at) == (
        timedelta(days=28),
        None,
    )


@pytest.mark.committed
async def test_a_double_click_prepares_one_draft(cast, settings):
    meetup = await a_meetup(cast, settings, published=True, **far_away(cast))
    told = {"key_id": tickets.keys_of(settings).current, "by": cast.as_ana}
    made = await asyncio.gather(
        *(copies.repeat(meetup, 7, **told, now=cast.now) for _ in range(4))
    )
    assert len({one.id for one in made}) == 1
    other = await copies.repeat(meetup, 28, **told, now=cast.now)
    later = await copies.repeat(meetup, 7, **told, now=cast.now + timedelta(minutes=5))
    assert len({made[0].id, other.id, later.id}) == 3


async def test_a_sponsor_is_put_on_a_meetup_and_taken_off(ana, cast, settings):
    meetup = await a_meetup(cast, settings)
    sponsor = await sponsors.make_sponsor("Sabline", by=cast.as_ana, now=cast.now)
    here = f"{HOME}/meetups/{meetup.slug}"
    nowhere = await ana.post(f"{HOME}/meetups/nulle-part/sponsors", data={})
    assert nowhere.status_code == 404
    unsaid = await ana.post(f"{here}/sponsors", data={})
    assert "Choisissez d’abord un sponsor" in said(unsaid)
    await ana.post(f"{here}/sponsors", data={"sponsor": str(sponsor.id)})
    assert f'href="{HOME}/sponsors/sabline"' in (await ana.get(here)).text
    await ana.post(f"{here}/sponsors/{sponsor.id}/end")
    assert f'href="{HOME}/sponsors/sabline"' not in (await ana.get(here)).text


# The list


async def test_the_list_reads_on_and_finds_by_name(ana, cast, settings):
    community = await a_community(cast)
    long_ago = cast.now - timedelta(days=500)
    for n in range(52):
        await a_meetup(
            cast,
            settings,
            community=community,
            title=f"Soirée {n:02}",
            starts_at=long_ago + timedelta(days=n),
            ends_at=long_ago + timedelta(days=n, hours=1),
        )
    first = (await ana.get(f"{HOME}/meetups")).text
    assert "Soirée 51" in first
    assert "Soirée 01<" not in first
    rest = (
        await ana.get(
            re.search(r'href="([^"]+before=[^"]+)"', first)[1].replace("&amp;", "&")
        )
    ).text
    assert [n for n in range(52) if f"Soirée {n:02}<" in rest] == [0, 1]
    found = (await ana.get(f"{HOME}/meetups", params={"q": "soiree 07"})).text
    assert "Soirée 07" in found
    assert "Soirée 08" not in found
    assert (
        "Rien ici" in (await ana.get(f"{HOME}/meetups", params={"q": "introuvable"})).text
    )


async def test_a_page_asks_the_same_number_of_questions_however_much_it_shows(
    ana, cast, settings
):
    community = await a_community(cast)
    meetup = await a_meetup(cast, settings, community=community)
    here = f"{HOME}/meetups/{meetup.slug}"
    paths = [f"{HOME}/meetups", f"{HOME}/meetups/new", here, f"{here}/edit"]
    before = [await _asked(ana, path) for path in paths]
    for n in range(6):
        more = await a_meetup(cast, settings, community=community, title=f"Encore {n}")
        sponsor = await sponsors.make_sponsor(f"Sponsor {n}", by=cast.as_ana, now=cast.now)
        for one_ in (meetup, more):
            await sponsors.sponsor_meetup(sponsor.id, one_, by=cast.as_ana, now=cast.now)
        await venues.make_venue(f"Lieu {n}", by=cast.as_ana, now=cast.now)
    after = [await _asked(ana, path) for path in paths]
    assert before == after
    assert max(after) < 25


async def _asked(browser, path):
    """How many questions the database is asked for this page."""
    wire = DB.current_transaction.get().connection
    seen = []
    with wire.query_logger(lambda record: seen.append(record.query)):
        assert (await browser.get(path)).status_code == 200
    return len(seen)


async def test_the_published_meetup_of_a_search_keeps_its_stage(ana, cast, settings):
    await a_meetup(cast, settings, published=True, **far_away(cast))
    text = (await ana.get(f"{HOME}/meetups")).text
    assert 'data-is="yes">Publiée' in text
    assert "0 inscrit sur 12" in text
    async with scoped(cast.as_ana):
        assert await one("SELECT 1 FROM meetup WHERE published_at IS NOT NULL") is not None
        assert (await find(Meetup, (await kept(cast)).id)).published_at == cast.now
