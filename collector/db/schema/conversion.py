"""Move bars of earlier schemas into the store.

Bars of a database from before revision 0007 wait as decimals in the schema `decimals`, in the tables and chunks in
which they always lay. They go to the store a day of UTC at a time, the newest first, each in one transaction in which
every number of the day is compared. A day is always in exactly one of the two places, and the views show both, so that
whoever reads bars notices nothing. Whatever ends the work, it goes on where it stopped when it is called again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog

from collector.clock import Clock
from collector.db.connection.locks import Lock
from collector.db.connection.pool import Database
from collector.db.connection.statements import of
from collector.db.schema import features, timescale
from collector.db.schema.features import StorageSettings
from collector.db.schema.timescale import Edition, Session
from collector.domain.errors import DatabaseError, DatabaseUnavailable
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN

UPGRADE = "run: collector db upgrade"

_DECIMALS = "decimals"
_BAR_VIEWS = ("views/option_bars_5min", "views/option_bars_5min_float8", of("schema/view", UNDERLYING_BARS_5MIN))
_LOCK_ATTEMPTS = 20
_BETWEEN_ATTEMPTS_S = 1.0
"""Readers that queue behind us get their turn; each attempt waits as long as any statement waits for a lock."""

_ROWS_PER_S = (20_000, 80_000)
"""Days moved, compared, compressed and refreshed: 28,000 on two cores that others kept busy, more on idle ones."""
_ROW_BYTES = 205
"""A bar in the store with its index, as it is written."""
_COMPRESSED_ROW_BYTES = (17, 31)
"""Of days with quotes in each slot, and of days with few."""

log = structlog.get_logger()


class Day(NamedTuple):
    """A day of UTC that has bars in decimals; start: aware."""

    start: datetime
    option_bars: int
    underlying_bars: int

    @property
    def end(self) -> datetime:
        """Return the midnight after it."""
        return self.start + timedelta(days=1)

    @property
    def bars(self) -> int:
        """Return the number of its bars."""
        return self.option_bars + self.underlying_bars


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is still to be moved.

    days: the newest first; none: there is nothing to do. begun: the schema has been upgraded, so that runs wait for the
    rest. bytes: what the bars take now. chunked: each day gives its room back as it goes, else all do at the end.
    """

    days: tuple[Day, ...] = ()
    begun: bool = False
    bytes: int = 0
    chunked: bool = False
    edition: Edition = Edition.NONE

    @property
    def bars(self) -> int:
        """Return the number of bars."""
        return sum(day.bars for day in self.days)

    @property
    def counted(self) -> str:
        """Return the number of days, in words."""
        return "1 day" if len(self.days) == 1 else f"{len(self.days)} days"

    @property
    def seconds(self) -> tuple[float, float]:
        """Return how long it may take, from a quiet machine to a busy one."""
        slow, fast = _ROWS_PER_S
        return self.bars / fast, self.bars / slow

    @property
    def bytes_meanwhile(self) -> int:
        """Return the free space that the work needs."""
        if self.chunked:
            return 2 * _ROW_BYTES * max((day.bars for day in self.days), default=0)  # the rows and the server's log
        return _ROW_BYTES * self.bars

    @property
    def bytes_afterwards(self) -> tuple[int, int]:
        """Return what the same bars will take."""
        least, most = _COMPRESSED_ROW_BYTES if self.edition is Edition.COMMUNITY else (_ROW_BYTES, _ROW_BYTES)
        return least * self.bars, most * self.bars


class Progress(NamedTuple):
    """A day that has been moved, how many have been of how many, and how long the work takes so far."""

    day: Day
    done: int
    days: int
    seconds: float


