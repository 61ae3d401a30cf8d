"""The quality of a session's bars on the status page: what the run measured, for people and as JSON."""

import io
import json

import pytest
from rich.console import Console

from collector.cli.inspect.status import document, show
from collector.cli.options import print_json
from collector.clock import SystemClock
from collector.db.connection import pool
from collector.db.contracts import contract_tables as contract_store
from collector.db.readers import day_status
from collector.db.readers.day_status import Overview
from collector.market.calendar import Calendar
from collector.simulator.server import Gateway
from tests.support.db_rows import make_chain
from tests.support.window_runs import FRIDAY, narrow, run_window


async def overview(url: str, clock: SystemClock) -> Overview:
    """Return the status page of the Friday."""
    async with pool.connect(url, clock) as db:
        known, series = await contract_store.underlyings(db), narrow().series
        found = [(one, Calendar().session(one.symbol, FRIDAY), series) for one in known]
        return await day_status.overview(db, FRIDAY, found)


async def test_the_status_page_shows_what_bars_are_worth(
    plain_database_url: str,
    gateway: Gateway,
    gateway_clock: SystemClock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Quotes, volatilities, doubt, quarantine, errors and rows a contract, by symbol; nothing of it before a run."""
    await run_window(plain_database_url, gateway, narrow("PLTR"), gateway_clock)
    page = await overview(plain_database_url, gateway_clock)
    (symbol,) = page.symbols
    assert symbol.quality is not None
    assert symbol.quality.bars_per_contract == pytest.approx(symbol.measured.rows / symbol.measured.contracts, abs=0.01)
    assert (symbol.quality.flagged, symbol.quality.quarantined, symbol.quality.error_rate) == (0, 0, 0.0)
    quotes, volatilities = symbol.quality.quote_coverage, symbol.quality.iv_coverage
    assert quotes is not None
    assert volatilities is not None
    assert 0.5 < quotes <= 1.0
    assert 0.5 < volatilities <= 1.0

    capsys.readouterr()
    print_json(document(page))
    (told,) = json.loads(capsys.readouterr().out)["symbols"]
    assert told["quality"] == {
        "bars_per_contract": symbol.quality.bars_per_contract,
        "error_rate": 0.0,
        "quote_coverage": quotes,
        "iv_coverage": volatilities,
        "flagged": 0,
        "quarantined": 0,
    }
    assert told["completeness"] == 1.0

    text = io.StringIO()
    show(page, Console(file=text, width=140))
    assert "with IV" in text.getvalue()
    assert f"{100 * volatilities:.1f} %" in text.getvalue()


async def test_without_a_run_there_is_nothing_to_show(plain_database_url: str, gateway_clock: SystemClock) -> None:
    """A symbol that was never measured has no quality, and the page no table of it."""
    async with pool.connect(plain_database_url, gateway_clock) as db:
        await make_chain(db)
    page = await overview(plain_database_url, gateway_clock)
    assert [one.quality for one in page.symbols] == [None]
    text = io.StringIO()
    show(page, Console(file=text, width=140))
    assert "with IV" not in text.getvalue()
