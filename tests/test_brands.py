"""A brand's settings, logo, team, departments and charters, by page and by machine; none
of it shows a trace of another brand.
"""

import asyncio
import csv
import io
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from PIL import Image

from events.people import communities
from events.planning import meetups
from events.planning.meetups import Plan
from server import (
    api_tokens,
    brand,
    charters,
    departments,
    mail,
    pictures,
    workspaces,
)
from server.charters import Kind
from server.database import scoped, sql
from server.errors import Invalid, NotFound
from server.i18n import use
from server.workspaces import Role
from tests import world

SETTINGS = {
    "name": "Orbelune",
    "color": "#1D3A8A",
    "persona": "Camille",
    "persona_role": "community manager",
    "signature": "À jeudi",
    "tone": "Jamais de superlatif.",
    "language": "fr",
    "languages": ["fr", "en"],
    "time_zone": "America/New_York",
    "currency": "chf",
    "sender": "L’équipe Orbelune",
    "reply_to": "camille@orbelune.example",
    "hour_cents": "35,50",
    "ranks_ambassadors": "yes",
}


def a_picture(color="red", size=(40, 30), form="PNG"):
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, form)
    return out.getvalue()


def lines(answer):
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


@pytest.fixture
async def machine(app, cast):
    """A program of an owner, one of a moderator, and one of the other brand's owner."""
    browsers = {}
    for name, role, account, by in (
        ("owner", Role.OWNER, cast.ana, cast.as_ana),
        ("moderator", Role.MODERATOR, cast.ana, cast.as_ana),
        ("manager", Role.MANAGER, cast.ana, cast.as_ana),
        ("dov", Role.OWNER, cast.dov, cast.as_dov),
    ):
        token = await api_tokens.issue_token(
            name, role, ["read", "write"], account_id=account, by=by, now=datetime.now(UTC)
        )
        browsers[name] = world.browser_of(app, authorization=f"Bearer {token}")
    yield browsers
    for one in browsers.values():
        await one.aclose()


# Settings and the voice of letters


async def test_the_settings_keep_everything_a_brand_says_of_itself(app, cast):
    async with world.browsing(app, cast.ana) as ana:
        done = await ana.post("/w/orbelune/settings", data=SETTINGS)
        assert done.status_code == 303, done.text
        page = await ana.get("/w/orbelune/settings")
    look = await workspaces.look("orbelune")
    assert (look.time_zone, look.currency, look.hour_cents) == (
        "America/New_York",
        "CHF",
        3550,
    )
    assert (look.languages, look.ranks_ambassadors) == (("fr", "en"), True)
    assert 'value="35,50"' in page.text
    assert "Jamais de superlatif." in page.text
    assert "Camille, community manager, L’équipe Orbelune" in page.text


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"languages": ["en"]}, "languages"),
        ({"languages": ["fr", "tlh"]}, "languages"),
        ({"language": "tlh"}, "language"),
        ({"time_zone": "../etc"}, "time_zone"),
        ({"currency": "DOUBLOON"}, "currency"),
        ({"hour_cents": "dear"}, "hour_cents"),
        ({"hour_cents": "1.005"}, "hour_cents"),
        ({"persona": ""}, "persona"),
        ({"persona_role": " "}, "persona_role"),
        ({"color": "red"}, "color"),
        ({"name": ""}, "name"),
    ],
)
async def test_a_wrong_setting_says_where_and_keeps_what_was_typed(app, cast, wrong, field):
    async with world.browsing(app, cast.ana) as ana:
        answer = await ana.post("/w/orbelune/settings", data=SETTINGS | wrong)
    assert answer.status_code == 422
    assert "L’équipe Orbelune" in answer.text
    assert (await workspaces.look("orbelune")).color == "#b84a2b"
    assert f'name="{field}"' in answer.text


def mark_in(page):
    return re.search(r'name="mark" value="(\w{32})"', page.text)[1]


async def test_what_an_owner_saves_on_top_of_another_s_settings_is_refused(app, cast):
    path = "/w/orbelune/settings"
    async with world.browsing(app, cast.ana) as ana, world.browsing(app, cast.ana) as too:
        read = mark_in(await ana.get(path))
        first = SETTINGS | {"mark": read, "tone": "Court."}
        assert (await too.post(path, data=first)).status_code == 303
        mine = SETTINGS | {"mark": read, "sender": "Nous", "hour_cents": "40"}
        late = await ana.post(path, data=mine)
        assert late.status_code == 409
        assert "Quelqu’un a modifié ces réglages" in late.text
        assert "On y lit maintenant\u00a0: Court.." in late.text
        assert 'value="Nous"' in late.text
        assert "Jamais de superlatif." in late.text
        assert (await workspaces.look("orbelune")).tone == "Court."
        again = await ana.post(path, data=mine | {"mark": mark_in(late)})
        assert again.status_code == 303
    look = await workspaces.look("orbelune")
    assert (look.sender, look.tone, look.hour_cents) == (
        "Nous",
        "Jamais de superlatif.",
        4000,
    )


