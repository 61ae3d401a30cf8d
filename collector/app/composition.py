"""The composition root: the one place where concrete parts meet."""

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import TypeVar

import structlog

from collector.app import metrics, opening, sources
from collector.clock import Clock
from collector.config import Settings
from collector.db.connection.pool import Database
from collector.db.schema import features
from collector.db.upkeep import compaction
from collector.domain.conditions import Condition
from collector.domain.errors import (
    DatabaseError,
    GatewayError,
    GatewayUnavailable,
    LockHeld,
)
from collector.domain.market_data.answers import Failure
from collector.domain.market_data.spans import Span
from collector.domain.masking import Mask
from collector.domain.reports.run_report import RunReport
from collector.domain.run_vocabulary import OFFLINE, Window
from collector.jobs import due_windows, run_reports, week_reports
from collector.jobs.disk import room
from collector.notify.channels import dead_man
from collector.notify.channels.channel import Delivery
from collector.notify.fan_out import Notifier
from collector.notify.reports import report_files
from collector.runs import preflight, window_run
from collector.runs.dependencies import Parts
from collector.runs.finished import Finished
from collector.runs.orders import Order
from collector.runs.preparing import discovery
from collector.runs.source import MarketDataSource, NoSource
from collector.runs.tally import Tally

T = TypeVar("T")
log = structlog.get_logger()
ProgressBar = Callable[[Order], contextlib.AbstractContextManager[Callable[[Tally], None]]]
"""Makes the progress bar of a run; it yields what the run calls whenever its tally has changed."""

_UPKEEP_S = 3600
"""What the tables need after a run may take so long; then the next window goes first."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command learns of a run: its report, the error that stopped it, and what the channels did."""

    report: RunReport
    error: BaseException | None
    deliveries: tuple[Delivery, ...] = ()


