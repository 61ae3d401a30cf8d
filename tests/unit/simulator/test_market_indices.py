"""The simulated VIX: SPY's volatility in points."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from collector.clock import SystemClock
from collector.simulator.market import Market, MarketSettings

VIX, SPY = 13455763, 756733
OPENED = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
CLOSED = datetime(2026, 11, 20, 21, 15, tzinfo=UTC)


def market(at: datetime, symbols: tuple[str, ...] = ("SPY", "TSLA")) -> Market:
    """Return the market of seed 7 at an instant."""
    return Market(7, SystemClock(at), MarketSettings(symbols=symbols))


def test_it_is_a_hundred_times_spys_volatility() -> None:
    """Bar for bar, to the hundredth of a point; nothing trades in it, and it has no other series."""
    later = market(CLOSED + timedelta(hours=1))
    bars = later.truth(VIX, "TRADES", (OPENED, CLOSED))
    volatilities = later.truth(SPY, "OPTION_IMPLIED_VOLATILITY", (OPENED, CLOSED))
    assert len(bars) == len(volatilities) == 81
    for bar, volatility in zip(bars, volatilities, strict=True):
        assert bar.time == volatility.time
        assert abs(bar.close / 100 - volatility.close) <= Decimal("0.0001")
        assert bar.low <= bar.close <= bar.high
        assert bar.volume == bar.wap == 0
    assert later.history(VIX, "BID", OPENED, CLOSED) == ()
    assert later.history(VIX, "OPTION_IMPLIED_VOLATILITY", OPENED, CLOSED) == ()


def test_it_forms_like_everything_else() -> None:
    """At noon its last bar is still forming, and it is the same as what the whole session shows."""
    noon = OPENED + timedelta(hours=2, minutes=2)
    bars = market(noon).history(VIX, "TRADES", OPENED, CLOSED)
    assert [len(bars), bars[-1].time] == [25, OPENED + timedelta(hours=2)]
    whole = market(CLOSED).truth(VIX, "TRADES", (OPENED, CLOSED))
    assert bars[:-1] == whole[:24]


def test_without_spy_there_is_none() -> None:
    """It belongs to SPY's market."""
    assert market(CLOSED, ("TSLA",)).indices == ()
    assert market(CLOSED, ("TSLA",)).history(VIX, "TRADES", OPENED, CLOSED) == ()
