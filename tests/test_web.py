"""The edge: headers, hosts, languages, files, and what every answer keeps."""

import gzip
import re
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from server import assets, edge, mail, web
from server.app import make_app
from server.database import scoped
from server.edge import HEADERS, is_our_host
from server.errors import Refusal
from server.settings import Environment
from server.web import SAID_COOKIE, away, safe_next
from tests import world

PATHS = [
    "/",
    "/nope",
    "/sign-in",
    "/healthz",
    "/robots.txt",
    "/api/nope",
    "/w/orbelune/brand.css",
]


@pytest.fixture(scope="module")
def demo(settings, pool):
    """The same house, where the mailbox may be read."""
    return make_app(replace(settings, environment=Environment.DEMO))


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_wears_the_same_headers(browser, cast, path):
    answer = await browser.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value, name
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"]
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert "server" not in answer.headers


async def test_a_failure_of_ours_is_a_calm_page_with_its_headers(app, browser, monkeypatch):
    async def fails(*_args, **_kwargs):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("server.workspaces.color", fails)
    answer = await browser.get("/w/orbelune/brand.css?lang=fr")
    assert answer.status_code == 500
    assert "cassé" in answer.text
    assert "secret detail" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    machine = await browser.get("/w/x/brand.css", headers={"accept": "application/json"})
    assert (machine.status_code, machine.json()["code"]) == (500, "broken")
    monkeypatch.setattr("server.app.page", lambda *_args, **_more: 1 / 0)
    worst = await browser.get("/nope")
    assert (worst.status_code, worst.text) == (500, "Something broke on our side.\n")
    assert worst.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("meet.example", True),
        ("MEET.example:443", True),
        ("evil.example", False),
        ("meet.example.evil.example", False),
        ("meet.example@evil.example", False),
        ("127.0.0.1", False),
        ("localhost", False),
        ("", False),
        ("[", False),
        ("meet.example:evil", False),
    ],
)
def test_in_production_only_our_own_host_is_ours(settings, host, is_ours):
    house = replace(
        settings, environment=Environment.PRODUCTION, origin="https://meet.example"
    )
    assert is_our_host(host, house) is is_ours


@pytest.mark.parametrize("host", ["localhost:8000", "[::1]", "[::1]:8000", "127.0.0.1"])
def test_this_machine_is_ours_for_a_try_out(settings, host):
    assert is_our_host(host, settings)


async def test_a_host_that_is_not_ours_gets_nothing_but_probes(browser):
    refused = await browser.get("/sign-in", headers={"host": "evil.example"})
    assert refused.status_code == 400
    assert "evil" not in refused.text
    assert refused.headers["x-content-type-options"] == "nosniff"
    probed = await browser.get("/healthz", headers={"host": "10.1.2.3"})
    assert probed.status_code == 200


async def test_a_page_is_read_in_the_language_asked_for_and_stays_so(browser):
    french = await browser.get("/sign-in", headers={"accept-language": "fr-CH, en;q=0.5"})
    assert '<html lang="fr"' in french.text
    assert "set-cookie" not in french.headers
    english = await browser.get("/sign-in?lang=en&next=/w/x")
    assert '<html lang="en"' in english.text
    assert 'href="?next=/w/x&amp;lang=fr"' in english.text
    cookie = english.headers["set-cookie"]
    assert "apero_lang=en" in cookie
    kept = await browser.get(
        "/sign-in", headers={"cookie": "apero_lang=en", "accept-language": "fr"}
    )
    assert '<html lang="en"' in kept.text
    for odd in ("tlh", "fr\r\nx: y", ""):
        answer = await browser.get("/sign-in", params={"lang": odd})
        assert "set-cookie" not in answer.headers


async def test_an_account_s_language_is_spoken_unless_another_was_chosen(app, cast):
    async with world.browsing(app, cast.dov) as dov:
        assert '<html lang="en"' in (await dov.get("/account")).text
        dov.headers["cookie"] += "; apero_lang=fr"
        assert '<html lang="fr"' in (await dov.get("/account")).text


async def test_a_path_that_looks_like_another_site_makes_no_link_to_it(browser):
    answer = await browser.get("http://127.0.0.1:8000//evil.example/")
    assert answer.status_code == 404
    assert "//evil" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "//evil",
        "https://evil",
        "javascript:x",
        "/\\evil",
        "/a\r\nb: c",
        "/\x00",
        "",
        None,
        "evil",
    ],
)
def test_going_on_never_leaves_the_house(path):
    assert safe_next(path) == "/"


def test_going_on_within_the_house_is_kept():
    assert safe_next("/w/a?b=c&d=é#e") == "/w/a?b=c&d=é#e"


async def test_what_was_done_is_said_once_and_only_by_us(app, cast):
    async with world.browsing(app, cast.ana) as ana:
        done = await ana.post("/account", data={"name": "Ana", "language": "fr"})
        cookie = next(
            one_.partition(";")[0]
            for one_ in done.headers.get_list("set-cookie")
            if one_.startswith(SAID_COOKIE)
        )
        own = ana.headers["cookie"]
        shown = await ana.get("/account", headers={"cookie": f"{own}; {cookie}"})
        assert "Votre compte est à jour." in shown.text
        assert f"{SAID_COOKIE}=;" in shown.headers["set-cookie"].replace('""', "")
        body, _, seal = cookie.partition("=")[2].partition(".")
        for forged in (
            f"{body}.{'0' * 64}",
            f"{body[:-2]}.{seal}",
            body,
            ".",
            "é",
            "W" * 9000,
        ):
            header = f"{own}; {SAID_COOKIE}={forged}".encode()
            answer = await ana.get("/account", headers={"cookie": header})
            assert answer.status_code == 200
            assert "Votre compte est à jour." not in answer.text


