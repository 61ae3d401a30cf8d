"""What holds for every American option, whatever the numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.domain.pricing import black_scholes
from collector.domain.pricing.american_price import CALL, LOWEST_VOLATILITY, PUT, American
from collector.domain.pricing.greeks import RATE_BUMP, greeks
from collector.domain.pricing.implied import Solved, implied
from collector.domain.pricing.normal import density, distribution

RATES = st.sampled_from([0.0, 0.005, 0.04, 0.10])
YIELDS = st.sampled_from([-0.02, 0.0, 0.012, 0.04, 0.30])
YEARS = st.floats(3e-5, 2.0)
SIGMAS = st.floats(0.06, 2.5)
DISTANCES = st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=8)
SIGNS = st.sampled_from([CALL, PUT])
SPOT = 100.0


def chain(distances: list[float], years: float, sigma: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return spots, strikes and times of options at distances in standard deviations."""
    strikes = SPOT * np.exp(np.array(distances) * sigma * np.sqrt(years))
    return np.full(len(strikes), SPOT), strikes, np.full(len(strikes), years)


@settings(max_examples=40)
@given(SIGNS, RATES, YIELDS, YEARS, SIGMAS, DISTANCES)
def test_price_to_volatility_to_price(
    sign: int, rate: float, dividend: float, years: float, sigma: float, distances: list[float]
) -> None:
    """A price that holds time value gives a volatility that gives the price back."""
    model = American(rate, dividend, years)
    options = model.options(sign, *chain(distances, years, sigma))
    price = options.value(np.full(len(distances), sigma))
    found = implied(model, options, price)
    solved = found.outcome == Solved.FOUND
    again = options.value(np.where(solved, found.volatility, sigma))
    assert np.abs(again - price)[solved].max(initial=0.0) < 1e-4
    least = options.value(np.full(len(distances), LOWEST_VOLATILITY))
    assert (price - least < 1e-4)[~solved].all()
    assert np.isnan(found.volatility[~solved]).all()


@settings(max_examples=40)
@given(RATES, YIELDS, YEARS, SIGMAS, DISTANCES)
def test_put_call_symmetry(rate: float, dividend: float, years: float, sigma: float, distances: list[float]) -> None:
    """A call is the put with spot and strike, and rate and yield, exchanged."""
    spot, strike, time = chain(distances, years, sigma)
    sigmas = np.full(len(distances), sigma)
    call = American(rate, dividend, years).value(CALL, spot, strike, time, sigmas)
    put = American(dividend, rate, years).value(PUT, strike, spot, time, sigmas)
    assert call == pytest.approx(put, abs=1e-9)


@settings(max_examples=40)
@given(SIGNS, RATES, YIELDS, YEARS, SIGMAS, DISTANCES)
def test_bounds(sign: int, rate: float, dividend: float, years: float, sigma: float, distances: list[float]) -> None:
    """Worth at least what exercise pays and what the European pays, at most the share (call) or the strike (put)."""
    spot, strike, time = chain(distances, years, sigma)
    sigmas = np.full(len(distances), sigma)
    value = American(rate, dividend, years).value(sign, spot, strike, time, sigmas)
    european = black_scholes.value(sign, spot, strike, time, sigmas, rate, dividend)
    assert (value >= np.maximum(sign * (spot - strike), european) - 1e-3).all()
    ceiling = spot * max(1.0, np.exp(-dividend * years)) if sign == CALL else strike
    assert (value <= ceiling + 1e-9).all()


@settings(max_examples=30)
@given(SIGNS, RATES, YIELDS, st.floats(0.001, 2.0), SIGMAS, DISTANCES)
def test_signs(sign: int, rate: float, dividend: float, years: float, sigma: float, distances: list[float]) -> None:
    """Delta has the right's sign and is at most 1 (carry aside); gamma and vega are not negative."""
    spot, strike, time = chain(distances, years, sigma)
    model, bumped = American(rate, dividend, years), American(rate + RATE_BUMP, dividend, years)
    found = greeks(model, bumped, sign, spot, strike, time, np.full(len(distances), sigma))
    assert ((sign * found.delta >= -1e-6) & (sign * found.delta <= 1.0)).all()
    assert (found.gamma >= 0.0).all()
    assert (found.vega >= 0.0).all()
    assert np.isfinite(found.theta).all()
    assert (sign * found.rho >= -2e-3).all()


@settings(max_examples=30)
@given(SIGNS, RATES, YIELDS, YEARS, st.floats(-2.0, 2.0))
def test_value_grows_with_volatility(sign: int, rate: float, dividend: float, years: float, distance: float) -> None:
    """More volatility is never worth less."""
    ladder = np.geomspace(0.02, 4.0, 60)
    spot, strike, time = (np.repeat(one, len(ladder)) for one in chain([distance], years, 0.3))
    value = American(rate, dividend, years).value(sign, spot, strike, time, ladder)
    assert (np.diff(value) >= -2e-4).all()


def test_normal_distribution() -> None:
    """The distribution function has the tabulated values to 14 digits, and the density is its slope."""
    places = np.array([-8.0, -1.959963984540054, 0.0, 1.0, 1.959963984540054, 6.0])
    tabled = np.array([6.220960574271785e-16, 0.025, 0.5, 0.8413447460685429, 0.975, 0.9999999990134123])
    assert distribution(places) == pytest.approx(tabled, rel=1e-9, abs=1e-15)
    assert density(np.array([0.0]))[0] == pytest.approx(0.3989422804014327, rel=1e-14)
