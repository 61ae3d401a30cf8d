from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from collector.archive.whole_numbers import NULL, column, wholes

MOST = 2**63 - 1


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([Decimal("-0.0001"), None, Decimal("214748.3647")], pa.decimal128(10, 4)), [-1, NULL, 2**31 - 1]),
        (pa.array([Decimal(MOST).scaleb(-4), Decimal(-MOST).scaleb(-4)], pa.decimal128(20, 4)), [MOST, -MOST]),
        (pa.array([None, None], pa.decimal128(10, 6)), [NULL, NULL]),
        (pa.array([1, None, -5], pa.int16()), [1, NULL, -5]),
        (pa.array([True, False, None]), [1, 0, NULL]),
        (pa.array([datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC), None], pa.timestamp("us", "UTC")), [1_000_005, NULL]),
        (pa.array([date(1970, 1, 2), None]), [1, NULL]),
        (pa.array([], pa.decimal128(10, 4)), []),
    ],
    ids=str,
)
def test_columns_become_whole_numbers_and_columns_again(array: pa.Array, expected: list[int]) -> None:
    """Each kind of column is whole numbers of its last digit, from whatever place of it on, and comes back equal."""
    assert wholes(array).tolist() == expected
    assert wholes(array[1:]).tolist() == expected[1:]
    assert wholes(pa.chunked_array([array, array[:1]])).tolist() == expected + expected[:1]
    assert column(np.array(expected, np.int64), array.type).equals(array)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([10**10], pa.decimal128(10, 4)),
        ([0, -(10**10)], pa.decimal128(10, 4)),
        ([2**31], pa.int32()),
        ([-(2**15) - 1], pa.int16()),
    ],
    ids=str,
)
def test_what_does_not_fit_is_told(values: list[int], kind: pa.DataType) -> None:
    """No value loses a digit in silence."""
    with pytest.raises(OverflowError):
        column(np.array(values, np.int64), kind)


def test_a_decimal_of_more_than_eight_bytes_is_told() -> None:
    """A decimal that eight bytes do not hold is refused, not cut."""
    with pytest.raises(OverflowError, match="more than eight bytes"):
        wholes(pa.array([Decimal(2**63)], pa.decimal128(20, 0)))
