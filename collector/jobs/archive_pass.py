"""The pass that keeps the archive true to the database.

What has changed since it was archived is written anew, a period at a time: temporary file, read back, put, read back
again, manifest; only then does what it replaces go. A pass may be killed at any moment and repeated.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import structlog

from collector.archive.layout import CONTRACTS
from collector.archive.places import Place
from collector.config import Settings
from collector.db.archive import manifest
from collector.db.archive.manifest import Partition
from collector.db.connection import locks
from collector.db.connection.pool import Database, Statements
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import (
    ArchiveDamaged,
    ArchiveError,
    ArchiveRefused,
    CollectorError,
    ForeignFile,
    NewerFormat,
    ObjectMissing,
)
from collector.jobs.archiving import contracts_file, periods
from collector.jobs.archiving.exchange import AtStep, Exchange, Step, in_thread
from collector.jobs.archiving.period_files import PeriodFiles
from collector.jobs.archiving.periods import Period
from collector.jobs.archiving.work_folder import default_root, work_folder
from collector.market.calendar import Calendar

_OF_ONE_PERIOD = (ArchiveRefused, ArchiveDamaged, ObjectMissing, ForeignFile, NewerFormat)
"""What stops one period's object, and no other's."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Written:
    """An object that a pass has written.

    sessions: that it holds. carried: those of them that the database has no bars of any more.
    """

    path: str
    symbol: str
    data_set: str
    rows: int
    bytes: int
    sessions: int
    carried: int


@dataclass(frozen=True, slots=True)
class Problem:
    """An object that could not be written, what is wrong and what to do."""

    path: str
    message: str
    hint: str


@dataclass(slots=True)
class Archived:
    """What a pass has done.

    due: objects that were to be written. waiting: those for which there was no time. contracts: whether the file of
    contracts was written. unsettled: sessions that were written before they had settled; they are told as such.
    """

    due: int = 0
    written: list[Written] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    waiting: int = 0
    contracts: bool = False
    unsettled: int = 0

    @property
    def bytes(self) -> int:
        """Return the size of what was written, bytes."""
        return sum(one.bytes for one in self.written)

    @property
    def rows(self) -> int:
        """Return how many bars the written objects hold."""
        return sum(one.rows for one in self.written)


@dataclass(frozen=True, slots=True)
class Planned:
    """An object that a pass would write, and why; sessions: that it would hold."""

    path: str
    symbol: str
    data_set: str
    first: date
    last: date
    sessions: int
    why: str


async def plan(
    db: Statements,
    place_name: str,
    settings: Settings,
    now: datetime,
    symbols: Sequence[str] = (),
    since: date | None = None,
) -> tuple[Planned, ...]:
    """Return the objects that a pass would write, in its order; changes nothing.

    Args:
        db: the database.
        place_name: the archive's place, as `Place.name`.
        settings: when a month has one object.
        now: the current instant.
        symbols: of these only; empty: of all.
        since: periods that reach to this session or beyond it; None: all.
    """
    return tuple(
        Planned(one.path, one.symbol, one.data_set.name, one.first, one.last, len(one.sessions), one.why)
        for one in await _due(db, place_name, settings, now, symbols, since)
    )


async def archive(
    db: Database,
    place: Place,
    settings: Settings,
    calendar: Calendar,
    *,
    symbols: Sequence[str] = (),
    since: date | None = None,
    until: datetime | None = None,
    into: Archived | None = None,
    root: Path | None = None,
    at_step: AtStep = lambda _: None,
    on_object: Callable[[Written | Problem], object] = lambda _: None,
) -> Archived:
    """Bring the archive up to date with the database.

    Args:
        db: the database.
        place: where the objects lie.
        settings: which series are collected, and when a month has one object.
        calendar: the exchange's.
        symbols: of these only; empty: of all.
        since: periods that reach to this session or beyond it; None: all.
        until: no further object is begun from then on; None: no end.
        into: is filled as the pass goes on, so that it tells what was done when the pass fails.
        root: for temporary files.
        at_step: is told each step.
        on_object: is told each object, as it is written or refused.

    Returns:
        What was done; with problems the others are written all the same.

    Raises:
        LockHeld: another process is writing the archive.
        ArchiveRefused: another database's archive lies at the place.
        ArchiveError: the place refuses or cannot be reached, or there is no room for temporary files.
        DatabaseUnavailable, DatabaseError: see `collector.db.connection.pool.connect`.
    """
    done = Archived() if into is None else into
    try:
        async with locks.archive_lock(db):
            with work_folder(root or default_root()) as folder:
                exchange = Exchange(db, place, folder, at_step)
                left = await exchange.begin()
                if left:
                    log.info("archive_leftovers_removed", paths=left)
                await contracts_file.require_ours(db, exchange)
                files = PeriodFiles(db, place, settings, calendar, folder / "period", at_step)
                due = await _due(db, place.name, settings, db.clock.now(), symbols, since)
                done.due = len(due)
                for number, period in enumerate(due):
                    if until is not None and db.clock.now() >= until:
                        done.waiting = len(due) - number
                        break
                    one = await _write(period, exchange, files, folder / "period", done)
                    on_object(one)
                done.contracts = await _contracts(db, exchange, folder, done)
    except OSError as exc:
        if isinstance(exc, CollectorError):
            raise
        raise ArchiveError(
            f"temporary files of the archive cannot be written: {exc.strerror}", "make room on the disk of the cache"
        ) from exc
    return done


async def _contracts(db: Database, exchange: Exchange, folder: Path, done: Archived) -> bool:
    try:
        return await contracts_file.write(db, exchange, folder)
    except _OF_ONE_PERIOD as error:
        log.warning("object_not_archived", path=CONTRACTS, problem=error.message, hint=error.hint)
        done.problems.append(Problem(CONTRACTS, error.message, error.hint))
        return False


async def _due(
    db: Statements,
    place_name: str,
    settings: Settings,
    now: datetime,
    symbols: Sequence[str],
    since: date | None,
) -> list[Period]:
    partitions: list[Partition] = await manifest.partitions(db, place_name, symbols)
    today = now.astimezone(NEW_YORK).date()
    found = periods.of(partitions, today, settings.archive.month_after_days, since)
    return [one for one in found if one.is_due]


async def _write(
    period: Period, exchange: Exchange, files: PeriodFiles, folder: Path, done: Archived
) -> Written | Problem:
    """Write one period's object; what stops it alone is told, and kept."""
    await in_thread(exchange.clock, folder.mkdir, 0o700)
    try:
        built = await files.build(period, exchange.objects)
        path = await exchange.replace(period, built.file, built.facts, built.sessions)
    except _OF_ONE_PERIOD as error:
        problem = Problem(period.path, error.message, error.hint)
        log.warning("object_not_archived", path=period.path, problem=error.message, hint=error.hint)
        done.problems.append(problem)
        return problem
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    facts = built.facts
    written = Written(
        path, period.symbol, period.data_set.name, facts.rows, facts.bytes, len(built.sessions), built.carried
    )
    changed = {one.day for one in period.changed}
    done.unsettled += sum(not one.settled for one in built.sessions if one.day in changed)
    done.written.append(written)
    log.info("object_archived", path=path, rows=facts.rows, bytes=facts.bytes, carried=built.carried)
    return written


__all__ = ["Archived", "Planned", "Problem", "Step", "Written", "archive", "plan"]
