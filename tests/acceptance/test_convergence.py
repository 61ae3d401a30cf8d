"""Convergence: whatever happens on the way, the tables end as those of a run that nothing disturbed.

Each scenario of the simulated gateway alone, then seeded mixes of lies, faults, kills and lost connections, in virtual
time. COLLECTOR_MIXES sets the number of mixes on PostgreSQL without TimescaleDB, COLLECTOR_TIMESCALE_MIXES on each of
its editions, COLLECTOR_SIZES_MIXES how often bars of other sizes are disturbed. A mix is repeated by its seed:

    COLLECTOR_MIXES=0 COLLECTOR_MIX_SEED=17 pytest tests/acceptance/test_convergence.py -k mix
"""

import asyncio
import os
import random
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest

from collector.clock.virtual_time import VirtualClock, VirtualTimeLoop
from collector.domain.run_vocabulary import RunStatus, Window
from collector.runs.finished import Finished
from collector.simulator.request_log import Kind, Request
from collector.simulator.scenarios import SCENARIOS, Scenario, named
from collector.simulator.scenarios.base import Reaction, Silence
from tests.support import disturbances, engines, liars, tables
from tests.support.arena import Arena, Disturbed, Variant
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.truth import compare
from tests.support.window_runs import FRIDAY

pytestmark = pytest.mark.usefixtures("quiet_faults")

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

