"""What put-call parity and boxes leave over, against prices made by hand."""

import numpy as np
import pytest

from collector.domain.pricing.dividends import Dividend
from collector.domain.pricing.parity import Pairs, box_residual, parity_residual

_RATE, _YIELD, _YEARS, _SPOT = 0.04, 0.01, 0.5, 100.0


def _pairs(off: tuple[float, ...] = (0.0, 0.0, 0.0), years: tuple[float, ...] = (_YEARS,) * 3) -> Pairs:
    """Return three strikes whose calls cost what parity says, and so much more; puts cost 5 USD."""
    strike, until = np.array([95.0, 100.0, 105.0]), np.array(years)
    put = np.full(3, 5.0)
    call = put + _SPOT * np.exp(-_YIELD * until) - strike * np.exp(-_RATE * until) + np.array(off)
    return Pairs(call, put, np.full(3, 0.02), strike, np.full(3, _SPOT), until)


def test_parity_that_holds_leaves_nothing() -> None:
    """Prices by the formula leave no residual, and a call that is 7 cents dear leaves 7 cents."""
    assert parity_residual(_pairs(), _RATE, _YIELD) == pytest.approx([0, 0, 0], abs=1e-12)
    assert parity_residual(_pairs((0, 0.07, 0)), _RATE, _YIELD) == pytest.approx([0, 0.07, 0])


def test_parity_sets_dividends_aside() -> None:
    """A dividend of 1 USD in a quarter makes calls that do not reckon with it dear by its present value."""
    found = parity_residual(_pairs(), _RATE, _YIELD, (Dividend(1.0, years_before=0.25),))
    assert found == pytest.approx([np.exp(-_RATE * 0.25) * np.exp(-_YIELD * _YEARS)] * 3)


def test_boxes_need_neither_spot_nor_yield() -> None:
    """Two boxes of three strikes hold whatever the yield is; a dear middle call is missing above and over below."""
    assert box_residual(_pairs(), _RATE) == pytest.approx([0, 0], abs=1e-12)
    assert box_residual(_pairs((0, 0.07, 0)), _RATE) == pytest.approx([-0.07, 0.07])


def test_a_box_is_of_one_slot() -> None:
    """Strikes of different slots make no box, and no pairs none."""
    assert len(box_residual(_pairs(years=(0.5, 0.4, 0.5)), _RATE)) == 1
    assert len(box_residual(_pairs(years=(0.5, 0.4, 0.3)), _RATE)) == 0
    none = Pairs(*(np.array([]) for _ in range(6)))
    assert len(box_residual(none, _RATE)) == 0
