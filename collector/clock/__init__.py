"""The clock: read time, measure it, wait.

The one interface through which the collector reads time, measures it and waits.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Time as an argument: injected everywhere, also into the simulated gateway."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary origin; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock; 0 yields to other tasks."""

    def hold(self) -> AbstractContextManager[None]:
        """Keep simulated time from jumping while an answer from outside the event loop is awaited.

        Put around database operations, whose server lives in another process. Real clocks ignore it.
        """


class SystemClock:
    """Real time, optionally shifted: it starts at a given instant and runs at the real pace.

    Args:
        start: the instant that it is now (aware); None is the machine's own time.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._offset = timedelta(0) if start is None else start.astimezone(UTC) - datetime.now(UTC)

    def now(self) -> datetime:
        """Return the machine's time plus the shift, in UTC."""
        return datetime.now(UTC) + self._offset

    def set(self, instant: datetime) -> None:
        """Move the clock so that it is now `instant` (aware)."""
        self._offset = instant.astimezone(UTC) - datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic time in seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        await asyncio.sleep(seconds)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Do nothing: real time cannot be held."""
        yield
