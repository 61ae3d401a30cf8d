"""Every page in a real browser: on a phone, on a desk, by day and by night, in whatever font the reader has."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from collector.web.page import AnyPage
from collector.web.pages.registry import PAGES
from tests.support import fonts
from tests.support.pages import Site, Tab, opened

pytestmark = pytest.mark.asyncio(loop_scope="session")
EVERY = pytest.mark.parametrize("page", PAGES, ids=[page.path for page in PAGES])


def address_of(page: AnyPage) -> str:
    """Return where a page is found, with the examples of its parameters."""
    examples = {one.name: one.example for one in page.parameters}
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: examples[found[1]], page.path)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tab(site: Site, browser: Browser) -> AsyncIterator[Tab]:
    """Give one tab for all pages, dressed in the suite's fonts."""
    async with opened(browser, site, dressed=True) as dressed:
        yield dressed


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def plain(site: Site, browser: Browser) -> AsyncIterator[Tab]:
    """Give one tab for all pages in which no JavaScript runs."""
    async with opened(browser, site, script=False) as without_script:
        yield without_script


@EVERY
async def test_a_page_fits_in_every_width_font_and_scheme(page: AnyPage, tab: Tab) -> None:
    """Nothing sticks out at 390, 1000 and 1600 px in light and dark; axe objects to nothing; the console is silent.

    Tab comes to each link, button and field, and each shows that it has the focus. Nothing is missing, and no request
    leaves this machine.
    """
    await tab.go_first(address_of(page))
    assert await tab.out_of_reach() == []
    assert await tab.measure() == []
    assert await tab.violations() == []
    assert await tab.page.locator("h1").count() == 1
    assert (tab.messages, tab.missing, tab.strangers) == ([], [], [])


@EVERY
async def test_a_page_is_readable_without_javascript(page: AnyPage, plain: Tab) -> None:
    """It has its heading and its content."""
    await plain.go_first(address_of(page))
    assert await plain.page.locator("main h1").inner_text()
    assert len(await plain.page.locator("main").inner_text()) > 100
    assert (plain.messages, plain.missing) == ([], [])


async def test_each_font_is_really_drawn(tab: Tab) -> None:
    """The measurement sees the page in the font that it names, and in no other."""
    await tab.go_first("/schedule")
    await tab.measure([1000])
    for kind, family in fonts.FONTS.items():
        await tab.page.evaluate("kind => { document.documentElement.dataset.font = kind }", kind)
        assert await tab.fonts_used("h1") == {family}


async def test_the_measurement_finds_what_it_looks_for(tab: Tab) -> None:
    """A page with something wide, something pale, a picture that is not there and a foreign request is found out."""
    await tab.go_first("/schedule")
    await tab.page.evaluate(_SPOIL)
    found = await tab.measure([390])
    for kind in fonts.FONTS:
        assert any(f"light 390 {kind}: the page is" in one for one in found), found
        assert any(f"dark 390 {kind}: sticks out: P wide" in one for one in found), found
    assert any("missing picture: gone" in one for one in found), found
    assert any("light color-contrast" in one for one in await tab.violations())
    assert tab.strangers == ["http://elsewhere.invalid/one.png"]


_SPOIL = """
() => {
  const wide = document.createElement('p'), pale = document.createElement('p'), gone = new Image();
  wide.textContent = 'wide';
  wide.style.width = '900px';
  pale.textContent = 'pale';
  pale.style.color = '#999';
  pale.style.background = '#aaa';
  gone.alt = 'gone';
  gone.src = 'http://elsewhere.invalid/one.png';
  document.querySelector('main').append(wide, pale, gone);
  return new Promise(done => gone.addEventListener('error', done));
}
"""
