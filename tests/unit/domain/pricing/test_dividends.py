"""Expirations around an ex-date: QuantLib's volatilities and deltas come back, or a reason instead of a number."""

from functools import cache

import numpy as np
import pytest

from collector.domain.pricing.american_price import CALL, PUT, American
from collector.domain.pricing.chain import Computed, ExpirationDay, InputRules, Terms, compute
from collector.domain.pricing.dividends import Dividend, DividendSource, present_value
from collector.domain.pricing.lattice import Lattice, model_of
from collector.domain.pricing.normal import Floats
from collector.domain.pricing.parity import Carry, Pairs, Prior, implied_carry, parity_excess
from collector.domain.pricing.reasons import COMPUTED, GreeksReason
from tests.support import quantlib_prices

SPOT, SIGMA, RATE, PAID = 700.0, 0.15, 0.04, 1.95
POINT = 0.01
TICK = 0.01
CASES = [(1, 1), (2, 2), (4, 4), (8, 8), (15, 15), (7, 1), (7, 3), (28, 14)]
"""Calendar days to the expiration and to the ex-date; SPY's quarterly ones expire on it."""
NEAR = tuple(range(685, 716, 3))
WIDE = (*range(652, 684, 8), *NEAR, *range(724, 749, 8))
HOURS = np.array([5.0, 0.0])
"""From the slots to the session's close."""
SPOTS = SPOT + np.array([-1.7, 1.3])


@cache
def quantlib(days: int, ex: int, paid: float) -> tuple[Floats, Floats, Floats]:
    """Return of calls, then puts, of all strikes: values, deltas, and by how much half a point less is cheaper.

    Axes: contracts, slots (of what is cheaper only the last one).
    """

    def valued(sign: int, strike: int, at: tuple[float, float], sigma: float = SIGMA) -> tuple[float, float, float]:
        spot, ahead = at
        dividends = [(ex + ahead / 24, paid)] if paid else []
        return quantlib_prices.with_dividends(sign, spot, strike, days + ahead / 24, RATE, sigma, dividends)

    slots = list(zip(SPOTS.tolist(), HOURS.tolist(), strict=True))
    options = [(sign, strike) for sign in (CALL, PUT) for strike in WIDE]
    values, deltas = np.moveaxis(np.array([[valued(*one, at)[:2] for at in slots] for one in options]), 2, 0)
    cheaper = np.array([[valued(*one, slots[-1], SIGMA - 0.5 * POINT)[0]] for one in options])
    return values, deltas, values[:, -1:] - cheaper


def quotes(days: int, ex: int, paid: float, strikes: tuple[int, ...]) -> tuple[ExpirationDay, Floats, Floats]:
    """Return quotes of a cent around QuantLib's values, the deltas, and what half a point is worth.

    Each slot stands twenty times, as a session has many, with values up to half a cent off and quotes on the tick.
    """
    chosen = np.tile(np.isin(WIDE, strikes), 2)
    values, deltas, worth = (found[chosen] for found in quantlib(days, ex, paid))
    values, deltas = np.tile(values, 20), np.tile(deltas, 20)
    values = values + np.random.default_rng(5).uniform(-0.5 * TICK, 0.5 * TICK, values.shape)
    day = ExpirationDay(
        strike=np.array([*strikes, *strikes], dtype=np.float64),
        sign=np.repeat([CALL, PUT], len(strikes)),
        spot=np.tile(SPOTS, 20),
        years=np.tile((days + HOURS / 24) / 365, 20),
        present=np.ones(values.shape, dtype=bool),
        bid=np.maximum(np.round(values - TICK, 2), 0.0),
        ask=np.round(values + TICK, 2),
        trade=np.full(values.shape, np.nan),
        volume=np.zeros(values.shape),
        flags=np.zeros(values.shape, dtype=np.int64),
    )
    return day, deltas, worth


def errors(found: Computed, deltas: Floats, worth: Floats) -> tuple[Floats, Floats]:
    """Return the errors of volatility (points) and of delta, where half a point is worth two ticks.

    Elsewhere the quotes themselves cannot tell.
    """
    telling = np.isin(found.reason, COMPUTED) & (worth >= 2.0 * TICK)
    return np.abs(found.volatility - SIGMA)[telling] / POINT, np.abs(found.delta - deltas)[telling]


@pytest.mark.parametrize("strikes", [NEAR, WIDE], ids=["near", "wide"])
@pytest.mark.parametrize("source", [DividendSource.CONFIGURED, DividendSource.TICK])
@pytest.mark.parametrize(("days", "ex"), CASES)
def test_a_known_dividend(days: int, ex: int, source: DividendSource, strikes: tuple[int, ...]) -> None:
    """Whoever told of it: volatilities within half a point, deltas within 0.005, and hardly a number is missing."""
    day, deltas, worth = quotes(days, ex, PAID, strikes)
    paid = (Dividend(PAID, (days - ex) / 365),)
    found = compute(day, Terms(RATE, Prior(0.0), dividends=paid, source=source), InputRules())
    volatility, delta = errors(found, deltas, worth)
    assert found.source is source
    assert len(volatility) > 200
    assert volatility.max() < 0.5
    assert delta.max() < 0.005
    assert not (found.reason == GreeksReason.UNKNOWN_DIVIDEND).any()


