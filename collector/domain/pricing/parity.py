"""Dividend yields from put-call parity.

What the options of one expiration say about dividends: the yield at which put-call parity holds.

A call less a put is worth the forward's present value. Near the money each pair of quotes tells the yield that the
market reckons with; the median of many pairs is robust against single bad quotes. American options pay for early
exercise too: that part is computed at the yield found so far, taken off, and the yield found again; pairs of which it
cannot be computed say nothing. Cash dividends that are known are set aside first: the yield is that of what they leave.

A cash dividend that nobody told of is no yield: calls are exercised the evening before, and no yield makes the two
sides of the money agree. `disagree` sees that in the volatilities.
"""

from dataclasses import dataclass

import numpy as np

from collector.domain.pricing import black_scholes
from collector.domain.pricing.american_price import CALL, PUT
from collector.domain.pricing.dividends import Dividend, present_value
from collector.domain.pricing.implied import implied
from collector.domain.pricing.lattice import model_of
from collector.domain.pricing.normal import Floats

_ROUNDS = 4
_ENOUGH = 2e-5
"""Change of the yield at which the rounds end."""
_LEAST_PAIRS = 5
_REACH, _BAND = 1.5, 0.5
"""Standard deviations from the spot within which calls and puts are compared, and the width of a band of strikes."""
_LEAST_BANDS = 2
_AGREED = 0.0015
"""Difference of volatilities below which calls and puts agree; as a fraction of 1."""
_RATE_LEEWAY = 0.01
"""How far the configured rate may be off when they are compared."""
_YIELD_FROM_YEARS = 0.5
"""From then on no call is exercised for a dividend of usual size: the interest on the strike outweighs it."""
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


def implied_carry(pairs: Pairs, rate: float, prior: Prior, dividends: tuple[Dividend, ...] = ()) -> Carry:
    """Return the yield implied by parity, drawn towards the prior as far as the pairs cannot tell.

    Hours before expiration a cent in the quotes is a percent of yield: there the prior wins, and it hardly matters.

    Args:
        pairs: near-the-money pairs of one expiration; see `near_the_money`.
        rate: interest rate to that expiration.
        prior: what is believed without them.
        dividends: cash dividends before it; the yield is besides them.
    """
    unknown = Carry(prior.dividend_yield, prior.deviation, 0)
    if len(pairs.call) < _LEAST_PAIRS:
        return unknown
    carry, early = unknown, np.zeros(len(pairs.call))
    kept = pairs.spot - present_value(dividends, rate, pairs.years)
    for _ in range(_ROUNDS):
        before = carry.dividend_yield
        carry = _from_parity(pairs, kept, early, rate, prior)
        if abs(carry.dividend_yield - before) < _ENOUGH:
            break
        early = _early_exercise(pairs, rate, carry.dividend_yield, dividends)
    return carry


def _from_parity(pairs: Pairs, kept: Floats, early: Floats, rate: float, prior: Prior) -> Carry:
    """Return the yield, given the spots without dividends and what early exercise adds to calls more than to puts."""
    present = pairs.call - pairs.put - early + pairs.strike * np.exp(-rate * pairs.years)
    usable = (present > 0.0) & (kept > 0.0)  # false where the premium is unknown
    yields = -np.log(np.where(usable, present / kept, 1.0)) / pairs.years
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


def _early_exercise(pairs: Pairs, rate: float, dividend_yield: float, dividends: tuple[Dividend, ...]) -> Floats:
    """Return how much more early exercise is worth to the call than to the put of each pair, NaN where unknown."""
    model = model_of(rate, dividend_yield, dividends, float(pairs.years.max()))
    total = np.zeros(len(pairs.call))
    for sign, price in ((CALL, pairs.call), (PUT, pairs.put)):
        options = model.options(sign, pairs.spot, pairs.strike, pairs.years)
        volatility = implied(model, options, price).volatility
        european = black_scholes.value(sign, options.spot, pairs.strike, pairs.years, volatility, rate, dividend_yield)
        total += sign * np.maximum(price - european, 0.0)
    return total


