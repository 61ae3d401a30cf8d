"""Answer what the tables know: sessions, contracts, gaps, evidence.

Light: a status page imports nothing that only a run needs.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time
from typing import TYPE_CHECKING

from collector.app import opening
from collector.clock import Clock
from collector.config import Settings
from collector.db.bookkeeping import gaps_table, operator_actions, witnesses
from collector.db.bookkeeping.operator_actions import OperatorAction
from collector.db.connection.pool import Statements
from collector.db.contracts import contract_tables as contract_store
from collector.db.readers import day_status, replica
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import Unknown, UsageError
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OptionContract, Underlying
from collector.domain.market_data.spans import Span
from collector.domain.reports.storage_report import StorageReport
from collector.domain.run_vocabulary import GapState
from collector.jobs import due_windows
from collector.jobs.disk import sizes
from collector.runs.uncounted import uncounted

if TYPE_CHECKING:
    from collector.lineage.missing import Missing
    from collector.lineage.sessions import SessionAccount
    from collector.lineage.values import Account


async def is_anything_due(settings: Settings, clock: Clock) -> bool:
    """Tell whether a window is due now; what can no longer be had is recorded as missed.

    Raises:
        DatabaseError: there is no database to ask.
    """
    async with opening.database(settings, clock) as db:
        now = clock.now()
        schedule = await due_windows.schedule_of(db, settings, opening.calendar(settings), now)
        return bool((await due_windows.look(db, settings, schedule, now)).due)


async def actions(settings: Settings, clock: Clock, most: int) -> list[OperatorAction]:
    """Return the latest acts of people, newest first."""
    async with opening.reader(settings, clock) as db:
        return await operator_actions.latest(db, most)


async def overview(settings: Settings, day: date | None, clock: Clock) -> day_status.Overview:
    """Return the status page of a session, the last one that has opened by default.

    Raises:
        NotASession: the date is no trading day.
    """
    days = opening.calendar(settings)
    chosen = day or days.last_opened(clock.now())
    days.session("SPY", chosen)
    async with opening.reader(settings, clock) as db:
        found = [
            (one, days.session(one.symbol, chosen), settings.series_for(one.symbol))
            for one in await contract_store.underlyings(db)
        ]
        page = await day_status.overview(db, chosen, found)
        elsewhere = None if settings.database.read_url is None else (await replica.standing(db)).words
        return replace(page, uncounted=await uncounted(db, clock.now()), read_from=elsewhere)


async def storage(settings: Settings, clock: Clock) -> StorageReport:
    """Return what is stored, and by how much it has grown since a weekly run measured it."""
    async with opening.database(settings, clock) as db:
        return await sizes.report(db, settings, clock.now())


async def listed(settings: Settings, symbols: Sequence[str], clock: Clock) -> list[OptionContract]:
    """Return the known contracts that have not expired.

    Raises:
        UsageError: nothing is known of a symbol.
    """
    today = clock.now().astimezone(NEW_YORK).date()
    contracts: list[OptionContract] = []
    async with opening.reader(settings, clock) as db:
        for underlying in await known(db, symbols, settings.symbol_names):
            contracts += await contract_store.listed(db, underlying.id, today, date.max)
    return contracts


async def listed_gaps(
    settings: Settings, since: date | None, symbols: Sequence[str], clock: Clock, state: GapState
) -> tuple[list[gaps_table.Gap], tuple[int, ...]]:
    """Return the gaps of a state, those of the contract that expires first first; and the runs not counted in them.

    Raises:
        UsageError: nothing is known of a symbol.
    """
    start = None if since is None else datetime.combine(since, time(0), NEW_YORK)
    async with opening.reader(settings, clock) as db:
        await known(db, symbols, settings.symbol_names)
        return await gaps_table.open_gaps(db, symbols or None, start, state), await uncounted(db, clock.now())


async def witnessed(settings: Settings, day: date, symbols: Sequence[str], clock: Clock) -> list[witnesses.Witnessed]:
    """Return the series of a session that one witness calls empty, or that wait for more.

    Raises:
        NotASession: the date is no trading day.
        UsageError: the session has not opened, or nothing is known of a symbol.
    """
    calendar = opening.calendar(settings)
    hours = [calendar.session(symbol, day) for symbol in symbols or settings.symbol_names]
    span = Span(min(session.open for session in hours), max(session.close for session in hours))
    if span.start > clock.now():
        raise UsageError(f"the session of {day} has not opened", "Nothing has been asked about it yet.")
    async with opening.reader(settings, clock) as db:
        await known(db, symbols, settings.symbol_names)
        return await witnesses.of_session(db, day, span, symbols or None)


async def known(db: Statements, named: Sequence[str], configured: Sequence[str]) -> list[Underlying]:
    """Return the underlyings that a person named, or the configured ones of which anything is known yet.

    Raises:
        Unknown: one was named of which nothing is known.
    """
    found = {symbol: await contract_store.underlying(db, symbol) for symbol in named or configured}
    if unknown := [symbol for symbol in named if found[symbol] is None]:
        raise Unknown(f"nothing is known of {', '.join(unknown)}", "See: collector chains list")
    return [one for one in found.values() if one is not None]


async def why_value(settings: Settings, name: str, at: str, bars: str | None, clock: Clock) -> "Account":
    """Return all that is on record about one slot.

    Args:
        settings: which database.
        name: a contract or an underlying, as a person names it.
        at: the instant, as a person writes it.
        bars: the size of an underlying's bars; None: 5 minutes.
        clock: of the database.

    Raises:
        UsageError: nothing of that name is known, it is no instant, or there is no session then and nothing stored.
    """
    from collector.lineage import naming, values  # noqa: PLC0415 - numpy, and what computes Greeks

    instant = naming.instant_of(at)
    async with opening.reader(settings, clock) as db:
        found = await values.account(db, name, instant, bars)
    if not found.is_stored:
        opening.calendar(settings).require_slot(found.instrument.symbol, found.data_set, found.slot)
    return found


async def why_missing(
    settings: Settings, contract: str | None, symbol: str | None, day: date, bars: str | None, clock: Clock
) -> "Missing":
    """Return why values of a session are missing.

    Args:
        settings: which database; which series are collected.
        contract: of this contract; None: of all contracts of the symbol, or with `bars` of the symbol itself.
        symbol: the underlying's.
        day: the session's.
        bars: the size of the underlying's bars; None: of options.
        clock: tells what is over.

    Raises:
        UsageError: nothing of that name is known.
        NotASession: the day is no session.
    """
    from collector.lineage import missing, naming  # noqa: PLC0415 - as above

    async with opening.reader(settings, clock) as db:
        instrument, underlying = await naming.instrument(db, contract or symbol or "")
        session = opening.calendar(settings).session(underlying.symbol, day)
        if isinstance(instrument, OptionContract) or (bars is None and contract is None):
            only = instrument if isinstance(instrument, OptionContract) else None
            series = settings.series_for(underlying.symbol)
            return await missing.missing(db, underlying, OPTION_BARS_5MIN, session, series, only)
        data_set = naming.data_set_of(instrument, bars)
        return await missing.missing(db, underlying, data_set, session, data_set.series)


async def why_session(settings: Settings, symbol: str, day: date, clock: Clock) -> "SessionAccount":
    """Return what is on record about a session of a symbol's options, in counts.

    Raises:
        UsageError: nothing of that name is known.
        NotASession: the day is no session.
    """
    from collector.lineage import sessions  # noqa: PLC0415 - as above

    async with opening.reader(settings, clock) as db:
        [underlying] = await known(db, [symbol], settings.symbol_names)
        session = opening.calendar(settings).session(symbol, day)
        return await sessions.session(db, underlying, session, settings.series_for(symbol))
