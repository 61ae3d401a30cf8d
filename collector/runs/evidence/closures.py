"""Notice sessions on which the exchange seems shut.

A session of the calendar on which no underlying has a bar may be a hole of the source, or a closure that the calendar
does not know. Only controlled witnesses tell: within five minutes the same requests for the session before bring bars.
Two of them, two hours apart, make a closure probable; it is told once, and nothing follows from it until its owner
declares it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog

from collector.db.bars import underlying_bars
from collector.db.bookkeeping import closed_days, requests_table
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.domain.market_data.answers import Answer, HistoricalOutcome, HistoricalRequest
from collector.domain.market_data.data_sets import UNDERLYING_BARS_5MIN
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span
from collector.domain.reports.run_report import ProbableClosure
from collector.runs.dependencies import Parts
from collector.runs.fetching.storing import answered_record, failed_record
from collector.runs.finished import Finished
from collector.runs.orders import clipped

BEGUN = timedelta(hours=1)
"""A session without a bar for so long is asked about; the first trade of a quiet share may come late."""
APART = timedelta(hours=2)
"""Two witnesses are independent when they were sent so far apart."""
_DATA_SET = UNDERLYING_BARS_5MIN
WITHIN = _DATA_SET.bar_size
"""Both requests of a witness are sent and answered within so long, five minutes."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Asked:
    request: HistoricalRequest
    outcome: HistoricalOutcome

    @property
    def bars(self) -> int | None:
        """Return how many bars of the span came, None for a failure."""
        if not isinstance(self.outcome, Answer):
            return None
        return sum(bar.time in self.request.span for bar in self.outcome.bars)


async def look(underlyings: Sequence[Underlying], finished: Finished, parts: Parts) -> None:
    """Ask about sessions of an order on which no underlying has a bar, each with the session before it.

    Args:
        underlyings: those of the order; their own bars were asked for before.
        finished: the run; a closure that has become probable is noted in it.
        parts: what the run works with.
    """
    order, now = finished.order, parts.source.now()
    collected = [one for one in underlyings if _DATA_SET in parts.settings.data_sets_for(one.symbol)]
    if not collected or order.history or order.fill_columns or _DATA_SET not in order.data_sets:
        return
    days = sorted({one.day for own in collected for one in order.own(own.symbol)} - set(order.older))
    spans = {one.symbol: [session.span for session in order.own(one.symbol)] for one in collected}
    traded = [await underlying_bars.traded(parts.db, one.id, spans[one.symbol]) for one in collected]
    told = await closed_days.suspected(parts.db)
    open_days = {day for day in days if any(span.start.date() == day for slots in traded for span in slots)}
    if refuted := open_days & set(told):
        await closed_days.forget_suspicions(parts.db, refuted)
    for day in days:
        begun = all(parts.calendar.session(one.symbol, day).open + BEGUN <= now for one in collected)
        if day not in open_days and begun and not told.get(day, False):
            await _witness(day, collected, finished, parts)


async def _witness(day: date, underlyings: Sequence[Underlying], finished: Finished, parts: Parts) -> None:
    """Ask for a session and the one before it; keep what that is a witness of."""
    before = parts.calendar.previous(day)
    pairs = [(_request(one, day, parts), _request(one, before, parts, like=day)) for one in underlyings]
    asked = [request for pair in pairs for request in pair if request is not None]
    if len(asked) < 2 * len(underlyings):
        return
    answers = await asyncio.gather(*(_ask(request, finished, parts) for request in asked))
    async with parts.db.transaction(requests_table.PREPARED) as transaction:
        await requests_table.record(transaction, [_record(one, parts) for one in answers], finished.run_id)
    of_day = [one for one in answers if one.request.span.start >= parts.calendar.session("", day).open]
    controls = [one for one in answers if one not in of_day]
    if any(one.bars != 0 for one in of_day) or not all(one.bars for one in controls):
        return
    sent_at, answered_at = _bounds(answers)
    if answered_at - sent_at > WITHIN:
        return
    symbols = [one.symbol for one in underlyings]
    found = await closed_days.suspect(parts.db, day, symbols, sent_at, finished.run_id)
    log.warning("session_without_bars", day=str(day), symbols=symbols, since=str(found.first_sent_at))
    if found.last_sent_at - found.first_sent_at >= APART and not found.told:
        await closed_days.tell(parts.db, day)
        finished.closures.append(
            ProbableClosure(
                session=day, symbols=tuple(symbols), first_seen=found.first_sent_at, last_seen=found.last_sent_at
            )
        )


def _request(underlying: Underlying, day: date, parts: Parts, like: date | None = None) -> HistoricalRequest | None:
    """Return the request for a session as far as it has gone; `like`: as far as the session of that day has."""
    session = parts.calendar.session(underlying.symbol, day)
    part = _gone(parts.calendar.session(underlying.symbol, like or day), parts.source.now())
    if part is None:
        return None
    end = min(session.open + (part.end - part.start), _DATA_SET.span(session).end)
    return HistoricalRequest(underlying, _DATA_SET, WhatToShow.TRADES, Span(_DATA_SET.span(session).start, end))


def _gone(session: Session, now: datetime) -> Span | None:
    part = clipped(_DATA_SET, session, None, now)
    return None if part is None else _DATA_SET.span(part)


async def _ask(request: HistoricalRequest, finished: Finished, parts: Parts) -> _Asked:
    tally = finished.tally
    tally.planned += 1
    tally.controls += 1
    outcome = await parts.source.historical(request, -1)
    tally.attempted(request, outcome)
    tally.answered += isinstance(outcome, Answer)
    return _Asked(request, outcome)


def _record(asked: _Asked, parts: Parts) -> RequestRecord:
    if isinstance(asked.outcome, Answer):
        return answered_record(asked.request, asked.outcome)
    return failed_record(asked.request, asked.outcome, parts.source.now())


def _bounds(answers: Sequence[_Asked]) -> tuple[datetime, datetime]:
    """Return when the first was sent and the last answered, by the source's clock."""
    definite = [one.outcome for one in answers if isinstance(one.outcome, Answer)]
    return min(one.sent_at for one in definite), max(one.answered_at for one in definite)
