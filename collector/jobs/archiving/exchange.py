"""Exchange an object at its place for a new one.

An object that is replaced stays until the manifest has the new one, which lies beside it until then. What is to be
removed is noted first, so that a later pass removes what a killed one has left; nothing else is ever removed.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from collector.archive import bar_files, layout
from collector.archive.file_facts import FileFacts
from collector.archive.places import Place
from collector.clock import Clock
from collector.db.archive import manifest
from collector.db.archive.manifest import ArchiveObject, NewObject, NewSession
from collector.db.connection.pool import Database
from collector.domain.errors import (
    ArchiveDamaged,
    ArchiveError,
    ArchiveRefused,
    ForeignFile,
    ObjectMissing,
    PlaceUnavailable,
)
from collector.jobs.archiving.periods import Period

T = TypeVar("T")


class Step(StrEnum):
    """What a pass has just done; for whoever looks on."""

    COPIED = "copied"
    WRITTEN = "written"
    NOTED = "noted"
    PUT = "put"
    READ_BACK = "read_back"
    ENTERED = "entered"
    REMOVED = "removed"


AtStep = Callable[[Step], object]


async def in_thread(clock: Clock, work: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 - the work's own
    """Do work that blocks in a thread, with time held; what is cancelled meanwhile ends when the work has ended."""
    with clock.hold():
        task = asyncio.ensure_future(asyncio.to_thread(work, *args))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):  # a thread cannot be stopped, and must not be left behind
                await task
            raise


def sha256(path: Path) -> str:
    """Return the hash of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def fetched(clock: Clock, place: Place, path: str, file: Path) -> Path:
    """Return a file with an object's content: the object itself where it can be read in place, else a copy.

    Raises:
        ObjectMissing: there is no such object.
        ArchiveError: the place refuses or cannot be reached.
    """
    own = place.local(path)
    if own is None:
        with clock.hold():
            await place.fetch(path, file)
        return file
    if not own.is_file():
        raise ObjectMissing(place.name, path)
    return own


async def verified(db: Database, place: Place, held: ArchiveObject, file: Path) -> Path:
    """Return a file with an object's content, once its bytes were found to be those of the manifest.

    Raises:
        ObjectMissing, ArchiveDamaged: they are not; the manifest then says that they are not verified.
        ArchiveError: the place refuses or cannot be reached.
    """
    try:
        found = await fetched(db.clock, place, held.path, file)
    except ObjectMissing:
        await manifest.note_verified(db, held.id, None)
        raise
    if await in_thread(db.clock, sha256, found) == held.hash:
        return found
    await manifest.note_verified(db, held.id, None)
    raise ArchiveDamaged(f"{place.name}/{held.path}", "its bytes are not those that were written")


def _has_more(there: FileFacts, new: FileFacts) -> bool:
    """Tell whether a file has more bars of a session than another one."""
    rows = {one.day: one.rows for one in new.sessions}
    return any(one.rows > rows.get(one.day, 0) for one in there.sessions)


