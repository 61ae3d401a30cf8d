"""How a person names contracts and instants."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from collector.domain.errors import UsageError
from collector.domain.market_data.instruments import Right
from collector.lineage.naming import Terms, instant_of, terms_of

CONTRACT = Terms("SPY", date(2026, 12, 18), Decimal(690), Right.CALL)


@pytest.mark.parametrize(
    "words",
    [
        "SPY 261218C00690000", "SPY   261218C00690000", "SPY261218C00690000", "SPY 2026-12-18 690 C",
        "SPY 2026-12-18 C 690", "SPY 690 CALL 2026-12-18", "SPY 2026-12-18 690.00 C",
    ],
)  # fmt: skip
def test_a_contract_in_its_spellings(words: str) -> None:
    """The OCC symbol with or without blanks and the terms in any order are the same contract."""
    assert terms_of(words) == CONTRACT
    assert CONTRACT.occ_symbol == "SPY   261218C00690000"


@pytest.mark.parametrize(
    "words", ["SPY", "SPY 261318C00690000", "SPY 2026-12-18 690", "SPY 2026-12-18 0 C", "SPY X Y Z"]
)
def test_what_is_no_contract(words: str) -> None:
    """A symbol alone, a day that there is not, and terms that lack one are none."""
    assert terms_of(words) is None


def test_a_strike_of_half_a_dollar_and_a_put() -> None:
    """Thousandths of a dollar stand in the OCC symbol."""
    terms = terms_of("BRKB  270115P00412500")
    assert terms == Terms("BRKB", date(2027, 1, 15), Decimal("412.5"), Right.PUT)
    assert str(terms) == "BRKB 2027-01-15 412.5 P"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-25 15:30", "2026-11-25T15:30", "2026-11-25 15:30 America/New_York", "2026-11-25 20:30 UTC",
        "2026-11-25T20:30Z", "2026-11-25 22:30 Asia/Jerusalem", "2026-11-25T15:30:00-05:00",
    ],
)  # fmt: skip
def test_an_instant_in_its_spellings(text: str) -> None:
    """Without a zone it is New York's time."""
    assert instant_of(text) == datetime(2026, 11, 25, 20, 30, tzinfo=UTC)


def test_an_instant_follows_summer_time() -> None:
    """In July New York is four hours behind UTC."""
    assert instant_of("2026-07-01 15:30") == datetime(2026, 7, 1, 19, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "noon", "2026-11-31 15:30", "2026-11-25 15:30 Nowhere/Land", "9999-12-31 23:00", "0001-01-01 00:00Z"]
)
def test_what_is_no_instant(text: str) -> None:
    """It is refused in words."""
    with pytest.raises(UsageError, match=r"is no (instant|time zone)"):
        instant_of(text)
