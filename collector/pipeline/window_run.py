"""One run of one window: prepare each symbol, plan, fetch, store, and leave tables that tell what happened."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass

import structlog

from collector.clock import Clock
from collector.config import Settings
from collector.db import locks, runs, underlying_bars
from collector.db.pool import Database
from collector.domain.answers import HistoricalRequest, Outcome
from collector.domain.errors import CollectorError, UsageError
from collector.domain.instruments import Instrument, Underlying
from collector.domain.planning import Work
from collector.domain.report import PacerSample
from collector.domain.runs import RunStatus
from collector.market.calendar import Calendar
from collector.pipeline import closing, planning
from collector.pipeline.fetching import Fetching
from collector.pipeline.orders import Finished, NotPrepared, Order
from collector.pipeline.preparation import Preparation
from collector.pipeline.source import MarketDataSource
from collector.pipeline.storing import Answered, Sessions, Storer, judged
from collector.pipeline.tally import Tally

_PASSES = 3
"""What is empty in all series settles only by a second, later answer; the third pass is for what failed meanwhile."""
_HEARTBEAT_S = 30.0
_SAMPLE_S = 5.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """The concrete parts of a run, wired by collector.app; on_progress is called whenever the tally has changed."""

    db: Database
    source: MarketDataSource
    settings: Settings
    calendar: Calendar
    clock: Clock
    randomness: random.Random
    on_progress: Callable[[Tally], None] = lambda _: None


async def run(order: Order, parts: Parts) -> Finished:
    """Run one window; returns also when the run failed, with the error in the result.

    Raises:
        LockHeld: another run is at work; nothing was done.
        DatabaseError: the run could not even be recorded.
        asyncio.CancelledError: a signal asked to stop; the run row says interrupted.
    """
    async with locks.collection_lock(parts.db, f"{order.window} of {order.day}") as lock:
        await runs.close_interrupted(parts.db, parts.clock.now())
        run_id = await runs.open_run(parts.db, closing.opened(order, parts.clock))
        finished = Finished(run_id, order, parts.clock.now())
        with structlog.contextvars.bound_contextvars(run_id=run_id, window=order.window.value, day=str(order.day)):
            try:
                async with _heartbeat(parts, lock, finished):
                    await _collect(finished, parts)
                finished.status = _status(finished)
            except CollectorError as error:
                finished.error = error
                finished.status = RunStatus.PARTIAL if finished.tally.answered else RunStatus.FAILED
                log.warning("run_stopped", error=error.message, hint=error.hint)
            except asyncio.CancelledError as error:
                finished.error = error
                finished.status = RunStatus.INTERRUPTED
                await asyncio.shield(closing.close(finished, parts.db, parts.settings, parts.calendar, parts.clock))
                raise
            except Exception as error:  # the run ends here: it must be recorded, whatever it was
                finished.error = error
                finished.status = RunStatus.FAILED
                log.exception("run_failed")
            await closing.close(finished, parts.db, parts.settings, parts.calendar, parts.clock)
            return finished


async def _collect(finished: Finished, parts: Parts) -> None:
    order, tally = finished.order, finished.tally
    preparation = Preparation(parts.db, parts.source, parts.settings, parts.calendar, parts.clock, order)
    underlyings = await _defined(preparation, finished)
    own = [work for u in underlyings for work in await preparation.underlying_work(u)]
    await _fetch(own, await _sessions(underlyings, preparation, parts), finished, parts)
    for underlying in underlyings:
        chosen = await preparation.choose(underlying)
        if isinstance(chosen, NotPrepared):
            finished.not_prepared.append(chosen)
            log.warning("symbol_left_out", symbol=underlying.symbol, message=chosen.failure.message)
        else:
            finished.prepared.append(chosen)
    sessions = await _sessions(underlyings, preparation, parts)
    hopeless: set[HistoricalRequest] = set()
    for number in range(1, _PASSES + 1):
        work = await planning.contract_work(parts.db, finished.prepared, order, parts.settings.series)
        if number == 1:
            for item in work:
                tally.contracts_planned.add(item.instrument.id)
                tally.of(item.instrument.symbol).contracts.add(item.instrument.id)
        work = [left for item in work if (left := _without(item, hopeless))]
        if not work:
            break
        log.info("pass_planned", number=number, contracts=len(work), requests=sum(len(w.requests) for w in work))
        before = len(finished.given_up)
        deferred = await _fetch(work, sessions, finished, parts)
        hopeless.update(letter.request for letter in finished.given_up[before:])
        if order.force or deferred:
            break


async def _defined(preparation: Preparation, finished: Finished) -> list[Underlying]:
    """Return the underlyings of the order; those that cannot be had are noted, and do not stop the others.

    Raises:
        UsageError: IB knows none of the symbols.
    """
    underlyings: list[Underlying] = []
    for symbol in finished.order.symbols:
        found = await preparation.define(symbol)
        if isinstance(found, NotPrepared):
            finished.not_prepared.append(found)
            log.warning("symbol_left_out", symbol=symbol, outcome=found.failure.outcome, message=found.failure.message)
        else:
            underlyings.append(found)
    unknown = [left.symbol for left in finished.not_prepared if left.failure.outcome is Outcome.UNKNOWN_CONTRACT]
    if len(unknown) == len(finished.order.symbols):
        raise UsageError(f"IB does not know {', '.join(unknown)}", "Write the symbol as IB does; see --symbols.")
    return underlyings


def _without(work: Work, hopeless: set[HistoricalRequest]) -> Work | None:
    requests = tuple(request for request in work.requests if request not in hopeless)
    return Work(work.instrument, requests) if requests else None


async def _sessions(underlyings: Sequence[Underlying], preparation: Preparation, parts: Parts) -> Sessions:
    """Return the whole sessions of the order by symbol, and where each underlying has bars."""
    by_symbol = {
        u.symbol: [parts.calendar.session(u.symbol, part.day) for part in preparation.sessions(u.symbol)]
        for u in underlyings
    }
    traded = {
        u.symbol: await underlying_bars.traded(parts.db, u.id, [s.span for s in by_symbol[u.symbol]])
        for u in underlyings
    }
    return Sessions(by_symbol, traded)


async def _fetch(work: Sequence[Work], sessions: Sessions, finished: Finished, parts: Parts) -> bool:
    """Fetch and store work; returns whether something was deferred for lack of time."""
    tally = finished.tally
    tally.planned += sum(len(item.requests) for item in work)
    parts.on_progress(tally)
    if not work:
        return False
    async with Storer(
        parts.db, finished.run_id, parts.settings.series, tally, parts.clock, lambda: parts.on_progress(tally)
    ) as storer:

        async def deliver(instrument: Instrument, answered: list[Answered]) -> list[HistoricalRequest]:
            answers, doubtful = judged(instrument, answered, sessions)
            if answers is not None:
                await storer.put(answers)
            parts.on_progress(tally)
            return doubtful

        fetching = Fetching(parts.source, parts.clock, tally, deliver, parts.randomness, _deadline(finished, parts))
        try:
            await fetching.run(work)
        finally:
            finished.given_up.extend(fetching.given_up)
    return bool(fetching.deferred)


def _deadline(finished: Finished, parts: Parts) -> float | None:
    """Return the order's deadline on the monotonic clock."""
    if finished.order.deadline is None:
        return None
    left = (finished.order.deadline - parts.clock.now()).total_seconds()
    return parts.clock.monotonic() + left


