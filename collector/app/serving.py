"""Run the schedule as one long-running process.

The schedule as one long-running process: database and gateway stay open, windows run when they are due.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog

from collector.app import composition, condition, metrics, opening, sources
from collector.app.acting.acts import Acts
from collector.app.acting.live import Live
from collector.app.figures import machine, stored
from collector.clock import Clock
from collector.config import Settings
from collector.db.connection.pool import Database
from collector.domain.errors import CollectorError, DatabaseError, DatabaseUnavailable, GatewayUnavailable, LockHeld
from collector.domain.pacing.pace import Pace
from collector.domain.run_vocabulary import OFFLINE
from collector.jobs import due_windows
from collector.jobs.disk import room
from collector.market.agenda import DueRun
from collector.runs.orders import Order
from collector.runs.source import MarketDataSource, NoSource

_LONGEST_NAP_S = 60.0
"""The clock may be set, and the machine may have slept: look again at least so often."""

_SHORTEST_NAP_S = 1.0
_DATABASE_RETRY_S = 5.0
"""At the start both may be started together."""

_LAST_WORDS_S = 0.5
log = structlog.get_logger()

ProgressBar = composition.ProgressBar
Endpoint: TypeAlias = Callable[["Serving"], contextlib.AbstractAsyncContextManager[int]]
"""Shows the process to who asks over HTTP, for the length of a block; yields the port."""


class Line:
    """The one connection to the gateway, opened when it is needed or can be had, and kept.

    Its supervisor makes good what breaks meanwhile. One that is still broken when a window begins is replaced, so that
    the window learns at once, and in the gateway's words, that there is none.

    Args:
        settings: where the gateway is.
        clock: the time.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._source: MarketDataSource | None = None
        self._open = contextlib.AsyncExitStack()
        self._failures = 0
        self._try_at = clock.monotonic()

    @property
    def connected(self) -> bool:
        """Tell whether the gateway can be asked."""
        return self._source is not None and self._source.connected

    @property
    def pace(self) -> Pace:
        """Return how fast the gateway is being asked."""
        return Pace() if self._source is None else self._source.pace

    async def source(self) -> MarketDataSource:
        """Return the source, connected.

        Raises:
            GatewayUnavailable: there is no usable connection.
        """
        if self._source is not None and self.connected:
            return self._source
        await self.close()
        rules = self._settings.schedule
        try:
            self._source = await self._open.enter_async_context(sources.opened(self._settings, self._clock))
        except GatewayUnavailable:
            wait_s = min(rules.retry_first_s * 2 ** min(self._failures, 30), rules.retry_max_s)
            self._failures += 1
            self._try_at = self._clock.monotonic() + wait_s
            raise
        self._failures = 0
        return self._source

    async def attempt(self) -> None:
        """Connect between windows when there is no connection yet and the back-off is over; failing is no error."""
        if self._source is not None or self._clock.monotonic() < self._try_at:
            return
        try:
            await self.source()
        except GatewayUnavailable as error:
            log.warning("gateway_unavailable", error=error.message, hint=error.hint)

    @contextlib.asynccontextmanager
    async def lent(self, order: Order) -> AsyncIterator[MarketDataSource]:
        """Lend the source to a window; one that asks for nothing gets none."""
        yield NoSource(self._clock) if order.window in OFFLINE else await self.source()

    async def close(self) -> None:
        """Disconnect."""
        self._source = None
        await self._open.aclose()


