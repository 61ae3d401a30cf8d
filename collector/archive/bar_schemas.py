"""Columns of the archive's bars.

They are made of the store's whole numbers, and give these back. The store keeps wicks beyond open and close, a unit a
row and vwap less close (collector/db/schema/tables.py); a file has what the view of the same name shows, as decimals.
What the view derives of other columns is left out: spread_close, mid_close and data_source. One schema a data set and
format, whatever the values are.
"""

import functools
import io
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyarrow import csv

from collector.archive.whole_numbers import NULL, Ints, column, wholes
from collector.domain.market_data.data_sets import DataSet, InstrumentKind
from collector.domain.market_data.instruments import WhatToShow

INSTANT = pa.timestamp("us", tz="UTC")
OPTION_PRICE = pa.decimal128(10, 4)
"""Ten digits: what a 4-byte integer of ten-thousandths holds, 214,748.3647 USD, and 100,000 USD with it."""
UNDERLYING_PRICE = pa.decimal128(18, 4)
UNDERLYING_VOLUME = pa.decimal128(20, 4)
"""Of shares: ten-thousandths in an 8-byte integer have nineteen digits."""
GREEK = pa.decimal128(10, 4)
GAMMA = pa.decimal128(10, 6)

CENTS = 100
_SIDES = ("", "bid_", "ask_")
_PRICES = ("open", "high", "low", "close")
_GREEKS = ("implied_volatility", "delta", "theta", "vega", "rho", "gamma")
_META = ("collection_run_id", "created_at", "updated_at", "flags", "has_gaps")
_PIECE = 4 * 2**20
"""Bytes of CSV that are turned into a table at a time."""


def key(data_set: DataSet) -> str:
    """Return the column that names whose bar a row is; with `time` it is the key, and rows are sorted by both."""
    return "contract_id" if data_set.kind is InstrumentKind.OPTION else "underlying_id"


def second_column(data_set: DataSet) -> str:
    """Return the column of a series of underlyings beside TRADES."""
    return "adjusted_close" if WhatToShow.ADJUSTED_LAST in data_set.series else "implied_volatility"


@functools.cache
def stored_columns(data_set: DataSet) -> tuple[str, ...]:
    """Return the columns of the data set's table in the schema `store`, in the order of the table.

    Copied in this order as CSV, with empty fields for NULL, they are what `table` takes; `stored_text` writes the same.
    """
    if data_set.kind is InstrumentKind.UNDERLYING:
        return (
            "time", "underlying_id", "open", "up", "down", "close", "vwap_off", "volume", "bar_count",
            second_column(data_set), *_META,
        )  # fmt: skip
    wicks = tuple(f"{side}{name}" for side in _SIDES for name in ("open", "up", "down", "close"))
    return (
        "time", "contract_id", *wicks, "vwap_off", "volume", "bar_count", *_GREEKS, "greeks_version", "greeks_reason",
        "open_interest", "collection_run_id", "created_at", "updated_at", "flags", "unit", "has_gaps",
    )  # fmt: skip


@functools.cache
def schema(data_set: DataSet) -> pa.Schema:
    """Return the columns of the data set's files; prices USD per share, instants UTC."""
    option = data_set.kind is InstrumentKind.OPTION
    price = OPTION_PRICE if option else UNDERLYING_PRICE
    fields = [pa.field("time", INSTANT, nullable=False), pa.field(key(data_set), pa.int32(), nullable=False)]
    fields += [pa.field(name, price) for name in _PRICES]
    fields += [pa.field("volume", pa.int64() if option else UNDERLYING_VOLUME), pa.field("bar_count", pa.int32())]
    fields += [pa.field("vwap", price)]
    if option:
        fields += [pa.field(f"{side}{name}", price) for side in _SIDES[1:] for name in _PRICES]
        fields += [pa.field(name, GAMMA if name == "gamma" else GREEK) for name in _in_the_view_s_order()]
        fields += [pa.field(name, pa.int16()) for name in ("greeks_version", "greeks_reason")]
        fields += [pa.field("open_interest", pa.int32())]
    else:
        second = second_column(data_set)
        fields += [pa.field(second, price if second == "adjusted_close" else GREEK)]
    fields += [
        pa.field("flags", pa.int32(), nullable=False),
        pa.field("collection_run_id", pa.int32()),
        pa.field("has_gaps", pa.bool_(), nullable=False),
        pa.field("created_at", INSTANT, nullable=False),
        pa.field("updated_at", INSTANT, nullable=False),
    ]
    return pa.schema(fields)


def _in_the_view_s_order() -> tuple[str, ...]:
    return ("implied_volatility", "delta", "gamma", "theta", "vega", "rho")


def table(data_set: DataSet, text: bytes | Iterable[bytes]) -> pa.Table:
    """Return rows of the store as a table of decimals; see `tables`."""
    return pa.concat_tables([schema(data_set).empty_table(), *tables(data_set, text)])


