"""The pages as a browser sees them: a small collected week, a site that shows it, Chromium.

Playwright's objects and the site live in the loop of the session: a test of pages is marked
`pytest.mark.asyncio(loop_scope="session")`, and one browser serves all of them.
"""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Playwright, Request, Route, async_playwright
from pydantic import SecretStr

from collector.app import composition, opening
from collector.app.acting.acts import Acts
from collector.app.acting.live import Live
from collector.app.condition import Condition
from collector.clock import Clock, SystemClock
from collector.clock.virtual_time import VirtualClock, VirtualTimeLoop
from collector.config import DatabaseSettings, GatewaySettings, LogSettings, ServeSettings, Settings
from collector.db.schema import features
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.run_vocabulary import RunStatus, Window
from collector.runs.orders import order_for
from collector.simulator.launch import start
from collector.web import serving_pages
from collector.web.access.guard import cookie_name
from collector.web.context import Context, Process, Readers
from tests.support import browser as mail_browser
from tests.support import fonts, http_peers
from tests.support.fixtures_engines import Matrix
from tests.support.served_pages import logins_in
from tests.support.window_runs import FRIDAY, narrow, no_bar

THURSDAY = FRIDAY.replace(day=19)
LOOKED_AT = datetime(2026, 11, 20, 18, 30, tzinfo=NEW_YORK)
"""When the pages are looked at: both sessions are collected, and SPY's contracts of Friday have just expired."""

_EVENINGS = tuple((day, datetime(day.year, day.month, day.day, 17, tzinfo=NEW_YORK)) for day in (THURSDAY, FRIDAY))
HERE = "127.0.0.1"
WIDTHS = (390, 1000, 1600)


@dataclass
class Idle:
    """A process in which nothing is at work; its parts may be set by a test."""

    settings: Settings
    clock: Clock
    stands: Condition = field(default_factory=lambda: Condition(problems=(), database_up=True, connected=False))
    live: Live = field(init=False)
    acts: Acts = field(init=False)

    def __post_init__(self) -> None:
        self.live = Live(self.clock)
        self.acts = Acts(self.settings, self.clock, self.live, self.live.watched(no_bar))
        self.acts._numbers = itertools.count(1)  # as the example of the page names it
        self.acts.request("run", {"window": "eod", "symbols": "SPY"}, "to be looked at", "")

    async def condition(self) -> Condition:
        """Say how things stand."""
        return self.stands

    async def metrics(self) -> bytes:
        """Return no metrics."""
        return b""


