"""The beginning and the end of a run in the tables: its row, the day's status, statistics, gaps, dead letters."""

import os
import socket
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

import structlog

from collector.clock import Clock
from collector.config import Settings
from collector.db import dead_letters, gaps, lifecycle, runs, statistics
from collector.db.pool import Database
from collector.domain.answers import HistoricalRequest, Outcome
from collector.domain.coverage import NEW_YORK
from collector.domain.errors import CollectorError
from collector.domain.instruments import UNDERLYING_SERIES, OptionContract, WhatToShow
from collector.domain.report import Expiring, GapCounts
from collector.domain.runs import Asks, GapState, GapType, RunStatus
from collector.domain.sessions import Session
from collector.domain.spans import SLOT, Spans
from collector.market.agenda import purge_of
from collector.market.calendar import Calendar
from collector.notify.troubleshooting import cause_of
from collector.pipeline import scope
from collector.pipeline.greeks import note_quality
from collector.pipeline.orders import Finished, Order, session_span
from collector.pipeline.tally import Tally

_NEXT_ATTEMPT = timedelta(hours=1)
_GAP_TYPES = {
    Outcome.PERMISSION: GapType.PERMISSION,
    Outcome.PACING: GapType.RATE_LIMIT,
    Outcome.DISCONNECTED: GapType.CONNECTION_FAILURE,
    Outcome.FARM_DOWN: GapType.CONNECTION_FAILURE,
    Outcome.OTHER_LOGIN: GapType.CONNECTION_FAILURE,
    Outcome.TIME_OUT: GapType.CONNECTION_FAILURE,
}
log = structlog.get_logger()


def opened(order: Order, clock: Clock) -> runs.NewRun:
    """Return what the run row says when the run begins."""
    return runs.NewRun(
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
        "in_flight": tally.pace.in_flight,
        "limit": tally.pace.limit,
        "requests_per_s": round(tally.pace.requests_per_s, 2),
        "latency_s": tally.pace.latency_s,
        "pauses": tally.pace.pauses,
        "outcomes": {outcome.value: count for outcome, count in tally.outcomes.items()},
        "slowest": [asdict(request) for request in tally.slowest],
    }


async def close(finished: Finished, db: Database, settings: Settings, calendar: Calendar, clock: Clock) -> None:
    """Record how a run ended: dead letters, gaps, lifecycle and statistics; then its row and the day's status."""
    finished.slots = session_span(finished.order, calendar).duration // SLOT
    if finished.status is not RunStatus.INTERRUPTED:
        await _park_letters(finished, db, calendar, clock)
        await _bring_up_to_date(finished, db, settings, calendar, clock)
    await close_row(finished, db, clock)


