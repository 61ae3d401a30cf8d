"""Open interest and volume of contracts.

How active contracts are: open interest as it was told, volumes as they are stored.
"""

from collections.abc import Mapping
from datetime import date, datetime

from collector.db.connection.pool import Statements
from collector.db.contracts.contract_rows import contract_of
from collector.domain.coverage.activity_rules import Activity
from collector.domain.market_data.instruments import OptionContract
from collector.domain.market_data.sessions import Session


async def store_open_interest(db: Statements, told: Mapping[int, int], session: Session) -> int:
    """Keep open interest by contract id as told on a session (it is that of the close before).

    It is written into the session's stored bars too; see `fill_open_interest` for those that come later.

    Returns:
        The number of bars that changed.
    """
    if not told:
        return 0
    changed: int = await db.fetchval(
        "store_open_interest",
        list(told),
        list(told.values()),
        session.day,
        session.open,
        session.close,
        db.clock.now(),
    )
    return changed


async def without_open_interest(db: Statements, underlying_id: int, day: date) -> list[OptionContract]:
    """Return contracts selected for a session whose open interest was not told that day, by expiration and strike."""
    return [contract_of(row) for row in await db.fetch("contracts_without_open_interest", underlying_id, day)]


async def fill_open_interest(db: Statements, underlying_id: int, session: Session) -> int:
    """Write open interest as told on a session into bars that came later; return the number of bars that changed.

    Not for sessions that may be compressed: every batch touched would be unpacked.
    """
    changed: int = await db.fetchval("fill_open_interest", underlying_id, session.day, session.open, session.close)
    return changed


async def activities(
    db: Statements, underlying_id: int, latest: Session, history_from: datetime, week_from: datetime
) -> dict[int, Activity]:
    """Return what is known of the contracts of an underlying that have not expired, by contract id.

    Args:
        db: the database.
        underlying_id: whose contracts.
        latest: the session whose volume is compared with the average.
        history_from: the first instant that counts for the average.
        week_from: bars from this instant on mean that the contract holds data of this week.
    """
    rows = await db.fetch("contract_activity", underlying_id, history_from, latest.open, latest.close, week_from)
    return {
        row["contract_id"]: Activity(
            open_interest=row["open_interest"],
            sessions=row["sessions"],
            average_volume=row["average_volume"],
            latest_volume=row["latest_volume"],
            held_this_week=row["held_this_week"],
        )
        for row in rows
    }
