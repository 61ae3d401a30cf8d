"""Open and close a run in the tables.

The beginning and the end of a run in the tables: its row, the day's status, statistics, gaps, dead letters.
"""

import asyncio
import os
import socket
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from collector.clock import Clock
from collector.config import Settings
from collector.db.bookkeeping import claims, dead_letters, runs_table
from collector.db.connection.pool import Database
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.coverage.evidence import SECOND_AFTER
from collector.domain.errors import CollectorError
from collector.domain.market_data.answers import HistoricalRequest
from collector.domain.market_data.data_sets import DATA_SETS
from collector.domain.market_data.spans import Span, Spans
from collector.domain.run_vocabulary import Role, RunStatus
from collector.market.calendar import Calendar
from collector.notify.alerts.troubleshooting import cause_of
from collector.runs import counting
from collector.runs.finished import Finished
from collector.runs.orders import Order
from collector.runs.tally import Tally

_NEXT_ATTEMPT = timedelta(hours=1)
_LONGEST_WAIT = timedelta(hours=24)
_LAST_COUNT_S = 5.0
"""So long a run that is interrupted counts what it leaves behind; the next one counts the rest."""
log = structlog.get_logger()


def opened(order: Order, clock: Clock) -> runs_table.NewRun:
    """Return what the run row says when the run begins."""
    return runs_table.NewRun(
        day=order.day,
        window=order.window,
        scheduled=order.scheduled,
        started_at=clock.now(),
        symbols=order.symbols,
        duration="session" if order.span is None else f"{order.span.total_seconds() / 60:.0f} min",
        forced=order.force,
        host=socket.gethostname(),
        process_id=os.getpid(),
    )


def progress(tally: Tally, reached: float | None = None) -> dict[str, Any]:
    """Return the state of a run as the run row keeps it."""
    return {
        "reached": reached,
        "planned": tally.planned,
        "answered": tally.answered,
        "failed": tally.failed,
        "deferred": tally.deferred,
        "attempts": tally.attempts,
        "inserted": tally.inserted,
        "updated": tally.updated,
        "identical": tally.identical,
        "in_flight": tally.pace.in_flight,
        "limit": tally.pace.limit,
        "requests_per_s": round(tally.pace.requests_per_s, 2),
        "latency_s": tally.pace.latency_s,
        "pauses": tally.pace.pauses,
        "breaker": tally.pace.breaker.value,
        "outcomes": {outcome.value: count for outcome, count in tally.outcomes.items()},
        "slowest": [asdict(request) for request in tally.slowest],
    }


async def close(
    finished: Finished, db: Database, settings: Settings, calendar: Calendar, clock: Clock, certain: datetime
) -> None:
    """Record how a run ended: dead letters, gaps, lifecycle and statistics; then its row and the day's status.

    Somebody waits for the end of a run that is interrupted: it counts for a few seconds only.

    Args:
        finished: the run.
        db: the database.
        settings: the configuration.
        calendar: the exchange's.
        clock: our time.
        certain: an instant that has come for certain; decides what is past, and what is lost.
    """
    finished.slots = finished.order.slots
    try:
        async with asyncio.timeout(_LAST_COUNT_S if finished.status is RunStatus.INTERRUPTED else None):
            # First, since what is waited for is no gap, and what is held is one; letters next, for counting resolves
            # some.
            await _stop_waiting(finished, db, settings, certain)
            await _add_letters(finished, db, calendar, clock)
            await counting.count(finished, db, settings, calendar, clock, certain)
    except TimeoutError:
        # The row is closed all the same: it says `counted: false`, by which the next run knows what it owes.
        log.warning("not_counted", hint="the next run counts, or now: collector run --window gap_check")
    await close_row(finished, db, clock)


async def close_row(finished: Finished, db: Database, clock: Clock) -> None:
    """Close the run's row, and note how the day's collection stands."""
    tally = finished.tally
    await runs_table.close(
        db,
        finished.run_id,
        runs_table.RunEnd(
            status=finished.status,
            completed_at=clock.now(),
            contracts_requested=len(tally.contracts_planned),
            # A contract may be answered in one pass and given up on in another.
            contracts_successful=len(tally.contracts_answered - tally.contracts_failed),
            bars_inserted=tally.inserted,
            bars_updated=tally.updated,
            bars_identical=tally.identical,
            errors=tally.failed + len(finished.not_prepared),
            rate_limit_hits=tally.rate_limit_hits,
            error_details=_details(finished),
            progress=progress(tally, finished.reached)
            | ({} if finished.storage is None else {"storage": asdict(finished.storage)})
            | {"slots": finished.slots, "counted": finished.counted}
            | ({} if finished.backup is None else {"backup": asdict(finished.backup)})
            | ({} if finished.archive is None else {"archive": asdict(finished.archive)}),
        ),
    )
    await _note_daily(finished, db, clock)
    log.info(
        "run_closed",
        status=finished.status,
        contracts=len(tally.contracts_planned),
        requests=tally.attempts,
        bars=tally.bars,
        inserted=tally.inserted,
        updated=tally.updated,
        identical=tally.identical,
        failed=tally.failed,
        deferred=tally.deferred,
    )


