"""Databases of earlier versions are upgraded in place: every value stays what it was, and can be read all the while."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr
from rich.console import Console

from collector.app import maintenance, reading
from collector.cli.inspect import status
from collector.clock import SystemClock
from collector.config import DatabaseSettings, Settings
from collector.db.connection import locks, pool
from collector.db.schema import adoption, conversion, features, migrate
from collector.db.schema.conversion import Progress
from collector.db.schema.timescale import Session
from collector.domain.errors import DatabaseError
from tests.support import old_databases
from tests.support.engines import Engine

OPTION_BARS = """
SELECT contract_id, time, open::text, high::text, low::text, close::text, volume, bar_count, vwap::text,
    bid_close::text, ask_close::text, spread_close::text, mid_close::text, implied_volatility::text, delta::text,
    gamma::text, theta::text, vega::text, rho::text, greeks_version, greeks_reason, open_interest, flags,
    collection_run_id, data_source, has_gaps, created_at, updated_at
FROM option_bars_5min ORDER BY contract_id, time
"""
QUOTES = """
SELECT contract_id, time, bid_open::text, bid_high::text, bid_low::text, ask_open::text, ask_high::text, ask_low::text
FROM option_bars_5min ORDER BY contract_id, time
"""
UNDERLYING_BARS = """
SELECT underlying_id, time, open::text, high::text, low::text, close::text, volume::text, bar_count, vwap::text,
    implied_volatility::text, flags, collection_run_id, has_gaps, created_at, updated_at
FROM underlying_bars_5min ORDER BY underlying_id, time
"""
OTHERS = (
    "bar_revisions", "historical_data_gaps", "quarantined_bars", "option_contract_lifecycle", "option_chains",
    "underlying_securities", "intraday_collection_runs", "request_coverage",
)  # fmt: skip
ROWS = (
    "SELECT (to_jsonb(t) - '{{data_set,instrument_id,source,calendar,adjusted_close}}'::text[])::text"
    " FROM {table} AS t ORDER BY 1"
)
HOURS = """
SELECT contract_id, hour, hour_open::numeric(14, 4)::text, hour_high::numeric(14, 4)::text,
    hour_low::numeric(14, 4)::text, hour_close::numeric(14, 4)::text, hour_volume::bigint, bars_count, traded_bars
