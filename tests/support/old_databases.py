"""Databases as earlier versions left them: their tables, hypertables, aggregates, policies and views, filled with bars.

The statements are copies of those that the versions of revisions 0005 and 0006 ran, for the sources have moved on.
"""

from collections.abc import Iterable
from datetime import date

import asyncpg

from collector.db.schema import migrate

DAYS = tuple(date(2026, 11, day) for day in (16, 17, 18, 19, 20, 23))
"""Whose bars the database holds."""
DROPPED = date(2026, 10, 5)
"""Whose bars retention has dropped where it could."""

_PLAIN = """
CREATE VIEW hourly_option_summary AS
SELECT contract_id, date_trunc('hour', time, 'UTC') AS hour,
    (array_agg(open ORDER BY time) FILTER (WHERE open IS NOT NULL))[1]::numeric AS hour_open,
    max(high)::numeric AS hour_high, min(low)::numeric AS hour_low,
    (array_agg(close ORDER BY time DESC) FILTER (WHERE close IS NOT NULL))[1]::numeric AS hour_close,
    sum(volume) AS hour_volume, count(*) AS bars_count, count(close) AS traded_bars
FROM option_bars_5min GROUP BY contract_id, date_trunc('hour', time, 'UTC')
UNION ALL
SELECT contract_id, hour, hour_open, hour_high, hour_low, hour_close, hour_volume, bars_count, traded_bars
FROM hourly_option_archive;
CREATE VIEW daily_option_summary AS
SELECT contract_id, date_trunc('day', hour, 'UTC') AS day,
    (array_agg(hour_open ORDER BY hour) FILTER (WHERE hour_open IS NOT NULL))[1] AS day_open,
    max(hour_high) AS day_high, min(hour_low) AS day_low,
    (array_agg(hour_close ORDER BY hour DESC) FILTER (WHERE hour_close IS NOT NULL))[1] AS day_close,
    sum(hour_volume) AS day_volume, sum(bars_count)::bigint AS bars_count, sum(traded_bars)::bigint AS traded_bars
FROM hourly_option_summary GROUP BY contract_id, date_trunc('day', hour, 'UTC');
CREATE VIEW underlying_intraday_summary AS
SELECT chain.underlying_id, bar.time, sum(bar.volume) AS volume,
    sum(bar.volume) FILTER (WHERE chain.option_type = 'C') AS call_volume,
    sum(bar.volume) FILTER (WHERE chain.option_type = 'P') AS put_volume,
    count(bar.close) AS traded_contracts, count(*) AS contracts
FROM option_bars_5min AS bar INNER JOIN option_chains AS chain ON chain.id = bar.contract_id
GROUP BY chain.underlying_id, bar.time
UNION ALL
SELECT underlying_id, time, volume, call_volume, put_volume, traded_contracts, contracts
FROM underlying_intraday_archive
"""
_HYPERTABLES = """
CREATE EXTENSION IF NOT EXISTS timescaledb;
DROP INDEX IF EXISTS ix_option_bars_5min_time;
SELECT create_hypertable('option_bars_5min', by_range('time', INTERVAL '1 day'),
    create_default_indexes => false, migrate_data => true, if_not_exists => true);
SELECT create_hypertable('underlying_bars_5min', by_range('time', INTERVAL '30 days'),
    create_default_indexes => false, migrate_data => true, if_not_exists => true)
"""
_COLUMNSTORE = (
    """
    ALTER TABLE option_bars_5min SET (
        timescaledb.enable_columnstore, timescaledb.segmentby = '', timescaledb.orderby = 'contract_id, time'
    )
    """,
    """
    ALTER TABLE underlying_bars_5min SET (
        timescaledb.enable_columnstore, timescaledb.segmentby = '', timescaledb.orderby = 'underlying_id, time'
    )
    """,
    "CALL add_columnstore_policy('option_bars_5min', after => INTERVAL '7 days')",
    "CALL add_columnstore_policy('underlying_bars_5min', after => INTERVAL '7 days')",
)
_AGGREGATES = {
    "hourly_option_summary": """
        CREATE MATERIALIZED VIEW hourly_option_summary
        WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
        SELECT contract_id, time_bucket(INTERVAL '1 hour', time) AS hour,
            first(open, time) FILTER (WHERE open IS NOT NULL) AS hour_open,
            max(high) AS hour_high, min(low) AS hour_low,
            last(close, time) FILTER (WHERE close IS NOT NULL) AS hour_close,
            sum(volume) AS hour_volume, count(*) AS bars_count, count(close) AS traded_bars
        FROM option_bars_5min GROUP BY contract_id, time_bucket(INTERVAL '1 hour', time) WITH NO DATA
        """,
    "underlying_intraday_summary": """
        CREATE MATERIALIZED VIEW underlying_intraday_summary
        WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
        SELECT chain.underlying_id, time_bucket(INTERVAL '5 minutes', bar.time) AS time, sum(bar.volume) AS volume,
            sum(bar.volume) FILTER (WHERE chain.option_type = 'C') AS call_volume,
            sum(bar.volume) FILTER (WHERE chain.option_type = 'P') AS put_volume,
            count(bar.close) AS traded_contracts, count(*) AS contracts
        FROM option_bars_5min AS bar INNER JOIN option_chains AS chain ON chain.id = bar.contract_id
        GROUP BY chain.underlying_id, time_bucket(INTERVAL '5 minutes', bar.time) WITH NO DATA
        """,
    "daily_option_summary": """
        CREATE MATERIALIZED VIEW daily_option_summary
        WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
        SELECT contract_id, time_bucket(INTERVAL '1 day', hour) AS day,
            first(hour_open, hour) FILTER (WHERE hour_open IS NOT NULL) AS day_open,
            max(hour_high) AS day_high, min(hour_low) AS day_low,
            last(hour_close, hour) FILTER (WHERE hour_close IS NOT NULL) AS day_close,
            sum(hour_volume) AS day_volume, sum(bars_count)::bigint AS bars_count,
            sum(traded_bars)::bigint AS traded_bars
        FROM hourly_option_summary GROUP BY contract_id, time_bucket(INTERVAL '1 day', hour) WITH NO DATA
        """,
}
_VIEW = """
CREATE VIEW option_bars AS
SELECT bar.time, underlying.symbol, chain.expiration_date, chain.strike_price, chain.option_type, bar.contract_id,
    bar.open, bar.high, bar.low, bar.close, bar.volume, bar.bid_close, bar.ask_close, bar.mid_close, bar.spread_close
FROM option_bars_5min AS bar
INNER JOIN option_chains AS chain ON chain.id = bar.contract_id
INNER JOIN underlying_securities AS underlying ON underlying.id = chain.underlying_id
"""

