"""Dividends that the source told of, by day."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from collector.db.connection.pool import Statements
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.market_data.answers import NextDividend


@dataclass(frozen=True, slots=True)
class AnnouncedDividend:
    """The next dividend as it was known on a day.

    told_on: the day in New York. ex: the first day without it, amount: USD per share; both None where none was known.
    """

    told_on: date
    ex: date | None
    amount: Decimal | None


async def keep(db: Statements, underlying_id: int, told: NextDividend) -> None:
    """Keep what was told, with its day in New York; the first of a day stays."""
    told_on = told.told_at.astimezone(NEW_YORK).date()
    await db.execute("store_announced_dividend", underlying_id, told_on, told.ex, told.amount, db.clock.now())


async def known_on(db: Statements, underlying_id: int, day: date) -> AnnouncedDividend | None:
    """Return what was told last on a day or before; None when nothing ever was."""
    rows = await db.fetch("announced_dividend", underlying_id, day)
    return next((AnnouncedDividend(row["told_on"], row["ex_date"], row["amount"]) for row in rows), None)