async def close_row(finished: Finished, db: Database, clock: Clock) -> None:
    """Close the run's row, and note how the day's collection stands."""
    tally = finished.tally
    await runs.close(
        db,
        finished.run_id,
        runs.RunEnd(
            status=finished.status,
            completed_at=clock.now(),
            contracts_requested=len(tally.contracts_planned),
            contracts_successful=len(tally.contracts_answered - tally.contracts_failed),
            bars_inserted=tally.inserted,
            bars_updated=tally.updated,
            bars_identical=tally.identical,
            errors=tally.failed + len(finished.not_prepared),
            rate_limit_hits=tally.rate_limit_hits,
            error_details=_details(finished),
            progress=progress(tally, finished.reached)
            | {"slots": finished.slots}
            | ({} if finished.backup is None else {"backup": asdict(finished.backup)}),
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


async def _park_letters(finished: Finished, db: Database, calendar: Calendar, clock: Clock) -> None:
    """Keep the requests that were given up on as dead letters; close those whose slots have settled or are gone.

    A letter for each session of a request: one may be answered before another, and nobody covers the night between.
    """
    now = clock.now()
    letters = [
        dead_letters.NewLetter(replace(one.request, span=part), one.failure, one.attempts, now + _NEXT_ATTEMPT)
        for one in finished.given_up
        for part in _session_parts(one.request, calendar)
    ]
    await dead_letters.park(db, letters, finished.run_id, now)
    await dead_letters.resolve(db, now.astimezone(NEW_YORK).date(), now)


def _session_parts(request: HistoricalRequest, calendar: Calendar) -> Spans:
    first, last = (at.astimezone(NEW_YORK).date() for at in (request.span.start, request.span.end))
    sessions = calendar.sessions(request.instrument.symbol, first, last)
    return Spans((request.span,)) & Spans(session.span for session in sessions)


async def _bring_up_to_date(
    finished: Finished, db: Database, settings: Settings, calendar: Calendar, clock: Clock
) -> None:
    """Bring gaps, lifecycle and statistics of every prepared symbol up to date; say loudly what is lost."""
    now, order = clock.now(), finished.order
    today = now.astimezone(NEW_YORK).date()
    finished.expired_contracts = await lifecycle.expire(db, today)
    seconds = (now - finished.started).total_seconds()
    changed, saved, at_risk = gaps.Recorded(), 0, list[OptionContract]()
    done = expected = 0
    for prepared in finished.prepared:
        underlying, symbol = prepared.underlying, prepared.underlying.symbol
        session = calendar.session(symbol, order.day)
        past = [one for one in recent_sessions(calendar, symbol, order.day, settings) if one.settles_at < now]
        waiting = await scope.pending(db, settings, calendar, underlying, past[-1].day) if past else {}
        changed += await gaps.record(
            db,
            underlying.id,
            past,
            settings.series,
            UNDERLYING_SERIES,
            run_id=finished.run_id,
            now=now,
            reasons=_reasons(finished),
            pending=waiting,
        )
        if session.settles_at < now:
            unsaved = await lifecycle.mark_expiry_collected(db, underlying.id, session, settings.series)
            expiring = sum(contract.expiration == order.day for contract in prepared.contracts)
            saved += max(expiring - len(unsaved), 0)
            at_risk += unsaved if now < purge_of(order.day) else []  # afterwards they are lost, which is said once
        due = await scope.due_ids(db, underlying, session, waiting)
        measured = await statistics.measure(db, underlying.id, session, settings.series, due)
        for asked in prepared.sessions[-1:]:
            part = measured
            if asked != session:
                part = await statistics.measure(db, underlying.id, asked, settings.series, due)
            done += part.covered if order.asks is Asks.NOT_COVERED else part.settled
            expected += part.expected
        own = finished.tally.of(symbol)
        error_rate = len(own.contracts & finished.tally.contracts_failed) / max(len(own.contracts), 1)
        await statistics.record(db, order.day, symbol, measured, duration_s=seconds, error_rate=error_rate)
        await note_quality(db, underlying, session)
        for asked in prepared.sessions:
            if asked.day == order.day:
                continue
            earlier = calendar.session(symbol, asked.day)
            due = await scope.due_ids(db, underlying, earlier, waiting)
            again = await statistics.measure(db, underlying.id, earlier, settings.series, due)
            if again.contracts:
                await statistics.record(db, asked.day, symbol, again)  # what its own run took and failed at stays
                await note_quality(db, underlying, earlier)
    finished.reached = done / expected if expected else None
    lost = await gaps.lose(db, today)
    if lost:
        log.critical("bars_lost", gaps=len(lost), examples=[_gap_words(gap) for gap in lost[:5]])
    if at_risk:
        names = [contract.occ_symbol for contract in at_risk[:5]]
        log.critical("last_chance_at_risk", contracts=len(at_risk), examples=names)
    totals = await gaps.totals(db)
    gone = {gap.contract_symbol for gap in lost if gap.contract_symbol}
    finished.gaps = GapCounts(
        opened=changed.opened, closed=changed.closed, lost=len(lost), still_open=totals[GapState.OPEN].gaps
    )
    finished.expiring = Expiring(
        saved=saved,
        at_risk=len(at_risk),
        lost=len(gone),
        examples=tuple(sorted(gone))[:5] or tuple(contract.occ_symbol for contract in at_risk[:5]),
    )


def recent_sessions(calendar: Calendar, symbol: str, last: date, settings: Settings) -> tuple[Session, ...]:
    """Return a symbol's sessions that are looked at for gaps, up to and with a day; ascending."""
    return calendar.sessions(symbol, last - timedelta(days=settings.repair.lookback_days), last)


def _reasons(finished: Finished) -> dict[tuple[int, WhatToShow], GapType]:
    return {
        (one.request.instrument.id, one.request.what_to_show): _GAP_TYPES[one.failure.outcome]
        for one in finished.given_up
        if one.failure.outcome in _GAP_TYPES and isinstance(one.request.instrument, OptionContract)
    }


def _gap_words(gap: gaps.Gap) -> str:
    return f"{gap.contract_symbol or gap.symbol} {gap.what_to_show} {gap.span.start:%Y-%m-%d %H:%M} UTC"


async def _note_daily(finished: Finished, db: Database, clock: Clock) -> None:
    """Record how the day's collection stands, for each symbol and for all."""
    order, tally, now = finished.order, finished.tally, clock.now()
    left_out = {left.symbol: left.failure.message for left in finished.not_prepared}
    ready = {prepared.underlying.symbol for prepared in finished.prepared}
    failed = {one.request.instrument.symbol for one in finished.given_up} | (ready & set(left_out))
    rows = [(runs.ALL_SYMBOLS, finished.status, tally.inserted + tally.updated, _error_words(finished))]
    for symbol in order.symbols:
        own = tally.of(symbol)
        status = RunStatus.PARTIAL if symbol in failed else RunStatus.FAILED if symbol in left_out else finished.status
        if status is RunStatus.PARTIAL and symbol not in failed and finished.error is None:
            status = RunStatus.SUCCESS
        rows.append((symbol, status, own.inserted + own.updated, left_out.get(symbol)))
    for symbol, status, records, message in rows:
        await runs.note_daily(
            db,
            runs.DailyStatus(
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
