"""Bids, asks and trades of options, minute by minute.

For one day.

Everything is computed for several contracts of one expiration and one right at once (rows) at the day's minutes
(columns), and each row is the same whichever contracts it is computed with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from collector.simulator.exchange import draws, sessions
from collector.simulator.exchange.liquidity import USUAL, Liquidity
from collector.simulator.exchange.listings import Option, Stock
from collector.simulator.exchange.underlyings.paths import DayPath, activity_of_day
from collector.simulator.exchange.valuation import american, escrowed, smile

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_QUOTES, _TRADES, _HABIT = 11, 12, 13
_NICKEL_FROM = 300
_NICKEL = 5
_MINUTE_S = 60
_DAY_S = 86_400.0
_TINY = 1e-7


@dataclass(frozen=True, slots=True)
class Tape:
    """What happened to some contracts on one session; rows are contracts.

    Quotes stand at points one minute apart, from the open to the close, both included; a trade of minute m is shown
    at the prices of point m + 1.

    Attributes:
        session: the product's session.
        bid: best bid at each point, in cents; 0 when nobody bids.
        ask: best ask at each point, in cents; 0 when nobody quotes.
        price: price of each minute's trades, in cents; 0 when there was none.
        trades: number of trades of each minute.
        volume: contracts traded in each minute.
        fair: model price at each point, USD.
    """

    session: sessions.Session
    bid: Ints
    ask: Ints
    price: Ints
    trades: Ints
    volume: Ints
    fair: Floats


def instants(session: sessions.Session) -> Ints:
    """Return the epoch seconds of a session's points."""
    return np.arange(session.open, session.close + 1, _MINUTE_S, dtype=np.int64)


