"""Duplicates, merges and names online, by page, file and API; nothing of another house."""

import csv
import io

import pytest

from events.people import duplicates, identities, merges, verifications
from server import api_tokens
from server.database import scoped, sql, uuid7
from server.workspaces import Role
from tests import world
from tests.people.test_identities import crowd as crowd  # noqa: PLC0414 - the same people
from tests.people.test_merges import evening, register
from tests.people.test_merges import pair as pair  # noqa: PLC0414 - the same two records

W = "/w/orbelune"


@pytest.fixture
async def looked(crowd):
    """A dispute, a verified name, pairs that look alike; the same people elsewhere."""
    by, now = crowd.as_ana, crowd.now
    for actor in (crowd.as_dov, by):
        async with scoped(actor):
            await duplicates.look(by=actor, now=now)
    async with scoped(by):
        for member_id in (crowd.ines, crowd.theo):
            await identities.declare(
                "ines", channel_id=crowd.forum, member_id=member_id, by=by, now=now
            )
        await identities.declare(
            "petit", channel_id=crowd.chat, member_id=crowd.ines, by=by, now=now
        )
        rows = {one.handle: one.id for one in await identities.all_identities()}
        crowd.disputed, crowd.held = rows["ines"], rows["petit"]
        (crowd.pair,) = await duplicates.pairs()
    crowd.compare = f"{W}/duplicates/{crowd.ines}/{crowd.again}"
    return crowd


@pytest.fixture
async def machine(looked, browser):
    """A machine of Ana's, and one of Dov's."""

    async def token(by):
        async with scoped(by):
            return await api_tokens.issue_token(
                "m",
                Role.MANAGER,
                ["read", "write"],
                account_id=by.id,
                by=by,
                now=looked.now,
            )

    return browser, {
        name: {
            "authorization": f"Bearer {await token(by)}",
            "x-test-now": looked.now.isoformat(),
        }
        for name, by in (("ana", looked.as_ana), ("dov", looked.as_dov))
    }


async def csv_of(client, path):
    answer = await client.get(path)
    assert answer.status_code == 200, path
    return list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))


# Pages


async def test_two_records_are_compared_merged_and_unmerged_on_pages(app, looked):
    async with world.browsing(app, looked.ana) as ana:
        page = (await ana.get(f"{W}/duplicates")).text
        assert "La même adresse" in page
        assert looked.compare in page or f"{looked.again}/{looked.ines}" in page
        shown = await ana.get(looked.compare)
        assert "Noms en ligne" in shown.text
        for data, sentence in (
            ({}, "Il manque cette réponse"),
            ({"kept": str(looked.theo), "reason": "typed before"}, "typed before"),
        ):
            wrong = await ana.post(f"{looked.compare}/merge", data=data)
            assert wrong.status_code == 422
            assert sentence in wrong.text
        said = {"kept": str(looked.ines), "reason": "She said so"}
        done = await ana.post(f"{looked.compare}/merge", data=said)
        assert done.status_code == 303
        path = done.headers["location"]
        page = (await ana.get(path)).text
        assert "She said so" in page
        assert "Communautés" in page
        again = await ana.post(f"{looked.compare}/merge", data=said)
        assert again.status_code == 409
        assert "She said so" not in (await ana.get(f"{W}/duplicates")).text
        assert "She said so" in (await ana.get(f"{W}/merges")).text
        assert (await csv_of(ana, f"{W}/merges.csv"))[1][2] == "She said so"
        chosen = await ana.get(f"{W}/people/{looked.ines}/merge?q=théo")
        assert "Théo Grand" in chosen.text
        assert path in chosen.text
        assert (await ana.post(f"{path}/undo")).status_code == 303
        refused = await ana.post(f"{path}/undo")
        assert refused.status_code == 409
        assert "déjà annulée" in refused.text
        assert (await csv_of(ana, f"{W}/merges.csv"))[1][4]


async def test_two_people_are_told_apart_and_it_is_taken_back(app, looked):
    async with world.browsing(app, looked.ana) as ana:
        assert (await ana.post(f"{looked.compare}/apart")).status_code == 303
        assert looked.compare not in (await ana.get(f"{W}/duplicates")).text
        said = {"kept": str(looked.ines)}
        refused = await ana.post(f"{looked.compare}/merge", data=said)
        assert refused.status_code == 409
        assert (await ana.post(f"{looked.compare}/together")).status_code == 303
        assert (await ana.post(f"{looked.compare}/together")).status_code == 404
        assert (await ana.post(f"{looked.compare}/merge", data=said)).status_code == 303


