"""The walls, read from PostgreSQL's own catalogue, and the migrations that build them."""

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import AsyncMock
from uuid import uuid4

import asyncpg
import pytest
from piccolo.apps.migrations.commands.forwards import run_forwards

from server import schema
from server.database import DB, Address
from server.schema import APPEND_ONLY, SECRET, SchemaTooNew
from server.settings import BadSettings, Environment, Settings

ROOT = Path(__file__).parent.parent

# A row that may belong to no workspace, so the workspace cannot be in its key.
OWN_KEY = {"audit_entry", "letter"}

# One secret is looked up before anybody knows its workspace; a number is an instance's.
UNIQUE_EVERYWHERE = {
    "agenda_token_once",
    "follower_token_once",
    "api_token_hash_once",
    "audit_entry_pkey",
    "device_pairing_once",
    "device_token_once",
    "letter_pkey",
    "meetup_number_once",
    "registration_capability_once",
    "registration_code_once",
    "replaced_code_once",
}

# A reference that may be absent, each for its reason.
MAY_BE_ABSENT = {
    ("audit_entry", "workspace_id"),  # about an account
    ("letter", "workspace_id"),  # to sign in
    ("checkin", "registration_id"),  # a code that is no ticket
    ("identity", "member_id"),  # nobody is known behind it yet
    ("import_run", "channel_id"),  # members come from no channel
    ("import_run", "account_id"),  # from the command line
    ("meetup", "series_id"),
    ("meetup", "venue_id"),
    ("meetup", "recurrence_id"),  # planned by itself
    ("series", "venue_id"),
    ("workspace", "logo_id"),
    ("member", "merged_into_id"),
    ("note", "account_id"),  # from a program
    ("segment", "account_id"),
    ("ambassador", "account_id"),  # not accepted yet
    ("ambassador", "charter_id"),  # there was none
    ("invitation", "ambassador_id"),  # from the team
    ("mission", "meetup_id"),
    ("mission", "proof_picture_id"),
    ("stint", "meetup_id"),
    ("representative", "picture_id"),
    ("task", "owner_id"),
    ("deliverable", "owner_id"),
    ("proof", "picture_id"),  # a link or a count
    ("sponsorship", "meetup_id"),  # of a series or of a period
    ("sponsorship", "series_id"),
    ("sponsorship", "package_id"),
    ("budget_line", "meetup_id"),  # one of the two
    ("budget_line", "series_id"),
}

# An hour on the wall, which means something in its rule's zone only.
WALL_TIMES = {"recurrence.starts_time"}

# What runs with its owner's rights, and why: erasing takes from append-only tables.
TRUSTED = ["apero_erase"]

# What a workspace's row may point to outside of it.
SHARED = {"workspace", "account"}

SAMPLES = {
    "uuid": uuid4,
    "text": lambda: secrets.token_hex(4),
    "bytea": lambda: secrets.token_bytes(8),
    "jsonb": lambda: "{}",
    "boolean": lambda: False,
    "integer": lambda: 1,
    "bigint": lambda: secrets.randbits(32),
    "text[]": list,
}

# Who sees more than its workspace: the holder of a secret, an account, letters to sign in.
MORE_POLICIES = {
    ("agenda", "of_holder"),
    ("follower", "of_holder"),
    ("api_token", "of_holder"),
    ("audit_entry", "of_nobody"),
    ("device", "of_holder"),
    ("letter", "of_nobody"),
    ("membership", "of_account"),
    ("registration", "of_holder"),
    ("replaced_code", "of_holder"),
}

THE_WALL = "(workspace_id = ANY (( SELECT apero_scope() AS apero_scope)::uuid[]))"
THE_POLICY = ("of_workspace", b"*", THE_WALL, None)

TABLES = """
SELECT c.relname AS name, c.relrowsecurity AS walled, c.relforcerowsecurity AS forced,
  (SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k
    WHERE k.conrelid = c.oid AND k.contype = 'p') AS key
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
  AND NOT a.attisdropped ORDER BY 1
"""

POLICIES = """
SELECT c.relname AS source, p.polname AS name, p.polcmd AS command,
  pg_get_expr(p.polqual, p.polrelid) AS seen,
  pg_get_expr(p.polwithcheck, p.polrelid) AS written
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
"""

