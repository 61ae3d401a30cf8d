"""Make the reports of runs.

The report of a run: what tally and tables know, as the one model that is shown, mailed and filed.
"""

import socket
from collections import Counter
from dataclasses import replace
from datetime import datetime

from collector.config import Settings
from collector.db.bookkeeping import session_statistics
from collector.db.connection.pool import Database
from collector.db.readers import day_status, grids, held_slots, report_rows
from collector.domain.errors import CollectorError, DatabaseError
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.spans import Span
from collector.domain.pacing.pace import Latency
from collector.domain.reports.run_report import (
    BarCount,
    Cause,
    DayTotals,
    FailureReport,
    NextWindow,
    OutcomeCount,
    RunReport,
    SymbolReport,
    VerdictCounts,
)
from collector.domain.run_vocabulary import OVER_SESSIONS, SAVING, Asks, RunStatus, Stage, Window
from collector.jobs import due_windows
from collector.jobs.alert_facts import environment
from collector.market.calendar import Calendar
from collector.market.schedule import Schedule
from collector.notify.alerts.troubleshooting import cause_of, traceback_without_values
from collector.notify.reports import wording
from collector.runs import asked_sessions
from collector.runs.counting import own_progress
from collector.runs.finished import Finished, Prepared
from collector.runs.orders import Order, command_of

_CAUSES = {
    Outcome.PERMISSION: Cause.PERMISSION,
    Outcome.PACING: Cause.PACING,
    Outcome.DISCONNECTED: Cause.GATEWAY_DOWN,
    Outcome.FARM_DOWN: Cause.GATEWAY_DOWN,
    Outcome.OTHER_LOGIN: Cause.GATEWAY_DOWN,
}

_STAGES = {
    Window.BACKUP: Stage.BACKUP,
    Window.ARCHIVE: Stage.ARCHIVE,
    Window.CHAIN_REFRESH: Stage.DISCOVER,
    Window.PRE_MARKET: Stage.DISCOVER,
    Window.GAP_CHECK: Stage.CLOSE,
    Window.WEEKLY: Stage.CLOSE,
}
"""What windows do that fetch no bars; all others fetch."""

_SAVED = {
    Stage.BACKUP: "Earlier backups are untouched.",
    Stage.ARCHIVE: "The objects that were there before still are; the next pass writes what is missing.",
    Stage.DISCOVER: "The expirations that were read are stored; the next run reads every chain again.",
    Stage.CLOSE: "Nothing was fetched or lost; the next run looks again.",
}


async def of_run(
    finished: Finished, db: Database, settings: Settings, calendar: Calendar, now: datetime, log_path: str = ""
) -> RunReport:
    """Return the report of a run that was recorded.

    A database that is gone by now makes the run a failed one, and its report tells what is known without the tables.
    """
    try:
        return await _with_tables(finished, db, settings, calendar, now, log_path)
    except DatabaseError as error:
        if finished.error is None:
            finished.error, finished.status = error, RunStatus.FAILED
        return _without_tables(finished, settings, calendar, now, log_path)


async def _with_tables(
    finished: Finished, db: Database, settings: Settings, calendar: Calendar, now: datetime, log_path: str
) -> RunReport:
    order = finished.order
    symbols = [await _measured(finished, prepared, db, settings) for prepared in finished.prepared]
    own = await own_progress(finished, db) if finished.asked.own_before else {}
    schedule = await due_windows.schedule_of(db, settings, calendar, now)
    rows = await day_status.runs_of(db, order.day)
    awaited = await due_windows.confirms(db, order.symbols)
    return replace(
        _without_tables(finished, settings, calendar, now, log_path),
        attempt=next(row.attempt for row in rows if row.id == finished.run_id),
        symbols=(*symbols, *_left_out(finished)),
        sessions=asked_sessions.progress(finished, own),
        day=None if order.window in OVER_SESSIONS else await _day(db, order.day_span),
        confirm_at=min((max(at, now) for day, at in awaited.items() if day in finished.days), default=None),
        past=tuple(await report_rows.past_runs(db, order.window, before=order.day)),
        next_window=next_window(schedule, now),
        environment=await environment(db, settings, schedule, now, finished.started, finished.expired_contracts),
    )


def _without_tables(
    finished: Finished, settings: Settings, calendar: Calendar, now: datetime, log_path: str
) -> RunReport:
    order, tally = finished.order, finished.tally
    return RunReport(
        run_id=finished.run_id,
        window=order.window,
        session=order.day,
        status=finished.status,
        started=finished.started,
        completed=now,
        scheduled=order.scheduled,
        asks=order.asks,
        early_close=order.session(order.symbols[0]).early_close,
        slots=finished.slots,
        symbols=(*(_counted(finished, prepared) for prepared in finished.prepared), *_left_out(finished)),
        errors=_errors(finished),
        implausible=tuple(finished.implausible),
        accepted=tuple(one for one in finished.weighed.accepted if one.session in finished.days),
        unproven=finished.unproven,
        controls=tally.controls,
        confirming=order.confirming,
        rate_limit_hits=tally.rate_limit_hits,
        latency=Latency.of(tally.latencies_s),
        pacer=tuple(finished.samples),
        expiring=finished.expiring,
        gaps=finished.gaps,
        next_window=next_window(due_windows.configured(settings, calendar), now),
        backup=finished.backup,
        archive=finished.archive,
        upkeep=finished.upkeep,
        data_sets=tuple(one.name for one in order.data_sets) if order.window.fetches else (),
        splits=tuple(finished.splits),
        renumbered=tuple(finished.renumbered),
        closures=tuple(finished.closures),
        conditions=tuple(one for one in finished.conditions if one.lasts),
        failure=failure_of(finished, order, log_path),
        log_path=log_path,
        host=socket.gethostname(),
    )


