"""The life of a contract, from first seen to expired.

The life of a contract: first and last seen, selected for which sessions, vanished, expired, collected to the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from collector.db.connection.pool import Statements
from collector.db.connection.statements import of
from collector.db.contracts.contract_rows import contract_of
from collector.domain.market_data.data_sets import UNDERLYING_BARS_5MIN, DataSet
from collector.domain.market_data.instruments import OptionContract, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Spans


async def mark_listed(db: Statements, contract_ids: Sequence[int], today: date) -> None:
    """Note that IB lists contracts today (a New York day)."""
    await db.execute("mark_contracts_listed", list(contract_ids), today)


async def mark_delisted(
    db: Statements, underlying_id: int, expiration: date, listed_ids: Sequence[int], now: datetime
) -> int:
    """Mark contracts of an expiration that IB lists no more, and return how many they are."""
    return await db.execute("mark_contracts_delisted", underlying_id, expiration, list(listed_ids), now)


async def mark_expired(db: Statements, today: date) -> int:
    """Mark contracts that expired before today (a New York day), and return how many were not marked yet."""
    return await db.execute("mark_contracts_expired", today, db.clock.now())


async def select(db: Statements, contract_ids: Sequence[int], day: date) -> int:
    """Select contracts for collection from a session on, and their underlying with them, until they expire.

    Returns:
        The number of contracts that were not selected from that session on before.
    """
    selected: int = await db.fetchval("select_contracts", list(contract_ids), day, UNDERLYING_BARS_5MIN.id)
    return selected


async def select_underlying(db: Statements, data_set: DataSet, underlying_id: int, sessions: Sequence[Session]) -> None:
    """Expect an underlying's own bars of a kind on sessions, from each to the next."""
    days = [session.day for session in sessions]
    next_days = [session.next_open.date() for session in sessions]
    await db.execute("select_underlying", data_set.id, underlying_id, days, next_days)


async def deselect_unlisted(
    db: Statements, data_set: DataSet, underlying_id: int, sessions: Sequence[Session]
) -> Spans:
    """Expect nothing of an underlying before its first bar, where the source has shown that there is nothing.

    Args:
        db: the database.
        data_set: of underlyings; one of its series is told whole, up to now.
        underlying_id: whose bars.
        sessions: those on which they are expected, ascending.

    Returns:
        The slots that are expected no more.
    """
    days, spans = [session.day for session in sessions], list(map(data_set.span, sessions))
    starts, ends = [span.start for span in spans], [span.end for span in spans]
    slots = await db.fetchval(of("deselect_unlisted", data_set), data_set.id, underlying_id, days, starts, ends)
    return Spans(slots or ())


async def release(db: Statements, contract_ids: Sequence[int], day: date) -> int:
    """Select contracts no more from a session on, and return how many had been; earlier sessions are untouched."""
    return await db.execute("release_contracts", list(contract_ids), day) if contract_ids else 0


@dataclass(frozen=True, slots=True)
class Expiries:
    """Contracts that expire on a session and are selected for it: settled in every series, not yet, or lost in part."""

    saved: int
    at_risk: tuple[OptionContract, ...]
    lost: int


async def mark_expiry_collected(
    db: Statements, data_set: DataSet, underlying_id: int, session: Session, series: Sequence[WhatToShow]
) -> Expiries:
    """Mark selected contracts whose last session is settled in every series.

    Args:
        db: the database.
        data_set: of options.
        underlying_id: whose contracts.
        session: the whole session on which they expire, or which is the last before they do.
        series: the configured ones.

    Returns:
        How the contracts stand that expire on that session and are selected for it.
    """
    names = [what.value for what in series]
    span, next_day = data_set.span(session), session.next_open.date()
    await db.execute(
        "mark_expiry_collected", data_set.id, underlying_id, session.day, span.start, span.end, names, next_day
    )
    return await expiries(db, underlying_id, session)


async def expiries(db: Statements, underlying_id: int, session: Session) -> Expiries:
    """Return how the contracts stand that expire on a session and are selected for it, as was marked last.

    Args:
        db: the database.
        underlying_id: whose contracts.
        session: the whole session on which they expire, or which is the last before they do.
    """
    next_day = session.next_open.date()
    rows = await db.fetch("expiries_of_session", underlying_id, session.day, next_day)
    unsettled = [row for row in rows if not row["collected"]]
    return Expiries(
        saved=len(rows) - len(unsettled),
        at_risk=tuple(contract_of(row) for row in unsettled if not row["lost"]),
        lost=sum(row["lost"] for row in unsettled),
    )


async def expired_at_risk(db: Statements, underlying_id: int, day: date) -> list[OptionContract]:
    """Return contracts that expired before a day and have open gaps: they are asked for until they are lost."""
    return [contract_of(row) for row in await db.fetch("expired_at_risk", underlying_id, day)]
