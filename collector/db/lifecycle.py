"""The life of a contract: first and last seen, selected for which sessions, vanished, expired, collected to the end."""

from collections.abc import Sequence
from datetime import date, datetime

from collector.db.contract_rows import contract_of
from collector.db.pool import Statements
from collector.domain.instruments import OptionContract, WhatToShow
from collector.domain.sessions import Session


async def see(db: Statements, contract_ids: Sequence[int], today: date) -> None:
    """Note that IB lists contracts today (a New York day)."""
    await db.execute("see_contracts", list(contract_ids), today)


async def vanish(db: Statements, underlying_id: int, expiration: date, listed_ids: Sequence[int], now: datetime) -> int:
    """Mark contracts of an expiration that IB lists no more, and return how many they are."""
    return await db.execute("vanish_contracts", underlying_id, expiration, list(listed_ids), now)


async def expire(db: Statements, today: date) -> int:
    """Mark contracts that expired before today (a New York day), and return how many were not marked yet."""
    return await db.execute("expire_contracts", today, db.clock.now())


async def select(db: Statements, contract_ids: Sequence[int], day: date) -> int:
    """Select contracts for collection from a session on; they stay selected until they expire.

    Returns:
        The number of contracts that were not selected from that session on before.
    """
    return await db.execute("select_contracts", list(contract_ids), day)


async def release(db: Statements, contract_ids: Sequence[int], day: date) -> int:
    """Select contracts no more from a session on, and return how many had been; earlier sessions are untouched."""
    return await db.execute("release_contracts", list(contract_ids), day) if contract_ids else 0


async def mark_expiry_collected(
    db: Statements, underlying_id: int, session: Session, series: Sequence[WhatToShow]
) -> list[OptionContract]:
    """Mark selected contracts whose last session is settled in every series.

    Args:
        db: the database.
        underlying_id: whose contracts.
        session: the whole session on which they expire.
        series: the configured ones.

    Returns:
        The contracts that expire on that session, are selected for it, and are not settled yet: the last chance.
    """
    names = [what.value for what in series]
    await db.execute("mark_expiry_collected", underlying_id, session.day, session.open, session.close, names)
    return [contract_of(row) for row in await db.fetch("uncollected_expiries", underlying_id, session.day)]
