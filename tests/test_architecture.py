"""The house is what its plan says: tables, words, sizes, addresses. Each check is also
shown a planted fault, for a check that cannot fail says nothing.
"""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import asyncpg
import pytest
from click.testing import CliRunner
from litestar import Litestar, get
from litestar.handlers import HTTPRouteHandler
from piccolo.columns import Text, Timestamp
from piccolo.table import Table

import checkin
import events
import server
from server import i18n
from server.access import same_site
from server.app import make_app
from server.cli import main
from server.database import Record, Row, sql
from server.errors import Refusal
from server.settings import Environment, Settings
from server.sitemap import audiences

ROOT = Path(__file__).parent.parent
ROOMS = (server, events, checkin)
KEY = b"0123456789abcdefghijklmnopqrstuvwxyz"

# Who may be asked by anybody: the pages of the public, and of those who hold a secret.
PUBLIC = {
    "GET /",
    "GET /T/{code}",
    "GET /T/{code}/ticket.pdf",
    "GET /a/{workspace}/{code}",
    "GET /api/v1/schema",
    "GET /api/v1/schema/openapi.json",
    "GET /api/v1/schema/{path}",  # says 404
    "GET /door",
    "GET /door/manifest.webmanifest",
    "GET /door/sw.js",
    "GET /favicon.ico",
    "GET /healthz",
    "GET /i/{workspace}/{invitation_id}/{given}",
    "GET /m/{workspace}",
    "GET /m/{workspace}/charter",
    "GET /m/{workspace}/faces/{picture_id}",
    "GET /m/{workspace}/ambassadors/apply",
    "GET /m/{workspace}/c/{community}",
    "GET /m/{workspace}/feed.ics",
    "GET /m/{workspace}/logo",
    "GET /m/{workspace}/sitemap.xml",
    "GET /m/{workspace}/{meetup}",
    "GET /m/{workspace}/{meetup}/embed",
    "GET /my/{token}",
    "GET /m/{workspace}/s/{series_slug}",
    "GET /m/{workspace}/s/{series_slug}/following/{token}",
    "GET /m/{workspace}/s/{series_slug}/following/{token}/stop",
    "GET /r/{capability}",
    "GET /r/{capability}/calendar.ics",
    "GET /r/{capability}/names",
    "GET /r/{capability}/release",
    "GET /r/{capability}/ticket.pdf",
    "GET /readyz",
    "GET /robots.txt",
    "GET /sign-in",
    "GET /sign-in/password",
    "GET /sign-in/{token}",
    "GET /static/{name}",
    "GET /t/{code}",
    "GET /t/{code}/ticket.pdf",
    "GET /w/{slug}/brand.css",
    "POST /api/v1/devices/pair",
    "POST /i/{workspace}/{invitation_id}/{given}",
    "POST /m/{workspace}/ambassadors/apply",
    "POST /m/{workspace}/{meetup}",
    "POST /m/{workspace}/{meetup}/embed",
    "POST /r/{capability}/agenda",
    "POST /r/{capability}/agenda/end",
    "POST /r/{capability}/agenda/renew",
    "POST /r/{capability}/hide",
    "POST /m/{workspace}/s/{series_slug}/follow",
    "POST /m/{workspace}/s/{series_slug}/following/{token}",
    "POST /m/{workspace}/s/{series_slug}/following/{token}/stop",
    "POST /r/{capability}/names/{identity_id}/code",
    "POST /r/{capability}/names/{identity_id}/look",
    "POST /r/{capability}/release",
    "POST /r/{capability}/unlink",
    "POST /sign-in",
    "POST /sign-in/password",
    "POST /sign-in/{token}",
    "POST /sign-out",
}

# Words that have another name here. What is a word of PostgreSQL, of HTTP or of a
# standard keeps it: a session of a browser, the entry of a calendar, the host of a URL.
BANNED = frozenset(
    [
        *(
            "alias",
            "aliases",
            "attendee",
            "attendees",
            "booking",
            "bookings",
            "event",
            "events",
        ),
        *("gift", "gifts", "guest", "guests", "impact", "leader", "leaders", "org", "orgs"),
        *(
            "organisation",
            "organization",
            "partner",
            "partners",
            "profile",
            "profiles",
            "roi",
        ),
        *("score", "scores", "tenant", "tenants", "terminal", "terminals", "tier", "tiers"),
        *("user", "users", "voucher", "vouchers"),
    ]
)
BANNED_FILES = frozenset(
    [
        *(
            "base",
            "common",
            "handler",
            "handlers",
            "helper",
            "helpers",
            "manager",
            "managers",
        ),
        *("misc", "model", "models", "service", "services", "util", "utils"),
    ]
)

LONGEST_FILE = 400
LONGEST_FUNCTION = 49  # these two may only shrink
MOST_LONG_FUNCTIONS = 0.029  # of all functions
FUNCTION = 30


