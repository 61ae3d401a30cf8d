"""Measure what is stored and how fast it grows."""

import asyncio
import os
import stat
from contextlib import suppress
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from collector.config import Settings
from collector.db.connection.pool import Statements
from collector.db.upkeep import backup_files
from collector.domain.reports.storage_report import StorageReport, StorageSizes
from collector.jobs.alert_facts import disk

_LONG_AGO = timedelta(days=5)
"""Growth is counted from figures that are older: those of a repeated run say nothing."""


async def measure(db: Statements, settings: Settings) -> StorageSizes:
    """Return what is stored now, of the archive what the manifest knows."""
    row = await db.fetchrow("storage_sizes", settings.archive.place) or {}

    def measured() -> StorageSizes:
        free = None
        with suppress(OSError):
            free = disk(settings)[0]
        backups = sum(one.bytes for one in backup_files.backups(settings.backup.path))
        return StorageSizes(**row, backups=backups, logs=_bytes_below(settings.log.path), free=free)

    with db.clock.hold():
        return await asyncio.to_thread(measured)


async def report(db: Statements, settings: Settings, now: datetime) -> StorageReport:
    """Return what is stored now, and what was at least five days ago.

    Args:
        db: the database.
        settings: where everything is.
        now: the current instant.
    """
    sizes, past = await measure(db, settings), await db.fetchrow("past_storage", now - _LONG_AGO)
    if past is None:
        return StorageReport(now=sizes)
    return StorageReport(
        now=sizes, before=_sizes(past["storage"]), elapsed_s=(now - past["completed_at"]).total_seconds()
    )


def _sizes(kept: dict[str, Any]) -> StorageSizes:
    """Return figures as a run's row keeps them; what another version kept beside them is left out."""
    known = {one.name for one in fields(StorageSizes)}
    least = {"database": 0, "raw": 0, "compressed": 0, "aggregates": 0}
    return StorageSizes(**least | {name: value for name, value in kept.items() if name in known})


def _bytes_below(folder: Path) -> int:
    """Return what the files of a folder and of those below it take; links are not followed."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                found = (Path(place) / name).lstat()
                size += found.st_size if stat.S_ISREG(found.st_mode) else 0
    return size
