"""The pages of packages, sponsorships and deliverables, and the same by API."""

import io
import re
from datetime import date
from uuid import uuid4

import pytest
from PIL import Image

from events.engagement import editions
from events.pages import sales as sale_pages
from events.pages import sponsors as sponsor_pages
from events.planning import deliverables, owed, packages, sold, sponsors
from events.planning.deliverables import ProofKind, Shown
from server import api_tokens, pictures, sheets
from server.database import scoped, sql
from server.workspaces import Role
from tests import world
from tests.planning.evenings import a_meetup, said
from tests.planning.selling import a_package, a_series, one_owed, proved, sold_to
from tests.planning.test_sponsor_pages import error_of
from tests.planning.test_sponsors import a_sponsor, add

W = "/w/orbelune"
PERIOD = {"scope": "period", "starts_on": "2026-11-01", "ends_on": "2026-11-30"}
JSON = "application/json"


@pytest.fixture
async def ana(app, cast):
    async with world.browsing(app, cast.ana) as browser:
        yield browser


@pytest.fixture
async def machine(app, cast):
    token = await api_tokens.issue_token(
        "t",
        Role.OWNER,
        ["read", "write"],
        account_id=cast.ana,
        by=cast.as_ana,
        now=cast.now,
    )
    async with world.browser_of(app, authorization=f"Bearer {token}") as client:
        yield client


def a_photo():
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "JPEG")
    return out.getvalue()


async def everything_theirs(cast, settings):
    """A package, a sale, a thing owed and a proof in Dov's workspace."""
    by = cast.as_dov
    sponsor = await a_sponsor(cast, "Ailleurs et fils", by)
    package = await a_package(cast, "Leur formule", by=by)
    sale, id_ = await one_owed(cast, sponsor, by=by, title="Leur affiche")
    return sponsor, package, sale, id_, await proved(cast, id_, by=by)


async def everything_mine(cast):
    sponsor = await a_sponsor(cast)
    package = await a_package(cast)
    sale, id_ = await one_owed(cast, sponsor, owner_id=cast.ana)
    return sponsor, package, sale, id_, await proved(cast, id_)


async def test_every_page_is_there_in_both_languages_with_few_queries(app, ana, cast):
    _sponsor, package, sale, id_, _proof = await everything_mine(cast)
    pages = [
        f"{W}/sponsors",
        f"{W}/sponsors/sabline",
        f"{W}/sponsors/sabline/edit",
        f"{W}/sponsors/sabline/sell",
        f"{W}/packages",
        f"{W}/packages/new",
        f"{W}/packages/{package.id}",
        f"{W}/packages/{package.id}/edit",
        f"{W}/sponsorships",
        f"{W}/sponsorships/{sale}",
        f"{W}/deliverables?state=all",
        f"{W}/deliverables/{id_}",
    ]
    for path in pages:
        mark = "&" if "?" in path else "?"
        assert '<html lang="fr"' in (await ana.get(path)).text, path
        async with world.counting_queries() as asked:
            english = await ana.get(f"{path}{mark}lang=en")
        assert (english.status_code, '<html lang="en"' in english.text) == (200, True)
        reads = [one for one in asked if re.match(r"\s*(SELECT|WITH) ", one)]
        reads = [one for one in reads if "set_config" not in one]
        assert len(reads) <= 8, (path, reads)
    async with world.browsing(app, cast.bilal) as bilal:
        for path in pages:
            assert (await bilal.get(path)).status_code == 404, path


@pytest.mark.parametrize("path", ["sponsors", "sponsorships", "packages", "deliverables"])
async def test_a_list_asks_as_much_of_ten_lines_as_of_one(ana, cast, path):
    counts = []
    for turn in range(2):
        for nth in range(9 * turn + 1):
            name = f"S {turn} {nth}"
            await a_package(cast, name)
            await one_owed(cast, await a_sponsor(cast, name))
        async with world.counting_queries() as asked:
            assert (await ana.get(f"{W}/{path}")).status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]


