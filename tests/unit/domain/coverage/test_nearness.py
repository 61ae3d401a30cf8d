"""Near and far, with contracts written by hand."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from collector.domain.coverage.nearness import Nearness
from collector.domain.coverage.selection import ByDistance, Market
from collector.domain.market_data.instruments import OptionContract, Right
from tests.support.delta_rule import ByDelta

FRIDAY = date(2026, 11, 20)
MARKET = Market(FRIDAY, Decimal(100), Decimal("0.2"))
WEEK = Nearness(7, ByDistance(Decimal("0.05")))


def contract(expires_in: int, strike: int) -> OptionContract:
    """Return a call that expires so many days after the session."""
    return OptionContract("PLTR", 1, FRIDAY + timedelta(days=expires_in), Decimal(strike), Right.CALL)


@pytest.mark.parametrize(
    ("expires_in", "strike", "market", "near", "far"),
    [
        (8, 120, MARKET, False, True),  # more than a week to go, a fifth above the spot
        (7, 120, MARKET, False, False),  # within a week, and a fifth above
        (8, 105, MARKET, False, False),  # on the border of five per cent: near the money, but not soon
        (7, 105, MARKET, True, False),
        (7, 95, MARKET, True, False),
        (8, 94, MARKET, False, True),
        (7, 94, MARKET, False, False),
        (-1, 100, MARKET, True, False),  # expired the day before
        (30, 120, None, False, False),  # nobody knows where the money is
        (7, 120, None, True, False),
    ],
)
def test_near_is_both_and_far_is_neither(
    *, expires_in: int, strike: int, market: Market | None, near: bool, far: bool
) -> None:
    """Near is soon and near the money, far is neither; an unknown price makes every strike near."""
    one = contract(expires_in, strike)
    assert (WEEK.near([one], FRIDAY, market), WEEK.far([one], FRIDAY, market)) == ([one] * near, [one] * far)


def test_the_money_may_be_told_by_delta() -> None:
    """A month ahead at 20 %, 25 to 75 % delta are calls from 96.4 to 104.1: strikes of 96 and 105 are far."""
    by_delta = Nearness(7, ByDelta(0.25, 0.75))
    listed = [contract(30, strike) for strike in (96, 97, 104, 105)]
    assert by_delta.far(listed, FRIDAY, MARKET) == [listed[0], listed[3]]
