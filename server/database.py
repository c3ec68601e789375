"""The engine, the transaction and the walls between workspaces.

Piccolo's own transaction leaks a connection when COMMIT fails and commits inner work
that was refused; ours does neither (ADR 0012). `atomic()` opens the transaction, tells
PostgreSQL which workspaces may be seen, and becomes a real savepoint when nested.
Nothing is visible outside it: row-level security returns no row to a forgotten scope.
"""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, overload
from uuid import UUID as Uuid

import asyncpg
import msgspec
from piccolo.columns import UUID, ForeignKey, OnDelete
from piccolo.columns.reference import LazyTableReference
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction
from piccolo.table import Table

from server.errors import Busy, NotFound

os.environ.setdefault("PICCOLO_CONF", "server.piccolo_conf")

ACQUIRE_SECONDS = 5.0
COMMAND_SECONDS = 30.0

Scope = frozenset[Uuid]
NOWHERE: Scope = frozenset()

_scope: ContextVar[Scope] = ContextVar("scope", default=NOWHERE)


def uuid7() -> Uuid:
    """A key that sorts by the moment it was made (RFC 9562, section 5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    return Uuid(
        int=(milliseconds & (1 << 48) - 1) << 80
        | 0x7 << 76
        | secrets.randbits(12) << 64
        | 0b10 << 62
        | secrets.randbits(62)
    )


async def _no_reset(_connection: object) -> None:
    """Asyncpg's reset is one more round trip; nothing here leaves state in a connection."""


