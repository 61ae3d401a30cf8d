"""Prices and volatilities of underlyings, minute by minute.

For any day.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from collector.simulator.exchange import draws, sessions
from collector.simulator.exchange.listings import Stock

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SLOT_MINUTES = 5

_DAILY, _INTRADAY, _NOISE = 1, 2, 3
_PURPOSES = 3
"""What is drawn for each session: its gap, its move, and what volatility does on its own."""
_PERSISTENCE = 0.99
"""Share of its distance from the level that a price keeps from one day to the next; volatility keeps 0.96."""
_VOLATILITY_PERSISTENCE = 0.96
_OVERNIGHT = 0.3
"""Share of a day's variance that falls between the sessions."""
_LEVERAGE = -0.7
"""Correlation of a day's return with the change of implied volatility."""
_REALISED = 0.85
"""Realised over implied volatility."""
_SESSIONS_A_YEAR = 252.0
_FULL_DAY_MINUTES = 390


@dataclass(frozen=True, eq=False)
class DayPath:
    """One underlying on one session.

    The points are one minute apart, from the open to the close, both included; minute m lies between m and m + 1.

    Attributes:
        session: the product's session.
        cents: price at each point, in cents; options are priced from exactly this number.
        high: highest price of each minute, in cents.
        low: lowest price of each minute, in cents.
        volume: shares of each minute.
        trades: number of trades of each minute.
        draw_volatility: draws `volatility`, which years of daily trades do without.
        draw_offer: draws `offer`, likewise.
    """

    session: sessions.Session
    cents: Ints
    high: Ints
    low: Ints
    volume: Ints
    trades: Ints
    draw_volatility: Callable[[], Floats]
    draw_offer: Callable[[], Ints]

    @cached_property
    def volatility(self) -> Floats:
        """The 30-day at-the-money implied volatility at each point."""
        return self.draw_volatility()

    @cached_property
    def offer(self) -> Ints:
        """1 where the ask, 0 where the bid lies one cent from the price (the spread is one cent), at each point."""
        return self.draw_offer()

    @property
    def regular_minutes(self) -> int:
        """Minutes of the equity session, which ends at 16:00 New York, early at 13:00."""
        return (self.session.regular_close - self.session.open) // 60


@lru_cache(maxsize=8)
def activity_of_day(minutes: int) -> Floats:
    """Return the U-shaped activity of each minute of a session, with mean 1; it falls off after the regular close."""
    regular = minutes - 15 if minutes % 30 else minutes
    place = (np.arange(minutes) + 0.5) / regular
    shape = 0.55 + 1.1 * np.exp(-place / 0.06) + 0.9 * np.exp(-(1.0 - place) / 0.08)
    shape[regular:] = 0.25
    normalised: Floats = shape / shape.mean()
    return normalised


