"""Scenarios: how the simulated gateway misbehaves.

How the simulated gateway misbehaves: scenarios by name, alone or in seeded mixes.
"""

from collector.simulator.scenarios.base import Scenario
from collector.simulator.scenarios.mixes import Lies, lies, mix
from collector.simulator.scenarios.registry import SCENARIOS, named

__all__ = ["SCENARIOS", "Lies", "Scenario", "lies", "mix", "named"]
