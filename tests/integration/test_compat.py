"""The schema compat: an earlier system's readers find its names, types and habits over the collector's tables."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal

import asyncpg
import pytest
import pytest_asyncio

from collector.db.schema import compat, features
from collector.domain.errors import DatabaseError
from tests.support.whole_numbers import insert

_TODAY = "(now() AT TIME ZONE 'America/New_York')::date"
_NOON = f"{_TODAY}::timestamp AT TIME ZONE 'America/New_York' + INTERVAL '12 hours'"
# Contract 1 trades at noon and is quoted only five minutes later; contract 2 never trades.
_OPTION_BARS = insert(
    "option_bars_5min",
    "time, contract_id, open, high, low, close, volume, bid_close, ask_close",
    f"""
    VALUES
        ({_NOON}, 1, 2.4, 2.6, 2.3, 2.5, 7, 2.4, 2.6),
        ({_NOON} + INTERVAL '5 minutes', 1, NULL, NULL, NULL, NULL, 0, 2.2, 2.4),
        ({_NOON}, 2, NULL, NULL, NULL, NULL, 0, 0.1, 0.2)
    """,
)
_UNDERLYING_BARS = insert(
    "underlying_bars_5min",
    "time, underlying_id, open, high, low, close, volume",
    f"VALUES ({_NOON}, 1, 700, 701.5, 699, 700.25, 1234)",
)
_FILL = f"""
INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)
VALUES ('SPY', 756733, 'STK', 'SMART', 'USD'), ('PLTR', 1, 'STK', 'SMART', 'USD');
INSERT INTO option_chains (underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id,
    multiplier, exchange, trading_class, currency)
SELECT 1, 'SPY   991218C0060' || n || '000', '2099-12-18', 600 + n, 'C', n, 100, 'SMART', 'SPY', 'USD'
FROM generate_series(1, 3) AS n;
INSERT INTO option_contract_lifecycle (contract_id, first_seen, listed_since, last_seen, status)
VALUES (1, {_TODAY}, {_TODAY}, {_TODAY}, 'listed'), (2, {_TODAY}, {_TODAY}, {_TODAY}, 'listed'),
    (3, {_TODAY}, {_TODAY}, {_TODAY}, 'expired');
{_OPTION_BARS};
{_UNDERLYING_BARS};
INSERT INTO daily_collection_status (collection_date, symbol, collection_type, started_at, completed_at, status,
    records_collected)
VALUES ({_TODAY}, 'SPY', 'eod', now() - INTERVAL '90 s', now(), 'success', 3),
    ({_TODAY}, 'SPY', 'midday', now() - INTERVAL '90 s', now(), 'failed', 0);
INSERT INTO collection_statistics (collection_date, symbol, total_contracts, successful_contracts,
    total_bars_collected, expected_slots, traded_slots, no_trade_slots, unknown_slots, data_completeness_percent)
VALUES ({_TODAY}, 'SPY', 3, 2, 3, 243, 1, 199, 43, 82.3045);
INSERT INTO historical_data_gaps (instrument_id, data_set, what_to_show, gap_start, gap_end, gap_type, detected_at)
VALUES (1, 1, 'TRADES', {_NOON}, {_NOON} + INTERVAL '1 hour', 'missing_bars', now()),
    (-1, 2, 'TRADES', {_NOON}, {_NOON} + INTERVAL '1 hour', 'missing_bars', now());
"""  # noqa: S608 - our own words


@pytest_asyncio.fixture
async def reader(database_url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """Give a connection that finds compat first, to a small, filled database."""
    filling = await asyncpg.connect(database_url)
    await filling.execute(_FILL)
    await filling.close()
    await compat.make(database_url)
    opened = await asyncpg.connect(database_url, server_settings={"search_path": "compat, public"})
    yield opened
    await opened.close()


async def test_a_days_last_row_is_its_last_trade(reader: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A reader that takes the day's last bar for its price finds one, with the quote of the same slot."""
    rows = await reader.fetch(
        "SELECT close, bid_close, ask_close FROM option_bars_5min WHERE contract_id = 1"
        " AND DATE(time AT TIME ZONE 'America/New_York') = (now() AT TIME ZONE 'America/New_York')::date"
        " ORDER BY time DESC LIMIT 1"
    )
    assert [tuple(row) for row in rows] == [(Decimal("2.5"), Decimal("2.4"), Decimal("2.6"))]
    assert await reader.fetchval("SELECT count(*) FROM option_bars_5min WHERE contract_id = 2") == 0
    assert await reader.fetchval("SELECT count(*) FROM public.option_bars_5min WHERE contract_id = 2") == 1
    own, shown = [
        [row["attname"] for row in await reader.fetch(_COLUMNS, f"{schema}.option_bars_5min")]
        for schema in ("public", "compat")
    ]
    assert own == shown


_COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 ORDER BY attnum"


async def test_prices_of_stocks_and_quotes_of_options(reader: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A bar's close is the price; quotes stand beside the last trade, NULL where nothing traded."""
    [stock] = await reader.fetch(
        "SELECT price, volume, open_price, high_price, low_price, close_price FROM stock_data_ticks"
        " WHERE underlying_id = 1 AND tick_type = 'HISTORICAL' ORDER BY time DESC LIMIT 1"
    )
    assert tuple(stock) == (Decimal("700.25"), 1234, 700, Decimal("701.5"), 699, Decimal("700.25"))
    ticks = await reader.fetch("SELECT contract_id, bid_price, last_price FROM market_data_ticks ORDER BY 1, time")
    assert [tuple(row) for row in ticks] == [
        (1, Decimal("2.4"), Decimal("2.5")),
        (1, Decimal("2.2"), None),
        (2, Decimal("0.1"), None),
    ]


async def test_listed_contracts_are_called_active(reader: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Expired ones keep their word."""
    rows = await reader.fetch("SELECT status, count(*) FROM option_contract_lifecycle GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in rows] == [("active", 2), ("expired", 1)]


async def test_how_collection_went(reader: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Rates, contracts, quality and gaps, in the columns and types that were promised."""
    [eod] = await reader.fetch("SELECT * FROM daily_collection_status WHERE collection_type = 'eod'")
    assert (eod["contracts_discovered"], eod["execution_time_ms"], eod["data_quality_score"]) == (
        3,
        90_000,
        Decimal("0.82"),
    )
    [gap] = await reader.fetch("SELECT symbol, gap_date, gap_type, backfilled, gaps FROM data_gaps")
    today: date = await reader.fetchval(f"SELECT {_TODAY}")
    assert tuple(gap) == ("SPY", today, "missing_bars", False, 2)
    [complete] = await reader.fetch("SELECT * FROM calculate_collection_completeness('SPY')")
    assert tuple(complete) == ("SPY", today, 243, 200, Decimal("82.30"), 2)
    healthy = {row["symbol"]: row for row in await reader.fetch("SELECT * FROM check_collection_health(NULL)")}
    spy = healthy["SPY"]
    assert (spy["today_success_rate"], spy["week_success_rate"], spy["active_contracts"]) == (50, 50, 2)
    assert (spy["data_gaps_count"], spy["health_status"]) == (2, "DEGRADED")
    assert healthy["PLTR"]["health_status"] == "NO_DATA"
    [today_only] = await reader.fetch("SELECT * FROM check_collection_health('PLTR')")
    assert today_only == healthy["PLTR"]
    [coverage] = await reader.fetch("SELECT * FROM v_data_coverage")
    assert (coverage["trade_date"], coverage["unique_contracts"], coverage["bars_with_volume"]) == (today, 2, 1)
    assert await reader.fetchval("SELECT sum(failed_runs) FROM v_daily_collection_summary") == 1
    assert await reader.fetch("SELECT * FROM v_today_collection_status") == []


async def test_it_is_made_anew_and_taken_away(database_url: str) -> None:
    """Twice is as once, the features of a database can be applied over it, and without it nothing else is gone."""
    names = await compat.make(database_url)
    await features.apply(database_url)
    assert await compat.make(database_url) == names
    assert await compat.empty(database_url)
    assert await compat.drop(database_url)
    assert not await compat.drop(database_url)
    assert not await compat.empty(database_url)
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT count(*) FROM option_bars_5min") == 0
    await connection.close()


async def test_readers_may_read_it_and_write_nothing(database_url: str) -> None:
    """collector_ro sees every relation and calls the functions; its views take no rows."""
    await features.create_roles(database_url)
    names = await compat.make(database_url)
    reader = await asyncpg.connect(database_url, server_settings={"role": "collector_ro"})
    try:
        for name in names[:-2]:
            await reader.fetch(f"SELECT * FROM compat.{name}")  # noqa: S608 - our own names
        await reader.fetch("SELECT * FROM compat.check_collection_health()")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.execute("DELETE FROM compat.option_contract_lifecycle")
    finally:
        await reader.close()


async def test_what_readers_put_there_stays(database_url: str) -> None:
    """A reader's table in the schema, the first of its path, outlasts upgrades and stops its drop in words."""
    names = await compat.make(database_url)
    reader = await asyncpg.connect(database_url, server_settings={"search_path": "compat, public"})
    await reader.execute("CREATE TABLE backtest_runs (n integer); INSERT INTO backtest_runs VALUES (1)")
    assert await compat.make(database_url) == names
    assert await compat.empty(database_url)
    assert await compat.make(database_url) == names
    with pytest.raises(DatabaseError, match=r"holds more than the collector made .* SET SCHEMA"):
        await compat.drop(database_url)
    assert await reader.fetchval("SELECT n FROM compat.backtest_runs") == 1
    assert await reader.fetchval("SELECT count(*) FROM compat.stock_data_ticks") == 0
    await reader.execute(
        "ALTER TABLE compat.backtest_runs SET SCHEMA public; CREATE VIEW public.mine AS TABLE data_gaps"
    )
    for remake in (compat.make, compat.empty, compat.drop):
        with pytest.raises(DatabaseError, match=r"something of yours .*: view mine depends on view compat\.data_gaps"):
            await remake(database_url)
    await reader.execute("DROP VIEW public.mine")
    assert await compat.drop(database_url)
    assert await reader.fetchval("SELECT n FROM public.backtest_runs") == 1
    await reader.close()


async def test_roles_that_are_made_later_read_it_too(database_url: str) -> None:
    """Without the right to look into it, the search_path passes it by in silence, and other numbers are read."""
    await features.create_roles(database_url)
    await compat.make(database_url)
    owner = await asyncpg.connect(database_url)
    # As if there had been no roles: those of a server are there for all its databases.
    await owner.execute("REVOKE ALL ON SCHEMA compat FROM collector_ro")
    await owner.execute("REVOKE ALL ON ALL TABLES IN SCHEMA compat FROM collector_ro")
    await owner.close()
    await features.create_roles(database_url)
    as_reader = {"role": "collector_ro", "search_path": "compat, public"}
    reader = await asyncpg.connect(database_url, server_settings=as_reader)
    try:
        assert await reader.fetchval("SELECT 'option_bars_5min'::regclass::oid = 'compat.option_bars_5min'::regclass")
        await reader.fetch("SELECT * FROM option_bars_5min")
    finally:
        await reader.close()


async def test_somebody_elses_schema_is_left_alone(database_url: str) -> None:
    """One of the same name that we did not make is neither emptied nor dropped."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "CREATE SCHEMA compat; CREATE TABLE compat.mine (n integer); INSERT INTO compat.mine VALUES (1)"
    )
    with pytest.raises(DatabaseError, match="not the collector's"):
        await compat.make(database_url)
    assert not await compat.drop(database_url)
    assert not await compat.empty(database_url)
    assert await connection.fetchval("SELECT n FROM compat.mine") == 1
    await connection.close()


def test_every_part_is_made() -> None:
    """No file of sql/compat is forgotten."""
    from collector.config.package_files import resource  # noqa: PLC0415

    parts = {path.stem for path in (resource("sql") / "compat").glob("*.sql")}
    assert parts == {*compat._PARTS, "begin", "drop", "empty", "grant", "present"}
    taken_away = (resource("sql") / "compat/empty.sql").read_text("utf-8")
    assert [part for part in compat._PARTS if f"compat.{part}" not in taken_away] == []
