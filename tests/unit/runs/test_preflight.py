"""What is looked at before a run, without a gateway or a database."""

from pathlib import Path

from collector.runs import preflight


def test_an_archive_on_the_databases_disk_is_a_warning(tmp_path: Path) -> None:
    """A folder beside the data, which may not be made yet, is told; another disk, a bucket or a server are not."""
    place, data = tmp_path / "archive", tmp_path / "data" / "postgres"
    place.mkdir()
    found = preflight.archive(str(place), data)
    assert (found.ok, found.finding) == (True, f"{place} can be written and read, and is on the disk of the database")
    assert "let archive.place name another disk" in found.hint
    of_the_system = "/dev"  # a file system of its own
    for name, beside in ((of_the_system, data), ("s3://bars/archive", data), (str(place), None)):
        told = preflight.archive(name, beside)
        assert (told.ok, told.finding, told.hint) == (True, f"{name} can be written and read", "")
