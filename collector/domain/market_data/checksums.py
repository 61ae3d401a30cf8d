"""Checksums that tell what an answer brought.

The checksum of an answer is the sum of its bars' own, so that it does not depend on their order, and a bar can be taken
out of it. It is kept with the request: whatever is stored later, one can tell whether that answer brought it.
"""

from collections.abc import Iterable
from datetime import datetime
from zlib import crc32

from collector.domain.market_data.bars import SCALE, Bar
from collector.domain.market_data.data_sets import DataSet, InstrumentKind
from collector.domain.market_data.instruments import WhatToShow

_BITS = 0x7FFFFFFF
"""What a column of integers holds."""
_CLOSE_ONLY = frozenset({WhatToShow.OPTION_IMPLIED_VOLATILITY, WhatToShow.ADJUSTED_LAST})


def kept(data_set: DataSet, what: WhatToShow, bar: Bar) -> tuple[int | None, ...]:
    """Return the numbers of a bar that are stored: the series' own, in their order.

    Prices in ten-thousandths; an option's volume in contracts, an underlying's in ten-thousandths of a share.
    """
    if what in _CLOSE_ONLY:
        return (bar.close,)
    if what is not WhatToShow.TRADES:
        return bar[1:5]
    unit = SCALE if data_set.kind is InstrumentKind.OPTION else 1
    volume = None if bar.volume is None else (bar.volume + unit // 2) // unit
    return (*bar[1:5], volume, bar.bar_count, bar.vwap)


def of_slot(time: datetime, numbers: Iterable[int | None]) -> int:
    """Return the checksum of one bar: its slot's start and its numbers as they are stored."""
    text = ",".join("" if number is None else str(number) for number in (int(time.timestamp()), *numbers))
    return crc32(text.encode()) & _BITS


def total(checksums: Iterable[int]) -> int:
    """Return the checksum of several bars."""
    return sum(checksums) & _BITS


def without(checksum: int, others: int) -> int:
    """Return what is left of a checksum without that of some of its bars."""
    return (checksum - others) & _BITS


def of_bars(data_set: DataSet, what: WhatToShow, bars: Iterable[Bar]) -> int:
    """Return the checksum of the bars of a series."""
    return total(of_slot(bar.time, kept(data_set, what, bar)) for bar in bars)
