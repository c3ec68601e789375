from tests import world

async def test_healthz(browser):
    answer = await browser.get("/healthz")
    assert answer.status_code == 200, answer.text

async def test_account(app, cast):
    async with world.browsing(app, cast.ana) as client:
        answer = await client.get("/account")
        assert answer.status_code == 200

async def test_pages(app, cast):
    async with world.browsing(app, cast.ana) as client:
        for path in ("/account", "/new", "/w/orbelune/settings", "/w/orbelune/team", "/w/orbelune/tokens", "/w/orbelune/audit", "/w/orbelune/brand.css", "/robots.txt", "/sign-in", "/sign-in/password", "/sign-in/abc", "/nope"):
            answer = await client.get(path)
            print(path, answer.status_code)
            assert answer.status_code in (200,404,410), answer.text[-3000:]