REFERENCES = """
SELECT k.conname AS name, c.relname AS source, t.relname AS target,
  k.confdeltype AS on_delete,
  (SELECT array_agg(a.attname::text ORDER BY n)
    FROM unnest(k.conkey) WITH ORDINALITY u(at, n)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.at) AS columns,
  (SELECT array_agg(a.attname::text ORDER BY n)
    FROM unnest(k.confkey) WITH ORDINALITY u(at, n)
    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.at) AS targets,
  (SELECT array_agg(a.attname::text) FROM unnest(k.conkey) u(at)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.at
    WHERE NOT a.attnotnull) AS optional,
  EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indpred IS NULL
    AND (SELECT array_agg(x ORDER BY x)
         FROM unnest((i.indkey::int2[])[0:cardinality(k.conkey) - 1]) x)
      = (SELECT array_agg(x ORDER BY x) FROM unnest(k.conkey) x)) AS has_index
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid
WHERE k.contype = 'f' AND c.relnamespace = 'public'::regnamespace ORDER BY 1
"""

UNIQUES = """
SELECT i.indexrelid::regclass::text AS name, c.relname AS source,
  (SELECT array_agg(a.attname::text) FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey::int2[])) AS columns
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace ORDER BY 1
"""

COLUMNS = """
SELECT c.relname AS source, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
  a.attnotnull AND NOT a.atthasdef AS is_asked
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
  AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, a.attnum
"""


# What is wrong with the walls, in words; empty when nothing is.


async def unwalled(session: asyncpg.Connection) -> list[str]:
    """Name the tables of a workspace that lack a wall, or whose key does not say whose."""
    policies = {tuple(row) for row in await session.fetch(POLICIES)}
    found = [
        f"{source} has a policy more, {name}"
        for source, name, *_ in policies
        if name != THE_POLICY[0] and (source, name) not in MORE_POLICIES
    ]
    for table in await session.fetch(TABLES):
        if not (table["walled"] and table["forced"]):
            found.append(f"{table['name']} has no row-level security, or does not force it")
        if (table["name"], *THE_POLICY) not in policies:
            found.append(f"{table['name']} lacks the policy of its workspace")
        starts = (table["key"] or "").startswith("PRIMARY KEY (workspace_id, ")
        if starts is (table["name"] in OWN_KEY):
            found.append(f"{table['name']} has the key {table['key']}")
    return found


async def loose(session: asyncpg.Connection) -> list[str]:
    """Name the references that cross a wall, are slow to check, or take rows along."""
    walled = {row["name"] for row in await session.fetch(TABLES)}
    found = []
    for one in await session.fetch(REFERENCES):
        name = f"{one['source']}.{one['name']}"
        if not one["has_index"]:
            found.append(f"{name} has no index")
        if one["on_delete"] != b"r":
            found.append(f"{name} does not restrict deletion")
        if one["source"] in walled and one["target"] not in SHARED:
            pairs = zip(one["columns"], one["targets"], strict=True)
            if ("workspace_id", "workspace_id") not in pairs:
                found.append(f"{name} may point into another workspace")
        found += [
            f"{one['source']}.{column} may be absent"
            for column in one["optional"] or []
            if (one["source"], column) not in MAY_BE_ABSENT
        ]
    return found


async def telling(session: asyncpg.Connection) -> list[str]:
    """Name the unique keys that would reveal a row of another workspace."""
    walled = {row["name"] for row in await session.fetch(TABLES)}
    return [
        one["name"]
        for one in await session.fetch(UNIQUES)
        if one["source"] in walled
        and "workspace_id" not in (one["columns"] or [])
        and one["name"] not in UNIQUE_EVERYWHERE
    ]


async def naive(session: asyncpg.Connection) -> list[str]:
    """Name the columns that hold a time without its zone."""
    return [
        f"{one['source']}.{one['name']}"
        for one in await session.fetch(COLUMNS)
        if one["type"].startswith(("timestamp without", "time "))
        and one["source"] != "migration"  # Piccolo's own
        and f"{one['source']}.{one['name']}" not in WALL_TIMES
    ]


@pytest.fixture
async def owner(addresses) -> AsyncIterator[asyncpg.Connection]:
    """The owner of the tables, in a transaction that is undone."""
    session = await asyncpg.connect(**addresses.owner.arguments())
    transaction = session.transaction()
    await transaction.start()
    yield session
    await transaction.rollback()
    await session.close()


