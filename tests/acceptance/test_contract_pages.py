"""Pages of contracts and chains: what they show is what is stored, and why it is not."""

import importlib.util
import re
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import asyncpg
import pyarrow as pa
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from collector.app import reading
from collector.lineage import telling
from collector.notify.reports import palette
from collector.research.reader import Reader
from collector.web.pages.contracts import arrow
from tests.support.pages import Site, Tab, opened

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEW_YORK = ZoneInfo("America/New_York")
FRIDAY = date(2026, 11, 20)
SPOILED = "SPY 261123C00710000"
"""A contract of which the test takes away some of what is known of Friday, and revises a bar."""
WHOLE = "SPY 261123C00709000"
RENAMED = "SPY 261124C00704000"
"""A contract that had another strike until Friday noon."""
_COLUMNS = (
    "open", "high", "low", "close", "volume", "bid_low", "bid_close", "ask_close", "ask_high", "implied_volatility",
    "delta", "open_interest",
)  # fmt: skip


def at(hour: int, minute: int, day: date = FRIDAY) -> datetime:
    """Return a time of New York."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)


def address(name: str) -> str:
    """Return where a contract's page is."""
    return f"/contracts/{name.replace(' ', '')}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rows(site: Site) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection to the site's database, in which one contract has been spoiled."""
    connection = await asyncpg.connect(site.database_url)
    await connection.execute(_SPOIL, f"{SPOILED[:3]:<6}{SPOILED[4:]}", at(10, 0), at(10, 15), at(11, 0))
    await connection.execute(
        _RENAME, f"{RENAMED[:3]:<6}{RENAMED[4:]}", "SPY   261124C00702130", Decimal("702.13"), at(12, 0)
    )
    yield connection
    await connection.close()


_SPOIL = """
WITH contract AS (SELECT id FROM option_chains WHERE contract_symbol = $1),
without_trades AS (
    UPDATE store.option_bars_5min
    SET open = NULL, up = NULL, down = NULL, close = NULL, vwap_off = NULL, volume = NULL, bar_count = NULL
    WHERE contract_id = (SELECT id FROM contract) AND time >= $2 AND time < $3
),
unsettled AS (
    UPDATE request_coverage
    SET covered = covered - tstzmultirange(tstzrange($2, $3)), settled = settled - tstzmultirange(tstzrange($2, $3))
    WHERE instrument_id = (SELECT id FROM contract) AND what_to_show = 'TRADES'
)
INSERT INTO bar_revisions (time, data_set, instrument_id, open, high, low, close, bid_open, bid_high, bid_low,
    bid_close, ask_open, ask_high, ask_low, ask_close, volume, bar_count, vwap, replaced_at, run_id)
SELECT time, 1, contract_id, open, high, low, close, bid_open, bid_high, bid_low, bid_close - 0.01, ask_open, ask_high,
    ask_low, ask_close, volume, bar_count, vwap, $4::timestamptz + INTERVAL '1 day', collection_run_id
FROM option_bars_5min
WHERE contract_id = (SELECT id FROM contract) AND time = $4::timestamptz
"""


_RENAME = """
INSERT INTO earlier_contract_terms (contract_id, until, contract_symbol, expiration_date, strike_price, option_type,
    multiplier, exchange, trading_class, currency)
SELECT id, $4, $2, expiration_date, $3::numeric, option_type, multiplier, exchange, trading_class, currency
FROM option_chains
WHERE contract_symbol = $1
"""


async def stored(rows: asyncpg.Connection, name: str, start: datetime, end: datetime) -> Sequence[asyncpg.Record]:
    """Return a contract's bars as readers of the database see them."""
    text = "SELECT * FROM option_bars WHERE occ_symbol = $1 AND time >= $2 AND time < $3 ORDER BY time"
    return list(await rows.fetch(text, name, start, end))


def number(value: object) -> Decimal | None:
    """Return a number of a document or a database as it compares."""
    return None if value is None else Decimal(str(value)).normalize()


