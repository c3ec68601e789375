"""The transaction: it leaks nothing, undoes only what it should, and forgets its scope."""

import asyncio
import contextlib
from types import SimpleNamespace
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from server import engine
from server.audit import system
from server.database import (
    DB,
    NOWHERE,
    atomic,
    connection,
    find,
    is_retryable,
    many,
    one,
    scoped,
    sql,
    uuid7,
)
from server.engine import SharedTransaction
from server.errors import Busy, Conflict, NotFound
from server.workspaces import Membership
from tests import world

pytestmark = pytest.mark.committed

TWO_OF_THE_SAME = """
CREATE TEMP TABLE twin (id int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP;
INSERT INTO twin VALUES (1), (1)
"""


async def mark(key: str) -> None:
    """Write a row that belongs to no workspace."""
    await sql("INSERT INTO rate_bucket VALUES ($1, now(), 1)", key)


async def marks() -> list[str]:
    """Read the rows that were committed, or may be."""
    return [row["key"] for row in await sql("SELECT key FROM rate_bucket ORDER BY key")]


async def view() -> tuple[str, str, str]:
    """Read what PostgreSQL was told may be seen."""
    row = await one(
        "SELECT coalesce(current_setting('apero.workspaces', true), '') AS scope,"
        " coalesce(current_setting('apero.presented', true), '') AS presented,"
        " coalesce(current_setting('apero.account', true), '') AS account"
    )
    return row["scope"], row["presented"], row["account"]


async def backend() -> int:
    return (await one("SELECT pg_backend_pid() AS pid"))["pid"]


async def serves() -> None:
    """Use every connection of the pool at once; one that leaked would leave us waiting."""
    size = DB.pool.get_max_size()
    rows = await asyncio.gather(*(sql("SELECT pg_sleep(0.02)") for _ in range(size)))
    assert len(rows) == size
    assert DB.pool.get_idle_size() == DB.pool.get_size()


@pytest.fixture
async def small_pool(pool, addresses, monkeypatch):
    """Two connections and little patience."""
    monkeypatch.setattr(engine, "ACQUIRE_SECONDS", 0.3)
    before, DB.pool = DB.pool, None
    await DB.open(addresses.app, size=2)
    yield
    await DB.close()
    DB.pool = before


# Leaks


@pytest.mark.usefixtures("small_pool")
async def test_a_commit_that_fails_leaks_nothing():
    for _ in range(6):
        with pytest.raises(asyncpg.UniqueViolationError):
            async with DB.transaction():
                await connection().execute(TWO_OF_THE_SAME)
    await serves()


@pytest.mark.usefixtures("small_pool")
async def test_a_begin_on_a_dead_connection_leaks_nothing(monkeypatch):
    async def broken(_self):
        raise asyncpg.ConnectionDoesNotExistError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(asyncpg.transaction.Transaction, "start", broken)
        for _ in range(4):
            with pytest.raises(asyncpg.ConnectionDoesNotExistError):
                async with DB.transaction():
                    pass
    await serves()


@pytest.mark.usefixtures("small_pool")
async def test_an_error_among_tasks_in_a_transaction_leaks_nothing():
    for _ in range(6):
        with pytest.raises(asyncpg.InterfaceError):
            async with DB.transaction():
                await asyncio.gather(*(sql("SELECT pg_sleep(0.05)") for _ in range(3)))
        assert DB.current_transaction.get() is None
    await serves()


@pytest.mark.usefixtures("small_pool")
async def test_a_cancelled_task_gives_its_connection_back():
    async def slow():
        async with scoped(NOWHERE):
            await mark("cancelled")
            await sql("SELECT pg_sleep(30)")

    for _ in range(4):
        task = asyncio.create_task(slow())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await serves()
    assert await marks() == []


@pytest.mark.usefixtures("small_pool")
async def test_a_cancelled_wait_for_a_connection_costs_none():
    async with DB.transaction():
        holders = [asyncio.create_task(sql("SELECT pg_sleep(0.2)")) for _ in range(4)]
        await asyncio.sleep(0.05)
        for task in holders:
            task.cancel()
        await asyncio.gather(*holders, return_exceptions=True)
    await serves()


@pytest.mark.usefixtures("small_pool")
async def test_an_exhausted_pool_says_busy_instead_of_waiting_for_ever():
    async def hold():
        async with DB.transaction():
            await asyncio.sleep(0.8)

    held = [asyncio.create_task(hold()) for _ in range(2)]
    await asyncio.sleep(0.05)
    with pytest.raises(Busy):
        await sql("SELECT 1")
    with pytest.raises(Busy):
        async with scoped(NOWHERE):
            pass
    await asyncio.gather(*held)
    await serves()


