"""Compress repaired days again, and refresh aggregates.

Making good what late repairs do to compressed days: fragmented batches, dead space, stale aggregates.

A repair of a compressed day is correct at once; it only costs space and time until the day is compressed afresh.
"""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from collector.clock import Clock
from collector.db.schema import features, timescale
from collector.db.schema.timescale import Edition
from collector.domain.market_data.spans import Span

_FRAGMENTED = 1.1
"""A day with more batches than this times the fewest possible is compressed afresh."""


AS_OWNER = "run `collector db compact` as the user who ran `collector db upgrade`"
"""What to do about what only the owner of the tables may."""


class Compacted(NamedTuple):
    """One chunk that was compressed afresh; sizes in bytes with indexes."""

    hypertable: str
    day: date
    rows: int
    bytes_before: int
    bytes_after: int


async def compact(url: str, clock: Clock | None = None) -> tuple[Compacted, ...]:
    """Compress every compressed chunk afresh to which rows came later; does nothing where nothing is compressed.

    Each chunk is done in one transaction of about a second, in which it cannot be written. Call it after backfills.

    Returns:
        The chunks that were done, oldest first.

    Raises:
        DatabaseUnavailable, DatabaseError: see `collector.db.connection.pool.connect`.
    """
    async with timescale.session(url, clock) as session:
        server = await session.server()
        if server.edition is not Edition.COMMUNITY:
            return ()
        fragmented = [row for row in await session.fetch("compressed_chunks") if _is_fragmented(row)]
        for row in fragmented:
            await session.execute("compress_again", row["chunk"])
        after = {row["chunk"]: row for row in await session.fetch("compressed_chunks")} if fragmented else {}
    return tuple(
        Compacted(
            row["hypertable"],
            row["range_start"].astimezone(UTC).date(),
            after[row["chunk"]]["rows"],
            row["bytes"],
            after[row["chunk"]]["bytes"],
        )
        for row in fragmented
        if row["chunk"] in after
    )


async def refresh_aggregates(url: str, span: Span | None = None, clock: Clock | None = None) -> bool:
    """Bring the aggregates up to date with bars that were stored late, also further back than the policies reach.

    Days whose raw bars were dropped by retention are left alone. Does nothing where the summaries are views.

    Args:
        url: the database; the login of the tables' owner.
        span: the days that it touches are refreshed; None: all that have raw bars, until today.
        clock: held while the server works.

    Returns:
        Whether the summaries are up to date: false when this user does not own the tables, so that what the policies
        do not reach stays as it is until the owner calls this.
    """
    async with timescale.session(url, clock) as session:
        server = await session.server()
        if server.edition is not Edition.COMMUNITY:
            return True
        if server.owner:
            await features.refresh(session, *(whole_days(span.start, span.end) if span else ()))
        return server.owner


def whole_days(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return the days of UTC that the span touches, as [first midnight, last midnight)."""
    day = timedelta(days=1)
    first = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    last = (end.astimezone(UTC) - timedelta(microseconds=1)).replace(hour=0, minute=0, second=0, microsecond=0) + day
    return first, last


def _is_fragmented(row: "timescale.Row") -> bool:
    fewest = -(-row["rows"] // row["batch_rows"])
    return bool(row["touched"] or row["batches"] > max(fewest * _FRAGMENTED, fewest + 1))
