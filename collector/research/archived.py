"""The archive's objects as Arrow tables, read by DuckDB.

Which sessions lie where says the manifest in the database. An object is read where it is, or as a copy in the cache
that bears the hash of its bytes; either is compared with the manifest's hash, once a reader and again when the file has
changed, before anything of it is believed.
"""

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import platformdirs
import pyarrow as pa

from collector.archive.places import Place
from collector.domain.errors import ArchiveDamaged, ArchiveError, CollectorError, ObjectMissing
from collector.domain.market_data.data_sets import DataSet, InstrumentKind
from collector.domain.market_data.spans import Span
from collector.research import columns, database
from collector.research.database import Server

_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class ArchivedDay:
    """A session that an object holds. is_current: nothing of it has changed since it was archived."""

    day: date
    path: str
    hash: str
    settled: bool
    is_current: bool

    @property
    def equals_database(self) -> bool:
        """Tell whether it may be read instead of the database."""
        return self.settled and self.is_current


class Archive:
    """The objects of one place.

    Args:
        server: the database, which has the manifest.
        place: where the objects lie; None: there is no archive.
        cache: folder for copies of objects that lie elsewhere.
    """

    def __init__(self, server: Server, place: Place | None, cache: Path | None = None) -> None:
        self._server, self.place = server, place
        self._cache = cache or platformdirs.user_cache_path("collector") / "archive"
        self._right: dict[Path, tuple[int, int]] = {}
        self._files = _Files()

    def is_near(self, day: ArchivedDay) -> bool:
        """Tell whether a session's object can be read without being fetched."""
        return self.place is not None and (self.place.local(day.path) is not None or self._cached(day.hash).exists())

    def close(self) -> None:
        """End DuckDB; again does nothing."""
        self._files.close()

    def days(self, underlying_id: int, data_set: DataSet, first_day: date, last_day: date) -> dict[date, ArchivedDay]:
        """Return the sessions between two days that the archive has, both days included."""
        if self.place is None:
            return {}
        place, data_set_id = self.place.name, data_set.id
        rows = self._server.select("archived_days", place, underlying_id, data_set_id, first_day, last_day).to_pylist()
        return {
            row["day"]: ArchivedDay(row["day"], row["path"], row["hash"], row["settled"], row["is_current"])
            for row in rows
        }

    def bars(
        self,
        sessions: Iterable[ArchivedDay],
        data_set: DataSet,
        names: Sequence[str],
        ids: tuple[int, int, Sequence[int] | None],
        span: Span,
    ) -> pa.Table:
        """Return raw bars of some sessions, as `columns.raw_schema` says, in no order.

        Args:
            sessions: which.
            data_set: of which.
            names: raw columns.
            ids: the least and the greatest instrument id that is asked for, and which; None: all between them.
            span: in which bars start.

        Raises:
            ObjectMissing: an object is not at its place any more.
            ArchiveDamaged: an object has other bytes than the manifest says.
            ArchiveError: the place cannot be reached, or its objects cannot be kept in the cache.
        """
        held = list(sessions)
        hashes = {one.path: one.hash for one in held}
        files = [str(self._file(path, content)) for path, content in hashes.items()]
        shape = columns.raw_schema(names, data_set)
        if not files:
            return shape.empty_table()
        first_id, last_id, instrument_ids = ids
        days = [one.day.toordinal() - _EPOCH for one in held]
        key = "contract_id" if data_set.kind is InstrumentKind.OPTION else "underlying_id"
        asked = [f"{one.name}::double AS {one.name}" if pa.types.is_floating(one.type) else one.name for one in shape]
        try:
            found = self._files.select(
                "archived_bars",
                files,
                first_id,
                last_id,
                instrument_ids,
                days,
                span.start,
                span.end,
                columns=asked,
                key=key,
            )
        except duckdb.Error as error:
            raise ArchiveDamaged(", ".join(hashes), str(error).partition("\n")[0]) from error
        return found.cast(shape)

    def _file(self, path: str, content: str) -> Path:
        """Return a file with an object's bytes, which have been compared with the manifest's hash."""
        if self.place is None:
            raise ObjectMissing("archive.place", path)
        own = self.place.local(path)
        if own is None:
            return self._copy(self.place, path, content)
        try:
            self._require_right(own, path, content)
        except FileNotFoundError:
            raise ObjectMissing(self.place.name, path) from None
        return own

    def _require_right(self, file: Path, path: str, content: str) -> None:
        """Compare a file with the manifest's hash, unless this has been done and the file has not changed since.

        Raises:
            ArchiveDamaged: it has other bytes.
            FileNotFoundError: it is not there.
        """
        found = file.stat()
        mark = (found.st_size, found.st_mtime_ns)
        if self._right.get(file) != mark:
            _compare(file, path, content)
            self._right[file] = mark

    def _cached(self, content: str) -> Path:
        return self._cache / f"{content}.parquet"

    def _copy(self, place: Place, path: str, content: str) -> Path:
        """Return the cache's copy of an object; it is fetched when there is none, or not a right one."""
        copy = self._cached(content)
        try:
            with contextlib.suppress(FileNotFoundError, ArchiveDamaged):  # of a wrong copy the place has a right one
                self._require_right(copy, path, content)
                return copy
            self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A name of its own: another process may fetch the same object.
            coming = copy.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
            try:
                database.run(place.fetch(path, coming))
                _compare(coming, path, content)
                coming.replace(copy)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    coming.unlink()
        except OSError as error:
            if isinstance(error, CollectorError):
                raise
            raise ArchiveError(
                f"the cache of the archive, {self._cache}, cannot be used: {error.strerror}",
                "make room on its disk, or give this account the right to write there",
            ) from error
        return copy


class _Files:
    """DuckDB, which reads Parquet files; several threads may share it, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Nothing is ever fetched from the internet.
        self._duckdb = duckdb.connect(
            ":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        )

    def select(self, name: str, *args: object, columns: Sequence[str], key: str) -> pa.Table:
        """Run a statement of sql/readers that is DuckDB's, and return its rows; see `database.Server.select`."""
        text = database.text(name).replace("{columns}", ", ".join(columns)).replace("{key}", key)
        with self._lock:
            return self._duckdb.sql(text, params=list(args)).to_arrow_table()

    def close(self) -> None:
        """End DuckDB; again does nothing."""
        self._duckdb.close()


def _compare(file: Path, path: str, content: str) -> None:
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != content:
        raise ArchiveDamaged(path, "its bytes are not those that the manifest names")
