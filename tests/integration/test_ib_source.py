"""The IB adapter against the simulated gateway, over a socket, with ib_async between them."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import collector.ib
from collector.clock import Clock
from collector.domain.market_data.answers import (
    Answer,
    ChainParameters,
    Definitions,
    Failure,
    HistoricalRequest,
    Outcome,
)
from collector.domain.market_data.instruments import OPTION_SERIES, OptionContract, Right, Underlying, WhatToShow
from collector.domain.market_data.spans import Span
from collector.domain.pacing.pace import BreakerState
from collector.ib.connection.gateway import GatewaySettings
from collector.ib.connection.supervisor import EventKind
from collector.ib.ib_source import IBSource, connect
from collector.ib.pacing import PacingSettings
from collector.runs.source import MarketDataSource
from collector.simulator.request_log import Kind
from collector.simulator.scenarios import named
from collector.simulator.server import Gateway
from tests.support.option_days import bar_of
from tests.support.slots import data_set_of
from tests.support.waiting import until

SESSION = Span(datetime(2026, 11, 20, 14, 30, tzinfo=UTC), datetime(2026, 11, 20, 21, 15, tzinfo=UTC))
EXPIRATION = date(2026, 11, 20)
QUICK = {
    "historical_deadline_s": 0.4,
    "definition_deadline_s": 5.0,
    "patience_s": 5.0,
    "first_retry_s": 0.05,
    "longest_retry_s": 0.2,
    "client_id_patience_s": 0.0,
    "connect_timeout_s": 1.0,
}


def settings(gateway: Gateway, **changed: float) -> GatewaySettings:
    """Return settings for the gateway, with short waits."""
    return GatewaySettings(port=gateway.port, **{**QUICK, **changed})  # type: ignore[arg-type]  # floats by name


@pytest.fixture
async def source(gateway: Gateway, gateway_clock: Clock) -> AsyncIterator[IBSource]:
    """A source connected to the simulated gateway, without a message ceiling."""
    async with connect(settings(gateway), PacingSettings.off(), gateway_clock) as connected:
        yield connected


def contracts_near_the_money(gateway: Gateway, symbol: str = "SPY", count: int = 10) -> Sequence[OptionContract]:
    """Return contracts that expire today, in the middle of the chain, from the market itself."""
    listed = gateway.market.options(symbol, EXPIRATION)
    middle = len(listed) // 2
    return [
        OptionContract(symbol, one.con_id, one.expiration, one.strike, Right(one.right))
        for one in listed[middle - count // 2 : middle + (count + 1) // 2]
    ]


def request(instrument: OptionContract | Underlying, what: WhatToShow, span: Span = SESSION) -> HistoricalRequest:
    """Return a request for the session."""
    return HistoricalRequest(instrument, data_set_of(instrument), what, span)


async def spy(source: IBSource) -> Underlying:
    """Return SPY as the source defines it."""
    defined = await source.underlying("SPY")
    assert isinstance(defined, Underlying)
    return defined


async def test_it_is_the_pipelines_source(source: IBSource) -> None:
    """It fits the one port, structurally."""
    port: MarketDataSource = source
    for name, method in inspect.getmembers(MarketDataSource, inspect.isfunction):
        if not name.startswith("_"):
            assert callable(getattr(port, name)), method


async def test_connecting_measures_the_clock(source: IBSource, gateway_clock: Clock) -> None:
    """IB's time is known, never ahead of what it is, and behind by a second at most."""
    assert timedelta(0) <= gateway_clock.now() - source.now() <= timedelta(seconds=1.1)
    assert source.state.connected
    assert source.state.server_version == 178
    assert source.state.down == ""
    assert [event.kind for event in source.events] == [EventKind.CONNECTED]


async def test_it_sends_nothing_that_it_need_not(source: IBSource, gateway: Gateway) -> None:
    """Connecting takes two messages: the introduction and the question for the time. No positions, no orders."""
    assert gateway.log.messages == 2
    assert gateway.log.entries == []


