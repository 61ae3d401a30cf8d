"""Writes the pictures of the pages for the documentation: `python -m tests.support.page_screenshots docs`.

What is shown was collected from the simulated gateway, in weeks of virtual evenings; on some of them it misbehaved.
"""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import async_playwright

from collector.app import composition, opening
from collector.clock.virtual_time import VirtualClock, VirtualTimeLoop
from collector.config import GatewaySettings, Settings
from collector.db.schema import features, migrate
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.run_vocabulary import Window
from collector.runs.orders import order_for
from collector.simulator.launch import start
from collector.web.process.alone import Alone
from tests.support import engines, pages
from tests.support.window_runs import FRIDAY, no_bar

SESSIONS = 40
_TROUBLED = {5: "dropped-answers", 17: "silent-hole", 18: "silent-hole", 30: "dropped-answers"}
"""Evenings, counted from the first, on which the gateway misbehaves, and how."""

_EVENING = ((Window.DAILY_BARS, 17, 40), (Window.LATE_NIGHT, 18, 0))
_CONTRACT = "/contracts/SPY261123C00706000"


class Picture(NamedTuple):
    """A picture of a page: its file's name, the page, width and height in CSS pixels, the reader's scheme."""

    name: str
    path: str
    width: int
    height: int
    dark: bool = False


PICTURES = (
    Picture("pages-today", "/", 1280, 830),
    Picture("pages-today-phone-dark", "/", 390, 1100, dark=True),
    Picture("pages-session", f"/sessions/{FRIDAY}", 1280, 860),
    Picture("pages-contract", _CONTRACT, 1280, 900),
    Picture("pages-chain", "/chains/SPY?expiration=2026-11-23", 1280, 1100),
    Picture("pages-act", "/acts/new/run?window=eod&symbols=SPY&force=yes", 1280, 620),
)


def days_before(settings: Settings, last: date, count: int) -> list[date]:
    """Return so many sessions, ascending, the last one included."""
    calendar, days = opening.calendar(settings), [last]
    while len(days) < count:
        days.append(calendar.previous(days[-1]))
    return days[::-1]


async def collect(settings: Settings, days: Sequence[date]) -> None:
    """Run eod of sessions, each on its evening, and confirm what came back empty."""
    clock = VirtualClock(datetime(days[0].year, days[0].month, days[0].day, 17, tzinfo=NEW_YORK))
    for number, day in enumerate(days):
        clock.set(datetime(day.year, day.month, day.day, 17, tzinfo=NEW_YORK))
        troubles = [_TROUBLED[number]] if number in _TROUBLED else []
        gateway = await start(clock=clock, scenarios=troubles)
        try:
            at_it = settings.model_copy(update={"gateway": GatewaySettings(port=gateway.port, patience_s=5.0)})
            order = order_for(Window.EOD, at_it, opening.calendar(at_it), clock.now(), day=day)
            first = await composition.run_window(at_it, order, clock)
            if first.report.confirm_at is not None:
                clock.set(first.report.confirm_at)
                await composition.run_window(at_it, replace(order, confirming=True), clock)
            for window, hour, minute in _EVENING:
                clock.set(datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK))
                later = order_for(window, at_it, opening.calendar(at_it), clock.now(), day=day)
                await composition.run_window(at_it, later, clock)
        finally:
            await gateway.stop()


async def shoot(settings: Settings, url: str, directory: Path) -> None:
    """Write the pictures of a database's pages, as of Friday evening."""
    now = datetime(FRIDAY.year, FRIDAY.month, FRIDAY.day, 18, 30, tzinfo=NEW_YORK)
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())
        browser = await pages.launched(playwright)
        site = await stack.enter_async_context(
            pages.served(settings, url, now, lambda *parts: Alone(parts[0], parts[1], no_bar))
        )
        for picture in PICTURES:
            async with pages.opened(browser, site, width=picture.width, dark=picture.dark) as tab:
                await tab.page.set_viewport_size({"width": picture.width, "height": picture.height})
                await tab.go(picture.path)
                await tab.page.wait_for_load_state("load")
                if await tab.page.locator(".grid-view").count():
                    await tab.page.locator(".grid-view[data-drawn]").first.wait_for()
                if await tab.page.locator("figure[data-drawn]").count():
                    await tab.page.locator("figure[data-drawn]").first.wait_for()
                await tab.page.screenshot(path=directory / f"{picture.name}.png")


def main(directory: Path) -> None:
    """Collect, then write the pictures."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engine = engines.find("plain", stack)
        engine.execute('DROP DATABASE IF EXISTS "screenshots" WITH (FORCE)', 'CREATE DATABASE "screenshots"')
        url = engine.database("screenshots")
        settings = pages.settings_of(url, folder)

        async def prepare() -> None:
            await migrate.upgrade(url)
            await features.apply(url)
            await features.create_roles(url)

        asyncio.run(prepare())
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(collect(settings, days_before(settings, FRIDAY, SESSIONS)))
        asyncio.run(shoot(settings, url, directory))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
