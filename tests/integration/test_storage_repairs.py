"""Repairs of compressed days, compaction, retention: nothing is lost, counted wrongly, or left bloated."""

import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest
import pytest_asyncio

from collector.clock import SystemClock
from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import Counts, InstrumentAnswers, SeriesAnswer
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.db.schema import timescale
from collector.db.upkeep import compaction
from collector.domain.market_data.bars import SCALE, Bar
from collector.domain.market_data.instruments import OptionContract, Right, WhatToShow
from collector.domain.market_data.spans import Span, Spans
from tests.support.engines import Engine
from tests.support.slots import data_set_of

_OPEN = datetime(2025, 11, 3, 14, 30, tzinfo=UTC)
_SESSION = Span(_OPEN, _OPEN + timedelta(minutes=5 * 78))
_NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
_CONTRACTS = 400

_CONTRACT_ROWS = """
WITH underlying AS (
    INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)
    VALUES ('SPY', 756733, 'STK', 'SMART', 'USD') RETURNING id
)
INSERT INTO option_chains (underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id,
    multiplier, exchange, trading_class, currency)
SELECT id, 'SPY ' || n, '2025-12-19', n, 'C', n, 100, 'SMART', 'SPY', 'USD'
FROM underlying, generate_series(1, $1) AS n
"""


