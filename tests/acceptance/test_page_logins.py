"""Logging in with a real browser: by an address, by a link of another site, by a password, and out again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page
from pydantic import SecretStr

from collector.config import ServeSettings, Settings, WebSettings
from tests.support.pages import browser
from tests.support.served_pages import Shown, shown

__all__ = ["browser"]

pytestmark = pytest.mark.asyncio(loop_scope="session")

PASSWORD = "a long password of the owner"  # noqa: S105 - of a test's own pages


@pytest_asyncio.fixture(loop_scope="session")
async def pages(tmp_path: Path) -> AsyncIterator[Shown]:
    """Pages with a password."""
    settings = Settings(serve=ServeSettings(port=0), web=WebSettings(password=SecretStr(PASSWORD)))
    async with shown(tmp_path, settings=settings) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def tab(browser: Browser) -> AsyncIterator[Page]:
    """An empty tab of a browser that nobody knows."""
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()


async def heading(tab: Page) -> str:
    """Return the first heading of the page that is shown."""
    return (await tab.locator("h1").first.inner_text()).strip()


async def test_by_an_address(pages: Shown, tab: Page) -> None:
    """It shows the first page under an address without the key, which the browser does not keep; once."""
    address = pages.logins.address(pages.site)
    await tab.goto(address)
    assert tab.url == f"{pages.site}/"
    assert "key=" not in str(await tab.evaluate("[document.referrer, history.length, location.href]"))
    answer = await tab.goto(f"{pages.site}/api/v1")
    assert answer is not None
    assert answer.status == 200
    await tab.context.clear_cookies()
    await tab.goto(address)
    assert "has been used" in await tab.locator("main").inner_text()


async def test_by_a_link_of_another_site(pages: Shown, tab: Page) -> None:
    """A link in a mail leads to its page, though the browser sends no cookie along with the first request."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = f'<a href="{pages.site}/nowhere?a=1&amp;b=2">The page</a><a href="{pages.site}/">Today</a>'
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n{body}".encode())
        writer.close()

    await tab.context.add_cookies(
        [{"name": f"collector_{pages.port}", "value": pages.logins.cookie(), "url": pages.site, "sameSite": "Strict"}]
    )
    async with await asyncio.start_server(say, "127.0.0.1", 0) as mails:
        # Another name of this machine is another site to a browser.
        await tab.goto(f"http://localhost:{mails.sockets[0].getsockname()[1]}/")
        await tab.get_by_text("The page").click()
        await tab.get_by_text("There is no such page.").wait_for()
        assert tab.url == f"{pages.site}/nowhere?a=1&b=2"
        await tab.context.clear_cookies()
        await tab.go_back()


async def test_by_a_password_and_out_again(pages: Shown, tab: Page) -> None:
    """The form works by keyboard alone; after logging out the pages want a login again."""
    await tab.goto(f"{pages.site}/nowhere")
    assert await heading(tab) == "Log in"
    await tab.get_by_label("Or give the password").fill(PASSWORD)
    await tab.keyboard.press("Enter")
    await tab.wait_for_url(f"{pages.site}/")
    await tab.goto(f"{pages.site}/nowhere")
    assert "There is no such page." in await tab.locator("main").inner_text()
    await tab.goto(f"{pages.site}/login")
    await tab.get_by_role("button", name="Log out").click()
    await tab.get_by_label("Or give the password").wait_for()
    await tab.goto(f"{pages.site}/nowhere")
    assert await heading(tab) == "Log in"


async def test_the_page_of_logins_is_sound(pages: Shown, tab: Page) -> None:
    """The browser has nothing to say of it, and it fits a telephone."""
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    await tab.set_viewport_size({"width": 390, "height": 800})
    await tab.goto(f"{pages.site}/login")
    assert await tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert said == []
