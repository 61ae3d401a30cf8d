"""The research API gives the same table from the database and from the archive."""

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from collector.archive.folders import Folder
from collector.archive.places import Place, open_place
from collector.clock import SystemClock
from collector.config import ArchiveSettings, BackupSettings, Settings
from collector.db.bars import bar_tables
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.domain.errors import ArchiveDamaged, ArchiveError, ObjectMissing
from collector.domain.market_data.sessions import Session
from collector.jobs import archive_pass
from collector.market.calendar import Calendar
from collector.research.reader import Preference, Reader
from tests.support.db_rows import FRIDAY, MONDAY, Chain, answer, answers, make_chain, quote, rows, slot, trade
from tests.support.engines import Engine
from tests.support.fixtures_object_store import Bucket

FRIDAY_PATH = re.compile("option_bars_5min/v1/symbol=PLTR/2026-11-20")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = datetime(2027, 2, 15, 12, tzinfo=UTC)
_BUMP = """
INSERT INTO session_changes (underlying_id, data_set, session_date) VALUES ($1, $2, $3)
ON CONFLICT (underlying_id, data_set, session_date) DO UPDATE SET change = session_changes.change + 1 RETURNING 1
"""
_GREEKS = """
UPDATE store.option_bars_5min SET implied_volatility = 2629, delta = -9972, gamma = 2665, theta = -1808, vega = 11,
    rho = 22, greeks_version = 1, greeks_reason = 1, open_interest = 7
WHERE extract(MINUTE FROM time)::integer % 10 = 0 RETURNING 1
"""
_COMPRESS = """
SELECT compress_chunk(chunk) FROM show_chunks('store.option_bars_5min') AS chunk
UNION ALL SELECT compress_chunk(chunk) FROM show_chunks('store.underlying_bars_5min') AS chunk
"""


@dataclass
class Shelf:
    """A database of two sessions of two calls, and the archive beside it."""

    url: str
    db: Database
    chain: Chain
    place: Place
    settings: Settings
    folder: Path

    def reader(self, prefer: Preference = None) -> Reader:
        """Return a reader of both."""
        clock = SystemClock(NOW)
        return Reader(self.settings, self.url, clock, prefer=prefer, cache=self.folder / "cache")

    async def archive(self) -> None:
        """Run the archive's pass."""
        calendar = Calendar.configured(self.settings)
        await archive_pass.archive(self.db, self.place, self.settings, calendar, root=self.folder / "work")

    async def collect(self, session: Session, close: str = "1.25") -> None:
        """Store a session: odd cents, a unit of ten-thousandths, slots without trades."""
        trades = answer([trade(n, close if n else "0.0003", session=session) for n in range(0, 78, 2)], session=session)
        quotes = answer([quote(n, f"1.{n:02}", session=session) for n in range(78)], session=session)
        given = [answers(one, TRADES=trades, BID=quotes, ASK=quotes) for one in self.chain.contracts]
        own = answer([trade(n, "401.2345", "100.5", session=session) for n in range(78)], session=session)
        volatility = answer([quote(n, "0.25", session=session) for n in range(78)], session=session)
        underlying = answers(self.chain.underlying, TRADES=own, OPTION_IMPLIED_VOLATILITY=volatility)
        await bar_tables.store(self.db, given, 1)
        await bar_tables.store(self.db, [underlying], 1)
        for data_set in (1, 2):
            await rows(self.db, _BUMP, self.chain.underlying.id, data_set, session.day)

    async def drop(self, session: Session) -> None:
        """Take a session's option bars out of the database, as retention does."""
        gone = "DELETE FROM store.option_bars_5min WHERE time >= $1 AND time < $2 RETURNING 1"
        await rows(self.db, gone, session.open, session.close)


@contextlib.asynccontextmanager
async def stocked(url: str, archive: ArchiveSettings, folder: Path) -> AsyncIterator[Shelf]:
    """Give a database of two sessions that have been archived at a place."""
    settings = Settings(backup=BackupSettings(enabled=False), archive=archive)
    async with pool.connect(url, SystemClock(NOW)) as db:
        made = Shelf(url, db, await make_chain(db, 2), open_place(archive), settings, folder)
        for session in (FRIDAY, MONDAY):
            await made.collect(session)
        await rows(db, _GREEKS)
        await made.archive()
        yield made


def _folder(tmp_path: Path) -> ArchiveSettings:
    (tmp_path / "place").mkdir()
    return ArchiveSettings(place=str(tmp_path / "place"))


