"""American options with cash dividends, on a binomial lattice.

The dividends that will be paid before expiration are set aside at their present value; what remains of the spot follows
the lattice, and exercise pays on both ("escrowed" dividends). The lattice only values early exercise: the European
part is exact. Slower than `American` by far; for underlyings whose dividends are configured.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from collector.domain.pricing import black_scholes
from collector.domain.pricing.american_price import SHORTEST_YEARS
from collector.domain.pricing.normal import Floats, density, distribution
from collector.domain.pricing.shape import Shape

_STEPS = 80
_CHUNK = 2048


@dataclass(frozen=True, slots=True)
class Dividend:
    """A cash dividend: USD per share, and how long before the expiration the share goes ex, in years."""

    amount: float
    years_before: float


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

    def set_aside(self, years: Floats, leeway: Floats | float = 0.0) -> Floats:
        """Return the present value of the dividends to come while so much time is left."""
        total = np.zeros_like(years)
        for dividend in self.dividends:
            wait = years - dividend.years_before
            total += np.where(wait + leeway > 0.0, dividend.amount * np.exp(-self.rate * np.maximum(wait, 0.0)), 0.0)
        return total


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
        self.spot: Floats = np.maximum(spot - model.set_aside(years), 0.01 * spot)

    @cached_property
    def _counts(self) -> Floats:
        return np.arange(-_STEPS - 2, _STEPS + 3, 2, dtype=np.float64)

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
        """Return the three premiums; the lattice begins two steps early, so that three nodes stand at the present."""
        model, strike, years = self._model, self.strike[places, None], self.years[places, None]
        step = years / _STEPS
        move = volatility[:, None] * np.sqrt(step)
        drift = (model.rate - model.dividend_yield) * step
        chance = np.clip((np.exp(drift) - np.exp(-move)) / (np.exp(move) - np.exp(-move)), 0.0, 1.0)
        discount = np.exp(-model.rate * step)
        rising, falling = discount * chance, discount * (1.0 - chance)
        spot = self.spot[places, None]
        prices = spot * np.exp(move * self._counts)
        payoff = np.maximum(self.sign * (prices - strike), 0.0)
        american, european = payoff, payoff
        up = np.exp(move)
        for number in range(_STEPS - 1, -1, -1):
            prices = prices[:, :-1] * up
            american = rising * american[:, 1:] + falling * american[:, :-1]
            european = rising * european[:, 1:] + falling * european[:, :-1]
            escrow = model.set_aside(years - number * step, 0.5 * step)
            np.maximum(american, self.sign * (prices + escrow - strike), out=american)
        premium: Floats = np.maximum(american - european, 0.0).T
        return premium
