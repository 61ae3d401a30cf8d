"""`collector notify preview`: any mail as a file, named and placed so that a person finds it."""

from pathlib import Path

import pytest

from collector.notify.reports import examples, report_files
from collector.notify.reports.example_mails import Example
from tests.support.command_line import Home, home

SAYS = {
    Example.SUCCESS: "eod · Fri 20 Nov 2026",
    Example.INTRADAY: "morning · Fri 20 Nov 2026",
    Example.PARTIAL: "pacing violation",
    Example.IMPLAUSIBLE: "Do not trust Fri 20 Nov",
    Example.FAILED: "This error was not foreseen",
    Example.PREFLIGHT_FAILED: "refuses the connection",
    Example.AT_WORK: "gateway away since",
    Example.HELD_UP: "What held it up",
    Example.RECOVERY: "It works again",
    Example.GAP_FILL: "gap fill · Tue 17 Nov 2026 to Thu 19 Nov 2026",
    Example.WEEKLY: "Mon 16 Nov 2026 – Fri 20 Nov 2026",
}


def previewed(account: Home, capsys: pytest.CaptureFixture[str], *words: str) -> Path:
    """Return the file that a preview has written."""
    done = account.call(capsys, "notify", "preview", "--into", str(account.folder), *words)
    assert done.code == 0, done.err
    return Path(done.out.strip())


def test_every_kind_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    """Success by default; each file is named after what it shows, and lies where it was wanted."""
    with home(COLLECTOR_NOTIFY__PICTURES="false") as account:  # how they look is another test's
        for kind, words in SAYS.items():
            file = previewed(account, capsys, "--example", kind)
            assert file == account.folder.resolve() / f"mail-example-{kind}.html"
            assert words in file.read_text(encoding="utf-8")
        assert previewed(account, capsys).name == "mail-example-success.html"
    assert set(SAYS) == set(Example)


def test_the_mail_of_the_last_run(capsys: pytest.CaptureFixture[str]) -> None:
    """`--latest` shows the last one that is filed, `--run` any; two of them at once are refused."""
    with home() as account:
        account.more["COLLECTOR_LOG__DIRECTORY"] = str(account.folder / "logs")
        for report in (examples.failed(), examples.gap_fill()):
            report_files.keep(account.folder / "logs", report)
        latest = previewed(account, capsys, "--latest")
        assert latest.name == "mail-run-1842-gap_fill-2026-11-20.html"
        assert "/runs/1842" in latest.read_text(encoding="utf-8")
        one = previewed(account, capsys, "--run", "1841")
        assert one.name == "mail-run-1841-eod-2026-11-20.html"
        both = account.call(capsys, "notify", "preview", "--latest", "--example", "weekly")
        assert (both.code, both.complaint) == (2, "--run, --latest and --example are three mails")
        nowhere = account.call(capsys, "notify", "preview", "--into", str(account.folder / "none"))
        assert (nowhere.code, "cannot write" in nowhere.complaint) == (2, True)