async def test_the_empty_lists_say_what_to_do_first(ana, cast):
    assert f'href="{W}/packages/new"' in (await ana.get(f"{W}/packages")).text
    for path in ("deliverables", "sponsorships"):
        main = (await ana.get(f"{W}/{path}")).text.partition('id="content"')[2]
        assert f'class="button first" href="{W}/sponsors"' in main, path
    await everything_mine(cast)
    lists = ("sponsors", "sponsorships", "packages", "deliverables")
    for path in [f"{one}?q=zzz" for one in lists]:
        assert (await ana.get(f"{W}/{path}&lang=en")).text.count("Nothing here") == 1
    for path in (*lists, "sponsors/sabline"):
        assert (await ana.get(f"{W}/{path}?after=x")).status_code == 404


async def test_nothing_of_another_workspace_is_in_any_list_page_or_file(
    ana, machine, cast, settings
):
    sponsor, package, sale, id_, proof = await everything_theirs(cast, settings)
    await everything_mine(cast)
    ours = ("Ailleurs et fils", "Leur formule", "Leur affiche", str(sale), str(id_))
    for path in (
        *(f"{W}/sponsors", f"{W}/sponsors.csv", f"{W}/packages", f"{W}/packages.csv"),
        *(f"{W}/sponsorships.csv", f"{W}/sponsorships.csv?sponsor=ailleurs-et-fils"),
        *(f"{W}/sponsorships", f"{W}/sponsorships?lang=en&q=e"),
        *(f"{W}/deliverables?state=all", f"{W}/deliverables.csv?state=all"),
        f"{W}/sponsors/sabline/sell",
    ):
        answer = await ana.get(path)
        assert answer.status_code == 200, path
        assert not [one for one in ours if one in answer.text], path
    for path in ("sponsors", "packages", "sponsorships", "deliverables"):
        answer = await machine.get(f"/api/v1/{path}")
        assert answer.status_code == 200, path
        assert not [one for one in ours if one in answer.text], path
    for path in (
        f"packages/{package.id}",
        f"packages/{package.id}/edit",
        f"sponsorships/{sale}",
        f"deliverables/{id_}",
        "sponsors/ailleurs-et-fils/edit",
        "sponsors/ailleurs-et-fils/sell",
    ):
        assert (await ana.get(f"{W}/{path}")).status_code == 404, path
    due = {"title": "x", "due_on": "2027-01-01"}
    for path, data in (
        (f"packages/{package.id}/edit", {"name": "x", "price": "1"}),
        (f"packages/{package.id}/promises", {"title": "x"}),
        (f"packages/{package.id}/promises/{uuid4()}/remove", {}),
        (f"packages/{package.id}/end", {}),
        (f"packages/{package.id}/offer", {}),
        ("sponsors/ailleurs-et-fils/edit", {"name": "x"}),
        ("sponsors/ailleurs-et-fils/sell", PERIOD),
        (f"sponsorships/{sale}", {"price": "1"}),
        (f"sponsorships/{sale}/end", {}),
        (f"sponsorships/{sale}/deliverables", due),
        (f"deliverables/{id_}", due),
        (f"deliverables/{id_}/proofs", {"kind": "count", "count": "1"}),
        (f"deliverables/{id_}/proofs/{proof}/withdraw", {}),
        (f"deliverables/{id_}/deliver", {}),
        (f"deliverables/{id_}/drop", {"reason": "x"}),
        (f"deliverables/{id_}/reopen", {}),
    ):
        assert (await ana.post(f"{W}/{path}", data=data)).status_code == 404, path
    photo = {"picture": ("p.jpg", a_photo(), "image/jpeg")}
    answer = await ana.post(
        f"{W}/deliverables/{id_}/proofs", data={"kind": "photo"}, files=photo
    )
    assert answer.status_code == 404
    for method, path, body in (
        ("GET", f"sponsors/{sponsor.id}", None),
        ("PATCH", f"sponsors/{sponsor.id}", {"name": "x"}),
        ("POST", f"sponsors/{sponsor.id}/contacts", {"email": "x@y.example"}),
        ("DELETE", f"sponsors/{sponsor.id}/contacts/{uuid4()}", None),
        ("GET", f"packages/{package.id}", None),
        ("PATCH", f"packages/{package.id}", {"name": "x", "price_cents": 1}),
        ("POST", f"packages/{package.id}/promises", {"title": "x"}),
        ("DELETE", f"packages/{package.id}/promises/{uuid4()}", None),
        ("POST", f"packages/{package.id}/end", None),
        ("POST", f"packages/{package.id}/offer", None),
        ("GET", f"sponsorships/{sale}", None),
        ("PATCH", f"sponsorships/{sale}", {}),
        ("DELETE", f"sponsorships/{sale}", None),
        ("POST", f"sponsorships/{sale}/deliverables", due),
        ("GET", f"deliverables/{id_}", None),
        ("PATCH", f"deliverables/{id_}", due),
        ("POST", f"deliverables/{id_}/proofs", {"kind": "count", "count": 1}),
        ("DELETE", f"deliverables/{id_}/proofs/{proof}", None),
        ("POST", f"deliverables/{id_}/deliver", None),
        ("POST", f"deliverables/{id_}/drop", {"reason": "x"}),
        ("POST", f"deliverables/{id_}/reopen", None),
    ):
        answer = await machine.request(method, f"/api/v1/{path}", json=body)
        assert answer.status_code == 404, (method, path, answer.text)


