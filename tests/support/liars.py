"""Windows under a source that lies, and what must hold of the tables afterwards."""

import asyncio
import random
from dataclasses import dataclass

from collector.clock.virtual_time import VirtualClock
from collector.domain.run_vocabulary import RunStatus, Window
from collector.runs.finished import Finished
from collector.simulator.scenarios import lies, mix
from collector.simulator.scenarios.mixes import Lies
from tests.support import tables
from tests.support.arena import MARKET_SEEDS, Arena, Disturbed
from tests.support.disturbances import PACES, SECOND_WITNESS_S, VARIANTS, Faults, check_ceilings
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.settled_truth import Settled, check
from tests.support.window_runs import FRIDAY

PROPERTY = "lies"
_ATTEMPTS = 12
_LONGEST_S = 6.8 * 3600
"""Virtual seconds until midnight purges what expires today."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a mix left: slots by how they stand, and slots of one witness that are wrong, before the quiet night."""

    settled: int
    single: int
    wrong_single: int
    contradicted: int

    def __str__(self) -> str:
        return f"{self.settled} {self.single} {self.wrong_single} {self.contradicted}"


async def until_quiet(seed: int, arena: Arena) -> Outcome:
    """Disturb a window and lie to it as the seed says, check what is settled, then let a quiet night repair it.

    Raises:
        AssertionError: something settled is untrue, something unsettled is not said to be so, or stays.
    """
    dice = random.Random(f"liars {seed}")
    market_seed, variant, pacing = dice.choice(MARKET_SEEDS), dice.choice(VARIANTS), dice.choice(PACES)
    reference = await arena.reference(market_seed, variant)
    clock = VirtualClock(AFTER_THE_CLOSE)
    await arena.empty(clock)
    told = lies(seed, requests=40)
    told_and_done = [*told.scenarios, *mix(seed, requests=40)]
    async with Disturbed(arena, clock, market_seed, variant, told_and_done, pacing) as disturbed:
        armed = Faults(disturbed, dice, reference.traffic)
        try:
            async with asyncio.timeout(_LONGEST_S):
                await _attempts(disturbed, arena, clock, armed, told)
                found = await _state(disturbed, arena, clock)
                outcome = _outcome(found, told)
                await _quiet(disturbed, clock, told)
        except TimeoutError:
            raise AssertionError(f"not ended after {_LONGEST_S / 3600:.1f} h: {disturbed.course}") from None
        check_ceilings(disturbed.gateway.log)
        after = await _state(disturbed, arena, clock)
        assert not after.unsettled, f"never settled: {after.unsettled}; {disturbed.course}"
        if not _outcome(after, told).wrong_single and not after.refused:
            async with arena.directly(clock) as connection:
                tables.tables_equal(_of_friday(await tables.dump(connection)), _of_friday(reference.tables))
    return outcome


def _of_friday(found: tables.Dump) -> tables.Dump:
    """Return a dump without what late_night and a longer memory add: earlier sessions, expirations that passed."""
    bars = {key: row for key, row in found["underlying_bars_5min"].items() if f" {FRIDAY} " in key}
    return {**found, "underlying_bars_5min": bars, "request_coverage of underlyings": {}, "underlying_securities": {}}


async def _attempts(disturbed: Disturbed, arena: Arena, clock: VirtualClock, faults: Faults, told: Lies) -> None:
    """Run eod until it succeeds and nothing waits, or until it has been tried often enough; truth holds after each."""
    for _ in range(_ATTEMPTS):
        async with faults.armed():
            ended = await disturbed.attempt()
        found = await _state(disturbed, arena, clock)
        assert not found.wrong, f"settled, but untrue: {found.wrong[:5]}; {disturbed.course}"
        if isinstance(ended, Finished) and ended.status is RunStatus.SUCCESS and ended.error is None:
            if not ended.weighed.awaiting:
                return
            assert found.unsettled, "awaits confirmation, and everything is settled"
        elif isinstance(ended, Finished) and ended.status is RunStatus.PARTIAL:
            assert found.unsettled, f"partial, and everything is settled: {disturbed.course}"
        await clock.sleep(SECOND_WITNESS_S)


def _outcome(found: Settled, told: Lies) -> Outcome:
    """Assert that nothing settled is untrue but what one witness speaks for, uncontradicted; and count it."""
    assert not found.wrong, f"settled, but untrue: {found.wrong[:5]}"
    misled = {(hit.con_id, hit.what_to_show) for hit in told.misleading}
    contradicted = [line for line in found.wrong_single if _series(line) not in misled]
    assert not contradicted, f"untrue by one witness that a control contradicts: {contradicted[:5]}"
    return Outcome(found.settled, found.single, len(found.wrong_single), len(contradicted))


def _series(line: str) -> tuple[int, str]:
    con_id, series = line.split()[:2]
    return int(con_id), series


async def _quiet(disturbed: Disturbed, clock: VirtualClock, told: Lies) -> None:
    """Let every hole end, then run late_night twice, far enough apart for second witnesses."""
    ends = [hole.until for hole in told.holes if hole.until is not None]
    last = max(ends, default=clock.now())
    await clock.sleep(max((last - clock.now()).total_seconds(), 0.0))
    for _ in range(4):
        await clock.sleep(SECOND_WITNESS_S)
        ended = await disturbed.attempt(Window.LATE_NIGHT)
        if isinstance(ended, Finished) and ended.status is RunStatus.SUCCESS and not ended.weighed.awaiting:
            return
    raise AssertionError(f"a quiet night does not end well: {disturbed.course}")


async def _state(disturbed: Disturbed, arena: Arena, clock: VirtualClock) -> Settled:
    async with arena.directly(clock) as connection:
        return await check(connection, disturbed.gateway.market, FRIDAY, disturbed.variant.symbols)
