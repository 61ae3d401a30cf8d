"""Grids of sessions in a real browser: the right colour at each cell, and words for who sees none."""

import re
from dataclasses import replace
from typing import TypeAlias

import asyncpg
import pytest
import pytest_asyncio
import structlog
from playwright.async_api import Browser, Locator, expect

from collector.app import reading
from collector.config.collection_settings import SymbolSettings
from collector.notify.reports import palette
from collector.web.pages.coverage import symbol_sessions
from tests.support.pages import Site, Tab, opened
from tests.support.window_runs import FRIDAY

pytestmark = pytest.mark.asyncio(loop_scope="session")

Colour: TypeAlias = tuple[int, ...]

_HOLE = """
WITH hole AS (
    SELECT chain.id, chain.contract_symbol, chain.underlying_id
    FROM option_chains AS chain
    INNER JOIN request_coverage AS known ON known.instrument_id = chain.id AND known.what_to_show = 'TRADES'
    WHERE chain.contract_symbol LIKE 'SPY %' AND chain.expiration_date > $1
    ORDER BY chain.expiration_date DESC, chain.strike_price DESC, chain.option_type DESC
    LIMIT 1
),
opened AS (
    UPDATE request_coverage SET settled = settled - tstzmultirange(tstzrange($2, $3))
    WHERE what_to_show = 'TRADES' AND instrument_id = (SELECT id FROM hole)
),
emptied AS (
    UPDATE store.option_bars_5min SET volume = NULL, open = NULL, up = NULL, down = NULL, close = NULL, vwap_off = NULL,
        bar_count = NULL
    WHERE contract_id = (SELECT id FROM hole) AND time = $2
),
noted AS (
    UPDATE session_changes SET change = change + 1
    WHERE data_set = 1 AND session_date = $1 AND underlying_id = (SELECT underlying_id FROM hole)
)
SELECT contract_symbol FROM hole
"""
_CONTRACTS = """
SELECT chain.id, chain.contract_symbol
FROM option_chains AS chain
INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
INNER JOIN underlying_securities AS own ON own.id = chain.underlying_id
WHERE own.symbol = $1 AND life.selected @> $2::date AND chain.expiration_date >= $2
ORDER BY chain.expiration_date, chain.strike_price, chain.option_type
"""
_SLOTS = """
SELECT slot.at, bar.volume > 0 AS traded, bar.implied_volatility IS NOT NULL AS valued,
    bar.bid_close IS NOT NULL AND bar.ask_close IS NOT NULL AS quoted, known.settled @> slot.at AS settled
FROM generate_series($2::timestamptz, $3::timestamptz - INTERVAL '5 minutes', INTERVAL '5 minutes') AS slot (at)
LEFT JOIN option_bars_5min AS bar ON bar.contract_id = $1 AND bar.time = slot.at
LEFT JOIN request_coverage AS known ON known.instrument_id = $1 AND known.what_to_show = 'TRADES'
ORDER BY slot.at
"""
_PIXELS = "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hole(site: Site) -> str:
    """Open the slot at 10:00 of SPY's last contract on Friday; return the contract."""
    session = site.context.days.session("SPY", FRIDAY)
    connection = await asyncpg.connect(site.database_url)
    slot = session.open.replace(hour=15, minute=0)
    found: str = await connection.fetchval(_HOLE, FRIDAY, slot, slot.replace(minute=5))
    await connection.close()
    return found


async def _grid(tab: Tab, path: str) -> Locator:
    """Open a page and return its first grid once it is drawn."""
    await tab.go(path)
    view = tab.page.locator(".grid-view").first
    await expect(view).to_have_attribute("data-drawn", re.compile(r"\d"))
    return view


async def _colours(view: Locator) -> list[list[Colour]]:
    """Return the colours that the canvas holds, row by row."""
    canvas = view.locator("canvas")
    width = int(await canvas.evaluate("canvas => canvas.width"))
    flat = await canvas.evaluate(_PIXELS)
    pixels = [tuple(flat[at : at + 3]) for at in range(0, len(flat), 4)]
    return [pixels[at : at + width] for at in range(0, len(pixels), width)]


