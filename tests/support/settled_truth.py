"""Whether what is called settled is true: coverage and bars of a session against the simulator's truth, slot by slot.

Shares no code with the collector: it reads tables and market, and knows nothing of runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import asyncpg

from collector.simulator.market import Market

_NEW_YORK = ZoneInfo("America/New_York")
_SLOT_S = 300
_NAMES = ("open", "high", "low", "close")


class _Kind(NamedTuple):
    """Where bars of one kind of instrument stand: table, key, columns and quarantine's bit by series."""

    table: str
    key: str
    columns: Mapping[str, tuple[str, ...]]
    quarantined: Mapping[str, int]


_OPTION = _Kind(
    "option_bars_5min",
    "contract_id",
    {
        "TRADES": ("open", "high", "low", "close"),
        "BID": ("bid_open", "bid_high", "bid_low", "bid_close"),
        "ASK": ("ask_open", "ask_high", "ask_low", "ask_close"),
    },
    {"TRADES": 1 << 7, "BID": 1 << 15, "ASK": 1 << 23},
)
_UNDERLYING = _Kind(
    "underlying_bars_5min",
    "underlying_id",
    {"TRADES": ("open", "high", "low", "close"), "OPTION_IMPLIED_VOLATILITY": ("implied_volatility",)},
    {"TRADES": 1 << 7, "OPTION_IMPLIED_VOLATILITY": 1 << 15},
)


@dataclass(slots=True)
class Settled:
    """Slots of series of one session, the underlyings' own included.

    wrong: settled, but not so. wrong_single: the same, by one witness, and known so. settled, single, expected: how
    many; own: settled of the underlyings; series: of how many series. refused: settled with a bar in quarantine.
    unsettled: slots that are not settled, by instrument (IB's number).
    """

    wrong: list[str] = field(default_factory=list)
    wrong_single: list[str] = field(default_factory=list)
    settled: int = 0
    single: int = 0
    expected: int = 0
    series: int = 0
    refused: int = 0
    own: int = 0
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
    opens = datetime(day.year, day.month, day.day, 9, 30, tzinfo=_NEW_YORK)
    for row in rows:
        close = market.product_close(row["symbol"], day)
        assert close is not None
        await _instrument(connection, market, _OPTION, row["id"], row["ib_con_id"], (opens, close), found)
    rows = await connection.fetch("SELECT id, ib_con_id, symbol FROM underlying_securities")
    options = found.settled
    for row in rows:
        close = market.product_close(row["symbol"], day)
        assert close is not None
        await _instrument(connection, market, _UNDERLYING, row["id"], row["ib_con_id"], (opens, close), found)
    found.own = found.settled - options
    return found


async def _instrument(
    connection: asyncpg.Connection,
    market: Market,
    kind: _Kind,
    id_: int,
    con_id: int,
    session: tuple[datetime, datetime],
    found: Settled,
) -> None:
    bars = {
        row["time"].timestamp(): row
        for row in await connection.fetch(
            f"SELECT * FROM {kind.table} WHERE {kind.key} = $1 AND time >= $2 AND time < $3",  # noqa: S608 - see _Kind
            id_,
            *session,
        )
    }
    coverage = {
        row["what_to_show"]: row
        for row in await connection.fetch(
            f"SELECT * FROM request_coverage WHERE {kind.key} = $1",  # noqa: S608
            id_,
        )
    }
    first, last = (int(instant.timestamp()) for instant in session)
    for series, columns in kind.columns.items():
        found.series += 1
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
            if row is not None and row["flags"] & kind.quarantined[series]:
                found.refused += 1
                continue  # its bar is in quarantine, and says so
            stored = None if row is None or row[columns[-1]] is None else tuple(map(row.get, columns))
            bar = truth.get(at)
            names = _NAMES if len(columns) > 1 else ("close",)
            expected = None if bar is None else tuple(_kept(getattr(bar, name)) for name in names[: len(columns)])
            if stored != expected:
                where = found.wrong_single if single else found.wrong
                where.append(f"{con_id} {series} {datetime.fromtimestamp(at, _NEW_YORK)}: {stored}, true {expected}")


def _kept(value: Decimal) -> Decimal:
    """Return a value as PostgreSQL keeps it: with four decimals, halves away from zero."""
    return value.quantize(Decimal("0.0001"), ROUND_HALF_UP)


def _holds(ranges: Sequence[asyncpg.Range], at: int) -> bool:
    return any(part.lower.timestamp() <= at < part.upper.timestamp() for part in ranges)
