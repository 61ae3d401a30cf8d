"""Whole expirations of simulated sessions: as the calculation takes them, and with their true volatilities."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from collector.domain.market_data.bars import Bar, whole
from collector.domain.market_data.instruments import OptionContract, Right, WhatToShow
from collector.domain.pricing.chain import ExpirationDay
from collector.simulator.exchange.series import SeriesArrays
from collector.simulator.exchange.valuation import smile
from collector.simulator.market import Market, Option, SimBar

Floats: TypeAlias = npt.NDArray[np.float64]
NEW_YORK = ZoneInfo("America/New_York")
SLOT_S = 300
_YEAR_S = 365 * 86_400


@dataclass(frozen=True)
class SimulatedDay:
    """One expiration on one session.

    options: by row. times: starts of the slots, epoch seconds. prices: as the calculation takes them. truth: the
    volatility at which each slot's end is priced.
    """

    options: list[Option]
    times: npt.NDArray[np.int64]
    prices: ExpirationDay
    truth: Floats


def hours(market: Market, symbol: str, day: date) -> tuple[datetime, datetime]:
    """Return open and close of a product's session."""
    close = market.product_close(symbol, day)
    assert close is not None
    return datetime.combine(day, time(9, 30), NEW_YORK), close


def simulated_day(market: Market, symbol: str, expiration: date, day: date) -> SimulatedDay:
    """Return every contract of an expiration on a session."""
    stock = market.stock(symbol)
    assert stock is not None
    opens, closes = hours(market, symbol, day)
    times = np.arange(int(opens.timestamp()), int(closes.timestamp()), SLOT_S)
    spot = np.full(len(times), np.nan)
    for bar in market.truth(stock.con_id, "TRADES", (opens, closes)):
        spot[(int(bar.time.timestamp()) - times[0]) // SLOT_S] = float(bar.close)
    years = (hours(market, symbol, expiration)[1].timestamp() - times - SLOT_S) / _YEAR_S
    drawn = market.expiration_day(symbol, expiration, day)
    options = [found for con_id in drawn if (found := market.option(con_id)) is not None]
    bid, ask, trade, volume = (_grid(drawn, times, *which) for which in _GRIDS)
    strike = np.array([float(option.strike) for option in options])
    prices = ExpirationDay(
        strike=strike,
        sign=np.array([1 if option.right == "C" else -1 for option in options]),
        spot=spot,
        years=years,
        present=np.isfinite(bid) | np.isfinite(ask) | np.isfinite(trade),
        bid=bid,
        ask=ask,
        trade=trade,
        volume=np.nan_to_num(volume),
        flags=np.zeros(bid.shape, dtype=np.int64),
    )
    level = np.array(
        [market.true_volatility(stock.con_id, opens + timedelta(seconds=int(at))) for at in times - times[0] + SLOT_S]
    )
    truth = smile.volatility(
        stock, level[None, :], spot[None, :], strike[:, None], years[None, :] + 0.0 * strike[:, None]
    )
    return SimulatedDay(options, times, prices, truth)


_GRIDS = (("BID", "close", 100.0), ("ASK", "close", 100.0), ("TRADES", "close", 100.0), ("TRADES", "volume", 1.0))


def _grid(
    drawn: Mapping[int, Mapping[str, SeriesArrays]], times: npt.NDArray[np.int64], what: str, name: str, scale: float
) -> Floats:
    grid = np.full((len(drawn), len(times)), np.nan)
    for row, series in enumerate(drawn.values()):
        bars = series[what]
        slots = (bars.time - times[0]) // SLOT_S
        inside = (slots >= 0) & (slots < len(times))
        grid[row, slots[inside]] = np.asarray(getattr(bars, name))[inside] / scale
    return grid


def bar_of(bar: SimBar, what: WhatToShow) -> Bar:
    """Return a bar as the collector has it."""
    prices = Bar(bar.time, whole(bar.open), whole(bar.high), whole(bar.low), whole(bar.close))
    if what is WhatToShow.TRADES:
        return prices._replace(volume=whole(bar.volume), bar_count=bar.count, vwap=whole(bar.wap))
    return prices


def bars_of(
    market: Market, con_id: int, span: tuple[datetime, datetime], *series: WhatToShow
) -> dict[WhatToShow, tuple[Bar, ...]]:
    """Return the true bars of some series of a span."""
    return {what: tuple(bar_of(bar, what) for bar in market.truth(con_id, what.value, span)) for what in series}


def contract_of(option: Option, id_: int = 0) -> OptionContract:
    """Return a simulated contract as the collector has it."""
    return OptionContract(
        option.symbol, option.con_id, option.expiration, option.strike, Right(option.right),
        trading_class=option.trading_class, id=id_,
    )  # fmt: skip
