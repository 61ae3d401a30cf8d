"""Proving that an order's slots have happened: by a bar of an underlying that starts later, not by clocks."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from collector.domain.answers import Failure, HistoricalRequest, Outcome
from collector.domain.coverage import latest, proven_end
from collector.domain.instruments import WhatToShow
from collector.domain.reactions import REACTIONS, delay_s
from collector.domain.sessions import Session
from collector.domain.spans import SLOT, Span
from collector.pipeline import planning
from collector.pipeline.orders import Finished, NotPrepared, Prepared
from collector.pipeline.parts import Parts

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
    asked = (finished.prepared, finished.order, parts.settings.series, parts.source.now())
    if not await planning.contract_work(parts.db, parts.calendar, *asked):
        return
    for attempt in range(REACTIONS[Outcome.UNKNOWN].attempts):
        short, prepared = max(
            ((_short(one, parts, stored), one) for one in finished.prepared), key=lambda pair: pair[0]
        )
        if not short and (attempt or parts.source.seen_until is not None):
            break
        if attempt and short <= SLOT:
            break
        if attempt:
            await parts.clock.sleep(delay_s(Outcome.UNKNOWN, attempt, parts.randomness) or 0.0)
        end = prepared.sessions[-1].close
        request = HistoricalRequest(prepared.underlying, WhatToShow.TRADES, Span(end - SLOT, end))
        finished.tally.attempted(request, await parts.source.historical(request))
    for prepared in finished.prepared:
        if lacking := _lacking(prepared, finished, parts, stored):
            log.warning("slots_unproven", symbol=lacking.symbol, message=lacking.failure.message)
            finished.not_prepared.append(lacking)
    finished.prepared[:] = [
        replace(one, sessions=_proven(one.sessions, _whole(one, parts), _seen(parts, stored), parts.source.now()))
        for one in finished.prepared
    ]


def _seen(parts: Parts, stored: datetime | None) -> datetime | None:
    return latest(parts.source.seen_until, stored)


def _whole(prepared: Prepared, parts: Parts) -> list[Session]:
    return [parts.calendar.session(prepared.underlying.symbol, part.day) for part in prepared.sessions]


def _short(prepared: Prepared, parts: Parts, stored: datetime | None) -> timedelta:
    """Return how much of a symbol's last session is not proven."""
    if not prepared.sessions:
        return timedelta(0)
    end = proven_end(_whole(prepared, parts)[-1], _seen(parts, stored), parts.source.now())
    return max(prepared.sessions[-1].close - end, timedelta(0))


def _lacking(prepared: Prepared, finished: Finished, parts: Parts, stored: datetime | None) -> NotPrepared | None:
    """Return what cannot be asked for because no clock, or nothing but a clock, says that it has happened."""
    symbol, now, own = prepared.underlying.symbol, parts.source.now(), parts.clock.now()
    if _short(prepared, parts, stored) > SLOT:
        seen = _seen(parts, stored)
        words = (
            f"only slots before {seen:%Y-%m-%d %H:%M} UTC are proven: IB has sent no underlying's bar from then on,"
            if seen is not None
            else "no slot is proven: IB has sent no underlying's bar,"
        )
        words += f" though by its clock it is {now:%Y-%m-%d %H:%M} UTC; that clock is ahead, or IB is silent"
        return NotPrepared(symbol, Failure(Outcome.UNKNOWN, words))
    session = parts.calendar.session(symbol, finished.order.day)
    if own - now > SLOT and now < session.close:
        words = (
            f"by IB's clock it is {now:%Y-%m-%d %H:%M} UTC, by this machine's {own:%Y-%m-%d %H:%M}:"
            " what lies between was not asked for; set the clock that is wrong"
        )
        return NotPrepared(symbol, Failure(Outcome.UNKNOWN, words))
    return None


def _proven(
    parts: Sequence[Session], whole: Sequence[Session], seen_until: datetime | None, now: datetime
) -> tuple[Session, ...]:
    """Return the proven parts of sessions, which `whole` holds from open to close."""
    ends = [min(part.close, proven_end(one, seen_until, now)) for part, one in zip(parts, whole, strict=True)]
    return tuple(
        part if end == part.close else replace(part, close=end, next_open=end)
        for part, end in zip(parts, ends, strict=True)
        if part.open < end
    )
