"""How the simulated gateway misbehaves: scenarios by name, alone or in seeded mixes."""

from collector.simulator.scenarios.base import Scenario
from collector.simulator.scenarios.registry import SCENARIOS, mix, named

__all__ = ["SCENARIOS", "Scenario", "mix", "named"]
