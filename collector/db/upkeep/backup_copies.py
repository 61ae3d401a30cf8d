"""Copy a backup into further folders."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from collector.clock import Clock
from collector.db.upkeep import backup_files
from collector.db.upkeep.backup_files import Backup
from collector.domain.errors import BackupError


async def copy(made: Backup, folder: Path, *, keep_days: int | None, clock: Clock) -> Backup:
    """Copy a backup into a folder, read the copy back from there and compare it, and prune what is old there.

    The folder has to be there: made anew where its disk is not mounted, it would fill another one.

    Args:
        made: a finished backup.
        folder: where the copy goes.
        keep_days: as for the backup itself; None keeps all copies.
        clock: held meanwhile.

    Raises:
        BackupError: the folder is not there or cannot be written, or the copy is not what it should be. Nothing is
            pruned then, and earlier copies stay.
    """
    given_up = threading.Event()
    with clock.hold():
        work = asyncio.ensure_future(asyncio.to_thread(_copied, made, folder, keep_days, given_up))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            given_up.set()
            with contextlib.suppress(BackupError):  # a thread cannot be stopped, and must not be left behind
                await work
            raise


def _copied(made: Backup, folder: Path, keep_days: int | None, given_up: threading.Event) -> Backup:
    try:
        copied = _written(made, folder, given_up)
        backup_files.finish(copied)
        if keep_days is not None:
            backup_files.prune(folder, made.taken_at, timedelta(days=keep_days))
    except OSError as exc:
        raise BackupError(f"{folder} cannot be written: {exc.strerror}", "check that disk and its free space") from exc
    return copied


def _written(made: Backup, folder: Path, given_up: threading.Event) -> Backup:
    """Copy the dump and compare what its new disk gives back."""
    if not folder.is_dir():
        raise BackupError(f"{folder} is not there", "mount its disk; a new folder is made once, by hand")
    with backup_files.begun(folder, made.taken_at) as (dump, part):
        with part.open("r+b") as file:
            for chunk in _while_wanted(made.path, given_up):
                file.write(chunk)
        backup_files.settle(part, dump)
    content = ""
    try:
        content = backup_files.sha256(_while_wanted(dump, given_up))
    finally:
        if content != made.sha256:
            dump.unlink(missing_ok=True)
    if content != made.sha256:
        raise BackupError(f"{folder} gives back something else than was written", "check that disk")
    return replace(made, path=dump)


def _while_wanted(path: Path, given_up: threading.Event) -> Iterator[bytes]:
    """Yield what a file holds until the copy is given up."""
    for chunk in backup_files.chunks(path):
        if given_up.is_set():
            raise BackupError("the copy was given up")
        yield chunk
