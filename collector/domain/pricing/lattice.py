"""American options with cash dividends, on a binomial lattice.

The dividends that will be paid before expiration are set aside at their present value; what remains of the spot follows
the lattice, and exercise pays on both ("escrowed" dividends). The lattice only values early exercise: the European
part is exact. Slower than `American` by far; for underlyings whose dividends are configured.
"""

from math import lgamma

import numpy as np
import numpy.typing as npt

from collector.domain.pricing import black_scholes
from collector.domain.pricing.american_price import SHORTEST_YEARS, American
from collector.domain.pricing.dividends import Dividend, present_value
from collector.domain.pricing.models import Model, Shape
from collector.domain.pricing.normal import Floats, density, distribution

_STEPS = 160
_CHUNK = 256
"""Options rolled back at once, so that their lattices stay in the processor's cache."""

_COUNTS = np.arange(-_STEPS - 2, _STEPS + 3, dtype=np.float64)[:, None]
"""Moves up less moves down of the nodes, of every step."""
_UPS = np.arange(_STEPS + 1, dtype=np.float64)[:, None]
_LOG_WAYS = np.array([[lgamma(_STEPS + 1) - lgamma(ups + 1) - lgamma(_STEPS - ups + 1)] for ups in range(_STEPS + 1)])
"""Logarithm of the number of ways to so many moves up."""


class Lattice:
    """Prices under one rate, one residual yield, and cash dividends; the same use as `American`.

    Args:
        rate: interest rate.
        dividend_yield: yield besides the cash dividends.
        dividends: those before the expiration; what has gone ex already does not count.
    """

    def __init__(self, rate: float, dividend_yield: float, dividends: tuple[Dividend, ...]) -> None:
        self.rate, self.dividend_yield, self.dividends = rate, dividend_yield, dividends

    def options(self, sign: int, spot: Floats, strike: Floats, years: Floats) -> "LatticeOptions":
        """Return options ready to be priced at any volatility; arguments as for `American.options`."""
        return LatticeOptions(self, sign, spot, strike, np.maximum(years, SHORTEST_YEARS))

    def value(self, sign: int, spot: Floats, strike: Floats, years: Floats, volatility: Floats) -> Floats:
        """Return values; arrays of one length."""
        return self.options(sign, spot, strike, years).value(volatility)


