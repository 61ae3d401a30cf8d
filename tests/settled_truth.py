"""Whether what is called settled is true: coverage and bars of a session against the simulator's truth, slot by slot.

Shares no code with the collector: it reads tables and market, and knows nothing of runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import asyncpg

from collector.simulator.market import Market

_NEW_YORK = ZoneInfo("America/New_York")
_SLOT_S = 300
_SERIES = ("TRADES", "BID", "ASK")
_QUARANTINED = {"TRADES": 1 << 7, "BID": 1 << 15, "ASK": 1 << 23}
_COLUMNS = {
    "TRADES": ("open", "high", "low", "close", "volume"),
    "BID": ("bid_open", "bid_high", "bid_low", "bid_close"),
    "ASK": ("ask_open", "ask_high", "ask_low", "ask_close"),
}


@dataclass(slots=True)
class Settled:
    """Slots of series of one session. wrong: settled, but not so. wrong_single: the same, by one witness, and known so.

    settled, single, expected: how many. unsettled: slots that are not settled, of contracts (by IB's number).
    """

    wrong: list[str] = field(default_factory=list)
    wrong_single: list[str] = field(default_factory=list)
    settled: int = 0
    single: int = 0
    expected: int = 0
    unsettled: dict[int, int] = field(default_factory=dict)


async def check(connection: asyncpg.Connection, market: Market, day: date, symbols: Sequence[str]) -> Settled:
    """Compare every settled slot of every selected contract of a session with the truth."""
    found = Settled()
    rows = await connection.fetch(
        """
        SELECT chain.id, chain.ib_con_id, underlying.symbol
        FROM option_chains AS chain
        JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
        JOIN underlying_securities AS underlying ON underlying.id = chain.underlying_id
        WHERE life.selected @> $1::date AND underlying.symbol = ANY($2::text[])
        """,
        day,
        list(symbols),
    )
    for row in rows:
        close = market.product_close(row["symbol"], day)
        assert close is not None
        opens = datetime(day.year, day.month, day.day, 9, 30, tzinfo=_NEW_YORK)
        await _contract(connection, market, row["id"], row["ib_con_id"], (opens, close), found)
    return found


async def _contract(
    connection: asyncpg.Connection,
    market: Market,
    contract_id: int,
    con_id: int,
    session: tuple[datetime, datetime],
    found: Settled,
) -> None:
    bars = {
        row["time"].timestamp(): row
        for row in await connection.fetch(
            "SELECT * FROM option_bars_5min WHERE contract_id = $1 AND time >= $2 AND time < $3", contract_id, *session
        )
    }
    coverage = {
        row["what_to_show"]: row
        for row in await connection.fetch("SELECT * FROM request_coverage WHERE contract_id = $1", contract_id)
    }
    first, last = (int(instant.timestamp()) for instant in session)
    for series in _SERIES:
        truth = {bar.time.timestamp(): bar for bar in market.truth(con_id, series, session)}
        ranges = coverage.get(series, {"settled": (), "single_witness": ()})
        for at in range(first, last, _SLOT_S):
            found.expected += 1
            if not _holds(ranges["settled"], at):
                found.unsettled[con_id] = found.unsettled.get(con_id, 0) + 1
                continue
            found.settled += 1
            single = _holds(ranges["single_witness"], at)
            found.single += single
            row = bars.get(at)
            if row is not None and row["flags"] & _QUARANTINED[series]:
                continue  # its trade is in quarantine, and says so
            stored = None if row is None else _values(row, series)
            expected = _expected(truth.get(at), series)
            if stored != expected:
                where = found.wrong_single if single else found.wrong
                where.append(f"{con_id} {series} {datetime.fromtimestamp(at, _NEW_YORK)}: {stored}, true {expected}")


def _holds(ranges: Sequence[asyncpg.Range], at: int) -> bool:
    return any(part.lower.timestamp() <= at < part.upper.timestamp() for part in ranges)


def _values(row: asyncpg.Record, series: str) -> tuple[Decimal, ...] | None:
    if row[_COLUMNS[series][3]] is None:
        return None
    return tuple(Decimal(row[name]) for name in _COLUMNS[series])


def _expected(bar: object, series: str) -> tuple[Decimal, ...] | None:
    if bar is None:
        return None
    names = ("open", "high", "low", "close", "volume")
    return tuple(Decimal(getattr(bar, name)) for name in (names if series == "TRADES" else names[:4]))