async def test_a_stock_is_defined_by_its_symbol(source: IBSource) -> None:
    """As the market lists it."""
    assert await source.underlying("SPY") == Underlying(
        "SPY", 756733, name="STATE STREET SPDR S&P 500 ETF TRUST", primary_exchange="ARCA"
    )


async def test_an_unknown_symbol_is_asked_twice(source: IBSource, gateway: Gateway) -> None:
    """Error 200 is believed when it is repeated."""
    unknown = await source.underlying("NOSUCH")
    assert isinstance(unknown, Failure)
    assert (unknown.outcome, unknown.code) == (Outcome.UNKNOWN_CONTRACT, 200)
    assert len(gateway.log.of(Kind.CONTRACT_DETAILS)) == 2


async def test_the_chain_is_that_of_the_standard_contracts(source: IBSource, gateway: Gateway) -> None:
    """Expirations and strikes are the market's; an adjusted class beside them is left out."""
    tesla = await source.underlying("TSLA")
    assert isinstance(tesla, Underlying)
    truth = gateway.market.chain("TSLA")
    assert truth is not None
    assert await source.chain(tesla) == ChainParameters(truth.expirations, truth.strikes, 100, "TSLA")


async def test_the_contracts_of_an_expiration(source: IBSource, gateway: Gateway) -> None:
    """One request defines them all, by strike, then call before put, with exact strikes."""
    defined = await source.contracts(await spy(source), EXPIRATION)
    assert isinstance(defined, Definitions)
    truth = [(one.con_id, one.strike, one.right) for one in gateway.market.options("SPY", EXPIRATION)]
    assert [(one.source_id, one.strike, one.right.value) for one in defined.contracts] == sorted(
        truth, key=lambda one: (one[1], one[2])
    )
    assert all(isinstance(one.strike, Decimal) for one in defined.contracts)
    assert len(gateway.log.of(Kind.CONTRACT_DETAILS)) == 2  # SPY's own, and this one


async def test_an_expiration_without_contracts_is_empty(source: IBSource) -> None:
    """IB's repeated 200 means that there are none."""
    assert await source.contracts(await spy(source), date(2026, 11, 21)) == Definitions()


@pytest.mark.parametrize("what", OPTION_SERIES, ids=str)
async def test_an_options_bars_equal_the_truth(source: IBSource, gateway: Gateway, what: WhatToShow) -> None:
    """Every bar of the session, every value exactly, and nothing else."""
    seen = 0
    for contract in contracts_near_the_money(gateway):
        answer = await source.historical(request(contract, what))
        assert isinstance(answer, Answer)
        truth = gateway.market.truth(contract.source_id, what.value, (SESSION.start, SESSION.end))
        assert answer.bars == tuple(bar_of(bar, what) for bar in truth)
        seen += len(answer.bars)
    assert seen > 100


async def test_an_underlyings_volatility_equals_the_truth(source: IBSource, gateway: Gateway) -> None:
    """OPTION_IMPLIED_VOLATILITY is a series of the stock."""
    answer = await source.historical(request(await spy(source), WhatToShow.OPTION_IMPLIED_VOLATILITY))
    assert isinstance(answer, Answer)
    truth = gateway.market.truth(756733, "OPTION_IMPLIED_VOLATILITY", (SESSION.start, SESSION.end))
    assert [(bar.time, bar.exact()[3]) for bar in answer.bars] == [(bar.time, bar.close) for bar in truth]
    assert answer.bars


async def test_an_older_session_is_asked_with_an_explicit_end(source: IBSource, gateway: Gateway) -> None:
    """Several sessions in one request: the end in UTC, and all bars of the span."""
    span = Span(datetime(2026, 11, 16, 20, tzinfo=UTC), datetime(2026, 11, 18, 15, tzinfo=UTC))
    answer = await source.historical(request(await spy(source), WhatToShow.TRADES, span))
    assert isinstance(answer, Answer)
    truth = gateway.market.truth(756733, "TRADES", (span.start, span.end))
    assert [bar.time for bar in answer.bars] == [bar.time for bar in truth]
    assert {bar.time.date() for bar in answer.bars} == {date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 18)}
    assert gateway.log.historical[-1].end_text == "20261118-15:00:00"


