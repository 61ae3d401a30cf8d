"""The page of all chains: symbols and their expirations."""

from dataclasses import dataclass
from datetime import date

from collector.db.contracts import contract_tables
from collector.db.readers import chains
from collector.web.context import Context
from collector.web.page import Asked, Page


@dataclass(frozen=True, slots=True)
class KnownExpiration:
    """The contracts of an expiration. selected: whose bars the session expects; strikes in USD per share."""

    expiration: date
    calls: int
    puts: int
    listed: int
    selected: int
    lowest_strike: float
    highest_strike: float


@dataclass(frozen=True, slots=True)
class SymbolChain:
    """The chain of a symbol. contracts, selected: of all its expirations."""

    symbol: str
    name: str
    contracts: int
    selected: int
    expirations: tuple[KnownExpiration, ...]


@dataclass(frozen=True, slots=True)
class Chains:
    """The chains of all symbols. session: the one that opened last, to which selections refer."""

    session: date
    symbols: tuple[SymbolChain, ...]


async def _answer(context: Context, _asked: Asked) -> Chains:
    session = context.days.last_opened(context.now)
    async with context.reading() as db:
        found = [
            (one, await chains.expirations(db, one.id, session))
            for one in await contract_tables.underlyings(db)
            if one.sec_type != "IND"
        ]
    return Chains(
        session,
        tuple(
            SymbolChain(
                symbol=one.symbol,
                name=one.name,
                contracts=sum(row["calls"] + row["puts"] for row in rows),
                selected=sum(row["selected"] for row in rows),
                expirations=tuple(
                    KnownExpiration(
                        expiration=row["expiration_date"],
                        **{name: row[name] for name in KnownExpiration.__slots__ if name != "expiration"},
                    )
                    for row in rows
                ),
            )
            for one, rows in found
        ),
    )


PAGE = Page(
    path="/chains",
    title="Chains",
    what="The symbols, their expirations, and how many contracts each has.",
    model=Chains,
    answer=_answer,
    template="contracts/chains.html.j2",
)
