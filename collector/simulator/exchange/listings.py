"""Listed instruments and quoted values.

What is listed and what is quoted: the values that the simulated market hands out.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

Right = Literal["C", "P"]
"""C for a call, P for a put."""


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """An underlying; there is exactly one object for each, compared by identity.

    Attributes:
        con_id: IB's contract number.
        symbol: the ticker, which is also the trading class of its options.
        name: the long name.
        primary_exchange: where it is listed.
        late_close: its options (and its own bars) go on until 16:15 New York, 13:15 on early-close days.
        penny: its options trade in pennies at every price; otherwise in nickels from 3 USD.
        spot: the level that its price reverts to, USD.
        volatility: the level that its 30-day implied volatility reverts to, as a fraction of 1 a year.
        volatility_swing: standard deviation of the logarithm of that implied volatility around its level.
        rate: interest rate, continuously compounded, a year.
        dividend_yield: dividend yield, continuously compounded, a year.
        skew: how much the smile falls per standard deviation of moneyness.
        curvature: how much it rises per squared standard deviation.
        shares_a_day: shares traded on an average full day.
        option_trades_a_day: trades a day of its busiest option contract.
        steps: strike ladder as (step in USD, half-width as a fraction of spot), finest first.
        daily_expirations: options expire on every session, not only on Fridays.
        dividends: cash dividends besides that yield, as ex-date and USD per share, ascending.
    """

    con_id: int
    symbol: str
    name: str
    primary_exchange: str
    late_close: bool
    penny: bool
    spot: float
    volatility: float
    volatility_swing: float
    rate: float
    dividend_yield: float
    skew: float
    curvature: float
    shares_a_day: int
    option_trades_a_day: float
    steps: tuple[tuple[float, float], ...]
    daily_expirations: bool
    dividends: tuple[tuple[date, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """An option contract.

    Attributes:
        con_id: IB's contract number; the same for the same contract in every market.
        symbol: the underlying's ticker.
        expiration: the last trading day.
        strike: the strike price, USD.
        right: C or P.
        trading_class: the class under which it trades.
        listed: the first day on which it trades.
        multiplier: shares a contract, as text, as IB sends it.
    """

    con_id: int
    symbol: str
    expiration: date
    strike: Decimal
    right: Right
    trading_class: str
    listed: date
    multiplier: str = "100"


@dataclass(frozen=True, slots=True)
class Index:
    """A volatility index: 100 times the 30-day implied volatility of an underlying; nobody trades it.

    Attributes:
        con_id: IB's contract number.
        symbol: its ticker.
        name: the long name.
        exchange: the only destination under which IB knows it.
        of: the underlying's ticker.
    """

    con_id: int
    symbol: str
    name: str
    exchange: str
    of: str


Definition = Stock | Option | Index
"""Whatever a client may ask about."""


@dataclass(frozen=True, slots=True)
class ChainShape:
    """The answer to a question for option parameters: sets, of which not every combination exists."""

    exchange: str
    trading_class: str
    multiplier: str
    expirations: tuple[date, ...]
    strikes: tuple[Decimal, ...]


class SimBar(NamedTuple):
    """A bar as IB sends it.

    Attributes:
        time: start of the bar, aware, in UTC.
        open: first price, USD (a fraction of 1 for implied volatility).
        high: highest price.
        low: lowest price.
        close: last price; it holds at the end of the bar.
        volume: contracts or shares; -1 for every series but TRADES.
        wap: volume-weighted average price to four decimals; -1 for every series but TRADES.
        count: number of trades; -1 for every series but TRADES.
    """

    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    wap: Decimal
    count: int  # type: ignore[assignment] # hides tuple.count, which no one needs on a bar


@dataclass(frozen=True, slots=True)
class Quote:
    """The market of a contract at an instant; prices in USD, None where there is none.

    Attributes:
        time: the instant for which it holds (the last minute of the last session while the market is closed), UTC.
        bid: best bid; None when nobody bids.
        ask: best ask; None when nobody quotes.
        bid_size: contracts (options) or shares at the bid.
        ask_size: contracts or shares at the ask.
        last: the last trade's price, None before the first trade of the session.
        volume: contracts or shares traded in this session so far.
        open_interest: contracts open since the previous close; 0 for a stock.
        previous_close: the underlying's or the option's model price at the previous close.
        iv: implied volatility as a fraction of 1 (30-day for a stock); None once the option has expired.
        model_price: the option's model price, USD; the mid for a stock.
        delta: per USD of the underlying.
        gamma: per USD squared.
        theta: USD a calendar day.
        vega: USD per volatility point (0.01).
        underlying_price: the underlying's price, USD.
    """

    time: datetime
    bid: Decimal | None
    ask: Decimal | None
    bid_size: int
    ask_size: int
    last: Decimal | None
    volume: int
    open_interest: int
    previous_close: Decimal | None
    iv: float | None
    model_price: float | None
    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None
    underlying_price: Decimal


_RATE = 0.04

STOCKS: tuple[Stock, ...] = (
    Stock(
        756733,
        "SPY",
        "STATE STREET SPDR S&P 500 ETF TRUST",
        "ARCA",
        late_close=True,
        penny=True,
        spot=670.0,
        volatility=0.165,
        volatility_swing=0.04,
        rate=_RATE,
        dividend_yield=0.012,
        skew=0.11,
        curvature=0.025,
        shares_a_day=70_000_000,
        option_trades_a_day=900.0,
        steps=((1.0, 0.09), (5.0, 0.25), (10.0, 0.45)),
        daily_expirations=True,
    ),
    Stock(
        444857009,
        "PLTR",
        "PALANTIR TECHNOLOGIES INC-A",
        "NASDAQ",
        late_close=False,
        penny=False,
        spot=165.0,
        volatility=0.50,
        volatility_swing=0.04,
        rate=_RATE,
        dividend_yield=0.0,
        skew=0.05,
        curvature=0.03,
        shares_a_day=60_000_000,
        option_trades_a_day=500.0,
        steps=((1.0, 0.12), (2.5, 0.25), (5.0, 0.60)),
        daily_expirations=False,
    ),
    Stock(
        76792991,
        "TSLA",
        "TESLA INC",
        "NASDAQ",
        late_close=False,
        penny=False,
        spot=420.0,
        volatility=0.46,
        volatility_swing=0.03,
        rate=_RATE,
        dividend_yield=0.0,
        skew=0.04,
        curvature=0.03,
        shares_a_day=85_000_000,
        option_trades_a_day=700.0,
        steps=((2.5, 0.12), (5.0, 0.35), (10.0, 0.60)),
        daily_expirations=False,
    ),
    Stock(
        320227571,
        "QQQ",
        "INVESCO QQQ TRUST SERIES 1",
        "NASDAQ",
        late_close=True,
        penny=True,
        spot=610.0,
        volatility=0.21,
        volatility_swing=0.05,
        rate=_RATE,
        dividend_yield=0.005,
        skew=0.10,
        curvature=0.025,
        shares_a_day=50_000_000,
        option_trades_a_day=700.0,
        steps=((1.0, 0.08), (5.0, 0.25), (10.0, 0.45)),
        daily_expirations=True,
    ),
    Stock(
        265598,
        "AAPL",
        "APPLE INC",
        "NASDAQ",
        late_close=False,
        penny=False,
        spot=265.0,
        volatility=0.27,
        volatility_swing=0.05,
        rate=_RATE,
        dividend_yield=0.004,
        skew=0.06,
        curvature=0.03,
        shares_a_day=50_000_000,
        option_trades_a_day=500.0,
        steps=((2.5, 0.15), (5.0, 0.35), (10.0, 0.55)),
        daily_expirations=False,
    ),
)
"""The underlyings that trade here; any other symbol is unknown."""

INDICES: tuple[Index, ...] = (Index(13455763, "VIX", "CBOE Volatility Index", "CBOE", of="SPY"),)
"""The indices that are known while the underlying trades here."""
