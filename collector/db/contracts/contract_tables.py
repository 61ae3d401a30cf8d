"""Tables of underlyings and option contracts.

Underlyings and option contracts as the source defines them. Their ids stay; the source's numbers may change.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from collector.db.connection.pool import Database, Row, Statements
from collector.db.contracts import lifecycle
from collector.db.contracts.contract_rows import contract_of
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import ContractIdsExhausted
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.instruments import OptionContract, Underlying


@dataclass(frozen=True, slots=True)
class Stored:
    """How many contracts IB lists now, how many of them were not known, and how many known ones it lists no more."""

    seen: int
    new: int
    vanished: int = 0


async def underlying(db: Statements, symbol: str) -> Underlying | None:
    """Return the underlying of a symbol, None when it has never been defined."""
    row = await db.fetchrow("underlyings", symbol)
    return None if row is None else _underlying(row)


async def underlyings(db: Statements) -> list[Underlying]:
    """Return all active underlyings, by symbol."""
    return [_underlying(row) for row in await db.fetch("underlyings", None)]


async def numbered(db: Statements, found: Underlying) -> Underlying | None:
    """Return another active underlying that has the source's number of this one, None where none has."""
    others = (one for one in await underlyings(db) if one.symbol != found.symbol)
    return next((one for one in others if one.source_id == found.source_id), None)


async def add_underlying(db: Statements, found: Underlying, *, collected: bool = True) -> Underlying:
    """Store an underlying as the source defines it, and return it with its database id.

    A company that changes its ticker keeps its number: its underlying takes the new symbol, and keeps its history. A
    symbol that gets another number keeps its underlying; the number before is in `earlier_source_ids`.

    Args:
        db: the database.
        found: as defined; its id does not matter.
        collected: whether its options are collected, not only its levels read as an index's are.
    """
    now = db.clock.now()
    await db.execute("rename_underlying", found.symbol, found.source_id, now)
    id_ = await db.fetchval(
        "add_underlying",
        found.symbol,
        found.source_id,
        found.name,
        found.sec_type,
        found.exchange,
        found.primary_exchange,
        found.currency,
        collected,
        now,
    )
    return replace(found, id=id_)


async def known_expirations(db: Statements, underlying_id: int, today: date) -> list[date] | None:
    """Return the expirations that IB listed today (a New York day), None when it has not been asked today."""
    found: list[date] | None = await db.fetchval("known_expirations", underlying_id, today)
    return found


async def remember_expirations(db: Statements, underlying_id: int, today: date, expirations: Sequence[date]) -> None:
    """Keep the expirations that IB lists today (a New York day)."""
    await db.execute("remember_expirations", underlying_id, today, list(expirations))


async def refreshed_expirations(db: Statements, underlying_id: int, today: date) -> set[date]:
    """Return the expirations whose contracts IB has defined today (a New York day)."""
    return {row["expiration_date"] for row in await db.fetch("refreshed_expirations", underlying_id, today)}


async def store_expiration(
    db: Database, underlying_id: int, expiration: date, contracts: Sequence[OptionContract], *, seen_at: datetime
) -> Stored:
    """Store all contracts of one expiration as IB lists them, with their lifecycle, in one transaction.

    Known contracts of the expiration that are not among them are marked as vanished. One that is listed under another
    number, and under its own no more, keeps its id; one whose number another contract has now is not touched.

    Args:
        db: the database.
        underlying_id: whose contracts.
        expiration: of all of them.
        contracts: everything that IB lists for it.
        seen_at: when IB said so (aware); the lifecycle keeps the New York day.

    Raises:
        ContractIdsExhausted: no block of ids has room for what is new; nothing is stored.
    """
    today = seen_at.astimezone(NEW_YORK).date()

    async def once() -> Stored:
        async with db.transaction() as transaction:
            await transaction.execute("lock_underlying", underlying_id)
            rows = await _store(transaction, underlying_id, contracts, seen_at)
            ids = [row["id"] for row in rows]
            await lifecycle.mark_listed(transaction, ids, today)
            vanished = await lifecycle.mark_delisted(transaction, underlying_id, expiration, ids, seen_at)
            await transaction.execute("note_refresh", underlying_id, expiration, today, len(ids))
        return Stored(len(ids), sum(row["new"] for row in rows), vanished)

    return await db.patiently(once)


async def listed(
    db: Statements, underlying_id: int, first: date, last: date, *, on: date | None = None
) -> list[OptionContract]:
    """Return listed contracts that expire from `first` to `last`, by expiration, strike and right.

    With a day given, only those that were listed on it, as far as is known: what the very first reading of a chain
    found may have been.
    """
    return _contracts(await db.fetch("listed_contracts", underlying_id, first, last, on))


async def selected(db: Statements, underlying_id: int, first: date, last: date) -> list[OptionContract]:
    """Return contracts selected for a session between two days, both included, by expiration, strike and right."""
    return _contracts(await db.fetch("selected_contracts", underlying_id, first, last))


async def first_selected(db: Statements, data_set: DataSet, underlying_id: int) -> date | None:
    """Return the first session day on which bars are expected of an underlying, or of its contracts, None before."""
    found: date | None = await db.fetchval("first_selected", data_set.id, underlying_id)
    return found


async def by_ids(db: Statements, ids: Iterable[int]) -> dict[int, OptionContract]:
    """Return contracts by their database ids; unknown ids are absent."""
    return {contract.id: contract for contract in _contracts(await db.fetch("contracts_by_id", list(ids)))}


async def _store(db: Statements, underlying_id: int, contracts: Sequence[OptionContract], now: datetime) -> list[Row]:
    once = {contract.source_id: contract for contract in contracts}.values()
    source_ids, expirations = [c.source_id for c in once], [c.expiration for c in once]
    rights = [c.right.value for c in once]
    terms = (
        source_ids,
        [c.occ_symbol for c in once],
        expirations,
        [c.strike for c in once],
        rights,
        [c.multiplier for c in once],
        [c.exchange for c in once],
        [c.trading_class for c in once],
    )
    await db.execute("free_recycled_numbers", source_ids, expirations, rights, now)
    await db.execute("number_contracts", underlying_id, *terms, now)
    rows = await db.fetch("store_contracts", underlying_id, *terms, [c.currency for c in once], now)
    if len(rows) < len(once):
        raise ContractIdsExhausted(contracts[0].symbol, len(once) - len(rows))
    return rows


def _underlying(row: Row) -> Underlying:
    return Underlying(
        symbol=row["symbol"],
        source_id=row["source_id"],
        name=row["name"],
        sec_type=row["sec_type"],
        exchange=row["exchange"],
        primary_exchange=row["primary_exchange"],
        currency=row["currency"],
        id=row["id"],
    )


def _contracts(rows: Iterable[Row]) -> list[OptionContract]:
    return [contract_of(row) for row in rows]
