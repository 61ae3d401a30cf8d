"""Checksums of answers: of what is stored, in any order."""

from datetime import UTC, datetime, timedelta
from zlib import crc32

from collector.domain.market_data import checksums
from collector.domain.market_data.bars import Bar
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_1DAY, UNDERLYING_BARS_5MIN
from collector.domain.market_data.instruments import WhatToShow

AT = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
TRADE = Bar(AT, 12_300, 12_500, 12_300, 12_400, 35_000, 3, 12_350)


def test_what_is_stored_of_a_bar() -> None:
    """Contracts are whole, shares are not; quotes have no volume; of some series the close alone is kept."""
    assert checksums.kept(OPTION_BARS_5MIN, WhatToShow.TRADES, TRADE) == (12_300, 12_500, 12_300, 12_400, 4, 3, 12_350)
    whole = (12_300, 12_500, 12_300, 12_400, 35_000, 3, 12_350)
    assert checksums.kept(UNDERLYING_BARS_5MIN, WhatToShow.TRADES, TRADE) == whole
    assert checksums.kept(OPTION_BARS_5MIN, WhatToShow.BID, TRADE) == (12_300, 12_500, 12_300, 12_400)
    assert checksums.kept(UNDERLYING_BARS_1DAY, WhatToShow.ADJUSTED_LAST, TRADE) == (12_400,)


def test_the_checksum_of_a_bar() -> None:
    """The 31 lower bits of the CRC-32 of epoch and numbers, eight bytes each; the lowest number stands for none."""
    words = (1_795_185_000, 12_300, 12_500, 12_300, 12_400, -(2**63), 3, -(2**63))
    text = b"".join(word.to_bytes(8, "little", signed=True) for word in words)
    numbers = (12_300, 12_500, 12_300, 12_400, None, 3, None)
    assert checksums.of_slot(AT, numbers) == crc32(text) % 2**31


def test_bars_can_be_taken_out_in_any_order() -> None:
    """It is a sum: the order does not matter, and the rest is the checksum of the rest."""
    bars = [TRADE._replace(time=AT + place * timedelta(minutes=5), close=12_400 + place) for place in range(60)]
    total = checksums.of_bars(OPTION_BARS_5MIN, WhatToShow.TRADES, bars)
    assert total == checksums.of_bars(OPTION_BARS_5MIN, WhatToShow.TRADES, reversed(bars))
    some = checksums.of_bars(OPTION_BARS_5MIN, WhatToShow.TRADES, bars[5:20])
    rest = checksums.of_bars(OPTION_BARS_5MIN, WhatToShow.TRADES, bars[:5] + bars[20:])
    assert checksums.without(total, some) == rest
    assert 0 <= total < 2**31
