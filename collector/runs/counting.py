"""Count what sessions have and lack after a run.

Count what sessions have and lack after a run: gaps, losses, last chances, statistics.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import structlog

from collector.clock import Clock
from collector.config import Settings
from collector.db.bookkeeping import (
    claims,
    closed_days,
    coverage_table,
    dead_letters,
    gaps_table,
    runs_table,
    session_statistics,
)
from collector.db.bookkeeping.runs_table import Uncounted
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables as contract_store
from collector.db.contracts import lifecycle
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.data_sets import DATA_SETS, OPTION_BARS_5MIN, DataSet, InstrumentKind
from collector.domain.market_data.instruments import OptionContract, Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.reports.run_report import Expiring, GapCounts
from collector.domain.run_vocabulary import OVER_SESSIONS, Asks, GapState, GapType, Window
from collector.jobs.greeks_pass import note_quality
from collector.market.calendar import Calendar
from collector.runs.finished import Finished, Prepared
from collector.runs.planning import expired_contracts
from collector.runs.preparing import contract_scope
from collector.runs.uncounted import OWED_FOR

_LOOKING = frozenset({Window.GAP_CHECK, Window.WEEKLY})
_GAP_TYPES = {
    Outcome.PERMISSION: GapType.PERMISSION,
    Outcome.PACING: GapType.RATE_LIMIT,
    Outcome.DISCONNECTED: GapType.CONNECTION_FAILURE,
    Outcome.FARM_DOWN: GapType.CONNECTION_FAILURE,
    Outcome.OTHER_LOGIN: GapType.CONNECTION_FAILURE,
    Outcome.TIME_OUT: GapType.CONNECTION_FAILURE,
}
log = structlog.get_logger()


@dataclass(slots=True)
class _Count:
    """One symbol. past: its settled sessions that are looked through for gaps, by data set. touched: to be measured."""

    underlying: Underlying
    prepared: Prepared | None
    past: dict[DataSet, list[Session]]
    touched: list[Session]
    waiting: dict[int, datetime] = field(default_factory=dict)


async def count(
    finished: Finished, db: Database, settings: Settings, calendar: Calendar, clock: Clock, now: datetime
) -> None:
    """Bring gaps, lifecycle and statistics of all that a run touched up to date; say loudly what is lost.

    What runs before it left uncounted, because they were cut off, is counted, too. May be stopped anywhere; then this
    run's is left to the next one. Gaps come first, then the sessions' statistics, the latest session first.

    Args:
        finished: the run.
        db: the database.
        settings: the configuration.
        calendar: the exchange's.
        clock: our time; says how long the run took.
        now: an instant that has come for certain.
    """
    shortened = await _withdraw(db, calendar)
    finished.expired_contracts = await lifecycle.mark_expired(db, now.astimezone(NEW_YORK).date())
    # Silent since now: whoever closes a run holds the collection lock, so no other can be alive.
    left = [one for one in await runs_table.uncounted(db, now - OWED_FOR, now) if one.run_id != finished.run_id]
    counts = await _counts(finished, left, shortened, db, settings, calendar, now)
    await _count_gaps(finished, counts, db, settings, now)
    await _count_expiries(finished, counts, db, settings, now)
    await _measure(finished, counts, db, settings, clock)
    # Last: if this is cut off before, they stay owed and are counted again.
    await runs_table.mark_counted(db, sorted({one.run_id for one in left}))
    finished.counted = True


async def measure(
    db: Database, settings: Settings, calendar: Calendar, underlying: Underlying, session: Session
) -> None:
    """Measure a session's options again, where there are any, after what is known of it has changed without a run."""
    waiting = await contract_scope.pending(db, settings, calendar, underlying, session.day)
    due = await contract_scope.due_ids(db, underlying, session, waiting)
    series = settings.series_for(underlying.symbol)
    measured = await session_statistics.measure(db, OPTION_BARS_5MIN, underlying.id, session, series, due)
    if measured.contracts:
        await session_statistics.record(db, session.day, underlying.symbol, measured)


async def _withdraw(db: Database, calendar: Calendar) -> dict[int, set[date]]:
    """Withdraw what was expected when there was no session, as is known now.

    Returns:
        By underlying (its id) the sessions that have become shorter: they have to be measured again.
    """
    shortened: dict[int, set[date]] = {}
    if calendar.closures and (open_days := await closed_days.forget_sessions(db, calendar.closures)):
        log.warning("closures_with_bars", days=[str(day) for day in open_days], setting="closures")
    for underlying in await contract_store.underlyings(db):
        for data_set in DATA_SETS:
            if closed := calendar.closed(data_set, underlying.symbol):
                days = await closed_days.withdraw(db, data_set, underlying.id, closed)
                if shorter := {day for day in days if calendar.is_session(day)}:
                    shortened.setdefault(underlying.id, set()).update(shorter)
    return shortened


