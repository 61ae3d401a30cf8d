"""Copy a backup into further folders."""

import asyncio
import contextlib
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from collector.clock import Clock
from collector.db.upkeep import backup_files
from collector.db.upkeep.backup import GIGABYTE
from collector.db.upkeep.backup_files import Backup
from collector.domain.errors import BackupError
from collector.machine import whole_files


async def copy(made: Backup, folder: Path, *, keep_days: int | None, clock: Clock, reserve_gb: float = 0.0) -> Backup:
    """Copy a backup into a folder, read the copy back from there and compare it, and prune what is old there.

    The folder has to be there: made anew where its disk is not mounted, it would fill another one.

    Args:
        made: a finished backup.
        folder: where the copy goes.
        keep_days: as for the backup itself; None keeps all copies.
        clock: held meanwhile.
        reserve_gb: what has to stay free on the folder's disk, gigabytes: other things than copies may lie there.

    Returns:
        The copy, its number one that makes it the newest of its folder, which may be older than the backup's.

    Raises:
        BackupError: the folder is not there, lacks room or cannot be written, or the copy is not what it should be.
            Nothing is pruned then, and earlier copies stay.
    """
    given_up = threading.Event()
    with clock.hold():
        work = asyncio.ensure_future(asyncio.to_thread(_copied, made, folder, keep_days, reserve_gb, given_up))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            given_up.set()
            with contextlib.suppress(BackupError):  # a thread cannot be stopped, and must not be left behind
                await work
            raise


def _copied(made: Backup, folder: Path, keep_days: int | None, reserve_gb: float, given_up: threading.Event) -> Backup:
    try:
        _check_room(made, folder, reserve_gb)
        copied = _written(made, folder, given_up)
        backup_files.finish(copied)
        if keep_days is not None:
            backup_files.prune(folder, made.taken_at, timedelta(days=keep_days))
    except OSError as exc:
        raise BackupError(f"{folder} cannot be written: {exc.strerror}", "check that disk and its free space") from exc
    return copied


def _check_room(made: Backup, folder: Path, reserve_gb: float) -> None:
    """Refuse a folder that is not there, and a copy that would fill its disk."""
    if not folder.is_dir():
        raise BackupError(f"{folder} is not there", "mount its disk; a new folder is made once, by hand")
    free = shutil.disk_usage(folder).free
    if free < made.bytes + reserve_gb * GIGABYTE:
        raise BackupError(
            f"{folder} has {free / GIGABYTE:,.1f} GB free; {made.bytes / GIGABYTE:,.1f} GB for the copy and "
            f"{reserve_gb:,.1f} GB in reserve are needed",
            "make room there, or keep fewer (backup.keep_days)",
        )


def _written(made: Backup, folder: Path, given_up: threading.Event) -> Backup:
    """Copy the dump and compare what its new disk gives back."""
    with backup_files.begun(folder, made.taken_at) as (dump, part):
        with part.open("r+b") as file:
            for chunk in _while_wanted(made.path, given_up):
                file.write(chunk)
        whole_files.settle(part, dump)
    content = ""
    try:
        content = whole_files.sha256(_while_wanted(dump, given_up))
    finally:
        if content != made.sha256:
            dump.unlink(missing_ok=True)
    if content != made.sha256:
        raise BackupError(f"{folder} gives back something else than was written", "check that disk")
    return replace(made, path=dump, number=max(made.number, backup_files.next_number(folder)))


def _while_wanted(path: Path, given_up: threading.Event) -> Iterator[bytes]:
    """Yield what a file holds until the copy is given up."""
    for chunk in whole_files.chunks(path):
        if given_up.is_set():
            raise BackupError("the copy was given up")
        yield chunk
