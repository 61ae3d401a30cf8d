"""Requests that are too long for IB to answer are asked in halves, each on record with one outcome."""

from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import UTC, date, datetime, timedelta
from typing import Any

from collector.clock.virtual_time import VirtualClock
from collector.config import GreeksSettings
from collector.domain.run_vocabulary import RunStatus
from collector.runs import window_run
from collector.runs.finished import Finished
from collector.runs.orders import backfill_order
from collector.simulator.scenarios import Scenario, named
from collector.simulator.server import Gateway
from tests.support.arena import Arena
from tests.support.truth import compare
from tests.support.window_runs import narrow, parts_for

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

SETTINGS = narrow("PLTR", horizon_days=0, strikes=1, greeks=GreeksSettings(enabled=False))
AFTER_THE_CLOSE = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
DAYS = [date(2026, 11, day) for day in (17, 18, 19, 20)]


async def backfilled(arena: Arena, clock: VirtualClock, gateway: Gateway) -> Finished:
    """Run a backfill of four sessions."""
    async with parts_for(arena.url, gateway, SETTINGS, clock) as parts:
        return await window_run.run(backfill_order(SETTINGS, parts.calendar, clock.now(), 3), parts)


def gateway_of(arena: Arena, clock: VirtualClock, scenario: Scenario) -> Gateway:
    """Return a gateway of the arena's market."""
    return Gateway(arena.market(7, clock), clock, [scenario])


def test_what_times_out_whole_comes_in_halves(arena: Arena, virtual_run: Run) -> None:
    """IB answers no request of several days: the backfill of four sessions has every bar, and nothing is given up."""

    async def main() -> None:
        clock = VirtualClock(AFTER_THE_CLOSE)
        await arena.empty(clock)
        async with gateway_of(arena, clock, named("long-requests")) as gateway:
            finished = await backfilled(arena, clock, gateway)
            assert finished.status is RunStatus.SUCCESS, finished
            assert finished.given_up == []
            assert finished.tally.planned == finished.tally.answered
            async with arena.directly(clock) as connection:
                rows = await connection.fetch("SELECT outcome, upper(span) - lower(span) AS length FROM requests")
                assert await connection.fetchval("SELECT count(*) FROM dead_letters") == 0
            with clock.hold():
                assert (await compare(arena.url, gateway.market, DAYS, ["PLTR"]))["contracts"] > 0
        assert len(rows) == finished.tally.attempts
        assert {row["outcome"] for row in rows if row["length"] > timedelta(days=1)} == {"time_out"}
        assert {row["outcome"] for row in rows if row["length"] < timedelta(days=1)} == {"bars"}

    virtual_run(main)


def test_what_is_never_answered_is_given_up_session_by_session(arena: Arena, virtual_run: Run) -> None:
    """Bids never come: twice whole, twice each half, four times each session and no more; a letter for each session."""

    async def main() -> None:
        clock = VirtualClock(AFTER_THE_CLOSE)
        await arena.empty(clock)
        silence = named("dropped-answers", hits=9999, share=1.0, series=("BID",))
        async with gateway_of(arena, clock, silence) as gateway:
            finished = await backfilled(arena, clock, gateway)
        assert finished.status is RunStatus.PARTIAL
        contracts = [contract.id for contract in finished.prepared[0].contracts]
        async with arena.directly(clock) as connection:
            asked = await connection.fetch(
                "SELECT instrument_id, lower(span)::date AS first, upper(span)::date AS last FROM requests"
                " WHERE what_to_show = 'BID' AND outcome = 'time_out'"
            )
            letters = await connection.fetch(
                "SELECT contract_id, lower(span)::date AS first, upper(span)::date AS last, attempts FROM dead_letters"
            )
        for contract in contracts:
            times = Counter((row["first"], row["last"]) for row in asked if row["instrument_id"] == contract)
            spans = {(DAYS[0], DAYS[3]): 2, (DAYS[0], DAYS[1]): 2, (DAYS[2], DAYS[3]): 2}
            assert times == spans | {(day, day): 4 for day in DAYS}
        assert {tuple(row) for row in letters} == {(contract, day, day, 4) for contract in contracts for day in DAYS}

    virtual_run(main)
