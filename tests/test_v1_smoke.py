from tests import world

async def test_healthz(browser):
    answer = await browser.get("/healthz")
    assert answer.status_code == 200, answer.text

async def test_account(app, cast):
    async with world.browsing(app, cast.ana) as client:
        answer = await client.get("/account")
        assert answer.status_code == 200
