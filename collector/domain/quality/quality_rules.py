"""Judge whether a bar can be true.

Whether a bar can be true: what is impossible is kept apart, what is suspicious is flagged.

The rules look at single bars, at the three series of an option side by side, at the bars before and after, and at the
underlying in the same slot. Only a bar that contradicts itself is impossible; everything else happens in markets, too.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from statistics import median

from collector.domain.market_data.bars import NO_NUMBER, SCALE, Bar, whole
from collector.domain.market_data.data_sets import DataSet, InstrumentKind
from collector.domain.market_data.instruments import OptionContract, Right, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.quality.bounds import MOST_TRADES, prices_of, volume_of
from collector.domain.quality.flags import SlotFlag


class Impossible(StrEnum):
    """Why a bar goes to the quarantine."""

    OFF_GRID = "off_grid"
    OUTSIDE_SESSION = "outside_session"
    NOT_A_NUMBER = "not_a_number"
    NEGATIVE_PRICE = "negative_price"
    ZERO_PRICE = "zero_price"
    HIGH_BELOW_LOW = "high_below_low"
    HIGH_BELOW_BODY = "high_below_open_or_close"
    LOW_ABOVE_BODY = "low_above_open_or_close"
    NEGATIVE_VOLUME = "negative_volume"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far prices may stray before they are flagged; prices are ten-thousandths of a USD, shares fractions of 1.

    tick: options are quoted in multiples of it. off_quotes, off_quotes_share: how far trades may lie outside the slot's
    bids and asks, whichever is more. bounds, bounds_share: how far beyond the no-arbitrage bounds (price, share of the
    underlying's). spread_times, spread, spread_share: a spread is a jump when it exceeds its neighbours' median so many
    times and by so much and by this share of the mid. jump, jump_share: a lone price is a jump when it strays so far
    from its neighbours, beyond what the underlying moved. underlying_share: a jump of the underlying.
    volatility_share: a jump of its implied volatility. neighbours: bars on each side.
    """

    tick: int = whole("0.01")
    off_quotes: int = whole("0.05")
    off_quotes_share: float = 0.05
    bounds: int = whole("0.10")
    bounds_share: float = 0.005
    spread_times: float = 3.0
    spread: int = whole("0.05")
    spread_share: float = 0.08
    jump: int = whole("0.10")
    jump_share: float = 0.12
    underlying_share: float = 0.10
    volatility_share: float = 0.15
    neighbours: int = 3


DEFAULT = Tolerances()


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A bar that cannot be true, and why.

    sent_at: when the request that brought it was sent, by the source's clock. final: its slot would have settled.
    """

    data_set: DataSet
    what_to_show: WhatToShow
    bar: Bar
    reason: Impossible
    sent_at: datetime | None = None
    final: bool = False

    @property
    def slot(self) -> datetime:
        """Return the start of the slot that the bar lies in."""
        return self.data_set.slot_of(self.bar.time)


@dataclass(frozen=True, slots=True)
class SpotRange:
    """The underlying's lowest and highest price in a slot, ten-thousandths of a USD."""

    low: int
    high: int


def impossible(bar: Bar, data_set: DataSet, what: WhatToShow, sessions: Sequence[Session]) -> Impossible | None:
    """Return why a bar cannot be true, None when it can.

    Args:
        bar: the bar.
        data_set: of which it is one; decides how large its numbers may be.
        what: its series; nobody need bid (0), but nobody sells or trades for nothing.
        sessions: the product's sessions in which it may lie.
    """
    if NO_NUMBER in bar[1:5]:
        return Impossible.NOT_A_NUMBER
    return _misplaced(bar.time, data_set, sessions) or _mispriced(bar, data_set.kind, what) or _misshapen(bar)