@pytest.mark.committed
async def test_of_two_owners_who_save_at_once_one_is_told(app, cast):
    path = "/w/orbelune/settings"
    async with world.browsing(app, cast.ana) as ana, world.browsing(app, cast.ana) as too:
        read = mark_in(await ana.get(path))
        answers = await asyncio.gather(
            ana.post(path, data=SETTINGS | {"mark": read, "sender": "Une"}),
            too.post(path, data=SETTINGS | {"mark": read, "sender": "Autre"}),
        )
    assert sorted(one.status_code for one in answers) == [303, 409]


@pytest.mark.committed
async def test_two_programs_that_change_two_settings_at_once_keep_both(app, cast):
    token = await api_tokens.issue_token(
        "x", Role.OWNER, ["read", "write"], account_id=cast.ana, by=cast.as_ana,
        now=datetime.now(UTC),
    )  # fmt: skip
    async with world.browser_of(app, authorization=f"Bearer {token}") as program:
        answers = await asyncio.gather(
            *(
                program.patch("/api/v1/workspace", json={name: name.title()})
                for name in ("persona", "sender", "tone", "signature")
            )
        )
    assert {one.status_code for one in answers} == {200}
    look = await workspaces.look("orbelune")
    assert (look.persona, look.sender, look.tone, look.signature) == (
        *("Persona", "Sender"),
        *("Tone", "Signature"),
    )


async def test_several_wrong_settings_are_told_at_once(cast):
    wanted = brand.Brand(
        name="", color="x", language="fr", languages=("fr",), time_zone="x", currency="x",
        hour_cents=-1,
    )  # fmt: skip
    with pytest.raises(Invalid) as no:
        brand.checked(wanted)
    assert set(no.value.fields) == {"name", "color", "time_zone", "currency", "hour_cents"}


async def test_the_sender_and_the_signature_state_name_and_role(app, cast):
    async with world.browsing(app, cast.ana) as ana:
        await ana.post("/w/orbelune/settings", data=SETTINGS)
        await ana.post("/w/orbelune/team", data={"email": "eve@x.example", "role": "door"})
    (letter,) = await world.letters_to("eve@x.example")
    assert letter["sender_name"] == "Camille, community manager, L’équipe Orbelune"
    assert letter["body_text"].rstrip().endswith("À jeudi\nCamille, community manager")


async def test_a_brand_that_was_just_opened_is_signed_by_whoever_opened_it(cast):
    with use("fr"):
        assert cast.orbelune.sender_name == "Ana, organisation, Orbelune"
        assert cast.orbelune.in_letters().signature == "Ana, organisation"
    told = msgspec.structs.replace(
        cast.orbelune, signature="Ana, community manager", persona_role="community manager"
    )
    assert told.in_letters().signature == "Ana, community manager"
    nobody = msgspec.structs.replace(cast.orbelune, persona="")
    assert (nobody.sender_name, nobody.in_letters().signature) == ("Orbelune", "")


@pytest.mark.parametrize(
    ("typed", "signed"),
    [
        ("À jeudi,\nCamille", "À jeudi,\nCamille\ncommunity manager"),
        ("À jeudi,\nCamille Roux", "À jeudi,\nCamille Roux, community manager"),
        ("Camille, Community Manager.", "Camille, Community Manager."),
        ("Camillette", "Camillette\nCamille Roux, community manager"),
        ("", "Camille Roux, community manager"),
    ],
)
async def test_a_signature_names_the_person_once(cast, typed, signed):
    told = msgspec.structs.replace(
        cast.orbelune,
        persona="Camille Roux",
        persona_role="community manager",
        signature=typed,
    )
    assert told.in_letters().signature == signed


async def test_a_letter_keeps_the_lines_of_its_signature(app, cast):
    async with world.browsing(app, cast.ana) as ana:
        await ana.post(
            "/w/orbelune/settings",
            data=SETTINGS | {"signature": "À jeudi & bientôt\nCamille"},
        )
        await ana.post("/w/orbelune/team", data={"email": "eve@x.example", "role": "door"})
    (letter,) = await world.letters_to("eve@x.example")
    assert "À jeudi &amp; bientôt<br>Camille, community manager</p>" in letter["body_html"]


