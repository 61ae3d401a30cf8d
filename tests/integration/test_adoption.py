"""Adopting the tables of an earlier system: recognised, backed up, taken over bar by bar, and kept beside."""

import asyncio
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.db.bookkeeping import runs_table as runs
from collector.db.bookkeeping.runs_table import NewRun
from collector.db.connection import locks, pool
from collector.db.schema import adoption, features, migrate, schema_revisions
from collector.db.upkeep import backup, backup_files
from collector.domain.errors import DatabaseError, LockHeld
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.run_vocabulary import RunStatus, Window
from collector.jobs import due_windows
from collector.market.calendar import Calendar
from collector.simulator.server import Gateway
from tests.support.engines import Engine, run_policies
from tests.support.server_folders import server_folder
from tests.support.window_runs import narrow, run_window

_CLOCK = SystemClock()
_NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

# The earlier system: readers' columns only, other types, no con_ids, a view on top, duplicates of a slot.
_EARLIER = """
CREATE TABLE underlying_securities (id serial PRIMARY KEY, symbol varchar(10) UNIQUE, name text, active boolean);
CREATE TABLE option_chains (id serial PRIMARY KEY, underlying_id int REFERENCES underlying_securities, contract_symbol
    varchar(30), expiration_date date, strike_price numeric(10, 2), option_type char(1));
CREATE TABLE option_bars_5min (time timestamptz NOT NULL, contract_id int, open double precision, high double precision,
    low double precision, close double precision, volume bigint, bar_count int, bid_close double precision,
    collection_run_id int, data_source varchar(20), has_gaps boolean DEFAULT true, updated_at timestamptz);
CREATE TABLE intraday_collection_runs (id serial PRIMARY KEY, run_date date, run_type text, started_at timestamptz,
    status text, bars_collected int);
CREATE TABLE notes_of_mine (note text);
CREATE VIEW expensive AS SELECT * FROM option_bars_5min WHERE close > 100;
INSERT INTO underlying_securities (symbol) VALUES ('SPY'), ('TSLA');
INSERT INTO option_chains (underlying_id, contract_symbol, expiration_date, strike_price, option_type)
SELECT 1, 'SPY   261218C00' || n || '000', '2026-12-18', n, 'C' FROM generate_series(641, 645) AS n;
INSERT INTO option_bars_5min (time, contract_id, open, high, low, close, volume, data_source, updated_at)
SELECT d + n * INTERVAL '5 minutes', c, 1.5, 2, 1, 1.25, n, 'TRADES', d
FROM generate_series('2026-11-16 14:30Z'::timestamptz, '2026-11-18 14:30Z', '1 day') AS d,
    generate_series(0, 77) AS n, generate_series(1, 5) AS c;
INSERT INTO option_bars_5min (time, contract_id, close, data_source, updated_at)
VALUES ('2026-11-16 14:30Z', 1, 9.75, 'TRADES', '2026-11-19');
INSERT INTO option_bars_5min (time, contract_id, bid_close) VALUES ('2026-11-19 14:30Z', 1, 1.20);
INSERT INTO intraday_collection_runs (run_date, run_type, started_at, status, bars_collected) VALUES
    ('2026-11-16', 'eod', '2026-11-16 21:45Z', 'completed', 390),
    ('2026-11-16', 'eod', '2026-11-16 23:45Z', 'running', 1);
INSERT INTO notes_of_mine VALUES ('keep me');
"""

_NEW_UNDERLYING = """
INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)
VALUES ('QQQ', 320227571, 'STK', 'SMART', 'USD') RETURNING id
"""

_COPYING = """
SELECT EXISTS (
    SELECT
    FROM pg_locks
    WHERE relation = 'store.option_bars_5min'::regclass AND mode = 'RowExclusiveLock' AND NOT granted
)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder for the backup."""
    path = server_folder("collector-adopt-")
    yield path
    shutil.rmtree(path)


async def _earlier(url: str, engine: Engine) -> "asyncpg.Connection[asyncpg.Record]":
    connection = await asyncpg.connect(url)
    if engine.name != "plain":
        await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    await connection.execute(_EARLIER)
    if engine.name != "plain":
        await connection.execute("SELECT create_hypertable('option_bars_5min', 'time', migrate_data => true)")
    return connection


