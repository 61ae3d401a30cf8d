"""Fetch many instruments at once, most urgent first.

Many instruments at once, most urgent first; each request ends answered, deferred or given up on.
"""

import asyncio
import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from collector.clock import Clock
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.domain.coverage.request_planning import Work, halves
from collector.domain.errors import GatewayUnavailable
from collector.domain.market_data.answers import Answer, Failure, HistoricalRequest, Outcome
from collector.domain.market_data.instruments import OptionContract
from collector.domain.pacing.reactions import REACTIONS, GiveUpOn, delay_s
from collector.runs.fetching.storing import Answered, Sessions, failed_record
from collector.runs.finished import GivenUp
from collector.runs.source import MarketDataSource
from collector.runs.tally import Tally, described

_WORKERS = 32
"""Instruments in flight; with three series each it is more than IB's ceiling, so the pacer decides, not this."""

Deliver = Callable[[Work, list[Answered], list[RequestRecord]], Awaitable[list[HistoricalRequest]]]
"""Takes the work's answers and failures; returns the requests whose answers are not definite: ask them again."""
_LEAST_WAIT_S = 0.01
"""A timer may fire a nanosecond early; waiting for so little again and again would not get anywhere."""
log = structlog.get_logger()


@dataclass(slots=True)
class _Retry:
    work: Work
    failures: dict[HistoricalRequest, Counter[Outcome]] = field(default_factory=dict)


class Fetching:
    """One pass over a list of work.

    Args:
        source: where bars come from; it paces itself.
        clock: for back-off.
        tally: counted into.
        sessions: those that the work is about, by which requests that are too long are halved.
        deliver: takes the answers of an instrument.
        randomness: jitter of the back-off.
        is_over: whether no new request is to be begun any more; what is left is deferred.
    """

    def __init__(
        self,
        source: MarketDataSource,
        clock: Clock,
        tally: Tally,
        sessions: Sessions,
        deliver: Deliver,
        randomness: random.Random,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._source, self._clock, self._tally, self._deliver = source, clock, tally, deliver
        self._sessions = sessions
        self._random, self._is_over = randomness, is_over
        self._fresh: deque[Work] = deque()
        self._retries: list[tuple[float, int, _Retry]] = []
        self._order = itertools.count()
        self.given_up: list[GivenUp] = []
        self.deferred: list[HistoricalRequest] = []

    async def run(self, work: Sequence[Work]) -> None:
        """Fetch all of it.

        Raises:
            GatewayUnavailable: the source stayed away for all attempts of one request; what was answered has been
                delivered.
            DatabaseUnavailable: answers cannot be stored any more.
        """
        self._fresh.extend(work)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(_WORKERS, len(work))):
                    group.create_task(self._worker())
        except BaseExceptionGroup as group_error:
            raise _first(group_error) from group_error

    async def _worker(self) -> None:
        while (item := await self._next()) is not None:
            await self._attempt(item)

    async def _next(self) -> _Retry | None:
        """Return a retry that is due, else fresh work, else wait for the next retry; None when nothing is left."""
        while self._retries or self._fresh:
            now = self._clock.monotonic()
            if self._is_over():
                self._defer_all()
                return None
            if self._retries and self._retries[0][0] <= now:
                return heapq.heappop(self._retries)[2]
            if self._fresh:
                return _Retry(self._fresh.popleft())
            await self._clock.sleep(max(self._retries[0][0] - now, _LEAST_WAIT_S))
        return None

    def _defer_all(self) -> None:
        left = [*self._fresh, *(retry.work for _, _, retry in self._retries)]
        self._fresh.clear()
        self._retries.clear()
        for request in (request for work in left for request in work.requests):
            self.deferred.append(request)
            self._tally.put_off(request)

    async def _attempt(self, item: _Retry) -> None:
        instrument = item.work.instrument
        wanted = item.work.requests
        outcomes = await asyncio.gather(*(self._source.historical(request) for request in wanted))
        answered: list[Answered] = []
        failed: list[tuple[HistoricalRequest, Failure]] = []
        for request, outcome in zip(wanted, outcomes, strict=True):
            self._tally.attempted(request, outcome)
            if isinstance(outcome, Answer):
                answered.append((request, outcome))
            else:
                failed.append((request, outcome))
        now = self._source.now()
        records = [failed_record(request, failure, now) for request, failure in failed]
        doubtful = await self._deliver(item.work, answered, records)
        unclear = Failure(Outcome.UNKNOWN, "empty, but the underlying has no bars there or the contract has expired")
        failed.extend((request, unclear) for request in doubtful)
        self._tally.answered += len(answered) - len(doubtful)
        self._react(item, failed)
        if not failed and isinstance(instrument, OptionContract) and instrument.id not in self._tally.contracts_failed:
            self._tally.contracts_answered.add(instrument.id)

    def _react(self, item: _Retry, failed: Sequence[tuple[HistoricalRequest, Failure]]) -> None:
        again: list[HistoricalRequest] = []
        longest = 0.0
        for request, failure in failed:
            counts = item.failures.setdefault(request, Counter())
            counts[failure.outcome] += 1
            wait = delay_s(failure.outcome, counts[failure.outcome], self._random)
            if wait is None:
                self._give_up(request, failure, sum(counts.values()))
                continue
            parts: tuple[HistoricalRequest, ...] = (request,)
            if counts[failure.outcome] == REACTIONS[failure.outcome].halved_after:
                parts = halves(request, self._sessions.touching(request))
                self._tally.planned += len(parts) - 1
            again.extend(parts)
            longest = max(longest, wait)
        if again:
            work = Work(item.work.instrument, tuple(again))
            due = self._clock.monotonic() + longest
            heapq.heappush(self._retries, (due, next(self._order), _Retry(work, item.failures)))

    def _give_up(self, request: HistoricalRequest, failure: Failure, attempts: int) -> None:
        if REACTIONS[failure.outcome].give_up_on is GiveUpOn.RUN:
            raise GatewayUnavailable(
                f"IB is out of reach: {failure.message}",
                "What was collected is stored; the next run continues. Check the gateway with: collector doctor",
            )
        self.given_up.append(GivenUp(request, failure, attempts))
        self._tally.failed += 1
        if isinstance(request.instrument, OptionContract):
            self._tally.contracts_failed.add(request.instrument.id)
        log.info(
            "request_given_up",
            request=described(request),
            outcome=failure.outcome,
            code=failure.code,
            message=failure.message,
            attempts=attempts,
        )


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first leaf of an exception group: the workers fail for one reason."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
