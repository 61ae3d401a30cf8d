from datetime import UTC, date, datetime
from decimal import Decimal

from collector.archive import bar_schemas
from collector.archive.exports.daily_bars import SCHEMA, daily
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from tests.support.archived_bars import line, session

DAY, NEXT = date(2026, 11, 24), date(2026, 11, 25)


def test_a_day_is_summed_up() -> None:
    """Trades make prices and volume; the last known quotes, volatility and interest are the closing ones."""

    def bar(day: date, hour: int, contract: int = 7, **values: object) -> bytes:
        at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        return line(OPTION_BARS_5MIN, time=at, contract_id=contract, **values)

    text = b"".join(
        [
            bar(DAY, 15, bid_close=90, ask_close=95, open_interest=11),
            bar(DAY, 16, open=100, up=5, down=1, close=103, volume=4, bar_count=2, implied_volatility=2_500, delta=-10),
            bar(DAY, 17, open=99, up=0, down=9, close=98, volume=6, bar_count=3, has_gaps=True, bid_close=97),
            bar(DAY, 18, volume=0),
            bar(NEXT, 15, ask_close=1),
            bar(DAY, 15, contract=8, open=1, up=0, down=0, close=1),
        ]
    )
    found = daily(bar_schemas.table(OPTION_BARS_5MIN, text)).to_pylist()
    assert [(row["contract_id"], row["session_date"]) for row in found] == [(7, DAY), (7, NEXT), (8, DAY)]
    assert found[0] == {
        "time": datetime(2026, 11, 24, 18, tzinfo=UTC),
        "contract_id": 7,
        "session_date": DAY,
        "open": Decimal("1.00"),
        "high": Decimal("1.08"),
        "low": Decimal("0.89"),
        "close": Decimal("0.98"),
        "volume": 10,
        "bar_count": 5,
        "bid_close": Decimal("0.97"),
        "ask_close": Decimal("0.95"),
        "implied_volatility": Decimal("0.25"),
        "delta": Decimal("-0.001"),
        "open_interest": 11,
        "has_gaps": True,
    }
    assert {name for name, value in found[1].items() if value is None} == {
        "open", "high", "low", "close", "volume", "bar_count", "bid_close", "implied_volatility", "delta",
        "open_interest",
    }  # fmt: skip


def test_days_are_those_of_plain_loops() -> None:
    """A week of random bars gives what a loop over the rows gives."""
    bars = bar_schemas.table(OPTION_BARS_5MIN, session(DAY, range(1, 40)))
    found = daily(bars)
    assert found.schema.equals(SCHEMA)
    rows = bars.to_pylist()
    for day in found.to_pylist():
        own = [row for row in rows if row["contract_id"] == day["contract_id"]]
        traded = [row for row in own if row["close"] is not None]
        assert day["high"] == max((row["high"] for row in traded), default=None)
        assert day["low"] == min((row["low"] for row in traded), default=None)
        assert day["open"] == (traded[0]["open"] if traded else None)
        assert day["close"] == (traded[-1]["close"] if traded else None)
        assert day["volume"] == (sum(row["volume"] for row in traded) if traded else None)
        assert day["bid_close"] == own[-1]["bid_close"]
        assert day["delta"] == [row["delta"] for row in own if row["delta"] is not None][-1]
