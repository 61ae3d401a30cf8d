"""European options by Black, Scholes and Merton.

European options under a constant rate and a continuous yield (Black, Scholes and Merton 1973).
"""

import numpy as np

from collector.domain.pricing.normal import Floats, density, distribution

_ITERATIONS = 60
_ENOUGH = 1e-9


def value(
    sign: int, spot: Floats, strike: Floats, years: Floats, volatility: Floats, rate: float, dividend_yield: float
) -> Floats:
    """Return values; sign is +1 for calls and -1 for puts, arrays broadcast."""
    d1, root = _d1(spot, strike, years, volatility, rate - dividend_yield)
    carried = spot * np.exp(-dividend_yield * years) * distribution(sign * d1)
    result: Floats = sign * (carried - strike * np.exp(-rate * years) * distribution(sign * (d1 - root)))
    return result


def vega(spot: Floats, strike: Floats, years: Floats, volatility: Floats, rate: float, dividend_yield: float) -> Floats:
    """Return derivatives by the volatility (as a fraction of 1), the same for calls and puts."""
    d1, _ = _d1(spot, strike, years, volatility, rate - dividend_yield)
    result: Floats = spot * np.exp(-dividend_yield * years) * density(d1) * np.sqrt(years)
    return result


def implied(
    sign: int,
    price: Floats,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: float,
    dividend_yield: float,
    bounds: tuple[float, float],
) -> Floats:
    """Return volatilities at which European options have some prices, clipped to bounds.

    Newton's steps inside a bracket that every step narrows. It starts where the price bends least (Manaster and
    Koehler 1982), or near the money where Brenner and Subrahmanyam's (1988) straight line meets the price.
    """
    count = len(price)
    low, high = np.full(count, bounds[0]), np.full(count, bounds[1])
    forward = np.log(spot / strike) + (rate - dividend_yield) * years
    time_value = np.maximum(price - np.maximum(sign * (spot - strike), 0.0), 0.0)
    guess = np.maximum(np.sqrt(2.0 * np.abs(forward) / years), np.sqrt(2.0 * np.pi / years) * time_value / spot)
    current = np.clip(guess, 2.0 * bounds[0], 0.5 * bounds[1])
    active = np.arange(count)
    for _ in range(_ITERATIONS):
        at = (spot[active], strike[active], years[active], current[active], rate, dividend_yield)
        excess = value(sign, *at) - price[active]
        above = excess > 0.0
        high[active[above]] = current[active[above]]
        low[active[~above]] = current[active[~above]]
        step = excess / np.maximum(vega(*at), 1e-300)
        following = current[active] - step
        outside = (following <= low[active]) | (following >= high[active])
        following[outside] = np.sqrt(low[active] * high[active])[outside]
        moved = np.abs(following - current[active])
        current[active] = following
        active = active[moved > _ENOUGH * following]
        if len(active) == 0:
            break
    return current


def _d1(spot: Floats, strike: Floats, years: Floats, volatility: Floats, carry: float) -> tuple[Floats, Floats]:
    root = volatility * np.sqrt(years)
    return (np.log(spot / strike) + carry * years) / root + 0.5 * root, root
