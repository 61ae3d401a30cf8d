"""Splits and dividends in the simulated market, reckoned by hand beside it."""

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from collector.clock import SystemClock
from collector.simulator.exchange.underlyings.corporate_actions import CorporateAction
from collector.simulator.market import Dividend, Market, MarketSettings, SimBar, Split

NEW_YORK = ZoneInfo("America/New_York")
SPY, TSLA = 756733, 76792991
THURSDAY, FRIDAY, MONDAY = date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 23)
FOUR_TO_ONE = Split("TSLA", FRIDAY, 4)
TENTH_OF_A_MILL = Decimal("0.0001")


def at(day: date, hour: int = 0, minute: int = 0) -> datetime:
    """Return a New York wall time."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)


def market(now: datetime, *actions: CorporateAction) -> Market:
    """Return the market of seed 7 at an instant, with these splits and dividends."""
    return Market(7, SystemClock(now), MarketSettings(corporate_actions=actions))


def daily(now: datetime, day: date, *actions: CorporateAction, what_to_show: str = "TRADES") -> SimBar:
    """Return TSLA's daily bar of a day as told at an instant."""
    return market(now, *actions).daily_truth(TSLA, what_to_show, day, day)[day]


def times(bar: SimBar, price: Decimal, volume: Decimal = Decimal(1)) -> tuple[Decimal, ...]:
    """Return open, high, low, close, average and volume of a bar after multiplying, rounded half up."""
    prices = [(one * price).quantize(TENTH_OF_A_MILL, ROUND_HALF_UP) for one in (*bar[1:5], bar.wap)]
    return (*prices, (bar.volume * volume).quantize(Decimal(1), ROUND_HALF_UP))


def shown(bar: SimBar) -> tuple[Decimal, ...]:
    """Return the same six of a bar as it is."""
    return (bar.open, bar.high, bar.low, bar.close, bar.wap, bar.volume)


def test_without_any_nothing_changes() -> None:
    """Another symbol's split changes no digit, and ADJUSTED_LAST is TRADES where there is nothing to adjust for."""
    other = market(at(MONDAY, 17), Split("SPY", FRIDAY, 2))
    plain = market(at(MONDAY, 17))
    span = (at(THURSDAY), at(MONDAY, 23))

    assert other.truth(TSLA, "TRADES", span) == plain.truth(TSLA, "TRADES", span)
    assert other.quote(TSLA) == plain.quote(TSLA)
    for bar_s in (60, 300, 86_400):
        adjusted = plain.history(TSLA, "ADJUSTED_LAST", *span, bar_s)
        assert adjusted == plain.history(TSLA, "TRADES", *span, bar_s) != ()


def test_a_split_adjusts_earlier_sessions_from_its_open_on() -> None:
    """Until 9:29 of the ex-date Thursday is as it traded; from 9:30 on prices are a quarter, volume is fourfold."""
    traded = daily(at(THURSDAY, 17), THURSDAY)
    quarter = times(traded, Decimal("0.25"), Decimal(4))

    assert shown(daily(at(FRIDAY, 9, 29), THURSDAY, FOUR_TO_ONE)) == shown(traded)
    assert shown(daily(at(FRIDAY, 9, 30), THURSDAY, FOUR_TO_ONE)) == quarter
    assert shown(daily(at(MONDAY, 17), THURSDAY, FOUR_TO_ONE)) == quarter
    assert daily(at(MONDAY, 17), THURSDAY, FOUR_TO_ONE).count == traded.count


def test_from_the_ex_date_on_new_shares_trade() -> None:
    """Friday's prices are a quarter of what they would be, in whole cents; four times as many shares change hands."""
    old, new = daily(at(MONDAY, 17), FRIDAY), daily(at(MONDAY, 17), FRIDAY, FOUR_TO_ONE)
    for before, after in zip(old[1:5], new[1:5], strict=True):
        assert abs(after - before / 4) <= Decimal("0.005")
        assert after == after.quantize(Decimal("0.01"))
    assert new.volume == 4 * old.volume
    assert abs(new.wap - old.wap / 4) < Decimal("0.01")


