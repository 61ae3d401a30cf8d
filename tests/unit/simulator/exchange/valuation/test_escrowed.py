"""Simulated values before a cash dividend, against QuantLib's."""

import numpy as np
import pytest

from collector.simulator.exchange.valuation import escrowed
from collector.simulator.exchange.valuation.american import pricer
from tests.support import quantlib_prices

SPOT, SIGMA, RATE, PAID = 700.0, 0.15, 0.04, 1.95
STRIKES = np.array([685.0, 694.0, 700.0, 706.0, 715.0])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("days", "ex"), [(1.0, 0.72), (5.0, 4.72), (7.0, 1.0), (28.0, 14.0)])
def test_values(days: float, ex: float, sign: int) -> None:
    """Calls are within two cents on a share of 700 USD, and puts within three: their early exercise is approximate."""
    expected = [
        quantlib_prices.with_dividends(sign, SPOT, strike, days, RATE, SIGMA, [(ex, PAID)])[0]
        for strike in STRIKES.tolist()
    ]
    found = escrowed.american(
        pricer(RATE, 0.0, sign),
        [(PAID, (days - ex) / 365)],
        np.full(5, SPOT),
        STRIKES,
        np.full(5, days / 365),
        np.full(5, SIGMA),
    )
    assert np.abs(found - expected).max() < (0.02 if sign > 0 else 0.03)


def test_behind_the_ex_date() -> None:
    """Points that lie behind the ex-date have the value without a dividend, those before it another."""
    spot, years = np.full(2, SPOT), np.array([5.0, 1.0]) / 365
    own = pricer(RATE, 0.0, 1)
    plain = own.american(spot, STRIKES[:1], years, np.full(2, SIGMA))
    found = escrowed.american(own, [(PAID, 2 / 365)], spot, STRIKES[:1], years, np.full(2, SIGMA))
    assert found[1] == plain[1]
    assert found[0] < plain[0] - 0.1
