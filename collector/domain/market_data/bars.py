"""Bars as IB gives them: one series, one 5-minute slot."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple


class Bar(NamedTuple):
    """One bar of one series; lists of bars ascend by `time` without repeats.

    time: start of the slot, aware UTC. open, high, low, close: USD per share (or a fraction of 1 for
    OPTION_IMPLIED_VOLATILITY), exact. volume (contracts for options, shares for stocks), vwap (IB's `average`) and
    bar_count (number of trades) belong to TRADES; elsewhere IB sends -1 and they are None.
    """

    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None = None
    bar_count: int | None = None
    vwap: Decimal | None = None
