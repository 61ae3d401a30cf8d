"""Verification of the archive: what its place gives back is compared with the manifest, and told where it differs."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from collector.archive.places import Place, open_place
from collector.clock import SystemClock
from collector.config import Settings
from collector.config.operation_settings import ArchiveSettings
from collector.db.archive import manifest
from collector.db.bars import bar_tables
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.domain.errors import PlaceUnavailable
from collector.domain.market_data.sessions import Session
from collector.jobs import archive_pass, archive_verification
from collector.jobs.archive_verification import Finding
from collector.jobs.archiving import work_folder
from collector.market.calendar import Calendar
from tests.support.db_rows import FRIDAY, answer, answers, make_chain, trade
from tests.support.fault_proxy import unused_port
from tests.support.fixtures_object_store import Bucket
from tests.support.window_runs import narrow

_NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
_FOLDER = "option_bars_5min/v1/symbol=PLTR"
_DAYS = (date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20))


def _session(day: date) -> Session:
    opens = datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)
    return Session(day, opens, opens + timedelta(hours=6.5), opens + timedelta(days=1))


class Archived:
    """A database of which three sessions and the contracts are archived in a folder."""

    def __init__(self, db: Database, clock: SystemClock, settings: Settings, folder: Path) -> None:
        self.db, self.clock, self.settings, self.folder = db, clock, settings, folder
        self.place: Place = open_place(settings.archive)

    def file(self, day: date) -> Path:
        """Return the file of a session's object."""
        return self.folder / _FOLDER / f"{day}.parquet"

    async def verified(self) -> dict[str, datetime | None]:
        """Return when each object was verified, by its file's name."""
        return {Path(one.path).stem: one.verified_at for one in await manifest.objects(self.db, self.place.name)}

    async def found(self, **how: object) -> dict[str, Finding | None]:
        """Verify the place, and return the findings by the objects' files' names."""
        since, deep = how.get("since"), bool(how.get("deep"))
        done = await archive_verification.verify_place(
            self.db, self.place, self.clock, since=since if isinstance(since, date) else None, deep=deep
        )
        assert done.wrong == tuple(one for one in done.verdicts if one.detail)
        return {Path(one.path).stem: one.finding for one in done.verdicts}


@pytest.fixture
async def archived(database_url: str, tmp_path: Path) -> AsyncIterator[Archived]:
    """Give an archive that a pass has just written."""
    folder = tmp_path / "place"
    folder.mkdir()
    settings = narrow("PLTR", archive=ArchiveSettings(place=str(folder)))
    clock = SystemClock(_NOW)
    async with pool.connect(database_url, clock) as db:
        chain = await make_chain(db, select_from=FRIDAY.day)
        for day in _DAYS:
            session = _session(day)
            batch = [
                answers(one, TRADES=answer([trade(n, "1.25", session=session) for n in range(78)], session=session))
                for one in chain.contracts
            ]
            await bar_tables.store(db, batch, 1)
        ready = Archived(db, clock, settings, folder)
        done = await archive_pass.archive(
            db, ready.place, settings, Calendar.configured(settings), root=tmp_path / "work"
        )
        assert len(done.written) == 3
        yield ready


async def test_what_was_archived_is_found_sound(archived: Archived) -> None:
    """Every object is read back, its bytes are the manifest's, and the manifest says when; rows are read when asked."""
    later = _NOW + timedelta(days=3)
    archived.clock.set(later)
    expected = dict.fromkeys(await archived.verified())
    assert expected.keys() >= {str(day) for day in _DAYS}
    assert await archived.found() == expected
    verified = await archived.verified()
    assert all(at is not None and at >= later for at in verified.values())
    assert await archived.found(deep=True) == expected


async def test_what_is_wrong_is_named(archived: Archived) -> None:
    """A lost object, a flipped byte, a byte too few, a stranger: each is told as what it is, and is not verified."""
    lost, flipped, shorter = (archived.file(day) for day in _DAYS)
    lost.unlink()
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    shorter.write_bytes(shorter.read_bytes()[:-1])
    (archived.folder / _FOLDER / "stranger.parquet").write_bytes(b"PAR1")

    assert await archived.found() == {
        lost.stem: Finding.MISSING,
        flipped.stem: Finding.OTHER_BYTES,
        shorter.stem: Finding.OTHER_SIZE,
        "stranger": Finding.FOREIGN,
    } | dict.fromkeys((await archived.verified()).keys() - {str(day) for day in _DAYS})
    assert {name for name, at in (await archived.verified()).items() if at is None} == {str(day) for day in _DAYS}
    assert await archived.found(since=_DAYS[2]) == {shorter.stem: Finding.OTHER_SIZE}

    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    assert (await archived.found(since=_DAYS[1]))[flipped.stem] is None
    assert (await archived.verified())[flipped.stem] is not None


