"""Find and run pg_dump and pg_restore.

PostgreSQL's own programs (pg_dump, pg_restore): which one fits a server, and how it is told where to connect.
"""

import asyncio
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from collector.db.server import embedded
from collector.domain.errors import DatabaseError, DatabaseUnavailable
from collector.machine.child_environment import child_environment

_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/opt/libpq/bin",
)
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "database": "PGDATABASE",
    "passfile": "PGPASSFILE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}


def environment(url: str) -> dict[str, str]:
    """Return the environment that leads PostgreSQL's programs to `url`: a password never becomes an argument."""
    parts = urlsplit(url)
    found = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.hostname:
        found["host"] = unquote(parts.hostname)
    if parts.port:
        found["port"] = str(parts.port)
    if parts.username:
        found["user"] = unquote(parts.username)
    if parts.password:
        found["password"] = unquote(parts.password)
    if parts.path.strip("/"):
        found["dbname"] = unquote(parts.path.strip("/"))
    ours = {_VARIABLES[name]: value for name, value in found.items() if name in _VARIABLES}
    given = {name: value for name, value in os.environ.items() if name.startswith("PG")}  # the driver heeds them, too
    usual = {"PGAPPNAME": "collector backup", "PGCONNECT_TIMEOUT": "10"}
    return child_environment({**given, **ours, **usual}.items(), LC_ALL="C")


async def run(program: Path, *words: str, env: Mapping[str, str]) -> str:
    """Run a program to its end and return what it printed.

    Raises:
        DatabaseUnavailable: it reached no server.
        DatabaseError: it failed; the message has its last word.
    """
    process = await asyncio.create_subprocess_exec(
        program,
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(env),
        start_new_session=True,
    )
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if process.returncode:
        said = [line for line in err.decode(errors="replace").splitlines() if line.strip()]
        first = next((line for line in said if "error:" in line), said[0] if said else f"code {process.returncode}")
        kind = DatabaseUnavailable if "connection to server" in first else DatabaseError
        raise kind(f"{program.name} failed: {first.strip()}")
    return out.decode(errors="replace")


async def fitting(name: str, major: int) -> Path:
    """Return the program for a server (or dump) of a major version: the same one, or else the next newer one.

    Raises:
        DatabaseError: there is none on this machine.
    """
    found: dict[int, Path] = {}
    for path in _installed(name):
        match = re.search(r"(\d+)", await run(path, "--version", env=child_environment()))
        if match:
            found.setdefault(int(match.group(1)), path)
    fits = [version for version in sorted(found) if version >= major]
    if not fits:
        have = ", ".join(map(str, sorted(found))) or "none"
        raise DatabaseError(
            f"{name} of version {major} or later is needed; on this machine: {have}",
            f"install postgresql-client-{major} (macOS: brew install postgresql@{major}), or collector[embedded]",
        )
    return found[fits[0]]


def _installed(name: str) -> Iterator[Path]:
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path)
    for pattern in _FOLDERS:
        for folder in sorted(Path("/").glob(pattern.lstrip("/"))):
            if (folder / name).exists():
                yield folder / name
    try:
        yield embedded.binaries() / name
    except DatabaseUnavailable:
        return
