"""Who is known, how she is found again, and what is never said to another workspace."""

import csv
import io
from datetime import date, timedelta

import pytest

from events.people import (
    channels,
    communities,
    consents,
    dossiers,
    identities,
    listings,
    members,
)
from events.people.channels import ChannelExists
from events.people.communities import CommunityExists
from events.people.consents import Purpose
from events.people.identities import tidy_handle
from events.people.wanted import Wanted
from server import api_tokens
from server.database import DB, scoped, sql
from server.errors import Invalid, NotFound
from server.workspaces import Role
from tests import world

NAMES = [
    "Zoé Œuvrard",
    "Éloïse Petit",
    "eloise grand",
    "Ana 100%",
    "Bo_b",
    "Marie-Antoinette",
]


@pytest.fixture
async def crowd(cast):
    """The same names in both workspaces, with other addresses."""
    for by, host in ((cast.as_ana, "ici.example"), (cast.as_dov, "la.example")):
        async with scoped(by):
            community = await communities.make_community("Lunatiques", by=by, now=cast.now)
            await channels.make_channel(community.id, "Forum", "forum", by=by, now=cast.now)
            for number, name in enumerate(NAMES):
                await members.known(
                    f"p{number}@{host}",
                    name=name,
                    language="fr",
                    community_id=community.id if number else None,
                    by=by,
                    now=cast.now,
                )
    return cast


async def lines(**wanted):
    """The members in view that a list shows."""
    return (await listings.members(Wanted(**wanted))).lines


async def found(by, **wanted):
    async with scoped(by):
        return [one.name for one in await lines(**wanted)]


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("", ["Ana 100%", "Bo_b", "eloise grand", "Éloïse Petit", "Marie-Antoinette", "Zoé Œuvrard"]),
        ("ELOISE", ["eloise grand", "Éloïse Petit"]),
        ("élo", ["eloise grand", "Éloïse Petit"]),
        ("antoinette", ["Marie-Antoinette"]),
        ("p3@ici", ["Ana 100%"]),
        ("%", ["Ana 100%"]),
        ("_", ["Bo_b"]),
        ("\\", []),
        ("\x00zoe", ["Zoé Œuvrard"]),
        ("la.example", []),
    ],
)  # fmt: skip
async def test_a_search_ignores_accents_and_case_and_takes_signs_literally(
    crowd, search, names
):
    assert await found(crowd.as_ana, q=search) == names
    async with scoped(crowd.as_ana):
        assert (await listings.members(Wanted(q=search))).total == len(names)


async def test_pages_by_key_cover_everybody_once(crowd):
    seen, after = [], None
    async with scoped(crowd.as_ana):
        while page := (await listings.members(after=after, limit=2)).lines:
            seen += [one.name for one in page]
            after = page[-1].id
    assert seen == await found(crowd.as_ana)
    assert len(seen) == len(NAMES)


async def test_a_community_shows_its_own(crowd):
    async with scoped(crowd.as_ana):
        (line,) = await communities.communities()
        assert (line.members, line.channels) == (5, 1)
        assert await communities.community_size(line.id) == 5
    assert "Zoé Œuvrard" not in await found(crowd.as_ana, community=line.slug)
    async with scoped(crowd.as_dov):
        assert await communities.community_size(line.id) == 0


async def test_an_address_is_one_person_and_her_name_stays(cast):
    by = cast.as_ana
    async with scoped(by):
        first = await members.known(
            " Ines@X.example ", name="Inès", language="fr", by=by, now=cast.now
        )
        again = await members.known(
            "ines@x.example", name="Other", language="en", by=by, now=cast.now
        )
        assert first == again
        assert (await members.member(first)).name == "Inès"
        with pytest.raises(Invalid):
            await members.known("nowhere", name="X", language="fr", by=by, now=cast.now)
        with pytest.raises(NotFound):
            await members.known(
                "a@x.example",
                name="A",
                language="fr",
                community_id=cast.ana,
                by=by,
                now=cast.now,
            )
    async with scoped(cast.as_dov):
        with pytest.raises(NotFound):
            await members.member(first)
        assert await dossiers.timeline(first) == []


async def test_two_without_an_address_are_two(crowd):
    by = crowd.as_ana
    async with scoped(by):
        where = (await communities.communities())[0].id
        one = await members.unnamed("Sam", community_id=where, by=by, now=crowd.now)
        two = await members.unnamed("Sam", community_id=where, by=by, now=crowd.now)
        with pytest.raises(Invalid):
            await members.unnamed(" \u202e ", community_id=where, by=by, now=crowd.now)
    assert one != two