async def _expected(site: Site, *, traded: bool = True) -> list[list[Colour]]:
    """Return the colours by what the tables say of each slot, without the code that draws or reads grids."""
    session = site.context.days.session("SPY", FRIDAY)
    connection = await asyncpg.connect(site.database_url)
    found: list[list[Colour]] = []
    for contract in await connection.fetch(_CONTRACTS, "SPY", FRIDAY):
        slots = await connection.fetch(_SLOTS, contract["id"], session.open, session.close)
        found.append([palette.rgb(_colour(slot, traded=traded)) for slot in slots])
    await connection.close()
    return found


def _colour(slot: asyncpg.Record, *, traded: bool) -> str:
    if not slot["traded"] and not slot["settled"]:
        return palette.UNKNOWN
    if slot["traded"] and traded:
        return palette.TRADED
    if slot["valued"]:
        return palette.VALUED
    return palette.QUOTED if slot["quoted"] else palette.NO_TRADE


async def test_each_cell_has_the_colour_of_what_is_stored(site: Site, browser: Browser, hole: str) -> None:
    """Cell by cell the canvas shows what the tables say; a layer that is taken away shows what lies below it."""
    async with opened(browser, site) as tab:
        view = await _grid(tab, f"/sessions/{FRIDAY}")
        assert await _colours(view) == await _expected(site)
        assert (await _colours(view))[-1][6] == palette.rgb(palette.UNKNOWN), hole

        await tab.page.get_by_label("traded", exact=True).first.uncheck()
        assert await _colours(view) == await _expected(site, traded=False)


async def test_a_cursor_says_in_words_what_a_cell_is(site: Site, browser: Browser, hole: str) -> None:
    """Arrow keys move it, N goes to the hole, Enter opens its contract on that day."""
    async with opened(browser, site) as tab:
        view = await _grid(tab, f"/sessions/{FRIDAY}")
        words = tab.page.locator(".grid-words").first
        await view.focus()
        await expect(words).to_contain_text("SPY 2026-11-20")
        await expect(words).to_contain_text("09:30 New York:")
        await view.press("ArrowRight")
        await view.press("ArrowDown")
        await view.press("ArrowDown")
        await expect(words).to_contain_text("09:35 New York:")
        await view.press("ArrowUp")
        await view.press("Home")
        await view.press("n")
        strike = f"{int(hole[13:]) / 1000:g} {hole[12]}"
        await expect(words).to_contain_text(f"SPY 20{hole[6:8]}-{hole[8:10]}-{hole[10:12]} {strike}, 10:00 New York:")
        await expect(words).to_contain_text("unknown whether it traded, not final")
        await view.press("Enter")
        await tab.page.wait_for_url(f"**/contracts/{hole.replace(' ', '')}?day={FRIDAY}")


async def test_a_symbols_sessions_follow_the_scheme(site: Site, browser: Browser, hole: str) -> None:
    """Sixty sessions of each contract; the one with the hole is partial; what is not selected is as the page is."""
    async with opened(browser, site) as tab:
        view = await _grid(tab, "/coverage/SPY")
        light = await _colours(view)
        await tab.page.emulate_media(color_scheme="dark")
        dark = await _colours(view)

        assert {len(row) for row in light} == {60}
        assert light[-1][59] == palette.rgb(palette.PARTIAL), hole
        assert light[0][0] == palette.rgb(palette.CARD.light)
        assert dark[0][0] == palette.rgb(palette.CARD.dark)
        await view.focus()
        await view.press("n")
        await expect(tab.page.locator(".grid-words")).to_contain_text(f", {FRIDAY}: partial")


