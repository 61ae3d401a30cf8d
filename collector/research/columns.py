"""Columns of bars as readers see them.

What the database and the archive give are the same raw columns: floating-point numbers, codes, instants in UTC. Here
they become the rows of an answer, sorted, under the contracts' terms of their own time, alike from either source.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from collector.db.connection.statements import second_column
from collector.domain.code_meanings import FLAGS, GREEKS_REASONS
from collector.domain.errors import UsageError
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, DataSet
from collector.domain.quality.flags import SlotFlag

Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

_UTC = pa.timestamp("us", "UTC")
_NEW_YORK = pa.timestamp("us", "America/New_York")
_PRICE, _GREEK, _GAMMA, _SHARES = (14, 4), (12, 4), (12, 6), (20, 4)
DAY_US = 86_400_000_000
_FOR_EVER = np.int64(2**32 - 1)

QUOTES = tuple(f"{side}_{price}" for side in ("bid", "ask") for price in ("open", "high", "low", "close"))


class Column(NamedTuple):
    """A column of an answer.

    type: in an answer of floating-point numbers. needs: raw columns. digits: precision and scale of its decimals; None
    where it has none. usual: whether an answer has it when nobody says which columns it shall have.
    """

    name: str
    type: pa.DataType
    needs: tuple[str, ...]
    digits: tuple[int, int] | None = None
    usual: bool = True


def _price(name: str) -> Column:
    return Column(name, pa.float64(), (name,), _PRICE)


def _greek(name: str) -> Column:
    return Column(name, pa.float64(), (name,), _GAMMA if name == "gamma" else _GREEK)


_WHEN = (
    Column("time", _UTC, ()),
    Column("new_york", _NEW_YORK, ()),
    Column("session_date", pa.date32(), ()),
    Column("symbol", pa.string(), ()),
)
_TRADES = tuple(map(_price, ("open", "high", "low", "close")))
_COUNT = Column("bar_count", pa.int32(), ("bar_count",))
_JUDGED = (
    Column("flags", pa.int32(), ("flags",)),
    Column("flag_words", pa.string(), ("flags",)),
    Column("has_gaps", pa.bool_(), ("has_gaps",)),
)
_WRITTEN = (
    Column("collection_run_id", pa.int32(), ("collection_run_id",), usual=False),
    Column("created_at", _UTC, ("created_at",), usual=False),
    Column("updated_at", _UTC, ("updated_at",), usual=False),
)

OPTION_COLUMNS = (
    *_WHEN,
    Column("contract_id", pa.int32(), ()),
    Column("contract_symbol", pa.string(), ()),
    Column("occ_symbol", pa.string(), ()),
    Column("expiration_date", pa.date32(), ()),
    Column("strike_price", pa.float64(), (), _PRICE),
    Column("option_type", pa.string(), ()),
    Column("multiplier", pa.int32(), (), usual=False),
    Column("underlying_price", pa.float64(), (), _PRICE, usual=False),
    *_TRADES,
    Column("volume", pa.int64(), ("volume",)),
    _COUNT,
    _price("vwap"),
    *map(_price, QUOTES),
    Column("mid_close", pa.float64(), ("bid_close", "ask_close"), _PRICE),
    Column("spread_close", pa.float64(), ("bid_close", "ask_close"), _PRICE),
    *map(_greek, ("implied_volatility", "delta", "gamma", "theta", "vega", "rho")),
    Column("greeks_version", pa.int16(), ("greeks_version",), usual=False),
    Column("greeks_reason", pa.string(), ("greeks_reason",)),
    Column("open_interest", pa.int32(), ("open_interest",)),
    *_JUDGED,
    Column("verdict", pa.string(), ("volume", "flags")),
    *_WRITTEN,
)
"""Of option bars, in their order. verdict: traded, no_trade (certain), quarantined or unknown."""


def columns_of(data_set: DataSet) -> tuple[Column, ...]:
    """Return the columns that bars of a data set have."""
    if data_set is OPTION_BARS_5MIN:
        return OPTION_COLUMNS
    second = second_column(data_set)
    return (
        *_WHEN,
        *_TRADES,
        Column("volume", pa.float64(), ("volume",), _SHARES),
        _COUNT,
        _price("vwap"),
        Column(second, pa.float64(), (second,), _GREEK if second == "implied_volatility" else _PRICE),
        *_JUDGED,
        *_WRITTEN,
    )


def chosen(data_set: DataSet, names: Sequence[str] | None) -> tuple[Column, ...]:
    """Return the columns that somebody asks for, in his order; None: the usual ones.

    Raises:
        UsageError: there is no such column, or one is named twice.
    """
    known = {column.name: column for column in columns_of(data_set)}
    if names is None:
        return tuple(column for column in known.values() if column.usual)
    if isinstance(names, str):
        names = [names]
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"{', '.join(unknown)}: no such column", f"There are: {', '.join(known)}.")
    if len(set(names)) < len(names):
        raise UsageError("a column is named twice")
    return tuple(known[name] for name in names)


def raw_names(columns: Sequence[Column], data_set: DataSet) -> list[str]:
    """Return the raw columns that columns are made of, the key among them."""
    key = "contract_id" if data_set is OPTION_BARS_5MIN else "underlying_id"
    return ["time", key, *dict.fromkeys(name for column in columns for name in column.needs)]


def raw_schema(names: Sequence[str], data_set: DataSet) -> pa.Schema:
    """Return the types of raw columns, which are the same from either source."""
    types = {name: column.type for column in columns_of(data_set) for name in column.needs if name == column.name}
    types |= {"time": _UTC, "contract_id": pa.int32(), "underlying_id": pa.int32(), "greeks_reason": pa.int16()}
    return pa.schema([(name, types[name]) for name in names])


class Terms:
    """The terms of contracts by id and time.

    Args:
        table: rows of sql/readers/terms.sql.
    """

    def __init__(self, table: pa.Table) -> None:
        until = table["until"].cast(pa.int64())
        seconds = -(-np.asarray(until.fill_null(0), dtype=np.int64) // 1_000_000)  # the next whole one
        ids = np.asarray(table["contract_id"], dtype=np.int64)
        keys = ids << 32 | np.where(np.asarray(until.is_null()), _FOR_EVER, seconds)
        order = np.argsort(keys, kind="stable")
        self.table = table.take(pa.array(order))
        self.ids = ids[order]
        self._keys = keys[order]

    @property
    def bounds(self) -> tuple[int, int]:
        """Return the least and the greatest id; of no contract, bounds between which there is none."""
        return (int(self.ids[0]), int(self.ids[-1])) if len(self.ids) else (0, -1)

    def rows(self, ids: Ints, times_us: Ints) -> tuple[Ints, Mask]:
        """Return the row of the terms under which each bar was told, and which bars have any."""
        found = np.searchsorted(self._keys, ids << 32 | times_us // 1_000_000, side="right")
        inside = np.minimum(found, max(len(self._keys) - 1, 0))
        known = self.ids[inside] == ids if len(self.ids) else np.zeros(len(ids), dtype=np.bool_)
        return inside, known


def option_table(
    raw: pa.Table,
    terms: Terms,
    symbol: str,
    columns: Sequence[Column],
    *,
    exact: bool,
    own_bars: pa.Table | None = None,
) -> pa.Table:
    """Return option bars with the columns that were chosen, by contract and time.

    Args:
        raw: what `raw_names` says, in any order; rows of contracts without terms are left out.
        terms: of the contracts.
        symbol: the underlying's.
        columns: from `chosen`.
        exact: decimals instead of floating-point numbers.
        own_bars: time and close of the underlying's bars of the same size, where its price is one of the columns.
    """
    ids, times = whole(raw["contract_id"]), whole(raw["time"])
    key = ids << 32 | times // 1_000_000
    places, known = terms.rows(ids, times)
    order = None if bool(np.all(key[1:] > key[:-1])) else np.argsort(key, kind="stable")
    if not bool(known.all()):
        order = np.flatnonzero(known) if order is None else order[known[order]]
    if order is not None:
        raw, ids, times, places = raw.take(pa.array(order)), ids[order], times[order], places[order]
    told = pa.array(places)

    def of_terms(name: str) -> pa.Array:
        return terms.table[name].combine_chunks().take(told)

    own: dict[str, Callable[[], pa.Array]] = {
        "contract_id": lambda: pa.array(ids, pa.int32()),
        "contract_symbol": lambda: of_terms("contract_symbol"),
        "occ_symbol": lambda: pa.array(map(people_write, terms.table["contract_symbol"].to_pylist())).take(told),
        "expiration_date": lambda: of_terms("expiration_date"),
        "strike_price": lambda: of_terms("strike_price"),
        "option_type": lambda: of_terms("option_type"),
        "multiplier": lambda: of_terms("multiplier"),
        "underlying_price": lambda: _prices(own_bars, times),
    }
    return _table(raw, times, symbol, columns, own, exact=exact)


def underlying_table(raw: pa.Table, symbol: str, columns: Sequence[Column], *, exact: bool) -> pa.Table:
    """Return bars of an underlying with the columns that were chosen, by time; see `option_table`."""
    times = whole(raw["time"])
    order = np.argsort(times, kind="stable")
    return _table(raw.take(pa.array(order)), times[order], symbol, columns, {}, exact=exact)


def _prices(bars: pa.Table | None, times: Ints) -> pa.Array:
    """Return the closes of the underlying's bars at some starts of slots, NULL where there is none."""
    if bars is None or not bars.num_rows:
        return pa.nulls(len(times), pa.float64())
    bars = bars.sort_by("time")
    own = whole(bars["time"])
    found = np.minimum(np.searchsorted(own, times), len(own) - 1)
    return bars["close"].combine_chunks().take(pa.array(found, mask=own[found] != times))


