"""The engine: one pool of connections, and transactions that give theirs back.

Piccolo's own transaction leaks a connection when COMMIT fails and commits inner work
that was refused; ours does neither (ADR 0012).
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import asyncpg
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction

from server.errors import Busy

ACQUIRE_SECONDS = 5.0
COMMAND_SECONDS = 30.0


async def _no_reset(_connection: object) -> None:
    """Asyncpg's reset is one more round trip; nothing here leaves state in a connection."""


class SharedTransaction(RuntimeError):
    """Two tasks used one transaction at once: the work of one would undo the other's."""


class Transaction(PostgresTransaction):
    """Piccolo's transaction, giving its connection back whatever happens."""

    __slots__ = ("_inner", "_pool", "_wire", "isolation", "readonly")

    engine: "Engine"
    _parent: "Transaction | None"

    def __init__(
        self, engine: "Engine", *, isolation: str | None = None, readonly: bool = False
    ) -> None:
        super().__init__(engine, allow_nested=True)
        self.isolation = isolation
        self.readonly = readonly
        self._inner: Transaction | None = None

    @property
    def connection(self) -> Any:  # noqa: ANN401 - asyncpg's pool proxy
        """The connection, unless a savepoint inside is still open in another task."""
        if self._inner is not None:
            message = "A transaction belongs to one task; this one is used by two."
            raise SharedTransaction(message)
        return self._wire

    async def __aenter__(self) -> Self:
        outer = self._parent
        if outer is None:
            self._pool = self.engine.pool
            self._wire = await self.engine.acquire()
        else:
            self._wire = outer.connection
            outer._inner = self  # noqa: SLF001 - its own class
        try:
            # asyncpg makes a SAVEPOINT of a transaction inside a transaction
            options = (
                {} if outer else {"isolation": self.isolation, "readonly": self.readonly}
            )
            self.transaction = self._wire.transaction(**options)
            await self.transaction.start()
        except BaseException:
            await self._leave()
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
                await self.transaction.rollback()
            elif self.connection is not None:
                await self.transaction.commit()
        except BaseException as failure:
            # The state on the wire is unknown: such a connection is never used again.
            with suppress(asyncpg.InterfaceError):
                self._wire.terminate()
            if error is not None and not isinstance(failure, asyncio.CancelledError):
                raise error from failure
            raise
        finally:
            await self._leave()
        return False

    async def _leave(self) -> None:
        outer = self._parent
        if outer is not None:
            outer._inner = None  # noqa: SLF001 - its own class
        elif self._pool is not None:
            # To the pool it came from, even when the engine is closing.
            await asyncio.shield(self._pool.release(self._wire))


class Engine(PostgresEngine):
    """One pool of connections as the application's role."""

    def __init__(self) -> None:
        super().__init__(config={})

    async def check_version(self) -> None:
        """`server.schema` checks the version once the address is known."""

    async def prep_database(self) -> None:
        """No extension is needed."""

    def transaction(
        self,
        allow_nested: bool = True,  # noqa: FBT001, FBT002, ARG002 - Piccolo's signature
        isolation: str | None = None,
        readonly: bool = False,  # noqa: FBT001, FBT002
    ) -> Transaction:
        return Transaction(self, isolation=isolation, readonly=readonly)

    async def open(
        self, address: "Address", *, size: int, patience: float | None = COMMAND_SECONDS
    ) -> None:
        """Open the pool as this role; a statement may take so many seconds."""
        self.config = address.arguments()
        self.pool = await asyncpg.create_pool(
            **self.config,
            min_size=min(2, size),
            max_size=size,
            reset=_no_reset,
            command_timeout=patience,
        )

    async def close(self) -> None:
        pool, self.pool = self.pool, None
        if pool is not None:
            try:
                await asyncio.wait_for(pool.close(), timeout=2)
            except TimeoutError:
                pool.terminate()

    async def acquire(self) -> Any:  # noqa: ANN401 - asyncpg's pool proxy
        """A connection, or Busy when none is free in time."""
        if self.pool is None:
            raise Busy
        try:
            return await self.pool.acquire(timeout=ACQUIRE_SECONDS)
        except OSError as error:  # a TimeoutError is one too
            raise Busy from error

    async def get_new_connection(self) -> Any:  # noqa: ANN401 - asyncpg's connection
        """Never beside the pool: Piccolo would open one when the pool is closed."""
        raise Busy

    async def _run_in_pool(self, query: str, args: Sequence[Any] | None = None) -> Any:  # noqa: ANN401
        pool, connection = self.pool, await self.acquire()
        try:
            return await connection.fetch(query, *(args or ()))
        finally:
            if pool is not None:
                await asyncio.shield(pool.release(connection))

    async def batch(self, *_: object, **__: object) -> Any:  # noqa: ANN401
        message = "Piccolo's batch swallows errors; use a cursor inside atomic()."
        raise RuntimeError(message)


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


def is_retryable(error: BaseException) -> bool:
    """May the same request succeed in a moment, on the same or another host?"""
    return isinstance(
        error,
        asyncpg.PostgresConnectionError
        | asyncpg.CannotConnectNowError
        | asyncpg.InterfaceError
        | asyncpg.InternalClientError  # a connection that dies under a statement
        | asyncpg.AdminShutdownError
        | asyncpg.CrashShutdownError
        | asyncpg.ReadOnlySQLTransactionError
        | asyncpg.DeadlockDetectedError
        | asyncpg.SerializationError
        | asyncpg.TooManyConnectionsError
        | ConnectionError
        | TimeoutError,
    )
