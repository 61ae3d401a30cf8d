"""How things stand, as /healthz says it."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime

from collector.app import opening
from collector.clock import Clock
from collector.config import Settings
from collector.db.connection.pool import Database
from collector.db.readers import day_status
from collector.domain.errors import DatabaseError
from collector.domain.pacing.pace import BreakerState
from collector.domain.run_vocabulary import RunStatus
from collector.jobs import due_windows
from collector.market.calendar import Calendar
from collector.market.schedule import Occurrence


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """The run that ended last."""

    window: str
    session: str
    status: RunStatus
    started: datetime
    completed: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How things stand. problems: in words, what needs somebody; running: the window at work, None while idle.

    connected: to the gateway. breaker: of the gateway; closed as long as it answers.
    """

    problems: tuple[str, ...]
    database_up: bool
    connected: bool = False
    breaker: BreakerState = BreakerState.CLOSED
    running: str | None = None
    last_run: LastRun | None = None
    next_window: Occurrence | None = None

    @property
    def ok(self) -> bool:
        """Tell whether nothing needs anybody; a gateway that is away between windows is no problem in itself."""
        return self.database_up and not self.problems

    def document(self) -> dict[str, object]:
        """Return what /healthz answers."""
        last, following = self.last_run, self.next_window
        return {
            "ok": self.ok,
            "problems": list(self.problems),
            "database": {"ok": self.database_up},
            "gateway": {"connected": self.connected, "breaker": self.breaker.value},
            "running": self.running,
            "last_run": None
            if last is None
            else {
                "window": last.window,
                "session": last.session,
                "status": last.status.value,
                "started": last.started.isoformat(),
                "completed": None if last.completed is None else last.completed.isoformat(),
            },
            "next_window": None
            if following is None
            else {
                "window": following.window.value,
                "session": following.run_date.isoformat(),
                "due": following.due.isoformat(),
            },
        }


async def found(
    reading: contextlib.AbstractAsyncContextManager[Database], settings: Settings, days: Calendar, clock: Clock
) -> Condition:
    """Return how the runs and the database stand; a database that is slow to answer is one that is down.

    Args:
        reading: lends the database; raises DatabaseError where there is none.
        settings: which windows there are.
        days: the calendar.
        clock: tells what should have run by now.
    """
    try:
        async with asyncio.timeout(opening.ONLOOKER_PATIENCE_S), reading as db:
            now = clock.now()
            awaited = await due_windows.outstanding(db, settings, days, now)
            ended = (run for run in await day_status.latest_runs(db) if run.status is not RunStatus.RUNNING)
            last = next(ended, None)
    except (DatabaseError, TimeoutError) as error:
        why = error.message if isinstance(error, DatabaseError) else "the database does not answer"
        return Condition(problems=(why,), database_up=False)
    return Condition(
        problems=tuple(str(one) for one in awaited if one.failed or one.late(now)),
        database_up=True,
        last_run=None
        if last is None
        else LastRun(
            window=last.window,
            session=last.day.isoformat(),
            status=last.status,
            started=last.started_at,
            completed=last.completed_at,
        ),
    )
