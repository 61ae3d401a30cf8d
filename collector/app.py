"""The composition root: the one place where concrete parts meet."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from collector.clock import Clock, SystemClock
from collector.config import Settings
from collector.db import embedded, migrate, pool
from collector.db.pool import Database
from collector.domain.errors import ConfigurationError, DatabaseError, Interrupted
from collector.ib import source as ib
from collector.ib.gateway import GatewaySettings
from collector.ib.pacing import PacingSettings
from collector.market.calendar import Calendar
from collector.pipeline import window_run
from collector.pipeline.orders import Order
from collector.pipeline.tally import Tally

T = TypeVar("T")

CLOCK_VARIABLE = "COLLECTOR_CLOCK"
"""An aware ISO instant; the command then believes that it is that time when it starts. For demonstrations and tests."""


def system_clock() -> SystemClock:
    """Return real time, or time shifted by COLLECTOR_CLOCK.

    Raises:
        ConfigurationError: the variable holds no aware instant.
    """
    text = os.environ.get(CLOCK_VARIABLE)
    if not text:
        return SystemClock()
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        start = None
    if start is None or start.tzinfo is None:
        raise ConfigurationError(
            f"{CLOCK_VARIABLE} is {text!r}, no instant with a time zone", "Example: 2026-11-20T17:00:00-05:00"
        )
    return SystemClock(start)


def calendar(settings: Settings) -> Calendar:
    """Return the exchange calendar with the configured closes."""
    return Calendar(settings.closes)


async def database_url(settings: Settings) -> str:
    """Return the URL of the configured database; starts the embedded server when that is the one."""
    if settings.database.embedded:
        return await asyncio.to_thread(embedded.ensure_running, settings.database.data_path)
    return settings.database.dsn()


@contextlib.asynccontextmanager
async def database(settings: Settings, clock: Clock, *, upgraded: bool = True) -> AsyncIterator[Database]:
    """Open the configured database.

    Args:
        settings: which one.
        clock: stamps rows.
        upgraded: bring the embedded database's schema up to date first; a server of the owner's is only checked, because
            changing it is his decision.

    Raises:
        DatabaseUnavailable: no server, wrong password, no such database.
        DatabaseError: the schema is not the one that this version needs.
    """
    url = await database_url(settings)
    if upgraded:
        await _check_schema(url, may_upgrade=settings.database.embedded)
    async with pool.connect(url, clock, size=settings.database.pool_size) as db:
        yield db


async def _check_schema(url: str, *, may_upgrade: bool) -> None:
    current, head = await migrate.current(url), migrate.head()
    if current == head:
        return
    if not may_upgrade:
        state = "holds no tables of the collector" if current is None else f"has schema {current}, not {head}"
        raise DatabaseError(f"the database {state}", "run: collector db upgrade")
    await migrate.upgrade(url)


@contextlib.asynccontextmanager
async def gateway(settings: Settings, clock: Clock) -> AsyncIterator[ib.IBSource]:
    """Open the configured connection to IB.

    Raises:
        GatewayUnavailable: no usable connection; the hint says what to look at.
    """
    connection, pacing = settings.gateway, settings.pacing
    async with ib.connect(
        GatewaySettings(
            host=connection.host,
            port=connection.port,
            client_id=connection.client_id,
            connect_timeout_s=connection.connect_timeout_s,
            patience_s=connection.patience_s,
            historical_deadline_s=pacing.request_timeout_s,
            definition_deadline_s=pacing.definition_timeout_s,
        ),
        PacingSettings(
            messages_per_s=pacing.messages_per_s,
            open_requests=pacing.open_requests,
            adaptive=pacing.adaptive,
            start_in_flight=pacing.start_in_flight,
            max_in_flight=pacing.max_in_flight,
            definition_in_flight=pacing.definition_in_flight,
            pause_s=pacing.pause_s,
        ),
        clock,
    ) as source:
        yield source


async def run_window(
    settings: Settings, order: Order, clock: Clock, on_progress: Callable[[Tally], None]
) -> window_run.Finished:
    """Open database and gateway, and run one window."""
    async with database(settings, clock) as db, gateway(settings, clock) as source:
        parts = window_run.Parts(db, source, settings, calendar(settings), clock, random.Random(), on_progress)
        return await window_run.run(order, parts)


def run_until_signalled(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine; SIGINT and SIGTERM cancel it, so that it can end cleanly.

    Raises:
        Interrupted: a signal ended it.
    """

    async def main() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        for number in (signal.SIGINT, signal.SIGTERM):
            if task is not None:
                loop.add_signal_handler(number, task.cancel)
        return await work

    try:
        return asyncio.run(main())
    except asyncio.CancelledError as error:
        raise Interrupted("interrupted by a signal", "What was stored stays; the next run continues.") from error
