"""A person starts, watches and cancels acts in a real browser."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from collector.app.serving import Serving
from collector.clock import SystemClock
from collector.config import ArchiveSettings
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.simulator.launch import start
from collector.simulator.scenarios import named
from collector.web.access.guard import Guard
from collector.web.context import Context, Readers
from collector.web.listening import listening
from collector.web.site import site as application
from tests.acceptance.test_acts import OBJECTS, RUNS, Desk, settings_for
from tests.support.fixtures_engines import Matrix
from tests.support.pages import HERE, Site, opened
from tests.support.served_pages import logins_in
from tests.support.window_runs import no_bar

pytestmark = pytest.mark.asyncio(loop_scope="session")
FIVE = datetime(2026, 11, 20, 17, 0, tzinfo=NEW_YORK)
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def _url(request: pytest.FixtureRequest, engine_matrix: Matrix) -> Iterator[str]:
    engine = engine_matrix.engine(request, "plain")
    yield from engine_matrix.create(engine, engine_matrix.template(engine))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def at_work(_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Site, Desk]]:
    """Give a collector that serves at five on Friday, beside a gateway that takes a third of a second to answer."""
    folder: Path = tmp_path_factory.mktemp("acts")
    place = folder / "archive"
    place.mkdir()
    clock = SystemClock(FIVE)
    async with await start(clock=clock, scenarios=[named("constant", latency_s=0.3)]) as gateway:
        settings = settings_for(_url, gateway.port, folder, archive=ArchiveSettings(place=str(place)))
        serving, readers, known = Serving(settings, clock, no_bar), Readers(settings, clock), logins_in(folder)
        context = Context(settings=settings, clock=clock, process=serving, readers=readers)
        app = application(context)
        work = asyncio.create_task(serving.go_on())
        async with listening(Guard(app, settings, known), HERE, 0) as port:
            cookies = {f"collector_{port}": known.cookie()}
            yield Site(port, context, serving, _url, cookies), Desk(serving, app, clock, _url)  # type: ignore[arg-type]
            serving.live.close()
        work.cancel()
        await asyncio.wait([work])
        await readers.close()


async def test_started_watched_and_cancelled(at_work: tuple[Site, Desk], browser: Browser) -> None:
    """By keyboard alone: a run is cancelled, then repeated and followed to its end, then archived; all is on record.

    A button that is pressed twice starts one; the form says what it would do as it is filled in.
    """
    site, desk = at_work
    async with opened(browser, site, width=390) as tab:
        page = tab.page

        async def form(name: str) -> None:
            await tab.go("/acts")
            await page.get_by_role("link", name=name, exact=True).focus()
            await page.keyboard.press("Enter")
            await expect(page.locator("h1")).to_have_text(name)

        async def run_eod() -> None:
            await form("Run a window")
            await page.get_by_label("Window").focus()
            await page.keyboard.type("eod")
            await page.keyboard.press("Tab")
            await expect(page.locator("#cost")).to_contain_text("collector run --window eod")
            await page.get_by_role("button", name="Start").focus()

        await run_eod()
        await page.keyboard.press("Enter")
        await expect(page.locator("#act")).to_contain_text("at work", timeout=PATIENCE_MS)
        await expect(page.locator("#act progress")).to_have_count(1, timeout=PATIENCE_MS)
        await page.get_by_role("button", name="Cancel").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#act")).to_contain_text("cancelled", timeout=PATIENCE_MS)

        await run_eod()
        await page.evaluate("() => { const form = document.querySelector('main form'); form.submit(); form.submit(); }")
        await expect(page.locator("#act")).to_contain_text("done", timeout=PATIENCE_MS)
        await expect(page.get_by_role("link", name="The report of run")).to_be_visible()

        await form("Archive historical data")
        await expect(page.locator("#cost")).to_contain_text("would be written")
        await page.get_by_role("button", name="Start").press("Enter")
        await expect(page.locator("#act")).to_contain_text("done", timeout=PATIENCE_MS)
        await expect(page.locator("#act")).to_contain_text("written: ")

        await tab.go("/acts")
        record = page.get_by_role("region", name="What people did")
        await expect(record.locator("tbody tr")).to_have_count(3)
        await expect(record).to_contain_text("collector archive")
        assert (tab.messages, tab.missing, tab.strangers) == ([], [], [])
    assert [row[:2] for row in await desk.rows(RUNS)] == [("eod", "interrupted"), ("eod", "success")]
    assert await desk.rows(OBJECTS)
