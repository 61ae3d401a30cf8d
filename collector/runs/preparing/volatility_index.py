"""Use the VIX as implied volatility of selection.

The VIX as an input of selection: its last level stands for the underlying's implied volatility.

The index is defined once and is no underlying: it has no chain here, no expected slots and no gaps. Its levels
are kept beside the underlyings' bars, so that a window that is repeated asks for nothing.
"""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from collector.db.bars import underlying_bars
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables as contract_store
from collector.domain.coverage.coverage_rules import justified
from collector.domain.market_data.answers import Answer, Failure, HistoricalOutcome, HistoricalRequest, Outcome
from collector.domain.market_data.bars import decimal
from collector.domain.market_data.data_sets import UNDERLYING_BARS_5MIN
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.spans import Span
from collector.market.calendar import Calendar
from collector.runs.preparing import renumbering
from collector.runs.source import MarketDataSource

SYMBOL = "VIX"
POINTS = Decimal(100)
"""Of the index make a volatility of 1."""

_FRESH = timedelta(minutes=15)
"""A stored level is not asked for again while it is this young, or this close to the session's end."""


async def level(db: Database, source: MarketDataSource, calendar: Calendar, day: date) -> Decimal | Failure:
    """Return the last level of a session as a volatility (fraction of 1), or why there is none.

    Before the session has a complete slot, and when the source has nothing newer, it is that of the session before.

    Args:
        db: keeps the levels.
        source: tells them.
        calendar: the sessions.
        day: the session.
    """
    index = await _defined(db, source)
    if isinstance(index, Failure):
        return index
    session, before = calendar.session(SYMBOL, day), calendar.session(SYMBOL, calendar.previous(day))
    data_set = UNDERLYING_BARS_5MIN
    start, end = data_set.span(session).start, data_set.ended(session, source.now())
    asked = Span(start, end) if start < end else data_set.span(before)
    stored = await underlying_bars.last_level(db, index.id, Span(before.open, session.close))
    if stored is None or stored.time + data_set.bar_size + _FRESH < asked.end:
        request = HistoricalRequest(index, data_set, WhatToShow.TRADES, asked)
        outcome = await source.historical(request)
        if isinstance(outcome, Failure) and outcome.outcome is Outcome.UNKNOWN_CONTRACT:
            outcome = await _asked_anew(db, source, request, index)
        if isinstance(outcome, Answer):
            levels = justified(request, outcome, [before, session], await underlying_bars.latest(db)).bars
            if levels:
                await underlying_bars.store_levels(db, index.id, levels)
                return decimal(levels[-1].close) / POINTS
        if stored is None:
            nothing = Failure(Outcome.UNKNOWN, f"IB has no level of {SYMBOL} on {day}")
            return outcome if isinstance(outcome, Failure) else nothing
    return stored.close / POINTS


async def _asked_anew(
    db: Database, source: MarketDataSource, request: HistoricalRequest, index: Underlying
) -> HistoricalOutcome:
    """Ask again for what was asked under a number that the source does not know, under the present one."""
    found = await renumbering.defined_anew(db, source.index, index)
    return found if isinstance(found, Failure) else await source.historical(replace(request, instrument=found[0]))


async def _defined(db: Database, source: MarketDataSource) -> Underlying | Failure:
    known = await contract_store.underlying(db, SYMBOL)
    if known is not None and known.is_defined:
        return known
    found = await source.index(SYMBOL)
    return found if isinstance(found, Failure) else await contract_store.add_underlying(db, found, collected=False)