@pytest_asyncio.fixture
async def shelf(database_url: str, tmp_path: Path) -> AsyncIterator[Shelf]:
    """Give two sessions on each engine, archived in a folder."""
    async with stocked(database_url, _folder(tmp_path), tmp_path) as made:
        yield made


@pytest_asyncio.fixture
async def plain_shelf(plain_database_url: str, tmp_path: Path) -> AsyncIterator[Shelf]:
    """Give two sessions on the plain engine, archived in a folder: where engines make no difference."""
    async with stocked(plain_database_url, _folder(tmp_path), tmp_path) as made:
        yield made


@pytest_asyncio.fixture
async def far_shelf(plain_database_url: str, bucket: Bucket, tmp_path: Path) -> AsyncIterator[Shelf]:
    """Give two sessions on the plain engine, archived on an S3 server."""
    async with stocked(plain_database_url, bucket.settings(), tmp_path) as made:
        yield made


async def test_tables_are_identical(shelf: Shelf, engine: Engine) -> None:
    """Schema, order and every value of all columns are the same, as floating-point numbers and as decimals.

    So they are when the database has compressed the sessions, where it can.
    """
    with shelf.reader("database") as one, shelf.reader("archive") as other:
        for exact in (False, True):
            _compare(one, other, exact=exact)
        if engine.name == "community":
            assert await rows(shelf.db, _COMPRESS)
            _compare(one, other, exact=True)


def _compare(one: Reader, other: Reader, *, exact: bool) -> None:
    for verb, of in (("bars", "PLTR"), ("history", "PLTR 261123C00101000"), ("underlying", "PLTR")):
        stored = getattr(one, verb)(of, exact=exact)
        archived = getattr(other, verb)(of, exact=exact)
        assert stored.archived == frozenset()
        assert archived.archived == {FRIDAY.day, MONDAY.day}
        assert stored.num_rows > 100
        assert stored.schema.equals(archived.schema, check_metadata=True)
        assert stored.table.equals(archived.table)
    at = "2026-11-20 09:30 America/New_York"
    assert one.surface("PLTR", at, exact=exact).table.equals(other.surface("PLTR", at, exact=exact).table)
    priced = ["time", "contract_id", "underlying_price"]
    stored, archived = (data.bars("PLTR", columns=priced, exact=exact).table for data in (one, other))
    assert stored.equals(archived)
    assert {float(price) for price in stored["underlying_price"].to_pylist()} == {401.2345}
    every = ["collection_run_id", "created_at", "updated_at", "greeks_version", "multiplier", "time"]
    assert one.bars("PLTR", columns=every).table.equals(other.bars("PLTR", columns=every).table)


async def test_a_dropped_session_comes_from_the_archive(shelf: Shelf) -> None:
    """What the database does not have any more the archive gives, for a symbol, a contract and a surface."""
    with shelf.reader("database") as data:
        before = data.bars("PLTR").table
        history = data.history("PLTR 261123C00101000").table
        await shelf.drop(FRIDAY)
        after = data.bars("PLTR")
        assert after.table.equals(before)
        assert after.archived == {FRIDAY.day}
        assert data.history("PLTR 261123C00101000").table.equals(history)
        assert data.surface("PLTR", slot(3)).num_rows == 2
        assert after.complete


async def test_a_changed_session_comes_from_the_database(plain_shelf: Shelf) -> None:
    """What has changed since it was archived is not read from there, though the archive is preferred."""
    await plain_shelf.collect(FRIDAY, "1.77")
    with plain_shelf.reader("archive") as data:
        found = data.bars("PLTR", columns=["time", "close"])
    assert found.archived == {MONDAY.day}
    assert 1.77 in found.table["close"].to_pylist()


async def test_a_session_that_is_nowhere_is_told(plain_shelf: Shelf) -> None:
    """Dropped and not archived: its rows are missing, and that is a reason."""
    await plain_shelf.drop(FRIDAY)
    bare = plain_shelf.settings.model_copy(update={"archive": ArchiveSettings()})
    with Reader(bare, plain_shelf.url, SystemClock(NOW)) as data:
        found = data.bars("PLTR")
        assert {row["time"].date() for row in found.table.select(["time"]).to_pylist()} == {MONDAY.day}
        (reason,) = found.reasons.to_pylist()
    assert (reason["session"], reason["reason"], reason["slots"]) == (FRIDAY.day, "dropped", 78)


