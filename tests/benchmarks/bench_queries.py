"""Times of the queries that people and programs wait for: compressed hypertable beside ordinary table, in one run.

`python -m tests.benchmarks.bench_queries`: 60 dense sessions of 4,592 contracts (21.5 million rows) on both engines,
compressed but for the last five; medians of warm runs, in milliseconds. Loading takes some minutes, and 8 GB of disk.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta

import asyncpg

from collector.clock import SystemClock
from collector.config.package_files import resource
from collector.db.connection import pool
from collector.db.connection.statements import query
from collector.db.schema import features, migrate
from tests.benchmarks.bench_storage import load, say
from tests.benchmarks.market_days import Rows, as_data_set, quoted_session, session_days
from tests.support import engines

LIMITS_MS = {
    "surface, 896 contracts": 50.0,
    "surface, 2,800": 50.0,
    "four legs, one day": 50.0,
    "contract's history": 100.0,
}
STATUS_LIMIT_MS = 50.0
_RECENT = 5
_RUNS = 9
_CONNECTIONS = {"plain": 1, "community": 2}
"""That fill the table at the same time; two would mix days in the pages of an ordinary table."""

_CHAINS = """
INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)
SELECT s, row_number() OVER (), 'STK', 'SMART', 'USD' FROM unnest(ARRAY['SPY', 'PLTR', 'TSLA']) AS s
"""
_CONTRACTS = """
INSERT INTO option_chains (underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id,
    multiplier, exchange, trading_class, currency)
SELECT 1 + (n > $3)::int + (n > ($1 + $3) / 2)::int, n::text, $2::date + n % 400, 100 + n % 300, 'C', n, 100, 'SMART',
    'X', 'USD'
FROM generate_series(1, $1::int) AS n
"""
_LARGEST = 2_800 / 4_592
"""The share of SPY's contracts in the usual 4,592; the others share the rest evenly."""

_RUN = """
INSERT INTO intraday_collection_runs (run_date, run_type, attempt, started_at, heartbeat_at, symbols_requested,
    bar_size, status)
VALUES ($1, 'eod', 1, now(), now(), '{SPY}', '5 mins', 'success')
"""
_COPY_DAY = """
INSERT INTO store.option_bars_5min (time, contract_id, open, up, down, close, bid_open, bid_up, bid_down, bid_close,
    ask_open, ask_up, ask_down, ask_close, vwap_off, volume, bar_count, implied_volatility, delta, gamma, theta, vega,
    rho, greeks_version, open_interest, flags, collection_run_id, unit, created_at, updated_at)
SELECT time + $1::interval, contract_id, open + $2::int, up, down, close + $2::int, bid_open + $2::int, bid_up,
    bid_down, bid_close + $2::int, ask_open + $2::int, ask_up, ask_down, ask_close + $2::int, vwap_off,
    volume + $3::int, bar_count, implied_volatility, delta, gamma, theta, vega, rho, greeks_version, open_interest,
    flags, $3::int, unit, created_at + $1::interval, updated_at + $1::interval
FROM store.option_bars_5min WHERE time >= $4 AND time < $5
"""


async def _copy_days(url: str, days: Sequence[date], first: int, step: int) -> None:
    """Fill every `step`th day with the bars of the last one, which is there; prices differ from day to day."""
    last = datetime.combine(days[-1], datetime.min.time(), UTC)
    connection = await asyncpg.connect(url)
    for number in range(first, len(days) - 1, step):
        shift = datetime.combine(days[number], datetime.min.time(), UTC) - last
        await connection.execute(_COPY_DAY, shift, 100 * number, number, last, last + timedelta(days=1))
    await connection.close()


