"""Checksums that tell what an answer brought.

The checksum of an answer is the sum of its bars' own, so that it does not depend on their order, and a bar can be taken
out of it. It is kept with the request: whatever is stored later, one can tell whether that answer brought it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from struct import Struct
from zlib import crc32

from collector.domain.market_data.bars import SCALE, Bar
from collector.domain.market_data.data_sets import DataSet, InstrumentKind
from collector.domain.market_data.instruments import WhatToShow

_BITS = 0x7FFFFFFF
"""What a column of integers holds."""
_NONE = -(2**63)
_CLOSE_ONLY = frozenset({WhatToShow.OPTION_IMPLIED_VOLATILITY, WhatToShow.ADJUSTED_LAST})


def kept(data_set: DataSet, what: WhatToShow, bar: Bar) -> tuple[int | None, ...]:
    """Return the numbers of a bar that are stored: the series' own, in their order.

    Prices in ten-thousandths; an option's volume in contracts, an underlying's in ten-thousandths of a share.
    """
    return _numbers(data_set, what)(bar)


def of_slot(time: datetime, numbers: tuple[int | None, ...]) -> int:
    """Return the checksum of one bar: its slot's start in epoch seconds and its numbers as they are stored.

    Each is a signed number of eight bytes, the least first; the lowest of all stands for none.
    """
    given = (int(time.timestamp()), *numbers)
    if None in given:
        given = tuple(_NONE if number is None else number for number in given)
    return crc32(_packed(len(given))(*given)) & _BITS


def total(checksums: Iterable[int]) -> int:
    """Return the checksum of several bars."""
    return sum(checksums) & _BITS


def without(checksum: int, others: int) -> int:
    """Return what is left of a checksum without that of some of its bars."""
    return (checksum - others) & _BITS


def of_bars(data_set: DataSet, what: WhatToShow, bars: Iterable[Bar]) -> int:
    """Return the checksum of the bars of a series."""
    numbers = _numbers(data_set, what)
    return total([of_slot(bar[0], numbers(bar)) for bar in bars])


@cache
def _packed(count: int) -> Callable[..., bytes]:
    return Struct(f"<{count}q").pack


def _numbers(data_set: DataSet, what: WhatToShow) -> Callable[[Bar], tuple[int | None, ...]]:
    if what in _CLOSE_ONLY:
        return lambda bar: bar[4:5]
    if what is not WhatToShow.TRADES:
        return lambda bar: bar[1:5]
    unit = SCALE if data_set.kind is InstrumentKind.OPTION else 1
    half = unit // 2
    return lambda bar: (*bar[1:5], None if bar[5] is None else (bar[5] + half) // unit, bar[6], bar[7])
