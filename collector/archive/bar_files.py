"""Files of bars.

They are written and read back from the disk, merged, read.

A file's bytes follow from its rows, and from what was known of its sessions: the same give the same bytes, whenever
they are written and in whatever pieces the rows come.
"""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from collector.archive import bar_schemas, opening
from collector.archive.file_facts import FileFacts, RowFacts, SessionFacts, SessionVerdicts
from collector.archive.layout import Period
from collector.archive.whole_numbers import wholes
from collector.domain.errors import ArchiveDamaged, ForeignFile
from collector.domain.market_data.data_sets import DataSet
from collector.machine import whole_files

SESSION_GROUP = 32_768
"""Rows of a row group of a session's file: merging a month holds a part of one of each session in memory."""
PERIOD_GROUP = 131_072
"""Of a file of several sessions."""

_COUNTS = frozenset({"volume", "bar_count", "open_interest"})
"""Few distinct values: a dictionary is smaller there; elsewhere it is larger than differences."""
_PLAIN = frozenset({"has_gaps"})
_READ_ROWS = 2_048
"""Rows of each file that are merged at a time."""
_DAY_US = 86_400_000_000
_EPOCH = date(1970, 1, 1)

_SESSIONS = b"collector.sessions"


def write(
    path: Path, data_set: DataSet, symbol: str, tables: Iterable[pa.Table], sessions: Mapping[date, SessionVerdicts]
) -> FileFacts:
    """Write rows to a file, make it last, read it back from the disk and compare.

    Args:
        path: is replaced if it is there; nobody else may look at it before this returns.
        data_set: whose bars.
        symbol: of the underlying.
        tables: of the data set's schema, ascending by id and time over all of them.
        sessions: what is known of each session, of those without any row, too. More than one makes larger row groups.

    Raises:
        ArchiveDamaged: what was read back is not what was to be written.
        ValueError: rows do not ascend, or belong to none of the sessions; a mistake of the caller.
        OSError: the file cannot be written.
    """
    try:
        with path.open("wb") as file:
            written = _write(file, data_set, symbol, tables, sessions)
            file.flush()
            os.fsync(file.fileno())
        return _compared(path, data_set, written)
    except BaseException:  # an interrupted write, too, leaves no half of a file
        path.unlink(missing_ok=True)
        raise
    finally:
        pa.default_memory_pool().release_unused()


def _write(
    file: BinaryIO, data_set: DataSet, symbol: str, tables: Iterable[pa.Table], sessions: Mapping[date, SessionVerdicts]
) -> RowFacts:
    schema = bar_schemas.schema(data_set)
    written = RowFacts(schema)
    group = SESSION_GROUP if len(sessions) <= 1 else PERIOD_GROUP
    with _writer(file, data_set, symbol) as writer:
        for part in _groups(tables, schema, group):
            written.add(part)
            writer.write_table(part, row_group_size=group)
            pa.default_memory_pool().release_unused()
        strangers = set(written.days()) - set(sessions)
        if strangers:
            raise ValueError(f"rows of sessions that were not named: {', '.join(map(str, sorted(strangers)))}")
        writer.add_key_value_metadata({_SESSIONS: _sessions_text(sessions, written.sessions())})
    return written


def _compared(path: Path, data_set: DataSet, written: RowFacts) -> FileFacts:
    found = read_back(path, data_set)
    if found != written.file_facts(found.bytes, found.hash):
        raise ArchiveDamaged(str(path), "what was read back is not what was written")
    return found


def read_back(path: Path, data_set: DataSet) -> FileFacts:
    """Return what a file holds, from its bytes on the disk alone.

    Raises:
        ArchiveDamaged: it is torn or was changed: its own sums, its rows' order and what it says of its sessions are
            looked at. ForeignFile, NewerFormat: it is no such file.
        OSError: it cannot be read.
    """
    whole = whole_files.sha256(whole_files.chunks(path))
    size = path.stat().st_size
    return _row_facts(path, data_set).file_facts(size, whole)


def session_facts(path: Path, data_set: DataSet) -> tuple[SessionFacts, ...]:
    """Return what a file's sessions hold, from its rows, ascending; those without rows are not among them.

    Raises:
        ArchiveDamaged, ForeignFile, NewerFormat, OSError: as for `read_back`.
    """
    return _row_facts(path, data_set).sessions()


def _row_facts(path: Path, data_set: DataSet) -> RowFacts:
    """Read all rows, and compare them with what the file says of its sessions."""
    facts = RowFacts(bar_schemas.schema(data_set))
    with _bars(path, data_set) as opened:
        try:
            for batch in opened.iter_batches(batch_size=SESSION_GROUP):
                facts.add(batch)
        except (ValueError, OverflowError) as error:
            raise ArchiveDamaged(str(path), str(error)) from None
        told = _told(path, opened)
    said = {day: (rows, text) for day, (_, rows, text) in told.items() if rows}
    if said != {one.day: (one.rows, one.hash) for one in facts.sessions()}:
        raise ArchiveDamaged(str(path), "its sessions are not those that it says it has")
    return facts


