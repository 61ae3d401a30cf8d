"""Write and remove units, and tell systemd or launchd.

Writing and removing what starts the collector, and telling systemd or launchd.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from collector.app.installation.places import Kind, Places
from collector.app.installation.unit_files import LABEL, MARKER, render
from collector.config import Settings
from collector.domain.errors import CollectorError, UsageError
from collector.machine.child_environment import child_environment

_OURS = ("collector@*.service", "collector@*.timer", "collector-*.service", "collector-*.timer", f"{LABEL}.plist")

Run = Callable[[Sequence[str]], str]
"""Runs a program and returns what it printed; raises CollectorError when it fails."""


def folder(kind: Kind, home: Path, *, user: bool, root: Path = Path("/")) -> Path:
    """Return where the files belong; `root` is / but in tests and images."""
    if kind is Kind.SYSTEMD:
        place = home / ".config/systemd/user" if user else Path("/etc/systemd/system")
    else:
        place = home / "Library/LaunchAgents" if user else Path("/Library/LaunchDaemons")
    return root / place.relative_to("/")


def install(
    kind: Kind,
    settings: Settings,
    where: Places,
    *,
    user: bool,
    exact: bool = False,
    dry_run: bool = False,
    root: Path = Path("/"),
    run: Run | None = None,
) -> list[Path]:
    """Write the files, each whole or not at all, take away our stale ones, and start the timers.

    Args:
        kind: which of the two.
        settings: the windows.
        where: the paths.
        user: for the account's own manager.
        exact: start a timer for each window instead of the one that looks every few minutes.
        dry_run: write and start nothing.
        root: / but in tests and images.
        run: runs systemctl or launchctl.

    Returns:
        The files' paths, ascending.

    Raises:
        UsageError: systemctl or launchctl is not on this machine.
        CollectorError: a file cannot be written, or the timers do not start.
    """
    texts = render(kind, settings, where, user=user)
    target = folder(kind, where.home, user=user, root=root)
    if dry_run:
        return [target / name for name in sorted(texts)]
    call = run or _runner(kind)
    with _refusals(target):
        for place in where.writable:
            _make_folder(root / place.relative_to("/"), where)
        target.mkdir(parents=True, exist_ok=True)
        stale = [path for path in _ours(target) if path.name not in texts]
        _stop(kind, stale, call, where.uid, user=user)
        for path in stale:
            path.unlink()
        for name, text in texts.items():
            _write(target / name, text)
    _start(kind, texts, call, target, where.uid, user=user, exact=exact)
    return [target / name for name in sorted(texts)]


def uninstall(
    kind: Kind,
    account: pwd.struct_passwd,
    *,
    user: bool,
    dry_run: bool = False,
    root: Path = Path("/"),
    run: Run | None = None,
) -> list[Path]:
    """Stop the timers and remove the files that `install` wrote; what was collected stays.

    Returns:
        The removed files' paths, ascending; empty when there were none.

    Raises:
        UsageError: systemctl or launchctl is not on this machine.
        CollectorError: a file cannot be removed.
    """
    target = folder(kind, Path(account.pw_dir), user=user, root=root)
    ours = _ours(target)
    if dry_run or not ours:
        return ours
    call = run or _runner(kind)
    with _refusals(target):
        _stop(kind, ours, call, account.pw_uid, user=user)
        for path in ours:
            path.unlink()
    if kind is Kind.SYSTEMD:
        call([*_systemctl(user=user), "daemon-reload"])
    return ours


def _ours(target: Path) -> list[Path]:
    """Return the files in a folder that carry our mark, ascending."""
    found = {path for pattern in _OURS for path in target.glob(pattern) if path.is_file() and not path.is_symlink()}
    return sorted(path for path in found if MARKER in path.read_text(encoding="utf-8", errors="replace"))


def _make_folder(path: Path, where: Places) -> None:
    """Create a folder of the account's, with the parents that it lacks, and give what was created to the account."""
    missing = [place for place in (path, *path.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o700 if place == path else 0o755)
        if os.geteuid() == 0:
            os.chown(place, where.uid, pwd.getpwuid(where.uid).pw_gid)


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
        Path(name).replace(path)
    except BaseException:  # Ctrl-C, too, must leave no half-written file
        Path(name).unlink(missing_ok=True)
        raise


def _systemctl(*, user: bool) -> list[str]:
    return ["systemctl", "--user" if user else "--system"]


def _domain(uid: int, *, user: bool) -> str:
    return f"gui/{uid}" if user else "system"


def _start(kind: Kind, texts: Iterable[str], call: Run, target: Path, uid: int, *, user: bool, exact: bool) -> None:
    if kind is Kind.LAUNCHD:
        _stop(kind, [target], call, uid, user=user)  # one that is loaded cannot be loaded again
        call(["launchctl", "bootstrap", _domain(uid, user=user), str(target / f"{LABEL}.plist")])
        return
    windows = sorted(name for name in texts if name.startswith("collector@") and name.endswith(".timer"))
    wanted, other = (windows, ["collector-due.timer"]) if exact else (["collector-due.timer"], windows)
    systemctl = _systemctl(user=user)
    call([*systemctl, "daemon-reload"])
    if other:
        call([*systemctl, "disable", "--now", *other])
    if wanted:
        call([*systemctl, "enable", "--now", *wanted])


def _stop(kind: Kind, files: Sequence[Path], call: Run, uid: int, *, user: bool) -> None:
    if kind is Kind.LAUNCHD:
        if files:
            with contextlib.suppress(CollectorError):  # it need not be loaded
                call(["launchctl", "bootout", f"{_domain(uid, user=user)}/{LABEL}"])
        return
    units = [path.name for path in files if path.suffix == ".timer" or path.name == "collector-serve.service"]
    if units:
        call([*_systemctl(user=user), "disable", "--now", *units])


@contextlib.contextmanager
def _refusals(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise CollectorError(
            f"{exc.filename or target} cannot be written: {exc.strerror}",
            "Call it with sudo, or with --user for your own account.",
        ) from exc


def _runner(kind: Kind) -> Run:
    if shutil.which(kind.program) is None:
        raise UsageError(
            f"there is no {kind.program} on this machine", f"--dry-run shows the files; --{_other(kind)} is the other."
        )

    def call(command: Sequence[str]) -> str:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            env=child_environment(),
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise CollectorError(
                f"`{' '.join(command)}` failed: {said[-1] if said else done.returncode}",
                f"Is {kind} running here? The command can be given again.",
            )
        return done.stdout

    return call


def _other(kind: Kind) -> Kind:
    return Kind.LAUNCHD if kind is Kind.SYSTEMD else Kind.SYSTEMD
