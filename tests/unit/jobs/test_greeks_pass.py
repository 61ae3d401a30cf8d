"""The simulated market's true volatilities are found again from its quotes."""

from collections import defaultdict
from datetime import UTC, date, datetime
from itertools import pairwise

import numpy as np
import pytest

from collector.clock import SystemClock
from collector.domain.pricing.chain import ABSENT, InputRules, Terms, compute
from collector.domain.pricing.parity import Prior
from collector.domain.pricing.reasons import COMPUTED, GreeksReason
from collector.simulator.market import Market
from tests.support.option_days import SimulatedDay, simulated_day

DAY = date(2026, 11, 20)
NEAR, TICK = 0.005, 0.01
RATE = 0.04
DISTANCES = (0.0, 0.02, 0.08, 10.0)
"""Of the strike from the spot, as a logarithm: at the money, near, far."""


@pytest.fixture(scope="module")
def market() -> Market:
    """Give the market as of the evening of the session."""
    return Market(7, SystemClock(datetime(2026, 11, 20, 22, 0, tzinfo=UTC)))


def cases(market: Market) -> list[tuple[str, date]]:
    """Return a selection of expirations: the day's own, the next, a week, two weeks and more than a month."""
    found = []
    for symbol in ("SPY", "PLTR", "TSLA"):
        chain = market.chain(symbol)
        assert chain is not None
        live = [expiration for expiration in chain.expirations if expiration >= DAY]
        found += [(symbol, live[place]) for place in ((0, 1, 4, 6) if symbol == "SPY" else (1, 5))]
    return found


def label(days: int, distance: float) -> tuple[str, str]:
    """Return the row and the column of the printed table."""
    term = next(
        name for most, name in ((0, "0 days"), (7, "1-7 days"), (30, "8-30 days"), (10**6, "more")) if days <= most
    )
    where = {0.0: "at the money", 0.02: "near", 0.08: "far"}[distance]
    return term, where


def test_volatilities_are_recovered(market: Market) -> None:
    """At least 99 % of the bars whose quote can tell are within half a point; the others reprice; no NULL is mute."""
    shares: dict[tuple[str, str], np.ndarray] = defaultdict(lambda: np.zeros(3, dtype=np.int64))
    for symbol, expiration in cases(market):
        simulated = simulated_day(market, symbol, expiration, DAY)
        prices = simulated.prices
        found = compute(prices, Terms(RATE, Prior(0.0)), InputRules())
        computed = np.isin(found.reason, COMPUTED)
        spread, mid = prices.ask - prices.bid, 0.5 * (prices.ask + prices.bid)
        intrinsic = np.maximum(prices.sign[:, None] * (prices.spot - prices.strike[:, None]), 0.0)
        # The quote can tell: vega × 0.005 is at least half the spread, and time value at least five ticks.
        telling = (found.vega * 100 * NEAR >= spread / 2) & (mid - intrinsic >= 5 * TICK) & computed
        right = np.abs(found.volatility - simulated.truth) <= NEAR
        distance = np.log(prices.strike[:, None] / prices.spot)
        for nearest, farthest in pairwise(DISTANCES):
            inside = prices.present & (np.abs(distance) >= nearest) & (np.abs(distance) < farthest)
            cell = shares[label((expiration - DAY).days, nearest)]
            cell += [inside.sum(), (inside & telling).sum(), (inside & telling & right).sum()]
        _no_null_is_mute(simulated, found.reason, found.volatility)
        assert_reprices(simulated, found.volatility, found.reason, found.carry.dividend_yield)
    telling_bars, right_bars = (sum(cell[place] for cell in shares.values()) for place in (1, 2))
    print(f"\n{'':12}{'':14}{'bars':>8}{'can tell':>10}{'recovered':>11}")  # noqa: T201 - the table is asked for
    for (term, where), (bars, tell, good) in sorted(shares.items()):
        recovered = f"{good / tell:.2%}" if tell else "-"
        print(f"{term:12}{where:14}{bars:8}{tell / bars:10.1%}{recovered:>11}")  # noqa: T201
    assert telling_bars > 50_000
    assert right_bars / telling_bars >= 0.99


def _no_null_is_mute(simulated: SimulatedDay, reason: np.ndarray, volatility: np.ndarray) -> None:
    present = simulated.prices.present
    assert ((reason == ABSENT) == ~present).all()
    assert {int(one) for one in np.unique(reason[present])} <= {int(one) for one in GreeksReason}
    assert (np.isfinite(volatility) == np.isin(reason, COMPUTED)).all()


def assert_reprices(simulated: SimulatedDay, volatility: np.ndarray, reason: np.ndarray, dividend: float) -> None:
    """Every volatility, rounded as it is stored, gives a price within half the spread (or a tick) of the mid."""
    from collector.domain.pricing.american_price import American  # noqa: PLC0415 - only here

    prices = simulated.prices
    model = American(RATE, dividend, float(prices.years.max()))
    for sign in (1, -1):
        row, column = np.nonzero((reason == GreeksReason.FROM_QUOTE) & (prices.sign == sign)[:, None])
        value = model.value(
            sign, prices.spot[column], prices.strike[row], prices.years[column], volatility[row, column].round(4)
        )
        mid, spread = 0.5 * (prices.bid + prices.ask)[row, column], (prices.ask - prices.bid)[row, column]
        assert (np.abs(value - mid) <= np.maximum(spread / 2, TICK / 2) + 1e-6).all()


@pytest.mark.parametrize(("symbol", "truth"), [("SPY", 0.012), ("QQQ", 0.005), ("TSLA", 0.0)])
def test_parity_finds_the_yield(market: Market, symbol: str, truth: float) -> None:
    """The yield implied by parity is that of the simulated stock, within a tenth of a point from a week on."""
    chain = market.chain(symbol)
    assert chain is not None
    expiration = next(one for one in chain.expirations if (one - DAY).days >= 7)
    found = compute(simulated_day(market, symbol, expiration, DAY).prices, Terms(RATE, Prior(0.0)), InputRules())
    assert found.carry.pairs > 50
    assert found.carry.dividend_yield == pytest.approx(truth, abs=0.001)