async def test_a_name_is_taken_once(crowd):
    by = crowd.as_ana
    async with scoped(by):
        where = (await communities.communities())[0]
        with pytest.raises(CommunityExists):
            await communities.make_community("LUNATIQUES", by=by, now=crowd.now)
        with pytest.raises(ChannelExists):
            await channels.make_channel(where.id, "Forum", "discord", by=by, now=crowd.now)
        with pytest.raises(Invalid):
            await communities.make_community("!!!", by=by, now=crowd.now)
        same = await channels.channel_named(
            where.id, "Forum", "forum", by=by, now=crowd.now
        )
        assert [one.id for one in await channels.channels(where.id)] == [same]
    async with scoped(crowd.as_dov):
        with pytest.raises(NotFound):
            await channels.make_channel(
                where.id, "X", "forum", by=crowd.as_dov, now=crowd.now
            )


@pytest.mark.parametrize("text", ["@Ines", "ines ", "INES", "@ ines", "\u202eines"])
def test_a_handle_is_compared_undressed(text):
    assert tidy_handle(text) == "ines"


async def test_a_handle_has_one_holder_or_none(crowd):
    by = crowd.as_ana
    async with scoped(by):
        channel = (await channels.channels())[0].id
        zoe, ana = [(await lines(q=name))[0].id for name in ("zoé", "ana")]
        said = {"channel_id": channel, "by": by, "now": crowd.now}
        assert await identities.declare("@Zoe", member_id=zoe, **said)
        assert await identities.declare("zoe", member_id=zoe, **said)
        (line,) = await identities.identities_of(zoe)
        assert (line.handle, line.proof) == ("zoe", "declared")
        await identities.unlink(line.id, by=by, now=crowd.now)
        with pytest.raises(NotFound):
            await identities.unlink(line.id, by=by, now=crowd.now)
        with pytest.raises(Invalid):
            await identities.declare("@", member_id=ana, **said)
        assert await identities.declare("zoe", member_id=zoe, **said)
        assert not await identities.declare("ZOE", member_id=ana, **said)
        assert await identities.identities_of(zoe) == []
        assert await identities.identities_of(ana) == []
    async with scoped(crowd.as_dov):
        with pytest.raises(NotFound):
            await identities.unlink(line.id, by=crowd.as_dov, now=crowd.now)


async def test_an_agreement_is_given_and_taken_back_as_rows(crowd):
    by = crowd.as_ana
    said = {"text": "The text.", "language": "en", "via": "team: by phone"}
    async with scoped(by):
        zoe = (await lines(q="zoé"))[0].id
        await consents.agree(zoe, Purpose.LINKING, **said, by=by, now=crowd.now)
        assert (await members.member(zoe)).linking_agreed_at == crowd.now
        later = crowd.now + timedelta(hours=1)
        await consents.withdraw(zoe, Purpose.LINKING, **said, by=by, now=later)
        assert (await members.member(zoe)).linking_agreed_at is None
        assert [one.is_given for one in await consents.answers(zoe)] == [False, True]
        await consents.agree(zoe, Purpose.PHOTOS, **said, by=by, now=later)
        assert (await members.member(zoe)).linking_agreed_at is None
        kinds = [one.kind for one in await dossiers.timeline(zoe)]
        assert kinds[-1] == "known"
        assert kinds.count("agreed") == 2
    async with scoped(crowd.as_dov):
        assert await consents.answers(zoe) == []
        with pytest.raises(NotFound):
            await consents.agree(
                zoe, Purpose.LINKING, **said, by=crowd.as_dov, now=crowd.now
            )


# Pages


async def test_the_list_its_file_and_a_person(app, crowd):
    async with world.browsing(app, crowd.ana) as ana:
        page = await ana.get("/w/orbelune/people?q=elo")
        assert page.status_code == 200
        assert "Éloïse Petit" in page.text
        assert "Zoé" not in page.text
        assert "la.example" not in page.text
        file = await ana.get("/w/orbelune/people.csv")
        rows = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"))))
        assert [row[0] for row in rows[1:]] == await found(crowd.as_ana)
        async with scoped(crowd.as_dov):
            theirs = (await lines())[0].id
        for path in (
            f"/w/orbelune/people/{theirs}",
            "/w/orbelune/people?after=x",
            "/w/ailleurs/people",
            "/w/orbelune/people?community=nowhere",
        ):
            assert (await ana.get(path)).status_code == 404


