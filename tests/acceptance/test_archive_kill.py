"""The archive's pass, killed (`kill -9`) after each step and at any moment; COLLECTOR_ARCHIVE_KILLS sets how often."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.archive import layout
from collector.archive.places import open_place
from collector.clock import SystemClock
from collector.config.operation_settings import ArchiveSettings
from collector.db.archive import manifest
from collector.db.bars import bar_tables
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.domain.market_data.sessions import Session
from collector.jobs import archive_pass
from collector.jobs.archiving.exchange import sha256
from collector.market.calendar import Calendar
from tests.support.archive_kills import killed
from tests.support.db_rows import FRIDAY, MONDAY, Chain, answer, answers, make_chain, quote, rows, trade
from tests.support.window_runs import narrow

KILLS = int(os.environ.get("COLLECTOR_ARCHIVE_KILLS", "12"))
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
LATER = datetime(2027, 2, 15, 2, 0, tzinfo=UTC)
_OTHERS = """
SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'collector archive%'
"""
_MANIFEST = ("archive_objects", "archived_sessions")
_STEPS = 8
"""Of a pass in which one period has changed, those of the contracts included."""


@dataclass
class Market:
    """A database with a chain, and what is done to it between kills."""

    db: Database
    clock: SystemClock
    chain: Chain
    folder: Path

    async def revise(self, session: Session, cents: int) -> None:
        """Store a session of every contract at other prices."""
        bars = [trade(n, f"{1 + cents / 100:.2f}", session=session) for n in range(78)]
        quotes = [quote(n, session=session) for n in range(78)]
        part = {"TRADES": bars, "BID": quotes, "ASK": quotes}
        batch = [
            answers(one, **{name: answer(own, session=session) for name, own in part.items()})
            for one in self.chain.contracts
        ]
        await bar_tables.store(self.db, batch, 1)

    async def archive(self, name: str) -> dict[str, str]:
        """Run a pass into a folder and return the hash of each session that the manifest has there."""
        place = self.folder / name
        settings = narrow("PLTR", archive=ArchiveSettings(place=str(place)))
        calendar = Calendar.configured(settings)
        done = await archive_pass.archive(
            self.db, open_place(settings.archive), settings, calendar, root=self.folder / "work"
        )
        assert done.problems == []
        found = await manifest.partitions(self.db, str(place))
        return {f"{one.data_set.name} {one.day}": one.held.hash for one in found if one.held is not None}

    async def objects(self, name: str) -> dict[str, str]:
        """Return the hashes that the manifest has, by path."""
        return {one.path: one.hash for one in await manifest.objects(self.db, str(self.folder / name))}

    def stored(self, name: str) -> dict[str, str]:
        """Return the hashes of what lies in a folder, by path."""
        place = self.folder / name
        return {str(file.relative_to(place)): sha256(file) for file in sorted(place.rglob("*.parquet"))}


def _periods(objects: dict[str, str]) -> dict[object, str]:
    return {layout.parse(path) or path: content for path, content in objects.items()}


@pytest.mark.timeout(3600)
async def test_killed_at_any_moment_the_manifest_is_true(plain_database_url: str, tmp_path: Path) -> None:
    """Each object of the manifest is there with its bytes after each kill; one more pass ends as an undisturbed one.

    Sessions at first; then their month, of which the database has dropped a day.
    """
    dice, clock, codes = random.Random(17), SystemClock(NOW), list[int]()
    async with pool.connect(plain_database_url, clock) as db:
        market = Market(db, clock, await make_chain(db, select_from=FRIDAY.day), tmp_path)
        (tmp_path / "place").mkdir()
        await market.revise(FRIDAY, 1)
        await market.revise(MONDAY, 1)
        friday = ""
        for number in range(KILLS):
            if number == KILLS // 2:
                clock.set(LATER)
                friday = (await market.archive("place"))[f"option_bars_5min {FRIDAY.day}"]
                await rows(db, "DELETE FROM store.option_bars_5min WHERE time < $1 RETURNING 1", FRIDAY.close)
            await market.revise(MONDAY, number + 2)
            if number % 3 == 2:  # another contract changes their file
                await rows(db, "UPDATE option_chains SET exchange = $1 RETURNING 1", f"X{number}")
            after_s = dice.random() * 0.15 if number % 3 == 1 else None
            steps = dice.randint(1, _STEPS) if after_s is None else 1000
            codes.append(await killed(plain_database_url, tmp_path / "place", clock.now(), steps, after_s))
            stored = market.stored("place")
            assert {path: stored.get(path) for path in await market.objects("place")} == await market.objects("place")
            await _alone(db)
            ended = await market.archive("place")
            assert market.stored("place") == await market.objects("place")
            assert list((tmp_path / "work").iterdir()) == []
            (tmp_path / f"reference-{number}").mkdir()
            objects = await market.objects("place")
            async with _unarchived(db):
                reference = await market.archive(f"reference-{number}")
                known = await market.objects(f"reference-{number}")
            if friday:
                reference[f"option_bars_5min {FRIDAY.day}"] = friday
            else:
                assert _periods(objects) == _periods(known)
            assert ended == reference
    assert codes.count(-9) >= KILLS // 2


@asynccontextmanager
async def _unarchived(db: Database) -> AsyncIterator[None]:
    """Let the database know of no archive meanwhile: it would tell a new place that another one has the dropped day."""
    for table in _MANIFEST:
        await rows(db, f"CREATE TABLE {table}_aside AS TABLE {table}")
    await rows(db, "DELETE FROM archive_objects")
    yield
    await rows(db, "DELETE FROM archive_objects")
    for table in _MANIFEST:
        await rows(db, f"INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE {table}_aside")
        await rows(db, f"DROP TABLE {table}_aside")


async def _alone(db: Database) -> None:
    """Wait until the server has noticed that the killed process is gone."""
    async with asyncio.timeout(30):
        for _ in range(1500):
            if not await rows(db, _OTHERS):
                return
            await asyncio.sleep(0.02)