def all_possible(bars: Sequence[Bar], data_set: DataSet, what: WhatToShow, sessions: Sequence[Session]) -> bool:
    """Return whether all bars can be true; False: `impossible` tells why not, bar by bar.

    Nearly every bar passes at a glance, in a twentieth of the time.
    """
    grid = _grid(data_set, tuple(sessions))
    price, most_volume = prices_of(data_set.kind, what), volume_of(data_set.kind).most
    least, most = price.least, price.most
    for bar in bars:
        time, open_, high, low, close, volume, count, vwap, sent = bar
        if not (
            least <= low <= open_ <= high <= most
            and low <= close <= high
            and time in grid
            and (volume is None or 0 <= volume <= most_volume)
            and (count is None or 0 <= count <= MOST_TRADES)
            and (vwap is None or -most <= vwap <= most)
            and sent is None
        ) and impossible(bar, data_set, what, sessions):
            return False
    return True


def in_hours(bars: Sequence[Bar], data_set: DataSet, sessions: Sequence[Session]) -> tuple[Bar, ...]:
    """Return the bars without those of extended hours, which lie on the grid but in no session.

    IB is asked for whole days, since its regular hours end before some products do; between two sessions it then tells
    what traded before the open and after the close. That is true, and not collected. A time off the grid is neither.
    """
    grid = _grid(data_set, tuple(sessions))
    return tuple(bar for bar in bars if bar.time in grid or bar.time != data_set.slot_of(bar.time))


@lru_cache(maxsize=64)
def _grid(data_set: DataSet, sessions: tuple[Session, ...]) -> frozenset[datetime]:
    """Return the slots of sessions."""
    return frozenset(slot for session in sessions for slot in data_set.slots(data_set.span(session)))


def _misplaced(at: datetime, data_set: DataSet, sessions: Sequence[Session]) -> Impossible | None:
    if any(at in data_set.span(session) for session in sessions):
        return None if at == data_set.slot_of(at) else Impossible.OFF_GRID
    return Impossible.OUTSIDE_SESSION


def _mispriced(bar: Bar, kind: InstrumentKind, what: WhatToShow) -> Impossible | None:
    bound, prices = prices_of(kind, what), bar[1:5]
    if any(price is not None and price < 0 for price in bar.exact()[:4]):  # also what is rounded to 0
        return Impossible.NEGATIVE_PRICE
    if min(prices) < bound.least:
        return Impossible.ZERO_PRICE
    too_large = (
        max(prices) > bound.most
        or abs(bar.vwap or 0) > bound.most
        or (bar.volume or 0) > volume_of(kind).most
        or (bar.bar_count or 0) > MOST_TRADES
    )
    return Impossible.TOO_LARGE if too_large else None


def _misshapen(bar: Bar) -> Impossible | None:
    if bar.high < bar.low:
        return Impossible.HIGH_BELOW_LOW
    if bar.high < max(bar.open, bar.close):
        return Impossible.HIGH_BELOW_BODY
    if bar.low > min(bar.open, bar.close):
        return Impossible.LOW_ABOVE_BODY
    negative = (bar.volume is not None and bar.volume < 0) or (bar.bar_count is not None and bar.bar_count < 0)
    return Impossible.NEGATIVE_VOLUME if negative else None


