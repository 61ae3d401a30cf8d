"""A private folder for files that are not archived yet."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

_LOCK = "in-use"
_PREFIX = "pass-"


def default_root() -> Path:
    """Return where such folders lie: in the user's cache, for all of it can be made again."""
    return platformdirs.user_cache_path("collector") / "archive-pass"


@contextlib.contextmanager
def work_folder(root: Path) -> Iterator[Path]:
    """Make a folder for the length of the block, and remove those that killed processes have left.

    Args:
        root: where it lies; made if need be.

    Raises:
        OSError: it cannot be made.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    clean(root)
    folder, lock = _locked(root)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _locked(root: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))  # made with mode 0700
        with contextlib.suppress(FileNotFoundError):  # another process has cleaned up in between
            lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.is_dir():
                return folder, lock
            os.close(lock)


def clean(root: Path) -> int:
    """Remove the folders that nobody works in any more, and return how many bytes they held."""
    freed = 0
    for folder in sorted(root.glob(f"{_PREFIX}*")):
        if folder.is_symlink() or not folder.is_dir():
            continue
        with contextlib.suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                freed += sum(file.lstat().st_size for file in folder.rglob("*"))
                shutil.rmtree(folder)
            finally:
                os.close(lock)
    return freed
