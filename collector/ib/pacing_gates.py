"""The gates that a request passes: turns in order, the message ceiling, IB's rules for small bars, a pause."""

import asyncio
import heapq
import math
from collections import deque

from collector.clock import Clock
from collector.domain.market_data.answers import HistoricalRequest

Rank = tuple[int, int]
"""Priority (low first), then order of arrival."""

_SLACK_S = 1e-6
"""Added to every wait, so that rounding of floats never puts a message into the second before."""


class Turn:
    """A lock whose waiters get it by rank: the lowest first, equal priorities in order of arrival."""

    def __init__(self) -> None:
        self._held = False
        self._waiting: list[tuple[Rank, asyncio.Future[None]]] = []

    async def take(self, rank: Rank) -> None:
        """Wait for the turn; a waiter that is cancelled passes it on."""
        if not self._held:
            self._held = True
            return
        given = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, given))
        try:
            await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled():
                self.leave()
            raise

    def is_wanted_before(self, rank: Rank) -> bool:
        """Tell whether somebody who waits ranks before this."""
        while self._waiting and self._waiting[0][1].done():
            heapq.heappop(self._waiting)
        return bool(self._waiting) and self._waiting[0][0] < rank

    def leave(self) -> None:
        """Give the turn to the next waiter."""
        while self._waiting:
            _, given = heapq.heappop(self._waiting)
            if not given.done():
                given.set_result(None)
                return
        self._held = False


class MessageCeiling:
    """Never more than so many messages in any rolling second, spread evenly but for a small burst.

    The spreading keeps the ceiling also at the receiver, where delays on the way squeeze messages together.

    Args:
        per_second: messages in any rolling second; infinite means no ceiling.
        burst: messages that may leave at once after an idle moment or a late timer.
    """

    def __init__(self, per_second: float, burst: int = 5) -> None:
        self._spacing_s = 1 / per_second
        self._allowance_s = (min(burst, per_second) - 1) * self._spacing_s
        self._paced_to = -math.inf
        self._sent: deque[float] | None = None if math.isinf(per_second) else deque(maxlen=max(1, int(per_second)))

    def wait_s(self, now: float) -> float:
        """Return seconds until the next message may leave; 0 means now."""
        if self._sent is None:
            return 0.0
        wait = self._paced_to - self._allowance_s - now
        if len(self._sent) == self._sent.maxlen:
            wait = max(wait, self._sent[0] + 1.0 + _SLACK_S - now)
        return max(0.0, wait)

    def sent(self, now: float) -> None:
        """Count a message that leaves now."""
        if self._sent is not None:
            self._sent.append(now)
            self._paced_to = max(now, self._paced_to) + self._spacing_s


class SmallBarRules:
    """IB's rules for bars of 30 seconds or less; larger bars are free of them.

    At most 60 requests in 10 minutes, no identical request within 15 s, at most 5 of one contract and series in 2 s.

    Args:
        bar_size_s: the configured bar size in seconds.
    """

    LARGEST_BAR_S = 30
    _ALL_WINDOW_S, _ALL_MOST = 600.0, 60
    _SERIES_WINDOW_S, _SERIES_MOST = 2.0, 5
    _IDENTICAL_S = 15.0

    def __init__(self, bar_size_s: int) -> None:
        self.apply = bar_size_s <= self.LARGEST_BAR_S
        self._sent: deque[tuple[float, HistoricalRequest]] = deque()

    def wait_s(self, request: HistoricalRequest | None, now: float) -> float:
        """Return seconds until this request may leave; 0 means now.

        Raises:
            ValueError: the rules apply and the request is not known.
        """
        if not self.apply:
            return 0.0
        if request is None:
            raise ValueError("bars of 30 seconds or less are paced by contract and series: the request must be given")
        while self._sent and self._sent[0][0] + self._ALL_WINDOW_S + _SLACK_S <= now:
            self._sent.popleft()
        free_at = -math.inf
        if len(self._sent) >= self._ALL_MOST:
            free_at = self._sent[-self._ALL_MOST][0] + self._ALL_WINDOW_S
        same = [at for at, sent in self._sent if _series(sent) == _series(request)]
        if len(same) >= self._SERIES_MOST:
            free_at = max(free_at, same[-self._SERIES_MOST] + self._SERIES_WINDOW_S)
        identical = [at for at, sent in self._sent if sent == request]
        if identical:
            free_at = max(free_at, identical[-1] + self._IDENTICAL_S)
        wait = free_at + _SLACK_S - now
        return wait if wait > 0 else 0.0

    def sent(self, request: HistoricalRequest | None, now: float) -> None:
        """Count a request that leaves now."""
        if self.apply and request is not None:
            self._sent.append((now, request))


def _series(request: HistoricalRequest) -> tuple[object, object]:
    return request.instrument, request.what_to_show


class Pause:
    """A time during which no request leaves. It can be lengthened and ended early."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = -math.inf
        self._changed = asyncio.Event()
        self.reason = ""
        self.count = 0

    @property
    def left_s(self) -> float:
        """Seconds until requests may leave again; 0 when there is no pause."""
        return max(0.0, self._until - self._clock.monotonic())

    def begin(self, seconds: float, reason: str) -> None:
        """Pause from now on for at least so many seconds (infinite: until `end`); never shortens a pause."""
        if self.left_s == 0:
            self.count += 1
            self.reason = reason
        self._until = max(self._until, self._clock.monotonic() + seconds)
        self._changed.set()

    def end(self) -> None:
        """End the pause now."""
        self._until = -math.inf
        self.reason = ""
        self._changed.set()

    async def over(self) -> None:
        """Wait until there is no pause."""
        while (left := self.left_s) > 0:
            self._changed.clear()
            waits: set[asyncio.Future[object]] = {asyncio.ensure_future(self._changed.wait())}
            if not math.isinf(left):
                waits.add(asyncio.ensure_future(self._clock.sleep(left + _SLACK_S)))
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
