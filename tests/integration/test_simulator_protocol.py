"""The simulated gateway against the real ib_async client over a socket: connect, definitions, history."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import ib_async
import pytest

from collector.clock import SystemClock
from collector.simulator.request_log import Kind
from collector.simulator.server import Gateway
from tests.support.fixtures_simulator import GatewayClient as Client
from tests.support.waiting import until

SESSION = (datetime(2026, 11, 20, 5, 0, tzinfo=UTC), datetime(2026, 11, 21, 5, 0, tzinfo=UTC))
SPY = ib_async.Contract(conId=756733, exchange="SMART")


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[Client]:
    """A connected client."""
    ib = Client()
    await ib.connectAsync(gateway.host, gateway.port, clientId=11, readonly=True)
    yield ib
    ib.disconnect()


def at_the_money(gateway: Gateway, symbol: str = "SPY") -> ib_async.Contract:
    """Return a call of the session's expiration that surely traded."""
    spot = gateway.market.truth(756733, "TRADES", SESSION)[-1].close
    options = gateway.market.options(symbol, date(2026, 11, 20), "C")
    nearest = min(options, key=lambda option: abs(option.strike - spot))
    return ib_async.Contract(conId=nearest.con_id, exchange="SMART")


@pytest.mark.parametrize("fetch", [ib_async.StartupFetchNONE, ib_async.StartupFetchALL])
@pytest.mark.parametrize("readonly", [True, False])
async def test_connect_is_immediate(gateway: Gateway, fetch: ib_async.StartupFetch, readonly: bool) -> None:
    """Whatever the client asks at start-up is answered: connecting takes well below 0.3 s."""
    ib = Client()
    begun = time.perf_counter()
    await ib.connectAsync(gateway.host, gateway.port, clientId=3, readonly=readonly, fetchFields=fetch)
    assert time.perf_counter() - begun < 0.3
    assert ib.client.serverVersion() == 178
    assert ib.managedAccounts() == ["DU1234567"]
    await until(lambda: len(ib.codes()) >= 3, "the farms")
    assert ib.codes()[:3] == [2104, 2106, 2158]
    ib.disconnect()


async def test_current_time_is_the_clocks(gateway: Gateway, client: Client, gateway_clock: SystemClock) -> None:
    """The gateway's time is that of its clock, in whole seconds."""
    told = await client.reqCurrentTimeAsync()
    assert abs(told - gateway_clock.now()) < timedelta(seconds=2)


async def test_stock_by_symbol(client: Client) -> None:
    """A stock is found by its symbol, with its hours."""
    (details,) = await client.reqContractDetailsAsync(ib_async.Stock("SPY", "SMART", "USD"))
    assert details.contract is not None
    assert (details.contract.conId, details.contract.primaryExchange) == (756733, "ARCA")
    assert details.timeZoneId == "US/Eastern"
    assert details.liquidHours.startswith("20261120:0930-20261120:1600;20261121:CLOSED;")


async def test_unknown_symbol_is_200(client: Client) -> None:
    """A symbol that does not exist is refused with 200."""
    with pytest.raises(ib_async.wrapper.RequestError) as refused:
        await client.reqContractDetailsAsync(ib_async.Stock("NOSUCH", "SMART", "USD"))
    assert refused.value.code == 200


async def test_one_partial_request_gives_a_whole_expiration(gateway: Gateway, client: Client) -> None:
    """Symbol and expiration return every strike and right that is listed, with contract numbers."""
    found = await client.reqContractDetailsAsync(ib_async.Option("SPY", "20261120", exchange="SMART", currency="USD"))
    contracts = [one.contract for one in found if one.contract is not None]
    listed = gateway.market.options("SPY", date(2026, 11, 20))
    assert [contract.conId for contract in contracts] == [option.con_id for option in listed]
    assert {contract.right for contract in contracts} == {"C", "P"}
    assert contracts[0].localSymbol == f"SPY   261120{listed[0].right}{int(listed[0].strike * 1000):08d}"
    assert found[0].liquidHours.startswith("20261120:0930-20261120:1615")
    assert found[0].realExpirationDate == "20261120"


