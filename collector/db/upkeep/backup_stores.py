"""Copy a backup into a store of objects."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from collector.clock import Clock
from collector.db.upkeep import backup_files
from collector.db.upkeep.backup_files import Backup
from collector.domain.errors import ArchiveError, BackupError

_ABANDONED = timedelta(days=2)
"""A dump without manifest that is older than this is nobody's work any more."""


class Stored(Protocol):
    """An object of a store: its name and its size."""

    @property
    def path(self) -> str:
        """Return its name."""

    @property
    def bytes(self) -> int:
        """Return its size."""


class Store(Protocol):
    """Where a backup is copied to; every method raises ArchiveError where it cannot."""

    @property
    def name(self) -> str:
        """Return its URL, without credentials."""

    async def put(self, path: str, file: Path) -> None:
        """Store a file's content under a name, whole or not at all."""

    async def fetch(self, path: str, file: Path) -> None:
        """Write an object's content into a file."""

    async def sha256(self, path: str) -> str:
        """Return the hash of what the store gives back."""

    async def remove(self, path: str) -> None:
        """Remove an object; one that is not there is gone."""

    async def objects(self, prefix: str = "") -> Sequence[Stored]:
        """Return the objects whose names begin with a prefix."""


async def copy(made: Backup, store: Store, *, keep_days: int | None, clock: Clock) -> Backup:
    """Copy a backup into a store, read the copy back and compare it, and prune what is old there.

    Args:
        made: a finished backup.
        store: where the copy goes: the dump, then its manifest.
        keep_days: as for the backup itself; None keeps all copies.
        clock: held meanwhile.

    Returns:
        The copy, its number one that makes it the newest of its store; its path is its name there.

    Raises:
        BackupError: the store cannot be reached or refuses, or the copy is not what it should be. Nothing is pruned
            then, and earlier copies stay.
    """
    with clock.hold():
        try:
            return await _copied(made, store, keep_days)
        except ArchiveError as exc:
            raise BackupError(exc.message, exc.hint) from exc


async def _copied(made: Backup, store: Store, keep_days: int | None) -> Backup:
    sizes = {one.path: one.bytes for one in await store.objects("collector-")}
    kept = await _backups(store, sizes)
    name = backup_files.free_name(made.taken_at, sizes)
    number = max((made.number, *(one.number + 1 for one in kept)))
    copied = replace(made, path=Path(name), number=number)
    try:
        await store.put(name, made.path)
        content = await store.sha256(name)
    except ArchiveError:
        await _without(store, name)
        raise
    if content != made.sha256:
        await _without(store, name)
        raise BackupError(f"{store.name} gives back something else than was written", "check that store")
    with tempfile.TemporaryDirectory(prefix="collector-") as folder:
        manifest = Path(folder) / "manifest"
        manifest.write_text(backup_files.written(copied), encoding="utf-8")
        await store.put(_manifest(name), manifest)
    if keep_days is not None:
        await _prune(store, sizes, (*kept, copied), made.taken_at, timedelta(days=keep_days))
    return copied


async def _without(store: Store, name: str) -> None:
    """Remove a copy that is not good, where that can be done: without manifest it counts for nothing anyway."""
    try:
        await store.remove(name)
    except ArchiveError:
        return


async def _backups(store: Store, sizes: dict[str, int]) -> tuple[Backup, ...]:
    """Return the finished backups of a store, oldest first, as `backup_files.backups` does."""
    found = []
    with tempfile.TemporaryDirectory(prefix="collector-") as folder:
        for name, size in sizes.items():
            if name.endswith(".dump") and _manifest(name) in sizes:
                file = Path(folder) / "manifest"
                await store.fetch(_manifest(name), file)
                one = _parsed(file, name)
                found += [one] if one is not None and one.bytes == size else []
    return backup_files.in_order(found)


def _parsed(manifest: Path, name: str) -> Backup | None:
    try:
        return backup_files.parsed(manifest.read_text(encoding="utf-8"), Path(name))
    except (ValueError, TypeError, RecursionError):
        return None  # a dump whose manifest is damaged is nobody's to remove


async def _prune(
    store: Store, sizes: dict[str, int], kept: Sequence[Backup], now: datetime, kept_for: timedelta
) -> None:
    for one in backup_files.outlived(backup_files.in_order(kept), now, kept_for):
        await store.remove(_manifest(one.path.name))
        await store.remove(one.path.name)
    for name in sizes:
        taken = backup_files.instant(name)
        if taken and _manifest(name) not in sizes and now - taken > _ABANDONED:
            await store.remove(name)


def _manifest(dump: str) -> str:
    return f"{dump.removesuffix('.dump')}.json"