async def _counts(
    finished: Finished,
    left: Sequence[Uncounted],
    shortened: Mapping[int, set[date]],
    db: Database,
    settings: Settings,
    calendar: Calendar,
    now: datetime,
) -> list[_Count]:
    order = finished.order
    ready = {one.underlying.id: one for one in finished.prepared}
    known = {one.id: one for one in await contract_store.underlyings(db)}
    counts = []
    for id_ in sorted({*ready, *shortened, *(one.underlying_id for one in left)} & {*ready, *known}):
        prepared, underlying = ready.get(id_), ready[id_].underlying if id_ in ready else known[id_]
        days = {order.day} if prepared else set[date]()
        if prepared and order.option_bars:  # what else a run has asked about changes no statistics
            days |= {session.day for session in prepared.sessions}
        days |= shortened.get(id_, set())
        for one in left:
            if one.underlying_id == id_:
                days |= {session.day for session in calendar.sessions(underlying.symbol, one.first, one.last)}
        touched = [calendar.session(underlying.symbol, day) for day in sorted(days, reverse=True)]
        # Bars of a day are no gaps before their own window has run.
        whole = left or order.window in _LOOKING
        past = {
            data_set: await _past(finished, data_set, underlying, touched, db, calendar, now)
            for data_set in (DATA_SETS if whole else order.data_sets)
        }
        last = [sessions[-1].day for one, sessions in past.items() if one.kind is InstrumentKind.OPTION and sessions]
        waiting = await contract_scope.pending(db, settings, calendar, underlying, max(last)) if last else {}
        counts.append(_Count(underlying, prepared, past, touched, waiting))
    return counts


async def _past(
    finished: Finished,
    data_set: DataSet,
    underlying: Underlying,
    touched: Sequence[Session],
    db: Database,
    calendar: Calendar,
    now: datetime,
) -> list[Session]:
    """Return the settled sessions that are looked through: none from before anything was selected."""
    order = finished.order
    first_selected = await contract_store.first_selected(db, data_set, underlying.id)
    if first_selected is None:
        return []
    # Back to where the source may still remember, so that each run finds what older ones left; never to before the
    # first selection, when nothing was expected. What has not settled yet is not missing yet.
    last = max([order.day, *(session.day for session in touched)])
    first = first_selected
    if order.window not in _LOOKING:
        reach = max(data_set.depths.values())
        first = max(first, min([order.day - reach, *(session.day for session in touched)]))
    return [one for one in calendar.sessions(underlying.symbol, first, last) if one.settles_at < now]


async def _count_gaps(
    finished: Finished, counts: Sequence[_Count], db: Database, settings: Settings, now: datetime
) -> None:
    changed, lost = gaps_table.Recorded(), list[gaps_table.Gap]()
    for one in counts:
        for data_set, past in one.past.items():
            changed += await gaps_table.record(
                db,
                data_set,
                one.underlying.id,
                past,
                _series(settings, data_set, one.underlying.symbol),
                run_id=finished.run_id,
                now=now,
                reasons=_reasons(finished),
                pending=one.waiting,
            )
        # After the record: only what is recorded as a gap can be lost.
        lost += await expired_contracts.lost(db, one.underlying, now)
    # After the losses: a letter ends with them, too.
    await dead_letters.resolve(db, now)
    if lost:
        log.critical("bars_lost", gaps=len(lost), examples=[_gap_words(gap) for gap in lost[:5]])
    totals = await gaps_table.totals(db)
    finished.gaps = GapCounts(
        opened=changed.opened, closed=changed.closed, lost=len(lost), still_open=totals[GapState.OPEN].gaps
    )
    gone = sorted({gap.contract_symbol for gap in lost if gap.contract_symbol})
    finished.expiring = Expiring(lost=len(gone), examples=tuple(gone)[:5])


def _series(settings: Settings, data_set: DataSet, symbol: str) -> Sequence[WhatToShow]:
    """Return the series that are collected of a symbol's bars of a kind; none where they are not, or not any more."""
    if data_set.kind is InstrumentKind.OPTION:
        return settings.series_for(symbol)
    return data_set.series if data_set in settings.data_sets_for(symbol) else ()


