"""Compare the archive's objects with the manifest."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from collector.archive.places import Place
from collector.clock import Clock
from collector.db.archive import manifest, whole_rows
from collector.db.archive.manifest import ArchiveObject, HeldSession
from collector.db.connection.pool import Database
from collector.db.upkeep.retention import ArchivedObject, HeldPartition
from collector.domain.errors import ArchiveError, DatabaseUnavailable, ObjectMissing, PlaceUnavailable
from collector.domain.market_data.data_sets import DataSet
from collector.jobs.archiving.work_folder import default_root, work_folder
from collector.machine import whole_files

if TYPE_CHECKING:
    from collector.archive.file_facts import SessionFacts

_FRESH_S = 600.0
"""So long retention goes by an object that was read back: those that hold a month are not read once a day of it."""

_PIECE = 2**20

log = structlog.get_logger()


class Finding(StrEnum):
    """What is wrong with an object."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    OTHER_SIZE = "other size"
    OTHER_BYTES = "other bytes"
    OTHER_SESSIONS = "other sessions"
    FOREIGN = "not in the manifest"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of reading an object back.

    path: below its place. bytes: as the manifest says; of a foreign object, as its place says. finding: what is wrong,
    None when nothing is. detail: in words, "" when nothing is.
    """

    path: str
    bytes: int
    finding: Finding | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found: one verdict an object, by path. place: where they lie."""

    place: str
    verdicts: tuple[Verdict, ...]

    @property
    def wrong(self) -> tuple[Verdict, ...]:
        """Return the verdicts on objects with which something is wrong."""
        return tuple(one for one in self.verdicts if one.finding is not None)


async def verify_place(
    db: Database, place: Place, clock: Clock, *, since: date | None = None, deep: bool = False
) -> Verification:
    """Read back every object that the manifest has at a place, and look for objects there that it does not have.

    Args:
        db: the database with the manifest.
        place: where the objects lie.
        clock: stamps the manifest, and is held while files are read.
        since: only objects with sessions since a day, and no foreign ones; None: all.
        deep: read every row, too, and compare each session's with the manifest.

    Raises:
        PlaceUnavailable, PlaceRefused: the place cannot be asked; what was read back before is noted.
    """
    known = await manifest.objects(db, place.name)
    chosen = [one for one in known if since is None or (one.last_session is not None and one.last_session >= since)]
    verdicts = list(await verify(db, place, chosen, clock, deep=deep))
    if since is None:
        lying = await place.objects()
        after = await manifest.objects(db, place.name)  # with those that came meanwhile
        expected = {path for one in after for path in (one.path, *one.leftovers)}
        verdicts += [
            Verdict(one.path, one.bytes, Finding.FOREIGN, "is not in the manifest")
            for one in lying
            if one.path not in expected
        ]
    return Verification(place.name, tuple(sorted(verdicts, key=lambda one: one.path)))


