"""Rows of option bars for the storage benchmarks: sessions of the simulated market, as arrays of whole numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from collector.clock import SystemClock
from collector.simulator.exchange.series import SeriesArrays
from collector.simulator.market import Market

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

SLOT_S = 300
QUOTES = tuple(f"{side}_{price}" for side in ("bid", "ask") for price in ("open", "high", "low", "close"))
PRICES = ("open", "high", "low", "close", "vwap", *QUOTES)
GREEKS = ("implied_volatility", "delta", "gamma", "theta", "vega", "rho")
SCALES = dict.fromkeys(PRICES, 4) | dict.fromkeys(GREEKS, 4) | {"gamma": 6}
"""Decimals of each column as the table has them; values here are whole numbers of the last decimal."""

COLUMNS = (
    "time", "contract_id", "open", "high", "low", "close", "volume", "bar_count", "vwap", *QUOTES,
    *GREEKS, "greeks_version", "open_interest", "flags", "collection_run_id", "data_source", "has_gaps", "created_at",
    "updated_at",
)  # fmt: skip
STORED = (
    "time", "contract_id", "open", "up", "down", "close", "bid_open", "bid_up", "bid_down", "bid_close", "ask_open",
    "ask_up", "ask_down", "ask_close", "vwap_off", "volume", "bar_count", *(name for name in GREEKS if name != "gamma"),
    "gamma", "greeks_version", "greeks_reason", "open_interest", "collection_run_id", "created_at", "updated_at",
    "flags", "unit", "has_gaps",
)  # fmt: skip
"""The columns of store.option_bars_5min."""
INSTANTS = ("time", "created_at", "updated_at")
DATA_SETS = ("quoted", "sparse", "dense")
NULL = np.iinfo(np.int64).min

_RANGE = {"SPY": 0.15, "PLTR": 0.25, "TSLA": 0.35}
_RATE = 0.04


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one session by contract and time: column → whole numbers, NULL where there is no value.

    time, created_at and updated_at are microseconds since 1970; data_source is 1 for TRADES and 0 for BID_ASK.
    """

    day: date
    columns: Mapping[str, Ints]

    def __len__(self) -> int:
        return len(self.columns["time"])

    def take(self, where: npt.NDArray[np.bool_] | slice) -> "Rows":
        """Return some of the rows."""
        return Rows(self.day, {name: values[where] for name, values in self.columns.items()})


def as_stored(rows: Rows) -> Rows:
    """Return rows as the store keeps them: cents with a unit, wicks beyond open and close, vwap less close."""
    given = rows.columns
    prices = [given[name] for name in PRICES if name != "vwap"]
    fine = np.logical_or.reduce([(price != NULL) & (price % 100 != 0) for price in prices])
    unit = np.where(fine, 1, 100)

    def per_unit(values: Ints, known: npt.NDArray[np.bool_]) -> Ints:
        return np.where(known, values // unit, NULL)

    found: dict[str, Ints] = {}
    for side in ("", "bid_", "ask_"):
        open_, high, low, close = (given[f"{side}{name}"] for name in ("open", "high", "low", "close"))
        known = close != NULL
        found |= {
            f"{side}open": per_unit(open_, known),
            f"{side}up": per_unit(high - np.maximum(open_, close), known),
            f"{side}down": per_unit(np.minimum(open_, close) - low, known),
            f"{side}close": per_unit(close, known),
        }
    vwap = given["vwap"]
    found["vwap_off"] = np.where(vwap != NULL, vwap - given["close"], NULL)
    found["unit"] = unit
    found["greeks_reason"] = np.where(given["greeks_version"] != NULL, 0, NULL)
    return Rows(rows.day, {name: found.get(name, given.get(name, unit)) for name in STORED})


def session_days(count: int, last: date) -> list[date]:
    """Return so many weekdays that end with `last`, ascending."""
    days: list[date] = []
    while len(days) < count:
        if last.weekday() < 5:
            days.append(last)
        last -= timedelta(days=1)
    return days[::-1]


def quoted_session(day: date, contracts: int, seed: int = 7) -> Rows:
    """Return a session as the default configuration stores it: all quotes, and prices where something traded."""
    market = Market(seed, SystemClock(datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=22)))
    parts = [_contract_rows(number, *found) for number, found in enumerate(_selected(market, day, contracts), 1)]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS}
    return Rows(day, columns)


