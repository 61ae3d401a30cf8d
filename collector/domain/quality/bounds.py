"""Bounds of each column, checked before storing.

What each column can hold: the one place that bars and contracts are checked against before they are stored.
"""

from dataclasses import dataclass

from collector.domain.market_data.bars import SCALE, whole
from collector.domain.market_data.data_sets import InstrumentKind
from collector.domain.market_data.instruments import OptionContract, WhatToShow


@dataclass(frozen=True, slots=True)
class Bound:
    """What a column holds, in ten-thousandths: from `least`, the first that is not rounded to 0, to `most`."""

    least: int
    most: int


OPTION_PRICE = Bound(1, 100_000 * SCALE)
"""USD per share; vwap, too. The sum of two, of which the middle is made, is a 4-byte integer as well."""
UNDERLYING_PRICE = Bound(1, 10**9 * SCALE)
VOLATILITY = Bound(1, 2**31 - 1)
"""Of 1: its ten-thousandths are a 4-byte integer."""
OPTION_VOLUME = Bound(0, (2**31 - 1) * SCALE)
"""Contracts: a 4-byte integer, also among the values that were replaced."""
UNDERLYING_VOLUME = Bound(0, 9 * 10**14 * SCALE)
"""Shares: their ten-thousandths are an 8-byte integer."""
STRIKE = Bound(1, 10**9 * SCALE)
MOST_TRADES = 2**31 - 1
"""A bar's number of trades is a 4-byte integer."""


def prices_of(kind: InstrumentKind, what: WhatToShow) -> Bound:
    """Return the bound of a series' open, high, low and close; nobody need bid, so that a BID may be 0."""
    if what is WhatToShow.OPTION_IMPLIED_VOLATILITY:
        return VOLATILITY
    price = OPTION_PRICE if kind is InstrumentKind.OPTION else UNDERLYING_PRICE
    return Bound(0, price.most) if what is WhatToShow.BID else price


def volume_of(kind: InstrumentKind) -> Bound:
    """Return the bound of a TRADES bar's volume."""
    return OPTION_VOLUME if kind is InstrumentKind.OPTION else UNDERLYING_VOLUME


def can_be_stored(contract: OptionContract) -> bool:
    """Return whether the contract's strike fits its column, and is more than nothing."""
    return contract.strike.is_finite() and STRIKE.least <= whole(contract.strike) <= STRIKE.most
