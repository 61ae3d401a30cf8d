"""Lies: a source that hides, spoils and forgets, while runs are killed and lines cut; nothing untrue becomes final.

COLLECTOR_MIXES sets the number of mixes on PostgreSQL without TimescaleDB. A mix is repeated by its seed:

    COLLECTOR_MIXES=0 COLLECTOR_MIX_SEED=17 pytest tests/acceptance/test_lies.py
"""

import asyncio
import os
from collections.abc import Callable

import pytest

from collector.virtual_time import VirtualTimeLoop
from tests import engines, liars
from tests.arena import Arena

pytestmark = pytest.mark.usefixtures("quiet_faults")

MIXES = int(os.environ.get("COLLECTOR_MIXES", "200"))
_ONE_SEED = os.environ.get("COLLECTOR_MIX_SEED")
SEEDS = [int(_ONE_SEED)] if _ONE_SEED else list(range(MIXES))
TIMESCALE_SEEDS = [int(_ONE_SEED)] if _ONE_SEED else list(range(20_000, 20_000 + max(20, MIXES // 10)))


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_untrue_is_final(arena: Arena, record_property: Callable[[str, object], None], seed: int) -> None:
    """After each mix of lies and faults what is settled is true, and a quiet night later everything is settled."""
    _mix(arena, seed, record_property)


@pytest.mark.parametrize("seed", TIMESCALE_SEEDS)
@pytest.mark.parametrize("engine", ["apache", "community"], indirect=True)
def test_nothing_untrue_is_final_on_timescale(
    arenas: Callable[[engines.Engine], Arena],
    engine: engines.Engine,
    record_property: Callable[[str, object], None],
    seed: int,
) -> None:
    """The same on each edition of TimescaleDB."""
    _mix(arenas(engine), seed, record_property)


def _mix(arena: Arena, seed: int, record_property: Callable[[str, object], None]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        try:
            record_property(liars.PROPERTY, str(runner.run(liars.until_quiet(seed, arena))))
        except BaseException as error:
            error.add_note(
                f"repeat it: COLLECTOR_MIXES=0 COLLECTOR_MIX_SEED={seed} pytest tests/acceptance/test_lies.py"
            )
            raise
