"""Quotes: the market of one contract at one minute."""

from decimal import Decimal

import numpy as np

from collector.simulator.exchange import draws, quotes, sessions
from collector.simulator.exchange.listings import Option, Quote, Stock
from collector.simulator.exchange.underlyings.paths import DayPath
from collector.simulator.exchange.valuation import smile

_SIZE = 31
_BUMP_SPOT, _BUMP_VOLATILITY, _BUMP_DAYS = 0.001, 0.0025, 0.01
"""Steps of the differences that give Greeks: a share of the spot, of volatility, and days."""


def _usd(cents: float) -> Decimal:
    return Decimal(round(cents)) / 100


def _sizes(con_id: int, session: sessions.Session, minute: int) -> tuple[int, int]:
    word = draws.key(con_id, session.day.toordinal(), minute, _SIZE)
    return 1 + word % 97, 1 + (word >> 16) % 97


def stock_quote(stock: Stock, path: DayPath, minute: int, previous_close: float) -> Quote:
    """Return an underlying's quote so many minutes after the open; the previous close is in USD."""
    bid_size, ask_size = _sizes(stock.con_id, path.session, minute)
    price = int(path.cents[minute])
    ask = price + int(path.offer[minute])
    return Quote(
        time=sessions.utc(path.session.open + 60 * minute),
        bid=_usd(ask - 1),
        ask=_usd(ask),
        bid_size=100 * bid_size,
        ask_size=100 * ask_size,
        last=_usd(price),
        volume=int(path.volume[:minute].sum()),
        open_interest=0,
        previous_close=_usd(100.0 * previous_close),
        iv=float(path.volatility[minute]),
        model_price=price / 100.0,
        delta=1.0,
        gamma=0.0,
        theta=0.0,
        vega=0.0,
        underlying_price=_usd(price),
    )


def option_quote(
    stock: Stock,
    option: Option,
    path: DayPath,
    tape: quotes.Tape,
    minute: int,
    earlier: DayPath | None,
    open_interest: int,
) -> Quote:
    """Return a contract's quote so many minutes after the open.

    Args:
        stock: the underlying.
        option: the contract.
        path: the underlying's day.
        tape: the contract's day, alone.
        minute: minutes after the open, up to the close.
        earlier: the underlying's session before, None on the contract's first day.
        open_interest: the contract's, on this day.
    """
    bid_size, ask_size = _sizes(option.con_id, path.session, minute)
    bid, ask = int(tape.bid[0, minute]), int(tape.ask[0, minute])
    struck = np.flatnonzero(tape.price[0, :minute])
    last = _usd(int(tape.price[0, struck[-1]])) if len(struck) else None
    at = path.session.open + 60 * minute
    years = smile.years_left(stock, option.expiration, np.array([at]))
    spot, level = path.cents[minute : minute + 1] / 100.0, path.volatility[minute : minute + 1]
    iv = delta = gamma = theta = vega = None
    fair = float(tape.fair[0, minute])
    if years[0] > 0.0:
        iv = float(smile.volatility(stock, level, spot, np.array([float(option.strike)]), years)[0])
        delta, gamma, theta, vega = _greeks(stock, option, spot, level, years)
    previous = None
    if earlier is not None:
        left = smile.years_left(stock, option.expiration, np.array([earlier.session.close]))
        close = quotes.values(stock, (option,), earlier.cents[-1:] / 100.0, earlier.volatility[-1:], left)
        previous = _usd(max(100.0 * float(close[0, 0]), 1.0))
    return Quote(
        time=sessions.utc(at),
        bid=_usd(bid) if bid else None,
        ask=_usd(ask) if ask else None,
        bid_size=bid_size if bid else 0,
        ask_size=ask_size if ask else 0,
        last=last,
        volume=int(tape.volume[0, :minute].sum()),
        open_interest=open_interest,
        previous_close=previous,
        iv=iv,
        model_price=fair,
        delta=delta,
        gamma=gamma,
        theta=theta,
        vega=vega,
        underlying_price=_usd(int(path.cents[minute])),
    )


def _greeks(
    stock: Stock, option: Option, spot: quotes.Floats, level: quotes.Floats, years: quotes.Floats
) -> tuple[float, float, float, float]:
    """Return delta and gamma per USD, theta per calendar day and vega per volatility point."""

    def value(spot_by: float = 0.0, volatility_by: float = 0.0, days_by: float = 0.0) -> float:
        shift = (spot_by, volatility_by, days_by)
        # The smile belongs to the contract as it stands: only the pricing inputs move.
        return float(quotes.values(stock, (option,), spot, level, years, shift)[0, 0])

    step = _BUMP_SPOT * float(spot[0])
    up, here, down = value(step), value(), value(-step)
    days = min(_BUMP_DAYS, float(years[0]) * 365.0 / 2.0)
    theta = (value(days_by=-days) - here) / days
    vega = (value(volatility_by=_BUMP_VOLATILITY) - value(volatility_by=-_BUMP_VOLATILITY)) / (200.0 * _BUMP_VOLATILITY)
    return (up - down) / (2.0 * step), (up - 2.0 * here + down) / step**2, theta, vega
