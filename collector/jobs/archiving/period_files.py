"""A period's new file, of rows and verified objects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from collector.archive import bar_files, bar_schemas
from collector.archive.file_facts import FileFacts, SessionVerdicts
from collector.archive.places import Place
from collector.config import Settings
from collector.db.archive import manifest, whole_rows
from collector.db.archive.manifest import ArchiveObject, NewSession, Partition
from collector.db.archive.whole_rows import Copied
from collector.db.connection.pool import Database
from collector.domain.errors import ArchiveDamaged, ArchiveRefused, NotASession, ObjectMissing
from collector.domain.market_data.data_sets import DataSet, InstrumentKind
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.spans import Span
from collector.jobs.archiving.exchange import AtStep, Step, in_thread, verified
from collector.jobs.archiving.periods import Period
from collector.market.calendar import Calendar

_PIECE = 2**20


@dataclass(frozen=True, slots=True)
class Built:
    """A period's new file. carried: sessions that the database has no bars of any more, taken from the old object."""

    file: Path
    facts: FileFacts
    sessions: tuple[NewSession, ...]
    carried: int


@dataclass(slots=True)
class _Sources:
    """What a file is made of: days by file, and of each day its change number and what is known of it."""

    files: list[tuple[Path, list[date]]] = field(default_factory=list)
    changes: dict[date, int] = field(default_factory=dict)
    states: dict[date, SessionVerdicts] = field(default_factory=dict)
    held: dict[int, list[Partition]] = field(default_factory=dict)

    def keep(self, session: Partition, change: int) -> None:
        """Take a session from the object that holds it."""
        assert session.held is not None  # noqa: S101 - whoever calls has looked
        self.held.setdefault(session.held.object_id, []).append(session)
        self.changes[session.day] = change


