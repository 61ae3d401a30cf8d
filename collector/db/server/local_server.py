"""A PostgreSQL server in one data folder.

A PostgreSQL server of our own: one data folder, one unix socket, at most one port on the loopback interface; started
from any installation.

The server outlives the command that started it (a session of its own: Ctrl-C and a closed terminal do not reach it)
and is found again by the next one. PostgreSQL refuses to run as root, so root's servers run as an existing user.
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import psutil
import structlog

from collector.domain.errors import DatabaseError, DatabaseUnavailable
from collector.machine.child_environment import child_environment

SUPERUSER = "postgres"
"""The database role that owns everything in a server of our own."""

PORT = 5432
"""Names the socket file where the server listens on no network port."""

LOOPBACK = "127.0.0.1"

_SERVER_USERS = ("postgres", "pgserver", "nobody")
"""Users as whom root's servers run, the first that exists."""

_SOCKET_PATH_BYTES = 100
"""Longest path of a socket that every supported system takes (macOS: 103, Linux: 107)."""

_START_LIMIT_S = 300
"""How long a start may take; recovery after a power cut replays the log first."""

_ORPHANS_LIMIT_S = 30
"""How long to wait for the processes of a killed server; they end by themselves as soon as they notice."""

_PORT_LINE, _SOCKET_LINE, _LISTENS_LINE, _STATUS_LINE = 3, 4, 5, 7
"""Of postmaster.pid, counted from 0."""

_OPEN_PLACE = "/var/lib/collector/postgres"

_LOG_LIMIT_BYTES = 10_000_000
"""The server's own log starts afresh beyond this size."""

log = structlog.get_logger()


