"""Figures of disks, files and the process."""

import asyncio
import os
import shutil
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from collector.app.figures import machine
from collector.app.figures.machine import Disk, Machine, Process
from collector.clock import SystemClock
from collector.config import BackupSettings, DatabaseSettings, LogSettings, NotifySettings, Settings
from collector.config.notify_settings import SmtpSettings
from collector.notify.channels.outbox import Outbox

OWNER = "owner@example.com"


def settings_of(folder: Path, url: str) -> Settings:
    """Return settings whose files lie in a folder, in places that are still to be made; there is a mail server."""
    return Settings(
        database=DatabaseSettings(url=SecretStr(url), data_dir=folder / "postgres"),
        log=LogSettings(directory=folder / "logs"),
        backup=BackupSettings(directory=folder / "backups"),
        notify=NotifySettings(smtp=SmtpSettings(host="localhost", sender=OWNER, recipients=(OWNER,))),
    )


def looked(settings: Settings) -> Machine:
    """Look at the machine."""
    return asyncio.run(machine.look(settings, SystemClock()))


@pytest.mark.parametrize(
    ("url", "holds"), [("embedded", {"database", "logs"}), ("postgresql://somebody@elsewhere/bars", {"logs"})]
)
def test_disks_are_those_that_fill_up(url: str, holds: set[str], tmp_path: Path) -> None:
    """A database elsewhere has no disk here; a folder that is not there yet is measured where it will be."""
    disks = looked(settings_of(tmp_path, url)).disks
    assert disks.keys() == holds
    usage = shutil.disk_usage(tmp_path)
    assert all(one.size == usage.total for one in disks.values())
    assert all(abs(one.free - usage.free) < 10**9 for one in disks.values())


def test_mails_are_counted_by_what_becomes_of_them(tmp_path: Path) -> None:
    """Those that wait, and those that no server will take; sent ones are neither."""
    settings = settings_of(tmp_path, "embedded")
    assert (looked(settings).mails_waiting, looked(settings).mails_set_aside) == (0, 0)
    outbox = Outbox(settings.notify.outbox.path(settings.log.path))
    for name in ("a", "b", "c", "d"):
        outbox.keep(name, b"", "", queue=True)
    assert list(outbox.claim())[:2] == ["a", "b"]
    outbox.refused("a")
    outbox.sent("b")
    outbox.put_back("c")
    outbox.put_back("d")
    assert (looked(settings).mails_waiting, looked(settings).mails_set_aside) == (2, 1)


def test_what_cannot_be_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that does not answer costs its own figures only."""

    def gone(_folder: Path) -> Disk:
        raise OSError("the disk is gone")

    monkeypatch.setattr(shutil, "disk_usage", gone)
    found = looked(settings_of(tmp_path, "embedded"))
    assert (found.disks, found.last_backup, found.mails_waiting) == ({}, None, 0)


def test_the_process_is_this_one() -> None:
    """Its time is its own, its memory a Python's, its beginning in the past."""
    found = Process.this()
    spent = os.times()
    assert 0 < found.cpu_s <= spent.user + spent.system
    assert 10**7 < found.resident_bytes < 10**10
    assert found.started_s < time.time()
