"""Workspaces: who works where, what a token may do, and the wall between two of them."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from litestar import Router, get, post
from litestar.di import NamedDependency

from server import api_tokens, brand, sitemap, workspaces
from server.access import by_token
from server.accounts import digest
from server.audit import Actor, system
from server.database import one, scoped, sql
from server.errors import Invalid, NotFound
from server.workspaces import DOOR_STAFF, ORGANISERS, LastOwner, Role
from tests import world

PAGES = ["/settings", "/team", "/tokens", "/audit"]
ACTS = [
    ("/settings", {"name": "Pris", "color": "#000000", "language": "fr"}),
    ("/team", {"email": "dov@ailleurs.example", "role": "owner"}),
    ("/tokens", {"name": "x", "role": "owner", "scopes": "write"}),
    ("/team/0198f7a2-7c3a-7000-8000-000000000000/end", {}),
    ("/tokens/0198f7a2-7c3a-7000-8000-000000000000/revoke", {}),
]


@get("/probe")
async def probe(by: NamedDependency[Actor]) -> dict[str, str]:
    return {"role": by.role, "kind": by.kind.value}


@post("/probe")
async def change(by: NamedDependency[Actor]) -> dict[str, str]:
    return {"role": by.role}


@pytest.fixture(scope="module")
async def machines(settings, pool):
    """An application with three addresses for machines."""
    from server.app import make_app

    before = sitemap.routes

    def routes(given):
        return [
            *before(given),
            Router(
                "/api/v1/staff",
                route_handlers=[probe, change],
                guards=[by_token(DOOR_STAFF)],
            ),
            Router("/api/v1/few", route_handlers=[probe], guards=[by_token(ORGANISERS)]),
            Router(
                "/api/v1/gate",
                route_handlers=[probe],
                guards=[by_token(DOOR_STAFF, "door")],
            ),
        ]

    from server import app as composing

    composing.routes = routes
    try:
        yield make_app(replace(settings))
    finally:
        composing.routes = before


async def a_token(cast, role=Role.MANAGER, scopes=("read",)):
    return await api_tokens.issue_token(
        "Sonde",
        role,
        list(scopes),
        account_id=cast.ana,
        by=cast.as_ana,
        now=datetime.now(UTC),
    )


async def calling(app, token, path="/api/v1/staff/probe", method="GET", **headers):
    async with world.browser_of(app, authorization=f"Bearer {token}", **headers) as client:
        return await client.request(method, path)


@pytest.mark.parametrize("page", PAGES)
async def test_another_workspace_does_not_exist_for_dov(app, cast, page):
    async with world.browsing(app, cast.dov) as dov:
        theirs = await dov.get(f"/w/orbelune{page}")
        nowhere = await dov.get(f"/w/nulle-part{page}")
        own = await dov.get(f"/w/ailleurs{page}")
    assert (theirs.status_code, nowhere.status_code, own.status_code) == (404, 404, 200)
    assert "Orbelune" not in theirs.text

    def shown(answer):
        return re.sub(r"[0-9a-f]{32}", "", answer.text)

    assert shown(theirs) == shown(nowhere)


@pytest.mark.parametrize(("path", "body"), ACTS)
async def test_nobody_acts_in_another_workspace(app, cast, path, body):
    async with world.browsing(app, cast.dov) as dov:
        assert (await dov.post(f"/w/orbelune{path}", data=body)).status_code == 404
    async with world.browsing(app, cast.bilal) as bilal:
        assert (await bilal.post(f"/w/orbelune{path}", data=body)).status_code == 404
    assert (await workspaces.look("orbelune")).name == "Orbelune"


async def test_ids_of_another_workspace_are_nothing_in_one_s_own(app, cast):
    await a_token(cast)
    async with scoped(cast.as_ana):
        token = (await api_tokens.tokens())[0]
        seat = (await workspaces.team())[0]
    async with world.browsing(app, cast.dov) as dov:
        revoke = await dov.post(f"/w/ailleurs/tokens/{token.id}/revoke")
        end = await dov.post(f"/w/ailleurs/team/{seat.id}/end")
    assert (revoke.status_code, end.status_code) == (404, 404)
    async with scoped(cast.as_ana):
        assert len(await api_tokens.tokens()) == 1
        assert len(await workspaces.team()) == 2


async def test_a_first_workspace_is_opened_in_one_form(app, cast):
    async with world.browsing(app, cast.eiko) as eiko:
        start = await eiko.get("/")
        assert start.headers["location"] == "/new"
        form = await eiko.get("/new")
        assert 'value="Europe/Paris" selected' in form.text
        assert "United Kingdom, London" in form.text
        offered = re.findall(r'<option value="([^"]+/[^"]+)"', form.text)
        assert len(offered) == len(set(offered)) > 400
        assert offered[0] == "Europe/Paris"
        assert not {"Asia/Calcutta", "US/Eastern", "Europe/Kiev"} & set(offered)
        typed = {
            "name": "Café Sablé",
            "language": "fr",
            "time_zone": "Asia/Tokyo",
            "color": "#1D3A8A",
        }
        done = await eiko.post("/new", data=typed)
        assert (done.status_code, done.headers["location"]) == (303, "/w/cafe-sable")
        again = await eiko.post("/new", data=typed)
        assert again.status_code == 422
        assert "Caf\u00e9 Sabl\u00e9" in again.text
        assert (await eiko.get("/")).headers["location"] == "/w/cafe-sable"
        assert (await eiko.get("/w/cafe-sable/settings")).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "!!!"},
        {"name": ""},
        {"color": "red"},
        {"color": "#12345g"},
        {"language": "tlh"},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": "Europe"},
        {"colour": "#000000"},
    ],
)
async def test_a_workspace_that_makes_no_sense_is_refused_in_words(app, cast, wrong):
    typed = {
        "name": "Neuf",
        "language": "fr",
        "time_zone": "Europe/Paris",
        "color": "#000000",
    }
    async with world.browsing(app, cast.eiko) as eiko:
        answer = await eiko.post("/new", data=typed | wrong)
    assert answer.status_code == 422


async def test_a_closed_house_opens_workspaces_for_owners_only(cast):
    may = workspaces.may_open
    assert await may(cast.eiko, open_sign_up=True)
    assert not await may(cast.eiko, open_sign_up=False)
    assert not await may(cast.bilal, open_sign_up=False)
    assert await may(cast.ana, open_sign_up=False)


async def test_the_very_first_workspace_may_always_be_opened():
    if await one("SELECT 1 FROM workspace LIMIT 1") is None:
        somebody = await world.an_account("une@x.example", "Une")
        assert await workspaces.may_open(somebody, open_sign_up=False)


async def test_settings_change_how_a_workspace_looks_and_sounds(app, cast):
    async with world.browsing(app, cast.ana) as ana:
        before = await ana.get("/w/orbelune/brand.css")
        typed = {
            "name": "Orbelune & Cie",
            "color": "#1D3A8A",
            "persona": "Camille",
            "persona_role": "community manager",
            "signature": "À jeudi,\nCamille",
            "language": "en",
            "languages": "en",
            "time_zone": "Europe/Brussels",
            "currency": "CHF",
            "reply_to": "camille@orbelune.example",
        }
        done = await ana.post("/w/orbelune/settings", data=typed)
        assert done.status_code == 303
        page = await ana.get("/w/orbelune/settings")
        assert "Orbelune &amp; Cie" in page.text
        assert "brand.css?v=1d3a8a" in page.text
        after = await ana.get("/w/orbelune/brand.css")
        assert after.text == ":root { --brand: #1d3a8a }\n"
        assert after.headers["etag"] != before.headers["etag"]
        wrong = await ana.post("/w/orbelune/settings", data=typed | {"reply_to": "camille"})
        assert wrong.status_code == 422
        assert 'value="Camille"' in wrong.text


async def test_the_colour_is_served_to_anybody_and_kept(browser, cast):
    exact = await browser.get("/w/orbelune/brand.css?v=b84a2b")
    assert exact.headers["content-type"].startswith("text/css")
    assert "immutable" in exact.headers["cache-control"]
    old = await browser.get("/w/orbelune/brand.css?v=000000")
    assert old.headers["cache-control"] == "public, no-cache"
    same = await browser.get(
        "/w/orbelune/brand.css", headers={"if-none-match": exact.headers["etag"]}
    )
    assert (same.status_code, same.content) == (304, b"")
    assert (await browser.get("/w/nulle-part/brand.css")).status_code == 404


async def test_an_invitation_gives_a_role_and_writes_a_letter(app, cast):
    async with world.browsing(app, cast.ana) as ana:
        typed = {"email": "eiko@sabline.example", "role": "manager"}
        for _ in range(2):
            assert (await ana.post("/w/orbelune/team", data=typed)).status_code == 303
        assert (
            await ana.post("/w/orbelune/team", data=typed | {"role": "king"})
        ).status_code == 422
        sponsor = await ana.post("/w/orbelune/team", data=typed | {"role": "sponsor"})
        assert sponsor.status_code == 422
    (letter,) = await world.letters_to("eiko@sabline.example")
    assert letter["subject"] == "Orbelune vous ouvre sa porte"
    assert "organisation" in letter["body_text"]
    (seat,) = await workspaces.seats(cast.eiko)
    assert (seat.slug, seat.role) == ("orbelune", Role.MANAGER)


async def test_a_role_that_ended_ends_at_the_next_request(app, cast):
    async with scoped(cast.as_ana):
        await workspaces.invite(
            "eiko@sabline.example",
            Role.OWNER,
            workspace=cast.orbelune,
            origin=world.ORIGIN,
            by=cast.as_ana,
            now=world.NOW,
        )
        seat = next(
            one_ for one_ in await workspaces.team() if one_.account_id == cast.eiko
        )
    async with world.browsing(app, cast.eiko) as eiko, world.browsing(app, cast.ana) as ana:
        assert (await eiko.get("/w/orbelune/team")).status_code == 200
        assert (await ana.post(f"/w/orbelune/team/{seat.id}/end")).status_code == 303
        assert (await eiko.get("/w/orbelune/team")).status_code == 404
        assert (await ana.post(f"/w/orbelune/team/{seat.id}/end")).status_code == 404


async def test_the_last_owner_stays(app, cast):
    async with scoped(cast.as_ana):
        seat = next(one_ for one_ in await workspaces.team() if one_.role is Role.OWNER)
    async with world.browsing(app, cast.ana) as ana:
        answer = await ana.post(f"/w/orbelune/team/{seat.id}/end")
        assert answer.status_code == 409
        assert (await ana.get("/w/orbelune/team")).status_code == 200
    with pytest.raises(LastOwner):
        await workspaces.end_membership(seat.id, by=cast.as_ana, now=world.NOW)


async def test_a_token_is_shown_once_and_kept_as_a_hash(app, cast):
    async with world.browsing(app, cast.ana) as ana:
        typed = {"name": "Sonde", "role": "manager", "scopes": ["read", "write"]}
        made = await ana.post("/w/orbelune/tokens", data=typed)
        token = re.search(r"apero_pat_\w{49}", made.text)[0]
        later = await ana.get("/w/orbelune/tokens")
    assert token not in later.text
    assert f"…{token[-4:]}" in later.text
    async with scoped(cast.as_ana):
        row = await one("SELECT * FROM api_token")
    assert row["token_hash"] == digest(token)
    assert token not in str(dict(row))


async def test_a_token_opens_what_its_role_and_scopes_open(machines, cast):
    reader = await a_token(cast)
    assert (await calling(machines, reader)).json() == {"role": "manager", "kind": "token"}
    assert (await calling(machines, reader, method="POST")).status_code == 403
    assert (await calling(machines, reader, "/api/v1/gate/probe")).status_code == 403
    writer = await a_token(cast, scopes=("read", "write", "door"))
    assert (await calling(machines, writer, method="POST")).status_code == 201
    assert (await calling(machines, writer, "/api/v1/gate/probe")).status_code == 200
    at_the_door = await a_token(cast, Role.DOOR)
    assert (await calling(machines, at_the_door)).status_code == 200
    assert (await calling(machines, at_the_door, "/api/v1/few/probe")).status_code == 403


async def test_a_token_that_is_nothing_is_refused(machines, cast):
    token = await a_token(cast)
    wrong = ["", "x", token[:-1], token[:-1] + "é", "apero_pat_" + "0" * 49, token + "0"]
    for text in wrong:
        async with world.browser_of(machines) as client:
            header = {"authorization": f"Bearer {text}".encode()}
            answer = await client.get("/api/v1/staff/probe", headers=header)
        assert answer.status_code == 401, text
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["code"] == "not_signed_in"
    basic = {"authorization": f"Basic {token}"}
    async with world.browser_of(machines, **basic) as client:
        assert (await client.get("/api/v1/staff/probe")).status_code == 401
    assert (await calling(machines, token)).status_code == 200


async def test_a_revoked_or_expired_token_is_refused(app, machines, cast):
    token = await a_token(cast)
    assert (await calling(machines, token)).status_code == 200
    late = (datetime.now(UTC) + timedelta(days=366)).isoformat()
    headers = {"x-apero-now": late}
    assert (await calling(machines, token, **headers)).status_code == 401
    async with scoped(cast.as_ana):
        line = (await api_tokens.tokens())[0]
    assert line.last_used_at is not None
    async with world.browsing(app, cast.ana) as ana:
        assert (await ana.post(f"/w/orbelune/tokens/{line.id}/revoke")).status_code == 303
        assert (await ana.post(f"/w/orbelune/tokens/{line.id}/revoke")).status_code == 404
    assert (await calling(machines, token)).status_code == 401


async def test_a_token_does_no_more_than_its_account_may_do_now(machines, cast):
    token = await a_token(cast, Role.MANAGER)
    assert (await calling(machines, token)).status_code == 200
    async with scoped(cast.as_ana):
        await sql(
            "UPDATE membership SET role = 'moderator' WHERE account_id = $1", cast.ana
        )
    assert (await calling(machines, token)).status_code == 401
    async with scoped(cast.as_ana):
        await sql("UPDATE membership SET ended_at = now() WHERE account_id = $1", cast.ana)
    assert (await calling(machines, token)).status_code == 401


async def test_a_disabled_account_and_a_shut_workspace_take_their_tokens_along(
    machines, cast
):
    token = await a_token(cast)
    await sql("UPDATE workspace SET archived_at = now() WHERE id = $1", cast.orbelune.id)
    assert (await calling(machines, token)).status_code == 401
    with pytest.raises(NotFound):
        await workspaces.look("orbelune")
    with pytest.raises(NotFound):
        await workspaces.look_by_id(cast.orbelune.id)
    await sql("UPDATE workspace SET archived_at = NULL WHERE id = $1", cast.orbelune.id)
    assert (await workspaces.look_by_id(cast.orbelune.id)).slug == "orbelune"
    await sql("UPDATE account SET disabled_at = now() WHERE id = $1", cast.ana)
    assert (await calling(machines, token)).status_code == 401


async def test_nobody_hands_out_more_than_she_has(cast):
    manager = world.acting(cast.ana, cast.orbelune, role=Role.MANAGER)
    now = datetime.now(UTC)
    with pytest.raises(Invalid):
        await api_tokens.issue_token(
            "x", Role.OWNER, ["read"], account_id=cast.ana, by=manager, now=now
        )
    for scopes in ([], ["all"], ["read", "admin"]):
        with pytest.raises(Invalid):
            await api_tokens.issue_token(
                "x", Role.DOOR, scopes, account_id=cast.ana, by=manager, now=now
            )
    by = system(cast.orbelune.id)
    made = await api_tokens.issue_token(
        "x", Role.OWNER, ["read"], account_id=cast.ana, by=by, now=now
    )
    assert made.startswith("apero_pat_")


async def test_the_strongest_role_is_shown_and_the_others_still_count(app, cast):
    async with scoped(cast.as_ana):
        for role in (Role.AMBASSADOR, Role.DOOR, Role.MODERATOR):
            await workspaces.invite(
                "eiko@sabline.example",
                role,
                workspace=cast.orbelune,
                origin=world.ORIGIN,
                by=cast.as_ana,
                now=world.NOW,
            )
    (seat,) = await workspaces.seats(cast.eiko)
    assert seat.role is Role.MODERATOR
    holds = workspaces.holds_one_of
    assert await holds(cast.eiko, cast.orbelune.id, ["door"])
    assert not await holds(cast.eiko, cast.orbelune.id, ["owner", "sponsor"])
    assert not await holds(cast.eiko, cast.elsewhere.id, ["door"])


def test_a_checksum_tells_a_mistyped_token():
    tokens = {api_tokens.new_token() for _ in range(50)}
    assert len(tokens) == 50
    for token in tokens:
        assert re.fullmatch(r"apero_pat_[0-9A-Za-z]{49}", token)
        assert api_tokens.checksum(token[:-6]) == token[-6:]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Orbelune", "orbelune"),
        ("  Café -- Sablé ! ", "cafe-sable"),
        ("ŒUVRE", "uvre"),
        ("東京", ""),
        ("a" * 80, "a" * 60),
        ("a" * 59 + " b", "a" * 59),
    ],
)
def test_a_name_makes_an_address(name, slug):
    assert workspaces.slug_of(name) == slug


async def test_the_house_opens_a_workspace_without_an_owner(cast):
    look = await workspaces.make_workspace(
        "Maison", language="fr", time_zone="Europe/Paris", by=system(), now=world.NOW
    )
    async with scoped(system(look.id)):
        assert await workspaces.team() == []


async def test_a_language_we_do_not_speak_is_refused(cast):
    wanted = msgspec.structs.replace(brand.brand_of(cast.orbelune), language="xx")
    with pytest.raises(Invalid):
        await brand.change(cast.orbelune, wanted, by=cast.as_ana, now=world.NOW)


async def test_a_sponsors_reader_is_not_listed_among_the_team(app, cast):
    async with scoped(cast.as_ana):
        await workspaces.invite(
            "eiko@sabline.example",
            Role.SPONSOR,
            workspace=cast.orbelune,
            origin=world.ORIGIN,
            by=cast.as_ana,
            now=world.NOW,
        )
    async with world.browsing(app, cast.eiko) as eiko, world.browsing(app, cast.ana) as ana:
        await eiko.get("/account")
        page = (await ana.get("/w/orbelune/team?lang=fr")).text
        team, others = page.partition("Qui d’autre se connecte")[::2]
        assert "ana@orbelune.example" in team
        assert "eiko@sabline.example" not in team
        assert "eiko@sabline.example" in others
