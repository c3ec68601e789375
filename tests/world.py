"""The cast: Ana organises, Bilal is on her team at the door, Chloé is a member, Dov owns
another workspace, Eiko is the sponsor's contact. Builders read as English.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import msgspec

from server import accounts, jobs, workspaces
from server.audit import Actor, ActorKind, system
from server.database import DB, NOWHERE, one, scoped, sql
from server.web import SESSION_COOKIE
from server.workspaces import Look, Role

NOW = datetime(2026, 11, 5, 17, 0, tzinfo=UTC)
ORIGIN = "http://127.0.0.1:8000"


def browser_of(app: Any, **headers: str) -> httpx.AsyncClient:
    """A browser that talks to the application without a network."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url=ORIGIN, headers=headers
    )


def acting(account_id: UUID, *looks: Look, role: Role = Role.OWNER) -> Actor:
    """This account, acting in these workspaces."""
    return Actor(
        ActorKind.ACCOUNT,
        scope=frozenset(look.id for look in looks),
        id=account_id,
        role=role.value,
    )


async def an_account(email: str, name: str, language: str = "fr") -> UUID:
    return await accounts.account_for(
        email, name=name, language=language, by=system(), now=NOW
    )


async def a_workspace(owner: UUID, name: str, language: str = "fr") -> Look:
    return await workspaces.make_workspace(
        name, language=language, time_zone="Europe/Paris", by=acting(owner), now=NOW
    )


async def signed_in(client: httpx.AsyncClient, account_id: UUID) -> str:
    """Give this browser a session of this account; the CSRF token comes back."""
    async with scoped(NOWHERE):
        token = await accounts._open_session(
            account_id, agent="tests", by=acting(account_id), now=datetime.now(UTC)
        )
    client.headers["cookie"] = f"{SESSION_COOKIE}={token}"
    answer = await client.get("/account")
    found = re.search(r'<meta name="csrf" content="([^"]+)"', answer.text)
    assert found, answer.text[:500]
    client.headers["x-csrftoken"] = found[1]
    return found[1]


@asynccontextmanager
async def browsing(app: Any, account_id: UUID) -> AsyncIterator[httpx.AsyncClient]:
    """A browser signed in as this account."""
    async with browser_of(app) as client:
        await signed_in(client, account_id)
        yield client


async def cast() -> SimpleNamespace:
    """Everybody, in their two workspaces."""
    ana = await an_account("ana@orbelune.example", "Ana")
    bilal = await an_account("bilal@orbelune.example", "Bilal")
    dov = await an_account("dov@ailleurs.example", "Dov", "en")
    eiko = await an_account("eiko@sabline.example", "Eiko", "en")
    orbelune = await a_workspace(ana, "Orbelune")
    elsewhere = await a_workspace(dov, "Ailleurs", "en")
    by = acting(ana, orbelune)
    async with scoped(by):
        await workspaces.invite(
            "bilal@orbelune.example",
            Role.DOOR,
            workspace=orbelune,
            origin=ORIGIN,
            by=by,
            now=NOW,
        )
    return SimpleNamespace(
        ana=ana,
        bilal=bilal,
        dov=dov,
        eiko=eiko,
        orbelune=orbelune,
        elsewhere=elsewhere,
        as_ana=by,
        as_dov=acting(dov, elsewhere),
        now=NOW,
        soon=NOW + timedelta(days=14),
    )


async def do_jobs(*only: str) -> list[str]:
    """Do every job that waits (or those of these names); says which were done."""
    done = []
    while True:
        row = await one(
            "DELETE FROM pgqueuer WHERE id = (SELECT min(id) FROM pgqueuer"
            " WHERE status = 'queued' AND ($1::text[] = '{}' OR entrypoint = ANY ($1)))"
            " RETURNING entrypoint, payload",
            list(only),
        )
        if row is None:
            return done
        await jobs.handler(row["entrypoint"])(msgspec.json.decode(row["payload"] or b"{}"))
        done.append(row["entrypoint"])


async def letters_to(email: str) -> list[Any]:
    """What was written to this address, oldest first; what is queued is written now."""
    await do_jobs("write_letters")
    everywhere = frozenset(row["id"] for row in await sql("SELECT id FROM workspace"))
    async with scoped(everywhere):
        return await sql("SELECT * FROM letter WHERE recipient = $1 ORDER BY id", email)


@asynccontextmanager
async def counting_queries() -> AsyncIterator[list[str]]:
    """The queries that a test's transaction is asked meanwhile."""
    transaction = DB.current_transaction.get()
    assert transaction is not None, "only inside a test that is rolled back"
    asked: list[str] = []

    def note(query: Any) -> None:
        asked.append(query.query)

    transaction.connection.add_query_logger(note)
    try:
        yield asked
        await asyncio.sleep(0)  # the last query is told on the next turn of the loop
    finally:
        transaction.connection.remove_query_logger(note)
