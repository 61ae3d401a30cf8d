"""Each rule of quality on its own, next to what is just allowed."""

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest

from collector.domain.market_data.bars import NO_NUMBER, Bar
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN as OPTION
from collector.domain.market_data.data_sets import UNDERLYING_BARS_5MIN as UNDERLYING
from collector.domain.market_data.instruments import OptionContract, Right, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.quality.flags import SlotFlag
from collector.domain.quality.quality_rules import (
    Impossible,
    SpotRange,
    all_possible,
    impossible,
    in_hours,
    option_flags,
    underlying_flags,
)
from tests.support.slots import SLOT

OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
SESSION = Session(date(2026, 11, 20), OPEN, OPEN + 78 * SLOT, OPEN + timedelta(days=3))
T, B, A = WhatToShow.TRADES, WhatToShow.BID, WhatToShow.ASK
V = WhatToShow.OPTION_IMPLIED_VOLATILITY
CALL = OptionContract("PLTR", 1, date(2026, 12, 18), Decimal(100), Right.CALL)
PUT = OptionContract("PLTR", 2, date(2026, 12, 18), Decimal(100), Right.PUT)


def ten_thousandths(number: Decimal) -> int:
    """Return a number as bars hold it."""
    if not number.is_finite():
        return NO_NUMBER
    return int((number * 10_000).to_integral_value(ROUND_HALF_UP))


def bar(close: str, slot: int = 0, *, open_: str = "", high: str = "", low: str = "", volume: str | None = None) -> Bar:
    """Return a bar of a slot, flat unless told otherwise."""
    prices = [Decimal(text or close) for text in (open_, high, low, close)]
    open_price, high_price, low_price, close_price = map(ten_thousandths, prices)
    traded = None if volume is None else ten_thousandths(Decimal(volume))
    given = Bar(OPEN + slot * SLOT, open_price, high_price, low_price, close_price, traded)
    return given if given.exact()[:4] == tuple(prices) else given._replace(sent=(*prices, *given.exact()[4:]))


@pytest.mark.parametrize(
    ("given", "what", "reason"),
    [
        (bar("1.2"), T, None),
        (bar("1.2", high="1.3", low="1.1", open_="1.1", volume="3"), T, None),
        (bar("0"), B, None),
        (bar("0.01", open_="0", low="0"), B, None),
        (bar("1.2")._replace(time=OPEN + timedelta(seconds=1)), T, Impossible.OFF_GRID),
        (bar("1.2", 77), A, None),
        (bar("1.2", 78), T, Impossible.OUTSIDE_SESSION),
        (bar("1.2", -1), T, Impossible.OUTSIDE_SESSION),
        (bar("NaN"), T, Impossible.NOT_A_NUMBER),
        (bar("Infinity"), B, Impossible.NOT_A_NUMBER),
        (bar("1.2", low="-1"), B, Impossible.NEGATIVE_PRICE),
        (bar("0"), A, Impossible.ZERO_PRICE),
        (bar("0.05", low="0"), A, Impossible.ZERO_PRICE),
        (bar("0"), T, Impossible.ZERO_PRICE),
        (bar("1.2", high="1.0"), T, Impossible.HIGH_BELOW_LOW),
        (bar("1.2", high="1.2", open_="1.3", low="1.0"), T, Impossible.HIGH_BELOW_BODY),
        (bar("1.2", low="1.2", open_="1.1", high="1.3"), T, Impossible.LOW_ABOVE_BODY),
        (bar("1.2", volume="-1"), T, Impossible.NEGATIVE_VOLUME),
        (bar("1.2", volume="0"), T, None),
        (bar("2e9"), T, Impossible.TOO_LARGE),
        (bar("1e-30"), T, Impossible.ZERO_PRICE),
        (bar("0.1", low="-1e-30"), B, Impossible.NEGATIVE_PRICE),
        (bar("0.00005"), T, None),
        (bar("1.2", low="1e-30"), A, Impossible.ZERO_PRICE),
        (bar("1.2", low="1e-30"), B, None),
        (bar("2e8"), V, Impossible.TOO_LARGE),
        (bar("214748.3647"), V, None),
        (bar("214748.3648"), V, Impossible.TOO_LARGE),
        (bar("1.2", volume="9e14"), T, None),
        (bar("1.2", volume="1e17"), T, Impossible.TOO_LARGE),
        (bar("1.2")._replace(bar_count=2**31 - 1), T, None),
        (bar("1.2")._replace(bar_count=3_000_000_000), T, Impossible.TOO_LARGE),
        (bar("1.2")._replace(vwap=10**15), T, Impossible.TOO_LARGE),
    ],
)
def test_impossible_bars(given: Bar, what: WhatToShow, reason: Impossible | None) -> None:
    """Only what contradicts itself, or no column can hold, is impossible; a glance sees whether any bar may be."""
    assert impossible(given, UNDERLYING, what, [SESSION]) is reason
    assert all_possible([given], UNDERLYING, what, [SESSION]) is (reason is None)


