"""Reasons for missing implied volatility and Greeks.

Why a slot has implied volatility and Greeks, or has none; stored beside them.
"""

from enum import IntEnum


class GreeksReason(IntEnum):
    """`greeks_reason` of option_bars_5min: 0 and 1 with numbers, all others without; NULL while not yet looked at."""

    FROM_QUOTE = 0
    """Computed from the mid of bid and ask."""
    FROM_TRADE = 1
    """Computed from the slot's last trade: the quote was not fit."""
    NO_PRICE = 2
    """Neither a quote nor a trade in the slot."""
    NO_UNDERLYING = 3
    """The underlying has no price in the slot."""
    NO_BID = 4
    """Nobody bids: the mid means nothing."""
    CROSSED = 5
    """The bid is above the ask."""
    TOO_WIDE = 6
    """Bid and ask are too far apart."""
    STALE = 7
    """The price stood still while the underlying moved, or is a bar without trades."""
    BELOW_INTRINSIC = 8
    """The price holds no time value."""
    ABOVE_BOUND = 9
    """The price is above what any volatility explains."""
    EXPIRED = 10
    """The slot ends with the contract: no time is left."""
    SUSPICIOUS = 11
    """The quality rules flagged the price."""
    OUT_OF_RANGE = 12
    """The numbers do not fit their columns."""
    UNKNOWN_DIVIDEND = 13
    """Calls and puts of the expiration contradict each other as before a cash dividend that nobody told of."""


COMPUTED = (GreeksReason.FROM_QUOTE, GreeksReason.FROM_TRADE)
"""The reasons that come with numbers."""
