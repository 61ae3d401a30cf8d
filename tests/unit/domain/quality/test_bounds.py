"""Which contract definitions can be stored."""

from datetime import date
from decimal import Decimal

import pytest

from collector.domain.market_data.instruments import OptionContract, Right
from collector.domain.quality.bounds import can_be_stored


@pytest.mark.parametrize(
    ("strike", "stored"),
    [("100", True), ("0.5", True), ("0.00005", True), ("999999999", True),
     ("12345678901", False), ("1e-30", False), ("0", False), ("-5", False), ("NaN", False), ("Infinity", False)],
)  # fmt: skip
def test_a_strike_has_to_fit_its_column(strike: str, stored: bool) -> None:
    """Eleven digits do not, nor what would be rounded to nothing, nor what is no number."""
    contract = OptionContract("SPY", 1, date(2026, 12, 18), Decimal(strike), Right.CALL)
    assert can_be_stored(contract) is stored
