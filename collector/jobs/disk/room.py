"""Make room on disks that are nearly full.

What goes can be had again or has served its purpose: temporary files of killed passes, copies of the archive's objects,
closed logs and sent mails older than a week. Data, backups, mails that wait and the open log never go. Only regular
files of this user, under the names that the collector gives them, are removed, and no link is followed.
"""

import asyncio
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import platformdirs
import structlog

from collector.clock import Clock
from collector.config import Settings
from collector.jobs.archiving import work_folder

_GIGABYTE = 10**9
_OLD = timedelta(days=7)
_COPY = re.compile(r"[0-9a-f]{64}\.parquet")
_MAIL = re.compile(r"\d{8}[T-]\S+\.eml")
_UNSENT = (".queued.eml", ".deferred.eml", ".sending.eml", ".refused.eml")
_CLOSED_LOG = re.compile(r"collector-\d{8}T\d{6}(\.\d+)?\.jsonl(\.gz)?")

log = structlog.get_logger()


class Removable(NamedTuple):
    """A file that may go. last_used: when it was written last; of a copy, read."""

    path: Path
    bytes: int
    last_used: datetime


class Freed(NamedTuple):
    """What was removed: files of one kind."""

    kind: str
    files: int
    bytes: int


async def make_room(settings: Settings, clock: Clock) -> tuple[Freed, ...]:
    """Remove what is not needed from disks with less room than `retention.make_room_gb`, until they have as much.

    Each file is in the log. A file that cannot be removed stays, and is no error.

    Args:
        settings: where the files lie, and the room that is wanted.
        clock: tells which are old enough; held meanwhile.

    Returns:
        What was removed, by kind; nothing where there is room.
    """
    with clock.hold():
        return await asyncio.to_thread(_make_room, settings, clock.now())


def _make_room(settings: Settings, now: datetime) -> tuple[Freed, ...]:
    wanted = settings.retention.make_room_gb * _GIGABYTE
    found = []
    passes = work_folder.default_root()
    if _is_short(passes, wanted) and (size := work_folder.clean(passes)):
        log.warning("disk_room_made", kind="temporary files", path=str(passes), bytes=size)
        found.append(Freed("temporary files", 1, size))
    for kind, folder, may_go in (
        ("copies of archived objects", platformdirs.user_cache_path("collector") / "archive", _copies),
        ("closed logs", settings.log.path, _closed_logs(now)),
        ("sent mails", settings.notify.outbox.path(settings.log.path), _sent_mails(now)),
    ):
        if kind == "sent mails" and not settings.notify.smtp.host:
            continue  # nobody has them but this folder
        files, size = _remove(kind, folder, may_go, wanted)
        if files:
            found.append(Freed(kind, files, size))
    return tuple(found)


def _remove(kind: str, folder: Path, may_go: Callable[[Path], Iterator[Removable]], wanted: float) -> tuple[int, int]:
    """Remove files of a folder, those used longest ago first, until its disk has room; return number and size."""
    files = size = 0
    if not _is_short(folder, wanted) or folder.is_symlink() or not folder.is_dir():
        return 0, 0
    for one in sorted(may_go(folder), key=lambda one: one.last_used):
        if not _is_short(folder, wanted):
            break
        try:
            one.path.unlink()
        except OSError as exc:
            log.warning("disk_room_not_made", kind=kind, path=str(one.path), error=str(exc))
            continue
        log.warning("disk_room_made", kind=kind, path=str(one.path), bytes=one.bytes)
        files, size = files + 1, size + one.bytes
    return files, size


def _is_short(folder: Path, wanted: float) -> bool:
    """Tell whether less is free than wanted where a folder is, or would be made."""
    try:
        there = next(one for one in (folder, *folder.parents) if one.exists())
        return shutil.disk_usage(there).free < wanted
    except OSError:
        return False


def _own_files(folder: Path) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
    """Yield the regular files of this user that lie in a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
                yield entry, found


def _copies(folder: Path) -> Iterator[Removable]:
    for entry, found in _own_files(folder):
        if _COPY.fullmatch(entry.name):
            used = max(found.st_atime, found.st_mtime)
            yield Removable(Path(entry.path), found.st_size, datetime.fromtimestamp(used, UTC))


def _closed_logs(now: datetime) -> Callable[[Path], Iterator[Removable]]:
    def may_go(folder: Path) -> Iterator[Removable]:
        yield from (one for one in _written(folder, now) if _CLOSED_LOG.fullmatch(one.path.name))

    return may_go


def _sent_mails(now: datetime) -> Callable[[Path], Iterator[Removable]]:
    """Return what yields mails that were sent, with the pages that show them."""

    def may_go(folder: Path) -> Iterator[Removable]:
        old = {one.path.name: one for one in _written(folder, now)}
        for name, one in old.items():
            if _MAIL.fullmatch(name) and not name.endswith(_UNSENT):
                yield one
                page = f"{name.removesuffix('.eml')}.html"
                if page in old:
                    yield old[page]

    return may_go


def _written(folder: Path, now: datetime) -> Iterator[Removable]:
    """Yield the files of a folder that were written long ago."""
    for entry, found in _own_files(folder):
        written = datetime.fromtimestamp(found.st_mtime, UTC)
        if now - written > _OLD:
            yield Removable(Path(entry.path), found.st_size, written)