_CHAIN = """
INSERT INTO underlying_securities (id, symbol, ib_con_id, sec_type, exchange, currency)
VALUES (7, 'SPY', 756733, 'STK', 'SMART', 'USD'), (2, 'VIX', 13455763, 'IND', 'CBOE', 'USD');
INSERT INTO option_chains (id, underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id,
    multiplier, exchange, trading_class, currency)
SELECT id, 7, lpad(id::text, 21, 'S'), '2099-12-18', 600 + row_number() OVER (), kind, id, 100, 'SMART', 'SPY', 'USD'
FROM (VALUES (1, 'C'), (2, 'P'), (3, 'C'), (2000000007, 'P')) AS adopted (id, kind);
INSERT INTO option_contract_lifecycle (contract_id, first_seen, last_seen, selected)
SELECT id, '2026-10-01', '2026-11-23', '{[2026-10-05,2026-12-01)}' FROM option_chains;
INSERT INTO intraday_collection_runs (run_date, run_type, attempt, started_at, heartbeat_at, symbols_requested,
    bar_size, status)
SELECT '2026-11-16'::date + n, 'eod', 1, now(), now(), '{SPY}', '5 mins', 'success' FROM generate_series(0, 7) AS n;
INSERT INTO bar_revisions (contract_id, underlying_id, time, open, high, low, close, volume, replaced_at, run_id)
SELECT CASE WHEN n % 2 = 0 THEN 1 END, CASE WHEN n % 2 = 1 THEN 7 END, '2026-11-17 15:00Z', 1.2345, 1.3, 1.2, 1.25, 10,
    '2026-11-18 01:02:03.456789Z', n FROM generate_series(1, 4) AS n;
INSERT INTO request_coverage (contract_id, what_to_show, covered, settled)
SELECT id, what, '{[2026-11-16 14:30Z,2026-11-16 21:00Z)}', '{[2026-11-16 14:30Z,2026-11-16 21:00Z)}'
FROM option_chains, unnest('{TRADES,BID,ASK}'::text[]) AS what;
INSERT INTO request_coverage (underlying_id, what_to_show, covered, settled)
SELECT 7, what, '{[2026-11-16 14:30Z,2026-11-16 21:00Z)}', '{}'
FROM unnest('{TRADES,OPTION_IMPLIED_VOLATILITY}'::text[]) AS what;
INSERT INTO historical_data_gaps (contract_id, what_to_show, gap_start, gap_end, gap_type, state, detected_at)
VALUES (1, 'BID', '2026-11-17 14:30Z', '2026-11-17 14:45Z', 'missing', 'open', now()),
    (2, 'TRADES', '2026-11-18 14:30Z', '2026-11-18 15:00Z', 'missing', 'lost', now());
INSERT INTO quarantined_bars (contract_id, underlying_id, what_to_show, time, reason, open, close, quarantined_at)
VALUES (1, NULL, 'BID', '2026-11-17 15:00Z', 'negative_price', -1.23456789, -1, now()),
    (NULL, 7, 'TRADES', '2026-11-17 15:00Z', 'high_below_low', 640.123456789, 1, now())
"""
_QUOTES = ("bid_open", "bid_high", "bid_low", "ask_open", "ask_high", "ask_low")
"""Columns that revision 0006 added."""