def option_flags(
    contract: OptionContract,
    series: Mapping[WhatToShow, Sequence[Bar]],
    spots: Mapping[datetime, SpotRange],
    tolerances: Tolerances = DEFAULT,
) -> dict[datetime, int]:
    """Return the bits of `SlotFlag` of an option's suspicious slots.

    Args:
        contract: whose bars.
        series: its possible bars, ascending; a series that is not known is absent, and not compared with.
        spots: the underlying's range by slot, where it is known.
        tolerances: how far prices may stray.
    """
    trades, bids, asks = (series.get(what, ()) for what in (WhatToShow.TRADES, WhatToShow.BID, WhatToShow.ASK))
    bid_at, ask_at = {bar.time: bar for bar in bids}, {bar.time: bar for bar in asks}
    flags: dict[datetime, int] = {}
    for at, bit in (
        *_own_oddities(
            contract, _traded(trades), spots, tolerances, SlotFlag.TRADE_OFF_TICK, SlotFlag.TRADE_OUT_OF_BOUNDS
        ),
        *_own_oddities(contract, bids, spots, tolerances, SlotFlag.BID_OFF_TICK, SlotFlag.BID_OUT_OF_BOUNDS),
        *_own_oddities(contract, asks, spots, tolerances, SlotFlag.ASK_OFF_TICK, SlotFlag.ASK_OUT_OF_BOUNDS),
        *_trade_oddities(trades, bid_at, ask_at, tolerances),
        *((at, SlotFlag.BID_CROSSED | SlotFlag.ASK_CROSSED) for at in _crossed(bid_at, ask_at)),
        *_spread_jumps(bid_at, ask_at, tolerances),
        *((at, SlotFlag.TRADE_JUMP) for at in _lone_jumps(_traded(trades), {**bid_at, **ask_at}, spots, tolerances)),
        *((at, SlotFlag.BID_JUMP) for at in _lone_jumps(bids, ask_at, spots, tolerances)),
        *((at, SlotFlag.ASK_JUMP) for at in _lone_jumps(asks, bid_at, spots, tolerances)),
    ):
        flags[at] = flags.get(at, 0) | int(bit)
    return flags


def underlying_flags(
    series: Mapping[WhatToShow, Sequence[Bar]], tolerances: Tolerances = DEFAULT
) -> dict[datetime, int]:
    """Return the bits of `SlotFlag` of an underlying's suspicious slots; arguments as for `option_flags`."""
    flags: dict[datetime, int] = {}
    for what, share, bit in (
        (WhatToShow.TRADES, tolerances.underlying_share, SlotFlag.TRADE_JUMP),
        (WhatToShow.OPTION_IMPLIED_VOLATILITY, tolerances.volatility_share, SlotFlag.VOLATILITY_JUMP),
    ):
        bars = series.get(what, ())
        closes = [bar.close for bar in bars]
        for place, bar in enumerate(bars):
            usual = _usual(closes, place, tolerances.neighbours)
            judged = bar[1:5] if what is WhatToShow.TRADES else (bar.close,)
            if usual and any(abs(price / usual - 1.0) > share for price in judged):
                flags[bar.time] = flags.get(bar.time, 0) | int(bit)
    return flags


def _traded(bars: Sequence[Bar]) -> list[Bar]:
    return [bar for bar in bars if bar.volume]


def _own_oddities(
    contract: OptionContract,
    bars: Sequence[Bar],
    spots: Mapping[datetime, SpotRange],
    tolerances: Tolerances,
    off_tick: SlotFlag,
    out_of_bounds: SlotFlag,
) -> Iterator[tuple[datetime, SlotFlag]]:
    """Yield what is odd about a series' own prices: off the tick, or beyond what the underlying's prices allow.

    Out of bounds is an option that could be bought below what exercise pays, or sold for more than it can ever pay. A
    bid below intrinsic value is none of the bidder's mistakes.
    """
    tick, strike, is_call = tolerances.tick, whole(contract.strike), contract.right is Right.CALL
    below_matters = out_of_bounds is not SlotFlag.BID_OUT_OF_BOUNDS
    for time, open_, high, low, close, *_ in bars:
        if close % tick or high % tick or low % tick or open_ % tick:
            yield time, off_tick
        spot = spots.get(time)
        if spot is None:
            continue
        leeway = tolerances.bounds + tolerances.bounds_share * spot.high
        most = (spot.high if is_call else strike) + leeway
        least = (spot.low - strike if is_call else strike - spot.high) - leeway
        if high > most or (below_matters and low < least):
            yield time, out_of_bounds


