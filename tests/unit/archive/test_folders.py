"""A folder as a place: whole files whatever happens, and nothing outside of it."""

import asyncio
import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from collector.archive.folders import Folder
from collector.archive.places import StoredObject
from collector.domain.errors import PlaceRefused, PlaceUnavailable
from collector.machine import whole_files

PATH = "option_bars_5min/v1/symbol=SPY/2026-11-25.parquet"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """Make the folder of an archive, as its owner does by hand."""
    folder = tmp_path / "usb" / "archive"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """Write the file that is put."""
    file = tmp_path / "new"
    file.write_bytes(b"new")
    return file


def files(top: Path) -> dict[str, bytes]:
    """Return the files below a folder and what they hold."""
    return {str(one.relative_to(top)): one.read_bytes() for one in top.rglob("*") if one.is_file()}


def fill(file: Path, content: bytes) -> None:
    """Write another content into the file that is put, open to everybody."""
    file.write_bytes(content)
    file.chmod(0o666)


def modes(top: Path) -> set[tuple[bool, int]]:
    """Return the modes below a folder, of folders and of files."""
    return {(one.is_dir(), stat.S_IMODE(one.stat().st_mode)) for one in top.rglob("*")}


async def test_what_is_put_is_for_its_owner_alone(top: Path, new: Path) -> None:
    """Files have mode 0600 and folders 0700, whatever the umask and the mode of what was put."""
    fill(new, b"new")
    before = os.umask(0)
    try:
        await Folder(top).put(PATH, new)
    finally:
        os.umask(before)
    assert modes(top) == {(True, 0o700), (False, 0o600)}
    assert Folder(top).local(PATH) == top / PATH


async def test_the_order_that_outlasts_a_power_cut(top: Path, new: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New folders are in their parents for good, then the content on its disk, then the name, which is synced."""
    seen: list[str] = []
    sync, replace = whole_files.sync, Path.replace

    def synced(path: Path) -> None:
        seen.append(f"sync {path.relative_to(top)}")
        sync(path)

    def replaced(self: Path, target: Path) -> Path:
        seen.append(f"rename {self.name} {target.name}")
        return replace(self, target)

    monkeypatch.setattr(whole_files, "sync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    await Folder(top).put("a/b/one", new)
    assert seen == ["sync .", "sync a", "sync a/b/one.part", "rename one.part one", "sync a/b"]


async def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path, new: Path) -> None:
    """Where a disk is not mounted nothing is written in its stead, nor taken for an empty archive."""
    place = Folder(tmp_path / "usb" / "archive")
    (tmp_path / "usb").mkdir()
    for act in (place.put(PATH, new), place.fetch(PATH, new), place.remove(PATH), place.objects()):
        with pytest.raises(PlaceUnavailable, match="/usb/archive is not there") as no:
            await act
        assert "mount its disk" in no.value.hint
    assert files(tmp_path) == {"new": b"new"}
    assert not (tmp_path / "usb" / "archive").exists()


@pytest.mark.parametrize(
    ("number", "error", "what_to_do"),
    [
        (errno.ENOSPC, PlaceUnavailable, "make room on the disk"),
        (errno.EIO, PlaceUnavailable, "check the disk"),
        (errno.EACCES, PlaceRefused, "let the user who runs the collector write"),
        (errno.EROFS, PlaceRefused, "let the user who runs the collector write"),
    ],
)
async def test_a_disk_that_fails(
    top: Path, new: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception], what_to_do: str
) -> None:
    """A put that fails on its way leaves the old object and nothing else, and says what to do."""
    await Folder(top).put(PATH, new)

    def fails(_file: int) -> None:
        raise OSError(number, os.strerror(number))

    fill(new, b"newer")
    monkeypatch.setattr(os, "fsync", fails)
    if number == errno.EROFS:  # what fsync says of read-only disks is no failure; what copying says is
        monkeypatch.setattr(shutil, "copyfile", lambda *_: fails(0))
    with pytest.raises(error, match=os.strerror(number)) as no:
        await Folder(top).put(PATH, new)
    assert what_to_do in getattr(no.value, "hint", "")
    assert files(top) == {PATH: b"new"}


async def test_links_are_not_followed(top: Path, new: Path, tmp_path: Path) -> None:
    """A link as an object or as a folder on the way is refused, and what it leads to stays; it is not listed."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "own").write_bytes(b"somebody's")
    (top / "symbol=SPY").symlink_to(outside)
    (top / "own").symlink_to(outside / "own")
    place = Folder(top)
    for path in ("symbol=SPY/own", "own"):
        for act in (place.put(path, new), place.fetch(path, new), place.remove(path)):
            with pytest.raises(PlaceRefused, match="is a link"):
                await act
    assert await place.objects() == ()
    assert files(outside) == {"own": b"somebody's"}
    assert files(tmp_path)["new"] == b"new"


async def test_the_folder_itself_may_be_a_link(top: Path, new: Path, tmp_path: Path) -> None:
    """Its owner put it there by that name."""
    (tmp_path / "link").symlink_to(top)
    await Folder(tmp_path / "link").put(PATH, new)
    assert await Folder(tmp_path / "link").objects() == (StoredObject(PATH, 3),)
    assert files(top) == {PATH: b"new"}


KILLED_PUT = """
import os, signal, sys
from collector.archive.folders import Folder
from collector.machine import whole_files
from pathlib import Path
import asyncio, shutil
step, top, path, file = sys.argv[1:]
target = {"copy": (shutil, "copyfile"), "settle": (whole_files, "settle"), "rename": (Path, "replace")}[step]
setattr(*target, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
asyncio.run(Folder(Path(top)).put(path, Path(file)))
"""


@pytest.mark.parametrize("step", ["copy", "settle", "rename"])
async def test_what_a_killed_writer_left_is_cleared_by_the_next(top: Path, new: Path, step: str) -> None:
    """SIGKILL at any step leaves the old object; the part goes with the next put, of any object."""
    await Folder(top).put(PATH, new)
    fill(new, b"newer")
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED_PUT, step, top, PATH, new)
    assert await killed.wait() == -signal.SIGKILL
    assert set(files(top)) == {PATH, f"{PATH}.part"}
    assert files(top)[PATH] == b"new"
    assert await Folder(top).objects() == (StoredObject(PATH, 3),)
    await Folder(top).put("another", new)
    assert files(top) == {PATH: b"new", "another": b"newer"}


