"""A contract is understood however people write it."""

import math
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from collector.domain.errors import UsageError
from collector.research.words.contract_names import ContractName, Terms, parsed

CALL = Terms("SPY", date(2026, 12, 18), Decimal(690), "C")


@pytest.mark.parametrize(
    "name",
    [
        "SPY   261218C00690000",
        "SPY 261218C00690000",
        "spy261218c00690000",
        "SPY 2026-12-18 690 C",
        "spy 2026-12-18 690.000 call",
        ("SPY", date(2026, 12, 18), 690, "C"),
        ("SPY", "2026-12-18", Decimal("690.0"), "call"),
    ],
)
def test_terms_are_understood(name: ContractName) -> None:
    """By OCC symbol with or without blanks, by terms in words or as a tuple."""
    assert parsed(name) == CALL
    assert CALL.occ_symbol == "SPY   261218C00690000"


def test_an_id_is_an_id() -> None:
    """A number is the contract's id."""
    assert parsed(1048576) == 1048576
    assert parsed(np.int32(1048576)) == 1048576  # type: ignore[arg-type]  # as a column of ids has them


def test_a_fraction_of_a_strike_is_kept() -> None:
    """Strikes have three decimals in OCC symbols."""
    assert parsed("SPXW 261218P00412500") == Terms("SPXW", date(2026, 12, 18), Decimal("412.5"), "P")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "SPY",
        "SPY 2026-12-18 690",
        "SPY 2026-12-18 690 X",
        "SPY 261318C00690000",
        "SPY 2026-12-18 many C",
        ("SPY", "2026-12-18", math.nan, "C"),
        ("SPY", "2026-12-18", math.inf, "C"),
        True,
        1048576.0,
        None,
    ],
)
def test_nonsense_is_refused(name: ContractName) -> None:
    """What names no contract is an error with examples."""
    with pytest.raises(UsageError, match="names no contract"):
        parsed(name)
