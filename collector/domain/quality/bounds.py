"""Bounds of each column, checked before storing.

What each column can hold: the one place that bars and contracts are checked against before they are stored.
"""

from dataclasses import dataclass
from decimal import Decimal

from collector.domain.market_data.instruments import OptionContract, WhatToShow


@dataclass(frozen=True, slots=True)
class Bound:
    """What a column holds. least: the smallest positive number that is not rounded to 0. most: the largest number."""

    least: Decimal
    most: Decimal


_HALF_A_DIGIT = Decimal("0.00005")
"""Columns of four decimals round halves up."""

PRICE = Bound(_HALF_A_DIGIT, Decimal(10) ** 9)
"""USD per share; vwap, too. Sums and differences of two fit as well."""
VOLATILITY = Bound(_HALF_A_DIGIT, Decimal(10) ** 7)
"""Fraction of 1."""
VOLUME = Bound(Decimal(0), Decimal(10) ** 15)
"""Contracts or shares, also among the values that were replaced."""
BAR_COUNT = Bound(Decimal(0), Decimal(2**31 - 1))
STRIKE = Bound(_HALF_A_DIGIT, Decimal(10) ** 9)


def prices_of(what: WhatToShow) -> Bound:
    """Return the bound of a series' open, high, low and close."""
    return VOLATILITY if what is WhatToShow.OPTION_IMPLIED_VOLATILITY else PRICE


def can_be_stored(contract: OptionContract) -> bool:
    """Return whether the contract's strike fits its column, and is more than nothing."""
    return contract.strike.is_finite() and STRIKE.least <= contract.strike <= STRIKE.most
