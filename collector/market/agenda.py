"""Decide what to run now.

What to run now: decided from the schedule, the instant and the runs so far. Pure; may be asked every minute.

The least work that settles the same slots: a window gives way to a later one that is due too (or has run) and asks
for at least the same. What cannot be had any more is named as missed, with the reason.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from collector.config.operation_settings import ScheduleSettings
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.run_vocabulary import OFFLINE, SAVING, SETTLING, Asks, Role, RunStatus, Scope, Window
from collector.market.schedule import Occurrence, Schedule

_WIDTH = {Scope.EXPIRING: 0, Scope.EXPIRING_AND_NEAR: 1, Scope.ALL: 2}
_ENDED_WELL = (RunStatus.SUCCESS, RunStatus.PARTIAL)
_LEAST_ROOM = timedelta(minutes=10)
_ROOM_TIMES = 1.5


@dataclass(frozen=True, slots=True)
class PastRun:
    """One attempt at a window, from the run table. Instants aware.

    alive: it is running and its heartbeat is fresh. gateway_down: it failed for want of a gateway.
    """

    window: Window
    run_date: date
    status: RunStatus
    started_at: datetime
    completed_at: datetime | None = None
    gateway_down: bool = False
    alive: bool = False

    @property
    def key(self) -> tuple[Window, date]:
        """Return what its occurrence is found by."""
        return self.window, self.run_date

    @property
    def ended_at(self) -> datetime:
        """Return when it ended; of one that was cut off, when it began."""
        return self.completed_at or self.started_at


class MissKind(StrEnum):
    """Why a window did not run."""

    MERGED = "merged"
    """A later window has collected what it would have."""
    NO_USE = "no_use"
    """It came too late to be of use, and nothing is lost by it."""
    LAST_CHANCE = "last_chance"
    """No run settled the session while contracts that expired that day could surely be had; they still are asked."""
    TOO_OLD = "too_old"
    """It lies further back than is caught up."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A window that did not run, and why, in one sentence."""

    occurrence: Occurrence
    kind: MissKind
    reason: str

    @property
    def key(self) -> tuple[Window, date, MissKind]:
        """Return what it is remembered by."""
        return *self.occurrence.key, self.kind


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run to start now.

    attempt: from 1. deadline: when what is left is deferred, None never. merges: windows whose work it does too.
    last_chance: contracts that expire on its run date can surely be had until midnight only. confirming: the window
    has run, and asks again only for what awaits a second witness.
    """

    occurrence: Occurrence
    attempt: int
    deadline: datetime | None
    merges: tuple[Occurrence, ...] = ()
    last_chance: bool = False
    confirming: bool = False


@dataclass(frozen=True, slots=True)
class Agenda:
    """What to do at an instant.

    due: runs to start, in this order. missed: newly known misses. busy: a run that is at work; then nothing is due.
    wake_at: when to look again: the next window, or the end of a back-off.
    """

    due: tuple[DueRun, ...]
    missed: tuple[Missed, ...]
    busy: PastRun | None
    wake_at: datetime | None


@dataclass(frozen=True, slots=True)
class Limits:
    """How far catching up goes. reach: sessions that a repairing run looks at. lookback: age of what is caught up."""

    reach: int = 5
    lookback: timedelta = timedelta(days=45)


def purge_of(day: date) -> datetime:
    """Return until when contracts that expire on a date can surely be had: the following midnight in New York.

    How long IB keeps them beyond that is its own affair; they are asked for until it says that it does not.
    """
    return datetime.combine(day + timedelta(days=1), time(0), NEW_YORK)


def agenda(
    schedule: Schedule,
    now: datetime,
    runs: Sequence[PastRun],
    since: datetime,
    settings: ScheduleSettings,
    limits: Limits | None = None,
    known: Collection[tuple[Window, date, MissKind]] = (),
    confirm: Mapping[date, datetime] | None = None,
) -> Agenda:
    """Decide what to run.

    Args:
        schedule: the windows.
        now: the instant, aware.
        runs: every run whose window was due in the last `limits.lookback`, in any order.
        since: when the schedule came into force (the first run ever); earlier windows were never meant to run.
        settings: back-off and attempts.
        limits: how far catching up goes.
        known: misses that are recorded already; they are not named again.
        confirm: session days on which empty answers await a second witness, and when it may be asked for.
    """
    return _Decision(schedule, now, runs, since, settings, limits or Limits(), known, confirm or {}).agenda()


class _Decision:
    def __init__(
        self,
        schedule: Schedule,
        now: datetime,
        runs: Sequence[PastRun],
        since: datetime,
        settings: ScheduleSettings,
        limits: Limits,
        known: Collection[tuple[Window, date, MissKind]],
        confirm: Mapping[date, datetime],
    ) -> None:
        self.schedule, self.now, self.settings, self.limits = schedule, now, settings, limits
        self.confirm = confirm
        self.known = frozenset(known)
        self.runs = sorted(runs, key=lambda run: run.started_at)
        self.attempts: dict[tuple[Window, date], list[PastRun]] = {}
        self.settled: dict[date, datetime] = {}
        for run in self.runs:
            self.attempts.setdefault(run.key, []).append(run)
            if run.status in _ENDED_WELL and self._role(run) in SETTLING and self._same_symbols(run.window, Window.EOD):
                self.settled.setdefault(run.run_date, run.started_at)
        self.past = [
            one
            for one in schedule.between(since, now + timedelta(microseconds=1))
            if not any((*one.key, kind) in self.known for kind in MissKind if kind is not MissKind.LAST_CHANCE)
        ]

    def agenda(self) -> Agenda:
        following = self.schedule.following(self.now)
        wake = [] if following is None else [following.due]
        busy = next((run for run in self.runs if run.alive), None)
        done = [one for one in self.past if self._has_run(one)]
        pending = [one for one in self.past if one not in done or self._confirms_at(one) is not None]
        missed, merges, kept = self._sifted(done, pending)
        missed += self._last_chances()
        due = []
        for one in kept:
            ready = self._ready_at(one)
            if ready > self.now:
                wake.append(ready)
            elif busy is None and self._is_its_turn(one, kept):
                due.append(self._due(one, merges.get(one.key, ())))
        due.sort(key=lambda run: (not run.last_chance, -self._priority(run), run.occurrence.due))
        fresh = tuple(one for one in missed if one.key not in self.known)
        return Agenda(tuple(due), fresh, busy, min(wake, default=None))

    def _sifted(
        self, done: list[Occurrence], pending: list[Occurrence]
    ) -> tuple[list[Missed], dict[tuple[Window, date], tuple[Occurrence, ...]], list[Occurrence]]:
        """Split what has not run into misses, what later runs do too, and what is kept; the latest first."""
        missed: list[Missed] = []
        merges: dict[tuple[Window, date], tuple[Occurrence, ...]] = {}
        kept: list[Occurrence] = []
        for one in sorted(pending, key=lambda one: (one.due, self._role(one) is Role.REPAIRING), reverse=True):
            by = next((other for other in done if self._covers(other, one)), None)
            useless = self._useless(one)
            if by is not None:
                missed.append(Missed(one, MissKind.MERGED, f"{by.window} of {by.run_date} has collected it"))
            elif one.due < self.now - self.limits.lookback:
                days = self.limits.lookback.days
                missed.append(Missed(one, MissKind.TOO_OLD, f"more than {days} days passed without a chance to run it"))
            elif useless is not None:
                missed.append(Missed(one, MissKind.NO_USE, useless))
            elif (over := next((other for other in kept if self._covers(other, one)), None)) is not None:
                merges[over.key] = (*merges.get(over.key, ()), one)
            else:
                kept.append(one)
        return missed, merges, kept

    def _has_run(self, one: Occurrence) -> bool:
        attempts = self.attempts.get(one.key, [])
        if any(run.status is RunStatus.SUCCESS for run in attempts):
            return True
        partial = [run for run in attempts if run.status is RunStatus.PARTIAL]
        if not partial:
            return False
        deadline = self.schedule.deadline(one, one.due)
        return len(partial) >= self.settings.attempts or (deadline is not None and self.now >= deadline)

    def _confirms_at(self, one: Occurrence) -> datetime | None:
        """Return when a window that has run asks once more for what awaits a second witness; None when it need not.

        A repairing window that has come does it instead of eod.
        """
        if self._role(one) not in SETTLING:
            return None
        late = self._role(one) is Role.REPAIRING
        days = [day for day in self.confirm if (self._reaches(one, day) if late else day == one.run_date)]
        if not days:
            return None
        own = [run.started_at for run in self.attempts.get(one.key, []) if run.status in _ENDED_WELL]
        deadline = self.schedule.deadline(one, min(own, default=self.now))  # a late run's comes later, too
        if deadline is not None and self.now >= deadline:
            return None
        if any(self._role(other) is Role.REPAIRING and self._covers(other, one) for other in self.past):
            return None
        at = min(self.confirm[day] for day in days)
        return None if any(started_at >= at for started_at in own) else at

    def _covers(self, other: Occurrence, one: Occurrence) -> bool:
        """Tell whether a later window asks for at least what an earlier one does."""
        if other.key == one.key or other.due < one.due or not self._same_symbols(other.window, one.window):
            return False
        if one.window is Window.PRE_MARKET:
            return False
        if self._role(one) is None:
            return other.window is one.window
        if self._role(other) is None or not self._asks_as_much(other, one):
            return False
        if self._role(other) is Role.REPAIRING:
            return self._reaches(other, one.run_date)
        same_session = other.run_date == one.run_date and self._role(one) is Role.INTRADAY
        return same_session and self._start(other) <= self._start(one)

    def _reaches(self, night: Occurrence, day: date) -> bool:
        """Tell whether a repairing window looks back as far as a session."""
        if day > night.run_date:
            return False
        return len(self.schedule.calendar.days(day, night.run_date)) <= self.limits.reach

    def _asks_as_much(self, other: Occurrence, one: Occurrence) -> bool:
        """Tell whether a window asks for all the contracts that another does, and takes no less for done."""
        wide, narrow = self.schedule.windows[other.window], self.schedule.windows[one.window]
        if wide.asks is Asks.NOT_COVERED and narrow.asks is Asks.NOT_SETTLED:
            return False
        return _WIDTH[wide.scope] >= _WIDTH[narrow.scope]

    def _same_symbols(self, other: Window, one: Window) -> bool:
        wide, narrow = self.schedule.windows[other].symbols, self.schedule.windows[one].symbols
        return not wide or (bool(narrow) and set(narrow) <= set(wide))

    def _start(self, one: Occurrence) -> datetime:
        """Return where the span of a window of a session begins."""
        rule = self.schedule.windows[one.window]
        opens = self.schedule.session(one.run_date).open
        return opens if rule.length is None else max(opens, one.due - rule.length)

    def _useless(self, one: Occurrence) -> str | None:
        if self._role(one) is Role.INTRADAY and self.now >= self.schedule.session(one.run_date).close:
            windows = self.schedule.windows
            later = (window for window in windows.enabled if windows.role(window) is Role.CLOSING)
            return f"the session had closed; {next(later, 'no later window')} collects it"
        if one.window is Window.PRE_MARKET and self.now >= self.schedule.session(one.run_date).open:
            return "the session had opened"
        return None

    def _last_chances(self) -> list[Missed]:
        """Name the sessions that no run settled while contracts that expired on them could surely be had."""
        return [
            Missed(
                one,
                MissKind.LAST_CHANCE,
                f"no run settled the session before {purge_of(one.run_date):%Y-%m-%d %H:%M} New York; IB may have "
                f"forgotten the contracts that expired on it, and is still asked for them",
            )
            for one in self.past
            if one.window is Window.EOD
            and self.now >= purge_of(one.run_date)
            and self.schedule.expiring(one.run_date)
            and not self._settled_in_time(one.run_date)
        ]

    def _settled_in_time(self, day: date) -> bool:
        return day in self.settled and self.settled[day] < purge_of(day)

    def _role(self, one: Occurrence | PastRun) -> Role | None:
        return self.schedule.windows.role(one.window)

    def _ready_at(self, one: Occurrence) -> datetime:
        """Return when the next attempt may begin: at once, or after a back-off."""
        own = [run for run in self.attempts.get(one.key, []) if not run.alive]
        ready = max(self._after(own), (self._confirms_at(one) if self._has_run(one) else None) or self.now)
        if one.window not in OFFLINE:
            asked = [run for run in self.runs if run.window not in OFFLINE and not run.alive]
            down = 0
            for run in reversed(asked):
                if not run.gateway_down:
                    break
                down += 1
            ready = max(ready, self._after(asked[len(asked) - down :]))
        return ready

    def _is_its_turn(self, one: Occurrence, kept: Sequence[Occurrence]) -> bool:
        """Tell whether a window need wait for no other: a copy until there is room, daily bars for the end of eod."""
        if one.window in SAVING:
            return self._has_room(one.window, kept)
        closing = (other for other in kept if self._role(other) is Role.CLOSING and other.run_date == one.run_date)
        return one.window is not Window.DAILY_BARS or all(self._has_run(other) for other in closing)

    def _has_room(self, window: Window, kept: Sequence[Occurrence]) -> bool:
        """Tell whether what copies delays no collection: none is due, waits for a last chance, or comes too soon.

        How long it takes is told by the last one that ended well and those that were given up on since. A window that
        waits in vain for a gateway that is down does not hold it up.
        """
        asking = [one for one in kept if one.window not in OFFLINE]
        if any(self._ready_at(one) <= self.now or self._is_last_chance(one) for one in asking):
            return False
        following = self.schedule.following(self.now, without=OFFLINE)
        if following is None:
            return True
        longest = timedelta(0)
        for run in (run for run in reversed(self.runs) if run.window is window):
            longest = max(longest, run.ended_at - run.started_at)
            if run.status is RunStatus.SUCCESS:
                break
        return following.due - self.now >= max(_LEAST_ROOM, _ROOM_TIMES * longest)

    def _is_last_chance(self, one: Occurrence) -> bool:
        """Tell whether contracts that expire on its run date can still be had, and surely only until midnight."""
        settles = self._role(one) in SETTLING
        return settles and self.now < purge_of(one.run_date) and self.schedule.expiring(one.run_date)

    def _after(self, failures: Sequence[PastRun]) -> datetime:
        if not failures:
            return self.now
        wait = min(self.settings.retry_first_s * 2 ** min(len(failures) - 1, 30), self.settings.retry_max_s)
        return max(run.ended_at for run in failures) + timedelta(seconds=wait)

    def _due(self, one: Occurrence, merges: tuple[Occurrence, ...]) -> DueRun:
        attempt = 1 + len(self.attempts.get(one.key, []))
        deadline = self.schedule.deadline(one, self.now)
        return DueRun(one, attempt, deadline, merges, self._is_last_chance(one), confirming=self._has_run(one))

    def _priority(self, run: DueRun) -> int:
        return self.schedule.windows[run.occurrence.window].priority