async def test_an_underlyings_dropped_session_is_told(plain_shelf: Shelf) -> None:
    """Its own bars, too, are missing where they were dropped and the archive that has them is not given."""
    gone = "DELETE FROM store.underlying_bars_5min WHERE time < $1 RETURNING 1"
    await rows(plain_shelf.db, gone, FRIDAY.close)
    with plain_shelf.reader() as data:
        there = data.underlying("PLTR", FRIDAY.day, MONDAY.day)
        assert there.num_rows == 156
        assert there.archived == {FRIDAY.day}
        assert "dropped" not in there.reasons["reason"].to_pylist()
    bare = plain_shelf.settings.model_copy(update={"archive": ArchiveSettings()})
    with Reader(bare, plain_shelf.url, SystemClock(NOW)) as data:
        found = data.underlying("PLTR", FRIDAY.day, MONDAY.day)
        assert found.num_rows == 78
        assert [row["session"] for row in found.reasons.to_pylist() if row["reason"] == "dropped"] == [FRIDAY.day]
        priced = data.bars("PLTR", FRIDAY.day, MONDAY.day, columns=["time", "underlying_price"])
        assert priced.table["underlying_price"].null_count == 2 * 78
        assert [row["session"] for row in priced.reasons.to_pylist() if row["reason"] == "dropped"] == [FRIDAY.day]
        assert data.bars("PLTR", FRIDAY.day, MONDAY.day, columns=["time", "close"]).complete


class Elsewhere(Folder):
    """A folder that pretends to be far away: its objects have to be fetched."""

    def local(self, path: str) -> Path | None:  # noqa: ARG002 - of the protocol
        """Return nothing."""
        return None


async def test_remote_objects_are_fetched_once(far_shelf: Shelf, bucket: Bucket) -> None:
    """A copy in the cache has the bytes that the S3 server has, under their hash, and serves when that one has none."""
    with far_shelf.reader("database") as data:
        before = data.history("PLTR 261123C00101000").table
    await far_shelf.drop(FRIDAY)
    path = f"/archive/{next(one.path for one in await far_shelf.place.objects() if FRIDAY_PATH.match(one.path))}"
    with far_shelf.reader() as data:
        found = data.history("PLTR 261123C00101000")
    assert found.table.equals(before)
    assert found.archived == {FRIDAY.day}
    (copy,) = (far_shelf.folder / "cache").iterdir()
    content = copy.read_bytes()
    assert hashlib.sha256(content).hexdigest() == copy.stem
    assert content == bucket.bytes(path)
    bucket.asked(path, method="DELETE")
    with far_shelf.reader() as data:
        assert data.history("PLTR 261123C00101000").table.equals(before)
    copy.unlink()
    with far_shelf.reader() as data, pytest.raises(ObjectMissing):
        data.history("PLTR 261123C00101000")


@pytest.mark.parametrize("meanwhile", [False, True])
async def test_a_wrong_copy_is_fetched_anew(
    plain_shelf: Shelf, monkeypatch: pytest.MonkeyPatch, meanwhile: bool
) -> None:
    """A copy that somebody has changed or cut off is not read: neither by a later reader nor by one that is open."""
    monkeypatch.setattr("collector.research.reader.open_place", lambda settings: Elsewhere(Path(settings.place)))
    await plain_shelf.drop(FRIDAY)
    with plain_shelf.reader() as data:
        expected = data.bars("PLTR").table
        (copy,) = (plain_shelf.folder / "cache").iterdir()
        right = copy.read_bytes()
        # As right a file as any, of another session's bars.
        other = plain_shelf.folder / "place" / "option_bars_5min/v1/symbol=PLTR/2026-11-23.parquet"
        for wrong in (other.read_bytes(), right[:4], b""):
            copy.write_bytes(wrong)
            with contextlib.nullcontext(data) if meanwhile else plain_shelf.reader() as reader:
                assert reader.bars("PLTR").table.equals(expected)
            assert copy.read_bytes() == right


