"""The simulated market's bars: the same whatever is asked first, consistent, on the grid, and as IB shows them."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from collector.clock import SystemClock
from collector.simulator.market import Market, MarketSettings, Option, SimBar

NEW_YORK = ZoneInfo("America/New_York")
FRIDAY = date(2026, 11, 20)
SPY, PLTR, TSLA = 756733, 444857009, 76792991


def at(day: date, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """Return a New York wall time."""
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=NEW_YORK)


def whole(day: date) -> tuple[datetime, datetime]:
    """Return the span of a day in New York."""
    return at(day), at(day + timedelta(days=1))


def near(market: Market, symbol: str, expiration: date, right: str, distance: float = 0.0) -> Option:
    """Return the contract whose strike is nearest to spot × (1 + distance)."""
    stock = market.stock(symbol)
    assert stock is not None
    wanted = float(market.quote(stock.con_id).underlying_price) * (1.0 + distance)
    listed = [one for one in market.options(symbol, expiration) if one.right == right]
    return min(listed, key=lambda one: abs(float(one.strike) - wanted))


@pytest.fixture
def clock() -> SystemClock:
    """A clock that starts after the close of Friday 2026-11-20."""
    return SystemClock(at(FRIDAY, 17))


@pytest.fixture
def market(clock: SystemClock) -> Market:
    """A market on that clock."""
    return Market(7, clock)


def test_any_slice_equals_the_slice_of_the_whole(market: Market) -> None:
    """Asking for two weeks gives exactly what asking for each of its hours gives."""
    option = near(market, "SPY", date(2026, 12, 18), "P")
    for con_id, series in [(option.con_id, "TRADES"), (option.con_id, "BID"), (SPY, "TRADES"), (PLTR, "ASK")]:
        start, end = at(date(2026, 11, 9)), at(FRIDAY, 23)
        bars = market.history(con_id, series, start, end)
        hours = int((end - start) / timedelta(hours=1))
        pieces = [
            market.history(con_id, series, start + timedelta(hours=n), start + timedelta(hours=n + 1))
            for n in range(hours)
        ]

        assert len(bars) > 50
        assert bars == tuple(bar for piece in pieces for bar in piece)


def test_the_order_of_questions_does_not_matter(market: Market, clock: SystemClock) -> None:
    """One seed gives the same bars asked backwards and with hardly any memory; another seed gives others."""
    options = market.options("TSLA", date(2026, 11, 27))[10:60]
    small = Market(7, clock, MarketSettings(contract_days_kept=1))
    forwards = {one: market.truth(one.con_id, "TRADES", whole(FRIDAY)) for one in options}
    backwards = {one: small.truth(one.con_id, "TRADES", whole(FRIDAY)) for one in reversed(options)}
    block = market.expiration_day("TSLA", date(2026, 11, 27), FRIDAY)

    assert forwards == backwards
    assert [len(bars) for bars in forwards.values()] == [len(block[one.con_id]["TRADES"]) for one in options]
    assert market.truth(TSLA, "TRADES", whole(FRIDAY)) != Market(8, clock).truth(TSLA, "TRADES", whole(FRIDAY))


def test_single_contracts_equal_blocks_of_them(market: Market) -> None:
    """A contract's bars do not depend on its neighbours: minute by minute alone, or eight strikes at a time."""
    for option in market.options("SPY", date(2026, 12, 4))[::40]:
        stock = market.stock("SPY")
        assert stock is not None
        for series in ("TRADES", "BID", "ASK"):
            kept = market._days.whole(stock, option, FRIDAY, series)
            alone = market._days.formed(stock, option, FRIDAY, series, None, 5)
            assert kept is not None
            assert alone is not None
            assert kept.close.tolist() == alone.close.tolist()
            assert kept.time.tolist() == alone.time.tolist()


