"""Collect bars for one order, in passes.

Collecting bars for one order: prepare each symbol, plan, fetch, store; in passes, until nothing is left to ask.
"""

import contextlib
import functools
import gc
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import structlog

from collector.db.bars import underlying_bars
from collector.db.bars.bar_tables import InstrumentAnswers
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.coverage.request_planning import Work, requests_for
from collector.domain.errors import UsageError
from collector.domain.market_data.answers import HistoricalRequest, Outcome
from collector.domain.market_data.instruments import OptionContract, Underlying
from collector.domain.market_data.spans import Spans
from collector.domain.run_vocabulary import Asks, Role
from collector.runs import asked_sessions
from collector.runs.dependencies import Parts
from collector.runs.evidence import closures, controls, weighing
from collector.runs.evidence.proving import prove
from collector.runs.evidence.weighed import Series
from collector.runs.fetching import splits
from collector.runs.fetching.fetching import Fetching
from collector.runs.fetching.judging import examined, spots_of
from collector.runs.fetching.storing import Answered, Sessions, Storer, judged
from collector.runs.finished import Finished, GivenUp, NotPrepared, Prepared
from collector.runs.planning import expired_contracts, missing_work, older_sessions
from collector.runs.preparing import own_bars
from collector.runs.preparing.preparation import Preparation

_PASSES = 3
"""The first asks for everything, the next for what failed meanwhile and for empty answers that nothing controlled."""
log = structlog.get_logger()


async def collect(finished: Finished, parts: Parts) -> None:
    """Collect an order's bars; what was done is in `finished`, also when this raises.

    Raises:
        GatewayUnavailable, DatabaseUnavailable: the run cannot go on.
        UsageError: IB knows none of the symbols.
    """
    finished.order = await older_sessions.widened(finished.order, parts.db, parts.calendar, parts.source.now())
    order = finished.order
    preparation = Preparation(parts.db, parts.source, parts.settings, parts.calendar, parts.clock, order)
    finished.renumbered = preparation.renumbered
    underlyings = await _defined(preparation, finished)
    watch = await _watch(underlyings, finished, parts)
    if not order.option_bars:
        await asked_sessions.measure_own(finished, parts, underlyings)
    # The underlyings come first: spot, volatility and the meaning of "no data" hang on their bars.
    for data_set in () if order.fill_columns else order.underlying_bars:
        await own_bars.collect(data_set, underlyings, finished, parts, functools.partial(_fetch, watch=watch))
        if renumbered := await _renumbered(underlyings, preparation, finished):
            underlyings = [renumbered.get(one.symbol, one) for one in underlyings]
            watch = await _watch(underlyings, finished, parts)
            again = list(renumbered.values())
            await own_bars.collect(data_set, again, finished, parts, functools.partial(_fetch, watch=watch))
    await closures.look(underlyings, finished, parts)
    if not order.option_bars:
        finished.prepared += [Prepared(one, preparation.sessions(one.symbol), (), None) for one in underlyings]
        await _weigh(finished, parts)
        return
    for underlying in underlyings:
        chosen = await preparation.choose(underlying)
        if isinstance(chosen, NotPrepared):
            _leave_out(chosen, finished)
        else:
            finished.prepared.append(chosen)
            finished.not_prepared += [left for left in chosen.lacking if left not in finished.not_prepared]
    sessions = await _sessions(underlyings, preparation, parts)
    await prove(finished, parts, sessions.seen_until)
    if not order.fill_columns:
        await expired_contracts.ask(finished, parts)
    await _passes(finished, sessions, parts, watch)


async def _watch(underlyings: Sequence[Underlying], finished: Finished, parts: Parts) -> controls.Controls | None:
    """Return what controls the run's empty answers; intraday windows settle none, so none has to be controlled."""
    order = finished.order
    if order.asks is not Asks.NOT_SETTLED:
        return None
    watch = controls.Controls(parts.source, parts.clock, finished.tally)
    watch.learn(await controls.stored_levels(parts.db, parts.calendar, underlyings, order.day))
    return watch


async def _renumbered(
    underlyings: Sequence[Underlying], preparation: Preparation, finished: Finished
) -> dict[str, Underlying]:
    """Define those underlyings anew whose number the source has refused to the end; return them by symbol.

    What was given up on under the number before is asked for again under the new one.
    """
    refused = {one.request.instrument for one in finished.given_up if one.failure.outcome is Outcome.UNKNOWN_CONTRACT}
    found: dict[str, Underlying] = {}
    for underlying in (one for one in underlyings if one in refused):
        present = await preparation.define_anew(underlying)
        if isinstance(present, NotPrepared):
            _leave_out(present, finished)
        elif present != underlying:
            found[underlying.symbol] = present
            kept = [one for one in finished.given_up if one.request.instrument != underlying]
            finished.tally.failed -= len(finished.given_up) - len(kept)
            finished.given_up[:] = kept
    return found


