"""The standard normal distribution on arrays."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

_ROOT_TWO_PI = (2.0 * np.pi) ** 0.5
_FARTHEST = 38.0
"""Beyond it the tail is below the smallest double."""

# J. F. Hart et al., Computer Approximations (1968), algorithm 5666; as in G. West, "Better approximations to
# cumulative normal functions", Wilmott (2005). The ratio tends to the right limit in the far tail too.
_UPPER = (
    3.52624965998911e-02, 0.700383064443688, 6.37396220353165, 33.912866078383, 112.079291497871, 221.213596169931,
    220.206867912376,
)  # fmt: skip
_LOWER = (
    8.83883476483184e-02, 1.75566716318264, 16.064177579207, 86.7807322029461, 296.564248779674, 637.333633378831,
    793.826512519948, 440.413735824752,
)  # fmt: skip


def density(x: Floats) -> Floats:
    """Return the density at x."""
    result: Floats = np.exp(-0.5 * x * x) / _ROOT_TWO_PI
    return result


def distribution(x: Floats) -> Floats:
    """Return the probability of a value below x, to 1e-14."""
    away = np.minimum(np.abs(x), _FARTHEST)
    tail = np.exp(-0.5 * away * away)
    tail *= _horner(_UPPER, away)
    tail /= _horner(_LOWER, away)
    result: Floats = np.where(x > 0.0, 1.0 - tail, tail)
    return result


def _horner(coefficients: tuple[float, ...], x: Floats) -> Floats:
    total = coefficients[0] * x
    for coefficient in coefficients[1:-1]:
        total += coefficient
        total *= x
    total += coefficients[-1]
    return total
