"""Run one window.

From its row in the table to its end in the tables.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine

import structlog

from collector.clock import Clock
from collector.db.bookkeeping import runs_table
from collector.db.connection import locks
from collector.db.connection.pool import Database
from collector.db.readers import day_status
from collector.db.schema import conversion
from collector.domain.errors import CollectorError, DatabaseError
from collector.domain.pacing.pace import PacerSample
from collector.domain.run_vocabulary import RunStatus, Window
from collector.jobs import condition_watch, dividend_pass, greeks_pass, offline_windows, open_interest_pass
from collector.runs import closing
from collector.runs.collecting import collect
from collector.runs.dependencies import Parts
from collector.runs.finished import Finished
from collector.runs.orders import Order
from collector.runs.preparing.contract_scope import dated
from collector.runs.tally import Tally

_HEARTBEAT_S = 30.0
_SAMPLE_S = 5.0
_PATIENCE_S = 60.0
"""A database that restarts is back within a minute; after that the run stops (exit 5)."""

log = structlog.get_logger()

__all__ = ["Parts", "record_failure", "run"]


async def run(order: Order, parts: Parts) -> Finished:
    """Run one window; returns also when the run failed, with the error in the result.

    Raises:
        LockHeld: another run is at work; nothing was done.
        DatabaseError: the run could not even be recorded, or bars of an earlier schema are still to be moved.
        asyncio.CancelledError: a signal asked to stop; the run row says interrupted.
    """
    async with locks.collection_lock(parts.db, f"{order.window} of {order.day}") as lock:
        await conversion.require_finished(parts.db)
        await runs_table.close_interrupted(parts.db, parts.clock.now())
        run_id = await runs_table.open_run(parts.db, closing.opened(order, parts.clock))
        order = dated(order, parts.settings, parts.calendar)
        finished = Finished(run_id, order, parts.clock.now())
        with structlog.contextvars.bound_contextvars(run_id=run_id, window=order.window.value, day=str(order.day)):
            async with condition_watch.watching(finished, parts) as watch:
                await _run_and_record(finished, parts, lock, watch)
            return finished


async def _run_and_record(finished: Finished, parts: Parts, lock: locks.Lock, watch: condition_watch.Watch) -> None:
    try:
        with parts.db.patience(_PATIENCE_S):
            async with _heartbeat(parts, lock, finished, watch):
                await parts.source.measure()
                await _ACTS.get(finished.order.window, collect)(finished, parts)
                await dividend_pass.collect(finished, parts)
                await _greeks(finished, parts)
                await open_interest_pass.collect(finished, parts)
        finished.status = _status(finished)
    except CollectorError as error:
        finished.error = error
        finished.status = RunStatus.PARTIAL if finished.tally.answered else RunStatus.FAILED
        log.warning("run_stopped", error=error.message, hint=error.hint)
    except asyncio.CancelledError as error:
        finished.error = error
        finished.status = RunStatus.INTERRUPTED
        await asyncio.shield(_record(finished, parts))
        raise
    except Exception as error:  # the run ends here: it must be recorded, whatever it was
        finished.error = error
        finished.status = RunStatus.FAILED
        log.exception("run_failed")
    with parts.db.patience(_PATIENCE_S):
        await _record(finished, parts)


async def _greeks(finished: Finished, parts: Parts) -> None:
    """Compute what settled sessions of the order lack; bars are safe whatever happens here."""
    order = finished.order
    days = {session.day for prepared in finished.prepared for session in prepared.sessions}
    if order.window in _ACTS or not order.option_bars or not parts.settings.greeks.enabled or not days:
        return
    symbols = [prepared.underlying.symbol for prepared in finished.prepared]
    older = sorted(days & set(order.older))
    recent = min(days - set(older), default=order.day)
    for first, last in (*((day, day) for day in older), (recent, order.day)):
        await greeks_pass.calculate(parts.db, parts.settings.greeks, parts.calendar, parts.clock, symbols, first, last)


async def record_failure(order: Order, error: CollectorError, db: Database, clock: Clock) -> tuple[int, int]:
    """Record a run that could not begin for want of a gateway, so that it is known and the schedule backs off.

    Returns:
        The run's id and which attempt it was.

    Raises:
        LockHeld: another run is at work; nothing is recorded.
    """
    async with locks.collection_lock(db, f"{order.window} of {order.day}"):
        await runs_table.close_interrupted(db, clock.now())
        run_id = await runs_table.open_run(db, closing.opened(order, clock))
        finished = Finished(run_id, order, clock.now(), RunStatus.FAILED, counted=True, error=error)
        await closing.close_row(finished, db, clock)
        return run_id, next(row.attempt for row in await day_status.runs_of(db, order.day) if row.id == run_id)


async def _record(finished: Finished, parts: Parts) -> None:
    """Bring the tables up to date; a database that is gone leaves the row to the next run, which closes it."""
    try:
        await closing.close(finished, parts.db, parts.settings, parts.calendar, parts.clock, parts.certain_now())
    except DatabaseError as error:
        log.warning("run_not_recorded", error=error.message, hint=error.hint)
        if finished.error is None:
            finished.error, finished.status = error, RunStatus.FAILED


_ACTS = {
    Window.GAP_CHECK: offline_windows.look,
    Window.WEEKLY: offline_windows.close_week,
    Window.CHAIN_REFRESH: offline_windows.refresh_chains,
    Window.PRE_MARKET: offline_windows.refresh_chains,
    Window.BACKUP: offline_windows.back_up,
    Window.ARCHIVE: offline_windows.archive,
}
"""Windows that fetch no bars; all others collect."""


def _status(finished: Finished) -> RunStatus:
    """Return success when all that was planned is done or deferred, failed when nothing is, else partial.

    What only awaits its second witness is done; what came back empty and proves nothing is not.
    """
    if finished.archive is not None and finished.archive.problems:
        return RunStatus.PARTIAL if finished.archive.objects else RunStatus.FAILED
    if not (finished.not_prepared or finished.given_up or finished.implausible or finished.unproven):
        return RunStatus.SUCCESS
    done = finished.tally.answered or finished.prepared or finished.chains_read
    return RunStatus.PARTIAL if done else RunStatus.FAILED


@contextlib.asynccontextmanager
async def _heartbeat(
    parts: Parts, lock: locks.Lock, finished: Finished, watch: condition_watch.Watch
) -> AsyncIterator[None]:
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
                with watch.asking_database():
                    await lock.keep()
                    await runs_table.heartbeat(parts.db, finished.run_id, parts.clock.now(), closing.progress(tally))

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