@pytest.fixture
async def mighty(admin, addresses) -> AsyncIterator[asyncpg.Connection]:
    """The superuser in the database under test; whatever it does is undone."""
    session = await asyncpg.connect(
        **replace(admin, database=addresses.app.database).arguments()
    )
    transaction = session.transaction()
    await transaction.start()
    yield session
    await transaction.rollback()
    await session.close()


async def test_every_table_of_a_workspace_stands_behind_the_wall(owner):
    assert len(await owner.fetch(TABLES)) > 20
    assert await unwalled(owner) == []


async def test_every_reference_stays_inside_has_an_index_and_restricts(owner):
    assert len(await owner.fetch(REFERENCES)) > 40
    assert await loose(owner) == []


async def test_no_unique_key_tells_of_another_workspace(owner):
    assert await telling(owner) == []
    known = {row["name"] for row in await owner.fetch(UNIQUES)}
    assert known >= UNIQUE_EVERYWHERE, "the list holds a key that is gone"


async def test_every_time_has_its_zone(owner):
    assert await naive(owner) == []


async def test_the_list_of_absent_references_holds_nothing_that_is_gone(owner):
    optional = {
        (one["source"], column)
        for one in await owner.fetch(REFERENCES)
        for column in one["optional"] or []
    }
    assert optional == MAY_BE_ABSENT