async def test_built_files_are_kept_for_ever_by_their_content(browser):
    address = assets.asset("site.css")
    packed = await browser.get(address)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert packed.headers["content-type"].startswith("text/css")
    plain = await browser.get(address, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == packed.content == assets.asset_bytes("site.css")
    assert gzip.decompress(gzip.compress(plain.content)) == plain.content
    other = await browser.get("/static/site.css?v=0")
    assert other.headers["cache-control"] == "public, no-cache"
    tag = {"if-none-match": other.headers["etag"]}
    assert (await browser.get("/static/site.css", headers=tag)).status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/static/..%2f..%2fpyproject.toml",
        "/static/%2e%2e/%2e%2e/pyproject.toml",
        "/static/../../pyproject.toml",
        "/static//etc/passwd",
        "/static/manifest.json",
        "/static/dev/axe.min.js",
        "/static/site.css%00",
        "/static/",
        "/static",
    ],
)
async def test_nothing_but_built_files_is_served(app, path):
    request = httpx.Request("GET", f"{world.ORIGIN}/")
    request.url = request.url.copy_with(raw_path=path.encode())
    async with world.browser_of(app) as client:
        answer = await client.send(request)
    assert answer.status_code == 404
    assert "[project]" not in answer.text


async def test_a_browser_finds_the_icon_and_robots_the_door(browser):
    icon = await browser.get("/favicon.ico")
    assert icon.headers["location"] == assets.asset("icon-192.png")
    robots = await browser.get("/robots.txt")
    assert "Disallow: /w/" in robots.text


async def test_the_mailbox_does_not_exist_outside_a_demo(browser):
    assert (await browser.get("/mailbox")).status_code == 404


async def test_the_mailbox_of_a_demo_shows_every_letter(demo, cast, settings):
    @mail.maker("test_note")
    async def note(_workspace_id, _about):
        return mail.Enclosure("note é.txt", "text/plain", b"bonjour")

    @mail.maker("test_picture")
    async def picture(_workspace_id, _about):
        return mail.Enclosure("qr.png", "image/png", b"PNG", cid="qr")

    async with scoped(cast.as_ana):
        letter = await mail.post(
            "invitation",
            to="chloe@x.example",
            language="fr",
            workspace=cast.orbelune,
            context={
                "url": "http://127.0.0.1:8000/sign-in",
                "email": "x",
                "role": "cid:qr",
            },
            makers=[("test_note", cast.ana), ("test_picture", cast.ana)],
            now=datetime.now(UTC),
        )
    mail.Postman(settings)
    async with world.browser_of(demo) as client:
        listed = await client.get("/mailbox")
        assert f"/mailbox/{letter}" in listed.text
        assert "chloe@x.example" in listed.text
        shown = await client.get(f"/mailbox/{letter}")
        assert "frame-src 'self'" in shown.headers["content-security-policy"]
        assert "note é.txt" in shown.text
        itself = await client.get(f"/mailbox/{letter}/letter")
        assert "sandbox" in itself.headers["content-security-policy"]
        assert "script-src" not in itself.headers["content-security-policy"]
        assert '<base target="_top">' in itself.text
        assert "data:image/png;base64,UE5H" in itself.text
        taken = await client.get(f"/mailbox/{letter}/enclosures/0")
        assert taken.content == b"bonjour"
        assert taken.headers["content-disposition"].startswith("attachment")
        assert (await client.get(f"/mailbox/{letter}/enclosures/9")).status_code == 404
        gone = await client.get("/mailbox/0198f7a2-7c3a-7000-8000-000000000000")
        assert gone.status_code == 404
        assert (await client.get("/mailbox?before=x")).status_code == 404


async def test_machines_get_problems_and_people_get_pages(browser):
    machine = await browser.get("/api/v1/nope")
    assert machine.headers["content-type"] == "application/problem+json"
    assert machine.json()["status"] == 404
    person = await browser.get("/nope")
    assert person.headers["content-type"].startswith("text/html")
    wrong_way = await browser.delete("/sign-in")
    assert wrong_way.status_code == 405


async def test_the_test_clock_moves_in_tests_only(settings):
    moment = "2030-01-01T00:00:00+00:00"
    assert edge.clock(settings, moment).year == 2030
    assert edge.clock(settings, "2030-01-01").tzinfo is not None
    assert edge.clock(settings, "soon").year < 2030
    demo_house = replace(settings, environment=Environment.DEMO)
    assert edge.clock(demo_house, moment).year < 2030


def test_an_answer_that_leads_elsewhere_stays_in_the_house(settings):
    asking = web.Asking(
        settings=settings,
        request_id="x",
        address="",
        now=datetime.now(UTC),
        lang="fr",
        path="/",
        query="",
    )
    for path in ("//evil.example", "https://evil.example", "/\\evil"):
        assert away(asking, path).headers["location"] == "/"
    assert away(asking, "/é à").headers["location"] == "/%C3%A9%20%C3%A0"
    assert away(asking, "/\ud800").headers["location"] == "/"


def test_a_refusal_names_itself_for_machines():
    class MeetupFull(Refusal):
        message = "full"

    assert MeetupFull().code == "meetup_full"


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/password"])
async def test_a_part_in_no_known_charset_is_refused_in_words(browser, path):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="email"\r\n'
        b"Content-Type: text/plain; charset=nope\r\n\r\nq\r\n--x--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = await browser.post(path, content=body, headers=headers)
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8400, evil", "127.0.0.1:8400/x", "127.0.0.1:abc", "evil@127.0.0.1", ""],
)
async def test_a_host_that_is_not_one_is_refused(browser, host):
    answer = await browser.get("/sign-in", headers={"host": host})
    assert answer.status_code == 400
    assert (await browser.get("/healthz", headers={"host": host})).status_code < 500
