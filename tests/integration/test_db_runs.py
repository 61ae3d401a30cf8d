"""Runs, the collection lock, the status page: what is on record, and who is at work."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote as quoted

import pytest

from collector.clock import SystemClock
from collector.db.bars import bar_tables
from collector.db.bookkeeping import runs_table, schedule_state
from collector.db.bookkeeping.runs_table import DailyStatus, NewRun, RunEnd
from collector.db.connection import locks, pool
from collector.db.connection.pool import Database
from collector.db.readers import day_status, report_rows
from collector.db.schema import features
from collector.domain.errors import LockHeld
from collector.domain.market_data.instruments import OPTION_SERIES
from collector.domain.run_vocabulary import GapState, RunStatus, Window
from tests.support.db_rows import FRIDAY, answer, answers, make_chain, quote, rows, trade
from tests.support.waiting import until

START = datetime(2026, 11, 20, 21, 45, tzinfo=UTC)
NEW = NewRun(window=Window.EOD, day=FRIDAY.day, symbols=("PLTR", "SPY"), started_at=START, host="lab", process_id=7)


async def test_attempts_are_counted_by_window_and_date(database: Database) -> None:
    """Each run of the same window and date is the next attempt; another window counts for itself."""
    first = await runs_table.open_run(database, NEW)
    second = await runs_table.open_run(database, NEW)
    other = await runs_table.open_run(
        database, NewRun(window=Window.MORNING, day=FRIDAY.day, symbols=(), started_at=START + timedelta(hours=1))
    )
    found = await day_status.runs_of(database, FRIDAY.day)
    assert [(run.id, run.window, run.attempt, run.status) for run in found] == [
        (first, "eod", 1, RunStatus.RUNNING),
        (second, "eod", 2, RunStatus.RUNNING),
        (other, "morning", 1, RunStatus.RUNNING),
    ]
    assert [run.id for run in await day_status.latest_runs(database, 2)] == [other, second]


async def test_windows_that_this_version_does_not_have(database: Database) -> None:
    """Runs and misses under a word that is no window here are left out, by the schedule and by the week."""
    await runs_table.open_run(database, NEW)
    await rows(
        database,
        """
        WITH run AS (
            INSERT INTO intraday_collection_runs (
                run_date, run_type, attempt, started_at, heartbeat_at, symbols_requested, bar_size, status
            )
            VALUES ($1, 'end_of_day', 1, $2, $2, '{PLTR}', '5 mins', 'success')
        )
        INSERT INTO daily_collection_status (collection_date, symbol, collection_type, started_at, status)
        VALUES ($1, 'MISSED no_use', 'end_of_day', $2, 'missed')
        """,
        FRIDAY.day,
        START,
    )
    assert [one.window for one in await schedule_state.attempts(database, FRIDAY.day)] == [Window.EOD]
    assert await schedule_state.missed(database, FRIDAY.day) == set()
    week = await report_rows.week(database, FRIDAY.day, FRIDAY.day, FRIDAY.span)
    assert week.runs == ()  # the eod is still running


async def test_a_run_from_beginning_to_end(database: Database) -> None:
    """Heartbeats say how far it is; the end has totals and details, and its duration in seconds."""
    run_id = await runs_table.open_run(database, NEW)
    await runs_table.heartbeat(database, run_id, START + timedelta(seconds=30), {"answered": 12})
    (alive,) = await day_status.runs_of(database, FRIDAY.day)
    assert (alive.heartbeat_at, alive.progress) == (START + timedelta(seconds=30), {"answered": 12})

    end = RunEnd(
        status=RunStatus.PARTIAL, completed_at=START + timedelta(seconds=90.5), contracts_requested=5,
        contracts_successful=4, bars_inserted=300, bars_updated=2, bars_identical=1, errors=1, rate_limit_hits=3,
        error_details={"examples": {"time_out": ["a"]}},
    )  # fmt: skip
    await runs_table.close(database, run_id, end)
    await runs_table.heartbeat(database, run_id, START + timedelta(hours=9))

    (run,) = await day_status.runs_of(database, FRIDAY.day)
    assert (run.status, run.duration_s, run.completed_at) == (RunStatus.PARTIAL, 90.5, end.completed_at)
    assert (run.contracts_requested, run.contracts_successful, run.errors, run.rate_limit_hits) == (5, 4, 1, 3)
    assert (run.bars_inserted, run.bars_updated, run.bars_identical) == (300, 2, 1)
    assert (run.error_details, run.progress) == (end.error_details, {"answered": 12})
    assert run.heartbeat_at == end.completed_at
    assert await runs_table.close_interrupted(database) == []


async def test_runs_of_dead_processes_are_closed(database: Database) -> None:
    """A row left running is closed as interrupted at its last heartbeat, and named."""
    run_id = await runs_table.open_run(database, NEW)
    await runs_table.heartbeat(database, run_id, START + timedelta(minutes=2))
    (dead,) = await runs_table.close_interrupted(database, START + timedelta(hours=3))
    assert (dead.id, dead.window, dead.attempt, dead.host, dead.process_id) == (run_id, "eod", 1, "lab", 7)
    (run,) = await day_status.runs_of(database, FRIDAY.day)
    assert (run.status, run.duration_s) == (RunStatus.INTERRUPTED, 120.0)
    assert run.error_details == {"reason": "the process ended without closing its run"}


async def test_daily_status_is_one_row(database: Database) -> None:
    """A later attempt replaces the day's row of its kind and symbol."""
    for outcome in (RunStatus.FAILED, RunStatus.SUCCESS):
        await runs_table.note_daily(
            database,
            DailyStatus(
                day=FRIDAY.day, symbol=runs_table.ALL_SYMBOLS, collection_type="eod", started_at=START, status=outcome
            ),
        )
    found = await rows(database, "SELECT collection_date, symbol, collection_type, status FROM daily_collection_status")
    assert found == [(FRIDAY.day, "ALL", "eod", "success")]


