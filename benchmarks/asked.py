"""What a page asks the database, statement by statement, and the same said again bare.

The application runs in this process over ASGI with a listener on its connections, so that
nothing escapes the count, whichever way a statement is written.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks.bare import Statement
from benchmarks.house import House
from server import accounts
from server.audit import system
from server.clock import utc_now
from server.database import DB
from server.web import SESSION_COOKIE

PASSWORD = "four words make one"  # noqa: S105 - of an invented owner, for a minute
AROUND = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SELECT set_config")


@dataclass(frozen=True)
class Page:
    """One page to look at: its name, its path, and whether one signs in for it."""

    name: str
    path: str
    is_signed_in: bool = False

    def headers(self, cookie: str) -> list[tuple[str, str]]:
        """What a browser sends for it."""
        signed = [("cookie", cookie)] if self.is_signed_in else []
        return [("accept", "text/html"), *signed]


@dataclass(frozen=True)
class Asked:
    """What one page asks: every statement, and how many of them are real questions."""

    statements: list[Statement]

    @property
    def queries(self) -> int:
        """Questions, without the transaction's begin, end and scope."""
        return sum(not text.startswith(AROUND) for text, _ in self.statements)


async def sign_in(house: House, slug: str, role: str = "owner") -> str:
    """The cookie of somebody of a seeded workspace."""
    email, by, now = f"{role}@{slug}.example", system(), utc_now()
    async with house.inside():
        account = await accounts.account_for(email, name="", language="en", by=by, now=now)
        await accounts.set_password(account, PASSWORD, keep=None, by=by, now=now)
        token = await accounts.sign_in_with_password(
            email, PASSWORD, agent="benchmark", by=by, now=now
        )
    return f"{SESSION_COOKIE}={token}"


async def asked(house: House, pages: Sequence[Page], cookie: str) -> dict[str, Asked]:
    """What each page asks once everything that is kept in memory is there."""
    async with _listening(house) as (browser, heard):
        found = {}
        for page in pages:
            for _ in range(2):
                heard.clear()
                answer = await browser.get(page.path, headers=page.headers(cookie))
                assert answer.status_code == 200, (page, answer.status_code)
            found[page.name] = Asked(list(heard))
    return found


@asynccontextmanager
async def _listening(
    house: House,
) -> AsyncIterator[tuple[httpx.AsyncClient, list[Statement]]]:
    heard: list[Statement] = []

    def hear(said: Any) -> None:  # noqa: ANN401 - asyncpg's LoggedQuery has no types
        heard.append((said.query.strip(), tuple(said.args or ())))

    async with house.inside(size=2) as edge:
        assert DB.pool is not None
        async with AsyncExitStack() as held:
            for _ in range(2):
                connection = await held.enter_async_context(DB.pool.acquire())
                connection.add_query_logger(hear)
        transport = httpx.ASGITransport(app=edge)
        async with httpx.AsyncClient(
            transport=transport, base_url=f"http://127.0.0.1:{house.port}"
        ) as browser:
            yield browser, heard
