"""Dividends from the simulated gateway: told over a socket, recorded with their day, asked once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import asyncpg
import pytest

from collector.clock import Clock, SystemClock
from collector.config import GreeksSettings, Settings
from collector.domain.market_data.answers import Failure, NextDividend, Outcome
from collector.domain.market_data.instruments import Underlying
from collector.domain.run_vocabulary import RunStatus, Window
from collector.ib import streams
from collector.ib.connection.gateway import GatewaySettings
from collector.ib.ib_source import IBSource, connect
from collector.ib.pacing import PacingSettings
from collector.simulator import texts
from collector.simulator.market import Dividend, MarketSettings
from collector.simulator.request_log import Kind
from collector.simulator.scenarios.answers import RefusedStreams, SilentStreams
from collector.simulator.server import Gateway
from tests.support.window_runs import FRIDAY, narrow, run_window

EX, PAID = date(2026, 12, 18), Decimal("1.95")
EARLIER = Dividend("SPY", date(2026, 9, 18), Decimal("1.8"))
PAYING = MarketSettings(corporate_actions=(Dividend("SPY", EX, PAID), EARLIER))
SWIFT = {"stream_interval_s": 600.0}
TOLD = """
SELECT u.symbol, d.told_on, d.ex_date, d.amount
FROM announced_dividends AS d JOIN underlying_securities AS u ON u.id = d.underlying_id ORDER BY 1
"""


async def recorded(url: str) -> list[tuple[object, ...]]:
    """Return what is stored, by symbol."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(TOLD)]
    finally:
        await connection.close()


@pytest.fixture
async def source(gateway: Gateway, gateway_clock: Clock) -> AsyncIterator[IBSource]:
    """A source that waits for a fifth of a second."""
    settings = GatewaySettings(port=gateway.port, tick_deadline_s=0.2, farm_report_s=0.5)
    async with connect(settings, PacingSettings.off(), gateway_clock) as connected:
        yield connected


async def stock(source: IBSource, symbol: str = "SPY") -> Underlying:
    """Return an underlying as IB defines it."""
    found = await source.underlying(symbol)
    assert isinstance(found, Underlying)
    return found


@pytest.mark.gateway(**SWIFT, market=PAYING)
async def test_the_next_one_is_told(source: IBSource, gateway: Gateway) -> None:
    """Ex-date and amount of the next dividend come by one stream, which is cancelled at once."""
    told = await source.next_dividend(await stock(source))
    assert isinstance(told, NextDividend)
    assert (told.ex, told.amount) == (EX, PAID)
    assert told.told_at.date() == FRIDAY
    [entry] = gateway.log.of(Kind.MARKET_DATA)
    assert (entry.what_to_show, entry.duration) == ("456", "stream")
    assert gateway.log.violations == []


@pytest.mark.gateway(**SWIFT, market=PAYING)
async def test_a_share_that_pays_nothing(source: IBSource) -> None:
    """Four empty parts are an answer: none is known."""
    told = await source.next_dividend(await stock(source, "TSLA"))
    assert isinstance(told, NextDividend)
    assert (told.ex, told.amount) == (None, None)


@pytest.mark.gateway(**SWIFT, market=PAYING, scenarios=[SilentStreams(hits=1, share=1.0)])
async def test_where_smart_is_silent_its_exchange_is_asked(source: IBSource, gateway: Gateway) -> None:
    """A stream that brings no dividend is given up, and the exchange itself is asked."""
    told = await source.next_dividend(await stock(source))
    assert isinstance(told, NextDividend)
    assert told.amount == PAID
    assert len(gateway.log.of(Kind.MARKET_DATA)) == 2