def _trade_oddities(
    trades: Sequence[Bar], bids: Mapping[datetime, Bar], asks: Mapping[datetime, Bar], tolerances: Tolerances
) -> Iterator[tuple[datetime, SlotFlag]]:
    """Yield what is odd about trades beside their own volume, average and quotes. Most lie inside all three."""
    for time, _, high, low, _, volume, _, vwap, _ in trades:
        if not volume:
            if volume is not None:
                yield time, SlotFlag.NO_VOLUME
            continue
        if volume % SCALE:
            yield time, SlotFlag.FRACTIONAL_VOLUME
        tick = tolerances.tick
        if vwap is not None and not low <= vwap <= high and not low - tick <= vwap <= high + tick:
            yield time, SlotFlag.TRADE_VWAP
        bid, ask = bids.get(time), asks.get(time)
        if bid is None or ask is None or (bid.low <= low and high <= ask.high):
            continue
        leeway = max(tolerances.off_quotes, tolerances.off_quotes_share * ask.high)
        if high > ask.high + leeway or low < bid.low - leeway:
            yield time, SlotFlag.TRADE_OFF_QUOTES


def _crossed(bids: Mapping[datetime, Bar], asks: Mapping[datetime, Bar]) -> list[datetime]:
    return [at for at, bid in bids.items() if at in asks and bid.close > asks[at].close]


def _spread_jumps(
    bids: Mapping[datetime, Bar], asks: Mapping[datetime, Bar], tolerances: Tolerances
) -> list[tuple[datetime, SlotFlag]]:
    """Return slots whose spread is far beyond that of its neighbours, with the side that moved."""
    times = sorted(bids.keys() & asks.keys())
    low, high = [bids[at].close for at in times], [asks[at].close for at in times]
    spreads = [ask - bid for bid, ask in zip(low, high, strict=True)]
    found = []
    narrowest = max(min(spreads, default=0), 0)
    for place, at in enumerate(times):
        middle = 0.5 * (low[place] + high[place])
        largest_excess = spreads[place] - narrowest  # whatever is usual, it is no less than the narrowest
        if largest_excess <= tolerances.spread or largest_excess <= tolerances.spread_share * middle:
            continue
        usual = _usual(spreads, place, tolerances.neighbours)
        excess = spreads[place] - max(usual or 0, 0)
        if usual is None or excess <= tolerances.spread or excess <= tolerances.spread_share * middle:
            continue
        if spreads[place] > tolerances.spread_times * max(usual, tolerances.tick):
            usual_bid = _usual(low, place, tolerances.neighbours) or 0
            usual_ask = _usual(high, place, tolerances.neighbours) or 0
            bid_moved = abs(low[place] - usual_bid) >= abs(high[place] - usual_ask)
            found.append((at, SlotFlag.BID_JUMP if bid_moved else SlotFlag.ASK_JUMP))
    return found


def _lone_jumps(
    bars: Sequence[Bar], others: Mapping[datetime, Bar], spots: Mapping[datetime, SpotRange], tolerances: Tolerances
) -> list[datetime]:
    """Return slots with no other series to compare with that stray from both neighbours further than the underlying.

    An option never moves more than its underlying, but for volatility; what comes back in the next bar is no news.
    """
    lone = [three for three in zip(bars, bars[1:], bars[2:], strict=False) if three[1].time not in others]
    times = sorted(spots) if lone else []
    found = []
    for before, bar, after in lone:
        around = [spots[at] for at in times[bisect_left(times, before.time) : bisect_right(times, after.time)]]
        if not around:
            continue
        reach = max(spot.high for spot in around) - min(spot.low for spot in around)
        calm_low, calm_high = min(before.low, after.low), max(before.high, after.high)
        leeway = reach + tolerances.jump + tolerances.jump_share * calm_high
        if bar.high > calm_high + leeway or bar.low < calm_low - leeway:
            found.append(bar.time)
    return found


def _usual(values: Sequence[int], place: int, neighbours: int) -> float | None:
    """Return the median of the values around a place, without its own; None when there are fewer than two."""
    around = [*values[max(place - neighbours, 0) : place], *values[place + 1 : place + 1 + neighbours]]
    return median(around) if len(around) > 1 else None