async def test_public_pages_speak_the_languages_of_the_brand_only(app, cast, browser):
    both = await browser.get("/m/orbelune?lang=en")
    assert 'lang="en"' in both.text
    assert 'hreflang="fr"' in both.text
    wanted = msgspec.structs.replace(brand.brand_of(cast.orbelune), languages=("fr",))
    await brand.change(cast.orbelune, wanted, by=cast.as_ana, now=cast.now)
    one = await browser.get("/m/orbelune?lang=en")
    assert '<html lang="fr"' in one.text
    assert "hreflang" not in one.text


# Logo


async def test_a_logo_is_drawn_again_and_shown_to_anybody(app, cast, browser):
    assert (await browser.get("/m/orbelune/logo")).status_code == 404
    async with world.browsing(app, cast.ana) as ana:
        sent = {"picture": ("logo.jpg", a_picture(form="JPEG"), "image/jpeg")}
        done = await ana.post("/w/orbelune/settings/logo", files=sent)
        assert done.status_code == 303, done.text
        first = await workspaces.look("orbelune")
        page = await browser.get("/m/orbelune")
        assert f"/m/orbelune/logo?v={first.logo_id.hex}" in page.text
        kept = await browser.get(f"/m/orbelune/logo?v={first.logo_id.hex}")
        assert "immutable" in kept.headers["cache-control"]
        again = await browser.get(
            "/m/orbelune/logo", headers={"if-none-match": kept.headers["etag"]}
        )
        assert (again.status_code, again.content) == (304, b"")
        team = await ana.get(f"/w/orbelune/pictures/{first.logo_id}")
        assert team.headers["content-type"] == "image/jpeg"
        sent = {"picture": ("logo.png", a_picture("blue"), "image/png")}
        await ana.post("/w/orbelune/settings/logo", files=sent)
        second = await workspaces.look("orbelune")
        assert (await ana.get(f"/w/orbelune/pictures/{first.logo_id}")).status_code == 404
        assert await brand.logo_of_letters(cast.orbelune.id, first.logo_id) is None
        assert (await brand.logo_for_print(second)).startswith("data:image/")
        gone = await ana.post("/w/orbelune/settings/logo/remove")
        assert gone.status_code == 303
    assert (await browser.get("/m/orbelune/logo")).status_code == 404
    assert await brand.logo_for_print(await workspaces.look("orbelune")) == ""


@pytest.mark.parametrize("content", [b"", b"<svg/>", b"\x89PNG broken"])
async def test_what_is_no_picture_is_no_logo(app, cast, content):
    async with world.browsing(app, cast.ana) as ana:
        sent = {"picture": ("logo.png", content, "image/png")}
        answer = await ana.post("/w/orbelune/settings/logo", files=sent)
        assert answer.status_code == 422
        assert 'value="Orbelune"' in answer.text
        nothing = await ana.post("/w/orbelune/settings/logo", data={"picture": "text"})
    assert nothing.status_code == 422


async def test_letters_carry_the_logo_inside(cast):
    logo = await brand.set_logo(a_picture(), by=cast.as_ana, now=cast.now)
    async with scoped(cast.as_ana):
        await workspaces.invite(
            "eve@x.example", Role.DOOR, workspace=await workspaces.look("orbelune"),
            origin=world.ORIGIN, by=cast.as_ana, now=cast.now,
        )  # fmt: skip
    (letter,) = await world.letters_to("eve@x.example")
    assert "cid:logo@apero" in letter["body_html"]
    async with scoped(cast.as_ana):
        written = await mail.letter(letter["id"])
    (enclosed,) = await mail.enclosures(written)
    assert (enclosed.cid, enclosed.media_type) == ("logo@apero", "image/jpeg")
    assert logo == (await workspaces.look("orbelune")).logo_id


async def test_a_picture_is_for_its_own_team_and_a_face_for_those_it_welcomes(
    app, cast, browser
):
    face = await pictures.keep(
        pictures.Kind.FACE, a_picture(), by=cast.as_ana, now=cast.now
    )
    for who, slug, status in (
        (cast.ana, "orbelune", 200),
        (cast.dov, "ailleurs", 404),
        (cast.dov, "orbelune", 404),
        (cast.bilal, "orbelune", 404),
    ):
        async with world.browsing(app, who) as one:
            assert (await one.get(f"/w/{slug}/pictures/{face}")).status_code == status
    # No published meetup shows it yet.
    assert (await browser.get(f"/m/orbelune/faces/{face}")).status_code == 404
    assert (await browser.get(f"/m/ailleurs/faces/{face}")).status_code == 404


