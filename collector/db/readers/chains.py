"""Read chains of options."""

from collections.abc import Sequence
from datetime import date, datetime

from collector.db.connection.pool import Row, Statements
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.market_data.sessions import Session


async def expirations(db: Statements, underlying_id: int, day: date) -> Sequence[Row]:
    """Return the expirations of an underlying that have not passed on a day, with counts of their contracts."""
    return await db.fetch("expirations_with_contracts", underlying_id, day)


async def in_slot(db: Statements, underlying_id: int, slot: datetime) -> Sequence[Row]:
    """Return an underlying's contracts by expiration, strike and right, with their bars of a slot where there are any.

    Prices are floating-point numbers, USD per share.
    """
    bounds = await db.fetchrow("contract_range", underlying_id, slot)
    if bounds is None or bounds["first_id"] is None:
        return []
    day = slot.astimezone(NEW_YORK).date()
    return await db.fetch("chain_in_slot", underlying_id, day, slot, bounds["first_id"], bounds["last_id"])


async def latest_slot(db: Statements, underlying_id: int, session: Session) -> datetime | None:
    """Return when the latest bar of a session starts that an underlying's contracts have, None without any."""
    found: datetime | None = await db.fetchval("latest_slot", underlying_id, session.day, session.open, session.close)
    return found


async def count_selected(db: Statements, underlying_id: int, days: Sequence[date]) -> int:
    """Return how many contracts of an underlying are selected for sessions, counted once for each."""
    return int(await db.fetchval("count_selected", underlying_id, list(days)))
