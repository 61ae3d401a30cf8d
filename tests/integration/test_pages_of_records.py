"""Pages of runs, sessions, gaps, archive, mails and health: what they say is what is on record, as HTML and JSON."""

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import asyncpg
import pytest
import pytest_asyncio
import yaml
from jsonschema import Draft202012Validator
from playwright.async_api import Browser
from pydantic import SecretStr

from collector.clock import SystemClock
from collector.config.notify_settings import SmtpSettings
from collector.web.page import AnyPage
from collector.web.pages.registry import PAGES
from tests.support.command_line import Home
from tests.support.pages import LOOKED_AT, Answer, Site, opened, served, settings_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECRET = "pass-phrase-of-the-mail-server"  # noqa: S105 - planted on purpose
LARGEST = 300_000
"""Bytes of a page: what a phone shows without waiting."""

_OPEN_GAPS = """
INSERT INTO historical_data_gaps (instrument_id, data_set, what_to_show, gap_start, gap_end, gap_type, detected_at)
SELECT
    contract.id, 1, series, slot, slot + interval '5 minutes', 'missing_bars', '2026-11-20 22:00Z'
FROM option_chains AS contract
CROSS JOIN unnest(ARRAY['TRADES', 'BID', 'ASK']) AS series
CROSS JOIN generate_series('2026-11-19 14:30Z', '2026-11-20 20:50Z', interval '10 minutes') AS slot
WHERE slot::time BETWEEN '14:30' AND '20:55'
LIMIT 10000
"""
_LOST_GAPS = """
INSERT INTO historical_data_gaps
(instrument_id, data_set, what_to_show, gap_start, gap_end, gap_type, detected_at, state, lost_at, reason)
SELECT id, 1, 'BID', '2026-11-19 15:00Z', '2026-11-19 15:30Z', 'missing_bars', '2026-11-20 22:00Z',
    'lost', '2026-11-20 23:00Z', 'the source says: ' || $1
FROM option_chains ORDER BY id LIMIT 7
"""
_FAILED_REQUEST = """
INSERT INTO requests (sent_at, answered_at, run_id, instrument_id, data_set, what_to_show, span, outcome, code, message)
SELECT started_at + interval '1 second', started_at + interval '9 seconds', id, $2, 1, 'BID',
    tstzrange('2026-11-19 14:30Z', '2026-11-19 15:00Z'), 'pacing', 162, 'pacing violation, ' || $1
FROM intraday_collection_runs WHERE id = 1
"""

_MANY_SYMBOLS = """
INSERT INTO collection_statistics (collection_date, symbol, total_contracts, successful_contracts, total_bars_collected,
    expected_slots, traded_slots, no_trade_slots, unknown_slots)
SELECT day::date, 'X' || number, 4600, 4500, 1000000, 358800, 100000, 258000, 800
FROM generate_series(1, 40) AS number, generate_series('2026-10-01', '2026-11-18', interval '1 day') AS day
"""


async def statement(site: Site, text: str, *arguments: object) -> list[asyncpg.Record]:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(site.database_url)
    try:
        return list(await connection.fetch(text, *arguments))
    finally:
        await connection.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def records(site: Site) -> AsyncIterator[Site]:
    """Give the site 10,000 open gaps, seven lost ones, a failed request and a mail, all of which name a secret."""
    [contract] = await statement(site, "SELECT id FROM option_chains ORDER BY id LIMIT 1")
    await statement(site, _OPEN_GAPS)
    await statement(site, _LOST_GAPS, SECRET)
    await statement(site, _FAILED_REQUEST, SECRET, contract["id"])
    mails = site.context.settings.log.path / "email_notifications"
    mails.mkdir(exist_ok=True)
    words = f"Content-Type: text/plain\n\n{SECRET}"
    (mails / "zz-told.queued.eml").write_text(
        f"Subject: told {SECRET}\nContent-Type: multipart/alternative; boundary=x\n\n--x\n{words}\n--x--\n"
    )
    (mails / "zz-told.html").write_text("<title>told</title><script>document.title = 'run'</script>")
    settings = settings_of(site.database_url, site.context.settings.log.path)
    notify = settings.notify.model_copy(update={"smtp": SmtpSettings(password=SecretStr(SECRET))})
    async with served(settings.model_copy(update={"notify": notify}), site.database_url, LOOKED_AT) as masked:
        yield masked


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def without_database(site: Site) -> AsyncIterator[Site]:
    """Give a site whose database is away, with the same log folder."""
    url = "postgresql://nobody@127.0.0.1:1/none"
    async with served(settings_of(url, site.context.settings.log.path), url, LOOKED_AT) as away:
        yield away


