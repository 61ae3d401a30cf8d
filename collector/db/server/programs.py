"""Find and run PostgreSQL's own programs.

pg_dump, pg_restore and psql: which one fits a server, how it is told where to connect, and how it has ended.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

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
_SECRETS = {"password", "sslpassword"}
_KEYWORD = re.compile(
    r"host(addr)?|port|dbname|user|passfile|service|options|(fallback_)?application_name|client_encoding"
    r"|connect_timeout|keepalives\w*|tcp_user_timeout|ssl\w*|gss\w*|krbsrvname|require\w*|channel_binding"
    r"|(min|max)_protocol_version|target_session_attrs|load_balance_hosts"
)
"""What libpq knows in a URL; it refuses anything else, which our driver takes for settings of the session."""

_INSTALL = "install {client} (macOS: brew install libpq), or collector[embedded]"
_SIGNALLED = 128
"""What shells add to the number of the signal that ended a program."""

_SPECIAL, _ESCAPED = re.compile(r"([\\\s])"), r"\\\1"
"""In the words of `options`."""

_UNHEEDED = {"PGHOSTADDR", "PGSERVICE"}
"""By these libpq goes to another server, or database, than our driver, which knows neither in the environment."""

_OF_A_PERSON = (
    "TERM", "TERMINFO", "COLUMNS", "LINES", "SHELL", "PAGER", "LESS", "EDITOR", "VISUAL", "INPUTRC", "NO_COLOR",
    "PSQLRC", "PSQL_HISTORY", "PSQL_EDITOR", "PSQL_PAGER", "PSQL_WATCH_PAGER",
)  # fmt: skip

_PART_BYTES = 1 << 20


Command: TypeAlias = tuple[Path, *tuple[str, ...]]
"""A program and its arguments."""


class Program(NamedTuple):
    """One of PostgreSQL's programs on this machine, and its major version."""

    path: Path
    major: int


def conninfo(url: str) -> str:
    """Return a database's URL as libpq reads it and without its password, so that it may be an argument.

    Hosts, parameters and percent-encoding are left to libpq. Where both the address and a parameter name something the
    address counts, and settings of the session become `options`: as our driver reads a URL.
    """
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    user = login.partition(":")[0]
    said = {"host": hosts, "port": hosts, "user": user, "dbname": parts.path.strip("/")}
    given: dict[str, str] = {}
    options = []
    for name, value in _parameters(parts).items():
        if not _KEYWORD.fullmatch(name):
            options.append(f"-c {name}={_SPECIAL.sub(_ESCAPED, value)}")
        elif not said.get(name):
            given[name] = value
    if options:
        given["options"] = " ".join([*filter(None, [given.get("options")]), *options])
    address = f"{user}@{hosts}" if user else hosts
    query = f"?{urlencode(given, quote_via=quote)}" if given else ""
    return f"postgresql://{address}{parts.path}{query}"


def environment(url: str) -> dict[str, str]:
    """Return the environment of programs that work on `url` for us, in plain English."""
    return {**_connecting(url), "PGAPPNAME": "collector backup", "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C"}


def environment_of_person(url: str) -> dict[str, str]:
    """Return the environment of a program that a person uses on `url`: his language, terminal, pager and editor."""
    his = {name: os.environ[name] for name in _OF_A_PERSON if name in os.environ}
    return {**_connecting(url), **his}


def _connecting(url: str) -> dict[str, str]:
    """Return what programs need that connect to `url`: here, and never as an argument, is the password."""
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    password = unquote(login.partition(":")[2]) or dict(parse_qsl(parts.query)).get("password")
    given = {name: value for name, value in os.environ.items() if name.startswith("PG") and name not in _UNHEEDED}
    ours = {"PGPASSWORD": password} if password else {}
    return child_environment({**given, **ours}.items())


def _parameters(parts: SplitResult) -> dict[str, str]:
    """Return the parameters of a URL by libpq's names, but for secrets."""
    given = parse_qsl(parts.query, keep_blank_values=True)
    return {("dbname" if name == "database" else name): value for name, value in given if name not in _SECRETS}


async def run(program: Path, *words: str, env: Mapping[str, str]) -> str:
    """Run a program to its end and return what it printed.

    Raises:
        DatabaseUnavailable: it reached no server.
        DatabaseError: it failed; the message has its last word.
    """
    async with _started((program, *words), env, stdin=DEVNULL, stdout=PIPE) as (process, said):
        out = await _all(process.stdout)
        await process.wait()
    if process.returncode:
        raise _failure(program, process.returncode, await said)
    return out.decode(errors="replace")


