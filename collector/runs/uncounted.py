"""Find runs whose sessions were never counted."""

from datetime import datetime, timedelta

from collector.db.bookkeeping import runs_table
from collector.db.connection.pool import Statements

OWED_FOR = timedelta(days=120)
"""Runs that were cut off earlier are not looked for any more."""
_SILENT = timedelta(minutes=5)
"""A run that has not said for so long that it lives is taken for dead."""


async def uncounted(db: Statements, now: datetime) -> tuple[int, ...]:
    """Return the ids of runs after which gaps and statistics are older than the bars; the next run counts for them."""
    return tuple(sorted({one.run_id for one in await runs_table.uncounted(db, now - OWED_FOR, now - _SILENT)}))
