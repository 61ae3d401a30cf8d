"""Room on disks that are nearly full: what may go, in which order, and what never does."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import structlog

from collector.clock import SystemClock
from collector.config import Settings
from collector.config.notify_settings import NotifySettings
from collector.config.operation_settings import LogSettings
from collector.jobs.archiving import work_folder
from collector.jobs.disk import room
from collector.jobs.disk.room import Freed
from tests.support.window_runs import narrow

_NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
_SIZE = 100_000_000
"""Of every file here as the disk sees it: they are sparse."""


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


class Disk:
    """A disk of a few hundred megabytes on which everything below a folder lies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.free_without_files = 0

    def usage(self, _: Path) -> _Usage:
        """Return what `shutil.disk_usage` does."""
        files = [one for one in self.folder.rglob("*") if one.is_file() and not one.is_symlink()]
        used = sum(one.stat().st_size for one in files)
        return _Usage(10**12, used, self.free_without_files - used)

    def has_free(self, free: int) -> None:
        """Let the disk have so much room with the files that are there now."""
        self.free_without_files = 0
        self.free_without_files = free - self.usage(self.folder).free


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Give a disk on which logs, mails and caches lie."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = Disk(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", made.usage)
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings of a collector that sends mails."""
    return narrow(
        "PLTR",
        log=LogSettings(directory=tmp_path / "logs"),
        notify=NotifySettings.model_validate(
            {"smtp": {"host": "mail.example.com", "sender": "a@example.com", "recipients": ["b@example.com"]}}
        ),
    )


def _file(path: Path, days: float) -> Path:
    """Make a file that was written so many days ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(_SIZE)
    at = (_NOW - timedelta(days=days)).timestamp()
    os.utime(path, (at, at))
    return path


def _copy(disk: Disk, digit: str, days: float) -> Path:
    return _file(disk.folder / "cache" / "collector" / "archive" / f"{digit * 64}.parquet", days)


async def _freed(settings: Settings) -> dict[str, int]:
    return {one.kind: one.files for one in await room.make_room(settings, SystemClock(_NOW))}


async def test_nothing_goes_where_there_is_room(disk: Disk, settings: Settings) -> None:
    """With two gigabytes free, the oldest cache, log and mail stay."""
    kept = [_copy(disk, "a", 99), _file(disk.folder / "logs" / "collector-20260101T000000.jsonl", 99)]
    disk.has_free(2 * 10**9)
    assert await _freed(settings) == {}
    assert all(one.exists() for one in kept)


async def test_what_may_go_goes_until_there_is_room(disk: Disk, settings: Settings) -> None:
    """Copies go first, those used longest ago before the others; then old closed logs, then old sent mails."""
    logs, mails = disk.folder / "logs", disk.folder / "logs" / "email_notifications"
    young, old = _copy(disk, "a", 1), _copy(disk, "b", 30)
    closed = _file(logs / "collector-20261101T000000.jsonl.gz", 20)
    mail, page = _file(mails / "20261101T000000Z-eod.eml", 20), _file(mails / "20261101T000000Z-eod.html", 20)
    disk.has_free(2 * 10**9 - 1)
    assert await room.make_room(settings, SystemClock(_NOW)) == (Freed("copies of archived objects", 1, _SIZE),)
    assert [one.exists() for one in (old, young, closed, mail)] == [False, True, True, True]
    disk.has_free(2 * 10**9 - 2 * _SIZE)
    assert await _freed(settings) == {"copies of archived objects": 1, "closed logs": 1}
    disk.has_free(10**9)
    with structlog.testing.capture_logs() as lines:
        assert await _freed(settings) == {"sent mails": 2}
    assert sorted(line["path"] for line in lines if line["event"] == "disk_room_made") == [str(mail), str(page)]
    assert await _freed(settings) == {}


async def test_what_counts_stays_however_full_the_disk_is(disk: Disk, settings: Settings) -> None:
    """Young files, the open log, mails that wait, other people's names, links and where they lead: all stay."""
    logs, mails = disk.folder / "logs", disk.folder / "logs" / "email_notifications"
    copies, elsewhere = disk.folder / "cache" / "collector" / "archive", disk.folder / "elsewhere"
    kept = [
        _file(logs / "collector.jsonl", 30),
        _file(logs / "collector-20261123T000000.jsonl", 1),
        _file(logs / "my-notes.jsonl", 30),
        _file(logs / "collector-by-hand.jsonl", 30),
        *(
            _file(mails / f"20261101T000000Z-eod.{state}.eml", 30)
            for state in ("queued", "deferred", "sending", "refused")
        ),
        _file(mails / "20261101T000000Z-eod.html", 30),
        _file(mails / "20261122T000000Z-eod.eml", 2),
        _file(mails / "A letter of mine.eml", 30),
        _file(mails / "A letter of mine.html", 30),
        _file(copies / "mine.parquet", 300),
        _file(disk.folder / "cache" / "collector" / "XNYS-4.13.2-2000-2030.json", 300),
        _file(elsewhere / f"{'c' * 64}.parquet", 300),
        _file(elsewhere / "collector-20260101T000000.jsonl", 300),
    ]
    for link, target in (
        (copies / f"{'d' * 64}.parquet", kept[-2]),
        (logs / "collector-20260102T000000.jsonl", kept[-1]),
    ):
        link.symlink_to(target)
        kept.append(link)
    disk.has_free(0)
    assert await _freed(settings) == {}
    assert all(one.exists() for one in kept)


async def test_a_folder_that_is_a_link_is_left_alone(disk: Disk, settings: Settings) -> None:
    """Caches that lead elsewhere are somebody else's."""
    target = _file(disk.folder / "elsewhere" / f"{'c' * 64}.parquet", 300)
    caches = disk.folder / "cache" / "collector"
    caches.mkdir(parents=True)
    (caches / "archive").symlink_to(target.parent)
    disk.has_free(0)
    assert await _freed(settings) == {}
    assert target.exists()


async def test_mails_that_nobody_was_sent_stay(disk: Disk, settings: Settings) -> None:
    """Without a mail server the folder is the only place where a mail is read."""
    mail = _file(disk.folder / "logs" / "email_notifications" / "20261101T000000Z-eod.eml", 30)
    disk.has_free(0)
    assert await _freed(narrow("PLTR", log=settings.log)) == {}
    assert mail.exists()


async def test_killed_passes_leave_room(disk: Disk, settings: Settings) -> None:
    """The temporary files of a pass that was killed go; those of one at work stay."""
    with work_folder.work_folder(work_folder.default_root()) as at_work:
        busy = _file(at_work / "period" / "a.parquet", 0)
        left = _file(work_folder.default_root() / "pass-killed" / "b.parquet", 0)
        disk.has_free(0)
        assert await _freed(settings) == {"temporary files": 1}
        assert busy.exists()
        assert not left.exists()


async def test_it_can_be_turned_off(disk: Disk, settings: Settings) -> None:
    """With 0 gigabytes nothing goes."""
    copy = _copy(disk, "a", 99)
    disk.has_free(0)
    off = settings.model_copy(update={"retention": settings.retention.model_copy(update={"make_room_gb": 0.0})})
    assert await _freed(off) == {}
    assert copy.exists()
