"""Open interest after the bars: the market's figures, nothing asked twice, bars never disturbed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.config import GreeksSettings, OpenInterestSettings, Settings
from collector.domain.run_vocabulary import RunStatus, Window
from collector.jobs import open_interest_pass as open_interest
from collector.runs import window_run
from collector.runs.finished import Finished
from collector.runs.orders import order_for
from collector.simulator import texts
from collector.simulator.request_log import Kind
from collector.simulator.scenarios.answers import RefusedStreams, SilentStreams
from collector.simulator.server import Gateway
from tests.support.window_runs import FRIDAY, narrow, parts_for

SWIFT = {"open_interest_delay_s": 0.02, "stream_interval_s": 600.0}
ON = OpenInterestSettings(enabled=True, lines=8)
MORNING = datetime(2026, 11, 20, 15, 5, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 21, 5, 10, tzinfo=UTC)


def settings(open_interest: OpenInterestSettings = ON) -> Settings:
    """Return a configuration of two symbols, with the pass on unless told otherwise; no other stream is asked for."""
    return narrow("SPY", "PLTR", open_interest=open_interest, greeks=GreeksSettings(ask_dividends=False))


async def run(
    url: str, gateway: Gateway, clock: SystemClock, settings: Settings, window: Window = Window.EOD, **more: float
) -> Finished:
    """Run a window with as many lines as the configuration says."""
    lines, wait = settings.open_interest.lines, more.get("tick_deadline_s", 5.0)
    async with parts_for(url, gateway, settings, clock, market_data_lines=lines, tick_deadline_s=wait) as parts:
        return await window_run.run(order_for(window, settings, parts.calendar, clock.now()), parts)


async def fetch(url: str, statement: str, *args: object) -> list[asyncpg.Record]:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement, *args))
    finally:
        await connection.close()


TOLD = """
SELECT c.ib_con_id, o.open_interest FROM option_open_interest o JOIN option_chains c ON c.id = o.contract_id
WHERE o.day = $1
"""
IN_BARS = """
SELECT c.ib_con_id, array_agg(DISTINCT b.open_interest), count(*) FILTER (WHERE b.open_interest IS NULL)
FROM option_bars_5min b JOIN option_chains c ON c.id = b.contract_id GROUP BY 1
"""
OTHERS = """
SELECT md5(string_agg((to_jsonb(b) - 'open_interest')::text, '' ORDER BY contract_id, time)) FROM option_bars_5min b
"""


async def told(url: str, day: date = FRIDAY) -> dict[int, int]:
    """Return what is stored for a day, by IB's contract id."""
    return {row[0]: row[1] for row in await fetch(url, TOLD, day)}