# Team


async def test_an_invitation_waits_for_the_first_sign_in(app, cast):
    async with world.browsing(app, cast.ana) as ana:
        await ana.post(
            "/w/orbelune/team", data={"email": "eve@x.example", "role": "manager"}
        )
        page = await ana.get("/w/orbelune/team")
        assert "Invités, pas encore venus" in page.text
        async with scoped(cast.as_ana):
            waiting = {one.email: one for one in await workspaces.team() if one.is_pending}
        eve = waiting["eve@x.example"]
        sent = await ana.post(f"/w/orbelune/team/{eve.id}/resend")
        assert sent.status_code == 303
        assert len(await world.letters_to("eve@x.example")) == 2
        rows = lines(await ana.get("/w/orbelune/team.csv"))
        assert ["eve@x.example", "organisation", "Invitation envoyée"] in [
            [row[1], row[2], row[4]] for row in rows
        ]
        async with world.browsing(app, eve.account_id):
            pass
        again = await ana.post(f"/w/orbelune/team/{eve.id}/resend")
        assert again.status_code == 404
        page = await ana.get("/w/orbelune/team")
        assert f"/team/{eve.id}/resend" not in page.text


async def test_an_invitation_is_sent_again_three_times_a_day_and_can_be_withdrawn(
    app, cast
):
    async with world.browsing(app, cast.ana) as ana:
        await ana.post("/w/orbelune/team", data={"email": "eve@x.example", "role": "door"})
        async with scoped(cast.as_ana):
            (eve,) = [
                one for one in await workspaces.team() if one.email == "eve@x.example"
            ]
        asked = [
            (await ana.post(f"/w/orbelune/team/{eve.id}/resend")).status_code
            for _ in range(4)
        ]
        assert asked == [303, 303, 303, 429]
        assert (await ana.post(f"/w/orbelune/team/{eve.id}/end")).status_code == 303
    assert await workspaces.seats(eve.account_id) == []
    async with world.browsing(app, cast.dov) as dov:
        assert (await dov.post(f"/w/ailleurs/team/{eve.id}/resend")).status_code == 404


# Departments


async def test_departments_are_made_renamed_ended_and_opened_again(app, cast):
    async with world.browsing(app, cast.ana) as ana:
        empty = await ana.get("/w/orbelune/departments")
        assert "Pas encore de service" in empty.text
        typed = {"name": "Création", "description": "Les cartes et les dessins"}
        assert (await ana.post("/w/orbelune/departments", data=typed)).status_code == 303
        twice = await ana.post("/w/orbelune/departments", data=typed)
        assert (twice.status_code, "Les cartes" in twice.text) == (409, True)
        wrong = await ana.post("/w/orbelune/departments", data={"name": "!!!"})
        assert wrong.status_code == 422
        async with scoped(cast.as_ana):
            (made,) = await departments.departments()
        at = f"/w/orbelune/departments/{made.id}"
        assert "Les cartes" in (await ana.get(at)).text
        await ana.post("/w/orbelune/departments", data={"name": "Production"})
        clash = await ana.post(at, data={"name": "production"})
        assert (clash.status_code, 'value="production"' in clash.text) == (409, True)
        assert (await ana.post(at, data={"name": ""})).status_code == 422
        renamed = {"name": "Design", "description": "Cartes"}
        assert (await ana.post(at, data=renamed)).status_code == 303
        found = await ana.get("/w/orbelune/departments?q=DÉSIGN")
        assert ("Design" in found.text, "Production" in found.text) == (True, False)
        assert (await ana.post(f"{at}/end")).status_code == 303
        assert (await ana.post(f"{at}/end")).status_code == 404
        ended = await ana.get("/w/orbelune/departments?ended=yes")
        assert "Design" in ended.text
        assert "Fermé le" in (await ana.get(at)).text
        rows = lines(await ana.get("/w/orbelune/departments.csv?ended=yes"))
        assert [row[0] for row in rows[1:]] == ["Design"]
        nothing = await ana.get("/w/orbelune/departments?q=zzz")
        assert "Aucun service ne correspond." in nothing.text
        assert (await ana.get("/w/orbelune/departments?after=x")).status_code == 404
    async with scoped(cast.as_ana):
        again = await departments.make("Création", by=cast.as_ana, now=cast.now)
        assert (again.id, again.ended_at, again.description) == (made.id, None, "Cartes")
    async with world.browsing(app, cast.dov) as dov:
        for method, path in (("GET", ""), ("POST", ""), ("POST", "/end")):
            theirs = await dov.request(
                method, f"/w/ailleurs/departments/{made.id}{path}", data={"name": "x"}
            )
            assert theirs.status_code == 404
        assert "Production" not in (await dov.get("/w/ailleurs/departments")).text
        assert len(lines(await dov.get("/w/ailleurs/departments.csv"))) == 1