@pytest.mark.parametrize(
    ("given", "largest_of_options"),
    [
        (bar("100000"), True),
        (bar("100000.0001"), False),
        (bar("1")._replace(vwap=1_000_000_001), False),
        (bar("1")._replace(vwap=-1_000_000_001), False),
        (bar("1", volume="2147483647"), True),
        (bar("1", volume="2147483648"), False),
    ],
)
def test_numbers_of_options_fit_four_bytes(given: Bar, largest_of_options: bool) -> None:
    """Beyond 100,000 USD, or the contracts that a 4-byte integer counts, an option's bar is refused, a share's not."""
    refused = None if largest_of_options else Impossible.TOO_LARGE
    assert impossible(given, OPTION, T, [SESSION]) is refused
    assert all_possible([given], OPTION, T, [SESSION]) is largest_of_options
    assert all_possible([given], UNDERLYING, T, [SESSION])


def test_extended_hours_are_left_out() -> None:
    """Bars on the grid before the open and after the close are; what is off the grid stays, to be judged."""
    odd = bar("1.2")._replace(time=OPEN - timedelta(hours=2, seconds=1))
    first, last = bar("1.2"), bar("1.2", 77)
    assert in_hours([bar("1.2", -66), odd, bar("1.2", -1), first, last, bar("1.2", 78)], OPTION, [SESSION]) == (
        odd,
        first,
        last,
    )
    assert impossible(odd, OPTION, T, [SESSION]) is Impossible.OUTSIDE_SESSION


def quotes(bid: str, ask: str, slots: int = 7) -> dict[WhatToShow, list[Bar]]:
    """Return a steady market."""
    return {B: [bar(bid, n) for n in range(slots)], A: [bar(ask, n) for n in range(slots)]}


@pytest.mark.parametrize(
    ("what", "given", "flags"),
    [
        (T, bar("1.25", 3, volume="2"), SlotFlag.NONE),
        (T, bar("1.25", 3, volume="0"), SlotFlag.NO_VOLUME),
        (T, bar("9.25", 3, volume="0"), SlotFlag.NO_VOLUME),
        (T, bar("1.25", 3, volume="2.5"), SlotFlag.FRACTIONAL_VOLUME),
        (T, bar("1.255", 3, volume="2"), SlotFlag.TRADE_OFF_TICK),
        (T, bar("1.40", 3, volume="2"), SlotFlag.TRADE_OFF_QUOTES),
        (T, bar("1.25", 3, high="1.40", volume="2"), SlotFlag.TRADE_OFF_QUOTES),
        (T, bar("1.35", 3, volume="2"), SlotFlag.NONE),
        (T, bar("1.25", 3, volume="2")._replace(vwap=14_000), SlotFlag.TRADE_VWAP),
        (B, bar("1.31", 3), SlotFlag.BID_CROSSED | SlotFlag.ASK_CROSSED),
        (B, bar("1.30", 3), SlotFlag.NONE),
        (B, bar("0.60", 3), SlotFlag.BID_JUMP),
        (A, bar("2.10", 3), SlotFlag.ASK_JUMP),
        (A, bar("1.40", 3), SlotFlag.NONE),
        (A, bar("1.3001", 3), SlotFlag.ASK_OFF_TICK),
    ],
)
def test_suspicious_bars_beside_quotes(what: WhatToShow, given: Bar, flags: SlotFlag) -> None:
    """One odd bar in a market of 1.20 to 1.30 gets its flag, and no other slot gets any."""
    series = {**quotes("1.20", "1.30"), T: []}
    series[what] = [given if one.time == given.time else one for one in series[what]] or [given]
    found = option_flags(CALL, series, {})
    assert found == ({given.time: int(flags)} if flags else {})


