"""Read what a page about contracts is asked for."""

from datetime import date

from collector.db.connection.pool import Statements
from collector.domain.errors import Unknown, UsageError
from collector.domain.market_data.instruments import OptionContract, Underlying
from collector.lineage import naming
from collector.web.page import Asked


async def contract(db: Statements, text: str) -> tuple[OptionContract, Underlying]:
    """Return the contract that an address names, and its underlying.

    Raises:
        Unknown: nothing of that name is known, or it is an underlying's.
        UsageError: several contracts have these terms.
    """
    found, underlying = await naming.instrument(db, text)
    if not isinstance(found, OptionContract):
        raise Unknown(f"{text!r} is an underlying, no contract", f"Its contracts: /chains/{underlying.symbol}")
    return found, underlying


def day(asked: Asked, name: str) -> date | None:
    """Return a day that is asked for, None where none is.

    Raises:
        UsageError: it is none.
    """
    text = asked.get(name, "")
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.max
    if found == date.max:  # no day follows it
        raise UsageError(f"{name}={text!r} is no day", "Write it as 2026-11-25.")
    return found


def address(occ_symbol: str | None) -> str | None:
    """Return the address of a contract's page, its OCC symbol without blanks; None of no contract."""
    return None if occ_symbol is None else f"/contracts/{occ_symbol.replace(' ', '')}"


def spoken(occ_symbol: str) -> str:
    """Return an OCC symbol as people write it, with one blank."""
    return f"{occ_symbol[:6].strip()} {occ_symbol[6:]}"