def test_bars_are_consistent_and_on_the_grid(market: Market) -> None:
    """Low ≤ open, close, wap ≤ high; bid below ask; SPY in pennies, the others in nickels from 3 USD."""
    for symbol in ("SPY", "PLTR", "TSLA"):
        for option in market.options(symbol, date(2026, 12, 4))[::9]:
            trades, bids, asks = (
                market.history(option.con_id, series, *whole(FRIDAY)) for series in ("TRADES", "BID", "ASK")
            )
            closes = {bar.time: bar for bar in asks}
            for bar in (*trades, *bids, *asks):
                assert 0 < bar.low <= min(bar.open, bar.close)
                assert max(bar.open, bar.close) <= bar.high
                assert (bar.time.minute % 5, bar.time.second) == (0, 0)
                for price in bar[1:5]:
                    assert isinstance(price, Decimal)
                    tick = Decimal("0.05") if symbol != "SPY" and price >= 3 else Decimal("0.01")
                    assert price % tick == 0
            for bar in trades:
                assert bar.low <= bar.wap <= bar.high
                assert bar.volume >= bar.count > 0 or (not bar.volume and not bar.count and bar.high == bar.low)
            for bar in bids:
                ask = closes[bar.time]
                assert bar.close < ask.close
                assert bar.open < ask.open
            assert all(bar.volume == bar.wap == bar.count == -1 for bar in (*bids, *asks))
            assert all(one.time < other.time for one, other in pairwise(trades))


def test_trades_happen_between_bid_and_ask(market: Market) -> None:
    """No trade is printed below the slot's lowest bid or above its highest ask."""
    option = near(market, "SPY", date(2026, 11, 27), "C", 0.01)
    lowest = {bar.time: bar.low for bar in market.history(option.con_id, "BID", *whole(FRIDAY))}
    highest = {bar.time: bar.high for bar in market.history(option.con_id, "ASK", *whole(FRIDAY))}
    trades = market.history(option.con_id, "TRADES", *whole(FRIDAY))

    assert len(trades) > 40
    assert all(lowest[bar.time] <= bar.low <= bar.high <= highest[bar.time] for bar in trades if bar.volume)


def test_the_spread_widens_away_from_the_money(market: Market) -> None:
    """Relative to the mid, the spread grows with the distance of the strike."""
    spreads = []
    for distance in (0.0, 0.03, 0.06):
        option = near(market, "SPY", date(2026, 12, 18), "C", distance)
        quote = market.quote(option.con_id)
        assert quote.bid is not None
        assert quote.ask is not None
        spreads.append((quote.ask - quote.bid) / (quote.ask + quote.bid))

    assert spreads == sorted(spreads)
    assert spreads[2] > 3 * spreads[0]


def test_trades_are_as_sparse_as_real_ones(market: Market) -> None:
    """Near the money almost every slot trades on the last days; over what is collected it is a dozen slots a day."""
    spot = market.quote(SPY).underlying_price
    traded = slots = 0
    chain = market.chain("SPY")
    assert chain is not None
    for expiration in [one for one in chain.expirations if one <= date(2027, 1, 4)]:
        drawn = market.expiration_day("SPY", expiration, FRIDAY)
        for option in market.options("SPY", expiration):
            if abs(option.strike / spot - 1) <= Decimal("0.15"):
                traded += len(drawn[option.con_id]["TRADES"])
                slots += 81
    nearest = near(market, "SPY", date(2026, 11, 23), "C")

    assert 0.10 <= traded / slots <= 0.20
    assert len(market.history(nearest.con_id, "TRADES", *whole(FRIDAY))) >= 65
    assert len(market.history(nearest.con_id, "BID", *whole(FRIDAY))) == 81
    assert market.history(near(market, "TSLA", date(2027, 12, 17), "P", 0.5).con_id, "TRADES", *whole(FRIDAY)) == ()


