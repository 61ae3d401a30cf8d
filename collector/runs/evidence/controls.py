"""Control requests, whose answers must have bars.

Requests whose answer must have bars, asked among empty answers.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import structlog

from collector.clock import Clock
from collector.config import Settings
from collector.db.bars import underlying_bars
from collector.db.bookkeeping import claims as store
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.db.connection.pool import Statements
from collector.domain.coverage.request_planning import Work
from collector.domain.market_data.answers import Answer, HistoricalRequest
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN, DataSet
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.spans import Span, Spans
from collector.market.calendar import Calendar
from collector.runs.fetching.storing import answered_record, failed_record
from collector.runs.finished import Prepared
from collector.runs.source import MarketDataSource
from collector.runs.tally import Tally

Key = tuple[str, DataSet, WhatToShow]
"""Symbol, data set, series: what one outage may darken, and one control lights."""

Record = Callable[[RequestRecord], Awaitable[object]]
"""Puts a request on record. What a control brings is stored already."""

_LOOK_S = 5.0
_PENDING_S = 20.0
"""An empty answer waits so long for bars of its symbol and series to come by themselves; then a control is asked."""
_STALE_S = 30.0
"""After so long without bars a control is asked too, so that what comes next has one before it."""
_FEW = 50
_MOST = 0.5
"""Where most contracts of a symbol are asked, the first answers, nearest the money, have bars of themselves.

Where fewer are, most of them may have been called empty before.
"""
_URGENT = -1
_INSTRUMENTS = 2
"""A control has failed when so many different instruments are empty where bars are known."""
_SESSIONS = 6
_CONTRACTS = 40
_LENGTH = timedelta(hours=1)
log = structlog.get_logger()


@dataclass(slots=True)
class _State:
    """good_at: when bars last came. empty_since: since when answers have been empty. dark: the last control failed."""

    candidates: deque[HistoricalRequest]
    good_at: float | None = None
    empty_since: float | None = None
    dark: bool = False
    asked_at: float = float("-inf")
    heard: set[int] = field(default_factory=set)


class Controls:
    """Sees to it that an answer with bars comes within a minute before and after each empty one.

    Most minutes have such answers anyway; a control is asked where one has none.

    Args:
        source: is asked past the queue.
        clock: the time.
        tally: counts what is asked.
    """

    def __init__(self, source: MarketDataSource, clock: Clock, tally: Tally) -> None:
        self._source, self._clock, self._tally = source, clock, tally
        self._states: dict[Key, _State] = {}
        self._contracts: dict[str, int] = {}

    def expect(self, symbols: Iterable[Prepared]) -> None:
        """Learn how many contracts of each symbol a pass over all of them asks for."""
        self._contracts = {one.underlying.symbol: len(one.contracts) for one in symbols}

    def learn(self, stored: Mapping[Key, Sequence[HistoricalRequest]]) -> None:
        """Learn what can be asked, the best first: bars of it are stored."""
        for key, requests in stored.items():
            self._states.setdefault(key, _State(deque())).candidates.extend(requests)

    def heard(self, request: HistoricalRequest, answer: Answer) -> None:
        """Take note of an answer, whoever has asked."""
        state = self._states.setdefault(_key(request), _State(deque()))
        now = self._clock.monotonic()
        if answer.bars:
            state.good_at, state.empty_since, state.dark = now, None, False
            if len(state.candidates) < _INSTRUMENTS and request.instrument.id not in state.heard:
                state.heard.add(request.instrument.id)
                at = answer.bars[-1].time
                state.candidates.append(replace(request, span=_until(request.data_set, at, request.span)))
        elif state.empty_since is None:
            state.empty_since = now

    def is_lit(self, key: Key) -> bool:
        """Tell whether bars of a symbol's series have come, and no control has failed since."""
        state = self._states.get(key)
        return state is not None and state.good_at is not None and not state.dark

    @contextlib.asynccontextmanager
    async def watch(
        self, work: Sequence[Work], record: Record, is_over: Callable[[], bool] = lambda: False
    ) -> AsyncIterator[None]:
        """Control a pass over work: before its first answer, between its answers, after its last.

        A pass that `is_over` before it begins asks for nothing; its answers, if any, are controlled after it.
        """
        asked = Counter(_key(request) for item in work for request in item.requests)
        if not is_over():
            few = {key for key, count in asked.items() if count <= max(_FEW, _MOST * self._contracts.get(key[0], 0))}
            await self._ask(self._stale(few), record)
        watching = asyncio.create_task(self._keep(record), name="controls")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait({watching})
        if not watching.cancelled() and (error := watching.exception()) is not None:
            raise error
        await self._ask([key for key, state in self._states.items() if state.empty_since is not None], record)

    def _stale(self, keys: Iterable[Key]) -> list[Key]:
        now = self._clock.monotonic()
        found = []
        for key in sorted(keys, key=lambda one: (one[0], one[1].id, one[2])):
            state = self._states.get(key)
            if state is not None and (state.good_at is None or now - state.good_at >= _STALE_S):
                found.append(key)
        return found

    async def _keep(self, record: Record) -> None:
        while True:
            await self._clock.sleep(_LOOK_S)
            now = self._clock.monotonic()
            wanted = [
                key
                for key, state in self._states.items()
                if state.empty_since is not None
                and now - state.asked_at >= _PENDING_S
                and (now - state.empty_since >= _PENDING_S or now - (state.good_at or now) >= _STALE_S)
            ]
            await self._ask(wanted, record)

    async def _ask(self, keys: Sequence[Key], record: Record) -> None:
        await asyncio.gather(*(self._ask_one(self._states[key], key, record) for key in keys))

    async def _ask_one(self, state: _State, key: Key, record: Record) -> None:
        """Ask for something that has bars; two different instruments without any are an outage."""
        state.asked_at = self._clock.monotonic()
        empty: set[int] = set()
        for _ in range(len(state.candidates)):
            request = state.candidates[0]
            state.candidates.rotate(-1)
            if request.instrument.id in empty:
                continue
            self._tally.planned += 1
            self._tally.controls += 1
            outcome = await self._source.historical(request, _URGENT)
            self._tally.attempted(request, outcome)
            if not isinstance(outcome, Answer):  # proves nothing: empty answers wait for the next control
                await record(failed_record(request, outcome, self._source.now()))
                return
            self._tally.answered += 1
            self.heard(request, outcome)
            await record(answered_record(request, outcome, None if outcome.bars else Spans((request.span,))))
            if outcome.bars:
                return
            empty.add(request.instrument.id)
            if len(empty) == _INSTRUMENTS:
                state.dark = True
                log.warning("control_failed", symbol=key[0], data_set=key[1].name, series=key[2].value)
                return