@pytest.mark.parametrize(
    "name", ["=1+1", "+33", "-2", "@sum", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x"]
)
async def test_no_cell_is_a_formula(app, cast, name):
    by = cast.as_ana
    async with scoped(by):
        await members.known("x@x.example", name=name, language="fr", by=by, now=cast.now)
    async with world.browsing(app, cast.ana) as ana:
        file = await ana.get("/w/orbelune/people.csv")
    assert list(csv.reader(io.StringIO(file.text)))[1][0] == f"'{name}"


async def test_a_long_list_goes_out_in_pieces(app, cast, monkeypatch):
    monkeypatch.setattr("server.sheets.PIECE", 2)
    by = cast.as_ana
    async with scoped(by):
        for n in range(5):
            await members.known(
                f"{n}@x.example", name=f"N{n}", language="fr", by=by, now=cast.now
            )
    async with world.browsing(app, cast.ana) as ana:
        file = await ana.get("/w/orbelune/people.csv")
    assert [row[0] for row in csv.reader(io.StringIO(file.text))][1:] == [
        f"N{n}" for n in range(5)
    ]


async def test_a_community_and_its_channel_are_opened_on_pages(app, cast):
    async with world.browsing(app, cast.ana) as ana:
        refused = await ana.post("/w/orbelune/communities", data={"name": "!!!"})
        assert refused.status_code == 422
        made = await ana.post("/w/orbelune/communities", data={"name": "Lunatiques"})
        assert made.headers["location"] == "/w/orbelune/communities/lunatiques"
        again = await ana.post("/w/orbelune/communities", data={"name": "Lunatiques"})
        assert again.status_code == 422
        path = "/w/orbelune/communities/lunatiques"
        added = await ana.post(f"{path}/channels", data={"name": "Forum", "kind": "forum"})
        assert added.status_code == 303
        for data in (
            {"name": "Forum", "kind": "forum"},
            {"name": "X", "kind": "pigeon"},
            {"name": "X"},
        ):
            assert (await ana.post(f"{path}/channels", data=data)).status_code == 422
        assert "Forum" in (await ana.get(path)).text
        assert "Lunatiques" in (await ana.get("/w/orbelune/communities")).text


async def test_a_person_is_linked_and_unlinked_on_her_page(app, crowd):
    async with scoped(crowd.as_ana):
        zoe, ana_ = [(await lines(q=name))[0].id for name in ("zoé", "ana")]
        channel = (await channels.channels())[0].id
    path = f"/w/orbelune/people/{zoe}"
    async with world.browsing(app, crowd.ana) as ana:
        assert (
            await ana.post(f"{path}/linking", data={"answer": "agree"})
        ).status_code == 422
        said = {"answer": "agree", "reason": "by phone"}
        assert (await ana.post(f"{path}/linking", data=said)).status_code == 303
        assert "by phone" in (await ana.get(path)).text
        handle = {"channel": str(channel), "handle": "@Zoe"}
        assert (await ana.post(f"{path}/identities", data=handle)).status_code == 303
        async with scoped(crowd.as_ana):
            (line,) = await identities.identities_of(zoe)
        wrong = await ana.post(f"/w/orbelune/people/{ana_}/identities/{line.id}/unlink")
        assert wrong.status_code == 404
        assert (await ana.post(f"{path}/identities/{line.id}/unlink")).status_code == 303
        assert (await ana.post(f"{path}/identities", data=handle)).status_code == 303
        other = await ana.post(f"/w/orbelune/people/{ana_}/identities", data=handle)
        assert other.status_code == 422
        assert "Contesté" in (await ana.get(path)).text
        said["answer"] = "withdraw"
        assert (await ana.post(f"{path}/linking", data=said)).status_code == 303
    async with scoped(crowd.as_ana):
        assert (await members.member(zoe)).linking_agreed_at is None


async def test_door_staff_sees_no_list(app, crowd):
    async with world.browsing(app, crowd.bilal) as bilal:
        for path in ("people", "people.csv", "communities", "import"):
            assert (await bilal.get(f"/w/orbelune/{path}")).status_code == 404


async def test_the_list_costs_the_same_for_ten_as_for_one(app, crowd, monkeypatch):
    asked = []
    kind = type(DB.current_transaction.get().connection.fetch.__self__)
    real = kind.fetch

    async def fetch(self, query, *args, **more):
        asked.append(query)
        return await real(self, query, *args, **more)

    async with world.browsing(app, crowd.ana) as ana:
        monkeypatch.setattr(kind, "fetch", fetch)
        await ana.get("/w/orbelune/people")
        few = len(asked)
        await known_too(crowd, 10)
        asked.clear()
        await ana.get("/w/orbelune/people")
    assert len(asked) == few > 0


async def known_too(crowd, number):
    """More members of Orbelune."""
    by = crowd.as_ana
    async with scoped(by):
        for n in range(number):
            address = f"m{n}@x.example"
            await members.known(address, name="M", language="fr", by=by, now=crowd.now)


# The files


async def bring(client, content, **answers):
    files = {"file": ("members.csv", content, "text/csv")}
    return await client.post("/w/orbelune/import", data=answers, files=files)


TEXT = b"nom;courriel;inscrit le;role\nNoor;noor@x.example;03/04/2025;owner\n"


@pytest.fixture
async def place(crowd):
    """What a form says of where a file belongs."""
    async with scoped(crowd.as_ana):
        community = str((await communities.communities())[0].id)
        channel = str((await channels.channels())[0].id)
    return {"kind": "members", "community": community, "channel": channel}


async def test_a_file_that_cannot_be_used_is_refused_in_words(app, crowd, place):
    async with world.browsing(app, crowd.ana) as ana:
        assert (await ana.get("/w/orbelune/import")).status_code == 200
        for answers, content in (
            (place, b"a,b\n\x00"),
            (place | {"community": ""}, TEXT),
            (place | {"kind": "magic"}, TEXT),
            (place | {"kind": "activity", "channel": ""}, TEXT),
        ):
            assert (await bring(ana, content, **answers)).status_code == 422
        nothing = await ana.post("/w/orbelune/import", data=place)
        assert nothing.status_code == 422


async def test_a_file_is_brought_looked_at_and_written(app, crowd, place):
    async with world.browsing(app, crowd.ana) as ana:
        taken = await bring(ana, TEXT, **place, linking="yes")
        path = taken.headers["location"]
        page = (await ana.get(path)).text
        assert "role" in page
        assert "/order" in page
        assert (await ana.post(f"{path}/commit")).status_code == 409
        assert (await ana.post(f"{path}/order", data={"order": "day"})).status_code == 303
        assert "/commit" in (await ana.get(path)).text
        assert (await ana.post(f"{path}/commit")).headers["location"] == f"{path}/done"
        assert (await ana.post(f"{path}/commit")).headers["location"] == f"{path}/done"
        assert (await ana.get(f"{path}/done")).status_code == 200
        assert (await ana.get(path)).headers["location"] == f"{path}/done"
    async with scoped(crowd.as_ana):
        (noor,) = await lines(q="noor")
        assert noor.joined_on == date(2025, 4, 3)
        assert noor.linking_agreed_at is not None
        roles = await sql("SELECT role FROM membership ORDER BY 1")
        assert [row["role"] for row in roles] == ["door", "owner"]


async def test_a_file_may_be_forgotten_and_is_nobody_elses(app, crowd, place):
    async with world.browsing(app, crowd.ana) as ana:
        path = (await bring(ana, TEXT, **place)).headers["location"]
        async with world.browsing(app, crowd.dov) as dov:
            theirs = path.replace("orbelune", "ailleurs")
            for url in (theirs, f"{theirs}/done"):
                assert (await dov.get(url)).status_code == 404
            assert (await dov.post(f"{theirs}/commit")).status_code == 404
            assert (await dov.post(f"{theirs}/drop")).status_code == 404
        assert (await ana.post(f"{path}/drop")).status_code == 303
        assert (await ana.get(path)).status_code == 404


# The API


@pytest.fixture
async def machine(app, crowd):
    """A client with a manager's token of Orbelune."""
    async with scoped(crowd.as_ana):
        token = await api_tokens.issue_token(
            "t",
            Role.MANAGER,
            ["read", "write"],
            account_id=crowd.ana,
            by=crowd.as_ana,
            now=crowd.now,
        )
    async with world.browser_of(app) as client:
        client.headers["authorization"] = f"Bearer {token}"
        yield client


async def test_members_through_the_api(machine, crowd):
    first = (await machine.get("/api/v1/members?limit=4")).json()
    rest = (await machine.get(f"/api/v1/members?limit=4&after={first['next']}")).json()
    assert [one["name"] for one in first["items"] + rest["items"]] == await found(
        crowd.as_ana
    )
    assert rest["next"] is None
    body = {"email": "noor@x.example", "name": "Noor"}
    made = await machine.post("/api/v1/members", json=body)
    assert made.status_code == 201
    again = await machine.post("/api/v1/members", json=body | {"name": "Other"})
    assert (again.json()["id"], again.json()["name"]) == (made.json()["id"], "Noor")
    one = (await machine.get(f"/api/v1/members/{made.json()['id']}")).json()
    assert one["timeline"][0]["kind"] == "known"
    async with scoped(crowd.as_dov):
        theirs = (await lines())[0].id
    assert (await machine.get(f"/api/v1/members/{theirs}")).status_code == 404
    for wrong in ({}, {"email": "x", "name": "X"}, body | {"role": "owner"}, []):
        assert (await machine.post("/api/v1/members", json=wrong)).status_code in {400, 422}
    assert (await machine.get("/api/v1/members?limit=100000")).status_code == 400
    assert (await machine.get("/api/v1/members?community=nowhere")).status_code == 404


async def test_places_and_activity_through_the_api(machine, crowd):
    made = await machine.post("/api/v1/communities", json={"name": "Jardin"})
    assert made.status_code == 201
    assert (
        await machine.post("/api/v1/communities", json={"name": "Jardin"})
    ).status_code == 409
    body = {"community_id": made.json()["id"], "name": "Serveur", "kind": "discord"}
    channel = (await machine.post("/api/v1/channels", json=body)).json()["id"]
    assert (await machine.post("/api/v1/channels", json=body)).status_code == 409
    listed = (await machine.get("/api/v1/channels")).json()["items"]
    assert [one["name"] for one in listed] == ["Forum", "Serveur"]
    assert len((await machine.get("/api/v1/communities")).json()["items"]) == 2
    act = {
        "external_id": "1",
        "handle": "@Ines",
        "kind": "post",
        "at": "2026-01-05T10:00:00Z",
    }
    acts = [
        act,
        act,
        act | {"external_id": "2"},
        act | {"external_id": "2", "kind": "like"},
    ]
    sent = {"channel_id": channel, "activities": acts}
    answer = await machine.post("/api/v1/activities", json=sent)
    assert [one["result"] for one in answer.json()["results"]] == [
        "kept",
        "known",
        "conflict",
        "conflict",
    ]
    again = (await machine.post("/api/v1/activities", json=sent)).json()
    assert (again["kept"], again["known"], again["conflict"]) == (0, 2, 2)
    for wrong in (
        act | {"at": "2026-01-05T10:00:00"},
        act | {"at": "2149-01-05T10:00:00Z"},
        act | {"at": "0001-01-01T00:00:00+23:00"},
        act | {"handle": "@"},
        act | {"external_id": "\u202e"},
        act | {"kind": "Post!"},
        act | {"member_id": str(crowd.ana)},
    ):
        bad = await machine.post(
            "/api/v1/activities", json={"channel_id": channel, "activities": [wrong]}
        )
        assert bad.status_code in {400, 422}, wrong
    many = {"channel_id": channel, "activities": [act] * 10_001}
    assert (await machine.post("/api/v1/activities", json=many)).status_code == 400
    async with scoped(crowd.as_dov):
        theirs = str((await channels.channels())[0].id)
    foreign = await machine.post("/api/v1/activities", json=sent | {"channel_id": theirs})
    assert foreign.status_code == 404


async def test_a_moderator_reads_and_does_not_write(app, crowd):
    async with scoped(crowd.as_ana):
        token = await api_tokens.issue_token(
            "t",
            Role.MODERATOR,
            ["read", "write"],
            account_id=crowd.ana,
            by=crowd.as_ana,
            now=crowd.now,
        )
    async with world.browser_of(app) as client:
        client.headers["authorization"] = f"Bearer {token}"
        assert (await client.get("/api/v1/members")).status_code == 200
        refused = await client.post("/api/v1/communities", json={"name": "X"})
        assert refused.status_code == 403
