"""The tables' ground, the commands' transaction and the walls between workspaces.

`atomic()` opens the transaction, tells PostgreSQL which workspaces may be seen, and
becomes a real savepoint when nested. Nothing is visible outside it: row-level security
returns no row to a forgotten scope. How a connection is held is `server/engine.py`.
"""

import os
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, Protocol, TypeVar, overload

import asyncpg
import msgspec
from piccolo.columns import UUID, ForeignKey, OnDelete
from piccolo.columns.reference import LazyTableReference
from piccolo.table import Table

from server.engine import Address, Engine, is_retryable
from server.errors import NotFound

__all__ = [
    "DB",
    "NOWHERE",
    "Address",
    "Engine",
    "HasScope",
    "Record",
    "Row",
    "Scope",
    "Uuid",
    "View",
    "atomic",
    "connection",
    "current_scope",
    "find",
    "is_retryable",
    "many",
    "one",
    "scoped",
    "sql",
    "uuid7",
]

Uuid = uuid.UUID

os.environ.setdefault("PICCOLO_CONF", "server.piccolo_conf")

Scope = frozenset[Uuid]
NOWHERE: Scope = frozenset()


@dataclass(frozen=True)
class View:
    """What a transaction may see: workspaces, the row of a secret, an account's roles."""

    scope: Scope = NOWHERE
    presented: bytes | None = None
    account: Uuid | None = None


_view: ContextVar[View] = ContextVar("view", default=View())  # noqa: B039 - it is frozen


def uuid7() -> Uuid:
    """A key that sorts by the moment it was made (RFC 9562, section 6.2, method 3)."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    return Uuid(
        int=(milliseconds & (1 << 48) - 1) << 80
        | 0x7 << 76
        | (rest << 12) // 1_000_000 << 64
        | 0b10 << 62
        | secrets.randbits(62)
    )


DB = Engine()


class Record(Table):
    """A row of a workspace: its key is `(workspace_id, id)`."""

    id = UUID(primary_key=True, default=uuid7)
    workspace_id: ForeignKey[Any] = ForeignKey(
        LazyTableReference("Workspace", module_path="server.workspaces"),
        null=False,
        on_delete=OnDelete.restrict,
    )


class Row(Table):
    """A row outside every workspace: accounts, sessions, links."""

    id = UUID(primary_key=True, default=uuid7)


class HasScope(Protocol):
    """Whoever may see something: the workspaces are the only thing read here."""

    @property
    def scope(self) -> Scope: ...


Result = TypeVar("Result")
Shape = TypeVar("Shape")
AnyTable = TypeVar("AnyTable", bound=Table)
Command = Callable[..., Awaitable[Result]]


def current_scope() -> Scope:
    """The workspaces visible in this transaction."""
    return _view.get().scope


@asynccontextmanager
async def scoped(
    scope: Scope | HasScope,
    *,
    presented: bytes | None = None,
    account: Uuid | None = None,
    readonly: bool = False,
) -> AsyncIterator[None]:
    """One transaction that sees these workspaces.

    `presented` is the hash of a secret the caller holds: it makes visible the one row
    that carries it. `account` makes visible that account's own memberships.
    """
    wanted = View(
        scope if isinstance(scope, frozenset) else scope.scope, presented, account
    )
    before = _view.get()
    inside = DB.current_transaction.get() is not None
    if inside and wanted == View(before.scope):
        async with DB.transaction():
            yield
        return
    async with DB.transaction(readonly=readonly and not inside) as transaction:
        token = _view.set(wanted)
        try:
            await _tell(transaction.connection, wanted)
            yield
        finally:
            _view.reset(token)
            if inside and not transaction.connection.is_closed():
                await _restore(transaction.connection, before)


async def _tell(connection: Any, view: View) -> None:  # noqa: ANN401 - asyncpg's pool proxy
    await connection.execute(
        "SELECT set_config('apero.workspaces', $1, true),"
        " set_config('apero.presented', $2, true),"
        " set_config('apero.account', $3, true)",
        "{" + ",".join(str(one) for one in sorted(view.scope)) + "}",
        view.presented.hex() if view.presented else "",
        str(view.account) if view.account else "",
    )


async def _restore(connection: Any, view: View) -> None:  # noqa: ANN401 - as above
    """Give the outer block its own view back; an aborted block restores it by itself."""
    with suppress(asyncpg.InFailedSQLTransactionError):
        await _tell(connection, view)


def atomic() -> Callable[[Command[Result]], Command[Result]]:
    """Make a command one transaction, in the scope of its `by`; a savepoint when nested."""

    def wrap(command: Command[Result]) -> Command[Result]:
        @wraps(command)
        async def run(*args: Any, **kwargs: Any) -> Result:  # noqa: ANN401
            async with scoped(kwargs["by"]):
                return await command(*args, **kwargs)

        return run

    return wrap


@overload
async def sql(query: str, *args: object) -> list[asyncpg.Record]: ...
@overload
async def sql(query: str, *args: object, into: type[Shape]) -> list[Shape]: ...
async def sql(
    query: str, *args: object, into: type[Shape] | None = None
) -> list[asyncpg.Record] | list[Shape]:
    """Native SQL with `$1…$n`, in the current transaction if there is one."""
    transaction = DB.current_transaction.get()
    rows: list[asyncpg.Record] = await (
        transaction.connection.fetch(query, *args)
        if transaction is not None
        else DB._run_in_pool(query, args)  # noqa: SLF001 - our own subclass
    )
    if into is None:
        return rows
    return msgspec.convert([dict(row) for row in rows], list[into])  # type: ignore[valid-type]


@overload
async def one(query: str, *args: object) -> asyncpg.Record | None: ...
@overload
async def one(query: str, *args: object, into: type[Shape]) -> Shape | None: ...
async def one(
    query: str, *args: object, into: type[Shape] | None = None
) -> asyncpg.Record | Shape | None:
    """The first row of a query, or None."""
    rows: Sequence[Any] = (
        await sql(query, *args) if into is None else await sql(query, *args, into=into)
    )
    return rows[0] if rows else None


async def many(query: str, rows: Iterable[Sequence[object]]) -> None:
    """Run one statement for many rows, in the current transaction."""
    transaction = DB.current_transaction.get()
    if transaction is None:
        message = "many() belongs inside atomic()."
        raise RuntimeError(message)
    await transaction.connection.executemany(query, rows)


async def find(table: type[AnyTable], id_: Uuid) -> AnyTable:
    """The row of this key in the workspaces in view, or NotFound."""
    row = await table.objects().where(table._meta.primary_key == id_).first()  # noqa: SLF001
    if row is None:
        raise NotFound
    return row


def connection() -> Any:  # noqa: ANN401 - asyncpg's pool proxy
    """The connection of the current transaction, for COPY, cursors and jobs."""
    transaction = DB.current_transaction.get()
    if transaction is None:
        message = "There is no transaction here."
        raise RuntimeError(message)
    return transaction.connection
