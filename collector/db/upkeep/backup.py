"""Make, check, prune and restore backups.

One consistent dump a day with what is needed to restore it, checked, pruned, and restored the right way.

A backup is two files: `collector-20261120T070000Z.dump` (pg_dump's custom format) and, last, the same name with
`.json`, the manifest, without which a dump counts as unfinished. The restored database equals the dumped one, down to
compressed chunks, aggregates and policies; privileges are given anew by `collector db roles`.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector.clock import Clock
from collector.db.connection import driver_errors
from collector.db.connection.statements import query
from collector.db.schema import schema_revisions, timescale
from collector.db.schema.timescale import Edition, Server, Session
from collector.db.server import programs
from collector.domain.errors import BackupError, DatabaseError, DatabaseUnavailable
from collector.machine.child_environment import child_environment

KEPT_DAYS = 30
GIGABYTE = 10**9

_TIMES_THE_LAST = 1.5
_SHARE_OF_DATABASE = 0.5
"""What a first dump may come to: it is compressed, and holds no indices."""

_AT_WORK = timedelta(days=1)
"""A dump that is unfinished for longer is nobody's any more."""

_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished backup.

    path: the dump. taken_at: aware UTC. bytes: its size. server, extension, edition, revision: of the database that
    was dumped (extension None without TimescaleDB). program: major version of the pg_dump that wrote it.
    """

    path: Path
    taken_at: datetime
    bytes: int
    server: str
    extension: str | None
    edition: str
    revision: str
    program: int


async def backup(
    url: str, folder: Path, now: datetime, *, keep_days: int | None = KEPT_DAYS, reserve_gb: float = 0.0, clock: Clock
) -> Backup:
    """Dump a database into `folder`, check that the dump can be read, and prune what is older than `keep_days`.

    Collection may go on meanwhile: the dump shows one instant. Nothing is pruned unless the new backup is good.

    Args:
        url: the database; its owner's login (or a superuser's).
        folder: where backups are; created if need be, for the owner's eyes only.
        now: names the backup (aware).
        keep_days: age in days beyond which backups go; None keeps them all.
        reserve_gb: what has to stay free on the folder's disk, gigabytes.
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
    with _refusals():
        _begin(folder)
        _check_room(folder, size, reserve_gb)
        made = await _dumped(url, folder, now, server, clock)
        if keep_days is not None:
            _prune(folder, made.taken_at, timedelta(days=keep_days))
    return made


