"""Implied volatilities of American options.

Volatilities at which American options have the prices that the market pays.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from collector.domain.pricing import black_scholes
from collector.domain.pricing.american_price import HIGHEST_VOLATILITY, LOWEST_VOLATILITY
from collector.domain.pricing.models import Model, OpenOptions
from collector.domain.pricing.normal import Floats

_ITERATIONS = 60
_PRECISION = 1e-7
"""Change of the volatility at which a search ends."""
_EXACT = 1e-10
"""Difference to the price, as a fraction of the spot, at which it ends whatever the change."""
_TIME_VALUE = 1e-9
"""Time value, as a fraction of the spot, below which a price tells nothing."""
_HALVING_EVERY = 4


class Solved(IntEnum):
    """How the search for one volatility ended; all but FOUND leave no number."""

    FOUND = 0
    BELOW = 1
    """The price holds no time value: at or below what the option is worth at the lowest volatility."""
    ABOVE = 2
    """The price is above what the option is worth at the highest volatility."""


@dataclass(frozen=True, slots=True)
class Implied:
    """Volatilities (NaN where there is none) and how each was found or not, as `Solved`."""

    volatility: Floats
    outcome: npt.NDArray[np.int8]


def implied(model: Model, options: OpenOptions, price: Floats) -> Implied:
    """Return the volatilities of some prices.

    The European option's volatility is never below the American's: it is the first upper end of the bracket, and
    the first guess. Secant steps follow, kept inside the bracket.
    """
    count = len(price)
    spot, strike, years, sign = options.spot, options.strike, options.years, options.sign
    outcome = np.full(count, Solved.FOUND, dtype=np.int8)
    least = options.value(np.full(count, LOWEST_VOLATILITY))
    outcome[~(price > least + _TIME_VALUE * spot)] = Solved.BELOW
    ceiling = black_scholes.value(
        sign, spot, strike, years, np.full(count, HIGHEST_VOLATILITY), model.rate, model.dividend_yield
    )
    doubtful = np.flatnonzero((price >= ceiling) & (outcome == Solved.FOUND))  # the American may be worth more
    most = options.value(np.full(len(doubtful), HIGHEST_VOLATILITY), doubtful)
    outcome[doubtful[~(price[doubtful] < most)]] = Solved.ABOVE
    volatility = np.full(count, np.nan)
    chosen = np.flatnonzero(outcome == Solved.FOUND)
    if len(chosen):
        start = black_scholes.implied(
            sign, price[chosen], spot[chosen], strike[chosen], years[chosen],
            model.rate, model.dividend_yield, (LOWEST_VOLATILITY, HIGHEST_VOLATILITY),
        )  # fmt: skip
        volatility[chosen] = _search(model, options, price, chosen, start)
    return Implied(volatility, outcome)


def _search(model: Model, options: OpenOptions, price: Floats, chosen: npt.NDArray[np.intp], start: Floats) -> Floats:
    spot = options.spot[chosen]
    low, high = np.full(len(chosen), LOWEST_VOLATILITY), np.minimum(start * (1.0 + 1e-6), HIGHEST_VOLATILITY)
    current = start.copy()
    excess = options.value(current, chosen) - price[chosen]
    slope = black_scholes.vega(
        spot, options.strike[chosen], options.years[chosen], current, model.rate, model.dividend_yield
    )
    active = np.flatnonzero(np.abs(excess) > _EXACT * spot)
    for number in range(1, _ITERATIONS):
        if len(active) == 0:
            break
        at, gap = current[active], excess[active]
        above = gap > 0.0
        high[active[above]] = np.minimum(high[active[above]], at[above])
        low[active[~above]] = np.maximum(low[active[~above]], at[~above])
        following = at - gap / np.maximum(slope[active], 1e-300)
        halved = ~((following > low[active]) & (following < high[active]))
        if number % _HALVING_EVERY == 0:
            halved[:] = True
        following[halved] = np.sqrt(low[active] * high[active])[halved]
        found = options.value(following, chosen[active]) - price[chosen[active]]
        change = following - at
        with np.errstate(divide="ignore", invalid="ignore"):
            slope[active] = np.where(np.abs(change) > 0.0, (found - gap) / change, slope[active])
        current[active], excess[active] = following, found
        settled = (np.abs(found) <= _EXACT * spot[active]) | (np.abs(change) <= _PRECISION)
        settled |= np.abs(found) <= _PRECISION * slope[active]
        active = active[~settled]
    return current
