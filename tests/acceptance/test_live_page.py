"""What is at work, as it is seen on the page of today while it lasts."""

import asyncio
import json
import re
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Browser, expect

from collector.app import composition
from collector.app.acting.live import Work
from collector.config import GatewaySettings
from collector.domain.pacing.pace import Pace
from collector.domain.run_vocabulary import RunStatus, Window
from collector.runs.closing import progress
from collector.runs.orders import order_for
from collector.runs.tally import SymbolTally, Tally
from collector.simulator.launch import start
from tests.support.pages import HERE, LOOKED_AT, Site, opened
from tests.support.window_runs import FRIDAY, no_bar

pytestmark = pytest.mark.asyncio(loop_scope="session")

_RUNNING = """
INSERT INTO intraday_collection_runs (run_date, run_type, attempt, scheduled_time, started_at, heartbeat_at, status,
    symbols_requested, duration_requested, bar_size, progress)
VALUES ($1, 'late_night', 1, $2, $2, $3, 'running', '{PLTR}', 'session', '5 mins', $4) RETURNING id
"""


async def _statement(site: Site, text: str, *args: object) -> Any:  # noqa: ANN401 - of any column
    connection = await asyncpg.connect(site.database_url)
    try:
        return await connection.fetchval(text, *args)
    finally:
        await connection.close()


async def test_a_run_is_followed_to_its_end(site: Site, browser: Browser) -> None:
    """A real run in this process appears on the page, counts its requests, and is gone from it when it has ended."""
    clock, settings = site.context.clock, site.context.settings
    async with opened(browser, site) as tab:
        await tab.go("/")
        part = tab.page.locator("[sse-swap=work]")
        await expect(part).to_contain_text("Nothing is at work.")
        gateway = await start(clock=clock)
        try:
            there = settings.model_copy(update={"gateway": GatewaySettings(host=HERE, port=gateway.port)})
            order = order_for(Window.EOD, there, site.context.days, clock.now(), symbols=("PLTR",), force=True)
            with site.process.live.watched(no_bar)(order) as on_progress:
                run = asyncio.create_task(composition.run_window(there, order, clock, on_progress))
                await expect(part).to_contain_text("eod of 2026-11-20 is at work since 18:3", timeout=30_000)
                await expect(part).to_contain_text(re.compile(r"\d of \d+ requests are over"), timeout=30_000)
                outcome = await run
                assert outcome.report.status is RunStatus.SUCCESS
                planned = outcome.report.requests
                await expect(part).to_contain_text(f"{planned} of {planned} requests are over", timeout=10_000)
            await expect(part).to_contain_text("Nothing is at work.", timeout=10_000)
        finally:
            await gateway.stop()
        assert (tab.messages, tab.missing) == ([], [])


async def test_a_run_of_another_process_is_shown_from_its_row(site: Site, browser: Browser) -> None:
    """Its requests and rows are those that it last said, its end what is left at its pace; without JavaScript, too."""
    tally = Tally(planned=120, answered=50, failed=2, deferred=8, pace=Pace(requests_per_s=2.0))
    tally.symbols["PLTR"] = SymbolTally(inserted=700, updated=3, identical=20)
    said = json.dumps(progress(tally))
    began, heartbeat = LOOKED_AT - timedelta(minutes=20), LOOKED_AT - timedelta(minutes=1)
    run = await _statement(site, _RUNNING, FRIDAY, began, heartbeat, said)
    try:
        document = (await site.get("/api/v1/")).document["now"]["work"]
        async with opened(browser, site, script=False) as tab:
            await tab.go("/")
            shown = await tab.page.locator("[sse-swap=work]").inner_text()
            windows = await tab.page.locator("table", has_text="Windows of").inner_text()
    finally:
        await _statement(site, "DELETE FROM intraday_collection_runs WHERE id = $1", run)

    assert "late_night of 2026-11-20 is at work since 18:10 New York (19 min 00 s), in another process" in shown
    assert "60 of 120 requests are over" in shown
    assert "Over at about\n18:29 New York" in shown  # 60 requests at 2 a second after 18:29
    assert re.search(r"late_night\s+▶ at work", windows)
    figures = ("planned", "answered", "failed", "deferred", "inserted", "updated", "identical", "pace", "here")
    assert [document[name] for name in figures] == [120, 50, 2, 8, 700, 3, 20, 2.0, False]
    assert document["ends"] == "2026-11-20T23:29:30+00:00"


async def test_a_stream_tells_at_once_and_ends_with_the_process(site: Site) -> None:
    """The first event comes without a wait, another one when work begins; when the process ends, so does the stream."""
    reader, writer = await asyncio.open_connection(HERE, site.port)
    cookies = "; ".join(f"{name}={value}" for name, value in site.cookies.items())
    writer.write(f"GET /live HTTP/1.1\r\nHost: {HERE}:{site.port}\r\nCookie: {cookies}\r\n\r\n".encode())
    try:
        async with asyncio.timeout(10):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            assert "content-type: text/event-stream" in head
            assert "cache-control: no-store" in head
            await reader.readuntil(b"event: work")
            assert b"Nothing is at work." in await reader.readuntil(b"\n\n")
            with site.process.live.at_work(Work(name="archive of 2026-11-20", began=LOOKED_AT, done=3, of=7)):
                await reader.readuntil(b"archive of 2026-11-20")
                await reader.readuntil(b"3 of 7")
            began = asyncio.get_running_loop().time()
            site.process.live.close()
            await reader.readuntil(b"0\r\n\r\n")  # of a body in chunks, the end
            assert asyncio.get_running_loop().time() - began < 1.5
    finally:
        writer.close()
        await writer.wait_closed()