class PeriodFiles:
    """Makes the files of periods.

    Args:
        db: the database.
        place: where the old objects lie.
        settings: which series are collected.
        calendar: the exchange's.
        folder: where the files are made.
        at_step: is told each step.
    """

    def __init__(
        self, db: Database, place: Place, settings: Settings, calendar: Calendar, folder: Path, at_step: AtStep
    ) -> None:
        self._db, self._place, self._settings, self._calendar = db, place, settings, calendar
        self._folder, self._at_step = folder, at_step

    async def build(self, period: Period, objects: dict[int, ArchiveObject]) -> Built:
        """Make the file that a period's object is to be.

        Args:
            period: which.
            objects: those of the manifest, by id.

        Raises:
            ArchiveRefused: it would have fewer bars of a session than the archive has, and no revision tells why.
            ArchiveDamaged, ObjectMissing: an old object is not what it was, and the database has no bars in its place.
            DatabaseUnavailable, DatabaseError: the database cannot be read.
            OSError: a file cannot be written.
        """
        if not objects.keys() >= set(period.objects):
            raise ArchiveRefused(
                f"{self._place.name}/{period.path}", "the object that had it was just replaced", "run it again"
            )
        sources = _Sources()
        absent = await self._copy(period, period.changed, sources)
        carried = [one for one in absent if one.held is not None and one.held.rows]
        for one in period.sessions:
            if one.is_current and one.held is not None:
                sources.keep(one, one.held.change)
        await self._take_held(period, sources, objects)
        file = self._folder / "object.parquet"
        if len(sources.files) == 1 and not sources.held:
            [(written, _)] = sources.files
            facts = await in_thread(self._db.clock, bar_files.read_back, written, period.data_set)
            file = written
        else:
            facts = await in_thread(
                self._db.clock, bar_files.merge, sources.files, file, period.data_set, period.symbol, sources.states
            )
        self._check(period, sources, facts)
        self._at_step(Step.WRITTEN)
        return Built(file, facts, _sessions(sources, facts), len(carried))

    async def _copy(self, period: Period, sessions: Sequence[Partition], sources: _Sources) -> list[Partition]:
        """Take sessions from the database; return those of which it has no bars, kept as the archive has them."""
        absent = []
        together = period.data_set.kind is InstrumentKind.UNDERLYING  # of one instrument: days follow each other
        text = self._folder / "rows.csv"
        days: list[date] = []
        for session in sessions:
            with text.open("ab" if together and days else "wb") as out:
                copied = await whole_rows.copy_session(self._db, session, *self._expected(session), to=out.write)
            self._at_step(Step.COPIED)
            if not copied.rows and session.held is not None and session.held.rows:
                sources.keep(session, copied.change)
                absent.append(session)
                continue
            await self._require_enough(period, session, copied)
            sources.changes[session.day] = copied.change
            sources.states[session.day] = SessionVerdicts(copied.settled, dict(copied.slots))
            days.append(session.day)
            if not together:
                await self._write(period, text, [session.day], sources)
                days.clear()
        if days:
            await self._write(period, text, days, sources)
        text.unlink(missing_ok=True)
        return absent

    async def _write(self, period: Period, text: Path, days: list[date], sources: _Sources) -> None:
        file = self._folder / f"{days[0]}-{len(days)}.parquet"
        states = {day: sources.states[day] for day in days}
        await in_thread(self._db.clock, _written, file, period.data_set, period.symbol, text, states)
        sources.files.append((file, list(days)))

    async def _take_held(self, period: Period, sources: _Sources, objects: dict[int, ArchiveObject]) -> None:
        """Take from old objects what is kept of them, once their bytes are verified; else from the database."""
        for number, sessions in sorted(sources.held.items()):
            file = self._folder / f"held-{number}.parquet"
            try:
                file, known = await self._held(objects[number], sessions, file)
            except (ObjectMissing, ArchiveDamaged):
                del sources.held[number]
                if await self._copy(period, sessions, sources):  # gone from the database, too
                    raise
                continue
            days = [one.day for one in sessions]
            sources.files.append((file, days))
            sources.states.update({day: known[day] for day in days})

    async def _held(
        self, one: ArchiveObject, sessions: Sequence[Partition], file: Path
    ) -> tuple[Path, Mapping[date, SessionVerdicts]]:
        """Return an old object as a file, its bytes verified, and what was known of the sessions that it holds."""
        file = await verified(self._db, self._place, one, file)
        known = await in_thread(self._db.clock, bar_files.sessions_of, file)
        if lacking := [str(session.day) for session in sessions if session.day not in known]:
            raise ArchiveDamaged(f"{self._place.name}/{one.path}", f"it does not hold {', '.join(lacking)}")
        return file, known

    async def _require_enough(self, period: Period, session: Partition, copied: Copied) -> None:
        """Refuse a session of which the archive has more bars than the database, unless revisions tell of each."""
        if session.held is None and not copied.rows:
            await self._require_nowhere_else(period, session)
        if session.held is None or (short := session.held.rows - copied.rows) <= 0:
            return
        gone = await whole_rows.revised_away(self._db, session, session.held.object_id)
        if gone < short:
            raise ArchiveRefused(
                f"{self._place.name}/{period.path}",
                f"the archive has {short:,} bars of {session.symbol} on {session.day} that the database lacks, "
                f"and revisions tell of {gone:,}",
                f"the archive keeps its bars; put them back: collector archive restore --since {session.day} "
                f"--symbol {session.symbol}",
            )

    async def _require_nowhere_else(self, period: Period, session: Partition) -> None:
        """Refuse to call a session empty whose bars only another place has: the archive was moved without them."""
        found = await manifest.elsewhere(self._db, self._place.name, session)
        if found is not None:
            place, bars = found
            raise ArchiveRefused(
                f"{self._place.name}/{period.path}",
                f"the database has no bars of {session.symbol} on {session.day} any more, and {place} has {bars:,}",
                "copy that place here and tell the manifest: docs/archive-places.md, `To move an archive`",
            )

    def _expected(self, session: Partition) -> tuple[Span, Sequence[WhatToShow]]:
        """Return the slots of a session and the series that are expected; none of a day that is no session."""
        option = session.data_set.kind is InstrumentKind.OPTION
        series = self._settings.series_for(session.symbol) if option else session.data_set.series
        try:
            found = self._calendar.session(session.symbol, session.day)
        except NotASession:
            return whole_rows.utc_day(session.day), ()
        return session.data_set.span(found), series

    def _check(self, period: Period, sources: _Sources, facts: FileFacts) -> None:
        """Make sure that what was kept of old objects is what the manifest says, session by session."""
        found = {one.day: one.hash for one in facts.sessions}
        for session in (one for kept in sources.held.values() for one in kept):
            expected = "" if session.held is None else session.held.hash
            if found.get(session.day, "") != expected:
                raise ArchiveDamaged(
                    f"{self._place.name}/{period.path}", f"{session.day} is not what the manifest says it holds"
                )


def _sessions(sources: _Sources, facts: FileFacts) -> tuple[NewSession, ...]:
    rows = {one.day: one for one in facts.sessions}
    return tuple(
        NewSession(
            day,
            change,
            rows[day].rows if day in rows else 0,
            rows[day].hash if day in rows else "",
            sources.states[day].settled,
        )
        for day, change in sorted(sources.changes.items())
    )


def _written(file: Path, data_set: DataSet, symbol: str, text: Path, states: dict[date, SessionVerdicts]) -> FileFacts:
    return bar_files.write(file, data_set, symbol, bar_schemas.tables(data_set, _pieces(text)), states)


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as text:
        while piece := text.read(_PIECE):
            yield piece
