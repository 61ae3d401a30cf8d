"""What becomes of requests that fail: again, in halves, given up, put off."""

import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from collector.clock.virtual_time import VirtualClock
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.domain.coverage.request_planning import Work
from collector.domain.market_data.answers import Answer, Failure, HistoricalOutcome, HistoricalRequest, Outcome
from collector.domain.market_data.bars import Bar
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OptionContract, Right, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span
from collector.runs.fetching.fetching import Fetching
from collector.runs.fetching.storing import Answered, Sessions
from collector.runs.source import NoSource
from collector.runs.tally import Tally

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
DAYS = (16, 17, 18, 19, 20)


def utc(day: int, hour: int) -> datetime:
    """Return half past an hour of November 2026."""
    return datetime(2026, 11, day, hour, 30, tzinfo=UTC)


WEEK = tuple(Session(date(2026, 11, day), utc(day, 14), utc(day, 20), utc(day + 1, 14)) for day in DAYS)
CONTRACT = OptionContract("SPY", 1, date(2026, 11, 27), Decimal(670), Right.CALL, id=1)
SESSIONS = Sessions({"SPY": WEEK}, {}, {})


def request_of(first: int, last: int, what: WhatToShow = WhatToShow.TRADES) -> HistoricalRequest:
    """Return the request for some sessions of the week, by their places."""
    return HistoricalRequest(CONTRACT, OPTION_BARS_5MIN, what, Span(WEEK[first].open, WEEK[last].close))


WHOLE = request_of(0, 4)


@dataclass
class Slow(NoSource):
    """Answers what is short enough; what is longer, or touches a session that it never answers for, times out."""

    clock: VirtualClock
    longest: timedelta
    silent: frozenset[int] = frozenset()
    outcome: Outcome = Outcome.TIME_OUT
    asked: list[HistoricalRequest] = field(default_factory=list)

    def now(self) -> datetime:
        """Return its time."""
        return self.clock.now()

    async def historical(self, request: HistoricalRequest, priority: int = 0) -> HistoricalOutcome:  # type: ignore[override] # noqa: ARG002
        """Answer with a bar, or not."""
        self.asked.append(request)
        touched = OPTION_BARS_5MIN.touched(request.span, WEEK)
        if request.span.duration > self.longest or any(session.day.day in self.silent for session in touched):
            return Failure(self.outcome, "no answer within 60 s")
        now = self.clock.now()
        bar = Bar(request.span.start, 10_000, 10_000, 10_000, 10_000)
        return Answer((bar,), now, now, now)


@dataclass
class Pass:
    """One pass over work, and what was delivered of it."""

    source: Slow
    tally: Tally = field(default_factory=Tally)
    answered: list[HistoricalRequest] = field(default_factory=list)
    failed: list[RequestRecord] = field(default_factory=list)
    is_over: Callable[[], bool] = lambda: False

    async def of(self, *work: Work) -> Fetching:
        """Fetch it all."""
        self.tally.planned = sum(len(item.requests) for item in work)
        fetching = Fetching(
            self.source, self.source.clock, self.tally, SESSIONS, self._deliver, random.Random(7), self.is_over
        )
        await fetching.run(work)
        return fetching

    async def _deliver(
        self, _work: Work, answered: list[Answered], failed: list[RequestRecord]
    ) -> list[HistoricalRequest]:
        self.answered += [request for request, _ in answered]
        self.failed += failed
        return []


def test_a_request_of_several_sessions_that_times_out_twice_is_halved(virtual_run: Run) -> None:
    """Asked twice as it is, then as two and three sessions, which are answered; every attempt is on record."""

    async def main() -> None:
        source = Slow(VirtualClock(utc(21, 10)), longest=timedelta(days=3))
        one = Pass(source)
        fetching = await one.of(Work(CONTRACT, (WHOLE,)))
        assert source.asked == [WHOLE, WHOLE, request_of(0, 1), request_of(2, 4)]
        assert [record.span for record in one.failed] == [WHOLE.span, WHOLE.span]
        assert one.answered == [request_of(0, 1), request_of(2, 4)]
        assert fetching.given_up == []
        assert (one.tally.planned, one.tally.answered, one.tally.failed) == (2, 2, 0)
        assert one.tally.contracts_answered == {1}

    virtual_run(main)