def test_nobody_bids_for_what_is_worthless(market: Market) -> None:
    """Far out of the money on the last day there is an ask of a few cents and no bid, hence no BID bar."""
    option = near(market, "SPY", FRIDAY, "C", 0.2)
    quote = market.quote(option.con_id)

    assert quote.bid is None
    assert quote.ask is not None
    assert quote.ask <= Decimal("0.02")
    assert market.history(option.con_id, "BID", *whole(FRIDAY)) == ()
    assert len(market.history(option.con_id, "ASK", *whole(FRIDAY))) == 81


def test_sessions_end_at_the_products_own_close(market: Market, clock: SystemClock) -> None:
    """SPY's last bar starts at 16:10, PLTR's at 15:55; on the day after Thanksgiving at 13:10 and 12:55."""
    clock.set(at(date(2026, 12, 1), 17))

    def last(con_id: int, day: date) -> str:
        return f"{market.history(con_id, 'TRADES', *whole(day))[-1].time.astimezone(NEW_YORK):%H:%M}"

    assert last(SPY, FRIDAY) == "16:10"
    assert last(PLTR, FRIDAY) == "15:55"
    assert last(SPY, date(2026, 11, 27)) == "13:10"
    assert last(PLTR, date(2026, 11, 27)) == "12:55"
    assert market.history(SPY, "TRADES", *whole(date(2026, 11, 26))) == ()
    assert len(market.history(SPY, "OPTION_IMPLIED_VOLATILITY", *whole(FRIDAY))) == 81


def test_regular_hours_leave_out_the_last_quarter(market: Market) -> None:
    """With useRTH quotes end at 16:00, and a contract that traded shows a flat bar without volume at 16:00."""
    option = near(market, "SPY", date(2026, 11, 23), "P")
    trades = market.history(option.con_id, "TRADES", *whole(FRIDAY), use_rth=True)

    assert len(market.history(option.con_id, "BID", *whole(FRIDAY), use_rth=True)) == 78
    assert trades[-1].time == at(FRIDAY, 16)
    assert not trades[-1].volume
    assert not trades[-1].count
    assert {trades[-1].open, trades[-1].high, trades[-1].low} == {trades[-2].close}


def test_flat_bars_without_volume_stand_at_the_regular_close_only(market: Market, clock: SystemClock) -> None:
    """SPY's options show some at 16:00, or at 13:00 on an early-close day; PLTR's never do."""
    clock.set(at(date(2026, 11, 27), 17))

    def flat(symbol: str, day: date) -> list[SimBar]:
        found = [
            market.history(one.con_id, "TRADES", *whole(day)) for one in market.options(symbol, date(2026, 12, 18))
        ]
        return [bar for bars in found for bar in bars if bar.volume == 0]

    assert {bar.time for bar in flat("SPY", FRIDAY)} == {at(FRIDAY, 16)}
    assert {bar.time for bar in flat("SPY", date(2026, 11, 27))} == {at(date(2026, 11, 27), 13)}
    assert all(bar.open == bar.high == bar.low == bar.close == bar.wap for bar in flat("SPY", FRIDAY))
    assert flat("PLTR", FRIDAY) == []


def test_the_forming_bar_grows_into_the_complete_one(market: Market, clock: SystemClock) -> None:
    """While a slot lasts its bar is partial; truth leaves it out; afterwards both show the same."""
    option = near(market, "SPY", date(2026, 11, 23), "C")
    slot = at(FRIDAY, 10, 30)
    for series, con_id in (("ASK", option.con_id), ("TRADES", SPY)):
        clock.set(at(FRIDAY, 10, 32, 30))
        early = market.history(con_id, series, *whole(FRIDAY))
        true = market.truth(con_id, series, whole(FRIDAY))
        clock.set(at(FRIDAY, 10, 35))
        late = market.history(con_id, series, *whole(FRIDAY))

        assert early[-1].time == slot
        assert true == early[:-1] == late[:-1]
        assert late[-1].time == slot
        assert early[-1].open == late[-1].open
        assert late[-1].low <= early[-1].low <= early[-1].high <= late[-1].high
        assert late == market.truth(con_id, series, whole(FRIDAY))
    assert early[-1].volume < late[-1].volume


