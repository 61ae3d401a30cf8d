"""The units as systemd itself reads them, and the command that writes them."""

import dataclasses
import re
import shutil
import subprocess
import sys
from datetime import time
from pathlib import Path

import pytest
import yaml

from collector.app import installation
from collector.app.installation import Kind, Places
from collector.config import Settings
from collector.config.package_files import resource
from collector.domain.errors import UsageError

ANALYZE = shutil.which("systemd-analyze")
SYSTEMD = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")

ALL_ON = Settings.model_validate({"windows": {"pre_market": {"enabled": True}, "afternoon": {"enabled": True}}})

BETWEEN_THE_CLOCK_CHANGES = "2026-10-30 12:00:00 UTC"
"""A Friday; Israel has been on winter time since the 25th, New York will be from Sunday on."""

NEXT_UTC = {
    BETWEEN_THE_CLOCK_CHANGES: {
        "pre_market": "Mon 2026-11-02 11:30:00",  # 06:30 in New York, winter by then
        "morning": "Fri 2026-10-30 14:00:00",
        "midday": "Fri 2026-10-30 16:30:00",
        "afternoon": "Fri 2026-10-30 18:30:00",
        "expiry_check": "Fri 2026-10-30 19:00:00",
        "eod": "Fri 2026-10-30 20:45:00",  # 22:45 in Israel
        "late_night": "Fri 2026-10-30 23:00:00",  # Saturday 01:00 in Israel
        "gap_check": "Mon 2026-11-02 06:00:00",
        "chain_refresh": "Sun 2026-11-01 23:00:00",  # 18:00 in New York, whose clocks changed that morning
        "weekly": "Sat 2026-10-31 10:00:00",
        "daily_bars": "Fri 2026-10-30 21:30:00",  # 17:30 in New York
        "backup": "Sat 2026-10-31 06:00:00",  # 02:00 in New York
    },
    "2026-11-02 12:00:00 UTC": {  # winter in both
        "pre_market": "Tue 2026-11-03 11:30:00",
        "morning": "Mon 2026-11-02 15:00:00",
        "midday": "Mon 2026-11-02 17:30:00",
        "afternoon": "Mon 2026-11-02 19:30:00",
        "expiry_check": "Mon 2026-11-02 20:00:00",
        "eod": "Mon 2026-11-02 21:45:00",  # 23:45 in Israel
        "late_night": "Mon 2026-11-02 23:00:00",
        "gap_check": "Tue 2026-11-03 06:00:00",
        "chain_refresh": "Sun 2026-11-08 23:00:00",
        "weekly": "Sat 2026-11-07 10:00:00",
        "daily_bars": "Mon 2026-11-02 22:30:00",
        "backup": "Tue 2026-11-03 07:00:00",
    },
    "2026-07-01 12:00:00 UTC": {  # a Wednesday, summer in both
        "pre_market": "Thu 2026-07-02 10:30:00",
        "morning": "Wed 2026-07-01 14:00:00",
        "midday": "Wed 2026-07-01 16:30:00",
        "afternoon": "Wed 2026-07-01 18:30:00",
        "expiry_check": "Wed 2026-07-01 19:00:00",
        "eod": "Wed 2026-07-01 20:45:00",
        "late_night": "Wed 2026-07-01 22:00:00",
        "gap_check": "Thu 2026-07-02 05:00:00",
        "chain_refresh": "Sun 2026-07-05 22:00:00",
        "weekly": "Sat 2026-07-04 09:00:00",
        "daily_bars": "Wed 2026-07-01 21:30:00",
        "backup": "Thu 2026-07-02 06:00:00",
    },
}
"""By hand: when each window is due after an instant, UTC."""


def places(folder: Path) -> Places:
    """Return an installation with an odd name, whose command exists."""
    command = folder / "100% mine" / "collector"
    command.parent.mkdir()
    command.write_text("#!/bin/sh\n", encoding="utf-8")
    command.chmod(0o755)
    return Places(
        executable=command,
        config=folder / "config.yaml",
        account="bars",
        uid=1000,
        home=folder,
        logs=folder / "logs",
        writable=(folder / "logs", folder / "share"),
        secrets=folder,
    )


