"""Sum minutes up into bars.

How a day's minutes are summed up, kept as whole numbers, and handed out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from collector.simulator.exchange import sessions
from collector.simulator.exchange.listings import SimBar
from collector.simulator.exchange.quotes import Tape
from collector.simulator.exchange.underlyings.paths import DayPath

Ints = npt.NDArray[np.int64]

CENTS, MIDPOINTS, AVERAGES, VOLATILITIES = 100, 1_000, 10_000, 1_000_000
"""Units that make one USD (or 1.0 of volatility): of trades, bids and asks; of mids; of averages; of volatilities."""

WAP_SCALE = 10_000
"""Units of a volume-weighted average price that make one USD."""

_MINUTE_S = 60
_UPDATES_A_MINUTE = 4
"""How often an index is told anew: every 15 seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class SeriesArrays:
    """Bars of one series, ascending, as whole numbers.

    Attributes:
        time: start of each bar in epoch seconds.
        open: first price in units.
        high: highest price in units.
        low: lowest price in units.
        close: last price in units.
        volume: contracts or shares; None for every series but TRADES.
        wap: volume-weighted average price in 1/10,000 USD; None for every series but TRADES.
        count: number of trades; None for every series but TRADES.
        scale: units that make one USD.
    """

    time: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints | None = None
    wap: Ints | None = None
    count: Ints | None = None
    scale: int = CENTS

    def __len__(self) -> int:
        return len(self.time)

    def between(self, start: int, end: int) -> "SeriesArrays":
        """Return the bars that start in [start, end), in epoch seconds."""
        first, last = np.searchsorted(self.time, (start, end))
        if first == 0 and last == len(self.time):
            return self
        return self.take(slice(int(first), int(last)))

    def take(self, where: slice | npt.NDArray[np.bool_]) -> "SeriesArrays":
        """Return the bars at some places."""
        return SeriesArrays(
            self.time[where],
            self.open[where],
            self.high[where],
            self.low[where],
            self.close[where],
            None if self.volume is None else self.volume[where],
            None if self.wap is None else self.wap[where],
            None if self.count is None else self.count[where],
            self.scale,
        )


_NONE = np.zeros(0, dtype=np.int64)


def empty(scale: int = CENTS) -> SeriesArrays:
    """Return no bars."""
    return SeriesArrays(_NONE, _NONE, _NONE, _NONE, _NONE, scale=scale)


def joined(parts: Sequence[SeriesArrays]) -> SeriesArrays:
    """Return consecutive series as one; without any part, no bars."""
    filled = [part for part in parts if len(part)]
    if len(filled) <= 1:
        return filled[0] if filled else (parts[0] if parts else empty())
    return SeriesArrays(
        np.concatenate([part.time for part in filled]),
        np.concatenate([part.open for part in filled]),
        np.concatenate([part.high for part in filled]),
        np.concatenate([part.low for part in filled]),
        np.concatenate([part.close for part in filled]),
        _chained([part.volume for part in filled]),
        _chained([part.wap for part in filled]),
        _chained([part.count for part in filled]),
        filled[0].scale,
    )


def _chained(columns: Sequence[Ints | None]) -> Ints | None:
    """Return columns one after the other, None when a series has no such column."""
    present = [column for column in columns if column is not None]
    return np.concatenate(present) if present else None


def _starts(session: sessions.Session, minutes: int, size: int) -> Ints:
    """Return the start of each bar of so many minutes that has begun after so many minutes of a session."""
    return session.open + np.arange(0, minutes, size, dtype=np.int64) * _MINUTE_S


def point_bars(session: sessions.Session, points: Ints, scale: int, minutes: int, size: int) -> SeriesArrays:
    """Sum up something that stands at every point, like a quote; bars in which it was 0 at a point do not exist.

    Args:
        session: the product's session.
        points: the values, one minute apart, in units.
        scale: units that make one USD.
        minutes: minutes of the session that have passed; a bar that they do not complete is formed so far.
        size: minutes of a bar.
    """
    shown = points[: minutes + 1]
    edges = np.arange(0, minutes, size)
    ends = np.minimum(edges + size, minutes)
    high = np.maximum(np.maximum.reduceat(shown[:-1], edges), shown[ends])
    low = np.minimum(np.minimum.reduceat(shown[:-1], edges), shown[ends])
    bars = SeriesArrays(_starts(session, minutes, size), shown[edges], high, low, shown[ends], scale=scale)
    return bars if low.all() else bars.take(low > 0)