def of_running(
    finished: Finished, settings: Settings, calendar: Calendar, now: datetime, log_path: str = ""
) -> RunReport:
    """Return the report of a run that is at work: what it has done so far, without the tables."""
    report = _without_tables(finished, settings, calendar, now, log_path)
    return replace(report, status=RunStatus.RUNNING, completed=None, failure=None)


def of_preflight(
    order: Order,
    error: CollectorError,
    settings: Settings,
    calendar: Calendar,
    now: datetime,
    log_path: str = "",
    recorded: tuple[int, int] = (0, 1),
) -> RunReport:
    """Return the report of a run that could not begin: no gateway, no database.

    `recorded` is its id and attempt; without a database it has no id, which is 0 here.
    """
    return RunReport(
        run_id=recorded[0],
        attempt=recorded[1],
        window=order.window,
        session=order.day,
        status=RunStatus.FAILED,
        started=now,
        completed=now,
        scheduled=order.scheduled,
        asks=order.asks,
        next_window=next_window(due_windows.configured(settings, calendar), now),
        failure=FailureReport(
            stage=Stage.PREFLIGHT,
            cause=cause_of(error),
            message=error.message,
            hint=error.hint,
            saved=_SAVED[_STAGES[order.window]]
            if order.window in SAVING
            else "Nothing was asked for; what is missing stays due.",
            resume=command_of(order),
            log_path=log_path,
        ),
        log_path=log_path,
        host=socket.gethostname(),
    )


def failure_of(finished: Finished, order: Order, log_path: str) -> FailureReport | None:
    """Return why a run did not end well, None when it did."""
    if finished.status is RunStatus.SUCCESS:
        return None
    stage = _STAGES.get(order.window, Stage.FETCH)
    saved = _SAVED.get(stage) or (
        f"{wording.bars(_stored(finished))}, new or changed, are stored with their coverage; "
        "the next run asks only for what is missing."
    )
    error = finished.error
    if error is None:
        outcomes = Counter(one.failure.outcome for one in finished.given_up)
        outcomes.update(one.failure.outcome for one in finished.not_prepared)
        worst = max(outcomes, key=outcomes.__getitem__, default=Outcome.UNKNOWN)
        archived = finished.archive is not None and bool(finished.archive.problems)
        lacks_symbol = any(one.failure.outcome is Outcome.UNKNOWN_CONTRACT for one in finished.not_prepared)
        otherwise = Cause.UNKNOWN_SYMBOL if lacks_symbol else Cause.INCOMPLETE
        accept = f"If the market really was so: collector coverage accept --session {order.day}"
        return FailureReport(
            stage=stage,
            cause=Cause.ARCHIVE
            if archived
            else Cause.IMPLAUSIBLE
            if finished.implausible
            else _CAUSES.get(worst, otherwise),
            message="; ".join(_shortfalls(finished, stage)),
            hint=accept if any(one.session == order.day for one in finished.implausible) else "",
            saved=saved,
            resume=command_of(order),
            log_path=log_path,
        )
    foreseen = isinstance(error, CollectorError)
    return FailureReport(
        stage=Stage.STORE if isinstance(error, DatabaseError) and stage is Stage.FETCH else stage,
        cause=Cause.INTERRUPTED if finished.status is RunStatus.INTERRUPTED else cause_of(error),
        message=error.message if isinstance(error, CollectorError) else f"{type(error).__name__}: {error}",
        hint=error.hint if isinstance(error, CollectorError) else "",
        saved=saved,
        resume=command_of(order),
        log_path=log_path,
        traceback="" if foreseen else traceback_without_values(error),
    )


def _stored(finished: Finished) -> BarCount:
    """Return the bars that a run has stored, new or changed."""
    of_symbols = finished.tally.symbols.values()
    own = sum(one.own_inserted + one.own_updated for one in of_symbols)
    return BarCount.of(finished.tally.inserted + finished.tally.updated, own)