async def test_nothing_steps_around_the_walls(owner):
    seeing_more = (
        "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm')"
        " AND relnamespace = 'public'::regnamespace"
        " AND NOT coalesce('security_invoker=true' = ANY (reloptions), false)"
    )
    assert await owner.fetch(seeing_more) == []
    await owner.execute("CREATE VIEW planted AS SELECT id FROM member")
    assert [row["relname"] for row in await owner.fetch(seeing_more)] == ["planted"]
    trusted = (
        "SELECT proname FROM pg_proc"
        " WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    assert [row["proname"] for row in await owner.fetch(trusted)] == TRUSTED


CROSSING = """
ALTER TABLE gate ADD CONSTRAINT whole UNIQUE (id);
ALTER TABLE device ADD CONSTRAINT planted FOREIGN KEY (gate_id) REFERENCES gate (id)
"""

HOLES = [
    (
        "CREATE TABLE planted (workspace_id uuid)",
        unwalled,
        "planted has no row-level security",
    ),
    ("CREATE TABLE planted (workspace_id uuid)", unwalled, "planted has the key None"),
    ("ALTER TABLE gate NO FORCE ROW LEVEL SECURITY", unwalled, "gate has no row-level"),
    ("DROP POLICY of_workspace ON letter", unwalled, "letter lacks the policy"),
    ("ALTER POLICY of_workspace ON venue USING (true)", unwalled, "venue lacks the policy"),
    ("CREATE POLICY planted ON venue USING (true)", unwalled, "a policy more, planted"),
    ("DROP INDEX device_gate", loose, "gate_id_fkey has no index"),
    (
        "ALTER TABLE venue ADD planted uuid REFERENCES account",
        loose,
        "planted may be absent",
    ),
    ("ALTER TABLE venue ADD planted uuid REFERENCES account", loose, "does not restrict"),
    (CROSSING, loose, "device.planted may point into another workspace"),
    ("ALTER TABLE gate ADD CONSTRAINT planted UNIQUE (name)", telling, "planted"),
    ("ALTER TABLE gate ADD COLUMN planted timestamp", naive, "gate.planted"),
]


@pytest.mark.parametrize(("plant", "check", "said"), HOLES)
async def test_a_planted_hole_is_found(owner, plant, check, said):
    await owner.execute(plant)
    assert any(said in found for found in await check(owner)), await check(owner)


# The walls at work


async def row_of(
    session: asyncpg.Connection, table: str, workspace: object
) -> tuple[str, list]:
    """Make an INSERT for a row of any table, and its values."""
    names, values = [], []
    for column in await session.fetch(COLUMNS):
        if column["source"] != table or not (
            column["is_asked"] or column["name"] == "workspace_id"
        ):
            continue
        names.append(column["name"])
        kind = column["type"]
        if column["name"] == "workspace_id":
            values.append(workspace)
        elif kind in SAMPLES:
            values.append(SAMPLES[kind]())
        else:
            now = await session.fetchval("SELECT now()")
            values.append(now.date() if kind == "date" else now)
    places = ", ".join(f"${n}" for n in range(1, len(names) + 1))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", values  # noqa: S608


async def without_checks(session: asyncpg.Connection) -> None:
    """Drop what a made-up row would break; the walls stay."""
    rows = await session.fetch(
        "SELECT conrelid::regclass AS source, quote_ident(conname) AS name"
        " FROM pg_constraint WHERE contype IN ('c', 'f')"
        " AND connamespace = 'public'::regnamespace"
    )
    for row in rows:
        await session.execute(f"ALTER TABLE {row['source']} DROP CONSTRAINT {row['name']}")


async def attempt(session: asyncpg.Connection, query: str, *args: object) -> int | None:
    """Run a statement and undo it; how many rows it touched, None when refused."""
    inner = session.transaction()
    await inner.start()
    try:
        return int((await session.execute(query, *args)).rsplit(" ", 1)[-1])
    except asyncpg.InsufficientPrivilegeError:
        return None
    finally:
        await inner.rollback()


async def test_a_workspace_neither_sees_nor_touches_another(mighty, addresses):
    await without_checks(mighty)
    ours, theirs = uuid4(), uuid4()
    tables = [row["name"] for row in await mighty.fetch(TABLES)]
    inserts = {}
    for table in tables:
        for workspace in (ours, theirs):
            query, values = await row_of(mighty, table, workspace)
            await mighty.execute(query, *values)
        inserts[table] = (
            await row_of(mighty, table, theirs),
            await row_of(mighty, table, ours),
        )
    await mighty.execute(f'SET LOCAL ROLE "{addresses.app.role}"')
    for table in tables:
        await mighty.execute("SELECT set_config('apero.workspaces', '', true)")
        assert await mighty.fetch(f"SELECT 1 FROM {table}") == [], table  # noqa: S608
    await mighty.execute(
        "SELECT set_config('apero.workspaces', $1, true)", "{" + str(ours) + "}"
    )
    for table in tables:
        seen = await mighty.fetch(f"SELECT workspace_id FROM {table}")  # noqa: S608
        assert [row["workspace_id"] for row in seen] == [ours], table
        (into_theirs, values), (into_ours, good) = inserts[table]
        assert await attempt(mighty, into_theirs, *values) is None, table
        assert await attempt(mighty, into_ours, *good) == 1, table
        at = "WHERE workspace_id = $1"
        change = f"UPDATE {table} SET workspace_id = workspace_id {at}"  # noqa: S608
        move = f"UPDATE {table} SET workspace_id = '{theirs}' {at}"  # noqa: S608
        remove = f"DELETE FROM {table} {at}"  # noqa: S608
        is_kept = table in APPEND_ONLY
        assert await attempt(mighty, change, theirs) == (None if is_kept else 0), table
        assert await attempt(mighty, remove, theirs) == (None if is_kept else 0), table
        assert await attempt(mighty, move, ours) is None, table
        assert await attempt(mighty, change, ours) == (None if is_kept else 1), table
        assert await attempt(mighty, remove, ours) == (None if is_kept else 1), table


async def test_the_application_owns_nothing_and_bypasses_nothing(owner, addresses):
    role = await owner.fetchrow(
        "SELECT * FROM pg_roles WHERE rolname = $1", addresses.app.role
    )
    for right in (
        "rolsuper",
        "rolbypassrls",
        "rolcreaterole",
        "rolcreatedb",
        "rolreplication",
    ):
        assert role[right] is False, right
    owned = "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) = $1"
    for lesser in (addresses.app.role, addresses.report.role):
        assert await owner.fetch(owned, lesser) == []
        assert not await owner.fetchval(
            "SELECT pg_has_role($1, $2, 'MEMBER')", lesser, addresses.owner.role
        )
        assert not await owner.fetchval(
            "SELECT has_schema_privilege($1, 'public', 'CREATE')", lesser
        )


async def test_facts_are_never_changed_and_reports_never_write(owner, addresses):
    names = [row["name"] for row in await owner.fetch(TABLES)]
    asked = "SELECT has_table_privilege($1, $2::text, $3)"
    for table in [*APPEND_ONLY, "migration"]:
        for right in ("UPDATE", "DELETE", "TRUNCATE"):
            assert not await owner.fetchval(asked, addresses.app.role, table, right), table
    for table in [*names, "account", "workspace", "pgqueuer", "migration"]:
        for right in ("INSERT", "UPDATE", "DELETE", "TRUNCATE"):
            assert not await owner.fetchval(asked, addresses.report.role, table, right), (
                table
            )
    for table in SECRET:
        assert not await owner.fetchval(asked, addresses.report.role, table, "SELECT"), (
            table
        )
    assert await owner.fetchval(asked, addresses.report.role, "meetup", "SELECT")


async def test_the_reporting_role_is_refused_at_the_door(addresses):
    session = await asyncpg.connect(**addresses.report.arguments())
    try:
        assert await session.fetch("SELECT id FROM member") == []
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await session.execute("DELETE FROM member")
    finally:
        await session.close()


# Migrations

MIGRATE = """
import asyncio, json, os
from server import schema
from server.database import Address
from server.settings import Settings
host, port, role, password, database = json.loads(os.environ["PLACE"])
schema.DATABASE = database
async def main():
    settings = Settings(secret_key=b"0123456789abcdefghijklmnopqrstuvwxyz")
    admin = Address(host=host, port=port, role=role, password=password)
    print(len(await schema.migrate(await schema.prepare(settings, admin))))
asyncio.run(main())
"""


@asynccontextmanager
async def aside() -> AsyncIterator[None]:
    """Put the pool of the suite aside: migrations open one of their own."""
    before, DB.pool = DB.pool, None
    try:
        yield
    finally:
        await DB.close()
        DB.pool = before


@pytest.fixture
async def elsewhere(worker_name, monkeypatch) -> AsyncIterator[str]:
    """The name of a database that nobody has made yet."""
    monkeypatch.setattr(schema, "DATABASE", f"apero_{worker_name}_{secrets.token_hex(3)}")
    async with aside():
        yield schema.DATABASE


async def tables_of(address: Address) -> set[str]:
    session = await asyncpg.connect(**address.arguments())
    try:
        rows = await session.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
    finally:
        await session.close()
    return {row["tablename"] for row in rows}


@pytest.mark.committed
@pytest.mark.slow
async def test_five_processes_migrate_at_once_and_one_does_it(admin, elsewhere):
    place = json.dumps([admin.host, admin.port, admin.role, admin.password, elsewhere])
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "ignore",
            "-c",
            MIGRATE,
            cwd=ROOT,
            env={**os.environ, "PLACE": place},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(5)
    ]
    said = await asyncio.gather(*(process.communicate() for process in processes))
    assert [process.returncode for process in processes] == [0] * 5, said
    ran = sorted(int(out) for out, _ in said)
    assert ran == [0, 0, 0, 0, len(schema.known_migrations())]


