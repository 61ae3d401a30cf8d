"""Drop bars that have become old.

Dropping raw bars that have become old, day by day; what the summaries know of them stays.

What may go is known by partition: the bars that one underlying has of one kind on one day. With an archive it goes only
when the archive holds it as it is at that moment: the bytes of its object were read back from their place just before,
and the rows in them are those of the database, value by value.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple, Protocol, TypeAlias

from collector.clock import Clock
from collector.db.schema import timescale
from collector.db.schema.timescale import Row, Session
from collector.db.upkeep.compaction import refresh_aggregates
from collector.domain.market_data.data_sets import DATA_SETS, OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN, DataSet
from collector.domain.market_data.spans import Span

KeepDays: TypeAlias = Callable[[str, DataSet], int | None]
"""Tells for how many days the bars of a symbol and kind are kept; None: for ever."""

_DAY = timedelta(days=1)


class ArchivedObject(NamedTuple):
    """An object as the manifest knows it. path: below its place. hash: SHA-256 of its bytes, in hexadecimal digits."""

    id: int
    path: str
    bytes: int
    hash: str


class HeldPartition(NamedTuple):
    """The bars of an underlying on a day of UTC, and the object that is said to hold them."""

    object: ArchivedObject
    underlying_id: int
    data_set: DataSet
    day: date


class Archive(Protocol):
    """What retention asks of the archive."""

    @property
    def name(self) -> str:
        """Return the place, as the manifest names it."""

    async def fault(self, held: HeldPartition) -> str:
        """Compare a partition with its object as its place gives it back; return why it is not proved, "" when it is.

        Raises:
            ArchiveError: the place cannot be asked.
            DatabaseUnavailable, DatabaseError: the database cannot be read.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class OldPartition:
    """The bars that an underlying has of a kind on a day of UTC (and so of one session) beyond their age limit.

    bars: how many. bytes: the room that they take, as a share of the table or chunk that they are in. unsettled: those
    for which a series is neither settled nor lost. dropped: they are gone (in a dry run: they would go). why: why they
    are kept, "" when dropped.
    """

    data_set: DataSet
    symbol: str
    day: date
    bars: int
    bytes: int
    unsettled: int
    dropped: bool
    why: str


async def drop_old_bars(
    url: str,
    now: datetime,
    keep_days: KeepDays,
    *,
    archive_before_drop: bool = True,
    archive: Archive | None = None,
    dry_run: bool = False,
    clock: Clock | None = None,
) -> tuple[OldPartition, ...]:
    """Drop the bars that are older than their limit, each day in a transaction of its own.

    Args:
        url: the database; its owner's login, or one with the role collector_rw.
        now: the instant from which ages are counted (aware); the latest bar's where that is earlier.
        keep_days: age in days beyond which raw bars go.
        archive_before_drop: keep what is not settled throughout or not archived as it is.
        archive: which one; None means that there is none, so with `archive_before_drop` everything is kept.
        dry_run: tell what would be done, and change nothing; no object is read back either.
        clock: held while the server works.

    Returns:
        Everything beyond its limit, the oldest of each kind first, with what became of it.

    Raises:
        DatabaseUnavailable, DatabaseError: see `collector.db.connection.pool.connect`; what went before stays dropped.
        ArchiveError: the archive's place cannot be asked; likewise.
    """
    found = []
    async with timescale.session(url, clock) as session:
        today = (await _told(session, now)).astimezone(UTC).date()
        known = await session.fetch("symbols")
        for data_set in DATA_SETS:  # options first: what they need goes after them
            limits = {row["id"]: keep_days(row["symbol"], data_set) for row in known}
            old = {one: today - timedelta(days=days) for one, days in limits.items() if days is not None}
            if old:
                underlyings, borders = list(old), list(old.values())
                place = None if archive is None else archive.name
                needed = data_set is UNDERLYING_BARS_5MIN
                rows = await session.fetch("old_bars", data_set.id, underlyings, borders, place, needed)
                dropping = _Dropping(session, url, data_set, archive if archive_before_drop else None, dry_run=dry_run)
                for day, of_day in itertools.groupby(rows, key=lambda row: row["day"]):
                    found += await dropping.drop(
                        day, [(row, _kept_because(row, place, archive_before_drop)) for row in of_day]
                    )
    return tuple(found)


