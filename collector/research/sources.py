"""Read each session's bars from the database or the archive."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pyarrow as pa
import structlog

from collector.domain.errors import ArchiveError, ObjectMissing
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, DataSet
from collector.domain.market_data.spans import Span, Spans
from collector.research import columns
from collector.research.archived import Archive, ArchivedDay
from collector.research.database import Server
from collector.research.lookup import days_with_bars

log = structlog.get_logger()

_DAY = timedelta(days=1)
_DAY_US = _DAY // timedelta(microseconds=1)
_EPOCH = date(1970, 1, 1)
_FRIDAY = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be read: bars that start in a span, of instruments between two ids, or of those that are named."""

    underlying_id: int
    data_set: DataSet
    first_id: int
    last_id: int
    contract_ids: tuple[int, ...]
    span: Span


def read(
    server: Server, archive: Archive, asked: Asked, names: Sequence[str], *, prefers_archive: bool
) -> tuple[pa.Table, frozenset[date]]:
    """Return raw bars in no order, and the days that the archive gave.

    Args:
        server: the database.
        archive: the archive.
        asked: what is to be read.
        names: raw columns.
        prefers_archive: read from the archive what it has as the database has it; else only what the database lacks.

    Raises:
        ArchiveError: what the archive alone has cannot be read.
        DatabaseUnavailable, DatabaseError: as everywhere.
    """
    try:
        return _read(server, archive, asked, names, prefers_archive=prefers_archive)
    except ObjectMissing:
        # A pass may have replaced an object since the manifest was read.
        with contextlib.suppress(ArchiveError):
            return _read(server, archive, asked, names, prefers_archive=prefers_archive)
    except ArchiveError as error:
        if not prefers_archive:
            raise
        log.warning("archive_not_read", problem=error.message, hint=error.hint, instead="database")
    # What the database has needs no archive.
    return _read(server, archive, asked, names, prefers_archive=False)


def _read(
    server: Server, archive: Archive, asked: Asked, names: Sequence[str], *, prefers_archive: bool
) -> tuple[pa.Table, frozenset[date]]:
    held = archive.days(asked.underlying_id, asked.data_set, asked.span.start.date(), asked.span.end.date())
    instead = [one for one in held.values() if prefers_archive and one.equals_database and archive.is_near(one)]
    parts = [_from_database(server, asked, names, part) for part in _rest(asked.span, instead)]
    lacking = [one for one in held.values() if one not in instead]
    if asked.data_set is not OPTION_BARS_5MIN or asked.contract_ids:
        found = _days_of(parts)
        lacking = [one for one in lacking if one.day not in found]
    if lacking and asked.data_set is OPTION_BARS_5MIN:
        # Named contracts may have no bars on a day of which the database has others'; and without names, ids of other
        # underlyings' contracts may lie between, whose bars say nothing.
        there = days_with_bars(server, asked.underlying_id, (one.day for one in lacking))
        lacking = [one for one in lacking if one.day not in there]
    taken = [*instead, *lacking]
    if taken:
        ids = asked.first_id, asked.last_id, list(asked.contract_ids) or None
        parts.append(archive.bars(taken, asked.data_set, names, ids, asked.span))
    shape = columns.raw_schema(names, asked.data_set)
    return pa.concat_tables([shape.empty_table(), *parts]), frozenset(one.day for one in taken)


def _from_database(server: Server, asked: Asked, names: Sequence[str], part: Span) -> pa.Table:
    data_set = asked.data_set
    if data_set is OPTION_BARS_5MIN:
        first_id, last_id, contract_ids = asked.first_id, asked.last_id, asked.contract_ids or None
        found = server.select("option_bars", first_id, last_id, contract_ids, part.start, part.end, columns=names)
    else:
        underlying_id = asked.underlying_id
        found = server.select("underlying_bars", underlying_id, part.start, part.end, columns=names, data_set=data_set)
    return found.cast(columns.raw_schema(names, data_set))


def _rest(span: Span, days: Iterable[ArchivedDay]) -> Iterator[Span]:
    """Yield what is left of a span without some days; not what lies on weekends alone."""
    midnights = (datetime.combine(one.day, time(), UTC) for one in days)
    for part in Spans((span,)) - Spans(Span(midnight, midnight + _DAY) for midnight in midnights):
        first, last = part.start.date(), (part.end - timedelta(microseconds=1)).date()
        if first.weekday() <= _FRIDAY or last.weekday() <= _FRIDAY or last - first > _DAY:
            yield part


def _days_of(parts: Iterable[pa.Table]) -> set[date]:
    """Return the days, UTC's, on which bars start."""
    found: set[date] = set()
    for part in parts:
        times = np.asarray(part["time"].cast(pa.int64()), dtype=np.int64)
        found |= {_EPOCH + timedelta(days=int(day)) for day in np.unique(times // _DAY_US)}
    return found
