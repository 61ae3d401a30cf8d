"""Runs of the real pacer against service models in simulated time, for the efficiency test and the benchmark."""

import asyncio
import bisect
import itertools
import math
import random
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from collector.clock import Clock
from collector.clock.virtual_time import VirtualClock, VirtualTimeLoop, _JumpingSelector
from collector.domain.market_data.answers import Outcome
from collector.ib.pacing import Pacer, PacingSettings
from collector.simulator.throughput import Curve, Phase, Throttle, ThroughputModel, capacity, constant, knee

T = TypeVar("T")

START = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
PHASE_S = 480.0
WARM_UP_S = 120.0
"""Seconds after the start, and after each switch, that do not count: the time that the search may take."""
MESSAGES_PER_S = 40

CURVES: dict[str, tuple[Curve, ...]] = {
    "fast": (constant(0.3),),
    "capacity": (capacity(5.0),),
    "knee": (knee(6),),
    "switching": (knee(6), constant(0.3), capacity(5.0), knee(6), capacity(5.0), constant(0.3)),
}


class _NoSocketsSelector(_JumpingSelector):
    """Jumps at once: nothing outside the loop is awaited here."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Jump `timeout` seconds ahead without looking for bytes on the way."""
        if timeout is not None and timeout > 0:
            self.elapsed_s += timeout
            return []
        return super().select(timeout)


class NoSocketsLoop(VirtualTimeLoop):
    """A virtual-time loop for work without sockets, several times as fast."""

    def __init__(self) -> None:
        self._jumps = _NoSocketsSelector()
        asyncio.SelectorEventLoop.__init__(self, self._jumps)


class Service(Protocol):
    """Something that takes its time to answer."""

    async def serve(self) -> None:
        """Wait until the request that arrives now is answered."""


class Drawn:
    """A service that decides when a request arrives how long it will take: log-normal about what the load demands.

    Args:
        curves: one after the other, from the time 0 of the clock on.
        phase_s: how long each holds, in seconds.
        clock: waits. seed: of the noise.
        spread: standard deviation of the logarithm of the noise.
    """

    def __init__(self, curves: tuple[Curve, ...], phase_s: float, clock: Clock, seed: int, spread: float = 0.3) -> None:
        self._curves, self._phase_s, self._clock, self._spread = curves, phase_s, clock, spread
        self._random = random.Random(f"drawn:{seed}")
        self._in_flight = 0

    async def serve(self) -> None:
        """Wait for as long as was drawn."""
        self._in_flight += 1
        try:
            phase = min(int(self._clock.monotonic() / self._phase_s), len(self._curves) - 1)
            usual_s = self._in_flight / self._curves[phase].rate(self._in_flight)
            noise = math.exp(self._random.gauss(0.0, self._spread) - self._spread**2 / 2)
            await self._clock.sleep(usual_s * noise)
        finally:
            self._in_flight -= 1


def shared(curves: tuple[Curve, ...], phase_s: float, clock: Clock, seed: int) -> Throttle:
    """Return the simulator's machine, which all requests share evenly; they differ in size by up to 30 %."""
    switches = (Phase(phase_s * number, curve) for number, curve in enumerate(curves[1:], 1))
    return Throttle(ThroughputModel(curves[0], *switches, jitter=0.3, seed=seed), clock)


SERVICES: dict[str, Callable[[tuple[Curve, ...], float, Clock, int], Service]] = {"shared": shared, "drawn": Drawn}


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """One phase of a run.

    curve: its name. share: throughput after the warm-up ÷ the best that is possible. adapted_s: seconds from the
    switch (or the start) until twenty seconds running brought 95 % of the best; None: never. limits: how long each
    number in flight was allowed, in seconds, after the warm-up.
    """

    curve: str
    share: float
    adapted_s: float | None
    limits: dict[int, float]


def run(
    curves: tuple[Curve, ...], service: str, settings: PacingSettings, seed: int, phase_s: float = PHASE_S
) -> list[PhaseResult]:
    """Keep the pacer busy from sixty tasks while one curve after the other holds, for `phase_s` seconds each."""

    async def work(clock: VirtualClock) -> tuple[list[float], list[tuple[float, int]]]:
        machine = SERVICES[service](curves, phase_s, clock, seed)
        pacer = Pacer(settings, clock)
        ended: list[float] = []
        limits = [(0.0, pacer.state.limit)]

        async def ask() -> None:
            while clock.monotonic() < phase_s * len(curves):
                async with pacer.request("historical") as ticket:
                    sent = clock.monotonic()
                    await machine.serve()
                    ended.append(clock.monotonic())
                    ticket.done(Outcome.BARS, ended[-1] - sent)
                    if pacer.limit != limits[-1][1]:
                        limits.append((ended[-1], pacer.limit))

        await asyncio.gather(*(ask() for _ in range(60)))
        return ended, limits

    ended, limits = in_virtual_time(work)
    return [_phase(curve, number * phase_s, phase_s, ended, limits) for number, curve in enumerate(curves)]


def in_virtual_time(work: Callable[[VirtualClock], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine function that uses no socket on a virtual clock."""

    async def main() -> T:
        return await work(VirtualClock(START))

    with asyncio.Runner(loop_factory=NoSocketsLoop) as runner:
        return runner.run(main())


def _phase(
    curve: Curve, start: float, phase_s: float, ended: list[float], limits: list[tuple[float, int]]
) -> PhaseResult:
    best = min(curve.best, MESSAGES_PER_S)
    end, counted_from = start + phase_s, start + WARM_UP_S

    def between(since: float, until: float) -> int:
        return bisect.bisect_left(ended, until) - bisect.bisect_left(ended, since)

    window_s = 20.0
    adapted = next(
        (
            at
            for at in range(int(phase_s - window_s))
            if between(start + at, start + at + window_s) >= 0.95 * best * window_s
        ),
        None,
    )
    held: dict[int, float] = {}
    for (since, limit), (until, _) in itertools.pairwise([*limits, (math.inf, 0)]):
        overlap = min(until, end) - max(since, counted_from)
        if overlap > 0:
            held[limit] = held.get(limit, 0.0) + overlap
    return PhaseResult(
        curve=curve.name,
        share=between(counted_from, end) / (best * (end - counted_from)),
        adapted_s=adapted,
        limits=held,
    )
