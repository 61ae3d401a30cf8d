"""Which windows are due, as the run table and the schedule have it; and each as the order of a run."""

from datetime import datetime, timedelta

from collector.config import Settings
from collector.db import schedule_state
from collector.db.pool import Database
from collector.domain.coverage import NEW_YORK
from collector.domain.runs import RunStatus
from collector.market.agenda import Agenda, DueRun, Limits, MissKind, PastRun, agenda
from collector.market.calendar import Calendar
from collector.market.schedule import Schedule
from collector.pipeline.orders import Order

_ALIVE = timedelta(minutes=5)
"""A run that has not said for so long that it lives is taken for dead; the advisory lock decides in the end."""
_MARGIN = timedelta(days=10)


def schedule_of(settings: Settings, calendar: Calendar) -> Schedule:
    """Return the configured schedule."""
    return Schedule(settings.windows, calendar, settings.symbol_names)


async def look(db: Database, settings: Settings, calendar: Calendar, now: datetime) -> Agenda:
    """Return what to run now; what can no longer be had is recorded as missed, with the reason, once.

    Before the very first run nothing is missed: the schedule begins now.
    """
    lookback = timedelta(days=settings.repair.lookback_days)
    first_day = (now - lookback - _MARGIN).astimezone(NEW_YORK).date()
    known = {(window, day, MissKind(kind)) for window, day, kind in await schedule_state.missed(db, first_day)}
    began = await schedule_state.began(db)
    since = max(began - timedelta(days=1), now - lookback) if began else now - timedelta(days=1)
    found = agenda(
        schedule_of(settings, calendar),
        now,
        [_past(attempt, now) for attempt in await schedule_state.attempts(db, first_day)],
        since,
        settings.schedule,
        Limits(reach=settings.repair.late_night_sessions, lookback=lookback),
        known,
    )
    for miss in found.missed:
        one = miss.occurrence
        await schedule_state.note_missed(db, one.window, one.run_date, one.due, miss.kind.value, miss.reason)
    return found


def order_of(due: DueRun, settings: Settings, now: datetime, schedule: Schedule) -> Order:
    """Return the order of a run that is due; a late run still begins where a punctual one would have begun."""
    one, rules = due.occurrence, settings.windows[due.occurrence.window]
    asked = schedule.span(one, now)
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
    )


def _past(attempt: schedule_state.Attempt, now: datetime) -> PastRun:
    return PastRun(
        window=attempt.window,
        run_date=attempt.day,
        status=attempt.status,
        started_at=attempt.started_at,
        completed_at=attempt.completed_at,
        gateway_down=attempt.gateway_down,
        alive=attempt.status is RunStatus.RUNNING and now - attempt.heartbeat_at < _ALIVE,
    )