def symbol_of(path: Path) -> str:
    """Return the symbol of the underlying whose bars a file says it holds.

    Raises:
        ArchiveDamaged, ForeignFile, NewerFormat: it is no whole file of the archive.
        OSError: it cannot be read.
    """
    with _bars(path) as opened:
        said: bytes = (opened.metadata.metadata or {}).get(opening.SYMBOL, b"")
    return said.decode(errors="replace")


def sessions_of(path: Path) -> Mapping[date, SessionVerdicts]:
    """Return what was known of each of a file's sessions when it was written, by day, ascending.

    Raises:
        ArchiveDamaged, ForeignFile, NewerFormat: it is no whole file of the archive.
        OSError: it cannot be read.
    """
    with _bars(path) as opened:
        return {day: state for day, (state, _, _) in _told(path, opened).items()}


def require_period(path: Path, name: str, period: Period) -> None:
    """Make sure that a file was not put in another one's place: whose bars it has is taken from its name.

    Args:
        path: of the file.
        name: of the object, for the error.
        period: that the name tells.

    Raises:
        ForeignFile: it holds another symbol's bars, or other sessions. ArchiveDamaged, NewerFormat: it is no whole
            file of the archive.
        OSError: it cannot be read.
    """
    symbol, days = symbol_of(path), list(sessions_of(path))
    if symbol != period.symbol:
        raise ForeignFile(name, f"it holds bars of {symbol}")
    if days and not period.first <= days[0] <= days[-1] <= period.last:
        raise ForeignFile(name, f"it holds sessions from {days[0]} to {days[-1]}")


def hashes_of(path: Path) -> Mapping[date, str]:
    """Return the hash of each of a file's sessions, as it says itself, by day, ascending; empty without rows.

    Raises:
        ArchiveDamaged, ForeignFile, NewerFormat: it is no whole file of the archive.
        OSError: it cannot be read.
    """
    with _bars(path) as opened:
        return {day: text for day, (_, _, text) in _told(path, opened).items()}