def bid_ask_bars(session: sessions.Session, bid: Ints, ask: Ints, minutes: int, size: int) -> SeriesArrays:
    """Return BID_ASK bars: average bid, highest ask, lowest bid, average ask."""
    edges = np.arange(0, minutes, size)
    counts = np.diff(np.append(edges, minutes))
    unit = AVERAGES // CENTS
    low = np.minimum.reduceat(bid[:minutes], edges) * unit
    bars = SeriesArrays(
        _starts(session, minutes, size),
        np.add.reduceat(bid[:minutes], edges) * unit // counts,
        np.maximum.reduceat(ask[:minutes], edges) * unit,
        low,
        np.add.reduceat(ask[:minutes], edges) * unit // counts,
        scale=AVERAGES,
    )
    return bars.take(low > 0)


def trade_bars(
    session: sessions.Session, price: Ints, trades: Ints, volume: Ints, minutes: int, size: int
) -> SeriesArrays:
    """Sum up minutes of trades; bars without any do not exist."""
    struck = np.flatnonzero(price[:minutes])
    if not len(struck):
        nothing = _NONE
        return SeriesArrays(nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing)
    bar = struck // size
    first = np.flatnonzero(np.diff(bar, prepend=-1))
    last = np.append(first[1:], len(bar)) - 1
    paid, amount = price[struck], volume[struck]
    total = np.add.reduceat(amount, first)
    unit = WAP_SCALE // CENTS
    return SeriesArrays(
        session.open + bar[first] * size * _MINUTE_S,
        paid[first],
        np.maximum.reduceat(paid, first),
        np.minimum.reduceat(paid, first),
        paid[last],
        total,
        (2 * unit * np.add.reduceat(paid * amount, first) + total) // (2 * total),
        np.add.reduceat(trades[struck], first),
    )