@pytest.mark.parametrize("strikes", [NEAR, WIDE], ids=["near", "wide"])
@pytest.mark.parametrize(("days", "ex"), CASES)
def test_a_dividend_that_nobody_told_of(days: int, ex: int, strikes: tuple[int, ...]) -> None:
    """No number is off by more than half a point: there is a reason instead, or the numbers are right."""
    day, deltas, worth = quotes(days, ex, PAID, strikes)
    found = compute(day, Terms(RATE, Prior(0.0)), InputRules())
    volatility, _ = errors(found, deltas, worth)
    assert volatility.max(initial=0.0) < 0.5
    if days == ex:
        assert found.source is DividendSource.UNKNOWN
        assert set(np.unique(found.reason)) <= {*range(2, 9), GreeksReason.UNKNOWN_DIVIDEND}
        assert not np.isfinite(np.array(found.numbers())).any()


@pytest.mark.parametrize(
    ("days", "ex", "amount"),
    [
        (8, 8, 0.2),
        (8, 8, 4.0),
        (8, 2, PAID),
        (8, 8, 10 * PAID),
        (8, 4, 100 * PAID),
        (28, 14, 10 * PAID),
        (28, 14, 60.0),
    ],
)
def test_a_tick_that_is_wrong(days: int, ex: int, amount: float) -> None:
    """An amount or a date that the quotes contradict leaves a reason; the owner's word would be taken."""
    day, *_ = quotes(days, days if days == 8 else ex, PAID, NEAR)
    paid = (Dividend(amount, (days - ex) / 365),)
    told = compute(day, Terms(RATE, Prior(0.0), dividends=paid, source=DividendSource.TICK), InputRules())
    assert told.source is DividendSource.UNKNOWN
    assert (told.reason == GreeksReason.UNKNOWN_DIVIDEND).any()
    assert not np.isin(told.reason, COMPUTED).any()
    owned = compute(day, Terms(RATE, Prior(0.0), dividends=paid), InputRules())
    assert owned.source is DividendSource.CONFIGURED
    assert np.isin(owned.reason, COMPUTED).any()


@pytest.mark.parametrize("strikes", [NEAR, WIDE], ids=["near", "wide"])
@pytest.mark.parametrize("days", [1, 4, 15, 28])
def test_without_any_dividend(days: int, strikes: tuple[int, ...]) -> None:
    """Of a share that pays nothing no number is lost, and all are right."""
    day, deltas, worth = quotes(days, days, 0.0, strikes)
    found = compute(day, Terms(RATE, Prior(0.0)), InputRules())
    volatility, _ = errors(found, deltas, worth)
    assert found.source is DividendSource.PARITY
    assert len(volatility) > 200
    assert volatility.max() < 0.5


def test_present_value() -> None:
    """A dividend counts until it goes ex, at what its amount is worth until then."""
    paid = (Dividend(1.0, 0.25), Dividend(2.0, 0.0))
    found = present_value(paid, RATE, np.array([0.5, 0.25, 0.1]))
    assert found == pytest.approx([np.exp(-0.01) + 2 * np.exp(-0.02), 2 * np.exp(-0.01), 2 * np.exp(-0.004)])


def test_the_model_follows_from_what_is_known() -> None:
    """The lattice is only for cash dividends."""
    assert isinstance(model_of(RATE, 0.0, (), 1.0), American)
    assert isinstance(model_of(RATE, 0.0, (Dividend(1.0, 0.5),), 1.0), Lattice)


def pairs(yielding: float, paid: tuple[Dividend, ...], years: float) -> Pairs:
    """Return exact pairs of American options on a share with cash dividends and a yield besides."""
    strike = np.linspace(95.0, 105.0, 30)
    spot, time, sigma = np.full(30, 100.0), np.full(30, years), np.full(30, 0.25)
    model = Lattice(RATE, yielding, paid)
    call, put = (model.value(sign, spot, strike, time, sigma) for sign in (CALL, PUT))
    return Pairs(call, put, np.full(30, 0.02), strike, spot, time)


@pytest.mark.parametrize("yielding", [0.0, 0.01, 0.04])
def test_parity_finds_what_dividends_leave(yielding: float) -> None:
    """Behind a known dividend parity still finds later ones, which act as a yield."""
    paid = (Dividend(0.5, 0.9),)
    found = implied_carry(pairs(yielding, paid, 1.0), RATE, Prior(0.0), paid)
    assert found.dividend_yield == pytest.approx(yielding, abs=5e-4)
    assert found.pairs == 30


def test_pairs_whose_premium_is_unknown_say_nothing() -> None:
    """Where calls have no volatility their early exercise cannot be removed: the prior stands."""
    known = pairs(0.0, (), 7 / 365)
    at_intrinsic = Pairs(
        np.maximum(known.spot - known.strike, 0.0), known.put, known.spread, known.strike, known.spot, known.years
    )
    assert implied_carry(at_intrinsic, RATE, Prior(0.013)) == Carry(0.013, 0.02, 0)


def test_parity_allows_for_known_dividends() -> None:
    """Pairs around an ex-date lie within parity's bounds once the dividend is set aside, outside them before."""
    paid = (Dividend(1.5, 1 / 365),)
    known = pairs(0.0, paid, 5 / 365)
    assert (parity_excess(known, RATE, 0.0, paid) <= 0.0).all()
    assert (parity_excess(known, RATE, 0.0) > 0.5).any()