def read(path: Path, data_set: DataSet, days: Collection[date] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield a file's rows as record batches, ascending by id and time.

    Args:
        path: of the file.
        data_set: whose bars it holds.
        days: of the sessions that are wanted, by UTC; None: all.

    Raises:
        ArchiveDamaged, ForeignFile, NewerFormat: it is no whole file of that data set.
        OSError: it cannot be read.
    """
    wanted = None if days is None else np.array(sorted((day - _EPOCH).days for day in days), dtype=np.int64)
    with _bars(path, data_set) as opened:
        for batch in opened.iter_batches(batch_size=_READ_ROWS):
            if wanted is None:
                yield batch
                continue
            kept = np.isin(wholes(batch.column(0)) // _DAY_US, wanted)
            if kept.all():
                yield batch
            elif kept.any():
                yield batch.filter(pa.array(kept))


def read_stored(path: Path, data_set: DataSet, days: Collection[date]) -> Iterator[bytes]:
    """Yield a file's rows of some sessions as CSV of the store's whole numbers; see `bar_schemas.stored_text`."""
    for batch in read(path, data_set, days):
        yield from bar_schemas.stored_text(data_set, pa.Table.from_batches([batch]))


def merge(
    sources: Sequence[tuple[Path, Collection[date]]],
    path: Path,
    data_set: DataSet,
    symbol: str,
    sessions: Mapping[date, SessionVerdicts],
) -> FileFacts:
    """Write a file of sessions that other files hold, range by range of contracts, in bounded memory.

    Args:
        sources: files, and which of their sessions are taken; each session from one of them.
        path: of the new file, none of the sources.
        data_set: whose bars.
        symbol: of the underlying.
        sessions: what is known of each session now.

    Raises:
        ValueError: a session is taken from two files; as for `write`, otherwise.
        ArchiveDamaged, ForeignFile, NewerFormat: a source is no whole file of that data set.
        OSError: a file cannot be read or written.
    """
    taken = [day for _, days in sources for day in days]
    if len(taken) != len(set(taken)):
        raise ValueError("a session is taken from two files")
    for source, days in sources:
        with _bars(source, data_set) as opened:
            missing = set(days) - set(_told(source, opened))
        if missing:
            raise ValueError(f"{source} has no session of {', '.join(map(str, sorted(missing)))}")
    rows = merged([read(source, data_set, days) for source, days in sources], bar_schemas.schema(data_set))
    return write(path, data_set, symbol, rows, sessions)


def merged(sources: Sequence[Iterator[pa.RecordBatch]], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of several sources as tables that ascend by id and time.

    Args:
        sources: of record batches; each ascends for itself.
        schema: of all of them; the first two columns are the time and whose bar it is.
    """
    if len(sources) == 1:
        yield from (pa.Table.from_batches([batch], schema) for batch in sources[0])
        return
    waiting = [_Source(source, schema) for source in sources]
    while waiting := [source for source in waiting if source.fill()]:
        # What is below the last id of each source that goes on is complete: no source can have more of it.
        below = min((source.last for source in waiting if not source.ended), default=None)
        parts = [part for source in waiting if len(part := source.take(below))]
        if not parts:
            for source in waiting:
                if not source.ended and source.last == below:
                    source.more()
            continue
        together = pa.concat_tables(parts)
        if len(parts) > 1:
            order = np.lexsort((wholes(together.column(0)), wholes(together.column(1))))
            together = together.take(pa.array(order))
        yield together


class _Source:
    """The rows of one file that wait to be merged.

    Args:
        batches: of the file, ascending.
        schema: of these.
    """

    def __init__(self, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> None:
        self._batches = batches
        self._rows = schema.empty_table()
        self.ended = False

    @property
    def last(self) -> int:
        """Return the id of the last row that was read."""
        return int(self._rows.column(1)[-1].as_py())

    def fill(self) -> bool:
        """Read rows if none wait, and return whether some do."""
        while not len(self._rows) and not self.ended:
            self.more()
        return len(self._rows) > 0

    def more(self) -> None:
        """Read another batch."""
        batch = next(self._batches, None)
        if batch is None:
            self.ended = True
        elif len(batch):
            self._rows = pa.concat_tables([self._rows, pa.Table.from_batches([batch])]).combine_chunks()

    def take(self, below: int | None) -> pa.Table:
        """Return the waiting rows of ids below one, of all for None, and keep the others."""
        owner = wholes(self._rows.column(1))
        count = len(owner) if below is None else int(np.searchsorted(owner, below))
        found, self._rows = self._rows.slice(0, count), self._rows.slice(count)
        return found


def _groups(tables: Iterable[pa.Table], schema: pa.Schema, rows: int) -> Iterator[pa.Table]:
    """Yield rows again in tables of exactly so many rows and one chunk; the last one has the rest."""
    waiting: list[pa.Table] = []
    count = 0
    for table in tables:
        start = 0
        while count + len(table) - start >= rows:
            part = table.slice(start, rows - count)
            start += len(part)
            yield pa.concat_tables([*waiting, part]).combine_chunks().cast(schema)
            waiting, count = [], 0
        if start < len(table):
            waiting.append(table.slice(start))
            count += len(waiting[-1])
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks().cast(schema)


@contextmanager
def _writer(file: BinaryIO, data_set: DataSet, symbol: str) -> Iterator[pq.ParquetWriter]:
    schema = bar_schemas.schema(data_set)
    wide = [name for name in schema.names if _is_wide(schema.field(name).type)]
    by_value = sorted(_COUNTS & set(schema.names) | set(wide))
    delta = [name for name in schema.names if name not in _PLAIN and name not in by_value]
    with pq.ParquetWriter(
        file,
        schema.with_metadata(opening.facts(data_set.name, symbol)),
        compression="zstd",
        compression_level=3,
        use_dictionary=by_value,
        column_encoding=dict.fromkeys(delta, "DELTA_BINARY_PACKED"),
        store_decimal_as_integer=True,
        write_page_index=True,
        write_page_checksum=True,
        sorting_columns=pq.SortingColumn.from_ordering(
            schema, [(bar_schemas.key(data_set), "ascending"), ("time", "ascending")]
        ),
    ) as writer:
        yield writer


def _is_wide(kind: pa.DataType) -> bool:
    """Return whether a decimal is stored as bytes: it has more digits than an 8-byte integer."""
    return bool(pa.types.is_decimal(kind)) and kind.precision > 18  # noqa: PLR2004 - digits


def _sessions_text(states: Mapping[date, SessionVerdicts], facts: Iterable[SessionFacts]) -> str:
    rows = {one.day: one for one in facts}
    return json.dumps(
        {
            day.isoformat(): {
                "settled": state.settled,
                "verdicts": dict(sorted(state.verdicts.items())),
                "rows": rows[day].rows if day in rows else 0,
                "hash": rows[day].hash if day in rows else "",
            }
            for day, state in sorted(states.items())
        },
        separators=(",", ":"),
    )


def _told(path: Path, opened: pq.ParquetFile) -> dict[date, tuple[SessionVerdicts, int, str]]:
    """Return what a file says of its sessions, with rows and hash, ascending."""
    text = (opened.metadata.metadata or {}).get(_SESSIONS)
    try:
        told = {
            date.fromisoformat(day): (
                SessionVerdicts(one["settled"], one["verdicts"]),
                int(one["rows"]),
                str(one["hash"]),
            )
            for day, one in json.loads(text or "").items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ArchiveDamaged(str(path), "it does not say which sessions it holds") from None
    return dict(sorted(told.items()))


def _bars(path: Path, data_set: DataSet | None = None) -> AbstractContextManager[pq.ParquetFile]:
    """Open a file of bars, of that data set unless it is None."""
    if data_set is None:
        return opening.opened(path)
    return opening.opened(path, data_set.name, bar_schemas.schema(data_set))
