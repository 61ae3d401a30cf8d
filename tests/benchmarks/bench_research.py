# ruff: noqa: T201 - benchmarks print
"""Speed of the research API: database and archive beside pandas.read_sql, asyncpg and the server's own COPY.

`python -m tests.benchmarks.bench_research [--engine community]`: a quoted session of 4,592 contracts copied to 60
sessions for one contract's history; a million rows of twelve columns of them, all in one run, medians of warm runs.
"""

import argparse
import asyncio
import io
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi
import asyncpg
import pandas as pd

from collector.archive.places import open_place
from collector.clock import SystemClock
from collector.config import ArchiveSettings, BackupSettings, Settings, SymbolSettings
from collector.db.connection import pool
from collector.jobs import archive_pass
from collector.market.calendar import Calendar
from collector.research.reader import Preference, Reader
from tests.benchmarks.bench_queries import _CHAINS, _CONTRACTS, _COPIES, _LARGEST
from tests.benchmarks.bench_storage import STORE, create, load
from tests.benchmarks.market_days import as_stored, quoted_session, session_days
from tests.support import engines

ROWS = 1_000_000
COLUMNS = [
    "time", "contract_id", "open", "high", "low", "close", "volume", "bid_close", "ask_close", "implied_volatility",
    "delta", "flags",
]  # fmt: skip
_WHOLE = "time, contract_id, open, up, down, close, volume, bid_close, ask_close, implied_volatility, delta, unit"
_NUMERIC = ", ".join(COLUMNS)
_CHANGES = """
INSERT INTO session_changes (underlying_id, data_set, session_date)
SELECT DISTINCT chain.underlying_id, 1, (bar.time AT TIME ZONE 'UTC')::date
FROM store.option_bars_5min AS bar JOIN option_chains AS chain ON chain.id = bar.contract_id
ON CONFLICT DO NOTHING
"""
_SELECTED = """
INSERT INTO option_contract_lifecycle (contract_id, first_seen, listed_since, last_seen, selected)
SELECT id, $1, $1, $2, datemultirange(daterange($1, $2, '[]')) FROM option_chains
"""
_SETTLED = """
INSERT INTO request_coverage (instrument_id, data_set, what_to_show, covered, settled)
SELECT id, 1, what, spans, spans
FROM option_chains, unnest(ARRAY['TRADES', 'BID', 'ASK']) AS what,
    (SELECT range_agg(tstzrange(day + time '14:30', day + time '21:15')) AS spans
     FROM unnest($1::date[]) AS d, LATERAL (SELECT d::timestamp AT TIME ZONE 'UTC' AS day) AS x) AS y
"""


def seconds(work: Callable[[], Any], runs: int = 3) -> float:
    """Return the median of some runs after a first one, in seconds."""
    work()
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


async def prepared(engine: engines.Engine, days: list[date], contracts: int) -> str:
    """Make the database: every session the last one's bars, prices a cent dearer from day to day."""
    url = await create(engine, "bench_research")
    connection = await asyncpg.connect(url)
    await load(connection, STORE, [as_stored(quoted_session(days[-1], contracts))])
    await connection.execute(_CHAINS)
    await connection.execute(_CONTRACTS, contracts, days[-1], round(contracts * _LARGEST))
    last = datetime.combine(days[-1], datetime.min.time(), UTC)
    for number, day in enumerate(days[:-1], 1):
        shift = datetime.combine(day, datetime.min.time(), UTC) - last
        await connection.execute(_COPIES[STORE], shift, number, last, last + timedelta(days=1))
    await connection.execute(_SELECTED, days[0], days[-1])
    await connection.execute(_SETTLED, days)
    await connection.execute(_CHANGES)
    if engine.name == "community":
        await connection.execute(
            "SELECT compress_chunk(c) FROM show_chunks('store.option_bars_5min', older_than => $1::timestamptz) AS c",
            last - timedelta(days=7),
        )
    await connection.execute("ANALYZE")
    await connection.close()
    return url


async def archived(url: str, settings: Settings, now: datetime, root: Path) -> None:
    """Archive all of it, months as they are due."""
    async with pool.connect(url, SystemClock(now)) as db:
        place, calendar = open_place(settings.archive), Calendar.configured(settings)
        await archive_pass.archive(db, place, settings, calendar, root=root)


def copied(url: str, what: str) -> int:
    """Return how many bytes the server's own binary COPY gives."""

    async def work() -> int:
        connection = await asyncpg.connect(url)
        sink = io.BytesIO()
        await connection.copy_from_query(what, output=sink, format="binary")
        await connection.close()
        return sink.tell()

    return asyncio.run(work())


def fetched(url: str, what: str) -> int:
    """Return how many rows asyncpg gives."""

    async def work() -> int:
        connection = await asyncpg.connect(url)
        found = await connection.fetch(what)
        await connection.close()
        return len(found)

    return asyncio.run(work())


def framed(url: str, what: str) -> int:
    """Return how many rows pandas.read_sql gives, over the driver's own connection."""
    with adbc_driver_postgresql.dbapi.connect(url) as connection:
        return len(pd.read_sql(what, connection))


