"""What pages are made from."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from collector.app import opening
from collector.app.acting.acts import Acts
from collector.app.acting.live import Live
from collector.app.condition import Condition
from collector.clock import Clock
from collector.config import Settings
from collector.db.connection.pool import Database
from collector.db.readers.contract_states import ContractStates
from collector.db.readers.grids import SessionGrids
from collector.domain.errors import ReadersBusy
from collector.domain.masking import Mask
from collector.market.calendar import Calendar
from collector.web.access.visitors import VISITOR, Visitor


class Process(Protocol):
    """What only the process that serves the pages knows."""

    @property
    def live(self) -> Live:
        """Return what is at work in it."""

    @property
    def acts(self) -> Acts:
        """Return what people have started in it."""

    async def condition(self) -> Condition:
        """Say how things stand, as /healthz does."""

    async def metrics(self) -> bytes:
        """Return the metrics, as /metrics does."""


_AT_A_TIME = 2
"""Pages that read at a time: the others wait, and what collects notices nothing of them."""

_QUEUE_S = 10.0
"""A page waits so long for those before it."""

_RETURN_S = 3.0
"""A page waits so long for a server that has just restarted."""


class Readers:
    """The database for pages: opened when the first page asks, shared by all, never in a run's way.

    Args:
        settings: which database.
        clock: ours.
        size: how many may read at a time.
    """

    def __init__(self, settings: Settings, clock: Clock, size: int = _AT_A_TIME) -> None:
        self._settings, self._clock, self._size = settings, clock, size
        self._open = contextlib.AsyncExitStack()
        self._opening = asyncio.Lock()
        self._free = asyncio.Semaphore(size)
        self._database: Database | None = None

    @contextlib.asynccontextmanager
    async def lent(self) -> AsyncIterator[Database]:
        """Lend the database for reading.

        Raises:
            ReadersBusy: other pages take too long.
            DatabaseUnavailable, DatabaseError: there is none, or none of this version.
        """
        try:
            async with asyncio.timeout(_QUEUE_S):
                await self._free.acquire()
        except TimeoutError:
            raise ReadersBusy from None
        try:
            yield await self._opened()
        finally:
            self._free.release()

    async def _opened(self) -> Database:
        async with self._opening:
            if self._database is None:
                reader = opening.page_reader(self._settings, self._clock, self._size)
                self._database = await self._open.enter_async_context(reader)
                self._open.enter_context(self._database.patience(_RETURN_S))
        return self._database

    async def close(self) -> None:
        """End the connections."""
        self._database = None
        await self._open.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a page is made from.

    readers: lend the database. process: what is at work. days: the calendar. mask: cuts secrets out of texts. states,
    grids: counted once for all pages.
    """

    settings: Settings
    clock: Clock
    process: Process
    readers: Readers
    days: Calendar = field(init=False)
    mask: Mask = field(init=False)
    states: ContractStates = field(default_factory=ContractStates)
    grids: SessionGrids = field(default_factory=SessionGrids)

    def __post_init__(self) -> None:
        object.__setattr__(self, "days", opening.calendar(self.settings))
        object.__setattr__(self, "mask", Mask(self.settings.secrets))

    @property
    def now(self) -> datetime:
        """Return the instant, aware, in UTC."""
        return self.clock.now()

    @property
    def may_act(self) -> bool:
        """Tell whether who asks may start or stop something: the owner, unless `web.read_only` is set."""
        return VISITOR.get() is Visitor.OWNER and not self.settings.web.read_only

    def reading(self) -> contextlib.AbstractAsyncContextManager[Database]:
        """Lend the database for reading; raises as `Readers.lent`."""
        return self.readers.lent()
