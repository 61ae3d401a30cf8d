"""What child programs get to know."""

import subprocess
import sys

import pytest

from collector.machine.child_environment import child_environment


def test_a_child_sees_what_it_needs_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real child's environment: place, language and desktop are ours, nothing else comes along."""
    for name in ("COLLECTOR_NOTIFY__SMTP__PASSWORD", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "CREDENTIALS_DIRECTORY"):
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.setenv("LC_TIME", "he_IL.UTF-8")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1/bus")
    words = "import os; print(*(f'{name}={value}' for name, value in os.environ.items()), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", words], env=child_environment(TZ="UTC"), capture_output=True, text=True, check=True
    )
    seen = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert "s3cret" not in done.stdout
    assert (seen["LC_TIME"], seen["TZ"]) == ("he_IL.UTF-8", "UTC")
    assert seen["DBUS_SESSION_BUS_ADDRESS"] == "unix:path=/run/user/1/bus"
    assert seen["PATH"]


def test_there_is_always_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare environment, such as cron's may be, still finds the system's programs."""
    monkeypatch.delenv("PATH")
    assert "/usr/bin" in child_environment()["PATH"].split(":")