def test_halves_are_halved_down_to_one_session(virtual_run: Run) -> None:
    """Where a single session is the most that comes, all five do."""

    async def main() -> None:
        one = Pass(Slow(VirtualClock(utc(21, 10)), longest=timedelta(hours=6)))
        await one.of(Work(CONTRACT, (WHOLE,)))
        assert sorted(request.span for request in one.answered) == [session.span for session in WEEK]
        assert (one.tally.planned, one.tally.answered) == (5, 5)
        assert max(one.source.asked.count(request) for request in one.source.asked) == 2

    virtual_run(main)


def test_a_session_that_is_never_answered_is_given_up_alone(virtual_run: Run) -> None:
    """After the attempts of any request; the sessions beside it have come."""

    async def main() -> None:
        one = Pass(Slow(VirtualClock(utc(21, 10)), longest=timedelta(days=7), silent=frozenset({18})))
        fetching = await one.of(Work(CONTRACT, (WHOLE,)))
        assert [(letter.request, letter.attempts) for letter in fetching.given_up] == [(request_of(2, 2), 4)]
        assert one.answered == [request_of(0, 1), request_of(3, 4)]
        assert (one.tally.planned, one.tally.answered, one.tally.failed) == (3, 2, 1)
        assert one.tally.contracts_answered == set()

    virtual_run(main)


@pytest.mark.parametrize("outcome", [Outcome.PACING, Outcome.UNKNOWN])
def test_other_failures_halve_nothing(virtual_run: Run, outcome: Outcome) -> None:
    """A refusal says nothing about the length."""

    async def main() -> None:
        one = Pass(Slow(VirtualClock(utc(21, 10)), longest=timedelta(0), outcome=outcome))
        fetching = await one.of(Work(CONTRACT, (WHOLE,)))
        assert set(one.source.asked) == {WHOLE}
        assert [letter.request for letter in fetching.given_up] == [WHOLE]

    virtual_run(main)


def test_halves_take_the_place_of_the_whole(virtual_run: Run) -> None:
    """They are asked before contracts that are less urgent and have not been asked yet."""

    async def main() -> None:
        source = Slow(VirtualClock(utc(21, 10)), longest=timedelta(days=3))
        later = [OptionContract("SPY", n, date(2026, 12, 18), Decimal(n), Right.PUT, id=n) for n in range(2, 3000)]
        fresh = [
            Work(each, (HistoricalRequest(each, OPTION_BARS_5MIN, WHOLE.what_to_show, WEEK[4].span),)) for each in later
        ]
        answer = source.historical

        async def slowly(request: HistoricalRequest, priority: int = 0) -> HistoricalOutcome:
            await source.clock.sleep(0.5)
            return await answer(request, priority)

        source.historical = slowly  # type: ignore[method-assign]
        await Pass(source).of(Work(CONTRACT, (WHOLE,)), *fresh)
        assert source.asked.index(request_of(2, 4)) < len(source.asked) / 2

    virtual_run(main)


def test_halves_that_have_to_wait_are_put_off_one_by_one(virtual_run: Run) -> None:
    """When the time is over, what is left is deferred: planned is still answered, failed and deferred together."""

    async def main() -> None:
        clock = VirtualClock(utc(21, 10))
        one = Pass(Slow(clock, longest=timedelta(days=3)))
        one.is_over = lambda: len(one.source.asked) >= 2
        fetching = await one.of(Work(CONTRACT, (WHOLE,)))
        assert fetching.deferred == [request_of(0, 1), request_of(2, 4)]
        assert (one.tally.planned, one.tally.deferred) == (2, 2)

    virtual_run(main)