def _status(finished: Finished) -> RunStatus:
    """Return success when every planned request was answered or deferred, failed when none was, else partial."""
    if not finished.not_prepared and not finished.given_up:
        return RunStatus.SUCCESS
    return RunStatus.PARTIAL if finished.tally.answered or finished.prepared else RunStatus.FAILED


@contextlib.asynccontextmanager
async def _heartbeat(parts: Parts, lock: locks.Lock, finished: Finished) -> AsyncIterator[None]:
    """Say every half minute in the run row that the run lives, and stop the run when its lock cannot be kept."""

    async def beat() -> None:
        began = parts.clock.monotonic()
        last_sent, next_heartbeat = 0, began + _HEARTBEAT_S
        while True:
            await parts.clock.sleep(_SAMPLE_S)
            now, tally = parts.clock.monotonic(), finished.tally
            tally.pace = parts.source.pace
            finished.samples.append(_sample(now - began, tally, tally.attempts - last_sent))
            last_sent = tally.attempts
            parts.on_progress(tally)
            if now >= next_heartbeat:
                next_heartbeat = now + _HEARTBEAT_S
                await lock.keep()
                await runs.heartbeat(parts.db, finished.run_id, parts.clock.now(), closing.progress(tally))

    async with _together(beat()):
        yield


def _sample(at_s: float, tally: Tally, sent: int) -> PacerSample:
    return PacerSample(
        at_s=at_s,
        requests_per_s=sent / _SAMPLE_S,
        open_requests=tally.pace.in_flight,
        limit=tally.pace.limit,
        latency_s=tally.pace.latency_s,
    )


@contextlib.asynccontextmanager
async def _together(companion: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run a companion beside the block: its failure cancels the block and is raised, its end comes with the block."""
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(companion)
            yield
            task.cancel()
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
