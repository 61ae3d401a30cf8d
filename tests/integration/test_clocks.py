"""Clocks that are wrong, set or stopped: nothing irrevocable follows them, and a later run makes all good.

Three clocks: the market's, which is the truth; this machine's, whose wall clock is set and whose monotonic clock may
stand still in sleep; and that of the gateway's machine, which reqCurrentTime tells.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.clock.virtual_time import VirtualClock
from collector.domain.market_data.answers import Failure, HistoricalRequest, Outcome
from collector.domain.market_data.data_sets import UNDERLYING_BARS_5MIN
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.spans import Span
from collector.domain.run_vocabulary import RunStatus, Window
from collector.ib.connection.gateway import GatewaySettings
from collector.ib.ib_source import connect
from collector.runs import window_run
from collector.runs.finished import Finished
from collector.runs.orders import order_for
from collector.simulator.scenarios import named
from collector.simulator.server import Gateway
from tests.support.arena import Arena
from tests.support.truth import compare
from tests.support.window_runs import FRIDAY, QUICK, narrow, parts_for

NEW_YORK = ZoneInfo("America/New_York")
SYMBOLS = ("SPY", "PLTR")
SETTINGS = narrow(*SYMBOLS, horizon_days=0, strikes=2)
SLOT, HOUR, MINUTE = timedelta(minutes=5), timedelta(hours=1), timedelta(minutes=1)
STEPS = [sign * step for step in (4 * MINUTE, 30 * MINUTE, 2 * HOUR, 9 * HOUR) for sign in (-1, 1)]
SLEEPS = [4 * MINUTE, 30 * MINUTE, 2 * HOUR, 9 * HOUR]

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


def at(hour: int, minute: int, second: int = 30) -> datetime:
    """Return an instant of Friday in New York."""
    return datetime(2026, 11, 20, hour, minute, second, tzinfo=NEW_YORK)


class Off:
    """A clock that differs from the market's: its wall clock, and its monotonic one, by what a test says."""

    def __init__(self, market: VirtualClock, by: timedelta = timedelta(0)) -> None:
        self._market, self.by, self.behind_s = market, by, 0.0

    def now(self) -> datetime:
        """Return the market's time and the difference."""
        return self._market.now() + self.by

    def monotonic(self) -> float:
        """Return the seconds that this machine has counted."""
        return self._market.monotonic() + self.behind_s

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time."""
        await self._market.sleep(seconds)

    def hold(self) -> AbstractContextManager[None]:
        """Keep time still."""
        return self._market.hold()


@dataclass
class World:
    """A market, a gateway in front of it, this machine, and a database. runs: how those so far ended."""

    arena: Arena
    market: VirtualClock
    gateway: Gateway
    told: Off
    own: Off
    runs: list[Finished] = field(default_factory=list)

    def sleeps(self, length: timedelta, *, counted: bool) -> None:
        """Let this machine sleep: the market goes on, its wall clock too, its monotonic one if it is `counted`."""
        self.market.set(self.market.now() + length)
        self.own.behind_s += length.total_seconds() if counted else 0.0

    async def run(
        self, connected: Callable[[], None] = lambda: None, under_way: Callable[[], None] = lambda: None
    ) -> Finished:
        """Run eod as its timer would, with something happening once it is connected and once it is under way."""
        async with parts_for(self.arena.url, self.gateway, SETTINGS, self.own) as parts:
            order = order_for(Window.EOD, SETTINGS, parts.calendar, self.market.now(), day=FRIDAY)
            connected()
            asked = len(self.gateway.log.historical)
            disturbing = asyncio.create_task(self._disturb(asked + 8, under_way))
            finished = await window_run.run(order, parts)
            disturbing.cancel()
        self.runs.append(finished)
        return finished

    async def _disturb(self, asked: int, act: Callable[[], None]) -> None:
        while len(self.gateway.log.historical) < asked:
            await self.market.sleep(0.05)
        act()

    async def check(self) -> None:
        """Assert that nothing was raised, and that the tables hold nothing of what has not happened."""
        errors = [run.error for run in self.runs if run.error is not None]
        assert errors == []
        now = self.market.now()
        async with self.arena.directly(self.market) as connection:
            for table in ("option_bars_5min", "underlying_bars_5min"):
                last = await connection.fetchval(f"SELECT max(time) FROM {table}")  # noqa: S608 - two names
                assert last is None or last + SLOT <= now, f"{table} holds {last} at {now}"
            rows = await connection.fetch(
                "SELECT contract_id, underlying_id, what_to_show, upper(covered * day) AS covered,"
                " upper(settled * day) AS settled FROM request_coverage,"
                " LATERAL (SELECT tstzmultirange(tstzrange($1, $2)) AS day) AS d",
                at(9, 30, 0),
                at(16, 15, 0),
            )
        for row in rows:
            assert row["covered"] is None or row["covered"] <= now, row
            assert row["settled"] is None or now > at(16, 15, 0), row

    async def make_good(self) -> None:
        """Set all clocks right, run eod once the session has settled, confirm it, and compare with the truth."""
        self.own.by = self.told.by = timedelta(0)
        self.market.set(max(self.market.now(), at(16, 46)))
        for _ in range(2):
            finished = await self.run()
            assert finished.status is RunStatus.SUCCESS, finished
            await self.market.sleep(31 * 60)
        with self.market.hold():
            compared = await compare(self.arena.url, self.gateway.market, [FRIDAY], SYMBOLS)
        assert compared["contracts"] >= 8
        async with self.arena.directly(self.market) as connection:
            left = await connection.fetchval(
                "SELECT count(*) FROM request_coverage WHERE NOT settled @> tstzrange($1, $2)",
                at(9, 30, 0),
                at(16, 0, 0),
            )
        assert left == 0


@asynccontextmanager
async def world(arena: Arena, start: datetime, told_by: timedelta = timedelta(0)) -> AsyncIterator[World]:
    """Make a world in which it is `start`."""
    market = VirtualClock(start)
    await arena.empty(market)
    told, own = Off(market, told_by), Off(market)
    slow = named("latency", median_s=0.5)
    async with Gateway(arena.market(7, market), market, [slow], told_clock=told) as gateway:
        yield World(arena, market, gateway, told, own)


@pytest.fixture
def run(virtual_run: Run) -> Run:
    """A runner in virtual time."""
    return virtual_run


@pytest.mark.parametrize("step", STEPS, ids=str)
@pytest.mark.parametrize("moment", ["connected", "under_way"])
def test_a_step_of_this_machines_clock(arena: Arena, run: Run, moment: str, step: timedelta) -> None:
    """Back at noon or forward in the last slot, between connecting and the run or in its middle, it decides nothing."""

    async def main() -> None:
        async with world(arena, at(15, 57) if step > timedelta(0) else at(12, 2)) as it:

            def set_clock() -> None:
                it.own.by += step

            await it.run(**{moment: set_clock})
            await it.check()
            await it.make_good()

    run(main)


@pytest.mark.parametrize("counted", [False, True], ids=["monotonic stands still", "monotonic goes on"])
@pytest.mark.parametrize("length", SLEEPS, ids=str)
def test_a_sleep_of_this_machine(arena: Arena, run: Run, length: timedelta, counted: bool) -> None:
    """Whether or not the monotonic clock counts it, the first bars are not lost and no slot is covered unasked."""

    async def main() -> None:
        async with world(arena, at(10, 2)) as it:
            await it.run(under_way=lambda: it.sleeps(length, counted=counted))
            await it.check()
            await it.make_good()

    run(main)


@pytest.mark.parametrize("start", [at(12, 2), at(15, 57), at(19, 0)], ids=["noon", "last slot", "evening"])
@pytest.mark.parametrize("wrong", [sign * hours * HOUR for hours in (2, 9) for sign in (-1, 1)], ids=str)
def test_a_gateway_whose_machine_has_another_time(arena: Arena, run: Run, wrong: timedelta, start: datetime) -> None:
    """What the gateway tells as the time decides nothing alone: bars that were sent do."""

    async def main() -> None:
        async with world(arena, start, told_by=wrong) as it:
            finished = await it.run()
            # Where the session is over by both clocks, and its contracts have expired by none, all can be had.
            is_harmless = start == at(19, 0) and abs(wrong) == 2 * HOUR
            assert (finished.status is RunStatus.SUCCESS) is is_harmless
            await it.check()
            await it.make_good()

    run(main)


@pytest.mark.parametrize("wrong", [sign * hours * HOUR for hours in (2, 9) for sign in (-1, 1)], ids=str)
def test_bars_prove_what_no_clock_tells(
    arena: Arena, run: Run, wrong: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that also names the spans of its answers by its own clock is no second witness: the bars are."""
    monkeypatch.setattr("collector.ib.connection.source_time.told_skew", lambda *_: None)

    async def main() -> None:
        async with world(arena, at(12, 2), told_by=wrong) as it:
            await it.run()
            await it.check()
            await it.make_good()

    run(main)


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_step_of_the_gateways_clock(arena: Arena, run: Run, step: timedelta) -> None:
    """In the middle of a run, back in the evening or forward at noon; this machine's clocks say nothing of it."""

    async def main() -> None:
        async with world(arena, at(12, 2) if step > timedelta(0) else at(17, 0)) as it:

            def set_clock() -> None:
                it.told.by += step

            await it.run(under_way=set_clock)
            await it.check()
            await it.make_good()

    run(main)


