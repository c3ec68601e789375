"""The whole evening through the API, and who may do what of it with which key.

The roles are those that the site map writes beside each address, so an address that is
added is tried with every key as soon as it exists.
"""

import inspect
import json
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from server import api_tokens, sitemap
from server.database import scoped
from server.settings import Environment, Settings
from server.workspaces import Role
from tests import world
from tests.checkin.evening import a_fact, a_phone, an_evening
from tests.full_house import a_full_house

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
OURS = re.compile(r"Chlo|On joue|on-joue|Le club|Sabline|Orbelune")


@pytest.fixture(autouse=True)
def _tonight(monkeypatch):
    """Sessions and doors know the real clock."""
    monkeypatch.setattr(world, "NOW", datetime.now(UTC).replace(microsecond=0))


def a_machine(app, token):
    return world.browser_of(app, authorization=f"Bearer {token}")


async def a_token(look, account_id, role, scopes=("read", "write")):
    by = world.acting(account_id, look)
    return await api_tokens.issue_token(
        role.value, role, list(scopes), account_id=account_id, by=by, now=world.NOW
    )


async def sent(machine, path, body=None, status=200, **more):
    answer = await machine.post(f"/api/v1{path}", json=body, **more)
    assert answer.status_code == status, answer.text
    return answer.json()


async def asked(machine, path):
    answer = await machine.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


# The evening


async def test_a_whole_evening_by_api(app, cast):
    ana, token = await _a_token_from_the_page(app, cast)
    async with a_machine(app, token) as machine:
        community, channel = await _a_community(machine)
        await _activity(machine, channel)
        meetup = await _a_meetup(machine, community)
        tickets = [
            await _register(machine, meetup, name) for name in ("Léa", "Nour", "Omar")
        ]
        assert [one["status"] for one in tickets] == [
            "confirmed",
            "confirmed",
            "waitlisted",
        ]
        again = await _register(machine, meetup, "Léa")
        assert (again["id"], again["is_new"]) == (tickets[0]["id"], False)
        phone = await _a_phone_paired(app, ana, meetup)
        await _door(phone, tickets)
        await phone.aclose()
        await _a_sponsor(ana, meetup)
        closed = await sent(machine, f"/meetups/{meetup['id']}/close")
        async with scoped(cast.as_ana):
            assert (await world.one("SELECT count(*) AS n FROM report_edition"))["n"] == 1
        assert closed["stage"] == "closed"
        counts = closed["counts"]
        told = [
            counts[name] for name in ("registered", "attended", "no_show", "waitlisted")
        ]
        assert told == [2, 1, 1, 1]
        report = await asked(machine, f"/meetups/{meetup['id']}/report")
        figures = {one["key"]: one["value"] for one in report["figures"]}
        expected = {
            "attended": 1,
            "registered": 2,
            "show_up_rate": 0.5,
            "no_show_rate": 0.5,
        }
        assert {key: figures[key] for key in expected} == expected
        await _member(machine)
    await ana.aclose()


async def _a_token_from_the_page(app, cast):
    """A token is shown once, to who made it."""
    ana = world.browser_of(app)
    await world.signed_in(ana, cast.ana)
    typed = {"name": "Le robot", "role": "owner", "scopes": ["read", "write"]}
    answer = await ana.post(
        f"/w/{cast.orbelune.slug}/tokens", data=typed, follow_redirects=True
    )
    found = re.search(r"apero_pat_\w+", answer.text)
    assert found, answer.text[:2000]
    return ana, found[0]


async def _a_community(machine):
    community = await sent(machine, "/communities", {"name": "Le cercle"}, 201)
    body = {"community_id": community["id"], "name": "Le forum", "kind": "forum"}
    channel = await sent(machine, "/channels", body, 201)
    member = {
        "email": "lea@exemple.example",
        "name": "Léa",
        "community_id": community["id"],
    }
    first = await sent(machine, "/members", member, 201)
    assert (await sent(machine, "/members", member, 201))["id"] == first["id"]
    return community, channel


async def _activity(machine, channel):
    """The same acts twice are kept once."""
    acts = [
        {
            "external_id": f"a{number}",
            "handle": "lea",
            "kind": kind,
            "at": (world.NOW - timedelta(days=9)).isoformat(),
        }
        for number, kind in enumerate(("post", "like"))
    ]
    body = {"channel_id": channel["id"], "activities": acts}
    assert (await sent(machine, "/activities", body))["kept"] == 2
    again = await sent(machine, "/activities", body)
    assert (again["kept"], again["known"]) == (0, 2)