async def test_every_bar_is_adopted(engine: Engine, empty_database_url: str, folder: Path) -> None:
    """All slots are there, exact, covered but not settled; the earlier tables stay, and a backup was made."""
    connection = await _earlier(empty_database_url, engine)
    with pytest.raises(DatabaseError, match="earlier system") as caught:
        await migrate.upgrade(empty_database_url)
    assert "db adopt" in caught.value.hint

    done = await adoption.adopt(empty_database_url, folder, _NOW, _CLOCK)

    assert done.bars == 3 * 78 * 5 + 1
    assert set(done.aside) >= {"option_bars_5min", "option_chains", "notes_of_mine"}
    assert [kept.path for kept in backup_files.backups(folder)] == [done.backup]
    assert await schema_revisions.current(empty_database_url) == schema_revisions.head()
    assert await connection.fetchval("SELECT count(*) FROM earlier_system.option_bars_5min") == 1172
    assert await connection.fetchval("SELECT note FROM earlier_system.notes_of_mine") == "keep me"
    assert await connection.fetchval("SELECT count(*) FROM earlier_system.expensive") == 0
    latest = "SELECT open, close FROM option_bars_5min WHERE contract_id = 1 AND time = '2026-11-16 14:30Z'"
    assert tuple(await connection.fetchrow(latest)) == (None, Decimal("9.7500"))
    quote = "SELECT close, bid_close, data_source FROM option_bars_5min WHERE time = '2026-11-19 14:30Z'"
    assert tuple(await connection.fetchrow(quote)) == (None, Decimal("1.2000"), "BID_ASK")
    coverage = await connection.fetch(
        "SELECT what_to_show, (upper(covered) - lower(covered))::text AS hull, isempty(settled) FROM request_coverage"
        " WHERE contract_id = 1 ORDER BY 1"
    )
    assert [tuple(row) for row in coverage] == [("BID", "00:05:00", True), ("TRADES", "2 days 06:30:00", True)]
    runs = await connection.fetch("SELECT attempt, status FROM intraday_collection_runs ORDER BY id")
    assert [tuple(row) for row in runs] == [(1, "success"), (2, "interrupted")]
    days = "SELECT DISTINCT (time AT TIME ZONE 'UTC')::date AS day FROM option_bars_5min ORDER BY 1"
    counted = "SELECT session_date AS day FROM session_changes WHERE data_set = 1 ORDER BY 1"
    assert await connection.fetch(counted) == await connection.fetch(days)
    assert await connection.fetchval("SELECT count(*) FROM option_contract_lifecycle") == 5
    assert await connection.fetchval(_NEW_UNDERLYING) == 3
    assert await connection.fetchval("SELECT count(*) FROM hourly_option_summary") > 0
    assert (await features.report(empty_database_url)).title == (await features.apply(empty_database_url)).title
    await connection.close()


_AWKWARD = """
ALTER TABLE option_bars_5min ADD vwap double precision, ADD gamma double precision;
INSERT INTO option_bars_5min (time, contract_id, open, high, low, close, volume, vwap, bid_close, gamma) VALUES
    ('2026-11-19 15:00Z', 1, 'NaN', 'NaN', 'NaN', 'NaN', 0, 'NaN', 1.2, 'NaN'),
    ('2026-11-19 15:00Z', 2, 1.5, 250000, 1, 1.25, 10, 1.3, 1.2, 0.01),
    ('2026-11-19 15:00Z', 3, 1.5, 2, 1, 1.25, 3000000000, 1.3, 1.2, 5000),
    ('2026-11-19 15:00Z', 4, 1.5, 2, 1, 1.25, 10, 'NaN', 'Infinity', 5000),
    ('2026-11-19 15:00Z', 5, NULL, 2, 1, NULL, 10, 1.3, 1.2, 0.01);
CREATE TABLE underlying_bars_5min (time timestamptz, underlying_id int, close double precision, volume numeric);
INSERT INTO underlying_bars_5min VALUES
    ('2026-11-19 15:00Z', 1, 640.5, 12), ('2026-11-19 15:05Z', 1, 640.5, 1e15), ('2026-11-19 15:10Z', 1, 'NaN', 0);
"""
_READ = """
SELECT contract_id, open::text, high::text, close::text, volume, vwap::text, bid_close::text, gamma::text, has_gaps
FROM option_bars_5min WHERE time = '2026-11-19 15:00Z' ORDER BY contract_id
"""