def disagree(pairs: Pairs, volatility: tuple[Floats, Floats], vega: Floats) -> bool:
    """Return whether calls and puts tell different volatilities, and not alike at all strikes.

    With the right early exercise both tell the same. What moves all strikes alike (a spot that is a moment older than
    the quotes, a yield that parity could not find) is no sign of anything; nor is what half the spreads or a rate that
    is slightly off can explain. Nothing is said about expirations so far off that a dividend acts as a yield.

    Args:
        pairs: of one expiration, whatever their strikes.
        volatility: of the calls, and of the puts.
        vega: of each pair, USD by volatility as a fraction of 1.
    """
    calls, puts = volatility
    distance = np.log(pairs.strike / pairs.spot) / (0.5 * (calls + puts) * np.sqrt(pairs.years))
    gap = (calls - puts) * vega
    leeway = 0.5 * pairs.spread + _RATE_LEEWAY * np.abs(pairs.strike - pairs.spot) * pairs.years + _AGREED * vega
    found: list[tuple[float, float]] = []
    for start in np.arange(-_REACH, _REACH, _BAND):
        near = (distance >= start) & (distance < start + _BAND) & (pairs.years < _YIELD_FROM_YEARS)
        if np.count_nonzero(near) >= _LEAST_PAIRS:
            found.append((float(np.median(gap[near])), float(np.median(leeway[near]))))
    if len(found) < _LEAST_BANDS:
        return False
    (lowest, one), (highest, other) = min(found), max(found)
    return highest - lowest > max(one, other)


def refuted(pairs: Pairs, rate: float, dividend_yield: float, dividends: tuple[Dividend, ...]) -> bool:
    """Return whether puts can be bought for less than the dividends alone make them worth.

    A put is worth at least the strike's present value less what the dividends leave of the share: where most cost less,
    dividends of that size are not to come. Calls tell nothing: before a large dividend they are rightly exercised.

    Args:
        pairs: near-the-money pairs of one expiration.
        rate: interest rate to that expiration.
        dividend_yield: yield besides the dividends, as believed; one that parity found would make up for their size.
        dividends: cash dividends before it, as they were told.
    """
    if len(pairs.put) < _LEAST_PAIRS:
        return False
    kept = np.maximum(pairs.spot - present_value(dividends, rate, pairs.years), 0.0)
    least = pairs.strike * np.exp(-rate * pairs.years) - kept * np.exp(-dividend_yield * pairs.years)
    return float(np.median(least - pairs.put - 0.5 * pairs.spread)) > 0.0


def parity_excess(pairs: Pairs, rate: float, dividend_yield: float, dividends: tuple[Dividend, ...] = ()) -> Floats:
    """Return by how many USD each pair lies outside what parity allows American options; 0 or less is fine.

    A call less a put is worth at most the share less the strike's present value, at least the share's without its
    yield and dividends less the strike; half of both spreads is allowed for.
    """
    difference, leeway = pairs.call - pairs.put, 0.5 * pairs.spread
    paid, due = np.exp(-dividend_yield * pairs.years), np.exp(-rate * pairs.years)
    most = pairs.spot * np.maximum(paid, 1.0) - pairs.strike * np.minimum(due, 1.0)
    kept = pairs.spot - present_value(dividends, rate, pairs.years)
    least = kept * np.minimum(paid, 1.0) - pairs.strike * np.maximum(due, 1.0)
    result: Floats = np.maximum(difference - leeway - most, least - difference - leeway)
    return result


def parity_residual(pairs: Pairs, rate: float, dividend_yield: float, dividends: tuple[Dividend, ...] = ()) -> Floats:
    """Return by how many USD a call less its put is worth more than the forward's present value, for each pair."""
    kept = pairs.spot - present_value(dividends, rate, pairs.years)
    worth = kept * np.exp(-dividend_yield * pairs.years) - pairs.strike * np.exp(-rate * pairs.years)
    result: Floats = pairs.call - pairs.put - worth
    return result


def box_residual(pairs: Pairs, rate: float) -> Floats:
    """Return by how many USD the box of two neighbouring strikes in a slot is worth more than what it pays.

    The underlying's price and its dividends fall out of a box: only quotes and the rate are left.
    """
    order = np.lexsort((pairs.strike, pairs.years))
    forward, strike, years = (values[order] for values in (pairs.call - pairs.put, pairs.strike, pairs.years))
    same = np.diff(years) == 0.0
    result: Floats = (-np.diff(forward) - np.diff(strike) * np.exp(-rate * years[1:]))[same]
    return result


def near_the_money(strikes: Floats, spot: float, most: int) -> list[int]:
    """Return the places of the strikes nearest to a spot, so many at most, nearest first."""
    return [int(place) for place in np.argsort(np.abs(np.log(strikes / spot)), kind="stable")[:most]]


def weighted_median(values: Floats, weights: Floats) -> float:
    """Return the value below which half the weight lies."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])