async def test_departments_are_paged_by_key(app, cast):
    for by in (cast.as_ana, cast.as_dov):
        for number in range(53):
            await departments.make(f"Service {number:02}", by=by, now=cast.now)
    async with world.browsing(app, cast.ana) as ana:
        async with world.counting_queries() as asked:
            page = await ana.get("/w/orbelune/departments")
        assert len(asked) <= 12, asked  # the session's own included
        following = page.text.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
        rest = await ana.get(following.replace("&amp;", "&"))
    assert ("Service 49" in page.text, "Service 50" in page.text) == (True, False)
    assert ("Service 50" in rest.text, "Service 52" in rest.text) == (True, True)


# Charters


async def test_a_charter_is_published_in_versions_that_never_change(app, cast, browser):
    assert (await browser.get("/m/orbelune/charter")).status_code == 404
    assert "/m/orbelune/charter" not in (await browser.get("/m/orbelune")).text
    async with world.browsing(app, cast.ana) as ana:
        empty = await ana.get("/w/orbelune/charter")
        assert "Aucune pour l’instant" in empty.text
        typed = {"text_fr": "On se parle bien.\n\nOn s’écoute.", "after": "0"}
        assert (await ana.post("/w/orbelune/charter", data=typed)).status_code == 303
        same = await ana.post("/w/orbelune/charter", data=typed | {"after": "1"})
        assert same.status_code == 303
        second = {"text_fr": "On se parle mieux.", "text_en": "Be kind.", "after": "1"}
        assert (await ana.post("/w/orbelune/charter", data=second)).status_code == 303
        stale = await ana.post("/w/orbelune/charter", data=typed | {"after": "1"})
        assert stale.status_code == 409
        assert "On s’écoute." in stale.text
        assert "On se parle mieux." in stale.text
        missing = await ana.post("/w/orbelune/charter", data={"text_en": "Be kind."})
        assert (missing.status_code, "Be kind." in missing.text) == (422, True)
        rows = lines(await ana.get("/w/orbelune/charter.csv"))
        assert [row[0] for row in rows[1:]] == ["2", "2", "1"]
        page = await ana.get("/w/orbelune/charter?kind=ambassadors")
        assert page.status_code == 200
        for bad in ("?kind=x", "?before=x"):
            assert (await ana.get(f"/w/orbelune/charter{bad}")).status_code == 404
    assert "/m/orbelune/charter" in (await browser.get("/m/orbelune")).text
    now_ = await browser.get("/m/orbelune/charter?lang=en")
    assert "Be kind." in now_.text
    old = await browser.get("/m/orbelune/charter?version=1&lang=en")
    assert "On s’écoute." in old.text
    assert "no longer in force" in old.text
    assert "another language only" in old.text
    for bad in ("x", "9", "99999999999"):
        assert (await browser.get(f"/m/orbelune/charter?version={bad}")).status_code == 404
    assert (await browser.get("/m/ailleurs/charter")).status_code == 404


