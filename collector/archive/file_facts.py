"""Facts of a file's rows, for comparison."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from collector.archive.whole_numbers import NULL, Ints, wholes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = 86_400_000_000
_HALF = 32


@dataclass(frozen=True, slots=True)
class SessionVerdicts:
    """What was known of a session when its bars were written.

    settled: nothing of it is open, unknown or awaited any more. verdicts: how many series or slots are what, in the
    words of the view session_quality; an empty mapping says nothing.
    """

    settled: bool
    verdicts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A session's rows, wherever they are kept: the hash is that of their values in order, not of a file's bytes.

    day: the day of the bars' time in UTC.
    """

    day: date
    rows: int
    hash: str


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file's rows and bytes.

    bytes: of the file. hash: SHA-256 of these. first_key, last_key: id and time of the first and the last row, None
    without rows. sums: by column, of whole numbers of its last digit (microseconds of instants). column_hashes: by
    column, of the values by session. sessions: ascending.
    """

    rows: int
    bytes: int
    hash: str
    first_key: tuple[int, datetime] | None
    last_key: tuple[int, datetime] | None
    sums: Mapping[str, int]
    column_hashes: Mapping[str, str]
    sessions: tuple[SessionFacts, ...]

    def as_json(self) -> dict[str, Any]:
        """Return what is not counted elsewhere, of JSON's types: keys, sums, hashes of columns."""
        keys = {
            name: None if key is None else [key[0], key[1].isoformat()]
            for name, key in (("first_key", self.first_key), ("last_key", self.last_key))
        }
        return {**keys, "sums": dict(self.sums), "column_hashes": dict(self.column_hashes)}


class RowFacts:
    """Adds up what a sequence of rows holds, which must ascend by id and time.

    Args:
        schema: of the tables that are added; the first two columns are the time and whose bar it is.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._names = tuple(schema.names)
        self._types = tuple(schema.types)
        self._sums = dict.fromkeys(self._names, 0)
        self._days: dict[int, _Session] = {}
        self.rows = 0
        self._first: tuple[int, int] | None = None
        self._last: tuple[int, int] | None = None

    def add(self, table: pa.Table | pa.RecordBatch) -> None:
        """Add the rows of a table or of a batch.

        Raises:
            ValueError: they do not ascend, or a key is there twice.
        """
        if not len(table):
            return
        time, owner = (wholes(table.column(at)) for at in (0, 1))
        self._note_keys(owner, time)
        days = time // _DAY_US
        # Of a session's file the rows are in order as they are; those of a month lie contract by contract.
        single = days[0] == days[-1] and bool((days == days[0]).all())
        order = None if single else np.argsort(days, kind="stable")
        found, starts = np.unique(days if order is None else days[order], return_index=True)
        sessions = [self._days.setdefault(int(day), _Session(len(self._names))) for day in found]
        ends = [*starts[1:].tolist(), len(days)]
        for at, (name, kind) in enumerate(zip(self._names, self._types, strict=True)):
            values = time if at == 0 else owner if at == 1 else wholes(table.column(at))
            self._sums[name] += _sum(values, kind)
            sorted_values = values if order is None else values[order]
            for session, start, end in zip(sessions, starts.tolist(), ends, strict=True):
                session.columns[at].update(np.ascontiguousarray(sorted_values[start:end]).data)
        for session, start, end in zip(sessions, starts.tolist(), ends, strict=True):
            session.rows += end - start
        self.rows += len(days)

    def _note_keys(self, owner: Ints, time: Ints) -> None:
        later = (owner[1:] > owner[:-1]) | ((owner[1:] == owner[:-1]) & (time[1:] > time[:-1]))
        first, last = ((int(owner[at]), int(time[at])) for at in (0, -1))
        if not later.all() or (self._last is not None and first <= self._last):
            raise ValueError("rows are not sorted by id and time, or a key is there twice")
        self._first = self._first or first
        self._last = last

    def days(self) -> tuple[date, ...]:
        """Return the days of the sessions that have rows, ascending."""
        return tuple(_day(day) for day in sorted(self._days))

    def sessions(self) -> tuple[SessionFacts, ...]:
        """Return what each session's rows are, ascending."""
        return tuple(
            SessionFacts(_day(day), session.rows, session.hash(self._names))
            for day, session in sorted(self._days.items())
        )

    def file_facts(self, size: int, file_hash: str) -> FileFacts:
        """Return all of it, for a file of so many bytes with that hash."""
        hashes = {}
        for at, name in enumerate(self._names):
            digest = hashlib.sha256(name.encode())
            for _, session in sorted(self._days.items()):
                digest.update(session.columns[at].digest())
            hashes[name] = digest.hexdigest()
        first, last = (None if key is None else (key[0], _instant(key[1])) for key in (self._first, self._last))
        return FileFacts(self.rows, size, file_hash, first, last, dict(self._sums), hashes, self.sessions())


class _Session:
    """A running hash a column: of eight bytes a value, the lowest first."""

    __slots__ = ("columns", "rows")

    def __init__(self, columns: int) -> None:
        self.columns = [hashlib.sha256() for _ in range(columns)]
        self.rows = 0

    def hash(self, names: tuple[str, ...]) -> str:
        whole = hashlib.sha256(str(self.rows).encode())
        for name, digest in zip(names, self.columns, strict=True):
            whole.update(name.encode() + b"\0" + digest.digest())
        return whole.hexdigest()


def _sum(values: Ints, kind: pa.DataType) -> int:
    known = values[values != NULL] if bool((values == NULL).any()) else values
    if pa.types.is_int64(kind) or pa.types.is_timestamp(kind) or pa.types.is_decimal(kind):
        # In two halves: the sum of a million wide numbers needs more than eight bytes.
        return (int((known >> _HALF).sum()) << _HALF) + int((known & (2**_HALF - 1)).sum())
    return int(known.sum())


def _day(number: int) -> date:
    return (_EPOCH + timedelta(days=number)).date()


def _instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
