"""Questions that change nothing: what is known, what is missing, what a run would ask. Wires them to the parts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

import structlog

from collector.app import composition, sources
from collector.clock import Clock
from collector.config import Settings
from collector.db.bookkeeping import gaps_table, witnesses
from collector.db.contracts import contract_tables as contract_store
from collector.db.readers import day_status
from collector.db.schema import features, schema_revisions
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import CollectorError, DatabaseError, UsageError
from collector.domain.market_data.instruments import OptionContract
from collector.domain.market_data.spans import Span
from collector.domain.reports.week_report import WeekReport
from collector.domain.run_vocabulary import GapState, Window
from collector.jobs import due_windows, run_reports
from collector.market.expectation import Outstanding
from collector.market.schedule import Schedule
from collector.runs import counting, preflight
from collector.runs.orders import Order, last_opened
from collector.runs.planning import dry_run
from collector.runs.preparing import contract_scope

log = structlog.get_logger()


async def schedule(settings: Settings, clock: Clock) -> Schedule:
    """Return the schedule, with what the database knows of expirations where there is one that answers."""
    days = composition.calendar(settings)
    if not settings.database.embedded or settings.database.data_path.exists():
        try:
            async with composition.database(settings, clock) as db:
                return await due_windows.schedule_of(db, settings, days, clock.now())
        except DatabaseError as error:
            log.warning("expirations_unknown", error=error.message, hint=error.hint)
    return due_windows.configured(settings, days)


async def overview(settings: Settings, day: date | None, clock: Clock) -> day_status.Overview:
    """Return the status page of a session, the last one that has opened by default.

    Raises:
        NotASession: the date is no trading day.
    """
    days = composition.calendar(settings)
    chosen = day or last_opened(days, clock.now())
    days.session("SPY", chosen)
    async with composition.database(settings, clock) as db:
        found = [(one, days.session(one.symbol, chosen)) for one in await contract_store.underlyings(db)]
        page = await day_status.overview(db, chosen, found, settings.series)
        return replace(page, uncounted=await counting.uncounted(db, clock.now()))


async def listed(settings: Settings, symbols: Sequence[str], clock: Clock) -> list[OptionContract]:
    """Return the known contracts that have not expired.

    Raises:
        UsageError: nothing is known of a symbol.
    """
    today = clock.now().astimezone(NEW_YORK).date()
    contracts: list[OptionContract] = []
    async with composition.database(settings, clock) as db:
        for underlying in await contract_scope.known(db, symbols, settings.symbol_names):
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
    async with composition.database(settings, clock) as db:
        await contract_scope.known(db, symbols, settings.symbol_names)
        return await gaps_table.open_gaps(db, symbols or None, start, state), await counting.uncounted(db, clock.now())


async def witnessed(settings: Settings, day: date, symbols: Sequence[str], clock: Clock) -> list[witnesses.Witnessed]:
    """Return the series of a session that one witness calls empty, or that wait for more.

    Raises:
        NotASession: the date is no trading day.
        UsageError: the session has not opened, or nothing is known of a symbol.
    """
    calendar = composition.calendar(settings)
    hours = [calendar.session(symbol, day) for symbol in symbols or settings.symbol_names]
    span = Span(min(session.open for session in hours), max(session.close for session in hours))
    if span.start > clock.now():
        raise UsageError(f"the session of {day} has not opened", "Nothing has been asked about it yet.")
    async with composition.database(settings, clock) as db:
        await contract_scope.known(db, symbols, settings.symbol_names)
        return await witnesses.of_session(db, day, span, symbols or None)


async def plan(
    settings: Settings,
    clock: Clock,
    window: Window | None = None,
    day: date | None = None,
    symbols: tuple[str, ...] = (),
    span: timedelta | None = None,
) -> dry_run.Plan:
    """Return the plan of the next run that asks for bars, or of a window's next one; asks nothing, changes nothing.

    Args:
        settings: the configuration.
        clock: says what is next.
        window: only this one; None: any.
        day: of this session; None: any.
        symbols: these instead of the window's.
        span: the last so much of the session instead of the window's own.
    """
    days, now = composition.calendar(settings), clock.now()
    async with composition.database(settings, clock) as db:
        order, begins = await dry_run.order_to_plan(db, settings, days, now, window, day)
        order = replace(order, symbols=symbols or order.symbols, span=span or order.span)
        return await dry_run.plan(db, settings, days, order, begins)


async def plan_of(settings: Settings, order: Order, clock: Clock) -> dry_run.Plan:
    """Return the plan of an order that begins now; asks nothing, changes nothing."""
    async with composition.database(settings, clock) as db:
        return await dry_run.plan(db, settings, composition.calendar(settings), order, clock.now())


async def outstanding(settings: Settings, clock: Clock) -> tuple[Outstanding, ...]:
    """Return the windows that should have run and have not."""
    async with composition.database(settings, clock) as db:
        return await due_windows.outstanding(db, settings, composition.calendar(settings), clock.now())


async def weekly(settings: Settings, clock: Clock) -> WeekReport:
    """Return the report of the week that ended with the last completed session."""
    async with composition.database(settings, clock) as db:
        return await run_reports.of_week(db, settings, composition.calendar(settings), clock.now())


async def storage(settings: Settings) -> tuple[str, str | None, str, features.FeatureReport]:
    """Return the database's address without password, its schema revision, the newest one, and its features."""
    url = await composition.database_url(settings)
    return (
        settings.database.shown,
        await schema_revisions.current(url),
        schema_revisions.head(),
        await features.report(url),
    )


async def examine(settings: Settings, clock: Clock, *, permissions: bool) -> list[preflight.Check]:
    """Look at everything that a run needs; one check each, none hides another."""
    own = settings.database.embedded  # a server of the owner's lies on another disk, and is his to upgrade
    checks = [preflight.disk(settings.database.data_path)] if own else []
    checks.append(preflight.sessions(composition.calendar(settings), clock.now()))
    try:
        _, current, head, report = await storage(settings)
        by_itself = own and (current is None or current in schema_revisions.known())
        checks.append(preflight.schema(report.title, current, head, upgraded_by_runs=by_itself))
    except CollectorError as error:
        checks.append(preflight.failed("database", error))
    try:
        async with sources.opened(settings, clock) as source:
            checks.append(
                preflight.connection(settings.gateway.host, settings.gateway.port, source.offset.total_seconds())
            )
            if permissions:
                checks += preflight.entitlements(await source.probe(settings.symbol_names[0]))
    except CollectorError as error:
        checks.append(preflight.failed("gateway", error))
    return checks