async def pipe(
    source: Command,
    sink: Command,
    *,
    env: Mapping[str, str],
    edited: Callable[[asyncio.StreamReader], AsyncIterator[bytes]],
) -> None:
    """Run two programs to their ends, what the first prints being the second one's input.

    Args:
        source: the first.
        sink: the second; what it prints is thrown away.
        env: of both.
        edited: takes what the first prints, and yields what the second gets.

    Raises:
        DatabaseUnavailable: the second reached no server.
        DatabaseError: either failed; of the two, the one that failed first is told.
    """
    async with (
        _started(source, env, stdin=DEVNULL, stdout=PIPE) as (reading, source_said),
        _started(sink, env, stdin=PIPE, stdout=DEVNULL) as (writing, sink_said),
    ):
        is_whole = await _pumped(reading, writing, edited)
        if not is_whole:
            _end(reading)
        elif await reading.wait():
            _end(writing)  # it must not take a script that was cut short for a whole one
        if writing.stdin is not None:
            writing.stdin.close()
        await writing.wait()
    if is_whole and reading.returncode:
        raise _failure(source[0], reading.returncode, await source_said)
    if writing.returncode or not is_whole:
        raise _failure(sink[0], writing.returncode, await sink_said)


async def _pumped(
    reading: Process, writing: Process, edited: Callable[[asyncio.StreamReader], AsyncIterator[bytes]]
) -> bool:
    """Hand over all that one program prints to another, and return whether that took it."""
    if reading.stdout is None or writing.stdin is None:
        return False
    try:
        async for part in edited(reading.stdout):
            writing.stdin.write(part)
            await writing.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


async def _all(stream: asyncio.StreamReader | None) -> bytes:
    return b"" if stream is None else await stream.read()


@contextlib.asynccontextmanager
async def _started(
    command: Command, env: Mapping[str, str], *, stdin: int, stdout: int
) -> AsyncIterator[tuple[Process, asyncio.Task[bytes]]]:
    """Start a program and collect what it complains of; it does not outlive who waits for it."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=stdin,
        stdout=stdout,
        stderr=PIPE,
        env=dict(env),
        start_new_session=True,
        limit=_PART_BYTES,
    )
    said = asyncio.create_task(_all(process.stderr))
    try:
        yield process, said
    finally:
        _end(process)
        if process.stdin is not None:
            process.stdin.close()
        await asyncio.gather(_all(process.stdout), said)  # what stays unread keeps its pipe open
        await process.wait()


def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):  # it has ended, and nobody has heard of it yet
            process.terminate()


def _failure(program: Path, code: int | None, err: bytes) -> DatabaseError:
    """Return the error of a program that failed, in its own words: the first that tell of an error."""
    said = [line.strip() for line in err.decode(errors="replace").splitlines() if line.strip()]
    first = next((line for line in said if "error:" in line.lower()), said[0] if said else f"code {code}")
    kind = DatabaseUnavailable if "connection to server" in first else DatabaseError
    return kind(f"{program.name} failed: {first}")


def in_terminal(program: Path, *words: str, env: Mapping[str, str]) -> int:
    """Let a person use a program, and return its exit code; 128 and the signal's number where one ended it.

    Ctrl-C is the program's: psql gives up on a statement by it, and goes on. A request to end ends the program.

    Raises:
        DatabaseError: it cannot be started.
    """
    try:
        process = subprocess.Popen([program, *words], env=dict(env))
    except OSError as error:
        raise DatabaseError(f"{program} cannot be started: {error.strerror}") from error
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: process.send_signal(received))
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else _SIGNALLED - code


async def first(name: str) -> Path:
    """Return the program that a person means by a name: in PGBIN, else on the PATH, else where packages put it.

    Raises:
        DatabaseError: there is none on this machine.
    """
    for path in _installed(name):
        with contextlib.suppress(DatabaseError, OSError):  # Debian's wrapper without a client behind it, for one
            await run(path, "--version", env=child_environment())
            return path
    raise DatabaseError(f"there is no {name} on this machine", _INSTALL.format(client="postgresql-client"))


async def fitting(name: str, major: int, *, or_older: bool = False) -> Program:
    """Return the program for a server (or dump) of a major version: the same one, or else the next newer one.

    Args:
        name: of the program.
        major: the version.
        or_older: take the newest older one where there is no other; it says by itself when it does not do.

    Raises:
        DatabaseError: there is none on this machine.
    """
    found: dict[int, Path] = {}
    for path in _installed(name):
        match = None
        with contextlib.suppress(DatabaseError, OSError):  # Debian's wrapper without a client behind it, for one
            match = re.search(r"(\d+)", await run(path, "--version", env=child_environment()))
        if match:
            found.setdefault(int(match.group(1)), path)
    fits = [version for version in sorted(found) if version >= major] or (sorted(found)[-1:] if or_older else [])
    if not fits:
        have = ", ".join(map(str, sorted(found))) or "none"
        raise DatabaseError(
            f"{name} of version {major} or later is needed; on this machine: {have}",
            _INSTALL.format(client=f"postgresql-client-{major}"),
        )
    return Program(found[fits[0]], fits[0])


def _installed(name: str) -> Iterator[Path]:
    named = os.environ.get("PGBIN")
    if named and (Path(named) / name).is_file():
        yield Path(named) / name
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