def _leave_out(left: NotPrepared, finished: Finished) -> None:
    """Note what cannot be collected, once."""
    if left not in finished.not_prepared:
        finished.not_prepared.append(left)
        log.warning("symbol_left_out", symbol=left.symbol, outcome=left.failure.outcome, message=left.failure.message)


async def _passes(finished: Finished, sessions: Sessions, parts: Parts, watch: controls.Controls | None) -> None:
    """Ask for what is missing, and weigh what came back empty, until asking again would prove nothing."""
    order, tally = finished.order, finished.tally
    if watch is not None:
        today = parts.source.now().astimezone(NEW_YORK).date()
        found = controls.stored_options(parts.db, parts.settings, parts.calendar, finished.prepared, today)
        watch.learn(await found)
        watch.expect(finished.prepared)
    spoken: set[Series] = set()
    for number in range(1, _PASSES + 1):
        work = await missing_work.contract_work(parts.db, parts.settings, finished.prepared, order, parts.source.now())
        if number == 1:
            for item in work:
                tally.contracts_planned.add(item.instrument.id)
                tally.of(item.instrument.symbol).contracts.add(item.instrument.id)
            await asked_sessions.measure_before(finished, parts, work, sessions)
        # What has spent its retries would do no better a minute later; the next window asks again.
        hopeless = _given_up(finished)
        work = [left for item in work if (left := _without(item, hopeless, spoken, sessions))]
        if not work:
            if number == 1:
                await _weigh(finished, parts)  # what was asked of the underlyings, or by a run that was killed
            break
        log.info("pass_planned", number=number, contracts=len(work), requests=sum(len(w.requests) for w in work))
        deferred = await _fetch(work, sessions, finished, parts, watch)
        # Weighing looks at new answers alone: a series that was not asked again keeps its verdict.
        asked = {
            (item.instrument.id, item.data_set, request.what_to_show) for item in work for request in item.requests
        }
        unasked = finished.weighed.uncontrolled - asked
        await _weigh(finished, parts)
        finished.weighed.uncontrolled |= unasked
        # A further pass would ask for all of it again, or has no time left, or nothing can settle yet.
        if order.force or order.fill_columns or deferred or _is_early(finished, parts):
            return
        spoken |= finished.weighed.controlled
        # While no bars of a series come, a further empty answer of it would not be controlled either.
        if watch is not None:
            spoken |= {one for one in finished.weighed.uncontrolled if not _is_lit(one, finished, watch)}
    if parts.settings.windows.role(order.window) is Role.REPAIRING:
        again = await missing_work.sample(
            parts.db, parts.settings, finished.prepared, order, parts.randomness, parts.source.now()
        )
        await _fetch(again, sessions, finished, parts, None)


def _is_early(finished: Finished, parts: Parts) -> bool:
    """Return whether nothing of the order's session can settle yet: asking again at once would change nothing."""
    now = parts.source.now()
    return all(finished.order.session(one.underlying.symbol).settles_at >= now for one in finished.prepared)


async def _weigh(finished: Finished, parts: Parts) -> None:
    """Weigh the empty answers of a run that may settle something."""
    if finished.order.asks is Asks.NOT_SETTLED:
        underlyings = [prepared.underlying for prepared in finished.prepared]
        # A run without an answer of contracts has not seen how empty the session is.
        asked = {finished.order.day} if finished.tally.answered and finished.order.option_bars else set()
        finished.weighed = await parts.db.patiently(
            lambda: weighing.weigh(parts.db, parts.settings, parts.calendar, underlyings, finished.run_id, asked)
        )


def _is_lit(series: Series, finished: Finished, watch: controls.Controls) -> bool:
    instrument, data_set, what = series
    owners = (one for one in finished.prepared if any(contract.id == instrument for contract in one.contracts))
    owner = next(owners, None)
    return owner is not None and watch.is_lit((owner.underlying.symbol, data_set, what))


