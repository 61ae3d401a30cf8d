"""Adopting what an earlier system kept as ticks: its 5-minute bars are taken, everything else is counted."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.db.schema import adoption
from collector.db.schema.earlier_ticks import LeftAside, Unfit
from tests.support.engines import Engine

_NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)

# Bars stand at their start, under the word of the program that stored them; the same table has its ticks.
_EARLIER = """
CREATE TABLE underlying_securities (id serial PRIMARY KEY, symbol varchar(40) UNIQUE, active boolean);
CREATE TABLE stock_data_ticks (time timestamptz(6) NOT NULL, underlying_id int REFERENCES underlying_securities,
    price numeric(10, 4) NOT NULL, bid_price numeric(10, 4), ask_price numeric(10, 4), bid_size int, ask_size int,
    volume bigint, vwap numeric(10, 4), open_price numeric(10, 4), high_price numeric(10, 4), low_price numeric(10, 4),
    close_price numeric(10, 4), tick_type varchar(20), created_at timestamptz DEFAULT now());
CREATE TABLE market_data_ticks (time timestamptz NOT NULL, contract_id int, bid_price numeric(10, 4),
    ask_price numeric(10, 4), last_price numeric(10, 4), bid_size int, ask_size int, volume bigint,
    tick_type varchar(20));
CREATE TABLE notes_of_mine (note text);
INSERT INTO underlying_securities (id, symbol) VALUES (3, 'TSLA'), (7, 'SPY');
"""
_BARS = """
INSERT INTO stock_data_ticks (time, underlying_id, price, volume, vwap, open_price, high_price, low_price, close_price,
    tick_type, created_at)