async def test_a_span_that_ends_now_leaves_the_end_open(source: IBSource, gateway: Gateway) -> None:
    """An explicit end was reported 30 times slower."""
    await source.historical(request(await spy(source), WhatToShow.TRADES))
    assert gateway.log.historical[-1].end_text == ""


@pytest.mark.gateway(at=datetime(2026, 11, 20, 10, 32, 10, tzinfo=ZoneInfo("America/New_York")))
async def test_the_forming_bar_is_not_an_answer(source: IBSource, gateway: Gateway) -> None:
    """At 10:32 the gateway sends the 10:30 bar too; the last complete one is that of 10:25."""
    underlying = await spy(source)
    span = Span(SESSION.start, datetime(2026, 11, 20, 15, 30, tzinfo=UTC))
    sent = gateway.market.history(756733, "TRADES", SESSION.start, SESSION.end)
    assert sent[-1].time == datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
    for end in (span.end, SESSION.end):
        answer = await source.historical(request(underlying, WhatToShow.TRADES, Span(span.start, end)))
        assert isinstance(answer, Answer)
        assert answer.bars[-1].time == datetime(2026, 11, 20, 15, 25, tzinfo=UTC)
        assert answer.covered_until == datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


async def test_nothing_traded_is_an_answer_without_bars(source: IBSource, gateway: Gateway) -> None:
    """IB's "returned no data", said in good health, covers the span."""
    listed = gateway.market.options("SPY", EXPIRATION)
    bounds = (SESSION.start, SESSION.end)
    never = next(one for one in listed if not gateway.market.history(one.con_id, "TRADES", *bounds))
    contract = OptionContract("SPY", never.con_id, never.expiration, never.strike, Right(never.right))
    answer = await source.historical(request(contract, WhatToShow.TRADES))
    assert isinstance(answer, Answer)
    assert answer.outcome is Outcome.NO_DATA
    assert answer.covered_until == datetime(2026, 11, 20, 22, 0, tzinfo=UTC) or answer.sent_at < datetime(
        2026, 11, 20, 22, 0, tzinfo=UTC
    )


async def test_an_unknown_contract_is_asked_twice(source: IBSource, gateway: Gateway) -> None:
    """Error 200 on history is believed when it is repeated."""
    nobody = OptionContract("SPY", 1, EXPIRATION, Decimal(600), Right.CALL)
    failure = await source.historical(request(nobody, WhatToShow.TRADES))
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.UNKNOWN_CONTRACT
    assert len(gateway.log.historical) == 2


def spoiled(name: str, **options: float) -> list[object]:
    """Return a scenario that hits each of the first requests."""
    return [named(name, **{"share": 1.0, **options})]


@pytest.mark.gateway(scenarios=spoiled("dropped-answers", hits=1))
async def test_a_time_out_is_a_failure_and_frees_the_slot(source: IBSource, gateway: Gateway) -> None:
    """Silence ends as time-out, the cancel is sent, and nothing is kept."""
    (contract,) = contracts_near_the_money(gateway, count=1)
    failure = await source.historical(request(contract, WhatToShow.BID))
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.TIME_OUT
    await settled(gateway)
    assert [entry.outcome for entry in gateway.log.historical] == ["cancelled"]
    assert source._gateway.wire is not None
    assert source._gateway.wire.pending == {}
    assert isinstance(await source.historical(request(contract, WhatToShow.BID)), Answer)


@pytest.mark.gateway(scenarios=spoiled("late-answers", hits=1))
async def test_a_late_answer_is_dropped(source: IBSource, gateway: Gateway) -> None:
    """What comes after the time-out reaches nobody, and the connection goes on."""
    first, second = contracts_near_the_money(gateway, count=2)
    assert (await source.historical(request(first, WhatToShow.BID))).outcome is Outcome.TIME_OUT
    await until(lambda: gateway.log.historical[0].bars, "the late answer")
    answer = await source.historical(request(second, WhatToShow.BID))
    assert isinstance(answer, Answer)
    truth = gateway.market.truth(second.source_id, "BID", (SESSION.start, SESSION.end))
    assert answer.bars == tuple(bar_of(bar, WhatToShow.BID) for bar in truth)


