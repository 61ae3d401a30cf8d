"""`collector archive export` from a person's side: one file, bars of a day, a catalogue, and wrong calls."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support.archives import spy_archive
from tests.support.command_line import home

Capsys = pytest.CaptureFixture[str]


def test_an_archive_is_copied_without_its_database(capsys: Capsys, tmp_path: Path) -> None:
    """With a folder of archived files and no database at all, each kind of copy is made and says what it holds."""
    spy_archive(tmp_path / "place")
    place = {"COLLECTOR_ARCHIVE__PLACE": str(tmp_path / "place")}
    export = ("archive", "export", "--symbol", "spy")
    with home() as account:
        one = account.call(capsys, *export, "--single", str(tmp_path / "spy.parquet"), **place)
        assert (one.code, one.err) == (0, "")
        assert "300 bars of SPY's options" in one.out
        assert pq.read_metadata(tmp_path / "spy.parquet").num_rows == 300

        days = account.call(capsys, *export, "--single", str(tmp_path / "days.parquet"), "--bars", "day", **place)
        assert "15 bars" in days.out

        into = ("--layout", "nautilus", "--into", str(tmp_path / "catalogue"))
        catalogue = account.call(capsys, *export, *into, **place)
        assert (catalogue.code, catalogue.err) == (0, "")
        assert "of 3 contracts of SPY" in catalogue.out
        assert len(list((tmp_path / "catalogue/data/option_contract").iterdir())) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name one of --single and --layout"),
        (("--single", "a.parquet", "--layout", "nautilus", "--into", "b"), "name one of --single and --layout"),
        (("--layout", "nautilus"), "--layout and --into belong together"),
        (("--single", "absent/a.parquet"), "is not there"),
    ],
)
def test_wrong_calls_say_what_is_meant(words: tuple[str, ...], said: str, capsys: Capsys) -> None:
    """What does not fit together is told before anything is read."""
    with home() as account:
        wrong = account.call(capsys, "archive", "export", "--symbol", "SPY", *words)
    assert wrong.code == 2
    assert said in wrong.err


def test_a_symbol_without_bars_is_told(capsys: Capsys, tmp_path: Path) -> None:
    """The error names the symbol and the place, and no file is made."""
    spy_archive(tmp_path / "place")
    with home() as account:
        words = ("archive", "export", "--symbol", "QQQ", "--single", str(tmp_path / "q.parquet"))
        wrong = account.call(capsys, *words, COLLECTOR_ARCHIVE__PLACE=str(tmp_path / "place"))
    assert wrong.code == 1
    assert "has no option_bars_5min of QQQ" in wrong.err
    assert not (tmp_path / "q.parquet").exists()
