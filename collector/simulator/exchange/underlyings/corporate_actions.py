"""Splits and dividends of underlyings.

What they do to the prices that trade, and to the bars of earlier sessions.

The path of an underlying knows nothing of them. From a split's ex-date on, what trades is the path divided by the
ratio; a dividend leaves what trades alone, and options are worth what they are before it. Bars of sessions before an
ex-date are adjusted from its open on, and not a second earlier: every price series for splits, ADJUSTED_LAST for
dividends, too. Options are never adjusted for splits: they go on as if nothing had happened, which no real one does.

How sure it is that IB does the same ([D] documented, [U] reported by users, [?] unsure):

- TRADES is adjusted for splits and not for dividends, ADJUSTED_LAST for both [D].
- Quotes are adjusted for splits like TRADES [?].
- Adjusting begins with the open of the ex-date [?], of a split later where it says so; other vendors do it the night
  before [U].
- Each dividend multiplies earlier prices by 1 - amount / close of the session before, rounded to 0.0001 USD [?].
- Volumes are multiplied by the ratio where prices are divided by it, and untouched by dividends [?].
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache

import numpy as np
import numpy.typing as npt

from collector.simulator.exchange import sessions
from collector.simulator.exchange.listings import Stock
from collector.simulator.exchange.series import AVERAGES, SeriesArrays
from collector.simulator.exchange.underlyings.paths import DayPath, Paths

Ints = npt.NDArray[np.int64]

_VOLATILITIES = frozenset({"OPTION_IMPLIED_VOLATILITY", "HISTORICAL_VOLATILITY", "VOLATILITY_INDEX"})


@dataclass(frozen=True, slots=True)
class Split:
    """A split of an underlying.

    Attributes:
        symbol: the ticker.
        ex_date: the first session with the new shares, a date in New York.
        ratio: new shares for an old one: 4 for four to one, Fraction(1, 10) for a reverse split of one to ten.
        adjusted: the session from whose open on bars before the ex-date are adjusted; None: the ex-date itself.

    Raises:
        ValueError: the ratio is not positive, or bars would be adjusted before the ex-date.
    """

    symbol: str
    ex_date: date
    ratio: Fraction | int
    adjusted: date | None = None

    def __post_init__(self) -> None:
        if self.ratio <= 0:
            raise ValueError(f"the ratio of {self.symbol}'s split is {self.ratio}; it must be positive")
        if self.told_from < self.ex_date:
            raise ValueError(
                f"{self.symbol}'s split of {self.ex_date} adjusts no bar before that, as {self.adjusted} is"
            )

    @property
    def told_from(self) -> date:
        """Return the session from whose open on earlier bars tell of it."""
        return self.adjusted or self.ex_date


@dataclass(frozen=True, slots=True)
class Dividend:
    """A cash dividend of an underlying.

    Attributes:
        symbol: the ticker.
        ex_date: the first session without it, a date in New York.
        amount: USD a share as it is on the ex-date.

    Raises:
        ValueError: the amount is not positive.
    """

    symbol: str
    ex_date: date
    amount: Decimal

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise ValueError(f"the dividend of {self.symbol} is {self.amount} USD; it must be positive")

    @property
    def told_from(self) -> date:
        """Return the session from whose open on earlier bars tell of it."""
        return self.ex_date


CorporateAction = Split | Dividend


def dividends_of(symbol: str, actions: Iterable[CorporateAction]) -> tuple[tuple[date, Decimal], ...]:
    """Return a symbol's cash dividends, as ex-date and USD per share, ascending."""
    own = (action for action in actions if isinstance(action, Dividend) and action.symbol == symbol)
    return tuple(sorted((action.ex_date, action.amount) for action in own))


class Adjustments:
    """The splits and dividends of one underlying.

    Args:
        stock: the underlying.
        actions: what happens to it; other underlyings' are passed over.
        paths: the underlyings' paths.
    """

    def __init__(self, stock: Stock, actions: Iterable[CorporateAction], paths: Paths) -> None:
        own = [action for action in actions if action.symbol == stock.symbol]
        self._splits = [action for action in own if isinstance(action, Split)]
        self._dividends = [action for action in own if isinstance(action, Dividend)]
        self._stock, self._paths = stock, paths
        self._kept_share = cache(self._compute_kept_share)

    def traded(self, path: DayPath) -> DayPath:
        """Return what trades on a session: the path, in the shares of that day."""
        return in_shares(path, self.shares(path.session.day))

    def adjusted(self, bars: SeriesArrays, day: date, what_to_show: str, now: int) -> SeriesArrays:
        """Return a session's bars as they are told at an instant in epoch seconds.

        Args:
            bars: the session's bars as they traded.
            day: the session.
            what_to_show: their series; only ADJUSTED_LAST is adjusted for dividends, volatilities for nothing.
            now: the instant.
        """
        if what_to_show in _VOLATILITIES or not (self._splits or self._dividends):
            return bars
        ratio = Fraction(1)
        for split in self._splits:
            if _happened(split, day, now):
                ratio *= split.ratio
        share = 1.0
        for dividend in self._dividends:
            if what_to_show == "ADJUSTED_LAST" and _happened(dividend, day, now):
                share *= self._kept_share(dividend)
        return _scaled(bars, share / float(ratio), float(ratio))

    def shares(self, day: date) -> Fraction:
        """Return how many shares of a day one of the path's has become."""
        ratio = Fraction(1)
        for split in self._splits:
            if split.ex_date <= day:
                ratio *= split.ratio
        return ratio

    def _compute_kept_share(self, dividend: Dividend) -> float:
        """Return what a dividend leaves of a price: 1 - amount / close of the session before, in the same shares."""
        before = self.traded(self._paths.draw(self._stock, sessions.previous_session(dividend.ex_date)))
        splits = self.shares(dividend.ex_date) / self.shares(before.session.day)
        close = int(before.cents[before.regular_minutes]) / 100.0 / float(splits)
        return 1.0 - float(dividend.amount) / close


def in_shares(path: DayPath, ratio: Fraction) -> DayPath:
    """Return a path in new shares, so many for one of its own: prices in whole cents, volumes in whole shares."""
    if ratio == 1:
        return path

    def prices(cents: Ints) -> Ints:
        return np.maximum(np.rint(cents / float(ratio)), 1).astype(np.int64)

    return replace(
        path,
        cents=prices(path.cents),
        high=prices(path.high),
        low=prices(path.low),
        volume=np.maximum(np.rint(path.volume * float(ratio)), 1).astype(np.int64),
    )


def _happened(action: CorporateAction, day: date, now: int) -> bool:
    """Tell whether an action changes the bars of a day as they are told at an instant."""
    return day < action.ex_date and sessions.epoch(action.told_from, 9, 30) <= now


def _scaled(bars: SeriesArrays, price: float, volume: float) -> SeriesArrays:
    """Return bars in 1/10,000 USD, their prices and volumes multiplied; a price keeps its place among the others."""

    def whole(values: Ints, factor: float) -> Ints:
        rounded: Ints = np.rint(values * factor).astype(np.int64)
        return rounded

    unit = price * (AVERAGES // bars.scale)
    return replace(
        bars,
        open=whole(bars.open, unit),
        high=whole(bars.high, unit),
        low=whole(bars.low, unit),
        close=whole(bars.close, unit),
        volume=None if bars.volume is None else whole(bars.volume, volume),
        wap=None if bars.wap is None else whole(bars.wap, price),
        scale=AVERAGES,
    )
