"""Bars as a source gives them: one series, one slot."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import NamedTuple

SCALE = 10_000
"""A number of a bar is a whole number of ten-thousandths: what the columns hold, and fast to compare."""
NO_NUMBER = 2**63
"""Stands for a price that is no number, until the rules of quality refuse the bar. No column holds it."""

_LAST_DIGIT = Decimal(1) / SCALE
_WIDE = Context(prec=400, rounding=ROUND_HALF_UP)
"""Holds whatever a double spells, digit by digit."""


def whole(number: Decimal | str) -> int:
    """Return a finite number in ten-thousandths, halves rounded away from zero, as PostgreSQL rounds them."""
    return int(_WIDE.multiply(_WIDE.quantize(Decimal(number), _LAST_DIGIT), SCALE))


def decimal(number: int) -> Decimal:
    """Return what a whole number of ten-thousandths stands for, with its four decimals."""
    return _WIDE.scaleb(number, -4)


class Bar(NamedTuple):
    """One bar of one series; lists of bars ascend by `time` without repeats.

    time: start of the slot, aware UTC. open, high, low, close: ten-thousandths of a USD per share (of 1 for
    OPTION_IMPLIED_VOLATILITY). volume (ten-thousandths of a contract, of a share for stocks), vwap (IB's `average`, as
    the prices) and bar_count (number of trades) belong to TRADES; elsewhere IB sends -1 and they are None.
    sent: open, high, low, close, volume and vwap (USD, contracts) as they came, where the whole numbers do not say all:
    more than four decimals, or a price that is no number (NaN). None: they do.
    """

    time: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int | None = None
    bar_count: int | None = None
    vwap: int | None = None
    sent: tuple[Decimal | None, ...] | None = None

    def exact(self) -> tuple[Decimal | None, ...]:
        """Return open, high, low, close, volume and vwap to the last digit that came; USD per share, contracts."""
        if self.sent is not None:
            return self.sent
        return tuple(None if number is None else decimal(number) for number in (*self[1:6], self.vwap))