async def _a_meetup(machine, community):
    starts = world.NOW - timedelta(minutes=20)
    body = {
        "title": "Le verre du soir",
        "community": community["slug"],
        "starts_at": starts.isoformat(),
        "ends_at": (starts + timedelta(hours=3)).isoformat(),
        "capacity": 2,
        "representative": "Ana",
    }
    made = await sent(machine, "/meetups", body, 201)
    published = await sent(machine, f"/meetups/{made['id']}/publish")
    assert published["stage"] == "running"
    return published


async def _register(machine, meetup, name):
    body = {"name": name, "email": f"{name.lower().replace('é', 'e')}@exemple.example"}
    answer = await machine.post(f"/api/v1/meetups/{meetup['id']}/registrations", json=body)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


async def _a_phone_paired(app, ana, meetup):
    """Through the organiser's page, whose code works once."""
    door = f"/w/orbelune/meetups/{meetup['slug']}/door"
    assert (await ana.post(f"{door}/gates", data={"name": "Porte"})).status_code == 303
    gate = re.search(r'<option value="([0-9a-f-]{36})"', (await ana.get(door)).text)
    shown = await ana.post(f"{door}/devices", data={"name": "Bilal", "gate": gate[1]})
    code = re.search(r"#pair=([^\"<&]+)", shown.text)[1]
    phone = world.browser_of(app)
    paired = await sent(phone, "/devices/pair", {"code": code})
    assert (
        await phone.post("/api/v1/devices/pair", json={"code": code})
    ).status_code >= 400
    phone.headers["authorization"] = f"Bearer {paired['token']}"
    return phone


async def _door(phone, tickets):
    """Asking decides once; telling keeps what happened; an id is answered once for all."""
    fact = {
        "id": str(uuid4()),
        "ticket": tickets[0]["code"],
        "kind": "entry",
        "at": datetime.now(UTC).isoformat(),
    }
    facts = [{"mode": "ask", "facts": [fact]}] * 2
    first, again = [(await sent(phone, "/door/facts", one))["results"] for one in facts]
    assert first == again
    assert first[0]["verdict"] == "enter"
    twice = {"mode": "ask", "facts": [fact | {"id": str(uuid4())}]}
    assert (await sent(phone, "/door/facts", twice))["results"][0][
        "verdict"
    ] == "already_in"
    told = {
        "mode": "tell",
        "facts": [fact | {"id": str(uuid4()), "local_verdict": "enter"}],
    }
    first, again = [(await sent(phone, "/door/facts", told))["results"] for _ in range(2)]
    assert first == again
    unknown = fact | {"id": str(uuid4()), "ticket": "https://exemple.example/t/RIEN"}
    answer = await sent(phone, "/door/facts", {"mode": "ask", "facts": [unknown]})
    assert answer["results"][0]["verdict"] == "unknown"
    status = await asked(phone, "/door/status")
    assert (status["inside"], status["admitted"]) == (1, 1)


async def _a_sponsor(ana, meetup):
    """Who pays is written down in the pages; closing by the API gives the report too."""
    page = f"/w/orbelune/meetups/{meetup['slug']}"
    await ana.post("/w/orbelune/sponsors/new", data={"name": "Sabline"})
    found = re.search(r'<option value="([0-9a-f-]{36})"', (await ana.get(page)).text)
    answer = await ana.post(f"{page}/sponsors", data={"sponsor": found[1]})
    assert answer.status_code == 303


async def _member(machine):
    (line,) = (await asked(machine, "/members?q=lea"))["items"]
    assert line["meetups_attended"] == 1
    member = await asked(machine, f"/members/{line['id']}")
    assert any("Le verre du soir" in json.dumps(one) for one in member["timeline"])


# Every address


def _addresses():
    """Method, path and audience of every handler of the site map."""
    settings = Settings(environment=Environment.TEST, secret_key=b"0123456789" * 4)
    for audience in sitemap.audiences(settings):
        for handler in audience.handlers:
            for path in sorted(handler.paths):
                full = (audience.prefix.rstrip("/") + path).rstrip("/") or "/"
                yield SimpleNamespace(
                    method=min(handler.http_methods),
                    path=re.sub(r"\{(\w+):\w+\}", r"{\1}", full),
                    roles=_roles(audience.guard),
                    prefix=audience.prefix,
                )


def _roles(guard):
    """The roles that an audience's guard asks for; none for the public and for devices."""
    found = inspect.getclosurevars(guard).nonlocals if guard else {}
    return found.get("roles", frozenset())


