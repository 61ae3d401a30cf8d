"""Early-exercise boundary of American puts.

The price at which an American put is best exercised, as a function of the time left, for many volatilities at once.

The integral equation of I. J. Kim (1990) for the exercise boundary, solved by fixed points on Chebyshev nodes in the
square root of time, as L. Andersen, M. Lake and D. Offengenden do ("High performance American option pricing",
Journal of Computational Finance 20, 2016; their system B). Integrals over time use v = tau sin², u = tau cos² of an
angle, which takes the square-root behaviour from both ends.
"""

import numpy as np

from collector.domain.pricing.normal import Floats, distribution

_NODES = 12
"""Times at which a boundary is solved, the present included."""
_SOLVING_ANGLES = 16
_ITERATIONS = 60
_PRECISION = 1e-5
"""Relative change of the boundary at which iteration ends; values are then good to 1e-6 of the strike."""
_LEAST = 1e-12


def angles(count: int) -> tuple[Floats, Floats]:
    """Return Gauss–Legendre nodes and weights on (0, pi/2)."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    quarter = 0.25 * np.pi
    return quarter * (nodes + 1.0), quarter * weights


class Boundary:
    """Exercise boundaries of puts with strike 1, one for each of some volatilities.

    Args:
        rate: interest rate, above 0, or 0 with a negative yield; the put is never exercised early otherwise.
        dividend_yield: yield of the asset.
        volatilities: ascending, above 0.
        longest: the longest time left that will be asked for, years, above 0.
    """

    def __init__(self, rate: float, dividend_yield: float, volatilities: Floats, longest: float) -> None:
        self._rate, self._yield, self._volatilities, self._longest = rate, dividend_yield, volatilities, longest
        self.top = min(1.0, rate / dividend_yield) if dividend_yield > 0.0 else 1.0
        self._places = 0.5 * (1.0 - np.cos(np.pi * np.arange(1, _NODES + 1) / _NODES))
        self._weights = _barycentric_weights(np.concatenate([[0.0], self._places]))
        self._shape = self._solve()

    def drops(self, times: Floats) -> Floats:
        """Return how far below `top` the boundary lies, as a logarithm: axis 0 volatilities, axis 1 times (years)."""
        matrix = self._interpolation(np.sqrt(np.minimum(times / self._longest, 1.0)))
        result: Floats = np.sqrt(np.maximum(_interpolated(self._shape, matrix), 0.0))
        return result

    def _interpolation(self, places: Floats) -> Floats:
        """Return the matrix that takes the solved squares to those at some places (square-root time, 0 to 1).

        The square at time 0 is 0, so that its column can be left out.
        """
        nodes = np.concatenate([[0.0], self._places])
        away = places[:, None] - nodes[None, :]
        exact = np.abs(away) < _LEAST
        terms = self._weights[None, :] / np.where(exact, 1.0, away)
        matrix = np.where(exact.any(axis=1, keepdims=True), exact.astype(float), terms)
        result: Floats = (matrix / matrix.sum(axis=1, keepdims=True))[:, 1:]
        return result

    def _solve(self) -> Floats:
        """Return the squared drops at the nodes: axis 0 volatilities, axis 1 nodes."""
        rate, dividend = self._rate, self._yield
        sigma = self._volatilities[:, None, None]
        times = self._longest * self._places**2
        theta, weight = angles(_SOLVING_ANGLES)
        ahead = times[:, None] * np.sin(theta) ** 2
        left_places = self._places[:, None] * np.cos(theta)
        matrix = self._interpolation(left_places.ravel())
        measure = weight * 2.0 * np.sin(theta) * np.cos(theta) * times[:, None]
        by_rate = rate * np.exp(-rate * ahead) * measure
        by_yield = dividend * np.exp(-dividend * ahead) * measure
        deviation = sigma * np.sqrt(ahead)
        drift = (rate - dividend) * ahead / deviation
        whole = self._volatilities[:, None] * np.sqrt(times)
        whole_drift = (rate - dividend) * times / whole
        log_top = np.log(self.top)
        drop = self._seed(times)
        for _ in range(_ITERATIONS):
            below = np.sqrt(np.maximum(_interpolated(drop**2, matrix), 0.0)).reshape(deviation.shape)
            middle = (below - drop[:, :, None]) / deviation + drift
            ending = (log_top - drop) / whole + whole_drift
            above = distribution(ending - 0.5 * whole) * np.exp(-rate * times)
            above += (distribution(middle - 0.5 * deviation) * by_rate).sum(axis=2)
            under = distribution(ending + 0.5 * whole) * np.exp(-dividend * times)
            under += (distribution(middle + 0.5 * deviation) * by_yield).sum(axis=2)
            found = np.maximum(log_top - np.log(np.maximum(above, 1e-300) / np.maximum(under, 1e-300)), 0.0)
            change = np.abs(found - drop).max()
            drop = found
            if change < _PRECISION:
                break
        self.residual = float(change)
        return drop**2

    def _seed(self, times: Floats) -> Floats:
        """Return Barone-Adesi and Whaley's first guess of the drops: from the perpetual option's boundary."""
        variance = self._volatilities[:, None] ** 2
        carry = 2.0 * (self._rate - self._yield) / variance
        power = 0.5 * (-(carry - 1.0) - np.sqrt((carry - 1.0) ** 2 + 8.0 * self._rate / variance))
        forever = np.clip(power / (power - 1.0), _LEAST, self.top * (1.0 - 1e-9))
        speed = ((self._rate - self._yield) * times - 2.0 * np.sqrt(variance * times)) / (self.top - forever)
        guess = forever + (self.top - forever) * np.exp(np.minimum(speed * self.top, 0.0))
        seed: Floats = np.log(self.top) - np.log(guess)
        return seed


def _interpolated(values: Floats, matrix: Floats) -> Floats:
    """Return the product of `values` and the transposed matrix.

    Not by `@`: that is OpenBLAS's, whose threads a fork elsewhere in the process (a database's server that is started)
    takes away in the middle of a product, which then never ends.
    """
    result: Floats = np.einsum("ij,kj->ik", values, matrix)
    return result


def _barycentric_weights(nodes: Floats) -> Floats:
    """Return the weights of Chebyshev's points of the second kind, both ends included."""
    weights = np.where(np.arange(len(nodes)) % 2 == 0, 1.0, -1.0)
    weights[0] *= 0.5
    weights[-1] *= 0.5
    return weights
