"""Read what `collector status` shows.

What `collector status` shows: the day's runs, what each symbol has, what is missing, who is at work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from collector.db.bars import quality_checks
from collector.db.bars.quality_checks import RecordedQuality
from collector.db.bookkeeping import claims, coverage_table, dead_letters, session_statistics
from collector.db.bookkeeping import gaps_table as gaps
from collector.db.bookkeeping.coverage_table import Progress
from collector.db.bookkeeping.gaps_table import GapTotal
from collector.db.bookkeeping.session_statistics import Measured
from collector.db.connection.pool import Row, Statements
from collector.db.connection.statements import OF_UNDERLYINGS
from collector.domain.coverage.evidence import EmptySession
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span
from collector.domain.run_vocabulary import GapState, RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One attempt at a window, as its row says. duration_s in seconds, None while it runs."""

    id: int
    day: date
    window: str
    attempt: int
    status: RunStatus
    scheduled: datetime | None
    started_at: datetime
    completed_at: datetime | None
    heartbeat_at: datetime
    symbols: tuple[str, ...]
    contracts_requested: int
    contracts_successful: int
    bars_inserted: int
    bars_updated: int
    bars_identical: int
    errors: int
    rate_limit_hits: int
    duration_s: float | None
    error_details: Mapping[str, Any] | None
    progress: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBars:
    """Stored rows of one symbol in a span: contracts that have any, rows of both kinds, the first and the last."""

    symbol: str
    contracts: int
    option_bars: int
    underlying_bars: int
    first_bar: datetime
    last_bar: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolStatus:
    """One symbol on one session; `bars` is None while nothing is stored, `quality` while nothing was measured.

    gaps: of the session, those of the underlying's own series among them. own: how far the underlying's own bars have
    come, by data set; those of which nothing is expected on the session are absent.
    """

    symbol: str
    session: Session
    measured: Measured
    bars: SessionBars | None
    quality: RecordedQuality | None
    gaps: Mapping[GapState, GapTotal]
    own: Mapping[str, Progress]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The whole status page.

    implausible: what of the session looks emptier than it can be. lock_holder: the application name of who is at work,
    None when nobody is. uncounted: ids of runs that were cut off before what they brought was counted: gaps and quality
    are older. half_moved: whether bars of an earlier schema wait to be moved, and are not among those counted here.
    read_from: how the replica stands that was asked, None when it was the database itself.
    """

    day: date
    runs: tuple[RunRow, ...]
    symbols: tuple[SymbolStatus, ...]
    implausible: tuple[EmptySession, ...]
    gaps: Mapping[GapState, GapTotal]
    dead_letters: int
    lock_holder: str | None
    database_bytes: int
    uncounted: tuple[int, ...] = ()
    half_moved: bool = False
    read_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTotals:
    """What all attempts at one window that ended in one way came to: rows by what became of them, requests sent."""

    window: str
    status: RunStatus
    runs: int
    inserted: int
    updated: int
    identical: int
    requests: int
    rate_limit_hits: int
    last_completed: datetime | None


async def run_totals(db: Statements) -> list[RunTotals]:
    """Return what all attempts so far came to, by window and how they ended."""
    return [
        RunTotals(
            window=row["run_type"],
            status=RunStatus(row["status"]),
            runs=row["runs"],
            inserted=row["inserted"],
            updated=row["updated"],
            identical=row["identical"],
            requests=row["requests"],
            rate_limit_hits=row["rate_limit_hits"],
            last_completed=row["last_completed"],
        )
        for row in await db.fetch("run_totals")
    ]


async def runs_of(db: Statements, day: date) -> list[RunRow]:
    """Return every attempt at every window of a session date, in the order of their beginning."""
    return [_run(row) for row in await db.fetch("runs_of_day", day)]


async def latest_runs(
    db: Statements,
    limit: int = 20,
    *,
    before: int | None = None,
    run_window: str | None = None,
    status: RunStatus | None = None,
    symbol: str | None = None,
    day: date | None = None,
) -> list[RunRow]:
    """Return the latest attempts at windows, the last one first.

    Args:
        db: the database.
        limit: how many.
        before: only earlier ones than this run; None: all, as with what follows.
        run_window: of this window only.
        status: only those that stand or ended so.
        symbol: only those that were to collect it.
        day: of this session only.
    """
    rows = await db.fetch("latest_runs", limit, before, run_window, status, symbol, day)
    return [_run(row) for row in rows]


async def bars_in(db: Statements, span: Span) -> list[SessionBars]:
    """Return what is stored in a span, by symbol; symbols without rows are absent."""
    return [
        SessionBars(
            symbol=row["symbol"],
            contracts=row["contracts"],
            option_bars=row["option_bars"],
            underlying_bars=row["underlying_bars"],
            first_bar=row["first_bar"],
            last_bar=row["last_bar"],
        )
        for row in await db.fetch("bars_of_session", span.start, span.end)
    ]


async def database_bytes(db: Statements) -> int:
    """Return the size of the database on disk."""
    size: int = await db.fetchval("database_bytes")
    return size


async def lock_holder(db: Statements) -> str | None:
    """Return the application name of the session that holds the collection lock, None when nobody does."""
    row = await db.fetchrow("collection_lock_holder")
    return None if row is None else str(row["application_name"])


async def overview(
    db: Statements, day: date, sessions: Sequence[tuple[Underlying, Session, Sequence[WhatToShow]]]
) -> Overview:
    """Gather the status page.

    Args:
        db: the database.
        day: the session date whose runs are shown.
        sessions: the underlyings (with ids), each with its product's session of that day and the configured series of
            its options.
    """
    symbols = []
    recorded = await quality_checks.recorded(db, day)
    for underlying, session, series in sessions:
        own = {one: await coverage_table.progress(db, one, underlying.id, [session]) for one in OF_UNDERLYINGS}
        stored = {found.symbol: found for found in await bars_in(db, session.span)}
        symbols.append(
            SymbolStatus(
                symbol=underlying.symbol,
                session=session,
                measured=await session_statistics.measure(db, OPTION_BARS_5MIN, underlying.id, session, series),
                bars=stored.get(underlying.symbol),
                quality=recorded.get(underlying.symbol),
                gaps=await gaps.totals(db, [underlying.symbol], session.open, session.close),
                own={one.name: found for one in OF_UNDERLYINGS if (found := own[one]).expected},
            )
        )
    return Overview(
        day=day,
        runs=tuple(await runs_of(db, day)),
        symbols=tuple(symbols),
        implausible=tuple(await claims.implausible(db, day)),
        gaps=await gaps.totals(db),
        dead_letters=len(await dead_letters.due(db)),
        lock_holder=await lock_holder(db),
        database_bytes=await database_bytes(db),
        half_moved=await db.fetchval("has_decimals"),
    )


def _run(row: Row) -> RunRow:
    duration = row["duration_seconds"]
    return RunRow(
        id=row["id"],
        day=row["run_date"],
        window=row["run_type"],
        attempt=row["attempt"],
        status=RunStatus(row["status"]),
        scheduled=row["scheduled_time"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        heartbeat_at=row["heartbeat_at"],
        symbols=tuple(row["symbols_requested"]),
        contracts_requested=row["contracts_requested"],
        contracts_successful=row["contracts_successful"],
        bars_inserted=row["bars_collected"],
        bars_updated=row["bars_updated"],
        bars_identical=row["bars_skipped"],
        errors=row["errors"],
        rate_limit_hits=row["rate_limit_hits"],
        duration_s=None if duration is None else float(duration),
        error_details=row["error_details"],
        progress=row["progress"],
    )
