"""Verify stored bars, coverage and put-call parity.

`collector verify`: what is stored, checked once more against the rules, its coverage, and put-call parity.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from collector.clock import Clock
from collector.config import Settings
from collector.db.bars import greeks_columns as greeks_store
from collector.db.bars import quality_checks
from collector.db.bars.quality_checks import Broken, SessionQuality
from collector.db.connection.pool import Statements
from collector.db.contracts import announced_dividends
from collector.db.contracts import contract_tables as contract_store
from collector.domain.market_data.instruments import Underlying
from collector.domain.market_data.sessions import Session
from collector.domain.pricing.chain import ExpirationDay, InputRules, Terms, inputs, pairs_of
from collector.domain.pricing.normal import Floats
from collector.domain.pricing.parity import Prior, box_residual, implied_carry, parity_excess, parity_residual
from collector.jobs import greeks_pass
from collector.market.calendar import Calendar

_PARITY_LEEWAY = 0.0005
"""How far outside parity a pair may lie, as a fraction of the spot: quotes and the last trade are not simultaneous."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found about an underlying's session.

    broken: rules that stored bars break. quality: its numbers. pairs: call-put pairs looked at. off_parity: those that
    no yield explains; one in a thousand is a market's noise, many are wrong prices.
    """

    symbol: str
    day: date
    quality: SessionQuality
    broken: tuple[Broken, ...]
    pairs: int
    off_parity: int

    @property
    def sound(self) -> bool:
        """Return whether no rule is broken and parity holds."""
        return not self.broken and self.off_parity * 100 <= self.pairs


@dataclass(frozen=True, slots=True)
class Residuals:
    """Differences from what must hold, USD per share: how many, the median and the largest of their sizes."""

    count: int
    median: float | None
    worst: float | None

    @classmethod
    def of(cls, differences: Floats) -> "Residuals":
        """Return what some differences come to."""
        sizes = np.abs(differences)
        if not len(sizes):
            return cls(0, None, None)
        return cls(len(sizes), float(np.median(sizes)), float(sizes.max()))


@dataclass(frozen=True, slots=True)
class ExpirationParity:
    """How far the quotes of an expiration keep together on a session, near the money.

    parity: of calls, puts and the underlying. boxes: of calls and puts of neighbouring strikes. off_parity: pairs that
    no yield explains.
    """

    expiration: date
    parity: Residuals
    boxes: Residuals
    off_parity: int


async def verify(
    db: Statements,
    settings: Settings,
    calendar: Calendar,
    clock: Clock,
    symbols: Sequence[str],
    first: date,
    last: date,
    on_session: Callable[[Verified], None] = lambda _: None,
) -> list[Verified]:
    """Check the stored bars of sessions; changes nothing.

    Args:
        db: the database.
        settings: rates and dividends of the parity check.
        calendar: the sessions.
        clock: sessions that have not closed are left out.
        symbols: the underlyings; those that are not known are passed over.
        first: the first session's day.
        last: the last session's day, included.
        on_session: called with each session's result.

    Returns:
        A result for each symbol and session, in order.

    Raises:
        DatabaseUnavailable, DatabaseError: the database cannot be read.
    """
    results = []
    for symbol in symbols:
        underlying = await contract_store.underlying(db, symbol)
        if underlying is None:
            continue
        for session in calendar.sessions(symbol, first, last):
            if session.close <= clock.now():
                results.append(await _session(db, settings, calendar, underlying, session))
                on_session(results[-1])
    return results


async def parity(
    db: Statements, settings: Settings, calendar: Calendar, underlying: Underlying, session: Session
) -> list[ExpirationParity]:
    """Return how far the quotes of each expiration keep together on a session; what is computed, is so in a thread.

    Args:
        db: the database.
        settings: rates and dividends.
        calendar: the closes of the expirations.
        underlying: whose contracts, with its id.
        session: the product's, whole.
    """
    slots = greeks_pass.slots_of(session)
    spot = greeks_pass.spots_at(await greeks_store.levels(db, underlying.id, session), slots)
    epochs = [int(slot.timestamp()) for slot in slots]
    told = await announced_dividends.known_on(db, underlying.id, session.day)
    rules, found = greeks_pass.rules_of(settings.greeks), []
    for expiration in await greeks_store.pending(db, underlying.id, session, None):
        stored = await greeks_store.prices(db, underlying.id, session, expiration, epochs)
        years = greeks_pass.years_to(greeks_pass.closes_at(calendar, underlying.symbol, expiration), slots)
        terms = greeks_pass.terms_of(settings.greeks, calendar, underlying.symbol, session, expiration, told)
        day = greeks_pass.expiration_day(stored, spot, years)
        found.append(await asyncio.to_thread(_expiration, expiration, day, terms, rules))
    return found


def _expiration(expiration: date, day: ExpirationDay, terms: Terms, rules: InputRules) -> ExpirationParity:
    found = pairs_of(day, inputs(day, rules)[1], rules)
    carry = implied_carry(found, terms.rate, Prior(terms.prior.dividend_yield), terms.dividends)
    given = (found, terms.rate, carry.dividend_yield, terms.dividends)
    return ExpirationParity(
        expiration,
        Residuals.of(parity_residual(*given)),
        Residuals.of(box_residual(found, terms.rate)),
        int(np.count_nonzero(parity_excess(*given) > _PARITY_LEEWAY * found.spot)),
    )


async def _session(
    db: Statements, settings: Settings, calendar: Calendar, underlying: Underlying, session: Session
) -> Verified:
    found = await parity(db, settings, calendar, underlying, session)
    return Verified(
        underlying.symbol,
        session.day,
        await quality_checks.session_quality(db, underlying.id, session),
        tuple(await quality_checks.broken(db, underlying.id, session)),
        sum(one.parity.count for one in found),
        sum(one.off_parity for one in found),
    )
