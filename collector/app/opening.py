"""Open what a command works with: clock, calendar, database.

Light: neither a source nor a channel is imported here.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from collector import config
from collector.clock import Clock, SystemClock
from collector.config import Settings, written
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.db.readers import replica
from collector.db.schema import schema_revisions
from collector.db.server import embedded
from collector.domain.errors import ConfigurationError, DatabaseError, DatabaseUnavailable, Interrupted, UsageError
from collector.market.calendar import Calendar

if TYPE_CHECKING:
    from collector.db.schema.features import FeatureReport, StorageSettings

T = TypeVar("T")
log = structlog.get_logger()

CLOCK_VARIABLE = "COLLECTOR_CLOCK"
"""An aware ISO instant; the command then believes that it is that time when it starts. For demonstrations and tests."""


ONLOOKER_PATIENCE_S = 5
"""For whoever only looks on, a database that takes longer to say how things stand is one that is down."""

_ONLOOKER_FAREWELL_S = 0.5
"""Nothing is lost with an answer that nobody will read: it holds up no end of a process."""

_YEARS = range(2000, 2100)


def system_clock() -> SystemClock:
    """Return real time, or time shifted by COLLECTOR_CLOCK.

    Raises:
        ConfigurationError: the variable holds no aware instant, or one far from any session.
    """
    text = os.environ.get(CLOCK_VARIABLE)
    if not text:
        return SystemClock()
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        start = None
    if start is None or start.tzinfo is None or start.year not in _YEARS:
        raise ConfigurationError(
            f"{CLOCK_VARIABLE} is {text!r}, no instant with a time zone in the years {_YEARS[0]} to {_YEARS[-1]}",
            "Example: 2026-11-20T17:00:00-05:00",
        )
    return SystemClock(start)


def calendar(settings: Settings) -> Calendar:
    """Return the exchange calendar with the configured closes, closures and early closes.

    Raises:
        ConfigurationError: a closure or an early close is of no session.
    """
    return Calendar.configured(settings)


def check_dates(settings: Settings, path: Path | None) -> None:
    """Refuse configured days that are no sessions.

    Args:
        settings: what was read.
        path: the configuration file named by an option, as for `config.load`.

    Raises:
        ConfigurationError: with file, line and key.
    """
    days = calendar(settings)
    for symbol, known in settings.greeks.dividends.items():
        for place, dividend in enumerate(known.cash):
            try:
                days.session(symbol, dividend.ex)
            except UsageError as error:
                key = ("greeks", "dividends", symbol, "cash", place, "ex")
                raise config.refused(path, key, f"{written.spoken(key)}: {error.message}", error.hint) from None


async def database_url(settings: Settings) -> str:
    """Return the URL of the configured database; starts the embedded server when that is the one."""
    if settings.database.embedded:
        own = settings.database
        return await asyncio.to_thread(embedded.ensure_running, own.data_path, own.tcp_port)
    return settings.database.dsn()


async def reading_url(settings: Settings) -> str:
    """Return the URL of the database for whoever only reads: database.read_url, or else the database's own."""
    return settings.database.read_dsn() or await database_url(settings)


@contextlib.asynccontextmanager
async def database(settings: Settings, clock: Clock, *, upgraded: bool = True) -> AsyncIterator[Database]:
    """Open the configured database.

    Args:
        settings: which one.
        clock: stamps rows.
        upgraded: bring the embedded database's schema up to date first; a server of the owner's is only checked,
            because changing it is his decision.

    Raises:
        DatabaseUnavailable: no server, wrong password, no such database.
        DatabaseError: the schema is not the one that this version needs.
    """
    url = await database_url(settings)
    if upgraded:
        await _check_schema(url, settings, clock)
    async with pool.connect(url, clock, size=settings.database.pool_size) as db:
        yield db


async def replica_url(settings: Settings, clock: Clock) -> str | None:
    """Return database.read_url once its tables are those of this version; None: it is not set.

    Raises:
        DatabaseUnavailable: no server, wrong password, no such database.
        DatabaseError: the schema is not the one that this version needs.
    """
    url = settings.database.read_dsn()
    if url is None:
        return None
    try:
        current, head = await schema_revisions.current(url, clock), schema_revisions.head()
    except DatabaseUnavailable as error:
        hint = error.hint.replace("database.url", "database.read_url")
        raise DatabaseUnavailable(f"database.read_url: {error.message}", hint) from error
    if current != head:
        state = "no tables of the collector" if current is None else f"schema {current}, not {head}"
        raise DatabaseError(
            f"database.read_url leads to a database with {state}",
            "A replica follows when the database is upgraded (collector db upgrade); or mend database.read_url.",
        )
    return url


