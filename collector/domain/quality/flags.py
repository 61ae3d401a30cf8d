"""Flags of a stored slot, as bits.

What is remarkable about a stored slot, as bits: each series owns eight, the last eight belong to the row.
"""

from collections.abc import Mapping
from enum import IntFlag

from collector.domain.market_data.instruments import WhatToShow


class SlotFlag(IntFlag):
    """Bits of `flags` in the bar tables: TRADES owns 0–7, BID 8–15, ASK 16–23; a series' changed bar resets its own.

    What takes several series to see is judged where all were answered together, and then stays while the values do.
    On the underlying, OPTION_IMPLIED_VOLATILITY owns bits 8–15.
    """

    NONE = 0
    FRACTIONAL_VOLUME = 1 << 0
    """IB sent a fractional volume of contracts; it was rounded to a whole number."""
    NO_VOLUME = 1 << 1
    """A TRADES bar without volume: IB's flat bar, no trade."""
    TRADE_OFF_TICK = 1 << 2
    """A price that is no multiple of a cent."""
    TRADE_OUT_OF_BOUNDS = 1 << 3
    """A price that no option can have at the underlying's prices of the slot."""
    TRADE_OFF_QUOTES = 1 << 4
    """Trades far outside the slot's bids and asks."""
    TRADE_JUMP = 1 << 5
    """A price far from the bars before and after, which agree with each other."""
    TRADE_VWAP = 1 << 6
    """An average price outside the bar's range."""
    TRADE_QUARANTINED = 1 << 7
    """What came for the slot cannot be true and stands in quarantined_bars: whether anybody traded is unknown."""
    BID_OFF_TICK = 1 << 8
    BID_OUT_OF_BOUNDS = 1 << 9
    BID_CROSSED = 1 << 10
    """A bid above the ask of the same slot: true of every such row, in whatever order its series were answered."""
    BID_JUMP = 1 << 11
    """A bid much further from the ask than usual, and the bid is the one that moved."""
    VOLATILITY_JUMP = 1 << 11
    """On the underlying: an implied volatility far from those before and after."""
    BID_QUARANTINED = 1 << 15
    """On the underlying: of its implied volatility."""
    ASK_OFF_TICK = 1 << 16
    ASK_OUT_OF_BOUNDS = 1 << 17
    ASK_CROSSED = 1 << 18
    ASK_JUMP = 1 << 19
    ASK_QUARANTINED = 1 << 23

    TRADE_DOUBTED = TRADE_OFF_TICK | TRADE_OUT_OF_BOUNDS | TRADE_OFF_QUOTES | TRADE_JUMP
    """The trade's price is not inverted."""
    QUOTE_DOUBTED = (
        BID_OFF_TICK | BID_OUT_OF_BOUNDS | BID_CROSSED | BID_JUMP
        | ASK_OFF_TICK | ASK_OUT_OF_BOUNDS | ASK_CROSSED | ASK_JUMP
    )  # fmt: skip
    """The mid is not inverted."""


QUARANTINED: Mapping[WhatToShow, SlotFlag] = {
    WhatToShow.TRADES: SlotFlag.TRADE_QUARANTINED,
    WhatToShow.BID: SlotFlag.BID_QUARANTINED,
    WhatToShow.ASK: SlotFlag.ASK_QUARANTINED,
    WhatToShow.OPTION_IMPLIED_VOLATILITY: SlotFlag.BID_QUARANTINED,
}
"""The bit of a series whose bar is in quarantine: it goes with a true bar, or an answer that has none for the slot."""
