"""Backups as files: which is the newest, which may go, and what a damaged manifest says."""

import hashlib
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.db.upkeep import backup_files
from collector.db.upkeep.backup_files import Backup
from collector.domain.errors import DatabaseError
from collector.machine import whole_files

NOVEMBER = datetime(2026, 11, 1, 7, tzinfo=UTC)
MONTH = timedelta(days=30)


def made(folder: Path, at: datetime, content: bytes = b"dump") -> Backup:
    """Write a backup that was taken at an instant, as the collector numbers it."""
    path = backup_files.fresh(folder, at)
    path.write_bytes(content)
    number = max((kept.number for kept in backup_files.backups(folder)), default=0) + 1
    digest = hashlib.sha256(content).hexdigest()
    one = Backup(path, at, len(content), "15.20", None, "none", "0008", 15, number, digest, "1.2", {"symbols": ["SPY"]})
    backup_files.finish(one)
    return one


def unnumbered(backup: Backup) -> None:
    """Make of a manifest what earlier versions wrote."""
    manifest = backup.path.with_suffix(".json")
    facts = json.loads(manifest.read_text())
    later = {"number", "sha256", "collector", "configuration"}
    manifest.write_text(json.dumps({key: value for key, value in facts.items() if key not in later}))


def days(folder: Path) -> list[int]:
    """Return the days of the month of the backups in a folder, oldest backup first."""
    return [kept.taken_at.day for kept in backup_files.backups(folder)]


def test_a_manifest_says_what_was_written(tmp_path: Path) -> None:
    """What is read is what was written; dump and manifest are for their owner's eyes only."""
    one = made(tmp_path, NOVEMBER)
    assert backup_files.read(one.path) == one
    assert json.loads(one.path.with_suffix(".json").read_text())["configuration"] == {"symbols": ["SPY"]}
    assert one.path.with_suffix(".json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("year", [2000, 2027, 2099])
def test_a_clock_that_is_wrong_for_a_morning_removes_nothing_of_the_newest(tmp_path: Path, year: int) -> None:
    """Whatever year the clock says, the six backups before stay beside the new one; a right one is then the newest."""
    for day in range(6):
        made(tmp_path, NOVEMBER + timedelta(days=day))
    wrong = made(tmp_path, datetime(year, 1, 1, 7, tzinfo=UTC))
    backup_files.prune(tmp_path, wrong.taken_at, MONTH)
    assert days(tmp_path) == [1, 2, 3, 4, 5, 6, 1]
    right = made(tmp_path, NOVEMBER + timedelta(days=7))
    backup_files.prune(tmp_path, right.taken_at, MONTH)
    assert backup_files.latest(tmp_path) == right.taken_at


@given(st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1)), max_size=12))  # noqa: DTZ001 - made aware below
def test_the_newest_seven_stay_whatever_the_clock_says(
    tmp_path_factory: pytest.TempPathFactory, clocks: list[datetime]
) -> None:
    """Backups whose dates are anything at all: after each, the seven that were made last are there."""
    folder = tmp_path_factory.mktemp("kept")
    paths = []
    for at in clocks:
        one = made(folder, at.replace(tzinfo=UTC))
        paths.append(one.path)
        backup_files.prune(folder, one.taken_at, MONTH)
        assert [kept.path for kept in backup_files.backups(folder)][-7:] == paths[-7:]


def test_what_is_old_goes(tmp_path: Path) -> None:
    """Beyond the newest seven, what is older than a month goes, and what is younger stays."""
    for day in (0, 1, 2, *range(33, 40)):
        made(tmp_path, NOVEMBER + timedelta(days=day))
    backup_files.prune(tmp_path, NOVEMBER + timedelta(days=31), MONTH)
    assert days(tmp_path) == [2, 3, *range(4, 11)]
    assert len(list(tmp_path.iterdir())) == 2 * 9


def test_backups_without_number_are_the_oldest(tmp_path: Path) -> None:
    """What an earlier version made comes before what is numbered, in the order of its dates."""
    for at in (datetime(2030, 1, 5, tzinfo=UTC), datetime(2030, 1, 4, tzinfo=UTC)):
        unnumbered(made(tmp_path, at))
    new = made(tmp_path, NOVEMBER)
    assert (new.number, days(tmp_path)) == (1, [4, 5, 1])
    assert backup_files.latest(tmp_path) == NOVEMBER


def test_two_made_at_once_have_two_names(tmp_path: Path) -> None:
    """A clock that was set back, or a second backup within the second, overwrites nothing."""
    first, second, third = (made(tmp_path, NOVEMBER, content) for content in (b"one", b"two", b"three"))
    names = [first.path.name, second.path.name, third.path.name]
    assert names == [f"collector-20261101T070000Z{more}.dump" for more in ("", "-2", "-3")]
    assert [kept.path.read_bytes() for kept in backup_files.backups(tmp_path)] == [b"one", b"two", b"three"]
    with whole_files.part(backup_files.fresh(tmp_path, NOVEMBER)):
        assert backup_files.fresh(tmp_path, NOVEMBER).name == "collector-20261101T070000Z-5.dump"


def test_two_with_one_number_both_stay(tmp_path: Path) -> None:
    """Backups that were at work at once may have counted alike: both are there, in the order of their dates."""
    first, second = made(tmp_path, NOVEMBER + timedelta(hours=1)), made(tmp_path, NOVEMBER)
    backup_files.finish(replace(second, number=first.number))
    assert [kept.path for kept in backup_files.backups(tmp_path)] == [second.path, first.path]