async def _count_expiries(
    finished: Finished, counts: Sequence[_Count], db: Database, settings: Settings, now: datetime
) -> None:
    """Count whose last chance it was: what is at risk stays so until it is lost, for it is still asked for."""
    order, saved, awaited, at_risk = finished.order, 0, 0, list[OptionContract]()
    for one in counts:
        series = settings.series_for(one.underlying.symbol)
        for session in one.touched if series else ():
            if session.settles_at >= now:
                continue
            found = await lifecycle.mark_expiry_collected(db, OPTION_BARS_5MIN, one.underlying.id, session, series)
            # Other sessions are brought up to date only; the report tells of the order's own.
            if session.day == order.day and one.prepared is not None:
                saved += found.saved
                awaiting = await claims.awaiting_expiries(db, OPTION_BARS_5MIN, one.underlying.id, session, series)
                awaited += sum(contract.id in awaiting for contract in found.at_risk)
                at_risk += [contract for contract in found.at_risk if contract.id not in awaiting]
        if one.prepared is not None:
            at_risk += await lifecycle.expired_at_risk(db, one.underlying.id, order.day)
    if at_risk:
        names = [contract.occ_symbol for contract in at_risk[:5]]
        log.critical("last_chance_at_risk", contracts=len(at_risk), examples=names)
    examples = finished.expiring.examples or tuple(contract.occ_symbol for contract in at_risk[:5])
    finished.expiring = Expiring(
        saved=saved, awaiting=awaited, at_risk=len(at_risk), lost=finished.expiring.lost, examples=examples
    )


async def _measure(
    finished: Finished, counts: Sequence[_Count], db: Database, settings: Settings, clock: Clock
) -> None:
    """Measure the sessions that were touched, the latest first; the order's own says what the run took for it."""
    order = finished.order
    seconds = (clock.now() - finished.started).total_seconds()
    done = expected = 0
    if not order.option_bars:
        of_own = await own_progress(finished, db)
        done = sum(one.covered if order.asks is Asks.NOT_COVERED else one.settled for one in of_own.values())
        expected = sum(one.expected for one in of_own.values())
    sessions = sorted(((one, session) for one in counts for session in one.touched), key=lambda pair: pair[1].day)
    for one, session in reversed(sessions):
        underlying, series = one.underlying, settings.series_for(one.underlying.symbol)
        due = await contract_scope.due_ids(db, underlying, session, one.waiting)
        measured = await session_statistics.measure(db, OPTION_BARS_5MIN, underlying.id, session, series, due)
        finished.asked.after[underlying.symbol, session.day] = measured
        if session.day == order.day and one.prepared is not None and order.option_bars:
            asked = one.prepared.sessions[-1] if one.prepared.sessions else session
            # An intraday window asks for a part of the session: the run is measured by that part, the statistics are of
            # the whole.
            part = measured
            if asked != session:
                part = await session_statistics.measure(db, OPTION_BARS_5MIN, underlying.id, asked, series, due)
            if one.prepared.sessions:
                done += part.covered if order.asks is Asks.NOT_COVERED else part.settled
                expected += part.expected
            own = finished.tally.of(underlying.symbol)
            error_rate = len(own.contracts & finished.tally.contracts_failed) / max(len(own.contracts), 1)
            await session_statistics.record(
                db, session.day, underlying.symbol, measured, duration_s=seconds, error_rate=error_rate
            )
        elif measured.contracts:
            # What its own run took and failed at stays.
            await session_statistics.record(db, session.day, underlying.symbol, measured)
        else:
            continue
        await note_quality(db, underlying, session)
    if order.window in OVER_SESSIONS and (held := _asked(finished)):
        done, expected = sum(part.settled for part in held), sum(part.expected for part in held)
    finished.reached = done / expected if expected else None


def _asked(finished: Finished) -> list[session_statistics.Measured]:
    """Return the sessions that a run has asked about, as it left them."""
    return [measured for key, measured in finished.asked.after.items() if key in finished.asked.before]


async def own_progress(finished: Finished, db: Database) -> dict[str, coverage_table.Progress]:
    """Return by symbol how far the underlyings' own bars of an order have come, on the sessions that it looks at."""
    found: dict[str, coverage_table.Progress] = {}
    for one in finished.prepared:
        symbol = one.underlying.symbol
        found[symbol] = coverage_table.Progress()
        for data_set in finished.order.underlying_bars:
            found[symbol] += await coverage_table.progress(db, data_set, one.underlying.id, one.sessions)
    return found


def _reasons(finished: Finished) -> dict[tuple[int, WhatToShow], GapType]:
    return {
        (one.request.instrument.id, one.request.what_to_show): _GAP_TYPES[one.failure.outcome]
        for one in finished.given_up
        if one.failure.outcome in _GAP_TYPES and isinstance(one.request.instrument, OptionContract)
    }


def _gap_words(gap: gaps_table.Gap) -> str:
    return f"{gap.contract_symbol or gap.symbol} {gap.what_to_show} {gap.span.start:%Y-%m-%d %H:%M} UTC: {gap.reason}"