async def test_partial_requests_narrow(gateway: Gateway, client: Client) -> None:
    """Right, strike and contract number each narrow the answer."""
    option = gateway.market.options("TSLA")[0]
    expiry = f"{option.expiration:%Y%m%d}"
    calls = await client.reqContractDetailsAsync(ib_async.Option("TSLA", expiry, right="C", exchange="SMART"))
    assert {one.contract.right for one in calls if one.contract} == {"C"}
    exact = ib_async.Option("TSLA", expiry, float(option.strike), option.right, "SMART")
    assert len(await client.reqContractDetailsAsync(exact)) == 1
    (by_number,) = await client.reqContractDetailsAsync(ib_async.Contract(conId=option.con_id))
    assert by_number.contract is not None
    assert (by_number.contract.symbol, by_number.contract.strike) == ("TSLA", float(option.strike))


async def test_chain_has_a_row_for_every_exchange(gateway: Gateway, client: Client) -> None:
    """Option parameters come once an exchange, SMART among them, with the sets of the market's chain."""
    rows = await client.reqSecDefOptParamsAsync("PLTR", "", "STK", 444857009)
    smart = [row for row in rows if (row.exchange, row.tradingClass) == ("SMART", "PLTR")]
    shape = gateway.market.chain("PLTR")
    assert shape is not None
    assert len(rows) > 5
    assert smart[0].multiplier == "100"
    assert smart[0].expirations == [f"{day:%Y%m%d}" for day in shape.expirations]
    assert [Decimal(str(strike)) for strike in smart[0].strikes] == [Decimal(strike) for strike in shape.strikes]


async def test_chain_with_an_exchange_is_empty(client: Client) -> None:
    """With a futFopExchange the answer ends cleanly without a row."""
    assert await client.reqSecDefOptParamsAsync("SPY", "SMART", "STK", 756733) == []


async def test_chain_without_contract_number_is_321(client: Client) -> None:
    """Underlying contract 0 gets 321, which ib_async leaves waiting."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.reqSecDefOptParamsAsync("SPY", "", "STK", 0), 0.2)
    assert 321 in client.codes()


@pytest.mark.parametrize("what_to_show", ["TRADES", "BID", "ASK"])
async def test_bars_equal_the_truth(gateway: Gateway, client: Client, what_to_show: str) -> None:
    """After the close, the bars of a day are the market's truth, value by value."""
    contract = at_the_money(gateway)
    bars = await client.history(contract, what_to_show)
    truth = gateway.market.truth(contract.conId, what_to_show, SESSION)
    sent = [(bar.date, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.average, bar.barCount) for bar in bars]
    assert sent == [(bar.time, *map(float, bar[1:7]), bar.count) for bar in truth]
    assert len(bars) > 70
    if what_to_show != "TRADES":
        assert {(bar.volume, bar.average, bar.barCount) for bar in bars} == {(-1.0, -1.0, -1)}


async def test_both_date_formats_name_the_same_instants(client: Client) -> None:
    """Format 1 gives New York wall times, 2 gives epoch seconds, of the same bars."""
    wall, epoch = await client.history(SPY, format_date=1), await client.history(SPY, format_date=2)
    assert [bar.date for bar in wall] == [bar.date for bar in epoch]
    assert isinstance(wall[0].date, datetime)
    assert str(wall[0].date.tzinfo) == "US/Eastern"


async def test_explicit_ends_bound_the_bars(client: Client) -> None:
    """An explicit end is exclusive, and seconds count back from it."""
    bars = await client.history(SPY, end="20261120 20:00:00 UTC", duration="3600 S")
    assert [bars[0].date, bars[-1].date, len(bars)] == [
        datetime(2026, 11, 20, 19, 0, tzinfo=UTC),
        datetime(2026, 11, 20, 19, 55, tzinfo=UTC),
        12,
    ]


