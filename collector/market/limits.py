"""Instants by which a run should be finished.

What a run should be finished by: its deadline, the window after it, the gateway's daily restart.
"""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from collector.domain.pacing.forecast import Limit, LimitKind
from collector.domain.run_vocabulary import WAITING
from collector.market.schedule import Schedule, first_after


def limits(
    schedule: Schedule, begins: datetime, deadline: datetime | None, restart_at: time | None, restart_zone: str
) -> tuple[Limit, ...]:
    """Return the instants that end the time of a run, in no order; only what lies after its beginning.

    Args:
        schedule: the windows.
        begins: when the run begins, aware.
        deadline: when its window defers what is left; None: never.
        restart_at: when the gateway restarts every day; None: it does not.
        restart_zone: the zone of that time.
    """
    found: list[Limit] = []
    successor = schedule.following(begins, without=WAITING)
    if deadline is not None and deadline > begins:
        window = successor.window if successor is not None and successor.due == deadline else ""
        found.append(Limit(LimitKind.DEADLINE, deadline, window))
    if successor is not None and successor.due != deadline:
        found.append(Limit(LimitKind.NEXT_WINDOW, successor.due, successor.window))
    if restart_at is not None:
        found.append(Limit(LimitKind.RESTART, first_after(restart_at, ZoneInfo(restart_zone), begins)))
    return tuple(found)