class Admission(NamedTuple):
    """Who may come in by the loopback interface: one login, with its password, to one database."""

    port: int
    database: str
    login: str


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that is started from `bindir` on `data_dir`, which it creates if need be.

    Args:
        bindir: folder of `postgres`, `initdb` and `pg_ctl`.
        data_dir: the data folder (absolute); its parents are created.
        settings: lines of postgresql.conf beyond the defaults, as name → value.
        admission: who may come in by the loopback interface; None: nobody, and nothing listens there.
    """

    bindir: Path
    data_dir: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    admission: Admission | None = None

    @property
    def socket_dir(self) -> Path:
        """Return the folder of the unix socket: where the server at work has it, else where the next one gets it.

        The environment of a timer, of a login over ssh and of a terminal differ; the server says where it listens.
        """
        listens = self._noted(_SOCKET_LINE)
        return Path(listens) if listens.startswith("/") else self._usual_socket_dir()

    @property
    def port(self) -> int:
        """Return the number in the socket's name: that of the server at work, else the one that the next one gets."""
        noted = self._noted(_PORT_LINE)
        return int(noted) if noted.isdecimal() else self._usual_port

    @property
    def _usual_port(self) -> int:
        return PORT if self.admission is None else self.admission.port

    @property
    def admits(self) -> bool:
        """Tell whether the server at work listens where `admission` says.

        Settings count from its next start on, and where the port was taken then it listens on its socket alone.
        """
        return self.admission is not None and (self._noted(_LISTENS_LINE), self.port) == (LOOPBACK, self.admission.port)

    @property
    def _socket(self) -> Path:
        return self.socket_dir / f".s.PGSQL.{self.port}"

    def _usual_socket_dir(self) -> Path:
        """Return the data folder, or a short private one when its path is too long."""
        if len(os.fsencode(self.data_dir / f".s.PGSQL.{self._usual_port}")) <= _SOCKET_PATH_BYTES:
            return self.data_dir
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
        base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        if len(os.fsencode(base)) > _SOCKET_PATH_BYTES - 40:
            base = Path("/tmp")  # noqa: S108 - the folder below it is private, see _private_folder
        return base / f"collector-{digest}"

    def url(self, database: str) -> str:
        """Return the address of one of its databases."""
        host = quote(str(self.socket_dir), safe="/")
        return f"postgresql://{SUPERUSER}@/{quote(database)}?host={host}&port={self.port}"

    @property
    def running(self) -> bool:
        """Tell whether the server accepts connections."""
        with contextlib.suppress(OSError):
            if self._is_ready():
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                    probe.connect(str(self._socket))
                return True
        return False

    def _is_ready(self) -> bool:
        """Tell whether a server has noted that it is ready for connections."""
        return self._noted(_STATUS_LINE) == "ready"

    def start(self) -> None:
        """Start the server unless it runs already; create its data folder first if there is none.

        Raises:
            DatabaseUnavailable: it does not start; the message has the last line of its log.
            DatabaseError: the data folder belongs to another major version.
        """
        try:
            self.make_parents()
            with self._locked():
                if self._is_at_work():
                    return
                account = self._account()
                if account is not None:
                    _check_way(self.bindir / "postgres", account, "install the collector where that user can read it")
                    _check_way(self.data_dir, account, f"set database.data_dir to a folder such as {_OPEN_PLACE}")
                    _check_way(
                        self.socket_dir, account, "choose a shorter database.data_dir, which holds the socket, too"
                    )
                self._initialise(account)
                self._check_version()
                _private_folder(self.socket_dir, account)
                self._configure(account)
                self._run(account, "pg_ctl", "start", "-w", "-t", str(_START_LIMIT_S), "-l", str(self._log))
        except OSError as exc:
            if isinstance(exc, DatabaseUnavailable):
                raise
            raise DatabaseUnavailable(
                f"cannot start PostgreSQL in {self.data_dir}: {exc}", "choose another folder, or set database.url"
            ) from exc

    def make_parents(self) -> None:
        """Make the folders above the data folder that are not there; root's servers, which are another user's, get in.

        Raises:
            OSError: they cannot be made.
        """
        missing = [folder for folder in self.data_dir.parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            if os.geteuid() == 0:
                folder.chmod(0o711)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server if it runs; open transactions are rolled back ("immediate": as in a power cut)."""
        if not self.data_dir.is_dir():
            return
        with self._locked():
            if (self.data_dir / "postmaster.pid").exists() and not self._remove_stale_pid():
                self._run(self._account(), "pg_ctl", "stop", "-w", "-t", str(_START_LIMIT_S), "-m", mode)

    @property
    def _log(self) -> Path:
        return self.data_dir / "server.log"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other commands from starting or stopping the same server; the lock dies with the process."""
        with self.data_dir.with_name(self.data_dir.name + ".lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _account(self) -> pwd.struct_passwd | None:
        """Return the user as whom the server runs; None means as ourselves."""
        if os.geteuid() != 0:
            return None
        if self.data_dir.is_dir():
            with contextlib.suppress(KeyError):
                owner = pwd.getpwuid(self.data_dir.stat().st_uid)
                if owner.pw_uid != 0:
                    return owner
        for name in _SERVER_USERS:
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(name)
        raise DatabaseUnavailable(
            "PostgreSQL refuses to run as root, and there is no other user to run it as",
            "run the collector as an ordinary user, or set database.url",
        )

    def _initialise(self, account: pwd.struct_passwd | None) -> None:
        """Create the data folder beside its place and move it there complete: an interrupted attempt leaves nothing."""
        if (self.data_dir / "PG_VERSION").exists():
            return
        if self.data_dir.is_dir() and any(self.data_dir.iterdir()):
            raise DatabaseError(
                f"{self.data_dir} is neither empty nor a PostgreSQL data folder", "choose another database.data_dir"
            )
        for leftover in self.data_dir.parent.glob(f".{self.data_dir.name}.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix=f".{self.data_dir.name}.new-", dir=self.data_dir.parent))
        try:
            if account is not None:
                os.chown(new, account.pw_uid, account.pw_gid)
            words = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--username", SUPERUSER)
            self._run(account, "initdb", *words, data_dir=new)
            with (new / "postgresql.conf").open("a", encoding="utf-8") as conf:
                conf.write("\ninclude_if_exists = 'collector.conf'\n")
            if self.data_dir.is_dir():
                self.data_dir.rmdir()
            new.rename(self.data_dir)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _check_version(self) -> None:
        cluster = (self.data_dir / "PG_VERSION").read_text(encoding="utf-8").strip()
        words = (str(self.bindir / "postgres"), "--version")
        out = subprocess.run(words, capture_output=True, encoding="utf-8", check=True, env=child_environment()).stdout
        if out.split()[2].split(".")[0] != cluster:
            raise DatabaseError(
                f"{self.data_dir} was made by PostgreSQL {cluster}, the installed server is {out.split()[2]}",
                "restore a backup into a new folder, or install the older version",
            )

    def _is_at_work(self) -> bool:
        """Tell whether a server accepts connections; wait for one that still starts, stops, or dies of a blow.

        Raises:
            DatabaseUnavailable: it did none of that in time, or see `_remove_stale_pid`.
        """
        for _ in range(_START_LIMIT_S * 10):
            if self.running:
                return True
            if self._remove_stale_pid():
                return False
            if self._is_ready() and not self._socket.exists():
                raise DatabaseUnavailable(
                    f"the PostgreSQL in {self.data_dir} listens in {self.socket_dir}, which is not there for us",
                    f"stop it (kill -INT {self._pid_lines()[0]}), and move its files to a shorter database.data_dir",
                )
            psutil.wait_procs([process] if (process := self._postmaster()) else [], timeout=0.1)
        raise DatabaseUnavailable(
            f"the PostgreSQL in {self.data_dir} runs and accepts no connections", f"see {self._log}"
        )

    def _postmaster(self) -> psutil.Process | None:
        """Return the server's process, None when it is gone or is no PostgreSQL (numbers are used again)."""
        with contextlib.suppress(ValueError, psutil.NoSuchProcess):
            process = psutil.Process(int("".join(self._pid_lines()[:1])))
            if "postgres" in process.name() and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None

    def _noted(self, line: int) -> str:
        lines = self._pid_lines()
        return lines[line].strip() if len(lines) > line else ""

    def _pid_lines(self) -> list[str]:
        """Return what the server at work, or the last one if it was killed, has noted about itself; [] without one."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return (self.data_dir / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        return []

    def _remove_stale_pid(self) -> bool:
        """Remove a pid file that names no server; tell whether there is none now.

        Raises:
            DatabaseUnavailable: processes of a server that was killed still work in the folder.
        """
        pid_file = self.data_dir / "postmaster.pid"
        if not pid_file.exists():
            return True
        if self._postmaster() is not None:
            return False
        # The file is also what keeps a new server away from the old one's processes, so they must be gone first.
        if psutil.wait_procs(list(_working_in(self.data_dir)), timeout=_ORPHANS_LIMIT_S)[1]:
            raise DatabaseUnavailable(
                f"the PostgreSQL in {self.data_dir} was killed and some of its processes still run", "try again later"
            )
        self._socket.with_name(f"{self._socket.name}.lock").unlink(missing_ok=True)
        pid_file.unlink(missing_ok=True)
        return True

    def _listen_address(self) -> str:
        """Return the network address for the next start, "" for none: a port that is taken stops no run."""
        if self.admission is None:
            return ""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL itself will ask for it
            try:
                probe.bind((LOOPBACK, self.admission.port))
            except OSError as exc:
                log.warning("loopback_port_not_opened", port=self.admission.port, problem=exc.strerror)
                return ""
        return LOOPBACK

    def _configure(self, account: pwd.struct_passwd | None) -> None:
        settings = {
            "listen_addresses": self._listen_address(),
            "port": str(self._usual_port),
            "unix_socket_directories": str(self.socket_dir),
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
            **self.settings,
        }
        doors = self.data_dir / "collector.hba"
        if self.admission is not None:
            _, database, login = self.admission
            by_network = f"host {database} {login} {LOOPBACK}/32 scram-sha-256\n"
            doors.write_text("local all all trust\nlocal replication all trust\n" + by_network, encoding="utf-8")
            settings["hba_file"] = str(doors)
        conf = self.data_dir / "collector.conf"
        lines = (f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items())
        conf.write_bytes(os.fsencode("# written anew at each start\n" + "".join(lines)))
        if self._log.exists() and self._log.stat().st_size > _LOG_LIMIT_BYTES:
            self._log.unlink()
        if account is not None:
            for written in (conf, doors) if self.admission is not None else (conf,):
                os.chown(written, account.pw_uid, account.pw_gid)

    def _run(self, account: pwd.struct_passwd | None, program: str, *words: str, data_dir: Path | None = None) -> None:
        """Run one of PostgreSQL's programs out of the terminal's reach.

        Raises:
            DatabaseUnavailable: it failed; the message has the last line of what it or the server said.
        """
        before = self._log.stat().st_size if self._log.exists() else 0
        as_user: dict[str, Any] = {}
        if account is not None:
            as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        done = subprocess.run(
            [self.bindir / program, "-D", data_dir or self.data_dir, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            start_new_session=True,
            cwd=(data_dir or self.data_dir),
            umask=0o077,
            env=child_environment(LC_ALL="C"),
            **as_user,
        )
        if done.returncode:
            said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
            if self._log.exists():
                with self._log.open(encoding="utf-8", errors="replace") as lines:
                    lines.seek(before)
                    said = [line for line in lines if "FATAL" in line or "PANIC" in line] or said
            raise DatabaseUnavailable(
                f"PostgreSQL's {program} failed: {said[-1].strip() if said else f'exit code {done.returncode}'}",
                f"see {self._log}" if program == "pg_ctl" else "",
            )


def _working_in(folder: Path) -> Iterator[psutil.Process]:
    """Yield the live processes whose working folder is `folder`, as it is for all of a server's."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder):
                yield process


def _check_way(path: Path, account: pwd.struct_passwd, remedy: str) -> None:
    """Refuse a path that the server's user cannot reach: who may enter a folder is for its owner to say.

    Raises:
        DatabaseUnavailable: a folder above it is closed.
    """
    for folder in reversed(path.parents):
        found = folder.stat()
        by_group = stat.S_IXGRP if found.st_gid == account.pw_gid else stat.S_IXOTH
        if not found.st_mode & (stat.S_IXUSR if found.st_uid == account.pw_uid else by_group):
            raise DatabaseUnavailable(
                f"PostgreSQL refuses to run as root, and {folder} is closed to {account.pw_name}, as whom it would run",
                f"run the collector as an ordinary user, or {remedy}",
            )


def _private_folder(folder: Path, account: pwd.struct_passwd | None) -> None:
    """Make sure that the folder exists and that nobody else can enter it."""
    uid = account.pw_uid if account else os.geteuid()
    try:
        folder.mkdir(mode=0o700)
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) & 0o077:
            raise DatabaseUnavailable(
                f"{folder} belongs to somebody else", "remove it, or choose a shorter database.data_dir"
            ) from None
