"""Suspect closed days, and withdraw what was expected of them.

An exchange is shut, or closes early, and its calendar learns of it when much of the day is on record as missing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from collector.db.connection.pool import Database, Statements
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.spans import Spans


async def withdraw(db: Database, data_set: DataSet, underlying_id: int, closed: Spans) -> list[date]:
    """Withdraw gaps, dead letters and claims of an underlying, and of its contracts, at times without a session.

    Gaps are neither filled nor open afterwards: nothing was missing. Where the times become a session again, what is
    not settled is a gap again. Repeating it changes nothing.

    Returns:
        The days in New York of which gaps were withdrawn, ascending.
    """

    async def once() -> list[date]:
        async with db.transaction() as transaction:
            rows = await transaction.fetch("withdraw_gaps", data_set.id, underlying_id, closed)
            await transaction.execute("close_letters", data_set.id, underlying_id, closed, db.clock.now())
            await transaction.execute("withdraw_claims", data_set.id, underlying_id, closed)
        return [row["day"] for row in rows]

    return await db.patiently(once)


async def forget_sessions(db: Database, days: Sequence[date]) -> list[date]:
    """Forget statistics and emptiness of days that were no sessions, of all symbols.

    Returns:
        The days that were sessions all the same, ascending: options have bars, and their statistics stay.
    """
    await db.execute("forget_statistics", list(days))
    await db.execute("forget_evidence", list(days))
    return [row["collection_date"] for row in await db.fetch("measured_days", list(days))]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What speaks for a closure: when its first and its latest witness were sent, and whether it was told."""

    first_sent_at: datetime
    last_sent_at: datetime
    told: bool


async def suspect(db: Statements, day: date, symbols: Sequence[str], sent_at: datetime, run_id: int) -> Suspicion:
    """Keep a witness of a session on which none of some underlyings had a bar; return all that speaks for it."""
    row = await db.fetchrow("suspect_closure", day, list(symbols), sent_at, run_id)
    assert row is not None  # noqa: S101 - an upsert returns its row
    return Suspicion(row["first_sent_at"], row["last_sent_at"], row["told_at"] is not None)


async def suspected(db: Statements) -> dict[date, bool]:
    """Return the sessions that were suspected, and of each whether it was told."""
    return {row["session_date"]: row["told_at"] is not None for row in await db.fetch("suspected_closures")}


async def forget_suspicions(db: Statements, days: Iterable[date]) -> None:
    """Forget suspicions about sessions of which bars have come."""
    await db.execute("forget_suspicions", list(days))


async def tell(db: Database, day: date) -> None:
    """Note that a probable closure is told."""
    await db.execute("tell_closure", day, db.clock.now())
