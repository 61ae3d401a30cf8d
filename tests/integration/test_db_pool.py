"""Connections to a real server: values there and back, time held, lost connections, transactions."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.clock import SystemClock
from collector.clock.virtual_time import VirtualClock, VirtualTimeLoop
from collector.db.bookkeeping import runs_table
from collector.db.connection import pool, statements
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables
from collector.db.schema import timescale
from collector.domain.errors import DatabaseError, DatabaseUnavailable
from collector.domain.market_data.instruments import Underlying
from collector.domain.market_data.spans import Span, Spans
from tests.support.db_rows import rows

OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


@pytest.fixture
def statement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Statement":
    """Let a test give statements of its own a name."""
    return Statement(monkeypatch)


class Statement:
    """Names statements: `statement(sql)` returns a name that the database runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._own: dict[str, str] = {}
        monkeypatch.setattr(pool, "query", lambda name: self._own.get(name) or statements.query(name))

    def __call__(self, sql: str) -> str:
        """Return a name for a statement."""
        name = f"own{len(self._own)}"
        self._own[name] = sql
        return name


async def test_maintenance_may_take_longer(plain_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends a collector's statement on a server that says nothing does not end the moving of years of bars."""
    monkeypatch.setattr(pool, "_COMMAND_TIMEOUT_S", 0.1)
    slow = "SELECT FROM pg_sleep(0.3)"
    connection = await pool.open_connection(plain_database_url, SystemClock(), application_name="test")
    with pytest.raises(TimeoutError):
        await connection.execute(slow)
    await connection.close()
    async with timescale.session(plain_database_url) as session:
        await session.connection.execute(slow)


async def test_a_connection_may_be_idle_for_longer_than_statements_may_take(plain_database_url: str) -> None:
    """What a query's first use has learned of its columns leaves nothing behind that the server would wait for."""
    async with pool.connect(plain_database_url, SystemClock(), size=1, statement_timeout_s=1) as db:
        for name in ("underlyings", "database_bytes"):
            assert await db.fetch(name, *([None] if name == "underlyings" else [])) is not None
            await asyncio.sleep(1.3)  # the time-out is the server's, of which no clock of ours knows
        assert await db.fetch("underlyings", None) == []


async def test_spans_there_and_back(database: Database, statement: Statement) -> None:
    """Spans, empty or not, and a single span arrive as they left, in UTC; NULL stays None."""
    two = Spans([Span(OPEN, OPEN + timedelta(hours=1)), Span(OPEN + timedelta(hours=2), OPEN + timedelta(hours=3))])
    name = statement(
        "SELECT $1::tstzmultirange AS many, $2::tstzmultirange AS none, $3::tstzrange AS one, NULL::tstzrange"
    )
    row = await database.fetchrow(name, two, Spans(), two.spans[0])
    assert row is not None
    assert list(row.values()) == [two, Spans(), two.spans[0], None]
    assert row["many"].hull.start.utcoffset() == timedelta(0)


async def test_rows_values_and_counts(database: Database, statement: Statement) -> None:
    """fetch, fetchrow, fetchval and execute: rows, the first, its first value, the number of rows touched."""
    none = statement("SELECT 1 AS n WHERE false")
    assert await database.fetch(none) == []
    assert await database.fetchrow(none) is None
    assert await database.fetchval(none) is None
    assert await database.fetchval(statement("SELECT 7 AS n, 8 AS m")) == 7
    assert await database.execute(statement("SET timezone = 'UTC'")) == 0
    await contract_tables.add_underlying(database, Underlying("A", 1))
    assert await database.execute(statement("UPDATE underlying_securities SET active = false")) == 1


async def test_json_there_and_back(database: Database, statement: Statement) -> None:
    """Anything JSON passes as jsonb."""
    given = {"outcomes": {"time_out": 2}, "list": [1, "x", None]}
    assert await database.fetchval(statement("SELECT $1::jsonb"), given) == given


async def test_a_transaction_commits_or_rolls_back(database: Database) -> None:
    """What the block did is there when it ends, and gone when it raises."""
    async with database.transaction() as transaction:
        await contract_tables.add_underlying(transaction, Underlying("A", 1))
    with pytest.raises(RuntimeError, match="stop"):  # noqa: PT012 - the transaction is the statement
        async with database.transaction() as transaction:
            await contract_tables.add_underlying(transaction, Underlying("B", 2))
            raise RuntimeError("stop")
    assert [u.symbol for u in await contract_tables.underlyings(database)] == ["A"]


async def test_a_lost_connection_is_told_and_replaced(database: Database, statement: Statement) -> None:
    """A transaction whose connection is cut fails as unavailable and leaves nothing; the next one works."""
    pid = statement("SELECT pg_backend_pid()")
    with pytest.raises(DatabaseUnavailable):  # noqa: PT012 - the transaction is the statement
        async with database.transaction() as transaction:
            await contract_tables.add_underlying(transaction, Underlying("A", 1))
            own = await transaction.fetchval(pid)
            await database.fetchval("end_session", own)
            await transaction.fetchval(pid)
    assert await contract_tables.underlyings(database) == []
    async with database.transaction() as transaction:
        await contract_tables.add_underlying(transaction, Underlying("B", 2))


async def test_every_connection_cut_between_uses(database: Database, statement: Statement) -> None:
    """After a restart of the server the pool opens new connections, at the latest at the second attempt."""
    await asyncio.gather(*(database.fetchval(statement("SELECT 1 FROM pg_sleep(0.01)")) for _ in range(4)))
    await rows(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )
    for _ in range(8):
        try:
            assert await database.fetchval(statement("SELECT 1")) == 1
        except DatabaseUnavailable:
            continue
    assert await database.fetchval(statement("SELECT 1")) == 1


async def test_more_tasks_than_connections(database: Database, statement: Statement) -> None:
    """Tasks wait for a free connection; none fails."""
    one = statement("SELECT 1")
    assert await asyncio.gather(*(database.fetchval(one) for _ in range(50))) == [1] * 50


async def test_refusals_of_a_real_server(database: Database, statement: Statement, database_url: str) -> None:
    """Lock time-out, read-only, time-out of a statement, a value that does not fit, an argument of the wrong kind."""
    slow = statement("SELECT pg_sleep(5)")
    async with database.transaction() as transaction:
        await transaction.execute(statement("SET LOCAL statement_timeout = '20ms'"))
        with pytest.raises(DatabaseUnavailable, match="took too long"):
            await transaction.fetchval(slow)
    with pytest.raises(DatabaseUnavailable, match="is read-only"):  # noqa: PT012 - the transaction is the statement
        async with database.transaction() as transaction:
            await transaction.execute(statement("SET TRANSACTION READ ONLY"))
            await contract_tables.add_underlying(transaction, Underlying("A", 1))
    async with pool.connect(database_url, SystemClock(), size=1) as other, other.transaction() as holder:
        await holder.execute(statement("LOCK underlying_securities"))
        with pytest.raises(DatabaseUnavailable, match="did not get a lock"):  # noqa: PT012 - the transaction is the statement
            async with database.transaction() as transaction:
                await transaction.execute(statement("SET LOCAL lock_timeout = '20ms'"))
                await contract_tables.add_underlying(transaction, Underlying("A", 1))
    with pytest.raises(DatabaseError, match=r"int4|int32|integer"):
        await contract_tables.add_underlying(database, Underlying("A", 2**40))
    with pytest.raises(DatabaseError):
        await runs_table.heartbeat(database, "one", OPEN)  # type: ignore[arg-type]  # a mistake on purpose


async def test_a_database_that_does_not_exist(database_url: str) -> None:
    """The message names the database and says how to make it."""
    name = database_url.split("?", maxsplit=1)[0].rpartition("/")[2]
    with pytest.raises(DatabaseUnavailable, match='database "nowhere" does not exist') as caught:
        async with pool.connect(database_url.replace(f"/{name}?", "/nowhere?"), SystemClock()):
            pass
    assert "createdb" in caught.value.hint


async def test_no_server() -> None:
    """Neither a closed port nor an absent socket is a traceback."""
    for url in ("postgresql://x@127.0.0.1:1/y", "postgresql://x@/y?host=/nowhere/at/all"):
        with pytest.raises(DatabaseUnavailable, match="no database server listens there"):
            async with pool.connect(url, SystemClock()):
                pass


def test_time_stands_still_while_the_server_works(plain_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On virtual time a query takes no time, however long it takes; waiting for a connection does not stop it."""
    statement = Statement(monkeypatch)
    slow = statement("SELECT pg_sleep(0.05)")

    async def story() -> None:
        clock = VirtualClock(OPEN)
        async with pool.connect(plain_database_url, clock, size=1) as db:
            ticking = asyncio.create_task(clock.sleep(60))
            await db.fetchval(slow)
            assert not ticking.done()
            assert clock.now() == OPEN
            async with db.transaction() as transaction:
                waiting = asyncio.create_task(db.fetchval(slow))
                await clock.sleep(3600)
                await transaction.fetchval(slow)
            await waiting
            assert clock.now() == OPEN + timedelta(hours=1)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(story())
