"""An error that nobody foresaw: a person gets one line, and is told truly where the traceback is."""

import json
import re
from collections.abc import Iterator
from datetime import date

import pytest

from collector.cli.collect import run
from collector.clock import SystemClock
from tests.support.command_line import Home, home
from tests.support.fixtures_simulator import AFTER_THE_CLOSE

ONE_LINE = "collector: unforeseen error: KeyError: 'planted postgresql://***'\n"
BROKEN = """
from collector.notify.reports import report_files

def broken(*_):
    raise KeyError("planted")

report_files.read = broken
"""
_PASSWORD = "COLLECTOR_DATABASE__PASSWORD"  # noqa: S105 - the variable's name
Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """An account whose next `run` breaks before it begins, and whose processes break when they read a report."""

    def broken(_text: str | None) -> date | None:
        raise KeyError("planted postgresql://me:geheim@db/bars")

    monkeypatch.setattr(run, "day_of", broken)
    with home(SystemClock(AFTER_THE_CLOSE)) as made:
        (made.folder / "sitecustomize.py").write_text(BROKEN)
        made.more["PYTHONPATH"] = str(made.folder)
        made.more["COLLECTOR_LOG__DIRECTORY"] = str(made.folder / "logs")
        yield made


def test_with_a_log_file_the_traceback_is_in_it(account: Home, capsys: Capsys) -> None:
    """A person at a terminal sees one line and the file's name; the file has the traceback."""
    done = account.call(capsys, "run", COLLECTOR_LOG__FORMAT="console")
    file = account.folder / "logs" / "collector.jsonl"
    assert done.code == 1
    assert done.err == f"{ONE_LINE}  Please report it; the traceback is in {file}.\n"
    event = json.loads(file.read_text().splitlines()[-1])
    assert (event["event"], event["level"]) == ("unforeseen_error", "error")
    assert "Traceback" in event["exception"]


def test_a_secret_of_the_configuration_is_masked_in_the_one_line(account: Home, capsys: Capsys) -> None:
    """What nobody foresaw may quote anything: what is known to be secret is cut out by its value."""
    done = account.call(capsys, "run", COLLECTOR_LOG__FORMAT="console", **{_PASSWORD: "planted"})
    assert done.err.startswith("collector: unforeseen error: KeyError: '*** postgresql://***'\n")


def test_without_a_log_file_the_hint_shows_it(account: Home) -> None:
    """A reading command writes no file: it names the variable that shows the traceback, and the variable does."""
    done = account.on_terminal("report", "run")
    assert done.code == 1
    assert "Traceback" not in done.out
    said, hint = re.sub(r"\x1b\[[0-9;]*m", "", done.out).splitlines()
    assert said.startswith("collector: unforeseen error: ")
    assert hint == "  Please report it; the same command behind COLLECTOR_LOG__FORMAT=json shows the traceback."
    account.more["COLLECTOR_LOG__FORMAT"] = "json"
    again = account.run("report", "run")
    event, said, hint = again.err.splitlines()
    assert "Traceback" in json.loads(event)["exception"]
    assert hint == "  Please report it; the traceback stands above."


def test_asked_to_say_everything_it_does(account: Home, capsys: Capsys) -> None:
    """With --verbose the terminal shows the traceback too."""
    done = account.call(capsys, "run", "--verbose", COLLECTOR_LOG__FORMAT="console", COLLECTOR_LOG__FILES="false")
    assert "Traceback" in done.err
    assert done.err.endswith(f"{ONE_LINE}  Please report it; the traceback stands above.\n")
