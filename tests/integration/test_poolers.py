"""A connection pooler before the database: of sessions it is as good as the server, of transactions it is refused."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.db.connection import locks, pool
from collector.db.schema import features, migrate, schema_revisions
from collector.domain.errors import DatabaseError, LockHeld, SharedSession
from tests.support.pgbouncer import pgbouncer

CLOCK = SystemClock()
IGNORED = {"ignore_startup_parameters": "options, tcp_keepalives_idle"}


@pytest.fixture(params=[{}, {"server_round_robin": 1}, {"default_pool_size": 1}], ids=["last", "in-turn", "one"])
def shared(plain_database_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Give a database behind a pool of transactions, which lends the session that came back last, or each in turn."""
    with pgbouncer(plain_database_url, "transaction", request.param) as url:
        yield url


@contextlib.asynccontextmanager
async def busy(url: str, clients: int) -> Any:  # noqa: ANN401 - a context manager
    """Keep other clients at work through the pooler, so that it has several sessions to lend."""
    connections = [await asyncpg.connect(url, statement_cache_size=0) for _ in range(clients)]
    held = [connection.transaction() for connection in connections]
    for transaction, connection in zip(held, connections, strict=True):
        await transaction.start()
        await connection.execute("SELECT 1")
    for transaction in held:
        await transaction.rollback()
    try:
        yield
    finally:
        for connection in connections:
            connection.terminate()


async def open_pool(url: str) -> None:
    """Open a pool as runs do."""
    async with pool.connect(url, CLOCK):
        pass


async def open_one(url: str) -> None:
    """Open a connection as maintenance does."""
    connection = await pool.open_connection(url, CLOCK, application_name="test")
    await connection.close()


WAYS_IN = [open_pool, open_one, migrate.upgrade, features.report, schema_revisions.current]


@pytest.mark.parametrize("enter", WAYS_IN, ids=lambda enter: enter.__name__)
async def test_a_pool_of_transactions_is_refused(shared: str, enter: Any) -> None:  # noqa: ANN401 - of several kinds
    """Whichever way one comes in, the message says that sessions are shared and what to write instead."""
    with pytest.raises(SharedSession, match="transaction mode") as caught:
        await enter(shared)
    assert "pool_mode = session" in caught.value.hint


async def test_however_many_sessions_it_has_to_lend(plain_database_url: str) -> None:
    """With idle ones at hand it may lend us the same one twice; other clients in transactions show that it need not."""
    for settings in ({}, {"server_round_robin": 1}):
        with pgbouncer(plain_database_url, "transaction", settings) as url:
            for clients in (2, 3):
                async with busy(url, clients):
                    with pytest.raises(SharedSession):
                        await open_one(url)


async def test_a_refused_client_leaves_nothing_behind(plain_database_url: str) -> None:
    """No prepared statement stays in the shared session, where the next client would stumble over it."""
    with pgbouncer(plain_database_url, "transaction", {"default_pool_size": 1}) as url:
        with pytest.raises(SharedSession):
            await open_one(url)
        left = await asyncpg.connect(url, statement_cache_size=0)
        assert await left.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''") == 0
        await left.close()


async def test_a_pool_of_statements_is_refused(plain_database_url: str) -> None:
    """It knows no transaction at all."""
    with pgbouncer(plain_database_url, "statement") as url, pytest.raises(SharedSession):
        await open_pool(url)


async def test_a_pool_of_sessions_is_as_good_as_the_server(plain_database_url: str) -> None:
    """Settings hold, the lock excludes whoever comes another way, and goes with the client that held it."""
    with pgbouncer(plain_database_url, "session") as url:
        async with pool.connect(url, CLOCK) as through, pool.connect(plain_database_url, CLOCK) as direct:
            async with locks.collection_lock(through, "first") as lock:
                connection: Any = lock._connection
                assert await connection.fetchval("SHOW lock_timeout") == "15s"
                assert await connection.fetchval("SHOW timezone") == "UTC"
                await lock.keep()
                for other in (direct, through):
                    with pytest.raises(LockHeld, match="collector first"):
                        async with locks.collection_lock(other):
                            pass
            async with locks.collection_lock(direct):
                pass
        await features.apply(url)


async def test_a_pool_of_sessions_with_none_left(plain_database_url: str) -> None:
    """A pooler that lets further clients wait is no pooler that shares; what we have works."""
    with pgbouncer(plain_database_url, "session", {"default_pool_size": 1}) as url:
        await asyncio.wait_for(open_one(url), 10)


async def test_a_parameter_that_the_pooler_refuses(plain_database_url: str) -> None:
    """The message names it and where it may be allowed; allowed, it does no harm."""
    for query, name in (("&options=-c%20a.b%3Dc", "options"), ("&keepalives_idle=30", "tcp_keepalives_idle")):
        with pgbouncer(plain_database_url, "session") as url:
            with pytest.raises(DatabaseError, match=f"refuses the parameter {name}") as caught:
                await open_one(url + query)
            assert f"add {name} to its ignore_startup_parameters" in caught.value.hint
        with pgbouncer(plain_database_url, "session", IGNORED) as url:
            await open_one(url + query)
