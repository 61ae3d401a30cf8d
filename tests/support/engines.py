"""The database engines that tests run on: where each is found, and how a private server of it is made.

`plain` is PostgreSQL without TimescaleDB, `apache` and `community` are the editions of TimescaleDB. Each is looked for
behind COLLECTOR_TEST_DSN (a superuser's URL), then in Docker, then among the servers installed on this machine and the
project's own build (`scripts/build_apache_timescaledb.sh`).
"""

import asyncio
import functools
import glob
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

from collector.db.server import embedded
from collector.db.server.local_server import LocalServer
from collector.domain.errors import CollectorError
from tests.support.server_folders import server_folder

NAMES = ("plain", "apache", "community")

_CHECKOUT = Path(__file__).parents[2]
_IMAGE = os.environ.get("COLLECTOR_TEST_IMAGE", "timescale/timescaledb:latest-pg17")
_BINDIRS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/pgsql/bin",
)
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "60"}

# No background workers: the scheduler would hold a connection to the template, which then cannot be cloned. Tests run
# the jobs of policies themselves.
_TIMESCALE = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "timescaledb.max_background_workers": "0",
    "max_locks_per_transaction": "256",
}
_LICENSE = {"apache": "apache", "community": "timescale"}
_PREFIX = "collector-tests-"

_T = TypeVar("_T")


class EngineAbsent(Exception):  # noqa: N818 - it is no error, see COLLECTOR_REQUIRE_ENGINES
    """This machine does not have the engine; the message says where it was looked for."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A running server.

    Args:
        name: plain, apache or community.
        url: address of its maintenance database, as a superuser.
        bindir: folder of its programs (`pg_dump` …), None when the server is not on this machine.
        server: its PostgreSQL version. extension: the version of TimescaleDB that it can create, "" without.
    """

    name: str
    url: str
    bindir: Path | None
    server: str
    extension: str

    def database(self, name: str) -> str:
        """Return the address of another of its databases."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def execute(self, *statements: str) -> None:
        """Run statements in the maintenance database, each in a transaction of its own."""
        run(_execute(self.url, statements))

    @property
    def title(self) -> str:
        """Return one line for people: versions and edition."""
        extension = f", TimescaleDB {self.extension} ({self.name})" if self.extension else ""
        return f"PostgreSQL {self.server}{extension}"


def settings(name: str) -> dict[str, str]:
    """Return the settings of a server of the named engine: quick, careless of power cuts."""
    return _FAST if name == "plain" else {**_FAST, **_TIMESCALE, "timescaledb.license": _LICENSE[name]}


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end on a loop of its own, whatever loop the test has."""
    results: list[_T] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as exc:  # noqa: BLE001 - carried over to the caller's thread
            errors.append(exc)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


async def _execute(url: str, statements: tuple[str, ...]) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _versions(url: str) -> tuple[str, str, str]:
    """Return the server's version, the extension's (that it offers) and its license, "" where there is none."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        server = await connection.fetchval("SELECT current_setting('server_version')")
        offered = await connection.fetchval(
            "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'"
        )
        preload = await connection.fetchval("SELECT current_setting('shared_preload_libraries')")
        if offered is None or "timescaledb" not in preload:
            return server.split()[0], "", ""
        license_ = await connection.fetchval("SELECT current_setting('timescaledb.license', true)")
        return server.split()[0], offered, license_ or "timescale"
    finally:
        await connection.close()


async def run_policies(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Run the jobs of the policies in this database, as the server's workers do every hour."""
    jobs = await connection.fetch(
        "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name LIKE 'policy_%' AND proc_schema LIKE '_time%'"
        " ORDER BY job_id"
    )
    for job in jobs:
        await connection.execute(f"CALL run_job({job['job_id']})")


def _engine(name: str, url: str, bindir: Path | None) -> Engine:
    server, extension, license_ = run(_versions(url))
    found = "plain" if not extension else "apache" if license_ == "apache" else "community"
    if found != name:
        raise EngineAbsent(f"the server is {found}")
    return Engine(name, url, bindir, server, extension)


def find(name: str, stack: ExitStack) -> Engine:
    """Return a running server of the named engine; `stack` stops it and removes its files.

    Raises:
        EngineAbsent: there is none; the message says why, for each place.
    """
    reasons = []
    for place in (_from_dsn, _from_docker, _from_this_machine):
        try:
            return place(name, stack)
        except (EngineAbsent, CollectorError) as exc:
            reasons.append(str(exc))
    raise EngineAbsent("; ".join(reasons))