@pytest.mark.gateway(**SWIFT, market=PAYING, scenarios=[SilentStreams(hits=100, share=1.0)])
async def test_silence_is_no_answer(source: IBSource, gateway: Gateway) -> None:
    """Nothing told by either is a time-out, and where no exchange is known it is asked once."""
    silent = await source.next_dividend(await stock(source))
    assert isinstance(silent, Failure)
    assert silent.outcome is Outcome.TIME_OUT
    await source.next_dividend(replace(await stock(source), primary_exchange=""))
    assert len(gateway.log.of(Kind.MARKET_DATA)) == 3


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0.83,0.92,20130219,0.23", (date(2013, 2, 19), Decimal("0.23"))),
        (",,20130219,0.23", (date(2013, 2, 19), Decimal("0.23"))),
        (",,,", (None, None)),
        ("0.83,,,", (None, None)),
        ("0.83,0.92,20130219,", (None, None)),
        ("0.83,0.92,20130219,0", (None, None)),
        ("0.83,0.92,20130219,-1", (None, None)),
        ("", None),
        ("0.83,0.92,20130219", None),
        ("0.83,0.92,2013-19,0.23", None),
        ("0.83,0.92,20130219,much", None),
    ],
)
def test_the_tick_is_read(text: str, found: object) -> None:
    """The documented example, empty parts, and what is no dividend tick at all."""
    assert streams._next_dividend(text) == found


def settings(**greeks: bool) -> Settings:
    """Return a configuration of two symbols."""
    return narrow("SPY", "TSLA", greeks=GreeksSettings(**greeks))  # type: ignore[arg-type]  # switches by name


@pytest.mark.gateway(**SWIFT, market=PAYING)
async def test_it_is_recorded_with_its_day_and_asked_once(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """One row a symbol with the New York day; the stream comes after the bars; a second run asks nothing."""
    finished = await run_window(plain_database_url, gateway, settings(), gateway_clock)
    assert finished.status is RunStatus.SUCCESS
    assert await recorded(plain_database_url) == [("SPY", FRIDAY, EX, PAID), ("TSLA", FRIDAY, None, None)]
    first = min(entry.received_at for entry in gateway.log.of(Kind.MARKET_DATA))
    assert all(entry.answered_at and entry.answered_at <= first for entry in gateway.log.historical)
    asked = len(gateway.log.of(Kind.MARKET_DATA))
    assert asked == 2
    await run_window(plain_database_url, gateway, settings(), gateway_clock)
    assert len(gateway.log.of(Kind.MARKET_DATA)) == asked


@pytest.mark.gateway(**SWIFT, market=PAYING)
@pytest.mark.parametrize("off", ["enabled", "ask_dividends"])
async def test_it_can_be_left_out(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock, off: str
) -> None:
    """Without Greeks, or told not to, nothing is asked."""
    await run_window(plain_database_url, gateway, settings(**{off: False}), gateway_clock)
    assert gateway.log.of(Kind.MARKET_DATA) == []
    assert await recorded(plain_database_url) == []


@pytest.mark.gateway(**SWIFT, market=PAYING)
async def test_intraday_windows_do_not_ask(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """A window that settles no session has no time for it."""
    await run_window(plain_database_url, gateway, settings(), gateway_clock, Window.MIDDAY)
    assert gateway.log.of(Kind.MARKET_DATA) == []


NO = RefusedStreams("no", 354, texts.NOT_SUBSCRIBED, hits=100, share=1.0)


@pytest.mark.gateway(**SWIFT, market=PAYING, scenarios=[NO])
async def test_a_refusal_changes_nothing(plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock) -> None:
    """Where live data are not allowed nothing is recorded, the other symbol is not asked, the run is a success."""
    finished = await run_window(plain_database_url, gateway, settings(), gateway_clock)
    assert finished.status is RunStatus.SUCCESS
    assert await recorded(plain_database_url) == []
    assert len(gateway.log.of(Kind.MARKET_DATA)) == 1


WEEKEND = MarketSettings(corporate_actions=(Dividend("SPY", date(2026, 12, 19), PAID),))


@pytest.mark.gateway(**SWIFT, market=WEEKEND)
async def test_an_ex_date_that_is_no_session_is_not_recorded(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """What cannot be true is logged and left out; the other symbol's is kept."""
    await run_window(plain_database_url, gateway, settings(), gateway_clock)
    assert await recorded(plain_database_url) == [("TSLA", FRIDAY, None, None)]
