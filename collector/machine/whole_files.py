"""Files that are there whole or not at all."""

import contextlib
import errno
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_READ_BYTES = 1 << 22


@contextlib.contextmanager
def part(path: Path) -> Iterator[Path]:
    """Make an empty file beside `path`, for its owner's eyes only, to be filled and put there by `settle`.

    It is locked while the block lasts, so that `remove_unless_locked` knows it from one that a power cut left, and is
    gone afterwards.

    Raises:
        FileExistsError: somebody else is at work on it.
    """
    made = path.with_name(f"{path.name}.part")
    file = _locked(made)
    try:
        yield made
    finally:
        made.unlink(missing_ok=True)
        os.close(file)


def _locked(made: Path) -> int:
    """Create a file and lock it, again where somebody who clears up came in between."""
    while True:
        file = os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with contextlib.suppress(OSError):  # a file system without locks: nobody else can lock it either, and spares it
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:
            return file
        os.close(file)


def remove_unless_locked(left: Path) -> None:
    """Remove a part that nobody is at work on.

    Raises:
        OSError: somebody is, or it cannot be removed.
    """
    file = os.open(left, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left.unlink(missing_ok=True)
    finally:
        os.close(file)


def settle(made: Path, path: Path) -> None:
    """Put a file that is complete where it belongs, in one step that a power cut does not undo."""
    sync(made)
    made.replace(path)
    sync(path.parent)


@contextlib.contextmanager
def draft(path: Path) -> Iterator[Path]:
    """Make an empty file beside `path`, for its owner's eyes only, that takes its place when the block ends well.

    Several may be at work on one path at once: the last one's stays.
    """
    handle, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)  # made with mode 0600
    os.close(handle)
    made = Path(name)
    try:
        yield made
        made.replace(path)
    except BaseException:  # Ctrl-C, too, leaves no half-written file
        made.unlink(missing_ok=True)
        raise


def make_folders(top: Path, folder: Path) -> None:
    """Make the folders between one that is there and one below it, for their owner alone, to outlast a power cut."""
    below = [one for one in (folder, *folder.parents) if one != top and one.is_relative_to(top)]
    for one in reversed([one for one in below if not one.is_dir()]):
        one.mkdir(mode=0o700, exist_ok=True)  # somebody else may be as quick
        sync(one.parent)


def sync(path: Path) -> None:
    """Write a file or folder through to its disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        _sync(file)
    finally:
        os.close(file)


def _sync(file: int) -> None:
    """Write through to the disk, but for file systems that cannot be asked to: of read-only disks, some of networks."""
    try:
        os.fsync(file)
    except OSError as exc:
        if exc.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EROFS}:
            raise


def chunks(path: Path) -> Iterator[bytes]:
    """Yield what a file holds, read anew from its disk where the system can do that; what is not written yet is."""
    with path.open("rb") as file:
        _sync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # what memory remembers proves nothing
        while chunk := file.read(_READ_BYTES):
            yield chunk


def sha256(content: Iterable[bytes]) -> str:
    """Return the hash of what is yielded."""
    found = hashlib.sha256()
    for chunk in content:
        found.update(chunk)
    return found.hexdigest()
