"""Compute implied volatilities and Greeks of settled sessions.

Implied volatilities and Greeks of settled sessions: a pass over whole expirations that can stop anywhere.

What has been done is told by the bars themselves: each bears the version of the parameters that its numbers were made
with, and loses it when its prices change. An expiration of which any bar lacks the present version is computed whole,
because its yield is drawn from all its quotes.
"""

import asyncio
import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import structlog

from collector.clock import Clock
from collector.config.greeks_settings import GreeksSettings
from collector.db.bars import greeks_columns as greeks_store
from collector.db.bars import quality_checks
from collector.db.bars.quality_checks import SessionQuality
from collector.db.connection.pool import Database, Statements
from collector.db.contracts import announced_dividends
from collector.db.contracts import contract_tables as contract_store
from collector.db.contracts.announced_dividends import AnnouncedDividend
from collector.domain.errors import NotASession
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import Underlying
from collector.domain.market_data.sessions import Session
from collector.domain.pricing.american_price import CALL, PUT
from collector.domain.pricing.chain import ABSENT, ALGORITHM, Computed, ExpirationDay, InputRules, Terms, compute
from collector.domain.pricing.dividends import Dividend, DividendSource
from collector.domain.pricing.normal import Floats
from collector.domain.pricing.parity import Prior
from collector.domain.pricing.reasons import COMPUTED, GreeksReason
from collector.domain.quality.flags import SlotFlag
from collector.market.calendar import Calendar

_YEAR = timedelta(days=365)
log = structlog.get_logger()


@dataclass(slots=True)
class GreeksTally:
    """What a pass did.

    expirations: expiration-sessions computed. bars: bars looked at. changed: bars written. reasons: bars by reason.
    seconds: real time that it took.
    """

    expirations: int = 0
    bars: int = 0
    changed: int = 0
    reasons: Counter[GreeksReason] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def computed(self) -> int:
        """Return the number of bars that got numbers."""
        return sum(self.reasons[reason] for reason in COMPUTED)


@dataclass(frozen=True, slots=True)
class _Task:
    """One expiration on one session."""

    underlying: Underlying
    session: Session
    expiration: date
    terms: Terms
    slots: tuple[datetime, ...]
    spot: Floats
    expires_at: datetime


async def calculate(
    db: Database,
    settings: GreeksSettings,
    calendar: Calendar,
    clock: Clock,
    symbols: Sequence[str],
    first: date,
    last: date,
    *,
    everything: bool = False,
    on_progress: Callable[[GreeksTally], None] = lambda _: None,
) -> GreeksTally:
    """Compute what sessions lack; sessions that have not settled by the clock are left for later.

    Each expiration of a session is one transaction: the pass may be stopped anywhere and repeated. Call it while
    nobody else writes these bars (under the collection lock).

    Args:
        db: the database.
        settings: rates, dividends, rules.
        calendar: the sessions.
        clock: tells which sessions have settled.
        symbols: the underlyings; those that are not known yet are passed over.
        first: the first session's day.
        last: the last session's day, included.
        everything: compute also what bears the present version already.
        on_progress: called after each expiration.

    Raises:
        DatabaseUnavailable, DatabaseError: what was committed stays.
    """
    began = time.monotonic()
    tally = GreeksTally()
    version = await greeks_store.version_of(db, parameters(settings))
    for symbol in symbols:
        underlying = await contract_store.underlying(db, symbol)
        if underlying is None:
            continue
        for session in calendar.sessions(symbol, first, last):
            if session.settles_at <= clock.now():
                tasks = await _tasks(db, settings, calendar, underlying, session, None if everything else version)
                await _run(db, settings, clock, tasks, version, tally, on_progress)
                if tasks:
                    await note_quality(db, underlying, session)
    tally.seconds = time.monotonic() - began
    log.info(
        "greeks_done",
        expirations=tally.expirations,
        bars=tally.bars,
        computed=tally.computed,
        changed=tally.changed,
        version=version,
        seconds=round(tally.seconds, 1),
    )
    return tally


async def recompute(
    db: Database,
    settings: GreeksSettings,
    calendar: Calendar,
    clock: Clock,
    symbols: Sequence[str],
    since: date,
    on_progress: Callable[[GreeksTally], None] = lambda _: None,
) -> GreeksTally:
    """Compute everything since a session's day afresh, whatever version it bears; otherwise as `calculate`."""
    last = max(calendar.last_completed(clock.now(), symbol).day for symbol in symbols)
    return await calculate(
        db, settings, calendar, clock, symbols, since, last, everything=True, on_progress=on_progress
    )


async def note_quality(db: Statements, underlying: Underlying, session: Session) -> SessionQuality:
    """Measure quote coverage, volatility coverage and quarantine of a session, and add them to its statistics.

    `calculate` does it for the sessions that it touches; call it again after the statistics' row has been written.
    """
    found = await quality_checks.session_quality(db, underlying.id, session)
    await quality_checks.record(db, underlying.symbol, session, found)
    return found


def parameters(settings: GreeksSettings) -> dict[str, Any]:
    """Return everything that changes a number; equal parameters have one version."""
    return {"algorithm": ALGORITHM, **settings.parameters()}