def analyze(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze with the units of a folder, on UTC."""
    environment = {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "TZ": "UTC",
        "SYSTEMD_UNIT_PATH": f"{folder}:",
        "XDG_RUNTIME_DIR": str(folder),
    }
    return subprocess.run(
        [ANALYZE or "", *words], capture_output=True, text=True, check=False, env=environment, timeout=60
    )


@SYSTEMD
@pytest.mark.parametrize("user", [False, True])
def test_systemd_accepts_the_units(tmp_path: Path, user: bool) -> None:
    """`systemd-analyze verify` has nothing to say about any of them, as the system's or a user's."""
    where = places(tmp_path)
    units = tmp_path / "units"
    units.mkdir()
    for name, text in installation.render(Kind.SYSTEMD, ALL_ON, where, user=user).items():
        (units / name).write_text(text, encoding="utf-8")
    names = [
        *(name for name in (path.name for path in units.iterdir()) if "@." not in name),
        *(f"collector@{window}.service" for window in ALL_ON.windows.enabled),
        "collector-failed@collector@eod.service.service",
    ]
    assert len(names) == 3 + 12 + 12 + 1
    scope = ["--user"] if user else []
    done = analyze("verify", "--man=no", *scope, *names, folder=units)
    ours = [line for line in done.stderr.splitlines() if "collector" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


@SYSTEMD
def test_systemd_calls_the_machines_units_safe(tmp_path: Path) -> None:
    """`systemd-analyze security` counts an exposure of 2.5 at most for every service."""
    units = tmp_path / "units"
    units.mkdir()
    texts = installation.render(Kind.SYSTEMD, ALL_ON, places(tmp_path), user=False)
    services = {name.replace("@.", "@eod."): text for name, text in texts.items() if name.endswith(".service")}
    assert len(services) == 4
    for name, text in services.items():
        (units / name).write_text(text, encoding="utf-8")
        done = analyze("security", "--offline=yes", "--threshold=25", "--no-pager", name, folder=units)
        assert done.returncode == 0, done.stdout[-400:] + done.stderr


def test_the_machines_units_do_not_run_as_root(tmp_path: Path) -> None:
    """Their bounding set is empty: root's embedded server could not change to its own user."""
    where = dataclasses.replace(places(tmp_path), account="root")
    with pytest.raises(UsageError, match="cannot run as root"):
        installation.render(Kind.SYSTEMD, ALL_ON, where, user=False)


@SYSTEMD
@pytest.mark.parametrize("instant", NEXT_UTC)
def test_systemd_knows_the_times(tmp_path: Path, instant: str) -> None:
    """Each OnCalendar elapses when the window is due, also between the clock changes of Israel and New York."""
    texts = installation.render(Kind.SYSTEMD, ALL_ON, places(tmp_path), user=False)
    found = {}
    for window in ALL_ON.windows.enabled:
        (expression,) = re.findall(r"^OnCalendar=(.*)$", texts[f"collector@{window}.timer"], flags=re.MULTILINE)
        done = analyze("calendar", f"--base-time={instant}", expression, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        (elapse,) = re.findall(r"Next elapse: (.*) UTC", done.stdout)
        found[str(window)] = elapse
    assert found == NEXT_UTC[instant]


@SYSTEMD
def test_systemd_knows_how_often_to_look(tmp_path: Path) -> None:
    """The timer that looks fires at the next five minutes."""
    text = installation.render(Kind.SYSTEMD, Settings(), places(tmp_path), user=False)["collector-due.timer"]
    (expression,) = re.findall(r"^OnCalendar=(.*)$", text, flags=re.MULTILINE)
    done = analyze("calendar", "--base-time=2026-10-30 12:01:00 UTC", "--iterations=2", expression, folder=tmp_path)
    assert re.findall(r"2026-10-30 (\S+) UTC", done.stdout.partition("Next elapse")[2]) == ["12:05:00", "12:10:00"]


def test_timers_are_what_the_shipped_configuration_says(tmp_path: Path) -> None:
    """Time, days and zone of each timer are those written in config.yaml, read apart from the settings."""
    written = yaml.safe_load(resource("config.yaml").read_text(encoding="utf-8"))["windows"]
    settings = Settings.model_validate({"archive": {"place": "s3://bars/collector"}})  # every window has work then
    texts = installation.render(Kind.SYSTEMD, settings, places(tmp_path), user=False)
    timers = {
        name.removeprefix("collector@").removesuffix(".timer") for name in texts if re.match(r".*@.+\.timer", name)
    }
    assert timers == {window for window, rules in written.items() if rules["enabled"]}
    spans = {"Mon..Fri": "mon tue wed thu fri", "Tue..Sat": "tue wed thu fri sat", "Sun": "sun", "Sat": "sat"}
    for window in timers:
        days, at, zone = re.findall(r"OnCalendar=(\S+) \*-\*-\* (\S+) (\S+)", texts[f"collector@{window}.timer"])[0]
        rules = written[window]
        assert (spans[days].split(), time.fromisoformat(at), zone) == (
            rules["weekdays"],
            time.fromisoformat(rules["time"]),
            rules["zone"],
        )


def collector(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a fresh account without systemctl or launchctl."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("collector")), "schedule", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
        env={"HOME": str(home), "PATH": "", "COLLECTOR_DATABASE__DATA_DIR": "/srv/bars/postgres"},
        timeout=60,
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_the_command_shows_what_it_would_write(tmp_path: Path, kind: Kind) -> None:
    """--dry-run prints every file with its place and writes none; without it, the missing program is named."""
    shown = collector("install", f"--{kind}", "--user", "--dry-run", home=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "run --due" in shown.stdout.replace("</string>\n    <string>", " ")
    assert not (tmp_path / ".config" / "systemd").exists()
    assert not (tmp_path / "Library").exists()
    refused = collector("install", f"--{kind}", "--user", home=tmp_path)
    assert refused.returncode == 2, refused.stderr
    assert f"# {tmp_path}/" in shown.stdout
    assert f"there is no {kind.program} on this machine" in refused.stderr
    nothing = collector("uninstall", f"--{kind}", "--user", "--dry-run", home=tmp_path)
    assert nothing.returncode == 0


def test_options_that_exclude_each_other(tmp_path: Path) -> None:
    """Two kinds at once, and another's account in one's own manager, are usage errors."""
    assert collector("install", "--systemd", "--launchd", "--dry-run", home=tmp_path).returncode == 2
    assert collector("install", "--user", "--account", "nobody", "--dry-run", home=tmp_path).returncode == 2
