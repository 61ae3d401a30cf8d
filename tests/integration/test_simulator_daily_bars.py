"""Daily and 1-minute bars of the simulated gateway, as the real ib_async client gets them over a socket."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import ib_async
import pytest

from collector.simulator.market import Dividend, MarketSettings, Split
from collector.simulator.server import Gateway
from tests.support.fixtures_simulator import GatewayClient as Client
from tests.support.waiting import until

NEW_YORK = ZoneInfo("America/New_York")
SPY = ib_async.Contract(conId=756733, exchange="SMART")
TSLA = ib_async.Contract(conId=76792991, exchange="SMART")
VIX = ib_async.Contract(conId=13455763, exchange="CBOE")
FRIDAY = date(2026, 11, 20)
ACTIONS = MarketSettings(
    corporate_actions=(Split("TSLA", FRIDAY, 3), Dividend("TSLA", date(2026, 8, 14), Decimal("1.25")))
)


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[Client]:
    """A connected client."""
    ib = Client()
    await ib.connectAsync(gateway.host, gateway.port, clientId=11, readonly=True)
    yield ib
    ib.disconnect()


async def bars_of(
    client: Client,
    contract: ib_async.Contract,
    duration: str,
    *,
    bar_size: str = "1 day",
    series: str = "TRADES",
    end: str = "",
    use_rth: bool = True,
    format_date: int = 2,
) -> list[ib_async.BarData]:
    """Return what the client gets."""
    return list(
        await client.reqHistoricalDataAsync(contract, end, duration, bar_size, series, use_rth, format_date, timeout=60)
    )


def shown(bars: list[ib_async.BarData]) -> dict[object, tuple[float, ...]]:
    """Return date -> open, high, low, close, volume, average and count of bars."""
    return {bar.date: (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.average, bar.barCount) for bar in bars}


def true_bars(gateway: Gateway, contract: ib_async.Contract, series: str) -> dict[object, tuple[float, ...]]:
    """Return the market's truth of ten years in the same shape."""
    truth = gateway.market.daily_truth(contract.conId, series, date(2016, 11, 21), FRIDAY)
    return {day: (*map(float, bar[1:7]), bar.count) for day, bar in truth.items()}


@pytest.mark.parametrize("series", ["TRADES", "ADJUSTED_LAST"])
@pytest.mark.parametrize("contract", [SPY, VIX], ids=["stock", "index"])
async def test_ten_years_come_in_one_answer(
    gateway: Gateway, client: Client, contract: ib_async.Contract, series: str
) -> None:
    """Ten years are an answer of 2,514 bars, dated by their sessions, and equal to the truth, value by value."""
    bars = await bars_of(client, contract, "10 Y", series=series)
    assert (bars[0].date, bars[-1].date, len(bars)) == (date(2016, 11, 21), FRIDAY, 2514)
    assert shown(bars) == true_bars(gateway, contract, series)


@pytest.mark.parametrize("format_date", [1, 2])
async def test_they_are_dated_by_the_session(client: Client, format_date: int) -> None:
    """Whatever date format is asked for, a daily bar has a date and no time; Saturday and Sunday have none."""
    bars = await bars_of(client, SPY, "6 D", format_date=format_date)
    assert [bar.date for bar in bars] == [date(2026, 11, day) for day in (13, 16, 17, 18, 19, 20)]


@pytest.mark.parametrize(
    ("duration", "sessions"), [("1 D", 1), ("5 D", 5), ("365 D", 365), ("2 W", 10), ("1 M", 23), ("1 Y", 251)]
)
async def test_durations(client: Client, duration: str, sessions: int) -> None:
    """Days count sessions; weeks, months and years go back by the calendar."""
    assert len(await bars_of(client, SPY, duration)) == sessions


async def test_use_rth_is_as_asked(client: Client) -> None:
    """SPY's day without useRTH goes on until 16:15."""
    (regular,), (whole,) = [await bars_of(client, SPY, "1 D", use_rth=use_rth) for use_rth in (True, False)]
    assert whole.volume > regular.volume
    assert whole.close != regular.close


async def test_an_explicit_end_bounds_them(client: Client) -> None:
    """TRADES can be asked up to an earlier day, which is how one would page backwards."""
    bars = await bars_of(client, SPY, "3 D", end="20261113-00:00:00")
    assert [bar.date for bar in bars] == [date(2026, 11, day) for day in (10, 11, 12)]


@pytest.mark.gateway(at=datetime(2026, 11, 20, 9, 20, tzinfo=NEW_YORK))
async def test_there_is_none_of_today_before_the_open(client: Client) -> None:
    """At 9:20 the last bar is Thursday's."""
    assert (await bars_of(client, SPY, "1 W"))[-1].date == date(2026, 11, 19)


@pytest.mark.gateway(at=datetime(2026, 11, 20, 11, 30, 30, tzinfo=NEW_YORK))
async def test_todays_bar_is_forming(client: Client) -> None:
    """At 11:30 today's bar is the sum of the two hours that have passed."""
    today = (await bars_of(client, SPY, "1 D"))[-1]
    minutes = await bars_of(client, SPY, "1 D", bar_size="1 min")
    assert (today.date, len(minutes)) == (FRIDAY, 120)
    assert (today.open, today.close) == (minutes[0].open, minutes[-1].close)
    assert today.high == max(bar.high for bar in minutes)
    assert today.low == min(bar.low for bar in minutes)
    assert today.volume == sum(bar.volume for bar in minutes)


