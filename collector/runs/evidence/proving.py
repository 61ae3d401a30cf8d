"""Prove that an order's slots have happened.

Proving that an order's slots have happened: by a bar of an underlying that starts later, not by clocks.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from collector.domain.coverage.coverage_rules import NEW_YORK, latest, proven_end
from collector.domain.market_data.answers import Failure, HistoricalRequest, Outcome
from collector.domain.market_data.data_sets import PROOF, DataSet
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span
from collector.domain.pacing.reactions import REACTIONS, delay_s
from collector.runs.dependencies import Parts
from collector.runs.finished import Finished, NotPrepared, Prepared
from collector.runs.orders import Order
from collector.runs.planning import missing_work

log = structlog.get_logger()


async def prove(finished: Finished, parts: Parts, stored: datetime | None) -> None:
    """Clip the prepared sessions to what is proven; ask for one underlying bar where that is needed.

    A slot that has only just ended may lack its proof for a moment, and is left to the next window. Where more is
    lacking, a clock is wrong or the source is dark: that is noted, and the run is partial.

    Args:
        finished: the run; its prepared symbols are clipped.
        parts: what the run works with.
        stored: start of the latest underlying's bar in the tables, which the source has sent once.
    """
    finished.not_prepared += [lacking for one in finished.prepared if (lacking := _parted(one, finished, parts))]
    asked = (parts.db, parts.settings, finished.prepared, finished.order, parts.source.now())
    if not await missing_work.contract_work(*asked) and not await missing_work.lacks_expired(*asked):
        return
    for attempt in range(REACTIONS[Outcome.UNKNOWN].attempts):
        short, prepared = max(
            ((_short(one, finished.order, parts, stored), one) for one in finished.prepared), key=lambda pair: pair[0]
        )
        if not short and (attempt or parts.source.seen_until is not None):
            break
        if attempt and short <= PROOF.bar_size:
            break
        if attempt:
            await parts.clock.sleep(delay_s(Outcome.UNKNOWN, attempt, parts.randomness) or 0.0)
        await _ask(prepared.underlying, prepared.sessions[-1].close, finished, parts)
    finished.not_prepared += [
        lacking for one in finished.prepared if (lacking := _unproven(one, finished.order, parts, stored))
    ]
    finished.prepared[:] = [
        replace(one, sessions=_proven(one, finished.order, _seen(parts, stored), parts.source.now()))
        for one in finished.prepared
    ]


async def prove_close(
    finished: Finished,
    parts: Parts,
    data_set: DataSet,
    underlying: Underlying,
    session: Session,
    stored: datetime | None,
) -> None:
    """Ask for the last bar of a session that has closed, unless it has been sent: bars of a day prove no time.

    Args:
        finished: the run; that the bar does not come is noted.
        parts: what the run works with.
        data_set: bars of a day.
        underlying: whose last bar.
        session: its session, whole.
        stored: start of the latest underlying's bar in the tables, which the source has sent once.
    """
    for attempt in range(1 + REACTIONS[Outcome.UNKNOWN].attempts):
        now = parts.source.now()
        end = proven_end(data_set, session, _seen(parts, stored), now)
        if now <= session.settles_at or end == data_set.span(session).end:
            return
        if attempt:
            await parts.clock.sleep(delay_s(Outcome.UNKNOWN, attempt, parts.randomness) or 0.0)
        await _ask(underlying, session.close, finished, parts)
    finished.not_prepared.append(_silent(underlying.symbol, parts, stored))


async def _ask(underlying: Underlying, close: datetime, finished: Finished, parts: Parts) -> None:
    """Ask for the last bar before an instant, for the sake of what it proves."""
    start = PROOF.slot_of(close - PROOF.bar_size)
    request = HistoricalRequest(underlying, PROOF, WhatToShow.TRADES, Span(start, start + PROOF.bar_size))
    finished.tally.attempted(request, await parts.source.historical(request))


def _seen(parts: Parts, stored: datetime | None) -> datetime | None:
    return latest(parts.source.seen_until, stored)


def _whole(prepared: Prepared, order: Order) -> list[Session]:
    return order.whole(prepared.underlying.symbol, prepared.sessions)


def _short(prepared: Prepared, order: Order, parts: Parts, stored: datetime | None) -> timedelta:
    """Return how much of a symbol's last session is not proven."""
    if not prepared.sessions:
        return timedelta(0)
    data_set, whole = order.data_sets[0], _whole(prepared, order)[-1]
    end = proven_end(data_set, whole, _seen(parts, stored), parts.source.now())
    return max(data_set.span(prepared.sessions[-1]).end - end, timedelta(0))


def _parted(prepared: Prepared, finished: Finished, parts: Parts) -> NotPrepared | None:
    """Return that our clock and the source's part in what has happened of the order's session, or has expired."""
    symbol, now, own = prepared.underlying.symbol, parts.source.now(), parts.clock.now()
    session = finished.order.session(symbol)
    is_over = min(now, own) > session.settles_at and now.astimezone(NEW_YORK).date() == own.astimezone(NEW_YORK).date()
    if abs(own - now) <= PROOF.bar_size or is_over:
        return None
    return _left_out(
        symbol,
        f"by IB's clock it is {now:%Y-%m-%d %H:%M} UTC, by this machine's {own:%Y-%m-%d %H:%M}: set the one that is"
        " wrong; what only this machine's says to have happened was not asked for",
    )


def _unproven(prepared: Prepared, order: Order, parts: Parts, stored: datetime | None) -> NotPrepared | None:
    """Return what cannot be asked for because only a clock says that it has happened."""
    if _short(prepared, order, parts, stored) <= PROOF.bar_size:
        return None
    return _silent(prepared.underlying.symbol, parts, stored)


def _silent(symbol: str, parts: Parts, stored: datetime | None) -> NotPrepared:
    seen = _seen(parts, stored)
    return _left_out(
        symbol,
        f"{'nothing' if seen is None else f'no bar of an underlying later than {seen:%Y-%m-%d %H:%M} UTC'} was sent,"
        f" though by IB's clock it is {parts.source.now():%Y-%m-%d %H:%M}: that clock is ahead, or IB is silent;"
        " what is later was not asked for",
    )


def _left_out(symbol: str, words: str) -> NotPrepared:
    log.warning("slots_left_out", symbol=symbol, message=words)
    return NotPrepared(symbol, Failure(Outcome.UNKNOWN, words))


def _proven(prepared: Prepared, order: Order, seen_until: datetime | None, now: datetime) -> tuple[Session, ...]:
    """Return the proven parts of a symbol's sessions."""
    data_set = order.data_sets[0]
    found = (
        data_set.part(part, data_set.span(part).start, proven_end(data_set, whole, seen_until, now))
        for part, whole in zip(prepared.sessions, _whole(prepared, order), strict=True)
    )
    return tuple(part for part in found if part is not None)
