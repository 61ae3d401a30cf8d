"""Strike selection, with the figures of the owner's specification."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.coverage.selection import DEFAULT_REGIMES, regime_of, select_strikes


@pytest.mark.parametrize(
    ("volatility", "width", "minimum"),
    [
        ("0.12", "0.15", 11),
        ("0.1999", "0.15", 11),
        ("0.20", "0.25", 21),
        ("0.40", "0.25", 21),
        ("0.4001", "0.35", 31),
        (None, "0.35", 31),
    ],
)
def test_regime(volatility: str | None, width: str, minimum: int) -> None:
    """Below 20 % is narrow, 20 to 40 % wider, above 40 % and unknown widest."""
    regime = regime_of(None if volatility is None else Decimal(volatility))
    assert (regime.width, regime.minimum_strikes) == (Decimal(width), minimum)


def test_band_and_minimum() -> None:
    """At a spot of 100 the narrow band is 85..115; with strikes 10 apart the eleven nearest are taken instead."""
    narrow = DEFAULT_REGIMES[0]
    ones = [Decimal(strike) for strike in range(50, 151)]
    assert select_strikes(ones, Decimal(100), narrow) == tuple(Decimal(strike) for strike in range(85, 116))
    tens = [Decimal(strike) for strike in range(10, 201, 10)]
    assert select_strikes(tens, Decimal(100), narrow) == tuple(Decimal(strike) for strike in range(50, 151, 10))


@given(st.sets(st.integers(1, 400)), st.integers(1, 400))
def test_the_chosen_are_the_nearest(strikes: set[int], spot: int) -> None:
    """No strike left out is nearer to spot than one that was taken; all are taken where there are too few."""
    chosen = select_strikes(map(Decimal, strikes), Decimal(spot), DEFAULT_REGIMES[0])
    left_out = {Decimal(strike) for strike in strikes} - set(chosen)
    assert len(chosen) >= min(11, len(strikes))
    assert list(chosen) == sorted(chosen)
    if left_out:
        assert max(abs(c - spot) for c in chosen) <= min(abs(s - spot) for s in left_out)
