"""The archive's pass with real parts: what it writes, carries over, refuses, and leaves when it is killed."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from collector.app import composition, opening
from collector.archive import bar_files
from collector.archive.places import Place, open_place
from collector.clock import SystemClock
from collector.config import DatabaseSettings, LogSettings, Settings, WindowsSettings
from collector.config.operation_settings import ArchiveSettings
from collector.db.archive import manifest
from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import InstrumentAnswers, SeriesAnswer
from collector.db.connection import locks, pool
from collector.db.connection.pool import Database
from collector.domain.errors import LockHeld
from collector.domain.market_data.bars import Bar
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_1DAY
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Spans
from collector.domain.run_vocabulary import RunStatus, Window
from collector.jobs import archive_pass, archive_verification
from collector.jobs.archive_pass import Archived
from collector.market.calendar import Calendar
from collector.notify.alerts.alert_rules import Rule, run_alerts
from collector.notify.reports import wording
from collector.runs.orders import order_for
from tests.support.db_rows import FRIDAY, MONDAY, Chain, answer, answers, make_chain, quote, rows, trade
from tests.support.fixtures_object_store import Bucket
from tests.support.window_runs import narrow

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
LATER = datetime(2027, 2, 15, 2, 0, tzinfo=UTC)
_BUMP = """
INSERT INTO session_changes (underlying_id, data_set, session_date) VALUES ($1, $2, $3)
ON CONFLICT (underlying_id, data_set, session_date) DO UPDATE SET change = session_changes.change + 1 RETURNING 1
"""
_REVISED = """
INSERT INTO bar_revisions (instrument_id, data_set, time, close, replaced_at, run_id)
VALUES ($1, $2, $3, 1, '2026-11-24 03:00+00', 1) RETURNING 1
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

    async def bump(self, session: Session) -> None:
        """Count a change of a session's option bars."""
        await rows(self.db, _BUMP, self.chain.underlying.id, OPTION_BARS_5MIN.id, session.day)

    async def sessions(self) -> dict[date, tuple[int, str]]:
        """Return rows and hash of each session as the manifest has them."""
        found = await manifest.partitions(self.db, self.place.name)
        return {one.day: (one.held.rows, one.held.hash) for one in found if one.held is not None}

    def read(self, path: str, day: date | None = None) -> list[dict[str, Any]]:
        """Return the rows of an object, of one day if it is given, by pyarrow alone."""
        found = pq.ParquetFile(self.folder / "place" / path).read().to_pylist()
        return [row for row in found if day is None or row["time"].date() == day]

    def flip(self, path: str) -> None:
        """Change one bit in the middle of an object."""
        file = self.folder / "place" / path
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)

    def remove(self, path: str) -> None:
        """Remove an object's file."""
        (self.folder / "place" / path).unlink()

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


async def test_a_late_revision_rewrites_its_session_alone(archive: Archive) -> None:
    """Of two sessions one is revised: its object alone is another, and the old one is gone."""
    await archive.collect(FRIDAY)
    await archive.collect(MONDAY)
    await archive.run()
    before = await archive.check()
    await archive.collect(MONDAY, "1.30")
    done = await archive.run()
    after = await archive.check()
    assert [one.symbol for one in done.written] == ["PLTR"]
    assert set(before.items()) & set(after.items()) == {(path, before[path]) for path in before if "2026-11-20" in path}
    assert len(after) == 2
    await archive.collect(MONDAY, "1.35")
    await archive.run()
    assert list(await archive.check()) == [f"{FOLDER}/2026-11-20.parquet", f"{FOLDER}/2026-11-23.parquet"]


async def test_a_month_forms_once(archive: Archive) -> None:
    """Sixty days after its end a month has one object, with the same hashes; forming it again changes nothing."""
    await archive.collect(FRIDAY)
    await archive.collect(MONDAY)
    await archive.run()
    own = await archive.sessions()
    done = await archive.run(LATER)
    formed = await archive.check()
    assert list(formed) == [f"{FOLDER}/2026-11.parquet"]
    assert [one.sessions for one in done.written] == [2]
    assert await archive.sessions() == own
    await archive.bump(FRIDAY)
    assert (await archive.run(LATER)).due == 1
    assert await archive.check() == formed
    assert (await archive.run(NOW)).due == 0  # a month that has formed is not undone


async def test_days_that_the_database_dropped_are_carried_over(archive: Archive) -> None:
    """A day that is gone from the database stays in its month's object when another day of it is revised."""
    for session in (FRIDAY, MONDAY):
        await archive.collect(session)
    await archive.run(LATER)
    [before] = await archive.check()
    friday = archive.read(before, FRIDAY.day)
    await archive.drop(FRIDAY)
    await archive.collect(MONDAY, "1.30")
    done = await archive.run()
    [after] = await archive.check()
    assert after != before
    assert done.problems == []
    assert archive.read(after, FRIDAY.day) == friday
    assert {row["close"] for row in archive.read(after, MONDAY.day)} == {Decimal("1.3000")}
    await archive.bump(FRIDAY)  # what is known of it changes, and its bars are still gone
    assert [one.carried for one in (await archive.run()).written] == [1]
    assert archive.read(next(iter(await archive.check())), FRIDAY.day) == friday