def terms_of(
    settings: GreeksSettings,
    calendar: Calendar,
    symbol: str,
    session: Session,
    expiration: date,
    told: AnnouncedDividend | None = None,
) -> Terms:
    """Return rate, yield and cash dividends that hold for an expiration on a session.

    Args:
        settings: rates, and the dividends that the owner knows: where there are some, or a yield that holds because
            parity is off, nothing else is asked.
        calendar: the sessions.
        symbol: the underlying.
        session: the session.
        expiration: the expiration.
        told: the next dividend as the source had told it by then.
    """
    known = settings.of(symbol)
    closes = closes_at(calendar, symbol, expiration)

    def ahead(paid: Iterable[tuple[date, float]]) -> tuple[Dividend, ...]:
        return tuple(
            Dividend(amount, (closes - calendar.session(symbol, ex).open) / _YEAR)
            for ex, amount in paid
            if session.day < ex <= expiration
        )

    cash, source = ahead((dividend.ex, dividend.amount) for dividend in known.cash), DividendSource.CONFIGURED
    yields = known.dividend_yield != 0.0 and not settings.parity
    if told is not None and told.ex is not None and told.amount and not (cash or yields):
        cash = ahead([(told.ex, float(told.amount))] if calendar.is_session(told.ex) else [])
        source = DividendSource.TICK if cash else source
    return Terms(
        rate=settings.rate((expiration - session.day).days),
        prior=Prior(known.dividend_yield),
        from_parity=settings.parity,
        dividends=cash,
        source=source,
    )


def rules_of(settings: GreeksSettings) -> InputRules:
    """Return which prices are fit to be inverted."""
    return dataclasses.replace(
        InputRules(),
        widest_usd=settings.widest_usd,
        widest_fraction=settings.widest_fraction,
        stale_usd=settings.stale_usd,
    )


def closes_at(calendar: Calendar, symbol: str, expiration: date) -> datetime:
    """Return when the contracts of an expiration stop trading; of a day that is no session, when the one before did."""
    try:
        return calendar.session(symbol, expiration).close
    except NotASession:
        return calendar.session(symbol, calendar.previous(expiration)).close


def expiration_day(stored: greeks_store.StoredPrices, spot: Floats, years: Floats) -> ExpirationDay:
    """Return stored prices as the calculation takes them; spot and years (at the slots' ends) by slot."""
    return ExpirationDay(
        strike=stored.strike,
        sign=np.where(stored.is_call, CALL, PUT).astype(np.int64),
        spot=spot,
        years=years,
        present=stored.present,
        bid=stored.bid,
        ask=stored.ask,
        trade=stored.trade,
        volume=stored.volume,
        flags=stored.flags,
    )


def slots_of(session: Session) -> tuple[datetime, ...]:
    """Return the starts of the slots that the bars of options have in a session."""
    return tuple(OPTION_BARS_5MIN.slots(OPTION_BARS_5MIN.span(session)))


def spots_at(levels: Sequence[greeks_store.Level], slots: Sequence[datetime]) -> Floats:
    """Return the underlying's closes by slot; NaN where there is none, or where it is doubted."""
    closes = {level.time: level.close for level in levels if not level.flags & SlotFlag.TRADE_JUMP}
    return np.array([closes.get(slot, np.nan) for slot in slots], dtype=np.float64)


def years_to(closes: datetime, slots: Sequence[datetime]) -> Floats:
    """Return the time from the end of each slot to an expiration's close, years; never below 0."""
    return np.array([max((closes - slot - OPTION_BARS_5MIN.bar_size) / _YEAR, 0.0) for slot in slots], dtype=np.float64)


async def _tasks(
    db: Database,
    settings: GreeksSettings,
    calendar: Calendar,
    underlying: Underlying,
    session: Session,
    version: int | None,
) -> list[_Task]:
    pending = await greeks_store.pending(db, underlying.id, session, version)
    if not pending:
        return []
    slots = slots_of(session)
    spot = spots_at(await greeks_store.levels(db, underlying.id, session), slots)
    told = await announced_dividends.known_on(db, underlying.id, session.day)
    return [
        _Task(
            underlying,
            session,
            expiration,
            terms_of(settings, calendar, underlying.symbol, session, expiration, told),
            slots,
            spot,
            closes_at(calendar, underlying.symbol, expiration),
        )
        for expiration in pending
    ]


async def _run(
    db: Database,
    settings: GreeksSettings,
    clock: Clock,
    tasks: Sequence[_Task],
    version: int,
    tally: GreeksTally,
    on_progress: Callable[[GreeksTally], None],
) -> None:
    """Compute and write expirations, a few at once; the first error stops the rest."""
    room = asyncio.Semaphore(settings.threads)

    async def one(task: _Task) -> None:
        async with room:
            computed, changed = await _one(db, rules_of(settings), clock, task, version)
        looked_at = computed.reason[computed.reason != ABSENT]
        tally.expirations += 1
        tally.changed += changed
        tally.bars += len(looked_at)
        reasons, counts = np.unique(looked_at, return_counts=True)
        tally.reasons.update(dict(zip(map(GreeksReason, reasons.tolist()), counts.tolist(), strict=True)))
        on_progress(tally)

    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(one(task))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors


async def _one(db: Database, rules: InputRules, clock: Clock, task: _Task, version: int) -> tuple[Computed, int]:
    """Read, compute (in a thread: numpy lets others run) and write one expiration; return numbers and bars changed."""
    epochs = [int(slot.timestamp()) for slot in task.slots]
    stored = await greeks_store.prices(db, task.underlying.id, task.session, task.expiration, epochs)
    day = expiration_day(stored, task.spot, years_to(task.expires_at, task.slots))
    with clock.hold():
        computed = await asyncio.to_thread(compute, day, task.terms, rules)
    changed = await greeks_store.write(
        db, task.underlying.id, task.session, task.expiration, stored.contract_ids, task.slots, task.spot,
        task.expires_at, computed, task.terms, version,
    )  # fmt: skip
    return computed, changed