class Paths:
    """The underlyings' paths under one seed.

    Paths of one seed are equal, whoever made them.

    Args:
        seed: the market's seed.
        days_kept: number of day paths kept in memory (about 40 kB each).
    """

    def __init__(self, seed: int, days_kept: int = 256) -> None:
        self._seed = seed
        self._anchors = lru_cache(maxsize=None)(self._compute_anchors)
        self.day = lru_cache(maxsize=days_kept)(self.draw)
        """day(stock, day) -> DayPath, as `draw`, and kept."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Paths) and other._seed == self._seed

    def __hash__(self) -> int:
        return hash(self._seed)

    def close(self, stock: Stock, day: date) -> float:
        """Return the price at the end of a session, USD, unrounded; far cheaper than the whole path."""
        return float(self._anchors(stock)[0][_row(day), 1])

    def closes(self, stock: Stock, days: tuple[date, ...]) -> Floats:
        """Return the prices at the end of some sessions, USD."""
        prices: Floats = self._anchors(stock)[0][[_row(day) for day in days], 1]
        return prices

    def _compute_anchors(self, stock: Stock) -> tuple[Floats, Floats]:
        """Return (open, close) of price and of implied volatility for every session that there is."""
        first = _row(sessions.session_on_or_after(sessions.COUNTED_FROM))
        days = len(sessions.session_days()) - first
        gap, move, own, gap_before, move_before, own_before = (
            draws.normals(draws.key(self._seed, stock.con_id, _DAILY, purpose), days if purpose < _PURPOSES else first)
            for purpose in range(2 * _PURPOSES)
        )
        daily = stock.volatility * _REALISED / _SESSIONS_A_YEAR**0.5
        swing = stock.volatility_swing * (1.0 - _VOLATILITY_PERSISTENCE**2) ** 0.5
        overnight, within = _OVERNIGHT**0.5, (1.0 - _OVERNIGHT) ** 0.5
        price, level = np.empty((first + days, 2)), np.empty((first + days, 2))
        x = v = 0.0
        # The walk starts at its level with the first session that is counted, and goes backwards before it: it has the
        # same law in both directions.
        for n in reversed(range(first)):
            price[n, 1], level[n, 1] = x, v
            x -= daily * within * move_before[n]
            v -= swing * (_LEVERAGE * within * move_before[n] + (1.0 - _LEVERAGE**2) ** 0.5 * own_before[n])
            price[n, 0], level[n, 0] = x, v
            x = _PERSISTENCE * (x - daily * overnight * gap_before[n])
            v = _VOLATILITY_PERSISTENCE * (v - swing * overnight * _LEVERAGE * gap_before[n])
        x = v = 0.0
        for n in range(days):
            x = _PERSISTENCE * x + daily * overnight * gap[n]
            v = _VOLATILITY_PERSISTENCE * v + swing * overnight * _LEVERAGE * gap[n]
            price[first + n, 0], level[first + n, 0] = x, v
            x += daily * within * move[n]
            v += swing * (_LEVERAGE * within * move[n] + (1.0 - _LEVERAGE**2) ** 0.5 * own[n])
            price[first + n, 1], level[first + n, 1] = x, v
        return stock.spot * np.exp(price), stock.volatility * np.exp(level)

    def draw(self, stock: Stock, day: date) -> DayPath:
        """Return an underlying's path on a day.

        Raises:
            KeyError: the day is no session.
        """
        prices, levels = self._anchors(stock)
        number = _row(day)
        session = sessions.session(day, late_close=stock.late_close)
        if session is None:
            raise KeyError(day)
        minutes = session.slots * SLOT_MINUTES
        activity = activity_of_day(minutes)
        own = draws.key(self._seed, stock.con_id, day.toordinal())
        cents = self._points(draws.key(own, _INTRADAY), prices[number], stock.volatility * _REALISED, activity)
        rounded = np.maximum(np.rint(cents * 100.0).astype(np.int64), 1)
        wander = draws.normals(draws.key(own, _NOISE, 1), minutes)
        chance = draws.uniforms(draws.key(own, _NOISE, 2), minutes)
        edge = np.rint(0.25 * cents[:-1] * 100.0 * stock.volatility * (activity / (_SESSIONS_A_YEAR * minutes)) ** 0.5)
        shares = stock.shares_a_day * min(minutes, _FULL_DAY_MINUTES) / _FULL_DAY_MINUTES / minutes
        volume = np.maximum(np.rint(shares * activity * np.exp(0.45 * wander - 0.1)), 100).astype(np.int64)
        return DayPath(
            session=session,
            cents=rounded,
            high=np.maximum(rounded[:-1], rounded[1:]) + (edge * chance).astype(np.int64),
            low=np.maximum(np.minimum(rounded[:-1], rounded[1:]) - (edge * (1.0 - chance)).astype(np.int64), 1),
            volume=volume,
            trades=np.maximum(volume // 110, 1),
            draw_volatility=lambda: self._points(draws.key(own, _INTRADAY, 7), levels[number], 0.25, activity),
            draw_offer=lambda: np.rint(draws.uniforms(draws.key(own, _NOISE, 3), minutes + 1)).astype(np.int64),
        )

    @staticmethod
    def _points(word_key: int, ends: Floats, volatility: float, activity: Floats) -> Floats:
        """Return a bridge in logarithms from ends[0] to ends[1], one minute a step."""
        minutes = len(activity)
        step = volatility * ((1.0 - _OVERNIGHT) / _SESSIONS_A_YEAR / minutes) ** 0.5 * np.sqrt(activity)
        walk = np.concatenate(([0.0], np.cumsum(step * draws.normals(word_key, minutes))))
        clock = np.concatenate(([0.0], np.cumsum(activity) / activity.sum()))
        bridged = walk - clock * walk[-1]
        points: Floats = np.exp(np.log(ends[0]) + bridged + clock * np.log(ends[1] / ends[0]))
        return points


def _row(day: date) -> int:
    """Return the place of a session among all that are known."""
    return sessions.position(day) - sessions.position(sessions.session_days()[0])
