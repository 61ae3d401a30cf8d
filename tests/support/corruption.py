"""Bars spoilt in the ways in which IB's bars are reported to be wrong; each spoiling knows what must come of it.

Smallest sizes: a spike moves a price by at least 20 %, by 0.15 USD, and by twice the slot's whole range of quotes, so
that it cannot be mistaken for a quiet option's tick; a shifted decimal is ten or a hundred times too large or too
small, of a price from 0.50 USD; times are off the grid by a second at least.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from math import ceil
from typing import TypeAlias

from collector.domain.market_data.bars import Bar
from collector.domain.market_data.instruments import WhatToShow

Series: TypeAlias = Mapping[WhatToShow, Sequence[Bar]]
T, B, A = WhatToShow.TRADES, WhatToShow.BID, WhatToShow.ASK
CENT = 100
"""Prices are ten-thousandths of a USD."""


@dataclass(frozen=True)
class Spoilt:
    """One spoilt bar in the place of a good one. impossible: it must go to the quarantine; else it must be flagged."""

    kind: str
    what: WhatToShow
    place: int
    bar: Bar
    impossible: bool


Spoiling: TypeAlias = Callable[[random.Random, Bar, int], tuple[Bar, bool] | None]
"""A bar and the size of the smallest spike -> the spoilt bar and whether it is impossible; None: does not fit."""


def _off_grid(draw: random.Random, bar: Bar, _: int) -> tuple[Bar, bool]:
    return bar._replace(time=bar.time + timedelta(seconds=draw.choice([1, 30, 60, 150, 240, 299]))), True


def _outside(draw: random.Random, bar: Bar, _: int) -> tuple[Bar, bool]:
    return bar._replace(time=bar.time + draw.choice([-1, 1]) * timedelta(hours=12)), True


def _high_below_low(_: random.Random, bar: Bar, __: int) -> tuple[Bar, bool] | None:
    return (bar._replace(high=bar.low, low=bar.high), True) if bar.high > bar.low else None


def _close_above_high(_: random.Random, bar: Bar, step: int) -> tuple[Bar, bool]:
    return bar._replace(close=bar.high + step), True


def _open_below_low(_: random.Random, bar: Bar, __: int) -> tuple[Bar, bool] | None:
    return (bar._replace(open=bar.low // 2), True) if bar.low > 0 else None


def _negative(draw: random.Random, bar: Bar, _: int) -> tuple[Bar, bool]:
    minus = -10_000
    return draw.choice([bar._replace(open=minus), bar._replace(low=minus), bar._replace(close=minus)]), True


def _negative_volume(_: random.Random, bar: Bar, __: int) -> tuple[Bar, bool] | None:
    return None if bar.volume is None else (bar._replace(volume=-50_000), True)


def _spike_up(_: random.Random, bar: Bar, step: int) -> tuple[Bar, bool]:
    return bar._replace(close=bar.close + step, high=max(bar.high, bar.close + step)), False


def _spike_down(_: random.Random, bar: Bar, step: int) -> tuple[Bar, bool] | None:
    low = bar.close - step
    return (bar._replace(close=low, low=min(bar.low, low)), False) if low > 0 else None


def _shifted(draw: random.Random, bar: Bar, _: int) -> tuple[Bar, bool] | None:
    if min(bar[1:5]) < 50 * CENT:
        return None
    factor = draw.choice([Fraction(10), Fraction(100), Fraction(1, 10), Fraction(1, 100)])
    open_, high, low, close = (CENT * ceil(price * factor / CENT) for price in bar[1:5])
    return bar._replace(open=open_, high=high, low=low, close=close), False


SPOILINGS: Mapping[str, Spoiling] = {
    "off the grid": _off_grid,
    "outside the session": _outside,
    "high below low": _high_below_low,
    "close above high": _close_above_high,
    "open below low": _open_below_low,
    "negative price": _negative,
    "negative volume": _negative_volume,
    "spike up": _spike_up,
    "spike down": _spike_down,
    "shifted decimal": _shifted,
}


def spoil(draw: random.Random, series: Series, what: WhatToShow, kind: str) -> Spoilt | None:
    """Spoil one bar of a series; None when no bar that was drawn is fit for it.

    Args:
        draw: the randomness.
        series: a contract's three series of a session.
        what: the series to spoil.
        kind: a name in SPOILINGS.
    """
    bids, asks = ({bar.time: bar for bar in series[side]} for side in (B, A))
    for _ in range(20):
        if not series[what]:
            return None
        place = draw.randrange(len(series[what]))
        bar = series[what][place]
        if bar.time not in bids or bar.time not in asks or (what is T and not bar.volume):
            continue
        step = smallest_spike(bar, bids[bar.time], asks[bar.time])
        found = SPOILINGS[kind](draw, bar, step)
        if found is not None:
            return Spoilt(kind, what, place, *found)
    return None


def smallest_spike(bar: Bar, bid: Bar, ask: Bar) -> int:
    """Return the size of a spike that can be told from a market."""
    return CENT * max(ceil(Fraction(bar.close, 5 * CENT)), 15, ceil(Fraction(2 * (ask.high - bid.low), CENT)))


def applied(series: Series, spoilt: Spoilt) -> dict[WhatToShow, tuple[Bar, ...]]:
    """Return the series with the spoilt bar in its place."""
    changed = {what: list(bars) for what, bars in series.items()}
    changed[spoilt.what][spoilt.place] = spoilt.bar
    return {what: tuple(bars) for what, bars in changed.items()}
