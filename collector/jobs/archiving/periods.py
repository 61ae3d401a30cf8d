"""Periods of the archive, and which of them are due.

A session has an object of its own until its month has been over for so many days; then the month has one. Bars of a day
have one a year.
"""

import calendar as months
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from collector.archive import layout
from collector.db.archive.manifest import Partition
from collector.domain.market_data.data_sets import DAY, DataSet


@dataclass(frozen=True, slots=True)
class Period:
    """What one object is to hold: one underlying's bars of one data set, of the sessions of a day, a month or a year.

    path: the object's, where nothing else has it. sessions: ascending; at least one.
    """

    underlying_id: int
    symbol: str
    data_set: DataSet
    first: date
    last: date
    path: str
    sessions: tuple[Partition, ...]

    @property
    def changed(self) -> tuple[Partition, ...]:
        """Return the sessions whose present state the archive does not hold."""
        return tuple(one for one in self.sessions if not one.is_current)

    @property
    def objects(self) -> tuple[int, ...]:
        """Return the ids of the objects that hold sessions of it now, ascending."""
        return tuple(sorted({one.held.object_id for one in self.sessions if one.held is not None}))

    @property
    def is_due(self) -> bool:
        """Tell whether its object is to be written."""
        return bool(self.changed) or self._is_damaged or len(self.objects) > 1 or not self._is_one_period

    @property
    def why(self) -> str:
        """Return why its object is to be written, in words; empty when it is not."""
        new = sum(one.held is None for one in self.changed)
        words = [
            *([f"{new} new" if len(self.sessions) > 1 else "new"] if new else []),
            *([f"{len(self.changed) - new} changed"] if len(self.changed) > new else []),
            *(["not what was written"] if self._is_damaged else []),
            *(["one object for all of it"] if not self._is_one_period or len(self.objects) > 1 else []),
        ]
        return ", ".join(words)

    @property
    def _is_damaged(self) -> bool:
        """Tell whether an object that holds it now is missing or was other bytes when it was last read."""
        return any(one.held is not None and not one.held.verified for one in self.sessions)

    @property
    def _is_one_period(self) -> bool:
        """Tell whether the objects that hold it now are of such a period as it is."""
        held = (layout.parse(one.held.path) for one in self.sessions if one.held is not None)
        return all(found is None or (found.first, found.last) == (self.first, self.last) for found in held)


def of(
    partitions: Iterable[Partition], today: date, month_after_days: int, since: date | None = None
) -> Iterator[Period]:
    """Yield the periods that the sessions' bars belong to, by symbol, data set and day.

    Args:
        partitions: all of an underlying's sessions, in the manifest's order.
        today: from which ages are counted.
        month_after_days: so many days after its end a month has one object.
        since: only periods that reach to this day or beyond it; None: all.
    """
    for (underlying_id, symbol, data_set), rows in itertools.groupby(
        partitions, lambda one: (one.underlying_id, one.symbol, one.data_set)
    ):
        sessions = list(rows)
        formed = _formed(sessions, data_set, today, month_after_days)
        parts: dict[tuple[date, date], list[Partition]] = {}
        for one in sessions:
            parts.setdefault(_bounds(one.day, data_set, formed), []).append(one)
        for (first, last), own in parts.items():
            if since is None or last >= since:
                path = _path(data_set, symbol, first, last)
                yield Period(underlying_id, symbol, data_set, first, last, path, tuple(own))


def month_of(day: date) -> tuple[date, date]:
    """Return the first and the last day of a day's month."""
    return day.replace(day=1), day.replace(day=months.monthrange(day.year, day.month)[1])


def _formed(sessions: Sequence[Partition], data_set: DataSet, today: date, month_after_days: int) -> set[date]:
    """Return the first days of the months that have one object, or are to have: what has formed is not undone."""
    if data_set.bar_size >= DAY:
        return set()
    old = {month_of(one.day) for one in sessions}
    formed = {first for first, last in old if last + timedelta(days=month_after_days) < today}
    for one in sessions:
        found = None if one.held is None else layout.parse(one.held.path)
        if found is not None and found.first != found.last:
            formed.add(found.first)
    return formed


def _bounds(day: date, data_set: DataSet, formed: set[date]) -> tuple[date, date]:
    if data_set.bar_size >= DAY:
        return date(day.year, 1, 1), date(day.year, 12, 31)
    first, last = month_of(day)
    return (first, last) if first in formed else (day, day)


def _path(data_set: DataSet, symbol: str, first: date, last: date) -> str:
    if data_set.bar_size >= DAY:
        return layout.year_path(data_set, symbol, first)
    return (layout.session_path if first == last else layout.month_path)(data_set, symbol, first)
