"""The pages on which sponsors are written down and their contacts invited."""

import re
from uuid import uuid4

import pytest

from events.planning import sponsors
from server.database import scoped
from tests import world
from tests.planning.evenings import a_meetup

HOME = "/w/orbelune/sponsors"


@pytest.fixture
async def ana(app, cast):
    async with world.browsing(app, cast.ana) as browser:
        yield browser


def error_of(text, name):
    found = re.search(rf'id="f-{name}-wrong">([^<]+)<', text)
    return found[1] if found else None


async def a_sponsor(who, name="Sabline", by=None):
    return await sponsors.make_sponsor(name, by=by or who.as_ana, now=who.now)


async def test_every_page_is_there_for_ana_in_both_languages_and_for_nobody_else(
    app, ana, cast
):
    await a_sponsor(cast)
    pages = [HOME, f"{HOME}/new", f"{HOME}/sabline"]
    for path in pages:
        french, english = await ana.get(path), await ana.get(f"{path}?lang=en")
        assert (french.status_code, english.status_code) == (200, 200), path
        assert '<html lang="fr"' in french.text
        assert '<html lang="en"' in english.text
    for stranger in (cast.dov, cast.bilal):
        async with world.browsing(app, stranger) as browser:
            for path in pages:
                assert (await browser.get(path)).status_code == 404, path
            for path in (
                f"{HOME}/new",
                f"{HOME}/sabline/contacts",
                f"{HOME}/sabline/contacts/{uuid4()}/end",
            ):
                assert (await browser.post(path, data={"name": "x"})).status_code == 404, (
                    path
                )


async def test_the_empty_list_says_what_to_do(ana):
    assert f'href="{HOME}/new"' in (await ana.get(HOME)).text


async def test_a_sponsor_is_written_down(ana):
    answer = await ana.post(
        f"{HOME}/new", data={"name": "Sabline", "website": "https://sabline.example"}
    )
    assert answer.headers["location"] == f"{HOME}/sabline"
    assert "https://sabline.example" in (await ana.get(f"{HOME}/sabline")).text
    assert "Sabline" in (await ana.get(HOME)).text


@pytest.mark.parametrize(
    ("name", "website", "field"),
    [
        ("", "https://sabline.example", "name"),
        ("…", "", "name"),
        ("Brume", "javascript:alert(1)", "website"),
        ("SABLINE", "https://sabline.example", "name"),
        ("x" * 201, "https://sabline.example", "name"),
    ],
)
async def test_a_wrong_answer_has_its_sentence_and_nothing_typed_is_lost(
    ana, cast, name, website, field
):
    await a_sponsor(cast)
    answer = await ana.post(f"{HOME}/new", data={"name": name, "website": website})
    assert answer.status_code == 422
    assert error_of(answer.text, field)
    assert f'value="{name}"' in answer.text
    assert f'value="{website}"' in answer.text


async def test_a_contact_is_invited_by_letter_and_opens_the_portal_until_it_is_ended(
    app, ana, cast, settings
):
    sponsor = await a_sponsor(cast)
    meetup = await a_meetup(cast, settings, published=True)
    await sponsors.sponsor_meetup(sponsor.id, meetup, by=cast.as_ana, now=cast.now)
    wrong = await ana.post(f"{HOME}/sabline/contacts", data={"email": "eiko@"})
    assert (wrong.status_code, bool(error_of(wrong.text, "email"))) == (422, True)
    assert 'value="eiko@"' in wrong.text
    for _ in range(2):
        answer = await ana.post(
            f"{HOME}/sabline/contacts", data={"email": "eiko@sabline.example"}
        )
        assert answer.headers["location"] == f"{HOME}/sabline"
    assert len(await world.letters_to("eiko@sabline.example")) == 1
    text = (await ana.get(f"{HOME}/sabline")).text
    assert f"{world.ORIGIN}/portal/orbelune" in text
    assert meetup.title in text
    end = re.search(r'action="([^"]+/end)"', text)[1]
    async with world.browsing(app, cast.eiko) as eiko:
        assert (await eiko.get("/portal/orbelune")).status_code == 200
        assert (await eiko.get(HOME)).status_code == 404
        assert (await ana.post(end)).status_code == 303
        assert (await eiko.get("/portal/orbelune")).status_code == 404
    assert (await ana.post(end)).status_code == 404


async def test_a_contact_is_ended_on_her_own_sponsors_page_only(ana, cast):
    first = await a_sponsor(cast)
    await a_sponsor(cast, "Brume")
    await ana.post(f"{HOME}/sabline/contacts", data={"email": "eiko@sabline.example"})
    async with scoped(cast.as_ana):
        (contact,) = await sponsors.contacts(first.id)
    assert (await ana.post(f"{HOME}/brume/contacts/{contact.id}/end")).status_code == 404
    assert (await ana.post(f"{HOME}/sabline/contacts/{uuid4()}/end")).status_code == 404
    async with scoped(cast.as_ana):
        assert len(await sponsors.contacts(first.id)) == 1


async def test_a_sponsor_of_another_workspace_does_not_exist(ana, cast):
    await a_sponsor(cast, "Ailleurs et fils", cast.as_dov)
    assert (await ana.get(f"{HOME}/ailleurs-et-fils")).status_code == 404
    answer = await ana.post(
        f"{HOME}/ailleurs-et-fils/contacts", data={"email": "eiko@sabline.example"}
    )
    assert answer.status_code == 404
    assert await world.letters_to("eiko@sabline.example") == []


async def test_bad_input_never_breaks_a_page(ana, cast):
    await a_sponsor(cast)
    for bad in (
        "\x00",
        "\u202ex",
        "x" * 10_000,
        "<b>",
        "%00",
        "{{ 7 * 7 }}",
        "a@b",
        "\ud800",
    ):
        text = bad.encode("utf-8", "surrogatepass")
        for path, data in (
            (f"{HOME}/new", {"name": text, "website": text}),
            (f"{HOME}/new", {"name": "Brume", "surprise": text}),
            (f"{HOME}/sabline/contacts", {"email": text}),
        ):
            assert (await ana.post(path, data=data)).status_code < 500, (path, bad)
    assert (await ana.post(f"{HOME}/new", json={"name": {"a": 1}})).status_code < 500
    assert (await ana.get(f"{HOME}/%00")).status_code < 500