async def test_a_session_shows_what_is_stored(site: Site, rows: asyncpg.Connection) -> None:
    """Each slot's numbers are those of option_bars; volume tells traded slots from those without a trade."""
    told = (await site.get(f"/api/v1{address(WHOLE)}?day={FRIDAY}")).document
    bars = await stored(rows, WHOLE, at(9, 30), at(16, 15))
    assert len(bars) == len(told["steps"]) == 81
    for bar, step in zip(bars, told["steps"], strict=True):
        assert datetime.fromisoformat(step["time"]) == bar["time"]
        assert [number(step[name]) for name in _COLUMNS] == [number(bar[name]) for name in _COLUMNS]
        assert step["verdict"] == ("traded" if bar["volume"] else "no_trade")
        assert step["holes"] == []
    assert told["missing"] == [] or all("without volatility" in words for words in told["missing"])
    assert (told["previous_day"], told["next_day"], told["last_day"]) == ("2026-11-19", None, "2026-11-20")
    assert told["above"] == address("SPY 261123C00710000")
    assert told["other_right"] == address("SPY 261123P00709000")


async def test_the_table_holds_the_same_numbers(site: Site, rows: asyncpg.Connection) -> None:
    """The page's table, from which the picture is drawn, has the last prices, quotes and volatilities of the bars."""
    page = (await site.get(f"{address(WHOLE)}?day={FRIDAY}")).text
    found = re.findall(r"<tr data-time=\"(\d+)\".*?</tr>", page, re.DOTALL)
    texts = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in page.split("<tr data-time=")[1:]]
    bars = await stored(rows, WHOLE, at(9, 30), at(16, 15))
    assert [int(one) for one in found] == [int(bar["time"].timestamp()) for bar in bars]
    names = [name for name in _COLUMNS if name != "open_interest"]
    for bar, cells in zip(bars, texts, strict=True):
        shown = [None if cell == "–" else number(cell.replace(",", "")) for cell in cells[: len(names)]]
        assert shown == [number(bar[name]) for name in names]


async def test_a_life_sums_up_its_sessions(site: Site, rows: asyncpg.Connection) -> None:
    """A day's open is its first trade's, its last values the last known, its extremes the outermost of all slots."""
    told = (await site.get(f"/api/v1{address(WHOLE)}?life=1")).document
    assert [one["time"][:10] for one in told["steps"]] == ["2026-11-19", "2026-11-20"]
    for step, day in zip(told["steps"], (date(2026, 11, 19), FRIDAY), strict=True):
        bars = await stored(rows, WHOLE, at(9, 30, day), at(16, 15, day))
        known = {name: [bar[name] for bar in bars if bar[name] is not None] for name in _COLUMNS}
        assert number(step["open"]) == number(known["open"][0])
        assert number(step["high"]) == number(max(known["high"]))
        assert number(step["low"]) == number(min(known["low"]))
        assert step["volume"] == sum(known["volume"])
        assert number(step["bid_low"]) == number(min(known["bid_low"]))
        assert number(step["ask_high"]) == number(max(known["ask_high"]))
        for name in ("close", "bid_close", "ask_close", "implied_volatility", "delta"):
            assert number(step[name]) == number(known[name][-1])
        assert (step["verdict"], step["holes"]) == ("traded", [])


async def test_holes_have_the_reasons_of_lineage(site: Site, rows: asyncpg.Connection) -> None:
    """What nobody has answered is unknown, with the sentence of `collector why --missing`; no trade is no hole."""
    told = (await site.get(f"/api/v1{address(SPOILED)}?day={FRIDAY}")).document
    said = await reading.why_missing(site.context.settings, SPOILED, None, FRIDAY, None, site.context.clock)
    [hole] = said.holes
    unknown = [step for step in told["steps"] if step["verdict"] == "unknown"]
    assert [datetime.fromisoformat(step["time"]) for step in unknown] == [at(10, 0), at(10, 5), at(10, 10)]
    assert {tuple(step["holes"]) for step in unknown} == {(hole.sentence,)}
    assert hole.sentence.startswith("10:00–10:15 TRADES: ")
    assert told["missing"] == list(said.sentences)
    assert all(step["holes"] == [] for step in told["steps"] if step not in unknown)
    page = (await site.get(f"{address(SPOILED)}?day={FRIDAY}")).text
    assert page.count('class="hole"') == 3
    life = (await site.get(f"/api/v1{address(SPOILED)}?life=1")).document
    assert life["steps"][-1]["holes"] == ["TRADES: 3 of 81 slots not final."]
    # One symbol in the slot: the chain says the same of the expiration, and nothing of another one.
    chain = (await site.get("/api/v1/chains/SPY?at=2026-11-20%2010:05&expiration=2026-11-23")).document
    assert len(chain["missing"]) >= 1
    assert any("TRADES, 1 contract, 1 slot" in words for words in chain["missing"])
    other = (await site.get("/api/v1/chains/SPY?at=2026-11-20%2010:05&expiration=2026-11-24")).document
    assert not any("TRADES" in words for words in other["missing"])