async def _defined(preparation: Preparation, finished: Finished) -> list[Underlying]:
    """Return the underlyings of the order; those that cannot be had are noted, and do not stop the others.

    Raises:
        UsageError: IB knows none of the symbols.
    """
    underlyings: list[Underlying] = []
    for symbol in finished.order.symbols:
        found = await preparation.define(symbol)
        if isinstance(found, NotPrepared):
            _leave_out(found, finished)
        else:
            underlyings.append(found)
    unknown = [left.symbol for left in finished.not_prepared if left.failure.outcome is Outcome.UNKNOWN_CONTRACT]
    if len(unknown) == len(finished.order.symbols):
        raise UsageError(f"IB does not know {', '.join(unknown)}", "Write the symbol as IB does; see --symbols.")
    return underlyings


def _given_up(finished: Finished) -> dict[Series, Spans]:
    """Return what of contracts was given up on."""
    found: dict[Series, Spans] = {}
    for request in (one.request for one in finished.given_up if isinstance(one.request.instrument, OptionContract)):
        series = (request.instrument.id, request.data_set, request.what_to_show)
        found[series] = found.get(series, Spans()) | Spans((request.span,))
    return found


def _without(
    work: Work, hopeless: Mapping[Series, Spans], spoken: Collection[Series], sessions: Sessions
) -> Work | None:
    """Return what is left of work without what was given up on, and what was answered as well as it can be now."""
    left: list[HistoricalRequest] = []
    for request in work.requests:
        series = (work.instrument.id, request.data_set, request.what_to_show)
        if series in spoken:
            continue
        left += _outside(request, hopeless[series], sessions) if series in hopeless else (request,)
    return Work(work.instrument, tuple(left)) if left else None


def _outside(request: HistoricalRequest, spans: Spans, sessions: Sessions) -> Iterator[HistoricalRequest]:
    """Yield requests for the slots of one that lie outside some spans, which may have been halves of it."""
    touched, data_set = sessions.touching(request), request.data_set
    slots = Spans((request.span,)) & Spans(data_set.span(session) for session in touched)
    return requests_for(request.instrument, data_set, request.what_to_show, slots - spans, touched)


async def _sessions(underlyings: Sequence[Underlying], preparation: Preparation, parts: Parts) -> Sessions:
    """Return the whole sessions of the order by symbol, and where each underlying has bars."""
    by_symbol = {u.symbol: preparation.whole_sessions(u.symbol) for u in underlyings}
    traded = {
        u.symbol: await underlying_bars.traded(parts.db, u.id, [s.span for s in by_symbol[u.symbol]])
        for u in underlyings
    }
    spots = {u.symbol: await spots_of(parts.db, u.id, by_symbol[u.symbol]) for u in underlyings}
    return Sessions(by_symbol, traded, spots, await underlying_bars.latest(parts.db))


async def _fetch(
    work: Sequence[Work],
    sessions: Sessions,
    finished: Finished,
    parts: Parts,
    watch: controls.Controls | None = None,
) -> bool:
    """Fetch and store work, under controls where there are any; returns whether something was deferred."""
    tally = finished.tally
    tally.planned += sum(len(item.requests) for item in work)
    parts.on_progress(tally)
    if not work:
        return False
    async with Storer(
        parts.db,
        finished.run_id,
        parts.settings.series_for,
        tally,
        parts.clock,
        lambda: parts.on_progress(tally),
        parts.login,
    ) as storer:

        async def deliver(item: Work, answered: list[Answered], failed: list[RequestRecord]) -> list[HistoricalRequest]:
            if watch is not None:
                for request, answer in answered:
                    watch.heard(request, answer)
            answers, doubtful = judged(item.instrument, item.data_set, answered, sessions)
            symbol = item.instrument.symbol
            known = sessions.by_symbol.get(symbol, ())
            answers = replace(answers, requests=(*answers.requests, *failed))
            spots = sessions.spots.get(symbol)
            found = examined(answers, known, spots, parts.settings.quality)
            if item.data_set.overlap:
                await splits.look(found, finished, parts)
            await storer.put(found)
            parts.on_progress(tally)
            return doubtful

        async def record(request: RequestRecord) -> None:
            await storer.put(InstrumentAnswers(request.instrument, request.data_set, {}, requests=(request,)))

        def is_over() -> bool:
            deadline = finished.order.deadline
            return deadline is not None and parts.certain_now() >= deadline

        fetching = Fetching(parts.source, parts.clock, tally, sessions, deliver, parts.randomness, is_over)
        try:
            with _fewer_collections():
                async with watch.watch(work, record, is_over) if watch is not None else contextlib.nullcontext():
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