@pytest.mark.parametrize("bar_s", [60, 300])
@pytest.mark.parametrize("day", [THURSDAY, FRIDAY])
def test_bars_within_the_day_are_adjusted_alike(day: date, bar_s: int) -> None:
    """On both sides of the ex-date the daily bar is the sum of the bars within the day."""
    seen = market(at(MONDAY, 17), FOUR_TO_ONE)
    within = seen.history(TSLA, "TRADES", at(day), at(day, 23), bar_s)
    bar = seen.daily_truth(TSLA, "TRADES", day, day)[day]

    assert (bar.open, bar.close) == (within[0].open, within[-1].close)
    assert bar.high == max(one.high for one in within)
    assert bar.low == min(one.low for one in within)
    assert bar.volume == sum(one.volume for one in within)
    assert bar.count == sum(one.count for one in within)


def test_quotes_follow_the_split() -> None:
    """Thursday's bid and ask are a quarter once it has split; the live quote is of new shares, so is its last close."""
    span = (at(THURSDAY), at(THURSDAY, 23))
    for series in ("BID", "ASK", "MIDPOINT", "BID_ASK"):
        old = market(at(FRIDAY, 9), FOUR_TO_ONE).history(TSLA, series, *span)
        new = market(at(FRIDAY, 10), FOUR_TO_ONE).history(TSLA, series, *span)
        for before, after in zip(old, new, strict=True):
            assert all(abs(4 * b - a) <= 2 * TENTH_OF_A_MILL for a, b in zip(before[1:5], after[1:5], strict=True))
    volatility = [
        market(at(FRIDAY, hour), FOUR_TO_ONE).history(TSLA, "OPTION_IMPLIED_VOLATILITY", *span) for hour in (9, 10)
    ]
    assert volatility[0] == volatility[1]
    plain, split = (market(at(FRIDAY, 12), *actions).quote(TSLA) for actions in ((), (FOUR_TO_ONE,)))
    assert plain.bid is not None
    assert split.bid is not None
    assert plain.previous_close is not None
    assert split.previous_close is not None
    assert abs(split.bid - plain.bid / 4) <= Decimal("0.02")
    assert abs(split.previous_close - plain.previous_close / 4) <= Decimal("0.01")
    assert split.volume == 4 * plain.volume


def test_options_are_not_adjusted() -> None:
    """Contracts and their bars are what they are without the split: a simplification that no real market has."""
    plain, split = market(at(MONDAY, 17)), market(at(MONDAY, 17), FOUR_TO_ONE)
    assert plain.options("TSLA") == split.options("TSLA")
    option = plain.options("TSLA")[40]
    span = (at(THURSDAY), at(MONDAY, 23))
    assert plain.truth(option.con_id, "BID", span) == split.truth(option.con_id, "BID", span)


def test_a_reverse_split() -> None:
    """One for ten: earlier prices are tenfold and exact, volumes a tenth, rounded to shares."""
    traded = daily(at(THURSDAY, 17), THURSDAY)
    told = daily(at(MONDAY, 17), THURSDAY, Split("TSLA", FRIDAY, Fraction(1, 10)))

    assert shown(told)[:5] == times(traded, Decimal(10))[:5]
    assert abs(told.volume - traded.volume / 10) <= Decimal("0.5")


@pytest.mark.parametrize("series", ["TRADES", "ADJUSTED_LAST"])
def test_a_split_may_be_adjusted_late(series: str) -> None:
    """New shares trade from the ex-date on; earlier bars change with the open of another session."""
    late = Split("TSLA", FRIDAY, 4, adjusted=MONDAY)
    plain = daily(at(MONDAY, 17), THURSDAY, what_to_show=series)
    assert shown(daily(at(MONDAY, 9, 29), THURSDAY, late, what_to_show=series)) == shown(plain)
    assert shown(daily(at(MONDAY, 9, 30), THURSDAY, late, what_to_show=series)) == times(
        plain, Decimal("0.25"), Decimal(4)
    )
    friday = [shown(daily(at(FRIDAY, 17), FRIDAY, one, what_to_show=series)) for one in (late, FOUR_TO_ONE)]
    assert friday[0] == friday[1]
    with pytest.raises(ValueError, match="adjusts no bar before"):
        Split("TSLA", FRIDAY, 4, adjusted=THURSDAY)


