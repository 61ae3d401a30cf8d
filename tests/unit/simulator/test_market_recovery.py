"""The simulated market's declared volatility, rate and yield are those that its quotes imply."""

import math
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import QuantLib as ql  # type: ignore[import-untyped] # noqa: N813 - no types; the name that its documentation uses

from collector.clock import SystemClock
from collector.simulator.market import Market, Option, SimBar, Stock

NEW_YORK = ZoneInfo("America/New_York")
FRIDAY = date(2026, 11, 20)
DAY = (datetime(2026, 11, 20, tzinfo=NEW_YORK), datetime(2026, 11, 21, tzinfo=NEW_YORK))
SLOT = timedelta(minutes=5)


@pytest.fixture(scope="module")
def market() -> Market:
    """A market after the close of Friday 2026-11-20."""
    return Market(7, SystemClock(datetime(2026, 11, 20, 17, tzinfo=NEW_YORK)))


def years_left(market: Market, option: Option, bar: SimBar) -> float:
    """Return the years of 365 days from the end of a bar to the product's close on the expiration day."""
    close = market.product_close(option.symbol, option.expiration)
    assert close is not None
    return (close - bar.time - SLOT) / timedelta(days=365)


class Reference:
    """QuantLib's American value as a function of volatility; one year carries the scaled rates of any life."""

    def __init__(self, stock: Stock, option: Option, spot: float, years: float) -> None:
        today = ql.Date(20, 11, 2026)
        ql.Settings.instance().evaluationDate = today
        counter = ql.Actual365Fixed()
        self._years = years
        self._quote = ql.SimpleQuote(0.2)
        process = ql.BlackScholesMertonProcess(
            ql.QuoteHandle(ql.SimpleQuote(spot)),
            ql.YieldTermStructureHandle(ql.FlatForward(today, stock.dividend_yield * years, counter)),
            ql.YieldTermStructureHandle(ql.FlatForward(today, stock.rate * years, counter)),
            ql.BlackVolTermStructureHandle(
                ql.BlackConstantVol(today, ql.NullCalendar(), ql.QuoteHandle(self._quote), counter)
            ),
        )
        right = ql.Option.Call if option.right == "C" else ql.Option.Put
        self._option = ql.VanillaOption(
            ql.PlainVanillaPayoff(right, float(option.strike)), ql.AmericanExercise(today, today + 365)
        )
        self._option.setPricingEngine(ql.QdFpAmericanEngine(process))

    def value(self, volatility: float) -> float:
        """Return the value in USD."""
        self._quote.setValue(volatility * math.sqrt(self._years))
        return float(self._option.NPV())

    def implied(self, price: float) -> float:
        """Return the volatility at which the value is a price, by bisection."""
        low, high = 0.01, 5.0
        for _ in range(32):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self.value(middle) < price else (low, middle)
        return 0.5 * (low + high)


def test_quotes_that_can_tell_imply_the_true_volatility(market: Market) -> None:
    """At least 99 % of them give it back within 0.005; the share that can tell is not small."""
    told = recovered = looked_at = 0
    for symbol, expirations in (
        ("SPY", (FRIDAY, date(2026, 11, 24), date(2026, 12, 18), date(2027, 1, 15))),
        ("TSLA", (date(2026, 11, 27), date(2027, 1, 15))),
        ("PLTR", (FRIDAY, date(2026, 12, 11), date(2027, 2, 19))),
    ):
        stock = market.stock(symbol)
        assert stock is not None
        spots = {bar.time: float(bar.close) for bar in market.history(stock.con_id, "TRADES", *DAY)}
        for expiration in expirations:
            for option in market.options(symbol, expiration)[::9]:
                asks = {bar.time: bar for bar in market.history(option.con_id, "ASK", *DAY)}
                for bar in market.history(option.con_id, "BID", *DAY)[3::19]:
                    looked_at += 1
                    bid, ask, spot = float(bar.close), float(asks[bar.time].close), spots[bar.time]
                    years = years_left(market, option, bar)
                    if years <= 0.0:
                        continue
                    true = market.true_volatility(option.con_id, bar.time + SLOT)
                    reference = Reference(stock, option, spot, years)
                    middle, half = 0.5 * (bid + ask), 0.5 * (ask - bid)
                    if half > reference.value(true + 0.0025) - reference.value(true - 0.0025):
                        continue
                    sign = 1.0 if option.right == "C" else -1.0
                    tick = 0.01 if stock.penny or middle < 3.0 else 0.05
                    if middle - max(sign * (spot - float(option.strike)), 0.0) < 5.0 * tick:
                        continue
                    told += 1
                    recovered += abs(reference.implied(middle) - true) <= 0.005

    assert told > 0.15 * looked_at
    assert recovered >= 0.99 * told