async def test_a_closed_pool_says_busy_and_opens_no_connection_beside():
    before, DB.pool = DB.pool, None
    try:
        with pytest.raises(Busy):
            await sql("SELECT 1")
        with pytest.raises(Busy):
            await Membership.select()
    finally:
        DB.pool = before


async def test_closing_waits_for_the_transaction_that_runs(addresses):
    before, DB.pool = DB.pool, None
    await DB.open(addresses.app, size=2)

    async def write():
        async with DB.transaction():
            await asyncio.sleep(0.2)
            await mark("at the last moment")

    try:
        writing = asyncio.create_task(write())
        await asyncio.sleep(0.05)
        started = asyncio.get_running_loop().time()
        await DB.close()
        await writing
        assert asyncio.get_running_loop().time() - started < 2
    finally:
        DB.pool = before
    assert await marks() == ["at the last moment"]


@pytest.mark.usefixtures("small_pool")
async def test_a_killed_backend_heals(admin, addresses):
    session = await asyncpg.connect(**admin.arguments())

    async def killed_half_way():
        async with DB.transaction():
            await mark("never")
            await session.execute("SELECT pg_terminate_backend($1)", await backend())
            await mark("after")

    try:
        with pytest.raises(
            (
                asyncpg.PostgresConnectionError,
                asyncpg.AdminShutdownError,
                asyncpg.InternalClientError,
                asyncpg.InterfaceError,
            )
        ) as caught:
            await killed_half_way()
        assert is_retryable(caught.value)
        await session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1"
            " AND datname = $2",
            addresses.app.role,
            addresses.app.database,
        )
    finally:
        await session.close()
    await asyncio.sleep(0.05)
    await serves()
    assert await marks() == []


# Savepoints


async def test_a_refusal_caught_outside_undoes_the_inner_command_only():
    @atomic()
    async def inner(*, by):
        await mark("inner")
        raise Conflict

    @atomic()
    async def outer(*, by):
        await mark("before")
        with pytest.raises(Conflict):
            await inner(by=by)
        await mark("behind")

    await outer(by=system())
    assert await marks() == ["before", "behind"]


async def test_an_sql_error_caught_outside_leaves_the_outer_command_whole():
    @atomic()
    async def inner(*, by):
        await sql("SELECT 1 / 0")

    @atomic()
    async def outer(*, by):
        await mark("before")
        with pytest.raises(asyncpg.DivisionByZeroError):
            await inner(by=by)
        await mark("behind")

    await outer(by=system())
    assert await marks() == ["before", "behind"]


async def test_a_refusal_undoes_the_whole_command():
    @atomic()
    async def command(*, by):
        await mark("gone")
        raise Conflict

    with pytest.raises(Conflict):
        await command(by=system())
    assert await marks() == []


async def test_two_tasks_in_one_transaction_are_refused_before_one_undoes_the_other():
    async def first(opened, done):
        with contextlib.suppress(Conflict):
            async with DB.transaction():
                opened.set()
                await done.wait()
                raise Conflict

    async def second():
        async with scoped(NOWHERE):
            opened, done = asyncio.Event(), asyncio.Event()
            task = asyncio.create_task(first(opened, done))
            await opened.wait()
            try:
                await mark("would be lost with the other's savepoint")
            finally:
                done.set()
                await task

    with pytest.raises(SharedTransaction):
        await second()
    assert await marks() == []
    await serves()


async def test_a_transaction_does_not_end_under_a_savepoint_of_another_task():
    async def lingering(opened):
        async with DB.transaction():
            opened.set()
            await asyncio.sleep(0.1)

    tasks = []

    async def hasty():
        async with scoped(NOWHERE):
            opened = asyncio.Event()
            tasks.append(asyncio.create_task(lingering(opened)))
            await opened.wait()

    with pytest.raises(SharedTransaction):
        await hasty()
    with pytest.raises(asyncpg.InterfaceError):
        await tasks[0]
    await serves()


async def test_a_task_that_outlives_its_transaction_is_told():
    async def late():
        await asyncio.sleep(0.05)
        await mark("late")

    async with scoped(NOWHERE):
        task = asyncio.create_task(late())
    with pytest.raises(asyncpg.InterfaceError):
        await task
    assert await marks() == []


async def test_read_only_means_it():
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with scoped(NOWHERE, readonly=True):
            await mark("no")


# Scope


async def test_the_scope_ends_with_its_block(cast):
    count = "SELECT count(*) AS n FROM membership"
    async with scoped(cast.as_ana):
        seen = (await one(count))["n"]
        pid = await backend()
    assert seen == 2
    size = DB.pool.get_max_size()
    rows = await asyncio.gather(
        *(
            one(f"SELECT pg_backend_pid() AS pid, pg_sleep(0.02), ({count}) AS n")
            for _ in range(size)
        )
    )
    assert pid in {row["pid"] for row in rows}
    assert {row["n"] for row in rows} == {0}
    assert await view() == ("", "", "")


