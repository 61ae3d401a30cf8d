"""Find windows that should have run and have not.

Which windows should have run by now and have not: what a dead man's switch and a health check ask. Pure.

It is the agenda's own judgement: holidays, early closes, windows whose work a later one has done, and windows that
came too late to be of use are none of them missing. Only back-off does not count as an excuse.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from collector.config.operation_settings import ScheduleSettings
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.run_vocabulary import RunStatus, Window
from collector.market.agenda import Limits, MissKind, PastRun, agenda
from collector.market.schedule import Occurrence, Schedule

GRACE = timedelta(minutes=30)
"""How long after it was due a window may not have ended well yet without anybody being alarmed."""

_HAS_RUN = (RunStatus.SUCCESS, RunStatus.PARTIAL)


@dataclass(frozen=True, slots=True)
class Outstanding:
    """A window that is due and has not run; `last` is its last attempt, which failed or was cut off, None without."""

    occurrence: Occurrence
    last: PastRun | None = None

    @property
    def failed(self) -> bool:
        """Tell whether it was tried, and failed."""
        return self.last is not None and self.last.status is RunStatus.FAILED

    def late(self, now: datetime, grace: timedelta = GRACE) -> bool:
        """Tell whether its grace is over."""
        return now >= self.occurrence.due + grace

    def __str__(self) -> str:
        one = self.occurrence
        due = f"{one.due.astimezone(NEW_YORK):%Y-%m-%d %H:%M} New York"
        said = f"{one.window} of {one.run_date} was due at {due}"
        if self.last is None:
            return f"{said} and has not run"
        ended = f"{self.last.ended_at.astimezone(NEW_YORK):%Y-%m-%d %H:%M}"
        down = ": no gateway" if self.last.gateway_down else ""
        return f"{said}; its last attempt ended {self.last.status} at {ended}{down}"


def outstanding(
    schedule: Schedule,
    now: datetime,
    runs: Sequence[PastRun],
    since: datetime,
    settings: ScheduleSettings,
    limits: Limits | None = None,
    known: Collection[tuple[Window, date, MissKind]] = (),
) -> tuple[Outstanding, ...]:
    """Return what is due and has neither run nor been made good, in the order in which it was due.

    While a run is at work nothing is outstanding: the others wait for their turn.

    Args:
        schedule: the windows.
        now: the instant, aware.
        runs: as for `agenda`.
        since: when the schedule came into force.
        settings: as for `agenda`.
        limits: how far catching up goes.
        known: misses that are recorded already.
    """
    if any(run.alive for run in runs):
        return ()
    ended_well = [run for run in runs if run.status in _HAS_RUN]
    has_run = {run.key for run in ended_well}
    last = {run.key: run for run in sorted(runs, key=lambda run: run.started_at)}
    found = agenda(schedule, now, ended_well, since, settings, limits, known)
    waiting = [due.occurrence for due in found.due if due.occurrence.key not in has_run]
    return tuple(Outstanding(one, last.get(one.key)) for one in sorted(waiting, key=lambda one: (one.due, one.window)))
