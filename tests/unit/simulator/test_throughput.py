"""The load models: what they complete, against figures worked out by hand."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.clock.virtual_time import VirtualClock
from collector.simulator.throughput import Curve, Phase, Throttle, ThroughputModel, capacity, constant, knee


def _finished(model: ThroughputModel, in_flight: int, seconds: float) -> int:
    """Keep so many requests in flight for so long; return how many were completed."""
    now, done = 0.0, 0
    for _ in range(in_flight):
        model.arrive(now)
    while (due := model.next_due()) is not None and due <= seconds:
        now = due
        for _ in model.complete(now):
            done += 1
            model.arrive(now)
    return done


@pytest.mark.parametrize(
    ("curve", "in_flight", "per_s"),
    [
        (constant(0.3), 1, 10 / 3),
        (constant(0.3), 12, 40.0),
        (capacity(5.0, 0.3), 1, 10 / 3),
        (capacity(5.0, 0.3), 2, 5.0),
        (capacity(5.0, 0.3), 50, 5.0),
        (knee(6, 0.6), 3, 5.0),
        (knee(6, 0.6), 6, 10.0),
        (knee(6, 0.6), 12, 5.0),
        (knee(6, 0.6), 48, 1.25),
    ],
)
def test_rate_with_so_many_in_flight(curve: Curve, in_flight: int, per_s: float) -> None:
    """Over ten minutes each model completes what its curve says, within 2 %."""
    done = _finished(ThroughputModel(curve, seed=3), in_flight, 600.0)
    assert done == pytest.approx(per_s * 600, rel=0.02, abs=in_flight)


def test_best_rates() -> None:
    """The best that any client can get is the top of the curve."""
    assert capacity(5.0).best == 5.0
    assert knee(6, 0.6).best == pytest.approx(10.0)
    assert constant(0.5).best == pytest.approx(100.0)


def test_switch_in_the_middle() -> None:
    """From the switch on the second curve holds, also for requests already in flight."""
    model = ThroughputModel(constant(1.0), Phase(100.0, capacity(2.0, 0.3)), jitter=0.0)
    assert _finished(model, 4, 200.0) == pytest.approx(4 * 100 + 2 * 100, abs=5)
    assert model.best_between(0.0, 200.0, ceiling_per_s=40.0) == pytest.approx(40 * 100 + 2 * 100)


def test_one_that_leaves_frees_its_share() -> None:
    """A cancelled request slows the others down no longer."""
    model = ThroughputModel(capacity(1.0, 0.5), jitter=0.0)
    first, second = model.arrive(0.0), model.arrive(0.0)
    assert model.next_due() == pytest.approx(2.0)
    model.leave(second, 1.0)
    assert model.next_due() == pytest.approx(1.5)
    assert model.complete(1.5) == [first]
    assert model.in_flight == 0


async def _throttled() -> float:
    clock = VirtualClock(datetime(2026, 11, 20, 22, 0, tzinfo=UTC))
    throttle = Throttle(ThroughputModel(capacity(5.0, 0.3), jitter=0.0), clock)
    for _ in range(3):
        await throttle.serve()
    return clock.monotonic()


def test_throttle_takes_the_models_time(
    virtual_run: Callable[[Callable[[], Coroutine[Any, Any, float]]], float],
) -> None:
    """On a clock, three requests one after the other take three unloaded latencies."""
    assert virtual_run(_throttled) == pytest.approx(0.9, abs=0.01)