async def test_a_version_in_the_database_cannot_be_rewritten(cast):
    import asyncpg

    await charters.publish(
        Kind.AMBASSADORS, {"fr": "Une mission à la fois."}, main_language="fr",
        by=cast.as_ana, now=cast.now,
    )  # fmt: skip
    for change in ("UPDATE charter SET number = 9", "DELETE FROM charter"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with scoped(cast.as_ana):
                await sql(change)
    async with scoped(cast.as_dov):
        assert await charters.current(Kind.AMBASSADORS) is None
        with pytest.raises(NotFound):
            await charters.version(Kind.AMBASSADORS, 1)
    assert not (await workspaces.look("orbelune")).has_charter


@pytest.mark.parametrize(
    ("content", "field"), [({"tlh": "x", "fr": "y"}, "tlh"), ({"fr": "x" * 20_001}, "fr")]
)
def test_a_charter_nobody_could_read_is_refused(content, field):
    with pytest.raises(Invalid) as no:
        charters.checked(content, "fr")
    assert list(no.value.fields) == [field]


def test_a_text_is_in_the_readers_language_or_the_brands_or_any():
    version = charters.Version(
        world.UUID(int=1), Kind.COMMUNITY, 1, {"en": "Be kind."}, world.NOW
    )
    assert charters.text_in(version, "fr", "fr") == ("Be kind.", "en")
    empty = msgspec.structs.replace(version, content={})
    assert charters.text_in(empty, "fr", "en") == ("", "en")


@pytest.mark.committed
async def test_two_who_publish_at_once_make_two_versions_or_one_is_told(app, cast):
    async def write(text, after=None):
        return await charters.publish(
            Kind.COMMUNITY, {"fr": text}, main_language="fr", after=after,
            by=cast.as_ana, now=cast.now,
        )  # fmt: skip

    both = await asyncio.gather(write("Un"), write("Deux"))
    assert sorted(one.number for one in both) == [1, 2]
    raced = await asyncio.gather(
        write("Trois", after=2), write("Quatre", after=2), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in raced) == ["CharterMoved", "Version"]


# Machines


async def test_a_program_reads_and_changes_the_settings(machine, cast):
    owner = machine["owner"]
    before = (await owner.get("/api/v1/workspace")).json()
    assert (before["slug"], before["has_logo"], before["languages"]) == (
        "orbelune", False, ["fr", "en"],
    )  # fmt: skip
    changed = await owner.patch(
        "/api/v1/workspace",
        json={"persona_role": " CM ", "hour_cents": 4000, "languages": ["fr"],
              "reply_to": "CAM@orbelune.example"},
    )  # fmt: skip
    assert changed.status_code == 200, changed.text
    assert changed.json() | {"persona_role": "CM", "hour_cents": 4000} == changed.json()
    assert changed.json()["reply_to"] == "cam@orbelune.example"
    assert changed.json()["name"] == "Orbelune"
    for wrong in ({"reply_to": "x"}, {"color": "x"}, {"slug": "x"}, {"language": "en"}):
        answer = await owner.patch("/api/v1/workspace", json=wrong)
        assert answer.status_code in {400, 422}, wrong
    put = await owner.put("/api/v1/workspace/logo", content=a_picture())
    assert put.json()["has_logo"] is True
    assert (await owner.put("/api/v1/workspace/logo", content=b"x")).status_code == 422
    gone = await owner.post("/api/v1/workspace/logo/remove")
    assert gone.json()["has_logo"] is False


ACTS = [
    ("PATCH", "/workspace", {}),
    ("PUT", "/workspace/logo", {}),
    ("POST", "/workspace/logo/remove", {}),
    ("POST", "/workspace/archive", {}),
    ("POST", "/workspace/erase", {"name": "Orbelune"}),
    ("POST", "/team", {"email": "x@x.example", "role": "door"}),
    ("POST", "/team/0198f7a2-7c3a-7000-8000-000000000000/end", {}),
    ("POST", "/team/0198f7a2-7c3a-7000-8000-000000000000/resend", {}),
    ("POST", "/departments", {"name": "x"}),
    ("PUT", "/departments/0198f7a2-7c3a-7000-8000-000000000000", {"name": "x"}),
    ("POST", "/departments/0198f7a2-7c3a-7000-8000-000000000000/end", {}),
    ("POST", "/charters/community", {"content": {"fr": "x"}}),
]


@pytest.mark.parametrize(("method", "path", "body"), ACTS)
async def test_only_an_owners_program_does_what_an_owner_does(
    machine, cast, method, path, body
):
    for who in ("manager", "moderator"):
        answer = await machine[who].request(method, f"/api/v1{path}", json=body)
        assert answer.status_code == 403
    assert (await workspaces.look("orbelune")).archived_at is None


async def test_a_program_manages_team_departments_and_charters(machine, cast):
    owner, dov = machine["owner"], machine["dov"]
    invited = await owner.post(
        "/api/v1/team", json={"email": "Eve@x.example", "role": "door"}
    )
    eve = next(one for one in invited.json()["items"] if one["email"] == "eve@x.example")
    assert eve["is_pending"] is True
    assert (
        await owner.post("/api/v1/team", json={"email": "x", "role": "door"})
    ).status_code == 422
    assert (
        await owner.post("/api/v1/team", json={"email": "x@x.example", "role": "sponsor"})
    ).status_code == 422
    assert (await owner.post(f"/api/v1/team/{eve['id']}/resend")).status_code == 200
    assert (await dov.post(f"/api/v1/team/{eve['id']}/resend")).status_code == 404
    assert (await dov.post(f"/api/v1/team/{eve['id']}/end")).status_code == 404
    left = await owner.post(f"/api/v1/team/{eve['id']}/end")
    assert "eve@x.example" not in left.text
    assert "eve@x.example" not in (await dov.get("/api/v1/team")).text

    made = (await owner.post("/api/v1/departments", json={"name": "Design"})).json()
    assert (
        await owner.post("/api/v1/departments", json={"name": "Design"})
    ).status_code == 409
    await owner.post("/api/v1/departments", json={"name": "Support"})
    first = (await owner.get("/api/v1/departments?limit=1")).json()
    rest = (await owner.get(f"/api/v1/departments?after={first['next']}")).json()
    assert [one["name"] for one in first["items"] + rest["items"]] == ["Design", "Support"]
    at = f"/api/v1/departments/{made['id']}"
    changed = await owner.put(at, json={"name": "Création", "description": "Cartes"})
    assert changed.json()["description"] == "Cartes"
    assert (await owner.get(at)).json()["name"] == "Création"
    for answer in (
        await dov.get(at),
        await dov.put(at, json={"name": "x"}),
        await dov.post(f"{at}/end"),
    ):
        assert answer.status_code == 404
    assert (await dov.get("/api/v1/departments")).json()["items"] == []
    assert (await owner.post(f"{at}/end")).status_code == 204
    ended = (await machine["moderator"].get("/api/v1/departments?ended=true")).json()
    assert [one["id"] for one in ended["items"]] == [made["id"]]

    put = {"content": {"fr": "On se parle bien."}, "after": 0}
    one = await owner.post("/api/v1/charters/community", json=put)
    assert one.json()["number"] == 1
    put = {"content": {"fr": "Mieux."}, "after": 0}
    assert (await owner.post("/api/v1/charters/community", json=put)).status_code == 409
    await owner.post("/api/v1/charters/community", json=put | {"after": 1})
    page = (await owner.get("/api/v1/charters/community?limit=1")).json()
    assert ([row["number"] for row in page["items"]], page["next"]) == ([2], 2)
    assert (await owner.get("/api/v1/charters/community/1")).json()["content"] == {
        "fr": "On se parle bien."
    }
    assert (await owner.get("/api/v1/charters/nothing")).status_code == 404
    assert (await dov.get("/api/v1/charters/community/1")).status_code == 404
    assert (await dov.get("/api/v1/charters/community")).json()["items"] == []


# Every page costs a constant number of questions


@pytest.mark.parametrize(
    "path",
    ["/settings", "/team", "/departments", "/charter", "/ending"],
)
async def test_a_settings_page_asks_few_questions(app, cast, path):
    async with world.browsing(app, cast.ana) as ana:
        await ana.get(f"/w/orbelune{path}")
        async with world.counting_queries() as asked:
            answer = await ana.get(f"/w/orbelune{path}")
    assert answer.status_code == 200
    said = [
        one
        for one in asked
        if not one.startswith(("SELECT set_config", "SAVEPOINT", "RELEASE"))
    ]
    assert len(said) <= 8, said


async def test_other_roles_find_no_settings(app, cast):
    for who in (cast.bilal, cast.dov):
        async with world.browsing(app, who) as one:
            for path in ("settings", "team", "team.csv", "departments", "departments.csv",
                         "charter", "charter.csv", "ending"):  # fmt: skip
                assert (await one.get(f"/w/orbelune/{path}")).status_code == 404


# Pictures: what is kept of them


def picture_bytes(mode="RGB", size=(1200, 300), form="PNG", **saved):
    out = io.BytesIO()
    Image.new(mode, size).save(out, form, **saved)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type", "size"),
    [
        (picture_bytes(), "image/jpeg", (800, 200)),
        (picture_bytes("RGBA"), "image/png", (800, 200)),
        (picture_bytes("P", transparency=0), "image/png", (800, 200)),
        (picture_bytes("L", (10, 20), "WEBP"), "image/jpeg", (10, 20)),
    ],
)
def test_a_picture_is_drawn_again_smaller_and_bare(content, media_type, size):
    drawn, kind, width, height = pictures.redraw(content, 800)
    assert (kind, (width, height)) == (media_type, size)
    assert Image.open(io.BytesIO(drawn)).size == size