async def test_duplicates_are_looked_for_narrowed_and_taken_out(app, looked):
    async with world.browsing(app, looked.ana) as ana:
        assert (await ana.post(f"{W}/duplicates")).status_code == 303
        everything = await ana.get(f"{W}/duplicates")
        assert "Les deux revendiquent" in everything.text
        assert "Théo" not in (await ana.get(f"{W}/duplicates?reason=address")).text
        assert "Théo" in (await ana.get(f"{W}/duplicates?q=theo")).text
        nobody = await ana.get(f"{W}/duplicates?q=nobody")
        assert "Aucune paire" in nobody.text
        assert (await ana.get(f"{W}/duplicates?reason=luck")).status_code == 404
        assert (await ana.get(f"{W}/duplicates?after=luck")).status_code == 404
        rows = await csv_of(ana, f"{W}/duplicates.csv")
        assert len(rows) == 3
        assert "La même adresse" in rows[1][4]
        assert len(await csv_of(ana, f"{W}/duplicates.csv?q=theo")) == 2
        async with scoped(looked.as_ana):
            await sql("DELETE FROM likeness")
        empty = await ana.get(f"{W}/duplicates")
        assert "Chercher maintenant" in empty.text
        assert (await ana.post(f"{W}/duplicates")).status_code == 303


async def test_names_are_listed_and_a_dispute_is_settled_on_pages(app, looked):
    path = f"{W}/identities/{looked.disputed}"
    async with world.browsing(app, looked.ana) as ana:
        page = (await ana.get(f"{W}/identities")).text
        assert "petit" in page
        assert "Contesté" in page
        only = (await ana.get(f"{W}/identities?which=disputed&q=in")).text
        assert looked.held.hex not in only.replace("-", "")
        assert (await ana.get(f"{W}/identities?which=luck")).status_code == 404
        assert (await ana.get(f"{W}/identities?channel={uuid7()}")).status_code == 404
        assert (await ana.get(f"{W}/identities?q=zzz")).status_code == 200
        empty = await ana.get(f"{W}/identities?which=disputed&q=zzz")
        assert "Aucun nom contesté" in empty.text
        rows = await csv_of(ana, f"{W}/identities.csv?channel={looked.forum}")
        assert [row[1] for row in rows[1:]] == ["ines"]
        page = (await ana.get(path)).text
        assert "Théo Grand" in page
        assert "Inès Petit" in page
        for data, status in (
            ({"member": "luck"}, 409),
            ({"member": str(looked.again)}, 409),
            ({"member": str(looked.theo)}, 303),
        ):
            assert (await ana.post(f"{path}/settle", data=data)).status_code == status
        assert "Contesté" not in (await ana.get(path)).text
        assert (await ana.post(f"{path}/settle", data={})).status_code == 303
        assert "À personne" in (await ana.get(path)).text


async def test_a_code_is_given_and_seen_on_pages(app, looked):
    path = f"{W}/identities/{looked.disputed}"
    member = {"member": str(looked.ines)}
    async with world.browsing(app, looked.ana) as ana:
        assert (await ana.post(f"{path}/code", data={})).status_code == 409
        wrong = {"member": str(looked.again)}
        assert (await ana.post(f"{path}/code", data=wrong)).status_code == 404
        assert (await ana.post(f"{path}/code", data=member)).status_code == 303
        assert "apero-" in (await ana.get(path)).text
        async with scoped(looked.as_ana):
            (row,) = await sql("SELECT id FROM verification")
        code = f"{W}/verifications/{row['id']}"
        refused = await ana.post(f"{code}/look")
        assert refused.status_code == 409
        assert "Nous ne pouvons pas lire" in refused.text
        channel = f"{W}/channels/{looked.forum}"
        assert "Adresse du site" in (await ana.get(channel)).text
        private = await ana.post(channel, data={"address": "https://10.0.0.1"})
        assert private.status_code == 422
        assert "https://10.0.0.1" in private.text
        public = {"address": "https://forum.example.org/"}
        assert (await ana.post(channel, data=public)).status_code == 303
        assert (await ana.post(f"{code}/look")).status_code == 303
        assert (await ana.post(f"{code}/seen")).status_code == 303
        assert "Vérifié" in (await ana.get(path)).text
        assert (await ana.post(f"{code}/seen")).status_code == 409
        assert (await ana.post(channel, data={})).status_code == 303


