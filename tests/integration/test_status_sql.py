"""What people paste into psql, the views, and the roles: they work on every engine and give what they promise."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from urllib.parse import quote

import asyncpg
import pytest
import pytest_asyncio

from collector.clock import SystemClock
from collector.config.package_files import resource
from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import Counts, InstrumentAnswers, SeriesAnswer
from collector.db.connection import pool
from collector.db.schema import features
from collector.db.upkeep import compaction
from collector.domain.errors import DatabaseError
from collector.domain.market_data.bars import Bar, whole
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OptionContract, Right, WhatToShow
from collector.domain.market_data.spans import Span, Spans
from tests.support.engines import Engine
from tests.support.slots import SLOT
from tests.support.whole_numbers import insert

_FILES = sorted((resource("sql") / "status").glob("*.sql"))

_BARS = insert(
    "option_bars_5min",
    "time, contract_id, open, high, low, close, volume",
    """
    SELECT (now() AT TIME ZONE 'America/New_York')::date::timestamp AT TIME ZONE 'UTC' + INTERVAL '15 hours'
        + slot * INTERVAL '5 minutes', c, 1, 2, 0.5, 1.5, 10
    FROM generate_series(0, 11) AS slot, generate_series(1, 10) AS c
    """,
)
_FILL = f"""
INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)
VALUES ('SPY', 756733, 'STK', 'SMART', 'USD');
INSERT INTO option_chains (underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id,
    multiplier, exchange, trading_class, currency)
SELECT 1, 'SPY   991218C00' || n || '000', '2099-12-18', n, 'C', n, 100, 'SMART', 'SPY', 'USD'
FROM generate_series(601, 610) AS n;
{_BARS};
INSERT INTO intraday_collection_runs (run_date, run_type, attempt, started_at, heartbeat_at, symbols_requested,
    bar_size, status, duration_seconds, bars_collected, contracts_requested, contracts_successful, progress)
VALUES ((now() AT TIME ZONE 'America/New_York')::date, 'eod', 1, now(), now(), '{{SPY}}', '5 mins', 'partial', 60,
        100, 10, 8, NULL),
    ((now() AT TIME ZONE 'America/New_York')::date, 'eod', 2, now(), now(), '{{SPY}}', '5 mins', 'success', 30, 20, 10,
        10, NULL);
INSERT INTO requests (sent_at, answered_at, run_id, instrument_id, data_set, what_to_show, span, outcome)
VALUES (now() - INTERVAL '12.5 s', now(), 2, 1, 1, 'TRADES', tstzrange(now() - INTERVAL '1 day', now()), 'no_data');
INSERT INTO historical_data_gaps (instrument_id, data_set, what_to_show, gap_start, gap_end, gap_type, detected_at)
VALUES (1, 1, 'TRADES', now() - INTERVAL '1 day', now(), 'missing_bars', now());
INSERT INTO collection_statistics (collection_date, symbol, total_contracts, successful_contracts,
    total_bars_collected, expected_slots, traded_slots, no_trade_slots, unknown_slots, data_completeness_percent,
    fill_percent, avg_bars_per_contract, error_rate_percent, quote_percent, iv_percent, quarantined_bars, flagged_bars)
VALUES ((now() AT TIME ZONE 'America/New_York')::date, 'SPY', 10, 10, 120, 780, 120, 660, 0, 100, 15.4, 12, 0.5,
    98.25, 91, 2, 7);
INSERT INTO quarantined_bars (instrument_id, data_set, what_to_show, time, reason, quarantined_at)
SELECT 1, 1, 'BID', (now() AT TIME ZONE 'America/New_York')::date::timestamp AT TIME ZONE 'UTC' + INTERVAL '15 hours'
    + n * INTERVAL '5 minutes', 'off_grid', now()
FROM generate_series(0, 1) AS n;
INSERT INTO dead_letters (instrument_id, data_set, what_to_show, span, outcome, message, first_failed_at,
    last_failed_at)
VALUES (1, 1, 'BID', tstzrange(now() - INTERVAL '1 day', now()), 'time_out', 'no answer', now(), now());
"""  # noqa: S608 - our own words


@pytest_asyncio.fixture
async def connection(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Give a connection to a small, filled database."""
    opened = await asyncpg.connect(database_url)
    await opened.execute(_FILL)
    yield opened
    await opened.close()


@pytest.mark.parametrize(("name", "text"), [(path.stem, path.read_text()) for path in _FILES])
async def test_status_file_runs_and_shows_rows(
    name: str, text: str, connection: "asyncpg.Connection[asyncpg.Record]", database_url: str
) -> None:
    """Each file is one statement, headed by a sentence, and shows rows of a database that has some."""
    assert text.startswith("-- ")
    assert text.rstrip().endswith(";")
    assert "DATE(time" not in text
    rows = await connection.fetch(text)
    chunks_nowhere = name == "storage_by_chunk" and await connection.fetchval(
        "SELECT NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"
    )
    assert bool(rows) != chunks_nowhere


def test_all_promised_status_files_are_there() -> None:
    """Today's runs, bars by hour, completeness, gaps, rate of bars, storage by table and chunk, slowest requests."""
    assert {path.stem for path in _FILES} >= {
        "todays_runs",
        "bars_by_hour",
        "completeness",
        "gaps",
        "rate_of_bars",
        "storage_by_table",
        "storage_by_chunk",
        "slowest_requests",
    }


