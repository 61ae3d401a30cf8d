"""Folders of what can be had again.

Below the user's folder of caches: copies of the archive's objects, and the working folders of what is being done.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

_WORKING = "work-"
_LOCK = ".lock"
"""In a working folder; locked as long as somebody is at work there."""


def folder() -> Path:
    """Return the collector's folder of caches, which may not be there yet."""
    return platformdirs.user_cache_path("collector")


def archive_copies() -> Path:
    """Return where readers keep copies of the archive's objects, each named by its hash."""
    return folder() / "archive"


@contextlib.contextmanager
def working_folder() -> Iterator[Path]:
    """Make a folder for the length of the block, closed to other users; what a killed process leaves can be told.

    Raises:
        OSError: it cannot be made.
    """
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=_WORKING, dir=folder()))
    try:
        lock = os.open(made / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            with contextlib.suppress(OSError):  # a file system without locks: nobody can tell then, and it stays
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield made
        finally:
            os.close(lock)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def abandoned() -> tuple[Path, ...]:
    """Return the working folders in which nobody is at work any more."""
    found = folder().glob(f"{_WORKING}*")
    return tuple(sorted(one for one in found if one.is_dir() and not one.is_symlink() and _is_abandoned(one)))


def _is_abandoned(made: Path) -> bool:
    try:
        lock = os.open(made / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True