@dataclass(frozen=True)
class Answer:
    """What a site answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON has no narrower type
        """What was answered, as JSON."""
        return json.loads(self.text)


@dataclass(frozen=True)
class Site:
    """A site that listens, and what it is made from. cookies: what a logged-in browser sends."""

    port: int
    context: Context
    process: Idle
    database_url: str
    cookies: Mapping[str, str]

    @property
    def address(self) -> str:
        """Return where a browser finds it."""
        return f"http://{HERE}:{self.port}"

    async def get(self, path: str, **headers: str) -> Answer:
        """Ask for a path as who is logged in."""
        sent = {
            "Host": f"{HERE}:{self.port}",
            "Connection": "close",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            **headers,
        }
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in sent.items() if value)
        return Answer(*await http_peers.sent(self.port, f"GET {path} HTTP/1.1\r\n{head}\r\n".encode()))


@dataclass(frozen=True)
class _Collected:
    """A database with two sessions, to be cloned, and the folder of its reports."""

    database: str
    folder: Path


def settings_of(url: str, folder: Path, gateway_port: int = 1) -> Settings:
    """Return the configuration that the week was collected by."""
    return narrow(
        "SPY",
        "PLTR",
        database=DatabaseSettings(url=SecretStr(url)),
        gateway=GatewaySettings(port=gateway_port, patience_s=5.0),
        log=LogSettings(directory=folder),
        serve=ServeSettings(port=0),
    )


@pytest.fixture(scope="session")
def _collected(
    request: pytest.FixtureRequest, engine_matrix: Matrix, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[_Collected]:
    """Collect Thursday and Friday of two symbols, once for all modules, in virtual time."""
    engine = engine_matrix.engine(request, "plain")
    folder = tmp_path_factory.mktemp("collected")
    for url in engine_matrix.create(engine, engine_matrix.template(engine)):
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(_collect(url, folder))
        yield _Collected(urlsplit(url).path.removeprefix("/"), folder)


async def _collect(url: str, folder: Path) -> None:
    """Run eod of both sessions, and confirm what came back empty; pages will read as collector_ro."""
    clock = VirtualClock(_EVENINGS[0][1])
    await features.create_roles(url, clock)
    gateway = await start(clock=clock)
    try:
        settings = settings_of(url, folder, gateway.port)
        for day, evening in _EVENINGS:
            clock.set(evening)
            order = order_for(Window.EOD, settings, opening.calendar(settings), clock.now(), day=day)
            first = await composition.run_window(settings, order, clock)
            assert first.report.status is RunStatus.SUCCESS, first
            if first.report.confirm_at is not None:
                clock.set(first.report.confirm_at)
                await composition.run_window(settings, replace(order, confirming=True), clock)
    finally:
        await gateway.stop()


@pytest.fixture(scope="module")
def _copy(
    request: pytest.FixtureRequest,
    engine_matrix: Matrix,
    _collected: _Collected,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Path]]:
    """Give a module its own copy of the database and of the reports."""
    folder = tmp_path_factory.mktemp("site") / "logs"
    shutil.copytree(_collected.folder, folder)
    for url in engine_matrix.create(engine_matrix.engine(request, "plain"), _collected.database):
        yield url, folder


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(_copy: tuple[str, Path]) -> AsyncIterator[Site]:
    """Give a site of this module's own that listens; it is Friday evening."""
    url, folder = _copy
    async with served(settings_of(url, folder), url, LOOKED_AT) as opened:
        yield opened


