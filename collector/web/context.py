"""What pages are made from."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from collector.app import opening
from collector.app.acting.live import Live
from collector.app.health_endpoint import Condition
from collector.clock import Clock
from collector.config import Settings
from collector.db.connection.pool import Database
from collector.db.readers.session_states import SessionStates
from collector.market.calendar import Calendar


class Process(Protocol):
    """What only the process that serves the pages knows."""

    @property
    def live(self) -> Live:
        """Return what is at work in it."""

    async def condition(self) -> Condition:
        """Say how things stand, as /healthz does."""

    async def metrics(self) -> str:
        """Return the metrics, as /metrics does."""


class Readers:
    """The database for pages: opened when the first page asks, shared by all, never in a run's way.

    Args:
        settings: which database.
        clock: ours.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._open = contextlib.AsyncExitStack()
        self._database: Database | None = None

    @contextlib.asynccontextmanager
    async def lent(self) -> AsyncIterator[Database]:
        """Lend the database for reading.

        Raises:
            DatabaseUnavailable, DatabaseError: there is none, or none of this version.
        """
        if self._database is None:
            self._database = await self._open.enter_async_context(opening.reader(self._settings, self._clock))
        yield self._database

    async def close(self) -> None:
        """End the connections."""
        self._database = None
        await self._open.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a page is made from. readers: lend the database; process: what is at work; states: counted for all pages."""

    settings: Settings
    clock: Clock
    process: Process
    readers: Readers
    days: Calendar = field(init=False)
    states: SessionStates = field(default_factory=SessionStates)

    def __post_init__(self) -> None:
        object.__setattr__(self, "days", opening.calendar(self.settings))

    @property
    def now(self) -> datetime:
        """Return the instant, aware, in UTC."""
        return self.clock.now()

    def reading(self) -> contextlib.AbstractAsyncContextManager[Database]:
        """Lend the database for reading; raises as `Readers.lent`."""
        return self.readers.lent()
