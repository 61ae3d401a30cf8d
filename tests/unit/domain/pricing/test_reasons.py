"""Which prices are inverted, and the reason of every slot that has no numbers."""

from dataclasses import replace

import numpy as np
import pytest

from collector.domain.pricing.american_price import CALL, PUT, American
from collector.domain.pricing.chain import ABSENT, Computed, ExpirationDay, InputRules, Terms, compute
from collector.domain.pricing.dividends import Dividend
from collector.domain.pricing.lattice import Lattice
from collector.domain.pricing.parity import Carry, Pairs, Prior, implied_carry, parity_excess, weighted_median
from collector.domain.pricing.reasons import GreeksReason
from collector.domain.quality.flags import SlotFlag

R = GreeksReason
RATE, YEARS = 0.04, 30 / 365
NAN = float("nan")
TERMS = Terms(RATE, Prior(0.0), from_parity=False)


def one_slot(
    bid: float = NAN, ask: float = NAN, trade: float = NAN, volume: float = 0.0, flags: int = 0, **more: float
) -> ExpirationDay:
    """Return a call with strike 100 in a single slot, the share at 100 USD."""
    return ExpirationDay(
        strike=np.array([more.get("strike", 100.0)]),
        sign=np.array([CALL]),
        spot=np.array([more.get("spot", 100.0)]),
        years=np.array([more.get("years", YEARS)]),
        present=np.array([[True]]),
        bid=np.array([[bid]]),
        ask=np.array([[ask]]),
        trade=np.array([[trade]]),
        volume=np.array([[volume]]),
        flags=np.array([[flags]]),
    )


def of(day: ExpirationDay) -> Computed:
    """Compute it."""
    return compute(day, TERMS, InputRules())


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        (one_slot(2.4, 2.5), R.FROM_QUOTE),
        (one_slot(2.4, 2.4), R.FROM_QUOTE),
        (one_slot(2.4, 2.5, 9.9, 5, SlotFlag.TRADE_OFF_QUOTES), R.FROM_QUOTE),
        (one_slot(trade=2.4, volume=1), R.FROM_TRADE),
        (one_slot(1.0, 4.0, 2.4, 1), R.FROM_TRADE),
        (one_slot(0.0, 0.01, 2.4, 1), R.FROM_TRADE),
        (one_slot(), R.NO_PRICE),
        (one_slot(2.4, 2.5, spot=NAN), R.NO_UNDERLYING),
        (one_slot(0.0, 0.01), R.NO_BID),
        (one_slot(ask=0.05), R.NO_BID),
        (one_slot(2.5, 2.4), R.CROSSED),
        (one_slot(1.0, 4.0), R.TOO_WIDE),
        (one_slot(trade=2.4, volume=0), R.STALE),
        (one_slot(9.9, 10.0, strike=90.0), R.BELOW_INTRINSIC),
        (one_slot(99.9, 100.1), R.ABOVE_BOUND),
        (one_slot(2.4, 2.5, years=0.0), R.EXPIRED),
        (one_slot(2.4, 2.5, flags=SlotFlag.BID_JUMP), R.SUSPICIOUS),
        (one_slot(trade=2.4, volume=1, flags=SlotFlag.TRADE_JUMP), R.SUSPICIOUS),
    ],
)
def test_reasons(day: ExpirationDay, reason: GreeksReason) -> None:
    """Each kind of input has its reason; only fit prices leave numbers."""
    found = of(day)
    assert found.reason.tolist() == [[reason]]
    with_numbers = reason in (R.FROM_QUOTE, R.FROM_TRADE)
    assert [bool(np.isfinite(numbers[0, 0])) for numbers in found.numbers()] == [with_numbers] * 6


def test_slots_without_a_row() -> None:
    """Where there is no row nothing is said."""
    day = replace(one_slot(2.4, 2.5), present=np.array([[False]]))
    assert of(day).reason.tolist() == [[ABSENT]]


