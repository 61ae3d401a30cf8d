"""Whole files: what is left when the work on one is broken off, and what happens to leftovers."""

import contextlib
import os
import stat
from pathlib import Path

import pytest

from collector.machine import whole_files


def test_a_part_becomes_the_file_in_one_step(tmp_path: Path) -> None:
    """Until it is settled the earlier content is there; afterwards the part is gone."""
    path = tmp_path / "one"
    path.write_bytes(b"earlier")
    with whole_files.part(path) as made:
        made.write_bytes(b"later")
        assert (path.read_bytes(), stat.S_IMODE(made.stat().st_mode)) == (b"earlier", 0o600)
        whole_files.settle(made, path)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("one", b"later")]


def test_a_part_that_is_broken_off_leaves_what_was_there(tmp_path: Path) -> None:
    """An error on the way leaves the earlier content, and no part."""
    path = tmp_path / "one"
    path.write_bytes(b"earlier")
    with contextlib.suppress(KeyboardInterrupt), whole_files.part(path) as made:
        made.write_bytes(b"half")
        raise KeyboardInterrupt
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("one", b"earlier")]


def test_only_parts_that_nobody_works_on_are_removed(tmp_path: Path) -> None:
    """A part whose writer lives is locked, and stays; what a killed one left goes; a link is not followed."""
    left, aim = tmp_path / "left.part", tmp_path / "aim"
    left.touch()
    aim.write_bytes(b"somebody's")
    with whole_files.part(tmp_path / "one") as made:
        with pytest.raises(BlockingIOError):
            whole_files.remove_unless_locked(made)
        with pytest.raises(FileExistsError), whole_files.part(tmp_path / "one"):
            pass
        assert made.exists()
    whole_files.remove_unless_locked(left)
    (tmp_path / "link.part").symlink_to(aim)
    with pytest.raises(OSError, match=r"link\.part"):
        whole_files.remove_unless_locked(tmp_path / "link.part")
    assert aim.read_bytes() == b"somebody's"
    assert not left.exists()


def test_drafts_of_one_file_at_once(tmp_path: Path) -> None:
    """Two may be at work on one file; the one that ends last is there, and no draft."""
    path = tmp_path / "one"
    with whole_files.draft(path) as first, whole_files.draft(path) as second:
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("one", b"first")]


def test_folders_are_made_below_one_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is closed to others and written through, its parent with it; the top one is never made."""
    synced: list[str] = []
    sync = whole_files.sync

    def noted(path: Path) -> None:
        synced.append(path.name)
        sync(path)

    monkeypatch.setattr(whole_files, "sync", noted)
    before = os.umask(0)
    try:
        (tmp_path / "top").mkdir()
        whole_files.make_folders(tmp_path / "top", tmp_path / "top" / "a" / "b")
    finally:
        os.umask(before)
    assert synced == ["top", "a"]
    assert {stat.S_IMODE((tmp_path / "top" / one).stat().st_mode) for one in ("a", "a/b")} == {0o700}
    with pytest.raises(FileNotFoundError):
        whole_files.make_folders(tmp_path / "away", tmp_path / "away" / "a")
    assert not (tmp_path / "away").exists()
