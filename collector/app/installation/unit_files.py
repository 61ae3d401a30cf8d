"""Texts of systemd units and of the launchd job.

The texts of systemd's units and of launchd's job: the templates of deploy/ with this machine's paths and times.
"""

import os
import re
import string
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape

from collector.app.installation.places import Kind, Places
from collector.config import Settings
from collector.config.package_files import resource
from collector.config.window_settings import WEEKDAYS, Weekday, WindowSettings
from collector.domain.errors import ConfigurationError, UsageError

MARKER = "Written by `collector schedule install`; changes are lost when it is called again."
"""Stands in every file that we write; only files that carry it are replaced as stale or removed."""

LABEL = "local.collector.due"
"""The launchd job's name."""

_ALONE = re.compile(r"^\$\{\w+\}$")
_LONGEST_DATA_DIR = 80
"""A longer data folder has its socket under /tmp, which a unit has for itself and loses when it ends; bytes."""


def on_calendar(window: WindowSettings) -> str:
    """Return a window's time as systemd writes it: `Mon..Fri *-*-* 16:45:00 America/New_York`."""
    return f"{_days(window.weekdays)} *-*-* {window.time:%H:%M:%S} {window.zone}"


_HOUR = 60
"""Minutes."""


def _even(seconds: int) -> int:
    """Return so many seconds as minutes that divide the hour; the next shorter ones if need be."""
    return max(part for part in range(1, _HOUR + 1) if not _HOUR % part and part * 60 <= max(seconds, 60))


def every(seconds: int) -> str:
    """Return `every so often` as systemd writes it, on the hour's even parts; the next shorter of them if need be."""
    minutes = _even(seconds)
    return "*-*-* *:00:00" if minutes == _HOUR else f"*-*-* *:00/{minutes}:00"


def render(kind: Kind, settings: Settings, where: Places, *, user: bool) -> dict[str, str]:
    """Return the files' names and texts; pure but for reading the templates.

    Args:
        kind: which of the two.
        settings: the windows that are on, and how often to look.
        where: the paths.
        user: for the account's own manager instead of the system's.

    Raises:
        ConfigurationError: the database's folder has too long a name for a unit with its own /tmp.
        UsageError: the machine's units would run as root.
    """
    if kind is Kind.LAUNCHD:
        return {f"{LABEL}.plist": _plist(settings, where, user=user)}
    if settings.database.embedded and len(os.fsencode(settings.database.data_path)) > _LONGEST_DATA_DIR:
        raise ConfigurationError(
            f"database.data_dir is longer than {_LONGEST_DATA_DIR} bytes: its socket would lie in the unit's own /tmp",
            "Choose a folder with a shorter name.",
        )
    if where.account == "root" and not user:
        raise UsageError(
            "the machine's units have no privileges, and so cannot run as root", "Name an account: --account NAME"
        )
    values = _unit_values(where, user=user)
    texts = {
        name: _filled(f"systemd/{name}", values)
        for name in ("collector@.service", "collector-due.service", "collector-serve.service")
    }
    texts["collector-failed@.service"] = _filled("systemd/collector-failed@.service", values)
    due = {**values, "calendar": every(settings.schedule.due_every_s)}
    texts["collector-due.timer"] = _filled("systemd/collector-due.timer", due)
    for window, rules in settings.windows.enabled.items():
        if not rules.weekdays:
            continue
        own = {**values, "window": str(window), "calendar": on_calendar(rules)}
        texts[f"collector@{window}.timer"] = _filled("systemd/collector@window.timer", own)
    return texts


def _unit_values(where: Places, *, user: bool) -> dict[str, str]:
    account = "" if user else f"User={where.account}"
    identity = [account] if account else []
    if where.config is not None:
        identity.append(f"Environment={_quoted(f'COLLECTOR_CONFIG={where.config}')}")
    identity.append(f"WorkingDirectory={_specifiers(str(where.home))}")
    if where.secrets is not None and not user:
        identity.append(f"LoadCredential=collector:{_specifiers(str(where.secrets))}")
    values = {
        "marker": MARKER,
        "executable": _quoted(str(where.executable)).replace("$", "$$"),
        "identity": "\n".join(identity),
        "account": account,
        "scope": "--user" if user else "--system",
        "target": "default.target" if user else "multi-user.target",
        "writable": " ".join(_quoted(f"-{path}") for path in (*where.writable, *where.mounted)),
    }
    values["system_only"] = "" if user else _filled("systemd/system_only.conf", values).rstrip("\n")
    values["common"] = _filled("systemd/common.conf", values).rstrip("\n")
    return values


def _plist(settings: Settings, where: Places, *, user: bool) -> str:
    environment = "" if where.config is None else _pair("COLLECTOR_CONFIG", str(where.config))
    values = {
        "marker": MARKER,
        "executable": escape(str(where.executable)),
        "calendar": "".join(
            f"<dict><key>Minute</key><integer>{minute}</integer></dict>"
            for minute in range(0, _HOUR, _even(settings.schedule.due_every_s))
        ),
        "environment": environment,
        "home": escape(str(where.home)),
        "logs": escape(str(where.logs)),
        "user_name": "" if user else "\n  " + _pair("UserName", where.account),
    }
    return _filled(f"launchd/{LABEL}.plist", values)


def _pair(key: str, value: str) -> str:
    return f"<key>{escape(key)}</key><string>{escape(value)}</string>"


def _filled(name: str, values: Mapping[str, str]) -> str:
    """Return a template with its values; a line that is nothing but an empty value goes."""
    lines = (resource("deploy") / name).read_text(encoding="utf-8").splitlines()
    filled = ((line, string.Template(line).substitute(values)) for line in lines)
    return "".join(f"{text}\n" for line, text in filled if text or not _ALONE.match(line))


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """Return a word as systemd reads it back: quoted where it needs to be, `%` doubled."""
    text = _specifiers(text)
    if re.fullmatch(r"[\w@%+=:,./$-]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _days(weekdays: Iterable[Weekday]) -> str:
    """Return weekdays as systemd writes them: neighbours as a range."""
    numbers = [WEEKDAYS.index(day) for day in weekdays]
    if len(numbers) > 1 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{WEEKDAYS[numbers[0]].title()}..{WEEKDAYS[numbers[-1]].title()}"
    return ",".join(WEEKDAYS[number].title() for number in numbers)