class LatticeOptions:
    """Options of one right whose volatilities are still open.

    Attributes:
        spot: price of the underlying without the dividends set aside.
        intrinsic: what exercise pays at once.
    """

    def __init__(self, model: Lattice, sign: int, spot: Floats, strike: Floats, years: Floats) -> None:
        self.sign, self.strike, self.years = sign, strike, years
        self._model = model
        self.intrinsic: Floats = np.maximum(sign * (spot - strike), 0.0)
        self.spot: Floats = np.maximum(spot - present_value(model.dividends, model.rate, years), 0.01 * spot)

    def value(self, volatility: Floats, chosen: npt.NDArray[np.intp] | None = None) -> Floats:
        """Return values at volatilities, of all options or of those at some places."""
        places = np.arange(len(self.years)) if chosen is None else chosen
        european = self._european(volatility, places)
        result: Floats = np.maximum(european + self._premiums(volatility, places)[1], self.intrinsic[places])
        return result

    def shape(self, volatility: Floats) -> Shape:
        """Return values, deltas and gammas at volatilities, one for each option."""
        model, places = self._model, np.arange(len(self.years))
        spot, strike, years = self.spot, self.strike, self.years
        below, here, above = self._premiums(volatility, places)
        up = np.exp(2.0 * volatility * np.sqrt(years / _STEPS))
        left, right = spot * (1.0 - 1.0 / up), spot * (up - 1.0)
        falling, rising = (here - below) / left, (above - here) / right
        root = volatility * np.sqrt(years)
        d1 = (np.log(spot / strike) + (model.rate - model.dividend_yield) * years) / root + 0.5 * root
        carried = np.exp(-model.dividend_yield * years)
        value = self._european(volatility, places) + here
        exercised = value <= self.intrinsic * (1.0 + 1e-9)
        delta = self.sign * carried * distribution(self.sign * d1) + (falling * right + rising * left) / (left + right)
        gamma = carried * density(d1) / (spot * root) + 2.0 * (rising - falling) / (left + right)
        return Shape(
            np.maximum(value, self.intrinsic),
            np.where(exercised & (self.intrinsic > 0.0), self.sign, delta),
            np.where(exercised & (self.intrinsic > 0.0), 0.0, gamma),
        )

    def _european(self, volatility: Floats, places: npt.NDArray[np.intp]) -> Floats:
        return black_scholes.value(
            self.sign, self.spot[places], self.strike[places], self.years[places], volatility,
            self._model.rate, self._model.dividend_yield,
        )  # fmt: skip

    def _premiums(self, volatility: Floats, places: npt.NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
        """Return what early exercise adds, at the spot's lower neighbour, at the spot, at its upper neighbour."""
        result = np.empty((3, len(places)))
        for start in range(0, len(places), _CHUNK):
            part = slice(start, start + _CHUNK)
            result[:, part] = self._roll_back(volatility[part], places[part])
        return result[0], result[1], result[2]

    def _roll_back(self, volatility: Floats, places: npt.NDArray[np.intp]) -> Floats:
        """Return the three premiums; the lattice begins two steps early, so that three nodes stand at the present.

        Rows are nodes, columns options. Nodes of one step and of the next but one have the same prices.
        """
        model, strike, years, spot = self._model, self.strike[places], self.years[places], self.spot[places]
        step = years / _STEPS
        move = volatility * np.sqrt(step)
        drift = (model.rate - model.dividend_yield) * step
        chance = np.clip((np.exp(drift) - np.exp(-move)) / (np.exp(move) - np.exp(-move)), 1e-12, 1.0 - 1e-12)
        discount = np.exp(-model.rate * step)
        rising, falling = discount * chance, discount * (1.0 - chance)
        paid = self.sign * (spot * np.exp(_COUNTS * move) - strike)
        at_even, at_odd = paid[0::2].copy(), paid[1::2].copy()
        payoff = np.maximum(at_even, 0.0)
        weights = np.exp(_LOG_WAYS + _UPS * np.log(chance) + _UPS[::-1] * np.log1p(-chance))
        european = [
            (weights * payoff[start : start + _STEPS + 1]).sum(axis=0) * np.exp(-model.rate * years)
            for start in range(3)
        ]
        left = step * np.arange(_STEPS + 1)[:, None]
        escrow = self.sign * present_value(model.dividends, model.rate, left)
        just_gone = [
            (self.sign * dividend.amount, share, share.max(axis=1) > 0.0)
            for dividend in model.dividends
            for share in [_share(dividend, left, step)]
        ]
        still_ahead = np.abs(escrow).max(axis=1) > 0.0
        american, room = payoff, np.empty_like(payoff)
        for back in range(_STEPS + 1):
            if back:
                other = room[: len(american) - 1]
                np.multiply(american[1:], rising, out=other)
                american = american[:-1]
                american *= falling
                american += other
            other = room[: len(american)]
            here = (at_odd if back % 2 else at_even)[back // 2 : back // 2 + len(american)]
            exercised = np.add(here, escrow[back], out=other) if still_ahead[back] else here
            np.maximum(american, exercised, out=american)
            for amount, share, anybody in just_gone:
                if anybody[back]:
                    american += share[back] * np.maximum(exercised + amount - american, 0.0)
        premium: Floats = np.maximum(american - european, 0.0)
        return premium


def _share(dividend: Dividend, left: Floats, step: Floats) -> Floats:
    """Return for which part of the step before it a dividend that has gone ex by then could still be had.

    For that part its holders choose whether to exercise with it.
    """
    since = dividend.years_before - left
    result: Floats = np.where(since >= 0.0, np.maximum(1.0 - since / step, 0.0), 0.0)
    return result


def model_of(rate: float, dividend_yield: float, dividends: tuple[Dividend, ...], longest: float) -> Model:
    """Return what prices the options of an expiration: a lattice where cash dividends are known, else `American`.

    Args:
        rate: interest rate.
        dividend_yield: yield, of what the dividends leave where there are some.
        dividends: cash dividends before the expiration.
        longest: the longest time to expiration that will be asked for, years.
    """
    if dividends:
        return Lattice(rate, dividend_yield, dividends)
    return American(rate, dividend_yield, longest)
