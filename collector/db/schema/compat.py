"""Show the tables as an earlier system's readers expect them.

The schema `compat` has relations and functions of their names, over the collector's own; readers put it first in their
search_path. What we put there holds nothing, and is made anew at each upgrade; what readers put there is theirs.
"""

from collector.clock import Clock
from collector.db.schema import timescale
from collector.db.schema.timescale import Session

_PARTS = (
    "option_bars_5min",
    "stock_data_ticks",
    "market_data_ticks",
    "option_contract_lifecycle",
    "daily_collection_status",
    "data_gaps",
    "v_data_coverage",
    "v_today_collection_status",
    "v_daily_collection_summary",
    "calculate_collection_completeness",
    "check_collection_health",
)


async def make(url: str, clock: Clock | None = None) -> tuple[str, ...]:
    """Make the schema, or make it anew; return the names of what it has.

    Raises:
        DatabaseUnavailable: no usable connection.
        DatabaseError: a schema of this name is somebody else's, somebody's views stand on ours, or this user may not.
    """
    async with timescale.session(url, clock) as session, session.transaction():
        await session.execute("compat/begin")
        await session.execute("compat/empty")
        for part in _PARTS:
            await session.execute(f"compat/{part}")
        await session.execute("compat/grant")
    return _PARTS


async def drop(url: str, clock: Clock | None = None) -> bool:
    """Take the schema away; return whether there was one.

    Raises:
        DatabaseUnavailable: no usable connection.
        DatabaseError: somebody has something of his own in it or on it, or this user may not drop it.
    """
    async with timescale.session(url, clock) as session, session.transaction():
        there = await _present(session)
        if there:
            await session.execute("compat/empty")
            await session.execute("compat/drop")
    return there


async def empty(url: str, clock: Clock | None = None) -> bool:
    """Take away what we put into the schema, so that tables below it may change; return whether there is one.

    The empty schema says that it is to be made again.

    Raises:
        DatabaseUnavailable: no usable connection.
        DatabaseError: somebody's views stand on ours.
    """
    async with timescale.session(url, clock) as session, session.transaction():
        there = await _present(session)
        if there:
            await session.execute("compat/empty")
    return there


async def _present(session: Session) -> bool:
    [row] = await session.fetch("compat/present")
    return bool(row["present"])
