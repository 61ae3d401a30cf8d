"""How the windows of a day stand, by what ran and what did not."""

from datetime import date, datetime

import pytest

from collector.clock import SystemClock
from collector.db.bookkeeping import runs_table, schedule_state
from collector.db.bookkeeping.runs_table import NewRun, RunEnd
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.run_vocabulary import RunStatus, Window
from collector.jobs import due_windows
from collector.market.agenda import MissKind
from collector.market.calendar import Calendar
from collector.web.pages.days import day_windows
from collector.web.pages.days.day_windows import WindowState
from tests.support.window_runs import FRIDAY, narrow

THURSDAY = date(2026, 11, 19)
DAYS = Calendar()


def at(hour: int, minute: int = 0, day: date = FRIDAY) -> datetime:
    """Return a time of New York."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)


async def _ran(db: Database, window: Window, when: datetime, status: RunStatus, day: date = FRIDAY) -> int:
    run = await runs_table.open_run(db, NewRun(window=window, day=day, symbols=["PLTR"], started_at=when))
    if status is not RunStatus.RUNNING:
        await runs_table.close(db, run, RunEnd(status=status, completed_at=when))
    return run


async def _states(url: str, now: datetime) -> dict[str, tuple[WindowState, int | None]]:
    settings = narrow("PLTR")
    async with pool.connect(url, SystemClock(now)) as db:
        schedule = await due_windows.schedule_of(db, settings, DAYS, now)
        found = await day_windows.of_day(db, settings, DAYS, schedule, FRIDAY, now)
    assert [one.due for one in found] == sorted(one.due for one in found)
    return {one.window: (one.state, one.run) for one in found}


async def test_what_ran_and_what_is_to_come(plain_database_url: str) -> None:
    """At 15:05: what ran bears its last run, one is at work, one was not needed, the next is told from later ones."""
    async with pool.connect(plain_database_url, SystemClock(at(15, 5))) as db:
        checked = await _ran(db, Window.GAP_CHECK, at(1), RunStatus.SUCCESS, THURSDAY)
        await _ran(db, Window.MORNING, at(10), RunStatus.FAILED)
        morning = await _ran(db, Window.MORNING, at(10, 20), RunStatus.PARTIAL)
        await schedule_state.note_missed(db, Window.MIDDAY, FRIDAY, at(12, 30), MissKind.MERGED.value, "merged")
        expiry = await _ran(db, Window.EXPIRY_CHECK, at(15), RunStatus.RUNNING)

    assert await _states(plain_database_url, at(15, 3)) == {
        "gap_check": (WindowState.DONE, checked),
        "morning": (WindowState.PARTIAL, morning),
        "midday": (WindowState.NOT_NEEDED, None),
        "expiry_check": (WindowState.AT_WORK, expiry),
        "eod": (WindowState.NEXT, None),
        "daily_bars": (WindowState.COMING, None),
        "late_night": (WindowState.COMING, None),
    }
    # A run that has not said for five minutes that it lives was cut off.
    assert (await _states(plain_database_url, at(15, 20)))["expiry_check"] == (WindowState.INTERRUPTED, expiry)


@pytest.mark.parametrize(("now", "state"), [(at(16, 50), WindowState.DUE), (at(17, 16), WindowState.MISSED)])
async def test_what_should_have_run(plain_database_url: str, now: datetime, state: WindowState) -> None:
    """A window that is due and has not run is due for half an hour, and missed from then on."""
    async with pool.connect(plain_database_url, SystemClock(now)) as db:
        await _ran(db, Window.EOD, at(17, day=THURSDAY), RunStatus.SUCCESS, THURSDAY)
        await _ran(db, Window.LATE_NIGHT, at(18, day=THURSDAY), RunStatus.SUCCESS, THURSDAY)

    assert (await _states(plain_database_url, now))["eod"] == (state, None)


async def test_a_chance_that_has_passed(plain_database_url: str) -> None:
    """A window is missed for good where the schedule has said that its session cannot surely be had any more."""
    async with pool.connect(plain_database_url, SystemClock(at(23))) as db:
        await _ran(db, Window.LATE_NIGHT, at(18), RunStatus.SUCCESS)
        await schedule_state.note_missed(db, Window.EOD, FRIDAY, at(16, 45), MissKind.LAST_CHANCE.value, "too late")

    assert (await _states(plain_database_url, at(23)))["eod"] == (WindowState.MISSED, None)
