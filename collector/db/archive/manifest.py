"""The archive's manifest: which object holds which sessions.

An object's row is written once the object has been read back from its place; each session of a place is in one object.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from collector.db.connection.pool import Database, Statements
from collector.domain.errors import ArchiveRefused
from collector.domain.market_data.data_sets import DATA_SETS, DataSet

_BY_ID = {one.id: one for one in DATA_SETS}


@dataclass(frozen=True, slots=True)
class Held:
    """A session's bars as an object holds them.

    change: `session_changes.change` of the state that it holds. hash: of the session's rows, whichever object they are
    in. settled: every series was settled or lost. is_sound: the object had its bytes when it was last read back.
    """

    object_id: int
    path: str
    change: int
    rows: int
    hash: str
    settled: bool
    is_sound: bool


@dataclass(frozen=True, slots=True)
class Partition:
    """One underlying's bars of one data set on one session.

    change: how often they have changed; 0 where nobody counted. held: what the archive has of them, None: nothing.
    """

    underlying_id: int
    symbol: str
    data_set: DataSet
    day: date
    change: int
    held: Held | None

    @property
    def is_current(self) -> bool:
        """Tell whether the archive holds the present state."""
        return self.held is not None and self.held.change >= self.change


@dataclass(frozen=True, slots=True)
class ArchiveObject:
    """A row of the manifest, see `archive_objects` in the tables' description.

    symbol, data_set: None when it is about all of them, or holds no bars.
    """

    id: int
    path: str
    symbol: str | None
    data_set: DataSet | None
    first_session: date | None
    last_session: date | None
    rows: int
    bytes: int
    hash: str
    format: int
    written_at: datetime
    verified_at: datetime | None
    leftovers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What an archive holds. oldest_unarchived: the first session that it does not hold as it is, None: none."""

    objects: int
    bytes: int
    oldest_unarchived: date | None


@dataclass(frozen=True, slots=True)
class HeldSession:
    """A session that an object is said to hold. is_own: it is of the object's underlying and kind of bars."""

    day: date
    rows: int
    hash: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session of an object that is entered; as `Held`."""

    day: date
    change: int
    rows: int
    hash: str
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewObject:
    """An object that has been read back from its place.

    facts: what was read back beside rows, bytes and hash. leftovers: paths at the place that it makes superfluous.
    """

    place: str
    path: str
    underlying_id: int | None = None
    data_set: DataSet | None = None
    rows: int
    bytes: int
    hash: str
    facts: Mapping[str, Any]
    format: int
    sessions: Sequence[NewSession] = ()
    leftovers: Sequence[str] = ()


async def partitions(db: Statements, place: str, symbols: Sequence[str] = ()) -> list[Partition]:
    """Return every session's bars that have ever changed or that the place holds, by symbol, data set and day.

    Args:
        db: the database.
        place: the archive's, as `Place.name`.
        symbols: of these only; empty: of all.
    """
    rows = await db.fetch("archive_partitions", place, list(symbols) or None)
    return [
        Partition(
            row["underlying_id"],
            row["symbol"],
            _BY_ID[row["data_set"]],
            row["session_date"],
            row["change"] or 0,
            None
            if row["object_id"] is None
            else Held(
                row["object_id"],
                row["path"],
                row["archived_change"],
                row["rows"],
                row["hash"],
                row["settled"],
                row["is_sound"],
            ),
        )
        for row in rows
        if row["data_set"] in _BY_ID
    ]


async def elsewhere(db: Statements, place: str, partition: Partition) -> tuple[str, int] | None:
    """Return at which other place most bars of a session are, and how many; None: at no other."""
    row = await db.fetchrow("archived_elsewhere", place, partition.underlying_id, partition.data_set.id, partition.day)
    return None if row is None else (row["place"], row["rows"])


async def objects(db: Statements, place: str) -> list[ArchiveObject]:
    """Return the objects that the manifest has at a place, by path."""
    return [
        ArchiveObject(
            row["id"],
            row["path"],
            row["symbol"],
            None if row["data_set"] is None else _BY_ID.get(row["data_set"]),
            row["first_session"],
            row["last_session"],
            row["rows"],
            row["bytes"],
            row["hash"],
            row["format"],
            row["written_at"],
            row["verified_at"],
            tuple(row["leftovers"]),
        )
        for row in await db.fetch("archive_objects", place)
    ]


async def standing(db: Statements, place: str) -> Standing:
    """Return what the manifest has at a place, and since when something is missing there."""
    row = await db.fetchrow("archive_standing", place) or {"objects": 0, "bytes": 0, "oldest_unarchived": None}
    return Standing(**row)


async def sessions(db: Statements, object_id: int) -> list[HeldSession]:
    """Return the sessions that the manifest says an object holds, by day."""
    rows = await db.fetch("archived_sessions", object_id)
    return [HeldSession(row["session_date"], row["rows"], row["hash"], row["is_own"]) for row in rows]


async def enter(db: Database, new: NewObject, replaced: Sequence[int] = ()) -> int:
    """Enter an object with its sessions in place of those that it replaces, in one transaction, and return its id.

    Raises:
        ArchiveRefused: what it replaces is not in the manifest any more; nothing is entered.
        DatabaseUnavailable, DatabaseError: nothing is entered.
    """
    days, sessions, settled = [], list(new.sessions), []
    for one in sessions:
        days.append(one.day)
        settled.append(one.settled)
    async with db.transaction() as transaction:
        gone = [await transaction.execute("forget_archive_object", object_id) for object_id in replaced]
        if not all(gone):
            raise ArchiveRefused(new.path, "another process has changed the manifest meanwhile", "run it again")
        number = await transaction.fetchval(
            "record_archive_object",
            new.place,
            new.path,
            new.underlying_id,
            None if new.data_set is None else new.data_set.id,
            new.rows,
            new.bytes,
            new.hash,
            dict(new.facts),
            new.format,
            transaction.clock.now(),
            list(new.leftovers),
            days,
            [one.change for one in sessions],
            [one.rows for one in sessions],
            [one.hash for one in sessions],
            settled,
        )
    return int(number)


async def forget(db: Database, object_id: int) -> None:
    """Take an object out of the manifest: nothing is said of what lies at its path any more."""
    await db.execute("forget_archive_object", object_id)


async def note_leftovers(db: Database, object_id: int, leftovers: Sequence[str]) -> None:
    """Note which paths at its place an object makes superfluous, or is about to be made superfluous by; none: gone."""
    await db.execute("note_archive_leftovers", object_id, list(leftovers))


async def note_verified(db: Database, object_id: int, verified_at: datetime | None) -> None:
    """Note when an object's bytes were read from its place and were right; None: they were not, or it is missing."""
    await db.execute("note_archive_verified", object_id, verified_at)
