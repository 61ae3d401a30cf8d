"""Figures of the tables, for metrics."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

from collector.config import Settings
from collector.db.archive import manifest
from collector.db.archive.manifest import Standing
from collector.db.bookkeeping import claims, requests_table, schedule_state, session_statistics
from collector.db.bookkeeping import gaps_table as gap_store
from collector.db.bookkeeping.gaps_table import GapTotal
from collector.db.bookkeeping.requests_table import RequestTotal
from collector.db.bookkeeping.schedule_state import Miss
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables
from collector.db.readers import day_status
from collector.db.readers.day_status import RunTotals
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.run_vocabulary import BY_HAND, GapState, RunStatus
from collector.jobs import due_windows
from collector.market.calendar import Calendar
from collector.runs.uncounted import uncounted

LATENCY_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""By which requests are told apart; IB answers most in a few hundred milliseconds, and none after the time-out."""

_DAY = timedelta(days=1)
_KEPT_FOR_S = 300.0
"""What only runs change is read again when one has begun or ended; acts of people change it, too."""

_Kind: TypeAlias = tuple[int, str, Outcome, int | None]
_Mark: TypeAlias = frozenset[tuple[str, str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the tables say. completeness: by symbol, of its last completed session, fraction of 1.

    requests: of this month (UTC), by kind, outcome and duration. enabled: whether each scheduled window is on. late:
    whether each that is should have run by now and has not. uncounted: runs that were cut off before what they brought
    was counted among the gaps. awaiting: series that await a second empty answer, and sessions_awaiting the sessions
    that they are of. implausible: sessions that look emptier than they can be. archive: None where none is configured.
    """

    runs: tuple[RunTotals, ...]
    completeness: Mapping[str, float]
    gaps: Mapping[GapState, GapTotal]
    database_bytes: int
    requests: tuple[RequestTotal, ...] = ()
    enabled: Mapping[str, bool]
    late: Mapping[str, bool]
    misses: tuple[Miss, ...] = ()
    archive: Standing | None = None
    uncounted: int = 0
    awaiting: int = 0
    sessions_awaiting: int = 0
    implausible: int = 0


class Reading:
    """Reads the figures, again and again: what only runs change is kept from one reading to the next.

    Args:
        settings: the configuration.
        calendar: the exchange's.
    """

    def __init__(self, settings: Settings, calendar: Calendar) -> None:
        self._settings, self._calendar = settings, calendar
        self._kept: Figures | None = None
        self._complete: dict[tuple[int, date, int | None], float | None] = {}
        self._mark: _Mark = frozenset()
        self._read_at = datetime.min.replace(tzinfo=UTC)
        self._early: dict[_Kind, RequestTotal] = {}
        self._since = self._until = datetime.min.replace(tzinfo=UTC)

    async def figures(self, db: Database, now: datetime) -> Figures:
        """Return the figures.

        Raises:
            DatabaseError: they cannot be read.
        """
        runs = tuple(await day_status.run_totals(db))
        mark = frozenset((one.window, one.status.value, one.runs) for one in runs)
        if mark != self._mark:
            self._kept, self._complete = None, {}
        kept = self._kept
        if kept is None or not 0 <= (now - self._read_at).total_seconds() < _KEPT_FOR_S:
            kept = await self._tables(db, now)
            self._read_at = now
        elif any(one.status is RunStatus.RUNNING for one in runs):
            kept = replace(kept, requests=await self._requests(db, now))
        self._kept, self._mark = kept, mark
        return replace(kept, runs=runs)

    async def _tables(self, db: Database, now: datetime) -> Figures:
        settings, place = self._settings, self._settings.archive.place
        windows = settings.windows
        awaited = await claims.awaited(db)
        outstanding = await due_windows.outstanding(db, settings, self._calendar, now)
        late = {one.occurrence.window for one in outstanding if one.failed or one.late(now)}
        return Figures(
            runs=(),
            completeness=await self._completeness(db, now),
            gaps=await gap_store.totals(db),
            database_bytes=await day_status.database_bytes(db),
            requests=await self._requests(db, now),
            enabled={one.value: one in windows.enabled for one in sorted(windows.known - BY_HAND)},
            late={window.value: window in late for window in windows.enabled},
            misses=tuple(await schedule_state.latest_misses(db)),
            archive=None if place is None else await manifest.standing(db, place),
            uncounted=len(await uncounted(db, now)),
            awaiting=sum(one.claims for one in awaited),
            sessions_awaiting=len(awaited),
            implausible=len({one.session for one in await claims.implausible(db)}),
        )

    async def _completeness(self, db: Database, now: datetime) -> dict[str, float]:
        found = {}
        for underlying in await contract_tables.underlyings(db):
            if underlying.symbol not in self._settings.symbol_names:  # collected once, and no more
                continue
            session = self._calendar.last_completed(now, underlying.symbol)
            series = self._settings.series_for(underlying.symbol)
            change = await db.fetchval("session_change", underlying.id, OPTION_BARS_5MIN.id, session.day)
            key = (underlying.id, session.day, change)
            if key not in self._complete:  # it takes as long as everything else together
                measured = await session_statistics.measure(db, OPTION_BARS_5MIN, underlying.id, session, series)
                self._complete[key] = measured.completeness
            if (completeness := self._complete[key]) is not None:
                found[underlying.symbol] = completeness
        return found

    async def _requests(self, db: Database, now: datetime) -> tuple[RequestTotal, ...]:
        """Count this month's requests; what was sent before yesterday is counted once.

        A month is never dropped in part, so that the counts fall at its turn only, to nearly nothing: as a counter does
        that begins again.
        """
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        month = today.replace(day=1)
        if month != self._since:
            self._early, self._since, self._until = {}, month, month
        past = max(month, today - _DAY)
        if past > self._until:
            early = await requests_table.totals(db, self._until, past, LATENCY_BOUNDS_S)
            self._early, self._until = _added(self._early, early), past
        lately = await requests_table.totals(db, past, now + _DAY, LATENCY_BOUNDS_S)
        return tuple(_added(self._early, lately).values())


def _added(known: Mapping[_Kind, RequestTotal], more: Iterable[RequestTotal]) -> dict[_Kind, RequestTotal]:
    found = dict(known)
    for one in more:
        kind = (one.data_set, one.what_to_show, one.outcome, one.bucket)
        before = found.get(kind)
        found[kind] = one
        if before is not None:
            found[kind] = replace(one, requests=before.requests + one.requests, seconds=before.seconds + one.seconds)
    return found
