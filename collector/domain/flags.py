"""What is remarkable about a stored slot, as bits: each series owns eight, the last eight belong to the row."""

from enum import IntFlag


class SlotFlag(IntFlag):
    """Bits of `flags` in the bar tables: TRADES owns 0–7, BID 8–15, ASK 16–23; a series' new bar resets its own.

    On the underlying, OPTION_IMPLIED_VOLATILITY owns bits 8–15.
    """

    NONE = 0
    FRACTIONAL_VOLUME = 1 << 0
    """IB sent a fractional volume of contracts; it was rounded to a whole number."""
