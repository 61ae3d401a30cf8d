"""docs/research.md shows what the research API really answers."""

import doctest
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio

from collector.clock import SystemClock
from collector.db.bars import bar_tables
from collector.db.connection import pool
from collector.db.contracts import contract_tables, lifecycle
from collector.domain.market_data.instruments import OptionContract, Right, Underlying
from collector.domain.market_data.sessions import Session
from tests.support.db_rows import FRIDAY, answer, answers, quote, trade

PAGE = Path(__file__).parents[2] / "docs/research.md"
SESSION = Session(FRIDAY.day, FRIDAY.open, datetime(2026, 11, 20, 21, 15, tzinfo=UTC), FRIDAY.next_open)
EXPIRATION = date(2026, 12, 18)


@pytest_asyncio.fixture
async def filled(plain_database_url: str) -> AsyncIterator[str]:
    """Give a database with four slots of six contracts of SPY, of which one lacks its BID."""
    async with pool.connect(plain_database_url, SystemClock(datetime(2026, 11, 20, 23, tzinfo=UTC))) as db:
        spy = await contract_tables.add_underlying(db, Underlying("SPY", 756733, name="SPDR S&P 500"))
        strikes = [(Decimal(690 + n), right) for n in range(3) for right in Right]
        listed = [
            OptionContract("SPY", 9000 + n, EXPIRATION, strike, right, trading_class="SPY")
            for n, (strike, right) in enumerate(strikes)
        ]
        await contract_tables.store_expiration(db, spy.id, EXPIRATION, listed, seen_at=SESSION.open)
        stored = await contract_tables.listed(db, spy.id, EXPIRATION, EXPIRATION)
        await lifecycle.select(db, [one.id for one in stored], SESSION.day)
        bids = answer([quote(n, f"2.0{n}") for n in range(4)], session=SESSION)
        asks = answer([quote(n, f"2.1{n}") for n in range(4)], session=SESSION)
        trades = answer([trade(0, "2.05")], session=SESSION)
        *whole, last = stored
        given = [answers(one, TRADES=trades, BID=bids, ASK=asks) for one in whole]
        bare = [answers(last, TRADES=trades, ASK=asks)]
        await bar_tables.store(db, given + bare, 1)
        own = answer([trade(n, "690.1", "1000") for n in range(4)], session=SESSION)
        volatility = answer([quote(n, "0.16") for n in range(4)], session=SESSION)
        await bar_tables.store(db, [answers(spy, TRADES=own, OPTION_IMPLIED_VOLATILITY=volatility)], 1)
        yield plain_database_url


def test_every_example_answers_as_it_is_written(filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's examples, run in their order against a database that config.yaml names, print what the page says."""
    (tmp_path / "config.yaml").write_text(f"database:\n  url: {filled}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLLECTOR_CLOCK", "2026-11-20T18:00:00-05:00")
    found: list[str] = []
    text = PAGE.read_text("utf-8")
    examples = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    results = runner.run(examples, out=found.append, clear_globs=False)
    examples.globs["data"].close()
    assert not results.failed, "".join(found)
    assert results.attempted > 25
    verbs = {name for name in dir(type(examples.globs["data"])) if not name.startswith("_")} - {"close"}
    assert all(f"data.{verb}(" in text for verb in verbs)
