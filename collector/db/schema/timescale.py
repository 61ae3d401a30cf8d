"""Statements of sql/timescale, and a server's TimescaleDB."""

import contextlib
import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import asyncpg

from collector.clock import Clock, SystemClock
from collector.config.package_files import resource
from collector.db.connection import driver_errors
from collector.db.connection.pool import open_connection
from collector.db.connection.statements import query
from collector.domain.errors import DatabaseError

MINIMUM_POSTGRES = 14
"""The first version with multiranges, which hold the coverage."""

MINIMUM_VERSION = (2, 18, 1)
"""Earlier versions of TimescaleDB lose rows of ON CONFLICT statements on compressed chunks (fixed in 2.18.1)."""

SWIFT_VERSION = (2, 20, 0)
"""Earlier versions are slow at repairing compressed chunks."""


Row: TypeAlias = "asyncpg.Record"


class Edition(StrEnum):
    """What of TimescaleDB a database has."""

    NONE = "none"
    APACHE = "apache"
    COMMUNITY = "community"


@dataclass(frozen=True, slots=True)
class Server:
    """A server as `inspect_server` finds it.

    server: PostgreSQL's version; server_number as in server_version_num. offered, installed: versions of TimescaleDB
    that could be added to this database and that it has. preloaded: the server loads its library. license: apache or
    timescale, None where its library is not at work. workers: how many background jobs may run. owner: whether this
    user owns the collector's tables (before there are any, too). may_create: whether it could make them.
    """

    server: str
    server_number: int
    offered: str | None
    installed: str | None
    preloaded: bool
    license: str | None
    workers: int
    owner: bool = True
    may_create: bool = True

    @property
    def edition(self) -> Edition:
        """Return the edition that is active in this database."""
        if self.installed is None:
            return Edition.NONE
        return Edition.COMMUNITY if self.license == "timescale" else Edition.APACHE


def version(text: str) -> tuple[int, ...]:
    """Return a version as numbers: "2.19.3-dev" is (2, 19, 3)."""
    return tuple(int(part) for part in text.split("-", maxsplit=1)[0].split("."))


_LONGEST_S = 24 * 3600.0
"""Moving years of bars takes hours; a server that is gone without a word must still end the wait some day."""


@functools.cache
def statement(name: str) -> str:
    """Return the text of sql/timescale/NAME.sql, or of sql/FOLDER/NAME.sql when the name holds its folder.

    What `statements.of` names is about one size of underlyings' bars.
    """
    if name.endswith(")"):
        return query(name)
    path = name if "/" in name else f"timescale/{name}"
    return (resource("sql") / f"{path}.sql").read_text(encoding="utf-8")


@contextlib.asynccontextmanager
async def session(url: str, clock: Clock | None = None) -> "AsyncIterator[Session]":
    """Open a connection for maintenance: statements may take long; errors leave by the one door.

    Raises:
        DatabaseUnavailable, DatabaseError: see `collector.db.connection.pool.connect`.
    """
    clock = clock or SystemClock()
    connection = await open_connection(
        url, clock, application_name="collector maintenance", command_timeout_s=_LONGEST_S
    )
    try:
        opened = Session(connection, clock)
        await opened.execute("take_time")
        yield opened
    finally:
        with clock.hold(), contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.close()


class Session:
    """One maintenance connection; statements are named as their files in sql/timescale."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", clock: Clock) -> None:
        self.connection = connection
        self.clock = clock

    async def execute(self, name: str, *args: object) -> None:
        """Run a statement (outside a transaction of its own, as some of TimescaleDB's must)."""
        with self.clock.hold(), driver_errors.door():
            await self.connection.execute(statement(name), *args)

    async def execute_text(self, text: str) -> None:
        """Run a statement that the server itself has put together."""
        with self.clock.hold(), driver_errors.door():
            await self.connection.execute(text)

    async def fetch(self, name: str, *args: object) -> "list[asyncpg.Record]":
        """Run a query and return its rows."""
        with self.clock.hold(), driver_errors.door():
            return list(await self.connection.fetch(statement(name), *args))

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Commit the statements of the block together."""
        with self.clock.hold(), driver_errors.door():
            async with self.connection.transaction():
                yield

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Hold the lock of upgrades for the block."""
        with self.clock.hold(), driver_errors.door():
            await self.connection.execute(query("lock_migrations"))
        try:
            yield
        finally:
            if not self.connection.is_closed():
                with self.clock.hold(), driver_errors.door():
                    await self.connection.execute(query("unlock_migrations"))

    async def server(self) -> Server:
        """Return what the server is and has."""
        [row] = await self.fetch("inspect_server")
        return Server(**dict(row))


def check(server: Server) -> None:
    """Refuse versions that cannot hold the collector's tables, or would lose rows.

    Raises:
        DatabaseError: PostgreSQL or TimescaleDB is too old.
    """
    if server.server_number < MINIMUM_POSTGRES * 10_000:
        raise DatabaseError(
            f"PostgreSQL {server.server} is too old: the collector needs {MINIMUM_POSTGRES} or later",
            "upgrade the server, or use `database.url: embedded`",
        )
    if server.installed and version(server.installed) < MINIMUM_VERSION:
        raise DatabaseError(
            f"TimescaleDB {server.installed} is too old: before {'.'.join(map(str, MINIMUM_VERSION))} it loses rows "
            "that are stored again in compressed chunks",
            "install a newer TimescaleDB, then run `ALTER EXTENSION timescaledb UPDATE` in a new session",
        )