ADDRESSES = list(_addresses())
MACHINES = [one for one in ADDRESSES if one.prefix == sitemap.API and one.roles]
PAGES = [one for one in ADDRESSES if one.prefix != sitemap.API and one.roles]


async def test_each_key_opens_what_the_site_map_says(app, cast, settings):
    full = await a_full_house(cast, settings)
    tokens = {role: await a_token(cast.orbelune, cast.ana, role) for role in Role}
    reading = await a_token(cast.orbelune, cast.ana, Role.OWNER, ["read"])
    assert len(MACHINES) > 15
    for one in MACHINES:
        path = full.address(one.path)
        for role, token in tokens.items():
            async with a_machine(app, token) as machine:
                answer = await machine.request(one.method, path, json=_body(one))
            is_refused = answer.status_code in {401, 403}
            assert is_refused == (role not in one.roles), (one, role, answer.text)
            assert answer.status_code < 500, (one, role)
            await _brought_back(cast)
        async with a_machine(app, reading) as machine:
            answer = await machine.request(one.method, path, json=_body(one))
            assert (answer.status_code == 403) == (one.method in UNSAFE), (one, answer.text)
        for key in ("", "apero_pat_x", full.phone.token):
            async with a_machine(app, key) as machine:
                answer = await machine.request(one.method, path, json=_body(one))
            assert answer.status_code == 401, (one, key[:12])


async def _brought_back(cast):
    """An owner's key may archive the workspace, and then no key opens it."""
    async with scoped(cast.as_ana):
        await world.sql("UPDATE workspace SET archived_at = NULL")


def _beyond(answer):
    """What is said beyond the address that was asked for, which its asker knows."""
    path = answer.request.url.path
    return (
        answer.text.replace(path, "").replace(quote(path), "").replace(quote(path, ""), "")
    )


def _body(one):
    """Nothing, or what the address needs before it looks anything up."""
    if one.method not in UNSAFE:
        return None
    if one.path.endswith("/registrations"):
        return {"name": "Inès", "email": "ines@exemple.example"}
    return {}


async def test_another_workspaces_key_opens_nothing_of_ours(app, cast, settings):
    full = await a_full_house(cast, settings)
    token = await a_token(cast.elsewhere, cast.dov, Role.OWNER)
    async with a_machine(app, token) as machine:
        for one in MACHINES:
            answer = await machine.request(
                one.method, full.address(one.path), json=_body(one)
            )
            await _brought_back(SimpleNamespace(as_ana=cast.as_dov))
            has_key = "{" in one.path.replace("{kind}", "").replace("{number}", "")
            assert answer.status_code < 500, one
            # What is sent is read before anything is looked for.
            needs_more = one.method in UNSAFE or one.path.endswith("/editions")
            allowed = {400, 404, 422} if needs_more else {404}
            assert not has_key or answer.status_code in allowed, (one, answer.text)
            assert not OURS.search(_beyond(answer)), (one, answer.text)


async def test_another_workspaces_phone_learns_nothing_of_ours(app, cast, settings):
    full = await a_full_house(cast, settings)
    theirs = await an_evening(cast, settings, by=cast.as_dov, look=cast.elsewhere)
    phone = await a_phone(theirs)
    async with a_machine(app, phone.token) as machine:
        fact = a_fact(theirs, full.ticket)
        taken = await sent(machine, "/door/facts", {"mode": "ask", "facts": [fact]})
        assert taken["results"][0]["verdict"] in {"unknown", "wrong_meetup"}
        assert "Chlo" not in json.dumps(taken)
        assert (await asked(machine, "/door/search?q=chloe"))["items"] == []
        assert (await asked(machine, "/door/status"))["admitted"] == 0


@pytest.mark.parametrize("who", ["dov", "bilal", "eiko", "nobody"])
async def test_a_page_is_for_the_roles_of_its_line(app, cast, settings, who):
    """Dov owns another workspace, Bilal is at the door, Eiko has no role here."""
    full = await a_full_house(cast, settings)
    mine = {"bilal": {Role.DOOR}}.get(who, set())
    async with world.browser_of(app) as client:
        if who != "nobody":
            await world.signed_in(client, getattr(cast, who))
        for one in PAGES:
            path = full.address(one.path)
            headers = {"origin": world.ORIGIN, "sec-fetch-site": "same-origin"}
            answer = await client.request(
                one.method, path, data=_body(one), headers=headers
            )
            if one.roles & mine:
                known = {401, 404} if one.method == "GET" else {401}
                assert answer.status_code not in known, (one, answer.text[:500])
                assert answer.status_code < 500, one
                continue
            expected = {303, 401} if who == "nobody" else {404}
            assert answer.status_code in expected, (one, answer.status_code)
            assert not OURS.search(_beyond(answer)), one