def _details(finished: Finished) -> dict[str, Any] | None:
    """Return what went wrong, as the run row keeps it; None when nothing did."""
    details: dict[str, Any] = {}
    if isinstance(finished.error, CollectorError):
        cause = cause_of(finished.error)
        details["error"] = {"message": finished.error.message, "hint": finished.error.hint, "cause": cause.value}
    elif finished.error is not None:
        details["error"] = {"message": f"{type(finished.error).__name__}: {finished.error}"}
    if finished.not_prepared:
        details["left_out"] = {left.symbol: left.failure.message for left in finished.not_prepared}
    if finished.tally.examples:
        details["examples"] = {outcome.value: examples for outcome, examples in finished.tally.examples.items()}
    return details or None


async def _stop_waiting(finished: Finished, db: Database, settings: Settings, now: datetime) -> None:
    """Wait no longer for second witnesses that a night has asked for in vain, nor for any longer than a day."""
    if settings.windows.role(finished.order.window) is Role.REPAIRING:
        # Younger claims were not asked for: their half hour had not passed when the run began.
        await claims.mark_held(db, finished.days, finished.started - SECOND_AFTER)
    await claims.mark_held(db, None, now - _LONGEST_WAIT)


async def _add_letters(finished: Finished, db: Database, calendar: Calendar, clock: Clock) -> None:
    """Keep the requests that were given up on as dead letters.

    A letter for each session of a request: one may be answered before another, and nobody covers the night between.
    """
    now = clock.now()
    letters = [
        dead_letters.NewLetter(replace(one.request, span=part), one.failure, one.attempts, now + _NEXT_ATTEMPT)
        for one in finished.given_up
        for part in _parts(one.request, calendar)
    ]
    for data_set in DATA_SETS:
        of_it = [letter for letter in letters if letter.request.data_set == data_set]
        await dead_letters.add(db, data_set, of_it, finished.run_id, now)


def _parts(request: HistoricalRequest, calendar: Calendar) -> list[Span]:
    """Return what a request asks of each session."""
    data_set, whole = request.data_set, Spans((request.span,))
    first, last = (at.astimezone(NEW_YORK).date() for at in (request.span.start, request.span.end))
    sessions = calendar.sessions(request.instrument.symbol, first, last)
    parts = [part for session in sessions for part in whole & Spans((data_set.span(session),))]
    # All of a series that ends now comes or fails with its last session.
    return parts[-1:] if request.what_to_show.ends_now else parts


async def _note_daily(finished: Finished, db: Database, clock: Clock) -> None:
    """Record how the day's collection stands, for each symbol and for all."""
    order, tally, now = finished.order, finished.tally, clock.now()
    left_out = {left.symbol: left.failure.message for left in finished.not_prepared}
    ready = {prepared.underlying.symbol for prepared in finished.prepared}
    # Prepared and left out at once: a part of the symbol could not be had.
    failed = {one.request.instrument.symbol for one in finished.given_up} | (ready & set(left_out))
    rows = [(runs_table.ALL_SYMBOLS, finished.status, tally.inserted + tally.updated, _error_words(finished))]
    for symbol in order.symbols:
        own = tally.of(symbol)
        status = RunStatus.PARTIAL if symbol in failed else RunStatus.FAILED if symbol in left_out else finished.status
        # Partial by the fault of other symbols.
        if status is RunStatus.PARTIAL and symbol not in failed and finished.error is None:
            status = RunStatus.SUCCESS
        rows.append((symbol, status, own.inserted + own.updated, left_out.get(symbol)))
    for symbol, status, records, message in rows:
        await runs_table.note_daily(
            db,
            runs_table.DailyStatus(
                day=order.day,
                symbol=symbol,
                collection_type=order.window.value,
                started_at=finished.started,
                completed_at=now,
                status=status,
                due=order.scheduled,
                records=records,
                error_message=message,
            ),
        )


def _error_words(finished: Finished) -> str | None:
    if isinstance(finished.error, CollectorError):
        return finished.error.message
    return None if finished.error is None else f"{type(finished.error).__name__}: {finished.error}"