async def test_sessions_that_an_object_does_not_hold_are_told(archived: Archived) -> None:
    """Read deep, an object's sessions are those of the manifest: rows, values, and none more or less."""
    wrong = {
        "UPDATE archived_sessions SET rows = rows - 1 WHERE session_date = $1": _DAYS[0],
        "UPDATE archived_sessions SET hash = repeat('0', 64) WHERE session_date = $1": _DAYS[1],
        "DELETE FROM archived_sessions WHERE session_date = $1": _DAYS[2],
    }
    connection = await asyncpg.connect(archived.db.url)
    for statement, day in wrong.items():
        await connection.execute(statement, day)
    await connection.close()
    assert set((await archived.found()).values()) == {None}
    found = {name: finding for name, finding in (await archived.found(deep=True)).items() if finding}
    assert found == {str(day): Finding.OTHER_SESSIONS for day in _DAYS}
    assert {name for name, at in (await archived.verified()).items() if at is None} == {str(day) for day in _DAYS}


async def test_a_session_that_its_object_lacks_is_archived_anew(archived: Archived, tmp_path: Path) -> None:
    """What the manifest looks for in an object without it is written again, one pass later than that object."""
    connection = await asyncpg.connect(archived.db.url)
    await connection.execute(
        "UPDATE archived_sessions SET object_id = (SELECT object_id FROM archived_sessions WHERE session_date = $1)"
        " WHERE session_date = $2",
        *_DAYS[:2],
    )
    await connection.close()
    lone, owner = str(_DAYS[1]), str(_DAYS[0])
    found = await archived.found(deep=True)
    assert (found[owner], found[lone]) == (Finding.OTHER_SESSIONS, Finding.OTHER_SESSIONS)
    calendar = Calendar.configured(archived.settings)
    first, second, third = [
        await archive_pass.archive(archived.db, archived.place, archived.settings, calendar, root=tmp_path / "work")
        for _ in range(3)
    ]
    assert [Path(one.path).stem for one in first.written] == [owner]
    assert [(Path(one.path).stem, one.hint) for one in first.problems] == [(lone, "run it again")]
    assert [(one.rows, second.problems) for one in second.written] == [(156, [])]
    assert third.due == 0
    assert {name for name, finding in (await archived.found(deep=True)).items() if finding} == {lone}


async def test_a_place_that_is_away_proves_nothing(archived: Archived, tmp_path: Path) -> None:
    """A disk that is not mounted is told as that, and no object is called missing for it."""
    before = await archived.verified()
    archived.folder.rename(tmp_path / "elsewhere")
    with pytest.raises(PlaceUnavailable, match="is not there"):
        await archived.found()
    assert await archived.verified() == before


async def test_a_replaced_object_is_no_fault(archived: Archived) -> None:
    """What another process replaces while it is read back is neither missing nor damaged."""
    [one, *_] = await manifest.objects(archived.db, archived.place.name)
    await manifest.forget(archived.db, one.id)
    (archived.folder / one.path).unlink()
    assert await archive_verification.verify(archived.db, archived.place, [one], archived.clock) == ()


async def test_every_object_has_its_turn(archived: Archived) -> None:
    """Parts begin with what was not read back for the longest time; so many calls as there are parts read them all."""
    seen = []
    for week in (1, 2):
        archived.clock.set(_NOW + timedelta(weeks=week))
        done = await archive_verification.verify_part(archived.db, archived.place, archived.clock, parts=2)
        seen.append({Path(one.path).stem for one in done.verdicts})
    assert len(seen[0]) == len(seen[1]) == 2
    assert seen[0] | seen[1] == (await archived.verified()).keys()
    ended = archived.clock.now()
    none = await archive_verification.verify_part(archived.db, archived.place, archived.clock, parts=2, until=ended)
    assert none.verdicts == ()


async def test_objects_of_a_store_are_fetched(archived: Archived, bucket: Bucket, tmp_path: Path) -> None:
    """From S3, too, every byte is compared; no copy is left behind, and a store that is away calls nothing missing."""
    settings = archived.settings.model_copy(update={"archive": bucket.settings()})
    archived.place = open_place(settings.archive)
    await archive_pass.archive(
        archived.db, archived.place, settings, Calendar.configured(settings), root=tmp_path / "work"
    )
    assert set((await archived.found(deep=True)).values()) == {None}
    flipped = f"{_FOLDER}/{_DAYS[0]}.parquet"
    content = bytearray(archived.file(_DAYS[0]).read_bytes())
    content[100] ^= 1
    (tmp_path / "flipped").write_bytes(content)
    await archived.place.put(flipped, tmp_path / "flipped")
    await archived.place.remove(f"{_FOLDER}/{_DAYS[1]}.parquet")
    found = {name: finding for name, finding in (await archived.found()).items() if finding}
    assert found == {str(_DAYS[0]): Finding.OTHER_BYTES, str(_DAYS[1]): Finding.MISSING}
    assert list(work_folder.default_root().glob("pass-*")) == []
    before = await archived.verified()
    archived.place = open_place(bucket.settings(port=unused_port(), attempts=1, timeout_s=2.0))
    with pytest.raises(PlaceUnavailable):
        await archived.found()
    assert await archived.verified() == before
