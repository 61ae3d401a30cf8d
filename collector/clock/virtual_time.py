"""Event loop on virtual time.

An event loop whose clock jumps to the next timer as soon as nothing else is left to do.

Everything that asyncio times (sleeps, time-outs, timers of libraries) follows it, so a simulated day passes in the
time that its work takes. Two things keep it honest. Sockets between parts of one process are drained before a jump:
the selector is polled first, and a loopback write is readable at once. What another process answers (a database) is
awaited inside `VirtualClock.hold()`, and time stands still until it has come.
"""

import asyncio
import contextlib
import selectors
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

_GRACE_S = 0.0005
"""How long an idle loop waits, in real seconds, for the kernel to hand over bytes before time jumps."""


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that answers a wait for a timer at once, by moving the loop's time there."""

    elapsed_s: float = 0.0
    holds: int = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Poll; when nothing is ready and nobody holds the time, jump `timeout` seconds ahead."""
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self.holds:
            return super().select(0.05)
        ready = super().select(_GRACE_S)
        if not ready and not self.holds:
            self.elapsed_s += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time; use with `asyncio.Runner(loop_factory=VirtualTimeLoop)`."""

    def __init__(self) -> None:
        self._jumps = _JumpingSelector()
        super().__init__(self._jumps)

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._jumps.elapsed_s

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Keep time still for as long as the block lasts."""
        self._jumps.holds += 1
        try:
            yield
        finally:
            self._jumps.holds -= 1


class VirtualClock:
    """The `Clock` of a virtual-time loop.

    Args:
        start: the instant at which the loop's time is now (aware).
        loop: the loop; the running one by default.
    """

    def __init__(self, start: datetime, loop: VirtualTimeLoop | None = None) -> None:
        running = loop or asyncio.get_running_loop()
        if not isinstance(running, VirtualTimeLoop):
            raise TypeError(
                "VirtualClock needs a VirtualTimeLoop; run under asyncio.Runner(loop_factory=VirtualTimeLoop)"
            )
        self._loop = running
        self._origin = start.astimezone(UTC) - timedelta(seconds=running.time())

    def now(self) -> datetime:
        """Return the virtual instant in UTC."""
        return self._origin + timedelta(seconds=self._loop.time())

    def set(self, instant: datetime) -> None:
        """Move the clock so that it is now `instant` (aware), without running any timer."""
        self._origin = instant.astimezone(UTC) - timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        """Return virtual seconds; never goes back."""
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time: returns as soon as nothing else is left to do before then."""
        await asyncio.sleep(seconds)

    def hold(self) -> contextlib.AbstractContextManager[None]:
        """Keep time still while another process is awaited."""
        return self._loop.hold()
