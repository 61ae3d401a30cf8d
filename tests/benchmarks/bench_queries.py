"""Times of the queries that people and programs wait for: compressed hypertable beside ordinary table, in one run.

`python -m tests.benchmarks.bench_queries`: 60 dense sessions of 4,592 contracts (21.5 million rows) on both engines,
compressed but for the last five; medians of warm runs, in milliseconds. The compressed hypertable stands beside one of
decimals, as it was before the store. Loading takes a quarter of an hour, and 10 GB of disk.
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
from tests.benchmarks.bench_storage import DECIMALS, STORE, create, create_decimals, load, say
from tests.benchmarks.market_days import (
    COLUMNS,
    INSTANTS,
    PRICES,
    STORED,
    Rows,
    as_data_set,
    as_stored,
    quoted_session,
    session_days,
)
from tests.support import engines

LIMITS_MS = {
    "surface, 896 contracts": 12.0,
    "surface, 2,800": 25.0,
    "four legs, one day": 5.0,
    "contract's history": 60.0,
    "contract's history, whole numbers": 30.0,
}
STATUS_LIMIT_MS = 20.0
LEAST_FASTER = 3.0
"""How many times faster sums over the whole store are than over the decimals that were there before."""
_RECENT = 5
_RUNS = 9

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
_PRICES = tuple(f"{side}{name}" for side in ("", "bid_", "ask_") for name in ("open", "close"))


def _copy_day(table: str, columns: Sequence[str], prices: Sequence[str], step: str) -> str:
    """Return a statement that copies a table's bars of a span to another day, prices so many steps higher."""
    moved = {name: f"{name} + {step}" for name in prices}
    moved |= {name: f"{name} + $1::interval" for name in INSTANTS}
    moved |= {"volume": "volume + $2::int", "collection_run_id": "$2::int"}
    values = ", ".join(moved.get(name, name) for name in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE time >= $3 AND time < $4"  # noqa: S608 - the names stand in this package


_COPIES = {
    STORE: _copy_day(STORE, STORED, _PRICES, "$2::int"),
    DECIMALS: _copy_day(DECIMALS, COLUMNS, PRICES, "$2::int * 0.01"),
}
"""By table: $1 how far away, $2 how much dearer (cents), $3 and $4 which day."""


async def _fill(url: str, table: str, days: Sequence[date], compress_before: date | None) -> None:
    """Fill every day with the bars of the last one, which is there; prices differ from day to day."""
    last = datetime.combine(days[-1], datetime.min.time(), UTC)
    connection = await asyncpg.connect(url)
    for number, day in enumerate(days[:-1], 1):
        shift = datetime.combine(day, datetime.min.time(), UTC) - last
        await connection.execute(_COPIES[table], shift, number, last, last + timedelta(days=1))
        # Day by day, for a year of decimals would not fit as it is written.
        if compress_before is not None and day < compress_before:
            if table == DECIMALS:
                await connection.execute("SET timescaledb.compression_batch_size_limit = 1000")
            await connection.execute(
                "SELECT compress_chunk(c) FROM show_chunks($1::text::regclass, older_than => $2::timestamptz,"
                " newer_than => $3::timestamptz) AS c",
                table,
                last + shift + timedelta(days=1),
                last + shift,
            )
    await connection.close()


async def _prepared(engine: engines.Engine, days: Sequence[date], rows: Rows, contracts: int) -> str:
    """Make the database, fill it with copies of one session's rows, and return its URL."""
    url = await create(engine, "bench_queries")
    began = time.monotonic()
    connection = await asyncpg.connect(url)
    community = engine.name == "community"
    old = days[-1] - timedelta(days=_RECENT + 2) if community else None
    try:
        await load(connection, STORE, [as_stored(rows)])
        await connection.execute(_CHAINS)
        await connection.execute(_CONTRACTS, contracts, days[-1], round(contracts * _LARGEST))
        await connection.execute(_RUN, days[-1])
        await _fill(url, STORE, days, old)
        if community:
            await create_decimals(connection, hypertable=True)
            await load(connection, DECIMALS, [rows], COLUMNS)
            await _fill(url, DECIMALS, days, old)
            for name in await connection.fetch(
                "SELECT format('%I.%I', view_schema, view_name) FROM timescaledb_information.continuous_aggregates"
                " ORDER BY view_name LIKE '%daily%'"
            ):
                await connection.execute(f"CALL refresh_continuous_aggregate('{name[0]}', NULL, NULL)")
        await connection.execute("VACUUM ANALYZE")
        size = await connection.fetchval("SELECT pg_database_size(current_database()) / 1e9")
        say(f"{engine.title}: loaded in {time.monotonic() - began:.0f} s, {size:.1f} GB with what is compared")
    finally:
        await connection.close()
    return url


async def _times(engine: engines.Engine, url: str, days: Sequence[date], contracts: int) -> dict[str, float]:
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
        "contract's history, whole numbers": (
            f"SELECT * FROM {STORE} WHERE contract_id = $1 AND time >= $2 AND time < $3 ORDER BY time",  # noqa: S608
            (contracts // 2, first, last + day),
        ),
        "sums by contract, whole numbers": (
            f"SELECT contract_id, sum(close), avg(bid_close), sum(volume) FROM {STORE} GROUP BY contract_id",  # noqa: S608
            (),
        ),
    }
    if engine.name == "community":
        asked["contract's history, decimals"] = (
            f"SELECT * FROM {DECIMALS} WHERE contract_id = $1 AND time >= $2 AND time < $3 ORDER BY time",  # noqa: S608
            (contracts // 2, first, last + day),
        )
        asked["sums by contract, decimals"] = (
            f"SELECT contract_id, sum(close), avg(bid_close), sum(volume) FROM {DECIMALS} GROUP BY contract_id",  # noqa: S608
            (),
        )
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
            columns[name] = asyncio.run(_times(engine, url, days, arguments.contracts))
    say(f"{'milliseconds, warm':36}{'plain':>10}{'community':>12}{'limit':>8}")
    slow = False
    for name, ms in columns["community"].items():
        limit = STATUS_LIMIT_MS if name.startswith("status/") else LIMITS_MS.get(name)
        slow |= limit is not None and ms > limit
        plain = columns["plain"].get(name)
        say(f"{name:36}{'–' if plain is None else f'{plain:.1f}':>10}{ms:>12.1f}{'' if limit is None else limit:>8}")
    sums = (columns["community"][f"sums by contract, {numbers}"] for numbers in ("decimals", "whole numbers"))
    faster = next(sums) / next(sums)
    say(f"sums of whole numbers are {faster:.1f} times faster than of decimals (at least {LEAST_FASTER:.0f})")
    slow |= faster < LEAST_FASTER
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
