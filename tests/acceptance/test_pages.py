"""Every page in a real browser: on a phone, on a desk, by day and by night, in whatever font the reader has."""

import re

import pytest
from playwright.async_api import Browser

from collector.web.page import AnyPage
from collector.web.pages.registry import PAGES
from tests.support import fonts
from tests.support.pages import Site, opened

pytestmark = pytest.mark.asyncio(loop_scope="session")
EVERY = pytest.mark.parametrize("page", PAGES, ids=[page.path for page in PAGES])


def address_of(page: AnyPage) -> str:
    """Return where a page is found, with the examples of its parameters."""
    examples = {one.name: one.example for one in page.parameters}
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: examples[found[1]], page.path)


@EVERY
async def test_a_page_fits_in_every_width_font_and_scheme(page: AnyPage, site: Site, browser: Browser) -> None:
    """Nothing sticks out at 390, 1000 and 1600 px in light and dark; axe objects to nothing; the console is silent.

    Tab comes to each link, button and field, and each shows that it has the focus. Nothing is missing, and no request
    leaves this machine.
    """
    async with opened(browser, site, dressed=True) as tab:
        await tab.go(address_of(page))
        assert await tab.out_of_reach() == []
        assert await tab.measure() == []
        assert await tab.violations() == []
        assert await tab.page.locator("h1").count() == 1
        assert (tab.messages, tab.missing, tab.strangers) == ([], [], [])


@EVERY
async def test_a_page_is_readable_without_javascript(page: AnyPage, site: Site, browser: Browser) -> None:
    """It has its heading and its content."""
    async with opened(browser, site, script=False) as tab:
        await tab.go(address_of(page))
        assert await tab.page.locator("main h1").inner_text()
        assert len(await tab.page.locator("main").inner_text()) > 100
        assert (tab.messages, tab.missing) == ([], [])


async def test_each_font_is_really_drawn(site: Site, browser: Browser) -> None:
    """The measurement sees the page in the font that it names, and in no other."""
    async with opened(browser, site, dressed=True) as tab:
        await tab.go("/schedule")
        await tab.measure([1000])
        for kind, family in fonts.FONTS.items():
            await tab.page.evaluate("kind => { document.documentElement.dataset.font = kind }", kind)
            assert await tab.fonts_used("h1") == {family}


async def test_the_measurement_finds_what_it_looks_for(site: Site, browser: Browser) -> None:
    """A page with something wide, something pale, a picture that is not there and a foreign request is found out."""
    async with opened(browser, site, dressed=True) as tab:
        await tab.go("/schedule")
        await tab.page.evaluate(_SPOIL)
        found = await tab.measure([390])
        assert any("390 wide: the page is" in one for one in found), found
        assert any("sticks out: P wide" in one for one in found), found
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
