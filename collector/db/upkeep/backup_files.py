"""Backups as files: dumps with their manifests.

A backup is two files: `collector-20261120T070000Z.dump` (pg_dump's custom format) and, last, the same name with
`.json`, the manifest, without which a dump counts as unfinished. Backups of a folder are numbered, and the numbers, not
the dates, say which is newer: a clock that was wrong for a morning must not decide what goes.
"""

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from collector.domain.errors import DatabaseError
from collector.machine import whole_files

KEPT_AT_LEAST = 7
"""So many of the newest stay, whatever their age."""

_STAMP = "%Y%m%dT%H%M%SZ"
_DUMP = re.compile(r"collector-(\d{8}T\d{6}Z)(?:-\d{1,3})?\.dump")
_CLOCKS_DIFFER = timedelta(hours=1)
"""A backup from further in the future was made while the clock was wrong."""

_Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished backup.

    path: the dump. taken_at: aware UTC. bytes: its size. server, extension, edition, revision: of the database that
    was dumped (extension None without TimescaleDB). program: major version of the pg_dump that wrote it. number: the
    newer the higher, 0 of versions that did not count. sha256: of the dump. collector: the version that made it.
    configuration: every setting in force, without secrets. The last three are empty where an earlier version made it.
    """

    path: Path
    taken_at: AwareDatetime
    bytes: _Count
    server: Annotated[str, Field(pattern=r"^\d+")]
    extension: str | None
    edition: str
    revision: str
    program: _Count
    number: _Count = 0
    sha256: str = ""
    collector: str = ""
    configuration: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def major(self) -> int:
        """Return the major version of the server that was dumped."""
        return int(re.split(r"\D", self.server, maxsplit=1)[0])


_MANIFEST = TypeAdapter(Backup)


def backups(folder: Path) -> tuple[Backup, ...]:
    """Return the finished backups of a folder, oldest first; a dump without manifest or of another size is none."""
    found = []
    for manifest in folder.glob("collector-*.json"):
        with contextlib.suppress(DatabaseError):
            found.append(read(manifest.with_suffix(".dump")))
    return in_order(found)


def next_number(folder: Path) -> int:
    """Return the number of the next backup of a folder."""
    return max((kept.number for kept in backups(folder)), default=0) + 1


def latest(folder: Path) -> datetime | None:
    """Return when the newest finished backup of a folder was taken (aware UTC), None without one."""
    kept = backups(folder)
    return kept[-1].taken_at if kept else None


def missing(folder: Path, due: datetime, now: datetime) -> str | None:
    """Return what is wrong with the backups of a folder, for an alert; None when one was taken since it was due."""
    taken = latest(folder)
    if taken is None:
        return f"there is no backup in {folder}"
    if taken - now > _CLOCKS_DIFFER:
        return f"the latest backup in {folder} is dated {taken:%Y-%m-%d %H:%M} UTC, which is still to come"
    if taken >= due:
        return None
    return f"the latest backup in {folder} is {(now - taken) / timedelta(hours=1):.0f} hours old"


def read(dump: Path) -> Backup:
    """Return what the manifest of a dump says.

    Raises:
        DatabaseError: there is none, it is damaged, or the dump has another size.
    """
    try:
        kept = parsed(dump.with_suffix(".json").read_text(encoding="utf-8"), dump)
        size = dump.stat().st_size
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise _unfinished(dump, f"its manifest is damaged: {key}: {first['msg'].lower()}") from exc
    except OSError as exc:
        raise _unfinished(dump, f"{exc.filename}: {exc.strerror}") from exc
    except (ValueError, TypeError, RecursionError) as exc:
        raise _unfinished(dump, f"its manifest is damaged: {exc}") from exc
    if size != kept.bytes:
        raise DatabaseError(f"{dump} is damaged: it has not the size that its manifest says", "use another backup")
    return kept


def parsed(manifest: str, dump: Path) -> Backup:
    """Return what a manifest says of the dump at a path.

    Raises:
        ValueError: it is damaged (also RecursionError, TypeError).
    """
    return _MANIFEST.validate_python({**json.loads(manifest), "path": dump})


def written(made: Backup) -> str:
    """Return the manifest of a dump."""
    facts = {**asdict(made), "path": made.path.name, "taken_at": made.taken_at.isoformat()}
    return json.dumps(facts, indent=2) + "\n"


def _unfinished(dump: Path, why: str) -> DatabaseError:
    return DatabaseError(
        f"{dump} is no finished backup: {why}", "a dump needs its manifest, the .json file that was written beside it"
    )


def check_content(kept: Backup) -> None:
    """Read a dump to its end and compare it with its manifest.

    Raises:
        DatabaseError: it holds something else, or it cannot be read.
    """
    try:
        found = whole_files.sha256(whole_files.chunks(kept.path))
    except OSError as exc:
        raise DatabaseError(f"{kept.path} cannot be read: {exc.strerror}", "use another backup") from exc
    if kept.sha256 not in {"", found}:
        raise DatabaseError(f"{kept.path} is damaged: it does not hold what its manifest says", "use another backup")


def fresh(folder: Path, now: datetime) -> Path:
    """Return the name of a dump to be made, at which nothing stands: the clock may have been set back."""
    return folder / free_name(now, (path.name for path in folder.glob("collector-*")))


def instant(name: str) -> datetime | None:
    """Return the instant that a dump's name tells (aware UTC), None where it is no such name."""
    found = _DUMP.fullmatch(name)
    try:
        return None if found is None else datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def free_name(at: datetime, taken: Iterable[str]) -> str:
    """Return the name of a dump of an instant, which none of those that are taken begins with."""
    stamp = f"collector-{at.astimezone(UTC):{_STAMP}}"
    names = (stamp, *(f"{stamp}-{count}" for count in range(2, 1000)))
    stems = {name.partition(".")[0] for name in taken}
    return f"{next(name for name in names if name not in stems)}.dump"