@pytest.mark.committed
@pytest.mark.usefixtures("elsewhere")
async def test_a_migration_that_fails_leaves_nothing(settings, admin, monkeypatch):
    found = await schema.prepare(settings, admin)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "QUEUE_DDL", "SELECT 1 / 0")
        with pytest.raises(asyncpg.DivisionByZeroError):
            await schema.migrate(found)
    assert await tables_of(found.owner) == set()
    assert len(await schema.migrate(found)) == len(schema.known_migrations())
    assert {"meetup", "pgqueuer", "migration"} <= await tables_of(found.owner)
    assert await schema.migrate(found) == []


A_YEAR_AGO = """
SELECT set_config('apero.workspaces', '{{{0}}}', true);
INSERT INTO workspace (id, slug, name, created_at) VALUES ('{0}', '{1}', '{1}', now());
INSERT INTO community (id, workspace_id, slug, name, created_at)
  VALUES ('{2}', '{0}', 'all', 'All', now());
INSERT INTO series (id, workspace_id, community_id, slug, name, created_at)
  VALUES ('{2}', '{0}', '{2}', 'monthly', 'Monthly', now());
INSERT INTO venue (id, workspace_id, name, address, hard_limit, created_at)
  VALUES ('{2}', '{0}', 'Attic', 'Lyon', 40, now());
INSERT INTO member (id, workspace_id, name, email, language, created_at)
  VALUES ('{2}', '{0}', 'Chloé', 'chloe@{1}.example', 'fr', now());
INSERT INTO meetup (id, workspace_id, community_id, series_id, venue_id, number, key_id, slug,
    title, representative, starts_at, ends_at, time_zone, created_at, updated_at, published_at)
  SELECT gen_random_uuid(), '{0}', '{2}', '{2}', '{2}', hashtext('{1}' || n)::bigint + 2147483648,
    1, 'n-' || n, 'N° ' || n, who, now(), now() + interval '3 hours', 'Europe/Paris', now(),
    now(), CASE WHEN who <> '' THEN now() END
  FROM (VALUES (1, 'Ana, organiser, Lyon'), (2, 'Bilal'), (3, '')) AS of (n, who);
INSERT INTO sponsor (id, workspace_id, slug, name, created_at)
  VALUES ('{2}', '{0}', 'sabline', 'Sabline', now());
INSERT INTO sponsorship (id, workspace_id, sponsor_id, meetup_id, created_at)
  SELECT gen_random_uuid(), '{0}', '{2}', id, now() FROM meetup WHERE workspace_id = '{0}';
"""


