"""Widen an order to older sessions that lack something.

Older sessions on which something is missing: an order is widened to them, and what is to rest is left out. Of bars
that are kept whole every run looks at all sessions, so that what an earlier one left is found without being noted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from collector.db.bookkeeping import claims, dead_letters, gaps_table
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables as contract_store
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.instruments import Instrument, Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Spans
from collector.domain.run_vocabulary import BY_HAND
from collector.market.calendar import Calendar
from collector.runs.orders import Order


@dataclass(frozen=True, slots=True)
class Resting:
    """What of older sessions is not to be asked again yet, by instrument (a contract's id, minus the underlying's)."""

    spans: Mapping[tuple[int, WhatToShow], Spans] = field(default_factory=dict)

    def awake(self, instrument: Instrument, what: WhatToShow, missing: Spans) -> Spans:
        """Return what is missing of a series less what rests of it."""
        key = (instrument.key, what)
        return missing - self.spans[key] if key in self.spans else missing


async def widened(order: Order, db: Database, calendar: Calendar, now: datetime) -> Order:
    """Return an order that looks at every earlier session, too, on which something is open, due or unconfirmed.

    However old they are: what lies beyond the source's memory is lost once two nights have shown that it does.
    Orders that do not ask for what is unsettled are returned as they are.
    """
    if not order.unsettled:
        return order
    recent = order.since or order.day
    before = min(order.own(symbol)[0].open for symbol in order.symbols)
    days = {*await gaps_table.days_to_repair(db, order.data_sets, order.symbols, before, now)}
    days |= {one.day for one in await claims.awaited(db, order.symbols) if one.day < recent}
    older = tuple(day for day in sorted(days) if calendar.is_session(day))
    sessions = {}
    for symbol, known in order.sessions.items():
        earlier = [calendar.session(symbol, day) for day in older if day not in {one.day for one in known}]
        sessions[symbol] = tuple(sorted((*earlier, *known), key=lambda session: session.day))
    return replace(order, older=older, sessions=sessions)


async def looked_at(
    order: Order, db: Database, calendar: Calendar, data_set: DataSet, underlying: Underlying
) -> tuple[Session, ...]:
    """Return the whole sessions that an order looks at for bars of an underlying; ascending."""
    own = order.sessions[underlying.symbol]
    if not data_set.overlap:
        return own
    first = await contract_store.first_selected(db, data_set, underlying.id)
    return calendar.sessions(underlying.symbol, min(first or own[0].day, own[0].day), own[-1].day)


def expected(
    order: Order, data_set: DataSet, underlying: Underlying, looked_at: Sequence[Session]
) -> Sequence[Session]:
    """Return on which of the sessions that an order looks at it expects bars of an underlying, whatever is recorded.

    Of bars that are kept whole all of them: sessions on which nobody was there to collect must not be a hole that is no
    gap, and a split is seen by sessions of before.
    """
    return looked_at if data_set.overlap else order.own(underlying.symbol)


async def resting(order: Order, db: Database, data_set: DataSet, underlying: Underlying, now: datetime) -> Resting:
    """Return what of its older sessions a scheduled order leaves alone: what has failed again and again.

    A run by hand asks for it all the same.
    """
    if not order.older or order.window in BY_HAND:
        return Resting()
    recent = next(one for one in order.own(underlying.symbol) if one.day >= (order.since or order.day))
    found = await dead_letters.postponed(db, data_set, underlying.id, now, before=recent.open)
    return Resting(found)