async def test_a_cache_that_cannot_be_written_is_told(plain_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file where its folder should be is an error with its name and what to do."""
    monkeypatch.setattr("collector.research.reader.open_place", lambda settings: Elsewhere(Path(settings.place)))
    await plain_shelf.drop(FRIDAY)
    (plain_shelf.folder / "cache").write_text("")
    with plain_shelf.reader() as data, pytest.raises(ArchiveError, match=r"/cache, cannot be used: ") as told:
        data.bars("PLTR")
    assert "make room" in told.value.hint


@pytest.mark.parametrize("fault", ["missing", "damaged", "away"])
async def test_what_the_database_has_needs_no_archive(plain_shelf: Shelf, fault: str) -> None:
    """Objects that are gone or damaged, or a place that is away, cost nothing where the database has it all."""
    with plain_shelf.reader("database") as data:
        expected = data.bars("PLTR").table
    for path in (plain_shelf.folder / "place/option_bars_5min/v1/symbol=PLTR").iterdir():
        path.chmod(0o600)
        if fault == "missing":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-1] + b"0")
    if fault == "away":
        (plain_shelf.folder / "place").rename(plain_shelf.folder / "unmounted")
    with plain_shelf.reader() as data:
        found = data.bars("PLTR")
        assert found.table.equals(expected)
        assert found.archived == frozenset()
        assert found.complete


async def test_a_contract_without_bars_asks_no_archive(plain_shelf: Shelf) -> None:
    """What the database says of a day stands, though an older object of the day still has bars of the contract."""
    contract = plain_shelf.chain.contracts[1].id
    gone = "DELETE FROM store.option_bars_5min WHERE contract_id = $1 AND time < $2 RETURNING 1"
    await rows(plain_shelf.db, gone, contract, FRIDAY.close)
    await rows(plain_shelf.db, _BUMP, plain_shelf.chain.underlying.id, 1, FRIDAY.day)
    with plain_shelf.reader() as data:
        found = data.history(contract)
    assert found.archived == frozenset()
    assert {row["time"].date() for row in found.table.select(["time"]).to_pylist()} == {MONDAY.day}


async def test_others_bars_between_ones_own_are_no_session(plain_shelf: Shelf) -> None:
    """A dropped day comes from the archive, and is missing without one, though others' bars lie between one's ids."""
    await plain_shelf.drop(FRIDAY)
    with plain_shelf.reader("database") as data:
        expected = data.bars("PLTR").table
    # As after an adoption: PLTR owns the contract after one of TSLA.
    other = await make_chain(plain_shelf.db, 2, symbol="TSLA")
    moved = "UPDATE option_chains SET underlying_id = $1 WHERE id = $2 RETURNING 1"
    await rows(plain_shelf.db, moved, plain_shelf.chain.underlying.id, other.contracts[1].id)
    quotes = answer([quote(n) for n in range(78)])
    await bar_tables.store(plain_shelf.db, [answers(other.contracts[0], TRADES=quotes, BID=quotes, ASK=quotes)], 1)
    with plain_shelf.reader("database") as data:
        found = data.bars("PLTR")
        assert found.table.equals(expected)
        assert found.archived == {FRIDAY.day}
        (row,) = [row for row in data.present_sessions("PLTR").table.to_pylist() if row["session"] == FRIDAY.day]
        assert not row["in_database"]
    bare = plain_shelf.settings.model_copy(update={"archive": ArchiveSettings()})
    with Reader(bare, plain_shelf.url, SystemClock(NOW)) as data:
        assert "dropped" in data.bars("PLTR").reasons["reason"].to_pylist()


async def test_a_damaged_object_is_not_believed(plain_shelf: Shelf) -> None:
    """A flipped byte is found before anything is read."""
    path = plain_shelf.folder / "place" / "option_bars_5min/v1/symbol=PLTR/2026-11-20.parquet"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    await plain_shelf.drop(FRIDAY)
    with plain_shelf.reader() as data, pytest.raises(ArchiveDamaged):
        data.bars("PLTR")


async def test_a_damaged_remote_object_is_not_kept(far_shelf: Shelf, tmp_path: Path) -> None:
    """What the S3 server gives with a flipped byte is refused, and nothing of it stays in the cache."""
    (path,) = [one.path for one in await far_shelf.place.objects() if FRIDAY_PATH.match(one.path)]
    await far_shelf.place.fetch(path, tmp_path / "object")
    content = bytearray((tmp_path / "object").read_bytes())
    content[100] ^= 1
    (tmp_path / "damaged").write_bytes(content)
    await far_shelf.place.put(path, tmp_path / "damaged")
    await far_shelf.drop(FRIDAY)
    with far_shelf.reader() as data, pytest.raises(ArchiveDamaged):
        data.bars("PLTR")
    assert list((far_shelf.folder / "cache").iterdir()) == []


async def test_a_month_gives_what_its_sessions_gave(shelf: Shelf) -> None:
    """When sessions have become a month, a part of it is read as before."""
    with shelf.reader("archive") as data:
        before = data.bars("PLTR", "2026-11-20", "2026-11-20").table
    async with pool.connect(shelf.url, SystemClock(LATER)) as later:
        shelf.db = later
        await shelf.archive()
    assert [path.name for path in (shelf.folder / "place/option_bars_5min/v1/symbol=PLTR").iterdir()] == [
        "2026-11.parquet"
    ]
    with shelf.reader("archive") as data:
        found = data.bars("PLTR", date(2026, 11, 20), date(2026, 11, 20))
        assert found.archived == {FRIDAY.day}
        assert found.table.equals(before)
