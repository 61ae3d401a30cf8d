"""Whole numbers of bars, and the decimals that they stand for."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.market_data.bars import decimal, whole


@pytest.mark.parametrize(
    ("number", "ten_thousandths"),
    [
        ("1.25", 12_500),
        ("0.00005", 1),
        ("0.000049999999999999999999999999999999999", 0),
        ("1e-30", 0),
        ("1.23456", 12_346),
        ("-0.00005", -1),
        ("-1", -10_000),
        ("3000000000", 30_000_000_000_000),
        ("12345678901234567890123456789012345.12345", 123456789012345678901234567890123451235),
    ],
)
def test_a_number_becomes_whole(number: str, ten_thousandths: int) -> None:
    """Halves are rounded away from zero, as PostgreSQL rounds them, whatever the number of digits."""
    assert whole(number) == whole(Decimal(number)) == ten_thousandths


@given(st.integers(-(10**40), 10**40))
def test_a_whole_number_is_a_decimal_and_back(number: int) -> None:
    """Nothing is lost in either direction, and four decimals are shown."""
    assert Fraction(decimal(number)) * 10_000 == number
    assert whole(decimal(number)) == number
    assert decimal(number).as_tuple().exponent == -4


def test_the_largest_double_is_a_number_like_any_other() -> None:
    """A price of 300 digits is rounded nowhere on its way to the rules that refuse it."""
    assert whole("1e299") == 10**303
    assert decimal(10**303) == Decimal("1e299")