@pytest_asyncio.fixture
async def connection(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Give a connection to a migrated database that knows the contracts."""
    opened = await asyncpg.connect(database_url)
    await opened.execute(_CONTRACT_ROWS.replace("$1", str(_CONTRACTS)))
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def store(database_url: str, connection: object) -> AsyncIterator[Database]:
    """Give the open database."""
    async with pool.connect(database_url, SystemClock(_NOW)) as opened:
        yield opened


def _answers(
    contract: int, slots: Sequence[int], *, shift: timedelta = timedelta(0), settled: bool = True, cents: int = 0
) -> InstrumentAnswers:
    """Return TRADES bars of one contract in some slots of the session, prices drawn from the slot alone."""
    found = []
    for slot in slots:
        draw = random.Random(contract * 1000 + slot)
        price = 100 * (draw.randrange(100, 2000) + cents)
        at = _OPEN + shift + timedelta(minutes=5 * slot)
        found.append(
            Bar(at, price, price + SCALE, price, price, SCALE * draw.randrange(1, 500), draw.randrange(1, 9), price)
        )
    instrument = OptionContract("SPY", contract, date(2025, 12, 19), Decimal(contract), Right.CALL, id=contract)
    covered = Spans([Span(_SESSION.start + shift, _SESSION.end + shift)])
    trades = SeriesAnswer(tuple(found), covered, covered if settled else Spans())
    return InstrumentAnswers(instrument, data_set_of(instrument), {WhatToShow.TRADES: trades})


async def _store(db: Database, batch: Sequence[InstrumentAnswers]) -> Counts:
    return await bar_tables.store(db, batch, 1, option_series=(WhatToShow.TRADES,))


_BYTES = """
SELECT sum(pg_total_relation_size(format('%I.%I', schema_name, table_name)::regclass))::float8
FROM _timescaledb_catalog.chunk
WHERE id IN (
    SELECT unnest(ARRAY[c.id, c.compressed_chunk_id])
    FROM _timescaledb_catalog.chunk AS c
    INNER JOIN _timescaledb_catalog.hypertable AS h ON h.id = c.hypertable_id
    WHERE h.table_name = $1
)
"""


async def test_repaired_day_is_as_small_as_a_fresh_one(
    engine: Engine, database_url: str, connection: "asyncpg.Connection[asyncpg.Record]", store: Database
) -> None:
    """Twelve backfills and a change of every contract of a compressed day: exact counts, and no bytes left over."""
    if engine.name != "community":
        pytest.skip("needs the Community edition of TimescaleDB: compression")
    late = range(12)
    early = [slot for slot in range(78) if slot not in late]
    await _store(store, [_answers(c, early, settled=False) for c in range(1, _CONTRACTS + 1)])
    await connection.execute("SELECT compress_chunk(c) FROM show_chunks('store.option_bars_5min') AS c")
    for slot in late:
        batch = [_answers(c, [slot], settled=False) for c in range(1, _CONTRACTS + 1)]
        assert await _store(store, batch) == Counts(inserted=_CONTRACTS)
        assert await _store(store, batch[:50]) == Counts(identical=50)
        await connection.execute("SELECT compress_chunk(c) FROM show_chunks('store.option_bars_5min') AS c")
    settling = [_answers(c, [40]) for c in range(1, _CONTRACTS + 1)]
    assert await _store(store, settling) == Counts(identical=_CONTRACTS)
    changed = [_answers(c, [40], cents=7) for c in range(1, _CONTRACTS + 1)]
    assert await _store(store, changed) == Counts(updated=_CONTRACTS)
    assert await connection.fetchval("SELECT count(*) FROM bar_revisions") == _CONTRACTS
    assert await connection.fetchval("SELECT count(*) FROM option_bars_5min") == 78 * _CONTRACTS
    rows = await connection.fetch("SELECT * FROM option_bars_5min ORDER BY contract_id, time")
    bloated = await connection.fetchval(_BYTES, "option_bars_5min")

    [done] = await compaction.compact(database_url)

    assert (done.hypertable, done.day, done.rows) == ("option_bars_5min", date(2025, 11, 3), 78 * _CONTRACTS)
    assert await connection.fetch("SELECT * FROM option_bars_5min ORDER BY contract_id, time") == rows
    await connection.execute("CREATE TABLE fresh (LIKE store.option_bars_5min INCLUDING INDEXES)")
    await connection.execute("SELECT create_hypertable('fresh', by_range('time', INTERVAL '1 day'))")
    await connection.execute("INSERT INTO fresh SELECT * FROM store.option_bars_5min")
    await connection.execute("SET timescaledb.compression_batch_size_limit = 2000")
    unfiltered = (
        ", timescaledb.index = 'minmax(collection_run_id)'" if timescale.version(engine.extension) >= (2, 26) else ""
    )
    await connection.execute(
        "ALTER TABLE fresh SET (timescaledb.enable_columnstore, timescaledb.segmentby = '',"
        f" timescaledb.orderby = 'contract_id, time'{unfiltered})"
    )
    await connection.execute("SELECT compress_chunk(c) FROM show_chunks('fresh') AS c")
    fresh = await connection.fetchval(_BYTES, "fresh")
    compacted = await connection.fetchval(_BYTES, "option_bars_5min")
    assert bloated > 1.5 * fresh
    assert compacted <= 1.1 * fresh
    assert await compaction.compact(database_url) == ()


async def test_change_of_more_rows_than_the_default_limit(
    engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]", store: Database
) -> None:
    """One repair may touch more compressed rows than TimescaleDB's own limit allows."""
    if engine.name != "community":
        pytest.skip("needs the Community edition of TimescaleDB: compression")
    ids = range(1, 101)
    await _store(store, [_answers(c, range(78)) for c in ids])
    await connection.execute("SELECT compress_chunk(c) FROM show_chunks('store.option_bars_5min') AS c")
    name = "timescaledb.max_tuples_decompressed_per_dml_transaction"
    assert await connection.fetchval(f"SHOW {name}") == "100000"  # what every other program has
    async with store.transaction() as own:
        assert await own._own.fetchval(f"SHOW {name}") == "0"
    assert await _store(store, [_answers(c, range(78), cents=1) for c in ids]) == Counts(updated=7800)


async def test_compaction_does_nothing_where_nothing_is_compressed(
    database_url: str, connection: "asyncpg.Connection[asyncpg.Record]", store: Database
) -> None:
    """On every engine, a database without compressed days is left alone."""
    await _store(store, [_answers(1, range(78))])
    assert await compaction.compact(database_url) == ()


async def test_refresh_of_a_day_beyond_the_policies(
    connection: "asyncpg.Connection[asyncpg.Record]", database_url: str, store: Database
) -> None:
    """A bar stored a year late is in the summaries after an explicit refresh."""
    await _store(store, [_answers(1, range(77))])
    await compaction.refresh_aggregates(database_url, _SESSION)
    assert await connection.fetchval("SELECT sum(traded_bars) FROM daily_option_summary") == 77
    await _store(store, [_answers(1, [77])])
    await compaction.refresh_aggregates(database_url, _SESSION)
    assert await connection.fetchval("SELECT sum(traded_bars) FROM daily_option_summary") == 78