# Slots of all kinds, by their number: quotes without and with a known volume of 0, trades without quotes, prices off
# the cent, closes alone (as adopted), Greeks below 0, a middle that is rounded.
_BARS = """
INSERT INTO option_bars_5min (
    time, contract_id, open, high, low, close, volume, bar_count, vwap, {quotes}bid_close, ask_close,
    implied_volatility, delta, gamma, theta, vega, rho, greeks_version, greeks_reason, open_interest, flags,
    collection_run_id, data_source, has_gaps, created_at, updated_at
)
SELECT
    $1::timestamptz + INTERVAL '14 hours 30 minutes' + n * INTERVAL '5 minutes', chain.id,
    CASE WHEN traded THEN price END, CASE WHEN traded AND kind <> 3 THEN price + 0.1 + fine END,
    CASE WHEN traded AND kind <> 3 THEN price - 0.2 END, CASE WHEN traded THEN price + 0.05 END,
    CASE kind WHEN 0 THEN NULL WHEN 1 THEN 0 ELSE n * 1000 + 1 END, CASE WHEN traded THEN n END,
    CASE WHEN traded AND kind <> 3 THEN price + 0.0123 END,
    {quote_values}CASE WHEN kind <> 2 THEN price - 0.01 END, CASE WHEN kind NOT IN (2, 4) THEN price + 0.02 + fine END,
    CASE WHEN kind = 5 THEN 0.2345 + n * 0.0001 END, CASE WHEN kind = 5 THEN -0.4321 END,
    CASE WHEN kind = 5 THEN 0.012345 END, CASE WHEN kind = 5 THEN -12.3456 END, CASE WHEN kind = 5 THEN 0.1 END,
    CASE WHEN kind = 5 THEN -0.0001 END, CASE WHEN kind = 5 THEN 1 END, CASE kind WHEN 5 THEN 0 WHEN 6 THEN 4 END,
    CASE WHEN n % 2 = 0 THEN n END, n % 16, CASE WHEN kind <> 3 THEN n END,
    CASE WHEN traded THEN 'TRADES' ELSE 'BID_ASK' END, n % 3 = 0,
    $1::timestamptz + INTERVAL '22 hours' + n * INTERVAL '1.234567 seconds',
    $1::timestamptz + INTERVAL '30 hours' + n * INTERVAL '1.000001 seconds'
FROM option_chains AS chain
CROSS JOIN generate_series(0, 27) AS n
CROSS JOIN LATERAL (SELECT n % 7 AS kind, n % 7 > 1 AS traded, 1.5 + n * 0.25 + chain.id % 5 AS base) AS slot
CROSS JOIN LATERAL (SELECT CASE WHEN slot.kind IN (2, 6) THEN 0.0001 ELSE 0 END AS fine) AS finer
CROSS JOIN LATERAL (SELECT slot.base + finer.fine * 33 AS price) AS priced
"""
_UNDERLYING_BARS = """
INSERT INTO underlying_bars_5min (
    time, underlying_id, open, high, low, close, volume, bar_count, vwap, implied_volatility, flags, collection_run_id,
    has_gaps, created_at, updated_at
)
SELECT
    $1::timestamptz + INTERVAL '14 hours 30 minutes' + n * INTERVAL '5 minutes', underlying.id,
    price, price + 0.0007, price - 1.5, price + 0.0001,
    CASE WHEN underlying.id = 7 THEN n * 100000 + 0.1234 END, n, CASE WHEN n % 2 = 0 THEN price - 0.3333 END,
    CASE WHEN n % 3 = 0 THEN 0.1834 END, n % 4, n, n % 2 = 0, $1::timestamptz, $1::timestamptz + INTERVAL '1 day'
FROM underlying_securities AS underlying
CROSS JOIN generate_series(0, 27) AS n
CROSS JOIN LATERAL (SELECT CASE WHEN n % 5 <> 0 THEN 640.1234 + n END AS price) AS priced
"""


