from datetime import date

import pytest

from collector.archive import layout
from collector.archive.layout import Period
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_1DAY, DataSet

DAY = date(2026, 11, 25)


def test_paths_are_those_that_the_pages_show() -> None:
    """A session, a month and a year of daily bars lie where the documentation says."""
    assert [
        layout.session_path(OPTION_BARS_5MIN, "SPY", DAY),
        layout.month_path(OPTION_BARS_5MIN, "SPY", DAY),
        layout.year_path(UNDERLYING_BARS_1DAY, "SPY", DAY),
    ] == [
        "option_bars_5min/v1/symbol=SPY/2026-11-25.parquet",
        "option_bars_5min/v1/symbol=SPY/2026-11.parquet",
        "underlying_bars_1day/v1/symbol=SPY/2026.parquet",
    ]


@pytest.mark.parametrize("symbol", ["SPY", "BRK B", "../ES=F", "^SPX", "ÄÖ%", "nifty 50"])
@pytest.mark.parametrize("data_set", [OPTION_BARS_5MIN, UNDERLYING_BARS_1DAY])
def test_a_path_tells_what_its_object_holds(symbol: str, data_set: DataSet) -> None:
    """Data set, symbol and days come back from each kind of path, and no symbol leaves its folder."""
    paths = [build(data_set, symbol, DAY) for build in (layout.session_path, layout.month_path, layout.year_path)]
    assert [layout.parse(path) for path in paths] == [
        Period(data_set.name, symbol, DAY, DAY),
        Period(data_set.name, symbol, date(2026, 11, 1), date(2026, 11, 30)),
        Period(data_set.name, symbol, date(2026, 1, 1), date(2026, 12, 31)),
    ]
    assert all(path.count("/") == 3 for path in paths)


@pytest.mark.parametrize(
    "path",
    [
        layout.CONTRACTS,
        "",
        "option_bars_5min/v1/symbol=SPY/2026-13.parquet",
        "option_bars_5min/v1/symbol=SPY/2026-02-30.parquet",
        "option_bars_5min/v1/symbol=SPY/2026-11-25.parquet.tmp",
        "option_bars_5min/v1/SPY/2026-11-25.parquet",
        "quotes/v1/symbol=SPY/2026-11-25.parquet",
        "a/option_bars_5min/v1/symbol=SPY/2026-11-25.parquet",
        "option_bars_5min/v1/symbol=SPY/0000.parquet",
    ],
)
def test_other_paths_are_nobody_s_bars(path: str) -> None:
    """What is no path of bars is told by None."""
    assert layout.parse(path) is None
