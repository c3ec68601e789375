"""The schema and its three roles: the owner migrates, the application works, reports read.

Migrations run under an advisory lock in one transaction, so that any number of processes
may start at once, and a half-done migration cannot exist. A schema newer than this
program is refused: an old program must not write to it.
"""

import contextlib
import hashlib
import hmac
import io
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg
from piccolo.apps.migrations.commands.forwards import run_forwards

from server.database import DB, Address, connection
from server.jobs import QUEUE_DDL
from server.migrations.piccolo_app import FOLDER
from server.settings import BadSettings, Settings

LOCK = 7_315_001
OLDEST_VERSION = 15
DATABASE = "apero"
APPEND_ONLY = ("audit_entry", "charter", "checkin", "consent", "report_edition")
SECRET = ("account", "session", "magic_link", "api_token")


class SchemaTooNew(Exception):
    """The database was migrated by a later release; start that release."""


@dataclass(frozen=True)
class Addresses:
    """Where the three roles sign in."""

    owner: Address
    app: Address
    report: Address


def known_migrations() -> set[str]:
    """The ids of the migrations this program carries."""
    pattern = re.compile(r'^ID = "(.+)"$', re.MULTILINE)
    found = (pattern.search(path.read_text()) for path in Path(FOLDER).glob("apero_*.py"))
    return {match.group(1) for match in found if match}


def _password(settings: Settings, role: str) -> str:
    """A role's password follows from the instance key, so every host knows it."""
    digest = hmac.digest(
        settings.secret_key, b"apero role v1 " + role.encode(), hashlib.sha256
    )
    return urlsafe_b64encode(digest).decode().rstrip("=")


async def prepare(settings: Settings, admin: Address) -> Addresses:
    """Make the database (embedded) and its roles ready; says where each signs in.

    `admin` is the embedded superuser, or what APERO_DATABASE_URL names.
    """
    if admin.url is not None:
        return await _external(settings, admin)
    names = {kind: f"{DATABASE}_{kind}" for kind in ("owner", "app", "report")}
    session = await asyncpg.connect(**replace(admin, database="postgres").arguments())
    try:
        for role in names.values():
            await _ensure_role(session, role, _password(settings, role))
        await _ensure_database(session, names["owner"])
    finally:
        await session.close()
    owner, app, report = (
        replace(admin, role=role, password=_password(settings, role), database=DATABASE)
        for role in names.values()
    )
    await _open_doors(owner, names["app"], names["report"])
    return Addresses(owner, app, report)


async def _ensure_database(session: asyncpg.Connection, owner: str) -> None:
    """The database itself, made once by whoever comes first."""
    # A lock of the session, for a database cannot be made inside a transaction.
    await session.execute("SELECT pg_advisory_lock($1)", LOCK)
    if not await session.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
        await session.execute(f"CREATE DATABASE {DATABASE} OWNER {owner}")
    await session.execute("SELECT pg_advisory_unlock($1)", LOCK)


