"""The beginning and the end of a run in the tables: its row, the day's status, statistics, gaps, dead letters."""

import os
import socket
from collections import Counter
from typing import Any

import structlog

from collector.clock import Clock
from collector.config import Settings
from collector.db import dead_letters, gaps, lifecycle, runs, statistics
from collector.db.pool import Database
from collector.domain.answers import Outcome
from collector.domain.errors import CollectorError
from collector.domain.runs import GapType, RunStatus
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


def opened(order: Order, clock: Clock) -> runs.Opening:
    """Return what the run row says when the run begins."""
    return runs.Opening(
        day=order.day,
        window=order.window,
        scheduled=order.scheduled,
        started=clock.now(),
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
        **tally.pace,
    }


async def close(finished: Finished, db: Database, settings: Settings, calendar: Calendar, clock: Clock) -> None:
    """Record how a run ended: gaps, dead letters, lifecycle and statistics of its day, then its row and the day's status."""
    order, tally = finished.order, finished.tally
    if finished.status is not RunStatus.INTERRUPTED:
        await _letters(finished, db, clock)
        for prepared in finished.prepared:
            await _after_symbol(finished, prepared.underlying, db, settings, calendar, clock)
    await runs.close_run(
        db,
        finished.run_id,
        runs.Closing(
            status=finished.status,
            completed=clock.now(),
            contracts_requested=len(tally.contracts_planned),
            contracts_successful=len(tally.contracts_answered - tally.contracts_failed),
            inserted=tally.inserted,
            updated=tally.updated,
            identical=tally.identical,
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
