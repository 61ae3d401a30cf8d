"""Values, Greeks and implied volatilities against QuantLib, over a grid of moneyness, expiry, rates and dividends."""

import numpy as np
import pytest

from collector.domain.pricing.american_price import CALL, PUT, American
from collector.domain.pricing.dividends import Dividend
from collector.domain.pricing.greeks import RATE_BUMP, greeks
from collector.domain.pricing.implied import Solved, implied
from collector.domain.pricing.lattice import Lattice
from collector.domain.pricing.normal import Floats
from tests.support import quantlib_prices

MINUTES_15 = 15 / (365 * 24 * 60)
EXPIRIES = (MINUTES_15, 1 / 365, 30 / 365, 0.5, 2.0)
CARRIES = ((0.04, 0.012), (0.04, 0.0), (0.04, 0.08), (0.10, 0.02), (0.04, -0.02), (0.0, 0.03))
DISTANCES = np.array([-1.8, -0.6, 0.0, 0.6, 1.8])
"""Strikes in standard deviations from the spot."""

VALUE_TOLERANCE = 5e-6
"""Of the larger of spot and strike."""


def strikes_of(sigma: float, years: float) -> Floats:
    """Return strikes around a spot of 100."""
    strikes: Floats = 100.0 * np.exp(DISTANCES * sigma * np.sqrt(years))
    return strikes


@pytest.mark.parametrize("years", EXPIRIES)
@pytest.mark.parametrize(("rate", "dividend"), CARRIES)
def test_values(rate: float, dividend: float, years: float) -> None:
    """Every value of the grid is within five millionths of spot or strike, and its price gives its volatility back."""
    model, count = American(rate, dividend, years), len(DISTANCES)
    for sigma in (0.12, 0.5, 1.2):
        strikes = strikes_of(sigma, years)
        for sign in (CALL, PUT):
            options = model.options(sign, np.full(count, 100.0), strikes, np.full(count, years))
            found = options.value(np.full(count, sigma))
            expected = np.array(
                [quantlib_prices.american(sign, 100.0, k, years, rate, dividend, sigma) for k in strikes.tolist()]
            )
            assert np.abs(found - expected).max() <= VALUE_TOLERANCE * max(100.0, strikes.max())
            back = implied(model, options, expected)
            telling = (expected - options.intrinsic > 0.01) & (back.outcome == Solved.FOUND)
            assert telling.any()
            assert np.abs(back.volatility[telling] - sigma).max() < 0.002


@pytest.mark.parametrize("years", [1 / 365, 30 / 365, 1.0])
@pytest.mark.parametrize(("rate", "dividend"), CARRIES[:4])
def test_greeks(rate: float, dividend: float, years: float) -> None:
    """The Greeks are the slopes of QuantLib's values, in the units in which they are stored."""
    count, sigma = len(DISTANCES), 0.3
    strikes = strikes_of(sigma, years)
    model, bumped = American(rate, dividend, years), American(rate + RATE_BUMP, dividend, years)

    def theirs(
        sign: int, strike: float, *, ds: float = 0.0, dt: float = 0.0, dv: float = 0.0, dr: float = 0.0
    ) -> float:
        return quantlib_prices.american(sign, 100.0 + ds, strike, years + dt, rate + dr, dividend, sigma + dv)

    for sign in (CALL, PUT):
        found = greeks(
            model, bumped, sign, np.full(count, 100.0), strikes, np.full(count, years), np.full(count, sigma)
        )
        for place, strike in enumerate(strikes.tolist()):
            if found.value[place] - max(sign * (100.0 - strike), 0.0) < 1e-3:
                continue  # about to be exercised: the slopes jump
            step, day = 0.05 * 100.0 * sigma * years**0.5, years / 200.0
            up, here, down = theirs(sign, strike, ds=step), theirs(sign, strike), theirs(sign, strike, ds=-step)
            assert found.delta[place] == pytest.approx((up - down) / (2 * step), abs=2e-3)
            assert found.gamma[place] == pytest.approx((up - 2 * here + down) / step**2, rel=0.03, abs=2e-4)
            theta = (theirs(sign, strike, dt=-day) - theirs(sign, strike, dt=day)) / (2 * day * 365)
            assert found.theta[place] == pytest.approx(theta, rel=0.01, abs=2e-4)
            vega = (theirs(sign, strike, dv=0.001) - theirs(sign, strike, dv=-0.001)) / 0.2
            assert found.vega[place] == pytest.approx(vega, rel=0.01, abs=2e-4)
            rho = (theirs(sign, strike, dr=0.001) - theirs(sign, strike, dr=-0.001)) / 0.2
            assert found.rho[place] == pytest.approx(rho, rel=0.03, abs=5e-4)


@pytest.mark.parametrize(
    ("days", "paid"),
    [(60, [(30, 1.0)]), (180, [(45, 1.0), (135, 1.0)]), (365, [(80, 0.5), (170, 0.5), (260, 0.5), (350, 0.5)])],
)
@pytest.mark.parametrize("sign", [CALL, PUT])
def test_cash_dividends(sign: int, days: int, paid: list[tuple[int, float]]) -> None:
    """With cash dividends values are within three cents on a share of 100 USD, deltas within 0.005."""
    strikes = np.array([80.0, 95.0, 100.0, 105.0, 120.0])
    count, sigma = len(strikes), 0.3
    model = Lattice(0.04, 0.0, tuple(Dividend(amount, (days - day) / 365) for day, amount in paid))
    options = model.options(sign, np.full(count, 100.0), strikes, np.full(count, days / 365))
    found = options.shape(np.full(count, sigma))
    expected = np.array(
        [quantlib_prices.with_dividends(sign, 100.0, k, days, 0.04, sigma, paid) for k in strikes.tolist()]
    )
    assert np.abs(found.value - expected[:, 0]).max() < 0.03
    assert np.abs(found.delta - expected[:, 1]).max() < 0.005
    assert np.abs(found.gamma - expected[:, 2]).max() < 0.0005
    back = implied(model, options, found.value)
    solved = back.outcome == Solved.FOUND
    assert solved.sum() >= 4
    assert np.abs(back.volatility[solved] - sigma).max() < 1e-4
