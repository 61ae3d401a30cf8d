"""Objects at the archive's place that are not what the manifest says, and places that are not what they seem."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from collector.archive import contracts_file
from collector.archive.layout import CONTRACTS
from collector.archive.places import open_place
from collector.clock import SystemClock
from collector.config.operation_settings import ArchiveSettings
from collector.db.connection import pool
from collector.domain.errors import ArchiveRefused, PlaceUnavailable
from collector.jobs import archive_verification
from collector.jobs.archive_pass import Step
from tests.integration.test_archive_pass import FOLDER, NOW, Archive
from tests.support.db_rows import FRIDAY, make_chain, rows
from tests.support.window_runs import narrow

_BACKED_UP = ("archive_objects", "archived_sessions", "session_changes", "store.option_bars_5min", "request_coverage")
_COLUMNS = """
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""


@pytest.fixture
async def archive(plain_database_url: str, tmp_path: Path) -> AsyncIterator[Archive]:
    """Give a database with a chain of two contracts, selected on Friday, and a folder for the archive."""
    place = tmp_path / "place"
    place.mkdir()
    settings = narrow("PLTR", archive=ArchiveSettings(place=str(place)))
    clock = SystemClock(NOW)
    async with pool.connect(plain_database_url, clock) as db:
        chain = await make_chain(db, select_from=FRIDAY.day)
        yield Archive(clock, db, chain, open_place(settings.archive), settings, tmp_path)


async def back_up(archive: Archive) -> None:
    """Keep the database's tables as they are."""
    for table in _BACKED_UP:
        await rows(archive.db, f"CREATE TABLE kept_{table.replace('.', '_')} AS TABLE {table}")


async def bring_back(archive: Archive) -> None:
    """Make the database's tables what they were when they were backed up."""
    for table in _BACKED_UP:
        await rows(archive.db, f"DELETE FROM {table}")  # noqa: S608 - names of this file
    for table in _BACKED_UP:
        [(names,)] = await rows(archive.db, _COLUMNS, table)
        kept = f"SELECT {names} FROM kept_{table.replace('.', '_')}"  # noqa: S608 - names of this file
        await rows(archive.db, f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE {kept}")


async def test_an_older_manifest_removes_nothing_newer(archive: Archive) -> None:
    """After a backup is restored, an object that was written since with more bars stays, and this is told."""
    await archive.collect(FRIDAY, slots=40)
    await archive.run()
    await back_up(archive)
    for close, slots in (("1.30", 60), ("1.35", 78)):
        await archive.collect(FRIDAY, close, slots=slots)
        await archive.run()
    newest = archive.stored()[f"{FOLDER}/2026-11-20.parquet"]
    await bring_back(archive)
    await archive.collect(FRIDAY, "1.40", slots=45)
    [problem] = (await archive.run()).problems
    assert "is not the manifest's, and has bars that this database has not" in problem.message
    assert archive.stored()[f"{FOLDER}/2026-11-20.parquet"] == newest


async def test_an_older_manifest_keeps_what_its_leftovers_have_become(archive: Archive) -> None:
    """A path that was to be removed when the backup was taken, and has the session's only object by now, stays."""

    def stop(step: Step) -> None:
        if step is Step.NOTED:
            raise RuntimeError

    await archive.collect(FRIDAY)
    await archive.run()
    await archive.collect(FRIDAY, "1.30")
    with pytest.raises(RuntimeError):
        await archive.run(at_step=stop)
    await back_up(archive)
    await archive.run()
    present = await archive.check()
    await bring_back(archive)
    await archive.drop(FRIDAY)
    await archive.run()
    assert archive.stored().items() >= present.items()


@pytest.mark.parametrize("damage", [Archive.flip, Archive.remove])
async def test_what_was_found_damaged_is_written_anew(archive: Archive, damage: Callable[[Archive, str], None]) -> None:
    """The pass after a verification makes an object again that is not what was written, with the same bytes."""
    await archive.collect(FRIDAY)
    await archive.run()
    before = await archive.check()
    damage(archive, next(iter(before)))
    found = await archive_verification.verify_place(archive.db, archive.place, archive.clock)
    assert [one.path for one in found.wrong] == list(before)
    done = await archive.run()
    assert (done.problems, [one.path for one in done.written]) == ([], list(before))
    assert await archive.check() == before
    assert (await archive.run()).due == 0


async def test_another_databases_archive_stays_as_it_is(archive: Archive) -> None:
    """Where the ids of a place's contracts are others' here, as many bars under the same ids replace nothing."""
    await archive.collect(FRIDAY)
    await archive.run()
    before = archive.stored()
    await rows(archive.db, "DELETE FROM archive_objects")
    await rows(archive.db, "UPDATE option_chains SET contract_symbol = 'SPY' || substr(contract_symbol, 4)")
    await archive.collect(FRIDAY, "7.77")
    with pytest.raises(ArchiveRefused, match="has 2 contracts that this database lacks"):
        await archive.run()
    assert archive.stored() == before


async def test_an_older_manifest_forgets_no_contracts(archive: Archive) -> None:
    """A file of contracts that was written since the backup, with more of them, stays; a damaged one is made again."""
    await archive.collect(FRIDAY)
    await archive.run()
    file = archive.folder / "place" / CONTRACTS
    before = file.read_bytes()
    known = contracts_file.read_contracts(file).to_pylist()
    contracts_file.write_contracts(file, [*known, {**known[0], "contract_id": 7, "contract_symbol": "another"}])
    await rows(archive.db, "UPDATE option_contract_lifecycle SET last_seen = last_seen + 1")
    with pytest.raises(ArchiveRefused, match="has 1 contracts that this database lacks"):
        await archive.run()
    assert contracts_file.read_contracts(file).num_rows == len(known) + 1
    file.write_bytes(before[:-9])
    assert (await archive.run()).contracts
    assert contracts_file.read_contracts(file).num_rows == len(known)


async def test_a_new_place_without_the_old_objects_is_told(archive: Archive) -> None:
    """A session that the database has dropped is not written as an empty one where another place has its bars."""
    await archive.collect(FRIDAY)
    await archive.run()
    await archive.drop(FRIDAY)
    place = archive.folder / "new"
    place.mkdir()
    archive.place = open_place(ArchiveSettings(place=str(place)))
    [problem] = (await archive.run()).problems
    assert f"no bars of PLTR on 2026-11-20 any more, and {archive.folder / 'place'} has 156" in problem.message
    assert not (place / FOLDER).exists()


async def test_an_empty_mount_point_is_not_the_place(archive: Archive) -> None:
    """Where the folder is there and its disk is not, nothing is written, and the objects stay in the manifest."""
    await archive.collect(FRIDAY)
    await archive.run()
    known = await archive.listed()
    place = archive.folder / "place"
    place.rename(archive.folder / "disk")
    place.mkdir()
    await archive.collect(FRIDAY, "1.30")
    with pytest.raises(PlaceUnavailable, match="has none of the 2 objects that were written there"):
        await archive.run()
    assert (archive.stored(), await archive.listed()) == ({}, known)
