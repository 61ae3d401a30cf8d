"""Find which windows are due.

Which windows are due, as the run table and the schedule have it; and each as the order of a run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from collector.config import Settings
from collector.db.bookkeeping import claims, schedule_state
from collector.db.connection.pool import Database, Statements
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.coverage.evidence import SECOND_AFTER
from collector.domain.run_vocabulary import RunStatus, Window
from collector.market.agenda import Agenda, DueRun, Limits, MissKind, PastRun, agenda
from collector.market.calendar import Calendar
from collector.market.expectation import Outstanding
from collector.market.expectation import outstanding as outstanding_of
from collector.market.schedule import Occurrence, Schedule
from collector.runs.orders import Order, collected_by

_ALIVE = timedelta(minutes=5)
"""A run that has not said for so long that it lives is taken for dead; the advisory lock decides in the end."""
_MARGIN = timedelta(days=10)
_MONTH = timedelta(days=31)
_BEFORE = timedelta(hours=2)
"""A first run makes good the window that was due shortly before it; nothing older was ever meant to run."""

_CLOCKS_APART = timedelta(minutes=1)
"""The first witness bears the source's time: so much may lie between its clock and ours."""


def configured(settings: Settings, calendar: Calendar) -> Schedule:
    """Return the configured schedule, for want of a database as if a contract expired on every session."""
    return Schedule(settings.windows, calendar, settings.symbol_names)


async def schedule_of(db: Database, settings: Settings, calendar: Calendar, now: datetime) -> Schedule:
    """Return the configured schedule, with what the tables know of expirations."""
    first, today = _first_day(settings, now), now.astimezone(NEW_YORK).date()
    known = await schedule_state.expirations(db, settings.option_symbols, first, today)
    return Schedule(settings.windows, calendar, settings.symbol_names, known.expected)


async def look(db: Database, settings: Settings, schedule: Schedule, now: datetime) -> Agenda:
    """Return what to run now; what can no longer be had is recorded as missed, with the reason, once.

    Before the very first run nothing is missed: the schedule (of `schedule_of`) begins now.
    """
    past = await _read(db, settings, now)
    found = agenda(schedule, now, past.runs, past.since, settings.schedule, past.limits, past.known, past.confirm)
    for miss in found.missed:
        one = miss.occurrence
        await schedule_state.note_missed(db, one.window, one.run_date, one.due, miss.kind.value, miss.reason)
    return found


async def outstanding(db: Database, settings: Settings, calendar: Calendar, now: datetime) -> tuple[Outstanding, ...]:
    """Return the windows that should have run and have not, by due time; changes nothing."""
    past = await _read(db, settings, now)
    schedule = await schedule_of(db, settings, calendar, now)
    return outstanding_of(schedule, now, past.runs, past.since, settings.schedule, past.limits, past.known)


async def planned(
    db: Database,
    settings: Settings,
    calendar: Calendar,
    now: datetime,
    window: Window | None = None,
    day: date | None = None,
) -> tuple[DueRun, datetime] | None:
    """Return the next run that asks for bars, and when it begins: now when it is due; changes nothing.

    Args:
        db: the database.
        settings: the schedule.
        calendar: the exchange's.
        now: the current instant.
        window: only this one; None: any.
        day: of this session only; None: any.

    Returns:
        None when nothing such is due, nor comes within a month.
    """
    past, schedule = await _read(db, settings, now), await schedule_of(db, settings, calendar, now)
    found = agenda(schedule, now, past.runs, past.since, settings.schedule, past.limits, past.known, past.confirm)

    def wanted(one: Occurrence) -> bool:
        own = settings.windows[one.window].asks_for_bars and window in (None, one.window)
        return own and day in (None, one.run_date)

    for run in found.due:
        if wanted(run.occurrence):
            return run, now
    coming = schedule.between(now + timedelta(microseconds=1), now + _MONTH)
    one = next((one for one in coming if wanted(one)), None)
    return None if one is None else (DueRun(one, 1, schedule.deadline(one, one.due)), one.due)


def order_of(due: DueRun, settings: Settings, calendar: Calendar, now: datetime) -> Order:
    """Return the order of a run that is due; a late run still begins where a punctual one would have begun."""
    one, rules = due.occurrence, settings.windows[due.occurrence.window]
    data_sets = collected_by(one.window, settings)
    asked = configured(settings, calendar).span(data_sets[0], one, now)
    return Order(
        window=one.window,
        day=one.run_date,
        symbols=rules.symbols or settings.symbol_names,
        asks=rules.asks,
        scope=rules.scope,
        span=None if asked is None or rules.length is None else asked.duration,
        scheduled=one.due,
        deadline=due.deadline,
        sessions_back=settings.repair.late_night_sessions - 1 if rules.span == "unsettled" else 0,
        unsettled=rules.span == "unsettled",
        confirming=due.confirming,
        data_sets=data_sets,
    )


async def confirms(db: Statements, symbols: Sequence[str]) -> dict[date, datetime]:
    """Return by session day when what awaits a second witness may be asked again, were it only the oldest of it."""
    return {
        one.day: one.oldest + SECOND_AFTER + _CLOCKS_APART
        for one in await claims.awaited(db, symbols)
        if one.oldest is not None
    }


def lives(heartbeat_at: datetime, now: datetime) -> bool:
    """Tell whether a run that is said to be at work has said so lately."""
    return now - heartbeat_at < _ALIVE


@dataclass(frozen=True, slots=True)
class _Past:
    """What the tables know: runs, recorded misses, when the schedule came into force, how far back all this reaches.

    confirm: see `confirms`.
    """

    runs: tuple[PastRun, ...]
    known: frozenset[tuple[Window, date, MissKind]]
    since: datetime
    limits: Limits
    confirm: Mapping[date, datetime]


async def _read(db: Database, settings: Settings, now: datetime) -> _Past:
    lookback = timedelta(days=settings.repair.lookback_days)
    first_day, known = _first_day(settings, now), settings.windows.known
    began = await schedule_state.began(db)
    return _Past(
        runs=tuple(_past(attempt, now) for attempt in await schedule_state.attempts(db, first_day, known)),
        known=frozenset(
            (window, day, MissKind(kind)) for window, day, kind in await schedule_state.missed(db, first_day, known)
        ),
        since=max(began - _BEFORE, now - lookback) if began else now - timedelta(days=1),
        limits=Limits(reach=settings.repair.late_night_sessions, lookback=lookback),
        confirm=await confirms(db, settings.symbol_names),
    )


def _first_day(settings: Settings, now: datetime) -> date:
    """Return the first session day that the schedule looks at."""
    return (now - timedelta(days=settings.repair.lookback_days) - _MARGIN).astimezone(NEW_YORK).date()


def _past(attempt: schedule_state.Attempt, now: datetime) -> PastRun:
    return PastRun(
        window=attempt.window,
        run_date=attempt.day,
        status=attempt.status,
        started_at=attempt.started_at,
        completed_at=attempt.completed_at,
        gateway_down=attempt.gateway_down,
        alive=attempt.status is RunStatus.RUNNING and lives(attempt.heartbeat_at, now),
    )
