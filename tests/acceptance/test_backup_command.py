"""Backups from a person's side: the schedule's window as a command, where backups lie, and what a wrong place says."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector.clock import SystemClock
from collector.db.server import embedded
from collector.db.upkeep import backup_files
from tests.support.command_line import NARROW, home
from tests.support.fixtures_object_store import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Bucket

Capsys = pytest.CaptureFixture[str]
SATURDAY = datetime(2026, 11, 21, 2, 0, tzinfo=ZoneInfo("America/New_York"))


def test_a_backup_by_command(capsys: Capsys, tmp_path: Path) -> None:
    """Without a gateway, a backup lies beside the embedded database; the terminal says which; a wrong place fails."""
    with home(SystemClock(SATURDAY)) as account:
        kept = account.folder / "data/collector/backups"
        done = account.call(capsys, "run", "--window", "backup")
        assert done.code == 0, done.err
        (made,) = backup_files.backups(kept)
        assert made.taken_at.minute < 2
        assert made.path.stat().st_mode & 0o077 == 0
        shown = " ".join(done.out.split())
        assert "OK · backup · Fri 20 Nov 2026 · run 1" in shown
        assert "The backup is made: " in shown
        assert "bars" not in shown
        account.clock.set(SATURDAY.replace(minute=5))  # type: ignore[union-attr]  # it has one
        assert account.call(capsys, "run", "--window", "backup", "--json").document["backup"]["kept"] == 2

        account.clock.set(SATURDAY.replace(hour=3))  # type: ignore[union-attr]  # it has one
        assert account.call(capsys, "db", "backup").out.startswith(str(kept))
        assert len(backup_files.backups(kept)) == 3

        (tmp_path / "file").write_text("no folder")
        wrong = account.call(capsys, "run", "--window", "backup", COLLECTOR_BACKUP__DIRECTORY=str(tmp_path / "file"))
        assert wrong.code == 1
        assert wrong.complaint.startswith("cannot write the backup: ")
        full = account.call(capsys, "run", "--window", "backup", COLLECTOR_BACKUP__RESERVE_GB="1e6")
        assert full.code == 1
        assert "1,000,000.0 GB in reserve are needed" in full.complaint
        assert len(backup_files.backups(kept)) == 3


def test_copies_in_a_store_by_command(capsys: Capsys, tmp_path: Path, bucket: Bucket) -> None:
    """A bucket takes a copy, and gives it back to `db restore`; doctor proves both, and a wrong one is named."""
    with home(SystemClock(SATURDAY)) as account:
        store = {
            "COLLECTOR_BACKUP__COPIES": bucket.url,
            "COLLECTOR_ARCHIVE__PLACE": "s3://no-such-bucket/archive",
            "COLLECTOR_ARCHIVE__S3__ENDPOINT": f"http://127.0.0.1:{bucket.port}",
            "COLLECTOR_ARCHIVE__S3__ACCESS_KEY_ID": ACCESS_KEY_ID,
            "COLLECTOR_ARCHIVE__S3__SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        }
        done = account.call(capsys, "run", "--window", "backup", **store)
        assert done.code == 0, done.err
        assert bucket.url in " ".join(done.out.split())
        (made,) = backup_files.backups(account.folder / "data/collector/backups")
        doctor = account.call(capsys, "doctor", **store)
        assert f"ok  copies         {bucket.url} can be written and read" in doctor.out
        assert "bad archive        s3://no-such-bucket/archive: there is no such bucket" in doctor.out

        elsewhere = {"COLLECTOR_DATABASE__DATA_DIR": str(account.folder / "drill")}
        try:
            url = f"{bucket.url}/{made.path.name}"
            restored = account.call(capsys, "db", "restore", url, **elsewhere, **store)
        finally:
            embedded.stop(account.folder / "drill")
        assert restored.code == 0, restored.err
        assert f"restored {made.path.name}" in restored.out
        assert [one.name for one in made.path.parent.iterdir() if one.name.startswith(".")] == []

        missing = account.call(capsys, "db", "restore", f"{bucket.url}/collector-20200101T000000Z.dump", **store)
        assert missing.code == 1
        assert missing.complaint == f"{bucket.url} has no collector-20200101T000000Z.json"
        wrong = account.call(capsys, "db", "restore", "s3://key:open-sesame@bucket/one.dump", **store)
        assert wrong.code == 2
        assert "open-sesame" not in wrong.err
        for said in (done, doctor, restored, missing, wrong):
            assert SECRET_ACCESS_KEY not in said.out + said.err


def test_copies_by_command(capsys: Capsys, tmp_path: Path) -> None:
    """A copy that fails is said, ends with 3, and leaves the backup; one that is there is restored like any backup."""
    with home(SystemClock(SATURDAY)) as account:
        copies = {"COLLECTOR_BACKUP__COPIES": str(tmp_path / "usb")}
        failed = account.call(capsys, "db", "backup", **copies)
        assert failed.code == 3
        assert failed.complaint == f"the backup is not copied: {tmp_path / 'usb'} is not there"
        assert len(backup_files.backups(account.folder / "data/collector/backups")) == 1
        doctor = account.call(capsys, "doctor", **copies)
        assert f"bad copies         {tmp_path / 'usb'} is not there" in " ".join(doctor.out.split("\n"))
        (tmp_path / "usb").mkdir()
        assert f"ok  copies         {tmp_path / 'usb'} is there" in account.call(capsys, "doctor", **copies).out
        account.clock.set(SATURDAY.replace(minute=5))  # type: ignore[union-attr]  # it has one
        assert account.call(capsys, "db", "backup", **copies).code == 0
        assert account.call(capsys, "db", "backup", str(tmp_path / "once"), **copies).code == 0
        (copied,) = backup_files.backups(tmp_path / "usb")
        drill = account.folder / "drill"
        elsewhere = {"COLLECTOR_DATABASE__DATA_DIR": str(drill)}
        try:
            restored = account.call(capsys, "db", "restore", str(copied.path), **elsewhere)
        finally:
            embedded.stop(drill)
        assert restored.code == 0, restored.err
        assert f"restored {copied.path.name}" in restored.out

        manifest = copied.path.with_suffix(".json")
        manifest.write_text(manifest.read_text().replace(f'"server": "{copied.server}"', '"server": "abc"'))
        damaged = account.call(capsys, "db", "restore", str(copied.path))
        assert damaged.code == 5
        assert damaged.complaint.startswith(f"{copied.path} is no finished backup: its manifest is damaged: server: ")


def test_the_schedule_shows_it(capsys: Capsys) -> None:
    """The backup stands among the coming windows, and does not when it is switched off."""
    with home(SystemClock(SATURDAY)) as account:
        coming = account.call(capsys, "schedule", "show", "--days", "7", "--json").document
        due = [one["due"] for one in coming if one["window"] == "backup"]
        assert due == [f"2026-11-{day}T07:00:00+00:00" for day in (21, 24, 25, 26)]  # Thursday is Thanksgiving
        account.config.write_text(f"{NARROW}\nbackup: {{enabled: false}}\n", encoding="utf-8")
        coming = account.call(capsys, "schedule", "show", "--days", "7", "--json").document
        assert "backup" not in {one["window"] for one in coming}
