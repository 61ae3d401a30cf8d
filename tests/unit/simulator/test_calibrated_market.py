"""The calibrated market: how many contracts have no bids, no trades or no bar, which ones, and for how long."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from collector.clock import SystemClock
from collector.simulator.market import Market, Option
from collector.simulator.settings import MARKETS, MarketSettings, market_settings

NEW_YORK = ZoneInfo("America/New_York")
FRIDAY, HALF_DAY = date(2026, 11, 20), date(2026, 11, 27)
SERIES = ("TRADES", "BID", "ASK")


def at(day: date, hour: int = 17) -> datetime:
    """Return an hour in New York."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=NEW_YORK)


def whole(day: date) -> tuple[datetime, datetime]:
    """Return the span of a day in New York."""
    return at(day, 0), at(day + timedelta(days=1), 0)


def calibrated(seed: int, day: date) -> Market:
    """Return the market after a session."""
    return Market(seed, SystemClock(at(day)), MARKETS["calibrated"])


def bars_of(market: Market, symbol: str, day: date, every: int = 1) -> Iterator[tuple[Option, dict[str, int], float]]:
    """Yield contracts with their bars by series and their highest ask, expirations of six weeks, every n-th of them."""
    chain = market.chain(symbol)
    assert chain is not None
    for expiration in [one for one in chain.expirations if day <= one <= day + timedelta(days=42)][::every]:
        for con_id, series in market.expiration_day(symbol, expiration, day).items():
            option = market.option(con_id)
            assert option is not None
            dearest = max(series["ASK"].close.tolist(), default=0) / 100
            yield option, {what: len(series[what]) for what in SERIES}, dearest


def reach(market: Market, symbol: str, day: date) -> tuple[float, float]:
    """Return the underlying's range of a day, widened by 5 %."""
    stock = market.stock(symbol)
    assert stock is not None
    bars = market.truth(stock.con_id, "TRADES", whole(day))
    return 0.95 * float(min(bar.low for bar in bars)), 1.05 * float(max(bar.high for bar in bars))


def empty_ones(market: Market, symbol: str, day: date) -> set[int]:
    """Return the contracts that have no bar on a session."""
    return {option.con_id for option, bars, _ in bars_of(market, symbol, day) if not any(bars.values())}


@pytest.mark.parametrize(("seed", "day"), [(7, FRIDAY), (11, FRIDAY), (23, FRIDAY), (7, HALF_DAY)])
def test_the_shares_are_those_of_a_real_chain(seed: int, day: date) -> None:
    """A third to two thirds lack trades, 6 to 25 % bids, 1 to 2 % every bar; none of the latter is near the money."""
    market = calibrated(seed, day)
    slots = 45 if day == HALF_DAY else 81
    count = untraded = unbid = empty = dear = 0
    for symbol, every in (("SPY", 4), ("PLTR", 1), ("TSLA", 1)):
        low, high = reach(market, symbol, day)
        expected = slots - 3 * (symbol != "SPY")
        for option, bars, dearest in bars_of(market, symbol, day, every):
            count += 1
            untraded += not bars["TRADES"]
            unbid += not bars["BID"] and bars["ASK"] > 0
            dear += not bars["BID"] and dearest > 0.05
            empty += not any(bars.values())
            if bars["ASK"]:
                assert bars["ASK"] == expected
            assert bars["ASK"] or not low <= option.strike <= high, "empty near the money"
    assert count > 2_000
    assert 0.33 < untraded / count < 0.67
    assert 0.06 < unbid / count < 0.25
    assert 0.008 < empty / count < 0.022
    assert dear < 0.1 * unbid


def test_the_standard_market_is_quoted_all_day() -> None:
    """Without a name every contract has an ask in every slot, as before there was another market."""
    assert market_settings("standard") == MarketSettings()
    market = Market(7, SystemClock(at(FRIDAY)))
    asks = [bars["ASK"] for _, bars, _ in bars_of(market, "PLTR", FRIDAY)]
    assert len(asks) > 1_000
    assert set(asks) == {78}


def test_an_unknown_market_is_named() -> None:
    """The error lists those that exist."""
    with pytest.raises(KeyError, match="standard, calibrated"):
        market_settings("callibrated")


