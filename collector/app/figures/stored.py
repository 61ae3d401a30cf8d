"""Figures of the tables, for metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from collector.config import Settings
from collector.db.bookkeeping import claims, session_statistics
from collector.db.bookkeeping import gaps_table as gap_store
from collector.db.bookkeeping.gaps_table import GapTotal
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables
from collector.db.readers import day_status
from collector.db.readers.day_status import RunTotals
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.run_vocabulary import GapState
from collector.market.calendar import Calendar
from collector.runs.uncounted import uncounted


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the tables say. completeness: by symbol, of its last completed session, fraction of 1.

    uncounted: runs that were cut off before what they brought was counted among the gaps. awaiting: series that await a
    second empty answer, and sessions_awaiting the sessions that they are of. implausible: sessions that look emptier
    than they can be.
    """

    runs: tuple[RunTotals, ...]
    completeness: Mapping[str, float]
    gaps: Mapping[GapState, GapTotal]
    database_bytes: int
    uncounted: int = 0
    awaiting: int = 0
    sessions_awaiting: int = 0
    implausible: int = 0


async def gather(db: Database, settings: Settings, calendar: Calendar, now: datetime) -> Figures:
    """Read the figures from the tables.

    Raises:
        DatabaseError: they cannot be read.
    """
    completeness = {}
    for underlying in await contract_tables.underlyings(db):
        session = calendar.last_completed(now, underlying.symbol)
        series = settings.series_for(underlying.symbol)
        measured = await session_statistics.measure(db, OPTION_BARS_5MIN, underlying.id, session, series)
        if measured.completeness is not None:
            completeness[underlying.symbol] = measured.completeness
    awaited = await claims.awaited(db)
    return Figures(
        runs=tuple(await day_status.run_totals(db)),
        completeness=completeness,
        gaps=await gap_store.totals(db),
        database_bytes=await day_status.database_bytes(db),
        uncounted=len(await uncounted(db, now)),
        awaiting=sum(one.claims for one in awaited),
        sessions_awaiting=len(awaited),
        implausible=len({one.session for one in await claims.implausible(db)}),
    )
