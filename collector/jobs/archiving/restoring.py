"""Restore sessions from the archive into a database."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from collector.archive import bar_files, bar_schemas, contracts_file, layout
from collector.archive.file_facts import FileFacts
from collector.archive.layout import CONTRACTS
from collector.archive.places import Place
from collector.db.archive import manifest, restored_rows
from collector.db.archive.manifest import NewObject, NewSession, Partition
from collector.db.connection import locks
from collector.db.connection.pool import Database
from collector.domain.errors import ArchiveRefused
from collector.domain.market_data.data_sets import DATA_SETS, DataSet
from collector.jobs.archiving.exchange import fetched, in_thread
from collector.jobs.archiving.work_folder import default_root, work_folder

_NAMED = {one.name: one for one in DATA_SETS}


@dataclass(frozen=True, slots=True)
class Restored:
    """An object whose sessions were put back. bars: that were not there before. sessions: that were looked at."""

    path: str
    sessions: int
    bars: int


async def restore(
    db: Database,
    place: Place,
    *,
    symbols: Sequence[str] = (),
    since: date | None = None,
    root: Path | None = None,
    on_object: Callable[[Restored], object] = lambda _: None,
) -> list[Restored]:
    """Put sessions of the archive back, with contracts and underlyings, and take the archive over.

    What a row proves is covered: a series with a value in it; it is settled where the archive says that every series of
    the session was. Nothing else counts as known. The database's manifest then has every object of the place that it
    had not, so that the archive's next pass goes on with them.

    Args:
        db: the database; rows that it has stay as they are.
        place: of the archive.
        symbols: of these only; empty: of all.
        since: from this session on; None: all.
        root: for temporary files.
        on_object: is told each object.

    Raises:
        ArchiveRefused: a row is stored with other values, or a contract's id is another's; what went before stays.
        ArchiveDamaged: an object is not whole.
        ForeignFile: an object holds other bars than its path says.
        ArchiveError: the place refuses or cannot be reached.
        LockHeld: another process is writing the archive.
        DatabaseUnavailable, DatabaseError: see `collector.db.connection.pool.connect`.
    """
    done = []
    async with locks.archive_lock(db):
        with work_folder(root or default_root()) as folder, db.clock.hold():
            stored = [one.path for one in await place.objects()]
            known = {one.path for one in await manifest.objects(db, place.name)}
            ids = await _contracts(db, place, folder, symbols) if CONTRACTS in stored else {}
            for path in stored:
                period = layout.parse(path)
                if period is None or (symbols and period.symbol not in symbols):
                    continue
                data_set = _NAMED[period.data_set]
                file = await fetched(db.clock, place, path, folder / "object.parquet")
                facts = await in_thread(db.clock, bar_files.read_back, file, data_set)
                await in_thread(db.clock, bar_files.require_period, file, f"{place.name}/{path}", period)
                if period.symbol not in ids:
                    ids[period.symbol] = await restored_rows.underlying(db, period.symbol)
                before = await _present(db, place, ids[period.symbol], data_set)
                one = await _put_back(db, path, file, data_set, ids[period.symbol], facts, since)
                if one.sessions:
                    done.append(one)
                    on_object(one)
                if path not in known:
                    await _enter(db, place, path, file, data_set, ids[period.symbol], facts, since, before, stored)
    return done


async def _contracts(db: Database, place: Place, folder: Path, symbols: Sequence[str]) -> dict[str, int]:
    """Add underlyings and contracts that are not known, and return the underlyings' ids."""
    file = await fetched(db.clock, place, CONTRACTS, folder / CONTRACTS)
    rows = (await in_thread(db.clock, contracts_file.read_contracts, file)).to_pylist()
    present = [one for one in rows if one["until"] is None and (not symbols or one["symbol"] in symbols)]
    ids = {}
    for symbol in sorted({one["symbol"] for one in present}):
        own = [one for one in present if one["symbol"] == symbol]
        ids[symbol] = await restored_rows.underlying(db, symbol, own[0]["currency"])
        await restored_rows.contracts(db, ids[symbol], own)
    return ids


async def _put_back(
    db: Database, path: str, file: Path, data_set: DataSet, underlying_id: int, facts: FileFacts, since: date | None
) -> Restored:
    days = [one.day for one in facts.sessions if since is None or one.day >= since]
    if not days:
        return Restored(path, 0, 0)
    states = await in_thread(db.clock, bar_files.sessions_of, file)
    settled = [day for day in days if states[day].settled]
    columns = bar_schemas.stored_columns(data_set)
    text = _text(file, data_set, days)
    bars = await restored_rows.put_back(db, data_set, underlying_id, columns, text, settled, path)
    return Restored(path, len(days), bars)


async def _text(file: Path, data_set: DataSet, days: Iterable[date]) -> AsyncIterator[bytes]:
    for piece in bar_files.read_stored(file, data_set, set(days)):
        yield piece


async def _present(db: Database, place: Place, underlying_id: int, data_set: DataSet) -> dict[date, Partition]:
    """Return the sessions of which the database knows anything."""
    known = await manifest.partitions(db, place.name)
    return {one.day: one for one in known if (one.underlying_id, one.data_set) == (underlying_id, data_set)}


async def _enter(
    db: Database,
    place: Place,
    path: str,
    file: Path,
    data_set: DataSet,
    underlying_id: int,
    facts: FileFacts,
    since: date | None,
    before: Mapping[date, Partition],
    stored: Collection[str],
) -> None:
    """Enter an object that was found at the place; what another one holds already is refused.

    It holds the present state of sessions that were put back, from `since` on, and of which the database knew nothing
    `before`. Others it may have with other bars: the next pass looks at them. An object of the manifest that is not
    among those `stored` at the place has been replaced by this one.
    """
    states = await in_thread(db.clock, bar_files.sessions_of, file)
    rows = {one.day: one for one in facts.sessions}
    twice = {day: before[day].held for day in states if day in before}
    held = {one.object_id: one.path for one in twice.values() if one is not None}
    lost = {one.held.object_id for day, one in before.items() if one.held is not None and day not in states}
    if any(one in stored for one in held.values()) or lost & set(held):
        first = min(day for day, one in twice.items() if one is not None)
        raise ArchiveRefused(
            path, f"another object holds {first}, too", "a pass was killed: remove the one that the other replaces"
        )
    unknown = (day for day in rows if day not in before or not before[day].change)
    fresh = {day for day in unknown if since is None or day >= since}
    sessions = [
        NewSession(
            day,
            int(day in fresh),
            rows[day].rows if day in rows else 0,
            rows[day].hash if day in rows else "",
            state.settled,
        )
        for day, state in states.items()
    ]
    new = NewObject(
        place=place.name,
        path=path,
        underlying_id=underlying_id,
        data_set=data_set,
        rows=facts.rows,
        bytes=facts.bytes,
        hash=facts.hash,
        facts=facts.as_json(),
        format=layout.FORMAT,
        sessions=sessions,
    )
    await manifest.enter(db, new, sorted(held))
