"""American options under a continuous yield.

American options under a constant rate and a continuous yield: values, deltas and gammas, fast and to five digits.

An American put is the European one plus what early exercise earns (Kim 1990): an integral over the exercise boundary,
which is solved once per rate, yield and horizon for a ladder of volatilities. A call is a put with spot and strike,
rate and yield exchanged (McDonald and Schroder 1998).
"""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from collector.domain.pricing.boundary import Boundary, angles
from collector.domain.pricing.models import Shape
from collector.domain.pricing.normal import Floats, density, distribution

CALL, PUT = 1, -1
LOWEST_VOLATILITY, HIGHEST_VOLATILITY = 0.005, 8.0
SHORTEST_YEARS = 1e-7
"""Three seconds; anything shorter counts as this."""

_LADDER = 48
_ANGLES = 14
_CHUNK = 4096
"""Options priced at once, so that the arrays stay in the processor's cache."""


class American:
    """Prices under one rate and one yield; boundaries are solved when first needed.

    Args:
        rate: interest rate, 0 or more.
        dividend_yield: yield of the underlying, negative if holding it costs.
        longest: the longest time to expiration that will be asked for, years.
    """

    def __init__(self, rate: float, dividend_yield: float, longest: float) -> None:
        self.rate, self.dividend_yield, self.longest = rate, dividend_yield, max(longest, SHORTEST_YEARS)

    @cached_property
    def puts(self) -> "_Puts":
        """Return the pricing of puts."""
        return _Puts(self.rate, self.dividend_yield, self.longest)

    @cached_property
    def calls(self) -> "_Puts":
        """Return the pricing of calls: that of puts with rate and yield exchanged."""
        return _Puts(self.dividend_yield, self.rate, self.longest)

    def options(self, sign: int, spot: Floats, strike: Floats, years: Floats) -> "Options":
        """Return options ready to be priced at any volatility.

        Args:
            sign: CALL or PUT, of all of them.
            spot: price of the underlying.
            strike: strike price.
            years: time to expiration, at most `longest`.
        """
        return Options(self, sign, spot, strike, np.maximum(years, SHORTEST_YEARS))

    def value(self, sign: int, spot: Floats, strike: Floats, years: Floats, volatility: Floats) -> Floats:
        """Return values; arrays of one length, otherwise as for `options`."""
        return self.options(sign, spot, strike, years).value(volatility)


class Options:
    """Options of one right whose volatilities are still open; made by `American.options`.

    Attributes:
        intrinsic: what exercise pays at once.
    """

    def __init__(self, model: American, sign: int, spot: Floats, strike: Floats, years: Floats) -> None:
        self.sign, self.spot, self.strike, self.years = sign, spot, strike, years
        self.intrinsic: Floats = np.maximum(sign * (spot - strike), 0.0)
        self._pricing = model.puts if sign == PUT else model.calls
        self._unit = strike if sign == PUT else spot
        self._moneyness = sign * np.log(strike / spot)
        self._rows, self._tables = self._pricing.tables(years)

    def value(self, volatility: Floats, chosen: npt.NDArray[np.intp] | None = None) -> Floats:
        """Return values at volatilities, of all options or of those at some places."""
        result = np.empty(len(volatility))
        for part in _chunks(len(volatility)):
            at = part if chosen is None else chosen[part]
            result[part] = self._unit[at] * self._pricing.value(
                self._moneyness[at], self.years[at], volatility[part], self._rows[at], self._tables
            )
        floored: Floats = np.maximum(result, self.intrinsic if chosen is None else self.intrinsic[chosen])
        return floored

    def shape(self, volatility: Floats) -> Shape:
        """Return values, deltas and gammas at volatilities, one for each option."""
        value, slope, bend = (np.empty(len(volatility)) for _ in range(3))
        for part in _chunks(len(volatility)):
            value[part], slope[part], bend[part] = self._pricing.shape(
                self._moneyness[part], self.years[part], volatility[part], self._rows[part], self._tables
            )
        spot, strike = self.spot, self.strike
        if self.sign == PUT:
            return Shape(strike * value, slope, bend / strike)
        # A call is spot × put(strike / spot).
        ratio = strike / spot
        return Shape(spot * value, value - ratio * slope, ratio * ratio * bend / spot)