async def test_a_package_is_written_changed_promised_ended_and_offered_again(ana, cast):
    wrong = await ana.post(f"{W}/packages/new", data={"name": "Comptoir", "price": "1.500"})
    assert (wrong.status_code, bool(error_of(wrong.text, "price"))) == (422, True)
    assert 'value="1.500"' in wrong.text
    made = await ana.post(
        f"{W}/packages/new", data={"name": "Comptoir", "price": "1 500,50"}
    )
    here = made.headers["location"]
    twice = await ana.post(f"{W}/packages/new", data={"name": "Comptoir", "price": "1"})
    assert (twice.status_code, bool(error_of(twice.text, "name"))) == (422, True)
    await ana.post(
        f"{here}/promises",
        data={"title": "Bilan", "quantity": "1", "days": "10", "side": "after"},
    )
    bad = await ana.post(f"{here}/promises", data={"title": "Logo", "days": "9999"})
    assert (bad.status_code, bool(error_of(bad.text, "days"))) == (422, True)
    assert 'value="Logo"' in bad.text
    text = (await ana.get(f"{here}?lang=en")).text
    assert "10 days after" in text
    assert "€1,500.50" in text
    remove = re.search(r'action="([^"]+/remove)"', text)[1]
    assert (await ana.post(remove)).status_code == 303
    assert (await ana.post(remove)).status_code == 404
    edit = {"name": "Zinc", "price": "12", "description": "Au bar"}
    assert (await ana.post(f"{here}/edit", data=edit)).status_code == 303
    await a_package(cast, "Autre")
    for name, price, field in (
        ("Autre", "12", "name"),
        ("", "12", "name"),
        ("Z", "x", "price"),
    ):
        again = await ana.post(f"{here}/edit", data={"name": name, "price": price})
        assert (again.status_code, bool(error_of(again.text, field))) == (422, True)
    assert (await ana.post(f"{here}/end")).status_code == 303
    assert "no longer sold" in (await ana.get(f"{here}?lang=en")).text
    assert "no longer sold" in (await ana.get(f"{W}/packages?lang=en")).text
    assert (await ana.post(f"{here}/offer")).status_code == 303
    package = await a_package(cast, "Pleine", [packages.Promised("x")] * 50)
    full = await ana.post(f"{W}/packages/{package.id}/promises", data={"title": "y"})
    assert (full.status_code, bool(error_of(full.text, "title"))) == (422, True)