def test_a_dividend_touches_adjusted_last_alone() -> None:
    """From its ex-date's open on, earlier ADJUSTED_LAST is multiplied by 1 - amount / close before; TRADES is not."""
    dividend = Dividend("TSLA", FRIDAY, Decimal("2.50"))
    wednesday = THURSDAY - timedelta(days=1)
    plain = {day: daily(at(MONDAY, 17), day) for day in (wednesday, THURSDAY, FRIDAY)}
    kept = 1 - Decimal("2.50") / plain[THURSDAY].close

    for day in (wednesday, THURSDAY):
        before = daily(at(FRIDAY, 9, 29), day, dividend, what_to_show="ADJUSTED_LAST")
        assert shown(before) == shown(plain[day])
        after = daily(at(FRIDAY, 9, 30), day, dividend, what_to_show="ADJUSTED_LAST")
        assert shown(after) == times(plain[day], kept)
    assert shown(daily(at(MONDAY, 17), FRIDAY, dividend, what_to_show="ADJUSTED_LAST")) == shown(plain[FRIDAY])
    assert shown(daily(at(MONDAY, 17), THURSDAY, dividend)) == shown(plain[THURSDAY])


def test_splits_and_dividends_compound() -> None:
    """A dividend in old shares, a split, and a dividend in new ones: all factors multiply, volumes see the split."""
    first, tuesday = date(2026, 11, 12), date(2026, 11, 17)
    actions = (Dividend("TSLA", first, Decimal(4)), FOUR_TO_ONE, Dividend("TSLA", MONDAY, Decimal(1)))
    now = at(date(2026, 11, 24), 12)
    wednesday = daily(now, date(2026, 11, 11))  # the session before the first dividend
    friday = daily(now, FRIDAY, FOUR_TO_ONE)
    second = 1 - 1 / friday.close
    both = (1 - 4 / wednesday.close) / 4 * second

    told = daily(now, wednesday.time.date(), *actions, what_to_show="ADJUSTED_LAST")
    assert shown(told) == times(wednesday, both, Decimal(4))
    told = daily(now, tuesday, *actions, what_to_show="ADJUSTED_LAST")
    assert shown(told) == times(daily(now, tuesday), second / 4, Decimal(4))
    told = daily(now, tuesday, *actions)
    assert shown(told) == times(daily(now, tuesday), Decimal("0.25"), Decimal(4))


def test_a_dividend_on_the_day_of_a_split_is_in_new_shares() -> None:
    """Its amount is compared with the close before in new shares, too."""
    traded = daily(at(MONDAY, 17), THURSDAY)
    actions = (FOUR_TO_ONE, Dividend("TSLA", FRIDAY, Decimal(1)))
    told = daily(at(MONDAY, 17), THURSDAY, *actions, what_to_show="ADJUSTED_LAST")
    assert shown(told) == times(traded, (1 - 4 / traded.close) / 4, Decimal(4))


def test_the_truth_can_be_asked_as_of_an_earlier_instant() -> None:
    """One market tells Thursday both ways."""
    seen = market(at(MONDAY, 17), FOUR_TO_ONE)
    earlier = seen.daily_truth(TSLA, "TRADES", THURSDAY, MONDAY, as_of=at(FRIDAY, 9, 29))
    assert list(earlier) == [THURSDAY]
    assert shown(earlier[THURSDAY]) == shown(daily(at(THURSDAY, 17), THURSDAY))
    assert list(seen.daily_truth(TSLA, "TRADES", THURSDAY, MONDAY)) == [THURSDAY, FRIDAY, MONDAY]


def test_what_cannot_be_is_refused() -> None:
    """A ratio or an amount that is not positive is an error at once."""
    with pytest.raises(ValueError, match="ratio of TSLA's split is 0"):
        Split("TSLA", FRIDAY, 0)
    with pytest.raises(ValueError, match="dividend of SPY is -1 USD"):
        Dividend("SPY", FRIDAY, Decimal(-1))