def main() -> int:
    """Print the table; 1 when an aim is missed."""
    parser = argparse.ArgumentParser(description="speed of the research API")
    parser.add_argument("--engine", default="plain", choices=engines.NAMES)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--contracts", type=int, default=4_592)
    words = parser.parse_args()
    days = session_days(words.sessions, date(2026, 11, 20))
    with ExitStack() as stack:
        engine = engines.find(words.engine, stack)
        folder = Path(tempfile.mkdtemp(prefix="collector-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "place").mkdir()
        url = engines.run(prepared(engine, days, words.contracts))
        settings = Settings(
            backup=BackupSettings(enabled=False),
            archive=ArchiveSettings(place=str(folder / "place")),
            symbols=tuple(SymbolSettings(symbol=name) for name in ("SPY", "PLTR", "TSLA")),
        )
        now = datetime(2026, 11, 22, 12, tzinfo=UTC)
        engines.run(archived(url, settings, now, folder / "work"))
        return measured(url, settings, now, days, engine.title)


def bars(reader: Reader, first: date, last: date, *, exact: bool = False) -> int:
    """Return how many rows the research API gives."""
    return reader.bars("SPY", first, last, columns=COLUMNS, exact=exact).num_rows


def measured(url: str, settings: Settings, now: datetime, days: list[date], title: str) -> int:
    """Measure, print and compare."""

    def reader(prefer: Preference) -> Reader:
        return Reader(settings, url, SystemClock(now), prefer=prefer)

    with reader("database") as database, reader("archive") as archive:
        first, rows = days[0], 0
        for day in days:  # so many sessions as make a million rows
            rows += database.bars("SPY", day, day, columns=["time"]).num_rows
            last = day
            if rows >= ROWS:
                break
        span = f"time >= '{first}T00:00Z' AND time < '{last + timedelta(days=1)}T00:00Z'"
        low, high = engines.run(_bounds(url))
        between = f"contract_id BETWEEN {low} AND {high}"
        whole = f"SELECT {_WHOLE} FROM store.option_bars_5min WHERE {between} AND {span}"  # noqa: S608 - constants
        numeric = f"SELECT {_NUMERIC} FROM option_bars_5min WHERE {between} AND {span}"  # noqa: S608 - constants
        floats = f"SELECT {_NUMERIC} FROM option_bars_5min_float8 WHERE {between} AND {span}"  # noqa: S608 - constants
        at = datetime.combine(last, datetime.min.time(), UTC) + timedelta(hours=19)
        figures = {
            "server's own binary COPY of whole numbers": seconds(lambda: copied(url, whole)),
            "research, database": seconds(lambda: bars(database, first, last)),
            "research, database, exact": seconds(lambda: bars(database, first, last, exact=True)),
            "research, archive": seconds(lambda: bars(archive, first, last)),
            "research, archive, exact": seconds(lambda: bars(archive, first, last, exact=True)),
            "asyncpg, float8": seconds(lambda: fetched(url, floats), 1),
            "asyncpg, numeric": seconds(lambda: fetched(url, numeric), 1),
            "pandas.read_sql, numeric": seconds(lambda: framed(url, numeric), 1),
        }
        contract = database.surface("SPY", at).table["contract_id"][0].as_py()
        usual = ["time", "bid_close", "ask_close", "close", "volume", "implied_volatility", "delta"]
        small = {
            "a contract's sessions, database": (seconds(lambda: database.history(contract, columns=usual), 9), 0.060),
            "a contract's sessions, archive": (seconds(lambda: archive.history(contract, columns=usual), 5), None),
            "a surface, database": (seconds(lambda: database.surface("SPY", at), 9), 0.060),
            "a surface, archive (month file)": (seconds(lambda: archive.surface("SPY", at), 9), 0.150),
            "whether a surface is complete": (seconds(lambda: database.surface("SPY", at).complete), None),
            "whether a contract's sessions are": (seconds(lambda: database.history(contract).complete), None),
        }
        print(title)
        print(f"{rows:,} rows of {len(COLUMNS)} columns")
        for name, took in figures.items():
            print(f"{name:45} {took:7.2f} s {rows / took:12,.0f} rows/s")
        sessions, contracts = len(days), database.surface("SPY", at).num_rows
        print(f"{sessions} sessions; {contracts:,} contracts in the slot")
        for name, (took, _) in small.items():
            print(f"{name:45} {took * 1000:7.1f} ms")
        copy, ours, _, files, *_ = figures.values()
        missed = [name for name, (took, aim) in small.items() if aim is not None and took > aim]
        missed += ["600,000 rows a second"] if rows / ours < 600_000 else []
        missed += ["three times COPY"] if ours > 3 * copy else []
        missed += ["the archive in 0.9 s a million rows"] if files > 0.9 * rows / ROWS else []
        print(f"database ÷ COPY: {ours / copy:.2f}")
        print("missed: " + ", ".join(missed) if missed else "every aim is met")
        return 1 if missed else 0


async def _bounds(url: str) -> tuple[int, int]:
    connection = await asyncpg.connect(url)
    row = await connection.fetchrow("SELECT min(id), max(id) FROM option_chains WHERE underlying_id = 1")
    await connection.close()
    assert row is not None
    return int(row[0]), int(row[1])


if __name__ == "__main__":
    sys.exit(main())
