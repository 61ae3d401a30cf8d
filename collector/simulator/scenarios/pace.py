"""Scenarios of speed.

Latencies, and a gateway whose throughput depends on the load.
"""

import math

from collector.simulator.request_log import Kind, Request
from collector.simulator.scenarios.base import Scenario, Stage, seeded
from collector.simulator.throughput import Throttle, ThroughputModel


class Latency(Scenario):
    """Each answer takes a time drawn from a log-normal distribution.

    Args:
        median_s: half of the answers take less.
        spread: standard deviation of the logarithm; 0 makes every answer take the median.
        longest_s: no answer takes more.
        seed: of the draws.
    """

    name = "latency"
    slows = True

    def __init__(self, median_s: float = 0.5, spread: float = 0.8, longest_s: float = 20.0, seed: int = 0) -> None:
        self._median_s, self._spread, self._longest_s = median_s, spread, longest_s
        self._random = seeded(self.name, seed)

    async def serve(self, entry: Request) -> None:  # noqa: ARG002 - all requests alike
        """Wait."""
        drawn = self._median_s * math.exp(self._spread * self._random.gauss(0.0, 1.0))
        await self.stage.clock.sleep(min(drawn, self._longest_s))


class Loaded(Scenario):
    """Historical requests share a machine whose rate depends on how many are in flight."""

    name = "loaded"
    slows = True

    def __init__(self, model: ThroughputModel) -> None:
        self.model = model

    def bind(self, stage: Stage) -> None:
        """Start the machine on the gateway's clock."""
        super().bind(stage)
        self._throttle = Throttle(self.model, stage.clock)

    async def serve(self, entry: Request) -> None:
        """Wait for the machine."""
        if entry.kind is Kind.HISTORICAL:
            await self._throttle.serve()
