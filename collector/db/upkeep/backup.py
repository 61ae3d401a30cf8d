"""Make checked backups of the database, and prune old ones.

One consistent dump a day with what is needed to restore it. The restored database equals the dumped one, down to
compressed chunks, aggregates and policies; privileges are given anew by `collector db roles`.
"""

import asyncio
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from collector import __version__
from collector.clock import Clock
from collector.db.connection import driver_errors
from collector.db.connection.statements import query
from collector.db.schema import schema_revisions, timescale
from collector.db.schema.timescale import Edition, Server, Session
from collector.db.server import programs
from collector.db.upkeep import backup_files
from collector.db.upkeep.backup_files import Backup
from collector.domain.errors import BackupError, DatabaseError, DatabaseUnavailable
from collector.machine import whole_files
from collector.machine.child_environment import child_environment

KEPT_DAYS = 30
GIGABYTE = 10**9

_TIMES_THE_LAST = 1.5
_SHARE_OF_DATABASE = 0.5
"""What a first dump may come to: it is compressed, and holds no indices."""


async def backup(
    url: str,
    folder: Path,
    now: datetime,
    *,
    keep_days: int | None = KEPT_DAYS,
    reserve_gb: float = 0.0,
    configuration: Mapping[str, Any] | None = None,
    clock: Clock,
) -> Backup:
    """Dump a database into `folder`, read the dump back to its end, and prune what is older than `keep_days`.

    Collection may go on meanwhile: the dump shows one instant. Nothing is pruned unless the new backup is good.

    Args:
        url: the database; its owner's login (or a superuser's).
        folder: where backups are; created if need be, for the owner's eyes only.
        now: names the backup (aware).
        keep_days: age in days beyond which backups go, but for the newest `backup_files.KEPT_AT_LEAST`; None keeps
            them all.
        reserve_gb: what has to stay free on the folder's disk, gigabytes.
        configuration: the settings in force without secrets, for the manifest.
        clock: held while the server works.

    Raises:
        DatabaseUnavailable: no usable connection.
        BackupError: the disk lacks room, pg_dump is missing or failed, or the folder cannot be written; earlier backups
            stay.
    """
    async with timescale.session(url, clock) as session:
        server = await session.server()
        with clock.hold(), driver_errors.door():
            size = await session.connection.fetchval(query("database_bytes"))
        if server.edition is Edition.COMMUNITY:
            await _make_restorable(session)
    with _refusals(), clock.hold():
        _begin(folder, size, reserve_gb)
        made = await _dumped(url, folder, now, server, clock, configuration or {})
        if keep_days is not None:
            backup_files.prune(folder, made.taken_at, timedelta(days=keep_days))
    return made


async def _dumped(
    url: str, folder: Path, now: datetime, server: Server, clock: Clock, configuration: Mapping[str, Any]
) -> Backup:
    """Dump into a file of another name, and give it its own when it can be read back."""
    program = await programs.fitting("pg_dump", server.server_number // 10_000)
    reader = await programs.fitting("pg_restore", program.major)
    revision = await schema_revisions.current(url, clock) or ""
    with backup_files.begun(folder, now) as (dump, part):
        words = ("--format=custom", f"--file={part}", f"--dbname={programs.conninfo(url)}")
        await programs.run(program.path, *words, env=programs.environment(url))
        await programs.run(reader.path, f"--file={os.devnull}", str(part), env=child_environment())
        content = await asyncio.to_thread(lambda: whole_files.sha256(whole_files.chunks(part)))
        made = Backup(
            dump,
            now.astimezone(UTC).replace(microsecond=0),
            part.stat().st_size,
            server.server,
            server.installed,
            str(server.edition),
            revision,
            program.major,
            backup_files.next_number(folder),
            content,
            __version__,
            configuration,
        )
        whole_files.settle(part, dump)
        backup_files.finish(made)
    return made


async def _make_restorable(session: Session) -> None:
    """Compress afresh what `compress_chunk(…, recompress => true)` has left with sizes of batches that are gone."""
    with _refusals():
        for row in await session.fetch("chunks_of_lost_batches"):
            await session.execute("compress_again", row["chunk"])


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what keeps a backup from being made into BackupError; a server that is gone stays what it is."""
    try:
        yield
    except DatabaseUnavailable:
        raise
    except DatabaseError as exc:
        raise BackupError(f"no backup was made: {exc.message}", exc.hint) from exc
    except OSError as exc:
        raise BackupError(f"cannot write the backup: {exc}", "check the folder and its free space") from exc


def _begin(folder: Path, database_bytes: int, reserve_gb: float) -> None:
    """Make the folder, and refuse what would fill its disk: the next dump is a little larger than the last one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = backup_files.backups(folder)
    needed = kept[-1].bytes * _TIMES_THE_LAST if kept else database_bytes * _SHARE_OF_DATABASE
    free = shutil.disk_usage(folder).free
    if free >= needed + reserve_gb * GIGABYTE:
        return
    raise DatabaseError(
        f"{folder} has {free / GIGABYTE:,.1f} GB free; {needed / GIGABYTE:,.1f} GB for the dump and "
        f"{reserve_gb:,.1f} GB in reserve are needed",
        "make room there, set backup.directory to a larger disk, or keep fewer (backup.keep_days)",
    )