def test_empty_spells_last_a_few_sessions() -> None:
    """What is empty on a Wednesday mostly was the day before or is the day after, and is not for ever."""
    days = [date(2026, 11, day) for day in (9, 10, 11, 12, 13, 16, 17, 18, 19, 20)]
    markets = {day: calibrated(7, day) for day in days}
    empty = {day: empty_ones(markets[day], "TSLA", day) for day in days}
    alone = sum(
        con_id not in empty[before] | empty[after]
        for before, day, after in zip(days, days[1:], days[2:], strict=False)
        for con_id in empty[day]
    )
    assert sum(map(len, empty.values())) > 60
    assert alone < 0.25 * sum(map(len, empty.values()))
    assert not set.intersection(*empty.values())


def test_an_empty_contract_has_no_bar_of_any_kind_and_no_quote() -> None:
    """Whatever is asked for, in whatever bars and order, there is nothing; the truth says so, too."""
    market = calibrated(7, FRIDAY)
    empty = empty_ones(market, "TSLA", FRIDAY)
    assert empty
    for con_id in sorted(empty):
        for what in (*SERIES, "MIDPOINT", "BID_ASK"):
            for bar_s in (60, 300, 3600):
                assert market.history(con_id, what, *whole(FRIDAY), bar_s=bar_s) == ()
        assert [market.truth(con_id, what, whole(FRIDAY)) for what in SERIES] == [(), (), ()]
        quote = market.quote(con_id)
        assert (quote.bid, quote.ask, quote.last) == (None, None, None)


def test_a_bid_is_missing_only_where_little_is_asked() -> None:
    """At the close nobody bids for what is asked at 0.05 or less in nine of ten cases, as in the public chain."""
    market = calibrated(7, FRIDAY)
    quotes = [market.quote(one.con_id) for one in market.options("PLTR", date(2026, 12, 11))]
    asks = [float(quote.ask) for quote in quotes if quote.bid is None and quote.ask is not None]
    assert len(asks) > 5
    assert sum(ask <= 0.05 for ask in asks) >= 0.9 * len(asks)
    assert min(asks) >= 0.01


@pytest.mark.parametrize("name", MARKETS)
def test_some_contracts_are_listed_today(name: str) -> None:
    """A chain grows every day: what is listed today trades today and has no bar before."""
    market = Market(7, SystemClock(at(FRIDAY)), MARKETS[name])
    new = [one for one in market.options("SPY") if one.listed == FRIDAY]
    assert len(new) > 20
    month = (at(date(2026, 10, 20), 0), at(FRIDAY, 0))
    assert all(market.history(one.con_id, what, *month) == () for one in new for what in SERIES)
    assert sum(bool(market.history(one.con_id, "ASK", *whole(FRIDAY))) for one in new) > 0.9 * len(new)


@pytest.mark.parametrize("purge_days", [1, 2])
def test_contracts_are_forgotten_at_midnight_or_a_day_later(purge_days: int) -> None:
    """The memory of a market can be varied without drawing its bars again; the rest of it cannot."""
    near_midnight = SystemClock(datetime(2026, 11, 20, 23, 59, 58, tzinfo=NEW_YORK))
    market = Market(7, near_midnight, MARKETS["calibrated"])
    seen = market.remembering(purge_days=purge_days, quote_depth_days=30)
    expiring = market.options("PLTR", FRIDAY)
    assert len(seen.options("PLTR", FRIDAY)) == len(expiring) > 100
    after = Market(7, SystemClock(at(date(2026, 11, 21), 0)), MARKETS["calibrated"]).remembering(purge_days=purge_days)
    assert len(after.options("PLTR", FRIDAY)) == (0 if purge_days == 1 else len(expiring))
    assert market.settings.purge_days == 1
    with pytest.raises(ValueError, match="empty_share"):
        market.remembering(empty_share=1)


@pytest.mark.parametrize("beyond", [{"unbid_below": 6.0}, {"empty_share": 0.8}])
def test_figures_that_no_market_can_have_are_refused(beyond: dict[str, float]) -> None:
    """Bids missing below more than the asks that take their place, and spells longer than the time between them."""
    with pytest.raises(ValueError, match=next(iter(beyond))):
        Market(7, SystemClock(at(FRIDAY)), MarketSettings(**beyond))  # type: ignore[arg-type]  # figures