async def test_long_spans_are_cut_to_a_week(client: Client) -> None:
    """A month of 5-minute bars is accepted and comes back as a week, without a word."""
    bars = await client.history(SPY, duration="1 M")
    starts = [bar.date for bar in bars if isinstance(bar.date, datetime)]
    assert starts[0] >= datetime(2026, 11, 13, 22, 0, tzinfo=UTC)
    assert {start.date() for start in starts} >= {date(2026, 11, 16), date(2026, 11, 20)}
    assert client.codes() == [2104, 2106, 2158]


async def test_implied_volatility_belongs_to_the_underlying(gateway: Gateway, client: Client) -> None:
    """The underlying has it; an option is refused with 10299."""
    bars = await client.history(SPY, "OPTION_IMPLIED_VOLATILITY")
    assert 0.02 < bars[-1].close < 2
    with pytest.raises(ib_async.wrapper.RequestError) as refused:
        await client.history(at_the_money(gateway), "OPTION_IMPLIED_VOLATILITY")
    assert refused.value.code == 10299


@pytest.mark.parametrize(
    ("contract", "end", "duration", "series", "code"),
    [
        (ib_async.Contract(conId=1, exchange="SMART"), "", "1 D", "TRADES", 200),
        (ib_async.Contract(conId=756733, exchange="NOWHERE"), "", "1 D", "TRADES", 200),
        (SPY, "20260620 16:00:00 GMT", "1 D", "TRADES", 10314),
        (SPY, "20261122 12:00:00 UTC", "3600 S", "TRADES", 162),
    ],
)
async def test_refusals_that_end_the_request(
    client: Client, contract: ib_async.Contract, end: str, duration: str, series: str, code: int
) -> None:
    """What cannot be answered is refused with IB's code."""
    with pytest.raises(ib_async.wrapper.RequestError) as refused:
        await client.history(contract, series, end, duration)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("contract", "duration", "series"),
    [(SPY, "1D", "TRADES"), (SPY, "1 D", "NONSENSE"), (ib_async.Contract(conId=756733), "1 D", "TRADES")],
)
async def test_validation_errors_are_321(
    client: Client, contract: ib_async.Contract, duration: str, series: str
) -> None:
    """Malformed requests get 321, after which ib_async waits until its own time-out."""
    assert not await client.history(contract, series, duration=duration, wait_s=0.2)
    assert 321 in client.codes()


async def test_small_bars_have_hard_rules(gateway: Gateway, client: Client) -> None:
    """The same request for 30-second bars within 15 seconds is a pacing violation, and on record."""
    asked = (SPY, "20261120 15:00:00 UTC", "600 S", "30 secs", "TRADES", False, 2)
    assert len(await client.reqHistoricalDataAsync(*asked)) > 5
    with pytest.raises(ib_async.wrapper.RequestError, match="pacing violation"):
        await client.reqHistoricalDataAsync(*asked)
    assert [one.ceiling for one in gateway.log.violations] == ["identical"]


async def test_no_data_names_hmds(client: Client) -> None:
    """An empty answer is error 162 with the words that clients look for."""
    with pytest.raises(ib_async.wrapper.RequestError) as refused:
        await client.history(SPY, end="20261121 20:00:00 UTC", duration="3600 S")
    assert "HMDS query returned no data" in refused.value.message


@pytest.mark.gateway(at=datetime(2026, 11, 20, 15, 2, tzinfo=UTC))
async def test_the_forming_bar_comes_while_the_session_is_open(client: Client) -> None:
    """At 10:02 New York the last bar is the one that began at 10:00."""
    bars = await client.history(SPY)
    assert bars[-1].date == datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


@pytest.mark.gateway(at=datetime(2026, 11, 24, 15, 0, tzinfo=UTC))
async def test_an_expired_contract_is_unknown(gateway: Gateway, client: Client) -> None:
    """On the Tuesday after its expiration a contract is gone."""
    earlier = Gateway(type(gateway.market)(7, SystemClock(datetime(2026, 11, 20, 22, tzinfo=UTC))), gateway.clock)
    option = earlier.market.options("SPY", date(2026, 11, 20))[0]
    with pytest.raises(ib_async.wrapper.RequestError) as refused:
        await client.history(ib_async.Contract(conId=option.con_id, exchange="SMART"))
    assert refused.value.code == 200
    with pytest.raises(ib_async.wrapper.RequestError) as refused:
        await client.reqContractDetailsAsync(ib_async.Option("SPY", "20261120", exchange="SMART"))
    assert refused.value.code == 200