def address_of(page: AnyPage) -> str:
    """Return where a page is found, with the examples of the parameters in its path."""
    examples = {one.name: one.example for one in page.parameters}
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: examples[found[1]], page.path)


async def both(site: Site, path: str) -> tuple[Answer, Answer]:
    """Ask for a page and for its JSON."""
    return await site.get(path), await site.get("/api/v1" + path)


async def test_each_answer_has_the_form_that_the_document_says(records: Site) -> None:
    """The JSON of every page passes its schema of /api/v1/openapi.json, and /api/v1 names each."""
    described = (await records.get("/api/v1/openapi.json")).document
    listed = {one["path"] for one in (await records.get("/api/v1")).document["answers"]}
    for page in PAGES:
        found = await records.get("/api/v1" + address_of(page))
        assert found.status == 200, found.text
        said = described["paths"][page.path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        form = {**said, "components": described["components"]}
        checker = Draft202012Validator(form, format_checker=Draft202012Validator.FORMAT_CHECKER)
        assert [error.message for error in checker.iter_errors(found.document)] == [], page.path
        assert "/api/v1" + page.path in listed


async def test_no_page_shows_a_secret_or_grows_without_bound(records: Site) -> None:
    """A secret that reasons, requests, mails and subjects hold is masked; 10,000 gaps make no page above 300 kB."""
    paths = [*map(address_of, PAGES), "/gaps?state=lost", "/gaps?day=2026-11-19&page=7", "/mails/zz-told"]
    seen = ""
    for path in paths:
        page, document = await both(records, path)
        assert (page.status, document.status) == (200, 200), path
        assert len(page.text) < LARGEST, path
        assert SECRET not in page.text + document.text, path
        seen += page.text
    assert "the source says: ***" in seen
    assert "pacing violation, ***" in seen
    assert "told ***" in seen


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/runs/999", 404, "there is no run 999"),
        ("/runs/x", 400, "id='x' is no number"),
        ("/runs/99999999999", 400, "is no number from 1"),
        ("/runs?status=odd", 400, "There are: running, success"),
        ("/runs?window=noon", 400, "window='noon' is not known"),
        ("/runs?day=yesterday", 400, "Write it as 2026-11-20."),
        ("/gaps?symbol=NONE", 404, "nothing is known of NONE"),
        ("/gaps?state=odd", 400, "There are: open, filled, lost."),
        ("/gaps?page=0", 400, "page='0' is no number"),
        ("/sessions?before=1066-10-14", 400, "outside the calendar"),
        ("/mails/none", 404, "there is no mail none"),
        ("/mails?state=odd", 400, "There are: queued, deferred"),
        ("/sessions/2026-11-21", 404, "2026-11-21"),
        ("/sessions/friday", 400, "'friday' is no date"),
        ("/coverage/NONE", 404, "NONE"),
        ("/chains/NONE", 404, "NONE"),
        ("/chains/SPY?at=noon", 400, "'noon' is no instant"),
        ("/contracts/XYZ261120C00100000", 404, "XYZ"),
        ("/schedule?days=x", 400, "is no number"),
        ("/schedule?days=" + "9" * 5000, 400, "is no number"),
        ("/acts/none", 404, "none"),
        ("/acts/" + "9" * 5000, 404, "there is no act"),
        ("/contracts/" + "9" * 5000, 404, "names neither"),
        ("/contracts/%C2%B2", 404, "names neither"),
        ("/nowhere", 404, "There is no such page."),
    ],
)
async def test_what_is_wrong_is_said_in_words(records: Site, path: str, status: int, words: str) -> None:
    """What does not exist is 404 and a wrong parameter 400, as a page and as JSON with message and hint."""
    page, document = await both(records, path)
    assert (page.status, document.status) == (status, status)
    assert words in html.unescape(page.text)
    assert set(document.document) == {"message", "hint"}
    assert words in " ".join(document.document.values())


