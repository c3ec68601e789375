"""The form in a frame of another site: who may show it, and that it needs no cookie."""

import re
from datetime import timedelta

import pytest

from events.admission import registrations, tickets
from events.pages import embeds
from server import brand, workspaces
from server.errors import Invalid
from tests import world
from tests.admission.test_registrations import a_meetup, registers, statuses

FRAME = "/m/orbelune/on-joue-au-prototype/embed"
CLOCK = {"x-apero-now": world.NOW.isoformat()}
WHO = {"first_name": "Chloé", "email": "chloe@example.org"}
SITE = "https://mon-site.example"
INSIDE = CLOCK | {"sec-fetch-dest": "iframe", "referer": f"{SITE}/apero.html"}


@pytest.fixture
def keys(settings):
    return tickets.keys_of(settings)


async def allows(who, *sites):
    """Let these sites show the forms of the workspace."""
    look = await workspaces.look("orbelune")
    said = {name: getattr(look, name) for name in brand.Brand.__struct_fields__}
    wanted = brand.Brand(**{**said, "embed_origins": sites})
    await brand.change(look, wanted, by=who.as_ana, now=who.now)


def mark_in(text):
    found = re.search(r'name="mark" value="([^"]+)"', text)
    assert found
    return found[1]


async def test_no_site_shows_the_form_until_it_is_listed(browser, cast, keys):
    await a_meetup(cast, keys)
    answer = await browser.get(f"{FRAME}?lang=en", headers=INSIDE)
    assert "https://mon-site.example may not show this form yet" in answer.text
    assert "<form" not in answer.text
    assert answer.headers["content-security-policy"].endswith("frame-ancestors *")
    assert answer.headers["x-robots-tag"] == "noindex"
    alone = await browser.get(f"{FRAME}?lang=en", headers=CLOCK)
    assert "No site may show this form yet" in alone.text


async def test_a_listed_site_and_no_other_shows_the_form(browser, cast, keys):
    await a_meetup(cast, keys)
    await allows(cast, f"{SITE}/some/page", "https://autre.example:8443")
    answer = await browser.get(FRAME, headers=INSIDE)
    policy = answer.headers["content-security-policy"]
    assert policy.endswith(f"frame-ancestors {SITE} https://autre.example:8443")
    assert "script-src" not in policy
    assert "<script" not in answer.text
    assert "set-cookie" not in answer.headers
    other = INSIDE | {"referer": "https://voleur.example/"}
    assert "<form" not in (await browser.get(FRAME, headers=other)).text
    for odd in ("", "http://[", "x"):
        unsaid = INSIDE | {"referer": odd}
        assert "<form" in (await browser.get(FRAME, headers=unsaid)).text


