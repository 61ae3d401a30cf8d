"""Figures of disks, files and the process, for metrics."""

import asyncio
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from collector.clock import Clock
from collector.config import Settings
from collector.db.upkeep import backup_files
from collector.notify.channels.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk, in bytes. free: to this user."""

    size: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What lies beside the tables.

    disks: by what they hold, `database` where the embedded one is used, and `logs`. last_backup: when the newest
    finished one was taken, None without one. mails_waiting: to be sent; mails_set_aside: which no server will take.
    """

    disks: Mapping[str, Disk]
    last_backup: datetime | None
    mails_waiting: int
    mails_set_aside: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """This process. cpu_s: seconds of all its threads, user's and system's; resident_bytes: its memory."""

    cpu_s: float
    resident_bytes: int
    started_s: float

    @classmethod
    def this(cls) -> "Process":
        """Look at it."""
        one = psutil.Process()
        used = one.cpu_times()
        return cls(cpu_s=used.user + used.system, resident_bytes=one.memory_info().rss, started_s=one.create_time())


async def look(settings: Settings, clock: Clock) -> Machine:
    """Look at the disks and at what lies in files; what cannot be read is left out."""
    with clock.hold():
        return await asyncio.to_thread(_look, settings)


def _look(settings: Settings) -> Machine:
    folders = {"logs": settings.log.path}
    if settings.database.embedded:
        folders["database"] = settings.database.data_path
    outbox = Outbox(settings.notify.outbox.path(settings.log.path))
    backup = None
    with suppress(OSError):
        backup = backup_files.latest(settings.backup.path)
    return Machine(
        disks={what: disk for what, folder in sorted(folders.items()) if (disk := _disk(folder)) is not None},
        last_backup=backup,
        mails_waiting=len(outbox.waiting()) if settings.notify.smtp.host else 0,
        mails_set_aside=len(outbox.set_aside()),
    )


def _disk(folder: Path) -> Disk | None:
    """Return the disk on which a folder is, or would be made."""
    try:
        found = shutil.disk_usage(next(one for one in (folder, *folder.parents) if one.exists()))
    except OSError:
        return None
    return Disk(found.total, found.free)
