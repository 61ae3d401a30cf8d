"""Silent holes: "no data" where there is data, without a word; nothing of it becomes final."""

from collections.abc import Callable, Coroutine
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest

from collector.clock.virtual_time import VirtualClock
from collector.config import Settings
from collector.domain.run_vocabulary import RunStatus, Window
from collector.runs.finished import Finished
from collector.simulator.market import Market
from collector.simulator.scenarios import named
from collector.simulator.scenarios.untruths import SilentHole
from collector.simulator.server import Gateway
from tests.support.dark_contracts import SilentUnderlying
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.settled_truth import Settled, check
from tests.support.window_runs import FRIDAY, narrow, run_window

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
LATER = timedelta(minutes=31)


async def state(url: str, clock: VirtualClock, market: Market, settings: Settings) -> Settled:
    """Return how the session stands against the truth."""
    with clock.hold():
        connection = await asyncpg.connect(url)
        try:
            return await check(connection, market, FRIDAY, settings.symbol_names)
        finally:
            await connection.close()


async def collected(url: str, clock: VirtualClock, settings: Settings, *holes: SilentHole) -> tuple[Finished, Settled]:
    """Run eod through holes; return how it ended, and how the session stands."""
    async with Gateway(Market(7, clock), clock, holes) as gateway:
        finished = await run_window(url, gateway, settings, clock)
        return finished, await state(url, clock, gateway.market, settings)


async def repaired(url: str, clock: VirtualClock, settings: Settings) -> Settled:
    """Run what comes next, with the source well again: twice, half an hour apart."""
    async with Gateway(Market(7, clock), clock) as gateway:
        for _ in range(2):
            await clock.sleep(LATER.total_seconds())
            finished = await run_window(url, gateway, settings, clock)
            assert finished.status is RunStatus.SUCCESS, finished
        assert finished.weighed.awaiting == 0
        return await state(url, clock, gateway.market, settings)


@pytest.mark.parametrize("for_s", [7, 20, 20 * 60])
@pytest.mark.parametrize("symbols", [("PLTR",), ("SPY", "PLTR", "TSLA")], ids=["one symbol", "three"])
def test_nothing_of_a_hole_over_the_whole_of_an_eod_is_settled(
    plain_database_url: str, virtual_run: Run, symbols: tuple[str, ...], for_s: int
) -> None:
    """Every option answer of a first run is empty: it is partial, settles nothing, and the next window repairs all."""
    settings = narrow(*symbols)

    async def main() -> None:
        clock = VirtualClock(AFTER_THE_CLOSE)
        hole = SilentHole(after_s=0.0, for_s=float(for_s))
        finished, found = await collected(plain_database_url, clock, settings, hole)
        assert finished.status is RunStatus.PARTIAL
        assert {one.symbol for one in finished.weighed.implausible} == set(symbols)
        assert found.settled == found.own > 0
        after = await repaired(plain_database_url, clock, settings)
        assert (after.wrong, after.wrong_single, after.unsettled) == ([], [], {})

    virtual_run(main)


@pytest.mark.parametrize("for_s", [1, 7, 40, 20 * 60])
@pytest.mark.parametrize("scope", ["source", "symbol", "contract", "series"])
def test_a_hole_inside_a_run_settles_nothing_wrongly(
    plain_database_url: str, virtual_run: Run, scope: str, for_s: int
) -> None:
    """A hole that begins in mid-run: what settles is true, but for single-witness slots that no control contradicts."""
    settings = narrow("SPY", "PLTR")

    async def main() -> None:
        clock = VirtualClock(AFTER_THE_CLOSE)
        hole = named("silent-hole", scope=scope, at_request=60, for_s=float(for_s), seed=3)
        pace = named("latency", median_s=0.8, seed=3)
        async with Gateway(Market(7, clock), clock, [hole, pace]) as gateway:
            finished = await run_window(plain_database_url, gateway, settings, clock)
            found = await state(plain_database_url, clock, gateway.market, settings)
        assert isinstance(hole, SilentHole)
        assert hole.struck, finished
        assert found.wrong == []
        suspects = {f"{hit.con_id} {hit.what_to_show}" for hit in hole.misleading()}
        assert {" ".join(line.split()[:2]) for line in found.wrong_single} <= suspects
        after = await repaired(plain_database_url, clock, settings)
        assert (after.wrong, after.unsettled) == ([], {})

    virtual_run(main)


def test_late_night_confirms_what_nobody_else_did(plain_database_url: str, virtual_run: Run) -> None:
    """What awaits its second witness after eod is settled by late_night, half an hour later at the earliest."""
    settings = narrow("PLTR")

    async def main() -> None:
        clock = VirtualClock(AFTER_THE_CLOSE)
        hole = SilentHole("contract", at_request=12, for_s=20.0, seed=1)
        finished, found = await collected(plain_database_url, clock, settings, hole)
        assert found.wrong == []
        await clock.sleep(LATER.total_seconds())
        async with Gateway(Market(7, clock), clock) as gateway:
            night = await run_window(plain_database_url, gateway, settings, clock, Window.LATE_NIGHT)
            assert night.status is RunStatus.SUCCESS, (finished, night)
            after = await state(plain_database_url, clock, gateway.market, settings)
        assert (after.wrong, after.unsettled) == ([], {})

    virtual_run(main)


def test_a_silent_underlying_is_no_success(plain_database_url: str, virtual_run: Run) -> None:
    """No bar of the underlying says that Friday has happened, on Saturday neither: partial, and at risk, both times.

    By Saturday all contracts have expired; what is asked of them first is another matter than of the living.
    """
    settings, thursday = narrow("PLTR"), date(2026, 11, 19)

    async def main() -> None:
        clock = VirtualClock(AFTER_THE_CLOSE - timedelta(days=1))
        async with Gateway(Market(7, clock), clock) as gateway:
            before = await run_window(plain_database_url, gateway, settings, clock, day=thursday)
            assert before.status is RunStatus.SUCCESS
        await clock.sleep((AFTER_THE_CLOSE - clock.now()).total_seconds())
        hole = SilentUnderlying(after_s=0.0, for_s=48 * 3600.0)
        async with Gateway(Market(7, clock), clock, [hole]) as gateway:
            for which in (Window.EOD, Window.MANUAL):
                finished = await run_window(plain_database_url, gateway, settings, clock, which)
                assert finished.status is RunStatus.PARTIAL
                assert "no bar of an underlying later than" in finished.not_prepared[0].failure.message
                assert finished.expiring.at_risk == 10
                await clock.sleep(16 * 3600)
        after = await state(plain_database_url, clock, gateway.market, settings)
        assert after.settled == 0

    virtual_run(main)