async def test_a_place_is_reserved_from_the_frame_without_a_cookie(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    await allows(cast, SITE)
    form = await browser.get(f"{FRAME}?via=ABC", headers=INSIDE)
    assert 'name="via" value="ABC"' in form.text
    sent = WHO | {"mark": mark_in(form.text)}
    answer = await browser.post(f"{FRAME}?lang=en", data=sent, headers=CLOCK)
    assert "A letter is on its way" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.endswith(f"frame-ancestors {SITE}")
    assert await statuses(cast, meetup) == {"chloe@example.org": ("confirmed", None)}
    again = await browser.post(f"{FRAME}?lang=en", data=sent, headers=CLOCK)
    assert again.text == answer.text


async def test_answers_are_kept_when_something_is_wrong(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    await allows(cast, SITE)
    mark = mark_in((await browser.get(FRAME, headers=INSIDE)).text)
    wrong = await browser.post(
        FRAME, data={"first_name": "Chloé", "email": "x", "mark": mark}, headers=CLOCK
    )
    assert wrong.status_code == 422
    assert 'value="Chloé"' in wrong.text
    late = {"x-apero-now": (world.NOW + timedelta(hours=13)).isoformat()}
    for mark_, clock in ((mark, late), ("", CLOCK), (mark[:-2] + "zz", CLOCK)):
        sent = WHO | {"mark": mark_}
        answer = await browser.post(f"{FRAME}?lang=en", data=sent, headers=clock)
        assert answer.status_code == 422
        assert "This form stayed open for long" in answer.text
        assert 'value="Chloé"' in answer.text
        assert mark_in(answer.text)
    assert await statuses(cast, meetup) == {}


async def test_the_mark_of_one_meetup_is_nothing_at_another(browser, cast, keys):
    await a_meetup(cast, keys)
    other = await a_meetup(cast, keys, title="Autre")
    await allows(cast, SITE)
    mark = mark_in((await browser.get(FRAME, headers=INSIDE)).text)
    sent = WHO | {"mark": mark}
    answer = await browser.post(
        "/m/orbelune/autre/embed", data=sent, headers=CLOCK | {"accept-language": "en"}
    )
    assert answer.status_code == 422
    assert await statuses(cast, other) == {}


async def test_the_frame_says_when_it_is_full_over_or_off(browser, cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    await allows(cast, SITE)
    await registers(cast, meetup, keys, "un@example.org")
    here = f"{FRAME}?lang=en"
    assert "Wait for a place" in (await browser.get(here, headers=INSIDE)).text
    late = INSIDE | {"x-apero-now": (cast.soon + timedelta(days=1)).isoformat()}
    over = await browser.get(here, headers=late)
    assert "This meetup is over" in over.text
    mark = embeds.mark_of(_settings(browser), meetup.id, cast.soon + timedelta(days=1))
    shut = await browser.post(
        here,
        data=WHO | {"mark": mark},
        headers={"x-apero-now": late["x-apero-now"]},
    )
    assert shut.status_code == 409
    await registrations.cancel_meetup(meetup, "Fuite", by=cast.as_ana, now=cast.now)
    off = await browser.get(here, headers=INSIDE)
    assert "Fuite" in off.text
    assert "<form" not in off.text


def _settings(browser):
    return browser._transport.app.settings


async def test_a_draft_has_no_frame(browser, cast, keys):
    await a_meetup(cast, keys, published=False)
    assert (await browser.get(FRAME, headers=INSIDE)).status_code == 404
    await allows(cast, SITE)
    assert (await browser.get(FRAME, headers=INSIDE)).status_code == 404
    assert (await browser.post(FRAME, data=WHO, headers=CLOCK)).status_code == 404


async def test_organisers_copy_the_lines_that_show_it(app, cast, keys):
    await a_meetup(cast, keys, title='Un "grand" <soir>')
    here = "/w/orbelune/meetups/un-grand-soir"
    async with world.browsing(app, cast.ana) as ana:
        before = await ana.get(f"{here}?lang=en", headers=CLOCK)
        assert "No site may show it yet" in before.text
        await allows(cast, SITE)
        after = (await ana.get(here, headers=CLOCK)).text
    assert "/m/orbelune/un-grand-soir/embed" in after
    assert 'title="Un &amp;#34;grand&amp;#34; &amp;lt;soir&amp;gt;"' in after


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("https://Mon-Site.example/page?x=1", "https://mon-site.example"),
        ("https://a.example:8443", "https://a.example:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://café.example", "https://xn--caf-dma.example"),
    ],
)
def test_a_site_is_kept_as_browsers_name_it(typed, kept):
    assert brand.origin_of(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        *("http://site.example", "site.example", "*", "https://*", "https://*.example"),
        *("javascript:x", "https://", "https://a b", "https://a;script-src", "https://["),
        *("https://a.example:port", "https://a'self'", "data:text/html,x"),
    ],
)
def test_what_is_no_site_is_refused(typed):
    with pytest.raises(Invalid):
        brand.origin_of(typed)


async def test_the_settings_keep_the_sites_and_what_was_typed(app, cast):
    form = {
        "name": "Orbelune",
        "color": "#1d3a8a",
        "persona": "Camille",
        "persona_role": "community manager",
        "language": "fr",
        "languages": ["fr", "en"],
        "time_zone": "Europe/Paris",
        "currency": "EUR",
    }
    async with world.browsing(app, cast.ana) as ana:
        wrong = await ana.post("/w/orbelune/settings", data=form | {"embed_origins": "a b"})
        assert wrong.status_code == 422
        assert ">\na b</textarea>" in wrong.text
        many = " ".join(f"https://s{number}.example" for number in range(21))
        full = await ana.post("/w/orbelune/settings", data=form | {"embed_origins": many})
        assert full.status_code == 422
        both = f"{SITE}\n{SITE}/page\nhttps://b.example"
        done = await ana.post("/w/orbelune/settings", data=form | {"embed_origins": both})
        assert done.status_code == 303
        page = await ana.get("/w/orbelune/settings")
    assert f"{SITE}\nhttps://b.example</textarea>" in page.text
    look = await workspaces.look("orbelune")
    assert look.embed_origins == (SITE, "https://b.example")