# What is looked at


def modules() -> Iterator[ModuleType]:
    """Import every module of the three rooms."""
    for room in ROOMS:
        for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if not found.name.startswith("server.static") and "__main__" not in found.name:
                yield importlib.import_module(found.name)


def sources() -> Iterator[Path]:
    """Find the Python files of the three rooms."""
    for room in ("server", "events", "checkin"):
        for path in sorted((ROOT / room).rglob("*.py")):
            if not {"node_modules", "built"} & set(path.parts):
                yield path


def below(kind: type) -> Iterator[type]:
    for one in kind.__subclasses__():
        yield one
        yield from below(one)


def tables() -> list[type[Table]]:
    list(modules())
    rooms = tuple(f"{room.__name__}." for room in ROOMS)
    return [
        one
        for one in below(Table)
        if one.__module__.startswith(rooms) and one not in {Record, Row}
    ]


def words(name: str) -> set[str]:
    """Cut a name in its words: `HTTPEvent` and `event_id` both hold `event`."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


# Checks: what is wrong, in words; empty when nothing is


async def unlike(model: type[Table]) -> list[str]:
    """Say where a table differs from what its class says."""
    rows = await sql(
        "SELECT attname AS name, format_type(atttypid, NULL) AS type, NOT attnotnull AS may"
        " FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0"
        " AND NOT attisdropped",
        model._meta.tablename,
    )
    real = {row["name"]: (row["type"], row["may"]) for row in rows}
    said = {}
    for column in model._meta.columns:
        [row] = await sql("SELECT $1::regtype::text AS type", column.column_type.lower())
        said[column._meta.db_column_name] = (row["type"], column._meta.null)
    return [
        f"{model.__name__}.{name}: {said.get(name)} is {real.get(name)}"
        for name in sorted(real.keys() | said.keys())
        if said.get(name) != real.get(name)
    ]


def misnamed(tree: ast.AST) -> list[str]:
    """Name the classes and functions that use a word of another house."""
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    names = [node.name for node in ast.walk(tree) if isinstance(node, kinds)]
    return [name for name in names if words(name) & BANNED]


def too_long(path: Path, text: str) -> list[str]:
    """Say that a file is long without saying why."""
    length = len(text.splitlines())
    note = ast.get_docstring(ast.parse(text)) or ""
    is_excused = "longer than" in " ".join(note.lower().split())
    return [] if length <= LONGEST_FILE or is_excused else [f"{path}: {length} lines"]


def long_functions(tree: ast.AST) -> list[tuple[int, str]]:
    """Measure the functions that are longer than a screen."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    found = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    lengths = [(node.end_lineno - node.lineno + 1, node.name) for node in found]
    return [one for one in lengths if one[0] > FUNCTION]


def handlers_of(app: Litestar) -> Iterator[tuple[str, HTTPRouteHandler]]:
    """Every address of an application with what answers it."""
    for route in app.routes:
        for method, (handler, _) in getattr(route, "route_handler_map", {}).items():
            if method != "OPTIONS":
                yield f"{method} {route.path_format}", handler


def unlisted(app: Litestar, settings: Settings) -> list[str]:
    """Name the addresses that are not in the site map."""
    known = {one.fn for row in audiences(settings) for one in row.handlers}
    return [
        address
        for address, handler in handlers_of(app)
        if handler.fn not in known and not address.startswith("GET /api/v1/schema")
    ]


def open_to_anybody(app: Litestar) -> set[str]:
    """Name the addresses that only the guard of every address protects."""
    return {
        address
        for address, handler in handlers_of(app)
        if not set(handler.resolve_guards()) - {same_site}
    }


@pytest.fixture(scope="module")
def house() -> tuple[Litestar, Settings]:
    settings = Settings(environment=Environment.TEST, secret_key=KEY)
    return make_app(settings).app, settings


# Tables


async def test_every_class_is_the_table_it_describes():
    found = tables()
    assert len(found) > 20
    assert [fault for model in found for fault in await unlike(model)] == []


async def test_a_class_that_is_not_its_table_is_found():
    class Gate(Record, tablename="gate"):
        name = Timestamp()
        planted = Text()

    said = await unlike(Gate)
    assert any(line.startswith("Gate.name: ('timestamp") for line in said)
    assert any(line.startswith("Gate.planted: ") for line in said)
    assert any(line.startswith("Gate.meetup_id: None") for line in said)


# Refusals


def test_every_refusal_says_why_in_both_languages():
    list(modules())
    french = i18n.catalogue("fr")
    for refusal in below(Refusal):
        if refusal.__module__.startswith("tests"):
            continue
        message = refusal.message
        assert isinstance(message, i18n.Lazy), refusal.__name__
        with i18n.use("en"):
            english = str(message)
        entry = french.get(english)
        assert entry is not None, (refusal.__name__, english)
        assert entry.string, (refusal.__name__, english)


