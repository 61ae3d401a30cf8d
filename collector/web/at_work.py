"""What is at work, in this process or another."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from collector.app.acting.live import Work
from collector.db.readers import day_status
from collector.db.readers.day_status import RunRow
from collector.domain.errors import DatabaseError
from collector.domain.run_vocabulary import RunStatus
from collector.jobs import due_windows
from collector.runs.closing import progress
from collector.web.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """A run, or other work, while it lasts.

    name: in a person's words. run: its number, None where it is not known. here: in this process; otherwise the figures
    are as old as the run's last sign of life. planned to deferred: requests; inserted to identical: rows. pace:
    finished requests a second. ends: when it is over at this pace, None where that cannot be told. done, of: of what is
    no run.
    """

    name: str
    session: date | None = None
    run: int | None = None
    began: datetime
    here: bool
    as_of: datetime
    planned: int = 0
    answered: int = 0
    failed: int = 0
    deferred: int = 0
    inserted: int = 0
    updated: int = 0
    identical: int = 0
    pace: float = 0.0
    ends: datetime | None = None
    done: int | None = None
    of: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """The window that is due next."""

    window: str
    session: date
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What is at work now, None for nothing; and what comes next, None when nothing does for weeks."""

    work: AtWork | None
    following: Next | None


async def now(context: Context) -> Now:
    """Find out what is at work: in this process, or else by the rows of runs."""
    work = context.process.live.work
    found = None if work is None else _here(work, context.now)
    if found is None:
        with contextlib.suppress(DatabaseError):
            async with context.reading() as db:
                found = _elsewhere(await day_status.latest_runs(db, 5), context.now)
    following = due_windows.configured(context.settings, context.days).following(context.now)
    return Now(
        work=found,
        following=None
        if following is None
        else Next(window=following.window.value, session=following.run_date, due=following.due),
    )


def _here(work: Work, at: datetime) -> AtWork:
    session = None if work.order is None else work.order.day
    found = AtWork(name=work.name, session=session, began=work.began, here=True, as_of=at, done=work.done, of=work.of)
    return _figured(found, {} if work.tally is None else progress(work.tally))


def _elsewhere(runs: list[RunRow], at: datetime) -> AtWork | None:
    for run in runs:
        if run.status is RunStatus.RUNNING and due_windows.lives(run.heartbeat_at, at):
            found = AtWork(
                name=f"{run.window} of {run.day}",
                session=run.day,
                run=run.id,
                began=run.started_at,
                here=False,
                as_of=run.heartbeat_at,
            )
            return _figured(found, run.progress or {})
    return None


def _figured(found: AtWork, said: Mapping[str, object]) -> AtWork:
    """Return work with the figures that a run says of itself."""

    def figure(name: str) -> int:
        value = said.get(name)
        return value if isinstance(value, int) else 0

    pace = said.get("requests_per_s")
    a_second = float(pace) if isinstance(pace, int | float) else 0.0
    left = figure("planned") - figure("answered") - figure("failed") - figure("deferred")
    ends = found.as_of + timedelta(seconds=left / a_second) if left > 0 and a_second > 0 else None
    return replace(
        found,
        planned=figure("planned"),
        answered=figure("answered"),
        failed=figure("failed"),
        deferred=figure("deferred"),
        inserted=figure("inserted"),
        updated=figure("updated"),
        identical=figure("identical"),
        pace=a_second,
        ends=ends,
    )
