"""Make symbols ready for collection.

Making a symbol ready: its definition, its own bars, its chain, its selected contracts.
"""

from dataclasses import replace

from collector.clock import Clock
from collector.config import Settings
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables as contract_store
from collector.db.contracts import lifecycle
from collector.domain.coverage.coverage_rules import has_expired
from collector.domain.market_data.answers import Failure, Outcome
from collector.domain.market_data.instruments import OptionContract, Renumbering, Underlying
from collector.domain.market_data.sessions import Session
from collector.market.calendar import Calendar
from collector.runs.finished import NotPrepared, Prepared
from collector.runs.orders import Order
from collector.runs.preparing.contract_scope import market_of, prepared
from collector.runs.preparing.discovery import Discovery, Refreshed
from collector.runs.source import MarketDataSource


class Preparation:
    """Prepares symbols for one order."""

    def __init__(
        self,
        db: Database,
        source: MarketDataSource,
        settings: Settings,
        calendar: Calendar,
        clock: Clock,
        order: Order,
    ) -> None:
        self._db, self._source, self._settings, self._calendar, self._order = db, source, settings, calendar, order
        self._discovery = Discovery(db, source, settings, clock, calendar)

    async def define(self, symbol: str) -> Underlying | NotPrepared:
        """Return the symbol's underlying, or why there is none."""
        found = await self._discovery.underlying(symbol)
        return NotPrepared(symbol, found) if isinstance(found, Failure) else found

    async def define_anew(self, underlying: Underlying) -> Underlying | NotPrepared:
        """Return the underlying under the number that its symbol has now, or why there is none."""
        found = await self._discovery.defined_anew(underlying)
        return NotPrepared(underlying.symbol, found) if isinstance(found, Failure) else found

    @property
    def renumbered(self) -> list[Renumbering]:
        """Return the underlyings that were found under another number so far; it grows."""
        return self._discovery.renumbered

    def sessions(self, symbol: str) -> tuple[Session, ...]:
        """Return the symbol's sessions that the order looks at, clipped to what can be asked for now; ascending."""
        return self._order.parts(symbol, self._source.now())

    def whole_sessions(self, symbol: str) -> list[Session]:
        """Return the same sessions, whole."""
        return self._order.whole(symbol, self.sessions(symbol))

    async def choose(self, underlying: Underlying) -> Prepared | NotPrepared:
        """Refresh the chain and select contracts for the order's day; return what is selected and in scope.

        The choice belongs to the session's own day: a later run for an old session takes what was chosen then, because
        today's chain holds contracts that did not exist and spot has moved. Where options are not collected, there is
        neither chain nor choice.
        """
        day, symbol = self._order.day, underlying.symbol
        if not self._settings.series_for(symbol):
            return Prepared(underlying, self.sessions(symbol), (), None)
        market = await market_of(self._db, self._calendar, underlying, day)
        chosen = await self._selected(underlying)
        lacking: tuple[NotPrepared, ...] = ()
        if self._source.now() < self._order.session(symbol).next_open or not chosen:
            refreshed = await self._discovery.refresh(underlying, day)
            if isinstance(refreshed, Failure) and not chosen:
                return NotPrepared(symbol, refreshed)
            lacking = _lacking(symbol, refreshed)
            underlying = refreshed.underlying if isinstance(refreshed, Refreshed) else underlying
            if market is not None:
                await self._discovery.select(underlying, market, history=self._order.history)
                chosen = await self._selected(underlying)
            elif not chosen:
                unknown = Failure(Outcome.UNKNOWN, f"no price of {symbol} is known for {day}: no strike can be chosen")
                return NotPrepared(symbol, unknown)
        if self._order.history and chosen:
            first = self.sessions(symbol)[0].day
            living = [contract.id for contract in chosen if not has_expired(contract, self._source.now())]
            await lifecycle.select(self._db, living, first)
        return await prepared(
            self._db,
            self._calendar,
            self._settings,
            self._order,
            underlying,
            chosen,
            market,
            self._source.now(),
            lacking=lacking,
        )

    async def _selected(self, underlying: Underlying) -> list[OptionContract]:
        days = [session.day for session in self.sessions(underlying.symbol)]
        return await contract_store.selected(self._db, underlying.id, days[0], days[-1]) if days else []


def _lacking(symbol: str, refreshed: Refreshed | Failure) -> tuple[NotPrepared, ...]:
    """Return what of a chain could not be had: a run that does not know all contracts is not complete."""
    if isinstance(refreshed, Failure):
        return (NotPrepared(symbol, refreshed),)
    return tuple(
        NotPrepared(symbol, replace(failure, message=f"expiration {expiration}: {failure.message}"))
        for expiration, failure in refreshed.failures
    )