async def test_a_nested_block_with_another_scope_gives_the_outer_one_back():
    one_, two = uuid4(), uuid4()
    async with scoped(frozenset({one_}), presented=b"\x01", account=two):
        outside = await view()
        assert outside == (f"{{{one_}}}", "01", str(two))
        async with scoped(frozenset({two})):
            assert await view() == (f"{{{two}}}", "", "")
        assert await view() == outside
        with pytest.raises(Conflict):
            async with scoped(frozenset({two})):
                raise Conflict
        assert await view() == outside
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with scoped(frozenset({two})):
                await sql("SELECT 1 / 0")
        assert await view() == outside
        async with scoped(frozenset({one_})):
            assert await view() == outside, "the same scope is no new view"


async def test_find_refuses_a_row_of_another_workspace(cast):
    async with scoped(cast.as_ana):
        mine = (await one("SELECT id FROM membership WHERE role = 'owner'"))["id"]
        assert (await find(Membership, mine)).id == mine
    async with scoped(cast.as_dov):
        with pytest.raises(NotFound):
            await find(Membership, mine)
    with pytest.raises(NotFound):
        await find(Membership, mine)


async def test_an_account_sees_its_own_roles_and_a_secret_its_own_row(cast):
    async with scoped(NOWHERE, account=cast.ana):
        rows = await sql("SELECT account_id FROM membership")
    assert [row["account_id"] for row in rows] == [cast.ana]


# Small things


async def test_sql_gives_rows_or_shapes():
    class Pair(msgspec.Struct):
        id: UUID
        name: str
        at: object
        data: bytes
        parts: list[str]
        missing: int | None

    query = (
        "SELECT $1::uuid AS id, 'é' AS name, now() AS at, '\\x00ff'::bytea AS data,"
        " '{a,b}'::text[] AS parts, NULL::int AS missing"
    )
    key = uuid7()
    [pair] = await sql(query, key, into=Pair)
    assert (pair.id, pair.name, pair.data, pair.parts) == (
        key,
        "é",
        b"\x00\xff",
        ["a", "b"],
    )
    assert pair.missing is None
    assert (await one(query, key))["id"] == key
    assert (await one(query, key, into=Pair)).name == "é"
    assert await one("SELECT 1 WHERE false") is None
    with pytest.raises(msgspec.ValidationError):
        await sql("SELECT 'not a uuid' AS id", into=Pair)


async def test_many_writes_many_rows_of_one_transaction():
    statement = "INSERT INTO rate_bucket VALUES ($1, now(), $2)"
    with pytest.raises(RuntimeError):
        await many(statement, [("a", 1)])
    async with scoped(NOWHERE):
        await many(statement, [("a", 1), ("b", 2)])
    assert await marks() == ["a", "b"]


async def test_there_is_no_connection_without_a_transaction():
    with pytest.raises(RuntimeError):
        connection()


async def test_piccolos_batch_is_refused():
    with pytest.raises(RuntimeError, match="swallows"):
        await Membership.select().batch()


def test_a_key_sorts_by_the_moment_it_was_made():
    keys = [uuid7() for _ in range(2_000)]
    assert {key.version for key in keys} == {7}
    assert {key.variant for key in keys} == {"specified in RFC 4122"}
    assert len(set(keys)) == len(keys)
    spread = keys[::100]
    assert spread == sorted(spread)


def test_a_key_carries_its_moment(monkeypatch):
    at = 1_795_000_000_123_999_999
    monkeypatch.setattr("time.time_ns", lambda: at)
    key = uuid7()
    assert key.int >> 80 == at // 1_000_000
    assert (key.int >> 64) & 0xFFF == 4095, "the last 4096th of its millisecond"


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (asyncpg.SerializationError("x"), True),
        (ConnectionResetError(), True),
        (asyncpg.InternalClientError("x"), True),
        (TimeoutError(), True),
        (FileNotFoundError(), False),
        (asyncpg.UniqueViolationError("x"), False),
        (ValueError(), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_may_succeed_in_a_moment(error, answer):
    assert is_retryable(error) is answer


async def test_the_cast_is_only_seen_from_inside(cast):
    assert isinstance(cast, SimpleNamespace)
    for name in ("membership", "audit_entry", "letter"):
        rows = await sql(f"SELECT * FROM {name} WHERE workspace_id IS NOT NULL")  # noqa: S608
        assert rows == []
    assert world.acting(cast.ana, cast.orbelune).scope == {cast.orbelune.id}
