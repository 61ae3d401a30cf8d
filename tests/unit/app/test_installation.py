"""What is written for systemd and launchd: texts, quoting, and what stays and what goes."""

import os
import plistlib
import pwd
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collector import config
from collector.app import installation
from collector.app.installation import Kind, Places
from collector.config import Settings
from collector.config.package_files import resource
from collector.domain.errors import CollectorError, ConfigurationError, UsageError

WHERE = Places(
    executable=Path("/opt/collector/bin/collector"),
    config=Path("/etc/collector/config.yaml"),
    account="bars",
    uid=os.getuid(),
    home=Path("/home/bars"),
    logs=Path("/home/bars/logs"),
    writable=(Path("/home/bars/logs"), Path("/home/bars/.local/share/collector")),
)


class Called:
    """Notes what systemctl or launchctl was called with; refuses what it is told to."""

    def __init__(self, refused: str = "nothing") -> None:
        self.lines: list[str] = []
        self._refused = refused

    def __call__(self, command: Sequence[str]) -> str:
        """Note one call."""
        self.lines.append(" ".join(command))
        if self._refused in self.lines[-1]:
            raise CollectorError("refused")
        return ""


def settings(**sections: Any) -> Settings:  # noqa: ANN401 - as a file would have them
    """Return settings that differ from the defaults."""
    return Settings.model_validate(sections)


@pytest.fixture
def where() -> Places:
    """Return places that can be made on this machine without root, below another root."""
    return replace(WHERE, account=pwd.getpwuid(os.getuid()).pw_name)


@pytest.mark.parametrize(
    ("given", "expression"),
    [
        ({}, "Mon..Fri *-*-* 16:45:00 America/New_York"),
        ({"time": "17:30"}, "Mon..Fri *-*-* 17:30:00 America/New_York"),
        ({"weekdays": ["mon", "wed"]}, "Mon,Wed *-*-* 16:45:00 America/New_York"),
        ({"zone": "Asia/Jerusalem", "weekdays": ["sat"]}, "Sat *-*-* 16:45:00 Asia/Jerusalem"),
        ({"weekdays": ["sat", "sun"]}, "Sat..Sun *-*-* 16:45:00 America/New_York"),
    ],
)
def test_timers_follow_the_configuration(given: dict[str, Any], expression: str) -> None:
    """A window's own time, days and zone are what its timer says."""
    texts = installation.render(Kind.SYSTEMD, settings(windows={"eod": given}), WHERE, user=False)
    assert f"OnCalendar={expression}\n" in texts["collector@eod.timer"]
    assert "Persistent=true\n" in texts["collector@eod.timer"]
    assert "Unit=collector@eod.service\n" in texts["collector@eod.timer"]


@pytest.mark.parametrize(
    ("seconds", "expression"),
    [(60, "*-*-* *:00/1:00"), (300, "*-*-* *:00/5:00"), (500, "*-*-* *:00/6:00"), (3600, "*-*-* *:00:00")],
)
def test_how_often_to_look(seconds: int, expression: str) -> None:
    """Looking falls on the hour's even parts, never less often than configured."""
    assert installation.every(seconds) == expression


def test_windows_that_are_off_and_windows_without_days_have_no_timer() -> None:
    """Only windows that are on, on some day, have timers."""
    chosen = settings(
        windows={"midday": {"enabled": False}, "weekly": {"weekdays": []}, "afternoon": {"enabled": True}}
    )
    names = set(installation.render(Kind.SYSTEMD, chosen, WHERE, user=False))
    assert names == {
        "collector@.service",
        "collector-due.service",
        "collector-due.timer",
        "collector-serve.service",
        "collector-failed@.service",
        "collector@morning.timer",
        "collector@afternoon.timer",
        "collector@expiry_check.timer",
        "collector@eod.timer",
        "collector@late_night.timer",
        "collector@daily_bars.timer",
        "collector@gap_check.timer",
        "collector@chain_refresh.timer",
        "collector@backup.timer",
    }