def test_put_call_parity_holds_between_bid_and_ask(market: Market) -> None:
    """Call − put lies within the bounds for American options, and near the money equals the discounted forward.

    There a few cents more are allowed for early exercise, which parity does not know.
    """
    for symbol, expiration in (("SPY", date(2026, 11, 30)), ("PLTR", date(2026, 12, 4)), ("TSLA", date(2026, 11, 27))):
        stock = market.stock(symbol)
        assert stock is not None
        spots = {bar.time: float(bar.close) for bar in market.history(stock.con_id, "TRADES", *DAY)}
        options = market.options(symbol, expiration)
        for call, put in zip(options[::2], options[1::2], strict=True):
            strike = float(call.strike)
            assert call.strike == put.strike
            if abs(strike / spots[max(spots)] - 1.0) > 0.02:
                continue
            series = [
                {bar.time: float(bar.close) for bar in market.history(one.con_id, what, *DAY)}
                for one in (call, put)
                for what in ("BID", "ASK")
            ]
            for bar in market.history(call.con_id, "BID", *DAY):
                call_bid, call_ask, put_bid, put_ask = (prices[bar.time] for prices in series)
                years = years_left(market, call, bar)
                spot, yielded = spots[bar.time], spots[bar.time] * math.exp(-stock.dividend_yield * years)
                discounted = strike * math.exp(-stock.rate * years)

                assert call_bid - put_ask <= spot - discounted
                assert yielded - strike <= call_ask - put_bid
                if abs(strike / spot - 1.0) < 0.005:
                    assert call_bid - put_ask - 0.02 <= yielded - discounted <= call_ask - put_bid + 0.06


def test_closing_values_lie_between_bid_and_ask(market: Market) -> None:
    """The model price at the end of the last bar is inside the quote, and that quote is the bar's close."""
    for option in market.options("AAPL", date(2026, 12, 18))[::7]:
        quote = market.quote(option.con_id)
        assert quote.ask is not None
        assert quote.model_price is not None
        assert float(quote.bid or 0) <= quote.model_price + 1e-6
        assert quote.model_price <= float(quote.ask) + 1e-6
        assert market.history(option.con_id, "ASK", *DAY)[-1].close == quote.ask


def test_greeks_have_the_signs_and_sizes_of_the_trade(market: Market) -> None:
    """Calls rise and puts fall with the spot, both decay and gain with volatility; an at-the-money call has delta ½."""
    spot = market.quote(76792991).underlying_price
    options = [one for one in market.options("TSLA", date(2026, 12, 18)) if abs(one.strike - spot) < 5]
    for option in options:
        quote = market.quote(option.con_id)
        assert quote.delta is not None
        assert quote.gamma is not None
        assert quote.theta is not None
        assert quote.vega is not None
        assert 0.4 < abs(quote.delta) < 0.6
        assert (quote.delta > 0) is (option.right == "C")
        # Black-Scholes at the money: gamma = φ(d1) / (S σ √T), vega = S φ(d1) √T / 100
        assert quote.iv is not None
        years = 28 / 365
        assert quote.gamma == pytest.approx(0.397 / (float(spot) * quote.iv * math.sqrt(years)), rel=0.06)
        assert quote.vega == pytest.approx(0.397 * float(spot) * math.sqrt(years) / 100, rel=0.06)
        assert -1.0 < quote.theta < -0.1


@pytest.mark.parametrize(
    ("symbol", "low", "high"), [("SPY", 0.14, 0.195), ("PLTR", 0.42, 0.6), ("TSLA", 0.40, 0.52), ("AAPL", 0.22, 0.33)]
)
def test_underlyings_keep_their_volatility_regime(symbol: str, low: float, high: float) -> None:
    """Over a year, under several seeds, the 30-day volatility stays where the selection of strikes expects it."""
    for seed in (1, 7, 2026):
        market = Market(seed, SystemClock(datetime(2026, 11, 20, 17, tzinfo=NEW_YORK)))
        stock = market.stock(symbol)
        assert stock is not None
        span = (DAY[0] - timedelta(days=365), DAY[1])
        closes = [
            float(bar.close) for bar in market.history(stock.con_id, "OPTION_IMPLIED_VOLATILITY", *span, bar_s=86_400)
        ]

        assert len(closes) == 252
        assert low < min(closes) <= max(closes) < high
        assert closes[-1] == pytest.approx(market.true_volatility(stock.con_id, DAY[1]), abs=1e-6)
