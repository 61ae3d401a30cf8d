"""Backups in a store of objects, on a real S3 server: copied, compared, pruned by the rule that holds for folders."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.archive.places import open_place
from collector.clock import SystemClock
from collector.db.upkeep import backup_files, backup_stores
from collector.db.upkeep.backup_files import Backup
from collector.domain.errors import BackupError
from collector.machine import whole_files
from tests.support.fault_proxy import FaultProxy
from tests.support.fixtures_object_store import SECRET_ACCESS_KEY, Bucket

AT = datetime(2026, 11, 20, 7, tzinfo=UTC)
CLOCK = SystemClock()


def made(folder: Path, at: datetime = AT, content: bytes = b"dump" * 3_000_000) -> Backup:
    """Write a backup of a dozen megabytes, more than goes in one part."""
    folder.mkdir(exist_ok=True)
    path = backup_files.fresh(folder, at)
    path.write_bytes(content)
    number = len(backup_files.backups(folder)) + 1
    one = Backup(path, at, len(content), "15.20", None, "none", "0008", 15, number, whole_files.sha256([content]))
    backup_files.finish(one)
    return one


async def names(bucket: Bucket) -> list[str]:
    """Return the names of what lies in the bucket."""
    return [one.path for one in await open_place(bucket.settings()).objects()]


async def kept(bucket: Bucket, folder: Path) -> tuple[Backup, ...]:
    """Return what a person has who downloads everything: the backups of a folder."""
    place = open_place(bucket.settings())
    for name in await names(bucket):
        await place.fetch(name, folder / name)
    return backup_files.backups(folder)


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """Make the folder into which a person downloads."""
    (tmp_path / "downloads").mkdir()
    return tmp_path / "downloads"


async def copy(one: Backup, bucket: Bucket, *, keep_days: int | None = 30) -> Backup:
    """Copy a backup as the schedule does."""
    return await backup_stores.copy(one, open_place(bucket.settings()), keep_days=keep_days, clock=CLOCK)


async def test_a_copy_is_a_backup(bucket: Bucket, tmp_path: Path, downloads: Path) -> None:
    """What is downloaded is the dump with its manifest, byte for byte."""
    one = made(tmp_path / "kept")
    copied = await copy(one, bucket)
    assert await names(bucket) == [one.path.name, one.path.with_suffix(".json").name]
    (found,) = await kept(bucket, downloads)
    assert found == replace(copied, path=downloads / one.path.name) == replace(one, path=found.path)
    backup_files.check_content(found)


async def test_copies_are_pruned_like_backups(bucket: Bucket, tmp_path: Path, downloads: Path) -> None:
    """The newest seven stay, older ones go when they are old, a damaged manifest's dump and other objects stay."""
    place = open_place(bucket.settings())
    (tmp_path / "picture").write_text("a picture")
    await place.put("holiday.jpg", tmp_path / "picture")
    await place.put("collector-20260101T000000Z.json", tmp_path / "picture")
    await place.put("collector-20260101T000000Z.dump", tmp_path / "picture")
    for day in range(10):
        await copy(made(tmp_path / "kept", AT + timedelta(days=day), b"small"), bucket)
    await copy(made(tmp_path / "kept", AT + timedelta(days=400), b"small"), bucket)
    assert [one.number for one in await kept(bucket, downloads)] == [5, 6, 7, 8, 9, 10, 11]
    assert {"holiday.jpg", "collector-20260101T000000Z.dump"} <= set(await names(bucket))
    assert len(await names(bucket)) == 3 + 2 * 7


async def test_a_store_that_outlives_the_backups_keeps_the_newest(
    bucket: Bucket, tmp_path: Path, downloads: Path
) -> None:
    """On a new machine numbers begin anew; in the store they go on."""
    for day in range(8):
        await copy(made(tmp_path / "old machine", AT + timedelta(days=day), b"old"), bucket)
    for day in range(20, 23):
        await copy(made(tmp_path / "new machine", AT + timedelta(days=day), b"new"), bucket, keep_days=1)
    found = await kept(bucket, downloads)
    assert [one.path.read_bytes() for one in found] == [b"old"] * 4 + [b"new"] * 3


async def test_another_backup_of_that_name_stays(bucket: Bucket, tmp_path: Path, downloads: Path) -> None:
    """Two machines that share a store do not overwrite each other's."""
    await copy(made(tmp_path / "one", content=b"one"), bucket)
    await copy(made(tmp_path / "two", content=b"two"), bucket)
    assert {one.path.read_bytes() for one in await kept(bucket, downloads)} == {b"one", b"two"}


async def test_a_copy_that_is_not_what_it_should_be_goes(bucket: Bucket, tmp_path: Path, downloads: Path) -> None:
    """What is read back decides: it is removed, nothing is pruned, and earlier copies stay."""
    await copy(made(tmp_path / "kept", AT - timedelta(days=60), b"earlier"), bucket)
    one = made(tmp_path / "kept")
    one.path.write_bytes(b"X" + one.path.read_bytes()[1:])
    with pytest.raises(BackupError, match="gives back something else than was written"):
        await copy(one, bucket)
    assert [found.path.read_bytes() for found in await kept(bucket, downloads)] == [b"earlier"]
    assert len(await names(bucket)) == 2


async def test_a_copy_that_breaks_off_is_none(bucket: Bucket, tmp_path: Path, downloads: Path) -> None:
    """Cut in mid-dump, the copy is a failure that names the store and no key; the next one is good."""
    one = made(tmp_path / "kept")
    async with FaultProxy(("127.0.0.1", bucket.port)) as proxy:
        place = open_place(bucket.settings(port=proxy.port, attempts=1))
        proxy.drop_after(up=6_000_000)
        with pytest.raises(BackupError, match=f"{bucket.url} cannot be reached, or the line to it broke off") as no:
            await backup_stores.copy(one, place, keep_days=30, clock=CLOCK)
    assert SECRET_ACCESS_KEY not in repr(no.value) + no.value.hint
    assert await names(bucket) == []
    await copy(one, bucket)
    assert len(await kept(bucket, downloads)) == 1


async def test_what_was_left_without_manifest_goes_after_two_days(bucket: Bucket, tmp_path: Path) -> None:
    """A collector that was killed between dump and manifest leaves a dump that counts for nothing."""
    place = open_place(bucket.settings())
    (tmp_path / "half").write_bytes(b"half")
    for day in (17, 19):
        await place.put(f"collector-202611{day}T070000Z.dump", tmp_path / "half")
    one = made(tmp_path / "kept", content=b"small")
    await copy(one, bucket)
    assert await names(bucket) == [
        "collector-20261119T070000Z.dump",
        one.path.name,
        one.path.with_suffix(".json").name,
    ]
    assert json.loads(backup_files.written(one))["path"] == one.path.name


async def test_what_only_resembles_a_dump_stays(bucket: Bucket, tmp_path: Path) -> None:
    """Names that no backup of the collector has are somebody else's, however old they look."""
    place = open_place(bucket.settings())
    (tmp_path / "mine").write_bytes(b"mine")
    others = ("collector-20250101T000000Z-before-the-move.dump", "collector-20250101T000000Z.d/rows.dump")
    for name in others:
        await place.put(name, tmp_path / "mine")
    await copy(made(tmp_path / "kept", content=b"small"), bucket)
    assert set(others) <= set(await names(bucket))
