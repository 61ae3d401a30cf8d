"""The beginning and the end of a run in the tables: its row, the day's status, statistics, gaps, dead letters."""

import os
import socket
from typing import Any

import structlog

from collector.clock import Clock
from collector.config import Settings
from collector.db import runs
from collector.db.pool import Database
from collector.domain.answers import Outcome
from collector.domain.errors import CollectorError
from collector.domain.runs import GapType
from collector.market.calendar import Calendar
from collector.pipeline.orders import Finished, Order
from collector.pipeline.tally import Tally

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


def progress(tally: Tally) -> dict[str, Any]:
    """Return the state of a run as the run row keeps it."""
    return {
        "planned": tally.planned,
        "answered": tally.answered,
        "failed": tally.failed,
        "deferred": tally.deferred,
        "attempts": tally.attempts,
        "outcomes": {outcome.value: count for outcome, count in tally.outcomes.items()},
    }


async def close(finished: Finished, db: Database, settings: Settings, calendar: Calendar, clock: Clock) -> None:
    """Record how a run ended: dead letters, gaps, lifecycle and statistics; then its row and the day's status."""
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
            progress=progress(tally),
        ),
    )
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
        details["error"] = {"message": finished.error.message, "hint": finished.error.hint}
    elif finished.error is not None:
        details["error"] = {"message": f"{type(finished.error).__name__}: {finished.error}"}
    if finished.not_prepared:
        details["left_out"] = {left.symbol: left.failure.message for left in finished.not_prepared}
    if finished.tally.examples:
        details["examples"] = {outcome.value: examples for outcome, examples in finished.tally.examples.items()}
    return details or None
