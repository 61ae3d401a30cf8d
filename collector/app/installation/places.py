"""User and paths of an installation.

As whom the collector runs on this machine, and where its things are.
"""

import os
import pwd
import shutil
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import platformdirs

from collector.config import Settings
from collector.domain.errors import UsageError

SYSTEM_SECRETS = Path("/etc/collector/secrets")
"""One secret a file, named like `database__password`; handed to the system's units as credentials."""


class Kind(StrEnum):
    """Who starts the collector."""

    SYSTEMD = "systemd"
    LAUNCHD = "launchd"

    @property
    def program(self) -> str:
        """Return the program that has to be there."""
        return "systemctl" if self is Kind.SYSTEMD else "launchctl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things are.

    executable: the `collector` command. config: the configuration file; None: the packaged defaults. account, home: as
    whom it runs, and his home. logs: folder of the log files. writable: every folder that it writes to and may make.
    mounted: those that it writes to where they are, and never makes. uid: of the account. secrets: folder with one
    secret a file, for the system's units; None where there is none.
    """

    executable: Path
    config: Path | None
    account: str
    uid: int
    home: Path
    logs: Path
    writable: tuple[Path, ...]
    mounted: tuple[Path, ...] = ()
    secrets: Path | None = None


def this_kind(platform: str = sys.platform) -> Kind:
    """Return what this operating system starts things with."""
    return Kind.LAUNCHD if platform == "darwin" else Kind.SYSTEMD


def owner(account: str | None = None, *, user: bool = False) -> pwd.struct_passwd:
    """Return the account as which the collector is to run: the named one, who called sudo, or the present one.

    Args:
        account: its name; None for the others.
        user: the present one in any case.

    Raises:
        UsageError: there is no such account.
    """
    name = account or (os.environ.get("SUDO_USER") if os.geteuid() == 0 and not user else None)
    try:
        if name is not None:
            return pwd.getpwnam(name)
        present = pwd.getpwuid(os.geteuid())
        return pwd.struct_passwd((*present[:5], str(Path.home()), present[6]))
    except KeyError:
        raise UsageError(f"there is no account {name or os.geteuid()!r} on this machine") from None


def places(settings: Settings, config: Path | None, account: pwd.struct_passwd) -> Places:
    """Return where things are for an account, which under sudo is not the present one.

    Raises:
        UsageError: the `collector` command is not where it could be started from.
    """
    found = Path(sys.argv[0]) if Path(sys.argv[0]).name == "collector" else Path(sys.executable).with_name("collector")
    executable = Path(os.path.abspath(found)) if found.exists() else Path(shutil.which("collector") or "")  # noqa: PTH100 - a link stays a link, so that an upgrade behind it counts
    if not executable.is_file():
        raise UsageError("the `collector` command was not found", "Install the package first: pip install collector")
    home, present = Path(account.pw_dir), Path.home()

    def his(path: Path) -> Path:
        path = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - as above
        return home / path.relative_to(present) if path.is_relative_to(present) else path

    logs = his(settings.log.path)
    writable = [logs, his(platformdirs.user_cache_path("collector"))]
    writable.append(his(settings.web.logins_path).parent)
    if settings.database.embedded:
        writable.append(his(settings.database.data_path).parent)
    if settings.backup.enabled:
        writable.append(his(settings.backup.path))
    if settings.notify.outbox.directory is not None:
        writable.append(his(settings.notify.outbox.directory))
    if settings.serve.textfile is not None:
        writable.append(his(settings.serve.textfile).parent)
    mounted = [his(path) for path in settings.backup.copy_folders if settings.backup.enabled]
    if settings.archive.folder is not None:
        mounted.append(his(settings.archive.folder))
    return Places(
        executable=executable,
        config=None if config is None else Path(os.path.abspath(config)),  # noqa: PTH100 - as above
        account=account.pw_name,
        uid=account.pw_uid,
        home=home,
        logs=logs,
        writable=tuple(dict.fromkeys(writable)),
        mounted=tuple(dict.fromkeys(mounted)),
        secrets=SYSTEM_SECRETS if SYSTEM_SECRETS.is_dir() else None,
    )
