"""The simulated market's chains: what is listed, since when, until when."""

import itertools
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from collector.clock import SystemClock
from collector.simulator.exchange import sessions
from collector.simulator.market import Market, MarketSettings

NEW_YORK = ZoneInfo("America/New_York")


def at(day: date, hour: int = 17, minute: int = 0) -> datetime:
    """Return a New York wall time."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)


@pytest.fixture
def clock() -> SystemClock:
    """A clock that starts after the close of Friday 2026-11-20."""
    return SystemClock(at(date(2026, 11, 20)))


@pytest.fixture
def market(clock: SystemClock) -> Market:
    """A market on that clock."""
    return Market(7, clock)


def test_stocks_carry_ibs_numbers(market: Market) -> None:
    """The underlyings have the contract numbers that IB gives them; others are unknown."""
    assert {one.symbol: one.con_id for one in market.stocks} == {
        "SPY": 756733,
        "PLTR": 444857009,
        "TSLA": 76792991,
        "QQQ": 320227571,
        "AAPL": 265598,
    }
    assert market.stock("NOPE") is None
    assert market.chain("NOPE") is None
    assert market.options("NOPE") == ()


def test_spy_expires_on_every_session_of_the_next_two_weeks(market: Market) -> None:
    """Ten sessions ahead there is an expiration each day, none on Thanksgiving, then Fridays."""
    chain = market.chain("SPY")

    assert chain is not None
    assert tuple(
        date(2026, month, day)
        for month, day in [
            (11, 20), (11, 23), (11, 24), (11, 25), (11, 27), (11, 30),
            (12, 1), (12, 2), (12, 3), (12, 4), (12, 11), (12, 18), (12, 24), (12, 31),
        ]
    ) == chain.expirations[:14]  # fmt: skip
    assert date(2027, 1, 15) in chain.expirations
    assert date(2027, 3, 31) in chain.expirations
    assert date(2029, 1, 19) == chain.expirations[-1]


def test_stocks_expire_on_fridays_and_before_holidays_on_thursdays(market: Market) -> None:
    """The week of Christmas 2026 ends on Thursday the 24th, and of New Year on the 31st."""
    chain = market.chain("TSLA")

    assert chain is not None
    assert date(2026, 12, 24) in chain.expirations
    assert date(2026, 12, 31) in chain.expirations
    assert all(
        one.weekday() == 4 or not sessions.is_session(one + timedelta(days=4 - one.weekday()))
        for one in chain.expirations
    )


def test_spy_lists_thousands_of_contracts_that_do_not_all_combine(market: Market) -> None:
    """At least 2,000 contracts, fewer than strikes × expirations, in steps of 1 USD near the money only."""
    chain, options = market.chain("SPY"), market.options("SPY")

    assert chain is not None
    assert 2_000 <= len(options) < 2 * len(chain.strikes) * len(chain.expirations)
    assert {one.expiration for one in options} == set(chain.expirations)
    assert {one.strike for one in options} == set(chain.strikes)
    near = sorted({one.strike for one in options if one.expiration == date(2026, 11, 23)})
    spot = market.quote(756733).underlying_price
    around = [one for one in near if abs(one - spot) < 40]
    assert {Decimal(1)} == {high - low for low, high in itertools.pairwise(around)}
    far = {one.strike for one in options if one.expiration == date(2027, 12, 17)}
    assert {0} == {one % 10 for one in far}


def test_contract_numbers_are_unique_and_stable(market: Market, clock: SystemClock) -> None:
    """Two markets of one seed give the same numbers, each number stands for one contract."""
    everything = [one for symbol in ("SPY", "PLTR", "QQQ") for one in market.options(symbol)]
    again = Market(7, clock)

    assert len(everything) == len({one.con_id for one in everything})
    assert all(0 < one.con_id < 2**31 for one in everything)
    assert everything[::97] == [again.option(one.con_id) for one in everything[::97]]
    assert market.option(123) is None
    assert market.option(700_000_001) is None


def test_options_are_filtered(market: Market) -> None:
    """Expiration, right and strike narrow the chain; the rest of it is left out."""
    listed = market.options("TSLA", date(2026, 11, 27), "P")

    assert {"P"} == {one.right for one in listed}
    assert {date(2026, 11, 27)} == {one.expiration for one in listed}
    assert (listed[3],) == market.options("TSLA", date(2026, 11, 27), "P", listed[3].strike)
    assert market.options("TSLA", date(2026, 11, 25)) == ()


def test_new_contracts_are_listed_as_time_goes_on(market: Market, clock: SystemClock) -> None:
    """A daily expiration is unknown on Friday and there on the Monday that brings it within two weeks."""
    assert market.options("SPY", date(2026, 12, 7)) == ()

    clock.set(at(date(2026, 11, 23), 8))

    assert len(market.options("SPY", date(2026, 12, 7))) > 200
    assert {date(2026, 11, 23)} == {one.listed for one in market.options("SPY", date(2026, 12, 7))}


def test_expired_contracts_are_purged_at_midnight(market: Market, clock: SystemClock) -> None:
    """They expire at the product's close, stay until the day is over, and are gone then."""
    option = market.options("SPY", date(2026, 11, 20))[0]
    clock.set(at(date(2026, 11, 20), 16, 14))
    assert not market.expired(option)
    clock.set(at(date(2026, 11, 20), 16, 15))
    assert market.expired(option)
    assert not market.purged(option)
    clock.set(at(date(2026, 11, 20), 23, 59))
    assert option in market.options("SPY")

    clock.set(at(date(2026, 11, 21), 0))

    assert market.purged(option)
    assert option not in market.options("SPY")
    chain = market.chain("SPY")
    assert chain is not None
    assert date(2026, 11, 20) not in chain.expirations
    assert option == market.option(option.con_id)


def test_the_purge_hour_is_a_setting(clock: SystemClock) -> None:
    """With a purge at 03:00 of the second day a Friday contract is still there on Saturday."""
    market = Market(7, clock, MarketSettings(purge_days=2, purge_hour=3))
    option = market.options("SPY", date(2026, 11, 20))[0]
    clock.set(at(date(2026, 11, 21), 12))
    assert option in market.options("SPY")
    clock.set(at(date(2026, 11, 22), 3))
    assert option not in market.options("SPY")


def test_open_interest_is_a_daily_number(market: Market) -> None:
    """It is 0 before the listing, the same within a day, changes from day to day, and is highest near the money."""
    options = market.options("SPY", date(2026, 12, 18), "C")
    spot = market.quote(756733).underlying_price
    near = [one for one in options if abs(one.strike - spot) < 30]
    far = [one for one in options if abs(one.strike - spot) > 150]
    day = date(2026, 11, 20)

    assert market.open_interest(near[0].con_id, near[0].listed - timedelta(days=1)) == 0
    assert market.open_interest(near[0].con_id, day) == market.quote(near[0].con_id).open_interest
    assert len({market.open_interest(near[0].con_id, date(2026, 11, one)) for one in (17, 18, 19, 20)}) > 1
    assert sum(market.open_interest(one.con_id, day) for one in near) / len(near) > 3 * (
        sum(market.open_interest(one.con_id, day) for one in far) / len(far)
    )