def test_a_deadline_is_not_passed_by_a_step(arena: Arena, run: Run) -> None:
    """Set forward beyond the deadline in mid-run, the wall clock defers nothing; the time itself does."""

    async def main() -> None:
        async with world(arena, at(16, 46)) as it, parts_for(arena.url, it.gateway, SETTINGS, it.own) as parts:
            order = order_for(Window.EOD, SETTINGS, parts.calendar, it.market.now(), day=FRIDAY)
            it.own.by = 9 * HOUR
            finished = await window_run.run(replace(order, deadline=at(22, 0)), parts)
            assert (finished.tally.deferred, finished.tally.failed) == (0, 0)
            assert finished.tally.answered > 0
            it.own.by = timedelta(0)
            late = await window_run.run(replace(order, deadline=at(16, 0), force=True), parts)
            assert late.tally.deferred > 0
            assert late.tally.answered == 0

    run(main)


def test_what_cannot_be_asked_for_is_a_failure_by_name(arena: Arena, run: Run) -> None:
    """A span that has not begun by the source's clock, after that was set back, or one that is too long, is refused."""

    async def main() -> None:
        async with world(arena, at(12, 2)) as it:
            where = GatewaySettings(host=it.gateway.host, port=it.gateway.port)
            async with connect(where, QUICK, it.own) as source:
                spy = await source.underlying("SPY")
                assert isinstance(spy, Underlying)
                for span in (Span(at(12, 5, 0), at(12, 10, 0)), Span(at(9, 30, 0) - 8 * 24 * HOUR, at(12, 0, 0))):
                    outcome = await source.historical(
                        HistoricalRequest(spy, UNDERLYING_BARS_5MIN, WhatToShow.TRADES, span)
                    )
                    assert isinstance(outcome, Failure)
                    assert (outcome.outcome, outcome.code) == (Outcome.REJECTED, None)
                assert it.gateway.log.historical == []

    run(main)


def test_ibs_time_follows_the_gateway_within_three_minutes(arena: Arena, run: Run) -> None:
    """A step of its clock is noticed by the next measuring, in a run as in a pause; a step of ours changes nothing."""

    async def main() -> None:
        async with world(arena, at(12, 2)) as it:
            where = GatewaySettings(host=it.gateway.host, port=it.gateway.port, silence_s=3600.0)
            async with connect(where, QUICK, it.own) as source:
                it.own.by = -9 * HOUR
                assert abs(source.now() - it.market.now()) <= timedelta(seconds=2)
                it.told.by = -2 * HOUR
                await it.market.sleep(185)
                assert abs(source.now() - it.told.now()) <= timedelta(seconds=2)
                it.told.by = timedelta(0)
                await source.measure()
                assert abs(source.now() - it.market.now()) <= timedelta(seconds=2)

    run(main)
