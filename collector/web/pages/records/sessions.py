"""The page of sessions."""

import itertools
from dataclasses import dataclass
from datetime import date, timedelta

from collector.db.readers import session_standings
from collector.db.readers.session_standings import Measured
from collector.domain.errors import UsageError
from collector.domain.reports.session_standing import SessionStanding, SessionState
from collector.web import asking
from collector.web.context import Context
from collector.web.page import Asked, Page, Parameter
from collector.web.pages.days import latest_session

_MOST = 30
_DAYS = timedelta(days=70)
"""In which there are so many sessions."""
_ROWS = 300
"""Symbols of all sessions that a page has room for; one session is shown whatever it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolRow:
    """A symbol's session. state: of its standing, in one word."""

    symbol: str
    state: SessionState
    standing: SessionStanding
    measured: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session. symbols: those of which anything is known; empty: nothing was ever collected."""

    day: date
    symbols: tuple[SymbolRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Sessions, the latest first. next_before: `before` of the next page, None where nothing earlier is on record."""

    sessions: tuple[SessionRow, ...]
    next_before: date | None


async def _answer(context: Context, asked: Asked) -> Sessions:
    before = asking.day(asked, "before")
    last = context.days.last_opened(context.now)
    if before is not None:
        last = min(last, before - timedelta(days=1))
    try:
        days = context.days.days(last - _DAYS, last)[: -_MOST - 1 : -1]
    except UsageError as error:
        raise UsageError(f"before={before} is outside the calendar", error.hint) from error
    async with context.reading() as db:
        latest = await latest_session.latest_session(context, db)
        if days[0] == latest.day:
            found = await latest_session.known(context, db, latest, days[-1])
        else:
            found = await session_standings.known(db, days[-1], days[0], context.settings.series_for)
        first = await session_standings.first_session(db)
    by_day: dict[date, list[SymbolRow]] = {}
    for (day, symbol), one in sorted(found.items(), key=lambda item: item[0]):
        row = SymbolRow(symbol=symbol, state=one.standing.state, standing=one.standing, measured=one.measured)
        by_day.setdefault(day, []).append(row)
    known = [day for day in days if first is not None and day >= first]
    rows = itertools.accumulate(max(len(by_day.get(day, ())), 1) for day in known)
    shown = [day for day, so_far in zip(known, rows, strict=True) if day == known[0] or so_far <= _ROWS]
    return Sessions(
        sessions=tuple(SessionRow(day=day, symbols=tuple(by_day.get(day, ()))) for day in shown),
        next_before=shown[-1] if shown and first is not None and first < shown[-1] else None,
    )


PAGE = Page(
    path="/sessions",
    title="Sessions",
    what="How each session of each symbol stands, and what was measured of it last.",
    model=Sessions,
    answer=_answer,
    template="records/sessions.html.j2",
    parameters=(Parameter("before", "only sessions before this one", "2026-11-20"),),
)
