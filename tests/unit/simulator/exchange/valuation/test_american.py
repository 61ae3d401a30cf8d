"""The simulated market's American option values, against QuantLib and published tables."""

import math

import numpy as np
import pytest
import QuantLib as ql  # type: ignore[import-untyped] # noqa: N813 - no types; the name that its documentation uses

from collector.simulator.exchange.valuation import american


def quantlib_value(
    spot: float, strike: float, years: float, volatility: float, rate: float, dividend_yield: float, sign: int
) -> float:
    """Return QuantLib's accurate American value; one year carries the scaled rates and volatility of any life."""
    today = ql.Date(20, 11, 2026)
    ql.Settings.instance().evaluationDate = today
    counter = ql.Actual365Fixed()
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, dividend_yield * years, counter)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, rate * years, counter)),
        ql.BlackVolTermStructureHandle(
            ql.BlackConstantVol(today, ql.NullCalendar(), volatility * math.sqrt(years), counter)
        ),
    )
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, strike)
    option = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + 365))
    option.setPricingEngine(ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.accurateScheme()))
    return float(option.NPV())


def ours(
    spot: float, strike: float, years: float, volatility: float, rate: float, dividend_yield: float, sign: int
) -> float:
    """Return the simulated market's value."""
    pricer = american.pricer(rate, dividend_yield, sign)
    return float(pricer.american(*(np.array([one]) for one in (spot, strike, years, volatility)))[0])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("dividend_yield", "volatility"), [(0.012, 0.16), (0.0, 0.5), (0.004, 0.27)])
@pytest.mark.parametrize("days", [0.02, 1, 7, 45, 365])
def test_values_agree_with_quantlib(sign: int, dividend_yield: float, volatility: float, days: float) -> None:
    """Within half a percent of the out-of-the-money value's scale, spot × volatility × root of time."""
    years = days / 365.0
    for strike in (70.0, 85.0, 95.0, 99.0, 100.0, 101.0, 105.0, 115.0, 130.0):
        expected = quantlib_value(100.0, strike, years, volatility, 0.04, dividend_yield, sign)
        allowed = 0.0035 * 100.0 * volatility * math.sqrt(years)

        assert ours(100.0, strike, years, volatility, 0.04, dividend_yield, sign) == pytest.approx(
            expected, abs=allowed
        )


@pytest.mark.parametrize(
    ("spot", "strike", "years", "volatility", "value"),
    [  # the puts of Geske and Johnson (1984), table 1, as every later paper prints them: rate 4.88 %, no yield
        (40.0, 35.0, 0.0833, 0.2, 0.0062),
        (40.0, 40.0, 0.0833, 0.2, 0.8522),
        (40.0, 45.0, 0.0833, 0.2, 5.0000),
        (40.0, 45.0, 0.3333, 0.2, 5.0883),
        (40.0, 40.0, 0.3333, 0.3, 2.4825),
        (40.0, 35.0, 0.5833, 0.4, 2.1549),
        (40.0, 45.0, 0.5833, 0.4, 7.3830),
    ],
)
def test_values_agree_with_published_puts(
    spot: float, strike: float, years: float, volatility: float, value: float
) -> None:
    """The published true values are met within two cents."""
    assert ours(spot, strike, years, volatility, 0.0488, 0.0, -1) == pytest.approx(value, abs=0.02)


def test_calls_without_yield_are_european() -> None:
    """Early exercise of a call on an asset without dividends is never worth anything."""
    pricer = american.pricer(0.04, 0.0, 1)
    strike = np.linspace(50.0, 150.0, 21)
    one, half, third = (np.array([value]) for value in (100.0, 0.5, 0.3))

    assert pricer.american(one, strike, half, third) == pytest.approx(
        pricer.european(one, strike, half, third), abs=1e-9
    )


def test_expired_options_are_worth_their_intrinsic_value() -> None:
    """With no time left nothing but intrinsic value remains."""
    assert ours(103.0, 100.0, 0.0, 0.5, 0.04, 0.01, 1) == pytest.approx(3.0, abs=1e-4)
    assert ours(103.0, 100.0, 0.0, 0.5, 0.04, 0.01, -1) == pytest.approx(0.0, abs=1e-4)
