"""The simulated market's daily bars: one a session, the sum of its bars within the day."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import exchange_calendars  # type: ignore[import-untyped] # the library ships no types
import pytest

from collector.clock import SystemClock
from collector.simulator.market import Market, SimBar

NEW_YORK = ZoneInfo("America/New_York")
SPY, PLTR, VIX = 756733, 444857009, 13455763
FRIDAY, EARLY = date(2026, 11, 20), date(2025, 11, 28)
DAY_S = 86_400


def at(day: date, hour: int = 0, minute: int = 0) -> datetime:
    """Return a New York wall time."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)


def market(now: datetime) -> Market:
    """Return the market of seed 7 at an instant."""
    return Market(7, SystemClock(now))


def summed(bars: Sequence[SimBar]) -> tuple[Decimal | int, ...]:
    """Return open, high, low, close, volume and count of bars as one."""
    return (
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        Decimal(sum(bar.volume for bar in bars)),
        sum(bar.count for bar in bars),
    )


def shown(bar: SimBar) -> tuple[Decimal | int, ...]:
    """Return the same six of one bar."""
    return (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.count)


@pytest.mark.filterwarnings("ignore:Series.values")  # pandas 3.1 warns inside exchange_calendars
@pytest.mark.parametrize("con_id", [SPY, PLTR, VIX])
def test_there_is_one_a_session_for_over_ten_years(con_id: int) -> None:
    """From 2010 on each session has one bar, possible in itself, and a day without session has none."""
    calendar = exchange_calendars.get_calendar("XNYS", start="2010-01-01", end="2026-11-20")
    bars = market(at(FRIDAY, 17)).daily_truth(con_id, "TRADES", date(2010, 1, 1), FRIDAY)

    assert list(bars) == [day.date() for day in calendar.sessions]
    assert all(0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars.values())
    assert all(bar.low <= bar.wap <= bar.high for bar in bars.values() if bar.volume)


@pytest.mark.parametrize("con_id", [SPY, PLTR, VIX])
@pytest.mark.parametrize("day", [FRIDAY, EARLY, date(2019, 3, 4)])
@pytest.mark.parametrize("bar_s", [60, 300])
def test_it_is_the_sum_of_the_regular_session(con_id: int, day: date, bar_s: int) -> None:
    """Open, high, low, close, volume and count are those of the 5-minute and of the 1-minute bars until the close."""
    seen = market(at(FRIDAY, 17))
    close = at(day, 13 if day == EARLY else 16)
    within = seen.history(con_id, "TRADES", at(day, 9, 30), close, bar_s)
    (bar,) = seen.history(con_id, "TRADES", at(day), at(day, 23), DAY_S, use_rth=True)

    assert len(within) == (close - at(day, 9, 30)) // timedelta(seconds=bar_s)
    assert shown(bar) == summed(within)
    assert seen.daily_truth(con_id, "TRADES", day, day) == {day: bar}


def test_outside_the_regular_session_the_product_goes_on() -> None:
    """Without useRTH SPY's bar holds the quarter of an hour after 16:00, too; PLTR's has none to hold."""
    seen = market(at(FRIDAY, 17))
    for con_id, longer in ((SPY, True), (PLTR, False)):
        (regular,) = seen.history(con_id, "TRADES", at(FRIDAY), at(FRIDAY, 23), DAY_S, use_rth=True)
        (whole,) = seen.history(con_id, "TRADES", at(FRIDAY), at(FRIDAY, 23), DAY_S)
        assert (whole.volume > regular.volume) is longer
        assert shown(whole) == summed(seen.history(con_id, "TRADES", at(FRIDAY), at(FRIDAY, 23)))


def test_a_correction_reaches_the_daily_bar() -> None:
    """Once 5-minute bars of a day are corrected, its daily bar is the sum of the corrected ones."""
    seen = market(at(FRIDAY, 17))
    before = seen.daily_truth(SPY, "TRADES", FRIDAY, FRIDAY)[FRIDAY]
    seen.revise(FRIDAY, at(FRIDAY, 16, 30), what_to_show="TRADES", share=0.5)
    (after,) = seen.history(SPY, "TRADES", at(FRIDAY), at(FRIDAY, 23), DAY_S, use_rth=True)
    slots = seen.history(SPY, "TRADES", at(FRIDAY), at(FRIDAY, 16))

    assert after.volume > before.volume
    assert shown(after) == summed(slots)
    exact = sum(bar.wap * bar.volume for bar in slots) / after.volume
    assert after.wap == exact.quantize(Decimal("0.0001"), ROUND_HALF_UP)
    assert seen.daily_truth(SPY, "TRADES", FRIDAY, FRIDAY, as_of=at(FRIDAY, 16, 29))[FRIDAY] == before


@pytest.mark.parametrize("con_id", [SPY, VIX])
def test_todays_bar_forms(con_id: int) -> None:
    """None before the open; then what has happened so far; complete only with the close."""

    def today(now: datetime) -> tuple[SimBar, ...]:
        return market(now).history(con_id, "TRADES", at(FRIDAY), at(FRIDAY, 23), DAY_S, use_rth=True)

    noon = at(FRIDAY, 12)
    (forming,) = today(noon)
    assert today(at(FRIDAY, 9, 29)) == ()
    assert shown(forming) == summed(market(noon).history(con_id, "TRADES", at(FRIDAY), noon, 60))
    assert today(at(FRIDAY, 16, 5)) == today(at(FRIDAY, 20))
    assert market(at(FRIDAY, 15, 59)).daily_truth(con_id, "TRADES", FRIDAY, FRIDAY) == {}
    assert len(market(at(FRIDAY, 16)).daily_truth(con_id, "TRADES", FRIDAY, FRIDAY)) == 1


def test_other_series_have_daily_bars_too() -> None:
    """First, highest, lowest and last volatility of the day, without volume."""
    seen = market(at(FRIDAY, 17))
    (bar,) = seen.history(SPY, "OPTION_IMPLIED_VOLATILITY", at(FRIDAY), at(FRIDAY, 23), DAY_S, use_rth=True)
    slots = seen.history(SPY, "OPTION_IMPLIED_VOLATILITY", at(FRIDAY), at(FRIDAY, 16))

    assert shown(bar)[:4] == summed(slots)[:4]
    assert [bar.volume, bar.wap, bar.count] == [-1, -1, -1]


def test_an_option_has_no_daily_truth() -> None:
    """IB has no daily bars of options, so there is nothing to compare with."""
    seen = market(at(FRIDAY, 17))
    assert seen.daily_truth(seen.options("SPY")[0].con_id, "TRADES", FRIDAY, FRIDAY) == {}