async def test_one_collector_at_a_time(database: Database) -> None:
    """A second run is refused with the name of the first, and goes ahead when that has finished."""
    assert await day_status.lock_holder(database) is None
    async with locks.collection_lock(database, "eod 2026-11-20") as lock:
        assert not lock.lost
        with pytest.raises(LockHeld, match=f"collector eod 2026-11-20 on .*process {os.getpid()}"):
            async with locks.collection_lock(database):
                pass
        holder = await day_status.lock_holder(database)
        assert holder is not None
        assert holder.startswith("collector eod 2026-11-20")
        await lock.keep()
    async with locks.collection_lock(database):
        pass


async def test_a_lost_lock_is_noticed_and_won_back(database: Database) -> None:
    """When the server ends the session, the lock knows, and `keep` takes it again."""
    async with locks.collection_lock(database) as lock:
        await end_holder(database)
        await asyncio.wait_for(lock.wait_lost(), 5)
        assert lock.lost
        await lock.keep()
        assert not lock.lost
        assert await day_status.lock_holder(database) is not None


async def test_a_lock_taken_by_another_is_not_won_back(database: Database, database_url: str) -> None:
    """Who loses the lock to another run must stop."""
    async with locks.collection_lock(database, "first") as lock:
        await end_holder(database)
        await asyncio.wait_for(lock.wait_lost(), 5)
        async with (
            pool.connect(database_url, SystemClock()) as elsewhere,
            locks.collection_lock(elsewhere, "second"),
        ):
            with pytest.raises(LockHeld, match="second"):
                await lock.keep()


async def test_the_holder_may_be_another_user(database: Database) -> None:
    """A login that may not see when another's session began is told who holds the lock all the same."""
    await features.create_roles(database.url)
    url = f"{database.url}{'&' if '?' in database.url else '?'}options={quoted('-c role=collector_rw')}"
    async with locks.collection_lock(database, "eod 2026-11-20"), pool.connect(url, SystemClock()) as other:
        with pytest.raises(LockHeld, match=rf"collector eod 2026-11-20 on .*process {os.getpid()}$"):
            async with locks.collection_lock(other):
                pass


async def test_an_own_ghost_session_is_ended(database: Database) -> None:
    """A cut line that the server has not noticed yet keeps the lock: the ghost is ours, and is ended."""
    async with locks.collection_lock(database) as lock:
        ghost: Any = lock._connection
        lock._connection = await silent(database)
        lock._connection.terminate()
        await lock.keep()
        assert await day_status.lock_holder(database) is not None
        await until(ghost.is_closed, "the end of the connection")


async def test_the_status_page(database: Database) -> None:
    """Runs, symbols, gaps, letters, lock and size come together."""
    chain = await make_chain(database, 1)
    run_id = await runs_table.open_run(database, NEW)
    whole = answers(chain.contracts[0], TRADES=answer([trade(0)]), BID=answer([quote(3)]), ASK=answer([quote(3)]))
    await bar_tables.store(database, [whole, answers(chain.underlying, TRADES=answer([quote(1)]))], run_id)

    page = await day_status.overview(database, FRIDAY.day, [(chain.underlying, FRIDAY, OPTION_SERIES)])

    assert [run.id for run in page.runs] == [run_id]
    (symbol,) = page.symbols
    assert (symbol.symbol, symbol.measured.completeness, symbol.measured.traded) == ("PLTR", 1.0, 1)
    assert symbol.bars is not None
    assert (symbol.bars.contracts, symbol.bars.option_bars, symbol.bars.underlying_bars) == (1, 2, 1)
    assert page.gaps[GapState.OPEN].gaps == 0
    assert (page.dead_letters, page.lock_holder) == (0, None)
    assert page.database_bytes > 1_000_000


async def end_holder(db: Database) -> None:
    """End the session that holds the collection lock, as a restarting server would."""
    row = await db.fetchrow("collection_lock_holder")
    assert row is not None
    await db.fetchval("end_session", row["pid"])


async def silent(db: Database) -> Any:  # noqa: ANN401 - asyncpg's connection
    """Return a connection of the test's own."""
    return await pool.open_connection(db.url, SystemClock(), application_name="test")