async def test_a_sponsor_is_called_otherwise_and_found_without_its_accents(ana, cast):
    await a_sponsor(cast, "Brasserie Éole")
    path = f"{W}/sponsors/brasserie-eole/edit"
    assert 'value="Brasserie Éole"' in (await ana.get(path)).text
    wrong = await ana.post(path, data={"name": "…", "website": "x y"})
    assert (wrong.status_code, 'value="x y"' in wrong.text) == (422, True)
    answer = await ana.post(path, data={"name": "Éole", "website": "eole.example"})
    assert said(answer) == "Le sponsor est changé."
    assert "https://eole.example" in (await ana.get(f"{W}/sponsors/brasserie-eole")).text
    assert "Éole" in (await ana.get(f"{W}/sponsors?q=EOLE")).text


async def test_a_list_is_read_on_by_key_to_its_end(ana, machine, cast):
    for nth in range(53):
        await sponsors.make_sponsor(f"S {nth:02}", by=cast.as_ana, now=cast.now)
        await a_package(cast, f"P {nth:02}", [])
    sponsor = await a_sponsor(cast)
    await one_owed(cast, sponsor)
    async with scoped(cast.as_ana):
        (sale,) = await sold.sales(today=cast.now.date())
    things = [deliverables.Owed(f"D {n:02}", date(2026, 11, 9)) for n in range(53)]
    await deliverables.owe(sale.id, things, by=cast.as_ana, now=cast.now)
    for path, letter in (("sponsors", "S"), ("packages", "P"), ("deliverables", "D")):
        first = (await ana.get(f"{W}/{path}")).text
        following = re.search(r'href="([^"]+)" rel="next"', first)[1].replace("&amp;", "&")
        seen = re.findall(rf"{letter} \d\d", first + (await ana.get(following)).text)
        assert sorted(seen) == [f"{letter} {nth:02}" for nth in range(53)]
        page = (await machine.get(f"/api/v1/{path}?limit=50")).json()
        rest = (await machine.get(f"/api/v1/{path}?after={page['next']}")).json()
        everything = 53 if path == "packages" else 54  # the things of the fixture besides
        assert len(page["items"]) + len(rest["items"]) == everything
        assert rest["next"] is None


async def test_a_sale_keeps_what_was_typed_and_copies_its_promises(ana, cast, settings):
    await a_sponsor(cast)
    package, line = await a_package(cast), await a_series(cast)
    meetup = await a_meetup(cast, settings)
    sell = f"{W}/sponsors/sabline/sell"
    for data, field in (
        ({"scope": "meetup", "price": "12"}, "scope"),
        ({"scope": "moon"}, "scope"),
        ({"scope": "period", "starts_on": "2026-11-02"}, "ends_on"),
        ({"scope": "series", "series": str(line.id), "in_kind": "1.000"}, "in_kind"),
    ):
        answer = await ana.post(sell, data={"note": "gardée", **data})
        assert answer.status_code == 422, data
        assert "gardée" in answer.text
        assert error_of(answer.text, field), data
    good = {"scope": "meetup", "meetup": str(meetup.id), "package": str(package.id)}
    answer = await ana.post(sell, data=good | {"series": str(line.id), "counted_from": ""})
    here = answer.headers["location"]
    text = (await ana.get(f"{here}?lang=en")).text
    assert "0 of 3 delivered" in text
    twice = await ana.post(sell, data=good)
    assert (twice.status_code, "déjà vendu" in twice.text) == (422, True)
    changed = await ana.post(here, data={"price": "0", "in_kind": "20,50", "note": "n"})
    assert said(changed) == "Le parrainage est changé."
    wrong = await ana.post(here, data={"price": "beaucoup"})
    assert (wrong.status_code, 'value="beaucoup"' in wrong.text) == (422, True)
    await ana.post(f"{here}/deliverables", data={"title": "Stand", "due_on": "2026-12-01"})
    wrong = await ana.post(f"{here}/deliverables", data={"title": "Stand", "due_on": "x"})
    assert (wrong.status_code, bool(error_of(wrong.text, "due_on"))) == (422, True)
    file = (await ana.get(f"{W}/sponsorships.csv?sponsor=sabline")).text.splitlines()
    assert len(file) == 2
    assert '0,"20,50",EUR' in file[1]
    page = (await ana.get(f"{W}/sponsors/sabline?lang=en")).text
    assert "0 of 4 delivered" in page
    assert (await ana.post(f"{here}/end")).headers["location"] == f"{W}/sponsors/sabline"
    assert (await ana.get(here)).status_code == 404