SELECT at, $1, 680.5, 1000, 680.25, 680, 681, 679.5, 680.5, $2, '2026-11-25'
FROM unnest($3::timestamptz[]) AS at
"""
_OWN = "SELECT * FROM underlying_bars_5min ORDER BY underlying_id, time"
_COVERED = """
SELECT instrument_id, what_to_show, covered::text, isempty(settled) FROM request_coverage ORDER BY 1
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder for the backup."""
    path = Path(tempfile.mkdtemp(prefix="collector-adopt-"))
    yield path
    shutil.rmtree(path)


async def _earlier(url: str, engine: Engine) -> "asyncpg.Connection[asyncpg.Record]":
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    if engine.name != "plain":
        await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    await connection.execute(_EARLIER)
    if engine.name != "plain":
        await connection.execute("SELECT create_hypertable('stock_data_ticks', 'time')")
    return connection


async def _add(
    connection: "asyncpg.Connection[asyncpg.Record]",
    first: str,
    last: str,
    step: str,
    kind: str | None = "TRADES",
    of: int = 7,
) -> int:
    """Add bars from the first instant to the last, both included; return how many."""
    series = "SELECT generate_series($1::text::timestamptz, $2::text::timestamptz, $3::text::interval)"
    instants = [at for [at] in await connection.fetch(series, first, last, step)]
    await connection.execute(_BARS, of, kind, instants)
    return len(instants)


def _left(done: adoption.Adoption) -> dict[tuple[str, Unfit], int]:
    return {(one.table, one.reason): one.rows for one in done.left}


async def test_bars_of_five_minutes_are_adopted(engine: Engine, empty_database_url: str, folder: Path) -> None:
    """Every value of such a bar is there; it counts as covered, not settled, and lacks the volatility."""
    connection = await _earlier(empty_database_url, engine)
    await _add(connection, "2026-11-23 14:30Z", "2026-11-23 21:10Z", "5 min")
    await _add(connection, "2026-11-23 14:30Z", "2026-11-23 21:00Z", "5 min", "HISTORICAL", of=3)
    done = await adoption.adopt(empty_database_url, folder, _NOW, SystemClock())
    assert (done.bars, done.underlying_bars, done.underlyings, done.contracts, done.runs) == (0, 81 + 78, 2, 0, 0)
    assert done.unread == ("notes_of_mine",)
    assert done.left == (LeftAside("stock_data_ticks", Unfit.OUTSIDE_SESSION, 1),)  # TSLA's at 16:00 New York
    assert await connection.fetchval("SELECT count(*) FROM earlier_system.stock_data_ticks") == 81 + 79
    rows = await connection.fetch(_OWN)
    assert [row["underlying_id"] for row in rows] == [3] * 78 + [7] * 81
    first = rows[0]
    assert [first[name] for name in ("open", "high", "low", "close", "vwap", "volume")] == [
        680, 681, Decimal("679.5"), Decimal("680.5"), Decimal("680.25"), 1000,
    ]  # fmt: skip
    assert (first["time"], first["has_gaps"], first["flags"], first["bar_count"]) == (
        datetime(2026, 11, 23, 14, 30, tzinfo=UTC), True, 0, None,
    )  # fmt: skip
    assert [tuple(row) for row in await connection.fetch(_COVERED)] == [
        (-7, "TRADES", '{["2026-11-23 14:30:00+00","2026-11-23 21:15:00+00")}', True),
        (-3, "TRADES", '{["2026-11-23 14:30:00+00","2026-11-23 21:00:00+00")}', True),
    ]
    again = await adoption.adopt(empty_database_url, folder, _NOW, SystemClock())
    assert (again.underlying_bars, again.left) == (done.underlying_bars, done.left)
    await connection.close()


_OTHER = [
    ("bars of a minute", "2026-11-23 14:30Z", "2026-11-23 20:59Z", "1 min", Unfit.OFF_GRID),
    ("bars of a minute, by chance on the grid", "2026-11-23 14:30Z", "2026-11-23 14:30Z", "1 min", Unfit.OTHER_SIZE),
    ("a bar of a day", "2026-11-23 05:00Z", "2026-11-23 05:00Z", "1 day", Unfit.OTHER_SIZE),
    ("bars of ten minutes", "2026-11-23 14:30Z", "2026-11-23 20:50Z", "10 min", Unfit.OTHER_SIZE),
    ("bars of half an hour", "2026-11-23 14:30Z", "2026-11-23 20:30Z", "30 min", Unfit.OTHER_SIZE),
    ("bars of an hour", "2026-11-23 14:30Z", "2026-11-23 20:30Z", "1 hour", Unfit.OTHER_SIZE),
    ("seconds off", "2026-11-23 14:30:01Z", "2026-11-23 20:55:01Z", "5 min", Unfit.OFF_GRID),
    ("of a Saturday", "2026-11-21 14:30Z", "2026-11-21 20:55Z", "5 min", Unfit.OUTSIDE_SESSION),
    ("of Thanksgiving", "2026-11-26 14:30Z", "2026-11-26 20:55Z", "5 min", Unfit.OUTSIDE_SESSION),
    ("before the open", "2026-11-23 09:00Z", "2026-11-23 14:25Z", "5 min", Unfit.OUTSIDE_SESSION),
    ("after an early close", "2025-11-28 18:15Z", "2025-11-28 20:55Z", "5 min", Unfit.OUTSIDE_SESSION),
]


async def test_no_other_bar_is_taken_for_one(engine: Engine, empty_database_url: str, folder: Path) -> None:
    """Bars of other sizes, off the grid or where nothing trades are left and counted; a good hour is taken."""
    connection = await _earlier(empty_database_url, engine)
    expected: Counter[tuple[str, Unfit]] = Counter()
    for number, (name, first, last, step, reason) in enumerate(_OTHER, 100):
        await connection.execute("INSERT INTO underlying_securities (id, symbol) VALUES ($1, $2)", number, name)
        rows = await _add(connection, first, last, step, "HISTORICAL", of=number)
        expected["stock_data_ticks", reason] += rows
        await _add(connection, "2026-11-24 14:30Z", "2026-11-24 15:30Z", "5 min", "HISTORICAL", of=number)
    done = await adoption.adopt(empty_database_url, folder, _NOW, SystemClock())
    assert _left(done) == expected
    adopted = await connection.fetch(
        "SELECT underlying_id, count(*), min(time) FROM underlying_bars_5min GROUP BY 1 ORDER BY 1"
    )
    good = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
    assert [tuple(row) for row in adopted] == [(number, 13, good) for number in range(100, 100 + len(_OTHER))]
    await connection.close()


async def test_two_kinds_on_a_day_are_judged_apart(engine: Engine, empty_database_url: str, folder: Path) -> None:
    """Bars of half an hour took the place of some of 5 minutes: those are left, the other 5-minute bars are adopted."""
    connection = await _earlier(empty_database_url, engine)
    await _add(connection, "2026-11-23 14:30Z", "2026-11-23 20:55Z", "5 min", "TRADES")
    await connection.execute("UPDATE stock_data_ticks SET tick_type = NULL WHERE extract(minute FROM time) IN (0, 30)")
    done = await adoption.adopt(empty_database_url, folder, _NOW, SystemClock())
    assert _left(done) == {("stock_data_ticks", Unfit.OTHER_SIZE): 13}
    assert done.underlying_bars == 78 - 13
    [[covered]] = await connection.fetch("SELECT lower(covered)::text FROM request_coverage")
    assert covered == "2026-11-23 14:35:00+00"
    await connection.close()


_WRONG = (
    "high_price = 679.4",  # below the low
    "high_price = 680.4",  # below the close
    "low_price = 680.1",  # above the open
    "low_price = -1",
    "open_price = 0, low_price = 0",
    "volume = -1",
    "high_price = 'NaN'",
    "volume = 900000000000001",
    "vwap = 0",
)


async def test_impossible_bars_are_left(engine: Engine, empty_database_url: str, folder: Path) -> None:
    """A bar that cannot be is left and counted, and not covered; its neighbours are adopted."""
    connection = await _earlier(empty_database_url, engine)
    await _add(connection, "2026-11-23 14:30Z", "2026-11-23 20:55Z", "5 min")
    wrong = [
        datetime(2026, 11, 23, 15, 0, tzinfo=UTC) + number * timedelta(minutes=10) for number in range(len(_WRONG))
    ]
    for change, at in zip(_WRONG, wrong, strict=True):
        await connection.execute(f"UPDATE stock_data_ticks SET {change} WHERE time = $1", at)  # noqa: S608 - our own words
    await connection.execute("UPDATE stock_data_ticks SET vwap = 'NaN', volume = NULL WHERE time = '2026-11-23 15:05Z'")
    done = await adoption.adopt(empty_database_url, folder, _NOW, SystemClock())
    assert _left(done) == {("stock_data_ticks", Unfit.IMPOSSIBLE): len(_WRONG)}
    assert done.underlying_bars == 78 - len(_WRONG)
    [[covered]] = await connection.fetch(
        "SELECT array_agg(at ORDER BY at) FROM unnest($1::timestamptz[]) AS at, request_coverage WHERE covered @> at",
        wrong,
    )
    assert covered is None
    odd = "SELECT close::text, volume, vwap FROM underlying_bars_5min WHERE time = '2026-11-23 15:05Z'"
    assert tuple(await connection.fetchrow(odd)) == ("680.5000", None, None)
    await connection.close()


async def test_prices_of_a_moment_and_duplicates(engine: Engine, empty_database_url: str, folder: Path) -> None:
    """Single prices among the bars do not make them ticks; of two bars of a slot the one changed last is adopted."""
    connection = await _earlier(empty_database_url, engine)
    await _add(connection, "2026-11-23 14:30Z", "2026-11-23 20:55Z", "5 min")
    await connection.execute(
        "INSERT INTO stock_data_ticks (time, underlying_id, price, bid_price, tick_type) VALUES"
        " ('2026-11-23 15:01:02Z', 7, 680, 679.9, 'TRADES'), ('2026-11-23 15:01:03Z', 7, 680, 679.9, NULL);"
        "INSERT INTO stock_data_ticks (time, underlying_id, price, volume, open_price, high_price, low_price,"
        " close_price, tick_type, created_at)"
        " VALUES ('2026-11-23 15:00Z', 7, 690, 5, 690, 690, 690, 690, 'TRADES', '2026-11-26')"
    )
    done = await adoption.adopt(empty_database_url, folder, _NOW, SystemClock())
    assert _left(done) == {("stock_data_ticks", Unfit.NO_BAR): 2, ("stock_data_ticks", Unfit.DUPLICATE): 1}
    assert done.underlying_bars == 78
    latest = "SELECT close::text, volume::text FROM underlying_bars_5min WHERE time = '2026-11-23 15:00Z'"
    assert tuple(await connection.fetchrow(latest)) == ("690.0000", "5.0000")
    await connection.close()


async def test_no_quote_of_options_is_adopted(engine: Engine, empty_database_url: str, folder: Path) -> None:
    """Quotes that were computed from a middle are told from live ones, and neither becomes a bar."""
    connection = await _earlier(empty_database_url, engine)
    await connection.execute(
        "INSERT INTO market_data_ticks (time, contract_id, bid_price, ask_price, last_price, bid_size, ask_size,"
        " tick_type) VALUES ('2026-11-23 15:00Z', 1, 4.95, 5.05, 5, 100, 100, 'HISTORICAL'),"
        " ('2026-11-23 15:01Z', 1, 0.01, 0.0051, 0.005, 100, 100, 'HISTORICAL'),"  # never below a cent
        " ('2026-11-23 15:02Z', 1, 4.9, 5.05, 5, 100, 100, 'HISTORICAL'),"
        " ('2026-11-23 15:03Z', 1, 4.95, 5.05, 5, 100, 100, 'LIVE'),"
        " ('2026-11-23 15:04Z', 1, NULL, NULL, 5, 7, 1, NULL)"
    )
    done = await adoption.adopt(empty_database_url, folder, _NOW, SystemClock())
    assert _left(done) == {("market_data_ticks", Unfit.COMPUTED_QUOTE): 2, ("market_data_ticks", Unfit.NO_BAR): 3}
    assert done.bars == 0
    assert await connection.fetchval("SELECT count(*) FROM earlier_system.market_data_ticks") == 5
    await connection.close()


async def test_far_days_and_foreign_columns(engine: Engine, empty_database_url: str, folder: Path) -> None:
    """A day that no calendar knows stops nothing, nor does a table that lacks the columns of bars."""
    connection = await _earlier(empty_database_url, engine)
    await _add(connection, "1985-11-25 14:30Z", "1985-11-25 15:00Z", "5 min")
    done = await adoption.adopt(empty_database_url, folder, _NOW, SystemClock())
    assert _left(done) == {("stock_data_ticks", Unfit.OUTSIDE_SESSION): 7}
    await connection.execute(
        "ALTER TABLE earlier_system.stock_data_ticks DROP COLUMN open_price, DROP COLUMN created_at"
    )
    done = await adoption.adopt(empty_database_url, folder, _NOW, SystemClock())
    assert _left(done) == {("stock_data_ticks", Unfit.NO_BAR): 7}
    await connection.close()
