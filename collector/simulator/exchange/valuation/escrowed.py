"""Values of options before a cash dividend.

The dividends that will be paid before the expiration are set aside at their present value, and what remains of the spot
moves. A call is exercised at once, just before the last ex-date, or after it; puts, which gain by waiting for a
dividend, likewise. Before an earlier ex-date nobody exercises here, which real holders of deep calls would.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from collector.simulator.exchange.valuation.american import Pricer

Floats = npt.NDArray[np.float64]

_REACH, _NODES = 5.0, 201
_AT = np.linspace(-_REACH, _REACH, _NODES)
_WEIGHTS = np.exp(-0.5 * _AT * _AT) / np.exp(-0.5 * _AT * _AT).sum()


def american(
    pricer: Pricer,
    paid: Sequence[tuple[float, float]],
    spot: Floats,
    strike: Floats,
    years: Floats,
    volatility: Floats,
) -> Floats:
    """Return values with dividends; where none lies ahead they are the pricer's own.

    Args:
        pricer: of the options' right.
        paid: dividends, as USD per share and years before the expiration at which the share goes ex, the last one last.
        spot: price of the underlying, USD.
        strike: strike price, USD.
        years: time to expiration.
        volatility: volatility a year, as a fraction of 1.
    """
    rate, sign = pricer.rate, pricer.sign
    kept = spot - sum(amount * np.exp(-rate * (years - left)) * (years > left) for amount, left in paid)
    amount, left = paid[-1]
    wait = np.maximum(years - left, 0.0)
    drift, deviation = (rate - pricer.dividend_yield - 0.5 * volatility**2) * wait, volatility * np.sqrt(wait)
    total = np.zeros(np.broadcast_shapes(kept.shape, strike.shape, volatility.shape))
    for at, weight in zip(_AT, _WEIGHTS, strict=True):
        then = kept * np.exp(drift + deviation * at)
        held = pricer.american(then, strike, np.minimum(years, left), volatility)
        total += weight * np.maximum(held, sign * (then + amount - strike))
    ahead = np.maximum(np.exp(-rate * wait) * total, sign * (spot - strike))
    value: Floats = np.where(years > left, ahead, pricer.american(spot, strike, years, volatility))
    return value
