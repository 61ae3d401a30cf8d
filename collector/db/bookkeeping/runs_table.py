"""Record each attempt at a window.

Every attempt at a window, with its heartbeat and its end; and how a session date stands by symbol.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from collector.db.connection.pool import Statements
from collector.domain.pacing.forecast import PastPace
from collector.domain.run_vocabulary import RunStatus, Window

ALL_SYMBOLS = "ALL"
"""Stands in `daily_collection_status.symbol` for the whole window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run about to begin. day: the session's date. duration: the span asked for, in a person's words."""

    window: Window
    day: date
    symbols: Sequence[str]
    started_at: datetime
    scheduled: datetime | None = None
    duration: str | None = None
    bar_size: str = "5 mins"
    forced: bool = False
    host: str = ""
    process_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run ended: rows by what became of them, errors (requests given up on), pacing errors, details as JSON."""

    status: RunStatus
    completed_at: datetime
    contracts_requested: int = 0
    contracts_successful: int = 0
    bars_inserted: int = 0
    bars_updated: int = 0
    bars_identical: int = 0
    errors: int = 0
    rate_limit_hits: int = 0
    error_details: Mapping[str, Any] | None = None
    progress: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class InterruptedRun:
    """A run whose process died; it was alive at `heartbeat_at`."""

    id: int
    day: date
    window: str
    attempt: int
    host: str
    process_id: int | None
    heartbeat_at: datetime


@dataclass(frozen=True, slots=True)
class Uncounted:
    """A run that ended before what it brought was counted, and the days that it asked about of one underlying."""

    run_id: int
    underlying_id: int
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyStatus:
    """How one session date's collection of one kind (the window) stands for a symbol, or for ALL_SYMBOLS."""

    day: date
    symbol: str
    collection_type: str
    started_at: datetime
    status: RunStatus
    due: datetime | None = None
    completed_at: datetime | None = None
    records: int = 0
    error_message: str | None = None
    timezone: str = "America/New_York"


async def open_run(db: Statements, run: NewRun) -> int:
    """Record a run as running, as the next attempt at its window, and return its id."""
    run_id: int = await db.fetchval(
        "open_run",
        run.day,
        run.window.value,
        run.scheduled,
        run.started_at,
        list(run.symbols),
        run.duration,
        run.bar_size,
        run.forced,
        run.host,
        run.process_id,
    )
    return run_id


async def heartbeat(db: Statements, run_id: int, now: datetime, progress: Mapping[str, Any] | None = None) -> None:
    """Say that a run is alive, and how far it is (anything JSON)."""
    await db.execute("heartbeat_run", run_id, now, progress)


async def close(db: Statements, run_id: int, end: RunEnd) -> None:
    """Close a run with its totals; closing again overwrites them."""
    await db.execute(
        "close_run",
        run_id,
        end.status.value,
        end.completed_at,
        end.contracts_requested,
        end.contracts_successful,
        end.bars_inserted,
        end.bars_updated,
        end.bars_identical,
        end.errors,
        end.rate_limit_hits,
        end.error_details,
        end.progress,
    )


async def close_interrupted(db: Statements, now: datetime | None = None) -> list[InterruptedRun]:
    """Close every run that still stands as running, at its last heartbeat; the caller holds the collection lock.

    The lock tells dead from alive: who runs holds it. `now` is not needed.
    """
    del now
    return [
        InterruptedRun(
            row["id"],
            row["run_date"],
            row["run_type"],
            row["attempt"],
            row["host"],
            row["process_id"],
            row["heartbeat_at"],
        )
        for row in await db.fetch("close_interrupted_runs")
    ]


async def uncounted(db: Statements, since: datetime, silent_since: datetime) -> list[Uncounted]:
    """Return the runs after which gaps and statistics are not up to date, by underlying.

    Args:
        db: the database.
        since: started after this instant.
        silent_since: a running one that has said nothing since then is taken for dead.
    """
    rows = await db.fetch("uncounted_runs", since, silent_since)
    return [Uncounted(row["id"], row["underlying_id"], row["first_day"], row["last_day"]) for row in rows]


async def mark_counted(db: Statements, run_ids: Sequence[int]) -> None:
    """Note that what runs brought is in the gaps and statistics by now."""
    if run_ids:
        await db.execute("mark_counted", list(run_ids))


async def paces(db: Statements, count: int) -> list[PastPace]:
    """Return how many requests the latest runs sent that ended well, and how long they took; the last one first."""
    return [PastPace(row["requests"], float(row["seconds"])) for row in await db.fetch("past_paces", count)]


async def note_daily(db: Statements, daily: DailyStatus) -> None:
    """Record how a session date stands for a symbol; a later note of the same kind replaces it."""
    await db.execute(
        "note_daily_status",
        daily.day,
        daily.due,
        daily.symbol,
        daily.collection_type,
        daily.started_at,
        daily.completed_at,
        daily.status.value,
        daily.records,
        daily.error_message,
        daily.timezone,
    )