async def test_a_revision_is_told(site: Site, rows: asyncpg.Connection) -> None:
    """A settled bar that was replaced is told with what it was and what it became, and nothing else."""
    told = (await site.get(f"/api/v1{address(SPOILED)}?day={FRIDAY}")).document
    [revision] = told["revisions"]
    [bar] = await stored(rows, SPOILED, at(11, 0), at(11, 5))
    assert datetime.fromisoformat(revision["time"]) == at(11, 0)
    [change] = revision["changes"]
    assert change["name"] == "bid_close"
    assert (number(change["was"]), number(change["became"])) == (
        number(bar["bid_close"] - Decimal("0.01")),
        number(bar["bid_close"]),
    )


async def test_earlier_terms_are_those_of_their_time(site: Site, rows: asyncpg.Connection) -> None:
    """A contract is found by what it was called before, and stands in chains under the strike that it had."""
    assert rows is not None
    told = (await site.get("/api/v1/contracts/SPY261124C00702130")).document
    assert told["occ_symbol"] == RENAMED
    names = [(one["occ_symbol"], one["strike"], one["until"] is None) for one in told["terms"]]
    assert names == [("SPY 261124C00702130", 702.13, False), (RENAMED, 704.0, True)]
    for minute, strike in ((55, 702.13), (60, 704.0)):
        clock = f"{11 + minute // 60}:{minute % 60:02d}"
        chain = (await site.get(f"/api/v1/chains/SPY?at=2026-11-20%20{clock}&expiration=2026-11-24")).document
        [row] = [one for one in chain["rows"] if one["strike"] in (702.13, 704.0) and one["call"]]
        assert (row["strike"], row["call"]["is_stored"]) == (strike, True)


async def test_an_account_says_what_the_command_says(site: Site, rows: asyncpg.Connection) -> None:
    """The page of a slot holds the lines of `collector why`, and its JSON what `collector why --json` gives."""
    where = f"{address(SPOILED)}/why?at=2026-11-20%2011:02"
    told = (await site.get(f"/api/v1{where}")).document
    account = await reading.why_value(site.context.settings, SPOILED, "2026-11-20 11:02", None, site.context.clock)
    lines = [" ".join(line.split()) for line in telling.lines(account) if line.strip()]
    parts = [" ".join(f"{line['label']} {line['text']}".split()) for part in told["parts"] for line in part]
    assert [*told["heading"], *parts] == lines
    assert told["account"]["explained"] == account.explained
    assert [one["what"] for one in told["account"]["series"]] == ["TRADES", "BID", "ASK"]
    page = (await site.get(where)).text
    assert "until 2026-11-21 11:00:00 it was" in page
    latest = (await site.get(f"/api/v1{address(SPOILED)}/why")).document
    assert datetime.fromisoformat(latest["slot"]) == at(16, 10)


