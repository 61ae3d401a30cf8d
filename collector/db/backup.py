"""Backups: one consistent dump a day with what is needed to restore it, checked, pruned, and restored the right way.

A backup is two files: `collector-20261120T070000Z.dump` (pg_dump's custom format) and, last, the same name with
`.json`, the manifest, without which a dump counts as unfinished. The restored database equals the dumped one, down to
compressed chunks, aggregates and policies; privileges are given anew by `collector db roles`.
"""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from collector.clock import Clock
from collector.db import migrate, programs, timescale
from collector.db.timescale import Edition, Server, Session
from collector.domain.errors import DatabaseError

KEPT_DAYS = 30
DUE_AT = time(2, 0, tzinfo=ZoneInfo("America/New_York"))
"""After the session is settled and before anything else is due."""

_LATE = timedelta(hours=2)
"""How long after its due time a backup may still be at work before it counts as missing."""

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


async def backup(url: str, folder: Path, now: datetime, *, keep_days: int = KEPT_DAYS, clock: Clock) -> Backup:
    """Dump a database into `folder`, check that the dump can be read, and prune what is older than `keep_days`.

    Collection may go on meanwhile: the dump shows one instant. Nothing is pruned unless the new backup is good.

    Args:
        url: the database; its owner's login (or a superuser's).
        folder: where backups are; created if need be, for the owner's eyes only.
        now: names the backup (aware).
        keep_days: age in days beyond which backups go.
        clock: held while the server works.

    Raises:
        DatabaseUnavailable: no usable connection.
        DatabaseError: pg_dump is missing or failed, or the folder cannot be written; earlier backups stay.
    """
    async with timescale.session(url, clock) as session:
        server = await session.server()
    major = server.server_number // 10_000
    dump = folder / f"collector-{now.astimezone(UTC):{_STAMP}}.dump"
    part = dump.with_suffix(".part")
    program = await programs.fitting("pg_dump", major)
    try:
        _begin(part)
        with clock.hold():
            await programs.run(program, "--format=custom", f"--file={part}", env=programs.environment(url))
            reader = await programs.fitting("pg_restore", major)
            await programs.run(reader, "--list", str(part), env=os.environ)
            version = await programs.run(program, "--version", env=os.environ)
        made = Backup(
            dump,
            now.astimezone(UTC).replace(microsecond=0),
            part.stat().st_size,
            server.server,
            server.installed,
            str(server.edition),
            await migrate.current(url, clock) or "",
            int(version.split()[2].split(".")[0]),
        )
        part.replace(dump)
        _write_manifest(made)
    except OSError as exc:
        if isinstance(exc, DatabaseError):
            raise
        raise DatabaseError(f"cannot write the backup: {exc}", "check the folder and its free space") from exc
    finally:
        part.unlink(missing_ok=True)
    _prune(folder, made.taken_at - timedelta(days=keep_days))
    return made


async def restore(path: Path, url: str, clock: Clock) -> Backup:
    """Restore a backup into an empty database; on any failure the database is to be dropped, not used.

    Args:
        path: the dump, its manifest beside it.
        url: an empty database, as a superuser or its owner; made with `createdb`.
        clock: held while the server works.

    Raises:
        DatabaseUnavailable: no usable connection.
        DatabaseError: the database is not empty, the server does not fit the backup, or pg_restore failed.
    """
    kept = _read_manifest(path)
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
            server = await _extended(session, server, kept.extension)
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


def due(folder: Path, now: datetime) -> bool:
    """Tell whether the day's backup is yet to be made: none is younger than the latest 02:00 New York."""
    return _latest(folder) < _latest_due(now)


def missing(folder: Path, now: datetime) -> str | None:
    """Return what is wrong with the backups for an alert, None when the latest due one is there (or still at work)."""
    latest = _latest(folder)
    if latest >= _latest_due(now - _LATE):
        return None
    if latest == datetime.min.replace(tzinfo=UTC):
        return f"there is no backup in {folder}"
    age_h = (now - latest).total_seconds() / 3600
    return f"the latest backup in {folder} is {age_h:.0f} hours old"


def _latest(folder: Path) -> datetime:
    return max((kept.taken_at for kept in backups(folder)), default=datetime.min.replace(tzinfo=UTC))


def _latest_due(now: datetime) -> datetime:
    local = now.astimezone(DUE_AT.tzinfo)
    at = datetime.combine(local.date(), DUE_AT)
    return at if at <= local else datetime.combine(local.date() - timedelta(days=1), DUE_AT)


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


async def _extended(session: Session, server: Server, wanted: str) -> Server:
    """Add TimescaleDB and make sure that it is the very version of the backup, as its documentation demands."""
    if server.installed is None:
        await session.execute("create_extension")
        server = await session.server()
    if server.installed != wanted:
        raise DatabaseError(
            f"the backup needs TimescaleDB {wanted}, this server has {server.installed}",
            f"install TimescaleDB {wanted}, restore, and update the extension afterwards",
        )
    return server


def _begin(part: Path) -> None:
    """Make the folder and an empty file that only the owner may read."""
    part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part.touch(mode=0o600)


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


def _prune(folder: Path, border: datetime) -> None:
    for kept in backups(folder):
        if kept.taken_at < border:
            kept.path.with_suffix(".json").unlink(missing_ok=True)
            kept.path.unlink(missing_ok=True)
