"""Times of the pages that show whole markets, in Chromium: 60 sessions of 4,600 contracts, 372,600 slots of one.

`python -m tests.benchmarks.bench_pages`, on the plain engine. A grid is there when its canvas holds it, counted from
the beginning of the navigation, on a site that has just begun to listen and on one that has been looked at.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright
from pydantic import SecretStr

from collector.config import DatabaseSettings, LogSettings, Settings
from collector.config.collection_settings import SymbolSettings
from collector.config.operation_settings import ServeSettings
from collector.web.pages.coverage import symbol_sessions
from tests.benchmarks.bench_storage import say
from tests.benchmarks.page_days import LAST_DAY, fill
from tests.support import engines
from tests.support.pages import Site, Tab, launched, opened, served

VISIBLE_MS = 500.0
"""For 60 sessions of 4,600 contracts, from the beginning of the navigation."""
DRAWN_MS = 50.0
"""For a session's 360,000 cells, a line each contract."""
ANSWER_MS = {"/contracts/": 50.0, "/chains/": 240.0}
"""For a contract's session, and for a chain of 4,600 contracts, from asking to the whole page, without a browser."""
TODAY_MS = 300.0
"""For the first page to be answered, in the evening and while the session is open."""
_TIMES = 10
_PAGES = {"sessions of a symbol": "/coverage/SPY", "slots of a session": f"/sessions/{LAST_DAY}"}


async def _today(settings: Settings, url: str) -> bool:
    """Print how long the first page takes to be answered; return whether a limit is passed."""
    slow = False
    for words, hour in (("in the evening", 23), ("while the session is open", 20)):
        now, times = datetime.combine(LAST_DAY, datetime.min.time(), UTC) + timedelta(hours=hour), []
        async with served(settings, url, now) as site:
            for _ in range(1 + _TIMES):
                began = time.perf_counter()
                assert (await site.get("/")).status == 200
                times.append(1000 * (time.perf_counter() - began))
        first, *others = times
        say(f"today {words}: answered after {first:.0f} ms the first time, then {statistics.median(others):.0f} ms")
        slow |= statistics.median(others) > TODAY_MS
    return slow


async def _visible(tab: Tab, path: str) -> float:
    """Return how long after the beginning of its navigation a page's grid is drawn, ms."""
    await tab.go(path)
    return float(await tab.page.locator(".grid-view[data-drawn]").first.get_attribute("data-at") or "nan")


async def _drawn(page: Page) -> list[float]:
    """Return how long drawing takes, ms, each contract in a line of its own."""
    found = []
    await page.get_by_label("a line for each contract").check()
    view, layer = page.locator(".grid-view").first, page.locator(".grid-layer").first
    for _ in range(_TIMES):
        await layer.click()
        found.append(float(await view.get_attribute("data-drawn") or "nan"))
    return found


async def _answered(site: Site, path: str) -> float:
    """Return how long a page takes that is asked for without a browser, the median, ms."""
    times = []
    for _ in range(1 + _TIMES):
        began = time.perf_counter()
        answer = await site.get(path)
        times.append(1000 * (time.perf_counter() - began))
        assert answer.status == HTTPStatus.OK, answer.text
    return statistics.median(times[1:])


async def _run(browser: Browser, url: str, folder: Path) -> bool:
    """Print the times; return whether a limit is passed."""
    settings = Settings(
        database=DatabaseSettings(url=SecretStr(url)),
        symbols=(SymbolSettings(symbol="SPY"),),
        serve=ServeSettings(port=0),
        log=LogSettings(directory=folder),
    )
    slow = await _today(settings, url)
    evening = datetime.combine(LAST_DAY, datetime.min.time(), UTC) + timedelta(hours=23)
    for counted in (False, True):
        async with served(settings, url, evening) as site, opened(browser, site, width=1600) as tab:
            if counted:
                await symbol_sessions.count_beforehand(site.context)
            seen = await _visible(tab, _PAGES["sessions of a symbol"])
            when = "has counted, as serve does by itself" if counted else "has just begun"
            say(f"sessions of a symbol: visible {seen:.0f} ms after the first navigation to a site that {when}")
    async with served(settings, url, evening) as site, opened(browser, site, width=1600) as tab:
        for words, path in _PAGES.items():
            await _visible(tab, path)
            seen = statistics.median([await _visible(tab, path) for _ in range(_TIMES)])
            say(f"{words}: visible {seen:.0f} ms after a navigation, the median of {_TIMES}")
            slow |= path.startswith("/coverage") and seen > VISIBLE_MS
            drawn = await _drawn(tab.page)
            say(f"{words}: drawn in {statistics.median(drawn):.1f} ms, at most {max(drawn):.1f}")
            slow |= statistics.median(drawn) > DRAWN_MS
        chain = (await site.get("/api/v1/chains/SPY")).document
        contract = chain["rows"][0]["call"]["address"]
        for path in (contract, f"{contract}?life=1", "/chains/SPY", "/chains/SPY?expiration=all"):
            taken = await _answered(site, path)
            say(f"{path}: answered in {taken:.0f} ms")
            slow |= any(path.startswith(kind) and taken > limit for kind, limit in ANSWER_MS.items())
    return slow


async def _main(engine: engines.Engine) -> bool:
    filled = await fill(engine, "bench_pages")
    with tempfile.TemporaryDirectory() as folder:
        async with async_playwright() as playwright:
            browser = await launched(playwright)
            slow = await _run(browser, filled.url, Path(folder))
            await browser.close()
    engine.execute('DROP DATABASE "bench_pages" WITH (FORCE)')
    return slow


def main() -> int:
    """Run on the plain engine; return 1 when a limit is passed."""
    with ExitStack() as stack:
        return int(asyncio.run(_main(engines.find("plain", stack))))


if __name__ == "__main__":
    sys.exit(main())