async def test_a_chain_shows_a_slot(site: Site, rows: asyncpg.Connection) -> None:
    """Rows are the bars of the slot by strike, calls and puts; the spot is the underlying's last price; slots go on."""
    told = (await site.get("/api/v1/chains/SPY?at=2026-11-20%2012:33&expiration=2026-11-23")).document
    assert datetime.fromisoformat(told["slot"]) == at(12, 30)
    assert datetime.fromisoformat(told["previous_slot"]) == at(12, 25)
    assert datetime.fromisoformat(told["next_slot"]) == at(12, 35)
    spot = await rows.fetchval(
        "SELECT close FROM underlying_bars_5min b JOIN underlying_securities u ON u.id = b.underlying_id"
        " WHERE symbol = 'SPY' AND time = $1",
        at(12, 30),
    )
    assert number(told["spot"]) == number(spot)
    bars = await rows.fetch(
        "SELECT * FROM option_bars WHERE symbol = 'SPY' AND expiration_date = '2026-11-23' AND time = $1", at(12, 30)
    )
    shown = [
        (Decimal(str(row["strike"])), right, quote)
        for row in told["rows"]
        for right, quote in (("C", row["call"]), ("P", row["put"]))
        if quote is not None and quote["is_stored"]
    ]
    assert len(shown) == len(bars) > 10
    by_terms = {(bar["strike_price"], bar["option_type"]): bar for bar in bars}
    pairs = {"bid": "bid_close", "ask": "ask_close", "last": "close", "volume": "volume", "delta": "delta"}
    for strike, right, quote in shown:
        bar = by_terms[strike, right]
        assert quote["occ_symbol"] == bar["contract_symbol"]
        assert number(quote["implied_volatility"]) == number(bar["implied_volatility"])
        assert {name: number(quote[name]) for name in pairs} == {name: number(bar[of]) for name, of in pairs.items()}
    [own] = [one for one in told["expirations"] if one["expiration"] == "2026-11-23"]
    assert (own["stored"], own["expected"], own["days"]) == (len(bars), len(bars), 3)
    assert own["valued"] == sum(bar["implied_volatility"] is not None for bar in bars)


async def test_all_smiles_are_out_of_the_money(site: Site, rows: asyncpg.Connection) -> None:
    """Overlaid smiles hold puts below the spot and calls from it on, as they are stored."""
    told = (await site.get("/api/v1/chains/SPY?at=2026-11-20%2012:30&expiration=all")).document
    assert told["rows"] == []
    for smile in told["smiles"]:
        bars = await rows.fetch(
            "SELECT strike_price, implied_volatility FROM option_bars WHERE symbol = 'SPY' AND expiration_date = $1"
            " AND time = $2 AND implied_volatility IS NOT NULL AND (strike_price >= $3) = (option_type = 'C')",
            date.fromisoformat(smile["expiration"]), at(12, 30), Decimal(str(told["spot"])),
        )  # fmt: skip
        pairs = zip(told["strikes"], smile["volatilities"], strict=True)
        found = {number(strike): number(value) for strike, value in pairs if value is not None}
        assert found == {number(bar["strike_price"]): number(bar["implied_volatility"]) for bar in bars} != {}


async def test_a_chain_opens_at_its_latest_slot(site: Site) -> None:
    """Without an instant it is the last slot of the last session with bars, and an expiration that has volatilities."""
    told = (await site.get("/api/v1/chains/spy")).document
    assert (datetime.fromisoformat(told["slot"]), told["next_slot"]) == (at(16, 10), None)
    assert told["expiration"] == "2026-11-23"
    assert told["session"] == "2026-11-20"
    opening = (await site.get("/api/v1/chains/SPY?at=2026-11-20%2009:30")).document
    assert datetime.fromisoformat(opening["previous_slot"]) == at(16, 10, date(2026, 11, 19))
    every = (await site.get("/api/v1/chains")).document
    assert [one["symbol"] for one in every["symbols"]] == ["PLTR", "SPY"]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/contracts/SPY261123C00000001", 404, "no contract SPY 2026-11-23 0.001 C is known"),
        ("/contracts/SPY", 404, "is an underlying"),
        ("/contracts/SPY261123C00709000?day=2026-11-21", 404, "is no trading session"),
        ("/contracts/SPY261123C00709000?day=soon", 400, "is no day"),
        ("/contracts/SPY261123C00709000?day=2026-11-20&life=1", 400, "a day and the whole life"),
        ("/contracts/SPY261123C00709000/why?at=noon", 400, "is no instant"),
        ("/contracts/SPY261123C00709000/why?at=2026-11-20%2018:00", 400, "outside the session"),
        ("/chains/QQQ", 404, "nothing is known of QQQ"),
        ("/chains/SPY?expiration=2027-01-01", 404, "no contract that is known expires"),
        ("/api/v1/bars/QQQ.arrow", 404, "nothing is known of QQQ"),
        ("/api/v1/bars/SPY.arrow?columns=price", 400, "price"),
    ],
)
async def test_what_is_not_there_is_said_in_words(site: Site, path: str, status: int, words: str) -> None:
    """Unknown contracts and days are 404, words that mean nothing 400, each with a sentence."""
    found = await site.get(path)
    assert (found.status, words in found.text.replace("&#39;", "'")) == (status, True), found.text


