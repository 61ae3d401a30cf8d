"""Copies of a backup: what lies in the other folder, and what is refused, undone and left alone there."""

import asyncio
import contextlib
import errno
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.clock import SystemClock
from collector.db.upkeep import backup_copies, backup_files
from collector.db.upkeep.backup_files import Backup
from collector.domain.errors import BackupError
from collector.machine import whole_files

AT = datetime(2026, 11, 20, 7, tzinfo=UTC)
CLOCK = SystemClock()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Give the folder for copies, made by its owner."""
    folder = tmp_path / "usb" / "collector"
    folder.mkdir(parents=True)
    return folder


def made(folder: Path, at: datetime = AT, content: bytes = b"dump" * 3_000_000) -> Backup:
    """Write a backup of a dozen megabytes, more than is copied at once."""
    folder.mkdir(exist_ok=True)
    path = backup_files.fresh(folder, at)
    path.write_bytes(content)
    number = len(backup_files.backups(folder)) + 1
    digest = whole_files.sha256([content])
    one = Backup(path, at, len(content), "15.20", None, "none", "0008", 15, number, digest)
    backup_files.finish(one)
    return one


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def copy(one: Backup, folder: Path, keep_days: int | None = 30) -> Backup:
    """Copy a backup as the schedule does."""
    return await backup_copies.copy(one, folder, keep_days=keep_days, clock=CLOCK)


async def test_a_copy_is_a_backup(tmp_path: Path, elsewhere: Path) -> None:
    """A copy is the dump with its manifest, byte for byte, for its owner's eyes only."""
    one = made(tmp_path / "kept")
    copied = await copy(one, elsewhere)
    assert backup_files.backups(elsewhere) == (copied,)
    assert copied.path == elsewhere / one.path.name
    for name in (one.path.name, one.path.with_suffix(".json").name):
        assert (elsewhere / name).read_bytes() == (one.path.parent / name).read_bytes()
        assert (elsewhere / name).stat().st_mode & 0o777 == 0o600
    assert len(_names(elsewhere)) == 2


async def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """Where a disk is not mounted nothing is written in its stead."""
    one = made(tmp_path / "kept")
    with pytest.raises(BackupError, match=r"/usb/collector is not there") as no:
        await copy(one, tmp_path / "usb" / "collector")
    assert "mount its disk" in no.value.hint
    assert not (tmp_path / "usb").exists()


async def test_what_cannot_be_written_is_a_failure(tmp_path: Path, elsewhere: Path) -> None:
    """A file in the folder's place, or a name that is taken by a folder, is told; nothing is left behind."""
    one = made(tmp_path / "kept")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(BackupError, match="/file is not there"):
        await copy(one, tmp_path / "file")
    (elsewhere / f"{one.path.stem}.json.part").mkdir()
    assert (await copy(one, elsewhere)).path.name == f"{one.path.stem}-2.dump"


async def test_a_disk_that_gives_back_something_else_is_found(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read back from the copy decides: a copy that differs goes, and earlier ones stay."""
    kept = await copy(made(tmp_path / "kept", AT - timedelta(days=60)), elsewhere, keep_days=None)
    settle = whole_files.settle

    def flip(part: Path, path: Path) -> None:
        settle(part, path)
        if path.suffix == ".dump":
            with path.open("r+b") as file:
                file.seek(9_000_000)
                file.write(b"X")

    monkeypatch.setattr(whole_files, "settle", flip)
    with pytest.raises(BackupError, match="gives back something else than was written"):
        await copy(made(tmp_path / "kept"), elsewhere)
    assert backup_files.backups(elsewhere) == (kept,)
    assert len(_names(elsewhere)) == 2


@pytest.mark.parametrize(("number", "copied"), [(errno.EINVAL, 1), (errno.EIO, 0), (errno.ENOSPC, 0)])
async def test_a_disk_that_cannot_be_asked_to_write_through(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, number: int, copied: int
) -> None:
    """Where a file system knows no fsync the hash has to do; one that fails there is told, and nothing stays of it."""
    one = made(tmp_path / "kept")

    def fails(_file: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fails)
    with contextlib.nullcontext() if copied else pytest.raises(BackupError, match="usb/collector cannot be written: "):
        await copy(one, elsewhere)
    monkeypatch.undo()
    assert len(backup_files.backups(elsewhere)) == copied
    assert len(_names(elsewhere)) == 2 * copied


async def test_copies_are_pruned_like_backups(tmp_path: Path, elsewhere: Path) -> None:
    """The newest seven stay, older ones go when they are old; other files are nobody's to remove."""
    (elsewhere / "holiday.jpg").write_text("a picture")
    for day in range(10):
        await copy(made(tmp_path / "kept", AT + timedelta(days=day), b"small"), elsewhere)
    await copy(made(tmp_path / "kept", AT + timedelta(days=400), b"small"), elsewhere)
    assert [kept.number for kept in backup_files.backups(elsewhere)] == [5, 6, 7, 8, 9, 10, 11]
    assert (elsewhere / "holiday.jpg").exists()


async def test_a_folder_that_outlives_the_backups_keeps_the_newest(tmp_path: Path, elsewhere: Path) -> None:
    """On a new machine numbers begin anew; in the old folder of copies they go on, and the newest seven stay."""
    for day in range(10):
        await copy(made(tmp_path / "old machine", AT + timedelta(days=day), b"old"), elsewhere)
    for day in range(20, 24):
        await copy(made(tmp_path / "new machine", AT + timedelta(days=day), b"new"), elsewhere, keep_days=1)
    kept = [one.path.read_bytes() for one in backup_files.backups(elsewhere)]
    assert kept == [b"old"] * 3 + [b"new"] * 4


async def test_a_copy_leaves_room_for_what_else_is_on_its_disk(tmp_path: Path, elsewhere: Path) -> None:
    """A database on the same disk must not stop for want of room: what would fill it is not begun."""
    one = made(tmp_path / "kept", content=b"small")
    free_gb = shutil.disk_usage(elsewhere).free / 1e9
    with pytest.raises(BackupError, match="in reserve are needed") as no:
        await backup_copies.copy(one, elsewhere, keep_days=30, clock=CLOCK, reserve_gb=free_gb + 1)
    assert "make room" in no.value.hint
    assert _names(elsewhere) == []
    await backup_copies.copy(one, elsewhere, keep_days=30, clock=CLOCK, reserve_gb=free_gb / 2)


async def test_another_backup_of_that_name_stays(tmp_path: Path, elsewhere: Path) -> None:
    """Two machines that share a folder do not overwrite each other's."""
    first, second = made(tmp_path / "one", content=b"one"), made(tmp_path / "two", content=b"two")
    await copy(first, elsewhere)
    await copy(second, elsewhere)
    assert {kept.path.read_bytes() for kept in backup_files.backups(elsewhere)} == {b"one", b"two"}


async def test_a_copy_that_is_given_up_leaves_nothing(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the time is up the copy ends at once, not when it is done, and is gone."""
    one = made(tmp_path / "kept")
    begun, go_on, chunks = threading.Event(), threading.Event(), whole_files.chunks

    def slowly(path: Path) -> Iterator[bytes]:
        for chunk in chunks(path):
            yield chunk
            begun.set()
            go_on.wait(30)

    monkeypatch.setattr(whole_files, "chunks", slowly)
    work = asyncio.ensure_future(copy(one, elsewhere))
    await asyncio.to_thread(begun.wait, 30)
    work.cancel()
    asyncio.get_running_loop().call_later(0.05, go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await work
    assert _names(elsewhere) == []