def people_write(contract_symbol: str) -> str:
    """Return an OCC symbol with one blank after its root."""
    return f"{contract_symbol[:6].rstrip()} {contract_symbol[6:]}"


def _table(
    raw: pa.Table,
    times: Ints,
    symbol: str,
    columns: Sequence[Column],
    own: Mapping[str, Callable[[], pa.Array]],
    *,
    exact: bool,
) -> pa.Table:
    makers: dict[str, Callable[[], Any]] = {
        "time": lambda: pa.array(times).cast(pa.timestamp("us")).cast(_UTC),
        "new_york": lambda: pa.array(times).cast(pa.timestamp("us")).cast(_UTC).cast(_NEW_YORK),
        "session_date": lambda: pa.array((times // DAY_US).astype(np.int32)).cast(pa.date32()),
        "symbol": lambda: pa.repeat(pa.scalar(symbol), len(times)),
        "mid_close": lambda: _middle(raw, exact=exact),
        "spread_close": lambda: _spread(raw),
        "greeks_reason": lambda: _worded(raw["greeks_reason"], {int(one): one.name.lower() for one in GREEKS_REASONS}),
        "flag_words": lambda: _worded(raw["flags"], None),
        "verdict": lambda: _verdicts(raw),
        **own,
    }
    arrays, fields = [], []
    for column in columns:
        make = makers.get(column.name)
        values = raw[column.name] if make is None else make()
        kind = pa.decimal128(*column.digits) if exact and column.digits else column.type
        if column.digits and exact and pa.types.is_floating(values.type):
            values = decimals(values, *column.digits)
        arrays.append(values if values.type == kind else values.cast(kind))
        fields.append(pa.field(column.name, kind))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields)).combine_chunks()