async def test_sponsorships_are_searched_read_on_and_taken_out(ana, cast, monkeypatch):
    monkeypatch.setattr(sale_pages, "PAGE", 2)
    monkeypatch.setattr(sponsor_pages, "PAGE", 2)
    sabline, brume = await a_sponsor(cast), await a_sponsor(cast, "Brume")
    made = [
        await sold_to(
            cast, sabline, starts_on=date(2026, 11, n), ends_on=date(2026, 11, 30)
        )
        for n in range(1, 6)
    ]
    other, _owed = await one_owed(cast, brume)
    for path, wanted in (
        (f"{W}/sponsorships", [other, *reversed(made)]),
        (f"{W}/sponsorships?q=SABL", list(reversed(made))),
        (f"{W}/sponsorships?sponsor=brume", [other]),
        (f"{W}/sponsors/sabline", list(reversed(made))),
    ):
        seen, next_ = [], path
        while next_:
            text = (await ana.get(next_)).text
            seen += re.findall(rf'href="{W}/sponsorships/([0-9a-f-]{{36}})"', text)
            found = re.search(r'href="([^"]+)" rel="next"', text)
            next_ = found and found[1].replace("&amp;", "&")
        assert seen == [str(one) for one in wanted], path
    file = (await ana.get(f"{W}/sponsorships.csv?q=brume")).text
    assert (file.count("Brume"), "Sabline" in file) == (1, False)


async def test_a_sale_over_a_closed_meetup_asks_twice_and_names_it(ana, cast, settings):
    sponsor = await a_sponsor(cast)
    await add(cast, sponsor.id)
    meetup = await a_meetup(cast, settings, published=True)
    await editions.close_meetup(
        meetup,
        workspace=cast.orbelune,
        origin=world.ORIGIN,
        by=cast.as_ana,
        now=meetup.ends_at,
    )
    good = {"scope": "meetup", "meetup": str(meetup.id)}
    asked = await ana.post(f"{W}/sponsors/sabline/sell", data=good)
    assert asked.status_code == 422
    assert f"<li>{meetup.title}</li>" in asked.text
    sure = await ana.post(f"{W}/sponsors/sabline/sell", data=good | {"sure": "yes"})
    refused = await ana.post(f"{sure.headers['location']}/end")
    assert "gardent leur rapport" in said(refused)


