"""Read what one contract has had over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from collector.db.connection.pool import Row, Statements


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a contract's first and latest bars start, and since which day it is known; None: there is nothing."""

    first_bar: datetime | None
    latest_bar: datetime | None
    first_seen: date | None


@dataclass(frozen=True, slots=True)
class Beside:
    """OCC symbols of the next strikes and of the other right; None: there is none."""

    below: str | None
    above: str | None
    other_right: str | None


async def bounds(db: Statements, contract_id: int) -> Bounds:
    """Return since when and until when there is anything of a contract."""
    row = await db.fetchrow("span_of_contract", contract_id)
    return Bounds(None, None, None) if row is None else Bounds(**{name: row[name] for name in Bounds.__slots__})


async def beside(db: Statements, contract_id: int) -> Beside:
    """Return the contracts beside one."""
    row = await db.fetchrow("contracts_beside", contract_id)
    return Beside(None, None, None) if row is None else Beside(**{name: row[name] for name in Beside.__slots__})


async def bars(db: Statements, contract_id: int, start: datetime, end: datetime) -> Sequence[Row]:
    """Return the bars of a contract that start in a span, ascending; decimals, USD per share."""
    return await db.fetch("contract_history", contract_id, start, end)


async def days(db: Statements, contract_id: int, start: datetime, end: datetime) -> Sequence[Row]:
    """Return what a contract had in each session of a span, by `day`; decimals, USD per share."""
    return await db.fetch("days_of_contract", contract_id, start, end)