async def test_numbers_are_those_of_the_status(site: Site, hole: str) -> None:
    """The page counts what `collector status` counts, symbol by symbol; the contract with the hole comes first."""
    found = (await site.get(f"/api/v1/sessions/{FRIDAY}")).document
    status = await reading.overview(site.context.settings, FRIDAY, site.context.clock)

    measured = {one.symbol: one.measured for one in status.symbols}
    assert [one["symbol"] for one in found["symbols"]] == ["SPY", "PLTR"]
    for one in found["symbols"]:
        told, slots = measured[one["symbol"]], one["slots"]
        assert (one["contracts"], one["complete"]) == (told.contracts, told.contracts_settled)
        assert (one["expected"], one["settled"], one["awaiting"]) == (told.expected, told.settled, told.awaiting)
        assert slots["slots"] == told.slots
        assert (slots["traded"], slots["no_trade"], slots["unknown"]) == (told.traded, told.no_trade, told.unknown)
        assert sum(row["slots"]["traded"] for row in one["expirations"]) == told.traded
    assert hole in [one["contract"] for one in found["symbols"][0]["worst"]]
    assert [one["id"] for one in found["runs"]] == [run.id for run in status.runs]


async def test_requests_are_counted_by_when_they_were_sent(site: Site) -> None:
    """Five minutes by five minutes, all requests of the session's runs."""
    found = (await site.get(f"/api/v1/sessions/{FRIDAY}")).document
    connection = await asyncpg.connect(site.database_url)
    sent, failed = await connection.fetchrow(
        "SELECT count(*), count(*) FILTER (WHERE NOT outcome = ANY('{bars,no_data}'::text[]))"
        " FROM requests r JOIN intraday_collection_runs own ON own.id = r.run_id WHERE own.run_date = $1",
        FRIDAY,
    )
    await connection.close()

    assert sum(one["requests"] for one in found["pacing"]) == sent > 0
    assert sum(one["failed"] for one in found["pacing"]) == failed


async def test_the_simulated_market_keeps_parity(site: Site) -> None:
    """Prices of one model leave cents over, box by box and pair by pair, and no pair is off."""
    found = (await site.get(f"/api/v1/sessions/{FRIDAY}/residuals")).document

    expirations = [one for symbol in found["symbols"] for one in symbol["expirations"]]
    assert expirations
    for one in expirations:
        assert one["off_parity"] == 0
        if one["boxes"]["count"]:
            assert one["boxes"]["median"] <= 0.1


async def test_counting_beforehand_is_silent(site: Site) -> None:
    """Nobody hears of what is counted before anybody asks, nor of a symbol of which nothing is known."""
    known = site.context.settings
    unknown = known.model_copy(update={"symbols": (*known.symbols, SymbolSettings(symbol="QQQ"))})
    with structlog.testing.capture_logs() as events:
        await symbol_sessions.count_beforehand(replace(site.context, settings=unknown))
    assert [one for one in events if one["log_level"] != "debug"] == []


async def test_without_javascript_the_numbers_are_there(site: Site, browser: Browser) -> None:
    """Pictures are absent, tables stand in their place, by expiration and by session."""
    async with opened(browser, site, script=False) as tab:
        await tab.go(f"/sessions/{FRIDAY}")
        assert await tab.page.locator(".grid").first.is_hidden()
        await tab.page.locator("summary").first.click()
        table = tab.page.get_by_role("table", name="Slots of SPY by expiration")
        assert await table.get_by_role("rowheader").first.inner_text() == str(FRIDAY)
        await tab.go("/coverage/SPY")
        await tab.page.locator("summary").first.click()
        table = tab.page.get_by_role("table", name="Contracts of SPY by session and state")
        assert await table.get_by_role("rowheader").count() == 60


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/sessions/2026-11-21", 404),
        ("/sessions/tomorrow", 400),
        ("/sessions/2026-11-20/residuals", 200),
        ("/coverage/NONE", 404),
        ("/api/v1/sessions/2026-11-20/grids/NONE", 404),
        ("/api/v1/coverage/NONE/grid", 404),
    ],
)
async def test_what_is_not_there_is_refused_in_words(site: Site, path: str, code: int) -> None:
    """A Saturday, no date, a symbol of which nothing is known."""
    answer = await site.get(path)
    assert answer.status == code
    assert "Traceback" not in answer.text
