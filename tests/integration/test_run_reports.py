"""Reports of real runs: why a run failed, when that is over, and what is usual for a session of its length."""

from collections.abc import Callable, Coroutine
from datetime import date, datetime
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.clock.virtual_time import VirtualClock
from collector.config import GreeksSettings
from collector.config.notify_settings import AlertSettings
from collector.domain.masking import Mask
from collector.domain.reports.run_report import Cause, RunReport
from collector.domain.run_vocabulary import RunStatus, Window
from collector.jobs import run_reports
from collector.notify.alerts.alert_memory import AlertMemory, judge
from collector.notify.alerts.alert_rules import Rule
from collector.notify.reports.mail_rendering import Renderer
from collector.runs import window_run
from collector.runs.orders import order_for
from collector.simulator.scenarios import named
from collector.simulator.server import Gateway
from tests.support.arena import Arena
from tests.support.window_runs import narrow, parts_for

NEW_YORK = ZoneInfo("America/New_York")
Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


async def reported(arena: Arena, gateway: Gateway, clock: VirtualClock, window: Window, day: date) -> RunReport:
    """Run a window of SPY and return its report."""
    settings = narrow("SPY", strikes=2, greeks=GreeksSettings(enabled=False))
    async with parts_for(arena.url, gateway, settings, clock) as parts:
        order = order_for(window, settings, parts.calendar, clock.now(), day=day)
        finished = await window_run.run(order, parts)
        return await run_reports.of_run(finished, parts.db, settings, parts.calendar, clock.now())


def test_a_gateway_without_ib_is_an_outage_that_ends(arena: Arena, virtual_run: Run) -> None:
    """On Sunday the gateway listens but has lost IB: the mail says what to look at; Monday's first bars end it."""

    async def main() -> None:
        clock, monday = VirtualClock(datetime(2026, 11, 22, 18, 0, tzinfo=NEW_YORK)), date(2026, 11, 23)
        await arena.empty(clock)
        outage = named("link-lost", at_request=1, for_s=3600.0)
        async with Gateway(arena.market(7, clock), clock, [outage]) as gateway:
            lost = await reported(arena, gateway, clock, Window.CHAIN_REFRESH, monday)
            await clock.sleep((datetime(2026, 11, 23, 10, 0, tzinfo=NEW_YORK) - clock.now()).total_seconds())
            back = await reported(arena, gateway, clock, Window.MORNING, monday)
        assert (lost.status, back.status) == (RunStatus.FAILED, RunStatus.SUCCESS)
        assert lost.failure is not None
        assert lost.failure.cause is Cause.GATEWAY_DOWN
        told = judge(lost, AlertMemory(), AlertSettings(), clock.now())
        assert {alert.rule for alert in told.tell} == {Rule.COLLECTION_FAILED, Rule.GATEWAY_UNREACHABLE}
        mail = Renderer(Mask(), pictures=False).run(lost, told).text
        assert "Is IB Gateway (or TWS) running on its host" in mail
        over = judge(back, told.memory, AlertSettings(), clock.now())
        assert over.is_recovery
        assert over.memory.conditions == ()

    virtual_run(main)


def test_an_early_close_is_not_unusual(arena: Arena, virtual_run: Run) -> None:
    """The day after Thanksgiving SPY trades 45 slots instead of 81: fewer bars, none missing."""
    before = [date(2026, 11, day) for day in (19, 20, 23, 24, 25)]

    async def main() -> None:
        clock, friday = VirtualClock(datetime(2026, 11, 19, 16, 45, tzinfo=NEW_YORK)), date(2026, 11, 27)
        await arena.empty(clock)
        async with Gateway(arena.market(7, clock), clock) as gateway:
            for day in before:
                clock.set(datetime(day.year, day.month, day.day, 16, 45, tzinfo=NEW_YORK))
                await reported(arena, gateway, clock, Window.EOD, day)
            clock.set(datetime(2026, 11, 27, 13, 30, tzinfo=NEW_YORK))
            report = await reported(arena, gateway, clock, Window.EOD, friday)
        assert [(run.session, run.slots) for run in report.past] == [(day, 81) for day in before]
        assert (report.status, report.slots) == (RunStatus.SUCCESS, 45)
        assert report.bars < 0.7 * median(run.bars for run in report.past)
        assert report.flags == ()

    virtual_run(main)


pytestmark = pytest.mark.usefixtures("quiet_faults")