def test_backups_have_their_timer_and_may_be_written(tmp_path: Path) -> None:
    """The backup is woken at 02:00 New York, may write where backups are kept; without backups there is neither.

    Folders of copies may be written, too; no installation makes one, nor does a unit need it to start.
    """
    chosen = settings(backup={"directory": str(tmp_path)})
    texts = installation.render(Kind.SYSTEMD, chosen, WHERE, user=False)
    assert "OnCalendar=Tue..Sat *-*-* 02:00:00 America/New_York\n" in texts["collector@backup.timer"]
    account = installation.owner(user=True)
    assert tmp_path in installation.places(chosen, None, account).writable
    copied = installation.places(settings(backup={"copies": ["/mnt/usb/bars"]}), None, account)
    assert copied.mounted == (Path("/mnt/usb/bars"),)
    stores = settings(backup={"copies": ["s3://bars/a", "/mnt/usb"]}, archive={"place": "/mnt/nas"})
    assert installation.places(stores, None, account).mounted == (Path("/mnt/usb"), Path("/mnt/nas"))
    assert not set(copied.mounted) & set(copied.writable)
    unit = installation.render(Kind.SYSTEMD, chosen, replace(WHERE, mounted=copied.mounted), user=False)
    assert "-/mnt/usb/bars" in unit["collector@.service"]
    none = settings(backup={"directory": str(tmp_path), "enabled": False})
    assert "collector@backup.timer" not in installation.render(Kind.SYSTEMD, none, WHERE, user=False)
    assert tmp_path not in installation.places(none, None, account).writable


def test_the_machines_units_are_locked_in() -> None:
    """They run as the account, see the file system read-only, and get their secrets as credentials."""
    chosen = replace(WHERE, secrets=Path("/etc/collector/secrets"))
    texts = installation.render(Kind.SYSTEMD, Settings(), chosen, user=False)
    for name in ("collector@.service", "collector-due.service", "collector-serve.service"):
        lines = texts[name].splitlines()
        for line in (
            "User=bars",
            "Environment=COLLECTOR_CONFIG=/etc/collector/config.yaml",
            "LoadCredential=collector:/etc/collector/secrets",
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
            "ReadWritePaths=-/home/bars/logs -/home/bars/.local/share/collector",
            "PrivateTmp=yes",
            "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
            "KillMode=process",
            "OnFailure=collector-failed@%n.service",
        ):
            assert line in lines, (name, line)
    assert "${" not in "".join(texts.values())


def test_a_users_units_ask_for_nothing_that_a_user_has_not() -> None:
    """In a user's own manager there is no User=, no credential, and none of what only the system may."""
    texts = installation.render(Kind.SYSTEMD, Settings(), replace(WHERE, secrets=Path("/s"), config=None), user=True)
    text = texts["collector@.service"]
    for absent in ("User=", "LoadCredential=", "PrivateDevices=", "COLLECTOR_CONFIG", "ProtectKernelModules="):
        assert absent not in text
    assert "NoNewPrivileges=yes\n" in text
    assert "WantedBy=default.target\n" in texts["collector-serve.service"]


def test_paths_are_quoted_as_systemd_reads_them() -> None:
    """Blanks are quoted; percent signs, and dollars in commands, are doubled."""
    odd = replace(WHERE, executable=Path("/opt/100% $me/collector"), config=Path('/etc/a "b"/c.yaml'))
    text = installation.render(Kind.SYSTEMD, Settings(), odd, user=False)["collector-due.service"]
    assert 'ExecStart="/opt/100%% $$me/collector" run --due\n' in text
    assert 'Environment="COLLECTOR_CONFIG=/etc/a \\"b\\"/c.yaml"\n' in text


def test_a_socket_that_would_be_lost() -> None:
    """A data folder so long that its socket lies under /tmp is refused: the unit's /tmp goes when the run ends."""
    long = settings(database={"data_dir": "/srv/" + "x" * 80})
    with pytest.raises(ConfigurationError, match="data_dir"):
        installation.render(Kind.SYSTEMD, long, WHERE, user=False)