def decimals(values: pa.Array | pa.ChunkedArray, precision: int, scale: int) -> pa.Array:
    """Return floating-point numbers as the decimals of which they are the nearest."""
    return decimals_of(*wholes(values, 10**scale), precision, scale)


def wholes(values: pa.Array | pa.ChunkedArray, scale: int) -> tuple[Ints, Mask]:
    """Return floating-point numbers in units of 1 / scale, whole, and which of them are known."""
    return np.rint(_floats(values) * scale).astype(np.int64), _valid(values)


def decimals_of(values: Ints, valid: Mask, precision: int, scale: int) -> pa.Array:
    """Return whole numbers of the last digit as decimals, NULL where they are not valid."""
    words = np.empty((len(values), 2), dtype=np.int64)
    words[:, 0], words[:, 1] = values, values >> 63  # 128 bits, the low half first
    bitmap = None if bool(valid.all()) else pa.array(valid).buffers()[1]
    return pa.Array.from_buffers(pa.decimal128(precision, scale), len(values), [bitmap, pa.py_buffer(words)])


def whole(values: pa.ChunkedArray) -> Ints:
    """Return a column without NULLs as integers; instants are microseconds since 1970."""
    plain = values.cast(pa.timestamp("us", "UTC")).cast(pa.int64()) if pa.types.is_timestamp(values.type) else values
    return np.asarray(plain.cast(pa.int64()), dtype=np.int64)