def test_a_photo_says_nothing_of_where_it_was_taken():
    about = Image.Exif()
    about[0x010E] = "45.76, 4.83"
    about[0x0112] = 6  # lies on its side
    drawn, _kind, width, height = pictures.redraw(
        picture_bytes(size=(40, 30), form="JPEG", exif=about), 800
    )
    assert (width, height) == (30, 40)
    assert not Image.open(io.BytesIO(drawn)).getexif()


@pytest.mark.parametrize(
    "content",
    [
        b"x" * (pictures.LARGEST_FILE + 1),
        picture_bytes("1", (9_000, 5_000)),
        picture_bytes("1", (20_000, 20_000)),
        b"GIF89a" + bytes(20),
        picture_bytes()[:60],
    ],
    ids=["heavy", "wide", "bomb", "other", "cut"],
)
def test_what_is_too_large_or_no_picture_is_refused(content):
    with pytest.raises(Invalid) as no:
        pictures.redraw(content, 800)
    assert list(no.value.fields) == ["picture"]


async def test_a_face_is_shown_once_its_meetup_is_published(app, cast, browser):
    face = await pictures.keep(
        pictures.Kind.FACE, a_picture(), by=cast.as_ana, now=cast.now
    )
    async with scoped(cast.as_ana):
        community = await communities.make_community(
            "Lunatiques", by=cast.as_ana, now=cast.now
        )
        meetup = await meetups.plan(
            Plan(
                title="Apéro",
                community_id=community.id,
                starts_at=cast.soon,
                ends_at=cast.soon + timedelta(hours=2),
                time_zone="Europe/Paris",
                capacity=5,
                representative="Ana",
            ),
            key_id=1,
            by=cast.as_ana,
            now=cast.now,
        )
        await sql(
            "INSERT INTO representative (id, workspace_id, meetup_id, position, name, role,"
            " picture_id) VALUES ($1, $2, $3, 1, 'Ana', 'CM', $4)",
            world.UUID(int=1),
            cast.orbelune.id,
            meetup.id,
            face,
        )
    at = f"/m/orbelune/faces/{face}"
    assert (await browser.get(at)).status_code == 404
    async with scoped(cast.as_ana):
        await sql(
            "UPDATE meetup SET published_at = $2 WHERE workspace_id = $3 AND id = $1",
            meetup.id,
            cast.now,
            cast.orbelune.id,
        )
    shown = await browser.get(at)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    logo = await pictures.keep(
        pictures.Kind.LOGO, a_picture(), by=cast.as_ana, now=cast.now
    )
    assert (await browser.get(f"/m/orbelune/faces/{logo}")).status_code == 404
    assert (await browser.get(f"/m/ailleurs/faces/{face}")).status_code == 404


