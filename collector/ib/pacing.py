"""Pace every message to IB.

Every message to IB passes here, so that neither its ceilings nor its patience are exceeded.

    async with pacer.request("historical", key=request) as ticket:
        send(request)                      # at once: the message has been counted
        ...
        ticket.done(Outcome.BARS, latency_s)

A request that times out or is cancelled sends its cancel message inside the block, after `await pacer.message()`.
"""

import asyncio
import contextlib
import heapq
import math
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal, Self, TypeAlias

from collector.clock import Clock
from collector.domain.market_data.answers import HistoricalRequest, Outcome
from collector.domain.pacing.concurrency import AdaptiveConcurrency, FixedConcurrency

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
            # The turn came in the same moment: unless it is passed on, nobody gets it any more.
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
        # A leaky bucket spreads. But a burst after an idle moment adds to what the bucket lets through within the
        # second: the window itself is checked, too.
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
    """

    LARGEST_BAR = timedelta(seconds=30)
    _ALL_WINDOW_S, _ALL_MOST = 600.0, 60
    _SERIES_WINDOW_S, _SERIES_MOST = 2.0, 5
    _IDENTICAL_S = 15.0

    def __init__(self) -> None:
        self._sent: deque[tuple[float, HistoricalRequest]] = deque()

    def apply(self, request: HistoricalRequest) -> bool:
        """Tell whether a request is for such bars."""
        return request.data_set.bar_size <= self.LARGEST_BAR

    def wait_s(self, request: HistoricalRequest, now: float) -> float:
        """Return seconds until a request for such bars may leave; 0 means now."""
        while self._sent and self._sent[0][0] + self._ALL_WINDOW_S + _SLACK_S <= now:
            self._sent.popleft()
        # There is room for one more from when the 60th last leaves the window; so with the other rules.
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

    def sent(self, request: HistoricalRequest, now: float) -> None:
        """Count a request for such bars that leaves now."""
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
        # Whoever lengthens or ends the pause wakes all who wait; each then looks again at what is left.
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


Kind: TypeAlias = Literal["historical", "definition"]

_BEFORE_ALL = -(2**31)
_RATE_WINDOW_S = 30.0
_LATENCIES_KEPT = 200


@dataclass(frozen=True, slots=True)
class PacingSettings:
    """How fast the collector may go. IB's own ceilings are 50 messages a second and 50 open historical requests.

    messages_per_s: messages of any kind, cancels too, in any rolling second.
    open_requests: historical requests in flight, never more.
    adaptive: find the best number in flight below that ceiling; otherwise keep to it.
    start_in_flight: the number to begin with. max_in_flight: the highest to try (None: open_requests).
    definition_in_flight: contract-details requests in flight; their own budget.
    pause_s: seconds in which nothing is asked after a pacing error.
    """

    messages_per_s: float = 40
    open_requests: int = 45
    adaptive: bool = True
    start_in_flight: int = 4
    max_in_flight: int | None = None
    definition_in_flight: int = 2
    pause_s: float = 60.0

    def __post_init__(self) -> None:
        if self.messages_per_s < 1:
            raise ValueError(f"messages_per_s is {self.messages_per_s}, at least 1 is needed")
        for name in ("open_requests", "start_in_flight", "definition_in_flight"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, at least 1 is needed")

    @property
    def ceiling(self) -> int:
        """The highest number of historical requests in flight that is ever tried."""
        return self.open_requests if self.max_in_flight is None else min(self.max_in_flight, self.open_requests)

    @classmethod
    def off(cls) -> Self:
        """Return settings without a message ceiling and with 45 requests always in flight, for benchmarks."""
        return replace(cls(), messages_per_s=math.inf, adaptive=False)


@dataclass(frozen=True, slots=True)
class PacerState:
    """What the progress bar, the log and the run row show.

    in_flight, limit: historical requests now, and how many there may be. requests_per_s: finished ones, of both
    kinds, over the last 30 seconds. latency_p50_s, latency_p95_s: of the last 200 answers; None before the first.
    pauses: global pauses so far. paused_s: what is left of the current one. rate_limit_hits: pacing errors.
    """

    in_flight: int
    limit: int
    requests_per_s: float
    latency_p50_s: float | None
    latency_p95_s: float | None
    pauses: int
    paused_s: float
    pause_reason: str
    rate_limit_hits: int
    time_outs: int


class _Lane:
    """The requests of one kind: who is next, how many are in flight."""

    def __init__(self, limit: int) -> None:
        self.turn = Turn()
        self.limit = limit
        self.in_flight = 0
        self.freed = asyncio.Event()

    @property
    def full(self) -> bool:
        return self.in_flight >= self.limit

    async def room(self) -> None:
        """Wait until another request may fly; only the holder of the turn waits here."""
        while self.full:
            self.freed.clear()
            await self.freed.wait()


class Ticket:
    """The leave to send one request, taken in `Pacer.request`. Report its end once; later reports are ignored."""

    def __init__(self, pacer: "Pacer", kind: Kind) -> None:
        self._pacer = pacer
        self._kind = kind
        self._reported = False

    def done(self, outcome: Outcome, latency_s: float) -> None:
        """Say how the request ended and how many seconds after its sending."""
        if not self._reported:
            self._reported = True
            self._pacer._finished(self._kind, outcome, latency_s)  # noqa: SLF001 - the ticket is the pacer's own


class Pacer:
    """Lets requests through in order: priority first, then arrival.

    Args:
        settings: the ceilings.
        clock: measures the rolling second and waits.
    """

    def __init__(self, settings: PacingSettings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self._controller: AdaptiveConcurrency | FixedConcurrency = (
            AdaptiveConcurrency(settings.start_in_flight, settings.ceiling, settings.messages_per_s)
            if settings.adaptive
            else FixedConcurrency(settings.ceiling)
        )
        self._lanes = {"historical": _Lane(self._controller.limit), "definition": _Lane(settings.definition_in_flight)}
        self._messages = MessageCeiling(settings.messages_per_s)
        self._message_turn = Turn()
        self._small_bars = SmallBarRules()
        self._pause = Pause(clock)
        self._arrivals = 0
        self._finished_at: deque[float] = deque()
        self._began = clock.monotonic()
        self._latencies: deque[float] = deque(maxlen=_LATENCIES_KEPT)
        self._rate_limit_hits = 0
        self._time_outs = 0

    @contextlib.asynccontextmanager
    async def request(
        self, kind: Kind, key: HistoricalRequest | None = None, priority: int = 0
    ) -> AsyncIterator[Ticket]:
        """Wait for the leave to send one request now; it counts as in flight until the block ends.

        Args:
            kind: each has its own budget in flight; both share the message ceiling.
            key: what is asked for; requests for bars of 30 seconds or less have rules of their own.
            priority: the lowest goes first; equal ones in order of arrival.

        Yields:
            The ticket on which the outcome is reported. Leaving without a report frees the slot, too.
        """
        lane = self._lanes[kind]
        await self._admit(lane, key, priority)
        try:
            yield Ticket(self, kind)
        finally:
            lane.in_flight -= 1
            lane.freed.set()

    async def message(self) -> None:
        """Wait for the leave to send a message that is no request (a cancel): before all requests, also in a pause."""
        self._arrivals += 1
        await self._message_turn.take((_BEFORE_ALL, self._arrivals))
        try:
            await self._message_due()
            self._messages.sent(self._clock.monotonic())
        finally:
            self._message_turn.leave()

    def pause(self, seconds: float, reason: str) -> None:
        """Let no request through for at least so many seconds (infinite: until `resume`); cancels still pass."""
        self._pause.begin(seconds, reason)

    def resume(self) -> None:
        """End a pause now."""
        self._pause.end()

    @property
    def limit(self) -> int:
        """How many historical requests may be in flight at this moment."""
        return self._lanes["historical"].limit

    @property
    def state(self) -> PacerState:
        """What goes on at this moment."""
        now = self._clock.monotonic()
        self._forget_finished(now)
        window_s = min(_RATE_WINDOW_S, now - self._began)
        ordered = sorted(self._latencies)
        return PacerState(
            in_flight=self._lanes["historical"].in_flight,
            limit=self._lanes["historical"].limit,
            requests_per_s=len(self._finished_at) / window_s if window_s > 0 else 0.0,
            latency_p50_s=ordered[len(ordered) // 2] if ordered else None,
            latency_p95_s=ordered[len(ordered) * 95 // 100] if ordered else None,
            pauses=self._pause.count,
            paused_s=self._pause.left_s,
            pause_reason=self._pause.reason if self._pause.left_s else "",
            rate_limit_hits=self._rate_limit_hits,
            time_outs=self._time_outs,
        )

    async def _admit(self, lane: _Lane, key: HistoricalRequest | None, priority: int) -> None:
        """Return at the moment at which the request may leave, with its slot and its message counted."""
        self._arrivals += 1
        rank = (priority, self._arrivals)
        small = key if key is not None and self._small_bars.apply(key) else None
        while True:
            # Before the turn, which the wait of one series must not keep from the others.
            while small is not None and (wait := self._small_bars.wait_s(small, self._clock.monotonic())):
                await self._clock.sleep(wait)
            await lane.turn.take(rank)
            try:
                if await self._leave_granted(lane, rank, small):
                    return
            finally:
                lane.turn.leave()

    async def _leave_granted(self, lane: _Lane, rank: tuple[int, int], small: HistoricalRequest | None) -> bool:
        """Wait for slot, pause and message; False when somebody more urgent or a small-bar rule has come before it."""
        while True:
            await lane.room()
            await self._pause.over()
            await self._message_turn.take(rank)
            try:
                await self._message_due()
                # Waiting for the message took time: the limit may have fallen, a pause begun.
                if lane.full or self._pause.left_s:
                    continue
                now = self._clock.monotonic()
                # Somebody more urgent may have come, too: nobody overtakes the holder of the turn, who has to give it
                # back.
                if lane.turn.is_wanted_before(rank) or (small is not None and self._small_bars.wait_s(small, now)):
                    return False
                # No await from the checks to here: nothing can have changed between.
                self._messages.sent(now)
                if small is not None:
                    self._small_bars.sent(small, now)
                lane.in_flight += 1
                return True
            finally:
                self._message_turn.leave()

    async def _message_due(self) -> None:
        while wait := self._messages.wait_s(self._clock.monotonic()):
            await self._clock.sleep(wait)

    def _finished(self, kind: Kind, outcome: Outcome, latency_s: float) -> None:
        now = self._clock.monotonic()
        self._finished_at.append(now)
        self._forget_finished(now)
        if outcome in (Outcome.BARS, Outcome.NO_DATA):
            self._latencies.append(latency_s)
        self._time_outs += outcome is Outcome.TIME_OUT
        if outcome is Outcome.PACING:
            self._rate_limit_hits += 1
            self.pause(self.settings.pause_s, "pacing error")
        if kind == "historical":
            lane = self._lanes[kind]
            # The request is still counted as in flight, as the controller wants it. The limit may have risen: wake the
            # next.
            lane.limit = self._controller.completed(now, outcome, latency_s, lane.in_flight)
            lane.freed.set()

    def _forget_finished(self, now: float) -> None:
        while self._finished_at and self._finished_at[0] < now - _RATE_WINDOW_S:
            self._finished_at.popleft()
