"""Two brands in one house: whatever is asked of one, the other leaves no trace in it.

The list is the site map itself, so that an address which is added is walked as soon as it
exists; a table which is added must be filled first. What is looked for is a mark in every
text of the other brand, and every id of its rows.
"""

# ruff: noqa: S608 - tables and columns are named by the catalogue

import inspect
import io
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import quote

import pypdf
import pytest

from events.planning import sponsors
from server import api_tokens, sitemap, workspaces
from server.database import scoped, sql
from server.schema import APPEND_ONLY
from server.settings import Environment, Settings
from server.workspaces import Role
from tests import world
from tests.full_house import a_full_house, account_of

MARK = "zqx"
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TRACE = re.compile(MARK, re.IGNORECASE)
NAME = re.compile(rf"(?i:{MARK})|Ailleurs|[@/]ailleurs")
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
# Words of a fixed list, hashes and addresses: not what somebody wrote.
VOCABULARY = {
    "action", "actor_kind", "admission", "code", "color", "comparison", "currency", "hint",
    "kind", "language", "local_verdict", "media_type", "mode", "object_type", "once_key",
    "outcome", "primary_outcome", "proof", "purpose", "query", "request_id", "role", "rule",
    "slug", "source", "status", "time_zone", "verdict", "via",
}  # fmt: skip
# Nobody may change these rows; the texts in them are written as they are made.
NEVER_CHANGED = {*APPEND_ONLY}
# What names no workspace, or only passes on what it was given.
OF_THE_HOUSE = ("/sign-in", "/static", "/account", "/t/", "/T/", "/r/", "/my/", "/a/")
# Parameters that name no row of a workspace.
NOT_KEYS = {"slug", "workspace", "act", "mark", "kind", "number", "name", "letter_id"}
NOT_KEYS |= {"session_id"}
# In these nothing of a brand is written for anybody: colours, counts, shortened names.
BARE = {"/w/{slug}/brand.css", "/api/v1/door/status", "/api/v1/door/search"}
# These are about all the workspaces one is in.
OF_ALL = {"/calendar", "/calendar/asked", "/calendar.csv", "/account"}
SPAN = "since=2026-06-01&until=2027-05-01"
ASKED = {"calendar": SPAN, "editions": SPAN, "budgets": SPAN, "search": "q=zo"}


@pytest.fixture(autouse=True)
def _tonight(monkeypatch):
    """Sessions and doors know the real clock."""
    monkeypatch.setattr(world, "NOW", datetime.now(UTC).replace(microsecond=0))


def _addresses():
    """Method, path, parameters and prefix of every handler of the site map."""
    settings = Settings(environment=Environment.TEST, secret_key=b"0123456789" * 4)
    for audience in sitemap.audiences(settings):
        for handler in audience.handlers:
            for path in sorted(handler.paths):
                full = (audience.prefix.rstrip("/") + path).rstrip("/") or "/"
                plain = re.sub(r"\{(\w+):\w+\}", r"{\1}", full)
                keys = set(re.findall(r"\{(\w+)\}", plain)) - NOT_KEYS
                yield SimpleNamespace(
                    method=min(handler.http_methods),
                    path=plain,
                    keys=sorted(keys),
                    prefix=audience.prefix,
                    is_of_the_house=full.startswith(OF_THE_HOUSE),
                    is_door="/door/" in plain and audience.prefix == sitemap.API,
                    roles=inspect.getclosurevars(audience.guard).nonlocals.get("roles")
                    if audience.guard
                    else None,
                )


READS = [one for one in _addresses() if one.method == "GET"]
ACTS = [one for one in _addresses() if one.method in UNSAFE and one.roles and one.keys]


@pytest.fixture
async def brands(cast, settings):
    """Two full houses: ours, and the other one with its mark in everything it says."""
    ours = await a_full_house(cast, settings)
    theirs = await a_full_house(
        cast, settings, by=cast.as_dov, look=cast.elsewhere, mark=MARK.title()
    )
    async with scoped(theirs.by):
        tables = [row["name"] for row in await sql(TABLES)]
        for table in sorted({*tables, "workspace"} - NEVER_CHANGED):
            await _mark(table, theirs.look.id)
        theirs.ids = {
            str(row["id"])
            for table in sorted({*tables} - {"activity_day"})
            for row in await sql(f'SELECT id FROM "{table}"')
        }
    return SimpleNamespace(ours=ours, theirs=theirs, tables=tables)


