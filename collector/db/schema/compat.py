"""Show the tables as an earlier system's readers expect them.

The schema `compat` has relations and functions of their names, over the collector's own; readers put it first in their
search_path. It holds nothing of ours, and is made anew at each upgrade. As a table that is made without a schema goes
into the first of the search_path, somebody may have made one here: then nothing is taken away.
"""

from collector.clock import Clock
from collector.db.schema import timescale
from collector.db.schema.timescale import Session
from collector.domain.errors import DatabaseError

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
        DatabaseError: a schema of this name, or something in it, is somebody else's, or this user may not make one.
    """
    async with timescale.session(url, clock) as session, session.transaction():
        await _emptied(session)
        for part in _PARTS:
            await session.execute(f"compat/{part}")
        await session.execute("compat/grant")
    return _PARTS


async def drop(url: str, clock: Clock | None = None) -> bool:
    """Take the schema away; return whether there was one.

    Raises:
        DatabaseUnavailable: no usable connection.
        DatabaseError: something in it is somebody else's, or this user may not drop it.
    """
    async with timescale.session(url, clock) as session, session.transaction():
        there = await _present(session)
        if there:
            await _emptied(session)
            await session.execute("compat/drop")
    return there


async def empty(url: str, clock: Clock | None = None) -> bool:
    """Take away what the schema has, so that tables below it may change; return whether there is one.

    The empty schema says that it is to be made again.

    Raises:
        DatabaseUnavailable: no usable connection.
        DatabaseError: something in it is somebody else's.
    """
    async with timescale.session(url, clock) as session, session.transaction():
        there = await _present(session)
        if there:
            await _emptied(session)
    return there


async def _emptied(session: Session) -> None:
    """Make the schema empty, unless that would take away what is not ours."""
    found = [row["what"] for row in await session.fetch("compat/not_ours", _PARTS)] if await _present(session) else []
    if found:
        raise DatabaseError(
            f"the schema compat is made anew, and with it would go what is not the collector's: {', '.join(found)}",
            "move it (ALTER TABLE … SET SCHEMA public), or drop it, and try again",
        )
    await session.execute("compat/begin")


async def _present(session: Session) -> bool:
    [row] = await session.fetch("compat/present")
    return bool(row["present"])