async def test_fewer_bars_than_the_archive_has_are_refused(archive: Archive) -> None:
    """A session that lost some of its bars keeps its object, and is told, until revisions tell of each."""
    await archive.collect(FRIDAY)
    await archive.run()
    before = await archive.check()
    lost = "DELETE FROM store.option_bars_5min WHERE time = $1 RETURNING contract_id"
    gone = await rows(archive.db, lost, FRIDAY.open)
    await archive.bump(FRIDAY)
    done = await archive.run()
    [problem] = done.problems
    assert "the archive has 2 bars of PLTR on 2026-11-20 that the database lacks" in problem.message
    assert await archive.check() == before
    for (contract_id,) in gone:
        await rows(archive.db, _REVISED, contract_id, OPTION_BARS_5MIN.id, FRIDAY.open)
    done = await archive.run()
    assert (done.problems, [one.rows for one in done.written]) == ([], [154])


async def test_revisions_of_before_explain_no_missing_bar(archive: Archive) -> None:
    """Bars that were revised, archived and dropped stay in the archive when a few of their day are stored again."""
    for close in ("1.25", "1.30"):
        await archive.collect(FRIDAY, close)
    await archive.run()
    before = await archive.check()
    await archive.drop(FRIDAY)
    await archive.collect(FRIDAY, "1.35", slots=5)
    [problem] = (await archive.run()).problems
    assert "the archive has 146 bars of PLTR on 2026-11-20 that the database lacks, and revisions tell of 0" in (
        problem.message
    )
    assert await archive.check() == before


async def test_a_damaged_object_is_made_of_the_database_again(archive: Archive) -> None:
    """A flipped byte in a month is found when it is to be rewritten: from the database where all days are there."""
    await archive.collect(FRIDAY)
    await archive.collect(MONDAY)
    await archive.run(LATER)
    [path] = await archive.check()
    archive.flip(path)
    await archive.collect(MONDAY, "1.30")
    assert (await archive.run()).problems == []
    [path] = await archive.check()
    archive.flip(path)
    await archive.drop(FRIDAY)
    await archive.collect(MONDAY, "1.35")
    [problem] = (await archive.run()).problems
    assert "its bytes are not those that were written" in problem.message
    [kept] = [one for one in await manifest.objects(archive.db, archive.place.name) if one.symbol]
    assert kept.verified_at is None


@pytest.mark.parametrize("harm", ["flip", "unlink"])
async def test_what_verification_found_wrong_is_written_anew(archive: Archive, harm: str) -> None:
    """Nothing has changed in the database, and the next pass puts the object right all the same, once."""
    await archive.collect(FRIDAY)
    await archive.run()
    before = await archive.check()
    [path] = before
    if harm == "flip":
        archive.flip(path)
    else:
        (archive.folder / "place" / path).unlink()
    held = await manifest.objects(archive.db, archive.place.name)
    found = await archive_verification.verify(archive.db, archive.place, held, archive.clock)
    assert [one.path for one in found if one.finding is not None] == [path]
    planned = await archive_pass.plan(archive.db, archive.place.name, archive.settings, archive.clock.now())
    assert [(one.path, one.why) for one in planned] == [(path, "damaged or missing")]
    done = await archive.run()
    assert (done.problems, [one.path for one in done.written]) == ([], [path])
    assert await archive.check() == before
    assert (await archive.run()).due == 0


async def test_what_nobody_knows_is_not_overwritten(archive: Archive) -> None:
    """An object at a session's path that this manifest lacks stays, when it holds what the database does not."""
    await archive.collect(FRIDAY)
    await archive.run()
    [path] = await archive.check()
    await rows(archive.db, "DELETE FROM archive_objects RETURNING 1")
    assert (await archive.run()).problems == []  # the very same bytes are taken over
    before = await archive.check()
    await rows(archive.db, "DELETE FROM archive_objects RETURNING 1")
    await rows(archive.db, "DELETE FROM store.option_bars_5min WHERE time = $1 RETURNING 1", FRIDAY.open)
    [problem] = (await archive.run()).problems
    assert "an object with bars that this database has not lies there" in problem.message
    assert archive.stored()[path] == before[path]


async def test_one_pass_at_a_time(archive: Archive) -> None:
    """Who comes second while a pass is at work is told who is."""
    await archive.collect(FRIDAY)
    async with locks.archive_lock(archive.db):
        with pytest.raises(LockHeld, match="process"):
            await archive.run()
    assert len((await archive.run()).written) == 1