async def test_without_a_database_pages_say_so(without_database: Site) -> None:
    """Those that need it are 503 in words; a run's report, mails and health are there all the same."""
    for path in ("/runs", "/sessions", "/gaps"):
        page, document = await both(without_database, path)
        assert (page.status, document.status) == (503, 503), path
        assert "Traceback" not in page.text
        assert document.document["message"] in html.unescape(page.text)
    assert "The database cannot be asked now" in (await without_database.get("/runs/1")).text
    assert (await without_database.get("/mails")).status == 200
    health = (await without_database.get("/api/v1/health")).document
    assert health["ok"] is False
    assert any(one["subject"] == "database" and one["ok"] is False for one in health["checks"])
    assert (await without_database.get("/runs/999")).status == 503


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def home(records: Site, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Give a home whose commands read the same database and log folder at the same time."""
    settings = records.context.settings
    folder = tmp_path_factory.mktemp("home")
    written = {
        "database": {"url": records.database_url},
        "log": {"directory": str(settings.log.path)},
        "symbols": list(settings.symbol_names),
        "backup": {"enabled": settings.backup.enabled},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(written))
    return Home(folder, SystemClock(LOOKED_AT))


@pytest.fixture
def printed(request: pytest.FixtureRequest, home: Home) -> list[Any]:
    """Give what commands print as JSON, in the order in which the test names them."""
    found = []
    for words in request.param:
        done = home.call_aside(*words.split(), "--json")
        assert done.code == 0, done.err
        found.append(done.document)
    return found


def commands(*named: str) -> pytest.MarkDecorator:
    """Name the commands whose answers a test is given as `printed`."""
    return pytest.mark.parametrize("printed", [named], indirect=True, ids=["commands"])


@commands("gaps --lost", "gaps")
async def test_gaps_are_those_of_the_command(records: Site, printed: list[Any]) -> None:
    """All pages of lost gaps together, and the first page of open ones, say what `collector gaps --json` says."""
    [lost] = [(await records.get("/api/v1/gaps?state=lost")).document]
    told_of_lost, listed = printed
    hidden = json.loads(json.dumps(told_of_lost).replace(SECRET, "***"))
    assert (len(lost["gaps"]), lost["next_page"]) == (7, None)
    assert lost["gaps"] == hidden
    pages = [(await records.get(f"/api/v1/gaps?page={number}")).document for number in (1, 2, 100)]
    assert len(listed) == 10_000
    assert [page["gaps"] for page in pages] == [listed[:100], listed[100:200], listed[9900:]]
    assert [page["next_page"] for page in pages] == [2, 3, None]
    assert pages[0]["totals"]["open"] == {"gaps": 10_000, "slots": 10_000}


async def test_groups_count_every_gap_once(records: Site) -> None:
    """Groups by session, symbol and series add up to what the tables hold, and a session's link leads to its gaps."""
    found = (await records.get("/api/v1/gaps")).document
    assert sum(one["gaps"] for one in found["groups"]) == 10_000
    assert found["of_groups"] == len(found["groups"])
    rows = await statement(
        records,
        "SELECT underlying.symbol, gap.what_to_show, count(*) AS gaps, count(DISTINCT contract.id) AS contracts "
        "FROM historical_data_gaps AS gap JOIN option_chains AS contract ON contract.id = gap.contract_id "
        "JOIN underlying_securities AS underlying ON underlying.id = contract.underlying_id "
        "WHERE gap.state = 'open' AND gap.gap_start >= '2026-11-19 05:00Z' AND gap.gap_start < '2026-11-20 05:00Z' "
        "GROUP BY 1, 2",
    )
    thursday = {
        (one["symbol"], one["what_to_show"]): (one["gaps"], one["contracts"])
        for one in found["groups"]
        if one["day"] == "2026-11-19"
    }
    assert thursday == {(row["symbol"], row["what_to_show"]): (row["gaps"], row["contracts"]) for row in rows}
    narrowed = (await records.get("/api/v1/gaps?day=2026-11-19")).document["gaps"]
    assert {one["span"]["start"][:10] for one in narrowed} == {"2026-11-19"}


@commands("schedule show --days 5", "report run 1")
async def test_schedule_and_report_are_those_of_the_commands(records: Site, printed: list[Any]) -> None:
    """The coming windows and a run's report have the values of `schedule --json` and `report run 1 --json`."""
    coming = (await records.get("/api/v1/schedule?days=5")).document
    scheduled, report = printed
    windows = [one for day in coming["days"] for one in day["windows"]]
    assert windows
    assert [(one["window"], one["session"], one["due"]) for one in windows] == [
        (one["window"], one["session"], one["due"]) for one in scheduled
    ]
    assert (await records.get("/api/v1/runs/1")).document["report"] == report


@commands("status --date 2026-11-19")
async def test_runs_and_sessions_are_those_of_the_status(records: Site, printed: list[Any]) -> None:
    """The runs of a session, and how complete each symbol is, are what `collector status --json` prints."""
    [status] = printed
    runs = (await records.get("/api/v1/runs?day=2026-11-19")).document["runs"]
    assert runs
    assert sorted(runs, key=lambda one: one["id"]) == status["runs"]
    sessions = (await records.get("/api/v1/sessions")).document["sessions"]
    assert [one["day"] for one in sessions] == ["2026-11-20", "2026-11-19"]
    [thursday] = [one["symbols"] for one in sessions if one["day"] == "2026-11-19"]
    symbols = {one["symbol"]: one for one in status["symbols"]}
    assert {one["symbol"] for one in thursday} == set(symbols)
    for one in thursday:
        other, stands, measured = symbols[one["symbol"]], one["standing"], one["measured"]
        assert stands["completeness"] == pytest.approx(other["completeness"], abs=1e-6)
        assert measured["fill"] == pytest.approx(other["fill"], abs=1e-6)
        assert (stands["contracts"], measured["settled_contracts"]) == (other["contracts"], other["contracts_settled"])
        assert measured["quote_coverage"] == pytest.approx(other["quality"]["quote_coverage"])
        assert stands["open_slots"] == other["gaps"]["open"]["slots"]
        assert stands["lost_slots"] == other["gaps"]["lost"]["slots"]
        assert stands["awaiting"] == other["awaiting"]


async def _stand(site: Site) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Return how sessions stand, by day and symbol: on `/`, and on `/sessions`."""
    figures = ("completeness", "open_slots", "lost_slots", "awaiting")
    calendars = (await site.get("/api/v1/")).document["calendars"]
    cells = [(one["symbol"], cell) for one in calendars for week in one["weeks"] for cell in week if cell is not None]
    listed = (await site.get("/api/v1/sessions")).document["sessions"]
    rows = [(session["day"], one) for session in listed for one in session["symbols"]]
    return (
        {
            (cell["session"], symbol): (cell["state"], *(cell[name] for name in figures))
            for symbol, cell in cells
            if cell["state"] != "nothing"
        },
        {(day, one["symbol"]): (one["state"], *(one["standing"][name] for name in figures)) for day, one in rows},
    )


async def test_the_first_page_and_the_list_say_the_same_of_a_session(records: Site) -> None:
    """Each session of each symbol stands in the calendar of `/` as on `/sessions`, in the evening and at noon."""
    calendar, listed = await _stand(records)
    assert calendar == listed
    assert {state for state, *_ in listed.values()} - {"complete"}
    async with served(records.context.settings, records.database_url, LOOKED_AT.replace(hour=12)) as at_noon:
        calendar, listed = await _stand(at_noon)
    assert calendar == listed
    assert {state for (day, _), (state, *_) in listed.items() if day == "2026-11-20"} == {"under_way"}


@commands("status --date 2026-11-20")
async def test_a_session_is_that_of_the_status(records: Site, printed: list[Any]) -> None:
    """Counts of contracts, series-slots and verdicts of a session's page are those of `collector status --json`."""
    [status] = printed
    page = (await records.get("/api/v1/sessions/2026-11-20")).document
    assert [one["id"] for one in page["runs"]] == [one["id"] for one in status["runs"]]
    assert [one["started"] for one in page["runs"]] == [one["started_at"] for one in status["runs"]]
    symbols = {one["symbol"]: one for one in status["symbols"]}
    assert {one["symbol"] for one in page["symbols"]} == set(symbols)
    for one in page["symbols"]:
        other = symbols[one["symbol"]]
        assert (one["contracts"], one["complete"]) == (other["contracts"], other["contracts_settled"])
        assert [one[name] for name in ("expected", "settled", "awaiting")] == [
            other[name] for name in ("expected", "settled", "awaiting")
        ]
        assert [one["slots"][name] for name in ("traded", "no_trade", "unknown")] == [
            other[name] for name in ("traded", "no_trade", "unknown")
        ]
        assert one["gaps"] == {state: total["gaps"] for state, total in other["gaps"].items()}


async def test_runs_are_paged_and_narrowed_down(records: Site) -> None:
    """Earlier runs follow by `before`; window, state and symbol leave out the others."""
    everything = (await records.get("/api/v1/runs")).document["runs"]
    numbers = [one["id"] for one in everything]
    assert numbers == sorted(numbers, reverse=True)
    earlier = (await records.get(f"/api/v1/runs?before={numbers[0]}")).document["runs"]
    assert [one["id"] for one in earlier] == numbers[1:]
    assert (await records.get("/api/v1/runs?window=morning")).document["runs"] == []
    assert (await records.get("/api/v1/runs?status=failed")).document["runs"] == []
    assert (await records.get("/api/v1/runs?symbol=TSLA")).document["runs"] == []
    assert len((await records.get("/api/v1/runs?window=eod&status=success&symbol=SPY")).document["runs"]) == len(
        numbers
    )


async def test_a_run_tells_what_it_asked_for(records: Site) -> None:
    """Outcomes add up to the record of requests; the slowest and the failed ones are those of the tables."""
    run = (await records.get("/api/v1/runs/1")).document
    rows = await statement(
        records, "SELECT outcome, count(*) AS requests, sum(bars) AS bars FROM requests WHERE run_id = 1 GROUP BY 1"
    )
    counted: dict[str, tuple[int, int]] = {}
    for one in run["outcomes"]:
        before = counted.get(one["outcome"], (0, 0))
        counted[one["outcome"]] = (before[0] + one["requests"], before[1] + one["bars"])
    assert counted == {row["outcome"]: (row["requests"], row["bars"]) for row in rows}
    assert run["slowest"][0]["seconds"] == 8.0
    assert [(one["outcome"], one["code"], one["message"]) for one in run["failed"]] == [
        ("pacing", 162, "pacing violation, ***")
    ]
    assert run["headline"] in html.unescape((await records.get("/runs/1")).text)


async def test_pictures_of_a_report_are_served(records: Site) -> None:
    """Each picture that a run names is a PNG; one that it does not name is 404."""
    run = (await records.get("/api/v1/runs/1")).document
    assert [(one["name"], one["night"]) for one in run["pictures"]] == [
        ("coverage-0", "coverage-0-dark"),
        ("coverage-1", "coverage-1-dark"),
    ]
    assert all(one["keys"] for one in run["pictures"])
    until = {"SPY": "16:10", "PLTR": "15:55"}
    for one, symbol in zip(run["pictures"], [one["symbol"] for one in run["report"]["symbols"]], strict=True):
        assert one["words"] == f"What is held of {symbol}, contracts by slots"
        assert one["axes"].endswith(f"From left to right: 09:30 to {until[symbol]} New York.")
    cookies = "; ".join(f"{name}={value}" for name, value in records.cookies.items())
    for name in [one[kind] for one in run["pictures"] for kind in ("name", "night")]:
        address = f"{records.address}/api/v1/runs/1/pictures/{name}.png"
        asked = Request(address, headers={"Cookie": cookies})  # noqa: S310 - of this machine
        with await asyncio.to_thread(urlopen, asked) as answer:
            assert answer.headers["Content-Type"] == "image/png"
            assert answer.read(8) == b"\x89PNG\r\n\x1a\n"
    assert (await records.get("/api/v1/runs/1/pictures/other.png")).status == 404


async def test_a_mail_runs_no_script(records: Site, browser: Browser) -> None:
    """Its HTML is a document of its own in which no script runs; its text and state stand on its page."""
    found = await records.get("/api/v1/mails/zz-told.html")
    assert found.headers["content-type"].startswith("text/html")
    policy = found.headers["content-security-policy"]
    assert policy.startswith("sandbox;")
    assert "script-src" not in policy
    async with opened(browser, records) as tab:
        await tab.go("/api/v1/mails/zz-told.html")
        assert await tab.page.title() == "told"
    mail = (await records.get("/api/v1/mails/zz-told")).document
    assert (mail["state"], mail["has_page"], mail["text"].strip()) == ("queued", True, "***")
    totals = (await records.get("/api/v1/mails")).document["totals"]
    assert totals["queued"] == 1


async def test_the_archive_page_tells_what_is_there_and_what_waits(records: Site, tmp_path: Path) -> None:
    """Without an archive it says how to configure one; with one, what would be written and what was."""
    none = (await records.get("/api/v1/archive")).document
    assert none["place"] is None
    assert "archive.place" in none["hint"]
    settings = records.context.settings
    archive = settings.archive.model_copy(update={"place": str(tmp_path)})
    async with served(settings.model_copy(update={"archive": archive}), records.database_url, LOOKED_AT) as archiving:
        found = (await archiving.get("/api/v1/archive")).document
        assert found["place"] == str(tmp_path)
        assert found["objects"] == []
        assert found["waiting_count"] == len(found["waiting"]) > 0
        assert {one["symbol"] for one in found["waiting"]} == {"SPY", "PLTR"}
        assert "would be written" in (await archiving.get("/archive")).text


async def test_many_symbols_make_shorter_pages(records: Site) -> None:
    """With 40 symbols a page of sessions stays below 300 kB, and the next page begins where it ends."""
    await statement(records, _MANY_SYMBOLS)
    try:
        page, document = await both(records, "/sessions?before=2026-11-19")
        assert len(page.text) < LARGEST
        shown = document.document["sessions"]
        assert {len(one["symbols"]) for one in shown} == {40}
        assert document.document["next_before"] == shown[-1]["day"]
        following = (await records.get(f"/api/v1/sessions?before={shown[-1]['day']}")).document["sessions"]
        assert len({one["day"] for one in (*shown, *following)}) == len(shown) + len(following)
        assert following[0]["day"] == str(records.context.days.previous(date.fromisoformat(shown[-1]["day"])))
    finally:
        await statement(records, "DELETE FROM collection_statistics WHERE symbol LIKE 'X%'")