async def test_what_somebody_is_writing_stays(top: Path, new: Path) -> None:
    """Another program's part is not cleared, and two do not write one object."""
    place = Folder(top)
    with whole_files.part(top / "one") as made:
        await place.put("two", new)
        assert made.exists()
        with pytest.raises(PlaceUnavailable, match="is being written by somebody else"):
            await place.put("one", new)
    await place.put("one", new)
    assert files(top) == {"one": b"new", "two": b"new"}


async def test_what_is_no_object_is_not_listed(top: Path, new: Path) -> None:
    """Hidden files and what file systems keep at their top are nobody's objects."""
    await Folder(top).put(PATH, new)
    (top / ".Trash-1000").mkdir()
    (top / ".Trash-1000" / "one").write_bytes(b"")
    (top / ".DS_Store").write_bytes(b"")
    (top / "lost+found").mkdir()
    (top / "lost+found" / "#12").write_bytes(b"")
    assert await Folder(top).objects() == (StoredObject(PATH, 3),)


async def test_a_put_that_is_cancelled_is_over_when_it_returns(
    top: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing goes on behind the back of who cancelled it: the object is old or new, and stays so."""
    begun, go_on, copyfile = threading.Event(), threading.Event(), shutil.copyfile

    def slowly(source: Path, target: Path) -> None:
        begun.set()
        go_on.wait(30)
        copyfile(source, target)

    monkeypatch.setattr(shutil, "copyfile", slowly)
    work = asyncio.ensure_future(Folder(top).put(PATH, new))
    await asyncio.to_thread(begun.wait, 30)
    work.cancel()
    asyncio.get_running_loop().call_later(0.05, go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await work
    assert files(top) == {PATH: b"new"}


def test_a_folder_needs_no_library() -> None:
    """Opening one imports neither obstore nor pyarrow."""
    code = (
        "import sys; from pathlib import Path; from collector.archive.places import open_place; "
        "from collector.config import ArchiveSettings; open_place(ArchiveSettings(place='/mnt')); "
        "print({'obstore', 'pyarrow'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
