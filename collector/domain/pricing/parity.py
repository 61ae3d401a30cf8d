"""Dividend yields from put-call parity.

What the options of one expiration say about dividends: the yield at which put-call parity holds.

A call less a put is worth the forward's present value. Near the money each pair of quotes tells the yield that the
market reckons with; the median of many pairs is robust against single bad quotes. American options pay for early
exercise too: that part is computed at the yield found so far, taken off, and the yield found again.
"""

from dataclasses import dataclass

import numpy as np

from collector.domain.pricing import black_scholes
from collector.domain.pricing.american_price import CALL, PUT, American
from collector.domain.pricing.implied import implied
from collector.domain.pricing.normal import Floats

_ROUNDS = 4
_ENOUGH = 2e-5
"""Change of the yield at which the rounds end."""
_LEAST_PAIRS = 5
_TO_DEVIATION = 1.4826
"""From the median absolute deviation to the standard deviation of normal errors."""
_MEDIAN_PENALTY = 1.2533
"""How much wider a median scatters than a mean."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Calls and puts of the same strike in the same slot, an element each.

    call, put: mids. spread: of both quotes together. strike, spot: USD. years: time to expiration, above 0.
    """

    call: Floats
    put: Floats
    spread: Floats
    strike: Floats
    spot: Floats
    years: Floats


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed before looking: the yield, how far it may be off (one deviation), and its bounds."""

    dividend_yield: float
    deviation: float = 0.02
    lowest: float = -1.0
    highest: float = 2.0


@dataclass(frozen=True, slots=True)
class Carry:
    """The yield of one expiration, its standard error, and the number of pairs that it rests on (0: the prior)."""

    dividend_yield: float
    error: float
    pairs: int

    def forward(self, spot: float, rate: float, years: float) -> float:
        """Return the forward price of the underlying at expiration."""
        return float(spot * np.exp((rate - self.dividend_yield) * years))


def implied_carry(pairs: Pairs, rate: float, prior: Prior) -> Carry:
    """Return the yield implied by parity, drawn towards the prior as far as the pairs cannot tell.

    Hours before expiration a cent in the quotes is a percent of yield: there the prior wins, and it hardly matters.

    Args:
        pairs: near-the-money pairs of one expiration; see `near_the_money`.
        rate: interest rate to that expiration.
        prior: what is believed without them.
    """
    unknown = Carry(prior.dividend_yield, prior.deviation, 0)
    if len(pairs.call) < _LEAST_PAIRS:
        return unknown
    carry, early = unknown, np.zeros(len(pairs.call))
    for _ in range(_ROUNDS):
        before = carry.dividend_yield
        carry = _from_parity(pairs, early, rate, prior)
        if abs(carry.dividend_yield - before) < _ENOUGH:
            break
        early = _early_exercise(pairs, rate, carry.dividend_yield)
    return carry


def _from_parity(pairs: Pairs, early: Floats, rate: float, prior: Prior) -> Carry:
    """Return the yield, given what early exercise adds to the calls more than to the puts."""
    present = pairs.call - pairs.put - early + pairs.strike * np.exp(-rate * pairs.years)
    usable = present > 0.0
    yields = -np.log(np.where(usable, present, 1.0) / pairs.spot) / pairs.years
    weights = np.where(usable, pairs.years * pairs.spot / np.maximum(pairs.spread, 1e-4), 0.0)
    if np.count_nonzero(usable) < _LEAST_PAIRS:
        return Carry(prior.dividend_yield, prior.deviation, 0)
    middle = weighted_median(yields, weights)
    scatter = _TO_DEVIATION * weighted_median(np.abs(yields - middle), weights)
    resolution = float(np.median(pairs.spread / (2.0 * pairs.spot * pairs.years)))
    error = _MEDIAN_PENALTY * max(scatter, 0.5 * resolution) / np.sqrt(np.count_nonzero(usable))
    trust = prior.deviation**2 / (prior.deviation**2 + error**2)
    drawn = trust * middle + (1.0 - trust) * prior.dividend_yield
    return Carry(float(np.clip(drawn, prior.lowest, prior.highest)), error, int(np.count_nonzero(usable)))


def _early_exercise(pairs: Pairs, rate: float, dividend_yield: float) -> Floats:
    """Return how much more early exercise is worth to the call than to the put of each pair."""
    model = American(rate, dividend_yield, float(pairs.years.max()))
    total = np.zeros(len(pairs.call))
    for sign, price in ((CALL, pairs.call), (PUT, pairs.put)):
        options = model.options(sign, pairs.spot, pairs.strike, pairs.years)
        volatility = implied(model, options, price).volatility
        found = np.flatnonzero(np.isfinite(volatility))
        european = black_scholes.value(
            sign, pairs.spot[found], pairs.strike[found], pairs.years[found], volatility[found], rate, dividend_yield
        )
        total[found] += sign * np.maximum(price[found] - european, 0.0)
    return total


def parity_excess(pairs: Pairs, rate: float, dividend_yield: float) -> Floats:
    """Return by how many USD each pair lies outside what parity allows American options; 0 or less is fine.

    A call less a put is worth at most the share less the strike's present value, at least the share's without its
    yield less the strike; half of both spreads is allowed for.
    """
    difference, leeway = pairs.call - pairs.put, 0.5 * pairs.spread
    paid, due = np.exp(-dividend_yield * pairs.years), np.exp(-rate * pairs.years)
    most = pairs.spot * np.maximum(paid, 1.0) - pairs.strike * np.minimum(due, 1.0)
    least = pairs.spot * np.minimum(paid, 1.0) - pairs.strike * np.maximum(due, 1.0)
    result: Floats = np.maximum(difference - leeway - most, least - difference - leeway)
    return result


def near_the_money(strikes: Floats, spot: float, most: int) -> list[int]:
    """Return the places of the strikes nearest to a spot, so many at most, nearest first."""
    return [int(place) for place in np.argsort(np.abs(np.log(strikes / spot)), kind="stable")[:most]]


def weighted_median(values: Floats, weights: Floats) -> float:
    """Return the value below which half the weight lies."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])