@pytest.mark.parametrize(
    ("contract", "what", "price", "flags"),
    [
        (CALL, T, "19.50", SlotFlag.NONE),
        (CALL, T, "18.00", SlotFlag.TRADE_OUT_OF_BOUNDS),
        (CALL, A, "18.00", SlotFlag.ASK_OUT_OF_BOUNDS),
        (CALL, B, "18.00", SlotFlag.NONE),
        (CALL, B, "130.00", SlotFlag.BID_OUT_OF_BOUNDS),
        (CALL, T, "121.00", SlotFlag.TRADE_OUT_OF_BOUNDS),
        (PUT, T, "0.01", SlotFlag.NONE),
        (PUT, T, "100.00", SlotFlag.NONE),
        (PUT, T, "101.50", SlotFlag.TRADE_OUT_OF_BOUNDS),
    ],
)
def test_bounds_of_the_underlying(contract: OptionContract, what: WhatToShow, price: str, flags: SlotFlag) -> None:
    """With the share between 119.80 and 120.20 a call is worth 19.80 to 120.20, a put with strike 100 up to 100."""
    volume = "1" if what is T else None
    found = option_flags(contract, {what: [bar(price, volume=volume)]}, {OPEN: SpotRange(1_198_000, 1_202_000)})
    assert found == ({OPEN: int(flags)} if flags else {})


def test_a_lone_trade_that_jumps() -> None:
    """Without quotes a price that leaves its neighbours further than the share moved is flagged; a trend is not."""
    spots = {OPEN + n * SLOT: SpotRange(1_000_000, 1_002_000) for n in range(5)}
    steady = [bar("3.00", n, volume="1") for n in range(5)]
    assert option_flags(CALL, {T: steady}, spots) == {}
    spiked = [*steady[:2], bar("4.20", 2, volume="1"), *steady[3:]]
    assert option_flags(CALL, {T: spiked}, spots) == {spiked[2].time: SlotFlag.TRADE_JUMP}
    trend = [bar(f"{3 + n}.00", n, volume="1") for n in range(5)]
    assert option_flags(CALL, {T: trend}, spots) == {}


def test_jumps_of_the_underlying() -> None:
    """A share that leaves its neighbours by more than a tenth is flagged; a gap that stays is not."""
    steady = [bar("100", n) for n in range(9)]
    assert underlying_flags({T: steady}) == {}
    spiked = [*steady[:4], bar("120", 4), *steady[5:]]
    assert underlying_flags({T: spiked}) == {spiked[4].time: SlotFlag.TRADE_JUMP}
    wick = [*steady[:4], bar("100", 4, low="80"), *steady[5:]]
    assert underlying_flags({T: wick}) == {wick[4].time: SlotFlag.TRADE_JUMP}
    gap = [bar("100" if n < 4 else "108", n) for n in range(9)]
    assert underlying_flags({T: gap}) == {}
    regime = {WhatToShow.OPTION_IMPLIED_VOLATILITY: [bar("0.2" if n != 5 else "0.24", n) for n in range(9)]}
    assert underlying_flags(regime) == {OPEN + 5 * SLOT: SlotFlag.VOLATILITY_JUMP}


def test_flags_keep_to_their_series() -> None:
    """Each series' bits lie in its own byte, so that a new bar resets its own only."""
    for flag in SlotFlag:
        name = flag.name or ""
        if name.startswith(("TRADE_", "NO_VOLUME", "FRACTIONAL")) and flag is not SlotFlag.TRADE_DOUBTED:
            assert int(flag) & ~0xFF == 0
        if name.startswith("BID_"):
            assert int(flag) & ~0xFF00 == 0
        if name.startswith("ASK_"):
            assert int(flag) & ~0xFF0000 == 0
