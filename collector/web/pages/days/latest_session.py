"""The latest session, and whether it is under way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables
from collector.db.readers import session_standings
from collector.db.readers.session_standings import SymbolSession
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.run_vocabulary import Role, Window
from collector.jobs import due_windows
from collector.web.context import Context
from collector.web.pages.days import day_windows
from collector.web.pages.days.day_windows import DayWindow, WindowState

_AHEAD = frozenset({WindowState.COMING, WindowState.NEXT, WindowState.DUE, WindowState.AT_WORK})

Collected: TypeAlias = Sequence[tuple[Underlying, Session, Sequence[WhatToShow]]]
"""Underlyings whose options are collected, each with its session and the configured series."""


@dataclass(frozen=True, slots=True)
class LatestSession:
    """The last session that has opened.

    collected: of whom. windows: those of today in New York, by time. under_way: it is not time yet to call it partial:
    its last window has not come, or is at work.
    """

    day: date
    collected: Collected
    windows: tuple[DayWindow, ...]
    under_way: bool


async def latest_session(context: Context, db: Database) -> LatestSession:
    """Return the last session that has opened, as of now."""
    instant, settings, days = context.now, context.settings, context.days
    today, day = instant.astimezone(NEW_YORK).date(), days.last_opened(instant)
    schedule = await due_windows.schedule_of(db, settings, days, instant)
    windows = await day_windows.of_day(db, settings, days, schedule, today, instant)
    underlyings = {one.symbol: one for one in await contract_tables.underlyings(db)}
    collected = [
        (underlyings[symbol], days.session(symbol, day), settings.series_for(symbol))
        for symbol in settings.option_symbols
        if symbol in underlyings
    ]
    under_way = _under_way(context, day, windows) or instant < schedule.session(day).settles_at
    return LatestSession(day, collected, windows, under_way)


async def known(
    context: Context, db: Database, latest: LatestSession, first: date
) -> dict[tuple[date, str], SymbolSession]:
    """Return how sessions stand from a day to the latest, by day and symbol; what is under way, by what is covered."""
    found = await session_standings.known(db, first, latest.day, context.settings.series_for)
    if latest.under_way:
        found |= await session_standings.under_way(db, found, latest.collected, context.now)
    return found


def _under_way(context: Context, day: date, windows: Sequence[DayWindow]) -> bool:
    """Tell whether the last window of a session has not come, or is at work."""
    return any(
        one.state in _AHEAD
        for one in windows
        if one.session == day and context.settings.windows.role(Window(one.window)) is Role.CLOSING
    )