async def test_storage_of_compressed_chunks(engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Compressed chunks count with their batches: rows, and as many bytes as TimescaleDB says itself."""
    if engine.name != "community":
        pytest.skip("needs the Community edition of TimescaleDB: compression")
    await connection.execute("SELECT compress_chunk(c) FROM show_chunks('store.option_bars_5min') AS c")
    [chunk] = await connection.fetch((resource("sql") / "status/storage_by_chunk.sql").read_text())
    assert (chunk["table"], chunk["compressed"], chunk["rows"]) == ("option_bars_5min", True, 120)
    tables = await connection.fetch((resource("sql") / "status/storage_by_table.sql").read_text())
    [stored] = [row for row in tables if row["table"] == "option_bars_5min"]
    assert (stored["chunks"], stored["compressed"]) == (1, 1)
    assert stored["rows_and_indexes"] == await connection.fetchval(
        "SELECT pg_size_pretty(hypertable_size('store.option_bars_5min'))"
    )


async def test_views(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """The views show bars with their contract, the latest attempt only, open gaps with their symbol, and quality."""
    rows = await connection.fetch("SELECT * FROM option_bars WHERE strike_price = 603")
    assert len(rows) == 12
    assert (rows[0]["symbol"], rows[0]["option_type"], str(rows[0]["close"])) == ("SPY", "C", "1.5000")
    [run] = await connection.fetch("SELECT attempt, status FROM latest_runs")
    assert tuple(run) == (2, "success")
    [gap] = await connection.fetch("SELECT symbol, contract_symbol, what_to_show FROM open_gaps")
    assert tuple(gap) == ("SPY", "SPY   991218C00601000", "TRADES")
    [quality] = await connection.fetch("SELECT * FROM session_quality")
    shown = {name: value for name, value in quality.items() if name not in ("collection_date", "measured_at")}
    assert shown == {
        "symbol": "SPY",
        "contracts": 10,
        "completeness_percent": 100,
        "fill_percent": Decimal("15.4"),
        "bars_per_contract": 12,
        "error_rate_percent": Decimal("0.5"),
        "quote_percent": Decimal("98.25"),
        "iv_percent": 91,
        "flagged_bars": 7,
        "quarantined_bars": 2,
        "quarantined_for": "off_grid 2",
        "open_gap_slots": 0,
        "lost_gap_slots": 0,
    }


async def test_roles_have_what_they_need_and_no_more(
    connection: "asyncpg.Connection[asyncpg.Record]", database_url: str
) -> None:
    """collector_rw stores but cannot delete or drop; collector_ro reads everything and writes nothing."""
    await features.create_roles(database_url)
    await features.create_roles(database_url)
    await features.apply(database_url)
    insert = (
        "INSERT INTO store.option_bars_5min (time, contract_id, created_at, updated_at)"
        " VALUES (now() + '{} days', 1, now(), now())"
        " ON CONFLICT (contract_id, time) DO UPDATE SET has_gaps = true"
    )
    refused = (
        "DELETE FROM store.option_bars_5min",
        "DROP TABLE store.option_bars_5min",
        "UPDATE option_bars_5min SET has_gaps = true",
        "CREATE TABLE mine ()",
        "CREATE TABLE store.mine ()",
    )
    summaries = (
        "hourly_option_summary",
        "daily_option_summary",
        "underlying_intraday_summary",
        "option_bars",
        "session_quality",
    )
    for role, writes in (("collector_ro", False), ("collector_rw", True)):
        reader = await asyncpg.connect(database_url, server_settings={"role": role})
        try:
            for table in ("option_bars_5min", "store.option_bars_5min", *summaries, "alembic_version"):
                assert await reader.fetchval(f"SELECT count(*) FROM {table}") >= 1  # noqa: S608 - our names
            for days in (0, 30):  # 30 days ahead makes a new chunk
                if writes:
                    await reader.execute(insert.format(days))
                else:
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await reader.execute(insert.format(days))
            for statement in refused:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await reader.execute(statement)
        finally:
            await reader.close()


async def test_roles_are_made_by_the_owner_alone(database_url: str) -> None:
    """A login that may not grant is told so: the server only warns of it, and nothing would have changed."""
    await features.create_roles(database_url)
    as_service = f"{database_url}{'&' if '?' in database_url else '?'}options={quote('-c role=collector_rw')}"
    with pytest.raises(DatabaseError, match="must be owner of the tables") as no:
        await features.create_roles(as_service)
    assert "use the login that ran `collector db upgrade` first" in no.value.hint


async def test_collection_role_stores_bars(
    engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]", database_url: str
) -> None:
    """The collector's own connection works under collector_rw: staging tables, new bars, repairs of compressed days."""
    await features.create_roles(database_url)
    if engine.name == "community":
        await connection.execute("SELECT compress_chunk(c) FROM show_chunks('store.option_bars_5min') AS c")
    at = await connection.fetchval("SELECT max(time) FROM option_bars_5min")
    bars_of_one = tuple(
        Bar(at + n * SLOT, whole("1"), whole("2"), whole("0.5"), whole("1"), whole("7"), 1, whole("1")) for n in (0, 1)
    )
    contract = OptionContract("SPY", 603, date(2099, 12, 18), Decimal(603), Right.CALL, id=3)
    end = at + 2 * SLOT
    trades = SeriesAnswer(bars_of_one, Spans.of(at, end))
    answers = InstrumentAnswers(contract, OPTION_BARS_5MIN, {WhatToShow.TRADES: trades})
    url = f"{database_url}{'&' if '?' in database_url else '?'}options={quote('-c role=collector_rw')}"
    async with pool.connect(url, SystemClock()) as database:
        assert await bar_tables.store(database, [answers], 1) == Counts(inserted=1, updated=1)
    # What only the owner may do is left to the policies, or said.
    assert await compaction.refresh_aggregates(url, Span(at, at + SLOT)) == (engine.name != "community")
    if engine.name == "community":
        assert [one.hypertable for one in await compaction.compact(url)] == ["option_bars_5min"]