class Serving:
    """The process: what it does next, and what it says of itself.

    live: what is at work in it. acts: what people have started in it.

    Args:
        settings: the configuration.
        clock: the time.
        progress: makes the progress bar of a run.
    """

    def __init__(self, settings: Settings, clock: Clock, progress: ProgressBar) -> None:
        self._settings = settings
        self._clock = clock
        self.live = Live(clock)
        self._progress = self.live.watched(progress)
        self.acts = Acts(settings, clock, self.live, self._progress)
        self._days = opening.calendar(settings)
        self._schedule = due_windows.configured(settings, self._days)
        self._line = Line(settings, clock)
        self._reading = stored.Reading(settings, self._days)
        self._onlooker: Database | None = None
        self._seen_until = clock.now()

    async def go_on(self) -> None:
        """Run what is due whenever it is due, and before it what people have started; ends by cancellation only.

        Raises:
            DatabaseError: the database is not fit for this version of the collector.
        """
        try:
            async with self._database() as db:
                while True:
                    await self._line.attempt()
                    await room.make_room(self._settings, self._clock)
                    await self._nap_until(await self._round(db))
        finally:
            self._onlooker = None
            await self.acts.close()
            await self._line.close()

    async def condition(self) -> condition.Condition:
        """Say how things stand, as /healthz does."""
        found = await condition.found(self._looking_on(), self._settings, self._days, self._clock)
        return replace(
            found,
            connected=self._line.connected,
            breaker=self._line.pace.breaker,
            running=None if self.live.work is None else self.live.work.name,
            next_window=self._schedule.following(self._clock.now()),
        )

    async def metrics(self) -> bytes:
        """Return the metrics, as /metrics does."""
        now, figures = self._clock.now(), None
        with contextlib.suppress(DatabaseError, TimeoutError):
            async with asyncio.timeout(opening.ONLOOKER_PATIENCE_S):
                async with self._looking_on() as db:
                    figures = await self._reading.figures(db, now)
        following = self._schedule.following(now)
        live = metrics.Live(
            connected=self._line.connected,
            running=self.live.work is not None,
            pace=self._line.pace,
            session_open=self._days.current(now, "SPY") is not None,
            process=machine.Process.this(),
            next_due=None if following is None else following.due,
        )
        beside = await machine.look(self._settings, self._clock)
        return metrics.exposition(figures, now, machine=beside, live=live)

    @contextlib.asynccontextmanager
    async def _looking_on(self) -> AsyncIterator[Database]:
        """Lend the database for looking on beside the runs."""
        if self._onlooker is None:
            raise DatabaseUnavailable("the database has not answered yet")
        yield self._onlooker

    @contextlib.asynccontextmanager
    async def _database(self) -> AsyncIterator[Database]:
        """Open the database, as soon as it is there, and once more for what looks on beside the runs."""
        async with contextlib.AsyncExitStack() as stack:
            while True:
                try:
                    async with contextlib.AsyncExitStack() as opened:
                        db = await opened.enter_async_context(opening.database(self._settings, self._clock))
                        onlooker = opening.onlooker(self._settings, self._clock)
                        self._onlooker = await opened.enter_async_context(onlooker)
                        stack.push_async_exit(opened.pop_all())
                    break
                except DatabaseUnavailable as error:
                    log.warning("database_unavailable", error=error.message, hint=error.hint)
                    self.acts.explain(error.message)
                await self._tell_of_windows(None)
                await self._clock.sleep(_DATABASE_RETRY_S)
            yield db

    async def _round(self, db: Database) -> datetime | None:
        """Do what people have started and run what is due, most urgent first, until there is neither.

        Acts and windows take turns: however many acts wait, a window waits for the end of one.

        Returns:
            When to look again at the latest.
        """
        standing = composition.Standing(db, self._line.lent)
        while True:
            acted = await self.acts.do_next(standing)
            try:
                now = self._clock.now()
                self._schedule = await due_windows.schedule_of(db, self._settings, self._days, now)
                agenda = await due_windows.look(db, self._settings, self._schedule, now)
            except DatabaseError as error:
                log.warning("schedule_unknown", error=error.message, hint=error.hint)
                await self._revive()
                await self._tell_of_windows(standing)
                return None
            self._seen_until = self._clock.now()
            if agenda.due and not await self._run(agenda.due[0], standing):
                return None
            if not (agenda.due or acted):
                return agenda.wake_at

    async def _revive(self) -> None:
        """Start the embedded server again where that is the one, and it is gone: nobody else does."""
        if not self._settings.database.embedded:
            return
        try:
            await opening.database_url(self._settings)
        except DatabaseError as error:
            log.warning("database_not_started", error=error.message, hint=error.hint)

    async def _tell_of_windows(self, standing: composition.Standing | None) -> None:
        """Try the latest window that has become due without a database: it fails, and the owner is told."""
        now = self._clock.now()
        missed = self._schedule.between(self._seen_until, now)
        self._seen_until = now
        if missed:
            await self._run(DueRun(missed[-1], 1, None), standing)

    async def _run(self, one: DueRun, standing: composition.Standing | None) -> bool:
        """Run a window; return whether it makes sense to look at once for the next."""
        order = due_windows.order_of(one, self._settings, self._days, self._clock.now())
        try:
            with self._progress(order) as on_progress:
                outcome = await composition.run_window(self._settings, order, self._clock, on_progress, standing)
        except LockHeld as error:
            log.info("window_waits", window=order.window.value, reason=error.message)
            return False
        except CollectorError as error:
            log.warning("window_stopped", window=order.window.value, error=error.message, hint=error.hint)
            return False
        except Exception:  # the run ends here: the next window must find this process alive
            log.exception("window_broken", window=order.window.value)
            return False
        return outcome.error is None or not isinstance(outcome.error, DatabaseError)

    async def _nap_until(self, instant: datetime | None) -> None:
        """Wait for an instant or a person's act, a minute at most: clocks are set, and machines sleep."""
        left = timedelta(seconds=_LONGEST_NAP_S) if instant is None else instant - self._clock.now()
        await self.acts.nap(min(max(left.total_seconds(), _SHORTEST_NAP_S), _LONGEST_NAP_S))


async def serve(
    settings: Settings,
    clock: Clock,
    progress: ProgressBar,
    ready: Callable[[str, int], None],
    endpoint: Endpoint,
) -> None:
    """Serve until cancelled: returns when that happens while nothing is at work.

    Args:
        settings: the configuration.
        clock: the time.
        progress: makes the progress bar of a run.
        ready: called with host and port once the endpoint answers.
        endpoint: answers over HTTP.

    Raises:
        ConfigurationError: the port is taken, or the endpoint cannot be what it should be.
        DatabaseError: the database is not fit for this version of the collector.
        asyncio.CancelledError: a window or an act was interrupted; its row says so.
    """
    serving = Serving(settings, clock, progress)
    async with endpoint(serving) as port:
        ready(settings.serve.host, port)
        log.info("serving", host=settings.serve.host, port=port)
        work = asyncio.create_task(serving.go_on())
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            interrupted = serving.live.work
            await _ended(work, settings.serve.shutdown_s)
            log.info("stopped", interrupted=None if interrupted is None else interrupted.name)
            if interrupted is not None:
                raise
            return
        finally:
            serving.live.close()
        work.result()


async def _ended(work: "asyncio.Task[None]", patience_s: float) -> None:
    """Cancel the work and wait until it has ended, once more and for a moment when it takes longer than allowed."""
    for wait_s in (patience_s, _LAST_WORDS_S):
        work.cancel()
        await asyncio.wait([work], timeout=wait_s)
        if work.done():
            break
        log.warning("shutdown_takes_long", allowed_s=wait_s)
    else:
        return
    if not work.cancelled() and (error := work.exception()) is not None:
        log.warning("shutdown_failed", error=f"{type(error).__name__}: {error}")