def test_a_quote_that_stands_still() -> None:
    """A quote that did not move while the share fell by 3 USD is stale; the one that moved is not."""
    day = ExpirationDay(
        strike=np.array([100.0, 100.0]),
        sign=np.array([CALL, CALL]),
        spot=np.array([100.0, 97.0]),
        years=np.array([YEARS, YEARS]),
        present=np.ones((2, 2), dtype=bool),
        bid=np.array([[2.40, 2.40], [2.40, 1.20]]),
        ask=np.array([[2.50, 2.50], [2.50, 1.30]]),
        trade=np.full((2, 2), NAN),
        volume=np.zeros((2, 2)),
        flags=np.zeros((2, 2), dtype=np.int64),
    )
    assert of(day).reason.tolist() == [[R.FROM_QUOTE, R.STALE], [R.FROM_QUOTE, R.FROM_QUOTE]]


def pairs(dividend: float, count: int = 30, years: float = YEARS, noise: float = 0.0) -> Pairs:
    """Return pairs of American options on a share with a yield, priced exactly but for some noise."""
    draw = np.random.default_rng(1)
    strike, spot, time = np.linspace(97.0, 103.0, count), np.full(count, 100.0), np.full(count, years)
    model, sigma = American(RATE, dividend, years), np.full(count, 0.25)
    call = model.value(CALL, spot, strike, time, sigma) + draw.normal(0.0, noise, count)
    put = model.value(PUT, spot, strike, time, sigma) + draw.normal(0.0, noise, count)
    return Pairs(call, put, np.full(count, 0.02), strike, spot, time)


@pytest.mark.parametrize("dividend", [0.0, 0.012, 0.05, 0.15, -0.01])
@pytest.mark.parametrize("years", [7 / 365, 0.25, 1.5])
def test_parity_with_early_exercise(dividend: float, years: float) -> None:
    """The yield is found although American options break European parity."""
    found = implied_carry(pairs(dividend, years=years), RATE, Prior(0.0, deviation=1.0))
    assert found.dividend_yield == pytest.approx(dividend, abs=2e-3)
    assert found.pairs == 30
    assert found.forward(100.0, RATE, years) == pytest.approx(100.0 * np.exp((RATE - dividend) * years), rel=3e-3)


def test_parity_is_robust() -> None:
    """A third of the pairs with wild prices does not move the yield."""
    good = pairs(0.02, noise=0.005)
    wild = good.call.copy()
    wild[::3] += 7.0
    found = implied_carry(replace(good, call=wild), RATE, Prior(0.0, deviation=1.0))
    assert found.dividend_yield == pytest.approx(0.02, abs=0.005)


def test_parity_yields_to_the_prior() -> None:
    """Too few pairs say nothing, and half an hour before the end the pairs say little."""
    few = Pairs(*(np.array([1.0]) for _ in range(6)))
    assert implied_carry(few, RATE, Prior(0.013)) == Carry(0.013, 0.02, 0)
    late = implied_carry(pairs(0.0, years=30 / (365 * 24 * 60), noise=0.01), RATE, Prior(0.013))
    assert late.dividend_yield == pytest.approx(0.013, abs=0.002)


def test_parity_excess() -> None:
    """Pairs of a fair market lie inside the bounds of American parity; a call that is 1 USD too dear does not."""
    good = pairs(0.02)
    assert (parity_excess(good, RATE, 0.02) <= 0.0).all()
    dear = parity_excess(replace(good, call=good.call + 1.0), RATE, 0.02)
    assert (dear > 0.5).all()


def test_weighted_median() -> None:
    """Half the weight lies below."""
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 1.0])) == 2.0
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([5.0, 1.0, 1.0])) == 3.0


def test_cash_dividends_reach_the_calculation() -> None:
    """With a dividend on the way the volatility is the one at which the lattice gives the quote."""
    paid = (Dividend(1.0, YEARS / 2),)
    price = float(Lattice(RATE, 0.0, paid).value(CALL, *(np.array([x]) for x in (100.0, 100.0, YEARS, 0.30)))[0])
    found = compute(
        one_slot(price - 0.01, price + 0.01), Terms(RATE, Prior(0.0), from_parity=True, dividends=paid), InputRules()
    )
    assert found.volatility[0, 0] == pytest.approx(0.30, abs=1e-4)
    assert found.carry.pairs == 0