def test_what_a_power_cut_left_goes_and_what_is_at_work_stays(tmp_path: Path) -> None:
    """An unfinished dump is removed unless somebody writes it still, however old the clock says that it is."""
    left = tmp_path / "collector-20261101T070000Z.dump.part"
    left.write_bytes(b"half")
    with whole_files.part(tmp_path / "collector-20261101T080000Z.dump") as at_work:
        os.utime(at_work, (0, 0))
        backup_files.prune(tmp_path, NOVEMBER + MONTH, MONTH)
        assert list(tmp_path.iterdir()) == [at_work]
        assert at_work.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_that_cannot_be_written_leaves_no_dump(tmp_path: Path) -> None:
    """Where the manifest fails, a full disk for instance, the dump goes, too: nobody else would ever remove it."""
    one = made(tmp_path, NOVEMBER)
    other = replace(one, path=tmp_path / "collector-20261102T070000Z.dump")
    other.path.write_bytes(b"dump")
    other.path.with_suffix(".json.part").write_text("somebody else's")
    with pytest.raises(OSError, match="exists"):
        backup_files.finish(other)
    assert not other.path.exists()
    assert one.path.exists()


DAMAGED = {
    "server": '"abc"',
    "taken_at": '"2026-11-01T07:00:00"',
    "bytes": '"many"',
    "program": "-1",
    "number": "1.5",
    "revision": "null",
    "extension": "[]",
    "configuration": '"SPY"',
}


@pytest.mark.parametrize("key", DAMAGED)
def test_a_damaged_value_is_one_line_and_its_dump_stays(tmp_path: Path, key: str) -> None:
    """A value of the wrong kind is named in one line; what it belongs to is no backup, and is never removed."""
    one = made(tmp_path, NOVEMBER)
    manifest = one.path.with_suffix(".json")
    facts = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**facts, key: json.loads(DAMAGED[key])}))
    refuses(one.path, f"its manifest is damaged: {key}: ")


@pytest.mark.parametrize("content", [b"", b"[]", b"7", b"\xff\xfe", b"[" * 200_000, b"{}", b'{"path": 1', b"9" * 5000])
def test_a_damaged_manifest_is_one_line_and_its_dump_stays(tmp_path: Path, content: bytes) -> None:
    """Whatever the file holds: one line, no backup, and never removed."""
    one = made(tmp_path, NOVEMBER)
    one.path.with_suffix(".json").write_bytes(content)
    refuses(one.path, "its manifest is damaged: ")


def refuses(dump: Path, words: str) -> None:
    """See that a backup is refused in one line, counts for nothing and is not removed."""
    with pytest.raises(DatabaseError) as no:
        backup_files.read(dump)
    assert no.value.message.startswith(f"{dump} is no finished backup: {words}")
    assert "\n" not in no.value.message
    assert len(no.value.message) < 400
    assert backup_files.backups(dump.parent) == ()
    for day in range(1, 9):
        made(dump.parent, NOVEMBER + timedelta(days=day))
    backup_files.prune(dump.parent, NOVEMBER + timedelta(days=400), MONTH)
    assert dump.exists()
    assert dump.with_suffix(".json").exists()


def test_a_dump_without_manifest_says_so(tmp_path: Path) -> None:
    """A dump that was copied without its manifest is refused with the manifest's name."""
    one = made(tmp_path, NOVEMBER)
    one.path.with_suffix(".json").unlink()
    with pytest.raises(DatabaseError, match=r"collector-20261101T070000Z\.json: No such file") as no:
        backup_files.read(one.path)
    assert "the .json file that was written beside it" in no.value.hint


def test_a_later_manifest_may_say_more(tmp_path: Path) -> None:
    """Keys that a later version adds are no damage."""
    one = made(tmp_path, NOVEMBER)
    manifest = one.path.with_suffix(".json")
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "host": "vault"}))
    assert backup_files.read(one.path) == one


def test_a_dump_that_has_rotted_is_found(tmp_path: Path) -> None:
    """The same size with one bit turned is not what the manifest says; without a hash only the size can be compared."""
    one = made(tmp_path, NOVEMBER, b"A dump")
    backup_files.check_content(one)
    one.path.write_bytes(b"a dump")
    with pytest.raises(DatabaseError, match="does not hold what its manifest says"):
        backup_files.check_content(backup_files.read(one.path))
    unnumbered(one)
    backup_files.check_content(backup_files.read(one.path))


@pytest.mark.parametrize(
    ("server", "major"),
    [("15.20", 15), ("18beta2", 18), ("17rc1", 17), ("16devel", 16), ("15.20 (Debian 15.20)", 15)],
)
def test_the_major_version_of_any_server(tmp_path: Path, server: str, major: int) -> None:
    """Releases, betas and what a distribution adds have a major version."""
    assert replace(made(tmp_path, NOVEMBER), server=server).major == major


def test_a_backup_from_the_future_is_none(tmp_path: Path) -> None:
    """What a wrong clock has dated years ahead must not count as made for years."""
    now = NOVEMBER + timedelta(days=3)
    made(tmp_path, datetime(2027, 6, 1, 7, tzinfo=UTC))
    told = f"the latest backup in {tmp_path} is dated 2027-06-01 07:00 UTC, which is still to come"
    assert backup_files.missing(tmp_path, NOVEMBER, now) == told
    made(tmp_path, NOVEMBER + timedelta(days=2))
    assert backup_files.missing(tmp_path, NOVEMBER, now) is None
    assert backup_files.missing(tmp_path, now, now) == f"the latest backup in {tmp_path} is 24 hours old"