def table(content: bytes) -> pa.Table:
    """Return what a download holds."""
    return pa.ipc.open_stream(content).read_all()


async def test_arrow_is_what_the_research_api_reads(site: Site) -> None:
    """A download holds the rows and columns that the research API gives for the same question, in its order."""
    context = site.context
    contract = {"occ": WHOLE, "start": str(FRIDAY), "end": str(FRIDAY)}
    symbol = {"symbol": "spy", "start": "2026-11-20 15:00", "columns": "time,occ_symbol,mid_close,flags"}
    with Reader(context.settings, site.database_url, context.clock) as reader:
        of_contract = reader.bars([WHOLE], FRIDAY, FRIDAY).table
        of_symbol = reader.bars("SPY", at(15, 0), columns=["time", "occ_symbol", "mid_close", "flags"]).table
    assert of_contract.num_rows == 81
    assert of_symbol.num_rows > 81
    assert table(await arrow.OF_CONTRACT.answer(context, contract)) == of_contract
    assert table(await arrow.OF_SYMBOL.answer(context, symbol)) == of_symbol


async def test_arrow_comes_through_the_site(site: Site, browser: Browser) -> None:
    """What a program gets is Arrow's stream, under its media type."""
    async with opened(browser, site) as tab:
        got = await tab.page.request.get(f"{site.address}/api/v1{address(WHOLE)}/bars.arrow?columns=time")
        assert (got.status, got.headers["content-type"]) == (200, "application/vnd.apache.arrow.stream")
        assert table(await got.body()).num_rows == 162