MIXES = int(os.environ.get("COLLECTOR_MIXES", "200"))
TIMESCALE_MIXES = int(os.environ.get("COLLECTOR_TIMESCALE_MIXES", max(20, MIXES // 10)))
_ONE_SEED = os.environ.get("COLLECTOR_MIX_SEED")
SEEDS = [int(_ONE_SEED)] if _ONE_SEED else list(range(MIXES))
TIMESCALE_SEEDS = [int(_ONE_SEED)] if _ONE_SEED else list(range(10_000, 10_000 + TIMESCALE_MIXES))

HEALING = [name for name in SCENARIOS if named(name).heals and not named(name).lies]
LASTING = [name for name in SCENARIOS if not named(name).heals and name != "revised-values"]
ALONE = Variant(("PLTR", "TSLA"), 4, 4)
SIZES = Variant(("PLTR", "TSLA"), 4, 4, ("5 mins", "1 min", "1 day"))
SIZES_SEEDS = [int(_ONE_SEED)] if _ONE_SEED else list(range(int(os.environ.get("COLLECTOR_SIZES_MIXES", MIXES // 20))))
_VIRTUAL_HOURS = 5.0
_HITS = {"hmds-unknown-contract": 8 * 3 * 2}
"""Eight contracts; an unknown one is believed at the third attempt, each of which asks twice."""


@pytest.mark.parametrize("name", HEALING)
def test_each_scenario_alone_converges(arena: Arena, virtual_run: Run, name: str) -> None:
    """A fault that heals leaves no trace in the tables, whatever it is."""

    async def main() -> None:
        reference = await arena.reference(7, ALONE)
        clock = VirtualClock(AFTER_THE_CLOSE)
        await arena.empty(clock)
        async with Disturbed(arena, clock, 7, ALONE, [named(name)]) as disturbed:
            async with asyncio.timeout(_VIRTUAL_HOURS * 3600):
                await disturbances.persist(disturbed)
            disturbances.check_ceilings(disturbed.gateway.log)
        await disturbances.check_tables(arena, clock, reference)

    virtual_run(main)


@pytest.mark.parametrize("seed", SIZES_SEEDS)
def test_other_sizes_of_bars_converge(arena: Arena, virtual_run: Run, seed: int) -> None:
    """Bars of a minute and of a day: killed, cut off and resumed under a fault that heals, they end like the others."""

    async def main() -> None:
        reference = await arena.reference(7, SIZES)
        assert reference.daily is not None
        dice, clock = random.Random(f"sizes {seed}"), VirtualClock(AFTER_THE_CLOSE)
        await arena.empty(clock)
        # Adjusted closes are one request for all that is kept: where no long one is ever answered, they cannot be had.
        faults = [name for name in HEALING if name != "long-requests"]
        fault = named(faults[seed * 7 % len(faults)])  # a few seeds take kinds that lie apart
        async with Disturbed(arena, clock, 7, SIZES, [fault]) as disturbed:
            async with asyncio.timeout(_VIRTUAL_HOURS * 3600):
                for window, traffic in ((Window.EOD, reference.traffic), (Window.DAILY_BARS, reference.daily)):
                    armed = disturbances.Faults(disturbed, dice, traffic)
                    await disturbances.persist(disturbed, armed.armed, window=window)
            disturbances.check_ceilings(disturbed.gateway.log)
        await disturbances.check_tables(arena, clock, reference)
        async with arena.directly(clock) as connection:
            assert await connection.fetch("SELECT 1 FROM historical_data_gaps WHERE state = 'open'") == []

    virtual_run(main)


@pytest.mark.parametrize("name", LASTING)
def test_a_fault_that_does_not_heal_touches_nothing_else(arena: Arena, virtual_run: Run, name: str) -> None:
    """Refused quotes of one symbol leave the run partial, its other series and the other symbol complete.

    The next run asks again for what was refused, and completes the tables.
    """

    async def main() -> None:
        reference = await arena.reference(7, ALONE)
        clock = VirtualClock(AFTER_THE_CLOSE)
        await arena.empty(clock)
        refused = named(name, symbols=("TSLA",), series=("BID",), share=1.0, hits=_HITS.get(name, 6))
        async with Disturbed(arena, clock, 7, ALONE, [refused]) as disturbed:
            first = await disturbed.attempt()
            assert isinstance(first, Finished)
            assert first.status is RunStatus.PARTIAL
            series = {
                (letter.request.instrument.symbol, letter.request.what_to_show.value) for letter in first.given_up
            }
            assert series == {("TSLA", "BID")}
            affected = {letter.request.instrument.source_id for letter in first.given_up}
            async with arena.directly(clock) as connection:
                found = await tables.dump(connection)
            tables.tables_equal(
                tables.without_greeks(_without(found, affected)),
                tables.without_greeks(_without(reference.tables, affected)),
            )
            for what in ("TRADES", "ASK"):
                assert _coverage(found, affected, what) == _coverage(reference.tables, affected, what)
            await clock.sleep(3600)
            await disturbances.persist(disturbed)
            disturbances.check_ceilings(disturbed.gateway.log)
        await disturbances.check_tables(arena, clock, reference)

    virtual_run(main)


def test_late_corrections_arrive_with_a_forced_run_and_old_values_stay(arena: Arena, virtual_run: Run) -> None:
    """What IB revised later replaces what was settled, and what stood there is kept in bar_revisions."""

    async def main() -> None:
        reference = await arena.reference(7, ALONE)
        clock = VirtualClock(AFTER_THE_CLOSE)
        await arena.empty(clock)
        async with Disturbed(arena, clock, 7, ALONE, [named("revised-values", after_s=600)]) as disturbed:
            try:
                await disturbances.persist(disturbed)
                await disturbances.check_tables(arena, clock, reference)
                await clock.sleep(900)
                forced = await disturbed.attempt(force=True)
                assert isinstance(forced, Finished)
                assert forced.status is RunStatus.SUCCESS
                assert forced.tally.inserted == 0
                assert forced.tally.updated > 0
                with clock.hold():
                    await compare(arena.url, disturbed.gateway.market, [FRIDAY], ALONE.symbols)
                async with arena.directly(clock) as connection:
                    kept = await connection.fetchval("SELECT count(*) FROM bar_revisions")
                assert kept == forced.tally.updated
            finally:
                disturbed.gateway.market.revisions.clear()

    virtual_run(main)


class NoContracts(Scenario):
    """The contract details of one expiration are never answered, however often one run asks."""

    def __init__(self) -> None:
        self._asked = 0

    def arrival(self, entry: Request) -> Reaction | None:
        """Stay silent on the third request (after the stock and the first expiration) and on its repetitions."""
        if entry.kind is not Kind.CONTRACT_DETAILS:
            return None
        self._asked += 1
        return Silence() if 3 <= self._asked <= 5 else None


def test_a_run_that_lacks_an_expiration_is_not_a_success(arena: Arena, virtual_run: Run) -> None:
    """Contracts that IB would not define leave the run partial; the next one finds and collects them."""
    weekly = Variant(("TSLA",), 8, 3)

    async def main() -> None:
        reference = await arena.reference(7, weekly)
        clock = VirtualClock(AFTER_THE_CLOSE)
        await arena.empty(clock)
        async with Disturbed(arena, clock, 7, weekly, [NoContracts()]) as disturbed:
            first = await disturbed.attempt()
            assert isinstance(first, Finished)
            assert first.status is RunStatus.PARTIAL
            assert [left.symbol for left in first.not_prepared] == ["TSLA"]
            assert "2026-11-27" in first.not_prepared[0].failure.message
            assert first.tally.inserted > 0
            await disturbances.persist(disturbed)
        await disturbances.check_tables(arena, clock, reference)

    virtual_run(main)


@pytest.mark.parametrize("seed", SEEDS)
def test_mixes_converge(arena: Arena, record_property: Callable[[str, object], None], seed: int) -> None:
    """Lies, faults, kills and lost lines at moments drawn from the seed: nothing untrue settles, and all of it ends."""
    _mix(arena, seed, record_property)


@pytest.mark.parametrize("seed", TIMESCALE_SEEDS)
@pytest.mark.parametrize("engine", ["apache", "community"], indirect=True)
def test_mixes_converge_on_timescale(
    arenas: Callable[[engines.Engine], Arena],
    engine: engines.Engine,
    record_property: Callable[[str, object], None],
    seed: int,
) -> None:
    """The same on each edition of TimescaleDB, against the same tables."""
    _mix(arenas(engine), seed, record_property)


def _mix(arena: Arena, seed: int, record_property: Callable[[str, object], None]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        try:
            record_property(liars.PROPERTY, str(runner.run(liars.until_quiet(seed, arena))))
        except BaseException as error:
            error.add_note(
                f"repeat it: COLLECTOR_MIX_SEED={seed} pytest tests/acceptance/test_convergence.py -k mixes_converge"
            )
            raise


def _without(dump: tables.Dump, con_ids: set[int]) -> tables.Dump:
    return {
        title: {key: row for key, row in rows.items() if int(key.split()[0]) not in con_ids}
        for title, rows in dump.items()
    }


def _coverage(dump: tables.Dump, con_ids: set[int], what: str) -> Mapping[str, str]:
    rows = dump["request_coverage of contracts"]
    return {f"{con_id} {what}": rows[f"{con_id} {what}"] for con_id in con_ids}