def stock_trade_bars(path: DayPath, minutes: int, size: int) -> SeriesArrays:
    """Sum up an underlying's minutes; every bar has trades."""
    edges = np.arange(0, minutes, size)
    ends = np.minimum(edges + size, minutes)
    volume = path.volume[:minutes]
    total = np.add.reduceat(volume, edges)
    middle = (path.cents[:minutes] + path.cents[1 : minutes + 1]) * (WAP_SCALE // CENTS // 2)
    return SeriesArrays(
        _starts(path.session, minutes, size),
        path.cents[edges],
        np.maximum.reduceat(path.high[:minutes], edges),
        np.minimum.reduceat(path.low[:minutes], edges),
        path.cents[ends],
        total,
        (2 * np.add.reduceat(middle * volume, edges) + total) // (2 * total),
        np.add.reduceat(path.trades[:minutes], edges),
    )


def session_bar(bars: SeriesArrays) -> SeriesArrays:
    """Return the bars of a session as one: first, highest, lowest and last price, sums, the average by volume."""
    if len(bars) < 2:  # noqa: PLR2004 - one bar is its own sum
        return bars
    total = None if bars.volume is None else bars.volume.sum(keepdims=True)
    wap = None
    if bars.wap is not None and bars.volume is not None and total is not None:
        bought = max(int(total[0]), 1)
        wap = (2 * (bars.wap * bars.volume).sum(keepdims=True) + bought) // (2 * bought)
    return SeriesArrays(
        bars.time[:1],
        bars.open[:1],
        bars.high.max(keepdims=True),
        bars.low.min(keepdims=True),
        bars.close[-1:],
        total,
        wap,
        None if bars.count is None else bars.count.sum(keepdims=True),
        bars.scale,
    )


def index_bars(path: DayPath, minutes: int, size: int) -> SeriesArrays:
    """Return a volatility index's bars: 100 times the underlying's volatility, in hundredths; updates, no volume."""
    points = np.rint(path.volatility * 100 * CENTS).astype(np.int64)
    bars = point_bars(path.session, points, CENTS, minutes, size)
    nothing = np.zeros(len(bars), dtype=np.int64)
    return replace(bars, volume=nothing, wap=nothing, count=nothing + _UPDATES_A_MINUTE * size)


def stock_series(path: DayPath, what_to_show: str, minutes: int, size: int) -> SeriesArrays | None:
    """Return an underlying's bars of a day so far, None for a series that does not exist.

    VOLATILITY_INDEX gives the bars of the index of its volatility.
    """
    bid, ask = path.cents + path.offer - 1, path.cents + path.offer
    if what_to_show in {"TRADES", "ADJUSTED_LAST"}:
        return stock_trade_bars(path, minutes, size)
    if what_to_show == "VOLATILITY_INDEX":
        return index_bars(path, minutes, size)
    if what_to_show == "BID_ASK":
        return bid_ask_bars(path.session, bid, ask, minutes, size)
    if what_to_show in {"OPTION_IMPLIED_VOLATILITY", "HISTORICAL_VOLATILITY"}:
        share = VOLATILITIES * (1.0 if what_to_show.startswith("OPTION") else 0.85)
        points = np.rint(path.volatility * share).astype(np.int64)
        return point_bars(path.session, points, VOLATILITIES, minutes, size)
    return _quote_series(path.session, bid, ask, what_to_show, minutes, size)


def option_series(tape: Tape, row: int, what_to_show: str, minutes: int, size: int) -> SeriesArrays | None:
    """Return a contract's bars of a day so far, None for a series that does not exist for options."""
    if what_to_show == "TRADES":
        return trade_bars(tape.session, tape.price[row], tape.trades[row], tape.volume[row], minutes, size)
    if what_to_show == "BID_ASK":
        return bid_ask_bars(tape.session, tape.bid[row], tape.ask[row], minutes, size)
    return _quote_series(tape.session, tape.bid[row], tape.ask[row], what_to_show, minutes, size)


def _quote_series(
    session: sessions.Session, bid: Ints, ask: Ints, what_to_show: str, minutes: int, size: int
) -> SeriesArrays | None:
    if what_to_show == "BID":
        return point_bars(session, bid, CENTS, minutes, size)
    if what_to_show == "ASK":
        return point_bars(session, ask, CENTS, minutes, size)
    if what_to_show == "MIDPOINT":
        middle = np.where(bid > 0, (bid + ask) * (MIDPOINTS // CENTS // 2), 0)
        return point_bars(session, middle, MIDPOINTS, minutes, size)
    return None


@lru_cache(maxsize=65_536)
def _price(units: int, scale: int) -> Decimal:
    return Decimal(units) / scale


def as_bars(arrays: SeriesArrays) -> tuple[SimBar, ...]:
    """Return bars with exact decimals and aware times."""
    scale = arrays.scale
    minus = Decimal(-1)
    columns = [column.tolist() for column in (arrays.time, arrays.open, arrays.high, arrays.low, arrays.close)]
    if arrays.volume is None or arrays.wap is None or arrays.count is None:
        return tuple(
            SimBar(
                datetime.fromtimestamp(time, UTC),
                _price(opened, scale),
                _price(high, scale),
                _price(low, scale),
                _price(close, scale),
                minus,
                minus,
                -1,
            )
            for time, opened, high, low, close in zip(*columns, strict=True)
        )
    columns += [column.tolist() for column in (arrays.volume, arrays.wap, arrays.count)]
    return tuple(
        SimBar(
            datetime.fromtimestamp(time, UTC),
            _price(opened, scale),
            _price(high, scale),
            _price(low, scale),
            _price(close, scale),
            Decimal(volume),
            _price(wap, WAP_SCALE),
            count,
        )
        for time, opened, high, low, close, volume, wap, count in zip(*columns, strict=True)
    )


@lru_cache(maxsize=65_536)
def _text(units: int, scale: int) -> str:
    return f"{units / scale:.10g}"


def as_fields(arrays: SeriesArrays) -> str:
    """Return the bars as the fields of IB's text protocol with epoch times, each ended by a NUL.

    A bar has eight: date, open, high, low, close, volume, average, count; the last three are -1 but for TRADES.
    """
    scale = arrays.scale
    columns = [column.tolist() for column in (arrays.time, arrays.open, arrays.high, arrays.low, arrays.close)]
    if arrays.volume is None or arrays.wap is None or arrays.count is None:
        return "".join(
            f"{time}\0{_text(opened, scale)}\0{_text(high, scale)}\0{_text(low, scale)}\0{_text(close, scale)}\0"
            "-1\0-1\0-1\0"
            for time, opened, high, low, close in zip(*columns, strict=True)
        )
    columns += [column.tolist() for column in (arrays.volume, arrays.wap, arrays.count)]
    return "".join(
        f"{time}\0{_text(opened, scale)}\0{_text(high, scale)}\0{_text(low, scale)}\0{_text(close, scale)}\0"
        f"{volume}\0{_text(wap, WAP_SCALE)}\0{count}\0"
        for time, opened, high, low, close, volume, wap, count in zip(*columns, strict=True)
    )


def shifted(arrays: SeriesArrays, seconds: int) -> SeriesArrays:
    """Return the bars that much later."""
    return replace(arrays, time=arrays.time + seconds)