@pytest.mark.gateway(**SWIFT)
async def test_it_is_the_truth_and_asked_once(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """Every selected contract's figure, in its table and in all its bars; a second run opens no stream at all."""
    finished = await run(plain_database_url, gateway, gateway_clock, settings())
    assert finished.status is RunStatus.SUCCESS
    stored = await told(plain_database_url)
    assert len(stored) == len(finished.tally.contracts_planned) > 10
    assert stored == {con_id: gateway.market.open_interest(con_id, FRIDAY) for con_id in stored}
    in_bars = await fetch(plain_database_url, IN_BARS)
    assert {row[0]: row[1] for row in in_bars} == {con_id: [stored[con_id]] for con_id in stored}
    assert 0 < gateway.log.max_lines <= 8
    assert gateway.log.violations == []
    first = min(entry.received_at for entry in gateway.log.of(Kind.MARKET_DATA))
    assert all(entry.answered_at and entry.answered_at <= first for entry in gateway.log.historical)

    before, asked = await fetch(plain_database_url, OTHERS), len(gateway.log.entries)
    again = await run(plain_database_url, gateway, gateway_clock, settings())
    assert again.status is RunStatus.SUCCESS
    assert len(gateway.log.entries) == asked
    assert await fetch(plain_database_url, OTHERS) == before


@pytest.mark.gateway(**SWIFT)
async def test_only_that_column_is_touched(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """Off by default, no stream is opened; switched on later that day, only open_interest changes in the bars."""
    await run(plain_database_url, gateway, gateway_clock, settings(OpenInterestSettings()))
    assert gateway.log.of(Kind.MARKET_DATA) == []
    assert await told(plain_database_url) == {}
    before, bars_asked = await fetch(plain_database_url, OTHERS), len(gateway.log.historical)
    await run(plain_database_url, gateway, gateway_clock, settings())
    assert len(await told(plain_database_url)) > 10
    assert await fetch(plain_database_url, OTHERS) == before
    assert len(gateway.log.historical) == bars_asked


@pytest.mark.gateway(**SWIFT)
async def test_bars_that_come_later_bear_it_too(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """Bars that are stored after the figure was told get it at the end of their run, without another question."""
    await run(plain_database_url, gateway, gateway_clock, settings())
    before = await fetch(plain_database_url, IN_BARS + "ORDER BY 1")
    await fetch(plain_database_url, "DELETE FROM store.option_bars_5min WHERE contract_id % 3 = 0")
    await fetch(plain_database_url, "DELETE FROM request_coverage WHERE contract_id % 3 = 0")
    assert len(await fetch(plain_database_url, IN_BARS)) < len(before)
    asked = len(gateway.log.of(Kind.MARKET_DATA))
    await run(plain_database_url, gateway, gateway_clock, settings())
    assert await fetch(plain_database_url, IN_BARS + "ORDER BY 1") == before
    assert len(gateway.log.of(Kind.MARKET_DATA)) == asked


@pytest.mark.gateway(**SWIFT, scenarios=[RefusedStreams("none", 354, texts.NOT_SUBSCRIBED, hits=10_000, share=1.0)])
async def test_without_permission_bars_are_all_there(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """A user who may not see market data gets his bars, a success, and only a few refused questions."""
    finished = await run(plain_database_url, gateway, gateway_clock, settings())
    assert finished.status is RunStatus.SUCCESS
    assert finished.tally.failed == 0
    assert await told(plain_database_url) == {}
    assert 5 <= len(gateway.log.of(Kind.MARKET_DATA)) <= 5 + ON.lines
    assert all(row[2] > 0 for row in await fetch(plain_database_url, IN_BARS))


@pytest.mark.gateway(**SWIFT, scenarios=[SilentStreams(hits=4, share=1.0)])
async def test_what_was_not_told_is_asked_again(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """Contracts of which nothing came are left to the next window, which asks for these alone."""
    await run(plain_database_url, gateway, gateway_clock, settings(), tick_deadline_s=0.2)
    first = len(gateway.log.of(Kind.MARKET_DATA))
    assert len(await told(plain_database_url)) == first - 4
    await run(plain_database_url, gateway, gateway_clock, settings())
    assert len(gateway.log.of(Kind.MARKET_DATA)) == first + 4
    assert len(await told(plain_database_url)) == first


@pytest.mark.gateway(**SWIFT)
async def test_it_stops_at_the_orders_deadline(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """What does not fit is left; figures that came are kept."""
    chosen = settings()
    await run(plain_database_url, gateway, gateway_clock, settings(OpenInterestSettings()))
    async with parts_for(plain_database_url, gateway, chosen, gateway_clock, market_data_lines=2) as parts:
        order = order_for(Window.EOD, chosen, parts.calendar, gateway_clock.now())
        finished = await window_run.run(order, parts)
        assert len(await told(plain_database_url)) > 10
        await fetch(plain_database_url, "TRUNCATE option_open_interest")
        late = Finished(
            finished.run_id,
            replace(finished.order, deadline=gateway_clock.now() + timedelta(seconds=0.4)),
            gateway_clock.now(),
            prepared=finished.prepared,
        )
        done = await open_interest.collect(late, parts)
    assert done.why == "the window's time is over"
    assert 0 < done.told == done.asked == len(await told(plain_database_url))
    assert done.left > 0


@pytest.mark.gateway(**SWIFT, at=MIDNIGHT)
async def test_another_day_has_other_figures(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """After midnight in New York nobody tells the session's figures any more, so none are asked."""
    await run(plain_database_url, gateway, gateway_clock, settings())
    assert gateway.log.historical
    assert gateway.log.of(Kind.MARKET_DATA) == []


@pytest.mark.gateway(**SWIFT, at=MORNING)
async def test_intraday_windows_have_no_time_for_it(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """The morning window fetches its bars and opens no stream."""
    await run(plain_database_url, gateway, gateway_clock, settings(), Window.MORNING)
    assert gateway.log.historical
    assert gateway.log.of(Kind.MARKET_DATA) == []
