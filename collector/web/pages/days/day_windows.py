"""Tell how the windows of a day stand."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from collector.config import Settings
from collector.db.bookkeeping import schedule_state
from collector.db.connection.pool import Database
from collector.db.readers import day_status
from collector.db.readers.day_status import RunRow
from collector.domain.run_vocabulary import RunStatus
from collector.jobs import due_windows
from collector.market.agenda import MissKind
from collector.market.calendar import Calendar
from collector.market.outlook import outlook
from collector.market.schedule import Occurrence, Schedule


class WindowState(StrEnum):
    """How a window stands."""

    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    AT_WORK = "at_work"
    MISSED = "missed"
    NOT_NEEDED = "not_needed"
    DUE = "due"
    NEXT = "next"
    COMING = "coming"


_OF_RUN = {
    RunStatus.SUCCESS: WindowState.DONE,
    RunStatus.PARTIAL: WindowState.PARTIAL,
    RunStatus.FAILED: WindowState.FAILED,
    RunStatus.INTERRUPTED: WindowState.INTERRUPTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DayWindow:
    """A window of a day. session: the date of the session that it is for; due: aware UTC.

    run: the number of its last attempt, None without one. note: what is unusual about it.
    """

    window: str
    session: date
    due: datetime
    state: WindowState
    run: int | None = None
    note: str = ""


async def of_day(
    db: Database, settings: Settings, calendar: Calendar, schedule: Schedule, day: date, now: datetime
) -> tuple[DayWindow, ...]:
    """Return the windows that are due on a day of New York, by time; changes nothing.

    Args:
        db: the database.
        settings: the schedule's.
        calendar: the exchange's.
        schedule: of `due_windows.schedule_of`.
        day: a date in New York.
        now: the instant, aware.
    """
    [of_today] = outlook(schedule, day, 1)
    occurrences = of_today.occurrences
    sessions = sorted({one.run_date for one in occurrences})
    runs = {(run.window, run.day): run for session in sessions for run in await day_status.runs_of(db, session)}
    waiting = {one.occurrence.key: one for one in await due_windows.outstanding(db, settings, calendar, now)}
    missed = (
        {
            (window, session): MissKind(kind)
            for window, session, kind in await schedule_state.missed(db, sessions[0], settings.windows.known)
        }
        if sessions
        else {}
    )
    following = next((one.key for one in occurrences if one.due > now), None)

    def standing(one: Occurrence) -> WindowState:
        run = runs.get((one.window.value, one.run_date))
        if run is not None:
            return _of(run, now)
        if one.due > now:
            return WindowState.NEXT if one.key == following else WindowState.COMING
        late = waiting.get(one.key)
        if late is not None:
            return WindowState.MISSED if late.late(now) else WindowState.DUE
        lost = missed.get(one.key) in (MissKind.LAST_CHANCE, MissKind.TOO_OLD)
        return WindowState.MISSED if lost else WindowState.NOT_NEEDED

    return tuple(
        DayWindow(
            window=one.window.value,
            session=one.run_date,
            due=one.due,
            state=standing(one),
            run=None if (run := runs.get((one.window.value, one.run_date))) is None else run.id,
            note=one.note,
        )
        for one in occurrences
    )


def _of(run: RunRow, now: datetime) -> WindowState:
    """Return how an attempt ended; one that says no more that it lives was cut off."""
    if run.status is RunStatus.RUNNING and due_windows.lives(run.heartbeat_at, now):
        return WindowState.AT_WORK
    return _OF_RUN.get(run.status, WindowState.INTERRUPTED)