async def test_the_holder_of_a_place_proves_her_names(app, browser, pair):
    by, now = pair.as_ana, pair.now
    clock = {"x-test-now": now.isoformat()}
    async with scoped(by):
        meetup = await evening(pair, "Encore", 3)
        await register(pair, meetup, "ines@x.example")
        for member_id in (pair.ines, pair.theo):
            await identities.declare(
                "ines", channel_id=pair.forum, member_id=member_id, by=by, now=now
            )
        await identities.declare(
            "other", channel_id=pair.forum, member_id=pair.theo, by=by, now=now
        )
        (mine,) = await identities.claimed_by(pair.ines)
        hers = (await identities.claimed_by(pair.theo))[1]
    letters = await world.letters_to("ines@x.example")
    link = letters[-1]["body_text"].split("/r/")[1].split()[0]
    path = f"/r/{link}/names"
    shown = await browser.get(path, headers=clock)
    assert shown.status_code == 200
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert "Prouver que c’est le mien" in shown.text or "Prove that" in shown.text
    look = await browser.post(f"{path}/{mine.id}/look", headers=clock)
    assert look.status_code == 404
    assert (await browser.post(f"{path}/{hers.id}/code", headers=clock)).status_code == 404
    assert (await browser.post(f"{path}/{mine.id}/code", headers=clock)).status_code == 303
    async with scoped(by):
        (code,) = await verifications.codes_of(pair.ines)
    assert code.code in (await browser.get(path, headers=clock)).text
    look = await browser.post(f"{path}/{mine.id}/look", headers=clock)
    assert look.status_code == 409
    async with scoped(by):
        address = "https://f.example.org"
        await sql("UPDATE channel SET address = $2 WHERE id = $1", pair.forum, address)
    look = await browser.post(f"{path}/{mine.id}/look", headers=clock)
    assert look.status_code == 303
    async with scoped(by):
        await verifications.saw(code.id, by=by, now=now)
    done = (await browser.get(path, headers=clock)).text
    assert code.code not in done
    assert (await browser.get("/r/nothing/names")).status_code == 404
    for _ in range(20):
        last = await browser.post(f"{path}/{mine.id}/code", headers=clock)
    assert last.status_code == 429


async def test_two_places_of_one_person_are_said(app, pair):
    async with scoped(pair.as_ana):
        for email in ("ines@x.example", "ines+apero@x.example"):
            await register(pair, pair.meetups[0], email)
    compare = f"{W}/duplicates/{pair.ines}/{pair.again}"
    async with world.browsing(app, pair.ana) as ana:
        page = (await ana.get(compare)).text
        assert "Soir 1" in page
        done = await ana.post(f"{compare}/merge", data={"kept": str(pair.again)})
        page = (await ana.get(done.headers["location"])).text
        assert "Soir 1" in page
        assert "Places aux rencontres" in page


# Walls


async def test_each_page_costs_as_many_queries_with_more_rows(app, looked):
    async with scoped(looked.as_ana):
        id_ = await merges.merge(
            looked.again, looked.theo, by=looked.as_ana, now=looked.now
        )
        await verifications.ask(
            looked.disputed, looked.ines, by=looked.as_ana, now=looked.now
        )
    paths = [
        f"{W}/duplicates",
        looked.compare,
        f"{W}/people/{looked.ines}/merge?q=e",
        f"{W}/merges",
        f"{W}/merges/{id_}",
        f"{W}/identities",
        f"{W}/identities/{looked.disputed}",
        f"{W}/channels/{looked.forum}",
    ]
    async with world.browsing(app, looked.ana) as ana:
        counted = {}
        for path in paths:
            async with world.counting_queries() as asked:
                assert (await ana.get(path)).status_code == 200, path
            said = [one for one in asked if not one.startswith(("SAVEPOINT", "RELEASE"))]
            counted[path] = len([one for one in said if "set_config" not in one])
        for number in range(60):
            async with scoped(looked.as_ana):
                await identities.declare(
                    f"n{number}",
                    channel_id=looked.forum,
                    member_id=looked.ines,
                    by=looked.as_ana,
                    now=looked.now,
                )
        for path in paths:
            async with world.counting_queries() as asked:
                assert (await ana.get(path)).status_code == 200
            said = [one for one in asked if not one.startswith(("SAVEPOINT", "RELEASE"))]
            assert len([one for one in said if "set_config" not in one]) == counted[path]
        more = await ana.get(f"{W}/identities")
        assert "after=" in more.text
    assert max(counted.values()) <= 8, counted


