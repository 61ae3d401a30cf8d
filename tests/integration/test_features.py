"""Features by capability: what each engine gets, that applying is idempotent, and that no row is lost on the way."""

import dataclasses
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest
import pytest_asyncio

from collector.db.schema import features, migrate, timescale
from collector.db.schema.features import FeatureReport, StorageSettings
from collector.db.schema.timescale import Edition, Server
from collector.db.server.local_server import LocalServer
from collector.domain.errors import DatabaseError
from tests.support.engines import Engine, run_policies, settings
from tests.support.server_folders import server_folder
from tests.support.whole_numbers import insert, make_views

_DAY = datetime(2026, 11, 20, tzinfo=UTC)
_EDITION = {"plain": Edition.NONE, "apache": Edition.APACHE, "community": Edition.COMMUNITY}

_INSERT = insert(
    "option_bars_5min",
    "time, contract_id, open, high, low, close, volume, bid_close, ask_close",
    "SELECT $1::timestamptz, $2::integer, $3::numeric, $4::numeric, $5::numeric, $6::numeric, $7::integer,"
    " $8::numeric, $9::numeric",
)


@pytest_asyncio.fixture
async def migrated_url(empty_database_url: str) -> str:
    """Give a database with the collector's tables, the views of bars, and no feature yet."""
    await migrate.upgrade(empty_database_url)
    await make_views(empty_database_url)
    return empty_database_url