async def _told(session: Session, now: datetime) -> datetime:
    """Return the instant from which ages are counted: now, but no later than the source has ever sent a bar of.

    A clock that is ahead makes nothing old, and where nothing is collected nothing grows old.
    """
    [row] = await session.fetch("latest_bar")
    return now if row["latest"] is None else min(now, row["latest"])


class _Dropping:
    """Drops what is old of one kind of bars."""

    def __init__(
        self, session: Session, url: str, data_set: DataSet, archive: Archive | None, *, dry_run: bool
    ) -> None:
        self._session = session
        self._url = url
        self._data_set = data_set
        self._archive = archive
        self._dry_run = dry_run

    async def drop(self, day: date, partitions: Sequence[tuple[Row, str]]) -> list[OldPartition]:
        """Drop what may go of a day; the reasons of what may not are given."""
        if not self._dry_run:
            partitions = [(row, why or await self._fault(day, row)) for row, why in partitions]
            going = [row for row, why in partitions if not why]
            if going and (refused := await self._dropped(day, going)):
                partitions = [(row, why or refused) for row, why in partitions]
        return [
            OldPartition(
                data_set=self._data_set,
                symbol=row["symbol"],
                day=day,
                bars=row["bars"],
                bytes=row["bytes"],
                unsettled=row["unsettled"],
                dropped=not why,
                why=why,
            )
            for row, why in partitions
        ]

    async def _fault(self, day: date, row: Row) -> str:
        """Return why the archive does not prove a partition, "" when it does or none is asked for."""
        if self._archive is None:
            return ""
        stored = ArchivedObject(row["object"], row["path"], row["object_bytes"], row["hash"])
        return await self._archive.fault(HeldPartition(stored, row["underlying_id"], self._data_set, day))

    async def _dropped(self, day: date, going: Sequence[Row]) -> str:
        """Drop partitions of a day in one transaction, and return why it could not be done, "" when it was."""
        if self._data_set is OPTION_BARS_5MIN:
            start = datetime.combine(day, time(), UTC)
            await refresh_aggregates(self._url, Span(start, start + _DAY), self._session.clock)
        underlyings = [row["underlying_id"] for row in going]
        objects = None if self._archive is None else [row["object"] for row in going]
        hashes = None if self._archive is None else [row["hash"] for row in going]
        [answer] = await self._session.fetch("drop_day", self._data_set.id, day, underlyings, objects, hashes)
        why: str = answer["why"]
        return why


def _kept_because(row: Row, place: str | None, archive_before_drop: bool) -> str:
    """Return why a partition may not go yet, "" when it may."""
    why = ""
    if row["needed"]:
        why = "the option bars of that day are still there, and their Greeks need it"
    elif not archive_before_drop:
        pass
    elif row["unsettled"]:
        why = f"{row['unsettled']} bars are not settled"
    elif row["gaps"]:
        why = f"{row['gaps']} gaps are open"
    elif place is None:
        why = "there is no archive, and archive_before_drop is on"
    elif row["object"] is None:
        why = "not archived yet"
    elif row["change"] != row["archived_change"]:
        why = "it changed since it was archived"
    elif row["bars"] != row["archived_rows"]:
        why = f"the archive has {row['archived_rows']:,} rows of it"
    return why


async def drop_old_requests(
    url: str, now: datetime, keep_days: int | None, *, dry_run: bool = False, clock: Clock | None = None
) -> int:
    """Drop the record of requests that are older than `keep_days`: whole weeks where there are chunks.

    Returns:
        How many went (in a dry run: would go).

    Raises:
        DatabaseUnavailable, DatabaseError: see `collector.db.connection.pool.connect`.
    """
    if keep_days is None:
        return 0
    async with timescale.session(url, clock) as session:
        border = await _told(session, now) - timedelta(days=keep_days)
        [before] = await session.fetch("old_requests", border)
        if dry_run or not before["requests"]:
            return int(before["requests"])
        await session.execute("drop_requests", border)
        [after] = await session.fetch("old_requests", border)
    return int(before["requests"] - after["requests"])