@pytest.mark.parametrize("user", [True, False])
def test_the_launchd_job(user: bool) -> None:
    """It starts `run --due` at the configured minutes and when loaded, keeps the Mac awake, and leaves paths alone."""
    odd = replace(WHERE, config=Path("/Users/a & b/<c>.yaml"))
    (text,) = installation.render(Kind.LAUNCHD, settings(schedule={"due_every_s": 600}), odd, user=user).values()
    job = plistlib.loads(text.encode())
    assert job == {
        "Label": "local.collector.due",
        "ProgramArguments": ["/usr/bin/caffeinate", "-i", "-s", "/opt/collector/bin/collector", "run", "--due"],
        "StartCalendarInterval": [{"Minute": minute} for minute in (0, 10, 20, 30, 40, 50)],
        "RunAtLoad": True,
        "AbandonProcessGroup": True,
        "ExitTimeOut": 60,
        "Umask": 0o077,
        "EnvironmentVariables": {"COLLECTOR_CONFIG": "/Users/a & b/<c>.yaml"},
        "WorkingDirectory": "/home/bars",
        "StandardOutPath": "/home/bars/logs/launchd.out.log",
        "StandardErrorPath": "/home/bars/logs/launchd.err.log",
        **({} if user else {"UserName": "bars"}),
    }


def test_a_job_without_a_configuration_has_an_empty_environment() -> None:
    """The packaged defaults need no variable."""
    (text,) = installation.render(Kind.LAUNCHD, Settings(), replace(WHERE, config=None), user=True).values()
    assert plistlib.loads(text.encode())["EnvironmentVariables"] == {}


def test_install_then_change_then_uninstall(tmp_path: Path, where: Places) -> None:
    """A window switched off loses its timer; what is not ours stays; nothing is left behind."""
    units = tmp_path / "home/bars/.config/systemd/user"
    units.mkdir(parents=True)
    foreign = units / "collector-own.timer"
    foreign.write_text("[Timer]\n", encoding="utf-8")
    called = Called()
    first = installation.install(Kind.SYSTEMD, Settings(), where, user=True, root=tmp_path, run=called)
    assert set(units.iterdir()) == {foreign, *first}
    assert {path.stat().st_mode & 0o777 for path in first} == {0o644}
    assert (tmp_path / "home/bars/.local/share/collector").is_dir()
    assert called.lines[0] == "systemctl --user daemon-reload"
    assert called.lines[-1] == "systemctl --user enable --now collector-due.timer"

    fewer = settings(windows={"midday": {"enabled": False}})
    called = Called()
    second = installation.install(Kind.SYSTEMD, fewer, where, user=True, exact=True, root=tmp_path, run=called)
    assert set(first) - set(second) == {units / "collector@midday.timer"}
    assert set(units.iterdir()) == {foreign, *second}
    assert called.lines[0] == "systemctl --user disable --now collector@midday.timer"
    assert "systemctl --user disable --now collector-due.timer" in called.lines
    assert called.lines[-1].startswith(
        "systemctl --user enable --now collector@backup.timer collector@chain_refresh.timer collector@daily_bars.timer"
    )

    me = pwd.struct_passwd((*pwd.getpwuid(os.getuid())[:5], "/home/bars", "/bin/sh"))
    assert installation.uninstall(Kind.SYSTEMD, me, user=True, dry_run=True, root=tmp_path) == second
    called = Called()
    assert installation.uninstall(Kind.SYSTEMD, me, user=True, root=tmp_path, run=called) == second
    assert list(units.iterdir()) == [foreign]
    assert "collector-due.timer" in called.lines[0]
    assert called.lines[-1] == "systemctl --user daemon-reload"
    assert installation.uninstall(Kind.SYSTEMD, me, user=True, root=tmp_path, run=called) == []


