"""Find the bars among an earlier system's ticks.

The tables `stock_data_ticks` and `market_data_ticks` hold whatever their programs had: ticks as they came, quotes that
were computed, bars of several sizes. What can be seen to be a bar of 5 minutes is adopted; the rest is counted.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from collector.db.connection.locks import Lock
from collector.db.schema.timescale import Session
from collector.domain.market_data.instruments import UNDERLYING_SERIES
from collector.market.calendar import Calendar


class Unfit(StrEnum):
    """Why rows of an earlier table are left aside."""

    NO_BAR = "no_bar"
    COMPUTED_QUOTE = "computed_quote"
    OFF_GRID = "off_grid"
    OTHER_SIZE = "other_size"
    OUTSIDE_SESSION = "outside_session"
    IMPOSSIBLE = "impossible"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class LeftAside:
    """Rows of an earlier table that were not adopted, with the one reason that they have."""

    table: str
    reason: Unfit
    rows: int


async def adopt_ticks(session: Session, aside: Sequence[str], calendar: Calendar, lock: Lock) -> tuple[LeftAside, ...]:
    """Adopt the 5-minute bars among the ticks that were set aside; return what was left, by table and reason.

    A day at a time, so that an interruption loses a day's work at most.

    Args:
        session: of the tables' owner.
        aside: the names of the earlier tables.
        calendar: whose sessions bars lie in.
        lock: kept meanwhile.
    """
    left: Counter[tuple[str, Unfit]] = Counter()
    if "stock_data_ticks" in aside:
        known, series = [row["symbol"] for row in await session.fetch("adopt/symbols")], list(UNDERLYING_SERIES)
        for row in await session.fetch("adopt/days_of_stock_data_ticks"):
            await lock.keep()
            day = row["day"]
            symbols = known if calendar.is_session(day) else []
            sessions = [calendar.session(symbol, day) for symbol in symbols]
            opens, closes = [one.open for one in sessions], [one.close for one in sessions]
            async with session.transaction():
                found = await session.fetch("adopt/stock_data_ticks", day, symbols, opens, closes, series)
            left.update({("stock_data_ticks", Unfit(one["reason"])): one["rows"] for one in found})
    if "market_data_ticks" in aside:
        await lock.keep()
        found = await session.fetch("adopt/market_data_ticks")
        left.update({("market_data_ticks", Unfit(one["reason"])): one["rows"] for one in found})
    return tuple(LeftAside(table, reason, rows) for (table, reason), rows in sorted(left.items()) if rows)