class Exchange:
    """The objects of one place and the rows that the manifest has of them, in the hands of a pass.

    Args:
        db: the database.
        place: where the objects lie.
        folder: for copies of objects.
        at_step: is told each step.
    """

    def __init__(self, db: Database, place: Place, folder: Path, at_step: AtStep) -> None:
        self._db, self._place, self._folder, self._at_step = db, place, folder, at_step
        self.clock = db.clock
        self.objects: dict[int, ArchiveObject] = {}

    async def begin(self) -> int:
        """Read the manifest and remove what earlier passes have left; return how many paths there were to remove.

        What an object makes superfluous stays where that object is not: a database that came back from a backup names
        paths that have been used again since.

        Raises:
            PlaceUnavailable: none of the manifest's objects is there, as where a disk is not mounted.
            ArchiveError: the place refuses or cannot be reached.
        """
        self.objects = {one.id: one for one in await manifest.objects(self._db, self._place.name)}
        await self._require_some()
        removed = 0
        for one in self.objects.values():
            if one.leftovers and await self._is_there(one.path, one.hash):
                await self._remove(one.id, one.leftovers)
                removed += len(one.leftovers)
        return removed

    async def _require_some(self) -> None:
        """Make sure that the place is the one which the manifest speaks of."""
        if not self.objects:
            return
        with self.clock.hold():
            lying = {one.path for one in await self._place.objects()}
        if lying.isdisjoint(one.path for one in self.objects.values()):
            raise PlaceUnavailable(
                f"{self._place.name} has none of the {len(self.objects):,} objects that were written there",
                "mount its disk, or put the objects back; where they are lost, name another archive.place",
            )

    async def replace(self, period: Period, file: Path, facts: FileFacts, sessions: Sequence[NewSession]) -> str:
        """Store a period's file and enter it in place of what holds the period now; return the path of its object.

        Raises:
            ArchiveRefused: an object that is not the manifest's would be overwritten or removed for less than it holds.
            ArchiveDamaged: the place gives back other bytes than were put there.
            ArchiveError: the place refuses or cannot be reached.
        """
        replaced = [self.objects[number] for number in period.objects]
        for one in replaced:
            await self._require_ours(one, period, facts)
        path, is_there = await self._path(period, facts, replaced)
        if not is_there:
            if replaced and path not in {one.path for one in replaced}:
                await manifest.note_leftovers(self._db, replaced[0].id, [*replaced[0].leftovers, path])
                self._at_step(Step.NOTED)
            await self._put(path, file)
            await self._compare(path, facts.hash)
            self._at_step(Step.READ_BACK)
        leftovers = sorted({one.path for one in replaced} - {path})
        new = NewObject(
            place=self._place.name,
            path=path,
            underlying_id=period.underlying_id,
            data_set=period.data_set,
            rows=facts.rows,
            bytes=facts.bytes,
            hash=facts.hash,
            facts=facts.as_json(),
            format=layout.FORMAT,
            sessions=sessions,
            leftovers=leftovers,
        )
        number = await manifest.enter(self._db, new, [one.id for one in replaced])
        self._at_step(Step.ENTERED)
        await self._reread()
        if leftovers:
            await self._remove(number, leftovers)
            self._at_step(Step.REMOVED)
        return path

    async def unknown(self, path: str) -> Path | None:
        """Return a file with the content of an object that the manifest does not know; None: there is none."""
        with self.clock.hold():
            there = await self._place.objects(path)
        if any(one.path == path for one in self.objects.values()) or all(one.path != path for one in there):
            return None
        return await fetched(self.clock, self._place, path, self._folder / "unknown.parquet")

    async def others(self, path: str) -> Path | None:
        """Return a file with the content of an object that is not as the manifest has it, or that it does not know."""
        held = next((one for one in self.objects.values() if one.path == path), None)
        if held is None:
            return await self.unknown(path)
        try:
            found = await fetched(self.clock, self._place, path, self._folder / "others.parquet")
        except ObjectMissing:
            return None
        return None if await in_thread(self.clock, sha256, found) == held.hash else found

    async def replace_alone(self, path: str, file: Path, rows: int, facts: Mapping[str, Any]) -> bool:
        """Store an object that the database can always make again, and enter it; tell whether it was another before.

        While it is exchanged the manifest says nothing of it.
        """
        content, size = await in_thread(self.clock, lambda: (sha256(file), file.stat().st_size))
        held = next((one for one in self.objects.values() if one.path == path), None)
        if held is not None and held.hash == content and held.verified_at is not None:
            return False
        if held is not None:
            await manifest.forget(self._db, held.id)
            self._at_step(Step.NOTED)
        await self._put(path, file)
        await self._compare(path, content)
        self._at_step(Step.READ_BACK)
        new = NewObject(
            place=self._place.name,
            path=path,
            rows=rows,
            bytes=size,
            hash=content,
            facts=facts,
            format=layout.FORMAT,
        )
        await manifest.enter(self._db, new)
        self._at_step(Step.ENTERED)
        await self._reread()
        return True

    async def _path(self, period: Period, facts: FileFacts, replaced: Sequence[ArchiveObject]) -> tuple[str, bool]:
        """Return where a period's object goes, and whether it is there already."""
        beside = layout.beside(period.path, facts.hash)
        for one in replaced:
            if one.hash == facts.hash and one.path in (period.path, beside):
                return one.path, await self._is_there(one.path, facts.hash)
        known = {one.path for one in self.objects.values()}
        path = beside if period.path in known else period.path
        return path, await self._is_unknown_and_equal(path, period, facts)

    async def _is_there(self, path: str, content: str) -> bool:
        try:
            await self._compare(path, content)
        except (ObjectMissing, ArchiveDamaged):
            return False
        return True

    async def _is_unknown_and_equal(self, path: str, period: Period, facts: FileFacts) -> bool:
        """Tell whether an object lies at a path that the manifest does not have, and is the very one.

        It may be what a killed pass has put there. Another database's may be more than this one has.

        Raises:
            ArchiveRefused: it holds what the new one does not.
        """
        found = await self.unknown(path)
        if found is None:
            return False
        if await in_thread(self.clock, sha256, found) == facts.hash:
            return True
        hint = (
            "if an earlier database wrote it, take the archive over: collector archive restore; "
            "else name another archive.place"
        )
        try:
            facts_there = await in_thread(self.clock, bar_files.read_back, found, period.data_set)
        except ArchiveError as error:
            raise ArchiveRefused(path, f"a file that nobody knows lies there ({error.message})", hint) from None
        if _has_more(facts_there, facts):
            raise ArchiveRefused(path, "an object with bars that this database has not lies there", hint)
        return False

    async def _require_ours(self, held: ArchiveObject, period: Period, facts: FileFacts) -> None:
        """Make sure that nothing is lost with an object that is to go: it is the manifest's, or has no more than facts.

        The manifest is older than the place where the database came back from a backup.

        Raises:
            ArchiveRefused: it holds what the new one does not.
        """
        try:
            found = await fetched(self.clock, self._place, held.path, self._folder / "replaced.parquet")
            if await in_thread(self.clock, sha256, found) == held.hash:
                return
            facts_there = await in_thread(self.clock, bar_files.read_back, found, period.data_set)
        except (ObjectMissing, ArchiveDamaged, ForeignFile):
            return
        if _has_more(facts_there, facts):
            raise ArchiveRefused(
                f"{self._place.name}/{held.path}",
                "the object that lies there is not the manifest's, and has bars that this database has not",
                "if the database came back from a backup, put these bars back: collector archive restore; "
                "else move that object away, and run it again",
            )

    async def _put(self, path: str, file: Path) -> None:
        with self.clock.hold():
            await self._place.put(path, file)
        self._at_step(Step.PUT)

    async def _compare(self, path: str, content: str) -> None:
        """Read an object from its place and compare its bytes.

        Raises:
            ObjectMissing, ArchiveDamaged: it is not what was put there.
        """
        found = await fetched(self.clock, self._place, path, self._folder / "stored.parquet")
        if await in_thread(self.clock, sha256, found) != content:
            raise ArchiveDamaged(f"{self._place.name}/{path}", "the place gives back other bytes than were put there")

    async def _remove(self, number: int, paths: Sequence[str]) -> None:
        """Remove what an object makes superfluous, but for what the manifest has."""
        known = {one.path for one in self.objects.values()}
        for path in paths:
            if path not in known:
                with self.clock.hold():
                    await self._place.remove(path)
        await manifest.note_leftovers(self._db, number, [])

    async def _reread(self) -> None:
        self.objects = {one.id: one for one in await manifest.objects(self._db, self._place.name)}