async def test_sessions_that_have_not_settled_say_so(archive: Archive) -> None:
    """A session of which a series is not settled is archived, marked, and written again once it has settled."""
    bars = [trade(n) for n in range(78)]
    unsettled = {"TRADES": answer(bars, settles=False), "BID": answer(), "ASK": answer()}
    first, second = archive.chain.contracts
    await bar_tables.store(archive.db, [answers(first, **unsettled), answers(second, **unsettled)], 1)
    await archive.bump(FRIDAY)
    done = await archive.run()
    file = archive.folder / "place" / FOLDER / "2026-11-20.parquet"
    state = bar_files.sessions_of(file)[FRIDAY.day]
    assert (done.unsettled, state.settled) == (1, False)
    assert (state.verdicts["expected"], state.verdicts["settled"], state.verdicts["unknown"]) == (468, 312, 156)
    await archive.collect(FRIDAY)
    await archive.run()
    [held] = [one.held for one in await manifest.partitions(archive.db, archive.place.name) if one.held]
    assert held.settled


async def test_the_underlyings_bars_of_every_size(archive: Archive) -> None:
    """Bars of five minutes have an object a session, those of a day one a year; both hold what the view shows."""
    under, day = archive.chain.underlying, UNDERLYING_BARS_1DAY
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    whole = Spans.of(midnight, midnight + timedelta(days=1))
    price = [Bar(midnight, 180_0000, 190_0000, 170_5000, 185_1234, 10_0000, 5, 181_0000)]
    await bar_tables.store(
        archive.db,
        [
            answers(under, TRADES=answer([trade(n, "18.5") for n in range(78)])),
            InstrumentAnswers(
                under,
                day,
                {
                    WhatToShow.TRADES: SeriesAnswer(tuple(price), whole, whole),
                    WhatToShow.ADJUSTED_LAST: SeriesAnswer(tuple(price), whole, whole),
                },
            ),
        ],
        1,
    )
    await archive.run()
    found = list(await archive.check())
    assert found == [
        "underlying_bars_1day/v1/symbol=PLTR/2026.parquet",
        "underlying_bars_5min/v1/symbol=PLTR/2026-11-20.parquet",
    ]
    [row] = archive.read(found[0])
    assert (row["close"], row["high"], row["low"]) == (Decimal("185.1234"), Decimal("190.0000"), Decimal("170.5000"))
    assert len(archive.read(found[1])) == 78


async def test_the_window_archives_and_tells(archive: Archive) -> None:
    """The window's row and report say what was written; what is refused makes it fail, with an alert that names it."""
    await archive.collect(FRIDAY)
    settings = archive.settings.model_copy(
        update={
            "database": DatabaseSettings(url=SecretStr(archive.db.url)),
            "log": LogSettings(directory=archive.folder / "log"),
            "windows": WindowsSettings.model_validate({"archive": {"enabled": True}}),
        }
    )
    order = order_for(Window.ARCHIVE, settings, opening.calendar(settings), archive.clock.now())
    done = (await composition.run_window(settings, order, archive.clock)).report
    assert (done.status, done.failure) == (RunStatus.SUCCESS, None)
    assert done.archive is not None
    assert (done.archive.objects, done.archive.rows) == (1, 156)
    assert wording.headline(done).startswith("1 object written: 156 bars")
    await rows(archive.db, "DELETE FROM store.option_bars_5min WHERE time = $1 RETURNING 1", FRIDAY.open)
    await archive.bump(FRIDAY)
    failed = (await composition.run_window(settings, order, archive.clock)).report
    assert failed.status is RunStatus.FAILED
    [told] = [one for one in run_alerts(failed, settings.notify.alerts, archive.clock.now()) if "archive" in one.key]
    assert told.rule is Rule.ARCHIVE_FAILED
    assert "the archive has 2 bars of PLTR on 2026-11-20 that the database lacks" in told.text


async def test_a_whole_cycle_on_s3(plain_database_url: str, bucket: Bucket, tmp_path: Path) -> None:
    """On a real S3 server a session, its revision and its month are stored, read back and replaced alike."""
    settings = narrow("PLTR", archive=bucket.settings())
    clock = SystemClock(NOW)
    async with pool.connect(plain_database_url, clock) as db:
        chain = await make_chain(db, select_from=FRIDAY.day)
        own = Archive(clock, db, chain, open_place(settings.archive), settings, tmp_path)
        for at, close, expected in (
            (NOW, "1.25", "2026-11-20"),
            (NOW, "1.30", "2026-11-20-"),
            (LATER, "1.35", "2026-11"),
        ):
            await own.collect(FRIDAY, close)
            done = await own.run(at)
            assert done.problems == []
            found = {one.path for one in await own.place.objects()}
            assert found == {*await own.listed()}
            [path] = found - {"contracts.parquet"}
            assert path.startswith(f"{FOLDER}/{expected}")