async def test_a_thing_owed_is_proved_delivered_taken_up_again_and_given_up(ana, cast):
    _sale, id_ = await one_owed(cast, await a_sponsor(cast), owner_id=cast.ana)
    here = f"{W}/deliverables/{id_}"
    assert "Ajoutez d’abord une preuve" in said(await ana.post(f"{here}/deliver"))
    for data, field in (
        ({"kind": "link", "link": "javascript:x"}, "link"),
        ({"kind": "count", "count": "beaucoup"}, "count"),
        ({"kind": "count"}, "count"),
        ({"kind": "photo"}, "picture"),
        ({"kind": ""}, "kind"),
    ):
        answer = await ana.post(f"{here}/proofs", data={"note": "gardée", **data})
        assert answer.status_code == 422, data
        assert "gardée" in answer.text
        assert error_of(answer.text, field), data
    broken = {"picture": ("p.jpg", b"no picture", "image/jpeg")}
    answer = await ana.post(f"{here}/proofs", data={"kind": "photo"}, files=broken)
    assert (answer.status_code, bool(error_of(answer.text, "picture"))) == (422, True)
    photo = {"picture": ("p.jpg", a_photo(), "image/jpeg")}
    await ana.post(f"{here}/proofs", data={"kind": "photo", "note": "Affiche"}, files=photo)
    await ana.post(f"{here}/proofs", data={"kind": "count", "count": "1200"})
    text = (await ana.get(f"{here}?lang=en")).text
    assert "Affiche" in text
    assert "1,200" in text
    assert said(await ana.post(f"{here}/deliver")).startswith("C’est livré")
    assert "Reprenez-le" in said(await ana.post(f"{here}/drop", data={"reason": "x"}))
    late = {"title": "x", "due_on": "2027-01-01"}
    assert "Reprenez-le" in said(await ana.post(here, data=late))
    for withdraw in re.findall(r'action="([^"]+/withdraw)"', text):
        last = await ana.post(withdraw)
    assert "de nouveau dû" in said(last)
    assert "il n’y a rien à reprendre" in said(await ana.post(f"{here}/reopen"))
    assert (await ana.post(f"{here}/drop", data={"reason": ""})).status_code == 422
    await ana.post(f"{here}/drop", data={"reason": "Plus de place"})
    assert "Reprenez-le" in said(
        await ana.post(f"{here}/proofs", data={"kind": "count", "count": "1"})
    )
    assert "Plus de place" in (await ana.get(here)).text
    assert said(await ana.post(f"{here}/reopen")) == "C’est de nouveau dû."
    wrong = await ana.post(here, data=late | {"owner": str(cast.dov)})
    assert (wrong.status_code, bool(error_of(wrong.text, "owner"))) == (422, True)
    changed = await ana.post(here, data=late | {"owner": str(cast.ana)})
    assert said(changed) == "C’est changé."


async def test_the_list_is_filtered_by_its_address_and_its_file_runs_no_formula(ana, cast):
    sale, _id = await one_owed(
        cast, await a_sponsor(cast), title="=1+1", due_on=date(2020, 1, 1)
    )
    mine = deliverables.Owed("À moi", date(2100, 1, 1), 1, cast.ana)
    await deliverables.owe(sale, [mine], by=cast.as_ana, now=cast.now)
    late = (await ana.get(f"{W}/deliverables?state=late")).text
    assert ("=1+1" in late, "À moi" in late) == (True, False)
    own = (await ana.get(f"{W}/deliverables?owner=me&state=nonsense&q=A+MOI")).text
    assert ("=1+1" in own, "À moi" in own) == (False, True)
    none = (await ana.get(f"{W}/deliverables?sponsor=brume")).text
    assert "=1+1" not in none
    file = (await ana.get(f"{W}/deliverables.csv?lang=en")).text
    assert file.startswith("\ufeffWhat is owed,Quantity,Due on,Status")
    assert '\'=1+1,1,2020-01-01,"late, not delivered",Sabline' in file
    assert "À moi" in file


async def test_a_proof_that_is_refused_leaves_no_picture(ana, machine, cast):
    sponsor = await a_sponsor(cast)
    _sale, id_ = await one_owed(cast, sponsor)
    await deliverables.drop(id_, "Non", by=cast.as_ana, now=cast.now)
    files = {"picture": ("p.jpg", a_photo(), "image/jpeg")}
    kind = {"kind": "photo"}
    refused = await ana.post(f"{W}/deliverables/{id_}/proofs", data=kind, files=files)
    assert refused.status_code in {303, 409}
    again = await machine.post(f"/api/v1/deliverables/{id_}/proofs", data=kind, files=files)
    assert again.status_code == 409
    async with scoped(cast.as_ana):
        assert (await sql("SELECT count(*) AS n FROM picture"))[0]["n"] == 0


async def test_a_long_file_is_read_on_to_its_end(ana, cast, monkeypatch):
    monkeypatch.setattr(sheets, "PIECE", 2)
    for nth in range(5):
        await a_package(cast, f"P {nth}", [])
    text = (await ana.get(f"{W}/packages.csv")).text
    assert re.findall(r"P \d", text) == [f"P {nth}" for nth in range(5)]