@contextlib.asynccontextmanager
async def reader(settings: Settings, clock: Clock) -> AsyncIterator[Database]:
    """Open the database for whoever only reads: database.read_url where it is set, or else the database itself.

    A replica that is late is warned about.

    Raises:
        DatabaseUnavailable, DatabaseError: as `replica_url`.
    """
    url = await replica_url(settings, clock)
    if url is None:
        async with database(settings, clock) as db:
            yield db
        return
    async with pool.connect(url, clock, application_name="collector reader", size=settings.database.pool_size) as db:
        found = await replica.standing(db)
        if found.is_late:
            log.warning("replica_is_late", read_from=f"database.read_url: {found.words}")
        yield db


@contextlib.asynccontextmanager
async def onlooker(settings: Settings, clock: Clock) -> AsyncIterator[Database]:
    """Open the configured database for looking on beside a run, whose connections are not taken for it.

    Raises:
        DatabaseUnavailable: no server, wrong password, no such database.
    """
    url = await database_url(settings)
    async with pool.connect(
        url,
        clock,
        application_name="collector health",
        size=1,
        statement_timeout_s=ONLOOKER_PATIENCE_S,
        farewell_s=_ONLOOKER_FAREWELL_S,
    ) as db:
        yield db


@contextlib.asynccontextmanager
async def page_reader(settings: Settings, clock: Clock, size: int) -> AsyncIterator[Database]:
    """Open the database for pages, beside the runs: read-only, a few connections, statements of seconds.

    Args:
        settings: which one; database.read_url where it is set.
        clock: of the database.
        size: connections at most.

    Raises:
        DatabaseUnavailable: no server, wrong password, no such database.
        DatabaseError: the schema is not the one that this version needs; it is left as it is.
    """
    url = await replica_url(settings, clock)
    if url is None:
        url = await database_url(settings)
        current, head = await schema_revisions.current(url, clock), schema_revisions.head()
        if current != head:
            hint = "the next run upgrades it" if settings.database.embedded else _UPGRADE
            raise DatabaseError(_unlike(current, head), hint)
    async with pool.connect(
        url,
        clock,
        application_name="collector pages",
        size=size,
        statement_timeout_s=ONLOOKER_PATIENCE_S,
        reads_only=True,
    ) as db:
        yield db


_UPGRADE = "run: collector db upgrade"


def _unlike(current: str | None, head: str) -> str:
    """Return in words that a schema is not this version's."""
    return (
        f"the database {'holds no tables of the collector' if current is None else f'has schema {current}, not {head}'}"
    )


async def _check_schema(url: str, settings: Settings, clock: Clock) -> None:
    current, head = await schema_revisions.current(url, clock), schema_revisions.head()
    if current == head:
        return
    if not settings.database.embedded:
        raise DatabaseError(_unlike(current, head), _UPGRADE)
    if current is not None:
        await _refuse_to_convert(url, clock)
    await upgrade(settings)


async def _refuse_to_convert(url: str, clock: Clock) -> None:
    """Leave to a person's decision what takes long."""
    from collector.db.schema import conversion  # noqa: PLC0415 - only where a schema is old

    left = await conversion.remaining(url, clock)
    if left.days:
        raise DatabaseError(
            f"the database is of an earlier version: of its bars {conversion.words(left)}", conversion.UPGRADE
        )


async def upgrade(settings: Settings) -> "FeatureReport":
    """Bring the configured database to this version's schema, and give it every feature that its server can have."""
    from collector.db.schema import compat, features, migrate  # noqa: PLC0415 - alembic takes half a second

    url = await database_url(settings)
    shown = await compat.empty(url)
    notes = await migrate.upgrade(url)
    report = await features.apply(url, storage(settings))
    if shown:
        await compat.make(url)
    return replace(report, warnings=(*notes, *report.warnings))


def storage(settings: Settings) -> "StorageSettings":
    """Return how bars are stored."""
    from collector.db.schema.features import StorageSettings  # noqa: PLC0415 - as above

    rules = settings.retention
    return StorageSettings(compress_after_days=rules.compress_after_days, keep_days=rules.bars_days)


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