async def remaining(url: str, clock: Clock | None = None) -> Remaining:
    """Return what of a database of the collector's is still to be moved; changes nothing.

    Raises:
        DatabaseUnavailable, DatabaseError: see `collector.db.connection.pool.connect`.
    """
    async with timescale.session(url, clock) as session:
        schema = await _schema(session)
        if schema is None:
            return Remaining()
        async with session.transaction():
            await session.execute("upgrade/look_at_decimals")
            days = await _days(session)
            [found] = await session.fetch("upgrade/chunked")
            [measured] = await session.fetch("upgrade/bytes_of_chunks" if found["chunked"] else "upgrade/bytes")
        edition = (await session.server()).edition
    return Remaining(days, schema == _DECIMALS, measured["bytes"], found["chunked"], edition)


async def require_finished(db: Database) -> None:
    """Refuse to write bars while some of the same slots may still lie in decimals.

    Raises:
        DatabaseError: bars are still to be moved.
    """
    if await db.fetchval("has_decimals"):
        left = await remaining(db.url, db.clock)
        raise DatabaseError(f"the upgrade of the database is not finished: {words(left)}", UPGRADE)


def words(left: Remaining) -> str:
    """Return what is left to do, for a person."""
    return f"{left.counted} {'has' if len(left.days) == 1 else 'have'} still to be moved ({left.bars:,} bars)"


async def convert(
    url: str,
    clock: Clock,
    lock: Lock,
    settings: StorageSettings | None = None,
    on_day: Callable[[Progress], None] = lambda _: None,
) -> tuple[str, ...]:
    """Move into the store what lies in decimals, a day at a time, and drop that schema; does nothing without it.

    The schema is this version's and has its features: see `migrate.upgrade` and `features.apply`.

    Args:
        url: the database; its owner's login.
        clock: held while the server works; its now decides what is old enough to be compressed.
        lock: the collection lock; no run may begin meanwhile.
        settings: after how many days bars are compressed.
        on_day: told after each day.

    Returns:
        What a person should know of it, a sentence each.

    Raises:
        LockHeld: another process took the lock meanwhile.
        DatabaseUnavailable: the server went away, or readers would not let go of a table; what has been moved stays.
        DatabaseError: a day would not have been in the store what it was; it stays where it is.
    """
    async with timescale.session(url, clock) as session:
        if await _schema(session) != _DECIMALS:
            return ()
        await session.execute("upgrade/fitting_option_bars")
        await session.execute("upgrade/fitting_underlying_bars")
        edition = (await session.server()).edition
        days, unfit = await _days(session), _Unfit()
        began = clock.monotonic()
        for done, day in enumerate(days, 1):
            await lock.keep()
            async with session.transaction():
                found = await _moved(session, day)
            unfit += found
            for note in found.notes():  # now: an interruption would take the sum along
                log.warning("bars_do_not_fit", day=str(day.start.date()), note=note)
            if edition is Edition.COMMUNITY:
                await _compress(session, settings or StorageSettings(), day.start)
                if day.end <= clock.now():  # what is not over is computed when it is read
                    await features.refresh(session, day.start, day.end)
            progress = Progress(day, done, len(days), clock.monotonic() - began)
            log.info("day_moved", day=str(day.start.date()), bars=day.bars, done=done, days=len(days))
            on_day(progress)
        if edition is Edition.COMMUNITY:  # what an interruption has left, and the chunks that hold more than a day
            await _compress(session, settings or StorageSettings(), datetime.min.replace(tzinfo=UTC))
            await features.refresh(session)
        await _finish(session)
    return unfit.notes()


@dataclass(frozen=True, slots=True)
class _Unfit:
    """What the store cannot hold: series in the quarantine, slots without their Greeks, slots of a wrong kind."""

    series: int = 0
    greeks: int = 0
    relabelled: int = 0

    def __add__(self, other: "_Unfit") -> "_Unfit":
        return _Unfit(self.series + other.series, self.greeks + other.greeks, self.relabelled + other.relabelled)

    def notes(self) -> tuple[str, ...]:
        """Return what a person should know, a sentence each."""
        said = (
            (self.series, "bars held numbers that no column holds: they are in quarantined_bars, and asked for again"),
            (self.greeks, "bars had Greeks that no column holds, which are NULL now"),
            (self.relabelled, "bars named another data_source than their prices have; the prices decide now"),
        )
        return tuple(f"{number:,} {sentence}" for number, sentence in said if number)