async def test_the_sponsor_reads_what_was_promised_and_what_is_not_delivered(
    app, ana, cast, settings
):
    sponsor, other = await a_sponsor(cast), await a_sponsor(cast, "Brume")
    await add(cast, sponsor.id)
    meetup = await a_meetup(cast, settings, published=True)
    by, now = cast.as_ana, cast.now
    sale, late = await one_owed(cast, sponsor, title="Logo", due_on=date(2020, 1, 1))
    things = [deliverables.Owed(name, date(2100, 1, 1)) for name in ("Stand", "Affiche")]
    dropped, shown = await deliverables.owe(sale, things, by=by, now=now)
    await deliverables.drop(dropped, "Salle trop petite", by=by, now=now)
    picture = await pictures.keep(pictures.Kind.PROOF, a_photo(), by=by, now=now)
    proof = await deliverables.prove(
        shown, Shown(ProofKind.PHOTO, picture_id=picture), by=by, now=now
    )
    gone = await proved(cast, shown, link="https://example.org/gone")
    await deliverables.withdraw_proof(shown, gone, by=by, now=now)
    await deliverables.deliver(shown, by=by, now=now)
    _theirs, hidden = await one_owed(cast, other, title="Secret de Brume")
    await editions.close_meetup(
        meetup, workspace=cast.orbelune, origin=world.ORIGIN, by=by, now=meetup.ends_at
    )
    async with world.browsing(app, cast.eiko) as eiko:
        edition = f"/portal/orbelune/sabline/{meetup.slug}"
        for path in ("/portal/orbelune", edition):
            async with world.counting_queries() as asked:
                text = (await eiko.get(path)).text
            assert len([one for one in asked if re.match(r"\s*SELECT ", one)]) <= 12
            for told in ("Logo", "late, not delivered", "Salle trop petite", "delivered"):
                assert told in text, (path, told)
            assert "Secret" not in text
            assert "gone" not in text
        photo = f"/portal/orbelune/sabline/{proof}/photo"
        assert photo in text
        answer = await eiko.get(photo)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        for path in (
            f"/portal/orbelune/sabline/{gone}/photo",
            f"/portal/orbelune/brume/{proof}/photo",
            f"/portal/orbelune/sabline/{uuid4()}/photo",
            f"{W}/deliverables/{late}",
            f"{W}/deliverables/{hidden}",
        ):
            assert (await eiko.get(path)).status_code == 404, path
        printed = (await eiko.get(f"{edition}/report.pdf")).content
        assert printed.startswith(b"%PDF-")
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) in {0, 2}
        async with scoped(by):
            (contact,) = await sponsors.contacts(sponsor.id)
        await sponsors.end_contact(contact.id, by=by, now=now)
        assert (await eiko.get(photo)).status_code == 404
    async with world.browsing(app, cast.dov) as dov:
        assert (await dov.get(photo)).status_code == 404


# The API