@pytest.mark.gateway(scenarios=spoiled("dropped-answers", hits=9))
async def test_cancelling_the_caller_cancels_at_ib(source: IBSource, gateway: Gateway) -> None:
    """The slot among the fifty is freed, and nothing leaks."""
    asked = [
        asyncio.create_task(source.historical(request(contract, WhatToShow.ASK)))
        for contract in contracts_near_the_money(gateway, count=9)
    ]
    await until(lambda: gateway.log.open_now == 9, "nine open requests")
    for task in asked:
        task.cancel()
    assert all(isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*asked, return_exceptions=True))
    await settled(gateway)
    assert {entry.outcome for entry in gateway.log.historical} == {"cancelled"}
    assert source._gateway.wire is not None
    assert source._gateway.wire.pending == {}
    assert source.state.pacer.in_flight == 0


@pytest.mark.gateway(scenarios=spoiled("dropped-answers", hits=1))
async def test_cancelling_the_caller_of_a_request_that_we_have_just_ended_cancels_at_ib(
    source: IBSource, gateway: Gateway
) -> None:
    """A farm's notice ends the request here, not at IB; a caller cancelled in the same moment frees the slot, too."""
    (contract,) = contracts_near_the_money(gateway, count=1)
    asked = asyncio.create_task(source.historical(request(contract, WhatToShow.ASK)))
    await until(lambda: gateway.log.open_now == 1, "an open request")
    assert source._gateway.wire is not None
    source._gateway.wire.end_all(Outcome.FARM_DOWN, "HMDS data farm connection is broken:ushmds")
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await settled(gateway)
    assert [entry.outcome for entry in gateway.log.historical] == ["cancelled"]


async def settled(gateway: Gateway) -> None:
    """Wait until the gateway has read what was sent."""
    await until(lambda: gateway.log.open_now == 0, "no open request")


@pytest.mark.parametrize(
    ("scenario", "outcome"),
    [
        pytest.param(name, outcome, marks=pytest.mark.gateway(scenarios=spoiled(name, hits=2)), id=name)
        for name, outcome in {
            "pacing": Outcome.PACING,
            "too-many-open": Outcome.PACING,
            "no-permission": Outcome.PERMISSION,
            "not-subscribed": Outcome.PERMISSION,
            "hmds-session-ended": Outcome.DISCONNECTED,
            "hmds-unheard-of": Outcome.UNKNOWN,
            "hmds-inverted": Outcome.REJECTED,
            "hmds-invalid-step": Outcome.REJECTED,
            "hmds-unknown-contract": Outcome.UNKNOWN_CONTRACT,
            "hmds-no-history": Outcome.REJECTED,
            "hmds-best": Outcome.REJECTED,
            "hmds-no-chart": Outcome.REJECTED,
            "rejected": Outcome.REJECTED,
            "malformed-frame": Outcome.UNKNOWN,
        }.items()
    ],
)
async def test_each_refusal_has_its_name(source: IBSource, gateway: Gateway, scenario: str, outcome: Outcome) -> None:
    """Whatever IB says, it ends as the one outcome that it means, never as an empty answer."""
    (contract,) = contracts_near_the_money(gateway, count=1)
    failure = await source.historical(request(contract, WhatToShow.BID))
    assert isinstance(failure, Failure)
    assert failure.outcome is outcome
    assert failure.message


