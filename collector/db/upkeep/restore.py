"""Restore a backup into an empty database."""

import asyncio
import re
from asyncio import StreamReader
from collections.abc import AsyncIterator
from pathlib import Path

from collector.clock import Clock
from collector.db.schema import schema_revisions, timescale
from collector.db.schema.timescale import Edition, Server, Session
from collector.db.server import programs
from collector.db.upkeep import backup_files
from collector.db.upkeep.backup_files import Backup
from collector.domain.errors import DatabaseError, DatabaseUnavailable
from collector.machine.child_environment import child_environment

_SETTING = re.compile(rb"SET (\w+) = ")
_OF_THE_HEAD = re.compile(rb"\s*$|--|\\|SET |SELECT pg_catalog\.set_config\(")
_PSQL = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-")
_PART_BYTES = 1 << 20


async def restore(path: Path, url: str, clock: Clock) -> Backup:
    """Restore a backup into an empty database; once it has begun and failed, the database is to be dropped, not used.

    Any pg_restore that can read the dump will do, also one newer than the server: psql runs the script that it makes,
    without the parameters that the server does not know, and stops at the first error.

    Args:
        path: the dump, its manifest beside it.
        url: an empty database, as a superuser or its owner; made with `createdb`.
        clock: held while the server works.

    Raises:
        DatabaseUnavailable: no usable connection.
        DatabaseError: the dump is damaged, the database is not empty, the backup is of a later version, the server does
            not fit it, a program is missing, or the restore failed.
    """
    with clock.hold():
        kept = await asyncio.to_thread(_checked, path)
    if kept.revision and kept.revision not in schema_revisions.known():
        raise DatabaseError(
            f"the backup has schema {kept.revision}, which this version of the collector does not know",
            "install the version that made it, or a newer one",
        )
    with clock.hold():
        reader, psql = await _tools(kept)
    async with timescale.session(url, clock) as session:
        server = await session.server()
        _check_fit(kept, server)
        [found] = await session.fetch("foreign_tables")
        if found["tables"]:
            raise DatabaseError(
                f"the database is not empty: it has {found['tables']} tables or views",
                "restore into a new database (createdb), then point database.url there",
            )
        known = frozenset(row["name"].encode() for row in await session.fetch("server_settings"))
        if kept.extension:
            await _extended(session, server, kept)
            await session.execute("pre_restore")
    try:
        with clock.hold():
            await programs.pipe(
                (reader, "--no-owner", "--no-privileges", "--file=-", str(path)),
                (psql, *_PSQL, f"--dbname={programs.conninfo(url)}"),
                env=programs.environment(url),
                edited=lambda script: known_to_the_server(script, known),
            )
    except DatabaseUnavailable:
        raise
    except DatabaseError as exc:
        raise DatabaseError(exc.message, "the database is half restored: drop it before you try again") from exc
    async with timescale.session(url, clock) as session:
        if kept.extension:
            await session.execute("post_restore")
        await session.execute("analyze")
    return kept


async def known_to_the_server(script: StreamReader, known: frozenset[bytes]) -> AsyncIterator[bytes]:
    """Yield a script of pg_restore without the parameters at its head that a server does not know.

    pg_restore sets those of its own version; older servers refuse the newest. What comes after the head passes as it
    is: there are rows, which may look like anything.

    Args:
        script: as pg_restore writes it.
        known: names of the server's parameters.
    """
    async for line in script:
        setting = _SETTING.match(line)
        if setting is None or setting[1] in known:
            yield line
        if not _OF_THE_HEAD.match(line):
            break
    while part := await script.read(_PART_BYTES):
        yield part


async def _tools(kept: Backup) -> tuple[Path, Path]:
    """Return a pg_restore that can read the dump, and a psql to go with it."""
    reader = await programs.fitting("pg_restore", kept.program, or_older=True)
    psql = await programs.fitting("psql", reader.major)
    try:
        await programs.run(reader.path, "--list", str(kept.path), env=child_environment())
    except DatabaseError as exc:
        raise DatabaseError(exc.message, f"install postgresql-client-{kept.program} or later") from exc
    return reader.path, psql.path


def _checked(path: Path) -> Backup:
    """Return what the manifest says of a dump that holds what it should."""
    kept = backup_files.read(path)
    backup_files.check_content(kept)
    return kept


def _check_fit(kept: Backup, server: Server) -> None:
    """Refuse a server on which the backup would not be what it was."""
    if server.server_number // 10_000 < kept.major:
        raise DatabaseError(
            f"the backup is of PostgreSQL {kept.server}, the server is {server.server}", "use a server as new"
        )
    if kept.extension is None:
        return
    if server.offered is None or not server.preloaded:
        raise DatabaseError(
            f"the backup needs TimescaleDB {kept.extension}, which this server does not have (or load)",
            f"install TimescaleDB {kept.extension} and add it to shared_preload_libraries",
        )
    if kept.edition == Edition.COMMUNITY and server.license == "apache":
        raise DatabaseError(
            "the backup is of the Community edition, the server runs under the Apache license",
            "set timescaledb.license = 'timescale', or use a server with the Community edition",
        )


async def _extended(session: Session, server: Server, kept: Backup) -> None:
    """Add TimescaleDB and make sure that it is the very version of the backup, as its documentation demands."""
    if server.installed is None:
        await session.execute("create_extension")
        server = await session.server()
        _check_fit(kept, server)  # without the extension, a server does not tell its license
    if server.installed != kept.extension:
        raise DatabaseError(
            f"the backup needs TimescaleDB {kept.extension}, this server has {server.installed}",
            f"install TimescaleDB {kept.extension}, restore, and update the extension afterwards",
        )
