"""The page of sessions."""

import itertools
from dataclasses import dataclass
from datetime import date, timedelta

from collector.db.readers import session_list
from collector.db.readers.session_list import SymbolSession
from collector.domain.errors import UsageError
from collector.web import asking
from collector.web.context import Context
from collector.web.page import Asked, Page, Parameter

_MOST = 30
_DAYS = timedelta(days=70)
"""In which there are so many sessions."""
_ROWS = 300
"""Symbols of all sessions that a page has room for; one session is shown whatever it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session. symbols: what was measured of each; empty: nothing was ever collected."""

    day: date
    symbols: tuple[SymbolSession, ...]


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
        found = await session_list.measured(db, days[-1], days[0])
        first = await session_list.first(db)
    by_day: dict[date, list[SymbolSession]] = {}
    for one in found:
        by_day.setdefault(one.day, []).append(one)
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
    what="What each session has of each symbol, as it was measured last.",
    model=Sessions,
    answer=_answer,
    template="records/sessions.html.j2",
    parameters=(Parameter("before", "only sessions before this one", "2026-11-20"),),
)