async def test_our_ids_say_nothing_within_another_workspace(app, cast, settings):
    full = await a_full_house(cast, settings)
    async with world.browsing(app, cast.dov) as client:
        for one in PAGES:
            if one.path.count("{") < 2 or one.prefix == sitemap.PORTAL:
                continue
            answer = await client.request(
                one.method,
                full.address(one.path, slug=cast.elsewhere.slug),
                data=_body(one),
            )
            assert answer.status_code in {303, 404, 422}, (one, answer.status_code)
            assert answer.status_code == 404 or one.method == "POST", one
            assert not OURS.search(_beyond(answer)), (one, answer.text)


# Nonsense

LONG = "x" * 1_000_000
VALUES = [
    None, True, -1, 10**30, 1e308, "", "\x00", "a\x00b", "\u202e\u2066abc", "\ud800".encode(
        "utf-8", "surrogatepass").decode("utf-8", "replace"), [], {}, [[[]]],
    "0000-00-00", "9999-99-99T99:99:99Z", "../../etc/passwd", "'; DROP TABLE member; --", LONG,
]  # fmt: skip
FIELDS = (
    "name", "email", "title", "day", "starts", "ends", "capacity", "kind", "community", "file",
    "channel", "starts_at", "ends_at", "first_name", "reason", "answer", "facts", "mode", "at",
    "community_id", "activities", "channel_id", "code", "id", "password", "current", "color",
    "language", "time_zone", "role", "scopes", "gate", "days", "sponsor", "website", "figures",
    "order", "handle", "override_reason", "next", "opens_at", "disclosure_k", "reply_to",
)  # fmt: skip
RAW = [
    b"", b"null", b"[]", b'"text"', b"{", b"\xff\xfe", b"[" * 5000, b'{"mode":"ask","facts":[1]}',
    b'{"mode":"ask","facts":[{"id":"x"}]}', b'{"a":NaN}', b"{}",
]  # fmt: skip
POSTS = [one for one in ADDRESSES if one.method in UNSAFE]


@pytest.mark.parametrize("one", POSTS, ids=lambda one: one.path)
async def test_nonsense_is_refused_in_words(app, cast, settings, one):
    """Whatever is posted where, nobody is answered with a fault of ours."""
    full = await a_full_house(cast, settings)
    path = full.address(one.path)
    token = await a_token(cast.orbelune, cast.ana, Role.OWNER)
    if "/door/" in one.path and one.prefix == sitemap.API:
        token = full.phone.token
    if one.prefix == sitemap.API:
        async with a_machine(app, token) as machine:
            await _nonsense(machine, path, is_form=False)
        return
    async with world.browser_of(app) as client:
        client.headers.update({"origin": world.ORIGIN, "sec-fetch-site": "same-origin"})
        if one.roles or one.path.startswith(("/account", "/new")):
            await world.signed_in(client, cast.ana)
        await _nonsense(client, path, is_form=True)


async def _nonsense(client, path, *, is_form):
    for value in VALUES:
        body = dict.fromkeys(FIELDS, value)
        if is_form:
            words = {
                name: "" if value is None else str(value)[:200_000] for name in FIELDS[:4]
            }
            words |= dict.fromkeys(FIELDS[4:], str(value)[:300])
            await _fair(await client.post(path, data=words), value)
            files = {"file": ("a\x01.csv", str(value).encode(), "text/csv")}
            await _fair(await client.post(path, data=words, files=files), value)
        await _fair(await client.post(path, json=_plain(body)), value)
    for raw in RAW:
        for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain"):
            headers = {"content-type": kind}
            await _fair(await client.post(path, content=raw, headers=headers), raw)


def _plain(body):
    """One very long text is enough for a request."""
    texts = [name for name, value in body.items() if value is LONG]
    return body | dict.fromkeys(texts[1:], "x")


async def _fair(answer: httpx.Response, value):
    assert answer.status_code < 500, (
        answer.request.url,
        str(value)[:60],
        answer.text[:600],
    )
    if answer.status_code >= 400 and answer.request.url.path.startswith("/api/"):
        problem = answer.json()
        assert problem["title"], answer.text
        assert problem["status"] == answer.status_code
