"""Define underlyings anew whose number the source dropped.

A source may give a security another number, after a split with a new ISIN for instance: the number that is stored is
then unknown to it. The symbol is asked for again, and what is the same security goes on under its id, with its history.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables as contract_store
from collector.domain.market_data.answers import Failure, Outcome
from collector.domain.market_data.instruments import Renumbering, Underlying

Define = Callable[[str], Awaitable[Underlying | Failure]]
"""Asks the source for the definition of a symbol."""
log = structlog.get_logger()


async def defined_anew(
    db: Database, define: Define, known: Underlying
) -> tuple[Underlying, Renumbering | None] | Failure:
    """Ask for the symbol of an underlying whose number the source has refused, and store the number that it has now.

    Only a security of the same symbol, type, currency and primary exchange is the same one, and only where no other
    underlying of ours has its number. The number before is kept with its dates.

    Args:
        db: the database.
        define: asks the source for a symbol.
        known: the underlying as it is stored.

    Returns:
        The underlying as it is now, and its change of number, None where it has the same as before: then the number is
        not what is wrong. Or why there is none.
    """
    found = await define(known.symbol)
    if isinstance(found, Failure):
        if found.outcome is not Outcome.UNKNOWN_CONTRACT:
            return found
        words = f"IB knows {known.symbol} neither by its number nor by its symbol any more ({found.message})"
        return replace(found, message=words)
    change = known.renumbered(found)
    if change is None:
        return known, None
    if difference := known.difference(found):
        words = f"IB has another security for {known.symbol} now ({difference}), number {change.present}"
        return Failure(Outcome.UNKNOWN_CONTRACT, words)
    holder = await contract_store.numbered(db, found)
    if holder is not None:
        words = f"IB's number of {known.symbol} is {change.present} now, which {holder.symbol} has here"
        return Failure(Outcome.UNKNOWN_CONTRACT, words)
    stored = await contract_store.add_underlying(db, found, collected=False)
    log.warning("underlying_renumbered", symbol=known.symbol, earlier=change.earlier, present=change.present)
    return stored, change