class Transaction(PostgresTransaction):
    """Piccolo's transaction, giving its connection back whatever happens."""

    __slots__ = ("isolation", "readonly")

    def __init__(
        self, engine: "Engine", *, isolation: str | None = None, readonly: bool = False
    ) -> None:
        super().__init__(engine, allow_nested=True)
        self.isolation = isolation
        self.readonly = readonly

    async def __aenter__(self) -> Self:
        outer = self._parent
        self.connection = outer.connection if outer else await self.get_connection()
        try:
            # asyncpg makes a SAVEPOINT of a transaction inside a transaction
            self.transaction = (
                self.connection.transaction()
                if outer
                else self.connection.transaction(
                    isolation=self.isolation, readonly=self.readonly
                )
            )
            await self.begin()
        except BaseException:
            if outer is None:
                await self._give_back()
            raise
        self.context = self.engine.current_transaction.set(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        # First of all: nothing may run in a transaction that is ending.
        self.engine.current_transaction.reset(self.context)
        try:
            if error is not None:
                await self.rollback()
            else:
                await self.commit()
        except BaseException as failure:
            # The state on the wire is unknown: such a connection is never used again.
            if not self.connection.is_closed():
                self.connection.terminate()
            if error is not None:
                raise error from failure
            raise
        finally:
            if self._parent is None:
                await self._give_back()
        return False

    async def get_connection(self) -> Any:  # noqa: ANN401 - asyncpg's pool proxy
        return await self.engine.acquire()

    async def _give_back(self) -> None:
        pool = self.engine.pool
        if pool is not None:
            await asyncio.shield(pool.release(self.connection))


class Engine(PostgresEngine):
    """One pool of connections as the application's role."""

    def __init__(self) -> None:
        super().__init__(config={})

    async def check_version(self) -> None:
        """`server.schema` checks the version once the address is known."""

    async def prep_database(self) -> None:
        """No extension is needed."""

    def transaction(  # type: ignore[override]
        self,
        allow_nested: bool = True,  # noqa: FBT001, FBT002, ARG002 - Piccolo's signature
        isolation: str | None = None,
        readonly: bool = False,  # noqa: FBT001, FBT002
    ) -> Transaction:
        return Transaction(self, isolation=isolation, readonly=readonly)

    async def open(self, address: "Address", *, size: int) -> None:
        """Open the pool as the application's role."""
        self.config = address.arguments()
        self.pool = await asyncpg.create_pool(
            **self.config,
            min_size=min(2, size),
            max_size=size,
            reset=_no_reset,
            command_timeout=COMMAND_SECONDS,
        )

    async def close(self) -> None:
        pool, self.pool = self.pool, None
        if pool is not None:
            try:
                await asyncio.wait_for(pool.close(), timeout=5)
            except TimeoutError:
                pool.terminate()

    async def acquire(self) -> Any:  # noqa: ANN401 - asyncpg's pool proxy
        """A connection, or Busy when none is free in time."""
        if self.pool is None:
            raise Busy
        try:
            return await self.pool.acquire(timeout=ACQUIRE_SECONDS)
        except TimeoutError as error:
            raise Busy from error

    async def _run_in_pool(self, query: str, args: Sequence[Any] | None = None) -> Any:  # noqa: ANN401
        connection = await self.acquire()
        try:
            return await connection.fetch(query, *(args or ()))
        finally:
            if self.pool is not None:
                await self.pool.release(connection)

    async def batch(self, *_: object, **__: object) -> Any:  # noqa: ANN401
        message = "Piccolo's batch swallows errors; use a cursor inside atomic()."
        raise NotImplementedError(message)


@dataclass(frozen=True)
class Address:
    """Where a database is and how one role signs in: a URL or its parts."""

    url: str | None = None
    host: str | None = None
    port: int | None = None
    role: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str | None = None

    def arguments(self) -> dict[str, Any]:
        """What asyncpg wants; parts override the URL."""
        parts = {
            "dsn": self.url,
            "host": self.host,
            "port": self.port,
            "user": self.role,
            "password": self.password,
            "database": self.database,
        }
        given = {name: value for name, value in parts.items() if value is not None}
        # A planned failover must never leave us writing to a standby.
        return given | {"target_session_attrs": "read-write"}


DB = Engine()


class Record(Table):
    """A row of a workspace: its key is `(workspace_id, id)`."""

    id = UUID(primary_key=True, default=uuid7)
    workspace_id = ForeignKey(
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
    return _scope.get()


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
    wanted = scope if isinstance(scope, frozenset) else scope.scope
    inside = DB.current_transaction.get() is not None
    if inside and wanted == _scope.get() and presented is None and account is None:
        async with DB.transaction():
            yield
        return
    async with DB.transaction(readonly=readonly and not inside) as transaction:
        before = _scope.get()
        token = _scope.set(wanted)
        await _tell(transaction.connection, wanted, presented, account)
        try:
            yield
        finally:
            _scope.reset(token)
            if inside and not transaction.connection.is_closed():
                await _restore(transaction.connection, before)


async def _tell(
    connection: Any,  # noqa: ANN401 - asyncpg's pool proxy
    scope: Scope,
    presented: bytes | None,
    account: Uuid | None,
) -> None:
    await connection.execute(
        "SELECT set_config('apero.workspaces', $1, true),"
        " set_config('apero.presented', $2, true),"
        " set_config('apero.account', $3, true)",
        "{" + ",".join(str(one) for one in sorted(scope)) + "}",
        presented.hex() if presented else "",
        str(account) if account else "",
    )


async def _restore(connection: Any, scope: Scope) -> None:  # noqa: ANN401
    """Give the outer block its own view back; an aborted block restores it by itself."""
    try:
        await _tell(connection, scope, None, None)
    except asyncpg.InFailedSQLTransactionError:
        return


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


def is_retryable(error: BaseException) -> bool:
    """May the same request succeed in a moment, on the same or another host?"""
    return isinstance(
        error,
        asyncpg.PostgresConnectionError
        | asyncpg.CannotConnectNowError
        | asyncpg.InterfaceError
        | asyncpg.AdminShutdownError
        | asyncpg.CrashShutdownError
        | asyncpg.ReadOnlySQLTransactionError
        | asyncpg.DeadlockDetectedError
        | asyncpg.SerializationError
        | asyncpg.TooManyConnectionsError
        | ConnectionError
        | OSError
        | TimeoutError,
    )
