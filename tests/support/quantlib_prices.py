"""American options as QuantLib values them: Andersen, Lake and Offengenden's method, and finite differences."""

import importlib
import warnings
from collections.abc import Sequence
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of its binding's types
    ql: Any = importlib.import_module("QuantLib")

_DAYS = 3650
_YEARS = 10.0


def american(sign: int, spot: float, strike: float, years: float, rate: float, dividend: float, sigma: float) -> float:
    """Return a value by QuantLib's most precise scheme; time is scaled into ten years, so that minutes can be asked."""
    scale = years / _YEARS
    process, today = _process(spot, rate * scale, dividend * scale, sigma * scale**0.5)
    option = _option(sign, strike, today, today + _DAYS)
    option.setPricingEngine(ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.highPrecisionScheme()))
    return float(option.NPV())


def with_dividends(
    sign: int, spot: float, strike: float, days: float, rate: float, sigma: float, paid: Sequence[tuple[float, float]]
) -> tuple[float, float, float]:
    """Return value, delta and gamma with cash dividends (days from now, USD), by finite differences, escrowed.

    Time is scaled as for `american`, so that dividends and expirations may lie at any hour.
    """
    scale = days / 365.0 / _YEARS
    process, today = _process(spot, rate * scale, 0.0, sigma * scale**0.5)
    option = _option(sign, strike, today, today + _DAYS)
    dates = [today + round(_DAYS * day / days) for day, _ in paid]
    dividends = ql.DividendVector(dates, [amount for _, amount in paid])
    option.setPricingEngine(
        ql.FdBlackScholesVanillaEngine(
            process, dividends, 300, 600, 0, ql.FdmSchemeDesc.Douglas(), False, -1e9,
            ql.FdBlackScholesVanillaEngine.Escrowed,
        )
    )  # fmt: skip
    return float(option.NPV()), float(option.delta()), float(option.gamma())


def _process(spot: float, rate: float, dividend: float, sigma: float) -> tuple[Any, Any]:
    today, count = ql.Date(1, 1, 2026), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = today
    flat = [ql.YieldTermStructureHandle(ql.FlatForward(today, one, count)) for one in (dividend, rate)]
    surface = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), sigma, count))
    return ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(spot)), *flat, surface), today


def _option(sign: int, strike: float, today: Any, last: Any) -> Any:  # noqa: ANN401 - QuantLib has no types
    right = ql.Option.Call if sign > 0 else ql.Option.Put
    return ql.VanillaOption(ql.PlainVanillaPayoff(right, strike), ql.AmericanExercise(today, last))