TABLES = """
SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
  AND a.attname = 'workspace_id' AND NOT a.attisdropped"""
TEXTS = """
SELECT column_name AS name FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = $1 AND data_type = 'text'
  AND is_generated = 'NEVER' AND NOT column_name = ANY ($2)"""


def _not_texts(table):
    """The columns that carry no mark; the name of a workspace is on its switcher."""
    return [*VOCABULARY, *(["name"] if table == "workspace" else [])]


async def _mark(table, workspace_id):
    """Put the mark into every text of this table that has none yet."""
    key = "id" if table == "workspace" else "workspace_id"
    for row in await sql(TEXTS, table, _not_texts(table)):
        name = row["name"]
        await sql(
            f'UPDATE "{table}" SET "{name}" = \'{MARK}\' || "{name}" WHERE {key} = $1'
            f" AND \"{name}\" NOT ILIKE '%{MARK}%'",
            workspace_id,
        )


# That the walk would find something


async def test_every_table_of_the_other_brand_has_rows_and_every_text_the_mark(brands):
    """A new table must be filled in tests/full_house.py, or nothing would be looked for."""
    async with scoped(brands.theirs.by):
        for table in brands.tables:
            found = await sql(f'SELECT t::text AS row FROM "{table}" t')
            assert found, table
            for column in await sql(TEXTS, table, _not_texts(table)):
                name = column["name"]
                (row,) = await sql(
                    f'SELECT count(*) FILTER (WHERE "{name}" ILIKE $1) AS marked,'
                    f' count("{name}") AS all FROM "{table}"',
                    f"%{MARK}%",
                )
                assert row["marked"] == row["all"] or table in NEVER_CHANGED, (table, name)


async def test_its_own_people_see_it_in_every_list(app, cast, brands):
    """Else a page without the mark would prove nothing."""
    theirs = brands.theirs
    people = await _people(cast.dov, cast.elsewhere, theirs)
    for one in READS:
        is_list = one.path.endswith(".csv") or one.prefix == sitemap.API
        is_page = one.prefix in {sitemap.WORKSPACE, sitemap.PORTAL} and one.keys
        if not is_list and not is_page:
            continue
        answer = await _ask(app, people, one, theirs.address(one.path))
        shown = _read(answer)
        assert answer.status_code < 400, (one.path, answer.text[:800])
        is_bare = "image/" in answer.headers["content-type"] or one.path in BARE
        is_seen = TRACE.search(shown) or set(UUID.findall(shown)) & theirs.ids
        assert is_seen or is_bare, (one.path, shown)


# The walk


@pytest.mark.parametrize(("whose", "lang"), [("one", "fr"), ("both", "en")])
async def test_nothing_of_the_other_brand_is_shown(app, cast, brands, whose, lang):
    """Neither to the people of one brand, nor to a freelance who works for both."""
    ours, theirs = brands.ours, brands.theirs
    trace = NAME
    if whose == "both":
        await _works_for_both(cast, brands)
        trace = TRACE  # its name is on the switcher
    people = await _people(cast.ana, cast.orbelune, ours)
    for one in READS:
        if one.path in OF_ALL and whose == "both":
            continue
        if one.path.endswith(".pdf") and whose == "one":
            continue  # printed once: it takes a second
        path = ours.address(one.path)
        answer = await _ask(app, people, one, f"{path}?lang={lang}")
        assert answer.status_code < 400 or not one.roles, (one.path, answer.text[:800])
        shown = _read(answer)
        assert not trace.search(shown), (one.path, shown)
        assert not set(UUID.findall(shown)) & theirs.ids, one.path