def test_nothing_of_the_future_is_told(market: Market, clock: SystemClock) -> None:
    """Before the open there are no bars of the day, neither as history nor as truth."""
    clock.set(at(FRIDAY, 9, 30))
    assert market.history(SPY, "TRADES", *whole(FRIDAY)) == ()
    assert market.truth(SPY, "TRADES", whole(FRIDAY)) == ()
    assert len(market.history(SPY, "TRADES", at(date(2026, 11, 19)), at(FRIDAY, 12))) == 81


def test_history_is_limited_in_depth_and_truth_is_not(market: Market) -> None:
    """Quotes of an option reach 65 days back, trades 123; the underlying's bars have no such limit."""
    option = near(market, "SPY", date(2027, 3, 19), "P", -0.03)
    long = (at(date(2026, 3, 2)), at(FRIDAY, 17))
    bids = market.history(option.con_id, "BID", *long)
    trades = market.history(option.con_id, "TRADES", *long)

    assert bids[0].time == at(date(2026, 9, 16), 9, 30)
    assert at(date(2026, 7, 20)) <= trades[0].time < at(date(2026, 9, 1))
    assert len(market.truth(option.con_id, "BID", long)) > len(bids)
    assert market.history(SPY, "TRADES", *long)[0].time == at(date(2026, 3, 2), 9, 30)


def test_contracts_have_bars_from_their_listing_to_their_expiration(market: Market, clock: SystemClock) -> None:
    """A daily contract's first bar is of the day on which it was listed, its last of the day of its expiration."""
    option = near(market, "SPY", date(2026, 11, 24), "C")
    clock.set(at(date(2026, 11, 24), 18))
    asks = market.history(option.con_id, "ASK", at(date(2026, 10, 1)), at(date(2026, 11, 30)))

    assert asks[0].time == at(option.listed, 9, 30)
    assert asks[-1].time == at(date(2026, 11, 24), 16, 10)


def test_purged_contracts_have_no_history_but_keep_their_truth(market: Market, clock: SystemClock) -> None:
    """The morning after its expiration a contract answers nothing any more."""
    option = near(market, "SPY", FRIDAY, "P")
    before = market.history(option.con_id, "TRADES", *whole(FRIDAY))
    clock.set(at(date(2026, 11, 21), 0, 1))

    assert len(before) > 50
    assert market.history(option.con_id, "TRADES", *whole(FRIDAY)) == ()
    assert market.truth(option.con_id, "TRADES", whole(FRIDAY)) == before


def test_revisions_take_effect_at_their_instant(market: Market, clock: SystemClock) -> None:
    """From then on some bars have other values, in history and in truth; times stay, prices stay consistent."""
    option = near(market, "PLTR", date(2026, 11, 27), "C")
    revision = market.revise(FRIDAY, at(date(2026, 11, 23), 8), share=0.3, seed=5)
    for series in ("TRADES", "BID", "ASK"):
        clock.set(at(date(2026, 11, 23), 7, 59))
        before = market.history(option.con_id, series, *whole(FRIDAY))
        clock.set(at(date(2026, 11, 23), 8))
        after = market.history(option.con_id, series, *whole(FRIDAY))
        changed = [one for one, other in zip(before, after, strict=True) if one != other]

        assert [one.time for one in before] == [one.time for one in after]
        assert 0.1 * len(before) < len(changed) < 0.6 * len(before)
        assert after == market.truth(option.con_id, series, whole(FRIDAY))
        assert all(0 < one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high for one in after)
        other_day = whole(date(2026, 11, 19))
        assert market.truth(option.con_id, series, other_day) == Market(7, clock).truth(
            option.con_id, series, other_day
        )
    assert market.revisions == [revision]