@pytest.mark.committed
@pytest.mark.usefixtures("elsewhere")
async def test_what_the_first_release_wrote_is_carried_on(settings, admin, monkeypatch):
    found = await schema.prepare(settings, admin)
    first = min(schema.known_migrations())
    with monkeypatch.context() as patch:
        # Piccolo is told to stop after the first; everything else is the product's own.
        patch.setattr(schema, "run_forwards", partial(run_forwards, migration_id=first))
        patch.setattr(schema, "_narrow", AsyncMock())  # who may do what is not looked at
        await schema.migrate(found)
    session = await asyncpg.connect(**found.owner.arguments())
    brands = {uuid4(): "orbelune", uuid4(): "ailleurs"}
    for workspace, slug in brands.items():
        async with session.transaction():
            await session.execute(A_YEAR_AGO.format(workspace, slug, uuid4()))
    assert await schema.migrate(found) == sorted(schema.known_migrations() - {first})
    for workspace in brands:
        async with session.transaction():
            scope = "{" + str(workspace) + "}"
            await session.execute("SELECT set_config('apero.workspaces', $1, true)", scope)
            (venue,) = await session.fetch("SELECT * FROM venue")
            named = await session.fetch("SELECT name, role FROM representative ORDER BY 1")
            paid = await session.fetch("SELECT DISTINCT workspace_id FROM sponsored")
            people = await session.fetch("SELECT sought, merged_into_id FROM member")
            (held,) = await session.fetch("SELECT count(*) AS kept FROM sponsored")
        assert venue["slug"] == f"venue-{venue['id'].hex}"
        assert [tuple(row) for row in named] == [("Ana", "organiser, Lyon"), ("Bilal", "")]
        assert [row["workspace_id"] for row in paid] == [workspace]
        assert held["kept"] == 3
        assert people[0]["sought"].startswith("chloe")
        assert people[0]["merged_into_id"] is None
    await session.close()


@pytest.mark.committed
@pytest.mark.usefixtures("elsewhere")
async def test_a_newer_schema_is_refused(settings, admin):
    found = await schema.prepare(settings, admin)
    await schema.migrate(found)
    await DB.open(found.app, size=1)
    assert await schema.is_current()
    await DB.close()
    session = await asyncpg.connect(**found.owner.arguments())
    await session.execute(
        "INSERT INTO migration (name, app_name, ran_on)"
        " VALUES ('2999-01-01', 'apero', now())"
    )
    await session.close()
    with pytest.raises(SchemaTooNew, match=r"later release of Apéro \(2999-01-01\)"):
        await schema.migrate(found)
    await DB.open(found.app, size=1)
    assert not await schema.is_current()


@pytest.mark.committed
@pytest.mark.usefixtures("elsewhere")
async def test_the_passwords_of_the_roles_follow_the_key(settings, admin):
    before = await schema.prepare(settings, admin)
    again = await schema.prepare(settings, admin)
    assert again == before
    await (await asyncpg.connect(**before.app.arguments())).close()
    changed = replace(settings, secret_key=b"another key of thirty-two letters")
    after = await schema.prepare(changed, admin)
    assert after.app.password != before.app.password
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(**before.app.arguments())
    await (await asyncpg.connect(**after.app.arguments())).close()