@pytest.mark.gateway(
    scenarios=spoiled("withheld-tail", hits=1),
    at=datetime(2026, 11, 20, 15, 0, 10, tzinfo=ZoneInfo("America/New_York")),
)
async def test_a_withheld_tail_is_not_covered(source: IBSource, gateway: Gateway) -> None:
    """Notice 2188: the answer speaks for what ended half an hour before it was sent."""
    (contract,) = contracts_near_the_money(gateway, count=1)
    answer = await source.historical(request(contract, WhatToShow.ASK))
    assert isinstance(answer, Answer)
    assert answer.notices == (2188,)
    assert answer.covered_until == datetime(2026, 11, 20, 19, 30, tzinfo=UTC)
    assert answer.bars[-1].time == datetime(2026, 11, 20, 19, 25, tzinfo=UTC)


@pytest.mark.gateway(scenarios=spoiled("duplicated-bars", hits=1))
async def test_repeated_bars_come_once(source: IBSource, gateway: Gateway) -> None:
    """What IB sends twice is one bar."""
    (contract,) = contracts_near_the_money(gateway, count=1)
    answer = await source.historical(request(contract, WhatToShow.ASK))
    assert isinstance(answer, Answer)
    truth = gateway.market.truth(contract.source_id, "ASK", (SESSION.start, SESSION.end))
    assert [bar.time for bar in answer.bars] == [bar.time for bar in truth]


@pytest.mark.gateway(scenarios=spoiled("no-permission", hits=999))
async def test_a_series_without_permission_is_not_asked_for_ever(source: IBSource, gateway: Gateway) -> None:
    """After five refusals in a row its breaker opens; other series of the symbol and other symbols go on."""
    contracts = contracts_near_the_money(gateway, count=8)
    for contract in contracts:
        assert (await source.historical(request(contract, WhatToShow.BID))).outcome is Outcome.PERMISSION
    assert len(gateway.log.historical) == 5
    assert source.state.open_series == ("SPY options BID",)
    await source.historical(request(contracts[0], WhatToShow.ASK))
    assert len(gateway.log.historical) == 6
    assert source.state.breaker is BreakerState.CLOSED


async def test_the_permissions_probe_names_every_series(source: IBSource) -> None:
    """One request for each series of the underlying and of one of its options."""
    permissions = await source.probe("SPY", OPTION_SERIES, SESSION)
    assert not isinstance(permissions, Failure)
    assert [(isinstance(one.instrument, OptionContract), one.what_to_show) for one in permissions] == [
        (False, WhatToShow.TRADES),
        (False, WhatToShow.OPTION_IMPLIED_VOLATILITY),
        (True, WhatToShow.TRADES),
        (True, WhatToShow.BID),
        (True, WhatToShow.ASK),
    ]
    assert {one.outcome for one in permissions} <= {Outcome.BARS, Outcome.NO_DATA}


@pytest.mark.parametrize("series", [(), (WhatToShow.BID,)])
async def test_the_permissions_probe_asks_for_what_is_wanted_of_options(
    source: IBSource, series: tuple[WhatToShow, ...]
) -> None:
    """Series of options that nobody collects need no permission."""
    permissions = await source.probe("SPY", series, SESSION)
    assert not isinstance(permissions, Failure)
    assert [one.what_to_show for one in permissions if isinstance(one.instrument, OptionContract)] == list(series)


async def test_the_pacers_ceiling_is_the_only_throttle(gateway: Gateway, gateway_clock: Clock) -> None:
    """A burst stays below IB's ceilings, and ib_async queues nothing on its own."""
    async with connect(settings(gateway), PacingSettings(messages_per_s=40), gateway_clock) as source:
        asked = [
            source.historical(request(contract, WhatToShow.BID))
            for contract in contracts_near_the_money(gateway, count=60)
        ]
        answers = await asyncio.gather(*asked)
        assert all(isinstance(answer, Answer) for answer in answers)
        assert source._gateway.wire is not None
        assert not source._gateway.wire.client._msgQ
    assert gateway.log.violations == []
    assert gateway.log.max_rate < 50


def test_no_order_call_exists_in_the_adapter() -> None:
    """The collector never trades."""
    sources = Path(inspect.getfile(collector.ib)).parent.rglob("*.py")
    words = ["place" + "Order", "cancel" + "Order", "exercise" + "Options"]
    assert not [(path.name, word) for path in sources for word in words if word in path.read_text()]