@contextlib.contextmanager
def begun(folder: Path, at: datetime) -> Iterator[tuple[Path, Path]]:
    """Begin a dump: yield its name, at which nothing stands, and the file to be filled (`whole_files.part`)."""
    with contextlib.ExitStack() as stack:
        while True:
            dump = fresh(folder, at)
            with contextlib.suppress(FileExistsError):  # somebody else was quicker, and has that name
                made = stack.enter_context(whole_files.part(dump))
                break
        yield dump, made


def finish(made: Backup) -> None:
    """Write the manifest of a dump, which makes it a backup; where that fails the dump goes, too."""
    manifest = made.path.with_suffix(".json")
    try:
        with whole_files.part(manifest) as draft:
            draft.write_text(written(made), encoding="utf-8")
            whole_files.settle(draft, manifest)
    except OSError:
        made.path.unlink(missing_ok=True)
        raise


def in_order(found: Iterable[Backup]) -> tuple[Backup, ...]:
    """Return backups of one place, oldest first."""
    return tuple(sorted(found, key=lambda kept: (kept.number, kept.taken_at)))


def outlived(found: Sequence[Backup], now: datetime, kept_for: timedelta) -> Iterator[Backup]:
    """Yield the backups of a place that are older than they are to be kept, but for the newest ones.

    Args:
        found: all of them, oldest first.
        now: aware.
        kept_for: how long.
    """
    yield from (kept for kept in found[:-KEPT_AT_LEAST] if now - kept.taken_at > kept_for)


def prune(folder: Path, now: datetime, kept_for: timedelta) -> None:
    """Remove what is older than it is to be kept, but for the newest ones, and what a power cut left unfinished.

    A dump whose manifest cannot be read is nobody's to remove.
    """
    for kept in outlived(backups(folder), now, kept_for):
        kept.path.unlink(missing_ok=True)
        kept.path.with_suffix(".json").unlink(missing_ok=True)
    for left in folder.glob("collector-*.part"):
        with contextlib.suppress(OSError):
            whole_files.remove_unless_locked(left)