async def test_the_versions_of_a_charter_are_paged(app, cast):
    for number in range(22):
        await charters.publish(
            Kind.COMMUNITY, {"fr": f"Texte {number}"}, main_language="fr", by=cast.as_ana,
            now=cast.now,
        )  # fmt: skip
    async with world.browsing(app, cast.ana) as ana:
        page = await ana.get("/w/orbelune/charter")
        assert "before=3" in page.text
        rest = await ana.get("/w/orbelune/charter?kind=community&before=3")
    assert ("version=22" in page.text, 'version=2"' in page.text) == (True, False)
    assert 'version=2"' in rest.text


async def test_a_program_archives_and_erases_and_is_shut_out(machine, cast):
    owner, dov = machine["owner"], machine["dov"]
    wrong = await dov.post("/api/v1/workspace/erase", json={"name": "Orbelune"})
    assert wrong.status_code == 422
    assert (
        await dov.post("/api/v1/workspace/erase", json={"name": "Ailleurs"})
    ).status_code == 202
    assert (await dov.get("/api/v1/workspace")).status_code == 401
    assert (await owner.post("/api/v1/workspace/archive")).status_code == 204
    assert (await owner.get("/api/v1/workspace")).status_code == 401
    assert await workspaces.seats(cast.ana) == []


async def test_a_ticket_carries_the_logo_of_its_brand(cast):
    from server.rendering import render

    await brand.set_logo(a_picture(), by=cast.as_ana, now=cast.now)
    look = await workspaces.look("orbelune")
    logo = await brand.logo_for_print(look)
    with use("fr"):
        html = render(
            "print/ticket.html",
            lang="fr",
            workspace=look,
            brand=None,
            logo=logo,
            held={"title": "Apéro", "name": "Zoé"},
            day={"figure": "5", "first": "jeudi", "second": "novembre"},
            typed="K7PM 42XD",
            square="",
        )  # fmt: skip
    assert f'<img class="logo" src="{logo}"' in html