def _key(request: HistoricalRequest) -> Key:
    return request.instrument.symbol, request.data_set, request.what_to_show


async def stored_levels(
    db: Statements, calendar: Calendar, underlyings: Sequence[Underlying], day: date
) -> dict[Key, list[HistoricalRequest]]:
    """Return per symbol and series the last hour that is stored of an underlying, of the sessions before a day."""
    found: dict[Key, list[HistoricalRequest]] = {}
    for underlying in underlyings:
        sessions = calendar.sessions(underlying.symbol, day - timedelta(days=2 * _SESSIONS), day - timedelta(days=1))
        for session in reversed(sessions):
            level = await underlying_bars.last_level(db, underlying.id, session.span)
            if level is not None:
                data_set = UNDERLYING_BARS_5MIN
                span = _until(data_set, level.time, data_set.span(session))
                for what in data_set.series:
                    if what is WhatToShow.TRADES or level.implied_volatility is not None:
                        request = HistoricalRequest(underlying, data_set, what, span)
                        found[underlying.symbol, data_set, what] = [request]
                break
    return found


async def stored_options(
    db: Statements, settings: Settings, calendar: Calendar, symbols: Sequence[Prepared], today: date
) -> dict[Key, list[HistoricalRequest]]:
    """Return per symbol and series an hour of what contracts near the money have stored, of the latest sessions.

    Args:
        db: the database.
        settings: the series of each symbol.
        calendar: the sessions.
        symbols: whose options.
        today: the New York day: what expired before it is not asked for.
    """
    found: dict[Key, list[HistoricalRequest]] = {}
    data_set = OPTION_BARS_5MIN
    for symbol in symbols:
        name = symbol.underlying.symbol
        series = settings.series_for(name)
        last = symbol.sessions[-1].day if symbol.sessions else today
        lacking = set(series)
        for session in reversed(calendar.sessions(name, last - timedelta(days=2 * _SESSIONS), last)[-_SESSIONS:]):
            for one in await store.candidates(
                db, symbol.underlying.id, today, symbol.spot, session.span, _CONTRACTS if lacking else 0
            ):
                for what in series:
                    key = (name, data_set, what)
                    if what in one.last and len(found.setdefault(key, [])) < 2 * _INSTRUMENTS:
                        span = _until(data_set, one.last[what], data_set.span(session))
                        found[key].append(HistoricalRequest(one.contract, data_set, what, span))
            lacking = {what for what in series if len(found.get((name, data_set, what), ())) < _INSTRUMENTS}
            if not lacking:
                break
    return found


def _until(data_set: DataSet, last_slot: datetime, within: Span) -> Span:
    """Return the hour up to the end of a slot, inside a span; the slot where it is longer."""
    end = last_slot + data_set.bar_size
    return Span(max(within.start, end - max(_LENGTH, data_set.bar_size)), end)