@contextlib.asynccontextmanager
async def served(
    settings: Settings, url: str, now: datetime, shown: Callable[[Settings, Clock], Process] | None = None
) -> AsyncIterator[Site]:
    """Serve the pages of a database at an instant, to who is logged in.

    Args:
        settings: the configuration.
        url: of the database.
        now: the instant; time goes on from it.
        shown: makes the process that the pages tell of; by default an idle one.
    """
    clock = SystemClock(now)
    process, readers = Idle(settings, clock), Readers(settings, clock)
    told = process if shown is None else shown(settings, clock)
    context = Context(settings=settings, clock=clock, process=told, readers=readers)
    logins = logins_in(settings.log.path)
    try:
        async with serving_pages.shown(context, logins) as port:
            yield Site(port, context, process, url, {cookie_name("http", port): logins.cookie()})
            process.live.close()
    finally:
        await readers.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Give the one Chromium of the session."""
    if mail_browser.PROGRAM is None:
        pytest.skip("no Chromium on this machine: the pages are not looked at")
    async with async_playwright() as playwright:
        opened = await launched(playwright)
        yield opened
        await opened.close()


async def launched(playwright: Playwright) -> Browser:
    """Start Chromium."""
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return await playwright.chromium.launch(executable_path=mail_browser.PROGRAM, args=as_root)


@dataclass
class Tab:
    """A page that is looked at. messages: what it said on the console; strangers: what it asked of other machines.

    missing: what it asked for and did not get.
    """

    page: Page
    site: Site
    messages: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    async def go(self, path: str) -> None:
        """Open a page of the site."""
        await self.page.goto(self.site.address + path)

    async def go_first(self, path: str) -> None:
        """Open a page as a new tab would: by day, 1000 wide, nothing said before."""
        for heard in (self.messages, self.strangers, self.missing):
            heard.clear()
        await self.page.emulate_media(color_scheme="light")
        await self.page.set_viewport_size({"width": 1000, "height": 800})
        await self.go(path)

    async def measure(self, widths: Sequence[int] = WIDTHS) -> list[str]:
        """Lay the page out in each width, font and scheme; return what sticks out or is missing, in words.

        The page must have been opened with `dressed`.
        """
        found = []
        for scheme in ("light", "dark"):
            await self.page.emulate_media(color_scheme=scheme)
            for width in widths:
                await self.page.set_viewport_size({"width": width, "height": 800})
                wrong = await self.page.evaluate(_MEASURE, list(fonts.FONTS))
                found += [f"{scheme} {width} {one}" for one in wrong]
        return found

    async def violations(self) -> list[str]:
        """Return what axe-core objects to in light, and to whose colours in dark, in words."""
        await self.page.evaluate(_axe())
        found = []
        for dark in (False, True):
            scheme: Literal["dark", "light"] = "dark" if dark else "light"
            await self.page.emulate_media(color_scheme=scheme)
            asked = {"resultTypes": ["violations"]} | ({"runOnly": _COLOURS} if dark else {})
            broken = await self.page.evaluate("asked => axe.run(document, asked).then(it => it.violations)", asked)
            found += [f"{scheme} {one['id']}: {node['html']}" for one in broken for node in one["nodes"]]
        return found

    async def out_of_reach(self) -> list[str]:
        """Go through the page by Tab alone; return the links, buttons and fields that it never came to, in words."""
        for _ in range(await self.page.evaluate(_MARK)):
            await self.page.keyboard.press("Tab")
        unreached: list[str] = await self.page.evaluate(_UNREACHED)
        return unreached

    async def fonts_used(self, selector: str) -> set[str]:
        """Return the families in which the browser really draws the text of an element and of what is in it."""
        await self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        session = await self.page.context.new_cdp_session(self.page)
        await session.send("DOM.enable")
        await session.send("CSS.enable")
        root = (await session.send("DOM.getDocument"))["root"]["nodeId"]
        node = (await session.send("DOM.querySelector", {"nodeId": root, "selector": selector}))["nodeId"]
        used = await session.send("CSS.getPlatformFontsForNode", {"nodeId": node})
        await session.detach()
        return {font["familyName"] for font in used["fonts"]}


@contextlib.asynccontextmanager
async def opened(
    browser: Browser, site: Site, *, width: int = 1000, dark: bool = False, script: bool = True, dressed: bool = False
) -> AsyncIterator[Tab]:
    """Open a tab.

    Args:
        browser: the browser.
        site: whose pages are looked at, logged in.
        width: in CSS pixels.
        dark: the reader's preference.
        script: whether JavaScript runs.
        dressed: whether `html[data-font=narrow]` and its like dress the page in the fonts of the suite.
    """
    context = await browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if dark else "light",
        java_script_enabled=script,
        locale="en-US",
        timezone_id="Asia/Jerusalem",
        reduced_motion="reduce",
    )
    try:
        if site.cookies:
            await context.add_cookies([{"name": k, "value": v, "url": site.address} for k, v in site.cookies.items()])
        if dressed:
            await _dress(context, site)
        tab = Tab(await context.new_page(), site)

        def asked(request: Request) -> None:
            if urlsplit(request.url).hostname != HERE and not request.url.startswith("data:"):
                tab.strangers.append(request.url)

        tab.page.on("console", lambda said: tab.messages.append(said.text))
        tab.page.on("pageerror", lambda error: tab.messages.append(str(error)))
        tab.page.on("request", asked)
        tab.page.on("response", lambda got: tab.missing.append(got.url) if got.status >= 400 else None)
        yield tab
    finally:
        await context.close()


async def _dress(context: Any, site: Site) -> None:  # noqa: ANN401 - BrowserContext
    """Add the suite's fonts to the style sheet, from the site's own address; the policy is kept but for them."""
    where = {f"/fonts/{number}.ttf": file for number, (_, file) in enumerate(fonts.font_files())}
    by_file = {file: path for path, file in where.items()}

    async def page(route: Route) -> None:
        if route.request.resource_type != "document":
            await route.fallback()
            return
        answer = await route.fetch()
        headers = dict(answer.headers)
        if policy := headers.get("content-security-policy"):
            headers["content-security-policy"] = f"{policy}; font-src 'self'"
        await route.fulfill(response=answer, headers=headers)

    async def style(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, body=await answer.text() + fonts.faces(by_file.__getitem__) + _rules())

    async def font(route: Route) -> None:
        await route.fulfill(path=where[urlsplit(route.request.url).path], content_type="font/ttf")

    await context.route(f"{site.address}/**", page)
    await context.route("**/static/pages.css", style)
    await context.route("**/fonts/*.ttf", font)


def _rules() -> str:
    """Return the rules that dress a page in the font that its root names."""
    kinds = "".join(f"html[data-font={kind}] *{{font-family:{fonts.stack(kind)}!important}}" for kind in fonts.FONTS)
    fixed = "html[data-font] :is(code,pre,kbd,samp,code *,pre *)"
    return f"{kinds}{fixed}{{font-family:{fonts.stack('fixed')}!important}}"


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}

_MARK = """
() => {
  const all = [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')];
  const seen = all.filter(element => element.checkVisibility());
  for (const element of seen) element.dataset.wanted = '';
  document.addEventListener('focusin', event => {
    const outline = getComputedStyle(event.target).outlineStyle;
    if (outline !== 'none' || !event.target.dataset.reached) event.target.dataset.reached = outline;
  });
  const dates = seen.filter(element => ['date', 'time', 'datetime-local'].includes(element.type));
  return seen.length + 4 * dates.length;  // day, month, year and the button that opens the calendar
}
"""

_UNREACHED = """
() => [...document.querySelectorAll('[data-wanted]')]
  .filter(element => !element.dataset.reached || element.dataset.reached === 'none')
  .map(element => `${element.outerHTML.slice(0, 120)} ${element.dataset.reached ?? 'never'}`)
"""

_MEASURE = """
async (fonts) => {
  const root = document.documentElement, found = [];
  const within = '.scroll, .unseen, .skip, svg, details:not([open]) > :not(summary)';
  const seen = [...document.body.querySelectorAll('*')]
    .filter(element => !element.parentElement.closest(within) && !element.matches('.unseen, .skip'));
  await Promise.all([...document.fonts].map(face => face.load()));
  for (const kind of fonts) {
    root.dataset.font = kind;
    // Fonts are loaded: reading a width lays out anew. What is drawn by scripts follows the width of the window.
    if (kind === fonts[0]) await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    if (root.scrollWidth > root.clientWidth) found.push(`${kind}: the page is ${root.scrollWidth} wide`);
    for (const element of seen) {
      if (!element.getClientRects().length) continue;
      const box = element.getBoundingClientRect(), style = getComputedStyle(element);
      const scrolls = ['auto', 'scroll', 'hidden'].includes(style.overflowX);
      const inner = style.display !== 'inline' && !scrolls && element.scrollWidth > element.clientWidth + 1
        && element.clientWidth;
      if (box.height && (box.right > root.clientWidth + 0.5 || box.left < -0.5 || inner)) {
        found.push(`${kind}: sticks out: ${element.tagName} ${element.textContent.trim().slice(0, 60)}`);
      }
    }
  }
  await Promise.allSettled([...document.images].map(image => image.decode()));
  for (const image of document.images) {
    if (!image.complete || !image.naturalWidth) found.push(`missing picture: ${image.alt}`);
  }
  delete root.dataset.font;
  return found;
}
"""
