"""Desktop notifications: texts are arguments of a program, whatever they hold."""

import json
import sys
from pathlib import Path

import pytest

from collector.clock import SystemClock
from collector.notify.channels import desktop
from collector.notify.channels.desktop import DesktopUnavailable, command

EVIL = '"; do shell script "rm -rf ~" -- $(id) `id`\nsecond line'


def _program(directory: Path, name: str, then: str) -> Path:
    """Put a real program of that name on the path; it notes its arguments."""
    path = directory / name
    said = directory / "said"
    lines = (f"#!{sys.executable}", "import json, sys", f"json.dump(sys.argv[1:], open({str(said)!r}, 'w'))", then)
    path.write_text("\n".join(lines))
    path.chmod(0o755)
    return path


def test_macos_gets_a_fixed_script_and_the_texts_as_arguments() -> None:
    """Nothing of a title or text becomes AppleScript."""
    words = command("title", EVIL, urgent=True, platform="darwin")

    assert words[0] == "osascript"
    assert words[-3:] == ("--", "title", EVIL.replace("\n", " "))
    assert [words[i + 1] for i, word in enumerate(words) if word == "-e"] == [
        "on run argv",
        "display notification (item 2 of argv) with title (item 1 of argv)",
        "end run",
    ]


def test_linux_options_end_before_the_texts() -> None:
    """A title that looks like an option is a title."""
    words = command("--urgency=low", "text", urgent=True, platform="linux")

    assert words == ("notify-send", "--urgency=critical", "--app-name=collector", "--", "--urgency=low", "text")


def test_other_platforms_say_so() -> None:
    """A platform without a known way is a named error."""
    with pytest.raises(DesktopUnavailable, match="win32"):
        command("a", "b", urgent=False, platform="win32")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="notify-send is Linux's")
async def test_the_program_gets_exactly_the_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real process is started, without a shell in between, and with nothing secret in its environment."""
    _program(tmp_path, "notify-send", "import os; json.dump(dict(os.environ), open(sys.argv[0] + '.environ', 'w'))")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setenv("COLLECTOR_NOTIFY__SMTP__PASSWORD", "s3cret")

    await desktop.notify("title", EVIL, SystemClock())

    said = json.loads((tmp_path / "said").read_text())
    assert said[-2:] == ["title", EVIL.replace("\n", " ")]
    environ = json.loads((tmp_path / "notify-send.environ").read_text())
    assert environ["DISPLAY"] == ":7"
    assert "s3cret" not in environ.values()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="notify-send is Linux's")
async def test_a_program_that_fails_is_a_named_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words are passed on; one that is not there says so."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DesktopUnavailable, match="not installed"):
        await desktop.notify("a", "b", SystemClock())

    _program(tmp_path, "notify-send", "sys.stderr.write('no bus'); sys.exit(1)")
    with pytest.raises(DesktopUnavailable, match="no bus"):
        await desktop.notify("a", "b", SystemClock())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="notify-send is Linux's")
async def test_a_program_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A desktop that does not answer costs a bounded time."""
    _program(tmp_path, "notify-send", "import time; time.sleep(60)")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(desktop, "_TIME_LIMIT_S", 0.3)

    with pytest.raises(DesktopUnavailable, match="did not answer"):
        await desktop.notify("a", "b", SystemClock())
