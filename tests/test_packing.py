"""Pages in one piece travel compressed, except to whoever is signed in."""

import gzip

from tests import world

PAGE = "/m/orbelune"
CLOCK = {"x-apero-now": world.NOW.isoformat()}


async def raw(browser, path, **headers):
    async with browser.stream("GET", path, headers=CLOCK | headers) as answer:
        return answer, b"".join([part async for part in answer.aiter_raw()])


async def test_a_page_is_compressed_for_guests(browser, cast):
    answer, body = await raw(browser, PAGE, **{"accept-encoding": "gzip, br"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in answer.headers["vary"]
    assert int(answer.headers["content-length"]) == len(body)
    plain, whole = await raw(browser, PAGE, **{"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(body) == whole
    head = await browser.head(PAGE, headers=CLOCK | {"accept-encoding": "gzip"})
    assert (head.status_code, head.content) == (200, b"")


async def test_a_secret_is_never_compressed_beside_what_was_typed(app, cast):
    async with world.browsing(app, cast.ana) as ana:
        answer, body = await raw(ana, "/w/orbelune", **{"accept-encoding": "gzip"})
    assert "content-encoding" not in answer.headers
    assert b'<meta name="csrf"' in body


async def test_short_answers_and_other_kinds_stay_as_they_are(browser, cast):
    for path in ("/robots.txt", "/m/orbelune/sitemap.xml", f"{PAGE}/feed.ics"):
        answer, _body = await raw(browser, path, **{"accept-encoding": "gzip"})
        assert "content-encoding" not in answer.headers
