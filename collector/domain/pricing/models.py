"""What every pricing model offers.

What every pricing model offers to those who invert prices or want Greeks.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from collector.domain.pricing.normal import Floats


@dataclass(frozen=True, slots=True)
class Shape:
    """Value, delta and gamma per option, USD, per USD and per USD squared."""

    value: Floats
    delta: Floats
    gamma: Floats


class OpenOptions(Protocol):
    """Options of one right whose volatilities are still open; see `american.Options`."""

    sign: int
    spot: Floats
    strike: Floats
    years: Floats
    intrinsic: Floats

    def value(self, volatility: Floats, chosen: npt.NDArray[np.intp] | None = None) -> Floats:
        """Return values at volatilities, of all options or of those at some places."""

    def shape(self, volatility: Floats) -> Shape:
        """Return values, deltas and gammas at volatilities, one for each option."""


class Model(Protocol):
    """Prices under one rate and one yield."""

    rate: float
    dividend_yield: float

    def options(self, sign: int, spot: Floats, strike: Floats, years: Floats) -> OpenOptions:
        """Return options ready to be priced at any volatility."""

    def value(self, sign: int, spot: Floats, strike: Floats, years: Floats, volatility: Floats) -> Floats:
        """Return values; arrays of one length."""