async def build(url: str, engine: str, revision: str = "0006", days: Iterable[date] = DAYS) -> None:
    """Make an empty database what a version of that revision would have made of it on the engine, bars included.

    On Community days before 2026-11-19 are compressed, and of `DROPPED` nothing is left but what the aggregates hold;
    the others have the day's summaries in the archive.
    """
    await migrate.upgrade(url, revision="0005")
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    try:
        await connection.execute(_CHAIN)
        await migrate.upgrade(url, revision=revision)
        if engine != "plain":
            await connection.execute(_HYPERTABLES)
        if engine == "community":
            for statement in (*_COLUMNSTORE, *_AGGREGATES.values()):
                await connection.execute(statement)
        else:
            await connection.execute(_PLAIN)
        await connection.execute(_VIEW)
        for day in (DROPPED, *days):
            await fill(connection, day, revision)
        if engine == "community":
            await _age(connection)
        else:
            await connection.execute(
                "INSERT INTO hourly_option_archive SELECT * FROM hourly_option_summary WHERE hour < '2026-11-01'"
            )
            await connection.execute(
                "INSERT INTO underlying_intraday_archive SELECT * FROM underlying_intraday_summary"
                " WHERE time < '2026-11-01'"
            )
            await connection.execute("DELETE FROM option_bars_5min WHERE time < '2026-11-01'")
    finally:
        await connection.close()


async def fill(connection: "asyncpg.Connection[asyncpg.Record]", day: date, revision: str = "0006") -> None:
    """Store a day's bars."""
    own = () if revision < "0006" else _QUOTES
    values = "".join(
        f"CASE WHEN kind NOT IN (2, 3, 4) THEN price + {0.03 * n:.2f}{' + fine' if n % 2 else ''} END, "
        for n, _ in enumerate(own, -1)
    )
    statement = _BARS.format(quotes="".join(f"{name}, " for name in own), quote_values=values)
    midnight = await connection.fetchval("SELECT $1::date::timestamp AT TIME ZONE 'UTC'", day)
    await connection.execute(statement, midnight)
    await connection.execute(_UNDERLYING_BARS, midnight)


async def _age(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Let policies and retention do what they would have done."""
    for name in _AGGREGATES:
        await connection.execute(f"CALL refresh_continuous_aggregate('{name}', '2026-10-01', '2026-11-24')")
        lag = "1 day" if name.startswith("daily") else "1 hour"
        await connection.execute(
            f"SELECT add_continuous_aggregate_policy('{name}', start_offset => INTERVAL '45 days',"
            f" end_offset => INTERVAL '{lag}', schedule_interval => INTERVAL '1 hour')"
        )
    await connection.execute(
        "SELECT compress_chunk(c) FROM show_chunks('option_bars_5min', older_than => '2026-11-19'::timestamptz) AS c"
    )
    await connection.execute("SELECT compress_chunk(c) FROM show_chunks('underlying_bars_5min') AS c")
    await connection.execute("SELECT drop_chunks('option_bars_5min', older_than => '2026-11-01'::timestamptz)")
    # A repair of a compressed day.
    await connection.execute(
        "UPDATE option_bars_5min SET flags = 5 WHERE contract_id = 2 AND time = '2026-11-17 15:00Z'"
    )