async def test_head_time_stamp(gateway: Gateway, client: Client) -> None:
    """Trades of an old contract reach further back than its quotes: about 120 days against 65."""
    oldest = min(gateway.market.options("SPY"), key=lambda option: option.listed)
    contract = ib_async.Contract(conId=oldest.con_id, exchange="SMART")
    quotes = await client.reqHeadTimeStampAsync(contract, "BID", False, 2)
    assert isinstance(quotes, datetime)
    assert timedelta(days=60) < datetime(2026, 11, 20, 22, tzinfo=UTC) - quotes < timedelta(days=66)


@pytest.mark.gateway(scenarios=["dropped-answers:hits=1,share=1"])
async def test_a_time_out_frees_the_slot(gateway: Gateway, client: Client) -> None:
    """A dropped answer stays open until the client's cancel, which is answered with 162."""
    assert not await client.history(SPY, wait_s=0.3)
    await client.reqCurrentTimeAsync()
    (entry,) = gateway.log.historical
    assert entry.outcome == "cancelled"
    assert entry.cancelled_at is not None
    assert gateway.log.open_now == 0
    assert any("query cancelled" in text for _, code, text in client.told if code == 162)
    assert len(await client.history(SPY)) == 81


async def test_a_late_cancel_is_366(client: Client) -> None:
    """Cancelling what has already ended is answered with 366."""
    bars = await client.history(SPY)
    client.say(25, 1, bars.reqId)
    await client.reqCurrentTimeAsync()
    assert client.codes()[-1] == 366


@pytest.mark.gateway(reject_rate=False, scenarios=["constant"])
async def test_the_fifty_first_open_request_is_322(gateway: Gateway, client: Client) -> None:
    """With fifty open, one more is refused and on record as a violation."""
    client.client.MaxRequests = 0
    ended = await asyncio.gather(*(client.history(SPY) for _ in range(51)), return_exceptions=True)
    refused = [one for one in ended if isinstance(one, ib_async.wrapper.RequestError)]
    assert [one.code for one in refused] == [322]
    assert gateway.log.max_open == 51
    assert "open" in {one.ceiling for one in gateway.log.violations}


async def test_above_fifty_messages_a_second_is_100(gateway: Gateway, client: Client) -> None:
    """Messages above the rate are refused with 100 and on record."""
    client.client.MaxRequests = 0
    for _ in range(60):
        client.say(49, 1)
    await until(lambda: 100 in client.codes(), "error 100")
    assert gateway.log.max_rate > 50
    assert {one.ceiling for one in gateway.log.violations} == {"rate"}


async def test_client_id_in_use_is_326(gateway: Gateway, client: Client) -> None:
    """A second client of the same id is told 326 and dropped."""
    second = Client()
    with pytest.raises((TimeoutError, ConnectionError, asyncio.CancelledError)):
        await second.connectAsync(gateway.host, gateway.port, clientId=11, timeout=0.3)
    assert 326 in second.codes()
    assert client.isConnected()


async def test_the_log_knows_each_request(gateway: Gateway, client: Client) -> None:
    """A request is on record with its contract, series, span and end."""
    await client.history(SPY, "BID", end="20261120 20:00:00 UTC", duration="3600 S")
    (entry,) = gateway.log.of(Kind.HISTORICAL)
    assert (entry.con_id, entry.what_to_show, entry.outcome, entry.bars) == (756733, "BID", "bars", 12)
    assert entry.span == (datetime(2026, 11, 20, 19, 0, tzinfo=UTC), datetime(2026, 11, 20, 20, 0, tzinfo=UTC))
    assert entry.answered_at is not None
    assert entry.answered_at >= entry.received_at


async def test_orders_are_refused(gateway: Gateway, client: Client) -> None:
    """The gateway is read-only: an order gets 321 and nothing else."""
    client.say(3, 1)
    await client.reqCurrentTimeAsync()
    assert client.codes()[-1] == 321
    assert gateway.log.entries == []
