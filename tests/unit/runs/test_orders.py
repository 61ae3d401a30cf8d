"""Which kinds of bars an order collects, by its window and the configuration."""

from datetime import UTC, date, datetime

import pytest

from collector.config import Settings, SymbolSettings
from collector.domain.errors import UsageError
from collector.domain.market_data.data_sets import (
    OPTION_BARS_5MIN,
    UNDERLYING_BARS_1DAY,
    UNDERLYING_BARS_1MIN,
    UNDERLYING_BARS_5MIN,
)
from collector.domain.run_vocabulary import Window
from collector.market.calendar import Calendar
from collector.runs.orders import backfill_order, collected_by, history_of, order_for

EVENING = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)
WITH_MINUTES = Settings(underlying_bars=("5 mins", "1 min"))


def test_bars_of_a_day_have_their_own_window() -> None:
    """Every other window collects options and what is shorter than a day."""
    assert collected_by(Window.DAILY_BARS, Settings()) == (UNDERLYING_BARS_1DAY,)
    assert collected_by(Window.EOD, Settings()) == (OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN)
    assert collected_by(Window.MORNING, WITH_MINUTES) == (OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN, UNDERLYING_BARS_1MIN)
    with pytest.raises(UsageError, match="no bars of a day are collected"):
        order_for(Window.DAILY_BARS, WITH_MINUTES, Calendar(), EVENING)


def test_a_symbol_of_its_own_kinds_counts() -> None:
    """What one symbol alone collects is collected."""
    own = SymbolSettings(symbol="TSLA", data_sets=("underlying_bars_5min", "underlying_bars_1min"))
    settings = Settings(symbols=(SymbolSettings(symbol="SPY"), own), underlying_bars=("5 mins",))
    assert settings.data_sets == (OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN, UNDERLYING_BARS_1MIN)
    assert settings.data_sets_for("SPY") == (OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN)


def test_a_backfill_of_ten_years() -> None:
    """One session a day, of one kind of bars, back to the session ten years before."""
    data_set = history_of("underlying_bars_1day", Settings())
    order = backfill_order(Settings(), Calendar(), EVENING, 3650, data_set=data_set)
    assert (order.data_sets, order.underlying_bars, order.option_bars) == ((data_set,), (data_set,), ())
    assert order.sessions_back == len(Calendar().days(date(2016, 11, 22), date(2026, 11, 20))) - 1


@pytest.mark.parametrize("name", ["option_bars_5min", "underlying_bars_1min", "tea"])
def test_only_what_is_collected_of_underlyings_has_a_history(name: str) -> None:
    """Options go by their own chains; what is not configured, or is no kind of bars, is refused with what there is."""
    with pytest.raises(UsageError, match="no kind of bars of underlyings") as raised:
        history_of(name, Settings())
    assert "underlying_bars_5min, underlying_bars_1day" in raised.value.hint
