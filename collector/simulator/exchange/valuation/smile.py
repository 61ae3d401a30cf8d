"""The true volatility of every option.

The true volatility of every option: the underlying's level, a term structure and a smile.
"""

from datetime import date

import numpy as np
import numpy.typing as npt

from collector.simulator.exchange import sessions
from collector.simulator.exchange.listings import Stock

Floats = npt.NDArray[np.float64]

YEAR_S = 365.0 * 86_400.0
"""Seconds of the year in which rates, yields and volatilities are stated (actual/365, nights and weekends count)."""

_REACH = 3.0
"""Standard deviations of moneyness beyond which the smile flattens out."""
_THIRTY_DAYS = 30.0 / 365.0


def years_left(stock: Stock, expiration: date, instants: npt.NDArray[np.int64]) -> Floats:
    """Return the time from some instants to the product's close on the expiration day.

    Args:
        stock: the underlying.
        expiration: a session day.
        instants: epoch seconds.

    Raises:
        KeyError: the expiration is no session day.
    """
    last = sessions.session(expiration, late_close=stock.late_close)
    if last is None:
        raise KeyError(expiration)
    years: Floats = np.maximum(last.close - instants, 0) / YEAR_S
    return years


def dividends_before(stock: Stock, expiration: date) -> tuple[tuple[float, float], ...]:
    """Return the cash dividends up to an expiration: USD per share, and years from the ex-date's open to its close."""
    found = []
    for ex_date, amount in stock.dividends:
        ex = sessions.session(ex_date, late_close=stock.late_close) if ex_date <= expiration else None
        if ex is not None:
            found.append((float(amount), float(years_left(stock, expiration, np.array([ex.open]))[0])))
    return tuple(found)


def _term(years: Floats) -> Floats:
    """Return the at-the-money volatility of a life over that of thirty days."""
    slope: Floats = np.tanh((years - _THIRTY_DAYS) / 0.4)
    return 1.0 + 0.06 * slope


def moneyness(stock: Stock, level: Floats, spot: Floats, strike: Floats, years: Floats) -> tuple[Floats, Floats]:
    """Return (standard deviations from the forward to the strike, at-the-money volatility)."""
    at_the_money = level * _term(years)
    deviation = at_the_money * np.sqrt(np.maximum(years, 1e-7))
    drift = (stock.rate - stock.dividend_yield) * years
    return (np.log(strike / spot) - drift) / deviation, at_the_money


def volatility(stock: Stock, level: Floats, spot: Floats, strike: Floats, years: Floats) -> Floats:
    """Return the true volatility of options.

    Args:
        stock: the underlying.
        level: its 30-day at-the-money volatility.
        spot: its price, USD.
        strike: strike price, USD.
        years: time to expiration.
    """
    distance, at_the_money = moneyness(stock, level, spot, strike, years)
    bounded = _REACH * np.tanh(distance / _REACH)
    smile: Floats = at_the_money * (1.0 - stock.skew * bounded + stock.curvature * bounded * bounded)
    return smile
