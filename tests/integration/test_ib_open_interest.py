"""Open interest from the simulated gateway, over a socket: the right figure, few lines, and an end to every wait."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta

import pytest

from collector.clock import Clock
from collector.domain.market_data.answers import Failure, OpenInterest, Outcome
from collector.domain.market_data.instruments import OptionContract, Right
from collector.ib.connection.gateway import GatewaySettings
from collector.ib.ib_source import IBSource, connect
from collector.ib.pacing import PacingSettings
from collector.simulator import texts
from collector.simulator.request_log import Kind
from collector.simulator.scenarios.answers import NoticedStreams, RefusedStreams, SilentStreams
from collector.simulator.server import Gateway
from tests.support.waiting import until

FRIDAY = date(2026, 11, 20)
SWIFT = {"open_interest_delay_s": 0.05, "stream_interval_s": 60.0}


def settings(gateway: Gateway, **changed: float) -> GatewaySettings:
    """Return settings for the gateway: few lines, short waits."""
    quick = {"market_data_lines": 5, "tick_deadline_s": 5.0, "farm_report_s": 0.5, **changed}
    return GatewaySettings(port=gateway.port, **quick)  # type: ignore[arg-type]  # numbers by name


@pytest.fixture
async def source(gateway: Gateway, gateway_clock: Clock) -> AsyncIterator[IBSource]:
    """A source with five lines, without a message ceiling."""
    async with connect(settings(gateway), PacingSettings.off(), gateway_clock) as connected:
        yield connected


def listed(gateway: Gateway, symbol: str, count: int) -> Sequence[OptionContract]:
    """Return contracts of both rights that expire a week later, from the market itself."""
    options = gateway.market.options(symbol, FRIDAY + timedelta(days=7))
    return [OptionContract(symbol, o.con_id, o.expiration, o.strike, Right(o.right)) for o in options[:count]]


def failed(told: OpenInterest | Failure) -> Failure:
    """Return what must be a failure."""
    assert isinstance(told, Failure)
    return told


async def open_line(gateway: Gateway) -> None:
    """Wait until a stream runs."""
    await until(gateway.lines, "an open stream")


async def still(gateway: Gateway) -> None:
    """Wait until the gateway has read every cancel."""
    await until(
        lambda: not gateway.lines() and not any(connection.open for connection in gateway.connections),
        "no open stream",
    )


@pytest.mark.gateway(**SWIFT)
async def test_it_is_the_markets_and_lines_are_few(source: IBSource, gateway: Gateway) -> None:
    """Each contract gets its own right's figure; the lines were used, never exceeded, and all are free again."""
    contracts = [*listed(gateway, "SPY", 12), *listed(gateway, "TSLA", 12)]
    found = await asyncio.gather(*(source.open_interest(contract) for contract in contracts))
    told = [one.contracts for one in found if isinstance(one, OpenInterest)]
    truth = [gateway.market.open_interest(contract.source_id, FRIDAY) for contract in contracts]
    assert told == truth
    assert {contract.right for contract in contracts} == {Right.CALL, Right.PUT}
    assert max(truth) > 0
    assert gateway.log.max_lines == 5
    assert gateway.log.violations == []
    await still(gateway)
    asked = gateway.log.of(Kind.MARKET_DATA)
    assert [(entry.what_to_show, entry.duration) for entry in asked] == [("101", "stream")] * 24
    assert all(entry.cancelled_at is not None for entry in asked)
    assert gateway.log.historical == []


@pytest.mark.gateway(**SWIFT)
async def test_a_message_each_way_and_none_too_fast(gateway: Gateway, gateway_clock: Clock) -> None:
    """A contract takes two messages, and both pass the one ceiling for all messages."""
    async with connect(settings(gateway), PacingSettings(messages_per_s=20), gateway_clock) as source:
        before = gateway.log.messages
        await asyncio.gather(*(source.open_interest(contract) for contract in listed(gateway, "SPY", 20)))
        assert gateway.log.messages - before == 40
    assert gateway.log.max_rate <= 22  # 20 leave in a second; they do not travel at one speed


