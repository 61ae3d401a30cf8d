"""Arrow's columns as whole numbers of their last digit.

Decimals, integers, instants, dates and booleans alike: eight bytes a value, so that a column is computed with, compared
and hashed at once, without an object a value. What is NULL is the least number that eight bytes hold; no column of the
archive holds that one.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints: TypeAlias = npt.NDArray[np.int64]

NULL = int(np.iinfo(np.int64).min)

_BYTES = 8


def wholes(column: pa.Array | pa.ChunkedArray) -> Ints:
    """Return a column's values, of an array or a chunked array.

    Raises:
        OverflowError: a decimal needs more than eight bytes.
    """
    if isinstance(column, pa.ChunkedArray):
        parts = [wholes(chunk) for chunk in column.chunks]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)
    if pa.types.is_decimal(column.type):
        values = _halves(column)
    elif pa.types.is_boolean(column.type):
        values = column.cast(pa.int8()).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    elif pa.types.is_timestamp(column.type):
        values = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    elif pa.types.is_date32(column.type):
        values = column.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    else:
        values = column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    if column.null_count:
        values = np.where(column.is_null().to_numpy(zero_copy_only=False), NULL, values)
    return values


def _halves(column: pa.Array) -> Ints:
    """Return the lower half of each decimal's sixteen bytes; the upper one repeats its sign."""
    column = column.cast(pa.decimal128(column.type.precision, column.type.scale))
    start = column.offset
    halves = np.frombuffer(column.buffers()[1], np.int64).reshape(-1, 2)[start : start + len(column)]
    lower, upper = halves[:, 0].copy(), halves[:, 1]
    if column.null_count:
        known = column.is_valid().to_numpy(zero_copy_only=False)
        lower[~known] = 0
        upper = np.where(known, upper, 0)
    if not np.array_equal(upper, lower >> 63):
        raise OverflowError(f"a {column.type} needs more than eight bytes")
    return lower


def column(values: Ints, kind: pa.DataType) -> pa.Array:
    """Return values as an array of a decimal, integer, instant, date or boolean type.

    Raises:
        OverflowError: a value has more digits than the type.
    """
    known = values != NULL
    whole = bool(known.all())
    if not pa.types.is_decimal(kind):
        shown = values if whole else np.where(known, values, 0)
        return _plain(shown, None if whole else ~known, kind)
    most = 10**kind.precision
    if most <= np.iinfo(np.int64).max and len(values):
        shown = values if whole else np.where(known, values, 0)
        if shown.max(initial=0) >= most or shown.min(initial=0) <= -most:
            raise OverflowError(f"a value has more digits than {kind}")
    halves = np.empty((len(values), 2), np.int64)
    halves[:, 0] = values
    halves[:, 1] = values >> (_BYTES * 8 - 1)
    valid = None if whole else pa.py_buffer(np.packbits(known, bitorder="little"))
    if not whole:
        halves[~known] = 0
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(halves)])


def _plain(values: Ints, mask: npt.NDArray[np.bool_] | None, kind: pa.DataType) -> pa.Array:
    """Return values as an array of a type that Arrow makes from whole numbers.

    Raises:
        OverflowError: a value does not fit.
    """
    stored = pa.int32() if pa.types.is_date32(kind) else pa.int64()
    found = pa.array(values, type=stored, mask=mask)
    try:
        return found.cast(kind)
    except pa.ArrowInvalid as error:
        raise OverflowError(str(error)) from None