def _from_dsn(name: str, _stack: ExitStack) -> Engine:
    url = os.environ.get("COLLECTOR_TEST_DSN")
    if not url:
        raise EngineAbsent("COLLECTOR_TEST_DSN is not set")
    try:
        return _engine(name, url, None)
    except (OSError, asyncpg.PostgresError) as exc:
        raise EngineAbsent(f"COLLECTOR_TEST_DSN: {type(exc).__name__}: {exc}") from exc


@functools.cache
def _docker_refusal() -> str:
    """Return why Docker cannot be used, "" when it can."""
    if shutil.which("docker") is None:
        return "no Docker"
    try:
        subprocess.run(["docker", "info"], capture_output=True, check=True, timeout=3)  # noqa: S607
        have = subprocess.run(["docker", "image", "inspect", _IMAGE], capture_output=True, check=False, timeout=3)  # noqa: S607
        if have.returncode:
            subprocess.run(["docker", "pull", "-q", _IMAGE], capture_output=True, check=True, timeout=90)  # noqa: S607
    except (subprocess.SubprocessError, OSError):
        return "no Docker engine answers, or it cannot get the image"
    return ""


def _from_docker(name: str, stack: ExitStack) -> Engine:
    refusal = _docker_refusal() if name in _LICENSE else "plain comes from a wheel"
    if refusal:
        raise EngineAbsent(refusal)
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    from testcontainers.postgres import PostgresContainer  # noqa: PLC0415 - only where Docker is

    words = " ".join(f"-c {key}={value}" for key, value in settings(name).items())
    container = PostgresContainer(_IMAGE, driver=None).with_command(f"postgres {words}")
    stack.enter_context(container)
    return _engine(name, container.get_connection_url(), None)


def _from_this_machine(name: str, stack: ExitStack) -> Engine:
    bindir = _plain_binaries() if name == "plain" else _timescale_binaries(name)
    folder = server_folder(f"{_PREFIX}{os.getpid()}-")
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    server = LocalServer(bindir, folder / name, settings(name))
    server.start()
    stack.callback(server.stop, "immediate")
    return _engine(name, server.url("postgres"), bindir)


def _plain_binaries() -> Path:
    try:
        return embedded.binaries()
    except CollectorError:
        for bindir in _installed():
            return bindir
        raise


def _timescale_binaries(name: str) -> Path:
    found: dict[str, Path] = {}
    for bindir in _installed():
        edition = _edition(bindir)
        if edition:
            found.setdefault(edition, bindir)
    if name in found:
        return found[name]
    if name == "apache" and "community" in found:
        return found["community"]  # its license setting makes it behave as the Apache edition
    hint = " (scripts/build_apache_timescaledb.sh builds it)" if name == "apache" else ""
    raise EngineAbsent(f"no PostgreSQL with TimescaleDB's {name} edition on this machine{hint}")


def _installed() -> list[Path]:
    """Return the folders of the servers on this machine: the project's own builds, then the newest first."""
    patterns = [str(_CHECKOUT / ".engines/*/lib/postgresql/*/bin")]
    program = shutil.which("pg_config")
    if program:
        patterns.append(
            subprocess.run([program, "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
        )
    patterns.extend(_BINDIRS)
    found = [Path(path) for pattern in patterns for path in sorted(glob.glob(pattern), reverse=True)]  # noqa: PTH207 - absolute patterns
    return [path for path in dict.fromkeys(found) if (path / "postgres").exists() and (path / "initdb").exists()]


def _edition(bindir: Path) -> str:
    """Return the edition of TimescaleDB that is installed into the server at `bindir`, "" for none."""
    if not (bindir / "pg_config").exists():
        return ""
    words = [str(bindir / "pg_config"), "--sharedir", "--pkglibdir"]
    share, lib = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\n")[:2]
    if not (Path(share) / "extension/timescaledb.control").exists():
        return ""
    return "community" if any(Path(lib).glob("timescaledb-tsl-*")) else "apache"


def remove_leftovers() -> None:
    """Stop the servers and remove the folders of test sessions that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            for pid_file in folder.glob("*/postmaster.pid"):
                _quit(pid_file)
            shutil.rmtree(folder, ignore_errors=True)


def _quit(pid_file: Path) -> None:
    try:
        postmaster = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        if str(pid_file.parent) in postmaster.cmdline():
            postmaster.send_signal(3)  # SIGQUIT: at once, without a checkpoint
            postmaster.wait(10)
    except (OSError, ValueError, psutil.Error):
        pass