async def test_minutes_agree_with_slots(client: Client) -> None:
    """Five 1-minute bars are a 5-minute bar; one answer holds a day of them, however much was asked for."""
    minutes = await bars_of(client, SPY, "1 D", bar_size="1 min")
    slots = await bars_of(client, SPY, "1 D", bar_size="5 mins")
    assert (len(minutes), len(slots)) == (390, 78)
    for slot, first in zip(slots, range(0, 390, 5), strict=True):
        part = minutes[first : first + 5]
        assert slot.date == part[0].date
        assert (slot.open, slot.close) == (part[0].open, part[-1].close)
        assert slot.high == max(bar.high for bar in part)
        assert slot.low == min(bar.low for bar in part)
        assert (slot.volume, slot.barCount) == (sum(bar.volume for bar in part), sum(bar.barCount for bar in part))
    assert shown(await bars_of(client, SPY, "1 W", bar_size="1 min")) == shown(minutes)


async def test_minutes_have_no_rules_of_small_bars(gateway: Gateway, client: Client) -> None:
    """The same request for 1-minute bars seven times in a row is no pacing violation."""
    for _ in range(7):
        assert len(await bars_of(client, SPY, "1 D", bar_size="1 min")) == 390
    assert gateway.log.violations == []


@pytest.mark.gateway(at=datetime(2026, 11, 22, 12, 0, tzinfo=NEW_YORK))
async def test_a_day_of_minutes_on_a_sunday_is_fridays(client: Client) -> None:
    """A day is the last session, also when it lies further back than 24 hours."""
    minutes = await bars_of(client, SPY, "1 D", bar_size="1 min")
    assert minutes[0].date == datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    assert len(minutes) == 390


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"end": "20261119 21:00:00 UTC", "series": "ADJUSTED_LAST"}, "End date not supported with adjusted last"),
        ({"bar_size": "1 week", "series": "ADJUSTED_LAST"}, "Multi day bar size not supported with adjusted last"),
        ({"duration": "366 D"}, "longer than 365 days must be made in years"),
        ({"duration": "53 W"}, "longer than 52 weeks must be made in years"),
        ({"duration": "13 M"}, "longer than 12 months must be made in years"),
        ({"duration": "69 Y"}, "duration is invalid"),
    ],
)
async def test_what_ib_refuses_is_321(client: Client, asked: dict[str, str], words: str) -> None:
    """The words tell which rule was broken; ib_async goes on waiting, as after any 321."""
    given = {"duration": "1 M", "bar_size": "1 day", "series": "TRADES", "end": ""} | asked
    waiting = asyncio.create_task(
        client.reqHistoricalDataAsync(
            SPY, given["end"], given["duration"], given["bar_size"], given["series"], useRTH=True, timeout=60
        )
    )
    await until(lambda: 321 in client.codes(), "error 321")
    assert [words in text for _, code, text in client.told if code == 321] == [True]
    assert not waiting.done()
    waiting.cancel()


async def test_the_head_of_a_stock_is_its_first_daily_bar(client: Client) -> None:
    """ReqHeadTimeStamp tells how far back the longest request reaches."""
    head = await client.reqHeadTimeStampAsync(SPY, "TRADES", True, 2)
    assert head == datetime(2010, 1, 4, 14, 30, tzinfo=UTC)
    assert (await bars_of(client, SPY, "20 Y"))[0].date == date(2010, 1, 4)


@pytest.mark.gateway(market=ACTIONS, at=datetime(2026, 11, 20, 9, 29, tzinfo=NEW_YORK))
async def test_before_a_split(gateway: Gateway, client: Client) -> None:
    """A minute before the ex-date's open nothing is adjusted but for the earlier dividend, in ADJUSTED_LAST alone."""
    plain = Gateway(type(gateway.market)(7, gateway.clock), gateway.clock)
    trades = shown(await bars_of(client, TSLA, "10 Y"))
    adjusted = shown(await bars_of(client, TSLA, "10 Y", series="ADJUSTED_LAST"))
    assert trades == true_bars(plain, TSLA, "TRADES")
    assert adjusted == true_bars(gateway, TSLA, "ADJUSTED_LAST")
    assert {day: bar for day, bar in adjusted.items() if day in trades and bar == trades[day]}.keys() == {
        day for day in trades if isinstance(day, date) and day >= date(2026, 8, 14)
    }


@pytest.mark.gateway(market=ACTIONS, at=datetime(2026, 11, 20, 17, 0, tzinfo=NEW_YORK))
async def test_after_a_split(gateway: Gateway, client: Client) -> None:
    """The same requests on the evening of the ex-date: a third of the prices, three times the volume."""
    plain = Gateway(type(gateway.market)(7, gateway.clock), gateway.clock)
    trades = shown(await bars_of(client, TSLA, "10 Y"))
    adjusted = shown(await bars_of(client, TSLA, "10 Y", series="ADJUSTED_LAST"))
    traded = true_bars(plain, TSLA, "TRADES")
    assert trades.keys() == adjusted.keys() == traded.keys()
    for day in traded:
        assert trades[day][3] == pytest.approx(traded[day][3] / 3, abs=0.0051 if day == FRIDAY else 0.00006)
        assert trades[day][4] == adjusted[day][4] == 3 * traded[day][4]
    kept = 1 - 1.25 / traded[date(2026, 8, 13)][3]
    early = date(2020, 3, 16)
    assert adjusted[early][:4] == pytest.approx([one / 3 * kept for one in traded[early][:4]], abs=0.00006)
    assert trades == true_bars(gateway, TSLA, "TRADES")
    assert adjusted == true_bars(gateway, TSLA, "ADJUSTED_LAST")
