"""Look up underlyings, their contracts and their days."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from collector.domain.errors import UnknownContract, UnknownSymbol
from collector.research.columns import Terms, people_write
from collector.research.database import Server
from collector.research.words.contract_names import ContractName, parsed

_MOST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Known:
    """An underlying of the database, and contracts of it; no contracts are all of them."""

    id: int
    symbol: str
    contracts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract of the database. symbol: its underlying's."""

    id: int
    underlying_id: int
    symbol: str


def underlying(server: Server, symbol: str) -> Known:
    """Return an underlying.

    Raises:
        UnknownSymbol: nothing is known of it.
    """
    found = server.select("underlying", symbol.strip().upper()).to_pylist()
    if not found:
        raise UnknownSymbol(symbol, server.select("known_symbols")["symbol"].to_pylist())
    return Known(found[0]["id"], found[0]["symbol"])


def contracts(server: Server, names: Sequence[ContractName]) -> list[Contract]:
    """Return contracts, in the order of the names.

    Of contracts that have had the same symbol it is the one that has it now.

    Raises:
        UnknownContract: nothing is known of one; the error names those that are most like it.
        UsageError: a name means no contract.
    """
    meant = [parsed(name) for name in names]
    contract_ids = [one for one in meant if isinstance(one, int) and 0 < one <= _MOST_ID]
    contract_symbols = [one.occ_symbol for one in meant if not isinstance(one, int) and one.has_occ_symbol]
    by_number = server.select("contracts_numbered", contract_ids).to_pylist() if contract_ids else []
    by_symbol = server.select("contracts_called", contract_symbols).to_pylist() if contract_symbols else []
    found: dict[int | str, Contract] = {}
    for key, rows in (("contract_id", by_number), ("contract_symbol", by_symbol)):
        for row in rows:
            found.setdefault(row[key], Contract(row["contract_id"], row["underlying_id"], row["symbol"]))
    for name, one in zip(names, meant, strict=True):
        if isinstance(one, int):
            if one not in found:
                raise UnknownContract(str(name), ())
        elif not one.has_occ_symbol or one.occ_symbol not in found:
            symbol, expiration, strike, option_type = one.root, one.expiration, one.strike, one.right
            near = server.select("contracts_like", symbol, expiration, strike, option_type)
            raise UnknownContract(str(name), [people_write(known) for known in near["contract_symbol"].to_pylist()])
    return [found[one if isinstance(one, int) else one.occ_symbol] for one in meant]


def groups(server: Server, names: Sequence[ContractName]) -> list[Known]:
    """Return contracts by their underlyings, in the order of the underlyings' ids.

    Raises:
        UnknownContract, UsageError: as `contracts`.
    """
    by_underlying: dict[tuple[int, str], list[int]] = {}
    for one in contracts(server, names):
        by_underlying.setdefault((one.underlying_id, one.symbol), []).append(one.id)
    return [Known(*key, tuple(dict.fromkeys(by_underlying[key]))) for key in sorted(by_underlying)]


def terms_of(server: Server, known: Known, alive_on: date | None) -> Terms:
    """Return the terms of an underlying's contracts that expire on a day or later; of named ones whenever they do."""
    contract_ids = known.contracts or None
    return Terms(server.select("terms", known.id, contract_ids, None if known.contracts else alive_on))


def days_with_bars(server: Server, underlying_id: int, days: Iterable[date]) -> set[date]:
    """Return the days on which the database has bars of an underlying's options, each asked for by itself."""
    return {day for day in days if server.select("days_with_bars", underlying_id, day)["there"][0].as_py()}
