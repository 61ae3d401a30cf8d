"""Read what the schedule needs of the tables.

What the schedule needs of the tables: attempts at windows, missed windows, when it all began, expirations.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from collector.db.connection.pool import Statements
from collector.domain.coverage.expiration_days import LISTED_AHEAD, Expirations
from collector.domain.run_vocabulary import BUILT_IN, RunStatus, Window


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a window; gateway_down: it failed for want of a gateway."""

    window: Window
    day: date
    status: RunStatus
    started_at: datetime
    completed_at: datetime | None
    heartbeat_at: datetime
    gateway_down: bool


async def attempts(db: Statements, since: date, known: Collection[Window] = BUILT_IN) -> list[Attempt]:
    """Return every attempt at known windows of sessions since a day, in the order of their beginning."""
    return [
        Attempt(
            Window(row["run_type"]),
            row["run_date"],
            RunStatus(row["status"]),
            row["started_at"],
            row["completed_at"],
            row["heartbeat_at"],
            row["gateway_down"],
        )
        for row in await db.fetch("runs_for_schedule", since)
        if row["run_type"] in known
    ]


@dataclass(frozen=True, slots=True)
class Miss:
    """A window that did not run. kind: of miss, see `collector.market.agenda.MissKind`."""

    window: str
    kind: str
    recorded_at: datetime


async def latest_misses(db: Statements) -> list[Miss]:
    """Return the latest miss of each window and kind."""
    rows = await db.fetch("latest_misses")
    return [Miss(row["collection_type"], row["kind"], row["recorded_at"]) for row in rows]


async def began(db: Statements) -> datetime | None:
    """Return when the very first run began, None before there is one."""
    found: datetime | None = await db.fetchval("first_run_at")
    return found


async def expirations(db: Statements, symbols: Sequence[str], since: date, today: date) -> Expirations:
    """Return what is known of the expirations of symbols since a day; `today` is New York's."""
    rows = await db.fetch("expirations", list(symbols), since, today + LISTED_AHEAD)
    read = [row["chain_asked_on"] for row in rows]
    return Expirations(
        today=today,
        selected=frozenset(day for row in rows for day in row["selected"]),
        listed=frozenset(day for row in rows for day in row["chain_expirations"] or ()),
        read_on=None if None in read or len(read) < len(symbols) else min(read, default=today),
    )


async def missed(db: Statements, since: date, known: Collection[Window] = BUILT_IN) -> set[tuple[Window, date, str]]:
    """Return known windows of sessions since a day that are recorded as missed, with the kind of miss."""
    rows = await db.fetch("missed_windows", since)
    return {
        (Window(row["collection_type"]), row["collection_date"], row["kind"])
        for row in rows
        if row["collection_type"] in known
    }


async def note_missed(db: Statements, window: Window, day: date, due: datetime, kind: str, reason: str) -> None:
    """Record a window that did not run, and why; noting it again changes the words only."""
    await db.execute("note_missed_window", day, due, window.value, kind, db.clock.now(), reason)
