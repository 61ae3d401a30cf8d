"""Read the chains of options: expirations, and all contracts in one slot."""

from collections.abc import Sequence
from datetime import date, datetime

from collector.db.connection.pool import Row, Statements
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.market_data.spans import Span


async def expirations(db: Statements, underlying_id: int, day: date) -> Sequence[Row]:
    """Return the expirations of an underlying that have not passed on a day, with counts of their contracts."""
    return await db.fetch("expirations_with_contracts", underlying_id, day)


async def in_slot(db: Statements, underlying_id: int, slot: datetime) -> Sequence[Row]:
    """Return an underlying's contracts by expiration, strike and right, with their bars of a slot where there are any.

    Prices are floating-point numbers, USD per share.
    """
    first_id, last_id = await _range(db, underlying_id, slot)
    if first_id is None:
        return []
    day = slot.astimezone(NEW_YORK).date()
    return await db.fetch("chain_in_slot", underlying_id, day, slot, first_id, last_id)


async def latest_slot(db: Statements, underlying_id: int, span: Span) -> datetime | None:
    """Return when the latest bar of an underlying's contracts in a span starts, None without any."""
    first_id, last_id = await _range(db, underlying_id, span.start)
    if first_id is None:
        return None
    found: datetime | None = await db.fetchval("latest_slot", first_id, last_id, span.start, span.end)
    return found


async def count_selected(db: Statements, underlying_id: int, days: Sequence[date]) -> int:
    """Return how many contracts of an underlying are selected for sessions, counted once for each."""
    return int(await db.fetchval("count_selected", underlying_id, list(days)))


async def _range(db: Statements, underlying_id: int, slot: datetime) -> tuple[int | None, int | None]:
    row = await db.fetchrow("contract_range", underlying_id, slot)
    return (None, None) if row is None else (row["first_id"], row["last_id"])
