"""Make the report of a week.

What the tables know of a week's windows, and what its sessions have of each symbol.
"""

import socket
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from collector.config import Settings
from collector.db.bookkeeping import session_statistics
from collector.db.bookkeeping.session_statistics import Measured
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables
from collector.db.readers import report_rows
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import Underlying
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span
from collector.domain.reports.week_report import WeekReport, WeekSymbol
from collector.domain.run_vocabulary import Window
from collector.jobs import due_windows
from collector.jobs.alert_facts import environment
from collector.jobs.disk import sizes
from collector.jobs.run_reports import next_window
from collector.market.calendar import Calendar
from collector.runs.preparing import contract_scope


async def of_week(
    db: Database, settings: Settings, calendar: Calendar, now: datetime, until: date = date.max
) -> WeekReport:
    """Return the report of a week: its sessions, Monday first, up to a date and the last completed one."""
    last = min(calendar.last_completed(now, settings.symbol_names[0]).day, until)
    days = calendar.days(last - timedelta(days=last.weekday()), last)
    span = Span(calendar.session(settings.symbol_names[0], days[0]).open, now)
    figures = await report_rows.week(db, days[0], days[-1], span, settings.windows.known)
    schedule = await due_windows.schedule_of(db, settings, calendar, now)
    return WeekReport(
        first=days[0],
        last=days[-1],
        made_at=now,
        sessions=len(days),
        runs=figures.runs,
        missed=figures.missed,
        symbols=await _symbols_of_week(figures.symbols, db, settings, calendar, days),
        history=tuple(await report_rows.past_runs(db, Window.EOD, before=last + timedelta(days=1))),
        gaps=figures.gaps,
        expiring=figures.expiring,
        requests=figures.requests,
        rate_limit_hits=figures.rate_limit_hits,
        storage=await sizes.report(db, settings, now),
        environment=await environment(db, settings, schedule, now, span.start),
        next_window=next_window(schedule, now),
        host=socket.gethostname(),
    )


async def _symbols_of_week(
    kept: Sequence[WeekSymbol], db: Database, settings: Settings, calendar: Calendar, days: Sequence[date]
) -> tuple[WeekSymbol, ...]:
    """Return what symbols have of the sessions of a week: of configured ones as it is now, of others as it was kept.

    A session without any run has no statistics, and must be told all the same.
    """
    by_symbol = {one.symbol: replace(one, configured=False) for one in kept}
    for symbol in settings.option_symbols:
        underlying = await contract_tables.underlying(db, symbol)
        sessions = calendar.sessions(symbol, days[0], days[-1])
        held = {} if underlying is None else await _of_sessions(underlying, sessions, db, settings, calendar)
        of_all = held.values()
        by_symbol[symbol] = replace(
            by_symbol.get(symbol, WeekSymbol(symbol=symbol)),
            configured=True,
            contracts=max((one.contracts for one in of_all), default=0),
            bars=sum(one.rows for one in of_all),
            completeness=_share(sum(one.settled for one in of_all), sum(one.expected for one in of_all)),
            fill=_share(sum(one.traded for one in of_all), sum(one.slots for one in of_all)),
            never_collected=tuple(day for day in days if day not in held or not held[day].covered),
        )
    return tuple(by_symbol[symbol] for symbol in sorted(by_symbol))


async def _of_sessions(
    underlying: Underlying, sessions: Sequence[Session], db: Database, settings: Settings, calendar: Calendar
) -> dict[date, Measured]:
    """Return what an underlying's contracts have of sessions, ascending, by date."""
    series = settings.series_for(underlying.symbol)
    waiting = await contract_scope.pending(db, settings, calendar, underlying, sessions[-1].day)
    found: dict[date, Measured] = {}
    for one in sessions:
        due = await contract_scope.due_ids(db, underlying, one, waiting)
        found[one.day] = await session_statistics.measure(db, OPTION_BARS_5MIN, underlying.id, one, series, due)
    return found


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
