"""Measure sessions before and after a run asks about them.

Only orders that look at more sessions than their own: what they change must not be told as if it were of that one.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from collector.db.bookkeeping import coverage_table, session_statistics
from collector.db.bookkeeping.coverage_table import Progress
from collector.domain.coverage.request_planning import Work
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import Underlying
from collector.domain.reports.run_report import SessionProgress
from collector.runs.dependencies import Parts
from collector.runs.fetching.storing import Sessions
from collector.runs.finished import Finished
from collector.runs.orders import Order
from collector.runs.preparing import contract_scope


def tells_each(order: Order) -> bool:
    """Return whether an order looks at more sessions than its own, rotation apart."""
    return bool(order.sessions_back or order.older)


async def measure_before(finished: Finished, parts: Parts, work: Sequence[Work], sessions: Sessions) -> None:
    """Measure the sessions that planned work of contracts asks about, before it is done."""
    if not tells_each(finished.order):
        return
    asked: dict[str, set[date]] = {}
    for item in work:
        days = asked.setdefault(item.instrument.symbol, set())
        days |= {session.day for request in item.requests for session in sessions.touching(request)}
    for one in finished.prepared:
        symbol, series = one.underlying.symbol, parts.settings.series_for(one.underlying.symbol)
        days = asked.get(symbol, set())
        if not days:
            continue
        waiting = await contract_scope.pending(parts.db, parts.settings, parts.calendar, one.underlying, max(days))
        for session in (one for one in sessions.by_symbol[symbol] if one.day in days):
            due = await contract_scope.due_ids(parts.db, one.underlying, session, waiting)
            finished.asked.before[symbol, session.day] = await session_statistics.measure(
                parts.db, OPTION_BARS_5MIN, one.underlying.id, session, series, due
            )


async def measure_own(finished: Finished, parts: Parts, underlyings: Sequence[Underlying]) -> None:
    """Measure the underlyings' own bars of an order for nothing else, before they are asked for."""
    order = finished.order
    if not tells_each(order):
        return
    for one in underlyings:
        found = Progress()
        for data_set in order.underlying_bars:
            sessions = order.parts(one.symbol, parts.source.now())
            found += await coverage_table.progress(parts.db, data_set, one.id, sessions)
        finished.asked.own_before[one.symbol] = found


def progress(finished: Finished, own_after: Mapping[str, Progress]) -> tuple[SessionProgress, ...]:
    """Return how a run found and left the sessions that it asked about, by date and symbol.

    Args:
        finished: a run that was counted; sessions that were not are left out.
        own_after: by symbol, of an order for nothing but underlyings' bars.
    """
    asked, order = finished.asked, finished.order
    found = [
        SessionProgress(
            symbol=symbol,
            first=day,
            last=day,
            expected=asked.after[symbol, day].expected,
            settled_before=before.settled,
            settled=asked.after[symbol, day].settled,
            bars_before=before.rows,
            bars=asked.after[symbol, day].rows,
        )
        for (symbol, day), before in asked.before.items()
        if (symbol, day) in asked.after
    ]
    found += [
        SessionProgress(
            symbol=symbol,
            first=order.sessions[symbol][0].day,
            last=order.sessions[symbol][-1].day,
            expected=own_after[symbol].expected,
            settled_before=before.settled,
            settled=own_after[symbol].settled,
        )
        for symbol, before in asked.own_before.items()
        if symbol in own_after
    ]
    return tuple(sorted(found, key=lambda one: (one.first, order.symbols.index(one.symbol))))
