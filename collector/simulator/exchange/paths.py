"""Prices and volatilities of underlyings, minute by minute.

For any day.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from collector.simulator.exchange import draws, sessions
from collector.simulator.exchange.listings import Stock

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SLOT_MINUTES = 5

_DAILY, _INTRADAY, _NOISE = 1, 2, 3
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


@dataclass(frozen=True, slots=True)
class DayPath:
    """One underlying on one session.

    The points are one minute apart, from the open to the close, both included; minute m lies between m and m + 1.

    Attributes:
        session: the product's session.
        cents: price at each point, in cents; options are priced from exactly this number.
        volatility: 30-day at-the-money implied volatility at each point.
        high: highest price of each minute, in cents.
        low: lowest price of each minute, in cents.
        volume: shares of each minute.
        trades: number of trades of each minute.
        offer: 1 where the ask, 0 where the bid lies one cent from the price (the spread is one cent), at each point.
    """

    session: sessions.Session
    cents: Ints
    volatility: Floats
    high: Ints
    low: Ints
    volume: Ints
    trades: Ints
    offer: Ints


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

    Args:
        seed: the market's seed.
        days_kept: number of day paths kept in memory (about 40 kB each).
    """

    def __init__(self, seed: int, days_kept: int = 256) -> None:
        self._seed = seed
        self._anchors = lru_cache(maxsize=None)(self._compute_anchors)
        self.day = lru_cache(maxsize=days_kept)(self._compute_day)
        """day(stock, day) -> DayPath; raises KeyError when the day is no session."""

    def close(self, stock: Stock, day: date) -> float:
        """Return the price at the end of a session, USD, unrounded; far cheaper than the whole path."""
        return float(self._anchors(stock)[0][sessions.position(day), 1])

    def closes(self, stock: Stock, days: tuple[date, ...]) -> Floats:
        """Return the prices at the end of some sessions, USD."""
        prices: Floats = self._anchors(stock)[0][[sessions.position(day) for day in days], 1]
        return prices

    def _compute_anchors(self, stock: Stock) -> tuple[Floats, Floats]:
        """Return (open, close) of price and of implied volatility for every session that there is."""
        days = len(sessions.session_days())
        gap, move, own = (
            draws.normals(draws.key(self._seed, stock.con_id, _DAILY, purpose), days) for purpose in range(3)
        )
        daily = stock.volatility * _REALISED / _SESSIONS_A_YEAR**0.5
        swing = stock.volatility_swing * (1.0 - _VOLATILITY_PERSISTENCE**2) ** 0.5
        overnight, within = _OVERNIGHT**0.5, (1.0 - _OVERNIGHT) ** 0.5
        price, level = np.empty((days, 2)), np.empty((days, 2))
        x = v = 0.0
        for n in range(days):
            x = _PERSISTENCE * x + daily * overnight * gap[n]
            v = _VOLATILITY_PERSISTENCE * v + swing * overnight * _LEVERAGE * gap[n]
            price[n, 0], level[n, 0] = x, v
            x += daily * within * move[n]
            v += swing * (_LEVERAGE * within * move[n] + (1.0 - _LEVERAGE**2) ** 0.5 * own[n])
            price[n, 1], level[n, 1] = x, v
        return stock.spot * np.exp(price), stock.volatility * np.exp(level)

    def _compute_day(self, stock: Stock, day: date) -> DayPath:
        prices, levels = self._anchors(stock)
        number = sessions.position(day)
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
            volatility=self._points(draws.key(own, _INTRADAY, 7), levels[number], 0.25, activity),
            high=np.maximum(rounded[:-1], rounded[1:]) + (edge * chance).astype(np.int64),
            low=np.maximum(np.minimum(rounded[:-1], rounded[1:]) - (edge * (1.0 - chance)).astype(np.int64), 1),
            volume=volume,
            trades=np.maximum(volume // 110, 1),
            offer=np.rint(draws.uniforms(draws.key(own, _NOISE, 3), minutes + 1)).astype(np.int64),
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