def values(
    stock: Stock,
    options: Sequence[Option],
    spot: Floats,
    level: Floats,
    years: Floats,
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Floats:
    """Return the model prices of contracts of one right, a row each, USD.

    Args:
        stock: the underlying.
        options: the contracts.
        spot: its price at some points, USD.
        level: its 30-day at-the-money volatility at those points.
        years: time to expiration at those points.
        shift: added to the spot (USD), to the volatility (as a fraction) and to the time left (days); the smile
            stays where it is.
    """
    right = 1 if options[0].right == "C" else -1
    strikes = np.array([[float(option.strike)] for option in options])
    sigma = smile.volatility(stock, level, spot, strikes, years)
    pricer = american.pricer(stock.rate, stock.dividend_yield, right)
    given = spot + shift[0], strikes, np.maximum(years + shift[2] / 365.0, 0.0), sigma + shift[1]
    paid = smile.dividends_before(stock, options[0].expiration)
    return escrowed.american(pricer, paid, *given) if paid else pricer.american(*given)


def tape(seed: int, stock: Stock, options: Sequence[Option], path: DayPath, liquidity: Liquidity = USUAL) -> Tape:
    """Return a day of contracts that share expiration and right.

    Args:
        seed: the market's seed.
        stock: the underlying.
        options: one contract or more.
        path: the underlying's day, not after the expiration.
        liquidity: how much is traded and quoted.
    """
    keys = np.array(
        [draws.key(seed, option.con_id, path.session.day.toordinal(), _QUOTES) for option in options], dtype=np.uint64
    )
    years = smile.years_left(stock, options[0].expiration, instants(path.session))
    fair = values(stock, options, path.cents / 100.0, path.volatility, years)
    first = smile.years_left(stock, options[0].expiration, np.array([path.session.open]))
    strikes = np.array([[float(option.strike)] for option in options])
    spot = path.cents[:1] / 100.0
    distance, _ = smile.moneyness(stock, path.volatility[:1], spot, strikes, first)
    words = draws.words(keys, fair.shape[1])
    quoted = _quotes(stock, fair, distance, first, words)
    bid, ask = liquidity.without_bids(seed, options, path, fair, quoted)
    arrivals = draws.words(keys ^ np.uint64(_TRADES), fair.shape[1] - 1)
    outside = distance if options[0].right == "C" else -distance
    a_day = liquidity.crowd(outside) * trades_a_day(seed, stock, options, path, distance)
    price, trades, volume = _trades(stock, a_day, arrivals, bid, ask)
    empty = liquidity.empty(seed, options, path, outside)
    if empty.any():
        for column in (bid, ask, price, trades, volume):
            column[empty] = 0
    return Tape(path.session, bid, ask, price, trades, volume, fair)


def _down(cents: Floats, penny: bool) -> Ints:
    whole = np.floor(cents + _TINY).astype(np.int64)
    return whole if penny else np.where(whole >= _NICKEL_FROM, whole - whole % _NICKEL, whole)


def _up(cents: Floats, penny: bool) -> Ints:
    whole = np.ceil(cents - _TINY).astype(np.int64)
    return whole if penny else np.where(whole > _NICKEL_FROM, whole + -whole % _NICKEL, whole)


def _quotes(stock: Stock, fair: Floats, distance: Floats, years: Floats, words: draws.Words) -> tuple[Ints, Ints]:
    """Return bid and ask in cents around the model price, further apart away from the money and in the opening."""
    liquid = 1.0 if stock.penny else 1.6
    wide = 1.0 + 0.12 * np.minimum(np.abs(distance), 6.0) + 0.6 * np.minimum(years, 1.0)
    half = (0.5 * liquid + 0.08 * liquid * fair) * wide
    half[:, :6] *= 1.6
    bid = _down(np.maximum(100.0 * fair - half * (0.8 + 0.4 * draws.bits(words, 0, 16)), 0.0), stock.penny)
    ask = _up(100.0 * fair + half * (0.8 + 0.4 * draws.bits(words, 16, 16)), stock.penny)
    return bid, np.maximum(ask, np.maximum(bid, 0) + 1)


def _trades(stock: Stock, a_day: Floats, words: draws.Words, bid: Ints, ask: Ints) -> tuple[Ints, Ints, Ints]:
    """Return price, number and volume of the trades of each minute; they arrive at random at a rate that thins out."""
    minutes = words.shape[1]
    rate = a_day / minutes * activity_of_day(minutes)
    happened = draws.bits(words, 0, 24) < -np.expm1(-rate)
    low, high = bid[:, 1:], ask[:, 1:]
    price = low + np.rint((high - low) * draws.bits(words, 24, 12)).astype(np.int64)
    if not stock.penny:
        price = np.where(price >= _NICKEL_FROM, price - price % _NICKEL, price)
    number = 1 + (-rate * np.log(draws.bits(words, 36, 14))).astype(np.int64)
    lots = (draws.bits(words, 50, 14) ** -0.6).astype(np.int64)
    return (
        np.where(happened, np.maximum(price, 1), 0),
        np.where(happened, number, 0),
        np.where(happened, number * lots, 0),
    )


def trades_a_day(seed: int, stock: Stock, options: Sequence[Option], path: DayPath, distance: Floats) -> Floats:
    """Return the expected number of trades a day of each contract, as a column.

    Args:
        seed: the market's seed.
        stock: the underlying.
        options: contracts of one expiration and one right.
        path: the underlying's day.
        distance: their strikes' distance from the forward in standard deviations, as a column.
    """
    sign = 1.0 if options[0].right == "C" else -1.0
    days = (options[0].expiration - path.session.day).days
    outside = sign * distance
    width = np.where(outside > 0.0, 1.15, 0.55)
    tail = 0.004 * np.exp(-np.abs(distance) / 3.0)
    shape = np.exp(-0.5 * (distance / width) ** 2) + tail
    habit = draws.bits(
        np.array([[draws.key(seed, option.con_id, _HABIT)] for option in options], dtype=np.uint64), 0, 24
    )
    strikes = np.array([[float(option.strike)] for option in options])
    round_strike = np.where(strikes % (10.0 * stock.steps[0][0]) == 0.0, 2.0, 1.0)
    rate: Floats = stock.option_trades_a_day / (1.0 + days / 2.0) ** 1.35 * shape * round_strike * (0.25 + 1.5 * habit)
    return rate


def open_interest(seed: int, stock: Stock, option: Option, path: DayPath) -> int:
    """Return the contracts open at the previous close; they build up over a contract's life and change daily.

    Args:
        seed: the market's seed.
        stock: the underlying.
        option: the contract.
        path: the underlying's day for which it is asked.
    """
    day = path.session.day
    start = smile.years_left(stock, option.expiration, np.array([path.session.open]))
    spot, strikes = path.cents[:1] / 100.0, np.array([[float(option.strike)]])
    month = np.maximum(start, 0.08)
    distance, _ = smile.moneyness(stock, path.volatility[:1], spot, strikes, month)
    habit = float(draws.bits(np.array([draws.key(seed, option.con_id, _HABIT, 2)], dtype=np.uint64), 0, 24)[0])
    jitter = float(draws.uniforms(draws.key(seed, option.con_id, _HABIT, day.toordinal()), 1)[0])
    age = max((day - option.listed).days, 0)
    grown = age / (age + 8.0)
    crowd = 3.0 * stock.option_trades_a_day * float(np.exp(-0.25 * distance[0, 0] ** 2) + 0.02)
    return int(crowd * grown * (0.2 + 4.0 * habit**3) * (0.95 + 0.1 * jitter))
