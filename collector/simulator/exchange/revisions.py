"""Late corrections of bars.

From a given instant on, some bars of a past day have other values.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from collector.simulator.exchange import draws
from collector.simulator.exchange.series import WAP_SCALE, SeriesArrays

Ints = npt.NDArray[np.int64]

_NICKEL_FROM, _NICKEL = 300, 5
_SLOT_S = 300
_CENT_OF_WAP = WAP_SCALE // 100
_SERIES = ("TRADES", "BID", "ASK", "OPTION_IMPLIED_VOLATILITY")


@dataclass(frozen=True, slots=True)
class Revision:
    """A correction that the exchange makes.

    Trades move up by one tick and gain volume, bids move down and asks up by one tick, volatilities rise by 0.0001;
    bars stay consistent and on the price grid, and none appears or disappears.

    Attributes:
        day: the session whose bars change.
        at: the instant from which on they have changed, aware.
        what_to_show: the series, None for TRADES, BID, ASK and OPTION_IMPLIED_VOLATILITY alike.
        con_id: the contract, None for all.
        share: part of the bars that change, 0 to 1.
        seed: which ones.
    """

    day: date
    at: datetime
    what_to_show: str | None = None
    con_id: int | None = None
    share: float = 0.1
    seed: int = 0

    def concerns(self, con_id: int, what_to_show: str, day: date) -> bool:
        """Tell whether it touches a contract's series on a day at all."""
        return (
            self.day == day
            and self.con_id in {None, con_id}
            and (what_to_show in _SERIES if self.what_to_show is None else what_to_show == self.what_to_show)
        )

    def applied(self, bars: SeriesArrays, con_id: int, what_to_show: str, *, penny: bool) -> SeriesArrays:
        """Return a day's complete bars after the correction."""
        if not len(bars) or what_to_show not in _SERIES:
            return bars
        key = draws.key(self.seed, con_id, _SERIES.index(what_to_show), self.day.toordinal())
        words = draws.words(np.array([key], dtype=np.uint64), 300)[0]
        picked = draws.bits(words, 0, 32)[(bars.time % 86_400) // _SLOT_S] < self.share
        if what_to_show == "BID":
            picked &= bars.low > 1
        return _moved(bars, picked, what_to_show, penny=penny)


def in_force(
    revisions: Iterable[Revision], con_id: int, what_to_show: str, day: date, now: int
) -> tuple[Revision, ...]:
    """Return the corrections of a contract's series on a day that are known at an instant in epoch seconds."""
    return tuple(one for one in revisions if one.concerns(con_id, what_to_show, day) and one.at.timestamp() <= now)


def revised(
    revisions: Iterable[Revision],
    bars: SeriesArrays,
    con_id: int,
    what_to_show: str,
    day: date,
    now: int,
    *,
    penny: bool,
) -> SeriesArrays:
    """Return a contract's bars of a day as they are told at an instant; penny: it trades in cents at any price."""
    for revision in in_force(revisions, con_id, what_to_show, day, now):
        bars = revision.applied(bars, con_id, what_to_show, penny=penny)
    return bars


def _moved(bars: SeriesArrays, picked: npt.NDArray[np.bool_], what_to_show: str, *, penny: bool) -> SeriesArrays:
    def tick(values: Ints) -> Ints:
        if what_to_show == "OPTION_IMPLIED_VOLATILITY":
            return np.where(picked, 100, 0)
        if what_to_show == "BID":
            return np.where(picked, np.where((values > _NICKEL_FROM) & (not penny), -_NICKEL, -1), 0)
        return np.where(picked, np.where((values >= _NICKEL_FROM) & (not penny), _NICKEL, 1), 0)

    moved = replace(
        bars,
        open=bars.open + tick(bars.open),
        high=bars.high + tick(bars.high),
        low=bars.low + tick(bars.low),
        close=bars.close + tick(bars.close),
    )
    if bars.volume is None or bars.wap is None or bars.count is None:
        return moved
    wap = np.clip(bars.wap + _CENT_OF_WAP * tick(bars.low), _CENT_OF_WAP * moved.low, _CENT_OF_WAP * moved.high)
    more = np.where(picked, 1 + bars.volume // 50, 0)
    return replace(moved, wap=np.where(picked, wap, bars.wap), volume=bars.volume + more, count=bars.count + (more > 0))
