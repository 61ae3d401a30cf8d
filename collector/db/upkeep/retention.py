"""Drop bars that have become old.

Dropping raw bars that have become old, day by day; what the summaries know of them stays.

The option bars are what fills the disk; the record of requests has an age limit of its own. The underlyings' bars,
revisions and records of runs are small, and stay.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple, TypeAlias

from collector.clock import Clock
from collector.db.schema import timescale
from collector.db.upkeep.compaction import refresh_aggregates
from collector.domain.market_data.spans import Span

Exported: TypeAlias = Callable[[date], Awaitable[bool]]
"""Tells whether a session date has been exported in full; the archive's side of the port."""


class OldDay(NamedTuple):
    """One day of UTC (and so one session date) beyond the age limit.

    bars: rows of option bars. unsettled: those of them for which a series is neither settled nor lost. dropped: they
    are gone (in a dry run: they would go). why: why they are kept, "" when dropped.
    """

    day: date
    bars: int
    unsettled: int
    dropped: bool
    why: str


async def drop_old_bars(
    url: str,
    now: datetime,
    keep_days: int | None,
    *,
    archive_before_drop: bool = True,
    exported: Exported | None = None,
    dry_run: bool = False,
    clock: Clock | None = None,
) -> tuple[OldDay, ...]:
    """Drop the option bars that are older than `keep_days`, each day in a transaction of its own.

    Args:
        url: the database; its owner's login, or one with the role collector_rw.
        now: the instant from which ages are counted (aware).
        keep_days: age in days beyond which raw bars go; None keeps them for ever.
        archive_before_drop: keep days that are not settled throughout or not exported yet.
        exported: asks the archive; None means that there is none, so with `archive_before_drop` every day is kept.
        dry_run: tell what would be done, and change nothing.
        clock: held while the server works.

    Returns:
        Every day beyond the limit that holds bars, oldest first, with what became of it.

    Raises:
        DatabaseUnavailable, DatabaseError: see `collector.db.connection.pool.connect`; days before stay dropped.
    """
    if keep_days is None:
        return ()
    border = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=keep_days)
    days = []
    async with timescale.session(url, clock) as session:
        for row in await session.fetch("unsettled_days", border):
            day = row["day"].astimezone(UTC)
            why = await _kept_because(day.date(), row["unsettled"], exported) if archive_before_drop else ""
            if not why and not dry_run:
                await refresh_aggregates(url, Span(day, day + timedelta(days=1)), clock)
                [dropped] = await session.fetch("drop_day", day)
                why = dropped["why"]
            days.append(OldDay(day.date(), row["bars"], row["unsettled"], not why, why))
    return tuple(days)


async def drop_old_requests(
    url: str, now: datetime, keep_days: int | None, *, dry_run: bool = False, clock: Clock | None = None
) -> int:
    """Drop the record of requests that are older than `keep_days`: whole weeks where there are chunks.

    Returns:
        How many went (in a dry run: would go).

    Raises:
        DatabaseUnavailable, DatabaseError: see `collector.db.connection.pool.connect`.
    """
    if keep_days is None:
        return 0
    border = now - timedelta(days=keep_days)
    async with timescale.session(url, clock) as session:
        [before] = await session.fetch("old_requests", border)
        if dry_run or not before["requests"]:
            return int(before["requests"])
        await session.execute("drop_requests", border)
        [after] = await session.fetch("old_requests", border)
    return int(before["requests"] - after["requests"])


async def _kept_because(day: date, unsettled: int, exported: Exported | None) -> str:
    if unsettled:
        return f"{unsettled} bars are not settled"
    if exported is None:
        return "there is no archive, and archive_before_drop is on"
    return "" if await exported(day) else "not exported yet"
