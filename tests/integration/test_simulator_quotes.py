"""Market data from the simulated gateway: snapshots, streams, option ticks."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import ib_async
import pytest

from collector.simulator.market import Option
from collector.simulator.request_log import Kind
from collector.simulator.server import Gateway
from tests.support.fixtures_simulator import GatewayClient as Client
from tests.support.waiting import until

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[Client]:
    """A connected client."""
    ib = Client()
    await ib.connectAsync(gateway.host, gateway.port, clientId=12, readonly=True)
    yield ib
    ib.disconnect()


def near_the_money(gateway: Gateway) -> Option:
    """Return a call of a later expiration near the money."""
    spot = gateway.market.quote(756733).underlying_price
    options = gateway.market.options("SPY", date(2026, 12, 18), "C")
    return min(options, key=lambda option: abs(option.strike - spot))


@pytest.mark.gateway(at=NOON)
async def test_a_snapshot_is_the_markets_quote(gateway: Gateway, client: Client) -> None:
    """Bid, ask and sizes are those of the market, and the snapshot ends by itself."""
    option = near_the_money(gateway)
    (ticker,) = await client.reqTickersAsync(ib_async.Contract(conId=option.con_id, exchange="SMART"))
    quote = gateway.market.quote(option.con_id)
    assert quote.bid is not None
    assert quote.ask is not None
    assert (ticker.bid, ticker.ask) == (float(quote.bid), float(quote.ask))
    assert (ticker.bidSize, ticker.askSize) == (quote.bid_size, quote.ask_size)
    assert [entry.outcome for entry in gateway.log.of(Kind.MARKET_DATA)] == ["snapshot"]


@pytest.mark.gateway(at=NOON)
async def test_option_computations(gateway: Gateway, client: Client) -> None:
    """The model computation carries the market's Greeks; bid and ask volatilities enclose it."""
    option = near_the_money(gateway)
    (ticker,) = await client.reqTickersAsync(ib_async.Contract(conId=option.con_id, exchange="SMART"))
    quote = gateway.market.quote(option.con_id)
    model, bid, ask = ticker.modelGreeks, ticker.bidGreeks, ticker.askGreeks
    assert model is not None
    assert bid is not None
    assert ask is not None
    assert model.impliedVol == pytest.approx(quote.iv)
    assert model.delta == pytest.approx(quote.delta)
    assert model.gamma == pytest.approx(quote.gamma)
    assert model.undPrice == float(quote.underlying_price)
    assert bid.impliedVol is not None
    assert ask.impliedVol is not None
    assert model.impliedVol is not None
    assert bid.impliedVol <= model.impliedVol <= ask.impliedVol


@pytest.mark.gateway(at=NOON, stream_interval_s=0.02, open_interest_delay_s=0.05)
async def test_open_interest_comes_with_a_stream(gateway: Gateway, client: Client) -> None:
    """Generic ticks 100 and 101 give the contract's own volume and open interest until cancelled."""
    option = near_the_money(gateway)
    contract = ib_async.Contract(conId=option.con_id, exchange="SMART")
    ticker = client.reqMktData(contract, "100,101,106")
    await until(lambda: ticker.callOpenInterest >= 0 and ticker.volume >= 0, "open interest and volume")
    assert ticker.callOpenInterest == gateway.market.open_interest(option.con_id, date(2026, 11, 20))
    assert ticker.volume == gateway.market.quote(option.con_id).volume
    client.cancelMktData(contract)
    await client.reqCurrentTimeAsync()
    assert [connection.streams() for connection in gateway.connections] == [0]
    assert 300 not in client.codes()


@pytest.mark.gateway(at=NOON)
async def test_implied_volatility_of_the_underlying(gateway: Gateway, client: Client) -> None:
    """Generic tick 106 on the stock gives its 30-day implied volatility."""
    ticker = client.reqMktData(ib_async.Contract(conId=756733, exchange="SMART"), "106")
    await until(lambda: ticker.impliedVolatility >= 0, "implied volatility")
    assert ticker.impliedVolatility == pytest.approx(gateway.market.quote(756733).iv, abs=1e-5)


async def test_there_is_no_live_quote_after_the_close(gateway: Gateway, client: Client) -> None:
    """Live data has no bid or ask when the market is shut; frozen data has the last ones."""
    contract = ib_async.Contract(conId=near_the_money(gateway).con_id, exchange="SMART")
    (live,) = await client.reqTickersAsync(contract)
    assert live.bid == -1
    client.reqMarketDataType(2)
    (frozen,) = await client.reqTickersAsync(contract)
    assert frozen.bid > 0
    assert frozen.marketDataType == 2


async def test_a_snapshot_takes_no_generic_ticks(client: Client) -> None:
    """Both together are refused with 321."""
    client.reqMktData(ib_async.Contract(conId=756733, exchange="SMART"), "101", snapshot=True)
    await until(lambda: 321 in client.codes(), "error 321")


async def test_market_data_of_an_unknown_contract(client: Client) -> None:
    """It is refused with 200; cancelling nothing with 300."""
    client.reqMktData(ib_async.Contract(conId=99, exchange="SMART"))
    client.say(2, 2, 424242)
    await until(lambda: {200, 300} <= set(client.codes()), "errors 200 and 300")


async def test_symbols_are_found_by_pattern(client: Client) -> None:
    """A search finds stocks by symbol or name."""
    found = await client.reqMatchingSymbolsAsync("tesla")
    assert found is not None
    assert [one.contract.conId for one in found if one.contract] == [76792991]
