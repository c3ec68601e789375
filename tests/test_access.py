"""The guards: where a request comes from, what it carries, and what it may reach."""

import re

import pytest

from server.access import NotFromOurPage
from server.web import SESSION_COOKIE
from tests import world

RENAME = {"name": "Ana", "language": "fr"}


async def renamed(client, **headers):
    return (await client.post("/account", data=RENAME, headers=headers)).status_code


async def test_an_act_without_its_token_is_refused(app, cast):
    async with world.browsing(app, cast.ana) as ana:
        del ana.headers["x-csrftoken"]
        assert await renamed(ana) == 403
        for wrong in ("", "x", "é" * 10, "A" * 24):
            answer = await ana.post("/account", data=RENAME | {"_csrf_token": wrong})
            assert answer.status_code == 403
        assert "page" in answer.text


async def test_the_token_of_the_form_is_enough(app, cast):
    async with world.browsing(app, cast.ana) as ana:
        proof = ana.headers.pop("x-csrftoken")
        answer = await ana.post("/account", data=RENAME | {"_csrf_token": proof})
        assert answer.status_code == 303
        answer = await ana.post(
            "/account",
            files={
                "name": (None, "Ana"),
                "language": (None, "fr"),
                "_csrf_token": (None, proof),
            },
        )
        assert answer.status_code == 303


async def test_another_session_s_token_is_nothing_here(app, cast):
    async with (
        world.browsing(app, cast.ana) as here,
        world.browsing(app, cast.ana) as there,
        world.browsing(app, cast.dov) as dov,
    ):
        assert here.headers["x-csrftoken"] != there.headers["x-csrftoken"]
        for other in (there, dov):
            assert (
                await renamed(here, **{"x-csrftoken": other.headers["x-csrftoken"]}) == 403
            )
        assert await renamed(here) == 303


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 303),
        ({"origin": world.ORIGIN}, 303),
        ({"origin": world.ORIGIN, "sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "none"}, 303),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "null", "sec-fetch-site": "cross-site"}, 403),
        ({"origin": "null", "sec-fetch-site": "none"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "http://127.0.0.1.evil.example:8000"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": world.ORIGIN, "sec-fetch-site": "cross-site"}, 403),
    ],
)
async def test_an_act_comes_from_a_page_of_ours(app, cast, headers, code):
    async with world.browsing(app, cast.ana) as ana:
        assert await renamed(ana, **headers) == code


async def test_signing_in_is_guarded_against_other_sites_too(browser, cast):
    answer = await browser.post(
        "/sign-in",
        data={"email": "ana@orbelune.example"},
        headers={"origin": "https://evil.example"},
    )
    assert answer.status_code == 403
    assert await world.letters_to("ana@orbelune.example") == []


@pytest.mark.parametrize("path", ["/sign-out", "/account/sessions/end", "/w/orbelune/team"])
async def test_nothing_changes_by_looking(app, cast, path):
    async with world.browsing(app, cast.ana) as ana:
        answer = await ana.get(path)
        assert answer.status_code in {200, 404, 405}
        assert (await ana.get("/account")).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/account", "/new", "/w/orbelune/settings", "/w/orbelune/audit", "/w/nulle/team"],
)
async def test_a_stranger_is_asked_to_sign_in(browser, cast, path):
    shown = await browser.get(path)
    assert (shown.status_code, shown.headers["location"]) == (303, f"/sign-in?next={path}")
    acted = await browser.post(path)
    assert acted.status_code in {401, 405}
    machine = await browser.get(path, headers={"accept": "application/json"})
    assert machine.status_code == 401
    assert machine.headers["content-type"] == "application/problem+json"
    assert machine.json()["code"] == "not_signed_in"


@pytest.mark.parametrize("page", ["settings", "team", "tokens", "audit"])
async def test_the_door_staff_sees_no_settings(app, cast, page):
    async with world.browsing(app, cast.bilal) as bilal:
        assert (await bilal.get(f"/w/orbelune/{page}")).status_code == 404


async def test_whoever_is_signed_in_lands_at_her_work(app, cast):
    async with world.browsing(app, cast.ana) as ana:
        assert (await ana.get("/")).headers["location"] == "/w/orbelune"
    async with world.browsing(app, cast.eiko) as eiko:
        assert (await eiko.get("/")).headers["location"] == "/new"


@pytest.mark.parametrize("cookie", ["", "x", "é", "A" * 5000, "' OR 1=1 --", "%00"])
async def test_a_cookie_that_is_no_session_is_nobody(browser, cast, cookie):
    header = f"{SESSION_COOKIE}={cookie}".encode()
    answer = await browser.get("/account", headers={"cookie": header})
    assert answer.status_code == 303


async def test_a_refusal_explains_what_to_do(app, cast):
    async with world.browsing(app, cast.ana) as ana:
        answer = await ana.post("/account", data=RENAME, headers={"x-csrftoken": "no"})
    assert "Rouvrez la page" in answer.text
    assert re.search(r"[0-9a-f]{32}", answer.text)
    assert NotFromOurPage().code == "not_from_our_page"
