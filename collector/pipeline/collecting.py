"""Collecting bars for one order: prepare each symbol, plan, fetch, store; in passes, until nothing is left to ask."""

import contextlib
import gc
from collections.abc import Iterator, Sequence
from dataclasses import replace

import structlog

from collector.db import underlying_bars
from collector.db.requests import RequestRecord
from collector.domain.answers import HistoricalRequest, Outcome
from collector.domain.errors import UsageError
from collector.domain.instruments import Instrument, Underlying
from collector.domain.planning import Work
from collector.domain.runs import Window
from collector.pipeline import expired, older, planning
from collector.pipeline.fetching import Fetching
from collector.pipeline.orders import Finished, GivenUp, NotPrepared
from collector.pipeline.parts import Parts
from collector.pipeline.preparation import Preparation
from collector.pipeline.quality import examined, spots_of
from collector.pipeline.storing import Answered, Sessions, Storer, judged

_PASSES = 3
"""What is empty in all series settles only by a second, later answer; the third pass is for what failed meanwhile."""
log = structlog.get_logger()


async def collect(finished: Finished, parts: Parts) -> None:
    """Collect an order's bars; what was done is in `finished`, also when this raises.

    Raises:
        GatewayUnavailable, DatabaseUnavailable: the run cannot go on.
        UsageError: IB knows none of the symbols.
    """
    finished.order = await older.widened(finished.order, parts.db, parts.calendar, parts.source.now())
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
            finished.not_prepared.extend(chosen.lacking)
    sessions = await _sessions(underlyings, preparation, parts)
    await expired.ask(finished, parts)
    hopeless: set[HistoricalRequest] = set()
    for number in range(1, _PASSES + 1):
        work = await planning.contract_work(
            parts.db, parts.calendar, finished.prepared, order, parts.settings.series, parts.source.now()
        )
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
            return
    if order.window is Window.LATE_NIGHT:
        share = parts.settings.repair.resample_share
        again = await planning.sample(
            parts.db, finished.prepared, parts.settings.series, share, parts.randomness, parts.source.now()
        )
        await _fetch(again, sessions, finished, parts)


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
    spots = {u.symbol: await spots_of(parts.db, u.id, by_symbol[u.symbol]) for u in underlyings}
    return Sessions(by_symbol, traded, spots)


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

        async def deliver(
            instrument: Instrument, answered: list[Answered], failed: list[RequestRecord]
        ) -> list[HistoricalRequest]:
            answers, doubtful = judged(instrument, answered, sessions)
            symbol = instrument.symbol
            known = sessions.by_symbol.get(symbol, ())
            answers = replace(answers, requests=(*answers.requests, *failed))
            await storer.put(examined(answers, known, sessions.spots.get(symbol), parts.settings.quality))
            parts.on_progress(tally)
            return doubtful

        fetching = Fetching(parts.source, parts.clock, tally, deliver, parts.randomness, _deadline(finished, parts))
        try:
            with _fewer_collections():
                await fetching.run(work)
        finally:
            finished.given_up.extend(fetching.given_up)
    for request, failure in storer.refused:
        finished.given_up.append(GivenUp(request, failure, attempts=1))
        tally.refused(request)
    return bool(fetching.deferred)


@contextlib.contextmanager
def _fewer_collections() -> Iterator[None]:
    """Look for garbage cycles more rarely: among millions of short-lived tuples it costs a seventh of the CPU."""
    usual = gc.get_threshold()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _deadline(finished: Finished, parts: Parts) -> float | None:
    """Return the order's deadline on the monotonic clock."""
    if finished.order.deadline is None:
        return None
    left = (finished.order.deadline - parts.clock.now()).total_seconds()
    return parts.clock.monotonic() + left