async def test_nothing_of_one_house_is_shown_or_done_by_another(app, looked, machine):
    async with scoped(looked.as_ana):
        id_ = await merges.merge(
            looked.ines, looked.again, reason="ours", by=looked.as_ana, now=looked.now
        )
        code = await verifications.ask(
            looked.disputed, looked.theo, by=looked.as_ana, now=looked.now
        )
        names = {str(looked.ines), str(looked.theo), str(looked.forum), "ours"}
    e = "/w/ailleurs"
    reads = [
        f"/duplicates/{looked.ines}/{looked.theo}",
        f"/people/{looked.ines}/merge",
        f"/merges/{id_}",
        f"/identities/{looked.disputed}",
        f"/channels/{looked.forum}",
        f"/identities?channel={looked.forum}",
    ]
    writes = [
        f"/duplicates/{looked.ines}/{looked.theo}/apart",
        f"/duplicates/{looked.ines}/{looked.theo}/together",
        f"/merges/{id_}/undo",
        f"/identities/{looked.disputed}/settle",
        f"/verifications/{code}/look",
        f"/verifications/{code}/seen",
        f"/channels/{looked.forum}",
    ]
    async with world.browsing(app, looked.dov) as dov:
        for path in ("duplicates", "merges", "identities"):
            for ending in ("", ".csv"):
                answer = await dov.get(f"{e}/{path}{ending}")
                assert answer.status_code == 200
                assert not [name for name in names if name in answer.text], path
            assert (await dov.get(f"{W}/{path}")).status_code == 404
        for path in reads:
            assert (await dov.get(f"{e}{path}")).status_code == 404, path
        for path in writes:
            assert (await dov.post(f"{e}{path}")).status_code == 404, path
        kept = {"kept": str(looked.ines)}
        path = f"{e}/duplicates/{looked.ines}/{looked.theo}/merge"
        assert (await dov.post(path, data=kept)).status_code == 404
        member = {"member": str(looked.theo)}
        path = f"{e}/identities/{looked.disputed}/code"
        assert (await dov.post(path, data=member)).status_code == 404
    client, heads = machine
    for path in ("duplicates", "merges", "identities"):
        answer = await client.get(f"/api/v1/{path}", headers=heads["dov"])
        assert not [name for name in names if name in answer.text]
    for path in (f"merges/{id_}", f"identities/{looked.disputed}", f"verifications/{code}"):
        answer = await client.get(f"/api/v1/{path}", headers=heads["dov"])
        assert answer.status_code == 404, path


# API


async def test_a_machine_does_all_of_it(looked, machine):
    client, heads = machine
    head = heads["ana"]

    async def post(path, status, **body):
        answer = await client.post(f"/api/v1/{path}", json=body, headers=head)
        assert answer.status_code == status, (path, answer.text)
        return answer.json() if answer.text else None

    assert (await post("duplicates/look", 200))["pairs"] == 2
    first = (await client.get("/api/v1/duplicates?limit=1", headers=head)).json()
    assert first["items"][0]["reasons"] == ["address"]
    rest = await client.get(f"/api/v1/duplicates?after={first['next']}", headers=head)
    assert rest.json()["next"] is None
    two = {"one_id": str(looked.ines), "other_id": str(looked.again)}
    await post("duplicates/apart", 204, **two)
    both = {"kept_id": str(looked.ines), "merged_id": str(looked.again)}
    assert (await post("merges", 409, **both))["code"] == "said_apart"
    await post("duplicates/together", 204, **two)
    done = await post("merges", 201, **both, reason="same")
    assert done["moved"] or done["stayed"]
    id_ = done["merge"]["id"]
    found = (await client.get("/api/v1/merges?limit=1", headers=head)).json()
    assert found["items"][0]["id"] == id_
    assert (await client.get(f"/api/v1/merges/{id_}", headers=head)).status_code == 200
    assert (await post(f"merges/{id_}/undo", 200))["merge"]["undone_at"]
    await post(f"merges/{id_}/undo", 409)
    said = {
        "channel_id": str(looked.chat),
        "handle": "@Petit",
        "member_id": str(looked.theo),
    }
    assert (await post("identities", 200, **said))["identity"]["disputed_at"]
    listed = await client.get("/api/v1/identities?which=disputed&limit=1", headers=head)
    assert listed.json()["next"]
    path = f"identities/{looked.held}"
    code = await post(f"{path}/codes", 200, member_id=str(looked.theo))
    assert code["outcome"] == "asked"
    await post(f"verifications/{code['id']}/look", 409)
    channel = f"/api/v1/channels/{looked.forum}"
    wrong = await client.patch(channel, json={"address": "http://x"}, headers=head)
    assert wrong.status_code == 422
    kept = await client.patch(channel, json={"address": "https://x.example"}, headers=head)
    assert kept.json()["address"] == "https://x.example"
    other = f"identities/{looked.disputed}"
    asked = await post(f"{other}/codes", 200, member_id=str(looked.theo))
    assert (await post(f"verifications/{asked['id']}/look", 202))["id"] == asked["id"]
    assert (await post(f"verifications/{asked['id']}/seen", 200))["outcome"] == "seen"
    shown = await client.get(f"/api/v1/verifications/{asked['id']}", headers=head)
    assert shown.json()["outcome"] == "seen"
    held = await post(f"{path}/settle", 200, member_id=str(looked.ines))
    assert held["identity"]["member_id"] == str(looked.ines)
    assert (await post(f"{path}/unlink", 200))["identity"]["member_id"] is None
    shown = (await client.get(f"/api/v1/{path}", headers=head)).json()
    assert len(shown["claims"]) == 2
    await post(f"{path}/settle", 409, member_id=str(looked.again))