async def _prepared(engine: engines.Engine, days: Sequence[date], rows: Rows, contracts: int) -> str:
    """Make the database, fill it with copies of one session's rows, and return its URL."""
    engine_url = engine.database("bench_queries")
    connection = await asyncpg.connect(engine.url)
    await connection.execute("DROP DATABASE IF EXISTS bench_queries")
    await connection.execute("CREATE DATABASE bench_queries")
    await connection.close()
    await migrate.upgrade(engine_url)
    await features.apply(engine_url)
    began = time.monotonic()
    await load(engine_url, [rows])
    connection = await asyncpg.connect(engine_url)
    try:
        await connection.execute(_CHAINS)
        await connection.execute(_CONTRACTS, contracts, days[-1], round(contracts * _LARGEST))
        await connection.execute(_RUN, days[-1])
        last = datetime.combine(days[-1], datetime.min.time(), UTC)
        step = _CONNECTIONS[engine.name]
        await asyncio.gather(*(_copy_days(engine_url, days, first, step) for first in range(step)))
        if engine.name == "community":
            old = last - timedelta(days=_RECENT + 2)
            for [chunk] in await connection.fetch(
                f"SELECT show_chunks('store.option_bars_5min', older_than => '{old}'::timestamptz)"
            ):
                await connection.execute(f"SELECT compress_chunk('{chunk}')")
            for name in features.AGGREGATES:
                await connection.execute(f"CALL refresh_continuous_aggregate('store.{name}', NULL, NULL)")
        await connection.execute("VACUUM ANALYZE")
        size = await connection.fetchval("SELECT pg_database_size(current_database()) / 1e9")
        say(f"{engine.title}: loaded in {time.monotonic() - began:.0f} s, {size:.1f} GB")
    finally:
        await connection.close()
    return engine_url


async def _times(url: str, days: Sequence[date], contracts: int) -> dict[str, float]:
    """Return the median times of all queries in ms, as the collector's own connections run them."""
    first, last = (datetime.combine(days[at], datetime.min.time(), UTC) for at in (0, -1))
    middle = datetime.combine(days[len(days) // 2], datetime.min.time(), UTC)
    day = timedelta(days=1)
    slot = middle + timedelta(hours=16)
    largest = round(contracts * _LARGEST)
    asked: dict[str, tuple[str, tuple[object, ...]]] = {
        "contract's history": (query("contract_history"), (contracts // 2, first, last + day)),
        "four legs, one day": (query("legs"), ([700, 704, 1500, 1504], middle, middle + day)),
        "first and last contract id": (query("contract_range"), (1, slot)),
        "surface, 896 contracts": (query("surface"), (3, slot, (largest + contracts) // 2 + 1, contracts)),
        "surface, 2,800": (query("surface"), (1, slot, 1, largest)),
        "surface, 2,800, ids not known": (query("surface"), (1, slot, None, None)),
        "surface, 2,800, latest day": (query("surface"), (1, last + timedelta(hours=16), None, None)),
        "hourly bars, one contract": (
            "SELECT * FROM hourly_option_summary WHERE contract_id = $1 AND hour >= $2 AND hour < $3",
            (contracts // 2, first, last + day),
        ),
        "intraday sums, one day": (
            "SELECT * FROM underlying_intraday_summary WHERE underlying_id = 1 AND time >= $1 AND time < $2",
            (middle, middle + day),
        ),
        "count of all bars": ("SELECT count(*) FROM option_bars_5min", ()),
    }
    for path in sorted((resource("sql") / "status").glob("*.sql")):
        asked[f"status/{path.stem}"] = (path.read_text().replace("now()", f"'{last + day}'::timestamptz"), ())
    found = {}
    async with pool.connect(url, SystemClock(), size=1) as database, database._connection() as connection:
        for name, (text, arguments) in asked.items():
            took = []
            for _ in range(_RUNS):
                began = time.perf_counter()
                await connection.fetch(text, *arguments)
                took.append((time.perf_counter() - began) * 1000)
            found[name] = statistics.median(took[2:])
    return found


def main() -> int:
    """Print the table; 1 when a query is slower than its limit on the compressed hypertable."""
    parser = argparse.ArgumentParser(description="times of queries")
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--contracts", type=int, default=4592)
    arguments = parser.parse_args()
    days = session_days(arguments.sessions, date(2026, 11, 19))
    columns: dict[str, dict[str, float]] = {}
    rows = as_data_set(quoted_session(days[-1], arguments.contracts), "dense")
    with ExitStack() as stack:
        for name in ("plain", "community"):
            engine = engines.find(name, stack)
            url = asyncio.run(_prepared(engine, days, rows, arguments.contracts))
            columns[name] = asyncio.run(_times(url, days, arguments.contracts))
    say(f"{'milliseconds, warm':36}{'plain':>10}{'community':>12}{'limit':>8}")
    slow = False
    for name, ms in columns["community"].items():
        limit = STATUS_LIMIT_MS if name.startswith("status/") else LIMITS_MS.get(name)
        slow |= limit is not None and ms > limit
        say(f"{name:36}{columns['plain'][name]:>10.1f}{ms:>12.1f}{'' if limit is None else limit:>8}")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