async def _dumped(url: str, folder: Path, now: datetime, server: Server, clock: Clock) -> Backup:
    """Dump into a file of another name, and give it its own when it can be read back."""
    dump = folder / f"collector-{now.astimezone(UTC):{_STAMP}}.dump"
    part = dump.with_suffix(".part")
    program = await programs.fitting("pg_dump", server.server_number // 10_000)
    try:
        part.touch(mode=0o600)
        with clock.hold():
            await programs.run(program, "--format=custom", f"--file={part}", env=programs.environment(url))
            reader = await programs.fitting("pg_restore", server.server_number // 10_000)
            await programs.run(reader, "--list", str(part), env=child_environment())
            version = await programs.run(program, "--version", env=child_environment())
        made = Backup(
            dump,
            now.astimezone(UTC).replace(microsecond=0),
            part.stat().st_size,
            server.server,
            server.installed,
            str(server.edition),
            await schema_revisions.current(url, clock) or "",
            int(version.split()[2].split(".")[0]),
        )
        part.replace(dump)
        _write_manifest(made)
    finally:
        part.unlink(missing_ok=True)
    return made


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


def _check_room(folder: Path, database_bytes: int, reserve_gb: float) -> None:
    """Refuse to begin what would fill the disk: the next dump is a little larger than the last one."""
    kept = backups(folder)
    needed = kept[-1].bytes * _TIMES_THE_LAST if kept else database_bytes * _SHARE_OF_DATABASE
    free = shutil.disk_usage(folder).free
    if free >= needed + reserve_gb * GIGABYTE:
        return
    raise DatabaseError(
        f"{folder} has {free / GIGABYTE:,.1f} GB free; {needed / GIGABYTE:,.1f} GB for the dump and "
        f"{reserve_gb:,.1f} GB in reserve are needed",
        "make room there, set backup.directory to a larger disk, or keep fewer (backup.keep_days)",
    )


async def restore(path: Path, url: str, clock: Clock) -> Backup:
    """Restore a backup into an empty database; on any failure the database is to be dropped, not used.

    Args:
        path: the dump, its manifest beside it.
        url: an empty database, as a superuser or its owner; made with `createdb`.
        clock: held while the server works.

    Raises:
        DatabaseUnavailable: no usable connection.
        DatabaseError: the database is not empty, the backup is of a later version, the server does not fit it, or
            pg_restore failed.
    """
    kept = _read_manifest(path)
    if kept.revision and kept.revision not in schema_revisions.known():
        raise DatabaseError(
            f"the backup has schema {kept.revision}, which this version of the collector does not know",
            "install the version that made it, or a newer one",
        )
    async with timescale.session(url, clock) as session:
        server = await session.server()
        _check_fit(kept, server)
        [found] = await session.fetch("foreign_tables")
        if found["tables"]:
            raise DatabaseError(
                f"the database is not empty: it has {found['tables']} tables or views",
                "restore into a new database (createdb), then point database.url there",
            )
        if kept.extension:
            server = await _extended(session, server, kept)
            await session.execute("pre_restore")
    program = await programs.fitting("pg_restore", max(kept.program, server.server_number // 10_000))
    words = ("--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={_name(url)}", str(path))
    with clock.hold():
        await programs.run(program, *words, env=programs.environment(url))
    async with timescale.session(url, clock) as session:
        if kept.extension:
            await session.execute("post_restore")
        await session.execute("analyze")
    return kept


def backups(folder: Path) -> tuple[Backup, ...]:
    """Return the finished backups of a folder, oldest first; a dump without manifest or of another size is none."""
    found = []
    for manifest in folder.glob("collector-*.json"):
        try:
            kept = _read_manifest(manifest.with_suffix(".dump"))
        except DatabaseError:
            continue
        found.append(kept)
    return tuple(sorted(found, key=lambda kept: kept.taken_at))


def latest(folder: Path) -> datetime | None:
    """Return when the latest finished backup of a folder was taken (aware UTC), None without one."""
    return max((kept.taken_at for kept in backups(folder)), default=None)


def missing(folder: Path, due: datetime, now: datetime) -> str | None:
    """Return what is wrong with the backups of a folder, for an alert; None when one was taken since it was due."""
    taken = latest(folder)
    if taken is None:
        return f"there is no backup in {folder}"
    if taken >= due:
        return None
    return f"the latest backup in {folder} is {(now - taken) / timedelta(hours=1):.0f} hours old"


def _check_fit(kept: Backup, server: Server) -> None:
    """Refuse a server on which the backup would not be what it was."""
    if server.server_number // 10_000 < int(kept.server.split(".")[0]):
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


async def _extended(session: Session, server: Server, kept: Backup) -> Server:
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
    return server


def _begin(folder: Path) -> None:
    """Make the folder, for the owner's eyes only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _name(url: str) -> str:
    return programs.environment(url)["PGDATABASE"]


def _write_manifest(made: Backup) -> None:
    """Write the manifest in one step, so that it is either there or not."""
    facts = {**asdict(made), "path": made.path.name, "taken_at": made.taken_at.isoformat()}
    part = made.path.with_suffix(".json.part")
    part.write_text(json.dumps(facts, indent=2) + "\n")
    part.replace(made.path.with_suffix(".json"))


def _read_manifest(dump: Path) -> Backup:
    manifest = dump.with_suffix(".json")
    try:
        facts = json.loads(manifest.read_text())
        kept = Backup(**{**facts, "path": dump, "taken_at": datetime.fromisoformat(facts["taken_at"])})
        if dump.stat().st_size == kept.bytes:
            return kept
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise DatabaseError(
            f"{dump} is no finished backup: {exc}",
            "a dump needs its manifest, the .json file that was written beside it",
        ) from exc
    raise DatabaseError(f"{dump} is damaged: it has not the size that its manifest says", "use another backup")


def _prune(folder: Path, now: datetime, kept_for: timedelta) -> None:
    """Remove what is older than it is to be kept, and what a power cut left unfinished."""
    for kept in backups(folder):
        if now - kept.taken_at > kept_for:
            kept.path.with_suffix(".json").unlink(missing_ok=True)
            kept.path.unlink(missing_ok=True)
    for left in folder.glob("collector-*.part"):
        if now.timestamp() - left.stat().st_mtime > _AT_WORK.total_seconds():
            left.unlink(missing_ok=True)