async def verify_part(
    db: Database, place: Place, clock: Clock, *, parts: int, until: datetime | None = None
) -> Verification:
    """Read back those objects that were not read for the longest time, one part of many.

    Args:
        db: the database with the manifest.
        place: where the objects lie.
        clock: as for `verify_place`.
        parts: so many calls read every object.
        until: no further object is begun after this instant; None: all of the part are read.

    Raises:
        PlaceUnavailable, PlaceRefused: as for `verify_place`.
    """
    known = await manifest.objects(db, place.name)
    never = datetime.min.replace(tzinfo=UTC)
    known.sort(key=lambda one: (one.verified_at or never, one.path))
    verdicts: list[Verdict] = []
    for one in known[: -(-len(known) // parts)]:
        if until is not None and clock.now() >= until:
            break
        verdicts += await verify(db, place, [one], clock)
    return Verification(place.name, tuple(sorted(verdicts, key=lambda one: one.path)))


async def verify(
    db: Database, place: Place, objects: Sequence[ArchiveObject], clock: Clock, *, deep: bool = False
) -> tuple[Verdict, ...]:
    """Read objects back from their place and note in the manifest when each was right, or that it was not.

    Returns:
        A verdict an object, in their order; none for one that another process replaced meanwhile.

    Raises:
        PlaceUnavailable, PlaceRefused: as for `verify_place`.
    """
    found = []
    for one in objects:
        verdict, _ = await _verdict(db, place, one, clock, deep=one.data_set if deep else None)
        if verdict.finding is None or await _is_present(db, place, one):
            await _note(db, one, verdict)
            found.append(verdict)
    return tuple(found)


async def _note(db: Database, one: ArchiveObject | ArchivedObject, verdict: Verdict) -> None:
    await manifest.note_verified(db, one.id, db.clock.now() if verdict.finding is None else None)
    if verdict.finding is not None:
        log.error("archive_object_wrong", path=one.path, finding=verdict.finding.value, detail=verdict.detail)


class ReadBack:
    """The archive as retention asks it: what it drops was read back, and is what the database has.

    An object's bytes and rows are read no longer than ten minutes before; the database's rows each time.

    Args:
        db: the database with the manifest.
        place: where the objects lie.
        clock: the time.
    """

    def __init__(self, db: Database, place: Place, clock: Clock) -> None:
        self._db = db
        self._place = place
        self._clock = clock
        self._known: dict[tuple[int, str], tuple[float, str, Mapping[date, SessionFacts]]] = {}

    @property
    def name(self) -> str:
        """Return the place, as the manifest names it."""
        return self._place.name

    async def fault(self, held: HeldPartition) -> str:
        """Compare a partition with its object as its place gives it back; return why it is not proved, "" when it is.

        Raises:
            PlaceUnavailable, PlaceRefused: the place cannot be asked.
            DatabaseUnavailable, DatabaseError: the database cannot be read.
        """
        one, data_set = held.object, held.data_set
        key = (one.id, one.hash)
        read_at, fault, sessions = self._known.get(key, (None, "", {}))
        if read_at is None or self._clock.monotonic() - read_at > _FRESH_S:
            read_at = self._clock.monotonic()
            verdict, sessions = await _verdict(self._db, self._place, one, self._clock, deep=data_set)
            await _note(self._db, one, verdict)
            fault = verdict.detail
            self._known[key] = read_at, fault, sessions
        if fault:
            return f"its object {one.path} {fault}"
        stored = sessions.get(held.day)
        if stored is None:
            return f"its object {one.path} has no rows of {held.day}"
        if stored != await self._present(held):
            return f"the database has other rows of it than its object {one.path}, though no change was counted"
        return ""

    async def _present(self, held: HeldPartition) -> "SessionFacts | None":
        """Return what the database has of a partition; None: rows that no file can hold."""
        from collector.archive import bar_schemas  # noqa: PLC0415 - needs the libraries of the extra `archive`
        from collector.archive.file_facts import RowFacts  # noqa: PLC0415 - likewise

        facts = RowFacts(bar_schemas.schema(held.data_set))
        try:
            with work_folder(default_root()) as folder:
                text = folder / "rows.csv"
                with text.open("wb") as out:
                    async with self._db.snapshot() as snapshot:
                        await whole_rows.copy_rows(snapshot, held.underlying_id, held.data_set, held.day, out.write)

                def add() -> None:
                    with text.open("rb") as rows:
                        for table in bar_schemas.tables(held.data_set, iter(lambda: rows.read(_PIECE), b"")):
                            facts.add(table)

                with self._clock.hold():
                    await asyncio.to_thread(add)
        except (ValueError, OverflowError):
            return None
        except DatabaseUnavailable:
            raise
        except OSError as exc:
            raise _no_copy(f"what the database has of {held.object.path}", exc) from exc
        return next(iter(facts.sessions()), None)


async def _is_present(db: Database, place: Place, one: ArchiveObject) -> bool:
    """Tell whether the manifest still has an object as it was: else another process replaced it meanwhile."""
    return any((known.id, known.hash) == (one.id, one.hash) for known in await manifest.objects(db, place.name))


async def _verdict(
    db: Database, place: Place, one: ArchiveObject | ArchivedObject, clock: Clock, *, deep: DataSet | None = None
) -> "tuple[Verdict, Mapping[date, SessionFacts]]":
    """Return what is wrong with an object's bytes as its place has them.

    Args:
        db: the database with the manifest.
        place: where the object lies.
        one: the object.
        clock: held while files are read.
        deep: whose bars it holds; then its rows are read, too, and each session is compared with the manifest.

    Returns:
        The verdict, and what its sessions hold, by day; empty where it is wrong or not read so deep.
    """

    def wrong(finding: Finding, detail: str) -> "tuple[Verdict, Mapping[date, SessionFacts]]":
        return Verdict(one.path, one.bytes, finding, detail), {}

    try:
        async with _at_hand(place, one.path) as file:
            with clock.hold():
                finding, detail, sessions = await asyncio.to_thread(_read, file, one, deep)
    except ObjectMissing:
        return wrong(Finding.MISSING, f"is missing from {place.name}")
    except OSError as exc:
        if isinstance(exc, PlaceUnavailable):
            raise
        if place.local(one.path) is None:  # what failed was the disk of the copy
            raise _no_copy(one.path, exc) from exc
        return wrong(Finding.UNREADABLE, f"cannot be read: {exc.strerror or exc}")
    if finding is not None:
        return wrong(finding, detail)
    if deep is not None and (other := _difference(await manifest.sessions(db, one.id), sessions)):
        return wrong(Finding.OTHER_SESSIONS, other)
    return Verdict(one.path, one.bytes), sessions


def _difference(said: Sequence[HeldSession], found: "Mapping[date, SessionFacts]") -> str:
    """Return how the manifest's sessions of an object differ from those in its rows, "" when they do not."""
    for one in said:
        if not one.is_own:
            return f"is said to hold a session of {one.day} of another underlying or kind"
        has = found.get(one.day)
        rows = 0 if has is None else has.rows
        if rows != one.rows:
            return f"has {rows:,} rows of {one.day}, not {one.rows:,}"
        if has is not None and has.hash != one.hash:
            return f"has other rows of {one.day} than the manifest says"
    if unnamed := sorted(found.keys() - {one.day for one in said}):
        return f"has rows of {unnamed[0]}, of which the manifest says nothing"
    return ""


@contextlib.asynccontextmanager
async def _at_hand(place: Place, path: str) -> AsyncIterator[Path]:
    """Give an object as a file: where it lies, or a copy that is gone afterwards."""
    lying = place.local(path)
    if lying is not None and lying.is_file():
        yield lying
        return
    with work_folder(default_root()) as folder:
        await place.fetch(path, folder / "object")
        yield folder / "object"


def _no_copy(path: str, exc: OSError) -> PlaceUnavailable:
    return PlaceUnavailable(
        f"{path} cannot be copied to {default_root()}: {exc.strerror or exc}", "check that disk and its room"
    )


def _read(
    file: Path, one: ArchiveObject | ArchivedObject, deep: DataSet | None
) -> "tuple[Finding | None, str, Mapping[date, SessionFacts]]":
    """Return what is wrong with what a disk gives back, and what its sessions hold when their kind is given."""
    size, content = file.stat().st_size, whole_files.sha256(whole_files.chunks(file))
    if size != one.bytes:
        return Finding.OTHER_SIZE, f"has {size:,} bytes, not {one.bytes:,}", {}
    if content != one.hash:
        return Finding.OTHER_BYTES, f"has other bytes: their SHA-256 is {content}, not {one.hash}", {}
    if deep is None:
        return None, "", {}
    from collector.archive import bar_files  # noqa: PLC0415 - needs the libraries of the extra `archive`

    try:
        return None, "", {found.day: found for found in bar_files.session_facts(file, deep)}
    except ArchiveError as exc:
        return Finding.UNREADABLE, f"cannot be read through: {exc.message}", {}