def _floats(values: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Return a column as floating-point numbers, 0 for NULL."""
    return np.asarray(values.fill_null(0.0), dtype=np.float64)


def _valid(values: pa.Array | pa.ChunkedArray) -> Mask:
    return np.asarray(values.is_valid(), dtype=np.bool_)


def _sides(raw: pa.Table) -> tuple[Ints, Ints, Mask]:
    """Return the closing bids and asks in ten-thousandths, and where both are known."""
    (bid, bid_known), (ask, ask_known) = (wholes(raw[name], 10_000) for name in ("bid_close", "ask_close"))
    return bid, ask, bid_known & ask_known


def _middle(raw: pa.Table, *, exact: bool) -> pa.Array:
    bid, ask, known = _sides(raw)
    if exact:  # as numeric(14, 4): half a ten-thousandth is rounded away from 0, and neither side is below it
        return decimals_of((bid + ask + 1) // 2, known, *_PRICE)
    return pa.array((bid + ask) / 20_000, mask=~known)


def _spread(raw: pa.Table) -> pa.Array:
    bid, ask, known = _sides(raw)
    return pa.array((ask - bid) / 10_000, mask=~known)


def _worded(codes: pa.ChunkedArray, words: Mapping[int, str] | None) -> pa.Array:
    """Return the words of codes; without words they are flags, whose bits have a word each."""
    packed = pa.chunked_array(codes.cast(pa.int64()).combine_chunks()).dictionary_encode().combine_chunks()
    known = packed.dictionary.to_pylist()
    said = [None if code is None else flag_words(code) if words is None else words.get(code) for code in known]
    return pa.array(said, pa.string()).take(packed.indices)


def flag_words(flags: int) -> str | None:
    """Return the words of a slot's flags, in the order of their bits; None without any."""
    found = [(SlotFlag(bit).name or "").lower() for bit in sorted(map(int, FLAGS)) if flags & bit]
    return ", ".join(found) or None


_VERDICTS = pa.array(["traded", "no_trade", "quarantined", "unknown"])


def _verdicts(raw: pa.Table) -> pa.Array:
    known = _valid(raw["volume"])
    volume = np.asarray(raw["volume"].fill_null(0), dtype=np.int64)
    flags = np.asarray(raw["flags"].fill_null(0), dtype=np.int64)
    refused = flags & int(SlotFlag.TRADE_QUARANTINED) != 0
    found = np.select([known & (volume > 0), known, refused], [0, 1, 2], 3)
    return _VERDICTS.take(pa.array(found))
