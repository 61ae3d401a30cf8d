"""Greeks in the units in which they are stored.

Of American options.
"""

from dataclasses import dataclass

import numpy as np

from collector.domain.pricing.american_price import HIGHEST_VOLATILITY, LOWEST_VOLATILITY
from collector.domain.pricing.models import Model
from collector.domain.pricing.normal import Floats

DAYS_A_YEAR = 365.0
RATE_BUMP = 0.001
"""How far the rate is moved for rho; a tenth of a percentage point keeps rounding and curvature small."""
_VOLATILITY_BUMP = 0.01
"""How far the volatility is moved for vega, as a fraction of itself."""
_POINT = 0.01


@dataclass(frozen=True, slots=True)
class Greeks:
    """Sensitivities per option.

    value: USD. delta: per USD of the underlying. gamma: per USD of the underlying, of delta. theta: USD a calendar
    day, at the present pace. vega: USD per volatility point (0.01). rho: USD per percentage point of the rate.
    """

    value: Floats
    delta: Floats
    gamma: Floats
    theta: Floats
    vega: Floats
    rho: Floats


def greeks(
    model: Model, bumped: Model, sign: int, spot: Floats, strike: Floats, years: Floats, volatility: Floats
) -> Greeks:
    """Return the Greeks of options of one right.

    Theta follows from the others by Black and Scholes's equation, which holds wherever the option is not exercised;
    what moves is the spot without the dividends that are set aside.

    Args:
        model: prices at today's rate.
        bumped: prices at a rate higher by RATE_BUMP, with the same yield.
        sign: CALL or PUT.
        spot: price of the underlying.
        strike: strike price.
        years: time to expiration.
        volatility: volatility.
    """
    options = model.options(sign, spot, strike, years)
    shape = options.shape(volatility)
    up = np.minimum(volatility * (1.0 + _VOLATILITY_BUMP), HIGHEST_VOLATILITY)
    down = np.maximum(volatility * (1.0 - _VOLATILITY_BUMP), LOWEST_VOLATILITY)
    vega = (options.value(up) - options.value(down)) / (up - down)
    moved = bumped.value(sign, spot, strike, years, volatility)
    rho = (moved - np.maximum(shape.value, options.intrinsic)) / RATE_BUMP
    theta = (
        model.rate * shape.value
        - (model.rate * spot - model.dividend_yield * options.spot) * shape.delta
        - 0.5 * volatility**2 * options.spot**2 * shape.gamma
    )
    theta = np.where(shape.gamma == 0.0, 0.0, theta)
    return Greeks(
        value=shape.value,
        delta=np.clip(shape.delta, -1.0, 1.0),
        gamma=np.maximum(shape.gamma, 0.0),
        theta=theta / DAYS_A_YEAR,
        vega=np.maximum(vega, 0.0) * _POINT,
        rho=rho * _POINT,
    )