FROM hourly_option_summary ORDER BY 1, 2
"""
SLOTS = """
SELECT underlying_id, time, volume::bigint, call_volume::bigint, put_volume::bigint, traded_contracts, contracts
FROM underlying_intraday_summary ORDER BY 1, 2
"""
ENDING = "SELECT pg_terminate_backend({pid}), pg_sleep(0.2)"
# One slot of each of three contracts: an ask that is no price, Greeks that are none, a VWAP without a close.
SPOILT = """
UPDATE option_bars_5min SET ask_close = 150000.1234 WHERE contract_id = 1 AND time = '2026-11-16 14:45Z';
UPDATE option_bars_5min SET gamma = 5000, delta = 99999999, vega = -0.1
WHERE contract_id = 2 AND time = '2026-11-16 14:45Z';
UPDATE option_bars_5min SET close = NULL, vwap = 1 WHERE contract_id = 3 AND time = '2026-11-16 14:45Z';
UPDATE underlying_bars_5min SET volume = 950000000000000 WHERE underlying_id = 7 AND time = '2026-11-16 14:35Z'
"""
REFUSED = """
SELECT contract_id, underlying_id, what_to_show, reason, close::text, volume::text FROM quarantined_bars
WHERE time < '2026-11-17' ORDER BY time DESC, what_to_show
"""
KEPT = """
SELECT contract_id, close::text, bid_close::text, gamma::text, vega::text FROM option_bars_5min
WHERE time = '2026-11-16 14:45Z' AND contract_id < 4 ORDER BY 1
"""
EVERY_DAY = (old_databases.DROPPED, *old_databases.DAYS)
"""Of the first only underlyings have bars."""
NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
"""Bars of the 16th are old enough to be compressed."""


@dataclass(frozen=True)
class Old:
    """A database of an earlier version, and what it held."""

    url: str
    engine: str
    before: dict[str, list[tuple[Any, ...]]]


async def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Return what any query says."""
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def executed(url: str, statements: str) -> None:
    """Run statements of the test's own."""
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def bars(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return every column of every bar, as readers see them."""
    return {one: await rows(url, one) for one in (OPTION_BARS, QUOTES, UNDERLYING_BARS)}


async def everything(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return every bar, and the rows of the other tables, without what this revision adds to them."""
    others = {one: await rows(url, ROWS.format(table=one)) for one in OTHERS}
    return {**await bars(url), **others, HOURS: await rows(url, HOURS), SLOTS: await rows(url, SLOTS)}


@pytest_asyncio.fixture
async def old(engine: Engine, empty_database_url: str) -> Old:
    """Give a database of revision 0006, on each engine in turn."""
    await old_databases.build(empty_database_url, engine.name)
    return Old(empty_database_url, engine.name, await everything(empty_database_url))


@contextlib.asynccontextmanager
async def held(url: str) -> AsyncIterator[locks.Lock]:
    """Hold the collection lock."""
    async with pool.connect(url, SystemClock(), size=1) as db, locks.collection_lock(db, "upgrade") as lock:
        yield lock


async def convert(url: str, on_day: Callable[[Progress], None] = lambda _: None) -> tuple[str, ...]:
    """Move what is left, at a time when some of the days are old."""
    async with held(url) as lock:
        return await conversion.convert(url, SystemClock(NOW), lock, on_day=on_day)


async def upgrade(url: str) -> None:
    """Bring a database to this version's schema and features, without moving bars."""
    await migrate.upgrade(url)
    await features.apply(url)


def differing(after: dict[str, list[tuple[Any, ...]]], before: dict[str, list[tuple[Any, ...]]]) -> Iterator[str]:
    """Yield the first rows that differ, table by table."""
    for name, found in after.items():
        if found != (expected := before[name]):
            missing = [row for row in expected if row not in found][:3]
            added = [row for row in found if row not in expected][:3]
            yield f"{name}: {len(found)} rows instead of {len(expected)}; missing {missing}; added {added}"


async def test_every_value_is_what_it_was(old: Old) -> None:
    """Bars, what other tables say, and the summaries, of dropped bars too; no trace is left of where they were."""
    assert len(old.before[OPTION_BARS]) == 4 * 28 * 6
    await upgrade(old.url)
    assert list(differing(await bars(old.url), old.before)) == []

    assert await convert(old.url) == ()

    assert list(differing(await everything(old.url), old.before)) == []
    assert await rows(old.url, "SELECT count(*) FROM store.option_bars_5min") == [(4 * 28 * 6,)]
    assert await rows(old.url, "SELECT to_regnamespace('decimals') IS NULL") == [(True,)]
    assert await rows(old.url, "SELECT DISTINCT unit FROM store.option_bars_5min ORDER BY 1") == [(1,), (100,)]


async def test_a_database_of_revision_0005(engine: Engine, empty_database_url: str) -> None:
    """Also from there every bar and every summary is what it was; the columns that 0006 adds are unknown."""
    await old_databases.build(empty_database_url, engine.name, "0005")
    before = {one: await rows(empty_database_url, one) for one in (OPTION_BARS, UNDERLYING_BARS, HOURS, SLOTS)}
    await upgrade(empty_database_url)
    await convert(empty_database_url)
    after = {one: await rows(empty_database_url, one) for one in before}
    assert list(differing(after, before)) == []
    assert {row[2:] for row in await rows(empty_database_url, QUOTES)} == {(None,) * 6}


async def test_it_goes_on_after_each_day(old: Old) -> None:
    """Stopped after a day, all can be read, runs are refused and told how much is left; then it takes the next day."""
    await upgrade(old.url)

    def stop(_: Progress) -> None:
        raise asyncio.CancelledError

    for left in range(6, -1, -1):
        with contextlib.suppress(asyncio.CancelledError):
            await convert(old.url, stop)
        assert list(differing(await bars(old.url), old.before)) == []
        found = await conversion.remaining(old.url)
        assert [day.start.date() for day in found.days] == list(reversed(EVERY_DAY[:left]))
        async with pool.connect(old.url, SystemClock(), size=1) as db:
            with pytest.raises(DatabaseError, match=f"{left} days? ha(s|ve) still to be moved") as caught:
                await conversion.require_finished(db)
        assert caught.value.hint == "run: collector db upgrade"
        await features.apply(old.url)  # whoever upgrades again changes nothing of it
        assert list(differing(await bars(old.url), old.before)) == []
    await convert(old.url)
    async with pool.connect(old.url, SystemClock(), size=1) as db:
        await conversion.require_finished(db)
    assert list(differing(await everything(old.url), old.before)) == []


@pytest.mark.parametrize("step", ["_set_apart", "_lock", "_compress"])
async def test_it_goes_on_after_a_cut_inside_a_day(old: Old, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server ends the session before, within and after a day's transaction: nothing is lost or doubled."""
    await upgrade(old.url)
    real, cut = getattr(conversion, step), 0

    async def ending(session: Session, *args: Any) -> Any:  # noqa: ANN401 - whatever the step takes and returns
        nonlocal cut
        if cut < times:
            cut += 1
            await rows(old.url, ENDING.format(pid=session.connection.get_server_pid()))
        return await real(session, *args)

    monkeypatch.setattr(conversion, step, ending)
    times = 3 if step != "_compress" or old.engine == "community" else 0
    for _ in range(times):
        with pytest.raises(DatabaseError):
            await convert(old.url)
        assert list(differing(await bars(old.url), old.before)) == []
    await convert(old.url)
    assert cut == times
    assert list(differing(await everything(old.url), old.before)) == []


async def test_it_goes_on_after_a_signal_inside_a_day(old: Old, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled when a day is in the store and not yet gone from decimals, it leaves that day as it was."""
    await upgrade(old.url)
    real, signals = conversion._lock, [1, 3]

    async def signalled(session: Session) -> None:
        signals[0] -= 1
        if not signals[0]:
            del signals[0]
            raise asyncio.CancelledError
        await real(session)

    with monkeypatch.context() as patch:
        patch.setattr(conversion, "_lock", signalled)
        for left in (7, 5):
            with pytest.raises(asyncio.CancelledError):
                await convert(old.url)
            assert list(differing(await bars(old.url), old.before)) == []
            assert len((await conversion.remaining(old.url)).days) == left
    await convert(old.url)
    assert list(differing(await everything(old.url), old.before)) == []


async def test_ordinary_tables_on_a_server_with_chunks(engine: Engine, empty_database_url: str) -> None:
    """Bars that were stored before the server had TimescaleDB move into chunks, every value as it was."""
    await old_databases.build(empty_database_url, "plain")
    before = await everything(empty_database_url)
    await upgrade(empty_database_url)
    assert await convert(empty_database_url) == ()
    assert list(differing(await everything(empty_database_url), before)) == []


async def test_readers_see_each_bar_once_all_the_while(old: Old) -> None:
    """Somebody who counts and adds up without a pause finds the same every time, from the first day to the last."""
    await upgrade(old.url)
    total = "SELECT count(*), sum(close), sum(ask_close), sum(volume), sum(flags) FROM option_bars_5min"
    [expected] = await rows(old.url, total)
    finished, seen = asyncio.Event(), 0

    async def read() -> None:
        nonlocal seen
        connection = await asyncpg.connect(old.url)
        try:
            while not finished.is_set():
                assert tuple(await connection.fetchrow(total)) == expected
                seen += 1
        finally:
            await connection.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        await convert(old.url)
        finished.set()
    assert seen > 5
    assert await rows(old.url, total) == [expected]


async def _waits_for_a_table(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Return when somebody has begun to wait for a table that others are at, and has let go of it again."""
    waiting = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    for is_waiting in (True, False):
        async with asyncio.timeout(30):
            while bool(await connection.fetchval(waiting)) is not is_waiting:
                pass


async def test_a_reader_who_stays_is_waited_for(old: Old, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a transaction keeps the bars in view, others read on between two attempts, and the day's work is kept."""
    monkeypatch.setattr(pool, "LOCK_TIMEOUT_S", 0.2)
    await upgrade(old.url)
    moved = asyncio.Event()
    connection = await asyncpg.connect(old.url)
    staying = connection.transaction()
    await staying.start()
    await connection.fetch("SELECT count(*) FROM option_bars_5min")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(convert(old.url, lambda _: moved.set()))
        await _waits_for_a_table(connection)
        assert not moved.is_set()
        assert list(differing(await bars(old.url), old.before)) == []
        await staying.rollback()
        await task
    await connection.close()
    assert list(differing(await bars(old.url), old.before)) == []


async def test_compressed_days_are_compressed_again(old: Old) -> None:
    """Where the engine can, days that are old enough are compressed in the store, and aggregates know every day."""
    if old.engine != "community":
        pytest.skip("needs the Community edition of TimescaleDB: compression")
    await upgrade(old.url)
    await convert(old.url)
    chunks = await rows(
        old.url,
        "SELECT range_start::date::text, is_compressed FROM timescaledb_information.chunks"
        " WHERE hypertable_schema = 'store' AND hypertable_name = 'option_bars_5min' ORDER BY 1",
    )
    assert chunks == [(str(day), day <= date(2026, 11, 16)) for day in old_databases.DAYS]
    stored = "SELECT count(*) FROM _timescaledb_internal.{table} WHERE hour >= '2026-11-16'"
    [[name]] = await rows(
        old.url,
        "SELECT materialization_hypertable_name::text FROM timescaledb_information.continuous_aggregates"
        " WHERE view_name = 'hourly_option_summary'",
    )
    assert await rows(old.url, stored.format(table=name)) == [(4 * 3 * 6,)]


async def test_what_fits_nowhere_is_kept_apart(old: Old) -> None:
    """A price beyond the bound goes to the quarantine and is asked for again, such Greeks are NULL; it is said."""
    await executed(old.url, SPOILT)
    await upgrade(old.url)
    notes = await convert(old.url)
    assert [note.split(" ", 1)[0] for note in notes] == ["3", "1", "1"]
    assert await rows(old.url, REFUSED) == [
        (1, None, "ASK", "too_large", "150000.1234", None),
        (3, None, "TRADES", "not_a_number", None, "3001"),
        (None, 7, "TRADES", "too_large", "641.1235", "950000000000000.0000"),
    ]
    assert await rows(old.url, KEPT) == [
        (1, "3.3000", "3.2400", None, None),
        (2, "4.3000", "4.2400", None, "-0.1000"),
        (3, None, "5.2400", None, None),
    ]
    [[asked_again]] = await rows(
        old.url,
        "SELECT NOT covered @> '2026-11-16 14:45Z'::timestamptz AND covered @> '2026-11-16 14:50Z'::timestamptz"
        " FROM request_coverage WHERE contract_id = 1 AND what_to_show = 'ASK'",
    )
    assert asked_again


async def test_views_of_others_are_named(old: Old) -> None:
    """A view of somebody's on the bars would show old ones for ever: the upgrade changes nothing and names it."""
    await executed(old.url, "CREATE VIEW mine AS SELECT time, close FROM option_bars_5min")
    with pytest.raises(DatabaseError, match="stand on the bars: mine") as caught:
        await migrate.upgrade(old.url)
    assert "create them anew" in caught.value.hint
    assert await rows(old.url, OPTION_BARS) == old.before[OPTION_BARS]
    await executed(old.url, "DROP VIEW mine")
    await migrate.upgrade(old.url)


async def test_nothing_is_judged_by_the_bars_that_have_moved(old: Old) -> None:
    """Between two days of the move neither a check nor an acceptance takes for absent what still waits."""
    await upgrade(old.url)
    settings = Settings(database=DatabaseSettings(url=SecretStr(old.url)))
    day = old_databases.DAYS[0]
    for asked in (
        maintenance.verify(settings, ("SPY",), day, SystemClock(NOW)),
        maintenance.accept(settings, day, ("SPY",), SystemClock(NOW)),
    ):
        with pytest.raises(DatabaseError, match="7 days have still to be moved"):
            await asked


async def test_a_status_page_says_that_bars_wait(old: Old, capsys: pytest.CaptureFixture[str]) -> None:
    """Between two days of the move the page and its JSON say why slots look unknown, and what to do; not afterwards."""
    settings = Settings(database=DatabaseSettings(url=SecretStr(old.url)))

    async def shown() -> tuple[str, object]:
        page = await reading.overview(settings, old_databases.DAYS[0], SystemClock(NOW))
        status.show(page, Console(width=500))
        return capsys.readouterr().out, status.document(page)["unfinished_upgrade"]

    await upgrade(old.url)
    page, told = await shown()
    assert isinstance(told, str)
    assert "not finished" in told
    assert told.endswith("run: collector db upgrade")
    assert f"{told}\n" in page
    await convert(old.url)
    page, told = await shown()
    assert told is None
    assert "not finished" not in page


GUESTS = {
    "function mine(option_bars_5min)": "CREATE FUNCTION mine(option_bars_5min) RETURNS numeric LANGUAGE sql AS"
    " 'SELECT $1.close'",
    "trigger mine on underlying_bars_5min": "CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN RETURN NULL; END'; CREATE TRIGGER mine BEFORE DELETE ON underlying_bars_5min"
    " FOR EACH ROW EXECUTE FUNCTION kept()",
    "column my_note of option_bars_5min": "ALTER TABLE option_bars_5min ADD my_note text",
    "constraint mine_underlying_id_time_fkey on table mine": "CREATE TABLE mine (underlying_id int, time timestamptz,"
    " FOREIGN KEY (underlying_id, time) REFERENCES underlying_bars_5min ON DELETE CASCADE)",
}


async def test_what_hangs_on_the_tables_is_named(old: Old) -> None:
    """What would go with the tables or their rows, or keep them, is named before anything is changed."""
    for statement in GUESTS.values():
        await executed(old.url, statement)
    with pytest.raises(DatabaseError, match="hangs on the tables of bars") as caught:
        await migrate.upgrade(old.url)
    assert all(guest in caught.value.message for guest in GUESTS), caught.value
    assert caught.value.message.count(", ") == len(GUESTS)
    assert await rows(old.url, OPTION_BARS) == old.before[OPTION_BARS]
    assert await rows(old.url, "SELECT version_num FROM alembic_version") == [("0006",)]


@pytest.mark.parametrize("moved", [0, 2, 7])
async def test_the_way_back(old: Old, moved: int) -> None:
    """From before, within and after the move every value is again where revision 0006 had it, dropped summaries too."""
    await upgrade(old.url)

    def stop(progress: Progress) -> None:
        if progress.done == moved:
            raise asyncio.CancelledError

    if moved:
        with contextlib.suppress(asyncio.CancelledError):
            await convert(old.url, stop if moved < len(EVERY_DAY) else lambda _: None)
    await migrate.downgrade(old.url, "0006")
    tables = await rows(old.url, "SELECT relkind::text FROM pg_class WHERE oid = 'public.option_bars_5min'::regclass")
    assert tables == [("r",)]
    assert list(differing(await bars(old.url), old.before)) == []
    archived = HOURS.replace("hourly_option_summary", "hourly_option_archive")
    assert await rows(old.url, archived) == [row for row in old.before[HOURS] if row[1] < NOW - timedelta(days=30)]
    await upgrade(old.url)
    await convert(old.url)
    assert list(differing(await everything(old.url), old.before)) == []


async def test_readers_stay_readers(old: Old) -> None:
    """Who was allowed to read the tables of bars, roles of his own included, may read the views, now and afterwards."""
    await executed(old.url, "GRANT SELECT ON option_bars_5min TO PUBLIC")
    await upgrade(old.url)
    allowed = "SELECT array_to_string(relacl, ' ') ~ '(^| )=r/' FROM pg_class WHERE oid = '{view}'::regclass"
    views = {"option_bars_5min": True, "option_bars_5min_float8": True, "underlying_bars_5min": None}
    assert {one: (await rows(old.url, allowed.format(view=one)))[0][0] for one in views} == views
    await convert(old.url)
    assert {one: (await rows(old.url, allowed.format(view=one)))[0][0] for one in views} == views


async def test_an_old_database_without_bars(engine: Engine, empty_database_url: str) -> None:
    """Nothing waits to be moved, and the summaries of bars that were all dropped are still there."""
    await old_databases.build(empty_database_url, engine.name, days=())
    await executed(empty_database_url, "DELETE FROM underlying_bars_5min")
    before = {one: await rows(empty_database_url, one) for one in (HOURS, SLOTS)}
    assert all(before.values())
    assert (await conversion.remaining(empty_database_url)).days == ()
    await upgrade(empty_database_url)
    assert await conversion.remaining(empty_database_url) == conversion.Remaining()
    assert {one: await rows(empty_database_url, one) for one in before} == before


async def test_an_adoption_that_an_earlier_version_began(old: Old, tmp_path: Path) -> None:
    """What it had adopted is moved before the rest is, so that no bar can stand in two places."""
    await executed(
        old.url,
        "CREATE SCHEMA earlier_system; CREATE TABLE earlier_system.option_bars_5min AS"
        " SELECT * FROM option_bars_5min WHERE time < '2026-11-18'",
    )
    await adoption.adopt(old.url, tmp_path, NOW, SystemClock(NOW))
    assert list(differing(await bars(old.url), old.before)) == []
    assert (await conversion.remaining(old.url)).days == ()