# Words


def test_one_word_per_thing_in_the_code():
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources()
        for name in misnamed(ast.parse(path.read_text()))
    }
    assert found == set()


async def test_one_word_per_thing_in_the_database():
    rows = await sql(
        "SELECT table_name || '.' || column_name AS name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name NOT LIKE 'pgqueuer%'"
        " AND table_name <> 'migration'"
    )
    assert len(rows) > 100
    assert [row["name"] for row in rows if words(row["name"]) & BANNED] == []


@pytest.mark.parametrize(
    "planted",
    ["class Event: ...", "def user_of(): ...", "class C:\n async def listAttendees(): ..."],
)
def test_another_houses_word_is_found(planted):
    assert len(misnamed(ast.parse(planted))) == 1


def test_a_file_is_named_after_what_it_holds():
    assert [path for path in sources() if path.stem in BANNED_FILES] == []
    assert [
        path for path in (ROOT / "tests").rglob("*.py") if path.stem in BANNED_FILES
    ] == []


def test_the_glossary_knows_the_words_of_the_tables():
    known = (ROOT / "docs/glossary.md").read_text().lower()
    for word in ("workspace", "account", "membership", "community", "member", "channel"):
        assert f"\n| {word} |" in known
    for word in (
        "meetup",
        "series",
        "venue",
        "sponsor",
        "registration",
        "check-in",
        "gate",
    ):
        assert f"\n| {word} |" in known
    banned = {
        word for word in re.findall(r"\| ([^|]+) \|\n", known) for word in words(word)
    }
    assert {"user", "event", "booking", "attendee", "tenant", "tier"} <= banned


# Sizes


def test_a_long_file_says_why():
    found = [
        fault
        for path in sources()
        for fault in too_long(path.relative_to(ROOT), path.read_text())
    ]
    assert found == []


def test_a_long_file_is_found_unless_it_says_why():
    text = "x = 1\n" * 401
    assert too_long(Path("planted.py"), text) == ["planted.py: 401 lines"]
    assert too_long(Path("planted.py"), '"""Longer\nthan usual: why."""\n' + text) == []


def test_functions_stay_short_and_the_long_ones_become_fewer():
    found = [
        (length, f"{path.relative_to(ROOT)}:{name}")
        for path in sources()
        for length, name in long_functions(ast.parse(path.read_text()))
    ]
    found.sort(reverse=True)
    assert found[0][0] <= LONGEST_FUNCTION, found[0]
    share = len(found) / sum(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
    )
    assert share <= MOST_LONG_FUNCTIONS, (share, found)


def test_a_long_function_is_found():
    body = "def planted():\n" + "    x = 1\n" * 30
    assert long_functions(ast.parse(body)) == [(31, "planted")]


# Addresses


def test_every_address_is_in_the_site_map(house):
    assert unlisted(*house) == []


def test_what_anybody_may_ask_for_is_written_down(house):
    assert open_to_anybody(house[0]) == PUBLIC


def test_an_address_outside_the_site_map_is_found(house):
    @get("/planted")
    async def planted() -> str:
        return ""

    app = Litestar([planted], guards=[same_site], openapi_config=None)
    assert unlisted(app, house[1]) == ["GET /planted"]
    assert open_to_anybody(app) == {"GET /planted"}


def test_an_address_of_the_map_has_one_audience(house):
    handlers = [one.fn for row in audiences(house[1]) for one in row.handlers]
    assert len(handlers) == len(set(handlers))


async def test_the_description_of_the_api_is_json_and_nothing_else(browser):
    answer = await browser.get("/api/v1/schema/openapi.json")
    assert answer.status_code == 200
    for ui in ("redoc", "swagger", "elements", "rapidoc", "scalar", "openapi.yaml"):
        assert (await browser.get(f"/api/v1/schema/{ui}")).status_code == 404, ui


async def test_the_api_says_what_each_address_does(browser):
    described = (await browser.get("/api/v1/schema/openapi.json")).json()
    for path, methods in described["paths"].items():
        if path.startswith("/api/"):
            for method, operation in methods.items():
                assert operation.get("summary"), (method, path)


# The front door


def test_the_readme_shows_the_commands_that_are_there():
    result = CliRunner().invoke(main, ["--help"], prog_name="apero", terminal_width=80)
    readme = (ROOT / "README.md").read_text()
    shown = readme.split("Usage: apero", 1)[1].split("```")[0].strip()
    if "Commands:" not in shown:
        pytest.skip("the README does not show the commands yet")
    assert ("Usage: apero " + shown).strip() == result.output.strip()


async def test_planted_sql_is_undone():
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await sql("CREATE TABLE planted (id int)")