@pytest.mark.gateway(**SWIFT, scenarios=[SilentStreams(hits=100, share=1.0)])
async def test_silence_ends_at_the_deadline(gateway: Gateway, gateway_clock: Clock) -> None:
    """What is not told in time is a time-out, the stream is cancelled, and the line serves the next contract."""
    async with connect(
        settings(gateway, market_data_lines=1, tick_deadline_s=0.1), PacingSettings.off(), gateway_clock
    ) as source:
        found = await asyncio.gather(*(source.open_interest(contract) for contract in listed(gateway, "SPY", 3)))
        await still(gateway)
    assert [failed(one).outcome for one in found] == [Outcome.TIME_OUT] * 3
    assert [entry.outcome for entry in gateway.log.of(Kind.MARKET_DATA)] == ["cancelled"] * 3


REFUSALS = (
    (354, texts.NOT_SUBSCRIBED, Outcome.PERMISSION),
    (10089, "Requested market data requires additional subscription for API.", Outcome.PERMISSION),
    (10186, "Requested market data is not subscribed. Delayed market data is not enabled.", Outcome.PERMISSION),
    (101, texts.TOO_MANY_LINES, Outcome.PACING),
    (10197, texts.COMPETING_SESSION, Outcome.OTHER_LOGIN),
    (200, texts.NO_DEFINITION, Outcome.UNKNOWN_CONTRACT),
)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        pytest.param(
            code,
            outcome,
            marks=pytest.mark.gateway(**SWIFT, scenarios=[RefusedStreams("no", code, text, hits=1, share=1.0)]),
            id=str(code),
        )
        for code, text, outcome in REFUSALS
    ],
)
async def test_a_refusal_has_its_name(source: IBSource, gateway: Gateway, code: int, outcome: Outcome) -> None:
    """IB's codes give the outcomes of the one table; the next contract is told all the same."""
    first, second = listed(gateway, "SPY", 2)
    refused = failed(await source.open_interest(first))
    assert (refused.code, refused.outcome) == (code, outcome)
    told = await source.open_interest(second)
    assert isinstance(told, OpenInterest)
    assert told.contracts == gateway.market.open_interest(second.source_id, FRIDAY)


@pytest.mark.gateway(**SWIFT, scenarios=[NoticedStreams(10167, texts.NOT_SUBSCRIBED)])
async def test_delayed_data_tells_it_too(source: IBSource, gateway: Gateway) -> None:
    """A notice that the account's data is delayed ends nothing; it is kept with the figure."""
    (contract,) = listed(gateway, "SPY", 1)
    told = await source.open_interest(contract)
    assert isinstance(told, OpenInterest)
    assert told.contracts == gateway.market.open_interest(contract.source_id, FRIDAY)
    assert told.notices == (10167,)


@pytest.mark.gateway(open_interest_delay_s=60.0)
async def test_a_cancelled_caller_frees_its_line(source: IBSource, gateway: Gateway) -> None:
    """Cancelling whoever waits cancels the stream at IB."""
    (contract,) = listed(gateway, "SPY", 1)
    asking = asyncio.create_task(source.open_interest(contract))
    await open_line(gateway)
    asking.cancel()
    await asyncio.wait({asking})
    await still(gateway)
    assert asking.cancelled()


@pytest.mark.gateway(open_interest_delay_s=60.0)
async def test_a_lost_connection_ends_the_wait(source: IBSource, gateway: Gateway) -> None:
    """The socket's end is named, not awaited until the deadline; a market farm that is down is named, too."""
    first, second = listed(gateway, "SPY", 2)
    asking = asyncio.create_task(source.open_interest(first))
    await open_line(gateway)
    gateway.cut()
    assert failed(await asking).outcome is Outcome.DISCONNECTED
    async with connect(
        settings(gateway, client_id=18, tick_deadline_s=0.2), PacingSettings.off(), gateway.clock
    ) as again:
        gateway.farm("market", up=False)
        await until(lambda: not again._gateway.health.all_up, "notice of the broken farm")
        assert failed(await again.open_interest(second)).outcome is Outcome.FARM_DOWN