def test_the_launchd_job_is_loaded_anew(tmp_path: Path, where: Places) -> None:
    """A job that is loaded is taken out first; that it was not loaded is no error."""
    called = Called(refused="bootout")
    (path,) = installation.install(Kind.LAUNCHD, Settings(), where, user=True, root=tmp_path, run=called)
    assert path == tmp_path / "home/bars/Library/LaunchAgents/local.collector.due.plist"
    assert called.lines == [
        f"launchctl bootout gui/{os.getuid()}/local.collector.due",
        f"launchctl bootstrap gui/{os.getuid()} {path}",
    ]


def test_a_dry_run_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the files, also where there is no systemctl; without it, the absence is said in words."""
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    paths = installation.install(Kind.SYSTEMD, Settings(), WHERE, user=True, dry_run=True, root=tmp_path)
    assert tmp_path / "home/bars/.config/systemd/user/collector-due.timer" in paths
    with pytest.raises(UsageError, match="no systemctl on this machine") as raised:
        installation.install(Kind.SYSTEMD, Settings(), WHERE, user=True, root=tmp_path)
    assert "--dry-run" in raised.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path, where: Places) -> None:
    """It says so, with what to do."""
    (tmp_path / "etc").write_text("a file", encoding="utf-8")
    of_another = replace(where, account="bars")  # root's own is refused before anything is written
    with pytest.raises(CollectorError, match="cannot be written") as raised:
        installation.install(Kind.SYSTEMD, Settings(), of_another, user=False, root=tmp_path, run=Called())
    assert "--user" in raised.value.hint


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, where: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in the middle leaves the unit as it was, and no half of a new one."""
    first = installation.install(Kind.SYSTEMD, Settings(), where, user=True, root=tmp_path, run=Called())
    before = {path: path.read_text(encoding="utf-8") for path in first}

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    other = settings(windows={"eod": {"time": "17:00"}})
    with pytest.raises(CollectorError, match="No space left"):
        installation.install(Kind.SYSTEMD, other, where, user=True, root=tmp_path, run=Called())
    assert {path: path.read_text(encoding="utf-8") for path in first[0].parent.iterdir()} == before


def test_places_of_another_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in the caller's home lies in the account's; the server's lock beside its folder can be written."""
    monkeypatch.setenv("HOME", str(tmp_path))
    him = pwd.struct_passwd(("bars", "x", 1234, 1234, "", "/home/bars", "/bin/sh"))
    chosen = settings(
        database={"data_dir": "~/bars/postgres"},
        log={"directory": "~/logs"},
        serve={"textfile": "/var/lib/metrics/collector.prom"},
    )
    where = installation.places(chosen, Path("config.yaml"), him)
    assert where.logs == Path("/home/bars/logs")
    assert {Path("/home/bars/logs"), Path("/home/bars/bars"), Path("/var/lib/metrics")} <= set(where.writable)
    assert where.config == Path.cwd() / "config.yaml"
    assert where.executable.name == "collector"
    assert (where.account, where.uid) == ("bars", 1234)


def test_whose_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """The named one; behind sudo the one who called it, but for a user's own manager."""
    me = pwd.getpwuid(os.geteuid()).pw_name
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "nobody")
    assert installation.owner().pw_name == "nobody"
    assert installation.owner(me).pw_name == me
    assert installation.owner(user=True).pw_uid == 0
    with pytest.raises(UsageError, match="no account 'no such account'"):
        installation.owner("no such account")


def test_credentials_reach_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LoadCredential puts its name before each file of the folder; the collector reads them under their keys."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "collector_database__password").touch(mode=0o600)
    (tmp_path / "collector_database__password").write_text("from a credential\n", encoding="utf-8")
    password = config.load(resource("config.yaml")).database.password
    assert password is not None
    assert password.get_secret_value() == "from a credential"


def test_kinds() -> None:
    """A Mac has launchd, everything else systemd."""
    assert installation.this_kind("darwin") is Kind.LAUNCHD
    assert installation.this_kind("linux") is Kind.SYSTEMD
