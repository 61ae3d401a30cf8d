"""What commands leave behind: closed to other users, whatever the umask, and printed on any terminal."""

import json
import stat
from pathlib import Path

import pytest

from collector.clock import SystemClock
from tests.support.command_line import home
from tests.support.fixtures_simulator import AFTER_THE_CLOSE

_OPEN_UMASK = ("sh", "-c", 'umask 0; exec "$@"', "sh")


def open_to_others(folder: Path) -> dict[str, str]:
    """Return what other users may do with anything in a folder, the folder itself included."""
    found = {path: stat.S_IMODE(path.lstat().st_mode) for path in (folder, *folder.rglob("*"))}
    return {str(path.relative_to(folder)): oct(mode) for path, mode in found.items() if mode & 0o077}


def test_logs_mails_and_reports_are_the_owners_alone() -> None:
    """A run that fails writes all of them; under the most generous umask not one is for others to read."""
    with home(SystemClock(AFTER_THE_CLOSE)) as account:
        done = account.run("run", "--window", "eod", before=_OPEN_UMASK)
        assert done.code == 4, done.err
        logs = account.folder / "state/collector/log"
        written = {path.name if path.stem == "alerts" else path.suffix for path in logs.rglob("*") if path.is_file()}
        assert written >= {".jsonl", ".json", ".eml", ".html", "alerts.json"}
        assert open_to_others(logs) == {}


def test_the_usual_folder_of_an_earlier_version_is_closed_a_chosen_one_is_not() -> None:
    """The folder that nobody chose is narrowed; one that the owner chose keeps its mode, and files in it are closed."""
    with home(SystemClock(AFTER_THE_CLOSE)) as account:
        chosen, usual = account.folder / "chosen", account.folder / "state/collector/log"
        for folder in (chosen, usual):
            folder.mkdir(parents=True)
            folder.chmod(0o755)
            (folder / "collector.jsonl").write_text("")
            (folder / "collector-20261119T000000.jsonl").write_text("{}\n")
        assert account.run("run", "--window", "eod").code == 4
        account.more["COLLECTOR_LOG__DIRECTORY"] = str(chosen)
        assert account.run("run", "--window", "eod").code == 4
        assert stat.S_IMODE(usual.stat().st_mode) == 0o700
        assert open_to_others(chosen) == {".": "0o755"}


@pytest.mark.parametrize(
    "streams",
    [
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii"},
        {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=["latin-1", "ascii", "C"],
)
def test_a_terminal_of_another_encoding_gets_what_it_can_show(streams: dict[str, str]) -> None:
    """What it cannot show is replaced, in tables, summaries and complaints; exit codes and JSON are as ever."""
    with home(SystemClock(AFTER_THE_CLOSE)) as account:
        account.more.update(streams)
        schedule = account.run("schedule", "show")
        assert (schedule.code, schedule.err) == (0, "")
        assert "late_night" in schedule.out
        assert account.run("schedule", "show", "--json").document
        assert account.run("status").code == 0
        failed = account.run("run", "--window", "eod")
        assert failed.code == 4
        assert "Traceback" not in failed.err
        assert "unforeseen" not in failed.err
        assert "?" in failed.out  # the summary has dashes and dots that none of these encodings has
        assert all(json.loads(line) for line in failed.err.splitlines() if line.startswith("{"))
