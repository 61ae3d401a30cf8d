"""Bars of a day, made of those of 5 minutes."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from collector.archive.bar_schemas import GREEK, OPTION_PRICE
from collector.archive.whole_numbers import NULL, Ints, column, wholes

_DAY_US = 86_400_000_000
_LAST = {"close": OPTION_PRICE, "bid_close": OPTION_PRICE, "ask_close": OPTION_PRICE}
_GREEKS = {"implied_volatility": GREEK, "delta": GREEK}


def daily(bars: pa.Table) -> pa.Table:
    """Return a bar for each contract and session (day of the bars' time in UTC), in the same order.

    open, high, low, close, volume and bar_count are of the day's trades, NULL without any. bid_close, ask_close,
    implied_volatility, delta and open_interest are the last that the day has. has_gaps: a bar of the day has.

    Args:
        bars: of options, ascending by contract and time, no contract's day torn between two tables; not empty.
    """
    time, owner = wholes(bars["time"]), wholes(bars["contract_id"])
    day = time // _DAY_US
    starts = np.flatnonzero(np.r_[True, (owner[1:] != owner[:-1]) | (day[1:] != day[:-1])])
    ends = np.r_[starts[1:], len(time)] - 1
    given = {name: wholes(bars[name]) for name in bars.column_names}
    high, low = given["high"], given["low"]
    none = np.iinfo(np.int64).max
    lowest = np.minimum.reduceat(np.where(low == NULL, none, low), starts)
    found = {
        "time": time[ends],
        "contract_id": owner[starts],
        "session_date": day[starts],
        "open": _first(given["open"], starts),
        "high": np.maximum.reduceat(high, starts),
        "low": np.where(lowest == none, NULL, lowest),
        "volume": _total(given["volume"], starts),
        "bar_count": _total(given["bar_count"], starts),
        "has_gaps": np.maximum.reduceat(given["has_gaps"], starts),
        **{name: _last(given[name], starts) for name in (*_LAST, *_GREEKS, "open_interest")},
    }
    return pa.table([column(found[one.name], one.type) for one in SCHEMA], schema=SCHEMA)


SCHEMA = pa.schema(
    [
        pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),  # start of the day's last bar
        pa.field("contract_id", pa.int32(), nullable=False),
        pa.field("session_date", pa.date32(), nullable=False),
        *(pa.field(name, OPTION_PRICE) for name in ("open", "high", "low", "close")),
        pa.field("volume", pa.int64()),
        pa.field("bar_count", pa.int64()),
        *(pa.field(name, OPTION_PRICE) for name in ("bid_close", "ask_close")),
        *(pa.field(name, kind) for name, kind in _GREEKS.items()),
        pa.field("open_interest", pa.int32()),
        pa.field("has_gaps", pa.bool_(), nullable=False),
    ]
)


def _last(values: Ints, starts: npt.NDArray[np.int64]) -> Ints:
    """Return the last value of each group that is not NULL."""
    places = np.maximum.reduceat(np.where(values == NULL, -1, np.arange(len(values))), starts)
    return np.where(places < 0, NULL, values[places])


def _first(values: Ints, starts: npt.NDArray[np.int64]) -> Ints:
    """Return the first value of each group that is not NULL."""
    count = len(values)
    places = np.minimum.reduceat(np.where(values == NULL, count, np.arange(count)), starts)
    return np.where(places == count, NULL, values[np.minimum(places, count - 1)])


def _total(values: Ints, starts: npt.NDArray[np.int64]) -> Ints:
    known = values != NULL
    sums = np.add.reduceat(np.where(known, values, 0), starts)
    return np.where(np.logical_or.reduceat(known, starts), sums, NULL)