def notifier(settings: Settings, clock: Clock) -> Notifier:
    """Return what tells the owner."""
    return Notifier(
        settings.notify,
        log_directory=settings.log.path,
        clock=clock,
        dead_man=settings.dead_man,
        secrets=settings.secrets,
        host=socket.gethostname(),
        site=settings.site,
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """What stays open between runs: the database, and what lends the source to a window."""

    database: Database
    source: Callable[[Order], contextlib.AbstractAsyncContextManager[MarketDataSource]]


async def run_window(
    settings: Settings,
    order: Order,
    clock: Clock,
    on_progress: Callable[[Tally], None] = lambda _: None,
    standing: Standing | None = None,
) -> Outcome:
    """Open database and gateway, run one window, and tell the owner how it ended, also when it could not begin.

    What is `standing` open is used instead, and stays open.

    Raises:
        LockHeld: another run is at work; nobody is told, for nothing is wrong.
    """
    days, log_path = opening.calendar(settings), str(settings.log.path)
    mask, teller = Mask(settings.secrets), notifier(settings, clock)
    if settings.database.unprotected:
        log.warning("database_line_unprotected", database=settings.database.shown, hint=preflight.PROTECT)

    async def tell(finished: Finished, condition: Condition) -> None:
        so_far = run_reports.of_running(finished, settings, days, clock.now(), log_path)
        await teller.condition_lasts(mask.report(so_far), mask.report(condition))

    await room.make_room(settings, clock)
    await dead_man.DeadMan(settings.dead_man, clock, mask).started(order.window)
    opened = opening.database(settings, clock) if standing is None else contextlib.nullcontext(standing.database)
    recorded, week = (0, 1), None
    try:
        if settings.database.embedded:
            preflight.disk(settings.database.data_path).require()
        async with opened as db:
            try:
                async with standing.source(order) if standing else _source(settings, order, clock) as source:
                    parts = Parts(
                        db, source, settings, days, clock, random.SystemRandom(), on_progress, _login(settings), tell
                    )
                    finished = await window_run.run(order, parts)
                    order = finished.order
                    report = await run_reports.of_run(finished, db, settings, days, clock.now(), log_path)
                    error = finished.error
                    if order.window is Window.WEEKLY and error is None:
                        week = await week_reports.of_week(db, settings, days, clock.now(), order.day)
                        week = replace(week, upkeep=finished.upkeep)
            except GatewayUnavailable as refused:
                recorded = await window_run.record_failure(order, refused, db, clock)
                raise
    except (GatewayError, DatabaseError) as stopped:
        report, error = (
            run_reports.of_preflight(order, stopped, settings, days, clock.now(), log_path, recorded),
            stopped,
        )
    else:
        if order.window not in OFFLINE and not isinstance(error, DatabaseError):
            await _after_bars(settings, order, clock)
    report = mask.report(report)
    try:
        report_files.keep(settings.log.path, report)
    except OSError as refused:
        log.warning("report_not_kept", error=str(refused))
    await metrics.publish(opening.database(settings, clock), settings, days, clock)
    # One mail either way: the week's carries what its run gives reason to tell, and a failed run has no week to show.
    telling = teller.run_finished(report) if week is None or error else teller.week_over(week, report)
    return Outcome(report, error, await telling)


async def _after_bars(settings: Settings, order: Order, clock: Clock) -> None:
    """Bring the aggregates up to date with what they could not see, and compress repaired days anew.

    Aggregates compute what is later than they reach when they are read; what a run stores earlier is theirs only from
    here on. When it fails, or this user does not own the tables, the hourly refresh of the server follows, as far back
    as its policies reach; beyond that it is the owner's to do.
    """
    day = datetime.combine(order.day, time(), UTC)
    # Two days a session: week-ends and holidays lie between. What did not change costs nothing.
    asked = max(timedelta(days=2 * order.sessions_back), order.day - min((*order.older, order.day)))
    reach = max(timedelta(days=settings.repair.lookback_days), asked)
    policies_reach = clock.now() - timedelta(days=features.StorageSettings().repair_days)
    try:
        url = await opening.database_url(settings)
        async with asyncio.timeout(_UPKEEP_S):
            refreshed = await compaction.refresh_aggregates(url, Span(day - reach, day + timedelta(days=1)), clock)
            if not refreshed and day - asked < policies_reach:
                log.warning("summaries_left_behind", since=str((day - asked).date()), hint=compaction.AS_OWNER)
            if order.sessions_back or order.older:
                await compaction.compact(url, clock)
    except DatabaseError as error:
        log.warning("upkeep_failed", error=error.message, hint=error.hint)
    except TimeoutError:
        log.warning("upkeep_failed", error=f"not done within {_UPKEEP_S} s", hint="run: collector db compact")


def _login(settings: Settings) -> str:
    """Return what tells one login from another, without naming the account."""
    gateway_ = settings.gateway
    return f"{gateway_.host}:{gateway_.port}/{gateway_.client_id}"


@contextlib.asynccontextmanager
async def _source(settings: Settings, order: Order, clock: Clock) -> AsyncIterator[MarketDataSource]:
    """Open the gateway, unless the window asks it for nothing."""
    if order.window in OFFLINE:
        yield NoSource(clock)
        return
    async with sources.opened(settings, clock) as source:
        yield source


async def run_due(
    settings: Settings, clock: Clock, progress: ProgressBar, ended: Callable[[Outcome], None] = lambda _: None
) -> list[Outcome]:
    """Run what is due, most urgent first, until nothing is; a gateway that is down ends the round.

    `ended` is told each outcome as it comes, since what comes later may raise. Another run that gets in between two
    windows ends the round, too: it looks what is due itself.

    Raises:
        LockHeld: another run is at work.
        DatabaseError: there is no database to ask what is due.
    """
    days, outcomes = opening.calendar(settings), list[Outcome]()
    while True:
        async with opening.database(settings, clock) as db:
            now = clock.now()
            agenda = await due_windows.look(db, settings, await due_windows.schedule_of(db, settings, days, now), now)
        if not agenda.due:
            return outcomes
        order = due_windows.order_of(agenda.due[0], settings, days, clock.now())
        try:
            with progress(order) as on_progress:
                outcomes.append(await run_window(settings, order, clock, on_progress))
        except LockHeld:
            if not outcomes:
                raise
            return outcomes
        ended(outcomes[-1])
        if isinstance(outcomes[-1].error, GatewayError | DatabaseError):
            return outcomes


async def refresh_chains(
    settings: Settings, symbols: Sequence[str], clock: Clock, standing: Standing | None = None
) -> list[tuple[str, discovery.Refreshed | Failure]]:
    """Read the chains of symbols anew, whatever is known from today.

    What is `standing` open is used instead of a database and a source of its own, and stays open.
    """
    found: list[tuple[str, discovery.Refreshed | Failure]] = []
    days, names = opening.calendar(settings), tuple(symbols or settings.option_symbols)
    order = Order(window=Window.CHAIN_REFRESH, day=days.last_opened(clock.now()), symbols=names)
    opened = opening.database(settings, clock) if standing is None else contextlib.nullcontext(standing.database)
    async with opened as db, standing.source(order) if standing else sources.opened(settings, clock) as source:
        seeker = discovery.Discovery(db, source, settings, clock, days)
        for symbol in names:
            underlying = await seeker.underlying(symbol)
            refreshed = (
                underlying
                if isinstance(underlying, Failure)
                else await seeker.refresh(underlying, order.day, force=True)
            )
            found.append((symbol, refreshed))
    return found
