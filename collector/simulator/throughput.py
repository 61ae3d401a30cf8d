"""Models of a gateway's throughput.

How fast a gateway answers when so many requests are in flight. Pure models, usable without any socket.

All are one machine, processor sharing: with n requests in flight the model completes `rate(n)` requests a second, and
every request gets an equal share of it. What differs is the curve `rate(n)`.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from collector.clock import Clock

_MOST_IN_FLIGHT = 50


@dataclass(frozen=True, slots=True)
class Curve:
    """Requests completed a second by the number in flight.

    Attributes:
        name: what kind of curve it is, with its figures.
        rate: requests a second with n ≥ 1 requests in flight.
    """

    name: str
    rate: Callable[[int], float]

    @property
    def best(self) -> float:
        """Return the highest rate that any number in flight up to 50 reaches, in requests a second."""
        return max(self.rate(n) for n in range(1, _MOST_IN_FLIGHT + 1))


def constant(latency_s: float = 0.3) -> Curve:
    """Every request takes the same time, whatever the load."""
    return Curve(f"constant {latency_s} s", lambda n: n / latency_s)


def capacity(per_s: float = 5.0, latency_s: float = 0.3) -> Curve:
    """Never more than `per_s` requests a second; an unloaded request takes `latency_s`."""
    return Curve(f"capacity {per_s}/s", lambda n: min(n / latency_s, per_s))


def knee(at: int = 6, latency_s: float = 0.6, steepness: float = 1.0) -> Curve:
    """Rates grow with the number in flight up to a knee and fall beyond it.

    Args:
        at: the number in flight with the highest rate.
        latency_s: seconds of a request up to the knee.
        steepness: beyond it the rate is the best one times (at / n) to this power.
    """
    return Curve(f"knee at {at}", lambda n: n / latency_s if n <= at else at / latency_s * (at / n) ** steepness)


@dataclass(frozen=True, slots=True)
class Phase:
    """A curve that holds from a moment on; from_s is in seconds of the model's time."""

    from_s: float
    curve: Curve


@dataclass(order=True, slots=True)
class Ticket:
    """One request in flight, ordered by the share of service at which it is complete."""

    due: float
    number: int
    left: bool = field(default=False, compare=False)


class ThroughputModel:
    """A gateway's answering machine in continuous time; every method takes the present moment and never goes back.

    Args:
        curve: the curve in force from the start.
        switches: curves that take over later, by their moments ascending.
        jitter: requests differ in size by up to this fraction, evenly; 0 makes all alike.
        seed: of the sizes.
    """

    def __init__(self, curve: Curve, *switches: Phase, jitter: float = 0.3, seed: int = 0) -> None:
        self._phases = (Phase(float("-inf"), curve), *switches)
        self._jitter = jitter
        self._random = Random(f"throughput:{seed}")  # noqa: S311 - a simulation must repeat itself
        self._numbers = itertools.count()
        self._queue: list[Ticket] = []
        self._share = 0.0
        self._now = float("-inf")
        self.in_flight = 0

    def curve_at(self, now: float) -> Curve:
        """Return the curve in force."""
        return next(phase.curve for phase in reversed(self._phases) if phase.from_s <= now)

    def best_between(self, start: float, end: float, ceiling_per_s: float = float("inf")) -> float:
        """Return how many requests an ideal client completes in `[start, end)`, sending no faster than a ceiling."""
        edges = [start, *(phase.from_s for phase in self._phases if start < phase.from_s < end), end]
        spans = itertools.pairwise(edges)
        return sum(min(self.curve_at(left).best, ceiling_per_s) * (right - left) for left, right in spans)

    def arrive(self, now: float) -> Ticket:
        """Take a request."""
        self._advance(now)
        size = 1.0 + self._jitter * (2.0 * self._random.random() - 1.0)
        ticket = Ticket(self._share + size, next(self._numbers))
        heapq.heappush(self._queue, ticket)
        self.in_flight += 1
        return ticket

    def leave(self, ticket: Ticket, now: float) -> None:
        """Forget a request that was cancelled; one that is complete already is left alone."""
        if not ticket.left:
            self._advance(now)
            ticket.left = True
            self.in_flight -= 1

    def next_due(self) -> float | None:
        """Return the moment of the next completion if nothing arrives or leaves before; None when idle."""
        self._drop_left()
        if not self._queue:
            return None
        missing = self._queue[0].due - self._share
        moment = self._now
        while True:
            each = self.curve_at(moment).rate(self.in_flight) / self.in_flight
            edge = next((phase.from_s for phase in self._phases if phase.from_s > moment), float("inf"))
            if moment + missing / each <= edge:
                return moment + missing / each
            missing -= (edge - moment) * each
            moment = edge

    def complete(self, now: float) -> list[Ticket]:
        """Return the requests that are complete by now, in order."""
        done = []
        while (due := self.next_due()) is not None and due <= now + 1e-9:
            self._advance(max(due, self._now))
            ticket = heapq.heappop(self._queue)
            self._share = max(self._share, ticket.due)
            ticket.left = True
            self.in_flight -= 1
            done.append(ticket)
        self._advance(now)
        return done

    def _advance(self, now: float) -> None:
        while self._now < now:
            edge = min(next((phase.from_s for phase in self._phases if phase.from_s > self._now), now), now)
            if self.in_flight:
                each = self.curve_at(self._now).rate(self.in_flight) / self.in_flight
                self._share += (edge - self._now) * each
            self._now = edge

    def _drop_left(self) -> None:
        while self._queue and self._queue[0].left:
            heapq.heappop(self._queue)


class Throttle:
    """Makes requests take the time that a model says, on a clock."""

    def __init__(self, model: ThroughputModel, clock: Clock) -> None:
        self.model = model
        self._clock = clock
        self._waiting: dict[int, asyncio.Event] = {}
        self._pump: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Wait until the request that arrives now is complete; cancelling frees its share."""
        ticket = self.model.arrive(self._clock.monotonic())
        done = self._waiting[ticket.number] = asyncio.Event()
        self._restart()
        try:
            await done.wait()
        finally:
            self._waiting.pop(ticket.number, None)
            if not ticket.left:
                self.model.leave(ticket, self._clock.monotonic())
                self._restart()

    def _restart(self) -> None:
        """Sleep until the next completion anew: an arrival or a departure has moved it."""
        if self._pump is not None:
            self._pump.cancel()
        self._pump = asyncio.get_running_loop().create_task(self._run()) if self.model.in_flight else None

    async def _run(self) -> None:
        while (due := self.model.next_due()) is not None:
            await self._clock.sleep(max(due - self._clock.monotonic(), 0.0))
            for ticket in self.model.complete(self._clock.monotonic()):
                self._waiting[ticket.number].set()