async def test_too_many_bars_are_refused_before_they_are_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would not fit is refused in words, with what to do."""
    monkeypatch.setattr(arrow, "MOST_ROWS", 161)
    for path in (f"/api/v1{address(WHOLE)}/bars.arrow", "/api/v1/bars/SPY.arrow?start=2026-11-20&end=2026-11-20"):
        found = await site.get(path)
        assert (found.status, "a download has 161 at most" in found.document["message"]) == (400, True)
        assert "collector.research" in found.document["hint"]


async def test_without_the_extra_arrow_says_what_to_install(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages do without pyarrow; whoever asks for Arrow is told in words."""
    for name in [name for name in sys.modules if name.startswith("collector.research")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    found = await site.get("/api/v1/bars/SPY.arrow")
    assert (found.status, found.document["hint"]) == (501, "pip install 'collector[research]'")


_COUNT = """
([place, red, green, blue, least, most]) => {
  const canvas = document.querySelectorAll('figure canvas')[place];
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    const far = Math.abs(data[i] - red) + Math.abs(data[i + 1] - green) + Math.abs(data[i + 2] - blue);
    if (far <= 9 && data[i + 3] >= least && data[i + 3] <= most) count += 1;
  }
  return count;
}
"""
"""Pixels of a colour and of an opacity, 0 to 255, in one of the canvases."""


async def drawn(tab: Tab, place: int, colour: str, least: int = 255, most: int = 255) -> int:
    """Return how many pixels of a canvas have a colour."""
    count: int = await tab.page.evaluate(_COUNT, [place, *palette.rgb(colour), least, most])
    return count


async def test_the_picture_is_drawn_and_read_by_keyboard(
    site: Site, rows: asyncpg.Connection, browser: Browser
) -> None:
    """Trades, volatility and holes have their colours; arrow keys say each slot and its reason; Enter asks why."""
    assert rows is not None
    async with opened(browser, site) as tab:
        await tab.go(f"{address(SPOILED)}?day={FRIDAY}")
        await expect(tab.page.locator("figure[data-drawn]")).to_have_count(1)
        assert await tab.page.locator("figure canvas").count() == 3
        assert await drawn(tab, 0, palette.TRADED) > 50
        assert await drawn(tab, 2, palette.LATENCY) > 50
        for place in range(3):
            shaded = await drawn(tab, place, palette.UNKNOWN, 45, 70)
            height = await tab.page.evaluate("place => document.querySelectorAll('canvas')[place].height", place)
            assert shaded > height  # three slots wide, and as high as the picture
        said = tab.page.locator("figure output")
        await tab.page.locator(".panels").focus()
        await tab.page.keyboard.press("Home")
        await expect(said).to_contain_text(re.compile("^09:30: Open .* IV .*"))
        for _ in range(6):
            await tab.page.keyboard.press("ArrowRight")
        await expect(said).to_contain_text(re.compile("^10:00: .*unknown, 10:00–10:15 TRADES: "))
        await tab.page.keyboard.press("ArrowRight")
        await expect(said).to_contain_text(re.compile("^10:05: "))
        await tab.page.keyboard.press("End")
        await expect(said).to_contain_text(re.compile("^16:10: "))
        await tab.page.keyboard.press("ArrowLeft")
        await tab.page.keyboard.press("Enter")
        await expect(tab.page.locator("h1")).to_have_text(f"Why {SPOILED} is what it is")
        assert tab.page.url.endswith("/why?at=2026-11-20%2016%3A05")
        assert (tab.messages, tab.missing, tab.strangers) == ([], [], [])


async def test_the_picture_follows_width_and_scheme(site: Site, browser: Browser) -> None:
    """It is as wide as its card at 390 and 1600 px, says what the mouse is over, and changes its colours by night."""
    async with opened(browser, site, width=390) as tab:
        await tab.go(f"{address(WHOLE)}?day={FRIDAY}")
        figure, panels = tab.page.locator("figure[data-drawn]"), tab.page.locator(".panels")
        widths = []
        for width in (390, 1600):
            await tab.page.set_viewport_size({"width": width, "height": 800})
            inside = await panels.evaluate("panels => panels.clientWidth")
            await expect(figure).to_have_attribute("data-drawn", str(inside))
            widths.append(await tab.page.evaluate("document.querySelector('canvas').getBoundingClientRect().width"))
            assert widths[-1] == inside
            assert inside > width - 80
        await panels.locator(".u-over").first.hover(position={"x": 3, "y": 100})
        await expect(tab.page.locator("figure output")).to_contain_text(re.compile("^09:30: "))
        assert await drawn(tab, 0, palette.LINE.light) > 100
        assert await drawn(tab, 0, palette.LINE.dark) == 0
        await tab.page.emulate_media(color_scheme="dark")
        await expect(figure).to_have_attribute("data-scheme", "dark")
        assert await drawn(tab, 0, palette.LINE.dark) > 100
        assert await drawn(tab, 0, palette.LINE.light) == 0
        assert tab.messages == []


async def test_smiles_are_drawn(site: Site, browser: Browser) -> None:
    """Calls and puts of one expiration, or all expirations from near to far, have their colours; keys read them."""
    async with opened(browser, site) as tab:
        await tab.go("/chains/SPY?at=2026-11-20%2012:30&expiration=2026-11-23")
        await expect(tab.page.locator("figure[data-drawn]")).to_have_count(1)
        assert await drawn(tab, 0, palette.TRADED) > 50
        assert await drawn(tab, 0, palette.LATENCY) > 50
        await tab.page.locator(".panels").focus()
        await tab.page.keyboard.press("Home")
        strike = await tab.page.locator("#chain tbody tr[data-strike]").first.get_attribute("data-strike")
        said = tab.page.locator("figure output")
        await expect(said).to_contain_text(
            re.compile(rf"^Strike {float(strike or 0):g}: call IV 0\.\d+, put IV 0\.\d+")
        )
        await tab.page.keyboard.press("Enter")
        await expect(tab.page.locator("h1")).to_contain_text("SPY 261123C")
        await tab.go("/chains/SPY?at=2026-11-20%2012:30&expiration=all")
        await expect(tab.page.locator("figure[data-drawn]")).to_have_count(1)
        assert await drawn(tab, 0, palette.TRADED) > 20
        assert await drawn(tab, 0, palette.LATENCY) > 20
        assert (tab.messages, tab.missing) == ([], [])
