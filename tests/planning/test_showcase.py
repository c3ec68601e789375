"""What anybody finds: the agenda, a community, the facts and the picture of a meetup."""

import io
import json
import re
import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from events.admission import registrations, tickets
from events.pages import linked_data
from events.people import channels
from events.people.channels import ChannelKind
from events.people.communities import make_community
from events.planning import cards, meetups, postponements, series, sponsors, venues
from events.planning.cards import Card
from events.planning.meetups import Admission
from server.database import scoped, sql
from tests import world
from tests.admission.test_registrations import a_meetup, registers

CLOCK = {"x-apero-now": world.NOW.isoformat()}
AGENDA = "/m/orbelune"
PAGE = "/m/orbelune/on-joue-au-prototype"
COMMUNITY = "/m/orbelune/c/les-lunatiques"
LATE = {"x-apero-now": (world.NOW + timedelta(days=30)).isoformat()}


@pytest.fixture
def keys(settings):
    return tickets.keys_of(settings)


async def another_community(who, keys):
    """A meetup of a second community."""
    async with scoped(who.as_ana):
        made = await make_community("Les Diurnes", by=who.as_ana, now=who.now)
    return await a_meetup(who, keys, title="Petit-déjeuner", community_id=made.id)


def facts_of(text):
    found = re.search(
        r'<script type="application/ld\+json">(.*?)</script>', text, re.DOTALL
    )
    assert found
    return json.loads(found[1])


# The agenda


async def test_the_agenda_is_searched_filtered_and_turned_back(browser, cast, keys):
    await a_meetup(cast, keys)
    assert "?community=" not in (await browser.get(AGENDA, headers=CLOCK)).text
    await another_community(cast, keys)
    every = (await browser.get(AGENDA, headers=CLOCK)).text
    assert "On joue" in every
    assert "Petit-déjeuner" in every
    assert f"{AGENDA}?community=les-diurnes" in every
    one = (await browser.get(f"{AGENDA}?community=les-diurnes", headers=CLOCK)).text
    assert "On joue" not in one
    found = (await browser.get(f"{AGENDA}?q=PETIT-dejeuner&lang=en", headers=CLOCK)).text
    assert "Petit-déjeuner" in found
    assert "On joue" not in found
    assert 'content="noindex, follow"' in found
    none = (await browser.get(f"{AGENDA}?q=zzz&lang=en", headers=CLOCK)).text
    assert "Nothing is called that" in none
    past = await browser.get(f"{AGENDA}?when=past&lang=en", headers=CLOCK)
    assert "Nothing was held yet" in past.text
    held = (await browser.get(f"{AGENDA}?when=past&q=joue", headers=LATE)).text
    assert f'href="{PAGE}"' in held


async def test_the_past_is_read_page_by_page(browser, cast, keys, monkeypatch):
    monkeypatch.setattr("events.pages.showcase.PAGE", 2)
    for number in range(5):
        await a_meetup(
            cast,
            keys,
            title=f"Soir {number}",
            starts_at=cast.soon + timedelta(days=number),
            ends_at=cast.soon + timedelta(days=number, hours=2),
        )
    seen, here = [], f"{AGENDA}?when=past"
    while here:
        text = (await browser.get(here, headers=LATE)).text
        seen += re.findall(r">(Soir \d)</a>", text)
        more = re.search(r'href="([^"]+)" rel="next"', text)
        here = more[1].replace("&amp;", "&") if more else None
    assert seen == ["Soir 4", "Soir 3", "Soir 2", "Soir 1", "Soir 0"]


@pytest.mark.parametrize("asked", ["community=nobody", "before=x", "before=2026-11-05"])
async def test_an_agenda_that_does_not_exist_is_not_found(browser, cast, asked):
    answer = await browser.get(f"{AGENDA}?{asked}", headers=CLOCK)
    assert answer.status_code == 404


# A community