async def _schema(session: Session) -> str | None:
    """Return the schema in which bars in decimals lie, None without any."""
    found = [str(row["schema"]) for row in await session.fetch("upgrade/bars_schema")]
    return _DECIMALS if _DECIMALS in found else next(iter(found), None)


async def _days(session: Session) -> tuple[Day, ...]:
    async with session.transaction():
        await session.execute("upgrade/look_at_decimals")
        rows = await session.fetch("upgrade/days")
    return tuple(Day(row["day"].astimezone(UTC), row["option_bars"], row["underlying_bars"]) for row in rows)


async def _moved(session: Session, day: Day) -> _Unfit:
    """Move a day, within a transaction, and return what of it did not fit."""
    unfit = await _set_apart(session, day)
    for kind in ("option", "underlying"):
        await session.execute(f"upgrade/move_{kind}_bars", day.start, day.end)
        [compared] = await session.fetch(f"upgrade/compare_{kind}_bars", day.start, day.end)
        if compared["bars"]:
            raise DatabaseError(
                f"{compared['bars']} bars of {day.start:%Y-%m-%d} would not be in the store what they were; the day "
                "stays as it is",
                "report it, with the rows of that day in the schema decimals",
            )
    await _lock(session)
    [found] = await session.fetch("upgrade/chunked")
    if found["chunked"]:
        await session.execute("upgrade/drop_chunk", day.start, day.end)
    for kind in ("option", "underlying"):
        await session.execute(f"upgrade/delete_{kind}_bars", day.start, day.end)
    return unfit


async def _set_apart(session: Session, day: Day) -> _Unfit:
    """Put what does not fit into the quarantine, and return what it is."""
    now, unfit = session.clock.now(), _Unfit()
    for kind, data_set in (("option", OPTION_BARS_5MIN), ("underlying", UNDERLYING_BARS_5MIN)):
        [counted] = await session.fetch(f"upgrade/count_unfit_{kind}_bars", day.start, day.end)
        series = 0
        if counted["bars"]:
            await session.execute("upgrade/create_unfit_bars")
            await session.execute(f"upgrade/find_unfit_{kind}_bars", day.start, day.end)
            [refused] = await session.fetch("upgrade/refuse_unfit_bars", now, data_set.id, data_set.bar_size)
            await session.execute("upgrade/drop_unfit_bars")
            series = refused["bars"]
        unfit += _Unfit(series, counted["greeks"], counted["relabelled"])
    return unfit


async def _lock(session: Session) -> None:
    """Keep readers out until the transaction ends; a day's work is not lost while they stay."""
    await _unhurried(session, ["upgrade/lock_decimals"])


async def _finish(session: Session) -> None:
    """Let the views show the store alone, and drop the schema; the views first, as readers take them."""
    await _unhurried(session, [*_BAR_VIEWS, "upgrade/drop_decimals"])


async def _unhurried(session: Session, names: Sequence[str]) -> None:
    """Run together statements that need tables to themselves, again and again while somebody is at them."""
    for attempt in range(1, _LOCK_ATTEMPTS + 1):
        try:
            async with session.transaction():  # a savepoint within another
                for name in names:
                    await session.execute(name)
        except DatabaseUnavailable:
            if attempt == _LOCK_ATTEMPTS or session.connection.is_closed():
                raise
        else:
            return
        await session.clock.sleep(_BETWEEN_ATTEMPTS_S)


async def _compress(session: Session, settings: StorageSettings, start: datetime) -> None:
    border = session.clock.now() - timedelta(days=settings.compress_after_days)
    for row in await session.fetch("upgrade/uncompressed", border, start):
        await session.execute("upgrade/compress", row["chunk"])
