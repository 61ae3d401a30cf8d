"""Making a symbol ready: its definition, its own bars, its chain, its selected contracts."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from collector.clock import Clock
from collector.config import Settings
from collector.db import contracts as contract_store
from collector.db import coverage, lifecycle, underlying_bars
from collector.db.pool import Database
from collector.domain.answers import Failure, Outcome
from collector.domain.coverage import has_expired
from collector.domain.instruments import UNDERLYING_SERIES, OptionContract, Underlying
from collector.domain.planning import Work, requests_for
from collector.domain.runs import Scope
from collector.domain.selection import is_near
from collector.domain.sessions import Session
from collector.domain.spans import Span
from collector.market.calendar import Calendar
from collector.pipeline.discovery import Discovery, Level, Refreshed
from collector.pipeline.orders import NotPrepared, Order, Prepared, clipped, order_sessions
from collector.pipeline.source import MarketDataSource


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
        self._discovery = Discovery(db, source, settings, clock)

    async def define(self, symbol: str) -> Underlying | NotPrepared:
        """Return the symbol's underlying, or why there is none."""
        found = await self._discovery.underlying(symbol)
        return NotPrepared(symbol, found) if isinstance(found, Failure) else found

    def sessions(self, symbol: str) -> tuple[Session, ...]:
        """Return the symbol's sessions that the order looks at, clipped to what can be asked for now; ascending."""
        return order_sessions(self._order, self._calendar, symbol, self._source.now())

    async def underlying_work(self, underlying: Underlying) -> list[Work]:
        """Return the requests for the underlying's own bars: the order's sessions, whole as far as they have gone.

        Whole, whatever the window's span: spot, volatility and the meaning of "no data" hang on them.
        """
        now = self._source.now()
        whole = (self._calendar.session(underlying.symbol, part.day) for part in self.sessions(underlying.symbol))
        sessions = [part for session in whole if (part := clipped(session, None, now))]
        asks = None if self._order.force else self._order.asks
        rows = await coverage.missing_underlying(self._db, underlying.id, sessions, UNDERLYING_SERIES, asks)
        requests = tuple(
            request for row in rows for request in requests_for(underlying, row.what_to_show, row.missing, sessions)
        )
        return [Work(underlying, requests)] if requests else []

    async def choose(self, underlying: Underlying) -> Prepared | NotPrepared:
        """Refresh the chain and select contracts for the order's day; return what is selected and in scope.

        The choice belongs to the session's own day: a later run for an old session takes what was chosen then, because
        today's chain holds contracts that did not exist and spot has moved.
        """
        day, symbol = self._order.day, underlying.symbol
        level = await self._level(underlying, day)
        chosen = await self._selected(underlying)
        lacking: tuple[NotPrepared, ...] = ()
        if self._source.now() < self._calendar.session(symbol, day).next_open or not chosen:
            refreshed = await self._discovery.refresh(underlying, day)
            if isinstance(refreshed, Failure) and not chosen:
                return NotPrepared(symbol, refreshed)
            lacking = _lacking(symbol, refreshed)
            if level is not None:
                await self._discovery.select(underlying, day, level)
                chosen = await self._selected(underlying)
            elif not chosen:
                unknown = Failure(Outcome.UNKNOWN, f"no price of {symbol} is known for {day}: no strike can be chosen")
                return NotPrepared(symbol, unknown)
        if self._order.history and chosen:
            first = self.sessions(symbol)[0].day
            living = [contract.id for contract in chosen if not has_expired(contract, self._source.now())]
            await lifecycle.select(self._db, living, first)
        spot = level.spot if level else None
        in_scope = tuple(contract for contract in chosen if self._in_scope(contract, spot))
        return Prepared(underlying, self.sessions(symbol), in_scope, spot, lacking)

    async def _selected(self, underlying: Underlying) -> list[OptionContract]:
        days = [session.day for session in self.sessions(underlying.symbol)]
        return await contract_store.selected(self._db, underlying.id, days[0], days[-1]) if days else []

    async def _level(self, underlying: Underlying, day: date) -> Level | None:
        """Return price and volatility of the last bars of the order's day, or of the session before it."""
        session = self._calendar.session(underlying.symbol, day)
        before = self._calendar.session(underlying.symbol, self._calendar.previous(day))
        found = await underlying_bars.last_level(self._db, underlying.id, Span(before.open, session.close))
        return None if found is None else Level(found.close, found.implied_volatility)

    def _in_scope(self, contract: OptionContract, spot: Decimal | None) -> bool:
        """Return whether the order's scope holds the contract, and whether the source can still have it."""
        if has_expired(contract, self._source.now()):
            return False
        expiring = contract.expiration == self._order.day
        if self._order.scope is Scope.EXPIRING or expiring:
            return expiring
        if self._order.scope is Scope.EXPIRING_AND_NEAR:
            rules = self._settings.selection_for(contract.symbol)
            soon = contract.expiration <= self._order.day + timedelta(days=rules.near_days)
            return soon and (spot is None or is_near(contract.strike, spot, Decimal(str(rules.near_band))))
        return True


def _lacking(symbol: str, refreshed: Refreshed | Failure) -> tuple[NotPrepared, ...]:
    """Return what of a chain could not be had: a run that does not know all contracts is not complete."""
    if isinstance(refreshed, Failure):
        return (NotPrepared(symbol, refreshed),)
    return tuple(
        NotPrepared(symbol, replace(failure, message=f"expiration {expiration}: {failure.message}"))
        for expiration, failure in refreshed.failures
    )