async def _external(settings: Settings, owner: Address) -> Addresses:
    """Roles in a PostgreSQL somebody else runs."""
    session = await asyncpg.connect(**owner.arguments())
    try:
        refuse_old(session.get_server_version().major)
        database = await session.fetchval("SELECT current_database()")
        is_superuser = await session.fetchval(
            "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        )
        if is_superuser and settings.is_production:
            message = (
                "APERO_DATABASE_URL signs in as a superuser. Make a role that owns the "
                "database and may create roles, and name that one."
            )
            raise BadSettings(message)
        app = await _external_role(settings, session, owner, f"{database}_app")
        report = await _external_role(settings, session, owner, f"{database}_report")
        await _refuse_mighty(session, role_of(app))
        await _refuse_mighty(session, role_of(report))
    finally:
        await session.close()
    await _open_doors(owner, role_of(app), role_of(report))
    return Addresses(owner, app, report)


def refuse_old(version: int) -> None:
    """Raise BadSettings for a PostgreSQL that lacks what the schema uses."""
    if version < OLDEST_VERSION:
        message = f"PostgreSQL {version} is too old; Apéro needs {OLDEST_VERSION} or later."
        raise BadSettings(message)


def role_of(address: Address) -> str:
    """The role an address signs in as."""
    return address.role or unquote(urlsplit(address.url or "").username or "")


async def _refuse_mighty(session: asyncpg.Connection, role: str) -> None:
    """A role that could step over the walls must not serve the site."""
    if await session.fetchval(
        "SELECT rolsuper OR rolbypassrls OR rolname = current_user"
        " FROM pg_roles WHERE rolname = $1",
        role,
    ):
        message = (
            f"{role} could step over the walls between workspaces. The site and reports "
            "need roles of their own, without SUPERUSER and BYPASSRLS, that own nothing."
        )
        raise BadSettings(message)


async def _external_role(
    settings: Settings, session: asyncpg.Connection, owner: Address, role: str
) -> Address:
    given = (
        settings.app_database_url if role.endswith("_app") else settings.report_database_url
    )
    if given:
        return Address(url=given)
    password = _password(settings, role)
    try:
        await _ensure_role(session, role, password)
    except asyncpg.InsufficientPrivilegeError as error:
        message = (
            f"The role in APERO_DATABASE_URL may not create {role}. Give it CREATEROLE, or "
            "create the roles yourself and set APERO_APP_DATABASE_URL and "
            "APERO_REPORT_DATABASE_URL."
        )
        raise BadSettings(message) from error
    return replace(owner, role=role, password=password)


async def _ensure_role(session: asyncpg.Connection, role: str, password: str) -> None:
    """A role that may sign in and nothing more; made or brought up to date under a lock."""
    async with session.transaction():
        await session.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        exists = await session.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
        verb = "ALTER" if exists else "CREATE"
        rights = (
            "LOGIN" if exists else "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
        )
        await session.execute(
            await session.fetchval(
                f"SELECT format('{verb} ROLE %I {rights} PASSWORD %L', $1::text, $2::text)",
                role,
                password,
            )
        )


DOORS = """
GRANT USAGE ON SCHEMA public TO {app}, {report}
REVOKE CREATE ON SCHEMA public FROM PUBLIC
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {app}
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {report}
"""


async def _open_doors(owner: Address, app: str, report: str) -> None:
    """What the two lesser roles may do, now and with tables to come."""
    session = await asyncpg.connect(**owner.arguments())
    doors = DOORS.strip().replace("\n   ", "").format(app=f'"{app}"', report=f'"{report}"')
    try:
        async with session.transaction():
            await session.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            for door in doors.splitlines():
                with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
                    async with session.transaction():  # so that one no spoils no other
                        await session.execute(door)
    finally:
        await session.close()


async def migrate(addresses: Addresses) -> list[str]:
    """Bring the schema up to date, once however many start; says what ran."""
    await DB.open(addresses.owner, size=1, patience=None)
    try:
        async with DB.transaction():
            await connection().execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            done = await _done()
            unknown = done - known_migrations()
            if unknown:
                message = (
                    "The database was migrated by a later release of Apéro "
                    f"({max(unknown)}). Start that release, or restore a backup."
                )
                raise SchemaTooNew(message)
            to_do = sorted(known_migrations() - done)
            if to_do:
                with contextlib.redirect_stdout(io.StringIO()):
                    await run_forwards("apero")
                if not done:
                    await connection().execute(QUEUE_DDL)
                await _narrow(addresses)
    finally:
        await DB.close()
    return to_do


async def _done() -> set[str]:
    if await connection().fetchval("SELECT to_regclass('public.migration')") is None:
        return set()
    rows = await connection().fetch("SELECT name FROM migration WHERE app_name = 'apero'")
    return {row["name"] for row in rows}


async def _narrow(addresses: Addresses) -> None:
    """Facts are append-only for the application; reports never write."""
    app, report = role_of(addresses.app), role_of(addresses.report)
    for table in SECRET:
        await connection().execute(f'REVOKE SELECT ON {table} FROM "{report}"')  # noqa: S608 - our own names
    for table in APPEND_ONLY:
        await connection().execute(f'REVOKE UPDATE, DELETE ON {table} FROM "{app}"')
    # A consent never changes, but two records of one person may be merged.
    await connection().execute(f'GRANT UPDATE (member_id) ON consent TO "{app}"')
    await connection().execute(f'REVOKE INSERT, UPDATE, DELETE ON migration FROM "{app}"')
    await connection().execute("REVOKE ALL ON FUNCTION apero_erase(uuid) FROM PUBLIC")
    await connection().execute(f'GRANT EXECUTE ON FUNCTION apero_erase(uuid) TO "{app}"')


async def is_current() -> bool:
    """Has every migration this program carries been run, and none that it does not?"""
    rows = await DB._run_in_pool(  # noqa: SLF001 - our own subclass
        "SELECT name FROM migration WHERE app_name = 'apero'"
    )
    return {row["name"] for row in rows} == known_migrations()