async def test_what_no_column_holds_is_left_out(engine: Engine, empty_database_url: str, folder: Path) -> None:
    """A series with a number beyond its column is missing and counted, NaN is NULL; everything else can be read."""
    connection = await _earlier(empty_database_url, engine)
    await connection.execute(_AWKWARD)
    done = await adoption.adopt(empty_database_url, folder, _NOW, _CLOCK)
    assert (done.bars, done.unfit) == (3 * 78 * 5 + 1 + 5, 5)
    assert [tuple(row) for row in await connection.fetch(_READ)] == [
        (1, None, None, None, 0, None, "1.2000", None, True),
        (2, None, None, None, None, None, "1.2000", "0.010000", True),
        (3, None, None, None, None, None, "1.2000", None, True),
        (4, "1.5000", "2.0000", "1.2500", 10, None, None, None, True),
        (5, None, None, None, 10, None, "1.2000", "0.010000", True),
    ]
    assert await connection.fetch("SELECT * FROM option_bars_5min, underlying_bars_5min LIMIT 1")
    underlying = "SELECT close::text, volume::text FROM underlying_bars_5min ORDER BY time"
    assert [tuple(row) for row in await connection.fetch(underlying)] == [
        ("640.5000", "12.0000"), (None, None), (None, "0.0000"),
    ]  # fmt: skip
    await connection.close()


async def test_runs_of_windows_that_are_unknown_here(engine: Engine, empty_database_url: str, folder: Path) -> None:
    """Another system's words become runs by hand, each with its word and details; the schedule goes on with them."""
    connection = await _earlier(empty_database_url, engine)
    await connection.execute(
        """
        ALTER TABLE intraday_collection_runs ADD COLUMN error_details text;
        INSERT INTO intraday_collection_runs (run_date, run_type, started_at, status, error_details) VALUES
            ('2026-11-17', 'end_of_day', '2026-11-17 21:45Z', 'failed', 'no route to host'),
            ('2026-11-17', 'manual', '2026-11-17 22:45Z', 'completed', NULL),
            ('2026-11-17', 'End of day', '2026-11-17 23:45Z', 'completed', NULL),
            ('2026-11-17', NULL, '2026-11-17 23:50Z', 'completed', NULL);
        """
    )

    await adoption.adopt(empty_database_url, folder, _NOW, _CLOCK)

    adopted = await connection.fetch(
        "SELECT run_type, attempt, error_details ->> 'earlier_run_type', error_details ->> 'earlier_details'"
        " FROM intraday_collection_runs ORDER BY id"
    )
    assert [tuple(row) for row in adopted] == [
        ("eod", 1, None, None),
        ("eod", 2, None, None),
        ("manual", 1, "end_of_day", "no route to host"),
        ("manual", 2, None, None),
        ("manual", 3, "End of day", None),
        ("manual", 4, None, None),
    ]
    await connection.close()
    async with pool.connect(empty_database_url, _CLOCK) as db:
        schedule = await due_windows.schedule_of(db, narrow("SPY"), Calendar(), _NOW)
        assert (await due_windows.look(db, narrow("SPY"), schedule, _NOW)).wake_at is not None


async def test_interrupted_adoption_goes_on(engine: Engine, empty_database_url: str, folder: Path) -> None:
    """Stopped after the tables were set aside and some days copied, the next call finishes the work."""
    connection = await _earlier(empty_database_url, engine)
    await adoption.adopt(empty_database_url, folder, _NOW, _CLOCK)
    await connection.execute("DELETE FROM store.option_bars_5min WHERE time >= '2026-11-17'")
    await connection.execute("DELETE FROM request_coverage")
    done = await adoption.adopt(empty_database_url, folder, _NOW, _CLOCK)
    assert done.bars == 3 * 78 * 5 + 1
    assert await connection.fetchval("SELECT count(*) FROM request_coverage") == 6
    assert len(backup_files.backups(folder)) == 1
    await connection.close()


