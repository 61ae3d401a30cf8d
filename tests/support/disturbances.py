"""Windows disturbed at seeded moments and started again until they have ended, and what must hold afterwards."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager

from collector.clock import Clock
from collector.domain.run_vocabulary import RunStatus, Window
from collector.ib.pacing import PacingSettings
from collector.runs.finished import Finished
from collector.simulator.request_log import RequestLog
from tests.support import tables
from tests.support.arena import Arena, CuttingProxy, Disturbed, Reference, Traffic, Variant
from tests.support.window_runs import QUICK

OPEN_CEILING, RATE_CEILING = 45, 40
"""What is configured, below IB's 50 and 50."""

_LAST_ATTEMPT = 25
SECOND_WITNESS_S = 31 * 60.0
"""After so long an answer is independent of the one before."""


VARIANTS = (
    Variant(("PLTR",), 4, 5),
    Variant(("TSLA",), 8, 3),
    Variant(("PLTR", "TSLA"), 4, 4),
    Variant(("SPY",), 3, 4),
)
PACES = (QUICK, QUICK, PacingSettings(pause_s=5.0, adaptive=False))


async def persist(
    disturbed: Disturbed,
    armed: Callable[[], AbstractAsyncContextManager[None]] = contextlib.nullcontext,
    pause: Callable[[], float] = lambda: 60.0,
    window: Window = Window.EOD,
) -> None:
    """Run a window again and again until it succeeds and nothing waits for a second witness.

    Args:
        disturbed: what runs it.
        armed: entered around each attempt; arms the faults that befall it.
        pause: seconds until the next attempt.
        window: which one.
    """
    for number in itertools.count(1):
        assert number <= _LAST_ATTEMPT, f"no end: {disturbed.course}"
        async with armed():
            ended = await disturbed.attempt(window)
        if isinstance(ended, Finished) and ended.status is RunStatus.SUCCESS:
            if not ended.weighed.awaiting:
                return
            await disturbed.clock.sleep(SECOND_WITNESS_S)
        else:
            await disturbed.clock.sleep(pause())


def check_ceilings(log: RequestLog) -> None:
    """Assert that no ceiling was exceeded, not even the configured ones, and that nothing is left open at IB."""
    assert log.violations == []
    assert log.max_open <= OPEN_CEILING
    assert log.max_rate <= RATE_CEILING
    assert log.open_now == 0


def check_whole(found: tables.Dump, reference: tables.Dump) -> int:
    """Assert that nothing is half-written: an option's answers are all there with their coverage, or not at all.

    Greeks, which come later, are left aside. A series without any bar settles when it is weighed, which is later, too;
    until then nobody knows that nobody traded.

    Returns:
        How many contracts are there.
    """
    found, reference = tables.without_greeks(found), tables.without_greeks(reference)
    coverage = _by_contract(found, "request_coverage of contracts")
    bars = _by_contract(found, "option_bars_5min")
    true_coverage = _by_contract(reference, "request_coverage of contracts")
    true_bars = _by_contract(reference, "option_bars_5min")
    assert set(bars) == set(coverage)
    for con_id, rows in coverage.items():
        unweighed = {what for what, row in rows.items() if row.endswith(",{})") and row != true_coverage[con_id][what]}
        assert all(_is_empty(true_bars[con_id], what) for what in unweighed)
        assert {what: row for what, row in rows.items() if what not in unweighed} == {
            what: row for what, row in true_coverage[con_id].items() if what not in unweighed
        }
        untold = "TRADES" in unweighed
        expected = {slot: _untold(row) if untold else row for slot, row in true_bars[con_id].items()}
        assert bars[con_id] == expected
    return len(coverage)


def _is_empty(rows: Mapping[str, str], what: str) -> bool:
    close = tables.BAR_COLUMNS.index({"TRADES": "close", "BID": "bid_close", "ASK": "ask_close"}[what])
    return not any(row.strip("()").split(",")[close] for row in rows.values())


def _untold(row: str) -> str:
    """Return a row with quotes only, as it is before anybody knows that nobody traded."""
    values = row.split(",")
    values[tables.BAR_COLUMNS.index("volume")] = ""
    return ",".join(values)


def _by_contract(dump: tables.Dump, title: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for key, row in dump[title].items():
        con_id, _, rest = key.partition(" ")
        found.setdefault(con_id, {})[rest] = row
    return found


async def check_tables(arena: Arena, clock: Clock, reference: Reference) -> None:
    """Assert that the tables are those of an undisturbed run, and that no run is left as running."""
    async with arena.directly(clock) as connection:
        tables.tables_equal(await tables.dump(connection), reference.tables)
        left = await connection.fetch("SELECT id FROM intraday_collection_runs WHERE status = 'running'")
    assert not left, f"runs left as running: {left}"


class Faults:
    """The faults of one mix besides the gateway's own: kills, and cut or refused connections.

    Most moments are drawn as bytes that have passed, because time stands still while the database works.
    """

    def __init__(self, disturbed: Disturbed, dice: random.Random, traffic: Traffic) -> None:
        self._disturbed, self._dice, self._traffic = disturbed, dice, traffic
        self._kills = dice.choice((0, 1, 1, 2, 3))
        self._cuts = dice.choice((0, 0, 1, 2))
        self._timed = dice.choice((0, 0, 1, 2))

    @contextlib.asynccontextmanager
    async def armed(self) -> AsyncIterator[None]:
        """Arm what befalls the next attempt."""
        disturbed, dice = self._disturbed, self._dice
        timers: list[asyncio.Task[None]] = []
        proxies = [disturbed.database_proxy, disturbed.database_proxy, disturbed.gateway_proxy]
        for proxy in proxies:
            proxy.drop_after()
            proxy.on_drop = None
        if self._kills:
            self._kills -= 1
            if dice.random() < 0.8:
                proxy = dice.choice(proxies)
                proxy.on_drop = disturbed.kill
                self._aim(proxy)
            else:
                timers.append(asyncio.ensure_future(self._kill_at(_moment(dice))))
        elif self._cuts:
            self._cuts -= 1
            self._aim(dice.choice(proxies))
        if self._timed:
            self._timed -= 1
            timers.append(asyncio.ensure_future(self._refuse(dice.choice(proxies), _moment(dice), _moment(dice))))
        try:
            yield
        finally:
            for timer in timers:
                timer.cancel()
            await asyncio.gather(*timers, return_exceptions=True)

    def _aim(self, proxy: CuttingProxy) -> None:
        """Drop a proxy's connections at a byte that lies within what an undisturbed run sends, or a little later."""
        traffic, share = self._traffic, self._dice.uniform(0.0, 1.05)
        is_database = proxy is self._disturbed.database_proxy
        if self._dice.random() < 0.7:
            proxy.drop_after(up=max(1, int(share * (traffic.database_up if is_database else traffic.gateway_up))))
        else:
            proxy.drop_after(down=max(1, int(share * (traffic.database_down if is_database else traffic.gateway_down))))

    async def _kill_at(self, seconds: float) -> None:
        await self._disturbed.clock.sleep(seconds)
        self._disturbed.kill()

    async def _refuse(self, proxy: CuttingProxy, after_s: float, for_s: float) -> None:
        await self._disturbed.clock.sleep(after_s)
        proxy.on_drop = None
        proxy.sever()
        try:
            await self._disturbed.clock.sleep(for_s)
        finally:
            await proxy.accept()


def _moment(dice: random.Random) -> float:
    """Return seconds, more often few than many."""
    return float(10 ** dice.uniform(-1.5, 1.5))