@pytest.mark.parametrize("whose", ["one", "both"])
async def test_an_id_of_the_other_brand_is_nobodys_here(app, cast, brands, whose):
    """Whatever is asked or done in our addresses with its ids; and nothing of it moves."""
    ours, theirs = brands.ours, brands.theirs
    if whose == "both":
        await _works_for_both(cast, brands)
    people = await _people(cast.ana, cast.orbelune, ours)
    before = await _everything(brands)
    reads = [one for one in READS if one.keys and not one.is_of_the_house]
    for one in [*reads, *ACTS]:
        for key in one.keys:
            path = ours.address(one.path, **{key: _of(theirs, one.path, key)})
            if path == ours.address(one.path):
                continue
            answer = await _ask(app, people, one, path)
            # A form may be sent back before anything is looked for: nothing has moved.
            allowed = {404} if one.method == "GET" else {303, 400, 404, 422}
            assert answer.status_code in allowed, (one.method, one.path, key, answer)
            shown = _without(path, answer.text)
            assert not TRACE.search(shown), (one.path, key, shown)
    assert await _everything(brands) == before


async def test_the_other_brand_has_no_address_for_us(app, cast, brands):
    """Its pages are not there for who has no role in it, its ids or ours."""
    theirs, people = brands.theirs, await _people(cast.ana, cast.orbelune, brands.ours)
    inside = (sitemap.WORKSPACE, sitemap.PORTAL, sitemap.AMBASSADOR)
    for one in [*READS, *ACTS]:
        if one.prefix in inside and one.roles:
            path = theirs.address(one.path)
            answer = await _ask(app, people, one, path)
            assert answer.status_code == 404, (one.path, answer.text[:800])
            assert not TRACE.search(_without(path, answer.text)), one.path


# Who asks, and what is read


async def _works_for_both(cast, brands):
    """Ana owns the other brand as well, and one contact belongs to both sponsors."""
    theirs = brands.theirs
    told = {"workspace": theirs.look, "origin": world.ORIGIN, **theirs.told}
    async with scoped(theirs.by):
        await workspaces.invite("ana@orbelune.example", Role.OWNER, **told)
        await sponsors.add_contact(theirs.values["sponsor_id"], brands.ours.contact, **told)


async def _people(owner, look, house):
    """Who reads what, by the beginning of the address: an account, or a token."""
    by = world.acting(owner, look)
    token = await api_tokens.issue_token(
        "Walk", Role.OWNER, ["read", "write"], account_id=owner, by=by, now=world.NOW
    )
    return SimpleNamespace(
        owner=owner,
        contact=await account_of(house.contact),
        nina=await account_of(house.nina),
        token=token,
        phone=house.phone.token,
        browsers={},
    )


async def _ask(app, people, one, path):
    browser = await _browser(app, people, one)
    body = {} if one.method in UNSAFE else None
    if one.prefix == sitemap.API:
        plain = path.partition("?")[0]
        path = f"{plain}?{ASKED.get(plain.rpartition('/')[2], '')}".rstrip("?")
        return await browser.request(one.method, path, json=body)
    return await browser.request(one.method, path, data=body)


async def _browser(app, people, one):
    """The browser, or the machine, of whoever this address is for."""
    if one.prefix == sitemap.API:
        token = people.phone if one.is_door else people.token
        return world.browser_of(app, authorization=f"Bearer {token}")
    who = {sitemap.PORTAL: "contact", sitemap.AMBASSADOR: "nina"}.get(one.prefix, "owner")
    if who not in people.browsers:
        browser = world.browser_of(
            app, origin=world.ORIGIN, **{"sec-fetch-site": "same-origin"}
        )
        await world.signed_in(browser, getattr(people, who))
        people.browsers[who] = browser
    return people.browsers[who]


def _read(answer):
    """All that an answer says, the text of a printed page included."""
    kind = answer.headers.get("content-type", "")
    heads = " ".join(f"{name}: {value}" for name, value in answer.headers.items())
    if kind.startswith("application/pdf"):
        pages = pypdf.PdfReader(io.BytesIO(answer.content)).pages
        return heads + " ".join(one.extract_text() for one in pages)
    return heads + answer.text


def _without(path, text):
    """What was said beyond the address that was asked for."""
    return text.replace(path, "").replace(quote(path, safe=""), "").replace(quote(path), "")


def _of(house, path, key):
    """What the other house would put there."""
    values = dict(house.values)
    for begins, more in house.special.items():
        if path.startswith(begins):
            values |= more
    return values[key]


async def _everything(brands):
    """A print of every row of the other brand."""
    prints = {}
    async with scoped(brands.theirs.by):
        for table in brands.tables:
            (row,) = await sql(
                f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) AS print"
                f' FROM "{table}" t'
            )
            prints[table] = row["print"]
    return prints