def test_revisions_may_concern_one_series_of_one_contract(market: Market) -> None:
    """Only what was named changes."""
    one, other = (near(market, "SPY", date(2026, 11, 27), right) for right in ("C", "P"))
    plain = Market(7, SystemClock(at(FRIDAY, 17)))
    market.revise(FRIDAY, at(FRIDAY, 16, 30), what_to_show="BID", con_id=one.con_id, share=1.0)

    for option in (one, other):
        for series in ("TRADES", "BID", "ASK"):
            same = market.truth(option.con_id, series, whole(FRIDAY)) == plain.truth(
                option.con_id, series, whole(FRIDAY)
            )
            assert same is not (option is one and series == "BID")


def test_text_fields_say_the_same_as_bars(market: Market) -> None:
    """The fast path carries the same numbers, eight fields a bar."""
    option = near(market, "TSLA", date(2026, 12, 4), "P")
    for series in ("TRADES", "ASK", "MIDPOINT"):
        bars = market.history(option.con_id, series, *whole(FRIDAY))
        count, text = market.history_fields(option.con_id, series, *whole(FRIDAY))
        fields = text.split("\0")

        assert len(bars) == count
        assert len(fields) == 8 * count + 1
        assert [Decimal(one) for one in fields[4::8]] == [bar.close for bar in bars]
        assert [int(one) for one in fields[:-1:8]] == [int(bar.time.timestamp()) for bar in bars]
        assert [Decimal(one) for one in fields[5::8]] == [bar.volume for bar in bars]


def test_other_bar_sizes_add_up(market: Market) -> None:
    """An hour's volume is that of its twelve slots, its range theirs; a minute's bars are finer; a day is one bar."""
    slots = market.history(SPY, "TRADES", at(FRIDAY, 9, 30), at(FRIDAY, 10, 30))
    (hour,) = market.history(SPY, "TRADES", at(FRIDAY, 9, 30), at(FRIDAY, 10, 30), bar_s=3600)
    minutes = market.history(SPY, "TRADES", at(FRIDAY, 9, 30), at(FRIDAY, 10, 30), bar_s=60)

    assert hour.volume == sum(bar.volume for bar in slots) == sum(bar.volume for bar in minutes)
    assert hour.high == max(bar.high for bar in slots) == max(bar.high for bar in minutes)
    assert (hour.open, hour.close) == (slots[0].open, slots[-1].close)
    assert len(minutes) == 60
    assert len(market.history(SPY, "TRADES", at(date(2026, 11, 16)), at(FRIDAY, 17), bar_s=86_400)) == 5
    assert {bar.time.second for bar in market.history(SPY, "TRADES", *whole(FRIDAY), bar_s=30)} == {30}


def test_series_that_do_not_exist_have_no_bars(market: Market) -> None:
    """IB keeps no implied volatility of option contracts; unknown contracts and series are empty."""
    option = near(market, "SPY", date(2026, 12, 4), "C")
    assert market.history(option.con_id, "OPTION_IMPLIED_VOLATILITY", *whole(FRIDAY)) == ()
    assert market.history(SPY, "SCHEDULE", *whole(FRIDAY)) == ()
    assert market.history(1, "TRADES", *whole(FRIDAY)) == ()


def test_volume_and_volatility_are_u_shaped(market: Market) -> None:
    """Over a month, the first and last half hours of SPY trade more and move more than the middle of the day."""
    bars = market.history(SPY, "TRADES", at(date(2026, 10, 19)), at(FRIDAY, 17))

    def mean(hour: int, minute: int, what: str) -> float:
        found = [
            float(bar.volume) if what == "volume" else float(bar.high - bar.low)
            for bar in bars
            if 0
            <= (bar.time.astimezone(NEW_YORK).hour - hour) * 60 + bar.time.astimezone(NEW_YORK).minute - minute
            < 30
        ]
        return sum(found) / len(found)

    for what in ("volume", "range"):
        assert mean(9, 30, what) > 1.3 * mean(12, 30, what)
        assert mean(15, 30, what) > 1.15 * mean(12, 30, what)
