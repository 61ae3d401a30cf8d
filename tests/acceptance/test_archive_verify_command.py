"""`collector archive verify` and `collector db retention`: what they print, how they end, and which bars go."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from collector.clock import SystemClock
from collector.db.bars import bar_tables
from collector.db.connection import pool
from collector.domain.market_data.sessions import Session
from tests.support.command_line import home
from tests.support.db_rows import FRIDAY, answer, answers, make_chain, rows, trade

_NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_OLD = date(2025, 11, 3)


async def _collected(url: str) -> None:
    """Store an old session of two contracts, settled."""
    opens = datetime(_OLD.year, _OLD.month, _OLD.day, 14, 30, tzinfo=UTC)
    session = Session(_OLD, opens, opens + timedelta(hours=6.5), opens + timedelta(days=1))
    async with pool.connect(url, SystemClock(_NOW)) as db:
        chain = await make_chain(db, select_from=FRIDAY.day)
        bars = [trade(n, "1.25", session=session) for n in range(78)]
        await bar_tables.store(db, [answers(one, TRADES=answer(bars, session=session)) for one in chain.contracts], 1)


async def _bars(url: str) -> int:
    async with pool.connect(url, SystemClock(_NOW)) as db:
        return len(await rows(db, "SELECT FROM option_bars_5min"))


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_damage_keeps_old_bars_until_it_is_mended(
    plain_database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A flipped byte ends `archive verify` with 3 and keeps its day; put right again, the day is dropped."""
    asyncio.run(_collected(plain_database_url))
    place = tmp_path / "archive"
    place.mkdir()
    with home(
        SystemClock(_NOW), COLLECTOR_DATABASE__URL=plain_database_url, COLLECTOR_ARCHIVE__PLACE=str(place)
    ) as account:

        def run(*words: str) -> tuple[int, str]:
            done = account.call(capsys, *words)
            return done.code, " ".join(done.out.split())

        code, told = run("db", "retention", "--dry-run")
        assert code == 0
        assert "waits: not archived yet" in told
        assert run("archive")[0] == 0
        code, told = run("archive", "--plan")
        assert code == 0
        assert "the archive holds what the database holds" in told
        assert "PLTR option_bars_5min 156 bars" in told
        assert told.endswith("waiting: 0 bars of 0 B")
        code, told = run("archive", "verify", "--deep")
        assert code == 0
        assert f"in {place} are what was archived" in told
        assert "run: collector archive" not in told

        [file] = place.rglob("2025-11.parquet")
        _flip(file)
        code, told = run("archive", "verify")
        assert code == 3
        assert "2025-11.parquet has other bytes: their SHA-256 is" in told
        assert f"1 object of 0.0 MB in {place} is what was archived 1 is not run: collector archive; it writes" in told
        code, told = run("db", "retention")
        assert code == 0
        assert f"waits: its object {file.relative_to(place)} has other bytes" in told
        assert asyncio.run(_bars(plain_database_url)) == 156

        _flip(file)
        code, told = run("db", "retention")
        assert (code, asyncio.run(_bars(plain_database_url))) == (0, 0)
        assert "gone: 156 bars of" in told