def _shortfalls(finished: Finished, stage: Stage) -> list[str]:
    """Return what a run did not do, although nothing stopped it, in words."""
    if finished.archive is not None:
        return [problem for _, problem in finished.archive.problems]
    found = [f"{one.symbol} {one.session}: {one.words}" for one in finished.implausible]
    if finished.given_up or (stage is Stage.FETCH and not finished.implausible and not finished.unproven):
        found.append(f"{len(finished.given_up):,} requests were given up on")
    if finished.unproven:
        found.append(f"{finished.unproven:,} series came back empty, with no bars just before and after to prove it")
    left = ", ".join(f"{one.symbol} ({one.failure.message})" for one in finished.not_prepared)
    return [*found, f"left out: {left}"] if left else found


def _errors(finished: Finished) -> tuple[OutcomeCount, ...]:
    counts = {
        outcome: count
        for outcome, count in finished.tally.outcomes.most_common()
        if outcome not in (Outcome.BARS, Outcome.NO_DATA)
    }
    return tuple(
        OutcomeCount(outcome=outcome, count=count, examples=tuple(finished.tally.examples.get(outcome, ())))
        for outcome, count in counts.items()
    )


def _left_out(finished: Finished) -> list[SymbolReport]:
    ready = {prepared.underlying.symbol for prepared in finished.prepared}
    return [
        SymbolReport(symbol=left.symbol, error=left.failure.message)
        for left in finished.not_prepared
        if left.symbol not in ready
    ]


def _counted(finished: Finished, prepared: Prepared) -> SymbolReport:
    """Return what a run did for a symbol."""
    symbol, tally = prepared.underlying.symbol, finished.tally
    own = tally.of(symbol)
    ids = {contract.id for contract in prepared.contracts}
    return SymbolReport(
        symbol=symbol,
        contracts=len(ids),
        contracts_done=len(ids - tally.contracts_failed),
        requests=own.requests,
        deferred=own.deferred,
        resting=prepared.resting,
        bars_collected=own.inserted,
        bars_updated=own.updated,
        bars_identical=own.identical,
        underlying_collected=own.own_inserted,
        underlying_updated=own.own_updated,
        underlying_identical=own.own_identical,
    )


async def _measured(finished: Finished, prepared: Prepared, db: Database, settings: Settings) -> SymbolReport:
    """Return what a run did for a symbol, and how the slots that it asked about stand afterwards.

    Of a run over many sessions those of all sessions together.
    """
    underlying, symbol = prepared.underlying, prepared.underlying.symbol
    if not finished.order.option_bars:
        own = (await own_progress(finished, db))[symbol]
        counted = _counted(finished, prepared)
        return replace(counted, expected=own.expected, covered=own.covered, settled=own.settled)
    if finished.order.window in OVER_SESSIONS:
        return _summed(_counted(finished, prepared), finished)
    ids = [contract.id for contract in prepared.contracts]
    asked = next((one for one in prepared.sessions if one.day == finished.order.day), None)
    session = asked or finished.order.session(symbol)
    data_set = finished.order.option_bars[0]
    series = settings.series_for(symbol)
    measured = await session_statistics.measure(db, data_set, underlying.id, session, series, ids)
    found = await grids.session_grid(db, underlying, session, series)
    settling = finished.order.asks is Asks.NOT_SETTLED
    return replace(
        _counted(finished, prepared),
        expected=measured.expected,
        covered=measured.covered,
        settled=measured.settled,
        awaiting=measured.awaiting,
        single_witness=measured.single_witness,
        verdicts=VerdictCounts(traded=measured.traded, no_trade=measured.no_trade, unknown=measured.unknown),
        first_bar=measured.first_bar,
        last_bar=measured.last_bar,
        grid=held_slots.condensed(found, set(ids), settling=settling),
    )


def _summed(counted: SymbolReport, finished: Finished) -> SymbolReport:
    """Return a symbol's report with how all the sessions stand that were asked about."""
    asked = finished.asked
    found = [one for key, one in asked.after.items() if key in asked.before and key[0] == counted.symbol]
    return replace(
        counted,
        expected=sum(one.expected for one in found),
        covered=sum(one.covered for one in found),
        settled=sum(one.settled for one in found),
        awaiting=sum(one.awaiting for one in found),
        single_witness=sum(one.single_witness for one in found),
        verdicts=VerdictCounts(
            traded=sum(one.traded for one in found),
            no_trade=sum(one.no_trade for one in found),
            unknown=sum(one.unknown for one in found),
        ),
        first_bar=min((one.first_bar for one in found if one.first_bar), default=None),
        last_bar=max((one.last_bar for one in found if one.last_bar), default=None),
    )


async def _day(db: Database, span: Span) -> DayTotals:
    found = await day_status.bars_in(db, span)
    return DayTotals(
        contracts=sum(one.contracts for one in found),
        bars=sum(one.option_bars for one in found),
        underlying_bars=sum(one.underlying_bars for one in found),
        first_bar=min((one.first_bar for one in found), default=None),
        last_bar=max((one.last_bar for one in found), default=None),
        database_bytes=await day_status.database_bytes(db),
    )


def next_window(schedule: Schedule, now: datetime) -> NextWindow | None:
    """Return what runs next by a schedule, None when nothing does."""
    following = schedule.following(now)
    return None if following is None else NextWindow(window=following.window, due=following.due)