async def test_a_slot_that_lacks_a_series_has_gaps(engine: Engine, empty_database_url: str, folder: Path) -> None:
    """A slot has gaps where a series that is configured for its symbol has no price, whatever was said earlier."""
    connection = await _earlier(empty_database_url, engine)
    await connection.execute(
        "ALTER TABLE option_bars_5min ADD COLUMN ask_close double precision;"
        "INSERT INTO option_bars_5min (time, contract_id, close, bid_close, ask_close, has_gaps) VALUES"
        " ('2026-11-20 14:30Z', 1, 1, 0.9, 1.1, true), ('2026-11-20 14:35Z', 1, NULL, 0.9, 1.1, false),"
        " ('2026-11-20 14:40Z', 1, 1, NULL, 1.1, false), ('2026-11-20 14:45Z', 1, 1, 0.9, NULL, NULL);"
        "CREATE TABLE underlying_bars_5min"
        " (time timestamptz, underlying_id int, close float, implied_volatility float);"
        "INSERT INTO underlying_bars_5min"
        " VALUES ('2026-11-20 14:30Z', 1, 640, 0.2), ('2026-11-20 14:35Z', 1, 640, NULL)"
    )
    await adoption.adopt(empty_database_url, folder, _NOW, _CLOCK)
    of_options = "SELECT has_gaps FROM option_bars_5min WHERE time >= '2026-11-20' ORDER BY time"
    assert [gaps for [gaps] in await connection.fetch(of_options)] == [False, True, True, True]
    of_underlyings = "SELECT has_gaps FROM underlying_bars_5min ORDER BY time"
    assert [gaps for [gaps] in await connection.fetch(of_underlyings)] == [False, True]

    await connection.execute("DELETE FROM store.option_bars_5min")
    only = (WhatToShow.TRADES, WhatToShow.BID)
    await adoption.adopt(empty_database_url, folder, _NOW, _CLOCK, option_series=only)
    assert [gaps for [gaps] in await connection.fetch(of_options)] == [False, True, True, False]

    trades, ask = WhatToShow.TRADES, WhatToShow.ASK
    for own, gaps in (({"SPY": (trades, ask)}, [False, True, False, True]), ({"SPY": (), "TSLA": (ask,)}, [False] * 4)):
        await connection.execute("DELETE FROM store.option_bars_5min")
        await adoption.adopt(empty_database_url, folder, _NOW, _CLOCK, own_series=own)
        assert [found for [found] in await connection.fetch(of_options)] == gaps
    await connection.close()


async def test_no_run_begins_meanwhile(engine: Engine, empty_database_url: str, folder: Path) -> None:
    """While bars are copied, who wants to collect hears that an adoption is at work; afterwards he may."""
    connection = await _earlier(empty_database_url, engine)
    await adoption.adopt(empty_database_url, folder, _NOW, _CLOCK)
    await connection.execute("DELETE FROM store.option_bars_5min")
    async with pool.connect(empty_database_url, _CLOCK) as db:
        async with connection.transaction():
            await connection.execute("LOCK TABLE store.option_bars_5min IN EXCLUSIVE MODE")
            adopting = asyncio.create_task(adoption.adopt(empty_database_url, folder, _NOW, _CLOCK))
            while not await connection.fetchval(_COPYING):
                assert not adopting.done()
                await asyncio.sleep(0.01)  # the server is at work
            with pytest.raises(LockHeld, match="adoption"):
                async with locks.collection_lock(db):
                    pass
        assert (await adopting).bars == 3 * 78 * 5 + 1
        async with locks.collection_lock(db):
            pass
    await connection.close()


async def test_a_run_after_an_interrupted_adoption_takes_new_ids(
    engine: Engine, empty_database_url: str, folder: Path
) -> None:
    """A bar that cannot be taken over ends the adoption; a run may follow, and the next call adopts the rest."""
    connection = await _earlier(empty_database_url, engine)
    await connection.execute("INSERT INTO option_bars_5min (time, close) VALUES ('2026-11-19 15:00Z', 1)")  # whose?
    with pytest.raises(DatabaseError, match="contract_id"):
        await adoption.adopt(empty_database_url, folder, _NOW, _CLOCK)

    async with pool.connect(empty_database_url, _CLOCK) as db, locks.collection_lock(db):
        run = NewRun(window=Window.EOD, day=date(2026, 11, 20), symbols=["SPY"], started_at=_NOW)
        assert await runs.open_run(db, run) == 3
    assert await connection.fetchval(_NEW_UNDERLYING) == 3

    await connection.execute("DELETE FROM earlier_system.option_bars_5min WHERE contract_id IS NULL")
    assert (await adoption.adopt(empty_database_url, folder, _NOW, _CLOCK)).bars == 3 * 78 * 5 + 1
    await connection.close()


