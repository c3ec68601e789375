"""Signing in: links, passwords, sessions, and what no attacker gets out of them."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest

from server import accounts, limits
from server.accounts import digest
from server.audit import system
from server.database import NOWHERE, one, scoped, sql
from server.edge import CLOCK_HEADER
from server.errors import TooMany
from server.passwords import Hasher
from server.web import BROWSER_COOKIE, SESSION_COOKIE
from tests import world

OPEN_REDIRECTS = [
    "//evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "/\\evil.example",
    "\\\\evil.example",
    "/ok\r\nSet-Cookie: a=b",
    "/\tevil",
    "http:evil.example",
    "",
]


async def ask(client, email="ana@orbelune.example", **more):
    """Ask for a link; gives the answer, what the browser kept, the figures and the token."""
    answer = await client.post("/sign-in", data={"email": email, **more})
    assert answer.status_code == 200, answer.text
    kept = re.search(rf"{BROWSER_COOKIE}=([\w-]+)", answer.headers["set-cookie"])
    figures = re.search(r"(\d{3})\u00a0(\d{3})", answer.text.replace("&nbsp;", "\u00a0"))
    letters = await world.letters_to(email)
    token = re.search(r"/sign-in/([\w-]{43})", letters[-1]["body_text"])
    return answer, kept[1], figures[1] + figures[2], token[1]


def cookies_of(answer):
    """Each cookie this answer sets, by name."""
    return {text.partition("=")[0]: text for text in answer.headers.get_list("set-cookie")}


def session_of(answer):
    return re.search(r"=([^;]+)", cookies_of(answer)[SESSION_COOKIE])[1]


def holding(**cookies):
    return {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


async def test_the_browser_that_asked_signs_in_with_one_press(browser, cast):
    _, kept, _, token = await ask(browser)
    shown = await browser.get(
        f"/sign-in/{token}", headers=holding(**{BROWSER_COOKIE: kept})
    )
    assert 'name="figures"' not in shown.text
    done = await browser.post(
        f"/sign-in/{token}", headers=holding(**{BROWSER_COOKIE: kept})
    )
    assert (done.status_code, done.headers["location"]) == (303, "/")
    cookie = cookies_of(done)[SESSION_COOKIE]
    assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"))
    assert "Domain" not in cookie
    page = await browser.get(
        "/account", headers=holding(**{SESSION_COOKIE: session_of(done)})
    )
    assert "ana@orbelune.example" in page.text


async def test_a_link_is_not_consumed_by_looking_at_it(browser, cast):
    _, kept, _, token = await ask(browser)
    for _ in range(3):
        assert (await browser.get(f"/sign-in/{token}")).status_code == 200
        head = await browser.head(f"/sign-in/{token}")
        assert (head.status_code, head.content) == (200, b"")
    done = await browser.post(
        f"/sign-in/{token}", headers=holding(**{BROWSER_COOKIE: kept})
    )
    assert done.status_code == 303
    again = await browser.post(
        f"/sign-in/{token}", headers=holding(**{BROWSER_COOKIE: kept})
    )
    assert again.status_code == 410
    assert SESSION_COOKIE not in cookies_of(again)


@pytest.mark.committed
async def test_ten_presses_at_once_give_one_session(app):
    ana = await world.an_account("ana@orbelune.example", "Ana")
    async with world.browser_of(app) as client:
        _, kept, _, token = await ask(client)
        headers = holding(**{BROWSER_COOKIE: kept})
        answers = await asyncio.gather(
            *(client.post(f"/sign-in/{token}", headers=headers) for _ in range(10))
        )
    assert sorted(answer.status_code for answer in answers) == [303] + [410] * 9
    count = await one("SELECT count(*) AS n FROM session WHERE account_id = $1", ana)
    assert count["n"] == 1


async def test_another_browser_needs_the_six_figures(browser, cast):
    _, _, figures, token = await ask(browser)
    shown = await browser.get(f"/sign-in/{token}", headers=holding())
    assert 'name="figures"' in shown.text
    bare = await browser.post(f"/sign-in/{token}", headers=holding())
    assert bare.status_code == 422
    spaced = {"figures": f"{figures[:3]} {figures[3:]}"}
    done = await browser.post(f"/sign-in/{token}", data=spaced, headers=holding())
    assert done.status_code == 303
    assert session_of(done)


async def test_figures_may_be_tried_five_times(browser, cast):
    _, kept, figures, token = await ask(browser)
    wrong = {"figures": "000000" if figures != "000000" else "111111"}
    tried = [
        (await browser.post(f"/sign-in/{token}", data=wrong, headers=holding())).status_code
        for _ in range(7)
    ]
    assert tried == [422] * 5 + [410] * 2
    right = await browser.post(
        f"/sign-in/{token}", data={"figures": figures}, headers=holding()
    )
    assert right.status_code == 410
    asker = await browser.post(
        f"/sign-in/{token}", headers=holding(**{BROWSER_COOKIE: kept})
    )
    assert asker.status_code == 303


async def test_a_link_lives_ten_minutes(browser, cast):
    _, kept, _, token = await ask(browser)
    late = (datetime.now(UTC) + timedelta(minutes=10, seconds=1)).isoformat()
    headers = holding(**{BROWSER_COOKIE: kept}) | {CLOCK_HEADER: late}
    assert (await browser.get(f"/sign-in/{token}", headers=headers)).status_code == 410
    assert (await browser.post(f"/sign-in/{token}", headers=headers)).status_code == 410


async def test_two_links_asked_for_in_a_row_both_work(browser, cast):
    _, kept, _, first = await ask(browser)
    again = await browser.post(
        "/sign-in",
        data={"email": "ana@orbelune.example"},
        headers=holding(**{BROWSER_COOKIE: kept}),
    )
    assert kept in cookies_of(again)[BROWSER_COOKIE]
    done = await browser.post(
        f"/sign-in/{first}", headers=holding(**{BROWSER_COOKIE: kept})
    )
    assert done.status_code == 303


async def test_a_planted_session_is_never_adopted(browser, cast):
    planted = "A" * 43
    _, kept, _, token = await ask(browser)
    done = await browser.post(
        f"/sign-in/{token}",
        headers=holding(**{BROWSER_COOKIE: kept, SESSION_COOKIE: planted}),
    )
    assert session_of(done) != planted
    asked = await browser.get("/account", headers=holding(**{SESSION_COOKIE: planted}))
    assert asked.status_code == 303


async def test_signing_in_again_makes_a_fresh_session_and_ends_the_old_one(browser, cast):
    _, kept, _, token = await ask(browser)
    proof = await world.signed_in(browser, cast.ana)
    old = browser.headers["cookie"]
    done = await browser.post(
        f"/sign-in/{token}", headers={"cookie": f"{old}; {BROWSER_COOKIE}={kept}"}
    )
    assert done.status_code == 303
    assert proof
    assert session_of(done) not in old
    assert (await browser.get("/account", headers={"cookie": old})).status_code == 303


async def test_only_hashes_of_secrets_are_kept(browser, cast):
    _, kept, figures, token = await ask(browser)
    row = await one("SELECT * FROM magic_link ORDER BY created_at DESC LIMIT 1")
    assert row["token_hash"] == digest(token)
    assert row["code_hash"] != digest(figures)
    for secret in (token, kept, figures):
        assert secret not in str(dict(row))


async def test_the_answer_is_the_same_for_a_stranger(browser, cast):
    known, *_ = await ask(browser, "ana@orbelune.example")
    unknown, *_ = await ask(browser, "nul@orbelune.example")
    assert known.status_code == unknown.status_code
    assert len(known.content) == len(unknown.content)
    assert set(known.headers) == set(unknown.headers)


async def test_a_wrong_password_says_nothing_of_the_address(browser, cast):
    by = world.acting(cast.ana)
    await accounts.set_password(
        cast.ana, "quatre mots bien choisis", keep=None, by=by, now=datetime.now(UTC)
    )
    answers = [
        await browser.post("/sign-in/password", data={"email": email, "password": "x" * 12})
        for email in (
            "ana@orbelune.example",
            "nul@orbelune.example",
            "bilal@orbelune.example",
        )
    ]
    assert [answer.status_code for answer in answers] == [401] * 3
    texts = {re.sub(r'value="\w+@[\w.]+"|[0-9a-f]{32}', "", one_.text) for one_ in answers}
    assert len(texts) == 1


async def test_a_password_signs_in_and_is_kept_as_argon2id(browser, cast):
    assert 'type="password"' in (await browser.get("/sign-in/password")).text
    by = world.acting(cast.ana)
    await accounts.set_password(
        cast.ana, "quatre mots bien choisis", keep=None, by=by, now=datetime.now(UTC)
    )
    row = await one("SELECT password_hash FROM account WHERE id = $1", cast.ana)
    assert row["password_hash"].startswith("$argon2id$")
    done = await browser.post(
        "/sign-in/password",
        data={"email": "ANA@orbelune.example ", "password": "quatre mots bien choisis"},
    )
    assert (done.status_code, done.headers["location"]) == (303, "/")


async def test_hashing_leaves_the_loop_free():
    hashing = asyncio.create_task(Hasher.hash("quatre mots bien choisis"))
    beats = 0
    while not hashing.done():
        await asyncio.sleep(0.001)
        beats += 1
    assert beats > 3
    assert await Hasher.matches(hashing.result(), "quatre mots bien choisis")
    assert not await Hasher.matches(None, "quatre mots bien choisis")
    assert not await Hasher.matches("not a hash", "quatre mots bien choisis")


async def test_a_new_password_ends_the_other_sessions(app, cast):
    async with (
        world.browsing(app, cast.ana) as here,
        world.browsing(app, cast.ana) as there,
    ):
        short = await here.post("/account/password", data={"password": "trop court"})
        assert short.status_code == 422
        done = await here.post(
            "/account/password", data={"password": "quatre mots bien choisis"}
        )
        assert done.status_code == 303
        assert (await here.get("/account")).status_code == 200
        assert (await there.get("/account")).status_code == 303


async def test_a_session_ends_when_idle_and_at_the_end_of_the_day(app, cast):
    async with world.browsing(app, cast.ana) as client:
        start = datetime.now(UTC)

        async def at(**later):
            moment = (start + timedelta(**later)).isoformat()
            return (
                await client.get("/account", headers={CLOCK_HEADER: moment})
            ).status_code

        assert await at(hours=7, minutes=50) == 200
        assert await at(hours=15) == 200
        assert await at(hours=22) == 200
        assert await at(hours=24, minutes=1) == 303
    async with world.browsing(app, cast.ana) as client:
        assert await at(hours=8, minutes=2) == 303


async def test_one_device_or_all_others_can_be_signed_out(app, cast):
    async with (
        world.browsing(app, cast.ana) as here,
        world.browsing(app, cast.ana) as there,
        world.browsing(app, cast.ana) as elsewhere,
        world.browsing(app, cast.dov) as dov,
    ):
        page = await here.get("/account")
        found = re.findall(r"/account/sessions/([\w-]{36})/end", page.text)
        assert len(found) == 2
        assert (await dov.post(f"/account/sessions/{found[0]}/end")).status_code == 303
        alive = [(await one_.get("/account")).status_code for one_ in (there, elsewhere)]
        assert alive == [200, 200]
        await here.post(f"/account/sessions/{found[0]}/end")
        alive = [(await one_.get("/account")).status_code for one_ in (there, elsewhere)]
        assert sorted(alive) == [200, 303]
        await here.post("/account/sessions/end")
        alive = [(await one_.get("/account")).status_code for one_ in (there, elsewhere)]
        assert alive == [303, 303]
        assert (await here.get("/account")).status_code == 200


async def test_signing_out_ends_the_session_on_the_server(app, cast):
    async with world.browsing(app, cast.ana) as client:
        done = await client.post("/sign-out")
        assert done.status_code == 303
        assert "Max-Age=0" in cookies_of(done)[SESSION_COOKIE]
        assert (await client.get("/account")).status_code == 303


async def test_a_disabled_account_is_out_at_once_and_stays_out(app, browser, cast):
    _, kept, _, token = await ask(browser)
    async with world.browsing(app, cast.ana) as client:
        await sql("UPDATE account SET disabled_at = now() WHERE id = $1", cast.ana)
        assert (await client.get("/account")).status_code == 303
    done = await browser.post(
        f"/sign-in/{token}", headers=holding(**{BROWSER_COOKIE: kept})
    )
    assert done.status_code == 410


@pytest.mark.parametrize("path", OPEN_REDIRECTS)
async def test_signing_in_never_leads_to_another_site(browser, cast, path):
    _, kept, _, token = await ask(browser, next=path)
    done = await browser.post(
        f"/sign-in/{token}", headers=holding(**{BROWSER_COOKIE: kept})
    )
    assert (done.status_code, done.headers["location"]) == (303, "/")


async def test_signing_in_leads_where_one_was_going(browser, cast):
    turned_away = await browser.get("/w/orbelune/audit?before=abc&lang=fr")
    asked = turned_away.headers["location"]
    assert asked == "/sign-in?next=/w/orbelune/audit%3Fbefore%3Dabc%26lang%3Dfr"
    page = await browser.get(asked)
    found = re.search(r'name="next" value="([^"]*)"', page.text)[1].replace("&amp;", "&")
    assert found == "/w/orbelune/audit?before=abc&lang=fr"
    _, kept, _, token = await ask(browser, next=found)
    done = await browser.post(
        f"/sign-in/{token}", headers=holding(**{BROWSER_COOKIE: kept})
    )
    assert done.headers["location"] == found


async def test_a_link_is_built_from_our_own_origin(browser, cast):
    poisoned = {"host": "localhost:8000", "x-forwarded-host": "evil.example"}
    await browser.post("/sign-in", data={"email": "ana@orbelune.example"}, headers=poisoned)
    letter = (await world.letters_to("ana@orbelune.example"))[-1]
    assert f"{world.ORIGIN}/sign-in/" in letter["body_text"]
    assert "evil" not in letter["body_text"] + letter["body_html"]


async def test_links_are_limited_by_account(browser, cast):
    codes = [
        (await browser.post("/sign-in", data={"email": "dov@ailleurs.example"})).status_code
        for _ in range(6)
    ]
    assert codes == [200] * 5 + [429]
    refused = await browser.post("/sign-in", data={"email": "dov@ailleurs.example"})
    assert 0 < int(refused.headers["retry-after"]) <= 3600


async def test_passwords_are_limited_by_account_and_by_address(browser, cast):
    wrong = {"email": "dov@ailleurs.example", "password": "not this one"}
    codes = [
        (await browser.post("/sign-in/password", data=wrong)).status_code for _ in range(11)
    ]
    assert codes == [401] * 10 + [429]


async def test_an_address_is_limited_whatever_it_says_of_itself(browser, cast):
    now = datetime.now(UTC)
    for _ in range(200):
        await limits.spend(
            "link", "127.0.0.0", most=200, window=timedelta(hours=1), now=now
        )
    spoofed = {"x-forwarded-for": "203.0.113.9"}
    answer = await browser.post(
        "/sign-in", data={"email": "dov@ailleurs.example"}, headers=spoofed
    )
    assert answer.status_code == 429


async def test_a_limit_stands_though_the_work_is_undone(cast):
    now = datetime.now(UTC)
    with pytest.raises(ValueError, match="undone"):
        async with scoped(NOWHERE):
            await limits.spend("proof", "x", most=1, window=timedelta(hours=1), now=now)
            raise ValueError("undone")
    with pytest.raises(TooMany):
        await limits.spend("proof", "x", most=1, window=timedelta(hours=1), now=now)


async def test_old_links_sessions_and_empty_accounts_are_forgotten(cast):
    old = world.NOW - timedelta(days=60)
    stranger = await accounts.account_for("nul@x.example", by=system(), now=old)
    kept = await accounts.account_for("tard@x.example", by=system(), now=world.NOW)
    await sql("UPDATE account SET created_at = $2 WHERE id = $1", cast.ana, old)
    await accounts.forget_old(world.NOW)
    left = {row["id"] for row in await sql("SELECT id FROM account")}
    assert stranger not in left
    assert {kept, cast.ana} <= left


async def test_an_account_says_how_it_wants_to_be_called(app, cast):
    async with world.browsing(app, cast.ana) as client:
        done = await client.post("/account", data={"name": "Ana B.", "language": "en"})
        assert done.status_code == 303
        page = await client.get("/account")
        assert 'value="Ana B."' in page.text
        assert '<html lang="en"' in page.text
        wrong = await client.post("/account", data={"name": "Ana", "language": "tlh"})
        assert wrong.status_code == 422


async def test_junk_links_lock_nobody_out_of_a_good_one(browser, cast):
    _, kept, _, token = await ask(browser)
    for number in range(62):
        junk = await browser.post(f"/sign-in/{'a' * 40}{number:03}")
        assert junk.status_code in {409, 410, 429}
    answer = await browser.post(
        f"/sign-in/{token}", headers=holding(**{BROWSER_COOKIE: kept})
    )
    assert answer.status_code == 303