async def test_a_community_says_what_it_is_once_something_is_public(browser, cast, keys):
    meetup = await a_meetup(cast, keys, published=False)
    assert (await browser.get(COMMUNITY, headers=CLOCK)).status_code == 404
    async with scoped(cast.as_ana):
        await meetups.publish(meetup, by=cast.as_ana, now=cast.now)
        forum = await channels.make_channel(
            meetup.community_id, "Forum", ChannelKind.FORUM, by=cast.as_ana, now=cast.now
        )
        await channels.set_address(
            forum.id, "https://forum.example.org", by=cast.as_ana, now=cast.now
        )
        line = await series.make_series(
            "L’apéro", community_id=meetup.community_id, by=cast.as_ana, now=cast.now
        )
        await series.make_series(
            "Secrète", community_id=meetup.community_id, by=cast.as_ana, now=cast.now
        )
        await sql("UPDATE series SET announced_at = now() WHERE slug = $1", line.slug)
    text = (await browser.get(COMMUNITY, headers=CLOCK)).text
    for words in (f'href="{PAGE}"', "https://forum.example.org", f"/s/{line.slug}"):
        assert words in text
    assert "Secrète" not in text
    assert f'href="http://127.0.0.1:8000{COMMUNITY}"' in text
    calendar = await browser.get(f"{COMMUNITY}.ics", headers=CLOCK)
    assert "SUMMARY:On joue au prototype" in calendar.text
    later = (await browser.get(f"{COMMUNITY}?lang=en", headers=LATE)).text
    assert "Past meetups" in later
    assert "Nothing is planned yet" in later


async def test_one_brand_shows_no_trace_of_the_other(browser, cast, keys):
    await a_meetup(cast, keys)
    for there in ("", "/c/les-lunatiques", "/on-joue-au-prototype", "/sitemap.xml"):
        text = (await browser.get(f"/m/ailleurs{there}", headers=CLOCK)).text
        assert "Orbelune" not in text
        assert "On joue" not in text
    for there in ("/c/les-lunatiques", "/on-joue-au-prototype.png"):
        answer = await browser.get(f"/m/ailleurs{there}", headers=CLOCK)
        assert answer.status_code == 404


async def test_public_lists_ask_a_constant_number_of_queries(browser, cast, keys):
    asked = []
    for more in range(2):
        for number in range(1 + 4 * more):
            await a_meetup(cast, keys, title=f"Soir {more}{number}")
        for here in (AGENDA, f"{AGENDA}?when=past", COMMUNITY, "/m/orbelune/sitemap.xml"):
            async with world.counting_queries() as queries:
                await browser.get(here, headers=CLOCK)
            ours = [one for one in queries if "SELECT" in one and "set_config" not in one]
            assert len(ours) <= 8, (here, ours)
            asked.append((here, len(queries)))
    assert asked[:4] == asked[4:]


async def test_the_agenda_of_a_community_leads_to_its_own_calendar(browser, cast, keys):
    await a_meetup(cast, keys)
    await another_community(cast, keys)
    text = (await browser.get(f"{AGENDA}?community=les-diurnes", headers=CLOCK)).text
    assert "/m/orbelune/c/les-diurnes.ics" in text
    assert "feed.ics" not in text