class _Puts:
    """Puts with strike 1: arguments are logarithms of the spot, times, volatilities, and places in a table."""

    def __init__(self, rate: float, dividend_yield: float, longest: float) -> None:
        self._rate, self._yield = rate, dividend_yield
        # Exercise earns rate × strike and saves the yield × spot: never if neither pays.
        self._early = rate > 0.0 or (rate == 0.0 and dividend_yield < 0.0)
        self._theta, self._weight = angles(_ANGLES)
        self._ladder = np.geomspace(LOWEST_VOLATILITY, HIGHEST_VOLATILITY, _LADDER)
        self._step = np.log(self._ladder[1] / self._ladder[0])
        if self._early:
            self._boundary = Boundary(rate, dividend_yield, self._ladder, longest)
            self._log_top = np.log(self._boundary.top)

    def tables(self, years: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
        """Return each option's row block and a table of the boundary.

        A row for each distinct time and volatility of the ladder; columns: drop over volatility at the times left
        u = years cos² of each angle, and last at `years` itself.
        """
        if not self._early:
            return np.zeros(len(years), dtype=np.intp), np.zeros((1, 1))
        distinct, place = np.unique(years, return_inverse=True)
        left = np.concatenate([np.cos(self._theta) ** 2, [1.0]])
        times = (distinct[:, None] * left).ravel()
        drops = self._boundary.drops(times) / self._ladder[:, None]
        table = drops.reshape(_LADDER, len(distinct), -1).transpose(1, 0, 2).reshape(len(distinct) * _LADDER, -1)
        return place.astype(np.intp) * _LADDER, np.ascontiguousarray(table)

    def value(
        self, moneyness: Floats, years: Floats, volatility: Floats, rows: npt.NDArray[np.intp], tables: Floats
    ) -> Floats:
        """Return values per USD of strike."""
        value = self._european(moneyness, years, volatility)
        if not self._early:
            return value
        drop = self._drops(volatility, rows, tables)
        ahead, by_rate, by_yield = self._measures(years)
        deviation = volatility[:, None] * np.sqrt(ahead)
        spot = np.exp(moneyness)
        far = moneyness[:, None] - self._log_top + drop[:, :-1] + (self._rate - self._yield) * ahead
        far /= deviation
        deviation *= 0.5
        premium = np.einsum("ij,ij->i", by_rate, distribution(deviation - far))
        if self._yield != 0.0:
            premium -= spot * np.einsum("ij,ij->i", by_yield, distribution(-deviation - far))
        exercised = moneyness <= self._log_top - drop[:, -1]
        result: Floats = np.where(exercised, 1.0 - spot, value + premium)
        return result

    def shape(
        self, moneyness: Floats, years: Floats, volatility: Floats, rows: npt.NDArray[np.intp], tables: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Return values per USD of strike, and their first and second derivatives by the spot (strike 1)."""
        spot = np.exp(moneyness)
        root = volatility * np.sqrt(years)
        d1 = (moneyness + (self._rate - self._yield) * years) / root + 0.5 * root
        carried = np.exp(-self._yield * years)
        value = self._european(moneyness, years, volatility)
        slope = -carried * distribution(-d1)
        bend = carried * density(d1) / (spot * root)
        if not self._early:
            return value, slope, bend
        drop = self._drops(volatility, rows, tables)
        ahead, by_rate, by_yield = self._measures(years)
        deviation = volatility[:, None] * np.sqrt(ahead)
        price = spot[:, None]
        middle = moneyness[:, None] - self._log_top + drop[:, :-1] + (self._rate - self._yield) * ahead
        middle /= deviation
        upper, lower = middle + 0.5 * deviation, middle - 0.5 * deviation
        dense_up, dense_low, under = density(upper), density(lower), distribution(-upper)
        value = value + (by_rate * distribution(-lower) - price * by_yield * under).sum(axis=1)
        slope = slope + (-by_rate * dense_low / (price * deviation) - by_yield * (under - dense_up / deviation)).sum(
            axis=1
        )
        bend = bend + (
            by_rate * dense_low / (price**2 * deviation) * (1.0 + lower / deviation)
            + by_yield * dense_up / (price * deviation) * (1.0 - upper / deviation)
        ).sum(axis=1)
        exercised = moneyness <= self._log_top - drop[:, -1]
        return (
            np.where(exercised, 1.0 - spot, value),
            np.where(exercised, -1.0, slope),
            np.where(exercised, 0.0, bend),
        )

    def _european(self, moneyness: Floats, years: Floats, volatility: Floats) -> Floats:
        root = volatility * np.sqrt(years)
        d1 = (moneyness + (self._rate - self._yield) * years) / root + 0.5 * root
        result: Floats = np.exp(-self._rate * years) * distribution(root - d1) - np.exp(
            moneyness - self._yield * years
        ) * distribution(-d1)
        return result

    def _measures(self, years: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the times ahead, and what rate and yield weigh there; a row an option, a column an angle."""
        sine = np.sin(self._theta)
        ahead = years[:, None] * sine**2
        measure = years[:, None] * (self._weight * 2.0 * sine * np.cos(self._theta))
        by_rate = self._rate * measure * np.exp(-self._rate * ahead)
        by_yield = self._yield * measure * np.exp(-self._yield * ahead)
        return ahead, by_rate, by_yield

    def _drops(self, volatility: Floats, rows: npt.NDArray[np.intp], tables: Floats) -> Floats:
        """Return the boundary's drops from the table, by Catmull and Rom's cubic in the logarithm of volatility."""
        place = np.log(volatility / LOWEST_VOLATILITY) / self._step
        first = np.clip(place.astype(np.intp), 0, _LADDER - 2)
        u = np.clip(place - first, 0.0, 1.0)
        before, after = np.maximum(first - 1, 0), np.minimum(first + 2, _LADDER - 1)
        weights = (
            0.5 * u * (u * (2.0 - u) - 1.0),
            1.0 + 0.5 * u * u * (3.0 * u - 5.0),
            0.5 * u * (1.0 + u * (4.0 - 3.0 * u)),
            0.5 * u * u * (u - 1.0),
        )
        total = np.zeros((len(volatility), tables.shape[1]))
        for column, weight in zip((before, first, first + 1, after), weights, strict=True):
            total += tables[rows + column] * (weight * volatility)[:, None]
        result: Floats = np.maximum(total, 0.0)
        return result


def _chunks(count: int) -> list[slice]:
    return [slice(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