def tables(data_set: DataSet, text: bytes | Iterable[bytes]) -> Iterator[pa.Table]:
    """Yield rows of the store as tables of decimals, a few megabytes of text at a time, in the same order.

    Args:
        data_set: whose table they are from.
        text: CSV of `stored_columns` without a head line, in pieces of any size.

    Raises:
        pyarrow.ArrowInvalid: that is no such text.
        OverflowError: a value is none that the store's view can show.
    """
    names = stored_columns(data_set)
    read = csv.ReadOptions(column_names=list(names), block_size=2 * _PIECE)
    convert = csv.ConvertOptions(
        column_types={name: _stored_type(name) for name in names},
        null_values=[""],
        true_values=["t", "true"],
        false_values=["f", "false"],
    )
    for piece in _whole_lines([text] if isinstance(text, bytes) else text):
        stored = csv.read_csv(io.BytesIO(piece), read_options=read, convert_options=convert)
        yield _decimals(data_set, stored)


def _stored_type(name: str) -> pa.DataType:
    if name in ("time", "created_at", "updated_at"):
        return INSTANT
    return pa.bool_() if name == "has_gaps" else pa.int64()


def _whole_lines(text: Iterable[bytes]) -> Iterator[bytes]:
    """Yield text again in larger pieces that end with a line."""
    waiting: list[bytes] = []
    size = 0
    for piece in text:
        waiting.append(piece)
        size += len(piece)
        if size >= _PIECE and b"\n" in piece:
            lines, _, rest = piece.rpartition(b"\n")
            yield b"".join((*waiting[:-1], lines, b"\n"))
            waiting, size = [rest], len(rest)
    if size:
        yield b"".join(waiting)


def _decimals(data_set: DataSet, stored: pa.Table) -> pa.Table:
    """Return whole numbers of the store as the view shows them."""
    given = {name: wholes(stored[name]) for name in stored.column_names if _stored_type(name) == pa.int64()}
    found = dict(given)
    unit = given.get("unit")
    for side in _SIDES if unit is not None else _SIDES[:1]:
        open_, close = given[f"{side}open"], given[f"{side}close"]
        found[f"{side}high"] = _times(_plus(_greatest(open_, close), given[f"{side}up"]), unit)
        found[f"{side}low"] = _times(_less(_least(open_, close), given[f"{side}down"]), unit)
        found[f"{side}open"], found[f"{side}close"] = _times(open_, unit), _times(close, unit)
    found["vwap"] = _plus(found["close"], given["vwap_off"])
    arrays = []
    for field in schema(data_set):
        kept = stored[field.name].combine_chunks() if field.name not in found else None
        arrays.append(column(found[field.name], field.type) if kept is None else kept.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema(data_set))


def stored_text(data_set: DataSet, bars: pa.Table) -> Iterator[bytes]:
    """Yield a table's rows as CSV of the store's whole numbers, `stored_columns` without a head line, for COPY.

    The unit is chosen as `store.whole` does: cents, unless a price of the row has finer digits.
    """
    for batch in bars.to_batches(max_chunksize=2**15):
        yield _text(data_set, batch)


def _text(data_set: DataSet, batch: pa.RecordBatch) -> bytes:
    names = stored_columns(data_set)
    given = {one.name: wholes(batch[one.name]) for one in batch.schema if pa.types.is_decimal(one.type)}
    sides = _SIDES if "unit" in names else _SIDES[:1]
    unit = _unit([given[f"{side}{name}"] for side in sides for name in _PRICES]) if "unit" in names else None
    found = dict(given)
    for side in sides:
        open_, high, low, close = (given[f"{side}{name}"] for name in _PRICES)
        found[f"{side}up"] = _per(_less(high, _greatest(open_, close)), unit)
        found[f"{side}down"] = _per(_less(_least(open_, close), low), unit)
        found[f"{side}open"], found[f"{side}close"] = _per(open_, unit), _per(close, unit)
    found["vwap_off"] = _less(given["vwap"], given["close"])
    if unit is not None:
        found["unit"] = unit
    arrays = [column(found[name], pa.int64()) if name in found else batch[name] for name in names]
    written = io.BytesIO()
    options = csv.WriteOptions(include_header=False, quoting_style="none")
    csv.write_csv(pa.Table.from_arrays(arrays, names=list(names)), written, options)
    return written.getvalue()


def _unit(prices: "list[Ints]") -> Ints:
    fine = np.zeros(len(prices[0]), dtype=bool)
    for price in prices:
        fine |= (price != NULL) & (price % CENTS != 0)
    return np.where(fine, 1, CENTS)


def _plus(one: Ints, other: Ints) -> Ints:
    return np.where((one == NULL) | (other == NULL), NULL, one + other)


def _less(one: Ints, other: Ints) -> Ints:
    return np.where((one == NULL) | (other == NULL), NULL, one - other)


def _times(values: Ints, unit: Ints | None) -> Ints:
    return values if unit is None else np.where(values == NULL, NULL, values * unit)


def _per(values: Ints, unit: Ints | None) -> Ints:
    return values if unit is None else np.where(values == NULL, NULL, values // unit)


def _greatest(one: Ints, other: Ints) -> Ints:
    """Return the greater of two, as SQL's greatest: the one where the other is NULL, which is the least number."""
    return np.maximum(one, other)


def _least(one: Ints, other: Ints) -> Ints:
    return np.where(one == NULL, other, np.where(other == NULL, one, np.minimum(one, other)))