def as_data_set(rows: Rows, data_set: str, seed: int = 7) -> Rows:
    """Return a quoted session as another data set: only what traded (sparse), or with a trade in each slot (dense)."""
    traded = rows.columns["close"] != NULL
    if data_set == "quoted":
        return rows
    if data_set == "sparse":
        return rows.take(traded)
    draw = np.random.default_rng(seed)
    filled = dict(rows.columns)
    bid, ask = rows.columns["bid_close"], rows.columns["ask_close"]
    middle = np.where((bid == NULL) | (ask == NULL), 1000, (bid + ask) // 200 * 100)
    half = np.where((bid == NULL) | (ask == NULL), 100, np.maximum((ask - bid) // 200 * 100, 100))
    size = len(rows)
    open_, close = (middle + half * draw.integers(-1, 2, size) for _ in range(2))
    invented = {
        "open": open_,
        "close": close,
        "high": np.maximum(open_, close) + 100 * draw.integers(0, 3, size),
        "low": np.maximum(np.minimum(open_, close) - 100 * draw.integers(0, 3, size), 100),
        "vwap": (open_ + close) // 2 + draw.integers(-40, 41, size),
        "volume": draw.geometric(0.05, size),
        "bar_count": draw.geometric(0.3, size),
        "data_source": np.ones(size, dtype=np.int64),
    }
    for name, values in invented.items():
        filled[name] = np.where(traded, rows.columns[name], values)
    return Rows(rows.day, filled)


def shifted(rows: Rows, day: date, draw: np.random.Generator) -> Rows:
    """Return the rows as another session of the same contracts: prices and volumes differ, patterns stay."""
    delta = int((day - rows.day).total_seconds()) * 1_000_000
    moved = {name: rows.columns[name] + delta for name in ("time", "created_at", "updated_at")}
    step = 100 * draw.integers(0, 4, len(rows))
    for name in (*PRICES, "volume", "implied_volatility", "delta", "theta", "vega"):
        values = rows.columns[name]
        moved[name] = np.where(values == NULL, NULL, values + step)
    return Rows(day, {**rows.columns, **moved})


_Found: TypeAlias = tuple[Mapping[str, SeriesArrays], float, bool, float, Mapping[int, float]]


def _selected(market: Market, day: date, contracts: int) -> Iterator[_Found]:
    """Yield the contracts near the money, by underlying and expiration, until there are enough of each underlying."""
    start = datetime.combine(day, datetime.min.time(), UTC)
    for symbol, width in _RANGE.items():
        stock, chain = market.stock(symbol), market.chain(symbol)
        if stock is None or chain is None:
            raise LookupError(symbol)
        path = market.arrays(stock.con_id, "TRADES", start, start + timedelta(days=1), complete=True)
        spots = {int(at): float(close) / path.scale for at, close in zip(path.time, path.close, strict=True)}
        spot = next(iter(spots.values()))
        left = contracts // 3 if symbol != "SPY" else contracts - 2 * (contracts // 3)
        for expiration in chain.expirations:
            if expiration < day:
                continue
            drawn = market.expiration_day(symbol, expiration, day)
            for con_id, series in drawn.items():
                option = market.option(con_id)
                if option is None or abs(float(option.strike) / spot - 1) > width or left == 0:
                    continue
                left -= 1
                years = ((expiration - day).days + 0.3) / 365
                yield series, float(option.strike), option.right == "C", years, spots


def _contract_rows(
    number: int, series: Mapping[str, SeriesArrays], strike: float, call: bool, years: float, spots: Mapping[int, float]
) -> dict[str, Ints]:
    times = np.unique(np.concatenate([series[name].time for name in ("TRADES", "BID", "ASK")]))
    times = times[np.isin(times, list(spots))]
    at = {"trades": series["TRADES"], "bid": series["BID"], "ask": series["ASK"]}
    rows: dict[str, Ints] = {
        "time": times * 1_000_000,
        "contract_id": np.full(len(times), number),
        **{name: _placed(times, at["trades"], name) for name in ("open", "high", "low", "close", "volume")},
        "bar_count": _placed(times, at["trades"], "count"),
        "vwap": _placed(times, at["trades"], "wap"),
        **{name: _placed(times, at[name[:3]], name[4:]) for name in QUOTES},
    }
    spot = np.array([spots[int(slot)] for slot in times])
    draw = np.random.default_rng(number)
    smile = 0.25 + 0.6 * np.log(strike / spot) ** 2 + 0.02 / np.sqrt(years + 0.02)
    volatility = smile + 0.002 * np.cumsum(draw.normal(0, 0.3, len(times))) + draw.normal(0, 0.001, len(times))
    rows.update(_greeks(spot, strike, years, np.maximum(volatility, 0.03), call))
    known = rows["bid_close"] != NULL
    for name in GREEKS:
        rows[name] = np.where(known, rows[name], NULL)
    stored = (int(times[-1]) + 4 * 3600 + number // 10) * 1_000_000 + 123_456 if len(times) else 0
    rows |= {
        "greeks_version": np.where(known, 1, NULL),
        "open_interest": np.full(len(times), int(draw.geometric(0.0005))),
        "flags": np.zeros(len(times), dtype=np.int64),
        "collection_run_id": np.full(len(times), times[0] // 86_400 if len(times) else 0),
        "data_source": (rows["close"] != NULL).astype(np.int64),
        "has_gaps": np.zeros(len(times), dtype=np.int64),
        "created_at": np.full(len(times), stored),
        "updated_at": np.full(len(times), stored),
    }
    return rows


def _placed(times: Ints, series: SeriesArrays, name: str) -> Ints:
    """Return a series' values at `times`, prices as whole numbers of 1/10,000 USD, NULL where it has no bar."""
    values = getattr(series, name)
    placed = np.full(len(times), NULL)
    where = np.isin(times, series.time)
    found = values[np.isin(series.time, times)]
    per_unit = 10_000 // series.scale if name in ("open", "high", "low", "close") else 1
    placed[where] = found * per_unit
    return placed


def _greeks(spot: Floats, strike: float, years: float, volatility: Floats, call: bool) -> dict[str, Ints]:
    """Return Black and Scholes' Greeks; theta a day, vega and rho a point, as whole numbers of their last decimal."""
    root = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (_RATE + volatility**2 / 2) * years) / root
    d2 = d1 - root
    density = np.exp(-(d1**2) / 2) / np.sqrt(2 * np.pi)
    sign = 1.0 if call else -1.0
    discounted = strike * np.exp(-_RATE * years)
    values = {
        "implied_volatility": volatility,
        "delta": _normal(d1) - (0.0 if call else 1.0),
        "gamma": density / (spot * root),
        "theta": (-spot * density * volatility / (2 * np.sqrt(years)) - sign * _RATE * discounted * _normal(sign * d2))
        / 365,
        "vega": spot * density * np.sqrt(years) / 100,
        "rho": sign * years * discounted * _normal(sign * d2) / 100,
    }
    return {name: np.rint(value * 10 ** SCALES[name]).astype(np.int64) for name, value in values.items()}


def _normal(x: Floats) -> Floats:
    """Return the normal distribution (Zelen and Severo's approximation, good to 7 decimals)."""
    t = 1 / (1 + 0.2316419 * np.abs(x))
    tail = (
        np.exp(-(x**2) / 2)
        / np.sqrt(2 * np.pi)
        * t
        * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    )
    lower: Floats = np.where(x > 0, 1 - tail, tail)
    return lower


def copy_text(rows: Rows, columns: Sequence[str] = STORED) -> Iterator[bytes]:
    """Yield rows in COPY's text format, 10,000 lines at a time.

    Args:
        rows: with the columns of the store (`as_stored`), or with decimals in the order of COLUMNS.
        columns: which of them, in the order of the text.
    """
    decimals = "unit" not in rows.columns
    for first in range(0, len(rows), 10_000):
        part = slice(first, first + 10_000)
        texts = [_texts(name, rows.columns[name][part], SCALES.get(name, 0) if decimals else 0) for name in columns]
        yield ("\n".join(map("\t".join, zip(*texts, strict=True))) + "\n").encode()


def _texts(name: str, values: Ints, decimals: int) -> list[str]:
    if decimals:
        unit = 10**decimals
        return [r"\N" if v == NULL else f"{v / unit:.{decimals}f}" for v in values.tolist()]
    if name in INSTANTS:
        return [str(text) for text in np.datetime_as_string(values.astype("datetime64[us]"), timezone="UTC")]
    if name == "data_source":
        return ["TRADES" if v else "BID_ASK" for v in values.tolist()]
    if name == "has_gaps":
        return ["f"] * len(values)
    return [r"\N" if v == NULL else str(v) for v in values.tolist()]
