"""The choice of contracts, with the figures of the owner's specification."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.coverage.selection import (
    DEFAULT_REGIMES,
    ByDistance,
    ByRegime,
    Market,
    Regime,
    Rule,
    regime_of,
    select_strikes,
)
from collector.domain.market_data.instruments import OptionContract, Right
from tests.support.delta_rule import ByDelta

FRIDAY = date(2026, 11, 20)


def listed(expires_in: int, strikes: Iterable[int], rights: str = "CP") -> list[OptionContract]:
    """Return contracts that expire so many days after the session, ascending by strike."""
    expiration = FRIDAY + timedelta(days=expires_in)
    return [
        OptionContract("PLTR", 0, expiration, Decimal(strike), Right(right)) for strike in strikes for right in rights
    ]


def chosen(rule: Rule, candidates: list[OptionContract], volatility: str | None) -> dict[tuple[int, str], list[int]]:
    """Return the strikes that a rule chooses at a spot of 100, by days to expiration and right."""
    market = Market(FRIDAY, Decimal(100), None if volatility is None else Decimal(volatility))
    found: dict[tuple[int, str], list[int]] = {}
    for one in rule.chosen(candidates, market):
        found.setdefault(((one.expiration - FRIDAY).days, one.right.value), []).append(int(one.strike))
    return found


@pytest.mark.parametrize(
    ("volatility", "width", "minimum"),
    [
        ("0.12", "0.15", 11),
        ("0.1999", "0.15", 11),
        ("0.20", "0.25", 21),
        ("0.40", "0.25", 21),
        ("0.4001", "0.35", 31),
        (None, "0.35", 31),
    ],
)
def test_regime(volatility: str | None, width: str, minimum: int) -> None:
    """Below 20 % is narrow, 20 to 40 % wider, above 40 % and unknown widest."""
    regime = regime_of(None if volatility is None else Decimal(volatility))
    assert (regime.width, regime.minimum_strikes) == (Decimal(width), minimum)


def test_band_and_minimum() -> None:
    """At a spot of 100 the narrow band is 85..115; with strikes 10 apart the eleven nearest are taken instead."""
    narrow = DEFAULT_REGIMES[0]
    ones = [Decimal(strike) for strike in range(50, 151)]
    assert select_strikes(ones, Decimal(100), narrow) == tuple(Decimal(strike) for strike in range(85, 116))
    tens = [Decimal(strike) for strike in range(10, 201, 10)]
    assert select_strikes(tens, Decimal(100), narrow) == tuple(Decimal(strike) for strike in range(50, 151, 10))


@given(st.sets(st.integers(1, 400)), st.integers(1, 400))
def test_the_chosen_are_the_nearest(strikes: set[int], spot: int) -> None:
    """No strike left out is nearer to spot than one that was taken; all are taken where there are too few."""
    chosen = select_strikes(map(Decimal, strikes), Decimal(spot), DEFAULT_REGIMES[0])
    left_out = {Decimal(strike) for strike in strikes} - set(chosen)
    assert len(chosen) >= min(11, len(strikes))
    assert list(chosen) == sorted(chosen)
    if left_out:
        assert max(abs(c - spot) for c in chosen) <= min(abs(s - spot) for s in left_out)


def test_each_expiration_has_its_own_minimum() -> None:
    """±15 % of 100 hold seven strikes of the week, by fives, and two of the month: that one gets the three nearest."""
    rule = ByRegime((Regime(None, Decimal("0.15"), 3),))
    candidates = listed(7, range(60, 141, 5)) + listed(28, (70, 90, 110, 130))
    week, month = [85, 90, 95, 100, 105, 110, 115], [70, 90, 110]
    assert chosen(rule, candidates, "0.5") == {(7, "C"): week, (7, "P"): week, (28, "C"): month, (28, "P"): month}


@pytest.mark.parametrize(
    ("volatility", "lowest", "highest"), [("0.19", 85, 115), ("0.3", 75, 125), ("0.5", 65, 135), (None, 65, 135)]
)
def test_the_band_follows_the_volatility(volatility: str | None, lowest: int, highest: int) -> None:
    """±15 % in calm, ±25 % and ±35 % in wilder markets, and the widest where nobody knows."""
    strikes = list(range(lowest, highest + 1))
    assert chosen(ByRegime(), listed(7, range(40, 161), "C"), volatility) == {(7, "C"): strikes}


def test_a_strike_that_is_missing_on_one_side_chooses_what_there_is() -> None:
    """Only a put is listed at 95: it is chosen, and 90's call as well; two strikes are two, however many contracts."""
    rule = ByRegime((Regime(None, Decimal("0.01"), 2),))
    candidates = listed(7, (90,)) + listed(7, (95,), "P") + listed(7, (80,))
    assert chosen(rule, candidates, None) == {(7, "C"): [90], (7, "P"): [90, 95]}


def test_a_distance_includes_its_bounds_in_every_expiration() -> None:
    """Five per cent of 100 reach from 95 to 105, on the day itself and a year ahead; nothing else is looked at."""
    candidates = [one for days in (0, 365) for one in listed(days, (94, 95, 105, 106), "P")]
    assert chosen(ByDistance(Decimal("0.05")), candidates, None) == {(0, "P"): [95, 105], (365, "P"): [95, 105]}


def test_another_rule_needs_nothing_but_the_protocol() -> None:
    """By delta the band follows expiration and right as well.

    With volatility σ, T years and z the normal quantile of a call's delta its strike is 100 · exp(σ²T/2 - z·σ√T). At
    20 % 5 and 95 % are 141.8 and 73.4 in a year, 110.1 and 91.1 in 30 days; 50 % are 102.02 in a year.
    """
    strikes = range(60, 161, 5)
    candidates = listed(30, strikes) + listed(365, strikes)
    month, year = [95, 100, 105, 110], list(range(75, 141, 5))
    assert chosen(ByDelta(0.05, 0.95), candidates, "0.2") == {
        (30, "C"): month,
        (30, "P"): month,
        (365, "C"): year,
        (365, "P"): year,
    }
    assert chosen(ByDelta(0.05, 0.5), listed(365, strikes), "0.2") == {
        (365, "P"): list(range(75, 101, 5)),
        (365, "C"): list(range(105, 141, 5)),
    }
    assert chosen(ByDelta(0.05, 0.95), listed(7, (1, 999), "C"), None) == {(7, "C"): [1, 999]}
