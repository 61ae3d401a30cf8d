"""Find the slots that are missing.

Which slots are missing, in one statement; and how to make a session be asked for again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from collector.db.connection.pool import Database, Statements
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Spans
from collector.domain.run_vocabulary import Asks


@dataclass(frozen=True, slots=True)
class Missing:
    """Slots that one series of one contract lacks; never empty, inside the sessions asked about."""

    contract_id: int
    what_to_show: WhatToShow
    missing: Spans


@dataclass(frozen=True, slots=True)
class MissingUnderlying:
    """Slots that one series of an underlying lacks; never empty, inside the sessions asked about."""

    underlying_id: int
    what_to_show: WhatToShow
    missing: Spans


def session_arrays(sessions: Sequence[Session]) -> tuple[list[date], list[datetime], list[datetime]]:
    """Return the days, opens and closes of sessions, as the queries take them: SQL knows no calendar."""
    return [s.day for s in sessions], [s.open for s in sessions], [s.close for s in sessions]


async def missing(
    db: Statements,
    underlying_id: int,
    sessions: Sequence[Session],
    series: Sequence[WhatToShow],
    asks: Asks | None,
    contract_ids: Sequence[int] | None = None,
) -> list[Missing]:
    """Return what is expected and not done: slots of sessions for which a contract is selected.

    Args:
        db: the database.
        underlying_id: whose contracts.
        sessions: the product's sessions, whole or clipped.
        series: the series to look at.
        asks: what counts as done: covered slots, or settled ones; None: nothing does (a forced run).
        contract_ids: these contracts only; None: all of the underlying.

    Returns:
        By contract id, then series; series that lack nothing are absent.
    """
    if not sessions:
        return []
    rows = await db.fetch(
        "missing_contract_slots",
        underlying_id,
        *session_arrays(sessions),
        [what.value for what in series],
        None if asks is None else asks.value,
        None if contract_ids is None else list(contract_ids),
    )
    return [Missing(row["contract_id"], WhatToShow(row["what_to_show"]), row["missing"]) for row in rows]


async def missing_underlying(
    db: Statements,
    underlying_id: int,
    sessions: Sequence[Session],
    series: Sequence[WhatToShow],
    asks: Asks | None,
) -> list[MissingUnderlying]:
    """Return what an underlying's own series lack on sessions; arguments and order as in `missing`."""
    if not sessions:
        return []
    rows = await db.fetch(
        "missing_underlying_slots",
        underlying_id,
        *session_arrays(sessions),
        [what.value for what in series],
        None if asks is None else asks.value,
    )
    return [MissingUnderlying(underlying_id, WhatToShow(row["what_to_show"]), row["missing"]) for row in rows]


async def lacking_columns(
    db: Statements,
    underlying_id: int,
    sessions: Sequence[Session],
    series: Sequence[WhatToShow],
    contract_ids: Sequence[int] | None = None,
) -> list[Missing]:
    """Return what is settled of sessions in which quotes were stored by their close alone, as versions before did.

    Args:
        db: the database.
        underlying_id: whose contracts.
        sessions: the product's sessions, whole, none older than the source remembers.
        series: the series to look at; others than BID and ASK lack nothing.
        contract_ids: these contracts only; None: all of the underlying.

    Returns:
        Whole settled sessions (to be asked for once more, by force), by contract id, then series.
    """
    if not sessions:
        return []
    _, opens, closes = session_arrays(sessions)
    names = [what.value for what in series]
    ids = None if contract_ids is None else list(contract_ids)
    rows = await db.fetch("lacking_quote_columns", underlying_id, opens, closes, names, ids)
    return [Missing(row["contract_id"], WhatToShow(row["what_to_show"]), row["missing"]) for row in rows]


async def forget(db: Database, session: Session, symbols: Sequence[str], today: date) -> int:
    """Forget what is covered and settled of a session, so that it is asked for again; bars stay as they are.

    Contracts that have expired keep what is known of them: IB would not tell it again.

    Args:
        db: the database.
        session: the whole session of a product; symbols that close at another time need a call of their own.
        symbols: of underlyings; their contracts' series are forgotten with their own.
        today: the day in New York.

    Returns:
        The number of series that had something to forget.
    """
    names = list(symbols)
    async with db.transaction() as transaction:
        hours = (names, session.open, session.close, db.clock.now())
        forgotten = await transaction.execute("forget_coverage", names, session.open, session.next_open, today)
        await transaction.execute("forget_claims", names, session.day, today)
        await transaction.execute("forget_option_bars", *hours, today)
        await transaction.execute("forget_underlying_bars", *hours)
    return forgotten
