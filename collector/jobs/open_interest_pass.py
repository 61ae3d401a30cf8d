"""Collect open interest after the bars.

One stream a contract and day, after the bars, nearest expirations first.

The clearing house counts open contracts at night; IB tells the figure all of the following day. So what is told on a
New York day belongs to that day's session and is that of the close before. It is asked for from the session's open
(earlier IB may still tell yesterday's figure) until midnight in New York; later it could not be told any more, for
there is no history of it. The pass never disturbs bars: it runs when they are stored, keeps to the order's deadline,
stops at the first sign that more questions are in vain, and changes nothing in how the run ended.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from collector.db.contracts import traded_activity
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import DatabaseError
from collector.domain.market_data.answers import OpenInterest, Outcome
from collector.domain.market_data.instruments import OptionContract
from collector.domain.market_data.sessions import Session
from collector.domain.run_vocabulary import BY_HAND, SETTLING
from collector.runs.dependencies import Parts
from collector.runs.finished import Finished

_BATCH = 250
"""Contracts that are stored together."""

_IN_VAIN = {
    Outcome.OTHER_LOGIN: 1,
    Outcome.DISCONNECTED: 1,
    Outcome.FARM_DOWN: 1,
    Outcome.PERMISSION: 5,
    Outcome.PACING: 5,
    Outcome.REJECTED: 5,
    Outcome.TIME_OUT: 100,
}
"""So many failures of a kind in a row, whatever the contract, and the pass stops; the next window goes on."""

log = structlog.get_logger()


@dataclass(slots=True)
class Told:
    """What a pass came to. asked: contracts; told: those with a figure; bars: bars that bear one now.

    failures: contracts by how their question failed. left: contracts not asked any more, and why.
    """

    asked: int = 0
    told: int = 0
    bars: int = 0
    failures: Counter[Outcome] = field(default_factory=Counter)
    left: int = 0
    why: str = ""


async def collect(finished: Finished, parts: Parts) -> Told:
    """Ask what the order's session lacks, and store it; what is stored stays whatever happens then.

    Does nothing unless configured, in windows that settle no session (they have no time for it), and on another New
    York day than the session's.

    Raises:
        asyncio.CancelledError: the run was interrupted.
    """
    done, window, settings = Told(), finished.order.window, parts.settings
    wanted = window in BY_HAND or settings.windows.role(window) in SETTLING
    if not settings.open_interest.enabled or not wanted:
        return done
    began = parts.clock.monotonic()
    try:
        await _fill(finished, parts, done)
        await _ask(finished, parts, done)
    except DatabaseError as error:
        done.why = error.message
    log.log(
        _level(done),
        "open_interest_done",
        asked=done.asked,
        told=done.told,
        bars=done.bars,
        failures={outcome.value: count for outcome, count in done.failures.items()},
        left=done.left,
        why=done.why,
        seconds=round(parts.clock.monotonic() - began, 1),
    )
    return done


def _level(done: Told) -> int:
    return logging.WARNING if done.failures or done.why else logging.INFO


async def _fill(finished: Finished, parts: Parts, done: Told) -> None:
    """Write figures of earlier days into bars of the order's sessions that have come only now."""
    if not finished.tally.inserted:
        return
    kept = timedelta(days=parts.settings.retention.compress_after_days)
    for prepared in finished.prepared:
        symbol = prepared.underlying.symbol
        for session in finished.order.whole(symbol, prepared.sessions):
            if session.close + kept > parts.clock.now():
                done.bars += await traded_activity.fill_open_interest(parts.db, prepared.underlying.id, session)


async def _ask(finished: Finished, parts: Parts, done: Told) -> None:
    sessions: dict[str, Session] = {}
    lacking: list[OptionContract] = []
    for prepared in (one for one in finished.prepared if parts.settings.series_for(one.underlying.symbol)):
        session = finished.order.session(prepared.underlying.symbol)
        now = parts.source.now()
        if session.open <= now and now.astimezone(NEW_YORK).date() == session.day:
            sessions[prepared.underlying.symbol] = session
            lacking += await traded_activity.without_open_interest(parts.db, prepared.underlying.id, session.day)
    if lacking:
        lacking.sort(key=lambda contract: contract.expiration)
        await _Pass(finished, parts, sessions, done).run(lacking)


class _Pass:
    """One pass over contracts: as many questions at once as there are lines."""

    def __init__(self, finished: Finished, parts: Parts, sessions: dict[str, Session], done: Told) -> None:
        self._parts, self._sessions, self._done = parts, sessions, done
        self._deadline = finished.order.deadline
        self._queue: deque[OptionContract] = deque()
        self._in_a_row = (Outcome.BARS, 0)
        self._figures: dict[str, dict[int, int]] = {symbol: {} for symbol in sessions}
        self._storing = asyncio.Lock()

    async def run(self, lacking: Sequence[OptionContract]) -> None:
        """Ask for all of them.

        Raises:
            DatabaseError: figures could not be stored.
        """
        self._queue.extend(lacking)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._parts.settings.open_interest.lines, len(lacking))):
                    group.create_task(self._worker())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        finally:
            self._done.left = len(self._queue)
        for symbol in self._sessions:
            await self._store(symbol)

    async def _worker(self) -> None:
        while self._queue and not self._done.why:
            if self._is_over():
                self._done.why = "the window's time is over"
                return
            contract = self._queue.popleft()
            self._done.asked += 1
            answer = await self._parts.source.open_interest(contract)
            if isinstance(answer, OpenInterest):
                self._in_a_row = (Outcome.BARS, 0)
                figures = self._figures[contract.symbol]
                figures[contract.id] = answer.contracts
                if len(figures) >= _BATCH:
                    await self._store(contract.symbol)
            else:
                self._failed(answer.outcome, answer.message)

    def _is_over(self) -> bool:
        """Return whether the deadline has come, or the day for which figures are told is over."""
        now = self._parts.source.now()
        another_day = any(now.astimezone(NEW_YORK).date() != session.day for session in self._sessions.values())
        return another_day or (self._deadline is not None and now >= self._deadline)

    def _failed(self, outcome: Outcome, message: str) -> None:
        self._done.failures[outcome] += 1
        kind, count = self._in_a_row
        self._in_a_row = (outcome, count + 1 if kind is outcome else 1)
        if self._in_a_row[1] >= _IN_VAIN.get(outcome, _BATCH) and not self._done.why:
            self._done.why = f"{outcome}: {message}"

    async def _store(self, symbol: str) -> None:
        """Store the figures of a symbol that have come since the last time."""
        figures, self._figures[symbol] = self._figures[symbol], {}
        async with self._storing:
            self._done.bars += await traded_activity.store_open_interest(
                self._parts.db, figures, self._sessions[symbol]
            )
        self._done.told += len(figures)