async def done(machine, method, path, body=None, status=200):
    answer = await machine.request(method, f"/api/v1/{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def test_everything_is_sold_owed_and_proved_by_api(machine, cast, settings):
    sponsor = await done(machine, "POST", "sponsors", {"name": "Sabline"}, 201)
    id_ = sponsor["id"]
    await done(machine, "POST", "sponsors", {"name": "Sabline"}, 409)
    body = {"name": "Sabline & fils", "website": "sabline.example"}
    changed = await done(machine, "PATCH", f"sponsors/{id_}", body)
    assert changed["sponsor"]["website"] == "https://sabline.example"
    email = {"email": "eiko@sabline.example"}
    kept = await done(machine, "POST", f"sponsors/{id_}/contacts", email, 201)
    contact = kept["contacts"][0]["id"]
    await done(machine, "DELETE", f"sponsors/{id_}/contacts/{contact}", None, 204)
    assert (await done(machine, "GET", f"sponsors/{id_}"))["contacts"] == []
    offer = {"name": "Comptoir", "price_cents": 1000, "promises": [{"title": "Logo"}]}
    made = await done(machine, "POST", "packages", offer, 201)
    package = made["package"]["id"]
    await done(machine, "POST", "packages", offer, 409)
    await done(machine, "PATCH", f"packages/{package}", {"name": "Zinc", "price_cents": 9})
    more = {"title": "Stand", "days_before": -3}
    added = await done(machine, "POST", f"packages/{package}/promises", more, 201)
    first = added["promises"][0]["id"]
    await done(machine, "DELETE", f"packages/{package}/promises/{first}", None, 204)
    assert (await done(machine, "POST", f"packages/{package}/end"))["package"]["ended_at"]
    await done(machine, "POST", f"packages/{package}/offer")
    assert len((await done(machine, "GET", f"packages/{package}"))["promises"]) == 1
    meetup = await a_meetup(cast, settings)
    body = {"sponsor_id": id_, "meetup_id": str(meetup.id), "package_id": package}
    sale = await done(machine, "POST", "sponsorships", body, 201)
    assert (sale["price_cents"], sale["deliverables"]) == (9, 1)
    await done(machine, "POST", "sponsorships", body, 409)
    await done(machine, "POST", "sponsorships", {"sponsor_id": id_}, 422)
    sale_path = f"sponsorships/{sale['id']}"
    assert (await done(machine, "PATCH", sale_path, {"in_kind_cents": 5}))[
        "price_cents"
    ] is None
    due = {"title": "Affiche", "due_on": "2020-01-01"}
    owing = await done(machine, "POST", f"{sale_path}/deliverables", due, 201)
    assert owing["progress"] == "late"
    one = f"deliverables/{owing['deliverable']['id']}"
    await done(machine, "POST", f"{one}/deliver", None, 409)
    proof = await done(machine, "POST", f"{one}/proofs", {"kind": "count", "count": 3}, 201)
    photo = {"picture": ("p.png", a_photo(), "image/png")}
    answer = await machine.post(
        f"/api/v1/{one}/proofs", data={"kind": "photo"}, files=photo
    )
    assert (answer.status_code, len(answer.json()["proofs"])) == (201, 2)
    assert (await done(machine, "POST", f"{one}/deliver"))["progress"] == "delivered"
    await done(machine, "DELETE", f"{one}/proofs/{proof['proofs'][0]['id']}", None, 204)
    await done(machine, "POST", f"{one}/reopen")
    await done(machine, "PATCH", one, due | {"owner_id": str(cast.dov)}, 422)
    await done(machine, "PATCH", one, due | {"title": "Grande affiche"})
    assert (await done(machine, "POST", f"{one}/drop", {"reason": "Non"}))["progress"]
    found = await done(machine, "GET", "deliverables?which=dropped&q=GRANDE")
    assert [line["deliverable"]["title"] for line in found["items"]] == ["Grande affiche"]
    read = await done(machine, "GET", sale_path)
    assert (read["dropped"], read["deliverables"]) == (1, 2)
    assert (await done(machine, "GET", one))["proofs"][0]["kind"] == "photo"
    await done(machine, "DELETE", sale_path, None, 409)
    period = {"sponsor_id": id_, "starts_on": "2027-01-01", "ends_on": "2027-01-31"}
    other = await done(machine, "POST", "sponsorships", period, 201)
    assert len((await done(machine, "GET", "sponsorships"))["items"]) == 2
    await done(machine, "DELETE", f"sponsorships/{other['id']}", None, 204)


async def test_a_moderator_reads_and_does_not_sell(app, cast):
    _sponsor, _package, _sale, id_, _proof = await everything_mine(cast)
    token = await api_tokens.issue_token(
        "m",
        Role.MODERATOR,
        ["read", "write"],
        account_id=cast.ana,
        by=cast.as_ana,
        now=cast.now,
    )
    async with world.browser_of(app, authorization=f"Bearer {token}") as client:
        assert (await client.get(f"/api/v1/deliverables/{id_}")).status_code == 200
        refused = await client.post(f"/api/v1/deliverables/{id_}/deliver")
        assert refused.status_code == 403
    async with scoped(cast.as_ana):
        assert (await owed.deliverable(id_)).delivered_at is None