@pytest_asyncio.fixture
async def connection(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Give a connection to a database with all features of its engine."""
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()


def _bar(minutes: int, contract: int, prices: str | None, volume: int | None = None) -> tuple[object, ...]:
    """Return a row of 2026-11-20: minutes after 14:30 UTC, "open high low close" or None for quotes alone."""
    values = [Decimal(price) for price in prices.split()] if prices else [None] * 4
    at = _DAY + timedelta(hours=14, minutes=30 + minutes)
    return (at, contract, *values, volume, Decimal("1.10"), Decimal("1.20"))


async def _rows(url: str, query: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


def _on(report: FeatureReport) -> set[str]:
    return {feature.name for feature in report.features if feature.on}


async def test_each_engine_gets_what_it_can(engine: Engine, migrated_url: str) -> None:
    """Community gets everything (jobs need workers, which tests switch off), Apache hypertables, plain tables."""
    report = await features.apply(migrated_url)
    expected = {
        "plain": {"retention"},
        "apache": {"retention", "hypertables"},
        "community": {"retention", "hypertables", "compression", *features.AGGREGATES},
    }
    assert _on(report) == expected[engine.name]
    assert report.edition == _EDITION[engine.name]
    assert report.server == engine.server
    assert (report.extension or "") == engine.extension
    assert all(feature.why for feature in report.features)
    indexes = "SELECT indexname FROM pg_indexes WHERE tablename = 'option_bars_5min' ORDER BY 1"
    of_time = [("ix_option_bars_5min_time",)] if engine.name == "plain" else []  # chunks know their days
    assert await _rows(migrated_url, indexes) == [*of_time, ("pk_option_bars_5min",)]


async def test_applying_again_changes_nothing(migrated_url: str) -> None:
    """The second call finds all done: same report, same objects, same jobs."""
    objects = (
        "SELECT oid::regclass::text, relkind, oid FROM pg_class"
        " WHERE relnamespace IN ('public'::regnamespace, 'store'::regnamespace) ORDER BY 1"
    )
    first = await features.apply(migrated_url)
    before = await _rows(migrated_url, objects)
    assert await features.apply(migrated_url) == first
    assert await features.report(migrated_url) == first
    assert await _rows(migrated_url, objects) == before


async def test_batches_have_no_bloom_filters(engine: Engine, migrated_url: str) -> None:
    """Compressed bars have bounds of contract and time, and none of the filters that TimescaleDB adds by itself."""
    if engine.name != "community":
        pytest.skip("needs the Community edition of TimescaleDB: compression")
    await features.apply(migrated_url)
    connection = await asyncpg.connect(migrated_url)
    if timescale.version(engine.extension) >= (2, 26):  # a database of an earlier version of the collector, upgraded
        await connection.execute(
            "ALTER TABLE store.option_bars_5min SET (timescaledb.index = 'bloom(contract_id, time)')"
        )
        await features.apply(migrated_url)
    await connection.executemany(_INSERT, [_bar(5 * n, 1, "1 2 0.5 1.5", 3) for n in range(78)])
    await connection.execute("SELECT compress_chunk(c) FROM show_chunks('store.option_bars_5min') AS c")
    found = await connection.fetch(
        "SELECT attname::text FROM pg_attribute AS a INNER JOIN _timescaledb_catalog.chunk AS c"
        " ON a.attrelid = format('%I.%I', c.schema_name, c.table_name)::regclass"
        " WHERE starts_with(attname, '_ts_meta')"
    )
    assert {name for [name] in found} >= {f"_ts_meta_{bound}_{n}" for bound in ("min", "max") for n in (1, 2)}
    assert not [name for [name] in found if "bloom" in name]
    await connection.close()


async def test_rows_survive_when_the_extension_comes_later(migrated_url: str) -> None:
    """Tables that were filled as ordinary ones become hypertables with every row."""
    connection = await asyncpg.connect(migrated_url)
    await connection.executemany(_INSERT, [_bar(5 * n, c, "1 2 0.5 1.5", 3) for n in range(78) for c in range(1, 6)])
    await connection.execute(
        insert(
            "underlying_bars_5min",
            "time, underlying_id, close",
            "SELECT generate_series($1::timestamptz - INTERVAL '90 days', $1, '1 day'), 1, 640.25",
        ),
        _DAY,
    )
    await connection.close()
    everything = "SELECT * FROM option_bars_5min ORDER BY contract_id, time"
    before = await _rows(migrated_url, everything)
    await features.apply(migrated_url)
    assert await _rows(migrated_url, everything) == before
    assert len(before) == 390
    assert await _rows(migrated_url, "SELECT count(*) FROM underlying_bars_5min") == [(91,)]


async def test_summaries_reach_to_the_first_bar_when_the_extension_comes_later(
    engine: Engine, migrated_url: str
) -> None:
    """Bars older than the policies reach are in all summaries, also after the policies' first runs."""
    connection = await asyncpg.connect(migrated_url)
    await connection.execute(
        "INSERT INTO underlying_securities (id, symbol, ib_con_id, sec_type, exchange, currency)"
        " VALUES (1, 'SPY', 756733, 'STK', 'SMART', 'USD');"
        "INSERT INTO option_chains (id, underlying_id, contract_symbol, expiration_date, strike_price, option_type,"
        " ib_con_id, multiplier, exchange, trading_class, currency)"
        " VALUES (1, 1, 'SPY', '2026-12-18', 640, 'C', 1, 100, 'SMART', 'SPY', 'USD')"
    )
    today = await connection.fetchval("SELECT date_trunc('day', now(), 'UTC')")
    bars = [_bar(5 * n, 1, "1 2 0.5 1.5", n) for n in range(78)]
    for age in (100, 99, 60, 1):
        shift = today - timedelta(days=age) - _DAY
        await connection.executemany(_INSERT, [(bar[0] + shift, *bar[1:]) for bar in bars])

    await features.apply(migrated_url)
    if engine.name == "community":
        await run_policies(connection)

    raw = "SELECT sum(volume), count(*) FROM option_bars_5min"
    assert await _rows(migrated_url, raw) == [(4 * sum(range(78)), 4 * 78)]
    for sums in (
        "SELECT sum(hour_volume), sum(bars_count) FROM hourly_option_summary",
        "SELECT sum(day_volume), sum(bars_count) FROM daily_option_summary",
        "SELECT sum(volume), sum(contracts) FROM underlying_intraday_summary",
    ):
        assert await _rows(migrated_url, sums) == await _rows(migrated_url, raw), sums
    await connection.close()


async def test_what_was_archived_before_the_aggregates_is_shown(migrated_url: str) -> None:
    """Hours that retention wrote down where summaries were views are in the summaries, whatever they are now."""
    await _rows(
        migrated_url,
        "INSERT INTO hourly_option_archive (contract_id, hour, hour_volume, bars_count, traded_bars)"
        " VALUES (1, '2025-03-03 15:00Z', 7, 12, 3), (1, '2025-03-04 20:00Z', 5, 12, 1)",
    )
    await features.apply(migrated_url)
    assert await _rows(migrated_url, "SELECT sum(hour_volume), sum(traded_bars) FROM hourly_option_summary") == [
        (12, 4)
    ]
    assert await _rows(migrated_url, "SELECT day::date::text, day_volume FROM daily_option_summary ORDER BY 1") == [
        ("2025-03-03", 7),
        ("2025-03-04", 5),
    ]


async def test_edition_may_change_in_place(engine: Engine) -> None:
    """A database that began under the Apache license gets the rest when the license allows it; and the way back."""
    if engine.name != "community" or engine.bindir is None:
        pytest.skip(
            "needs the Community edition of TimescaleDB on this machine: its server starts under either license"
        )
    folder = server_folder("collector-license-")
    apache, community = (LocalServer(engine.bindir, folder / "pg", settings(name)) for name in ("apache", "community"))
    url = apache.url("collector")
    hours = (
        "SELECT contract_id, hour, hour_open, hour_close, hour_volume, bars_count FROM hourly_option_summary ORDER BY 2"
    )
    try:
        apache.start()
        await _rows(apache.url("postgres"), "CREATE DATABASE collector")
        await migrate.upgrade(url)
        assert (await features.apply(url)).edition == Edition.APACHE
        connection = await asyncpg.connect(url)
        await connection.executemany(_INSERT, [_bar(5 * n, 1, "1 2 0.5 1.5", 3) for n in range(12)])
        await connection.close()
        before = await _rows(url, hours)
        assert len(before) == 2

        apache.stop()
        community.start()
        report = await features.apply(url)
        assert report.edition == Edition.COMMUNITY
        assert _on(report) >= set(features.AGGREGATES)
        assert await _rows(url, hours) == before

        community.stop()
        apache.start()
        report = await features.apply(url)
        assert any("nothing refreshes them" in warning for warning in report.warnings)
        assert await _rows(url, hours) == before

        apache.stop()
        community.start()
        await _rows(url, "SELECT compress_chunk(c) FROM show_chunks('store.option_bars_5min') AS c")
        community.stop()
        apache.start()
        with pytest.raises(DatabaseError, match="compressed by the Community edition"):
            await features.apply(url)
    finally:
        apache.stop()
        shutil.rmtree(folder)


async def test_settings_may_change(engine: Engine, migrated_url: str) -> None:
    """A later upgrade with other settings moves the policies instead of adding more."""
    if engine.name != "community":
        pytest.skip("needs the Community edition of TimescaleDB: policies")
    jobs = "SELECT count(*) FROM timescaledb_information.jobs WHERE proc_name LIKE 'policy_%'"
    await features.apply(migrated_url)
    before = await _rows(migrated_url, jobs)
    await features.apply(migrated_url, StorageSettings(compress_after_days=14, repair_days=60))
    assert await _rows(migrated_url, jobs) == before
    after = (
        "SELECT config->>'compress_after' FROM timescaledb_information.jobs WHERE hypertable_name = 'option_bars_5min'"
    )
    assert await _rows(migrated_url, f"{after} AND proc_name = 'policy_compression'") == [("14 days",)]


async def test_summaries_by_hand(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Hourly, daily and intraday sums of a small day, computed by hand; what a bar lacks disturbs nothing."""
    await connection.execute(
        "INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)"
        " VALUES ('SPY', 756733, 'STK', 'SMART', 'USD')"
    )
    await connection.execute(
        "INSERT INTO option_chains (underlying_id, contract_symbol, expiration_date, strike_price, option_type,"
        " ib_con_id, multiplier, exchange, trading_class, currency)"
        " SELECT u.id, r, '2026-11-20', 640, r, ascii(r), 100, 'SMART', 'SPY', 'USD'"
        " FROM underlying_securities AS u, unnest(ARRAY['C', 'P']) AS r"
    )
    call, put = (row[0] for row in await connection.fetch("SELECT id FROM option_chains ORDER BY option_type"))
    await connection.executemany(
        _INSERT,
        [
            _bar(0, call, None, 0),  # 14:30
            _bar(5, call, "1.00 1.50 0.90 1.20", 10),
            _bar(25, call, "1.20 1.25 1.10 1.15", 5),
            _bar(30, call, "1.15 2.00 1.15 1.90", 7),  # 15:00
            _bar(85, call, None),  # 15:55, TRADES not answered
            _bar(5, put, "3.00 3.10 2.90 3.05", 20),
        ],
    )
    await connection.execute(
        "UPDATE store.option_bars_5min SET implied_volatility = 2000 + extract(MINUTE FROM time), delta = 5000,"
        " open_interest = 70 WHERE contract_id = $1 AND time < $2",
        call,
        _DAY + timedelta(hours=15),
    )
    await connection.execute(
        "UPDATE store.option_bars_5min SET bid_close = 105, ask_close = NULL WHERE contract_id = $1 AND time = $2",
        call,
        _DAY + timedelta(hours=14, minutes=55),
    )
    hour = _DAY + timedelta(hours=14)

    def decimals(*numbers: str | int | None) -> tuple[Decimal | int | None, ...]:
        return tuple(Decimal(one) if isinstance(one, str) else one for one in numbers)

    # The bids of the call's first hour are 1.10, 1.10 and 1.05.
    quoted = ("1.10", "1.20", "1.10", "1.20", None, None, None)
    expected = [
        (call, hour, *decimals("1.00", "1.50", "0.90", "1.15", 15, 3, 2, 15),
         *decimals("1.0833", "1.20", "1.05", "1.20", "0.2055", "0.5", 70)),
        (call, hour + timedelta(hours=1), *decimals("1.15", "2.00", "1.15", "1.90", 7, 2, 1, 7), *decimals(*quoted)),
        (put, hour, *decimals("3.00", "3.10", "2.90", "3.05", 20, 1, 1, 20), *decimals(*quoted)),
    ]  # fmt: skip
    hours = await connection.fetch("SELECT * FROM hourly_option_summary ORDER BY contract_id, hour")
    assert [tuple(row) for row in hours] == expected
    days = await connection.fetch("SELECT * FROM daily_option_summary ORDER BY contract_id")
    assert [tuple(row) for row in days] == [
        (
            call,
            _DAY,
            *decimals("1.00", "2.00", "0.90", "1.90", 22, 5, 3),
            *decimals("1.10", "1.20", "0.2055", "0.5", 70),
        ),
        (put, _DAY, *decimals("3.00", "3.10", "2.90", "3.05", 20, 1, 1), *decimals("1.10", "1.20", None, None, None)),
    ]
    slots = await connection.fetch(
        "SELECT time, volume, call_volume, put_volume, traded_contracts, contracts"
        " FROM underlying_intraday_summary ORDER BY time LIMIT 2"
    )
    assert [tuple(row) for row in slots] == [
        (hour + timedelta(minutes=30), 0, 0, None, 0, 1),
        (hour + timedelta(minutes=35), 30, 10, 20, 2, 2),
    ]


async def test_aggregates_follow_late_backfills(
    engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """A bar stored weeks late into a materialised, compressed day is in all aggregates after the policies' next run."""
    if engine.name != "community":
        pytest.skip("needs the Community edition of TimescaleDB: continuous aggregates")
    today = await connection.fetchval("SELECT date_trunc('day', now(), 'UTC')")
    old = today - timedelta(days=20)
    shift = old - _DAY
    bars = [_bar(5 * n, 1, "1 2 0.5 1.5", 3) for n in range(12)]
    await connection.executemany(_INSERT, [(bar[0] + shift, *bar[1:]) for bar in bars[1:]])
    await run_policies(connection)
    assert await connection.fetchval("SELECT sum(day_volume) FROM daily_option_summary") == 33
    assert await connection.fetchval("SELECT count(*) FROM show_chunks('store.option_bars_5min')") == 1

    await connection.execute(_INSERT, bars[0][0] + shift, *bars[0][1:])
    await run_policies(connection)
    assert await connection.fetchval("SELECT sum(hour_volume) FROM hourly_option_summary") == 36
    assert await connection.fetchval("SELECT sum(day_volume) FROM daily_option_summary") == 36

    # Today is there without any refresh.
    await connection.execute(_INSERT, today, *bars[0][1:])
    assert await connection.fetchval("SELECT sum(hour_volume) FROM hourly_option_summary") == 39
    assert await connection.fetchval("SELECT sum(day_volume) FROM daily_option_summary") == 39


_SERVER = Server("17.6", 170006, "2.22.1", "2.22.1", preloaded=True, license="timescale", workers=16)


def test_old_versions_are_refused() -> None:
    """Versions that lose rows on compressed chunks, and PostgreSQL without multiranges, are refused with a way out."""
    timescale.check(_SERVER)
    timescale.check(dataclasses.replace(_SERVER, installed="2.18.1"))
    with pytest.raises(DatabaseError, match=r"2\.17\.2 is too old") as caught:
        timescale.check(dataclasses.replace(_SERVER, installed="2.17.2"))
    assert "ALTER EXTENSION" in caught.value.hint
    with pytest.raises(DatabaseError, match=r"PostgreSQL 13\.9 is too old"):
        timescale.check(dataclasses.replace(_SERVER, server="13.9", server_number=130009))


def test_settings_that_would_lose_aggregates_are_refused() -> None:
    """A refresh that reaches into dropped bars deletes aggregates, so bars must outlive the repair horizon."""
    with pytest.raises(ValueError, match="longer than repairs"):
        StorageSettings(repair_days=45, keep_days=45)
