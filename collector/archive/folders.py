"""A folder of this machine as a place for objects."""

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from collector.archive.places import CHECK, StoredObject, checked
from collector.domain.errors import ArchiveError, ObjectMissing, PlaceRefused, PlaceUnavailable
from collector.machine import whole_files

ResultT = TypeVar("ResultT")

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_RIGHT = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_OF_THE_DISK = "lost+found"
"""What file systems keep at their top; nobody but root may look into it."""


class Folder:
    """Objects as files below a folder, for its owner's eyes only.

    The folder has to be there: made anew where its disk is not mounted, it would fill another one. Folders below it are
    made. Links are not followed: what they lead to is somebody else's.

    Args:
        top: the folder; it may itself be a link.
    """

    def __init__(self, top: Path) -> None:
        self._top = top
        self._cleared = False

    @property
    def name(self) -> str:
        """Return the folder's path."""
        return str(self._top)

    async def put(self, path: str, file: Path) -> None:
        """Store a file's content: written beside the old one, then through to the disk, then in its place."""
        await self._done(lambda: self._put(path, file))

    async def fetch(self, path: str, file: Path) -> None:
        """Write an object's content into a file."""
        await self._done(lambda: self._fetch(path, file))

    async def sha256(self, path: str) -> str:
        """Return the hash of what the disk gives back for an object."""
        return await self._done(lambda: whole_files.sha256(whole_files.chunks(self._present(path))))

    async def remove(self, path: str) -> None:
        """Remove an object; one that is not there is gone."""
        await self._done(lambda: self._remove(path))

    async def objects(self, prefix: str = "") -> tuple[StoredObject, ...]:
        """Return the objects whose names begin with a prefix, by name; hidden files and links are none."""
        return await self._done(lambda: tuple(self._objects(prefix)))

    def local(self, path: str) -> Path | None:
        """Return where an object's file is, or would be."""
        return self._top / checked(path)

    async def _done(self, work: Callable[[], ResultT]) -> ResultT:
        """Work in a thread, which is waited for whatever happens: it must not go on behind its caller's back."""
        task = asyncio.ensure_future(asyncio.to_thread(self._named, work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise

    def _named(self, work: Callable[[], ResultT]) -> ResultT:
        if not self._top.is_dir():
            raise PlaceUnavailable(f"{self.name} is not there", "mount its disk; a new folder is made once, by hand")
        try:
            return work()
        except OSError as exc:
            if isinstance(exc, ArchiveError):  # PlaceUnavailable is an OSError, too
                raise
            raise self._failure(exc) from exc

    def _failure(self, exc: OSError) -> ArchiveError:
        message = f"{exc.filename or self.name}: {exc.strerror or exc}"
        if exc.errno in _NO_RIGHT:
            return PlaceRefused(message, f"let the user who runs the collector write below {self.name}")
        if exc.errno in _NO_ROOM:
            return PlaceUnavailable(message, f"make room on the disk of {self.name}")
        return PlaceUnavailable(message, f"check the disk of {self.name}")

    def _put(self, path: str, file: Path) -> None:
        target = self._target(path)
        if not self._cleared:
            self._clear()
        whole_files.make_folders(self._top, target.parent)
        with self._alone(target), whole_files.part(target) as made:
            shutil.copyfile(file, made)
            whole_files.settle(made, target)

    @contextlib.contextmanager
    def _alone(self, target: Path) -> Iterator[None]:
        try:
            yield
        except FileExistsError:
            raise PlaceUnavailable(
                f"{target} is being written by somebody else", "let one program write the archive at a time"
            ) from None

    def _fetch(self, path: str, file: Path) -> None:
        target = self._present(path)
        with whole_files.draft(file) as made:
            shutil.copyfile(target, made)

    def _present(self, path: str) -> Path:
        """Return an object's file, which is there."""
        target = self._target(path)
        if not target.is_file():
            raise ObjectMissing(self.name, path)
        return target

    def _remove(self, path: str) -> None:
        target = self._target(path)
        with contextlib.suppress(FileNotFoundError):
            target.unlink()
            whole_files.sync(target.parent)

    def _objects(self, prefix: str) -> Iterator[StoredObject]:
        found = (StoredObject(file.relative_to(self._top).as_posix(), file.stat().st_size) for file in self._files())
        yield from sorted((one for one in found if one.path.startswith(prefix) and one.path != CHECK), key=_by_path)

    def _files(self, *, parts: bool = False) -> Iterator[Path]:
        """Yield the files of objects, or those that are not complete."""
        for folder, below, names in os.walk(self._top, onerror=_raised):
            below[:] = [one for one in below if not one.startswith(".") and one != _OF_THE_DISK]
            files = (Path(folder) / name for name in names if not name.startswith("."))
            yield from (file for file in files if (file.suffix == ".part") is parts and not file.is_symlink())

    def _clear(self) -> None:
        """Remove what killed writers left; what somebody is at work on stays."""
        for left in self._files(parts=True):
            with contextlib.suppress(OSError):
                whole_files.remove_unless_locked(left)
        self._cleared = True

    def _target(self, path: str) -> Path:
        """Return an object's file.

        Raises:
            PlaceRefused: a link stands on the way, which may lead out of the folder.
        """
        target = self._top / checked(path)
        below = [one for one in (target, *target.parents) if one != self._top and one.is_relative_to(self._top)]
        for one in below:
            if one.is_symlink():
                raise PlaceRefused(f"{one} is a link, which the archive does not follow", "replace it by what it names")
        return target


def _by_path(one: StoredObject) -> str:
    return one.path


def _raised(error: OSError) -> None:
    raise error
