"""The archive's pass with real parts: what it writes, carries over, refuses, and leaves when it is killed."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from collector.archive import bar_files
from collector.archive.places import Place, open_place
from collector.clock import SystemClock
from collector.config import Settings
from collector.config.operation_settings import ArchiveSettings
from collector.db.archive import manifest
from collector.db.bars import bar_tables
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.sessions import Session
from collector.jobs import archive_pass
from collector.jobs.archive_pass import Archived
from collector.market.calendar import Calendar
from tests.support.db_rows import FRIDAY, Chain, answer, answers, make_chain, quote, rows, trade
from tests.support.window_runs import narrow

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
LATER = datetime(2027, 2, 15, 2, 0, tzinfo=UTC)
_BUMP = """
INSERT INTO session_changes (underlying_id, data_set, session_date) VALUES ($1, $2, $3)
ON CONFLICT (underlying_id, data_set, session_date) DO UPDATE SET change = session_changes.change + 1 RETURNING 1
"""
FOLDER = "option_bars_5min/v1/symbol=PLTR"


@dataclass
class Archive:
    """A database with a chain, and a place beside it."""

    clock: SystemClock
    db: Database
    chain: Chain
    place: Place
    settings: Settings
    folder: Path

    async def run(self, at: datetime | None = None, **more: Any) -> Archived:  # noqa: ANN401 - the pass's own
        """Run a pass at an instant."""
        if at is not None:
            self.clock.set(at)
        return await archive_pass.archive(
            self.db, self.place, self.settings, Calendar.configured(self.settings), root=self.folder / "work", **more
        )

    def stored(self) -> dict[str, str]:
        """Return the hashes of what lies at the place, by path."""
        root = self.folder / "place"
        return {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(root.rglob("*.parquet"))
        }

    async def listed(self) -> dict[str, str]:
        """Return the hashes of what the manifest has, by path."""
        return {one.path: one.hash for one in await manifest.objects(self.db, self.place.name)}

    async def check(self) -> dict[str, str]:
        """Assert that place and manifest have the same, and return it without the file of contracts."""
        stored = self.stored()
        assert stored == await self.listed()
        return {path: content for path, content in stored.items() if path != "contracts.parquet"}

    async def collect(self, session: Session, close: str = "1.25", slots: int = 78) -> None:
        """Store a session of the first contract: trades and quotes throughout."""
        bars = [trade(n, close, session=session) for n in range(slots)]
        quotes = [quote(n, session=session) for n in range(slots)]
        await bar_tables.store(
            self.db,
            [
                answers(
                    one,
                    TRADES=answer(bars, session=session),
                    BID=answer(quotes, session=session),
                    ASK=answer(quotes, session=session),
                )
                for one in self.chain.contracts
            ],
            1,
        )
        await self.bump(session)

    async def bump(self, session: Session) -> None:
        """Count a change of a session's option bars."""
        await rows(self.db, _BUMP, self.chain.underlying.id, OPTION_BARS_5MIN.id, session.day)

    async def drop(self, session: Session) -> None:
        """Take a session's option bars out of the database, as retention does."""
        await rows(
            self.db,
            "DELETE FROM store.option_bars_5min WHERE time >= $1 AND time < $2 RETURNING 1",
            session.open,
            session.close,
        )


def session_of(day: date) -> Session:
    """Return a full session of a winter day."""
    opens = datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)
    return Session(day, opens, opens + timedelta(hours=6.5), opens + timedelta(days=1))


@pytest.fixture
async def archive(database_url: str, tmp_path: Path) -> AsyncIterator[Archive]:
    """Give a database with a chain of two contracts, selected on Friday and Monday, and a folder for the archive."""
    place = tmp_path / "place"
    place.mkdir()
    settings = narrow("PLTR", archive=ArchiveSettings(place=str(place)))
    clock = SystemClock(NOW)
    async with pool.connect(database_url, clock) as db:
        chain = await make_chain(db, select_from=FRIDAY.day)
        yield Archive(clock, db, chain, open_place(settings.archive), settings, tmp_path)


async def test_a_session_is_archived_once(archive: Archive) -> None:
    """The first pass writes a session's object, read back and in the manifest; the second has nothing to do."""
    await archive.collect(FRIDAY)
    done = await archive.run()
    assert [one.path for one in done.written] == [f"{FOLDER}/2026-11-20.parquet"]
    first = await archive.check()
    file = archive.folder / "place" / FOLDER / "2026-11-20.parquet"
    assert pq.ParquetFile(file).metadata.num_rows == 2 * 78
    assert bar_files.sessions_of(file)[FRIDAY.day].settled
    again = await archive.run()
    assert (again.due, again.written) == (0, [])
    assert await archive.check() == first
