"""Log files that rotate, shrink and age.

One JSON object a line, closed at a size, compressed and deleted at an age.
"""

import gzip
import logging
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from collector.clock import Clock
from collector.machine import private_files


class JsonLinesFile(logging.Handler):
    """Appends one line a record to a file that several processes may share.

    A file that has reached its size is renamed after the instant, and a new one begun; a process whose file was
    renamed by another follows. Times of files are the machine's.

    Args:
        path: the current file. clock: names closed files. rotate_bytes: size at which a file is closed.

    Raises:
        OSError: the directory or file cannot be written.
    """

    def __init__(self, path: Path, clock: Clock, rotate_bytes: int) -> None:
        super().__init__()
        self.path = path
        self._clock = clock
        self._rotate_bytes = rotate_bytes
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._stream: TextIO = self._open()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; what cannot be written is dropped, for a full disk must not end a run by its log."""
        try:
            self._rotate_if_due()
            self._stream.write(self.format(record) + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: a line for a file that was closed
            return

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        super().close()

    def _open(self) -> TextIO:
        return private_files.open_to_append(self.path)

    def _rotate_if_due(self) -> None:
        ours = os.fstat(self._stream.fileno())
        try:
            current = self.path.stat()
            if (current.st_ino, current.st_dev) == (ours.st_ino, ours.st_dev):
                if current.st_size < self._rotate_bytes:
                    return
                self.path.rename(self._closed_name())
        except FileNotFoundError:
            pass
        self._stream.close()
        self._stream = self._open()

    def _closed_name(self) -> Path:
        stem = f"{self.path.stem}-{self._clock.now():%Y%m%dT%H%M%S}"
        names = (stem if n == 0 else f"{stem}.{n}" for n in range(10_000))
        return next(
            place
            for name in names
            if not (place := self.path.with_name(name + self.path.suffix)).exists()
            and not place.with_name(place.name + ".gz").exists()
        )


def closed_files(path: Path) -> tuple[Path, ...]:
    """Return the closed files beside a current one, compressed or not, oldest first by name."""
    return tuple(sorted(path.parent.glob(f"{path.stem}-*{path.suffix}*")))


def tidy(path: Path, now: datetime, compress_after_days: int, keep_days: int) -> None:
    """Compress and delete closed files by the age of their last line; close to others what earlier versions left open.

    Args:
        path: the current file, which is left alone.
        now: aware.
        compress_after_days: age in days.
        keep_days: age in days.
    """
    for file in closed_files(path):
        age = now - datetime.fromtimestamp(file.stat().st_mtime, UTC)
        if age > timedelta(days=keep_days):
            file.unlink(missing_ok=True)
            continue
        private_files.close_to_others(file)
        if file.suffix != ".gz" and age > timedelta(days=compress_after_days):
            _compress(file)


def _compress(file: Path) -> None:
    packed = file.with_name(file.name + ".gz")
    half = packed.with_name(packed.name + ".tmp")
    before = file.stat()
    with file.open("rb") as plain, gzip.open(half, "wb") as target:
        shutil.copyfileobj(plain, target)
    half.chmod(0o600)
    os.utime(half, (before.st_atime, before.st_mtime))
    half.replace(packed)
    file.unlink(missing_ok=True)
