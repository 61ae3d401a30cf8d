"""Bars that were there before the archive are counted as changed once, so that it takes them."""

import asyncio
from datetime import date

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.db.bars import bar_tables
from collector.db.connection import locks, pool
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables as contracts
from collector.db.schema import conversion, features, migrate
from collector.domain.market_data.instruments import Underlying
from tests.support import old_databases
from tests.support.db_rows import MONDAY, answer, answers, make_chain, quote, rows, trade
from tests.support.engines import Engine

COUNTED = "SELECT underlying_id, data_set, session_date, change FROM session_changes ORDER BY 1, 2, 3"
STORED = """
SELECT contract.underlying_id, 1, (bar.time AT TIME ZONE 'UTC')::date, 1
FROM store.option_bars_5min AS bar INNER JOIN option_chains AS contract ON contract.id = bar.contract_id
UNION SELECT underlying_id, 2, (time AT TIME ZONE 'UTC')::date, 1 FROM store.underlying_bars_5min
UNION SELECT underlying_id, 3, (time AT TIME ZONE 'UTC')::date, 1 FROM store.underlying_bars_1day
UNION SELECT underlying_id, 4, (time AT TIME ZONE 'UTC')::date, 1 FROM store.underlying_bars_1min
ORDER BY 1, 2, 3
"""


@pytest.mark.parametrize("compressed", [False, True])
async def test_bars_of_revision_0008(database: Database, compressed: bool) -> None:
    """Each symbol has its own days, with contracts that have expired, no bars or none at all; so have underlyings."""
    early = await make_chain(database, 3, symbol="SPY", expiration=date(2026, 11, 20))
    late = await make_chain(database, 3, symbol="SPY", expiration=date(2026, 12, 18))
    other = await make_chain(database, 2, symbol="QQQ")
    await contracts.add_underlying(database, Underlying("IWM", 9579970))
    given = [
        answers(early.contracts[2], TRADES=answer([trade(0)])),
        answers(late.contracts[1], TRADES=answer([trade(4, session=MONDAY)], session=MONDAY)),
        answers(other.contracts[0], BID=answer([quote(7)])),
        answers(other.underlying, TRADES=answer([trade(3, session=MONDAY)], session=MONDAY)),
    ]
    await bar_tables.store(database, given, 1)
    if compressed:
        is_chunked = "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'"
        if await rows(database, is_chunked) != [(1,)]:
            pytest.skip("nothing is compressed here")
        try:
            await rows(database, "SELECT compress_chunk(chunk) FROM show_chunks('store.option_bars_5min') AS chunk")
        except asyncpg.PostgresError:
            pytest.skip("this edition compresses nothing")
    expected = await rows(database, STORED)
    assert len(expected) == 4

    await migrate.downgrade(database.url, "0008")
    await migrate.upgrade(database.url)

    assert await rows(database, COUNTED) == expected


@pytest.mark.parametrize("revision", ["0005", "0006"])
async def test_bars_that_wait_as_decimals(engine: Engine, empty_database_url: str, revision: str) -> None:
    """Bars of earlier revisions are counted as they are moved into the store."""
    await old_databases.build(empty_database_url, engine.name, revision)
    clock = SystemClock()
    await migrate.upgrade(empty_database_url)
    await features.apply(empty_database_url)
    async with pool.connect(empty_database_url, clock, size=1) as db, locks.collection_lock(db, "upgrade") as lock:
        await conversion.convert(empty_database_url, clock, lock)
        counted, stored = await asyncio.gather(rows(db, COUNTED), rows(db, STORED))
    assert len(stored) > len(old_databases.DAYS)
    assert counted == stored
