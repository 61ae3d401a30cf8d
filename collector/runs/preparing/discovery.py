"""Discover contracts and select those to collect.

Which contracts exist, and which of them are collected: the underlying, its chain, the strikes around spot.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import structlog

from collector.clock import Clock
from collector.config import RegimeSource, Settings
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables as contract_store
from collector.db.contracts import lifecycle
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.coverage.selection import Market
from collector.domain.errors import ContractIdsExhausted
from collector.domain.market_data.answers import Failure, Outcome
from collector.domain.market_data.instruments import OptionContract, Renumbering, Underlying
from collector.domain.quality.bounds import can_be_stored
from collector.market.calendar import Calendar
from collector.runs.preparing import activity_filter, renumbering, volatility_index
from collector.runs.source import MarketDataSource

T = TypeVar("T")
_ATTEMPTS = 3
_RETRY_S = 10.0
_FINAL = (Outcome.PERMISSION, Outcome.REJECTED, Outcome.UNKNOWN_CONTRACT)
"""What asking again does not change; the source has repeated what IB calls unknown, and believes it in health only."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a chain refresh found: contracts now listed, new ones, and expirations that could not be had (and why).

    underlying: whose chain it is. renumbered: the source has given it another number, under which the chain was read.
    """

    underlying: Underlying
    contracts: int
    new: int
    failures: tuple[tuple[date, Failure], ...]
    renumbered: Renumbering | None = None


class Discovery:
    """Finds and selects contracts of one symbol after another, through one source, into one database.

    Args:
        db: the database.
        source: where definitions come from.
        settings: which contracts are wanted.
        clock: waits between attempts.
        calendar: the exchange's; None: that of the settings.

    Attributes:
        renumbered: the underlyings that were found under another number, as they were found.
    """

    def __init__(
        self,
        db: Database,
        source: MarketDataSource,
        settings: Settings,
        clock: Clock,
        calendar: Calendar | None = None,
    ) -> None:
        self._db, self._source, self._settings, self._clock = db, source, settings, clock
        self._calendar = calendar or Calendar.configured(settings)
        self._vix: dict[date, Decimal | Failure] = {}
        self._unknown: dict[str, Failure] = {}
        self.renumbered: list[Renumbering] = []

    async def underlying(self, symbol: str) -> Underlying | Failure:
        """Return the symbol's underlying from the database, or define it at the source once."""
        known = await contract_store.underlying(self._db, symbol)
        if known is not None and known.is_defined:
            return known
        found = await self._persistently(lambda: self._source.underlying(symbol), symbol=symbol)
        if isinstance(found, Failure):
            return found
        return await contract_store.add_underlying(self._db, found)

    async def defined_anew(self, underlying: Underlying) -> Underlying | Failure:
        """Ask for the symbol of an underlying whose number the source has refused; see `renumbering`.

        What the source does not know is asked for once; its chain is read anew where the number has changed.
        """
        symbol = underlying.symbol
        if symbol in self._unknown:
            return self._unknown[symbol]

        async def define(symbol: str) -> Underlying | Failure:
            return await self._persistently(lambda: self._source.underlying(symbol), symbol=symbol)

        found = await renumbering.defined_anew(self._db, define, underlying)
        if isinstance(found, Failure):
            self._unknown[symbol] = found
            return found
        present, change = found
        if change is not None:
            self.renumbered.append(change)
        return present

    async def refresh(self, underlying: Underlying, day: date, *, force: bool = False) -> Refreshed | Failure:
        """Bring the chain up to date for expirations within the horizon of a session day.

        Option parameters are asked for once per underlying and New York day, each expiration's contracts likewise; what
        the database has from today is not asked for again, unless forced. An underlying whose number the source does
        not know any more is defined anew.
        """
        # What is known from today was told under the number before.
        renumbered = next((one for one in self.renumbered if one.symbol == underlying.symbol), None)
        force = force or renumbered is not None
        now = self._source.now()
        today = now.astimezone(NEW_YORK).date()
        first, last = (
            max(day, today),
            day + timedelta(days=self._settings.selection_for(underlying.symbol).horizon_days),
        )
        expirations = await self._expirations(underlying, today, force=force)
        if isinstance(expirations, Failure):
            if expirations.outcome is not Outcome.UNKNOWN_CONTRACT:
                return expirations
            present = await self.defined_anew(underlying)
            if isinstance(present, Failure):
                return present
            return expirations if present == underlying else await self.refresh(present, day)
        wanted = [expiration for expiration in expirations if first <= expiration <= last]
        fresh = set() if force else await contract_store.refreshed_expirations(self._db, underlying.id, today)
        results = await asyncio.gather(
            *(self._expiration(underlying, expiration, now) for expiration in wanted if expiration not in fresh)
        )
        failures = tuple((expiration, result) for expiration, result in results if isinstance(result, Failure))
        stored = [result for _, result in results if not isinstance(result, Failure)]
        return Refreshed(underlying, sum(s.seen for s in stored), sum(s.new for s in stored), failures, renumbered)

    async def _expirations(self, underlying: Underlying, today: date, *, force: bool) -> Sequence[date] | Failure:
        if not force and (known := await contract_store.known_expirations(self._db, underlying.id, today)) is not None:
            return known
        chain = await self._persistently(lambda: self._source.chain(underlying), symbol=underlying.symbol)
        if isinstance(chain, Failure):
            return chain
        await contract_store.remember_expirations(self._db, underlying.id, today, chain.expirations)
        return chain.expirations

    async def _expiration(
        self, underlying: Underlying, expiration: date, now: datetime
    ) -> tuple[date, contract_store.Stored | Failure]:
        found = await self._persistently(
            lambda: self._source.contracts(underlying, expiration),
            symbol=underlying.symbol,
            expiration=str(expiration),
        )
        if isinstance(found, Failure):
            return expiration, found
        listed = [contract for contract in found.contracts if can_be_stored(contract)]
        if len(listed) < len(found.contracts):
            log.warning(
                "contracts_passed_over",
                symbol=underlying.symbol,
                expiration=str(expiration),
                contracts=len(found.contracts) - len(listed),
                reason="a strike that cannot be stored",
            )
        try:
            return expiration, await contract_store.store_expiration(
                self._db, underlying.id, expiration, listed, seen_at=now
            )
        except ContractIdsExhausted as error:  # of this underlying; others have room
            return expiration, Failure(Outcome.UNKNOWN, f"{error.message}; {error.hint}")

    async def _persistently(self, ask: Callable[[], Awaitable[T | Failure]], **about: str) -> T | Failure:
        """Ask up to three times, with growing pauses; return the last failure when none succeeded."""
        for attempt in itertools.count(1):
            found = await ask()
            if not isinstance(found, Failure):
                return found
            log.warning("definitions_failed", outcome=found.outcome, message=found.message, attempt=attempt, **about)
            if attempt == _ATTEMPTS or found.outcome in _FINAL:
                return found
            await self._clock.sleep(_RETRY_S * attempt)
        raise AssertionError("counting does not end")

    async def choice(self, underlying: Underlying, market: Market, *, history: bool = False) -> list[OptionContract]:
        """Return the contracts that the rules choose of every expiration within the horizon; changes nothing.

        For a session (the market's day) that is over those that were listed on it: a later run must not choose what did
        not exist. For a backfill (history) all: their history is asked for as far back as it goes.
        """
        rules, day = self._settings.selection_for(underlying.symbol), market.day
        market = await self._with_volatility(underlying.symbol, market)
        last = day + timedelta(days=rules.horizon_days)
        listed = await contract_store.listed(self._db, underlying.id, day, last, on=None if history else day)
        return await self._active(underlying, day, rules.rule().chosen(listed, market))

    async def _with_volatility(self, symbol: str, market: Market) -> Market:
        """Return the market with the volatility that a symbol is chosen by; the VIX is asked for once, told or not."""
        day = market.day
        if self._settings.selection_for(symbol).regime_source is RegimeSource.UNDERLYING:
            return market
        if day not in self._vix:
            self._vix[day] = await volatility_index.level(self._db, self._source, self._calendar, day)
            found = self._vix[day]
            if isinstance(found, Failure):
                log.warning("vix_unavailable", outcome=found.outcome, message=found.message, instead="the underlying's")
        told = self._vix[day]
        return market if isinstance(told, Failure) else replace(market, implied_volatility=told)

    async def _active(
        self, underlying: Underlying, day: date, candidates: Sequence[OptionContract]
    ) -> list[OptionContract]:
        return await activity_filter.active(
            self._db, self._settings.activity, self._calendar, underlying, day, candidates
        )

    async def _release(self, underlying: Underlying, day: date) -> int:
        """End the selection of contracts that the activity filters leave out, from this session on."""
        if not self._settings.activity.enabled:
            return 0
        selected = await contract_store.selected(self._db, underlying.id, day, day)
        kept = {contract.id for contract in await self._active(underlying, day, selected)}
        return await lifecycle.release(self._db, [one.id for one in selected if one.id not in kept], day)

    async def select(self, underlying: Underlying, market: Market, *, history: bool = False) -> int:
        """Choose strikes of every expiration within the horizon, and record the choice from the market's session on.

        What was chosen before stays chosen, unless the activity filters leave it out. history: see `choice`.

        Returns:
            The number of contracts that were not selected before.
        """
        chosen = await self.choice(underlying, market, history=history)
        added = await lifecycle.select(self._db, [contract.id for contract in chosen], market.day)
        released = await self._release(underlying, market.day)
        market = await self._with_volatility(underlying.symbol, market)
        strikes = [contract.strike for contract in chosen]
        log.info(
            "contracts_selected",
            symbol=underlying.symbol,
            spot=str(market.spot),
            chosen=len(chosen),
            added=added,
            released=released,
            implied_volatility=str(market.implied_volatility),
            lowest_strike=str(min(strikes, default=None)),
            highest_strike=str(max(strikes, default=None)),
        )
        return added