# A PostgreSQL somebody else runs


@pytest.fixture
async def landlord(admin, worker_name) -> AsyncIterator[object]:
    """Somebody who makes roles and databases for us; gives addresses as URLs."""
    session = await asyncpg.connect(**replace(admin, database="postgres").arguments())

    async def let(rights: str) -> Address:
        name = f"tenant_{worker_name}_{secrets.token_hex(3)}"
        await session.execute(f"CREATE ROLE {name} LOGIN {rights} PASSWORD 'p@ss'")
        await session.execute(f"CREATE DATABASE {name} OWNER {name}")
        return url_of(admin, name, name)

    async with aside():
        yield let
    await session.close()


def url_of(admin: Address, role: str, database: str) -> Address:
    return Address(
        url=f"postgresql://{role}:p%40ss@/{database}?host={admin.host}&port={admin.port}"
    )


PRODUCTION = Settings(
    environment=Environment.PRODUCTION,
    secret_key=b"0123456789abcdefghijklmnopqrstuvwxyz",
    origin="https://apero.example",
)


@pytest.mark.committed
async def test_a_database_of_yours_needs_no_superuser(landlord):
    address = await landlord("CREATEROLE")
    found = await schema.prepare(PRODUCTION, address)
    assert schema.role_of(found.app).endswith("_app")
    assert len(await schema.migrate(found)) == len(schema.known_migrations())
    assert await schema.prepare(PRODUCTION, address) == found
    await DB.open(found.app, size=1)
    assert await schema.is_current()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await DB._run_in_pool("DELETE FROM audit_entry")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await DB._run_in_pool("DROP TABLE meetup")


@pytest.mark.committed
async def test_a_superuser_is_refused_in_production(landlord):
    address = await landlord("SUPERUSER")
    with pytest.raises(BadSettings, match="signs in as a superuser"):
        await schema.prepare(PRODUCTION, address)
    assert await schema.prepare(replace(PRODUCTION, environment=Environment.TEST), address)


@pytest.mark.committed
async def test_an_owner_who_may_not_make_roles_is_told_what_to_do(landlord):
    with pytest.raises(
        BadSettings, match="Give it CREATEROLE, or create the roles yourself"
    ):
        await schema.prepare(PRODUCTION, await landlord(""))


@pytest.mark.committed
async def test_roles_of_your_own_making_are_used(landlord, admin):
    owner, app, report = await landlord(""), await landlord(""), await landlord("")
    place = schema.role_of(owner)
    given = [url_of(admin, schema.role_of(one), place) for one in (app, report)]
    named = replace(
        PRODUCTION, app_database_url=given[0].url, report_database_url=given[1].url
    )
    found = await schema.prepare(named, owner)
    assert (found.app, found.report) == tuple(given)
    await schema.migrate(found)
    await DB.open(found.app, size=1)
    assert await DB._run_in_pool("SELECT id FROM meetup") == []


@pytest.mark.committed
@pytest.mark.parametrize("rights", ["BYPASSRLS", "SUPERUSER"])
async def test_an_application_that_steps_over_the_walls_is_refused(landlord, admin, rights):
    owner, app = await landlord("CREATEROLE"), await landlord(rights)
    given = url_of(admin, schema.role_of(app), schema.role_of(owner)).url
    with pytest.raises(BadSettings, match="could step over the walls"):
        await schema.prepare(replace(PRODUCTION, app_database_url=given), owner)


@pytest.mark.committed
async def test_the_owner_may_not_be_the_application(landlord):
    owner = await landlord("CREATEROLE")
    with pytest.raises(BadSettings, match="own nothing"):
        await schema.prepare(replace(PRODUCTION, app_database_url=owner.url), owner)


def test_an_old_postgresql_is_refused():
    with pytest.raises(BadSettings, match="PostgreSQL 14 is too old; Apéro needs 15"):
        schema.refuse_old(14)
    schema.refuse_old(15)


def test_a_password_is_not_shown_with_its_address():
    assert "secret" not in repr(Address(host="h", role="r", password="secret"))
