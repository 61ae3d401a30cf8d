"""Answer when windows run, and what they would ask."""

from dataclasses import replace
from datetime import date, timedelta

import structlog

from collector.app import opening
from collector.clock import Clock
from collector.config import Settings
from collector.domain.errors import DatabaseError
from collector.domain.run_vocabulary import Window
from collector.jobs import due_windows
from collector.market.expectation import Outstanding
from collector.market.schedule import Schedule
from collector.runs.orders import Order
from collector.runs.planning import dry_run

log = structlog.get_logger()


async def schedule(settings: Settings, clock: Clock) -> Schedule:
    """Return the schedule, with what the database knows of expirations where there is one that answers."""
    days = opening.calendar(settings)
    if not settings.database.embedded or settings.database.data_path.exists():
        try:
            async with opening.database(settings, clock) as db:
                return await due_windows.schedule_of(db, settings, days, clock.now())
        except DatabaseError as error:
            log.warning("expirations_unknown", error=error.message, hint=error.hint)
    return due_windows.configured(settings, days)


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
        span: only the end of the session, this long, instead of the window's own.
    """
    days, now = opening.calendar(settings), clock.now()
    async with opening.database(settings, clock) as db:
        order, begins = await dry_run.order_to_plan(db, settings, days, now, window, day)
        order = replace(order, symbols=symbols or order.symbols, span=span or order.span)
        return await dry_run.plan(db, settings, days, order, begins)


async def plan_of(settings: Settings, order: Order, clock: Clock) -> dry_run.Plan:
    """Return the plan of an order that begins now; asks nothing, changes nothing."""
    async with opening.database(settings, clock) as db:
        return await dry_run.plan(db, settings, opening.calendar(settings), order, clock.now())


async def outstanding(settings: Settings, clock: Clock) -> tuple[Outstanding, ...]:
    """Return the windows that should have run and have not."""
    async with opening.database(settings, clock) as db:
        return await due_windows.outstanding(db, settings, opening.calendar(settings), clock.now())