async def test_summaries_reach_to_the_first_adopted_bar(engine: Engine, empty_database_url: str, folder: Path) -> None:
    """Bars older than the policies of the aggregates reach are summed up, also once the policies have run."""
    connection = await _earlier(empty_database_url, engine)
    await connection.execute(
        "INSERT INTO option_bars_5min (time, contract_id, close, volume)"
        " SELECT date_trunc('day', now(), 'UTC') - age * INTERVAL '1 day', 1, 1, age"
        " FROM unnest('{100,99,1}'::int[]) AS age"
    )
    await adoption.adopt(empty_database_url, folder, _NOW, _CLOCK)
    if engine.name == "community":
        await run_policies(connection)
    for volumes in (
        "SELECT sum(volume) FROM option_bars_5min WHERE time < now() - INTERVAL '60 days'",
        "SELECT sum(hour_volume) FROM hourly_option_summary WHERE hour < now() - INTERVAL '60 days'",
        "SELECT sum(day_volume) FROM daily_option_summary WHERE day < now() - INTERVAL '60 days'",
        "SELECT sum(volume) FROM underlying_intraday_summary WHERE time < now() - INTERVAL '60 days'",
    ):
        assert await connection.fetchval(volumes) == 199, volumes
    await connection.close()


async def test_earlier_backups_stay(
    engine: Engine, plain_database_url: str, empty_database_url: str, folder: Path
) -> None:
    """The backup before an adoption prunes nothing, however old, in the folder that it is given."""
    old = await backup.backup(plain_database_url, folder, _NOW - timedelta(days=400), clock=_CLOCK)
    connection = await _earlier(empty_database_url, engine)
    done = await adoption.adopt(empty_database_url, folder, _NOW, _CLOCK)
    assert [kept.path for kept in backup_files.backups(folder)] == [old.path, done.backup]
    await connection.close()


async def test_what_is_adopted_is_collected_on(
    engine: Engine, empty_database_url: str, folder: Path, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """IB's numbers go to the underlying and the contracts that were adopted: ids and bars stay, one row a contract."""
    connection = await _earlier(empty_database_url, engine)
    await connection.execute(
        "UPDATE option_chains SET strike_price = strike_price + 64,"  # around the simulated SPY's price
        " contract_symbol = 'SPY   261218C00' || (strike_price + 64)::int || '000'"
    )
    await adoption.adopt(empty_database_url, folder, _NOW, _CLOCK)
    adopted = await connection.fetch("SELECT id, strike_price, ib_con_id FROM option_chains ORDER BY id")
    bars = "SELECT * FROM option_bars_5min WHERE time < '2026-11-20' ORDER BY contract_id, time"
    before = await connection.fetch(bars)
    settings = narrow("SPY", horizon_days=28, band=0.001, strikes=2)

    await run_window(empty_database_url, gateway, settings, gateway_clock, Window.CHAIN_REFRESH)
    finished = await run_window(empty_database_url, gateway, settings, gateway_clock)

    assert finished.status is RunStatus.SUCCESS, finished
    spy = await connection.fetchrow("SELECT id, ib_con_id FROM underlying_securities WHERE symbol = 'SPY'")
    assert tuple(spy) == (1, 756733)
    calls = gateway.market.options("SPY", date(2026, 12, 18))
    numbers = {one.strike: one.con_id for one in calls if one.right == "C"}
    now = await connection.fetch("SELECT id, strike_price, ib_con_id FROM option_chains WHERE id <= 5 ORDER BY id")
    assert [tuple(row) for row in adopted] == [(n, Decimal(704 + n), -n) for n in range(1, 6)]
    assert [tuple(row) for row in now] == [(n, Decimal(704 + n), numbers[Decimal(704 + n)]) for n in range(1, 6)]
    twice = "SELECT FROM option_chains GROUP BY expiration_date, strike_price, option_type HAVING count(*) > 1"
    assert await connection.fetch(twice) == []
    assert await connection.fetchval("SELECT count(*) FROM option_chains WHERE NOT active OR ib_con_id < 0") == 0
    assert await connection.fetch(bars) == before
    collected = "SELECT count(*) FROM option_bars_5min WHERE contract_id <= 5 AND time > '2026-11-20'"
    assert await connection.fetchval(collected) > 0
    await connection.close()


async def test_nothing_to_adopt(database_url: str, folder: Path) -> None:
    """The collector's own database is left alone."""
    with pytest.raises(DatabaseError, match="the collector's own"):
        await adoption.adopt(database_url, folder, _NOW, _CLOCK)


async def test_empty_database_is_not_adopted(empty_database_url: str, folder: Path) -> None:
    """An empty database is told to be upgraded instead."""
    with pytest.raises(DatabaseError, match="empty"):
        await adoption.adopt(empty_database_url, folder, _NOW, _CLOCK)
