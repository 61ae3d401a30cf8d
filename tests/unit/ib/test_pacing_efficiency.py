"""The adaptive pacer reaches the best throughput of each service model; the benchmark compares."""

import pytest

from collector.ib.pacing import PacingSettings
from collector.simulator.throughput import Curve, capacity, constant, knee
from tests.benchmarks.pacing_runs import SERVICES, run

MODELS: dict[str, tuple[Curve, ...]] = {
    "fast": (constant(0.3),),
    "capacity": (capacity(5.0),),
    "knee": (knee(6),),
    "switching": (knee(6), constant(0.3), capacity(5.0), knee(6)),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("model", MODELS)
def test_throughput_is_at_least_95_percent_of_the_best(model: str, service: str, seed: int) -> None:
    """After the warm-up, and after that of each switch, no phase brings less than 95 % of what is possible."""
    results = run(MODELS[model], service, PacingSettings(), seed, phase_s=180 if model == "fast" else 300)
    assert all(result.share >= 0.95 for result in results), results


@pytest.mark.parametrize("service", SERVICES)
def test_it_stays_at_the_knee(service: str) -> None:
    """Nine tenths of the time the number in flight is the best one: the search does not go to and fro across it."""
    (result,) = run(MODELS["knee"], service, PacingSettings(), seed=11)
    assert result.limits[6] >= 0.9 * sum(result.limits.values())


def test_a_lone_server_is_asked_one_at_a_time() -> None:
    """A service that does best with one request in flight gets one."""
    alone = Curve("alone", lambda n: 6.0 / n)
    (result,) = run((alone,), "shared", PacingSettings(), seed=1)
    assert result.limits[1] >= 0.9 * sum(result.limits.values())


def test_without_adaption_the_knee_costs_most_of_the_throughput() -> None:
    """The yardstick measures: twenty always in flight bring 6/20 of the best rate of a knee at 6."""
    (result,) = run(MODELS["knee"], "shared", PacingSettings(adaptive=False, open_requests=20), seed=1, phase_s=200)
    assert result.share == pytest.approx(6 / 20, abs=0.03)
