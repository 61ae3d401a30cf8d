"""Words and meanings of the codes in stored rows."""

from dataclasses import dataclass

from collector.domain.pricing.reasons import GreeksReason
from collector.domain.quality.flags import SlotFlag
from collector.domain.quality.quality_rules import Impossible


@dataclass(frozen=True, slots=True)
class Code:
    """One code. kind: what it stands in. code: the number, a flag's bit; None where the word itself is stored."""

    kind: str
    code: int | None
    word: str
    meaning: str


GREEKS_REASONS = {
    GreeksReason.FROM_QUOTE: "computed from the middle of bid and ask",
    GreeksReason.FROM_TRADE: "computed from the slot's last trade, for the quote was not fit",
    GreeksReason.NO_PRICE: "none: the slot has neither a quote nor a trade",
    GreeksReason.NO_UNDERLYING: "none: the underlying has no price in the slot",
    GreeksReason.NO_BID: "none: nobody bid, so the middle means nothing",
    GreeksReason.CROSSED: "none: the bid is above the ask",
    GreeksReason.TOO_WIDE: "none: bid and ask are too far apart",
    GreeksReason.STALE: "none: the price stood still while the underlying moved, or is a bar without trades",
    GreeksReason.BELOW_INTRINSIC: "none: the price holds no time value",
    GreeksReason.ABOVE_BOUND: "none: the price is above what any volatility explains",
    GreeksReason.EXPIRED: "none: the slot ends with the contract, no time is left",
    GreeksReason.SUSPICIOUS: "none: the price is flagged",
    GreeksReason.OUT_OF_RANGE: "none: the numbers do not fit their columns",
    GreeksReason.UNKNOWN_DIVIDEND: (
        "none: calls and puts contradict each other as before a cash dividend that nobody told of; greeks.dividends"
    ),
}
FLAGS = {
    SlotFlag.FRACTIONAL_VOLUME: "the source sent a fraction of a contract as volume; it was rounded",
    SlotFlag.NO_VOLUME: "a TRADES bar without volume: the source's flat bar, no trade",
    SlotFlag.TRADE_OFF_TICK: "a trade price that is no multiple of a cent",
    SlotFlag.TRADE_OUT_OF_BOUNDS: "a trade price that no option can have at the underlying's prices of the slot",
    SlotFlag.TRADE_OFF_QUOTES: "trades far outside the slot's bids and asks",
    SlotFlag.TRADE_JUMP: "a trade price far from the bars before and after, which agree with each other",
    SlotFlag.TRADE_VWAP: "an average price outside the bar's range",
    SlotFlag.TRADE_QUARANTINED: "the TRADES bar cannot be true and stands in quarantined_bars: trades are unknown",
    SlotFlag.BID_OFF_TICK: "a bid that is no multiple of a cent",
    SlotFlag.BID_OUT_OF_BOUNDS: "a bid that no option can have at the underlying's prices of the slot",
    SlotFlag.BID_CROSSED: "a bid above the ask of the slot",
    SlotFlag.BID_JUMP: "a bid much further from the ask than usual; on an underlying, a jump of its volatility",
    SlotFlag.BID_QUARANTINED: "the BID bar (an underlying's: volatility) cannot be true and is in quarantined_bars",
    SlotFlag.ASK_OFF_TICK: "an ask that is no multiple of a cent",
    SlotFlag.ASK_OUT_OF_BOUNDS: "an ask that no option can have at the underlying's prices of the slot",
    SlotFlag.ASK_CROSSED: "an ask below the bid of the slot",
    SlotFlag.ASK_JUMP: "an ask much further from the bid than usual, and the ask is the one that moved",
    SlotFlag.ASK_QUARANTINED: "the ASK bar cannot be true and stands in quarantined_bars",
}
QUARANTINE_REASONS = {
    Impossible.OFF_GRID: "its time is no start of a slot",
    Impossible.OUTSIDE_SESSION: "its time lies outside the session",
    Impossible.NOT_A_NUMBER: "a price is no number",
    Impossible.NEGATIVE_PRICE: "a price is below 0",
    Impossible.ZERO_PRICE: "a price is 0 where nobody trades or asks for nothing",
    Impossible.HIGH_BELOW_LOW: "the high is below the low",
    Impossible.HIGH_BELOW_BODY: "the high is below the open or the close",
    Impossible.LOW_ABOVE_BODY: "the low is above the open or the close",
    Impossible.NEGATIVE_VOLUME: "the volume is below 0",
    Impossible.TOO_LARGE: "a number is beyond what its column holds",
}
CODES = (
    *(Code("greeks_reason", int(reason), reason.name.lower(), text) for reason, text in GREEKS_REASONS.items()),
    *(Code("flag", int(flag), (flag.name or "").lower(), text) for flag, text in FLAGS.items()),
    *(Code("quarantine_reason", None, reason.value, text) for reason, text in QUARANTINE_REASONS.items()),
)
"""All of them: kinds greeks_reason, flag and quarantine_reason."""
