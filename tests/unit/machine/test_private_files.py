"""Private files: how they are written, and how exposed ones are told."""

import os
import stat
from pathlib import Path

import pytest

from collector.machine import private_files


def mode(path: Path) -> int:
    """Return what may be done with a file, and by whom."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _open_umask() -> object:
    """Run under a umask that closes nothing."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_file_is_written_whole_for_its_owner_alone(tmp_path: Path) -> None:
    """It replaces what was there, mode included, and leaves no draft; the folder that it needed is closed, too."""
    path = tmp_path / "mails" / "one.eml"
    private_files.write(path, b"first")
    path.chmod(0o644)
    private_files.write(path, b"second")
    assert path.read_bytes() == b"second"
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert [one.name for one in path.parent.iterdir()] == ["one.eml"]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    """A folder in the file's place is an error, and no draft stays behind."""
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="taken"):
        private_files.write(tmp_path / "taken", b"content")
    assert [one.name for one in tmp_path.iterdir()] == ["taken"]


def test_a_file_to_append_to_is_closed_from_then_on(tmp_path: Path) -> None:
    """A new one has mode 0600; one of an earlier version gets it, and keeps its lines."""
    path = tmp_path / "log"
    path.write_text("earlier\n")
    assert mode(path) == 0o666
    with private_files.open_to_append(path) as file:
        file.write("later – später\n")
    assert (mode(path), path.read_text(encoding="utf-8")) == (0o600, "earlier\nlater – später\n")
    private_files.open_to_append(tmp_path / "new").close()
    assert mode(tmp_path / "new") == 0o600


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601])
def test_a_file_that_others_can_touch_is_exposed(tmp_path: Path, bits: int) -> None:
    """Any bit of others is one too many, and the words say which command takes it away."""
    path = tmp_path / "secret"
    path.touch()
    path.chmod(bits)
    assert private_files.exposure(path) == (f"{path} can be read by other users.", f"chmod 600 {path}")
    path.chmod(0o600)
    assert private_files.exposure(path) is None


def test_a_link_is_as_private_as_where_it_leads(tmp_path: Path) -> None:
    """What is read counts, not the link."""
    path, link = tmp_path / "secret", tmp_path / "link"
    path.touch(mode=0o644)
    link.symlink_to(path)
    assert private_files.exposure(link) is not None
    path.chmod(0o600)
    assert private_files.exposure(link) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_exposed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner can read it, and write into it; under sudo the caller's own files are as good as root's."""
    monkeypatch.delenv("SUDO_UID", raising=False)
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    os.chown(path, 12345, 0)
    found = private_files.exposure(path)
    assert found is not None
    assert found[0] == f"{path} belongs to another user (uid 12345)."
    monkeypatch.setenv("SUDO_UID", "12345")
    assert private_files.exposure(path) is None


def test_a_folder_may_be_listed_but_not_changed(tmp_path: Path) -> None:
    """Whoever can add a file can add a secret; who only sees the names sees no secret."""
    for bits, exposed in ((0o755, False), (0o775, True), (0o1777, True), (0o700, False)):
        tmp_path.chmod(bits)
        assert (private_files.exposure(tmp_path) is not None) is exposed
    tmp_path.chmod(0o700)