async def test_a_date_put_off_is_struck_and_offers_no_places(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    await postponements.postpone(meetup, None, "", by=cast.as_ana, now=cast.now)
    for here in (AGENDA, COMMUNITY, PAGE):
        text = (await browser.get(here, headers=CLOCK | {"accept-language": "fr"})).text
        assert "<s>" in text, here
        assert "Nouvelle date à venir" in text, here
        assert 'class="date"' not in text, here
        assert "Places libres" not in text, here


async def test_a_meetup_names_its_series_its_next_date_and_its_sponsors(
    browser, cast, keys
):
    by, now = cast.as_ana, cast.now
    first = await a_meetup(cast, keys)
    line = await series.make_series(
        "L’apéro", community_id=first.community_id, by=by, now=now
    )
    async with scoped(by):
        await sql("UPDATE meetup SET series_id = $1 WHERE id = $2", line.id, first.id)
    later = first.starts_at + timedelta(days=28)
    await a_meetup(
        cast,
        keys,
        title="La suite",
        starts_at=later,
        ends_at=later + timedelta(hours=3),
        community_id=first.community_id,
        series_id=line.id,
    )
    for name in ("Sabline", "Rivemont"):
        sponsor = await sponsors.make_sponsor(name, by=by, now=now)
        await sponsors.sponsor_meetup(sponsor.id, first, by=by, now=now)
    async with world.counting_queries() as queries:
        text = (await browser.get(f"{PAGE}?lang=en", headers=CLOCK)).text
    ours = [one for one in queries if "SELECT" in one and "set_config" not in one]
    assert len(ours) <= 8, ours
    assert "With the support of Rivemont, Sabline" in text
    assert 'href="/m/orbelune/la-suite"' in text
    assert f'href="/m/orbelune/s/{line.slug}#follow"' in text
    other = (await browser.get("/m/orbelune/la-suite?lang=en", headers=CLOCK)).text
    assert "With the support of" not in other


# Search engines


async def test_the_facts_of_a_meetup_are_those_of_its_page(browser, cast, keys):
    async with scoped(cast.as_ana):
        where = await venues.make_venue(
            "Le Comptoir", address="Lyon", by=cast.as_ana, now=cast.now
        )
    meetup = await a_meetup(
        cast, keys, 1, venue_id=where, description="</script><b>&\u2028 fin"
    )
    answer = await browser.get(PAGE, headers=CLOCK)
    said = facts_of(answer.text)
    assert said["description"] == meetup.description
    assert said["startDate"] == "2026-11-19T18:00:00+01:00"
    assert said["location"] == {"@type": "Place", "name": "Le Comptoir", "address": "Lyon"}
    assert said["eventStatus"] == "https://schema.org/EventScheduled"
    assert said["offers"]["availability"] == "https://schema.org/InStock"
    assert said["image"][0] in answer.text.partition("og:image")[2]
    await registers(cast, meetup, keys, "un@example.org")
    full = facts_of((await browser.get(PAGE, headers=CLOCK)).text)
    assert full["offers"]["availability"] == "https://schema.org/SoldOut"


async def test_a_draw_has_limited_places(browser, cast, keys):
    await a_meetup(cast, keys, 9, title="Au sort", admission=Admission.LOTTERY)
    said = facts_of((await browser.get("/m/orbelune/au-sort", headers=CLOCK)).text)
    assert said["offers"]["availability"] == "https://schema.org/LimitedAvailability"


async def test_postponed_moved_and_cancelled_are_told_apart(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    async with scoped(cast.as_ana):
        await postponements.postpone(meetup, None, "Pluie", by=cast.as_ana, now=cast.now)
    said = facts_of((await browser.get(PAGE, headers=CLOCK)).text)
    assert said["eventStatus"] == "https://schema.org/EventPostponed"
    assert said["startDate"].startswith("2026-11-19")
    assert "offers" not in said
    async with scoped(cast.as_ana):
        await sql(
            "UPDATE meetup SET postponed_at = NULL, moved_from = starts_at,"
            " starts_at = starts_at + interval '7 days', ends_at = ends_at + interval"
            " '7 days' WHERE id = $1",
            meetup.id,
        )
    moved = facts_of((await browser.get(PAGE, headers=CLOCK)).text)
    assert moved["eventStatus"] == "https://schema.org/EventRescheduled"
    assert moved["previousStartDate"] == said["startDate"]
    await registrations.cancel_meetup(meetup, "Fuite", by=cast.as_ana, now=cast.now)
    off = facts_of((await browser.get(PAGE, headers=CLOCK)).text)
    assert off["eventStatus"] == "https://schema.org/EventCancelled"


async def test_only_a_public_date_that_changes_is_remembered(cast, keys):
    meetup = await a_meetup(cast, keys, published=False)
    later = cast.soon + timedelta(days=7)

    async def moved(days):
        async with scoped(cast.as_ana):
            now_kept = await meetups.meetup_by_slug(meetup.slug)
            wanted = meetups.Plan(
                title=now_kept.title,
                community_id=now_kept.community_id,
                starts_at=later + timedelta(days=days),
                ends_at=later + timedelta(days=days, hours=3),
                time_zone=now_kept.time_zone,
                capacity=80,
                representative=now_kept.representative,
            )
            await meetups.change(now_kept, wanted, by=cast.as_ana, now=cast.now)
            return (await meetups.meetup_by_slug(meetup.slug)).moved_from

    assert await moved(0) is None
    async with scoped(cast.as_ana):
        await meetups.publish(meetup, by=cast.as_ana, now=cast.now)
    assert await moved(1) == later
    assert await moved(1) == later


@given(st.text(max_size=60))
def test_no_text_ends_the_block_of_facts(text):
    block = str(linked_data.written({"name": text}))
    assert not set("<>&\u2028\u2029") & set(block)
    assert json.loads(block) == {"name": text}


async def test_search_engines_are_told_of_public_pages_only(browser, cast, keys):
    await a_meetup(cast, keys)
    await a_meetup(cast, keys, title="Brouillon", published=False)
    robots = (await browser.get("/robots.txt")).text
    assert "Disallow: /w/" in robots
    assert "sitemap" not in robots.lower()  # it would name every brand of the house
    assert (await browser.get("/sitemap.xml")).status_code == 404
    listed = ET.fromstring((await browser.get("/m/orbelune/sitemap.xml")).content)  # noqa: S314
    found = [one.text for one in listed.iter() if one.tag.endswith("loc")]
    assert found == [f"http://127.0.0.1:8000{path}" for path in (AGENDA, COMMUNITY, PAGE)]
    for address in found:
        path = address.removeprefix("http://127.0.0.1:8000")
        assert (await browser.get(path, headers=CLOCK)).status_code == 200


async def test_a_preview_is_nobody_elses(app, cast, keys):
    await a_meetup(cast, keys, published=False)
    async with world.browsing(app, cast.ana) as ana:
        here = "/w/orbelune/meetups/on-joue-au-prototype/preview"
        text = (await ana.get(here, headers=CLOCK)).text
    assert 'content="noindex, nofollow"' in text
    assert "ld+json" not in text


# The picture


async def test_a_meetup_has_a_picture_of_its_words(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    page = (await browser.get(PAGE, headers=CLOCK)).text
    found = re.search(r'og:image" content="http://127.0.0.1:8000([^"]+)"', page)
    answer = await browser.get(found[1], headers=CLOCK)
    assert Image.open(io.BytesIO(answer.content)).size == (1200, 630)
    assert len(answer.content) < 60_000
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    mark = CLOCK | {"if-none-match": answer.headers["etag"]}
    again = await browser.get(f"{PAGE}.png", headers=mark)
    assert (again.status_code, again.content) == (304, b"")
    assert "max-age=600" in again.headers["cache-control"]
    await registrations.cancel_meetup(meetup, "Fuite", by=cast.as_ana, now=cast.now)
    other = await browser.get(f"{PAGE}.png", headers=mark)
    assert other.status_code == 200
    async with scoped(cast.as_ana):
        await sql("UPDATE meetup SET published_at = NULL, cancelled_at = NULL")
    assert (await browser.get(f"{PAGE}.png", headers=CLOCK)).status_code == 404


WORDS = st.text(st.characters(codec="utf-8"), max_size=120)


@given(WORDS, st.sampled_from([1, 2, 3]))
@settings(max_examples=60, deadline=None)
def test_the_lines_of_a_picture_stay_in_their_column(text, most):
    face = cards._face(600, 46)
    lines = cards.lines_of(text, face, 400, most)
    assert len(lines) <= most
    assert all(face.width(line) <= 400 for line in lines)


@pytest.mark.parametrize(
    "title",
    ["Apéro", "🍹", "名前", "x" * 200, "Łódź " * 30, "un mot puis " + "y" * 90],
)
def test_any_title_can_be_drawn(title):
    card = Card(brand="B", color="#f2e34b", title=title, day="d", hours="", place="p" * 200)
    drawn = Image.open(io.BytesIO(cards._drawn(card)))
    assert drawn.size == (1200, 630)
    assert card.mark != Card(brand="B", color="#f2e34b", title="?", day="", hours="").mark
